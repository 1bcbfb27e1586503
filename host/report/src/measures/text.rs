//! The measures in a terminal, and the sentences both forms share.

use super::questions::word;
use super::{Figure, Judged, Measures, Point, Question, Share};
use crate::cost::{aligned, listed};
use crate::log::format;
use crate::plain::{duration, line, number, short};
use kapell_model::money::Money;
use kapell_model::quantity::{Span, Timestamp};
use rust_decimal::Decimal;

/// How long a condition, an answer and a reason may stand in a table.
const CONDITION: usize = 60;
const ANSWER: usize = 48;
const REASON: usize = 72;

/// Rows of a table people read at one go.
const ROWS: usize = 10;
/// Plans that are named.
const PLANS: usize = 4;
/// Ways and reasons of one question that are listed.
const EACH: usize = 4;
/// Points of the series that are listed; those in which nothing happened are left out.
const LAST: usize = 14;

/// The whole report.
#[must_use]
pub fn text(measures: &Measures) -> String {
    let mut parts = vec![head(measures)];
    parts.push(listed(&figures(measures).map(|(name, told)| vec![name.to_owned(), told])));
    parts.extend(table("why people were asked", asked(measures)));
    parts.extend(table("what they answered", answered(measures)));
    parts.extend(table("reasons they gave", reasons(measures)));
    parts.extend(table("why runs ended without an outcome", endings(measures)));
    parts.extend(table("which rung answered", rungs(measures)));
    parts.extend(table("cost", cost(measures)));
    parts.extend(periods(measures));
    parts.join("\n\n")
}

fn head(measures: &Measures) -> String {
    let mut head = format!("{}  {}", measures.flow, period(measures));
    for note in notes(measures) {
        head.push_str(&format!("\nnote  {note}"));
    }
    head
}

fn table(title: &str, rows: Vec<Vec<String>>) -> Option<String> {
    (rows.len() > 1).then(|| format!("{title}\n{}", listed(&rows)))
}

/// The period in words.
pub(super) fn period(measures: &Measures) -> String {
    let minute = |at: Timestamp| format(at, "%Y-%m-%d %H:%M");
    let until = minute(measures.until);
    match measures.from {
        Some(from) => {
            let long = duration(Span(measures.until.0.saturating_sub(from.0)));
            format!("{} to {until} (UTC), {long}", minute(from))
        }
        None => format!("until {until} (UTC)"),
    }
}

/// What a reader must know before any figure.
pub(super) fn notes(measures: &Measures) -> Vec<String> {
    let mut notes = Vec::new();
    if measures.plans_in_all > 1 {
        let told =
            |it: &super::PlanUsed| format!("{} ({}) {}", line(&it.version), it.plan.short(), runs(it.runs));
        let plans: Vec<String> = measures.plans.iter().take(PLANS).map(told).collect();
        let more = if measures.plans_in_all > PLANS as u64 { ", …" } else { "" };
        let of = measures.plans_in_all;
        notes.push(format!("what runs has changed, the figures mix {of} plans: {}{more}", plans.join(", ")));
    }
    let noise = measures.questions.iter().filter(|it| it.judged == Judged::Noise);
    notes.extend(noise.map(|it| {
        let (step, condition) = (&it.step, short(&it.condition, CONDITION));
        format!("noise: {step} ({condition}) was answered the same way {}", it.same_way.words())
    }));
    if measures.example_prices {
        notes.push("money is at example prices".into());
    }
    notes
}

/// The figures that matter, each with its name.
pub(super) fn figures(measures: &Measures) -> [(&'static str, String); 7] {
    [
        ("runs", runs_told(measures)),
        ("outcomes", outcomes(measures)),
        ("value", value(measures)),
        ("cost", cost_told(measures)),
        ("exceptions", exceptions(measures)),
        ("cycle time", cycle(measures)),
        ("judgment yield", judgment(measures)),
    ]
}

fn runs(count: u64) -> String {
    plural(count, "run", "runs")
}

/// `1 run`, `2 runs`.
pub(super) fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(count), if count == 1 { one } else { many })
}

/// What became of the runs.
pub(super) fn runs_told(measures: &Measures) -> String {
    let it = &measures.runs;
    let over = it.over.iter().map(|(word, count)| (*word, *count));
    let open = [("waiting for an answer", it.waiting), ("under way", it.under_way)];
    let each = over.chain(open).filter(|(_, count)| *count > 0);
    let each: Vec<String> = each.map(|(word, count)| format!("{} {word}", number(count))).collect();
    match each.is_empty() {
        true => "none began in the period".into(),
        false => format!("{} began: {}", number(it.begun), each.join(", ")),
    }
}

fn outcomes(measures: &Measures) -> String {
    let it = &measures.velocity;
    let rate = it.rate.words(|rate| format!("{} each {}", rate.outcomes, rate.each));
    let alone = it.without_a_person.words();
    format!("{}; {}; {alone} without a person", it.outcomes.words_of(" runs"), rated(&it.rate, rate))
}

fn rated<T>(figure: &Figure<T>, words: String) -> String {
    match figure {
        Figure::Known(_) => words,
        Figure::Unknown(why) => format!("no rate: {why}"),
    }
}

fn value(measures: &Measures) -> String {
    let it = &measures.value;
    let ratio = it.per_unit_of_cost.words(|ratio| match &it.worth {
        Figure::Known(worth) => {
            format!("{ratio} {} of declared worth for each {} of cost", worth.currency, worth.currency)
        }
        Figure::Unknown(_) => ratio.to_string(),
    });
    match (&it.worth, it.declared.n == it.declared.of) {
        (Figure::Known(worth), true) => format!("{ratio}; {worth} in all"),
        (Figure::Known(worth), false) => {
            format!("{ratio}; {worth} in all, declared for {}", it.declared.words())
        }
        (Figure::Unknown(_), _) => ratio,
    }
}

fn cost_told(measures: &Measures) -> String {
    let it = &measures.cost;
    let Figure::Known(total) = &it.total else { return it.total.words(Money::to_string) };
    let estimated = if it.estimated { ", in part estimated" } else { "" };
    let each = it.per_outcome.words(|each| format!("{each} for each outcome"));
    let waste = it.waste_percent.words(|percent| format!("waste {percent} %"));
    format!("{total} in all{estimated}; {each}; {waste}")
}

fn exceptions(measures: &Measures) -> String {
    let it = &measures.exceptions;
    let (asked, ended) = (number(it.asked), number(it.ended));
    format!("{}; {asked} asked a person, {ended} ended without an outcome", it.runs.words_of(" runs"))
}

fn cycle(measures: &Measures) -> String {
    let it = &measures.cycle;
    let by_hand = it.by_hand.words(|by_hand| format!("by hand {} as declared", duration(*by_hand)));
    match (&it.p50, &it.p90) {
        (Figure::Known(p50), Figure::Known(p90)) => {
            let of = plural(it.outcomes, "outcome", "outcomes");
            let (p50, p90) = (duration(*p50), duration(*p90));
            format!(
                "p50 {p50}, p90 {p90} of {of}; {}% of it waiting for people; {}",
                waited(it.waited),
                hand(&it.by_hand, by_hand)
            )
        }
        (Figure::Unknown(why), _) | (_, Figure::Unknown(why)) => {
            format!("unknown: {why}; {}", hand(&it.by_hand, by_hand))
        }
    }
}

fn hand(figure: &Figure<Span>, words: String) -> String {
    match figure {
        Figure::Known(_) => words,
        Figure::Unknown(why) => (*why).into(),
    }
}

/// How much of a time people were waited for, with the space before the sign.
fn waited(share: Share) -> String {
    share.percent().map_or_else(|| "0 ".into(), |percent| format!("{percent} "))
}

fn judgment(measures: &Measures) -> String {
    let it = &measures.judgment;
    let estimated = match it.estimated_minutes.is_zero() {
        true => String::new(),
        false => format!("; {} of the minutes are estimated", it.estimated_minutes),
    };
    it.percent.words(|percent| {
        let (changed, all, answers) = (it.changed_minutes, it.minutes, it.answers.words_of(" answers"));
        format!("{changed} of {all} minutes ({percent} %) went into the {answers} that changed the result{estimated}")
    })
}

fn head_of<const N: usize>(names: [&str; N]) -> Vec<Vec<String>> {
    vec![names.map(str::to_owned).to_vec()]
}

fn asked(measures: &Measures) -> Vec<Vec<String>> {
    let mut rows = head_of(["step", "runs", "asked", "open", "role", "condition"]);
    rows.extend(measures.questions.iter().take(ROWS).map(|it| {
        let (step, role) = (it.step.to_string(), it.role.to_string());
        vec![
            step,
            number(it.runs),
            number(it.asked),
            number(it.waiting),
            role,
            short(&it.condition, CONDITION),
        ]
    }));
    rest(&mut rows, measures.questions.len(), measures.more_questions);
    rows
}

fn rest(rows: &mut Vec<Vec<String>>, of: usize, more: u64) {
    let beyond = (of.saturating_sub(ROWS)) as u64 + more;
    if beyond > 0 {
        rows.push(vec![format!("and {} more", number(beyond))]);
    }
}

fn answered(measures: &Measures) -> Vec<Vec<String>> {
    let mut rows = head_of(["step", "times", "answer", "judged"]);
    for question in measures.questions.iter().take(ROWS).filter(|it| it.answered > 0) {
        let ways = question.ways.iter().take(EACH);
        rows.extend(ways.enumerate().map(|(nth, way)| {
            let what = if nth == 0 { judged(question) } else { String::new() };
            vec![question.step.to_string(), number(way.times), short(&way.words(), ANSWER), what]
        }));
        let listed: u64 = question.ways.iter().take(EACH).map(|way| way.times).sum();
        if question.answered > listed {
            let others = number(question.answered - listed);
            rows.push(vec![question.step.to_string(), others, "other answers".into()]);
        }
    }
    rows
}

/// What to think of a question, in words.
pub(super) fn judged(question: &Question) -> String {
    let (same, most) = (question.same_way, super::NOISE_FROM);
    match question.judged {
        Judged::Noise => format!("noise: {} the same way", same.words()),
        Judged::Varied => format!("its answers differ: {} the same way", same.words()),
        Judged::TooFew if same.of == 0 => "not answered yet".into(),
        Judged::TooFew => format!("too few to say: {} of {most}", number(same.of)),
    }
}

fn reasons(measures: &Measures) -> Vec<Vec<String>> {
    let mut rows = head_of(["step", "times", "said", "reason"]);
    for question in measures.questions.iter().take(ROWS) {
        let step = question.step.to_string();
        rows.extend(
            question.reasons.iter().take(EACH).map(|it| {
                vec![step.clone(), number(it.times), word(it.said).into(), short(&it.reason, REASON)]
            }),
        );
        if question.without_reason > 0 {
            rows.push(vec![step, number(question.without_reason), "-".into(), "no reason given".into()]);
        }
    }
    rows
}

fn endings(measures: &Measures) -> Vec<Vec<String>> {
    let mut rows = head_of(["ending", "runs", "reason"]);
    let endings = &measures.exceptions.endings;
    rows.extend(endings.iter().take(ROWS).map(|it| {
        let reason =
            it.reason.as_deref().map_or_else(|| "none recorded".into(), |reason| short(reason, REASON));
        vec![it.state.to_owned(), number(it.runs), reason]
    }));
    rest(&mut rows, endings.len(), measures.exceptions.more_endings);
    rows
}

fn rungs(measures: &Measures) -> Vec<Vec<String>> {
    let mut rows = head_of(["step", "rung", "by", "times"]);
    rows.extend(
        measures.rungs.iter().map(|it| {
            vec![it.step.to_string(), it.rung.to_string(), short(&it.by, ANSWER), it.times.words()]
        }),
    );
    rows
}

fn cost(measures: &Measures) -> Vec<Vec<String>> {
    let Figure::Known(total) = &measures.cost.total else { return Vec::new() };
    let mut rows = head_of(["kind", "share", "amount"]);
    rows.extend(measures.cost.parts.iter().map(|(kind, money)| {
        let share =
            super::percent(money.amount, total.amount).map_or_else(|| "-".into(), |it| format!("{it} %"));
        vec![kind.word().to_owned(), share, money.to_string()]
    }));
    rows
}

/// The series, its newest points.
fn periods(measures: &Measures) -> Option<String> {
    let unit = measures.series.unit;
    let mut rows = head_of([unit.word(), "alone", "with a person", "otherwise", "cost"]);
    let points = &measures.series.points;
    let told: Vec<&Point> = points.iter().filter(|point| !point.is_empty()).collect();
    for point in told.iter().skip(told.len().saturating_sub(LAST)) {
        let amounts = point.cost.values().map(|money| money.amount);
        let sum: Decimal = amounts.fold(Decimal::ZERO, Decimal::saturating_add);
        let counts =
            [point.done_without_a_person, point.done_with_a_person, point.ended_otherwise].map(number);
        let currency = point.cost.values().next().map(|money| money.currency);
        let money =
            currency.map_or_else(|| "-".into(), |currency| Money { amount: sum, currency }.to_string());
        rows.push([vec![unit.name(point.from)], counts.to_vec(), vec![money]].concat());
    }
    (rows.len() > 1).then(|| format!("ended, by {} (UTC)\n{}", unit.word(), aligned(&rows)))
}
