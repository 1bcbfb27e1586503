//! What entries claim, held against the plans and tariffs that come after them in the file. Most entries of a log claim the
//! same of the same plan, so that each claim is kept once, with the first entry that makes it.

use crate::approvals::{Approvals, Standing};
use crate::claim::{Claim, Plan};
use crate::contents::By;
use crate::course::Due;
use crate::digest::{Hash as Digest, Map};
use crate::price::Tariff;
use crate::report::{Place, Report, count};

/// Claims, and what they are held against.
#[derive(Default)]
pub(crate) struct Held {
    /// What each run says of itself, by its place.
    runs: Vec<Pins>,
    /// Attempts of runs whose plan no entry before them names.
    planless: u64,
    plans: Map<Digest, Plan>,
    tariffs: Map<Digest, Option<Tariff>>,
    /// What is claimed of a plan or a tariff, by the first entry that does.
    claims: Map<(Digest, Due<'static>), By>,
}

/// What a run begins with.
#[derive(Default)]
struct Pins {
    plan: Option<Digest>,
    tariff: Option<Digest>,
    /// When it began.
    began: Option<u64>,
}

impl Held {
    fn run(&mut self, place: usize) -> Option<&mut Pins> {
        if place >= self.runs.len() {
            self.runs.resize_with(place + 1, Pins::default);
        }
        self.runs.get_mut(place)
    }

    pub(crate) fn planned(&mut self, run: usize, plan: Digest) {
        if let Some(pins) = self.run(run) {
            pins.plan = Some(plan);
        }
    }

    pub(crate) fn priced(&mut self, run: usize, tariff: Digest) {
        if let Some(pins) = self.run(run) {
            pins.tariff = Some(tariff);
        }
    }

    /// When a run began.
    pub(crate) fn began(&mut self, run: usize, at: u64) {
        if let Some(pins) = self.run(run) {
            pins.began = Some(at);
        }
    }

    /// How the approval of a component stands that ran, for each plan that calls it and at the last beginning of its runs;
    /// none where no plan is here.
    pub(crate) fn approved(&self, approvals: &Approvals, component: &str) -> Option<Standing> {
        let of_plan = |digest: &Digest, plan: &Plan| {
            let grants = plan.granted(component);
            let runs = self.runs.iter().filter(|run| run.plan.as_ref() == Some(digest));
            let began = runs.filter_map(|run| run.began).max()?;
            (!grants.is_empty()).then(|| approvals.standing(component, &grants, began))
        };
        self.plans.iter().filter_map(|(digest, plan)| of_plan(digest, plan)).max()
    }

    /// An attempt began.
    pub(crate) fn ran(&mut self, run: usize) {
        let has_plan = self.runs.get(run).is_some_and(|pins| pins.plan.is_some());
        self.planless += u64::from(!has_plan);
    }

    /// Something is claimed of a run. What was claimed before of the same plan or tariff is nothing new, and is not copied.
    pub(crate) fn due(&mut self, due: Due<'_>, by: By) {
        let Some(Pins { plan: Some(plan), tariff: Some(tariff), .. }) = self.runs.get(by.0) else { return };
        let of = if matches!(due, Due::Plan(_)) { *plan } else { *tariff };
        let (claim, known): (_, &Map<(Digest, Due<'_>), By>) = ((of, due), &self.claims);
        if !known.contains_key(&claim) {
            self.claims.insert((of, claim.1.kept()), by);
        }
    }

    /// A plan, whose bytes are canonical.
    ///
    /// # Errors
    /// When it is none.
    pub(crate) fn plan(&mut self, digest: Digest, bytes: &[u8]) -> Result<(), String> {
        self.plans.insert(digest, Plan::read(bytes).ok_or("is no plan")?);
        Ok(())
    }

    pub(crate) fn tariff(&mut self, digest: Digest, bytes: &[u8]) {
        self.tariffs.insert(digest, Tariff::read(bytes));
    }

    /// What holds of it and what does not.
    pub(crate) fn finish(&self, place: impl Fn(By) -> Place, report: &mut Report) {
        self.tell_plans(&place, report);
        self.tell_prices(&place, report);
        if self.of_plans().next().is_some() {
            let words = "whether what was decided over values follows from them: conditions, expectations, arguments, what a \
                question showed and what a run gave out; this program evaluates no expression, `kapell replay` of this file \
                and `kapell verify` of the home take each decision again";
            report.unknown("decisions", words);
            let words = "what was set aside for an attempt before it began, whether its deadline was shortened as it had to be, how \
                often a step was tried again, the values that decisions say they saw, which keys and files were written: these stand \
                as whoever wrote them says; `kapell replay` of this file takes the decisions again and does the attempts again";
            report.unknown("unchecked", words);
        }
    }

    /// What is claimed of plans.
    fn of_plans(&self) -> impl Iterator<Item = (&Digest, &Claim<'static>, By)> {
        self.claims.iter().filter_map(|((digest, due), by)| match due {
            Due::Plan(claim) => Some((digest, claim, *by)),
            _ => None,
        })
    }

    fn tell_plans(&self, place: &impl Fn(By) -> Place, report: &mut Report) {
        let denied = self
            .of_plans()
            .filter_map(|(digest, claim, by)| Some((by, self.plans.get(digest)?.denies(claim)?)));
        let denied = told("plan", denied.collect(), place, report);
        let began = |claim: &Claim<'_>| matches!(claim, Claim::Began { .. });
        let is_unread = |digest: &Digest| !self.plans.contains_key(digest);
        let unread =
            self.of_plans().filter(|(digest, claim, _)| began(claim) && is_unread(digest)).count() as u64;
        match unread + self.planless {
            _ if denied => {}
            0 if self.of_plans().next().is_none() => {}
            0 => report.holds(
                "plan",
                "nothing ran but the bytes the plans call, by the operations and grants they call them with; who was asked, and \
                    the way each run took, are as they say",
            ),
            unread => report.unknown(
                "plan",
                format!("whether a plan called {}: it is not here", count(unread, "that ran", "of those that ran")),
            ),
        }
    }

    fn tell_prices(&self, place: &impl Fn(By) -> Place, report: &mut Report) {
        let (mut wrong, mut unread, mut right) = (Vec::new(), 0, 0_u64);
        let mut tell = |tariff: &Digest,
                        by: By,
                        priced: &dyn Fn(&Tariff) -> Result<Option<String>, ()>,
                        money: &str| {
            match self.tariffs.get(tariff).and_then(Option::as_ref).map(priced) {
                Some(Ok(None)) => right += 1,
                Some(Ok(Some(due))) => {
                    wrong.push((
                        by,
                        format!("says that it cost {}, and by its tariff it is {due}", money.escape_debug()),
                    ));
                }
                Some(Err(())) | None => unread += 1,
            }
        };
        for ((digest, due), by) in &self.claims {
            match due {
                Due::Plan(_) => {}
                Due::Work(work) => tell(digest, *by, &|tariff| tariff.misprices(work), &work.money),
                Due::Person(minutes, money) => {
                    tell(digest, *by, &|tariff| tariff.misprices_person(minutes.as_deref(), money), money);
                }
            }
        }
        if !told("prices", wrong, place, report) && right > 0 {
            let words = "attempts and answers cost what their tariffs say of their meters and minutes";
            report.holds("prices", words);
        }
        if unread > 0 {
            let words = count(unread, "price is", "prices are");
            report.unknown(
                "prices",
                format!("whether {words} the tariff's: it is not here, or not written plainly"),
            );
        }
    }
}

/// Tells faults in the order of the entries; whether there are any.
fn told(
    what: &str,
    mut faults: Vec<(By, String)>,
    place: &impl Fn(By) -> Place,
    report: &mut Report,
) -> bool {
    faults.sort();
    let any = !faults.is_empty();
    faults.into_iter().for_each(|(by, words)| report.broken(what, place(by), words));
    any
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told of the plans when one run has a plan, which is here or not, and ran something.
    fn told_of(plan: Option<Digest>, here: Option<&[u8]>) -> String {
        let (mut held, mut report) = (Held::default(), Report::default());
        if let Some(plan) = plan {
            held.planned(0, plan);
            held.priced(0, [2; 32]);
            held.plans.extend(here.and_then(Plan::read).map(|read| (plan, read)));
        }
        held.ran(0);
        let call = ["a:b", "1.0.0", "sha256:7", "read", "logic", "none"].map(Into::into);
        let place = crate::claim::Place { step: "it".into(), ..crate::claim::Place::default() };
        held.due(Due::Plan(Claim::Began { place, call, settles: true }), (0, 2));
        held.finish(|by| Place::Entry { run: None, seq: by.1, leaf: None }, &mut report);
        format!("{report:?}")
    }

    #[test]
    fn nothing_is_said_of_what_ran_by_a_plan_that_is_not_here() {
        let plan = |component: &str| {
            format!(
                r#"{{"steps":[{{"id":"it","work":{{"call":{{"effects":"none","lane":"logic","operation":{{"name":"read"}},"skill":{{"component":"{component}","name":"a:b","version":"1.0.0"}}}},"kind":"call"}}}}]}}"#
            )
        };
        let held = "nothing ran but the bytes the plans call";
        let told = told_of(Some([1; 32]), Some(plan("sha256:7").as_bytes()));
        assert!(told.contains(held), "{told}");
        for plan in [Some([1; 32]), None] {
            let told = told_of(plan, None);
            assert!(!told.contains(held) && told.contains("whether a plan called 1 that ran"), "{told}");
        }
        let other = told_of(Some([1; 32]), Some(plan("sha256:8").as_bytes()));
        assert!(!other.contains(held) && other.contains("says bytes sha256:7, its plan sha256:8"), "{other}");
    }
}
