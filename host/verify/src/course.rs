//! One run followed through its entries, as far as they say themselves what may follow: which attempt and which question are
//! open, how each step stands, what a yes and a no lead to. What only the plan can tell is handed on as claims.

use crate::claim::{Asked, Claim, Place, Walked, is_person};
use crate::digest::Hash;
use crate::entry::Entry;
use crate::price::Work;
use crate::said::{Part, Said};
use std::borrow::Cow;

/// What is left to hold against the plan and the tariff.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) enum Due<'a> {
    Plan(Claim<'a>),
    Work(Work<'a>),
    /// The minutes of a person, and what they are said to cost.
    Person(Option<Cow<'a, str>>, Cow<'a, str>),
}

impl Due<'_> {
    /// The same, to be kept.
    pub(crate) fn kept(self) -> Due<'static> {
        match self {
            Due::Plan(claim) => Due::Plan(claim.kept()),
            Due::Work(work) => Due::Work(work.kept()),
            Due::Person(minutes, money) => {
                Due::Person(minutes.map(|it| it.into_owned().into()), money.into_owned().into())
            }
        }
    }
}

/// Whoever is told what is left to be held.
type Told<'t> = dyn FnMut(Due<'_>) + 't;

/// A run under way.
#[derive(Default)]
pub(crate) struct Course {
    tariff: String,
    by: String,
    at: u64,
    open: Option<Open>,
    doubt: bool,
    question: Option<Question>,
    steps: Vec<Step>,
    /// Whether it was to stop, or a precondition did not hold.
    cancel: bool,
    refused: bool,
    over: bool,
}

/// An attempt without an ending.
struct Open {
    place: Place<'static>,
    attempt: u64,
    component: Option<Hash>,
    settles: bool,
}

/// A question without an answer.
struct Question {
    asked: Asked,
    asking: u64,
    at: u64,
    remind_at: Option<u64>,
    escalate_at: Option<u64>,
    expire_at: Option<u64>,
    escalated: bool,
}

/// A step that was touched.
#[derive(Default)]
struct Step {
    id: String,
    rung: u64,
    chosen: bool,
    standing: Standing,
    attempts: u64,
    askings: u64,
    judged: Option<bool>,
    exhausted: bool,
    /// How the last attempt of the present rung at its work ended.
    ending: Option<Cow<'static, str>>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Standing {
    #[default]
    Working,
    Skipped,
    Settled,
    Rejected,
    Expired,
}

type Fault = Option<String>;

fn fault(words: impl Into<String>) -> Fault {
    Some(words.into())
}

impl Course {
    /// The next entry: what is wrong with it, and what it claims.
    pub(crate) fn follow(&mut self, entry: &Entry<'_>, due: &mut Told<'_>) -> Fault {
        if self.over {
            return None;
        }
        if entry.at < self.at {
            return fault("was written before the entry before it");
        }
        self.at = entry.at;
        match entry.kind {
            "run-started" => self.start(entry, due),
            "requirement-failed" => {
                self.refused = true;
                (!self.steps.is_empty()).then(|| "checks a precondition after a step".into())
            }
            "step-chosen" | "step-skipped" => self.decide(entry, due),
            "attempt-started" => self.begin(entry, due),
            "attempt-ended" => self.end_attempt(entry, due),
            "doubt-raised" => self.doubt(entry),
            "expectation-judged" => self.judge(entry, due),
            "ladder-moved" => self.climb(entry),
            "budget-passed" => {
                let (per, most) = (entry.said.word(Part::Per), entry.said.word(Part::Most));
                due(Due::Plan(Claim::Passed { per, most }));
                self.working(&entry.said.word(Part::Step)).err()
            }
            "question-asked" => self.ask(entry, due),
            "question-reminded" | "question-escalated" | "question-expired" => self.move_on(entry),
            "question-answered" | "question-overridden" => self.answer(entry, due),
            "cancel-asked" => {
                self.cancel = true;
                None
            }
            "run-ended" => self.end(entry, due),
            "run-resumed" | "private-erased" | "contents-dropped" => None,
            _ => fault("says what no entry says"),
        }
    }

    /// How far it went, for a run that goes on.
    pub(crate) fn so_far(&self) -> Option<Claim<'_>> {
        (!self.over).then(|| self.went(None))
    }

    fn went<'s>(&'s self, ended: Option<&'s str>) -> Claim<'s> {
        let walked = |step: &'s Step| Walked {
            step: step.id.as_str().into(),
            rung: step.rung,
            chosen: step.chosen,
            skipped: step.standing == Standing::Skipped,
        };
        Claim::Went { steps: self.steps.iter().map(walked).collect(), ended: ended.map(Cow::Borrowed) }
    }

    fn start(&mut self, entry: &Entry<'_>, due: &mut Told<'_>) -> Fault {
        let said = &entry.said;
        (self.tariff, self.by) = (said.word(Part::Tariff).into_owned(), said.word(Part::By).into_owned());
        let pins = [Part::Flow, Part::Version, Part::Text, Part::Policy, Part::Tariff, Part::Engine];
        due(Due::Plan(Claim::Pinned(pins.map(|pin| said.word(pin)))));
        (entry.seq != 1).then(|| "begins a run that has begun".into())
    }

    /// The step that is worked on. A next one begins when the one before is through.
    fn working(&mut self, id: &str) -> Result<&mut Step, String> {
        let is_last = self.steps.last().is_some_and(|step| step.id == id);
        if !is_last {
            if let Some(before) = self.steps.last().filter(|before| !before.is_through()) {
                return Err(format!("goes on to {id}, and {} is {}", before.id, before.standing.word()));
            }
            if self.steps.iter().any(|step| step.id == id) {
                return Err(format!("goes back to {id}, which is through"));
            }
            self.steps.push(Step { id: id.to_owned(), ..Step::default() });
        }
        let step = self.steps.last_mut().ok_or("is of no step")?;
        match step.standing {
            Standing::Working => Ok(step),
            other => Err(format!("goes on with {id}, which is {}", other.word())),
        }
    }

    fn decide(&mut self, entry: &Entry<'_>, due: &mut Told<'_>) -> Fault {
        let (step, condition) = (entry.said.word(Part::Step), entry.said.word(Part::Condition));
        due(Due::Plan(Claim::Condition { step: step.clone(), condition }));
        let step = match self.working(&step) {
            Ok(step) if !step.chosen && step.attempts + step.askings == 0 => step,
            Ok(step) => return Some(format!("decides over {}, which was decided", step.id)),
            Err(why) => return Some(why),
        };
        match entry.kind {
            "step-skipped" => step.standing = Standing::Skipped,
            _ => step.chosen = true,
        }
        None
    }

    fn begin(&mut self, entry: &Entry<'_>, due: &mut Told<'_>) -> Fault {
        let said = &entry.said;
        let place = Place {
            step: said.word(Part::Step),
            rung: said.number(Part::Rung).unwrap_or_default(),
            verdict: said.raw(Part::Purpose) == Some("verdict"),
        };
        let call = [
            said.word(Part::SkillName),
            said.word(Part::SkillVersion),
            said.word(Part::SkillComponent),
            said.word(Part::Operation),
            said.word(Part::Lane),
            said.word(Part::Effects),
        ];
        let (settles, attempt) =
            (said.is_true(Part::Settles), said.number(Part::Attempt).unwrap_or_default());
        due(Due::Plan(Claim::Began { place: place.clone(), call, settles }));
        if self.open.is_some() || self.question.is_some() {
            return fault("begins while an attempt or a question is open");
        }
        let step = match self.working(&place.step) {
            Ok(step) => step,
            Err(why) => return Some(why),
        };
        let next = step.attempts + 1;
        if (attempt, place.rung) != (next, step.rung) {
            return Some(format!(
                "says attempt {attempt} on rung {}, and it is attempt {next} on rung {}",
                place.rung, step.rung
            ));
        }
        step.attempts = next;
        let component = said.hash(Part::SkillComponent);
        self.open = Some(Open { place: place.kept(), attempt, component, settles });
        None
    }

    fn end_attempt(&mut self, entry: &Entry<'_>, due: &mut Told<'_>) -> Fault {
        let said = &entry.said;
        let (step, attempt) = (said.word(Part::Step), said.number(Part::Attempt).unwrap_or_default());
        let Some(open) = self.open.take().filter(|open| open.place.step == step && open.attempt == attempt)
        else {
            return Some(format!("ends attempt {attempt} of {step}, which is not open"));
        };
        self.doubt = false;
        let grants = said.word(Part::ReceiptGrant);
        due(Due::Plan(Claim::Granted { place: open.place.clone(), grants }));
        let ending = ending(said);
        due(Due::Work(Work {
            fuel: said.number(Part::MetersFuel).unwrap_or_default(),
            memory: said.number(Part::MetersMemoryPeak).unwrap_or_default(),
            calls: said.sum(Part::MetersCrossings),
            bytes: said.sum(Part::MetersBytes),
            inference: said.text(Part::MetersInference),
            lost: ending == "lost",
            money: said.word(Part::ReceiptMoney),
        }));
        let fault = self.receipt(entry, &open);
        match self.working(&step) {
            Ok(_) if open.place.verdict => {}
            Ok(step) => {
                if open.settles && ending == "output" {
                    step.standing = Standing::Settled;
                }
                step.ending = Some(ending);
            }
            Err(why) => return Some(why),
        }
        fault
    }

    /// A receipt is for the bytes that began, by the tariff of the run.
    fn receipt(&self, entry: &Entry<'_>, open: &Open) -> Fault {
        let said = &entry.said;
        let tariff = said.word(Part::ReceiptTariff);
        match () {
            () if said.hash(Part::ReceiptComponent) != open.component => {
                let began = open.component.as_ref().map(crate::digest::hex).unwrap_or_default();
                Some(format!("has a receipt for other bytes than began, sha256:{began}"))
            }
            () if tariff != self.tariff => {
                Some(format!("has a receipt by another tariff than the run's, {}", self.tariff))
            }
            () => None,
        }
    }

    fn doubt(&mut self, entry: &Entry<'_>) -> Fault {
        let step = entry.said.word(Part::Step);
        self.doubt = true;
        let is_open = self.open.as_ref().is_some_and(|open| open.place.step == step);
        (!is_open).then(|| format!("doubts an attempt of {step}, of which none is open"))
    }

    fn judge(&mut self, entry: &Entry<'_>, due: &mut Told<'_>) -> Fault {
        let said = &entry.said;
        let (step, by, held) = (said.word(Part::Step), said.word(Part::By), said.is_true(Part::Held));
        due(Due::Plan(Claim::Judged { step: step.clone(), by, held }));
        let rung = said.number(Part::Rung).unwrap_or_default();
        let step = match self.working(&step) {
            Ok(step) => step,
            Err(why) => return Some(why),
        };
        if step.judged.replace(held).is_some() || step.rung != rung {
            return Some(format!("judges rung {rung} of {}, which is not to be judged", step.id));
        }
        if held {
            step.standing = Standing::Settled;
        }
        let has_output = step.ending.as_deref() == Some("output");
        (!has_output).then(|| format!("judges {}, which has no output", step.id))
    }

    fn climb(&mut self, entry: &Entry<'_>) -> Fault {
        let said = &entry.said;
        let (from, to) = (said.number(Part::From).unwrap_or_default(), said.number(Part::To));
        let step = match self.working(&said.word(Part::Step)) {
            Ok(step) => step,
            Err(why) => return Some(why),
        };
        if step.rung != from || to.is_some_and(|to| to.checked_sub(1) != Some(from)) {
            return Some(format!("leaves rung {from} of {}, which is on rung {}", step.id, step.rung));
        }
        match to {
            Some(to) => (step.rung, step.judged, step.ending) = (to, None, None),
            None => step.exhausted = true,
        }
        None
    }

    fn ask(&mut self, entry: &Entry<'_>, due: &mut Told<'_>) -> Fault {
        let said = &entry.said;
        let after = |at: Option<u64>| at.map(|at| at.saturating_sub(entry.at));
        let (remind_at, expire_at) = (said.number(Part::RemindAt), said.number(Part::ExpireAt));
        let escalate_at = said.number(Part::EscalateAt);
        let asked = Asked {
            step: said.word(Part::Step).into_owned(),
            rung: said.number(Part::Rung).unwrap_or_default(),
            reason: said.word(Part::Reason).into_owned(),
            role: said.word(Part::Role).into_owned(),
            people: said.texts(Part::People),
            answer: entry.answer.clone().unwrap_or_default(),
            remind: after(remind_at),
            escalate: after(escalate_at).zip(said.text(Part::EscalateAt).map(Cow::into_owned)),
            expire: after(expire_at),
        };
        due(Due::Plan(Claim::Asked(Box::new(asked.clone()))));
        if self.question.is_some() || (self.open.is_some() && !self.doubt) {
            return fault("asks while an attempt or a question is open");
        }
        let asking = said.number(Part::Asking).unwrap_or_default();
        let step = match self.working(&asked.step) {
            Ok(step) => step,
            Err(why) => return Some(why),
        };
        step.askings += 1;
        if (asking, asked.rung) != (step.askings, step.rung) {
            return Some(format!(
                "asks for the {asking}. time on rung {}, and it is the {}. on rung {}",
                asked.rung, step.askings, step.rung
            ));
        }
        let at = entry.at;
        self.question =
            Some(Question { asked, asking, at, remind_at, escalate_at, expire_at, escalated: false });
        None
    }

    /// What happens to a question by itself, when its time has come.
    fn move_on(&mut self, entry: &Entry<'_>) -> Fault {
        let Some(open) = self.open_question(entry) else { return fault("is of a question that is not open") };
        let due = match entry.kind {
            "question-reminded" => open.remind_at,
            "question-escalated" => open.escalate_at,
            _ => open.expire_at,
        };
        let to = open.asked.escalate.as_ref().map(|(_, to)| to.clone()).unwrap_or_default();
        let (is_escalated, is_expired) =
            (entry.kind == "question-escalated", entry.kind == "question-expired");
        open.escalated |= is_escalated;
        let step = open.asked.step.clone();
        if is_expired {
            self.question = None;
            if let Ok(step) = self.working(&step) {
                step.standing = Standing::Expired;
            }
        }
        match due {
            None => fault("moves a question by a time it does not have"),
            Some(due) if entry.at < due => Some(format!("was written at {}, and is due at {due}", entry.at)),
            Some(_) if is_escalated && entry.said.word(Part::To) != to => {
                Some(format!("asks {}, where the question says {to}", entry.said.word(Part::To)))
            }
            Some(_) => None,
        }
    }

    fn open_question(&mut self, entry: &Entry<'_>) -> Option<&mut Question> {
        let (step, asking) = (entry.said.word(Part::Step), entry.said.number(Part::Asking));
        self.question.as_mut().filter(|open| open.asked.step == step && Some(open.asking) == asking)
    }

    fn answer(&mut self, entry: &Entry<'_>, due: &mut Told<'_>) -> Fault {
        let said = &entry.said;
        due(Due::Person(said.text(Part::Minutes), said.word(Part::Money)));
        // An answer to no question is told already, by what it is bound to.
        self.open_question(entry)?;
        let open = self.question.take()?;
        let is_override = entry.kind == "question-overridden";
        let verdict = if is_override { "overridden".into() } else { said.word(Part::Verdict) };
        let by = said.word(Part::By);
        if verdict != "rejected" && by == self.by {
            due(Due::Plan(Claim::OwnYes { by: by.clone() }));
        }
        self.spoke(&open, entry, is_override, by, due);
        let late = open.expire_at.filter(|at| *at <= entry.at);
        let fits = Self::fits(&open, &verdict);
        self.lead(&open, &verdict);
        match late {
            Some(at) => Some(format!("answers at {}, and the question expired at {at}", entry.at)),
            None if entry.at < open.at => fault("answers before it was asked"),
            None => fits,
        }
    }

    /// Who may have spoken, where the question itself does not say.
    fn spoke(
        &self,
        open: &Question,
        entry: &Entry<'_>,
        is_override: bool,
        by: Cow<'_, str>,
        due: &mut Told<'_>,
    ) {
        let asked = &open.asked;
        if is_override {
            let role = entry.said.word(Part::Role);
            let (step, rung) = (asked.step.as_str().into(), asked.rung);
            due(Due::Plan(Claim::Overridden { step, rung, role: role.clone() }));
            return due(Due::Plan(Claim::Spoke { role, by }));
        }
        if asked.people.iter().any(|person| is_person(person, &by)) {
            return;
        }
        let come = open.escalated || open.escalate_at.is_some_and(|at| at <= entry.at);
        let other = asked.escalate.as_ref().filter(|_| come).map(|(_, to)| to);
        due(Due::Plan(Claim::Spoke { role: other.unwrap_or(&asked.role).into(), by }));
    }

    /// A yes is for what asks for one.
    fn fits(open: &Question, verdict: &str) -> Fault {
        let approval = open.asked.answer.contains("\"kind\":\"approval\"");
        let fits = match verdict {
            "rejected" => true,
            "approved" | "overridden" => approval,
            "answered" => !approval,
            _ => false,
        };
        (!fits).then(|| format!("says {}, which is no answer to what was asked", verdict.escape_debug()))
    }

    /// What an answer leads to.
    fn lead(&mut self, open: &Question, verdict: &str) {
        let (step, doubt) = (open.asked.step.clone(), self.doubt);
        let Ok(step) = self.working(&step) else { return };
        match (open.asked.reason.as_str(), verdict) {
            ("flow" | "ladder", "rejected") if !doubt => step.standing = Standing::Rejected,
            ("flow" | "ladder", _) if !doubt => step.standing = Standing::Settled,
            _ => {}
        }
    }

    fn end(&mut self, entry: &Entry<'_>, due: &mut Told<'_>) -> Fault {
        let state = entry.said.word(Part::State);
        due(Due::Plan(self.went(Some(&state))));
        self.over = true;
        let at = entry.said.text(Part::Step);
        let last = self.steps.last();
        let due = match last.filter(|last| !last.is_through()) {
            _ if self.open.is_some() => return fault("ends a run whose attempt is open"),
            _ if self.cancel => Some("cancelled"),
            _ if self.question.is_some() => return fault("ends a run whose question is open"),
            _ if self.refused => Some("refused"),
            Some(last) => last.leads_to(),
            None => None,
        };
        if let Some(due) = due.filter(|due| *due != state) {
            return Some(format!("says that the run is {}, and it is {due}", state.escape_debug()));
        }
        let is_at = |step: &Step| at.as_deref() == Some(step.id.as_str());
        let fits = match &*state {
            "done" => last.is_none_or(Step::is_through) && at.is_none() && entry.said.has(Part::Outputs),
            "rejected" => last.is_some_and(|last| last.standing == Standing::Rejected && is_at(last)),
            "expired" => last.is_some_and(|last| last.standing == Standing::Expired && is_at(last)),
            "escalated" => {
                last.is_some_and(|last| (last.exhausted || last.judged == Some(false)) && is_at(last))
            }
            "trapped" => last
                .is_some_and(|last| matches!(last.ending.as_deref(), Some("trap" | "lost")) && is_at(last)),
            "cancelled" => {
                self.cancel || last.is_some_and(|last| last.ending.as_deref() == Some("cancelled"))
            }
            "refused" => self.refused || at.is_some(),
            "failed" | "over-budget" => true,
            _ => false,
        };
        let outputs = state == "done" || !entry.said.has(Part::Outputs);
        (!fits || !outputs).then(|| {
            format!("says that the run is {}, which nothing before it leads to", state.escape_debug())
        })
    }
}

/// How an attempt ended, in a word.
fn ending(said: &Said<'_>) -> Cow<'static, str> {
    let words = [
        (Part::EndingOutput, "output"),
        (Part::EndingSkillError, "skill-error"),
        (Part::EndingRefusal, "refusal"),
        (Part::EndingTrap, "trap"),
    ];
    match words.into_iter().find(|(part, _)| said.has(*part)) {
        Some((_, word)) => word.into(),
        None => said.word(Part::Ending).into_owned().into(),
    }
}

impl Step {
    fn is_through(&self) -> bool {
        matches!(self.standing, Standing::Skipped | Standing::Settled)
    }

    /// How a run ends for sure that stands here.
    fn leads_to(&self) -> Option<&'static str> {
        match self.standing {
            Standing::Rejected => Some("rejected"),
            Standing::Expired => Some("expired"),
            _ if self.exhausted => Some("escalated"),
            _ => None,
        }
    }
}

impl Standing {
    const fn word(self) -> &'static str {
        match self {
            Standing::Working => "not through",
            Standing::Skipped => "skipped",
            Standing::Settled => "settled",
            Standing::Rejected => "rejected",
            Standing::Expired => "expired",
        }
    }
}
