//! Requests through the host functions as a guest calls them, over an egress that sends nothing: what may leave, what
//! it counts, what is told and what is recorded.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use super::bindings::outgoing_handler::Host as _;
use super::bindings::types::{
    ErrorCode, HostFields as _, HostIncomingBody as _, HostIncomingResponse as _, HostOutgoingBody,
    HostOutgoingRequest as _, Method as Named, Scheme,
};
use super::*;
use crate::capability::testing::{Bench, Scripted, grant, limit, lines};
use crate::crossings::Crossings;
use kapell_model::ending::TrapCause;
use kapell_model::http::{Injection, Method, URL_MAX};
use kapell_model::limits::Limits;
use kapell_model::quantity::Bytes;
use kapell_model::seam::Denial;
use std::pin::pin;
use std::task::{Context, Waker};
use wasmtime::component::Resource;
use wasmtime_wasi_io::streams::{DynInputStream, DynOutputStream, StreamError};

fn place(target: &str, methods: &[Method]) -> HttpGrant {
    HttpGrant {
        target: target.parse().unwrap(),
        methods: methods.iter().copied().collect(),
        addresses: Vec::new(),
        inject: Vec::new(),
        vouched_by: None,
        calls_max: 100,
        sent_max: Bytes(10_000),
        received_max: Bytes(10_000),
        hosts_max: 1,
    }
}

/// Two places: the orders of an API to read and write, and everything below a domain to read.
fn places() -> Vec<HttpGrant> {
    let orders = place("https://api.acme.example/v1/", &[Method::Get, Method::Post]);
    let inject = Injection {
        header: "authorization".into(),
        before: "Bearer ".into(),
        secret: "crm from env:CRM".parse().unwrap(),
        after: String::new(),
    };
    let below = HttpGrant { hosts_max: 2, ..place("https://*.docs.example/", &[Method::Get]) };
    vec![HttpGrant { inject: vec![inject], ..orders }, below]
}

fn hello() -> Incoming {
    Incoming {
        status: 200,
        headers: vec![
            ("content-type".into(), b"text/plain".to_vec()),
            ("x-name".into(), b"caf\xe9".to_vec()),
        ],
        body: Arc::from(*b"hello"),
        address: std::net::Ipv4Addr::new(192, 0, 2, 7).into(),
        sent: 90,
        received: 40,
        redacted: false,
    }
}

struct Stage {
    bench: Bench<HttpCtx>,
    egress: Arc<Scripted>,
}

fn stage(grants: Vec<HttpGrant>, key: Option<Digest>, egress: Arc<Scripted>) -> Stage {
    let names = ["orders", "docs", "third"];
    let grants = grants.into_iter().zip(names).map(|(http, name)| grant(name, Authority::Http(http)));
    let grants = GrantSet::of(grants.collect());
    Stage { bench: Bench::new(HttpCtx::new(&grants, egress.clone(), key)), egress }
}

/// Whoever is asked says hello.
fn greeted(grants: Vec<HttpGrant>) -> Stage {
    stage(grants, None, Scripted::sending(|_| Ok(hello())))
}

/// A request as a guest puts it together.
struct Said<'a> {
    method: Named,
    scheme: Option<Scheme>,
    authority: &'a str,
    path: &'a str,
    headers: &'a [(&'a str, &'a str)],
    body: Option<&'a str>,
}

fn get<'a>(authority: &'a str, path: &'a str) -> Said<'a> {
    Said { method: Named::Get, scheme: None, authority, path, headers: &[], body: None }
}

fn post<'a>(path: &'a str, body: &'a str) -> Said<'a> {
    Said { method: Named::Post, body: Some(body), ..get("api.acme.example", path) }
}

impl Stage {
    fn lent(&mut self) -> Lent<'_, HttpCtx> {
        self.bench.lent()
    }

    fn put_together(&mut self, said: &Said<'_>) -> (Resource<Request>, Option<Resource<Body>>) {
        let entries =
            said.headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()));
        let fields = self.lent().from_list(entries.collect()).unwrap();
        let request = types(self).new(fields).unwrap().rep();
        let it = || Resource::<Request>::new_borrow(request);
        types(self).set_method(it(), said.method.clone()).unwrap().unwrap();
        types(self).set_scheme(it(), said.scheme.clone()).unwrap().unwrap();
        types(self).set_authority(it(), Some(said.authority.to_owned())).unwrap().unwrap();
        types(self).set_path_with_query(it(), Some(said.path.to_owned())).unwrap().unwrap();
        let body = said.body.map(|_| types(self).body(it()).unwrap().unwrap());
        (Resource::new_own(request), body)
    }

    /// Writes through a stream and lets go of it, as a guest must before it finishes the body.
    fn write(&mut self, body: &Resource<Body>, bytes: &[u8]) -> Result<(), StreamError> {
        let body = Resource::new_borrow(body.rep());
        let stream = self.lent().write(body).unwrap().unwrap();
        let mut stream: DynOutputStream = self.bench.table.delete(stream).unwrap();
        bytes.chunks(64 << 10).try_for_each(|chunk| stream.write(chunk.to_vec().into()))
    }

    async fn finish(
        &mut self,
        body: Resource<Body>,
        trailers: Option<Resource<Fields>>,
    ) -> Result<(), HttpError> {
        HostOutgoingBody::finish(&mut self.lent(), body, trailers).await
    }

    async fn answered(&mut self, future: Resource<Future>) -> Result<Resource<Answer>, ErrorCode> {
        let it = Resource::new_borrow(future.rep());
        bindings::types::HostFutureIncomingResponse::get(&mut self.lent(), it).unwrap().unwrap().unwrap()
    }

    /// Sends it the way toolchains do: hands it over, writes the body, looks at the future.
    async fn ask(&mut self, said: &Said<'_>) -> Result<Resource<Answer>, ErrorCode> {
        let (request, body) = self.put_together(said);
        let future = self.lent().handle(request, None).await.unwrap();
        if let (Some(body), Some(text)) = (body, said.body) {
            self.write(&body, text.as_bytes()).unwrap();
            self.finish(body, None).await.unwrap();
        }
        self.answered(future).await
    }

    /// `200 hello`, or the code.
    async fn told(&mut self, said: &Said<'_>) -> String {
        match self.ask(said).await {
            Err(code) => format!("{code:?}").trim_start_matches("ErrorCode::").to_owned(),
            Ok(answer) => {
                let status = self.lent().status(Resource::new_borrow(answer.rep())).unwrap();
                format!("{status} {}", self.text(&answer))
            }
        }
    }

    fn text(&mut self, answer: &Resource<Answer>) -> String {
        let body = self.lent().consume(Resource::new_borrow(answer.rep())).unwrap().unwrap();
        let stream = self.lent().stream(Resource::new_borrow(body.rep())).unwrap().unwrap();
        let stream: &mut DynInputStream = self.bench.table.get_mut(&stream).unwrap();
        let mut text = Vec::new();
        while let Ok(bytes) = stream.read(3) {
            text.extend_from_slice(&bytes);
        }
        String::from_utf8(text).unwrap()
    }

    fn urls(&self) -> Vec<String> {
        let sent = self.egress.sent.lock().unwrap();
        sent.iter().map(|sent| format!("{} {}", sent.method, sent.url)).collect()
    }
}

fn types(stage: &mut Stage) -> impl bindings::types::HostOutgoingRequest + '_ {
    stage.lent()
}

#[tokio::test]
async fn a_granted_request_is_sent_as_it_was_read_answered_whole_and_recorded() {
    let mut stage = greeted(places());
    let said =
        Said { headers: &[("X-Trace", "7"), ("content-length", "4")], ..post("/v1/./orders?id=1", "body") };
    assert_eq!(stage.told(&said).await, "200 hello");
    let sent = stage.egress.sent.lock().unwrap().pop().unwrap();
    assert_eq!(sent.url.as_str(), "https://api.acme.example/v1/orders?id=1");
    assert_eq!(
        (sent.headers, &*sent.body),
        (vec![("x-trace".to_owned(), b"7".to_vec())], b"body".as_slice())
    );
    assert_eq!(sent.grant, places()[0]);
    assert_eq!(sent.until, stage.bench.crossings.over_at());
    let (meters, left) = stage.bench.meters();
    assert_eq!((meters.bytes_read, meters.bytes_written, left.left), (40, 90, Left::Answered));
    assert_eq!(left.contents, [b"body".to_vec(), b"hello".to_vec()]);
    let crossing = &left.crossings[0];
    assert_eq!(
        (crossing.call.as_str(), crossing.object.as_str()),
        ("POST", "https://api.acme.example/v1/orders?id=1")
    );
    assert_eq!(crossing.rule.as_ref().unwrap().as_str(), "orders-rule");
    let crossing::Answer::Exchange(exchange) = &crossing.answer else { panic!("{crossing:?}") };
    assert_eq!((exchange.request, exchange.body), (Digest::of(b"body"), Digest::of(b"hello")));
    assert_eq!(exchange.headers[1], ("x-name".to_owned(), "caf\u{fffd}".to_owned()));
}

#[tokio::test]
async fn a_guest_sees_the_fields_that_are_recorded() {
    let mut stage = greeted(places());
    let answer = stage.ask(&get("a.docs.example", "/")).await.unwrap();
    let fields = bindings::types::HostIncomingResponse::headers(&mut stage.lent(), answer).unwrap();
    let entries = stage.lent().entries(fields).unwrap();
    assert_eq!(entries[1], ("x-name".to_owned(), "caf\u{fffd}".as_bytes().to_vec()));
}

#[tokio::test]
async fn what_no_grant_permits_is_told_recorded_and_never_sent() {
    let mut stage = greeted(places());
    let refused = [
        get("api.acme.example", "/v2/orders"),
        get("api.acme.example", "/v1"),
        get("api.acme.example", "/v1/../admin"),
        get("api.acme.example:8443", "/v1/orders"),
        get("evil.example", "/v1/orders"),
        get("docs.example", "/"),
        get("docs.example.evil.example", "/"),
        Said { scheme: Some(Scheme::Http), ..get("api.acme.example", "/v1/orders") },
        Said { method: Named::Delete, ..get("api.acme.example", "/v1/orders") },
        Said { method: Named::Post, ..get("a.docs.example", "/") },
        Said { method: Named::Trace, ..get("api.acme.example", "/v1/orders") },
        Said { headers: &[("Authorization", "Bearer mine")], ..get("api.acme.example", "/v1/orders") },
        get("good@api.acme.example", "/v1/orders"),
        get("api.acme.example", "https://evil.example/v1/"),
        Said { headers: &[("content-length", "5")], ..post("/v1/orders", "body") },
    ];
    for said in &refused {
        let told = stage.told(said).await;
        assert!(told.starts_with("HttpRequest"), "{} {}: {told}", said.authority, said.path);
    }
    assert_eq!(stage.urls(), [""; 0]);
    let (meters, left) = stage.bench.meters();
    assert_eq!((meters.crossings["refused"], left.left), (refused.len() as u64, Left::Nothing));
    let rule =
        |it: &kapell_model::crossing::Crossing| it.rule.as_ref().map_or("none".into(), ToString::to_string);
    let told = lines(&left.crossings)
        .into_iter()
        .zip(&left.crossings)
        .map(|(line, it)| format!("{line} by {}", rule(it)));
    insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"), @r#"
    http GET https://api.acme.example/v2/orders {"refused":"http-request-denied"} by none
    http GET https://api.acme.example/v1 {"refused":"http-request-denied"} by none
    http GET https://api.acme.example/admin {"refused":"http-request-denied"} by none
    http GET https://api.acme.example:8443/v1/orders {"refused":"http-request-denied"} by none
    http GET https://evil.example/v1/orders {"refused":"http-request-denied"} by none
    http GET https://docs.example/ {"refused":"http-request-denied"} by none
    http GET https://docs.example.evil.example/ {"refused":"http-request-denied"} by none
    http GET http://api.acme.example/v1/orders {"refused":"http-request-denied"} by none
    http DELETE https://api.acme.example/v1/orders {"refused":"http-request-denied"} by orders-rule
    http POST https://a.docs.example/ {"refused":"http-request-denied"} by docs-rule
    http other https://api.acme.example/v1/orders {"refused":"http-request-method-invalid"} by none
    http GET https://api.acme.example/v1/orders {"refused":"http-request-denied"} by orders-rule
    http GET https://good@api.acme.example/v1/orders {"refused":"http-request-uri-invalid"} by none
    http GET https://api.acme.examplehttps://evil.example/v1/ {"refused":"http-request-uri-invalid"} by none
    http POST https://api.acme.example/v1/orders {"refused":"http-request-body-size"} by none
    "#);
}

#[tokio::test]
async fn a_twin_of_each_refused_request_is_sent() {
    let mut stage = greeted(places());
    for said in [
        get("api.acme.example", "/v1/orders"),
        get("api.acme.example:443", "/v1/"),
        Said { scheme: Some(Scheme::Https), ..get("API.acme.example", "/v1/a/../b") },
        Said { headers: &[("x-authorization", "Bearer mine")], ..get("api.acme.example", "/v1/orders") },
        Said { headers: &[("authorization", "Bearer mine")], ..get("a.docs.example", "/") },
        post("/v1/orders", ""),
    ] {
        assert_eq!(stage.told(&said).await, "200 hello", "{}", said.authority);
    }
    assert_eq!(stage.urls().len(), 6);
}

/// What a guest is answered is what the words of a use say of the grant.
#[tokio::test]
async fn a_use_is_answered_as_the_grant_says() {
    let orders = || place("https://api.acme.example/v1/", &[Method::Get, Method::Post]);
    let head = "GET /v1/orders HTTP/1.1\r\nhost: api.acme.example\r\n\r\n".len() as u64;
    let grants = [
        orders(),
        place("http://api.acme.example:8080/", &[Method::Get]),
        place("https://*.acme.example/", &[Method::Get, Method::Delete]),
        HttpGrant { calls_max: 0, ..orders() },
        HttpGrant { hosts_max: 0, ..orders() },
        HttpGrant { sent_max: Bytes(head), ..orders() },
        HttpGrant { sent_max: Bytes(head - 1), ..orders() },
        HttpGrant { received_max: Bytes(0), ..orders() },
        HttpGrant { received_max: Bytes(1), ..orders() },
    ];
    let places = [
        "https://api.acme.example /v1/orders",
        "https://api.acme.example /v1/orders?id=1",
        "https://API.acme.example:443 /v1/./orders",
        "https://api.acme.example /v1/../admin",
        "https://api.acme.example /v1",
        "https://api.acme.example /v1%2f..%2fadmin",
        "https://api.acme.example /v1/%2e%2e/admin",
        "https://api.acme.example /v1/orders#first",
        "https://api.acme.example. /v1/orders",
        "https://ada@api.acme.example /v1/orders",
        "https://ada:word@api.acme.example /v1/orders",
        "https://api.acme.example:8443 /v1/orders",
        "https://api.acme.example:0 /v1/orders",
        "http://api.acme.example /v1/orders",
        "http://api.acme.example:8080 /v1/orders",
        "https://acme.example /v1/orders",
        "https://a.b.acme.example /v1/orders",
        "https://acme.example.evil.example /v1/orders",
    ];
    let long = format!("https://api.acme.example /v1/{}", "x".repeat(URL_MAX));
    let methods = [(Method::Get, Named::Get), (Method::Post, Named::Post), (Method::Delete, Named::Delete)];
    let (mut yes, mut no) = (0, 0);
    for grant in &grants {
        for place in places.iter().copied().chain([long.as_str()]) {
            for (method, named) in &methods {
                let (origin, path) = place.split_once(' ').unwrap();
                let (scheme, authority) = origin.split_once("://").unwrap();
                let used = format!("http {method} {origin}{path}").parse();
                let allowed = used.is_ok_and(|used| Authority::Http(grant.clone()).allows(&used));
                let scheme = if scheme == "http" { Scheme::Http } else { Scheme::Https };
                let said = Said { method: named.clone(), scheme: Some(scheme), ..get(authority, path) };
                let told = greeted(vec![grant.clone()]).told(&said).await;
                assert_eq!(told == "200 hello", allowed, "{method} {place} by {grant:?}: {told}");
                *(if allowed { &mut yes } else { &mut no }) += 1;
            }
        }
    }
    assert!(yes > 20 && no > 20, "{yes} and {no}");
}

#[tokio::test]
async fn calls_end_at_exactly_what_is_granted() {
    for (granted, third) in [(4, "200 hello"), (3, "200 hello"), (2, "HttpRequestDenied")] {
        let mut stage = greeted(vec![HttpGrant { calls_max: granted, ..places().remove(0) }]);
        let said = get("api.acme.example", "/v1/");
        assert_eq!([stage.told(&said).await, stage.told(&said).await], ["200 hello", "200 hello"]);
        assert_eq!(stage.told(&said).await, third);
        assert_eq!(stage.urls().len() as u64, granted.min(3));
    }
}

#[tokio::test]
async fn sent_bytes_end_at_exactly_what_is_granted() {
    let written = "POST /v1/ HTTP/1.1\r\nhost: api.acme.example\r\n\r\nbody".len() as u64;
    for (granted, second) in [
        (2 * written + 1, "200 hello"),
        (2 * written, "200 hello"),
        (2 * written - 1, "HttpRequestBodySize(None)"),
    ] {
        let mut stage = greeted(vec![HttpGrant { sent_max: Bytes(granted), ..places().remove(0) }]);
        assert_eq!(stage.told(&post("/v1/", "body")).await, "200 hello");
        assert_eq!(stage.told(&post("/v1/", "body")).await, second);
    }
}

#[tokio::test]
async fn received_bytes_end_at_exactly_what_is_granted() {
    // The egress is told what may still come; one that says it was more uses all of it up.
    let egress = || {
        Scripted::sending(|asked| match asked.received_max {
            0..40 => Err(SendFailure::Denied(Denial::TooLarge(asked.received_max))),
            _ => Ok(hello()),
        })
    };
    let too_large = "HttpResponseBodySize(None)";
    for (granted, told, sent) in [
        (81, ["200 hello", "200 hello", too_large], 3),
        (80, ["200 hello", "200 hello", too_large], 2),
        (79, ["200 hello", too_large, too_large], 2),
    ] {
        let grant = HttpGrant { received_max: Bytes(granted), ..places().remove(0) };
        let mut stage = stage(vec![grant], None, egress());
        let said = get("api.acme.example", "/v1/");
        let all = [stage.told(&said).await, stage.told(&said).await, stage.told(&said).await];
        assert_eq!(all, told);
        assert_eq!(stage.urls().len(), sent);
    }
}

#[tokio::test]
async fn hosts_end_at_exactly_what_is_granted() {
    for (granted, third) in [(4, "200 hello"), (3, "200 hello"), (2, "HttpRequestDenied")] {
        let mut stage = greeted(vec![HttpGrant { hosts_max: granted, ..places().remove(1) }]);
        for known in ["a.docs.example", "b.docs.example", "A.docs.example"] {
            assert_eq!(stage.told(&get(known, "/")).await, "200 hello");
        }
        assert_eq!(stage.told(&get("secret.as.label.docs.example", "/")).await, third);
    }
}

#[tokio::test]
async fn a_request_without_its_grants_room_counts_nothing() {
    let grant = HttpGrant { calls_max: 1, sent_max: Bytes(100), ..places().remove(0) };
    let mut stage = greeted(vec![grant]);
    assert_eq!(stage.told(&post("/v1/", &"x".repeat(99))).await, "HttpRequestBodySize(None)");
    assert_eq!(stage.told(&get("api.acme.example", "/v1/")).await, "200 hello");
}

#[tokio::test]
async fn more_than_could_ever_be_sent_is_not_even_held() {
    for (length, fits) in [(99, true), (100, true), (101, false)] {
        let mut stage = greeted(vec![HttpGrant { sent_max: Bytes(100), ..places().remove(0) }]);
        let (request, body) = stage.put_together(&post("/v1/", ""));
        let (body, future) = (body.unwrap(), stage.lent().handle(request, None).await.unwrap());
        let written = stage.write(&body, &vec![0; length]);
        let finished = stage.finish(body, None).await;
        assert_eq!((written.is_ok(), finished.is_ok()), (fits, fits), "{length}");
        let told = stage.answered(future).await.unwrap_err();
        assert!(matches!(told, ErrorCode::HttpRequestBodySize(None)), "{told:?}");
        assert_eq!(stage.urls(), [""; 0]);
    }
}

#[tokio::test]
async fn a_body_that_is_given_up_or_has_trailers_is_never_sent() {
    let mut stage = greeted(places());
    let (request, body) = stage.put_together(&post("/v1/", ""));
    let (body, future) = (body.unwrap(), stage.lent().handle(request, None).await.unwrap());
    stage.write(&body, b"half").unwrap();
    HostOutgoingBody::drop(&mut stage.lent(), body).unwrap();
    assert!(matches!(stage.answered(future).await, Err(ErrorCode::HttpProtocolError)));
    let (request, body) = stage.put_together(&post("/v1/", ""));
    let (body, future) = (body.unwrap(), stage.lent().handle(request, None).await.unwrap());
    let trailers = bindings::types::HostFields::new(&mut stage.lent()).unwrap();
    let told = stage.finish(body, Some(trailers)).await.unwrap_err();
    assert!(matches!(told, HttpError::Told(Code::RequestTrailer)));
    assert!(matches!(stage.answered(future).await, Err(ErrorCode::HttpRequestTrailerSectionSize(None))));
    assert_eq!(stage.urls(), [""; 0]);
}

#[tokio::test]
async fn a_body_may_be_whole_before_its_request_is_handed_over() {
    let mut stage = greeted(places());
    let (request, body) = stage.put_together(&post("/v1/", ""));
    let body = body.unwrap();
    stage.write(&body, b"whole").unwrap();
    stage.finish(body, None).await.unwrap();
    let future = stage.lent().handle(request, None).await.unwrap();
    assert!(stage.answered(future).await.is_ok());
    assert_eq!(&*stage.egress.sent.lock().unwrap()[0].body, b"whole");
}

#[tokio::test]
async fn an_answer_is_given_once_and_has_no_trailers() {
    let mut stage = greeted(places());
    let (request, _) = stage.put_together(&get("a.docs.example", "/"));
    let future = stage.lent().handle(request, None).await.unwrap().rep();
    let taken = |stage: &mut Stage| {
        bindings::types::HostFutureIncomingResponse::get(&mut stage.lent(), Resource::new_borrow(future))
            .unwrap()
    };
    let answer = taken(&mut stage).unwrap().unwrap().unwrap().rep();
    assert!(matches!(taken(&mut stage), Some(Err(()))));
    let body = stage.lent().consume(Resource::new_borrow(answer)).unwrap().unwrap();
    assert!(stage.lent().consume(Resource::new_borrow(answer)).unwrap().is_err());
    assert!(stage.lent().stream(Resource::new_borrow(body.rep())).unwrap().is_ok());
    assert!(stage.lent().stream(Resource::new_borrow(body.rep())).unwrap().is_err());
    let mut other = greeted(places());
    let answer = other.ask(&get("a.docs.example", "/")).await.unwrap();
    let body = other.lent().consume(answer).unwrap().unwrap();
    let trailers = bindings::types::HostIncomingBody::finish(&mut other.lent(), body).unwrap();
    let told = bindings::types::HostFutureTrailers::get(&mut other.lent(), trailers).unwrap();
    assert!(matches!(told, Some(Ok(Ok(None)))));
}

#[tokio::test]
async fn a_key_goes_with_what_changes_something_and_no_guest_writes_it() {
    let key = Digest::of(b"key");
    let mut keyed = stage(places(), Some(key), Scripted::sending(|_| Ok(hello())));
    assert_eq!(keyed.told(&post("/v1/", "a")).await, "200 hello");
    assert_eq!(keyed.told(&get("api.acme.example", "/v1/")).await, "200 hello");
    let own = Said { headers: &[("Idempotency-Key", "mine")], ..post("/v1/", "a") };
    assert_eq!(keyed.told(&own).await, "HttpRequestDenied");
    let keys: Vec<_> =
        keyed.egress.sent.lock().unwrap().iter().map(|sent| sent.idempotency_key.clone()).collect();
    assert_eq!(keys, [Some(key.hex()), None]);
    let mut unkeyed = greeted(places());
    assert_eq!(unkeyed.told(&own).await, "200 hello");
    assert_eq!(unkeyed.egress.sent.lock().unwrap()[0].idempotency_key, None);
}

#[tokio::test]
async fn each_request_that_changes_something_has_a_key_of_its_own_until_it_is_answered() {
    let key = Digest::of(b"key");
    let lost = SendFailure::TimedOut { sent: true };
    let answers = move |asked: &Outgoing| match &*asked.body {
        b"lost" => Err(lost.clone()),
        _ => Ok(hello()),
    };
    let mut stage = stage(places(), Some(key), Scripted::sending(answers));
    for body in ["a", "lost", "b", "lost", "a"] {
        stage.told(&post("/v1/", body)).await;
    }
    let sent = stage.egress.sent.lock().unwrap();
    let keys: Vec<_> = sent.iter().map(|sent| sent.idempotency_key.clone().unwrap()).collect();
    let nth = |number: u64| format!("{}-{number}", key.hex());
    assert_eq!(keys, [key.hex(), nth(2), nth(3), nth(2), nth(4)]);
}

#[tokio::test]
async fn a_failure_is_told_recorded_and_says_whether_anything_left() {
    let failed = |sent| SendFailure::Failed { cause: "reset\nby peer".into(), sent };
    for (failure, told, left) in [
        (SendFailure::Denied(Denial::Secret), "HttpRequestDenied", Left::Nothing),
        (SendFailure::Denied(Denial::HeadTooLarge), "HttpResponseHeaderSectionSize(None)", Left::Unanswered),
        (failed(false), "DestinationUnavailable", Left::Nothing),
        (failed(true), "ConnectionTerminated", Left::Unanswered),
        (SendFailure::TimedOut { sent: false }, "ConnectionTimeout", Left::Nothing),
        (SendFailure::TimedOut { sent: true }, "HttpResponseTimeout", Left::Unanswered),
    ] {
        let script = failure.clone();
        let mut stage = stage(places(), None, Scripted::sending(move |_| Err(script.clone())));
        assert_eq!(stage.told(&post("/v1/", "a")).await, told);
        let crossed = stage.bench.meters().1;
        assert_eq!(crossed.left, left, "{failure:?}");
        assert_eq!(crossed.crossings.len(), 1);
        // A request that only reads is taken back by nobody needing to.
        let script = failure.clone();
        let mut stage = self::stage(places(), None, Scripted::sending(move |_| Err(script.clone())));
        assert_eq!(stage.told(&get("api.acme.example", "/v1/")).await, told);
        assert_eq!(stage.bench.meters().1.left, Left::Nothing);
    }
    let mut stage = stage(places(), None, Scripted::sending(move |_| Err(failed(true))));
    stage.told(&post("/v1/", "a")).await;
    assert_eq!(
        lines(&stage.bench.meters().1.crossings),
        [
            r#"http POST https://api.acme.example/v1/ {"failed":{"code":"connection-terminated","cause":"reset by peer","sent":true}}"#
        ]
    );
}

/// Never answers.
struct Silent;

impl Egress for Silent {
    fn send(&self, _: Outgoing) -> kapell_model::seam::Leaving<'_, Result<Incoming, SendFailure>> {
        Box::pin(std::future::pending())
    }

    fn complete(
        &self,
        _: kapell_model::seam::Prompt,
    ) -> kapell_model::seam::Leaving<
        '_,
        Result<kapell_model::seam::Completed, kapell_model::seam::CompletionFailure>,
    > {
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn an_attempt_that_ends_while_a_request_is_out_leaves_it_unanswered() {
    let with = |said: Said<'static>| {
        let grants = GrantSet {
            grants: vec![grant("orders", Authority::Http(places().remove(0)))],
            ..GrantSet::default()
        };
        let bench = Bench::new(HttpCtx::new(&grants, Arc::new(Silent), None));
        let mut stage = Stage { bench, egress: Scripted::nobody() };
        let (request, _) = stage.put_together(&said);
        {
            let mut lent = stage.lent();
            let mut sending = pin!(lent.handle(request, None));
            let polled = sending.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert_eq!(polled.is_pending(), said.path == "/v1/");
        }
        stage.bench.meters().1.left
    };
    assert_eq!(with(Said { method: Named::Post, ..get("api.acme.example", "/v1/") }), Left::Unanswered);
    assert_eq!(with(get("api.acme.example", "/v1/")), Left::Nothing);
    assert_eq!(with(Said { method: Named::Post, ..get("api.acme.example", "/v2/") }), Left::Nothing);
}

#[tokio::test]
async fn every_call_counts_up_to_the_limit() {
    let grants = GrantSet::of(vec![grant("orders", Authority::Http(places().remove(0)))]);
    let with = async |calls: u64| {
        let egress = Scripted::sending(|_| Ok(hello()));
        let crossings = Crossings::live(&Limits { host_calls: calls, ..Limits::default() });
        let mut bench = Bench::with(HttpCtx::new(&grants, egress.clone(), None), crossings);
        let fields = bindings::types::HostFields::new(&mut bench.lent())?;
        let request = bindings::types::HostOutgoingRequest::new(&mut bench.lent(), fields)?;
        let handed = bench.lent().handle(request, None).await;
        handed.map(|_| ()).map_err(|error| match error {
            HttpError::Ends(error) => error,
            HttpError::Told(code) => panic!("{code:?}"),
        })
    };
    assert!(with(4).await.is_ok());
    assert!(with(3).await.is_ok());
    assert_eq!(limit(&with(2).await.unwrap_err()), Some(TrapCause::HostCalls));
}

#[test]
fn answering_requests_is_nobodys_here() {
    let mut stage = greeted(places());
    let fields = bindings::types::HostFields::new(&mut stage.lent()).unwrap();
    let ended = bindings::types::HostOutgoingResponse::new(&mut stage.lent(), fields).unwrap_err();
    assert_eq!(limit(&ended), Some(TrapCause::Inert));
    assert_eq!(
        ended.to_string(),
        "inert: wasi:http/types#[constructor]outgoing-response is for those who answer requests, and a skill only sends them"
    );
}
