//! The measures that matter of a flow, from everything its runs left in the journal.

use crate::error::HomeError;
use crate::home::Home;
use kapell_journal::seam::{About, Journals as _};
use kapell_model::id::FlowName;
use kapell_model::quantity::Timestamp;
use kapell_report::measures::{Count, Measures};

impl Home {
    /// The flow a person means, of those that ever ran.
    ///
    /// # Errors
    /// `NotFound`, with the nearest name.
    pub fn flow_that_ran(&self, said: &str) -> Result<FlowName, HomeError> {
        let newest = self.store.newest_runs()?;
        let found = newest.iter().find(|row| row.flow.as_str() == said);
        found.map(|row| row.flow.clone()).ok_or_else(|| {
            let error =
                HomeError::not_found("run of a flow", said, newest.iter().map(|row| row.flow.as_str()));
            match error.hint {
                None => error
                    .hint("a flow's name as `runs list` shows it: what stands before the number of its runs"),
                Some(_) => error,
            }
        })
    }

    /// The measures of the runs of a flow that began at `since` or later, of all of them without one. Says now and then
    /// how many of how many runs are behind.
    ///
    /// # Errors
    /// When the journal can't be read or is damaged.
    pub fn measures(
        &self,
        flow: &FlowName,
        since: Option<Timestamp>,
        tell: impl FnMut(u64, u64),
    ) -> Result<Measures, HomeError> {
        let about = About { flow: Some(flow.clone()), began: since, ..About::default() };
        let now = self.clock.now();
        let mut count = Count::of(flow.clone(), since, now);
        self.tallies_told(&about, tell, |tally, tariff| {
            count.add(&tally, tariff.example);
            Ok(())
        })?;
        Ok(count.finish())
    }
}
