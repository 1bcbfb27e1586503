//! One customer, one account: which id is the customer's, and what stands under it.

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use crate::bindings::exports::kapell::crm_account::accounts::{Account, AccountError, Customer};

/// How many customers may share one id before a person has to look.
const NAMESAKES: u32 = 100;

/// Longest name in bytes: longer than any company's, short enough to be read on one line.
const NAME_BYTES: usize = 200;

/// Longest part of an id in bytes that comes from the name, so that ids stay sayable.
const ID_BYTES: usize = 48;

/// Where records are kept, one JSON document under each account's id.
pub(crate) trait Records {
    /// The document under `id`, or none.
    fn read(&self, id: &str) -> Result<Option<Vec<u8>>, AccountError>;

    /// Puts a document under `id`.
    fn write(&self, id: &str, record: &[u8]) -> Result<(), AccountError>;
}

/// The document kept for one account. An unknown field means somebody else wrote it, and it is left alone.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    name: String,
    email: String,
    contact: String,
    accepted: Vec<String>,
}

/// Finds the customer's account among those that share its id, or makes it under the first free one.
pub(crate) fn create(
    records: &impl Records,
    customer: Customer,
    accepted: Vec<String>,
) -> Result<Account, AccountError> {
    let wanted = wanted_record(customer, accepted)?;
    let id_of_name = id_of_name(&wanted.name);
    for number in 1..=NAMESAKES {
        let id = numbered(&id_of_name, number);
        let Some(document) = records.read(&id)? else {
            return make(records, id, &wanted);
        };
        let Ok(kept) = serde_json::from_slice::<Record>(&document) else {
            return Err(AccountError::UnreadableRecord(id));
        };
        if is_same_customer(&kept, &wanted) {
            return Ok(Account { id, created: false, differs: differences(&kept, &wanted) });
        }
    }
    Err(AccountError::TooManyNamesakes(id_of_name))
}

fn make(records: &impl Records, id: String, wanted: &Record) -> Result<Account, AccountError> {
    let document = serde_json::to_vec(wanted)
        .map_err(|error| AccountError::StoreFailed(format!("encode `{id}`: {error}")))?;
    records.write(&id, &document)?;
    Ok(Account { id, created: true, differs: Vec::new() })
}

fn wanted_record(customer: Customer, accepted: Vec<String>) -> Result<Record, AccountError> {
    let record = Record {
        name: customer.name.trim().to_owned(),
        email: customer.email.trim().to_owned(),
        contact: customer.contact.trim().to_owned(),
        accepted,
    };
    match fault(&record) {
        Some(fault) => Err(AccountError::InvalidCustomer(fault)),
        None => Ok(record),
    }
}

/// What keeps a record from being made, as the sentence the caller reads.
fn fault(record: &Record) -> Option<String> {
    if record.name.is_empty() {
        return Some("name is empty".to_owned());
    }
    if record.name.len() > NAME_BYTES {
        return Some(format!("name is longer than {NAME_BYTES} bytes"));
    }
    if [&record.name, &record.contact].iter().any(|text| text.chars().any(char::is_control)) {
        return Some("name or contact is more than one line of text".to_owned());
    }
    if !is_address(&record.email) {
        return Some(format!("email `{}` is not of the form name@host", record.email.escape_debug()));
    }
    None
}

/// Whether a mail could be sent there, as far as the text alone can tell.
fn is_address(email: &str) -> bool {
    let unfit = |c: char| c.is_whitespace() || c.is_control() || matches!(c, ',' | ';' | '<' | '>' | '"');
    match email.split_once('@') {
        Some((name, host)) => {
            !name.is_empty() && !host.is_empty() && !host.contains('@') && !email.contains(unfit)
        }
        None => false,
    }
}

/// The name in lower-case ASCII letters and digits, words joined by `-`, accents dropped. A name without any of
/// these is called `customer`, and the number tells such customers apart.
fn id_of_name(name: &str) -> String {
    let plain: String = name.nfkd().filter(|c| !is_accent(*c)).collect::<String>().to_lowercase();
    let words = plain.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut id = words.collect::<Vec<_>>().join("-");
    id.truncate(ID_BYTES);
    match id.trim_end_matches('-') {
        "" => "customer".to_owned(),
        id => id.to_owned(),
    }
}

fn is_accent(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}

fn numbered(id: &str, number: u32) -> String {
    match number {
        1 => id.to_owned(),
        number => format!("{id}-{number}"),
    }
}

fn is_same_customer(kept: &Record, wanted: &Record) -> bool {
    kept.name.to_lowercase() == wanted.name.to_lowercase()
        && kept.email.to_lowercase() == wanted.email.to_lowercase()
}

fn differences(kept: &Record, wanted: &Record) -> Vec<String> {
    let contact = (kept.contact != wanted.contact).then_some("contact");
    let accepted = (kept.accepted != wanted.accepted).then_some("accepted");
    contact.into_iter().chain(accepted).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a failing test is meant to end")]

    use std::cell::RefCell;
    use std::collections::BTreeMap;

    use super::*;

    /// A store in memory, printed whole by the tests.
    #[derive(Default)]
    struct Memory(RefCell<BTreeMap<String, String>>);

    impl Records for Memory {
        fn read(&self, id: &str) -> Result<Option<Vec<u8>>, AccountError> {
            Ok(self.0.borrow().get(id).map(|text| text.clone().into_bytes()))
        }

        fn write(&self, id: &str, record: &[u8]) -> Result<(), AccountError> {
            let text = String::from_utf8(record.to_vec()).unwrap();
            self.0.borrow_mut().insert(id.to_owned(), text);
            Ok(())
        }
    }

    /// `name | email | contact | accepted, accepted` into the answer, as one line.
    fn call(store: &Memory, line: &str) -> String {
        let mut cells = line.split('|').map(|cell| cell.trim_matches(' ').to_owned());
        let mut next = || cells.next().unwrap_or_default();
        let customer = Customer { name: next(), email: next(), contact: next() };
        let accepted = next().split(", ").filter(|s| !s.is_empty()).map(str::to_owned).collect();
        match create(store, customer, accepted) {
            Ok(account) => {
                let word = if account.created { "created" } else { "found" };
                format!("{word} {} {}", account.id, account.differs.join(" ")).trim_end().to_owned()
            }
            Err(error) => format!("{error:?}"),
        }
    }

    #[track_caller]
    fn check(calls: &[(&str, &str)]) -> Memory {
        let store = Memory::default();
        for (line, expected) in calls {
            assert_eq!(call(&store, line), *expected, "asked for {line}");
        }
        store
    }

    #[test]
    fn a_new_customer_gets_a_record() {
        let store = check(&[("Acme Ltd | ops@acme.example | Jane Doe | Liability Caps", "created acme-ltd")]);
        assert_eq!(
            store.0.borrow().get("acme-ltd").unwrap(),
            r#"{"name":"Acme Ltd","email":"ops@acme.example","contact":"Jane Doe","accepted":["Liability Caps"]}"#
        );
    }

    #[test]
    fn the_same_customer_never_gets_a_second_account() {
        let store = check(&[
            ("Acme Ltd | ops@acme.example", "created acme-ltd"),
            ("Acme Ltd | ops@acme.example", "found acme-ltd"),
            ("ACME LTD | Ops@Acme.example", "found acme-ltd"),
            ("\tAcme Ltd\n | ops@acme.example", "found acme-ltd"),
        ]);
        assert_eq!(store.0.borrow().len(), 1);
    }

    #[test]
    fn a_kept_record_is_not_changed_and_the_difference_is_named() {
        let store = check(&[
            ("Acme Ltd | ops@acme.example | Jane Doe", "created acme-ltd"),
            ("Acme Ltd | ops@acme.example | John Roe | Liability Caps", "found acme-ltd contact accepted"),
        ]);
        assert!(store.0.borrow().get("acme-ltd").unwrap().contains("Jane Doe"));
    }

    #[test]
    fn customers_whose_names_make_one_id_get_distinct_accounts() {
        check(&[
            ("Acme Ltd | ops@acme.example", "created acme-ltd"),
            ("ACME, Ltd. | info@acme.test", "created acme-ltd-2"),
            ("Acme Ltd | other@acme.example", "created acme-ltd-3"),
            ("ACME, Ltd. | info@acme.test", "found acme-ltd-2"),
            ("株式会社 | a@a.example", "created customer"),
            ("ООО | b@b.example", "created customer-2"),
        ]);
    }

    #[test]
    fn ids_are_plain_words() {
        for (name, id) in [
            ("Crème & Söhne GmbH", "creme-sohne-gmbh"),
            ("  --Ærø 7--  ", "r-7"),
            ("ﬁnance №5", "finance-no5"),
            ("../../etc/passwd", "etc-passwd"),
            (&"long ".repeat(30), "long-long-long-long-long-long-long-long-long-lon"),
        ] {
            assert_eq!(id_of_name(name), id, "of {name}");
        }
    }

    #[test]
    fn what_is_no_customer_is_refused_and_nothing_is_written() {
        let long = format!("{} | a@b", "x".repeat(201));
        let store = check(&[
            (" | a@b", r#"AccountError::InvalidCustomer("name is empty")"#),
            (&long, r#"AccountError::InvalidCustomer("name is longer than 200 bytes")"#),
            (
                "A\nB | a@b",
                r#"AccountError::InvalidCustomer("name or contact is more than one line of text")"#,
            ),
            (
                "A | a@b | C\u{1b}[2J",
                r#"AccountError::InvalidCustomer("name or contact is more than one line of text")"#,
            ),
            ("A | a", r#"AccountError::InvalidCustomer("email `a` is not of the form name@host")"#),
            ("A | a@b@c", r#"AccountError::InvalidCustomer("email `a@b@c` is not of the form name@host")"#),
            (
                "A | a@b, c@d",
                r#"AccountError::InvalidCustomer("email `a@b, c@d` is not of the form name@host")"#,
            ),
        ]);
        assert!(store.0.borrow().is_empty());
    }

    #[test]
    fn a_record_that_cannot_be_read_stops_the_call_and_stays() {
        for foreign in [
            "",
            "{",
            r#"{"name":"Acme Ltd"}"#,
            r#"{"name":"A","email":"a@b","contact":"","accepted":[],"x":1}"#,
        ] {
            let store = Memory::default();
            store.write("acme-ltd", foreign.as_bytes()).unwrap();
            let answer = call(&store, "Acme Ltd | ops@acme.example");
            assert_eq!(answer, r#"AccountError::UnreadableRecord("acme-ltd")"#);
            assert_eq!(store.0.borrow().get("acme-ltd").unwrap(), foreign);
        }
    }

    #[test]
    fn the_hundredth_namesake_is_the_last() {
        let store = Memory::default();
        for n in 1..=NAMESAKES {
            assert!(call(&store, &format!("Acme | {n}@acme.example")).starts_with("created"));
        }
        assert_eq!(call(&store, "Acme | one@more.example"), r#"AccountError::TooManyNamesakes("acme")"#);
        assert_eq!(call(&store, "Acme | 100@acme.example"), "found acme-100");
    }
}
