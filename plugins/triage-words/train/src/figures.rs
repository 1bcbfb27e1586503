//! How well the skills do, as the tables of their READMEs.

use crate::learn::{Learned, SURE};
use kapell_plugin_triage_deep::judge;
use kapell_plugin_triage_deep::neighbours::Neighbours;
use kapell_plugin_triage_words::model::CLASSES;
use kapell_triage_tickets::{QUEUES, held_out, training};
use std::fmt::Write as _;

/// Where the bands of confidence begin.
const BANDS: [f64; 6] = [0.0, 0.4, 0.6, 0.8, 0.9, 1.000_1];

/// The figures of the first skill.
#[must_use]
pub fn words(learned: &Learned) -> String {
    let answers: Vec<(usize, usize, f64)> = held_out()
        .iter()
        .map(|ticket| {
            let answer = learned.model.answer(&ticket.text);
            (ticket.class(), answer.class, answer.confidence)
        })
        .collect();
    let held: Vec<(bool, f64)> = answers.iter().map(|(class, said, sure)| (class == said, *sure)).collect();
    let right = held.iter().filter(|(holds, _)| *holds).count();
    format!(
        "{right} of {} held-out tickets are answered with their queue ({}).\n\n{}\n{}",
        held.len(),
        percent(right, held.len()),
        confusion(&answers),
        reliability(&[("held out", &held), ("learned from by others", &learned.foreign)]),
    )
}

/// The figures of the second skill, on the held-out tickets the first one is unsure of.
#[must_use]
pub fn deep(learned: &Learned) -> String {
    let tickets = training();
    let known = Neighbours::of(tickets.iter().map(|(_, ticket)| ticket));
    let (mut first, mut second, mut alone) = (0, Vec::new(), 0);
    let held = held_out();
    for ticket in &held {
        let said = judge::answer(&ticket.text, &known, learned.weights);
        alone += usize::from(said.class == ticket.class());
        let before = learned.model.answer(&ticket.text);
        if before.confidence < SURE {
            first += usize::from(before.class == ticket.class());
            second.push((said.class == ticket.class(), said.confidence));
        }
    }
    let right = second.iter().filter(|(holds, _)| *holds).count();
    let sure: Vec<_> = second.iter().filter(|(_, sure)| *sure >= SURE).collect();
    let sure_right = sure.iter().filter(|(holds, _)| *holds).count();
    format!(
        "| of the {} held-out tickets | | |\n|---|---|---|\n\
         | the first skill is below 0.8 on | {} | it has {} of them right |\n\
         | this one has right of those | {right} | {} |\n\
         | is at 0.8 or above on | {} | {sure_right} of them right |\n\
         | leaves to a person | {} | {} of all |\n\
         | has right of all, asked alone | {alone} | {} |\n\n{}",
        held.len(),
        second.len(),
        first,
        percent(right, second.len()),
        sure.len(),
        second.len() - sure.len(),
        percent(second.len() - sure.len(), held.len()),
        percent(alone, held.len()),
        reliability(&[("held out", &second)]),
    )
}

fn percent(part: usize, whole: usize) -> String {
    format!("{} %", (part * 200 + whole).checked_div(whole * 2).unwrap_or_default())
}

/// Rows are what tickets are, columns what they were taken for.
fn confusion(answers: &[(usize, usize, f64)]) -> String {
    let mut table =
        format!("| is \\ taken for | {} |\n|---|{}\n", QUEUES.join(" | "), "---:|".repeat(CLASSES));
    for (class, queue) in QUEUES.iter().enumerate() {
        let count = |said: usize| answers.iter().filter(|it| it.0 == class && it.1 == said).count();
        let counts: Vec<String> = (0..CLASSES).map(|said| count(said).to_string()).collect();
        let _ = writeln!(table, "| {queue} | {} |", counts.join(" | "));
    }
    table
}

/// For each band of confidence: how many answers, how sure in the mean, and how many of them hold.
fn reliability(columns: &[(&str, &[(bool, f64)])]) -> String {
    let mut table = String::from("| confidence |");
    for (name, _) in columns {
        let _ = write!(table, " {name} | said | held |");
    }
    let _ = write!(table, "\n|---|{}\n", "---:|---:|---:|".repeat(columns.len()));
    for band in BANDS.windows(2) {
        let [from, to] = band else { continue };
        let _ = write!(table, "| {from:.1} to {:.1} |", to.min(1.0));
        for (_, answers) in columns {
            let of_band: Vec<_> = answers.iter().filter(|(_, sure)| (*from..*to).contains(sure)).collect();
            let holds = of_band.iter().filter(|(holds, _)| *holds).count();
            let said: f64 = of_band.iter().map(|(_, sure)| sure * 100.0).sum();
            let mean = if of_band.is_empty() {
                "-".into()
            } else {
                format!("{:.0} %", said / number(of_band.len()))
            };
            let held = if of_band.is_empty() { "-".into() } else { percent(holds, of_band.len()) };
            let _ = write!(table, " {} | {mean} | {held} |", of_band.len());
        }
        table.push('\n');
    }
    table
}

#[allow(clippy::cast_precision_loss, reason = "there are some hundred tickets")]
fn number(count: usize) -> f64 {
    count as f64
}

/// What stands in a README before and after its figures.
#[must_use]
pub fn parted(readme: &str) -> Option<(&str, &str)> {
    const MARKS: [&str; 2] = ["<!-- figures -->\n", "<!-- end of figures -->\n"];
    let [begin, end] = MARKS;
    let from = readme.find(begin)? + begin.len();
    let to = readme.find(end).filter(|to| *to >= from)?;
    Some((readme.get(..from)?, readme.get(to..)?))
}
