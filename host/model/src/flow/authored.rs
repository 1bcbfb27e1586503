//! What the author of a flow wrote, read strictly, every part with its place.

use super::Spot;
use super::page::{self, Field, Kind, Node, Problems, Table, Written};
use crate::capability::Access;
use crate::id::{FlowName, LogicalName, Role, SkillName, StepId};
use crate::limits::WishedLimits;
use crate::mark::Mark;
use crate::money::Money;
use crate::plan::{Input, InputShape};
use crate::quantity::{Bytes, COUNT_MAX, Span};
use crate::source::{Diagnostics, Source};
use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::Range;
use std::str::FromStr;

/// Most bytes of a flow.
pub const TEXT_MAX: usize = 256 * 1024;

/// Most steps of a flow, and most rungs of a ladder.
const STEPS_MAX: usize = 200;
const RUNGS_MAX: usize = 10;

/// Most tries after a trap.
const RETRY_MAX: u64 = 10;

/// In a ceiling: as much of the thing as policy grants.
const ALL: &str = "all";

/// A flow as written.
#[derive(Debug)]
pub struct Authored {
    pub(super) name: FlowName,
    pub(super) version: String,
    pub(super) purpose: Option<String>,
    pub(super) outcome: Option<Outcome>,
    pub(super) owner: Option<String>,
    pub(super) runbook: Option<String>,
    pub(super) inputs: Vec<Input>,
    pub(super) files: Vec<(String, Written<String>)>,
    pub(super) require: Vec<Requirement>,
    pub(super) budget: Budget,
    pub(super) steps: Vec<Step>,
    pub(super) outputs: Vec<(String, Written<String>)>,
}

impl Authored {
    /// The flow's name.
    #[must_use]
    pub fn name(&self) -> &FlowName {
        &self.name
    }

    /// The bytes a place in the flow stands on; none for what stands nowhere.
    pub(super) fn place_of(&self, spot: &Spot) -> Option<Range<usize>> {
        let step = |id: &StepId| self.steps.iter().find(|step| step.id.value == *id);
        match spot {
            Spot::Flow => None,
            Spot::Money => self.budget.money.as_ref().map(|money| money.at.clone()),
            Spot::Work => self.budget.work.as_ref().map(|work| work.at.clone()),
            Spot::Over => self.budget.over.as_ref().map(|over| over.at.clone()),
            Spot::Step(id) => step(id).map(|step| step.id.at.clone()),
            Spot::When(id) => step(id).and_then(|step| Some(step.when.as_ref()?.at.clone())),
        }
    }

    /// The files beside the flow: the name expressions use and the path, relative to the flow's folder and never
    /// leaving it.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(name, path)| (name.as_str(), path.value.as_str()))
    }
}

#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) name: String,
    pub(super) when: Option<Written<String>>,
    pub(super) worth: Option<Money>,
    pub(super) by_hand: Option<Span>,
}

#[derive(Debug)]
pub(super) struct Requirement {
    pub(super) that: Written<String>,
    pub(super) otherwise: Written<String>,
}

#[derive(Debug)]
pub(super) struct Step {
    pub(super) id: Written<StepId>,
    pub(super) when: Option<Written<String>>,
    pub(super) budget: Budget,
    pub(super) marks: BTreeSet<Mark>,
    pub(super) work: Work,
}

/// Most money and most time of work, and who is asked when an attempt would pass them.
#[derive(Debug, Default)]
pub(super) struct Budget {
    pub(super) money: Option<Written<Money>>,
    pub(super) work: Option<Written<Span>>,
    pub(super) over: Option<Written<Role>>,
}

#[derive(Debug)]
pub(super) enum Work {
    Call(Box<CallWork>),
    Ask(Box<Question>),
}

#[derive(Debug)]
pub(super) struct CallWork {
    pub(super) call: Call,
    pub(super) expect: Option<Expectation>,
    pub(super) otherwise: Vec<Rung>,
    pub(super) retry: u32,
    pub(super) limits: WishedLimits,
    pub(super) grants: Option<Allowed>,
}

/// The ceiling of a step: things by the skill's own words, each with the most that may be done with it, none for all
/// that policy grants.
#[derive(Debug)]
pub(super) struct Allowed {
    pub(super) at: Range<usize>,
    pub(super) things: Vec<(Written<LogicalName>, Written<Option<Access>>)>,
}

#[derive(Debug)]
pub(super) struct Call {
    pub(super) used: Written<Used>,
    pub(super) with: Vec<(Written<String>, Node)>,
}

/// `name@version#operation`.
#[derive(Clone, Debug)]
pub(super) struct Used {
    pub(super) name: SkillName,
    pub(super) version: Option<semver::VersionReq>,
    pub(super) operation: String,
}

#[derive(Debug)]
pub(super) enum Expectation {
    Holds(Written<String>),
    Verdict { call: Call, holds: Written<String> },
}

#[derive(Debug)]
pub(super) enum Rung {
    Again { at: Written<()>, with: Vec<(Written<String>, Node)> },
    Use(Call),
    Ask(Box<Question>),
}

#[derive(Debug)]
pub(super) struct Question {
    pub(super) role: Written<Role>,
    pub(super) text: Written<String>,
    pub(super) show: Vec<(String, Written<String>)>,
    pub(super) answer: Option<Written<Answer>>,
    pub(super) remind: Option<Written<Span>>,
    pub(super) escalate: Option<(Written<Span>, Written<Role>)>,
    pub(super) expire: Option<Written<Span>>,
    pub(super) override_by: Option<Written<Role>>,
}

#[derive(Debug)]
pub(super) enum Answer {
    Approval,
    Input(InputShape),
    Choice(Vec<String>),
    /// Any other word: meant as the id of the step.
    Named(String),
}

/// Reads a flow.
///
/// # Errors
/// Everything wrong with its form: unknown and duplicate keys, wrong kinds of values, bad names, amounts of money and
/// spans of time; each with its place.
pub fn read(source: Source<'_>) -> Result<Authored, Diagnostics> {
    let problems = Problems::new(source);
    let node = page::parse(&problems, TEXT_MAX);
    let authored = node.as_ref().and_then(|node| flow(&page::whole(&problems, node)?));
    problems.finish(authored)
}

fn flow(table: &Table<'_, '_>) -> Option<Authored> {
    let name = table.required("flow").and_then(|field| field.parsed());
    let version = table.required("version").and_then(|field| field.text());
    let purpose = text(table, "purpose");
    let outcome = table.get("outcome").and_then(outcome);
    let owner = text(table, "owner");
    let runbook = text(table, "runbook");
    let inputs = table.get("inputs").map(inputs).unwrap_or_default();
    let files = table.get("files").map(files).unwrap_or_default();
    let require = table.get("require").map(|field| each(field, requirement)).unwrap_or_default();
    let budget = table.get("budget").and_then(budget).unwrap_or_default();
    let steps = table.required("steps").map(steps).unwrap_or_default();
    let outputs = table.get("outputs").map(|field| named_expressions(field, "an output")).unwrap_or_default();
    table.close();
    Some(Authored {
        name: name?.value,
        version: version?.value,
        purpose,
        outcome,
        owner,
        runbook,
        inputs,
        files,
        require,
        budget,
        steps,
        outputs,
    })
}

fn text(table: &Table<'_, '_>, key: &'static str) -> Option<String> {
    Some(table.get(key)?.text()?.value)
}

/// Reads every item of a list, so that one that is wrong does not hide the next.
fn each<'p, 't, T>(field: Field<'p, 't>, read: impl Fn(Field<'p, 't>) -> Option<T>) -> Vec<T> {
    field.items().unwrap_or_default().into_iter().filter_map(read).collect()
}

fn outcome(field: Field<'_, '_>) -> Option<Outcome> {
    let table = field.table("an outcome")?;
    let name = table.required("name").and_then(|field| field.text());
    let when = table.get("when").and_then(|field| field.text());
    let worth = table.get("worth").and_then(|field| field.parsed()).map(|worth| worth.value);
    let by_hand = table.get("by-hand").and_then(|field| field.span()).map(|span| span.value);
    table.close();
    Some(Outcome { name: name?.value, when, worth, by_hand })
}

fn inputs(field: Field<'_, '_>) -> Vec<Input> {
    let Some(table) = field.table("inputs") else { return Vec::new() };
    table.fields().filter_map(input).collect()
}

fn input(field: Field<'_, '_>) -> Option<Input> {
    let name = key_name(field, "an input")?;
    if matches!(field.node.kind, Kind::Text(_)) {
        return Some(Input { name, shape: input_shape(field)?, default: None, marks: BTreeSet::new() });
    }
    let table = field.table(format!("input `{name}`"))?;
    let shape = table.required("type").and_then(input_shape);
    let default = table.get("default");
    let marks = marks(&table);
    table.close();
    let shape = shape?;
    if let Some(default) = default
        && !shape.fits(&default.node.json())
    {
        default.tell(format!("input `{name}` is {}, not {}", shape.word(), default.node.describe()));
    }
    let default = default.map(|default| default.node.json());
    Some(Input { name, shape, default, marks })
}

fn marks(table: &Table<'_, '_>) -> BTreeSet<Mark> {
    table.get("marks").map(|field| each(field, mark)).unwrap_or_default().into_iter().collect()
}

/// What a reviewer must know of data; nothing goes out by it.
fn mark(field: Field<'_, '_>) -> Option<Mark> {
    let word = field.text()?;
    let mark = Mark::OF_DATA.into_iter().find(|mark| mark.word() == word.value);
    if mark.is_none() {
        let known = Mark::OF_DATA.into_iter().map(Mark::word);
        let message = format!("`{}` is no mark of data", word.value);
        field.problems.tell_unknown(&word.at, message, &word.value, known);
    }
    mark
}

fn input_shape(field: Field<'_, '_>) -> Option<InputShape> {
    let word = field.text()?;
    let shape = InputShape::ALL.into_iter().find(|shape| shape.word() == word.value);
    if shape.is_none() {
        let known = InputShape::ALL.into_iter().map(InputShape::word);
        let message = format!("`{}` is no type of an input", word.value);
        field.problems.tell_unknown(&word.at, message, &word.value, known);
    }
    shape
}

/// A key that expressions use as a name.
fn key_name(field: Field<'_, '_>, what: &str) -> Option<String> {
    let name = field.key.value.parse::<StepId>();
    if name.is_err() {
        let message = format!("`{}` is no name for {what}: expected `[a-z][a-z0-9_]*`", field.key.value);
        field.problems.tell(&field.key.at, message);
    }
    name.ok().map(String::from)
}

fn files(field: Field<'_, '_>) -> Vec<(String, Written<String>)> {
    let Some(table) = field.table("files") else { return Vec::new() };
    table.fields().filter_map(|field| Some((key_name(field, "a file")?, path(field)?))).collect()
}

/// A flow reads beside itself: its folder is what is handed on, reviewed and pinned with it.
fn path(field: Field<'_, '_>) -> Option<Written<String>> {
    let path = field.text()?;
    let leaves = path.value.split(['/', '\\']).any(|part| part == "..");
    let absolute = path.value.starts_with(['/', '\\', '~']) || path.value.contains(':');
    if leaves || absolute {
        field
            .tell_with(format!("`{}` leaves the flow's folder", path.value), "copy the file beside the flow");
        return None;
    }
    Some(path)
}

fn requirement(field: Field<'_, '_>) -> Option<Requirement> {
    let table = field.item_table("a requirement")?;
    let that = table.required("that").and_then(|field| field.expression());
    let otherwise = table.required("else").and_then(|field| field.text());
    table.close();
    Some(Requirement { that: that?, otherwise: otherwise? })
}

fn budget(field: Field<'_, '_>) -> Option<Budget> {
    let table = field.table("a budget")?;
    let (money, work) = (table.get("money"), table.get("work"));
    let over = table.get("over");
    if let (Some(over), None, None) = (&over, &money, &work) {
        over.problems.tell(&over.key.at, "`over` says what happens past a bound, and here is none");
    }
    let money = money.and_then(|field| field.parsed());
    let work = work.and_then(|field| field.span());
    let over = over.and_then(asks);
    table.close();
    Some(Budget { money, work, over })
}

/// `ask ROLE`.
fn asks(field: Field<'_, '_>) -> Option<Written<Role>> {
    let text = field.text()?;
    let role = text.value.strip_prefix("ask ").map(|role| role.trim().parse());
    match role {
        Some(Ok(value)) => Some(Written { value, at: text.at }),
        Some(Err(cause)) => {
            field.tell(format!("{cause}"));
            None
        }
        None => {
            field.tell_with(
                format!("`{}` is nothing that can be done past a budget", text.value),
                "`ask ROLE`",
            );
            None
        }
    }
}

fn named_expressions(field: Field<'_, '_>, what: &str) -> Vec<(String, Written<String>)> {
    let Some(table) = field.table(what) else { return Vec::new() };
    table.fields().filter_map(|field| Some((field.key.value.clone(), field.expression()?))).collect()
}

fn steps(field: Field<'_, '_>) -> Vec<Step> {
    let items = field.items().unwrap_or_default();
    match items.len() {
        0 if matches!(field.node.kind, Kind::List(_)) => field.tell("a flow has at least one step"),
        0..=STEPS_MAX => {}
        many => field.tell(format!("a flow has at most {STEPS_MAX} steps, this has {many}")),
    }
    items.into_iter().take(STEPS_MAX).filter_map(step).collect()
}

fn step(field: Field<'_, '_>) -> Option<Step> {
    let table = field.item_table("a step")?;
    let id = table.required("id").and_then(|field| field.parsed());
    let when = table.get("when").and_then(|field| field.expression());
    let (used, asked) = (table.get("use"), table.get("ask"));
    let budget = used.and(table.get("budget")).and_then(budget).unwrap_or_default();
    let marks = marks(&table);
    let work = match (used, asked) {
        (Some(used), None) => call_work(&table, used).map(|work| Work::Call(Box::new(work))),
        (None, Some(asked)) => question(&table, asked).map(|question| Work::Ask(Box::new(question))),
        (Some(_), Some(asked)) => {
            let hint = "make two steps of it, or put the question under `otherwise`";
            asked.problems.tell_with(&asked.key.at, "a step uses a skill or asks a person, not both", hint);
            return None;
        }
        (None, None) => {
            table.tell_with("a step has no `use` and no `ask`", "`use: skill#operation` or `ask: role`");
            return None;
        }
    };
    table.close();
    Some(Step { id: id?, when, budget, marks, work: work? })
}

fn call_work(table: &Table<'_, '_>, used: Field<'_, '_>) -> Option<CallWork> {
    let call = call(table, used);
    let expect = table.get("expect").and_then(expectation);
    let otherwise = table.get("otherwise");
    if let Some(field) = &otherwise
        && field.items()?.len() > RUNGS_MAX
    {
        field.problems.tell(&field.key.at, format!("a ladder has at most {RUNGS_MAX} rungs"));
    }
    let otherwise = otherwise.map(|field| each(field, rung)).unwrap_or_default();
    let retry = table.get("retry").and_then(retry).unwrap_or_default();
    let limits = table.get("limits").and_then(limits).unwrap_or_default();
    let grants = table.get("grants").and_then(allowed);
    Some(CallWork { call: call?, expect, otherwise, retry, limits, grants })
}

fn call(table: &Table<'_, '_>, used: Field<'_, '_>) -> Option<Call> {
    let with = table.get("with").map(arguments).unwrap_or_default();
    Some(Call { used: used_skill(used)?, with })
}

fn arguments(field: Field<'_, '_>) -> Vec<(Written<String>, Node)> {
    let Some(table) = field.table("`with`") else { return Vec::new() };
    table.fields().map(|field| (field.key.clone(), field.node.clone())).collect()
}

fn used_skill(field: Field<'_, '_>) -> Option<Written<Used>> {
    let text = field.text()?;
    let Some((skill, operation)) = text.value.split_once('#') else {
        field.tell_with(
            format!("`{}` names no operation", text.value),
            format!("write `{}#operation`; `kapell inspect` lists them", text.value),
        );
        return None;
    };
    let (name, version) = match skill.split_once('@') {
        Some((name, version)) => (name, Some(version)),
        None => (skill, None),
    };
    let told = |error: &dyn Display| field.tell(error.to_string());
    let name = name.parse().map_err(|error| told(&error)).ok();
    let version = match version.map(semver::VersionReq::from_str) {
        Some(Err(error)) => {
            field.tell_with(
                format!("`{skill}` has no version requirement: {error}"),
                "such as `@1.2` or `@=1.2.3`",
            );
            return None;
        }
        Some(Ok(version)) => Some(version),
        None => None,
    };
    let value = Used { name: name?, version, operation: operation.into() };
    Some(Written { value, at: text.at })
}

fn expectation(field: Field<'_, '_>) -> Option<Expectation> {
    if !matches!(field.node.kind, Kind::Object(_)) {
        return field.expression().map(Expectation::Holds);
    }
    let table = field.table("an expectation")?;
    let call = table.required("use").and_then(|used| call(&table, used));
    let holds = table.required("holds").and_then(|field| field.expression());
    table.close();
    Some(Expectation::Verdict { call: call?, holds: holds? })
}

fn rung(field: Field<'_, '_>) -> Option<Rung> {
    let table = field.item_table("a rung")?;
    let (again, used, asked) = (table.get("again"), table.get("use"), table.get("ask"));
    let rung = match (again, used, asked) {
        (Some(again), None, None) => {
            Some(Rung::Again { at: Written { value: (), at: again.key.at.clone() }, with: arguments(again) })
        }
        (None, Some(used), None) => call(&table, used).map(Rung::Use),
        (None, None, Some(asked)) => question(&table, asked).map(|question| Rung::Ask(Box::new(question))),
        _ => {
            table.tell_with("a rung is one of `again`, `use`, `ask`", "one item of the list a rung");
            return None;
        }
    };
    table.close();
    rung
}

fn retry(field: Field<'_, '_>) -> Option<u32> {
    match field.count()? {
        many if many > RETRY_MAX => {
            field.tell(format!("`retry` is {RETRY_MAX} at most"));
            None
        }
        count => u32::try_from(count).ok(),
    }
}

fn limits(field: Field<'_, '_>) -> Option<WishedLimits> {
    let table = field.table("limits")?;
    let count = |key| table.get(key).and_then(|field| above_zero(field, field.count()?));
    let bytes = |key| {
        let field = table.get(key)?;
        let bytes: Bytes = field.parsed()?.value;
        above_zero(field, bytes.0).map(Bytes)
    };
    let limits = WishedLimits {
        fuel: count("fuel"),
        memory: bytes("memory"),
        deadline: table.get("deadline").and_then(|field| field.span()).map(|span| span.value),
        output: bytes("output"),
        handles: count("handles").map(|count| u32::try_from(count).unwrap_or(u32::MAX)),
        host_calls: count("host-calls"),
        talk: bytes("talk"),
    };
    table.close();
    Some(limits)
}

/// A list of things, or things with the most that may be done with each.
fn allowed(field: Field<'_, '_>) -> Option<Allowed> {
    let at = field.key.at.clone();
    let things = match &field.node.kind {
        Kind::List(_) => each(field, |item| {
            let name = item.parsed::<LogicalName>()?;
            Some((name.clone(), Written { value: None, at: name.at }))
        }),
        _ => field.table("`grants`")?.fields().filter_map(allowed_thing).collect(),
    };
    for (index, (name, _)) in things.iter().enumerate() {
        if things.iter().take(index).any(|(other, _)| other.value == name.value) {
            field.problems.tell(&name.at, format!("`{}` stands here twice", name.value));
        }
    }
    Some(Allowed { at, things })
}

fn allowed_thing(field: Field<'_, '_>) -> Option<(Written<LogicalName>, Written<Option<Access>>)> {
    let name = field.key.value.parse::<LogicalName>();
    let name = name.map_err(|error| field.problems.tell(&field.key.at, error.to_string())).ok();
    let text = field.text()?;
    let access = Access::words().into_iter().find(|(word, _)| *word == text.value);
    if access.is_none() && text.value != ALL {
        let known = Access::words().into_iter().map(|(word, _)| word).chain([ALL]);
        let message = format!("`{}` is nothing that may be done", text.value);
        field.problems.tell_unknown(&text.at, message, &text.value, known);
        return None;
    }
    let most = Written { value: access.map(|(_, access)| access), at: text.at };
    Some((Written { value: name?, at: field.key.at.clone() }, most))
}

fn above_zero(field: Field<'_, '_>, count: u64) -> Option<u64> {
    match count {
        0 => field.tell(format!("with `{}` at 0 nothing can run", field.key.value)),
        1..=COUNT_MAX => return Some(count),
        _ => field.tell(format!("`{}` is {COUNT_MAX} at most", field.key.value)),
    }
    None
}

fn question(table: &Table<'_, '_>, asked: Field<'_, '_>) -> Option<Question> {
    let role = asked.parsed();
    let text = table.required("question").and_then(|field| field.text());
    let show = table.get("show").map(|field| named_expressions(field, "`show`")).unwrap_or_default();
    let answer = table.get("answer").and_then(answer);
    let remind = table.get("remind").and_then(|field| field.span());
    let escalate = table.get("escalate").and_then(escalate);
    let expire = table.get("expire").and_then(|field| field.span());
    let override_by = table.get("override").and_then(|field| field.parsed());
    Some(Question { role: role?, text: text?, show, answer, remind, escalate, expire, override_by })
}

fn escalate(field: Field<'_, '_>) -> Option<(Written<Span>, Written<Role>)> {
    let table = field.table("`escalate`")?;
    let after = table.required("after").and_then(|field| field.span());
    let to = table.required("to").and_then(|field| field.parsed());
    table.close();
    Some((after?, to?))
}

fn answer(field: Field<'_, '_>) -> Option<Written<Answer>> {
    let at = field.node.at.clone();
    if matches!(field.node.kind, Kind::List(_)) {
        let choices: Vec<String> = each(field, |field| Some(field.text()?.value));
        if choices.len() < 2
            || (1..choices.len()).any(|end| choices.iter().take(end).any(|one| Some(one) == choices.get(end)))
        {
            field.tell("a choice has at least two words, each once");
            return None;
        }
        return Some(Written { value: Answer::Choice(choices), at });
    }
    let word = field.text()?.value;
    let shape = InputShape::ALL.into_iter().find(|shape| shape.word() == word);
    let value = match shape {
        Some(shape) => Answer::Input(shape),
        None if word == "approval" => Answer::Approval,
        None => Answer::Named(word),
    };
    Some(Written { value, at })
}
