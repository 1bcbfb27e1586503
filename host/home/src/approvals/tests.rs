//! Approvals at the lowest layer that has them: a home on disk, the real sandbox, a clock that is held still.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed assumption must fail the test")]
#![allow(clippy::print_stdout, reason = "how soon a revocation ends a run is told, not asserted")]

use super::*;
use crate::Added;
use crate::home::Options;
use crate::place::Place;
use kapell_journal::entry::RunEnding;
use kapell_model::manifest::{Packed, SECTION};
use kapell_model::policy::Because;
use kapell_model::seam::Clock;
use kapell_runtime::Compiler;
use serde_json::json;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const NOTES: &str = "
[[capability]]
kind = \"notes\"
name = \"notes\"
reason = \"It tells what it did\"
";

const RULE: &str = "
[[rule]]
id = \"notes\"
skill = \"acme:worker\"
kind = \"notes\"
most = { bytes = \"1KiB\" }
";

const PEOPLE: &str = "[role.security]\npeople = [\"user:eve\", \"user:ada\"]\n";

/// What the worker does when it is called.
const RETURN: &str = "";
const SPIN: &str = "(loop br 0)";

struct Held(AtomicU64);

impl Clock for Held {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}

/// A project folder of its own.
struct Scene {
    folder: tempfile::TempDir,
    clock: Arc<Held>,
}

impl Scene {
    fn new(policy: &str) -> Self {
        let scene = Self { folder: tempfile::tempdir().unwrap(), clock: Arc::new(Held(AtomicU64::new(NOW))) };
        scene.policy(policy);
        scene
    }

    /// The same, with a home in which nothing runs that is not approved.
    fn locked(policy: &str) -> Self {
        let scene = Self::new(policy);
        scene.home().make_locked().unwrap();
        scene
    }

    fn policy(&self, policy: &str) {
        fs::write(self.folder.path().join("policy.toml"), format!("version = 1\n{policy}")).unwrap();
    }

    /// The home as another process would open it.
    fn home(&self) -> Home {
        // What the tests wrote themselves.
        let compiler = Some(Compiler::Here(Arc::new(|_| true)));
        let (clock, user) = (self.clock.clone(), "user:bob".into());
        let options = Options { clock, user, compiler, ..Options::default() };
        Home::open(Place::at(self.folder.path()).unwrap(), options).unwrap()
    }

    fn lock_path(&self) -> std::path::PathBuf {
        self.folder.path().join("skills.lock")
    }
}

const NOW: u64 = 1_795_250_664_000;

/// A component with a manifest: an operation `go` that does this.
fn worker(version: &str, asks: &str, body: &str) -> Vec<u8> {
    let text = format!(
        "(component (core module $m (func (export \"go\") {body}))
           (core instance $i (instantiate $m))
           (func (export \"go\") (canon lift (core func $i \"go\"))))"
    );
    let mut bytes = wat::parse_str(text).unwrap();
    let skill_toml =
        format!("[skill]\nname = \"acme:worker\"\nsummary = \"Works\"\nowner = \"acme\"\n{asks}");
    let packed = Packed { schema: 1, version: version.parse().unwrap(), skill_toml, files: [].into() }
        .encode()
        .unwrap();
    let mut section = vec![u8::try_from(SECTION.len()).unwrap()];
    section.extend(SECTION.as_bytes());
    section.extend(packed);
    bytes.push(0);
    let mut length = section.len();
    while length > 127 {
        bytes.push(u8::try_from(length % 128).unwrap() | 128);
        length /= 128;
    }
    bytes.push(u8::try_from(length).unwrap());
    bytes.extend(section);
    bytes
}

fn add(home: &Home, version: &str, asks: &str) -> Added {
    home.add(Path::new("worker.wasm"), &worker(version, asks, RETURN), "user:ada").unwrap()
}

fn shown(home: &Home) -> String {
    home.review(Subject::Installed("acme:worker", None), None).unwrap().digest().to_string()
}

fn approving(shown: String, by: &str) -> Approving {
    let name = "acme:worker".into();
    let (version, against, expires, reason) = (None, None, None, Some("read it".into()));
    Approving { name, version, against, shown, expires, reason, by: by.into() }
}

fn approve(home: &Home, by: &str) -> Result<Approved, String> {
    home.approve(&approving(shown(home), by)).map_err(|error| error.message)
}

fn revoking(by: &str) -> Revoking {
    Revoking { name: "acme:worker".into(), version: None, reason: Some("it leaks".into()), by: by.into() }
}

/// How a call of the worker ends: the state of its run, or why there is none.
async fn call(home: &Home) -> String {
    let skill = home.skill("acme:worker").unwrap();
    match home.call(skill, "go", json!({}), "user:bob").await {
        Ok(finished) => finished.standing.state.word().to_string(),
        Err(error) => error.message,
    }
}

fn in_use(home: &Home) -> Option<String> {
    let skills = home.skills().unwrap();
    skills.iter().find(|it| it.in_use).map(|it| it.skill.pin.version.to_string())
}

#[tokio::test]
async fn in_a_locked_home_only_what_somebody_approved_runs() {
    let scene = Scene::locked(&format!("{PEOPLE}{RULE}"));
    let home = scene.home();
    let added = add(&home, "1.0.0", NOTES);
    assert_eq!(added.pending.as_deref(), Some("nobody has approved this skill"));
    assert_eq!(in_use(&home), None);
    let refused = call(&home).await;
    assert!(refused.ends_with("nobody has approved this skill"), "{refused}");
    let approved = approve(&home, "user:eve").unwrap();
    assert!(approved.put_in_use);
    assert_eq!(call(&home).await, "done");
    // The lock is all that another process needs to know.
    assert_eq!(call(&scene.home()).await, "done");
    let told = |it: &kapell_store::SkillEvent| {
        let why = it.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        format!("{} by {}{why}", it.what.word(), it.by)
    };
    let events = home.skill_events(&"acme:worker".parse().unwrap()).unwrap();
    let told: Vec<String> = events.iter().map(told).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    added by user:ada
    pending by user:ada: nobody has approved this skill
    refused by user:bob: nobody has approved this skill
    approved by user:eve: read it
    in use by user:eve
    "#);
}

#[tokio::test]
async fn in_a_home_for_development_everything_runs_that_is_not_revoked() {
    let scene = Scene::new(RULE);
    let home = scene.home();
    assert_eq!(add(&home, "1.0.0", NOTES).pending, None);
    assert_eq!(call(&home).await, "done");
    home.revoke(&revoking("user:bob")).unwrap();
    let refused = call(&home).await;
    assert!(refused.ends_with("it was revoked by user:bob: it leaks"), "{refused}");
    let again = add(&home, "1.0.0", NOTES);
    assert_eq!(again.pending.as_deref(), Some("it was revoked by user:bob: it leaks"));
    approve(&home, "user:ada").unwrap();
    assert_eq!(call(&home).await, "done");
}

#[tokio::test]
async fn an_update_waits_while_the_old_version_serves_and_is_in_use_once_approved() {
    let scene = Scene::locked(&format!("{PEOPLE}{RULE}"));
    let home = scene.home();
    add(&home, "1.0.0", "");
    approve(&home, "user:eve").unwrap();
    let update = add(&home, "2.0.0", NOTES);
    assert_eq!(update.before.map(|it| it.to_string()).as_deref(), Some("1.0.0"));
    assert!(update.pending.is_some_and(|why| why.starts_with("what is approved is 1.0.0 (")));
    assert_eq!(in_use(&home).as_deref(), Some("1.0.0"));
    assert_eq!(call(&home).await, "done");
    let review = home.review(Subject::Installed("acme:worker", None), None).unwrap();
    let difference = review.difference.unwrap();
    assert_eq!((review.skill.version.to_string().as_str(), difference.widens()), ("2.0.0", true));
    let told: Vec<String> = difference.changes.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["asks notes `notes` added", "grant notes `notes` added"]);
    approve(&home, "user:eve").unwrap();
    assert_eq!(in_use(&home).as_deref(), Some("2.0.0"));
    assert_eq!(call(&home).await, "done");
}

#[tokio::test]
async fn a_version_that_is_not_approved_is_not_put_in_use_by_hand() {
    let scene = Scene::locked(&format!("{PEOPLE}{RULE}"));
    let home = scene.home();
    let name = "acme:worker".parse().unwrap();
    add(&home, "1.0.0", NOTES);
    let refused = home.use_version(&name, &"1.0.0".parse().unwrap(), "user:bob").unwrap_err();
    assert_eq!(refused.kind, Kind::Refused);
    approve(&home, "user:eve").unwrap();
    home.use_version(&name, &"1.0.0".parse().unwrap(), "user:bob").unwrap();
}

#[test]
fn whatever_would_be_shown_otherwise_by_now_is_not_approved() {
    let scene = Scene::locked(&format!("{PEOPLE}{RULE}"));
    let home = scene.home();
    add(&home, "1.0.0", NOTES);
    let before = shown(&home);
    let refused =
        |home: &Home| home.approve(&approving(before.clone(), "user:eve")).map_err(|error| error.message);
    let not_shown = "what is shown of acme:worker 1.0.0 now is not what was shown";
    // Other bytes under the same name and version.
    home.add(Path::new("worker.wasm"), &worker("1.0.0", NOTES, "(nop)"), "user:ada").unwrap();
    assert_eq!(refused(&home).unwrap_err(), not_shown);
    add(&home, "1.0.0", NOTES);
    // A policy that gives more, or less.
    for bytes in ["2KiB", "1B"] {
        scene.policy(&format!("{PEOPLE}{}", RULE.replace("1KiB", bytes)));
        assert_eq!(refused(&scene.home()).unwrap_err(), not_shown);
        // A policy that changed since this process read it.
        assert_eq!(refused(&home).unwrap_err(), "the policy has changed meanwhile");
    }
    scene.policy(&format!("{PEOPLE}{RULE}[limits.any]\nfuel = 7\n"));
    assert_eq!(refused(&scene.home()).unwrap_err(), not_shown);
    scene.policy(&format!("{PEOPLE}{RULE}"));
    for short in ["", "sha256:", before.get(..18).unwrap()] {
        assert_eq!(
            home.approve(&approving(short.into(), "user:eve")).unwrap_err().message,
            not_shown,
            "{short}"
        );
    }
    assert!(home.lock().unwrap().skills.is_empty());
    refused(&home).unwrap();
}

#[test]
fn what_the_policy_refuses_can_not_be_approved() {
    let scene = Scene::locked(PEOPLE);
    let home = scene.home();
    add(&home, "1.0.0", NOTES);
    let refused = approve(&home, "user:eve").unwrap_err();
    assert!(
        refused.starts_with("acme:worker 1.0.0 can't be approved while it is refused notes `notes`"),
        "{refused}"
    );
}

#[test]
fn nobody_approves_what_they_added_nor_without_the_role() {
    let scene = Scene::locked(&format!("{PEOPLE}{RULE}"));
    let home = scene.home();
    add(&home, "1.0.0", NOTES);
    let by = |home: &Home, person: &str| approve(home, person).map(|_| ());
    let own = "approving acme:worker 1.0.0 is refused: user:ada: nobody approves what they asked for";
    assert_eq!(by(&home, "user:ada").unwrap_err(), own);
    // That somebody else adds the same bytes too takes nothing from that.
    home.add(Path::new("worker.wasm"), &worker("1.0.0", NOTES, RETURN), "user:bob").unwrap();
    assert_eq!(by(&home, "user:ada").unwrap_err(), own);
    assert!(by(&home, "user:bob").unwrap_err().contains("is not of the role `security`"));
    assert!(
        home.revoke(&revoking("user:bob")).unwrap_err().message.contains("is not of the role `security`")
    );
    scene.policy(&format!("{PEOPLE}{RULE}[approval]\nfour-eyes = false\n"));
    by(&scene.home(), "user:ada").unwrap();
}

#[tokio::test]
async fn a_skill_that_asks_for_nothing_approves_itself_where_the_policy_lets_it() {
    let itself = format!("{PEOPLE}{RULE}[approval]\nasks-nothing = \"itself\"\n");
    let scene = Scene::locked(&itself);
    let home = scene.home();
    assert_eq!(add(&home, "1.0.0", "").pending, None);
    assert_eq!(call(&home).await, "done");
    assert_eq!(home.lock().unwrap().skills[0].approval.by, ITSELF);
    // One that asks does not, and what approved itself is void once the policy says otherwise.
    assert!(add(&home, "2.0.0", NOTES).pending.is_some());
    scene.policy(&format!("{PEOPLE}{RULE}"));
    let refused = call(&scene.home()).await;
    assert!(refused.ends_with("it approved itself, which the policy does not permit"), "{refused}");
    let strict = Scene::locked(&format!("{PEOPLE}{RULE}"));
    assert!(add(&strict.home(), "1.0.0", "").pending.is_some());
}

#[tokio::test]
async fn a_policy_that_gives_more_than_was_approved_is_refused_and_one_that_gives_less_is_not() {
    let scene = Scene::locked(&format!("{PEOPLE}{RULE}"));
    let home = scene.home();
    add(&home, "1.0.0", NOTES);
    approve(&home, "user:eve").unwrap();
    scene.policy(&format!("{PEOPLE}{}", RULE.replace("1KiB", "2KiB")));
    let refused = call(&scene.home()).await;
    assert!(refused.ends_with("notes `notes` as it is granted now was not approved with it"), "{refused}");
    scene.policy(&format!("{PEOPLE}{}", RULE.replace("1KiB", "1B")));
    assert_eq!(call(&scene.home()).await, "done");
    scene.policy(&format!("{PEOPLE}{RULE}[limits.any]\nmemory = \"64MiB\"\n"));
    let refused = call(&scene.home()).await;
    assert!(refused.ends_with("a limit of memory as high was not approved with it"), "{refused}");
}

#[tokio::test]
async fn another_directory_in_the_place_of_the_approved_one_is_refused() {
    let asks = "[[capability]]\nkind = \"files\"\nname = \"in\"\naccess = \"read\"\nreason = \"It reads\"\n";
    let rule = "[[rule]]\nid = \"in\"\nskill = \"acme:worker\"\nkind = \"files\"\nname = \"in\"\nbind = \"./in\"\naccess = \"read\"\n";
    let scene = Scene::locked(&format!("{PEOPLE}{rule}"));
    let (home, granted) = (scene.home(), scene.folder.path().join("in"));
    fs::create_dir(&granted).unwrap();
    add(&home, "1.0.0", asks);
    approve(&home, "user:eve").unwrap();
    assert_eq!((call(&home).await.as_str(), drifts(&home).as_str()), ("done", ""));
    fs::rename(&granted, scene.folder.path().join("before")).unwrap();
    fs::create_dir(&granted).unwrap();
    let why =
        format!("the other directory that stands at {} now was not approved with it", granted.display());
    let refused = call(&home).await;
    assert!(refused.ends_with(&why), "{refused}");
    assert!(drifts(&home).ends_with(&why), "{}", drifts(&home));
}

#[tokio::test]
async fn an_approval_ends_when_it_says_so() {
    let scene = Scene::locked(&format!("{PEOPLE}{RULE}"));
    let home = scene.home();
    add(&home, "1.0.0", NOTES);
    let until = |at: u64| Approving { expires: Some(Timestamp(at)), ..approving(shown(&home), "user:eve") };
    let late = home.approve(&until(NOW)).unwrap_err();
    assert_eq!(late.message, "the approval would have expired already");
    home.approve(&until(NOW + 1_000)).unwrap();
    assert_eq!(call(&home).await, "done");
    scene.clock.0.store(NOW + 1_000, Ordering::Relaxed);
    let refused = call(&home).await;
    assert!(refused.contains("its approval by user:eve expired on 2026-11-21T08:44:25Z"), "{refused}");
    // Told once, whether or not it is in use.
    assert_eq!(drifts(&home), "acme:worker 1.0.0: its approval by user:eve expired on 2026-11-21T08:44:25Z");
}

#[tokio::test]
async fn taking_the_lock_away_opens_nothing_and_neither_does_a_new_home() {
    let scene = Scene::locked(&format!("{PEOPLE}{RULE}"));
    let home = scene.home();
    add(&home, "1.0.0", NOTES);
    approve(&home, "user:eve").unwrap();
    let lock = fs::read_to_string(scene.lock_path()).unwrap();
    fs::remove_file(scene.lock_path()).unwrap();
    assert!(call(&home).await.ends_with("nobody has approved this skill"));
    fs::write(scene.lock_path(), lock.replace("locked = true", "locked = false")).unwrap();
    assert!(home.is_locked().unwrap());
    fs::write(scene.lock_path(), &lock).unwrap();
    drop(home);
    // The lock travels with the project: a home made anew beside it is locked too.
    fs::remove_dir_all(scene.folder.path().join(".kapell")).unwrap();
    let home = scene.home();
    assert!(home.is_locked().unwrap());
    assert_eq!(add(&home, "1.0.0", NOTES).pending, None, "it is approved already");
    assert!(add(&home, "1.0.1", NOTES).pending.is_some());
}

/// A project that came from elsewhere says only in its lock that it is locked.
#[tokio::test]
async fn a_home_that_was_opened_beside_a_locked_lock_stays_locked_without_it() {
    let elsewhere = Scene::locked(&format!("{PEOPLE}{RULE}"));
    let lock = fs::read_to_string(elsewhere.lock_path()).unwrap();
    let read_only = |scene: &Scene| {
        let options = Options { only_reading: true, ..Options::default() };
        Home::open(Place::at(scene.folder.path()).unwrap(), options)
    };
    for only_reading in [true, false] {
        let scene = Scene::new(&format!("{PEOPLE}{RULE}"));
        fs::write(scene.lock_path(), &lock).unwrap();
        let opened = if only_reading { read_only(&scene).unwrap() } else { scene.home() };
        assert!(opened.unread.is_none());
        drop(opened);
        fs::remove_file(scene.lock_path()).unwrap();
        let home = scene.home();
        assert!(add(&home, "1.0.0", NOTES).pending.is_some());
        assert!(call(&home).await.ends_with("nobody has approved this skill"));
        assert_eq!(
            drifts(&home),
            "skills.lock: it is gone, and nothing is approved without it: the home is locked"
        );
        fs::write(scene.lock_path(), lock.replace("locked = true", "locked = false")).unwrap();
        assert!(scene.home().is_locked().unwrap());
        assert_eq!(drifts(&home), "skills.lock: it says that the home is not locked, which it is");
    }
    // Where it can't be kept in mind, nothing but reading goes on, and that says so.
    let scene = Scene::new(&format!("{PEOPLE}{RULE}"));
    fs::write(scene.lock_path(), &lock).unwrap();
    fs::create_dir_all(scene.folder.path().join(".kapell/locked.partial")).unwrap();
    let unread = read_only(&scene).unwrap().unread.unwrap();
    assert!(unread.message.contains("write ") && unread.message.contains(".kapell/locked"), "{unread}");
    let options = Options { clock: scene.clock.clone(), ..Options::default() };
    assert!(Home::open(Place::at(scene.folder.path()).unwrap(), options).is_err());
}

/// Whoever writes an approval into the lock by hand has to be of those who approve; whoever is and has left since may be
/// named.
#[tokio::test]
async fn what_is_approved_by_somebody_who_may_not_approve_does_not_run() {
    let scene = Scene::locked(&format!("{PEOPLE}{RULE}"));
    let home = scene.home();
    add(&home, "1.0.0", NOTES);
    approve(&home, "user:eve").unwrap();
    let path = scene.folder.path().join("flow.yaml");
    let checked = flow(&scene, &home, CAREFUL);
    home.ask_flow(&path, "user:bob").unwrap();
    let shown = home.review_flow(&path).unwrap().digest().to_string();
    let by = "user:eve".into();
    let approving = crate::ApprovingFlow { path, shown, expires: None, reason: None, by };
    home.approve_flow(&approving).unwrap();
    assert_eq!((call(&home).await.as_str(), drifts(&home).as_str()), ("done", ""));
    let lock = fs::read_to_string(scene.lock_path()).unwrap();
    let (eve, mallory) = ("approved-by = \"user:eve\"", "approved-by = \"user:mallory\"");
    let (skill, flow) = lock.rsplit_once(eve).map(|(before, after)| (before.to_owned(), after)).unwrap();
    let forged_flow = format!("{skill}{mallory}{flow}");
    let why = "it was approved by user:mallory, who is not of the role `security`, which approves";
    fs::write(scene.lock_path(), forged_flow).unwrap();
    assert_eq!(drifts(&home), format!("flow careful: {why}"));
    let refused = home.run(checked, json!({}), "user:bob").await.err().unwrap();
    assert!(refused.message.ends_with(why), "{refused}");
    assert!(refused.hint.unwrap().contains("`former` below `[approval]`"));
    fs::write(scene.lock_path(), lock.replacen(eve, mallory, 1)).unwrap();
    assert_eq!(drifts(&home), format!("acme:worker 1.0.0: {why}"));
    assert!(call(&home).await.ends_with(why));
    // Eve leaves: what stops by that is told before it does, and how to let it go on.
    fs::write(scene.lock_path(), &lock).unwrap();
    home.policy_in_effect().unwrap();
    let left = format!("[role.security]\npeople = [\"user:ada\"]\n{RULE}");
    scene.policy(&left);
    let home = scene.home();
    let moved = home.policy_change().unwrap().unwrap();
    let moved: Vec<String> = moved.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(moved.join("\n"), @r#"
    role security loses user:eve; used by careful
    acme:worker 1.0.0 loses its approval by user:eve
    flow careful loses its approval by user:eve
    "#);
    assert!(call(&home).await.contains("it was approved by user:eve, who is not of the role `security`"));
    scene.policy(&format!("{left}[approval]\nformer = [\"user:eve\"]\n"));
    let home = scene.home();
    assert_eq!(call(&home).await, "done");
    assert!(approve(&home, "user:eve").unwrap_err().contains("is not of the role `security`"));
}

/// Somebody who approved it may bring it to another machine later, which asks for nothing.
#[test]
fn whoever_approved_a_skill_may_install_it_elsewhere() {
    let scene = Scene::locked(&format!("{PEOPLE}{RULE}"));
    let home = scene.home();
    add(&home, "1.0.0", NOTES);
    approve(&home, "user:eve").unwrap();
    drop(home);
    fs::remove_dir_all(scene.folder.path().join(".kapell")).unwrap();
    scene.clock.0.store(NOW + 1_000, Ordering::Relaxed);
    let home = scene.home();
    home.add(Path::new("worker.wasm"), &worker("1.0.0", NOTES, RETURN), "user:eve").unwrap();
    assert_eq!(drifts(&home), "");
}

#[test]
fn what_the_policy_or_a_file_makes_of_an_approved_flow_is_told_with_the_lock() {
    let scene = Scene::locked(&format!("{PEOPLE}{RULE}"));
    let home = scene.home();
    add(&home, "1.0.0", NOTES);
    approve(&home, "user:eve").unwrap();
    let path = scene.folder.path().join("flow.yaml");
    let checked = flow(&scene, &home, CAREFUL);
    let told = |home: &Home| {
        let told = home.lock_check(std::slice::from_ref(&path)).unwrap();
        told.iter().map(|it| format!("{}: {}", it.subject, it.what)).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(drifts(&home), "", "no lock names the flow");
    assert_eq!(told(&home), "flow careful: nobody has approved this flow");
    assert!(home.waits_for_approval(&checked).unwrap().is_some());
    home.ask_flow(&path, "user:bob").unwrap();
    let shown = home.review_flow(&path).unwrap().digest().to_string();
    let (by, path) = ("user:eve".into(), path.clone());
    home.approve_flow(&crate::ApprovingFlow { path, shown, expires: None, reason: None, by }).unwrap();
    assert_eq!((drifts(&home).as_str(), told(&home).as_str()), ("", ""));
    assert!(home.waits_for_approval(&checked).unwrap().is_none());
    // More people answer: the policy alone shows it.
    scene.policy(&format!("{}{RULE}", PEOPLE.replace("\"user:eve\", \"user:ada\"", "\"user:*\"")));
    let wider = "flow careful: it is more than was approved: user:* may answer";
    assert!(drifts(&scene.home()).starts_with(wider), "{}", drifts(&scene.home()));
    scene.policy(&format!("{PEOPLE}{RULE}"));
    let gone = "flow: careful\nversion: '1'\nsteps:\n  - id: work\n    use: acme:worker#go\n";
    flow(&scene, &home, gone);
    let wider = "flow careful: it is more than was approved: the question `fine` to security is gone";
    assert_eq!((drifts(&home).as_str(), told(&home).as_str()), ("", wider));
}

#[tokio::test]
async fn an_older_approved_version_is_put_in_use_only_by_whoever_says_so() {
    let scene = Scene::locked(&format!("{PEOPLE}{RULE}"));
    let home = scene.home();
    for version in ["1.0.0", "1.0.1"] {
        add(&home, version, NOTES);
        approve(&home, "user:eve").unwrap();
    }
    let again = home.add(Path::new("old.wasm"), &worker("1.0.0", NOTES, RETURN), "user:mallory").unwrap();
    let newer = again.newer_in_use.map(|it| it.to_string());
    assert_eq!((again.pending, newer.as_deref()), (None, Some("1.0.1")));
    assert_eq!(in_use(&home).as_deref(), Some("1.0.1"));
    let name = "acme:worker".parse().unwrap();
    home.use_version(&name, &"1.0.0".parse().unwrap(), "user:bob").unwrap();
    assert_eq!(add(&home, "1.0.1", NOTES).newer_in_use, None);
    assert_eq!(in_use(&home).as_deref(), Some("1.0.1"), "a newer one is put in use as ever");
    // What may not run gives way to what may, and whoever is refused hears of it.
    home.revoke(&revoking("user:eve")).unwrap();
    let skill = home.skill("acme:worker").unwrap();
    let refusal = home.check_approved(&skill).unwrap_err();
    let advice = "; 1.0.0 may run: `kapell skills use acme:worker 1.0.0` puts it in use";
    assert!(refusal.advice.unwrap().ends_with(advice));
    assert_eq!(add(&home, "1.0.0", NOTES).newer_in_use, None);
    assert_eq!(in_use(&home).as_deref(), Some("1.0.0"));
    // A home for development takes what it is given.
    let scene = Scene::new(RULE);
    let home = scene.home();
    add(&home, "1.0.1", NOTES);
    add(&home, "1.0.0", NOTES);
    assert_eq!(in_use(&home).as_deref(), Some("1.0.0"));
}

#[test]
fn a_changed_policy_tells_what_a_version_that_waits_would_gain() {
    let scene = Scene::locked(&format!("{PEOPLE}{RULE}"));
    let home = scene.home();
    add(&home, "1.0.0", "");
    approve(&home, "user:eve").unwrap();
    add(&home, "1.1.0", NOTES);
    home.policy_in_effect().unwrap();
    scene.policy(&format!("{PEOPLE}{}", RULE.replace("1KiB", "2KiB")));
    let moved = |home: &Home| {
        let moved = home.policy_change().unwrap().unwrap();
        moved.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let gains = "gains notes `notes` 2 KiB (rule notes) (before: 1 KiB (rule notes))";
    assert_eq!(moved(&scene.home()), format!("acme:worker 1.1.0 (pending) {gains}"));
    scene.policy(&format!("{PEOPLE}{RULE}"));
    approve(&scene.home(), "user:eve").unwrap();
    scene.policy(&format!("{PEOPLE}{}", RULE.replace("1KiB", "2KiB")));
    assert_eq!(moved(&scene.home()), format!("acme:worker {gains}"));
}

#[test]
fn what_has_expired_is_compared_with_what_is_approved() {
    let scene = Scene::locked(&format!("{PEOPLE}{RULE}"));
    let home = scene.home();
    add(&home, "1.0.0", "");
    approve(&home, "user:eve").unwrap();
    add(&home, "1.0.1", NOTES);
    let expires = Some(Timestamp(NOW + 1_000));
    home.approve(&Approving { expires, ..approving(shown(&home), "user:eve") }).unwrap();
    let since = |home: &Home| {
        let review = home.review(Subject::Installed("acme:worker", None), None).unwrap();
        let difference = review.difference.unwrap();
        (review.skill.version.to_string(), difference.against.version.to_string(), difference.widens())
    };
    assert_eq!(since(&home), ("1.0.1".into(), "1.0.1".into(), false));
    scene.clock.0.store(NOW + 1_000, Ordering::Relaxed);
    assert_eq!(since(&home), ("1.0.1".into(), "1.0.0".into(), true));
}

#[test]
fn what_the_lock_lets_not_run_is_tried_only_by_whoever_says_so() {
    let scene = Scene::locked(&format!("{PEOPLE}{RULE}"));
    let home = scene.home();
    let (bytes, scratch) = (worker("1.0.0", NOTES, RETURN), tempfile::tempdir().unwrap());
    let stage = |unapproved: bool| {
        let trial = crate::Trial::at(&Place::at(scene.folder.path()).unwrap()).unwrap();
        let compiler = Compiler::Here(Arc::new(|_| true));
        let trial = (!unapproved).then_some(&trial);
        let staged =
            crate::Rehearsal::stage(scratch.path(), Path::new("worker.wasm"), &bytes, &[], compiler, trial);
        staged.map(|_| ()).map_err(|error| error.message)
    };
    let refused = stage(false).unwrap_err();
    assert!(refused.ends_with("is not tried here: nobody has approved this skill"), "{refused}");
    stage(true).unwrap();
    add(&home, "1.0.0", NOTES);
    approve(&home, "user:eve").unwrap();
    stage(false).unwrap();
    home.revoke(&revoking("user:eve")).unwrap();
    assert!(stage(false).unwrap_err().ends_with("it was revoked by user:eve: it leaks"));
}

#[tokio::test]
async fn what_was_taken_back_is_done_again_only_by_whoever_says_so() {
    use kapell_journal::replay::Verdict;
    let scene = Scene::new(&format!("{PEOPLE}{RULE}"));
    let home = scene.home();
    add(&home, "1.0.0", NOTES);
    assert_eq!(call(&home).await, "done");
    let run = home.find_run("last").unwrap();
    let again = async |wish: crate::ReplayWish| {
        let replayed = home.replay(std::slice::from_ref(&run), &wish, |_| ()).await?;
        Ok::<_, HomeError>(replayed[0].attempts[0].verdict.clone())
    };
    let wish = crate::ReplayWish::default;
    let held = |verdict: Verdict| match verdict {
        Verdict::NotReplayable(why) => why,
        other => format!("{other:?}"),
    };
    let same = held(again(wish()).await.unwrap());
    assert!(same.starts_with("Same"), "{same}");
    home.make_locked().unwrap();
    let unapproved = "; `--unapproved` does it again all the same";
    assert_eq!(held(again(wish()).await.unwrap()), format!("nobody has approved this skill{unapproved}"));
    let with = home.stand_in(Path::new("worker.wasm"), &worker("1.0.0", NOTES, "(nop)")).unwrap();
    let refused = again(crate::ReplayWish { with: Some(with.clone()), ..wish() }).await.unwrap_err();
    assert!(refused.message.ends_with("is not tried here: nobody has approved this skill"), "{refused}");
    let all_the_same = crate::ReplayWish { with: Some(with), unapproved: true, ..wish() };
    again(all_the_same).await.unwrap();
    home.revoke(&revoking("user:eve")).unwrap();
    let why = held(again(wish()).await.unwrap());
    assert_eq!(why, format!("it was revoked by user:eve: it leaks{unapproved}"));
    let same = held(again(crate::ReplayWish { unapproved: true, ..wish() }).await.unwrap());
    assert!(same.starts_with("Same"), "{same}");
}

#[tokio::test]
async fn a_lock_that_can_not_be_read_lets_nothing_run() {
    let scene = Scene::locked(&format!("{PEOPLE}{RULE}"));
    let home = scene.home();
    add(&home, "1.0.0", NOTES);
    approve(&home, "user:eve").unwrap();
    fs::write(scene.lock_path(), "version = 1\nlocked = maybe\n").unwrap();
    let refused = call(&home).await;
    assert!(refused.contains("skills.lock:2:"), "{refused}");
}

/// Starts a call that never ends by itself, revokes its skill through `revoker` and tells how long it went on.
async fn revoked_while_running(home: &Home, revoker: &Home) -> (Duration, RunEnding) {
    home.add(Path::new("worker.wasm"), &worker("1.0.0", NOTES, SPIN), "user:ada").unwrap();
    approve(home, "user:eve").unwrap();
    let skill = home.skill("acme:worker").unwrap();
    let running = home.call(skill, "go", json!({}), "user:bob");
    let revoked = async {
        while home.attempts_under_way() == 0 {
            tokio::task::yield_now().await;
        }
        revoker.revoke(&revoking("user:eve")).unwrap();
        Instant::now()
    };
    let (finished, at) = tokio::join!(running, revoked);
    let ended = finished.unwrap().standing.state.ended.unwrap();
    (at.elapsed(), ended.state)
}

const ENDLESS: &str = "[limits.any]\nfuel = 9_000_000_000_000\ndeadline = \"20s\"\n";

#[test]
fn an_explanation_tells_what_the_lock_the_imports_and_a_steps_ceiling_say_too() {
    let scene = Scene::locked(&format!("{RULE}{PEOPLE}"));
    let home = scene.home();
    add(&home, "1.0.0", &format!("{NOTES}optional = true\n"));
    let used = "notes of 1B".parse().unwrap();
    let skill = home.skill("acme:worker").unwrap();
    let told = |skill: &Skill| {
        let found = home.explain(skill, Some("go"), &used);
        (found.because, found.granted)
    };
    assert_eq!(told(&skill), (Because::Unapproved, false));
    approve(&home, "user:eve").unwrap();
    assert_eq!(told(&skill), (Because::Granted, true));
    let unmet = Skill { imports: vec!["acme:host/else@1.0.0".into()], ..Skill::clone(&skill) };
    assert_eq!(told(&unmet), (Because::Unrunnable, false));
    let step = |id: &str, grants| format!("  - id: {id}\n    use: acme:worker#go\n{grants}");
    let text =
        format!("flow: two\nversion: '1'\nsteps:\n{}{}", step("all", ""), step("none", "    grants: []\n"));
    let path = scene.folder.path().join("flow.yaml");
    fs::write(&path, text).unwrap();
    let steps = home.explain_in(&path, &skill, None, &used).unwrap();
    let told: Vec<String> = steps.iter().map(|(step, found)| format!("{step}: {found}")).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    all: granted: rule `notes` (policy.toml:3) permits it
    none: refused: the `grants` of step none do not allow it; rule `notes` (policy.toml:3) permits it
    "#);
    assert!(home.explain_in(&path, &skill, Some("stop"), &used).unwrap().is_empty());
}

const CAREFUL: &str = "flow: careful
version: '1'
steps:
  - id: fine
    ask: security
    question: Go?
  - id: work
    use: acme:worker#go
";

fn flow(scene: &Scene, home: &Home, text: &str) -> crate::CheckedFlow {
    let path = scene.folder.path().join("flow.yaml");
    fs::write(&path, text).unwrap();
    home.check_flow(&path).unwrap()
}

fn yes() -> crate::Reply {
    let said = kapell_conductor::answer::Said::Approve;
    crate::Reply { said, shown: None, by: "user:ada".into(), reason: None, minutes: None }
}

#[tokio::test]
async fn a_run_that_waits_is_held_once_its_flow_is_taken_back_and_goes_on_once_it_is_approved_anew() {
    let scene = Scene::new(&format!("{RULE}{PEOPLE}"));
    let home = scene.home();
    add(&home, "1.0.0", NOTES);
    let waiting = home.run(flow(&scene, &home, CAREFUL), json!({}), "user:bob").await.unwrap();
    let run = waiting.standing.state.run;
    let reason = Some("it asks the wrong people");
    assert_eq!(home.revoke_flow("nobody", "user:eve", reason).err().unwrap().kind, Kind::NotFound);
    home.revoke_flow("careful", "user:eve", reason).unwrap();
    let entries = home.entries(&run).unwrap().len();
    for held in [home.answer(&run, yes()).await, home.resume(&run).await] {
        let held = held.err().unwrap();
        assert_eq!(held.kind, Kind::Refused);
        let told =
            "careful-1 is held, as of flow careful it was revoked by user:eve: it asks the wrong people";
        assert_eq!(held.message, told);
    }
    assert!(home.move_due().await.unwrap().is_empty());
    assert_eq!(home.entries(&run).unwrap().len(), entries, "nothing happened meanwhile");
    let begun = home.run(flow(&scene, &home, CAREFUL), json!({}), "user:bob").await;
    assert_eq!(begun.err().unwrap().kind, Kind::Refused);
    let path = scene.folder.path().join("flow.yaml");
    let shown = home.review_flow(&path).unwrap().digest().to_string();
    let by = "user:ada".into();
    home.approve_flow(&crate::ApprovingFlow { path, shown, expires: None, reason: None, by }).unwrap();
    assert_eq!(home.held(&run).unwrap(), None);
    assert_eq!(home.answer(&run, yes()).await.unwrap().standing.state.word(), "done");
}

#[tokio::test]
async fn taking_a_flow_back_ends_its_attempt_and_leaves_the_skill_to_others() {
    let scene = Scene::new(&format!("{RULE}{ENDLESS}"));
    let (home, revoker) = (scene.home(), scene.home());
    home.add(Path::new("worker.wasm"), &worker("1.0.0", NOTES, SPIN), "user:ada").unwrap();
    let text = "flow: works\nversion: '1'\nsteps:\n  - id: work\n    use: acme:worker#go\n";
    let running = home.run(flow(&scene, &home, text), json!({}), "user:bob");
    let revoked = async {
        while home.attempts_under_way() == 0 {
            tokio::task::yield_now().await;
        }
        revoker.revoke_flow("works", "user:eve", Some("stop it")).unwrap();
        Instant::now()
    };
    let (finished, at) = tokio::join!(running, revoked);
    let ended = finished.unwrap().standing.state.ended.unwrap();
    println!("a revoked flow ended its attempt in {:?}", at.elapsed());
    assert_eq!(ended.state, RunEnding::Refused);
    assert!(ended.reason.unwrap().contains("it was revoked by user:eve: stop it"));
    assert_eq!(home.check_approved(&home.skill("acme:worker").unwrap()), Ok(()));
}

#[tokio::test]
async fn in_a_locked_home_what_changes_something_runs_in_a_flow_and_is_not_called_on_its_own() {
    let keys = |rest: &str| format!("kind = \"keyvalue\"\nname = \"keys\"\naccess = \"write\"\n{rest}\n");
    let asks = keys("reason = \"What it did\"");
    let writes = format!("[operation.go]\neffects = \"idempotent\"\n[[capability]]\n{asks}");
    let rule = keys("id = \"keys\"\nskill = \"acme:worker\"\nbind = \"namespace:keys\"");
    let rule = format!("[[rule]]\n{rule}{PEOPLE}");
    let scene = Scene::locked(&rule);
    let home = scene.home();
    add(&home, "1.0.0", &writes);
    approve(&home, "user:eve").unwrap();
    let refused = call(&home).await;
    assert!(refused.contains("no question of a flow stands before a call of its own"), "{refused}");
    assert!(home.runs().unwrap().is_empty(), "nothing is run or journaled");
    scene.policy(&format!("{rule}[approval]\ndirect-calls = \"allow\"\n"));
    assert_eq!(call(&scene.home()).await, "done");
}

#[tokio::test]
async fn what_was_checked_before_a_revocation_does_not_begin_after_it() {
    let scene = Scene::new(RULE);
    let home = scene.home();
    add(&home, "1.0.0", NOTES);
    let flow = "flow: works\nversion: '1'\nsteps:\n  - id: work\n    use: acme:worker#go\n";
    fs::write(scene.folder.path().join("works.yaml"), flow).unwrap();
    let check = || home.check_flow(&scene.folder.path().join("works.yaml"));
    let (before, other) = (check().unwrap(), check().unwrap());
    assert_eq!(home.run(before, json!({}), "user:bob").await.unwrap().standing.state.word(), "done");
    home.revoke(&revoking("user:eve")).unwrap();
    assert_eq!(home.run(other, json!({}), "user:bob").await.unwrap().standing.state.word(), "refused");
    assert_eq!(check().err().unwrap().kind, Kind::Refused);
    let events = home.skill_events(&"acme:worker".parse().unwrap()).unwrap();
    let refused: Vec<&str> =
        events.iter().filter(|it| it.what == What::Refused).map(|it| it.by.as_str()).collect();
    assert_eq!(refused, ["run:works-2", "user:bob"]);
}

/// Generous against a machine with other work; what it took is printed.
const SOON: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revoking_ends_what_runs_in_this_process() {
    let scene = Scene::locked(&format!("{PEOPLE}{RULE}{ENDLESS}"));
    let home = scene.home();
    let (took, ended) = revoked_while_running(&home, &home).await;
    println!("ended {took:?} after it was revoked");
    assert_eq!(ended, RunEnding::Refused);
    assert!(took < SOON, "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revoking_ends_what_runs_in_another_process() {
    let scene = Scene::locked(&format!("{PEOPLE}{RULE}{ENDLESS}"));
    let (home, other) = (scene.home(), scene.home());
    let (took, ended) = revoked_while_running(&home, &other).await;
    println!("ended {took:?} after it was revoked");
    assert_eq!(ended, RunEnding::Refused);
    assert!(took < SOON, "{took:?}");
}

fn drifts(home: &Home) -> String {
    let told = home.lock_check(&[]).unwrap();
    let short = |it: &Drift| format!("{}: {}", it.subject.split(" (").next().unwrap_or_default(), it.what);
    told.iter().map(short).collect::<Vec<_>>().join("\n")
}

#[test]
fn whatever_is_not_as_approved_is_told() {
    let scene = Scene::new(RULE);
    let home = scene.home();
    add(&home, "1.0.0", NOTES);
    assert_eq!(drifts(&home), "acme:worker 1.0.0: nobody has approved this skill");
    approve(&home, "user:eve").unwrap();
    assert_eq!(drifts(&home), "");
    // More and less than was approved.
    scene.policy(&RULE.replace("1KiB", "2KiB"));
    let wider = drifts(&scene.home());
    assert_eq!(wider, "acme:worker 1.0.0: notes `notes` as it is granted now was not approved with it");
    scene.policy(&RULE.replace("1KiB", "1B"));
    let narrower = drifts(&scene.home());
    assert_eq!(narrower, "acme:worker 1.0.0: approved and not so now: notes notes by notes: bytes_max=1024");
    scene.policy("");
    assert!(drifts(&scene.home()).starts_with("acme:worker 1.0.0: the policy refuses it notes `notes`"));
    scene.policy(&format!("{RULE}[limits.any]\nfuel = 7\n"));
    assert!(drifts(&scene.home()).starts_with("acme:worker 1.0.0: the limits are deadline=5000 fuel=7 "));
    scene.policy(RULE);
    // Another shape than the lock says.
    let lock = fs::read_to_string(scene.lock_path()).unwrap();
    let shape = lock.lines().find(|line| line.starts_with("shape")).unwrap();
    let other = format!("shape = \"{}\"", kapell_model::digest::Digest::of(b"other"));
    fs::write(scene.lock_path(), lock.replace(shape, &other)).unwrap();
    assert_eq!(drifts(&home), "acme:worker 1.0.0: the types of its operations are not the approved ones");
    fs::write(scene.lock_path(), &lock).unwrap();
    // Other bytes of the same version.
    home.add(Path::new("worker.wasm"), &worker("1.0.0", NOTES, "(nop)"), "user:ada").unwrap();
    let bytes = drifts(&home);
    assert!(
        bytes.contains("what is approved is 1.0.0 (") && bytes.contains("installed are other bytes"),
        "{bytes}"
    );
    home.revoke(&revoking("user:eve")).unwrap();
    assert!(drifts(&home).contains("it was revoked by user:eve: it leaks"));
}

#[test]
fn an_approval_of_something_that_is_not_there_is_told() {
    let scene = Scene::new(RULE);
    let home = scene.home();
    add(&home, "1.0.0", NOTES);
    approve(&home, "user:eve").unwrap();
    drop(home);
    fs::remove_dir_all(scene.folder.path().join(".kapell")).unwrap();
    assert_eq!(drifts(&scene.home()), "acme:worker 1.0.0: it is approved and not installed");
}

#[test]
fn a_reason_that_could_not_be_read_again_is_refused_and_the_lock_stays_readable() {
    let scene = Scene::locked(&format!("{PEOPLE}{RULE}"));
    let home = scene.home();
    add(&home, "1.0.0", NOTES);
    approve(&home, "user:eve").unwrap();
    for reason in ["r".repeat(301), "one\ntwo".into(), " ".into(), "\u{202e}back".into()] {
        let revoking = Revoking { reason: Some(reason), ..revoking("user:eve") };
        let refused = home.revoke(&revoking).unwrap_err();
        assert_eq!(refused.kind, Kind::Argument);
        assert!(refused.message.starts_with("that can't be kept in the lock: `reason` "), "{refused}");
    }
    assert_eq!(drifts(&scene.home()), "");
    home.revoke(&Revoking { reason: Some("r".repeat(300)), ..revoking("user:eve") }).unwrap();
    assert!(drifts(&scene.home()).contains("it was revoked by user:eve"));
}

#[tokio::test]
async fn whoever_takes_a_version_back_means_all_bytes_that_are_installed_as_it() {
    let scene = Scene::new(RULE);
    let home = scene.home();
    add(&home, "1.0.0", NOTES);
    let first = home.skill("acme:worker").unwrap();
    home.add(Path::new("worker.wasm"), &worker("1.0.0", NOTES, "(nop)"), "user:ada").unwrap();
    add(&home, "2.0.0", NOTES);
    let version = Some("1.0.0".parse().unwrap());
    assert_eq!(home.revoke(&Revoking { version, ..revoking("user:eve") }).unwrap().len(), 2);
    let refused = home.call(first, "go", json!({}), "user:bob").await.err().unwrap();
    assert!(refused.message.contains("it was revoked by user:eve"), "{refused}");
    assert_eq!(call(&home).await, "done", "another version is another matter");
}

#[test]
fn in_a_locked_home_a_version_that_is_approved_stays_those_bytes() {
    let scene = Scene::locked(&format!("{PEOPLE}{RULE}"));
    let home = scene.home();
    let other = |home: &Home| {
        home.add(Path::new("worker.wasm"), &worker("1.0.0", NOTES, "(nop)"), "user:mallory").map(|_| ())
    };
    add(&home, "1.0.0", NOTES);
    other(&home).unwrap();
    add(&home, "1.0.0", NOTES);
    approve(&home, "user:eve").unwrap();
    let refused = other(&home).unwrap_err().message;
    assert!(refused.starts_with("acme:worker 1.0.0 is approved with other bytes ("), "{refused}");
    add(&home, "1.0.0", NOTES);
}

#[test]
fn what_approves_itself_does_nothing_more_than_what_was_approved_before() {
    let itself = format!("{PEOPLE}{RULE}[approval]\nasks-nothing = \"itself\"\n");
    let scene = Scene::locked(&itself);
    let home = scene.home();
    let little = |fuel: u64| format!("[limits]\nfuel = {fuel}\n");
    assert_eq!(add(&home, "1.0.0", &little(1_000)).pending, None);
    assert!(add(&home, "1.1.0", &little(2_000)).pending.is_some());
    assert_eq!(in_use(&home).as_deref(), Some("1.0.0"));
    assert_eq!(add(&home, "1.2.0", &little(900)).pending, None);
}

#[tokio::test]
async fn an_attempt_ends_when_the_lock_stays_unreadable() {
    let scene = Scene::locked(&format!("{PEOPLE}{RULE}{ENDLESS}"));
    let home = scene.home();
    home.add(Path::new("worker.wasm"), &worker("1.0.0", NOTES, SPIN), "user:ada").unwrap();
    approve(&home, "user:eve").unwrap();
    let skill = home.skill("acme:worker").unwrap();
    let running = home.call(skill, "go", json!({}), "user:bob");
    let damaged = async {
        while home.attempts_under_way() == 0 {
            tokio::task::yield_now().await;
        }
        fs::write(scene.lock_path(), "version = 1\nlocked = maybe\n").unwrap();
    };
    let (finished, ()) = tokio::join!(running, damaged);
    let error = finished.err().unwrap().message;
    assert!(error.contains("skills.lock:2:"), "{error}");
}

#[test]
fn an_approval_that_nobody_can_have_given_so_is_told() {
    let scene = Scene::locked(&format!("{PEOPLE}{RULE}"));
    let home = scene.home();
    add(&home, "1.0.0", NOTES);
    approve(&home, "user:eve").unwrap();
    let lock = fs::read_to_string(scene.lock_path()).unwrap();
    let with = |from: &str, to: &str| {
        assert!(lock.contains(from), "{lock}");
        fs::write(scene.lock_path(), lock.replace(from, to)).unwrap();
        drifts(&scene.home())
    };
    let by = "approved-by = \"user:eve\"";
    let told = [
        with(by, "approved-by = \"user:mallory\""),
        with(by, "approved-by = \"user:ada\""),
        with("approved-at = \"2026", "approved-at = \"2099"),
        with("locked = true", "locked = false").replace(&scene.folder.path().display().to_string(), "HOME"),
        with(by, by),
    ];
    insta::assert_snapshot!(told.join("\n"), @r#"
    acme:worker 1.0.0: it was approved by user:mallory, who is not of the role `security`, which approves
    acme:worker 1.0.0: it was approved by user:ada, who had added it: nobody approves what they asked for
    acme:worker 1.0.0: its approval is of 2099-11-21T08:44:24Z, which is not yet
    skills.lock: it says that the home is not locked, which it is
    "#);
}
