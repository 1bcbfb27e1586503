//! Whether a commit agrees with itself, before anything of it is written.
//!
//! Pure and the same for every store: entries follow the expected head without a gap and link to each other, paths
//! stay below their directory. That bytes have the digests they are named by need not be asked: only hashing makes a
//! `Sealed` or a `Content`. Whether the expected head is the run's is the transaction's question.

use kapell_journal::chain::Sealed;
use kapell_journal::seam::{Commit, Head, JournalError};
use kapell_model::writes::RESERVED;

/// Checks a commit.
pub(crate) fn check(commit: &Commit) -> Result<(), JournalError> {
    let malformed = |why: String| JournalError::Malformed { run: commit.run.clone(), why };
    if commit.row.run != commit.run {
        return Err(malformed(format!("its row is of run {}", commit.row.run)));
    }
    if commit.shared.iter().any(|content| content.salt().is_some()) {
        return Err(malformed("what all runs share is private in it".into()));
    }
    if commit.entries.is_empty() {
        return Err(malformed("it has no entries".into()));
    }
    let mut head = commit.expected;
    for sealed in &commit.entries {
        check_link(commit, &head, sealed).map_err(malformed)?;
        head = Head { seq: sealed.entry().seq, hash: *sealed.hash(), ..head };
    }
    commit.writes.files.iter().try_for_each(|file| check_path(&file.path).map_err(malformed))
}

fn check_path(path: &str) -> Result<(), String> {
    match () {
        () if !stays_below(path) => Err(format!("the path `{path}` is not below its directory")),
        () if path.split('/').any(|name| name.starts_with(RESERVED)) => Err(format!(
            "the path `{path}` has a name that begins with `{RESERVED}`, as only the store's own do"
        )),
        () => Ok(()),
    }
}

fn check_link(commit: &Commit, head: &Head, sealed: &Sealed) -> Result<(), String> {
    let entry = sealed.entry();
    let wrong = match () {
        () if entry.run != commit.run => "is of another run",
        () if entry.seq != head.seq + 1 => "leaves a gap or repeats a number",
        () if entry.prev != head.hash => "does not link to the entry before",
        () if entry.epoch != head.epoch => "is of another epoch",
        () => return Ok(()),
    };
    Err(format!("entry {} {wrong}", entry.seq))
}

/// `/`-separated names, none of them empty, `.` or `..`, and no byte that a file system can't take.
fn stays_below(path: &str) -> bool {
    path.split('/').all(|name| !matches!(name, "" | "." | "..")) && !path.contains('\0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below_their_directory() {
        for good in ["a", "a/b.txt", ".hidden", "..a/b", ".kapell", "a.kapell-b"] {
            assert_eq!(check_path(good), Ok(()), "{good}");
        }
        for bad in ["", "/a", "a/", "a//b", ".", "..", "a/../b", "a/.", "a\0b"] {
            assert!(check_path(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_store_s_own_names_are_its_own() {
        for bad in [".kapell-0123.part", "a/.kapell-x", ".kapell-/a"] {
            assert!(check_path(bad).is_err(), "{bad}");
        }
    }
}
