//! The words by which cover pages name things.
//!
//! A label that is not listed here is not skipped: its line becomes a clause, so that a cover page can't carry a
//! term past the comparison. The same happens to a listed label whose value reads like a term.

use crate::words::{normal, words};

/// What a label names. Of two labels for one fact, the one with the higher rank speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Label {
    Customer,
    Email {
        rank: u8,
    },
    Contact,
    Start {
        rank: u8,
    },
    Plan {
        rank: u8,
    },
    Fee {
        per: &'static str,
    },
    /// Known, and neither a fact nor a term.
    Plain,
    /// The heading row of a table.
    Furniture,
}

/// Headings under which cover pages stand.
const PAGES: [&str; 15] = [
    "cover page",
    "order form",
    "key terms",
    "order details",
    "agreement details",
    "summary",
    "summary of terms",
    "commercial terms",
    "contract details",
    "deal terms",
    "signature",
    "signatures",
    "signature page",
    "execution",
    "parties",
];

/// Headings that say no more than that the terms follow.
const OPENINGS: [&str; 8] = [
    "terms",
    "standard terms",
    "terms and conditions",
    "general terms and conditions",
    "agreement",
    "contract",
    "the terms",
    "agreed terms",
];

/// Words for the side that is not the customer.
const OTHER_SIDE: [&str; 6] = ["provider", "vendor", "supplier", "licensor", "seller", "service provider"];

/// Words for the customer.
const OUR_SIDE: [&str; 5] = ["customer", "client", "subscriber", "buyer", "licensee"];

/// Known entries that say who, where and under which reference, and bind nobody by themselves.
const PLAIN: [&str; 34] = [
    "address",
    "registered address",
    "registered office",
    "notice address",
    "postal address",
    "billing address",
    "billing email",
    "invoice email",
    "notice email",
    "company number",
    "registration number",
    "vat",
    "vat number",
    "vat id",
    "tax id",
    "purchase order",
    "po number",
    "order number",
    "order date",
    "reference",
    "contract number",
    "signed by",
    "signatory",
    "name",
    "print name",
    "title",
    "position",
    "date",
    "signature",
    "by",
    "phone",
    "telephone",
    "website",
    "date signed",
];

/// Words that oblige, permit or limit; a value that holds one is a term, whatever its label says.
const BINDING: [&str; 16] = [
    "shall",
    "will",
    "must",
    "may",
    "not",
    "agrees",
    "agree",
    "unless",
    "waives",
    "liable",
    "liability",
    "indemnify",
    "terminate",
    "pay",
    "pays",
    "damages",
];

/// What a label names, when it is a known one.
pub(crate) fn label(text: &str) -> Option<Label> {
    let name = normal(text);
    let bare =
        OUR_SIDE.iter().find_map(|side| name.strip_prefix(side)).map_or(name.as_str(), str::trim_start);
    let found = match bare {
        "" if !name.is_empty() => Label::Customer,
        "name" | "legal name" | "company" if bare != name => Label::Customer,
        "email" | "e mail" | "email address" => Label::Email { rank: if bare == name { 1 } else { 2 } },
        "contact email" | "contact e mail" => Label::Email { rank: 2 },
        "contact" | "contact person" | "contact name" | "primary contact" | "attention" => Label::Contact,
        "subscription start date" | "subscription start" | "service start date" => Label::Start { rank: 3 },
        "start" | "start date" | "commencement date" => Label::Start { rank: 2 },
        "effective date" => Label::Start { rank: 1 },
        "plan" | "subscription plan" | "edition" | "tier" | "package" => Label::Plan { rank: 2 },
        "product" | "service" | "cloud service" | "subscription" => Label::Plan { rank: 1 },
        "fee" | "fees" | "price" | "subscription fee" | "subscription fees" | "total fee" => {
            Label::Fee { per: "" }
        }
        "annual fee" | "yearly fee" | "annual subscription fee" => Label::Fee { per: "year" },
        "quarterly fee" => Label::Fee { per: "quarter" },
        "monthly fee" | "monthly subscription fee" => Label::Fee { per: "month" },
        "one time fee" | "one off fee" => Label::Fee { per: "once" },
        "field" | "item" | "term" | "key term" | "detail" => Label::Furniture,
        other if PLAIN.contains(&other) || names_other_side(&name) => Label::Plain,
        _ => return None,
    };
    Some(found)
}

/// Whether a heading opens a cover page or a page of signatures.
pub(crate) fn opens_page(heading: &str) -> bool {
    PAGES.contains(&normal(heading).as_str())
}

/// Whether a heading says no more than that the terms follow.
pub(crate) fn announces_terms(heading: &str) -> bool {
    OPENINGS.contains(&normal(heading).as_str())
}

/// Whether a heading or column speaks of the customer (`true`) or of the other side (`false`).
pub(crate) fn side(heading: &str) -> Option<bool> {
    let name = normal(heading);
    match (OUR_SIDE.contains(&name.as_str()), OTHER_SIDE.contains(&name.as_str())) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }
}

/// `Provider`, or a known label with it in front.
fn names_other_side(name: &str) -> bool {
    OTHER_SIDE.iter().filter_map(|side| name.strip_prefix(side)).any(|rest| {
        let rest = rest.trim_start();
        rest.is_empty() || matches!(rest, "email" | "contact" | "legal name") || PLAIN.contains(&rest)
    })
}

/// Whether a value reads like a term: it obliges, or it is longer than names, places and references are.
pub(crate) fn reads_like_a_term(value: &str) -> bool {
    let all: Vec<String> = words(value).collect();
    let obliges = (0..all.len()).any(|position| is_binding(&all, position));
    obliges || value.chars().count() > 200 || all.len() > 20
}

/// Will Smith and the 1st of May bind nobody.
fn is_binding(all: &[String], position: usize) -> bool {
    let at = |position: usize| all.get(position).map_or("", String::as_str);
    let is_number = |word: &str| word.starts_with(|character: char| character.is_ascii_digit());
    match at(position) {
        "will" => position > 0,
        "may" => {
            !is_number(at(position + 1))
                && !position.checked_sub(1).is_some_and(|before| is_number(at(before)))
        }
        word => BINDING.contains(&word),
    }
}

/// Whether a value is a blank to be filled in: `[Customer name]`, `____`, `{{ fee }}`, `<date>`, `TBD`.
pub(crate) fn is_blank(value: &str) -> bool {
    let value = value.trim();
    let bracketed = [('[', ']'), ('{', '}'), ('<', '>')]
        .iter()
        .any(|(open, close)| value.starts_with(*open) && value.ends_with(*close) && !value.contains('@'));
    let ruled = value.chars().all(|character| "_.…-–— ".contains(character));
    bracketed || ruled || matches!(normal(value).as_str(), "tbd" | "n a" | "none" | "not applicable")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_known_by_their_words() {
        assert_eq!(label("Customer"), Some(Label::Customer));
        assert_eq!(label("**Customer name**"), Some(Label::Customer));
        assert_eq!(label("Name"), Some(Label::Plain));
        assert_eq!(label("Customer e-mail"), Some(Label::Email { rank: 2 }));
        assert_eq!(label("Effective Date"), Some(Label::Start { rank: 1 }));
        assert_eq!(label("Provider email"), Some(Label::Plain));
        assert_eq!(label("Liability cap"), None);
        assert_eq!(label("Provider liability"), None);
        assert_eq!(label(""), None);
    }

    #[test]
    fn a_value_that_obliges_is_a_term() {
        assert!(reads_like_a_term("none; Provider shall pay twice"));
        assert!(reads_like_a_term("Customer may leave"));
        for plain in ["1 Harbour Road, Dublin", "1 May 2026", "May 1, 2026", "Will Smith"] {
            assert!(!reads_like_a_term(plain), "{plain}");
        }
    }

    #[test]
    fn blanks_are_no_values() {
        assert!(is_blank("[Customer name]") && is_blank("____") && is_blank("{{ fee }}") && is_blank(""));
        assert!(!is_blank("<jane@acme.example>") && !is_blank("Acme [Ireland]"));
    }
}
