//! The ceiling of a step: what a flow allows it to reach, whatever the skill asks for and policy grants.
//!
//! A ceiling names things by the skill's own words. What it does not name is not reached; what it names is reached as
//! far as it says and policy grants, and no further. So it narrows and can never widen: a rule that is loosened later,
//! or a newer version of the skill that asks for more, does not reach through it.

use crate::capability::Access;
use crate::grant::{Grant, GrantSet};
use crate::id::LogicalName;
use crate::manifest::Ask;
use std::collections::BTreeMap;

/// What a step may reach at most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ceiling {
    /// By the skill's own word for a thing: the most that may be done with it; none for all that policy grants.
    pub things: BTreeMap<LogicalName, Option<Access>>,
}

impl Ceiling {
    /// What is left of a grant; none when nothing is.
    #[must_use]
    pub fn meet(&self, grant: &Grant) -> Option<Grant> {
        let most = self.things.get(&grant.name)?;
        Some(Grant { authority: grant.authority.within(*most)?, ..grant.clone() })
    }

    /// What is left of a set of grants.
    ///
    /// # Errors
    /// The asks a skill can't do without of which less is left than is granted, in the order of the grants.
    pub fn narrow<'a>(&self, granted: &GrantSet, asks: &'a [Ask]) -> Result<GrantSet, Vec<&'a Ask>> {
        let mut left = Vec::new();
        let mut missing = Vec::new();
        for grant in &granted.grants {
            let met = self.meet(grant);
            let ask = asks.iter().find(|ask| ask.kind == grant.authority.kind() && ask.name == grant.name);
            missing.extend(ask.filter(|ask| !ask.optional && met.as_ref() != Some(grant)));
            left.extend(met);
        }
        match missing.is_empty() {
            true => Ok(GrantSet { grants: left, ..granted.clone() }),
            false => Err(missing),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop where it is wrong")]

    use super::*;
    use crate::capability::Kind;
    use crate::grant::Authority;
    use crate::manifest::{Manifest, Wish};
    use crate::policy::{Policy, Rule};
    use crate::quantity::Bytes;
    use proptest::prelude::*;

    /// The three that decide what a step reaches: what is asked for, policy, and the step's ceiling.
    #[derive(Clone, Debug)]
    struct Inputs {
        asks: Vec<Ask>,
        rules: Vec<Rule>,
        ceiling: Option<Ceiling>,
    }

    impl Inputs {
        fn effective(&self) -> Vec<Grant> {
            let manifest =
                Manifest { asks: self.asks.clone(), ..Manifest::without("acme:any".parse().unwrap()) };
            let policy = Policy { rules: self.rules.clone(), ..Policy::deny_all() };
            let granted = policy.resolve(&manifest).unwrap();
            match &self.ceiling {
                Some(ceiling) => ceiling.narrow(&granted, &self.asks).unwrap().grants,
                None => granted.grants,
            }
        }
    }

    fn asked(grant: &Grant, asks: &[Ask]) -> bool {
        asks.iter().any(|ask| {
            let access = grant.authority.access();
            let enough = ask.wish.access().zip(access).is_none_or(|(most, access)| most.covers(access));
            ask.kind == grant.authority.kind() && ask.name == grant.name && enough
        })
    }

    fn permitted(grant: &Grant, rules: &[Rule]) -> bool {
        rules.iter().any(|rule| rule.name == grant.name && rule.authority.covers(&grant.authority))
    }

    /// By what the flow wrote, not by what the ceiling makes of it.
    fn allowed(grant: &Grant, ceiling: Option<&Ceiling>) -> bool {
        let enough = |most: &Option<Access>| {
            most.zip(grant.authority.access()).is_none_or(|(most, access)| most.covers(access))
        };
        ceiling.is_none_or(|ceiling| ceiling.things.get(&grant.name).is_some_and(enough))
    }

    fn within(narrow: &[Grant], wide: &[Grant]) -> bool {
        let covered = |grant: &Grant| {
            wide.iter().any(|other| other.name == grant.name && other.authority.covers(&grant.authority))
        };
        narrow.iter().all(covered)
    }

    const THINGS: [(&str, Kind); 3] =
        [("out", Kind::Files), ("accounts", Kind::Keyvalue), ("random", Kind::Random)];

    fn access() -> impl Strategy<Value = Access> {
        prop::sample::select(vec![Access::Read, Access::Write, Access::ReadWrite])
    }

    fn ask((name, kind): (&str, Kind), access: Access) -> Ask {
        let wish = if kind.has_access() { Wish::Access(access) } else { Wish::Use };
        Ask { kind, name: name.parse().unwrap(), wish, reason: "it".into(), optional: true, line: 1 }
    }

    fn rule((name, kind): (&str, Kind), access: Access, most: u64) -> Rule {
        let bytes_max = Bytes(most);
        let authority = match kind {
            Kind::Files => Authority::Files {
                root: "/out".into(),
                identity: None,
                access,
                bytes_max,
                file_max: bytes_max,
                files_max: most,
            },
            Kind::Keyvalue => {
                Authority::Keyvalue { namespace: "crm".into(), access, bytes_max, keys_max: most }
            }
            _ => Authority::Random { bytes_max },
        };
        let id = format!("{name}-rule").parse().unwrap();
        Rule {
            id,
            skill: "acme:any".parse().unwrap(),
            name: name.parse().unwrap(),
            authority,
            marks: None,
            line: 1,
        }
    }

    /// Each of the things or none of it, in any access and amount.
    fn inputs() -> impl Strategy<Value = Inputs> {
        let asks = [(); 3].map(|()| prop::option::of(access()));
        let rules = [(); 3].map(|()| prop::option::of((access(), 0..3_u64)));
        let things = [(); 3].map(|()| prop::option::of(prop::option::of(access())));
        (asks, rules, prop::option::of(things)).prop_map(|(asks, rules, things)| Inputs {
            asks: THINGS.into_iter().zip(asks).filter_map(|(it, access)| Some(ask(it, access?))).collect(),
            rules: THINGS
                .into_iter()
                .zip(rules)
                .filter_map(|(it, most)| most.map(|(access, most)| rule(it, access, most)))
                .collect(),
            ceiling: things.map(|things| Ceiling {
                things: THINGS
                    .into_iter()
                    .zip(things)
                    .filter_map(|((name, _), most)| Some((name.parse().unwrap(), most?)))
                    .collect(),
            }),
        })
    }

    proptest! {
        #[test]
        fn what_a_step_reaches_is_asked_for_permitted_and_allowed(inputs in inputs()) {
            for grant in inputs.effective() {
                prop_assert!(asked(&grant, &inputs.asks), "{grant:?}");
                prop_assert!(permitted(&grant, &inputs.rules), "{grant:?}");
                prop_assert!(allowed(&grant, inputs.ceiling.as_ref()), "{grant:?}");
            }
        }

        /// Whatever becomes of one of the three, the two others hold the result; and with one of them taken away
        /// altogether there is never more.
        #[test]
        fn widening_one_alone_never_reaches_past_the_others(one in inputs(), other in inputs()) {
            let Inputs { asks, rules, ceiling } = other;
            for grant in (Inputs { asks, ..one.clone() }).effective() {
                prop_assert!(permitted(&grant, &one.rules) && allowed(&grant, one.ceiling.as_ref()));
            }
            for grant in (Inputs { rules, ..one.clone() }).effective() {
                prop_assert!(asked(&grant, &one.asks) && allowed(&grant, one.ceiling.as_ref()));
            }
            for grant in (Inputs { ceiling, ..one.clone() }).effective() {
                prop_assert!(asked(&grant, &one.asks) && permitted(&grant, &one.rules));
            }
            let unbounded = Inputs { ceiling: None, ..one.clone() };
            prop_assert!(within(&one.effective(), &unbounded.effective()));
        }
    }
}
