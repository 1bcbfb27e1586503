//! What can go wrong with a home, sorted by who must act. A face turns the kind into its own codes.

use kapell_conductor::answer::AnswerError;
use kapell_conductor::drive::DriveError;
use kapell_journal::seam::JournalError;
use kapell_model::grant::Refusal;
use kapell_model::source::Diagnostics;
use std::fmt;
use std::io;
use std::path::Path;

/// What went wrong, on which thing, what to do.
#[derive(Debug)]
pub struct HomeError {
    /// Who must act.
    pub kind: Kind,
    /// What failed on which thing, with its cause; no full stop.
    pub message: String,
    /// What to do, if there is something to say.
    pub hint: Option<String>,
    /// What is wrong with a text, place by place.
    pub diagnostics: Option<Diagnostics>,
    /// What was refused, each with the rule to paste.
    pub refusals: Vec<Refusal>,
}

/// Who must act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The one who called: a missing or misfitting argument.
    Argument,
    /// The author of a manifest, policy, flow, or of bytes that are no skill.
    Invalid,
    /// The operator: something is not permitted.
    Refused,
    /// Nobody: what was named is not there.
    NotFound,
    /// Everybody: what is stored is not what was written.
    Integrity,
    /// Nobody at present: another process drives the run.
    Taken,
    /// The host's own trouble: disk, engine, a defect.
    Internal,
}

impl fmt::Display for HomeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for HomeError {}

impl HomeError {
    /// An error of that kind.
    #[must_use]
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, diagnostics: None, refusals: Vec::new() }
    }

    /// The same with advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A file or folder that can't be worked with.
    #[must_use]
    pub fn io(doing: &str, path: &Path, cause: &io::Error) -> Self {
        let kind = match cause.kind() {
            io::ErrorKind::NotFound => Kind::NotFound,
            io::ErrorKind::InvalidData => Kind::Invalid,
            _ => Kind::Internal,
        };
        Self::new(kind, format!("{doing} {}: {cause}", path.display()))
    }

    /// Something that is not there, with the nearest name that is.
    #[must_use]
    pub fn not_found<'a>(what: &str, name: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let error = Self::new(Kind::NotFound, format!("there is no {what} `{name}`"));
        match kapell_model::source::nearest(name, known) {
            Some(nearest) => error.hint(format!("did you mean `{nearest}`?")),
            None => error,
        }
    }

    /// An operation a skill does not have, with the nearest one it has.
    #[must_use]
    pub fn no_operation<'a>(
        skill: &str,
        name: &str,
        known: impl IntoIterator<Item = &'a str> + Clone,
    ) -> Self {
        let list = known.clone().into_iter().collect::<Vec<_>>().join(", ");
        let error = Self::not_found("operation", name, known);
        let hint = error.hint.clone().unwrap_or_else(|| format!("it has {list}"));
        Self { message: format!("{} in {skill}", error.message), ..error }.hint(hint)
    }

    /// Refusals before anything ran.
    #[must_use]
    pub fn refused(what: &str, refusals: Vec<Refusal>) -> Self {
        let mut by_reason: Vec<(&str, Vec<&str>)> = Vec::new();
        for refusal in &refusals {
            match by_reason.iter_mut().find(|(why, _)| *why == refusal.why) {
                Some((_, subjects)) => subjects.push(&refusal.subject),
                None => by_reason.push((&refusal.why, vec![&refusal.subject])),
            }
        }
        let lines = by_reason.iter().map(|(why, subjects)| format!("{}: {why}", subjects.join(", ")));
        let list = lines.collect::<Vec<_>>().join("; ");
        Self { refusals, ..Self::new(Kind::Refused, format!("{what} is refused: {list}")) }
    }
}

impl From<Diagnostics> for HomeError {
    fn from(diagnostics: Diagnostics) -> Self {
        let kind = if diagnostics.refused() { Kind::Refused } else { Kind::Invalid };
        let message = diagnostics.to_string();
        Self { diagnostics: Some(diagnostics), ..Self::new(kind, message) }
    }
}

impl From<JournalError> for HomeError {
    fn from(error: JournalError) -> Self {
        let message = error.to_string();
        match error {
            JournalError::NotFound(_) => Self::new(Kind::NotFound, message).hint("`kapell runs list` shows all runs"),
            JournalError::Owned(_) | JournalError::Fenced(_) => Self::new(Kind::Taken, message)
                .hint("wait until it has come to rest, or stop it with `runs cancel`"),
            JournalError::Damaged(_) => Self::new(Kind::Integrity, message)
                .hint("nothing was run; keep a copy of the home as it is before you do anything else"),
            JournalError::Unplaced { ref run, .. } => Self::new(Kind::Internal, message)
                .hint(format!("nothing is lost: mend the directory, then `kapell runs resume {run}` puts it there")),
            JournalError::Unavailable { .. } => Self::new(Kind::Internal, message)
                .hint("nothing runs without its journal: free space or mend permissions, then run the same command again"),
            _ => Self::new(Kind::Internal, message),
        }
    }
}

impl From<DriveError> for HomeError {
    fn from(error: DriveError) -> Self {
        match error {
            DriveError::Journal(error) => error.into(),
            DriveError::Erase(error) => error.into(),
            DriveError::Fold(error) => Self::new(Kind::Integrity, error.to_string()),
            DriveError::Answer(error) => {
                let kind = match error {
                    AnswerError::NotAsked { .. }
                    | AnswerError::OwnRun(_)
                    | AnswerError::NoOverride(_)
                    | AnswerError::NotOverriding { .. } => Kind::Refused,
                    AnswerError::Host(_) => Kind::Internal,
                    _ => Kind::Argument,
                };
                Self::new(kind, error.to_string())
            }
            other => Self::new(Kind::Internal, other.to_string())
                .hint("the journal holds everything up to here; `kapell runs resume` goes on from it"),
        }
    }
}

impl From<kapell_store::StoreError> for HomeError {
    fn from(error: kapell_store::StoreError) -> Self {
        use kapell_store::StoreError;
        match error {
            StoreError::Journal(error) => error.into(),
            StoreError::NotInstalled { .. } | StoreError::NoComponent(_) => {
                Self::new(Kind::NotFound, error.to_string())
            }
            StoreError::Open { .. } => Self::new(Kind::Internal, error.to_string()).hint(
                "nothing runs without its journal: free space or mend permissions; `kapell doctor` looks at every file",
            ),
            other => Self::new(Kind::Internal, other.to_string()),
        }
    }
}
