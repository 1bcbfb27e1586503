//! What a run was begun with, held against the policy of now: a run keeps its grants, and a policy that has become
//! narrower meanwhile takes from them what it no longer gives.

use super::{ANYBODY, Denial, Policy};
use crate::grant::{Authority, Grant, GrantSet, Refusal};
use crate::id::{Role, SkillName};

impl Policy {
    /// Whether this policy still gives a skill all that it was granted.
    ///
    /// # Errors
    /// The first thing it does not, and the denial that says so.
    pub fn still_gives(&self, skill: &SkillName, grants: &GrantSet) -> Result<(), Refusal> {
        for grant in &grants.grants {
            self.still_grants(skill, grant)?;
        }
        let inert = self.inert(skill);
        match grants.inert.iter().find(|name| !inert.contains(name)) {
            Some(name) => {
                Err(gone(skill, &format!("the policy no longer lets {name} be answered with nothing")))
            }
            None => Ok(()),
        }
    }

    fn still_grants(&self, skill: &SkillName, grant: &Grant) -> Result<(), Refusal> {
        let (kind, authority) = (grant.authority.kind(), &grant.authority);
        let about = |it: &&Denial| it.is_about(skill, kind, &grant.name);
        let takes = |it: &&Denial| it.leaves(authority).as_ref() != Some(authority);
        if let Some(denial) = self.denials.iter().filter(about).find(takes) {
            let why = format!("the policy has come to deny {kind} `{}` since the run began", grant.name);
            return Err(Refusal { rule: Some(denial.id.clone()), ..gone(skill, &why) });
        }
        let gives = |own: &Authority| own.covers(authority);
        let mut rules = self.rules.iter().filter(|it| it.skill == *skill && it.name == grant.name);
        match rules.any(|rule| gives(&rule.authority)) {
            true => Ok(()),
            false => {
                let name = &grant.name;
                Err(gone(
                    skill,
                    &format!("the policy no longer gives {kind} `{name}` as it did when the run began"),
                ))
            }
        }
    }

    /// Whether a person is still of a role, where the policy has it.
    #[must_use]
    pub fn is_still_of(&self, person: &str, role: &Role) -> bool {
        let anybody = |it: &str| it == ANYBODY && person.starts_with("user:");
        self.people(role).unwrap_or_default().iter().any(|it| it == person || anybody(it))
    }
}

fn gone(skill: &SkillName, why: &str) -> Refusal {
    Refusal {
        subject: skill.to_string(),
        why: why.to_owned(),
        rule: None,
        asked_at: None,
        advice: Some("begin a run under the policy as it is now, or mend policy.toml".into()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::manifest::Manifest;
    use crate::policy::Surroundings;
    use std::path::Path;

    const SKILL: &str = "[skill]\nname = \"acme:sync\"\nsummary = \"Syncs\"\n[operation.run]\neffects = \"idempotent\"\n\
        [[capability]]\nkind = \"files\"\nname = \"out\"\naccess = \"read-write\"\nreason = \"Letters\"\n\
        [[capability]]\nkind = \"keyvalue\"\nname = \"accounts\"\naccess = \"read-write\"\nreason = \"Accounts\"\n";
    const FILES: &str = "[[rule]]\nid = \"letters\"\nskill = \"acme:sync\"\nkind = \"files\"\nname = \"out\"\nbind = \"./out\"\naccess = \"read-write\"\nmost = { files = 9 }\n";
    const KEYS: &str = "[[rule]]\nid = \"accounts\"\nskill = \"acme:sync\"\nkind = \"keyvalue\"\nname = \"accounts\"\nbind = \"namespace:crm\"\naccess = \"read-write\"\n";
    const INERT: &str = "[inert]\nany = [\"wasi:sockets\"]\n";

    fn policy(text: &str) -> Policy {
        let surroundings = Surroundings { folder: Path::new("/srv"), closed: &[], links: |_| false };
        Policy::parse("policy.toml", &format!("version = 1\n{text}"), surroundings)
            .unwrap_or_else(|problems| panic!("{problems}"))
    }

    /// What the policy of now says to what the one of then granted.
    fn said(now: &str) -> String {
        let manifest = Manifest::parse("skill.toml", SKILL).unwrap();
        let mut then = policy(&format!("{INERT}{FILES}{KEYS}")).resolve(&manifest).unwrap();
        then.inert = vec!["wasi:sockets".into()];
        let still = policy(now).still_gives(&"acme:sync".parse().unwrap(), &then);
        still.map_or_else(|refusal| refusal.why, |()| "given".into())
    }

    #[test]
    fn a_run_keeps_what_the_policy_still_gives_and_no_more() {
        let all = format!("{INERT}{FILES}{KEYS}");
        let denied = |inside: &str| format!("{all}[[rule]]\nid = \"no\"\neffect = \"deny\"\n{inside}\n");
        assert_eq!(said(&all), "given");
        assert_eq!(said(&all.replace("files = 9", "files = 10")), "given");
        assert_eq!(said(&all.replace("id = \"letters\"", "id = \"others\"")), "given");
        assert_eq!(said(&denied("skill = \"acme:other\"\nkind = \"any\"")), "given");
        let less = [
            all.replace("files = 9", "files = 8"),
            all.replace("read-write\"\nmost = { files = 9 }", "read\""),
            all.replace("./out", "./elsewhere"),
            all.replace("namespace:crm", "namespace:other"),
            format!("{INERT}{FILES}"),
            format!("{FILES}{KEYS}"),
            denied("skill = \"any\"\nkind = \"any\""),
            denied("skill = \"any\"\nkind = \"files\"\nbind = \"./out/deep\"\naccess = \"write\""),
        ];
        insta::assert_snapshot!(less.map(|now| said(&now)).join("\n"), @r#"
        the policy no longer gives files `out` as it did when the run began
        the policy no longer gives files `out` as it did when the run began
        the policy no longer gives files `out` as it did when the run began
        the policy no longer gives keyvalue `accounts` as it did when the run began
        the policy no longer gives keyvalue `accounts` as it did when the run began
        the policy no longer lets wasi:sockets be answered with nothing
        the policy has come to deny files `out` since the run began
        the policy has come to deny files `out` since the run began
        "#);
    }

    #[test]
    fn somebody_is_of_a_role_as_long_as_the_policy_says_so() {
        let roles = policy("[role.legal]\npeople = [\"user:ada\"]\n[role.all]\npeople = [\"user:*\"]\n");
        let still = |person: &str, role: &str| roles.is_still_of(person, &role.parse().unwrap());
        assert!(still("user:ada", "legal") && still("user:bob", "all"));
        assert!(!still("user:bob", "legal") && !still("user:ada", "gone") && !still("run:ada", "all"));
    }
}
