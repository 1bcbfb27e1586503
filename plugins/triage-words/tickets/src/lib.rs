//! Labelled tickets, and how a text is read before anything is made of it: what both triage skills and the training
//! program share.
//!
//! It never decides which queue a text belongs to.

mod function_words;
mod orders;
mod reading;

pub use function_words::{is_joint, is_telling};
pub use reading::{LONGEST_CHARACTERS, Reading, read, words};

use serde::Deserialize;

/// Every ticket, one JSON object a line, in rounds of one of each queue.
const TICKETS: &str = include_str!("../data/tickets.jsonl");

/// The queues, in the order of their names; everything that counts by queue counts in this order.
pub const QUEUES: [&str; 6] = ["access", "billing", "defect", "how-to", "outage", "privacy"];

/// Parts the tickets are split into, by rounds: a round is one ticket of each queue.
const PARTS: usize = 5;
/// The part that is held out: no program learns from it.
const HELD_OUT: usize = 4;

/// A ticket somebody labelled.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ticket {
    /// The queue it belongs to, one of [`QUEUES`].
    pub queue: String,
    /// What the customer wrote.
    pub text: String,
}

impl Ticket {
    /// The place of its queue in [`QUEUES`].
    #[must_use]
    pub fn class(&self) -> usize {
        QUEUES.iter().position(|queue| *queue == self.queue).unwrap_or(QUEUES.len())
    }
}

/// The tickets to learn from, each with its part: of five rounds the first four.
#[must_use]
pub fn training() -> Vec<(usize, Ticket)> {
    parts().filter(|(part, _)| *part != HELD_OUT).collect()
}

/// The tickets that say how well what was learned does: every fifth round.
#[must_use]
pub fn held_out() -> Vec<Ticket> {
    parts().filter(|(part, _)| *part == HELD_OUT).map(|(_, ticket)| ticket).collect()
}

/// How many parts there are to learn from.
#[must_use]
pub const fn training_parts() -> usize {
    PARTS - 1
}

fn parts() -> impl Iterator<Item = (usize, Ticket)> {
    // The file is part of this program, and a test reads every line of it.
    let tickets = TICKETS.lines().filter_map(|line| serde_json::from_str(line).ok());
    tickets.enumerate().map(|(place, ticket)| (place / QUEUES.len() % PARTS, ticket))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_line_is_a_ticket_of_the_queue_whose_turn_it_is_and_no_text_stands_twice() {
        let tickets: Vec<Ticket> = TICKETS.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((tickets.len(), training().len(), held_out().len()), (480, 384, 96));
        for (place, ticket) in tickets.iter().enumerate() {
            assert_eq!(ticket.queue, QUEUES[place % 6], "line {}", place + 1);
            assert!(!read(&ticket.text).gives_orders, "line {}: {}", place + 1, ticket.text);
        }
        let texts: BTreeSet<String> = tickets.iter().map(|ticket| words(&ticket.text).join(" ")).collect();
        assert_eq!(texts.len(), tickets.len());
    }
}
