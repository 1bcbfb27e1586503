//! `add` and `skills`: installing, listing, showing, choosing the version in use.

use crate::args::{Add, Skills};
use crate::commands::author::built;
use crate::commands::{flows, judge};
use crate::failure::Exit;
use crate::output;
use crate::session::Session;
use kapell_home::{Added, HomeError, SkillState};
use kapell_model::id::{FlowName, SkillName};
use kapell_model::review::Standing;
use kapell_report::cost::listed;
use kapell_report::log::{instant, rfc3339};
use kapell_report::plain::{line, short};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub(crate) fn add(session: &Session, add: &Add) -> anyhow::Result<Exit> {
    let (folders, files): (Vec<PathBuf>, Vec<PathBuf>) =
        add.paths.iter().cloned().partition(|path| path.is_dir());
    let mut added = Vec::new();
    for component in built(&folders)? {
        added.push(install(session, &component.path, &component.bytes)?);
    }
    // A flow that comes with its skills is asked for when they are there.
    let (flows, components): (Vec<PathBuf>, Vec<PathBuf>) =
        files.into_iter().partition(|path| flows::is_flow(path));
    for file in components {
        let bytes = crate::commands::run::component(&file)?;
        added.push(install(session, &file, &bytes)?);
    }
    let asked = flows.iter().map(|path| flows::ask(session, path)).collect::<anyhow::Result<Vec<_>>>()?;
    if session.json {
        let skills = added
            .iter()
            .map(|it| json!({ "skill": it.skill.pin, "before": it.before, "in-place-of": it.in_place_of, "refusals": it.refusals, "pending": it.pending, "newer-in-use": it.newer_in_use, "near": it.near }));
        output::json(&json!({
            "schema": "kapell.added/1", "added": skills.collect::<Vec<_>>(), "asked": asked,
        }));
    }
    Ok(Exit::Ok)
}

fn install(session: &Session, file: &Path, bytes: &[u8]) -> anyhow::Result<Added> {
    let progress = crate::live::slow("compiling", file);
    let added = session.home.add(file, bytes, &session.user);
    progress.done();
    let added = added?;
    if !session.json {
        tell(session, &added);
    }
    Ok(added)
}

fn tell(session: &Session, added: &Added) {
    let pin = &added.skill.pin;
    let instead = match (&added.pending, &added.newer_in_use, &added.before) {
        (Some(why), _, Some(before)) => format!(", pending while {before} serves: {}", line(why)),
        (Some(why), _, None) => format!(", pending: {}", line(why)),
        (None, Some(newer), _) => format!(", approved; {newer} is newer and stays in use"),
        (None, None, Some(before)) if *before != pin.version => format!(", in use instead of {before}"),
        (None, None, _) => String::new(),
    };
    let others = added.in_place_of.as_ref().map_or_else(String::new, |bytes| {
        format!(" in place of other bytes ({}) of the same version", bytes.short())
    });
    output::talk(&format!("added {} {} ({}){others}{instead}", pin.name, pin.version, pin.component.short()));
    for near in &added.near {
        output::talk(&format!(
            "  warning: one letter is all that tells its name from {near}, which is installed"
        ));
    }
    // What is mended by the same line of policy is told together.
    for mended_alike in added.refusals.chunk_by(|one, other| one.advice == other.advice) {
        for refusal in mended_alike {
            output::talk(&format!("  not permitted yet: {refusal}"));
        }
        if let Some(advice) = mended_alike.first().and_then(|refusal| refusal.advice.as_deref()) {
            output::talk(&format!("{}\n", indented(advice)));
        }
    }
    if added.newer_in_use.is_some() {
        let (program, version) = (&session.program, &pin.version);
        output::talk(&format!("put it in use with:  {program} skills use {} {version}", pin.name));
    }
    if added.pending.is_some() {
        output::talk(&format!("review it with:  {} review {}", session.program, pin.name));
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}").trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

pub(crate) fn run(session: &Session, skills: &Skills) -> anyhow::Result<Exit> {
    match skills {
        Skills::List => list(session),
        Skills::Approve(approval) => judge::approve(session, approval),
        Skills::Revoke { name, version, reason } => {
            judge::revoke(session, name, version.clone(), reason.clone())
        }
        Skills::Show { name, used: true } => show_use(session, name),
        Skills::Show { name, used: false } => show(session, name),
        Skills::Use { name, version } => {
            let name = named(session, name)?;
            let swap = session.home.use_version(&name, version, &session.user)?;
            match session.json {
                true => output::json(&json!({
                    "schema": "kapell.swap/1", "skill": swap.pin.name, "version": swap.pin.version, "component": swap.pin.component,
                })),
                false => output::talk(&format!(
                    "{} {} ({}) is in use for runs that begin from now on",
                    swap.pin.name,
                    swap.pin.version,
                    swap.pin.component.short()
                )),
            }
            Ok(Exit::Ok)
        }
    }
}

fn named(session: &Session, name: &str) -> Result<SkillName, HomeError> {
    Ok(session.home.skill(name)?.pin.name.clone())
}

fn list(session: &Session) -> anyhow::Result<Exit> {
    let (states, used_by) = (session.home.skill_states()?, session.home.used_by()?);
    if session.json {
        let skills = states.iter().map(|SkillState { installed: it, standing }| {
            json!({ "skill": it.skill.pin, "summary": it.skill.manifest.summary, "in-use": it.in_use, "installed": rfc3339(it.installed), "approval": standing, "used-by": used_by.get(&it.skill.pin.name).cloned().unwrap_or_default() })
        });
        output::json(&json!({ "schema": "kapell.skills/1", "skills": skills.collect::<Vec<_>>() }));
        return Ok(Exit::Ok);
    }
    if states.is_empty() {
        output::talk("no skills are installed yet; `kapell add FILE.wasm` installs one");
        return Ok(Exit::Ok);
    }
    // Where nothing has to be approved, a column that says so would only be noise.
    let judged = states.iter().any(|it| it.standing != Standing::Development);
    // So is one where nothing was run yet.
    let used = states.iter().any(|it| used_by.contains_key(&it.installed.skill.pin.name));
    let lines = states.iter().map(|SkillState { installed: it, standing }| {
        let mark = if it.in_use { "*" } else { " " };
        let pin = &it.skill.pin;
        let (name, version) = (format!("{mark} {}", pin.name), pin.version.to_string());
        let mut columns = vec![name, version, pin.component.short()];
        columns.extend(judged.then(|| stands(standing, it.in_use).to_owned()));
        columns.push(short(&it.skill.manifest.summary, 60));
        columns.extend(used.then(|| flows(used_by.get(&pin.name).filter(|_| it.in_use))));
        columns
    });
    output::data(&listed(&lines.collect::<Vec<_>>()));
    Ok(Exit::Ok)
}

/// The flows that use a skill, in words.
fn flows(flows: Option<&BTreeSet<FlowName>>) -> String {
    let names: Vec<&str> = flows.into_iter().flatten().map(FlowName::as_str).collect();
    if names.is_empty() { String::new() } else { short(&format!("used by {}", names.join(", ")), 80) }
}

/// One word for where a version stands.
fn stands(standing: &Standing, in_use: bool) -> &'static str {
    match standing {
        Standing::Approved { .. } => "approved",
        Standing::Development => "not asked for",
        Standing::Unapproved { why } if why.starts_with("it was revoked") => "revoked",
        Standing::Unapproved { .. } if in_use => "not approved",
        Standing::Unapproved { .. } => "pending",
    }
}

/// What a skill was seen to use; what it is granted and never used is named.
fn show_use(session: &Session, name: &str) -> anyhow::Result<Exit> {
    let skill = session.home.skill(name)?;
    let usage = session.home.usage(&skill.pin.name, None)?;
    if session.json {
        let unused = usage.never_used().map(|used| json!({ "kind": used.kind, "name": used.name }));
        output::json(&json!({
            "schema": "kapell.skill-use/1", "skill": skill.pin, "use": usage,
            "never-used": unused.collect::<Vec<_>>(),
        }));
        return Ok(Exit::Ok);
    }
    output::data(&format!("{}  {}", skill.pin.name, kapell_report::usage::page(&usage)));
    let unused: Vec<String> =
        usage.never_used().map(|used| format!("{} `{}`", used.kind, used.name)).collect();
    if !unused.is_empty() {
        output::talk(&format!(
            "granted and never used: {}; `{} policy suggest {}` prints the rules that would suffice",
            unused.join(", "),
            session.program,
            skill.pin.name
        ));
    }
    Ok(Exit::Ok)
}

fn show(session: &Session, name: &str) -> anyhow::Result<Exit> {
    let skill = session.home.skill(name)?;
    let events = session.home.skill_events(&skill.pin.name)?;
    if session.json {
        output::json(&json!({
            "schema": "kapell.skill/1", "skill": skill.pin, "manifest": skill.manifest,
            "operations": skill.operations, "imports": skill.imports, "bytes": skill.bytes,
        }));
        return Ok(Exit::Ok);
    }
    output::data(&kapell_report::skill::page(&skill));
    let history = events.iter().map(|it| {
        let why = it.why.as_ref().map(|why| format!(": {}", short(why, 60))).unwrap_or_default();
        let (version, component) = (&it.pin.version, it.pin.component.short());
        format!(
            "  {}  {:<8}  {version} ({component}) by {}{why}",
            instant(it.at),
            it.what.word(),
            short(&it.by, 40)
        )
    });
    output::data(&format!("history\n{}", history.collect::<Vec<_>>().join("\n")));
    if let Err(refusals) = session.home.grants(&skill, None, &kapell_model::limits::WishedLimits::default()) {
        refusals.iter().for_each(|refusal| output::data(&format!("refused     {refusal}")));
    }
    Ok(Exit::Ok)
}
