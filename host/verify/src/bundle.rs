//! A bundle read from its first byte to its last, in the order its format prescribes. Nothing is kept but what later parts
//! are held against, so that a bundle may be larger than memory.

use crate::chain::Runs;
use crate::contents::{Contents, Folder};
use crate::course::{Course, Due};
use crate::digest::{self, Hash, Map, hex};
use crate::entry::{self, Entry, Role};
use crate::heads::{Heads, Held, entries};
use crate::note::{Proof, hashes, number};
use crate::report::{Place, Report, count};
use crate::tar::{Stop, Tar};
use crate::tree::{self, Growing};
use std::io::{self, BufRead as _, Read};

/// The first line of every bundle this program reads.
const FORMAT: &str = "kapell-bundle/1";
/// What stands in a bundle, in this order; in a folder by name. `/` at the end is a folder.
const ORDER: [&str; 20] = [
    "BUNDLE",
    "README",
    "log.pub",
    "keys",
    "checkpoint",
    "checkpoints/",
    "consistency/",
    "range",
    "entries/",
    "proofs/",
    "approvals.toml",
    "plans/",
    "tariffs/",
    "manifests/",
    "crossings/",
    "blobs/",
    "components/",
    "private/",
    "withheld",
    SUMS,
];
/// What no bundle is without.
const NEEDED: [&str; 6] = ["README", "log.pub", "checkpoint", "approvals.toml", "withheld", SUMS];
const SUMS: &str = "SHA256SUMS";

/// Why nothing can be said of a file.
#[derive(Debug)]
pub enum Unreadable {
    /// It can't be read.
    Io(io::Error),
    /// It is no bundle, or none of a form this program knows.
    Foreign(String),
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unreadable::Io(cause) => write!(f, "{cause}"),
            Unreadable::Foreign(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Unreadable {}

/// Whether a file begins as a bundle does.
#[must_use]
pub fn is_bundle(beginning: &[u8]) -> bool {
    beginning.starts_with(b"BUNDLE\0")
        && beginning.get(512..).is_none_or(|rest| rest.starts_with(b"kapell-bundle/"))
}

/// Checks a bundle by what is in it and by what is held of its log already.
///
/// # Errors
/// When it can't be read, or is no bundle.
pub fn verify(bundle: impl Read, held: &Held) -> Result<Report, Unreadable> {
    let mut tar = Tar::new(bundle);
    let first = match tar.member() {
        Ok(Some(member)) if member.name == "BUNDLE" => member,
        Err(Stop::Io(cause)) => return Err(Unreadable::Io(cause)),
        _ => return Err(Unreadable::Foreign("it is no bundle: it does not begin as one".into())),
    };
    let mut check = Check::new(Scope::read(first.bytes)?, held);
    check.take(&first.name, first.bytes);
    loop {
        match tar.member() {
            Ok(Some(member)) => check.take(&member.name, member.bytes),
            Ok(None) => return Ok(check.finish(true)),
            Err(Stop::Io(cause)) => return Err(Unreadable::Io(cause)),
            Err(Stop::Broken(at, why)) => {
                check.report.broken(
                    "file",
                    Place::Byte(at),
                    format!("{why}; what follows was not looked at"),
                );
                return Ok(check.finish(false));
            }
        }
    }
}

/// What a bundle is of.
enum Scope {
    /// One run: its entries, each with a proof.
    Run(String),
    /// Everything from one leaf of the log up to its head, the end not counted.
    Log(u64, u64),
}

impl Scope {
    fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        let foreign = |what: &str| Unreadable::Foreign(format!("it is no bundle: {what}"));
        let text = std::str::from_utf8(bytes).map_err(|_| foreign("its first file is no text"))?;
        let (format, scope) = text.split_once('\n').unwrap_or((text, ""));
        if format != FORMAT {
            let format = format.escape_debug();
            return Err(Unreadable::Foreign(format!(
                "it is of the form `{format}`; this program reads {FORMAT}"
            )));
        }
        let scope = scope.strip_suffix('\n').unwrap_or_default();
        match *scope.split(' ').collect::<Vec<_>>() {
            ["run", id] if !id.is_empty() => Ok(Self::Run(id.escape_debug().to_string())),
            ["log", from, to] => match (number(from), number(to)) {
                (Some(from), Some(to)) if from <= to => Ok(Self::Log(from, to)),
                _ => Err(foreign("it says of no entries that it has them")),
            },
            _ => Err(foreign("it does not say what it is of")),
        }
    }
}

/// A check under way.
struct Check<'h> {
    scope: Scope,
    held: &'h Held,
    report: Report,
    heads: Heads,
    tree: Growing,
    runs: Runs,
    /// Runs whose beginning is here and whose end was not reached, by their places.
    courses: Map<usize, Course>,
    contents: Contents,
    /// How many members with entries were read.
    parts: u64,
    /// The leaves of a run's entries with their numbers, until their proofs come.
    leaves: Vec<(u64, Hash)>,
    proven: usize,
    last_leaf: Option<u64>,
    /// The place in the order and the name of the last member.
    last: Option<(usize, String)>,
    have: Vec<&'static str>,
    sums: String,
}

impl<'h> Check<'h> {
    fn new(scope: Scope, held: &'h Held) -> Self {
        Self {
            scope,
            held,
            report: Report::default(),
            heads: Heads::default(),
            tree: Growing::default(),
            runs: Runs::default(),
            courses: Map::default(),
            contents: Contents::default(),
            parts: 0,
            leaves: Vec::new(),
            proven: 0,
            last_leaf: None,
            last: None,
            have: Vec::new(),
            sums: String::new(),
        }
    }

    /// One member of the file.
    fn take(&mut self, name: &str, bytes: &[u8]) {
        let Some((part, rest)) = self.in_order(name) else {
            return self.report.broken(
                "file",
                Place::Member(name.into()),
                "it does not stand here in a bundle",
            );
        };
        if part == SUMS {
            return self.sums(bytes);
        }
        self.sums.push_str(&format!("{}  {name}\n", hex(&digest::of(&[bytes]))));
        match part {
            "log.pub" => self.heads.key(bytes, self.held, &mut self.report),
            "keys" => self.heads.keys(bytes, self.held, &mut self.report),
            "checkpoint" => self.heads.checkpoint(bytes, &mut self.report),
            "checkpoints/" | "consistency/" => self.older(part, name, rest, bytes),
            "range" => self.range(bytes),
            "entries/" => self.entries(name, rest, bytes),
            "proofs/" => self.proof(name, rest, bytes),
            "approvals.toml" => self.contents.approvals(bytes, &mut self.report),
            "withheld" => self.contents.kept_back(bytes, &mut self.report),
            "BUNDLE" | "README" => {}
            folder => {
                let folder = Folder::ALL.into_iter().find(|it| folder.strip_suffix('/') == Some(it.word()));
                let Some(folder) = folder else { return };
                self.contents.file(folder, rest, bytes, &mut self.report);
            }
        }
    }

    /// The part of a bundle a name belongs to, and the rest of the name; none when it stands too late, or twice.
    fn in_order<'n>(&mut self, name: &'n str) -> Option<(&'static str, &'n str)> {
        let parts = || ORDER.iter().enumerate();
        let whole = parts().find(|(_, part)| **part == name).map(|(at, part)| (at, *part, ""));
        let within = || {
            parts().find_map(|(at, part)| {
                let rest = name.strip_prefix(part).filter(|_| part.ends_with('/'))?;
                Some((at, *part, rest))
            })
        };
        let (at, part, rest) = whole.or_else(within)?;
        if self.last.as_ref().is_some_and(|last| (last.0, last.1.as_str()) >= (at, name)) {
            return None;
        }
        self.last = Some((at, name.to_owned()));
        self.have.push(part);
        Some((part, rest))
    }

    fn older(&mut self, part: &str, name: &str, rest: &str, bytes: &[u8]) {
        let size = rest.parse().ok().filter(|size: &u64| format!("{size:020}") == rest);
        match size {
            None => self.report.broken("file", Place::Member(name.into()), "its name is no size"),
            Some(size) if part == "checkpoints/" => self.heads.older(name, size, bytes, &mut self.report),
            Some(size) => self.heads.consistency(name, size, bytes, &mut self.report),
        }
    }

    /// The tree up to the first entry that is here.
    fn range(&mut self, bytes: &[u8]) {
        let tree = match self.scope {
            Scope::Log(from, _) if from > 0 => hashes(bytes).and_then(|whole| Growing::from(from, whole)),
            _ => None,
        };
        match tree {
            Some(tree) => self.tree = tree,
            None => self.report.broken(
                "log",
                Place::Member("range".into()),
                "it is not the tree before the first entry here",
            ),
        }
        self.heads.grown(&self.tree, &mut self.report);
    }

    fn entries(&mut self, name: &str, rest: &str, bytes: &[u8]) {
        self.parts += 1;
        if rest != format!("{:08}.jsonl", self.parts) {
            self.report.broken("file", Place::Member(name.into()), "its name is not the next one of entries");
        }
        if bytes.last() != Some(&b'\n') {
            self.report.broken("entries", Place::Member(name.into()), "its last line is cut off");
        }
        let (mut rest, mut names) = (bytes, Vec::new());
        while let Some((line, more)) = line_of(rest) {
            self.entry(line.strip_suffix(b"\n").unwrap_or(line), &mut names);
            rest = more;
        }
    }

    /// The next entry; `names` is empty, before and after.
    fn entry(&mut self, bytes: &[u8], names: &mut Vec<(Role, Hash)>) {
        let leaf = tree::leaf(bytes);
        let at = match self.scope {
            Scope::Run(_) => None,
            Scope::Log(..) => Some(self.tree.size()),
        };
        let read = entry::read(bytes, |role, named| names.push((role, named)));
        self.report.entries += 1;
        match read {
            Ok(entry) => {
                let hash = digest::of(&[bytes]);
                let (run, faults) = self.runs.follow(&entry, hash);
                let place = || Place::Entry { run: Some(entry.run.into()), seq: entry.seq, leaf: at };
                faults.into_iter().for_each(|why| self.report.broken("chain", place(), why));
                if matches!(&self.scope, Scope::Run(id) if *id != entry.run) {
                    self.report.broken("entries", place(), "is of another run than this file");
                }
                names.drain(..).for_each(|(role, named)| self.contents.name(role, named, (run, entry.seq)));
                if let Some((by, reason)) = entry.erased {
                    self.contents.erasure(entry.run, entry.at, by, reason);
                }
                if let Some(rule) = entry.dropped {
                    self.contents.let_go(entry.run, entry.at, rule);
                }
                self.course(run, &entry, at);
                self.leaf(entry.seq, leaf);
            }
            Err(why) => {
                names.clear();
                let seq = self.report.entries;
                self.report.broken("entries", Place::Entry { run: None, seq, leaf: at }, why);
                self.leaf(seq, leaf);
            }
        }
    }

    /// Follows a run on, as far as its entries say themselves what may come next; of one that went astray no more is said.
    fn course(&mut self, run: usize, entry: &Entry<'_>, leaf: Option<u64>) {
        if entry.kind == "run-started" && entry.seq == 1 {
            self.courses.insert(run, Course::default());
            self.contents.began(run, entry.at);
        }
        let Some(course) = self.courses.get_mut(&run) else { return };
        let fault = course.follow(entry, &mut |due| self.contents.due(due, (run, entry.seq)));
        let is_astray = fault.is_some();
        if let Some(why) = fault {
            let place = Place::Entry { run: Some(entry.run.into()), seq: entry.seq, leaf };
            self.report.broken("course", place, why);
        }
        if is_astray || entry.ends.is_some() {
            self.courses.remove(&run);
        }
    }

    fn leaf(&mut self, seq: u64, leaf: Hash) {
        match self.scope {
            Scope::Run(_) => self.leaves.push((seq, leaf)),
            Scope::Log(..) => {
                self.tree.push(leaf);
                self.heads.grown(&self.tree, &mut self.report);
            }
        }
    }

    /// The proof of the next entry of a run.
    fn proof(&mut self, name: &str, rest: &str, bytes: &[u8]) {
        let Some((seq, leaf)) = self.leaves.get(self.proven).copied() else {
            return self.report.broken(
                "inclusion",
                Place::Member(name.into()),
                "there is no entry it could be of",
            );
        };
        self.proven += 1;
        if let Err((leaf, why)) = self.proved(seq, &leaf, rest, bytes) {
            let place = Place::Entry { run: Some(self.run_id()), seq, leaf };
            self.report.broken("inclusion", place, why);
        }
    }

    /// What a proof lacks to be the one of an entry, and the leaf it speaks of.
    fn proved(
        &mut self,
        seq: u64,
        leaf: &Hash,
        name: &str,
        bytes: &[u8],
    ) -> Result<(), (Option<u64>, &'static str)> {
        if name != format!("{seq:08}.tlog-proof") {
            return Err((None, "the next proof is another entry's"));
        }
        let proof = Proof::read(bytes).map_err(|why| (None, why))?;
        let fails = |why| Err((Some(proof.index), why));
        let size = self.heads.head.map_or(0, |head| head.size);
        match () {
            () if proof.note.as_bytes() != self.heads.note => fails("its proof leads to another checkpoint"),
            () if self.last_leaf.is_some_and(|last| proof.index <= last) => {
                fails("stands in the log before the entry before it")
            }
            () if !self.heads.is_root(tree::included(leaf, proof.index, size, &proof.beside)) => {
                fails("does not stand in the log as it stands here")
            }
            () => {
                self.last_leaf = Some(proof.index);
                Ok(())
            }
        }
    }

    fn run_id(&self) -> String {
        match &self.scope {
            Scope::Run(id) => id.clone(),
            Scope::Log(..) => String::new(),
        }
    }

    /// The digests of everything before them.
    fn sums(&mut self, bytes: &[u8]) {
        let stated = String::from_utf8_lossy(bytes);
        if stated == self.sums {
            let number = self.sums.lines().count() as u64;
            return self.report.holds(
                "file",
                format!("{} as their digests in {SUMS} say", count(number, "part is", "parts are")),
            );
        }
        let (mut stated, mut differ) = (stated.lines(), 0_u64);
        for line in self.sums.lines() {
            if stated.next() != Some(line) {
                differ += 1;
                let name = line.split_once("  ").map_or(line, |(_, name)| name);
                self.report.broken(
                    "file",
                    Place::Member(name.into()),
                    format!("{SUMS} states another digest of it"),
                );
            }
        }
        if differ == 0 {
            self.report.broken("file", Place::Member(SUMS.into()), "it says more than there is");
        }
    }

    /// What is left to say; of a file that breaks off, not what is missing from it.
    fn finish(mut self, whole: bool) -> Report {
        if whole {
            for part in NEEDED.into_iter().filter(|part| !self.have.contains(part)) {
                self.report.broken("file", Place::Member(part.into()), "it is not here");
            }
            self.all();
        }
        self.about();
        self.heads.finish(whole, &mut self.report);
        if whole {
            for (run, course) in std::mem::take(&mut self.courses) {
                let last = self.runs.all().get(run).map_or(0, |run| run.last);
                if let Some(claim) = course.so_far() {
                    self.contents.due(Due::Plan(claim), (run, last));
                }
            }
            let ids: Vec<String> = self.runs.all().iter().map(|run| run.id.clone()).collect();
            self.contents.finish(|run| ids.get(run).cloned().unwrap_or_default(), &mut self.report);
        }
        self.report
            .unknown("truth", "that the host told the truth when it wrote, and that its clock was right");
        self.report
    }

    /// Whether all entries are here that should be, and bound to the head.
    fn all(&mut self) {
        let faults = self.report.broken.len();
        if matches!(self.scope, Scope::Log(1.., _)) && !self.have.contains(&"range") {
            self.report.broken("log", Place::Member("range".into()), "it is not here");
        }
        match &self.scope {
            Scope::Run(id) => run_is_whole(id, &self.runs, self.leaves.len() - self.proven, &mut self.report),
            Scope::Log(from, to) => {
                log_is_whole(*from, *to, &self.heads, &self.tree, &self.runs, &mut self.report)
            }
        }
        let of = |what: &str| self.report.broken.iter().any(|line| line.what == what);
        if !of("entries") && !of("chain") && self.report.entries > 0 {
            let linked = format!(
                "{} in canonical form, numbered without a gap, each linked to the one before in its run",
                entries(self.report.entries)
            );
            self.report.holds("chain", linked);
        }
        if self.runs.answers > 0 {
            self.report.holds(
                "answers",
                format!("{} to what was shown", count(self.runs.answers, "answer is", "answers are each")),
            );
        }
        if faults == 0 && self.report.is_sound() {
            self.inclusion();
        }
    }

    fn inclusion(&mut self) {
        let Some(head) = self.heads.head else { return };
        let words = match self.scope {
            Scope::Run(_) => format!("each entry stands in the log of {} that the checkpoint signs, at its place", entries(head.size)),
            Scope::Log(0, _) => "the root over all entries is the one the checkpoint signs: none was changed, added or taken away".into(),
            Scope::Log(from, _) => format!("the root over the {from} before and all here is the one the checkpoint signs"),
        };
        self.report.holds("inclusion", words);
    }

    fn about(&mut self) {
        let (number, size) = (entries(self.report.entries), self.heads.head.map_or(0, |head| head.size));
        self.report.about = match &self.scope {
            Scope::Run(id) => format!("run {id}: {number} of a log of {size}"),
            Scope::Log(0, _) => {
                format!("a whole log: {number}, {}", count(self.runs.all().len() as u64, "run", "runs"))
            }
            Scope::Log(from, _) => format!("a log from leaf {from} on: {number}"),
        };
    }
}

/// Whether a run's entries are all here and shown; what nobody can see in one run alone.
fn run_is_whole(id: &str, runs: &Runs, unproven: usize, report: &mut Report) {
    if unproven > 0 {
        report.broken(
            "inclusion",
            Place::Whole,
            format!("the last {} no proof", count(unproven as u64, "entry has", "entries have")),
        );
    }
    match runs.all().iter().find(|run| run.id == id) {
        None => report.broken("entries", Place::Whole, format!("there is no entry of {id}")),
        Some(run) if run.first != 1 => {
            let place = Place::Entry { run: Some(id.into()), seq: run.first, leaf: None };
            report.broken("chain", place, "is the first one here, and not the first of its run");
        }
        Some(run) => match &run.ended {
            Some(state) => {
                report.holds("end", format!("the last entry ends the run: {}", state.escape_debug()))
            }
            None => report.unknown(
                "end",
                "whether there are later entries of this run: its last one here does not end it",
            ),
        },
    }
    report.unknown(
        "others",
        "anything of other runs, such as whether one was deleted: a file of the whole log shows that",
    );
}

/// Whether the leaves are all here, up to the head.
fn log_is_whole(from: u64, to: u64, heads: &Heads, tree: &Growing, runs: &Runs, report: &mut Report) {
    let (size, stated) = (tree.size(), heads.head.map(|head| head.size));
    if stated.is_some_and(|stated| stated != size) || size != to {
        let words = format!(
            "there are {size} leaves, of {} under the checkpoint and {to} as the file says",
            stated.unwrap_or_default()
        );
        report.broken("log", Place::Leaves(size.min(to), size.max(to).max(size + 1)), words);
    }
    let begun = runs.all().iter().filter(|run| run.first != 1);
    match from {
        0 => begun.for_each(|run| {
            let place = Place::Entry { run: Some(run.id.clone()), seq: run.first, leaf: None };
            report.broken("chain", place, "is the first one here, and not the first of its run");
        }),
        _ => {
            let number = begun.count() as u64;
            if number > 0 {
                report.unknown(
                    "beginning",
                    format!("how {} before leaf {from}", count(number, "run went on", "runs went on")),
                );
            }
        }
    }
}
/// The first line with its end, and what follows; none of nothing. The system looks for the end many bytes at a time.
fn line_of(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut rest = bytes;
    let length = rest.skip_until(b'\n').ok().filter(|length| *length > 0)?;
    bytes.split_at_checked(length)
}
