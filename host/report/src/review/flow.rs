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
    vec![
        ("meaning", review.meaning.to_string()),
        ("owner", review.owner.as_deref().map_or("nobody is named".into(), line)),
        ("budget", budgets(review)),
        ("approval", approval),
    ]
}

/// A run's budget, then what the policy gives all runs together.
fn budgets(review: &FlowReview) -> String {
    let all = review.flow_budgets.iter().map(|it| format!("; all runs together {}", it.words()));
    let bounded = !review.budget.is_empty() || !review.flow_budgets.is_empty();
    let uncapped = if bounded { crate::explain::UNCAPPED } else { "" };
    format!("{}{}{uncapped}", review.budget.words(), all.collect::<String>())
}

fn summary(review: &FlowReview) -> Vec<(Tone, String)> {
    let mut told = Vec::new();
    for meeting in &review.meetings {
        let words = "private data, untrusted content and a way out meet in";
        told.push((Tone::Alarms, format!("{words} `{}`", meeting.step)));
    }
    let wider = review.changes.iter().flatten().filter(|change| change.widens).count();
    if wider > 0 {
        let words = if wider == 1 { "1 change is".into() } else { format!("{wider} changes are") };
        told.push((Tone::Alarms, format!("{words} more than before")));
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
        add("what changed", changes.iter().map(change).collect(), "nothing that matters");
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
        Spot::Money | Spot::Work | Spot::Over => "budget: ".into(),
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
    if let Some(budget) = &step.budget {
        row = row.note(format!("budget {budget}"));
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed assumption must fail the test")]
mod tests {
    use super::super::{flow_html, flow_text};
    use super::*;
    use kapell_model::digest::Digest;
    use kapell_model::plan::{Budget, Effects, InputShape, Lane, SkillPin};

    /// What a hostile author would write wherever people read.
    const HOSTILE: &str = "</code><script>alert(1)</script>\u{1b}[2J\u{202e}";

    fn reach(steps: &[&str]) -> ReviewedReach {
        let steps = steps.iter().map(|step| step.parse().unwrap()).collect();
        ReviewedReach { grant: "files out by letters".into(), marks: [Mark::Outbound].into(), steps }
    }

    fn call() -> ReviewedCall {
        let component = Digest::of(b"letter");
        let skill =
            SkillPin { name: "acme:letter".parse().unwrap(), version: "1.0.0".parse().unwrap(), component };
        let (lane, effects, operation) = (Lane::Systems, Effects::Idempotent, "write".into());
        let limits = "fuel=1".into();
        ReviewedCall { part: "work", skill, operation, lane, effects, reach: vec![reach(&[])], limits }
    }

    fn question() -> ReviewedQuestion {
        ReviewedQuestion {
            role: "legal".parse().unwrap(),
            people: vec!["user:ada".into()],
            text: HOSTILE.into(),
            answer: "approve or reject".into(),
            expires: Some("3d".into()),
            override_by: Some("director".parse().unwrap()),
        }
    }

    fn steps() -> Vec<ReviewedStep> {
        let step = |id: &str, calls, questions| {
            let (when, expect) = (Some("inputs.worth > 5".into()), None);
            ReviewedStep { id: id.parse().unwrap(), when, budget: None, calls, expect, questions }
        };
        vec![step("fine", Vec::new(), vec![question()]), step("letter", vec![call()], Vec::new())]
    }

    fn review() -> FlowReview {
        let trace = |from: &str| Trace { from: from.into(), way: vec!["letter".into()] };
        let change = |at, widens, words: &str| FlowChange { at, widens, words: words.into() };
        let input = |name: &str, mark| Input {
            name: name.into(),
            shape: InputShape::String,
            default: None,
            marks: [mark].into(),
        };
        FlowReview {
            schema: "kapell.flow-review/1",
            flow: "welcome".parse().unwrap(),
            version: "1.0.0".into(),
            purpose: Some(HOSTILE.into()),
            owner: Some("sales-ops".into()),
            meaning: Digest::of(b"meaning"),
            budget: Budget { money: Some("0.50 EUR".parse().unwrap()), work: None, over: None },
            flow_budgets: vec![serde_json::from_str(r#"{ "per": "month", "most": "25 EUR" }"#).unwrap()],
            inputs: vec![input("email", Mark::Private), input("name", Mark::Untrusted)],
            require: vec!["size(inputs.name) > 0".into()],
            steps: steps(),
            reach: vec![reach(&["letter"])],
            moves: vec![Move { from: "input name".into(), to: "letter".into(), what: HOSTILE.into() }],
            meetings: vec![Meeting {
                step: "letter".parse().unwrap(),
                private: vec![trace("input email")],
                untrusted: vec![trace("input name")],
                outbound: vec!["files out by letters".into()],
            }],
            changes: Some(vec![
                change(Spot::Money, true, "the budget was 0.10 EUR and is 0.50 EUR"),
                change(Spot::Step("fine".parse().unwrap()), false, HOSTILE),
            ]),
            standing: Standing::Unapproved { why: HOSTILE.into() },
        }
    }

    #[test]
    fn a_flows_review_reads_in_a_terminal() {
        insta::assert_snapshot!(flow_text(&review()), @r#"
        welcome 1.0.0  </code><script>alert(1)</script>\u{1b}[2J\u{202e}
        meaning     sha256:e409bfc6fe798c2efaafa7cc91b9c5b5d5e4ced371f409b83957e7bb27ba360c
        owner       sales-ops
        budget      0.50 EUR for machines, no bound of time; all runs together 25.00 EUR a month for machines; people's minutes are priced and never capped
        approval    none: </code><script>alert(1)</script>\u{1b}[2J\u{202e}
        note        private data, untrusted content and a way out meet in `letter`
        note        1 change is more than before

        what changed
          more      budget: the budget was 0.10 EUR and is 0.50 EUR
          less      fine: </code><script>alert(1)</script>\u{1b}[2J\u{202e}

        where private data, untrusted content and a way out meet
          meet      in letter
                      private: input email -> letter
                      untrusted: input name -> letter
                      way out: files out by letters

        inputs
          email string [private]
          name string [untrusted]

        runs only when
          size(inputs.name) > 0

        steps
          fine: asks legal (user:ada)
            when inputs.worth > 5
            asks legal: </code><script>alert(1)</script>\u{1b}[2J\u{202e} (approve or reject, expires after 3d,
            director may override)
          letter: acme:letter#write 1.0.0 (f80105efab6d) [systems, effects idempotent]
            when inputs.worth > 5
            files out by letters [outbound]

        may reach, in total
          files out by letters [outbound]
            in letter

        data moves
          input name -> letter (</code><script>alert(1)</script>\u{1b}[2J\u{202e})

        shown       sha256:d0ad70ae2cf7e23f273fc2528321909a983ad8368d38a7f88a9430f6ba9053b9
        "#);
        let silent = FlowReview { steps: Vec::new(), meetings: Vec::new(), changes: None, ..review() };
        let told: Vec<String> = summary(&silent).into_iter().map(|(_, words)| words).collect();
        assert_eq!(told, ["it asks nobody anything"]);
    }

    #[test]
    fn nothing_a_flow_says_acts_on_a_terminal_or_is_markup_and_both_forms_say_the_same() {
        let (text, page) = (flow_text(&review()), flow_html(&review()));
        for told in [&text, &page] {
            assert!(!told.chars().any(|it| (it.is_control() && it != '\n') || it == '\u{202e}'), "{told}");
            assert!(told.contains(&review().digest().to_string()));
        }
        assert!(!page.contains("<script") && page.contains("&lt;script&gt;"), "{page}");
        for section in sections(&review()) {
            assert!(text.contains(&section.title) && page.contains(&section.title), "{}", section.title);
        }
    }
}
