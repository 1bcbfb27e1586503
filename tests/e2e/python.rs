//! A skill written in Python, built here and called with typed arguments.

use crate::stage::Stage;
use serde_json::json;
use std::process::Command;

const WIT: &str = "\
package shop:orders@1.0.0;

interface pricing {
  record line { article: string, cents: u64, times: u32, note: option<string> }
  record total { cents: u64, articles: list<string>, notes: u32 }
  add-up: func(lines: list<line>) -> result<total, string>;
}

world shop { export pricing; }
";

const PYTHON: &str = "\
from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.pricing import Total


class Pricing(exports.Pricing):
    def add_up(self, lines):
        if not lines:
            raise Err('there is nothing to add up')
        cents = sum(line.cents * line.times for line in lines)
        notes = sum(line.note is not None for line in lines)
        return Total(cents, [line.article for line in lines], notes)
";

/// Python brings all of sockets out of habit, and more fuel and memory than the defaults.
const POLICY: &str = "\
version = 1

[inert]
any = [\"wasi:sockets\"]

[limits.any]
fuel = 2_000_000_000
memory = \"64MiB\"
deadline = \"30s\"
";

/// Builds the component; false where the builder is not installed, unless it has to be.
fn builds(stage: &Stage) -> bool {
    stage.write("wit/world.wit", WIT);
    stage.write("app.py", PYTHON);
    let mut builder = Command::new("componentize-py");
    builder.args(["-d", "wit", "-w", "shop", "componentize", "app", "-o", "orders.wasm"]);
    match builder.current_dir(stage.project()).output() {
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            true
        }
        Err(cause) => {
            let required = std::env::var("KAPELL_TEST_REQUIRE").is_ok_and(|what| what == "all");
            assert!(!required, "componentize-py is needed here: {cause}");
            eprintln!("skipped: componentize-py is not installed");
            false
        }
    }
}

#[test]
fn a_python_component_takes_and_gives_typed_values_without_loss() {
    let stage = Stage::empty();
    if !builds(&stage) {
        return;
    }
    let call = |arguments: &str| stage.kapell(&["call", "orders.wasm", "add-up", arguments, "--json"]);
    let lines = r#"{"lines": [
        {"article": "bread", "cents": 9007199254740993, "times": 2, "note": null},
        {"article": "jam", "cents": 1, "times": 1, "note": "red"}
    ]}"#;

    // Nothing lends it sockets; that it imports them out of habit is for the operator to say.
    let refused = call(lines).ends(4).json();
    assert!(refused["error"]["message"].as_str().unwrap().contains("wasi:sockets"), "{refused}");
    stage.write("policy.toml", POLICY);

    // Twice the first integer that a floating point number can't hold, and one.
    let run = call(lines).ends(0).json();
    let expected = json!({ "cents": "18014398509481987", "articles": ["bread", "jam"], "notes": 1 });
    assert_eq!(run["output"]["output"], expected);

    // Done again it is the same to the byte and the unit, here and where nobody saw its home.
    let same = |told: serde_json::Value| {
        let verdict = &told["runs"][0]["attempts"][0]["verdict"]["same"];
        assert!(verdict["fuel"][0] == verdict["fuel"][1] && verdict["fuel"][0].as_u64() > Some(0), "{told}");
    };
    same(stage.kapell(&["replay", "last", "--json"]).ends(0).json());
    stage.kapell(&["audit", "export", "last", "-o", "run.kapell"]).ends(0);
    let file = stage.project().join("run.kapell").display().to_string();
    same(Stage::empty().kapell(&["replay", &file, "--json"]).ends(0).json());

    let misfit = call(r#"{"lines": [{"article": "bread", "cents": -1, "times": 2}]}"#).ends(2).json();
    let message = misfit["error"]["message"].as_str().unwrap();
    assert!(message.contains("lines[0].cents: expected u64"), "{message}");

    let nothing = call(r#"{"lines": []}"#).ends(1).json();
    assert_eq!(nothing["error"], "there is nothing to add up");
}
