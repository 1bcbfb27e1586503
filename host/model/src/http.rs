//! Where a skill may send requests, and with which methods: the words of the `http` capability.
//!
//! A [`Target`] is an origin and a path prefix, written as a URL; `https://*.acme.example/` stands for every host
//! below that domain. URLs are read by the WHATWG rules (<https://url.spec.whatwg.org>), the same that decide where
//! a request goes, so that what is compared is what is connected to.

use crate::digest::Digest;
use crate::form::{Field, Table};
use crate::id::AuthorityName;
use crate::secret::{InvalidSecret, Secret};
use core::net::IpAddr;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use url::{Host, Url};

/// How a request travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// In the clear; for services on the operator's own machine or network.
    Http,
    /// Over TLS, the server known by the host's name.
    Https,
}

impl Scheme {
    /// The word in URLs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }

    /// The port when a URL names none.
    #[must_use]
    pub const fn port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
        }
    }
}

/// A method a skill may use. `CONNECT` and `TRACE` have no place here: one opens a tunnel, the other reflects what the
/// host adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs, reason = "each is the method of its name, RFC 9110 section 9 and RFC 5789")]
pub enum Method {
    Get,
    Head,
    Options,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    /// Every method, the reading ones first.
    pub const ALL: [Method; 7] = [
        Method::Get,
        Method::Head,
        Method::Options,
        Method::Post,
        Method::Put,
        Method::Patch,
        Method::Delete,
    ];

    /// The word on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Options => "OPTIONS",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }

    /// Whether it asks the server to change something; the others are safe (RFC 9110, 9.2.1).
    #[must_use]
    pub const fn writes(self) -> bool {
        matches!(self, Method::Post | Method::Put | Method::Patch | Method::Delete)
    }

    pub(crate) fn words() -> [(&'static str, Self); 7] {
        Self::ALL.map(|method| (method.word(), method))
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Headers that frame a message, name its parties or speak to what is between them (RFC 9110, 7.6.1; RFC 9112), and
/// cookies, which are the credentials of a session nobody has here. They are the host's to write: no guest sets one,
/// and no rule adds one. `content-length` is the host's too; a guest may say it once and truly, as toolkits do.
const HOST_HEADERS: [&str; 23] = [
    "connection",
    "cookie",
    "cookie2",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "trailers",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-real-ip",
    "x-rewrite-url",
];

/// Whether a header, in lower case, is the host's to write: the ones that frame a message, and those by which a server
/// takes a request for one with another method, another path or from another sender than what was checked.
#[must_use]
pub fn is_hosts_own(name: &str) -> bool {
    HOST_HEADERS.contains(&name) || name.starts_with("x-forwarded-")
}

/// The hosts of a target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hosts {
    /// This one: a name in lower-case ASCII without a trailing dot, or an address as URLs write it (`[::1]`).
    One(String),
    /// Every host below this domain, which is itself registered by somebody; never the domain itself.
    Below(String),
}

impl Hosts {
    fn has(&self, host: &str) -> bool {
        match self {
            Hosts::One(one) => one == host,
            Hosts::Below(domain) => is_below(host, domain),
        }
    }

    fn covers(&self, narrower: &Self) -> bool {
        match narrower {
            Hosts::One(host) => self.has(host),
            Hosts::Below(domain) => {
                matches!(self, Hosts::Below(own) if own == domain || is_below(domain, own))
            }
        }
    }

    fn meet(&self, other: &Self) -> Option<Self> {
        if self.covers(other) { Some(other.clone()) } else { other.covers(self).then(|| self.clone()) }
    }
}

fn is_below(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|front| front.len() > 1 && front.ends_with('.'))
}

/// An origin and a path prefix: `https://api.acme.example/v1/`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Target {
    /// How requests travel.
    pub scheme: Scheme,
    /// Where they go.
    pub hosts: Hosts,
    /// The port.
    pub port: u16,
    /// The prefix: ends with `/` and covers what is below it, or is one whole path.
    pub path: String,
}

/// A text that is no target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the message says what each is")]
pub enum InvalidTarget {
    #[error("`{0}` is no URL: {1}")]
    Url(String, String),
    #[error("`{0}` is not reached by http or https")]
    Scheme(String),
    #[error("`{0}` carries a user, a query or a fragment; a target is scheme, host, port and path")]
    Extra(String),
    #[error("`{0}` ends with a dot; a host has one spelling")]
    TrailingDot(String),
    #[error("`{0}` has `*` elsewhere than as the whole first label of a host")]
    Star(String),
    #[error("`*.{0}` is too wide: anybody can have a host below `{0}`")]
    TooWide(String),
    #[error("`{0}` hides a separator (`%2f`, `%5c`) or a dot (`%2e`, `..;`) in its path")]
    Path(String),
}

impl Target {
    /// Whether a request for `url` is for this target.
    #[must_use]
    pub fn has(&self, url: &Url) -> bool {
        url.scheme() == self.scheme.word()
            && url.host_str().is_some_and(|host| self.hosts.has(host))
            && url.port_or_known_default() == Some(self.port)
            && self.has_path(url.path())
    }

    /// Whether every request for `narrower` is for this target too.
    #[must_use]
    pub fn covers(&self, narrower: &Self) -> bool {
        self.meet(narrower).as_ref() == Some(narrower)
    }

    /// The requests that are for both; none when there can be none.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Option<Self> {
        let path = if self.has_path(&other.path) {
            &other.path
        } else {
            other.has_path(&self.path).then_some(&self.path)?
        };
        let same = self.scheme == other.scheme && self.port == other.port;
        let hosts = same.then(|| self.hosts.meet(&other.hosts))??;
        Some(Self { scheme: self.scheme, hosts, port: self.port, path: path.clone() })
    }

    /// Whether it stands for more hosts than one.
    #[must_use]
    pub const fn is_wide(&self) -> bool {
        matches!(self.hosts, Hosts::Below(_))
    }

    fn has_path(&self, path: &str) -> bool {
        path == self.path || (self.path.ends_with('/') && path.starts_with(&self.path))
    }
}

impl FromStr for Target {
    type Err = InvalidTarget;
    fn from_str(text: &str) -> Result<Self, InvalidTarget> {
        let target = Self::of_any_width(text)?;
        match &target.hosts {
            // A domain somebody registered: one label or more before a public suffix, and none below it.
            Hosts::Below(domain) if !is_registered(domain) => Err(InvalidTarget::TooWide(domain.clone())),
            _ => Ok(target),
        }
    }
}

/// Names below which hosters give hosts away. The list of public suffixes can only be asked about one name, so these
/// are asked for below every domain; any name at all (`x`) shows the suffixes that have a wildcard of their own.
const GIVEN_AWAY: [&str; 8] =
    ["x", "s3", "blob", "blob.core", "cloudapp", "freetls", "global.ssl", "us-east-1.elasticbeanstalk"];

/// Whether a domain is somebody's, and so is everything below it.
fn is_registered(domain: &str) -> bool {
    let is_suffix = |name: &str| psl::domain(name.as_bytes()).is_none();
    !is_suffix(domain) && !GIVEN_AWAY.iter().any(|name| is_suffix(&format!("{name}.{domain}")))
}

impl Target {
    /// Reads a target that may stand for every host below a domain nobody owns, such as `https://*.com/`: for what is
    /// denied, never for what is granted.
    ///
    /// # Errors
    /// When the text is no target.
    pub fn of_any_width(text: &str) -> Result<Self, InvalidTarget> {
        let (text_without, wide) = match text.split_once("://*.") {
            Some((scheme, rest)) => (format!("{scheme}://{rest}"), true),
            None => (text.to_owned(), false),
        };
        if text_without.contains('*') {
            return Err(InvalidTarget::Star(text.into()));
        }
        let url =
            Url::parse(&text_without).map_err(|cause| InvalidTarget::Url(text.into(), cause.to_string()))?;
        let scheme = match url.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(InvalidTarget::Scheme(text.into())),
        };
        // A URL parser takes what follows for the host, however many slashes stand before it.
        let rest = text_without.split_once("://").map_or("", |(_, rest)| rest);
        if rest.is_empty() || rest.starts_with(['/', '\\']) {
            return Err(InvalidTarget::Url(text.into(), "it has no host".into()));
        }
        check_parts(text, &url)?;
        let hosts = read_hosts(text, &url, wide)?;
        let port = url.port_or_known_default().unwrap_or(scheme.port());
        Ok(Self { scheme, hosts, port, path: url.path().into() })
    }
}

fn check_parts(text: &str, url: &Url) -> Result<(), InvalidTarget> {
    let user = !url.username().is_empty() || url.password().is_some() || text.contains('@');
    if user || url.query().is_some() || url.fragment().is_some() {
        return Err(InvalidTarget::Extra(text.into()));
    }
    if url.port() == Some(0) {
        return Err(InvalidTarget::Url(text.into(), "port 0 is no port".into()));
    }
    // As it is written: the parser takes an encoded `..` for what it is, and a grant would be for another place than
    // the one that is read.
    let written = text.split_once("://").map_or(text, |(_, rest)| rest);
    if hides_separator(written.find(['/', '\\']).map_or("", |at| written.get(at..).unwrap_or_default())) {
        return Err(InvalidTarget::Path(text.into()));
    }
    Ok(())
}

fn read_hosts(text: &str, url: &Url, wide: bool) -> Result<Hosts, InvalidTarget> {
    let no_host = || InvalidTarget::Url(text.into(), "it has no host".into());
    let host = url.host().ok_or_else(no_host)?;
    let name = url.host_str().ok_or_else(no_host)?.to_owned();
    if name.ends_with('.') {
        return Err(InvalidTarget::TrailingDot(name));
    }
    match (wide, host) {
        (false, _) => Ok(Hosts::One(name)),
        (true, Host::Domain(_)) => Ok(Hosts::Below(name)),
        (true, _) => Err(InvalidTarget::TooWide(name)),
    }
}

/// Longest URL a request is for.
pub const URL_MAX: usize = 8 << 10;

/// Whether a URL is one that grants speak of: a host with one spelling, a port that is one, a path that means the same
/// to every server, and no user and no fragment, which are nobody's to send.
#[must_use]
pub fn is_plain(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let user = !url.username().is_empty() || url.password().is_some();
    let has_more = user || url.fragment().is_some() || hides_separator(url.path());
    let is_host = !host.is_empty() && !host.ends_with('.') && url.port() != Some(0);
    is_host && !has_more && url.as_str().len() <= URL_MAX
}

/// Bytes of a request's head as HTTP/1.1 writes what is said of it, without headers of anybody's.
#[must_use]
pub fn head_bytes(method: Method, url: &Url) -> u64 {
    let target = url.path().len() + url.query().map_or(0, |query| query.len() + 1);
    let host = url.host_str().map_or(0, str::len);
    (method.word().len() + target + " HTTP/1.1\r\n ".len() + "host: \r\n".len() + host + 2) as u64
}

/// What stands for a separator or a dot where it is decoded: themselves, the first byte of an overlong spelling, which
/// is no UTF-8, and an escape of no standard's.
const HIDDEN: [&str; 9] = ["%2f", "%5c", "%2e", "\\", "%c0", "%c1", "%e0%8", "%e0%9", "%f0%8"];

/// Whether a path holds an encoded separator or dot, however often it is encoded, or a `..` with parameters: servers
/// differ in whether they decode or cut these before they look at the path, so a prefix could be left on the other side.
#[must_use]
pub fn hides_separator(path: &str) -> bool {
    let mut path = path.to_ascii_lowercase();
    if path.contains("%u") {
        return true;
    }
    while path.contains("%25") {
        path = path.replace("%25", "%");
    }
    let dotted = |segment: &str| {
        let named = segment.split_once(';').map(|(named, _)| named);
        matches!(named, Some("." | ".."))
    };
    HIDDEN.iter().any(|hidden| path.contains(hidden)) || path.replace("%3b", ";").split('/').any(dotted)
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (star, host) = match &self.hosts {
            Hosts::One(host) => ("", host),
            Hosts::Below(domain) => ("*.", domain),
        };
        write!(f, "{}://{star}{host}", self.scheme.word())?;
        if self.port != self.scheme.port() {
            write!(f, ":{}", self.port)?;
        }
        f.write_str(&self.path)
    }
}

impl TryFrom<String> for Target {
    type Error = InvalidTarget;
    fn try_from(text: String) -> Result<Self, InvalidTarget> {
        text.parse()
    }
}

impl From<Target> for String {
    fn from(target: Target) -> String {
        target.to_string()
    }
}

/// What a skill says of the requests it wants to send; the operator may bind less.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpWish {
    /// Where to, when the skill knows; a skill for a service that people host themselves does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// The methods it uses.
    pub methods: BTreeSet<Method>,
}

impl HttpWish {
    /// Reads `target` and `methods` of a manifest's ask.
    pub(crate) fn read(table: &Table<'_, '_>) -> Option<Self> {
        let target = table.get("target").map(|field| field.parsed());
        let methods = table.required("methods").and_then(|field| read_methods(&field));
        Some(Self { target: target.map_or(Some(None), |target| target.map(Some))?, methods: methods? })
    }
}

/// A header the host adds to every request of a grant: the secret between two plain texts, written as people read it,
/// `authorization: Bearer {crm-token from env:CRM_TOKEN}`. The value is known to the egress alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Injection {
    /// The header's name, lower case. A skill that sets it itself is refused.
    pub header: String,
    /// What stands before the secret, such as `Bearer `.
    pub before: String,
    /// The secret.
    pub secret: Secret,
    /// What stands after it.
    pub after: String,
}

/// Why a text is no header that a rule can set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InjectionError {
    /// It is no name of a header, or of one that the host writes itself.
    #[error("`{0}` is no header a rule can set, in lower case")]
    Header(String),
    /// A value has one secret in it.
    #[error("it names no secret, or more than one")]
    Secrets,
    /// What stands between the brackets is no name.
    #[error("{0}")]
    Name(String),
}

impl Injection {
    /// A value such as `Bearer {crm-token}` in its parts: plain text, what stands between the brackets, plain text.
    ///
    /// # Errors
    /// When no rule can set the header, or its value has not one secret between plain texts.
    pub(crate) fn parts<'v>(header: &str, value: &'v str) -> Result<[&'v str; 3], InjectionError> {
        if !is_header(header) || is_hosts_own(header) || header == "content-length" {
            return Err(InjectionError::Header(header.into()));
        }
        let parts = value.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?)));
        let plain =
            |text: &str| text.bytes().all(|byte| (0x20..0x7f).contains(&byte) && !b"{}".contains(&byte));
        let (before, (name, after)) = parts
            .filter(|(before, (_, after))| plain(before) && plain(after))
            .ok_or(InjectionError::Secrets)?;
        Ok([before, name, after])
    }

    /// The header's value, with the secret's name in its place, as a policy has it.
    #[must_use]
    pub fn value(&self) -> String {
        format!("{}{{{}}}{}", self.before, self.secret.name, self.after)
    }
}

/// A header's name (RFC 9110, 5.1) in lower case.
fn is_header(name: &str) -> bool {
    let token =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.len() <= 64 && name.bytes().all(token)
}

impl fmt::Display for Injection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}{{{}}}{}", self.header, self.before, self.secret, self.after)
    }
}

impl From<Injection> for String {
    fn from(injection: Injection) -> Self {
        injection.to_string()
    }
}

impl TryFrom<String> for Injection {
    type Error = InjectionError;

    fn try_from(text: String) -> Result<Self, InjectionError> {
        let (header, value) = text.split_once(": ").ok_or(InjectionError::Secrets)?;
        let [before, secret, after] = Self::parts(header, value)?;
        let secret =
            secret.parse().map_err(|error: InvalidSecret| InjectionError::Name(error.to_string()))?;
        Ok(Self { header: header.into(), before: before.into(), secret, after: after.into() })
    }
}

/// A certificate authority of the operator's own. A place that names one is known by it alone: of the authorities that
/// browsers trust none can vouch for it any more, and this one can vouch for no other place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CertificateAuthority {
    /// Its name in the policy.
    pub name: AuthorityName,
    /// The digest of the file with its certificates, so that what is granted and approved is these and no others.
    pub digest: Digest,
}

impl fmt::Display for CertificateAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.digest.short())
    }
}

/// Where requests may go, how many, how large: one http grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpGrant {
    /// Where to.
    pub target: Target,
    /// The methods.
    pub methods: BTreeSet<Method>,
    /// Addresses that are reached although they are private, loopback or otherwise special: networks in their
    /// shortest form, sorted. Every other special address is refused whatever the name says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<IpNet>,
    /// Headers the host adds, sorted by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inject: Vec<Injection>,
    /// Who vouches for the place; none for whoever browsers trust.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vouched_by: Option<CertificateAuthority>,
    /// Most requests an attempt may send.
    pub calls_max: u64,
    /// Most bytes of request heads and bodies it may send together.
    pub sent_max: crate::quantity::Bytes,
    /// Most bytes of answers it may receive together, heads included.
    pub received_max: crate::quantity::Bytes,
    /// Most different hosts; 1 unless the target stands for more.
    pub hosts_max: u64,
}

impl HttpGrant {
    /// Whether this request may be sent, apart from budgets.
    #[must_use]
    pub fn allows(&self, method: Method, url: &Url) -> bool {
        self.methods.contains(&method) && is_plain(url) && self.target.has(url)
    }

    /// The same of a request as crossings record it, by the method's word and the URL's text.
    #[must_use]
    pub fn would_send(&self, method: &str, url: &str) -> bool {
        let method = Method::ALL.into_iter().find(|it| it.word() == method);
        method.zip(Url::parse(url).ok()).is_some_and(|(method, url)| self.allows(method, &url))
    }

    /// Whether a special address is one the rule names.
    #[must_use]
    pub fn names(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|net| net.contains(&address))
    }

    /// What both permit; none when there is no request both permit: a place that one authority vouches for is not the
    /// place that another does.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Option<Self> {
        if self.vouched_by != other.vouched_by {
            return None;
        }
        let methods: BTreeSet<Method> = self.methods.intersection(&other.methods).copied().collect();
        let nets = |net: &IpNet| other.addresses.iter().filter_map(|other| narrower(*net, *other)).collect();
        let addresses: Vec<Vec<IpNet>> = self.addresses.iter().map(nets).collect();
        let inject = self.inject.iter().filter(|own| other.inject.contains(own)).cloned().collect();
        Some(Self {
            target: self.target.meet(&other.target)?,
            methods: (!methods.is_empty()).then_some(methods)?,
            addresses: shortest(addresses.concat()),
            inject,
            vouched_by: self.vouched_by.clone(),
            calls_max: self.calls_max.min(other.calls_max),
            sent_max: self.sent_max.min(other.sent_max),
            received_max: self.received_max.min(other.received_max),
            hosts_max: self.hosts_max.min(other.hosts_max),
        })
    }

    /// As far as a skill asks for it; none when nothing it asks for is permitted.
    #[must_use]
    pub fn wished(&self, wish: &HttpWish) -> Option<Self> {
        let target = match &wish.target {
            Some(target) => self.target.meet(target)?,
            None => self.target.clone(),
        };
        let methods: BTreeSet<Method> = self.methods.intersection(&wish.methods).copied().collect();
        (!methods.is_empty()).then(|| Self { target, methods, ..self.clone() })
    }

    /// Without the methods that change things; none when no other is left.
    #[must_use]
    pub fn without_writing(&self) -> Option<Self> {
        let methods: BTreeSet<Method> =
            self.methods.iter().copied().filter(|method| !method.writes()).collect();
        (!methods.is_empty()).then(|| Self { methods, ..self.clone() })
    }
}

fn narrower(one: IpNet, other: IpNet) -> Option<IpNet> {
    if one.contains(&other) { Some(other) } else { other.contains(&one).then_some(one) }
}

/// The fewest networks with the same addresses, sorted, so that equal grants are equal data.
#[must_use]
pub fn shortest(nets: Vec<IpNet>) -> Vec<IpNet> {
    IpNet::aggregate(&nets.into_iter().map(|net| net.trunc()).collect())
}

/// Reads a list of methods.
pub(crate) fn read_methods(field: &Field<'_, '_>) -> Option<BTreeSet<Method>> {
    let mut methods = BTreeSet::new();
    let mut told = false;
    for item in field.items() {
        match item.word(&Method::words()) {
            Some(method) if methods.insert(method) => {}
            Some(method) => {
                item.tell(format!("{method} is named twice"));
                told = true;
            }
            None => told = true,
        }
    }
    if methods.is_empty() && !told {
        field.tell("no method is named, so no request could be sent");
        told = true;
    }
    (!told).then_some(methods)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_target_has_one_spelling() {
        let read =
            |text: &str| text.parse::<Target>().map(|target| target.to_string()).map_err(|e| e.to_string());
        let table = [
            "https://API.Acme.example",
            "https://api.acme.example:443/v1/",
            "http://127.0.0.1:11434/v1/",
            "http://0x7f.1/",
            "http://[::1]:80/a/../b",
            "https://*.acme.example/",
            "https://*.co.uk/",
            "https://*.kobe.jp/",
            "https://*.compute.amazonaws.com/",
            "https://*.amazonaws.com/",
            "https://*.core.windows.net/",
            "https://*.fastly.net/",
            "https://*.azure.com/",
            "https://*.elasticbeanstalk.com/",
            "https://*.github.com/",
            "https://*.com/",
            "https://*/",
            "https://a*.acme.example/",
            "https://good@evil.example/",
            "https://acme.example./",
            "https://acme.example/?q",
            "ftp://acme.example/",
            "https://acme.example:0/",
            "https://acme.example/a%2fb/",
            "https://acme.example/a/..;/b/",
            "https://acme.example/v1/%2e%2e/",
            "https:///v1/",
            "https:acme.example",
            "/",
            "*",
        ];
        let told: Vec<String> = table
            .iter()
            .map(|text| format!("{text:34} {}", read(text).unwrap_or_else(|error| format!("no: {error}"))))
            .collect();
        insta::assert_snapshot!(told.join("\n"), @r#"
        https://API.Acme.example           https://api.acme.example/
        https://api.acme.example:443/v1/   https://api.acme.example/v1/
        http://127.0.0.1:11434/v1/         http://127.0.0.1:11434/v1/
        http://0x7f.1/                     http://127.0.0.1/
        http://[::1]:80/a/../b             http://[::1]/b
        https://*.acme.example/            https://*.acme.example/
        https://*.co.uk/                   no: `*.co.uk` is too wide: anybody can have a host below `co.uk`
        https://*.kobe.jp/                 no: `*.kobe.jp` is too wide: anybody can have a host below `kobe.jp`
        https://*.compute.amazonaws.com/   no: `*.compute.amazonaws.com` is too wide: anybody can have a host below `compute.amazonaws.com`
        https://*.amazonaws.com/           no: `*.amazonaws.com` is too wide: anybody can have a host below `amazonaws.com`
        https://*.core.windows.net/        no: `*.core.windows.net` is too wide: anybody can have a host below `core.windows.net`
        https://*.fastly.net/              no: `*.fastly.net` is too wide: anybody can have a host below `fastly.net`
        https://*.azure.com/               https://*.azure.com/
        https://*.elasticbeanstalk.com/    no: `*.elasticbeanstalk.com` is too wide: anybody can have a host below `elasticbeanstalk.com`
        https://*.github.com/              https://*.github.com/
        https://*.com/                     no: `*.com` is too wide: anybody can have a host below `com`
        https://*/                         no: `https://*/` has `*` elsewhere than as the whole first label of a host
        https://a*.acme.example/           no: `https://a*.acme.example/` has `*` elsewhere than as the whole first label of a host
        https://good@evil.example/         no: `https://good@evil.example/` carries a user, a query or a fragment; a target is scheme, host, port and path
        https://acme.example./             no: `acme.example.` ends with a dot; a host has one spelling
        https://acme.example/?q            no: `https://acme.example/?q` carries a user, a query or a fragment; a target is scheme, host, port and path
        ftp://acme.example/                no: `ftp://acme.example/` is not reached by http or https
        https://acme.example:0/            no: `https://acme.example:0/` is no URL: port 0 is no port
        https://acme.example/a%2fb/        no: `https://acme.example/a%2fb/` hides a separator (`%2f`, `%5c`) or a dot (`%2e`, `..;`) in its path
        https://acme.example/a/..;/b/      no: `https://acme.example/a/..;/b/` hides a separator (`%2f`, `%5c`) or a dot (`%2e`, `..;`) in its path
        https://acme.example/v1/%2e%2e/    no: `https://acme.example/v1/%2e%2e/` hides a separator (`%2f`, `%5c`) or a dot (`%2e`, `..;`) in its path
        https:///v1/                       no: `https:///v1/` is no URL: it has no host
        https:acme.example                 no: `https:acme.example` is no URL: it has no host
        /                                  no: `/` is no URL: relative URL without a base
        *                                  no: `*` has `*` elsewhere than as the whole first label of a host
        "#);
    }

    #[test]
    fn a_grant_permits_plain_urls_only() {
        let grant = HttpGrant {
            target: "https://api.acme.example/v1/".parse().unwrap(),
            methods: [Method::Get].into(),
            addresses: Vec::new(),
            inject: Vec::new(),
            vouched_by: None,
            calls_max: 1,
            sent_max: crate::quantity::Bytes(1_000),
            received_max: crate::quantity::Bytes(1_000),
            hosts_max: 1,
        };
        let allows = |url: &str| grant.allows(Method::Get, &url.parse().unwrap());
        let longest = format!("https://api.acme.example/v1/{}", "x".repeat(URL_MAX - 28));
        for url in [
            "https://api.acme.example/v1/orders?id=1%2f",
            "https://api.acme.example/v1/orders;day=1/100%25/caf%C3%A9/%E2%82%AC/..%20/a..;b",
            &longest,
        ] {
            assert!(allows(url), "{url}");
        }
        for url in [
            "https://ada@api.acme.example/v1/orders",
            "https://:word@api.acme.example/v1/orders",
            "https://api.acme.example/v1/orders#first",
            "https://api.acme.example/v1/a%2F..%2Fb",
            "https://api.acme.example/v1/a%5cb",
            "https://api.acme.example/v1/..;/admin",
            "https://api.acme.example/v1/..;x=1/admin",
            "https://api.acme.example/v1/..%3b/admin",
            "https://api.acme.example/v1/.;/admin",
            "https://api.acme.example/v1/%252e%252e/admin",
            "https://api.acme.example/v1/a%25252Fb",
            "https://api.acme.example/v1/%c0%ae%c0%ae/admin",
            "https://api.acme.example/v1/%C1%9Cadmin",
            "https://api.acme.example/v1/%e0%80%ae/admin",
            "https://api.acme.example/v1/%f0%80%80%ae/admin",
            "https://api.acme.example/v1/%u002e%u002e/admin",
            &format!("{longest}x"),
        ] {
            assert!(!allows(url), "{url}");
        }
    }

    #[test]
    fn no_header_says_that_another_request_is_meant() {
        for name in HOST_HEADERS.into_iter().chain(["x-forwarded-for", "x-forwarded-host", "x-forwarded-x"]) {
            assert!(is_hosts_own(name), "{name}");
            assert!(Injection::parts(name, "{a}").is_err(), "{name}");
        }
        for name in ["authorization", "accept", "x-forwarded", "x-request-id", "x-http-methods"] {
            assert!(!is_hosts_own(name) && Injection::parts(name, "{a}").is_ok(), "{name}");
        }
    }

    #[test]
    fn a_request_is_for_a_target_by_scheme_host_port_and_whole_path_segments() {
        let has = |target: &str, url: &str| target.parse::<Target>().unwrap().has(&url.parse().unwrap());
        assert!(has("https://api.acme.example/v1/", "https://API.acme.example:443/v1/orders?x=1"));
        assert!(has("https://api.acme.example/v1", "https://api.acme.example/v1"));
        assert!(has("https://*.acme.example/", "https://eu.api.acme.example/"));
        for (target, url) in [
            ("https://api.acme.example/v1/", "http://api.acme.example/v1/"),
            ("https://api.acme.example/v1/", "https://api.acme.example:8443/v1/"),
            ("https://api.acme.example/v1/", "https://api.acme.example/v10/"),
            ("https://api.acme.example/v1/", "https://api.acme.example/v1/../admin"),
            ("https://api.acme.example/v1", "https://api.acme.example/v1/x"),
            ("https://api.acme.example/v1/", "https://evil.example/v1/"),
            ("https://*.acme.example/", "https://acme.example/"),
            ("https://*.acme.example/", "https://evilacme.example/"),
        ] {
            assert!(!has(target, url), "{target} {url}");
        }
    }
}
