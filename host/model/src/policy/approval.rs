//! Who may approve what, by `[approval]` of the policy.

use super::{ANYBODY, Policy, is_one_person};
use crate::form::Field;
use crate::grant::Refusal;
use crate::id::Role;
use crate::plan::Effects;
use std::collections::BTreeMap;

/// The role that approves in a locked home whose policy names none.
pub(super) const SECURITY: &str = "security";

/// What the policy says of approving. Where it says nothing, a locked home is strict and one for development is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApprovalRules {
    /// Whose people may approve; none is `security` in a locked home and anybody in one for development.
    pub role: Option<Role>,
    /// Who approves nothing any more and whose approvals count all the same.
    pub former: Vec<String>,
    /// Whether nobody approves what they added or changed themselves; none is true in a locked home.
    pub four_eyes: Option<bool>,
    /// Whether a skill that asks for nothing approves itself.
    pub asks_nothing_itself: bool,
    /// Whether an operation that changes something may be called on its own; none refuses it in a locked home.
    pub direct_calls: Option<DirectCalls>,
}

/// Whether an operation that changes something may be called outside a flow. The questions that stand before a step
/// stand in its flow: a call of the same operation on its own passes all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirectCalls {
    /// Whoever can open the home may.
    Allow,
    /// Only a flow does; what changes nothing may still be called.
    Refuse,
}

/// Whose approvals count, by the policy and by whether the home is locked.
#[derive(Clone, Copy, Debug)]
pub struct Approvers<'p> {
    policy: &'p Policy,
    locked: bool,
}

impl Approvers<'_> {
    /// Whether a skill that asks for nothing approves itself.
    #[must_use]
    pub const fn let_nothing_approve_itself(&self) -> bool {
        self.policy.approval.asks_nothing_itself
    }

    /// The role somebody would have to be of for their approval to count; none when it counts.
    #[must_use]
    pub fn role_missing(&self, by: &str) -> Option<Role> {
        let role = self.policy.approving_role(self.locked)?;
        let is_former = self.policy.approval.former.iter().any(|it| it == by);
        (!is_former && self.policy.is_of(by, &role, "approves").is_err()).then_some(role)
    }
}

impl Policy {
    /// Whose approvals count here, whoever wrote them into the lock.
    #[must_use]
    pub const fn approvers(&self, locked: bool) -> Approvers<'_> {
        Approvers { policy: self, locked }
    }

    /// Whether this person may approve something that others, or they themselves, asked for.
    ///
    /// # Errors
    /// Why not, and what would have to change.
    pub fn may_approve(&self, person: &str, asked_by: &[String], locked: bool) -> Result<(), Refusal> {
        if let Some(role) = self.approving_role(locked) {
            self.is_of(person, &role, "approves")?;
        }
        let four_eyes = self.approval.four_eyes.unwrap_or(locked);
        match four_eyes && asked_by.iter().any(|asker| asker == person) {
            true => Err(refusal(
                person,
                "nobody approves what they asked for",
                "let somebody else approve it; a home of one person says `four-eyes = false` below `[approval]` in policy.toml",
            )),
            false => Ok(()),
        }
    }

    /// The role that approves; none where anybody may.
    #[must_use]
    pub fn approving_role(&self, locked: bool) -> Option<Role> {
        let strict = || SECURITY.parse().ok().filter(|_| locked);
        self.approval.role.clone().or_else(strict)
    }

    /// Whether an operation with this class of effect may be called on its own, outside any flow.
    ///
    /// # Errors
    /// Why not, and what to do instead.
    pub fn may_call_directly(&self, operation: &str, effects: Effects, locked: bool) -> Result<(), Refusal> {
        let refuses = self.approval.direct_calls.map_or(locked, |calls| calls == DirectCalls::Refuse);
        if !(refuses && effects.writes()) {
            return Ok(());
        }
        Err(refusal(
            operation,
            "it changes something, and no question of a flow stands before a call of its own",
            "run a flow that calls it; who wants such calls here writes `direct-calls = \"allow\"` below `[approval]` in policy.toml",
        ))
    }

    /// Whether this person is of a role, which does what is asked for.
    pub(super) fn is_of(&self, person: &str, role: &Role, does: &str) -> Result<(), Refusal> {
        let paste = format!("name them in policy.toml:\n[role.{role}]\npeople = [\"user:NAME\"]");
        match self.people(role) {
            None => Err(refusal(person, &format!("nobody holds the role `{role}`, which {does}"), &paste)),
            Some(people) if people.iter().any(|it| it == person || it == ANYBODY) => Ok(()),
            Some(people) => {
                let why = format!("is not of the role `{role}`, which {does}");
                Err(refusal(person, &why, &format!("it is held by {}", people.join(", "))))
            }
        }
    }
}

fn refusal(subject: &str, why: &str, advice: &str) -> Refusal {
    Refusal {
        subject: subject.into(),
        why: why.into(),
        rule: None,
        asked_at: None,
        advice: Some(advice.into()),
    }
}

/// A role that somebody holds.
pub(super) fn read_role(field: &Field<'_, '_>, roles: &BTreeMap<Role, Vec<String>>) -> Option<Role> {
    let role: Role = field.parsed()?;
    if !roles.contains_key(&role) {
        field.tell_with(
            format!("nobody holds the role `{role}`"),
            format!("write [role.{role}] with people = [\"user:NAME\"]"),
        );
    }
    Some(role)
}

/// `[approval]`; a role nobody is named for could never approve anything.
pub(super) fn read_approval(
    field: &Field<'_, '_>,
    roles: &BTreeMap<Role, Vec<String>>,
) -> Option<ApprovalRules> {
    let table = field.table("[approval]")?;
    let role = table.get("role").and_then(|field| read_role(&field, roles));
    let former = table.get("former").map(|field| read_former(&field)).unwrap_or_default();
    let four_eyes = table.get("four-eyes").and_then(|field| field.truth());
    let itself = [("review", false), ("itself", true)];
    let asks_nothing = table.get("asks-nothing").and_then(|field| field.word(&itself));
    let calls = [("allow", DirectCalls::Allow), ("refuse", DirectCalls::Refuse)];
    let direct_calls = table.get("direct-calls").and_then(|field| field.word(&calls));
    table.close();
    let asks_nothing_itself = asks_nothing.unwrap_or(false);
    Some(ApprovalRules { role, former, four_eyes, asks_nothing_itself, direct_calls })
}

/// People, each by name: what anybody approved before would count by anybody.
fn read_former(field: &Field<'_, '_>) -> Vec<String> {
    let mut people: Vec<String> = Vec::new();
    for person in field.items() {
        let Some(text) = person.text() else { continue };
        if !is_one_person(text) {
            person.tell_with(format!("`{text}` is no one person"), "\"user:NAME\"");
        } else if people.iter().any(|other| other == text) {
            person.tell(format!("`{text}` is named twice"));
        } else {
            people.push(text.to_owned());
        }
    }
    people
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed assumption must fail the test")]
mod tests {
    use super::super::Surroundings;
    use super::*;
    use std::path::Path;

    fn policy(text: &str) -> Policy {
        let surroundings = Surroundings { folder: Path::new("/p"), closed: &[], links: |_| false };
        Policy::parse("policy.toml", &format!("version = 1\n{text}"), surroundings).unwrap()
    }

    fn said(policy: &Policy, person: &str, locked: bool) -> String {
        let said = policy.may_approve(person, &["user:ada".into()], locked);
        said.map_or_else(|refusal| refusal.to_string(), |()| "yes".into())
    }

    #[test]
    fn a_locked_home_is_strict_where_the_policy_says_nothing_and_one_for_development_is_not() {
        let silent = policy("");
        assert_eq!(said(&silent, "user:ada", false), "yes");
        assert_eq!(
            said(&silent, "user:eve", true),
            "user:eve: nobody holds the role `security`, which approves"
        );
        let named = policy("[role.security]\npeople = [\"user:ada\", \"user:eve\"]");
        assert_eq!(said(&named, "user:eve", true), "yes");
        assert_eq!(said(&named, "user:ada", true), "user:ada: nobody approves what they asked for");
        assert_eq!(said(&named, "user:bob", true), "user:bob: is not of the role `security`, which approves");
        assert_eq!(said(&named, "user:bob", false), "yes");
    }

    #[test]
    fn what_the_policy_says_goes_in_either_home() {
        let roles = "[role.leads]\npeople = [\"user:ada\"]\n";
        let alone = policy(&format!("[approval]\nrole = \"leads\"\nfour-eyes = false\n{roles}"));
        let pair = policy(&format!("[approval]\nrole = \"leads\"\nfour-eyes = true\n{roles}"));
        for locked in [true, false] {
            assert_eq!(said(&alone, "user:ada", locked), "yes");
            assert_eq!(
                said(&alone, "user:eve", locked),
                "user:eve: is not of the role `leads`, which approves"
            );
            assert_eq!(said(&pair, "user:ada", locked), "user:ada: nobody approves what they asked for");
        }
    }

    #[test]
    fn what_changes_something_is_called_directly_only_where_the_policy_or_the_home_says_so() {
        let told = |text: &str, locked| {
            let policy = policy(text);
            let may = |effects| policy.may_call_directly("acme:crm#write", effects, locked).is_ok();
            [Effects::None, Effects::Reads, Effects::Idempotent, Effects::Once].map(may)
        };
        let (all, harmless) = ([true; 4], [true, true, false, false]);
        assert_eq!((told("", false), told("", true)), (all, harmless));
        let (allow, refuse) =
            ("[approval]\ndirect-calls = \"allow\"", "[approval]\ndirect-calls = \"refuse\"");
        assert_eq!((told(allow, false), told(allow, true)), (all, all));
        assert_eq!((told(refuse, false), told(refuse, true)), (harmless, harmless));
    }

    #[test]
    fn an_approval_counts_while_the_policy_names_who_gave_it() {
        let counts = |text: &str, by: &str, locked| policy(text).approvers(locked).role_missing(by).is_none();
        let eve = "[role.security]\npeople = [\"user:eve\"]\n";
        let left = "[role.security]\npeople = [\"user:bo\"]\n";
        let stands = format!("{left}[approval]\nformer = [\"user:eve\"]\n");
        let said = |text: &str, locked| ["user:eve", "user:mallory"].map(|by| counts(text, by, locked));
        assert_eq!(said(eve, true), [true, false]);
        assert_eq!(said(left, true), [false, false]);
        assert_eq!(said(&stands, true), [true, false]);
        assert_eq!(said("", true), [false, false], "nobody holds the role");
        // A home for development asks for no role unless its policy names one.
        assert_eq!(said(left, false), [true, true]);
        assert_eq!(said(&format!("{left}[approval]\nrole = \"security\"\n"), false), [false, false]);
        // Whose approvals count still approves nothing.
        assert!(policy(&stands).may_approve("user:eve", &[], true).is_err());
    }

    #[test]
    fn a_role_nobody_holds_and_a_word_nobody_knows_are_told() {
        let text = "version = 1\n[approval]\nrole = \"security\"\nasks-nothing = \"yes\"\nfour_eyes = true\nformer = [\"user:*\", \"user:eve\", \"user:eve\"]\n";
        let surroundings = Surroundings { folder: Path::new("/p"), closed: &[], links: |_| false };
        let problems = Policy::parse("policy.toml", text, surroundings).unwrap_err();
        insta::assert_snapshot!(problems, @r"
        policy.toml:3:8: nobody holds the role `security`
        policy.toml:4:16: `yes` is no asks-nothing
        policy.toml:5:1: [approval] has no key `four_eyes`
        policy.toml:6:11: `user:*` is no one person
        policy.toml:6:33: `user:eve` is named twice
        ");
    }
}
