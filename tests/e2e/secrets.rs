//! A secret of the policy that turns up in inputs, arguments, answers, reasons or errors: it is nowhere on the disk and
//! in nothing that is printed, in no spelling.

use crate::guests::stage as guests;
use crate::stage::Stage;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

const VALUE: &str = "hunter2-hunter2";

/// The value in the spellings a file could hold it in.
const SPELLINGS: [&str; 5] = [
    VALUE,
    // Base64, one for each place in a group of three bytes; what neighbours share is left out.
    "aHVudGVyMi1odW50ZXIy",
    "h1bnRlcjItaHVudGVyM",
    "odW50ZXIyLWh1bnRlcj",
    "68756e746572322d68756e74657232",
];

const POLICY: &str = r#"version = 1

[[rule]]
id = "crm"
skill = "kapell:nobody"
kind = "http"
name = "crm"
bind = "https://crm.example/"
methods = ["GET"]
inject = { authorization = "Bearer {crm-token}" }

[secret.crm-token]
from = "env:CRM_TOKEN"

[role.editor]
people = ["user:ada"]
"#;

const ASKS: &str = "\
flow: asks
version: '1'
inputs: { name: string }
steps:
  - id: greeting
    use: kapell:hello#greet
    with: { name: \"${{ inputs.name }}\" }
  - id: agreed
    ask: editor
    question: Shall we greet ${{ inputs.name }}?
    show: { greeting: greeting }
    expire: 3d
outputs: { greeting: greeting }
";

fn stage() -> Stage {
    let stage = Stage::empty();
    stage.add(&["hello"]);
    stage.write("policy.toml", POLICY);
    stage.write("asks.yaml", ASKS);
    stage
}

/// Runs the program with the secret in its environment; what it prints holds no secret.
fn kapell(stage: &Stage, arguments: &[&str], code: i32) -> String {
    let said = stage.command(arguments).env("CRM_TOKEN", VALUE).output().unwrap();
    let told = [said.stdout, said.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    assert_eq!(said.status.code(), Some(code), "{told}");
    assert_eq!(spelled(told.as_bytes()), None, "{arguments:?}: {told}");
    told
}

fn spelled(bytes: &[u8]) -> Option<&'static str> {
    SPELLINGS.into_iter().find(|text| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
}

fn search(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => search(&path),
            false => match fs::read(&path) {
                // An open home signs behind its runs; what is gone by now is nowhere.
                Err(gone) if gone.kind() == std::io::ErrorKind::NotFound => {}
                read => assert_eq!(spelled(&read.unwrap()), None, "{}", path.display()),
            },
        }
    }
}

#[test]
fn a_secret_that_turns_up_in_a_run_is_nowhere_in_its_home() {
    let stage = stage();
    let arguments = format!(r#"{{"name": "{VALUE}"}}"#);
    let told = kapell(&stage, &["call", "kapell:hello", "greet", &arguments], 0);
    assert!(told.contains("[secret crm-token]"), "{told}");
    let encoded = format!("name=t {}", SPELLINGS[4]);
    let told = kapell(&stage, &["run", "asks.yaml", "-i", &encoded, "--no-wait"], 5);
    assert!(told.contains("[secret crm-token]"), "{told}");
    kapell(&stage, &["gates", "show", "last"], 0);
    kapell(&stage, &["gates", "approve", "last", "--reason", &format!("since {VALUE}")], 0);
    kapell(&stage, &["runs", "show", "last"], 0);
    search(&stage.project().join(".kapell"));
}

#[test]
fn a_flow_or_policy_that_holds_a_secret_is_refused() {
    let stage = stage();
    stage.write("asks.yaml", ASKS.replace("Shall we", &format!("By {VALUE}, shall we")));
    let told = kapell(&stage, &["run", "asks.yaml", "-i", "name=Ada", "--no-wait"], 4);
    assert!(told.contains("the flow holds the value of a secret"), "{told}");
    stage.write("policy.toml", format!("{POLICY}# {VALUE}\n"));
    let told = kapell(&stage, &["runs", "list"], 4);
    assert!(told.contains("the policy holds the value of a secret"), "{told}");
}

#[test]
fn a_home_whose_secret_cannot_be_read_says_which_and_where() {
    let stage = stage();
    let said = stage.kapell(&["skills", "list"]).ends(3);
    assert!(
        said.err
            .contains("read the secret `crm-token` from the environment variable CRM_TOKEN: it is not set"),
        "{}",
        said.err
    );
}

#[tokio::test]
async fn what_an_attempt_found_of_a_secret_is_not_written_down() {
    const GUEST: &str = "files_commands";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().canonicalize().unwrap().join("token");
    fs::write(&file, VALUE).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let rules = [
        r#"kind = "files", name = "data", access = "read-write", bind = "./data""#,
        r#"kind = "http", name = "crm", bind = "https://crm.example/", methods = ["GET"], inject = { authorization = "Bearer {crm-token}" }"#,
    ];
    let secret = format!("[secret.crm-token]\nfrom = \"file:{}\"", file.display());
    let stage = guests::Stage::new(&guests::policy(GUEST, &rules, &secret));
    stage.put("data/copy.txt", &format!("token={VALUE}\n"));
    let asks = [r#"kind = "files", name = "data", access = "read-write""#];
    let story = stage.call(GUEST, &asks, "read copy.txt").await.unwrap();
    assert_eq!(story.ending().trim_end(), "output: token=[secret crm-token]");
    search(&stage.data().parent().unwrap().join(".kapell"));
}
