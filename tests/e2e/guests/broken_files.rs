//! Files that are no component: told what they are and what to do, before anything is compiled, kept or run.

use super::stage::{Stage, asking, bare, policy};
use kapell_home::Kind;
use serde_json::json;
use std::path::Path;

async fn told(stage: &Stage, bytes: &[u8]) -> String {
    let called = stage.call_bytes("skill.wasm", bytes, "run", json!({ "input": "" }));
    let error = called.await.err().expect("it is refused");
    assert_eq!(error.kind, Kind::Invalid, "{error}");
    assert!(stage.home.runs().unwrap().is_empty(), "it left a run: {error}");
    let added = stage.home.add(Path::new("skill.wasm"), bytes, "user:test").expect_err("it is refused");
    assert_eq!(added.to_string(), error.to_string());
    assert!(stage.home.skills().unwrap().is_empty(), "it was installed: {error}");
    format!("{error}; {}", error.hint.as_deref().unwrap_or_default())
}

#[tokio::test]
async fn what_is_no_component_is_told_and_the_home_goes_on() {
    let stage = Stage::new(&policy("echo", &[], ""));
    let component = bare("echo");
    let mut damaged = component.to_vec();
    damaged[component.len() / 2..component.len() / 2 + 64].fill(0xff);
    let noise: Vec<u8> =
        (0..100_000_u64).map(|place| (place.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect();
    let native = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    for (bytes, expected) in [
        (&b""[..], "the file is empty; give a WebAssembly component"),
        (
            b"\0asm\x01\0\0\0",
            "it is a core WebAssembly module, not a component; build with `--target wasm32-wasip2`",
        ),
        (b"\0asm", "the component is not valid: its header is cut short"),
        (b"(component)", "it is WebAssembly text, not a component in binary form; turn it into binary form"),
        (&noise, "it is not WebAssembly; give a WebAssembly component"),
        (&native[..native.len().min(1 << 20)], "it is not WebAssembly; give a WebAssembly component"),
        (&component[..component.len() - 1], "the component is not valid: "),
        (&component[..component.len() / 2], "the component is not valid: "),
        (&component[..9], "the component is not valid: "),
        (&damaged, "the component is not valid: "),
        (
            &vec![0; (64 << 20) + 1],
            "the file has 67108865 bytes, more than the 67108864 a component may have",
        ),
    ] {
        let text = told(&stage, bytes).await;
        assert!(text.starts_with(&format!("skill.wasm: {expected}")), "{text}");
    }
    assert_eq!(stage.call("echo", &[], "here").await.unwrap().text(), "output: here");
}

#[tokio::test]
async fn a_broken_manifest_inside_is_told_with_its_place() {
    let stage = Stage::new(&policy("echo", &[], ""));
    for (ask, expected) in [
        (r#"kind = "sockets""#, "skill.toml:2:"),
        (r#"kind = "files", name = "data""#, "`access`"),
        (r#"kind = "files", name = "../data", access = "read""#, "skill.toml:2:"),
        (r#"kind = "clock", bind = "all""#, "bind"),
    ] {
        let bytes = asking("echo", &[ask]);
        let error = stage.home.inspect(Path::new("echo.wasm"), &bytes).expect_err("it is no manifest");
        assert_eq!(error.kind, Kind::Invalid, "{ask}: {error}");
        assert!(error.to_string().contains(expected), "{ask}: {error}");
    }
    // Two manifests: which one holds would be a guess.
    let mut twice = asking("echo", &[]);
    let once = twice.len() - bare("echo").len();
    twice.extend_from_within(twice.len() - once..);
    let error = stage.home.inspect(Path::new("echo.wasm"), &twice).expect_err("it has two manifests");
    assert!(error.to_string().contains("two `kapell:manifest` sections"), "{error}");
}

#[tokio::test]
async fn arguments_that_do_not_fit_are_told_with_their_place_and_nothing_runs() {
    let stage = Stage::new(&policy("echo", &[], ""));
    for (operation, arguments, kind, expected) in [
        ("run", json!({ "input": 7 }), Kind::Argument, "input"),
        ("run", json!({}), Kind::Argument, "input"),
        ("run", json!({ "input": "x", "more": 1 }), Kind::Argument, "more"),
        ("run", json!([]), Kind::Argument, "the arguments of run do not fit"),
        ("walk", json!({}), Kind::NotFound, "there is no operation `walk` in local:echo"),
    ] {
        let called = stage.call_bytes("echo.wasm", bare("echo"), operation, arguments);
        let error = called.await.err().expect("it does not fit");
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.to_string().contains(expected), "{error}");
        assert!(stage.home.runs().unwrap().is_empty(), "it left a run: {error}");
    }
}
