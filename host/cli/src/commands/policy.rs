//! `policy`: checking a policy, explaining what decides a use, testing verdicts, suggesting rules. Nothing takes
//! effect here.

use crate::args::Policy;
use crate::failure::Exit;
use crate::output;
use crate::session::{Session, moved};
use kapell_home::{HomeError, Kind};
use kapell_model::seam::Skill;
use kapell_model::uses::{Use, forms};
use kapell_report::plain;
use serde_json::json;
use std::path::Path;

pub(crate) fn run(session: &Session, policy: &Policy) -> anyhow::Result<Exit> {
    match policy {
        Policy::Check { file } => check(session, file.as_deref()),
        Policy::Explain { skill, used, flow } => explain(session, skill, &used.join(" "), flow.as_deref()),
        Policy::Test { file } => test(session, file.as_deref()),
        Policy::Suggest { name } => suggest(session, name),
    }
}

fn check(session: &Session, file: Option<&Path>) -> anyhow::Result<Exit> {
    let own = session.home.place.policy();
    let path = file.unwrap_or(&own);
    output::named(path);
    let (policy, moves) = session.home.check_policy(path)?;
    let mut warnings = session.home.budgets_of_nobody(&policy)?;
    warnings.extend(policy.lent_all_the_same());
    if session.json {
        output::json(&json!({
            "schema": "kapell.policy-check/1", "file": policy.file, "sound": true, "rules": policy.rules.len(),
            "denials": policy.denials.len(), "roles": policy.roles.len(), "budgets": policy.budgets.len(), "moves": moves,
            "warnings": warnings,
        }));
        return Ok(Exit::Ok);
    }
    let budgets = Some(policy.budgets.len()).filter(|count| *count > 0);
    let budgets = budgets.map(|count| format!(", {}", many(count, "budget")));
    output::talk(&format!(
        "{} is sound: {}, {}, {}{}",
        policy.file,
        many(policy.rules.len(), "rule"),
        many(policy.denials.len(), "denial"),
        many(policy.roles.len(), "role"),
        budgets.unwrap_or_default()
    ));
    warnings.iter().for_each(|told| output::talk(&format!("warning: {}", plain::line(told))));
    output::data(&moved(&moves));
    Ok(Exit::Ok)
}

fn many(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

fn explain(session: &Session, named: &str, said: &str, flow: Option<&Path>) -> anyhow::Result<Exit> {
    let used: Use =
        said.parse().map_err(|error| HomeError::new(Kind::Argument, format!("{error}")).hint(forms(said)))?;
    let (name, operation) = named.split_once('#').map_or((named, None), |(name, it)| (name, Some(it)));
    let skill = session.home.skill(name)?;
    if let Some(operation) = operation.filter(|operation| skill.operation(operation).is_none()) {
        let known = skill.operations.iter().map(|it| it.name.as_str());
        return Err(HomeError::no_operation(skill.pin.name.as_str(), operation, known).into());
    }
    if let Some(flow) = flow {
        return explain_in(session, flow, &skill, operation, &used);
    }
    let found = session.home.explain(&skill, operation, &used);
    if session.json {
        output::json(&json!({
            "schema": "kapell.explain/1", "skill": skill.pin, "operation": operation,
            "use": used.to_string(), "explanation": found,
        }));
    } else {
        output::data(&plain::line(&found.to_string()));
        if let Some(advice) = &found.advice {
            output::talk(&format!("\n{}", advice.trim_end()));
        }
    }
    Ok(if found.granted { Exit::Ok } else { Exit::Refused })
}

/// Granted is what every step of the flow grants that calls it.
fn explain_in(
    session: &Session,
    flow: &Path,
    skill: &Skill,
    operation: Option<&str>,
    used: &Use,
) -> anyhow::Result<Exit> {
    output::named(flow);
    let steps = session.home.explain_in(flow, skill, operation, used)?;
    if steps.is_empty() {
        let words = format!("no step of {} calls {}", flow.display(), skill.pin.name);
        return Err(HomeError::new(Kind::NotFound, words).into());
    }
    if session.json {
        let told = steps.iter().map(|(step, found)| json!({ "step": step, "explanation": found }));
        output::json(&json!({
            "schema": "kapell.explain-flow/1", "skill": skill.pin, "operation": operation,
            "use": used.to_string(), "steps": told.collect::<Vec<_>>(),
        }));
    } else {
        steps.iter().for_each(|(step, found)| output::data(&plain::line(&format!("step {step}: {found}"))));
    }
    let granted = steps.iter().all(|(_, found)| found.granted);
    Ok(if granted { Exit::Ok } else { Exit::Refused })
}

fn test(session: &Session, file: Option<&Path>) -> anyhow::Result<Exit> {
    let own = session.home.cases();
    let path = file.unwrap_or(&own);
    output::named(path);
    let verdicts = session.home.test_policy(path)?;
    let failing = verdicts.iter().filter(|verdict| verdict.instead.is_some());
    if session.json {
        let cases = verdicts.iter().map(|it| {
            json!({
                "line": it.case.line, "skill": it.case.skill, "operation": it.case.operation,
                "use": it.case.used.to_string(), "expected": it.case.expected(), "instead": it.instead,
            })
        });
        output::json(&json!({ "schema": "kapell.policy-test/1", "cases": cases.collect::<Vec<_>>() }));
    } else {
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        for verdict in failing.clone() {
            let (case, instead) = (&verdict.case, verdict.instead.as_deref().unwrap_or_default());
            output::data(&plain::line(&format!(
                "{name}:{}: {} {}: expected {}, found {instead}",
                case.line,
                case.skill,
                case.used,
                case.expected()
            )));
        }
        output::talk(&format!(
            "{} of {} cases hold",
            verdicts.len() - failing.clone().count(),
            verdicts.len()
        ));
    }
    Ok(if failing.count() == 0 { Exit::Ok } else { Exit::SkillError })
}

fn suggest(session: &Session, name: &str) -> anyhow::Result<Exit> {
    let skill = session.home.skill(name)?;
    let (usage, suggested) = session.home.suggest(&skill)?;
    let folder = &session.home.place.root;
    let rules: Vec<String> = suggested.iter().map(|it| it.rule(&skill.pin.name, folder)).collect();
    if session.json {
        output::json(&json!({
            "schema": "kapell.suggested/1", "skill": skill.pin, "attempts": usage.attempts, "rules": suggested,
            "text": rules.join("\n"),
        }));
        return Ok(Exit::Ok);
    }
    if usage.attempts == 0 {
        output::talk(&format!("nothing is recorded of {} yet", skill.pin.name));
    } else if rules.is_empty() {
        output::talk(&format!("{} is granted nothing, so no rule could be narrower", skill.pin.name));
    }
    output::data(rules.join("\n").trim_end());
    Ok(Exit::Ok)
}
