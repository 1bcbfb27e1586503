//! Manifests, policies and import names under attack: each is refused with its place, or means what it says.
//!
//! `does` is one text each: `manifest TEXT` is read as a `skill.toml`, `policy TEXT` as a `policy.toml` in a home
//! (`policy utf-16 TEXT` in that encoding), `packed JSON` as what a component carries; `fill N CHARACTER`,
//! `repeat N TEXT` and `nest N OPEN CLOSE` make large and deep ones. `bind KIND TEXT` is one rule bound so.
//! `imports NAME` is a component that imports it and asks for nothing, `two-manifests` one that carries two,
//! `declares http and imports nothing` one that asks for what it can't use, `named NAME` one that is installed beside
//! the one `given`. The answer is the first problem, or `accepted`, or what would be refused at a run.

use super::table::{Case, Table};
use crate::guests::stage::{asking, bare};
use crate::stage::options;
use kapell_home::{Home, HomeError, Place};
use kapell_model::limits::WishedLimits;
use kapell_model::manifest::{Manifest, Packed, SECTION};
use std::fs;
use std::path::Path;
use tempfile::TempDir;
use wasm_encoder::{ComponentSection as _, CustomSection};

const IDS: [&str; 5] = ["MAN-1", "MAN-2", "MAN-3", "MAN-4", "MAN-5"];

#[test]
fn manifests_and_policies_hold_against_every_case() {
    let mut table = Table::read(include_str!("manifests.toml"));
    for (place, case) in table.cases() {
        let scene = Scene::of(&case);
        let seen: Vec<String> = case.does.iter().map(|line| scene.play(line)).collect();
        table.saw(place, seen);
    }
    table.finish(&IDS);
}

struct Scene {
    folder: TempDir,
}

impl Scene {
    fn of(case: &Case) -> Self {
        let scene = Self { folder: tempfile::tempdir().unwrap() };
        for line in &case.given {
            match line.split(' ').collect::<Vec<_>>().as_slice() {
                ["link", name, target] => {
                    fs::create_dir(scene.folder.path().join(target)).unwrap();
                    std::os::unix::fs::symlink(target, scene.folder.path().join(name)).unwrap();
                }
                ["installed", name] => drop(scene.add(name)),
                words => panic!("{words:?}"),
            }
        }
        scene
    }

    fn play(&self, line: &str) -> String {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "manifest" => first(
                Manifest::parse("skill.toml", &text(rest)).map(|_| "").map_err(|it| it.0[0].to_string()),
            ),
            "policy" => match rest.strip_prefix("utf-16 ") {
                Some(rest) => {
                    self.policy(&rest.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>())
                }
                None => self.policy(text(rest).as_bytes()),
            },
            "packed" => packed(rest.as_bytes()),
            "packed-bytes" => packed(&vec![b' '; rest.parse().unwrap()]),
            "bind" => self.bind(rest),
            "imports" => self.refusals(rest),
            "two-manifests" => self.inspect(&twice()),
            "declares" => {
                self.inspect(&asking("echo", &[r#"kind = "http", name = "crm", methods = ["GET"]"#]))
            }
            "named" => first(self.add(rest).map(|near| near.unwrap_or_default())).replace("accepted: ", ""),
            word => panic!("{word}"),
        }
    }

    fn home(&self) -> Result<Home, HomeError> {
        Home::open(Place::at(self.folder.path()).unwrap(), options())
    }

    fn policy(&self, bytes: &[u8]) -> String {
        let path = self.folder.path().join("policy.toml");
        fs::write(&path, bytes).unwrap();
        let opened = self.home().map(|_| "").map_err(|error| problem(&error));
        fs::remove_file(path).unwrap();
        first(opened).replace(&self.folder.path().canonicalize().unwrap().display().to_string(), "HOME")
    }

    fn bind(&self, rest: &str) -> String {
        let (kind, bind) = rest.split_once(' ').unwrap();
        let more = if kind == "http" { "methods = [\"GET\"]" } else { "access = \"read\"" };
        self.policy(
            format!("version = 1\n[[rule]]\nid = \"r\"\nskill = \"a:b\"\nkind = \"{kind}\"\nname = \"n\"\nbind = \"{bind}\"\n{more}\n")
                .as_bytes(),
        )
    }

    fn inspect(&self, bytes: &[u8]) -> String {
        match kapell_home::inspect_file(Path::new("it.wasm"), bytes) {
            Err(error) => problem(&error),
            Ok(inspected) => {
                let home = self.home().unwrap();
                let refusals = home.grants(&inspected.skill, None, &WishedLimits::default()).err();
                refusals.map_or_else(|| "accepted".into(), |it| it[0].to_string())
            }
        }
    }

    fn refusals(&self, import: &str) -> String {
        let item = if import.contains('=') && !import.starts_with('[') { "component" } else { "instance" };
        match wat::parse_str(format!("(component (import {import:?} ({item})))")) {
            Ok(bytes) => self.inspect(&bytes),
            Err(error) => panic!("{import}: {error}"),
        }
    }

    /// Installs a component under a name; answers what it is warned of.
    fn add(&self, name: &str) -> Result<Option<String>, String> {
        let manifest = format!("[skill]\nname = \"{name}\"\nsummary = \"A test guest\"\n");
        let bytes = with_manifest(bare("echo"), &manifest);
        let added =
            self.home().unwrap().add(Path::new("it.wasm"), &bytes, "user:ada").map_err(|it| problem(&it))?;
        Ok(added.near.first().map(|near| format!("near {near}")))
    }
}

/// The text a line stands for.
fn text(said: &str) -> String {
    let words: Vec<&str> = said.splitn(3, ' ').collect();
    match words.as_slice() {
        ["fill", count, character] => character.repeat(count.parse().unwrap()),
        ["repeat", count, line] => line.repeat(count.parse().unwrap()),
        ["nest", count, ends] => {
            let (open, close) = ends.split_at(ends.find(']').unwrap());
            let count = count.parse().unwrap();
            format!("a = {}{}\n", open.trim().repeat(count), close.repeat(count))
        }
        _ => said.to_owned(),
    }
}

fn first(read: Result<impl std::fmt::Display, String>) -> String {
    match read {
        Ok(more) if more.to_string().is_empty() => "accepted".into(),
        Ok(more) => format!("accepted: {more}"),
        Err(problem) => problem,
    }
}

fn problem(error: &HomeError) -> String {
    match &error.diagnostics {
        Some(diagnostics) => diagnostics.0[0].to_string(),
        None => error.to_string(),
    }
}

fn packed(bytes: &[u8]) -> String {
    let read = Packed::decode(bytes).map_err(|error| error.to_string());
    let read = read.and_then(|packed| packed.manifest().map_err(|it| it.0[0].to_string()));
    first(read.map(|_| ""))
}

fn with_manifest(component: &[u8], skill_toml: &str) -> Vec<u8> {
    let packed = Packed {
        schema: 1,
        version: "1.0.0".parse().unwrap(),
        skill_toml: skill_toml.into(),
        files: Default::default(),
    };
    let mut bytes = component.to_vec();
    CustomSection { name: SECTION.into(), data: packed.encode().unwrap().into() }
        .append_to_component(&mut bytes);
    bytes
}

fn twice() -> Vec<u8> {
    let manifest = |name: &str| format!("[skill]\nname = \"{name}\"\nsummary = \"s\"\n");
    with_manifest(&with_manifest(bare("echo"), &manifest("a:b")), &manifest("a:c"))
}
