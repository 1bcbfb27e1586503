//! Whether a version number says what changed: what worked with the old one must work with the new, or the number
//! says that it may not.

use super::difference::Change;
use semver::Version;
use serde::Serialize;

/// How far a version number goes up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bump {
    /// It goes down.
    Back,
    /// It stays.
    None,
    /// Nothing that worked before works differently.
    Patch,
    /// There is more, and what worked before still works.
    Minor,
    /// A flow or a policy that worked before may not.
    Major,
}

impl Bump {
    /// The word for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Bump::Back => "a step back",
            Bump::None => "none",
            Bump::Patch => "patch",
            Bump::Minor => "minor",
            Bump::Major => "major",
        }
    }

    /// How far it goes from one version to another. Before 1.0.0 each number counts as the one above it.
    #[must_use]
    pub fn between(before: &Version, after: &Version) -> Self {
        if after < before {
            return Bump::Back;
        }
        let numbers = |version: &Version| [version.major, version.minor, version.patch];
        let (old, new) = (numbers(before), numbers(after));
        let released = old.iter().take_while(|number| **number == 0).count();
        match old.iter().zip(&new).position(|(old, new)| old != new) {
            None if before == after => Bump::None,
            None => Bump::Patch,
            Some(place) if place <= released => Bump::Major,
            Some(place) if place == released + 1 => Bump::Minor,
            Some(_) => Bump::Patch,
        }
    }
}

/// Whether the version number fits what changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct VersionVerdict {
    /// How far the number went up.
    pub made: Bump,
    /// How far it has to.
    pub needed: Bump,
    /// Whether that is enough.
    pub fits: bool,
    /// The changes that need the most.
    pub because: Vec<String>,
}

impl VersionVerdict {
    /// Other bytes need a number of their own, whatever else changed.
    pub(super) fn of(before: &Version, after: &Version, same_bytes: bool, changes: &[Change]) -> Self {
        let least = if same_bytes { Bump::None } else { Bump::Patch };
        let needed = changes.iter().map(|change| change.needs).fold(least, Bump::max);
        let made = Bump::between(before, after);
        let because = changes.iter().filter(|change| change.needs == needed && needed > Bump::Patch);
        Self { made, needed, fits: made >= needed, because: because.map(ToString::to_string).collect() }
    }
}
