//! A journal under attack: somebody who may write its files, who has its key too, or who only chose what a skill says; and
//! what the home itself and an outsider with one exported file then find.
//!
//! There are three runs of four entries, `call-1` to `call-3`, with a signed head after each; somebody outside holds the
//! head after `call-2`, or with `hold today` the last one. `does` is done to the database in turn: `edit RUN/N`, `delete RUN/N`, `double RUN/N`,
//! `swap RUN/N RUN/N`, `cut N` (the last entries), `forget RUN` (its entries and its row), `renumber` (no holes are left),
//! `rechain RUN` (each link and the run's end are mended), `forget entries`, `forget heads`, `lose heads` (those in the database, as they go with its
//! write-ahead log), `lose head` (the one beside it), `forget signed` (how far was signed), `forget subtrees`, `lose key`, `forget key` (and
//! which it was), `new key` (another home's, and it is remembered as this one's), `row CHANGE` (of the row of `call-2`), `sql TEXT`, `sign`,
//! `yesterday` (the home as it was after `call-2`), `another history` (as it was then, and on otherwise), and `said TEXT`:
//! a run whose skill says that. `export` and `hold` choose who looks: whoever has the exported file, and whoever also holds
//! the head; without them it is the home. What is expected is what does not hold, or `holds`.

use super::table::{Case, Table};
use crate::stage::Stage;
use kapell_journal::content::Content;
use kapell_journal::entry::Entry;
use kapell_model::digest::Digest;
use regex::Regex;
use rusqlite::{Connection, params};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The names that every run of these tests must have played.
const IDS: [&str; 4] = ["LOG-1", "LOG-2", "LOG-3", "LOG-4"];

#[test]
fn a_journal_holds_against_every_case() {
    let mut table = Table::read(include_str!("log.toml"));
    let scene = Scene::new();
    for (place, case) in table.cases() {
        table.saw(place, scene.play(&case));
    }
    table.finish(&IDS);
}

/// A project with its home, which is put back as it was for each case.
struct Scene {
    stage: Stage,
    kept: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let stage = Stage::empty();
        stage.add(&["hello"]);
        let kept = stage.project().join("kept");
        greet(&stage, "Ada");
        greet(&stage, "Grace");
        let held = stage.kapell(&["audit", "checkpoint"]).ends(0).out;
        stage.write("held.checkpoint", held);
        stage.write("log.pub", stage.kapell(&["audit", "key"]).ends(0).out);
        copy(&stage.project().join(".kapell"), &kept.join("yesterday"));
        greet(&stage, "Edsger");
        stage.write("today.checkpoint", stage.kapell(&["audit", "checkpoint"]).ends(0).out);
        copy(&stage.project().join(".kapell"), &kept.join("today"));
        Self { stage, kept }
    }

    fn put_back(&self, which: &str) {
        let home = self.stage.project().join(".kapell");
        fs::remove_dir_all(&home).unwrap();
        copy(&self.kept.join(which), &home);
    }

    fn play(&self, case: &Case) -> Vec<String> {
        self.put_back("today");
        let (mut exported, mut holds) = (false, None);
        for line in &case.does {
            match line.as_str() {
                "export" => exported = true,
                "hold" => holds = Some("held.checkpoint"),
                "hold today" => holds = Some("today.checkpoint"),
                line => self.act(line),
            }
        }
        let mut arguments = vec!["--json", "verify"];
        if let Some(checkpoint) = holds {
            arguments.extend(["--key", "log.pub", "--checkpoint", checkpoint]);
        }
        if exported {
            let said = self.stage.kapell(&["audit", "export", "--all", "-o", "all.kapell"]);
            if said.code != Some(0) {
                let why = said.err.lines().next().unwrap_or_default();
                return vec![self.plain(&format!("not exported: {why}"))];
            }
            arguments.push("all.kapell");
        }
        told(&self.stage.kapell(&arguments).json()).iter().map(|line| self.plain(line)).collect()
    }

    /// The same wherever the home is.
    fn plain(&self, line: &str) -> String {
        line.replace(&self.stage.project().join(".kapell").display().to_string(), "HOME")
    }

    fn database(&self) -> Connection {
        Connection::open(self.stage.project().join(".kapell/journal.sqlite")).unwrap()
    }

    fn act(&self, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let all = |sql: &str| self.database().execute_batch(sql).unwrap();
        match (word, rest) {
            ("edit", entry) => self.change(entry, |bytes| {
                let text = String::from_utf8(bytes).unwrap();
                text.replacen("{\"at\":1", "{\"at\":2", 1).into_bytes()
            }),
            ("delete", entry) => all(&format!("DELETE FROM entries WHERE place = {}", self.place(entry))),
            ("double", entry) => all(&format!(
                "INSERT INTO entries (run, seq, bytes) SELECT run, 1 + (SELECT max(seq) FROM entries WHERE run = one.run), bytes
                 FROM entries AS one WHERE place = {}", self.place(entry)
            )),
            ("swap", entries) => {
                let (one, two) = entries.split_once(' ').unwrap();
                let (one, two) = (self.place(one), self.place(two));
                all(&format!(
                    "CREATE TEMP TABLE kept AS SELECT place, bytes FROM entries WHERE place IN ({one}, {two});
                     UPDATE entries SET bytes = (SELECT bytes FROM kept WHERE kept.place = {one} + {two} - entries.place)
                     WHERE place IN ({one}, {two})"
                ));
            }
            ("cut", count) => all(&format!("DELETE FROM entries WHERE place > (SELECT max(place) FROM entries) - {count}")),
            ("forget", "entries") => all("DELETE FROM entries"),
            ("lose", "heads") => all("DELETE FROM checkpoints"),
            // The newest stands beside the database too.
            ("forget", "heads") => {
                all("DELETE FROM checkpoints");
                self.remove("log.head");
            }
            // What the home remembers beside them of how far was signed.
            ("forget", "signed") => all("DELETE FROM remembered WHERE name = 'log-signed'"),
            ("lose", "head") => self.remove("log.head"),
            ("forget", "subtrees") => all("DELETE FROM tree"),
            ("forget", "key") => {
                self.act("lose key");
                all("DELETE FROM remembered WHERE name = 'log-keys'");
            }
            ("forget", run) => all(&format!("DELETE FROM entries WHERE run = '{run}'; DELETE FROM runs WHERE run = '{run}'")),
            ("renumber", _) => all(
                "UPDATE entries SET place = -(SELECT count(*) FROM entries AS one WHERE one.place <= entries.place);
                 UPDATE entries SET place = -place",
            ),
            ("rechain", run) => self.rechain(run),
            ("lose", "key") => self.remove("log.key"),
            ("new", "key") => {
                let other = Stage::empty();
                other.kapell(&["init"]).ends(0);
                other.kapell(&["audit", "key"]).ends(0);
                let theirs = other.project().join(".kapell");
                fs::copy(theirs.join("log.key"), self.stage.project().join(".kapell/log.key")).unwrap();
                let find = "SELECT text FROM remembered WHERE name = 'log-keys'";
                let name: String = Connection::open(theirs.join("journal.sqlite"))
                    .unwrap()
                    .query_row(find, [], |row| row.get(0))
                    .unwrap();
                let put = "UPDATE remembered SET text = ?1 WHERE name = 'log-keys'";
                self.database().execute(put, [name]).unwrap();
            }
            ("row", change) => all(&format!("UPDATE runs SET {change} WHERE run = 'call-2'")),
            ("sql", sql) => all(sql),
            ("sign", _) => drop(self.stage.kapell(&["audit", "checkpoint"]).ends(0)),
            ("yesterday", _) => self.put_back("yesterday"),
            ("another", "history") => {
                self.put_back("today");
                all("DELETE FROM entries WHERE run = 'call-2'; DELETE FROM runs WHERE run = 'call-2'; DELETE FROM checkpoints WHERE size > 4");
                self.act("renumber");
                self.act("lose head");
                self.act("forget signed");
                greet(&self.stage, "Somebody else");
            }
            ("said", text) => greet(&self.stage, &text.replace("%1B", "\u{1b}").replace("%0A", "\n").replace("%RLO", "\u{202e}")),
            _ => panic!("nobody knows how to `{line}`"),
        }
    }

    fn remove(&self, file: &str) {
        fs::remove_file(self.stage.project().join(".kapell").join(file)).unwrap();
    }

    fn place(&self, entry: &str) -> i64 {
        let (run, seq) = entry.split_once('/').unwrap();
        let find = "SELECT place FROM entries WHERE run = ?1 AND seq = ?2";
        self.database().query_row(find, params![run, seq.parse::<i64>().unwrap()], |row| row.get(0)).unwrap()
    }

    fn change(&self, entry: &str, change: impl Fn(Vec<u8>) -> Vec<u8>) {
        let (place, database) = (self.place(entry), self.database());
        let bytes = database
            .query_row("SELECT bytes FROM entries WHERE place = ?1", [place], |row| row.get(0))
            .unwrap();
        database
            .execute("UPDATE entries SET bytes = ?2 WHERE place = ?1", params![place, change(bytes)])
            .unwrap();
    }

    /// Mends every link of a run, and its end, as whoever forges an entry would.
    fn rechain(&self, run: &str) {
        let database = self.database();
        let mut all =
            database.prepare("SELECT place, bytes FROM entries WHERE run = ?1 ORDER BY seq").unwrap();
        let rows: Vec<(i64, Vec<u8>)> = all
            .query_map([run], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        let mut before = Digest::from_bytes([0; 32]);
        for (seq, (place, bytes)) in (1..).zip(rows) {
            let entry: Entry = serde_json::from_slice(&bytes).unwrap();
            let at = entry.at.0 as i64;
            let content = Content::canonical(&Entry { prev: before, seq, ..entry }).unwrap();
            before = *content.digest();
            let bytes = &content.bytes()[..];
            database
                .execute(
                    "UPDATE entries SET bytes = ?2, seq = ?3 WHERE place = ?1",
                    params![place, bytes, seq as i64],
                )
                .unwrap();
            let end = params![run, seq as i64, before.as_bytes(), at];
            let row = "UPDATE runs SET head_seq = ?2, head_hash = ?3, changed = ?4 WHERE run = ?1";
            database.execute(row, end).unwrap();
        }
    }
}

fn greet(stage: &Stage, name: &str) {
    let arguments = serde_json::json!({ "name": name }).to_string();
    stage.kapell(&["call", "kapell:hello", "greet", &arguments]).ends(0);
}

/// What does not hold, one line each; keys are made anew for every test.
fn told(report: &serde_json::Value) -> Vec<String> {
    if let Some(error) = report.get("error") {
        return vec![error["message"].as_str().unwrap().to_owned()];
    }
    let broken = report["broken"].as_array().unwrap();
    let lines = broken.iter().map(|line| {
        let at = &line["at"];
        let place = match at {
            _ if at["leaves"].is_array() => format!("leaves {} to {}: ", at["leaves"][0], at["leaves"][1]),
            _ if at["run"].is_string() => format!("{}/{}: ", at["run"].as_str().unwrap(), at["entry"]),
            _ => String::new(),
        };
        format!("{}: {place}{}", line["what"].as_str().unwrap(), line["words"].as_str().unwrap())
    });
    let key = Regex::new(r"kapell/[0-9a-f]{8}(\+[0-9a-f]{8}(\+[A-Za-z0-9+/=]+)?)?").unwrap();
    let lines: Vec<String> = lines.map(|line| key.replace_all(&line, "KEY").into_owned()).collect();
    if lines.is_empty() { vec!["holds".into()] } else { lines }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}

/// What a skill says stays where it said it, whoever reads the evidence.
#[test]
fn what_a_skill_says_is_one_escaped_field_of_one_line() {
    let stage = Stage::empty();
    stage.add(&["hello"]);
    let forged = "\n{\"at\":1,\"body\":{\"question-answered\":{\"by\":\"user:alice\"}}}\n\u{1b}[2K\u{1b}]0;APPROVED\u{7}\u{202e}evil";
    stage.write("flow.yaml", FLOW);
    stage.kapell(&["run", "flow.yaml", "-i", &format!("name={forged}")]).ends(0);
    stage.kapell(&["audit", "export", "last", "-o", "run.kapell"]).ends(0);
    stage.write("log.pub", stage.kapell(&["audit", "key"]).ends(0).out);
    let said = stage.kapell(&["verify", "run.kapell", "--key", "log.pub"]).ends(0);
    assert!(said.out.contains("chain      5 entries"), "{}", said.out);
    assert!(!said.out.contains(|letter: char| letter.is_control() && letter != '\n'), "{}", said.out);
    assert!(!said.out.contains('\u{202e}') && !said.out.contains("alice"), "{}", said.out);
    let unpack = ["-xOf", "run.kapell", "entries/00000001.jsonl"];
    let lines = Command::new("tar").args(unpack).current_dir(stage.project()).output().unwrap().stdout;
    let lines = String::from_utf8(lines).unwrap();
    assert_eq!(lines.lines().count(), 5);
    assert!(
        lines.contains("\\\"by\\\":\\\"user:alice\\\""),
        "it was seen by a condition, as a text: {lines}"
    );
    assert!(!lines.contains(|letter: char| letter.is_control() && letter != '\n'));
}

const FLOW: &str = "flow: greeting
version: \"1.0.0\"
inputs:
  name: string
steps:
  - id: hello
    when: inputs.name != ''
    use: kapell:hello#greet
    with: { name: \"${{ inputs.name }}\" }
outputs:
  said: has(hello)
";
