//! Blocks into clauses: where one ends and the next begins.
//!
//! A clause begins at a heading, at a number of at most two parts (`8` or `8.1`, printed or from a list), or at an
//! emphasised opening. In a text without any of these, every paragraph is one. Deeper numbers, bullets and lists
//! after a colon are enumerations inside their clause.

use crate::bindings::exports::kapell::contract_reader::reading::{Clause, ReadingError};
use crate::blocks::{Block, LONGEST_HEADING_WORDS};
use crate::printed_number::{depth, split_number};
use crate::words::single_spaced;

/// More clauses than any contract has; a bound for everything that follows.
const MOST_CLAUSES: usize = 2_000;

/// Cites deeper than `8.1` are parts of their clause.
const DEEPEST: usize = 2;

/// The clauses of a text, in order. A heading without words of its own is one with an empty text.
pub(crate) fn clauses(body: Vec<Block>) -> Result<Vec<Clause>, ReadingError> {
    let mut writer = Writer::default();
    for block in body.iter().flat_map(split_at_printed_numbers) {
        writer.take(&block);
    }
    writer.finish_clause();
    if writer.clauses.len() > MOST_CLAUSES {
        let found = writer.clauses.len();
        return Err(ReadingError::TooLarge(format!("{found} clauses; at most {MOST_CLAUSES} are read")));
    }
    Ok(writer.clauses)
}

/// Lines such as `1.1 Use.` and `1.2 Support.` without an empty line between them are one paragraph to Markdown.
/// A number after an unfinished sentence is a reference, and no new clause.
fn split_at_printed_numbers(block: &Block) -> Vec<Block> {
    let mut parts: Vec<Block> = Vec::new();
    for line in block.text.split_inclusive('\n') {
        let opens = split_number(line).is_some();
        match parts.last_mut().filter(|part| !(opens && ends_sentence(&part.text))) {
            Some(part) => part.text.push_str(line),
            None => parts.push(Block { text: line.into(), ..block.place() }),
        }
    }
    if let Some(first) = parts.first_mut() {
        first.opens_number = block.opens_number;
        first.lead = if block.lead.1 <= first.text.len() { block.lead } else { (0, 0) };
    }
    if parts.is_empty() { vec![block.clone()] } else { parts }
}

fn ends_sentence(text: &str) -> bool {
    text.trim_end().ends_with(['.', ';', ':', '!', '”', '"'])
}

#[derive(Default)]
struct Writer {
    clauses: Vec<Clause>,
    open: Option<Open>,
    section: Section,
}

/// The section that clauses stand in.
#[derive(Default)]
struct Section {
    number: String,
    heading: String,
}

/// The clause that is being written.
struct Open {
    clause: Clause,
    /// How many lists its first block stood in.
    depth: usize,
    /// Blocks of words so far, its heading not counted.
    paragraphs: usize,
}

/// How a block begins, taken apart.
struct Opening {
    number: String,
    heading: String,
    text: String,
    /// It is nothing but a heading.
    is_heading: bool,
}

impl Writer {
    fn take(&mut self, block: &Block) {
        if !block.rows.is_empty() {
            let rows = block.rows.iter().map(|row| row.join(" | "));
            return self.continue_clause(&rows.collect::<Vec<_>>().join("\n"), block.depth);
        }
        let opening = self.opening(block);
        let opens = opening.is_heading || !opening.number.is_empty() || !opening.heading.is_empty();
        if opens && !self.is_enumeration(block, &opening) {
            self.open_clause(opening, block);
        } else {
            self.continue_clause(&single_spaced(&block.text), block.depth);
        }
    }

    fn opening(&self, block: &Block) -> Opening {
        let (printed, rest) = match split_number(&block.text) {
            Some((number, rest)) => (number, rest),
            None => (String::new(), block.text.as_str()),
        };
        let number = if printed.is_empty() { self.list_number(block) } else { printed };
        let is_short = block.text.split_whitespace().count() <= LONGEST_HEADING_WORDS;
        if (block.level > 0 || is_shouted(rest)) && is_short {
            return Opening { number, heading: heading(rest), text: String::new(), is_heading: true };
        }
        let lead = block.text.get(block.lead.0..block.lead.1).map(str::trim).unwrap_or_default();
        let lead = if lead.is_empty() && !number.is_empty() { run_in_heading(rest) } else { lead };
        let lead = if lead.split_whitespace().count() > LONGEST_HEADING_WORDS { "" } else { lead };
        let text = rest.trim_start().strip_prefix(lead).unwrap_or(rest);
        let text = if lead.is_empty() { text } else { text.trim_start_matches(['.', ':', ' ']) };
        Opening { number, heading: heading(lead), text: single_spaced(text), is_heading: false }
    }

    /// The number by which a list item is cited: under a numbered heading, `3` and item 2 make `3.2`.
    fn list_number(&self, block: &Block) -> String {
        if !block.opens_number {
            return String::new();
        }
        let path: Vec<String> = block.path.iter().map(u64::to_string).collect();
        let is_below_section = block.level == 0 && !self.section.number.is_empty() && path.len() == 1;
        match is_below_section && self.section_is_no_item() {
            true => format!("{}.{}", self.section.number, path.join(".")),
            false => path.join("."),
        }
    }

    /// Whether the section's heading stands outside of every list, so that a list under it starts from 1.
    fn section_is_no_item(&self) -> bool {
        self.section.heading.is_empty()
            || self.open.as_ref().is_none_or(|open| open.depth == 0)
            || self.last_was_in_section()
    }

    fn last_was_in_section(&self) -> bool {
        let prefix = format!("{}.", self.section.number);
        self.open.as_ref().is_some_and(|open| open.clause.number.starts_with(&prefix))
    }

    /// Part of the clause before it: cited too deep, or in a list that a colon announces.
    fn is_enumeration(&self, block: &Block, opening: &Opening) -> bool {
        if opening.is_heading && block.level > 0 && block.level < crate::blocks::EMPHASISED {
            return false;
        }
        let Some(open) = &self.open else { return false };
        let is_deeper = block.depth > open.depth;
        let is_announced = open.clause.text.trim_end().ends_with([':', ';', ','])
            || open.clause.text.trim_end().ends_with(" and")
            || open.clause.text.trim_end().ends_with(" or");
        depth(&opening.number) > DEEPEST || (is_deeper && is_announced && open.paragraphs > 0)
    }

    fn open_clause(&mut self, opening: Opening, block: &Block) {
        self.finish_clause();
        if depth(&opening.number) < DEEPEST && (opening.is_heading || !opening.number.is_empty()) {
            self.section = Section { number: opening.number.clone(), heading: opening.heading.clone() };
        }
        let section =
            if self.section.heading == opening.heading { "" } else { self.section.heading.as_str() };
        let paragraphs = usize::from(!opening.text.is_empty());
        let Opening { number, heading, text, .. } = opening;
        let clause = Clause { number, section: section.to_owned(), heading, text };
        self.open = Some(Open { clause, depth: block.depth, paragraphs });
    }

    /// Words without an opening belong to the clause before them, unless its list has ended or it is nothing but
    /// a paragraph itself.
    fn continue_clause(&mut self, words: &str, depth: usize) {
        let belongs = self.open.as_ref().is_some_and(|open| {
            let is_bare = open.clause.number.is_empty() && open.clause.heading.is_empty();
            let list_ended = depth < open.depth;
            open.paragraphs == 0 || !(is_bare && depth == 0 || list_ended)
        });
        match self.open.as_mut().filter(|_| belongs) {
            Some(open) => {
                if !open.clause.text.is_empty() {
                    open.clause.text.push('\n');
                }
                open.clause.text.push_str(words);
                open.paragraphs += 1;
            }
            None => self.open_bare(words, depth),
        }
    }

    fn open_bare(&mut self, words: &str, depth: usize) {
        // What follows after a list of clauses stands in none of its sections.
        if self.open.as_ref().is_some_and(|open| depth < open.depth) {
            self.section = Section::default();
        }
        self.finish_clause();
        let section = self.section.heading.clone();
        let clause = Clause { number: String::new(), section, heading: String::new(), text: words.into() };
        self.open = Some(Open { clause, depth, paragraphs: 1 });
    }

    fn finish_clause(&mut self) {
        self.clauses.extend(self.open.take().map(|open| open.clause));
    }
}

/// A heading without its closing mark.
fn heading(text: &str) -> String {
    single_spaced(text).trim_end_matches(['.', ':']).to_owned()
}

/// A short line in capitals, as in typewritten contracts.
fn is_shouted(text: &str) -> bool {
    let letters = text.chars().filter(|character| character.is_alphabetic());
    let is_capital = letters.clone().count() >= 4 && letters.clone().all(char::is_uppercase);
    is_capital && !text.trim_end().ends_with(['.', ';', ','])
}

/// `Access and Use` in `Access and Use. During the period …`: few words, every longer one capitalised.
fn run_in_heading(text: &str) -> &str {
    let text = text.trim_start();
    let Some((opening, rest)) = text.split_once(". ").filter(|(opening, _)| opening.len() <= 60) else {
        return "";
    };
    let is_titled =
        |word: &str| word.len() <= 3 || word.starts_with(|character: char| !character.is_lowercase());
    let is_short = opening.split_whitespace().count() <= 6;
    let starts_capital = opening.starts_with(char::is_uppercase)
        && rest.trim_start().starts_with(|next: char| !next.is_lowercase());
    if is_short && starts_capital && opening.split_whitespace().all(is_titled) { opening } else { "" }
}
