//! `gates learn`: what a flow could learn from how its questions were answered, as a difference to apply by hand; and
//! `test` of a flow, which holds it against the cases that were learned.

use crate::args::Learn;
use crate::failure::Exit;
use crate::output;
use crate::session::{Session, quoted};
use kapell_home::{Learned, TriedCase, cases_file, try_flow_cases};
use kapell_model::id::FlowName;
use kapell_report::learn::{ENOUGH, Follows, Lesson};
use kapell_report::plain::{line, lines};
use serde_json::{Value, json};
use std::path::Path;

pub(crate) fn run(session: &Session, learn: &Learn) -> anyhow::Result<Exit> {
    output::named(&learn.flow);
    let since = learn.since.as_deref().map(|said| session.home.since(said)).transpose()?;
    let progress = crate::live::slow("reading", Path::new("the journal"));
    let learned = session.home.learn(&learn.flow, learn.after, since);
    progress.done();
    let learned = learned?;
    match session.json {
        true => output::json(&as_json(&learned, learn.after)),
        false => tell(session, &learned, learn),
    }
    Ok(Exit::Ok)
}

fn tell(session: &Session, learned: &Learned, learn: &Learn) {
    if let Some(diff) = &learned.diff {
        let diff = diff.trim_end_matches('\n');
        // A file takes it as it is, so that it applies; a terminal shows what can't be seen.
        match output::data_to_terminal() {
            true => output::data(&lines(diff)),
            false => output::data(diff),
        }
    }
    if learned.lessons.is_empty() {
        output::talk(&format!("{} asks nobody", learned.flow));
    }
    learned.lessons.iter().for_each(|lesson| output::talk(&lesson.words()));
    for change in &learned.changes {
        let then = match (change.widens, learned.waits) {
            (true, true) => "widens, so it waits for approval",
            (true, false) => "widens; in a locked home it would wait for approval",
            (false, _) => "asks for nothing more",
        };
        output::talk(&format!("{}: {then}", line(&change.words)));
    }
    if learned.diff.is_some() {
        output::talk(&next(session, learned, learn));
    }
}

/// How to apply what is proposed, and what to do then.
fn next(session: &Session, learned: &Learned, learn: &Learn) -> String {
    let (program, path) = (&session.program, quoted(&learn.flow));
    let after = if learn.after == ENOUGH { String::new() } else { format!(" --after {}", learn.after) };
    let since = learn.since.as_ref().map(|since| format!(" --since {}", quoted(since))).unwrap_or_default();
    let then = match learned.changes.is_empty() {
        true => format!("hold the flow against its cases with  {program} test {path}"),
        false => format!("look at it with  {program} review {path}"),
    };
    format!(
        "nothing was changed; apply it with  {program} gates learn {path}{after}{since} | patch -p1  and {then}"
    )
}

fn as_json(learned: &Learned, after: u64) -> Value {
    json!({
        "schema": "kapell.learned/1", "flow": learned.flow, "after": after, "diff": learned.diff,
        "changes": learned.changes, "questions": learned.lessons.iter().map(lesson_json).collect::<Vec<_>>(),
    })
}

fn lesson_json(lesson: &Lesson) -> Value {
    let answers = lesson.answers.iter().map(|(said, times)| json!({ "answer": said, "times": times }));
    let (follows, condition, missing, why) = match &lesson.follows {
        Follows::Missing(missing) => ("missing", None, Some(missing), None),
        Follows::Mixed(judged) => (judged.word(), None, None, None),
        Follows::Condition(condition) => ("condition", Some(condition), None, None),
        Follows::Cases(_, why) => ("cases", None, None, Some(why)),
        Follows::Nothing(why) => ("nothing", None, None, Some(why)),
    };
    json!({
        "step": lesson.asked.step, "rung": lesson.asked.rung, "role": lesson.asked.role,
        "condition": lesson.asked.opens.as_ref().map(|opens| &opens.condition),
        "answers": answers.collect::<Vec<_>>(), "unanswered": lesson.unanswered, "people": lesson.people,
        "follows": follows, "proposed": condition, "missing": missing, "why": why,
        "may-differ-percent": lesson.may_differ(),
    })
}

/// Holds a flow against its cases. Ends with 1 when one does not hold, or there is none.
pub(crate) fn test(path: &Path, as_json: bool) -> anyhow::Result<Exit> {
    output::named(path);
    output::named(&cases_file(path));
    let tried = try_flow_cases(path)?;
    let tried = tried.as_ref().map(|(flow, tried)| (flow, tried.as_slice()));
    let holds =
        tried.is_some_and(|(_, tried)| !tried.is_empty() && tried.iter().all(|it| it.differs.is_none()));
    match as_json {
        true => test_json(tried, holds),
        false => tell_test(path, tried),
    }
    Ok(if holds { Exit::Ok } else { Exit::SkillError })
}

fn tell_test(path: &Path, tried: Option<(&FlowName, &[TriedCase])>) {
    let file = cases_file(path);
    let Some((flow, tried)) = tried.filter(|(_, tried)| !tried.is_empty()) else {
        output::talk(&format!("there is no case in {}, so nothing is proved", file.display()));
        return;
    };
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    for TriedCase { case, differs } in tried {
        let place = format!("{}:{}  {}", line(&name), case.line, case.step);
        let (case, differs) = (line(&case.because), differs.as_ref().map(|differs| line(differs)));
        match differs {
            None => output::data(&format!("pass  {place}")),
            Some(differs) => output::data(&format!("FAIL  {place}: {differs}\n        {case}")),
        }
    }
    let failed = tried.iter().filter(|it| it.differs.is_some()).count();
    output::talk(&match failed {
        0 => format!("{flow} asks as all {} cases say", tried.len()),
        _ => format!("{flow} does not ask as {failed} of {} cases say", tried.len()),
    });
}

fn test_json(tried: Option<(&FlowName, &[TriedCase])>, holds: bool) {
    let cases = tried.iter().flat_map(|(_, tried)| tried.iter()).map(|it| {
        json!({
            "step": it.case.step, "line": it.case.line, "asks": it.case.asks, "because": it.case.because,
            "pass": it.differs.is_none(), "differs": it.differs,
        })
    });
    output::json(&json!({
        "schema": "kapell.flow-test/1", "flow": tried.map(|(flow, _)| flow), "holds": holds,
        "cases": cases.collect::<Vec<_>>(),
    }));
}
