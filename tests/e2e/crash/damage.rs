//! Bytes that change or go missing on the disk: each is found and named, or it was of no use to anybody. Nothing reads
//! otherwise than it was written without being told of it.

use super::scene::{Scene, Trial, copy};
use crate::stage::{Stage, options};
use kapell_home::{Held, Home, Place, flaws};
use kapell_journal::seam::RunRow;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

/// What a home answers when it is asked everything that matters of it.
#[derive(Debug, PartialEq)]
struct Answers {
    rows: Vec<RunRow>,
    entries: Vec<String>,
    outputs: Vec<String>,
    skills: Vec<String>,
    order: Vec<u8>,
}

/// What is told of a home that was damaged: each line names a file, a run or a skill. Empty when nothing was noticed.
fn told(project: &Path) -> (Vec<String>, Option<Answers>) {
    let place = Place::at(project).unwrap();
    let mut told: Vec<String> =
        flaws(&place).into_iter().map(|flaw| format!("{}: {}", flaw.file.display(), flaw.words)).collect();
    let home = match Home::open(place, options()) {
        Ok(home) => home,
        Err(error) => {
            told.push(error.to_string());
            return (told, None);
        }
    };
    match home.check_whole(&Held::default(), |_, _| {}) {
        Ok(checked) => {
            told.extend(checked.broken.into_iter().map(|fault| format!("{:?} {}", fault.at, fault.words)))
        }
        Err(error) => told.push(error.to_string()),
    }
    match home.skills_apart() {
        Ok(apart) => told.extend(apart),
        Err(error) => told.push(error.to_string()),
    }
    match home.spending_differences() {
        Ok(differences) => told.extend(differences),
        Err(error) => told.push(error.to_string()),
    }
    let answers = answers(&home).map_err(|error| told.push(error)).ok();
    (told, answers)
}

fn answers(home: &Home) -> Result<Answers, String> {
    let said = |error: kapell_home::HomeError| error.to_string();
    let rows = home.runs().map_err(said)?;
    let (mut entries, mut outputs) = (Vec::new(), Vec::new());
    for row in &rows {
        entries.extend(
            home.entries(&row.run).map_err(said)?.iter().map(|it| serde_json::to_string(it).unwrap()),
        );
        outputs.push(format!("{:?}", home.finished(&row.run).map_err(said)?.output));
    }
    let skills = home.skills().map_err(said)?;
    let skills = skills.iter().map(|it| format!("{:?} {}", it.skill, it.in_use)).collect();
    let order = value(&home.place.folder()).map_err(|error| error.to_string())?;
    Ok(Answers { rows, entries, outputs, skills, order })
}

/// The value a skill wrote, as it stands.
fn value(home: &Path) -> rusqlite::Result<Vec<u8>> {
    let journal = rusqlite::Connection::open(home.join("journal.sqlite"))?;
    journal.query_row("SELECT value FROM keyvalue WHERE namespace = 'data' AND key = 'orders'", [], |row| {
        row.get(0)
    })
}

/// A home in which three flows ran, the last of them in a process that died, so that there is a write-ahead log.
fn lived_in(scene: &Scene) -> Trial<'_> {
    let trial = scene.trial();
    trial.run("none.yaml", "die HeadSigned 99").ends(0);
    trial.run("once.yaml", "die HeadSigned 99").ends(0);
    // Another process keeps the log from being moved into the database when this one ends.
    let reader = rusqlite::Connection::open(trial.stage.project().join(".kapell/journal.sqlite")).unwrap();
    let one = reader.query_row("SELECT count(*) FROM entries", [], |row| row.get::<_, i64>(0)).unwrap();
    assert!(one > 0);
    trial.run("idempotent.yaml", "die HeadSigned 99").ends(0);
    let kept = trial.stage.project().join("kept");
    fs::create_dir(&kept).unwrap();
    copy(&trial.stage.project().join(".kapell"), &kept);
    drop(reader);
    fs::remove_dir_all(trial.stage.project().join(".kapell")).unwrap();
    fs::rename(kept, trial.stage.project().join(".kapell")).unwrap();
    trial
}

/// Every file of a home, each with its length; those that hold nothing are left out.
fn files(home: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(home).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push((path.clone(), fs::metadata(&path).unwrap().len())),
        }
    }
    found.retain(|(path, length)| *length > 0 && path.extension().is_none_or(|it| it != "sqlite-shm"));
    found.sort();
    found
}

/// A copy of the project with one file changed.
fn damaged(trial: &Trial<'_>, file: &Path, change: impl FnOnce(&mut Vec<u8>)) -> Stage {
    let stage = Stage::empty();
    copy(trial.stage.project(), stage.project());
    let file = stage.project().join(file.strip_prefix(trial.stage.project()).unwrap());
    let mut bytes = fs::read(&file).unwrap();
    change(&mut bytes);
    fs::write(&file, bytes).unwrap();
    stage
}

/// Damage is told, or nothing differs.
fn told_or_harmless(stage: &Stage, what: &str, whole: &Answers) -> bool {
    let project = stage.project().to_owned();
    let (told, answers) = catch_unwind(|| told(&project)).unwrap_or_else(|_| panic!("{what}: it panicked"));
    match (told.is_empty(), answers) {
        (true, Some(answers)) => {
            assert_eq!(answers, *whole, "{what}: it reads otherwise and nothing is said")
        }
        (true, None) => panic!("{what}: it does not open and nothing is said"),
        (false, _) => assert!(told.iter().all(|line| line.len() > 10), "{what}: {told:?}"),
    }
    !told.is_empty()
}

#[test]
fn a_changed_byte_is_told_or_harmless_wherever_it_stands() {
    let scene = Scene::new();
    let trial = lived_in(&scene);
    let (nothing, whole) = told(trial.stage.project());
    assert_eq!(nothing, Vec::<String>::new());
    let whole = whole.unwrap();
    let times: u64 = std::env::var("KAPELL_FLIPS").map_or(2, |times| times.parse().unwrap());
    let (mut flips, mut found) = (0, 0);
    for (file, length) in files(&trial.stage.project().join(".kapell")) {
        let times = if file.to_string_lossy().contains("sqlite") { times * 8 } else { times };
        for turn in 0..times {
            // Spread over the file, never on the same place of a page.
            let at =
                (length * turn / times + (turn * 2_654_435_761) % (length / times).max(1)).min(length - 1);
            let stage =
                damaged(&trial, &file, |bytes| bytes[usize::try_from(at).unwrap()] ^= 1 << (turn % 8));
            flips += 1;
            found += u64::from(told_or_harmless(&stage, &format!("{} at {at}", file.display()), &whole));
        }
        let stage = damaged(&trial, &file, |bytes| bytes.truncate(bytes.len() / 2));
        told_or_harmless(&stage, &format!("half of {}", file.display()), &whole);
    }
    eprintln!("{flips} flips, {found} told, the others changed nothing anybody reads");
    assert!(found > 0);
}

/// Each kind of file, and what `doctor` calls it by.
#[test]
fn doctor_names_each_damaged_file_and_what_to_do() {
    let scene = Scene::new();
    let trial = lived_in(&scene);
    let home = trial.stage.project().join(".kapell");
    let first = |folder: &str, extension: Option<&str>| {
        let all = files(&home.join(folder)).into_iter().map(|(path, _)| path);
        all.filter(|path| path.extension().map(|it| it.to_str().unwrap()) == extension).min().unwrap()
    };
    let middle = |bytes: &mut Vec<u8>| {
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
    };
    let mut cases: Vec<(PathBuf, i32, &str)> = vec![
        (first("blobs", None), 9, "have another digest than its name"),
        (first("components", Some("wasm")), 9, "`kapell add` of the same bytes puts it right"),
        (first("compiled", None), 70, "it is made again when it is used"),
        (home.join("log.key"), 9, "log.key"),
        (home.join("log.head"), 9, "log.head"),
    ];
    cases.sort();
    for (file, code, words) in cases {
        let stage = damaged(&trial, &file, middle);
        let said = stage.kapell(&["doctor"]);
        let name = file.file_name().unwrap().to_str().unwrap();
        assert_eq!(said.code, Some(code), "{}: {}", file.display(), said.out);
        assert!(said.out.contains("MEND ") && said.out.contains(name), "{name}: {}", said.out);
        assert!(format!("{}{}", said.out, said.err).contains(words), "{words}: {}{}", said.out, said.err);
    }
    // Where a write-ahead log stands, its pages count and not those of the database.
    let trial = scene.trial();
    trial.stage.kapell(&["run", "none.yaml"]).ends(0);
    let database = trial.stage.project().join(".kapell/journal.sqlite");
    let zeroed = damaged(&trial, &database, |bytes| bytes[..4096].fill(0));
    let said = zeroed.kapell(&["doctor"]).ends(9);
    assert!(
        said.out.contains("journal.sqlite: ") && said.err.contains("from a backup"),
        "{}{}",
        said.out,
        said.err
    );
    let refused = zeroed.kapell(&["run", "none.yaml"]);
    assert!(refused.code != Some(0) && refused.err.contains("journal.sqlite"), "{refused:?}");
}

/// A database without its write-ahead log is an older one that is whole in itself: the head beside it says so.
#[test]
fn a_write_ahead_log_that_is_gone_or_torn_is_noticed_and_nothing_runs() {
    let scene = Scene::new();
    let trial = lived_in(&scene);
    let log = trial.stage.project().join(".kapell/journal.sqlite-wal");
    let length = fs::metadata(&log).unwrap().len();
    assert!(length > 100_000, "{length}");
    for kept in [0, length / 3, length / 2] {
        let stage = damaged(&trial, &log, |bytes| bytes.truncate(usize::try_from(kept).unwrap()));
        let said = stage.kapell(&["verify"]).ends(9);
        assert!(
            said.out.contains("the head in log.head is over more entries than there are"),
            "{}",
            said.out
        );
        let refused = stage.kapell(&["run", "none.yaml"]).ends(9);
        assert!(refused.err.contains("the journal does not go with its signed head in"), "{}", refused.err);
        stage.kapell(&["audit", "checkpoint"]).ends(9);
        let doctor = stage.kapell(&["doctor"]).ends(9);
        assert!(doctor.out.contains("MEND evidence") && doctor.out.contains("log.head"), "{}", doctor.out);
    }
}

/// Rows that nothing signs are held against what they were made from.
#[test]
fn a_row_that_says_something_else_is_told() {
    let scene = Scene::new();
    let trial = scene.trial();
    trial.stage.kapell(&["run", "once.yaml"]).ends(0);
    for (sql, words) in [
        ("UPDATE runs SET over = 0", "its row has another state than its entries come to"),
        ("UPDATE runs SET state = 'running'", "its row has another state than its entries come to"),
        (
            "UPDATE skills SET bytes = bytes + 1 WHERE name = 'local:order-once'",
            "local:order-once 1.0.0: what is kept of it",
        ),
        ("UPDATE keyvalue SET value = x'32'", "the value of key `orders` in `data` is not what was written"),
    ] {
        let stage = Stage::empty();
        copy(trial.stage.project(), stage.project());
        let journal = rusqlite::Connection::open(stage.project().join(".kapell/journal.sqlite")).unwrap();
        journal.execute(sql, []).unwrap();
        drop(journal);
        let said = stage.kapell(&["doctor"]).ends(9);
        assert!(said.out.contains(words), "{sql}: {}", said.out);
    }
    let call = ["call", "local:keyvalue-commands", "run", r#"{"input":"get orders"}"#];
    assert!(trial.stage.kapell(&call).ends(0).out.contains('1'));
    let journal = rusqlite::Connection::open(trial.stage.project().join(".kapell/journal.sqlite")).unwrap();
    journal.execute("UPDATE keyvalue SET value = x'32'", []).unwrap();
    drop(journal);
    let said = trial.stage.kapell(&call);
    assert!(said.code != Some(0) && said.err.contains("is not what was written"), "{said:?}");
}
