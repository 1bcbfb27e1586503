//! The measures as one page to look at: the figures first, then a drawing for each question one has of them.

use super::series::{Point, Series};
use super::text::{judged, notes, period, plural, runs_told};
use super::{Cycle, Exceptions, Figure, Judged, Judgment, Measures, Question, RungCount, Share, Took};
use crate::cost::CostKind;
use crate::page::{self, Markup};
use crate::plain::{duration, number, short};
use crate::plot::{Axis, Column, Mark, Part, Tone, columns, shares};
use kapell_model::money::Money;
use kapell_model::quantity::Span;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

const STYLE: &str = include_str!("page.css");

/// Questions, endings and reasons that are drawn.
const ROWS: usize = 12;
const REASONS: usize = 4;

/// The whole page.
#[must_use]
pub fn html(measures: &Measures) -> String {
    let mut page = Markup::default();
    head(&mut page, measures);
    tiles(&mut page, measures);
    if measures.runs.begun > 0 {
        velocity(&mut page, measures);
        exceptions(&mut page, measures);
        cycle(&mut page, measures);
        cost(&mut page, measures);
        rungs(&mut page, measures);
    }
    page.tag(COUNTED);
    page::whole(&format!("{}: the measures that matter", measures.flow), STYLE, &page)
}

/// How it is counted, in as many words as a page has room for.
const COUNTED: &str = "<footer>\n<details><summary>How this is counted</summary>\n<p>Every figure is of the runs that \
    began in the period, and made from the journal alone. An outcome is a run that ended done, and with what its flow \
    says makes an outcome, where it says so. An exception is a run that asked a person or ended without an outcome. Cost \
    is everything that was charged for these runs, those without an outcome too: work, models, waste (attempts whose \
    output was not used), people and overhead. Worth and time by hand are what the flow's owner declares. Half of the \
    outcomes took no longer than p50, nine in ten no longer than p90. An answer changed the result when it was a no, or \
    a value of which the flow takes something else than of the one shown. A question is noise when of twenty answers or \
    more over 95 % went the same way.</p></details>\n</footer>\n";

fn head(page: &mut Markup, measures: &Measures) {
    page.tag("<header>\n<h1>").text(&measures.flow);
    if let Some(outcome) = &measures.outcome {
        page.tag(" <span>").text(short(outcome, 80)).tag("</span>");
    }
    page.tag("</h1>\n<p class=\"period\">").text(period(measures)).tag("</p>\n");
    page.tag("<p class=\"period\">").text(runs_told(measures)).tag("</p>\n");
    for note in notes(measures) {
        let tone =
            if note.starts_with("noise") { "<p class=\"told alarms\">" } else { "<p class=\"told weighs\">" };
        page.tag(tone).text(note).tag("</p>\n");
    }
    page.tag("</header>\n");
}

fn tiles(page: &mut Markup, measures: &Measures) {
    page.tag("<div class=\"tiles\">\n");
    outcomes_tile(page, measures);
    value_tiles(page, measures);
    exceptions_tile(page, &measures.exceptions);
    cycle_tile(page, &measures.cycle);
    judgment_tile(page, &measures.judgment);
    page.tag("</div>\n");
}

fn outcomes_tile(page: &mut Markup, measures: &Measures) {
    let velocity = &measures.velocity;
    let rate = velocity.rate.known().map(|it| format!("{} each {}", it.outcomes, it.each));
    let alone = format!("{} without a person", velocity.without_a_person.words());
    let beside = [rate.unwrap_or_else(|| why(&velocity.rate)), alone];
    tile(page, "Outcomes", &number(velocity.outcomes.n), &beside);
}

fn value_tiles(page: &mut Markup, measures: &Measures) {
    let Measures { value, cost, .. } = measures;
    let worth = value.worth.known().map(|worth| format!("{worth} declared worth"));
    let spent = cost.total.known().map(|total| format!("for {}", money(total)));
    let beside = [worth.unwrap_or_else(|| why(&value.worth)), spent.unwrap_or_else(|| why(&cost.total))];
    let ratio = value.per_unit_of_cost.known().map(|ratio| format!("{ratio} ×"));
    tile(page, "Worth for cost", &or_dash(ratio), &beside);
    let waste = cost.waste_percent.known().map(|it| format!("{it} % wasted"));
    let each = or_dash(cost.per_outcome.known().map(money));
    tile(page, "Cost of an outcome", &each, &[waste.unwrap_or_else(|| why(&cost.per_outcome))]);
}

fn exceptions_tile(page: &mut Markup, exceptions: &Exceptions) {
    let (asked, ended) = (number(exceptions.asked), number(exceptions.ended));
    let beside =
        [format!("{} runs", of(exceptions.runs)), format!("{asked} asked, {ended} without an outcome")];
    tile(page, "Exceptions", &percent(exceptions.runs), &beside);
}

fn cycle_tile(page: &mut Markup, cycle: &Cycle) {
    let p50 = or_dash(cycle.p50.known().map(|p50| duration(*p50)));
    let p90 = cycle.p90.known().map(|p90| format!("nine in ten within {}", duration(*p90)));
    let by_hand = cycle.by_hand.known().map(|it| format!("{} by hand, as declared", duration(*it)));
    let beside = [p90.unwrap_or_else(|| why(&cycle.p90)), by_hand.unwrap_or_else(|| why(&cycle.by_hand))];
    tile(page, "Cycle time, half within", &p50, &beside);
}

fn judgment_tile(page: &mut Markup, judgment: &Judgment) {
    let minutes = format!("{} of {} minutes changed the result", judgment.changed_minutes, judgment.minutes);
    let estimated = match judgment.estimated_minutes.is_zero() {
        true => "all minutes are stated".into(),
        false => format!("{} of them estimated", judgment.estimated_minutes),
    };
    let (share, beside) = match judgment.percent.known() {
        Some(percent) => (Some(format!("{percent} %")), vec![minutes, estimated]),
        None => (None, vec![why(&judgment.percent)]),
    };
    tile(page, "Judgment yield", &or_dash(share), &beside);
}

/// A figure, or a dash where it is not known.
fn or_dash(figure: Option<String>) -> String {
    figure.unwrap_or_else(|| "–".into())
}

fn tile(page: &mut Markup, name: &str, figure: &str, beside: &[String]) {
    page.tag("<section class=\"tile\">\n<h2>")
        .text(name)
        .tag("</h2>\n<p class=\"figure\">")
        .text(figure)
        .tag("</p>\n");
    for line in beside {
        page.tag("<p>").text(line).tag("</p>\n");
    }
    page.tag("</section>\n");
}

/// Why a figure is not there.
fn why<T>(figure: &Figure<T>) -> String {
    match figure {
        Figure::Known(_) => String::new(),
        Figure::Unknown(why) => (*why).into(),
    }
}

fn percent(share: Share) -> String {
    or_dash(share.percent().map(|percent| format!("{percent} %")))
}

fn of(share: Share) -> String {
    format!("{} of {}", number(share.n), number(share.of))
}

/// An amount at a glance: as many digits as tell something, the exact one stands in the tables.
fn money(money: &Money) -> String {
    let digits = if money.amount >= Decimal::ONE { 2 } else { 3 };
    let short = money.amount.round_sf(digits).filter(|_| money.amount < Decimal::ONE);
    let amount = short.unwrap_or_else(|| money.amount.round_dp(2));
    Money { amount, currency: money.currency }.to_string()
}

fn section(page: &mut Markup, title: &str, about: &str) {
    page.tag("<section>\n<h2>").text(title).tag("</h2>\n<p class=\"about\">").text(about).tag("</p>\n");
}

/// What the colours of a drawing mean.
fn legend(page: &mut Markup, names: &[(Tone, String)]) {
    page.tag("<p class=\"legend\">");
    for (tone, name) in names {
        page.tag("<span><i class=\"").tag(tone.class()).tag("\"></i>").text(name).tag("</span> ");
    }
    page.tag("</p>\n");
}

fn velocity(page: &mut Markup, measures: &Measures) {
    let unit = measures.series.unit;
    let title = format!("Outcomes by {}", unit.word());
    section(page, &title, "Runs by when they ended, in UTC.");
    let names = [
        (Tone::Good, "done without a person"),
        (Tone::Person, "done with a person"),
        (Tone::Bad, "ended without an outcome"),
    ];
    legend(page, &names.map(|(tone, name)| (tone, name.to_owned())));
    let each = measures.series.points.iter().map(|point| {
        let label = unit.label(point.from);
        let counts = [point.done_without_a_person, point.done_with_a_person, point.ended_otherwise];
        let part = |((tone, name), count): ((Tone, &str), u64)| Part {
            tone,
            size: count as f64,
            told: format!("{}: {} {name}", unit.name(point.from), number(count)),
        };
        Column { parts: names.into_iter().zip(counts).map(part).collect(), label }
    });
    let each: Vec<Column> = each.collect();
    page.add(&columns(
        &title,
        &runs_told(measures),
        &each,
        &[],
        &Axis { write: &count, step: 1.0, scale: None },
    ));
    page.tag("</section>\n");
}

fn count(number: f64) -> String {
    crate::plain::number(number as u64)
}

fn exceptions(page: &mut Markup, measures: &Measures) {
    let it = &measures.exceptions;
    section(
        page,
        "Why the normal case did not run through",
        "Questions by the condition that opened them, with what people answered.",
    );
    if measures.questions.is_empty() && it.ended == 0 {
        page.tag("<p class=\"none\">Every run went straight through.</p>\n");
    }
    for question in measures.questions.iter().take(ROWS) {
        question_row(page, question, measures.runs.begun);
    }
    beyond(page, measures.questions.len(), measures.more_questions, "questions are not shown");
    if it.ended > 0 {
        page.tag("<h3>Ended without an outcome</h3>\n<ul class=\"plain\">\n");
        for ending in it.endings.iter().take(ROWS) {
            let reason =
                ending.reason.as_deref().map_or_else(|| "no reason recorded".into(), |it| short(it, 160));
            page.tag("<li><b class=\"alarms\">").text(ending.state).tag("</b><div>").text(reason);
            page.tag("<p>").text(plural(ending.runs, "run", "runs")).tag("</p></div></li>\n");
        }
        page.tag("</ul>\n");
        beyond(page, it.endings.len(), it.more_endings, "runs ended for other reasons");
    }
    page.tag("</section>\n");
}

fn beyond(page: &mut Markup, listed: usize, more: u64, what: &str) {
    let beyond = listed.saturating_sub(ROWS) as u64 + more;
    if beyond > 0 {
        page.tag("<p class=\"none\">").text(format!("{} {what}.", number(beyond))).tag("</p>\n");
    }
}

fn question_row(page: &mut Markup, question: &Question, begun: u64) {
    let of_runs = Share { n: question.runs, of: begun };
    page.tag("<div class=\"question\">\n<h3><code>")
        .text(short(&question.condition, 100))
        .tag("</code></h3>\n");
    let open = if question.waiting > 0 {
        format!(", {} still open", number(question.waiting))
    } else {
        String::new()
    };
    let asks = format!("{} asks {} in {}{open}", question.step, question.role, of_runs.words_of(" runs"));
    page.tag("<p class=\"about\">").text(asks).tag("</p>\n");
    if question.answered > 0 {
        let tones = [Tone::Good, Tone::Other, Tone::Person];
        let listed: Vec<(Tone, String, u64)> = question
            .ways
            .iter()
            .zip(tones)
            .map(|(way, tone)| {
                let tone = if way.words() == "no" { Tone::Bad } else { tone };
                (tone, short(&way.words(), 48), way.times)
            })
            .collect();
        let rest = question.answered - listed.iter().map(|(.., times)| times).sum::<u64>();
        let rest = (rest > 0).then(|| (Tone::Plain, "other answers".to_owned(), rest));
        bar(page, "Answers", &listed.into_iter().chain(rest).collect::<Vec<_>>());
    }
    let class =
        if question.judged == Judged::Noise { "<p class=\"judged alarms\">" } else { "<p class=\"judged\">" };
    page.tag(class).text(judged(question)).tag("</p>\n");
    if !question.reasons.is_empty() {
        page.tag("<ul class=\"reasons\">\n");
        for reason in question.reasons.iter().take(REASONS) {
            page.tag("<li><q>").text(short(&reason.reason, 160)).tag("</q> <span>");
            page.text(plural(reason.times, "time", "times")).tag("</span></li>\n");
        }
        page.tag("</ul>\n");
    }
    page.tag("</div>\n");
}

/// A bar in shares, with what its parts are below it.
fn bar(page: &mut Markup, title: &str, parts: &[(Tone, String, u64)]) {
    let whole: u64 = parts.iter().map(|(.., times)| times).sum();
    let words = |name: &str, times: u64| format!("{name} {}", Share { n: times, of: whole }.words());
    let told: Vec<String> = parts.iter().map(|(_, name, times)| words(name, *times)).collect();
    let each = parts.iter().zip(&told).map(|((tone, _, times), told)| Part {
        tone: *tone,
        size: *times as f64,
        told: told.clone(),
    });
    page.add(&shares(title, &told.join(", "), &each.collect::<Vec<_>>()));
    legend(page, &parts.iter().zip(told).map(|((tone, ..), told)| (*tone, told)).collect::<Vec<_>>());
}

fn cycle(page: &mut Markup, measures: &Measures) {
    const TITLE: &str = "How long an outcome takes";
    let it = &measures.cycle;
    let about = "Outcomes by the time from a run's beginning to its end, people's time to answer included.";
    section(page, TITLE, about);
    let Some(first) = it.spread.first() else {
        page.tag("<p class=\"none\">No run has come to its outcome yet.</p>\n</section>\n");
        return;
    };
    let each: Vec<Column> = it.spread.iter().map(took).collect();
    let marks = marks(it);
    let about = marks.iter().map(|mark| mark.label.as_str()).collect::<Vec<_>>().join(", ");
    let axis = Axis { write: &count, step: 1.0, scale: Some(edge(first.from)) };
    page.add(&columns(TITLE, &about, &each, &marks, &axis));
    if let Some(waited) = it.waited.percent() {
        let words = format!("{waited} % of that time went by while people were waited for.");
        page.tag("<p class=\"about\">").text(words).tag("</p>\n");
    }
    page.tag("</section>\n");
}

/// How many took so long, as a column that reaches to where they took longer.
fn took(took: &Took) -> Column {
    let below = took.below.map_or_else(|| "longer".into(), duration);
    let told = format!("{} to {below}: {}", duration(took.from), plural(took.runs, "outcome", "outcomes"));
    let part = Part { tone: Tone::Good, size: took.runs as f64, told };
    Column { label: took.below.map_or_else(|| "longer".into(), edge), parts: vec![part] }
}

/// An edge of the scale, which is whole.
fn edge(at: Span) -> String {
    match at.0 {
        0 => "0".into(),
        _ => duration(at).replace(".0 ", " "),
    }
}

/// The times that matter, across the columns.
fn marks(cycle: &Cycle) -> Vec<Mark> {
    let all = [
        ("half within", &cycle.p50),
        ("nine in ten within", &cycle.p90),
        ("by hand, as declared:", &cycle.by_hand),
    ];
    let marks = all.iter().filter_map(|(name, figure)| {
        let at = *figure.known()?;
        Some(Mark { at: place(&cycle.spread, at), label: format!("{name} {}", duration(at)) })
    });
    marks.collect()
}

/// Where a time stands among the columns: in its own, as far along as its logarithm is.
fn place(spread: &[Took], at: Span) -> f64 {
    let within = |took: &&Took| took.from <= at && took.below.is_none_or(|below| at < below);
    let nth = spread.iter().position(|took| within(&took)).unwrap_or_default();
    let edges = spread.get(nth).and_then(|took| Some((took.from.0.max(1) as f64, took.below?.0 as f64)));
    let along = edges.map_or(0.5, |(from, below)| {
        ((at.0.max(1) as f64 / from).ln() / (below / from).ln()).clamp(0.0, 1.0)
    });
    nth as f64 + along
}

const KINDS: [(CostKind, Tone); 5] = [
    (CostKind::Work, Tone::Good),
    (CostKind::Models, Tone::Other),
    (CostKind::People, Tone::Person),
    (CostKind::Overhead, Tone::Plain),
    (CostKind::Waste, Tone::Bad),
];

fn cost(page: &mut Markup, measures: &Measures) {
    let unit = measures.series.unit;
    let currency =
        measures.cost.total.known().map(|total| format!(" in {}", total.currency)).unwrap_or_default();
    let title = format!("Cost by {}", unit.word());
    section(
        page,
        &title,
        &format!("Everything that was charged for these runs{currency}, by when it was charged."),
    );
    let Figure::Known(total) = &measures.cost.total else {
        page.tag("<p class=\"none\">").text(capital(&why(&measures.cost.total))).tag(".</p>\n</section>\n");
        return;
    };
    legend(page, &parts_of_cost(measures, total.amount));
    page.add(&columns(
        &title,
        &format!("{total} in all"),
        &cost_over_time(&measures.series),
        &[],
        &Axis { write: &in_two_digits, step: 0.0, scale: None },
    ));
    page.tag("</section>\n");
}

/// What each kind of cost comes to, and how much of the whole that is.
fn parts_of_cost(measures: &Measures, total: Decimal) -> Vec<(Tone, String)> {
    let parts = KINDS.iter().filter_map(|(kind, tone)| Some((kind, *tone, measures.cost.parts.get(kind)?)));
    parts
        .map(|(kind, tone, part)| {
            let share = super::percent(part.amount, total).map(|it| format!(", {it} %")).unwrap_or_default();
            (tone, format!("{} {}{share}", kind.word(), money(part)))
        })
        .collect()
}

/// A column for each stretch of time, the kinds of cost on top of each other.
fn cost_over_time(series: &Series) -> Vec<Column> {
    let unit = series.unit;
    let column = |point: &Point| {
        let part = |(kind, tone): &(CostKind, Tone)| {
            let part = point.cost.get(kind)?;
            let told = format!("{}: {} {}", unit.name(point.from), money(part), kind.word());
            Some(Part { tone: *tone, size: part.amount.to_f64().unwrap_or_default(), told })
        };
        Column { parts: KINDS.iter().filter_map(part).collect(), label: unit.label(point.from) }
    };
    series.points.iter().map(column).collect()
}

/// An amount beside an axis: two digits that count.
fn in_two_digits(amount: f64) -> String {
    Decimal::try_from(amount)
        .map_or_else(|_| String::new(), |it| it.round_sf(2).unwrap_or(it).normalize().to_string())
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn rungs(page: &mut Markup, measures: &Measures) {
    section(
        page,
        "Who answered",
        "For each step whose output is judged, the rung of its ladder that settled it.",
    );
    if measures.rungs.is_empty() {
        page.tag("<p class=\"none\">No step of this flow is judged.</p>\n");
    }
    for rungs in measures.rungs.chunk_by(|one, next| one.step == next.step) {
        let told = |rung: &RungCount| {
            let tone = if rung.by == "a person" { Tone::Person } else { Tone::nth(rung.rung) };
            (tone, format!("{}. {}", rung.rung + 1, short(&rung.by, 60)), rung.times.n)
        };
        if let Some(first) = rungs.first() {
            page.tag("<h3><code>").text(&first.step).tag("</code></h3>\n");
            bar(page, "Which rung answered", &rungs.iter().map(told).collect::<Vec<_>>());
        }
    }
    page.tag("</section>\n");
}
