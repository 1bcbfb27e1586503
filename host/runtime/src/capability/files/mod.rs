//! Lends directories (`wasi:filesystem`), each preopened under its grant's name: regular files and directories,
//! sorted listings, normal metadata. Never lends links, pipes or devices, never follows a link, and never changes
//! the directory: what the guest writes is held above it, read back by the guest, and made real by others.
//!
//! Told from the outside in: here is what a store gives, [`host`] answers the guest's calls, `stream` its streams,
//! `tree` is the granted directory as the guest sees it, `beneath` the real one, `root` how that is opened, `apart` that
//! no other one has the same files, `disk` where it is read, `path` reads a guest's paths.

mod apart;
mod beneath;
mod disk;
mod host;
mod path;
mod root;
mod stream;
#[cfg(test)]
mod tests;
mod tree;

use super::bindings::wasi::filesystem::preopens;
use super::bindings::wasi::filesystem::types::{self, DescriptorType, ErrorCode};
use super::{Lends, Lent};
use crate::crossings::{Crossings, LimitReached};
use kapell_model::capability::Kind;
use kapell_model::grant::GrantSet;
use kapell_model::seam::HostFault;
use kapell_model::writes::{FileMark, FileWrite};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tree::{Beneath, Errand, Tree};
use wasmtime::component::{Linker, ResourceTableError};

pub use disk::Disk;
pub use root::{NotLent, Walk, pinned};
pub use tree::Want;

/// The directories of one attempt.
#[derive(Debug, Default)]
pub struct FilesCtx {
    trees: Vec<SharedTree>,
}

/// A tree that descriptors and streams hold together.
#[derive(Clone, Debug)]
struct SharedTree(Arc<Mutex<Tree>>);

impl SharedTree {
    fn lock(&self) -> MutexGuard<'_, Tree> {
        // A panic while holding the lock leaves held writes that are never committed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// Deciding calls.
impl SharedTree {
    /// Decides a call by what is known, having found out what must be known for it. A refusal is recorded before
    /// the guest is told.
    async fn decide<T>(
        &self,
        call: &'static str,
        path: &str,
        decide: impl Fn(&mut Tree) -> Answered<T>,
    ) -> Answered<T> {
        loop {
            let decided = decide(&mut self.lock());
            let failed = match decided {
                Err(FilesError::Unknown(want)) => match self.find_out(want).await {
                    Ok(()) => continue,
                    Err(failed) => failed,
                },
                Err(failed) => failed,
                Ok(done) => return Ok(done),
            };
            return Err(self.lock().tell(call, path, failed));
        }
    }

    async fn find_out(&self, want: Want) -> Answered<()> {
        let errand = self.lock().errand();
        let Some(Errand { disk, root, path, limit }) = errand else { return self.lock().recall(want) };
        let wanted = want.clone();
        let found = disk.run(&path, move || wanted.find_out(&root, limit)).await;
        match found.map_err(|fault: HostFault| FilesError::Ends(fault.into()))? {
            Ok(found) => self.lock().learn(want, found),
            Err(FilesError::Told(code)) => {
                self.lock().record_failure(&want, code)?;
                told(code)
            }
            Err(failed) => Err(failed),
        }
    }
}

impl FilesCtx {
    /// Opens the granted directories without following a link in any part of their paths. Where a record answers, none
    /// is opened.
    ///
    /// # Errors
    /// When a directory is missing, is reached through a link, is not the one that was granted, is inside another
    /// one, or can't be opened.
    pub async fn open(grants: &GrantSet, crossings: &Crossings, disk: &Arc<Disk>) -> Result<Self, NotLent> {
        if crossings.is_recalled() {
            let granted = grants.of_kind(Kind::Files);
            return Ok(Self::of(granted.filter_map(|grant| Tree::new(grant, Beneath::Recorded, crossings))));
        }
        let mut roots = Vec::new();
        for grant in grants.of_kind(Kind::Files) {
            roots.extend(root::open(grant, disk).await?.map(|root| (grant, root)));
        }
        let roots = root::apart(roots, disk).await?;
        let real = |root| Beneath::Real { root: Arc::new(root), disk: Arc::clone(disk) };
        Ok(Self::of(roots.into_iter().filter_map(|(grant, root)| Tree::new(&grant, real(root), crossings))))
    }

    fn of(trees: impl Iterator<Item = Tree>) -> Self {
        Self { trees: trees.map(|tree| SharedTree(Arc::new(Mutex::new(tree)))).collect() }
    }

    /// What was written, whole content each, in the order of grants and paths.
    #[must_use]
    pub fn held(self) -> Vec<FileWrite> {
        self.trees.iter().flat_map(|tree| tree.lock().take_held()).collect()
    }
}

/// A handle of the guest's to a file or directory, known by its path.
#[derive(Clone, Debug)]
pub struct Descriptor {
    tree: SharedTree,
    /// Below the granted directory; empty for the directory itself.
    path: String,
    directory: bool,
    reads: bool,
    writes: bool,
}

/// A handle of the guest's to what is left of a listing.
#[derive(Debug)]
pub struct Listing(std::vec::IntoIter<types::DirectoryEntry>);

/// Gives the directories of a store.
pub trait FilesView: Send + 'static {
    /// The directories, the handles, the seam.
    fn files(&mut self) -> Lent<'_, FilesCtx>;
}

/// Why a call did not give what was asked.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// The file system has an ordinary answer to this, such as `no-entry`.
    #[error("{0:?}")]
    Told(ErrorCode),
    /// The call was beyond the grant; recorded as a refusal.
    #[error("refused: {0:?}")]
    Refused(ErrorCode),
    /// Something must be found out first; the call is then decided again. No guest is told this.
    #[error("not known yet")]
    Unknown(Want),
    /// The guest ends.
    #[error(transparent)]
    Ends(wasmtime::Error),
}

type Answered<T> = Result<T, FilesError>;

fn told<T>(code: ErrorCode) -> Answered<T> {
    Err(FilesError::Told(code))
}

fn refused<T>(code: ErrorCode) -> Answered<T> {
    Err(FilesError::Refused(code))
}

impl From<wasmtime::Error> for FilesError {
    /// An answer that came up through the seam is still an answer.
    fn from(error: wasmtime::Error) -> Self {
        error.downcast().unwrap_or_else(Self::Ends)
    }
}

impl From<LimitReached> for FilesError {
    fn from(error: LimitReached) -> Self {
        Self::Ends(error.into())
    }
}

impl From<ResourceTableError> for FilesError {
    fn from(error: ResourceTableError) -> Self {
        Self::Ends(error.into())
    }
}

/// What is at a path, as the guest sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    Absent,
    Directory,
    /// A regular file and its size.
    File(u64),
    /// A symbolic link; never followed.
    Link,
    /// A pipe, socket or device; never opened.
    Other,
}

/// What is at a path, and which file if it is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Found {
    node: Node,
    mark: Option<FileMark>,
}

impl Found {
    const ABSENT: Self = Self { node: Node::Absent, mark: None };
}

impl Node {
    const fn kind(self) -> DescriptorType {
        match self {
            Node::Directory => DescriptorType::Directory,
            Node::File(_) => DescriptorType::RegularFile,
            Node::Link => DescriptorType::SymbolicLink,
            Node::Other | Node::Absent => DescriptorType::Unknown,
        }
    }
}

/// Links `wasi:filesystem/types` and `preopens`.
///
/// # Errors
/// When one of them is linked already.
pub fn add_to_linker<T: FilesView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    types::add_to_linker::<T, Lends<FilesCtx>>(linker, T::files)?;
    preopens::add_to_linker::<T, Lends<FilesCtx>>(linker, T::files)
}
