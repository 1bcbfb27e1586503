//! The host functions of `wasi:http` for one that asks: each counted, then done on the handles.

use super::bindings::outgoing_handler;
use super::bindings::types::{self, ErrorCode, HeaderError, Method, Scheme};
use super::message::{Progress, StreamFailed};
use super::{
    Answer, Body, Code, Fields, FieldsError, Future, HttpCtx, HttpError, IncomingBody, Lent, Parts, Request,
    Trailers,
};
use kapell_model::capability::Kind;
use std::sync::Arc;
use wasmtime::component::{Resource, ResourceTable};
use wasmtime_wasi_io::poll::{DynPollable, subscribe};
use wasmtime_wasi_io::streams::{DynInputStream, DynOutputStream};

type Given<T> = wasmtime::Result<T>;
type Told<T> = wasmtime::Result<Result<T, ()>>;

/// The options of a request: every time a guest could set is within the attempt's own deadline, which is the host's.
#[derive(Debug)]
pub struct Options;

impl Lent<'_, HttpCtx> {
    /// The handles, once the call is counted.
    fn handles(&mut self) -> wasmtime::Result<&mut ResourceTable> {
        self.crossings.count(Kind::Http.word())?;
        Ok(self.table)
    }
}

impl types::Host for Lent<'_, HttpCtx> {
    fn convert_error_code(&mut self, error: HttpError) -> Given<ErrorCode> {
        match error {
            HttpError::Told(code) => Ok(code.into()),
            HttpError::Ends(error) => Err(error),
        }
    }

    fn convert_header_error(&mut self, error: FieldsError) -> Given<HeaderError> {
        match error {
            FieldsError::Told(error) => Ok(error),
            FieldsError::Ends(error) => Err(error),
        }
    }

    fn http_error_code(&mut self, error: Resource<types::IoError>) -> Given<Option<ErrorCode>> {
        let error = self.handles()?.get(&error)?;
        Ok(error.downcast_ref::<StreamFailed>().map(ErrorCode::from))
    }
}

impl types::HostFields for Lent<'_, HttpCtx> {
    fn new(&mut self) -> Given<Resource<Fields>> {
        Ok(self.handles()?.push(Fields::default())?)
    }

    fn from_list(&mut self, entries: Vec<(String, Vec<u8>)>) -> Result<Resource<Fields>, FieldsError> {
        let table = self.handles()?;
        Ok(table.push(Fields::of_list(entries)?)?)
    }

    fn get(&mut self, fields: Resource<Fields>, name: String) -> Given<Vec<Vec<u8>>> {
        Ok(self.handles()?.get(&fields)?.get(&name))
    }

    fn has(&mut self, fields: Resource<Fields>, name: String) -> Given<bool> {
        Ok(!self.handles()?.get(&fields)?.get(&name).is_empty())
    }

    fn set(
        &mut self,
        fields: Resource<Fields>,
        name: String,
        values: Vec<Vec<u8>>,
    ) -> Result<(), FieldsError> {
        self.handles()?.get_mut(&fields)?.set(&name, values)
    }

    fn delete(&mut self, fields: Resource<Fields>, name: String) -> Result<(), FieldsError> {
        self.handles()?.get_mut(&fields)?.delete(&name)
    }

    fn append(&mut self, fields: Resource<Fields>, name: String, value: Vec<u8>) -> Result<(), FieldsError> {
        self.handles()?.get_mut(&fields)?.append(&name, value)
    }

    fn entries(&mut self, fields: Resource<Fields>) -> Given<Vec<(String, Vec<u8>)>> {
        Ok(self.handles()?.get(&fields)?.entries().to_vec())
    }

    fn clone(&mut self, fields: Resource<Fields>) -> Given<Resource<Fields>> {
        let table = self.handles()?;
        let copy = table.get(&fields)?.copied();
        Ok(table.push(copy)?)
    }

    fn drop(&mut self, fields: Resource<Fields>) -> Given<()> {
        self.table.delete(fields)?;
        Ok(())
    }
}

impl types::HostOutgoingRequest for Lent<'_, HttpCtx> {
    fn new(&mut self, headers: Resource<Fields>) -> Given<Resource<Request>> {
        let table = self.handles()?;
        let headers = table.delete(headers)?.fixed();
        let parts = Parts { method: Method::Get, scheme: None, authority: None, path: None, headers };
        Ok(table.push(Request { parts, body: None })?)
    }

    fn body(&mut self, request: Resource<Request>) -> Told<Resource<Body>> {
        let room = self.ctx.room.clone();
        let table = self.handles()?;
        let body = Body::new(&room);
        let request = table.get_mut(&request)?;
        if request.body.is_some() {
            return Ok(Err(()));
        }
        request.body = Some(body.clone());
        Ok(Ok(table.push(body)?))
    }

    fn method(&mut self, request: Resource<Request>) -> Given<Method> {
        Ok(self.handles()?.get(&request)?.parts.method.clone())
    }

    fn set_method(&mut self, request: Resource<Request>, method: Method) -> Told<()> {
        self.handles()?.get_mut(&request)?.parts.method = method;
        Ok(Ok(()))
    }

    fn path_with_query(&mut self, request: Resource<Request>) -> Given<Option<String>> {
        Ok(self.handles()?.get(&request)?.parts.path.clone())
    }

    fn set_path_with_query(&mut self, request: Resource<Request>, path: Option<String>) -> Told<()> {
        self.handles()?.get_mut(&request)?.parts.path = path;
        Ok(Ok(()))
    }

    fn scheme(&mut self, request: Resource<Request>) -> Given<Option<Scheme>> {
        Ok(self.handles()?.get(&request)?.parts.scheme.clone())
    }

    fn set_scheme(&mut self, request: Resource<Request>, scheme: Option<Scheme>) -> Told<()> {
        self.handles()?.get_mut(&request)?.parts.scheme = scheme;
        Ok(Ok(()))
    }

    fn authority(&mut self, request: Resource<Request>) -> Given<Option<String>> {
        Ok(self.handles()?.get(&request)?.parts.authority.clone())
    }

    fn set_authority(&mut self, request: Resource<Request>, authority: Option<String>) -> Told<()> {
        self.handles()?.get_mut(&request)?.parts.authority = authority;
        Ok(Ok(()))
    }

    fn headers(&mut self, request: Resource<Request>) -> Given<Resource<Fields>> {
        let table = self.handles()?;
        let fields = table.get(&request)?.parts.headers.clone();
        Ok(table.push(fields)?)
    }

    fn drop(&mut self, request: Resource<Request>) -> Given<()> {
        self.table.delete(request)?;
        Ok(())
    }
}

impl types::HostOutgoingBody for Lent<'_, HttpCtx> {
    fn write(&mut self, body: Resource<Body>) -> Told<Resource<DynOutputStream>> {
        let table = self.handles()?;
        let Some(stream) = table.get(&body)?.stream() else { return Ok(Err(())) };
        let stream: DynOutputStream = Box::new(stream);
        Ok(Ok(table.push_child(stream, &body)?))
    }

    /// Sends the request that waits for this body, if it was handed over already.
    async fn finish(
        &mut self,
        body: Resource<Body>,
        trailers: Option<Resource<Fields>>,
    ) -> Result<(), HttpError> {
        let table = self.handles()?;
        let body = table.delete(body)?;
        if let Some(trailers) = trailers {
            table.delete(trailers)?;
            body.let_go(Code::RequestTrailer);
            return Err(HttpError::Told(Code::RequestTrailer));
        }
        if let Some((parts, answer, bytes)) = body.finish().map_err(HttpError::Told)? {
            answer.set(self.send(&parts, bytes).await?);
        }
        Ok(())
    }

    fn drop(&mut self, body: Resource<Body>) -> Given<()> {
        self.table.delete(body)?.let_go(Code::Protocol);
        Ok(())
    }
}

impl outgoing_handler::Host for Lent<'_, HttpCtx> {
    /// Sends the request, unless its body is still being written. Whatever is wrong with it is told by the future,
    /// which is ready then.
    async fn handle(
        &mut self,
        request: Resource<Request>,
        options: Option<Resource<Options>>,
    ) -> Result<Resource<Future>, HttpError> {
        let table = self.handles()?;
        let request = table.delete(request)?;
        if let Some(options) = options {
            table.delete(options)?;
        }
        let answer = Future::default();
        let progress = request
            .body
            .map_or_else(|| Progress::Whole(Arc::from([])), |body| body.handed_over(&request.parts, &answer));
        match progress {
            Progress::Whole(bytes) => answer.set(self.send(&request.parts, bytes).await?),
            Progress::Broken => answer.set(Err(Code::Protocol)),
            Progress::Waits => {}
        }
        Ok(self.table.push(answer)?)
    }
}

impl types::HostFutureIncomingResponse for Lent<'_, HttpCtx> {
    fn subscribe(&mut self, future: Resource<Future>) -> Given<Resource<DynPollable>> {
        subscribe(self.handles()?, future)
    }

    #[allow(clippy::type_complexity, reason = "the interface's own type")]
    fn get(
        &mut self,
        future: Resource<Future>,
    ) -> Given<Option<Result<Result<Resource<Answer>, ErrorCode>, ()>>> {
        let table = self.handles()?;
        Ok(match table.get(&future)?.take() {
            None => None,
            Some(Err(())) => Some(Err(())),
            Some(Ok(Err(code))) => Some(Ok(Err(code.into()))),
            Some(Ok(Ok(answer))) => Some(Ok(Ok(table.push(answer)?))),
        })
    }

    fn drop(&mut self, future: Resource<Future>) -> Given<()> {
        self.table.delete(future)?;
        Ok(())
    }
}

impl types::HostIncomingResponse for Lent<'_, HttpCtx> {
    fn status(&mut self, answer: Resource<Answer>) -> Given<u16> {
        Ok(self.handles()?.get(&answer)?.status)
    }

    fn headers(&mut self, answer: Resource<Answer>) -> Given<Resource<Fields>> {
        let table = self.handles()?;
        let fields = table.get(&answer)?.fields.clone();
        Ok(table.push(fields)?)
    }

    fn consume(&mut self, answer: Resource<Answer>) -> Told<Resource<IncomingBody>> {
        let table = self.handles()?;
        match table.get_mut(&answer)?.consume() {
            Some(body) => Ok(Ok(table.push(body)?)),
            None => Ok(Err(())),
        }
    }

    fn drop(&mut self, answer: Resource<Answer>) -> Given<()> {
        self.table.delete(answer)?;
        Ok(())
    }
}

impl types::HostIncomingBody for Lent<'_, HttpCtx> {
    fn stream(&mut self, body: Resource<IncomingBody>) -> Told<Resource<DynInputStream>> {
        let table = self.handles()?;
        let Some(stream) = table.get_mut(&body)?.stream() else { return Ok(Err(())) };
        let stream: DynInputStream = Box::new(stream);
        Ok(Ok(table.push_child(stream, &body)?))
    }

    fn finish(&mut self, body: Resource<IncomingBody>) -> Given<Resource<Trailers>> {
        let table = self.handles()?;
        table.delete(body)?;
        Ok(table.push(Trailers::default())?)
    }

    fn drop(&mut self, body: Resource<IncomingBody>) -> Given<()> {
        self.table.delete(body)?;
        Ok(())
    }
}

impl types::HostFutureTrailers for Lent<'_, HttpCtx> {
    fn subscribe(&mut self, trailers: Resource<Trailers>) -> Given<Resource<DynPollable>> {
        subscribe(self.handles()?, trailers)
    }

    #[allow(clippy::type_complexity, reason = "the interface's own type")]
    fn get(
        &mut self,
        trailers: Resource<Trailers>,
    ) -> Given<Option<Result<Result<Option<Resource<Fields>>, ErrorCode>, ()>>> {
        let trailers = self.handles()?.get_mut(&trailers)?;
        Ok(Some(if std::mem::replace(&mut trailers.taken, true) { Err(()) } else { Ok(Ok(None)) }))
    }

    fn drop(&mut self, trailers: Resource<Trailers>) -> Given<()> {
        self.table.delete(trailers)?;
        Ok(())
    }
}

impl types::HostRequestOptions for Lent<'_, HttpCtx> {
    fn new(&mut self) -> Given<Resource<Options>> {
        Ok(self.handles()?.push(Options)?)
    }

    fn connect_timeout(&mut self, _: Resource<Options>) -> Given<Option<u64>> {
        self.handles()?;
        Ok(None)
    }

    fn set_connect_timeout(&mut self, _: Resource<Options>, _: Option<u64>) -> Told<()> {
        self.handles()?;
        Ok(Err(()))
    }

    fn first_byte_timeout(&mut self, _: Resource<Options>) -> Given<Option<u64>> {
        self.handles()?;
        Ok(None)
    }

    fn set_first_byte_timeout(&mut self, _: Resource<Options>, _: Option<u64>) -> Told<()> {
        self.handles()?;
        Ok(Err(()))
    }

    fn between_bytes_timeout(&mut self, _: Resource<Options>) -> Given<Option<u64>> {
        self.handles()?;
        Ok(None)
    }

    fn set_between_bytes_timeout(&mut self, _: Resource<Options>, _: Option<u64>) -> Told<()> {
        self.handles()?;
        Ok(Err(()))
    }

    fn drop(&mut self, options: Resource<Options>) -> Given<()> {
        self.table.delete(options)?;
        Ok(())
    }
}
