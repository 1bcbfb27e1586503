//! Every key of manifest and policy that limits something, at its edges: `each_limit.toml` says what is needed, this
//! plays it with one less, exactly that, and one more, and knows when a key has no row.
//!
//! `cargo test -p kapell --test e2e -- --nocapture each_limit` prints the table.

use super::stage::{Stage, Story, asking_with, policy};
use kapell_model::policy::{Policy, Surroundings};
use kapell_model::source::Diagnostic;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

/// One key: how it is reached, and what is left of an attempt that needs one more.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    /// `limits NAME`, or the kind and the key of its `most`.
    key: String,
    #[serde(default)]
    guest: String,
    #[serde(default)]
    asks: Vec<String>,
    #[serde(default)]
    rules: Vec<String>,
    /// For `limits`: what is said of them.
    #[serde(default)]
    set: String,
    #[serde(default)]
    input: String,
    needs: Option<Needs>,
    /// Too little and enough, where no number is exactly what is needed.
    inexact: Option<[String; 2]>,
    /// Whether no two attempts answer the same.
    #[serde(default)]
    varies: bool,
    #[serde(default)]
    stopped: String,
    /// The file and the test that plays it, where that is not here.
    at: Option<[String; 2]>,
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Needs {
    Number(u64),
    Meter(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rows {
    limit: Vec<Row>,
}

fn rows() -> Vec<Row> {
    toml::from_str::<Rows>(include_str!("each_limit.toml")).unwrap().limit
}

/// Who says the limit.
#[derive(Clone, Copy, Debug, PartialEq)]
enum By {
    Policy,
    Manifest,
}

impl Row {
    /// Plays it with that number; none is plenty.
    async fn play(&self, by: By, number: Option<&str>) -> Story {
        let number = number.unwrap_or("1000000");
        let rules: Vec<String> = self.rules.iter().map(|rule| rule.replace('N', number)).collect();
        let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
        let set = self.set.replace('N', number);
        let (in_policy, in_manifest) = match by {
            By::Policy => (format!("limits.any = {{ {set} }}"), String::new()),
            // A manifest can't raise what the policy says.
            By::Manifest => ("limits.any = { fuel = 900_000_000_000_000 }".into(), set),
        };
        let stage = Stage::new(&policy(&self.guest, &rules, &in_policy));
        let asks: Vec<&str> = self.asks.iter().map(String::as_str).collect();
        let bytes = asking_with(&self.guest, &asks, &in_manifest);
        let file = format!("{}.wasm", self.guest);
        let finished = stage.call_bytes(&file, &bytes, "run", json!({ "input": self.input })).await;
        stage.story(&bytes, &finished.unwrap_or_else(|error| panic!("{}: {error}", self.key)))
    }

    /// What it takes, by its row or by the receipt of a run with plenty.
    async fn needs(&self, plenty: &Story) -> u64 {
        let meters = &plenty.receipt().meters;
        match self.needs.as_ref().unwrap() {
            Needs::Number(number) => *number,
            Needs::Meter(meter) => match meter.as_str() {
                "fuel" => meters.fuel,
                "memory" => meters.memory_peak,
                "host-calls" => meters.crossings.values().sum(),
                other => panic!("no such meter: {other}"),
            },
        }
    }

    /// The row as it is printed, and whether it is as it should be.
    async fn shown(&self, by: By) -> (String, bool) {
        // A run with plenty: of `limits` nothing is said then, of rules a large number.
        let plenty = Row { set: String::new(), ..self.clone() };
        let (numbers, expected) = match &self.inexact {
            Some([little, enough]) => (vec![little.clone(), enough.clone()], None),
            None => {
                let plenty = plenty.play(By::Policy, None).await;
                let needs = self.needs(&plenty).await;
                (
                    [needs - 1, needs, needs + 1].map(|it| it.to_string()).into(),
                    (!self.varies).then(|| plenty.text()),
                )
            }
        };
        let mut line = format!("{:18} {:9}", self.key, format!("{by:?}").to_lowercase());
        let mut holds = true;
        for (place, number) in numbers.iter().enumerate() {
            let story = self.play(by, Some(number)).await;
            let stopped = story.text().contains(&self.stopped);
            let same =
                expected.as_ref().map_or(story.ending().starts_with("output: "), |it| *it == story.text());
            holds &= if place == 0 { stopped } else { same && !stopped };
            let told = if stopped { self.stopped.clone() } else { story.text().replace('\n', ", ") };
            write!(line, " | {}", told.chars().take(40).collect::<String>()).unwrap();
        }
        (line, holds)
    }
}

#[tokio::test]
async fn each_limit_stops_what_needs_one_more_and_nothing_else() {
    let (mut table, mut wrong) = (String::new(), String::new());
    for row in rows() {
        if let Some([file, test]) = &row.at {
            let text = std::fs::read_to_string(crate::stage::repository().join(file)).unwrap();
            let found = text.contains(&format!("fn {test}("));
            writeln!(table, "{:18} at {file}: {test}", row.key).unwrap();
            assert!(found, "{file} has no test {test}");
            continue;
        }
        // Only limits are a manifest's to say; how much of a grant is the operator's.
        let by = if row.set.is_empty() { vec![By::Policy] } else { vec![By::Policy, By::Manifest] };
        for by in by.into_iter().filter(|by| *by == By::Policy || row.inexact.is_none()) {
            let (line, holds) = row.shown(by).await;
            writeln!(table, "{line}").unwrap();
            if !holds {
                writeln!(wrong, "{line}").unwrap();
            }
        }
    }
    eprintln!("{:18} {:9} | one less | exactly | one more\n{table}", "limit", "set by");
    assert!(wrong.is_empty(), "not as expected:\n{wrong}");
}

/// The reader of policies itself is asked which keys it knows.
#[test]
fn each_limit_that_is_read_has_a_row() {
    let mut keys = known("limits.any = { nonsense = 1 }", "limits");
    for (kind, more) in [
        ("files", r#"name = "n", access = "write", bind = "./d""#),
        ("keyvalue", r#"name = "n", access = "write", bind = "namespace:n""#),
        ("random", ""),
        ("notes", ""),
        ("logging", ""),
        ("http", r#"name = "n", methods = ["GET"], bind = "https://*.docs.example/""#),
        ("inference", r#"name = "cheap""#),
    ] {
        let more = if more.is_empty() { String::new() } else { format!(", {more}") };
        let rule = format!(r#"kind = "{kind}"{more}, most = {{ nonsense = 1 }}"#);
        keys.extend(known(&policy("guest", &[&rule], "").replace("version = 1\n", ""), kind));
    }
    // What has no limit, has none: a kind that gets one is a line above.
    for (kind, more) in [("clock", r#"resolution = "1s""#), ("config", r#"bind = { a = "b" }"#)] {
        let rule = format!(r#"kind = "{kind}", {more}, most = {{ nonsense = 1 }}"#);
        let said = told(&policy("guest", &[&rule], "").replace("version = 1\n", ""));
        assert!(said.contains("no key `most`"), "{said}");
    }
    let rows: BTreeSet<String> = rows().into_iter().map(|row| row.key).collect();
    assert_eq!(keys, rows);
}

/// What the reader of policies says of a text, with its hints.
fn told(text: &str) -> String {
    let surroundings = Surroundings { folder: Path::new("/project"), closed: &[], links: |_| false };
    let found = Policy::parse("policy.toml", &format!("version = 1\n{text}"), surroundings).err().unwrap();
    let line = |it: &Diagnostic| format!("{}: {}", it.message, it.hint.as_deref().unwrap_or_default());
    found.0.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The keys that stand beside `nonsense`, by what the reader says of it.
fn known(text: &str, kind: &str) -> BTreeSet<String> {
    let said = told(text);
    let (_, known) = said.split_once("`nonsense`: known here: ").unwrap_or_else(|| panic!("{kind}: {said}"));
    known.lines().next().unwrap().split(", ").map(|key| format!("{kind} {key}")).collect()
}
