//! One attempt: a store of its own, every limit set before the first instruction, one ending, then everything dropped.

mod ending;
mod guard;

use crate::capability::files::{FilesCtx, NotLent};
use crate::capability::{Capabilities, Sources};
use crate::crossings::Crossings;
use crate::engine::FUEL_SLICE;
use crate::guest::Guest;
use crate::inert::InertCtx;
use crate::value::{Answered, Arguments, COPIED_MIN, CallError};
use ending::{Outcome, Stopped};
use guard::Guard;
use kapell_model::capability::Kind;
use kapell_model::crossing::Departure;
use kapell_model::ending::{Attempt, Ending, Left, Meters};
use kapell_model::grant::Refusal;
use kapell_model::seam::{HostFault, Job};
use kapell_model::shape::Operation;
use kapell_model::writes::{HeldWrites, Undone};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wasmtime::component::{Component, Func, Instance, InstancePre};
use wasmtime::{Engine, Store};

/// The engine looks at fuel at loop heads and function entries only, and may overspend up to about 150 units unseen.
/// With this much more than the limit in the tank the true count is seen and compared afterwards.
const FUEL_SLACK: u64 = 1_000;

/// An attempt, and where it departed from the record it was answered from.
pub(crate) struct Performed {
    pub(crate) attempt: Attempt,
    pub(crate) departure: Option<Departure>,
}

impl From<Attempt> for Performed {
    fn from(attempt: Attempt) -> Self {
        Self { attempt, departure: None }
    }
}

/// Runs the attempt to its ending.
///
/// # Errors
/// When the host could not do its part.
pub(crate) async fn perform(
    engine: &Engine,
    pre: &InstancePre<Guest>,
    sources: &Sources<'_>,
    job: Job,
) -> Result<Performed, HostFault> {
    let arguments = Arc::clone(&job.arguments);
    let arguments_form = match Arguments::from_json(&job.operation, &arguments) {
        Ok(form) => form,
        Err(misfit) => return Ok(refused(unfit(&job.operation, &misfit.to_string())).into()),
    };
    let began = Instant::now();
    let lent = match open(sources, &job, began).await {
        Ok(Ok(lent)) => lent,
        Ok(Err(NotLent::Refused(refusal))) => return Ok(refused(refusal).into()),
        Ok(Err(NotLent::Failed(fault))) => return Err(fault),
        Err(stopped) => return Ok(ended(ending::before_a_guest(&stopped, &job.limits)?).into()),
    };
    let inert = InertCtx::new(job.skill.component, Arc::clone(&arguments), lent.crossings.clone());
    let mut store = store(engine, Guest::new(lent, inert, &job.limits.limits), &job)?;
    let stopped = call(&mut store, pre, &job, &arguments_form, began).await;
    let wall = began.elapsed();
    let spent = spent_fuel(&store, &job)?;
    let outcome = Outcome { called: stopped, spent, limits: &job.limits };
    let guest = store.into_data();
    guest.inert.printed.finish();
    let (ending, bytes_out) = outcome.ending(&guest.inert.printed)?;
    let meters = Meters {
        fuel: spent.min(job.limits.limits.fuel),
        memory_peak: guest.memory.peak(),
        wall_micros: u64::try_from(wall.as_micros()).unwrap_or(u64::MAX),
        bytes_in: arguments_form.bytes,
        bytes_out,
        ..Meters::default()
    };
    Ok(performed(ending, meters, guest))
}

/// Opens what the grants bind, directories for as long as the attempt may take: one can stall like a file.
async fn open(
    sources: &Sources<'_>,
    job: &Job,
    began: Instant,
) -> Result<Result<Capabilities, NotLent>, Stopped> {
    let (grants, crossings) = (&job.grants, crossings(sources, job, began));
    let files = match grants.of_kind(Kind::Files).next() {
        None => Ok(FilesCtx::default()),
        Some(_) => {
            let opening = pin!(FilesCtx::open(grants, &crossings, sources.disk));
            Guard::new(opening, deadline(job, began), &job.cancel).await?
        }
    };
    Ok(files.map(|files| Capabilities::lent(grants, sources, crossings, files)))
}

fn crossings(sources: &Sources<'_>, job: &Job, began: Instant) -> Crossings {
    let limits = &job.limits.limits;
    let crossings = match sources.record {
        Some(record) => Crossings::recalled(limits, Arc::clone(record)),
        None => Crossings::beginning(limits, began),
    };
    crossings.until(&job.cancel).withholding(&job.grants.withheld)
}

fn deadline(job: &Job, began: Instant) -> Instant {
    began + Duration::from_millis(job.limits.limits.deadline.0)
}

/// What is left of an attempt; what it wrote is kept for an output only.
fn performed(ending: Ending, mut meters: Meters, guest: Guest) -> Performed {
    let (held, crossed) = guest.lent.collect();
    crossed.fill(&mut meters);
    let (writes, undone) = match ending {
        Ending::Output(_) => (held, Undone::default()),
        _ => (HeldWrites::default(), Undone::of(&held)),
    };
    let attempt = Attempt {
        ending,
        meters,
        writes,
        undone,
        left: crossed.left,
        crossings: crossed.crossings,
        contents: crossed.contents,
        notes: crossed.notes,
        log: crossed.log,
    };
    Performed { attempt, departure: crossed.departure }
}

/// An attempt that was refused before there was a guest.
pub(crate) fn refused(refusal: Refusal) -> Attempt {
    ended(Ending::Refusal(refusal))
}

/// An attempt that ended before there was a guest.
pub(crate) fn ended(ending: Ending) -> Attempt {
    Attempt {
        ending,
        meters: Meters::default(),
        writes: HeldWrites::default(),
        undone: Undone::default(),
        left: Left::Nothing,
        crossings: Vec::new(),
        contents: Vec::new(),
        notes: Vec::new(),
        log: Vec::new(),
    }
}

fn unfit(operation: &Operation, why: &str) -> Refusal {
    Refusal {
        subject: format!("arguments of `{}`", operation.name),
        why: why.to_owned(),
        rule: None,
        asked_at: None,
        advice: Some("`kapell schema` shows what fits".into()),
    }
}

/// A store with every limit set; nothing of the guest has run yet.
fn store(engine: &Engine, guest: Guest, job: &Job) -> Result<Store<Guest>, HostFault> {
    let limits = &job.limits.limits;
    let mut store = Store::new(engine, guest);
    store.limiter(|guest| &mut guest.memory);
    store.set_max_component_handles(limits.handles as usize);
    // While it is instantiated a guest can call the host too.
    store.set_hostcall_fuel(COPIED_MIN);
    store
        .set_fuel(limits.fuel.saturating_add(FUEL_SLACK))
        .and_then(|()| store.fuel_async_yield_interval(Some(FUEL_SLICE)))
        .map_err(|error| fault(job, &error))?;
    Ok(store)
}

fn spent_fuel(store: &Store<Guest>, job: &Job) -> Result<u64, HostFault> {
    let left = store.get_fuel().map_err(|error| fault(job, &error))?;
    Ok(job.limits.limits.fuel.saturating_add(FUEL_SLACK).saturating_sub(left))
}

/// Instantiates and calls under the guard; the future is gone when this returns, so the store can be read.
async fn call(
    store: &mut Store<Guest>,
    pre: &InstancePre<Guest>,
    job: &Job,
    arguments: &Arguments<'_>,
    began: Instant,
) -> Result<Answered, Stopped> {
    let deadline = deadline(job, began);
    let output = job.limits.limits.output.0;
    let called = pin!(async {
        let instance = pre.instantiate_async(&mut *store).await.map_err(CallError::Guest)?;
        let func = function(store, &instance, pre.component(), &job.operation).map_err(CallError::Guest)?;
        arguments.call(&func, &mut *store, output).await
    });
    Guard::new(called, deadline, &job.cancel).await?.map_err(Stopped::Call)
}

/// The function the operation names. It was read from the same bytes, so it is missing only when they were changed.
fn function(
    store: &mut Store<Guest>,
    instance: &Instance,
    component: &Component,
    operation: &Operation,
) -> wasmtime::Result<Func> {
    let interface = match &operation.interface {
        None => None,
        Some(interface) => {
            Some(component.get_export_index(None, interface).ok_or_else(|| missing(operation))?)
        }
    };
    let function = component.get_export_index(interface.as_ref(), &operation.function);
    function.and_then(|index| instance.get_func(store, index)).ok_or_else(|| missing(operation))
}

fn missing(operation: &Operation) -> wasmtime::Error {
    let cause = "the component does not export it".to_owned();
    HostFault { doing: format!("call `{}`", operation.name), cause }.into()
}

fn fault(job: &Job, error: &wasmtime::Error) -> HostFault {
    HostFault { doing: format!("run {} {}", job.skill.name, job.skill.version), cause: format!("{error:#}") }
}
