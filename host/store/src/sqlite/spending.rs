//! What flows have spent, a row for each day: charged and held against budgets in the transaction of the entries.
//!
//! Writing transactions come one after the other, of whichever process, so that no two runs are promised the same
//! money.

use crate::error::unwritten;
use crate::spending::hold;
use crate::sqlite::stored::parsed;
use crate::sqlite::writer::Done;
use kapell_journal::chain;
use kapell_journal::seam::{Commit, JournalError};
use kapell_journal::spending::{Bound, Charge, Spending, Spent, add_run};
use kapell_model::id::{FlowName, RunId};
use kapell_model::money::Money;
use kapell_model::period::Day;
use rusqlite::{Connection, OptionalExtension, Row, params};

/// Adds a commit's charges, then holds its flow's spending against its bounds.
pub(crate) fn charge(connection: &Connection, commit: &Commit) -> Done<()> {
    let flow = &commit.row.flow;
    for charge in &commit.charges {
        if let Err(beyond) = add(connection, flow, charge)? {
            return Ok(Err(beyond));
        }
    }
    for bound in &commit.bounds {
        if let Err(over) = hold(bound, &amounts(connection, flow, bound)?) {
            return Ok(Err(over));
        }
    }
    Ok(Ok(()))
}

fn add(connection: &Connection, flow: &FlowName, charge: &Charge) -> Done<()> {
    let currency = charge.money.currency;
    let mut find = connection
        .prepare_cached("SELECT money FROM spending WHERE flow = ?1 AND day = ?2 AND currency = ?3")?;
    let place = params![flow.as_str(), charge.day.0, currency.as_str()];
    let before: Option<Money> = find.query_row(place, |row| parsed(row, 0)).optional()?;
    match before.unwrap_or_else(|| Money::zero(currency)).plus(&charge.money) {
        Ok(sum) => keep(connection, flow, charge.day, &sum).map(Ok),
        Err(beyond) => Ok(Err(unwritten(beyond))),
    }
}

fn keep(connection: &Connection, flow: &FlowName, day: Day, money: &Money) -> rusqlite::Result<()> {
    let mut keep = connection.prepare_cached(
        "INSERT INTO spending (flow, day, currency, money) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (flow, day, currency) DO UPDATE SET money = excluded.money",
    )?;
    keep.execute(params![flow.as_str(), day.0, money.currency.as_str(), money.to_string()]).map(drop)
}

/// What stands on the days of a period, in its budget's currency.
fn amounts(connection: &Connection, flow: &FlowName, bound: &Bound) -> rusqlite::Result<Vec<Money>> {
    let mut find = connection.prepare_cached(
        "SELECT money FROM spending WHERE flow = ?1 AND day BETWEEN ?2 AND ?3 AND currency = ?4",
    )?;
    let (from, until) = (bound.days.start().0, bound.days.end().0);
    let days = params![flow.as_str(), from, until, bound.most.currency.as_str()];
    find.query_map(days, |row| parsed(row, 0))?.collect()
}

/// Every row.
pub(crate) fn all(connection: &Connection) -> rusqlite::Result<Vec<Spent>> {
    let mut all =
        connection.prepare_cached("SELECT flow, day, money FROM spending ORDER BY flow, day, currency")?;
    let spent =
        |row: &Row<'_>| Ok(Spent { flow: parsed(row, 0)?, day: Day(row.get(1)?), money: parsed(row, 2)? });
    all.query_map([], spent)?.collect()
}

/// Writes every row anew, as the entries of all runs add up. Nobody commits meanwhile.
pub(crate) fn recount(connection: &Connection) -> Done<()> {
    let mut all = connection.prepare_cached("SELECT run FROM runs WHERE head_seq > 0")?;
    let runs: Vec<RunId> = all.query_map([], |row| parsed(row, 0))?.collect::<rusqlite::Result<_>>()?;
    let mut spending = Spending::new();
    for run in &runs {
        if let Err(broken) = count(connection, run, &mut spending)? {
            return Ok(Err(broken));
        }
    }
    connection.execute("DELETE FROM spending", [])?;
    spending.iter().try_for_each(|((flow, day, _), money)| keep(connection, flow, *day, money)).map(Ok)
}

fn count(connection: &Connection, run: &RunId, spending: &mut Spending) -> Done<()> {
    let mut all = connection.prepare_cached("SELECT bytes FROM entries WHERE run = ?1 ORDER BY seq")?;
    let stored: Vec<Vec<u8>> =
        all.query_map([run.as_str()], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let counted = chain::verify(run, &stored).and_then(|entries| {
        add_run(spending, run, &entries).map_err(|cause| JournalError::Damaged(cause.to_string()))
    });
    Ok(counted)
}
