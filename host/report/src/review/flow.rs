//! What a review of a flow says: what it does and asks, what it reaches, how data moves, what changed.

use super::{Row, Section, Sheet, Tone, marked, row};
use crate::plain::line;
use kapell_model::flow::{
    FlowChange, FlowReview, Meeting, Move, ReviewedCall, ReviewedQuestion, ReviewedReach, ReviewedStep, Spot,
    Trace,
};
use kapell_model::mark::Mark;
use kapell_model::plan::Input;
use kapell_model::review::Standing;
use std::collections::BTreeSet;

/// The whole of it.
pub(super) fn sheet(review: &FlowReview) -> Sheet {
    Sheet {
        name: review.flow.to_string(),
        version: line(&review.version),
        about: review.purpose.as_deref().map(line).unwrap_or_default(),
        told: summary(review),
        identity: identity(review),
        sections: sections(review),
        shown: review.digest(),
    }
}

fn identity(review: &FlowReview) -> Vec<(&'static str, String)> {
    let approval = match &review.standing {
        Standing::Development => "not asked for: this home is for development".into(),
        Standing::Unapproved { why } => format!("none: {}", line(why)),
        Standing::Approved { approval } => {
            let until = approval.expires.map(|at| format!(" until {at}")).unwrap_or_default();
            let reason = approval.reason.as_ref().map(|it| format!(": {}", line(it))).unwrap_or_default();
            format!("by {} at {}{until}{reason}", line(&approval.by), approval.at)
        }
    };
    let money = review.budget.money.as_ref().map_or("no bound of money".into(), ToString::to_string);
    let work = review.budget.work.map_or("no bound of time".into(), |span| format!("{span} of work"));
    vec![
        ("meaning", review.meaning.to_string()),
        ("owner", review.owner.as_deref().map_or("nobody is named".into(), line)),
        ("budget", format!("{money}, {work}")),
        ("approval", approval),
    ]
}

fn summary(review: &FlowReview) -> Vec<(Tone, String)> {
    let mut told = Vec::new();
    for meeting in &review.meetings {
        let words = "private data, untrusted content and a way out meet in";
        told.push((Tone::Alarms, format!("{words} `{}`", meeting.step)));
    }
    let wider = review.changes.iter().flatten().filter(|change| change.widens).count();
    if wider > 0 {
        told.push((Tone::Alarms, format!("{wider} changes are more than was approved")));
    }
    if review.steps.iter().all(|step| step.questions.is_empty()) {
        told.push((Tone::Weighs, "it asks nobody anything".into()));
    }
    told
}

fn sections(review: &FlowReview) -> Vec<Section> {
    let mut sections = Vec::new();
    let mut add =
        |title: &str, rows: Vec<Row>, none| sections.push(Section { title: title.into(), rows, none });
    if let Some(changes) = &review.changes {
        add("changed since it was approved", changes.iter().map(change).collect(), "nothing that matters");
    }
    if !review.meetings.is_empty() {
        let title = "where private data, untrusted content and a way out meet";
        add(title, review.meetings.iter().map(meeting).collect(), "");
    }
    add("inputs", review.inputs.iter().map(input).collect(), "none");
    if !review.require.is_empty() {
        add("runs only when", review.require.iter().map(|that| row(line(that))).collect(), "");
    }
    add("steps", review.steps.iter().map(step).collect(), "none");
    add("may reach, in total", review.reach.iter().map(|reach| reached(reach, true)).collect(), "nothing");
    add("data moves", review.moves.iter().map(moves).collect(), "nowhere");
    sections
}

fn change(change: &FlowChange) -> Row {
    let at = match &change.at {
        Spot::Flow => String::new(),
        Spot::Money | Spot::Work => "budget: ".into(),
        Spot::Step(step) | Spot::When(step) => format!("{step}: "),
    };
    let head = format!("{at}{}", line(&change.words));
    match change.widens {
        true => marked("more", Tone::Alarms, head),
        false => marked("less", Tone::Quiet, head),
    }
}

fn meeting(meeting: &Meeting) -> Row {
    let row = marked("meet", Tone::Alarms, format!("in {}", meeting.step));
    let traced = |word: &str, trace: &Trace| {
        let way = trace.way.iter().map(|place| line(place)).collect::<Vec<_>>().join(" -> ");
        format!("{word}: {} -> {way}", line(&trace.from))
    };
    let private = meeting.private.iter().map(|trace| traced("private", trace));
    let untrusted = meeting.untrusted.iter().map(|trace| traced("untrusted", trace));
    let out = meeting.outbound.iter().map(|out| format!("way out: {}", line(out)));
    private.chain(untrusted).chain(out).fold(row, Row::note)
}

fn input(input: &Input) -> Row {
    let default =
        input.default.as_ref().map(|value| format!(", {} when not given", line(&value.to_string())));
    let head = format!("{} {}{}", input.name, input.shape.word(), default.unwrap_or_default());
    row(format!("{head}{}", words(&input.marks)))
}

/// Marks as they stand behind what they are about.
fn words(marks: &BTreeSet<Mark>) -> String {
    let words: Vec<&str> = marks.iter().map(|mark| mark.word()).collect();
    if words.is_empty() { String::new() } else { format!(" [{}]", words.join(", ")) }
}

fn step(step: &ReviewedStep) -> Row {
    let head = match step.calls.first() {
        Some(call) => format!("{}: {}", step.id, called(call)),
        None => format!("{}: asks {}", step.id, asked(step.questions.first())),
    };
    let mut row = row(head);
    if let Some(when) = &step.when {
        row = row.note(format!("when {}", line(when)));
    }
    for call in &step.calls {
        if call.part != "work" {
            row = row.note(format!("{}: {}", call.part, called(call)));
        }
        row = call.reach.iter().fold(row, |row, reach| row.note(reached(reach, false).head));
    }
    if let Some(expect) = &step.expect {
        row = row.note(format!("expects {}", line(expect)));
    }
    step.questions.iter().fold(row, question)
}

fn called(call: &ReviewedCall) -> String {
    let pin = &call.skill;
    let (lane, effects) = (call.lane.word(), call.effects.word());
    let of = format!("{}#{} {} ({})", pin.name, call.operation, pin.version, pin.component.short());
    format!("{of} [{lane}, effects {effects}]")
}

fn asked(question: Option<&ReviewedQuestion>) -> String {
    question.map(|it| format!("{} ({})", it.role, line(&it.people.join(", ")))).unwrap_or_default()
}

fn question(row: Row, question: &ReviewedQuestion) -> Row {
    let expires = question.expires.as_ref().map(|span| format!(", expires after {span}")).unwrap_or_default();
    let over = question.override_by.as_ref().map(|role| format!(", {role} may override")).unwrap_or_default();
    let (role, answer) = (&question.role, line(&question.answer));
    row.note(format!("asks {role}: {} ({answer}{expires}{over})", line(&question.text)))
}

fn reached(reach: &ReviewedReach, total: bool) -> Row {
    let row = row(format!("{}{}", line(&reach.grant), words(&reach.marks)));
    let steps: Vec<String> = reach.steps.iter().map(ToString::to_string).collect();
    if total { row.note(format!("in {}", steps.join(", "))) } else { row }
}

fn moves(it: &Move) -> Row {
    row(format!("{} -> {} ({})", line(&it.from), line(&it.to), line(&it.what)))
}
