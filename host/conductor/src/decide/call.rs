//! Deciding over a step that calls: its attempts, the judgement on its output, its ladder.

use super::budget::{Allowance, Past, allowance, binding};
use super::{Action, DecideError, Start, Turn, ask, past, record};
use crate::arguments::Arguments;
use crate::program::ReadyCall;
use kapell_journal::entry::{AttemptEnded, AttemptStarted, Body, Purpose, RecordedEnding, RunEnding};
use kapell_journal::fold::{AttemptState, StepState};
use kapell_model::ending::TrapCause;
use kapell_model::id::StepId;
use kapell_model::plan::{Expectation, Rung, Step, Work};
use serde_json::Value;

/// How often an attempt the host lost, or whose keys another run changed, is begun again. A bound, so that a host
/// that crashes on one attempt does not crash on it for ever.
const LOST_MAX: usize = 8;

/// A step that calls, with its parts at hand.
struct Calling<'a> {
    turn: &'a Turn<'a>,
    step: &'a Step,
    id: &'a StepId,
    state: &'a StepState,
    expect: Option<&'a Expectation>,
    otherwise: &'a [Rung],
    retry: u32,
}

pub(super) fn step<'a>(
    turn: &'a Turn<'a>,
    step: &'a Step,
    state: &'a StepState,
) -> Result<Action, DecideError> {
    let Work::Call { expect, otherwise, retry, .. } = &step.work else { return Ok(Action::Over) };
    let (id, expect, retry) = (&step.id, expect.as_ref(), *retry);
    let calling = Calling { turn, step, id, state, expect, otherwise, retry };
    calling.next()
}

impl<'a> Calling<'a> {
    fn next(&self) -> Result<Action, DecideError> {
        match (self.state.exhausted, self.turn.program.call(self.id, self.state.rung)) {
            (true, _) => Ok(self.escalated()),
            (false, Some(call)) => self.rung(call),
            (false, None) => self.ask(),
        }
    }

    fn rung(&self, call: &ReadyCall) -> Result<Action, DecideError> {
        let Some(attempt) = self.state.last_of(Purpose::Work) else { return self.start(call, Purpose::Work) };
        let Some(ended) = &attempt.ended else { return Ok(Action::Wait(None)) };
        match &ended.ending {
            RecordedEnding::Output(_) => self.judge(attempt),
            ending if self.tries_again(ending, Purpose::Work) => self.start(call, Purpose::Work),
            RecordedEnding::Cancelled => {
                Ok(self.turn.end(RunEnding::Cancelled, self.id, "the attempt was cancelled".into()))
            }
            ending => {
                let (why, over) = broken(attempt, ended);
                Ok(self.fall(&why, Some(over.unwrap_or_else(|| run_ending(ending)))))
            }
        }
    }

    /// Retry is for traps and for what the host lost; the same input to a sound skill gives the same output.
    fn tries_again(&self, ending: &RecordedEnding, purpose: Purpose) -> bool {
        let count = |wanted: fn(&RecordedEnding) -> bool| {
            let present =
                |it: &&AttemptState| it.started.rung == self.state.rung && it.started.purpose == purpose;
            let endings = self.state.attempts.iter().filter(present).filter_map(|it| it.ended.as_ref());
            endings.filter(|ended| wanted(&ended.ending)).count()
        };
        match ending {
            // What went out was answered: it happened, whatever became of the attempt.
            RecordedEnding::Trap(_) if self.has_happened(purpose) => false,
            RecordedEnding::Trap(_) => {
                count(|it| matches!(it, RecordedEnding::Trap(_))) <= self.retry as usize
            }
            RecordedEnding::Lost => count(|it| matches!(it, RecordedEnding::Lost)) <= LOST_MAX,
            _ => false,
        }
    }

    /// Whether the last attempt sent what must not be sent twice.
    fn has_happened(&self, purpose: Purpose) -> bool {
        let last = self.state.last_of(purpose).filter(|last| !last.started.effects.rerunnable());
        last.and_then(|last| last.ended.as_ref()).is_some_and(|ended| !ended.left.is_nothing())
    }

    fn judge(&self, work: &AttemptState) -> Result<Action, DecideError> {
        match (self.state.judged, self.expect) {
            (Some(_), _) => Ok(self.fall("its output does not meet the expectation", None)),
            (None, Some(Expectation::Holds { that })) => Ok(self.judged(that)),
            (None, Some(Expectation::Verdict { holds, .. })) => self.verdict(work, holds),
            // The output of a step without an expectation settles it at once; the fold has done so.
            (None, None) => Ok(Action::Wait(None)),
        }
    }

    fn judged(&self, that: &str) -> Action {
        let scope = self.turn.scope().within(self.id);
        let (by, held) = match scope.holds(that) {
            Ok(held) => (that.to_owned(), held),
            Err(cause) => (format!("{that}: {cause}"), false),
        };
        self.judgement(by, scope.seen(that), held)
    }

    fn judgement(&self, by: String, seen: Value, held: bool) -> Action {
        record(Body::ExpectationJudged { step: self.id.clone(), rung: self.state.rung, by, seen, held })
    }

    /// The verdict of another skill: asked once for each output, and not an answer itself when it breaks.
    fn verdict(&self, work: &AttemptState, holds: &str) -> Result<Action, DecideError> {
        let Some(call) = self.turn.program.verdict(self.id) else { return Ok(Action::Wait(None)) };
        let verdict = self.state.last_of(Purpose::Verdict);
        let verdict = verdict.filter(|verdict| verdict.started.attempt > work.started.attempt);
        let Some(verdict) = verdict else { return self.start(call, Purpose::Verdict) };
        let Some(ended) = &verdict.ended else { return Ok(Action::Wait(None)) };
        match &ended.ending {
            RecordedEnding::Output(_) => Ok(self.judged(holds)),
            ending if self.tries_again(ending, Purpose::Verdict) => self.start(call, Purpose::Verdict),
            _ => Ok(self.judgement(format!("no verdict: {}", ending_words(ended)), Value::Null, false)),
        }
    }

    /// The rung was not good enough: on to the next one, or the end of the ladder.
    fn fall(&self, why: &str, ending: Option<RunEnding>) -> Action {
        if self.otherwise.is_empty() {
            return match ending {
                Some(ending) => self.turn.end(ending, self.id, why.to_owned()),
                None => self.turn.end(RunEnding::Escalated, self.id, self.with_runbook(why)),
            };
        }
        let from = self.state.rung;
        let to = (from as usize) < self.otherwise.len();
        let refused = vec![format!("{}: {why}", self.rung_words(from))];
        record(Body::LadderMoved { step: self.id.clone(), from, to: to.then_some(from + 1), refused })
    }

    fn escalated(&self) -> Action {
        let words = self.with_runbook("no rung of the ladder gave an answer that holds");
        self.turn.end(RunEnding::Escalated, self.id, words)
    }

    fn with_runbook(&self, why: &str) -> String {
        match &self.turn.program.plan.runbook {
            Some(runbook) => format!("{why}; go on by {runbook}"),
            None => why.to_owned(),
        }
    }

    fn rung_words(&self, rung: u32) -> String {
        match self.turn.program.call(self.id, rung) {
            Some(call) => format!("rung {rung} {}#{}", call.call.skill.name, call.operation.name),
            None => format!("rung {rung} a person"),
        }
    }

    fn ask(&self) -> Result<Action, DecideError> {
        let rung = (self.state.rung as usize).checked_sub(1).and_then(|index| self.otherwise.get(index));
        let Some(Rung::Ask { question }) = rung else { return Ok(Action::Wait(None)) };
        let output = self.turn.program.call(self.id, 0).and_then(|call| call.operation.output());
        ask::rung(self.turn, self.id, question, self.state, output)
    }

    /// A rung that is too dear is passed over like one that is not good enough, unless somebody may let it pass. The last
    /// one ends the run by its budget.
    fn past_budget(&self, call: &ReadyCall, past: &Past) -> Result<Action, DecideError> {
        let may_be_let = past.over.is_some() && self.state.denied.is_none();
        let is_last = self.state.rung as usize >= self.otherwise.len();
        match may_be_let || is_last {
            true => past::next(self.turn, self.id, self.state, call, past),
            false => {
                Ok(self.fall(&format!("it would pass the budget: {}", past::why(self.state, past)), None))
            }
        }
    }

    fn start(&self, call: &ReadyCall, purpose: Purpose) -> Result<Action, DecideError> {
        let arguments = match self.arguments(call) {
            Ok(arguments) => arguments,
            // What a rung rests on may not be there, and what the next is given may fit: no reason to skip the rungs after
            // this one.
            Err((_, words)) if self.state.rung > 0 => return Ok(self.fall(&words, None)),
            Err((ending, words)) => return Ok(self.turn.end(ending, self.id, words)),
        };
        let (reserved, deadline) = match allowance(self.turn, self.step, self.state, call)? {
            Allowance::Granted { reserved, deadline } => (reserved, deadline),
            Allowance::Exhausted(past) => return self.past_budget(call, &past),
        };
        let Arguments { value: arguments, input, texts, kept } =
            match self.turn.program.private.has_step(self.id) {
                true => Arguments::whole(arguments)?,
                false => Arguments::open(arguments)?,
            };
        let intent = AttemptStarted {
            attempt: u32::try_from(self.state.attempts.len()).unwrap_or(u32::MAX).saturating_add(1),
            deadline,
            effects: call.call.effects,
            input,
            lane: call.call.lane,
            models_at_most: call.models.clone(),
            operation: call.operation.name.clone(),
            purpose,
            reserved,
            rung: self.state.rung,
            settles: purpose == Purpose::Work && self.expect.is_none(),
            skill: call.call.skill.clone(),
            step: self.id.clone(),
            texts,
        };
        let bounds = binding(self.turn, self.state);
        let call = call.clone();
        Ok(Action::Perform(Box::new(Start { intent: intent.into(), arguments, kept, call, bounds })))
    }

    /// What the call is given, or how a run ends that has nothing else to go on with.
    fn arguments(&self, call: &ReadyCall) -> Result<Value, (RunEnding, String)> {
        let rendered = self.turn.scope().within(self.id).render_all(&call.call.with);
        let arguments =
            rendered.map_err(|cause| (RunEnding::Failed, format!("`with` cannot be evaluated: {cause}")))?;
        match call.operation.check_arguments(&arguments) {
            Ok(()) => Ok(arguments),
            Err(misfit) => {
                let (skill, operation) = (&call.call.skill.name, &call.operation.name);
                let words = format!("an argument of {skill}#{operation} does not fit: {misfit}");
                Err((RunEnding::Refused, words))
            }
        }
    }
}

/// How an attempt broke. Where what stopped it was the rest of a budget's working time, the budget is used up: nobody
/// set that deadline for the skill.
fn broken(attempt: &AttemptState, ended: &AttemptEnded) -> (String, Option<RunEnding>) {
    let of_budget = match &ended.ending {
        RecordedEnding::Trap(trap) if trap.cause == TrapCause::Deadline => attempt.started.deadline,
        _ => None,
    };
    match of_budget {
        Some(left) => {
            let words = format!("the working time is used up: the budget left {left} of it for this attempt");
            (words, Some(RunEnding::OverBudget))
        }
        None => (ending_words(ended), None),
    }
}

pub(super) fn run_ending(ending: &RecordedEnding) -> RunEnding {
    match ending {
        RecordedEnding::SkillError(_) | RecordedEnding::Output(_) => RunEnding::Failed,
        RecordedEnding::Refusal(_) => RunEnding::Refused,
        RecordedEnding::Trap(_) | RecordedEnding::Lost => RunEnding::Trapped,
        RecordedEnding::Cancelled => RunEnding::Cancelled,
    }
}

pub(super) fn ending_words(ended: &AttemptEnded) -> String {
    match &ended.ending {
        RecordedEnding::Output(_) => "an output".into(),
        RecordedEnding::SkillError(_) => ended.error_words(),
        RecordedEnding::Refusal(refusal) => format!("refused: {refusal}"),
        RecordedEnding::Trap(trap) => format!("stopped by {}: {}", trap.cause.word(), trap.detail),
        RecordedEnding::Cancelled => "cancelled".into(),
        RecordedEnding::Lost => "lost more often than it is tried".into(),
    }
}
