//! Reading what a policy says of the world outside: places a skill may send requests to, models that answer for a
//! tier, and where the secrets for both are kept.

use super::{Rule, SecretSource};
use crate::form::{Field, Table};
use crate::grant::Authority;
use crate::http::{HOST_HEADERS, Hosts, HttpGrant, Injection, Target, read_methods, shortest};
use crate::id::{RuleId, SecretName};
use crate::inference::{InferenceGrant, LimitKey, Provider, Tier};
use crate::money::Money;
use crate::quantity::{Bytes, Span};
use core::net::IpAddr;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::path::{Component, PathBuf};

/// What a rule permits where it says nothing: small, never unlimited.
const MOST_CALLS: u64 = 10;
const MOST_SENT: Bytes = Bytes(64 << 10);
const MOST_RECEIVED: Bytes = Bytes(1 << 20);
const MOST_TOKENS: u64 = 4_000;
/// How long a provider may take where the policy says nothing.
const TIMEOUT: Span = Span(30_000);

/// A rule of kind http.
pub(super) fn read_http(table: &Table<'_, '_>) -> Option<HttpGrant> {
    let target: Option<Target> = table.required("bind").and_then(|field| field.parsed());
    let methods = table.required("methods").and_then(|field| read_methods(&field));
    let addresses = table.get("addresses").map_or(Some(Vec::new()), |field| read_addresses(&field));
    let inject = table.get("inject").map_or(Some(Vec::new()), |field| read_injections(&field));
    let wide = target.as_ref().is_some_and(Target::is_wide);
    let most = read_most(table, wide);
    let (calls_max, sent_max, received_max, hosts_max) = most?;
    let (target, methods, addresses, inject) = (target?, methods?, addresses?, inject?);
    Some(HttpGrant { target, methods, addresses, inject, calls_max, sent_max, received_max, hosts_max })
}

/// `most = { calls, sent, received, hosts }`; how many hosts is said for a wide target and for no other.
fn read_most(table: &Table<'_, '_>, wide: bool) -> Option<(u64, Bytes, Bytes, u64)> {
    let most = match table.get("most") {
        Some(field) => Some(field.table("`most`")?),
        None => None,
    };
    let get = |key| most.as_ref().and_then(|most| most.get(key));
    let calls = get("calls").map_or(Some(MOST_CALLS), |field| field.count());
    let sent = get("sent").map_or(Some(MOST_SENT), |field| field.bytes());
    let received = get("received").map_or(Some(MOST_RECEIVED), |field| field.bytes());
    let hosts = match get("hosts") {
        Some(field) if wide => field.count(),
        Some(field) => {
            field.tell_key("the rule is bound to one host: leave it out");
            None
        }
        None if wide => {
            table.tell_with("a rule for every host below a domain says how many", "most = { hosts = 3 }");
            None
        }
        None => Some(1),
    };
    if let Some(most) = &most {
        most.close();
    }
    Some((calls?, sent?, received?, hosts?))
}

/// Addresses or networks that a rule or provider reaches although they are special.
fn read_addresses(field: &Field<'_, '_>) -> Option<Vec<IpNet>> {
    let items = field.items();
    let nets: Vec<IpNet> = items.iter().filter_map(read_address).collect();
    (nets.len() == items.len() && !items.is_empty()).then(|| shortest(nets))
}

fn read_address(field: &Field<'_, '_>) -> Option<IpNet> {
    let text = field.text()?;
    let net = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    match net {
        None => field.tell_with(
            format!("`{text}` is no address or network"),
            "such as \"127.0.0.1\" or \"10.1.0.0/16\"",
        ),
        // Half of all addresses or more is no naming.
        Some(net) if net.prefix_len() < 8 => field.tell(format!("`{text}` is too wide")),
        Some(net) => return Some(net),
    }
    None
}

/// `inject = { authorization = "Bearer {crm-token}" }`.
fn read_injections(field: &Field<'_, '_>) -> Option<Vec<Injection>> {
    let table = field.table("`inject`")?;
    let fields: Vec<Field<'_, '_>> = table.fields().collect();
    let mut read: Vec<Injection> = fields.iter().filter_map(read_injection).collect();
    read.sort();
    (read.len() == fields.len()).then_some(read)
}

fn read_injection(field: &Field<'_, '_>) -> Option<Injection> {
    let text = field.text()?;
    if !is_header(field.key) || HOST_HEADERS.contains(&field.key) || field.key == "content-length" {
        field.tell_key(format!("`{}` is no header a rule can set, in lower case", field.key));
        return None;
    }
    let parts = text.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?)));
    let plain = |text: &str| text.bytes().all(|byte| (0x20..0x7f).contains(&byte) && !b"{}".contains(&byte));
    let Some((before, (name, after))) = parts.filter(|(before, (_, after))| plain(before) && plain(after))
    else {
        field.tell_with("it names no secret, or more than one", "authorization = \"Bearer {crm-token}\"");
        return None;
    };
    let secret = name.parse::<SecretName>().map_err(|error| field.tell(error.to_string())).ok()?;
    Some(Injection { header: field.key.into(), before: before.into(), secret, after: after.into() })
}

/// A header's name (RFC 9110, 5.1) in lower case.
fn is_header(name: &str) -> bool {
    let token =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.len() <= 64 && name.bytes().all(token)
}

/// A rule of kind inference.
pub(super) fn read_inference(table: &Table<'_, '_>) -> Option<InferenceGrant> {
    let tier: Option<Tier> = table.get("name").and_then(|field| field.word(&Tier::words()));
    let most = match table.get("most") {
        Some(field) => Some(field.table("`most`")?),
        None => None,
    };
    let get = |key| most.as_ref().and_then(|most| most.get(key));
    let calls = get("calls").map_or(Some(MOST_CALLS), |field| field.count());
    let tokens = get("tokens").map_or(Some(MOST_TOKENS), |field| field.count());
    let money: Option<Option<Money>> = get("money").map_or(Some(None), |field| field.parsed().map(Some));
    if let Some(most) = &most {
        most.close();
    }
    Some(InferenceGrant { tier: tier?, calls_max: calls?, tokens_max: tokens?, money_max: money? })
}

/// `[[provider]]`, in the order they are tried.
pub(super) fn read_providers(field: &Field<'_, '_>) -> Vec<Provider> {
    let mut providers: Vec<Provider> = Vec::new();
    for table in field.tables("[[provider]]") {
        let Some(provider) = read_provider(&table) else { continue };
        if providers.iter().any(|other| other.id == provider.id) {
            table.tell(format!("there is a provider `{}` already", provider.id));
        }
        providers.push(provider);
    }
    providers
}

fn read_provider(table: &Table<'_, '_>) -> Option<Provider> {
    let id: Option<RuleId> = table.required("id").and_then(|field| field.parsed());
    let tier = table.required("tier").and_then(|field| field.word(&Tier::words()));
    let base = table.required("bind").and_then(|field| read_base(&field));
    let addresses = table.get("addresses").map_or(Some(Vec::new()), |field| read_addresses(&field));
    let model = table.required("model").and_then(|field| field.line_text());
    let secret: Option<Option<SecretName>> =
        table.get("secret").map_or(Some(None), |field| field.parsed().map(Some));
    let timeout = table.get("timeout").map_or(Some(TIMEOUT), |field| field.span());
    let limit = table.get("limit").map_or(Some(LimitKey::default()), |field| field.word(&LimitKey::words()));
    table.close();
    Some(Provider {
        id: id?,
        tier: tier?,
        base: base?,
        addresses: addresses?,
        model: model?,
        secret: secret?,
        timeout: timeout?,
        limit: limit?,
    })
}

fn read_base(field: &Field<'_, '_>) -> Option<Target> {
    let base: Target = field.parsed()?;
    match (&base.hosts, base.path.ends_with('/')) {
        (Hosts::One(_), true) => return Some(base),
        (Hosts::Below(_), _) => field.tell("a provider is at one host"),
        (_, false) => {
            field.tell_with("a provider is bound to a folder of paths", format!("bind = \"{base}/\""))
        }
    }
    None
}

/// `[secret.NAME]` with `from = "env:NAME"` or `from = "file:/absolute/path"`.
pub(super) fn read_secrets(field: &Field<'_, '_>) -> BTreeMap<SecretName, SecretSource> {
    let Some(table) = field.table("[secret]") else { return BTreeMap::new() };
    table.fields().filter_map(|field| Some((field.parsed_key()?, read_secret(&field)?))).collect()
}

fn read_secret(field: &Field<'_, '_>) -> Option<SecretSource> {
    let table = field.table("a secret")?;
    let from = table.required("from");
    table.close();
    let from = from?;
    let source = source_of(from.text()?);
    if source.is_none() {
        from.tell_with(
            "a secret is never written here, only where it is kept",
            "from = \"env:CRM_TOKEN\" or from = \"file:/run/secrets/crm\"",
        );
    }
    source
}

fn source_of(text: &str) -> Option<SecretSource> {
    if let Some(name) = text.strip_prefix("env:") {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        return (!name.is_empty() && name.bytes().all(allowed))
            .then(|| SecretSource::Environment(name.into()));
    }
    let path = PathBuf::from(text.strip_prefix("file:")?);
    let plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    (path.is_absolute() && plain).then_some(SecretSource::File(path))
}

/// Every secret that is used is named, and every one that is named is used: a stray one is a forgotten promise.
pub(super) fn check_secrets(
    root: &Table<'_, '_>,
    rules: &[Rule],
    providers: &[Provider],
    secrets: &BTreeMap<SecretName, SecretSource>,
) {
    let mut used: Vec<(&RuleId, &SecretName)> = Vec::new();
    for rule in rules {
        if let Authority::Http(grant) = &rule.authority {
            used.extend(grant.inject.iter().map(|injection| (&rule.id, &injection.secret)));
        }
    }
    used.extend(providers.iter().filter_map(|provider| Some((&provider.id, provider.secret.as_ref()?))));
    for (by, name) in &used {
        if !secrets.contains_key(*name) {
            root.tell_with(
                format!("`{by}` uses the secret `{name}`, which is named nowhere"),
                format!("add: [secret.{name}] with from = \"env:NAME\" or \"file:/PATH\""),
            );
        }
    }
    for name in secrets.keys().filter(|name| used.iter().all(|(_, used)| used != name)) {
        root.tell(format!("the secret `{name}` is used by no rule and no provider"));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use crate::policy::{Policy, Surroundings};
    use std::path::Path;

    const RULE: &str = r#"version = 1
[[rule]]
id = "crm-api"
skill = "acme:sync"
kind = "http"
name = "crm"
bind = "https://api.acme.example/v1/"
methods = ["GET"]
addresses = ["10.1.0.0/16"]
inject = { authorization = "Bearer {crm-token}" }
most = { calls = 3 }
[[provider]]
id = "ollama"
tier = "local"
bind = "http://127.0.0.1:11434/v1/"
model = "qwen"
[secret.crm-token]
from = "env:CRM_TOKEN"
"#;

    /// What is wrong with the rule above after one change.
    fn told(from: &str, to: &str) -> String {
        assert_eq!(RULE.matches(from).count(), 1, "{from}");
        let (text, folder) = (RULE.replacen(from, to, 1), Path::new("/srv/home"));
        let surroundings = Surroundings { folder, closed: &[], links: |_| false };
        let read = Policy::parse("policy.toml", &text, surroundings);
        read.map_or_else(|problems| problems.to_string(), |_| "fine".into())
    }

    #[test]
    fn what_a_rule_says_of_the_world_outside_can_be_kept_or_is_refused() {
        assert_eq!(told("calls = 3", "calls = 4"), "fine");
        let table = [
            ("methods = [\"GET\"]", "methods = []"),
            ("methods = [\"GET\"]", "methods = [\"GET\", \"GET\"]"),
            ("methods = [\"GET\"]", "methods = [\"CONNECT\"]"),
            ("most = { calls = 3 }", "most = { hosts = 2 }"),
            ("https://api.", "https://*."),
            ("10.1.0.0/16", "0.0.0.0/0"),
            ("10.1.0.0/16", "metadata"),
            ("authorization = ", "Authorization = "),
            ("authorization = ", "host = "),
            ("authorization = ", "content-length = "),
            ("authorization = ", "proxy-connection = "),
            ("Bearer {crm-token}", "Bearer abc"),
            ("Bearer {crm-token}", "{crm-token}{crm-token}"),
            ("Bearer {crm-token}", "Bearer {crm-key}"),
            ("env:CRM_TOKEN", "s3cret"),
            ("env:CRM_TOKEN", "file:../token"),
            ("inject = { authorization = \"Bearer {crm-token}\" }\n", ""),
            ("11434/v1/", "11434/v1"),
            ("http://127.0.0.1:11434", "https://*.acme.example"),
        ];
        let lines: Vec<String> =
            table.iter().map(|(from, to)| format!("-> {}\n{}", to.trim(), told(from, to))).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        -> methods = []
        policy.toml:8:11: no method is named, so no request could be sent
        -> methods = ["GET", "GET"]
        policy.toml:8:19: GET is named twice
        -> methods = ["CONNECT"]
        policy.toml:8:12: `CONNECT` is no methods
        -> most = { hosts = 2 }
        policy.toml:11:10: the rule is bound to one host: leave it out
        -> https://*.
        policy.toml:2:1: a rule for every host below a domain says how many
        -> 0.0.0.0/0
        policy.toml:9:14: `0.0.0.0/0` is too wide
        -> metadata
        policy.toml:9:14: `metadata` is no address or network
        -> Authorization =
        policy.toml:10:12: `Authorization` is no header a rule can set, in lower case
        -> host =
        policy.toml:10:12: `host` is no header a rule can set, in lower case
        -> content-length =
        policy.toml:10:12: `content-length` is no header a rule can set, in lower case
        -> proxy-connection =
        policy.toml:10:12: `proxy-connection` is no header a rule can set, in lower case
        -> Bearer abc
        policy.toml:10:28: it names no secret, or more than one
        -> {crm-token}{crm-token}
        policy.toml:10:28: it names no secret, or more than one
        -> Bearer {crm-key}
        policy.toml:1:1: `crm-api` uses the secret `crm-key`, which is named nowhere
        policy.toml:1:1: the secret `crm-token` is used by no rule and no provider
        -> s3cret
        policy.toml:18:8: a secret is never written here, only where it is kept
        -> file:../token
        policy.toml:18:8: a secret is never written here, only where it is kept
        -> 
        policy.toml:1:1: the secret `crm-token` is used by no rule and no provider
        -> 11434/v1
        policy.toml:15:8: a provider is bound to a folder of paths
        -> https://*.acme.example
        policy.toml:15:8: a provider is at one host
        "#);
    }
}
