//! Whole exports in, lines and findings out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests stop at the first surprise"
)]

use kapell_plugin_statement_reader::{
    Decimal, LONGEST_BYTES, Order, ReadingError, Said, Side, Statement, read,
};
use proptest::prelude::*;

fn bank(text: &str) -> Result<Statement, ReadingError> {
    read(text, Side::Bank, None, None)
}

/// The lines without their header, and the findings.
fn told(statement: &Statement) -> String {
    let lines = statement.lines.strip_prefix("line,date,amount,reference,text\n").unwrap();
    let findings = statement.findings.iter().map(|it| format!("{} {}: {}\n", it.line, it.kind, it.why));
    lines.to_owned() + &findings.collect::<String>()
}

#[track_caller]
fn check(text: &str, expected: &str) {
    let statement = bank(text).unwrap();
    assert_eq!(told(&statement), expected, "{text:?}");
    assert_eq!(statement.count as usize, statement.lines.lines().count() - 1);
}

#[test]
fn one_account_in_many_dialects_is_the_same_account() {
    let expected = "2,2026-10-14,-1234.50,R-1,Rent\n3,2026-10-15,12.00,,Refund\n";
    for text in [
        "Date,Reference,Text,Amount\n2026-10-14,R-1,Rent,-1234.50\n2026-10-15,,Refund,12\n",
        "Buchungstag;Referenz;Buchungstext;Betrag\r\n14.10.2026;R-1;Rent;-1.234,50\r\n15.10.2026;;Refund;12,00\r\n",
        "Text\tDate\tRef\tDebit\tCredit\nRent\t14/10/2026\tR-1\t1,234.50\t\nRefund\t15/10/26\t\t\t12.00\n",
        "\u{feff}'Date'|'Ref'|'Memo'|'Amount (EUR)'\n'10/14/2026'|'R-1'|'Rent'|'(1''234.50)'\n'10/15/2026'|''|'Refund'|'+12.00'\n",
        "date,amount,d/c,reference,text\n20261014,1234.50,D,R-1,Rent\n20261015,12.00,C,,Refund\n",
    ] {
        check(text, expected);
    }
}

#[test]
fn a_debit_is_what_it_is_to_its_side() {
    let text = "Date,Debit,Credit\n2026-10-14,10.00,\n2026-10-14,,3.00\n";
    assert_eq!(read(text, Side::Bank, None, None).unwrap().sum, "-7.00");
    assert_eq!(read(text, Side::Ledger, None, None).unwrap().sum, "7.00");
}

#[test]
fn a_line_that_cannot_be_read_is_named_and_the_others_are_read() {
    check(
        "Date,Amount,Text\n2026-10-01,1.00,a\n2026-02-30,1.00,b\n2026-10-01,1O.00,c\n2026-10-01,=1+1,d\n\
         2026-10-01,1,234.50,e\n2026-10-01\n2026-10-01,2.00,\"f\n2026-10-02,3.00,g\n\
         2026-10-02,999999999999999999999999999999,h\n",
        "2,2026-10-01,1.00,,a\n9,2026-10-02,3.00,,g\n\
         3 unreadable: `2026-02-30` is no day of the calendar\n\
         4 unreadable: `1O.00` is no amount\n\
         5 unreadable: `=1+1` is a formula\n\
         6 unreadable: it has 4 cells where the header has 3: is a text with a separator not quoted?\n\
         7 unreadable: it has 1 cells where the header has 3\n\
         8 unreadable: a quote is opened and not closed\n\
         10 unreadable: it has 30 digits; amounts have 15 at most\n",
    );
}

#[test]
fn formulas_become_text_and_negative_numbers_stay_numbers() {
    check(
        "Date,Amount,Text\n2026-10-01,-1.00,\"=HYPERLINK(\"\"x\"\")\"\n2026-10-01,1.00,@SUM(A1)\n2026-10-01,2.00,-5.00\n",
        "2,2026-10-01,-1.00,,\"'=HYPERLINK(\"\"x\"\")\"\n3,2026-10-01,1.00,,'@SUM(A1)\n4,2026-10-01,2.00,,-5.00\n\
         2 formula: `=HYPERLINK(\"x\")` could be run by a spreadsheet; it is kept as text\n\
         3 formula: `@SUM(A1)` could be run by a spreadsheet; it is kept as text\n",
    );
}

#[test]
fn balances_say_the_order_and_where_a_line_is_missing() {
    let down =
        "Date,Amount,Balance\n2026-10-01,1.00,101.00\n2026-10-02,2.00,103.00\n2026-10-03,4.00,112.00\n";
    let statement = bank(down).unwrap();
    assert_eq!(
        (statement.opening.as_deref(), statement.closing.as_deref()),
        (Some("100.00"), Some("112.00"))
    );
    assert_eq!(statement.findings.len(), 1);
    assert_eq!(
        statement.findings[0].why,
        "from line 3 to here the balance moves by 9.00, the line by 4.00: 5.00 apart"
    );

    let up = "Date,Amount,Balance\n2026-10-03,4.00,107.00\n2026-10-02,2.00,103.00\n2026-10-01,1.00,101.00\n";
    let statement = bank(up).unwrap();
    assert_eq!(
        (statement.opening.as_deref(), statement.closing.as_deref()),
        (Some("100.00"), Some("107.00"))
    );
    assert!(statement.findings.is_empty());
    let order = statement.read_as.iter().find(|choice| choice.what == "balance").unwrap();
    assert_eq!(order.taken, "newest line first");

    let stated = "Date,Text,Amount\n2026-10-01,Opening balance,100.00\n2026-10-02,Rent,-1.00\n,Closing balance:,99.00\n";
    let statement = bank(stated).unwrap();
    assert_eq!((statement.opening.as_deref(), statement.closing.as_deref()), (Some("100.00"), Some("99.00")));
    assert_eq!((statement.count, statement.unreadable), (1, 0));

    let other = "Date,Amount,Balance\n2026-10-01,1.00,5\n2026-10-02,2.00,9\n2026-10-03,4.00,1\n";
    assert_eq!(bank(other).unwrap().closing, None, "balances that follow from nothing are none");
}

/// A quiet account is quiet all month; one that ends on the second is an export that was cut.
#[test]
fn an_export_that_stops_early_is_named_however_few_lines_it_has() {
    let gaps = |text: &str| {
        let statement = read(text, Side::Bank, Some("2026-10"), None).unwrap();
        let gaps = statement.findings.iter().filter(|it| it.kind == "missing-days");
        gaps.map(|it| it.why.clone()).collect::<Vec<_>>()
    };
    let cut = gaps("Date,Amount\n2026-10-01,1.00\n2026-10-02,2.00\n");
    assert_eq!(cut, ["no line from 2026-10-05 to 2026-10-30, 20 working days"]);
    assert!(gaps("Date,Amount\n2026-10-05,1.00\n2026-10-14,2.00\n2026-10-23,3.00\n").is_empty());
}

#[test]
fn repeated_lines_and_missing_days_are_named() {
    let mut text = String::from("Date,Amount\n");
    for day in (1..=30).filter(|day| !(14..=16).contains(day)) {
        text += &format!("2026-10-{day:02},{day}.00\n");
    }
    text += "2026-10-30,30.00\n2026-11-02,1.00\n";
    let statement = read(&text, Side::Bank, Some("2026-10"), None).unwrap();
    let findings: Vec<String> =
        statement.findings.iter().map(|it| format!("{} {}: {}", it.line, it.kind, it.why)).collect();
    assert_eq!(
        findings,
        [
            "0 missing-days: no line from 2026-10-14 to 2026-10-16, 3 working days",
            "29 repeated: it repeats line 28 to the last letter",
            "30 other-month: it is of 2026-11-02",
        ]
    );
    assert_eq!(statement.count, 29, "a line that is there twice stays: only the account can tell");
}

#[test]
fn what_can_be_read_in_two_ways_is_refused_until_somebody_says_which() {
    let dates = "Date,Amount\n03/10/2026,1.00\n04/10/2026,2.00\n";
    let Err(ReadingError::Ambiguous(why)) = bank(dates) else { panic!() };
    assert!(why.contains("`03/10/2026`") && why.contains("day-first"), "{why}");
    let first_day = |month: Option<&str>, dates_said: Option<Order>| {
        let said = dates_said.map(|order| Said { decimal: None, dates: Some(order) });
        read(dates, Side::Bank, month, said).unwrap().lines.split(',').nth(5).unwrap().to_owned()
    };
    assert_eq!(first_day(Some("2026-10"), None), "2026-10-03");
    assert_eq!(first_day(Some("2026-03"), None), "2026-03-10");
    assert_eq!(first_day(None, Some(Order::MonthFirst)), "2026-03-10");

    let amounts = "Date;Amount\n2026-10-03;1.234\n2026-10-03;2.500\n";
    let Err(ReadingError::Ambiguous(why)) = bank(amounts) else { panic!() };
    assert!(why.contains("`1.234`"), "{why}");
    let sum = |decimal| {
        read(amounts, Side::Bank, None, Some(Said { decimal: Some(decimal), dates: None })).unwrap().sum
    };
    assert_eq!((sum(Decimal::Point), sum(Decimal::Comma)), ("3.734".to_owned(), "3734.00".to_owned()));
}

#[test]
fn what_is_no_export_never_passes_as_one_without_lines() {
    let fails = |text: &str| match bank(text).unwrap_err() {
        ReadingError::NoTable(why) => format!("no table: {why}"),
        ReadingError::NoHeader(why) => format!("no header: {why}"),
        ReadingError::NoLines(why) => format!("no lines: {why}"),
        ReadingError::SeveralCurrencies(why) => format!("several: {why}"),
        ReadingError::OtherSide(why) => format!("other side: {why}"),
        other => format!("{other:?}"),
    };
    assert_eq!(fails(" \n\n"), "no table: it is empty");
    assert_eq!(fails("a\nb\0c"), "no table: it is binary: line 2 has a zero byte");
    assert!(fails("Dear team,\nnothing to report.\n").starts_with("no header: no line of the first 30"));
    assert!(fails("2026-10-01,1.00\n2026-10-02,2.00\n").starts_with("no header: "));
    assert_eq!(fails("Date,Amount\n"), "no lines: nothing stands below the header");
    assert_eq!(fails("Date,Amount\nx,1\n"), "no lines: line 2: `x` is no day of the calendar");
    let currencies = "Date,Amount,Currency\n2026-10-01,1,EUR\n2026-10-01,1,USD\n";
    assert_eq!(fails(currencies), "several: EUR in line 2 and USD in line 3");
    assert!(
        fails("Date,Voucher,Contra account,Amount\n2026-10-01,1,2,3\n")
            .starts_with("other side: it was given as")
    );
    assert_eq!(bank(&" ".repeat(LONGEST_BYTES as usize + 1)), Err(ReadingError::TooLarge(LONGEST_BYTES)));
    assert_eq!(
        read("Date,Amount\n2026-10-01,1\n", Side::Bank, Some("2026-13"), None),
        Err(ReadingError::BadMonth("2026-13".into()))
    );
}

proptest! {
    /// Any text is read without a panic, and what is read adds up to what is said.
    #[test]
    fn any_text_is_read(rows in proptest::collection::vec("([-0-9.,;\"=/ ']|[a-z]|\\PC){0,24}", 0..20)) {
        let text = format!("Date;Amount;Text;Balance\n{}", rows.join("\n"));
        if let Ok(statement) = bank(&text) {
            let found = statement.unreadable + statement.count;
            prop_assert!(found as usize <= rows.len(), "{found} of {}", rows.len());
        }
    }

    /// Every line below the header is read or named.
    #[test]
    fn no_line_is_lost(kinds in proptest::collection::vec(0..5_usize, 1..40)) {
        let line = |kind: &usize| ["2026-10-01;1,50;a", "x;1;a", "2026-10-01;x;a", "2026-10-01;1;\"a", "2026-10-01;1;a;b"][*kind];
        let text = format!("Date;Amount;Text\n{}\n", kinds.iter().map(line).collect::<Vec<_>>().join("\n"));
        let good = kinds.iter().filter(|kind| **kind == 0).count();
        match bank(&text) {
            Ok(statement) => {
                prop_assert_eq!(statement.count as usize, good);
                prop_assert_eq!(statement.unreadable as usize, kinds.len() - good);
            }
            Err(error) => prop_assert!(good == 0, "{:?}", error),
        }
    }
}
