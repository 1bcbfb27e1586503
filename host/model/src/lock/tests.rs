//! The lock read, written, held against what wants to run, and told what is wrong with it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed assumption must fail the test")]

use super::*;
use crate::capability::Access;
use crate::grant::{Authority, Grant, RootIdentity};
use crate::policy::{Policy, Surroundings};
use crate::quantity::Bytes;

const FOLDER: &str = "/srv/project";

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

fn pin(version: &str) -> SkillPin {
    let component = digest(&format!("letter {version}"));
    SkillPin { name: "kapell:letter".parse().unwrap(), version: version.parse().unwrap(), component }
}

fn files(access: Access, bytes: u64) -> Grant {
    let root = format!("{FOLDER}/out");
    Grant {
        name: "out".parse().unwrap(),
        rule: "letters-out".parse().unwrap(),
        authority: Authority::Files {
            root,
            identity: Some(RootIdentity { device: 66, inode: 4711 }),
            access,
            bytes_max: Bytes(bytes),
            file_max: Bytes(1 << 10),
            files_max: 10,
        },
    }
}

fn greeting() -> Grant {
    let values = [("greeting".to_owned(), "Good \"morning\", it's = ok".to_owned())];
    Grant {
        name: "config".parse().unwrap(),
        rule: "greeting".parse().unwrap(),
        authority: Authority::Config { values: values.into() },
    }
}

fn granted(grants: Vec<Grant>) -> GrantSet {
    GrantSet { inert: vec!["wasi:sockets".into()], ..GrantSet::of(grants) }
}

fn approved(version: &str) -> LockedSkill {
    LockedSkill {
        pin: pin(version),
        shape: digest("shape"),
        grants: granted(vec![greeting(), files(Access::Write, 1 << 20)]),
        limits: Limits::default(),
        approval: Approval {
            by: "user:ada".into(),
            at: Timestamp(1_795_250_664_000),
            expires: Some(Timestamp(1_800_000_000_000)),
            reason: Some("letters go out by it's own rule".into()),
            shown: digest("shown"),
        },
    }
}

fn revoked(version: &str) -> Revoked {
    let reason = Some("it leaks".into());
    Revoked { pin: pin(version), by: "user:eve".into(), at: Timestamp(1_795_250_665_000), reason }
}

fn locked() -> Lock {
    let mut lock = Lock { locked: true, ..Lock::default() };
    lock.approve(approved("1.0.0"));
    lock.revoke(revoked("0.9.0"));
    lock
}

#[test]
fn a_lock_is_a_text_people_can_review_and_reads_back() {
    let text = locked().written(Path::new(FOLDER));
    insta::assert_snapshot!(text, @r#"
    # What people approved for this project. `kapell skills approve` and `kapell skills revoke` write it; keep it with
    # policy.toml. `kapell lock --check` tells whether it still says what is so.
    version = 1
    locked = true

    [[skill]]
    name = "kapell:letter"
    version = "1.0.0"
    component = "sha256:2a179d71ae2a2668f6d1399fb9f518afec7b70cd1dfb1cb67d05cd0b33846c28"
    shape = "sha256:f58940a313992e6838ac3fc1f2356916cf8b53c42920a3f59cabc510f1236ec9"
    grants = [
      '''config config by greeting: values={"greeting":"Good \"morning\", it's = ok"}''',
      'files out by letters-out: access="write" bytes_max=1048576 file_max=1024 files_max=10 identity={"device":"66","inode":"4711"} root="./out"',
      "inert wasi:sockets",
    ]
    limits = "deadline=5000 fuel=100000000 handles=1000 host_calls=1000000 memory=33554432 output=1048576 talk=65536"
    shown = "sha256:baaf53622a51d975235f276287bdc1b64aa4640c77142cbca076877d9eac6815"
    approved-by = "user:ada"
    approved-at = "2026-11-21T08:44:24Z"
    expires = "2027-01-15T08:00:00Z"
    reason = "letters go out by it's own rule"

    [[revoked]]
    name = "kapell:letter"
    version = "0.9.0"
    component = "sha256:70ec8efcf15ca4d5c0d6f2a322bbf24778249ebc927a6cdeb0980b255773bb34"
    revoked-by = "user:eve"
    revoked-at = "2026-11-21T08:44:25Z"
    reason = "it leaks"
    "#);
    assert_eq!(Lock::parse("skills.lock", &text, Path::new(FOLDER)).unwrap(), locked());
    // In another folder the same lock means the directories below that one.
    let moved = Lock::parse("skills.lock", &text, Path::new("/home/ada")).unwrap();
    assert!(format!("{moved:?}").contains("/home/ada/out"), "{moved:?}");
    assert_eq!(moved.written(Path::new("/home/ada")), text);
}

/// What is wrong with the lock of [`locked`] after one text in it was replaced.
/// What a rule of kind http with this key permits.
fn requests(inject: &str) -> GrantSet {
    let grant = serde_json::json!({ "name": "crm", "rule": "crm-api", "authority": {
        "kind": "http", "target": "https://api.acme.example/v1/", "methods": ["GET"], "calls_max": 10,
        "sent_max": 65536, "received_max": 1_048_576, "hosts_max": 1, "addresses": [], "inject": [inject] } });
    granted(vec![serde_json::from_value(grant).unwrap()])
}

#[test]
fn a_header_with_a_secret_is_approved_as_people_read_it() {
    let grants = requests("authorization: Bearer {crm-token from env:CRM}");
    let lines = grant_lines(&grants, Path::new("/srv"));
    assert!(lines[0].contains(r#" inject=["authorization: Bearer {crm-token from env:CRM}"] "#), "{lines:?}");
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert_eq!(read_grants(&lines, Path::new("/srv")), Ok(grants));
    // Another secret, another header, another scheme of the same: nothing of it is approved with the one.
    let others = [
        "authorization: Bearer {pay-token from env:CRM}",
        "x-key: Bearer {crm-token from env:CRM}",
        "authorization: Basic {crm-token from env:CRM}",
        "authorization: Bearer {crm-token from env:OTHER}",
    ];
    for other in others.map(|other| grant_lines(&requests(other), Path::new("/srv"))) {
        assert_ne!(other, lines);
    }
    for text in [
        "host: {a from env:A}",
        "Authorization: {a from env:A}",
        "x-key: a",
        "x-key: {a}",
        "x-key: {a from A}",
        "x-key: {a from file:../a}",
        "x-key: {a from env:A}{b from env:B}",
        "x-key:{a from env:A}",
        "x-key: {A from env:A}",
        "x-key: {a from env:A}\r\ny: z",
    ] {
        assert!(serde_json::from_value::<crate::http::Injection>(text.into()).is_err(), "{text}");
    }
}

fn problems(from: &str, to: &str) -> String {
    let text = locked().written(Path::new(FOLDER));
    assert!(text.contains(from), "{from}");
    let read = Lock::parse("skills.lock", &text.replacen(from, to, 1), Path::new(FOLDER));
    read.map_or_else(|problems| problems.to_string(), |lock| format!("read as {lock:?}"))
}

#[test]
fn a_lock_that_says_something_else_than_approving_writes_is_told_with_its_place() {
    let all = [
        problems("version = 1", "version = 2"),
        problems("locked = true", "locked = true\nloked = true"),
        problems("[[skill]]", "[[skills]]"),
        problems("shown =", "show ="),
        problems("approved-by", "approvedby"),
        problems("bytes_max=1048576", "bytes_max=1048576 extra=1"),
        problems("bytes_max=1048576 file_max=1024", "file_max=1024 bytes_max=1048576"),
        problems("access=\"write\"", "access=\"execute\""),
        problems("fuel=100000000", "fuel=0100"),
        problems("2026-11-21T08:44:24Z", "yesterday"),
        problems("sha256:", "sha512:"),
        problems("revoked-by", "by"),
    ];
    insta::assert_snapshot!(all.join("\n"), @r#"
    skills.lock:3:11: this host reads version 1 of a lock
    skills.lock:5:1: the file has no key `loked`
    skills.lock:6:3: the file has no key `skills`
    skills.lock:6:1: [[skill]] has no `shown`
    skills.lock:17:1: [[skill]] has no key `show`
    skills.lock:6:1: [[skill]] has no `approved-by`
    skills.lock:18:1: [[skill]] has no key `approvedby`
    skills.lock:11:10: `files out by letters-out: access="write"…` is not a line as approving writes it
    skills.lock:11:10: `files out by letters-out: access="write"…` is not a line as approving writes it
    skills.lock:11:10: `files out by letters-out: access="execut…` is not a line as approving writes it
    skills.lock:16:10: `deadline=5000 fuel=0100 handles=1000 hos…` is not a line as approving writes it
    skills.lock:19:15: `yesterday` is not an instant since 1970, such as "2026-11-21T10:00:00Z" or "2026-11-21"
    skills.lock:9:13: not a digest: expected `sha256:` and 64 lower-case hex digits
    skills.lock:23:1: [[revoked]] has no `revoked-by`
    skills.lock:27:1: [[revoked]] has no key `by`
    "#);
}

#[test]
fn the_same_version_is_approved_once() {
    let text = locked().written(Path::new(FOLDER));
    let entry = text.split_once("[[skill]]").unwrap().1.split_once("\n[[revoked]]").unwrap().0;
    let twice = format!("{text}\n[[skill]]{entry}");
    let read = Lock::parse("skills.lock", &twice, Path::new(FOLDER)).unwrap_err();
    assert!(read.to_string().contains("kapell:letter 1.0.0 is approved twice"), "{read}");
}

/// A policy by which `ada` approves.
fn people(more: &str) -> Policy {
    let text = format!("version = 1\n[role.security]\npeople = [\"user:ada\"]\n{more}");
    let surroundings = Surroundings { folder: Path::new(FOLDER), closed: &[], links: |_| false };
    Policy::parse("policy.toml", &text, surroundings).unwrap()
}

#[test]
fn an_approval_by_somebody_who_may_not_approve_lets_nothing_run() {
    let by = |by: &str, locked| {
        let mut lock = Lock { locked, ..locked_without_expiry() };
        lock.skills[0].approval.by = by.into();
        let tried = lock.permits_trying(&pin("1.0.0").component, Timestamp(NOW), people("").approvers(true));
        let tried = tried.map_or_else(|why| why.to_string(), |()| "yes".into());
        assert_eq!(asked(&lock, &granted(vec![]), Limits::default(), NOW), tried);
        tried
    };
    assert_eq!(by("user:ada", true), "yes");
    let mallory = "it was approved by user:mallory, who is not of the role `security`, which approves";
    assert_eq!(by("user:mallory", true), mallory);
    assert_eq!(by("user:mallory", false), "yes");
}

#[test]
fn bytes_are_tried_only_while_an_approval_of_them_counts_and_never_once_they_were_taken_back() {
    let policy = people("");
    let tried = |lock: &Lock, version: &str, now: u64| {
        let told =
            lock.permits_trying(&pin(version).component, Timestamp(now), policy.approvers(lock.locked));
        told.map_or_else(|why| why.to_string(), |()| "yes".into())
    };
    let lock = locked();
    assert_eq!(tried(&lock, "1.0.0", NOW), "yes");
    assert_eq!(
        tried(&lock, "1.0.0", 1_800_000_000_000),
        "its approval by user:ada expired on 2027-01-15T08:00:00Z"
    );
    assert_eq!(tried(&lock, "7.0.0", NOW), "nobody has approved this skill");
    for locked in [true, false] {
        let mut lock = Lock { locked, ..lock.clone() };
        lock.revoke(revoked("1.0.0"));
        assert_eq!(tried(&lock, "1.0.0", NOW), "it was revoked by user:eve: it leaks");
    }
    assert_eq!(tried(&Lock::default(), "7.0.0", NOW), "yes");
}

/// What the lock says of version 1.0.0 with these grants and limits.
fn asked(lock: &Lock, grants: &GrantSet, limits: Limits, now: u64) -> String {
    let pin = pin("1.0.0");
    let policy = people("");
    let approvers = policy.approvers(true);
    let wanted = Wanted { pin: &pin, grants, limits: &limits, now: Timestamp(now), approvers };
    lock.permits(&wanted).map_or_else(|why| why.to_string(), |()| "yes".into())
}

const NOW: u64 = 1_795_250_670_000;

#[test]
fn only_what_was_approved_runs_in_a_locked_home_and_less_than_that() {
    let (lock, limits) = (locked(), Limits::default());
    let all = |grants: Vec<Grant>| asked(&lock, &granted(grants), limits, NOW);
    assert_eq!(all(vec![greeting(), files(Access::Write, 1 << 20)]), "yes");
    assert_eq!(all(vec![files(Access::Write, 1 << 11)]), "yes");
    assert_eq!(all(vec![]), "yes");
    let wider = [
        all(vec![files(Access::Write, (1 << 20) + 1)]),
        all(vec![files(Access::ReadWrite, 1 << 20)]),
        asked(&lock, &GrantSet { inert: vec!["wasi:http".into()], ..granted(vec![]) }, limits, NOW),
        asked(&lock, &granted(vec![]), Limits { fuel: limits.fuel + 1, ..limits }, NOW),
        asked(&lock, &granted(vec![]), limits, 1_800_000_000_000),
    ];
    insta::assert_snapshot!(wider.join("\n"), @r#"
    files `out` as it is granted now was not approved with it
    files `out` as it is granted now was not approved with it
    answering wasi:http with nothing was not approved with it
    a limit of fuel as high was not approved with it
    its approval by user:ada expired on 2027-01-15T08:00:00Z
    "#);
    assert_eq!(asked(&lock, &granted(vec![]), limits, 1_799_999_999_999), "yes");
    assert_eq!(asked(&lock, &granted(vec![]), Limits { fuel: 1, ..limits }, NOW), "yes");
}

#[test]
fn bytes_nobody_approved_run_only_where_the_home_is_not_locked() {
    let nothing = GrantSet::default();
    let empty = Lock { locked: true, ..Lock::default() };
    assert_eq!(asked(&empty, &nothing, Limits::default(), NOW), "nobody has approved this skill");
    assert_eq!(asked(&Lock::default(), &nothing, Limits::default(), NOW), "yes");
    let mut other = empty;
    other.approve(approved("1.1.0"));
    let said = asked(&other, &nothing, Limits::default(), NOW);
    assert!(said.starts_with("what is approved is 1.1.0 ("), "{said}");
}

#[test]
fn what_was_revoked_runs_nowhere_until_it_is_approved_again() {
    for locked in [true, false] {
        let mut lock = Lock { locked, ..locked_without_expiry() };
        lock.revoke(revoked("1.0.0"));
        assert_eq!(
            asked(&lock, &granted(vec![]), Limits::default(), NOW),
            "it was revoked by user:eve: it leaks"
        );
        assert!(lock.skill(&pin("1.0.0")).is_none());
        lock.approve(approved("1.0.0"));
        assert_eq!(asked(&lock, &granted(vec![]), Limits::default(), NOW), "yes");
    }
}

fn locked_without_expiry() -> Lock {
    let mut lock = Lock::default();
    let mut skill = approved("1.0.0");
    skill.approval.expires = None;
    lock.approve(skill);
    lock
}

#[test]
fn revoked_bytes_do_not_run_under_another_name() {
    let mut lock = Lock::default();
    lock.revoke(revoked("1.0.0"));
    let copy = SkillPin { name: "local:copy".parse().unwrap(), ..pin("1.0.0") };
    let (grants, limits) = (GrantSet::default(), Limits::default());
    let policy = people("");
    let approvers = policy.approvers(true);
    let wanted = Wanted { pin: &copy, grants: &grants, limits: &limits, now: Timestamp(0), approvers };
    assert!(matches!(lock.permits(&wanted), Err(Unapproved::Revoked { .. })));
}

#[test]
fn a_skill_approves_itself_only_while_the_policy_says_so_and_for_nothing_at_all() {
    let itself = |grants: GrantSet, asks_nothing_itself: bool| {
        let mut skill = LockedSkill { grants: grants.clone(), ..approved("1.0.0") };
        skill.approval.by = ITSELF.into();
        let mut lock = Lock { locked: true, ..Lock::default() };
        lock.approve(skill);
        let (pin, limits) = (pin("1.0.0"), Limits::default());
        let policy = people(if asks_nothing_itself { "[approval]\nasks-nothing = \"itself\"\n" } else { "" });
        let (now, approvers) = (Timestamp(NOW), policy.approvers(true));
        lock.permits(&Wanted { pin: &pin, grants: &grants, limits: &limits, now, approvers })
    };
    assert_eq!(itself(GrantSet::default(), true), Ok(()));
    assert_eq!(itself(GrantSet::default(), false), Err(Unapproved::Itself));
    assert_eq!(itself(granted(vec![greeting()]), true), Err(Unapproved::Itself));
}

#[test]
fn only_a_persons_approval_answers_for_bytes() {
    let answers = |change: &dyn Fn(&mut LockedSkill), revoke: bool| {
        let mut skill = approved("1.0.0");
        skill.approval.expires = Some(Timestamp(NOW + 1));
        change(&mut skill);
        let mut lock = Lock::default();
        lock.approve(skill);
        if revoke {
            lock.revoke(revoked("1.0.0"));
        }
        let policy = people("");
        let approvers = policy.approvers(true);
        let bytes = |version| lock.approves_bytes(&pin(version).component, Timestamp(NOW), approvers);
        (bytes("1.0.0"), bytes("1.1.0"))
    };
    assert_eq!(answers(&|_| (), false), (true, false));
    assert_eq!(answers(&|_| (), true), (false, false));
    assert_eq!(answers(&|skill| skill.approval.by = ITSELF.into(), false), (false, false));
    assert_eq!(answers(&|skill| skill.approval.by = "user:mallory".into(), false), (false, false));
    assert_eq!(answers(&|skill| skill.approval.expires = Some(Timestamp(NOW)), false), (false, false));
}
