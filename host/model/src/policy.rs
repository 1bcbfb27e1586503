//! The operator's policy, and the one function that turns what is asked for into grants or refusals.
//!
//! Nothing is permitted that no rule names. A grant is what the manifest asks for, met by the one rule that fits it;
//! a refusal says which ask it was and carries the exact rule to paste. No rule has a wildcard: who wants a skill to
//! reach a thing names the skill, the thing and where it is. A [`Denial`] beats every rule, and only it may be wide.

use crate::capability::{Access, Kind};
use crate::digest::Digest;
use crate::form::Form;
use crate::grant::{Authority, Grant, GrantSet, Refusal, Withheld};
use crate::id::{AuthorityName, LogicalName, Role, RuleId, SecretName, SkillName};
use crate::inference::Provider;
use crate::limits::{EffectiveLimits, WishedLimits};
use crate::manifest::{Ask, Manifest};
use crate::mark::Mark;
use crate::source::{Diagnostics, Source};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

mod advice;
mod approval;
mod budgets;
mod cases;
#[cfg(test)]
mod decided;
mod denial;
mod difference;
mod explain;
mod house;
mod keep;
mod outside;
mod read;
mod still;
mod suggest;
#[cfg(test)]
mod tests;
mod words;

pub use crate::secret::SecretSource;
pub use approval::{ApprovalRules, Approvers, DirectCalls};
pub use budgets::FlowBudget;
pub use cases::{CASES, Case, read_cases};
pub use denial::{Denial, Place};
pub use difference::{Direction, FlowUse, Moved, Outcome};
pub use explain::{Because, Explanation};
pub use keep::KeepRules;
pub use suggest::{Needs, Suggested};
pub use words::{authority_words, limit_words};

/// The policy of a fresh home: nothing granted, every key explained.
pub const DEFAULT_POLICY: &str = include_str!("policy/default.toml");

/// The people of a role when anybody may answer.
pub const ANYBODY: &str = "user:*";

/// A checked policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The file as the operator named it.
    pub file: String,
    /// Digest of the text; a plan names the policy its grants were resolved by.
    pub digest: Digest,
    /// The rules, in order. No two of them fit the same ask.
    pub rules: Vec<Rule>,
    /// What no rule gives, whatever it says.
    pub denials: Vec<Denial>,
    /// Interfaces answered by an empty form.
    pub inert: BySkill<Vec<String>>,
    /// Ceilings of limits.
    pub limits: BySkill<WishedLimits>,
    /// Who answers for a role.
    pub roles: BTreeMap<Role, Vec<String>>,
    /// Who may approve skills and flows.
    pub approval: ApprovalRules,
    /// What is kept of what happened, and who may have it destroyed.
    pub keep: KeepRules,
    /// Where secrets are read from; the values are never here.
    pub secrets: BTreeMap<SecretName, SecretSource>,
    /// Certificate authorities of the operator's own.
    pub authorities: BTreeMap<AuthorityName, CertificateFile>,
    /// Who answers for a tier of models, in the order they are tried.
    pub providers: Vec<Provider>,
    /// What all runs of a flow together may cost; no two of them are for the same flow and length of period.
    pub budgets: Vec<FlowBudget>,
}

/// Where the certificates of an authority are, in PEM, and which ones they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFile {
    /// The file; absolute.
    pub path: PathBuf,
    /// The digest of its bytes. A file that has another one is not read.
    pub digest: Digest,
}

/// Something said of every skill, and of some by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BySkill<T> {
    /// Said of every skill.
    pub any: T,
    /// Said of one skill.
    pub skills: BTreeMap<SkillName, T>,
}

/// One rule: this skill may reach this thing, so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Stands in every decision the rule makes.
    pub id: RuleId,
    /// The skill it is for.
    pub skill: SkillName,
    /// The skill's own word for the thing.
    pub name: LogicalName,
    /// What is permitted at most, bound to the real thing.
    pub authority: Authority,
    /// What a reviewer must know of what comes in or goes out by it; none for what is usual for its kind.
    pub marks: Option<BTreeSet<Mark>>,
    /// The line of the policy it stands on, from 1.
    pub line: u32,
}

/// Whether a text names one person: `user:` and up to 64 letters, digits and `._@+-`.
#[must_use]
pub fn is_one_person(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._@+-".contains(&byte);
    let named = |name: &str| !name.is_empty() && name.len() <= 64 && name.bytes().all(allowed);
    text.strip_prefix("user:").is_some_and(named)
}

/// What the rules say to an ask they do not refuse. One that is optional may be given in part, or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// What is given.
    pub grant: Option<Grant>,
    /// What is not, and which rule says so.
    pub withheld: Option<Withheld>,
}

/// Where a policy lives: what its relative paths mean, and what no skill may be given.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'p> {
    /// The absolute folder that relative directories are below; no rule may reach this folder as a whole.
    pub folder: &'p Path,
    /// Absolute folders of the host's own, such as its store; no rule may reach into them.
    pub closed: &'p [PathBuf],
    /// Whether a path leads through a symbolic link as things stand; whoever parses without a disk says no.
    pub links: fn(&Path) -> bool,
}

impl Policy {
    /// Reads and checks a `policy.toml`. Paths are compared as written; that a directory became a link to elsewhere
    /// afterwards is seen to where it is opened.
    ///
    /// # Errors
    ///
    /// Everything wrong with the text, each with its place in `file`.
    pub fn parse(file: &str, text: &str, surroundings: Surroundings<'_>) -> Result<Self, Diagnostics> {
        Form::read(Source { file, text }, |root| {
            read::policy(root, file, Digest::of(text.as_bytes()), surroundings)
        })
    }

    /// The policy of a home without one: nothing is granted to anybody.
    #[must_use]
    pub fn deny_all() -> Self {
        Self {
            file: "policy.toml".into(),
            digest: Digest::of(b""),
            rules: Vec::new(),
            denials: Vec::new(),
            inert: BySkill::default(),
            limits: BySkill::default(),
            roles: BTreeMap::new(),
            approval: ApprovalRules::default(),
            keep: KeepRules::default(),
            secrets: BTreeMap::new(),
            authorities: BTreeMap::new(),
            providers: Vec::new(),
            budgets: Vec::new(),
        }
    }

    /// Everything a skill may reach: what its manifest asks for, met by the rules. An optional ask that no rule
    /// permits is left out, one that a rule permits in part is granted in part.
    ///
    /// # Errors
    ///
    /// One [`Refusal`] for each required ask that no rule permits in full, in the order of the manifest.
    pub fn resolve(&self, manifest: &Manifest) -> Result<GrantSet, Vec<Refusal>> {
        let (granted, refusals) = self.resolve_apart(manifest);
        if refusals.is_empty() { Ok(granted) } else { Err(refusals) }
    }

    /// The same for one who wants to see all of it: what is given, and beside it what is refused.
    #[must_use]
    pub fn resolve_apart(&self, manifest: &Manifest) -> (GrantSet, Vec<Refusal>) {
        let mut granted = GrantSet { inert: self.inert(&manifest.name), ..GrantSet::default() };
        let mut refusals = Vec::new();
        for (_, decision) in self.decisions(manifest) {
            match decision {
                Ok(decided) => {
                    granted.grants.extend(decided.grant);
                    granted.withheld.extend(decided.withheld);
                }
                Err(refusal) => refusals.push(refusal),
            }
        }
        (granted, refusals)
    }

    /// What the rules say to each ask of a skill, in the order of the manifest.
    pub fn decisions<'m>(
        &self,
        manifest: &'m Manifest,
    ) -> impl Iterator<Item = (&'m Ask, Result<Decided, Refusal>)> {
        manifest.asks.iter().map(move |ask| (ask, self.decide(manifest, ask)))
    }

    /// What one operation of a skill may reach: an operation that says it changes nothing gets nothing to write with.
    ///
    /// # Errors
    ///
    /// As [`Policy::resolve`].
    pub fn resolve_operation(&self, manifest: &Manifest, operation: &str) -> Result<GrantSet, Vec<Refusal>> {
        let grants = self.resolve(manifest)?;
        Ok(if manifest.claim(operation).effects.writes() { grants } else { grants.without_writing() })
    }

    /// The limits of one attempt: per limit what the policy says of the skill, else of any, is the ceiling.
    #[must_use]
    pub fn limits(&self, manifest: &Manifest, flow: &WishedLimits) -> EffectiveLimits {
        let any = &self.limits.any;
        let ceiling = self.limits.skills.get(&manifest.name).map_or(*any, |own| own.or(any));
        EffectiveLimits::smallest(&manifest.limits, &ceiling, flow)
    }

    /// The interfaces the policy makes inert for a skill, sorted.
    #[must_use]
    pub fn inert(&self, skill: &SkillName) -> Vec<String> {
        let own = self.inert.skills.get(skill).into_iter().flatten();
        let mut inert: Vec<String> = self.inert.any.iter().chain(own).cloned().collect();
        inert.sort();
        inert.dedup();
        inert
    }

    /// The rules that lend a skill what is empty for every other, each in words: the rule goes before.
    #[must_use]
    pub fn lent_all_the_same(&self) -> Vec<String> {
        let told = |rule: &Rule| {
            let interface = self.inert.any.iter().find(|interface| rule.lends(interface))?;
            let Rule { id, skill, line, .. } = rule;
            Some(format!(
                "{}:{line}: {interface} is empty for any skill, and rule `{id}` lends it to {skill} all the same",
                self.file
            ))
        };
        self.rules.iter().filter_map(told).collect()
    }

    /// What comes in or goes out by a grant, as its rule says or as is usual for its kind; of an access that was
    /// narrowed away nothing is left.
    #[must_use]
    pub fn marks(&self, grant: &Grant) -> BTreeSet<Mark> {
        let rule = self.rules.iter().find(|rule| rule.id == grant.rule);
        let said = rule.and_then(|rule| rule.marks.clone());
        let possible = grant.authority.possible_marks();
        said.unwrap_or_else(|| grant.authority.usual_marks()).intersection(&possible).copied().collect()
    }

    /// Who may answer for a role; none when the policy does not name the role. `user:*` is anybody.
    #[must_use]
    pub fn people(&self, role: &Role) -> Option<&[String]> {
        self.roles.get(role).map(Vec::as_slice)
    }

    fn decide(&self, manifest: &Manifest, ask: &Ask) -> Result<Decided, Refusal> {
        let Some(rule) = self.rule_for(&manifest.name, ask) else {
            return match (ask.optional, self.denial_of_all(&manifest.name, ask)) {
                (true, denial) => Ok(Decided::withheld(ask, denial.map(|denial| &denial.id), None)),
                (false, Some(denial)) => Err(self.refuse_denied(denial, ask)),
                (false, None) => Err(self.refuse_unnamed(manifest, ask)),
            };
        };
        let met = rule.authority.wished(&ask.wish);
        let fulfilled = ask.optional || rule.authority.fulfils(&ask.wish);
        let Some(met) = met.filter(|_| fulfilled) else {
            return match ask.optional {
                true => Ok(Decided::withheld(ask, Some(&rule.id), None)),
                false => Err(self.refuse_narrow(rule, ask)),
            };
        };
        match self.without_denied(&manifest.name, &ask.name, &met) {
            (_, Some(denial)) if !ask.optional => Err(self.refuse_denied(denial, ask)),
            (left, denial) => {
                let grant = |authority| Grant { name: ask.name.clone(), rule: rule.id.clone(), authority };
                let withheld = denial.and_then(|it| {
                    let taken = denial::taken(met, left.as_ref());
                    Decided::withheld(ask, Some(&it.id), Some(taken)).withheld
                });
                Ok(Decided { grant: left.map(grant), withheld })
            }
        }
    }

    fn rule_for(&self, skill: &SkillName, ask: &Ask) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.fits(skill, ask))
    }

    /// The denial that no rule for this ask could get past.
    fn denial_of_all(&self, skill: &SkillName, ask: &Ask) -> Option<&Denial> {
        self.denials.iter().find(|denial| denial.takes_all() && denial.is_about(skill, ask.kind, &ask.name))
    }

    /// What the denials leave of an authority, and the first of them that takes something.
    fn without_denied(
        &self,
        skill: &SkillName,
        name: &LogicalName,
        authority: &Authority,
    ) -> (Option<Authority>, Option<&Denial>) {
        let about = self.denials.iter().filter(|it| it.is_about(skill, authority.kind(), name));
        let mut by = None;
        let mut left = authority.clone();
        for denial in about {
            match denial.leaves(&left) {
                Some(same) if same == left => {}
                Some(less) => {
                    by = by.or(Some(denial));
                    left = less;
                }
                None => return (None, by.or(Some(denial))),
            }
        }
        (Some(left), by)
    }
}

impl Decided {
    fn withheld(ask: &Ask, rule: Option<&RuleId>, taken: Option<Authority>) -> Self {
        let (kind, name, rule) = (ask.kind, ask.name.clone(), rule.cloned());
        Self { grant: None, withheld: Some(Withheld { kind, name, rule, taken }) }
    }
}

impl Rule {
    /// The kind of authority it is about.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.authority.kind()
    }

    /// Whether a guest uses what it permits by this package or interface.
    fn lends(&self, interface: &str) -> bool {
        let package = self.kind().package();
        interface == package || interface.strip_prefix(package).is_some_and(|rest| rest.starts_with('/'))
    }

    fn fits(&self, skill: &SkillName, ask: &Ask) -> bool {
        self.skill == *skill && self.kind() == ask.kind && self.name == ask.name
    }
}

impl Authority {
    /// What may be done, for the kinds that tell reading and writing apart.
    #[must_use]
    pub const fn access(&self) -> Option<Access> {
        match self {
            Authority::Files { access, .. } | Authority::Keyvalue { access, .. } => Some(*access),
            _ => None,
        }
    }
}
