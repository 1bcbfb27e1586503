//! The kinds of authority a skill can ask for, and the order between grants of one kind.
//!
//! Each kind is one type with `covers`: whether everything the other permits is permitted by this one. A grant is
//! only ever narrowed on its way from manifest through policy to the step.

use crate::form::Table;
use crate::id::LogicalName;
use serde::{Deserialize, Serialize};

/// A kind of authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A directory of files (`wasi:filesystem`), bound to a directory of the operator's.
    Files,
    /// A bucket of keys and values (`wasi:keyvalue`), bound to a namespace in the store.
    Keyvalue,
    /// Named settings (`wasi:config`), bound to values in the policy.
    Config,
    /// Real readings of wall and monotonic time (`wasi:clocks`), at a granted resolution, recorded.
    Clock,
    /// Real random bytes (`wasi:random`), recorded.
    Random,
    /// Diagnostic lines (`wasi:logging`), sanitised and counted.
    Logging,
    /// What the skill wants remembered in the journal (`kapell:skill/notes`), sanitised and counted.
    Notes,
}

impl Kind {
    /// Every kind, in the order people read them.
    pub const ALL: [Kind; 7] =
        [Kind::Files, Kind::Keyvalue, Kind::Config, Kind::Clock, Kind::Random, Kind::Logging, Kind::Notes];

    /// Whether the guest's calls carry the thing's name, so that a skill can have several of the kind.
    #[must_use]
    pub const fn is_named(self) -> bool {
        matches!(self, Kind::Files | Kind::Keyvalue)
    }

    /// Whether reading and writing are asked for apart.
    #[must_use]
    pub const fn has_access(self) -> bool {
        matches!(self, Kind::Files | Kind::Keyvalue)
    }

    /// The word for it in manifests, policies and entries.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Kind::Files => "files",
            Kind::Keyvalue => "keyvalue",
            Kind::Config => "config",
            Kind::Clock => "clock",
            Kind::Random => "random",
            Kind::Logging => "logging",
            Kind::Notes => "notes",
        }
    }
}

/// How manifest and policy write the parts they share.
impl Kind {
    /// Each kind by its word.
    pub(crate) fn words() -> [(&'static str, Self); 7] {
        Self::ALL.map(|kind| (kind.word(), kind))
    }

    /// The name the skill uses; a kind whose calls carry no name goes by the kind's own word when nothing is said.
    pub(crate) fn read_name(self, table: &Table<'_, '_>) -> Option<LogicalName> {
        match self.is_named() {
            true => table.required("name")?.parsed(),
            false => table.get("name").map_or_else(|| self.word().parse().ok(), |field| field.parsed()),
        }
    }

    /// Files and keyvalue always say their access, other kinds have none. The outer `None` is a told problem.
    pub(crate) fn read_access(self, table: &Table<'_, '_>) -> Option<Option<Access>> {
        if self.has_access() {
            return table.required("access")?.word(&Access::words()).map(Some);
        }
        match table.get("access") {
            None => Some(None),
            Some(field) => {
                field.tell_key(format!("{self} has no access: leave it out"));
                None
            }
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

/// What may be done with files or keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Only reading.
    Read,
    /// Only making and changing; what is there can't be read.
    Write,
    /// Both.
    ReadWrite,
}

impl Access {
    /// Each access by its word.
    pub(crate) fn words() -> [(&'static str, Self); 3] {
        [Access::Read, Access::Write, Access::ReadWrite].map(|access| (access.word(), access))
    }

    /// Whether reading is permitted.
    #[must_use]
    pub const fn reads(self) -> bool {
        matches!(self, Access::Read | Access::ReadWrite)
    }

    /// Whether writing is permitted.
    #[must_use]
    pub const fn writes(self) -> bool {
        matches!(self, Access::Write | Access::ReadWrite)
    }

    /// Whether everything `narrower` permits is permitted here too.
    #[must_use]
    pub const fn covers(self, narrower: Access) -> bool {
        (self.reads() || !narrower.reads()) && (self.writes() || !narrower.writes())
    }

    /// What both permit; none when they have nothing in common.
    #[must_use]
    pub const fn meet(self, other: Access) -> Option<Access> {
        match (self.reads() && other.reads(), self.writes() && other.writes()) {
            (true, true) => Some(Access::ReadWrite),
            (true, false) => Some(Access::Read),
            (false, true) => Some(Access::Write),
            (false, false) => None,
        }
    }

    /// The word for it in manifests, policies and entries.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Access::Read => "read",
            Access::Write => "write",
            Access::ReadWrite => "read-write",
        }
    }
}

impl std::fmt::Display for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_meet_is_covered_by_both_sides() {
        let all = [Access::Read, Access::Write, Access::ReadWrite];
        for one in all {
            assert!(one.covers(one));
            for other in all {
                if let Some(meet) = one.meet(other) {
                    assert!(one.covers(meet) && other.covers(meet), "{one} {other}");
                }
                assert!(!(one.covers(other) && other.covers(one)) || one == other, "{one} {other}");
            }
        }
        assert_eq!(Access::Read.meet(Access::Write), None);
    }
}
