//! Installed skills: which versions there are, which is in use, and who added, approved, used or revoked them when.
//!
//! The history is only added to. A component's bytes stay under their digest, so that a run under way goes on
//! with the bytes it was planned with, whatever is in use by then.

use crate::error::StoreError;
use kapell_model::digest::Digest;
use kapell_model::id::SkillName;
use kapell_model::plan::SkillPin;
use kapell_model::quantity::Timestamp;
use kapell_model::seam::{Catalog, Skill};
use semver::{Version, VersionReq};
use std::str::FromStr;
use std::sync::Arc;

/// One installed version of a skill.
#[derive(Clone, Debug, PartialEq)]
pub struct Installed {
    /// The skill.
    pub skill: Arc<Skill>,
    /// Where its bytes came from, as the person named it.
    pub source: String,
    /// When it was installed.
    pub installed: Timestamp,
    /// Whether it is the version that new runs use.
    pub in_use: bool,
}

/// Something happened to a version of a skill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkillEvent {
    /// What happened.
    pub what: What,
    /// The version and its bytes.
    pub pin: SkillPin,
    /// When.
    pub at: Timestamp,
    /// Who did it.
    pub by: String,
    /// Why, in their words or the host's.
    pub why: Option<String>,
}

/// What can happen to a version of a skill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// It was installed.
    Added,
    /// Runs that begin from then on use it.
    InUse,
    /// It was installed and waits until somebody approves it.
    Pending,
    /// Somebody approved it.
    Approved,
    /// Somebody took it back.
    Revoked,
    /// It was to run and was refused, because it is not approved.
    Refused,
}

impl What {
    /// Everything that can happen.
    pub const ALL: [What; 6] =
        [What::Added, What::InUse, What::Pending, What::Approved, What::Revoked, What::Refused];

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            What::Added => "added",
            What::InUse => "in use",
            What::Pending => "pending",
            What::Approved => "approved",
            What::Revoked => "revoked",
            What::Refused => "refused",
        }
    }
}

/// A word for something that does not happen to skills.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` does not happen to a skill")]
pub struct UnknownWhat(String);

impl FromStr for What {
    type Err = UnknownWhat;
    fn from_str(text: &str) -> Result<Self, UnknownWhat> {
        Self::ALL.into_iter().find(|what| what.word() == text).ok_or_else(|| UnknownWhat(text.into()))
    }
}

/// Keeps installed skills.
pub trait Skills: Send + Sync + 'static {
    /// Installs a skill; it is not in use by that. The same version may be installed again with other bytes: the
    /// later one is then meant by the version. Its component must be in the store.
    ///
    /// # Errors
    /// `NoComponent` without its bytes; when the store cannot be written.
    fn put_skill(&self, skill: &Skill, source: &str, at: Timestamp) -> Result<(), StoreError>;

    /// Puts a version in use for runs that begin from now on.
    ///
    /// # Errors
    /// `NotInstalled`; when the store cannot be written.
    fn use_skill(
        &self,
        name: &SkillName,
        version: &Version,
        at: Timestamp,
        by: &str,
    ) -> Result<SkillEvent, StoreError>;

    /// Records something else that happened to a version of a skill; what is in use stays.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn record_event(&self, event: &SkillEvent) -> Result<(), StoreError>;

    /// All installed skills, by name, then version, then time of installing.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn installed(&self) -> Result<Vec<Installed>, StoreError>;

    /// What happened to a skill when and by whom, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn events(&self, name: &SkillName) -> Result<Vec<SkillEvent>, StoreError>;

    /// The catalog as it stands: one state for all checks of one flow.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn catalog(&self) -> Result<CatalogSnapshot, StoreError> {
        self.installed().map(CatalogSnapshot)
    }
}

/// Keeps the bytes of components by their digest.
pub trait Components: Send + Sync + 'static {
    /// Keeps the bytes; they are durable when this returns.
    ///
    /// # Errors
    /// When they cannot be written.
    fn put_component(&self, bytes: &[u8]) -> Result<Digest, StoreError>;

    /// The bytes, checked against their digest.
    ///
    /// # Errors
    /// `NoComponent`; `Damaged` when what is stored has another digest; when it cannot be read.
    fn component(&self, digest: &Digest) -> Result<Arc<[u8]>, StoreError>;
}

/// The catalog at one moment.
#[derive(Clone, Debug, Default)]
pub struct CatalogSnapshot(Vec<Installed>);

impl Catalog for CatalogSnapshot {
    /// Without a requirement the version in use. With one, the version in use when it fits, else the newest
    /// installed that fits.
    fn find(&self, name: &SkillName, version: Option<&VersionReq>) -> Option<Arc<Skill>> {
        let named = || self.0.iter().filter(|installed| installed.skill.pin.name == *name);
        let fits = |installed: &&Installed| {
            version.is_none_or(|version| version.matches(&installed.skill.pin.version))
        };
        let used = named().find(|installed| installed.in_use).filter(fits);
        // Sorted by version, then time: the last that fits is the newest.
        let found = used.or_else(|| version.and_then(|_| named().rfind(fits)));
        found.map(|installed| Arc::clone(&installed.skill))
    }

    fn names(&self) -> Vec<SkillName> {
        let used = self.0.iter().filter(|installed| installed.in_use);
        used.map(|installed| installed.skill.pin.name.clone()).collect()
    }
}

/// Puts installed skills in their order and marks the ones in use, by what happened to them.
pub(crate) fn arranged(mut all: Vec<Installed>, events: &[SkillEvent]) -> Vec<Installed> {
    all.sort_by(|one, other| {
        let key = |installed: &Installed| {
            let pin = &installed.skill.pin;
            (pin.name.clone(), pin.version.clone(), installed.installed)
        };
        key(one).cmp(&key(other))
    });
    for installed in &mut all {
        let pin = &installed.skill.pin;
        let last = events.iter().rfind(|event| event.what == What::InUse && event.pin.name == pin.name);
        installed.in_use = last.is_some_and(|event| event.pin == *pin);
    }
    all
}
