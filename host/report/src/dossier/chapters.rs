//! A dossier as chapters: what Markdown and page set, said once.

use super::{Approved, Dossier, Happened, Period, SkillTold};
use crate::explain::failing::grouped;
use crate::log::instant;
use crate::plain::{duration, line, number};
use kapell_model::review::Standing;
use std::collections::BTreeMap;

/// One chapter.
pub(super) struct Chapter {
    pub(super) title: &'static str,
    pub(super) blocks: Vec<Block>,
}

/// A piece of a chapter. What stands between backticks in a text is code.
pub(super) enum Block {
    /// The heading of a part.
    Part(String),
    /// A paragraph.
    Text(String),
    /// Things one below the other.
    List(Vec<String>),
    /// A table, its first row the heads.
    Table(Vec<Vec<String>>),
}

pub(super) fn chapters(dossier: &Dossier) -> Vec<Chapter> {
    let chapter = |title, blocks| Chapter { title, blocks };
    vec![
        chapter("What it is for", purpose(dossier)),
        chapter("Who is accountable", accountable(dossier)),
        chapter("How each step decides", steps(dossier)),
        chapter("The skills, and what each may touch", skills(dossier)),
        chapter("What it did", period(dossier)),
        chapter("What happens when it goes wrong", failing(dossier)),
        chapter("Approvals", approvals(dossier)),
        chapter(
            "What is not known",
            vec![listed(&dossier.unknown, "Nothing that this document should say.")],
        ),
    ]
}

fn listed(lines: &[String], none: &str) -> Block {
    if lines.is_empty() { Block::Text(none.into()) } else { Block::List(lines.to_vec()) }
}

fn purpose(dossier: &Dossier) -> Vec<Block> {
    let said = |it: &Option<String>, none: &str| it.as_deref().map_or_else(|| none.to_owned(), line);
    let outcome = dossier.outcome.as_ref().map_or_else(
        || "No business result is declared.".into(),
        |it| format!("The business result, as its owner declares it: {}.", line(&it.words())),
    );
    let (meaning, from) = (&dossier.meaning, line(&dossier.from));
    let known = format!("What it does and asks is known as `{meaning}`; it is told here from {from}.");
    let mut blocks = vec![
        Block::Text(said(&dossier.purpose, "No purpose is declared.")),
        Block::Text(outcome),
        Block::Text(known),
        Block::Text(format!("It was made on {} UTC from {}.", instant(dossier.made), line(&dossier.journal))),
    ];
    if !dossier.rules.is_empty() {
        blocks.extend([Block::Text("A run of it".into()), Block::List(dossier.rules.clone())]);
    }
    blocks
}

fn accountable(dossier: &Dossier) -> Vec<Block> {
    let head = ["for", "who"].map(str::to_owned).to_vec();
    let rows = dossier
        .accountable
        .iter()
        .map(|it| vec![it.what.clone(), it.who.clone().unwrap_or_else(|| "nobody is named".into())]);
    let words = "The flow's owner holds a run from its start; a skill's owner while a try of it runs; whoever answers a question answers for that decision from then on.";
    vec![Block::Table(std::iter::once(head).chain(rows).collect()), Block::Text(words.into())]
}

fn steps(dossier: &Dossier) -> Vec<Block> {
    let steps = dossier.steps.iter().enumerate();
    let blocks = steps.flat_map(|(index, step)| {
        [Block::Part(format!("{}. {}", index + 1, step.id)), Block::List(step.does.clone())]
    });
    blocks.collect()
}

fn skills(dossier: &Dossier) -> Vec<Block> {
    let told = |skill: &SkillTold| {
        let steps = skill.steps.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let mut lines = vec![
            format!("bytes `{}`", skill.component),
            format!("owner: {}", skill.owner.as_deref().unwrap_or("nobody is named")),
            format!("called in {steps}"),
        ];
        lines.extend(skill.operations.iter().map(|it| format!("operation {it}")));
        lines.extend(skill.decides.iter().cloned());
        lines.extend(skill.reach.iter().map(|it| {
            let reason =
                it.reason.as_deref().map(|reason| format!(", because: {reason}")).unwrap_or_default();
            format!("may reach `{}`{reason}; {}", it.grant, it.used)
        }));
        lines.extend(skill.reach.is_empty().then(|| "may reach nothing".to_owned()));
        lines.extend(skill.limits.iter().map(|it| format!("one try may use {it}")));
        let summary = skill.summary.clone().unwrap_or_else(|| "It is not installed here any more.".into());
        let title = format!("{} {}", skill.name, skill.version);
        [Block::Part(title), Block::Text(summary), Block::List(lines)]
    };
    dossier.skills.iter().flat_map(told).collect()
}

fn period(dossier: &Dossier) -> Vec<Block> {
    let period = &dossier.period;
    let mut blocks = vec![Block::Text(format!("The time: {}.", period.words()))];
    if period.runs == 0 {
        blocks.push(Block::Text("No run of it is recorded in that time.".into()));
        return blocks;
    }
    blocks.push(Block::Text(runs(period)));
    if !period.stopped.is_empty() {
        blocks.push(Block::Part("What stopped runs".into()));
        blocks.push(counted(["how and why", "how often"], &period.stopped, ""));
    }
    blocks.push(Block::Part("What made somebody look".into()));
    blocks.push(counted(["why", "how often"], &period.exceptions, "Nothing did."));
    if !period.said.is_empty() {
        blocks.push(Block::Part("What people said".into()));
        blocks.push(counted(["who", "how often"], &period.said, ""));
    }
    blocks.push(Block::Part("What it cost".into()));
    blocks.extend(cost(dossier));
    blocks.push(Block::Part("What was refused".into()));
    blocks.push(listed(&period.refused, "Nothing was."));
    blocks
}

/// How many runs there were and how they ended.
fn runs(period: &Period) -> String {
    let ended = period.ended.iter().map(|(how, count)| format!("{} {how}", number(*count)));
    let ended = ended.collect::<Vec<_>>().join(", ");
    let runs = if period.runs == 1 { "1 run".into() } else { format!("{} runs", number(period.runs)) };
    let alone = match period.without_a_person {
        1 => "1 was done".into(),
        many => format!("{} were done", number(many)),
    };
    let waited = duration(period.waited);
    format!("{runs}: {ended}. {alone} without asking anybody. People were waited for {waited} in all.")
}

fn counted(head: [&str; 2], rows: &BTreeMap<String, u64>, none: &str) -> Block {
    if rows.is_empty() {
        return Block::Text(none.into());
    }
    let mut rows: Vec<(&String, &u64)> = rows.iter().collect();
    rows.sort_by_key(|(what, count)| (std::cmp::Reverse(**count), (*what).clone()));
    let head = head.map(str::to_owned).to_vec();
    let rows = rows.into_iter().map(|(what, count)| vec![what.clone(), number(*count)]);
    Block::Table(std::iter::once(head).chain(rows).collect())
}

fn cost(dossier: &Dossier) -> Vec<Block> {
    let period = &dossier.period;
    let Some(total) = &period.total else { return vec![Block::Text("Nothing was charged.".into())] };
    let head = ["lane", "cost"].map(str::to_owned).to_vec();
    let rows = period.lanes.iter().map(|row| {
        vec![row.name.clone(), format!("{}{}", row.total, if row.estimated { " (estimated)" } else { "" })]
    });
    let example = if period.example_prices { ", at example prices" } else { "" };
    let table = Block::Table(std::iter::once(head).chain(rows).collect());
    vec![table, Block::Text(format!("In all {total}{example}."))]
}

fn failing(dossier: &Dossier) -> Vec<Block> {
    let mut blocks = vec![Block::List(dossier.failing.clone())];
    for (steps, failing) in grouped(dossier.steps.iter().map(|it| (&it.id, it.failing.as_slice()))) {
        blocks.push(Block::Part(steps));
        blocks.push(Block::List(failing.to_vec()));
    }
    blocks
}

fn approvals(dossier: &Dossier) -> Vec<Block> {
    dossier.approvals.iter().flat_map(approved).collect()
}

fn approved(it: &Approved) -> [Block; 2] {
    let standing = match &it.standing {
        Standing::Development => "nobody approved it and nobody has to: this home is for development".into(),
        Standing::Unapproved { why } => format!("not approved: {}", line(why)),
        Standing::Approved { approval } => {
            let until = approval.expires.map(|at| format!(" until {}", instant(at))).unwrap_or_default();
            let reason = approval.reason.as_ref().map(|why| format!(": {}", line(why))).unwrap_or_default();
            format!(
                "approved by {} on {} UTC{until}{reason}; what they were shown is `{}`",
                line(&approval.by),
                instant(approval.at),
                approval.shown
            )
        }
    };
    let happened = |it: &Happened| {
        let why = it.why.as_ref().map(|why| format!(": {}", line(why))).unwrap_or_default();
        format!("{} by {} on {} UTC{why}", it.what, line(&it.by), instant(it.at))
    };
    let catalog =
        it.catalog.iter().map(|it| format!("the catalog says, which nobody signs: {}", happened(it)));
    let lines = [format!("digest `{}`", it.digest), standing].into_iter();
    let lines = lines.chain(it.history.iter().map(happened)).chain(catalog);
    [Block::Part(it.what.clone()), Block::List(lines.collect())]
}
