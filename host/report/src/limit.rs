//! Whose a limit is that stopped a skill, and where another one is said.

use crate::plain::short;
use kapell_model::ending::{Trap, TrapCause};
use kapell_model::id::SkillName;
use kapell_model::limits::LimitOrigin;

/// How much of what a guest said of its end stands in a line.
const DETAIL: usize = 100;

/// Why a skill was stopped, with whose limit it was: `by fuel: more than 5 units of work, the limit of its manifest`. Of
/// the default where a policy says another one; `skill` is left out where it is not known.
#[must_use]
pub(crate) fn stopped(trap: &Trap, skill: Option<&SkillName>) -> String {
    let whose = match trap.origin {
        None => String::new(),
        Some(LimitOrigin::Manifest) => ", the limit of its manifest".into(),
        Some(LimitOrigin::Flow) => ", the limit of its step in the flow".into(),
        Some(LimitOrigin::Policy) => ", the limit of policy.toml".into(),
        Some(LimitOrigin::Default) => {
            format!(", the default; {} in policy.toml raises it", place(trap.cause, skill))
        }
    };
    format!("by {}: {}{whose}", trap.cause.word(), short(&trap.detail, DETAIL))
}

/// Where a policy says a limit.
fn place(cause: TrapCause, skill: Option<&SkillName>) -> String {
    let of = skill.map_or_else(|| "any".into(), |skill| format!("\"{skill}\""));
    format!("`{}` below `[limits.{of}]`", cause.word())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn whoever_reads_of_a_limit_knows_whom_to_ask() {
        let skill: SkillName = "local:spins".parse().unwrap();
        let told = |origin| {
            let detail = "more than 5 units of work".into();
            stopped(&Trap { cause: TrapCause::Fuel, origin, detail }, Some(&skill))
        };
        let all = [LimitOrigin::Default, LimitOrigin::Manifest, LimitOrigin::Policy, LimitOrigin::Flow];
        let all = all.map(|origin| told(Some(origin))).join("\n");
        insta::assert_snapshot!(all, @r#"
        by fuel: more than 5 units of work, the default; `fuel` below `[limits."local:spins"]` in policy.toml raises it
        by fuel: more than 5 units of work, the limit of its manifest
        by fuel: more than 5 units of work, the limit of policy.toml
        by fuel: more than 5 units of work, the limit of its step in the flow
        "#);
        assert_eq!(told(None), "by fuel: more than 5 units of work");
    }
}
