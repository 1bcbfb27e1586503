//! What is kept of what happened and who may have it destroyed, by `[keep]` of the policy.

use super::Policy;
use super::approval::SECURITY;
use crate::form::Field;
use crate::grant::Refusal;
use crate::id::Role;
use crate::quantity::{Span, Timestamp};
use std::collections::BTreeMap;

/// What the policy says of keeping.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeepRules {
    /// Whose people may have what is private in a run destroyed; none is `security` in a locked home and anybody in one for
    /// development.
    pub role: Option<Role>,
    /// How long after the end of a run its contents are kept: what its skills were given, saw and answered, what people were
    /// shown, and all that is private. None is for ever.
    pub contents: Option<Span>,
}

impl KeepRules {
    /// The last moment at which a run may have ended whose contents are not kept any longer now; none when they are kept
    /// for ever, or when no run can be so old.
    #[must_use]
    pub fn ended_by(&self, now: Timestamp) -> Option<Timestamp> {
        self.contents.and_then(|span| now.0.checked_sub(span.0)).map(Timestamp)
    }
}

impl Policy {
    /// Whether this person may have what is private in a run destroyed.
    ///
    /// # Errors
    /// Why not, and what would have to change.
    pub fn may_erase(&self, person: &str, locked: bool) -> Result<(), Refusal> {
        let strict = || SECURITY.parse().ok().filter(|_| locked);
        match self.keep.role.clone().or_else(strict) {
            Some(role) => self.is_of(person, &role, "erases"),
            None => Ok(()),
        }
    }
}

/// `[keep]`; a role nobody is named for could never erase anything.
pub(super) fn read_keep(field: &Field<'_, '_>, roles: &BTreeMap<Role, Vec<String>>) -> Option<KeepRules> {
    let table = field.table("[keep]")?;
    let role = table.get("role").and_then(|field| super::approval::read_role(&field, roles));
    let contents = table.get("contents").and_then(|field| field.span());
    table.close();
    Some(KeepRules { role, contents })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed assumption must fail the test")]
mod tests {
    use super::super::{Policy, Surroundings};
    use crate::quantity::{Span, Timestamp};
    use crate::source::Diagnostics;
    use std::path::Path;

    fn policy(text: &str) -> Result<Policy, Diagnostics> {
        let surroundings = Surroundings { folder: Path::new("/p"), closed: &[], links: |_| false };
        Policy::parse("policy.toml", text, surroundings)
    }

    #[test]
    fn only_whoever_is_of_the_role_may_erase() {
        let named =
            policy("version = 1\n[keep]\nrole = \"privacy\"\n[role.privacy]\npeople = [\"user:eve\"]\n")
                .unwrap();
        assert_eq!(named.may_erase("user:eve", true), Ok(()));
        assert!(named.may_erase("user:ada", false).is_err());
        let silent = policy("version = 1\n").unwrap();
        assert_eq!(silent.may_erase("user:ada", false), Ok(()));
        assert!(silent.may_erase("user:ada", true).is_err(), "a locked home is strict");
    }

    #[test]
    fn contents_are_kept_for_a_time_above_zero_or_for_ever() {
        let keep = |contents: &str| policy(&format!("version = 1\n[keep]\ncontents = {contents}\n"));
        let day = 86_400_000;
        let rules = keep("\"90d\"").unwrap().keep;
        assert_eq!(rules.contents, Some(Span(90 * day)));
        assert_eq!(rules.ended_by(Timestamp(91 * day)), Some(Timestamp(day)));
        assert_eq!(rules.ended_by(Timestamp(89 * day)), None, "nothing is so old");
        assert_eq!(policy("version = 1\n").unwrap().keep.ended_by(Timestamp(91 * day)), None, "for ever");
        for bad in [
            "\"0d\"",
            "\"-1d\"",
            "\"90y\"",
            "\"90\"",
            "\"\"",
            "90",
            "\"1.5d\"",
            "\"99999999999999d\"",
            "true",
        ] {
            let told = keep(bad).unwrap_err().to_string();
            assert!(told.contains("policy.toml:3:12"), "{bad}: {told}");
        }
        let twice = keep("\"1d\"\ncontents = \"2d\"").unwrap_err().to_string();
        assert!(twice.contains("policy.toml:4:1") && twice.contains("duplicate key"), "{twice}");
    }

    #[test]
    fn a_role_that_nobody_holds_is_told() {
        let told = policy("version = 1\n[keep]\nrole = \"privacy\"\ndays = 3\n").unwrap_err().to_string();
        assert!(told.contains("nobody holds the role `privacy`") && told.contains("days"), "{told}");
    }
}
