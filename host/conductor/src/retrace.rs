//! A recorded run held against its plan: each decision is taken again over what the run knew then, each receipt is made
//! out again from its meters, each answer is given again to the question it was given to. What stands in the journal must
//! be what comes out.
//!
//! What a run was told from outside is taken as it stands: what an attempt answered and used, what a person said, that
//! somebody stopped it, what other runs had spent.

use crate::answer::{Given, Said, answer};
use crate::decide::{Action, Fact, decide};
use crate::drive::DriveError;
use crate::history::History;
use crate::known::{Blob, Known};
use crate::program::Program;
use crate::programs::Programs;
use crate::record::{lost, receipt};
use kapell_journal::entry::{
    AttemptEnded, AttemptStarted, BlobRef, Body, BudgetPassed, Entry, QuestionAnswered, RecordedEnding,
    RunEnded, RunEnding, RunStarted, Verdict,
};
use kapell_journal::fold::RunState;
use kapell_journal::private;
use kapell_journal::seam::{JournalError, JournalReads};
use kapell_model::digest::Digest;
use rust_decimal::Decimal;
use serde_json::Value;
use std::collections::HashSet;
use std::mem::discriminant;

/// Most letters of a value that is told.
const TOLD_MAX: usize = 80;

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retraced {
    /// Entries that say something else than follows, by their numbers, each with what it should be.
    pub faults: Vec<(u64, String)>,
    /// How many entries are as they follow.
    pub sound: u64,
    /// How many can't be told of, since what they rest on is not kept any more.
    pub hidden: u64,
}

/// Holds a run against its plan.
///
/// # Errors
/// When something its entries name can't be read.
pub fn retrace<R: JournalReads>(
    history: &History<'_, R>,
    programs: &Programs,
) -> Result<Retraced, DriveError> {
    let Some((first, entries)) = history.entries.split_first() else { return Ok(Retraced::default()) };
    let Some(state) = RunState::begin(first) else { return Ok(Retraced::default()) };
    let program = programs.of(history.recorded, &first.run, &state.started)?;
    let mut tracing = Tracing {
        history,
        program: &program,
        state,
        known: Known::default(),
        gone: HashSet::new(),
        retraced: Retraced::default(),
    };
    tracing.learn(&first.body)?;
    let fault = tracing.begun();
    tracing.retraced.note(first, fault);
    for entry in entries {
        if !tracing.entry(entry)? {
            break;
        }
    }
    Ok(tracing.retraced)
}

impl Retraced {
    fn note(&mut self, entry: &Entry, fault: Option<String>) {
        match fault {
            Some(fault) => self.faults.push((entry.seq, fault)),
            None => self.sound += 1,
        }
    }
}

struct Tracing<'a, R> {
    history: &'a History<'a, R>,
    program: &'a Program,
    state: RunState,
    known: Known,
    /// Values that are not kept any more.
    gone: HashSet<Digest>,
    retraced: Retraced,
}

impl<R: JournalReads> Tracing<'_, R> {
    /// The next entry; false where nothing after it can be said.
    fn entry(&mut self, entry: &Entry) -> Result<bool, DriveError> {
        let is_bare = self.history.opened.bare.contains(&entry.seq);
        let fault = self.fault(entry, is_bare)?;
        let parted = matches!(&fault, Some(Fault::Another(_)));
        match fault {
            Some(Fault::Another(words) | Fault::Says(words)) => {
                self.retraced.faults.push((entry.seq, words));
            }
            Some(Fault::Hidden) => self.retraced.hidden += 1,
            None => self.retraced.sound += 1,
        }
        self.learn(&entry.body)?;
        Ok(self.state.apply(entry).is_ok() && !parted)
    }

    /// What a run is pinned to is what its plan is.
    fn begun(&self) -> Option<String> {
        let (plan, RunStarted { flow, version, text, policy, tariff, engine, .. }) =
            (&self.program.plan, &self.state.started);
        let pins = [
            ("flow", flow.to_string(), plan.flow.to_string()),
            ("version", version.clone(), plan.version.clone()),
            ("text", text.to_string(), plan.text.to_string()),
            ("policy", policy.to_string(), plan.policy.to_string()),
            ("tariff", tariff.to_string(), plan.tariff.to_string()),
            ("engine", engine.clone(), plan.engine.clone()),
        ];
        let mut other = pins.into_iter().filter(|(_, is, planned)| is != planned);
        other.next().map(|(what, is, planned)| format!("says {what} {is}, where its plan has {planned}"))
    }

    fn fault(&self, entry: &Entry, is_bare: bool) -> Result<Option<Fault>, DriveError> {
        if entry.at < self.state.changed_at && self.state.ended.is_none() {
            let (at, before) = (entry.at, self.state.changed_at);
            return says(format!("was written at {at}, before the entry before it, at {before}"));
        }
        match &entry.body {
            Body::RunStarted(_)
            | Body::RunResumed { .. }
            | Body::CancelAsked { .. }
            | Body::PrivateErased(_)
            | Body::ContentsDropped(_) => Ok(None),
            Body::AttemptStarted(started) => match self.unplanned(started) {
                Some(words) => says(words),
                None => self.decided(entry, is_bare),
            },
            Body::AttemptEnded(ended) if self.state.doubt.is_none() => self.ended(ended),
            Body::DoubtRaised { broke: Some(broke), .. } => self.ended(broke),
            Body::BudgetPassed(passed) => Ok(self.passed(passed).map(Fault::Says)),
            Body::QuestionAnswered(answered) => self.answered(entry, answered, is_bare),
            Body::QuestionOverridden(overridden) => self.answered(entry, &overridden.as_answer(), is_bare),
            Body::RunEnded(ended) if is_late_conflict(ended) => Ok(None),
            _ => self.decided(entry, is_bare),
        }
    }

    /// What an attempt says of its call that its plan does not.
    fn unplanned(&self, started: &AttemptStarted) -> Option<String> {
        let Ok(ready) = self.program.call_of(started) else {
            return Some(format!(
                "begins an attempt on rung {} of {}, where its plan calls nothing",
                started.rung, started.step
            ));
        };
        let call = &ready.call;
        let pin = |it: &kapell_model::plan::SkillPin| format!("{} {}", it.name, it.version);
        let parts = [
            ("skill", pin(&started.skill), pin(&call.skill)),
            ("bytes", started.skill.component.to_string(), call.skill.component.to_string()),
            ("operation", started.operation.clone(), call.operation.name.clone()),
            ("lane", started.lane.word().into(), call.lane.word().into()),
            ("effects", started.effects.word().into(), call.effects.word().into()),
        ];
        let mut other = parts.into_iter().filter(|(_, is, planned)| is != planned);
        other.next().map(|(what, is, planned)| format!("says {what} {is}, where its plan has {planned}"))
    }

    /// A receipt is of what began, and comes to what its tariff says of its meters.
    fn ended(&self, ended: &AttemptEnded) -> Result<Option<Fault>, DriveError> {
        let Some(open) = &self.state.open else { return Ok(None) };
        let Ok(call) = self.program.call_of(open) else { return Ok(None) };
        let due = receipt(open, call.grant, self.program, ended.receipt.meters.clone());
        let due = due.map_err(crate::decide::DecideError::from)?;
        if ended.receipt == due {
            return Ok(None);
        }
        if ended.ending == RecordedEnding::Lost && ended.receipt == lost(open, self.program)?.receipt {
            return Ok(None);
        }
        let json = |receipt| serde_json::to_value(receipt).unwrap_or_default();
        let by = "its plan, its tariff and its meters";
        Ok(other(&json(&ended.receipt), &json(&due), "receipt", by).map(Fault::Says))
    }

    fn passed(&self, passed: &BudgetPassed) -> Option<String> {
        let budgets = &self.program.plan.flow_budgets;
        let planned = budgets.iter().find(|budget| budget.per == passed.per);
        match planned {
            None => Some(format!(
                "says that a budget of a {} was passed, and its plan has none",
                passed.per.word()
            )),
            Some(planned) if planned.most != passed.most => Some(format!(
                "says that at most {} may be spent, where its plan has {}",
                passed.most, planned.most
            )),
            Some(_) if passed.comes_to.amount <= passed.most.amount => {
                Some(format!("says that {} is more than {}", passed.comes_to, passed.most))
            }
            Some(_) => None,
        }
    }

    /// An answer is one that would be taken now, at its price.
    fn answered(
        &self,
        entry: &Entry,
        given: &QuestionAnswered,
        is_bare: bool,
    ) -> Result<Option<Fault>, DriveError> {
        let said = match (given.verdict, &given.value) {
            (Verdict::Approved, _) => Said::Approve,
            (Verdict::Rejected, _) => Said::Reject,
            (Verdict::Overridden, _) => Said::Override,
            (Verdict::Answered, None) => return says("answers with a value and names none".into()),
            (Verdict::Answered, Some(value)) => match self.history.value(value)? {
                Some(value) => Said::Value((*value).clone()),
                None => return Ok(Some(Fault::Hidden)),
            },
        };
        let minutes = given.minutes.as_deref().map(str::parse::<Decimal>).transpose();
        let Ok(minutes) = minutes else { return says("says minutes that are no number".into()) };
        let (by, reason, shown) = (given.by.clone(), given.reason.clone(), given.shown);
        let given = Given { shown, said, by, reason, minutes };
        match answer(self.program, &self.state, &given, entry.at) {
            Ok(fact) => Ok(self.differs(entry, fact, is_bare)?.map(Fault::Says)),
            Err(error) => says(format!("is no answer that could be given: {error}")),
        }
    }

    /// A decision, taken again.
    fn decided(&self, entry: &Entry, is_bare: bool) -> Result<Option<Fault>, DriveError> {
        let due = match decide(self.program, &self.state, &self.known, entry.at)? {
            Action::Record(fact) => fact,
            Action::Perform(start) => Fact { body: Body::AttemptStarted(start.intent), blobs: Vec::new() },
            Action::Wait(_) | Action::Over if self.gone.is_empty() => {
                let words = format!("says {}, where its plan leads to nothing yet", kind(&json(&entry.body)));
                return Ok(Some(Fault::Another(words)));
            }
            Action::Wait(_) | Action::Over => return Ok(Some(Fault::Hidden)),
        };
        let is_other = discriminant(&entry.body) != discriminant(&due.body);
        if !self.gone.is_empty() {
            // What is gone may be what it was decided by.
            return Ok(if is_bare || is_other { Some(Fault::Hidden) } else { None });
        }
        if is_other {
            let (is, should) = (json(&entry.body), json(&due.body));
            let (is, should) = (kind(&is), kind(&should));
            let words = format!("says {is}, where its plan and what was before it lead to {should}");
            return Ok(Some(Fault::Another(words)));
        }
        Ok(self.differs(entry, due, is_bare)?.map(Fault::Says))
    }

    /// The first part of an entry that is not as it should be.
    fn differs(&self, entry: &Entry, due: Fact, is_bare: bool) -> Result<Option<String>, DriveError> {
        let due = if is_bare { private::bare(&due.body) } else { due.body };
        if entry.body == due {
            return Ok(None);
        }
        let (is, due) = (self.uncommitted(&entry.body)?, self.uncommitted(&due)?);
        if is == due {
            return Ok(None);
        }
        let (is, due) = (json(&is), json(&due));
        let within = |body: &Value| body.get(kind(&is)).cloned().unwrap_or_default();
        let words = other(&within(&is), &within(&due), "", "its plan and what was before it");
        // Where something is private, none of it is told.
        let private =
            || "says something private that its plan and what was before it do not lead to".to_owned();
        Ok(words.map(|words| if entry.private.is_some() { private() } else { words }))
    }

    /// Private values named as they would be named openly, so that what is decided again has the same names.
    fn uncommitted(&self, body: &Body) -> Result<Body, DriveError> {
        let (mut body, mut failed) = (body.clone(), None);
        private::names(&mut body, |named| match self.open_name(named) {
            Ok(open) => *named = open,
            Err(error) => failed = Some(error),
        });
        failed.map_or(Ok(body), |error| Err(error.into()))
    }

    fn open_name(&self, named: &BlobRef) -> Result<BlobRef, JournalError> {
        let BlobRef::Commitment(commitment) = named else { return Ok(named.clone()) };
        match self.history.value(named)? {
            Some(value) => Ok(Blob::of(value)?.named()),
            None => Ok(BlobRef::Digest(*commitment)),
        }
    }

    /// The values an entry names that decisions are taken over. A doubt shows what its attempt was given.
    fn learn(&mut self, body: &Body) -> Result<(), DriveError> {
        let doubted = matches!(body, Body::DoubtRaised { .. }).then_some(self.state.open.as_ref()).flatten();
        let given = doubted.into_iter().flat_map(|open| open.given());
        for named in Known::names(body).into_iter().chain(given) {
            match self.history.value(named)? {
                Some(value) => self.known.learn(named.clone(), value),
                // Whether it should be there is told where it is named.
                None => drop(self.gone.insert(*named.digest())),
            }
        }
        Ok(())
    }
}

/// What is wrong with an entry.
enum Fault {
    /// It is another one than follows; nothing after it can be told.
    Another(String),
    /// It says something else than it should.
    Says(String),
    /// It can't be told.
    Hidden,
}

fn says(words: String) -> Result<Option<Fault>, DriveError> {
    Ok(Some(Fault::Says(words)))
}

/// An output that was accepted, and whose writes another run stood in the way of: what the store said then is no part of
/// the run.
fn is_late_conflict(ended: &RunEnded) -> bool {
    let told = ended.reason.as_deref().is_some_and(|why| why.starts_with(crate::drive::ACCEPTED_LATE));
    told && ended.state == RunEnding::Failed && ended.step.is_none() && ended.outputs.is_none()
}

fn json(body: &Body) -> Value {
    serde_json::to_value(body).unwrap_or_default()
}

fn kind(body: &Value) -> &str {
    body.as_object().and_then(|body| body.keys().next()).map_or("nothing", String::as_str)
}

/// The first place at which two values differ, in words.
fn other(is: &Value, due: &Value, at: &str, by: &str) -> Option<String> {
    if is == due {
        return None;
    }
    if let (Value::Object(left), Value::Object(right)) = (is, due) {
        let null = Value::Null;
        let keys = left.keys().chain(right.keys().filter(|key| !left.contains_key(*key)));
        return keys.into_iter().find_map(|key| {
            let at = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
            other(left.get(key).unwrap_or(&null), right.get(key).unwrap_or(&null), &at, by)
        });
    }
    Some(format!("says {at} {}; by {by} it is {}", short(is), short(due)))
}

fn short(value: &Value) -> String {
    let text = match value {
        Value::Null => "none".to_owned(),
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::String(text) => text.chars().flat_map(plain).collect(),
        other => other.to_string(),
    };
    match text.char_indices().nth(TOLD_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// What can't be seen is told as an escape.
fn plain(letter: char) -> impl Iterator<Item = char> {
    let is_plain = matches!(letter, '\'' | '"' | '\\');
    is_plain.then_some(letter).into_iter().chain(letter.escape_debug().filter(move |_| !is_plain))
}
