//! Markdown as a flat row of blocks that know where they stood.
//!
//! Parsing is the library's; here its events become headings, paragraphs and tables with their place in lists
//! and their run-in heading. Comments and markup vanish, as they do for a reader on paper; words never do.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::words::single_spaced;

/// The level of an emphasised line that stands alone as a heading does; below Markdown's own six.
pub(crate) const EMPHASISED: usize = 7;

/// A longer "heading" is a paragraph that somebody emphasised.
pub(crate) const LONGEST_HEADING_WORDS: usize = 15;

/// One heading, paragraph or table.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    /// The words, source lines kept apart; for tables empty.
    pub(crate) text: String,
    /// From 1 for headings, [`EMPHASISED`] for lines that stand alone, else 0.
    pub(crate) level: usize,
    /// Where in `text` an emphasised opening starts and ends; both 0 when there is none.
    pub(crate) lead: (usize, usize),
    /// The numbers of the ordered lists it stands in, outermost first.
    pub(crate) path: Vec<u64>,
    /// How many lists of any kind it stands in.
    pub(crate) depth: usize,
    /// The first block of its list item, and the innermost list is an ordered one.
    pub(crate) opens_number: bool,
    /// Rows of cells, for tables.
    pub(crate) rows: Vec<Vec<String>>,
}

impl Block {
    /// A block without words at the same place.
    pub(crate) fn place(&self) -> Self {
        Self { level: self.level, path: self.path.clone(), depth: self.depth, ..Self::default() }
    }
}

/// All blocks of a text, in order; none of them without words.
pub(crate) fn blocks(markdown: &str) -> Vec<Block> {
    let mut builder = Builder::default();
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        builder.take(event);
    }
    builder.finish_block();
    builder.blocks
}

#[derive(Default)]
struct Builder {
    blocks: Vec<Block>,
    block: Block,
    /// The next number of each open list; none for bullets.
    lists: Vec<Option<u64>>,
    /// The number of each open ordered item.
    path: Vec<u64>,
    item_is_fresh: bool,
    lead_open: bool,
    links: Vec<(usize, String)>,
    in_html: bool,
    table: Option<Vec<Vec<String>>>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) | Event::Code(text) => self.block.text.push_str(&text),
            Event::SoftBreak | Event::HardBreak => self.block.text.push('\n'),
            Event::InlineHtml(tag) => self.inline_tag(&tag),
            Event::Html(html) => self.block.text.push_str(&html),
            Event::Rule => self.finish_block(),
            // Not enabled, so never sent; their text would be kept if they were.
            Event::InlineMath(text) | Event::DisplayMath(text) | Event::FootnoteReference(text) => {
                self.block.text.push_str(&text);
            }
            Event::TaskListMarker(_) => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Emphasis | Tag::Strong => self.open_lead(),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                self.links.push((self.block.text.len(), dest_url.to_string()));
            }
            Tag::TableCell | Tag::TableRow | Tag::TableHead => self.start_in_table(&tag),
            Tag::List(first) => {
                self.finish_block();
                self.lists.push(first);
            }
            Tag::Item => self.start_item(),
            other => self.start_block(&other),
        }
    }

    fn start_block(&mut self, tag: &Tag<'_>) {
        self.finish_block();
        match tag {
            Tag::Heading { level, .. } => self.block.level = *level as usize,
            Tag::HtmlBlock => self.in_html = true,
            Tag::Table(_) => self.table = Some(Vec::new()),
            _ => {}
        }
    }

    fn start_item(&mut self) {
        self.finish_block();
        if let Some(Some(next)) = self.lists.last_mut() {
            self.path.push(*next);
            *next = next.saturating_add(1);
            self.item_is_fresh = true;
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Emphasis | TagEnd::Strong => self.close_lead(),
            TagEnd::Link | TagEnd::Image => self.end_link(),
            TagEnd::TableCell => self.end_cell(),
            TagEnd::TableHead | TagEnd::TableRow => {}
            TagEnd::Table => self.end_table(),
            TagEnd::Item => self.end_item(),
            TagEnd::List(_) => {
                self.finish_block();
                self.lists.pop();
            }
            _ => self.finish_block(),
        }
    }

    fn end_item(&mut self) {
        self.finish_block();
        if let Some(Some(_)) = self.lists.last() {
            self.path.pop();
        }
        self.item_is_fresh = false;
    }

    /// Where a link leads is part of what is agreed: `our policy` at another address is another policy.
    fn end_link(&mut self) {
        let Some((start, address)) = self.links.pop() else { return };
        let words = self.block.text.get(start..).unwrap_or_default();
        let says_it_already = address.trim_start_matches("mailto:") == words;
        if !says_it_already && !address.is_empty() {
            self.block.text.push_str(&format!(" ({address})"));
        }
    }

    fn inline_tag(&mut self, tag: &str) {
        let lower = tag.to_ascii_lowercase();
        if !is_layout(&lower) {
            self.block.text.push_str(tag);
            return;
        }
        match (lower.starts_with("</"), tag_name(&lower)) {
            (_, "br") => self.block.text.push('\n'),
            (false, "b" | "strong" | "u" | "em" | "i") => self.open_lead(),
            (false, "span") if lower.contains("header") => self.open_lead(),
            (true, "b" | "strong" | "u" | "em" | "i" | "span") => self.close_lead(),
            _ => {}
        }
    }

    /// An emphasised opening is a run-in heading; a printed number may stand before it.
    fn open_lead(&mut self) {
        let before = self.block.text.trim();
        let only_number =
            before.chars().all(|character| character.is_ascii_digit() || ".)".contains(character));
        if only_number && self.block.lead.1 == 0 {
            self.lead_open = true;
            self.block.lead.0 = self.block.text.len();
        }
    }

    fn close_lead(&mut self) {
        if self.lead_open {
            self.lead_open = false;
            self.block.lead.1 = self.block.text.len();
        }
    }

    fn start_in_table(&mut self, tag: &Tag<'_>) {
        if let (Some(rows), Tag::TableRow | Tag::TableHead) = (self.table.as_mut(), tag) {
            rows.push(Vec::new());
        }
        self.block.text.clear();
    }

    fn end_cell(&mut self) {
        let cell = single_spaced(&std::mem::take(&mut self.block.text));
        self.block.lead = (0, 0);
        if let Some(row) = self.table.as_mut().and_then(|rows| rows.last_mut()) {
            row.push(cell);
        }
    }

    fn end_table(&mut self) {
        let rows = self.table.take().unwrap_or_default();
        self.block = Block::default();
        if rows.iter().flatten().any(|cell| !cell.is_empty()) {
            let depth = self.lists.len();
            self.blocks.push(Block { rows, path: self.path.clone(), depth, ..Block::default() });
        }
    }

    fn finish_block(&mut self) {
        let mut block = std::mem::take(&mut self.block);
        self.lead_open = false;
        if std::mem::take(&mut self.in_html) {
            block.text = without_tags(&block.text);
        }
        if block.text.trim().is_empty() {
            return;
        }
        block.path.clone_from(&self.path);
        block.depth = self.lists.len();
        if block.level == 0 && is_standing_alone(&block) {
            block.level = EMPHASISED;
        }
        block.opens_number =
            std::mem::take(&mut self.item_is_fresh) && matches!(self.lists.last(), Some(Some(_)));
        self.blocks.push(block);
    }
}

/// Whether a block is nothing but a short emphasised line, which people write where a heading should be.
fn is_standing_alone(block: &Block) -> bool {
    let after = block.text.get(block.lead.1..).unwrap_or_default();
    let nothing_after = after.chars().all(|character| character.is_whitespace() || ".:".contains(character));
    block.lead.1 > 0 && nothing_after && block.text.split_whitespace().count() <= LONGEST_HEADING_WORDS
}

/// Tags that only say how words look or where they stand.
const LAYOUT: [&str; 20] = [
    "b", "strong", "u", "em", "i", "span", "a", "br", "p", "div", "section", "center", "font", "small",
    "table", "thead", "tbody", "tr", "td", "th",
];

/// Whether a tag in lower case leaves what is agreed as it is. A struck-out, hidden or raised word is another
/// word (`10<sup>6</sup>` is not 106), so every other tag stays in the text, where a comparison sees it.
fn is_layout(tag: &str) -> bool {
    let hides = tag.contains("style") || tag.contains("hidden");
    tag.starts_with("<!--") || (LAYOUT.contains(&tag_name(tag)) && !hides)
}

fn tag_name(tag: &str) -> &str {
    let name = tag.trim_start_matches(['<', '/']);
    name.split(|character: char| !character.is_ascii_alphanumeric()).next().unwrap_or_default()
}

/// The words between tags of layout. A comment is one tag, as it is for a browser.
fn without_tags(html: &str) -> String {
    let mut text = String::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        let (before, tag) = rest.split_at(start);
        let end = if tag.starts_with("<!--") { "-->" } else { ">" };
        // Without its end it is no tag.
        let length = tag.find(end).map_or(tag.len(), |at| at + end.len());
        let (tag, after) = tag.split_at(length);
        let is_dropped = tag.ends_with(end) && is_layout(&tag.to_ascii_lowercase());
        text.push_str(before);
        text.push_str(if is_dropped { " " } else { tag });
        rest = after;
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(markdown: &str) -> Vec<String> {
        blocks(markdown)
            .iter()
            .map(|block| format!("{:?} {} {:?}", block.path, block.level, block.text))
            .collect()
    }

    #[test]
    fn headings_in_items_and_nested_numbers_keep_their_place() {
        let found = told(
            "1. ## Service\n\n    1.1 **Use.** Free.\n\n2. Fees\n    1. <span class=\"header_3\">Due.</span> Soon.\n",
        );
        assert_eq!(
            found,
            [
                r#"[1] 2 "Service""#,
                r#"[1] 0 "1.1 Use. Free.""#,
                r#"[2] 0 "Fees""#,
                r#"[2, 1] 0 "Due. Soon.""#
            ]
        );
    }

    #[test]
    fn markup_vanishes_and_words_stay() {
        assert_eq!(told("<div>Pay <b>all</b></div>\n"), [r#"[] 0 " Pay  all  \n""#]);
        assert_eq!(
            told("See [policy](https://a.example/p).\n"),
            [r#"[] 0 "See policy (https://a.example/p).""#]
        );
        assert_eq!(told("<jane@acme.example>\n"), [r#"[] 0 "jane@acme.example""#]);
        assert!(told("<!-- nothing -->\n\n---\n").is_empty());
    }

    #[test]
    fn markup_that_changes_what_is_said_stays_visible() {
        assert_eq!(told("Will <del>not</del> pay.\n"), [r#"[] 0 "Will <del>not</del> pay.""#]);
        assert_eq!(told("Pay 10<sup>6</sup> ~~now~~.\n"), [r#"[] 0 "Pay 10<sup>6</sup> ~~now~~.""#]);
        assert_eq!(
            told("A <span style=\"display:none\">b</span>.\n"),
            [r#"[] 0 "A <span style=\"display:none\">b.""#]
        );
        assert_eq!(told("<div>Pay <s>all</s></div>\n"), [r#"[] 0 " Pay <s>all</s> \n""#]);
        assert_eq!(told("<div>a < b\n"), [r#"[] 0 " a < b\n""#]);
    }
}
