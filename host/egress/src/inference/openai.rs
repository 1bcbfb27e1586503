//! The interface that OpenAI began and everybody speaks: `POST chat/completions`. What is asked, and what of an answer
//! is believed.

use super::retry::{Again, Cost, Trouble};
use kapell_model::inference::Provider;
use kapell_model::seam::{Incoming, Prompt};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// A model's answer.
#[derive(Debug)]
pub(super) struct Said {
    /// The text.
    pub(super) text: String,
    /// Whether it was cut at the most tokens it may have.
    pub(super) truncated: bool,
    /// The model by the provider's own account, if that is a name.
    pub(super) model: Option<String>,
    /// The tokens by the provider's own account.
    pub(super) usage: Option<Usage>,
}

/// Tokens as a provider counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Usage {
    /// Of the prompt.
    pub(super) tokens_in: u64,
    /// Of the answer.
    pub(super) tokens_out: u64,
}

/// The body of a request.
pub(super) fn request(provider: &Provider, prompt: &Prompt) -> Vec<u8> {
    let message = |role: &str, text: &str| json!({ "role": role, "content": text });
    let system = (!prompt.system.is_empty()).then(|| message("system", &prompt.system));
    let messages: Vec<Value> = system.into_iter().chain([message("user", &prompt.text)]).collect();
    let mut body = Map::new();
    body.insert("model".into(), provider.model.as_str().into());
    body.insert("messages".into(), messages.into());
    body.insert(provider.limit.word().into(), prompt.tokens_max.into());
    body.insert("stream".into(), false.into());
    Value::Object(body).to_string().into_bytes()
}

/// Reads an answer.
///
/// # Errors
/// When it is an error, or no answer that could be handed on; what it cost is then the server's own account.
pub(super) fn read(incoming: &Incoming) -> Result<Said, Trouble> {
    if incoming.status != 200 {
        return Err(refused(incoming));
    }
    let useless = |why: &str, usage: Option<Usage>| Trouble {
        why: why.into(),
        again: Again::No,
        cost: usage.map_or(Cost::Reserved, Cost::Reported),
    };
    if !is_json(incoming) {
        return Err(useless("its answer is not said to be JSON", None));
    }
    let reply: Value =
        serde_json::from_slice(&incoming.body).map_err(|_| useless("its answer is no JSON", None))?;
    let usage = reply.get("usage").and_then(read_usage);
    match read_choice(&reply) {
        Ok((text, truncated)) => Ok(Said { text: text.into(), truncated, model: read_model(&reply), usage }),
        Err(why) => Err(useless(why, usage)),
    }
}

/// The text of the one choice that was asked for, and whether it was cut.
fn read_choice(reply: &Value) -> Result<(&str, bool), &'static str> {
    let choice = reply.pointer("/choices/0").ok_or("its answer has no choice")?;
    let message = choice.get("message").ok_or("its answer has no message")?;
    let finish = choice.get("finish_reason").and_then(Value::as_str);
    let has = |key: &str| message.get(key).is_some_and(|value| !value.is_null() && *value != json!([]));
    if finish == Some("content_filter") {
        return Err("it withheld the answer");
    }
    match message.get("content") {
        Some(Value::String(text)) if !(text.is_empty() && has("refusal")) => {
            Ok((text, finish == Some("length")))
        }
        _ if has("refusal") => Err("the model declined to answer"),
        _ if has("tool_calls") => Err("the model called a tool, and has none"),
        _ => Err("its answer has no text"),
    }
}

/// Numbers no model counts to are no account at all.
fn read_usage(usage: &Value) -> Option<Usage> {
    let count = |key: &str| usage.get(key)?.as_u64().and_then(|count| u32::try_from(count).ok());
    let (tokens_in, tokens_out) = (count("prompt_tokens")?, count("completion_tokens")?);
    Some(Usage { tokens_in: tokens_in.into(), tokens_out: tokens_out.into() })
}

fn read_model(reply: &Value) -> Option<String> {
    let name = reply.get("model")?.as_str()?;
    let is_name = (1..=100).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic());
    is_name.then(|| name.to_owned())
}

fn is_json(incoming: &Incoming) -> bool {
    let kind = header(incoming, "content-type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

fn header<'a>(incoming: &'a Incoming, name: &str) -> Option<&'a str> {
    let (_, value) = incoming.headers.iter().find(|(own, _)| own == name)?;
    std::str::from_utf8(value).ok()
}

/// An answer that is an error. Nobody asks money for one.
fn refused(incoming: &Incoming) -> Trouble {
    let status = incoming.status;
    let rest = rest(incoming);
    let again = match (status, rest) {
        (429 | 500..=599, Some(rest)) => Again::After(rest),
        (429 | 500..=599, None) => Again::Soon,
        _ => Again::No,
    };
    let meaning = match status {
        300..=399 => " (it is elsewhere, and no redirect is followed)",
        401 | 403 => " (it does not take the key)",
        404 => " (it knows no such path or model)",
        429 => " (too many requests)",
        _ => "",
    };
    let code = code(incoming).map(|code| format!(" {code}")).unwrap_or_default();
    let wants = match again {
        Again::After(rest) => format!(", wants {} s of rest", rest.as_secs()),
        _ => String::new(),
    };
    Trouble { why: format!("status {status}{code}{meaning}{wants}"), again, cost: Cost::Nothing }
}

/// Seconds; a date would need clocks that agree, and then the own wait does.
fn rest(incoming: &Incoming) -> Option<Duration> {
    let seconds: u32 = header(incoming, "retry-after")?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.into()))
}

/// The error's code, when it is one word such as `model_not_found`. Its message is the server's own text.
fn code(incoming: &Incoming) -> Option<String> {
    let reply: Value = serde_json::from_slice(&incoming.body).ok()?;
    let code = reply.pointer("/error/code")?.as_str()?;
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    ((1..=40).contains(&code.len()) && code.bytes().all(is_word)).then(|| code.to_owned())
}
