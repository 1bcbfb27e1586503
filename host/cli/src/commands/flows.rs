//! `flows`: what is approved of flows, and approving it; `review` and `add` of a flow's file.

use crate::args::{FlowApproval, Flows, Review as ReviewArgs};
use crate::commands::judge::expiry;
use crate::consent::{Shown, consent};
use crate::failure::Exit;
use crate::output;
use crate::session::{Session, quoted};
use crate::written;
use kapell_home::{ApprovingFlow, HomeError, Kind};
use kapell_model::flow::FlowReview;
use kapell_report::cost::listed;
use kapell_report::log::rfc3339;
use kapell_report::plain::line;
use kapell_report::review::{flow_html, flow_text};
use serde_json::json;
use std::path::Path;

/// Whether a path names a flow, by its ending.
pub(crate) fn is_flow(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml")
}

pub(crate) fn run(session: &Session, flows: &Flows) -> anyhow::Result<Exit> {
    match flows {
        Flows::List => list(session),
        Flows::Approve(approval) => approve(session, approval),
        Flows::Revoke { name, reason } => {
            let revoked = session.home.revoke_flow(name, &session.user, reason.as_deref())?;
            match session.json {
                true => output::json(&json!({ "schema": "kapell.flow-revoked/1", "flow": revoked.name })),
                false => output::talk(&format!(
                    "revoked {}; no run of it begins, what ran of it ends now, and what waits does not go on until it is approved anew",
                    revoked.name
                )),
            }
            Ok(Exit::Ok)
        }
    }
}

pub(crate) fn review(session: &Session, args: &ReviewArgs, path: &Path) -> anyhow::Result<Exit> {
    output::named(path);
    if args.version.is_some() {
        let words = "a flow has no installed versions: name its file";
        return Err(HomeError::new(Kind::Argument, words).into());
    }
    let other = args.against.as_ref().map(Path::new);
    let review = match other {
        None => session.home.review_flow(path)?,
        Some(other) if is_flow(other) => session.home.review_flow_against(path, other)?,
        Some(other) => {
            let words = format!("{} is no flow's file", other.display());
            return Err(HomeError::new(Kind::Argument, words)
                .hint("without --against a flow is compared with what was approved of it")
                .into());
        }
    };
    let shown = review.digest();
    match &args.out {
        Some(out) => {
            let page = flow_html(&review);
            written::write(out, page.as_bytes())?;
            match session.json {
                true => {
                    output::json(&json!({ "schema": "kapell.review-page/1", "file": out, "shown": shown }))
                }
                false => output::talk(&format!("wrote {}", out.display())),
            }
        }
        None if session.json => output::json(&as_json(&review)?),
        None => output::data(&flow_text(&review)),
    }
    if !session.json && other.is_none() {
        let (program, path, shown) = (&session.program, quoted(path), shown.short());
        output::talk(&format!("approve it with:  {program} flows approve {path} --shown {shown}"));
    }
    Ok(Exit::Ok)
}

fn as_json(review: &FlowReview) -> anyhow::Result<serde_json::Value> {
    let mut value = serde_json::to_value(review)?;
    if let Some(fields) = value.as_object_mut() {
        fields.insert("shown".into(), json!(review.digest()));
    }
    Ok(value)
}

/// Adding a flow is asking for it: its file stays where it is.
pub(crate) fn ask(session: &Session, path: &Path) -> anyhow::Result<serde_json::Value> {
    output::named(path);
    let asked = session.home.ask_flow(path, &session.user)?;
    if !session.json {
        output::talk(&format!("asked for {} as it is now ({})", asked.name, asked.meaning.short()));
        output::talk(&format!("review it with:  {} review {}", session.program, quoted(path)));
    }
    Ok(json!({ "flow": asked.name, "meaning": asked.meaning, "asked-by": asked.by }))
}

fn approve(session: &Session, approval: &FlowApproval) -> anyhow::Result<Exit> {
    output::named(&approval.flow);
    let shown = consent(session, approval.shown.as_deref(), &approval.flow.display(), || {
        let review = session.home.review_flow(&approval.flow)?;
        let (name, digest) = (review.flow.to_string(), review.digest().to_string());
        Ok(Shown { name, text: flow_text(&review), digest })
    })?;
    let Some(shown) = shown else { return Ok(Exit::Ok) };
    let approved = session.home.approve_flow(&ApprovingFlow {
        path: approval.flow.clone(),
        shown,
        expires: approval.expires.as_deref().map(expiry).transpose()?,
        reason: approval.reason.clone(),
        by: session.user.clone(),
    })?;
    let until = approved.approval.expires.map(|at| format!(" until {at}")).unwrap_or_default();
    match session.json {
        true => output::json(&json!({
            "schema": "kapell.flow-approved/1", "flow": approved.name, "version": approved.version,
            "meaning": approved.meaning.digest(), "approval": approved.approval,
        })),
        false => output::talk(&format!(
            "approved {} {} ({}){until}",
            approved.name,
            line(&approved.version),
            approved.meaning.digest().short()
        )),
    }
    Ok(Exit::Ok)
}

fn list(session: &Session) -> anyhow::Result<Exit> {
    let lock = session.home.lock()?;
    if session.json {
        let approved = lock.flows.iter().map(|it| {
            json!({ "flow": it.name, "version": it.version, "meaning": it.meaning.digest(), "approval": it.approval })
        });
        let asked = lock
            .asked
            .iter()
            .map(|it| json!({ "flow": it.name, "meaning": it.meaning, "by": it.by, "at": rfc3339(it.at) }));
        let revoked = lock.flows_taken_back();
        let revoked = revoked
            .map(|it| json!({ "flow": it.name, "by": it.by, "at": rfc3339(it.at), "reason": it.reason }));
        output::json(&json!({
            "schema": "kapell.flows/1", "locked": lock.locked, "revoked": revoked.collect::<Vec<_>>(),
            "approved": approved.collect::<Vec<_>>(), "asked": asked.collect::<Vec<_>>(),
        }));
        return Ok(Exit::Ok);
    }
    let approved = lock.flows.iter().map(|it| {
        let until = it.approval.expires.map(|at| format!(" until {at}")).unwrap_or_default();
        let meaning = it.meaning.digest().short();
        vec!["approved".into(), it.name.to_string(), meaning, format!("by {}{until}", line(&it.approval.by))]
    });
    let asked = lock.asked.iter().map(|it| {
        vec!["asked".into(), it.name.to_string(), it.meaning.short(), format!("by {}", line(&it.by))]
    });
    let revoked = lock.flows_taken_back().map(|it| {
        let why = it.reason.as_ref().map(|why| format!(": {}", line(why))).unwrap_or_default();
        vec!["revoked".into(), it.name.to_string(), String::new(), format!("by {}{why}", line(&it.by))]
    });
    let lines: Vec<Vec<String>> = approved.chain(revoked).chain(asked).collect();
    match lines.is_empty() {
        true => output::talk("no flow is approved or asked for here"),
        false => output::data(&listed(&lines)),
    }
    Ok(Exit::Ok)
}
