//! A granted directory, opened: once for each attempt, through no link in any part of its path, and only if it is
//! the directory it was when the grant was pinned.
//!
//! Everything beneath is reached from here, through no link and into no other file system. Where the kernel can do
//! that in one call it does; elsewhere a path is walked one name at a time, each opened in the directory before it,
//! with the same answers. Neither way has a moment in which somebody could put a link in between.

use super::apart::check_apart;
use super::disk::Disk;
use kapell_model::grant::{Authority, Grant, GrantSet, Refusal, RootIdentity};
use kapell_model::seam::HostFault;
use rustix::fs::{self, AtFlags, CWD, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path};

/// How paths are walked so that no link is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walk {
    /// By the kernel in one call, which refuses links and other file systems itself (`openat2`).
    Kernel,
    /// One name at a time.
    ByHand,
}

impl Walk {
    /// What this machine has: a kernel before 5.6 does not know the call, and some sandboxes forbid it.
    #[must_use]
    pub fn here() -> Self {
        match in_one_call(CWD, ".", OFlags::RDONLY | OFlags::DIRECTORY, Within::Anywhere) {
            Ok(_) => Walk::Kernel,
            Err(_) => Walk::ByHand,
        }
    }
}

/// Why a granted directory is not lent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotLent {
    /// It is not the directory that was granted, or must not be.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The host could not open it.
    #[error(transparent)]
    Failed(#[from] HostFault),
}

/// An opened directory.
#[derive(Debug)]
pub(super) struct Root {
    dir: OwnedFd,
    walk: Walk,
    mount: Mount,
    identity: RootIdentity,
}

/// A link stood where a file or directory was looked for.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is a symbolic link")]
pub(super) struct LinkFound(String);

/// Another file system begins below the directory.
#[derive(Debug, thiserror::Error)]
#[error("another file system begins there")]
pub(super) struct MountFound;

impl Root {
    /// Opens a directory by its absolute path.
    pub(super) fn open(path: &str, walk: Walk) -> io::Result<Self> {
        check_form(path)?;
        let how = OFlags::RDONLY | OFlags::DIRECTORY;
        let dir = match walk {
            Walk::Kernel => in_one_call(CWD, path, how, Within::Anywhere)
                .map_err(|error| explained(error, || walked(None, path, how)))?,
            Walk::ByHand => walked(None, path, how)?,
        };
        let found = fs::fstat(&dir)?;
        Ok(Self { walk, mount: Mount::of(&dir, &found), identity: identity(&found), dir })
    }

    /// Which directory it is.
    pub(super) fn identity(&self) -> RootIdentity {
        self.identity
    }

    /// The number of its mount, where the kernel numbers them.
    #[cfg(target_os = "linux")]
    pub(super) fn mount_number(&self) -> Option<u64> {
        self.mount.number
    }

    /// The number it is open under in this process.
    #[cfg(target_os = "linux")]
    pub(super) fn descriptor(&self) -> std::os::fd::RawFd {
        std::os::fd::AsRawFd::as_raw_fd(&self.dir)
    }

    /// Which directories it is in, from the nearest to the top.
    pub(super) fn around(&self) -> io::Result<Vec<RootIdentity>> {
        let mut around: Vec<RootIdentity> = Vec::new();
        let mut dir = self.dir.try_clone()?;
        loop {
            dir =
                fs::openat(&dir, "..", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
            let found = identity(&fs::fstat(&dir)?);
            if around.last() == Some(&found) || around.len() > DEEPEST {
                return Ok(around);
            }
            around.push(found);
        }
    }

    /// Opens what is at a path below, the directory itself for an empty one.
    pub(super) fn at(&self, path: &str, how: OFlags) -> io::Result<OwnedFd> {
        let path = if path.is_empty() { "." } else { path };
        match self.walk {
            Walk::Kernel => in_one_call(&self.dir, path, how, Within::Beneath)
                .map_err(|error| explained(error, || walked(Some(self), path, how))),
            Walk::ByHand => walked(Some(self), path, how),
        }
    }
}

/// Deeper than a path can say; a chain of directories that has no end is none.
const DEEPEST: usize = 4_096;

/// A root's path is what it says: absolute, and without a name that leads back.
fn check_form(path: &str) -> io::Result<()> {
    let wrong = |what| Err(io::Error::new(ErrorKind::InvalidInput, what));
    let plain = |part: Component<'_>| matches!(part, Component::RootDir | Component::Normal(_));
    match () {
        () if !path.starts_with('/') => wrong("the path is not absolute"),
        () if !Path::new(path).components().all(plain) => wrong("the path has `.` or `..` in it"),
        () => Ok(()),
    }
}

/// Whether a call may leave the directory it begins in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Anywhere,
    Beneath,
}

/// A whole path in one call of the kernel's.
#[cfg(target_os = "linux")]
fn in_one_call(dir: impl AsFd, path: &str, how: OFlags, within: Within) -> rustix::io::Result<OwnedFd> {
    use rustix::fs::ResolveFlags;
    let links = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let resolve = match within {
        Within::Anywhere => links,
        Within::Beneath => links | ResolveFlags::BENEATH | ResolveFlags::NO_XDEV,
    };
    let how = how | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut opened = Err(Errno::AGAIN);
    // The kernel gives up when something is renamed under its eyes; somebody who renames without end gets no file.
    for _ in 0..RACES {
        opened = fs::openat2(dir.as_fd(), path, how, Mode::empty(), resolve);
        if !matches!(opened, Err(Errno::AGAIN | Errno::INTR)) {
            break;
        }
    }
    opened
}

/// How often a path that is renamed meanwhile is tried again.
#[cfg(target_os = "linux")]
const RACES: usize = 64;

#[cfg(not(target_os = "linux"))]
fn in_one_call(_: impl AsFd, _: &str, _: OFlags, _: Within) -> rustix::io::Result<OwnedFd> {
    Err(Errno::NOSYS)
}

/// A path one name at a time, from the top of the file system or within a root.
fn walked(root: Option<&Root>, path: &str, how: OFlags) -> io::Result<OwnedFd> {
    let mut dir = match root {
        Some(root) => root.dir.try_clone()?,
        None => fs::open("/", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?,
    };
    let mut names = path.split('/').filter(|name| !name.is_empty()).peekable();
    if names.peek().is_none() {
        return Ok(fs::openat(&dir, ".", how | OFlags::CLOEXEC, Mode::empty())?);
    }
    while let Some(name) = names.next() {
        let how = if names.peek().is_some() { PASSED } else { how };
        let inner = fs::openat(&dir, name, how | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
            .map_err(|error| link_or(&dir, name, error))?;
        if let Some(root) = root
            && Mount::of(&inner, &fs::fstat(&inner)?) != root.mount
        {
            return Err(io::Error::new(ErrorKind::CrossesDevices, MountFound));
        }
        dir = inner;
    }
    Ok(dir)
}

/// How a directory is opened that is only walked through.
#[cfg(target_os = "linux")]
const PASSED: OFlags = OFlags::PATH.union(OFlags::DIRECTORY);
#[cfg(not(target_os = "linux"))]
const PASSED: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY);

/// A mounted file system. Two mounts of one have the same device, so where the kernel numbers mounts that counts too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mount {
    device: u64,
    number: Option<u64>,
}

impl Mount {
    fn of(opened: &OwnedFd, found: &Stat) -> Self {
        Self { device: device(found), number: mount_number(opened) }
    }
}

#[cfg(target_os = "linux")]
fn mount_number(opened: &OwnedFd) -> Option<u64> {
    use rustix::fs::StatxFlags;
    let found = fs::statx(opened, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID).ok()?;
    (found.stx_mask & StatxFlags::MNT_ID.bits() != 0).then_some(found.stx_mnt_id)
}

#[cfg(not(target_os = "linux"))]
fn mount_number(_: &OwnedFd) -> Option<u64> {
    None
}

/// Systems number devices in types of their own.
#[allow(clippy::unnecessary_cast, reason = "the type is another one on other systems")]
pub(super) fn device(found: &Stat) -> u64 {
    found.st_dev as u64
}

fn identity(found: &Stat) -> RootIdentity {
    RootIdentity { device: device(found), inode: found.st_ino }
}

/// The kernel's error in words that name what stands in the way: what it stumbled over is looked for by hand.
fn explained(error: Errno, by_hand: impl FnOnce() -> io::Result<OwnedFd>) -> io::Error {
    let found = match error {
        Errno::LOOP | Errno::NOTDIR => by_hand().err(),
        Errno::XDEV => Some(io::Error::new(ErrorKind::CrossesDevices, MountFound)),
        _ => None,
    };
    found.unwrap_or_else(|| error.into())
}

/// Systems say different things about a link that is not followed; this says it is one.
fn link_or(dir: &OwnedFd, name: &str, error: Errno) -> io::Error {
    let found = fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW);
    match found {
        Ok(found) if FileType::from_raw_mode(found.st_mode) == FileType::Symlink => {
            io::Error::new(ErrorKind::InvalidFilename, LinkFound(name.to_owned()))
        }
        _ => error.into(),
    }
}

/// Opens the directory of a grant, if it is the one that was granted.
fn of_grant(grant: &Grant, walk: Walk) -> Result<Option<Root>, NotLent> {
    let Authority::Files { root: path, identity, .. } = &grant.authority else { return Ok(None) };
    let root = Root::open(path, walk).map_err(|cause| not_opened(grant, path, &cause))?;
    match identity {
        Some(granted) if *granted != root.identity => {
            let why =
                format!("{path} is another directory than was granted: {}, not {granted}", root.identity);
            Err(refusal(grant, why).into())
        }
        _ => Ok(Some(root)),
    }
}

/// Missing, a link or no directory is for the operator to mend; all else is the host's own trouble.
pub(super) fn not_opened(grant: &Grant, path: &str, cause: &io::Error) -> NotLent {
    match cause.kind() {
        ErrorKind::NotFound
        | ErrorKind::NotADirectory
        | ErrorKind::InvalidFilename
        | ErrorKind::InvalidInput => refusal(grant, format!("{path} can't be opened: {cause}")).into(),
        _ => {
            let doing = format!("open the directory {path} granted as `{}`", grant.name);
            HostFault { doing, cause: cause.to_string() }.into()
        }
    }
}

/// As [`of_grant`], where it holds up nobody.
pub(super) async fn open(grant: &Grant, disk: &Disk) -> Result<Option<Root>, NotLent> {
    let Authority::Files { root, .. } = &grant.authority else { return Ok(None) };
    let (granted, walk) = (grant.clone(), disk.walk);
    disk.run(root, move || of_grant(&granted, walk)).await?
}

/// The same roots, once it is known that none is inside another.
pub(super) async fn apart(roots: Vec<(&Grant, Root)>, disk: &Disk) -> Result<Vec<(Grant, Root)>, NotLent> {
    let roots: Vec<(Grant, Root)> = roots.into_iter().map(|(grant, root)| (grant.clone(), root)).collect();
    let Some((Grant { authority: Authority::Files { root: first, .. }, .. }, _)) = roots.get(1) else {
        return Ok(roots);
    };
    let first = first.clone();
    disk.run(&first, move || check_apart(&roots).map(|()| roots)).await?
}

pub(super) fn refusal(grant: &Grant, why: String) -> Refusal {
    Refusal {
        subject: format!("files `{}`", grant.name),
        why,
        rule: Some(grant.rule.clone()),
        asked_at: None,
        advice: Some(format!(
            "mend `bind` of rule `{}` in policy.toml, or the directory it names",
            grant.rule
        )),
    }
}

/// The same grants with the directories that stand there now written into them, so that no other is lent later.
///
/// # Errors
/// When a directory is missing, is reached through a link, is inside another one of the same grants, or is not the
/// one that is written already; when the host can't open it.
pub fn pinned(grants: &GrantSet, walk: Walk) -> Result<GrantSet, NotLent> {
    let mut pinned = grants.clone();
    let mut roots = Vec::new();
    for grant in &grants.grants {
        roots.extend(of_grant(grant, walk)?.map(|root| (grant.clone(), root)));
    }
    check_apart(&roots)?;
    for grant in &mut pinned.grants {
        let found = roots.iter().find(|(of, _)| of.name == grant.name && of.rule == grant.rule);
        if let (Authority::Files { identity, .. }, Some((_, root))) = (&mut grant.authority, found) {
            *identity = Some(root.identity());
        }
    }
    Ok(pinned)
}
