//! Refusals that help: the ask, its reason to be refused, and the exact text that would permit it.

use super::{Policy, Rule};
use crate::capability::{Access, Kind};
use crate::grant::Refusal;
use crate::id::RuleId;
use crate::manifest::{Ask, Manifest};
use std::fmt::Write as _;

impl Policy {
    /// No rule names the ask: the advice is the rule, as narrow as the ask allows.
    pub(super) fn refuse_unnamed(&self, manifest: &Manifest, ask: &Ask) -> Refusal {
        Refusal {
            subject: subject(ask),
            why: format!("no rule of {} permits it to {}", self.file, manifest.name),
            rule: None,
            asked_at: Some(asked_at(ask)),
            advice: Some(self.rule_to_paste(manifest, ask)),
        }
    }

    /// A rule names the ask but permits less: the advice is the one line to change.
    pub(super) fn refuse_narrow(&self, rule: &Rule, ask: &Ask) -> Refusal {
        let permitted = rule.authority.access().map(Access::word).unwrap_or_default();
        let asked = ask.access.map(Access::word).unwrap_or_default();
        Refusal {
            subject: subject(ask),
            why: format!("it is asked for to {asked}, the rule permits to {permitted}"),
            rule: Some(rule.id.clone()),
            asked_at: Some(asked_at(ask)),
            advice: Some(format!(
                "in rule `{}` ({}:{}) write: access = \"{asked}\"",
                rule.id, self.file, rule.line
            )),
        }
    }

    fn rule_to_paste(&self, manifest: &Manifest, ask: &Ask) -> String {
        let skill = manifest.name.as_str().replace(':', "-");
        let mut text = String::from("[[rule]]\n");
        let mut line = |key: &str, value: String| {
            // Writing to a String can't fail.
            let _ = writeln!(text, "{key} = {value}");
        };
        line("id", format!("\"{}\"", self.free_id(&skill, ask)));
        line("skill", format!("\"{}\"", manifest.name));
        line("kind", format!("\"{}\"", ask.kind));
        if !goes_by_kind(ask) {
            line("name", format!("\"{}\"", ask.name));
        }
        match ask.kind {
            Kind::Files => line("bind", format!("\"./{}\"", ask.name)),
            Kind::Keyvalue => {
                line("bind", format!("\"namespace:{}\"", cut(&format!("{skill}-{}", ask.name))))
            }
            Kind::Config => line("bind", "{}".into()),
            Kind::Clock => line("resolution", "\"1s\"".into()),
            Kind::Random | Kind::Logging | Kind::Notes => {}
        }
        if let Some(access) = ask.access {
            line("access", format!("\"{access}\""));
        }
        match ask.kind {
            Kind::Files if ask.writes() => line("most", "{ files = 10, bytes = \"1MiB\" }".into()),
            Kind::Keyvalue if ask.writes() => line("most", "{ keys = 100, bytes = \"1MiB\" }".into()),
            Kind::Random | Kind::Logging | Kind::Notes => line("most", "{ bytes = \"16KiB\" }".into()),
            _ => {}
        }
        text
    }

    /// An id no rule has yet, made of what the rule is about.
    fn free_id(&self, skill: &str, ask: &Ask) -> String {
        let base = match goes_by_kind(ask) {
            true => cut(&format!("{skill}-{}", ask.kind)),
            false => cut(&format!("{skill}-{}-{}", ask.kind, ask.name)),
        };
        let taken = |id: &str| self.rules.iter().any(|rule| rule.id.as_str() == id);
        let numbered = (2..)
            .map(|number: u32| format!("{}-{number}", base.get(..56).unwrap_or(&base).trim_end_matches('-')));
        std::iter::once(base.clone()).chain(numbered).find(|id| !taken(id)).unwrap_or(base)
    }
}

fn subject(ask: &Ask) -> String {
    format!("{} `{}`", ask.kind, ask.name)
}

/// Whether nothing is said of the name, so that the rule need not say it either.
fn goes_by_kind(ask: &Ask) -> bool {
    !ask.kind.is_named() && ask.name.as_str() == ask.kind.word()
}

fn asked_at(ask: &Ask) -> String {
    format!("skill.toml:{}", ask.line)
}

/// As much of a name as a rule's id may have; names are ASCII.
fn cut(name: &str) -> String {
    let cut = name.get(..64).unwrap_or(name).trim_end_matches('-');
    debug_assert!(cut.parse::<RuleId>().is_ok(), "made of names that are checked");
    cut.into()
}
