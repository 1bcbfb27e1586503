//! One file for whoever checks without the home: entries as they were hashed, what shows that they stand in the log, and
//! what they name. Its form is stated beside the program that checks it, in `host/verify/FORMAT.md`.
//!
//! Nothing is judged here: what stands in the journal is handed on as it stands. The same journal makes the same file.

use crate::error::{HomeError, Kind};
use crate::gone::Gone;
use crate::home::Home;
use crate::names::{self, Kept, Names};
use kapell_journal::checkpoint::{Checkpoint, lines, proof};
use kapell_journal::content::Content;
use kapell_journal::entry::{Body, Entry};
use kapell_journal::seam::Journals as _;
use kapell_model::digest::Digest;
use kapell_model::id::{FlowName, RunId};
use kapell_model::lock::Lock;
use kapell_model::manifest::SECTION;
use kapell_model::quantity::Timestamp;
use kapell_runtime::section::custom_section;
use kapell_store::{Components as _, Noted, StoredEntry};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

/// Most entries of one part of a file.
const PART: u64 = 4096;
/// Most older heads that are handed on; of more, so many in even steps.
const HEADS: usize = 4096;
/// What whoever unpacks the file reads first.
const README: &str = include_str!("export.md");

/// What is exported.
#[derive(Clone, Debug)]
pub enum Scope {
    /// One run.
    Run(RunId),
    /// Everything from the first entry that was written at that time or later.
    Since(Timestamp),
    /// Everything.
    All,
}

/// What is kept back: named in the file, and not in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Without {
    /// The bytes of skills.
    Components,
    /// Inputs, outputs, texts and what crossed the sandbox's boundary.
    Blobs,
}

/// An export, asked for.
#[derive(Clone, Debug)]
pub struct Exporting {
    /// Of what.
    pub scope: Scope,
    /// Without what.
    pub without: Vec<Without>,
    /// Whether what is private is handed on, with the salts that open its commitments.
    pub with_private: bool,
    /// Checkpoints somebody outside holds: the file shows that the log only adds to each.
    pub held: Vec<String>,
}

/// What was exported.
#[derive(Clone, Debug)]
pub struct Exported {
    /// How many entries.
    pub entries: u64,
    /// How many things that they name are not in the file.
    pub absent: u64,
    /// The head they stand under.
    pub head: Noted,
}

impl Home {
    /// Writes evidence of some entries for somebody who has no home.
    ///
    /// # Errors
    /// `NotFound` for a run without entries, `Argument` for a checkpoint that is none of this journal's, `Integrity` where
    /// entries or what they name are missing; when the file can't be written.
    pub fn export(&self, exporting: &Exporting, out: impl Write) -> Result<Exported, HomeError> {
        let head = self.log.sign()?;
        let from = match exporting.scope {
            Scope::Since(since) => self.store.first_since(since)?,
            _ => 0,
        };
        let mut export = Export {
            home: self,
            exporting,
            head: &head,
            from,
            tar: tar::Builder::new(out),
            sums: String::new(),
            names: Names::new(),
            flows: BTreeSet::new(),
            gone: Gone::default(),
            absent: Vec::new(),
        };
        let entries = export.all()?;
        let absent = export.absent.len() as u64;
        export.tar.into_inner().and_then(|mut out| out.flush()).map_err(unwritten)?;
        Ok(Exported { entries, absent, head })
    }
}

fn unwritten(cause: std::io::Error) -> HomeError {
    HomeError::new(Kind::Internal, format!("write the evidence: {cause}"))
}

fn damaged(what: impl Into<String>) -> HomeError {
    HomeError::new(Kind::Integrity, what)
}

/// An export under way.
struct Export<'h, W: Write> {
    home: &'h Home,
    exporting: &'h Exporting,
    head: &'h Noted,
    from: u64,
    tar: tar::Builder<W>,
    sums: String,
    names: Names,
    flows: BTreeSet<FlowName>,
    gone: Gone,
    absent: Vec<String>,
}

impl<W: Write> Export<'_, W> {
    /// All parts in their order; gives the number of entries.
    fn all(&mut self) -> Result<u64, HomeError> {
        let scope = match &self.exporting.scope {
            Scope::Run(run) => format!("run {run}"),
            _ => format!("log {} {}", self.from, self.head.size),
        };
        self.put("BUNDLE", format!("kapell-bundle/1\n{scope}\n").as_bytes())?;
        self.put("README", README.as_bytes())?;
        self.put("log.pub", format!("{}\n", self.home.log_key()?).as_bytes())?;
        self.keys()?;
        self.put("checkpoint", self.head.note.as_bytes())?;
        self.heads()?;
        let entries = match &self.exporting.scope {
            Scope::Run(run) => self.run(run)?,
            _ => self.log()?,
        };
        self.approvals()?;
        self.contents()?;
        let absent = self.absent.concat();
        self.put("withheld", absent.as_bytes())?;
        let sums = std::mem::take(&mut self.sums);
        self.put("SHA256SUMS", sums.as_bytes())?;
        Ok(entries)
    }

    /// One file of the file: nobody's, from no time, so that the same content is the same bytes.
    fn put(&mut self, name: &str, bytes: &[u8]) -> Result<(), HomeError> {
        let mut header = tar::Header::new_ustar();
        header.set_path(name).map_err(unwritten)?;
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        for set in [tar::Header::set_uid, tar::Header::set_gid, tar::Header::set_mtime] {
            set(&mut header, 0);
        }
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        self.sums.push_str(&format!("{}  {name}\n", Digest::of(bytes).hex()));
        self.tar.append(&header, bytes).map_err(unwritten)
    }

    /// The keys before this one and why they ended, which whoever holds one of them must be told.
    fn keys(&mut self) -> Result<(), HomeError> {
        let all = self.home.log_keys()?;
        if all.len() < 2 {
            return Ok(());
        }
        let told = all.iter().map(|it| match &it.anew {
            Some((by, reason)) => {
                json!({ "key": it.key, "size": it.size, "at": it.at, "by": by, "reason": reason })
            }
            None => json!({ "key": it.key, "size": it.size, "at": it.at }),
        });
        let list = Content::canonical(&told.collect::<Vec<_>>());
        let list =
            list.map_err(|error| HomeError::new(Kind::Internal, format!("write the keys: {error}")))?;
        self.put("keys", list.bytes())
    }

    /// Older heads, and what shows that the log only adds to those that no entries here lead on from.
    fn heads(&mut self) -> Result<(), HomeError> {
        let (size, from, is_run) = (self.head.size, self.from, matches!(self.exporting.scope, Scope::Run(_)));
        let mut heads: BTreeMap<u64, String> =
            self.exporting.held.iter().map(|note| self.held(note)).collect::<Result<_, _>>()?;
        if !is_run {
            let older: Vec<Noted> = self.home.store.checkpoints()?;
            // Those of a key before this one nobody could check by the key in the file.
            let origin = self.head.note.lines().next();
            let is_wanted =
                |it: &Noted| it.size >= from && it.size < size && it.note.lines().next() == origin;
            let older: Vec<Noted> = older.into_iter().filter(is_wanted).collect();
            let step = older.len().div_ceil(HEADS).max(1);
            heads.extend(older.into_iter().step_by(step).map(|noted| (noted.size, noted.note)));
        }
        heads.remove(&size);
        for (size, note) in &heads {
            self.put(&format!("checkpoints/{size:020}"), note.as_bytes())?;
        }
        for old in heads.keys().filter(|old| is_run || **old < from) {
            let hashes = self.home.store.consistency(*old, size)?;
            self.put(&format!("consistency/{old:020}"), lines(&hashes).as_bytes())?;
        }
        Ok(())
    }

    /// The size of a checkpoint somebody holds, once it is one of this log's.
    fn held(&self, note: &str) -> Result<(u64, String), HomeError> {
        let not_ours = |why: String| {
            HomeError::new(Kind::Argument, format!("the checkpoint is none of this journal: {why}"))
        };
        let held =
            Checkpoint::verified(note, &self.home.log_key()?).map_err(|why| not_ours(why.to_string()))?;
        match self.home.store.tree_root(held.size.min(self.head.size))? {
            Some(root) if held.size <= self.head.size && root == held.root => {
                Ok((held.size, note.to_owned()))
            }
            _ if held.size <= self.head.size => Err(damaged(format!(
                "the checkpoint over {} entries is over other entries than stand here: the log was shown in two versions",
                held.size
            ))),
            _ => Err(damaged(format!(
                "the checkpoint is over {} entries, the journal has {}: entries were taken away",
                held.size, self.head.size
            ))),
        }
    }

    fn run(&mut self, run: &RunId) -> Result<u64, HomeError> {
        let entries = self.home.store.entries_within(run, self.head.size)?;
        if entries.is_empty() {
            return Err(HomeError::new(Kind::NotFound, format!("there is no entry of {run}")));
        }
        for (part, entries) in (1..).zip(entries.chunks(PART as usize)) {
            self.part(part, entries)?;
        }
        let leaves: Vec<u64> = entries.iter().map(|entry| entry.leaf).collect();
        let beside = self.home.store.inclusions(&leaves, self.head.size)?;
        for (entry, beside) in entries.iter().zip(beside) {
            let proof = proof(entry.leaf, &beside, &self.head.note);
            self.put(&format!("proofs/{:08}.tlog-proof", entry.seq), proof.as_bytes())?;
        }
        Ok(entries.len() as u64)
    }

    fn log(&mut self) -> Result<u64, HomeError> {
        let (from, size) = (self.from, self.head.size);
        if from > 0 {
            let whole = self.home.store.whole_subtrees(from)?;
            self.put("range", lines(&whole).as_bytes())?;
        }
        for (part, begin) in (1..).zip((from..size).step_by(PART as usize)) {
            let end = size.min(begin + PART);
            let entries = self.home.store.entries_between(begin, end)?;
            if entries.len() as u64 != end - begin {
                return Err(damaged(format!("of entries {} to {end} some are missing", begin + 1)));
            }
            self.part(part, &entries)?;
        }
        Ok(size - from)
    }

    /// Entries in a row, a line each.
    fn part(&mut self, part: u64, entries: &[StoredEntry]) -> Result<(), HomeError> {
        let mut lines = Vec::new();
        for entry in entries {
            if entry.bytes.contains(&b'\n') {
                return Err(damaged(format!(
                    "entry {} of {} is no entry: it has lines",
                    entry.seq, entry.run
                )));
            }
            lines.extend_from_slice(&entry.bytes);
            lines.push(b'\n');
            // One that can't be read names nothing; whoever checks says so.
            if let Ok(entry) = serde_json::from_slice::<Entry>(&entry.bytes) {
                let mut named = Names::new();
                names::of_entry(&entry, &mut named);
                self.gone.note(&entry, &named);
                self.name(named);
                if let Body::RunStarted(started) = entry.body {
                    self.flows.insert(started.flow);
                }
            }
        }
        self.put(&format!("entries/{part:08}.jsonl"), &lines)
    }

    /// What people said of what ran, as the lock has it now.
    fn approvals(&mut self) -> Result<(), HomeError> {
        let lock = self.home.locks.now()?;
        let ran = |component: &Digest| self.names.contains_key(&(Kept::Component, *component));
        let about = Lock {
            locked: self.home.is_locked()?,
            skills: lock.skills.iter().filter(|it| ran(&it.pin.component)).cloned().collect(),
            revoked: lock.revoked.iter().filter(|it| ran(&it.pin.component)).cloned().collect(),
            flows: lock.flows.iter().filter(|it| self.flows.contains(&it.name)).cloned().collect(),
            revoked_flows: lock
                .revoked_flows
                .iter()
                .filter(|it| self.flows.contains(&it.name))
                .cloned()
                .collect(),
            asked: Vec::new(),
        };
        let text = about.written(&self.home.place.root);
        self.put("approvals.toml", text.as_bytes())
    }

    /// Everything that is named, folder by folder; what a folder's files name comes in a later one.
    fn contents(&mut self) -> Result<(), HomeError> {
        self.folder(Kept::Plan, "plans", false)?;
        self.folder(Kept::Tariff, "tariffs", false)?;
        self.manifests()?;
        let without = |what| self.exporting.without.contains(&what);
        let (blobs, components) = (without(Without::Blobs), without(Without::Components));
        self.folder(Kept::Crossings, "crossings", blobs)?;
        self.folder(Kept::Blob, "blobs", blobs)?;
        self.folder(Kept::Component, "components", components)?;
        self.private()
    }

    /// What is private, each with the salt that opens its commitment before it. What entries leave out names more of it.
    fn private(&mut self) -> Result<(), HomeError> {
        let mut named: BTreeSet<Digest> =
            self.names.keys().filter(|(kept, _)| kept.is_private()).map(|it| it.1).collect();
        if self.exporting.with_private {
            for (commitment, _) in self.named(Kept::Told) {
                if let Some(told) = self.home.store.private(&commitment)? {
                    names::within(Kept::Told, told.bytes(), &mut self.names)?;
                }
            }
            named.extend(self.named(Kept::Private).into_iter().map(|(commitment, _)| commitment));
        }
        for commitment in named {
            let path = format!("private/{}", commitment.hex());
            if let Some(how) = self.gone.how(Kept::Private, &commitment) {
                self.absent.push(format!("{how} {path}\n"));
                continue;
            }
            let missing = || damaged(format!("{commitment}, which an entry names, is missing"));
            let content = self.home.store.private(&commitment)?.ok_or_else(missing)?;
            match (content.salt(), self.exporting.with_private) {
                (Some(salt), true) => self.put(&path, &[salt.as_bytes(), &content.bytes()[..]].concat())?,
                _ => self.absent.push(format!("withheld {path}\n")),
            }
        }
        Ok(())
    }

    fn name(&mut self, named: Names) {
        named.into_iter().for_each(|(name, must)| *self.names.entry(name).or_default() |= must);
    }

    fn named(&self, wanted: Kept) -> Vec<(Digest, bool)> {
        let named = self.names.iter().filter(|((kept, _), _)| *kept == wanted);
        named.map(|((_, digest), must)| (*digest, *must)).collect()
    }

    fn folder(&mut self, kept: Kept, folder: &str, withheld: bool) -> Result<(), HomeError> {
        for (digest, must) in self.named(kept) {
            let path = format!("{folder}/{}", digest.hex());
            if let Some(how) = self.gone.how(kept, &digest) {
                self.absent.push(format!("{how} {path}\n"));
                continue;
            }
            if withheld {
                self.absent.push(format!("withheld {path}\n"));
                continue;
            }
            let bytes = match kept {
                Kept::Component => Some(self.home.store.component(&digest)?),
                _ => self.home.kept_by(&self.gone.keepers(&digest), &digest)?,
            };
            match bytes {
                Some(bytes) => {
                    let mut nested = Names::new();
                    names::within(kept, &bytes, &mut nested)?;
                    self.gone.keep(&digest, &nested);
                    self.name(nested);
                    self.put(&path, &bytes)?;
                }
                None if must && self.home.must_keep((kept, &digest), &self.gone)? => {
                    return Err(damaged(format!("{digest}, which an entry names, is missing")));
                }
                None => self.absent.push(format!("not-kept {path}\n")),
            }
        }
        Ok(())
    }

    /// What each skill asks for, out of its bytes, so that it is there where those are kept back.
    fn manifests(&mut self) -> Result<(), HomeError> {
        for (digest, _) in self.named(Kept::Component) {
            let component = self.home.store.component(&digest)?;
            if let Ok(Some(manifest)) = custom_section(&component, SECTION) {
                self.put(&format!("manifests/{}", digest.hex()), manifest)?;
            }
        }
        Ok(())
    }
}
