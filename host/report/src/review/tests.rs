//! One review in both forms, with a hostile text wherever a skill can put one.
#![allow(clippy::unwrap_used, reason = "a failed assumption must fail the test")]

use super::*;
use crate::page::tests::{elements, stands_alone};
use kapell_model::capability::{Access, Kind};
use kapell_model::digest::Digest;
use kapell_model::limits::WishedLimits;
use kapell_model::manifest::{Ask, OperationClaim, Wish};
use kapell_model::plan::SkillPin;
use kapell_model::quantity::Timestamp;
use kapell_model::review::{Bump, Part, VersionVerdict};
use kapell_model::shape::{Field, Operation, Shape};

/// What a hostile author would write wherever people read.
const HOSTILE: &str =
    "</code><script>alert(1)</script><img src=x onerror=\"alert('2')\">\u{1b}[2J\u{202e}&amp;";

fn pin(version: &str) -> SkillPin {
    let (name, component) = ("acme:worker".parse().unwrap(), Digest::of(version.as_bytes()));
    SkillPin { name, version: version.parse().unwrap(), component }
}

fn asked(kind: Kind, name: &str, reason: &str, class: Class) -> ReviewedAsk {
    let wish = if kind.has_access() { Wish::Access(Access::Write) } else { Wish::Use };
    let (name, reason) = (name.parse().unwrap(), reason.to_owned());
    let ask = Ask { kind, name, wish, reason, optional: false, line: 7 };
    let rule = (class == Class::Granted).then(|| "letters-out".to_owned());
    ReviewedAsk { ask, class, rule, withheld_by: None, refusal: None, unused: kind == Kind::Notes }
}

fn function(name: &str, class: Class, answer: Option<&str>) -> ReviewedFunction {
    ReviewedFunction { name: name.into(), class, answer: answer.map(str::to_owned) }
}

fn imported(interface: &str, class: Class, why: &str, functions: Vec<ReviewedFunction>) -> ReviewedImport {
    ReviewedImport { interface: interface.into(), class, why: why.into(), lent_by: None, functions }
}

fn difference() -> Difference {
    let change = |part, what: &str, how, before: Option<&str>, after: Option<&str>| Change {
        part,
        what: what.into(),
        how,
        before: before.map(str::to_owned),
        after: after.map(str::to_owned),
        needs: Bump::Minor,
    };
    let changes = vec![
        change(Part::Ask, "files `out`", How::Added, None, Some("write, required")),
        change(Part::Limit, "fuel", How::Narrowed, Some("200"), Some("100")),
        change(Part::Text, "summary", How::Changed, Some("Works"), Some(HOSTILE)),
    ];
    let because = vec!["asks files `out` added".into()];
    let version = VersionVerdict { made: Bump::Patch, needed: Bump::Major, fits: false, because };
    Difference { against: pin("1.0.0"), changes, version }
}

/// A review with something in every part of it.
fn review() -> Review {
    let wishes = WishedLimits { fuel: Some(100), ..WishedLimits::default() };
    let none = WishedLimits::default();
    let sockets = vec![
        function("tcp-socket.connect", Class::Inert, Some("the error access-denied")),
        function("tcp-socket.listen", Class::Inert, Some("the error access-denied")),
        function("tcp-socket.ports", Class::Refused, Some("a call ends the skill")),
    ];
    let operation = Operation {
        name: "work".into(),
        interface: None,
        function: "work".into(),
        docs: Some(HOSTILE.into()),
        params: vec![Field { name: "what".into(), shape: Shape::String, docs: None }],
        result: None,
    };
    Review {
        schema: "kapell.review/1",
        skill: pin("1.0.1"),
        summary: HOSTILE.into(),
        owner: Some(HOSTILE.into()),
        bytes: 18 << 20,
        has_manifest: true,
        operations: vec![ReviewedOperation { operation, claim: OperationClaim::default() }],
        shape: Digest::of(b"shape"),
        asks: vec![
            asked(Kind::Files, "out", HOSTILE, Class::Granted),
            asked(Kind::Notes, "notes", "It tells what it did", Class::Granted),
        ],
        imports: vec![
            imported(
                "acme:crm/people@1.0.0",
                Class::Refused,
                "this host lends no such interface",
                Vec::new(),
            ),
            imported("wasi:sockets/tcp@0.2.6", Class::Inert, "the policy answers it with nothing", sockets),
        ],
        grants: vec!["files out by letters-out: access=\"write\" root=\"./out\"".into()],
        limits: EffectiveLimits::smallest(&wishes, &none, &none),
        difference: Some(difference()),
        observed: Some(vec![Observed {
            subject: "files `out`".into(),
            used: 1_204,
            refused: 0,
            objects: vec![HOSTILE.into()],
            last: Some(Timestamp(0)),
        }]),
        standing: Standing::Unapproved { why: "nobody has approved this skill".into() },
    }
}

#[test]
fn a_review_reads_in_a_terminal() {
    insta::assert_snapshot!(text(&review()), @r#"
    acme:worker 1.0.1  </code><script>alert(1)</script><img src=x onerror="alert('2')">\u{1b}[2J\u{202e}&amp;
    component   sha256:d51e6ec94058554a84558a5b402ee6ef5fdf5455e35c902feda61cda8752943a, 18 MiB
    owner       </code><script>alert(1)</script><img src=x onerror="alert('2')">\u{1b}[2J\u{202e}&amp;
    approval    none: nobody has approved this skill
    note        1 refused: it can't run here and can't be approved
    note        1 change lets it do more than before
    note        its version number does not say what changed

    changed since 1.0.0 (92521fc3cbd9)
      added     asks files `out`
                  write, required
      narrowed  limit fuel
                  was: 200
                  is:  100
      changed   text summary
                  was: Works
                  is:  </code><script>alert(1)</script><img src=x onerror="alert('2')">\u{1b}[2J\u{202e}&amp;
      misfit    version number: goes up by patch, needs major
                  asks files `out` added

    asks for
      granted   files `out` write
                  </code><script>alert(1)</script><img src=x onerror="alert('2')">\u{1b}[2J\u{202e}&amp;
                  by rule letters-out
      granted   notes `notes`
                  It tells what it did
                  by rule letters-out
                  nothing it imports could use this: it asks for more than it needs

    may reach here
      files out by letters-out: access="write" root="./out"

    may spend in one attempt
      deadline 5 s (default), fuel 100 (manifest), handles 1,000 (default), host-calls 1,000,000 (default), memory
      32 MiB (default), output 1 MiB (default), talk 64 KiB (default)

    was seen to use
      files `out`: used 1,204 times, refused 0 times
        </code><script>alert(1)</script><img src=x onerror="alert('2')">\u{1b}[2J\u{202e}&amp;

    imports
      refused   acme:crm/people@1.0.0
                  this host lends no such interface
      inert     wasi:sockets/tcp@0.2.6
                  the policy answers it with nothing
                  the error access-denied: tcp-socket.connect, tcp-socket.listen
                  refused, a call ends the skill: tcp-socket.ports

    operations
      work(what: string) [logic, effects none]
        </code><script>alert(1)</script><img src=x onerror="alert('2')">\u{1b}[2J\u{202e}&amp;

    shown       sha256:c1570557c3b2b72f539ad657e1a9c770093b987e1a1fc890b867b96463480f78
    "#);
}

#[test]
fn nothing_a_skill_says_acts_on_a_terminal() {
    let told = text(&review());
    assert!(!told.chars().any(|letter| letter.is_control() && letter != '\n'), "{told}");
    assert!(!told.contains('\u{202e}'));
}

#[test]
fn nothing_a_skill_says_is_markup_and_the_page_needs_nothing_else() {
    let page = html(&review());
    let known = [
        "!doctype", "b", "body", "code", "dd", "div", "dl", "dt", "footer", "h1", "h2", "head", "header",
        "html", "li", "main", "meta", "p", "section", "span", "style", "title", "ul",
    ];
    assert_eq!(elements(&page), known.map(str::to_owned).into());
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    stands_alone(&page);
}

#[test]
fn both_forms_say_the_same_and_name_what_was_shown() {
    let review = review();
    let (text, page) = (text(&review), html(&review));
    for section in sections(&review) {
        assert!(text.contains(&section.title) && page.contains(&section.title), "{}", section.title);
    }
    let digest = review.digest().to_string();
    assert!(text.ends_with(&digest) && page.contains(&digest));
}

#[test]
fn a_component_without_a_manifest_that_imports_nothing_is_told_in_a_few_lines() {
    let none = WishedLimits::default();
    let plain = Review {
        summary: String::new(),
        owner: None,
        has_manifest: false,
        operations: Vec::new(),
        asks: Vec::new(),
        imports: Vec::new(),
        grants: Vec::new(),
        limits: EffectiveLimits::smallest(&none, &none, &none),
        difference: None,
        observed: None,
        standing: Standing::Development,
        ..review()
    };
    insta::assert_snapshot!(text(&plain), @r#"
    acme:worker 1.0.1
    component   sha256:d51e6ec94058554a84558a5b402ee6ef5fdf5455e35c902feda61cda8752943a, 18 MiB
    owner       nobody is named
    approval    not asked for: this home is for development
    note        it asks for nothing and reaches nothing

    asks for
      nothing: it carries no manifest

    may reach here
      nothing

    may spend in one attempt
      deadline 5 s (default), fuel 100,000,000 (default), handles 1,000 (default), host-calls 1,000,000 (default),
      memory 32 MiB (default), output 1 MiB (default), talk 64 KiB (default)

    imports
      nothing: a pure function of its input

    operations
      none

    shown       sha256:88ce85c415edc40dde56c43645aeb7b6e9d8e8d3f0a5d5fa25d57714ae5385f7
    "#);
}
