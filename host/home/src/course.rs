//! Runs held against their plans while a home is checked: what each entry says is what its plan, its tariff and the entries
//! before it come to.

use crate::checked::{At, Checked};
use crate::error::HomeError;
use crate::home::Home;
use kapell_conductor::drive::DriveError;
use kapell_conductor::history::History;
use kapell_conductor::programs::Programs;
use kapell_conductor::retrace::retrace;
use kapell_journal::entry::Entry;
use kapell_journal::seam::JournalError;

/// What came of it so far.
#[derive(Default)]
pub(crate) struct Course {
    programs: Programs,
    sound: u64,
    hidden: u64,
    runs: u64,
    faulty: bool,
    /// Runs that can't be followed, each with why.
    lost: Vec<String>,
}

impl Home {
    /// Holds all entries of a run, as they fold, against its plan.
    pub(crate) fn check_course(
        &self,
        entries: Vec<Entry>,
        course: &mut Course,
        checked: &mut Checked,
    ) -> Result<(), HomeError> {
        let Some(run) = entries.first().map(|first| first.run.clone()) else { return Ok(()) };
        let history = History::of(&*self.store, entries).map_err(DriveError::from);
        let retraced = match history.and_then(|history| retrace(&history, &course.programs)) {
            Ok(retraced) => retraced,
            // What is missing or can't be read is told where it is named.
            Err(DriveError::Journal(error @ (JournalError::Damaged(_) | JournalError::NotFound(_)))) => {
                course.lost.push(format!("whether {run} followed its plan: {error}"));
                return Ok(());
            }
            Err(DriveError::Journal(error)) => return Err(error.into()),
            Err(error) => {
                course.faulty = true;
                checked.broken("plan", At::Entry(run, 1, None), format!("can't be followed: {error}"));
                return Ok(());
            }
        };
        course.runs += 1;
        course.sound += retraced.sound;
        course.hidden += retraced.hidden;
        course.faulty |= !retraced.faults.is_empty();
        for (seq, words) in retraced.faults {
            checked.broken("plan", At::Entry(run.clone(), seq, None), words);
        }
        Ok(())
    }
}

impl Home {
    /// The same of several runs.
    pub(crate) fn check_courses(
        &self,
        runs: Vec<Vec<Entry>>,
        course: &mut Course,
        checked: &mut Checked,
    ) -> Result<(), HomeError> {
        runs.into_iter().try_for_each(|entries| self.check_course(entries, course, checked))
    }
}

impl Course {
    /// What is left to say once all runs were followed.
    pub(crate) fn tell(self, checked: &mut Checked) {
        self.lost.into_iter().for_each(|words| checked.unknown("plan", words));
        if self.hidden > 0 {
            let words = format!(
                "whether {} entries follow from their plan: what they rest on is not kept any more",
                self.hidden
            );
            checked.unknown("plan", words);
        }
        if !self.faulty && self.runs > 0 {
            let again = if self.hidden == 0 { "every decision" } else { "each decision that still can be" };
            let words = format!(
                "{} entries follow from their plans, their tariffs and the entries before them, {again} taken again",
                self.sound
            );
            checked.holds("plan", words);
        }
    }
}
