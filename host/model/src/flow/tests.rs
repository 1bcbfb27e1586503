//! Flows as authors write them: the plan they become, and everything that can be wrong with them, in full.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop where it is wrong"
)]

use super::*;
use crate::capability::Kind;
use crate::digest::Digest;
use crate::grant::{GrantSet, Refusal};
use crate::id::{Role, SkillName};
use crate::limits::{EffectiveLimits, LimitOrigin, WishedLimits};
use crate::manifest::{Ask, Manifest};
use crate::plan::{AnswerShape, Expectation, Plan, Rung, SkillPin, Template, Work};
use crate::seam::{Catalog, Skill};
use crate::shape::{Field, Label, Operation, Shape};
use crate::source::{Diagnostics, Source};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

pub(crate) struct Shelf(pub(crate) Vec<Arc<Skill>>);

impl Catalog for Shelf {
    fn find(&self, name: &SkillName, version: Option<&semver::VersionReq>) -> Option<Arc<Skill>> {
        let fits = |skill: &&Arc<Skill>| {
            skill.pin.name == *name && version.is_none_or(|version| version.matches(&skill.pin.version))
        };
        self.0.iter().find(fits).cloned()
    }

    fn names(&self) -> Vec<SkillName> {
        self.0.iter().map(|skill| skill.pin.name.clone()).collect()
    }
}

/// Grants nothing: a skill that asks for anything is refused.
struct Nothing;

impl Grants for Nothing {
    fn resolve(&self, skill: &Skill, _: &str, step: &WishedLimits) -> Result<Resolved, Vec<Refusal>> {
        let refusals: Vec<Refusal> = skill.manifest.asks.iter().map(refusal).collect();
        let limits = EffectiveLimits::smallest(&skill.manifest.limits, &WishedLimits::default(), step);
        if refusals.is_empty() { Ok((GrantSet::default(), limits)) } else { Err(refusals) }
    }
}

fn refusal(ask: &Ask) -> Refusal {
    Refusal {
        subject: format!("{} `{}`", ask.kind, ask.name),
        why: "no rule permits it".into(),
        rule: None,
        asked_at: Some(format!("skill.toml:{}", ask.line)),
        advice: Some("[[rule]]\nkind = \"files\"".into()),
    }
}

pub(crate) fn field(name: &str, shape: Shape) -> Field {
    Field { name: name.into(), shape, docs: None }
}

pub(crate) fn record<const N: usize>(name: &str, fields: [(&str, Shape); N]) -> Shape {
    let fields = fields.into_iter().map(|(name, shape)| field(name, shape)).collect();
    Shape::Record { name: Some(name.into()), fields }
}

pub(crate) fn list(of: Shape) -> Shape {
    Shape::List { of: Box::new(of) }
}

pub(crate) fn maybe(of: Shape) -> Shape {
    Shape::Option { of: Box::new(of) }
}

pub(crate) fn operation<const N: usize>(
    name: &str,
    params: [(&str, Shape); N],
    result: Option<Shape>,
) -> Operation {
    let params = params.into_iter().map(|(name, shape)| field(name, shape)).collect();
    Operation { name: name.into(), interface: None, function: name.into(), docs: None, params, result }
}

pub(crate) fn skill(name: &str, version: &str, operations: Vec<Operation>) -> Skill {
    let name: SkillName = name.parse().unwrap();
    let component = Digest::of(name.as_str().as_bytes());
    Skill {
        manifest: Manifest::without(name.clone()),
        pin: SkillPin { name, version: version.parse().unwrap(), component },
        operations,
        imports: Vec::new(),
        bytes: 1,
    }
}

/// A skill that can't do without its accounts, and would like a directory and random bytes.
fn keeper_manifest() -> Manifest {
    let text = r#"
[skill]
name = "acme:keeper"
summary = "Keeps"
owner = "ops"

[operation.keep]
lane = "systems"
effects = "idempotent"

[operation.look]
lane = "systems"
effects = "reads"

[[capability]]
kind = "keyvalue"
name = "accounts"
access = "read-write"
reason = "They live here"

[[capability]]
kind = "files"
name = "out"
access = "read-write"
reason = "Letters"
optional = true

[[capability]]
kind = "random"
reason = "Ids"
optional = true
"#;
    Manifest::parse("skill.toml", text).unwrap()
}

/// Grants the keeper all it asks for.
fn keeper_policy() -> crate::policy::Policy {
    let text = r#"
version = 1

[[rule]]
id = "accounts"
skill = "acme:keeper"
kind = "keyvalue"
name = "accounts"
bind = "namespace:crm"
access = "read-write"

[[rule]]
id = "letters"
skill = "acme:keeper"
kind = "files"
name = "out"
bind = "/srv/letters"
access = "read-write"

[[rule]]
id = "ids"
skill = "acme:keeper"
kind = "random"
"#;
    let surroundings = crate::policy::Surroundings {
        folder: std::path::Path::new("/home/ops"),
        closed: &[],
        links: |_| false,
    };
    crate::policy::Policy::parse("policy.toml", text, surroundings).unwrap()
}

fn weight() -> Shape {
    let cases = ["minor", "major"].map(|name| Label { name: name.into(), docs: None });
    Shape::Enum { name: Some("weight".into()), cases: cases.into() }
}

pub(crate) fn shelf() -> Shelf {
    use Shape::{F64, String as Text};
    let customer = || {
        record("customer", [("name", Text), ("email", Text), ("tax-id", maybe(Text)), ("seats", Shape::U32)])
    };
    let clause = || record("clause", [("title", Text), ("text", Text)]);
    let departing = || list(record("departure", [("clause", clause()), ("weight", weight())]));
    let facts = record("facts", [("customer", customer()), ("clauses", list(clause()))]);
    let label = || record("label", [("queue", Text), ("confidence", F64)]);
    let findings = || list(record("finding", [("line", Shape::U32), ("text", Text)]));
    let result = |ok| Some(Shape::Result { ok: Some(Box::new(ok)), err: Some(Box::new(Text)) });
    let mut greedy = skill("acme:greedy", "1.0.0", vec![operation("run", [], None)]);
    greedy.manifest.asks = vec![Ask {
        kind: Kind::Files,
        name: "out".parse().unwrap(),
        wish: crate::manifest::Wish::Use,
        reason: "writes".into(),
        optional: false,
        line: 9,
    }];
    let mut keeper =
        skill("acme:keeper", "1.0.0", vec![operation("keep", [], None), operation("look", [], None)]);
    keeper.manifest = keeper_manifest();
    let stream = Shape::Uncallable { what: "stream".into() };
    Shelf(
        [
            skill(
                "kapell:contract-reader",
                "1.0.0",
                vec![operation("read", [("markdown", Text)], result(facts))],
            ),
            skill(
                "kapell:contract-terms",
                "1.0.0",
                vec![operation(
                    "compare",
                    [("clauses", list(clause())), ("standard", Text)],
                    Some(record("terms", [("departing", departing())])),
                )],
            ),
            skill(
                "kapell:crm-account",
                "1.0.0",
                vec![operation(
                    "create",
                    [("customer", customer()), ("accepted", departing())],
                    Some(record("account", [("id", Text)])),
                )],
            ),
            skill("kapell:git-log", "1.0.0", vec![operation("commits", [("since", Text)], Some(list(Text)))]),
            skill(
                "kapell:release-notes",
                "1.0.0",
                vec![operation(
                    "draft",
                    [("version", Text), ("commits", list(Text)), ("findings", maybe(findings()))],
                    Some(Text),
                )],
            ),
            skill(
                "kapell:prose-lint",
                "1.0.0",
                vec![operation(
                    "check",
                    [("markdown", Text)],
                    Some(record("report", [("findings", findings())])),
                )],
            ),
            skill(
                "kapell:triage-words",
                "1.0.0",
                vec![operation("classify", [("text", Text)], Some(label()))],
            ),
            skill(
                "kapell:triage-deep",
                "1.2.3",
                vec![operation("classify", [("text", Text)], Some(label()))],
            ),
            skill("acme:mute", "1.0.0", vec![operation("run", [], None)]),
            skill("acme:streamer", "1.0.0", vec![operation("pour", [("from", stream)], None)]),
            greedy,
            keeper,
        ]
        .map(Arc::new)
        .into(),
    )
}

pub(crate) fn roles() -> BTreeMap<Role, Vec<String>> {
    let people = |role: &str, people: &[&str]| {
        (role.parse().unwrap(), people.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    BTreeMap::from([
        people("legal", &["user:ada"]),
        people("general-counsel", &["user:bo"]),
        people("release-lead", &["user:*"]),
        people("support-lead", &["user:*"]),
        people("deserted", &[]),
    ])
}

fn plan(text: &str) -> Result<Plan, Diagnostics> {
    plan_by(&Nothing, text)
}

fn plan_by(grants: &dyn Grants, text: &str) -> Result<Plan, Diagnostics> {
    let source = Source { file: "flow.yaml", text };
    let authored = read(source)?;
    let known = ("standard".to_owned(), (Digest::of(b"terms"), "terms".to_owned()));
    let context = Context {
        catalog: &shelf(),
        grants,
        roles: &roles(),
        budgets: &[],
        four_eyes: false,
        files: &BTreeMap::from([known]),
        currency: "EUR".parse().unwrap(),
        tariff: Digest::of(b"tariff"),
        policy: Digest::of(b"policy"),
        engine: "test".into(),
    };
    check(&authored, source, &context)
}

/// What is told of a text, with its hints; `accepted` when there is nothing to tell.
fn told(text: &str) -> String {
    told_of(text, plan(text))
}

fn told_of(text: &str, checked: Result<Plan, Diagnostics>) -> String {
    let Err(Diagnostics(problems)) = checked else { return "accepted\n".into() };
    let mut told = String::new();
    for problem in problems {
        let marked = text.lines().nth((problem.line as usize).wrapping_sub(1)).unwrap_or_default();
        let marked: String = marked
            .chars()
            .skip(problem.column.saturating_sub(1) as usize)
            .take(problem.length as usize)
            .collect();
        writeln!(told, "{problem}  [{marked}]").unwrap();
        for line in problem.hint.iter().flat_map(|hint| hint.lines()) {
            writeln!(told, "  hint: {line}").unwrap();
        }
    }
    told
}

/// Flows that differ from a good one by some lines under a header, each with what is told of it.
fn table(cases: &[&str]) -> String {
    let mut table = String::new();
    for case in cases {
        writeln!(table, "{case}\n--\n{}", told(&format!("{HEADER}{case}\n"))).unwrap();
    }
    table
}

const HEADER: &str = "\
flow: sample
version: '1'
inputs: { ticket: string, count: integer, any: json }
";

const ONBOARDING: &str = include_str!("samples/onboarding.yaml");
const LADDERS: &str = include_str!("samples/ladders.yaml");

#[test]
fn the_onboarding_flow_becomes_a_plan() {
    let plan = plan(ONBOARDING).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&plan).unwrap());
}

#[test]
fn ladders_become_rungs() {
    let plan = plan(LADDERS).unwrap();
    let Work::Call { call, expect, otherwise, retry } = &plan.steps[1].work else { panic!("draft calls") };
    assert!(
        matches!(expect, Some(Expectation::Verdict { holds, .. }) if holds == "size(verdict.findings) == 0")
    );
    assert_eq!(
        (call.limits.limits.fuel, call.limits.origins.fuel, *retry),
        (5_000_000, LimitOrigin::Flow, 0)
    );
    let Rung::Again { with } = &otherwise[0] else { panic!("again comes first") };
    assert_eq!(with["findings"], Template::Expression { source: "verdict.findings".into() });
    let Work::Call { otherwise, call, .. } = &plan.steps[2].work else { panic!("label calls") };
    assert!(matches!(&otherwise[0], Rung::Use { call } if call.skill.version.to_string() == "1.2.3"));
    let Rung::Ask { question } = &otherwise[1] else { panic!("a person comes last") };
    assert_eq!(
        Some(&question.answer),
        call.operation.output().cloned().map(|shape| AnswerShape::Shape { shape }).as_ref()
    );
    assert!(matches!(&plan.steps[0].work, Work::Call { retry: 2, .. }));
    assert_eq!(plan.roles.keys().map(Role::as_str).collect::<Vec<_>>(), ["release-lead", "support-lead"]);
}

#[test]
fn json_is_accepted_as_well() {
    let text = r#"{"flow": "sample", "version": "1", "steps": [{"id": "log", "use": "kapell:git-log#commits", "with": {"since": "v1"}}]}"#;
    assert_eq!(told(text), "accepted\n");
}

#[test]
fn the_form_is_strict() {
    insta::assert_snapshot!(table(&[
        "steps:\n- id: a\n  use: acme:mute#run\n  wiht: {}\n  retyr: 2",
        "steps:\n- id: a\n  id: b\n  use: acme:mute#run",
        "steps:\n- id: Big-Name\n  use: acme:mute#run",
        "steps:\n- use: acme:mute#run",
        "steps: []",
        "steps:\n- id: a\n  use: acme:mute#run\n  ask: legal\n  question: x",
        "steps:\n- id: a\n  when: true",
        "steps:\n- id: a\n  use: acme:mute",
        "steps:\n- id: a\n  use: acme:mute@later#run",
        "steps:\n- id: a\n  use: Acme#run",
        "steps:\n- id: a\n  use: acme:mute#run\n  retry: 11",
        "steps:\n- id: a\n  use: acme:mute#run\n  retry: yes",
        "steps:\n- id: a\n  use: acme:mute#run\n  limits: { fuel: 0, memroy: 1MiB, deadline: soon }",
        "steps:\n- id: a\n  ask: legal\n  question: x\n  expire: 1.5h\n  remind: 0s",
        "steps:\n- id: a\n  ask: legal\n  question: 7\n  answer: [only]",
        "steps:\n- id: a\n  use: acme:mute#run\n  otherwise:\n  - again: { x: 1 }\n    ask: legal\n  - retry: 2",
        "budget: { money: 5, work: 1h }\noutcome: { name: x, worth: a lot, by-hand: 3h }\nsteps:\n- id: a\n  use: acme:mute#run",
        "files: { a: ../secret.md, b: /etc/passwd, C-d: ok.md }\nsteps:\n- id: a\n  use: acme:mute#run",
        "require:\n- that: true\nsteps:\n- id: a\n  use: acme:mute#run",
        "steps: *nothing",
        "steps:\n- id: a\n   use: x",
        "steps: !python/object {}",
    ]));
}

#[test]
fn inputs_have_types_and_defaults_that_fit() {
    let flow = |inputs: &str| {
        told(&format!("flow: f\nversion: '1'\ninputs: {inputs}\nsteps:\n- id: a\n  use: acme:mute#run\n"))
    };
    insta::assert_snapshot!(
        [
            "{ a: strnig }",
            "{ a: { type: integer, default: 1.5 } }",
            "{ a: { default: x } }",
            "{ a: { type: boolean, default: on } }",
            "{ a: { type: boolean, default: true } }",
            "{ A-b: string }",
            "[a]",
        ]
        .map(|inputs| format!("{inputs}\n--\n{}", flow(inputs)))
        .join("\n")
    );
}

#[test]
fn the_head_is_needed() {
    insta::assert_snapshot!(
        ["", "- a", "7", "flow: a", "flow: A B\nversion: 1.0\nsteps:\n- id: a\n  use: acme:mute#run\n"]
            .map(|text| format!("{text}\n--\n{}", told(text)))
            .join("\n")
    );
}

#[test]
fn hostile_texts_are_refused_in_one_line() {
    let bomb = "a: &a [x, x]\nb: &b [*a, *a, *a, *a]\nc: &c [*b, *b, *b, *b]\nd: &d [*c, *c, *c, *c]\ne: &e [*d, *d, *d, *d]\nf: &f [*e, *e, *e, *e]\ng: &g [*f, *f, *f, *f]\nh: [*g, *g, *g, *g]\n";
    let deep = format!("flow: {}{}", "[".repeat(40), "]".repeat(40));
    let deeper = format!("flow: {}", "[".repeat(100_000));
    let huge = "x".repeat(TEXT_MAX + 1);
    let many = format!("{HEADER}steps:\n{}", "- { id: a, x: 1 }\n".repeat(150));
    let texts = [bomb, &deep, &deeper, &huge, "<<: { a: 1 }\n", "flow: a\n---\nflow: b\n", "flow: \u{0}\n"];
    insta::assert_snapshot!(texts.map(told).join(""));
    assert!(told(&many).ends_with("flow.yaml: more problems follow  []\n"));
}

#[test]
fn skills_are_known_before_anything_runs() {
    insta::assert_snapshot!(table(&[
        "steps:\n- id: a\n  use: kapell:contract-raeder#read",
        "steps:\n- id: a\n  use: kapell:triage-deep@^2#classify",
        "steps:\n- id: a\n  use: kapell:triage-deep#clasify",
        "steps:\n- id: a\n  use: acme:streamer#pour",
        "steps:\n- id: a\n  use: acme:greedy#run",
    ]));
}

#[test]
fn arguments_fit_their_types() {
    let reader = "steps:\n- id: facts\n  use: kapell:contract-reader#read\n  with: { markdown: text }\n";
    let account =
        |with: &str| format!("{reader}- id: account\n  use: kapell:crm-account#create\n  with: {with}");
    let cases = [
        "steps:\n- id: a\n  use: kapell:git-log#commits".to_owned(),
        "steps:\n- id: a\n  use: kapell:git-log#commits\n  with: { since: 7, sicne: x }".into(),
        "steps:\n- id: a\n  use: kapell:git-log#commits\n  with: { since: \"${{ inputs.count }}\" }".into(),
        "steps:\n- id: a\n  use: kapell:git-log#commits\n  with: { since: \"v${{ inputs.count }}\" }".into(),
        "steps:\n- id: a\n  use: kapell:git-log#commits\n  with: { since: \"${{ inputs.any.deep }}\" }"
            .into(),
        "steps:\n- id: a\n  use: kapell:git-log#commits\n  with: { since: \"${{ 1 > 2 }}\" }".into(),
        account("{ customer: \"${{ facts.customer }}\", accepted: [] }"),
        account("{ customer: \"${{ facts.clauses }}\", accepted: [] }"),
        account("{ customer: { name: A, email: \"${{ facts.customer.email }}\", seats: -1 }, accepted: [] }"),
        account("{ customer: { name: A, emial: \"${{ facts.customer.email }}\", seats: 1 }, accepted: [] }"),
        account("{ customer: { name: A, email: b }, accepted: [] }"),
        account("{ customer: { name: A, email: \"${{ facts.customer.tax_id }}\", seats: 1 }, accepted: [] }"),
        account(
            "{ customer: \"${{ facts.customer }}\", accepted: [{ clause: \"${{ facts.clauses[0] }}\", weight: huge }] }",
        ),
        account(
            "{ customer: { name: A, email: b, seats: \"${{ inputs.count }}\", tax-id: null }, accepted: [] }",
        ),
        account("{ customer: { name: A, email: b, seats: \"${{ inputs.ticket }}\" }, accepted: [] }"),
        account("{ customer: \"x ${{ facts.customer }}\", accepted: { a: \"${{ facts.clauses }}\" } }"),
    ];
    insta::assert_snapshot!(table(&cases.each_ref().map(String::as_str)));
}

#[test]
fn expressions_read_only_what_is_there() {
    let reader = "steps:\n- id: facts\n  use: kapell:contract-reader#read\n  with: { markdown: text }\n";
    let then = |line: &str| format!("{reader}- id: next\n  use: acme:mute#run\n  when: {line}");
    let cases = [
        then("fcats.customer.email != ''"),
        then("facts.customer.emial != ''"),
        then("facts.custmer.email != ''"),
        then("size(facts.clauses.filter(c, c.titel == 'x')) > 0"),
        then("facts.clauses.exists(c, c.title.deeper == 'x')"),
        then("has(facts.customer.taxid)"),
        then("has(facts.customer.tax_id)"),
        then("inputs.tikcet != '' && files.standard != ''"),
        then("inputs.any.whatever.it.is"),
        then("next == 1"),
        then("later == 1\n- id: later\n  use: acme:mute#run"),
        then("verdict.ok"),
        then("size(facts.clauses)"),
        then("inputs.count"),
        then("inputs.ticket ==\n- id: b\n  use: acme:mute#run"),
        then("\"${{ inputs.ticket }}\""),
        then(">-\n    size(inputs.ticket) > 0 &&\n    facts.nothing"),
        "steps:\n- id: a\n  use: kapell:git-log#commits\n  with: { since: \"${{ inputs.ticket }\" }".into(),
        "steps:\n- id: a\n  use: kapell:git-log#commits\n  with:\n    since: |\n      of ${{ inputs.ticket }}\n      to ${{ inputs.cuont }}".into(),
        "require:\n- that: inputs.count > 0\n  else: \"${{ inputs.cnt }} is too few\"\nsteps:\n- id: a\n  use: acme:mute#run".into(),
        "steps:\n- id: a\n  use: acme:mute#run\noutputs: { x: a.b, y: b }".into(),
    ];
    insta::assert_snapshot!(table(&cases.each_ref().map(String::as_str)));
}

#[test]
fn an_enum_is_compared_with_its_own_cases() {
    let flow = |condition: &str| {
        told(&ONBOARDING.replace("d.weight != 'minor')\n    ask", &format!("{condition})\n    ask")))
    };
    assert_eq!(flow("'major' == d.weight"), "accepted\n");
    insta::assert_snapshot!(flow("d.weight == 'mayor'"), @r"
    flow.yaml:24:50: `terms.departing[].weight` is never 'mayor'  [mayor]
      hint: did you mean `major`?
    ");
}

#[test]
fn a_step_that_may_be_skipped_is_asked_for_first() {
    let view =
        "steps:\n- id: view\n  when: inputs.count > 3\n  ask: legal\n  question: Well?\n  answer: string\n";
    let cases = [
        format!("{view}outputs: {{ said: view.answer }}"),
        format!("{view}outputs: {{ said: \"has(view) ? view.answer : 'nothing'\" }}"),
        format!(
            "{view}- id: b\n  when: has(view) && view.approved\n  use: kapell:git-log#commits\n  with: {{ since: \"${{{{ view.answer }}}}\" }}"
        ),
        format!(
            "{view}- id: b\n  when: has(view) || inputs.count > 1\n  use: kapell:git-log#commits\n  with: {{ since: \"${{{{ view.answer }}}}\" }}"
        ),
        format!(
            "{view}- id: b\n  when: \"!has(view)\"\n  use: kapell:git-log#commits\n  with: {{ since: \"${{{{ view.answer }}}}\" }}"
        ),
    ];
    insta::assert_snapshot!(table(&cases.each_ref().map(String::as_str)));
}

#[test]
fn somebody_can_answer_every_question() {
    let ask = |lines: &str| format!("steps:\n- id: q\n  question: Well?\n  {lines}");
    let cases = [
        ask("ask: leagl"),
        ask("ask: strangers"),
        ask("ask: deserted"),
        ask("ask: legal\n  escalate: { after: 1h, to: board }"),
        ask("ask: legal\n  escalate: { after: 1h, to: legal }"),
        ask("ask: legal\n  remind: 2h\n  escalate: { after: 3h, to: general-counsel }\n  expire: 1h"),
        ask("ask: legal\n  answer: strng"),
        ask("ask: legal\n  answer: q"),
        ask("ask: legal\n  answer: [yes, no, maybe]\noutputs: { x: q.answer, y: q.reason, z: q.anser }"),
        ask("ask: legal\noutputs: { x: q.answer }"),
        ask("ask: legal\n  show: { a: inputs.tikcet }"),
    ];
    insta::assert_snapshot!(table(&cases.each_ref().map(String::as_str)));
}

#[test]
fn a_ladder_answers_in_the_steps_own_type() {
    let step = "steps:\n- id: label\n  use: kapell:triage-words#classify\n  with: { text: \"${{ inputs.ticket }}\" }\n";
    let cases = [
        format!("{step}  otherwise:\n  - use: kapell:git-log#commits\n    with: {{ since: x }}"),
        format!("{step}  otherwise:\n  - use: acme:mute#run"),
        format!("{step}  otherwise:\n  - again: {{ text: \"${{{{ inputs.ticket }}}}\" }}"),
        format!("{step}  otherwise:\n  - again: {{}}"),
        format!("{step}  otherwise:\n  - again: {{ txet: more }}"),
        format!("{step}  otherwise:\n  - again: {{ text: \"${{{{ verdict.findings }}}}\" }}"),
        format!(
            "{step}  otherwise:\n  - again: {{ text: \"${{{{ inputs.ticket }}}}, not ${{{{ label.queue }}}}\" }}"
        ),
        format!("{step}  expect: label.confidnece > 0.5"),
        format!(
            "{step}  expect: {{ use: kapell:prose-lint#check, with: {{ markdown: \"${{{{ label }}}}\" }}, holds: size(verdict.finding) == 0 }}"
        ),
        format!("{step}  expect: {{ use: kapell:prose-lint#check, with: {{ markdown: x }} }}"),
        "steps:\n- id: a\n  use: acme:mute#run\n  expect: a == 1".to_owned(),
        format!("{step}  otherwise:\n  - ask: support-lead\n    question: Which?\n    answer: labl"),
    ];
    insta::assert_snapshot!(table(&cases.each_ref().map(String::as_str)));
}

#[test]
fn names_money_and_files_are_what_they_say() {
    insta::assert_snapshot!(table(&[
        "steps:\n- id: inputs\n  use: acme:mute#run\n- id: verdict\n  use: acme:mute#run\n- id: in\n  use: acme:mute#run\n- id: int\n  use: acme:mute#run",
        "steps:\n- id: a\n  use: acme:mute#run\n- id: a\n  use: acme:mute#run",
        "budget: { money: 1 USD }\nsteps:\n- id: a\n  use: acme:mute#run",
        "files: { missing: ./nowhere.md, standard: ./standard.md }\nsteps:\n- id: a\n  use: acme:mute#run",
    ]));
}

#[test]
fn a_budget_asks_somebody_there_is_past_a_bound_there_is() {
    let flow = |budget: &str| {
        told(&format!("flow: f\nversion: '1'\nsteps:\n- id: a\n  use: acme:mute#run\n  budget: {budget}\n"))
    };
    let cases = [
        "{ money: 1 EUR, over: ask legal }",
        "{ over: ask legal }",
        "{ work: 1s, over: ask nobody }",
        "{ work: 1s, over: stop }",
        "{ money: 1 USD }",
        "{ money: 1 EUR, monye: 2 EUR }",
    ];
    insta::assert_snapshot!(cases.map(|budget| format!("{budget}\n--\n{}", flow(budget))).join("\n"), @r#"
    { money: 1 EUR, over: ask legal }
    --
    accepted

    { over: ask legal }
    --
    flow.yaml:6:13: `over` says what happens past a bound, and here is none  [over]

    { work: 1s, over: ask nobody }
    --
    flow.yaml:6:29: nobody can answer: the policy has no role `nobody`  [ask nobody]
      hint: add to policy.toml:
      hint: [role.nobody]
      hint: people = ["user:*"]

    { work: 1s, over: stop }
    --
    flow.yaml:6:29: `stop` is nothing that can be done past a budget  [stop]
      hint: `ask ROLE`

    { money: 1 USD }
    --
    flow.yaml:6:20: the budget is in USD, the tariff in EUR  [1 USD]
      hint: there is no exchange rate here; use the tariff's currency

    { money: 1 EUR, monye: 2 EUR }
    --
    flow.yaml:6:27: a budget has no key `monye`  [monye]
      hint: did you mean `money`?
    "#);
}

#[test]
fn everything_wrong_is_told_at_once() {
    let problems = told(
        &ONBOARDING
            .replace("facts.clauses", "facts.clause")
            .replace("to: general", "to: genral")
            .replace("0.50 EUR", "0.50 CHF"),
    );
    insta::assert_snapshot!(problems);
}

/// What each of the keeper's steps may reach under a ceiling, or what is told of it.
#[test]
fn a_step_reaches_what_its_ceiling_leaves_of_what_policy_grants() {
    let policy = keeper_policy();
    let cases = [
        ("keep", ""),
        ("keep", "grants: { accounts: read-write, out: write }"),
        ("keep", "grants: [accounts, random]"),
        ("keep", "grants: { accounts: all, random: all, out: read }"),
        ("look", "grants: { accounts: read }"),
        ("look", "grants: { accounts: write }"),
        ("keep", "grants: { accounts: read }"),
        ("keep", "grants: []"),
        ("keep", "grants: { acounts: read-write }"),
        ("keep", "grants: { accounts: raed, out: write }"),
        ("keep", "grants: { accounts: all, random: read }"),
        ("keep", "grants: { accounts: all, Out: read }"),
        ("keep", "grants: [accounts, accounts]"),
        ("keep", "grants: accounts"),
        ("keep", "expect: { use: acme:greedy#run, holds: true }\n  grants: [accounts, oot]"),
    ];
    let mut table = String::new();
    for (operation, ceiling) in cases {
        let text = format!("{HEADER}steps:\n- id: a\n  use: acme:keeper#{operation}\n  {ceiling}\n");
        let checked = plan_by(&policy, &text);
        let reached = checked.as_ref().map(|plan| plan.steps[0].calls()[0].grants.clone());
        let told = match reached {
            Ok(set) => {
                set.grants.iter().map(|it| format!("{} {:?}\n", it.name, it.authority.access())).collect()
            }
            Err(_) => told_of(&text, checked),
        };
        writeln!(table, "{operation} {ceiling}\n--\n{told}").unwrap();
    }
    insta::assert_snapshot!(table);
}

/// A ceiling is the step's: its verdict and its ladder stand under it too.
#[test]
fn a_ceiling_holds_for_every_rung() {
    let step = |ceiling: &str| {
        format!(
            "{HEADER}steps:\n- id: a\n  use: acme:mute#run\n  grants: {ceiling}\n  otherwise:\n  - use: acme:keeper#keep\n"
        )
    };
    let policy = keeper_policy();
    let reached = |ceiling: &str| {
        let plan = plan_by(&policy, &step(ceiling)).unwrap();
        plan.steps[0].calls()[1].grants.grants.len()
    };
    assert_eq!(reached("[accounts, out, random]"), 3);
    assert_eq!(reached("[accounts]"), 1);
    let refused = plan_by(&policy, &step("[out]")).unwrap_err();
    assert!(refused.refused());
    assert_eq!(refused.0[0].line, 7);
}
