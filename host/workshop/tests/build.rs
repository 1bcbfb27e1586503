//! Folders in, components or reasons out; the compiler is the real one.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests end on the first surprise"
)]

use kapell_model::manifest::{DOCS_SECTION, Manifest, Packed, SECTION};
use kapell_workshop::{BuildError, Built, Options, build, build_examples, build_many};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use wasmparser::{Parser, Payload};
use wit_component::DecodedWasm;
use wit_parser::{PackageMetadata, Resolve};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A section at the component's own level; the same name twice ends the test.
fn section<'b>(bytes: &'b [u8], name: &str) -> Option<&'b [u8]> {
    let mut depth = 0;
    let mut found = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.unwrap() {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::CustomSection(section) if section.name() == name && depth == 0 => {
                found.push(section.data())
            }
            _ => {}
        }
    }
    assert!(found.len() < 2, "{name} is there twice");
    found.pop()
}

/// The component's types with the author's docs put back.
fn documented(built: &Built) -> (Resolve, Vec<String>) {
    let Ok(DecodedWasm::Component(mut resolve, world)) = wit_component::decode(&built.bytes) else {
        panic!("component")
    };
    let docs: BTreeMap<String, PackageMetadata> =
        serde_json::from_slice(section(&built.bytes, DOCS_SECTION).unwrap()).unwrap();
    for (name, metadata) in docs {
        let (package, _) =
            resolve.packages.iter().find(|(_, package)| package.name.to_string() == name).unwrap();
        metadata.inject(&mut resolve, package).unwrap();
    }
    let imports = resolve.worlds[world].imports.keys().map(|key| resolve.name_world_key(key)).collect();
    (resolve, imports)
}

fn function_docs(resolve: &Resolve, name: &str) -> String {
    let functions = resolve.interfaces.iter().flat_map(|(_, interface)| interface.functions.values());
    functions
        .filter(|function| function.name == name)
        .find_map(|function| function.docs.contents.clone())
        .unwrap()
}

fn sealed(built: &Built) -> Manifest {
    let packed = Packed::decode(section(&built.bytes, SECTION).unwrap()).unwrap();
    assert_eq!(packed.version, built.version);
    packed.manifest().unwrap()
}

#[test]
fn skills_become_single_files_with_manifest_and_docs_inside() {
    let folders = ["contract-reader", "crm-account"].map(|name| repository().join("plugins").join(name));
    let mut said = String::new();
    let built =
        build_many(&folders, &mut |line| said.push_str(line)).unwrap_or_else(|error| panic!("{error}"));
    let [reader, account] = &built[..] else { panic!("two") };
    assert!(!said.is_empty(), "the log gets what cargo says");

    assert_eq!(reader.file_name(), "contract-reader-1.0.0.wasm");
    assert_eq!(sealed(reader), reader.manifest);
    let (resolve, imports) = documented(reader);
    assert_eq!(imports, Vec::<String>::new(), "a pure skill imports nothing");
    assert!(function_docs(&resolve, "read").len() > 20);
    assert!(reader.manifest.examples[0].input["markdown"].as_str().unwrap().len() > 100, "the file's text");

    assert_eq!(sealed(account), account.manifest);
    let (resolve, imports) = documented(account);
    assert!(imports.contains(&"wasi:keyvalue/store@0.2.0-draft".to_owned()), "{imports:?}");
    assert!(function_docs(&resolve, "create").starts_with("Makes the customer's account"));

    // The same source gives the same bytes.
    let again = build(&folders[0], &Options::default(), &mut |_| ()).unwrap();
    assert_eq!(again.bytes, reader.bytes);
}

#[test]
fn examples_of_a_package_become_components() {
    let guests = build_examples(&repository().join("tests/guests"), &["echo"], &mut |_| ());
    let guests = guests.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(guests.iter().map(|guest| guest.name.as_str()).collect::<Vec<_>>(), ["echo"]);
    assert!(matches!(wit_component::decode(&guests[0].bytes), Ok(DecodedWasm::Component(..))));
    let missing = build_examples(&repository().join("tests/guests"), &["no-such-guest"], &mut |_| ());
    assert!(matches!(missing, Err(BuildError::Cargo { output, .. }) if output.contains("no-such-guest")));
}

const SKILL: &str = "[skill]\nname = \"acme:tiny\"\nsummary = \"Does nothing\"\n";
const CARGO: &str = "[package]\nname = \"tiny\"\nversion = \"0.3.0\"\nedition = \"2024\"\n\n[lib]\ncrate-type = [\"cdylib\"]\n";

/// A skill of its own, in no workspace; `None` leaves the file out.
fn tiny(skill: Option<&str>, cargo: Option<&str>, source: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: Option<&str>| {
        text.map(|text| std::fs::write(folder.path().join(name), text).unwrap())
    };
    write("skill.toml", skill);
    write("Cargo.toml", cargo);
    std::fs::create_dir(folder.path().join("src")).unwrap();
    write("src/lib.rs", Some(source));
    folder
}

fn refused(skill: Option<&str>, cargo: Option<&str>, source: &str) -> (String, Option<String>) {
    let folder = tiny(skill, cargo, source);
    let error = build(folder.path(), &Options::default(), &mut |_| ()).unwrap_err();
    (error.to_string().replace(&folder.path().display().to_string(), "TINY"), error.advice())
}

#[test]
fn a_skill_outside_any_workspace_is_built_too() {
    let folder = tiny(Some(SKILL), Some(CARGO), "");
    let built =
        build(folder.path(), &Options::default(), &mut |_| ()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((built.file_name().as_str(), sealed(&built)), ("tiny-0.3.0.wasm", built.manifest));
}

#[test]
fn a_compile_error_is_told_in_the_compilers_own_words() {
    let (error, _) = refused(Some(SKILL), Some(CARGO), "pub fn broken() -> u32 { \"text\" }");
    assert!(error.starts_with("build tiny: cargo failed\n"), "{error}");
    assert!(error.contains("error[E0308]: mismatched types") && error.contains("src/lib.rs:1:26"), "{error}");
}

#[test]
fn folders_that_are_no_skill_are_refused_before_anything_is_compiled() {
    let (error, advice) = refused(None, Some(CARGO), "");
    assert_eq!(error, "build TINY: it has no `skill.toml`");
    assert!(advice.unwrap().contains("[skill]"));
    assert_eq!(refused(Some(SKILL), None, "").0, "build TINY: it has no `Cargo.toml`");
    let (error, advice) = refused(Some(SKILL), Some(&CARGO.replace("cdylib", "rlib")), "");
    assert_eq!((error.as_str(), advice.is_some()), ("build tiny: its library is no cdylib", true));
    let wrong = SKILL.replace("summary", "sumary");
    let told =
        "TINY/skill.toml:1:1: [skill] has no `summary`\nTINY/skill.toml:3:1: [skill] has no key `sumary`";
    assert_eq!(refused(Some(&wrong), Some(CARGO), "").0, told);
    let missing = format!("{SKILL}[[example]]\noperation = \"x\"\noutput = \"@gone.txt\"\n");
    assert!(
        refused(Some(&missing), Some(CARGO), "")
            .0
            .starts_with("TINY/skill.toml:4: the example's file `gone.txt`")
    );
    let (error, _) = refused(Some(SKILL), Some("[package]\nname = 5\n"), "");
    assert!(error.contains("cargo failed") && error.contains("name = 5"), "{error}");
}

#[test]
fn a_pure_skill_that_imports_something_is_refused() {
    let source = "#[link(wasm_import_module = \"env\")]\nunsafe extern \"C\" { fn reach() -> i32; }\n#[unsafe(no_mangle)]\npub extern \"C\" fn run() -> i32 { unsafe { reach() } }\n";
    let pure = format!("{SKILL}[build]\npure = true\n");
    let (error, _) = refused(Some(&pure), Some(CARGO), source);
    assert!(error.starts_with("pack tiny: ") && error.contains("env"), "{error}");
}
