//! A review told to the person who decides: the same sections in a terminal and on a page.
//!
//! What is said is put together once; [`text`] and [`html`] only set it. Whatever the skill says of itself is a
//! stranger's text: it is shown with everything invisible made visible, and nothing in it is markup.

use crate::plain::{line, lines, number, short};
use kapell_model::digest::Digest;
use kapell_model::limits::EffectiveLimits;
use kapell_model::manifest::Wish;
use kapell_model::quantity::{Bytes, Span};
use kapell_model::review::{
    Change, Class, Difference, How, Observed, Review, ReviewedAsk, ReviewedFunction, ReviewedImport,
    ReviewedOperation, Standing,
};
use serde_json::Value;
use std::collections::BTreeMap;

mod flow;
mod page;
#[cfg(test)]
mod tests;
mod text;

pub use page::{flow_html, html};
pub use text::{flow_text, text};

/// What a review says, ready to be set.
struct Sheet {
    name: String,
    version: String,
    /// One line of what it is for.
    about: String,
    /// What a person needs to know first.
    told: Vec<(Tone, String)>,
    identity: Vec<(&'static str, String)>,
    sections: Vec<Section>,
    /// Exactly what was shown.
    shown: Digest,
}

fn sheet(review: &Review) -> Sheet {
    Sheet {
        name: review.skill.name.to_string(),
        version: review.skill.version.to_string(),
        about: line(&review.summary),
        told: summary(review),
        identity: identity(review),
        sections: sections(review),
        shown: review.digest(),
    }
}

/// One part of a review.
struct Section {
    title: String,
    rows: Vec<Row>,
    /// What stands there when there are no rows.
    none: &'static str,
}

/// One line of a section with what belongs to it.
struct Row {
    /// One word of judgement.
    mark: Option<Mark>,
    head: String,
    notes: Vec<Note>,
}

/// What belongs to a line.
enum Note {
    /// Words of ours, or a stranger's on one line.
    Words(String),
    /// A stranger's text over several lines, set apart so that none of them reads as one of ours.
    Quoted(String),
}

/// The longest text that stands beside what it is, in characters; a longer one stands below.
const BESIDE: usize = 90;

/// A word and how it should strike the reader.
#[derive(Clone, Copy)]
struct Mark {
    word: &'static str,
    tone: Tone,
}

/// How something should strike the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// It is as it should be, or reaches nothing.
    Quiet,
    /// The skill can do something in the world.
    Weighs,
    /// It is refused, or more than before.
    Alarms,
}

impl Tone {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Tone::Quiet => "quiet",
            Tone::Weighs => "weighs",
            Tone::Alarms => "alarms",
        }
    }
}

fn row(head: impl Into<String>) -> Row {
    Row { mark: None, head: head.into(), notes: Vec::new() }
}

fn marked(word: &'static str, tone: Tone, head: impl Into<String>) -> Row {
    Row { mark: Some(Mark { word, tone }), ..row(head) }
}

impl Row {
    fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(Note::Words(note.into()));
        self
    }

    /// What something was written as, word for word.
    fn quote(mut self, what: &str, text: &str) -> Self {
        if text.contains('\n') || text.chars().count() > BESIDE {
            self.notes.push(Note::Words(format!("{what}:")));
            self.notes.push(Note::Quoted(lines(text)));
            return self;
        }
        self.note(format!("{what}: {}", line(text)))
    }
}

/// Everything after the identity, in the order in which it decides.
fn sections(review: &Review) -> Vec<Section> {
    let mut sections = Vec::new();
    if let Some(difference) = &review.difference {
        let title = format!(
            "changed since {} ({})",
            difference.against.version,
            difference.against.component.short()
        );
        let mut rows: Vec<Row> = difference.changes.iter().map(change).collect();
        rows.push(verdict(difference));
        sections.push(Section { title, rows, none: "" });
    }
    sections.push(Section {
        title: "asks for".into(),
        rows: review.asks.iter().map(ask).collect(),
        none: if review.has_manifest { "nothing" } else { "nothing: it carries no manifest" },
    });
    let reach = review.grants.iter().map(|it| row(line(it))).collect();
    sections.push(Section { title: "may reach here".into(), rows: reach, none: "nothing" });
    sections.push(Section {
        title: "may spend in one attempt".into(),
        rows: limits(&review.limits),
        none: "",
    });
    let observed = review.observed.iter().flatten().map(seen).collect::<Vec<_>>();
    if review.observed.is_some() {
        sections.push(Section { title: "was seen to use".into(), rows: observed, none: "nothing" });
    }
    let imports = imports(&review.imports);
    sections.push(Section {
        title: "imports".into(),
        rows: imports,
        none: "nothing: a pure function of its input",
    });
    let operations = review.operations.iter().map(operation).collect();
    sections.push(Section { title: "operations".into(), rows: operations, none: "none" });
    sections
}

/// The first lines: what it is, by its name and its bytes.
fn identity(review: &Review) -> Vec<(&'static str, String)> {
    let approval = match &review.standing {
        Standing::Development => "not asked for: this home is for development".into(),
        Standing::Unapproved { why } => format!("none: {}", line(why)),
        Standing::Approved { approval } => {
            let until = approval.expires.map(|at| format!(" until {at}")).unwrap_or_default();
            let reason = approval.reason.as_ref().map(|it| format!(": {}", line(it))).unwrap_or_default();
            format!("by {} at {}{until}{reason}", line(&approval.by), approval.at)
        }
    };
    vec![
        ("component", format!("{}, {}", review.skill.component, Bytes(review.bytes))),
        ("owner", review.owner.as_deref().map_or("nobody is named".into(), line)),
        ("approval", approval),
    ]
}

/// What a person needs to know first.
fn summary(review: &Review) -> Vec<(Tone, String)> {
    let mut told = Vec::new();
    let refused = review.refusals().count();
    if refused > 0 {
        told.push((Tone::Alarms, format!("{refused} refused: it can't run here and can't be approved")));
    }
    if let Some(difference) = &review.difference {
        let wider = difference.changes.iter().filter(|change| change.widens()).count();
        if wider > 0 {
            let words = if wider == 1 { "1 change lets".into() } else { format!("{wider} changes let") };
            told.push((Tone::Alarms, format!("{words} it do more than before")));
        }
        if !difference.version.fits {
            told.push((Tone::Alarms, "its version number does not say what changed".into()));
        }
    }
    if told.is_empty() && review.asks_for_nothing() {
        told.push((Tone::Quiet, "it asks for nothing and reaches nothing".into()));
    }
    told
}

fn change(change: &Change) -> Row {
    let tone = match (change.widens(), change.how) {
        (true, _) => Tone::Alarms,
        (false, How::Narrowed) => Tone::Quiet,
        (false, _) => Tone::Weighs,
    };
    let head = format!("{} {}", change.part.word(), line(&change.what));
    let row = marked(change.how.word(), tone, head);
    match (&change.before, &change.after) {
        (Some(before), Some(after)) => {
            row.note(format!("was: {}", line(before))).note(format!("is:  {}", line(after)))
        }
        (Some(only), None) | (None, Some(only)) => row.note(line(only)),
        (None, None) => row,
    }
}

fn verdict(difference: &Difference) -> Row {
    let version = &difference.version;
    let (made, needed) = (version.made.word(), version.needed.word());
    match version.fits {
        true => marked("fits", Tone::Quiet, format!("version number: goes up by {made}, needs {needed}")),
        false => {
            let row =
                marked("misfit", Tone::Alarms, format!("version number: goes up by {made}, needs {needed}"));
            version.because.iter().fold(row, |row, because| row.note(line(because)))
        }
    }
}

fn class_mark(class: Class) -> Mark {
    let tone = match class {
        Class::Granted => Tone::Weighs,
        Class::Inert => Tone::Quiet,
        Class::Refused => Tone::Alarms,
    };
    Mark { word: class.word(), tone }
}

fn ask(reviewed: &ReviewedAsk) -> Row {
    let ask = &reviewed.ask;
    let wish = match &ask.wish {
        Wish::Use => String::new(),
        wish => format!(" {wish}"),
    };
    let optional = if ask.optional { " (optional)" } else { "" };
    let mut row = row(line(&format!("{} `{}`{wish}{optional}", ask.kind, ask.name))).note(line(&ask.reason));
    row.mark = Some(class_mark(reviewed.class));
    if let Some(rule) = &reviewed.rule {
        row = row.note(format!("by rule {rule}"));
    }
    if let Some(rule) = &reviewed.withheld_by {
        let part = if reviewed.rule.is_some() { "in part " } else { "" };
        row = row.note(format!("{part}withheld by rule {rule}"));
    }
    if let Some(refusal) = &reviewed.refusal {
        row = row.note(line(&refusal.why));
    }
    match reviewed.unused {
        true => row.note("nothing it imports could use this: it asks for more than it needs"),
        false => row,
    }
}

fn limits(effective: &EffectiveLimits) -> Vec<Row> {
    let object = |value: Value| match value {
        Value::Object(fields) => fields,
        _ => serde_json::Map::new(),
    };
    let numbers = serde_json::to_value(effective.limits).map(object).unwrap_or_default();
    let origins = serde_json::to_value(effective.origins).map(object).unwrap_or_default();
    let told = numbers.iter().map(|(name, value)| {
        let count = value.as_u64().unwrap_or_default();
        let amount = match name.as_str() {
            "memory" | "output" | "talk" => Bytes(count).to_string(),
            "deadline" => Span(count).to_string(),
            _ => number(count),
        };
        let origin = origins.get(name).and_then(Value::as_str).unwrap_or("default");
        format!("{} {amount} ({origin})", name.replace('_', "-"))
    });
    vec![row(told.collect::<Vec<_>>().join(", "))]
}

/// How many objects of a use are shown, and in how many letters each: a skill chooses what it asks for, and may not bury
/// its review below it.
const OBSERVED_SHOWN: usize = 10;
const OBSERVED_WIDTH: usize = 100;

fn seen(observed: &Observed) -> Row {
    let row = row(format!(
        "{}: used {}, refused {}",
        short(&observed.subject, OBSERVED_WIDTH),
        times(observed.used),
        times(observed.refused)
    ));
    let more = observed.objects.len().saturating_sub(OBSERVED_SHOWN) as u64;
    let row = observed
        .objects
        .iter()
        .take(OBSERVED_SHOWN)
        .fold(row, |row, object| row.note(short(object, OBSERVED_WIDTH)));
    if more > 0 { row.note(format!("and {} more", number(more))) } else { row }
}

fn times(many: u64) -> String {
    if many == 1 { "once".into() } else { format!("{} times", number(many)) }
}

/// What is refused first, then what is real; a reason that several have in a row is said once.
fn imports(imports: &[ReviewedImport]) -> Vec<Row> {
    let order = |class: Class| match class {
        Class::Refused => 0,
        Class::Granted => 1,
        Class::Inert => 2,
    };
    let mut sorted: Vec<&ReviewedImport> = imports.iter().collect();
    sorted.sort_by_key(|import| order(import.class));
    let said = std::iter::once("").chain(sorted.iter().map(|import| import.why.as_str()));
    sorted.iter().zip(said).map(|(it, before)| import(it, it.why != before)).collect()
}

fn import(import: &ReviewedImport, says_why: bool) -> Row {
    let mut row = row(line(&import.interface));
    if says_why {
        row = row.note(line(&import.why));
    }
    row.mark = Some(class_mark(import.class));
    // Functions that are met alike stand together.
    let mut alike: BTreeMap<(Class, Option<&str>), Vec<&ReviewedFunction>> = BTreeMap::new();
    for function in &import.functions {
        alike.entry((function.class, function.answer.as_deref())).or_default().push(function);
    }
    for ((class, answer), functions) in alike {
        let names = functions.iter().map(|it| line(&it.name)).collect::<Vec<_>>().join(", ");
        let how = match answer {
            Some(answer) if class == import.class => format!("{}: ", line(answer)),
            Some(answer) => format!("{}, {}: ", class.word(), line(answer)),
            None if class == import.class => String::new(),
            None => format!("{}: ", class.word()),
        };
        row = row.note(format!("{how}{names}"));
    }
    row
}

fn operation(reviewed: &ReviewedOperation) -> Row {
    let claim = &reviewed.claim;
    let head = format!(
        "{} [{}, effects {}{}]",
        reviewed.operation.signature(),
        claim.lane.word(),
        claim.effects.word(),
        crate::skill::private(claim)
    );
    let docs = reviewed
        .operation
        .docs
        .iter()
        .map(|docs| line(&docs.split_whitespace().collect::<Vec<_>>().join(" ")));
    docs.fold(row(line(&head)), Row::note)
}
