//! The pure words of Kapell: what people and crates mean when they say *skill*, *grant*, *plan*, *ending*.
//!
//! This crate holds plain data and pure functions over it. It never does I/O, never reads a clock or the
//! environment, knows no async runtime and no WebAssembly engine: everything here can be tested in
//! milliseconds and recomputed by anyone.
//!
//! Reading order: [`id`] and [`digest`] name things; [`shape`] is what a value looks like; [`manifest`] says what
//! a skill asks for, [`policy`] what the operator allows, [`ceiling`] what a flow allows a step, and [`grant`] what
//! follows from all three, use by use in [`uses`]; [`lock`] is what people approved of it, and [`review`] what they are shown first; [`flow`]
//! is what a person wrote, [`plan`] what will really run; [`ending`] is how an attempt ended, [`money`] what it cost;
//! [`seam`] holds the traits through which the crates above meet; [`fault`] lists where tests interrupt them.

pub mod capability;
pub mod ceiling;
pub mod confusable;
pub mod crossing;
pub mod digest;
pub mod ending;
pub mod expression;
pub mod fault;
pub mod flow;
mod form;
pub mod grant;
pub mod http;
pub mod id;
pub mod inference;
pub mod json;
pub mod limits;
pub mod lock;
pub mod manifest;
pub mod mark;
pub mod money;
pub mod period;
pub mod plan;
pub mod policy;
pub mod quantity;
pub mod review;
pub mod schema;
pub mod seam;
pub mod secret;
pub mod shape;
pub mod source;
pub mod uses;
pub mod writes;
