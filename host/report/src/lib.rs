//! The record, told to people: the run log, what a run cost, what is asked, what a skill is and
//! what changed in it.
//!
//! Reads everything, changes nothing: these are functions from journal, plan and catalog data to text or JSON. This
//! crate never opens a store, never performs, never decides, and never lets a text that a guest or a stranger
//! wrote reach a terminal unescaped ([`plain`]).

pub mod answered;
pub mod batch;
pub mod cost;
pub mod dossier;
pub mod estimate;
pub mod explain;
pub mod gate;
pub mod learn;
mod limit;
pub mod live;
pub mod log;
pub mod measures;
pub mod noise;
pub mod page;
pub mod percolate;
pub mod plain;
pub mod plot;
pub mod replay;
pub mod review;
pub mod skill;
pub mod tally;
pub mod usage;
