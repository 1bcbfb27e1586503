//! Expressions as authors write them, what they are worth, and what is said of those that are not right.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop where it is wrong"
)]

use super::*;
use crate::plan::Template;
use crate::shape::Field;
use proptest::prelude::*;
use serde_json::json;

fn world() -> Value {
    json!({
        "facts": { "customer": { "name": "Acme", "contact-email": "ops@acme.example", "vat": null }, "big": "9007199254740993" },
        "terms": { "departing": [
            { "title": "Liability", "weight": "major" },
            { "title": "Notices", "weight": "minor", "note": "moved" },
        ]},
        "label": { "confidence": 1, "score": 0.75 },
        "inputs": { "contract": "text", "count": 3 },
        "mixed": { "a-b": 1, "c": { "a_b": 2 } },
    })
}

fn names(world: &Value) -> impl Fn(&str) -> Option<Arc<Value>> {
    move |name| world.get(name).cloned().map(Arc::new)
}

/// The value of an expression over the world, as text; or what is wrong, with place and advice.
fn check(source: &str) -> String {
    let value = Expression::compile(source).and_then(|compiled| compiled.evaluate(&names(&world())));
    value.map_or_else(|error| told(&error), |value| value.to_string())
}

fn told(error: &ExpressionError) -> String {
    let hint = error.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
    format!("{}: {}{hint}", error.offset, error.message)
}

fn table(sources: &[&str]) -> String {
    sources.iter().map(|source| format!("{source}\n    {}\n", check(source))).collect()
}

#[test]
fn values_are_what_the_json_says() {
    insta::assert_snapshot!(table(&[
        "facts.customer.contact_email",
        "facts.customer",
        "facts.big",
        "terms.departing.filter(d, d.weight != 'minor')",
        "terms.departing.map(d, d.title)",
        "terms.departing.map(d, d.weight == 'minor', d.title)",
        "terms.departing.exists(d, d.weight == 'major')",
        "terms.departing.all(d, d.weight == 'major')",
        "terms.departing.exists_one(d, d.weight == 'major')",
        "terms.departing.map(d, terms.departing.map(e, d.title + e.title))",
        "size(terms.departing)",
        "terms.departing[0].title",
        "label.confidence >= 0.8",
        "label.score >= 0.8",
        "{'contact-email': facts.customer.contact_email, 'contact_email': 1}",
        "{'who': facts.customer}",
        "[mixed.c.a_b, mixed.a_b]",
        "inputs.count + 1",
        "inputs.count > 2 ? 'many' : 'few'",
        "'con' in ['con', 'pro']",
        "9223372036854775807 - 1",
    ]));
}

#[test]
fn has_is_about_what_flows_know() {
    insta::assert_snapshot!(table(&[
        "has(facts)",
        "has(skipped)",
        "has(skipped.approved)",
        "has(facts.customer.name)",
        "has(facts.customer.contact_email)",
        "has(facts.customer.vat)",
        "has(facts.customer.phone)",
        "has(skipped) && skipped.approved",
        "has(skipped) ? skipped : 'nothing'",
        "terms.departing.filter(d, has(d.note)).map(d, d.note)",
        "terms.departing.exists(d, has(d))",
        "has(1 + 1)",
    ]));
}

#[test]
fn mistakes_are_told_with_their_place() {
    insta::assert_snapshot!(table(&[
        "",
        "1 +",
        "facts.customer.",
        "a b",
        "${{ facts }}",
        "'open",
        "'ää' == 'ä' || terms.departing.exists(d, d.title == has(1))",
        "sice(terms.departing) > 0",
        "inputs.contract.matches('(a+)+$')",
        "terms.departing.exists(d.weight == 'major')",
        "terms.departing.map()",
        "has()",
        "@has0",
        "terms.departing.exists(a, terms.departing.exists(b, terms.departing.exists(c, true)))",
        "b'bytes'",
        "facts.customer.fax",
        "facts.customer.name.first",
        "skipped.approved",
        "skipped.approved || false",
        "inputs.contract > 3",
        "terms.departing[7]",
        "1 / 0",
        "9223372036854775807 + 1",
        "0.0 / 0.0",
        "{1: 2}",
        "int",
        "[mixed]",
        "type(1)",
    ]));
}

#[test]
fn an_expression_has_a_longest_length() {
    assert!(Expression::compile(&format!("'{}'", "x".repeat(SOURCE_MAX - 2))).is_ok());
    let error = Expression::compile(&format!("'{}'", "x".repeat(SOURCE_MAX))).unwrap_err();
    insta::assert_snapshot!(told(&error), @"0: an expression has at most 4096 bytes, this has 4098");
}

#[test]
fn what_is_not_read_costs_nothing() {
    let values = json!({ "large": "x".repeat(64 << 20), "of-all": vec![json!({ "a": "x" }); 1_000] });
    let values = Arc::new(values);
    let names = move |name: &str| (name == "step").then(|| Arc::clone(&values));
    let run = |source: &str| {
        let value = Expression::compile(source).unwrap().evaluate(&names);
        value.map(|value| value.to_string().len()).map_err(|error| error.message)
    };
    assert_eq!(run("step.of_all.map(d, d.a + 'y')"), Ok(5_001));
    assert_eq!(run("size(step.of_all.filter(d, d.a == 'x'))"), Ok(4));
    assert!(run("step.of_all.map(d, d.a + step.large)").is_err_and(|why| why.contains("too large")));
    assert!(run("[step].map(s, s.of_all.map(d, d.a + 'y'))").is_err_and(|why| why.contains("too large")));
}

#[test]
fn work_is_bounded_by_the_values_before_it_begins() {
    let list = |length: usize| Arc::new(json!({ "of": vec![json!({ "a": "x" }); length] }));
    let run = |source: &str, length: usize| {
        let values = list(length);
        let names = move |name: &str| (name == "list").then(|| Arc::clone(&values));
        Expression::compile(source).unwrap().evaluate(&names).map(|_| ()).map_err(|error| error.message)
    };
    assert_eq!(run("list.of.exists(d, d.a == 'y')", 20_000), Ok(()));
    assert_eq!(run("list.of.exists(d, list.of.exists(e, e.a != d.a))", 100), Ok(()));
    let refused = run("list.of.exists(d, list.of.exists(e, e.a != d.a))", 20_000).unwrap_err();
    insta::assert_snapshot!(refused, @"the values are too large for this expression: 351 KiB, longest list 20000");
    // Joining makes lists longer than any that was read, and copies them each time.
    assert!(run("(list.of + list.of + list.of + list.of).exists(d, list.of == [d])", 20_000).is_err());
    let joined = |lists: usize| format!("list.of.exists(d, {} == [d])", vec!["list.of"; lists].join(" + "));
    assert_eq!(run(&joined(2), 300), Ok(()));
    assert!(run(&joined(50), 300).is_err());
}

#[test]
fn what_is_made_of_the_values_is_counted_while_it_is_made() {
    let list = Arc::new(json!({ "of": (0..500).collect::<Vec<_>>() }));
    let run = |source: &str| {
        let names = |name: &str| (name == "list").then(|| Arc::clone(&list));
        Expression::compile(source).unwrap().evaluate(&names).map(|_| ()).map_err(|error| error.message)
    };
    assert_eq!(run("size(list.of.map(a, list.of)) == 500"), Ok(()));
    let too_much = Err("it makes too much of the values it reads".to_owned());
    for source in [
        "size(list.of.map(a, list.of.map(b, list.of))) == 500",
        "size(list.of.map(a, list.of).filter(a, true).map(a, list.of.map(b, a))) == 500",
        "[0].map(a, [a, a, a, a, a, a]).map(a, [a, a, a, a, a, a]).map(a, [a, a, a, a, a, a])\
            .map(a, [a, a, a, a, a, a]).map(a, [a, a, a, a, a, a]).map(a, [a, a, a, a, a, a])\
            .map(a, [a, a, a, a, a, a]).map(a, [a, a, a, a, a, a]).map(a, [a, a, a, a, a, a]) == []",
        "list.of.map(a, list.of).map(a, [list.of + a, list.of + a, list.of + a]) == []",
    ] {
        assert_eq!(run(source), too_much, "{source}");
    }
}

#[test]
fn a_number_is_what_its_type_says() {
    let of = || Box::new(Shape::U64);
    let fields = [
        ("large", Shape::S64),
        ("larger", Shape::Option { of: of() }),
        ("half", Shape::F64),
        ("whole", Shape::F64),
        ("none", Shape::F32),
        ("all", Shape::List { of: of() }),
        ("text", Shape::String),
    ];
    let fields = fields.map(|(name, shape)| Field { name: name.into(), shape, docs: None }).to_vec();
    let shape = Shape::Record { name: None, fields };
    let value = Arc::new(json!({
        "large": "9007199254740993", "larger": "18446744073709551615", "half": 4.5, "whole": 5,
        "none": "NaN", "all": [1, "9007199254740993"], "text": "9007199254740993",
    }));
    let run = |source: &str| {
        let names = |name: &str| (name == "it").then(|| Arc::clone(&value));
        let evaluated = Expression::compile(source).unwrap().evaluate_typed(&names, &|_| Some(&shape));
        format!("{source:40} {}", evaluated.map_or_else(|error| error.message, |value| value.to_string()))
    };
    let told = [
        "it.large == 9007199254740993",
        "it.large > 5",
        "it.large + 1",
        "it.larger - 1",
        "it.larger > it.large",
        "it.larger + it.large",
        "it.all.exists(a, a == it.large)",
        "it.all[1] == it.text",
        "it.text + 1",
        "it.whole / 2",
        "it.whole / 2.0",
        "it.half / 2",
        "2 * it.half",
        "it.whole == 5",
        "it.whole % 3",
        "it.none >= 0.8",
        "7 / 2",
        "it.large",
        "[it.large]",
    ]
    .map(run);
    insta::assert_snapshot!(told.join("\n"), @r#"
    it.large == 9007199254740993             true
    it.large > 5                             true
    it.large + 1                             "9007199254740994"
    it.larger - 1                            "18446744073709551614"
    it.larger > it.large                     true
    it.larger + it.large                     the number is too large
    it.all.exists(a, a == it.large)          true
    it.all[1] == it.text                     false
    it.text + 1                              `+` does not apply to string and int
    it.whole / 2                             2.5
    it.whole / 2.0                           2.5
    it.half / 2                              2.25
    2 * it.half                              9.0
    it.whole == 5                            true
    it.whole % 3                             `%` does not apply to double and double
    it.none >= 0.8                           `>=` does not apply to NaN
    7 / 2                                    3
    it.large                                 "9007199254740993"
    [it.large]                               ["9007199254740993"]
    "#);
}

#[test]
fn what_an_expression_reads_is_known_before_it_runs() {
    let source =
        "has(view) && terms.departing.filter(d, d.weight != 'minor').exists(e, size(e.title) > inputs.count)";
    let compiled = Expression::compile(source).unwrap();
    let reads: Vec<String> = compiled
        .reads()
        .iter()
        .map(|read| format!("{read} at {}{}", read.offset, if read.tested { ", tested" } else { "" }))
        .collect();
    insta::assert_snapshot!(reads.join("\n"));
}

#[test]
fn a_decision_keeps_small_values_and_names_large_ones() {
    let big = "x".repeat(SEEN_MAX);
    let world = json!({ "a": { "small": 1, "big": big } });
    let compiled = Expression::compile("a.small > 0 && size(a.big) > 0 && !has(gone)").unwrap();
    let seen = Value::Object(compiled.seen(&names(&world)));
    assert_eq!(seen["a.small"], 1);
    assert_eq!(seen["gone"], Value::Null);
    assert_eq!(seen["a.big"]["bytes"], SEEN_MAX + 2);
    assert_eq!(seen["a.big"]["digest"], Digest::of(json!(big).to_string().as_bytes()).to_string());
}

#[test]
fn a_loop_over_an_object_goes_by_its_keys_in_order() {
    let keys: Vec<String> = (10..40).map(|number| format!("k{number}")).collect();
    let object: Map<String, Value> = keys.iter().map(|key| (key.clone(), json!(1))).collect();
    let world = json!({ "of": object });
    for source in ["of.map(k, k)", "of.filter(k, of[k] == 1)", "of.map(k, of[k] == 1, k)"] {
        let value = Expression::compile(source).unwrap().evaluate(&names(&world)).unwrap();
        assert_eq!(value, json!(keys), "{source}");
    }
}

fn rendered(text: &str) -> String {
    let value = Template::parse(text).and_then(|template| template.render(&names(&world())));
    value.map_or_else(|error| told(&error), |value| value.to_string())
}

#[test]
fn templates_keep_the_type_of_a_lone_expression() {
    let texts = [
        "${{ inputs.count }}",
        "${{ facts.customer.name }} signed",
        "${{inputs.count}} of ${{ label.score }}: ${{ terms.departing.map(d, d.title) }}",
        "$${{ not an expression }} costs $5",
        "",
        "${{ {'a': {'b': '}}'}} }}",
        "open ${{ facts",
        "ä ${{ }}",
        "${{ 1 }}${{ 2 }}",
    ];
    let table: String = texts.iter().map(|text| format!("{text}\n    {}\n", rendered(text))).collect();
    insta::assert_snapshot!(table);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-9_007_199_254_740_991_i64..=9_007_199_254_740_991).prop_map(Value::from),
        any::<f64>().prop_filter("JSON has no others", |number| number.is_finite()).prop_map(Value::from),
        "[a-zäß€ ]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-c]([-][a-c]){0,2}", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Every path into a value, as expressions write it.
fn paths(value: &Value, here: &str, found: &mut Vec<String>) {
    found.push(here.into());
    for (key, field) in value.as_object().into_iter().flatten() {
        paths(field, &format!("{here}.{}", key.replace('-', "_")), found);
    }
}

proptest! {
    /// The walk through JSON and CEL's own evaluation are one meaning: parentheses are what sends a path to CEL.
    #[test]
    fn a_plain_path_is_what_cel_makes_of_it(value in any_json(), missing in "[a-c]") {
        let names = |name: &str| (name == "root").then(|| Arc::new(value.clone()));
        let mut found = Vec::new();
        paths(&value, "root", &mut found);
        found.extend(found.clone().iter().map(|path| format!("{path}.{missing}")));
        for path in found {
            let direct = Expression::compile(&path).unwrap();
            let through = Expression::compile(&format!("({path})")).unwrap();
            prop_assert!(direct.as_path().is_some() && through.as_path().is_none());
            prop_assert_eq!(direct.evaluate(&names).ok(), through.evaluate(&names).ok(), "{}", path);
        }
    }

    /// Nothing a person writes ends the process.
    #[test]
    fn any_text_compiles_or_is_refused(source in "[a-c0-9 .()'{}+*\\[\\]?:,&|!=<>has$é\"\\\\-]{0,40}") {
        if let Ok(compiled) = Expression::compile(&source) {
            let _ = compiled.evaluate(&names(&world()));
        }
        let _ = Template::parse(&source);
    }
}

/// The same sign over and over, `first` before and `last` behind.
fn chain(first: &str, link: &str, last: &str, links: usize) -> String {
    format!("{first}{}{last}", link.repeat(links))
}

const CHAINS: [(&str, &str, &str); 9] = [
    ("1", "+1", ""),
    ("1", "+a.b", " "),
    ("(a)", ".a", ""),
    ("", "!", "a"),
    ("", "(", "1"),
    ("", "[", "1"),
    ("true", "&&a", ""),
    ("", "a?1:", "1"),
    ("1", "in 1", ""),
];

/// The stack of a worker thread; an overflow would end the whole process.
fn on_a_small_stack(work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(2 << 20).spawn(work).unwrap().join().unwrap();
}

#[test]
fn a_chain_as_deep_as_long_is_refused_before_anything_follows_it() {
    on_a_small_stack(|| {
        for (first, link, last) in CHAINS {
            let source = chain(first, link, last, (SOURCE_MAX - 5) / link.len());
            let error = Expression::compile(&source).unwrap_err();
            assert!(error.message.starts_with("an expression has at most 200 operators"), "{link}: {error}");
        }
        assert!(
            Expression::compile(&format!("[{}1]", "1,".repeat(2_000))).is_ok(),
            "a long list is not deep"
        );
    });
}

#[test]
fn the_deepest_chains_let_in_fit_on_a_small_stack() {
    on_a_small_stack(|| {
        assert_eq!(check(&chain("1", "+1", "", 200)), "201");
        assert_eq!(check(&chain("", "!", "true", 200)), "true");
        assert_eq!(check(&chain("true", " && 1 == 1", "", 100)), "true");
        for (first, link, last) in CHAINS {
            let signs = if link.contains("a.b") { 100 } else { 199 };
            let _either = check(&chain(first, link, last, signs));
        }
        let _either = check(&format!("{}1{}", "(".repeat(200), ")".repeat(200)));
        let _either = check(&format!("{}1{}", "[".repeat(200), "]".repeat(200)));
    });
}
