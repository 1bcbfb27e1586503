//! `review`, `lock`, `skills approve` and `skills revoke`: for whoever decides what may run.

use crate::args::{LockArgs, Review as ReviewArgs, SkillApproval};
use crate::commands::flows;
use crate::consent::{Shown, consent};
use crate::failure::Exit;
use crate::output;
use crate::session::Session;
use crate::written;
use kapell_home::{Approved, Approving, HomeError, Kind, Revoking, Subject};
use kapell_model::id::{FlowName, SkillName};
use kapell_model::lock::Lock;
use kapell_model::plan::SkillPin;
use kapell_model::quantity::{Span, Timestamp};
use kapell_model::review::Review;
use kapell_report::plain::line;
use kapell_report::review::{html, text};
use semver::Version;
use serde_json::{Value, json};
use std::path::Path;

pub(crate) fn review(session: &Session, review: &ReviewArgs) -> anyhow::Result<Exit> {
    let file = Path::new(&review.what);
    if flows::is_flow(file) {
        return flows::review(session, review, file);
    }
    let against = review.against.as_deref().map(version).transpose()?;
    check_reviewable(file)?;
    let progress = crate::live::slow("reading", file);
    let made = match file.is_file() {
        true => crate::commands::run::component(file)
            .and_then(|bytes| session.home.review(Subject::File(file, &bytes), against.as_ref())),
        false => {
            let subject = Subject::Installed(&review.what, review.version.as_ref());
            session.home.review(subject, against.as_ref()).map_err(|error| nor_a_file(error, &review.what))
        }
    };
    progress.done();
    let made = made?;
    match &review.out {
        Some(out) => write_page(session, &made, out)?,
        None if session.json => output::json(&as_json(&made)?),
        None => output::data(&text(&made)),
    }
    if !session.json && !file.is_file() {
        output::talk(&next(session, &made, against.as_ref()));
    }
    Ok(Exit::Ok)
}

/// What can't be a skill's name was meant as a file's.
fn nor_a_file(error: HomeError, what: &str) -> HomeError {
    match error.kind == Kind::NotFound && what.parse::<SkillName>().is_err() {
        true => HomeError::new(Kind::NotFound, format!("there is no file and no skill `{what}`")),
        false => error,
    }
}

/// What stands there and is no file is no skill's name either.
fn check_reviewable(path: &Path) -> Result<(), HomeError> {
    let told = |what: &str, hint: String| {
        Err(HomeError::new(Kind::Argument, format!("{} is {what}", path.display())).hint(hint))
    };
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() && path.join("skill.toml").is_file() => {
            let build = format!("`kapell build {}` makes the component, which is reviewed", path.display());
            told("the folder of a skill, not its component", build)
        }
        Ok(found) if found.is_dir() => {
            told("a folder", "a component's file, a flow's file or an installed skill is reviewed".into())
        }
        Ok(found) if !found.is_file() => told("no regular file", "a component is read from a file".into()),
        _ => Ok(()),
    }
}

fn version(said: &str) -> Result<Version, HomeError> {
    said.parse().map_err(|_| {
        HomeError::new(Kind::Argument, format!("`{said}` is no version to compare a skill with"))
            .hint("such as --against 1.2.0")
    })
}

fn as_json(review: &Review) -> anyhow::Result<Value> {
    let mut value = serde_json::to_value(review)?;
    if let Some(fields) = value.as_object_mut() {
        fields.insert("shown".into(), json!(review.digest()));
    }
    Ok(value)
}

fn write_page(session: &Session, review: &Review, out: &Path) -> anyhow::Result<()> {
    written::write(out, html(review).as_bytes())?;
    match session.json {
        true => {
            output::json(&json!({ "schema": "kapell.review-page/1", "file": out, "shown": review.digest() }))
        }
        false => output::talk(&format!("wrote {}", out.display())),
    }
    Ok(())
}

/// How to approve exactly what is shown.
fn next(session: &Session, review: &Review, against: Option<&Version>) -> String {
    let (pin, shown) = (&review.skill, review.digest().short());
    let against = against.map(|version| format!(" --against {version}")).unwrap_or_default();
    match review.refusals().next() {
        Some(_) => "it can't be approved while anything of it is refused".into(),
        None => format!(
            "approve it with:  {} skills approve {} --version {}{against} --shown {shown}",
            session.program, pin.name, pin.version
        ),
    }
}

pub(crate) fn approve(session: &Session, approval: &SkillApproval) -> anyhow::Result<Exit> {
    let shown = consent(session, approval.shown.as_deref(), &approval.name, || {
        let subject = Subject::Installed(&approval.name, approval.version.as_ref());
        let review = session.home.review(subject, approval.against.as_ref())?;
        let name = format!("{} {}", review.skill.name, review.skill.version);
        Ok(Shown { name, text: text(&review), digest: review.digest().to_string() })
    })?;
    let Some(shown) = shown else { return Ok(Exit::Ok) };
    let approved = session.home.approve(&Approving {
        name: approval.name.clone(),
        version: approval.version.clone(),
        against: approval.against.clone(),
        shown,
        expires: approval.expires.as_deref().map(expiry).transpose()?,
        reason: approval.reason.clone(),
        by: session.user.clone(),
    })?;
    tell(session, &approved);
    Ok(Exit::Ok)
}

/// A date, or a span from now.
pub(crate) fn expiry(said: &str) -> Result<Timestamp, HomeError> {
    use kapell_model::seam::Clock as _;
    let span = said.parse::<Span>().ok().map(|span| kapell_home::SystemClock.now().after(span));
    span.or_else(|| said.parse().ok()).ok_or_else(|| {
        HomeError::new(Kind::Argument, format!("`{said}` is no date and no span of time"))
            .hint("such as --expires 2027-06-30 or --expires 90d")
    })
}

fn tell(session: &Session, approved: &Approved) {
    let (pin, approval) = (&approved.pin, &approved.approval);
    if session.json {
        output::json(&json!({
            "schema": "kapell.approved/1", "skill": pin, "approval": approval, "put-in-use": approved.put_in_use,
        }));
        return;
    }
    let until = approval.expires.map(|at| format!(" until {at}")).unwrap_or_default();
    let used = if approved.put_in_use { "; it is in use for runs that begin from now on" } else { "" };
    output::talk(&format!("approved {} {} ({}){until}{used}", pin.name, pin.version, pin.component.short()));
}

pub(crate) fn revoke(
    session: &Session,
    name: &str,
    version: Option<Version>,
    reason: Option<String>,
) -> anyhow::Result<Exit> {
    let by = session.user.clone();
    let pins = session.home.revoke(&Revoking { name: name.into(), version, reason, by })?;
    if session.json {
        output::json(&json!({ "schema": "kapell.revoked/1", "skills": pins }));
        return Ok(Exit::Ok);
    }
    for pin in &pins {
        let (name, version, bytes) = (&pin.name, &pin.version, pin.component.short());
        output::talk(&format!(
            "revoked {name} {version} ({bytes}); it runs no more, and what ran of it ends now"
        ));
    }
    Ok(Exit::Ok)
}

pub(crate) fn lock(session: &Session, lock: &LockArgs) -> anyhow::Result<Exit> {
    if !lock.check {
        return list(session);
    }
    lock.flows.iter().for_each(|flow| output::named(flow));
    let drifts = session.home.lock_check(&lock.flows)?;
    let is_locked = session.home.is_locked()?;
    if session.json {
        let told = drifts.iter().map(|it| json!({ "subject": it.subject, "what": it.what }));
        output::json(&json!({
            "schema": "kapell.lock-check/1", "locked": is_locked, "sound": drifts.is_empty(),
            "drifts": told.collect::<Vec<_>>(),
        }));
    } else {
        drifts.iter().for_each(|it| output::data(&format!("{}: {}", line(&it.subject), line(&it.what))));
        output::talk(&match drifts.len() {
            0 => "everything in use is as approved".into(),
            1 => "1 thing is not as approved".into(),
            many => format!("{many} things are not as approved"),
        });
        if !is_locked {
            output::talk("this home is not locked: what is not approved runs here all the same");
        }
    }
    Ok(if drifts.is_empty() { Exit::Ok } else { Exit::Integrity })
}

fn list(session: &Session) -> anyhow::Result<Exit> {
    let lock = session.home.lock()?;
    match session.json {
        true => output::json(&lock_json(&lock)),
        false => list_text(&lock),
    }
    Ok(Exit::Ok)
}

fn lock_json(lock: &Lock) -> Value {
    let approved = lock.skills.iter();
    let approved = approved.map(|it| json!({ "skill": it.pin, "shape": it.shape, "approval": it.approval }));
    let revoked = lock.revoked.iter();
    let revoked = revoked.map(|it| json!({ "skill": it.pin, "by": it.by, "at": it.at, "reason": it.reason }));
    let flows = lock.flows.iter();
    let flows = flows.map(|it| {
        json!({ "flow": it.name, "version": it.version, "meaning": it.meaning.digest(), "approval": it.approval })
    });
    let taken_back = lock.flows_taken_back();
    let taken_back =
        taken_back.map(|it| json!({ "flow": it.name, "by": it.by, "at": it.at, "reason": it.reason }));
    json!({
        "schema": "kapell.lock/1", "locked": lock.locked,
        "approved": approved.collect::<Vec<_>>(), "revoked": revoked.collect::<Vec<_>>(),
        "flows": flows.collect::<Vec<_>>(), "revoked-flows": taken_back.collect::<Vec<_>>(),
    })
}

fn list_text(lock: &Lock) {
    let row = |what: &str, pin: &SkillPin, by: String| {
        vec![what.to_owned(), pin.name.to_string(), pin.version.to_string(), pin.component.short(), by]
    };
    let approved = lock.skills.iter().map(|it| {
        let until = it.approval.expires.map(|at| format!(" until {at}")).unwrap_or_default();
        row("approved", &it.pin, format!("by {}{until}", line(&it.approval.by)))
    });
    let revoked = lock.revoked.iter().map(|it| row("revoked", &it.pin, format!("by {}", line(&it.by))));
    let flow = |what: &str, name: &FlowName, version: &str, by: String| {
        vec![what.to_owned(), format!("flow {name}"), line(version), String::new(), by]
    };
    let flows = lock.flows.iter().map(|it| {
        let until = it.approval.expires.map(|at| format!(" until {at}")).unwrap_or_default();
        flow("approved", &it.name, &it.version, format!("by {}{until}", line(&it.approval.by)))
    });
    let taken_back = lock.flows_taken_back();
    let taken_back = taken_back.map(|it| flow("revoked", &it.name, "", format!("by {}", line(&it.by))));
    let lines: Vec<Vec<String>> = approved.chain(revoked).chain(flows).chain(taken_back).collect();
    match lines.is_empty() {
        true => output::talk("nothing is approved here"),
        false => output::data(&kapell_report::cost::listed(&lines)),
    }
    output::talk(match lock.locked {
        true => "nothing else runs here",
        false => "this home is for development: everything runs that is not revoked",
    });
}
