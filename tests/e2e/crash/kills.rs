//! Killed with -9 at moments nobody chose, again and again, in one home: `KAPELL_KILL_ROUNDS` says how often, and what came of
//! it is printed. Moments are drawn from a seed, `KAPELL_KILL_SEED`; where they fall is the machine's business.

use super::points::{counted, settle};
use super::scene::{CLASSES, Fold, Scene, Trial};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead as _, BufReader};
use std::thread;
use std::time::{Duration, Instant};

/// Rounds in the suite; a proof is run with a thousand.
const ROUNDS: u64 = 16;
/// Rounds in one home, so that checking all of it stays short.
const HOME: u64 = 50;

#[derive(Debug, Default)]
struct Counts {
    rounds: u64,
    died: u64,
    over_before: u64,
    /// The last entry on the disk when it died.
    died_at: BTreeMap<String, u64>,
    verified: u64,
    resumed: u64,
    in_doubt: u64,
    /// Killed before anything of the run was durable.
    never_begun: u64,
    entries_acknowledged: u64,
    entries_lost: u64,
    effects: u64,
    effects_without_intent: u64,
    effects_doubled: u64,
}

/// Numbers that look random and are the same for the same seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % most.max(1)
    }
}

fn wished(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().map_or(otherwise, |said| said.parse().unwrap())
}

/// The entries on the disk, as nobody has mended them yet, by run.
fn on_disk(trial: &Trial<'_>) -> Vec<Value> {
    let path = trial.stage.project().join(".kapell/journal.sqlite");
    let Ok(journal) = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE) else {
        return Vec::new();
    };
    let mut all = journal.prepare("SELECT bytes FROM entries ORDER BY place").unwrap();
    let entries = all.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
    entries.map(|bytes| serde_json::from_slice(&bytes.unwrap()).unwrap()).collect()
}

fn kind(entry: &Value) -> String {
    entry["body"].as_object().unwrap().keys().next().unwrap().clone()
}

/// Runs a flow and kills it so long after it began. The lines it said: each stands for an entry that was durable.
fn killed_after(trial: &Trial<'_>, flow: &str, after: Duration) -> (bool, Vec<String>) {
    let mut child = trial.stage.command(&["run", flow]).spawn().unwrap();
    let said = BufReader::new(child.stderr.take().unwrap());
    let lines = thread::spawn(move || said.lines().map_while(Result::ok).collect::<Vec<_>>());
    thread::sleep(after);
    child.kill().unwrap();
    let died = child.wait().unwrap().code().is_none();
    (died, lines.join().unwrap())
}

/// What was said to have ended and is not among the entries on the disk.
fn lost(said: &[String], entries: &[Value]) -> (u64, u64) {
    let ended = |step: &str| entries.iter().any(|entry| entry["body"]["attempt-ended"]["step"] == step);
    let steps: Vec<&str> = said
        .iter()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|word| ["counted", "ordered", "written"].contains(word))
        .collect();
    let lost = steps.iter().filter(|step| !ended(step)).count();
    (steps.len() as u64, lost as u64)
}

/// One round; the run it ends with has come to what it always comes to.
fn round(trial: &mut Trial<'_>, class: &str, after: Duration, whole: &Fold, counts: &mut Counts) {
    let (flow, before) = (format!("{class}.yaml"), on_disk(trial).len());
    trial.mark();
    let (died, said) = killed_after(trial, &flow, after);
    let at = format!("round {} ({class}, after {after:?})", counts.rounds);
    let entries = on_disk(trial).split_off(before);
    let (acknowledged, lost) = lost(&said, &entries);
    let intended = entries.iter().any(|entry| entry["body"]["attempt-started"]["step"] == "ordered");
    let last = entries.last().map_or("nothing".into(), kind);
    counts.rounds += 1;
    counts.died += u64::from(died);
    counts.over_before += u64::from(!died);
    if died {
        *counts.died_at.entry(last).or_default() += 1;
    }
    counts.entries_acknowledged += acknowledged;
    counts.entries_lost += lost;
    trial.verify();
    counts.verified += 1;
    if entries.is_empty() {
        counts.effects_without_intent += trial.effects().len() as u64;
        counts.never_begun += 1;
        trial.stage.kapell(&["run", &flow]).ends(0);
    } else if !intended && class != "none" {
        // The next command moves what was cut off; until then nothing may have gone out.
        counts.effects_without_intent += trial.effects().len() as u64;
    }
    let (run, state) = trial.runs().swap_remove(0);
    if state == "in-doubt" {
        counts.in_doubt += 1;
        settle(trial, &run, &at);
    }
    let resumed = trial.entries(&run).iter().filter(|entry| kind(entry) == "run-resumed").count();
    counts.resumed += u64::from(resumed > 0);
    assert_eq!(trial.fold(&run), *whole, "{at}: {:#?}", trial.entries(&run));
    counted(trial, class, &at);
    let effects = trial.effects().len() as u64;
    counts.effects += effects;
    counts.effects_doubled += if class == "once" { effects.saturating_sub(1) } else { 0 };
}

#[test]
fn killed_at_random_it_loses_nothing_acknowledged_and_does_nothing_twice() {
    let rounds = wished("KAPELL_KILL_ROUNDS", ROUNDS);
    let (scene, mut dice) = (Scene::new(), Dice(wished("KAPELL_KILL_SEED", 5)));
    let (mut counts, mut trial) = (Counts::default(), scene.trial());
    let mut whole = HashMap::new();
    for (class, _) in CLASSES {
        let (untouched, flow) = (scene.trial(), format!("{class}.yaml"));
        untouched.stage.kapell(&["run", &flow]).ends(0);
        // The second one is as long as those that are killed: nothing is made for the first time.
        let began = Instant::now();
        untouched.stage.kapell(&["run", &flow]).ends(0);
        whole.insert(class, (untouched.fold("last"), began.elapsed()));
    }
    for number in 0..rounds {
        if number % HOME == 0 {
            trial = scene.trial();
        }
        let (class, _) = CLASSES[usize::try_from(number % 4).unwrap()];
        let (fold, long) = &whole[class];
        // The first quarter of it the program spends on opening the home.
        let after =
            *long / 4 + Duration::from_micros(dice.below(u64::try_from(long.as_micros()).unwrap() * 3 / 4));
        round(&mut trial, class, after, fold, &mut counts);
    }
    eprintln!("{counts:#?}");
    let Counts { entries_lost, effects_without_intent, effects_doubled, died, .. } = counts;
    assert_eq!((entries_lost, effects_without_intent, effects_doubled), (0, 0, 0), "{counts:?}");
    assert_eq!((counts.rounds, counts.verified), (rounds, rounds));
    assert!(died > 0, "no moment fell into a run: {counts:?}");
}
