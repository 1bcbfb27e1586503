//! Behaves: asks a model of the tier in the input's first word what the rest of the input says, in 20 tokens at most.
//!
//! Expected: with a grant for the tier and a provider that answers, the answer with what it took and cost; without,
//! its own error with the host's reason.

use kapell_guests::kapell_sdk::inference::{Tier, complete};

kapell_guests::guest!("kapell:guests/plain", ask);

fn ask(input: String) -> Result<String, String> {
    let (tier, prompt) = input.split_once(' ').unwrap_or((&input, ""));
    let tier = match tier {
        "local" => Tier::Local,
        "cheap" => Tier::Cheap,
        _ => Tier::Frontier,
    };
    let told = complete(tier, "Answer in one word.", prompt, 20).map_err(|failure| format!("{failure:?}"))?;
    let cut = if told.truncated { " (cut)" } else { "" };
    Ok(format!(
        "{}{cut}; {} + {} tokens of {}, {} {}",
        told.text, told.tokens_in, told.tokens_out, told.model, told.cost, told.currency
    ))
}
