//! Each question: how often it was asked, which way it was answered, and whether asking it tells anybody anything.

use super::few::Few;
use super::{Figure, Share};
use crate::answered::Part;
use crate::noise::Judged;
use crate::tally::{Answer, Asked};
use kapell_journal::entry::Verdict;
use kapell_model::digest::Digest;
use kapell_model::id::{Role, StepId};
use kapell_model::quantity::Span;
use rust_decimal::Decimal;
use serde::Serialize;
use std::collections::BTreeMap;

/// Questions that are listed, the ways each was answered, and the reasons given.
const QUESTIONS: usize = 200;
const WAYS: usize = 12;
const REASONS: usize = 12;

/// One question: a step that asks a role, for one condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Question {
    /// The step.
    pub step: StepId,
    /// The rung of its ladder, 0 for a step that asks.
    pub rung: u32,
    /// The condition that opened it.
    pub condition: String,
    /// Who was asked.
    pub role: Role,
    /// Runs in which it was asked.
    pub runs: u64,
    /// How often it was asked.
    pub asked: u64,
    /// How often it was answered.
    pub answered: u64,
    /// How often it still waits.
    pub waiting: u64,
    /// How often it ended without an answer: it expired, or the run ended.
    pub unanswered: u64,
    /// The ways it was answered, the commonest first.
    pub ways: Vec<Way>,
    /// Answers that went a way that is not listed.
    pub more_ways: u64,
    /// Answers that went the commonest way.
    pub same_way: Share,
    /// What to think of it.
    pub judged: Judged,
    /// The reasons given, the commonest first.
    pub reasons: Vec<Reason>,
    /// Answers with a reason that is not listed.
    pub more_reasons: u64,
    /// Answers without a reason.
    pub without_reason: u64,
    /// Minutes people spent on it.
    pub minutes: Decimal,
    /// Answers that changed the result.
    pub changed: Share,
    /// Half of the answers took no longer to come.
    pub waited_p50: Figure<Span>,
}

/// One way of answering.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Way {
    /// What was said.
    pub said: Verdict,
    /// What the flow takes of the value given, on one line; none for a value that is as the skill had answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The digest of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// How often.
    pub times: u64,
}

/// A reason, with what was said for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Reason {
    /// The reason in the person's words.
    pub reason: String,
    /// What was said.
    pub said: Verdict,
    /// How often.
    pub times: u64,
}

/// Questions while they are counted.
#[derive(Clone, Debug, Default)]
pub(super) struct Questions {
    /// By the step; a step has a few, so that finding one copies nothing.
    each: BTreeMap<StepId, Vec<Counted>>,
    many: usize,
    more: u64,
}

#[derive(Clone, Debug)]
struct Counted {
    condition: String,
    rung: u32,
    role: Role,
    runs: u64,
    asked: u64,
    waiting: u64,
    unanswered: u64,
    ways: Few<(Verdict, Option<Part>)>,
    reasons: Few<(String, Verdict)>,
    without_reason: u64,
    minutes: Decimal,
    changed: u64,
    waited: Vec<u64>,
}

/// Different questions that are counted at all: conditions stand in flows, but an ending's words may stand in one too.
const APART: usize = 1_000;

impl Questions {
    /// Counts the questions of one run.
    pub(super) fn count(&mut self, asked: &[Asked]) {
        for (nth, question) in asked.iter().enumerate() {
            let before = asked.iter().take(nth);
            let first = !before.into_iter().any(|it| it.step == question.step && same(it) == same(question));
            match self.of(question) {
                Some(counted) => counted.count(question, first),
                None => self.more += 1,
            }
        }
    }

    fn of(&mut self, question: &Asked) -> Option<&mut Counted> {
        let known = self.each.get(&question.step).and_then(|step| step.iter().position(|it| it.is(question)));
        let nth = match known {
            Some(nth) => nth,
            None if self.many == APART => return None,
            None => {
                self.many += 1;
                let step = self.each.entry(question.step.clone()).or_default();
                step.push(Counted::of(question));
                step.len() - 1
            }
        };
        self.each.get_mut(&question.step)?.get_mut(nth)
    }

    /// The questions, those of most runs first, and how many askings are not listed.
    pub(super) fn finish(self) -> (Vec<Question>, u64) {
        let steps = self.each.into_iter();
        let mut all: Vec<_> =
            steps.flat_map(|(step, each)| each.into_iter().map(move |it| (step.clone(), it))).collect();
        all.sort_by(|one, other| {
            let place = |(step, it): &(StepId, Counted)| (step.clone(), it.condition.clone(), it.rung);
            other.1.runs.cmp(&one.1.runs).then_with(|| place(one).cmp(&place(other)))
        });
        let rest: u64 = all.iter().skip(QUESTIONS).map(|(_, counted)| counted.asked).sum();
        all.truncate(QUESTIONS);
        (all.into_iter().map(|(step, counted)| counted.finish(step)).collect(), self.more + rest)
    }
}

/// What makes two askings of a step the same question.
fn same(question: &Asked) -> (&str, u32, &Role) {
    (&question.opened_by, question.rung, &question.role)
}

impl Counted {
    fn of(question: &Asked) -> Self {
        Self {
            condition: question.opened_by.clone(),
            rung: question.rung,
            role: question.role.clone(),
            runs: 0,
            asked: 0,
            waiting: 0,
            unanswered: 0,
            ways: Few::default(),
            reasons: Few::default(),
            without_reason: 0,
            minutes: Decimal::ZERO,
            changed: 0,
            waited: Vec::new(),
        }
    }

    fn is(&self, question: &Asked) -> bool {
        (self.condition.as_str(), self.rung, &self.role) == same(question)
    }

    fn count(&mut self, question: &Asked, first_of_run: bool) {
        self.asked += 1;
        self.runs += u64::from(first_of_run);
        match (&question.answer, question.until) {
            (Some(answer), until) => {
                self.waited.extend(until.map(|until| until.0.saturating_sub(question.at.0)));
                self.answered(answer);
            }
            (None, Some(_)) => self.unanswered += 1,
            (None, None) => self.waiting += 1,
        }
    }

    fn answered(&mut self, answer: &Answer) {
        self.ways.count((answer.verdict, answer.part.clone().filter(|_| answer.changed)));
        self.minutes = self.minutes.saturating_add(answer.minutes);
        self.changed += u64::from(answer.changed);
        match &answer.reason {
            Some(reason) => self.reasons.count((reason.clone(), answer.verdict)),
            None => self.without_reason += 1,
        }
    }

    fn finish(self, step: StepId) -> Question {
        let answered = self.asked - self.waiting - self.unanswered;
        let (ways, more_ways) = self.ways.commonest(WAYS);
        let (reasons, more_reasons) = self.reasons.commonest(REASONS);
        let same_way = Share { n: ways.first().map_or(0, |(_, times)| *times), of: answered };
        let way = |((said, part), times): ((Verdict, Option<Part>), u64)| {
            let (value, digest) = part.map(|part| (part.words, part.digest)).unzip();
            Way { said, value, digest, times }
        };
        let reason = |((reason, said), times): ((String, Verdict), u64)| Reason { reason, said, times };
        Question {
            step,
            rung: self.rung,
            condition: self.condition,
            role: self.role,
            runs: self.runs,
            asked: self.asked,
            answered,
            waiting: self.waiting,
            unanswered: self.unanswered,
            ways: ways.into_iter().map(way).collect(),
            more_ways,
            same_way,
            judged: Judged::of(same_way.n, same_way.of),
            reasons: reasons.into_iter().map(reason).collect(),
            more_reasons,
            without_reason: self.without_reason,
            minutes: self.minutes.normalize(),
            changed: Share { n: self.changed, of: answered },
            waited_p50: Figure::or(super::count::rank(self.waited, 50).map(Span), "it was not answered yet"),
        }
    }
}

impl Way {
    /// The way in words.
    #[must_use]
    pub fn words(&self) -> String {
        match &self.value {
            Some(value) => value.clone(),
            None if self.said == Verdict::Answered => "as the skill had answered".into(),
            None => word(self.said).into(),
        }
    }
}

/// What was said, in a word.
pub(super) const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Approved => "yes",
        Verdict::Rejected => "no",
        Verdict::Answered => "a value",
        Verdict::Overridden => "overridden",
    }
}
