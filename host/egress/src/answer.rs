//! What of an answer a guest may see: no secret in any spelling, nothing that speaks to the connection, no cookie.

use crate::client::Answer;
use crate::redactor::Redactor;
use crate::wire::Read;
use http::header::{self, HeaderMap};
use kapell_model::http::HttpGrant;
use kapell_model::seam::{Incoming, SendFailure};
use std::sync::Arc;

/// Headers between this host and its neighbour (RFC 9110, 7.6.1), and the cookies of a session nobody has: they are
/// credentials, and would stand in the journal.
const HIDDEN: [&str; 12] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "set-cookie",
    "set-cookie2",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Turns an answer into what is handed over.
///
/// # Errors
/// When the answer is compressed and holds, perhaps, the secret it was asked with.
pub(crate) fn hand_over(
    answer: Answer,
    grant: &HttpGrant,
    redactor: Option<&Redactor>,
) -> Result<Incoming, SendFailure> {
    if !grant.inject.is_empty() && is_encoded(&answer.read.headers) {
        let cause = "the answer is compressed, so that a secret in it could not be taken out".into();
        return Err(SendFailure::Failed { cause, sent: true });
    }
    let Answer { read: Read { status, headers, body }, address, sent, received } = answer;
    let mut headers = shown(&headers);
    let mut redacted = false;
    let mut body: Arc<[u8]> = body.into();
    if let Some(redactor) = redactor {
        redacted |= redact_headers(redactor, &mut headers);
        if let Some(clean) = redactor.redacted(&body) {
            tell_length(&mut headers, clean.len());
            (body, redacted) = (clean.into(), true);
        }
    }
    Ok(Incoming { status, headers, body, address, sent, received, redacted })
}

fn is_encoded(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    codings.any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// The headers that are the answer's own, in their order.
fn shown(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    let named: Vec<String> = headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(|name| String::from_utf8_lossy(name).trim().to_ascii_lowercase())
        .collect();
    let hidden = |name: &str| HIDDEN.contains(&name) || named.iter().any(|other| other == name);
    let kept = headers.iter().filter(|(name, _)| !hidden(name.as_str()));
    kept.map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect()
}

/// A server may write a secret even into a name.
fn redact_headers(redactor: &Redactor, headers: &mut Vec<(String, Vec<u8>)>) -> bool {
    let before = headers.len();
    headers.retain(|(name, _)| !redactor.finds(name.as_bytes()));
    let mut redacted = headers.len() < before;
    for (_, value) in headers {
        if let Some(clean) = redactor.redacted(value) {
            (*value, redacted) = (clean, true);
        }
    }
    redacted
}

/// The length a server told is of the body it sent.
fn tell_length(headers: &mut [(String, Vec<u8>)], length: usize) {
    for (_, value) in headers.iter_mut().filter(|(name, _)| name == "content-length") {
        *value = length.to_string().into_bytes();
    }
}
