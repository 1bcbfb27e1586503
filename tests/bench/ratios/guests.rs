//! Guests small enough to be read: what they are is in their `.wat`, so that nothing has to be built first.

use anyhow::Result;
use std::path::Path;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// A text in, the same text out.
pub(crate) fn echo() -> Result<Vec<u8>> {
    Ok(wat::parse_str(include_str!("guests/echo.wat"))?)
}

/// A skill like [`echo`] with other bytes.
pub(crate) fn distinct_echo(number: u32) -> Result<Vec<u8>> {
    let text = include_str!("guests/echo.wat").replace("MARK", &format!("skill {number}"));
    Ok(wat::parse_str(text)?)
}

/// Never comes back.
pub(crate) fn spin() -> Result<Vec<u8>> {
    Ok(wat::parse_str(include_str!("guests/spin.wat"))?)
}

/// Never comes back, and calls the host all the while.
pub(crate) fn storm() -> Result<Vec<u8>> {
    let imports = "import wasi:clocks/monotonic-clock@0.2.12;";
    importing(imports, include_str!("guests/storm.wat"))
}

/// Reads a file to its end and says how long it was.
pub(crate) fn reader() -> Result<Vec<u8>> {
    let imports = "import wasi:filesystem/preopens@0.2.12; import wasi:filesystem/types@0.2.12;";
    importing(imports, include_str!("guests/read.wat"))
}

/// A component of a core module whose names are those of the component model's own ABI.
fn importing(imports: &str, module: &str) -> Result<Vec<u8>> {
    let world =
        format!("package bench:guest; world guest {{ {imports} export run: func(rounds: u32) -> u32; }}");
    let mut resolve = Resolve::default();
    resolve.push_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit"))?;
    let package = resolve.push_str("guest.wit", &world)?;
    let world = resolve.select_world(&[package], None)?;
    let mut module = wat::parse_str(module)?;
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    ComponentEncoder::default().module(&module)?.validate(true).encode()
}

/// A component of some 18 MB: half of it code in functions of their own, half data, as interpreters bring them.
pub(crate) fn large() -> Result<Vec<u8>> {
    let data = "data of an interpreter's standard library; ".repeat((9 << 20) / 43);
    let body = "local.get 0 i32.const 77777777 i32.mul local.tee 0 i32.const 5 i32.rotl ".repeat(36);
    let functions: String = (0..20_000)
        .map(|nth| format!("(func (param i32) (result i32) {body} i32.const {nth} i32.add)\n"))
        .collect();
    let module = format!("(core module $m (memory 160) (data (i32.const 0) \"{data}\") {functions}");
    Ok(wat::parse_str(format!(
        "(component {module} (func (export \"run\") (param i32) (result i32) local.get 0))
           (core instance $i (instantiate $m))
           (func (export \"run\") (param \"rounds\" u32) (result u32) (canon lift (core func $i \"run\"))))"
    ))?)
}

/// A guest that only computes.
pub(crate) struct Computing {
    /// What it does.
    pub(crate) name: &'static str,
    /// Its text.
    pub(crate) text: &'static str,
    /// What makes it work for some ten milliseconds.
    pub(crate) rounds: u32,
}

/// One guest for each kind of loop, since a meter's price depends on it.
pub(crate) const COMPUTING: [Computing; 4] = [
    Computing { name: "fib (calls)", text: include_str!("guests/fib.wat"), rounds: 30 },
    Computing { name: "sort (tight loops)", text: include_str!("guests/sort.wat"), rounds: 40 },
    Computing { name: "scan (branches)", text: include_str!("guests/scan.wat"), rounds: 60_000 },
    Computing { name: "mix (straight arithmetic)", text: include_str!("guests/mix.wat"), rounds: 700_000 },
];

/// About a kibibyte of JSON, as skills exchange it; the number makes it differ from every other.
pub(crate) fn text(number: u64) -> String {
    let line =
        |at: u64| format!("{{\"id\":\"{number}-{at}\",\"name\":\"Acme Ltd\",\"total\":{}}}", number + at);
    let lines: Vec<String> = (0..).map(line).take(22).collect();
    format!("[{}]", lines.join(","))
}
