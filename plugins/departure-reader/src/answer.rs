//! What of a model's answer is believed: one judgement for each clause, in order, in the form that was asked for. Of
//! anything else nothing is.

use kapell_sdk::inference::Completion;
use serde::Deserialize;

/// Most characters of a reason that are handed on.
const REASON_MAX: usize = 160;

/// What the model says of one clause.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Judgement {
    clause: usize,
    meaning: Meaning,
    because: String,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Meaning {
    Same,
    Other,
}

impl Judgement {
    /// Whether both wordings mean the same.
    pub(crate) fn is_same(&self) -> bool {
        self.meaning == Meaning::Same
    }

    /// The reason in one line of bounded length.
    pub(crate) fn because(&self) -> String {
        let plain = self.because.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
        let line: String = plain.take(REASON_MAX).collect();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// Reads the answer about so many clauses.
///
/// # Errors
/// What is wrong with it, without its words: they are the model's, and perhaps the contract's.
pub(crate) fn read(told: &Completion, clauses: usize) -> Result<Vec<Judgement>, String> {
    if told.truncated {
        return Err(format!("the answer was cut at {} tokens", told.tokens_out));
    }
    let judgements: Vec<Judgement> = serde_json::from_str(unfenced(&told.text))
        .map_err(|error| format!("the answer is not as asked for (line {})", error.line()))?;
    if judgements.len() != clauses {
        return Err(format!("{} judgements on {clauses} clauses", judgements.len()));
    }
    match (1..).zip(&judgements).find(|(number, judgement)| judgement.clause != *number) {
        Some((number, judgement)) => Err(format!("judgement {number} is on clause {}", judgement.clause)),
        None => Ok(judgements),
    }
}

/// The text without the one fence that models like to put around JSON.
fn unfenced(text: &str) -> &str {
    let text = text.trim();
    let inside = text.strip_prefix("```json").or_else(|| text.strip_prefix("```"));
    inside.and_then(|inside| inside.strip_suffix("```")).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::said;

    const SAME: &str = r#"{"clause": 1, "meaning": "same", "because": "Billed is invoiced."}"#;

    fn told(text: &str, clauses: usize) -> String {
        match read(&said(text), clauses) {
            Ok(judgements) => {
                judgements.iter().map(|it| format!("{} {:?} ", it.clause, it.meaning)).collect()
            }
            Err(why) => why,
        }
    }

    #[test]
    fn an_answer_in_the_form_asked_for_is_read() {
        assert_eq!(told(&format!("[{SAME}]"), 1), "1 Same ");
        assert_eq!(told(&format!("\n```json\n[{SAME}]\n```\n"), 1), "1 Same ");
        let other = SAME.replace('1', "2").replace("same", "other");
        assert_eq!(told(&format!("[{SAME}, {other}]"), 2), "1 Same 2 Other ");
    }

    #[test]
    fn an_answer_in_any_other_form_is_not() {
        let with = |from: &str, to: &str| format!("[{}]", SAME.replace(from, to));
        for (answer, clauses) in [
            ("".to_owned(), 1),
            ("Sure! Both clauses mean the same.".to_owned(), 1),
            (format!("Here it is: [{SAME}]"), 1),
            (format!("[{SAME}] I hope this helps!"), 1),
            (SAME.to_owned(), 1),
            (with("same", "probably same"), 1),
            (with("same", "SAME"), 1),
            (with("\"clause\": 1, ", ""), 1),
            (with("\"clause\": 1", "\"clause\": 1, \"certain\": true"), 1),
            (with("\"clause\": 1", "\"clause\": 2"), 1),
            (with("\"clause\": 1", "\"clause\": 1, \"clause\": 1"), 1),
            (format!("[{SAME}]"), 2),
            (format!("[{SAME}, {SAME}]"), 1),
            (format!("[{SAME}, {SAME}]"), 2),
            ("[]".to_owned(), 1),
        ] {
            assert!(read(&said(&answer), clauses).is_err(), "{answer}");
        }
        assert_eq!(told("[]", 1), "0 judgements on 1 clauses");
        assert_eq!(told(&with("\"clause\": 1", "\"clause\": 2"), 1), "judgement 1 is on clause 2");
    }

    #[test]
    fn an_answer_that_was_cut_is_none() {
        let cut = Completion { truncated: true, ..said(&format!("[{SAME}]")) };
        assert_eq!(read(&cut, 1), Err("the answer was cut at 20 tokens".into()));
    }

    #[test]
    fn a_reason_is_one_short_line() {
        let judgement =
            |because: &str| Judgement { clause: 1, meaning: Meaning::Same, because: because.into() };
        assert_eq!(judgement("Both\n\u{1b}[2Jsay  so.").because(), "Both [2Jsay so.");
        assert_eq!(judgement(&"é".repeat(500)).because().chars().count(), REASON_MAX);
    }
}
