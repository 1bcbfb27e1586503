//! What happens when it goes wrong, read off the plan: the ladder, retries, what a crash means, what a question that
//! nobody answers comes to.

use super::pinned;
use crate::plain::line;
use kapell_model::id::{Role, StepId};
use kapell_model::plan::{Budget, Call, Effects, Plan, Question, Rung, Step, Work};

/// The role that is asked about an attempt of which nobody knows whether it happened.
const DOUBT: &str = "operator";

/// For the run as a whole.
pub(crate) fn of_run(plan: &Plan) -> Vec<String> {
    let escalated = match &plan.runbook {
        Some(runbook) => format!("A run that stops as escalated is gone on with by {}.", line(runbook)),
        None => "A run that stops as escalated is left to people; the flow names no runbook.".into(),
    };
    let spent = past(plan, &plan.budget, "of the run");
    let stopped = "Anybody may stop it; tries under way end then, and nothing they wrote is kept.".to_owned();
    let together = plan.flow_budgets.iter().map(|it| {
        let whose = format!("of all runs of the flow for a {}", it.per.word());
        bounded(plan, it.over.as_ref(), &whose)
    });
    spent.into_iter().chain(together).chain([escalated, stopped]).collect()
}

/// For one step.
pub(crate) fn of_step(plan: &Plan, step: &Step) -> Vec<String> {
    let mut lines = Vec::new();
    match &step.work {
        Work::Ask { question: asked } => lines.extend(question(plan, asked)),
        Work::Call { call, otherwise, retry, expect } => {
            lines.push(not_good(plan, otherwise, expect.is_some()));
            lines.push(tried(*retry));
            lines.push(crashed(plan, call));
            for rung in otherwise {
                if let Rung::Ask { question: asked } = rung {
                    lines.extend(question(plan, asked));
                }
            }
        }
    }
    lines.extend(past(plan, &step.budget, "of the step"));
    lines
}

/// The steps to which the same happens together, each told of once: their ids and what happens.
pub(crate) fn grouped<'s>(
    steps: impl Iterator<Item = (&'s StepId, &'s [String])>,
) -> impl Iterator<Item = (String, &'s [String])> {
    let mut groups: Vec<(String, &[String])> = Vec::new();
    for (step, failing) in steps {
        match groups.iter_mut().find(|(_, other)| *other == failing) {
            Some((steps, _)) => steps.push_str(&format!(", {step}")),
            None => groups.push((step.to_string(), failing)),
        }
    }
    groups.into_iter()
}

fn not_good(plan: &Plan, otherwise: &[Rung], expects: bool) -> String {
    match (otherwise.len(), expects) {
        (0, true) => "It fails with the skill's own error, a refusal or a trap, each as such; an answer that does not hold stops the run as escalated.".into(),
        (0, false) => "The skill's own error ends the run as failed, a refusal as refused, a trap as trapped; nothing the try wrote is kept.".into(),
        (rungs, _) => {
            let last = match otherwise.last() {
                Some(Rung::Ask { question }) => format!("a person at the end: {}", pinned::asked(plan, &question.role)),
                _ => "no person among them, so that the run stops as escalated after the last".into(),
            };
            let many = if rungs == 1 { "1 more rung is".into() } else { format!("{rungs} more rungs are") };
            format!("When its answer does not hold, or there is none, {many} tried in order, {last}.")
        }
    }
}

fn tried(retry: u32) -> String {
    match retry {
        0 => "A try that traps is not tried again on its own.".into(),
        1 => "A try that traps is tried once more.".into(),
        many => format!("A try that traps is tried again, {many} times at most."),
    }
}

/// What it means when the host goes away in the middle.
fn crashed(plan: &Plan, call: &Call) -> String {
    let words = match call.effects {
        Effects::None | Effects::Reads => "the try is run again: it changes nothing",
        Effects::Idempotent => "the try is run again under the same key: doing it twice is doing it once",
        Effects::Once => {
            let role: Option<Role> = DOUBT.parse().ok();
            let people = role.filter(|role| plan.roles.contains_key(role));
            let people = people.map_or_else(|| "anybody".into(), |role| pinned::asked(plan, &role));
            return format!(
                "When the host goes away in the middle, it is not run again: {people} is asked whether it happened."
            );
        }
    };
    format!("When the host goes away in the middle, {words}.")
}

fn question(plan: &Plan, question: &Question) -> Vec<String> {
    let mut late = Vec::new();
    late.extend(question.remind.map(|after| format!("a reminder goes out after {after}")));
    late.extend(
        question
            .escalate
            .as_ref()
            .map(|it| format!("{} is asked as well after {}", pinned::asked(plan, &it.to), it.after)),
    );
    late.extend(
        question
            .expire
            .map(|after| format!("it expires after {after}, which ends the run and is never a yes")),
    );
    let late = match late.is_empty() {
        true => "the run waits, without an end".into(),
        false => late.join("; "),
    };
    vec![
        format!("A no of {} ends the run as rejected.", question.role),
        format!("While {} does not answer: {late}.", question.role),
    ]
}

fn past(plan: &Plan, budget: &Budget, whose: &str) -> Option<String> {
    (!budget.is_empty()).then(|| bounded(plan, budget.over.as_ref(), whose))
}

fn bounded(plan: &Plan, over: Option<&Role>, whose: &str) -> String {
    let over = match over {
        Some(role) => {
            format!("{} is asked whether that try may begin all the same", pinned::asked(plan, role))
        }
        None => "the run ends there as over-budget".into(),
    };
    format!("Before a try would pass the budget {whose}, {over}.")
}
