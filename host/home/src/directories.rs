//! The directories a run is granted: made where policy binds them for writing, then pinned by what they are.
//!
//! A path may mean another directory later; the run is lent the one that stood there when it began, or none.

use crate::error::HomeError;
use crate::error::Kind;
use kapell_model::grant::{Authority, Refusal};
use kapell_model::plan::Plan;
use kapell_runtime::{NotLent, Walk, pinned};
use std::path::Path;

/// Makes and pins the directories of a plan, where it holds up nobody.
///
/// # Errors
/// `Refused` for one that is missing, is reached through a link or is inside another one of the same skill's;
/// otherwise when one can't be made or opened.
pub(crate) async fn make_and_pin(mut plan: Plan, walk: Walk) -> Result<Plan, HomeError> {
    let work = move || -> Result<Plan, HomeError> {
        make(&plan)?;
        plan.pin_grants(|grants| pinned(grants, walk)).map_err(not_lent)?;
        Ok(plan)
    };
    let broken = |error: tokio::task::JoinError| HomeError::new(Kind::Internal, error.to_string());
    tokio::task::spawn_blocking(work).await.map_err(broken)?
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
