//! The stage: a home in a folder of its own, guests with manifests, and the story of one attempt as text.
//!
//! Asks and rules are written as the inside of a TOML table, one a line; what every rule needs besides, its id and
//! the skill it is for, is put in here. A rule's id is `rule-1` for the first one.

use crate::stage::options;
use kapell_home::{Finished, Home, HomeError, Options, Place, ReplayWish, Unwatched, Walk, Watcher};
use kapell_journal::entry::{AttemptEnded, BlobRef, Body, RecordedEnding, RunEnding};
use kapell_journal::replay::Verdict;
use kapell_journal::shared::Shared;
use kapell_model::crossing::Crossing;
use kapell_model::digest::Digest;
use kapell_model::ending::Receipt;
use kapell_model::id::RunId;
use kapell_model::limits::Limits;
use kapell_model::manifest::{Packed, SECTION};
use kapell_model::quantity::Timestamp;
use kapell_model::seam::Clock;
use kapell_model::writes::WriteSummary;
use kapell_workshop::build_examples;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use tempfile::TempDir;
use wasm_encoder::{ComponentSection, CustomSection};

/// How it is said of an attempt that the world ended it.
const STOPPED: [&str; 6] = [
    "a secret stood in ",
    "its ending was lost: ",
    "its time ran out, at",
    "somebody stopped it, at",
    "it was refused before it began: ",
    "it was stopped while it asked for ",
];

/// All guests, built once for the whole test program.
static GUESTS: LazyLock<BTreeMap<String, Vec<u8>>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/guests");
    let built = build_examples(&folder, &[], &mut |_| ()).expect("the guests build");
    built.into_iter().map(|guest| (guest.name, guest.bytes)).collect()
});

/// The time in every home here: 2026-12-01T09:00:00Z.
pub(crate) const NOW: u64 = 1_796_115_600_000;

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp(NOW)
    }
}

/// A guest's bytes as they were built, without a manifest.
pub(crate) fn bare(guest: &str) -> &'static [u8] {
    GUESTS.get(guest).unwrap_or_else(|| panic!("there is no guest {guest}"))
}

/// The name a guest goes by as a skill: `local:reads-file`.
pub(crate) fn skill_of(guest: &str) -> String {
    format!("local:{}", guest.replace('_', "-"))
}

/// A guest's bytes with a manifest that asks.
pub(crate) fn asking(guest: &str, asks: &[&str]) -> Vec<u8> {
    let changes = |ask: &&str| ask.contains("write\"") || ask.contains("POST");
    let effects = if asks.iter().any(changes) { "idempotent" } else { "none" };
    asking_as(guest, asks, effects)
}

/// The same, and it wishes for these limits.
pub(crate) fn asking_with(guest: &str, asks: &[&str], limits: &str) -> Vec<u8> {
    let effects = if asks.iter().any(|ask| ask.contains("write\"")) { "idempotent" } else { "none" };
    packed(bare(guest), format!("limits = {{ {limits} }}\n{}", skill_toml(guest, asks, effects)))
}

/// The same of bytes that are no guest of these, under a guest's name.
pub(crate) fn asking_bytes(bytes: &[u8], guest: &str, asks: &[&str]) -> Vec<u8> {
    packed(bytes, skill_toml(guest, asks, "none"))
}

/// The same with that class of effect.
pub(crate) fn asking_as(guest: &str, asks: &[&str], effects: &str) -> Vec<u8> {
    packed(bare(guest), skill_toml(guest, asks, effects))
}

/// A guest that asks for nothing, whose manifest says that these paths of what it is given and answers are private.
pub(crate) fn keeping_private(guest: &str, paths: &str) -> Vec<u8> {
    packed(bare(guest), format!("{}private = {paths}\n", skill_toml(guest, &[], "none")))
}

/// The same under another name, `local:` before it: one guest can be several skills.
pub(crate) fn asking_named(guest: &str, name: &str, asks: &[&str], effects: &str) -> Vec<u8> {
    packed(bare(guest), skill_toml(name, asks, effects))
}

fn skill_toml(guest: &str, asks: &[&str], effects: &str) -> String {
    let asks: String =
        asks.iter().map(|ask| format!("  {{ {ask}, reason = \"The test wants it\" }},\n")).collect();
    format!(
        "capability = [\n{asks}]\n[skill]\nname = \"{}\"\nsummary = \"A test guest\"\n[operation.run]\neffects = \"{effects}\"\n",
        skill_of(guest)
    )
}

/// The bytes with a manifest at their end, as the workshop packs one.
fn packed(component: &[u8], skill_toml: String) -> Vec<u8> {
    let version = "1.0.0".parse().unwrap();
    let section = Packed { schema: 1, version, skill_toml, files: BTreeMap::new() }.encode().unwrap();
    let mut bytes = component.to_vec();
    CustomSection { name: SECTION.into(), data: section.into() }.append_to_component(&mut bytes);
    bytes
}

/// A policy: rules for one guest, then whatever else is said.
pub(crate) fn policy(guest: &str, rules: &[&str], rest: &str) -> String {
    let rules = rules.iter().enumerate().map(|(index, rule)| {
        format!("  {{ id = \"rule-{}\", skill = \"{}\", {rule} }},\n", index + 1, skill_of(guest))
    });
    format!("version = 1\nrule = [\n{}]\n{rest}\n", rules.collect::<String>())
}

/// A home in a folder of its own, beside it the directory `data` for grants.
pub(crate) struct Stage {
    pub(crate) home: Home,
    folder: TempDir,
}

impl Stage {
    pub(crate) fn new(policy: &str) -> Self {
        Self::watched(policy, Arc::new(Unwatched))
    }

    pub(crate) fn watched(policy: &str, watcher: Arc<dyn Watcher>) -> Self {
        Self::opened(policy, watcher, Walk::here()).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The stage with a file beside the policy, unless that is no policy to open a home under.
    pub(crate) fn beside(file: &str, text: &str, policy: &str) -> Result<Self, HomeError> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(file), text).unwrap();
        Ok(Self { home: open(folder.path(), policy, Arc::new(Unwatched), Walk::here())?, folder })
    }

    /// The stage with these prices of models beside the example tariff's.
    pub(crate) fn priced(policy: &str, models: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tariff = format!("{}\n{models}", kapell_model::money::EXAMPLE_TARIFF);
        fs::write(folder.path().join("tariff.toml"), tariff).unwrap();
        let home = open(folder.path(), policy, Arc::new(Unwatched), Walk::here());
        Self { home: home.unwrap_or_else(|error| panic!("{error}")), folder }
    }

    /// The stage with directories walked so, unless its policy is no policy.
    pub(crate) fn opened(policy: &str, watcher: Arc<dyn Watcher>, walk: Walk) -> Result<Self, HomeError> {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("data")).unwrap();
        Ok(Self { home: open(folder.path(), policy, watcher, walk)?, folder })
    }

    /// The same home under another policy.
    pub(crate) fn under(self, policy: &str) -> Self {
        let Self { home, folder } = self;
        drop(home);
        let home = open(folder.path(), policy, Arc::new(Unwatched), Walk::here());
        Self { home: home.unwrap_or_else(|error| panic!("{error}")), folder }
    }

    /// The directory that rules bind as `./data`.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Puts a file beside the home.
    pub(crate) fn put(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Every file below the home's folder that is not the home's own, with its text.
    pub(crate) fn files(&self) -> Vec<(String, String)> {
        let mut files = Vec::new();
        gather(self.folder.path(), self.folder.path(), &mut files);
        files.sort();
        files
    }

    /// Calls a guest to its end.
    pub(crate) async fn call(&self, guest: &str, asks: &[&str], input: &str) -> Result<Story, HomeError> {
        let bytes = if asks.is_empty() { Cow::Borrowed(bare(guest)) } else { asking(guest, asks).into() };
        let finished =
            self.call_bytes(&format!("{guest}.wasm"), &bytes, "run", json!({ "input": input })).await?;
        self.comes_out_again(&finished.standing.state.run).await;
        Ok(self.story(&bytes, &finished))
    }

    /// Whatever a guest did, doing it again on its record comes to the same, unless it was stopped from outside.
    async fn comes_out_again(&self, run: &RunId) {
        for told in self.again(run).await {
            assert!(told == "same" || STOPPED.iter().any(|word| told.starts_with(word)), "{run}: {told}");
        }
    }

    /// What doing the attempts of a run again shows.
    pub(crate) async fn again(&self, run: &RunId) -> Vec<String> {
        let replayed = self.home.replay(std::slice::from_ref(run), &ReplayWish::default(), |_| ()).await;
        let attempts = replayed.unwrap().swap_remove(0).attempts.into_iter();
        let told = attempts.map(|attempt| match attempt.verdict {
            Verdict::Same { .. } => "same".into(),
            Verdict::NotReplayable(why) => why,
            verdict => format!("{verdict:#?}"),
        });
        told.collect()
    }

    /// Calls an operation of any bytes, as from a file of that name.
    pub(crate) async fn call_bytes(
        &self,
        file: &str,
        bytes: &[u8],
        operation: &str,
        arguments: Value,
    ) -> Result<Finished, HomeError> {
        let skill = self.home.load(Path::new(file), bytes, operation, &arguments)?;
        self.home.call(skill, operation, arguments, "user:test").await
    }

    /// What the call of a component left.
    pub(crate) fn story(&self, component: &[u8], finished: &Finished) -> Story {
        let run = finished.standing.state.run.clone();
        let ended = finished.standing.state.ended.as_ref().expect("a call comes to an end").state;
        let mut entries = self.home.entries(&run).unwrap();
        let attempt = entries.iter().rposition(|entry| matches!(entry.body, Body::AttemptEnded(_)));
        let Body::AttemptEnded(attempt) = entries.swap_remove(attempt.expect("an attempt")).body else {
            unreachable!("looked for above")
        };
        let value = |named: &BlobRef| self.home.value(&run, named).expect("the value is kept");
        let answer = match &attempt.ending {
            RecordedEnding::Output(named) | RecordedEnding::SkillError(named) => Some(value(named)),
            _ => None,
        };
        let crossings = attempt.crossings.as_ref().map(|named| serde_json::from_value(value(named)).unwrap());
        let (_, call) = finished.standing.program.plan.calls().next().expect("a call is its plan's only one");
        let limits = call.limits.limits;
        let story = Story { run, ended, attempt, limits, answer, crossings: crossings.unwrap_or_default() };
        story.assert_receipt(component);
        story
    }
}

fn open(folder: &Path, policy: &str, watcher: Arc<dyn Watcher>, walk: Walk) -> Result<Home, HomeError> {
    fs::write(folder.join("policy.toml"), policy).unwrap();
    let place = Place::at(folder).unwrap();
    Home::open(place, Options { clock: Arc::new(Still), watcher, walk, ..options() })
}

fn gather(root: &Path, folder: &Path, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
        match () {
            () if [".kapell", "policy.toml"].contains(&name.as_str()) => {}
            () if path.is_symlink() => files.push((name, "a link".into())),
            () if path.is_dir() => gather(root, &path, files),
            () if !path.is_file() => files.push((name, "no file".into())),
            () => files.push((name, String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned())),
        }
    }
}

/// What one call left in the journal.
pub(crate) struct Story {
    pub(crate) run: RunId,
    pub(crate) ended: RunEnding,
    pub(crate) attempt: Shared<AttemptEnded>,
    /// The limits the plan sets.
    limits: Limits,
    pub(crate) answer: Option<Value>,
    pub(crate) crossings: Vec<Crossing>,
}

impl Story {
    pub(crate) fn receipt(&self) -> &Receipt {
        &self.attempt.receipt
    }

    pub(crate) fn fuel(&self) -> u64 {
        self.receipt().meters.fuel
    }

    /// Calls counted under a word.
    pub(crate) fn calls(&self, word: &str) -> u64 {
        self.receipt().meters.crossings.get(word).copied().unwrap_or_default()
    }

    /// The text of an answer or of the skill's own error.
    pub(crate) fn words(&self) -> &str {
        self.answer.as_ref().and_then(Value::as_str).unwrap_or_else(|| panic!("no words: {}", self.text()))
    }

    /// An answer as people read it: a text as it is, anything else as JSON.
    fn shown(&self) -> String {
        match &self.answer {
            Some(Value::String(text)) => text.clone(),
            answer => answer.as_ref().map(Value::to_string).unwrap_or_default(),
        }
    }

    /// The ending in one line.
    pub(crate) fn ending(&self) -> String {
        match &self.attempt.ending {
            RecordedEnding::Output(_) => format!("output: {}", self.shown()),
            RecordedEnding::SkillError(_) => format!("skill error: {}", self.shown()),
            RecordedEnding::Refusal(refusal) => format!("refusal: {refusal}"),
            RecordedEnding::Trap(trap) => {
                let origin = trap.origin.map(|origin| format!(" set by {origin:?}").to_lowercase());
                format!("trap {}{}: {}", trap.cause.word(), origin.unwrap_or_default(), trap.detail)
            }
            RecordedEnding::Cancelled => "cancelled".into(),
            RecordedEnding::Lost => "lost".into(),
        }
    }

    /// The ending, then what it left: writes, notes and log, a line each.
    pub(crate) fn text(&self) -> String {
        let mut lines = vec![self.ending()];
        lines.extend(self.attempt.writes.iter().map(written));
        lines.extend(self.attempt.notes.iter().map(|note| format!("note [{}] {}", note.topic, note.text)));
        lines.extend(self.attempt.log.iter().map(|line| format!("log {line}")));
        lines.join("\n")
    }

    /// What was recorded, a line each: kind, call, thing, answer, rule.
    pub(crate) fn crossed(&self) -> String {
        let line = |it: &Crossing| {
            let answer = serde_json::to_string(&it.answer).unwrap();
            let rule = it.rule.as_ref().map(|rule| format!(" by {rule}")).unwrap_or_default();
            format!("{} {} {} {answer}{rule}", it.kind, it.call, it.object)
        };
        self.crossings.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// What holds for every attempt that reached a guest, however it ended.
    fn assert_receipt(&self, component: &[u8]) {
        let receipt = self.receipt();
        let told = self.text();
        assert_eq!(receipt.component, Digest::of(component), "{told}");
        // Before the first instruction an attempt can be cancelled, need more memory than it may have, or be refused
        // a directory that is another one by now.
        let at_once =
            ["cancelled", "trap memory", "refusal: files"].iter().any(|ending| told.starts_with(ending));
        assert!(at_once || receipt.meters.fuel > 0, "no fuel: {told}");
        assert!(receipt.meters.fuel <= self.limits.fuel, "beyond the limit: {told}");
        assert!(at_once || receipt.meters.memory_peak > 0, "no memory: {told}");
        assert!(receipt.meters.memory_peak <= self.limits.memory.0, "beyond the limit: {told}");
        assert!(at_once || receipt.meters.wall_micros > 0, "no time: {told}");
        let answered = matches!(self.attempt.ending, RecordedEnding::Output(_));
        assert!(answered || self.attempt.writes.is_empty(), "a broken attempt wrote: {told}");
        assert_eq!(answered, self.ended == RunEnding::Done, "{told}");
    }
}

fn written(write: &WriteSummary) -> String {
    match write {
        WriteSummary::Key { namespace, key, digest, bytes, .. } => match digest {
            Some(_) => format!("key {namespace}/{key} {bytes} bytes"),
            None => format!("key {namespace}/{key} removed"),
        },
        WriteSummary::File { grant, path, digest, bytes, .. } => match digest {
            Some(_) => format!("file {grant}/{path} {bytes} bytes"),
            None => format!("file {grant}/{path} removed"),
        },
    }
}

/// What an error of a home says: its message, the place and advice of each refusal.
pub(crate) fn refused(called: Result<Story, HomeError>) -> String {
    let error = match called {
        Ok(story) => panic!("it ran: {}", story.text()),
        Err(error) => error,
    };
    let mut lines = vec![format!("{:?}: {error}", error.kind).to_lowercase()];
    for refusal in &error.refusals {
        let place = refusal.asked_at.as_deref().unwrap_or("nowhere");
        lines.push(format!("asked at {place}: {}", refusal.advice.as_deref().unwrap_or("no advice")));
    }
    lines.extend(error.hint.map(|hint| format!("hint: {hint}")));
    lines.join("\n")
}
