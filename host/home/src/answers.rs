//! Questions of a home: what waits for whom, and answering.

use crate::error::{HomeError, Kind};
use crate::home::Home;
use crate::runs::Finished;
use kapell_conductor::answer::{Given, Said, question};
use kapell_conductor::drive::{DriveError, Standing};
use kapell_journal::fold::{OpenQuestion, RunState};
use kapell_model::digest::Digest;
use kapell_model::id::{Role, RunId};
use kapell_model::policy::ANYBODY;
use rust_decimal::Decimal;
use serde_json::Value;

/// A question that waits, without what is shown, which may be large.
pub struct Waiting {
    /// The run.
    pub run: RunId,
    /// The question.
    pub open: OpenQuestion,
}

/// A question that waits, with what is shown.
pub struct Gate {
    /// The run.
    pub run: RunId,
    /// The question.
    pub open: OpenQuestion,
    /// Exactly what is shown: `{"question": …, "show": …}`.
    pub shown: Value,
}

/// An answer as a face takes it.
pub struct Reply {
    /// What is said.
    pub said: Said,
    /// The digest of what was shown to the person, or at least its first 8 hex digits. None is only taken from a run
    /// that has asked a single question so far: there it can't be meant for another.
    pub shown: Option<String>,
    /// Who answers, `user:NAME`.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
    /// Minutes of their time.
    pub minutes: Option<Decimal>,
}

impl Home {
    /// All questions that wait, oldest run first.
    ///
    /// # Errors
    /// When the journal can't be read.
    pub fn gates(&self) -> Result<Vec<Waiting>, HomeError> {
        let mut gates = Vec::new();
        for row in self.runs()?.into_iter().rev().filter(|row| !row.over) {
            let state = RunState::fold(&row.run, &self.open_entries(&row.run)?).map_err(DriveError::from)?;
            gates.extend(state.question.map(|open| Waiting { run: row.run, open }));
        }
        Ok(gates)
    }

    /// The question a run waits for, if it does.
    ///
    /// # Errors
    /// When the journal can't be read.
    pub fn gate(&self, run: &RunId) -> Result<Option<Gate>, HomeError> {
        let state = self.standing(run)?.state;
        let Some(open) = state.question.filter(|_| state.ended.is_none()) else { return Ok(None) };
        let missing = || HomeError::new(Kind::Integrity, format!("what {run} shows is not kept"));
        let shown = self.open_value(run, &open.asked.shown).ok_or_else(missing)?;
        Ok(Some(Gate { run: run.clone(), open, shown }))
    }

    /// Answers a question and drives the run on.
    ///
    /// # Errors
    /// When it is not an answer to what is asked now, `Refused` when the flow was taken back; nothing is recorded then.
    pub async fn answer(&self, run: &RunId, reply: Reply) -> Result<Finished, HomeError> {
        let shown = self.shown(run, reply.shown.as_deref())?;
        let standing = self.standing(run)?;
        self.check_going_on(&standing)?;
        self.check_still_asked(&standing, &reply)?;
        let Reply { said, by, reason, minutes, .. } = reply;
        let reason = self.reason_without_secrets(reason.as_deref());
        let said = match said {
            Said::Value(value) => Said::Value(self.without_secrets(value)),
            said => said,
        };
        let given = Given { shown, said, by, reason, minutes };
        let standing = self.stoppable(run, self.conductor.answer(run, &given)).await?;
        Ok(Finished::of(standing))
    }

    /// Who answers is of those the run was begun to ask, and of those the policy names now: whoever has left a role
    /// decides nothing more in it.
    fn check_still_asked(&self, standing: &Standing, reply: &Reply) -> Result<(), HomeError> {
        let (state, plan) = (&standing.state, &standing.program.plan);
        let Some(open) = state.question.as_ref().filter(|_| state.ended.is_none()) else { return Ok(()) };
        let escalated = open.asked.escalate_at.as_ref();
        let escalated = escalated.filter(|(at, _)| open.escalated || *at <= self.clock.now());
        let overriding = question(&standing.program, open).and_then(|asked| asked.override_by.as_ref());
        let roles: Vec<&Role> = match reply.said {
            Said::Override => overriding.into_iter().collect(),
            _ => std::iter::once(&open.asked.role).chain(escalated.map(|(_, role)| role)).collect(),
        };
        let names = |people: &Vec<String>| people.iter().any(|it| *it == reply.by || it == ANYBODY);
        let was_of = |role: &&Role| plan.roles.get(*role).is_some_and(names);
        // Whoever was of none of them the run itself refuses.
        let roles: Vec<&Role> = roles.into_iter().filter(was_of).collect();
        if roles.is_empty() || roles.iter().any(|role| self.policy.is_still_of(&reply.by, role)) {
            return Ok(());
        }
        let named = roles.iter().map(|role| format!("`{role}`")).collect::<Vec<_>>().join(" or ");
        let words = format!("{} is not of the role {named} by the policy as it is now", reply.by);
        Err(HomeError::new(Kind::Refused, words).hint("`[role.NAME]` in policy.toml says who is asked"))
    }

    /// The digest an answer is bound to.
    fn shown(&self, run: &RunId, said: Option<&str>) -> Result<Digest, HomeError> {
        let state = self.standing(run)?.state;
        let Some(open) = state.question.as_ref().filter(|_| state.ended.is_none()) else {
            return Err(HomeError::new(
                Kind::Argument,
                format!("run {run} asks nothing now: it is {}", state.word()),
            ));
        };
        let digest = *open.asked.shown.digest();
        let asked_before: u32 = state.steps.values().map(|step| step.askings).sum();
        match said.map(|said| said.strip_prefix("sha256:").unwrap_or(said)) {
            Some(hex) if hex.len() >= 8 && digest.hex().starts_with(hex) => Ok(digest),
            Some(_) => {
                Err(HomeError::new(Kind::Argument, format!("what {run} asks now is not what was shown"))
                    .hint("`gates show` shows what it asks; answer that"))
            }
            None if asked_before == 1 => Ok(digest),
            None => Err(HomeError::new(
                Kind::Argument,
                format!("{run} has asked before; say which question is answered"),
            )
            .hint(format!("add --shown {} once you have read what `gates show` shows", digest.short()))),
        }
    }
}

impl Gate {
    /// Whether the question is put to that person, by the role or by the one it was escalated to.
    #[must_use]
    pub fn is_put_to(&self, user: &str) -> bool {
        let escalated = self.open.escalated;
        escalated || self.open.asked.people.iter().any(|person| person == user || person == "user:*")
    }
}
