//! Opening a home: place, policy, tariff, store, runtime and conductor plugged together.

use crate::authorities;
use crate::budgets;
use crate::clock::SystemClock;
use crate::error::{HomeError, Kind};
use crate::guard::Guarded;
use crate::locks::Locks;
use crate::models;
use crate::notary::{Log, Notary, Unsigned};
use crate::place::Place;
use crate::secrets::{self, Discreet};
use kapell_conductor::drive::{Conductor, Unwatched, Watcher};
use kapell_egress::{HttpEgress, Models, Redactor, Vault};
use kapell_model::digest::Digest;
use kapell_model::lock::Lock;
use kapell_model::money::{EXAMPLE_TARIFF, PinnedTariff};
use kapell_model::policy::{DEFAULT_POLICY, Policy, Surroundings};
use kapell_model::quantity::Bytes;
use kapell_model::seam::{Clock, Egress, HostFault};
use kapell_runtime::{Compiler, Runtime, RuntimeConfig, Walk};
use kapell_store::{Components, OwnerLock, SqliteStore};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

/// How a home is opened.
pub struct Options {
    /// Tells the time; a test holds it still.
    pub clock: Arc<dyn Clock>,
    /// Sees each entry once it is durable.
    pub watcher: Arc<dyn Watcher>,
    /// Who works with the home, `user:NAME`; stands where something is refused to them.
    pub user: String,
    /// How the directories that skills are granted are walked.
    pub walk: Walk,
    /// Hears why the journal's head could not be signed; what runs goes on.
    pub unsigned: Unsigned,
    /// Who compiles components. Without one this process compiles those that a person approved, and no others.
    pub compiler: Option<Compiler>,
    /// Whether what happened is all that is asked for. Then a policy or tariff that can't be read keeps nobody from
    /// reading on; see [`Home::unread`].
    pub only_reading: bool,
    /// Whether a journal of which entries are gone that were signed keeps nobody from reading on; see
    /// [`Home::incomplete`]. Without it such a home is not opened.
    pub though_incomplete: bool,
}

impl Default for Options {
    fn default() -> Self {
        let (clock, watcher) = (Arc::new(SystemClock), Arc::new(Unwatched));
        let unsigned: Unsigned = Arc::new(|error| tracing::warn!(%error, "the journal's head is not signed"));
        let (user, walk) = ("user:unknown".into(), Walk::here());
        let (only_reading, though_incomplete) = (false, false);
        Self { clock, watcher, user, walk, unsigned, compiler: None, only_reading, though_incomplete }
    }
}

/// An open home. Several processes may hold the same home open; a run has one driver at a time.
pub struct Home {
    /// Where it is.
    pub place: Place,
    /// Why policy, tariff or a secret could not be read, in a home that was opened only to read. It is as if they said
    /// nothing then: nothing is granted, nobody has a role. Or why the home can't be made to know that it is locked.
    pub unread: Option<HomeError>,
    /// That of the journal entries are gone that were signed, in a home that was opened though they are. What is left can
    /// be read; nothing is to be written on top of it.
    pub incomplete: Option<HomeError>,
    /// The operator's policy as it was when the home was opened.
    pub policy: Policy,
    pub(crate) policy_text: String,
    /// The tariff new runs are priced by.
    pub tariff: PinnedTariff,
    pub(crate) tariff_text: String,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) locks: Arc<Locks>,
    pub(crate) conductor: Conductor<Discreet<Guarded>, SqliteStore>,
    pub(crate) redactor: Option<Arc<Redactor>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) user: String,
    pub(crate) walk: Walk,
    pub(crate) log: Arc<Log>,
    _notary: Notary,
    // Held while the process lives: whoever finds it free may take this process's runs over.
    _owner: OwnerLock,
}

impl Home {
    /// Opens the home at `place`, making it when there is none.
    ///
    /// # Errors
    /// When policy, tariff or a secret can't be read, unless it is opened only to read; when the lock can't be read, the
    /// store can't be opened, or the engine can't be made; when the home can't be made to know that it is locked, unless
    /// it is opened only to read. `Integrity` when entries are gone that were signed, unless it is opened though they are.
    pub fn open(place: Place, options: Options) -> Result<Self, HomeError> {
        let folder = place.folder();
        make_private(&folder)?;
        // First of all: whatever else is wrong, a home that was opened locked stays so.
        let locks = Arc::new(Locks::of(&place));
        let unmarked = remembered(&locks, options.only_reading)?;
        let (rules, unread) = match Rules::read(&place) {
            // A secret that stands in a file that is kept is nothing to read past.
            Err(cause) if options.only_reading && cause.kind != Kind::Refused => {
                (Rules::none()?, Some(cause))
            }
            rules => (rules?, None),
        };
        let Rules { policy_text, policy, tariff_text, tariff, redactor, egress } = rules;
        let store = Arc::new(SqliteStore::open(&folder)?);
        let compiler =
            options.compiler.clone().unwrap_or_else(|| only_approved(&locks, &options.clock, &policy));
        let runtime = Arc::new(runtime(&folder, &store, &options, compiler, egress)?);
        let (owner, clock, walk) = (store.new_owner()?, options.clock, options.walk);
        let guarded = Guarded {
            runtime: runtime.clone(),
            locks: locks.clone(),
            store: store.clone(),
            clock: clock.clone(),
            policy: policy.clone(),
        };
        let log = Arc::new(Log::new(store.clone(), clock.clone(), &folder));
        let incomplete = match log.leads_on_from_beside() {
            Err(gone) if options.though_incomplete => Some(gone),
            whole => whole.map(|()| None)?,
        };
        let (notary, watcher) = Notary::start(log.clone(), options.watcher, options.unsigned)?;
        let conductor = conductor(guarded, redactor.clone(), &owner, watcher);
        let place = Place { found: true, ..place };
        Ok(Self {
            place,
            unread: unread.or(unmarked),
            incomplete,
            policy,
            policy_text,
            tariff,
            tariff_text,
            store,
            runtime,
            locks,
            conductor,
            redactor,
            clock,
            user: options.user,
            walk,
            log,
            _notary: notary,
            _owner: owner,
        })
    }

    /// Whether nothing runs here that is not approved.
    ///
    /// # Errors
    /// When the lock can't be read.
    pub fn is_locked(&self) -> Result<bool, HomeError> {
        Ok(self.locks.now()?.locked)
    }

    /// Makes this a home in which nothing runs that is not approved. There is no way back but by hand.
    ///
    /// # Errors
    /// When the lock can't be written.
    pub fn make_locked(&self) -> Result<(), HomeError> {
        self.locks.make_locked()
    }

    /// The engine: version and digest of its settings.
    #[must_use]
    pub fn engine(&self) -> String {
        self.runtime.engine_name()
    }

    /// Writes a policy and a tariff with comments beside the home, where there are none yet. Returns the names of
    /// the files it made.
    ///
    /// # Errors
    /// When a file can't be written.
    pub fn write_defaults(place: &Place) -> Result<Vec<String>, HomeError> {
        let mut made = Vec::new();
        for (path, text) in [(place.policy(), DEFAULT_POLICY), (place.tariff(), EXAMPLE_TARIFF)] {
            if !path.exists() {
                fs::write(&path, text).map_err(|cause| HomeError::io("write", &path, &cause))?;
                made.extend(path.file_name().map(|name| name.to_string_lossy().into_owned()));
            }
        }
        Ok(made)
    }
}

/// What the operator says of a home, and what of it holds the way out.
struct Rules {
    policy_text: String,
    policy: Policy,
    tariff_text: String,
    tariff: PinnedTariff,
    redactor: Option<Arc<Redactor>>,
    egress: Arc<dyn Egress>,
}

impl Rules {
    fn read(place: &Place) -> Result<Self, HomeError> {
        let policy = read_policy(place)?;
        Self::of(policy, read_tariff(&place.tariff())?)
    }

    /// As if nothing was said: nothing is granted, and prices are the examples.
    fn none() -> Result<Self, HomeError> {
        let text = "version = 1\n".to_owned();
        let (folder, links) = (Path::new("/"), leads_through_link);
        let policy = Policy::parse("policy.toml", &text, Surroundings { folder, closed: &[], links })?;
        Self::of((text, policy), parse_tariff(Path::new("tariff.toml"), EXAMPLE_TARIFF.into())?)
    }

    fn of(
        (policy_text, policy): (String, Policy),
        (tariff_text, tariff): (String, PinnedTariff),
    ) -> Result<Self, HomeError> {
        budgets::check(&policy, &tariff.tariff)?;
        let vault = secrets::vault(&policy, &policy_text)?;
        let redactor = vault.redactor().cloned();
        let egress = egress(vault, &policy, &tariff)?;
        Ok(Self { policy_text, policy, tariff_text, tariff, redactor, egress })
    }
}

/// Lets the home know that it is locked where its lock says so; why it could not, where only reading is asked for.
fn remembered(locks: &Locks, only_reading: bool) -> Result<Option<HomeError>, HomeError> {
    locks.now()?;
    match locks.remember() {
        Err(cause) if only_reading => Ok(Some(cause)),
        remembered => remembered.map(|()| None),
    }
}

/// This process as the compiler of what a person approved. A lock that can't be read approves nothing.
fn only_approved(locks: &Arc<Locks>, clock: &Arc<dyn Clock>, policy: &Policy) -> Compiler {
    let (locks, clock, policy) = (Arc::clone(locks), Arc::clone(clock), policy.clone());
    let approved = move |digest: &Digest| {
        let approves =
            |lock: Arc<Lock>| lock.approves_bytes(digest, clock.now(), policy.approvers(lock.locked));
        locks.now().is_ok_and(approves)
    };
    Compiler::Here(Arc::new(approved))
}

/// The way out for skills, with the secrets of the home, its models and whom it trusts.
fn egress(vault: Vault, policy: &Policy, tariff: &PinnedTariff) -> Result<Arc<dyn Egress>, HomeError> {
    let models = Models::new(models::priced(policy, &tariff.tariff)?);
    let trusted = authorities::authorities(policy)?;
    let egress = HttpEgress::new(vault)
        .map_err(|cause| HomeError::new(Kind::Internal, format!("open the way out: {cause}")))?;
    Ok(Arc::new(egress.asking(models).knowing(trusted)))
}

/// Drives runs whose every attempt is held against the lock, and leaves nothing of a secret.
fn conductor(
    guarded: Guarded,
    redactor: Option<Arc<Redactor>>,
    owner: &OwnerLock,
    watcher: Arc<dyn Watcher>,
) -> Conductor<Discreet<Guarded>, SqliteStore> {
    let (store, clock) = (guarded.store.clone(), guarded.clock.clone());
    let performer = Arc::new(Discreet::new(Arc::new(guarded), redactor));
    Conductor::new(performer, store, clock, owner.owner().clone(), watcher)
}

fn runtime(
    folder: &Path,
    store: &Arc<SqliteStore>,
    options: &Options,
    compiler: Compiler,
    egress: Arc<dyn Egress>,
) -> Result<Runtime, HomeError> {
    let components = store.clone();
    let fetch = move |digest: &Digest| {
        let bytes = components.component(digest);
        bytes.map(|bytes| bytes.to_vec()).map_err(|cause| HostFault {
            doing: format!("read the component {digest}"),
            cause: cause.to_string(),
        })
    };
    let config = RuntimeConfig {
        cache: folder.join("compiled"),
        keyvalue: store.clone(),
        clock: options.clock.clone(),
        egress,
        components: Arc::new(fetch),
        walk: options.walk,
        compiler,
    };
    Runtime::new(config)
        .map_err(|cause| HomeError::new(Kind::Internal, format!("start the sandbox: {cause}")))
}

/// Only the owner may read a home: it holds what runs were given and answered.
fn make_private(folder: &Path) -> Result<(), HomeError> {
    let failed = |cause: std::io::Error| HomeError::io("open the home", folder, &cause);
    fs::create_dir_all(folder).map_err(failed)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // What is so already is left: a home on a disk that is read only can be made no more private than it is.
        let mode = fs::metadata(folder).map_err(failed)?.permissions().mode() & 0o777;
        if mode != 0o700 {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(failed)?;
        }
    }
    Ok(())
}

pub(crate) fn read_policy(place: &Place) -> Result<(String, Policy), HomeError> {
    let (path, closed) = (place.policy(), [place.folder()]);
    let text = read_or(&path, DEFAULT_POLICY)?;
    let surroundings = Surroundings { folder: &place.root, closed: &closed, links: leads_through_link };
    let policy = Policy::parse(&shown(&path), &text, surroundings)?;
    Ok((text, policy))
}

/// Whether a path leads through a symbolic link as things stand; what is not there yet is no link, nor is what a file
/// system does not say within a second: a mount that stalls must not keep a policy from being read, and whoever is lent
/// the directory is led through no link whatever stands in the policy.
#[must_use]
pub fn leads_through_link(path: &Path) -> bool {
    let is_link = |part: &Path| fs::symlink_metadata(part).is_ok_and(|metadata| metadata.is_symlink());
    let (tell, told) = sync_channel(1);
    let path = path.to_owned();
    thread::spawn(move || {
        // Nobody hears of it who has stopped waiting.
        let _ = tell.send(path.ancestors().any(is_link));
    });
    told.recv_timeout(LINKS).unwrap_or(false)
}

/// How long a file system may take to say what a path leads through.
const LINKS: Duration = Duration::from_secs(1);

fn read_tariff(path: &Path) -> Result<(String, PinnedTariff), HomeError> {
    parse_tariff(path, read_or(path, EXAMPLE_TARIFF)?)
}

fn parse_tariff(path: &Path, text: String) -> Result<(String, PinnedTariff), HomeError> {
    let failed = |cause| HomeError::new(Kind::Invalid, format!("{}: {cause}", path.display()));
    let tariff = PinnedTariff::parse(&text).map_err(failed)?;
    Ok((text, tariff))
}

fn read_or(path: &Path, absent: &str) -> Result<String, HomeError> {
    match path.exists() {
        true => read_text(path, TEXT_MAX),
        false => Ok(absent.into()),
    }
}

/// The largest policy, tariff or flow that is read at all; each has its own smaller bound.
pub const TEXT_MAX: u64 = 1 << 20;

/// The largest input of a run or call: an export of a million lines.
pub const INPUT_MAX: u64 = 64 << 20;

/// The largest line of a batch. As many are in memory at a time as there are jobs, each about three times: as it stands,
/// as a value, and on its way into a skill.
pub const LINE_MAX: u64 = 16 << 20;

/// The largest component file that is read at all.
pub const COMPONENT_MAX: u64 = (64 << 20) + 1;

/// A regular file, open to be read: a pipe would be waited on for ever, an endless device read for ever.
///
/// # Errors
/// When it is no regular file or can't be opened.
pub fn open_regular(path: &Path) -> Result<fs::File, HomeError> {
    let failed = |cause: std::io::Error| HomeError::io("read", path, &cause);
    match fs::metadata(path).map_err(failed)?.is_file() {
        true => fs::File::open(path).map_err(failed),
        false => Err(HomeError::new(Kind::Argument, format!("{} is no regular file", path.display()))),
    }
}

/// The bytes of a regular file, up to a bound.
///
/// # Errors
/// When it is no regular file, larger than `most` bytes, or can't be read.
pub fn read_capped(path: &Path, most: u64) -> Result<Vec<u8>, HomeError> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    let failed = |cause: std::io::Error| HomeError::io("read", path, &cause);
    open_regular(path)?.take(most + 1).read_to_end(&mut bytes).map_err(failed)?;
    match bytes.len() as u64 > most {
        true => {
            Err(HomeError::new(Kind::Invalid, format!("{} has more than {}", path.display(), Bytes(most))))
        }
        false => Ok(bytes),
    }
}

/// The same as text.
///
/// # Errors
/// As [`read_capped`], and when it is no UTF-8.
pub fn read_text(path: &Path, most: u64) -> Result<String, HomeError> {
    let bytes = read_capped(path, most)?;
    String::from_utf8(bytes)
        .map_err(|_| HomeError::new(Kind::Invalid, format!("{} is no UTF-8 text", path.display())))
}

/// The name people know a file by.
pub(crate) fn shown(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}
