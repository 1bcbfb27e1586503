//! What the house promises about itself, read off its own files.

use crate::stage::repository;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folders that hold our own files.
const ROOMS: [&str; 6] = ["host", "wit", "sdk", "plugins", "examples", "tests"];

/// Every file under a folder, build products left out.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        match path.is_dir() {
            true if ["target", ".kapell", ".git"].contains(&name.as_str()) => {}
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

pub(crate) fn rust_files(room: &str) -> Vec<PathBuf> {
    let is_rust = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
    files(&repository().join(room)).into_iter().filter(is_rust).collect()
}

pub(crate) fn shown(path: &Path) -> String {
    path.strip_prefix(repository()).unwrap_or(path).display().to_string()
}

/// Our own packages, as cargo sees them.
fn metadata() -> Value {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]).current_dir(repository());
    let said = cargo.output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    serde_json::from_slice(&said.stdout).unwrap()
}

/// The arrows between them.
fn arrows() -> String {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    let mut lines: Vec<String> = packages.iter().map(arrows_of).collect();
    lines.sort();
    lines.join("\n")
}

fn arrows_of(package: &Value) -> String {
    let mut to: Vec<String> = Vec::new();
    for dependency in package["dependencies"].as_array().unwrap() {
        let name = dependency["name"].as_str().unwrap();
        match dependency["kind"].as_str() {
            None if dependency["path"].is_string() => to.push(name.into()),
            Some("dev") if dependency["path"].is_string() => to.push(format!("{name} (tests)")),
            _ => {}
        }
    }
    to.sort();
    format!("{} -> {}", package["name"].as_str().unwrap(), to.join(", ")).trim_end().to_owned()
}

#[test]
fn a_new_arrow_between_crates_is_a_line_in_a_review() {
    let golden = repository().join("tests/golden/arrows.txt");
    let arrows = arrows();
    let expected = fs::read_to_string(&golden).unwrap_or_default();
    assert!(
        expected.trim_end() == arrows,
        "the arrows have changed. If that is meant, {} becomes:\n\n{arrows}\n",
        shown(&golden)
    );
}

/// What opens a connection, listens for one, asks for a name, or starts a program that may do so.
const OPENERS: [&str; 14] = [
    "TcpStream",
    "TcpListener",
    "TcpSocket",
    "UdpSocket",
    "UnixStream",
    "UnixListener",
    "UnixDatagram",
    "TlsConnector",
    "ToSocketAddrs",
    "lookup_host",
    "Command::new",
    "tokio::net",
    "wasmtime_wasi::sockets",
    "inherit_network",
];

/// Libraries that do so; a package of ours that depends on one can without any of the words.
const LIBRARIES: [&str; 29] = [
    "async-std",
    "attohttpc",
    "curl",
    "git2",
    "gix",
    "h2",
    "hickory-resolver",
    "hyper",
    "hyper-util",
    "isahc",
    "mio",
    "minreq",
    "native-tls",
    "oci-client",
    "openssl",
    "quinn",
    "reqwest",
    "rustls",
    "smol",
    "socket2",
    "surf",
    "tokio-native-tls",
    "tokio-rustls",
    "tokio-tungstenite",
    "tonic",
    "tungstenite",
    "ureq",
    "wasmtime-wasi-http",
    "zbus",
];

/// A line for every file and every package that could open a connection, and by what.
fn connections() -> String {
    let mut lines: Vec<String> = Vec::new();
    for path in ROOMS.into_iter().flat_map(rust_files) {
        let text = fs::read_to_string(&path).unwrap();
        let is_word = |line: &str| line.starts_with('"') && line.ends_with("\",");
        let is_code = |line: &&str| !line.starts_with("//") && !is_word(line);
        let code: Vec<&str> = text.lines().map(str::trim).filter(is_code).collect();
        let found = OPENERS.into_iter().filter(|opener| code.iter().any(|line| line.contains(opener)));
        lines.extend(told(&shown(&path), found.map(str::to_owned).collect()));
    }
    for package in metadata()["packages"].as_array().unwrap() {
        let found = package["dependencies"].as_array().unwrap().iter().filter_map(connecting);
        lines.extend(told(package["name"].as_str().unwrap(), found.collect()));
    }
    lines.join("\n")
}

fn told(who: &str, found: Vec<String>) -> Option<String> {
    (!found.is_empty()).then(|| format!("{who}: {}", found.join(", ")))
}

/// A dependency that can open connections, and what of it is asked for.
fn connecting(dependency: &Value) -> Option<String> {
    let name = dependency["name"].as_str().unwrap();
    let features: Vec<&str> =
        dependency["features"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    match name {
        "tokio" | "rustix" | "nix" => {
            features.iter().any(|feature| ["net", "full"].contains(feature)).then(|| format!("{name}/net"))
        }
        name => LIBRARIES.contains(&name).then(|| name.to_owned()),
    }
}

#[test]
fn a_new_place_that_opens_a_connection_is_a_line_in_a_review() {
    let golden = repository().join("tests/golden/connections.txt");
    let connections = connections();
    let expected = fs::read_to_string(&golden).unwrap_or_default();
    assert!(
        expected.trim_end() == connections,
        "what opens connections has changed. If that is meant, {} becomes:\n\n{connections}\n",
        shown(&golden)
    );
}

#[test]
fn the_engine_is_named_in_one_room() {
    for path in
        rust_files("host").into_iter().filter(|path| !path.starts_with(repository().join("host/runtime")))
    {
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            !text.contains("wasmtime::") && !text.contains("use wasmtime"),
            "{} names the engine",
            shown(&path)
        );
    }
}

#[test]
fn unsafe_code_stands_in_one_module() {
    for path in ["host", "sdk", "plugins"].into_iter().flat_map(rust_files) {
        let text = fs::read_to_string(&path).unwrap();
        // What stands before any text literal; a test may hand unsafe code to the compiler as text.
        let mut code = text.lines().filter_map(|line| line.split('"').next());
        let holds = code.any(|line| line.contains("unsafe {") || line.contains("allow(unsafe_code"));
        assert!(!holds || path.ends_with("host/runtime/src/cache.rs"), "{} holds unsafe code", shown(&path));
    }
}

#[test]
fn the_pure_crates_reach_for_nothing_outside() {
    for path in ["host/model", "host/journal"].into_iter().flat_map(rust_files) {
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for outside in ["std::fs", "std::net", "std::env", "SystemTime", "Instant::now", "async fn", "tokio"]
        {
            let used =
                code.lines().any(|line| !line.trim_start().starts_with("//") && line.contains(outside));
            assert!(!used, "{} reaches for {outside}", shown(&path));
        }
    }
}

#[test]
fn every_file_opens_with_what_it_is_for() {
    for path in ["host", "sdk", "plugins", "tests"].into_iter().flat_map(rust_files) {
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("//!"), "{} does not say what it is for", shown(&path));
    }
}

#[test]
fn every_room_says_what_lives_there() {
    for room in ROOMS {
        let readme = repository().join(room).join("README.md");
        let lines = fs::read_to_string(&readme).unwrap_or_default().lines().count();
        assert!((1..=60).contains(&lines), "{} is not one screen: {lines} lines", shown(&readme));
    }
}

#[test]
fn nothing_built_is_committed() {
    for path in ROOMS.into_iter().flat_map(|room| files(&repository().join(room))) {
        let extension = path.extension().map(|extension| extension.to_string_lossy().into_owned());
        let built = ["wasm", "cwasm", "so", "db", "sqlite"].contains(&extension.unwrap_or_default().as_str());
        assert!(!built, "{} is built, not written", shown(&path));
    }
}

/// Every interface, world and function of our own WIT has a doc comment and says since when it is there.
#[test]
fn every_item_of_our_interfaces_is_documented_and_dated() {
    let own = fs::read_dir(repository().join("wit")).unwrap().map(|entry| entry.unwrap().path());
    for path in own.filter(|path| path.extension().is_some_and(|extension| extension == "wit")) {
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        for (number, line) in lines.iter().enumerate() {
            let item = ["interface ", "world ", "record ", "variant ", "enum ", "resource ", "type "]
                .iter()
                .any(|word| line.starts_with(word))
                || line.contains(": func(");
            if item {
                assert!(
                    number > 0 && lines[number - 1].starts_with("@since("),
                    "{}: `{line}` has no @since",
                    shown(&path)
                );
                assert!(
                    number > 1 && lines[number - 2].starts_with("///"),
                    "{}: `{line}` has no docs",
                    shown(&path)
                );
            }
        }
    }
}

/// The security fixes of an engine come as patches: one copy of it, at least the one that is known to be sound.
#[test]
fn there_is_one_engine_with_its_fixes() {
    let lock = fs::read_to_string(repository().join("Cargo.lock")).unwrap();
    for package in ["wasmtime", "wasmtime-wasi", "cranelift-codegen"] {
        let stanza = format!("name = \"{package}\"\nversion = \"");
        let versions: Vec<&str> =
            lock.split(&stanza).skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert_eq!(versions.len(), 1, "{package}: {versions:?}");
        let minor = versions[0].rsplit_once('.').unwrap();
        let patch: u32 = minor.1.parse().unwrap();
        assert!(minor.0.ends_with("48.0") || package == "cranelift-codegen", "{package} {versions:?}");
        assert!(patch >= 8, "{package} {versions:?} is older than its fixes");
    }
}

/// What the engine is built with, as cargo resolves it for the program; each part more is a larger surface.
#[test]
fn the_engine_is_built_lean() {
    const LEFT_OUT: [&str; 8] =
        ["gc", "threads", "component-model-async", "winch", "wat", "profiling", "coredump", "cache"];
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let arguments = ["tree", "--offline", "-p", "kapell", "-e", "normal,features", "-i", "wasmtime"];
    let said =
        cargo.args(arguments).args(["--depth", "1", "--prefix", "none"]).current_dir(repository()).output();
    let said = said.unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let tree = String::from_utf8(said.stdout).unwrap();
    let feature = |line: &str| Some(line.strip_prefix("wasmtime feature \"")?.split('"').next()?.to_owned());
    let features: Vec<String> = tree.lines().filter_map(feature).collect();
    assert!(features.iter().any(|feature| feature == "component-model"), "{tree}");
    for left_out in LEFT_OUT {
        assert!(!features.iter().any(|feature| feature == left_out), "the engine is built with {left_out}");
    }
}
