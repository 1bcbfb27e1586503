//! What a skill was seen to use of what it is granted: how often, on what, and what it was refused.
//!
//! Read off the record alone: readings stand there with their rule and object, writes with their grant, and what is
//! only counted (notes, log lines, settings, time, random bytes) in the attempt's meters.

use crate::log::instant;
use crate::plain::{line, number, short};
use kapell_journal::entry::{AttemptEnded, RecordedEnding};
use kapell_model::capability::Kind;
use kapell_model::crossing::{Answer, Crossing};
use kapell_model::grant::{Authority, Grant, GrantSet};
use kapell_model::http::Method;
use kapell_model::id::{LogicalName, RuleId};
use kapell_model::policy::Needs;
use kapell_model::quantity::Timestamp;
use kapell_model::writes::{UndoneWrite, WriteSummary};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Most objects kept of one grant; the others are counted.
pub const OBJECTS_MAX: usize = 50;

/// One recorded attempt of a skill.
#[derive(Clone, Copy, Debug)]
pub struct Attempted<'a> {
    /// When it ended.
    pub at: Timestamp,
    /// What it might reach.
    pub grants: &'a GrantSet,
    /// How it ended and what it wrote.
    pub ended: &'a AttemptEnded,
    /// What crossed, in order.
    pub crossings: &'a [Crossing],
}

/// What was used of one grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Used {
    /// The kind.
    pub kind: Kind,
    /// The skill's own word for it.
    pub name: LogicalName,
    /// The rules it was granted by, over time.
    pub rules: BTreeSet<RuleId>,
    /// Attempts that might use it.
    pub granted: u64,
    /// Attempts that did.
    pub attempts: u64,
    /// Calls, or for files and keys: readings and writes.
    pub uses: u64,
    /// Uses beyond it that were refused.
    pub refused: u64,
    /// Writes in attempts that did not end with an output: used, and not kept.
    pub undone: u64,
    /// When it was used first.
    pub first: Option<Timestamp>,
    /// When it was used last.
    pub last: Option<Timestamp>,
    /// What it was used on: paths, keys, settings, hosts; [`OBJECTS_MAX`] at most.
    pub objects: BTreeSet<String>,
    /// How many different ones there were beyond those, at least.
    pub more: u64,
    /// What would have sufficed.
    #[serde(skip)]
    pub needs: Needs,
}

/// A use no grant was for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Stray {
    /// The kind.
    pub kind: Kind,
    /// What was wanted.
    pub object: String,
    /// What it was answered.
    pub answer: String,
    /// The rule that withholds it; none where no rule is for it.
    pub rule: Option<RuleId>,
    /// How often.
    pub refused: u64,
}

/// Everything a skill was seen to use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Usage {
    /// Recorded attempts.
    pub attempts: u64,
    /// By grant, in the order of kinds and names.
    pub grants: Vec<Used>,
    /// Uses no grant was for, [`OBJECTS_MAX`] at most.
    pub strays: Vec<Stray>,
    /// Attempts the host ended with a refusal.
    pub refusals: u64,
}

impl Stray {
    /// Why it was refused, in words that go on from its object.
    #[must_use]
    pub fn why(&self) -> String {
        match &self.rule {
            Some(rule) => format!("which rule {rule} withholds"),
            // It is no request at all, or one no server may be sent.
            None if self.kind == Kind::Http && self.answer != "http-request-denied" => {
                "which no grant can permit".into()
            }
            None => "which nothing grants".into(),
        }
    }
}

impl Usage {
    /// The grants nothing was ever used of.
    pub fn never_used(&self) -> impl Iterator<Item = &Used> {
        self.grants.iter().filter(|used| used.uses == 0)
    }
}

/// A count of what was used, attempt by attempt.
#[derive(Debug, Default)]
pub struct Tally {
    attempts: u64,
    refusals: u64,
    grants: BTreeMap<(Kind, LogicalName), Used>,
    strays: BTreeMap<(Kind, String), Stray>,
}

/// What one attempt did with one grant.
#[derive(Default)]
struct Once {
    uses: u64,
    refused: u64,
    undone: u64,
    objects: BTreeSet<String>,
    needs: Needs,
}

impl Tally {
    /// What was used so far.
    #[must_use]
    pub fn usage(self) -> Usage {
        Usage {
            attempts: self.attempts,
            grants: self.grants.into_values().collect(),
            strays: self.strays.into_values().collect(),
            refusals: self.refusals,
        }
    }

    /// Counts one more attempt.
    pub fn add(&mut self, attempt: &Attempted<'_>) {
        self.attempts += 1;
        self.refusals += u64::from(matches!(attempt.ended.ending, RecordedEnding::Refusal(_)));
        for grant in &attempt.grants.grants {
            let once = Once::of(grant, attempt);
            self.grant(grant).add(grant, once, attempt.at);
        }
        let told_no = attempt.crossings.iter().filter_map(|it| match &it.answer {
            Answer::Refused(code) if !attempt.grants.grants.iter().any(|grant| is_of(it, grant)) => {
                Some((it, code))
            }
            _ => None,
        });
        for (crossing, code) in told_no {
            self.stray(crossing, code);
        }
    }

    fn grant(&mut self, grant: &Grant) -> &mut Used {
        let (kind, name) = (grant.authority.kind(), grant.name.clone());
        self.grants.entry((kind, name.clone())).or_insert_with(|| Used {
            kind,
            name,
            rules: BTreeSet::new(),
            granted: 0,
            attempts: 0,
            uses: 0,
            refused: 0,
            undone: 0,
            first: None,
            last: None,
            objects: BTreeSet::new(),
            more: 0,
            needs: Needs::default(),
        })
    }

    fn stray(&mut self, crossing: &Crossing, code: &str) {
        let key = (crossing.kind, without_query(crossing).to_owned());
        if let Some(stray) = self.strays.get_mut(&key) {
            stray.refused += 1;
        } else if self.strays.len() < OBJECTS_MAX {
            let (kind, object) = key.clone();
            self.strays.insert(
                key,
                Stray { kind, object, answer: code.to_owned(), rule: crossing.rule.clone(), refused: 1 },
            );
        }
    }
}

/// What was wanted, without what a request says behind its `?`: that is for the server, and may be anything.
fn without_query(crossing: &Crossing) -> &str {
    match crossing.kind {
        Kind::Http => crossing.object.split('?').next().unwrap_or_default(),
        _ => &crossing.object,
    }
}

impl Used {
    fn add(&mut self, grant: &Grant, once: Once, at: Timestamp) {
        self.rules.insert(grant.rule.clone());
        self.granted += 1;
        self.refused += once.refused;
        self.undone += once.undone;
        if once.uses == 0 {
            return;
        }
        self.attempts += 1;
        self.uses += once.uses;
        self.first = Some(self.first.map_or(at, |first| first.min(at)));
        self.last = Some(self.last.map_or(at, |last| last.max(at)));
        for object in once.objects {
            match self.objects.len() < OBJECTS_MAX {
                true => drop(self.objects.insert(object)),
                false => self.more += u64::from(!self.objects.contains(&object)),
            }
        }
        self.needs = std::mem::take(&mut self.needs).and(once.needs);
    }
}

/// Whether a crossing went through this grant.
fn is_of(crossing: &Crossing, grant: &Grant) -> bool {
    crossing.kind == grant.authority.kind()
        && match &crossing.rule {
            Some(rule) => *rule == grant.rule,
            // A setting that is not there was still asked of the only grant of settings there is.
            None => !crossing.kind.is_named(),
        }
}

impl Once {
    fn of(grant: &Grant, attempt: &Attempted<'_>) -> Self {
        let mut once = Self::default();
        for crossing in attempt.crossings.iter().filter(|crossing| is_of(crossing, grant)) {
            once.crossed(grant, crossing);
        }
        attempt.ended.writes.iter().for_each(|write| once.wrote(grant, write));
        attempt.ended.undone.objects.iter().for_each(|write| once.wrote_in_vain(grant, write));
        once.counted(grant, attempt);
        once
    }

    fn crossed(&mut self, grant: &Grant, crossing: &Crossing) {
        if matches!(crossing.answer, Answer::Refused(_)) {
            self.refused += 1;
            return;
        }
        self.uses += 1;
        self.needs.reads = true;
        match &crossing.answer {
            Answer::Exchange(exchange) => {
                self.needs.calls += 1;
                self.needs.sent += exchange.sent;
                self.needs.received += exchange.received;
                self.requested(crossing);
            }
            Answer::Completion(completion) => {
                self.needs.calls += 1;
                self.needs.tokens += completion.tokens_in + completion.tokens_out;
                self.objects.insert(completion.model.clone());
            }
            Answer::Bytes(text) if crossing.kind == Kind::Random => {
                self.needs.bytes += text.len() as u64 / 4 * 3
            }
            // Drawn in one call that was too long to be kept in the crossing.
            Answer::Content(_) if crossing.kind == Kind::Random => self.needs.bytes += 64 << 10,
            _ => self.object(below(grant, &crossing.object)),
        }
    }

    fn requested(&mut self, crossing: &Crossing) {
        let words: Vec<&str> = crossing.call.split(' ').chain(crossing.object.split(' ')).collect();
        let method = Method::ALL
            .into_iter()
            .find(|method| words.iter().any(|it| it.eq_ignore_ascii_case(method.word())));
        let url = words.iter().rev().find(|word| word.contains("://"));
        if let (Some(method), Some(url)) = (method, url) {
            self.needs.requests.insert((method, (*url).to_owned()));
            self.objects.insert(host(url));
        }
    }

    fn object(&mut self, object: &str) {
        if !object.is_empty() {
            self.objects.insert(object.to_owned());
            self.needs.objects.insert(object.to_owned());
        }
    }

    fn wrote(&mut self, grant: &Grant, write: &WriteSummary) {
        let (object, bytes) = match (write, &grant.authority) {
            (WriteSummary::File { grant: name, path, bytes, .. }, Authority::Files { .. })
                if *name == grant.name =>
            {
                (path, *bytes)
            }
            (WriteSummary::Key { namespace, key, bytes, .. }, Authority::Keyvalue { namespace: own, .. })
                if namespace == own =>
            {
                (key, *bytes + key.len() as u64)
            }
            _ => return,
        };
        self.uses += 1;
        self.needs.writes = true;
        self.needs.things += 1;
        self.needs.bytes += bytes;
        self.needs.largest = self.needs.largest.max(bytes);
        self.object(object);
    }

    /// It was used all the same: a rule without it would have ended the attempt otherwise.
    fn wrote_in_vain(&mut self, grant: &Grant, write: &UndoneWrite) {
        let object = match (write, &grant.authority) {
            (UndoneWrite::File { grant: name, path }, Authority::Files { .. }) if *name == grant.name => path,
            (UndoneWrite::Key { namespace, key }, Authority::Keyvalue { namespace: own, .. })
                if namespace == own =>
            {
                key
            }
            _ => return,
        };
        self.uses += 1;
        self.undone += 1;
        self.needs.writes = true;
        self.object(object);
    }

    /// The kinds of which a skill has one grant are counted call by call, recorded or not.
    fn counted(&mut self, grant: &Grant, attempt: &Attempted<'_>) {
        let kind = grant.authority.kind();
        if kind.is_named() {
            return;
        }
        let counted = attempt.ended.receipt.meters.crossings.get(kind.word()).copied().unwrap_or_default();
        self.uses = self.uses.max(counted);
        let said: usize = match kind {
            Kind::Notes => attempt.ended.notes.iter().map(|note| note.topic.len() + note.text.len()).sum(),
            Kind::Logging => attempt.ended.log.iter().map(String::len).sum(),
            _ => 0,
        };
        self.needs.bytes = self.needs.bytes.max(said as u64);
    }
}

/// What of a recorded object is below the grant: the skill's own word stands before it.
fn below<'o>(grant: &Grant, object: &'o str) -> &'o str {
    let name = object.strip_prefix(grant.name.as_str());
    name.and_then(|rest| rest.strip_prefix('/')).unwrap_or(object)
}

fn host(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?']).next().unwrap_or(rest).to_owned()
}

fn many(count: u64, thing: &str) -> String {
    format!("{} {thing}{}", number(count), if count == 1 { "" } else { "s" })
}

/// The usage of a skill on one page.
#[must_use]
pub fn page(usage: &Usage) -> String {
    let mut text = format!("seen in {}\n", many(usage.attempts, "recorded attempt"));
    for used in &usage.grants {
        write_grant(&mut text, used);
        write_objects(&mut text, used);
    }
    for stray in &usage.strays {
        let _ = writeln!(
            text,
            "  refused {}: {} {}, {} ({})",
            many(stray.refused, "time"),
            stray.kind,
            short(&stray.object, 60),
            stray.why(),
            line(&stray.answer)
        );
    }
    text.truncate(text.trim_end().len());
    text
}

/// A grant: by which rules, how often it was used and when, and how often it was refused.
fn write_grant(text: &mut String, used: &Used) {
    let rules = used.rules.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let how = match (used.first, used.last) {
        (Some(first), Some(last)) => format!(
            "{} in {}, from {} to {}",
            many(used.uses, "use"),
            many(used.attempts, "attempt"),
            instant(first),
            instant(last)
        ),
        _ => "granted and never used".to_owned(),
    };
    let told = |count: u64, what: String| if count > 0 { format!(", {what}") } else { String::new() };
    let refused = told(used.refused, format!("{} refused", number(used.refused)));
    let undone = told(used.undone, format!("{} undone", many(used.undone, "write")));
    let _ = writeln!(text, "  {} `{}` (rule {rules}): {how}{refused}{undone}", used.kind, used.name);
}

/// The first few objects a grant was used on, and how many more there are.
fn write_objects(text: &mut String, used: &Used) {
    const SHOWN: usize = 8;
    if used.objects.is_empty() {
        return;
    }
    let shown: Vec<String> = used.objects.iter().take(SHOWN).map(|object| short(object, 60)).collect();
    let more = used.objects.len().saturating_sub(SHOWN) as u64 + used.more;
    let more = if more > 0 { format!(" and {} more", number(more)) } else { String::new() };
    let _ = writeln!(text, "      {}{more}", shown.join(", "));
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use serde_json::json;

    fn grants() -> GrantSet {
        let files = json!({ "name": "out", "rule": "letters", "authority": {
            "kind": "files", "root": "/srv/out", "access": "write", "bytes_max": 9, "file_max": 9, "files_max": 9 } });
        let keys = json!({ "name": "accounts", "rule": "crm", "authority": {
            "kind": "keyvalue", "namespace": "crm", "access": "read-write", "bytes_max": 9, "keys_max": 9 } });
        let notes =
            json!({ "name": "notes", "rule": "notes", "authority": { "kind": "notes", "bytes_max": 9 } });
        let random =
            json!({ "name": "random", "rule": "dice", "authority": { "kind": "random", "bytes_max": 9 } });
        serde_json::from_value(json!({ "grants": [files, keys, notes, random] })).unwrap()
    }

    /// An attempt that ended so, with these calls by kind and what it wrote.
    fn ended(crossings: &[(&str, u64)], writes: serde_json::Value) -> AttemptEnded {
        let digest = kapell_model::digest::Digest::of(b"");
        let meters = kapell_model::ending::Meters {
            crossings: crossings.iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect(),
            ..Default::default()
        };
        let receipt = json!({
            "component": digest, "grant": digest, "meters": meters, "money": "0 EUR", "tariff": digest,
        });
        serde_json::from_value(json!({
            "step": "call", "attempt": 1, "ending": { "output": { "digest": digest } }, "receipt": receipt,
            "writes": writes, "notes": [{ "topic": "seen", "text": "it" }],
        }))
        .unwrap()
    }

    fn crossings(all: serde_json::Value) -> Vec<Crossing> {
        serde_json::from_value(all).unwrap()
    }

    #[test]
    fn what_was_used_of_each_grant_is_counted_from_the_record() {
        let mut tally = Tally::default();
        let written = json!([
            { "kind": "file", "grant": "out", "root": "/srv/out", "path": "a.txt", "seen": "absent",
              "digest": null, "bytes": 7 },
            { "kind": "key", "namespace": "crm", "key": "acme", "digest": null, "bytes": 2 },
            { "kind": "key", "namespace": "other", "key": "acme", "digest": null, "bytes": 2 },
        ]);
        let first = ended(&[("notes", 1), ("keyvalue", 4)], written);
        let crossed = crossings(json!([
            { "kind": "keyvalue", "call": "get", "object": "accounts/acme", "answer": "absent", "rule": "crm" },
            { "kind": "keyvalue", "call": "open", "object": "secrets", "answer": { "refused": "access-denied" } },
            { "kind": "keyvalue", "call": "open", "object": "\u{1b}[2J\u{202e}hidden", "answer": { "refused": "access-denied" }, "rule": "no-keys" },
            { "kind": "http", "call": "GET", "object": "https://x.example/z?pw=hunter2", "answer": { "refused": "http-request-denied" } },
            { "kind": "http", "call": "GET", "object": "https://x.example/z?pw=hunter3", "answer": { "refused": "http-request-denied" } },
            { "kind": "http", "call": "GET", "object": "https://x.example#", "answer": { "refused": "http-request-uri-invalid" } },
            { "kind": "files", "call": "open", "object": "out/../x", "answer": { "refused": "not-permitted" }, "rule": "letters" },
        ]));
        let grants = grants();
        tally.add(&Attempted { at: Timestamp(1_000), grants: &grants, ended: &first, crossings: &crossed });
        let mut second = ended(&[("notes", 2)], json!([]));
        second.ending = kapell_journal::entry::RecordedEnding::Cancelled;
        second.undone = serde_json::from_value(json!({ "objects": [
            { "kind": "file", "grant": "out", "path": "b\u{1b}[2J.txt" },
            { "kind": "key", "namespace": "other", "key": "acme" },
        ] }))
        .unwrap();
        tally.add(&Attempted { at: Timestamp(2_000), grants: &grants, ended: &second, crossings: &[] });
        let usage = tally.usage();
        insta::assert_snapshot!(page(&usage), @r#"
        seen in 2 recorded attempts
          files `out` (rule letters): 2 uses in 2 attempts, from 1970-01-01 00:00:01.000 to 1970-01-01 00:00:02.000, 1 refused, 1 write undone
              a.txt, b\u{1b}[2J.txt
          keyvalue `accounts` (rule crm): 2 uses in 1 attempt, from 1970-01-01 00:00:01.000 to 1970-01-01 00:00:01.000
              acme
          random `random` (rule dice): granted and never used
          notes `notes` (rule notes): 3 uses in 2 attempts, from 1970-01-01 00:00:01.000 to 1970-01-01 00:00:02.000
          refused 1 time: keyvalue \u{1b}[2J\u{202e}hidden, which rule no-keys withholds (access-denied)
          refused 1 time: keyvalue secrets, which nothing grants (access-denied)
          refused 1 time: http https://x.example#, which no grant can permit (http-request-uri-invalid)
          refused 2 times: http https://x.example/z, which nothing grants (http-request-denied)
        "#);
        let told = page(&usage);
        assert!(!told.chars().any(|letter| letter.is_control() && letter != '\n'), "{told}");
        assert_eq!(usage.never_used().map(|used| used.name.as_str()).collect::<Vec<_>>(), ["random"]);
        let needs =
            |name: &str| usage.grants.iter().find(|used| used.name.as_str() == name).unwrap().needs.clone();
        assert_eq!((needs("out").bytes, needs("out").things, needs("out").writes), (7, 1, true));
        assert_eq!((needs("accounts").bytes, needs("accounts").reads), (6, true));
        assert_eq!(needs("notes").bytes, 6);
    }
}
