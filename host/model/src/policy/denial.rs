//! Denials: what no rule gives, whatever it says. A denial beats every rule, so it may be as wide as it likes: it may
//! name any skill, any kind, and `/` or nothing where a rule names a place.
//!
//! A denial takes access or methods away from every grant that touches its place. What is left is always told as a
//! grant of the same place: a grant that only partly lies in a denied directory loses as much of all of it, because
//! no grant says "but not there".

use super::Surroundings;
use super::read::{LINKED, plain_path, read_namespace};
use crate::capability::{Access, Kind};
use crate::form::{Field, Table};
use crate::grant::Authority;
use crate::http::{Method, Target, read_methods};
use crate::id::{LogicalName, RuleId, SkillName};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// One rule with `effect = "deny"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// Stands in every refusal it makes.
    pub id: RuleId,
    /// The skill it is about; none for any.
    pub skill: Option<SkillName>,
    /// The kind it is about; none for any.
    pub kind: Option<Kind>,
    /// The skill's own word for the thing; none for any.
    pub name: Option<LogicalName>,
    /// Where; none for everywhere.
    pub place: Option<Place>,
    /// What is taken of files and keys; of other kinds everything is.
    pub access: Access,
    /// The methods that are taken of http; none for all.
    pub methods: BTreeSet<Method>,
    /// The line of the policy it stands on, from 1.
    pub line: u32,
}

/// A place as wide as it likes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A directory, absolute, and everything above and below it.
    Directory(String),
    /// A namespace of the store.
    Namespace(String),
    /// Requests.
    Target(Target),
}

impl Denial {
    /// Whether it is about what a skill calls so.
    #[must_use]
    pub fn is_about(&self, skill: &SkillName, kind: Kind, name: &LogicalName) -> bool {
        self.skill.as_ref().is_none_or(|own| own == skill)
            && self.kind.is_none_or(|own| own == kind)
            && self.name.as_ref().is_none_or(|own| own == name)
    }

    /// Whether it takes everything of a kind, whatever it is bound to.
    #[must_use]
    pub fn takes_all(&self) -> bool {
        self.place.is_none() && self.access == Access::ReadWrite && self.methods.is_empty()
    }

    /// What it leaves of an authority it is about; none when nothing.
    #[must_use]
    pub fn leaves(&self, authority: &Authority) -> Option<Authority> {
        if !self.touches(authority) {
            return Some(authority.clone());
        }
        match authority {
            Authority::Files { access, .. } | Authority::Keyvalue { access, .. } => {
                authority.within(Some(access.without(self.access)?))
            }
            Authority::Http(grant) if !self.methods.is_empty() => {
                let methods: BTreeSet<Method> = grant.methods.difference(&self.methods).copied().collect();
                let mut left = grant.clone();
                left.methods = (!methods.is_empty()).then_some(methods)?;
                Some(Authority::Http(left))
            }
            _ => None,
        }
    }

    fn touches(&self, authority: &Authority) -> bool {
        match (&self.place, authority) {
            (None, _) => true,
            (Some(Place::Directory(own)), Authority::Files { root, .. }) => {
                Path::new(own).starts_with(root) || Path::new(root).starts_with(own)
            }
            (Some(Place::Namespace(own)), Authority::Keyvalue { namespace, .. }) => own == namespace,
            (Some(Place::Target(own)), Authority::Http(grant)) => own.meet(&grant.target).is_some(),
            _ => false,
        }
    }
}

/// What denials have taken of an authority that left this: of requests the methods that are gone, of anything else all
/// there would have been.
pub(super) fn taken(met: Authority, left: Option<&Authority>) -> Authority {
    match (met, left) {
        (Authority::Http(mut met), Some(Authority::Http(left))) => {
            met.methods.retain(|method| !left.methods.contains(method));
            Authority::Http(met)
        }
        (met, _) => met,
    }
}

/// A rule whose effect is to deny. Only the keys of its kind are asked for, so that any other is told as unknown.
pub(super) fn read_denial(table: &Table<'_, '_>, surroundings: Surroundings<'_>) -> Option<Denial> {
    let id: Option<RuleId> = table.required("id").and_then(|field| field.parsed());
    let skill = table.required("skill").and_then(|field| read_skill(&field));
    let kind = table.required("kind").and_then(|field| field.word(&kinds()));
    // Without a kind nothing is known of the other keys.
    let kind = kind?;
    let (name, place) = match kind {
        Some(_) => (table.get("name"), kind.filter(|kind| has_place(*kind)).and_then(|_| table.get("bind"))),
        None => (None, None),
    };
    let name = name.map_or(Some(None), |field| field.parsed().map(Some));
    let place = place.map_or(Some(None), |field| read_place(&field, kind, surroundings).map(Some));
    let access = kind.filter(|kind| kind.has_access()).and_then(|_| table.get("access"));
    let access = access.map_or(Some(Access::ReadWrite), |field| field.word(&Access::words()));
    let methods = kind.filter(|kind| *kind == Kind::Http).and_then(|_| table.get("methods"));
    let methods = methods.map_or(Some(BTreeSet::new()), |field| read_methods(&field));
    table.close();
    Some(Denial {
        id: id?,
        skill: skill?,
        kind,
        name: name?,
        place: place?,
        access: access?,
        methods: methods?,
        line: table.line(),
    })
}

/// Whether a denial of that kind can be of one place; of the others it is everywhere.
const fn has_place(kind: Kind) -> bool {
    matches!(kind, Kind::Files | Kind::Keyvalue | Kind::Http)
}

fn kinds() -> Vec<(&'static str, Option<Kind>)> {
    let any = ("any", None);
    std::iter::once(any).chain(Kind::words().into_iter().map(|(word, kind)| (word, Some(kind)))).collect()
}

fn read_skill(field: &Field<'_, '_>) -> Option<Option<SkillName>> {
    match field.text()? {
        "any" => Some(None),
        _ => field.parsed().map(Some),
    }
}

fn read_place(field: &Field<'_, '_>, kind: Option<Kind>, surroundings: Surroundings<'_>) -> Option<Place> {
    match kind? {
        Kind::Keyvalue => read_namespace(field).map(Place::Namespace),
        Kind::Http => {
            let target = Target::of_any_width(field.text()?);
            target.map(Place::Target).map_err(|error| field.tell(error.to_string())).ok()
        }
        _ => read_any_directory(field, surroundings),
    }
}

/// Any directory at all: what is denied may be as wide as it likes.
fn read_any_directory(field: &Field<'_, '_>, surroundings: Surroundings<'_>) -> Option<Place> {
    let text = field.text()?;
    if let Err(why) = plain_path(text) {
        field.tell_with(format!("`bind` {why}"), "a directory, such as \"./out\", or \"/\" for every one");
        return None;
    }
    let path = surroundings.folder.join(text).components().collect::<PathBuf>();
    // Grants name directories without links, so that by another name it would deny nothing.
    if (surroundings.links)(&path) {
        field.tell_with(format!("`bind` {LINKED}"), "the directory itself, where the link leads");
        return None;
    }
    path.to_str().map(|path| Place::Directory(path.into()))
}
