//! Refusals that help: the ask, its reason to be refused, and the exact text that would permit it.

use super::{Denial, Policy, Rule};
use crate::capability::{Access, Kind};
use crate::grant::{Authority, Refusal};
use crate::http::{HttpGrant, HttpWish, Method, Target};
use crate::id::RuleId;
use crate::manifest::{Ask, Manifest, Wish};
use std::collections::BTreeSet;
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
        let (permitted, asked) = (permits(&rule.authority), &ask.wish);
        let line = match (&ask.wish, &rule.authority) {
            (Wish::Http(wish), Authority::Http(grant)) => lacking(wish, grant).join(" and "),
            _ => format!("access = \"{asked}\""),
        };
        Refusal {
            subject: subject(ask),
            why: format!("it is asked for to {asked}, the rule permits to {permitted}"),
            rule: Some(rule.id.clone()),
            asked_at: Some(asked_at(ask)),
            advice: Some(format!("in rule `{}` ({}:{}) write: {line}", rule.id, self.file, rule.line)),
        }
    }

    /// A denial takes it: no rule would help.
    pub(super) fn refuse_denied(&self, denial: &Denial, ask: &Ask) -> Refusal {
        Refusal {
            subject: subject(ask),
            why: format!("denied by rule `{}` ({}:{})", denial.id, self.file, denial.line),
            rule: Some(denial.id.clone()),
            asked_at: Some(asked_at(ask)),
            advice: None,
        }
    }

    pub(super) fn rule_to_paste(&self, manifest: &Manifest, ask: &Ask) -> String {
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
            Kind::Random | Kind::Logging | Kind::Notes | Kind::Inference | Kind::Http => {}
        }
        if let Wish::Http(wish) = &ask.wish {
            for text in http_lines(wish) {
                let (key, value) = text.split_once(" = ").unwrap_or((&text, ""));
                line(key, value.into());
            }
        }
        if let Some(access) = ask.wish.access() {
            line("access", format!("\"{access}\""));
        }
        match ask.kind {
            Kind::Files if ask.writes() => line("most", "{ files = 10, bytes = \"1MiB\" }".into()),
            Kind::Keyvalue if ask.writes() => line("most", "{ keys = 100, bytes = \"1MiB\" }".into()),
            Kind::Random | Kind::Logging | Kind::Notes => line("most", "{ bytes = \"16KiB\" }".into()),
            Kind::Http => line("most", "{ calls = 10, sent = \"64KiB\", received = \"1MiB\" }".into()),
            Kind::Inference => line("most", "{ calls = 1, tokens = 2_000 }".into()),
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
        let ids =
            || self.rules.iter().map(|rule| &rule.id).chain(self.denials.iter().map(|denial| &denial.id));
        let taken = |id: &str| ids().any(|taken| taken.as_str() == id);
        let numbered = (2..)
            .map(|number: u32| format!("{}-{number}", base.get(..56).unwrap_or(&base).trim_end_matches('-')));
        std::iter::once(base.clone()).chain(numbered).find(|id| !taken(id)).unwrap_or(base)
    }
}

/// What a rule permits, in the same words.
fn permits(authority: &Authority) -> String {
    match authority {
        Authority::Http(grant) => format!("{} {}", words(&grant.methods), grant.target),
        _ => authority.access().map(Access::word).unwrap_or("use it").into(),
    }
}

fn words(methods: &BTreeSet<Method>) -> String {
    methods.iter().map(|method| method.word()).collect::<Vec<_>>().join(" ")
}

/// The lines of a rule that permit less than is wished.
fn lacking(wish: &HttpWish, grant: &HttpGrant) -> Vec<String> {
    let placed = wish.target.as_ref().is_none_or(|target| grant.target.covers(target));
    let kept = [placed, wish.methods.is_subset(&grant.methods)];
    http_lines(wish).into_iter().zip(kept).filter(|(_, kept)| !kept).map(|(line, _)| line).collect()
}

/// The lines of a rule that permit exactly what is wished.
fn http_lines(wish: &HttpWish) -> Vec<String> {
    let methods: Vec<String> = wish.methods.iter().map(|method| format!("\"{method}\"")).collect();
    let target = wish.target.as_ref().map_or("https://HOST/PATH/".into(), Target::to_string);
    vec![format!("bind = \"{target}\""), format!("methods = [{}]", methods.join(", "))]
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
