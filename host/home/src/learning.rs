//! What answers teach: precedents of a question, and what a flow could learn from how it was answered. Reads everything,
//! writes nothing.

use crate::error::{HomeError, Kind};
use crate::flows::CheckedFlow;
use crate::home::{Home, TEXT_MAX, read_text, shown};
use kapell_journal::entry::Body;
use kapell_journal::seam::RunRow;
use kapell_model::digest::Digest;
use kapell_model::flow::{self, Asked, Authored, CASES_ENDING, FlowCase, FlowChange, Taken, read_flow_cases};
use kapell_model::id::{FlowName, RunId};
use kapell_model::quantity::Timestamp;
use kapell_model::source::Source;
use kapell_report::answered::{Asking, Part, Precedent, askings, precedents};
use kapell_report::learn::{Follows, Learner, Lesson, diff};
use std::collections::hash_map::{self, HashMap};
use std::path::{Path, PathBuf};

/// How many of a flow's last runs are looked at for precedents: whoever is asked does not wait for a whole journal.
const PRECEDENT_RUNS: usize = 1_000;

/// What a flow could learn.
pub struct Learned {
    /// The flow.
    pub flow: FlowName,
    /// What was learned about each question, in the order of the flow.
    pub lessons: Vec<Lesson>,
    /// What is proposed, as one difference of files; none when nothing is.
    pub diff: Option<String>,
    /// What the proposed flow does otherwise, with whether it widens.
    pub changes: Vec<FlowChange>,
    /// Whether what widens waits for approval here: in a locked home.
    pub waits: bool,
}

/// A case of a flow, and how it stands.
pub struct TriedCase {
    /// The case.
    pub case: FlowCase,
    /// What the flow does instead, when it does not do what is expected.
    pub differs: Option<String>,
}

impl Home {
    /// How the question that a run asks was answered before: in the last runs of its flow, and in this one.
    ///
    /// # Errors
    /// When the journal can't be read or is damaged.
    pub fn precedents(&self, run: &RunId) -> Result<Vec<Precedent>, HomeError> {
        let mut taken = HashMap::new();
        let own = self.askings(run, &mut taken)?;
        let Some(open) = own.iter().rfind(|asking| asking.said.is_none()) else { return Ok(Vec::new()) };
        let flow = self.standing(run)?.state.started.flow;
        let (mut past, rows) = (own.clone(), self.runs()?);
        for row in rows.iter().filter(|row| row.flow == flow && row.run != *run).take(PRECEDENT_RUNS) {
            let asked = self.askings(&row.run, &mut taken)?.into_iter();
            past.extend(asked.filter(|asking| asking.is_same_as(open)));
        }
        let mut precedents = precedents(open, past.into_iter());
        for precedent in &mut precedents {
            let named = precedent.named.as_ref();
            precedent.value = named.and_then(|named| self.value(&precedent.run, named));
        }
        Ok(precedents)
    }

    /// What a flow could learn from how its questions were answered: after so many equal answers a change of it, or
    /// cases to test it by. Nothing is written.
    ///
    /// # Errors
    /// As [`Home::check_flow`]; when the journal can't be read, or the cases beside the flow.
    pub fn learn(&self, path: &Path, after: u64, since: Option<Timestamp>) -> Result<Learned, HomeError> {
        let flow = self.check_flow(path)?;
        let mut learner = Learner::new(flow.authored.asked(), after);
        self.past_askings(&flow.plan.flow, since, |asking| learner.take(&asking))?;
        let mut lessons = learner.finish();
        let (changed, changes) = self.changed(&flow, path, &mut lessons)?;
        let changed = diff(&named(path), Some(&flow.text), &changed);
        let cases = cases_diff(path, &mut lessons)?;
        let diff = [changed, cases].into_iter().flatten().collect::<String>();
        let diff = Some(diff).filter(|diff| !diff.is_empty());
        Ok(Learned { flow: flow.plan.flow, lessons, diff, changes, waits: self.is_locked()? })
    }

    /// Hands over the questions of a flow's runs, oldest run first.
    fn past_askings(
        &self,
        flow: &FlowName,
        since: Option<Timestamp>,
        mut take: impl FnMut(Asking),
    ) -> Result<(), HomeError> {
        let is = |row: &&RunRow| row.flow == *flow && since.is_none_or(|since| row.started >= since);
        let mut taken = HashMap::new();
        for row in self.runs()?.iter().rev().filter(is) {
            self.askings(&row.run, &mut taken)?.into_iter().for_each(&mut take);
        }
        Ok(())
    }

    /// The questions of a run. What its plan takes of answers is read once, however many runs share the plan.
    fn askings(&self, run: &RunId, taken: &mut HashMap<Digest, Taken>) -> Result<Vec<Asking>, HomeError> {
        let entries = self.entries(run)?;
        let Some(Body::RunStarted(started)) = entries.first().map(|entry| &entry.body) else {
            return Ok(Vec::new());
        };
        let plan = *started.plan.digest();
        let taken = match taken.entry(plan) {
            hash_map::Entry::Occupied(known) => known.into_mut(),
            hash_map::Entry::Vacant(place) => place.insert(self.declared(run, &plan)?.taken),
        };
        Ok(askings(&entries, &|step, named| Part::of(taken, step, named, |it| self.value(run, it))))
    }

    /// The flow's text with every condition that is proposed, and what that changes. A condition that can't be put into
    /// the text so that the whole still checks is proposed no more.
    fn changed(
        &self,
        flow: &CheckedFlow,
        path: &Path,
        lessons: &mut [Lesson],
    ) -> Result<(String, Vec<FlowChange>), HomeError> {
        let catalog = self.offered()?;
        let check = |text: &str| self.check_text(&shown(path), text, &catalog, path.parent()).ok();
        let (mut text, mut changes) = (flow.text.clone(), Vec::new());
        for lesson in lessons.iter_mut() {
            let Follows::Condition(condition) = &lesson.follows else { continue };
            let put = put_in(&text, &lesson.asked, condition, &check);
            match put {
                Some((with, checked)) => {
                    changes = flow::changes(&self.meaning(flow), &self.meaning(&checked));
                    text = with;
                }
                None => {
                    lesson.follows =
                        Follows::Nothing("the change can't be put into the text as it is written")
                }
            }
        }
        Ok((text, changes))
    }
}

/// The text with one condition in the place of another, in the first way of writing it that reads back as just that.
fn put_in(
    text: &str,
    asked: &Asked,
    condition: &str,
    check: &dyn Fn(&str) -> Option<CheckedFlow>,
) -> Option<(String, CheckedFlow)> {
    let now = flow::read(Source { file: "", text }).ok()?;
    let same = |it: &Asked| (&it.step, it.rung) == (&asked.step, asked.rung);
    let at = now.asked().into_iter().find(same)?.opens?.at;
    let (before, after) = (text.get(..at.start)?, text.get(at.end..)?);
    let ways = flow::written(condition).into_iter();
    ways.map(|written| format!("{before}{written}{after}")).find_map(|text| {
        let checked = check(&text)?;
        reads_back(&now, &checked.authored, asked, condition).then_some((text, checked))
    })
}

/// Whether only that condition is another.
fn reads_back(before: &Authored, after: &Authored, asked: &Asked, condition: &str) -> bool {
    let conditions = |flow: &Authored| {
        let asked = flow.asked().into_iter();
        asked
            .map(|it| (it.step, it.rung, it.role, it.opens.map(|opens| (opens.condition, opens.by))))
            .collect::<Vec<_>>()
    };
    let mut expected = conditions(before);
    let old = asked.opens.as_ref().map(|opens| opens.condition.clone());
    for (step, _, _, opens) in &mut expected {
        if let Some((text, _)) =
            opens.as_mut().filter(|(text, _)| *step == asked.step && Some(text) == old.as_ref())
        {
            *text = condition.into();
        }
    }
    conditions(after) == expected
}

/// The difference of the file of cases beside a flow, with every case that is proposed and is not there yet.
fn cases_diff(path: &Path, lessons: &mut [Lesson]) -> Result<Option<String>, HomeError> {
    let file = cases_file(path);
    let old = if file.exists() { Some(read_text(&file, TEXT_MAX)?) } else { None };
    let known = match &old {
        Some(text) => read_flow_cases(Source { file: &shown(&file), text })?,
        None => Vec::new(),
    };
    let is_known = |case: &FlowCase| {
        known.iter().any(|it| (&it.step, &it.seen, it.asks) == (&case.step, &case.seen, case.asks))
    };
    let mut new = old.clone().unwrap_or_else(|| "cases:\n".into());
    for lesson in lessons {
        let Follows::Cases(cases, _) = &mut lesson.follows else { continue };
        cases.retain(|case| !is_known(case));
        match cases.is_empty() {
            true => lesson.follows = Follows::Nothing("its cases stand beside the flow already"),
            false => cases.iter().for_each(|case| new.push_str(&case.written())),
        }
    }
    match (read_flow_cases(Source { file: "", text: &new }), new == "cases:\n") {
        (_, true) => Ok(None),
        (Ok(_), false) => Ok(diff(&named(&file), old.as_deref(), &new)),
        (Err(_), false) => {
            Err(HomeError::new(Kind::Invalid, format!("{} has no room for more cases", file.display()))
                .hint("its list `cases` must stand last, its items two blanks in"))
        }
    }
}

/// The cases of a flow, each held against it; none when there are no cases beside it.
///
/// # Errors
/// `NotFound` when there is no such flow; `Invalid` with every problem of flow and cases.
pub fn try_flow_cases(path: &Path) -> Result<Option<(FlowName, Vec<TriedCase>)>, HomeError> {
    let text = read_text(path, TEXT_MAX)?;
    let flow = flow::read(Source { file: &shown(path), text: &text })?;
    let file = cases_file(path);
    if !file.exists() {
        return Ok(None);
    }
    let text = read_text(&file, TEXT_MAX)?;
    let cases = read_flow_cases(Source { file: &shown(&file), text: &text })?.into_iter();
    let tried = cases.map(|case| TriedCase { differs: case.holds(&flow).err(), case });
    Ok(Some((flow.name().clone(), tried.collect())))
}

/// The file of a flow's cases, beside it.
#[must_use]
pub fn cases_file(path: &Path) -> PathBuf {
    path.with_extension(CASES_ENDING)
}

/// A file as a difference names it: the way from here, or its name alone where that leads out.
fn named(path: &Path) -> String {
    let inside = path
        .components()
        .all(|part| matches!(part, std::path::Component::Normal(_) | std::path::Component::CurDir));
    let words = path.components().filter(|part| matches!(part, std::path::Component::Normal(_)));
    match inside {
        true => words.map(|it| it.as_os_str().to_string_lossy().into_owned()).collect::<Vec<_>>().join("/"),
        false => shown(path),
    }
}
