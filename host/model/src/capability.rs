//! The kinds of authority a skill can ask for, and the order between grants of one kind.
//!
//! Each kind is one type with `covers`: whether everything the other permits is permitted by this one. A grant is
//! only ever narrowed on its way from manifest through policy to the step.

use crate::form::Table;
use crate::grant::{Authority, Grant, GrantSet, RootIdentity};
use crate::id::LogicalName;
use crate::inference::Tier;
use crate::manifest::Wish;
use crate::quantity::Bytes;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A kind of authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A directory of files (`wasi:filesystem`), bound to a directory of the operator's.
    Files,
    /// A bucket of keys and values (`wasi:keyvalue`), bound to a namespace in the store.
    Keyvalue,
    /// Named settings (`wasi:config`), bound to values in the policy.
    Config,
    /// Real readings of wall and monotonic time (`wasi:clocks`), at a granted resolution, recorded.
    Clock,
    /// Real random bytes (`wasi:random`), recorded.
    Random,
    /// Diagnostic lines (`wasi:logging`), sanitised and counted.
    Logging,
    /// What the skill wants remembered in the journal (`kapell:skill/notes`), sanitised and counted.
    Notes,
    /// Requests to named places (`wasi:http`), sent by the egress, each recorded.
    Http,
    /// Completions of a model by tier (`kapell:skill/inference`), metered in tokens and money.
    Inference,
}

impl Kind {
    /// Every kind, in the order people read them.
    pub const ALL: [Kind; 9] = [
        Kind::Files,
        Kind::Keyvalue,
        Kind::Config,
        Kind::Clock,
        Kind::Random,
        Kind::Logging,
        Kind::Notes,
        Kind::Http,
        Kind::Inference,
    ];

    /// Whether the guest's calls say which thing they mean, so that a skill can have several of the kind: by its name,
    /// by the URL, by the tier.
    #[must_use]
    pub const fn is_named(self) -> bool {
        matches!(self, Kind::Files | Kind::Keyvalue | Kind::Http | Kind::Inference)
    }

    /// Whether reading and writing are asked for apart.
    #[must_use]
    pub const fn has_access(self) -> bool {
        matches!(self, Kind::Files | Kind::Keyvalue)
    }

    /// The package or interface a guest uses it by.
    #[must_use]
    pub const fn package(self) -> &'static str {
        match self {
            Kind::Files => "wasi:filesystem",
            Kind::Keyvalue => "wasi:keyvalue",
            Kind::Config => "wasi:config",
            Kind::Clock => "wasi:clocks",
            Kind::Random => "wasi:random",
            Kind::Logging => "wasi:logging",
            Kind::Notes => "kapell:skill/notes",
            Kind::Http => "wasi:http",
            Kind::Inference => "kapell:skill/inference",
        }
    }

    /// The word for it in manifests, policies and entries.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Kind::Files => "files",
            Kind::Keyvalue => "keyvalue",
            Kind::Config => "config",
            Kind::Clock => "clock",
            Kind::Random => "random",
            Kind::Logging => "logging",
            Kind::Notes => "notes",
            Kind::Http => "http",
            Kind::Inference => "inference",
        }
    }
}

/// How manifest and policy write the parts they share.
impl Kind {
    /// Each kind by its word.
    pub(crate) fn words() -> [(&'static str, Self); 9] {
        Self::ALL.map(|kind| (kind.word(), kind))
    }

    /// The name the skill uses; a kind whose calls carry no name goes by the kind's own word when nothing is said.
    pub(crate) fn read_name(self, table: &Table<'_, '_>) -> Option<LogicalName> {
        match self {
            Kind::Inference => Self::read_tier(table)?.word().parse().ok(),
            _ if self.is_named() => table.required("name")?.parsed(),
            _ => table.get("name").map_or_else(|| self.word().parse().ok(), |field| field.parsed()),
        }
    }

    /// The name of an inference is its tier, in manifest and policy alike.
    pub(crate) fn read_tier(table: &Table<'_, '_>) -> Option<Tier> {
        table.required("name")?.word(&Tier::words())
    }

    /// Files and keyvalue always say their access, other kinds have none. The outer `None` is a told problem.
    pub(crate) fn read_access(self, table: &Table<'_, '_>) -> Option<Option<Access>> {
        if self.has_access() {
            return table.required("access")?.word(&Access::words()).map(Some);
        }
        match table.get("access") {
            None => Some(None),
            Some(field) => {
                field.tell_key(format!("{self} has no access: leave it out"));
                None
            }
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

/// What may be done with files or keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Only reading.
    Read,
    /// Only making and changing; what is there can't be read.
    Write,
    /// Both.
    ReadWrite,
}

impl Access {
    /// Each access by its word.
    pub(crate) fn words() -> [(&'static str, Self); 3] {
        [Access::Read, Access::Write, Access::ReadWrite].map(|access| (access.word(), access))
    }

    /// Whether reading is permitted.
    #[must_use]
    pub const fn reads(self) -> bool {
        matches!(self, Access::Read | Access::ReadWrite)
    }

    /// Whether writing is permitted.
    #[must_use]
    pub const fn writes(self) -> bool {
        matches!(self, Access::Write | Access::ReadWrite)
    }

    /// Whether everything `narrower` permits is permitted here too.
    #[must_use]
    pub const fn covers(self, narrower: Access) -> bool {
        (self.reads() || !narrower.reads()) && (self.writes() || !narrower.writes())
    }

    /// What both permit; none when they have nothing in common.
    #[must_use]
    pub const fn meet(self, other: Access) -> Option<Access> {
        match (self.reads() && other.reads(), self.writes() && other.writes()) {
            (true, true) => Some(Access::ReadWrite),
            (true, false) => Some(Access::Read),
            (false, true) => Some(Access::Write),
            (false, false) => None,
        }
    }

    /// What is left of it without that; none when nothing is.
    #[must_use]
    pub const fn without(self, taken: Access) -> Option<Access> {
        match (self.reads() && !taken.reads(), self.writes() && !taken.writes()) {
            (true, true) => Some(Access::ReadWrite),
            (true, false) => Some(Access::Read),
            (false, true) => Some(Access::Write),
            (false, false) => None,
        }
    }

    /// The word for it in manifests, policies and entries.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Access::Read => "read",
            Access::Write => "write",
            Access::ReadWrite => "read-write",
        }
    }
}

impl std::fmt::Display for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

/// The order of grants: one covers another when it permits everything the other does.
impl Authority {
    /// What both permit; none when they are about different things or permit nothing in common.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (
                Authority::Files { root: one, identity, access, bytes_max, file_max, files_max },
                Authority::Files {
                    root: two,
                    identity: and_identity,
                    access: and_access,
                    bytes_max: and_bytes,
                    file_max: and_file,
                    files_max: and_files,
                },
            ) => Some(Authority::Files {
                root: deeper(one, two)
                    .filter(|root| stays(root, one, *identity) && stays(root, two, *and_identity))?,
                identity: same_or_unsaid(*identity, *and_identity)?,
                access: access.meet(*and_access)?,
                bytes_max: *bytes_max.min(and_bytes),
                file_max: *file_max.min(and_file),
                files_max: *files_max.min(and_files),
            }),
            (
                Authority::Keyvalue { namespace: one, access, bytes_max, keys_max },
                Authority::Keyvalue {
                    namespace: two,
                    access: and_access,
                    bytes_max: and_bytes,
                    keys_max: and_keys,
                },
            ) => Some(Authority::Keyvalue {
                namespace: (one == two).then(|| one.clone())?,
                access: access.meet(*and_access)?,
                bytes_max: *bytes_max.min(and_bytes),
                keys_max: *keys_max.min(and_keys),
            }),
            (Authority::Config { values: one }, Authority::Config { values: two }) => {
                let both = one.iter().filter(|(key, value)| two.get(*key) == Some(value));
                Some(Authority::Config {
                    values: both.map(|(key, value)| (key.clone(), value.clone())).collect(),
                })
            }
            // The coarser clock tells less.
            (Authority::Clock { resolution: one }, Authority::Clock { resolution: two }) => {
                Some(Authority::Clock { resolution: *one.max(two) })
            }
            (Authority::Random { bytes_max: one }, Authority::Random { bytes_max: two }) => {
                Some(Authority::Random { bytes_max: *one.min(two) })
            }
            (Authority::Logging { bytes_max: one }, Authority::Logging { bytes_max: two }) => {
                Some(Authority::Logging { bytes_max: *one.min(two) })
            }
            (Authority::Notes { bytes_max: one }, Authority::Notes { bytes_max: two }) => {
                Some(Authority::Notes { bytes_max: *one.min(two) })
            }
            (Authority::Http(one), Authority::Http(two)) => one.meet(two).map(Authority::Http),
            (Authority::Inference(one), Authority::Inference(two)) => one.meet(two).map(Authority::Inference),
            _ => None,
        }
    }

    /// Whether everything `narrower` permits is permitted here too: what both permit is then all of it.
    #[must_use]
    pub fn covers(&self, narrower: &Self) -> bool {
        self.meet(narrower).as_ref() == Some(narrower)
    }

    /// This authority as far as a skill asks for it; none when nothing it asks for is permitted.
    #[must_use]
    pub fn wished(&self, wish: &Wish) -> Option<Self> {
        match (self, wish) {
            (Authority::Http(grant), Wish::Http(wish)) => grant.wished(wish).map(Authority::Http),
            (_, Wish::Access(access)) => self.within(Some(*access)),
            _ => self.within(None),
        }
    }

    /// Whether everything the skill asks for is permitted.
    #[must_use]
    pub fn fulfils(&self, wish: &Wish) -> bool {
        match (self, wish) {
            (Authority::Http(grant), Wish::Http(wish)) => {
                wish.methods.is_subset(&grant.methods)
                    && wish.target.as_ref().is_none_or(|target| grant.target.covers(target))
            }
            (_, Wish::Access(access)) => self.access().is_some_and(|own| own.covers(*access)),
            _ => true,
        }
    }

    /// This authority with no more access than that; none when nothing is left. Who may only read sends no request
    /// that changes something. Kinds that don't tell reading and writing apart stay.
    #[must_use]
    pub fn within(&self, ceiling: Option<Access>) -> Option<Self> {
        if let (Authority::Http(grant), Some(Access::Read)) = (self, ceiling) {
            return grant.without_writing().map(Authority::Http);
        }
        let mut narrowed = self.clone();
        if let (Authority::Files { access, .. } | Authority::Keyvalue { access, .. }, Some(ceiling)) =
            (&mut narrowed, ceiling)
        {
            *access = access.meet(ceiling)?;
        }
        Some(narrowed.without_idle_numbers())
    }

    /// Where nothing may be written, the most that may be written is nothing: equal grants are equal data.
    fn without_idle_numbers(mut self) -> Self {
        match &mut self {
            Authority::Files { access: Access::Read, bytes_max, file_max, files_max, .. } => {
                (*bytes_max, *file_max, *files_max) = (Bytes(0), Bytes(0), 0);
            }
            Authority::Keyvalue { access: Access::Read, bytes_max, keys_max, .. } => {
                (*bytes_max, *keys_max) = (Bytes(0), 0);
            }
            _ => {}
        }
        self
    }
}

impl GrantSet {
    /// Whether everything `narrower` permits is permitted here too, thing by thing under the same names.
    #[must_use]
    pub fn covers(&self, narrower: &Self) -> bool {
        let permits = |grant: &Grant| {
            self.of_kind(grant.authority.kind())
                .any(|own| own.name == grant.name && own.authority.covers(&grant.authority))
        };
        narrower.grants.iter().all(permits) && narrower.inert.iter().all(|name| self.inert.contains(name))
    }

    /// The same grants with nothing to write through; what could only be written is left out.
    #[must_use]
    pub fn without_writing(&self) -> Self {
        let narrowed = |grant: &Grant| {
            let authority = grant.authority.within(Some(Access::Read))?;
            Some(Grant { authority, ..grant.clone() })
        };
        Self { grants: self.grants.iter().filter_map(narrowed).collect(), ..self.clone() }
    }
}

/// The one of two directories that is inside the other, or the same; paths are absolute and without `..`.
fn deeper(one: &str, other: &str) -> Option<String> {
    let (one_path, other_path) = (Path::new(one), Path::new(other));
    if one_path.starts_with(other_path) {
        Some(one.into())
    } else {
        other_path.starts_with(one_path).then(|| other.into())
    }
}

/// Whether a root still means the directory that an identity was recorded of: what is below it is another one.
fn stays(root: &str, recorded: &str, identity: Option<RootIdentity>) -> bool {
    identity.is_none() || Path::new(root) == Path::new(recorded)
}

/// What two say of a directory's identity together; the outer none when they contradict each other.
fn same_or_unsaid(one: Option<RootIdentity>, other: Option<RootIdentity>) -> Option<Option<RootIdentity>> {
    match (one, other) {
        (Some(one), Some(other)) if one != other => None,
        (one, other) => Some(one.or(other)),
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! Authorities to try the order of grants with.

    use super::*;
    use crate::digest::Digest;
    use crate::http::{CertificateAuthority, HttpGrant, Injection, Method, shortest};
    use crate::inference::{Answering, CALL_TOKENS_MIN, InferenceGrant, Tier};
    use crate::quantity::Span;
    use proptest::prelude::*;

    pub(crate) fn access() -> impl Strategy<Value = Access> {
        prop::sample::select(vec![Access::Read, Access::Write, Access::ReadWrite])
    }

    /// Authorities of every kind, few enough things and numbers that pairs often meet.
    pub(crate) fn authority() -> impl Strategy<Value = Authority> {
        let number = 0..3_u64;
        let root = prop::sample::select(vec!["/a", "/a/b", "/a/b/c", "/ab", "/d"]);
        let identity = prop::option::of((0..2_u64).prop_map(|inode| RootIdentity { device: 1, inode }));
        let namespace = prop::sample::select(vec!["crm", "terms"]);
        let values = prop::collection::btree_map("[xy]", "[01]", 0..3);
        prop_oneof![
            (root, identity, access(), number.clone(), number.clone(), number.clone()).prop_map(
                |(root, identity, access, bytes, file, files_max)| Authority::Files {
                    root: root.into(),
                    identity,
                    access,
                    bytes_max: Bytes(bytes),
                    file_max: Bytes(file),
                    files_max,
                }
            ),
            (namespace, access(), number.clone(), number.clone()).prop_map(
                |(name, access, bytes, keys_max)| {
                    Authority::Keyvalue { namespace: name.into(), access, bytes_max: Bytes(bytes), keys_max }
                }
            ),
            values.prop_map(|values| Authority::Config { values }),
            number.clone().prop_map(|ms| Authority::Clock { resolution: Span(ms) }),
            number.clone().prop_map(|bytes| Authority::Random { bytes_max: Bytes(bytes) }),
            number.clone().prop_map(|bytes| Authority::Logging { bytes_max: Bytes(bytes) }),
            number.prop_map(|bytes| Authority::Notes { bytes_max: Bytes(bytes) }),
            http().prop_map(Authority::Http),
            inference().prop_map(Authority::Inference),
        ]
    }

    fn http() -> impl Strategy<Value = HttpGrant> {
        let target = prop::sample::select(vec![
            "https://*.acme.example/",
            "https://*.api.acme.example/v1/",
            "https://api.acme.example/",
            "https://api.acme.example/v1/",
            "https://api.acme.example/v1",
            "https://acme.example/v1/",
            "http://api.acme.example/",
            "https://api.acme.example:8443/",
        ]);
        let methods = prop::collection::btree_set(
            prop::sample::select(vec![Method::Get, Method::Post, Method::Delete]),
            1..3,
        );
        let nets =
            prop::sample::subsequence(vec!["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "::1/128"], 0..4);
        let inject = prop::sample::subsequence(vec!["authorization", "x-key"], 0..2);
        let vouched_by = prop::sample::select(vec![None, None, Some("corp"), Some("partner")]);
        (target, methods, nets, inject, vouched_by, 0..3_u64, 0..3_u64, 1..3_u64).prop_map(
            |(target, methods, nets, inject, vouched_by, calls_max, bytes, hosts_max)| HttpGrant {
                target: target.parse().unwrap_or_else(|error| unreachable!("{error}")),
                methods,
                addresses: shortest(nets.into_iter().filter_map(|net| net.parse().ok()).collect()),
                inject: inject.into_iter().map(injection).collect(),
                vouched_by: vouched_by.map(authority_named),
                calls_max,
                // Some too few for the shortest request.
                sent_max: Bytes(bytes * 60),
                received_max: Bytes(bytes),
                hosts_max,
            },
        )
    }

    fn authority_named(name: &str) -> CertificateAuthority {
        let name = name.parse().unwrap_or_else(|_| unreachable!("a name"));
        CertificateAuthority { name, digest: Digest::of(b"certificates") }
    }

    fn injection(header: &str) -> Injection {
        Injection {
            header: header.into(),
            before: String::new(),
            secret: "crm from env:CRM".parse().unwrap_or_else(|_| unreachable!("a secret")),
            after: String::new(),
        }
    }

    fn inference() -> impl Strategy<Value = InferenceGrant> {
        let money = prop::sample::select(vec![None, Some("0.10 EUR"), Some("0.20 EUR"), Some("0.10 USD")]);
        let tokens = prop::sample::select(vec![0, CALL_TOKENS_MIN - 1, CALL_TOKENS_MIN, 1_000]);
        let answered_by = prop::sample::select(vec!["", "desk", "cloud", "desk cloud", "cloud desk"]);
        (prop::sample::select(Tier::ALL.to_vec()), 0..3_u64, tokens, money, answered_by).prop_map(
            |(tier, calls_max, tokens_max, money, answered_by)| InferenceGrant {
                tier,
                calls_max,
                tokens_max,
                money_max: money.and_then(|money| money.parse().ok()),
                answered_by: answered_by.split_whitespace().map(answering).collect(),
            },
        )
    }

    fn answering(id: &str) -> Answering {
        Answering {
            id: id.parse().unwrap_or_else(|_| unreachable!("a name")),
            base: "https://models.acme.example/".parse().unwrap_or_else(|error| unreachable!("{error}")),
            addresses: Vec::new(),
            model: "m".into(),
            secret: None,
            vouched_by: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{access, authority};
    use super::*;
    use crate::quantity::Span;
    use proptest::prelude::*;

    #[test]
    fn the_meet_is_covered_by_both_sides() {
        let all = [Access::Read, Access::Write, Access::ReadWrite];
        for one in all {
            assert!(one.covers(one));
            for other in all {
                if let Some(meet) = one.meet(other) {
                    assert!(one.covers(meet) && other.covers(meet), "{one} {other}");
                }
                assert!(!(one.covers(other) && other.covers(one)) || one == other, "{one} {other}");
            }
        }
        assert_eq!(Access::Read.meet(Access::Write), None);
    }

    proptest! {
        #[test]
        fn covers_is_a_partial_order(one in authority(), two in authority(), three in authority()) {
            prop_assert!(one.covers(&one));
            prop_assert!(one == two || !(one.covers(&two) && two.covers(&one)));
            prop_assert!(!(one.covers(&two) && two.covers(&three)) || one.covers(&three));
        }

        #[test]
        fn the_meet_is_the_most_that_both_permit(one in authority(), two in authority(), three in authority()) {
            let meet = one.meet(&two);
            prop_assert_eq!(&meet, &two.meet(&one));
            if let Some(meet) = &meet {
                prop_assert!(one.covers(meet) && two.covers(meet));
            }
            if one.covers(&three) && two.covers(&three) {
                prop_assert!(meet.is_some_and(|meet| meet.covers(&three)));
            }
        }

        #[test]
        fn every_grant_reads_back_from_its_line_in_the_lock(one in authority()) {
            let (name, rule) = ("it".parse(), "rule".parse());
            let (Ok(name), Ok(rule)) = (name, rule) else { return Err(TestCaseError::fail("names")) };
            let grants = GrantSet::of(vec![Grant { name, rule, authority: one }]);
            let folder = Path::new("/a");
            let lines = crate::lock::grant_lines(&grants, folder);
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            prop_assert_eq!(crate::lock::read_grants(&lines, folder), Ok(grants));
        }

        #[test]
        fn narrowing_never_widens(one in authority(), ceiling in access()) {
            if let Some(narrowed) = one.within(Some(ceiling)) {
                prop_assert!(one.covers(&narrowed));
                prop_assert!(narrowed.access().is_none_or(|access| ceiling.covers(access)));
            }
        }
    }

    /// Each number and word counts: one of them wider is enough to be no longer covered.
    #[test]
    fn nothing_wider_is_covered() {
        let files = |root: &str, access, bytes, files_max| Authority::Files {
            root: root.into(),
            identity: None,
            access,
            bytes_max: Bytes(bytes),
            file_max: Bytes(bytes),
            files_max,
        };
        let granted = files("/a/b", Access::Write, 5, 5);
        assert!(granted.covers(&files("/a/b/c", Access::Write, 4, 5)));
        for wider in [
            files("/a", Access::Write, 5, 5),
            files("/a/bc", Access::Write, 5, 5),
            files("/a/b", Access::ReadWrite, 5, 5),
            files("/a/b", Access::Read, 5, 5),
            files("/a/b", Access::Write, 6, 5),
            files("/a/b", Access::Write, 5, 6),
            Authority::Random { bytes_max: Bytes(1) },
        ] {
            assert!(!granted.covers(&wider), "{wider:?}");
        }
        let pinned = |root: &str, inode| {
            let mut pinned = files(root, Access::Write, 5, 5);
            if let Authority::Files { identity, .. } = &mut pinned {
                *identity = Some(RootIdentity { device: 1, inode });
            }
            pinned
        };
        assert!(granted.covers(&pinned("/a/b", 7)) && pinned("/a/b", 7).covers(&pinned("/a/b", 7)));
        for other in
            [pinned("/a/b", 8), pinned("/a/b/c", 7), granted.clone(), files("/a/b/c", Access::Write, 5, 5)]
        {
            assert!(!pinned("/a/b", 7).covers(&other), "{other:?}");
        }
        let clock = |ms| Authority::Clock { resolution: Span(ms) };
        assert!(clock(1).covers(&clock(1_000)) && !clock(1_000).covers(&clock(1)));
    }

    #[test]
    fn a_set_covers_thing_by_thing() {
        let grant = |name: &str, bytes| Grant {
            name: name.parse().unwrap_or_else(|_| unreachable!("a name")),
            rule: "r".parse().unwrap_or_else(|_| unreachable!("a rule")),
            authority: Authority::Random { bytes_max: Bytes(bytes) },
        };
        let set = |grants: &[Grant], inert: &[&str]| GrantSet {
            grants: grants.to_vec(),
            inert: inert.iter().map(|name| (*name).into()).collect(),
            ..GrantSet::default()
        };
        let approved = set(&[grant("a", 5), grant("b", 1)], &["wasi:sockets"]);
        assert!(approved.covers(&set(&[grant("b", 1)], &[])));
        assert!(approved.covers(&approved));
        assert!(!approved.covers(&set(&[grant("b", 5)], &[])), "the name it stands under counts");
        assert!(!approved.covers(&set(&[grant("c", 1)], &[])));
        assert!(!approved.covers(&set(&[], &["wasi:http"])));
    }
}
