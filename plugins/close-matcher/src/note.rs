//! The note that goes with a close, in Markdown: what a reader has to know before opening a file. A second note answers
//! what was found weak in the first: items that are too long end earlier, and items that say the same become one.

use crate::exceptions::side_word;
use crate::{Finding, Side, Summary, Weakness};
use kapell_cells::on_one_line;
use std::fmt::Write as _;

/// Characters of an item that was found too long.
const LONGEST: usize = 120;
/// Items of a section; the files have them all.
const TOLD: usize = 25;

/// One item of a section, with the lines of exports it is about.
#[derive(Clone, Debug)]
struct Item {
    text: String,
    lines: Vec<u32>,
}

struct Section {
    heading: &'static str,
    items: Vec<Item>,
    /// How many more there are than are told.
    more: usize,
}

/// Writes the note.
pub(crate) fn write(
    month: &str,
    summary: &Summary,
    ledger: &[Finding],
    bank: &[Finding],
    weak: &[Weakness],
) -> String {
    let mut sections = vec![
        section(
            "Proof",
            summary.proof.iter().map(|step| item(&format!("{}: {}", step.what, step.amount), 0)),
            0,
        ),
        section("Matched", matched(summary), 0),
        section("Small differences", small(summary), summary.small_total as usize),
        section("Exceptions", exceptions(summary), summary.open_total as usize),
        section("Journal draft", [item(&drafted(summary), 0)].into_iter(), 0),
        section("Ledger export", ledger.iter().map(|it| found(it, Side::Ledger)), ledger.len()),
        section("Bank export", bank.iter().map(|it| found(it, Side::Bank)), bank.len()),
    ];
    sections.retain(|section| !section.items.is_empty());
    let head = head(month, summary);
    if !weak.is_empty() {
        answer(&mut sections, &head, weak);
    }
    let mut note = head;
    for line in sections.iter().flat_map(Section::lines) {
        note.push_str(&line);
        note.push('\n');
    }
    note
}

fn head(month: &str, summary: &Summary) -> String {
    let state = match summary.balanced {
        true => "It balances: the difference of the two sides is explained to the last cent.".to_owned(),
        false => format!("It does not balance: {} of the difference are not explained.", summary.off_by),
    };
    let compared = match summary.compared.as_str() {
        "balances" => "",
        _ => " Only movements are compared: an export has no balances.",
    };
    let doubt = summary.currency_doubt.as_ref().map(|doubt| format!(" In doubt: {}.", plain(doubt)));
    let doubt = doubt.unwrap_or_default();
    format!("# Month-end close {} (draft)\n\n{state}{compared}{doubt}\n", plain(month))
}

fn section(heading: &'static str, items: impl Iterator<Item = Item>, total: usize) -> Section {
    let items: Vec<Item> = items.take(TOLD).collect();
    let more = total.saturating_sub(items.len());
    Section { heading, items, more }
}

fn item(text: &str, line: u32) -> Item {
    Item { text: plain(text), lines: if line == 0 { Vec::new() } else { vec![line] } }
}

fn matched(summary: &Summary) -> impl Iterator<Item = Item> {
    summary.matched.iter().map(|found| {
        let times = if found.matches == 1 { "once".to_owned() } else { format!("{} times", found.matches) };
        item(&format!("by {}: {times}, {} lines", found.how, found.lines), 0)
    })
}

fn small(summary: &Summary) -> impl Iterator<Item = Item> {
    summary.small.iter().map(|small| {
        let (size, than) = match small.difference.strip_prefix('-') {
            Some(size) => (size, "less"),
            None => (small.difference.as_str(), "more"),
        };
        item(&format!("{size} {than} in the bank: {}", small.text), small.bank_line)
    })
}

fn exceptions(summary: &Summary) -> impl Iterator<Item = Item> {
    summary.open.iter().map(|open| {
        let side = side_word(open.side);
        let text = if open.text.is_empty() { "no text" } else { &open.text };
        // In words, since a reader may miss a sign.
        let (size, way) = match open.amount.strip_prefix('-') {
            Some(size) => (size, "out of"),
            None => (open.amount.as_str(), "into"),
        };
        item(&format!("{size} {way} the {side} on {}: {}; {text}", open.date, open.why), open.line)
    })
}

fn drafted(summary: &Summary) -> String {
    let journal = &summary.journal;
    let balance = match journal.off_by.as_str() {
        "0.00" => "debits and credits are the same".to_owned(),
        off_by => format!("debits and credits differ by {off_by}"),
    };
    let entries = if journal.entries == 1 { "entry" } else { "entries" };
    format!("{} {entries} over {}; {balance}", journal.entries, journal.debits)
}

/// With its side, since both exports may have the same.
fn found(finding: &Finding, side: Side) -> Item {
    let (kind, side) = (finding.kind.replace('-', " "), side_word(side));
    item(&format!("{kind} in the {side}: {}", finding.why), finding.line)
}

impl Section {
    /// The lines of the note, a blank one first.
    fn lines(&self) -> Vec<String> {
        let mut lines = vec![String::new(), format!("## {}", self.heading), String::new()];
        lines.extend(self.items.iter().map(Item::told));
        if self.more > 0 {
            let what = self.heading.to_lowercase();
            lines.push(format!("- and {} more of {what}, in the files that go with this note", self.more));
        }
        lines
    }
}

impl Item {
    fn told(&self) -> String {
        let mut told = format!("- {}", self.text);
        let mut before = " (";
        for line in &self.lines {
            let _ = write!(told, "{before}#{line}");
            before = ", ";
        }
        if !self.lines.is_empty() {
            told.push(')');
        }
        told
    }
}

/// Makes of each item that was found weak one that is not.
fn answer(sections: &mut [Section], head: &str, weak: &[Weakness]) {
    let mut at = head.lines().count();
    for section in sections {
        // The blank line, the heading, and another blank one.
        at += 3;
        let found = |place: usize, rule: &str| {
            weak.iter().any(|weak| weak.rule == rule && weak.line as usize == at + place + 1)
        };
        let mut kept: Vec<Item> = Vec::new();
        for (place, mut item) in section.items.iter().cloned().enumerate() {
            if found(place, "too-long") {
                item.text = shortened(&item.text);
            }
            // Items that were cut may say the same from now on.
            let same = kept.iter_mut().find(|kept| words(&kept.text) == words(&item.text));
            match same {
                Some(same) => same.lines.extend(item.lines),
                None => kept.push(item),
            }
        }
        at += section.items.len() + usize::from(section.more > 0);
        section.items = kept;
    }
}

/// What makes two items the same to a reader.
fn words(text: &str) -> String {
    let lower = text.to_lowercase();
    let words = lower.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

fn shortened(text: &str) -> String {
    let end = text.char_indices().nth(LONGEST - 1).map_or(text.len(), |(end, _)| end);
    let cut = text.get(..end).unwrap_or(text);
    let word = cut.rsplit_once(' ').map_or(cut, |(words, _)| words);
    // A backslash at the end would mark what follows it.
    format!("{}…", word.trim_end_matches('\\'))
}

/// Text that stays text: one line, and nothing in it marks.
fn plain(text: &str) -> String {
    let line = on_one_line(text);
    let mut letters = line.chars().peekable();
    let mut plain = String::with_capacity(line.len());
    while let Some(letter) = letters.next() {
        let marks = match letter {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '~' | '|' => true,
            // `&amp;` is a letter, `Oak & Ash` are two names.
            '&' => letters.peek().is_some_and(|next| next.is_alphanumeric() || *next == '#'),
            _ => false,
        };
        if marks {
            plain.push('\\');
        }
        plain.push(letter);
    }
    plain
}
