//! `[[budget]]`: what all runs of a flow together may cost in a period, and what a change of it means.

use super::{Direction, Outcome, Policy};
use crate::form::{Field, Table};
use crate::id::{FlowName, Role};
use crate::money::Money;
use crate::period::Per;
use crate::plan::PeriodBudget;
use std::collections::{BTreeMap, BTreeSet};

/// A flow's budget for a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowBudget {
    /// The flow.
    pub flow: FlowName,
    /// The budget.
    pub budget: PeriodBudget,
    /// The line of the policy it stands on, from 1.
    pub line: u32,
}

/// In which direction something moves, and what.
type Move = (String, (Direction, String));

/// `[[budget]]`; somebody who is asked must be there, and one flow has one budget for a day, a week, a month.
pub(super) fn read_budgets(field: &Field<'_, '_>, roles: &BTreeMap<Role, Vec<String>>) -> Vec<FlowBudget> {
    let mut budgets: Vec<FlowBudget> = Vec::new();
    for table in field.tables("[[budget]]") {
        let Some(read) = table.or_told(|| read_budget(&table, roles)) else { continue };
        let same = |it: &&FlowBudget| it.flow == read.flow && it.budget.per == read.budget.per;
        if let Some(other) = budgets.iter().find(same) {
            let (flow, per, line) = (&read.flow, read.budget.per.word(), other.line);
            table.tell(format!("{flow} has a budget for a {per} already, on line {line}"));
        }
        budgets.push(read);
    }
    budgets
}

fn read_budget(table: &Table<'_, '_>, roles: &BTreeMap<Role, Vec<String>>) -> Option<FlowBudget> {
    let flow = table.required("flow").and_then(|field| field.parsed());
    let per = table.required("per").and_then(|field| field.word(&Per::WORDS));
    let most = table.required("most").and_then(|field| read_most(&field));
    let over = match table.get("over") {
        Some(field) => read_asks(&field, roles).map(Some),
        None => Some(None),
    };
    table.close();
    let budget = PeriodBudget { per: per?, most: most?, over: over? };
    Some(FlowBudget { flow: flow?, budget, line: table.line() })
}

fn read_most(field: &Field<'_, '_>) -> Option<Money> {
    let most: Money = field.parsed()?;
    if most.amount.is_zero() {
        field.tell("no step could ever begin with nothing to spend");
        return None;
    }
    Some(most)
}

/// `ask ROLE`, as in a flow.
fn read_asks(field: &Field<'_, '_>, roles: &BTreeMap<Role, Vec<String>>) -> Option<Role> {
    let text = field.text()?;
    let Some(name) = text.strip_prefix("ask ") else {
        field.tell_with(format!("`{text}` is nothing that can be done past a budget"), "\"ask ROLE\"");
        return None;
    };
    let role: Role = name.trim().parse().map_err(|cause| field.tell(format!("{cause}"))).ok()?;
    if !roles.contains_key(&role) {
        let hint = format!("write [role.{role}] with people = [\"user:NAME\"]");
        field.tell_with(format!("nobody holds the role `{role}`"), hint);
    }
    Some(role)
}

impl Outcome<'_> {
    /// The budgets of flows, each by its flow and length of period. Having none is having no bound.
    pub(super) fn of_budgets(&self) -> Vec<Move> {
        let of = |policy: &Policy| -> BTreeMap<(FlowName, Per), PeriodBudget> {
            let keyed = |it: &FlowBudget| ((it.flow.clone(), it.budget.per), it.budget.clone());
            policy.budgets.iter().map(keyed).collect()
        };
        let (old, new) = (of(self.before), of(self.after));
        let both: BTreeSet<_> = old.keys().chain(new.keys()).collect();
        let moved = |key: &(FlowName, Per)| {
            let moved = match (old.get(key), new.get(key)) {
                (None, Some(new)) => (Direction::Loses, format!("spending past {}", new.words())),
                (Some(old), None) => (Direction::Gains, format!("spending past {}", old.words())),
                (Some(old), Some(new)) if old != new => {
                    (direction(old, new), format!("a budget of {} (before: {})", new.words(), old.words()))
                }
                _ => return None,
            };
            Some((format!("flow {}", key.0), moved))
        };
        both.into_iter().filter_map(moved).collect()
    }
}

/// A higher budget, and one that may be passed, is more.
fn direction(old: &PeriodBudget, new: &PeriodBudget) -> Direction {
    let covers = |wide: &PeriodBudget, narrow: &PeriodBudget| {
        let passed = narrow.over.is_none() || wide.over == narrow.over;
        wide.most.currency == narrow.most.currency && wide.most.amount >= narrow.most.amount && passed
    };
    match (covers(new, old), covers(old, new)) {
        (true, false) => Direction::Gains,
        (false, true) => Direction::Loses,
        _ => Direction::Changes,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed assumption must fail the test")]
mod tests {
    use super::super::Surroundings;
    use super::*;
    use crate::source::Diagnostics;
    use std::collections::BTreeMap;
    use std::path::Path;

    const ROLES: &str = "[role.lead]\npeople = [\"user:ada\"]\n[role.boss]\npeople = [\"user:eve\"]\n";

    fn parse(text: &str) -> Result<Policy, Diagnostics> {
        let surroundings = Surroundings { folder: Path::new("/p"), closed: &[], links: |_| false };
        Policy::parse("policy.toml", &format!("version = 1\n{text}"), surroundings)
    }

    fn row(flow: &str, per: &str, most: &str, more: &str) -> String {
        format!("[[budget]]\nflow = \"{flow}\"\nper = \"{per}\"\nmost = \"{most}\"\n{more}\n")
    }

    #[test]
    fn a_budget_is_for_a_flow_and_a_period_and_may_ask_somebody() {
        let both =
            row("triage", "month", "25.00 EUR", "over = \"ask lead\"") + &row("triage", "day", "2 EUR", "");
        let policy = parse(&format!("{both}{ROLES}")).unwrap();
        let told = policy.budgets.iter().map(|it| format!("{}:{} {}", it.line, it.flow, it.budget.words()));
        assert_eq!(
            told.collect::<Vec<_>>(),
            [
                "2:triage 25.00 EUR a month for machines, past it lead is asked",
                "7:triage 2.00 EUR a day for machines"
            ]
        );
    }

    #[test]
    fn what_is_wrong_with_a_budget_is_told_with_its_place() {
        let rows = [
            row("triage", "year", "25 EUR", ""),
            row("Triage!", "month", "25", "overr = \"ask lead\""),
            row("other", "month", "0 EUR", "over = \"stop\""),
            row("third", "day", "1 EUR", "over = \"ask clerk\""),
            row("third", "day", "2 EUR", ""),
            "[[budget]]\n".into(),
        ];
        insta::assert_snapshot!(parse(&format!("{}{ROLES}", rows.concat())).unwrap_err(), @r#"
        policy.toml:4:7: `year` is no period
        policy.toml:8:8: `Triage!` is not a flow name: expected lower-case words joined by `-`, 48 bytes at most
        policy.toml:10:8: `25` is not an amount of money: expected a decimal and a currency, such as `0.50 EUR`
        policy.toml:11:1: [[budget]] has no key `overr`
        policy.toml:15:8: no step could ever begin with nothing to spend
        policy.toml:16:8: `stop` is nothing that can be done past a budget
        policy.toml:21:8: nobody holds the role `clerk`
        policy.toml:22:1: third has a budget for a day already, on line 17
        policy.toml:27:1: [[budget]] has no `flow`
        policy.toml:27:1: [[budget]] has no `per`
        policy.toml:27:1: [[budget]] has no `most`
        "#);
    }

    #[test]
    fn a_higher_budget_is_more_and_so_is_one_that_may_be_passed() {
        let moved = |before: &str, after: &str| {
            let [before, after] = [before, after].map(|it| parse(&format!("{it}{ROLES}")).unwrap());
            let outcome = Outcome { before: &before, after: &after, folder: Path::new("/p") };
            let told = outcome.moves(&[], &BTreeMap::new());
            told.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        };
        let month = |most: &str, over: &str| row("triage", "month", most, over);
        let (ask, other) = ("over = \"ask lead\"", "over = \"ask boss\"");
        let cases = [
            (String::new(), month("25 EUR", "")),
            (month("25 EUR", ""), String::new()),
            (month("25 EUR", ""), month("30 EUR", "")),
            (month("30 EUR", ask), month("25 EUR", ask)),
            (month("25 EUR", ""), month("25 EUR", ask)),
            (month("25 EUR", ask), month("25 EUR", "")),
            (month("25 EUR", ask), month("25 EUR", other)),
            (month("25 EUR", ask), month("30 EUR", "")),
            (month("25 EUR", ""), month("30 USD", "")),
            (month("25 EUR", ""), month("25 EUR", "") + &row("triage", "day", "1 EUR", "")),
            (month("25 EUR", ""), month("25.00 EUR", "")),
        ];
        insta::assert_snapshot!(cases.map(|(before, after)| moved(&before, &after)).join("\n"), @r#"
        flow triage loses spending past 25.00 EUR a month for machines
        flow triage gains spending past 25.00 EUR a month for machines
        flow triage gains a budget of 30.00 EUR a month for machines (before: 25.00 EUR a month for machines)
        flow triage loses a budget of 25.00 EUR a month for machines, past it lead is asked (before: 30.00 EUR a month for machines, past it lead is asked)
        flow triage gains a budget of 25.00 EUR a month for machines, past it lead is asked (before: 25.00 EUR a month for machines)
        flow triage loses a budget of 25.00 EUR a month for machines (before: 25.00 EUR a month for machines, past it lead is asked)
        flow triage changes a budget of 25.00 EUR a month for machines, past it boss is asked (before: 25.00 EUR a month for machines, past it lead is asked)
        flow triage changes a budget of 30.00 EUR a month for machines (before: 25.00 EUR a month for machines, past it lead is asked)
        flow triage changes a budget of 30.00 USD a month for machines (before: 25.00 EUR a month for machines)
        flow triage loses spending past 1.00 EUR a day for machines
        "#);
    }
}
