//! Lines of the same amount, and of almost the same, by their days; and one line that is the sum of several.

use crate::Side;
use crate::alive::Alive;
use crate::books::{Book, Books, How, other};
use crate::settings::Settings;
use crate::subset::{Search, TRIED};
use crate::words::{shares, telling};
use kapell_cells::{Amount, Day};

/// Lines that are looked at for one line.
const LOOKED_AT: usize = 8;
/// The same for a sum, where each costs less.
const LOOKED_AT_FOR_A_SUM: usize = 200;
/// What looking at one line for a sum costs, in sums.
const LOOK: u64 = 20;

/// A free line by what it is sorted by.
type Sorted = (Amount, Day, u32);

fn sorted(book: &Book) -> Vec<Sorted> {
    let lines = book.free().filter_map(|place| book.line(place).map(|line| (line.amount, line.day, place)));
    let mut lines: Vec<Sorted> = lines.collect();
    lines.sort_unstable();
    lines
}

/// Pairs lines of one amount: those of the same day first, then within the days that are allowed, from the first day on.
pub(crate) fn take_equal(books: &mut Books, settings: &Settings) {
    let (ledger, bank) = (sorted(&books.ledger), sorted(&books.bank));
    let mut rest = bank.as_slice();
    for group in ledger.chunk_by(|one, next| one.0 == next.0) {
        let Some(amount) = group.first().map(|line| line.0) else { continue };
        let from = rest.partition_point(|line| line.0 < amount);
        rest = rest.get(from..).unwrap_or_default();
        let (same, after) = rest.split_at(rest.partition_point(|line| line.0 == amount));
        rest = after;
        let mut alive = Alive::all(same.len());
        for days in [0, settings.days] {
            take_group(books, group, same, &mut alive, i32::try_from(days).unwrap_or(i32::MAX));
        }
    }
}

fn take_group(books: &mut Books, group: &[Sorted], same: &[Sorted], alive: &mut Alive, days: i32) {
    let (mut first, mut fitting) = (0, Vec::new());
    for (_, day, place) in group {
        if !books.ledger.is_free(*place) {
            continue;
        }
        while same.get(first).is_some_and(|line| line.1 < day.plus(-days)) {
            first += 1;
        }
        let mut at = first;
        fitting.clear();
        while fitting.len() < LOOKED_AT
            && let Some(next) = alive.from(at)
            && let Some((_, their_day, their)) = same.get(next)
            && *their_day <= day.plus(days)
        {
            fitting.push((next, *their));
            at = next + 1;
        }
        fitting.retain(|(_, their)| !books.contradict(*place, *their));
        if let Some((next, their)) = fitting.first() {
            alive.take(*next);
            books.take(How::Amount, &[*place], &[*their], u32::try_from(fitting.len()).unwrap_or(1));
        }
    }
}

/// Pairs lines whose amounts differ by little and whose texts share a word.
pub(crate) fn take_near(books: &mut Books, settings: &Settings) {
    if settings.tolerance.is_zero() {
        return;
    }
    let (ledger, bank) = (sorted(&books.ledger), sorted(&books.bank));
    let mut alive = Alive::all(bank.len());
    let mut first = 0;
    for (amount, day, place) in ledger {
        while bank.get(first).is_some_and(|line| line.0 < amount - settings.tolerance) {
            first += 1;
        }
        if let Some((next, their)) = nearest(books, settings, (amount, day, place), &bank, &mut alive, first)
        {
            alive.take(next);
            books.take(How::AmountSmall, &[place], &[their], 1);
        }
    }
}

/// Of the first few lines that are left the one whose amount, then whose day is nearest.
fn nearest(
    books: &Books,
    settings: &Settings,
    (amount, day, place): Sorted,
    bank: &[Sorted],
    alive: &mut Alive,
    first: usize,
) -> Option<(usize, u32)> {
    let words = telling(books.ledger.words(place));
    let (mut at, mut best) = (first, None);
    for _ in 0..LOOKED_AT {
        let Some(next) = alive.from(at) else { break };
        let Some((their_amount, their_day, their)) = bank.get(next) else { break };
        if *their_amount > amount + settings.tolerance {
            break;
        }
        at = next + 1;
        let fits = settings.passes(*their_amount - amount)
            && their_amount.is_negative() == amount.is_negative()
            && day.apart(*their_day) <= settings.days
            && shares(&words, books.bank.words(*their))
            && !books.contradict(place, *their);
        let order = ((*their_amount - amount).size(), day.apart(*their_day), next, *their);
        if fits && best.is_none_or(|best| order < best) {
            best = Some(order);
        }
    }
    best.map(|(_, _, next, their)| (next, their))
}

/// Finds lines that are the sum of several lines of the other side, near in time and with a word in common: a payout of
/// many sales, a collective transfer. The largest first.
pub(crate) fn take_sums(books: &mut Books, settings: &Settings, search: &mut Search) {
    for side in [Side::Bank, Side::Ledger] {
        let mut targets = sorted(books.side(side));
        targets.sort_by_key(|(amount, _, place)| (std::cmp::Reverse(amount.size()), *place));
        let mut others: Vec<Sorted> = sorted(books.side(other(side)));
        others.sort_by_key(|(_, day, place)| (*day, *place));
        for (amount, day, place) in targets {
            let near = near(day, &others, settings);
            // Where not all of them are looked at, none is the only choice.
            if near.len() > LOOKED_AT_FOR_A_SUM {
                search.unsought += 1;
                continue;
            }
            if !search.pays(LOOK * near.len() as u64) {
                continue;
            }
            let near = candidates(books, side, (amount, place), near);
            if let Some(found) = search.only(amount, &near, books.side(other(side))) {
                books.take_sum(How::Sum, side, place, &found);
            }
        }
    }
}

/// Lines by their days, from as many days before as are allowed to as many after.
fn near<'a>(day: Day, others: &'a [Sorted], settings: &Settings) -> &'a [Sorted] {
    let days = i32::try_from(settings.days).unwrap_or(i32::MAX);
    let from = others.partition_point(|line| line.1 < day.plus(-days));
    let rest = others.get(from..).unwrap_or_default();
    let length = rest.partition_point(|line| line.1 <= day.plus(days));
    rest.get(..length).unwrap_or_default()
}

/// Free lines of the other side that could be part of a line: smaller, the same way, and with a word in common.
fn candidates(books: &Books, side: Side, (amount, place): (Amount, u32), near: &[Sorted]) -> Vec<u32> {
    let book = books.side(other(side));
    let words = telling(books.side(side).words(place));
    let fits = |line: &&Sorted| {
        let part = line.0.size() < amount.size() && line.0.is_negative() == amount.is_negative();
        part && book.is_free(line.2) && shares(&words, book.words(line.2))
    };
    near.iter().filter(fits).map(|line| line.2).take(TRIED + 1).collect()
}
