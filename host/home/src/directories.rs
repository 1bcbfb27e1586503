//! The directories a run is granted: made where policy binds them for writing, then pinned by what they are.
//!
//! A path may mean another directory later; the run is lent the one that stood there when it began, or none.

use crate::error::HomeError;
use crate::error::Kind;
use kapell_model::grant::{Authority, Grant, GrantSet, Refusal};
use kapell_model::id::SkillName;
use kapell_model::plan::Plan;
use kapell_model::policy::{Policy, Rule};
use kapell_runtime::{NotLent, Walk, pinned};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

/// How long directories are waited for, all of a run's together. A disk at work is done by then.
const ANSWERING: Duration = Duration::from_secs(5);

/// Makes and pins the directories of a plan, where it holds up nobody.
///
/// # Errors
/// `Refused` for one that is missing, is reached through a link or is inside another one of the same skill's;
/// otherwise when one can't be made or opened, or does not answer: its mount stalls.
pub(crate) async fn make_and_pin(mut plan: Plan, walk: Walk) -> Result<Plan, HomeError> {
    let silent = does_not_answer(&plan);
    let work = move || -> Result<Plan, HomeError> {
        make(&plan)?;
        plan.pin_grants(|grants| pinned(grants, walk)).map_err(not_lent)?;
        Ok(plan)
    };
    let broken = |error: tokio::task::JoinError| HomeError::new(Kind::Internal, error.to_string());
    tokio::task::spawn_blocking(|| answered(work)).await.map_err(broken)?.unwrap_or(Err(silent))
}

/// The same grants with the directories that stand there now; as they are where one is missing, can't be lent or does
/// not answer, which a run refuses.
pub(crate) fn as_found(grants: GrantSet, walk: Walk) -> GrantSet {
    let looked = grants.clone();
    answered(move || pinned(&looked, walk)).and_then(Result::ok).unwrap_or(grants)
}

/// What work on directories gives, unless it takes too long: its thread then stays in the kernel until the mount
/// answers, and nobody waits for it.
fn answered<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (told, answer) = sync_channel(1);
    let worker = move || told.send(work());
    thread::Builder::new().name("kapell-directories".into()).spawn(worker).ok()?;
    answer.recv_timeout(ANSWERING).ok()
}

/// All of them are named: which one it is that stalls, only the kernel knows.
fn does_not_answer(plan: &Plan) -> HomeError {
    let roots: BTreeSet<&str> = plan
        .calls()
        .flat_map(|(_, call)| &call.grants.grants)
        .filter_map(|grant| match &grant.authority {
            Authority::Files { root, .. } => Some(root.as_str()),
            _ => None,
        })
        .collect();
    let roots: Vec<&str> = roots.into_iter().collect();
    let words = match roots.as_slice() {
        [root] => format!("the directory {root} does not answer"),
        roots => format!("one of the directories {} does not answer", roots.join(", ")),
    };
    HomeError::new(Kind::Internal, words).hint("look at what is mounted there; nothing was run")
}

/// Holds the directories a policy names against what stands there now: each is a directory, and no two of one skill's
/// are the same one by another path. One that is not there yet may come to be.
///
/// # Errors
/// `Invalid` with the first rule that is bound to something else. A mount that stalls holds up nobody and is passed
/// over: a run looks again.
pub(crate) fn check(policy: &Policy, walk: Walk) -> Result<(), HomeError> {
    let (file, rules) = (policy.file.clone(), policy.rules.clone());
    let check = move || {
        let skills: BTreeSet<&SkillName> = rules.iter().map(|rule| &rule.skill).collect();
        skills.into_iter().find_map(|skill| unsound(rules.iter().filter(|rule| rule.skill == *skill), walk))
    };
    match answered(check).flatten() {
        Some((line, why)) => Err(HomeError::new(Kind::Invalid, format!("{file}:{line}: {why}"))
            .hint("`bind` names one directory, by the path it is at")),
        None => Ok(()),
    }
}

/// The first of a skill's rules whose directory is none, or one that another rule reaches: its line, and why.
fn unsound<'r>(rules: impl Iterator<Item = &'r Rule>, walk: Walk) -> Option<(u32, String)> {
    let mut grants = Vec::new();
    for rule in rules {
        let Authority::Files { root, .. } = &rule.authority else { continue };
        let Ok(found) = std::fs::symlink_metadata(root) else { continue };
        if !found.is_dir() {
            return Some((
                rule.line,
                format!("rule `{}` is bound to {root}, which is no directory", rule.id),
            ));
        }
        let (name, id, authority) = (rule.name.clone(), rule.id.clone(), rule.authority.clone());
        grants.push(Grant { name, rule: id, authority });
        if let Err(NotLent::Refused(refusal)) = pinned(&GrantSet::of(grants.clone()), walk) {
            return Some((rule.line, format!("rule `{}`: {}", rule.id, refusal.why)));
        }
    }
    None
}

fn not_lent(cause: NotLent) -> HomeError {
    match cause {
        NotLent::Refused(refusal) => refused(refusal),
        NotLent::Failed(fault) => HomeError::new(Kind::Internal, fault.to_string()),
    }
}

fn refused(refusal: Refusal) -> HomeError {
    let hint = refusal.advice.clone();
    let error = HomeError::refused("the run", vec![refusal]);
    HomeError { hint, ..error }
}

/// Directories that policy binds for writing are made when they are not there; one to be read from must be.
fn make(plan: &Plan) -> Result<(), HomeError> {
    let grants = plan.calls().flat_map(|(_, call)| &call.grants.grants);
    for grant in grants {
        let Authority::Files { root, access, .. } = &grant.authority else { continue };
        let (named, root) = (root, Path::new(root));
        if access.writes() {
            kapell_store::make_directory(named).map_err(|cause| {
                HomeError::io("make the granted directory", root, &cause)
                    .hint("`bind` in policy.toml must name a path without links in it")
            })?;
        } else if !root.is_dir() {
            let words = format!(
                "the directory {} that rule {} grants as `{}` is not there",
                root.display(),
                grant.rule,
                grant.name
            );
            return Err(HomeError::new(Kind::Refused, words).hint("make it, or mend `bind` in policy.toml"));
        }
    }
    Ok(())
}
