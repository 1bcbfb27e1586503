//! What a change of the policy means beside what skills may reach: who approves and who answers, where secrets are
//! read, what is marked.

use super::{ApprovalRules, DirectCalls, Direction, Outcome, Policy};
use crate::id::Role;
use crate::manifest::{Ask, Manifest};
use std::collections::BTreeSet;

/// In which direction something moves, and what.
type Move = (Direction, String);

impl Outcome<'_> {
    /// Who approves what, by `[approval]`.
    pub(super) fn of_approval(&self) -> Vec<Move> {
        let [old, new] = [self.before, self.after].map(|policy| words(&policy.approval));
        let differs = |(old, new): (String, String)| {
            (old != new).then(|| (Direction::Changes, format!("{new} (before: {old})")))
        };
        old.into_iter().zip(new).filter_map(differs).collect()
    }

    /// How long contents are kept after the end of a run, by `[keep]`. It holds for runs that are over by now, too.
    pub(super) fn of_contents(&self) -> Option<Move> {
        let words = |policy: &Policy| match policy.keep.contents {
            Some(span) => format!("contents for {span} after the end of a run"),
            None => "contents for ever".into(),
        };
        let (old, new) = (words(self.before), words(self.after));
        (old != new).then(|| (Direction::Changes, format!("{new} (before: {old})")))
    }

    /// Who may have what is private destroyed, by `[keep]`.
    pub(super) fn of_keeping(&self) -> Option<Move> {
        let words = |policy: &Policy| match &policy.keep.role {
            Some(role) => format!("by the role {role}"),
            None => "by the role security in a locked home, by anybody elsewhere".into(),
        };
        let (old, new) = (words(self.before), words(self.after));
        (old != new).then(|| (Direction::Changes, format!("{new} (before: {old})")))
    }

    /// Every role either policy names, with who is new in it and who is gone from it.
    pub(super) fn of_roles(&self) -> impl Iterator<Item = (&Role, Move)> {
        let roles: BTreeSet<&Role> = self.before.roles.keys().chain(self.after.roles.keys()).collect();
        roles.into_iter().flat_map(|role| self.of_role(role).into_iter().map(move |moved| (role, moved)))
    }

    fn of_role(&self, role: &Role) -> Vec<Move> {
        let people = |policy: &Policy| -> BTreeSet<String> {
            policy.people(role).unwrap_or_default().iter().cloned().collect()
        };
        let (old, new) = (people(self.before), people(self.after));
        let gained = new.difference(&old).map(|person| (Direction::Gains, person.clone()));
        let lost = old.difference(&new).map(|person| (Direction::Loses, person.clone()));
        gained.chain(lost).collect()
    }

    /// Where secrets are read from; a value is never looked at.
    pub(super) fn of_secrets(&self) -> Vec<(String, Move)> {
        let names: BTreeSet<_> = self.before.secrets.keys().chain(self.after.secrets.keys()).collect();
        let moved = |name| match (self.before.secrets.get(name), self.after.secrets.get(name)) {
            (Some(old), Some(new)) if old != new => {
                Some((Direction::Changes, format!("to {new} (before: {old})")))
            }
            (None, Some(new)) => Some((Direction::Gains, new.to_string())),
            (Some(old), None) => Some((Direction::Loses, old.to_string())),
            _ => None,
        };
        names.into_iter().filter_map(|name| Some((format!("secret {name}"), moved(name)?))).collect()
    }

    /// How what comes in or goes out by an ask is marked, where both policies grant it.
    pub(super) fn of_marks(&self, manifest: &Manifest, ask: &Ask) -> Option<Move> {
        let marks = |policy: &Policy| {
            let grant = policy.decide(manifest, ask).ok()?.grant?;
            let marks: Vec<&str> = policy.marks(&grant).into_iter().map(crate::mark::Mark::word).collect();
            Some(if marks.is_empty() { "nothing".into() } else { marks.join(" ") })
        };
        let (old, new): (String, String) = (marks(self.before)?, marks(self.after)?);
        let words = || format!("{} `{}` to be marked {new} (before: {old})", ask.kind, ask.name);
        (old != new).then(|| (Direction::Changes, words()))
    }
}

/// Each part of `[approval]`, in words.
fn words(rules: &ApprovalRules) -> Vec<String> {
    let role = rules.role.as_ref().map(|role| format!("by the role {role}"));
    let eyes = rules.four_eyes.map(|four| if four { "four eyes" } else { "whoever asked may approve" });
    let direct = rules.direct_calls.map(|calls| match calls {
        DirectCalls::Allow => "anything may be called outside a flow",
        DirectCalls::Refuse => "what changes anything is not called outside a flow",
    });
    vec![
        role.unwrap_or_else(|| "by the role security in a locked home, by anybody elsewhere".into()),
        eyes.unwrap_or("four eyes in a locked home").into(),
        if rules.asks_nothing_itself {
            "what asks for nothing approves itself"
        } else {
            "everything is reviewed"
        }
        .into(),
        direct.unwrap_or("what changes anything is not called outside a flow in a locked home").into(),
        match rules.former.as_slice() {
            [] => "no approval counts whose giver may approve no more".into(),
            people => format!("what {} approved counts still", people.join(", ")),
        },
    ]
}
