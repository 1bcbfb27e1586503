//! Reads a contract in Markdown into the facts of its cover page and its clauses.
//!
//! It never guesses a fact that could mean two things, never drops words that could bind somebody, and never
//! answers "nothing found" for a text it could not read.

mod blocks;
mod clauses;
mod contract;
mod cover;
mod day;
mod fee;
mod labels;
mod printed_number;
mod readable;
mod words;

pub use bindings::exports::kapell::contract_reader::reading::{
    Clause, Customer, Doubt, Entry, Facts, Guest, Money, ReadingError,
};

kapell_sdk::skill!(Reader);

struct Reader;

impl Guest for Reader {
    fn read(markdown: String) -> Result<Facts, ReadingError> {
        read(&markdown)
    }
}

/// Reads a contract: its cover page into facts, everything else into clauses.
///
/// # Errors
///
/// [`ReadingError`], as the interface documents it; no case means that there was nothing to find.
pub fn read(markdown: &str) -> Result<Facts, ReadingError> {
    let text = readable::readable(markdown)?;
    let blocks = blocks::blocks(text);
    if blocks.is_empty() {
        return Err(ReadingError::Empty);
    }
    let parts = cover::part(blocks);
    let clauses = clauses::clauses(parts.body)?;
    contract::require_contract(&clauses)?;
    let page = cover::facts(parts.lines)?;
    Ok(Facts {
        title: parts.title,
        customer: page.customer,
        start: page.start,
        plan: page.plan,
        fee: page.fee,
        entries: page.entries,
        clauses,
    })
}
