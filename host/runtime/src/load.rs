//! Bytes that want to be a skill: what they are, whether they may come in, and what they say of themselves. Nothing is
//! compiled here; a hostile file costs one bounded pass over its bytes.

use crate::imports::Imported;
use crate::shapes::{DescribeError, Described, describe};
use kapell_model::digest::Digest;
use kapell_model::shape::Operation;
use wasmparser::{
    ComponentAlias, ComponentImport, ComponentTypeRef, Encoding, Instance, Parser, Payload, SectionLimited,
};
use wasmtime::Engine;

/// Largest component file. A Python skill has 18 MiB.
pub const FILE_MAX: usize = 64 << 20;
/// Largest function body in bytes. One function compiles on one thread, and one of many branches and locals takes far
/// more than twice as long when it is twice as large. Python's largest has 417 KiB.
pub const FUNCTION_MAX: usize = 512 << 10;
/// Bytes of code in one file, all functions together. Python has about 12 MiB.
pub const CODE_MAX: usize = 32 << 20;
/// Core modules and nested components in one file, each. Python's stubbed output has 38 modules.
pub const PARTS_MAX: usize = 256;
/// Functions in one file. Python has about 14,000.
pub const FUNCTIONS_MAX: usize = 200_000;
/// Imports, exports and aliases in one file, together.
pub const NAMES_MAX: usize = 50_000;

/// What a component's bytes say of themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// The name of these bytes.
    pub digest: Digest,
    /// Their length.
    pub bytes: u64,
    /// Bytes of code in them, from which the time to compile can be told.
    pub code: u64,
    /// The operations, sorted by name.
    pub operations: Vec<Operation>,
    /// Every interface imported, as in the bytes, sorted.
    pub imports: Vec<String>,
    /// The same function by function.
    pub functions: Imported,
}

/// Bytes that may not come in, and what they are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// There are none.
    #[error("the file is empty")]
    Empty,
    /// More than [`FILE_MAX`].
    #[error("the file has {bytes} bytes, more than the {FILE_MAX} a component may have")]
    TooLarge {
        /// How many there are.
        bytes: usize,
    },
    /// A core module, which has no types a flow could check.
    #[error("it is a core WebAssembly module, not a component")]
    CoreModule,
    /// Native code in a wrapper: it could do anything to the host.
    #[error("it is precompiled native code, not a component")]
    Precompiled,
    /// WebAssembly written as text.
    #[error("it is WebAssembly text, not a component in binary form")]
    Text,
    /// Anything else.
    #[error("it is not WebAssembly")]
    NotWebAssembly,
    /// It begins as a component and does not hold together: cut short, damaged, or using a proposal that is off.
    #[error("the component is not valid: {cause}")]
    Invalid {
        /// What the parser or the engine says.
        cause: String,
    },
    /// More of something than any honest component has.
    #[error("the component has {what}, more than the {most} that are let in")]
    TooComplex {
        /// How much of what.
        what: String,
        /// The cap.
        most: usize,
    },
    /// It wants other code put into it from elsewhere, by URL, digest or package: the bytes that were looked at would
    /// not be the ones that run.
    #[error("it imports other code: `{name}`")]
    Dependency {
        /// The import.
        name: String,
    },
    /// Its types could not be read.
    #[error(transparent)]
    Types(#[from] DescribeError),
}

impl LoadError {
    /// What to do about it, one line.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self {
            LoadError::CoreModule => {
                "build with `--target wasm32-wasip2`, or run `kapell build`, which makes it a component"
            }
            LoadError::Precompiled => {
                "give the `.wasm` component it was compiled from; the host compiles it itself"
            }
            LoadError::Text => "turn it into binary form with `wasm-tools parse`",
            LoadError::Empty | LoadError::NotWebAssembly => {
                "give a WebAssembly component, such as `kapell build` makes"
            }
            LoadError::TooLarge { .. } => "leave debug information out: build with `strip = true`",
            LoadError::Invalid { .. } => "fetch or build the file again; it may have been cut short",
            LoadError::Dependency { .. } => "build it as one file with everything it needs in it",
            LoadError::TooComplex { .. } | LoadError::Types(_) => {
                "build it with a toolchain's usual settings, or split it into several skills"
            }
        }
    }
}

/// Reads what the bytes are, without compiling anything.
///
/// # Errors
/// When they are no component or exceed a cap.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, LoadError> {
    let code = admit(bytes)?;
    let Described { operations, imports, functions } = describe(bytes)?;
    let (digest, bytes) = (Digest::of(bytes), bytes.len() as u64);
    Ok(Inspection { digest, bytes, code, operations, imports, functions })
}

/// Lets bytes in that are a component within the caps; answers how many bytes of code they hold.
fn admit(bytes: &[u8]) -> Result<u64, LoadError> {
    match bytes {
        [] => return Err(LoadError::Empty),
        _ if bytes.len() > FILE_MAX => return Err(LoadError::TooLarge { bytes: bytes.len() }),
        _ if Engine::detect_precompiled(bytes).is_some() => return Err(LoadError::Precompiled),
        _ if Parser::is_core_wasm(bytes) => return Err(LoadError::CoreModule),
        _ if Parser::is_component(bytes) => {}
        _ if bytes.starts_with(b"\0asm") => {
            return Err(LoadError::Invalid { cause: "its header is cut short or of an unknown kind".into() });
        }
        _ if is_text(bytes) => return Err(LoadError::Text),
        _ => return Err(LoadError::NotWebAssembly),
    }
    let mut counts = Counts::default();
    for payload in Parser::new(0).parse_all(bytes) {
        counts.add(&payload.map_err(invalid)?)?;
    }
    Ok(counts.code as u64)
}

fn is_text(bytes: &[u8]) -> bool {
    let start = bytes.trim_ascii_start();
    start.starts_with(b"(component") || start.starts_with(b"(module") || start.starts_with(b";;")
}

fn invalid(error: wasmparser::BinaryReaderError) -> LoadError {
    LoadError::Invalid { cause: format!("{} (at byte {})", error.message(), error.offset()) }
}

/// How much of everything the file holds, nested components included.
#[derive(Default)]
struct Counts {
    modules: usize,
    components: usize,
    core_instances: usize,
    functions: usize,
    code: usize,
    names: usize,
    /// How deep the payload lies; 1 for what is the component's own.
    depth: usize,
}

impl Counts {
    fn add(&mut self, payload: &Payload<'_>) -> Result<(), LoadError> {
        match payload {
            Payload::Version { .. } => self.depth += 1,
            Payload::End(_) => self.depth = self.depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if self.depth == 1 => whole(section)?,
            _ => {}
        }
        match payload {
            Payload::Version { encoding: Encoding::Module, .. } => self.modules += 1,
            Payload::Version { encoding: Encoding::Component, .. } => self.components += 1,
            Payload::CodeSectionEntry(body) => self.function(body.range().len())?,
            Payload::InstanceSection(section) => {
                for instance in section.clone() {
                    let makes = matches!(instance.map_err(invalid)?, Instance::Instantiate { .. });
                    self.core_instances += usize::from(makes);
                }
            }
            Payload::ImportSection(section) => self.names += section.count() as usize,
            Payload::ExportSection(section) => self.names += section.count() as usize,
            Payload::ComponentImportSection(section) => self.names += section.count() as usize,
            Payload::ComponentExportSection(section) => self.names += section.count() as usize,
            Payload::ComponentAliasSection(section) => self.aliases(section)?,
            _ => {}
        }
        self.check()
    }

    fn function(&mut self, bytes: usize) -> Result<(), LoadError> {
        within(bytes, FUNCTION_MAX, "bytes in one function")?;
        self.functions += 1;
        self.code += bytes;
        Ok(())
    }

    fn aliases(&mut self, section: &SectionLimited<'_, ComponentAlias<'_>>) -> Result<(), LoadError> {
        self.names += section.count() as usize;
        Ok(())
    }

    fn check(&self) -> Result<(), LoadError> {
        within(self.modules, PARTS_MAX, "core modules")?;
        within(self.components, PARTS_MAX, "nested components")?;
        within(self.core_instances, crate::engine::CORE_INSTANCES_MAX as usize, "core instances")?;
        within(self.functions, FUNCTIONS_MAX, "functions")?;
        within(self.code, CODE_MAX, "bytes of code")?;
        within(self.names, NAMES_MAX, "imports, exports and aliases")
    }
}

/// A component that imports code is not the whole of what would run.
fn whole(imports: &SectionLimited<'_, ComponentImport<'_>>) -> Result<(), LoadError> {
    for import in imports.clone() {
        let import = import.map_err(invalid)?;
        if matches!(import.ty, ComponentTypeRef::Component(_) | ComponentTypeRef::Module(_)) {
            return Err(LoadError::Dependency { name: import.name.name.to_owned() });
        }
    }
    Ok(())
}

fn within(count: usize, most: usize, what: &str) -> Result<(), LoadError> {
    if count <= most { Ok(()) } else { Err(LoadError::TooComplex { what: format!("{count} {what}"), most }) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed assumption must fail the test")]
mod tests {
    use super::*;

    fn refused(bytes: &[u8]) -> String {
        let error = inspect(bytes).unwrap_err();
        format!("{error}; {}", error.advice())
    }

    #[test]
    fn what_is_no_component_is_refused_with_what_it_is() {
        let component = wat::parse_str("(component (core module) (core module (func)))").unwrap();
        let engine = crate::engine::engine().unwrap();
        let precompiled = engine.precompile_component(&component).unwrap();
        let all = [
            refused(b""),
            refused(&wat::parse_str("(module)").unwrap()),
            refused(&precompiled),
            refused(b" (component)"),
            refused(b"\x7fELF and so on"),
            refused(b"\0asm"),
            refused(&component[..component.len() - 3]),
        ];
        insta::assert_snapshot!(all.join("\n"), @r"
        the file is empty; give a WebAssembly component, such as `kapell build` makes
        it is a core WebAssembly module, not a component; build with `--target wasm32-wasip2`, or run `kapell build`, which makes it a component
        it is precompiled native code, not a component; give the `.wasm` component it was compiled from; the host compiles it itself
        it is WebAssembly text, not a component in binary form; turn it into binary form with `wasm-tools parse`
        it is not WebAssembly; give a WebAssembly component, such as `kapell build` makes
        the component is not valid: its header is cut short or of an unknown kind; fetch or build the file again; it may have been cut short
        the component is not valid: unexpected end-of-file (at byte 41); fetch or build the file again; it may have been cut short
        ");
    }

    #[test]
    fn a_file_larger_than_the_cap_is_refused_and_one_of_its_size_is_looked_at() {
        let mut bytes = vec![0; FILE_MAX];
        assert_eq!(inspect(&bytes), Err(LoadError::NotWebAssembly));
        bytes.push(0);
        assert_eq!(inspect(&bytes), Err(LoadError::TooLarge { bytes: FILE_MAX + 1 }));
    }

    fn function_of(bytes: usize) -> Vec<u8> {
        // A body: its count of locals, the instructions and `end`.
        wat::parse_str(format!("(component (core module (func {})))", "nop ".repeat(bytes - 2))).unwrap()
    }

    #[test]
    fn a_function_larger_than_the_cap_is_refused() {
        assert!(inspect(&function_of(FUNCTION_MAX)).is_ok());
        let error = inspect(&function_of(FUNCTION_MAX + 1)).unwrap_err();
        assert_eq!(
            error,
            LoadError::TooComplex {
                what: format!("{} bytes in one function", FUNCTION_MAX + 1),
                most: FUNCTION_MAX
            }
        );
    }

    #[test]
    fn more_code_than_the_cap_is_refused() {
        let code = |code: usize| Counts { code, ..Counts::default() }.check();
        assert_eq!(code(CODE_MAX), Ok(()));
        assert!(matches!(code(CODE_MAX + 1), Err(LoadError::TooComplex { most: CODE_MAX, .. })));
    }

    #[test]
    fn code_from_elsewhere_is_refused_and_a_component_within_is_not() {
        for name in ["url=<https://evil.example/x.wasm>", "unlocked-dep=<acme:other>", "plain"] {
            for item in ["(component)", "(core module)"] {
                let found = caps(&format!("(import \"{name}\" {item})"));
                assert_eq!(found, Err(LoadError::Dependency { name: name.into() }), "{item}");
            }
        }
        assert!(caps("(component (import \"plain\" (component)))").is_ok());
        assert!(caps("(import \"wasi:io/poll@0.2.9\" (instance))").is_ok());
    }

    fn caps(text: &str) -> Result<Inspection, LoadError> {
        inspect(&wat::parse_str(format!("(component {text})")).unwrap())
    }

    #[test]
    fn more_parts_than_any_honest_component_are_refused() {
        let instances =
            |count: usize| format!("(core module $m) {}", "(core instance (instantiate $m))".repeat(count));
        assert!(caps(&instances(64)).is_ok());
        assert!(matches!(caps(&instances(65)), Err(LoadError::TooComplex { most: 64, .. })));
        assert!(caps(&"(core module)".repeat(PARTS_MAX)).is_ok());
        assert!(matches!(
            caps(&"(core module)".repeat(PARTS_MAX + 1)),
            Err(LoadError::TooComplex { most: PARTS_MAX, .. })
        ));
        // The outermost component counts as one.
        assert!(caps(&"(component)".repeat(PARTS_MAX - 1)).is_ok());
        assert!(matches!(
            caps(&"(component)".repeat(PARTS_MAX)),
            Err(LoadError::TooComplex { most: PARTS_MAX, .. })
        ));
        let functions = |count: usize| format!("(core module {})", "(func)".repeat(count));
        assert!(matches!(
            caps(&functions(FUNCTIONS_MAX + 1)),
            Err(LoadError::TooComplex { most: FUNCTIONS_MAX, .. })
        ));
        let exports = |count: usize| {
            let exports: String = (0..count).map(|index| format!("(export \"{index}\" (func 0))")).collect();
            format!("(core module (func) {exports})")
        };
        assert!(caps(&exports(NAMES_MAX)).is_ok());
        assert!(matches!(caps(&exports(NAMES_MAX + 1)), Err(LoadError::TooComplex { most: NAMES_MAX, .. })));
    }
}
