//! One entry as a sentence, with the values it rests on.

use super::{Record, pinned, told_at};
use crate::log::{found, instant, pin};
use crate::plain::{line, micros, number, short};
use crate::review::Tone;
use kapell_journal::entry::{
    AskReason, AttemptEnded, AttemptStarted, BlobRef, Body, BudgetPassed, ContentsDropped, Entry,
    PrivateErased, Purpose, QuestionAnswered, QuestionAsked, QuestionOverridden, RecordedEnding, RunEnded,
    RunEnding, Verdict,
};
use kapell_journal::fold::{AttemptState, RunState};
use kapell_model::crossing::Note;
use kapell_model::digest::Digest;
use kapell_model::id::{Role, StepId};
use kapell_model::limits::LimitOrigin;
use kapell_model::quantity::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use std::cell::Cell;

/// How long a text of somebody may stand in a sentence.
const SAID: usize = 300;

/// One thing that happened or was decided.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Event {
    /// The entry it stands in.
    pub seq: u64,
    /// When.
    #[serde(serialize_with = "told_at")]
    pub at: Timestamp,
    /// The entry's kind.
    pub kind: &'static str,
    /// What happened, in one or a few sentences.
    pub words: String,
    /// What was seen, given, answered or shown, by name.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub values: Map<String, Value>,
    /// What belongs to it, line by line: what was written, what the skill said.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// How it should strike the reader.
    #[serde(skip)]
    pub(super) tone: Option<Tone>,
}

/// What an entry says, before it has its place.
struct Said {
    kind: &'static str,
    words: String,
    values: Map<String, Value>,
    notes: Vec<String>,
    tone: Option<Tone>,
}

impl Said {
    fn new(kind: &'static str, words: impl Into<String>) -> Self {
        Self { kind, words: words.into(), values: Map::new(), notes: Vec::new(), tone: None }
    }

    fn tone(mut self, tone: Tone) -> Self {
        self.tone = Some(tone);
        self
    }

    /// Adds a value by name, or why it is not there.
    fn value(mut self, name: &str, value: Result<Value, String>) -> Self {
        match value {
            Ok(value) => self.values.extend([(name.to_owned(), value)]),
            Err(why) => self.notes.push(format!("{name}: {}", short(&why, SAID))),
        }
        self
    }

    /// Adds what a condition saw.
    fn seen(mut self, seen: Map<String, Value>) -> Self {
        self.values.extend(seen);
        self
    }
}

/// Tells entries of one run.
pub(super) struct Teller<'a> {
    record: &'a Record<'a>,
    state: &'a RunState,
    missing: Cell<u64>,
}

impl<'a> Teller<'a> {
    pub(super) const fn new(record: &'a Record<'a>, state: &'a RunState) -> Self {
        Self { record, state, missing: Cell::new(0) }
    }

    /// A value an entry names, or why it is not there; one of which nothing says why is counted.
    pub(super) fn value(&self, named: &BlobRef) -> Result<Value, String> {
        let found = found(Some(self.state), self.record.values, named);
        let is_missing = found.is_err() && self.state.gone(named).is_none();
        self.missing.set(self.missing.get() + u64::from(is_missing));
        found
    }

    /// What a condition saw. A value too large to stand in a decision is put in from where it was read, which its digest
    /// proves; one that is found nowhere stays named.
    fn whole(&self, seen: &Value) -> Map<String, Value> {
        let pairs = seen.as_object().into_iter().flatten();
        let found = |path: &str, it: &Value| self.found(path, cut(it)?);
        pairs.map(|(path, it)| (path.clone(), found(path, it).unwrap_or_else(|| it.clone()))).collect()
    }

    fn found(&self, path: &str, digest: Digest) -> Option<Value> {
        let mut names = path.split('.');
        let first = names.next()?;
        let names: Vec<&str> = names.collect();
        // A verdict is no step's own value; whichever step's it is, its digest tells it.
        let steps = self.state.steps.iter().filter(|(id, _)| first == "verdict" || id.as_str() == first);
        let outputs = steps.flat_map(|(_, step)| step.attempts.iter().filter_map(AttemptState::output));
        let inputs = (first == "inputs").then(|| self.state.started.inputs.clone());
        let all = inputs.into_iter().chain(outputs.map(|(named, _)| named));
        let mut read = all.filter_map(|named| {
            let value = found(Some(self.state), self.record.values, &named).ok()?;
            names.iter().try_fold(&value, |it, name| field(it, name)).cloned()
        });
        read.find(|value| Digest::of(value.to_string().as_bytes()) == digest)
    }

    /// How many values were asked for that are not kept.
    pub(super) const fn missing(&self) -> u64 {
        self.missing.get()
    }

    pub(super) fn event(&self, entry: &Entry) -> Event {
        let Said { kind, words, values, notes, tone } = self.said(&entry.body);
        Event { seq: entry.seq, at: entry.at, kind, words, values, notes, tone }
    }

    fn said(&self, body: &Body) -> Said {
        match body {
            Body::RunStarted(it) => Said::new("run-started", format!("{} asked for it.", who(&it.by))),
            Body::RequirementFailed { that, seen, told } => not_begun(that, told).seen(self.whole(seen)),
            Body::StepSkipped { condition, seen, .. } => {
                let words = format!("Left out: `{}` does not hold.", line(condition));
                Said::new("step-skipped", words).seen(self.whole(seen))
            }
            Body::StepChosen { condition, seen, .. } => {
                let words = format!("Taken: `{}` holds.", line(condition));
                Said::new("step-chosen", words).seen(self.whole(seen))
            }
            Body::BudgetPassed(it) => passed(it),
            Body::AttemptStarted(it) => self.began(it),
            Body::AttemptEnded(it) => self.ended(it),
            Body::ExpectationJudged { by, seen, held, .. } => judged(by, *held).seen(self.whole(seen)),
            Body::LadderMoved { step, to, refused, .. } => self.moved(step, *to, refused),
            Body::QuestionAsked(it) => self.asked(it),
            Body::QuestionReminded { .. } => {
                Said::new("question-reminded", "Nobody had answered: a reminder went out.")
            }
            Body::QuestionEscalated { to, .. } => self.escalated(to),
            Body::QuestionExpired { .. } => expired(),
            Body::QuestionAnswered(it) => self.answered(it),
            Body::QuestionOverridden(it) => overridden(it),
            Body::DoubtRaised { attempt, broke, .. } => {
                doubted(*attempt, broke.as_ref().map(|it| &it.ending))
            }
            Body::RunResumed { by } => resumed(by),
            Body::CancelAsked { by, reason } => {
                let words = format!("{} asked for it to stop: {}", who(by), short(reason, SAID));
                Said::new("cancel-asked", words).tone(Tone::Weighs)
            }
            Body::RunEnded(it) => {
                let seen = it.outcome.as_ref().map(|judged| self.whole(&judged.seen));
                over(it).seen(seen.unwrap_or_default())
            }
            Body::PrivateErased(it) => erased(it),
            Body::ContentsDropped(it) => dropped(it),
        }
    }

    fn escalated(&self, to: &Role) -> Said {
        let people = pinned::people(self.record.plan, to);
        let words = format!("Still nobody had answered: {to} ({people}) was asked as well.");
        Said::new("question-escalated", words).tone(Tone::Weighs)
    }

    fn began(&self, it: &AttemptStarted) -> Said {
        let part = match (it.purpose, it.rung) {
            (Purpose::Verdict, _) => ", to judge the answer".into(),
            (Purpose::Work, 0) => String::new(),
            (Purpose::Work, rung) => {
                let again = pinned::again(self.record.plan, &it.step, rung);
                format!(" on rung {rung}{}", again.map(|again| format!(", {again}")).unwrap_or_default())
            }
        };
        let mut words =
            format!("Try {} began{part}: {}, operation {}.", it.attempt, pin(&it.skill), it.operation);
        if let Some(money) = &it.reserved {
            words += &format!(" At most {money} was set aside for it.");
        }
        if let Some(deadline) = it.deadline {
            words += &format!(" It had {deadline}, what was left of the working time.");
        }
        Said::new("attempt-started", words).value("given", it.arguments(|named| self.value(named)))
    }

    fn ended(&self, it: &AttemptEnded) -> Said {
        let said = match &it.ending {
            RecordedEnding::Output(named) => {
                self.ending(it, "answered", Tone::Quiet).value("answer", self.value(named))
            }
            RecordedEnding::SkillError(named) => self
                .ending(it, "said no, with an error of the skill's own", Tone::Alarms)
                .value("error", self.value(named)),
            RecordedEnding::Refusal(refusal) => {
                let rule = refusal.rule.as_ref().map(|rule| format!(", by rule {rule}")).unwrap_or_default();
                let how = format!("was refused by the host: {}{rule}", short(&refusal.to_string(), SAID));
                self.ending(it, &how, Tone::Alarms)
            }
            RecordedEnding::Trap(trap) => {
                let set_by =
                    trap.origin.map(|it| format!(", a limit set by {}", origin(it))).unwrap_or_default();
                let (cause, detail) = (trap.cause.word(), short(&trap.detail, SAID));
                self.ending(it, &format!("was stopped by {cause}{set_by}: {detail}"), Tone::Alarms)
            }
            RecordedEnding::Cancelled => self.ending(it, "was cancelled", Tone::Weighs),
            RecordedEnding::Lost => {
                let words = format!(
                    "Try {} was lost: nothing of it became real, and nothing is charged.",
                    it.attempt
                );
                Said::new("attempt-ended", words).tone(Tone::Weighs)
            }
        };
        noted(said, it)
    }

    /// The sentence on an attempt that came to an ending of its own.
    fn ending(&self, it: &AttemptEnded, how: &str, tone: Tone) -> Said {
        let meters = &it.receipt.meters;
        let mut words = format!(
            "Try {} {how}. It used {} fuel in {} and cost {}",
            it.attempt,
            number(meters.fuel),
            micros(meters.wall_micros),
            it.receipt.money
        );
        if let Some(models) = &meters.inference {
            words += &format!(", {models} of it for models{}", crate::log::beyond(meters));
        }
        if let Some(most) = &meters.inference_at_most {
            words += &format!(" (at most: {most} stands for an answer that did not come)");
        }
        let is_output = matches!(it.ending, RecordedEnding::Output(_));
        words += match () {
            () if !is_output && !it.undone.is_nothing() => ". What it wrote was not kept.",
            () if is_output && !it.writes.is_empty() && !self.settles(it) => {
                ". What it wrote is held until its answer is judged."
            }
            () => ".",
        };
        Said::new("attempt-ended", words).tone(tone)
    }

    fn settles(&self, it: &AttemptEnded) -> bool {
        let attempts =
            self.state.steps.get(&it.step).map(|step| step.attempts.as_slice()).unwrap_or_default();
        attempts.iter().any(|attempt| attempt.started.attempt == it.attempt && attempt.started.settles)
    }

    fn moved(&self, step: &StepId, to: Option<u32>, refused: &[String]) -> Said {
        let refused = refused.iter().map(|why| short(why, SAID)).collect::<Vec<_>>().join("; ");
        let next = match to {
            Some(to) => format!("Next is rung {to}: {}.", pinned::rung(self.record.plan, step, to)),
            None => "It was the last: nothing is left to try.".into(),
        };
        Said::new("ladder-moved", format!("Not taken: {refused}. {next}")).tone(Tone::Weighs)
    }

    fn asked(&self, it: &QuestionAsked) -> Said {
        let why = match it.reason {
            AskReason::Flow => "",
            AskReason::Ladder => ", because no rung before gave an answer that holds",
            AskReason::Doubt => ", because nobody knows whether it happened",
            AskReason::RunBudget => ", because the run's budget would be passed",
            AskReason::StepBudget => ", because the step's budget would be passed",
            AskReason::DayBudget => ", because the flow's daily budget would be passed",
            AskReason::WeekBudget => ", because the flow's weekly budget would be passed",
            AskReason::MonthBudget => ", because the flow's monthly budget would be passed",
        };
        let people = pinned::named(&it.people).unwrap_or_else(|| "nobody".into());
        let words = format!("{} ({people}) was asked{why}: {}", it.role, short(&it.text, SAID));
        let mut said = Said::new("question-asked", words).tone(Tone::Weighs);
        match self.value(&it.shown) {
            Ok(shown) => {
                said = said.seen(shown.get("show").and_then(Value::as_object).cloned().unwrap_or_default())
            }
            Err(why) => said.notes.push(format!("what was shown: {}", short(&why, SAID))),
        }
        said.notes.push(format!("answer: {}", line(&it.answer.words())));
        let escalated = it.escalate_at.as_ref().map(|(at, role)| (format!("{role} is asked as well"), *at));
        let expires = it.expire_at.map(|at| ("expires, which is never a yes".to_owned(), at));
        let due =
            it.remind_at.map(|at| ("reminder".to_owned(), at)).into_iter().chain(escalated).chain(expires);
        said.notes.extend(due.map(|(what, at)| format!("{what}: {} UTC", instant(at))));
        said.notes.push(format!("an answer is bound to: {}", it.shown.digest()));
        said
    }

    fn answered(&self, it: &QuestionAnswered) -> Said {
        let (did, tone) = match it.verdict {
            Verdict::Approved => ("approved", Tone::Quiet),
            Verdict::Rejected => ("said no", Tone::Alarms),
            Verdict::Answered | Verdict::Overridden => ("answered", Tone::Quiet),
        };
        let reason = match &it.reason {
            Some(reason) => format!(": {}", short(reason, SAID)),
            None => " and gave no reason".into(),
        };
        let words = format!("{} {did}{reason}. {}", who(&it.by), time_of(it));
        let said = Said::new("question-answered", words).tone(tone);
        match &it.value {
            Some(named) => said.value("answer", self.value(named)),
            None => said,
        }
    }
}

/// The digest that stands for a value too large to stand in a decision.
fn cut(seen: &Value) -> Option<Digest> {
    let parts = seen.as_object().filter(|parts| parts.len() == 2 && parts.contains_key("bytes"))?;
    parts.get("digest")?.as_str()?.parse().ok()
}

/// A field by the name expressions use, in which `_` stands for WIT's `-`.
fn field<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    value.get(name).or_else(|| value.get(name.replace('_', "-")))
}

fn who(by: &str) -> String {
    short(by, 60)
}

const fn origin(origin: LimitOrigin) -> &'static str {
    match origin {
        LimitOrigin::Default => "nobody, so the small default",
        LimitOrigin::Manifest => "the skill's manifest",
        LimitOrigin::Policy => "the policy",
        LimitOrigin::Flow => "the flow",
    }
}

fn not_begun(that: &str, told: &str) -> Said {
    let words = format!("It was not let begin: {}. `{}` does not hold.", short(told, SAID), line(that));
    Said::new("requirement-failed", words).tone(Tone::Alarms)
}

fn passed(it: &BudgetPassed) -> Said {
    let BudgetPassed { comes_to, from, most, per, .. } = it;
    let per = per.word();
    let words = format!(
        "The next try did not begin: with it all runs of the flow would have come to {comes_to} in the {per} from {from}, and {most} is the most."
    );
    Said::new("budget-passed", words).tone(Tone::Weighs)
}

fn resumed(by: &str) -> Said {
    let words = "The process that drove it had gone away. Another went on from the journal.";
    let said = Said::new("run-resumed", words).tone(Tone::Weighs);
    Said { notes: vec![format!("process: {}", short(by, SAID))], ..said }
}

fn expired() -> Said {
    let words = "Nobody answered in time. The question expired, which is never a yes.";
    Said::new("question-expired", words).tone(Tone::Alarms)
}

fn judged(by: &str, held: bool) -> Said {
    let (words, tone) = match held {
        true => ("Good enough", Tone::Quiet),
        false => ("Not good enough", Tone::Weighs),
    };
    let verdict = if held { "holds" } else { "does not hold" };
    Said::new("expectation-judged", format!("{words}: `{}` {verdict}.", short(by, SAID))).tone(tone)
}

/// What an attempt wrote, noted and said.
fn noted(mut said: Said, it: &AttemptEnded) -> Said {
    said.notes.extend(it.writes.iter().map(crate::log::written));
    let note = |note: &Note| format!("note {}: {}", short(&note.topic, 32), short(&note.text, SAID));
    said.notes.extend(it.notes.iter().map(note));
    said.notes.extend(it.log.iter().map(|text| format!("said {}", short(text, SAID))));
    said
}

fn doubted(attempt: u32, broke: Option<&RecordedEnding>) -> Said {
    let how = match broke {
        None => "The host went away while try",
        Some(RecordedEnding::Lost) => {
            "Another run changed what had been read after a request had gone out of try"
        }
        Some(_) => "A request had gone out unanswered when it broke: try",
    };
    let words = format!(
        "{how} {attempt} was under way. It is not known whether it happened, and it must not happen twice: nothing goes on before somebody says."
    );
    Said::new("doubt-raised", words).tone(Tone::Alarms)
}

fn overridden(it: &QuestionOverridden) -> Said {
    let words = format!(
        "{}, as {}, let the run go on without a yes: {}. This is no approval. {}",
        who(&it.by),
        it.role,
        short(&it.reason, SAID),
        time_of(&it.as_answer())
    );
    Said::new("question-overridden", words).tone(Tone::Weighs)
}

/// What a person's time came to.
fn time_of(it: &QuestionAnswered) -> String {
    match &it.minutes {
        Some(minutes) => format!("It took them {} min, {}.", line(minutes), it.money),
        None => format!("Their time is priced at {}, as estimated by the tariff.", it.money),
    }
}

fn erased(it: &PrivateErased) -> Said {
    let words = format!(
        "What was private was erased by {}: {}. It can't be shown any more, nor what its commitments were of.",
        who(&it.by),
        short(&it.reason, SAID)
    );
    Said::new("private-erased", words).tone(Tone::Weighs)
}

fn dropped(it: &ContentsDropped) -> Said {
    let words = format!(
        "{} contents were let go, by policy, which keeps contents for {} after the end of a run: what skills were given and \
         answered and what people were shown can't be shown any more.",
        it.commitments.len() + it.digests.len(),
        it.kept
    );
    Said::new("contents-dropped", words).tone(Tone::Weighs)
}

fn over(it: &RunEnded) -> Said {
    let at = it.step.as_ref().map(|step| format!(" at `{step}`")).unwrap_or_default();
    let why = it.reason.as_ref().map(|why| format!(": {}", short(why, SAID))).unwrap_or_default();
    let tone = match it.state {
        RunEnding::Done if it.has_outcome() => Tone::Quiet,
        RunEnding::Done => Tone::Weighs,
        _ => Tone::Alarms,
    };
    let said = Said::new("run-ended", format!("It ended as {}{at}{why}.{}", it.state.word(), came_to(it)));
    said.tone(tone)
}

/// Whether it came to its outcome, where its flow says when that is so.
fn came_to(it: &RunEnded) -> String {
    let Some(judged) = &it.outcome else { return String::new() };
    let when = short(&judged.when, SAID);
    match judged.held {
        true => format!(" It came to its outcome: `{when}` holds."),
        false => format!(" It did not come to its outcome: `{when}` does not hold."),
    }
}
