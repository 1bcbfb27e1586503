//! What a flow can learn from answers: a question that people always answer the same way is a rule nobody has written
//! down yet.
//!
//! Only answers to the question as it stands count: the same step, the same role, the same condition to the letter.
//! Whoever changes one of them starts anew. What is proposed covers what was seen and nothing else, and where that
//! can't be said in a condition a case to test the flow by is proposed instead, or nothing.

use crate::answered::{Asking, Part, Said};
use crate::noise::{Judged, NOISE_FROM};
use crate::plain::line;
use kapell_journal::entry::{AskReason, Verdict};
use kapell_model::expression::{Seen, with, without};
use kapell_model::flow::{Asked, FlowCase, OpensBy};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// After how many equal answers something is proposed, unless somebody says otherwise: as many times as a sequence of
/// calls must be done to be proposed as a flow.
pub const ENOUGH: u64 = crate::percolate::OFTEN;

/// Most different cases of a question that are held; more show no rule that a person could judge.
const SEEN_MAX: usize = 1_000;

/// Most cases that are proposed for a test.
const CASES_MAX: usize = 20;

/// What was learned about one question.
#[derive(Clone, Debug, PartialEq)]
pub struct Lesson {
    /// The question.
    pub asked: Asked,
    /// The answers, the most frequent first, with how often each was given.
    pub answers: Vec<(SaidAs, u64)>,
    /// How often nobody has answered: not in time, or not yet.
    pub unanswered: u64,
    /// By how many people it was answered.
    pub people: usize,
    /// What follows.
    pub follows: Follows,
}

/// An answer, as far as it tells one from another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SaidAs {
    /// A yes, or a value of which the flow takes the same as of what the skill had answered.
    Yes,
    /// A no.
    No,
    /// Another value; what the flow takes of it.
    Value(Part),
    /// Nothing: somebody let the run go on without an answer.
    Overridden,
}

/// What follows from the answers to one question.
#[derive(Clone, Debug, PartialEq)]
pub enum Follows {
    /// So many more answers are needed.
    Missing(u64),
    /// People decide differently: how much so, as every report judges it.
    Mixed(Judged),
    /// The condition becomes this.
    Condition(String),
    /// These cases are kept beside the flow; with why it is no condition.
    Cases(Vec<FlowCase>, &'static str),
    /// Nothing, because of this.
    Nothing(&'static str),
}

/// Learns from answers.
pub struct Learner {
    after: u64,
    lessons: Vec<Gathered>,
}

struct Gathered {
    asked: Asked,
    answers: BTreeMap<SaidAs, u64>,
    unanswered: u64,
    people: BTreeSet<String>,
    /// The values the condition read, each case once, by their JSON.
    seen: BTreeMap<String, Seen>,
    /// The last reason anybody gave, with who gave it.
    reason: Option<String>,
}

impl Learner {
    /// Of the questions of a flow, proposing after so many equal answers.
    #[must_use]
    pub fn new(asked: Vec<Asked>, after: u64) -> Self {
        let lessons = asked.into_iter().map(|asked| Gathered {
            asked,
            answers: BTreeMap::new(),
            unanswered: 0,
            people: BTreeSet::new(),
            seen: BTreeMap::new(),
            reason: None,
        });
        Self { after, lessons: lessons.collect() }
    }

    /// Takes a question of a past run, the oldest first.
    pub fn take(&mut self, asking: &Asking) {
        if let Some(lesson) = self.lessons.iter_mut().find(|lesson| is_asked(&lesson.asked, asking)) {
            lesson.take(asking);
        }
    }

    /// What was learned, in the order of the flow.
    #[must_use]
    pub fn finish(self) -> Vec<Lesson> {
        let after = self.after;
        self.lessons.into_iter().map(|lesson| lesson.finish(after)).collect()
    }
}

/// Whether it was this question as it stands now.
fn is_asked(asked: &Asked, asking: &Asking) -> bool {
    let condition = asked.opens.as_ref().map(|opens| opens.condition.as_str());
    asked.step == asking.step
        && asked.rung == asking.rung
        && asked.role == asking.role
        && matches!(asking.reason, AskReason::Flow | AskReason::Ladder)
        && condition == asking.condition.as_ref().map(|condition| condition.text.as_str())
}

impl Gathered {
    fn take(&mut self, asking: &Asking) {
        let Some(said) = &asking.said else {
            self.unanswered += 1;
            return;
        };
        *self.answers.entry(answer(said)).or_default() += 1;
        self.people.insert(said.by.clone());
        if let Some(reason) = &said.reason {
            self.reason = Some(format!("{}: {reason}", said.by));
        }
        if let Some(Value::Object(seen)) = asking.condition.as_ref().map(|condition| &condition.seen)
            && self.seen.len() <= SEEN_MAX
        {
            self.seen.insert(Value::Object(seen.clone()).to_string(), seen.clone());
        }
    }

    fn finish(self, after: u64) -> Lesson {
        let follows = self.follows(after);
        let mut answers: Vec<(SaidAs, u64)> = self.answers.into_iter().collect();
        answers.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
        let (asked, unanswered, people) = (self.asked, self.unanswered, self.people.len());
        Lesson { asked, answers, unanswered, people, follows }
    }

    fn follows(&self, after: u64) -> Follows {
        let all: u64 = self.answers.values().sum();
        let mut answers = self.answers.keys();
        match (answers.next(), answers.next()) {
            (Some(_), Some(_)) => Follows::Mixed(self.judged()),
            (None, _) => Follows::Missing(after),
            (Some(_), None) if all < after => Follows::Missing(after - all),
            (Some(SaidAs::Overridden), None) => Follows::Nothing("an override is no answer to the question"),
            (Some(SaidAs::Value(_)), None) => Follows::Nothing(
                "a value that is always the same belongs into the skill, which no flow changes",
            ),
            (Some(SaidAs::Yes), None) => self.follows_from_yes(),
            (Some(SaidAs::No), None) => self.cases(
                true,
                "a no is no reason to ask less: the cases hold now, and fail once a change stops asking",
            ),
        }
    }

    fn judged(&self) -> Judged {
        let times = || self.answers.values().copied();
        Judged::of(times().max().unwrap_or_default(), times().sum())
    }

    fn follows_from_yes(&self) -> Follows {
        let Some(opens) = &self.asked.opens else {
            return Follows::Nothing("it is always asked: no condition tells one case from another");
        };
        if self.seen.len() > SEEN_MAX {
            return Follows::Nothing("the values differ too much to show a rule");
        }
        let seen: Vec<Seen> = self.seen.values().cloned().collect();
        let changed = match opens.by {
            OpensBy::Holding => without(&opens.condition, &seen),
            OpensBy::Failing => with(&opens.condition, &seen),
            OpensBy::FailingAgain => {
                return Follows::Nothing(
                    "a looser expectation would also let the outputs of earlier rungs pass, which nobody has judged",
                );
            }
        };
        match changed {
            Some(condition) => Follows::Condition(condition),
            None => self.cases(
                false,
                "no condition covers just what was seen: the cases fail until somebody who knows writes one",
            ),
        }
    }

    fn cases(&self, asks: bool, why: &'static str) -> Follows {
        if self.asked.opens.is_none() {
            return Follows::Nothing("it is always asked: no condition tells one case from another");
        }
        if self.seen.len() > CASES_MAX || self.seen.is_empty() {
            return Follows::Nothing("the values differ too much to show a rule");
        }
        if self.seen.values().flat_map(Seen::values).any(is_named) {
            return Follows::Nothing("what the condition reads is too large to stand in a case");
        }
        let because = self.because();
        let case = |seen: &Seen| {
            let (step, seen, because) = (self.asked.step.clone(), seen.clone(), because.clone());
            FlowCase { step, seen, asks, because, line: 0 }
        };
        Follows::Cases(self.seen.values().map(case).collect(), why)
    }

    fn because(&self) -> String {
        let (answer, times) =
            self.answers.iter().next().map_or(("", 0), |(answer, times)| (answer.word(), *times));
        let why = self.reason.as_ref().map(|why| format!(", last by {why}")).unwrap_or_default();
        line(&format!("{} was always answered {answer}, {times} times{why}", self.asked.role))
    }
}

fn answer(said: &Said) -> SaidAs {
    match (said.answer.verdict, &said.answer.part) {
        _ if said.unchanged => SaidAs::Yes,
        (Verdict::Rejected, _) => SaidAs::No,
        (Verdict::Answered, Some(value)) => SaidAs::Value(value.clone()),
        _ => SaidAs::Overridden,
    }
}

/// Whether a value that was seen stands there by its digest only.
fn is_named(value: &Value) -> bool {
    value.as_object().is_some_and(|fields| {
        fields.len() == 2 && fields.contains_key("digest") && fields.contains_key("bytes")
    })
}

impl SaidAs {
    /// The word people see.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            SaidAs::Yes => "yes",
            SaidAs::No => "no",
            SaidAs::Value(_) => "a value of their own",
            SaidAs::Overridden => "nothing, and overridden",
        }
    }
}

impl Lesson {
    /// How often a question that was always answered the same may still be answered otherwise, in percent: the bound
    /// that holds with 95 % confidence when the cases to come are like those that were.
    #[must_use]
    pub fn may_differ(&self) -> u8 {
        let all: u64 = self.answers.iter().map(|(_, times)| times).sum();
        #[allow(clippy::cast_precision_loss, reason = "percent of a count")]
        let bound = if all == 0 { 1.0 } else { 1.0 - 0.05_f64.powf(1.0 / all as f64) };
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 100")]
        let percent = (bound * 100.0).ceil() as u8;
        percent.min(100)
    }

    /// What was learned about the question, in words.
    #[must_use]
    pub fn words(&self) -> String {
        let asked = format!("{} ({})", self.asked.step, self.asked.role);
        let answers = self.answers.iter().map(|(said, times)| format!("{} {times}", said.word()));
        let answers = answers.collect::<Vec<_>>().join(", ");
        let people = if self.people == 1 { "1 person".into() } else { format!("{} people", self.people) };
        let unanswered = match self.unanswered {
            0 => String::new(),
            many => format!(", unanswered {many}"),
        };
        match &self.follows {
            Follows::Missing(missing) if answers.is_empty() => {
                format!(
                    "{asked}: not answered as it stands{unanswered}; {missing} equal answers and something is proposed"
                )
            }
            Follows::Missing(missing) => {
                format!(
                    "{asked}: {answers}{unanswered}, by {people}; {missing} more and something is proposed"
                )
            }
            Follows::Mixed(judged) => {
                let mixed = self.mixed_words(*judged);
                format!("{asked}: {answers}{unanswered}, by {people}; {mixed}")
            }
            Follows::Nothing(why) => {
                format!("{asked}: {answers}{unanswered}, by {people}; nothing is proposed: {why}")
            }
            Follows::Cases(cases, why) => {
                format!(
                    "{asked}: {answers}{unanswered}, by {people}; {} proposed: {why}",
                    counted(cases.len())
                )
            }
            Follows::Condition(condition) => format!(
                "{asked}: {answers}{unanswered}, by {people}; `{}` is proposed: the next case may still be decided otherwise, up to {} % of the time (95 % confidence)",
                line(condition),
                self.may_differ()
            ),
        }
    }
}

impl Lesson {
    /// What different answers say of the question.
    fn mixed_words(&self, judged: Judged) -> String {
        let all: u64 = self.answers.iter().map(|(_, times)| times).sum();
        let most = self.answers.first().map_or(0, |(_, times)| *times);
        match judged {
            Judged::Varied => "mixed, so the question is needed".into(),
            Judged::TooFew => {
                format!("mixed, but {all} of {NOISE_FROM} answers are too few to say whether it is needed")
            }
            Judged::Noise => format!(
                "noise: {most} of {all} the same way; nothing is proposed before somebody has looked at the {} that went another, because a rule would overrule them",
                all - most
            ),
        }
    }
}

fn counted(cases: usize) -> String {
    if cases == 1 { "1 test case is".into() } else { format!("{cases} test cases are") }
}

/// A change of a file as a unified diff that `git apply` and `patch -p1` take; none when nothing changes. `name` is the
/// path from where they are run, `old` is none for a file that is not there yet.
#[must_use]
pub fn diff(name: &str, old: Option<&str>, new: &str) -> Option<String> {
    let before = old.unwrap_or_default();
    let from = if old.is_some() { format!("a/{name}") } else { "/dev/null".into() };
    let diff = similar::TextDiff::from_lines(before, new);
    let changed = before != new;
    changed.then(|| diff.unified_diff().context_radius(3).header(&from, &format!("b/{name}")).to_string())
}

#[cfg(test)]
mod tests;
