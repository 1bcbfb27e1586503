//! Lends requests to granted places (`wasi:http/outgoing-handler` and the `types` it speaks), each sent by the egress,
//! counted against its grant and recorded with its answer. Never lends a connection, a name lookup, trailers, or any
//! part in answering requests.
//!
//! A request is buffered whole, sent while the guest waits in the call that completes it, and answered whole: every
//! future is ready from then on, so an attempt that is answered from its record sees what it saw. What no grant
//! permits is answered with `wasi:http`'s own code and recorded as a refusal; the egress is not asked.

mod code;
mod fields;
mod host;
mod keys;
mod message;
mod served;
mod wanted;

pub use code::Code;
pub use fields::{FIELDS_MAX, Fields, FieldsError};
pub use host::Options;
pub use message::{Answer, Body, Future, IncomingBody, Request, Trailers};
pub use served::Never;
pub use wanted::Parts;

use super::bindings::wasi::http as bindings;
use super::{Lends, Lent, unfit};
use crate::crossings::{Ask, LimitReached};
use code::may_have_acted;
use kapell_model::capability::Kind;
use kapell_model::crossing::{self, Exchange, Failure};
use kapell_model::digest::Digest;
use kapell_model::ending::Left;
use kapell_model::grant::{Authority, GrantSet};
use kapell_model::http::HttpGrant;
use kapell_model::id::RuleId;
use kapell_model::seam::{Egress, Incoming, Outgoing, SendFailure};
use keys::Keys;
use message::{Answered, Room};
use std::collections::BTreeSet;
use std::sync::Arc;
use wanted::Wanted;
use wasmtime::component::{Linker, ResourceTableError};

/// The header a server can tell a repetition by.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The requests of one attempt.
pub struct HttpCtx {
    egress: Arc<dyn Egress>,
    keys: Option<Keys>,
    places: Vec<Place>,
    room: Room,
}

impl std::fmt::Debug for HttpCtx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpCtx").field("places", &self.places).finish_non_exhaustive()
    }
}

/// A granted place and what was sent there so far.
#[derive(Debug)]
struct Place {
    rule: RuleId,
    grant: HttpGrant,
    calls: u64,
    sent: u64,
    received: u64,
    hosts: BTreeSet<String>,
}

/// Why a request was not sent, and the rule that says so, if it is one.
struct Refused {
    code: Code,
    rule: Option<RuleId>,
}

impl HttpCtx {
    /// The places as granted; `key` goes with requests that change something, where the operation's effect may be
    /// told again by it.
    #[must_use]
    pub fn new(grants: &GrantSet, egress: Arc<dyn Egress>, key: Option<Digest>) -> Self {
        let places = grants.grants.iter().filter_map(|grant| match &grant.authority {
            Authority::Http(http) => Some(Place {
                rule: grant.rule.clone(),
                grant: http.clone(),
                calls: 0,
                sent: 0,
                received: 0,
                hosts: BTreeSet::new(),
            }),
            _ => None,
        });
        let places: Vec<Place> = places.collect();
        let room = places.iter().fold(0_u64, |room, place| room.saturating_add(place.grant.sent_max.0));
        Self { egress, keys: key.map(Keys::of), places, room: Room::of(room) }
    }

    /// The place a request is for, with the request counted against it, and the key it carries.
    fn admit(&mut self, wanted: &Wanted) -> Result<(&mut Place, Option<String>), Refused> {
        let near = self.places.iter().find(|place| place.grant.target.has(&wanted.url));
        let denied =
            |rule: Option<&Place>| Refused { code: Code::Denied, rule: rule.map(|place| place.rule.clone()) };
        let none = denied(near);
        let granted = self.places.iter_mut().find(|place| place.grant.allows(wanted.method, &wanted.url));
        let place = granted.ok_or(none)?;
        let keys = self.keys.as_mut().filter(|_| wanted.method.writes());
        if keys.is_some() && wanted.headers.iter().any(|(name, _)| name == IDEMPOTENCY_KEY) {
            return Err(denied(Some(place)));
        }
        match place.charge(wanted) {
            Ok(()) => Ok((place, keys.map(|keys| keys.key_for(wanted)))),
            Err(code) => Err(Refused { code, rule: Some(place.rule.clone()) }),
        }
    }

    /// A request was answered, now or when the attempt was recorded.
    fn answered(&mut self, wanted: &Wanted) {
        if let Some(keys) = self.keys.as_mut().filter(|_| wanted.method.writes()) {
            keys.answered();
        }
    }
}

impl Place {
    /// Counts a request against the grant; whatever does not fit counts nothing.
    fn charge(&mut self, wanted: &Wanted) -> Result<(), Code> {
        let host = wanted.url.host_str().unwrap_or_default();
        let sent = self.sent.saturating_add(wanted.weight());
        let known = self.hosts.contains(host);
        let set_by_host =
            |(name, _): &(String, Vec<u8>)| self.grant.inject.iter().any(|it| it.header == *name);
        match () {
            () if wanted.headers.iter().any(set_by_host) => return Err(Code::Denied),
            () if self.calls >= self.grant.calls_max => return Err(Code::Denied),
            () if !known && self.hosts.len() as u64 >= self.grant.hosts_max => return Err(Code::Denied),
            () if sent > self.grant.sent_max.0 => return Err(Code::RequestSize),
            () if self.received >= self.grant.received_max.0 => return Err(Code::AnswerSize),
            () => {}
        }
        (self.calls, self.sent) = (self.calls + 1, sent);
        self.hosts.insert(host.to_owned());
        Ok(())
    }

    /// Counts what came back, whether or not it is handed over.
    fn settle(&mut self, received: u64) {
        self.received = self.received.saturating_add(received);
    }
}

fn asked<'a>(wanted: &'a Wanted, rule: &'a RuleId) -> Ask<'a> {
    Ask { kind: Kind::Http, call: wanted.method.word(), object: wanted.url.as_str(), rule: Some(rule) }
}

/// How many bytes came back; of an answer that was too large, the most it might have been.
fn received(came: &Result<Incoming, SendFailure>, most: u64) -> u64 {
    match came {
        Ok(incoming) => incoming.received,
        Err(failure) if Code::of(failure) == Code::AnswerSize => most,
        Err(_) => 0,
    }
}

/// The same of an answer on record.
fn received_then(answer: &crossing::Answer, most: u64) -> u64 {
    match answer {
        crossing::Answer::Exchange(exchange) => exchange.received,
        crossing::Answer::Refused(word) if word == Code::AnswerSize.word() => most,
        _ => 0,
    }
}

/// Gives the requests of a store.
pub trait HttpView: Send + 'static {
    /// The requests, the handles, the seam.
    fn http(&mut self) -> Lent<'_, HttpCtx>;
}

/// Why a call did not give what was asked.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The guest is told, and goes on.
    #[error("{}", .0.word())]
    Told(Code),
    /// The guest ends.
    #[error(transparent)]
    Ends(wasmtime::Error),
}

impl From<wasmtime::Error> for HttpError {
    fn from(error: wasmtime::Error) -> Self {
        Self::Ends(error)
    }
}

impl From<LimitReached> for HttpError {
    fn from(error: LimitReached) -> Self {
        Self::Ends(error.into())
    }
}

impl From<ResourceTableError> for HttpError {
    fn from(error: ResourceTableError) -> Self {
        Self::Ends(error.into())
    }
}

impl Lent<'_, HttpCtx> {
    /// Sends a request whose body is whole, if a grant permits it, and records what came of it.
    async fn send(&mut self, parts: &Parts, body: Arc<[u8]>) -> wasmtime::Result<Answered> {
        let wanted = match parts.wanted(&body) {
            Ok(wanted) => wanted,
            Err(code) => return self.refused(parts.word(), &parts.quoted(), &Refused { code, rule: None }),
        };
        let egress = Arc::clone(&self.ctx.egress);
        let (place, idempotency_key) = match self.ctx.admit(&wanted) {
            Ok(place) => place,
            Err(refused) => return self.refused(wanted.method.word(), wanted.url.as_str(), &refused),
        };
        let most = (place.grant.received_max.0 - place.received).min(self.crossings.record_left());
        let outgoing = Outgoing {
            grant: place.grant.clone(),
            method: wanted.method,
            url: wanted.url.clone(),
            headers: wanted.headers.clone(),
            body,
            received_max: most,
            until: self.crossings.over_at(),
            idempotency_key,
        };
        let rule = place.rule.clone();
        let ask = asked(&wanted, &rule);
        if let Some(answer) = self.crossings.recall(&ask, Some(&outgoing.body))? {
            place.settle(received_then(&answer, most));
            if matches!(answer, crossing::Answer::Exchange(_)) {
                self.ctx.answered(&wanted);
            }
            return self.answered_then(&ask, answer);
        }
        if wanted.method.writes() {
            self.crossings.going_out();
        }
        let came = egress.send(outgoing).await;
        place.settle(received(&came, most));
        match came {
            Ok(incoming) => {
                self.ctx.answered(&wanted);
                self.answered(&ask, &wanted, incoming)
            }
            Err(failure) => self.failed(&ask, &wanted, &failure),
        }
    }

    fn answered(&self, ask: &Ask<'_>, wanted: &Wanted, incoming: Incoming) -> wasmtime::Result<Answered> {
        if wanted.method.writes() {
            self.crossings.came_back(Left::Answered);
        }
        self.crossings.read(usize::try_from(incoming.received).unwrap_or(usize::MAX));
        self.crossings.wrote(usize::try_from(incoming.sent).unwrap_or(usize::MAX));
        // The guest is given the text that is recorded, not the bytes that came, so that a copy can be given again.
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let headers: Vec<(String, String)> =
            incoming.headers.iter().map(|(name, value)| (name.clone(), text(value))).collect();
        let fields = Fields::of_answer(&headers);
        let exchange = Exchange {
            address: incoming.address,
            sent: incoming.sent,
            received: incoming.received,
            request: self.crossings.keep(&wanted.body)?,
            status: incoming.status,
            headers,
            body: self.crossings.keep(&incoming.body)?,
            redacted: incoming.redacted,
        };
        self.crossings.record(ask, crossing::Answer::Exchange(Box::new(exchange)))?;
        Ok(Ok(Answer::new(incoming.status, fields, incoming.body)))
    }

    /// The answer that is on record.
    fn answered_then(&self, ask: &Ask<'_>, answer: crossing::Answer) -> wasmtime::Result<Answered> {
        let told = |word: &str| Code::named(word).map(Err).ok_or_else(|| unfit(ask));
        match answer {
            crossing::Answer::Exchange(exchange) => {
                self.crossings.read(usize::try_from(exchange.received).unwrap_or(usize::MAX));
                self.crossings.wrote(usize::try_from(exchange.sent).unwrap_or(usize::MAX));
                let body = self.crossings.recalled_content(&exchange.body)?;
                Ok(Ok(Answer::new(exchange.status, Fields::of_answer(&exchange.headers), body)))
            }
            crossing::Answer::Failed(failure) => told(&failure.code),
            crossing::Answer::Refused(word) => told(&word),
            _ => Err(unfit(ask)),
        }
    }

    fn failed(&self, ask: &Ask<'_>, wanted: &Wanted, failure: &SendFailure) -> wasmtime::Result<Answered> {
        if wanted.method.writes() {
            let acted = may_have_acted(wanted.method, failure);
            self.crossings.came_back(if acted { Left::Unanswered } else { Left::Nothing });
        }
        let code = Code::of(failure);
        match failure {
            SendFailure::Denied(_) => self.crossings.refuse(ask, code.word())?,
            SendFailure::Failed { sent, .. } | SendFailure::TimedOut { sent } => {
                let failure = Failure {
                    code: code.word().to_owned(),
                    cause: crate::crossings::one_line(&failure.to_string()),
                    sent: *sent,
                    ..Failure::default()
                };
                self.crossings.record(ask, crossing::Answer::Failed(Box::new(failure)))?;
            }
        }
        Ok(Err(code))
    }

    fn refused(&self, call: &'static str, object: &str, refused: &Refused) -> wasmtime::Result<Answered> {
        let ask = Ask { kind: Kind::Http, call, object, rule: refused.rule.as_ref() };
        self.crossings.refuse(&ask, refused.code.word())?;
        Ok(Err(refused.code))
    }
}

/// Links `wasi:http/types` and `outgoing-handler`.
///
/// # Errors
/// When they are linked already.
pub fn add_to_linker<T: HttpView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    let options = bindings::types::LinkOptions::default();
    bindings::types::add_to_linker::<T, Lends<HttpCtx>>(linker, &options, T::http)?;
    bindings::outgoing_handler::add_to_linker::<T, Lends<HttpCtx>>(linker, T::http)
}

#[cfg(test)]
mod tests;
