//! What was found, in three parts: what holds, what does not and where, what can't be known.

use serde_json::{Value, json};
use std::fmt::Write as _;

/// Most faults that are told one by one; further ones are counted.
const TOLD_MAX: usize = 50;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What was looked at, one line.
    pub about: String,
    /// What holds.
    pub holds: Vec<Line>,
    /// What does not hold, the first faults one by one.
    pub broken: Vec<Line>,
    /// How many more there are.
    pub more_broken: u64,
    /// What can't be known from what was given.
    pub unknown: Vec<Line>,
    /// How many checkpoints that were given nothing here leads on from: what was asked about them is not answered.
    pub unanswered: u64,
    /// Whether nobody said which key to trust: then whoever made the file may have made the key.
    pub unkeyed: bool,
    /// How many entries were read.
    pub entries: u64,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What was looked at, a word or two.
    pub what: String,
    /// Where.
    pub place: Place,
    /// What was found.
    pub words: String,
}

/// Where something was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// Nowhere in particular.
    #[default]
    Whole,
    /// At this byte of the file.
    Byte(u64),
    /// In this member of the file.
    Member(String),
    /// At this entry.
    Entry {
        /// Its run; none when that can't be read.
        run: Option<String>,
        /// Its number in the run, 0 when that can't be read.
        seq: u64,
        /// Its leaf in the log from 0, where that is known.
        leaf: Option<u64>,
    },
    /// At one of these entries of the log, from 0, the end not among them.
    Leaves(u64, u64),
}

impl Report {
    /// Notes what holds.
    pub fn holds(&mut self, what: &str, words: impl Into<String>) {
        self.holds.push(Line { what: what.into(), place: Place::Whole, words: words.into() });
    }

    /// Notes what does not.
    pub fn broken(&mut self, what: &str, place: Place, words: impl Into<String>) {
        match self.broken.len() < TOLD_MAX {
            true => self.broken.push(Line { what: what.into(), place, words: words.into() }),
            false => self.more_broken += 1,
        }
    }

    /// Notes what can't be known.
    pub fn unknown(&mut self, what: &str, words: impl Into<String>) {
        self.unknown.push(Line { what: what.into(), place: Place::Whole, words: words.into() });
    }

    /// Whether nothing was found that does not hold.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.broken.is_empty()
    }

    /// Whether everything that was asked could be answered.
    #[must_use]
    pub const fn is_answered(&self) -> bool {
        self.unanswered == 0 && !self.unkeyed
    }

    /// What it comes to, in one line.
    fn verdict(&self) -> &'static str {
        match (self.is_sound(), self.unkeyed, self.unanswered) {
            (false, ..) => "it does not hold",
            (true, false, 0) => "it holds",
            (true, true, 0) => "it holds, as far as it goes: nobody said which key to trust",
            (true, false, _) => {
                "it holds, as far as it goes: nothing in it leads on from a checkpoint you gave"
            }
            (true, true, _) => {
                "it holds, as far as it goes: nobody said which key to trust, and nothing in it leads on from a checkpoint you gave"
            }
        }
    }

    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("{}\n", self.about);
        part(&mut text, "holds", &self.holds);
        part(&mut text, "does not hold", &self.broken);
        if self.more_broken > 0 {
            // Writing to a String can't fail.
            let _ = writeln!(text, "  and {} more", self.more_broken);
        }
        part(&mut text, "can't be known", &self.unknown);
        let _ = write!(text, "\n{}", self.verdict());
        text
    }

    /// For programs.
    #[must_use]
    pub fn json(&self) -> Value {
        let lines = |lines: &[Line]| lines.iter().map(Line::json).collect::<Vec<_>>();
        json!({
            "schema": "kapell.verify/1", "about": self.about, "sound": self.is_sound(), "unanswered": self.unanswered, "unkeyed": self.unkeyed, "entries": self.entries,
            "holds": lines(&self.holds), "broken": lines(&self.broken), "more-broken": self.more_broken,
            "unknown": lines(&self.unknown),
        })
    }
}

/// The day of an instant, UTC: years of 400 as the Gregorian calendar repeats, from a March on, so that the day that is
/// sometimes there stands at the end.
pub(crate) fn day(millis: u64) -> String {
    let days = millis / 86_400_000 + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{:04}-{month:02}-{day:02}", era * 400 + year + next)
}

/// A span of time in the largest unit that holds it whole.
pub(crate) fn span(millis: u64) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s")];
    let whole = units.into_iter().find(|(unit, _)| millis > 0 && millis.is_multiple_of(*unit));
    whole.map_or_else(|| format!("{millis} ms"), |(unit, word)| format!("{} {word}", millis / unit))
}

/// An instant, UTC, to the second.
pub(crate) fn instant(millis: u64) -> String {
    let seconds = millis / 1_000 % 86_400;
    format!("{}T{:02}:{:02}:{:02}", day(millis), seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

fn part(text: &mut String, title: &str, lines: &[Line]) {
    if lines.is_empty() {
        return;
    }
    let wide = lines.iter().map(|line| line.what.chars().count()).max().unwrap_or_default();
    let _ = write!(text, "\n{title}\n");
    for Line { what, place, words } in lines {
        let at = place.words();
        let colon = if at.is_empty() { "" } else { ": " };
        let _ = writeln!(text, "  {what:wide$}  {at}{colon}{words}");
    }
}

impl Line {
    /// What, where and what was found, in one line.
    #[must_use]
    pub fn told(&self) -> String {
        let at = self.place.words();
        let parts = [self.what.as_str(), &at, &self.words];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ")
    }

    fn json(&self) -> Value {
        let mut line = json!({ "what": self.what, "words": self.words });
        let place = match &self.place {
            Place::Whole => return line,
            Place::Byte(byte) => json!({ "byte": byte }),
            Place::Member(name) => json!({ "member": name }),
            Place::Entry { run, seq, leaf } => json!({ "run": run, "entry": seq, "leaf": leaf }),
            Place::Leaves(from, to) => json!({ "leaves": [from, to] }),
        };
        if let Some(line) = line.as_object_mut() {
            line.insert("at".into(), place);
        }
        line
    }
}

impl Place {
    fn words(&self) -> String {
        match self {
            Place::Whole => String::new(),
            Place::Byte(byte) => format!("byte {byte}"),
            Place::Member(name) => name.clone(),
            Place::Entry { run: Some(run), seq, leaf: None } => format!("entry {seq} of {run}"),
            Place::Entry { run: Some(run), seq, leaf: Some(leaf) } => {
                format!("entry {seq} of {run} (leaf {leaf})")
            }
            Place::Entry { run: None, leaf: Some(leaf), .. } => format!("leaf {leaf}"),
            Place::Entry { run: None, seq, leaf: None } => format!("entry {seq}"),
            Place::Leaves(from, to) if from.checked_add(1) == Some(*to) => format!("leaf {from}"),
            Place::Leaves(from, to) => format!("leaves {from} to {}", to.saturating_sub(1)),
        }
    }
}

/// How many of something, in words.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_told_in_three_parts() {
        let mut report = Report { about: "run demo-1".into(), ..Report::default() };
        report.holds("signature", "it is signed");
        report.broken("chain", Place::Entry { run: Some("demo-1".into()), seq: 2, leaf: None }, "is another");
        report.unknown("truth", "who wrote it may have lied");
        let text = "run demo-1\n\nholds\n  signature  it is signed\n\ndoes not hold\n  chain  entry 2 of demo-1: is another\n\n\
            can't be known\n  truth  who wrote it may have lied\n\nit does not hold";
        assert_eq!(report.text(), text);
        let mut sound = Report::default();
        let last = |report: &Report| report.text().lines().last().map(str::to_owned);
        assert_eq!((last(&sound).as_deref(), sound.is_answered()), (Some("it holds"), true));
        sound.unkeyed = true;
        let words = "it holds, as far as it goes: nobody said which key to trust";
        assert_eq!((last(&sound).as_deref(), sound.is_answered()), (Some(words), false));
        sound.unanswered = 1;
        assert_eq!(
            last(&sound),
            Some(format!("{words}, and nothing in it leads on from a checkpoint you gave"))
        );
        for _ in 0..TOLD_MAX {
            report.broken("chain", Place::Byte(7), "is another");
        }
        assert_eq!((report.broken.len(), report.more_broken), (TOLD_MAX, 1));
        assert!(report.text().contains("\n  and 1 more\n"));
    }
}
