//! One suite over both stores.

use crate::scene::{Driven, Store, blob, file, key, row, said, seen, wait};
use kapell_journal::content::Content;
use kapell_journal::seam::{About, Commit, Head, JournalError};
use kapell_journal::spending::{Bound, Charge};
use kapell_model::digest::Digest;
use kapell_model::id::{FlowName, RunId, SkillName};
use kapell_model::manifest::Manifest;
use kapell_model::money::Money;
use kapell_model::period::Per;
use kapell_model::plan::SkillPin;
use kapell_model::quantity::Timestamp;
use kapell_model::seam::{Catalog, Skill};
use kapell_model::shape::{Operation, Shape};
use kapell_model::writes::FileWrite;
use kapell_store::{MemoryStore, ROW_BLOB_MAX, SkillEvent, SqliteStore, StoreError, What};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Each test once for each store.
macro_rules! on_both_stores {
    ($($name:ident),* $(,)?) => {
        mod memory {
            $(#[test] fn $name() { super::$name(&super::MemoryStore::new()) })*
        }
        mod sqlite {
            $(#[test] fn $name() {
                let home = tempfile::tempdir().unwrap();
                super::$name(&super::SqliteStore::open(home.path()).unwrap())
            })*
        }
    };
}

on_both_stores! {
    entries_come_back_in_order,
    a_run_without_entries_is_no_run,
    an_unexpected_head_is_fenced,
    a_takeover_fences_the_owner_before,
    a_living_owner_keeps_its_run,
    a_released_run_is_free,
    a_malformed_commit_writes_nothing,
    keys_hold_versions_and_pages,
    a_moved_key_is_a_conflict_that_writes_nothing,
    a_counter_counted_by_many_counts_all,
    spending_adds_up_and_stays_within_its_bounds,
    many_at_once_never_pass_a_bound,
    blobs_small_and_large_come_back,
    what_is_private_is_kept_by_its_run_and_erased_with_it,
    what_a_run_lets_go_is_gone_and_stays_while_another_keeps_it,
    what_all_runs_share_is_there_for_each_and_let_go_by_none,
    what_a_run_lets_go_of_a_private_kind_is_gone,
    runs_whose_contents_are_kept_are_found_by_when_they_ended,
    due_runs_are_found_in_order,
    ids_are_given_once,
    one_run_is_begun_for_a_line,
    the_newest_run_of_each_flow_is_found,
    a_stretch_holds_the_runs_asked_about_newest_first,
    many_writers_leave_no_gap,
    files_become_real_with_their_commit,
    a_file_that_somebody_changed_meanwhile_is_not_overwritten,
    a_file_that_cannot_be_placed_holds_up_its_own_run,
    a_swap_changes_what_is_in_use_and_is_remembered,
    a_skill_without_its_bytes_is_refused,
}

fn entries_come_back_in_order(store: &impl Store) {
    let owner = store.new_owner();
    let mut driven = Driven::claim(store, "demo-1", &owner).unwrap();
    assert_eq!((driven.head.seq, driven.head.epoch), (0, 1));
    let two = driven.commit_of(&["a", "b"]);
    wait(driven.commit(store, two)).unwrap();
    driven.say(store, "c").unwrap();
    assert_eq!(said(store, &driven.run), ["a", "b", "c"]);
    assert_eq!(store.runs().unwrap(), [row(&driven.run)]);

    let again = Driven::claim(store, "demo-1", &owner).unwrap();
    assert_eq!(again.head, Head { epoch: 2, ..driven.head });
}

fn a_run_without_entries_is_no_run(store: &impl Store) {
    let run: RunId = "demo-1".parse().unwrap();
    assert_eq!(store.entries(&run), Err(JournalError::NotFound(run.clone())));
    let owner = store.new_owner();
    Driven::claim(store, "demo-1", &owner).unwrap();
    assert_eq!(store.entries(&run), Err(JournalError::NotFound(run)));
    assert_eq!(store.runs().unwrap(), []);
}

fn an_unexpected_head_is_fenced(store: &impl Store) {
    let owner = store.new_owner();
    let mut driven = Driven::claim(store, "demo-1", &owner).unwrap();
    let stale = driven.clone();
    driven.say(store, "a").unwrap();
    for late in [
        stale.clone(),
        Driven { head: Head { epoch: 2, ..driven.head }, ..driven.clone() },
        Driven { head: Head { hash: Digest::of(b"other"), ..driven.head }, ..driven.clone() },
        Driven { head: Head { seq: 7, ..driven.head }, ..driven.clone() },
        Driven { run: "demo-2".parse().unwrap(), ..stale },
    ] {
        let mut commit = late.next("late");
        commit.writes.keys.push(key("k", Some("v")));
        assert_eq!(wait(store.commit(commit)), Err(JournalError::Fenced(late.run)));
    }
    assert_eq!(said(store, &driven.run), ["a"]);
    assert_eq!(store.get("crm", "k"), Ok(None), "a fenced commit leaves nothing");
}

fn a_takeover_fences_the_owner_before(store: &impl Store) {
    let first = store.new_owner();
    let mut before = Driven::claim(store, "demo-1", &first).unwrap();
    before.say(store, "a").unwrap();
    drop(first);
    let second = store.new_owner();
    let mut after = Driven::claim(store, "demo-1", &second).unwrap();
    assert_eq!(after.head, Head { epoch: 2, ..before.head });
    assert_eq!(before.say(store, "late"), Err(JournalError::Fenced(before.run.clone())));
    after.say(store, "b").unwrap();
    assert_eq!(said(store, &after.run), ["a", "b"]);
}

fn a_living_owner_keeps_its_run(store: &impl Store) {
    let (first, second) = (store.new_owner(), store.new_owner());
    assert_ne!(first.owner(), second.owner());
    let mut driven = Driven::claim(store, "demo-1", &first).unwrap();
    let refused = Driven::claim(store, "demo-1", &second).map(|driven| driven.head);
    assert_eq!(refused, Err(JournalError::Owned(driven.run.clone())));
    driven.say(store, "still mine").unwrap();
}

fn a_released_run_is_free(store: &impl Store) {
    let (first, second) = (store.new_owner(), store.new_owner());
    let mut driven = Driven::claim(store, "demo-1", &first).unwrap();
    driven.say(store, "a").unwrap();
    store.release(&driven.run, driven.head.epoch + 1).unwrap();
    assert!(Driven::claim(store, "demo-1", &second).is_err(), "another epoch's release does nothing");
    store.release(&driven.run, driven.head.epoch).unwrap();
    assert_eq!(Driven::claim(store, "demo-1", &second).unwrap().head.epoch, 2);
}

fn a_malformed_commit_writes_nothing(store: &impl Store) {
    let owner = store.new_owner();
    let mut driven = Driven::claim(store, "demo-1", &owner).unwrap();
    driven.say(store, "a").unwrap();
    type Spoil = fn(&mut Commit);
    let spoiled: [(&str, Spoil); 7] = [
        ("no entries", |commit| commit.entries.clear()),
        ("a gap", |commit| drop(commit.entries.remove(0))),
        ("no link", |commit| {
            commit.entries[1] = Driven::astray(commit, "demo-1", |head| head.hash = Digest::of(b"other"));
        }),
        ("another epoch", |commit| {
            commit.entries[1] = Driven::astray(commit, "demo-1", |head| head.epoch = 9);
        }),
        ("another run", |commit| commit.entries[1] = Driven::astray(commit, "demo-2", |_| ())),
        ("another row", |commit| commit.row.run = "demo-2".parse().unwrap()),
        ("a path upwards", |commit| {
            commit.writes.files.push(file(Path::new("/nowhere"), "../x", Some("x")));
        }),
    ];
    for (what, spoil) in spoiled {
        let mut commit = driven.commit_of(&["b", "c"]);
        spoil(&mut commit);
        let refused = wait(store.commit(commit));
        assert!(matches!(refused, Err(JournalError::Malformed { .. })), "{what}: {refused:?}");
    }
    assert_eq!(said(store, &driven.run), ["a"]);
}

fn keys_hold_versions_and_pages(store: &impl Store) {
    let owner = store.new_owner();
    let mut driven = Driven::claim(store, "demo-1", &owner).unwrap();
    let mut write = |keys: Vec<_>| {
        let mut commit = driven.next("write");
        commit.writes.keys = keys;
        wait(driven.commit(store, commit)).unwrap();
    };
    write(vec![key("a", Some("1")), key("b", Some("")), key("é", Some("3"))]);
    assert_eq!(store.get("crm", "a"), Ok(Some((b"1".to_vec(), 1))));
    assert_eq!(store.get("crm", "b"), Ok(Some((Vec::new(), 1))), "empty is not absent");
    write(vec![key("a", None)]);
    assert_eq!(store.get("crm", "a"), Ok(None));
    write(vec![key("a", Some("2"))]);
    let (value, version) = store.get("crm", "a").unwrap().unwrap();
    assert!(value == b"2" && version > 1, "a version is never used again, even after a deletion");

    assert_eq!(store.keys("crm", None, 9).unwrap(), ["a", "b", "é"]);
    assert_eq!(store.keys("crm", Some("a"), 1).unwrap(), ["b"]);
    assert_eq!(store.keys("crm", Some("é"), 9).unwrap(), [""; 0]);
    assert_eq!(store.keys("other", None, 9).unwrap(), [""; 0]);
    assert_eq!(store.get("other", "a"), Ok(None));
}

fn a_moved_key_is_a_conflict_that_writes_nothing(store: &impl Store) {
    let owner = store.new_owner();
    let mut driven = Driven::claim(store, "demo-1", &owner).unwrap();
    let attempt = |driven: &Driven, version| {
        let mut commit = driven.next("count");
        commit.writes.keys.push(key("count", Some("x")));
        commit.writes.seen.push(seen("count", version));
        commit.blobs.push(blob(b"kept only with its commit"));
        commit
    };
    let conflict = JournalError::Conflict { namespace: "crm".into(), key: "count".into() };
    assert_eq!(wait(store.commit(attempt(&driven, 1))), Err(conflict.clone()), "it is not there");
    assert_eq!(store.blob(&driven.run, blob(b"kept only with its commit").digest()), Ok(None));
    let fits = attempt(&driven, 0);
    wait(driven.commit(store, fits)).unwrap();
    assert_eq!(wait(store.commit(attempt(&driven, 0))), Err(conflict), "it has moved");
    let mut only_read = attempt(&driven, 0);
    only_read.writes.keys.clear();
    wait(driven.commit(store, only_read)).expect("what was only read binds nothing");
    assert_eq!(said(store, &driven.run).len(), 2);
}

fn a_counter_counted_by_many_counts_all(store: &impl Store) {
    const TASKS: usize = 6;
    const EACH: usize = 5;
    together(TASKS, |task| {
        let store = store.clone();
        async move {
            let owner = store.new_owner();
            let mut driven = Driven::claim(&store, &format!("count-{task}"), &owner).unwrap();
            let mut done = 0;
            while done < EACH {
                let read = store.get("crm", "count").unwrap();
                tokio::task::yield_now().await;
                let (count, version) = read.map_or((0, 0), |(value, version)| (value[0], version));
                let mut commit = driven.next("count");
                commit.writes.seen.push(seen("count", version));
                commit.writes.keys.push(key("count", None));
                commit.writes.keys[0].value = Some(vec![count + 1]);
                match driven.commit(&store, commit).await {
                    Ok(()) => done += 1,
                    Err(JournalError::Conflict { .. }) => {}
                    Err(other) => panic!("{other}"),
                }
            }
        }
    });
    let (value, version) = store.get("crm", "count").unwrap().unwrap();
    assert_eq!((usize::from(value[0]), version as usize), (TASKS * EACH, TASKS * EACH));
}

fn charge(day: &str, amount: &str, currency: &str) -> Charge {
    let (amount, below) = (amount.trim_start_matches('-'), amount.starts_with('-'));
    let money: Money = format!("{amount} {currency}").parse().unwrap();
    let nothing = Money::zero(money.currency);
    Charge { day: day.parse().unwrap(), money: if below { nothing.minus(&money).unwrap() } else { money } }
}

fn month(most: &str) -> Bound {
    let days = Per::Month.around("2026-11-21".parse().unwrap());
    Bound { per: Per::Month, days, most: format!("{most} EUR").parse().unwrap() }
}

fn kept(store: &impl Store) -> Vec<String> {
    let spent = store.spending().unwrap();
    spent.iter().map(|it| format!("{} {} {}", it.flow, it.day, it.money)).collect()
}

fn spending_adds_up_and_stays_within_its_bounds(store: &impl Store) {
    let owner = store.new_owner();
    let mut driven = Driven::claim(store, "demo-1", &owner).unwrap();
    let mut other = Driven::claim(store, "other-1", &owner).unwrap();
    let say = |driven: &mut Driven, charges: &[Charge], bounds: &[Bound]| {
        let mut commit = driven.next("x");
        (commit.charges, commit.bounds) = (charges.to_vec(), bounds.to_vec());
        wait(driven.commit(store, commit))
    };
    say(&mut driven, &[charge("2026-11-21", "0.70", "EUR")], &[month("1")]).unwrap();
    say(&mut other, &[charge("2026-11-21", "9", "EUR")], &[]).unwrap();
    say(&mut driven, &[charge("2026-10-31", "5", "EUR"), charge("2026-11-30", "5", "USD")], &[month("1")])
        .unwrap();
    let more = [charge("2026-11-01", "0.30000001", "EUR")];
    let over = say(&mut driven, &more, &[month("9"), month("1")]).unwrap_err();
    assert_eq!(
        over.to_string(),
        "1.00000001 EUR would be spent or set aside in the month from 2026-11-01, 1.00 EUR may be"
    );
    assert_eq!(said(store, &driven.run).len(), 2, "a refused commit writes nothing");
    // What a commit gives back is there for what it takes.
    say(
        &mut driven,
        &[charge("2026-11-21", "-0.70", "EUR"), charge("2026-11-30", "1", "EUR")],
        &[month("1")],
    )
    .unwrap();
    let expected = [
        "demo 2026-10-31 5.00 EUR",
        "demo 2026-11-21 0.00 EUR",
        "demo 2026-11-30 1.00 EUR",
        "demo 2026-11-30 5.00 USD",
        "other 2026-11-21 9.00 EUR",
    ];
    assert_eq!(kept(store), expected);
}

fn many_at_once_never_pass_a_bound(store: &impl Store) {
    let room = Arc::new(AtomicUsize::new(0));
    together(8, |task| {
        let (store, room) = (store.clone(), Arc::clone(&room));
        async move {
            let owner = store.new_owner();
            let mut driven = Driven::claim(&store, &format!("demo-{task}"), &owner).unwrap();
            for _ in 0..10 {
                let mut commit = driven.next("x");
                (commit.charges, commit.bounds) =
                    (vec![charge("2026-11-21", "0.10", "EUR")], vec![month("2.55")]);
                match driven.commit(&store, commit).await {
                    Ok(()) => drop(room.fetch_add(1, Ordering::Relaxed)),
                    Err(JournalError::OverBudget { .. }) => {}
                    Err(other) => panic!("{other}"),
                }
            }
        }
    });
    assert_eq!(room.load(Ordering::Relaxed), 25);
    assert_eq!(kept(store), ["demo 2026-11-21 2.50 EUR"]);
}

fn blobs_small_and_large_come_back(store: &impl Store) {
    let owner = store.new_owner();
    let mut driven = Driven::claim(store, "demo-1", &owner).unwrap();
    let sizes = [0, 1, ROW_BLOB_MAX, ROW_BLOB_MAX + 1, 3 * ROW_BLOB_MAX];
    let blobs: Vec<_> = sizes.iter().map(|size| blob(&vec![7; *size])).collect();
    for _ in 0..2 {
        let mut commit = driven.next("the same bytes twice are kept once");
        commit.blobs.clone_from(&blobs);
        wait(driven.commit(store, commit)).unwrap();
    }
    for blob in &blobs {
        assert_eq!(
            store.blob(&driven.run, blob.digest()).unwrap().as_ref(),
            Some(blob.bytes()),
            "{}",
            blob.bytes().len()
        );
    }
    assert_eq!(store.blob(&driven.run, &Digest::of(b"never stored")), Ok(None));
}

fn what_is_private_is_kept_by_its_run_and_erased_with_it(store: &impl Store) {
    let (one, other) = (store.new_owner(), store.new_owner());
    let mut first = Driven::claim(store, "demo-1", &one).unwrap();
    let mut second = Driven::claim(store, "demo-2", &other).unwrap();
    let keep = |driven: &mut Driven| -> Vec<Content> {
        // The same bytes, small and large, under salts of their own.
        let contents = [vec![7; 3], vec![7; ROW_BLOB_MAX + 1]]
            .map(|bytes| Content::committed(bytes, store.salt().unwrap()));
        let mut commit = driven.next("private");
        commit.blobs = contents.to_vec();
        wait(driven.commit(store, commit)).unwrap();
        contents.into()
    };
    let (mine, others) = (keep(&mut first), keep(&mut second));
    let names = |contents: &[Content]| contents.iter().map(|it| *it.digest()).collect::<BTreeSet<_>>();
    assert_eq!(store.private_of(&first.run), Ok(names(&mine)));
    for content in mine.iter().chain(&others) {
        assert_eq!(store.private(content.digest()).unwrap().as_ref(), Some(content));
        assert_eq!(store.blob(&first.run, content.digest()), Ok(None), "no blob");
        assert_eq!(store.blob(&first.run, &Digest::of(content.bytes())), Ok(None), "nor under its digest");
    }
    // A run erases what is its own, whatever it names.
    let mut commit = first.next("erased");
    commit.erased = names(&mine).into_iter().chain(names(&others)).collect();
    wait(first.commit(store, commit)).unwrap();
    for content in &mine {
        assert_eq!(store.private(content.digest()), Ok(None));
    }
    assert_eq!(
        (store.private_of(&first.run), store.private_of(&second.run)),
        (Ok(BTreeSet::new()), Ok(names(&others)))
    );
    assert_eq!(store.private(others[1].digest()).unwrap().as_ref(), Some(&others[1]));
}

/// The same bytes, small and large, brought by a run.
fn bring(store: &impl Store, driven: &mut Driven, bytes: u8) -> [Content; 2] {
    let contents = [vec![bytes; 3], vec![bytes; ROW_BLOB_MAX + 1]].map(|bytes| blob(&bytes));
    let mut commit = driven.next("brings");
    commit.blobs = contents.to_vec();
    wait(driven.commit(store, commit)).unwrap();
    contents
}

fn let_go(store: &impl Store, driven: &mut Driven, contents: &[Content]) {
    let mut commit = driven.next("lets go");
    commit.dropped = contents.iter().map(|it| *it.digest()).collect();
    (commit.row.over, commit.row.kept) = (true, false);
    wait(driven.commit(store, commit)).unwrap();
    store.let_go().unwrap();
}

fn what_a_run_lets_go_is_gone_and_stays_while_another_keeps_it(store: &impl Store) {
    let owner = store.new_owner();
    let [mut first, mut second, mut third] =
        ["demo-1", "demo-2", "demo-3"].map(|run| Driven::claim(store, run, &owner).unwrap());
    let (same, own) = (bring(store, &mut first, 7), bring(store, &mut first, 8));
    bring(store, &mut second, 7);
    let kept = |by: &Driven, contents: &[Content]| {
        let there = contents.iter().map(|it| store.blob(&by.run, it.digest()).unwrap().is_some());
        there.collect::<Vec<_>>()
    };
    assert_eq!(kept(&second, &own), [false, false], "it has its own, and no other's");
    // What another run brought is nothing this one could let go.
    let_go(store, &mut third, &own);
    assert_eq!(kept(&first, &own), [true, true]);
    let_go(store, &mut first, &[same.as_slice(), &own[..1]].concat());
    assert_eq!(kept(&first, &own), [false, true], "what it lets go, and no more");
    assert_eq!(kept(&first, &same), [false, false]);
    assert_eq!(kept(&second, &same), [true, true], "another keeps it");
    let_go(store, &mut second, &same);
    assert_eq!(kept(&second, &same), [false, false]);
    // Whoever brings it again has it again.
    bring(store, &mut third, 7);
    store.let_go().unwrap();
    assert_eq!(kept(&third, &same), [true, true]);
}

fn what_all_runs_share_is_there_for_each_and_let_go_by_none(store: &impl Store) {
    let owner = store.new_owner();
    let [mut first, mut second] = ["demo-1", "demo-2"].map(|run| Driven::claim(store, run, &owner).unwrap());
    let contents = [vec![7; 3], vec![7; ROW_BLOB_MAX + 1]].map(|bytes| blob(&bytes));
    let mut commit = first.next("brings");
    commit.shared = contents.to_vec();
    wait(first.commit(store, commit)).unwrap();
    second.say(store, "rests on it").unwrap();
    let_go(store, &mut first, &contents);
    for (run, content) in
        [&first.run, &second.run].into_iter().flat_map(|run| contents.iter().map(move |it| (run, it)))
    {
        assert_eq!(store.blob(run, content.digest()).unwrap().as_ref(), Some(content.bytes()), "{run}");
    }
}

fn what_a_run_lets_go_of_a_private_kind_is_gone(store: &impl Store) {
    let owner = store.new_owner();
    let mut driven = Driven::claim(store, "demo-1", &owner).unwrap();
    let secret = Content::committed(vec![7; ROW_BLOB_MAX + 1], store.salt().unwrap());
    let mut commit = driven.next("private");
    commit.blobs = vec![secret.clone(), blob(b"open")];
    wait(driven.commit(store, commit)).unwrap();
    let mut commit = driven.next("lets go");
    (commit.erased, commit.dropped) =
        (BTreeSet::from([*secret.digest()]), BTreeSet::from([Digest::of(b"open")]));
    wait(driven.commit(store, commit)).unwrap();
    store.let_go().unwrap();
    assert_eq!(
        (store.private(secret.digest()), store.blob(&driven.run, &Digest::of(b"open"))),
        (Ok(None), Ok(None))
    );
}

fn runs_whose_contents_are_kept_are_found_by_when_they_ended(store: &impl Store) {
    let owner = store.new_owner();
    for (run, changed, over, kept) in [
        ("demo-1", 30, true, true),
        ("demo-2", 10, true, true),
        ("demo-3", 5, false, true),
        ("demo-4", 5, true, false),
        ("demo-5", 31, true, true),
    ] {
        let mut driven = Driven::claim(store, run, &owner).unwrap();
        let mut commit = driven.next("a");
        (commit.row.changed, commit.row.over, commit.row.kept) = (Timestamp(changed), over, kept);
        wait(driven.commit(store, commit)).unwrap();
    }
    let over = |then| {
        let runs = store.over_by(Timestamp(then)).unwrap();
        runs.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(over(9), [""; 0]);
    assert_eq!(over(10), ["demo-2"]);
    assert_eq!(over(30), ["demo-2", "demo-1"]);
}

fn due_runs_are_found_in_order(store: &impl Store) {
    let owner = store.new_owner();
    for (run, due, over) in [
        ("demo-1", Some(30), false),
        ("demo-2", Some(10), false),
        ("demo-3", Some(5), true),
        ("demo-4", None, false),
        ("demo-5", Some(31), false),
    ] {
        let mut driven = Driven::claim(store, run, &owner).unwrap();
        let mut commit = driven.next("a");
        commit.row.started = Timestamp(if run == "demo-2" { 9 } else { 3 });
        let mut later = commit.row.clone();
        wait(driven.commit(store, commit)).unwrap();
        (later.due, later.over) = (due.map(Timestamp), over);
        let commit = Commit { row: later, ..driven.next("b") };
        wait(driven.commit(store, commit)).unwrap();
    }
    let due = |now| store.due(Timestamp(now)).unwrap().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(due(9), [""; 0]);
    assert_eq!(due(10), ["demo-2"]);
    assert_eq!(due(30), ["demo-2", "demo-1"]);
    let runs = store.runs().unwrap();
    let runs: Vec<_> = runs.iter().map(|row| row.run.as_str()).collect();
    assert_eq!(runs, ["demo-2", "demo-5", "demo-4", "demo-3", "demo-1"], "newest first");
}

fn the_newest_run_of_each_flow_is_found(store: &impl Store) {
    let owner = store.new_owner();
    for run in ["b-1", "a-1", "b-2", "a-2", "b-3"] {
        Driven::claim(store, run, &owner).unwrap().say(store, "a").unwrap();
    }
    Driven::claim(store, "a-3", &owner).unwrap();
    let newest = store.newest_runs().unwrap();
    let newest: Vec<&str> = newest.iter().map(|row| row.run.as_str()).collect();
    assert_eq!(newest, ["a-2", "b-3"], "a run without entries is no run");
}

fn a_stretch_holds_the_runs_asked_about_newest_first(store: &impl Store) {
    let owner = store.new_owner();
    for (run, started, changed) in
        [("a-1", 3, 5), ("b-1", 4, 90), ("a-2", 5, 6), ("a-3", 6, 90), ("b-2", 7, 8)]
    {
        let mut driven = Driven::claim(store, run, &owner).unwrap();
        let mut commit = driven.commit_of(&[run, "more"]);
        (commit.row.started, commit.row.changed) = (Timestamp(started), Timestamp(changed));
        wait(driven.commit(store, commit)).unwrap();
    }
    Driven::claim(store, "a-4", &owner).unwrap();
    assert_eq!(store.claimed(), Ok(6));
    let of = |about: &About, numbers| {
        let runs = store.stretch(about, numbers).unwrap();
        assert!(runs.iter().all(|entries| entries.len() == 2 && entries[1].seq == 2));
        runs.iter().map(|entries| entries[0].run.to_string()).collect::<Vec<_>>()
    };
    let all = About::default();
    assert_eq!(of(&all, 1..=6), ["b-2", "a-3", "a-2", "b-1", "a-1"], "a run without entries is no run");
    assert_eq!(of(&all, 2..=3), ["a-2", "b-1"]);
    assert_eq!(of(&About { flow: Some("a".parse().unwrap()), ..all.clone() }, 1..=6), ["a-3", "a-2", "a-1"]);
    assert_eq!(of(&About { run: Some("a-2".parse().unwrap()), ..all.clone() }, 1..=6), ["a-2"]);
    assert_eq!(of(&About { since: Some(Timestamp(8)), ..all.clone() }, 1..=6), ["b-2", "a-3", "b-1"]);
    assert_eq!(of(&About { began: Some(Timestamp(6)), ..all }, 1..=6), ["b-2", "a-3"]);
}

fn one_run_is_begun_for_a_line(store: &impl Store) {
    let owner = store.new_owner();
    let (line, other) = (Digest::of(b"a ticket"), Digest::of(b"another"));
    let begin = |run: &str, line: Option<Digest>| {
        let mut driven = Driven::claim(store, run, &owner).unwrap();
        let mut commit = driven.next("a");
        commit.row.line = line;
        wait(driven.commit(store, commit)).map(|()| driven)
    };
    assert_eq!(store.run_of_line(&line), Ok(None));
    let mut first = begin("demo-1", Some(line)).unwrap();
    let taken = begin("demo-2", Some(line)).map(|_| ()).unwrap_err();
    assert_eq!(taken, JournalError::Begun(first.run.clone()));
    assert_eq!(store.runs().unwrap().len(), 1, "nothing of the second one was written");
    begin("demo-3", Some(other)).unwrap();
    begin("demo-4", None).unwrap();
    begin("demo-5", None).unwrap();

    let mut over = first.next("b");
    (over.row.line, over.row.over) = (Some(line), true);
    wait(first.commit(store, over)).unwrap();
    let found = store.run_of_line(&line).unwrap().unwrap();
    assert_eq!((found.run, found.over, found.line), (first.run, true, Some(line)));
    assert_eq!(store.run_of_line(&Digest::of(b"none")), Ok(None));
}

fn ids_are_given_once(store: &impl Store) {
    let flow: FlowName = "onboarding".parse().unwrap();
    assert_eq!(store.next_id(&flow).unwrap().as_str(), "onboarding-1");
    assert_eq!(store.next_id(&"other".parse().unwrap()).unwrap().as_str(), "other-1");
    let given = std::thread::scope(|scope| {
        let ask = || (0..10).map(|_| store.next_id(&flow).unwrap()).collect::<Vec<_>>();
        let asking: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        asking.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(given.iter().collect::<BTreeSet<_>>().len(), 80);
    assert_eq!(store.next_id(&flow).unwrap().as_str(), "onboarding-82");
}

fn many_writers_leave_no_gap(store: &impl Store) {
    const TASKS: usize = 64;
    const EACH: usize = 12;
    let writing = Arc::new(AtomicUsize::new(TASKS));
    together(TASKS + 1, |task| {
        let (store, writing) = (store.clone(), Arc::clone(&writing));
        async move {
            if task == TASKS {
                return read_along(&store, &writing).await;
            }
            let owner = store.new_owner();
            let mut driven = Driven::claim(&store, &format!("demo-{task}"), &owner).unwrap();
            for n in 0..EACH {
                let commit = driven.next(&n.to_string());
                driven.commit(&store, commit).await.unwrap();
                // A commit that is refused in the same transaction takes nothing of the others with it.
                let late = Driven { head: Head { seq: 99, ..driven.head }, ..driven.clone() }.next("late");
                assert!(matches!(store.commit(late).await, Err(JournalError::Fenced(_))));
            }
            writing.fetch_sub(1, Ordering::Release);
        }
    });
    let expected: Vec<_> = (0..EACH).map(|n| n.to_string()).collect();
    for task in 0..TASKS {
        assert_eq!(said(store, &format!("demo-{task}").parse().unwrap()), expected, "run {task}");
    }
}

/// Reads runs while they are written: reading checks numbers and links, so a gap is an error here.
async fn read_along(store: &impl Store, writing: &AtomicUsize) {
    let mut longest = 0;
    while writing.load(Ordering::Acquire) > 0 {
        for row in store.runs().unwrap() {
            longest = longest.max(store.entries(&row.run).unwrap().len());
        }
        tokio::task::yield_now().await;
    }
    assert!(longest > 0, "nothing was read while it was written");
}

fn files_become_real_with_their_commit(store: &impl Store) {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("out");
    let owner = store.new_owner();
    let mut driven = Driven::claim(store, "demo-1", &owner).unwrap();
    let large = "x".repeat(ROW_BLOB_MAX + 1);
    let mut commit = driven.next("write");
    commit.writes.files = vec![file(&out, "a/letter.txt", Some("Dear")), file(&out, "large", Some(&large))];
    let fenced = Commit { expected: Head { epoch: 9, ..commit.expected }, ..commit.clone() };
    assert!(wait(store.commit(fenced)).is_err());
    assert!(!out.exists(), "a commit that failed leaves no file");

    wait(driven.commit(store, commit)).unwrap();
    assert_eq!(fs::read_to_string(out.join("a/letter.txt")).unwrap(), "Dear");
    assert_eq!(fs::read_to_string(out.join("large")).unwrap(), large);
    assert_eq!(
        store.blob(&driven.run, &Digest::of(b"Dear")).unwrap().unwrap()[..],
        *b"Dear",
        "the content is evidence"
    );

    let mut commit = driven.next("remove");
    commit.writes.files = vec![file(&out, "a/letter.txt", None)];
    wait(driven.commit(store, commit)).unwrap();
    assert!(!out.join("a/letter.txt").exists());
}

/// A commit that writes what was seen earlier is sent back, naming the file that is another one by now.
fn assert_conflict(store: &impl Store, driven: &mut Driven, saw: &[FileWrite], path: &Path) {
    let mut commit = driven.next("write");
    commit.writes.files = saw.to_vec();
    let path = path.to_str().unwrap().to_owned();
    assert_eq!(wait(store.commit(commit)), Err(JournalError::FileConflict { path }));
}

fn a_file_that_somebody_changed_meanwhile_is_not_overwritten(store: &impl Store) {
    let home = tempfile::tempdir().unwrap();
    let (out, owner) = (home.path().join("out"), store.new_owner());
    let mut driven = Driven::claim(store, "demo-1", &owner).unwrap();
    let (old, new) = (out.join("old"), out.join("a/new"));
    let again = || {
        drop(fs::remove_dir_all(&out));
        fs::create_dir_all(out.join("away")).unwrap();
        fs::write(&old, "old").unwrap();
        vec![file(&out, "old", Some("mine")), file(&out, "a/new", Some("mine"))]
    };
    // Written to, replaced by its like, removed, led elsewhere.
    let changes: [&dyn Fn(); 4] = [
        &|| fs::write(&old, "their own").unwrap(),
        &|| fs::write(out.join("like"), "old").and_then(|()| fs::rename(out.join("like"), &old)).unwrap(),
        &|| fs::remove_file(&old).unwrap(),
        &|| fs::remove_file(&old).and_then(|()| symlink("away", &old)).unwrap(),
    ];
    for change in changes {
        let saw = again();
        change();
        assert_conflict(store, &mut driven, &saw, &old);
        assert!(!new.exists(), "all of a commit or nothing");
    }
    // Where nothing was there is a way elsewhere, or somebody else's file.
    let saw = again();
    symlink("away", out.join("a")).unwrap();
    assert_conflict(store, &mut driven, &saw, &new);
    let saw = again();
    fs::create_dir(out.join("a")).and_then(|()| fs::write(&new, "theirs")).unwrap();
    assert_conflict(store, &mut driven, &saw, &new);
    assert_eq!(fs::read_to_string(&new).unwrap(), "theirs");

    let mut commit = driven.next("write");
    commit.writes.files = again();
    wait(driven.commit(store, commit)).unwrap();
    assert_eq!(fs::read_to_string(&old).unwrap(), "mine");
}

fn a_file_that_cannot_be_placed_holds_up_its_own_run(store: &impl Store) {
    let home = tempfile::tempdir().unwrap();
    let (out, owner) = (home.path().join("out"), store.new_owner());
    fs::create_dir_all(out.join("taken")).unwrap();
    let mut stuck = Driven::claim(store, "demo-1", &owner).unwrap();
    let mut commit = stuck.next("write");
    commit.writes.files = vec![file(&out, "taken", Some("new"))];
    let refused = wait(stuck.commit(store, commit)).unwrap_err();
    assert!(
        matches!(&refused, JournalError::Unplaced { run, path, .. } if *run == stuck.run && path.ends_with("out/taken")),
        "{refused}"
    );
    assert_eq!(said(store, &stuck.run), ["write"], "what was recorded is recorded");

    let mut other = Driven::claim(store, "demo-2", &owner).unwrap();
    let mut commit = other.next("write");
    commit.writes.files = vec![file(&out, "free", Some("new"))];
    wait(other.commit(store, commit)).expect("another run goes on");
    store.place_pending(&other.run).expect("nothing of its own is pending");
    assert!(
        matches!(store.place_pending(&stuck.run), Err(JournalError::Unplaced { .. })),
        "its own run does not"
    );
    let mut stuck = Driven::claim(store, "demo-1", &owner).unwrap();
    stuck.say(store, "cancelled").expect("what writes no file can still be recorded");

    fs::remove_dir(out.join("taken")).unwrap();
    store.place_pending(&stuck.run).unwrap();
    store.place_pending(&stuck.run).unwrap();
    assert_eq!(fs::read_to_string(out.join("taken")).unwrap(), "new");
}

fn event(event: &SkillEvent) -> String {
    let why = event.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    format!("{} {} at {} by {}{why}", event.what.word(), event.pin.version, event.at.0, event.by)
}

fn a_swap_changes_what_is_in_use_and_is_remembered(store: &impl Store) {
    let name: SkillName = "kapell:letter".parse().unwrap();
    let [one, two] = ["1.0.0", "2.1.0"].map(|version| skill(store, "kapell:letter", version, version));
    let other = skill(store, "acme:pdf", "0.3.0", "pdf");
    for (skill, at) in [(&two, 10), (&one, 11), (&other, 12)] {
        store.put_skill(skill, "letter.wasm", Timestamp(at)).unwrap();
    }
    assert_eq!(store.catalog().unwrap().names(), [], "installing is not using");
    assert_eq!(store.catalog().unwrap().find(&name, None), None);

    for (version, at) in [("1.0.0", 20), ("2.1.0", 21), ("1.0.0", 22)] {
        store.use_skill(&name, &version.parse().unwrap(), Timestamp(at), "ada").unwrap();
    }
    let catalog = store.catalog().unwrap();
    assert_eq!(catalog.names(), std::slice::from_ref(&name));
    let find =
        |version: &str| catalog.find(&name, Some(&version.parse().unwrap())).map(|found| (*found).clone());
    assert_eq!(catalog.find(&name, None).as_deref(), Some(&one));
    assert_eq!(find("*"), Some(one.clone()), "the one in use when it fits");
    assert_eq!(find("^2"), Some(two.clone()), "else the newest that does");
    assert_eq!(find("^3"), None);
    for what in What::ALL.into_iter().filter(|what| *what != What::InUse) {
        let (pin, why) = (two.pin.clone(), Some("it said so".into()));
        store.record_event(&SkillEvent { what, pin, at: Timestamp(23), by: "eve".into(), why }).unwrap();
    }
    assert_eq!(store.catalog().unwrap().find(&name, None).as_deref(), Some(&one), "that changes nothing");
    let told: Vec<String> = store.events(&name).unwrap().iter().map(event).collect();
    let expected = [
        "in use 1.0.0 at 20 by ada",
        "in use 2.1.0 at 21 by ada",
        "in use 1.0.0 at 22 by ada",
        "added 2.1.0 at 23 by eve: it said so",
        "pending 2.1.0 at 23 by eve: it said so",
        "approved 2.1.0 at 23 by eve: it said so",
        "revoked 2.1.0 at 23 by eve: it said so",
        "refused 2.1.0 at 23 by eve: it said so",
    ];
    assert_eq!(told, expected);

    let missing = store.use_skill(&name, &"9.0.0".parse().unwrap(), Timestamp(23), "ada");
    let version = "9.0.0".parse().unwrap();
    assert_eq!(missing, Err(StoreError::NotInstalled { name: name.clone(), version }));

    let rebuilt = skill(store, "kapell:letter", "1.0.0", "other bytes");
    store.put_skill(&rebuilt, "letter.wasm", Timestamp(30)).unwrap();
    assert_eq!(store.catalog().unwrap().find(&name, None).as_deref(), Some(&one), "not before it is used");
    store.use_skill(&name, &"1.0.0".parse().unwrap(), Timestamp(31), "ada").unwrap();
    assert_eq!(store.catalog().unwrap().find(&name, None).as_deref(), Some(&rebuilt));
    let listed = store.installed().unwrap();
    let listed: Vec<_> = listed.iter().map(|one| (one.skill.pin.version.to_string(), one.in_use)).collect();
    let expected = [("0.3.0", false), ("1.0.0", false), ("1.0.0", true), ("2.1.0", false)];
    assert_eq!(listed, expected.map(|(version, in_use)| (version.to_owned(), in_use)));
    assert_eq!(store.component(&one.pin.component).unwrap()[..], *b"1.0.0", "the old bytes stay");
}

fn a_skill_without_its_bytes_is_refused(store: &impl Store) {
    let mut skill = skill(store, "acme:pdf", "0.3.0", "pdf");
    skill.pin.component = Digest::of(b"never stored");
    let missing = StoreError::NoComponent(skill.pin.component);
    assert_eq!(store.put_skill(&skill, "pdf.wasm", Timestamp(1)), Err(missing.clone()));
    assert_eq!(store.component(&skill.pin.component), Err(missing));
    assert_eq!(store.installed().unwrap(), []);
}

fn skill(store: &impl Store, name: &str, version: &str, bytes: &str) -> Skill {
    let name: SkillName = name.parse().unwrap();
    let component = store.put_component(bytes.as_bytes()).unwrap();
    let operation = Operation {
        name: "write".into(),
        interface: Some("kapell:letter/letters@1.0.0".into()),
        function: "write".into(),
        docs: None,
        params: Vec::new(),
        result: Some(Shape::List { of: Box::new(Shape::U8) }),
    };
    Skill {
        pin: SkillPin { name: name.clone(), version: version.parse().unwrap(), component },
        manifest: Manifest::without(name),
        operations: vec![operation],
        imports: vec!["wasi:io/streams@0.2.9".into()],
        bytes: bytes.len() as u64,
    }
}

/// Runs tasks at once and waits for all of them.
fn together<F>(tasks: usize, task: impl Fn(usize) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
    runtime.block_on(async {
        let all: Vec<_> = (0..tasks).map(|number| tokio::spawn(task(number))).collect();
        for task in all {
            task.await.unwrap();
        }
    });
}
