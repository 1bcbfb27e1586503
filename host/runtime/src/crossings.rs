//! The one seam through which every capability works: each call from guest to host is counted here, each reading
//! is recorded with its answer, each refusal is kept with the rule that refused.
//!
//! A capability never hands the guest something it read from the world. It hands out the [`Reply`] that
//! [`Crossings::cross`] returns, so that the same code can later be answered from a record. Budgets that stop a
//! guest (calls, talk, the size of the record) are enforced here and end it with [`LimitReached`].

use crate::record::{Recalled, Record};
use crate::turn::{self, Turn};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kapell_model::capability::Kind;
use kapell_model::crossing::{Answer, Crossing, Departure, Failure, Note};
use kapell_model::digest::Digest;
use kapell_model::ending::{Left, Meters, TrapCause};
use kapell_model::grant::Withheld;
use kapell_model::id::RuleId;
use kapell_model::limits::Limits;
use kapell_model::money::{Money, MoneyError};
use kapell_model::quantity::Span;
use kapell_model::seam::{AtStake, Cancel};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Most bytes of answers and contents one attempt may have recorded. A record cut short could not be replayed, so
/// a guest that wants more is stopped rather than half remembered.
pub const RECORD_MAX: u64 = 64 << 20;

/// Answers longer than this are kept beside the record and named by digest.
const INLINE_MAX: usize = 4 << 10;

/// What one recorded crossing costs beside its texts: its keys and its place in the entry.
const CROSSING_BYTES: usize = 64;

/// A guest reached a limit; host functions return it as the error that ends the guest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", cause.word())]
pub struct LimitReached {
    /// Which limit.
    pub cause: TrapCause,
    /// One line for people: what was wanted and what was granted.
    pub detail: String,
}

/// Somebody stopped the attempt while the guest called the host; host functions return it as the error that ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cancelled")]
pub struct Cancelled;

/// What the ending of a guest whose time is over says.
pub(crate) fn not_done_within(deadline: Span) -> String {
    format!("not done within {deadline}")
}

/// What a capability asks the world for.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The kind of authority used.
    pub kind: Kind,
    /// The call, such as `get`, `now`, `read`.
    pub call: &'static str,
    /// The thing; empty where the kind has only one.
    pub object: &'a str,
    /// The rule of the grant that is used; none where no grant covers the call.
    pub rule: Option<&'a RuleId>,
}

/// What the world answered, before it is written down as an [`Answer`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A number.
    Number(u64),
    /// A text.
    Text(String),
    /// Bytes; recorded in the crossing when short, by digest when long.
    Bytes(Arc<[u8]>),
    /// A file's content; always recorded by digest.
    Content(Arc<[u8]>),
    /// Names in sorted order.
    Names(Vec<String>),
    /// There is no such thing.
    Absent,
}

/// The crossings of one attempt. A cheap handle: streams that outlive a host call hold a clone.
#[derive(Clone, Debug)]
pub struct Crossings(Arc<Mutex<Ledger>>);

/// What the crossings of one attempt left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Crossed {
    /// What was recorded, in the order the guest asked.
    pub crossings: Vec<Crossing>,
    /// Content that crossings name by digest, each once.
    pub contents: Vec<Vec<u8>>,
    /// What the skill wants remembered.
    pub notes: Vec<Note>,
    /// Diagnostic lines.
    pub log: Vec<String>,
    /// What went out and can't be taken back.
    pub left: Left,
    /// Where it departed from the record it was answered from.
    pub departure: Option<Departure>,
    counts: BTreeMap<&'static str, u64>,
    inference: Option<Money>,
    inference_at_most: Option<Money>,
    inference_over: u64,
    bytes_read: u64,
    bytes_written: u64,
}

impl Crossed {
    /// Adds calls by kind and bytes read and written to the attempt's meters.
    pub fn fill(&self, meters: &mut Meters) {
        for (word, count) in &self.counts {
            *meters.crossings.entry((*word).to_owned()).or_default() += count;
        }
        meters.inference.clone_from(&self.inference);
        meters.inference_at_most.clone_from(&self.inference_at_most);
        meters.inference_over = self.inference_over;
        meters.bytes_read += self.bytes_read;
        meters.bytes_written += self.bytes_written;
    }
}

#[derive(Debug)]
struct Ledger {
    left: Crossed,
    known: BTreeSet<Digest>,
    calls: u64,
    calls_max: u64,
    turn: Turn,
    until: Instant,
    deadline: Span,
    cancel: Cancel,
    withheld: Vec<Withheld>,
    talk: u64,
    talk_max: u64,
    recorded: u64,
    record_max: u64,
    /// Whether something is on its way out.
    out: bool,
    /// The model that is being asked: what stands in the record if no answer comes, and what that may have cost.
    asking: Option<(Crossing, AtStake)>,
    /// What answers in the world's place.
    record: Option<Recalled>,
}

/// How long an attempt that is answered from its record may take: time decides nothing in it, and its work and its
/// calls are bounded as they were.
const REPLAYED_WITHIN: Span = Span(3_600_000);

impl Crossings {
    /// Crossings answered by the world, under these limits.
    #[must_use]
    pub fn live(limits: &Limits) -> Self {
        Self::beginning(limits, Instant::now())
    }

    /// The same of an attempt that began then.
    pub(crate) fn beginning(limits: &Limits, now: Instant) -> Self {
        Self(Arc::new(Mutex::new(Ledger {
            left: Crossed::default(),
            known: BTreeSet::new(),
            calls: 0,
            calls_max: limits.host_calls,
            turn: Turn::beginning(now),
            until: now + Duration::from_millis(limits.deadline.0),
            deadline: limits.deadline,
            cancel: Cancel::default(),
            withheld: Vec::new(),
            talk: 0,
            talk_max: limits.talk.0,
            recorded: 0,
            record_max: RECORD_MAX,
            out: false,
            asking: None,
            record: None,
        })))
    }

    /// Crossings answered by what was answered before, under the same limits but for time.
    #[must_use]
    pub fn recalled(limits: &Limits, record: Arc<Record>) -> Self {
        let crossings = Self::live(&Limits { deadline: REPLAYED_WITHIN, ..*limits });
        crossings.ledger().record = Some(Recalled::new(record));
        crossings
    }

    /// Whether a record answers, and not the world.
    #[must_use]
    pub fn is_recalled(&self) -> bool {
        self.ledger().record.is_some()
    }

    /// What the record answers next, whatever is asked.
    #[must_use]
    pub fn upcoming(&self) -> Option<Answer> {
        self.ledger().record.as_ref().and_then(Recalled::upcoming).map(|it| it.answer.clone())
    }

    /// What was answered to this then, where a record answers; none where the world does. `sends` names what would go
    /// out with it.
    ///
    /// # Errors
    /// When something else was asked then.
    pub fn recall(&self, ask: &Ask<'_>, sends: Option<&[u8]>) -> wasmtime::Result<Option<Answer>> {
        self.ledger().recall(ask, sends)
    }

    /// A content an answer of the record names.
    ///
    /// # Errors
    /// When it is not kept.
    pub fn recalled_content(&self, digest: &Digest) -> wasmtime::Result<Arc<[u8]>> {
        self.ledger().content(digest)
    }

    /// The same, ended by this flag too.
    #[must_use]
    pub fn until(self, cancel: &Cancel) -> Self {
        self.ledger().cancel = cancel.clone();
        self
    }

    /// Counts one call from the guest under `word`: a kind's own word, `io`, or `inert` for an empty answer.
    ///
    /// # Errors
    /// When the guest has made more calls than its limit, its time is over or it was cancelled: calls cost the guest
    /// next to no fuel, so one that only calls is seldom looked at otherwise.
    pub fn count(&self, word: &'static str) -> wasmtime::Result<()> {
        let mut ledger = self.ledger();
        if ledger.cancel.is_raised() {
            return Err(Cancelled.into());
        }
        let others_wait = ledger.count(word)?;
        drop(ledger);
        if others_wait {
            turn::let_others_go_on();
        }
        Ok(())
    }

    /// Counts the call, asks the world through `live`, records the answer and returns it.
    ///
    /// # Errors
    /// When a limit is reached, or whatever `live` fails with; a failure of the host is not recorded.
    pub fn cross(
        &self,
        ask: &Ask<'_>,
        live: impl FnOnce() -> wasmtime::Result<Reply>,
    ) -> wasmtime::Result<Reply> {
        self.count(ask.kind.word())?;
        self.observe(ask, live)
    }

    /// As [`cross`](Self::cross), for a second reading within a call that is counted already.
    ///
    /// # Errors
    /// As for `cross`.
    pub fn observe(
        &self,
        ask: &Ask<'_>,
        live: impl FnOnce() -> wasmtime::Result<Reply>,
    ) -> wasmtime::Result<Reply> {
        if let Some(reply) = self.ledger().recall_reply(ask)? {
            return Ok(reply);
        }
        let reply = live()?;
        let mut ledger = self.ledger();
        let answer = ledger.answer(&reply)?;
        ledger.record(ask, answer)?;
        Ok(reply)
    }

    /// The same, knowing what policy withholds: a refusal of it names the rule that does.
    #[must_use]
    pub fn withholding(self, withheld: &[Withheld]) -> Self {
        self.ledger().withheld = withheld.to_vec();
        self
    }

    /// Records that the guest was told no, with the code its interface has for it. The call itself is counted by
    /// the capability.
    ///
    /// # Errors
    /// When the record is full; when a record answers and has no such refusal.
    pub fn refuse(&self, ask: &Ask<'_>, code: &str) -> wasmtime::Result<()> {
        let mut ledger = self.ledger();
        if let Some(record) = &mut ledger.record {
            let crossing = record.refusal(ask, code)?;
            return ledger.again(crossing);
        }
        ledger.count_refusal();
        let rule = ledger.denier(ask);
        let ask = Ask { rule: rule.as_ref().or(ask.rule), ..*ask };
        Ok(ledger.record(&ask, Answer::Refused(code.to_owned()))?)
    }

    /// Records an answer that took waiting for, so that it was no closure's to give. The call itself is counted by the
    /// capability.
    ///
    /// # Errors
    /// When the record is full.
    pub fn record(&self, ask: &Ask<'_>, answer: Answer) -> Result<(), LimitReached> {
        self.ledger().record(ask, answer)
    }

    /// Keeps content beside the record and gives the name an answer has for it.
    ///
    /// # Errors
    /// When the record is full.
    pub fn keep(&self, content: &[u8]) -> Result<Digest, LimitReached> {
        self.ledger().keep(content)
    }

    /// When the attempt's time is over.
    #[must_use]
    pub fn over_at(&self) -> Instant {
        self.ledger().until
    }

    /// Something that can't be taken back is about to leave. Until [`came_back`](Self::came_back) says otherwise it
    /// has left without an answer, also when the attempt ends meanwhile.
    pub fn going_out(&self) {
        self.ledger().out = true;
    }

    /// What became of it.
    pub fn came_back(&self, left: Left) {
        let mut ledger = self.ledger();
        ledger.out = false;
        ledger.left.left = ledger.left.left.max(left);
    }

    /// A model is about to be asked. Until [`told`](Self::told) says otherwise it may have cost what is at stake, also
    /// when the attempt ends meanwhile.
    #[must_use]
    pub fn asking(&self, ask: &Ask<'_>) -> AtStake {
        let at_stake = AtStake::default();
        let cut = Failure {
            code: "cut".to_owned(),
            cause: "the attempt ended before the answer came".to_owned(),
            sent: true,
            money: None,
            tokens: None,
        };
        let crossing = crossing(ask, Answer::Failed(Box::new(cut)));
        self.ledger().asking = Some((crossing, at_stake.clone()));
        at_stake
    }

    /// The model that was asked has answered, or failed to.
    pub fn told(&self) {
        self.ledger().asking = None;
    }

    /// Adds a price to what the attempt cost outside.
    ///
    /// # Errors
    /// When it is in another currency than the prices before it, or the sum is too large.
    pub fn pay(&self, money: &Money) -> Result<(), MoneyError> {
        self.ledger().pay(money)
    }

    /// Counts tokens that a provider reports beyond the most that was set aside.
    pub fn over(&self, tokens: u64) {
        let over = &mut self.ledger().left.inference_over;
        *over = over.saturating_add(tokens);
    }

    /// Counts bytes the guest read.
    pub fn read(&self, bytes: usize) {
        self.ledger().left.bytes_read += bytes as u64;
    }

    /// Counts bytes the guest wrote.
    pub fn wrote(&self, bytes: usize) {
        self.ledger().left.bytes_written += bytes as u64;
    }

    /// How many bytes may still be recorded.
    #[must_use]
    pub fn record_left(&self) -> u64 {
        let ledger = self.ledger();
        ledger.record_max.saturating_sub(ledger.recorded)
    }

    /// What ends a guest that asks for more than can be recorded.
    #[must_use]
    pub fn record_full(&self) -> LimitReached {
        self.ledger().full()
    }

    /// Counts bytes the guest said: notes, log lines, printed text, whether or not they are kept.
    ///
    /// # Errors
    /// When it said more than its limit.
    pub fn talk(&self, bytes: usize) -> Result<(), LimitReached> {
        let mut ledger = self.ledger();
        ledger.talk = ledger.talk.saturating_add(bytes as u64);
        if ledger.talk > ledger.talk_max {
            let detail = format!("more than {} bytes of notes, log lines and printed text", ledger.talk_max);
            return Err(LimitReached { cause: TrapCause::Talk, detail });
        }
        Ok(())
    }

    /// Keeps a diagnostic line, made safe to print.
    pub fn log(&self, line: &str) {
        self.ledger().left.log.push(one_line(line));
    }

    /// Keeps a note, made safe to print.
    pub fn note(&self, topic: &str, text: &str) {
        let note = Note { topic: one_line(topic), text: one_line(text) };
        self.ledger().left.notes.push(note);
    }

    /// Counts a line that was said beyond its grant and not kept.
    pub fn dropped(&self, word: &'static str) {
        *self.ledger().left.counts.entry(word).or_default() += 1;
    }

    /// Takes everything that crossed; the ledger is empty afterwards.
    #[must_use]
    pub fn take(&self) -> Crossed {
        let mut ledger = self.ledger();
        if ledger.out {
            ledger.left.left = Left::Unanswered;
        }
        ledger.pay_cut();
        ledger.left.departure = ledger.record.take().and_then(Recalled::departure);
        std::mem::take(&mut ledger.left)
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // A panic while holding the lock leaves counts that are still true.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger {
    /// The rule that withholds what was asked for; it stands before the one that grants the rest of it.
    fn denier(&self, ask: &Ask<'_>) -> Option<RuleId> {
        let about = |it: &&Withheld| it.is_about(ask.kind, ask.call, ask.object);
        self.withheld.iter().find(about).and_then(|it| it.rule.clone())
    }

    /// Counts a call; whether the guest has been calling for so long that others are due.
    fn count(&mut self, word: &'static str) -> Result<bool, LimitReached> {
        let now = Instant::now();
        if now >= self.until {
            return Err(LimitReached { cause: TrapCause::Deadline, detail: not_done_within(self.deadline) });
        }
        if self.calls >= self.calls_max {
            let detail = format!("more than {} calls to the host", self.calls_max);
            return Err(LimitReached { cause: TrapCause::HostCalls, detail });
        }
        self.calls += 1;
        *self.left.counts.entry(word).or_default() += 1;
        Ok(self.turn.is_over(now, self.calls))
    }

    fn count_refusal(&mut self) {
        *self.left.counts.entry("refused").or_default() += 1;
    }

    fn recall(&mut self, ask: &Ask<'_>, sends: Option<&[u8]>) -> wasmtime::Result<Option<Answer>> {
        let Some(record) = &mut self.record else { return Ok(None) };
        let crossing = record.answer(ask, sends.map(Digest::of))?;
        let answer = crossing.answer.clone();
        self.again(crossing)?;
        Ok(Some(answer))
    }

    fn recall_reply(&mut self, ask: &Ask<'_>) -> wasmtime::Result<Option<Reply>> {
        let Some(answer) = self.recall(ask, None)? else { return Ok(None) };
        let record = self.record.as_ref();
        Ok(record.map(|record| record.reply(answer)).transpose()?)
    }

    fn content(&self, digest: &Digest) -> wasmtime::Result<Arc<[u8]>> {
        match &self.record {
            Some(record) => Ok(record.content(digest)?),
            None => Err(wasmtime::Error::msg("no record answers")),
        }
    }

    /// Records a crossing of the record again, and charges for it what it was charged for.
    fn again(&mut self, crossing: Crossing) -> wasmtime::Result<()> {
        if matches!(crossing.answer, Answer::Refused(_)) {
            self.count_refusal();
        }
        for digest in crossing.answer.contents() {
            let content = self.content(digest)?;
            self.keep(&content)?;
        }
        self.charge(CROSSING_BYTES + crossing.object.len() + length(&crossing.answer))?;
        self.left.crossings.push(crossing);
        Ok(())
    }

    fn answer(&mut self, reply: &Reply) -> Result<Answer, LimitReached> {
        Ok(match reply {
            Reply::Number(number) => Answer::Number(number.to_string()),
            Reply::Text(text) => Answer::Text(text.clone()),
            Reply::Bytes(bytes) if bytes.len() <= INLINE_MAX => Answer::Bytes(STANDARD.encode(bytes)),
            Reply::Bytes(bytes) | Reply::Content(bytes) => Answer::Content(self.keep(bytes)?),
            Reply::Names(names) => Answer::Names(names.clone()),
            Reply::Absent => Answer::Absent,
        })
    }

    fn keep(&mut self, content: &[u8]) -> Result<Digest, LimitReached> {
        let digest = Digest::of(content);
        if self.known.insert(digest) {
            self.charge(content.len())?;
            self.left.contents.push(content.to_vec());
        }
        Ok(digest)
    }

    fn record(&mut self, ask: &Ask<'_>, answer: Answer) -> Result<(), LimitReached> {
        self.charge(CROSSING_BYTES + ask.object.len() + length(&answer))?;
        self.left.crossings.push(crossing(ask, answer));
        Ok(())
    }

    fn pay(&mut self, money: &Money) -> Result<(), MoneyError> {
        let sum = self.left.inference.as_ref().map_or_else(|| Ok(money.clone()), |sum| sum.plus(money))?;
        self.left.inference = Some(sum);
        Ok(())
    }

    /// Charges an answer that the attempt did not live to see, as far as anything had left for it. One tariff has one
    /// currency, so that it adds up.
    fn pay_cut(&mut self) {
        let Some((mut crossing, at_stake)) = self.asking.take() else { return };
        let Some(money) = at_stake.money().filter(|money| self.pay(money).is_ok()) else { return };
        if let Answer::Failed(failure) = &mut crossing.answer {
            failure.money = Some(money.clone());
        }
        self.left.crossings.push(crossing);
        self.left.inference_at_most = Some(money);
    }

    fn charge(&mut self, bytes: usize) -> Result<(), LimitReached> {
        self.recorded = self.recorded.saturating_add(bytes as u64);
        if self.recorded > self.record_max {
            return Err(self.full());
        }
        Ok(())
    }

    fn full(&self) -> LimitReached {
        let detail = format!("the record of its calls passed {} bytes", self.record_max);
        LimitReached { cause: TrapCause::HostCalls, detail }
    }
}

fn crossing(ask: &Ask<'_>, answer: Answer) -> Crossing {
    Crossing {
        kind: ask.kind,
        call: ask.call.to_owned(),
        object: ask.object.to_owned(),
        answer,
        rule: ask.rule.cloned(),
        redacted: false,
    }
}

fn length(answer: &Answer) -> usize {
    match answer {
        Answer::Number(text) | Answer::Text(text) | Answer::Bytes(text) | Answer::Refused(text) => text.len(),
        Answer::Names(names) => names.iter().map(|name| name.len() + 4).sum(),
        Answer::Content(_) => 72,
        Answer::Exchange(exchange) => {
            256 + exchange.headers.iter().map(|(name, value)| name.len() + value.len() + 8).sum::<usize>()
        }
        Answer::Failed(failure) => 64 + failure.cause.len(),
        Answer::Completion(completion) => 512 + completion.failed.len() * 256,
        Answer::Absent | Answer::Done => 0,
    }
}

/// A guest's text as one line that can't imitate, hide or reorder another: line breaks become spaces, every other
/// control, bidirectional, zero-width or invisible character becomes `U+FFFD`.
#[must_use]
pub fn one_line(text: &str) -> String {
    text.chars()
        .map(|letter| match letter {
            '\n' | '\r' | '\t' | '\u{0b}' | '\u{0c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => ' ',
            letter if is_unsafe(letter) => char::REPLACEMENT_CHARACTER,
            letter => letter,
        })
        .collect()
}

/// Characters that move, hide or reorder what stands around them (Unicode categories Cc and Cf, and the fillers
/// and selectors that print as nothing).
fn is_unsafe(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// The text cut to at most `bytes` bytes at a character's edge; with the mark when something was cut.
#[must_use]
pub(crate) fn cut(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let (kept, _) = text.split_at(text.floor_char_boundary(bytes));
    format!("{kept}{CUT_MARK}")
}

/// Stands where a line was cut.
pub const CUT_MARK: &str = " […cut]";

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use kapell_model::quantity::Bytes;

    fn live(host_calls: u64, talk: u64) -> Crossings {
        Crossings::live(&Limits { host_calls, talk: Bytes(talk), ..Limits::default() })
    }

    const ASK: Ask<'_> = Ask { kind: Kind::Random, call: "bytes", object: "", rule: None };

    #[test]
    fn calls_are_counted_by_kind_up_to_the_limit_and_not_beyond() {
        let crossings = live(3, 0);
        for _ in 0..2 {
            crossings.count("files").unwrap();
        }
        crossings.cross(&ASK, || Ok(Reply::Number(1))).unwrap();
        let end = crossings.cross(&ASK, || panic!("the world is not asked beyond the limit")).unwrap_err();
        let end = end.downcast::<LimitReached>().unwrap();
        assert_eq!(end.to_string(), "host-calls: more than 3 calls to the host");
        let mut meters = Meters::default();
        crossings.take().fill(&mut meters);
        assert_eq!(meters.crossings, BTreeMap::from([("files".into(), 2), ("random".into(), 1)]));
    }

    #[test]
    fn a_refusal_names_the_rule_that_withholds_and_else_the_one_of_the_grant() {
        let withheld: Vec<Withheld> = serde_json::from_value(serde_json::json!([
            { "kind": "keyvalue", "name": "secrets", "rule": "no-secrets" },
            { "kind": "keyvalue", "name": "nobody" },
            { "kind": "http", "name": "crm", "rule": "no-posts", "taken": { "kind": "http",
              "target": "https://api.acme.example/v1/", "methods": ["POST"], "calls_max": 1, "sent_max": 1,
              "received_max": 1, "hosts_max": 1 } },
        ]))
        .unwrap();
        let crossings = live(9, 0).withholding(&withheld);
        let grant = "grant".parse().unwrap();
        for (kind, call, object, rule) in [
            (Kind::Keyvalue, "open", "secrets", None),
            (Kind::Keyvalue, "set", "secrets/acme", Some(&grant)),
            (Kind::Keyvalue, "open", "secrets-of-others", None),
            (Kind::Keyvalue, "open", "nobody", None),
            (Kind::Files, "open", "secrets", Some(&grant)),
            (Kind::Http, "POST", "https://api.acme.example/v1/a", Some(&grant)),
            (Kind::Http, "DELETE", "https://api.acme.example/v1/a", Some(&grant)),
            (Kind::Http, "POST", "https://evil.example/", None),
        ] {
            crossings.refuse(&Ask { kind, call, object, rule }, "access-denied").unwrap();
        }
        let told = |it: &Crossing| {
            format!(
                "{} {} {}: {}",
                it.kind,
                it.call,
                it.object,
                it.rule.as_ref().map_or("no rule", RuleId::as_str)
            )
        };
        let told: Vec<String> = crossings.take().crossings.iter().map(told).collect();
        insta::assert_snapshot!(told.join("\n"), @r#"
        keyvalue open secrets: no-secrets
        keyvalue set secrets/acme: no-secrets
        keyvalue open secrets-of-others: no rule
        keyvalue open nobody: no rule
        files open secrets: grant
        http POST https://api.acme.example/v1/a: no-posts
        http DELETE https://api.acme.example/v1/a: grant
        http POST https://evil.example/: no rule
        "#);
    }

    #[test]
    fn no_call_is_answered_once_the_time_is_over() {
        let with = |deadline| Crossings::live(&Limits { deadline: Span(deadline), ..Limits::default() });
        with(3_600_000).count("files").unwrap();
        let over = with(0);
        let end = over.cross(&ASK, || panic!("the world is not asked")).unwrap_err();
        assert_eq!(end.downcast::<LimitReached>().unwrap().cause, TrapCause::Deadline);
        assert!(over.take().counts.is_empty());
    }

    #[test]
    fn no_call_is_answered_once_the_attempt_is_cancelled() {
        let cancel = Cancel::default();
        let crossings = live(9, 0).until(&cancel);
        crossings.count("files").unwrap();
        cancel.raise();
        let end = crossings.cross(&ASK, || panic!("the world is not asked")).unwrap_err();
        assert!(end.is::<Cancelled>());
    }

    #[test]
    fn talk_ends_the_guest_beyond_its_limit() {
        let said = |bytes: &[usize]| {
            let crossings = live(0, 10);
            bytes.iter().try_for_each(|bytes| crossings.talk(*bytes))
        };
        assert_eq!(said(&[9]), Ok(()));
        assert_eq!(said(&[9, 1]), Ok(()));
        assert_eq!(said(&[9, 2]).unwrap_err().cause, TrapCause::Talk);
        assert_eq!(said(&[usize::MAX, usize::MAX]).unwrap_err().cause, TrapCause::Talk);
    }

    #[test]
    fn answers_are_recorded_in_order_and_long_ones_once_by_digest() {
        let crossings = live(9, 0);
        let long: Arc<[u8]> = vec![7; INLINE_MAX + 1].into();
        let replies = [
            Reply::Bytes(vec![7; 3].into()),
            Reply::Bytes(long.clone()),
            Reply::Content(long.clone()),
            Reply::Absent,
        ];
        for reply in replies {
            let ask = Ask { object: "a", ..ASK };
            assert_eq!(crossings.cross(&ask, || Ok(reply.clone())).unwrap(), reply);
        }
        let digest = Digest::of(&long);
        let left = crossings.take();
        let answers: Vec<_> = left.crossings.into_iter().map(|crossing| crossing.answer).collect();
        let expected =
            [Answer::Bytes("BwcH".into()), Answer::Content(digest), Answer::Content(digest), Answer::Absent];
        assert_eq!(answers, expected);
        assert_eq!(left.contents, [long.to_vec()]);
    }

    #[test]
    fn a_refusal_is_recorded_with_the_rule_that_refused() {
        let crossings = live(9, 0);
        let rule: RuleId = "letters-out".parse().unwrap();
        crossings.refuse(&Ask { rule: Some(&rule), object: "out/../x", ..ASK }, "not-permitted").unwrap();
        let left = crossings.take();
        let line = serde_json::to_string(&left.crossings).unwrap();
        assert_eq!(
            line,
            r#"[{"kind":"random","call":"bytes","object":"out/../x","answer":{"refused":"not-permitted"},"rule":"letters-out"}]"#
        );
        assert_eq!(left.counts.get("refused"), Some(&1));
    }

    #[test]
    fn a_record_that_would_not_fit_ends_the_guest() {
        let fits = |room: u64| {
            let crossings = live(9, 0);
            crossings.ledger().record_max = room;
            crossings.cross(&ASK, || Ok(Reply::Text("12345".into())))
        };
        let cost = CROSSING_BYTES as u64 + 5;
        assert!(fits(cost + 1).is_ok());
        assert!(fits(cost).is_ok());
        let end = fits(cost - 1).unwrap_err().downcast::<LimitReached>().unwrap();
        assert_eq!(end.cause, TrapCause::HostCalls);
    }

    #[test]
    fn a_failure_of_the_host_is_no_answer() {
        let crossings = live(9, 0);
        assert!(crossings.cross(&ASK, || Err(wasmtime::Error::msg("disk gone"))).is_err());
        assert_eq!(crossings.take().crossings, []);
    }

    #[test]
    fn a_line_can_neither_break_nor_move_nor_hide() {
        let forged =
            "ok\n12:00 step approved\r\u{1b}[2J\u{202e}txt\u{200b}\u{2066}\u{feff}\u{e0041}\u{2028}end";
        assert_eq!(
            one_line(forged),
            "ok 12:00 step approved \u{fffd}[2J\u{fffd}txt\u{fffd}\u{fffd}\u{fffd}\u{fffd} end"
        );
        let honest = "Müller & Söhne: 3 €, 日本語, ✓";
        assert_eq!(one_line(honest), honest);
    }

    #[test]
    fn a_cut_falls_between_characters_and_is_marked() {
        assert_eq!(cut("häuser", 7), "häuser");
        assert_eq!(cut("häuser", 6), "häuse […cut]");
        assert_eq!(cut("häuser", 2), "h […cut]");
    }
}
