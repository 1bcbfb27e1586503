//! A disk that is really full, one that was remounted to be read only, and several processes at one home: nothing runs that
//! can't be written down, what to do is said, and what was acknowledged is there afterwards.
//!
//! The disks are file systems in memory in a namespace of their own. Where the machine gives none, the tests say so and are
//! skipped.

use super::scene::{Scene, Trial};
use crate::stage::Said;
use std::process::Child;

/// Shows a file system of so many bytes with a copy of the project to a line of shell; none where it can't be had.
fn within(trial: &Trial<'_>, size: &str, line: &str) -> Option<String> {
    let disk = format!("mkdir -p disk && mount -t tmpfs -o size={size},mode=0700 disk disk");
    let all = |line: &str| format!("timeout 300 unshare -Urm bash -c '{disk} && {line}'");
    let lacking = trial.stage.shell(&all("true"));
    if lacking.code != Some(0) {
        assert!(std::env::var("KAPELL_TEST_REQUIRE").as_deref() != Ok("all"), "{}", lacking.out);
        eprintln!("skipped: no file system of one's own can be had here: {}", lacking.out.trim());
        return None;
    }
    let copy = "for each in .kapell *.yaml *.toml *.txt out; do cp -a $each disk/; done && cd disk";
    let Said { out, .. } = trial.stage.shell(&all(&format!("{copy} && {line}")));
    Some(out)
}

/// What was said between two marks.
fn between<'a>(said: &'a str, from: &str, to: &str) -> &'a str {
    let begins = said.split_once(from).unwrap_or_else(|| panic!("no {from} in {said}")).1;
    begins.split_once(to).unwrap_or_else(|| panic!("no {to} in {said}")).0
}

#[test]
fn on_a_full_disk_nothing_runs_and_nothing_is_lost() {
    let (scene, line) = (
        Scene::new(),
        "\
        kapell run once.yaml >/dev/null 2>&1; echo first $?; dd if=/dev/zero of=filler bs=1k >/dev/null 2>&1; \
        echo FULL; kapell run once.yaml; echo ended $?; kapell run idempotent.yaml; echo ended $?; \
        echo DOCTOR; kapell doctor; echo FREED; rm filler; kapell run once.yaml >/dev/null 2>&1; echo ended $?; \
        kapell verify && kapell runs list --json; echo END",
    );
    let trial = scene.trial();
    let Some(said) = within(&trial, "60m", line) else { return };
    assert!(said.contains("first 0\n"), "{said}");
    let full = between(&said, "FULL\n", "DOCTOR\n");
    assert_eq!(full.matches("ended 70\n").count(), 2, "{said}");
    assert!(full.contains("full") || full.contains("No space left"), "{said}");
    assert!(full.contains("hint: "), "{said}");
    let doctor = between(&said, "DOCTOR\n", "FREED\n");
    assert!(doctor.contains("can't be written: No space left") && doctor.contains("free space"), "{said}");
    let freed = between(&said, "FREED\n", "END\n");
    assert!(freed.starts_with("ended 0\n") && freed.contains("it holds\n"), "{said}");
    // The first run and the last; what was refused began nothing that is not over by now, and sent nothing.
    assert_eq!(trial.effects().len(), 2, "{said}");
    assert_eq!(
        freed.matches(r#""state": "done""#).count() + freed.matches(r#""state":"done""#).count(),
        2,
        "{said}"
    );
}

#[test]
fn on_a_disk_that_only_reads_nothing_runs_and_it_is_said() {
    let (scene, line) = (
        Scene::new(),
        "\
        kapell run once.yaml >/dev/null 2>&1; echo first $?; mount -o remount,ro disk . ; \
        echo READ; kapell run once.yaml; echo ended $?; echo DOCTOR; kapell doctor; echo ended $?; echo END",
    );
    let trial = scene.trial();
    let Some(said) = within(&trial, "60m", line) else { return };
    assert!(said.contains("first 0\n"), "{said}");
    let read = between(&said, "READ\n", "DOCTOR\n");
    assert!(
        read.contains("Read-only file system") && read.contains("/.kapell") && read.ends_with("ended 70\n"),
        "{said}"
    );
    let doctor = between(&said, "DOCTOR\n", "END\n");
    assert!(doctor.contains("/.kapell: can't be written: Read-only file system"), "{said}");
    assert!(!doctor.ends_with("ended 0\n"), "{said}");
    assert_eq!(trial.effects().len(), 1, "{said}");
}

/// A run that was cut off is taken up by one of them, whoever is first; the others leave it alone.
#[test]
fn several_processes_at_one_home_take_up_a_run_once() {
    let scene = Scene::new();
    for point in ["Intended 2", "Committed 3", "Performed 3"] {
        let mut trial = scene.trial();
        assert_eq!(trial.run("idempotent.yaml", &format!("die {point}")).code, None);
        let before = trial.effects().len();
        let others: Vec<Child> =
            (0..6).map(|_| trial.stage.command(&["runs", "list"]).spawn().unwrap()).collect();
        for other in others {
            assert!(other.wait_with_output().unwrap().status.success());
        }
        // Whoever drives it may be the last to end; by now it is over.
        let entries = trial.entries("orders-1");
        let resumed = entries.iter().filter(|entry| entry["body"].get("run-resumed").is_some()).count();
        assert_eq!((resumed, trial.fold("orders-1").state_word()), (1, "done"), "{point}: {entries:#?}");
        assert!(trial.effects().len() <= before + 1, "{point}");
        trial.verify();
        trial.mark();
        let two: Vec<Child> =
            (0..2).map(|_| trial.stage.command(&["run", "once.yaml"]).spawn().unwrap()).collect();
        for one in two {
            assert!(one.wait_with_output().unwrap().status.success());
        }
        assert_eq!(trial.effects().len(), 2, "each its own");
        trial.verify();
    }
}
