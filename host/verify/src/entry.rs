//! One entry of a journal: the frame every entry has, and what it names.
//!
//! What a skill said may stand in an entry too, at places where anything may stand. So digests count as names only at the
//! places listed here, whatever a skill writes elsewhere.

use crate::canonical::{self, Seen};
use crate::digest::{self, Hash};
use crate::said::Said;

/// The format of entries this reader knows.
const FORMAT: u64 = 1;
/// Most letters of a run's id.
const ID_MAX: usize = 128;

/// What an entry says of itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    pub(crate) run: &'a str,
    pub(crate) seq: u64,
    pub(crate) epoch: u64,
    pub(crate) prev: Hash,
    /// What happened.
    pub(crate) kind: &'a str,
    /// How the run ended, if this entry ends it.
    pub(crate) ends: Option<&'a str>,
    pub(crate) question: Question<'a>,
    /// When it was written, milliseconds since 1970.
    pub(crate) at: u64,
    /// Who had what was private erased, and why.
    pub(crate) erased: Option<(&'a str, &'a str)>,
    /// What let contents go, if this entry does.
    pub(crate) dropped: Option<Dropped>,
    /// What it says beside that, but what a skill said and a decision saw.
    pub(crate) said: Said<'a>,
    /// Of a question what an answer to it looks like, as canonical JSON.
    pub(crate) answer: Option<String>,
}

/// By which rule contents of a run were let go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dropped {
    /// How long contents are kept after the end of a run, milliseconds.
    pub(crate) kept: Option<u64>,
    /// The policy that says so.
    pub(crate) policy: Option<Hash>,
}

/// What was asked and what was answered, by the digest of what was shown.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Question<'a> {
    pub(crate) step: &'a str,
    pub(crate) asking: &'a str,
    pub(crate) asked: Option<Hash>,
    pub(crate) answered: Option<Hash>,
    /// Whether it has expired.
    pub(crate) expired: bool,
}

/// What a digest in an entry is the name of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Role {
    /// What runs, whole.
    Plan,
    /// What prices it.
    Tariff,
    /// What crossed the sandbox's boundary; names more.
    Crossings,
    /// Any other value or text.
    Blob,
    /// A text that a run rests on, and that is kept as long as the run is told of.
    Rests,
    /// A skill's bytes.
    Component,
    /// Something private, bound by a commitment.
    Commitment,
    /// What the entry leaves out because it is private, likewise; names more.
    Told,
    /// Something private that was erased.
    Erased,
    /// Something that was let go, private or not.
    Dropped,
}

/// Reads an entry; what it names is told to `names`.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn read<'a>(bytes: &'a [u8], mut names: impl FnMut(Role, Hash)) -> Result<Entry<'a>, String> {
    let (mut entry, mut frame, mut named) = (Entry::default(), Frame::default(), Named::default());
    let form = canonical::read(bytes, |keys, seen| match (keys, seen) {
        ([] | ["body"] | ["body", _], Seen::List) => frame.odd = true,
        ([], Seen::Object) | (["body"], Seen::Object) => {}
        (["private"], Seen::Object) => frame.private = Some(false),
        (["private", "commitment"], Seen::Text(text)) => match digest::named(text) {
            Some(named) => {
                frame.private = Some(true);
                names(Role::Told, named);
            }
            None => frame.odd = true,
        },
        (["private", ..], _) => frame.odd = true,
        (["body", kind], seen) => {
            frame.odd |= std::mem::replace(&mut frame.bodied, true);
            entry.kind = kind;
            body(kind, &[], seen, &mut entry);
        }
        (["body", _, keys @ ..], seen) => {
            if let Seen::Text(text) = seen {
                named.put(entry.kind, keys, text, &mut names);
            }
            body(entry.kind, keys, seen, &mut entry);
            entry.said.put(keys, seen);
        }
        ([key], seen) => frame.put(key, seen, &mut entry),
        // Deeper below another key than `body`, whose opening was odd already.
        _ => {}
    });
    form.map_err(|fault| format!("is not in canonical form: byte {} {}", fault.at, fault.why))?;
    match () {
        () if frame.odd
            || frame.private == Some(false)
            || frame.have != Frame::ALL
            || entry.kind.is_empty() =>
        {
            Err("does not have the parts of an entry".into())
        }
        () if frame.format != FORMAT => {
            Err(format!("has format {}; this program reads {FORMAT}", frame.format))
        }
        () if named.odd => Err("names something by what is no digest, or by two".into()),
        () if named.number < least(entry.kind)
            || !entry.question.is_whole(entry.kind)
            || entry.dropped.is_some_and(|it| it.kept.is_none() || it.policy.is_none()) =>
        {
            Err("does not name what it must".into())
        }
        () => {
            entry.answer = (entry.kind == "question-asked").then(|| answer(bytes)).flatten();
            Ok(entry)
        }
    }
}

/// What an answer to a question looks like.
fn answer(bytes: &[u8]) -> Option<String> {
    let entry: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    entry.pointer("/body/question-asked/answer").map(serde_json::Value::to_string)
}

/// How many things an entry of a kind names at least.
fn least(kind: &str) -> usize {
    match kind {
        "run-started" => 5,
        "attempt-started" | "contents-dropped" => 2,
        "question-asked" | "private-erased" => 1,
        _ => 0,
    }
}

impl Question<'_> {
    /// Whether an entry about a question says which one, and by an answer what was shown.
    fn is_whole(&self, kind: &str) -> bool {
        let said = !self.step.is_empty() && !self.asking.is_empty();
        match kind {
            "question-asked" => said && self.asked.is_some(),
            "question-answered" | "question-overridden" => said && self.answered.is_some(),
            "question-expired" => said,
            _ => true,
        }
    }
}

/// What an entry names, as it comes.
#[derive(Default)]
struct Named<'a> {
    number: usize,
    odd: bool,
    /// The place whose content was named last, and the form that was done in.
    last: Option<(&'a str, &'a str)>,
}

impl<'a> Named<'a> {
    /// A text of the body, by the keys below its kind.
    fn put(&mut self, kind: &str, keys: &[&'a str], text: &str, names: &mut impl FnMut(Role, Hash)) {
        let Some(role) = role(kind, keys) else { return };
        let by = match keys {
            [.., place, form @ ("commitment" | "digest" | "text")] => Some((*place, *form)),
            _ => None,
        };
        // The forms of one name stand beside each other, and something else between two places of one key.
        let twice = |((place, form), (before, other))| place == before && form != other;
        self.odd |= by.zip(self.last).is_some_and(twice);
        self.last = by;
        match digest::named(text) {
            Some(named) => {
                self.number += 1;
                names(role, named);
            }
            None => self.odd = true,
        }
    }
}

/// The parts of an entry beside its body.
#[derive(Default)]
struct Frame {
    have: u8,
    format: u64,
    odd: bool,
    /// Whether it says what happened.
    bodied: bool,
    /// Whether what says that something was left out names it.
    private: Option<bool>,
}

impl Frame {
    const ALL: u8 = 0b11_1111;

    fn put<'a>(&mut self, key: &str, seen: Seen<'a>, entry: &mut Entry<'a>) {
        let number = |place: &mut u64| match seen {
            Seen::Number(digits) => whole(digits).map(|number| *place = number),
            _ => None,
        };
        let text = match seen {
            Seen::Text(text) => text,
            _ => "",
        };
        let (bit, put) = match key {
            "at" => (0, number(&mut entry.at)),
            "epoch" => (1, number(&mut entry.epoch)),
            "prev" => (2, digest::named(text).map(|prev| entry.prev = prev)),
            "run" => (3, id(text).map(|run| entry.run = run)),
            "seq" => (4, number(&mut entry.seq)),
            "v" => (5, number(&mut self.format)),
            _ => (0, None),
        };
        self.odd |= put.is_none();
        self.have |= 1 << bit;
    }
}

fn whole(digits: &str) -> Option<u64> {
    digits.parse().ok()
}

/// A run's id, which can be printed as it is.
fn id(text: &str) -> Option<&str> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (!text.is_empty() && text.len() <= ID_MAX && text.bytes().all(plain)).then_some(text)
}

/// One value of a body, by the keys below its kind; of most kinds nothing is looked at.
fn body<'a>(kind: &str, keys: &[&str], seen: Seen<'a>, entry: &mut Entry<'a>) {
    if !(kind.starts_with('q') || matches!(kind, "run-ended" | "private-erased" | "contents-dropped")) {
        return;
    }
    entry.question.expired |= kind == "question-expired";
    if kind == "contents-dropped" {
        return dropped(keys, seen, entry.dropped.get_or_insert_default());
    }
    let text = match seen {
        Seen::Text(text) => text,
        Seen::Number(number) if kind.starts_with("question") && *keys == ["asking"] => {
            return entry.question.asking = number;
        }
        _ => return,
    };
    match (kind, keys) {
        ("run-ended", ["state"]) => return entry.ends = Some(text),
        (_, ["step"]) if kind.starts_with("question") => return entry.question.step = text,
        ("private-erased", ["by"]) => return entry.erased.get_or_insert(("", "")).0 = text,
        ("private-erased", ["reason"]) => return entry.erased.get_or_insert(("", "")).1 = text,
        _ => {}
    }
    match (kind, keys) {
        ("question-answered" | "question-overridden", ["shown"]) => {
            entry.question.answered = digest::named(text).or(entry.question.answered);
        }
        ("question-asked", ["shown", "commitment" | "digest"]) => {
            entry.question.asked = digest::named(text).or(entry.question.asked);
        }
        _ => {}
    }
}

/// The rule by which contents were let go.
fn dropped(keys: &[&str], seen: Seen<'_>, rule: &mut Dropped) {
    match (keys, seen) {
        (["kept"], Seen::Number(digits)) => rule.kept = whole(digits),
        (["policy"], Seen::Text(text)) => rule.policy = digest::named(text),
        _ => {}
    }
}

/// What a digest at that place is the name of.
fn role(kind: &str, keys: &[&str]) -> Option<Role> {
    let (place, form) = match keys {
        [place @ .., "digest"] => (place, Some(Role::Blob)),
        [place @ .., "commitment"] => (place, Some(Role::Commitment)),
        _ => (keys, None),
    };
    match kind {
        "run-started" => pinned(place, form),
        "attempt-started" => match (place, form) {
            (["skill", "component"], None) => Some(Role::Component),
            (["input"], form) => form,
            (["texts", _, "text"], None) => Some(Role::Blob),
            _ => None,
        },
        // What was written to a key or a file: the digest of it, without an object around.
        "attempt-ended" if *place == ["writes"] => form.filter(|form| *form == Role::Blob),
        "attempt-ended" => left(place, form),
        "doubt-raised" => left(place.strip_prefix(&["broke"])?, form),
        "question-asked" if *place == ["shown"] => form,
        "question-answered" => value(place.strip_prefix(&["value"])?, form),
        "run-ended" if *place == ["outputs"] => form,
        "private-erased" if *keys == ["commitments"] => Some(Role::Erased),
        "contents-dropped" => match keys {
            ["commitments" | "digests"] => Some(Role::Dropped),
            ["policy"] => Some(Role::Rests),
            _ => None,
        },
        _ => None,
    }
}

/// The same of what a run is pinned to.
fn pinned(place: &[&str], form: Option<Role>) -> Option<Role> {
    match (place, form) {
        (["plan"], Some(Role::Blob)) => Some(Role::Plan),
        (["tariff"], None) => Some(Role::Tariff),
        (["text" | "policy"], None) => Some(Role::Rests),
        (["private", _], Some(Role::Commitment)) => form,
        (["inputs" | "plan"], form) => form,
        _ => None,
    }
}

/// The same of what an attempt left.
fn left(place: &[&str], form: Option<Role>) -> Option<Role> {
    match (place, form) {
        (["crossings"], Some(Role::Blob)) => Some(Role::Crossings),
        (["crossings"], form) => form,
        (["ending", "output" | "skill-error", rest @ ..], form) => value(rest, form),
        _ => None,
    }
}

/// The same of a value, which may be a text.
fn value(rest: &[&str], form: Option<Role>) -> Option<Role> {
    match rest {
        [] => form,
        ["text"] if form.is_none() => Some(Role::Blob),
        _ => None,
    }
}

/// What a record of crossings names: content that was read, and what was sent and answered.
///
/// # Errors
/// When it is not in canonical form.
pub(crate) fn crossings(bytes: &[u8], mut names: impl FnMut(Hash)) -> Result<(), String> {
    let read = canonical::read(bytes, |keys, seen| {
        if let (
            ["answer", "content"]
            | ["answer", "exchange", "body" | "request"]
            | ["answer", "completion", "prompt" | "text"],
            Seen::Text(text),
        ) = (keys, seen)
            && let Some(named) = digest::named(text)
        {
            names(named);
        }
    });
    read.map_err(|fault| format!("is not in canonical form: byte {} {}", fault.at, fault.why))
}

/// What is named by what an entry leaves out: contents that are private too, each by its commitment.
///
/// # Errors
/// When it is not in canonical form.
pub(crate) fn told(bytes: &[u8], mut names: impl FnMut(Hash)) -> Result<(), String> {
    let read = canonical::read(bytes, |keys, seen| {
        if let (["contents", _], Seen::Text(text)) = (keys, seen)
            && let Some(named) = digest::named(text)
        {
            names(named);
        }
    });
    read.map_err(|fault| format!("is not in canonical form: byte {} {}", fault.at, fault.why))
}

/// What a plan names: the texts beside the flow.
///
/// # Errors
/// When it is not in canonical form.
pub(crate) fn plan(bytes: &[u8], mut names: impl FnMut(Hash)) -> Result<(), String> {
    let read = canonical::read(bytes, |keys, seen| {
        if let (["files", _], Seen::Text(text)) = (keys, seen)
            && let Some(named) = digest::named(text)
        {
            names(named);
        }
    });
    read.map_err(|fault| format!("is not in canonical form: byte {} {}", fault.at, fault.why))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn text(body: Value) -> String {
        let entry =
            json!({ "at": 7, "body": body, "epoch": 1, "prev": named(0), "run": "demo-1", "seq": 3, "v": 1 });
        String::from_utf8(serde_json_canonicalizer::to_vec(&entry).unwrap()).unwrap()
    }

    fn named(byte: u8) -> String {
        format!("sha256:{}", digest::hex(&[byte; 32]))
    }

    fn roles(body: Value) -> Vec<(Role, u8)> {
        let mut roles = Vec::new();
        read(text(body).as_bytes(), |role, named| roles.push((role, *named.first().unwrap()))).unwrap();
        roles
    }

    #[test]
    fn the_frame_is_read() {
        let text = text(json!({ "run-ended": { "state": "done" } }));
        let entry = read(text.as_bytes(), |_, _| {}).unwrap();
        assert_eq!((entry.run, entry.seq, entry.epoch, entry.prev), ("demo-1", 3, 1, [0; 32]));
        assert_eq!((entry.kind, entry.ends), ("run-ended", Some("done")));
    }

    #[test]
    fn what_is_no_entry_says_so() {
        let good = text(json!({ "run-ended": { "state": "done" } }));
        let told = |text: &str| read(text.as_bytes(), |_, _| {}).unwrap_err();
        assert_eq!(told(&good.replace("\"v\":1", "\"v\":2")), "has format 2; this program reads 1");
        assert_eq!(told(&format!("[{good}]")), "does not have the parts of an entry");
        for (from, to) in [
            ("{\"run-ended\":{\"state\":\"done\"}}", "[{\"run-ended\":{\"state\":\"done\"}}]"),
            ("{\"state\":\"done\"}", "[{\"state\":\"done\"}]"),
            ("\"v\":1", "\"v\":1,\"w\":{}"),
            ("\"v\":1", "\"v\":\"1\""),
            ("\"at\":7,", ""),
            ("demo-1", "Demo"),
            ("sha256:00", "sha256:0"),
            ("{\"run-ended\":{\"state\":\"done\"}}", "{}"),
            ("{\"run-ended\":{\"state\":\"done\"}}", "7"),
            ("{\"run-ended\":{\"state\":\"done\"}}", "{\"a\":{},\"b\":{}}"),
            ("{\"run-ended\"", "{\"\":{},\"run-ended\""),
        ] {
            assert_eq!(told(&good.replace(from, to)), "does not have the parts of an entry", "{to}");
        }
        assert!(told(&good.replace("\"at\":7", "\"at\": 7")).starts_with("is not in canonical form: byte 6"));
    }

    #[test]
    fn digests_are_names_at_their_places_and_nowhere_else() {
        let started = json!({ "run-started": {
            "flow": "x", "plan": { "digest": named(1) }, "inputs": { "commitment": named(2) }, "text": named(3),
            "policy": named(4), "tariff": named(5), "line": named(6), "by": named(7),
            "private": { "plan": { "commitment": named(8) } },
        } });
        let expected = [
            (Role::Commitment, 2),
            (Role::Plan, 1),
            (Role::Rests, 4),
            (Role::Commitment, 8),
            (Role::Tariff, 5),
            (Role::Rests, 3),
        ];
        assert_eq!(roles(started), expected);
        let ended = json!({ "attempt-ended": {
            "crossings": { "digest": named(1) }, "ending": { "output": { "digest": named(2) } },
            "notes": [{ "topic": "digest", "text": named(3) }], "writes": [{ "kind": "key", "digest": named(4) }],
        } });
        assert_eq!(roles(ended), [(Role::Crossings, 1), (Role::Blob, 2), (Role::Blob, 4)]);
        for told in ["output", "skill-error"] {
            let ending = json!({ "ending": { told: { "text": named(1) } }, "text": named(2) });
            assert_eq!(roles(json!({ "attempt-ended": ending })), [(Role::Blob, 1)]);
            assert_eq!(roles(json!({ "doubt-raised": { "broke": ending } })), [(Role::Blob, 1)]);
        }
        let texts = json!({ "digest": { "text": named(3) }, "text": { "text": named(4) } });
        let given =
            json!({ "input": { "digest": named(1) }, "skill": { "component": named(2) }, "texts": texts });
        let expected = [(Role::Blob, 1), (Role::Component, 2), (Role::Blob, 3), (Role::Blob, 4)];
        assert_eq!(roles(json!({ "attempt-started": given })), expected);
        let value = json!({ "text": named(1) });
        let answered =
            json!({ "step": "a", "asking": 1, "shown": named(2), "value": value, "reason": named(3) });
        assert_eq!(roles(json!({ "question-answered": answered })), [(Role::Blob, 1)]);
        // A skill answered with what looks like a name.
        let seen =
            json!({ "step-chosen": { "seen": { "digest": named(1), "plan": { "digest": named(2) } } } });
        assert_eq!(roles(seen), []);
    }

    #[test]
    fn what_an_entry_must_name_it_names_once() {
        let told = |body: Value| read(text(body).as_bytes(), |_, _| {}).unwrap_err();
        let asked = |shown: Value| json!({ "question-asked": { "step": "a", "asking": 1, "shown": shown } });
        let (odd, lacks) = ("names something by what is no digest, or by two", "does not name what it must");
        assert_eq!(told(asked(json!({ "commitment": named(1), "digest": named(2) }))), odd);
        assert_eq!(told(asked(json!({ "digest": "sha256:7" }))), odd);
        let output = json!({ "digest": named(1), "text": named(2) });
        assert_eq!(told(json!({ "attempt-ended": { "ending": { "output": output } } })), odd);
        assert_eq!(told(asked(json!({ "other": named(1) }))), lacks);
        assert_eq!(told(json!({ "question-answered": { "step": "a", "asking": 1 } })), lacks);
        assert_eq!(told(json!({ "question-overridden": { "shown": named(1), "asking": 1 } })), lacks);
        assert_eq!(told(json!({ "attempt-started": { "input": { "digest": named(1) } } })), lacks);
        assert_eq!(told(json!({ "run-started": { "plan": { "digest": named(1) } } })), lacks);
    }

    #[test]
    fn an_answer_says_what_was_shown() {
        let asked = text(
            json!({ "question-asked": { "step": "legal", "asking": 2, "shown": { "digest": named(9) } } }),
        );
        let asked = read(asked.as_bytes(), |_, _| {}).unwrap().question;
        assert_eq!((asked.step, asked.asking, asked.asked), ("legal", "2", Some([9; 32])));
        let answered =
            text(json!({ "question-answered": { "step": "legal", "asking": 2, "shown": named(9) } }));
        let answered = read(answered.as_bytes(), |_, _| {}).unwrap().question;
        assert_eq!(
            (answered.step, answered.asking, answered.answered),
            (asked.step, asked.asking, asked.asked)
        );
    }

    #[test]
    fn a_plan_names_the_texts_beside_its_flow() {
        let call = json!({ "skill": { "component": named(1) }, "with": { "files": { "terms": named(4) } } });
        let plan_of =
            json!({ "files": { "terms": named(5) }, "steps": [{ "id": "a", "work": { "call": call } }] });
        let (bytes, mut names) = (serde_json_canonicalizer::to_vec(&plan_of).unwrap(), Vec::new());
        plan(&bytes, |named| names.push(*named.first().unwrap())).unwrap();
        assert_eq!(names, [5]);
    }
}
