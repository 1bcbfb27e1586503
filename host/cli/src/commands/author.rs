//! `build`, `check`, `inspect`, `schema`: for whoever ships a skill or a flow. Nothing runs here.

use crate::args::{Args, Build, OnePath, Schema};
use crate::failure::Exit;
use crate::output;
use crate::session::{open, place};
use kapell_home::{HomeError, Kind, inspect_file};
use kapell_model::manifest::Manifest;
use kapell_model::plan::{Plan, Work};
use kapell_model::policy::{Policy, Surroundings};
use kapell_model::quantity::Bytes;
use kapell_model::schema::of_operation;
use kapell_model::seam::Skill;
use kapell_report::plain::line;
use kapell_report::skill::page;
use kapell_workshop::{Built, build_many};
use serde_json::json;
use std::path::{Path, PathBuf};

/// A component that was built, and where it was written.
pub(crate) struct Component {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
}

/// Builds skill folders; the compiler's own words are shown only on a terminal, as they come.
pub(crate) fn built(folders: &[PathBuf]) -> anyhow::Result<Vec<Component>> {
    if folders.is_empty() {
        return Ok(Vec::new());
    }
    for folder in folders {
        output::named(&folder.join("skill.toml"));
    }
    let built = build_many(folders, &mut compiler_line)?;
    Ok(built.into_iter().map(|it| Component { path: it.folder.clone(), bytes: it.bytes }).collect())
}

/// Cargo says a line when it begins a crate; a person who waits wants to see that, a pipe does not.
fn compiler_line(line: &str) {
    if output::talks_to_terminal() && line.trim_start().starts_with("Compiling") {
        output::talk(line);
    }
}

pub(crate) fn build(args: &Args, build: &Build) -> anyhow::Result<Exit> {
    for folder in &build.folders {
        output::named(&folder.join("skill.toml"));
    }
    let built = build_many(&build.folders, &mut compiler_line)?;
    let out = build.out.clone().unwrap_or_else(|| "target/skills".into());
    std::fs::create_dir_all(&out).map_err(|cause| HomeError::io("make the folder", &out, &cause))?;
    let mut written = Vec::new();
    for it in &built {
        let path = out.join(it.file_name());
        std::fs::write(&path, &it.bytes).map_err(|cause| HomeError::io("write", &path, &cause))?;
        written.push((it, inspect_file(&path, &it.bytes)?.skill, path));
    }
    if args.json {
        let components = written
            .iter()
            .map(|(_, skill, path)| json!({ "file": path, "skill": skill.pin, "imports": skill.imports }));
        output::json(&json!({ "schema": "kapell.built/1", "components": components.collect::<Vec<_>>() }));
        return Ok(Exit::Ok);
    }
    for (built, skill, path) in &written {
        tell_built(built, skill, path);
    }
    Ok(Exit::Ok)
}

fn tell_built(built: &Built, skill: &Skill, path: &Path) {
    let imports = match skill.imports.len() {
        0 => "no imports".into(),
        1 => "1 import".into(),
        n => format!("{n} imports"),
    };
    output::data(&path.display().to_string());
    output::talk(&format!(
        "  {} {}, {}, {imports}, built in {:.1} s",
        skill.pin.name,
        skill.pin.version,
        Bytes(skill.bytes),
        built.took.as_secs_f64()
    ));
}

pub(crate) async fn check(args: &Args, check: &OnePath) -> anyhow::Result<Exit> {
    let path = &check.path;
    output::named(path);
    let (words, waits) = match path.extension().and_then(|it| it.to_str()) {
        _ if path.is_dir() => (check_folder(path)?, None),
        Some("wasm") => (format!("{} is sound", named(&read_skill(path)?)), None),
        Some("toml") if path.file_name().is_some_and(|name| name == "skill.toml") => {
            (check_manifest(path)?, None)
        }
        Some("toml") => (check_policy(args, path)?, None),
        _ => check_flow(args, path).await?,
    };
    if args.json {
        output::json(&json!({
            "schema": "kapell.check/1", "path": path, "sound": true, "words": words, "waits": waits,
        }));
        return Ok(Exit::Ok);
    }
    output::talk(&words);
    if let Some(why) = waits {
        output::talk(&format!("it waits for approval here: {}", line(&why)));
    }
    Ok(Exit::Ok)
}

fn named(skill: &Skill) -> String {
    format!("{} {} ({})", skill.pin.name, skill.pin.version, skill.pin.component.short())
}

fn check_folder(folder: &Path) -> anyhow::Result<String> {
    let manifest = folder.join("skill.toml");
    match manifest.is_file() {
        true => {
            output::named(&manifest);
            check_manifest(&manifest)
        }
        false => {
            Err(HomeError::new(Kind::NotFound, format!("{} has no skill.toml", folder.display())).into())
        }
    }
}

fn check_manifest(path: &Path) -> anyhow::Result<String> {
    let text = read_text(path)?;
    let mut manifest = Manifest::parse("skill.toml", &text).map_err(HomeError::from)?;
    let beside = path.parent().unwrap_or(Path::new(".")).to_path_buf();
    let mut read = |name: &str| {
        kapell_home::read_text(&beside.join(name), kapell_home::TEXT_MAX).map_err(|cause| cause.to_string())
    };
    manifest.resolve_files("skill.toml", &mut read).map_err(HomeError::from)?;
    let (asks, examples) = (manifest.asks.len(), manifest.examples.len());
    Ok(format!("{} is sound: it asks for {asks} capabilities and has {examples} examples", manifest.name))
}

fn check_policy(args: &Args, path: &Path) -> anyhow::Result<String> {
    let text = read_text(path)?;
    let place = place(args.home.as_deref())?;
    let surroundings = Surroundings {
        folder: &place.root,
        closed: &[place.folder()],
        links: kapell_home::leads_through_link,
    };
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let policy = Policy::parse(&name, &text, surroundings).map_err(HomeError::from)?;
    Ok(format!("{name} is sound: {} rules, {} roles", policy.rules.len(), policy.roles.len()))
}

/// What it comes to, and why it would not run here all the same.
async fn check_flow(args: &Args, path: &Path) -> anyhow::Result<(String, Option<String>)> {
    let session = open(args).await?;
    let flow = session.home.check_flow(path)?;
    let waits = session.home.waits_for_approval(&flow)?.map(|why| why.to_string());
    let plan = flow.plan;
    Ok((format!("{} {} is sound: {}", plan.flow, plan.version, steps(&plan)), waits))
}

/// The steps in order, with the bytes they are pinned to.
fn steps(plan: &Plan) -> String {
    let lines = plan.steps.iter().map(|step| match &step.work {
        Work::Call { call, .. } => {
            let pin = &call.skill;
            format!(
                "\n  {:<12}  {}#{} {} ({})",
                step.id,
                pin.name,
                call.operation.name,
                pin.version,
                pin.component.short()
            )
        }
        Work::Ask { question } => format!("\n  {:<12}  asks {}", step.id, question.role),
    });
    let many = if plan.steps.len() == 1 { "1 step".into() } else { format!("{} steps", plan.steps.len()) };
    format!("{many}{}", lines.collect::<String>())
}

fn read_text(path: &Path) -> Result<String, HomeError> {
    kapell_home::read_text(path, kapell_home::TEXT_MAX)
}

fn read_skill(path: &Path) -> Result<Skill, HomeError> {
    let bytes = crate::commands::run::component(path)?;
    Ok(inspect_file(path, &bytes)?.skill)
}

pub(crate) fn inspect(args: &Args, inspect: &OnePath) -> anyhow::Result<Exit> {
    let skill = read_skill(&inspect.path)?;
    if args.json {
        output::json(&json!({
            "schema": "kapell.skill/1", "skill": skill.pin, "manifest": skill.manifest,
            "operations": skill.operations, "imports": skill.imports, "bytes": skill.bytes,
        }));
    } else {
        output::data(&page(&skill));
    }
    Ok(Exit::Ok)
}

pub(crate) async fn schema(args: &Args, schema: &Schema) -> anyhow::Result<Exit> {
    let file = Path::new(&schema.skill);
    let skill = match file.is_file() {
        true => std::sync::Arc::new(read_skill(file)?),
        false => open(args).await?.home.skill(&schema.skill)?,
    };
    let chosen: Vec<_> = skill
        .operations
        .iter()
        .filter(|it| schema.operation.as_ref().is_none_or(|name| *name == it.name))
        .collect();
    if let (Some(name), true) = (&schema.operation, chosen.is_empty()) {
        let known = skill.operations.iter().map(|it| it.name.as_str());
        return Err(HomeError::no_operation(skill.pin.name.as_str(), name, known).into());
    }
    let schemas = chosen.iter().map(|operation| {
        let schemas = of_operation(operation);
        let parts =
            json!({ "arguments": schemas.arguments, "output": schemas.output, "error": schemas.error });
        (operation.name.clone(), parts)
    });
    output::json(&json!({
        "schema": "kapell.schema/1", "skill": skill.pin,
        "operations": schemas.collect::<serde_json::Map<_, _>>(),
    }));
    Ok(Exit::Ok)
}
