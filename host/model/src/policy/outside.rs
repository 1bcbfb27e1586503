//! Reading what a policy says of the world outside: places a skill may send requests to, models that answer for a
//! tier, and where the secrets for both are kept.

use super::read::plain_path;
use super::{CertificateFile, Rule};
use crate::digest::Digest;
use crate::form::{Field, Table};
use crate::grant::Authority;
use crate::http::{
    CertificateAuthority, Hosts, HttpGrant, Injection, InjectionError, Scheme, Target, read_methods, shortest,
};
use crate::id::{AuthorityName, RuleId, SecretName};
use crate::inference::{InferenceGrant, LimitKey, Provider, Tier};
use crate::money::Money;
use crate::quantity::{Bytes, Span};
use crate::secret::{Secret, SecretSource};
use core::net::{IpAddr, Ipv6Addr};
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::path::Path;

/// What a rule permits where it says nothing: small, never unlimited.
const MOST_CALLS: u64 = 10;
const MOST_SENT: Bytes = Bytes(64 << 10);
const MOST_RECEIVED: Bytes = Bytes(1 << 20);
const MOST_TOKENS: u64 = 4_000;
/// How long a provider may take where the policy says nothing.
const TIMEOUT: Span = Span(30_000);

/// A rule of kind http.
pub(super) fn read_http(
    table: &Table<'_, '_>,
    authorities: &Authorities,
    secrets: &Secrets,
) -> Option<HttpGrant> {
    let target: Option<Target> = table.required("bind").and_then(|field| field.parsed());
    let methods = table.required("methods").and_then(|field| read_methods(&field));
    let addresses = table.get("addresses").map_or(Some(Vec::new()), |field| read_addresses(&field));
    let inject = table.get("inject").map_or(Some(Vec::new()), |field| read_injections(&field, secrets));
    let vouched_by = read_vouched_by(table, target.as_ref(), authorities);
    let most = read_most(table, target.as_ref().map(Target::is_wide));
    let (calls_max, sent_max, received_max, hosts_max) = most?;
    let (target, methods, addresses, inject) = (target?, methods?, addresses?, inject?);
    let vouched_by = vouched_by?;
    Some(HttpGrant {
        target,
        methods,
        addresses,
        inject,
        vouched_by,
        calls_max,
        sent_max,
        received_max,
        hosts_max,
    })
}

/// `most = { calls, sent, received, hosts }`; how many hosts is said for a wide target and for no other. Of one that was
/// told to be none, nothing is known.
fn read_most(table: &Table<'_, '_>, wide: Option<bool>) -> Option<(u64, Bytes, Bytes, u64)> {
    let most = match table.get("most") {
        Some(field) => Some(field.table("`most`")?),
        None => None,
    };
    let get = |key| most.as_ref().and_then(|most| most.get(key));
    let calls = get("calls").map_or(Some(MOST_CALLS), |field| field.count());
    let sent = get("sent").map_or(Some(MOST_SENT), |field| field.bytes());
    let received = get("received").map_or(Some(MOST_RECEIVED), |field| field.bytes());
    let hosts = match get("hosts") {
        Some(field) if wide != Some(false) => field.count(),
        Some(field) => {
            field.tell_key("the rule is bound to one host: leave it out");
            None
        }
        None if wide == Some(true) => {
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
    if items.is_empty() {
        field.tell("no address is named: leave it out");
        return None;
    }
    let nets: Vec<IpNet> = items.iter().filter_map(read_address).collect();
    (nets.len() == items.len()).then(|| shortest(nets))
}

fn read_address(field: &Field<'_, '_>) -> Option<IpNet> {
    let text = field.text()?;
    let net = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    match net {
        None => field.tell_with(
            format!("`{text}` is no address or network"),
            "such as \"127.0.0.1\" or \"10.1.0.0/16\"",
        ),
        Some(net) if net.trunc() != net => {
            let words = format!("`{text}` is an address in a network, not a network");
            field.tell_with(words, format!("\"{}\" or \"{}\"", net.trunc(), net.addr()));
        }
        Some(net) if is_too_wide(net) => field.tell(format!("`{text}` is too wide")),
        Some(net) => return Some(net),
    }
    None
}

/// Blocks of IPv6 that carry an IPv4 address behind so many bits: compatible, mapped, NAT64, 6to4.
const CARRIERS: [(Ipv6Addr, u8); 5] = [
    (Ipv6Addr::UNSPECIFIED, 96),
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96),
    (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96),
    (Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
];

/// Whether it is more than a naming: a 256th of all addresses, IPv4 ones that are carried in IPv6 counted like others.
fn is_too_wide(net: IpNet) -> bool {
    let carried = |(first, length): (Ipv6Addr, u8)| {
        let block = IpNet::new(first.into(), length);
        block.is_ok_and(|it| it.contains(&net) || net.contains(&it)) && net.prefix_len() < length + 8
    };
    net.prefix_len() < 8 || (matches!(net, IpNet::V6(_)) && CARRIERS.into_iter().any(carried))
}

/// `inject = { authorization = "Bearer {crm-token}" }`.
fn read_injections(field: &Field<'_, '_>, secrets: &Secrets) -> Option<Vec<Injection>> {
    let table = field.table("`inject`")?;
    let fields: Vec<Field<'_, '_>> = table.fields().collect();
    let read = fields.iter().filter_map(|field| read_injection(field, secrets));
    let mut read: Vec<Injection> = read.collect();
    read.sort();
    (read.len() == fields.len()).then_some(read)
}

fn read_injection(field: &Field<'_, '_>, secrets: &Secrets) -> Option<Injection> {
    let told = |error: InjectionError| match error {
        InjectionError::Header(_) => field.tell_key(error.to_string()),
        InjectionError::Secrets => {
            field.tell_with(error.to_string(), "authorization = \"Bearer {crm-token}\"")
        }
        InjectionError::Name(_) => field.tell(error.to_string()),
    };
    let [before, name, after] = Injection::parts(field.key, field.text()?).map_err(told).ok()?;
    let secret = read_use(field, name, secrets)?;
    Some(Injection { header: field.key.into(), before: before.into(), secret, after: after.into() })
}

/// Secrets by name; none for one that is named and was told to be wrong.
pub(super) type Secrets = BTreeMap<SecretName, Option<SecretSource>>;

/// A secret that a rule or provider uses, with where it is kept.
fn read_use(field: &Field<'_, '_>, name: &str, secrets: &Secrets) -> Option<Secret> {
    let name: SecretName =
        name.parse().map_err(|error: crate::id::InvalidName| field.tell(error.to_string())).ok()?;
    let Some(from) = secrets.get(&name) else {
        let hint = format!("add: [secret.{name}] with from = \"env:NAME\" or \"file:/PATH\"");
        field.tell_with(format!("the secret `{name}` is named nowhere"), hint);
        return None;
    };
    Some(Secret { name, from: from.clone()? })
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
    Some(InferenceGrant {
        tier: tier?,
        calls_max: calls?,
        tokens_max: tokens?,
        money_max: money?,
        answered_by: Vec::new(),
    })
}

/// `[[provider]]`, in the order they are tried.
pub(super) fn read_providers(
    field: &Field<'_, '_>,
    authorities: &Authorities,
    secrets: &Secrets,
) -> Vec<Provider> {
    let mut providers: Vec<Provider> = Vec::new();
    for table in field.tables("[[provider]]") {
        let read = || read_provider(&table, authorities, secrets);
        let Some(provider) = table.or_told(read) else { continue };
        if providers.iter().any(|other| other.id == provider.id) {
            table.tell(format!("there is a provider `{}` already", provider.id));
        }
        providers.push(provider);
    }
    providers
}

/// Who answers for the tier of each rule: known once all providers are read.
pub(super) fn bind_answers(rules: &mut [Rule], providers: &[Provider]) {
    for rule in rules {
        if let Authority::Inference(grant) = &mut rule.authority {
            let answering = providers.iter().filter(|provider| provider.tier == grant.tier);
            grant.answered_by = answering.map(Provider::answering).collect();
        }
    }
}

fn read_provider(table: &Table<'_, '_>, authorities: &Authorities, secrets: &Secrets) -> Option<Provider> {
    let id: Option<RuleId> = table.required("id").and_then(|field| field.parsed());
    let tier = table.required("tier").and_then(|field| field.word(&Tier::words()));
    let base = table.required("bind").and_then(|field| read_base(&field));
    let addresses = table.get("addresses").map_or(Some(Vec::new()), |field| read_addresses(&field));
    let model = table.required("model").and_then(|field| field.line_text());
    let secret = table.get("secret");
    let secret = secret.map_or(Some(None), |field| read_use(&field, field.text()?, secrets).map(Some));
    let vouched_by = read_vouched_by(table, base.as_ref(), authorities);
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
        vouched_by: vouched_by?,
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

/// Certificate authorities by name; none for one that is named and was told to be wrong.
pub(super) type Authorities = BTreeMap<AuthorityName, Option<CertificateFile>>;

/// `authority = "NAME"` of a rule or provider: only where a certificate is shown can anybody vouch for it.
fn read_vouched_by(
    table: &Table<'_, '_>,
    target: Option<&Target>,
    authorities: &Authorities,
) -> Option<Option<CertificateAuthority>> {
    let Some(field) = table.get("authority") else { return Some(None) };
    let name: AuthorityName = field.parsed()?;
    if target.is_some_and(|target| target.scheme != Scheme::Https) {
        field.tell_key("nobody vouches for a place that is reached without TLS: leave it out");
        return None;
    }
    let Some(named) = authorities.get(&name) else {
        let hint = format!("add: [authority.{name}] with file = \"./{name}.pem\" and digest = \"sha256:…\"");
        field.tell_with(format!("the authority `{name}` is named nowhere"), hint);
        return None;
    };
    Some(Some(CertificateAuthority { name, digest: named.as_ref()?.digest }))
}

/// `[authority.NAME]` with `file` and `digest`.
pub(super) fn read_authorities(field: &Field<'_, '_>, folder: &Path) -> Authorities {
    let Some(table) = field.table("[authority]") else { return BTreeMap::new() };
    table
        .fields()
        .filter_map(|field| Some((field.parsed_key()?, field.or_told(|| read_certificates(&field, folder)))))
        .collect()
}

fn read_certificates(field: &Field<'_, '_>, folder: &Path) -> Option<CertificateFile> {
    let table = field.table("an authority")?;
    let file = table.required("file");
    let digest: Option<Digest> = table.required("digest").and_then(|field| field.parsed());
    table.close();
    let file = file?;
    let text = file.text()?;
    match plain_path(text) {
        Ok(()) => Some(CertificateFile { path: folder.join(text).components().collect(), digest: digest? }),
        Err(why) => {
            file.tell_with(format!("`file` {why}"), "one file, such as \"./corp-ca.pem\"");
            None
        }
    }
}

/// An authority that vouches for nothing is a forgotten trust.
pub(super) fn check_authorities(
    root: &Table<'_, '_>,
    rules: &[Rule],
    providers: &[Provider],
    authorities: &Authorities,
) {
    let mut used: Vec<&CertificateAuthority> =
        providers.iter().filter_map(|it| it.vouched_by.as_ref()).collect();
    used.extend(rules.iter().filter_map(|rule| match &rule.authority {
        Authority::Http(grant) => grant.vouched_by.as_ref(),
        _ => None,
    }));
    for name in authorities.keys().filter(|name| used.iter().all(|used| used.name != **name)) {
        root.tell(format!("the authority `{name}` vouches for no rule and no provider"));
    }
}

/// `[secret.NAME]` with `from = "env:NAME"` or `from = "file:/absolute/path"`.
pub(super) fn read_secrets(field: &Field<'_, '_>) -> Secrets {
    let Some(table) = field.table("[secret]") else { return BTreeMap::new() };
    table
        .fields()
        .filter_map(|field| Some((field.parsed_key()?, field.or_told(|| read_secret(&field)))))
        .collect()
}

fn read_secret(field: &Field<'_, '_>) -> Option<SecretSource> {
    let table = field.table("a secret")?;
    let from = table.required("from");
    table.close();
    let from = from?;
    let source = from.text()?.parse().ok();
    if source.is_none() {
        from.tell_with(
            "a secret is never written here, only where it is kept",
            "from = \"env:CRM_TOKEN\" or from = \"file:/run/secrets/crm\"",
        );
    }
    source
}

/// Every secret that is named is used: a stray one is a forgotten promise. Told where it stands, in a policy that has
/// no other problem.
pub(super) fn check_secrets(root: &Table<'_, '_>, rules: &[Rule], providers: &[Provider]) {
    let mut used: Vec<&Secret> = providers.iter().filter_map(|it| it.secret.as_ref()).collect();
    for rule in rules {
        if let Authority::Http(grant) = &rule.authority {
            used.extend(grant.inject.iter().map(|injection| &injection.secret));
        }
    }
    let named = root.get("secret").and_then(|field| field.table("[secret]"));
    for field in named.iter().flat_map(Table::fields) {
        if used.iter().all(|used| used.name.as_str() != field.key) {
            field.tell_key(format!("the secret `{}` is used by no rule and no provider", field.key));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use crate::form::Form;
    use crate::grant::{Authority, Grant, GrantSet};
    use crate::http::HttpGrant;
    use crate::lock::grant_lines;
    use crate::policy::{Policy, Surroundings, authority_words};
    use crate::source::Source;
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
        for net in ["10.0.0.0/8", "10.1.2.3", "fd00::/8", "::1", "::ffff:10.0.0.0/104", "64:ff9b::a00:0/104"]
        {
            assert_eq!(told("10.1.0.0/16", net), "fine", "{net}");
        }
        // Of a place that is none it is not known whether it is one host.
        let (from, to) = (RULE.find("https://api").unwrap(), RULE.find("[[provider]]").unwrap());
        let wide = RULE[from..to].replace("https://api.acme.example/v1/", "https://*.com/");
        insta::assert_snapshot!(told(&RULE[from..to], &wide.replace("calls = 3", "hosts = 3")), @r#"
        policy.toml:7:8: `*.com` is too wide: anybody can have a host below `com`
        "#);
        let table = [
            ("methods = [\"GET\"]", "methods = []"),
            ("methods = [\"GET\"]", "methods = [\"GET\", \"GET\"]"),
            ("methods = [\"GET\"]", "methods = [\"CONNECT\"]"),
            ("most = { calls = 3 }", "most = { hosts = 2 }"),
            ("https://api.", "https://*."),
            ("10.1.0.0/16", "0.0.0.0/0"),
            ("10.1.0.0/16", "metadata"),
            ("10.1.0.0/16", "10.1.2.3/16"),
            ("10.1.0.0/16", "::/8"),
            ("10.1.0.0/16", "::ffff:0:0/96"),
            ("10.1.0.0/16", "64:ff9b::/96"),
            ("10.1.0.0/16", "2002::/16"),
            ("[\"10.1.0.0/16\"]", "[]"),
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
        policy.toml:8:12: `CONNECT` is no method
        -> most = { hosts = 2 }
        policy.toml:11:10: the rule is bound to one host: leave it out
        -> https://*.
        policy.toml:2:1: a rule for every host below a domain says how many
        -> 0.0.0.0/0
        policy.toml:9:14: `0.0.0.0/0` is too wide
        -> metadata
        policy.toml:9:14: `metadata` is no address or network
        -> 10.1.2.3/16
        policy.toml:9:14: `10.1.2.3/16` is an address in a network, not a network
        -> ::/8
        policy.toml:9:14: `::/8` is too wide
        -> ::ffff:0:0/96
        policy.toml:9:14: `::ffff:0:0/96` is too wide
        -> 64:ff9b::/96
        policy.toml:9:14: `64:ff9b::/96` is too wide
        -> 2002::/16
        policy.toml:9:14: `2002::/16` is too wide
        -> []
        policy.toml:9:13: no address is named: leave it out
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
        policy.toml:10:28: the secret `crm-key` is named nowhere
        -> s3cret
        policy.toml:18:8: a secret is never written here, only where it is kept
        -> file:../token
        policy.toml:18:8: a secret is never written here, only where it is kept
        -> 
        policy.toml:16:9: the secret `crm-token` is used by no rule and no provider
        -> 11434/v1
        policy.toml:15:8: a provider is bound to a folder of paths
        -> https://*.acme.example
        policy.toml:15:8: a provider is at one host
        "#);
    }

    /// Whatever stands as a value, it is read or it is told: nothing that is written is passed over.
    #[test]
    fn no_value_of_a_policy_is_dropped_without_a_word() {
        let text = format!(
            "{RULE}[[rule]]\nid = \"no\"\neffect = \"deny\"\nskill = \"any\"\nkind = \"files\"\nbind = \"./x\"\naccess = \"write\"\n\
             [[rule]]\nid = \"files\"\nskill = \"acme:sync\"\nkind = \"files\"\nname = \"x\"\nbind = \"./x\"\naccess = \"write\"\nmarks = [\"outbound\"]\nmost = {{ files = 1 }}\n\
             [[rule]]\nid = \"keys\"\nskill = \"acme:sync\"\nkind = \"keyvalue\"\nname = \"k\"\nbind = \"namespace:k\"\naccess = \"read\"\n\
             [[rule]]\nid = \"set\"\nskill = \"acme:sync\"\nkind = \"config\"\nbind = {{ a = \"b\" }}\n\
             [[rule]]\nid = \"time\"\nskill = \"acme:sync\"\nkind = \"clock\"\nresolution = \"1s\"\n\
             [[rule]]\nid = \"asks\"\nskill = \"acme:sync\"\nkind = \"inference\"\nname = \"local\"\n\
             [[budget]]\nflow = \"f\"\nper = \"day\"\nmost = \"1 EUR\"\n\
             [role.legal]\npeople = [\"user:ada\"]\n[limits.any]\nfuel = 7\n[inert]\nany = [\"wasi:sockets\"]\n"
        );
        let counted = |policy: &Policy| {
            let things =
                [policy.rules.len(), policy.denials.len(), policy.providers.len(), policy.budgets.len()];
            (things, policy.roles.len(), policy.secrets.len())
        };
        let whole = counted(&vouched(&text).unwrap());
        assert_eq!(whole, ([6, 1, 1, 1], 1, 1));
        let lines: Vec<&str> = text.lines().collect();
        for (index, line) in lines.iter().enumerate().filter(|(_, line)| line.contains(" = ")) {
            let key = line.split(" = ").next().unwrap();
            for value in ["[]", "{}", "\"\"", "\"x\"", "0", "-1", "1", "true", "[1]", "[\"\"]", "{ a = 1 }"] {
                let mut changed: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
                changed[index] = format!("{key} = {value}");
                if let Ok(policy) = vouched(&changed.join("\n")) {
                    assert_eq!(counted(&policy), whole, "line {}: {key} = {value}", index + 1);
                }
            }
        }
    }

    #[test]
    fn a_reader_that_gives_up_without_a_word_is_told() {
        let read = |silent: bool| {
            let source = Source { file: "policy.toml", text: "\n[[rule]]\na = 1\n" };
            let read = Form::read(source, |root| {
                let tables = root.get("rule")?.tables("[[rule]]");
                let read = tables.iter().filter_map(|table| table.or_told(|| (!silent).then_some(())));
                Some(read.count())
            });
            read.map_err(|problems| problems.to_string())
        };
        assert_eq!(read(false), Ok(1));
        assert_eq!(read(true), Err("policy.toml:2:1: it can't be read".to_owned()));
    }

    /// What is granted of a policy, in the lines that are approved and in the words that people read.
    fn granted(text: &str) -> (GrantSet, String) {
        let policy = vouched(text).unwrap();
        let grants = policy.rules.iter().map(|rule| Grant {
            name: rule.name.clone(),
            rule: rule.id.clone(),
            authority: rule.authority.clone(),
        });
        let set = GrantSet::of(grants.collect());
        let mut told = grant_lines(&set, Path::new("/srv/home"));
        told.extend(policy.rules.iter().map(|rule| authority_words(&rule.authority, Path::new("/srv/home"))));
        (set, told.join("\n"))
    }

    #[test]
    fn where_prompts_go_and_which_secret_is_sent_is_part_of_what_is_granted_and_approved() {
        let text = format!(
            "{RULE}[[rule]]\nid = \"asks\"\nskill = \"acme:sync\"\nkind = \"inference\"\nname = \"local\"\n\
             [[provider]]\nid = \"desk\"\ntier = \"local\"\nbind = \"https://gpu.acme.example/v1/\"\n\
             model = \"m\"\naddresses = [\"10.1.0.0/16\"]\nsecret = \"gpu-key\"\n\
             [secret.gpu-key]\nfrom = \"file:/run/gpu\"\n"
        );
        let (before, told) = granted(&text);
        insta::assert_snapshot!(told, @r#"
        http crm by crm-api: addresses=["10.1.0.0/16"] calls_max=3 hosts_max=1 inject=["authorization: Bearer {crm-token from env:CRM_TOKEN}"] methods=["GET"] received_max=1048576 sent_max=65536 target="https://api.acme.example/v1/"
        inference local by asks: answered_by=[{"base":"http://127.0.0.1:11434/v1/","id":"ollama","model":"qwen"},{"addresses":["10.1.0.0/16"],"base":"https://gpu.acme.example/v1/","id":"desk","model":"m","secret":"gpu-key from file:/run/gpu"}] calls_max=10 tier="local" tokens_max=4000
        GET https://api.acme.example/v1/, 3 requests, 64 KiB out, 1 MiB in, at 10.1.0.0/16, with authorization: Bearer {crm-token from env:CRM_TOKEN}
        10 calls, 4000 tokens, answered by ollama (qwen at http://127.0.0.1:11434/v1/), then desk (m at https://gpu.acme.example/v1/, at 10.1.0.0/16, with {gpu-key from file:/run/gpu})
        "#);
        assert!(before.covers(&before));
        let another = |from: &str, to: &str| {
            assert_eq!(text.matches(from).count(), 1, "{from}");
            granted(&text.replacen(from, to, 1)).0
        };
        for (from, to) in [
            ("env:CRM_TOKEN", "env:OTHER"),
            ("env:CRM_TOKEN", "file:/run/crm"),
            ("http://127.0.0.1:11434/v1/", "http://127.0.0.1:9999/v1/"),
            ("https://gpu.acme.example/v1/", "https://evil.example/v1/"),
            ("model = \"qwen\"", "model = \"other\""),
            ("addresses = [\"10.1.0.0/16\"]\nsecret", "addresses = [\"10.2.0.0/16\"]\nsecret"),
            ("file:/run/gpu", "file:/run/cpu"),
            ("id = \"ollama\"\ntier = \"local\"", "id = \"ollama\"\ntier = \"cheap\""),
        ] {
            assert!(!before.covers(&another(from, to)), "{from} -> {to}");
        }
        // One who is asked last and is asked no more takes nothing to another place.
        assert!(
            before.covers(&another("id = \"desk\"\ntier = \"local\"", "id = \"desk\"\ntier = \"cheap\""))
        );
        assert!(before.covers(&another("model = \"qwen\"", "model = \"qwen\"\ntimeout = \"1s\"")));
    }

    const VOUCHED: &str = r#"version = 1
[[rule]]
id = "crm-api"
skill = "acme:sync"
kind = "http"
name = "crm"
bind = "https://crm.acme.example/v1/"
methods = ["GET"]
authority = "acme-ca"
[[provider]]
id = "own-gpu"
tier = "local"
bind = "https://gpu.acme.example/v1/"
model = "qwen"
authority = "acme-ca"
[authority.acme-ca]
file = "./certificates/acme-ca.pem"
digest = "sha256:817f77ec69b8d7577f80631736a3ce3fe13e14cc13887fad6cefcb6a578b29aa"
"#;

    fn vouched(text: &str) -> Result<Policy, String> {
        let surroundings = Surroundings { folder: Path::new("/srv/home"), closed: &[], links: |_| false };
        Policy::parse("policy.toml", text, surroundings).map_err(|problems| problems.to_string())
    }

    #[test]
    fn who_vouches_for_a_place_is_part_of_what_is_granted_and_approved() {
        let policy = vouched(VOUCHED).unwrap();
        let file = policy.authorities.values().next().unwrap();
        assert_eq!(file.path, Path::new("/srv/home/certificates/acme-ca.pem"));
        let Authority::Http(granted) = &policy.rules[0].authority else { panic!("http is granted") };
        assert_eq!(granted.vouched_by, policy.providers[0].vouched_by);
        let authority = granted.vouched_by.clone().unwrap();
        assert_eq!((authority.name.as_str(), authority.digest), ("acme-ca", file.digest));
        let grant = Grant {
            name: "crm".parse().unwrap(),
            rule: "crm-api".parse().unwrap(),
            authority: policy.rules[0].authority.clone(),
        };
        let set = GrantSet { grants: vec![grant], ..GrantSet::default() };
        insta::assert_snapshot!(grant_lines(&set, Path::new("/srv/home")).join("\n"), @r#"
        http crm by crm-api: calls_max=10 hosts_max=1 methods=["GET"] received_max=1048576 sent_max=65536 target="https://crm.acme.example/v1/" vouched_by={"digest":"sha256:817f77ec69b8d7577f80631736a3ce3fe13e14cc13887fad6cefcb6a578b29aa","name":"acme-ca"}
        "#);
        insta::assert_snapshot!(authority_words(&policy.rules[0].authority, Path::new("/srv/home")), @r#"
        GET https://crm.acme.example/v1/, 10 requests, 64 KiB out, 1 MiB in, vouched for by acme-ca (817f77ec69b8)
        "#);
        // With another authority, or none, it is another place.
        let plain = HttpGrant { vouched_by: None, ..granted.clone() };
        assert_eq!((granted.meet(&plain), plain.meet(granted)), (None, None));
        assert_eq!(granted.meet(granted).as_ref(), Some(granted));
    }

    #[test]
    fn an_authority_is_named_once_and_vouches_for_something() {
        let told = |from: &str, to: &str| {
            assert!(VOUCHED.contains(from), "{from}");
            format!(
                "-> {to}\n{}",
                vouched(&VOUCHED.replacen(from, to, 1)).map_or_else(|told| told, |_| "fine".into())
            )
        };
        let both = VOUCHED.replace("authority = \"acme-ca\"\n", "");
        let lines = [
            told("authority = \"acme-ca\"", "authority = \"acme\""),
            told("https://crm", "http://crm"),
            told("https://gpu", "http://gpu"),
            told("digest = \"sha256:817f", "digest = \"sha256:817"),
            told("./certificates/", "../"),
            told("file = ", "path = "),
            format!("-> used by none\n{}", vouched(&both).map_or_else(|told| told, |_| "fine".into())),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r#"
        -> authority = "acme"
        policy.toml:9:13: the authority `acme` is named nowhere
        -> http://crm
        policy.toml:9:1: nobody vouches for a place that is reached without TLS: leave it out
        -> http://gpu
        policy.toml:15:1: nobody vouches for a place that is reached without TLS: leave it out
        -> digest = "sha256:817
        policy.toml:18:10: not a digest: expected `sha256:` and 64 lower-case hex digits
        -> ../
        policy.toml:17:8: `file` has `..`, which could lead anywhere
        -> path = 
        policy.toml:16:1: an authority has no `file`
        policy.toml:17:1: an authority has no key `path`
        -> used by none
        policy.toml:1:1: the authority `acme-ca` vouches for no rule and no provider
        "#);
    }
}
