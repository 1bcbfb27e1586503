//! What `git log` prints, read into commits; whatever it is not is refused and never read as a log without commits.
//!
//! In its longer forms a message stands four spaces in, so no message can forge a commit. A line that only looks
//! like the begin of one, such as the name of a file, is not followed by an author.

use crate::text::clean;

/// A log as it was read, newest commit first.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) commits: Vec<Commit>,
    /// Whether it ends within a commit or a line.
    pub(crate) cut: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Commit {
    pub(crate) id: String,
    /// The first line of the message; empty for a commit without one.
    pub(crate) subject: String,
    /// The other lines.
    pub(crate) body: Vec<String>,
    pub(crate) is_merge: bool,
    /// Whether the text ends before its message does.
    pub(crate) is_cut: bool,
}

/// Reads a log, or says why the text is none.
pub(crate) fn read(text: &str) -> Result<Log, String> {
    let text = text.trim_start_matches('\u{feff}');
    let lines: Vec<&str> = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).collect();
    let Some((at, first)) = lines.iter().enumerate().find(|(_, line)| !line.trim().is_empty()) else {
        return Err("it is empty".to_owned());
    };
    let ends = text.ends_with('\n');
    let lines = lines.get(at..).unwrap_or_default();
    match (commit_line(first), short_line(first)) {
        (Some(_), _) => long(lines, ends),
        (None, Some(_)) => short(lines, ends),
        (None, None) if first.starts_with("* ") => {
            Err("it is drawn as a graph; print it without `--graph`".into())
        }
        (None, None) => Err("it does not begin with a commit".to_owned()),
    }
}

/// `commit ID`, with marks and names of branches behind it.
fn commit_line(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("commit ")?;
    let (id, names) = rest.split_once(' ').unwrap_or((rest, ""));
    (is_id(id) && (names.is_empty() || is_id(names) || names.starts_with('('))).then_some(id)
}

fn is_id(word: &str) -> bool {
    (7..=64).contains(&word.len()) && word.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

const HEADERS: [&str; 15] = [
    "Author: ",
    "Merge: ",
    "AuthorDate: ",
    "Commit: ",
    "CommitDate: ",
    "Date: ",
    "Reflog: ",
    "Reflog message: ",
    "gpg: ",
    "tree ",
    "parent ",
    "author ",
    "committer ",
    "encoding ",
    "gpgsig ",
];

/// Whether a line looks like one of a log's own: the begin of a commit, or a header.
pub(crate) fn is_of_a_log(line: &str) -> bool {
    commit_line(line).is_some() || is_header(line)
}

fn is_header(line: &str) -> bool {
    HEADERS.iter().any(|header| line.starts_with(header))
}

/// The long forms: `commit ID`, headers, a blank line, the message four spaces in, and whatever was asked for besides.
fn long(lines: &[&str], ends: bool) -> Result<Log, String> {
    let last = lines.iter().rposition(|line| !line.trim().is_empty()).unwrap_or_default();
    let begins = |at: usize| match lines.get(at + 1) {
        Some(next) => is_header(next) || at == last,
        None => true,
    };
    let begin = lines.iter().enumerate().filter(|(at, line)| commit_line(line).is_some() && begins(*at));
    let begin: Vec<usize> = begin.map(|(at, _)| at).collect();
    let ends_at = begin.iter().skip(1).copied().chain([lines.len()]);
    let parts = begin.iter().zip(ends_at).filter_map(|(from, to)| lines.get(*from..to));
    let mut commits: Vec<Commit> = parts.filter_map(one).collect();
    let mut cut = !ends;
    if let Some(commit) = commits.last_mut() {
        // Git says an author and a message of every commit, and ends every line.
        let ends_in_subject =
            !ends && commit.body.is_empty() && lines.get(last).is_some_and(|it| it.starts_with("    "));
        commit.is_cut |= commit.subject.is_empty() || ends_in_subject;
        cut |= commit.is_cut;
    }
    let has_author =
        lines.iter().take(last + 1).any(|line| line.starts_with("Author: ") || line.starts_with("author "));
    match has_author {
        true => Ok(Log { commits, cut }),
        false => Err("no commit in it has an author".to_owned()),
    }
}

fn one(lines: &[&str]) -> Option<Commit> {
    let (first, rest) = lines.split_first()?;
    let headers = rest.iter().take_while(|line| !line.trim().is_empty()).count();
    let (headers, message) = rest.split_at(headers);
    let is_merge = headers.iter().any(|line| line.starts_with("Merge: "))
        || headers.iter().filter(|line| line.starts_with("parent ")).count() > 1;
    let is_cut = !headers.iter().any(|line| line.starts_with("Author: ") || line.starts_with("author "));
    let message = message.iter().map_while(|line| match line.strip_prefix("    ") {
        Some(said) => Some(said),
        None => line.trim().is_empty().then_some(""),
    });
    let mut said = message.map(clean).skip_while(String::is_empty);
    let subject = said.next().unwrap_or_default();
    let mut body: Vec<String> = said.skip_while(String::is_empty).collect();
    while body.pop_if(|line| line.is_empty()).is_some() {}
    Some(Commit {
        id: commit_line(first)?.to_owned(),
        is_merge: is_merge || is_merge_by_name(&subject),
        subject,
        body,
        is_cut,
    })
}

/// Whether a subject is one that git or a forge writes for a merge.
fn is_merge_by_name(subject: &str) -> bool {
    ["branch", "branches", "pull request", "remote-tracking branch", "tag", "commit", "changes from"]
        .iter()
        .any(|what| subject.strip_prefix("Merge ").is_some_and(|rest| rest.starts_with(what)))
}

/// `ID SUBJECT`, with names of branches between them.
fn short_line(line: &str) -> Option<(&str, &str)> {
    let (id, subject) = line.split_once(' ')?;
    let is_decorated = ["(HEAD", "(tag: ", "(origin/"].iter().any(|begin| subject.starts_with(begin));
    let subject = match subject.split_once(") ") {
        Some((_, subject)) if is_decorated => subject,
        _ => subject,
    };
    is_id(id).then_some((id, subject))
}

/// One line a commit, and between them only what git lists of files.
fn short(lines: &[&str], ends: bool) -> Result<Log, String> {
    let mut commits = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        match short_line(line) {
            Some((id, subject)) => {
                let (subject, is_cut) = (clean(subject), !ends && at + 1 == lines.len());
                let is_merge = is_merge_by_name(&subject);
                commits.push(Commit { id: id.to_owned(), subject, body: Vec::new(), is_merge, is_cut });
            }
            None if is_about_files(line) => {}
            None => return Err(format!("line {} is neither a commit nor about a file", at + 1)),
        }
    }
    // A column of numbers is no log: of seven hexadecimal digits hardly ever all are decimal.
    let is_hexadecimal = |commit: &Commit| commit.id.bytes().any(|byte| byte.is_ascii_lowercase());
    match commits.iter().any(is_hexadecimal) {
        true => Ok(Log { commits, cut: !ends }),
        false => Err("its lines begin with numbers and not with commits".to_owned()),
    }
}

/// Blank lines, names of files, and lines of statistics and patches.
fn is_about_files(line: &str) -> bool {
    const BEGINS: [&str; 15] = [
        " ",
        "+",
        "-",
        "@@",
        "\\",
        "diff ",
        "index ",
        "new file",
        "deleted file",
        "old mode",
        "new mode",
        "rename ",
        "copy ",
        "similarity ",
        "Binary files",
    ];
    !line.contains(' ')
        || line.contains(['/', '\t'])
        || line.starts_with('"')
        || BEGINS.iter().any(|begin| line.starts_with(begin))
}
