//! Has a model read the clauses that depart from a standard, and lowers those that only use other words.
//!
//! This file is the border: [`doubtful`] says what a model may settle, [`prompt`] what it is handed, [`answer`] what of
//! its answer is believed. It never lowers a clause that it did not ask about, never takes an answer in another form
//! than the one it asked for, and never hands on a model's words but as a reason of bounded length.

mod answer;
mod doubtful;
mod prompt;

pub use bindings::exports::kapell::departure_reader::reading::{
    Counts, Departure, Guest, Kind, ReadingError, Terms, Verdict, Weight,
};

use kapell_sdk::inference::{Completion, Failure, Tier, complete};

kapell_sdk::skill!(Reader);

struct Reader;

impl Guest for Reader {
    fn weigh(terms: Terms) -> Result<Terms, ReadingError> {
        weigh(terms, |system, text, most_tokens| complete(Tier::Local, system, text, most_tokens))
    }
}

/// Weighs a comparison anew; `ask` hands system, prompt and most tokens to a model.
///
/// # Errors
/// [`ReadingError`], as the interface documents it; the comparison is then as heavy as it was.
pub fn weigh(
    mut terms: Terms,
    ask: impl FnOnce(&str, &str, u32) -> Result<Completion, Failure>,
) -> Result<Terms, ReadingError> {
    let Some(doubtful) = doubtful::in_doubt(&terms) else { return Ok(terms) };
    let text = prompt::text(&terms, &doubtful).map_err(ReadingError::TooMuch)?;
    let told = ask(prompt::SYSTEM, &text, prompt::most_tokens(doubtful.len())).map_err(no_model)?;
    let judgements = answer::read(&told, doubtful.len()).map_err(ReadingError::NotUnderstood)?;
    for (place, judgement) in doubtful.into_iter().zip(judgements) {
        if let Some(departure) = terms.departing.get_mut(place) {
            departure.weight = if judgement.is_same() { Weight::Minor } else { departure.weight };
            departure.why = format!("{}; model: {}", departure.why, judgement.because());
        }
    }
    Ok(terms)
}

/// Why there is no answer, in words that don't change from call to call.
fn no_model(failure: Failure) -> ReadingError {
    ReadingError::NoModel(match failure {
        Failure::NoProvider => "nobody answers for the tier".into(),
        Failure::Budget(which) => format!("it could cost more than is left of the {which} granted"),
        Failure::Denied(why) => format!("it was denied: {why}"),
        Failure::Failed(why) => why,
        Failure::TimedOut => "not answered in time".into(),
    })
}

#[cfg(test)]
mod tests;
