//! The narrowest rules for what a skill was seen to need: printed for a person to judge, never applied.
//!
//! A rule is never wider than the grant it was seen under. A directory stays the one that is bound, because the paths
//! a skill says are below it; what of it was used is told beside the rule.

use crate::capability::Access;
use crate::grant::{Authority, Grant};
use crate::http::{Hosts, HttpGrant, Method, Target};
use crate::id::SkillName;
use crate::inference::InferenceGrant;
use crate::manifest::Ask;
use crate::mark::Mark;
use crate::quantity::Bytes;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use url::Url;

/// What recorded uses of one grant needed: what was done, and the most of it in one attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Needs {
    /// Whether it was read from.
    pub reads: bool,
    /// Whether it was written to.
    pub writes: bool,
    /// The paths, keys or settings.
    pub objects: BTreeSet<String>,
    /// Most bytes one attempt wrote, drew or said.
    pub bytes: u64,
    /// Most files or keys one attempt wrote.
    pub things: u64,
    /// The largest file written.
    pub largest: u64,
    /// The requests that were sent.
    pub requests: BTreeSet<(Method, String)>,
    /// Most requests or completions of one attempt.
    pub calls: u64,
    /// Most bytes one attempt sent.
    pub sent: u64,
    /// Most bytes one attempt received.
    pub received: u64,
    /// Most tokens of one attempt.
    pub tokens: u64,
}

impl Needs {
    /// What both need.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.objects.extend(other.objects);
        self.requests.extend(other.requests);
        Self {
            reads: self.reads || other.reads,
            writes: self.writes || other.writes,
            objects: self.objects,
            requests: self.requests,
            bytes: self.bytes.max(other.bytes),
            things: self.things.max(other.things),
            largest: self.largest.max(other.largest),
            calls: self.calls.max(other.calls),
            sent: self.sent.max(other.sent),
            received: self.received.max(other.received),
            tokens: self.tokens.max(other.tokens),
        }
    }
}

/// A rule that would suffice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Suggested {
    /// The grant as it is.
    pub grant: Grant,
    /// The authority that would suffice; none when it was never used.
    pub authority: Option<Authority>,
    /// What the rule says of the data; none when it leaves that to the kind.
    pub marks: Option<BTreeSet<Mark>>,
    /// What was used of it, for people.
    pub used: String,
    /// What must change in the manifest first, because it asks for more than this rule would give.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
}

impl Suggested {
    /// What would suffice of a grant; `marks` are what its rule says of the data, which stays said.
    #[must_use]
    pub fn of(grant: &Grant, needs: Option<&Needs>, marks: Option<BTreeSet<Mark>>) -> Self {
        let authority = needs.and_then(|needs| enough(&grant.authority, needs));
        let used = needs.map(used).unwrap_or_default();
        Self { grant: grant.clone(), authority, marks, used, first: None }
    }

    /// The same beside what the skill asks for: it does not run with less, unless it can do without.
    #[must_use]
    pub fn beside(mut self, ask: Option<&Ask>) -> Self {
        let short = ask.filter(|ask| !ask.optional).zip(self.authority.as_ref());
        self.first = short.filter(|(ask, enough)| !enough.fulfils(&ask.wish)).map(|(ask, _)| {
            format!(
                "skill.toml:{} asks to {}: until it asks for less, this rule refuses it",
                ask.line, ask.wish
            )
        });
        self
    }

    /// The rule as it would stand in a policy; a comment where nothing was used.
    #[must_use]
    pub fn rule(&self, skill: &SkillName, folder: &Path) -> String {
        let Grant { name, rule, authority } = &self.grant;
        let kind = authority.kind();
        let Some(enough) = &self.authority else {
            return format!("# {kind} `{name}` was never used: rule `{rule}` could go\n");
        };
        let mut text = String::new();
        if !self.used.is_empty() {
            let _ = writeln!(text, "# used: {}", self.used);
        }
        if let Some(first) = &self.first {
            let _ = writeln!(text, "# first: {first}");
        }
        let _ = writeln!(text, "[[rule]]\nid = \"{rule}\"\nskill = \"{skill}\"\nkind = \"{kind}\"");
        if kind.is_named() {
            let _ = writeln!(text, "name = \"{name}\"");
        }
        text.push_str(&lines(enough, folder));
        if let Some(marks) = &self.marks {
            let marks: Vec<String> = marks.iter().map(|mark| format!("\"{}\"", mark.word())).collect();
            let _ = writeln!(text, "marks = [{}]", marks.join(", "));
        }
        text
    }
}

/// As much of an authority as is needed.
fn enough(authority: &Authority, needs: &Needs) -> Option<Authority> {
    let within = |most: Bytes, needed: u64| most.min(Bytes(needed.max(1)));
    Some(match authority.clone() {
        Authority::Files { root, identity, access, bytes_max, file_max, files_max } => {
            let access = used_access(needs)?.meet(access)?;
            let whole = Authority::Files {
                root,
                identity,
                access,
                bytes_max: within(bytes_max, needs.bytes),
                file_max: within(file_max, needs.largest),
                files_max: files_max.min(needs.things.max(1)),
            };
            whole.within(Some(access))?
        }
        Authority::Keyvalue { namespace, access, bytes_max, keys_max } => {
            let access = used_access(needs)?.meet(access)?;
            let whole = Authority::Keyvalue {
                namespace,
                access,
                bytes_max: within(bytes_max, needs.bytes),
                keys_max: keys_max.min(needs.things.max(1)),
            };
            whole.within(Some(access))?
        }
        Authority::Config { values } => Authority::Config {
            values: values.into_iter().filter(|(key, _)| needs.objects.contains(key)).collect(),
        },
        Authority::Clock { resolution } => Authority::Clock { resolution },
        Authority::Random { bytes_max } => Authority::Random { bytes_max: within(bytes_max, needs.bytes) },
        Authority::Logging { bytes_max } => Authority::Logging { bytes_max: within(bytes_max, needs.bytes) },
        Authority::Notes { bytes_max } => Authority::Notes { bytes_max: within(bytes_max, needs.bytes) },
        Authority::Http(grant) => Authority::Http(enough_http(grant, needs)?),
        Authority::Inference(grant) => Authority::Inference(InferenceGrant {
            calls_max: grant.calls_max.min(needs.calls.max(1)),
            tokens_max: grant.tokens_max.min(needs.tokens.max(1)),
            ..grant
        }),
    })
}

fn used_access(needs: &Needs) -> Option<Access> {
    match (needs.reads, needs.writes) {
        (true, true) => Some(Access::ReadWrite),
        (true, false) => Some(Access::Read),
        (false, true) => Some(Access::Write),
        (false, false) => None,
    }
}

fn enough_http(grant: HttpGrant, needs: &Needs) -> Option<HttpGrant> {
    let methods: BTreeSet<Method> = needs.requests.iter().map(|(method, _)| *method).collect();
    let urls: Vec<Url> = needs.requests.iter().filter_map(|(_, url)| url.parse().ok()).collect();
    let hosts: BTreeSet<&str> = urls.iter().filter_map(Url::host_str).collect();
    let folders =
        urls.iter().map(|url| url.path().rsplit_once('/').map_or("", |(folder, _)| folder).to_owned());
    let path = format!("{}/", folders.reduce(|one, other| common(&one, &other))?);
    // The prefix of the rule is never left: what is common could be above it when other requests were refused.
    let path = if path.starts_with(&grant.target.path) { path } else { grant.target.path.clone() };
    let hosts = match hosts.iter().next() {
        Some(only) if hosts.len() == 1 => Hosts::One((*only).to_owned()),
        _ => grant.target.hosts.clone(),
    };
    let count = if matches!(hosts, Hosts::One(_)) { 1 } else { grant.hosts_max };
    let target = Target { hosts, path, ..grant.target.clone() };
    Some(HttpGrant {
        methods: grant.methods.intersection(&methods).copied().collect(),
        target,
        calls_max: grant.calls_max.min(needs.calls.max(1)),
        sent_max: grant.sent_max.min(Bytes(needs.sent.max(1))),
        received_max: grant.received_max.min(Bytes(needs.received.max(1))),
        hosts_max: count,
        ..grant
    })
    .filter(|grant| !grant.methods.is_empty())
}

/// The folder both are in, without the slash at its end.
fn common(one: &str, other: &str) -> String {
    let pairs = one.split('/').zip(other.split('/'));
    pairs.take_while(|(one, other)| one == other).map(|(name, _)| name).collect::<Vec<_>>().join("/")
}

/// What was used, for people: a few objects, or the folder all of them are in.
fn used(needs: &Needs) -> String {
    const SHOWN: usize = 5;
    let objects = &needs.objects;
    if objects.len() <= SHOWN {
        return objects.iter().map(|object| object.escape_debug().to_string()).collect::<Vec<_>>().join(", ");
    }
    let folders =
        objects.iter().map(|path| path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned());
    match folders.reduce(|one, other| common(&one, &other)).filter(|folder| !folder.is_empty()) {
        Some(folder) => format!("{} below {}/", objects.len(), folder.escape_debug()),
        None => format!("{} different ones", objects.len()),
    }
}

/// The lines of a rule for an authority.
fn lines(authority: &Authority, folder: &Path) -> String {
    match authority {
        Authority::Files { root, access, bytes_max, file_max, files_max, .. } => {
            let root = match Path::new(root).strip_prefix(folder) {
                Ok(below) => format!("./{}", below.display()),
                Err(_) => root.clone(),
            };
            let most =
                format!("most = {{ files = {files_max}, bytes = {}, file = {} }}\n", bytes_max.0, file_max.0);
            format!(
                "bind = {}\naccess = \"{access}\"\n{}",
                quoted(&root),
                if access.writes() { &most } else { "" }
            )
        }
        Authority::Keyvalue { namespace, access, bytes_max, keys_max } => {
            let most = format!("most = {{ keys = {keys_max}, bytes = {} }}\n", bytes_max.0);
            format!(
                "bind = \"namespace:{namespace}\"\naccess = \"{access}\"\n{}",
                if access.writes() { &most } else { "" }
            )
        }
        Authority::Config { values } => {
            let values: Vec<String> =
                values.iter().map(|(key, value)| format!("{} = {}", quoted(key), quoted(value))).collect();
            format!("bind = {{ {} }}\n", values.join(", "))
        }
        Authority::Clock { resolution } => format!("resolution = \"{}ms\"\n", resolution.0),
        Authority::Random { bytes_max }
        | Authority::Logging { bytes_max }
        | Authority::Notes { bytes_max } => {
            format!("most = {{ bytes = {} }}\n", bytes_max.0)
        }
        Authority::Http(grant) => http_lines(grant),
        Authority::Inference(grant) => {
            let money =
                grant.money_max.as_ref().map(|money| format!(", money = \"{money}\"")).unwrap_or_default();
            format!("most = {{ calls = {}, tokens = {}{money} }}\n", grant.calls_max, grant.tokens_max)
        }
    }
}

fn http_lines(grant: &HttpGrant) -> String {
    let list = |items: Vec<String>| items.join(", ");
    let methods = list(grant.methods.iter().map(|method| format!("\"{method}\"")).collect());
    let mut text = format!("bind = \"{}\"\nmethods = [{methods}]\n", grant.target);
    if !grant.addresses.is_empty() {
        let addresses = list(grant.addresses.iter().map(|net| format!("\"{net}\"")).collect());
        let _ = writeln!(text, "addresses = [{addresses}]");
    }
    if !grant.inject.is_empty() {
        let header =
            |it: &crate::http::Injection| format!("{} = {}", quoted(&it.header), quoted(&it.value()));
        let _ = writeln!(text, "inject = {{ {} }}", list(grant.inject.iter().map(header).collect()));
    }
    if let Some(authority) = &grant.vouched_by {
        let _ = writeln!(text, "authority = {}", quoted(authority.name.as_str()));
    }
    let hosts = if grant.target.is_wide() { format!(", hosts = {}", grant.hosts_max) } else { String::new() };
    let HttpGrant { calls_max, sent_max, received_max, .. } = grant;
    let _ = writeln!(
        text,
        "most = {{ calls = {calls_max}, sent = {}, received = {}{hosts} }}",
        sent_max.0, received_max.0
    );
    text
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}
