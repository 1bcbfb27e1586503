//! Compiling in a process of its own: what an honest component comes to there, what ends a hostile one, what is said.
//!
//! The worker is the real program; a shell stands in for one that breaks.

use crate::stage::{Stage, compiler, options};
use kapell_home::{CompileCaps, CompileWorker, Compiler, Home, HomeError, Kind, Options, Place};
use kapell_model::quantity::Bytes;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

/// A component of no harm.
const SMALL: &str = r#"(component
  (core module $m (func (export "run") (result i32) (i32.const 7)))
  (core instance $i (instantiate $m))
  (func (export "run") (result u32) (canon lift (core func $i "run"))))"#;

/// Within every cap of the file, and seconds of work: as many functions as are asked for, each of a thousand sums that
/// hang together.
fn heavy(functions: u32) -> String {
    let mut text = String::from("(component (core module $m");
    for function in 0..functions {
        text.push_str("(func (param i64 i64 i64 i64) (result i64)");
        for sum in 0..1_000_u32 {
            // Writing to a String can't fail.
            let _ = write!(
                text,
                "(local.set {} (i64.add (i64.mul (local.get {}) (local.get {})) (i64.rotl (local.get {}) (i64.const {}))))",
                sum % 4,
                (sum + 1) % 4,
                (sum * 7 + 2) % 4,
                (sum * 3 + function) % 4,
                sum + function
            );
        }
        text.push_str("(local.get 0))");
    }
    text + ") (core instance (instantiate $m)))"
}

/// A home whose components are compiled so.
struct Scene {
    folder: tempfile::TempDir,
    home: Home,
}

impl Scene {
    fn of(compiler: Option<Compiler>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(Place::at(folder.path()).unwrap(), Options { compiler, ..options() }).unwrap();
        Self { folder, home }
    }

    fn capped(caps: CompileCaps) -> Self {
        Self::of(Some(compiler(caps)))
    }

    /// Installs a component, and says what became of that.
    fn add(&self, text: &str) -> Result<String, HomeError> {
        let added = self.home.add(Path::new("x.wasm"), &wat::parse_str(text).unwrap(), "user:ada")?;
        Ok(format!("added {}", added.skill.pin.name))
    }

    fn told(&self, text: &str) -> String {
        match self.add(text) {
            Ok(added) => added,
            Err(error) => format!("{:?}: {error}", error.kind),
        }
    }

    /// Every file of the folder of compiled forms, with what it holds.
    fn forms(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let root = self.folder.path().join(".kapell/compiled");
        let folder = fs::read_dir(root).unwrap().next().unwrap().unwrap().path();
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        let mut forms: Vec<_> =
            entries.map(|it| (it.file_name().into(), fs::read(it.path()).unwrap())).collect();
        forms.sort();
        forms
    }
}

fn caps() -> CompileCaps {
    CompileCaps::default()
}

/// A worker that is a line of shell.
fn shell(line: &str) -> Compiler {
    let arguments = ["-c", line].map(Into::into).into();
    Compiler::Apart(CompileWorker { program: "/bin/sh".into(), arguments, caps: caps() })
}

#[test]
fn what_is_compiled_apart_is_what_would_be_compiled_here() {
    let (apart, here) = (Scene::of(options().compiler), Scene::of(Some(Compiler::Here(Arc::new(|_| true)))));
    for scene in [&apart, &here] {
        assert_eq!(scene.told(SMALL), "added local:x");
        assert_eq!(scene.told(&heavy(4)), "added local:x");
    }
    let forms = apart.forms();
    assert_eq!(forms.len(), 4, "two forms, each with its seal");
    assert!(forms == here.forms(), "the compiled forms differ");
}

#[test]
fn too_much_processor_time_ends_it() {
    let second = CompileCaps { processor: Duration::from_secs(1), ..caps() };
    assert_eq!(
        Scene::capped(second).told(&heavy(200)),
        "Invalid: x.wasm: compiling took more than 1 s of processor time"
    );
    assert_eq!(Scene::capped(second).told(SMALL), "added local:x");
}

#[test]
fn too_much_time_ends_it() {
    let moment = CompileCaps { time: Duration::from_millis(50), ..caps() };
    let scene = Scene::capped(moment);
    assert_eq!(scene.told(&heavy(40)), "Invalid: x.wasm: compiling took longer than 0.05 s");
    assert!(scene.forms().is_empty(), "half a form is left");
    // It does not even answer, and takes no processor time.
    let asleep = CompileWorker {
        program: "/bin/sh".into(),
        arguments: ["-c", "exec sleep 600"].map(Into::into).into(),
        caps: moment,
    };
    let asleep = Scene::of(Some(Compiler::Apart(asleep)));
    assert_eq!(asleep.told(SMALL), "Invalid: x.wasm: compiling took longer than 0.05 s");
}

#[test]
fn too_much_memory_ends_it() {
    let little = CompileCaps { memory: Bytes(48 << 20), ..caps() };
    assert_eq!(
        Scene::capped(little).told(&heavy(400)),
        "Invalid: x.wasm: compiling took more than 48 MiB of memory"
    );
    assert_eq!(Scene::capped(little).told(SMALL), "added local:x");
}

#[test]
fn a_worker_that_breaks_is_named_and_leaves_nothing() {
    let broken = |line: &str| {
        let scene = Scene::of(Some(shell(line)));
        let told = scene.told(SMALL);
        assert!(scene.forms().is_empty(), "{line} left a form");
        told
    };
    let died = "Internal: x.wasm: the compile worker /bin/sh died: ";
    assert_eq!(broken("exit 3"), format!("{died}exit status: 3"));
    assert_eq!(
        broken("echo out of luck >&2; kill -SEGV $$"),
        format!("{died}signal: 11 (SIGSEGV): out of luck")
    );
    assert_eq!(broken("kill -KILL $$"), format!("{died}signal: 9 (SIGKILL)"));
    // Who has no memory for a thread's stack says so in another way than who has none for a value.
    for words in ["memory allocation of 64 bytes failed", "no stack: Cannot allocate memory (os error 12)"] {
        let out_of_memory = broken(&format!("echo panicked at x.rs >&2; echo '{words}' >&2; kill -ABRT $$"));
        assert_eq!(out_of_memory, "Invalid: x.wasm: compiling took more than 1 GiB of memory");
        let other = broken(&format!("echo '{words}' >&2; exit 3"));
        assert_eq!(other, format!("{died}exit status: 3: {words}"));
    }
    // Half an answer is none, also of a worker that ends well; nor is anything else.
    assert_eq!(broken(r"printf 'C\005\0\0\0\0\0\0\0four'; exit 0"), format!("{died}exit status: 0"));
    assert_eq!(broken("echo hello"), format!("{died}exit status: 0"));
    // A whole answer that is no compiled form is not taken for one.
    let wrong = broken(r"printf 'C\004\0\0\0\0\0\0\0four'");
    assert!(wrong.starts_with("Invalid: x.wasm: the component is not valid: "), "{wrong}");
    assert_eq!(
        broken(r"printf 'C\0\0\0\0\0\0\0\001'"),
        "Invalid: x.wasm: the compiled form has more than 256 MiB"
    );
    // What this process was told by its environment is no business of the worker's.
    let environment = broken("env | grep -v -e ^RAYON_NUM_THREADS= -e ^PWD= -e ^_= -e ^SHLVL= >&2; exit 1");
    assert_eq!(environment, format!("{died}exit status: 1"));
    let missing = CompileWorker { program: "/nowhere".into(), arguments: Vec::new(), caps: caps() };
    assert_eq!(
        Scene::of(Some(Compiler::Apart(missing))).told(SMALL),
        "Internal: x.wasm: start the compile worker /nowhere: No such file or directory (os error 2)"
    );
}

#[test]
fn what_the_engine_does_not_take_is_refused_as_before() {
    let told = |module: &str| {
        Scene::of(options().compiler)
            .told(&format!("(component (core module $m {module}) (core instance (instantiate $m)))"))
    };
    assert_eq!(told("(memory 1)"), "added local:x");
    // What the compiler says, and what only the host's own engine can say.
    for module in ["(memory i64 1)", "(table 20001 funcref)", &"(memory 1)".repeat(5)] {
        let told = told(module);
        assert!(told.starts_with("Invalid: x.wasm: the component is not valid: "), "{module}: {told}");
    }
}

/// Whoever names no worker answers for what is compiled: only what a person approved is.
#[test]
fn without_a_worker_only_approved_bytes_are_compiled() {
    let scene = Scene::of(None);
    let error = scene.add(SMALL).unwrap_err();
    assert_eq!(
        (error.kind, error.message.as_str()),
        (
            Kind::Refused,
            "x.wasm: nobody approved these bytes, and there is no process of its own to compile them in"
        )
    );
    let digest = kapell_model::digest::Digest::of(&wat::parse_str(SMALL).unwrap());
    let approved = Compiler::Here(Arc::new(move |asked| *asked == digest));
    let scene = Scene::of(Some(approved));
    assert_eq!(scene.told(SMALL), "added local:x");
    assert!(scene.told(&heavy(1)).starts_with("Refused: "));
}

/// The limits of the worker as the kernel tells them, while it waits for its component.
#[test]
fn the_worker_has_taken_from_itself_what_it_has_no_use_for() {
    // What was its standard error is a descriptor that somebody left open and passes on unknowingly.
    let line = format!("exec 7>&2 2>/dev/null {} compile-worker 5 100000000", env!("CARGO_BIN_EXE_kapell"));
    let mut worker = Command::new("/bin/sh")
        .args(["-c", &line])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Nobody holds it any more while the worker waits for its component.
    let (tell, told) = channel();
    let mut left_open = worker.stderr.take().unwrap();
    std::thread::spawn(move || tell.send(left_open.read_to_end(&mut Vec::new()).unwrap()));
    assert_eq!(told.recv_timeout(Duration::from_secs(30)), Ok(0));
    let pid = worker.id();
    confined(pid);
    let limits = about(pid, "limits");
    let limit = |name: &str| {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        line[name.len()..].split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    };
    let told =
        ["Max cpu time", "Max data size", "Max core file size", "Max file size", "Max open files"].map(limit);
    assert_eq!(told, ["5 6", "100000000 100000000", "0 0", "0 0", "3 3"]);
    drop(worker.stdin.take());
    let said = worker.wait_with_output().unwrap();
    assert_eq!((said.status.code(), said.stdout.first()), (Some(0), Some(&b'I')));
}

/// A process as the kernel tells of it.
fn about(pid: u32, name: &str) -> String {
    fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap()
}

/// How far a process steps back for others. The name in front of it may have blanks and brackets of its own.
fn niceness(pid: u32) -> i32 {
    let stat = about(pid, "stat");
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    fields.split(' ').nth(16).unwrap().parse().unwrap()
}

/// Waits until a worker is done with taking from itself, the last of which is its place before others.
fn confined(pid: u32) {
    let lowest = (niceness(std::process::id()) + 10).min(19);
    let patience = Instant::now();
    while niceness(pid) != lowest {
        assert!(patience.elapsed() < Duration::from_secs(30), "its nice value is {}", niceness(pid));
        std::thread::yield_now();
    }
}

/// Who owns a process's folder under `/proc`: the system for one that leaves no image, else whoever runs it.
#[cfg(target_os = "linux")]
#[test]
fn the_worker_steps_back_for_others_and_leaves_no_image_of_its_memory() {
    use std::os::unix::fs::MetadataExt as _;
    use std::os::unix::process::CommandExt as _;
    let owner = |pid: u32| fs::metadata(format!("/proc/{pid}/stat")).unwrap().uid();
    // What the system's own user runs always is the system's, so then it is somebody else's.
    let mine = if owner(std::process::id()) == 0 { 65_534 } else { owner(std::process::id()) };
    let start = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        let ready = command.args(arguments).uid(mine).stdin(Stdio::piped()).stdout(Stdio::null());
        ready.stderr(Stdio::null()).spawn().unwrap()
    };
    let mut other = start("/bin/cat", &[]);
    let mut worker = start(env!("CARGO_BIN_EXE_kapell"), &["compile-worker", "5", "100000000"]);
    confined(worker.id());
    assert_eq!((owner(other.id()), owner(worker.id())), (mine, 0));
    for child in [&mut other, &mut worker] {
        drop(child.stdin.take());
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
}

/// The worker waits for a component that the test never sends; what tells that it is gone is that nobody holds its
/// output any more.
#[cfg(target_os = "linux")]
#[test]
fn the_worker_ends_with_whoever_started_it() {
    let worker = env!("CARGO_BIN_EXE_kapell");
    let line = format!("exec 3<&0; {worker} compile-worker 60 100000000 <&3 3<&- & echo $!; wait");
    let mut host = Command::new("/bin/sh")
        .args(["-c", &line])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _component = host.stdin.take().unwrap();
    let mut said = BufReader::new(host.stdout.take().unwrap());
    let mut pid = String::new();
    said.read_line(&mut pid).unwrap();
    confined(pid.trim().parse().unwrap());
    host.kill().unwrap();
    host.wait().unwrap();
    let (tell, told) = channel();
    std::thread::spawn(move || tell.send(said.read_to_end(&mut Vec::new()).unwrap()));
    assert_eq!(told.recv_timeout(Duration::from_secs(30)), Ok(0), "the worker outlives its host");
}

/// The whole way, as people meet it: through the program, over its own worker.
#[test]
fn a_person_adds_calls_and_inspects_over_the_worker() {
    let stage = Stage::empty();
    let file = stage.write("seven.wasm", wat::parse_str(SMALL).unwrap());
    let file = file.to_str().unwrap();
    for verb in [vec!["inspect", file], vec!["check", file], vec!["review", file], vec!["add", file]] {
        stage.kapell(&verb).ends(0);
    }
    assert_eq!(stage.kapell(&["call", file, "run"]).ends(0).json()["output"], 7);
    let bad = wat::parse_str("(component (core module (memory i64 1)))").unwrap();
    let bad = stage.write("bad.wasm", bad);
    let said = stage.kapell(&["add", bad.to_str().unwrap()]).ends(3);
    assert!(said.err.contains("the component is not valid"), "{}", said.err);
}
