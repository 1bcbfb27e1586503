//! The fold: a run's state is what its entries fold to, nothing else is remembered.
//!
//! This is the only place that says which entry may follow which. An entry that may not is an error, so a journal
//! that was tampered with or written by a broken host is noticed before anything goes on from it.

use crate::entry::{
    AskReason, AttemptEnded, AttemptStarted, BlobRef, Body, BudgetPassed, ContentsDropped, Entry,
    PrivateErased, Purpose, QuestionAnswered, QuestionAsked, RecordedEnding, RunEnded, RunStarted, Verdict,
};
use crate::seam::RunRow;
use crate::shared::Shared;
use kapell_model::id::{RunId, StepId};
use kapell_model::money::{Money, MoneyError};
use kapell_model::period::Day;
use kapell_model::quantity::Timestamp;
use std::collections::BTreeMap;

/// What a run's entries come to.
#[derive(Clone, Debug, PartialEq)]
pub struct RunState {
    /// The run.
    pub run: RunId,
    /// How it began.
    pub started: RunStarted,
    /// When it began.
    pub started_at: Timestamp,
    /// When its last entry was written.
    pub changed_at: Timestamp,
    /// Steps that have been touched.
    pub steps: BTreeMap<StepId, StepState>,
    /// How many steps are behind: settled or skipped. Steps are taken in the plan's order, so this is the place of
    /// the next one.
    pub behind: usize,
    /// The attempt that has begun and has no ending.
    pub open: Option<Shared<AttemptStarted>>,
    /// The question that waits for an answer.
    pub question: Option<OpenQuestion>,
    /// The attempt a person must settle.
    pub doubt: Option<(StepId, u32)>,
    /// What that attempt left, when it broke; none when the host went away.
    pub broke: Option<Shared<AttemptEnded>>,
    /// A precondition that did not hold, and what to tell the person.
    pub requirement_failed: Option<String>,
    /// Whether the preconditions are behind: a step has been touched or skipped.
    pub under_way: bool,
    /// Who asked for the run to stop, and why.
    pub cancel: Option<(String, String)>,
    /// How it ended.
    pub ended: Option<RunEnded>,
    /// When what was private in it was destroyed, by whom and why.
    pub erased: Option<(Timestamp, PrivateErased)>,
    /// When its contents were let go, because the policy keeps them no longer.
    pub dropped: Option<(Timestamp, ContentsDropped)>,
    /// Money spent: attempts by their receipts, people by their answers.
    pub spent: Option<Money>,
    /// The part of it that attempts cost; the budget is for this, people's time is only told.
    pub spent_on_attempts: Option<Money>,
    /// Wall time of attempts in microseconds.
    pub worked_micros: u64,
}

/// What a step's entries come to. What few steps have is apart, so that a run of many steps stays small.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepState {
    /// Its condition held, or it is being worked on.
    pub chosen: bool,
    /// Its condition did not hold.
    pub skipped: bool,
    /// The rung that is being tried.
    pub rung: u32,
    /// Attempts, from the first.
    pub attempts: Vec<AttemptState>,
    /// How often it has asked.
    pub askings: u32,
    /// Whether the present rung has asked and what was answered.
    pub answered: Option<Box<QuestionAnswered>>,
    /// The last judgement on the present rung.
    pub judged: Option<bool>,
    /// Whether its question ended unanswered.
    pub expired: bool,
    /// Whether its ladder has ended without an answer that holds.
    pub exhausted: bool,
    /// The flow's budget that the next attempt would have passed.
    pub passed: Option<Box<BudgetPassed>>,
    /// Budgets that a person lets the next attempt pass.
    pub allowed: Vec<AskReason>,
    /// The no of a person who was asked whether a budget may be passed.
    pub denied: Option<Box<QuestionAnswered>>,
    /// What it came to.
    pub settled: Option<Settled>,
}

/// One attempt of a step.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptState {
    /// How it began.
    pub started: Shared<AttemptStarted>,
    /// When.
    pub began: Timestamp,
    /// How it ended.
    pub ended: Option<Shared<AttemptEnded>>,
}

/// What a step came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Settled {
    /// An output, with the attempt whose writes are real now.
    Output {
        /// The value.
        value: BlobRef,
        /// The attempt.
        attempt: u32,
    },
    /// A value given by a person in place of an output.
    Given(BlobRef),
    /// A person's answer to a step that asks.
    Answer(Box<QuestionAnswered>),
}

/// A question that waits.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenQuestion {
    /// As it was asked.
    pub asked: QuestionAsked,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// Whether the role was reminded.
    pub reminded: bool,
    /// Whether the other role was asked.
    pub escalated: bool,
}

/// An entry that may not follow the ones before it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("entry {seq} of {run} may not stand here: {why}")]
pub struct FoldError {
    /// The run.
    pub run: RunId,
    /// The entry.
    pub seq: u64,
    /// What it contradicts.
    pub why: String,
}

impl RunState {
    /// Folds a whole run.
    ///
    /// # Errors
    /// When there is no first entry or one may not stand where it does.
    pub fn fold(run: &RunId, entries: &[Entry]) -> Result<Self, FoldError> {
        let begin = |why: &str| FoldError { run: run.clone(), seq: 1, why: why.into() };
        let (first, rest) = entries.split_first().ok_or_else(|| begin("the run has no entries"))?;
        let mut state = Self::begin(first).ok_or_else(|| begin("a run begins with its start"))?;
        rest.iter().try_for_each(|entry| state.apply(entry))?;
        Ok(state)
    }

    /// The state after the first entry; none when it is not a start.
    #[must_use]
    pub fn begin(first: &Entry) -> Option<Self> {
        let Body::RunStarted(started) = &first.body else { return None };
        Some(Self {
            run: first.run.clone(),
            started: started.clone(),
            started_at: first.at,
            changed_at: first.at,
            steps: BTreeMap::new(),
            behind: 0,
            open: None,
            question: None,
            doubt: None,
            broke: None,
            requirement_failed: None,
            under_way: false,
            cancel: None,
            ended: None,
            erased: None,
            dropped: None,
            spent: None,
            spent_on_attempts: None,
            worked_micros: 0,
        })
    }

    /// Folds one more entry in.
    ///
    /// # Errors
    /// When it may not stand here; the state is then not to be used any more.
    pub fn apply(&mut self, entry: &Entry) -> Result<(), FoldError> {
        // What is taken away after its end changes nothing of what a run came to.
        if self.ended.is_none() {
            self.changed_at = entry.at;
        }
        self.step_on(entry).map_err(|why| FoldError { run: self.run.clone(), seq: entry.seq, why })
    }

    fn step_on(&mut self, entry: &Entry) -> Result<(), String> {
        match &entry.body {
            Body::PrivateErased(erased) => self.erase(entry.at, erased),
            Body::ContentsDropped(dropped) => self.drop_contents(entry.at, dropped),
            _ if self.ended.is_some() => Err("the run is over".into()),
            Body::RunStarted(_) => Err("the run has begun already".into()),
            Body::RequirementFailed { told, .. } => self.requirement_failed(told),
            Body::StepSkipped { step, .. } => self.skip(step),
            Body::StepChosen { step, .. } => self.choose(step),
            Body::AttemptStarted(started) => self.start_attempt(started, entry.at),
            Body::AttemptEnded(ended) => self.end_attempt(ended),
            Body::ExpectationJudged { step, rung, held, .. } => self.judge(step, *rung, *held),
            Body::LadderMoved { step, from, to, .. } => self.move_ladder(step, *from, *to),
            Body::BudgetPassed(passed) => self.pass_budget(passed),
            Body::QuestionAsked(asked) => self.ask(asked, entry.at),
            Body::QuestionReminded { step, asking } => {
                self.open_question(step, *asking).map(OpenQuestion::remind)
            }
            Body::QuestionEscalated { step, asking, .. } => {
                self.open_question(step, *asking).map(OpenQuestion::escalate)
            }
            Body::QuestionExpired { step, asking } => self.expire(step, *asking),
            Body::QuestionAnswered(answered) if answered.verdict == Verdict::Overridden => {
                Err("an override is no answer".into())
            }
            Body::QuestionAnswered(answered) => self.answer(answered),
            Body::QuestionOverridden(overridden) => self.answer(&overridden.as_answer()),
            Body::DoubtRaised { step, attempt, broke } => self.doubt(step, *attempt, broke.as_ref()),
            Body::RunResumed { .. } => Ok(()),
            Body::CancelAsked { by, reason } => {
                self.cancel = Some((by.clone(), reason.clone()));
                Ok(())
            }
            Body::RunEnded(ended) => {
                self.ended = Some(ended.clone());
                Ok(())
            }
        }
    }

    /// A run that goes on rests on what is private in it.
    fn erase(&mut self, at: Timestamp, erased: &PrivateErased) -> Result<(), String> {
        match (&self.ended, &self.erased) {
            (None, _) => Err("nothing of a run is erased before it is over".into()),
            (_, Some(_)) => Err("what was private in it was erased already".into()),
            (Some(_), None) => {
                self.erased = Some((at, erased.clone()));
                Ok(())
            }
        }
    }

    /// A run that goes on may need again whatever it was given.
    fn drop_contents(&mut self, at: Timestamp, dropped: &ContentsDropped) -> Result<(), String> {
        match (&self.ended, &self.dropped) {
            (None, _) => Err("contents of a run are kept until it is over".into()),
            (_, Some(_)) => Err("its contents were let go already".into()),
            _ if at < self.changed_at.after(dropped.kept) => {
                Err("it lets contents go before their time".into())
            }
            (Some(_), None) => {
                self.dropped = Some((at, dropped.clone()));
                Ok(())
            }
        }
    }

    /// Why something that an entry names is rightly not kept, as what is said of it: `was erased by …`; none when nothing says
    /// that it is gone.
    #[must_use]
    pub fn gone(&self, named: &BlobRef) -> Option<String> {
        if let (Some((_, erased)), BlobRef::Commitment(commitment)) = (&self.erased, named)
            && erased.commitments.contains(commitment)
        {
            return Some(format!("was erased by {} because {}", erased.by, erased.reason));
        }
        let (at, dropped) = self.dropped.as_ref()?;
        let names = match named {
            BlobRef::Digest(digest) | BlobRef::Text(digest) => dropped.digests.contains(digest),
            BlobRef::Commitment(commitment) => dropped.commitments.contains(commitment),
        };
        names.then(|| {
            format!(
                "is not kept since {}, by policy, which keeps contents for {}",
                Day::of(*at),
                dropped.kept
            )
        })
    }

    fn requirement_failed(&mut self, told: &str) -> Result<(), String> {
        if self.under_way {
            return Err("a precondition is checked before any step".into());
        }
        self.requirement_failed = Some(told.into());
        Ok(())
    }

    fn skip(&mut self, step: &StepId) -> Result<(), String> {
        let state = self.untouched(step)?;
        state.skipped = true;
        self.behind += 1;
        Ok(())
    }

    fn choose(&mut self, step: &StepId) -> Result<(), String> {
        let state = self.untouched(step)?;
        state.chosen = true;
        Ok(())
    }

    fn untouched(&mut self, step: &StepId) -> Result<&mut StepState, String> {
        self.under_way = true;
        let state = self.touched(step);
        match state.chosen || state.skipped || !state.attempts.is_empty() {
            true => Err(format!("step {step} was decided already")),
            false => Ok(state),
        }
    }

    fn touched(&mut self, step: &StepId) -> &mut StepState {
        self.steps.entry(step.clone()).or_default()
    }

    fn working(&mut self, step: &StepId) -> Result<&mut StepState, String> {
        self.under_way = true;
        let state = self.touched(step);
        match (state.skipped, &state.settled) {
            (true, _) => Err(format!("step {step} was skipped")),
            (_, Some(_)) => Err(format!("step {step} is settled")),
            _ => Ok(state),
        }
    }

    fn start_attempt(&mut self, started: &Shared<AttemptStarted>, began: Timestamp) -> Result<(), String> {
        if self.open.is_some() || self.question.is_some() {
            return Err("another attempt or question is open".into());
        }
        let state = self.working(&started.step)?;
        if started.attempt as usize != state.attempts.len() + 1 || started.rung != state.rung {
            return Err(format!("attempt {} on rung {} is out of order", started.attempt, started.rung));
        }
        state.chosen = true;
        // What was let pass was exactly this attempt.
        state.allowed.clear();
        state.passed = None;
        state.attempts.push(AttemptState { started: started.clone(), began, ended: None });
        self.open = Some(started.clone());
        Ok(())
    }

    fn end_attempt(&mut self, ended: &Shared<AttemptEnded>) -> Result<(), String> {
        let open = self.open.take().filter(|open| open.step == ended.step && open.attempt == ended.attempt);
        let open = open.ok_or_else(|| format!("attempt {} of {} is not open", ended.attempt, ended.step))?;
        self.worked_micros += ended.receipt.meters.wall_micros;
        self.spend(&ended.receipt.money).map_err(|cause| cause.to_string())?;
        self.spent_on_attempts = Some(
            sum(self.spent_on_attempts.as_ref(), &ended.receipt.money).map_err(|cause| cause.to_string())?,
        );
        (self.doubt, self.broke) = (None, None);
        let state = self.working(&ended.step)?;
        // What a person said about a doubt belongs to that attempt, not to what follows.
        state.answered = None;
        if let Some(last) = state.attempts.last_mut() {
            last.ended = Some(ended.clone());
        }
        if let (true, RecordedEnding::Output(value)) = (open.settles, &ended.ending) {
            state.settled = Some(Settled::Output { value: value.clone(), attempt: ended.attempt });
            self.behind += 1;
        }
        Ok(())
    }

    fn pass_budget(&mut self, passed: &BudgetPassed) -> Result<(), String> {
        if self.open.is_some() || self.question.is_some() {
            return Err("another attempt or question is open".into());
        }
        self.working(&passed.step)?.passed = Some(Box::new(passed.clone()));
        Ok(())
    }

    fn judge(&mut self, step: &StepId, rung: u32, held: bool) -> Result<(), String> {
        let state = self.working(step)?;
        if state.rung != rung || state.judged.is_some() {
            return Err(format!("rung {rung} of {step} is not to be judged"));
        }
        state.judged = Some(held);
        if held {
            let (value, attempt) =
                state.output().ok_or_else(|| format!("step {step} has no output to hold"))?;
            state.settled = Some(Settled::Output { value, attempt });
            self.behind += 1;
        }
        Ok(())
    }

    fn move_ladder(&mut self, step: &StepId, from: u32, to: Option<u32>) -> Result<(), String> {
        let state = self.working(step)?;
        if state.rung != from || to.is_some_and(|to| to != from + 1) {
            return Err(format!("the ladder of {step} is on rung {}", state.rung));
        }
        match to {
            Some(to) => {
                (state.rung, state.judged, state.answered) = (to, None, None);
                // The next rung may fit where this one did not.
                state.passed = None;
            }
            None => state.exhausted = true,
        }
        Ok(())
    }

    fn ask(&mut self, asked: &QuestionAsked, at: Timestamp) -> Result<(), String> {
        if self.question.is_some() || (self.open.is_some() && self.doubt.is_none()) {
            return Err("another attempt or question is open".into());
        }
        let state = self.working(&asked.step)?;
        if asked.asking != state.askings + 1 || asked.rung != state.rung {
            return Err(format!("question {} of {} is out of order", asked.asking, asked.step));
        }
        state.askings = asked.asking;
        state.chosen = true;
        self.question =
            Some(OpenQuestion { asked: asked.clone(), asked_at: at, reminded: false, escalated: false });
        Ok(())
    }

    fn open_question(&mut self, step: &StepId, asking: u32) -> Result<&mut OpenQuestion, String> {
        let open =
            self.question.as_mut().filter(|open| open.asked.step == *step && open.asked.asking == asking);
        open.ok_or_else(|| format!("question {asking} of {step} is not open"))
    }

    /// An expired question is gone and nothing takes its place: the run must end by it.
    fn expire(&mut self, step: &StepId, asking: u32) -> Result<(), String> {
        self.open_question(step, asking)?;
        self.question = None;
        self.working(step)?.expired = true;
        Ok(())
    }

    fn answer(&mut self, answered: &QuestionAnswered) -> Result<(), String> {
        let open = self.open_question(&answered.step, answered.asking)?;
        if *open.asked.shown.digest() != answered.shown {
            return Err("the answer is bound to something else than was shown".into());
        }
        let asked = open.asked.clone();
        self.question = None;
        self.spend(&answered.money).map_err(|cause| cause.to_string())?;
        let doubt = self.doubt.is_some();
        let state = self.working(&answered.step)?;
        if asked.reason.is_budget() {
            match answered.verdict {
                Verdict::Approved => state.allowed.push(asked.reason),
                _ => state.denied = Some(Box::new(answered.clone())),
            }
            return Ok(());
        }
        state.answered = Some(Box::new(answered.clone()));
        if !doubt {
            state.settled = settled_by(&asked, answered, state);
            self.behind += usize::from(state.settled.is_some());
        }
        Ok(())
    }

    fn doubt(
        &mut self,
        step: &StepId,
        attempt: u32,
        broke: Option<&Shared<AttemptEnded>>,
    ) -> Result<(), String> {
        match &self.open {
            Some(open) if open.step == *step && open.attempt == attempt => {
                self.doubt = Some((step.clone(), attempt));
                self.broke = broke.cloned();
                Ok(())
            }
            _ => Err(format!("attempt {attempt} of {step} is not open")),
        }
    }

    fn spend(&mut self, money: &Money) -> Result<(), MoneyError> {
        self.spent = Some(sum(self.spent.as_ref(), money)?);
        Ok(())
    }

    /// The word people see for where the run stands.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match (&self.ended, &self.doubt, &self.question) {
            (Some(ended), ..) => ended.state.word(),
            (None, Some(_), _) => "in-doubt",
            (None, None, Some(_)) => "waiting",
            (None, None, None) => "running",
        }
    }

    /// When somebody must look at the run again: at once while it runs, never once it is over.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        match (&self.ended, &self.question) {
            (Some(_), _) => None,
            (None, Some(question)) if self.cancel.is_none() => question.due(),
            (None, _) => Some(self.changed_at),
        }
    }

    /// The row a listing shows.
    #[must_use]
    pub fn row(&self) -> RunRow {
        RunRow {
            run: self.run.clone(),
            flow: self.started.flow.clone(),
            state: self.word().into(),
            over: self.ended.is_some(),
            started: self.started_at,
            changed: self.changed_at,
            due: self.due(),
            line: self.started.line,
            kept: self.dropped.is_none(),
        }
    }
}

fn sum(so_far: Option<&Money>, more: &Money) -> Result<Money, MoneyError> {
    so_far.map_or_else(|| Ok(more.clone()), |money| money.plus(more))
}

/// What an answer settles: an approval takes the output it was shown, a value takes the output's place, and a step
/// that asks keeps the answer itself. A rejection settles nothing.
fn settled_by(asked: &QuestionAsked, answered: &QuestionAnswered, state: &StepState) -> Option<Settled> {
    match (asked.reason, answered.verdict) {
        (_, Verdict::Rejected) => None,
        (AskReason::Flow, _) => Some(Settled::Answer(Box::new(answered.clone()))),
        (_, Verdict::Answered) => answered.value.clone().map(Settled::Given),
        (_, Verdict::Approved | Verdict::Overridden) => Some(match state.last_output() {
            Some((value, attempt)) => Settled::Output { value, attempt },
            // An operation that answers nothing has no output to take: the approval itself is the value.
            None => Settled::Answer(Box::new(answered.clone())),
        }),
    }
}

impl OpenQuestion {
    const fn remind(&mut self) {
        self.reminded = true;
    }

    const fn escalate(&mut self) {
        self.escalated = true;
    }

    /// The next instant at which something happens to it by itself.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        let remind = self.asked.remind_at.filter(|_| !self.reminded);
        let escalate = self.asked.escalate_at.as_ref().map(|(at, _)| *at).filter(|_| !self.escalated);
        [remind, escalate, self.asked.expire_at].into_iter().flatten().min()
    }
}

impl StepState {
    /// The output of the present rung's last attempt at the step's work, with that attempt.
    #[must_use]
    pub fn output(&self) -> Option<(BlobRef, u32)> {
        self.last_of(Purpose::Work).and_then(AttemptState::output)
    }

    /// The last output of any rung: what a person who is asked in the end is shown.
    #[must_use]
    pub fn last_output(&self) -> Option<(BlobRef, u32)> {
        let work = |attempt: &&AttemptState| attempt.started.purpose == Purpose::Work;
        self.attempts.iter().rev().filter(work).find_map(AttemptState::output)
    }

    /// The last attempt of the present rung for that purpose.
    #[must_use]
    pub fn last_of(&self, purpose: Purpose) -> Option<&AttemptState> {
        let present =
            |attempt: &&AttemptState| attempt.started.rung == self.rung && attempt.started.purpose == purpose;
        self.attempts.iter().rev().find(present)
    }

    /// How many attempts of the present rung were for that purpose.
    #[must_use]
    pub fn count_of(&self, purpose: Purpose) -> u32 {
        let present =
            |attempt: &&AttemptState| attempt.started.rung == self.rung && attempt.started.purpose == purpose;
        u32::try_from(self.attempts.iter().filter(present).count()).unwrap_or(u32::MAX)
    }
}

impl AttemptState {
    /// Its output, with its number.
    #[must_use]
    pub fn output(&self) -> Option<(BlobRef, u32)> {
        match &self.ended.as_ref()?.ending {
            RecordedEnding::Output(value) => Some((value.clone(), self.started.attempt)),
            _ => None,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;
    use crate::chain::{genesis, seal};
    use kapell_model::digest::Digest;
    use kapell_model::quantity::Span;
    use serde_json::json;
    use std::collections::BTreeSet;

    const ENDED: u64 = 1_000;
    const KEPT: u64 = 500;

    fn digest(byte: u8) -> Digest {
        Digest::from_bytes([byte; 32])
    }

    fn started() -> Body {
        let (zero, blob) = (digest(0), json!({ "digest": digest(1) }));
        let started = json!({ "run-started": {
            "flow": "demo", "version": "1", "text": zero, "plan": blob, "inputs": blob, "policy": zero, "tariff": zero,
            "engine": "x", "by": "user:ada",
        } });
        serde_json::from_value(started).unwrap()
    }

    fn ended() -> Body {
        serde_json::from_value(json!({ "run-ended": { "state": "done" } })).unwrap()
    }

    fn dropped() -> Body {
        let (commitments, digests) = (BTreeSet::from([digest(2)]), BTreeSet::from([digest(1)]));
        Body::ContentsDropped(ContentsDropped { commitments, digests, kept: Span(KEPT), policy: digest(9) })
    }

    fn erased() -> Body {
        let (by, reason) = ("user:ada".into(), "asked".into());
        Body::PrivateErased(PrivateErased { by, commitments: BTreeSet::from([digest(2)]), reason })
    }

    fn folded(bodies: impl IntoIterator<Item = (u64, Body)>) -> Result<RunState, String> {
        let (run, mut head) = ("demo-1".parse().unwrap(), genesis(1));
        let sealed = bodies.into_iter().map(|(at, body)| seal(&run, &mut head, Timestamp(at), body).unwrap());
        let entries: Vec<Entry> = sealed.map(|sealed| (**sealed.entry()).clone()).collect();
        RunState::fold(&run, &entries).map_err(|error| error.why)
    }

    #[test]
    fn contents_are_let_go_once_after_the_end_and_not_before_their_time() {
        let (begin, end) = ((1, started()), (ENDED, ended()));
        let due = ENDED + KEPT;
        let of = |more: &[(u64, Body)]| folded([std::slice::from_ref(&begin), more].concat());
        let told = |more: &[(u64, Body)]| of(more).unwrap_err();
        let state = of(&[end.clone(), (due, dropped())]).unwrap();
        assert!(!state.row().kept && state.row().changed == Timestamp(ENDED));
        assert!(of(std::slice::from_ref(&end)).unwrap().row().kept);
        assert_eq!(told(&[end.clone(), (due - 1, dropped())]), "it lets contents go before their time");
        assert_eq!(told(&[(due, dropped())]), "contents of a run are kept until it is over");
        let twice = [end.clone(), (due, dropped()), (due, dropped())];
        assert_eq!(told(&twice), "its contents were let go already");
        assert_eq!(told(&[end.clone(), (due, dropped()), (due, ended())]), "the run is over");
    }

    #[test]
    fn what_is_private_is_erased_once_and_after_the_end() {
        let (begin, end) = ((1, started()), (ENDED, ended()));
        let of = |more: &[(u64, Body)]| folded([std::slice::from_ref(&begin), more].concat());
        assert!(of(&[end.clone(), (ENDED, erased())]).unwrap().row().kept);
        assert_eq!(of(&[(1, erased())]).unwrap_err(), "nothing of a run is erased before it is over");
        let twice = of(&[end, (ENDED, erased()), (ENDED, erased())]).unwrap_err();
        assert_eq!(twice, "what was private in it was erased already");
    }

    #[test]
    fn what_is_gone_says_why() {
        let all = [(1, started()), (ENDED, ended()), (86_400_000, dropped())];
        let state = folded(all).unwrap();
        let why = "is not kept since 1970-01-02, by policy, which keeps contents for 500 ms";
        assert_eq!(state.gone(&BlobRef::Digest(digest(1))).as_deref(), Some(why));
        assert_eq!(state.gone(&BlobRef::Text(digest(1))).as_deref(), Some(why));
        assert_eq!(state.gone(&BlobRef::Commitment(digest(2))).as_deref(), Some(why));
        assert_eq!(state.gone(&BlobRef::Digest(digest(2))), None, "a commitment is no digest");
        assert_eq!(state.gone(&BlobRef::Digest(digest(3))), None);
        let state = folded([(1, started()), (ENDED, ended()), (ENDED, erased())]).unwrap();
        let why = "was erased by user:ada because asked";
        assert_eq!(state.gone(&BlobRef::Commitment(digest(2))).as_deref(), Some(why));
        assert_eq!(state.gone(&BlobRef::Digest(digest(1))), None);
    }
}
