//! One run followed through its entries, as far as they say themselves what may follow: which attempt and which question are
//! open, how each step stands, what a yes and a no lead to. What only the plan can tell is handed on as claims.

use crate::claim::{Asked, Claim, Place, Walked, is_person};
use crate::digest::Hash;
use crate::entry::Entry;
use crate::price::Work;

/// What is left to hold against the plan and the tariff.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Plan(Claim),
    Work(Work),
    /// The minutes of a person, and what they are said to cost.
    Person(Option<String>, String),
}

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
    place: Place,
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
    ending: Option<String>,
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
    pub(crate) fn follow(&mut self, entry: &Entry<'_>, due: &mut Vec<Due>) -> Fault {
        if self.over {
            return None;
        }
        if entry.at < self.at {
            return fault("was written before the entry before it");
        }
        self.at = entry.at;
        match entry.kind {
            b"run-started" => self.start(entry, due),
            b"requirement-failed" => {
                self.refused = true;
                (!self.steps.is_empty()).then(|| "checks a precondition after a step".into())
            }
            b"step-chosen" | b"step-skipped" => self.decide(entry, due),
            b"attempt-started" => self.begin(entry, due),
            b"attempt-ended" => self.end_attempt(entry, due),
            b"doubt-raised" => self.doubt(entry),
            b"expectation-judged" => self.judge(entry, due),
            b"ladder-moved" => self.climb(entry),
            b"budget-passed" => {
                let (per, most) = (entry.said.word([b"per"]), entry.said.word([b"most"]));
                due.push(Due::Plan(Claim::Passed { per, most }));
                self.working(&entry.said.word([b"step"])).err()
            }
            b"question-asked" => self.ask(entry, due),
            b"question-reminded" | b"question-escalated" | b"question-expired" => self.move_on(entry),
            b"question-answered" | b"question-overridden" => self.answer(entry, due),
            b"cancel-asked" => {
                self.cancel = true;
                None
            }
            b"run-ended" => self.end(entry, due),
            b"run-resumed" | b"private-erased" | b"contents-dropped" => None,
            _ => fault("says what no entry says"),
        }
    }

    /// How far it went, for a run that goes on.
    pub(crate) fn so_far(&self) -> Option<Claim> {
        (!self.over).then(|| self.went(None))
    }

    fn went(&self, ended: Option<String>) -> Claim {
        let walked = |step: &Step| Walked {
            step: step.id.clone(),
            rung: step.rung,
            chosen: step.chosen,
            skipped: step.standing == Standing::Skipped,
        };
        Claim::Went { steps: self.steps.iter().map(walked).collect(), ended }
    }

    fn start(&mut self, entry: &Entry<'_>, due: &mut Vec<Due>) -> Fault {
        let said = &entry.said;
        (self.tariff, self.by) = (said.word([b"tariff"]), said.word([b"by"]));
        let pins = [b"flow" as &[u8], b"version", b"text", b"policy", b"tariff", b"engine"];
        due.push(Due::Plan(Claim::Pinned(pins.map(|pin| said.word([pin])))));
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

    fn decide(&mut self, entry: &Entry<'_>, due: &mut Vec<Due>) -> Fault {
        let (step, condition) = (entry.said.word([b"step"]), entry.said.word([b"condition"]));
        due.push(Due::Plan(Claim::Condition { step: step.clone(), condition }));
        let step = match self.working(&step) {
            Ok(step) if !step.chosen && step.attempts + step.askings == 0 => step,
            Ok(step) => return Some(format!("decides over {}, which was decided", step.id)),
            Err(why) => return Some(why),
        };
        match entry.kind {
            b"step-skipped" => step.standing = Standing::Skipped,
            _ => step.chosen = true,
        }
        None
    }

    fn begin(&mut self, entry: &Entry<'_>, due: &mut Vec<Due>) -> Fault {
        let said = &entry.said;
        let place = Place {
            step: said.word([b"step"]),
            rung: said.number([b"rung"]).unwrap_or_default(),
            verdict: said.raw([b"purpose"]) == Some(b"verdict"),
        };
        let call = [
            said.word([b"skill", b"name"]),
            said.word([b"skill", b"version"]),
            said.word([b"skill", b"component"]),
            said.word([b"operation"]),
            said.word([b"lane"]),
            said.word([b"effects"]),
        ];
        let (settles, attempt) = (said.is_true([b"settles"]), said.number([b"attempt"]).unwrap_or_default());
        due.push(Due::Plan(Claim::Began { place: place.clone(), call, settles }));
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
        self.open = Some(Open { place, attempt, component: said.hash([b"skill", b"component"]), settles });
        None
    }

    fn end_attempt(&mut self, entry: &Entry<'_>, due: &mut Vec<Due>) -> Fault {
        let said = &entry.said;
        let (step, attempt) = (said.word([b"step"]), said.number([b"attempt"]).unwrap_or_default());
        let Some(open) = self.open.take().filter(|open| open.place.step == step && open.attempt == attempt)
        else {
            return Some(format!("ends attempt {attempt} of {step}, which is not open"));
        };
        self.doubt = false;
        let grants = said.word([b"receipt", b"grant"]);
        due.push(Due::Plan(Claim::Granted { place: open.place.clone(), grants }));
        let ending = ["output", "skill-error", "refusal", "trap"]
            .into_iter()
            .find(|it| said.has([b"ending", it.as_bytes()]));
        let ending = ending.map_or_else(|| said.word([b"ending"]), str::to_owned);
        let meter = |name: &[u8]| said.number([b"receipt", b"meters", name]).unwrap_or_default();
        due.push(Due::Work(Work {
            fuel: meter(b"fuel"),
            memory: meter(b"memory_peak"),
            calls: said
                .numbers([b"receipt", b"meters", b"crossings"])
                .into_iter()
                .fold(0, u64::saturating_add),
            bytes: [&b"bytes_in"[..], b"bytes_out", b"bytes_read", b"bytes_written"]
                .into_iter()
                .fold(0, |sum, name| sum.saturating_add(meter(name))),
            inference: said.text([b"receipt", b"meters", b"inference"]),
            lost: ending == "lost",
            money: said.word([b"receipt", b"money"]),
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
        let tariff = said.word([b"receipt", b"tariff"]);
        match () {
            () if said.hash([b"receipt", b"component"]) != open.component => {
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
        let step = entry.said.word([b"step"]);
        self.doubt = true;
        let is_open = self.open.as_ref().is_some_and(|open| open.place.step == step);
        (!is_open).then(|| format!("doubts an attempt of {step}, of which none is open"))
    }

    fn judge(&mut self, entry: &Entry<'_>, due: &mut Vec<Due>) -> Fault {
        let said = &entry.said;
        let (step, by, held) = (said.word([b"step"]), said.word([b"by"]), said.is_true([b"held"]));
        due.push(Due::Plan(Claim::Judged { step: step.clone(), by, held }));
        let rung = said.number([b"rung"]).unwrap_or_default();
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
        let (from, to) = (said.number([b"from"]).unwrap_or_default(), said.number([b"to"]));
        let step = match self.working(&said.word([b"step"])) {
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

    fn ask(&mut self, entry: &Entry<'_>, due: &mut Vec<Due>) -> Fault {
        let said = &entry.said;
        let after = |at: Option<u64>| at.map(|at| at.saturating_sub(entry.at));
        let (remind_at, expire_at) = (said.number([b"remind_at"]), said.number([b"expire_at"]));
        let escalate_at = said.number([b"escalate_at"]);
        let asked = Asked {
            step: said.word([b"step"]),
            rung: said.number([b"rung"]).unwrap_or_default(),
            reason: said.word([b"reason"]),
            role: said.word([b"role"]),
            people: said.texts([b"people"]),
            answer: entry.answer.clone().unwrap_or_default(),
            remind: after(remind_at),
            escalate: after(escalate_at).zip(said.text([b"escalate_at"])),
            expire: after(expire_at),
        };
        due.push(Due::Plan(Claim::Asked(Box::new(asked.clone()))));
        if self.question.is_some() || (self.open.is_some() && !self.doubt) {
            return fault("asks while an attempt or a question is open");
        }
        let asking = said.number([b"asking"]).unwrap_or_default();
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
            b"question-reminded" => open.remind_at,
            b"question-escalated" => open.escalate_at,
            _ => open.expire_at,
        };
        let to = open.asked.escalate.as_ref().map(|(_, to)| to.clone()).unwrap_or_default();
        let (is_escalated, is_expired) =
            (entry.kind == b"question-escalated", entry.kind == b"question-expired");
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
            Some(_) if is_escalated && entry.said.word([b"to"]) != to => {
                Some(format!("asks {}, where the question says {to}", entry.said.word([b"to"])))
            }
            Some(_) => None,
        }
    }

    fn open_question(&mut self, entry: &Entry<'_>) -> Option<&mut Question> {
        let (step, asking) = (entry.said.word([b"step"]), entry.said.number([b"asking"]));
        self.question.as_mut().filter(|open| open.asked.step == step && Some(open.asking) == asking)
    }

    fn answer(&mut self, entry: &Entry<'_>, due: &mut Vec<Due>) -> Fault {
        let said = &entry.said;
        due.push(Due::Person(said.text([b"minutes"]), said.word([b"money"])));
        // An answer to no question is told already, by what it is bound to.
        self.open_question(entry)?;
        let open = self.question.take()?;
        let is_override = entry.kind == b"question-overridden";
        let verdict = if is_override { "overridden".to_owned() } else { said.word([b"verdict"]) };
        let by = said.word([b"by"]);
        if verdict != "rejected" && by == self.by {
            due.push(Due::Plan(Claim::OwnYes { by: by.clone() }));
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
    fn spoke(&self, open: &Question, entry: &Entry<'_>, is_override: bool, by: String, due: &mut Vec<Due>) {
        let (step, rung) = (open.asked.step.clone(), open.asked.rung);
        if is_override {
            let role = entry.said.word([b"role"]);
            due.push(Due::Plan(Claim::Overridden { step, rung, role: role.clone() }));
            return due.push(Due::Plan(Claim::Spoke { role, by }));
        }
        if open.asked.people.iter().any(|person| is_person(person, &by)) {
            return;
        }
        let come = open.escalated || open.escalate_at.is_some_and(|at| at <= entry.at);
        let other = open.asked.escalate.as_ref().filter(|_| come).map(|(_, to)| to.clone());
        due.push(Due::Plan(Claim::Spoke { role: other.unwrap_or_else(|| open.asked.role.clone()), by }));
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

    fn end(&mut self, entry: &Entry<'_>, due: &mut Vec<Due>) -> Fault {
        let state = entry.said.word([b"state"]);
        due.push(Due::Plan(self.went(Some(state.clone()))));
        self.over = true;
        let at = entry.said.text([b"step"]);
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
        let fits = match state.as_str() {
            "done" => last.is_none_or(Step::is_through) && at.is_none() && entry.said.has([b"outputs"]),
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
        let outputs = state == "done" || !entry.said.has([b"outputs"]);
        (!fits || !outputs).then(|| {
            format!("says that the run is {}, which nothing before it leads to", state.escape_debug())
        })
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
