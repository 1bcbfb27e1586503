//! Drawings as SVG: columns over time, a distribution with marks, a bar in shares.
//!
//! A drawing says what it shows to those who can't see it (its title and description), names each part under the pointer,
//! and takes its colours from the page's style, so that it fits light and dark. Numbers are floats here and nowhere else:
//! for where a line stands on a screen, never for what is told.

use crate::page::Markup;

/// How a part strikes the reader; the page's style gives each a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// What is as it should be.
    Good,
    /// What took a person.
    Person,
    /// What did not come out.
    Bad,
    /// What is neither.
    Plain,
    /// Another thing that is as it should be.
    Other,
}

impl Tone {
    /// The class the page's style knows it by.
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Tone::Good => "good",
            Tone::Person => "person",
            Tone::Bad => "bad",
            Tone::Plain => "plain",
            Tone::Other => "other",
        }
    }

    /// A tone for the nth of several that are all as they should be.
    #[must_use]
    pub const fn nth(nth: u32) -> Self {
        match nth % 3 {
            0 => Tone::Good,
            1 => Tone::Other,
            _ => Tone::Plain,
        }
    }
}

/// A part of a column or bar.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Its colour.
    pub tone: Tone,
    /// Its size.
    pub size: f64,
    /// What it is, told under the pointer.
    pub told: String,
}

/// A column of parts, the first at the foot.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// What stands under it; not all have room for it.
    pub label: String,
    /// Its parts.
    pub parts: Vec<Part>,
}

/// A line across a distribution.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Where, in columns from the left: 1.5 is the middle of the second.
    pub at: f64,
    /// What it is.
    pub label: String,
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 200.0;
/// Room for the axis on the left, and for labels below.
const LEFT: f64 = 52.0;
const BELOW: f64 = 24.0;
/// Where columns stand.
const FOOT: f64 = HEIGHT - BELOW;
/// Room for the names of marks, a line each.
const LINE: f64 = 16.0;
/// Labels under columns that fit side by side.
const LABELS: usize = 9;

/// The axis columns stand beside.
pub struct Axis<'a> {
    /// Writes a number beside its line.
    pub write: &'a dyn Fn(f64) -> String,
    /// The least step between two lines: 1 where whole things are counted.
    pub step: f64,
    /// What stands at the left edge of a scale that columns lie along without gaps: then each label is what its column
    /// reaches to, and stands there. Without it columns stand apart, each above its label.
    pub scale: Option<String>,
}

/// Columns side by side, with marks across.
#[must_use]
pub fn columns(title: &str, about: &str, columns: &[Column], marks: &[Mark], axis: &Axis<'_>) -> Markup {
    let most = columns.iter().map(Column::size).fold(0.0, f64::max);
    let ticks = ticks(most, axis.step);
    let head = LINE * marks.len() as f64 + 8.0;
    let pitch = (WIDTH - LEFT) / columns.len().max(1) as f64;
    let width = if axis.scale.is_some() { pitch - 1.0 } else { (pitch * 0.72).min(56.0) };
    let top = ticks.last().copied().unwrap_or(1.0);
    let layout = Layout { tall: (FOOT - head) / top, pitch, width };
    let mut drawing = Drawing::new("plot", (WIDTH, HEIGHT), title, about);
    for tick in ticks {
        let y = layout.y(tick);
        drawing.line("grid", (LEFT, y), (WIDTH, y));
        drawing.label("axis", "end", (LEFT - 8.0, y + 4.0), &(axis.write)(tick));
    }
    for (nth, column) in columns.iter().enumerate() {
        drawing.column(&layout, nth, column);
    }
    drawing.labels(&layout, columns, axis.scale.as_deref());
    for (nth, mark) in marks.iter().enumerate() {
        drawing.mark(&layout, nth, mark);
    }
    drawing.finish()
}

/// Where things stand among columns.
struct Layout {
    /// How tall one is.
    tall: f64,
    /// How far it is from one column to the next.
    pitch: f64,
    /// How wide a column is.
    width: f64,
}

impl Layout {
    /// So many columns from the left.
    fn x(&self, columns: f64) -> f64 {
        LEFT + columns * self.pitch
    }

    /// So much above the foot.
    fn y(&self, size: f64) -> f64 {
        FOOT - size * self.tall
    }
}

/// A bar that is a whole, in shares.
#[must_use]
pub fn shares(title: &str, about: &str, parts: &[Part]) -> Markup {
    const TALL: f64 = 12.0;
    let whole: f64 = parts.iter().map(|part| part.size).sum();
    let mut drawing = Drawing::new("bar", (WIDTH, TALL), title, about);
    let mut x = 0.0;
    for part in parts.iter().filter(|part| part.size > 0.0) {
        let wide = part.size / whole * WIDTH;
        drawing.part(part, (x, 0.0), ((wide - 1.5).max(1.0), TALL));
        x += wide;
    }
    drawing.finish()
}

impl Column {
    fn size(&self) -> f64 {
        self.parts.iter().map(|part| part.size).sum()
    }
}

/// Where lines stand that people can count by, from nothing to no less than the most: steps of 1, 2 or 5 and zeros.
fn ticks(most: f64, least: f64) -> Vec<f64> {
    const LINES: f64 = 4.0;
    let most = if most > 0.0 { most } else { 1.0 };
    let rough = most / LINES;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0].map(|digit| digit * power).into_iter().find(|step| *step >= rough);
    let step = step.unwrap_or(10.0 * power).max(least);
    let lines = (most / step).ceil() as usize;
    (0..=lines).map(|line| line as f64 * step).collect()
}

/// One drawing while it is made.
struct Drawing(Markup);

impl Drawing {
    fn new(class: &'static str, (width, height): (f64, f64), title: &str, about: &str) -> Self {
        let mut svg = Markup::default();
        svg.tag("<svg class=\"").tag(class).tag("\" viewBox=\"0 0 ").text(short(width)).tag(" ");
        svg.text(short(height)).tag("\"");
        if class == "bar" {
            // It is stretched as wide as its row.
            svg.tag(" preserveAspectRatio=\"none\"");
        }
        svg.tag(" role=\"img\"><title>").text(title).tag("</title><desc>").text(about).tag("</desc>\n");
        Self(svg)
    }

    /// Each part stands where the sum of those below it ends, so that its top is where its line is; one that is too small
    /// to be seen is drawn a point tall and moves no other.
    fn column(&mut self, layout: &Layout, nth: usize, column: &Column) {
        let left = layout.x(nth as f64 + 0.5) - layout.width / 2.0;
        let mut below = 0.0;
        for part in column.parts.iter().filter(|part| part.size > 0.0) {
            let (foot, top) = (layout.y(below), layout.y(below + part.size));
            let tall = (foot - top).max(1.0);
            self.part(part, (left, foot - tall), (layout.width, tall));
            below += part.size;
        }
    }

    /// As many labels as have room.
    fn labels(&mut self, layout: &Layout, columns: &[Column], scale: Option<&str>) {
        let every = columns.len().div_ceil(LABELS).max(1);
        let y = HEIGHT - 6.0;
        if let Some(edge) = scale {
            self.label("axis", "middle", (LEFT, y), edge);
        }
        for (nth, column) in columns.iter().enumerate().step_by(every) {
            let (x, anchor) = match scale {
                None => (layout.x(nth as f64 + 0.5), "middle"),
                Some(_) if nth + 1 == columns.len() => (WIDTH, "end"),
                Some(_) => (layout.x(nth as f64 + 1.0), "middle"),
            };
            self.label("axis", anchor, (x, y), &column.label);
        }
    }

    fn mark(&mut self, layout: &Layout, nth: usize, mark: &Mark) {
        let (x, y) = (layout.x(mark.at), LINE * (nth as f64 + 1.0) - 4.0);
        let (anchor, beside) = if x > WIDTH * 0.7 { ("end", -6.0) } else { ("start", 6.0) };
        self.line("mark", (x, y - 10.0), (x, FOOT));
        self.label("name", anchor, (x + beside, y), &mark.label);
    }

    fn part(&mut self, part: &Part, (x, y): (f64, f64), (width, height): (f64, f64)) {
        self.0.tag("<rect class=\"").tag(part.tone.class()).tag("\" x=\"").text(short(x)).tag("\" y=\"");
        self.0.text(short(y)).tag("\" width=\"").text(short(width)).tag("\" height=\"").text(short(height));
        self.0.tag("\"><title>").text(&part.told).tag("</title></rect>\n");
    }

    fn line(&mut self, class: &'static str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        self.0.tag("<line class=\"").tag(class).tag("\" x1=\"").text(short(x1)).tag("\" y1=\"");
        self.0.text(short(y1)).tag("\" x2=\"").text(short(x2)).tag("\" y2=\"").text(short(y2)).tag("\"/>\n");
    }

    fn label(&mut self, class: &'static str, anchor: &'static str, (x, y): (f64, f64), text: &str) {
        self.0.tag("<text class=\"").tag(class).tag("\" text-anchor=\"").tag(anchor).tag("\" x=\"");
        self.0.text(short(x)).tag("\" y=\"").text(short(y)).tag("\">").text(text).tag("</text>\n");
    }

    fn finish(mut self) -> Markup {
        self.0.tag("</svg>\n");
        self.0
    }
}

/// A place on the screen, to a tenth.
fn short(number: f64) -> String {
    let text = format!("{number:.1}");
    text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed assumption must fail the test")]
mod tests {
    use super::*;
    use crate::page::tests::{HOSTILE, stands_alone};
    use crate::page::whole;

    fn part(tone: Tone, size: f64) -> Part {
        Part { tone, size, told: HOSTILE.into() }
    }

    #[test]
    fn lines_stand_where_people_count() {
        assert_eq!(ticks(0.0, 1.0), [0.0, 1.0]);
        assert_eq!(ticks(3.0, 1.0), [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(ticks(7.0, 1.0), [0.0, 2.0, 4.0, 6.0, 8.0]);
        assert_eq!(ticks(100.0, 1.0), [0.0, 50.0, 100.0]);
        assert_eq!(ticks(0.03, 0.0), [0.0, 0.01, 0.02, 0.03]);
    }

    #[test]
    fn a_drawing_holds_its_parts_inside_itself_and_no_text_is_markup() {
        let column = |size| Column {
            label: HOSTILE.into(),
            parts: vec![part(Tone::Good, size), part(Tone::Bad, 1.0)],
        };
        let marks = [Mark { at: 1.5, label: HOSTILE.into() }];
        let axis = Axis { write: &|it| format!("{it}<b>"), step: 1.0, scale: None };
        let mut all = columns(HOSTILE, HOSTILE, &[column(3.0), column(0.0)], &marks, &axis);
        all.add(&shares(HOSTILE, HOSTILE, &[part(Tone::Person, 1.0), part(Tone::Plain, 0.0)]));
        let page = whole("a", "", &all);
        stands_alone(&page);
        assert_eq!(page.matches("<rect").count(), 4, "what is nothing is not drawn");
        let numbers = page.split("=\"").filter_map(|rest| rest.split('"').next()?.parse::<f64>().ok());
        assert!(numbers.into_iter().all(|it| (0.0..=WIDTH).contains(&it)), "{page}");
    }

    /// What stands after `name` in each tag that begins so.
    fn numbers(drawing: &str, tag: &str, name: &str) -> Vec<f64> {
        let tags = drawing.lines().filter(|line| line.starts_with(tag));
        let value = |line: &str| {
            let (_, rest) = line.split_once(&format!(" {name}=\"")).unwrap();
            rest.split('"').next().unwrap().parse().unwrap()
        };
        tags.map(value).collect()
    }

    #[test]
    fn the_top_of_a_column_is_on_its_line_whatever_is_too_small_to_see_in_it() {
        let parts = [9_999.0, 0.4, 0.6].map(|size| part(Tone::Good, size));
        let column = Column { label: "a".into(), parts: parts.into() };
        let axis = Axis { write: &|it| it.to_string(), step: 1.0, scale: None };
        let drawn = whole("", "", &columns("a", "b", &[column], &[], &axis));
        let (tops, lines) = (numbers(&drawn, "<rect", "y"), numbers(&drawn, "<line class=\"grid\"", "y1"));
        let top = lines.last().unwrap();
        assert!(tops.iter().all(|y| (y - top).abs() <= 1.0), "{tops:?} {lines:?}");
    }

    #[test]
    fn on_a_scale_a_mark_is_within_its_own_column_and_labels_are_at_the_edges() {
        let column = |label: &str, size| Column { label: label.into(), parts: vec![part(Tone::Good, size)] };
        let marks = [Mark { at: 1.05, label: "half".into() }];
        let axis = Axis { write: &|it| it.to_string(), step: 1.0, scale: Some("1 h".into()) };
        let all = [column("3 h", 1.0), column("8 h", 2.0), column("1 d", 1.0)];
        let drawn = whole("", "", &columns("a", "b", &all, &marks, &axis));
        let (x, width) = (numbers(&drawn, "<rect", "x")[1], numbers(&drawn, "<rect", "width")[1]);
        let mark = numbers(&drawn, "<line class=\"mark\"", "x1")[0];
        assert!((x..x + width).contains(&mark), "{mark} in {x} and {width} on");
        let labels = drawn.lines().filter(|line| line.contains(&format!("y=\"{}\"", short(HEIGHT - 6.0))));
        let at: Vec<f64> = labels.map(|line| numbers(line, "<text", "x")[0]).collect();
        assert_eq!(at.iter().map(|it| it.round()).collect::<Vec<_>>(), [52.0, 275.0, 497.0, 720.0]);
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        let empty =
            columns("a", "b", &[], &[], &Axis { write: &|it| it.to_string(), step: 1.0, scale: None });
        assert!(!whole("", "", &empty).contains("NaN"));
        assert!(!whole("", "", &shares("a", "b", &[part(Tone::Good, 0.0)])).contains("NaN"));
    }
}
