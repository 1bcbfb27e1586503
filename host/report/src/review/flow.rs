//! What a review of a flow says: what it does and asks, what it reaches, how data moves, what changed.

use super::{BESIDE, Row, Section, Sheet, Tone, marked, row};
use crate::plain::{json, line, number};
use kapell_model::flow::{
    FlowChange, FlowReview, Meeting, Move, ReviewedAgain, ReviewedCall, ReviewedQuestion, ReviewedReach,
    ReviewedStep, Spot, Trace, as_text,
};
use kapell_model::id::Role;
use kapell_model::mark::Mark;
use kapell_model::plan::Input;
use kapell_model::review::Standing;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How much of two texts must be alike before it is left out, in characters.
const ALIKE: usize = 200;

/// How much of a long line that is alike is shown before the two differ, in characters.
const SHOWN_ALIKE: usize = 60;

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
    if !review.files.is_empty() {
        let file = |(name, digest)| row(format!("{name} {digest}"));
        add("files", review.files.iter().map(file).collect(), "");
    }
    add("steps", review.steps.iter().map(step).collect(), "none");
    add("comes out", review.outputs.iter().map(|(name, it)| shown(name, it)).collect(), "nothing");
    if !review.people.is_empty() {
        let people =
            |(role, people): (&Role, &Vec<String>)| row(format!("{role}: {}", line(&people.join(", "))));
        add("who decides", review.people.iter().map(people).collect(), "");
    }
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
    let row = match change.widens {
        true => marked("more", Tone::Alarms, head),
        false => marked("less", Tone::Quiet, head),
    };
    match (&change.was, &change.is) {
        (Some(was), Some(is)) => was_and_is(row, was, is),
        (was, is) => {
            let row = was.iter().fold(row, |row, was| row.quote("was", was));
            is.iter().fold(row, |row, is| row.quote("is", is))
        }
    }
}

/// Two texts from the line on which they begin to differ: what is alike before it would hide where they do.
fn was_and_is(row: Row, was: &str, is: &str) -> Row {
    let alike = was.char_indices().zip(is.chars()).take_while(|((_, one), other)| one == other);
    let end = alike.last().map_or(0, |((at, letter), _)| at + letter.len_utf8());
    let head = was.get(..end).unwrap_or_default();
    let begins = head.rfind('\n').map_or(0, |at| at + 1);
    // A line may be as long as a text: of one that is long alike only its end is shown.
    let near = head.char_indices().rev().nth(SHOWN_ALIKE).map_or(0, |(at, _)| at);
    let begin = if near > begins + ALIKE { near } else { begins };
    let skipped = head.get(..begin).map_or(0, |it| it.chars().count());
    let from = |text: &str| text.get(begin..).unwrap_or_default().to_owned();
    match skipped > ALIKE {
        true => {
            let many = number(u64::try_from(skipped).unwrap_or(u64::MAX));
            let row = row.note(format!("after {many} characters that are alike"));
            row.quote("was", &from(was)).quote("is", &from(is))
        }
        false => row.quote("was", was).quote("is", is),
    }
}

fn shown(name: &str, source: &str) -> Row {
    let head = format!("{}: {}", line(name), line(source));
    row(head)
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
    let (own, rungs): (Vec<_>, Vec<_>) = step.calls.iter().partition(|call| call.rung.is_none());
    row = own.into_iter().fold(row, called_with);
    if let Some(expect) = &step.expect {
        row = row.note(format!("expects {}", line(expect)));
    }
    if step.retry > 0 {
        row = row.note(format!("tried again after a trap, {} times at most", step.retry));
    }
    if !step.marks.is_empty() {
        row = row.note(format!("what it comes to is marked{}", words(&step.marks)));
    }
    row = step.questions.iter().filter(|it| it.rung.is_none()).fold(row, question);
    ladder(row, step, &rungs)
}

/// The rungs in the order they are climbed.
fn ladder(row: Row, step: &ReviewedStep, calls: &[&ReviewedCall]) -> Row {
    let again = step.again.iter().map(|it| it.rung);
    let asked = step.questions.iter().filter_map(|it| it.rung);
    let rungs: BTreeSet<usize> = calls.iter().filter_map(|it| it.rung).chain(again).chain(asked).collect();
    rungs.into_iter().fold(row, |row, rung| {
        let row = calls.iter().filter(|it| it.rung == Some(rung)).fold(row, |row, it| called_with(row, it));
        let row = step.again.iter().filter(|it| it.rung == rung).fold(row, once_more);
        step.questions.iter().filter(|it| it.rung == Some(rung)).fold(row, question)
    })
}

fn called_with(row: Row, call: &ReviewedCall) -> Row {
    let row = match (call.rung, call.part) {
        (Some(rung), _) => row.note(format!("otherwise {rung}: {}", called(call))),
        (None, "work") => row,
        (None, part) => row.note(format!("{part}: {}", called(call))),
    };
    let row = given(row, &call.with);
    let row = row.note(format!("an attempt may spend {}", line(&call.limits)));
    call.reach.iter().fold(row, |row, reach| row.note(reached(reach, false).head))
}

fn once_more(row: Row, again: &ReviewedAgain) -> Row {
    given(row.note(format!("otherwise {}: the same again", again.rung)), &again.with)
}

fn given(row: Row, with: &BTreeMap<String, Value>) -> Row {
    with.iter().fold(row, |row, (name, value)| {
        let text = match value {
            Value::Array(_) | Value::Object(_) if as_text(value).chars().count() > BESIDE => json(value),
            value => as_text(value),
        };
        row.quote(&format!("given {}", line(name)), &text)
    })
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
    let later = question.escalate.as_ref();
    let later = later.map(|it| format!(", {} as well after {}", it.to, it.after)).unwrap_or_default();
    let (role, answer) = (&question.role, line(&question.answer));
    let how = format!("{answer}{later}{expires}{over}");
    let row = match question.rung {
        Some(rung) => row.note(format!("otherwise {rung}: asks {role} ({how})")),
        None => row.note(format!("answered with {how}")),
    };
    let row = row.quote("asked", &question.text);
    question.show.iter().fold(row, |row, (name, source)| row.quote(&format!("shown {}", line(name)), source))
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
        let with = [(
            "template".into(),
            serde_json::json!(format!("Dear {HOSTILE}\nshown       sha256:00\n{}", "and on\n".repeat(40))),
        )];
        let (with, reach) = (with.into(), vec![reach(&[])]);
        ReviewedCall { part: "work", rung: None, skill, operation, lane, effects, with, reach, limits }
    }

    fn question() -> ReviewedQuestion {
        ReviewedQuestion {
            role: "legal".parse().unwrap(),
            people: vec!["user:ada".into()],
            rung: None,
            text: HOSTILE.into(),
            show: [("risk".into(), format!("'{HOSTILE}'"))].into(),
            escalate: None,
            answer: "approve or reject".into(),
            expires: Some("3d".into()),
            override_by: Some("director".parse().unwrap()),
        }
    }

    fn steps() -> Vec<ReviewedStep> {
        let step = |id: &str, calls, questions| {
            let (when, expect) = (Some("inputs.worth > 5".into()), None);
            let (id, again, marks) = (id.parse().unwrap(), Vec::new(), BTreeSet::new());
            ReviewedStep { id, when, budget: None, marks, calls, expect, retry: 0, again, questions }
        };
        vec![step("fine", Vec::new(), vec![question()]), step("letter", vec![call()], Vec::new())]
    }

    fn review() -> FlowReview {
        let trace = |from: &str| Trace { from: from.into(), way: vec!["letter".into()] };
        let change = |at, widens, words: &str| FlowChange {
            at,
            widens,
            words: words.into(),
            was: Some(format!("{}was {HOSTILE}", "a line\n".repeat(90))),
            is: Some(format!("{}is", "a line\n".repeat(90))),
        };
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
            files: [("standard".into(), Digest::of(b"standard"))].into(),
            steps: steps(),
            outputs: [("letter".into(), "letter.file".into())].into(),
            people: [("legal".parse().unwrap(), vec!["user:ada".into()])].into(),
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
                      after 630 characters that are alike
                      was: was </code><script>alert(1)</script>\u{1b}[2J\u{202e}
                      is: is
          less      fine: </code><script>alert(1)</script>\u{1b}[2J\u{202e}
                      after 630 characters that are alike
                      was: was </code><script>alert(1)</script>\u{1b}[2J\u{202e}
                      is: is

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

        files
          standard sha256:fe6d3468cf5c74d8ec2a95b40f2e05338c37a4202f8fad692d2b64a9cf9b468a

        steps
          fine: asks legal (user:ada)
            when inputs.worth > 5
            answered with approve or reject, expires after 3d, director may override
            asked: </code><script>alert(1)</script>\u{1b}[2J\u{202e}
            shown risk: '</code><script>alert(1)</script>\u{1b}[2J\u{202e}'
          letter: acme:letter#write 1.0.0 (f80105efab6d) [systems, effects idempotent]
            when inputs.worth > 5
            given template:
              | Dear </code><script>alert(1)</script>\u{1b}[2J\u{202e}
              | shown       sha256:00
              | and on
              | and on
              | and on
              | and on
              | and on
              | and on
              | and on
              | and on
              | and on
              | and on
              | and on
              | and on
              | and on
              | and on
              | and on
              | and on
              | and on
              | and on
              | and on
              | and on
              | and on
              | and on
              … 126 more characters; `--html` and `--json` show them
            an attempt may spend fuel=1
            files out by letters [outbound]

        comes out
          letter: letter.file

        who decides
          legal: user:ada

        may reach, in total
          files out by letters [outbound]
            in letter

        data moves
          input name -> letter (</code><script>alert(1)</script>\u{1b}[2J\u{202e})

        shown       sha256:d2aae7ce1ffd23ea7511c5c1e2a9e20b6004d7815f804231d17a59f4e199c948
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
