//! Exports of a month through the closing flow: clean, dirty, broken, and what is no export never passes.

use crate::stage::{Said, Stage};
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;

fn stage() -> Stage {
    let stage = Stage::example("13-month-end-close");
    stage.add(&["statement-reader", "close-matcher", "prose-lint", "outbox"]);
    stage
}

fn close(stage: &Stage, ledger: &str, bank: &str) -> Said {
    let (ledger, bank) = (format!("ledger=@{ledger}"), format!("bank=@{bank}"));
    stage.kapell(&[
        "run",
        "close.yaml",
        "--json",
        "--no-wait",
        "-i",
        "month=2026-10",
        "-i",
        &ledger,
        "-i",
        &bank,
    ])
}

/// The same with texts.
fn close_texts(stage: &Stage, ledger: impl AsRef<[u8]>, bank: impl AsRef<[u8]>) -> Said {
    stage.write("ledger.csv", ledger);
    stage.write("bank.csv", bank);
    close(stage, "ledger.csv", "bank.csv")
}

/// The files that were handed over.
fn made(stage: &Stage) -> Vec<String> {
    let Ok(entries) = fs::read_dir(stage.project().join("out")) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

const FILES: [&str; 4] = [
    "close-2026-10-exceptions.csv",
    "close-2026-10-journal.csv",
    "close-2026-10-matched.csv",
    "close-2026-10.md",
];

/// What the one question shows under a name, as lines.
fn shown(run: &Value, name: &str) -> Vec<String> {
    assert_eq!(run["question"]["step"], "decision", "{run:#}");
    let lines = run["question"]["show"][name].as_array().unwrap_or_else(|| panic!("{run:#}"));
    lines.iter().map(|line| line.as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_clean_month_closes_without_a_person() {
    let stage = stage();
    let run = close(&stage, "exports/ledger.csv", "exports/bank.csv").ends(0).json();
    assert_eq!(run["output"]["balanced"], true, "{run:#}");
    assert_eq!(
        (&run["output"]["exceptions"], &run["output"]["small_differences"]),
        (&0.into(), &"-0.03".into())
    );
    assert_eq!(made(&stage), FILES);
    let entries = stage.kapell(&["runs", "show", "last"]).ends(0).out;
    assert!(!entries.contains("question"), "{entries}");
}

#[test]
fn a_dirty_month_asks_once_with_the_largest_exception_first() {
    let stage = stage();
    let run = close(&stage, "exports/ledger-dirty.csv", "exports/bank-dirty.csv").ends(5).json();
    let exceptions = shown(&run, "exceptions");
    let size = |line: &String| {
        let amount: f64 = line.split(' ').next().unwrap().parse().unwrap();
        amount.abs()
    };
    assert_eq!(exceptions.len(), 15, "{exceptions:#?}");
    assert!(exceptions.windows(2).all(|pair| size(&pair[0]) >= size(&pair[1])), "{exceptions:#?}");
    assert!(run["question"]["text"].as_str().unwrap().contains("is off by 6305.03"), "{run:#}");
    let found = [shown(&run, "ledger_findings"), shown(&run, "bank_findings")].concat().join("\n");
    for kind in ["missing-days", "formula", "balance-jump", "repeated", "unreadable"] {
        assert!(found.contains(kind), "{kind} in {found}");
    }
    assert_eq!(made(&stage), Vec::<String>::new());

    let run = stage.kapell(&["gates", "approve", "last", "--json"]).ends(0).json();
    assert_eq!((&run["state"], &run["output"]["balanced"]), (&"done".into(), &false.into()), "{run:#}");
    assert_eq!(made(&stage), FILES);
}

#[test]
fn a_no_hands_nothing_over() {
    let stage = stage();
    close(&stage, "exports/ledger-dirty.csv", "exports/bank-dirty.csv").ends(5);
    stage.kapell(&["gates", "reject", "last", "--reason", "book the fees first"]).ends(6);
    assert_eq!(made(&stage), Vec::<String>::new());
}

#[test]
fn no_file_holds_a_cell_that_a_spreadsheet_runs() {
    let stage = stage();
    let bank = "Date,Text,Amount\n2026-10-01,=1+1,-5.00\n2026-10-02,\"\t@SUM(A1)\",6.00\n2026-10-03,-cmd|' /C calc'!A0,7.00\n\
                2026-10-04,\"+49,30\",8.00\n";
    close_texts(&stage, "Date,Text,Amount\n2026-10-01,\"\n=1\",5.00\n2026-10-09,x,1.00\n", bank).ends(5);
    stage.kapell(&["gates", "approve", "last"]).ends(0);
    for name in FILES.iter().filter(|name| name.ends_with(".csv")) {
        let text = stage.read(&format!("out/{name}"));
        let mut cells =
            text.lines().flat_map(|line| line.split(',')).map(|cell| cell.trim_start_matches('"'));
        let runs = |cell: &str| {
            cell.starts_with(['=', '+', '@', '\t']) || (cell.starts_with('-') && cell.parse::<f64>().is_err())
        };
        assert!(!cells.any(runs), "{name}: {text}");
    }
    assert!(
        stage.read("out/close-2026-10-exceptions.csv").contains(",-5.00,"),
        "a negative number stays one"
    );
}

/// Both sides agree to the cent, and neither is the whole month.
#[test]
fn half_a_month_and_another_month_are_never_passed_without_a_person() {
    let stage = stage();
    let half = "Date,Text,Amount\n2026-10-01,a,1.00\n2026-10-02,b,2.00\n2026-10-05,c,3.00\n";
    let of_the_bank = |text: &str| text.replace(",a,", ",A Ltd,").replace(",b,", ",B Ltd,");
    let run = close_texts(&stage, half, of_the_bank(half)).ends(5).json();
    // It balances, and says why it asks all the same.
    assert_eq!(
        run["question"]["text"],
        "2026-10 balances and has no exceptions; days are missing. Hand the draft over as it is?"
    );
    assert_eq!(shown(&run, "exceptions"), ["none"]);
    assert_eq!(
        shown(&run, "bank_findings"),
        ["missing-days, no line from 2026-10-06 to 2026-10-30, 19 working days"]
    );
    let next = half.replace("-10-", "-11-");
    let run = close_texts(&stage, &next, of_the_bank(&next)).ends(5).json();
    assert!(shown(&run, "ledger_findings").iter().any(|it| it.contains("other-month, it is of 2026-11-01")));
    let text = run["question"]["text"].as_str().unwrap();
    assert!(text.contains("; lines are of another month"), "{text}");
}

#[test]
fn a_broken_line_is_asked_about_and_the_others_are_closed() {
    let stage = stage();
    let ledger = "Date,Text,Amount\n2026-10-01,a,1.00\n2026-10-02,b,2.00\n";
    let run = close_texts(&stage, ledger, "Date,Text,Amount\n2026-10-01,a,1.00\n2026-10-02,\"b,2.00\n")
        .ends(5)
        .json();
    let cut = "missing-days, no line from 2026-10-02 to 2026-10-30, 21 working days";
    assert_eq!(shown(&run, "bank_findings"), [cut, "line 3, unreadable, a quote is opened and not closed"]);
    let long = format!("Date,Text,Amount\n2026-10-01,a,1.00\n2026-10-02,b,{}\n", "7".repeat(30));
    let run = close_texts(&stage, ledger, long).ends(5).json();
    let too_long = "line 3, unreadable, it has 30 digits; amounts have 15 at most";
    assert_eq!(shown(&run, "bank_findings"), [cut, too_long]);
}

#[test]
fn what_is_no_export_stops_before_anything_is_closed() {
    let stage = stage();
    let good = fs::read(stage.project().join("exports/ledger.csv")).unwrap();
    let bank = fs::read(stage.project().join("exports/bank.csv")).unwrap();
    type Case<'a> = (&'a str, &'a [u8], &'a [u8], i32, &'a str);
    let cases: [Case<'_>; 9] = [
        ("an empty file", b"", &bank, 1, "no-table"),
        ("an empty file for the other side", &good, b"\n", 1, "no-table"),
        ("zero bytes", b"Date,Amount\n\0\0\0", &bank, 1, "no-table"),
        ("no UTF-8", b"Date,Amount\n\xff\xfe", &bank, 2, "no UTF-8"),
        ("no header", b"2026-10-01,5.00\n", &bank, 1, "no-header"),
        ("a letter", b"Dear team,\nnothing happened.\n", &bank, 1, "no-header"),
        ("swapped", &bank, &good, 1, "other-side"),
        (
            "the same twice",
            b"Date,Text,Amount\n2026-10-01,a,1\n",
            b"Date,Text,Amount\n2026-10-01,a,1\n",
            1,
            "same-twice",
        ),
        ("two readings", b"Date,Amount\n2026-10-01,1.234\n", &bank, 1, "ambiguous"),
    ];
    for (name, ledger, bank, code, word) in cases {
        let said = close_texts(&stage, ledger, bank);
        assert_eq!(said.code, Some(code), "{name}: {}{}", said.out, said.err);
        assert!(said.out.contains(word), "{name}: {}{}", said.out, said.err);
    }
    // What offices write by habit: the way to UTF-8 is told.
    for (bytes, from) in
        [(b"Date,Text\n2026-10-01,caf\xe9\n".as_slice(), "windows-1252"), (b"\xff\xfeD\0a\0", "utf-16")]
    {
        let said = close_texts(&stage, bytes, &bank).ends(2);
        assert!(
            said.out.contains(&format!("iconv -f {from} -t utf-8 ledger.csv")),
            "{}{}",
            said.out,
            said.err
        );
    }
    assert_eq!(made(&stage), Vec::<String>::new());
}

/// Lines that match one to one.
fn exports(lines: usize) -> (String, String) {
    let mut ledger = "Date,Voucher,Amount\n".to_owned();
    let mut bank = "Booking date;Text;Amount\n".to_owned();
    for line in 0..lines {
        let (day, euros) = (line % 30 + 1, line % 997 + 1);
        let _ = writeln!(ledger, "2026-10-{day:02},INV-{line:07},{euros}.50");
        let _ = writeln!(bank, "{day:02}.10.2026;paid inv {line:07};{euros},50");
    }
    (ledger, bank)
}

#[test]
fn ten_thousand_lines_close_within_the_limits_of_the_example() {
    let stage = stage();
    let (ledger, bank) = exports(10_000);
    let run = close_texts(&stage, ledger, bank).ends(0).json();
    assert_eq!(
        (&run["output"]["balanced"], &run["output"]["exceptions"]),
        (&true.into(), &0.into()),
        "{run:#}"
    );
}

/// Two numbers in each line of the bank are what takes most room. A tenth of the lines takes less than a tenth of what
/// the skills may take, so a million closes too.
#[test]
fn a_hundred_thousand_lines_with_two_numbers_each_close_in_a_tenth_of_the_memory() {
    let stage = stage();
    let policy = stage.read("policy.toml");
    let (before, after) = policy.split_once("[limits.any]").unwrap();
    let (_, roles) = after.split_once("[role").unwrap();
    let limits =
        "[limits.any]\nfuel = 8_000_000_000\nmemory = \"80MiB\"\ndeadline = \"2m\"\noutput = \"64MiB\"\n";
    stage.write("policy.toml", format!("{before}{limits}\n[role{roles}"));
    let mut ledger = "Date,Voucher,Amount\n".to_owned();
    let mut bank = "Booking date;Text;Amount\n".to_owned();
    for line in 0..100_000 {
        let (day, euros) = (line % 30 + 1, line % 997 + 1);
        let _ = writeln!(ledger, "2026-10-{day:02},V{line:07},{euros}.50");
        let _ = writeln!(bank, "{day:02}.10.2026;P{line:07} V{line:07};{euros},50");
    }
    let run = close_texts(&stage, ledger, bank).ends(0).json();
    assert_eq!(
        (&run["output"]["balanced"], &run["output"]["exceptions"]),
        (&true.into(), &0.into()),
        "{run:#}"
    );
}

#[test]
fn a_million_lines_end_at_a_limit_that_is_named() {
    let stage = stage();
    let (ledger, bank) = exports(1_000_000);
    let run = close_texts(&stage, ledger, bank).ends(8).json();
    let reason = run["reason"].as_str().unwrap();
    assert!(reason.contains("memory") || reason.contains("fuel"), "{run:#}");
    assert_eq!(made(&stage), Vec::<String>::new());
}
