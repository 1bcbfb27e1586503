//! A granted directory as the guest sees it: the real one beneath, read only, and what the attempt wrote above.
//!
//! The real directory is recorded at first touch, path by path, and stays as it was then for the rest of the
//! attempt. Everything a call may do to files is decided here, by path, under the grant's access and quotas, and by
//! what is known: what is not known yet is wanted ([`Want`]), found out where that holds up nobody, and then the call
//! is decided again. A call changes something only once it knows all it needs.

use super::disk::Disk;
use super::root::Root;
use super::{Answered, FilesError, Found, Node, beneath, path, refused, told};
use crate::capability::bindings::wasi::filesystem::types::ErrorCode;
use crate::capability::unfit;
use crate::crossings::{Ask, Crossings, LimitReached, Reply, one_line};
use kapell_model::capability::{Access, Kind};
use kapell_model::crossing::{Answer, Failure};
use kapell_model::ending::TrapCause;
use kapell_model::grant::{Authority, Grant};
use kapell_model::id::{LogicalName, RuleId};
use kapell_model::writes::{FileMark, FileSeen, FileWrite, RESERVED};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One granted directory.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) grant: LogicalName,
    pub(super) access: Access,
    pub(super) crossings: Crossings,
    rule: RuleId,
    path: String,
    beneath: Beneath,
    bytes_max: u64,
    pub(super) file_max: u64,
    files_max: u64,
    /// Bytes of all held files together, as they would be committed now.
    bytes: u64,
    held: BTreeMap<String, Held>,
    /// The held files that began as real ones and were never emptied or given a size.
    grown_from: BTreeSet<String>,
    seen: BTreeMap<String, Node>,
    /// Which file was seen at a path.
    marks: BTreeMap<String, FileMark>,
    contents: BTreeMap<String, Arc<[u8]>>,
    listings: BTreeMap<String, Vec<(String, Node)>>,
}

/// What is beneath what the attempt wrote.
#[derive(Debug)]
pub(super) enum Beneath {
    /// The real directory.
    Real { root: Arc<Root>, disk: Arc<Disk> },
    /// What was found in it when the attempt was made.
    Recorded,
}

/// What must be known of the real directory before a call can be decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Want {
    /// What is at this path.
    Node(String),
    /// What the file at this path holds.
    Content(String),
    /// What is in the directory at this path.
    Names(String),
}

/// What was found out.
pub(super) enum Finding {
    Node(Found),
    Content(Vec<u8>, Found),
    /// None when it is more than can be recorded.
    Names(Option<Vec<(String, Node)>>),
}

/// Where to find out, and how much may be found.
pub(super) struct Errand {
    pub(super) disk: Arc<Disk>,
    pub(super) root: Arc<Root>,
    pub(super) path: String,
    pub(super) limit: u64,
}

impl Want {
    /// The path it is about.
    fn path(&self) -> &str {
        match self {
            Want::Node(path) | Want::Content(path) | Want::Names(path) => path,
        }
    }

    /// The word it stands under in the record.
    const fn call(&self) -> &'static str {
        match self {
            Want::Node(_) => "stat",
            Want::Content(_) => "read",
            Want::Names(_) => "list",
        }
    }

    /// A finding of its kind that says nothing, where the record says it.
    fn nothing(&self) -> Finding {
        match self {
            Want::Node(_) => Finding::Node(Found::ABSENT),
            Want::Content(_) => Finding::Content(Vec::new(), Found::ABSENT),
            Want::Names(_) => Finding::Names(Some(Vec::new())),
        }
    }

    /// Finds it out; this may take as long as the system likes.
    pub(super) fn find_out(&self, root: &Root, limit: u64) -> Answered<Finding> {
        match self {
            Want::Node(path) => beneath::look(root, path).map(Finding::Node),
            Want::Content(path) => {
                beneath::content(root, path, limit).map(|(content, found)| Finding::Content(content, found))
            }
            Want::Names(path) => beneath::list(root, path, limit).map(Finding::Names),
        }
    }
}

/// What the attempt made of a path.
#[derive(Debug)]
enum Held {
    File(Vec<u8>),
    Directory,
    /// A file of the real directory that is to go.
    Removed,
}

impl Held {
    fn bytes(&self) -> u64 {
        match self {
            Held::File(content) => content.len() as u64,
            Held::Directory | Held::Removed => 0,
        }
    }

    fn node(&self) -> Node {
        match self {
            Held::File(content) => Node::File(content.len() as u64),
            Held::Directory => Node::Directory,
            Held::Removed => Node::Absent,
        }
    }
}

impl Tree {
    /// The tree of an opened directory; none for a grant of another kind.
    pub(super) fn new(grant: &Grant, beneath: Beneath, crossings: &Crossings) -> Option<Self> {
        let Authority::Files { root: path, access, bytes_max, file_max, files_max, .. } = &grant.authority
        else {
            return None;
        };
        Some(Self {
            grant: grant.name.clone(),
            access: *access,
            crossings: crossings.clone(),
            rule: grant.rule.clone(),
            path: path.clone(),
            beneath,
            bytes_max: bytes_max.0,
            file_max: file_max.0,
            files_max: *files_max,
            bytes: 0,
            held: BTreeMap::new(),
            grown_from: BTreeSet::new(),
            seen: BTreeMap::new(),
            marks: BTreeMap::new(),
            contents: BTreeMap::new(),
            listings: BTreeMap::new(),
        })
    }

    /// Takes what was written. A directory that was made appears through the files in it.
    pub(super) fn take_held(&mut self) -> Vec<FileWrite> {
        let held = std::mem::take(&mut self.held).into_iter();
        let write = |path: String, content| {
            let seen = self.marks.get(&path).map_or(FileSeen::Absent, |mark| FileSeen::File(*mark));
            FileWrite { grant: self.grant.clone(), root: self.path.clone(), path, seen, content }
        };
        held.filter_map(|(path, held)| match held {
            Held::File(content) => Some(write(path, Some(content))),
            Held::Removed => Some(write(path, None)),
            Held::Directory => None,
        })
        .collect()
    }

    /// Records a refusal of `call` on `path` before the guest is told.
    pub(super) fn tell(&self, call: &'static str, path: &str, error: FilesError) -> FilesError {
        let FilesError::Refused(code) = error else { return error };
        let object = self.object(path);
        match self.crossings.refuse(&self.ask(call, &object), code.name()) {
            Ok(()) => FilesError::Refused(code),
            Err(limit) => limit.into(),
        }
    }

    fn object(&self, path: &str) -> String {
        format!("{}/{path}", self.grant)
    }

    fn ask<'a>(&'a self, call: &'static str, object: &'a str) -> Ask<'a> {
        Ask { kind: Kind::Files, call, object, rule: Some(&self.rule) }
    }

    pub(super) fn must_read(&self) -> Answered<()> {
        if self.access.reads() { Ok(()) } else { refused(ErrorCode::NotPermitted) }
    }

    pub(super) fn must_write(&self) -> Answered<()> {
        if self.access.writes() { Ok(()) } else { refused(ErrorCode::ReadOnly) }
    }
}

/// Looking and reading.
impl Tree {
    /// What is at a path.
    pub(super) fn look(&mut self, path: &str) -> Answered<Node> {
        if let Some(held) = self.held.get(path) {
            return Ok(held.node());
        }
        self.look_beneath(path)
    }

    /// What the guest may know is at a path: under a grant that does not read, a file's size is its own writes'.
    pub(super) fn show(&mut self, path: &str) -> Answered<Node> {
        Ok(match self.look(path)? {
            Node::File(_) if !self.access.reads() && self.hides(path) => Node::File(0),
            node => node,
        })
    }

    /// Whether a file is as long as it is by what was there before, not by the guest's own writes alone.
    fn hides(&self, path: &str) -> bool {
        !self.held.contains_key(path) || self.grown_from.contains(path)
    }

    fn look_beneath(&self, path: &str) -> Answered<Node> {
        self.seen.get(path).copied().ok_or_else(|| FilesError::Unknown(Want::Node(path.to_owned())))
    }

    /// The content of a real file.
    fn content_beneath(&self, path: &str) -> Answered<Arc<[u8]>> {
        self.contents.get(path).cloned().ok_or_else(|| FilesError::Unknown(Want::Content(path.to_owned())))
    }

    /// Has a file's content at hand, so that streams over it never wait.
    pub(super) fn have_content(&self, path: &str) -> Answered<()> {
        if self.held.contains_key(path) { Ok(()) } else { self.content_beneath(path).map(drop) }
    }

    /// Up to `length` bytes of a file from `offset`; empty at its end.
    pub(super) fn read(&mut self, path: &str, offset: u64, length: usize) -> Answered<Vec<u8>> {
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let part = |content: &[u8]| -> Vec<u8> {
            let rest = content.get(from..).unwrap_or_default();
            rest.get(..length).unwrap_or(rest).to_vec()
        };
        let bytes = match self.held.get(path) {
            Some(Held::File(content)) => part(content),
            Some(_) => return told(ErrorCode::NoEntry),
            None => part(&self.content_beneath(path)?),
        };
        self.crossings.read(bytes.len());
        Ok(bytes)
    }

    /// The names in a directory and what each is, sorted.
    pub(super) fn list(&mut self, path: &str) -> Answered<Vec<(String, Node)>> {
        self.must_read()?;
        let mut entries = BTreeMap::new();
        if self.look_beneath(path)? == Node::Directory {
            entries.extend(self.list_beneath(path)?);
        }
        let inside = if path.is_empty() { String::new() } else { format!("{path}/") };
        for (held_path, held) in self.held.range(inside.clone()..) {
            let Some(name) = held_path.strip_prefix(&inside) else { break };
            match held.node() {
                _ if name.is_empty() || name.contains('/') => {}
                Node::Absent => drop(entries.remove(name)),
                node => drop(entries.insert(name.to_owned(), node)),
            }
        }
        Ok(entries.into_iter().collect())
    }

    fn list_beneath(&self, path: &str) -> Answered<Vec<(String, Node)>> {
        self.listings.get(path).cloned().ok_or_else(|| FilesError::Unknown(Want::Names(path.to_owned())))
    }
}

/// Finding out: every finding is recorded before anything is decided by it.
impl Tree {
    /// What it takes to find something out; nothing where it is on record.
    pub(super) fn errand(&self) -> Option<Errand> {
        let Beneath::Real { root, disk } = &self.beneath else { return None };
        Some(Errand {
            disk: Arc::clone(disk),
            root: Arc::clone(root),
            path: self.path.clone(),
            limit: self.crossings.record_left(),
        })
    }

    /// Learns what was found out then.
    pub(super) fn recall(&mut self, want: Want) -> Answered<()> {
        match self.crossings.upcoming() {
            // Whoever is told puts it on record.
            Some(Answer::Refused(word)) => refused(code(&word)?),
            Some(Answer::Failed(failure)) => {
                let (call, object) = (want.call(), self.object(want.path()));
                self.crossings.recall(&self.ask(call, &object), None)?;
                told(code(&failure.code)?)
            }
            _ => {
                let nothing = want.nothing();
                self.learn(want, nothing)
            }
        }
    }

    /// Records that the directory had no answer: the guest is told why.
    pub(super) fn record_failure(&self, want: &Want, code: ErrorCode) -> Answered<()> {
        let object = self.object(want.path());
        let failure = Failure { code: code.name().to_owned(), ..Failure::default() };
        Ok(self.crossings.record(&self.ask(want.call(), &object), Answer::Failed(Box::new(failure)))?)
    }

    /// Learns what was found out.
    pub(super) fn learn(&mut self, want: Want, finding: Finding) -> Answered<()> {
        match (want, finding) {
            (Want::Node(path), Finding::Node(found)) => self.learn_node(path, found),
            (Want::Content(path), Finding::Content(content, found)) => {
                self.learn_content(path, content, found)
            }
            (Want::Names(path), Finding::Names(names)) => self.learn_names(path, names),
            // A want finds out its own kind.
            _ => Ok(()),
        }
    }

    fn learn_node(&mut self, path: String, found: Found) -> Answered<()> {
        let object = self.object(&path);
        let ask = self.ask("stat", &object);
        let reply = self.crossings.observe(&ask, || Ok(reply_of(found.node)))?;
        let node = node_of(&reply).ok_or_else(|| unfit(&ask))?;
        self.seen.insert(path.clone(), node);
        self.learn_mark(path, found);
        Ok(())
    }

    fn learn_content(&mut self, path: String, content: Vec<u8>, found: Found) -> Answered<()> {
        let object = self.object(&path);
        let ask = self.ask("read", &object);
        let Reply::Content(content) = self.crossings.observe(&ask, || Ok(Reply::Content(content.into())))?
        else {
            return Err(unfit(&ask).into());
        };
        self.seen.insert(path.clone(), Node::File(content.len() as u64));
        self.contents.insert(path.clone(), content);
        self.learn_mark(path, found);
        Ok(())
    }

    fn learn_names(&mut self, path: String, names: Option<Vec<(String, Node)>>) -> Answered<()> {
        let names = names.ok_or_else(|| self.crossings.record_full())?;
        let object = self.object(&path);
        let ask = self.ask("list", &object);
        let reply = self.crossings.observe(&ask, || Ok(Reply::Names(names.iter().map(marked).collect())))?;
        let Reply::Names(names) = reply else { return Err(unfit(&ask).into()) };
        self.listings.insert(path, names.iter().map(|name| unmarked(name)).collect());
        Ok(())
    }

    fn learn_mark(&mut self, path: String, found: Found) {
        if let Some(mark) = found.mark {
            self.marks.insert(path, mark);
        }
    }
}

/// Writing: nothing here touches the real directory.
impl Tree {
    /// Makes a path an empty file, new or emptied.
    pub(super) fn make_file(&mut self, path: &str) -> Answered<()> {
        self.must_write()?;
        self.check_new(path)?;
        self.grown_from.remove(path);
        self.hold(path, Held::File(Vec::new()))
    }

    pub(super) fn make_directory(&mut self, path: &str) -> Answered<()> {
        self.must_write()?;
        match (self.look(path)?, self.held.get(path)) {
            // A removed file and a directory of its name can't both be held under one path.
            (Node::Absent, Some(_)) => told(ErrorCode::Unsupported),
            (Node::Absent, None) => {
                self.check_new(path)?;
                self.hold(path, Held::Directory)
            }
            _ => told(ErrorCode::Exist),
        }
    }

    pub(super) fn remove_directory(&mut self, path: &str) -> Answered<()> {
        self.must_write()?;
        match self.look(path)? {
            Node::Absent => return told(ErrorCode::NoEntry),
            Node::Directory if path.is_empty() => return told(ErrorCode::Busy),
            Node::Directory => {}
            _ => return told(ErrorCode::NotDirectory),
        }
        let made_here = self.held.contains_key(path);
        let inside = format!("{path}/");
        let occupied =
            self.held.range(inside.clone()..).next().is_some_and(|(at, _)| at.starts_with(&inside));
        match made_here {
            true if occupied => told(ErrorCode::NotEmpty),
            true => {
                self.held.remove(path);
                Ok(())
            }
            // Held writes are files; the removal of a real directory has no form among them.
            false => told(ErrorCode::Unsupported),
        }
    }

    pub(super) fn remove_file(&mut self, path: &str) -> Answered<()> {
        self.must_write()?;
        self.must_be_file(path)?;
        let beneath = self.look_beneath(path)?;
        self.grown_from.remove(path);
        if beneath == Node::Absent {
            let gone = self.held.remove(path);
            self.bytes -= gone.map_or(0, |held| held.bytes());
            return Ok(());
        }
        self.hold(path, Held::Removed)
    }

    pub(super) fn rename(&mut self, old: &str, new: &str) -> Answered<()> {
        self.must_write()?;
        match self.look(old)? {
            Node::Directory => return told(ErrorCode::Unsupported),
            _ => self.must_be_file(old)?,
        }
        match self.look(new)? {
            Node::Absent => {}
            _ => self.must_be_file(new)?,
        }
        if old == new {
            return Ok(());
        }
        self.check_new(new)?;
        let content = self.own(old)?.clone();
        let grown = self.grown_from.contains(old);
        self.remove_file(old)?;
        self.hold(new, Held::File(content))?;
        if grown {
            self.grown_from.insert(new.to_owned());
        } else {
            self.grown_from.remove(new);
        }
        Ok(())
    }

    /// Writes at an offset, filling a gap with zeros.
    pub(super) fn write(&mut self, path: &str, offset: u64, bytes: &[u8]) -> Answered<()> {
        let end = offset.saturating_add(bytes.len() as u64);
        let size = self.own(path)?.len() as u64;
        self.grow(path, size.max(end))?;
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        if let Some(place) = self.own(path)?.get_mut(from..).and_then(|rest| rest.get_mut(..bytes.len())) {
            place.copy_from_slice(bytes);
        }
        self.crossings.wrote(bytes.len());
        Ok(())
    }

    /// Writes at the end.
    pub(super) fn append(&mut self, path: &str, bytes: &[u8]) -> Answered<()> {
        let end = self.own(path)?.len() as u64;
        self.write(path, end, bytes)
    }

    /// Cuts a file or fills it with zeros up to a size.
    pub(super) fn set_size(&mut self, path: &str, size: u64) -> Answered<()> {
        self.own(path)?;
        self.grow(path, size)?;
        self.grown_from.remove(path);
        Ok(())
    }

    /// Sets a held file's size; the quota is checked before a byte is made.
    fn grow(&mut self, path: &str, size: u64) -> Answered<()> {
        let before = self.held.get(path).map_or(0, Held::bytes);
        self.bytes = self.check_bytes((self.bytes - before).saturating_add(size), size)?;
        let length = usize::try_from(size).map_err(|_| FilesError::Told(ErrorCode::FileTooLarge))?;
        self.own(path)?.resize(length, 0);
        Ok(())
    }

    /// The held content of a file, brought up from the real directory when it is not held yet.
    fn own(&mut self, path: &str) -> Answered<&mut Vec<u8>> {
        self.must_write()?;
        if !self.held.contains_key(path) {
            self.must_be_file(path)?;
            let content = self.content_beneath(path)?.to_vec();
            self.hold(path, Held::File(content))?;
            self.grown_from.insert(path.to_owned());
        }
        match self.held.get_mut(path) {
            Some(Held::File(content)) => Ok(content),
            _ => told(ErrorCode::NoEntry),
        }
    }

    fn hold(&mut self, path: &str, held: Held) -> Answered<()> {
        let before = self.held.get(path);
        let files = self.held.len() as u64 + u64::from(before.is_none());
        if files > self.files_max {
            return Err(self.over(format!("{files} files made or changed, {}", self.files_max)).into());
        }
        let before = before.map_or(0, Held::bytes);
        self.bytes = self.check_bytes((self.bytes - before).saturating_add(held.bytes()), held.bytes())?;
        self.held.insert(path.to_owned(), held);
        Ok(())
    }

    /// Whether all held files together may have so many bytes, and one of them so many.
    fn check_bytes(&self, bytes: u64, file: u64) -> Result<u64, LimitReached> {
        if bytes > self.bytes_max {
            return Err(self.over(format!("{bytes} bytes written, {}", self.bytes_max)));
        }
        if file > self.file_max {
            return Err(self.over(format!("{file} bytes in one file, {}", self.file_max)));
        }
        Ok(bytes)
    }

    fn over(&self, what: String) -> LimitReached {
        let detail = format!("files `{}`: {what} granted by rule {}", self.grant, self.rule);
        LimitReached { cause: TrapCause::Quota, detail }
    }

    fn must_be_file(&mut self, path: &str) -> Answered<()> {
        match self.look(path)? {
            Node::File(_) => Ok(()),
            Node::Absent => told(ErrorCode::NoEntry),
            Node::Directory => told(ErrorCode::IsDirectory),
            Node::Link => refused(ErrorCode::Loop),
            Node::Other => refused(ErrorCode::NotPermitted),
        }
    }

    /// Whether something may be made at a path: its directory exists, and its name reads as what it is.
    fn check_new(&mut self, path: &str) -> Answered<()> {
        let (parent, name) = path::split(path);
        // The host puts a file in place by way of a name of its own beside it; no guest's file may be in its way.
        if name.starts_with(RESERVED) {
            return refused(ErrorCode::NotPermitted);
        }
        match self.look(parent)? {
            Node::Directory => {}
            Node::Absent => return told(ErrorCode::NoEntry),
            _ => return told(ErrorCode::NotDirectory),
        }
        // A name with a line break, a reordering or an invisible character would deceive whoever lists it.
        if one_line(name) == name && path::is_one_name_everywhere(name) {
            Ok(())
        } else {
            refused(ErrorCode::IllegalByteSequence)
        }
    }
}

/// The code a word of the record stands for.
fn code(word: &str) -> Answered<ErrorCode> {
    let known = TOLD.into_iter().find(|code| code.name() == word);
    let unknown =
        || wasmtime::Error::msg(format!("the record has `{word}`, which is no code of a file system"));
    known.ok_or_else(|| FilesError::Ends(unknown()))
}

/// The codes with which a directory's own answer can end a call.
const TOLD: [ErrorCode; 11] = [
    ErrorCode::Access,
    ErrorCode::CrossDevice,
    ErrorCode::FileTooLarge,
    ErrorCode::IllegalByteSequence,
    ErrorCode::Io,
    ErrorCode::IsDirectory,
    ErrorCode::Loop,
    ErrorCode::NameTooLong,
    ErrorCode::NoEntry,
    ErrorCode::NotDirectory,
    ErrorCode::NotPermitted,
];

/// How a node stands in the record: a file by its size, everything else by a word.
fn reply_of(node: Node) -> Reply {
    match node {
        Node::Absent => Reply::Absent,
        Node::File(size) => Reply::Number(size),
        Node::Directory => Reply::Text("directory".into()),
        Node::Link => Reply::Text("link".into()),
        Node::Other => Reply::Text("other".into()),
    }
}

fn node_of(reply: &Reply) -> Option<Node> {
    match reply {
        Reply::Absent => Some(Node::Absent),
        Reply::Number(size) => Some(Node::File(*size)),
        Reply::Text(word) => match word.as_str() {
            "directory" => Some(Node::Directory),
            "link" => Some(Node::Link),
            "other" => Some(Node::Other),
            _ => None,
        },
        _ => None,
    }
}

/// A name as it stands in the record; no name holds a `/`, so what follows one says what the name is.
fn marked((name, node): &(String, Node)) -> String {
    match node {
        Node::File(_) | Node::Absent => name.clone(),
        Node::Directory => format!("{name}/"),
        Node::Link => format!("{name}/link"),
        Node::Other => format!("{name}/other"),
    }
}

fn unmarked(text: &str) -> (String, Node) {
    let (name, node) = match text.split_once('/') {
        None => (text, Node::File(0)),
        Some((name, "")) => (name, Node::Directory),
        Some((name, "link")) => (name, Node::Link),
        Some((name, _)) => (name, Node::Other),
    };
    (name.to_owned(), node)
}
