//! Values through real components. A component that hands back the memory it was given is an echo for every list, so
//! any type is tested inside one. Components are written as text here: no toolchain stands between type and bytes.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "tests")]

use super::{Answer, Answered, Arguments, CallError};
use crate::shapes::describe;
use kapell_model::shape::strategy::{near_values, shapes, values};
use kapell_model::shape::{Case, Field, Label, Operation, Shape};
use proptest::prelude::*;
use serde_json::{Value, json};
use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine, Store};

/// Gives memory out upwards and answers with where its argument lies.
const ECHO: &str = r#"
  (core module $m
    (memory (export "memory") 64)
    (global $top (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
      (local.set $at (i32.and
        (i32.add (global.get $top) (i32.sub (local.get 2) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get 2))))
      (global.set $top (i32.add (local.get $at) (local.get 3)))
      (local.get $at))
    (func (export "echo") (param i32 i32) (result i32)
      (i32.store (i32.const 16) (local.get 0))
      (i32.store (i32.const 20) (local.get 1))
      (i32.const 16))
    (func (export "trap") (param i32 i32) (result i32) unreachable)
    (func (export "fail") (result i32) (i32.const 32))
    (data (i32.const 32) "\01\00\00\00\40\00\00\00\03\00\00\00")
    (data (i32.const 64) "no!"))
  (core instance $i (instantiate $m))
"#;

/// Writes a shape as a component's own type; types of their own get a name, since what an
/// exported function uses must have one; a world's own types are imports.
#[derive(Default)]
struct TypeWriter {
    definitions: String,
    count: usize,
}

impl TypeWriter {
    fn reference(&mut self, shape: &Shape) -> String {
        let text = self.text(shape);
        let nameless = !text.starts_with('(');
        if nameless {
            return text;
        }
        self.count += 1;
        let n = self.count;
        self.definitions += &format!("(type $t{n} {text})\n");
        match shape {
            Shape::Record { .. } | Shape::Variant { .. } | Shape::Enum { .. } | Shape::Flags { .. } => {
                self.definitions += &format!("(import \"t{n}\" (type $e{n} (eq $t{n})))\n");
                format!("$e{n}")
            }
            _ => format!("$t{n}"),
        }
    }

    fn text(&mut self, shape: &Shape) -> String {
        let labels = |labels: &[Label]| labels.iter().map(|it| format!(" {:?}", it.name)).collect::<String>();
        match shape {
            Shape::List { of } => format!("(list {})", self.reference(of)),
            Shape::FixedList { of, length } => format!("(list {} {length})", self.reference(of)),
            Shape::Option { of } => format!("(option {})", self.reference(of)),
            Shape::Map { key, value } => format!("(map {} {})", self.reference(key), self.reference(value)),
            Shape::Tuple { of } => {
                let of: Vec<String> = of.iter().map(|shape| self.reference(shape)).collect();
                format!("(tuple {})", of.join(" "))
            }
            Shape::Result { ok, err } => {
                let ok = ok.as_ref().map_or(String::new(), |ok| format!(" {}", self.reference(ok)));
                let err =
                    err.as_ref().map_or(String::new(), |err| format!(" (error {})", self.reference(err)));
                format!("(result{ok}{err})")
            }
            Shape::Enum { cases, .. } => format!("(enum{})", labels(cases)),
            Shape::Flags { flags, .. } => format!("(flags{})", labels(flags)),
            Shape::Record { fields, .. } => {
                let field = |it: &Field| format!(" (field {:?} {})", it.name, self.reference(&it.shape));
                format!("(record{})", fields.iter().map(field).collect::<String>())
            }
            Shape::Variant { cases, .. } => {
                let payload = |case: &Case, writer: &mut Self| {
                    case.shape.as_ref().map_or(String::new(), |shape| format!(" {}", writer.reference(shape)))
                };
                let case = |it: &Case| format!(" (case {:?}{})", it.name, payload(it, self));
                format!("(variant{})", cases.iter().map(case).collect::<String>())
            }
            plain => plain.to_string(),
        }
    }
}

/// A component that exports one function of the module's over one parameter of this shape.
fn component(function: &str, shape: &Shape) -> Vec<u8> {
    let mut writer = TypeWriter::default();
    let ty = writer.reference(shape);
    let definitions = writer.definitions;
    let text = format!(
        r#"(component {ECHO} {definitions}
          (func (export "run") (param "value" {ty}) (result {ty})
            (canon lift (core func $i "{function}") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))"#
    );
    wat::parse_str(text).unwrap()
}

fn list(of: Shape) -> Shape {
    Shape::List { of: Box::new(of) }
}

fn only_operation(bytes: &[u8]) -> Operation {
    let described = describe(bytes).unwrap();
    assert_eq!(described.operations.len(), 1);
    described.operations.into_iter().next().unwrap()
}

/// Calls `run` of a component with these arguments, and at most `output` bytes of answer.
fn call(bytes: &[u8], arguments: &Value, output: u64) -> Result<Answered, CallError> {
    let mut config = Config::new();
    config.wasm_component_model_map(true).wasm_component_model_fixed_length_lists(true);
    let engine = Engine::new(&config).unwrap();
    let component = Component::new(&engine, bytes).unwrap();
    let operation = only_operation(bytes);
    let arguments = Arguments::from_json(&operation, arguments).unwrap();
    let mut store = Store::new(&engine, ());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let instance = Linker::new(&engine).instantiate_async(&mut store, &component).await.unwrap();
        let func = instance.get_func(&mut store, "run").unwrap();
        arguments.call(&func, &mut store, output).await
    })
}

fn shapes_with_value() -> impl Strategy<Value = (Shape, Value)> {
    shapes().prop_map(list).prop_flat_map(|shape| {
        let values = values(&shape);
        (Just(shape), values)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn every_value_comes_back_from_a_component((shape, value) in shapes_with_value()) {
        let component = component("echo", &shape);
        let answered = call(&component, &json!({ "value": value }), u64::MAX).unwrap();
        prop_assert_eq!(answered.answer, Answer::Output(value));
        let described = only_operation(&component);
        let described = &described.params.first().unwrap().shape;
        prop_assert_eq!(described.accepts(&shape).and(shape.accepts(described)), Ok(()));
    }
}

proptest! {
    #[test]
    fn json_to_value_to_json_is_the_identity((shape, value) in shapes_with_value()) {
        let crossed = super::from_json::value(&shape, &value).unwrap();
        prop_assert_eq!(super::to_json::value(&shape, &crossed).unwrap(), value);
    }

    #[test]
    fn conversion_takes_exactly_what_the_check_takes((shape, value) in shapes().prop_flat_map(|shape| {
        let values = near_values(&shape);
        (Just(shape), values)
    })) {
        let taken = super::from_json::value(&shape, &value);
        prop_assert_eq!(taken.is_some(), shape.check(&value).is_ok(), "{} as {:?}", value, shape);
        if let Some(taken) = taken {
            // Whatever spelling was read, what is written reads as the same value.
            let written = super::to_json::value(&shape, &taken).unwrap();
            let again = super::from_json::value(&shape, &written).unwrap();
            prop_assert_eq!(super::to_json::value(&shape, &again).unwrap(), written);
        }
    }

    #[test]
    fn doubles_are_written_as_they_are_read(number in any::<f64>()) {
        use wasmtime::component::Val;
        let written = super::to_json::value(&Shape::F64, &Val::Float64(number)).unwrap();
        let read: Value = serde_json::from_str(&written.to_string()).unwrap();
        prop_assert_eq!(&read, &written);
        match super::from_json::value(&Shape::F64, &read) {
            Some(Val::Float64(back)) => prop_assert!(back == number || (back.is_nan() && number.is_nan())),
            other => prop_assert!(false, "{other:?}"),
        }
    }

    #[test]
    fn singles_are_written_as_they_are_read(number in any::<f32>()) {
        use wasmtime::component::Val;
        let written = super::to_json::value(&Shape::F32, &Val::Float32(number)).unwrap();
        match super::from_json::value(&Shape::F32, &written) {
            Some(Val::Float32(back)) => prop_assert!(back == number || (back.is_nan() && number.is_nan())),
            other => prop_assert!(false, "{other:?}"),
        }
    }
}

#[test]
fn whole_texts_and_bytes_come_back_at_their_limit_and_not_beyond() {
    let bytes = list(Shape::U8);
    for (shape, value, size) in [(Shape::String, json!("Grüße"), 7), (bytes, json!("AAECAw=="), 4)] {
        let component = component("echo", &shape);
        assert!(only_operation(&component).is_whole());
        let answered = call(&component, &json!({ "value": value }), size).unwrap();
        assert_eq!(answered, Answered { answer: Answer::Output(value.clone()), bytes: size });
        let refused = call(&component, &json!({ "value": value }), size - 1).unwrap_err();
        assert!(matches!(refused, CallError::OutputTooLarge(_)), "{refused}");
    }
}

#[test]
fn an_answer_value_by_value_is_held_to_its_limit() {
    let component = component("echo", &list(Shape::U32));
    let arguments = json!({ "value": [1, 2, 3] });
    assert_eq!(call(&component, &arguments, 12).unwrap().bytes, 12);
    let refused = call(&component, &arguments, 11).unwrap_err();
    assert_eq!(refused.to_string(), "the answer is too large: it has 12 bytes, the limit is 11");
}

#[test]
fn an_answer_is_not_copied_far_beyond_its_limit() {
    let component = component("echo", &list(Shape::Bool));
    let arguments = json!({ "value": vec![true; 500_000] });
    let refused = call(&component, &arguments, 10).unwrap_err();
    assert_eq!(refused.to_string(), "the answer is too large: the limit is 10 bytes");
}

#[test]
fn a_trap_is_no_large_answer() {
    for shape in [Shape::String, list(Shape::Bool)] {
        let value = if shape == Shape::String { json!("x") } else { json!([true]) };
        let trapped = call(&component("trap", &shape), &json!({ "value": value }), 100).unwrap_err();
        assert!(matches!(&trapped, CallError::Guest(error) if error.is::<wasmtime::Trap>()), "{trapped:?}");
    }
}

#[test]
fn a_skill_error_is_no_output() {
    for ty in ["(result string (error string))", "(result (list u32) (error string))"] {
        let text = format!(
            r#"(component {ECHO} (func (export "run") (result {ty})
                (canon lift (core func $i "fail") (memory (core memory $i "memory")))))"#
        );
        let answered = call(&wat::parse_str(text).unwrap(), &json!({}), 100).unwrap();
        assert_eq!(answered.answer, Answer::SkillError(json!("no!")), "{ty}");
        assert_eq!(answered.bytes, 4);
    }
}

#[test]
fn arguments_that_do_not_fit_are_refused_with_place_and_type() {
    let told = |shape: &Shape, arguments: Value| {
        let operation = only_operation(&component("echo", shape));
        let misfit = Arguments::from_json(&operation, &arguments).map(|_| ()).unwrap_err();
        misfit.to_string()
    };
    let text = Shape::String;
    assert_eq!(told(&text, json!({ "value": 1 })), "value: expected string, found the number 1");
    assert_eq!(told(&text, json!({})), "value: expected string, found nothing");
    assert_eq!(
        told(&text, json!({ "value": "x", "y": 1 })),
        "y: expected one of value, found an unknown field"
    );
    let numbers = list(Shape::U16);
    assert_eq!(told(&numbers, json!({ "value": [1, -1] })), "value[1]: expected u16, found the number -1");
}

#[test]
fn long_bytes_inside_an_answer_are_too_large() {
    use kapell_model::shape::NESTED_BASE64_MAX;
    use wasmtime::component::Val;
    let convert = |length| {
        let bytes = Val::List(vec![Val::U8(7); length]);
        super::answer(Some(&Shape::Tuple { of: vec![list(Shape::U8)] }), Some(Val::Tuple(vec![bytes])))
    };
    let most = NESTED_BASE64_MAX / 4 * 3;
    assert!(matches!(convert(most), Ok(Answer::Output(_))));
    let refused = convert(most + 1).unwrap_err();
    assert!(matches!(&refused, CallError::OutputTooLarge(_)), "{refused}");
}
