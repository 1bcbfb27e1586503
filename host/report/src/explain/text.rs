//! An account as text: what a person reads who was not there.

use super::failing::grouped;
use super::{Account, Event, Holder, StepAccount};
use crate::cost::table;
use crate::gate::block;
use crate::log::instant;
use crate::plain::{duration, line, short, value};
use kapell_journal::private::WORDS;
use kapell_model::quantity::Span;
use serde_json::Value;
use std::fmt::Write as _;

/// How long a value may stand in the account of a whole run.
const NARROW: usize = 120;
/// How long a line may be where one step is asked about.
const WIDE: usize = 4_000;
/// Most lines of what a question showed; the account of its step shows all.
const SHOWN_LINES: usize = 24;
/// Where what happened begins, after its instant.
const MARGIN: usize = 29;

/// The whole account.
#[must_use]
pub fn text(account: &Account) -> String {
    let mut text = head(account);
    part(&mut text, "Step by step");
    account.steps.iter().for_each(|step| write_step(&mut text, account, step));
    if !account.events.is_empty() {
        part(&mut text, "The run as a whole");
        account.events.iter().for_each(|event| write_event(&mut text, account, event));
    }
    part(&mut text, "Who held responsibility");
    text.push_str(&holders(&account.holders));
    part(&mut text, "What it cost");
    text.push_str(&cost(account));
    part(&mut text, "What happens when it goes wrong");
    text.push_str(&failing(account));
    part(&mut text, "What exactly it rests on");
    write_pairs(&mut text, account.flow.pinned.iter().map(|(name, what)| (name.as_str(), what.as_str())));
    if !account.checked.holds.is_empty() {
        part(&mut text, "What was checked of its record");
        account.checked.holds.iter().for_each(|it| listed(&mut text, it));
    }
    if !account.unknown.is_empty() {
        part(&mut text, "What this can't tell");
        account.unknown.iter().for_each(|it| listed(&mut text, it));
    }
    text.truncate(text.trim_end().len());
    text
}

fn head(account: &Account) -> String {
    let (flow, run, version) = (&account.flow, &account.run, line(&account.flow.version));
    let about = account.about.as_ref().map(|step| format!("Step {step} of ")).unwrap_or_default();
    let mut text = format!("{about}{run}, a run of {} {version}\n\n", flow.name);
    for told in &account.standing {
        let _ = writeln!(text, "{told}");
    }
    for broken in doubts(account) {
        let _ = writeln!(text, "{broken}");
    }
    text.push('\n');
    let pairs = pairs(account);
    write_pairs(&mut text, pairs.iter().map(|(name, what)| (name.as_str(), what.as_str())));
    text
}

/// What is to be known first, by name.
pub(super) fn pairs(account: &Account) -> Vec<(String, String)> {
    let (flow, asked) = (&account.flow, &account.asked);
    let said = |it: &Option<String>, none: &str| it.as_deref().map_or_else(|| none.to_owned(), line);
    let mut pairs = vec![
        ("asked by".to_owned(), format!("{} on {} UTC", line(&asked.by), instant(asked.at))),
        ("purpose".into(), said(&flow.purpose, "not declared")),
        ("owner".into(), said(&flow.owner, "nobody is named")),
        ("outcome".into(), outcome(account)),
        ("took".into(), took(account)),
        ("cost".into(), spent(account)),
    ];
    pairs.extend(flow.rules.iter().map(|rule| ("rule".into(), rule.clone())));
    pairs.push(("given".into(), given(asked.inputs.as_ref())));
    pairs.extend(account.outputs.as_ref().map(|it| ("came to".into(), value(it, NARROW * 2))));
    pairs
}

/// What of the record does not hold, before anything is read of it.
pub(super) fn doubts(account: &Account) -> Vec<String> {
    let told = account.checked.broken.iter().map(|it| format!("Its record does not hold: {}.", line(it)));
    let mut told: Vec<String> = told.collect();
    if !told.is_empty() {
        told.push("What follows is what the record says all the same; `kapell verify` tells more.".into());
    }
    told
}

fn given(inputs: Option<&Value>) -> String {
    let inputs = inputs.map(|inputs| inputs.as_object().cloned().unwrap_or_default());
    match inputs {
        None => "not kept".into(),
        Some(inputs) if inputs.is_empty() => "nothing".into(),
        Some(inputs) => {
            // Plainly, as everywhere: what stands for a private value is no text that somebody gave.
            let shown = |it: &Value| if *it == WORDS { WORDS.to_owned() } else { value(it, NARROW) };
            let each = inputs.iter().map(|(name, it)| format!("{} = {}", line(name), shown(it)));
            each.collect::<Vec<_>>().join("; ")
        }
    }
}

fn outcome(account: &Account) -> String {
    let Some(outcome) = &account.flow.outcome else { return "not declared".into() };
    let declared = format!("{}, as its owner declares it", line(&outcome.words()));
    match &account.judged {
        Some(judged) if judged.held => format!("{declared}: had"),
        Some(judged) => format!("{declared}: not had, because `{}` does not hold", line(&judged.when)),
        None => declared,
    }
}

fn took(account: &Account) -> String {
    let whole = duration(Span(account.until.0.saturating_sub(account.asked.at.0)));
    let far = if account.over { "" } else { " so far" };
    match account.waited.0 {
        0 if account.over => format!("{whole}; nobody was waited for"),
        0 => format!("{whole}{far}"),
        _ => format!("{whole}{far}, {} of it waiting for people", duration(account.waited)),
    }
}

pub(super) fn spent(account: &Account) -> String {
    let Some(total) = &account.cost.total else { return "nothing".into() };
    let budget = account
        .cost
        .budget
        .as_ref()
        .map(|it| format!("; used {}, people's minutes are not capped", it.words()));
    let example = if account.cost.example_prices { " at example prices" } else { "" };
    format!("{total}{example}{}", budget.unwrap_or_default())
}

fn part(text: &mut String, title: &str) {
    let _ = write!(text, "\n{title}\n");
}

fn listed(text: &mut String, it: &str) {
    let _ = writeln!(text, "  - {it}");
}

fn write_pairs<'p>(text: &mut String, pairs: impl Iterator<Item = (&'p str, &'p str)> + Clone) {
    let width = pairs.clone().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    for (name, what) in pairs {
        let _ = writeln!(text, "  {:<width$}  {what}", line(name));
    }
}

fn write_step(text: &mut String, account: &Account, step: &StepAccount) {
    let _ = writeln!(text, "\n  {}. {}: {}", step.number, step.id, step.came_to);
    for it in &step.plan {
        let _ = writeln!(text, "     {it}");
    }
    step.events.iter().for_each(|event| write_event(text, account, event));
}

fn write_event(text: &mut String, account: &Account, event: &Event) {
    let _ = writeln!(text, "  {}  #{:<3}{}", instant(event.at), event.seq, event.words);
    let (pad, is_question) = (" ".repeat(MARGIN), event.kind == "question-asked");
    let mut blocks = String::new();
    for (name, it) in &event.values {
        let is_long = || account.about.is_some() && value(it, WIDE).chars().count() > NARROW;
        match is_question || is_long() {
            true => blocks.push_str(&format!("{}:\n{}", line(name), block(it, 2))),
            false => {
                let _ = writeln!(text, "{pad}  {} = {}", line(name), value(it, NARROW));
            }
        }
    }
    write_block(text, account, &blocks);
    for note in &event.notes {
        let _ = writeln!(text, "{pad}  {note}");
    }
}

/// Values over several lines, such as those a question showed. A bar stands before each line, so that no text of a guest
/// can pass for a line of the account.
fn write_block(text: &mut String, account: &Account, block: &str) {
    let pad = " ".repeat(MARGIN + 2);
    let most = if account.about.is_some() { usize::MAX } else { SHOWN_LINES };
    for it in block.lines().take(most) {
        let _ = writeln!(text, "{pad}│ {}", short(it, WIDE));
    }
    if let Some(more) = block.lines().count().checked_sub(most).filter(|more| *more > 0) {
        let _ = writeln!(text, "{pad}… and {more} more lines, which the account of the step shows");
    }
}

fn holders(holders: &[Holder]) -> String {
    let mut text = String::new();
    for holder in holders {
        let until = holder.until.map_or_else(|| format!("{:<23}", "on"), instant);
        let _ = writeln!(text, "  {} – {until}  {}: {}", instant(holder.from), holder.name(), holder.why);
    }
    if holders.is_empty() {
        text.push_str("  nobody: the step was never come to\n");
    }
    text
}

fn cost(account: &Account) -> String {
    if account.cost.lanes.is_empty() {
        return "  nothing\n".into();
    }
    let table = table(&account.cost.lanes, "lane");
    table.lines().map(|it| format!("  {it}\n")).collect()
}

fn failing(account: &Account) -> String {
    let mut text = String::new();
    if account.about.is_none() {
        for it in &account.flow.failing {
            let _ = writeln!(text, "  {it}");
        }
    }
    for (steps, failing) in grouped(account.steps.iter().map(|it| (&it.id, it.failing.as_slice()))) {
        let _ = writeln!(text, "  {steps}");
        for it in failing {
            let _ = writeln!(text, "    {it}");
        }
    }
    text
}
