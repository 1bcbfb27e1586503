//! Drafts release notes from what `git log` prints.
//!
//! This file is the border: the types of `wit/world.wit` outside, and the way of a draft from the top: [`log`] reads
//! commits, [`story`] says which are told and where, [`second`] answers findings, [`page`] writes it down. It never
//! tells what no commit says, never leaves a commit out without counting it, and never lets a commit's text become
//! anything but text.

mod item;
mod log;
mod page;
mod prefix;
mod second;
mod story;
mod text;

pub use bindings::exports::kapell::release_notes::drafting::{
    Answer, Contents, DraftingError, Finding, Guest, LeftOut, Notes,
};

/// The most of a log that is read, in bytes.
pub const LONGEST_BYTES: u32 = 8 << 20;

kapell_sdk::skill!(Drafter);

struct Drafter;

impl Guest for Drafter {
    fn read(version: String, log: String) -> Result<Contents, DraftingError> {
        read(version, &log)
    }

    fn draft(version: String, log: String, findings: Option<Vec<Finding>>) -> Result<Notes, DraftingError> {
        draft(version, &log, &findings.unwrap_or_default())
    }
}

/// Says what there is to tell, or why nothing can be.
///
/// # Errors
///
/// [`DraftingError`], exactly where [`draft`] without findings has one.
pub fn read(version: String, log: &str) -> Result<Contents, DraftingError> {
    let Notes { commits, items, left_out, cut, .. } = draft(version, log, &[])?;
    Ok(Contents { commits, items, left_out, cut })
}

/// Drafts notes; with findings, the draft that answers them.
///
/// # Errors
///
/// [`DraftingError`], as the interface documents it.
pub fn draft(version: String, log: &str, findings: &[Finding]) -> Result<Notes, DraftingError> {
    if !is_version(&version) {
        return Err(DraftingError::BadVersion(version));
    }
    if log.len() > LONGEST_BYTES as usize {
        return Err(DraftingError::TooLarge(LONGEST_BYTES));
    }
    let log = log::read(log).map_err(DraftingError::NoLog)?;
    let mut story = story::tell(&log);
    let mut page = page::lay_out(&version, &story, &log);
    let (mut before, mut answered) = (None, Vec::new());
    if !findings.is_empty() {
        answered = second::answer(&mut story, &page, &log, findings);
        before = Some(std::mem::replace(&mut page, page::lay_out(&version, &story, &log)).markdown);
    }
    let left_out = story.left_out();
    if story.items.is_empty() {
        return Err(DraftingError::NothingToTell(left_out));
    }
    let (commits, items) = (count(log.commits.len()), count(story.items.len()));
    Ok(Notes { markdown: page.markdown, commits, items, left_out, cut: log.cut, answered, before })
}

fn is_version(version: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'+');
    (1..=40).contains(&version.len())
        && version.bytes().all(fits)
        && version.starts_with(|first: char| first.is_ascii_alphanumeric())
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
