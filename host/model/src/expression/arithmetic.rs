//! What expressions compute and gather with: sums over whole numbers and doubles alike, and a meter on what is copied.
//!
//! CEL has no sum of an integer and a double. But a JSON number does not say which of the two it is, and an author who
//! writes `facts.fee / 2` means the same for 5 and for 4.5: where one side is a double, both are.
//!
//! Every value that goes into a list or an object, and both sides of a sum, are counted as they are copied. A loop over
//! a loop can make more of a small value than memory holds, and how much shows only while it is made; the count is the
//! same everywhere.

use super::ExpressionError;
use cel::common::ast::operators as op;
use cel::{Context, ExecutionError, Value as Cel};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The most values an evaluation may copy, a KiB of text counted as one: about a second.
const COPIED_MAX: u64 = 1_000_000;

/// Counts what goes into a list or an object; no one can write it.
pub(super) const KEPT: &str = "@kept";

type Computed = Result<Cel, ExecutionError>;

/// The name under which an operator is computed here; none for one that CEL computes.
pub(super) fn computed(operator: &str) -> Option<&'static str> {
    Some(match operator {
        op::ADD => "@add",
        op::SUBSTRACT => "@subtract",
        op::MULTIPLY => "@multiply",
        op::DIVIDE => "@divide",
        op::MODULO => "@remainder",
        _ => return None,
    })
}

/// How an operator is written that CEL names so in an error.
pub(super) fn sign(name: &str) -> &str {
    match name {
        "add" => "+",
        "sub" => "-",
        "mul" => "*",
        "div" => "/",
        "rem" => "%",
        other => other,
    }
}

/// Makes all of it known to an evaluation, with a meter of its own.
pub(super) fn add_to(context: &mut Context<'_, '_>) -> Result<(), ExpressionError> {
    let meter = Arc::new(Meter::default());
    let told = |error: cel::DeclarationError| ExpressionError::new(error.to_string());
    let kept = Arc::clone(&meter);
    context.add_function(KEPT, move |value: Cel| kept.keep(value)).map_err(told)?;
    context
        .add_function("@add", move |one: Cel, other: Cel| {
            let (one, other) = alike(meter.keep(one)?, meter.keep(other)?);
            one + other
        })
        .map_err(told)?;
    let mut add = |name: &str, compute: fn(Cel, Cel) -> Computed| {
        let compute = move |one: Cel, other: Cel| {
            let (one, other) = alike(one, other);
            compute(one, other)
        };
        context.add_function(name, compute).map_err(told)
    };
    add("@subtract", |one, other| one - other)?;
    add("@multiply", |one, other| one * other)?;
    add("@divide", |one, other| one / other)?;
    add("@remainder", |one, other| one % other)
}

/// Two numbers of one kind, as far as they are numbers: both doubles where one is, both signed or both unsigned where
/// that holds them.
#[allow(
    clippy::cast_precision_loss,
    reason = "a double beside a large integer holds it as near as doubles do"
)]
fn alike(one: Cel, other: Cel) -> (Cel, Cel) {
    match (&one, &other) {
        (Cel::Float(_), Cel::Int(number)) => (one, Cel::Float(*number as f64)),
        (Cel::Float(_), Cel::UInt(number)) => (one, Cel::Float(*number as f64)),
        (Cel::Int(number), Cel::Float(_)) => (Cel::Float(*number as f64), other),
        (Cel::UInt(number), Cel::Float(_)) => (Cel::Float(*number as f64), other),
        (Cel::Int(signed), Cel::UInt(unsigned)) => match (u64::try_from(*signed), i64::try_from(*unsigned)) {
            (_, Ok(unsigned)) => (one, Cel::Int(unsigned)),
            (Ok(signed), _) => (Cel::UInt(signed), other),
            _ => (one, other),
        },
        (Cel::UInt(_), Cel::Int(_)) => {
            let (other, one) = alike(other, one);
            (one, other)
        }
        _ => (one, other),
    }
}

/// What was copied so far.
#[derive(Default)]
struct Meter(AtomicU64);

impl Meter {
    fn keep(&self, value: Cel) -> Computed {
        let left = COPIED_MAX.saturating_sub(self.0.load(Ordering::Relaxed));
        match left.checked_sub(1).and_then(|left| left_after(&value, left)) {
            Some(still) => {
                self.0.store(COPIED_MAX - still, Ordering::Relaxed);
                Ok(value)
            }
            None => Err(ExecutionError::function_error(KEPT, "it makes too much of the values it reads")),
        }
    }
}

/// What is left of a count after this value; none where it is not enough.
fn left_after(value: &Cel, left: u64) -> Option<u64> {
    match value {
        Cel::String(text) => left.checked_sub(1 + text.len() as u64 / 1024),
        Cel::List(items) => items.iter().try_fold(left.checked_sub(1)?, |left, item| left_after(item, left)),
        Cel::Map(map) => map.map.values().try_fold(left.checked_sub(1)?, |left, item| left_after(item, left)),
        _ => left.checked_sub(1),
    }
}
