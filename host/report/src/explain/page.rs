//! An account as one page that stands alone: what happened drawn as a timeline, then told step by step.

use super::failing::grouped;
use super::text::{doubts, pairs, spent};
use super::{Account, Event, StepAccount, timeline};
use crate::cost::CostKind;
use crate::gate::block;
use crate::log::instant;
use crate::page::{Markup, whole};
use crate::plain::{line, short, value};
use crate::review::Tone;
use kapell_model::plan::Lane;
use serde_json::Value;

const STYLE: &str = include_str!("page.css");

/// How long a value may be to stand open; a longer one is unfolded.
const OPEN: usize = 160;
/// How much of a value is on the page at all; the JSON of the account has all of it.
const MOST: usize = 20_000;

/// The whole page.
#[must_use]
pub fn html(account: &Account) -> String {
    let mut page = Markup::default();
    head(&mut page, account);
    section(&mut page, "The course of it", |page| {
        page.tag("<div class=\"wide\">\n").add(&timeline::drawn(account)).tag("</div>\n");
        key(page);
    });
    section(&mut page, "Step by step", |page| account.steps.iter().for_each(|it| step(page, it)));
    if !account.events.is_empty() {
        section(&mut page, "The run as a whole", |page| events(page, &account.events));
    }
    section(&mut page, "Who held responsibility", |page| holders(page, account));
    section(&mut page, "What it cost", |page| cost(page, account));
    section(&mut page, "What happens when it goes wrong", |page| failing(page, account));
    section(&mut page, "What exactly it rests on", |page| {
        pairs_of(page, account.flow.pinned.iter().map(|(name, what)| (name.as_str(), what.as_str())));
    });
    if !account.checked.holds.is_empty() {
        section(&mut page, "What was checked of its record", |page| plain_list(page, &account.checked.holds));
    }
    if !account.unknown.is_empty() {
        section(&mut page, "What this can't tell", |page| plain_list(page, &account.unknown));
    }
    let about = account.about.as_ref().map(|step| format!(", step {step}")).unwrap_or_default();
    whole(&format!("{}{about}, explained", account.run), STYLE, &page)
}

fn head(page: &mut Markup, account: &Account) {
    let about = account.about.as_ref().map(|step| format!("Step {step} of ")).unwrap_or_default();
    page.tag("<header>\n<h1>").text(format!("{about}{}", account.run));
    page.tag(" <span>a run of ")
        .text(format!("{} {}", account.flow.name, account.flow.version))
        .tag("</span></h1>\n");
    for (index, told) in account.standing.iter().enumerate() {
        let strong = if index == 0 { tone(account).word() } else { "more" };
        page.tag("<p class=\"told ").text(strong).tag("\">").coded(told).tag("</p>\n");
    }
    for told in doubts(account) {
        page.tag("<p class=\"told ").text(Tone::Alarms.word()).tag("\">").coded(&told).tag("</p>\n");
    }
    let pairs = pairs(account);
    pairs_of(page, pairs.iter().map(|(name, what)| (name.as_str(), what.as_str())));
    page.tag("</header>\n");
}

fn tone(account: &Account) -> Tone {
    match (account.over, account.state) {
        (true, "done") => Tone::Quiet,
        (true, _) => Tone::Alarms,
        (false, _) => Tone::Weighs,
    }
}

fn section(page: &mut Markup, title: &'static str, body: impl FnOnce(&mut Markup)) {
    page.tag("<section>\n<h2>").tag(title).tag("</h2>\n");
    body(page);
    page.tag("</section>\n");
}

fn pairs_of<'p>(page: &mut Markup, pairs: impl Iterator<Item = (&'p str, &'p str)>) {
    page.tag("<dl>\n");
    for (name, what) in pairs {
        page.tag("<dt>").text(line(name)).tag("</dt><dd>").coded(what).tag("</dd>\n");
    }
    page.tag("</dl>\n");
}

fn plain_list(page: &mut Markup, lines: &[String]) {
    page.tag("<ul>\n");
    for it in lines {
        page.tag("<li><div>").coded(it).tag("</div></li>\n");
    }
    page.tag("</ul>\n");
}

/// What the colours of the drawing stand for.
fn key(page: &mut Markup) {
    page.tag("<p class=\"key\">");
    for lane in [Lane::Logic, Lane::Intelligence, Lane::Systems, Lane::Judgment] {
        page.tag("<span><i class=\"").text(lane.word()).tag("\"></i>").text(lane.word()).tag("</span>\n");
    }
    page.tag("<span>marks are decisions</span>\n");
    page.tag("<span>longer spans are drawn longer by their logarithm, not to scale</span></p>\n");
}

fn step(page: &mut Markup, step: &StepAccount) {
    page.tag("<h3>").text(format!("{}. {}", step.number, step.id));
    page.tag(" <span>").text(&step.came_to).tag("</span></h3>\n<div class=\"plan\">\n");
    for it in &step.plan {
        page.tag("<p>").coded(it).tag("</p>\n");
    }
    page.tag("</div>\n");
    events(page, &step.events);
}

fn events(page: &mut Markup, events: &[Event]) {
    page.tag("<ul>\n");
    for event in events {
        page.tag("<li><b class=\"")
            .text(event.tone.map_or("plain", Tone::word))
            .tag("\">")
            .text(word(event.kind));
        page.tag("</b><div><p class=\"words\">").coded(&event.words).tag("</p>");
        page.tag("<time>").text(format!("{} UTC, entry {}", instant(event.at), event.seq)).tag("</time>");
        values(page, event);
        for note in &event.notes {
            page.tag("<p>").text(note).tag("</p>");
        }
        page.tag("</div></li>\n");
    }
    page.tag("</ul>\n");
}

/// A kind of entry in a word.
fn word(kind: &'static str) -> &'static str {
    match kind {
        "run-started" => "begun",
        "requirement-failed" => "refused",
        "step-skipped" => "left out",
        "step-chosen" => "taken",
        "budget-passed" => "budget",
        "attempt-started" => "try",
        "attempt-ended" => "ending",
        "expectation-judged" => "judged",
        "ladder-moved" => "ladder",
        "question-asked" => "asked",
        "question-reminded" => "reminded",
        "question-escalated" => "escalated",
        "question-expired" => "expired",
        "question-answered" => "answer",
        "question-overridden" => "override",
        "doubt-raised" => "in doubt",
        "run-resumed" => "resumed",
        "cancel-asked" => "stop",
        _ => "end",
    }
}

fn values(page: &mut Markup, event: &Event) {
    if event.values.is_empty() {
        return;
    }
    let is_question = event.kind == "question-asked";
    page.tag("<dl>\n");
    for (name, it) in &event.values {
        page.tag("<dt>").text(line(name)).tag("</dt><dd>");
        match is_question {
            true => {
                page.tag("<pre>").text(cut(&block(it, 0))).tag("</pre>");
            }
            false => folded(page, it),
        }
        page.tag("</dd>\n");
    }
    page.tag("</dl>");
}

/// A value: short as it is, long behind its beginning.
fn folded(page: &mut Markup, it: &Value) {
    let whole = value(it, MOST);
    if whole.chars().count() <= OPEN {
        page.tag("<code>").text(whole).tag("</code>");
        return;
    }
    page.tag("<details><summary><code>").text(value(it, OPEN)).tag("</code></summary><pre>");
    page.text(cut(&block(it, 0))).tag("</pre></details>");
}

fn cut(block: &str) -> String {
    let block = block.trim_end();
    match block.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", block.get(..at).unwrap_or_default()),
        None => block.to_owned(),
    }
}

fn holders(page: &mut Markup, account: &Account) {
    page.tag("<div class=\"wide\"><table>\n<tr><th>from (UTC)</th><th>until</th><th>who</th><th>as what</th></tr>\n");
    for holder in &account.holders {
        let until = holder.until.map_or_else(|| "on".into(), instant);
        page.tag("<tr><td>").text(instant(holder.from)).tag("</td><td>").text(until).tag("</td><td>");
        page.text(holder.name()).tag("</td><td>").coded(&holder.why).tag("</td></tr>\n");
    }
    page.tag("</table></div>\n");
}

fn cost(page: &mut Markup, account: &Account) {
    const KINDS: [CostKind; 5] =
        [CostKind::Work, CostKind::Models, CostKind::Waste, CostKind::People, CostKind::Overhead];
    page.tag("<div class=\"wide\"><table class=\"money\">\n<tr><th>lane</th>");
    for kind in &KINDS {
        page.tag("<th>").text(kind.word()).tag("</th>");
    }
    page.tag("<th>total</th></tr>\n");
    for row in &account.cost.lanes {
        page.tag("<tr><td>").text(short(&row.name, 40)).tag("</td>");
        for kind in KINDS {
            let part =
                row.parts.get(&kind).map_or_else(|| "-".into(), |it| it.amount.normalize().to_string());
            page.tag("<td>").text(part).tag("</td>");
        }
        let estimated = if row.estimated { " (estimated)" } else { "" };
        page.tag("<td>").text(format!("{}{estimated}", row.total)).tag("</td></tr>\n");
    }
    page.tag("<tr class=\"sum\"><td colspan=\"7\">").text(spent(account)).tag("</td></tr>\n</table></div>\n");
}

fn failing(page: &mut Markup, account: &Account) {
    if account.about.is_none() {
        plain_list(page, &account.flow.failing);
    }
    for (steps, failing) in grouped(account.steps.iter().map(|it| (&it.id, it.failing.as_slice()))) {
        page.tag("<h3>").text(steps).tag("</h3>\n");
        plain_list(page, failing);
    }
}
