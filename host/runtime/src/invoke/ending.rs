//! What a stopped or finished call means: exactly one ending, with the cause told from types, not from messages.

use crate::crossings::{Cancelled, LimitReached, not_done_within, one_line};
use crate::inert::Printed;
use crate::value::{Answer, Answered, CallError};
use kapell_model::ending::{Ending, Trap, TrapCause};
use kapell_model::grant::Refusal;
use kapell_model::limits::{EffectiveLimits, LimitOrigin};
use kapell_model::quantity::thousands;
use kapell_model::seam::HostFault;
use wasmtime::component::ResourceTableError;

/// Why a call gave no answer.
#[derive(Debug)]
pub(super) enum Stopped {
    /// Somebody raised the flag.
    Cancelled,
    /// The deadline passed.
    Deadline,
    /// A host function panicked.
    Panicked(String),
    /// The call itself ended without an answer.
    Call(CallError),
}

/// Everything an ending is told from.
pub(super) struct Outcome<'a> {
    pub(super) called: Result<Answered, Stopped>,
    pub(super) spent: u64,
    pub(super) limits: &'a EffectiveLimits,
}

impl Outcome<'_> {
    /// The ending, and the bytes of the answer that crossed.
    ///
    /// # Errors
    /// When it was the host that failed.
    pub(super) fn ending(self, printed: &Printed) -> Result<(Ending, u64), HostFault> {
        let limits = self.limits;
        let trap = |cause, detail: String| Ok((trap(limits, cause, &detail), 0));
        match self.called {
            // An overspent answer is no answer: the limit is exact whatever the engine let pass.
            Ok(_) if self.spent > limits.limits.fuel => trap(TrapCause::Fuel, fuel(limits)),
            Ok(Answered { answer: Answer::Output(value), bytes }) => Ok((Ending::Output(value), bytes)),
            Ok(Answered { answer: Answer::SkillError(value), bytes }) => {
                Ok((Ending::SkillError(value), bytes))
            }
            Err(Stopped::Cancelled) => Ok((Ending::Cancelled, 0)),
            Err(Stopped::Deadline) => trap(TrapCause::Deadline, not_done_within(limits.limits.deadline)),
            Err(Stopped::Panicked(message)) => {
                Err(HostFault { doing: "answer a call of the skill's".into(), cause: message })
            }
            Err(Stopped::Call(CallError::OutputTooLarge(detail))) => trap(TrapCause::Output, detail),
            Err(Stopped::Call(CallError::Guest(error))) => {
                thrown(&error, limits, printed).map(|ending| (ending, 0))
            }
        }
    }
}

/// The ending of an attempt that was stopped while what it may reach was opened.
///
/// # Errors
/// When it was the host that failed.
pub(super) fn before_a_guest(stopped: &Stopped, limits: &EffectiveLimits) -> Result<Ending, HostFault> {
    match stopped {
        Stopped::Cancelled => Ok(Ending::Cancelled),
        Stopped::Deadline => Ok(trap(limits, TrapCause::Deadline, &not_done_within(limits.limits.deadline))),
        Stopped::Panicked(message) => Err(broken(message)),
        Stopped::Call(error) => Err(broken(&format!("{error:?}"))),
    }
}

fn broken(cause: &str) -> HostFault {
    HostFault { doing: "open what the skill was granted".into(), cause: cause.to_owned() }
}

/// What an error that came through the engine means.
fn thrown(error: &wasmtime::Error, limits: &EffectiveLimits, printed: &Printed) -> Result<Ending, HostFault> {
    if let Some(fault) = error.downcast_ref::<HostFault>() {
        return Err(fault.clone());
    }
    if error.is::<Cancelled>() {
        return Ok(Ending::Cancelled);
    }
    if let Some(refusal) = error.downcast_ref::<Refusal>() {
        return Ok(Ending::Refusal(refusal.clone()));
    }
    if let Some(limit) = error.downcast_ref::<LimitReached>() {
        return Ok(trap(limits, limit.cause, &limit.detail));
    }
    if error.is::<wasmtime::PoolConcurrencyLimitError>() {
        return Err(HostFault { doing: "find a free place for the skill".into(), cause: error.to_string() });
    }
    let (cause, detail) = match error.downcast_ref::<wasmtime::Trap>() {
        Some(wasmtime::Trap::OutOfFuel) => (TrapCause::Fuel, fuel(limits)),
        Some(wasmtime::Trap::StackOverflow) => (TrapCause::Stack, "its calls nest too deep".to_owned()),
        Some(other) => {
            (TrapCause::Crash, crash(other.to_string().trim_start_matches("wasm trap: "), printed))
        }
        None if is_handles(error) => (
            TrapCause::Handles,
            format!("more than {} live handles", thousands(limits.limits.handles.into())),
        ),
        None if says(error, "too much data is being copied") => {
            (TrapCause::HostCalls, "one call handed the host more than it takes at once".to_owned())
        }
        None => (TrapCause::Crash, crash(error.root_cause(), printed)),
    };
    Ok(trap(limits, cause, &detail))
}

/// The table of handles has a type for being full; the engine's own count of handles has only a message, which a
/// test holds against a real guest.
fn is_handles(error: &wasmtime::Error) -> bool {
    matches!(error.downcast_ref::<ResourceTableError>(), Some(ResourceTableError::Full))
        || says(error, "cannot allocate another handle")
        || says(error, "cannot lend resource")
}

fn says(error: &wasmtime::Error, start: &str) -> bool {
    error.root_cause().to_string().starts_with(start)
}

fn fuel(limits: &EffectiveLimits) -> String {
    format!("more than {} units of work", thousands(limits.limits.fuel))
}

/// What broke, and the last the guest said about it.
fn crash(what: impl std::fmt::Display, printed: &Printed) -> String {
    match printed.quote() {
        Some(quote) => format!("{what}; it last printed: {quote}"),
        None => what.to_string(),
    }
}

fn trap(limits: &EffectiveLimits, cause: TrapCause, detail: &str) -> Ending {
    Ending::Trap(Trap { cause, origin: origin(limits, cause), detail: one_line(detail) })
}

/// Who set the limit that was reached; none where no limit was the cause, or a grant's quota was.
fn origin(limits: &EffectiveLimits, cause: TrapCause) -> Option<LimitOrigin> {
    let origins = &limits.origins;
    match cause {
        TrapCause::Fuel => Some(origins.fuel),
        TrapCause::Memory => Some(origins.memory),
        TrapCause::Deadline => Some(origins.deadline),
        TrapCause::Output => Some(origins.output),
        TrapCause::Handles => Some(origins.handles),
        TrapCause::HostCalls => Some(origins.host_calls),
        TrapCause::Talk => Some(origins.talk),
        TrapCause::Quota | TrapCause::Stack | TrapCause::Crash | TrapCause::Inert => None,
    }
}
