//! One use of authority, in the words people type: `files read out/a.txt`, `keyvalue write accounts/acme of 2KiB`,
//! `http GET https://api.acme.example/v1/`, `random of 16B`.
//!
//! A grant permits some uses and no others; [`Authority::permits`] is that question asked of one use, with the reason
//! when the answer is no. What a capability does at run time agrees with it.

use crate::capability::{Access, Kind};
use crate::grant::{Authority, Grant};
use crate::http::{HttpGrant, Method, head_bytes, hides_separator, is_plain};
use crate::id::LogicalName;
use crate::inference::{CALL_TOKENS_MIN, InferenceGrant, Tier};
use crate::manifest::Wish;
use crate::quantity::Bytes;
use crate::writes::RESERVED;
use std::fmt;
use std::str::FromStr;
use url::Url;

/// Longest key in bytes.
pub const KEY_MAX: usize = 1_024;
/// Longest path in bytes, and longest name in it: what common file systems hold.
pub const PATH_MAX: usize = 4_096;
/// See [`PATH_MAX`].
pub const NAME_MAX: usize = 255;

/// One use of authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Use {
    /// To read or write a file.
    Files {
        /// The skill's own word for the directory.
        thing: LogicalName,
        /// The path below it, as a guest would say it; empty for the directory itself.
        path: String,
        /// What is done with it.
        access: Access,
        /// How many bytes are written.
        bytes: Bytes,
    },
    /// To read or write a key.
    Keyvalue {
        /// The skill's own word for the bucket.
        thing: LogicalName,
        /// The key; empty for the bucket itself, which is listed.
        key: String,
        /// What is done with it.
        access: Access,
        /// How many bytes are written, key and value.
        bytes: Bytes,
    },
    /// To read a setting.
    Config {
        /// Its name.
        key: String,
    },
    /// To read the time.
    Clock,
    /// To draw random bytes.
    Random {
        /// How many.
        bytes: Bytes,
    },
    /// To write diagnostic lines.
    Logging {
        /// How many bytes of them.
        bytes: Bytes,
    },
    /// To leave notes.
    Notes {
        /// How many bytes of them.
        bytes: Bytes,
    },
    /// To send a request.
    Http {
        /// The method.
        method: Method,
        /// Where to.
        url: Box<Url>,
    },
    /// To ask a model.
    Inference {
        /// Of which tier.
        tier: Tier,
    },
}

/// Why a grant does not permit a use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Beyond {
    /// It is about another kind, or under another name.
    #[error("it is about something else")]
    Thing,
    /// It permits less to be done.
    #[error("only to {0} is permitted")]
    Access(String),
    /// It is bound to another place.
    #[error("{0}")]
    Bind(String),
    /// It permits fewer or smaller ones.
    #[error("{0} at most")]
    Limit(String),
}

impl Use {
    /// The kind of authority it uses.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Use::Files { .. } => Kind::Files,
            Use::Keyvalue { .. } => Kind::Keyvalue,
            Use::Config { .. } => Kind::Config,
            Use::Clock => Kind::Clock,
            Use::Random { .. } => Kind::Random,
            Use::Logging { .. } => Kind::Logging,
            Use::Notes { .. } => Kind::Notes,
            Use::Http { .. } => Kind::Http,
            Use::Inference { .. } => Kind::Inference,
        }
    }

    /// The skill's own word for the thing, for the kinds whose calls carry it.
    #[must_use]
    pub const fn thing(&self) -> Option<&LogicalName> {
        match self {
            Use::Files { thing, .. } | Use::Keyvalue { thing, .. } => Some(thing),
            _ => None,
        }
    }

    /// Whether a grant or an ask under that name could be meant; what its calls don't name is meant by any name.
    #[must_use]
    pub fn may_mean(&self, name: &LogicalName) -> bool {
        self.thing().is_none_or(|thing| thing == name)
    }
}

impl Wish {
    /// Whether the use is one a skill with this wish asks for.
    #[must_use]
    pub fn includes(&self, used: &Use) -> bool {
        match (self, used) {
            (Wish::Access(own), Use::Files { access, .. } | Use::Keyvalue { access, .. }) => {
                own.covers(*access)
            }
            (Wish::Http(own), Use::Http { method, url }) => {
                own.methods.contains(method) && own.target.as_ref().is_none_or(|target| target.has(url))
            }
            _ => true,
        }
    }
}

impl Grant {
    /// Whether the use is one this grant permits.
    ///
    /// # Errors
    /// Why not.
    pub fn permits(&self, used: &Use) -> Result<(), Beyond> {
        if used.may_mean(&self.name) { self.authority.permits(used) } else { Err(Beyond::Thing) }
    }
}

impl Authority {
    /// Whether the use is within this authority, apart from what other uses have spent of it.
    #[must_use]
    pub fn allows(&self, used: &Use) -> bool {
        self.permits(used).is_ok()
    }

    /// The same question with the reason.
    ///
    /// # Errors
    /// Why not.
    pub fn permits(&self, used: &Use) -> Result<(), Beyond> {
        match (self, used) {
            (
                Authority::Files { access: own, bytes_max, file_max, files_max, .. },
                Use::Files { path, access, bytes, .. },
            ) => {
                within_access(*own, *access)?;
                below(path, access.writes())?;
                match access.writes() {
                    true => at_most(*bytes, *bytes_max.min(file_max), "in one file")
                        .and(at_least_one(*files_max, "files")),
                    false => Ok(()),
                }
            }
            (
                Authority::Keyvalue { access: own, bytes_max, keys_max, .. },
                Use::Keyvalue { key, access, bytes, .. },
            ) => {
                within_access(*own, *access)?;
                whole_key(key)?;
                match access.writes() {
                    true => {
                        at_most(*bytes, *bytes_max, "of keys and values").and(at_least_one(*keys_max, "keys"))
                    }
                    false => Ok(()),
                }
            }
            (Authority::Config { values }, Use::Config { key }) => match values.contains_key(key) {
                true => Ok(()),
                false => Err(Beyond::Bind(format!("there is no setting `{key}` in it"))),
            },
            (Authority::Clock { .. }, Use::Clock) => Ok(()),
            (Authority::Random { bytes_max }, Use::Random { bytes })
            | (Authority::Logging { bytes_max }, Use::Logging { bytes })
            | (Authority::Notes { bytes_max }, Use::Notes { bytes }) => at_most(*bytes, *bytes_max, ""),
            (Authority::Http(grant), Use::Http { method, url }) => sendable(grant, *method, url),
            (Authority::Inference(grant), Use::Inference { tier }) => askable(grant, *tier),
            _ => Err(Beyond::Thing),
        }
    }
}

fn within_access(own: Access, wanted: Access) -> Result<(), Beyond> {
    if own.covers(wanted) { Ok(()) } else { Err(Beyond::Access(own.word().into())) }
}

fn at_most(bytes: Bytes, most: Bytes, of: &str) -> Result<(), Beyond> {
    match bytes <= most {
        true => Ok(()),
        false => Err(Beyond::Limit(format!("{most} {of}").trim_end().into())),
    }
}

fn at_least_one(most: u64, things: &str) -> Result<(), Beyond> {
    if most > 0 { Ok(()) } else { Err(Beyond::Limit(format!("0 {things}"))) }
}

fn whole_key(key: &str) -> Result<(), Beyond> {
    match key.len() {
        0..=KEY_MAX => Ok(()),
        _ => Err(Beyond::Limit(format!("{KEY_MAX} bytes of a key"))),
    }
}

fn sendable(grant: &HttpGrant, method: Method, url: &Url) -> Result<(), Beyond> {
    if !grant.methods.contains(&method) {
        let methods: Vec<&str> = grant.methods.iter().map(|method| method.word()).collect();
        return Err(Beyond::Access(methods.join(" ")));
    }
    if !is_plain(url) {
        return Err(Beyond::Bind("a request has no user, fragment or hidden separator in its URL".into()));
    }
    if !grant.allows(method, url) {
        return Err(Beyond::Bind(format!("it is bound to {}", grant.target)));
    }
    at_least_one(grant.calls_max, "requests")?;
    at_least_one(grant.hosts_max, "hosts")?;
    at_most(Bytes(head_bytes(method, url)), grant.sent_max, "sent")?;
    at_least_one(grant.received_max.0, "bytes received")
}

fn askable(grant: &InferenceGrant, tier: Tier) -> Result<(), Beyond> {
    if grant.tier != tier {
        return Err(Beyond::Bind(format!("it is for the tier {}", grant.tier)));
    }
    at_least_one(grant.calls_max, "completions")?;
    match grant.tokens_max >= CALL_TOKENS_MIN {
        true => Ok(()),
        false => Err(Beyond::Limit(format!("{} tokens", grant.tokens_max))),
    }
}

/// Whether a path stays in the granted directory at every step, and has names that can be there.
fn below(path: &str, written: bool) -> Result<(), Beyond> {
    let outside = |why: &str| Err(Beyond::Bind(why.to_owned()));
    if path.starts_with('/') || path.contains('\0') || path.len() > PATH_MAX {
        return outside("it is no path below the directory");
    }
    let mut depth = 0_usize;
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." if depth == 0 => return outside("it leads out of the directory"),
            ".." => depth -= 1,
            name if name.len() > NAME_MAX => return outside("a name in it is too long"),
            name if written && name.starts_with(RESERVED) => {
                return outside("names that begin so are the store's own");
            }
            name if written && !is_one_name_everywhere(name) => {
                return outside("a name in it is not one name on every file system");
            }
            _ => depth += 1,
        }
    }
    Ok(())
}

/// Whether a name means one file on every file system: some take a colon for a stream of another file, drop a dot or
/// space at the end, read a backslash as a slash, or have devices by name in every directory.
#[must_use]
pub fn is_one_name_everywhere(name: &str) -> bool {
    !name.contains([':', '\\']) && !name.ends_with(['.', ' ']) && !is_device(name)
}

/// `NUL`, `com1.txt`, `LPT²`: what follows a dot does not help.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_lowercase();
    let numbered = |stem: &str| {
        let mut rest = stem.chars();
        matches!((rest.next(), rest.next()), (Some('0'..='9' | '¹' | '²' | '³'), None))
    };
    matches!(stem.as_str(), "con" | "prn" | "aux" | "nul" | "conin$" | "conout$")
        || ["com", "lpt"].iter().any(|port| stem.strip_prefix(port).is_some_and(numbered))
}

/// A text that names no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no use: {why}")]
pub struct InvalidUse {
    text: String,
    why: String,
}

const FORMS: [&str; 10] = [
    "files read out/a.txt",
    "files write out/a.txt of 2KiB",
    "keyvalue write accounts/acme",
    "config greeting",
    "http GET https://HOST/PATH",
    "inference cheap",
    "clock",
    "random of 16B",
    "logging",
    "notes",
];

/// How a use is said, for people who said it otherwise: of the kind they named, else of each.
#[must_use]
pub fn forms(said: &str) -> String {
    let first = |text: &str| text.split_whitespace().next().map(str::to_owned);
    let own = FORMS.iter().filter(|form| first(form) == first(said));
    let own: Vec<&&str> = own.collect();
    let shown = if own.is_empty() { FORMS.iter().collect() } else { own };
    format!("such as {}", shown.iter().map(|form| format!("`{form}`")).collect::<Vec<_>>().join(", "))
}

impl FromStr for Use {
    type Err = InvalidUse;
    fn from_str(text: &str) -> Result<Self, InvalidUse> {
        read(text).map_err(|why| InvalidUse { text: text.into(), why })
    }
}

fn read(text: &str) -> Result<Use, String> {
    let (said, bytes) = match text.rsplit_once(" of ") {
        Some((said, size)) => (said, size.parse::<Bytes>().map_err(|error| error.to_string())?),
        None => (text, Bytes(0)),
    };
    let (word, rest) = said.trim().split_once(' ').unwrap_or((said.trim(), ""));
    let kind = Kind::ALL.into_iter().find(|kind| kind.word() == word);
    let kind = kind.ok_or_else(|| format!("`{word}` is no kind of authority"))?;
    let sized = matches!(kind, Kind::Files | Kind::Keyvalue | Kind::Random | Kind::Logging | Kind::Notes);
    if !sized && said != text {
        return Err(format!("{kind} has no size"));
    }
    read_kind(kind, rest.trim(), bytes)
}

fn read_kind(kind: Kind, rest: &str, bytes: Bytes) -> Result<Use, String> {
    let bare = |used: Use| match rest {
        "" => Ok(used),
        more => Err(format!("{kind} takes nothing more, and `{more}` follows")),
    };
    match kind {
        Kind::Files => {
            let (access, thing, path) = read_thing(rest)?;
            Ok(Use::Files { thing, path, access, bytes })
        }
        Kind::Keyvalue => {
            let (access, thing, key) = read_thing(rest)?;
            Ok(Use::Keyvalue { thing, key, access, bytes })
        }
        Kind::Config if rest.is_empty() => Err("which setting?".into()),
        Kind::Config => Ok(Use::Config { key: rest.into() }),
        Kind::Clock => bare(Use::Clock),
        Kind::Random => bare(Use::Random { bytes }),
        Kind::Logging => bare(Use::Logging { bytes }),
        Kind::Notes => bare(Use::Notes { bytes }),
        Kind::Http => read_request(rest),
        Kind::Inference => {
            let tier = Tier::ALL.into_iter().find(|tier| tier.word() == rest);
            tier.map(|tier| Use::Inference { tier }).ok_or_else(|| format!("`{rest}` is no tier"))
        }
    }
}

/// `read out/a.txt`: access, the skill's word, and what is behind the first `/`.
fn read_thing(rest: &str) -> Result<(Access, LogicalName, String), String> {
    let (word, place) = rest.split_once(' ').ok_or("it says what is done, then with what")?;
    let known = [Access::Read, Access::Write, Access::ReadWrite];
    let access = known.into_iter().find(|access| access.word() == word);
    let access = access.ok_or_else(|| format!("`{word}` is no access (read, write, read-write)"))?;
    let (thing, below) = place.trim_start().split_once('/').unwrap_or((place.trim_start(), ""));
    let thing = thing.parse::<LogicalName>().map_err(|error| error.to_string())?;
    Ok((access, thing, below.into()))
}

fn read_request(rest: &str) -> Result<Use, String> {
    let (word, url) = rest.split_once(' ').ok_or("it says the method, then the URL")?;
    let method = Method::ALL.into_iter().find(|method| method.word() == word);
    let method = method.ok_or_else(|| format!("`{word}` is no method a skill may use"))?;
    // Read as a URL, a hidden dot would have led elsewhere already.
    if hides_separator(url.split('?').next().unwrap_or_default()) {
        return Err(format!("`{url}` hides a separator or a dot"));
    }
    let url = Url::parse(url.trim()).map_err(|error| format!("`{url}` is no URL: {error}"))?;
    Ok(Use::Http { method, url: Box::new(url) })
}

impl fmt::Display for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind().word())?;
        match self {
            Use::Files { thing, path: below, access, .. }
            | Use::Keyvalue { thing, key: below, access, .. } => {
                let slash = if below.is_empty() { "" } else { "/" };
                write!(f, " {access} {thing}{slash}{below}")?;
            }
            Use::Config { key } => write!(f, " {key}")?,
            Use::Http { method, url } => write!(f, " {method} {url}")?,
            Use::Inference { tier } => write!(f, " {tier}")?,
            Use::Clock | Use::Random { .. } | Use::Logging { .. } | Use::Notes { .. } => {}
        }
        match self {
            Use::Files { bytes, .. }
            | Use::Keyvalue { bytes, .. }
            | Use::Random { bytes }
            | Use::Logging { bytes }
            | Use::Notes { bytes }
                if *bytes > Bytes(0) =>
            {
                write!(f, " of {}B", bytes.0)
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::capability::testing::authority;
    use proptest::prelude::*;

    #[test]
    fn a_use_reads_as_it_is_written() {
        let told = |text: &str| match text.parse::<Use>() {
            Ok(used) => format!("{used}"),
            Err(error) => format!("no: {}", error.why),
        };
        let table = [
            "files read out/a.txt",
            "files write out/a b/c.txt of 2KiB",
            "files read-write out",
            "keyvalue write accounts/acme of 12B",
            "keyvalue read accounts/a/b of c of 1B",
            "config greeting",
            "clock",
            "random of 16B",
            "logging",
            "notes of 1KiB",
            "http GET https://API.acme.example:443/v1/../x",
            "inference cheap",
            "",
            "sockets",
            "files out/a.txt",
            "files append out/a.txt",
            "files read Out/a.txt",
            "files read out/a.txt of much",
            "config",
            "config a of 1B",
            "clock fast",
            "http TRACE https://acme.example/",
            "http GET acme.example",
            "inference big",
        ];
        let lines: Vec<String> = table.iter().map(|text| format!("{text:45} {}", told(text))).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        files read out/a.txt                          files read out/a.txt
        files write out/a b/c.txt of 2KiB             files write out/a b/c.txt of 2048B
        files read-write out                          files read-write out
        keyvalue write accounts/acme of 12B           keyvalue write accounts/acme of 12B
        keyvalue read accounts/a/b of c of 1B         keyvalue read accounts/a/b of c of 1B
        config greeting                               config greeting
        clock                                         clock
        random of 16B                                 random of 16B
        logging                                       logging
        notes of 1KiB                                 notes of 1024B
        http GET https://API.acme.example:443/v1/../x http GET https://api.acme.example/x
        inference cheap                               inference cheap
                                                      no: `` is no kind of authority
        sockets                                       no: `sockets` is no kind of authority
        files out/a.txt                               no: it says what is done, then with what
        files append out/a.txt                        no: `append` is no access (read, write, read-write)
        files read Out/a.txt                          no: `Out` is not a capability name: expected lower-case words joined by `-`, 48 bytes at most
        files read out/a.txt of much                  no: `much` is not a size: a number with B, KiB, MiB or GiB, such as "16MiB"
        config                                        no: which setting?
        config a of 1B                                no: config has no size
        clock fast                                    no: clock takes nothing more, and `fast` follows
        http TRACE https://acme.example/              no: `TRACE` is no method a skill may use
        http GET acme.example                         no: `acme.example` is no URL: relative URL without a base
        inference big                                 no: `big` is no tier
        "#);
    }

    #[test]
    fn each_bound_is_met_and_its_refused_twin_is_not() {
        let files = Authority::Files {
            root: "/srv/out".into(),
            identity: None,
            access: Access::Write,
            bytes_max: Bytes(10),
            file_max: Bytes(5),
            files_max: 1,
        };
        let keys = Authority::Keyvalue {
            namespace: "crm".into(),
            access: Access::ReadWrite,
            bytes_max: Bytes(10),
            keys_max: 1,
        };
        let config = Authority::Config { values: [("greeting".into(), "Hi".into())].into() };
        let http = HttpGrant {
            target: "https://*.acme.example/v1/".parse().unwrap(),
            methods: [Method::Get].into(),
            addresses: Vec::new(),
            inject: Vec::new(),
            vouched_by: None,
            calls_max: 1,
            sent_max: Bytes(100),
            received_max: Bytes(1),
            hosts_max: 1,
        };
        let model = InferenceGrant {
            tier: Tier::Cheap,
            calls_max: 1,
            tokens_max: CALL_TOKENS_MIN,
            money_max: None,
            answered_by: Vec::new(),
        };
        let small = InferenceGrant { tokens_max: CALL_TOKENS_MIN - 1, ..model.clone() };
        let long_query = format!("http GET https://api.acme.example/v1/?{}", "q".repeat(55));
        let long = format!("keyvalue read crm/{}", "k".repeat(KEY_MAX + 1));
        let table = [
            (&files, "files write out/a.txt of 5B"),
            (&files, "files write out/a.txt of 6B"),
            (&files, "files read out/a.txt"),
            (&files, "files write out/a/../b"),
            (&files, "files write out/a/../../b"),
            (&files, "files write out//etc/passwd"),
            (&files, "files write out/.kapell-x"),
            (&files, "files write out/a.txt:stream"),
            (&files, "files write out/NUL.txt"),
            (&keys, "keyvalue read-write crm/a of 10B"),
            (&keys, "keyvalue write crm/a of 11B"),
            (&keys, long.as_str()),
            (&config, "config greeting"),
            (&config, "config PATH"),
            (&Authority::Random { bytes_max: Bytes(16) }, "random of 16B"),
            (&Authority::Random { bytes_max: Bytes(16) }, "random of 17B"),
            (&Authority::Notes { bytes_max: Bytes(16) }, "logging"),
            (&Authority::Http(http.clone()), "http GET https://api.acme.example/v1/x"),
            (&Authority::Http(http.clone()), "http GET https://acme.example/v1/x"),
            (&Authority::Http(http.clone()), "http GET http://api.acme.example/v1/x"),
            (&Authority::Http(http.clone()), "http GET https://api.acme.example/v2/x"),
            (&Authority::Http(http.clone()), "http POST https://api.acme.example/v1/x"),
            (&Authority::Http(http.clone()), "http GET https://ada@api.acme.example/v1/x"),
            (&Authority::Http(http), &long_query),
            (&Authority::Inference(model.clone()), "inference cheap"),
            (&Authority::Inference(model), "inference frontier"),
            (&Authority::Inference(small), "inference cheap"),
        ];
        let told = |(authority, text): &(&Authority, &str)| {
            let verdict = authority.permits(&text.parse().unwrap());
            let words = verdict.map_or_else(|beyond| format!("no: {beyond}"), |()| "yes".into());
            format!("{:45} {words}", text.get(..45).unwrap_or(text))
        };
        insta::assert_snapshot!(table.iter().map(told).collect::<Vec<_>>().join("\n"), @r#"
        files write out/a.txt of 5B                   yes
        files write out/a.txt of 6B                   no: 5 B in one file at most
        files read out/a.txt                          no: only to write is permitted
        files write out/a/../b                        yes
        files write out/a/../../b                     no: it leads out of the directory
        files write out//etc/passwd                   no: it is no path below the directory
        files write out/.kapell-x                     no: names that begin so are the store's own
        files write out/a.txt:stream                  no: a name in it is not one name on every file system
        files write out/NUL.txt                       no: a name in it is not one name on every file system
        keyvalue read-write crm/a of 10B              yes
        keyvalue write crm/a of 11B                   no: 10 B of keys and values at most
        keyvalue read crm/kkkkkkkkkkkkkkkkkkkkkkkkkkk no: 1024 bytes of a key at most
        config greeting                               yes
        config PATH                                   no: there is no setting `PATH` in it
        random of 16B                                 yes
        random of 17B                                 no: 16 B at most
        logging                                       no: it is about something else
        http GET https://api.acme.example/v1/x        yes
        http GET https://acme.example/v1/x            no: it is bound to https://*.acme.example/v1/
        http GET http://api.acme.example/v1/x         no: it is bound to https://*.acme.example/v1/
        http GET https://api.acme.example/v2/x        no: it is bound to https://*.acme.example/v1/
        http POST https://api.acme.example/v1/x       no: only to GET is permitted
        http GET https://ada@api.acme.example/v1/x    no: a request has no user, fragment or hidden separator in its URL
        http GET https://api.acme.example/v1/?qqqqqqq no: 100 B sent at most
        inference cheap                               yes
        inference frontier                            no: it is for the tier cheap
        inference cheap                               no: 129 tokens at most
        "#);
    }

    #[test]
    fn a_grant_permits_under_its_own_name_only() {
        let authority = Authority::Keyvalue {
            namespace: "crm".into(),
            access: Access::Read,
            bytes_max: Bytes(0),
            keys_max: 0,
        };
        let grant = Grant { name: "accounts".parse().unwrap(), rule: "r".parse().unwrap(), authority };
        assert_eq!(grant.permits(&"keyvalue read accounts/a".parse().unwrap()), Ok(()));
        assert_eq!(grant.permits(&"keyvalue read crm/a".parse().unwrap()), Err(Beyond::Thing));
    }

    /// Uses of every kind, about things and sizes that the generated authorities often have.
    fn used() -> impl Strategy<Value = Use> {
        prop::sample::select(vec![
            "files read a/x",
            "files write a/x of 1B",
            "files write a/x of 2B",
            "files read-write a/x",
            "files write a/../x",
            "keyvalue read a/x",
            "keyvalue write a/x of 1B",
            "keyvalue read-write a/x of 2B",
            "config x",
            "config y",
            "clock",
            "random of 1B",
            "random of 2B",
            "logging of 1B",
            "notes of 2B",
            "http GET https://api.acme.example/v1/x",
            "http POST https://api.acme.example/v1/x",
            "http GET https://www.acme.example/",
            "http GET https://a.api.acme.example/v1/x",
            "http DELETE http://api.acme.example/",
            "inference local",
            "inference cheap",
            "inference frontier",
        ])
        .prop_map(|text| text.parse().unwrap())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// What is covered permits nothing more, use by use.
        #[test]
        fn whoever_covers_allows_what_is_covered(wide in authority(), narrow in authority(), used in used()) {
            prop_assert!(!(wide.covers(&narrow) && narrow.allows(&used)) || wide.allows(&used));
        }

        #[test]
        fn the_meet_allows_only_what_both_allow(one in authority(), two in authority(), used in used()) {
            if one.meet(&two).is_some_and(|meet| meet.allows(&used)) {
                prop_assert!(one.allows(&used) && two.allows(&used));
            }
        }

        #[test]
        fn a_use_said_is_the_same_use(used in used()) {
            prop_assert_eq!(used.to_string().parse::<Use>().unwrap(), used);
        }
    }
}
