//! The manifest: what a skill says of itself and what it asks for, with a reason a reviewer can judge.

use crate::capability::{Access, Kind};
use crate::id::{LogicalName, SkillName};
use crate::limits::WishedLimits;
use crate::plan::{Effects, Lane};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// A checked manifest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The skill's name.
    pub name: SkillName,
    /// What it does, one line.
    pub summary: String,
    /// Who is accountable.
    pub owner: Option<String>,
    /// Whether the component is built without any WASI import.
    pub pure: bool,
    /// What is said of operations by name; others have lane logic and effects none.
    pub operations: BTreeMap<String, OperationClaim>,
    /// Wished limits.
    pub limits: WishedLimits,
    /// What it asks for, in order.
    pub asks: Vec<Ask>,
    /// Examples; each runs as a test.
    pub examples: Vec<Example>,
}

/// What a manifest says of one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationClaim {
    /// The kind of work it does.
    pub lane: Lane,
    /// What a crash in the middle of it means.
    pub effects: Effects,
}

impl Default for OperationClaim {
    fn default() -> Self {
        Self { lane: Lane::Logic, effects: Effects::None }
    }
}

/// One capability a skill asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// The kind of authority.
    pub kind: Kind,
    /// The skill's own word for the thing.
    pub name: LogicalName,
    /// For files and keyvalue: what it wants to do. Other kinds have none.
    pub access: Option<Access>,
    /// Why, shown to the reviewer.
    pub reason: String,
    /// Whether the skill works without it; an optional ask that no rule permits is simply not granted.
    pub optional: bool,
    /// The line of `skill.toml` it stands on, from 1.
    pub line: u32,
}

/// One example of an operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// The operation.
    pub operation: String,
    /// The arguments by parameter name.
    pub input: Value,
    /// What the skill must answer.
    pub expected: Expected,
    /// The line of `skill.toml` it stands on, from 1.
    pub line: u32,
}

/// What an example's skill must answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expected {
    /// This output.
    Output(Value),
    /// This error of its own.
    Error(Value),
    /// Any output: the example only shows the call.
    Anything,
}

impl Manifest {
    /// The manifest of a component that has none: it asks for nothing.
    #[must_use]
    pub fn without(name: SkillName) -> Self {
        Self {
            name,
            summary: String::new(),
            owner: None,
            pure: false,
            operations: BTreeMap::new(),
            limits: WishedLimits::default(),
            asks: Vec::new(),
            examples: Vec::new(),
        }
    }

    /// What is said of an operation.
    #[must_use]
    pub fn claim(&self, operation: &str) -> OperationClaim {
        self.operations.get(operation).copied().unwrap_or_default()
    }
}
