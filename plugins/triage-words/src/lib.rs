//! Sorts a support ticket into a queue by its words and their parts, and says how sure it is.
//!
//! This file is the border: the types of `wit/world.wit` outside, [`features`] and [`model`] inside. It never answers
//! surely for a text it knows few words of, never obeys what a text says, and learns nothing while it runs.

pub mod features;
pub mod model;

use bindings::exports::kapell::triage_words::sorting::{Guest, Label, Queue};
use model::Model;

kapell_sdk::skill!(Sorter);

struct Sorter;

impl Guest for Sorter {
    fn classify(text: String) -> Label {
        let answer = Model::committed().answer(&text);
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
