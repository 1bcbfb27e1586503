//! Runs explained: what an account rests on is read from the journal, plan and prices of the run with it.

use crate::checked::{At, Checked, Fault, Held};
use crate::error::{HomeError, Kind};
use crate::home::Home;
use kapell_journal::entry::{Body, Entry, RunStarted};
use kapell_journal::seam::Journals as _;
use kapell_model::id::{RunId, StepId};
use kapell_model::money::Tariff;
use kapell_model::plan::{Plan, Step};
use kapell_report::explain::{Account, Record, Vouched};

impl Home {
    /// The account of a run for somebody who was not there, or of one step of it; with what is private, as far as it is
    /// kept, or without.
    ///
    /// # Errors
    /// `NotFound` for a step its plan does not have; `Integrity` when its plan or prices are not kept, or its entries
    /// contradict each other.
    pub fn account(&self, run: &RunId, step: Option<&str>, with_private: bool) -> Result<Account, HomeError> {
        let entries = if with_private { self.open_entries(run)? } else { self.entries(run)? };
        let (plan, tariff) = self.grounds(run, &entries)?;
        let step = step.map(|said| step_of(&plan, run, said)).transpose()?;
        let record = Record {
            run,
            entries: &entries,
            plan: &plan,
            tariff: &tariff,
            folder: &self.place.root,
            held: self.held(run)?.map(|why| why.to_string()),
            checked: self.vouched(run)?,
            values: &|named| match with_private {
                true => self.open_value(run, named),
                false => self.value(run, named),
            },
        };
        let account = Account::of(&record, step);
        account.map_err(|cause| HomeError::new(Kind::Integrity, cause.to_string()))
    }

    /// What holds of a run's entries: that they follow from its plan and from each other, and stand under the newest signed
    /// head.
    fn vouched(&self, run: &RunId) -> Result<Vouched, HomeError> {
        let mut checked = Checked::default();
        let entries = self.store.entries(run)?;
        checked.entries = entries.len() as u64;
        self.check_entries(run, entries, &mut checked)?;
        self.check_inclusion(run, &self.log.keys.publics()?, &Held::default(), &mut checked)?;
        let is_open = |what: &str| checked.unknown.iter().any(|(it, _)| *it == what);
        let of = |what: &str| checked.holds.iter().any(|(it, _)| *it == what) && !is_open(what);
        let words = [
            (
                "plan",
                "what its entries say follows from its plan, its prices and each other: each decision was taken again",
            ),
            ("inclusion", "they stand in the log whose head is signed"),
        ];
        let holds =
            words.into_iter().filter(|(what, _)| of(what)).map(|(_, words)| words.to_owned()).collect();
        let told = |fault: &Fault| match &fault.at {
            At::Entry(_, seq, _) => format!("entry {seq} {}", fault.words),
            At::Whole | At::Leaves(..) => fault.words.clone(),
        };
        let unknown = checked.unknown.iter().map(|(what, words)| match *what {
            "inclusion" => format!("whether these entries are those the log had: {words}"),
            _ => words.clone(),
        });
        Ok(Vouched { holds, broken: checked.broken.iter().map(told).collect(), unknown: unknown.collect() })
    }

    /// The plan and the prices a run is pinned to.
    pub(crate) fn grounds(&self, run: &RunId, entries: &[Entry]) -> Result<(Plan, Tariff), HomeError> {
        let started = started(run, entries)?;
        let text = self.kept(run, started.plan.digest())?;
        let plan = serde_json::from_slice(&text).map_err(|cause| {
            HomeError::new(Kind::Integrity, format!("the plan of {run} can't be read: {cause}"))
        })?;
        Ok((plan, self.tariff_of(run, &started.tariff)?))
    }
}

fn started<'e>(run: &RunId, entries: &'e [Entry]) -> Result<&'e RunStarted, HomeError> {
    match entries.first().map(|entry| &entry.body) {
        Some(Body::RunStarted(started)) => Ok(started),
        _ => Err(HomeError::new(Kind::Integrity, format!("{run} does not begin with its start"))),
    }
}

fn step_of<'p>(plan: &'p Plan, run: &RunId, said: &str) -> Result<&'p StepId, HomeError> {
    let found = plan.steps.iter().find(|step| step.id.as_str() == said).map(|step: &Step| &step.id);
    found.ok_or_else(|| {
        let known = plan.steps.iter().map(|step| step.id.as_str());
        let error = HomeError::not_found("step", said, known.clone());
        let list = known.collect::<Vec<_>>().join(", ");
        let hint = error.hint.clone().unwrap_or_else(|| format!("it has {list}"));
        HomeError { message: format!("{} in {run}", error.message), ..error }.hint(hint)
    })
}
