//! An exported file as a record to do runs again from, on a machine that never saw their home.
//!
//! Whether the file holds is not judged here: whoever opens it has had it checked, and says by its digest which bytes
//! those were. It stays where it is; what is read of it later is held against what was found then.

use crate::error::{HomeError, Kind};
use crate::home::open_regular;
use crate::replay::{Again, ReplayWish, Source, stand_in};
use crate::trial::Trial;
use kapell_journal::chain;
use kapell_journal::content::{Content, Salt};
use kapell_journal::entry::Entry;
use kapell_journal::replay::RunReplayed;
use kapell_journal::seam::{JournalError, JournalReads};
use kapell_model::digest::Digest;
use kapell_model::id::RunId;
use kapell_model::seam::{HostFault, Skill};
use kapell_runtime::{Compiler, Runtime};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The largest list of what is left out; a file has at most 2^18 members, and a line names one.
const LEFT_OUT_MAX: u64 = 64 << 20;

/// An exported file, opened to be done again from.
pub struct Bundle {
    record: Arc<Record>,
    runtime: Arc<Runtime>,
    held: Option<Trial>,
}

/// Where everything stands in the file.
struct Record {
    file: File,
    path: PathBuf,
    /// Its runs, in the order of their first entries.
    order: Vec<RunId>,
    runs: HashMap<RunId, Chain>,
    blobs: HashMap<Digest, Place>,
    private: HashMap<Digest, Place>,
    components: HashMap<Digest, Place>,
    /// What is named and not there, with why.
    left_out: HashMap<Digest, &'static str>,
}

/// Some bytes of the file.
#[derive(Clone, Copy)]
struct Place {
    from: u64,
    bytes: u64,
}

/// The entries of a run.
struct Chain {
    /// The number of the first that is there.
    first: u64,
    entries: Vec<Place>,
    /// The digest of the last.
    end: Digest,
}

impl Bundle {
    /// Opens a file that was checked, whose digest this was then. Components are compiled into the folder `compiled`.
    ///
    /// # Errors
    /// `Integrity` when it has other bytes now; when it can't be read, or the engine can't be made.
    pub fn open(
        path: &Path,
        checked: &Digest,
        compiler: Compiler,
        compiled: PathBuf,
    ) -> Result<Self, HomeError> {
        let record = Arc::new(Record::read(path, checked)?);
        let components = Arc::clone(&record);
        let fetch = move |digest: &Digest| {
            components.component_bytes(digest).map_err(|cause| HostFault {
                doing: format!("read the component {digest}"),
                cause: cause.to_string(),
            })
        };
        let runtime = Runtime::without_a_world(compiled, Arc::new(fetch), compiler)
            .map_err(|cause| HomeError::new(Kind::Internal, format!("start the sandbox: {cause}")))?;
        Ok(Self { record, runtime: Arc::new(runtime), held: None })
    }

    /// Holds what is done again against the lock of a place: a file brings no approval with it.
    pub fn hold_against(&mut self, trial: Trial) {
        self.held = Some(trial);
    }

    /// Its runs, in the order of their first entries.
    #[must_use]
    pub fn runs(&self) -> &[RunId] {
        &self.record.order
    }

    /// One of its runs, by its id or `last`.
    ///
    /// # Errors
    /// `NotFound` when it has none.
    pub fn find_run(&self, said: &str) -> Result<RunId, HomeError> {
        let found = match said {
            "last" => self.record.order.last(),
            id => self.record.order.iter().find(|run| run.as_str() == id),
        };
        let known = || self.record.order.iter().map(RunId::as_str);
        found.cloned().ok_or_else(|| HomeError::not_found("run in this file", said, known()))
    }

    /// As [`Home::stand_in`](crate::Home::stand_in).
    ///
    /// # Errors
    /// As there.
    pub fn stand_in(&self, file: &Path, bytes: &[u8]) -> Result<Arc<Skill>, HomeError> {
        stand_in(&self.runtime, file, bytes)
    }

    /// Does the attempts of runs again, as [`Home::replay`](crate::Home::replay) does.
    ///
    /// # Errors
    /// As there.
    pub async fn replay(
        &self,
        runs: &[RunId],
        wish: &ReplayWish,
        done: impl FnMut(usize),
    ) -> Result<Vec<RunReplayed>, HomeError> {
        let held = self.held.clone().filter(|_| !wish.unapproved);
        Again::new(&self.record, &self.runtime, None, wish, held)?.runs(runs, done).await
    }
}

impl Record {
    fn read(path: &Path, checked: &Digest) -> Result<Self, HomeError> {
        let failed = |cause: io::Error| HomeError::io("read", path, &cause);
        let reading = open_regular(path)?;
        let mut record = Self {
            file: reading.try_clone().map_err(failed)?,
            path: path.to_owned(),
            order: Vec::new(),
            runs: HashMap::new(),
            blobs: HashMap::new(),
            private: HashMap::new(),
            components: HashMap::new(),
            left_out: HashMap::new(),
        };
        let mut hashed = BufReader::with_capacity(1 << 20, Hashing::new(reading));
        let mut tar = tar::Archive::new(&mut hashed);
        for member in tar.entries().map_err(failed)? {
            let mut member = member.map_err(failed)?;
            let place = Place { from: member.raw_file_position(), bytes: member.size() };
            let name = String::from_utf8_lossy(&member.path_bytes()).into_owned();
            record.member(&name, place, &mut member).map_err(failed)?;
        }
        io::copy(&mut hashed, &mut io::sink()).map_err(failed)?;
        match hashed.into_inner().digest() == *checked {
            true => Ok(record),
            false => Err(HomeError::from(record.moved())),
        }
    }

    fn member(&mut self, name: &str, place: Place, content: &mut impl Read) -> io::Result<()> {
        match name.split_once('/') {
            Some(("entries", _)) => self.entries_of(place, content),
            Some(("plans" | "tariffs" | "crossings" | "blobs", hex)) => {
                self.blobs.extend(named(hex).map(|digest| (digest, place)));
                Ok(())
            }
            Some(("private", hex)) => {
                self.private.extend(named(hex).map(|commitment| (commitment, place)));
                Ok(())
            }
            Some(("components", hex)) => {
                self.components.extend(named(hex).map(|digest| (digest, place)));
                Ok(())
            }
            None if name == "withheld" => self.absent(content),
            _ => Ok(()),
        }
    }

    /// Notes where the lines of a part with entries stand.
    fn entries_of(&mut self, part: Place, content: &mut impl Read) -> io::Result<()> {
        #[derive(Deserialize)]
        struct Of {
            run: RunId,
            seq: u64,
        }
        let (mut bytes, mut from) = (Vec::new(), part.from);
        content.read_to_end(&mut bytes)?;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let place = Place { from, bytes: line.len() as u64 - 1 };
            from += line.len() as u64;
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let Of { run, seq } = serde_json::from_slice(line)?;
            let chain = self.runs.entry(run.clone()).or_insert_with(|| {
                self.order.push(run);
                Chain { first: seq, entries: Vec::new(), end: Digest::of(&[]) }
            });
            chain.entries.push(place);
            chain.end = Digest::of(line);
        }
        Ok(())
    }

    /// Notes what is named and not there.
    fn absent(&mut self, content: &mut impl Read) -> io::Result<()> {
        let mut text = String::new();
        content.take(LEFT_OUT_MAX).read_to_string(&mut text)?;
        for (why, path) in text.lines().filter_map(|line| line.split_once(' ')) {
            let words = match why {
                "withheld" => "withheld by whoever made this file",
                "erased" => "erased",
                "dropped" => "let go, by policy",
                _ => "not kept, as whoever made this file says",
            };
            let digest = path.split_once('/').and_then(|(_, hex)| named(hex));
            self.left_out.extend(digest.map(|digest| (digest, words)));
        }
        Ok(())
    }

    fn at(&self, place: Place) -> Result<Vec<u8>, JournalError> {
        let unread = |cause: io::Error| JournalError::Unavailable { doing: "read", cause: cause.to_string() };
        let mut bytes = vec![0; usize::try_from(place.bytes).map_err(|_| self.moved())?];
        self.file.read_exact_at(&mut bytes, place.from).map_err(unread)?;
        Ok(bytes)
    }

    /// Bytes that still have the digest they are named by.
    fn content(&self, digest: &Digest, place: Place) -> Result<Vec<u8>, JournalError> {
        let bytes = self.at(place)?;
        if Digest::of(&bytes) == *digest { Ok(bytes) } else { Err(self.moved()) }
    }

    fn component_bytes(&self, digest: &Digest) -> Result<Vec<u8>, JournalError> {
        match self.components.get(digest) {
            Some(place) => self.content(digest, *place),
            None => Err(JournalError::Damaged(format!("the component {digest} is not in it"))),
        }
    }

    fn moved(&self) -> JournalError {
        JournalError::Damaged(format!("{} was changed while it was read", self.path.display()))
    }
}

/// The digest a member is named by.
fn named(hex: &str) -> Option<Digest> {
    format!("sha256:{hex}").parse().ok()
}

impl JournalReads for Record {
    fn entries(&self, run: &RunId) -> Result<Vec<Entry>, JournalError> {
        let chain = self.runs.get(run).ok_or_else(|| JournalError::NotFound(run.clone()))?;
        let stored = chain.entries.iter().map(|place| self.at(*place)).collect::<Result<Vec<_>, _>>()?;
        let is_same = stored.last().is_some_and(|last| Digest::of(last) == chain.end);
        if is_same { chain::verify(run, &stored) } else { Err(self.moved()) }
    }

    fn blob(&self, _: &RunId, digest: &Digest) -> Result<Option<Arc<[u8]>>, JournalError> {
        let content = self.blobs.get(digest).map(|place| self.content(digest, *place));
        Ok(content.transpose()?.map(Arc::from))
    }

    fn private(&self, commitment: &Digest) -> Result<Option<Content>, JournalError> {
        let Some(place) = self.private.get(commitment) else { return Ok(None) };
        let stored = self.at(*place)?;
        let (salt, bytes) = stored.split_first_chunk().ok_or_else(|| self.moved())?;
        let content = Content::committed(bytes, Salt::from_bytes(*salt));
        if content.digest() == commitment { Ok(Some(content)) } else { Err(self.moved()) }
    }

    fn left_out(&self, digest: &Digest) -> Option<&'static str> {
        self.left_out.get(digest).copied()
    }
}

impl Source for Record {
    fn unfit(&self, component: &Digest) -> Result<Option<String>, HomeError> {
        if let Some(why) = self.left_out(component) {
            return Ok(Some(format!("its component is {why}")));
        }
        Ok(self.component_bytes(component).map(|_| None)?)
    }

    fn cut(&self, run: &RunId) -> Option<String> {
        let begins_later = self.runs.get(run).is_some_and(|chain| chain.first > 1);
        begins_later.then(|| "it began before the first entry of this file".into())
    }
}

/// Remembers the digest of all that is read through it.
pub struct Hashing<R> {
    inner: R,
    hash: Sha256,
}

impl<R> Hashing<R> {
    /// Of what is read from now on.
    pub fn new(inner: R) -> Self {
        Self { inner, hash: Sha256::new() }
    }

    /// The digest of everything that was read.
    pub fn digest(self) -> Digest {
        Digest::from_bytes(self.hash.finalize().into())
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(into)?;
        self.hash.update(into.get(..count).unwrap_or_default());
        Ok(count)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;

    /// A file of one entry and one text, and a record of it.
    fn opened(folder: &Path) -> (PathBuf, Result<Record, HomeError>) {
        let (path, mut tar) = (folder.join("file"), tar::Builder::new(Vec::new()));
        let entry = br#"{"run":"call-1","seq":1}"#;
        let text = format!("blobs/{}", Digest::of(b"text").hex());
        for (name, content) in
            [("entries/00000001.jsonl", &[entry, &b"\n"[..]].concat()[..]), (&text, b"text")]
        {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            tar.append_data(&mut header, name, content).unwrap();
        }
        let bytes = tar.into_inner().unwrap();
        std::fs::write(&path, &bytes).unwrap();
        let record = Record::read(&path, &Digest::of(&bytes));
        (path, record)
    }

    #[test]
    fn a_file_that_is_another_than_was_checked_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (path, record) = opened(folder.path());
        assert!(record.is_ok());
        let refused = Record::read(&path, &Digest::of(b"other")).err().unwrap();
        assert_eq!(refused.kind, Kind::Integrity);
        assert!(refused.message.contains("was changed while it was read"), "{refused}");
    }

    #[test]
    fn what_is_changed_later_is_noticed_when_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let (path, record) = opened(folder.path());
        let (record, run): (_, RunId) = (record.unwrap(), "call-1".parse().unwrap());
        assert_eq!(&*record.blob(&run, &Digest::of(b"text")).unwrap().unwrap(), b"text");
        let bytes = std::fs::read(&path).unwrap();
        let changed =
            String::from_utf8(bytes).unwrap().replace("text", "next").replace("\"seq\":1", "\"seq\":2");
        std::fs::write(&path, changed).unwrap();
        assert!(matches!(record.blob(&run, &Digest::of(b"text")), Err(JournalError::Damaged(_))));
        assert!(record.entries(&run).unwrap_err().to_string().contains("was changed while it was read"));
    }
}
