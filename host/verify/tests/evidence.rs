//! Real evidence, and everything somebody could do to it: each change is found and located, whatever else is mended so
//! that it fits; and what can't be found is said.
//!
//! The corpus was exported by the program: three runs of a skill that greets, one of them past a question. `run.kapell` is
//! that one, `log.kapell` is all of them, `since.kapell` the last alone; `older`, `now` and `newer` are heads of the same
//! log, `fork` is one of its twin that went another way. `private.kapell` is of another home: a run whose input is private,
//! with what is private; `withheld.kapell` is the same without it, `erased.kapell` the same once it was erased.
//! `dropped.kapell` is of a home whose policy keeps contents for a millisecond: a run whose contents were let go, and one that
//! waits and keeps some of the same.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "tests stop at the first surprise"
)]

mod parts;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey};
use kapell_verify::{Held, Place, Report, Unreadable, verify};
use parts::{LOG, Parts, RUN, SINCE, apart, together};
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};
use std::path::Path;
use std::process::Command;
use std::thread;

const PRIVATE: &[u8] = include_bytes!("corpus/private.kapell");
const WITHHELD: &[u8] = include_bytes!("corpus/withheld.kapell");
const ERASED: &[u8] = include_bytes!("corpus/erased.kapell");
const DROPPED: &[u8] = include_bytes!("corpus/dropped.kapell");
const KEY: &str = include_str!("corpus/log.pub");
const OLDER: &str = include_str!("corpus/older.checkpoint");
const NOW: &str = include_str!("corpus/now.checkpoint");
const NEWER: &str = include_str!("corpus/newer.checkpoint");
const FORK: &str = include_str!("corpus/fork.checkpoint");

fn held(checkpoints: &[(&str, &str)]) -> Held {
    let checkpoints = checkpoints.iter().map(|(name, note)| ((*name).to_owned(), note.as_bytes().to_vec()));
    Held { key: Some(KEY.into()), checkpoints: checkpoints.collect() }
}

fn look(file: &[u8]) -> Result<Report, Unreadable> {
    verify(file, &held(&[]))
}

/// What does not hold, one line each; a file that can't be read is one line too.
fn broken(file: &[u8], held: &Held) -> Vec<String> {
    match verify(file, held) {
        Ok(report) => {
            let text = report.text();
            let lines = text.lines().skip_while(|line| *line != "does not hold").skip(1);
            lines.take_while(|line| !line.is_empty()).map(|line| line.trim().to_owned()).collect()
        }
        Err(error) => vec![error.to_string()],
    }
}

fn part_mut<'p>(parts: &'p mut Parts, name: &str) -> &'p mut Vec<u8> {
    &mut parts.iter_mut().find(|(it, _)| it == name).unwrap().1
}

/// Whether the fault is told at that entry or at the one after it, which links to it.
fn is_at(report: &Report, run: &str, seq: u64) -> bool {
    report.broken.iter().any(|line| match &line.place {
        Place::Entry { run: Some(at), seq: told, .. } => at == run && (*told == seq || *told == seq + 1),
        Place::Entry { run: None, .. } | Place::Leaves(..) => true,
        _ => false,
    })
}

#[test]
fn what_was_exported_holds_and_says_what_can_t_be_known() {
    for (file, entries) in [(RUN, 6), (LOG, 14), (SINCE, 4)] {
        let report = look(file).unwrap();
        assert!(report.is_sound(), "{}", report.text());
        assert_eq!(report.entries, entries);
    }
    let text = verify(RUN, &held(&[("older", OLDER)])).unwrap().text();
    let expected = "run greeting-1: 6 entries of a log of 14

holds
  key        kapell/eed6ed63+78988e8d+AaC0bLWC1vnGtDKENrB6TBe7Qv+F22KqOf3YdaYDpRuZ is the one you hold
  signature  the checkpoint over 14 entries is signed by the key
  file       24 parts are as their digests in SHA256SUMS say
  end        the last entry ends the run: done
  chain      6 entries in canonical form, numbered without a gap, each linked to the one before in its run
  answers    1 answer is to what was shown
  inclusion  each entry stands in the log of 14 entries that the checkpoint signs, at its place
  heads      the log only adds to 1 older head
  history    the log only adds to the checkpoint you hold (older)
  contents   1 plan, 1 tariff, 6 blobs, each under its own digest
  plan       nothing ran but the bytes the plans call, by the operations and grants they call them with; who was asked, and the way each run took, are as they say
  prices     attempts and answers cost what their tariffs say of their meters and minutes

can't be known
  others     anything of other runs, such as whether one was deleted: a file of the whole log shows that
  manifests  whether those without their component are its own
  contents   what is in 1 component: withheld by whoever made this file; only digests stand
  approvals  approvals.toml has an approval of 0 of the 1 component that ran, in force and with the grants of its plan, as whoever made this file tells: approvals stand beside the log, not in it
  decisions  whether what was decided over values follows from them: conditions, expectations, arguments, what a question showed and what a run gave out; this program evaluates no expression, `kapell replay` of this file and `kapell verify` of the home take each decision again
  unchecked  what was set aside for an attempt before it began, whether its deadline was shortened as it had to be, how often a step was tried again, the values that decisions say they saw, which keys and files were written: these stand as whoever wrote them says; `kapell replay` of this file takes the decisions again and does the attempts again
  truth      that the host told the truth when it wrote, and that its clock was right

it holds";
    assert_eq!(text, expected);
}

#[test]
fn what_was_only_found_in_the_file_is_not_trusted() {
    let report = verify(LOG, &Held::default()).unwrap();
    let unknown: Vec<&str> = report.unknown.iter().map(|line| line.what.as_str()).collect();
    assert!(unknown.contains(&"key") && unknown.contains(&"history"), "{unknown:?}");
    let report = verify(LOG, &held(&[("older", OLDER), ("now", NOW)])).unwrap();
    assert!(report.holds.iter().any(|line| line.words
        == "the log only adds to the checkpoint you hold (older) and the checkpoint you hold (now)"));
}

/// Where the parts of a file stand, headers and all: the first byte, the first of the content, the one after it, the name.
fn places(file: &[u8]) -> Vec<(usize, usize, usize, String)> {
    let mut archive = tar::Archive::new(file);
    let places = archive.entries().unwrap().map(|entry| {
        let entry = entry.unwrap();
        let (begins, content) = (entry.raw_header_position() as usize, entry.raw_file_position() as usize);
        (begins, content, content + entry.size() as usize, entry.path().unwrap().display().to_string())
    });
    places.collect()
}

/// Whether what is told of a file in which one byte is another says where it is.
fn is_located(
    told: &Result<Report, Unreadable>,
    at: usize,
    places: &[(usize, usize, usize, String)],
) -> bool {
    let part = places.iter().rfind(|(begins, ..)| *begins <= at).unwrap();
    match told {
        // The first part says what the file is: another one is none that can be read.
        Err(Unreadable::Foreign(_)) => part.3 == "BUNDLE",
        Err(Unreadable::Io(_)) => false,
        Ok(report) => report.broken.iter().any(|line| match &line.place {
            Place::Byte(told) => (part.0..=at.max(part.1)).contains(&(*told as usize)),
            Place::Member(name) => *name == part.3 || part.3 == "SHA256SUMS" || at < part.1,
            _ => false,
        }),
    }
}

#[test]
fn every_single_byte_that_is_another_is_found_and_located() {
    let places = places(RUN);
    let half = RUN.len().div_ceil(2);
    thread::scope(|scope| {
        for begins in [0, half] {
            let places = &places;
            scope.spawn(move || {
                let mut file = RUN.to_vec();
                for at in begins..RUN.len().min(begins + half) {
                    // One bit, and all of them: of a letter another letter, of a digit none.
                    for change in [1, 0xff] {
                        file[at] ^= change;
                        let told = look(&file);
                        assert!(is_located(&told, at, places), "byte {at}: {told:?}");
                        file[at] ^= change;
                    }
                }
            });
        }
    });
}

#[test]
fn mending_the_digests_of_a_changed_part_hides_nothing() {
    // What is prose, or the word of whoever made the file, and told as such.
    let unbound = |name: &str| name == "README" || name == "approvals.toml" || name.starts_with("manifests/");
    let parts = apart(RUN);
    for (number, (name, bytes)) in parts.iter().enumerate().filter(|(_, (name, _))| name != "SHA256SUMS") {
        for at in (0..bytes.len()).step_by(7) {
            let mut changed = parts.clone();
            changed[number].1[at] ^= 1;
            let sound = look(&together(&changed)).is_ok_and(|report| report.is_sound());
            assert_eq!(sound, unbound(name), "{name}, byte {at}");
        }
    }
}

#[test]
fn a_changed_entry_is_located() {
    for (file, runs) in [
        (RUN, vec!["greeting-1"; 6]),
        (LOG, [vec!["call-1"; 4], vec!["greeting-1"; 6], vec!["call-2"; 4]].concat()),
    ] {
        let parts = apart(file);
        let (name, bytes) = parts.iter().find(|(name, _)| name.starts_with("entries/")).unwrap();
        let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
        let mut begins = 0;
        for (number, line) in lines.iter().enumerate() {
            let seq = 1 + runs[..number].iter().filter(|run| **run == runs[number]).count() as u64;
            for at in (0..line.len() - 1).step_by(11) {
                let mut changed = parts.clone();
                part_mut(&mut changed, name)[begins + at] ^= 1;
                let report = look(&together(&changed)).unwrap();
                assert!(
                    is_at(&report, runs[number], seq),
                    "entry {seq} of {}, byte {at}\n{}",
                    runs[number],
                    report.text()
                );
            }
            begins += line.len();
        }
    }
}

/// Puts other lines in the place of a file's entries; `log A B` in its first part is mended to their number.
fn rewritten(file: &[u8], change: impl Fn(&mut Vec<String>)) -> Vec<u8> {
    let mut parts = apart(file);
    let name = parts.iter().find(|(name, _)| name.starts_with("entries/")).unwrap().0.clone();
    let text = String::from_utf8(part_mut(&mut parts, &name).clone()).unwrap();
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    change(&mut lines);
    *part_mut(&mut parts, &name) = lines.concat().into_bytes();
    let bundle = part_mut(&mut parts, "BUNDLE");
    *bundle = String::from_utf8(bundle.clone())
        .unwrap()
        .replace(" 14\n", &format!(" {}\n", lines.len()))
        .into_bytes();
    together(&parts)
}

#[test]
fn entries_deleted_inserted_doubled_or_moved_are_found() {
    for file in [RUN, LOG] {
        let count = look(file).unwrap().entries as usize;
        for number in 0..count {
            let told = |change: &dyn Fn(&mut Vec<String>)| {
                let report = look(&rewritten(file, change)).unwrap();
                let placed = report.broken.iter().any(|line| line.place != Place::Whole);
                assert!(!report.is_sound() && placed, "{number}\n{}", report.text());
            };
            told(&|lines| drop(lines.remove(number)));
            told(&|lines| lines.insert(number, lines[number].clone()));
            told(&|lines| lines.insert(number, lines[0].replace("-1\"", "-9\"")));
            told(&|lines| lines.truncate(number));
            told(&|lines| lines.swap(number, (number + 1) % count));
        }
    }
}

/// Entries that may have been linked and signed by whoever holds the key, and say what their plan, their tariff or the
/// entries before do not let them say.
#[test]
fn what_contradicts_plan_tariff_or_entries_is_located() {
    let other = "sha256:7777777777777777777777777777777777777777777777777777777777777777";
    let bytes = "sha256:a01ec88298d33c37cefb52c8ecbb59a0c45ac0324d8ac622150a75082b3832e8";
    let grants = "sha256:2288a5b40b8984d648f981ce5bce325cb274908ed11e816becfce86f861439c2";
    let tariff = "sha256:115a38054c831956d5637d28be8252d79d281829d4a380b78860447d180b2819";
    let asked = r#""at":1795277232858,"body":{"question-asked""#;
    let cases = [
        (1, "\"engine\":\"wasmtime 48", "\"engine\":\"wasmtime 49", "plan entry 1 says engine wasmtime 49"),
        (
            2,
            "\"people\":[\"user:*\"]",
            "\"people\":[\"user:eve\"]",
            "plan entry 2 says people user:eve, its plan user:*",
        ),
        (
            2,
            "\"role\":\"reception\"",
            "\"role\":\"legal\"",
            "plan entry 2 says role legal, its plan reception",
        ),
        (
            2,
            "1795363632858",
            "1795363632859",
            "plan entry 2 says an expiry 86400001 ms later, its plan 86400000 ms later",
        ),
        (2, "\"step\":\"ask\"", "\"step\":\"hello\"", "plan entry 2 asks where its plan does not ask"),
        (
            2,
            asked,
            r#""at":1795277239858,"body":{"question-asked""#,
            "course entry 3 was written before the entry before it",
        ),
        (
            3,
            "\"at\":1795277233015",
            "\"at\":1895277233015",
            "course entry 3 answers at 1895277233015, and the question expired at 1795363632858",
        ),
        (3, "\"approved\"", "\"rejected\"", "course entry 4 goes on to hello, and ask is rejected"),
        (
            3,
            "\"approved\"",
            "\"answered\"",
            "course entry 3 says answered, which is no answer to what was asked",
        ),
        (
            3,
            "\"money\":\"2.70 EUR\"",
            "\"minutes\":\"500\",\"money\":\"0.00 EUR\"",
            "prices entry 3 says that it cost 0.00 EUR, and by its tariff it is 450.00 EUR",
        ),
        (3, "user:bob", "bob", "plan entry 3 is of bob, whom its plan does not let: user:*"),
        (4, bytes, other, "plan entry 4 says bytes sha256:77777"),
        (4, "kapell:hello", "evil:corp", "plan entry 4 says skill evil:corp, its plan kapell:hello"),
        (4, "\"1.0.0\"", "\"9.9.9\"", "plan entry 4 says version 9.9.9, its plan 1.0.0"),
        (4, "\"greet\"", "\"launch\"", "plan entry 4 says operation launch, its plan greet"),
        (4, "\"logic\"", "\"systems\"", "plan entry 4 says lane systems, its plan logic"),
        (4, "\"none\"", "\"once\"", "plan entry 4 says effects once, its plan none"),
        (
            4,
            "\"settles\":true",
            "\"settles\":false",
            "plan entry 4 says that its output does not settle the step, by its plan it does",
        ),
        (
            4,
            "\"step\":\"hello\"",
            "\"step\":\"bye\"",
            "plan entry 4 calls something on rung 0 of bye, where its plan does not",
        ),
        (
            4,
            "\"attempt\":1",
            "\"attempt\":2",
            "course entry 4 says attempt 2 on rung 0, and it is attempt 1 on rung 0",
        ),
        (5, "\"attempt\":1", "\"attempt\":2", "course entry 5 ends attempt 2 of hello, which is not open"),
        (5, bytes, other, "course entry 5 has a receipt for other bytes than began"),
        (5, grants, other, "plan entry 5 ran with the grants sha256:77777"),
        (5, tariff, other, "course entry 5 has a receipt by another tariff than the run's"),
        (
            5,
            "0.000010477516 EUR",
            "999.00 EUR",
            "prices entry 5 says that it cost 999.00 EUR, and by its tariff it is 0.000010477516 EUR",
        ),
        (5, "\"fuel\":1823", "\"fuel\":1824", "prices entry 5 says that it cost 0.000010477516 EUR"),
        (
            6,
            "\"state\":\"done\"",
            "\"state\":\"rejected\"",
            "course entry 6 says that the run is rejected, which nothing before it leads to",
        ),
        (
            5,
            "\"output\":{\"digest\"",
            "\"skill-error\":{\"digest\"",
            "course entry 6 says that the run is done, which nothing before it leads to",
        ),
    ];
    for (number, from, to, expected) in cases {
        let changed = rewritten(RUN, |lines| {
            assert!(lines[number - 1].contains(from), "{from}");
            lines[number - 1] = lines[number - 1].replacen(from, to, 1);
        });
        let told = broken(&changed, &held(&[])).join("\n").replace(" of greeting-1:", "");
        let told: Vec<String> =
            told.lines().map(|it| it.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert!(told.iter().any(|it| it.starts_with(expected)), "{expected}\n{told:#?}");
    }
}

/// A run that is cut short and says that it is done.
#[test]
fn a_run_that_leaves_out_a_step_is_found() {
    let short = rewritten(RUN, |lines| {
        drop(lines.drain(3..5));
        lines[3] = lines[3].replace("\"seq\":6", "\"seq\":4");
    });
    let told = broken(&short, &held(&[])).join("\n");
    assert!(told.contains("its run says done, and its plan goes on to hello"), "{told}");
}

#[test]
fn a_part_with_another_name_than_its_own_is_found() {
    for (file, part, named) in [
        (RUN, "entries/00000001.jsonl", "entries/00000002.jsonl"),
        (LOG, "entries/00000001.jsonl", "entries/a"),
    ] {
        let mut parts = apart(file);
        parts.iter_mut().find(|(name, _)| name == part).unwrap().0 = named.into();
        assert_eq!(
            broken(&together(&parts), &held(&[])),
            [format!("file  {named}: its name is not the next one of entries")]
        );
    }
}

/// A whole log that says it begins later, and leaves out what shows how.
#[test]
fn a_log_from_somewhere_has_the_tree_before_it() {
    let mut parts = apart(LOG);
    *part_mut(&mut parts, "BUNDLE") = b"kapell-bundle/1\nlog 4 14\n".to_vec();
    assert_eq!(broken(&together(&parts), &held(&[])), ["log  range: it is not here"]);
}

#[test]
fn what_is_said_of_what_is_not_here_is_whose_word_it_is() {
    let withheld = |change: &dyn Fn(&str) -> String| {
        let mut parts = apart(RUN);
        let text = String::from_utf8(part_mut(&mut parts, "withheld").clone()).unwrap();
        *part_mut(&mut parts, "withheld") = change(&text).into_bytes();
        parts
    };
    let said = withheld(&|text| text.replace("withheld components", "not-kept components"));
    let told = broken(&together(&said), &held(&[])).join("\n");
    assert!(told.contains("is what every home keeps"), "{told}");
    let mut parts = withheld(&str::to_owned);
    parts.retain(|(name, _)| !name.starts_with("manifests/"));
    let report = look(&together(&parts)).unwrap();
    let untold = "what 1 component asked for: neither bytes nor manifest are here";
    assert!(report.is_sound() && report.unknown.iter().any(|line| line.words == untold), "{}", report.text());
}

#[test]
fn any_log_adds_to_one_of_no_entries() {
    let (forger, empty) = (SigningKey::from_bytes(&[7; 32]), STANDARD.encode(Sha256::digest(b"")));
    let key = [&[1], forger.verifying_key().as_bytes().as_slice()].concat();
    let id: [u8; 32] = Sha256::digest([b"log\n", key.as_slice()].concat()).into();
    let signed = |root: &str| {
        let text = format!("log\n0\n{root}\n");
        let signature = [&id[..4], &forger.sign(text.as_bytes()).to_bytes()].concat();
        format!("{text}\n\u{2014} log {}\n", STANDARD.encode(signature))
    };
    let verifier = format!(
        "log+{}+{}",
        id[..4].iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
        STANDARD.encode(&key)
    );
    let looked = |root: &str| {
        let held = Held {
            key: Some(verifier.clone()),
            checkpoints: vec![("mine".into(), signed(root).into_bytes())],
        };
        verify(LOG, &held).unwrap().text()
    };
    // The file's own heads are of another key, which is told; the one of no entries is led on from all the same.
    assert!(!looked(&empty).contains("(mine)"), "{}", looked(&empty));
    assert!(
        looked(&STANDARD.encode([1; 32])).contains("(mine) is over no entries, and not the root of none")
    );
}

#[test]
fn a_run_that_was_deleted_is_found_in_a_whole_log() {
    let without = |run: &str| rewritten(LOG, |lines| lines.retain(|line| !line.contains(run)));
    for run in ["\"call-1\"", "\"greeting-1\"", "\"call-2\""] {
        assert!(!broken(&without(run), &held(&[])).is_empty(), "{run}");
    }
}

#[test]
fn parts_deleted_doubled_moved_or_added_are_found() {
    for file in [RUN, LOG, SINCE] {
        let parts = apart(file);
        for number in 0..parts.len() - 1 {
            // Nothing else of the file is bound to these; their absence is.
            let free = |name: &str| name.starts_with("manifests/") || name.starts_with("checkpoints/");
            let mut without = parts.clone();
            let (name, bytes) = without.remove(number);
            assert!(free(&name) || !broken(&together(&without), &held(&[])).is_empty(), "{name} deleted");
            let mut twice = parts.clone();
            twice.insert(number, (name.clone(), bytes));
            assert!(!broken(&together(&twice), &held(&[])).is_empty(), "{name} twice");
            let mut moved = parts.clone();
            moved.swap(number, (number + 1) % (parts.len() - 1));
            assert!(!broken(&together(&moved), &held(&[])).is_empty(), "{name} moved");
        }
        for name in ["zzz", "blobs/x", "blobs/00", "entries/x/y", "checkpoints/7", "proofs/7"] {
            let mut more = parts.clone();
            more.insert(parts.len() - 1, (name.into(), b"forged".to_vec()));
            assert!(!broken(&together(&more), &held(&[])).is_empty(), "{name} added");
        }
    }
}

#[test]
fn a_file_that_is_cut_off_says_where() {
    for length in (0..RUN.len()).step_by(97) {
        match look(&RUN[..length]) {
            Err(Unreadable::Foreign(_)) => assert!(length < 1024, "{length}"),
            Err(Unreadable::Io(cause)) => panic!("{cause}"),
            Ok(report) => {
                assert_eq!(report.broken[0].place, Place::Byte(length as u64), "{}", report.text());
                assert!(
                    report.broken.iter().all(|line| line.what == "file"),
                    "nothing else is said to be missing"
                );
            }
        }
    }
}

#[test]
fn a_rollback_and_a_fork_are_found_by_what_somebody_kept() {
    for file in [RUN, LOG, SINCE] {
        let told = |name: &str, note: &str| broken(file, &held(&[(name, note)])).join("\n");
        assert!(
            told("newer", NEWER).contains("(newer) is over 18 entries, the checkpoint of this file over 14")
        );
        assert!(told("fork", FORK).contains(
            "(fork) and the checkpoint of this file are both signed, over as many entries, and differ"
        ));
        assert_eq!(told("now", NOW), "");
    }
    let kept = verify(SINCE, &held(&[("older", OLDER)])).unwrap();
    assert!(kept.unknown.iter().any(|line| line.what == "held"), "no proof leads from there");
    assert_eq!((kept.is_sound(), kept.unanswered), (true, 1));
    assert!(kept.text().ends_with("nothing in it leads on from a checkpoint you gave"), "{}", kept.text());
}

/// Whoever rewrites everything needs the key; with another one it shows, if somebody knows the first.
#[test]
fn a_log_signed_anew_by_another_key_is_found_by_whoever_knows_the_key() {
    let (name, forger) = ("kapell/eed6ed63", SigningKey::from_bytes(&[7; 32]));
    let key = [&[1], forger.verifying_key().as_bytes().as_slice()].concat();
    let id: [u8; 32] = Sha256::digest([name.as_bytes(), b"\n", &key].concat()).into();
    let id = &id[..4];
    let mut parts = apart(RUN);
    let head = String::from_utf8(part_mut(&mut parts, "checkpoint").clone()).unwrap();
    let text = format!("{}\n", head.split_once("\n\n").unwrap().0);
    let signature = [id, &forger.sign(text.as_bytes()).to_bytes()].concat();
    let note = format!("{text}\n\u{2014} {name} {}\n", STANDARD.encode(signature));
    let number = u32::from_be_bytes(id.try_into().unwrap());
    *part_mut(&mut parts, "log.pub") = format!("{name}+{number:08x}+{}\n", STANDARD.encode(key)).into_bytes();
    for (name, bytes) in &mut parts {
        if name == "checkpoint" || name.starts_with("proofs/") {
            *bytes = String::from_utf8(bytes.clone()).unwrap().replace(&head, &note).into_bytes();
        }
    }
    parts.retain(|(name, _)| !name.starts_with("checkpoints/") && !name.starts_with("consistency/"));
    let forged = together(&parts);
    let alone = verify(forged.as_slice(), &Held::default()).unwrap();
    assert!(alone.is_sound() && alone.unknown.iter().any(|line| line.what == "key"), "{}", alone.text());
    let told = broken(&forged, &held(&[]));
    assert!(told[0].contains("is another than the one you hold, kapell/eed6ed63+78988e8d"), "{told:?}");
}

/// What a file says of keys before its own: told to whoever holds one of them, and never more than told.
#[test]
fn whoever_holds_an_earlier_key_hears_why_it_ended() {
    let forger = SigningKey::from_bytes(&[7; 32]);
    let bytes = [&[1], forger.verifying_key().as_bytes().as_slice()].concat();
    let id: [u8; 32] = Sha256::digest([b"earlier\n", bytes.as_slice()].concat()).into();
    let id = id[..4].iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let earlier = format!("earlier+{id}+{}", STANDARD.encode(bytes));
    let begun = |key: &str| {
        format!(
            r#"[{{"at":1,"key":"{earlier}","size":0}},{{"at":2,"by":"user:ada","key":"{key}","reason":"lost","size":4}}]"#
        )
    };
    let with = |keys: String| {
        let mut parts = apart(LOG);
        parts.insert(3, ("keys".into(), keys.into_bytes()));
        together(&parts)
    };
    let told = |file: &[u8], key: &str| {
        verify(file, &Held { key: Some(key.into()), checkpoints: Vec::new() }).unwrap().text()
    };
    let file = with(begun(KEY.trim()));
    let began =
        format!("user:ada began {} on 1970-01-01 after 4 entries, in the place of {earlier}", KEY.trim());
    let now = told(&file, KEY);
    assert!(now.contains(&format!("{began}: lost; so says")) && now.ends_with("\nit holds"), "{now}");
    let then = told(&file, &earlier);
    assert!(then.contains(&format!("{began}, which is the one you hold: lost")), "{then}");
    assert!(then.ends_with("\nit does not hold"), "{then}");
    let other = told(&with(begun(&earlier)), KEY);
    assert!(other.contains("keys: the last key it lists is another than log.pub"), "{other}");
    assert!(told(&with("{}".into()), KEY).contains("keys: it is no list of keys in canonical form"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever is done to a file, checking it ends, and does not end well.
    #[test]
    fn nothing_makes_it_panic(
        which in 0..3_usize,
        edits in prop::collection::vec((any::<prop::sample::Index>(), prop::collection::vec(any::<u8>(), 0..40), 0..600_usize), 1..5),
    ) {
        let original = [RUN, LOG, SINCE][which];
        let mut file = original.to_vec();
        for (at, bytes, over) in edits {
            let at = at.index(file.len());
            let end = file.len().min(at + over);
            file.splice(at..end, bytes);
        }
        let sound = verify(file.as_slice(), &held(&[("older", OLDER)])).is_ok_and(|report| report.is_sound());
        prop_assert!(!sound || file == original);
    }

    #[test]
    fn no_part_makes_it_panic(which in 0..3_usize, part in any::<prop::sample::Index>(), bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut parts = apart([RUN, LOG, SINCE][which]);
        let part = part.index(parts.len() - 1);
        parts[part].1 = bytes;
        let _ = verify(together(&parts).as_slice(), &held(&[("older", OLDER)]));
    }
}

/// An answer that can't be written is no answer; one that nobody reads to its end is.
#[test]
fn an_answer_that_is_not_written_is_none() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut program = Command::new(env!("CARGO_BIN_EXE_kapell-verify"));
    let checked = program.args(["--key", "log.pub", "run.kapell"]).current_dir(&folder);
    if let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") {
        let said = checked.stdout(full).output().unwrap();
        assert_eq!(said.status.code(), Some(2), "{}", String::from_utf8_lossy(&said.stderr));
        assert!(String::from_utf8(said.stderr).unwrap().starts_with("error: print the answer: "));
    }
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let said = checked.stdout(writer).output().unwrap();
    assert_eq!((said.status.code(), String::from_utf8(said.stderr).unwrap().as_str()), (Some(0), ""));
}

#[test]
fn the_program_ends_as_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let run = |arguments: &[&str]| {
        let said = Command::new(env!("CARGO_BIN_EXE_kapell-verify"))
            .args(arguments)
            .current_dir(&folder)
            .output()
            .unwrap();
        (
            said.status.code().unwrap(),
            String::from_utf8(said.stdout).unwrap(),
            String::from_utf8(said.stderr).unwrap(),
        )
    };
    let (code, out, err) = run(&["--key", "log.pub", "--checkpoint", "older.checkpoint", "run.kapell"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.ends_with("\nit holds\n"), "{out}");
    assert_eq!(run(&["--key", KEY.trim(), "--json", "log.kapell"]).0, 0);
    let (code, out, _) = run(&["--json", "--checkpoint", "fork.checkpoint", "run.kapell"]);
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &told["sound"], &told["broken"][0]["what"]), (1, &false.into(), &"fork".into()));
    assert_eq!(
        run(&["log.pub"]),
        (2, String::new(), "error: check log.pub: it is no bundle: it does not begin as one\n".into())
    );
    assert_eq!(run(&["absent"]).0, 2);
    assert_eq!(run(&["/dev/zero"]).2, "error: check /dev/zero: it is no regular file\n");
    assert_eq!(run(&["--key", "log.pub", "--checkpoint", "older.checkpoint", "since.kapell"]).0, 3);
    assert_eq!(run(&["run.kapell"]).0, 3, "nobody said which key to trust");
    assert_eq!(run(&["--json", "absent"]).1.lines().next(), Some("{"));
    assert_eq!(run(&[]).0, 64);
    assert_eq!(run(&["--checkpoints", "x", "run.kapell"]).0, 64);
    assert_eq!(run(&["--help"]).0, 0);
}

fn private_parts(file: &[u8]) -> (Parts, Vec<String>) {
    let parts = apart(file);
    let private = parts.iter().map(|(name, _)| name.clone()).filter(|name| name.starts_with("private/"));
    let private = private.collect();
    (parts, private)
}

/// The last line where no key was given: theirs is another home's than the others'.
const UNKEYED: &str = "it holds, as far as it goes: nobody said which key to trust";

fn told(file: &[u8]) -> String {
    verify(file, &Held::default()).unwrap().text()
}

#[test]
fn private_content_is_opened_where_it_is_and_said_to_be_missing_where_it_is_not() {
    for (file, lines) in [
        (PRIVATE, ["  private    7 private contents, each what its commitment is of", UNKEYED]),
        (
            WITHHELD,
            [
                "  private    what is in 7 private contents: withheld by whoever made this file; only commitments stand",
                UNKEYED,
            ],
        ),
        (
            ERASED,
            [
                "  erased     what was private in greeting-1: on 2026-11-21 by user:ada because asked to be forgotten",
                "  private    what is in 7 private contents: erased; only commitments stand",
            ],
        ),
    ] {
        let told = told(file);
        assert!(lines.iter().all(|line| told.lines().any(|it| it == *line)), "{told}");
        assert!(told.ends_with(UNKEYED), "{told}");
    }
    let (_, private) = private_parts(WITHHELD);
    assert!(private.is_empty() && !holds(WITHHELD, b"Ada is known"));
    assert!(holds(PRIVATE, b"Ada is known") && !holds(ERASED, b"Ada is known"));
}

fn holds(file: &[u8], part: &[u8]) -> bool {
    file.windows(part.len()).any(|window| window == part)
}

#[test]
fn private_content_that_was_changed_dropped_or_added_is_found() {
    let (parts, private) = private_parts(PRIVATE);
    assert_eq!(private.len(), 7);
    for name in &private {
        let length = parts.iter().find(|(it, _)| it == name).unwrap().1.len();
        for at in [0, 31, 32, length - 1] {
            let mut changed = parts.clone();
            part_mut(&mut changed, name)[at] ^= 1;
            let told = told(&together(&changed));
            let at_it =
                |line: &str| line.contains(name) && line.ends_with("its commitment is not of what is here");
            assert!(told.lines().any(at_it), "{at}: {told}");
        }
        let without: Parts = parts.iter().filter(|(it, _)| it != name).cloned().collect();
        let dropped = told(&together(&without));
        assert!(dropped.contains(&format!("names {name}, which is not here")), "{dropped}");
        let mut short = parts.clone();
        part_mut(&mut short, name).truncate(16);
        assert!(told(&together(&short)).contains("its commitment is not of what is here"));
    }
    // Something that no entry names, under a commitment that is its own.
    let mut more = parts.clone();
    let at = more.iter().position(|(name, _)| name == "withheld").unwrap();
    let (salt, content) = ([0; 32], b"Hi There");
    let forged = "private/ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff".to_owned();
    more.insert(at, (forged, [&salt[..], content].concat()));
    assert!(told(&together(&more)).contains("its commitment is not of what is here"));
}

#[test]
fn only_what_an_entry_says_was_erased_is_taken_for_private_and_erased() {
    // Said to be withheld what is, and to be erased what is not.
    for (file, from, to) in
        [(WITHHELD, "withheld private/", "erased private/"), (ERASED, "erased private/", "withheld private/")]
    {
        let mut parts = apart(file);
        let withheld = part_mut(&mut parts, "withheld");
        *withheld = String::from_utf8(withheld.clone()).unwrap().replace(from, to).into_bytes();
        let told = told(&together(&parts));
        assert!(told.contains("is nothing that is missing"), "{told}");
        assert!(told.ends_with("it does not hold"), "{told}");
    }
    // What an entry says is gone, back in the file.
    let (kept, private) = private_parts(PRIVATE);
    let mut parts = apart(ERASED);
    for name in &private {
        let content = kept.iter().find(|(it, _)| it == name).unwrap().clone();
        let at = parts.iter().position(|(it, _)| it == "withheld").unwrap();
        parts.insert(at, content);
    }
    let told = told(&together(&parts));
    assert!(told.contains("an entry says that it was erased"), "{told}");
}

/// The names of blobs, the first of them the one that was let go and is gone.
fn gone_and_kept() -> (String, String) {
    let parts = apart(DROPPED);
    let withheld = &parts.iter().find(|(name, _)| name == "withheld").unwrap().1;
    let withheld = String::from_utf8(withheld.clone()).unwrap();
    let gone = withheld.lines().find_map(|line| line.strip_prefix("dropped ")).unwrap();
    // What the run was given is what the other one gave its skill.
    let kept = format!("blobs/{}", hex(&Sha256::digest(br#"{"name":"Ada"}"#)));
    assert!(parts.iter().any(|(name, _)| *name == kept));
    (gone.to_owned(), kept)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn contents_that_were_let_go_are_told_with_the_rule() {
    let told = told(DROPPED);
    let lines = [
        "  dropped    the contents of greeting-1: not kept since 2026-11-21, by policy 0ea6cf88d63f, which keeps contents for 1 ms",
        "  contents   what is in 1 blob: not kept any longer, by policy; only digests stand",
        "it holds, as far as it goes: nobody said which key to trust",
    ];
    assert!(lines.iter().all(|line| told.lines().any(|it| it == *line)), "{told}");
}

#[test]
fn only_what_entries_say_was_let_go_and_nobody_keeps_is_taken_for_it() {
    let (gone, kept) = gone_and_kept();
    let changed = |change: &dyn Fn(&mut Parts)| {
        let mut parts = apart(DROPPED);
        change(&mut parts);
        let told = told(&together(&parts));
        assert!(told.ends_with("it does not hold"), "{told}");
        told
    };
    let says = |parts: &mut Parts, from: &str, to: &str| {
        let withheld = part_mut(parts, "withheld");
        *withheld = String::from_utf8(withheld.clone()).unwrap().replace(from, to).into_bytes();
    };
    // It was let go, and not withheld or never kept.
    for other in ["withheld", "not-kept", "erased"] {
        let told = changed(&|parts| says(parts, &format!("dropped {gone}"), &format!("{other} {gone}")));
        assert!(told.contains("is nothing that is missing"), "{told}");
    }
    // One run let it go, another keeps it.
    let told = changed(&|parts| {
        parts.retain(|(name, _)| *name != kept);
        says(parts, "dropped ", &format!("dropped {kept}\ndropped "));
    });
    assert!(told.contains("is nothing that is missing") && told.contains("which is not here"), "{told}");
    // Nobody ever let it go.
    let policy = "blobs/0ea6cf88d63ffa5916f85f7b35cabca80f379dbf716b1275b652934c3bb42137";
    let told = changed(&|parts| {
        parts.retain(|(name, _)| name != policy);
        says(parts, "dropped ", &format!("dropped {policy}\ndropped "));
    });
    assert!(told.contains("is nothing that is missing"), "{told}");
    // It is here all the same.
    let bytes = br#"{"greeting":"Hello, Ada!"}"#;
    assert_eq!(gone, format!("blobs/{}", hex(&Sha256::digest(bytes))));
    let told = changed(&|parts| {
        let at = parts.iter().position(|(name, _)| name.starts_with("blobs/") && *name > gone);
        let at = at.unwrap_or_else(|| parts.iter().position(|(name, _)| name == "withheld").unwrap());
        parts.insert(at, (gone.clone(), bytes.to_vec()));
        says(parts, &format!("dropped {gone}\n"), "");
    });
    assert!(told.contains("an entry says that it was let go"), "{told}");
}
