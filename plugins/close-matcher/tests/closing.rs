//! Two sides in, a close out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests stop at the first surprise"
)]

use kapell_cells::Amount;
use kapell_plugin_close_matcher::{
    Account, Accounts, Booking, Close, ClosingError, Finding, Rules, Side, Weakness, close, note,
};
use kapell_plugin_prose_lint as lint;
use proptest::prelude::*;

fn rules() -> Rules {
    Rules {
        tolerance: "0.05".to_owned(),
        days: 5,
        reference_days: 30,
        accounts: Accounts { bank: "1200".into(), rounding: "4840".into(), clearing: "1590".into() },
        bookings: vec![Booking { contains: "Account fee".into(), account: "4970".into() }],
        currency: None,
    }
}

/// Lines as `DAY AMOUNT REFERENCE TEXT`, a reference of `-` for none; numbered from 2, as below a header.
fn account(lines: &str) -> Account {
    let mut text = "line,date,amount,reference,text\n".to_owned();
    for (number, line) in lines.lines().map(str::trim).filter(|line| !line.is_empty()).enumerate() {
        let mut words = line.splitn(4, ' ');
        let mut next = || words.next().unwrap_or_default();
        let (day, amount, reference) = (next(), next(), next().trim_matches('-'));
        text += &format!("{},2026-10-{day},{amount},{reference},{}\n", number + 2, next());
    }
    Account { lines: text, opening: None, closing: None, currency: None }
}

fn closed(ledger: &str, bank: &str) -> Close {
    close(account(ledger), account(bank), rules()).unwrap()
}

/// Matches as `HOW: LEDGER = BANK`, then exceptions as `SIDE LINE: WHY`.
#[track_caller]
fn check(ledger: &str, bank: &str, expected: &[&str]) {
    let close = closed(ledger, bank);
    let mut told: Vec<String> = Vec::new();
    let mut last = String::new();
    for row in close.matched.lines().skip(1) {
        let cells: Vec<&str> = row.split(',').collect();
        if last != cells[0] {
            told.push(format!("{}:", cells[1]));
            last = cells[0].to_owned();
        }
        let told = told.last_mut().unwrap();
        *told += &format!(" {}={}", cells[3], cells[6]);
    }
    told.extend(close.summary.open.iter().map(|it| {
        let side = if it.side == Side::Ledger { "Ledger" } else { "Bank" };
        format!("{side} {}: {}", it.line, it.why)
    }));
    assert_eq!(told, expected, "{ledger}\n{bank}");
    conserves(&close);
}

/// Every line stands once in one of the two files, and the numbers add up.
fn conserves(close: &Close) {
    let summary = &close.summary;
    let sum = |text: &str| Amount::parse(text).unwrap();
    let counted: u32 = summary.matched.iter().map(|it| it.lines).sum();
    assert_eq!(counted + summary.open_total, summary.ledger.lines + summary.bank.lines);
    assert_eq!(summary.journal.off_by, "0.00");
    assert_eq!(summary.journal.debits, summary.journal.credits);
    let moved = sum(&summary.bank.sum) - sum(&summary.ledger.sum);
    let steps = |what: &str| {
        summary
            .proof
            .iter()
            .filter(|step| step.what.starts_with(what))
            .map(|step| sum(&step.amount))
            .sum::<Amount>()
    };
    assert_eq!(steps("of it "), moved, "exceptions and small differences are all there is between the sides");
    assert_eq!(steps("difference") - steps("of it "), sum(&summary.off_by));
}

#[test]
fn a_reference_goes_before_an_amount() {
    check(
        "01 100.00 INV-2041 Birch\n02 100.00 INV-2042 Cedar",
        "09 100.00 - Cedar inv 2042\n10 100.00 - Birch INV/2041",
        &["reference: 2=3", "reference: 3=2"],
    );
}

#[test]
fn amounts_match_within_days_and_the_same_day_first() {
    check(
        "01 7.00 - a\n05 7.00 - b",
        "05 7.00 - c\n06 7.00 - d",
        &["amount and date: 2=3", "amount and date: 3=2"],
    );
    let far = [
        "Ledger 2: line 2 of the bank has its amount, 6 days apart",
        "Bank 2: line 2 of the ledger has its amount, 6 days apart",
    ];
    check("01 7.00 - a", "07 7.00 - b", &far);
    let closed = closed("01 7.00 - a", "02 7.00 - b\n03 7.00 - c\n09 7.00 - d");
    assert!(
        closed.matched.contains("\n1,amount and date,2,2,"),
        "two it could have been: {}",
        closed.matched
    );
}

#[test]
fn two_invoices_of_one_amount_are_not_each_other() {
    check(
        "01 100.00 INV-2041 Birch",
        "01 100.00 INV-2050 Birch",
        &[
            "Ledger 2: line 2 of the bank has its amount, on the same day",
            "Bank 2: line 2 of the ledger has its amount, on the same day",
        ],
    );
}

#[test]
fn small_differences_pass_and_are_listed() {
    check("01 100.00 INV-2041 a", "01 99.95 INV-2041 b", &["reference with a small difference: 2=2"]);
    check(
        "01 100.00 - Fuel cards",
        "01 100.05 - Roadlink fuel",
        &["amount and text with a small difference: 2=2"],
    );
    let close = closed("01 100.00 INV-2041 a\n02 5.00 INV-7000 b", "01 99.95 INV-2041 a\n02 5.02 INV-7000 b");
    assert_eq!((close.summary.small_total, &*close.summary.small_sum), (2, "-0.03"));
    assert_eq!(close.summary.small[0].difference, "-0.05", "the largest first");
    assert!(close.journal.contains("1,2026-10-01,4840,0.05,,"), "{}", close.journal);
    assert!(close.journal.contains("2,2026-10-02,1200,0.02,,"), "{}", close.journal);
}

#[test]
fn a_difference_of_one_cent_more_does_not_pass() {
    check(
        "01 100.00 INV-2041 a",
        "01 99.94 INV-2041 b",
        &[
            "Ledger 2: line 2 of the bank has its reference and 0.06 less",
            "Bank 2: line 2 of the ledger has its reference and 0.06 more",
        ],
    );
    check(
        "01 100.00 - Fuel cards",
        "01 100.05 - Something else",
        &["Bank 2: nothing like it in the ledger", "Ledger 2: nothing like it in the bank"],
    );
    check(
        "01 0.02 INV-2041 a",
        "01 -0.02 INV-2041 b",
        &[
            "Ledger 2: line 2 of the bank has its reference and 0.04 less",
            "Bank 2: line 2 of the ledger has its reference and 0.04 more",
        ],
    );
}

#[test]
fn one_line_is_several_where_only_one_choice_fits() {
    check(
        "01 100.00 INV-2041 a\n02 50.00 INV-2042 b\n03 25.00 INV-2043 c",
        "04 150.00 - Birch INV-2041 INV-2042",
        &["references of a sum: 2=2 3=", "Ledger 4: nothing like it in the bank"],
    );
    check(
        "01 41.65 - Sale Paywell\n01 77.35 - Sale Paywell\n02 23.80 - Sale Paywell",
        "03 119.00 - Paywell payout",
        &["a sum: 2=2 3=", "Ledger 4: nothing like it in the bank"],
    );
    // 10 + 20 and 5 + 25 are both 30: neither is taken.
    let close = closed(
        "01 10.00 - Sale Paywell\n01 20.00 - Sale Paywell\n01 5.00 - Sale Paywell\n01 25.00 - Sale Paywell",
        "01 30.00 - Paywell payout",
    );
    assert_eq!((close.summary.matched.len(), close.summary.open_total), (0, 5));
}

#[test]
fn exceptions_stand_in_order_of_value_and_say_what_is_near() {
    check(
        "01 5.00 - a\n02 -900.00 - b\n03 30.00 - c\n03 30.00 - c",
        "01 -5.00 - d\n20 900.00 - e\n03 30.00 - f",
        &[
            "amount and date: 4=4",
            "Ledger 3: line 3 of the bank has its amount the other way round",
            "Bank 3: line 3 of the ledger has its amount the other way round",
            "Ledger 5: repeats line 4 of its own export",
            "Ledger 2: line 2 of the bank has its amount the other way round",
            "Bank 2: line 2 of the ledger has its amount the other way round",
        ],
    );
}

#[test]
fn entries_are_drafted_for_what_only_the_bank_has_and_never_for_what_may_be_there_twice() {
    let close = closed(
        "01 1.00 - x\n01 3750.00 INV-2050 y\n01 77.00 - z\n01 -88.00 - z",
        "01 1.00 - x\n02 -12.90 - ACCOUNT FEE October\n03 480.00 - Who is this\n03 480.00 - Who is this\n\
         03 3570.00 - y INV-2050\n28 77.00 - z\n01 88.00 - z",
    );
    let expected = "\
        entry,date,account,debit,credit,text,because\n\
        1,2026-10-02,4970,12.90,,ACCOUNT FEE October,bank line 3 is not in the ledger; it says `account fee`\n\
        1,2026-10-02,1200,,12.90,ACCOUNT FEE October,bank line 3 is not in the ledger; it says `account fee`\n\
        2,2026-10-03,1200,480.00,,Who is this,bank line 4 is not in the ledger; no booking fits\n\
        2,2026-10-03,1590,,480.00,Who is this,bank line 4 is not in the ledger; no booking fits\n";
    assert_eq!(close.journal, expected);
    assert_eq!((close.summary.journal.entries, &*close.summary.journal.debits), (2, "492.90"));
}

#[test]
fn it_balances_or_says_by_how_much_and_where() {
    let mut ledger = account("01 100.00 - a");
    let mut bank = account("01 100.00 - a\n02 -1.00 - b");
    (ledger.opening, ledger.closing) = (Some("50.00".into()), Some("150.00".into()));
    (bank.opening, bank.closing) = (Some("50.00".into()), Some("149.00".into()));
    let summary = close(ledger.clone(), bank.clone(), rules()).unwrap().summary;
    assert!(summary.balanced && summary.off_by == "0.00" && summary.compared == "balances");

    (bank.opening, bank.closing) = (Some("57.00".into()), Some("136.00".into()));
    let summary = close(ledger.clone(), bank.clone(), rules()).unwrap().summary;
    assert!(!summary.balanced);
    let proof: Vec<String> = summary.proof.iter().map(|it| format!("{} {}", it.what, it.amount)).collect();
    assert_eq!(
        proof,
        [
            "bank, closing balance 136.00",
            "ledger, closing balance 150.00",
            "difference, bank less ledger -14.00",
            "of it lines the bank has and the ledger has not -1.00",
            "of it lines the ledger has and the bank has not 0.00",
            "of it small differences 0.00",
            "not explained -13.00",
            "of that the opening balances are apart 7.00",
            "of that the bank's lines are short of its balances -20.00",
            "of that the ledger's lines are short of its balances 0.00",
        ]
    );
    let movements = closed("01 100.00 - a", "01 99.00 - b").summary;
    assert_eq!((&*movements.compared, movements.balanced), ("movements", true));
}

/// No account holds half a cent, and a rounding entry over one would be refused by every book.
#[test]
fn parts_of_a_cent_are_an_exception_and_never_booked() {
    let why = |ledger: &str, bank: &str, rules: Rules| {
        let close = close(account(ledger), account(bank), rules).unwrap();
        (close.summary.small_total, close.summary.journal.entries, close.exceptions)
    };
    let (ours, theirs) = ("01 100.00 INV-2041 Acme", "01 100.005 INV-2041 Acme");
    let (small, entries, exceptions) = why(ours, theirs, rules());
    assert_eq!((small, entries), (0, 0), "{exceptions}");
    assert!(exceptions.contains("0.005 less; parts of a cent can't be booked"), "{exceptions}");
    let (small, entries, exceptions) =
        why("01 100.00 - Acme", "01 100.005 - Acme\n02 -0.005 - account fee", rules());
    assert_eq!((small, entries), (0, 0), "{exceptions}");
    // A dinar has a thousand parts.
    let dinars = Rules { currency: Some("KWD".into()), ..rules() };
    assert_eq!(why(ours, theirs, dinars).0, 1);
    // On both sides it is what it is.
    assert_eq!(why(theirs, theirs.replace("01", "02").as_str(), rules()).0, 0);
}

#[test]
fn what_cannot_be_closed_is_refused() {
    let fails = |ledger: &Account, bank: &Account, rules: Rules| {
        close(ledger.clone(), bank.clone(), rules).unwrap_err()
    };
    let (one, two) = (account("01 1.00 - a\n02 2.00 - b"), account("01 -1.00 - a\n02 -2.00 - b"));
    assert_eq!(fails(&one, &one, rules()), ClosingError::SameTwice);
    assert_eq!(
        fails(&one, &two, rules()),
        ClosingError::SameTwice,
        "read as the other side it has other signs"
    );
    let turned = account("01 -1.00 - c\n02 -2.00 - d");
    let Err(ClosingError::Turned(why)) = close(one.clone(), turned.clone(), rules()) else { panic!() };
    assert_eq!(why, "no line matches, and 2 of 2 would match with the other sign");
    let in_euro = Account { currency: Some("EUR".into()), ..account("01 1.00 - a") };
    let in_francs = Account { currency: Some("CHF".into()), ..account("01 1.00 - b") };
    assert!(matches!(fails(&in_euro, &in_francs, rules()), ClosingError::OtherCurrency(_)));
    let broken = Account { lines: "line,date\n".into(), ..account("") };
    assert!(matches!(fails(&broken, &in_euro, rules()), ClosingError::BadLines(_)));
    for bad in ["", "-0.01", "0,05", "many"] {
        let rules = Rules { tolerance: bad.into(), ..rules() };
        assert!(matches!(fails(&one, &turned, rules), ClosingError::BadRules(_)), "{bad}");
    }
    assert!(matches!(fails(&one, &turned, Rules { days: 93, ..rules() }), ClosingError::BadRules(_)));
    let mut unnamed = rules();
    unnamed.accounts.bank = "=1200".into();
    assert!(matches!(fails(&one, &turned, unnamed), ClosingError::BadRules(_)));
    let mut wide = rules();
    wide.bookings[0].contains = " ".into();
    assert!(matches!(fails(&one, &turned, wide), ClosingError::BadRules(_)));
}

#[test]
fn a_currency_that_one_side_leaves_open_is_in_doubt_unless_the_books_are_kept_in_it() {
    let account = |text: &str, currency: Option<&str>| Account {
        currency: currency.map(str::to_owned),
        ..account(&format!("01 1.00 - {text}"))
    };
    let doubt = |ours, theirs, books: Option<&str>| {
        let rules = Rules { currency: books.map(str::to_owned), ..rules() };
        let close = close(account("a", ours), account("b", theirs), rules).unwrap();
        close.summary.currency_doubt
    };
    let told = |words: &str| Some(words.to_owned());
    assert_eq!(doubt(None, Some("EUR"), Some("EUR")), None);
    assert_eq!(doubt(Some("EUR"), Some("EUR"), None), None);
    assert_eq!(doubt(None, None, Some("EUR")), None);
    assert_eq!(doubt(None, Some("USD"), None), told("the bank is in USD and the ledger names no currency"));
    assert_eq!(
        doubt(None, Some("USD"), Some("EUR")),
        told("the bank is in USD and the ledger names no currency, and the books are kept in EUR")
    );
    assert_eq!(
        doubt(Some("USD"), Some("USD"), Some("EUR")),
        told("both exports are in USD, and the books are kept in EUR")
    );
    let rules = Rules { currency: Some("euro".into()), ..rules() };
    let failed = close(account("a", None), account("b", None), rules).unwrap_err();
    assert!(matches!(failed, ClosingError::BadRules(_)));
}

#[test]
fn what_an_export_says_never_runs_in_a_file_and_never_marks_in_the_note() {
    let close = closed("01 1.00 =A1 +cmd", "09 2.00 @x [link](http://evil.example) <b> &lt; a & b");
    for file in [&close.exceptions, &close.journal, &close.matched] {
        for cell in file.lines().skip(1).flat_map(|line| line.split(',')) {
            assert!(!cell.trim_matches('"').starts_with(['=', '+', '@']), "{file}");
        }
    }
    let note = note("2026-10", &close.summary, &[], &[], &[]);
    assert!(note.contains("\\[link\\](http://evil.example) \\<b\\> \\&lt; a & b"), "{note}");
}

fn findings(markdown: &str) -> Vec<Weakness> {
    let found = lint::check(markdown).unwrap().findings;
    found
        .into_iter()
        .map(|it| Weakness { line: it.line, rule: it.rule, text: it.text, why: it.why })
        .collect()
}

#[test]
fn a_second_note_answers_what_was_weak_in_the_first() {
    let long = "word ".repeat(40);
    let close = closed(
        &format!("01 77.00 - {long}\n01 1.00 - tea"),
        "02 -5.00 - Card fee\n02 -5.00 - Card fee\n02 -5.00 - Card fee",
    );
    let noticed = [7, 8].map(|line| Finding { line, kind: "formula".into(), why: format!("{long}{line}") });
    let first = note("2026-10", &close.summary, &noticed, &noticed, &[]);
    let weak = findings(&first);
    let rules: Vec<&str> = weak.iter().map(|it| &*it.rule).collect();
    assert_eq!(rules.iter().filter(|rule| **rule == "too-long").count(), 5, "{first}");
    assert!(rules.contains(&"repeated"), "{first}");
    let second = note("2026-10", &close.summary, &noticed, &noticed, &weak);
    assert_eq!(findings(&second), [], "{second}");
    assert!(second.contains("(#3, #4)"), "{second}");
}

proptest! {
    /// Every line of both sides ends in exactly one place, and sums conserve; the same input gives the same close.
    #[test]
    fn no_line_is_lost_and_no_cent(
        ledger in proptest::collection::vec((1..29_u32, -6..7_i64, 0..5_u32, 0..3_usize), 0..40),
        bank in proptest::collection::vec((1..29_u32, -6..7_i64, 0..5_u32, 0..3_usize), 0..40),
    ) {
        let lines = |lines: &[(u32, i64, u32, usize)]| {
            let line = |(day, euros, cents, word): &(u32, i64, u32, usize)| {
                let sign = if *euros < 0 { "-" } else { "" };
                let reference = if cents % 2 == 0 { format!("INV-{}", 2040 + day % 5) } else { "-".to_owned() };
                format!("{day:02} {sign}{}.0{cents} {reference} {}", euros.abs(), ["Paywell payout of the card sales of a week in the shop at the harbour of the old town, paid at once", "Birch", ""][*word])
            };
            lines.iter().map(line).collect::<Vec<_>>().join("\n")
        };
        let (ledger, bank) = (lines(&ledger), lines(&bank));
        let result = close(account(&ledger), account(&bank), rules());
        prop_assert_eq!(&result, &close(account(&ledger), account(&bank), rules()));
        if let Ok(close) = result {
            conserves(&close);
            let first = note("2026-10", &close.summary, &[], &[], &[]);
            let second = note("2026-10", &close.summary, &[], &[], &findings(&first));
            prop_assert_eq!(findings(&second), Vec::new(), "{}", second);
            let numbers = |file: &str, side: &str| -> Vec<u32> {
                let rows = file.lines().skip(1).map(|row| {
                    let table = kapell_cells::Table::read(row, kapell_cells::Form { separator: b',', quote: b'"' });
                    table.row(0).unwrap().cells().map(str::to_owned).collect::<Vec<_>>()
                });
                let column = if side == "ledger" { 3 } else { 6 };
                rows.filter_map(|row| match row.len() {
                    7 => (row[0] == side).then(|| row[1].parse().unwrap()),
                    _ => row[column].parse().ok(),
                }).collect()
            };
            for (side, text) in [("ledger", &ledger), ("bank", &bank)] {
                let mut all = numbers(&close.matched, side);
                all.extend(numbers(&close.exceptions, side));
                all.sort_unstable();
                let expected: Vec<u32> = (2..).take(text.lines().count()).collect();
                prop_assert_eq!(all, expected, "{}", side);
            }
        }
    }
}
