//! What people approve of a flow, tested: how data moves, what it means, and what of a change must wait.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop where it is wrong"
)]

use super::tests::{Shelf, operation, record, skill};
use super::*;
use crate::digest::Digest;
use crate::id::{FlowName, Role};
use crate::lock::{Approval, AskedFlow, Lock, LockedFlow, RevokedFlow};
use crate::manifest::Manifest;
use crate::plan::{Plan, Work};
use crate::policy::{Policy, Surroundings};
use crate::review::Standing;
use crate::seam::Skill;
use crate::shape::Shape;
use crate::source::Source;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

const FOLDER: &str = "/home/ops";

/// Skills that each do one thing: sort a ticket, look a customer up, keep a note, put a letter out.
fn shelf() -> Shelf {
    use Shape::String as Text;
    let sorted = record("sorted", [("customer", Text), ("amount", Shape::S64)]);
    let sorted = Shape::Result { ok: Some(Box::new(sorted)), err: Some(Box::new(Text)) };
    let asking = |mut it: Skill, text: &str| {
        let head = format!("[skill]\nname = \"{}\"\nsummary = \"It\"\nowner = \"ops\"\n{text}", it.pin.name);
        it.manifest = Manifest::parse("skill.toml", &head).unwrap();
        Arc::new(it)
    };
    Shelf(vec![
        Arc::new(skill(
            "acme:sorter",
            "1.0.0",
            vec![operation("sort", [("ticket", Text)], Some(sorted.clone()))],
        )),
        Arc::new(skill("acme:desk", "1.0.0", vec![operation("sort", [("ticket", Text)], Some(sorted))])),
        asking(
            skill(
                "acme:accounts",
                "1.0.0",
                vec![
                    operation("look", [("customer", Text)], Some(Text)),
                    operation("note", [("customer", Text), ("note", Text)], None),
                ],
            ),
            "[operation.look]\nlane = \"systems\"\neffects = \"reads\"\n[operation.note]\nlane = \"systems\"\neffects = \"idempotent\"\n\
             [[capability]]\nkind = \"keyvalue\"\nname = \"accounts\"\naccess = \"read-write\"\nreason = \"There\"\n",
        ),
        asking(
            skill("acme:letter", "1.0.0", vec![operation("send", [("text", Text)], None)]),
            "[operation.send]\nlane = \"systems\"\neffects = \"idempotent\"\n\
             [[capability]]\nkind = \"files\"\nname = \"out\"\naccess = \"write\"\nreason = \"There\"\n",
        ),
        Arc::new(skill("acme:lint", "1.0.0", vec![operation("lint", [("text", Text)], Some(Shape::Bool))])),
    ])
}

const POLICY: &str = r#"
version = 1
[[rule]]
id = "crm"
skill = "acme:accounts"
kind = "keyvalue"
name = "accounts"
bind = "namespace:crm"
access = "read-write"
[[rule]]
id = "letters"
skill = "acme:letter"
kind = "files"
name = "out"
bind = "./out"
access = "write"
marks = ["outbound"]
[role.lead]
people = ["user:ada"]
[role.boss]
people = ["user:ada", "user:bo"]
[role.all]
people = ["user:*"]
"#;

const FLOW: &str = r#"
flow: refund
version: "1"
inputs:
  ticket: { type: string, marks: [untrusted] }
  limit: { type: integer, default: 10 }
require:
  - that: size(inputs.ticket) < 5000
    else: too long
budget: { money: 0.50 EUR, work: 45s }
steps:
  - id: facts
    use: acme:sorter#sort
    with: { ticket: "${{ inputs.ticket }}" }
    expect: facts.amount > 0
  - id: account
    use: acme:accounts#look
    with: { customer: "${{ facts.customer }}" }
    grants: { accounts: read }
  - id: agreed
    when: facts.amount > 1000
    ask: lead
    question: Refund ${{ facts.customer }}?
    show: { facts: facts }
    escalate: { after: 4h, to: boss }
    expire: 3d
  - id: letter
    use: acme:letter#send
    with: { text: "Dear ${{ account }}" }
    retry: 2
    limits: { fuel: 1000000 }
  - id: noted
    when: facts.amount > 10
    use: acme:accounts#note
    with: { customer: "${{ facts.customer }}", note: refunded }
outputs:
  amount: facts.amount
"#;

fn policy(text: &str) -> Policy {
    Policy::parse(
        "policy.toml",
        text,
        Surroundings { folder: Path::new(FOLDER), closed: &[], links: |_| false },
    )
    .unwrap()
}

fn plan(policy: &Policy, text: &str) -> Plan {
    let source = Source { file: "flow.yaml", text };
    let authored = read(source).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
    let roles: BTreeMap<Role, Vec<String>> = policy.roles.clone();
    let context = Context {
        catalog: &shelf(),
        grants: policy,
        roles: &roles,
        budgets: &policy.budgets,
        four_eyes: false,
        files: &BTreeMap::new(),
        currency: "EUR".parse().unwrap(),
        tariff: Digest::of(b"tariff"),
        policy: Digest::of(b"policy"),
        engine: "test".into(),
    };
    check(&authored, source, &context).unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

fn meaning(policy_text: &str, text: &str) -> Meaning {
    let policy = policy(policy_text);
    Meaning::of(&plan(&policy, text), &|grant| policy.marks(grant), Path::new(FOLDER))
}

#[track_caller]
fn with(text: &str, changed: (&str, &str)) -> String {
    assert!(text.contains(changed.0), "{}", changed.0);
    text.replacen(changed.0, changed.1, 1)
}

/// What is told of a change of the flow; a line that waits for approval begins with `!`.
fn told(before: &Meaning, after: &Meaning) -> String {
    let mut told = String::new();
    for change in changes(before, after) {
        let sign = if change.widens { '!' } else { ' ' };
        writeln!(told, "{sign} {:?}: {}", change.at, change.words).unwrap();
        for (word, written) in [("was", &change.was), ("is", &change.is)] {
            written.iter().for_each(|written| writeln!(told, "    {word} {written}").unwrap());
        }
    }
    told
}

#[test]
fn data_moves_from_inputs_through_steps_to_people_and_out() {
    let policy = policy(POLICY);
    let lines =
        moves(&plan(&policy, FLOW)).into_iter().map(|it| format!("{} -> {} ({})\n", it.from, it.to, it.what));
    insta::assert_snapshot!(lines.collect::<String>(), @r#"
    input ticket -> facts (ticket)
    facts -> account (customer)
    facts -> agreed (shown to lead)
    account -> letter (text)
    facts -> noted (customer)
    facts -> outputs (amount)
    "#);
}

/// Three skills, none of which holds all three; with any one of the three taken away nothing meets.
#[test]
fn private_data_untrusted_content_and_a_way_out_meet_along_a_path() {
    let met = |policy_text: &str, text: &str| {
        let policy = policy(policy_text);
        let mut told = String::new();
        for it in meetings(&plan(&policy, text), &|grant| policy.marks(grant)) {
            let ways = |traces: &[Trace]| {
                let ways = traces.iter().map(|it| format!("{} through {}", it.from, it.way.join(", ")));
                ways.collect::<Vec<_>>().join("; ")
            };
            let (private, untrusted) = (ways(&it.private), ways(&it.untrusted));
            writeln!(told, "{}: {private} | {untrusted} | {}", it.step, it.outbound.join(", ")).unwrap();
        }
        told
    };
    let all = "letter: keyvalue `accounts` through account, letter | input ticket through facts, account, letter | files `out`\n";
    assert_eq!(met(POLICY, FLOW), all);
    assert_eq!(met(POLICY, &with(FLOW, ("marks: [untrusted]", "marks: []"))), "");
    assert_eq!(met(&with(POLICY, ("marks = [\"outbound\"]", "marks = []")), FLOW), "");
    let public = with(POLICY, ("access = \"read-write\"", "access = \"read-write\"\nmarks = []"));
    assert_eq!(met(&public, FLOW), "");
    assert_eq!(met(POLICY, &with(FLOW, ("Dear ${{ account }}", "Dear all"))), "");
    // What the flow leaves in a place is there for the next run, whose letter is sent before anything is noted.
    let kept = with(FLOW, ("marks: [untrusted]", "marks: []"));
    let kept = with(
        &kept,
        ("limit: { type: integer, default: 10 }", "remark: { type: string, marks: [untrusted] }"),
    );
    let kept = with(&kept, ("note: refunded", "note: \"${{ inputs.remark }}\""));
    assert_eq!(
        met(POLICY, &kept),
        "letter: keyvalue `accounts` through account, letter | input remark through noted, namespace crm, account, letter | files `out`\n"
    );
}

/// An input is read however it is spelled; what is only known when it runs may be any of them.
#[test]
fn an_input_is_read_in_every_spelling() {
    let policy = policy(POLICY);
    let marks = |grant: &crate::grant::Grant| policy.marks(grant);
    let plain = plan(&policy, FLOW);
    for spelled in SPELLINGS {
        let spelled = plan(&policy, &with(FLOW, ("inputs.ticket }}", &format!("{spelled} }}}}"))));
        assert_eq!(meetings(&spelled, &marks), meetings(&plain, &marks));
        let told = moves(&spelled)
            .into_iter()
            .any(|it| (it.from.as_str(), it.to.as_str()) == ("input ticket", "facts"));
        assert!(told, "{:?}", moves(&spelled));
    }
    // What is only asked for comes through as well: whether it was there.
    let asked = with(FLOW, ("Dear ${{ account }}", "${{ has(facts.customer) ? 'Dear ' + account : '' }}"));
    let told = moves(&plan(&policy, &asked))
        .into_iter()
        .any(|it| (it.from.as_str(), it.to.as_str()) == ("facts", "letter"));
    assert!(told, "facts decide what the letter is given");
}

/// Ways to write `inputs.ticket`.
const SPELLINGS: [&str; 5] = [
    "inputs['ticket']",
    "[inputs].map(i, i.ticket)[0]",
    "inputs.map(k, inputs[k])[0]",
    "(true ? inputs : inputs).ticket",
    "inputs.filter(k, k == 'ticket').map(k, inputs[k])[0]",
];

mod spelled {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

        /// Whatever is marked and whatever is read, another spelling hides no meeting and no origin.
        #[test]
        fn no_spelling_hides_a_meeting(
            marks in prop::collection::vec(prop::sample::select(vec!["", "private", "untrusted", "private, untrusted"]), 2),
            spelling in prop::sample::select(SPELLINGS.to_vec()),
            reads in prop::collection::vec(any::<bool>(), 2),
        ) {
            let policy = policy(POLICY);
            let flow = |one: &str, two: &str| {
                let text = |read: bool, input: &str| if read { format!("${{{{ {input} }}}}") } else { "x".into() };
                format!(
                    "flow: any\nversion: \"1\"\ninputs:\n  ticket: {{ type: string, marks: [{}] }}\n  other: {{ type: string, marks: [{}] }}\n\
                     steps:\n  - id: letter\n    use: acme:letter#send\n    with: {{ text: \"{} {}\" }}\n",
                    marks[0], marks[1], text(reads[0], one), text(reads[1], two),
                )
            };
            let met = |text: &str| meetings(&plan(&policy, text), &|grant| policy.marks(grant));
            let plain = met(&flow("inputs.ticket", "inputs.other"));
            let spelled = met(&flow(spelling, &spelling.replace("ticket", "other")));
            let within = |few: &[Trace], many: &[Trace]| few.iter().all(|it| many.contains(it));
            for met in plain {
                prop_assert!(spelled.iter().any(|it| it.step == met.step
                    && within(&met.private, &it.private) && within(&met.untrusted, &it.untrusted)));
            }
        }
    }
}

/// The private steps of a flow that reads, keeps and writes.
fn private(changed: &[(&str, &str)]) -> String {
    let text = changed.iter().fold(FLOW.to_owned(), |text, one| with(&text, *one));
    let private = Private::of(&plan(&policy(POLICY), &text));
    private.steps().map(|step| step.as_str().to_owned()).collect::<Vec<_>>().join(" ")
}

#[test]
fn what_reads_something_private_is_private_and_nothing_else() {
    assert_eq!(private(&[]), "", "nothing is marked");
    let ticket = ("marks: [untrusted]", "marks: [private]");
    assert_eq!(private(&[ticket]), "account agreed facts letter noted", "each reads what the ticket came to");
    let limit =
        ("limit: { type: integer, default: 10 }", "limit: { type: integer, default: 10, marks: [private] }");
    assert_eq!(private(&[limit]), "", "nobody reads it");
    // A condition, an expectation, a question and a name that stands for all inputs read like an argument. What is noted
    // is looked up again as an account.
    assert_eq!(
        private(&[limit, ("when: facts.amount > 10\n", "when: facts.amount > inputs.limit\n")]),
        "account letter noted"
    );
    let expects = ("expect: facts.amount > 0", "expect: facts.amount > inputs.limit");
    assert_eq!(private(&[limit, expects]), "account agreed facts letter noted");
    assert_eq!(private(&[limit, ("show: { facts: facts }", "show: { limit: inputs.limit }")]), "agreed");
    assert_eq!(private(&[limit, ("show: { facts: facts }", "show: { all: inputs }")]), "agreed");
}

#[test]
fn a_marked_step_and_whoever_finds_what_it_leaves_are_private() {
    let account =
        ("    grants: { accounts: read }\n", "    grants: { accounts: read }\n    marks: [private]\n");
    assert_eq!(private(&[account]), "account letter", "the letter reads it");
    // What it notes lies where the account is looked up, also that of a later run.
    let noted = ("note: refunded }\n", "note: refunded }\n    marks: [private]\n");
    assert_eq!(private(&[noted]), "account letter noted");
}

#[test]
fn a_step_that_is_marked_no_more_waits_for_approval() {
    let marked = meaning(POLICY, &with(FLOW, ("    retry: 2\n", "    retry: 2\n    marks: [private]\n")));
    let plain = meaning(POLICY, FLOW);
    let lost = "! Step(\"letter\"): what it comes to is not marked private any more\n";
    assert_eq!(told(&marked, &plain), lost);
    assert_eq!(told(&plain, &marked), "", "more marks are less");
}

#[test]
fn what_a_manifest_says_is_private_is_so_wherever_it_is_called() {
    let mut plan = plan(&policy(POLICY), FLOW);
    let Work::Call { call, .. } = &mut plan.steps[1].work else { panic!("account calls") };
    call.private = vec!["output".into()];
    let steps = |private: &Private| private.steps().map(|step| step.as_str().to_owned()).collect::<Vec<_>>();
    assert_eq!(steps(&Private::of(&plan)), ["account", "letter"]);
    // What goes in where it is private was so before: the facts, and whoever reads them.
    let Work::Call { call, .. } = &mut plan.steps[1].work else { panic!("account calls") };
    call.private = vec!["input.customer".into()];
    let private = Private::of(&plan);
    assert_eq!(steps(&private), ["account", "agreed", "facts", "letter", "noted"]);
    assert!(!private.has_input("ticket"), "what the facts are made from is another thing");
    let Work::Call { call, .. } = &mut plan.steps[0].work else { panic!("facts calls") };
    call.private = vec!["input".into()];
    let private = Private::of(&plan);
    assert!(private.has_input("ticket") && !private.has_input("limit"));
}

#[test]
fn a_meaning_is_lines_that_read_back() {
    let meaning = meaning(POLICY, FLOW);
    let lines = meaning.lines();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    {"budget":{"money":"0.50 EUR","work":45000}}
    {"require":"size(inputs.ticket) < 5000"}
    {"input":{"name":"ticket","shape":"string","marks":["untrusted"]}}
    {"input":{"name":"limit","shape":"integer","default":10}}
    {"step":{"id":"facts","work":{"call":{"call":{"skill":"acme:sorter","operation":"sort","effects":"none","fails":true,"with":{"ticket":"${{ inputs.ticket }}"},"grants":[],"limits":"deadline=5000 fuel=100000000 handles=1000 host_calls=1000000 memory=33554432 output=1048576 talk=65536"},"expect":{"holds":"facts.amount > 0"},"retry":0}}}}
    {"step":{"id":"account","work":{"call":{"call":{"skill":"acme:accounts","operation":"look","effects":"reads","fails":false,"with":{"customer":"${{ facts.customer }}"},"grants":["keyvalue accounts by crm: access=\"read\" bytes_max=0 keys_max=0 namespace=\"crm\""],"limits":"deadline=5000 fuel=100000000 handles=1000 host_calls=1000000 memory=33554432 output=1048576 talk=65536"},"retry":0}}}}
    {"step":{"id":"agreed","when":"facts.amount > 1000","work":{"ask":{"role":"lead","people":["user:ada"],"text":"Refund ${{ facts.customer }}?","show":{"facts":"facts"},"answer":{"kind":"approval"},"escalate":[14400000,"boss",["user:ada","user:bo"]],"expire":259200000}}}}
    {"step":{"id":"letter","work":{"call":{"call":{"skill":"acme:letter","operation":"send","effects":"idempotent","fails":false,"with":{"text":"Dear ${{ account }}"},"grants":["files out by letters: access=\"write\" bytes_max=1048576 file_max=1048576 files_max=100 root=\"./out\""],"limits":"deadline=5000 fuel=1000000 handles=1000 host_calls=1000000 memory=33554432 output=1048576 talk=65536"},"retry":2}}}}
    {"step":{"id":"noted","when":"facts.amount > 10","work":{"call":{"call":{"skill":"acme:accounts","operation":"note","effects":"idempotent","fails":false,"with":{"customer":"${{ facts.customer }}","note":"refunded"},"grants":["keyvalue accounts by crm: access=\"read-write\" bytes_max=1048576 keys_max=1000 namespace=\"crm\""],"limits":"deadline=5000 fuel=100000000 handles=1000 host_calls=1000000 memory=33554432 output=1048576 talk=65536"},"retry":0}}}}
    {"output":["amount","facts.amount"]}
    {"meeting":{"step":"letter","private":["keyvalue `accounts`"],"untrusted":["input ticket"],"outbound":["files `out`"]}}
    "#);
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert_eq!(Meaning::read(&lines).unwrap(), meaning);
    assert!(changes(&meaning, &meaning).is_empty());
    for broken in
        ["{}", "{\"step\":{}}", "{\"budget\":{\"money\":\"0.50 EUR\",\"more\":1}}", " {\"require\":\"true\"}"]
    {
        assert!(Meaning::read(&[broken]).is_err(), "{broken}");
    }
}

/// Everybody a flow lets decide: whom it asks, who is asked after them or instead of them, and who lets a budget pass.
#[test]
fn a_meaning_names_every_role_that_may_decide() {
    let roles = |text: &str| {
        let meaning = meaning(POLICY, text);
        meaning.roles().into_iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    let alone = with(FLOW, ("    escalate: { after: 4h, to: boss }\n", ""));
    let asked = with(&alone, ("ask: lead", "ask: boss"));
    assert_eq!(
        (roles(FLOW).as_str(), roles(&alone).as_str(), roles(&asked).as_str()),
        ("boss lead", "lead", "boss")
    );
    for (from, to) in [
        ("    expire: 3d", "    expire: 3d\n    override: all"),
        ("work: 45s }", "work: 45s, over: ask all }"),
        ("    retry: 2", "    budget: { money: 1 EUR, over: ask all }\n    retry: 2"),
        (
            "    use: acme:sorter#sort",
            "    use: acme:sorter#sort\n    otherwise:\n    - ask: all\n      question: x",
        ),
    ] {
        assert_eq!(roles(&with(&alone, (from, to))), "all lead", "{to}");
    }
}

/// Changes of the flow: what stands there, and what stands there instead.
fn flow_changes() -> Vec<(&'static str, &'static str)> {
    let question = &FLOW[FLOW.find("  - id: agreed").unwrap()..FLOW.find("  - id: letter").unwrap()];
    let letter = &FLOW[FLOW.find("  - id: letter").unwrap()..FLOW.find("  - id: noted").unwrap()];
    let noted = &FLOW[FLOW.find("  - id: noted").unwrap()..FLOW.find("outputs:").unwrap()];
    vec![
        (question, ""),
        ("facts.amount > 1000", "facts.amount > 5000"),
        ("facts.amount > 1000", "facts.amount > 500"),
        ("    when: facts.amount > 1000\n", ""),
        ("facts.amount > 1000", "facts.customer != 'Acme'"),
        ("facts.amount > 1000", "facts.amount > 1000 && facts.customer != 'Acme'"),
        ("facts.amount > 1000", "facts.amount > 1000 || facts.customer != 'Acme'"),
        ("ask: lead", "ask: all"),
        ("to: boss }", "to: all }"),
        ("to: boss }", "to: boss }\n    remind: 1h"),
        ("    escalate: { after: 4h, to: boss }\n", ""),
        ("after: 4h", "after: 1h"),
        ("expire: 3d", "expire: 3d\n    override: boss"),
        ("expire: 3d", "expire: 1d"),
        ("    expire: 3d\n", ""),
        ("Refund ${{ facts.customer }}?", "All well?"),
        ("show: { facts: facts }", "show: { facts: facts, account: account }"),
        ("show: { facts: facts }", "show: { facts: facts, legal: \"'It is fine'\" }"),
        ("show: { facts: facts }", "show: { facts: facts.customer }"),
        ("    show: { facts: facts }\n", ""),
        ("money: 0.50 EUR", "money: 5 EUR"),
        ("money: 0.50 EUR", "money: 0.05 EUR"),
        ("money: 0.50 EUR, ", ""),
        ("work: 45s", "work: 2m"),
        ("size(inputs.ticket) < 5000", "size(inputs.ticket) < 9000"),
        ("size(inputs.ticket) < 5000", "size(inputs.ticket) < 100"),
        ("marks: [untrusted]", "marks: []"),
        ("default: 10", "default: 11"),
        ("acme:accounts#look", "acme:accounts@1#look"),
        ("    expect: facts.amount > 0\n", ""),
        ("expect: facts.amount > 0", "expect: facts.amount > 5"),
        ("expect: facts.amount > 0", "expect: facts.amount > -5"),
        ("Dear ${{ account }}", "Dear ${{ facts.customer }}"),
        ("retry: 2", "retry: 3"),
        ("retry: 2", "retry: 1"),
        ("fuel: 1000000", "fuel: 2000000"),
        ("fuel: 1000000", "fuel: 500000"),
        (noted, ""),
        ("when: facts.amount > 10\n", "when: facts.amount > 20\n"),
        ("when: facts.amount > 10\n", "when: facts.amount > 5\n"),
        ("    retry: 2\n", "    when: facts.amount > 1\n    retry: 2\n"),
        (letter, ""),
        ("outputs:\n", "  - id: fine\n    ask: boss\n    question: All well?\noutputs:\n"),
        (
            "outputs:\n",
            "  - id: fine\n    ask: boss\n    question: All of ${{ inputs.limit }} well?\noutputs:\n",
        ),
        (
            "outputs:\n",
            "  - id: fine\n    ask: boss\n    question: x\n    show: { legal: \"'It is fine'\" }\noutputs:\n",
        ),
        ("outputs:\n", "  - id: linted\n    use: acme:lint#lint\n    with: { text: x }\noutputs:\n"),
        ("outputs:\n", "  - id: again\n    use: acme:letter#send\n    with: { text: x }\noutputs:\n"),
        ("amount: facts.amount", "amount: facts"),
        (
            "    use: acme:sorter#sort",
            "    use: acme:sorter#sort\n    otherwise:\n    - ask: lead\n      question: x",
        ),
        (
            "    use: acme:sorter#sort",
            "    use: acme:sorter#sort\n    otherwise:\n    - again: { ticket: x }\n    - use: acme:desk#sort\n      with: { ticket: y }",
        ),
        ("    retry: 2", "    retry: 2\n    marks: [private]"),
    ]
}

/// Each change of the flow, and which of them waits for approval.
#[test]
fn whatever_is_not_surely_less_waits_for_approval() {
    let before = meaning(POLICY, FLOW);
    let question = &FLOW[FLOW.find("  - id: agreed").unwrap()..FLOW.find("  - id: letter").unwrap()];
    let noted = &FLOW[FLOW.find("  - id: noted").unwrap()..FLOW.find("outputs:").unwrap()];
    let moved = format!("{noted}outputs:").replace("outputs:", &format!("{question}outputs:"));
    let mut table = String::new();
    for (from, to) in flow_changes() {
        let short = |text: &str| text.lines().next().unwrap_or_default().trim().to_owned();
        let after = meaning(POLICY, &with(FLOW, (from, to)));
        writeln!(table, "{} => {}\n{}", short(from), short(to), told(&before, &after)).unwrap();
    }
    let late = with(&with(FLOW, (question, "")), (&format!("{noted}outputs:"), &moved));
    writeln!(table, "the question moved behind the letter\n{}", told(&before, &meaning(POLICY, &late)))
        .unwrap();
    insta::assert_snapshot!(table);
}

/// A check that is passed over has found nothing, and who asks by `has` is told so: it waits, wherever its answer goes.
#[test]
fn a_step_is_used_in_other_cases_for_less_only_where_nothing_notices() {
    let with_reader = |reader: &str, when: &str| {
        let text = with(FLOW, ("outputs:", reader));
        let checked =
            format!("  - id: seen\n{when}    use: acme:lint#lint\n    with: {{ text: x }}\n  - id: letter\n");
        meaning(POLICY, &with(&text, ("  - id: letter\n", &checked)))
    };
    let asks = "has(seen) ? 'a risk' : 'no risk found'";
    let readers = [
        "outputs:".to_owned(),
        format!("  - id: fine\n    ask: lead\n    question: Well?\n    show: {{ risk: \"{asks}\" }}\noutputs:"),
        format!("  - id: fine\n    ask: lead\n    question: \"${{{{ {asks} }}}}\"\noutputs:"),
        format!("  - id: again\n    use: acme:letter#send\n    with: {{ text: \"${{{{ {asks} }}}}\" }}\noutputs:"),
        format!("  - id: desk\n    use: acme:desk#sort\n    with: {{ ticket: x }}\n    otherwise:\n    - again: {{ ticket: \"${{{{ {asks} }}}}\" }}\n    expect: desk.amount > 0\noutputs:"),
        format!("  - id: desk\n    use: acme:desk#sort\n    with: {{ ticket: x }}\n    otherwise:\n    - ask: lead\n      question: x\n      show: {{ risk: \"{asks}\" }}\n    expect: desk.amount > 0\noutputs:"),
        "  - id: desk\n    use: acme:desk#sort\n    with: { ticket: x }\n    expect: desk.amount > 0 || has(seen)\noutputs:".into(),
        "  - id: fine\n    when: \"!has(seen)\"\n    ask: lead\n    question: x\noutputs:".into(),
        format!("outputs:\n  risk: \"{asks}\""),
    ];
    let mut table = String::new();
    for reader in &readers {
        let always = with_reader(reader, "");
        let seldom = with_reader(reader, "    when: inputs.limit > 100\n");
        write!(table, "{}", told(&always, &seldom)).unwrap();
    }
    insta::assert_snapshot!(table);
    // A question asked in more cases passes over what goes by its not having been asked.
    let asked = |when: &str| {
        let text = with(FLOW, ("facts.amount > 1000", when));
        meaning(POLICY, &with(&text, ("    when: facts.amount > 10\n", "    when: \"!has(agreed)\"\n")))
    };
    assert_eq!(
        told(&asked("facts.amount > 1000"), &asked("facts.amount > 500")),
        "! When(\"agreed\"): it was asked when `facts.amount > 1000` and is when `facts.amount > 500`: `noted` reads what it comes to\n"
    );
}

/// A skill goes on without what it asks for as optional, and finds nothing there.
#[test]
fn a_step_loses_what_it_reaches_for_less_only_where_nothing_notices() {
    let without = |id: &str| {
        let mut meaning = meaning(POLICY, FLOW);
        for clause in &mut meaning.clauses {
            if let Clause::Step(StepMeaning { id: step, work: WorkMeaning::Call { call, .. }, .. }) = clause
                && step.as_str() == id
            {
                call.grants.clear();
            }
        }
        told(&self::meaning(POLICY, FLOW), &meaning)
    };
    let letter = "  Step(\"letter\"): it may reach less\n";
    assert_eq!(without("letter"), letter);
    let account = "! Step(\"account\"): it may not reach `accounts` any more: `letter` reads what it comes to\n  Step(\"account\"): it may reach less\n";
    assert_eq!(without("account"), account);
    let noted = "! Step(\"noted\"): it may not reach `accounts` any more: `account` looks where it writes\n  Step(\"noted\"): it may reach less\n";
    assert_eq!(without("noted"), noted);
}

/// Less of one thing is more of another where a ladder leads on to a call: what fails sooner goes down it.
#[test]
fn what_sends_more_down_a_ladder_waits_for_approval_unless_people_stand_there() {
    let ladder = |rungs: &str| {
        let head = "    retry: 2\n    budget: { money: 0.20 EUR, work: 20s }\n    limits: { fuel: 9000 }\n";
        with(FLOW, ("    expect: facts", &format!("{head}    otherwise:\n{rungs}    expect: facts")))
    };
    let (ask, call) =
        ("    - ask: lead\n      question: x\n", "    - use: acme:desk#sort\n      with: { ticket: x }\n");
    let again = "    - again: { ticket: x }\n";
    let changes = [
        ("expect: facts.amount > 0", "expect: facts.amount > 0 && 1 > 2"),
        ("expect: facts.amount > 0", "expect: 0 < facts.amount"),
        ("retry: 2", "retry: 1"),
        ("fuel: 9000", "fuel: 8000"),
        ("money: 0.20 EUR", "money: 0.10 EUR"),
        ("work: 20s", "work: 2s"),
        ("money: 0.50 EUR", "money: 0.05 EUR"),
    ];
    let mut table = String::new();
    for rungs in [ask.to_owned(), format!("{call}{ask}"), again.to_owned()] {
        let before = ladder(&rungs);
        writeln!(table, "{}", rungs.replace('\n', ";").replace("  ", "")).unwrap();
        for change in changes {
            let after = meaning(POLICY, &with(&before, change));
            write!(table, "{}", told(&meaning(POLICY, &before), &after)).unwrap();
        }
    }
    insta::assert_snapshot!(table, @r#"
    - ask: lead;question: x;
      Step("facts"): `facts.amount > 0` was expected and `facts.amount > 0 && 1 > 2` is
      Step("facts"): `facts.amount > 0` was expected and `0 < facts.amount` is
      Step("facts"): it was tried again 2 times and is 1 times
      Step("facts"): an attempt may spend less: fuel
      Step("facts"): the step's budget was 0.20 EUR and is 0.10 EUR
      Step("facts"): it might work for 20 s and may for 2 s
      Money: the budget was 0.50 EUR and is 0.05 EUR
    - use: acme:desk#sort;with: { ticket: x };- ask: lead;question: x;
    ! Step("facts"): `facts.amount > 0` was expected and `facts.amount > 0 && 1 > 2` is: more goes down the ladder of `facts`
      Step("facts"): `facts.amount > 0` was expected and `0 < facts.amount` is
    ! Step("facts"): it was tried again 2 times and is 1 times: more goes down the ladder of `facts`
    ! Step("facts"): an attempt may spend less: fuel: more goes down the ladder of `facts`
    ! Step("facts"): rung 1 of its ladder is another way
        was uses acme:desk#sort with {"ticket":"x"}
        is uses acme:desk#sort with {"ticket":"x"}
    ! Step("facts"): the step's budget was 0.20 EUR and is 0.10 EUR: more goes down the ladder of `facts`
    ! Step("facts"): it might work for 20 s and may for 2 s: more goes down the ladder of `facts`
    ! Money: the budget was 0.50 EUR and is 0.05 EUR: more goes down the ladder of `facts`
    - again: { ticket: x };
    ! Step("facts"): `facts.amount > 0` was expected and `facts.amount > 0 && 1 > 2` is: more goes down the ladder of `facts`
      Step("facts"): `facts.amount > 0` was expected and `0 < facts.amount` is
    ! Step("facts"): it was tried again 2 times and is 1 times: more goes down the ladder of `facts`
    ! Step("facts"): an attempt may spend less: fuel: more goes down the ladder of `facts`
    ! Step("facts"): the step's budget was 0.20 EUR and is 0.10 EUR: more goes down the ladder of `facts`
    ! Step("facts"): it might work for 20 s and may for 2 s: more goes down the ladder of `facts`
    ! Money: the budget was 0.50 EUR and is 0.05 EUR: more goes down the ladder of `facts`
    "#);
    let mut table = String::new();
    let boss = "    - ask: boss\n      question: y\n";
    for (was, is) in [
        (format!("{call}{ask}"), call.to_owned()),
        (format!("{call}{ask}"), ask.to_owned()),
        (format!("{ask}{call}"), call.to_owned()),
        (format!("{again}{call}"), call.to_owned()),
        (format!("{boss}{ask}"), ask.to_owned()),
    ] {
        let change = told(&meaning(POLICY, &ladder(&was)), &meaning(POLICY, &ladder(&is)));
        write!(table, "{change}").unwrap();
    }
    insta::assert_snapshot!(table, @r#"
      Step("facts"): its ladder is shorter
      Step("facts"): its ladder is shorter
    ! Step("facts"): rung 1 of its ladder is another way
        was asks lead: x
        is uses acme:desk#sort with {"ticket":"x"}
    ! Step("facts"): rung 1 of its ladder is another way
        was again with {"ticket":"x"}
        is uses acme:desk#sort with {"ticket":"x"}
    ! Step("facts"): rung 1 of its ladder is another way
        was asks boss: y
        is asks lead: x
    "#);
}

/// What all runs of a flow together may spend is the policy's, and waits for approval all the same.
#[test]
fn a_flow_s_budget_that_is_raised_in_the_policy_waits_for_approval() {
    let by = |rows: &[(&str, &str, &str)]| {
        let rows = rows.iter().map(|(per, most, over)| {
            format!("[[budget]]\nflow = \"refund\"\nper = \"{per}\"\nmost = \"{most}\"\n{over}\n")
        });
        meaning(&format!("{POLICY}{}", rows.collect::<String>()), FLOW)
    };
    let month = |most: &'static str| by(&[("month", most, "")]);
    let asking = |role| by(&[("month", "25 EUR", role)]);
    let mut table = String::new();
    for (what, before, after) in [
        ("new", by(&[]), month("25 EUR")),
        ("gone", month("25 EUR"), by(&[])),
        ("raised", month("25 EUR"), month("30 EUR")),
        ("lowered", month("30 EUR"), month("25 EUR")),
        ("may be passed", month("25 EUR"), asking("over = \"ask lead\"")),
        ("may not be passed", asking("over = \"ask lead\""), month("25 EUR")),
        ("a day's beside it", month("25 EUR"), by(&[("month", "25 EUR", ""), ("day", "1 EUR", "")])),
    ] {
        writeln!(table, "{what}\n{}", told(&before, &after)).unwrap();
        let lines = after.lines();
        assert_eq!(Meaning::read(&lines.iter().map(String::as_str).collect::<Vec<_>>()).unwrap(), after);
    }
    insta::assert_snapshot!(table, @r#"
    new
      Flow: the flow's monthly budget is 25.00 EUR now

    gone
    ! Flow: the flow's monthly budget of 25.00 EUR is gone

    raised
    ! Flow: the flow's monthly budget was 25.00 EUR and is 30.00 EUR

    lowered
      Flow: the flow's monthly budget was 30.00 EUR and is 25.00 EUR

    may be passed
    ! Flow: lead may let the flow's monthly budget be passed

    may not be passed
      Flow: lead can't let the flow's monthly budget be passed any more

    a day's beside it
      Flow: the flow's daily budget is 1.00 EUR now
    "#);
    let other = POLICY.to_owned() + "[[budget]]\nflow = \"other\"\nper = \"day\"\nmost = \"1 EUR\"\n";
    assert_eq!(told(&by(&[]), &meaning(&other, FLOW)), "", "another flow's budget is not this one's");
}

/// A bound may only be lower, and nobody more may let it be passed: for the run and for a step alike.
#[test]
fn a_budget_that_is_higher_or_may_be_passed_waits_for_approval() {
    let run = |budget: &str| meaning(POLICY, &FLOW.replace("budget: { money: 0.50 EUR, work: 45s }", budget));
    let step = |budget: &str| {
        let used = "use: acme:letter#send";
        meaning(POLICY, &FLOW.replace(used, &format!("{used}\n    budget: {budget}")))
    };
    let mut table = String::new();
    for (before, after) in [
        ("budget: { money: 1 EUR }", "budget: { money: 1 EUR, over: ask lead }"),
        ("budget: { money: 1 EUR, over: ask lead }", "budget: { money: 1 EUR }"),
        ("budget: { money: 1 EUR, over: ask lead }", "budget: { money: 1 EUR, over: ask boss }"),
        ("budget: { money: 1 EUR, over: ask boss }", "budget: { money: 1 EUR, over: ask lead }"),
    ] {
        writeln!(table, "{before} => {after}\n{}", told(&run(before), &run(after))).unwrap();
    }
    for (before, after) in [
        ("{ money: 1 EUR }", "{ money: 2 EUR }"),
        ("{ money: 2 EUR }", "{ money: 1 EUR }"),
        ("{ work: 1s }", "{ work: 2s }"),
        ("{ money: 1 EUR, work: 1s }", "{ work: 1s }"),
        ("{ money: 1 EUR }", "{ money: 1 EUR, over: ask all }"),
    ] {
        writeln!(table, "step {before} => {after}\n{}", told(&step(before), &step(after))).unwrap();
    }
    writeln!(table, "a step's budget is gone\n{}", told(&step("{ money: 1 EUR }"), &meaning(POLICY, FLOW)))
        .unwrap();
    insta::assert_snapshot!(table, @r#"
    budget: { money: 1 EUR } => budget: { money: 1 EUR, over: ask lead }
    ! Over: lead may let the budget be passed

    budget: { money: 1 EUR, over: ask lead } => budget: { money: 1 EUR }
      Flow: lead can't let the budget be passed any more

    budget: { money: 1 EUR, over: ask lead } => budget: { money: 1 EUR, over: ask boss }
    ! Over: boss may let the budget be passed instead of lead
    ! Over: user:bo may let it be passed

    budget: { money: 1 EUR, over: ask boss } => budget: { money: 1 EUR, over: ask lead }
    ! Over: lead may let the budget be passed instead of boss

    step { money: 1 EUR } => { money: 2 EUR }
    ! Step("letter"): the step's budget was 1.00 EUR and is 2.00 EUR

    step { money: 2 EUR } => { money: 1 EUR }
      Step("letter"): the step's budget was 2.00 EUR and is 1.00 EUR

    step { work: 1s } => { work: 2s }
    ! Step("letter"): it might work for 1 s and may for 2 s

    step { money: 1 EUR, work: 1s } => { work: 1s }
    ! Step("letter"): the step's budget of 1.00 EUR is gone

    step { money: 1 EUR } => { money: 1 EUR, over: ask all }
    ! Step("letter"): all may let the step's budget be passed

    a step's budget is gone
    ! Step("letter"): the step's budget of 1.00 EUR is gone
    "#);
}

/// The flow stays as it is; what its skills may do, and who may answer, is the operator's.
#[test]
fn what_policy_gives_a_flow_is_part_of_what_was_approved() {
    let before = meaning(POLICY, FLOW);
    let cases = [
        (
            "name = \"out\"\nbind = \"./out\"\naccess = \"write\"",
            "name = \"out\"\nbind = \"./out\"\naccess = \"write\"\nmost = { bytes = \"5MiB\" }",
        ),
        (
            "name = \"out\"\nbind = \"./out\"\naccess = \"write\"",
            "name = \"out\"\nbind = \"./out\"\naccess = \"write\"\nmost = { bytes = \"5KiB\" }",
        ),
        ("people = [\"user:ada\"]", "people = [\"user:*\"]"),
        ("marks = [\"outbound\"]", "marks = []"),
    ];
    let mut table = String::new();
    for (from, to) in cases {
        let after = meaning(&with(POLICY, (from, to)), FLOW);
        writeln!(table, "{}\n{}", to.lines().last().unwrap(), told(&before, &after)).unwrap();
    }
    let quiet = meaning(&with(POLICY, ("marks = [\"outbound\"]", "marks = []")), FLOW);
    writeln!(table, "marks = [\"outbound\"]\n{}", told(&quiet, &before)).unwrap();
    insta::assert_snapshot!(table);
}

#[test]
fn a_review_names_what_was_shown_and_not_whether_it_is_approved() {
    let policy = policy(POLICY);
    let plan = plan(&policy, FLOW);
    let review =
        |standing| FlowReview::of(&plan, &|grant| policy.marks(grant), Path::new(FOLDER), None, standing);
    let (one, other) = (review(Standing::Development), review(Standing::Unapproved { why: "x".into() }));
    assert_eq!(one.digest(), other.digest());
    let another = FlowReview { version: "2".into(), ..one.clone() };
    assert_ne!(one.digest(), another.digest());
    let reach = one.reach.iter().map(|it| format!("{} {:?} in {:?}", it.grant, it.marks, it.steps));
    insta::assert_snapshot!(reach.collect::<Vec<_>>().join("\n"), @r#"
    files out by letters: access="write" bytes_max=1048576 file_max=1048576 files_max=100 root="./out" {Outbound} in ["letter"]
    keyvalue accounts by crm: access="read" bytes_max=0 keys_max=0 namespace="crm" {Private} in ["account"]
    keyvalue accounts by crm: access="read-write" bytes_max=1048576 keys_max=1000 namespace="crm" {Private} in ["noted"]
    "#);
}

/// An approval binds what was rendered: what two meanings differ in is seen in their reviews, beside the digest.
#[test]
fn whatever_an_approval_binds_stands_in_the_review_as_it_is_written() {
    let shown = |policy_text: &str, text: &str| {
        let policy = policy(policy_text);
        let plan = plan(&policy, text);
        let marks = |grant: &crate::grant::Grant| policy.marks(grant);
        let review = FlowReview::of(&plan, &marks, Path::new(FOLDER), None, Standing::Development);
        let meaning = Meaning::of(&plan, &marks, Path::new(FOLDER)).digest();
        (meaning, FlowReview { meaning: Digest::of(b""), ..review }.digest())
    };
    let people = POLICY.replacen("people = [\"user:ada\", \"user:bo\"]", "people = [\"user:ada\"]", 1);
    let mut all = vec![shown(POLICY, FLOW), shown(&people, FLOW)];
    all.extend(flow_changes().into_iter().map(|changed| shown(POLICY, &with(FLOW, changed))));
    // What stands there as it is moves nothing, and is read all the same.
    all.push(shown(POLICY, &with(FLOW, ("note: refunded", "note: returned"))));
    let texts: BTreeMap<_, _> = all.iter().copied().collect();
    let reviews: std::collections::BTreeSet<_> = texts.values().collect();
    assert_eq!(reviews.len(), texts.len(), "two that mean something else look alike");
    assert!(texts.len() > 40, "{}", texts.len());
}

const NOW: &str = "2026-11-21T08:00:00Z";

fn approved(means: Meaning, expires: Option<&str>) -> Lock {
    let approval = Approval {
        by: "user:bo".into(),
        at: NOW.parse().unwrap(),
        expires: expires.map(|at| at.parse().unwrap()),
        reason: Some("It is \"fine\"".into()),
        shown: Digest::of(b"shown"),
    };
    let name: FlowName = "refund".parse().unwrap();
    let mut lock = Lock { locked: true, ..Lock::default() };
    let meaning = means.digest();
    lock.ask_flow(AskedFlow { name: name.clone(), meaning, by: "user:ada".into(), at: NOW.parse().unwrap() });
    lock.approve_flow(LockedFlow { name, version: "1".into(), meaning: means, approval });
    lock
}

#[test]
fn a_flow_runs_by_its_approval_while_it_is_no_more_than_what_was_approved() {
    let before = meaning(POLICY, FLOW);
    let name: FlowName = "refund".parse().unwrap();
    let policy = approving("user:bo");
    let said = |lock: &Lock, means: &Meaning, at: &str| {
        let approvers = policy.approvers(lock.locked);
        lock.permits_flow(&name, means, at.parse().unwrap(), approvers).map_err(|why| why.to_string())
    };
    let lock = approved(before.clone(), Some("2026-12-01T00:00:00Z"));
    assert_eq!(said(&lock, &before, NOW), Ok(()));
    assert_eq!(
        said(&lock, &before, "2026-12-01T00:00:00Z").unwrap_err(),
        "its approval by user:bo expired on 2026-12-01T00:00:00Z"
    );
    let less = meaning(POLICY, &with(FLOW, ("facts.amount > 1000", "facts.amount > 500")));
    assert_eq!(said(&lock, &less, NOW), Ok(()));
    let more = meaning(POLICY, &with(FLOW, ("facts.amount > 1000", "facts.amount > 5000")));
    assert_eq!(
        said(&lock, &more, NOW).unwrap_err(),
        "it is more than was approved: it was asked when `facts.amount > 1000` and is only when `facts.amount > 5000`"
    );
    // A home for development asks nobody, and a locked one everybody.
    assert_eq!(said(&Lock { locked: false, ..lock.clone() }, &more, NOW), Ok(()));
}

/// The policy by which that person approves.
fn approving(person: &str) -> Policy {
    policy(&format!("{POLICY}[role.security]\npeople = [\"{person}\"]\n"))
}

#[test]
fn an_approval_of_a_flow_by_somebody_who_may_not_approve_lets_nothing_begin_or_go_on() {
    let (lock, means) = (approved(meaning(POLICY, FLOW), None), meaning(POLICY, FLOW));
    let name = lock.flows[0].name.clone();
    let (other, before) = (approving("user:eve"), "2026-11-30T11:00:00Z".parse().unwrap());
    let why = "it was approved by user:bo, who is not of the role `security`, which approves";
    let begins = |lock: &Lock, policy: &Policy| {
        lock.permits_flow(&name, &means, NOW.parse().unwrap(), policy.approvers(lock.locked))
    };
    assert_eq!(begins(&lock, &approving("user:bo")), Ok(()));
    let refused = begins(&lock, &other).unwrap_err();
    assert_eq!(refused.to_string(), why);
    assert!(refused.advice().is_some_and(|advice| advice.contains("`former`")));
    assert_eq!(begins(&Lock { locked: false, ..lock.clone() }, &other), Ok(()));
    // Whoever has left and is named so: what they approved counts.
    let former = policy(&format!(
        "{POLICY}[role.security]\npeople = [\"user:eve\"]\n[approval]\nformer = [\"user:bo\"]\n"
    ));
    assert_eq!(begins(&lock, &former), Ok(()));
    // Writing an approval into the lock by hand lets no run go on that was taken back.
    let mut anew = taken_back(&lock, "2026-11-30T12:00:00Z");
    anew.approve_flow(lock.flows[0].clone());
    let goes_on = |policy: &Policy| anew.permits_run(&name, before, policy.approvers(true), || means.clone());
    assert_eq!(goes_on(&approving("user:bo")), Ok(()));
    assert_eq!(goes_on(&other).unwrap_err().to_string(), why);
}

/// Who answers and what all runs may spend is the policy's: what it makes of an approved flow shows without the flow.
#[test]
fn what_a_policy_makes_of_an_approved_flow_is_the_flow_checked_by_it() {
    let name: FlowName = "refund".parse().unwrap();
    let budget = "[[budget]]\nflow = \"refund\"\nper = \"month\"\nmost = \"25 EUR\"\nover = \"ask lead\"\n";
    let other = "[[budget]]\nflow = \"other\"\nper = \"month\"\nmost = \"1 EUR\"\n";
    let anybody = with(POLICY, ("people = [\"user:ada\"]", "people = [\"user:*\"]"));
    let policies =
        [POLICY.to_owned(), anybody, format!("{POLICY}{budget}{other}"), format!("{POLICY}{other}")];
    for before in &policies {
        for after in &policies {
            let (was, is) = (meaning(before, FLOW), meaning(after, FLOW));
            assert_eq!(told(&was, &was.under(&name, &policy(after))), told(&was, &is));
        }
    }
    let waits =
        told(&meaning(&policies[0], FLOW), &meaning(&policies[0], FLOW).under(&name, &policy(&policies[1])));
    assert!(waits.contains("! ") && waits.contains("user:*"), "{waits}");
}

fn taken_back(lock: &Lock, at: &str) -> Lock {
    let mut lock = lock.clone();
    let (by, reason) = ("user:eve".into(), Some("it writes to the wrong people".into()));
    lock.revoke_flow(RevokedFlow { name: lock.flows[0].name.clone(), by, at: at.parse().unwrap(), reason });
    lock
}

#[test]
fn a_flow_that_was_taken_back_begins_nowhere_and_a_run_of_it_goes_on_by_an_approval_of_all_it_means() {
    let (narrow, wide) =
        (meaning(POLICY, FLOW), meaning(POLICY, &with(FLOW, ("facts.amount > 1000", "facts.amount > 5000"))));
    let lock = approved(wide.clone(), None);
    let name = lock.flows[0].name.clone();
    let revoked = taken_back(&lock, "2026-11-30T12:00:00Z");
    assert_eq!(
        Lock::parse("skills.lock", &revoked.written(Path::new(FOLDER)), Path::new(FOLDER)).unwrap(),
        revoked
    );
    let (why, policy) = ("it was revoked by user:eve: it writes to the wrong people", approving("user:bo"));
    for locked in [true, false] {
        let lock = Lock { locked, ..revoked.clone() };
        let may = lock.permits_flow(&name, &narrow, NOW.parse().unwrap(), policy.approvers(locked));
        assert_eq!(may.unwrap_err().to_string(), why);
    }
    let goes_on = |lock: &Lock, began: &str, meaning: &Meaning| {
        let approvers = policy.approvers(lock.locked);
        let may = lock.permits_run(&name, began.parse().unwrap(), approvers, || meaning.clone());
        may.map_err(|why| why.to_string())
    };
    let (before, after) = ("2026-11-30T11:00:00Z", "2026-11-30T13:00:00Z");
    assert_eq!(goes_on(&lock, before, &wide), Ok(()));
    assert_eq!(goes_on(&revoked, before, &wide).unwrap_err(), why);
    let mut anew = revoked.clone();
    anew.approve_flow(LockedFlow { meaning: narrow.clone(), ..lock.flows[0].clone() });
    assert_eq!(anew.flow_revocation(&name), None);
    assert_eq!(goes_on(&anew, before, &narrow), Ok(()));
    let wider = goes_on(&anew, before, &wide).unwrap_err();
    assert!(wider.contains("it is more than was approved"), "{wider}");
    assert_eq!(goes_on(&anew, after, &wide), Ok(()), "it began by an approval that counted then");
}

#[test]
fn flows_stand_in_the_lock_and_read_back() {
    let means = meaning(POLICY, FLOW);
    let mut lock = approved(means.clone(), None);
    assert!(lock.asked.is_empty(), "what was approved waits no more");
    let (name, other) = (lock.flows[0].name.clone(), Digest::of(b"another"));
    lock.ask_flow(AskedFlow {
        name: name.clone(),
        meaning: other,
        by: "user:ada".into(),
        at: NOW.parse().unwrap(),
    });
    assert_eq!(lock.askers(&name, &other), ["user:ada"]);
    assert!(lock.askers(&name, &means.digest()).is_empty());
    let text = lock.written(Path::new(FOLDER));
    assert_eq!(Lock::parse("skills.lock", &text, Path::new(FOLDER)).unwrap(), lock);
    let broken = with(&text, ("\"retry\":2", "\"retry\":2,\"more\":1"));
    let told = Lock::parse("skills.lock", &broken, Path::new(FOLDER)).unwrap_err().to_string();
    assert!(told.contains("is not a line as approving writes it"), "{told}");
    let twice =
        format!("{text}{}", &text[text.find("\n[[flow]]").unwrap()..text.find("\n[[asked]]").unwrap()]);
    let told = Lock::parse("skills.lock", &twice, Path::new(FOLDER)).unwrap_err().to_string();
    assert!(told.contains("refund is approved twice"), "{told}");
}

/// What waits is told at its line; what is gone stands nowhere.
#[test]
fn a_widening_is_told_at_its_line() {
    let before = meaning(POLICY, FLOW);
    let question = &FLOW[FLOW.find("  - id: agreed").unwrap()..FLOW.find("  - id: letter").unwrap()];
    let mut told = String::new();
    for changed in
        [("facts.amount > 1000", "facts.amount > 5000"), ("money: 0.50 EUR", "money: 5 EUR"), (question, "")]
    {
        let text = with(FLOW, changed);
        let source = Source { file: "flow.yaml", text: &text };
        let authored = read(source).unwrap();
        for line in waiting(&changes(&before, &meaning(POLICY, &text)), &authored, source) {
            assert!(line.refused);
            writeln!(told, "{line}").unwrap();
        }
    }
    insta::assert_snapshot!(told, @r#"
    flow.yaml:21:11: it was asked when `facts.amount > 1000` and is only when `facts.amount > 5000`
    flow.yaml:10:18: the budget was 0.50 EUR and is 5.00 EUR
    flow.yaml: the question `agreed` to lead is gone
    "#);
}
