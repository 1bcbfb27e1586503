//! Components written by hand, each doing one thing that no toolchain lets a guest do.

use wasm_encoder::{Component, ComponentSection as _, NestedComponentSection};

const FOREVER: &str = "(loop $again (br $again))";

/// The component in binary form.
pub(super) fn binary(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{}", &text[..text.len().min(900)]))
}

/// Everywhere the host calls the guest beside the function itself.
pub(super) fn looping(place: &str) -> String {
    let (mut realloc, mut post) = ("(i32.const 64)", "");
    match place {
        "realloc" => realloc = "(loop $again (br $again)) (unreachable)",
        "post-return" => post = FOREVER,
        "destructor" => return destructor(),
        _ => panic!("no such place: {place}"),
    }
    format!(
        r#"(component
          (core module $m (memory (export "memory") 1)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) {realloc})
            (func (export "post") (param i32) {post})
            (func (export "run") (param i32 i32) (result i32) (i32.const 7)))
          (core instance $i (instantiate $m))
          (func (export "run") (param "input" string) (result u32)
            (canon lift (core func $i "run") (memory (core memory $i "memory"))
              (realloc (core func $i "realloc")) (post-return (core func $i "post")))))"#
    )
}

fn destructor() -> String {
    format!(
        r#"(component
          (core module $d (func (export "gone") (param i32) {FOREVER}))
          (core instance $d (instantiate $d))
          (type $thing (resource (rep i32) (dtor (core func $d "gone"))))
          (core func $new (canon resource.new $thing))
          (core func $drop (canon resource.drop $thing))
          (core module $m
            (import "own" "new" (func $new (param i32) (result i32)))
            (import "own" "drop" (func $drop (param i32)))
            (func (export "run") (param i32 i32) (result i32) (call $drop (call $new (i32.const 1))) (i32.const 7))
            (memory (export "memory") 1)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64)))
          (core instance $own (export "new" (func $new)) (export "drop" (func $drop)))
          (core instance $i (instantiate $m (with "own" (instance $own))))
          (func (export "run") (param "input" string) (result u32)
            (canon lift (core func $i "run") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))"#
    )
}

/// One that begins with so much, before it does anything.
pub(super) fn holding(what: &str) -> String {
    let one = |inside: &str| format!("(core module {inside}) ");
    let modules = match what {
        // A page is 64 KiB: a hundred and twenty-nine are more than 8 MiB, a hundred less.
        "129-pages" => one("(memory 129)"),
        "100-pages" => one("(memory 100)"),
        "twice-65-pages" => one("(memory 65)").repeat(2),
        "four-gigabytes" => one("(memory 65536)"),
        _ => panic!("no such thing: {what}"),
    };
    let count = modules.matches("(core module").count();
    let instances: String =
        (0..count).map(|index| format!("(core instance (instantiate {index}))")).collect();
    format!(
        "(component {modules} {instances}
           (core module $m (func (export \"run\") (result i32) (i32.const 7)))
           (core instance $i (instantiate $m))
           (func (export \"run\") (result u32) (canon lift (core func $i \"run\"))))"
    )
}

/// No text: half of a pair in UTF-16, and in UTF-8 a byte that begins nothing.
const NO_TEXT: &str = "(i32.store16 (i32.const 16) (i32.const 0xd8ff))";

/// One that answers what its type has no room for.
pub(super) fn answering(kind: &str, number: &str) -> String {
    // The answer lies at 0, and what it points to at 16.
    let pair = |first: &str, second: &str| {
        format!(
            "(i32.store (i32.const 0) (i32.const {first})) (i32.store (i32.const 4) (i32.const {second}))"
        )
    };
    let (ty, encoding, setup) = match kind {
        "list" => ("(list bool)", "utf8", pair("16", number)),
        "text" => ("string", "utf8", pair("16", number)),
        "encoding" => ("string", number, pair("16", "1") + NO_TEXT),
        "tag" => ("(option u32)", "utf8", pair(number, "0")),
        "character" => ("(tuple char char)", "utf8", pair("0", number)),
        // Every level is the one list whose only member is itself.
        "lists" => {
            ("$deepest", "utf8", pair("16", "1") + "(i64.store (i32.const 16) (i64.const 0x1_0000_0010))")
        }
        _ => panic!("no such answer: {kind}"),
    };
    let types = if kind == "lists" { lists(number.parse().unwrap()) } else { String::new() };
    format!(
        r#"(component {types}
          (core module $m (memory (export "memory") 4)
            (func (export "run") (result i32) {setup} (i32.const 0)))
          (core instance $i (instantiate $m))
          (func (export "run") (result {ty})
            (canon lift (core func $i "run") (memory (core memory $i "memory")) string-encoding={encoding})))"#
    )
}

/// A list of lists of lists, so many in all.
fn lists(levels: usize) -> String {
    let list = |level: usize| {
        format!(
            "(type $list{level} (list {}))",
            if level == 1 { "u8".into() } else { format!("$list{}", level - 1) }
        )
    };
    (1..levels).map(list).chain([format!("(type $deepest (list $list{}))", levels - 1)]).collect()
}

/// One that hands the host what no function of the host's takes.
pub(super) fn telling(what: &str, how: &str) -> String {
    match what {
        "text" => log("utf8", "2", how, ""),
        // The top bit says that what follows is UTF-16.
        "encoding" if how == "latin1+utf16" => log(how, "2", "0x8000_0001", NO_TEXT),
        "encoding" => log(how, "2", "1", NO_TEXT),
        "tag" => log("utf8", how, "0", ""),
        "variant" => method(how),
        _ => panic!("no such thing to tell: {what}"),
    }
}

/// A line of that level and so many units of that encoding, of what was stored before.
fn log(encoding: &str, level: &str, length: &str, stored: &str) -> String {
    caller(&Caller {
        imports: LOGGING,
        lowered: &format!(
            r#"(core func $log (canon lower (func $log "log") (memory (core memory $shared "memory"))
              string-encoding={encoding}))"#
        ),
        given: r#"(export "log" (func $log))"#,
        functions: r#"(import "host" "log" (func $log (param i32 i32 i32 i32 i32)))"#,
        body: &format!(
            "{stored} (call $log (i32.const {level}) (i32.const 0) (i32.const 0) (i32.const 16) (i32.const {length}))"
        ),
    })
}

const LOGGING: &str = r#"(import "wasi:logging/logging@0.1.0-draft" (instance $log
    (type $level' (enum "trace" "debug" "info" "warn" "error" "critical"))
    (export "level" (type $level (eq $level')))
    (export "log" (func (param "level" $level) (param "context" string) (param "message" string)))))"#;

const REQUESTS: &str = r#"(import "wasi:http/types@0.2.12" (instance $http
    (export "fields" (type $fields (sub resource)))
    (export "outgoing-request" (type $request (sub resource)))
    (type $method' (variant (case "get") (case "head") (case "post") (case "put") (case "delete") (case "connect")
      (case "options") (case "trace") (case "patch") (case "other" string)))
    (export "method" (type $method (eq $method')))
    (export "[constructor]fields" (func (result (own $fields))))
    (export "[constructor]outgoing-request" (func (param "headers" (own $fields)) (result (own $request))))
    (export "[method]outgoing-request.set-method"
      (func (param "self" (borrow $request)) (param "method" $method) (result (result))))))"#;

/// A request whose method is that case.
fn method(tag: &str) -> String {
    caller(&Caller {
        imports: REQUESTS,
        lowered: r#"
          (core func $fields (canon lower (func $http "[constructor]fields")))
          (core func $request (canon lower (func $http "[constructor]outgoing-request")))
          (core func $set (canon lower (func $http "[method]outgoing-request.set-method")
            (memory (core memory $shared "memory"))))"#,
        given: r#"(export "fields" (func $fields)) (export "request" (func $request)) (export "set" (func $set))"#,
        functions: r#"
          (import "host" "fields" (func $fields (result i32)))
          (import "host" "request" (func $request (param i32) (result i32)))
          (import "host" "set" (func $set (param i32 i32 i32 i32) (result i32)))"#,
        body: &format!(
            "(drop (call $set (call $request (call $fields)) (i32.const {tag}) (i32.const 0) (i32.const 0)))"
        ),
    })
}

/// A component that calls the host.
struct Caller<'a> {
    imports: &'a str,
    /// The imports as core functions.
    lowered: &'a str,
    /// Those functions as its code is given them.
    given: &'a str,
    /// The same as its code imports them.
    functions: &'a str,
    body: &'a str,
}

/// It has nineteen megabytes of memory, so that what it hands over can be much and still its own.
fn caller(Caller { imports, lowered, given, functions, body }: &Caller<'_>) -> String {
    format!(
        r#"(component {imports}
          (core module $memory (memory (export "memory") 300))
          (core instance $shared (instantiate $memory))
          {lowered}
          (alias core export $shared "memory" (core memory $kept))
          (core module $m {functions} (import "host" "memory" (memory 1))
            (func (export "run") (result i32) {body} (i32.const 7)))
          (core instance $host {given} (export "memory" (memory $kept)))
          (core instance $i (instantiate $m (with "host" (instance $host))))
          (func (export "run") (result u32) (canon lift (core func $i "run"))))"#
    )
}

/// One whose calls come back to it from outside, each from within the one before.
pub(super) fn returning(through: &str) -> String {
    match through {
        "realloc" => through_realloc(),
        "destructor" => through_destructor(),
        "component" => through_component(),
        _ => panic!("no such way back: {through}"),
    }
}

/// The host's answer needs room, and the guest asks for the next answer before it gives any.
fn through_realloc() -> String {
    r#"(component
      (import "wasi:random/random@0.2.12" (instance $random
        (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))
      (core module $outer (memory (export "memory") 1) (table (export "table") 1 funcref)
        (type $asks (func (param i64 i32)))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
          (call_indirect (type $asks) (i64.const 8) (i32.const 32) (i32.const 0)) (i32.const 64)))
      (core instance $outer (instantiate $outer))
      (core func $bytes (canon lower (func $random "get-random-bytes") (memory (core memory $outer "memory"))
        (realloc (core func $outer "realloc"))))
      (core module $inner (import "host" "bytes" (func $bytes (param i64 i32)))
        (import "outer" "table" (table 1 funcref)) (elem (i32.const 0) func $bytes)
        (func (export "run") (result i32) (call $bytes (i64.const 8) (i32.const 16)) (i32.const 7)))
      (core instance $host (export "bytes" (func $bytes)))
      (core instance $inner (instantiate $inner (with "host" (instance $host)) (with "outer" (instance $outer))))
      (func (export "run") (result u32) (canon lift (core func $inner "run"))))"#
        .into()
}

/// A thing that is dropped makes and drops another one.
fn through_destructor() -> String {
    r#"(component
      (core module $outer (table (export "table") 1 funcref) (type $goes (func))
        (func (export "gone") (param i32) (call_indirect (type $goes) (i32.const 0))))
      (core instance $outer (instantiate $outer))
      (type $thing (resource (rep i32) (dtor (core func $outer "gone"))))
      (core func $new (canon resource.new $thing))
      (core func $drop (canon resource.drop $thing))
      (core module $inner
        (import "own" "new" (func $new (param i32) (result i32)))
        (import "own" "drop" (func $drop (param i32)))
        (import "outer" "table" (table 1 funcref)) (elem (i32.const 0) func $again)
        (func $again (call $drop (call $new (i32.const 1))))
        (func (export "run") (result i32) (call $again) (i32.const 7)))
      (core instance $own (export "new" (func $new)) (export "drop" (func $drop)))
      (core instance $inner (instantiate $inner (with "own" (instance $own)) (with "outer" (instance $outer))))
      (func (export "run") (result u32) (canon lift (core func $inner "run"))))"#
        .into()
}

/// A component within calls the one around it, which calls it again.
fn through_component() -> String {
    r#"(component
      (core module $outer (table (export "table") 1 funcref) (type $goes (func))
        (func (export "back") (call_indirect (type $goes) (i32.const 0))))
      (core instance $outer (instantiate $outer))
      (func $back (canon lift (core func $outer "back")))
      (component $within
        (import "back" (func $back))
        (core func $back (canon lower (func $back)))
        (core module $m (import "host" "back" (func $back)) (func (export "forth") (call $back)))
        (core instance $host (export "back" (func $back)))
        (core instance $m (instantiate $m (with "host" (instance $host))))
        (func (export "forth") (canon lift (core func $m "forth"))))
      (instance $within (instantiate $within (with "back" (func $back))))
      (core func $forth (canon lower (func $within "forth")))
      (core module $inner (import "within" "forth" (func $forth))
        (import "outer" "table" (table 1 funcref)) (elem (i32.const 0) func $forth)
        (func (export "run") (result i32) (call $forth) (i32.const 7)))
      (core instance $given (export "forth" (func $forth)))
      (core instance $inner (instantiate $inner (with "within" (instance $given)) (with "outer" (instance $outer))))
      (func (export "run") (result u32) (canon lift (core func $inner "run"))))"#
        .into()
}

/// A component of so many of something, made to keep a compiler busy.
pub(super) fn bomb(what: &str, number: usize) -> Vec<u8> {
    let inside = match what {
        "bytes-in-a-function" => format!("(core module (func {}))", "nop ".repeat(number - 2)),
        "components" => "(component)".repeat(number - 1),
        "modules" => "(core module)".repeat(number),
        "functions" => format!("(core module {})", "(func)".repeat(number)),
        "exports" => {
            let exports: String = (0..number).map(|index| format!("(export \"{index}\" (func 0))")).collect();
            format!("(core module (func) {exports})")
        }
        "instances" => format!("(core module $m) {}", "(core instance (instantiate $m))".repeat(number)),
        "megabytes" => format!("(core module (@custom \"x\" \"{}\"))", "x".repeat(number << 20)),
        "levels" => return levels(number),
        _ => panic!("no such bomb: {what}"),
    };
    binary(&answering_seven(&inside))
}

fn answering_seven(inside: &str) -> String {
    format!(
        "(component {inside}
           (core module $run (memory 1) (func (export \"run\") (result i32) (i32.const 7)))
           (core instance $i (instantiate $run))
           (func (export \"run\") (result u32) (canon lift (core func $i \"run\"))))"
    )
}

/// A component in a component, so many deep. Text can't say it: its readers stop earlier.
fn levels(number: usize) -> Vec<u8> {
    let mut deepest = Component::new();
    for _ in 2..number {
        let mut around = Component::new();
        around.section(&NestedComponentSection(&deepest));
        deepest = around;
    }
    let mut bytes = binary(&answering_seven(""));
    NestedComponentSection(&deepest).append_to_component(&mut bytes);
    bytes
}
