//! Authority in the words people read: what is permitted, where, how much of it.

use crate::grant::Authority;
use crate::http::HttpGrant;
use crate::limits::Limits;
use crate::quantity::{Bytes, Span};
use serde_json::Value;
use std::path::Path;

/// What is permitted, every part of it said; directories below `folder` are written from there.
#[must_use]
pub fn authority_words(authority: &Authority, folder: &Path) -> String {
    match authority {
        Authority::Files { root, identity, access, bytes_max, file_max, files_max } => {
            let root = match Path::new(root).strip_prefix(folder) {
                Ok(below) => format!("./{}", below.display()),
                Err(_) => root.clone(),
            };
            let which = identity.map(|identity| format!(" ({identity})")).unwrap_or_default();
            let most = format!(", {bytes_max} in {}, {file_max} in one", many(*files_max, "file"));
            format!("{access} {root}{which}{}", if access.writes() { &most } else { "" })
        }
        Authority::Keyvalue { namespace, access, bytes_max, keys_max } => {
            let most = format!(", {bytes_max} in {}", many(*keys_max, "key"));
            format!("{access} namespace {namespace}{}", if access.writes() { &most } else { "" })
        }
        Authority::Config { values } => {
            let settings: Vec<String> =
                values.iter().map(|(key, value)| format!("{key} = {value:?}")).collect();
            if settings.is_empty() { "no settings".into() } else { settings.join(", ") }
        }
        Authority::Clock { resolution } => format!("every {resolution}"),
        Authority::Random { bytes_max }
        | Authority::Logging { bytes_max }
        | Authority::Notes { bytes_max } => bytes_max.to_string(),
        Authority::Http(grant) => http_words(grant),
        Authority::Inference(grant) => {
            let money = grant.money_max.as_ref().map(|money| format!(", {money}")).unwrap_or_default();
            let answering: Vec<String> = grant.answered_by.iter().map(ToString::to_string).collect();
            let answering = if answering.is_empty() { "nobody".into() } else { answering.join(", then ") };
            let (calls, tokens) = (many(grant.calls_max, "call"), many(grant.tokens_max, "token"));
            format!("{calls}, {tokens}{money}, answered by {answering}")
        }
    }
}

fn many(count: u64, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

fn http_words(grant: &HttpGrant) -> String {
    let methods: Vec<&str> = grant.methods.iter().map(|method| method.word()).collect();
    let hosts =
        if grant.target.is_wide() { format!(" to {}", many(grant.hosts_max, "host")) } else { String::new() };
    let listed = |what: &str, all: Vec<String>| match all.is_empty() {
        true => String::new(),
        false => format!(", {what} {}", all.join(" ")),
    };
    let addresses = listed("at", grant.addresses.iter().map(ToString::to_string).collect());
    let inject = listed("with", grant.inject.iter().map(ToString::to_string).collect());
    let vouched_by = listed("vouched for by", grant.vouched_by.iter().map(ToString::to_string).collect());
    format!(
        "{} {}, {}{hosts}, {} out, {} in{addresses}{inject}{vouched_by}",
        methods.join(" "),
        grant.target,
        many(grant.calls_max, "request"),
        grant.sent_max,
        grant.received_max
    )
}

/// Each limit by its name, in the words people read.
#[must_use]
pub fn limit_words(limits: &Limits) -> Vec<(String, String, u64)> {
    let Ok(Value::Object(numbers)) = serde_json::to_value(limits) else { return Vec::new() };
    let words = |(name, number): (String, Value)| {
        let number = number.as_u64().unwrap_or_default();
        let said = match name.as_str() {
            "memory" | "output" | "talk" | "file" | "record" => Bytes(number).to_string(),
            "deadline" => Span(number).to_string(),
            _ => number.to_string(),
        };
        (name.replace('_', "-"), said, number)
    };
    numbers.into_iter().map(words).collect()
}
