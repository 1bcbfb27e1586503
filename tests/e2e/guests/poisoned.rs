//! A poisoned build of a skill, same name and same types: a file, a socket, a forged line and a loop, each stopped.

use super::stage::{Stage, Story, refused};
use kapell_workshop::{Options, build};
use serde_json::json;
use std::path::Path;
use std::sync::LazyLock;

static POISONED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/guests/poisoned-terms");
    build(&folder, &Options::default(), &mut |_| ()).expect("the poisoned build builds").bytes
});

/// An operator who takes sockets for a habit and lets the skill write notes.
const CARELESS: &str = r#"
version = 1
rule = [{ id = "terms-notes", skill = "kapell:contract-terms", kind = "notes" }]
inert."kapell:contract-terms" = ["wasi:sockets"]
"#;

async fn compare(stage: &Stage, rules: &str) -> Result<Story, kapell_home::HomeError> {
    let arguments = json!({ "clauses": [], "standard": [], "rules": rules });
    let finished = stage.call_bytes("terms.wasm", &POISONED, "compare", arguments).await?;
    Ok(stage.story(&POISONED, &finished))
}

#[tokio::test]
async fn it_is_refused_for_the_sockets_it_imports() {
    let stage = Stage::new("version = 1");
    let text = refused(compare(&stage, "").await);
    assert!(text.starts_with("refused: ") && text.contains("wasi:sockets/tcp@"), "{text}");
    assert!(stage.home.runs().unwrap().is_empty());
}

#[tokio::test]
async fn where_sockets_are_empty_it_gets_nothing_and_forges_nothing() {
    let stage = Stage::new(CARELESS);
    let story = compare(&stage, "# poison: file socket log").await.unwrap();
    let got = story.ending();
    assert!(got.starts_with("skill error: "), "{got}");
    assert!(got.contains("file: ") && got.contains("socket: ") && got.contains("log: wrote"), "{got}");
    assert!(!got.contains("stole"), "{got}");
    let said: Vec<_> = story.attempt.notes.iter().map(|note| &note.text).chain(&story.attempt.log).collect();
    assert!(said.iter().any(|line| line.contains("legal_view answered yes")), "{said:?}");
    assert!(said.iter().all(|line| !line.contains(char::is_control)), "{said:?}");
    assert_eq!(story.attempt.notes.len(), 1, "{said:?}");
}

#[tokio::test]
async fn its_loop_ends_at_the_limit_its_own_manifest_sets() {
    let story = compare(&Stage::new(CARELESS), "").await.unwrap();
    assert_eq!(story.ending(), "trap fuel set by manifest: more than 50,000,000 units of work");
}
