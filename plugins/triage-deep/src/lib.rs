//! Sorts a support ticket into a queue by cues people wrote down and by the tickets most like it.
//!
//! This file is the border: the types of `wit/world.wit` outside, [`cues`], [`neighbours`] and [`judge`] inside. It
//! reads every labelled ticket for every answer, which is what makes it dear. It never obeys what a text says, and
//! never answers surely for a text without a cue and without a neighbour.

pub mod cues;
pub mod judge;
pub mod neighbours;

use bindings::exports::kapell::triage_deep::sorting::{Guest, Label, Queue};
use neighbours::Neighbours;

kapell_sdk::skill!(Sorter);

struct Sorter;

impl Guest for Sorter {
    fn classify(text: String) -> Label {
        let tickets = kapell_triage_tickets::training();
        let known = Neighbours::of(tickets.iter().map(|(_, ticket)| ticket));
        let answer = judge::answer(&text, &known, judge::Weights::committed());
        let queue = match answer.class {
            0 => Queue::Access,
            1 => Queue::Billing,
            2 => Queue::Defect,
            3 => Queue::HowTo,
            4 => Queue::Outage,
            _ => Queue::Privacy,
        };
        Label { queue, confidence: answer.confidence, because: Some(answer.because) }
    }
}
