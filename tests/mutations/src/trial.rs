//! One trial: the test passes with the control, and is run again without it.

use crate::copy::Copy;
use crate::list::Mutation;
use anyhow::Context as _;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

/// After so many seconds, its build included, a test has ended. One that without its control never ends has noticed it.
const LONGEST_SECONDS: &str = "1800";

/// What a trial showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The test fails without the control, as it should.
    Died,
    /// The test passes without the control: it guards nothing.
    Survived,
    /// The code without the control is no program, so nothing was tried.
    NotBuilt,
    /// The test fails with the control in place, or there is no such test.
    NotPassing,
}

impl Verdict {
    /// The word people read.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Verdict::Died => "died",
            Verdict::Survived => "SURVIVED",
            Verdict::NotBuilt => "DOES NOT BUILD",
            Verdict::NotPassing => "DOES NOT PASS",
        }
    }
}

/// How a test run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Passed,
    Failed,
    NothingRan,
    NotBuilt,
}

/// Trials in one copy; each test's passing is looked at once.
pub(crate) struct Trials<'c> {
    copy: &'c Copy,
    build: PathBuf,
    passing: BTreeMap<String, bool>,
}

impl<'c> Trials<'c> {
    /// Trials that build into a folder of their own.
    pub(crate) fn new(copy: &'c Copy, build: PathBuf) -> Self {
        Self { copy, build, passing: BTreeMap::new() }
    }

    /// Tries one mutation.
    pub(crate) fn try_one(&mut self, mutation: &Mutation) -> anyhow::Result<Verdict> {
        if !self.passes(&mutation.test)? {
            return Ok(Verdict::NotPassing);
        }
        let without = mutation.applied(&self.copy.root)?;
        let ended = self.copy.with(&mutation.file, &without, || self.run(&mutation.test))?;
        Ok(match ended {
            Ended::Failed => Verdict::Died,
            Ended::Passed => Verdict::Survived,
            Ended::NotBuilt | Ended::NothingRan => Verdict::NotBuilt,
        })
    }

    fn passes(&mut self, test: &str) -> anyhow::Result<bool> {
        if let Some(passes) = self.passing.get(test) {
            return Ok(*passes);
        }
        let passes = self.run(test)? == Ended::Passed;
        self.passing.insert(test.into(), passes);
        Ok(passes)
    }

    fn run(&self, test: &str) -> anyhow::Result<Ended> {
        let ran = Command::new("timeout")
            .args([LONGEST_SECONDS, "cargo", "test"])
            .args(test.split_whitespace())
            .current_dir(&self.copy.root)
            .env("CARGO_TARGET_DIR", &self.build)
            .output()
            .with_context(|| format!("run cargo test {test}"))?;
        Ok(ended(ran.status.success(), &String::from_utf8_lossy(&ran.stdout)))
    }
}

/// Tells a test that failed from one that was never built: only the test harness prints a result.
fn ended(success: bool, stdout: &str) -> Ended {
    let results = || stdout.lines().filter_map(|line| line.strip_prefix("test result: "));
    let some_ran = results().any(|result| !result.contains(" 0 passed; 0 failed"));
    match (success, some_ran) {
        (true, true) => Ended::Passed,
        (true, false) => Ended::NothingRan,
        // A test binary that was killed prints no result, but says that it runs.
        (false, _) if stdout.contains("running ") => Ended::Failed,
        (false, _) => Ended::NotBuilt,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_to_build_is_no_death_and_a_name_nobody_has_no_pass() {
        let passed = "running 1 test\ntest result: ok. 1 passed; 0 failed; 0 ignored";
        let none = "running 0 tests\ntest result: ok. 0 passed; 0 failed; 0 ignored";
        assert_eq!(ended(true, passed), Ended::Passed);
        assert_eq!(ended(true, none), Ended::NothingRan);
        assert_eq!(ended(true, &format!("{none}\n{passed}")), Ended::Passed);
        assert_eq!(ended(false, "running 1 test\ntest result: FAILED. 0 passed; 1 failed"), Ended::Failed);
        assert_eq!(ended(false, "running 1 test\n"), Ended::Failed);
        assert_eq!(ended(false, ""), Ended::NotBuilt);
    }
}
