//! The part of `wasi:http/types` for those who answer requests. Toolchains import it together with the rest; nobody is
//! ever given a request to answer, so each call ends the guest by name.

use super::bindings::types::{self, ErrorCode, Method, Scheme};
use super::{Body, Fields, HttpCtx, HttpError, IncomingBody, Lent};
use crate::crossings::LimitReached;
use kapell_model::ending::TrapCause;
use wasmtime::component::Resource;

/// A handle nobody ever gets: a request to answer, its answer, the place it goes to.
#[derive(Debug)]
pub enum Never {}

type Given<T> = wasmtime::Result<T>;
type Told<T> = wasmtime::Result<Result<T, ()>>;

/// Ends the guest: there is nothing to answer.
fn nothing_to_answer<T>(called: &str) -> wasmtime::Result<T> {
    let detail =
        format!("wasi:http/types#{called} is for those who answer requests, and a skill only sends them");
    Err(LimitReached { cause: TrapCause::Inert, detail }.into())
}

impl types::HostIncomingRequest for Lent<'_, HttpCtx> {
    fn method(&mut self, _: Resource<Never>) -> Given<Method> {
        nothing_to_answer("[method]incoming-request.method")
    }

    fn path_with_query(&mut self, _: Resource<Never>) -> Given<Option<String>> {
        nothing_to_answer("[method]incoming-request.path-with-query")
    }

    fn scheme(&mut self, _: Resource<Never>) -> Given<Option<Scheme>> {
        nothing_to_answer("[method]incoming-request.scheme")
    }

    fn authority(&mut self, _: Resource<Never>) -> Given<Option<String>> {
        nothing_to_answer("[method]incoming-request.authority")
    }

    fn headers(&mut self, _: Resource<Never>) -> Given<Resource<Fields>> {
        nothing_to_answer("[method]incoming-request.headers")
    }

    fn consume(&mut self, _: Resource<Never>) -> Told<Resource<IncomingBody>> {
        nothing_to_answer("[method]incoming-request.consume")
    }

    fn drop(&mut self, _: Resource<Never>) -> Given<()> {
        Ok(())
    }
}

impl types::HostOutgoingResponse for Lent<'_, HttpCtx> {
    fn new(&mut self, _: Resource<Fields>) -> Given<Resource<Never>> {
        nothing_to_answer("[constructor]outgoing-response")
    }

    fn status_code(&mut self, _: Resource<Never>) -> Given<u16> {
        nothing_to_answer("[method]outgoing-response.status-code")
    }

    fn set_status_code(&mut self, _: Resource<Never>, _: u16) -> Told<()> {
        nothing_to_answer("[method]outgoing-response.set-status-code")
    }

    fn headers(&mut self, _: Resource<Never>) -> Given<Resource<Fields>> {
        nothing_to_answer("[method]outgoing-response.headers")
    }

    fn body(&mut self, _: Resource<Never>) -> Told<Resource<Body>> {
        nothing_to_answer("[method]outgoing-response.body")
    }

    fn drop(&mut self, _: Resource<Never>) -> Given<()> {
        Ok(())
    }
}

impl types::HostResponseOutparam for Lent<'_, HttpCtx> {
    fn send_informational(
        &mut self,
        _: Resource<Never>,
        _: u16,
        _: Resource<Fields>,
    ) -> Result<(), HttpError> {
        Ok(nothing_to_answer("[method]response-outparam.send-informational")?)
    }

    fn set(&mut self, _: Resource<Never>, _: Result<Resource<Never>, ErrorCode>) -> Given<()> {
        nothing_to_answer("[static]response-outparam.set")
    }

    fn drop(&mut self, _: Resource<Never>) -> Given<()> {
        Ok(())
    }
}
