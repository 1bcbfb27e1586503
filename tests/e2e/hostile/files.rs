//! Directories under attack: a guest that tries everything, and a host that finds what should not be there.
//!
//! `given` speaks of the folder beside the home, where `data` is granted: `access ACCESS`, `most KEYS`,
//! `also NAME DIRECTORY ACCESS` grants another one; `file`, `directory`, `link PATH TARGET`, `hard-link PATH OTHER`,
//! `links PATH NUMBER`, `pipe`, `socket`, `device` and `mount PATH FROM` put something there; with `then` before it
//! it is put there when the run has begun, with `remove` or `move PATH TO` taken away; `beside NUMBER COMMAND` is
//! what so many other runs do meanwhile. `does` is what the guest
//! `files_commands` understands. Names are written with `%XX` for bytes that no line of text holds.

use super::table::{Case, Table};
use crate::guests::stage::{Stage, Story, policy};
use kapell_home::{HomeError, Known, Walk, Watcher};
use kapell_journal::entry::Entry;
use kapell_journal::fold::RunState;
use regex::Regex;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

const GUEST: &str = "files_commands";

/// The names that every run of these tests must have played or said why not.
const IDS: [&str; 10] = ["FS-1", "FS-2", "FS-3", "FS-4", "FS-5", "FS-6", "FS-7", "FS-8", "FS-9", "FS-10"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn directories_hold_against_every_case() {
    let mut table = Table::read(include_str!("files.toml"));
    for (place, case) in table.cases() {
        match play_both_ways(&case).await {
            Ok(seen) => table.saw(place, seen),
            Err(why) => table.skipped(place, why),
        }
    }
    table.finish(&IDS);
}

/// What was seen, the same whether the kernel walks a path in one call or the host does name by name.
async fn play_both_ways(case: &Case) -> Result<Vec<String>, String> {
    let by_hand = play(case, Walk::ByHand).await?;
    if Walk::here() == Walk::ByHand {
        return Ok(by_hand);
    }
    let seen = play(case, Walk::Kernel).await?;
    let differs = (seen != by_hand).then(|| format!("by hand it is {}", by_hand.join("; ")));
    Ok(seen.into_iter().chain(differs).collect())
}

/// What the guest was answered, and what changed beside the home; or what this machine lacks.
async fn play(case: &Case, walk: Walk) -> Result<Vec<String>, String> {
    let scene = Scene::of(case);
    let later = Arc::new(Later::default());
    let stage = match Stage::opened(&scene.policy, later.clone(), walk) {
        Ok(stage) => Arc::new(stage),
        Err(error) => return Ok(vec![error.to_string()]),
    };
    let folder = stage.data().parent().expect("a folder").to_owned();
    // Goes before the stage does, whose folder could not be removed otherwise.
    let mut mounts = Mounts::default();
    stage.put("secret.txt", "for nobody");
    for line in &scene.now {
        put(&folder, line, &mut mounts)?;
    }
    let shown = folder.to_str().expect("a path").to_owned();
    later.is(folder, scene.later.clone());
    let before = stage.files();
    let company: Vec<_> = scene.beside.iter().map(|command| beside(&stage, &scene, command)).collect();
    let mut seen = answers(stage.call(GUEST, &asks(&scene.asks), &case.does.join("\n")).await);
    let mut others = BTreeSet::new();
    for other in company {
        others.extend(other.await.expect("the others end").into_iter().map(|line| format!("beside: {line}")));
    }
    seen.extend(others);
    let mut seen: Vec<String> = seen.iter().map(|line| unnumbered(&line.replace(&shown, "HERE"))).collect();
    seen.extend(changes(&before, &stage.files(), case));
    Ok(seen)
}

/// Another run of the same guest at the same time.
fn beside(stage: &Arc<Stage>, scene: &Scene, command: &str) -> tokio::task::JoinHandle<Vec<String>> {
    let (stage, wanted, command) = (Arc::clone(stage), scene.asks.clone(), command.to_owned());
    tokio::spawn(async move { answers(stage.call(GUEST, &asks(&wanted), &command).await) })
}

fn unnumbered(line: &str) -> String {
    let numbers = Regex::new(r"inode \d+ of device \d+").expect("a pattern");
    numbers.replace_all(line, "inode N of device N").into_owned()
}

/// Bind mounts, taken away again with the value.
#[derive(Default)]
struct Mounts(Vec<PathBuf>);

impl Drop for Mounts {
    fn drop(&mut self) {
        for path in self.0.drain(..).rev() {
            let gone = Command::new("umount").arg(&path).status();
            assert!(gone.is_ok_and(|status| status.success()), "{} is still mounted", path.display());
        }
    }
}

fn asks(asks: &[String]) -> Vec<&str> {
    asks.iter().map(String::as_str).collect()
}

/// What `given` comes to.
struct Scene {
    policy: String,
    asks: Vec<String>,
    now: Vec<String>,
    /// What happens once the run has begun, and once the guest has read.
    later: Vec<String>,
    /// What others do meanwhile.
    beside: Vec<String>,
}

impl Scene {
    fn of(case: &Case) -> Self {
        let (mut access, mut most) = ("read-write".to_owned(), String::new());
        let (mut also, mut now, mut later, mut beside) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for line in &case.given {
            match line.split_once(' ').expect("a word and more") {
                ("access", word) => access = word.into(),
                ("most", keys) => most = format!(", most = {{ {keys} }}"),
                ("also", rest) => also.push(rest.to_owned()),
                ("then", rest) => later.push(rest.to_owned()),
                ("beside", rest) => {
                    let (number, command) = rest.split_once(' ').expect("a number and a command");
                    beside.extend(vec![command.to_owned(); number.parse().expect("a number")]);
                }
                _ => now.push(line.clone()),
            }
        }
        let mut asks = vec![ask("data", &access)];
        let mut rules = vec![format!(r#"{}, bind = "./data"{most}"#, asks[0])];
        for line in also {
            let words: Vec<&str> = line.split(' ').collect();
            asks.push(ask(words[0], words[2]));
            rules.push(format!(r#"{}, bind = "./{}""#, ask(words[0], words[2]), words[1]));
        }
        let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
        Self { policy: policy(GUEST, &rules, ""), asks, now, later, beside }
    }
}

fn ask(name: &str, access: &str) -> String {
    format!(r#"kind = "files", name = "{name}", access = "{access}""#)
}

/// Does to the folder what is to happen once the run has begun.
#[derive(Default)]
struct Later(Mutex<Option<(PathBuf, Vec<String>)>>);

impl Later {
    fn is(&self, folder: PathBuf, lines: Vec<String>) {
        *self.0.lock().unwrap() = Some((folder, lines));
    }
}

impl Watcher for Later {
    fn saw(&self, _: &Entry, _: &RunState, _: &Known) {
        let Some((folder, lines)) = self.0.lock().unwrap().take() else { return };
        lines.iter().for_each(|line| put(&folder, line, &mut Mounts::default()).unwrap());
    }
}

/// Puts one thing there; what this machine can't make is said.
fn put(folder: &Path, line: &str, mounts: &mut Mounts) -> Result<(), String> {
    let words: Vec<OsString> = line.split(' ').map(decoded).collect();
    let at = |word: usize| folder.join(&words[word]);
    if let Some(parent) = at(1).parent() {
        fs::create_dir_all(parent).unwrap();
    }
    match words[0].to_str().unwrap() {
        "file" => fs::write(at(1), words[2].to_str().unwrap()).unwrap(),
        "directory" => fs::create_dir_all(at(1)).unwrap(),
        "link" => symlink(&words[2], at(1)).unwrap(),
        "hard-link" => fs::hard_link(at(2), at(1)).unwrap(),
        "links" => chain(&at(1), words[2].to_str().unwrap().parse().unwrap()),
        "remove" => fs::remove_dir_all(at(1)).or_else(|_| fs::remove_file(at(1))).unwrap(),
        "move" => fs::rename(at(1), at(2)).unwrap(),
        "socket" => drop(UnixListener::bind(at(1)).unwrap()),
        "pipe" => made(Command::new("mkfifo").arg(at(1)))?,
        "device" => made(Command::new("mknod").arg(at(1)).args(["c", "1", "5"]))?,
        "mount" => {
            made(Command::new("mount").arg("--bind").args([at(2), at(1)]))?;
            mounts.0.push(at(1));
        }
        other => panic!("no such word: {other}"),
    }
    Ok(())
}

/// A link to a link to a link, and so on to the first that points at the secret.
fn chain(path: &Path, length: usize) {
    let nth = |number: usize| path.with_file_name(format!("chain-{number}"));
    symlink("../secret.txt", nth(0)).unwrap();
    (1..length).for_each(|number| symlink(nth(number - 1).file_name().unwrap(), nth(number)).unwrap());
    symlink(nth(length - 1).file_name().unwrap(), path).unwrap();
}

fn made(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|cause| format!("{command:?}: {cause}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}

fn decoded(word: &str) -> OsString {
    let mut bytes = Vec::new();
    let mut rest = word;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend(before.bytes());
        bytes.push(u8::from_str_radix(&after[..2], 16).unwrap());
        rest = &after[2..];
    }
    bytes.extend(rest.bytes());
    OsString::from_vec(bytes)
}

/// A line for each command, or the one line the run ended with.
fn answers(story: Result<Story, HomeError>) -> Vec<String> {
    match story {
        Err(error) => vec![format!("{}: {error}", format!("{:?}", error.kind).to_lowercase())],
        Ok(story) => {
            assert_plain(&story.text());
            match story.ending().strip_prefix("output: ") {
                Some(output) => output.split('\n').map(str::to_owned).collect(),
                None => vec![story.ending()],
            }
        }
    }
}

/// What people read of a run is one line a thing, whatever the thing is called.
fn assert_plain(text: &str) {
    let odd = text.lines().flat_map(str::chars).find(|letter| letter.is_control());
    assert_eq!(odd, None, "{text:?}");
}

/// Files that came, went or changed, unless the case expects exactly that.
fn changes(before: &[(String, String)], after: &[(String, String)], case: &Case) -> Vec<String> {
    let shown = |(name, text): &(String, String)| format!("{name}={text}");
    let gone = before.iter().filter(|file| !after.contains(file)).map(|file| format!("- {}", shown(file)));
    let came = after.iter().filter(|file| !before.contains(file)).map(|file| format!("+ {}", shown(file)));
    let changes: Vec<String> = gone.chain(came).collect();
    if case.left.as_ref() == Some(&changes) { Vec::new() } else { changes }
}
