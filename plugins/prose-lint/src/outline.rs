//! A Markdown text as its headings and items, each with its line and the words a reader sees.

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// A heading or an item.
#[derive(Debug, PartialEq)]
pub(crate) struct Part {
    pub(crate) kind: Kind,
    /// The line it begins on, from 1.
    pub(crate) line: u32,
    /// What a reader sees, without marks; of an item without what is nested in it.
    pub(crate) text: String,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Heading(HeadingLevel),
    Item,
    /// Anything else that fills a section: a paragraph, a table, code.
    Other,
}

/// The parts in the order of the text.
pub(crate) fn read(markdown: &str) -> Vec<Part> {
    let mut reading = Reading { parts: Vec::new(), open: Vec::new(), lines: Lines::of(markdown) };
    for (event, range) in Parser::new_ext(markdown, Options::ENABLE_TABLES).into_offset_iter() {
        reading.take(&event, range.start);
    }
    // A text without a heading or an item is no list of notes, whatever else it is.
    let has_notes = reading.parts.iter().any(|part| part.kind != Kind::Other);
    if has_notes { reading.parts } else { Vec::new() }
}

struct Reading {
    parts: Vec<Part>,
    /// Places in `parts` that are open, the innermost last.
    open: Vec<usize>,
    lines: Lines,
}

impl Reading {
    fn take(&mut self, event: &Event<'_>, at: usize) {
        match event {
            Event::Start(Tag::Heading { level, .. }) => self.begin(Kind::Heading(*level), at),
            Event::Start(Tag::Item) => self.begin(Kind::Item, at),
            Event::End(TagEnd::Heading(_) | TagEnd::Item) => drop(self.open.pop()),
            Event::Text(text) | Event::Code(text) => self.write(text, at),
            Event::SoftBreak | Event::HardBreak => self.write(" ", at),
            _ => {}
        }
    }

    fn begin(&mut self, kind: Kind, at: usize) {
        self.open.push(self.parts.len());
        self.parts.push(Part { kind, line: self.lines.line(at), text: String::new() });
    }

    fn write(&mut self, text: &str, at: usize) {
        match self.open.last().and_then(|place| self.parts.get_mut(*place)) {
            Some(part) => part.text.push_str(text),
            None => {
                let line = self.lines.line(at);
                self.parts.push(Part { kind: Kind::Other, line, text: text.to_owned() });
            }
        }
    }
}

/// Where lines begin.
struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    fn of(text: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { starts: std::iter::once(0).chain(breaks).collect() }
    }

    /// The line of a byte, from 1.
    fn line(&self, at: usize) -> u32 {
        u32::try_from(self.starts.partition_point(|start| *start <= at)).unwrap_or(u32::MAX)
    }
}
