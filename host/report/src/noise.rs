//! Whether asking a question tells anybody anything: the one definition for whatever counts answers.

use serde::Serialize;

/// The fewest answers from which one can say that a question is always answered the same way: of fewer, one other
/// answer is over five in a hundred.
pub const NOISE_FROM: u64 = 20;

/// What to think of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Judged {
    /// It is answered the same way more than 95 times in a hundred: asking it tells nobody anything.
    Noise,
    /// Its answers differ.
    Varied,
    /// It was answered too rarely to say.
    TooFew,
}

impl Judged {
    /// The word in reports.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Judged::Noise => "noise",
            Judged::Varied => "varied",
            Judged::TooFew => "too-few",
        }
    }

    /// Of a question that was answered so often, and so often in its commonest way.
    #[must_use]
    pub const fn of(same_way: u64, answered: u64) -> Self {
        match answered {
            0..NOISE_FROM => Judged::TooFew,
            _ if same_way * 100 > answered * 95 => Judged::Noise,
            _ => Judged::Varied,
        }
    }
}
