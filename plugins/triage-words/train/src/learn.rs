//! Learning: weights by stochastic gradient descent in a fixed order, then how sure the answers may be.

use kapell_plugin_triage_deep::cues::{ByQueue, Cues};
use kapell_plugin_triage_deep::judge::Weights;
use kapell_plugin_triage_deep::neighbours::Neighbours;
use kapell_plugin_triage_words::features::{BUCKETS, Counted, counted, mark};
use kapell_plugin_triage_words::model::{CLASSES, Model};
use kapell_triage_tickets::{Ticket, training, training_parts, words};
use std::collections::BTreeSet;

/// Times every ticket is learned from.
const ROUNDS: usize = 40;
/// How far a weight moves for one mistake in the first round; half as far at the end.
const PACE: f64 = 1.0;
/// How much of a weight is lost in a round.
const DECAY: f64 = 0.01;
/// The confidence below which a ticket goes on to the second skill.
pub(crate) const SURE: f64 = 0.8;

/// What is written down.
pub struct Learned {
    /// Of the first skill.
    pub model: Model,
    /// Of the second.
    pub weights: Weights,
    /// Answers of the first skill for tickets of a part by a model that learned from the other parts: whether each
    /// holds, and how sure it was.
    pub foreign: Vec<(bool, f64)>,
}

/// A ticket as it is learned from.
struct Lesson {
    part: usize,
    class: usize,
    counted: Counted,
    words: Vec<String>,
    ticket: Ticket,
}

/// Learns from all tickets that are not held out.
#[must_use]
pub fn learn() -> Learned {
    let lessons: Vec<Lesson> = training().into_iter().map(lesson).collect();
    let mut others: Vec<Model> = (0..training_parts())
        .map(|part| model_of(lessons.iter().filter(|lesson| lesson.part != part)))
        .collect();
    let by_others = |lesson| (lesson, scores_by_others(&others, lesson));
    let temperature = temperature(&lessons.iter().map(by_others).collect::<Vec<_>>());
    others.iter_mut().for_each(|model| model.temperature = temperature);
    let model = Model { temperature, ..model_of(lessons.iter()) };
    // As they are answered, with every doubt, and not as they are scored.
    let answered = |lesson: &'_ Lesson| {
        let answer = others.get(lesson.part)?.answer(&lesson.ticket.text);
        Some((answer.class == lesson.class, answer.confidence))
    };
    let foreign: Vec<_> =
        lessons.iter().filter_map(|it| answered(it).map(|said| (it, said.0, said.1))).collect();
    let unsure: Vec<&Lesson> = foreign.iter().filter(|it| it.2 < SURE).map(|it| it.0).collect();
    let weights = second(&lessons, &unsure);
    Learned { model, weights, foreign: foreign.iter().map(|(_, holds, sure)| (*holds, *sure)).collect() }
}

/// The scores of a lesson by the model that learned from the other parts.
fn scores_by_others(others: &[Model], lesson: &Lesson) -> [f64; CLASSES] {
    others.get(lesson.part).map_or([0.0; CLASSES], |model| model.scores(&lesson.counted))
}

fn lesson((part, ticket): (usize, Ticket)) -> Lesson {
    let words = words(&ticket.text);
    Lesson { part, class: ticket.class(), counted: counted(&words), words, ticket }
}

/// A model without a temperature.
fn model_of<'a>(lessons: impl Iterator<Item = &'a Lesson>) -> Model {
    let lessons: Vec<&Lesson> = lessons.collect();
    let mut weights = vec![[0.0; CLASSES]; BUCKETS];
    let mut bias = [0.0; CLASSES];
    for round in 0..ROUNDS {
        let pace = PACE / (1.0 + f64::from(u32::try_from(round).unwrap_or_default()) / 40.0);
        lessons.iter().for_each(|lesson| correct(&mut weights, &mut bias, lesson, pace));
        weights.iter_mut().flatten().for_each(|weight| *weight *= 1.0 - DECAY);
    }
    let seen: BTreeSet<u32> =
        lessons.iter().flat_map(|lesson| &lesson.words).map(|word| mark(word)).collect();
    in_steps(&weights, bias, seen)
}

/// Moves the weights of what a ticket has towards its queue and away from the others.
fn correct(weights: &mut [[f64; CLASSES]], bias: &mut [f64; CLASSES], lesson: &Lesson, pace: f64) {
    let mut scores = *bias;
    for (bucket, weight) in &lesson.counted {
        let of_bucket = weights.get(*bucket).copied().unwrap_or_default();
        scores.iter_mut().zip(of_bucket).for_each(|(score, it)| *score += weight * it);
    }
    let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let shares = scores.map(|score| libm::exp(score - top));
    let all: f64 = shares.iter().sum();
    for (class, share) in shares.iter().enumerate() {
        let wrong = share / all - f64::from(u8::from(class == lesson.class));
        if let Some(bias) = bias.get_mut(class) {
            *bias -= pace * wrong * 0.1;
        }
        for (bucket, weight) in &lesson.counted {
            if let Some(it) = weights.get_mut(*bucket).and_then(|of_bucket| of_bucket.get_mut(class)) {
                *it -= pace * wrong * weight;
            }
        }
    }
}

/// Weights as whole steps from -127 to 127.
#[allow(
    clippy::cast_possible_truncation,
    reason = "a quotient of at most 127, and digits a model can do without"
)]
fn in_steps(weights: &[[f64; CLASSES]], bias: [f64; CLASSES], seen: BTreeSet<u32>) -> Model {
    let largest = weights.iter().flatten().fold(0.0_f64, |most, weight| most.max(weight.abs()));
    let step = (largest / 127.0) as f32;
    let steps = weights.iter().flatten().map(|weight| libm::round(weight / f64::from(step)) as i8);
    Model {
        step,
        temperature: 1.0,
        bias: bias.map(|bias| bias as f32),
        weights: steps.collect(),
        seen: seen.into_iter().collect(),
    }
}

/// The temperature under which what happened was likeliest: hundredths from 0.05 to 4.
#[allow(clippy::cast_possible_truncation, reason = "a temperature has two digits")]
fn temperature(answers: &[(&Lesson, [f64; CLASSES])]) -> f32 {
    let surprise = |hundredths: &u32| {
        let temperature = f64::from(*hundredths) / 100.0;
        answers.iter().map(|(lesson, scores)| surprise(scores, temperature, lesson.class)).sum::<f64>()
    };
    let best = (5..=400).min_by(|one, other| surprise(one).total_cmp(&surprise(other)));
    (f64::from(best.unwrap_or(100)) / 100.0) as f32
}

/// How surprising a queue is by some scores.
fn surprise(scores: &[f64; CLASSES], temperature: f64, class: usize) -> f64 {
    let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let all: f64 = scores.iter().map(|score| libm::exp((score - top) / temperature)).sum();
    libm::log(all) - (scores.get(class).copied().unwrap_or_default() - top) / temperature
}

/// The weights under which the queues of what the first skill is unsure of were likeliest, each ticket asked of
/// neighbours of the other parts.
fn second(lessons: &[Lesson], unsure: &[&Lesson]) -> Weights {
    let cues = Cues::committed();
    let mut asked: Vec<(usize, ByQueue, ByQueue)> = Vec::new();
    for part in 0..training_parts() {
        let known = Neighbours::of(lessons.iter().filter(|it| it.part != part).map(|it| &it.ticket));
        let of_part = unsure.iter().filter(|lesson| lesson.part == part);
        asked.extend(of_part.map(|it| (it.class, cues.weigh(&it.words), known.ask(&it.words).by_queue)));
    }
    let tried = (1..=60).flat_map(|cues| (0..=40).map(move |near| (cues, near)));
    let weights =
        tried.map(|(cues, near)| Weights { cues: f64::from(cues) / 20.0, neighbours: f64::from(near) / 5.0 });
    let surprise = |weights: &Weights| {
        let of = |(class, met, near): &(usize, ByQueue, ByQueue)| {
            surprise(&weights.scores(met, near), 1.0, *class)
        };
        asked.iter().map(of).sum::<f64>()
    };
    let best = weights.min_by(|one, other| surprise(one).total_cmp(&surprise(other)));
    best.unwrap_or(Weights { cues: 0.0, neighbours: 0.0 })
}
