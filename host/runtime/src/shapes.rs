//! What a component's own bytes say about it: its operations with their types, names and docs, and what it imports.
//!
//! The engine's types have lost the names, so the same bytes are decoded once more as WIT when a skill is installed.

use crate::imports::{Imported, imported};
use crate::section::custom_section;
use kapell_model::manifest::{DOCS_SECTION, SECTION_MAX};
use kapell_model::shape::{Case, Field, Label, Operation, Shape};
use std::collections::{BTreeMap, HashMap};
use wit_component::DecodedWasm;
use wit_parser::{
    Docs, Function, FunctionKind, Handle, PackageMetadata, Resolve, Type, TypeDef, TypeDefKind, TypeId,
};
use wit_parser::{WorldId, WorldItem};

/// How deep a type may nest when it is written out as JSON. Readers follow 128 levels, and a catalog or a plan stands
/// around it: what is installed can always be read back. Written out it takes some 14 KB of stack a level where nothing is
/// optimised, of the 2 MiB a worker has. No value nests deeper than its type.
pub const DEPTH_MAX: usize = 48;

/// How many types, fields and cases all operations may have together when every type is written out. A few
/// hundred bytes can describe a type that doubles with each level.
pub const PARTS_MAX: usize = 20_000;

/// What a component offers and wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// Its operations, sorted by name.
    pub operations: Vec<Operation>,
    /// Every interface it imports and every function its world imports, as in the bytes, sorted.
    pub imports: Vec<String>,
    /// The functions of each.
    pub functions: Imported,
}

/// A component's bytes that could not be described.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DescribeError {
    /// The bytes are not a component, or one whose types don't hold together.
    #[error("read the component's types: {0}")]
    Undecodable(String),
    /// The bytes hold WIT text in binary form, with nothing to run.
    #[error(
        "read the component's types: these bytes are a WIT package, which describes components and has no code"
    )]
    WitPackage,
    /// A type of this operation nests deeper than [`DEPTH_MAX`].
    #[error("read the type of {operation}: written out, it nests more than {DEPTH_MAX} levels deep")]
    Deep {
        /// The function.
        operation: String,
    },
    /// The types are larger than [`PARTS_MAX`] in all.
    #[error("read the type of {operation}: with it the component's types have more than {PARTS_MAX} parts")]
    Large {
        /// The function at which it was too much.
        operation: String,
    },
}

/// Reads operations and imports from a component's bytes.
///
/// # Errors
/// When the bytes are no component or describe types beyond the bounds.
pub fn describe(bytes: &[u8]) -> Result<Described, DescribeError> {
    let (resolve, world) = decode(bytes)?;
    let Some(world) = resolve.worlds.get(world) else {
        return Err(DescribeError::Undecodable("there is no world in them".into()));
    };
    let operations = named(without_leftovers(exported(&resolve, &world.exports)?));
    let functions = imported(&resolve, world);
    let imports = functions.keys().cloned().collect();
    Ok(Described { operations, imports, functions })
}

/// The decoder asserts what it expects of well-formed bytes; on others that must not end the process.
fn decode(bytes: &[u8]) -> Result<(Resolve, WorldId), DescribeError> {
    if !wasmparser::Parser::is_component(bytes) {
        return Err(DescribeError::Undecodable("they are not a component".into()));
    }
    let decoded = std::panic::catch_unwind(|| wit_component::decode(bytes));
    match decoded {
        Ok(Ok(DecodedWasm::Component(mut resolve, world))) => {
            document(bytes, &mut resolve);
            Ok((resolve, world))
        }
        Ok(Ok(DecodedWasm::WitPackage(..))) => Err(DescribeError::WitPackage),
        Ok(Err(error)) => Err(DescribeError::Undecodable(format!("{error:#}"))),
        Err(_) => Err(DescribeError::Undecodable("they break the type decoder's own rules".into())),
    }
}

/// Puts the author's docs back, which no toolchain carries into the component's own types. Docs that don't fit the
/// types are dropped: what a skill says of itself never decides whether it loads.
fn document(bytes: &[u8], resolve: &mut Resolve) {
    let section =
        custom_section(bytes, DOCS_SECTION).ok().flatten().filter(|section| section.len() <= SECTION_MAX);
    let docs =
        section.and_then(|section| serde_json::from_slice::<BTreeMap<String, PackageMetadata>>(section).ok());
    for (name, metadata) in docs.into_iter().flatten() {
        let package =
            resolve.packages.iter().find(|(_, package)| package.name.to_string() == name).map(|(id, _)| id);
        if let Some(package) = package {
            let _ = metadata.inject(resolve, package);
        }
    }
}

type Items = wit_parser::IndexMap<wit_parser::WorldKey, WorldItem>;

fn exported(resolve: &Resolve, exports: &Items) -> Result<Vec<Operation>, DescribeError> {
    let mut reader = Reader { resolve, parts: PARTS_MAX };
    let mut operations = Vec::new();
    for (key, item) in exports {
        match item {
            WorldItem::Function(function) => operations.extend(reader.operation(None, function)?),
            WorldItem::Interface { id, .. } => {
                let name = resolve.name_world_key(key);
                let functions = resolve.interfaces.get(*id).into_iter().flat_map(|it| it.functions.values());
                for function in functions {
                    operations.extend(reader.operation(Some(&name), function)?);
                }
            }
            WorldItem::Type { .. } => {}
        }
    }
    Ok(operations)
}

/// What a toolchain ran while it built the component and left exported: interface, function, and the name of a
/// parameter that tells it from an author's own function.
const LEFTOVERS: [(Option<&str>, &str, &str); 3] = [
    // componentize-py: tells its interpreter which module to import.
    (Some("exports"), "init", "symbols"),
    // componentize-qjs: hands the script to its interpreter.
    (None, "init", "script"),
    (None, "init", "js-source"),
];

fn without_leftovers(mut operations: Vec<Operation>) -> Vec<Operation> {
    operations.retain(|operation| {
        !LEFTOVERS.iter().any(|(interface, function, param)| {
            operation.interface.as_deref() == *interface
                && operation.function == *function
                && operation.params.iter().any(|it| it.name == *param)
        })
    });
    operations
}

/// A function is called by its own name when no other has it, else by its interface's too, and by the whole of the
/// interface's id when two packages have interfaces of one name.
fn named(mut operations: Vec<Operation>) -> Vec<Operation> {
    for longer in [short_name, whole_name] {
        let mut counts = HashMap::new();
        operations.iter().for_each(|it| *counts.entry(it.name.clone()).or_insert(0) += 1);
        for operation in &mut operations {
            if counts.get(&operation.name).is_some_and(|count| *count > 1) {
                operation.name = longer(operation);
            }
        }
    }
    operations.sort_by(|one, other| one.name.cmp(&other.name));
    operations
}

fn short_name(operation: &Operation) -> String {
    let Some(interface) = &operation.interface else { return operation.function.clone() };
    let unversioned = interface.split('@').next().unwrap_or(interface);
    let last = unversioned.rsplit('/').next().unwrap_or(unversioned);
    format!("{last}.{}", operation.function)
}

fn whole_name(operation: &Operation) -> String {
    match &operation.interface {
        Some(interface) => format!("{interface}.{}", operation.function),
        None => operation.function.clone(),
    }
}

/// Why a type could not be written out; the operation is added where it is known.
enum Beyond {
    Depth,
    Parts,
}

/// Writes types out as shapes, within the bounds.
struct Reader<'a> {
    resolve: &'a Resolve,
    parts: usize,
}

impl Reader<'_> {
    /// Methods and constructors belong to a resource, which JSON can't hold, so they are no operations.
    fn operation(
        &mut self,
        interface: Option<&str>,
        function: &Function,
    ) -> Result<Option<Operation>, DescribeError> {
        let awaited = match function.kind {
            FunctionKind::Freestanding => false,
            FunctionKind::AsyncFreestanding => true,
            _ => return Ok(None),
        };
        let read = self.signature(function).map_err(|beyond| {
            let operation = function.name.clone();
            match beyond {
                Beyond::Depth => DescribeError::Deep { operation },
                Beyond::Parts => DescribeError::Large { operation },
            }
        });
        let (params, result) = read?;
        Ok(Some(Operation {
            name: function.name.clone(),
            interface: interface.map(str::to_owned),
            function: function.name.clone(),
            docs: docs(&function.docs),
            params,
            result: if awaited { Some(uncallable("the result of an async function")) } else { result },
        }))
    }

    fn signature(&mut self, function: &Function) -> Result<(Vec<Field>, Option<Shape>), Beyond> {
        let mut params = Vec::new();
        for param in &function.params {
            params.push(Field { name: param.name.clone(), shape: self.shape(&param.ty, 0)?, docs: None });
        }
        Ok((params, self.optional(function.result.as_ref(), 0)?))
    }

    fn shape(&mut self, ty: &Type, depth: usize) -> Result<Shape, Beyond> {
        self.spend(1)?;
        Ok(match ty {
            Type::Bool => Shape::Bool,
            Type::U8 => Shape::U8,
            Type::U16 => Shape::U16,
            Type::U32 => Shape::U32,
            Type::U64 => Shape::U64,
            Type::S8 => Shape::S8,
            Type::S16 => Shape::S16,
            Type::S32 => Shape::S32,
            Type::S64 => Shape::S64,
            Type::F32 => Shape::F32,
            Type::F64 => Shape::F64,
            Type::Char => Shape::Char,
            Type::String => Shape::String,
            Type::ErrorContext => uncallable("error-context"),
            Type::Id(id) => return self.defined(*id, depth),
        })
    }

    fn defined(&mut self, id: TypeId, depth: usize) -> Result<Shape, Beyond> {
        let resolve = self.resolve;
        let Some(def) = resolve.types.get(id) else { return Ok(uncallable("an unknown type")) };
        let depth = depth + levels(&def.kind);
        if depth > DEPTH_MAX {
            return Err(Beyond::Depth);
        }
        self.parts_of(def, depth)
    }

    fn parts_of(&mut self, def: &TypeDef, depth: usize) -> Result<Shape, Beyond> {
        let name = def.name.clone();
        Ok(match &def.kind {
            TypeDefKind::Type(alias) => self.shape(alias, depth)?,
            TypeDefKind::Record(record) => Shape::Record { name, fields: self.fields(record, depth)? },
            TypeDefKind::Variant(variant) => Shape::Variant { name, cases: self.cases(variant, depth)? },
            TypeDefKind::Enum(it) => {
                let cases = it.cases.iter().map(|case| (&case.name, &case.docs));
                Shape::Enum { name, cases: self.labels(cases)? }
            }
            TypeDefKind::Flags(it) => {
                let flags = it.flags.iter().map(|flag| (&flag.name, &flag.docs));
                Shape::Flags { name, flags: self.labels(flags)? }
            }
            TypeDefKind::Option(of) => Shape::Option { of: self.boxed(of, depth)? },
            TypeDefKind::List(of) => Shape::List { of: self.boxed(of, depth)? },
            TypeDefKind::FixedLengthList(of, length) => {
                Shape::FixedList { of: self.boxed(of, depth)?, length: *length }
            }
            TypeDefKind::Tuple(tuple) => {
                let of = tuple.types.iter().map(|ty| self.shape(ty, depth)).collect::<Result<_, _>>()?;
                Shape::Tuple { of }
            }
            TypeDefKind::Map(key, value) => {
                Shape::Map { key: self.boxed(key, depth)?, value: self.boxed(value, depth)? }
            }
            TypeDefKind::Result(result) => Shape::Result {
                ok: self.optional(result.ok.as_ref(), depth)?.map(Box::new),
                err: self.optional(result.err.as_ref(), depth)?.map(Box::new),
            },
            other => self.without_json(other, name),
        })
    }

    fn without_json(&self, kind: &TypeDefKind, name: Option<String>) -> Shape {
        let of_handle = |id: &TypeId| self.resolve.types.get(*id).and_then(|def| def.name.clone());
        let (word, name) = match kind {
            TypeDefKind::Handle(Handle::Own(id) | Handle::Borrow(id)) => ("resource", of_handle(id)),
            TypeDefKind::Resource => ("resource", name),
            other => (other.as_str(), name),
        };
        uncallable(&name.map_or_else(|| word.to_owned(), |name| format!("{word} {name}")))
    }

    fn boxed(&mut self, ty: &Type, depth: usize) -> Result<Box<Shape>, Beyond> {
        self.shape(ty, depth).map(Box::new)
    }

    fn optional(&mut self, ty: Option<&Type>, depth: usize) -> Result<Option<Shape>, Beyond> {
        ty.map(|ty| self.shape(ty, depth)).transpose()
    }

    fn fields(&mut self, record: &wit_parser::Record, depth: usize) -> Result<Vec<Field>, Beyond> {
        let field = |it: &wit_parser::Field| {
            Ok(Field { name: it.name.clone(), shape: self.shape(&it.ty, depth)?, docs: docs(&it.docs) })
        };
        record.fields.iter().map(field).collect()
    }

    fn cases(&mut self, variant: &wit_parser::Variant, depth: usize) -> Result<Vec<Case>, Beyond> {
        self.spend(variant.cases.len())?;
        let case = |it: &wit_parser::Case| {
            let shape = self.optional(it.ty.as_ref(), depth)?;
            Ok(Case { name: it.name.clone(), shape, docs: docs(&it.docs) })
        };
        variant.cases.iter().map(case).collect()
    }

    fn labels<'b>(
        &mut self,
        labels: impl ExactSizeIterator<Item = (&'b String, &'b Docs)>,
    ) -> Result<Vec<Label>, Beyond> {
        self.spend(labels.len())?;
        Ok(labels.map(|(name, text)| Label { name: name.clone(), docs: docs(text) }).collect())
    }

    fn spend(&mut self, parts: usize) -> Result<(), Beyond> {
        self.parts = self.parts.checked_sub(parts).ok_or(Beyond::Parts)?;
        Ok(())
    }
}

/// How many levels of JSON a type puts around its parts when it is written out, at least as many as a value of it.
/// Members stand in an array each; those with names are objects there. A map with other keys than text is an array of
/// arrays. An alias is written as what it stands for and still counts, since it is followed.
const fn levels(kind: &TypeDefKind) -> usize {
    match kind {
        TypeDefKind::Record(_) | TypeDefKind::Variant(_) | TypeDefKind::Enum(_) | TypeDefKind::Flags(_) => 3,
        TypeDefKind::Tuple(_) | TypeDefKind::Map(..) => 2,
        _ => 1,
    }
}

fn uncallable(what: &str) -> Shape {
    Shape::Uncallable { what: what.to_owned() }
}

fn docs(docs: &Docs) -> Option<String> {
    docs.contents.as_ref().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn described(text: &str) -> Result<Described, DescribeError> {
        describe(&wat::parse_str(text).unwrap())
    }

    fn names(text: &str) -> Vec<String> {
        described(text).unwrap().operations.into_iter().map(|operation| operation.name).collect()
    }

    /// A module's function lifted as each of these exports of an interface.
    fn with(exports: &str) -> String {
        format!(
            r#"(component
              (core module $m (func (export "f")) (func (export "g") (param i32 i32) (result i32) i32.const 0)
                (memory (export "memory") 1) (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 0))
              (core instance $i (instantiate $m))
              (func $f (canon lift (core func $i "f")))
              {exports})"#
        )
    }

    #[test]
    fn a_function_goes_by_its_own_name_when_no_other_has_it() {
        let text = with(
            r#"(instance $one (export "read" (func $f)) (export "write" (func $f)))
               (instance $two (export "read" (func $f)) (export "close" (func $f)))
               (export "kapell:one/files@1.2.0" (instance $one))
               (export "kapell:two/mail" (instance $two))
               (export "open" (func $f))"#,
        );
        assert_eq!(names(&text), ["close", "files.read", "mail.read", "open", "write"]);
    }

    #[test]
    fn interfaces_of_one_name_are_told_apart_by_their_package() {
        let text = with(
            r#"(instance $one (export "read" (func $f)))
               (instance $two (export "read" (func $f)))
               (export "kapell:one/files" (instance $one))
               (export "kapell:two/files" (instance $two))"#,
        );
        assert_eq!(names(&text), ["kapell:one/files.read", "kapell:two/files.read"]);
    }

    #[test]
    fn what_a_toolchain_left_is_no_operation_and_a_namesake_is_one() {
        let init = |param: &str| {
            with(&format!(
                r#"(func (export "init") (param "{param}" string)
                     (canon lift (core func $i "h") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))"#
            ))
            .replace(r#"(func (export "f"))"#, r#"(func (export "f")) (func (export "h") (param i32 i32))"#)
        };
        assert_eq!(names(&init("script")), Vec::<String>::new());
        assert_eq!(names(&init("customer")), ["init"]);
    }

    #[test]
    fn imports_stand_as_in_the_bytes() {
        let text = r#"(component
            (import "wasi:io/poll@0.2.9" (instance (export "f" (func))))
            (import "kapell:skill/notes@0.1.0" (instance (export "f" (func))))
            (import "alone" (func)))"#;
        assert_eq!(
            described(text).unwrap().imports,
            ["alone", "kapell:skill/notes@0.1.0", "wasi:io/poll@0.2.9"]
        );
    }

    #[test]
    fn what_json_cannot_hold_is_named() {
        let text = r#"(component
            (import "t" (type $t (sub resource)))
            (import "a:b/c" (instance $c (export "r" (type (sub resource)))))
            (alias export $c "r" (type $r))
            (core module $m (func (export "f") (param i32)))
            (core instance $i (instantiate $m))
            (func (export "run") (param "it" (own $r)) (canon lift (core func $i "f"))))"#;
        let operations = described(text).unwrap().operations;
        let uncallable = operations.first().and_then(Operation::uncallable);
        assert_eq!(uncallable, Some(("it".to_owned(), "resource r")));
    }

    /// A type that doubles with each level: two parts of the level below.
    fn doubling(levels: usize, parts: &str) -> String {
        let types: String = (1..=levels)
            .map(|n| format!("(type $t{n} {})", parts.replace('#', &format!("$t{}", n - 1))))
            .collect();
        with(&format!(
            r#"(type $t0 (list u16)) {types}
               (func (export "run") (param "it" (list $t{levels}))
                 (canon lift (core func $i "h") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))"#
        ))
        .replace(r#"(func (export "f"))"#, r#"(func (export "f")) (func (export "h") (param i32 i32))"#)
    }

    #[test]
    fn deep_and_doubling_types_are_refused_and_the_largest_allowed_are_not() {
        assert!(described(&doubling(12, "(tuple # #)")).is_ok());
        let large = described(&doubling(14, "(tuple # #)")).unwrap_err();
        assert_eq!(large, DescribeError::Large { operation: "run".into() });
        let deep = Err(DescribeError::Deep { operation: "run".into() });
        assert!(described(&doubling(46, "(option #)")).is_ok());
        assert_eq!(described(&doubling(47, "(option #)")), deep);
    }

    const NESTINGS: [&str; 4] =
        ["(option #)", "(tuple #)", r#"(record (field "a" #))"#, r#"(variant (case "a" #))"#];

    /// A type of so many levels in a function of an interface, where every record has the name it needs.
    fn nested(parts: &str, levels: usize) -> String {
        let defined =
            |n: usize, kind: String| format!("(type $d{n} {kind}) (import \"t{n}\" (type $t{n} (eq $d{n})))");
        let types: String = (1..=levels)
            .map(|n| {
                defined(n, parts.replace('#', &if n == 1 { "u8".into() } else { format!("$t{}", n - 1) }))
            })
            .collect();
        format!(
            r#"(component {types}
               (core module $m (func (export "f") (param i32 i32)) (memory (export "memory") 1)
                 (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 0))
               (core instance $i (instantiate $m))
               (func (export "run") (param "it" (list $t{levels}))
                 (canon lift (core func $i "f") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))"#
        )
    }

    #[test]
    fn the_deepest_types_let_in_are_read_back_from_json_with_a_plan_around_them() {
        for parts in NESTINGS {
            let read_back = |levels: usize| {
                let described = described(&nested(parts, levels));
                if let Err(refused) = &described {
                    assert_eq!(*refused, DescribeError::Deep { operation: "run".into() });
                }
                let operations = described.ok()?.operations;
                let mut wrapped = serde_json::to_value(&operations).unwrap();
                (0..25).for_each(|_| wrapped = serde_json::json!([wrapped]));
                Some(serde_json::from_str::<serde_json::Value>(&wrapped.to_string()).is_ok())
            };
            let let_in = (1..=100).take_while(|levels| read_back(*levels).is_some()).count();
            assert!(let_in >= 15, "{parts} {let_in}");
            assert_eq!(read_back(let_in), Some(true), "{parts} {let_in}");
            let operations = described(&nested(parts, let_in)).unwrap().operations;
            let text = serde_json::to_string(&operations).unwrap();
            assert_eq!(serde_json::from_str::<Vec<Operation>>(&text).unwrap(), operations);
        }
    }

    #[test]
    fn bytes_that_are_no_component_are_refused() {
        let module = wat::parse_str("(module)").unwrap();
        for bytes in [&b""[..], b"\0asm", b"random bytes, no component at all", &module] {
            assert!(matches!(describe(bytes), Err(DescribeError::Undecodable(_))), "{bytes:?}");
        }
        let component = wat::parse_str(with(r#"(export "open" (func $f))"#)).unwrap();
        for length in 0..component.len() {
            let cut = component.get(..length).unwrap();
            let _either = describe(cut);
        }
    }
}
