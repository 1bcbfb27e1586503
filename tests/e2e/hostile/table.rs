//! The shape all hostile cases share, whatever they attack.

use serde::Deserialize;
use std::fmt::Write as _;

/// Widest cell that is printed whole.
const WIDE: usize = 56;

/// One case: what it finds, what it does, and what it must be answered, line by line.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    /// Its stable name, such as `FS-1`; several cases may share one.
    pub(crate) id: String,
    /// What is there before, in the words of its family.
    #[serde(default)]
    pub(crate) given: Vec<String>,
    /// What is done, in the words of its family.
    pub(crate) does: Vec<String>,
    /// What it must be answered.
    pub(crate) expected: Vec<String>,
    /// What must be there afterwards, in the words of its family; none where nothing may have changed.
    pub(crate) left: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    case: Vec<Case>,
}

/// What became of a case.
enum Seen {
    Answered(Vec<String>),
    Skipped(String),
}

/// The cases of one family, and what became of each.
pub(crate) struct Table {
    rows: Vec<(Case, Option<Seen>)>,
}

impl Table {
    /// The cases of a family, from the text of its file; none of them played yet.
    pub(crate) fn read(text: &str) -> Self {
        let Cases { case } = toml::from_str(text).unwrap_or_else(|error| panic!("{error}"));
        Self { rows: case.into_iter().map(|case| (case, None)).collect() }
    }

    /// The cases, each with its place in the table.
    pub(crate) fn cases(&self) -> Vec<(usize, Case)> {
        self.rows.iter().map(|(case, _)| case.clone()).enumerate().collect()
    }

    /// Notes what was seen.
    pub(crate) fn saw(&mut self, place: usize, seen: Vec<String>) {
        self.rows[place].1 = Some(Seen::Answered(seen));
    }

    /// Notes what this machine lacks to play the case.
    pub(crate) fn skipped(&mut self, place: usize, why: String) {
        self.rows[place].1 = Some(Seen::Skipped(why));
    }

    /// Prints the table and holds what was seen against what was expected.
    pub(crate) fn finish(self, ids: &[&str]) {
        let text: String = self.rows.iter().map(shown).collect();
        eprintln!("{:6} {:WIDE$} {:WIDE$} seen\n{text}", "case", "does", "expected");
        let missing = ids.iter().filter(|id| !self.rows.iter().any(|(case, _)| case.id == **id));
        assert_eq!(missing.collect::<Vec<_>>(), [&""; 0], "ids without a case");
        let wrong: String = self.rows.iter().filter(|row| !holds(row)).map(shown).collect();
        assert!(wrong.is_empty(), "not as expected:\n{wrong}");
    }
}

fn holds((case, seen): &(Case, Option<Seen>)) -> bool {
    match seen {
        Some(Seen::Answered(seen)) => *seen == case.expected,
        Some(Seen::Skipped(_)) => std::env::var("KAPELL_TEST_REQUIRE").as_deref() != Ok("all"),
        None => false,
    }
}

/// One line for each thing done, with what answered it.
fn shown((case, seen): &(Case, Option<Seen>)) -> String {
    let skipped;
    let seen = match seen {
        Some(Seen::Answered(seen)) => seen.as_slice(),
        Some(Seen::Skipped(why)) => {
            skipped = [format!("skipped: {why}")];
            skipped.as_slice()
        }
        None => &[],
    };
    let mut text = String::new();
    let lines = case.does.len().max(case.expected.len()).max(seen.len());
    for line in 0..lines {
        let cell = |cells: &[String]| cells.get(line).map_or(String::new(), |cell| cut(cell));
        let id = if line == 0 { case.id.as_str() } else { "" };
        // Writing to a String can't fail.
        let _ =
            writeln!(text, "{id:6} {:WIDE$} {:WIDE$} {}", cell(&case.does), cell(&case.expected), cell(seen));
    }
    text
}

fn cut(cell: &str) -> String {
    let cell = cell.escape_debug().to_string().replace("\\'", "'").replace("\\\"", "\"");
    match cell.char_indices().nth(WIDE) {
        None => cell,
        Some(_) => cell.chars().take(WIDE - 1).chain(['…']).collect(),
    }
}
