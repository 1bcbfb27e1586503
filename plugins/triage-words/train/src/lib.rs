//! Learns what both triage skills know from the labelled tickets, and measures how well they do on those held out.
//!
//! The same tickets give the same bytes on every machine: nothing is random, everything is added up in one order, and
//! exponentials come from a library and not from the system. It never learns from a ticket that is held out, and
//! never measures the first skill's calibration on one its weights were learned from.

pub mod figures;
mod learn;

pub use learn::{Learned, learn};
