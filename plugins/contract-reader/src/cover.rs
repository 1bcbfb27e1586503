//! The cover page: which part of a text it is, and the facts its lines state.
//!
//! The page is everything before the first clause, and what stands under headings such as "Cover Page" or
//! "Signatures". Only lines of a known label and a short value are taken out; all else stays with the clauses.

use crate::bindings::exports::kapell::contract_reader::reading::{
    Customer, Doubt, Entry, Money, ReadingError,
};
use crate::blocks::{Block, EMPHASISED, LONGEST_HEADING_WORDS};
use crate::labels::{self, Label};
use crate::printed_number::split_number;
use crate::words::{hides_something, shown, single_spaced};
use crate::{day, fee};

/// A text in three parts; together they hold every word of it but the page's own headings.
pub(crate) struct Parts {
    pub(crate) title: String,
    pub(crate) lines: Vec<Line>,
    pub(crate) body: Vec<Block>,
}

/// One line of a cover page with a known label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    kind: Label,
    label: String,
    value: String,
}

/// Takes the title and the lines of the cover page out of a text.
pub(crate) fn part(blocks: Vec<Block>) -> Parts {
    let mut page = Page { open: true, level: 0, is_other_side: false, asked: None };
    let mut parts = Parts { title: String::new(), lines: Vec::new(), body: Vec::new() };
    for (position, block) in blocks.into_iter().enumerate() {
        if position == 0 && is_title(&block) {
            parts.title = single_spaced(&block.text);
        } else if block.level > 0 {
            page.take_heading(block, &mut parts);
        } else {
            page.take_block(block, &mut parts);
        }
    }
    page.forget_question(&mut parts);
    parts
}

fn is_title(block: &Block) -> bool {
    let is_short = block.text.split_whitespace().count() <= LONGEST_HEADING_WORDS;
    let is_plain =
        block.path.is_empty() && split_number(&block.text).is_none() && !labels::opens_page(&block.text);
    matches!(block.level, 1 | EMPHASISED) && is_short && is_plain
}

/// Where in or outside of a cover page the walk is.
struct Page {
    open: bool,
    /// The level of the heading that opened it; 0 for what stands before the first heading.
    level: usize,
    is_other_side: bool,
    /// A label that stands as a heading of its own and waits for its value.
    asked: Option<Block>,
}

impl Page {
    fn take_heading(&mut self, block: Block, parts: &mut Parts) {
        self.forget_question(parts);
        let is_numbered = block.opens_number || split_number(&block.text).is_some();
        let is_below = self.open && self.level > 0 && (block.level > self.level || block.level == EMPHASISED);
        if !is_numbered && labels::opens_page(&block.text) {
            *self = Page { open: true, level: block.level, is_other_side: false, asked: None };
        } else if !is_numbered && parts.body.is_empty() && labels::announces_terms(&block.text) {
            self.open = false;
        } else if is_below && !is_numbered {
            self.take_heading_inside(block, parts);
        } else {
            self.open = false;
            parts.body.push(block);
        }
    }

    fn take_heading_inside(&mut self, block: Block, parts: &mut Parts) {
        if let Some(is_ours) = labels::side(&block.text) {
            self.is_other_side = !is_ours;
            // `### Customer` may be followed by lines about the customer or by its name.
            self.asked = is_ours.then_some(block);
        } else if labels::label(&block.text).is_some() {
            self.asked = Some(block);
        } else {
            parts.body.push(block);
        }
    }

    fn take_block(&mut self, block: Block, parts: &mut Parts) {
        let opens_clause = split_number(&block.text).is_some() || (self.level == 0 && block.opens_number);
        if self.open && opens_clause {
            self.forget_question(parts);
            self.open = self.level > 0;
            parts.body.push(block);
        } else if !self.open {
            parts.body.push(block);
        } else if block.rows.is_empty() {
            self.take_lines(&block, parts);
        } else {
            self.forget_question(parts);
            self.take_table(block, parts);
        }
    }

    fn take_lines(&mut self, block: &Block, parts: &mut Parts) {
        let asked = self.asked.take();
        let mut rest: Vec<&str> = Vec::new();
        for (position, text) in block.text.lines().enumerate() {
            let by_itself = text.split_once(':').and_then(|(label, value)| self.line(label, value));
            let by_heading = || match &asked {
                Some(heading) if position == 0 => self.line(&heading.text, text),
                _ => None,
            };
            match by_itself.or_else(by_heading) {
                Some(line) => parts.lines.push(line),
                None => rest.push(text),
            }
        }
        if !rest.is_empty() {
            let is_whole = rest.len() == block.text.lines().count();
            parts.body.extend(asked.filter(|heading| is_whole && labels::side(&heading.text).is_none()));
            parts.body.push(remainder(block, &rest, is_whole));
        }
    }

    fn take_table(&self, block: Block, parts: &mut Parts) {
        let ours = party_column(&block.rows);
        let rows = block.rows.iter().skip(usize::from(ours.is_some()));
        let mut rest = Vec::new();
        for row in rows.filter(|row| row.iter().any(|cell| !cell.is_empty())) {
            match self.lines_of_row(row, ours) {
                Some(lines) => parts.lines.extend(lines),
                None => rest.push(row.clone()),
            }
        }
        if !rest.is_empty() {
            parts.body.push(Block { rows: rest, ..block });
        }
    }

    /// The lines of one row: a label and its value, or a label and one value for each side.
    fn lines_of_row(&self, row: &[String], ours: Option<usize>) -> Option<Vec<Line>> {
        let (label, values) = row.split_first()?;
        let Some(ours) = ours else {
            let [value] = values else { return None };
            return self.line(label, value).map(|line| vec![line]);
        };
        let line_of = |(column, value): (usize, &String)| {
            let side = Page { open: true, level: 1, is_other_side: column + 1 != ours, asked: None };
            side.line(label, value)
        };
        values.iter().enumerate().map(line_of).collect()
    }

    /// A line that is taken out: its label is known, and its value is no term.
    fn line(&self, label: &str, value: &str) -> Option<Line> {
        let kind = labels::label(label)?;
        let value = single_spaced(value);
        let names_fact = !matches!(kind, Label::Plain | Label::Furniture);
        let is_term = labels::reads_like_a_term(&value) && !labels::is_blank(&value);
        let kind = match kind {
            _ if self.is_other_side => Label::Plain,
            // `Item | Details` heads a table; `Term: 3 years` is a term.
            Label::Furniture if !matches!(value.to_lowercase().as_str(), "details" | "detail" | "value") => {
                return None;
            }
            kind => kind,
        };
        (!is_term || (names_fact && kind != Label::Plain)).then(|| Line {
            kind,
            label: single_spaced(label),
            value,
        })
    }

    /// A label without a value is not dropped: its heading stays with the clauses.
    fn forget_question(&mut self, parts: &mut Parts) {
        parts.body.extend(self.asked.take().filter(|heading| labels::label(&heading.text).is_none()));
    }
}

/// What is left of a block after its known lines were taken.
fn remainder(block: &Block, rest: &[&str], is_whole: bool) -> Block {
    if is_whole {
        return block.clone();
    }
    let text = rest.join("\n");
    let lead = text.find(':').filter(|at| *at < 60).map_or((0, 0), |at| (0, at));
    Block { text, lead, ..block.clone() }
}

/// The column of the customer, in a table with one column for each side.
fn party_column(rows: &[Vec<String>]) -> Option<usize> {
    let head = rows.first()?;
    let ours = head.iter().position(|cell| labels::side(cell) == Some(true))?;
    let theirs = head.iter().position(|cell| labels::side(cell) == Some(false))?;
    (ours > 0 && theirs > 0).then_some(ours)
}

/// The facts of a cover page.
pub(crate) struct CoverFacts {
    pub(crate) customer: Customer,
    pub(crate) start: String,
    pub(crate) plan: String,
    pub(crate) fee: Option<Money>,
    pub(crate) entries: Vec<Entry>,
}

/// What the lines state, or the first fact that could be read in two ways.
pub(crate) fn facts(lines: Vec<Line>) -> Result<CoverFacts, ReadingError> {
    let stated: Vec<&Line> = lines.iter().filter(|line| !labels::is_blank(&line.value)).collect();
    let name = spoken(&stated, "customer", |kind| matches!(kind, Label::Customer).then_some(0))?;
    let contact_line = spoken(&stated, "contact", |kind| matches!(kind, Label::Contact).then_some(0))?;
    let email_line =
        spoken(&stated, "email", |kind| if let Label::Email { rank } = kind { Some(rank) } else { None })?;
    let start =
        spoken(&stated, "start", |kind| if let Label::Start { rank } = kind { Some(rank) } else { None })?;
    let plan =
        spoken(&stated, "plan", |kind| if let Label::Plan { rank } = kind { Some(rank) } else { None })?;
    let price = spoken(&stated, "fee", |kind| matches!(kind, Label::Fee { .. }).then_some(0))?;
    let (contact, email_in_contact) = split_contact(value_of(contact_line));
    let email = match value_of(email_line) {
        "" => email_in_contact,
        printed => printed.to_owned(),
    };
    Ok(CoverFacts {
        customer: Customer { name: value_of(name).to_owned(), email: checked_email(&email)?, contact },
        start: start.map_or(Ok(String::new()), |line| {
            day::day(&line.value).map_err(|reason| doubt("start", line, reason))
        })?,
        plan: value_of(plan).to_owned(),
        fee: price.map(read_fee).transpose()?,
        entries: entries(&lines),
    })
}

/// The line that states a fact: of the highest rank, and not contradicted by another of that rank.
fn spoken<'a>(
    lines: &[&'a Line],
    fact: &str,
    rank: impl Fn(Label) -> Option<u8>,
) -> Result<Option<&'a Line>, ReadingError> {
    let highest = lines.iter().filter_map(|line| rank(line.kind)).max();
    let mut speaking = lines.iter().filter(|line| rank(line.kind).is_some() && rank(line.kind) == highest);
    let Some(first) = speaking.next() else { return Ok(None) };
    if let Some(other) = speaking.find(|line| line.value != first.value) {
        return Err(doubt(fact, other, format!("the page also says `{}`", shown(&first.value))));
    }
    if hides_something(&first.value) {
        return Err(doubt(fact, first, "it holds characters that can't be seen".into()));
    }
    if labels::reads_like_a_term(&first.value) {
        return Err(doubt(fact, first, "it reads like a term, not like a fact".into()));
    }
    Ok(Some(*first))
}

fn value_of(line: Option<&Line>) -> &str {
    line.map_or("", |line| line.value.as_str())
}

fn doubt(fact: &str, line: &Line, reason: String) -> ReadingError {
    ReadingError::UnclearFact(Doubt { fact: fact.into(), printed: shown(&line.value), reason })
}

fn read_fee(line: &Line) -> Result<Money, ReadingError> {
    let per = if let Label::Fee { per } = line.kind { per } else { "" };
    fee::fee(&line.value, per).map_err(|reason| doubt("fee", line, reason))
}

/// `Jane Doe <jane@acme.example>` is a person and an address.
fn split_contact(printed: &str) -> (String, String) {
    let is_address = |word: &&str| word.contains('@');
    let bare = |word: &str| word.trim_matches(['<', '>', '(', ')', ',', ';']).to_owned();
    let person: Vec<&str> = printed.split_whitespace().filter(|word| !is_address(word)).collect();
    let address = printed.split_whitespace().find(is_address).map(bare).unwrap_or_default();
    (person.join(" ").trim_end_matches([',', ';']).to_owned(), address)
}

/// One address of plain characters: a letter from another alphabet that looks the same leads somewhere else.
fn checked_email(printed: &str) -> Result<String, ReadingError> {
    let address = printed.trim_matches(['<', '>']);
    let fits = |(user, host): (&str, &str)| {
        let is_plain = address
            .chars()
            .all(|character| character.is_ascii_graphic() && !"<>,;:()[]\"".contains(character));
        is_plain
            && !user.is_empty()
            && !host.contains('@')
            && host.split('.').all(|part| !part.is_empty())
            && host.contains('.')
    };
    if address.is_empty() || address.split_once('@').is_some_and(fits) {
        return Ok(address.to_owned());
    }
    let reason = "it is not one address of plain characters".into();
    Err(ReadingError::UnclearFact(Doubt { fact: "email".into(), printed: shown(printed), reason }))
}

fn entries(lines: &[Line]) -> Vec<Entry> {
    let plain = lines.iter().filter(|line| line.kind == Label::Plain && !line.value.is_empty());
    plain.map(|line| Entry { label: line.label.clone(), value: line.value.clone() }).collect()
}
