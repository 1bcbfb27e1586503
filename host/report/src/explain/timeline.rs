//! An account as a drawing: a row a step, what took time as bars by lane, what was decided as marks under them, and who
//! held responsibility below.
//!
//! A run is a few milliseconds of work and hours of waiting, so time is not to scale: of two spans the longer one is
//! drawn longer, by its logarithm. The axis says what time it is where it matters.

use super::{Account, Bar, Event, Holder, StepAccount, Worked};
use crate::log::format as told;
use crate::page::Markup;
use crate::plain::{duration, short};
use kapell_model::quantity::{Span, Timestamp};
use std::collections::BTreeSet;

/// Where time begins, in units of the drawing.
const LEFT: f64 = 150.0;
/// Where it ends.
const RIGHT: f64 = 985.0;
/// The height of a step's row.
const ROW: f64 = 38.0;
/// The height of a row of responsibility.
const HELD: f64 = 26.0;
/// The room a letter takes.
const LETTER: f64 = 6.2;

/// The drawing.
pub(super) fn drawn(account: &Account) -> Markup {
    let scale = Scale::of(account);
    let decisions = || account.holders.iter().filter(|it| it.for_a_decision);
    let steps = ROW * count(account.steps.len());
    let height = steps + HELD * count(decisions().count() + 1) + 50.0;
    let mut svg = Markup::default();
    svg.tag("<svg role=\"img\" viewBox=\"0 0 1000 ").text(rounded(height));
    svg.tag("\"><title>").text(format!("The course of {}", account.run)).tag("</title>\n");
    axis(&mut svg, &scale, height - 34.0);
    for (index, step) in account.steps.iter().enumerate() {
        row(&mut svg, &scale, step, ROW * count(index));
    }
    held(&mut svg, &scale, account, steps + 8.0);
    for (index, decision) in decisions().enumerate() {
        decided(&mut svg, &scale, decision, steps + 8.0 + HELD * count(index + 1));
    }
    svg.tag("</svg>\n");
    svg
}

/// Where instants stand.
struct Scale {
    places: Vec<(Timestamp, f64)>,
}

impl Scale {
    fn of(account: &Account) -> Self {
        let mut instants = BTreeSet::from([account.asked.at, account.until]);
        for step in &account.steps {
            instants.extend(step.bars.iter().flat_map(|bar| [Some(bar.from), bar.until]).flatten());
            instants.extend(step.events.iter().map(|event| event.at));
        }
        instants.extend(account.holders.iter().flat_map(|it| [Some(it.from), it.until]).flatten());
        let instants: Vec<Timestamp> = instants.into_iter().collect();
        let weights = instants.windows(2).map(|pair| match pair {
            [from, until] => weight(until.0.saturating_sub(from.0)),
            _ => 0.0,
        });
        let weights: Vec<f64> = weights.collect();
        let all: f64 = weights.iter().sum();
        // What is open goes on past the last instant that is known.
        let last = if account.over { RIGHT } else { RIGHT - 150.0 };
        let mut so_far = 0.0;
        let ends = weights.iter().map(|weight| {
            so_far += weight;
            LEFT + (last - LEFT) * so_far / all
        });
        let places = std::iter::once(LEFT).chain(ends);
        Self { places: instants.iter().copied().zip(places).collect() }
    }

    /// The place of an instant: of the nearest one before it, where it is none of the account's.
    fn x(&self, at: Timestamp) -> f64 {
        self.places.iter().take_while(|(known, _)| *known <= at).last().map_or(LEFT, |(_, x)| *x)
    }
}

/// How long a span is drawn, beside others.
fn weight(ms: u64) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "a drawing needs no more than 52 bits of a time")]
    let ms = ms as f64;
    1.0 + 3.0 * (1.0 + ms).log10()
}

fn count(rows: usize) -> f64 {
    u32::try_from(rows).map_or(0.0, f64::from)
}

fn rounded(number: f64) -> String {
    format!("{number:.1}")
}

fn width_of(text: &str) -> f64 {
    LETTER * count(text.chars().count())
}

/// Lines and times at the instants that have room for them, the first and the last before all others.
fn axis(svg: &mut Markup, scale: &Scale, bottom: f64) {
    let mut shown: Vec<(Timestamp, f64)> = Vec::new();
    let ends = scale.places.first().into_iter().chain(scale.places.last());
    for (at, x) in ends.chain(&scale.places) {
        let (from, until) = told_between(*x);
        let is_free = |other: &(Timestamp, f64)| {
            let (begin, end) = told_between(other.1);
            until + 12.0 < begin || end + 12.0 < from
        };
        if shown.iter().all(is_free) {
            shown.push((*at, *x));
        }
    }
    shown.sort_by_key(|(at, _)| *at);
    let mut today = String::new();
    for (at, x) in shown {
        line(svg, "<line class=\"grid\"", (x, 0.0), (x, bottom));
        let anchor = if told_between(x).0 < x { "end" } else { "start" };
        text(svg, (x, bottom + 13.0), anchor, &told(at, "%H:%M:%S%.3f"));
        let day = told(at, "%Y-%m-%d");
        if day != today {
            text(svg, (x, bottom + 27.0), anchor, &day);
            today = day;
        }
    }
}

/// From where to where a time is written that belongs to a place: to its left where there is no room to its right.
fn told_between(x: f64) -> (f64, f64) {
    const TIME: f64 = 84.0;
    if x + TIME > RIGHT { (x - TIME, x) } else { (x, x + TIME) }
}

fn row(svg: &mut Markup, scale: &Scale, step: &StepAccount, top: f64) {
    line(svg, "<line class=\"row\"", (0.0, top + ROW), (1000.0, top + ROW));
    text(svg, (0.0, top + 17.0), if step.untouched { "soft" } else { "name" }, &short(step.id.as_str(), 20));
    step.bars.iter().for_each(|it| bar(svg, scale, it, top));
    match (step.bars.as_slice(), step.events.first()) {
        ([], None) => text(svg, (LEFT, top + 17.0), "soft", &step.came_to),
        ([], Some(event)) => text(svg, (scale.x(event.at) + 8.0, top + 17.0), "soft", &step.came_to),
        ([.., last], _) => label(svg, scale, step, last, top),
    }
    step.events.iter().for_each(|event| mark(svg, scale, event, top + 29.0));
}

fn bar(svg: &mut Markup, scale: &Scale, bar: &Bar, top: f64) {
    let (from, until) = (scale.x(bar.from), bar.until.map_or(RIGHT, |until| scale.x(until)));
    let how = match bar.worked {
        Worked::Well => "",
        Worked::Badly => " badly",
        Worked::Open => " open",
    };
    let lane = if bar.asked { "judgment asked" } else { bar.lane.word() };
    svg.tag("<rect class=\"bar ").text(lane).text(how).tag("\" rx=\"2\"");
    place(svg, (from, top + 6.0), ((until - from).max(3.0), 15.0));
    svg.tag("><title>").text(format!("{}, {}", bar.name, lasted(bar))).tag("</title></rect>\n");
}

/// What took how long, beside the last bar of a row, on the side where there is room.
fn label(svg: &mut Markup, scale: &Scale, step: &StepAccount, last: &Bar, top: f64) {
    let words = match (step.bars.len(), last.asked) {
        (1, true) => format!("asked {}, {}", last.name, lasted(last)),
        (1, false) => format!("{}, {}", last.name, lasted(last)),
        (many, _) => format!("last of {many}: {}, {}", last.name, lasted(last)),
    };
    let words = short(&words, 60);
    let until = last.until.map_or(RIGHT, |until| scale.x(until));
    let from = step.bars.first().map_or(until, |bar| scale.x(bar.from));
    let end = until.max(from + 3.0);
    let y = top + 17.5;
    match () {
        () if end + 6.0 + width_of(&words) < RIGHT => text(svg, (end + 6.0, y), "start", &words),
        () if from - 6.0 - width_of(&words) > LEFT => text(svg, (from - 6.0, y), "end", &words),
        () => text(svg, (scale.x(last.from) + 6.0, y), "inside", &words),
    }
}

fn lasted(bar: &Bar) -> String {
    match bar.until {
        Some(until) => duration(Span(until.0.saturating_sub(bar.from.0))),
        None => "not over".into(),
    }
}

/// What was decided about a step, and what moved while it waited.
fn mark(svg: &mut Markup, scale: &Scale, event: &Event, y: f64) {
    let tone = event.tone.map_or("plain", crate::review::Tone::word);
    let x = scale.x(event.at);
    match event.kind {
        "attempt-started" | "attempt-ended" | "question-asked" => return,
        "expectation-judged" | "ladder-moved" => {
            svg.tag("<rect class=\"mark ").text(tone).tag("\" transform=\"rotate(45 ").text(rounded(x));
            svg.tag(" ").text(rounded(y)).tag(")\"");
            place(svg, (x - 3.0, y - 3.0), (6.0, 6.0));
        }
        _ => {
            svg.tag("<circle class=\"mark ").text(tone).tag("\" r=\"3.6\" cx=\"").text(rounded(x));
            svg.tag("\" cy=\"").text(rounded(y)).tag("\"");
        }
    }
    svg.tag("><title>").text(&event.words).tag("</title>");
    svg.tag(if matches!(event.kind, "expectation-judged" | "ladder-moved") {
        "</rect>\n"
    } else {
        "</circle>\n"
    });
}

/// Who held the run, one after another.
fn held(svg: &mut Markup, scale: &Scale, account: &Account, top: f64) {
    text(svg, (0.0, top + 15.0), "name", "responsible");
    let holders: Vec<&Holder> = account.holders.iter().filter(|it| !it.for_a_decision).collect();
    let mut known: Vec<&str> = Vec::new();
    for holder in holders {
        let place_of = known.iter().position(|it| *it == holder.name());
        let shade = place_of.unwrap_or_else(|| {
            known.push(holder.name());
            known.len() - 1
        });
        let (from, until) = (scale.x(holder.from), holder.until.map_or(RIGHT, |until| scale.x(until)));
        svg.tag("<rect class=\"held shade").text(shade % 4).tag("\"");
        place(svg, (from, top + 2.0), ((until - from).max(1.0), 18.0));
        svg.tag("><title>").text(format!("{}: {}", holder.name(), holder.why)).tag("</title></rect>\n");
        let name = short(holder.name(), 30);
        if width_of(&name) + 8.0 < until - from {
            text(svg, (from + 4.0, top + 15.0), "inside", &name);
        }
    }
}

/// Somebody's decision, theirs from then on.
fn decided(svg: &mut Markup, scale: &Scale, decision: &Holder, top: f64) {
    let (x, y) = (scale.x(decision.from), top + 12.0);
    line(svg, "<line class=\"decision\"", (x, y), (RIGHT, y));
    svg.tag("<circle class=\"decision\" r=\"4\" cx=\"")
        .text(rounded(x))
        .tag("\" cy=\"")
        .text(rounded(y))
        .tag("\"/>\n");
    let words = short(&format!("{} {}", decision.name(), decision.why), 90);
    let fits = x - 8.0 - width_of(&words) > LEFT;
    match fits {
        true => text(svg, (x - 8.0, y + 4.0), "end", &words),
        false => text(svg, (LEFT, y - 4.0), "start", &words),
    }
}

fn line(svg: &mut Markup, begun: &'static str, from: (f64, f64), until: (f64, f64)) {
    svg.tag(begun).tag(" x1=\"").text(rounded(from.0)).tag("\" y1=\"").text(rounded(from.1));
    svg.tag("\" x2=\"").text(rounded(until.0)).tag("\" y2=\"").text(rounded(until.1)).tag("\"/>\n");
}

fn place(svg: &mut Markup, at: (f64, f64), size: (f64, f64)) {
    svg.tag(" x=\"").text(rounded(at.0)).tag("\" y=\"").text(rounded(at.1));
    svg.tag("\" width=\"").text(rounded(size.0)).tag("\" height=\"").text(rounded(size.1)).tag("\"");
}

fn text(svg: &mut Markup, at: (f64, f64), class: &str, words: &str) {
    svg.tag("<text class=\"")
        .text(class)
        .tag("\" x=\"")
        .text(rounded(at.0))
        .tag("\" y=\"")
        .text(rounded(at.1));
    svg.tag("\">").text(words).tag("</text>\n");
}
