//! The empty form of an interface nobody wrote one for, told from its types: "no" where it has a word for it, nothing
//! where nothing is an answer, and the end of the guest, by name, for the rest.

use super::WORD;
use crate::crossings::LimitReached;
use crate::guest::Guest;
use kapell_model::ending::TrapCause;
use wasmtime::component::types::{ComponentFunc, ComponentInstance, ComponentItem, Type};
use wasmtime::component::{LinkerInstance, ResourceType, Val};
use wasmtime::{Engine, Result};
use wasmtime_wasi_io::poll::DynPollable;
use wasmtime_wasi_io::streams::{DynInputStream, DynOutputStream, Error};

/// What an interface calls "no", in the order in which one is looked for.
pub(crate) const NO: [&str; 5] = ["access-denied", "access", "not-permitted", "not-supported", "other"];

/// A handle nobody ever gets.
struct Nothing;

/// Links every function and resource of an imported interface in its empty form.
pub(crate) fn add_by_type(
    engine: &Engine,
    linker: &mut LinkerInstance<'_, Guest>,
    interface: &str,
    imported: &ComponentInstance,
) -> Result<()> {
    for (name, item) in imported.exports(engine) {
        match item.ty {
            ComponentItem::ComponentFunc(function) => add_function(linker, interface, name, &function)?,
            ComponentItem::Resource(_) => {
                linker.resource(name, resource(name), |_, _| Ok(()))?;
            }
            // Types are in the functions that use them; modules and components can't be imported this way.
            _ => {}
        }
    }
    Ok(())
}

/// Resources that interfaces share must be the ones the io crate hands out, or nothing links.
fn resource(name: &str) -> ResourceType {
    match name {
        "pollable" => ResourceType::host::<DynPollable>(),
        "input-stream" => ResourceType::host::<DynInputStream>(),
        "output-stream" => ResourceType::host::<DynOutputStream>(),
        "error" => ResourceType::host::<Error>(),
        _ => ResourceType::host::<Nothing>(),
    }
}

fn add_function(
    linker: &mut LinkerInstance<'_, Guest>,
    interface: &str,
    name: &str,
    function: &ComponentFunc,
) -> Result<()> {
    let answers: Option<Vec<Val>> = function.results().map(|result| empty(&result)).collect();
    let called = format!("{interface}#{name} is inert and has no empty answer");
    linker.func_new(name, move |store, _, _, results| {
        store.data().lent.crossings.count(WORD)?;
        let Some(answers) = &answers else {
            return Err(LimitReached { cause: TrapCause::Inert, detail: called.clone() }.into());
        };
        results.iter_mut().zip(answers).for_each(|(slot, answer)| *slot = answer.clone());
        Ok(())
    })
}

/// The empty answer of a type, if it has one.
fn empty(answer: &Type) -> Option<Val> {
    match answer {
        Type::List(_) => Some(Val::List(Vec::new())),
        Type::Option(_) => Some(Val::Option(None)),
        Type::Result(result) => {
            let Some(Type::Enum(error)) = result.err() else { return None };
            let no = NO.iter().find(|no| error.names().any(|name| name == **no))?;
            Some(Val::Result(Err(Some(Box::new(Val::Enum((*no).to_owned()))))))
        }
        _ => None,
    }
}
