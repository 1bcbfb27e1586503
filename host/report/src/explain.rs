//! A run told to somebody who was not there: who asked, what for, on what grounds each decision was taken, who held
//! responsibility when, what it cost, and what happens when it goes wrong.
//!
//! One fold over the entries and the plan they rest on makes an [`Account`]: plain data, sentence by sentence, each with
//! the values it rests on. Text and page only set it. Nothing is decided anew: what the journal does not say is said to
//! be unknown.

mod cost;
mod event;
pub(crate) mod failing;
mod holding;
mod page;
pub(crate) mod pinned;
mod standing;
pub(crate) mod step;
mod text;
mod timeline;

pub use cost::Spent;
pub use event::Event;
pub use holding::Holder;
pub use page::html;
pub(crate) use pinned::UNCAPPED;
pub use step::{Bar, StepAccount, Worked};
pub use text::text;

use crate::log::Values;
use crate::plain::line;
use crate::tally::TallyError;
use event::Teller;
use kapell_journal::entry::{BlobRef, Body, Entry, OutcomeJudged, RunStarted};
use kapell_journal::fold::RunState;
use kapell_journal::private::{WORDS, names};
use kapell_model::id::{FlowName, RunId, StepId};
use kapell_model::money::Tariff;
use kapell_model::period::Day;
use kapell_model::plan::{Outcome, Plan};
use kapell_model::quantity::{Span, Timestamp};
use serde::{Serialize, Serializer};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// What an account is made from.
pub struct Record<'a> {
    /// The run.
    pub run: &'a RunId,
    /// Its entries, from the first.
    pub entries: &'a [Entry],
    /// The plan it is pinned to.
    pub plan: &'a Plan,
    /// The tariff that prices it.
    pub tariff: &'a Tariff,
    /// The folder that directories are told from.
    pub folder: &'a Path,
    /// Why it does not go on although it is not over: its flow was taken back.
    pub held: Option<String>,
    /// What holds of the entries themselves.
    pub checked: Vouched,
    /// The values entries name.
    pub values: &'a Values<'a>,
}

/// What holds of the entries that an account is made from, and what does not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Vouched {
    /// What was looked at and holds.
    pub holds: Vec<String>,
    /// What does not: the account may tell what somebody made up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub broken: Vec<String>,
    /// What can't be known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
}

/// Everything there is to say of a run, or of one step of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Account {
    /// The form of this object; `kapell.explain/1`.
    pub schema: &'static str,
    /// The run.
    pub run: RunId,
    /// The one step it tells of; none when it tells of all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<StepId>,
    /// The word for where it stands.
    pub state: &'static str,
    /// How it stands, in sentences.
    pub standing: Vec<String>,
    /// Whether what it is made from holds.
    pub checked: Vouched,
    /// Who asked for it and what with.
    pub asked: Asked,
    /// When the last entry was written: its end, once it is over.
    #[serde(serialize_with = "told_at")]
    pub until: Timestamp,
    /// Whether it is over.
    pub over: bool,
    /// How long it has waited for people.
    pub waited: Span,
    /// What it came to, once it is done.
    pub outputs: Option<Value>,
    /// Whether it came to its outcome, where its flow says when that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub judged: Option<OutcomeJudged>,
    /// The flow as pinned.
    pub flow: FlowTold,
    /// What happened to the run as a whole.
    pub events: Vec<Event>,
    /// The steps in order.
    pub steps: Vec<StepAccount>,
    /// Who held responsibility, in the order they took it.
    pub holders: Vec<Holder>,
    /// What it cost.
    pub cost: Spent,
    /// What the record can't tell.
    pub unknown: Vec<String>,
}

/// Who asked for a run, when and what with.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Asked {
    /// Who, `user:NAME`.
    pub by: String,
    /// When.
    #[serde(serialize_with = "told_at")]
    pub at: Timestamp,
    /// What it was given; none when that is not kept.
    pub inputs: Option<Value>,
}

/// The flow of a run, as its plan pins it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FlowTold {
    /// Its name.
    pub name: FlowName,
    /// Its version, in its owner's counting.
    pub version: String,
    /// What it is for.
    pub purpose: Option<String>,
    /// The business result, as its owner declares it.
    pub outcome: Option<Outcome>,
    /// Who is accountable.
    pub owner: Option<String>,
    /// Where people read on when a run stops as escalated.
    pub runbook: Option<String>,
    /// What holds for every step: preconditions, budget, four eyes.
    pub rules: Vec<String>,
    /// What happens to a run as a whole when it goes wrong.
    pub failing: Vec<String>,
    /// What exactly a run is pinned to: plan, texts, policy, tariff, engine.
    pub pinned: BTreeMap<String, String>,
}

impl Account {
    /// The account of a run, or of one step of it. A step that is not in the plan leaves nothing to tell.
    ///
    /// # Errors
    /// When entries contradict each other or amounts do not add up.
    pub fn of(record: &Record<'_>, about: Option<&StepId>) -> Result<Self, TallyError> {
        let state = RunState::fold(record.run, record.entries)?;
        let teller = Teller::new(record, &state);
        let mut steps = step::steps(record, &state, &teller);
        let mut holders = holding::holders(record, &state);
        if let Some(about) = about {
            steps.retain(|it| it.id == *about);
            holders.retain(|it| it.step.as_ref() == Some(about));
        }
        let asked =
            Asked { by: state.started.by.clone(), at: state.started_at, inputs: inputs(&state, &teller) };
        Ok(Self {
            schema: "kapell.explain/1",
            run: record.run.clone(),
            about: about.cloned(),
            state: state.word(),
            standing: standing::told(record, &state),
            checked: record.checked.clone(),
            asked,
            until: state.changed_at,
            over: state.ended.is_some(),
            waited: step::waited(&steps, state.changed_at),
            judged: state.ended.as_ref().and_then(|it| it.outcome.clone()),
            outputs: state.ended.as_ref().and_then(|it| teller.value(it.outputs.as_ref()?).ok()),
            flow: FlowTold::of(record.plan, &state.started),
            events: events(record, &teller),
            cost: cost::spent(record, &state, about)?,
            unknown: unknown(record, &state, &teller),
            steps,
            holders,
        })
    }
}

impl FlowTold {
    fn of(plan: &Plan, started: &RunStarted) -> Self {
        let digests = [
            ("plan", started.plan.digest()),
            ("flow text", &started.text),
            ("policy", &started.policy),
            ("tariff", &started.tariff),
        ];
        let files = plan.files.iter().map(|(name, digest)| (format!("file {name}"), digest.to_string()));
        let digests = digests.into_iter().map(|(name, digest)| (name.to_owned(), digest.to_string()));
        let engine = std::iter::once(("engine".to_owned(), line(&started.engine)));
        Self {
            name: plan.flow.clone(),
            version: plan.version.clone(),
            purpose: plan.purpose.clone(),
            outcome: plan.outcome.clone(),
            owner: plan.owner.clone(),
            runbook: plan.runbook.clone(),
            rules: pinned::rules(plan),
            failing: failing::of_run(plan),
            pinned: digests.chain(engine).chain(files).collect(),
        }
    }
}

/// What a run was given, the private ones among the others by name: with what they were where that is told, else with the
/// word that stands for it. One that is gone is none.
fn inputs(state: &RunState, teller: &Teller<'_>) -> Option<Value> {
    let mut inputs = teller.value(&state.started.inputs).ok()?;
    if let Value::Object(fields) = &mut inputs {
        let private = &state.started.private;
        fields.extend(
            private
                .iter()
                .map(|(name, it)| (name.clone(), teller.value(it).unwrap_or_else(|_| WORDS.into()))),
        );
    }
    Some(inputs)
}

/// Entries of no step.
fn events(record: &Record<'_>, teller: &Teller<'_>) -> Vec<Event> {
    let told = record.entries.iter().filter(|entry| entry.body.step().is_none());
    told.map(|entry| teller.event(entry)).collect()
}

/// What a reader may miss, said before they look for it.
fn unknown(record: &Record<'_>, state: &RunState, teller: &Teller<'_>) -> Vec<String> {
    let mut unknown = Vec::new();
    if record.plan.owner.is_none() {
        unknown.push("who is accountable for the flow: it names no owner".into());
    }
    let unowned: Vec<String> = pinned::unowned(record.plan).map(|skill| line(&skill)).collect();
    if !unowned.is_empty() {
        unknown.push(format!("who is accountable for {}: no owner is named", unowned.join(", ")));
    }
    let is_estimated = |entry: &Entry| match &entry.body {
        Body::QuestionAnswered(it) => it.minutes.is_none(),
        Body::QuestionOverridden(it) => it.minutes.is_none(),
        _ => false,
    };
    if record.entries.iter().any(is_estimated) {
        unknown.push("how long people took who did not say so: their time is priced by the tariff".into());
    }
    if record.tariff.example {
        unknown.push("what it really cost: the tariff's prices are examples".into());
    }
    if state.ended.is_none() {
        unknown.push("how it ends: it is not over".into());
    }
    if let Some((at, dropped)) = &state.dropped {
        unknown.push(format!(
            "what its values were: they are not kept since {}, by policy, which keeps contents for {}",
            Day::of(*at),
            dropped.kept
        ));
    }
    unknown.extend(record.checked.unknown.iter().cloned());
    unknown.extend(private(record, state));
    match teller.missing() {
        0 => {}
        1 => unknown.push("1 value that an entry names: it is not kept".into()),
        many => unknown.push(format!("{many} values that entries name: they are not kept")),
    }
    unknown
}

/// That something is private, and whether it is kept.
fn private(record: &Record<'_>, state: &RunState) -> Option<String> {
    if let Some((at, erased)) = &state.erased {
        let (by, why) = (line(&erased.by), line(&erased.reason));
        let many = erased.commitments.len();
        let values = if many == 1 { "1 content".to_owned() } else { format!("{many} contents") };
        return Some(format!(
            "what was private: {by} had {values} erased on {} UTC, because {why}",
            crate::log::instant(*at)
        ));
    }
    let is_told = |named: &BlobRef| (record.values)(named).is_none_or(|it| it != WORDS);
    let mut hidden = state.started.private.values().any(|named| !is_told(named));
    for entry in record.entries {
        names(&mut entry.body.clone(), |named| {
            hidden |= matches!(named, BlobRef::Commitment(_)) && !is_told(named);
        });
        hidden |= entry.private.as_ref().is_some_and(|named| !is_told(named));
    }
    hidden.then(|| {
        "what is private: the record binds it, and only `--private` tells it, as far as it is kept".into()
    })
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields over by reference")]
pub(crate) fn told_at<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

#[allow(clippy::ref_option, reason = "serde hands fields over by reference")]
pub(crate) fn told_at_last<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => serializer.collect_str(at),
        None => serializer.serialize_none(),
    }
}
