//! The limits of one attempt. On by default and never unlimited: a missing limit is the small default.

use crate::form::Table;
use crate::quantity::{Bytes, Span};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What one attempt may spend. Each number is checked by the host and reached by a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Units of guest work; deterministic, so it is the bill and the budget, never the clock.
    pub fuel: u64,
    /// Bytes of all linear memories and tables of the attempt together (a table element counts 16).
    pub memory: Bytes,
    /// Wall time from the first instruction to the answer; also ends a guest that sleeps in a host call.
    pub deadline: Span,
    /// Bytes of the answer as it crosses the boundary, and once more as JSON where it is more than one text or list of
    /// bytes.
    pub output: Bytes,
    /// Live handles (streams, descriptors, pollables) at one time.
    pub handles: u32,
    /// Calls from the guest to the host.
    pub host_calls: u64,
    /// Bytes of notes and log lines together; a guest that prints beyond it is stopped.
    pub talk: Bytes,
}

/// Used where neither manifest nor policy nor flow says anything. Python needs 12.3 MiB of memory before its
/// first call, so 32 MiB is the smallest default that lets every toolchain in.
impl Default for Limits {
    fn default() -> Self {
        Self {
            fuel: 100_000_000,
            memory: Bytes(32 << 20),
            deadline: Span(5_000),
            output: Bytes(1 << 20),
            handles: 1_000,
            host_calls: 1_000_000,
            talk: Bytes(64 << 10),
        }
    }
}

impl Limits {
    /// The first limit of which `other` has more, by its name here; none when this covers the other.
    #[must_use]
    pub fn first_below(&self, other: &Self) -> Option<String> {
        let numbers = |limits: &Self| match serde_json::to_value(limits) {
            Ok(Value::Object(numbers)) => numbers,
            _ => Map::new(),
        };
        let own = numbers(self);
        let most = |name: &str| own.get(name).and_then(Value::as_u64).unwrap_or_default();
        let beyond =
            |(name, number): &(String, Value)| number.as_u64().is_none_or(|number| number > most(name));
        numbers(other).into_iter().find(beyond).map(|(name, _)| name)
    }
}

/// Limits as someone wrote them: every one of them optional.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct WishedLimits {
    /// See [`Limits::fuel`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
    /// See [`Limits::memory`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Bytes>,
    /// See [`Limits::deadline`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Span>,
    /// See [`Limits::output`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Bytes>,
    /// See [`Limits::handles`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handles: Option<u32>,
    /// See [`Limits::host_calls`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_calls: Option<u64>,
    /// See [`Limits::talk`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub talk: Option<Bytes>,
}

impl WishedLimits {
    /// Reads a table of limits, the same in manifest and policy.
    pub(crate) fn read(table: &Table<'_, '_>) -> Self {
        let limits = Self {
            fuel: table.get("fuel").and_then(|field| field.count()),
            memory: table.get("memory").and_then(|field| field.bytes()),
            deadline: table.get("deadline").and_then(|field| field.span()),
            output: table.get("output").and_then(|field| field.bytes()),
            handles: table.get("handles").and_then(|field| field.small_count()),
            host_calls: table.get("host-calls").and_then(|field| field.count()),
            talk: table.get("talk").and_then(|field| field.bytes()),
        };
        table.close();
        limits
    }

    /// What is said here, and for what is not said here, what is said there.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        Self {
            fuel: self.fuel.or(other.fuel),
            memory: self.memory.or(other.memory),
            deadline: self.deadline.or(other.deadline),
            output: self.output.or(other.output),
            handles: self.handles.or(other.handles),
            host_calls: self.host_calls.or(other.host_calls),
            talk: self.talk.or(other.talk),
        }
    }
}

/// Who set a limit; the receipt names it, so that a stopped skill's owner knows whom to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LimitOrigin {
    /// Nobody said anything.
    Default,
    /// The skill's manifest wished it.
    Manifest,
    /// The operator's policy.
    Policy,
    /// The step in the flow.
    Flow,
}

/// The limits in force and who set each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectiveLimits {
    /// The numbers.
    pub limits: Limits,
    /// Who set each number.
    pub origins: LimitOrigins,
}

/// One origin a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "each field is the origin of the limit of its name")]
pub struct LimitOrigins {
    pub fuel: LimitOrigin,
    pub memory: LimitOrigin,
    pub deadline: LimitOrigin,
    pub output: LimitOrigin,
    pub handles: LimitOrigin,
    pub host_calls: LimitOrigin,
    pub talk: LimitOrigin,
}

impl EffectiveLimits {
    /// The smallest of what manifest, policy and flow say; the default only where none of them does.
    #[must_use]
    pub fn smallest(manifest: &WishedLimits, policy: &WishedLimits, flow: &WishedLimits) -> Self {
        let default = Limits::default();
        let (fuel, fuel_by) = least(default.fuel, manifest.fuel, policy.fuel, flow.fuel);
        let (memory, memory_by) = least(default.memory, manifest.memory, policy.memory, flow.memory);
        let (deadline, deadline_by) =
            least(default.deadline, manifest.deadline, policy.deadline, flow.deadline);
        let (output, output_by) = least(default.output, manifest.output, policy.output, flow.output);
        let (handles, handles_by) = least(default.handles, manifest.handles, policy.handles, flow.handles);
        let (host_calls, calls_by) =
            least(default.host_calls, manifest.host_calls, policy.host_calls, flow.host_calls);
        let (talk, talk_by) = least(default.talk, manifest.talk, policy.talk, flow.talk);
        Self {
            limits: Limits { fuel, memory, deadline, output, handles, host_calls, talk },
            origins: LimitOrigins {
                fuel: fuel_by,
                memory: memory_by,
                deadline: deadline_by,
                output: output_by,
                handles: handles_by,
                host_calls: calls_by,
                talk: talk_by,
            },
        }
    }
}

/// A manifest alone may not raise a limit above the default: only the operator can, by policy.
fn least<T: Ord + Copy>(
    default: T,
    manifest: Option<T>,
    policy: Option<T>,
    flow: Option<T>,
) -> (T, LimitOrigin) {
    let ceiling = policy.map_or((default, LimitOrigin::Default), |value| (value, LimitOrigin::Policy));
    let wishes = [(manifest, LimitOrigin::Manifest), (flow, LimitOrigin::Flow)];
    wishes
        .into_iter()
        .filter_map(|(value, origin)| Some((value?, origin)))
        .fold(ceiling, |least, wish| if wish.0 < least.0 { wish } else { least })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_is_compared() {
        let least = Limits::default();
        assert_eq!(least.first_below(&least), None);
        let Ok(Value::Object(numbers)) = serde_json::to_value(least) else { return assert_eq!(1, 2) };
        for name in numbers.keys() {
            let mut more = numbers.clone();
            more.insert(name.clone(), (numbers.get(name).and_then(Value::as_u64).unwrap_or(0) + 1).into());
            let more = serde_json::from_value::<Limits>(Value::Object(more));
            assert_eq!(more.as_ref().ok().and_then(|more| least.first_below(more)), Some(name.clone()));
            assert_eq!(more.ok().and_then(|more| more.first_below(&least)), None);
        }
    }

    #[test]
    fn the_smallest_wins_and_is_named() {
        let wish = |fuel| WishedLimits { fuel, ..WishedLimits::default() };
        let effective = |manifest, policy, flow| {
            let all = EffectiveLimits::smallest(&wish(manifest), &wish(policy), &wish(flow));
            (all.limits.fuel, all.origins.fuel)
        };
        assert_eq!(effective(None, None, None), (100_000_000, LimitOrigin::Default));
        assert_eq!(effective(Some(5), Some(9), None), (5, LimitOrigin::Manifest));
        assert_eq!(effective(Some(9), Some(5), None), (5, LimitOrigin::Policy));
        assert_eq!(effective(Some(9), Some(5), Some(3)), (3, LimitOrigin::Flow));
        assert_eq!(effective(None, Some(900_000_000), None), (900_000_000, LimitOrigin::Policy));
        // A manifest can't raise itself above the default.
        assert_eq!(effective(Some(900_000_000), None, None), (100_000_000, LimitOrigin::Default));
    }
}
