//! A project whose one run does something of each kind, and a server on loopback that counts what reached the world.

use crate::guests::server::Server;
use crate::guests::stage::{asking, asking_named};
use crate::stage::{Said, Stage};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// A class of effect: its word, and what the step of that class asks the world for.
pub(crate) const CLASSES: [(&str, &str); 4] =
    [("none", "Ada"), ("reads", "GET"), ("idempotent", "POST"), ("once", "POST")];

/// A home ready to run, made once and copied for each trial.
pub(crate) struct Scene {
    made: Stage,
    server: Server,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let (made, server) = (Stage::empty(), Server::start());
        made.write("policy.toml", rules(&server));
        // More than fits into a row, so that there is a blob of its own and a file to be put in its place.
        made.write("letter.txt", format!("letter.txt\n{}", "Dear Ada. ".repeat(7_000)));
        fs::create_dir(made.project().join("out")).unwrap();
        for (class, asks) in CLASSES {
            made.write(&format!("{class}.yaml"), flow(class, asks, &server));
        }
        for (name, bytes) in skills() {
            let file = made.write(&format!("{name}.wasm"), bytes);
            made.kapell(&["add", file.to_str().unwrap()]).ends(0);
        }
        Self { made, server }
    }

    /// A copy of the project, modes and times with it.
    pub(crate) fn trial(&self) -> Trial<'_> {
        let stage = Stage::empty();
        copy(self.made.project(), stage.project());
        Trial { stage, server: &self.server, before: self.server.seen().len() }
    }
}

/// Copies a folder as it is.
pub(crate) fn copy(from: &Path, to: &Path) {
    let mut copy = Command::new("cp");
    assert!(copy.arg("-a").arg(from.join(".")).arg(to).status().unwrap().success());
}

/// One project in which something is interrupted.
pub(crate) struct Trial<'s> {
    pub(crate) stage: Stage,
    server: &'s Server,
    before: usize,
}

/// What a run came to, without the times, ids and attempts that interruptions may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fold {
    state: String,
    /// What each step gave, by the digest of its value.
    outputs: BTreeMap<String, String>,
    /// What the run gave.
    gave: Value,
    /// What was left on the disk.
    letter: Option<usize>,
}

impl Fold {
    /// How the run ended; `open` when it has not.
    pub(crate) fn state_word(&self) -> &str {
        &self.state
    }
}

impl Trial<'_> {
    /// Runs a flow with something armed. The code is none when the program died.
    pub(crate) fn run(&self, flow: &str, fault: &str) -> Said {
        self.armed(&["run", flow], fault)
    }

    /// The same of any command.
    pub(crate) fn armed(&self, arguments: &[&str], fault: &str) -> Said {
        let output = self.stage.command(arguments).env("KAPELL_FAULT", fault).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// How often each point is reached by a command.
    pub(crate) fn traced(&self, arguments: &[&str]) -> BTreeMap<String, u64> {
        let trace = self.stage.project().join("trace");
        self.armed(arguments, &format!("trace {}", trace.display())).ends(0);
        let mut times = BTreeMap::new();
        for point in fs::read_to_string(&trace).unwrap_or_default().lines() {
            *times.entry(point.to_owned()).or_default() += 1;
        }
        times
    }

    /// From here on effects are counted anew.
    pub(crate) fn mark(&mut self) {
        self.before = self.server.seen().len();
    }

    /// What reached the world in this trial: the first line of each request, and its key where it has one.
    pub(crate) fn effects(&self) -> Vec<(String, Option<String>)> {
        let line = |text: &String| text.lines().next().unwrap_or_default().to_owned();
        let key = |text: &String| {
            text.lines().find_map(|line| line.strip_prefix("idempotency-key: ").map(str::to_owned))
        };
        self.server.seen().iter().skip(self.before).map(|text| (line(text), key(text))).collect()
    }

    /// Nothing that was signed or kept is otherwise.
    pub(crate) fn verify(&self) {
        self.stage.kapell(&["verify"]).ends(0);
    }

    /// The runs there are, the newest first: their ids and states.
    pub(crate) fn runs(&self) -> Vec<(String, String)> {
        let listed = self.stage.kapell(&["runs", "list", "--json"]).ends(0).json();
        let word = |run: &Value, what: &str| run[what].as_str().unwrap().to_owned();
        listed["runs"].as_array().unwrap().iter().map(|run| (word(run, "run"), word(run, "state"))).collect()
    }

    pub(crate) fn entries(&self, run: &str) -> Vec<Value> {
        let shown = self.stage.kapell(&["runs", "show", run, "--json"]).ends(0).json();
        shown["entries"].as_array().unwrap().clone()
    }

    /// What a run came to.
    pub(crate) fn fold(&self, run: &str) -> Fold {
        let entries = self.entries(run);
        let mut outputs = BTreeMap::new();
        for ended in entries.iter().filter_map(|entry| entry["body"].get("attempt-ended")) {
            if let Some(output) = ended["ending"].get("output") {
                let again = outputs.insert(ended["step"].as_str().unwrap().into(), output.to_string());
                assert_eq!(again, None, "a step has one output: {entries:#?}");
            }
        }
        let over = &entries.last().unwrap()["body"]["run-ended"];
        let letter = fs::metadata(self.stage.project().join("out/letter.txt")).ok();
        let letter = letter.map(|about| usize::try_from(about.len()).unwrap());
        let state = over["state"].as_str().unwrap_or("open").to_owned();
        Fold { state, outputs, gave: over["outputs"].clone(), letter }
    }
}

fn rules(server: &Server) -> String {
    let mut rules = vec![
        policy_rule("writes-file", r#"kind = "files", name = "data", access = "write", bind = "./out""#),
        policy_rule(
            "keyvalue-commands",
            r#"kind = "keyvalue", name = "data", access = "read-write", bind = "namespace:data""#,
        ),
    ];
    for (class, _) in &CLASSES[1..] {
        let methods = if *class == "reads" { r#""GET""# } else { r#""GET", "POST""# };
        let bind = format!(r#"bind = "http://{}/", addresses = ["127.0.0.1"]"#, server.authority());
        let skill = format!("order-{class}");
        rules.push(policy_rule(
            &skill,
            &format!(r#"kind = "http", name = "api", methods = [{methods}], {bind}"#),
        ));
    }
    format!("version = 1\nrule = [\n{}]\n[role.operator]\npeople = [\"user:*\"]\n", rules.concat())
}

fn policy_rule(skill: &str, rule: &str) -> String {
    format!("  {{ id = \"{skill}\", skill = \"local:{skill}\", {rule} }},\n")
}

/// The skills of the scene, each under the name of its file.
fn skills() -> Vec<(String, Vec<u8>)> {
    let file = r#"kind = "files", name = "data", access = "write""#;
    let keys = r#"kind = "keyvalue", name = "data", access = "read-write""#;
    let mut skills = vec![
        ("order-none".to_owned(), asking_named("echo", "order-none", &[], "none")),
        ("writes-file".to_owned(), asking("writes_file", &[file])),
        ("keyvalue-commands".to_owned(), asking("keyvalue_commands", &[keys])),
    ];
    for (class, _) in &CLASSES[1..] {
        let methods = if *class == "reads" { r#""GET""# } else { r#""GET", "POST""# };
        let ask = format!(r#"kind = "http", name = "api", methods = [{methods}]"#);
        let name = format!("order-{class}");
        skills.push((name.clone(), asking_named("http_commands", &name, &[&ask], class)));
    }
    skills
}

/// A step of the class in question between one that counts and one that writes a large file.
fn flow(class: &str, asks: &str, server: &Server) -> String {
    let order = match asks {
        "GET" => format!("GET http {} /later", server.authority()),
        "POST" => format!("POST http {} /later || one", server.authority()),
        plain => plain.to_owned(),
    };
    format!(
        "flow: orders\nversion: '1'\nfiles: {{ letter: ./letter.txt }}\nsteps:\n\
         \x20 - id: counted\n    use: local:keyvalue-commands#run\n    with: {{ input: \"set orders 1\" }}\n\
         \x20 - id: ordered\n    use: local:order-{class}#run\n    with: {{ input: \"{order}\" }}\n\
         \x20 - id: written\n    use: local:writes-file#run\n    with: {{ input: \"${{{{ files.letter }}}}\" }}\n\
         outputs: {{ ordered: ordered, written: written }}\n"
    )
}
