//! The second draft: what can be done about what was found in the first.
//!
//! A subject that says nothing is replaced by what its message goes on to say, repetitions become one item with all
//! their commits, what is unfinished is left out, and what is too long ends at a clause. Where the log has no more to
//! give, the item stays as it is and the finding stands: a person is to see it. So it does where a message plays a log
//! or notes of its own: nothing of it is taken.

use crate::item::sentence;
use crate::log::{Commit, Log, is_of_a_log};
use crate::page::Page;
use crate::story::{Story, Why};
use crate::text::words;
use crate::{Answer, Finding};
use std::collections::HashMap;

/// Characters an item is shortened to.
const SHORT: usize = 110;

/// What is marked while findings are answered, so that the lines of the page keep their meaning.
struct Marked {
    gone: Vec<bool>,
    /// The first item with some words, as it was in the draft.
    firsts: HashMap<String, usize>,
}

/// Answers findings about `page`, which was laid out from `story`.
pub(crate) fn answer(story: &mut Story, page: &Page, log: &Log, findings: &[Finding]) -> Vec<Answer> {
    let mut marked = Marked { gone: vec![false; story.items.len()], firsts: HashMap::new() };
    for (place, item) in story.items.iter().enumerate() {
        marked.firsts.entry(words(&item.text)).or_insert(place);
    }
    let answers = findings.iter().map(|finding| {
        let did = match page.item(finding.line).filter(|place| marked.gone.get(*place) == Some(&false)) {
            Some(place) => one(story, place, log, &finding.rule, &mut marked),
            None => "nothing: no item stands there".to_owned(),
        };
        Answer { line: finding.line, rule: finding.rule.clone(), did }
    });
    let answers = answers.collect();
    let mut gone = marked.gone.iter();
    story.items.retain(|_| gone.next() != Some(&true));
    answers
}

fn one(story: &mut Story, place: usize, log: &Log, rule: &str, marked: &mut Marked) -> String {
    match rule {
        "work-in-progress" => leave_out(story, place, marked),
        "says-nothing" => say_more(story, place, log),
        "repeated" => merge(story, place, marked),
        "too-long" => shorten(story, place),
        "like-a-header" => "nothing: somebody has to look at it".to_owned(),
        _ => "nothing: no such rule is known here".to_owned(),
    }
}

fn leave_out(story: &mut Story, place: usize, marked: &mut Marked) -> String {
    let commits = story.items.get(place).map_or(0, |item| item.commits.len());
    (0..commits).for_each(|_| story.leave_out(Why::Unfinished));
    marked.take_out(place);
    "left it out as unfinished".to_owned()
}

impl Marked {
    fn take_out(&mut self, place: usize) {
        if let Some(gone) = self.gone.get_mut(place) {
            *gone = true;
        }
    }
}

fn say_more(story: &mut Story, place: usize, log: &Log) -> String {
    let Some(item) = story.items.get_mut(place) else { return "nothing: no item stands there".to_owned() };
    let commit = item.commits.first().and_then(|place| log.commits.get(*place));
    if commit.is_some_and(|commit| commit.body.iter().any(|line| is_forged(line))) {
        return "nothing: the message has lines as if it were a log or notes of its own".to_owned();
    }
    match commit.and_then(first_sentence) {
        Some(said) => {
            item.text = sentence(&said);
            "took the first sentence of the message below the subject".to_owned()
        }
        None => "nothing: the message says no more".to_owned(),
    }
}

/// The first sentence below the subject that has three words or more; lines such as `Signed-off-by:` are none.
fn first_sentence(commit: &Commit) -> Option<String> {
    let mut paragraphs = commit.body.split(|line| line.is_empty() || is_trailer(line));
    paragraphs.find_map(|lines| {
        let said = lines.join(" ");
        let said = said.trim_start_matches(['-', '*', '+', ' ']);
        let end = said.find(". ").or_else(|| said.find(" - ")).unwrap_or(said.len());
        let first = said.get(..end)?.trim();
        (first.split(' ').filter(|word| word.chars().any(char::is_alphabetic)).count() > 2)
            .then(|| first.to_owned())
    })
}

/// A line that would be read as something else than what a message says: a heading, or what git writes.
fn is_forged(line: &str) -> bool {
    line.starts_with('#') || is_of_a_log(line)
}

/// `Reviewed-by: somebody`, or where another tool says it took the commit from.
fn is_trailer(line: &str) -> bool {
    let token = line.split_once(": ").map(|(token, _)| token);
    token.is_some_and(|token| {
        token.contains('-') && token.bytes().all(|it| it.is_ascii_alphabetic() || it == b'-')
    }) || line.starts_with("(cherry picked from")
        || line.starts_with("This reverts commit")
}

/// Joins an item with the first one that has the same words, where both still have them.
fn merge(story: &mut Story, place: usize, marked: &mut Marked) -> String {
    let said = |place: usize| story.items.get(place).map(|item| words(&item.text));
    let first = said(place).and_then(|words| marked.firsts.get(&words).copied());
    let first = first.filter(|first| *first < place && said(*first) == said(place));
    let Some(first) = first.filter(|first| marked.gone.get(*first) == Some(&false)) else {
        return "nothing: no item before it says the same".to_owned();
    };
    let commits =
        story.items.get_mut(place).map(|item| std::mem::take(&mut item.commits)).unwrap_or_default();
    if let Some(item) = story.items.get_mut(first) {
        item.commits.extend(commits);
    }
    marked.take_out(place);
    "joined it with the item before it that says the same".to_owned()
}

/// Ends an item at the last clause that fits, else at the last word.
fn shorten(story: &mut Story, place: usize) -> String {
    let Some(item) = story.items.get_mut(place) else { return "nothing: no item stands there".to_owned() };
    let Some((most, _)) = item.text.char_indices().nth(SHORT) else {
        return "nothing: it is short once its marks are taken out".to_owned();
    };
    let kept = item.text.get(..most).unwrap_or(&item.text);
    let clause = ["; ", ". ", ", ", " (", ": ", " - "].iter().filter_map(|end| kept.rfind(end)).max();
    let end = clause.filter(|at| *at > most / 3).or_else(|| kept.rfind(' ')).unwrap_or(most);
    item.text = format!("{}…", kept.get(..end).unwrap_or(kept).trim_end_matches(['`', ' ']));
    "ended it at a clause".to_owned()
}
