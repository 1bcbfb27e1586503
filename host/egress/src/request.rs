//! The request that leaves: built anew from the parts of what the guest asked for, never passed on.
//!
//! The guest chooses method, URL, body and its own headers. Everything that frames the message or names the parties
//! is the host's: a guest that sets it is refused rather than corrected, since it meant something by it.

use crate::client::Place;
use crate::vault::Vault;
use crate::wire::{HEAD_MAX, HEADERS_MAX, Message};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use kapell_model::http::{Injection, Method, Scheme, hides_separator, is_hosts_own};
use kapell_model::seam::{Denial, Outgoing};
use std::sync::Arc;
use url::Url;

/// What a server may tell a repeated request by (draft-ietf-httpapi-idempotency-key-header).
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Builds the message for a request that its grant permits.
///
/// # Errors
/// When the grant does not permit it, when a part can't be sent as it is, when a header is the host's to write, and
/// when the guest's own parts hold a secret.
pub(crate) fn rebuild(asked: &Outgoing, vault: &Vault) -> Result<(Place, Message), Denial> {
    let place = place_of(&asked.url)?;
    if !asked.grant.allows(asked.method, &asked.url) {
        return Err(Denial::NotGranted(format!("{} {}", asked.method, without_query(&asked.url))));
    }
    refuse_secrets(asked, vault)?;
    let (method, target, headers) = (asked.method, target_of(&asked.url)?, headers(asked, vault)?);
    Ok((place, Message { method, target, headers, body: Arc::clone(&asked.body) }))
}

/// Path and query. A URL that was read by the rules has nothing else in it; what is written on the wire is looked at
/// all the same.
pub(crate) fn target_of(url: &Url) -> Result<String, Denial> {
    let query = url.query().map_or_else(String::new, |query| format!("?{query}"));
    let target = format!("{}{query}", url.path());
    match target.starts_with('/') && target.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(target),
        false => Err(malformed("the path or query has characters no request line holds")),
    }
}

fn malformed(why: impl Into<String>) -> Denial {
    Denial::Malformed(why.into())
}

/// What of a URL may stand in an error or a record: a query often holds what is nobody else's business.
pub(crate) fn without_query(url: &Url) -> String {
    let origin = url.origin().ascii_serialization();
    format!("{origin}{}", url.path())
}

/// Scheme, host and port of a URL that has nothing else to say of where it goes.
fn place_of(url: &Url) -> Result<Place, Denial> {
    let scheme = match url.scheme() {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        _ => return Err(malformed("it is neither http nor https")),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(malformed("the URL names a user"));
    }
    if url.fragment().is_some() {
        return Err(malformed("the URL has a fragment, which is never sent"));
    }
    if hides_separator(url.path()) {
        return Err(malformed("the path hides a separator or a dot"));
    }
    let host = url.host().ok_or_else(|| malformed("the URL has no host"))?.to_owned();
    if host.to_string().ends_with('.') {
        return Err(malformed("the host ends with a dot"));
    }
    match url.port_or_known_default() {
        None | Some(0) => Err(malformed("port 0 is no port")),
        Some(port) => Ok(Place { scheme, host, port }),
    }
}

/// The guest never gets a secret from the host; one that it holds all the same it shall not carry out.
fn refuse_secrets(asked: &Outgoing, vault: &Vault) -> Result<(), Denial> {
    let Some(redactor) = vault.redactor() else { return Ok(()) };
    let mut parts = asked.headers.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_slice()]);
    let found = redactor.finds(asked.url.as_str().as_bytes())
        || redactor.finds(&asked.body)
        || parts.any(|part| redactor.finds(part));
    if found { Err(Denial::Secret) } else { Ok(()) }
}

/// Every header of the message in the order they are sent: the host's name, the guest's own, what the host adds.
fn headers(asked: &Outgoing, vault: &Vault) -> Result<HeaderMap, Denial> {
    let mut headers = HeaderMap::new();
    headers.insert(header::HOST, host_header(&asked.url)?);
    add_guest_headers(asked, &mut headers)?;
    if let Some(key) = asked.idempotency_key.as_ref().filter(|_| asked.method.writes()) {
        headers.insert(IDEMPOTENCY_KEY, HeaderValue::from_str(key).map_err(|_| malformed("the key"))?);
    }
    for injection in &asked.grant.inject {
        headers.insert(name_of(&injection.header)?, injected(injection, vault)?);
    }
    if !asked.grant.inject.is_empty() {
        // What is compressed can't be searched for the secret.
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    if !asked.body.is_empty() || matches!(asked.method, Method::Post | Method::Put | Method::Patch) {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(asked.body.len()));
    }
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if headers.len() > HEADERS_MAX || bytes > HEAD_MAX {
        return Err(malformed(format!("its headers are more than {HEADERS_MAX} or {HEAD_MAX} bytes")));
    }
    Ok(headers)
}

fn add_guest_headers(asked: &Outgoing, headers: &mut HeaderMap) -> Result<(), Denial> {
    let mut lengths = 0;
    for (name, value) in &asked.headers {
        let name = name_of(name)?;
        if is_own(&name, asked) {
            return Err(Denial::Header(name.as_str().into()));
        }
        if name == header::CONTENT_LENGTH {
            // Toolkits write it by themselves. Said once and truly it does no harm, and the host writes its own.
            lengths += 1;
            if lengths > 1 || value.as_slice() != asked.body.len().to_string().as_bytes() {
                return Err(Denial::Header(name.as_str().into()));
            }
            continue;
        }
        let value = HeaderValue::from_bytes(value).map_err(|_| {
            malformed(format!("the header `{name}` holds a line break or a control character"))
        })?;
        headers.try_append(name, value).map_err(|_| malformed("it has too many headers"))?;
    }
    Ok(())
}

fn name_of(name: &str) -> Result<HeaderName, Denial> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| malformed("a header's name is no name"))
}

/// Whether a header is the host's to write in this request.
fn is_own(name: &HeaderName, asked: &Outgoing) -> bool {
    let name = name.as_str();
    let keyed = asked.idempotency_key.is_some() && asked.method.writes();
    is_hosts_own(name)
        || (keyed && name == IDEMPOTENCY_KEY)
        || (!asked.grant.inject.is_empty() && name == header::ACCEPT_ENCODING.as_str())
        || asked.grant.inject.iter().any(|injection| injection.header == name)
}

fn host_header(url: &Url) -> Result<HeaderValue, Denial> {
    let host = url.host_str().unwrap_or_default();
    let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    HeaderValue::from_str(&authority).map_err(|_| malformed("the host is no name"))
}

/// The secret between its two plain texts.
fn injected(injection: &Injection, vault: &Vault) -> Result<HeaderValue, Denial> {
    let lacking =
        || malformed(format!("the secret {} was not read when the home was opened", injection.secret));
    vault.around(&injection.before, &injection.secret, &injection.after).ok_or_else(lacking)
}
