//! The notes as Markdown, with the item that stands on each line.

use crate::log::Log;
use crate::story::{Item, Story, counted};
use crate::text::markdown;
use std::fmt::Write as _;

/// Commits that are named behind an item; of more the number is said.
const NAMED: usize = 5;
/// Digits of a commit that are named.
const DIGITS: usize = 7;

/// Notes as they are written down.
pub(crate) struct Page {
    pub(crate) markdown: String,
    /// The place of the item on each line, from line 1.
    items: Vec<Option<usize>>,
}

impl Page {
    /// The item on a line, from 1.
    pub(crate) fn item(&self, line: u32) -> Option<usize> {
        self.items.get((line as usize).checked_sub(1)?).copied().flatten()
    }
}

/// Writes a story down.
pub(crate) fn lay_out(version: &str, story: &Story, log: &Log) -> Page {
    let mut page = Page { markdown: String::new(), items: Vec::new() };
    // A version has no character that could mark.
    page.line(&format!("# {version}"), None);
    page.line("", None);
    page.line(&told(story), None);
    let mut section = None;
    for (place, item) in story.items.iter().enumerate() {
        if section != Some(item.section) {
            section = Some(item.section);
            page.line("", None);
            page.line(&format!("## {}", item.section.heading()), None);
            page.line("", None);
        }
        page.line(&format!("- {} ({})", markdown(&item.text), named(item, log)), Some(place));
    }
    page
}

impl Page {
    fn line(&mut self, line: &str, item: Option<usize>) {
        self.markdown.push_str(line);
        self.markdown.push('\n');
        self.items.push(item);
    }
}

/// How much of the log is told, so that nothing is left out in silence.
fn told(story: &Story) -> String {
    let (told, left_out) = counted(story);
    let commits = |count: u32| if count == 1 { "1 commit".to_owned() } else { format!("{count} commits") };
    if left_out == 0 {
        return format!("From {}.", commits(told));
    }
    let reasons = story.left_out();
    let reasons = reasons.iter().map(|left| match (left.count, &*left.why) {
        (1, "merges") => "1 merge".to_owned(),
        (count, why) => format!("{count} {why}"),
    });
    let reasons: Vec<String> = reasons.collect();
    format!("From {}; left out: {}.", commits(told + left_out), reasons.join(", "))
}

fn named(item: &Item, log: &Log) -> String {
    let ids = item.commits.iter().filter_map(|place| log.commits.get(*place));
    let mut named = String::new();
    for commit in ids.take(NAMED) {
        let separator = if named.is_empty() { "" } else { ", " };
        let _ = write!(named, "{separator}{}", commit.id.get(..DIGITS).unwrap_or(&commit.id));
    }
    match item.commits.len().checked_sub(NAMED) {
        None | Some(0) => named,
        Some(more) => format!("{named}, +{more}"),
    }
}
