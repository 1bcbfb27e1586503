//! What entries claim of their plan, and what the plan says to it. Most entries of a log claim the same of the same plan, so
//! each claim is looked at once.

use serde_json::Value;
use std::borrow::Cow;

/// The role that is asked whether an effect happened.
const DOUBTED: &str = "operator";

/// A call of the plan: whose, and which of its step's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Place<'a> {
    pub(crate) step: Cow<'a, str>,
    pub(crate) rung: u64,
    /// Whether it judges the step's output.
    pub(crate) verdict: bool,
}

/// What an entry claims.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Claim<'a> {
    /// A run is pinned to this.
    Pinned([Cow<'a, str>; 6]),
    /// An attempt began: name, version and bytes of its skill, its operation, lane and effects.
    Began { place: Place<'a>, call: [Cow<'a, str>; 6], settles: bool },
    /// It ran with these grants.
    Granted { place: Place<'a>, grants: Cow<'a, str> },
    /// A step's condition.
    Condition { step: Cow<'a, str>, condition: Cow<'a, str> },
    /// An output was judged by this.
    Judged { step: Cow<'a, str>, by: Cow<'a, str>, held: bool },
    /// Somebody was asked.
    Asked(Box<Asked>),
    /// Somebody of this role answered or overrode, whom the question itself does not name.
    Spoke { role: Cow<'a, str>, by: Cow<'a, str> },
    /// That role may do without an answer there.
    Overridden { step: Cow<'a, str>, rung: u64, role: Cow<'a, str> },
    /// Whoever began the run said yes in it.
    OwnYes { by: Cow<'a, str> },
    /// More than that may not be spent in such a time.
    Passed { per: Cow<'a, str>, most: Cow<'a, str> },
    /// The way a run went so far.
    Went { steps: Vec<Walked<'a>>, ended: Option<Cow<'a, str>> },
}

/// A question as it was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Asked {
    pub(crate) step: String,
    pub(crate) rung: u64,
    pub(crate) reason: String,
    pub(crate) role: String,
    pub(crate) people: Vec<String>,
    /// The answer's shape, as canonical JSON.
    pub(crate) answer: String,
    pub(crate) remind: Option<u64>,
    pub(crate) escalate: Option<(u64, String)>,
    pub(crate) expire: Option<u64>,
}

/// A step as a run went through it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Walked<'a> {
    pub(crate) step: Cow<'a, str>,
    pub(crate) rung: u64,
    /// Whether an entry says that its condition held.
    pub(crate) chosen: bool,
    pub(crate) skipped: bool,
}

fn kept(text: Cow<'_, str>) -> Cow<'static, str> {
    Cow::Owned(text.into_owned())
}

impl Place<'_> {
    /// The same, to be kept.
    pub(crate) fn kept(self) -> Place<'static> {
        Place { step: kept(self.step), rung: self.rung, verdict: self.verdict }
    }
}

impl Claim<'_> {
    /// The same, to be kept.
    pub(crate) fn kept(self) -> Claim<'static> {
        match self {
            Claim::Pinned(pins) => Claim::Pinned(pins.map(kept)),
            Claim::Began { place, call, settles } => {
                Claim::Began { place: place.kept(), call: call.map(kept), settles }
            }
            Claim::Granted { place, grants } => Claim::Granted { place: place.kept(), grants: kept(grants) },
            Claim::Condition { step, condition } => {
                Claim::Condition { step: kept(step), condition: kept(condition) }
            }
            Claim::Judged { step, by, held } => Claim::Judged { step: kept(step), by: kept(by), held },
            Claim::Asked(asked) => Claim::Asked(asked),
            Claim::Spoke { role, by } => Claim::Spoke { role: kept(role), by: kept(by) },
            Claim::Overridden { step, rung, role } => {
                Claim::Overridden { step: kept(step), rung, role: kept(role) }
            }
            Claim::OwnYes { by } => Claim::OwnYes { by: kept(by) },
            Claim::Passed { per, most } => Claim::Passed { per: kept(per), most: kept(most) },
            Claim::Went { steps, ended } => {
                let steps = steps.into_iter().map(|walked| Walked {
                    step: kept(walked.step),
                    rung: walked.rung,
                    chosen: walked.chosen,
                    skipped: walked.skipped,
                });
                Claim::Went { steps: steps.collect(), ended: ended.map(kept) }
            }
        }
    }
}

/// What a plan says.
pub(crate) struct Plan(Value);

fn text<'v>(of: &'v Value, key: &str) -> &'v str {
    of.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn texts(of: Option<&Value>) -> Vec<String> {
    let texts = of.and_then(Value::as_array).into_iter().flatten();
    texts.filter_map(|it| it.as_str().map(str::to_owned)).collect()
}

/// The first part that is another than planned, in words.
fn other<const N: usize, T: AsRef<str>>(names: [&str; N], is: &[T], planned: &[&str; N]) -> Option<String> {
    let parts = names.iter().zip(is).zip(planned);
    let mut other = parts.map(|((name, is), planned)| (name, is.as_ref(), *planned));
    let (name, is, planned) = other.find(|(_, is, planned)| is != planned)?;
    Some(format!("says {name} {}, its plan {}", shown(is), shown(planned)))
}

fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    shown.push_str(if text.chars().nth(80).is_some() { "…" } else { "" });
    if shown.is_empty() { "none".into() } else { shown }
}

impl Plan {
    /// A plan whose bytes are canonical.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().map(Self)
    }

    fn steps(&self) -> &[Value] {
        self.0.get("steps").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
    }

    fn work(&self, step: &str) -> Option<&Value> {
        self.steps().iter().find(|it| text(it, "id") == step)?.get("work")
    }

    fn rung(work: &Value, rung: u64) -> Option<&Value> {
        work.get("otherwise")?.get(usize::try_from(rung.checked_sub(1)?).ok()?)
    }

    fn call(&self, place: &Place<'_>) -> Option<&Value> {
        let work = self.work(&place.step)?;
        if place.verdict {
            return work.get("expect")?.get("call");
        }
        let of = if place.rung == 0 { work } else { Self::rung(work, place.rung)? };
        match text(of, "kind") {
            "again" => work.get("call"),
            "call" | "use" => of.get("call"),
            _ => None,
        }
    }

    /// The question of a step that asks, or of a rung.
    fn question(&self, step: &str, rung: u64) -> Option<&Value> {
        let work = self.work(step)?;
        if rung == 0 { work.get("question") } else { Self::rung(work, rung)?.get("question") }
    }

    /// What each call of a component is granted.
    pub(crate) fn granted(&self, component: &str) -> Vec<Value> {
        let works = self.steps().iter().filter_map(|step| step.get("work"));
        let rungs =
            |work: &Value| work.get("otherwise").and_then(Value::as_array).cloned().unwrap_or_default();
        let calls = works.flat_map(|work| {
            let of = std::iter::once(work.clone()).chain(work.get("expect").cloned()).chain(rungs(work));
            of.filter_map(|of| of.get("call").cloned())
        });
        let is = |call: &Value| call.get("skill").is_some_and(|skill| text(skill, "component") == component);
        calls.filter(is).filter_map(|call| call.get("grants").cloned()).collect()
    }

    fn people(&self, role: &str) -> Vec<String> {
        texts(self.0.get("roles").and_then(|roles| roles.get(role)))
    }

    /// Why a claim is not so, and what is; none where it is.
    pub(crate) fn denies(&self, claim: &Claim<'_>) -> Option<String> {
        match claim {
            Claim::Pinned(pins) => {
                let names = ["flow", "version", "text", "policy", "tariff", "engine"];
                other(names, pins, &names.map(|name| text(&self.0, name)))
            }
            Claim::Began { place, call, settles } => self.denies_call(place, call, *settles),
            Claim::Granted { place, grants } => {
                let planned = self.call(place)?.get("grants").map(Value::to_string).unwrap_or_default();
                let planned =
                    format!("sha256:{}", crate::digest::hex(&crate::digest::of(&[planned.as_bytes()])));
                (planned != *grants)
                    .then(|| format!("ran with the grants {}, its plan grants {planned}", shown(grants)))
            }
            Claim::Condition { step, condition } => {
                let planned = self.steps().iter().find(|it| text(it, "id") == step)?;
                other(["condition"], std::slice::from_ref(condition), &[text(planned, "when")])
            }
            Claim::Judged { step, by, held } => self.denies_judgement(step, by, *held),
            Claim::Asked(asked) => self.denies_question(asked),
            Claim::Spoke { role, by } => {
                let people = self.people(role);
                (!people.iter().any(|person| is_person(person, by))).then(|| {
                    format!("is of {}, whom its plan does not let: {}", shown(by), people.join(", "))
                })
            }
            Claim::Overridden { step, rung, role } => {
                let planned = self.question(step, *rung).map_or("", |question| text(question, "override"));
                other(["the role that overrides"], std::slice::from_ref(role), &[planned])
            }
            Claim::OwnYes { by } => {
                let forbids = self.0.get("four_eyes").and_then(Value::as_bool) == Some(true);
                forbids.then(|| {
                    format!("is of {}, who began the run, and its plan wants somebody else's", shown(by))
                })
            }
            Claim::Passed { per, most } => {
                let budgets = self.0.get("flow_budgets").and_then(Value::as_array);
                let planned = budgets.into_iter().flatten().find(|it| text(it, "per") == per);
                other(
                    ["a budget of"],
                    std::slice::from_ref(most),
                    &[planned.map_or("", |planned| text(planned, "most"))],
                )
            }
            Claim::Went { steps, ended } => self.denies_way(steps, ended.as_deref()),
        }
    }

    fn denies_call(&self, place: &Place<'_>, call: &[Cow<'_, str>; 6], settles: bool) -> Option<String> {
        let Some(planned) = self.call(place) else {
            return Some(format!(
                "calls something on rung {} of {}, where its plan does not",
                place.rung,
                shown(&place.step)
            ));
        };
        let (skill, operation) = (planned.get("skill")?, planned.get("operation")?);
        let names = ["skill", "version", "bytes", "operation", "lane", "effects"];
        let planned = [
            text(skill, "name"),
            text(skill, "version"),
            text(skill, "component"),
            text(operation, "name"),
            text(planned, "lane"),
            text(planned, "effects"),
        ];
        let judged = self.work(&place.step)?.get("expect").is_some();
        other(names, call, &planned).or_else(|| {
            (settles == (judged || place.verdict)).then(|| {
                let (is, planned) =
                    if settles { ("settles", "does not") } else { ("does not settle", "does") };
                format!("says that its output {is} the step, by its plan it {planned}")
            })
        })
    }

    fn denies_judgement(&self, step: &str, by: &str, held: bool) -> Option<String> {
        let expect = self.work(step).and_then(|work| work.get("expect"));
        let Some(expect) = expect else { return Some("judges what its plan does not have judged".into()) };
        let planned =
            if text(expect, "kind") == "verdict" { text(expect, "holds") } else { text(expect, "that") };
        // Why it could not be evaluated stands behind it.
        let failed = by.strip_prefix(planned).is_some_and(|why| why.starts_with(": "));
        let no_verdict = text(expect, "kind") == "verdict" && by.starts_with("no verdict: ");
        let fits = by == planned || by == "(private)" || (!held && (failed || no_verdict));
        (!fits).then(|| format!("judges by {}, its plan by {}", shown(by), shown(planned)))
    }

    fn denies_question(&self, asked: &Asked) -> Option<String> {
        let spoken = |question: &Value, key: &str| question.get(key).and_then(Value::as_u64);
        let planned = match asked.reason.as_str() {
            "flow" | "ladder" => {
                let rung = if asked.reason == "flow" { 0 } else { asked.rung.max(1) };
                let Some(question) = self.question(&asked.step, rung) else {
                    return Some("asks where its plan does not ask".into());
                };
                let escalate = question.get("escalate");
                Asked {
                    role: text(question, "role").into(),
                    answer: self.answer(asked, question),
                    remind: spoken(question, "remind"),
                    escalate: escalate.and_then(|it| Some((spoken(it, "after")?, text(it, "to").to_owned()))),
                    expire: spoken(question, "expire"),
                    ..asked.clone()
                }
            }
            "doubt" => {
                Asked { role: DOUBTED.into(), remind: None, escalate: None, expire: None, ..asked.clone() }
            }
            _ => {
                let role = self.over(asked);
                let answer = r#"{"kind":"approval"}"#.into();
                Asked { role, answer, remind: None, escalate: None, expire: None, ..asked.clone() }
            }
        };
        let anybody = asked.reason == "doubt" && self.people(&planned.role).is_empty();
        let people = if anybody { vec!["user:*".to_owned()] } else { self.people(&planned.role) };
        let says = |it: &Asked, people: &[String]| {
            let instant =
                |after: Option<u64>| after.map(|after| format!("{after} ms later")).unwrap_or_default();
            let escalate = it.escalate.as_ref().map(|(after, to)| format!("{after} ms later to {to}"));
            [
                it.role.clone(),
                people.join(", "),
                it.answer.clone(),
                instant(it.remind),
                escalate.unwrap_or_default(),
                instant(it.expire),
            ]
        };
        let names = ["role", "people", "answer", "a reminder", "an escalation", "an expiry"];
        let due = says(&planned, &people);
        other(names, &says(asked, &asked.people), &due.each_ref().map(String::as_str))
    }

    /// What an answer looks like. Where no rung gave an output there is nothing to approve, and a value is asked for.
    fn answer(&self, asked: &Asked, question: &Value) -> String {
        let planned = question.get("answer").map(Value::to_string).unwrap_or_default();
        let place = Place { step: asked.step.as_str().into(), ..Place::default() };
        let result = self.call(&place).and_then(|call| call.get("operation")?.get("result"));
        let output = result
            .map(|result| if text(result, "kind") == "result" { result.get("ok") } else { Some(result) });
        let instead =
            output.flatten().map(|shape| serde_json::json!({ "kind": "shape", "shape": shape }).to_string());
        let may = asked.reason == "ladder" && planned == r#"{"kind":"approval"}"#;
        instead.filter(|instead| may && *instead == asked.answer).unwrap_or(planned)
    }

    /// Who may let a budget be passed.
    fn over(&self, asked: &Asked) -> String {
        let budget = match asked.reason.as_str() {
            "run-budget" => self.0.get("budget"),
            "step-budget" => {
                self.steps().iter().find(|it| text(it, "id") == asked.step).and_then(|it| it.get("budget"))
            }
            reason => {
                let budgets = self.0.get("flow_budgets").and_then(Value::as_array);
                let per = reason.strip_suffix("-budget").unwrap_or_default();
                budgets.into_iter().flatten().find(|it| text(it, "per") == per)
            }
        };
        budget.map_or("", |budget| text(budget, "over")).into()
    }

    fn denies_way(&self, steps: &[Walked<'_>], ended: Option<&str>) -> Option<String> {
        let planned = self.steps();
        for (place, walked) in steps.iter().enumerate() {
            let Some(step) = planned.get(place).filter(|it| text(it, "id") == walked.step) else {
                let next = planned.get(place).map_or("none", |it| text(it, "id"));
                return Some(format!(
                    "its run went on to {}, where its plan has {}",
                    shown(&walked.step),
                    shown(next)
                ));
            };
            let conditional = step.get("when").is_some();
            if walked.skipped && !conditional {
                return Some(format!("its run skipped {}, which its plan does not let", shown(&walked.step)));
            }
            if !walked.skipped && conditional != walked.chosen {
                let words = if conditional {
                    "without deciding its condition"
                } else {
                    "by a condition its plan does not have"
                };
                return Some(format!("its run went through {} {words}", shown(&walked.step)));
            }
            let rungs = step.get("work").and_then(|work| work.get("otherwise")).and_then(Value::as_array);
            if walked.rung > rungs.map_or(0, Vec::len) as u64 {
                return Some(format!(
                    "its run went to rung {} of {}, which its plan does not have",
                    walked.rung,
                    shown(&walked.step)
                ));
            }
        }
        match ended {
            Some("done") if steps.len() != planned.len() => {
                let next = planned.get(steps.len()).map_or("none", |it| text(it, "id"));
                Some(format!("its run says done, and its plan goes on to {}", shown(next)))
            }
            Some("over-budget") if !self.has_budget() => {
                Some("its run says over-budget, and its plan has no budget".into())
            }
            _ => None,
        }
    }

    fn has_budget(&self) -> bool {
        let bounds = |of: &Value| of.get("money").is_some() || of.get("work").is_some();
        let flow = self.0.get("flow_budgets").and_then(Value::as_array).is_some_and(|all| !all.is_empty());
        flow || std::iter::once(&self.0).chain(self.steps()).filter_map(|it| it.get("budget")).any(bounds)
    }
}

/// Whether a name in a plan is somebody's.
pub(crate) fn is_person(named: &str, by: &str) -> bool {
    named == by || (named == "user:*" && by.starts_with("user:"))
}
