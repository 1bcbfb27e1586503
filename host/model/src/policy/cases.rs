//! A table of expected verdicts, kept beside the policy: what it must grant and what it must refuse, and by which rule.
//! Whoever changes the policy sees at once which of them changed with it.

use super::read::check_version;
use super::{Explanation, Policy};
use crate::form::{Form, Table};
use crate::id::{RuleId, SkillName};
use crate::manifest::Manifest;
use crate::source::{Diagnostics, Source};
use crate::uses::Use;

/// The name of the file, beside `policy.toml`.
pub const CASES: &str = "policy.test.toml";

/// One expected verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The skill.
    pub skill: SkillName,
    /// The operation; none for any that changes things.
    pub operation: Option<String>,
    /// What it does.
    pub used: Use,
    /// Whether that is granted.
    pub granted: bool,
    /// The rule that decides it; none when any may.
    pub rule: Option<RuleId>,
    /// The line of the file it stands on, from 1.
    pub line: u32,
}

impl Case {
    /// Whether the policy decides as is expected; otherwise what decides instead.
    ///
    /// # Errors
    /// What decides.
    pub fn holds(&self, policy: &Policy, manifest: &Manifest) -> Result<(), Explanation> {
        let found = policy.explain(manifest, self.operation.as_deref(), &self.used);
        let same = found.granted == self.granted
            && self.rule.as_ref().is_none_or(|rule| found.rule.as_ref() == Some(rule));
        if same { Ok(()) } else { Err(found) }
    }

    /// What is expected, in the words of the file.
    #[must_use]
    pub fn expected(&self) -> String {
        let by = self.rule.as_ref().map(|rule| format!(" by rule `{rule}`")).unwrap_or_default();
        format!("{}{by}", if self.granted { "granted" } else { "refused" })
    }
}

/// Reads a table of cases.
///
/// # Errors
/// Everything wrong with the text, each with its place in `file`.
pub fn read_cases(file: &str, text: &str) -> Result<Vec<Case>, Diagnostics> {
    Form::read(Source { file, text }, |root| {
        if let Some(version) = root.get("version") {
            check_version(&version, "a table of verdicts");
        }
        let cases = root.required("case").map(|field| {
            let tables = field.tables("[[case]]");
            // A table that holds nothing would hold whatever the policy says.
            if tables.is_empty() && root.is_clean() {
                field.tell("there is no case in it");
            }
            tables.iter().filter_map(|table| table.or_told(|| read_case(table))).collect()
        });
        tell_same_questions(root, cases.as_deref().unwrap_or_default());
        root.close();
        cases
    })
}

/// A question is asked once: of two answers one is wrong, and the same twice is one that somebody meant otherwise.
fn tell_same_questions(root: &Table<'_, '_>, cases: &[Case]) {
    for (index, case) in cases.iter().enumerate() {
        let asks =
            |it: &&Case| (&it.skill, &it.operation, &it.used) == (&case.skill, &case.operation, &case.used);
        if let Some(first) = cases.iter().take(index).find(asks) {
            root.tell_line(case.line, format!("it asks the same as the case on line {}", first.line), None);
        }
    }
}

fn read_case(table: &Table<'_, '_>) -> Option<Case> {
    let skill = table.required("skill").and_then(|field| field.parsed());
    let operation = table.get("operation").map_or(Some(None), |field| field.line_text().map(Some));
    let used = table.required("use").and_then(|field| field.parsed());
    let expected = [("granted", true), ("refused", false)];
    let granted = table.required("expect").and_then(|field| field.word(&expected));
    let rule = table.get("rule").map_or(Some(None), |field| field.parsed().map(Some));
    table.close();
    Some(Case {
        skill: skill?,
        operation: operation?,
        used: used?,
        granted: granted?,
        rule: rule?,
        line: table.line(),
    })
}
