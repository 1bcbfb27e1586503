//! A template and its values into a text: every placeholder filled, every value used, nothing guessed.

use std::collections::{BTreeMap, BTreeSet};

use crate::bindings::exports::kapell::letter::letters::{Field, LetterError};

/// A piece of a template, in the order of the text.
#[derive(Debug, PartialEq)]
enum Piece<'a> {
    Text(&'a str),
    Placeholder(&'a str),
}

/// Puts each field's value where its name stands between braces.
///
/// Fails when a placeholder has no value or a value no placeholder: either means that the template and the flow
/// that calls it have drifted apart, and a letter with a hole or without its point would go out.
pub(crate) fn fill(template: &str, fields: &[Field]) -> Result<String, LetterError> {
    let values = values_by_name(fields)?;
    let mut unused: BTreeSet<&str> = values.keys().copied().collect();
    let mut text = String::new();
    for piece in pieces(template)? {
        match piece {
            Piece::Text(plain) => text.push_str(plain),
            Piece::Placeholder(name) => {
                let value = values.get(name).ok_or_else(|| LetterError::MissingValue(name.to_owned()))?;
                text.push_str(value);
                unused.remove(name);
            }
        }
    }
    match unused.first() {
        Some(name) => Err(LetterError::UnusedValue((*name).to_owned())),
        None => Ok(text),
    }
}

fn values_by_name(fields: &[Field]) -> Result<BTreeMap<&str, &str>, LetterError> {
    let mut values = BTreeMap::new();
    for field in fields {
        // A value with a line break could start a line of the letter that its author never wrote.
        if field.value.chars().any(does_not_print) {
            return Err(LetterError::UnfitValue(field.name.clone()));
        }
        if values.insert(field.name.as_str(), field.value.as_str()).is_some() {
            return Err(LetterError::RepeatedValue(field.name.clone()));
        }
    }
    Ok(values)
}

/// Control characters, the separators Unicode breaks lines at, and the marks that turn the direction of reading.
fn does_not_print(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn pieces(template: &str) -> Result<Vec<Piece<'_>>, LetterError> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some((text, after)) = rest.split_once("{{") {
        let read = template.len() - after.len();
        let (inside, behind) =
            after.split_once("}}").ok_or_else(|| bad_template(template, read, "is not closed"))?;
        let name = inside.trim();
        if !is_placeholder_name(name) {
            return Err(bad_template(template, read, "is not a name of letters, digits, `-` and `_`"));
        }
        pieces.push(Piece::Text(text));
        pieces.push(Piece::Placeholder(name));
        rest = behind;
    }
    pieces.push(Piece::Text(rest));
    Ok(pieces)
}

fn is_placeholder_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
}

/// `at` is the byte right behind the opening braces.
fn bad_template(template: &str, at: usize, fault: &str) -> LetterError {
    let line = template.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
    LetterError::BadTemplate(format!("line {line}: the placeholder {fault}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `values` are `name=value`, separated by `|`.
    #[track_caller]
    fn check(template: &str, values: &str, expected: &str) {
        let field = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Field { name: name.to_owned(), value: value.to_owned() }
        };
        let fields: Vec<Field> = values.split('|').filter(|pair| !pair.is_empty()).map(field).collect();
        let found = fill(template, &fields).unwrap_or_else(|error| format!("{error:?}"));
        assert_eq!(found, expected, "from {template:?} and {values:?}");
    }

    #[test]
    fn placeholders_are_filled_as_often_as_they_stand() {
        check("Dear {{who}}, {{ who }}!\n", "who=Jane", "Dear Jane, Jane!\n");
        check("no holes", "", "no holes");
        check("", "", "");
        check("{{a}}{{b}}", "a=1|b=", "1");
        check("{ {a} } }}", "", "{ {a} } }}");
    }

    #[test]
    fn a_value_is_never_read_as_template() {
        check("{{a}} {{b}}", "a={{b}}|b=2", "{{b}} 2");
    }

    #[test]
    fn template_and_values_must_match_both_ways() {
        check("{{a}} {{b}}", "a=1", "LetterError::MissingValue(\"b\")");
        check("{{a}}", "a=1|c=3|b=2", "LetterError::UnusedValue(\"b\")");
        check("{{a}}", "a=1|a=2", "LetterError::RepeatedValue(\"a\")");
    }

    #[test]
    fn a_value_is_one_line_that_prints() {
        for unfit in ["a=x\nBcc: all@acme.example", "a=\u{1b}[2J", "a=\u{2028}", "a=\u{202e}txt"] {
            check("{{a}}", unfit, "LetterError::UnfitValue(\"a\")");
        }
        check("{{a}}", "a=Crème 株式会社 – «x»", "Crème 株式会社 – «x»");
    }

    #[test]
    fn a_broken_placeholder_is_named_by_its_line() {
        check("x\ny {{who", "", "LetterError::BadTemplate(\"line 2: the placeholder is not closed\")");
        for broken in ["{{}}", "{{ }}", "{{a b}}", "{{a\n}", "{{{{a}}"] {
            let found = fill(broken, &[]);
            assert!(matches!(found, Err(LetterError::BadTemplate(_))), "{broken:?} gave {found:?}");
        }
    }
}
