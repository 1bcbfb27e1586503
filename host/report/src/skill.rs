//! A skill told to the person who must judge it: what it is, offers, asks for and imports.

use crate::plain::{line, short};
use kapell_model::manifest::{Manifest, OperationClaim};
use kapell_model::quantity::Bytes;
use kapell_model::seam::Skill;
use std::fmt::Write as _;

/// One page on a skill.
#[must_use]
pub fn page(skill: &Skill) -> String {
    let Manifest { summary, owner, .. } = &skill.manifest;
    let mut text = format!("{} {}  {}\n", skill.pin.name, skill.pin.version, line(summary));
    let _ = writeln!(text, "component   {}, {}", skill.pin.component, Bytes(skill.bytes));
    let _ = writeln!(text, "owner       {}", owner.as_deref().map_or("nobody is named".into(), line));
    write_operations(&mut text, skill);
    write_asks(&mut text, &skill.manifest);
    let _ = writeln!(text, "imports");
    for import in &skill.imports {
        let _ = writeln!(text, "  {}", line(import));
    }
    if skill.imports.is_empty() {
        let _ = writeln!(text, "  nothing: a pure function of its input");
    }
    text.truncate(text.trim_end().len());
    text
}

/// Each operation as it is called, with what the manifest claims of it.
fn write_operations(text: &mut String, skill: &Skill) {
    let _ = writeln!(text, "operations");
    for operation in &skill.operations {
        let claim = skill.manifest.claim(&operation.name);
        let _ = writeln!(
            text,
            "  {}  [{}, effects {}{}]",
            operation.signature(),
            claim.lane.word(),
            claim.effects.word(),
            private(&claim)
        );
        if let Some(docs) = &operation.docs {
            let docs = docs.split_whitespace().collect::<Vec<_>>().join(" ");
            let _ = writeln!(text, "      {}", short(&docs, 120));
        }
    }
}

/// What it wants to touch, and why.
fn write_asks(text: &mut String, manifest: &Manifest) {
    let _ = writeln!(text, "asks for");
    for ask in &manifest.asks {
        let access = ask.wish.access().map(|access| format!(" {access}")).unwrap_or_default();
        let optional = if ask.optional { " (optional)" } else { "" };
        let _ = writeln!(text, "  {} `{}`{access}{optional}: {}", ask.kind, ask.name, line(&ask.reason));
    }
    if manifest.asks.is_empty() {
        let _ = writeln!(text, "  nothing");
    }
}

/// What of an operation is private, where anything is.
pub(crate) fn private(claim: &OperationClaim) -> String {
    match claim.private.is_empty() {
        true => String::new(),
        false => format!(", private {}", line(&claim.private.join(" "))),
    }
}
