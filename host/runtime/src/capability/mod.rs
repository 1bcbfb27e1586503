//! What a skill can be lent, one file a kind, each told in the same order: what it lends and never lends, the
//! `Ctx` made from grants, the `View` through which a store gives it, the host functions, `add_to_linker`.
//!
//! No kind reads anything past [`Crossings`], and none makes a write real: writes are held until the attempt's
//! ending is committed. A `Ctx` made from grants that hold nothing of its kind refuses every call.

pub mod bindings;
pub mod clock;
pub mod config;
pub mod files;
pub mod http;
pub mod inference;
pub mod keyvalue;
pub mod logging;
pub mod notes;
pub mod random;

use crate::crossings::{self, Ask, Crossed, Crossings};
use crate::record::Record;
use kapell_model::capability::Kind;
use kapell_model::digest::Digest;
use kapell_model::grant::{GrantSet, Refusal};
use kapell_model::quantity::Bytes;
use kapell_model::seam::{Clock, Egress, HostFault, KeyvalueReads};
use kapell_model::writes::HeldWrites;
use std::marker::PhantomData;
use std::sync::Arc;
use wasmtime::component::{HasData, ResourceTable};

/// One kind's context together with the table of the guest's handles and the seam every call goes through.
#[derive(Debug)]
pub struct Lent<'a, Ctx> {
    /// What the grants of this kind permit, and what the attempt did with it so far.
    pub ctx: &'a mut Ctx,
    /// The guest's handles.
    pub table: &'a mut ResourceTable,
    /// Counts and records.
    pub crossings: &'a Crossings,
}

/// Tells the linker that host functions of a kind work on [`Lent`] of its context.
struct Lends<Ctx>(PhantomData<Ctx>);

impl<Ctx: 'static> HasData for Lends<Ctx> {
    type Data<'a> = Lent<'a, Ctx>;
}

/// What the host brings to an attempt; a test brings its own and holds time still. Borrowed: most attempts are lent
/// nothing of it.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// The wall clock.
    pub clock: &'a Arc<dyn Clock>,
    /// The monotonic clock.
    pub ticks: clock::Beginning,
    /// Reads of keys and values.
    pub keyvalue: &'a Arc<dyn KeyvalueReads>,
    /// The way to granted directories.
    pub disk: &'a Arc<files::Disk>,
    /// Sends requests and asks models.
    pub egress: &'a Arc<dyn Egress>,
    /// What requests that change something are told again by; none for an operation that changes nothing.
    pub idempotency_key: Option<Digest>,
    /// What answers in the place of all of them; none where the world does.
    pub record: Option<&'a Arc<Record>>,
}

impl std::fmt::Debug for Sources<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sources").finish_non_exhaustive()
    }
}

/// Everything lent to one attempt; owned by the store's data and dropped with it.
#[derive(Debug)]
pub struct Capabilities {
    /// Counts, records, ends what overspends. Streams hold clones of it.
    pub crossings: Crossings,
    /// Directories.
    pub files: files::FilesCtx,
    /// Buckets.
    pub keyvalue: keyvalue::KeyvalueCtx,
    /// Settings.
    pub config: config::ConfigCtx,
    /// Time.
    pub clock: clock::ClockCtx,
    /// Random bytes.
    pub random: random::RandomCtx,
    /// Diagnostic lines.
    pub logging: logging::LoggingCtx,
    /// Notes for the journal.
    pub notes: notes::NotesCtx,
    /// Requests.
    pub http: http::HttpCtx,
    /// Completions.
    pub inference: inference::InferenceCtx,
}

impl Capabilities {
    /// What the grants bind, nothing of it touched, around the directories that were opened.
    #[must_use]
    pub fn lent(
        grants: &GrantSet,
        sources: &Sources<'_>,
        crossings: Crossings,
        files: files::FilesCtx,
    ) -> Self {
        Self {
            crossings,
            files,
            keyvalue: keyvalue::KeyvalueCtx::new(grants, Arc::clone(sources.keyvalue)),
            config: config::ConfigCtx::new(grants),
            clock: clock::ClockCtx::new(grants, sources.clock, sources.ticks),
            random: random::RandomCtx::new(grants),
            logging: logging::LoggingCtx::new(grants),
            notes: notes::NotesCtx::new(grants),
            http: http::HttpCtx::new(grants, Arc::clone(sources.egress), sources.idempotency_key),
            inference: inference::InferenceCtx::new(grants, Arc::clone(sources.egress)),
        }
    }

    /// What the attempt wrote, as plain data in a fixed order, and everything that crossed.
    #[must_use]
    pub fn collect(self) -> (HeldWrites, Crossed) {
        let (keys, seen) = self.keyvalue.held();
        let writes = HeldWrites { keys, files: self.files.held(), seen };
        (writes, self.crossings.take())
    }
}

/// Bytes of lines that may still be kept.
#[derive(Debug)]
struct Allowance {
    left: usize,
    spent: bool,
}

impl Allowance {
    fn new(granted: Option<Bytes>) -> Self {
        let left = granted.map_or(0, |bytes| usize::try_from(bytes.0).unwrap_or(usize::MAX));
        Self { left, spent: granted.is_none() }
    }

    /// The line as far as it fits, with a mark where it is cut; none once a line was cut.
    fn take(&mut self, line: &str) -> Option<String> {
        if self.spent {
            return None;
        }
        let kept = crossings::cut(line, self.left);
        self.spent = line.len() > self.left;
        self.left = self.left.saturating_sub(line.len());
        Some(kept)
    }
}

/// Ends a guest that reached a host function of a kind that nothing is granted of. The load check refuses such a
/// component, so this is the second wall.
fn not_granted(kind: Kind) -> wasmtime::Error {
    let why = "nothing of this kind is granted".to_owned();
    Refusal { subject: kind.word().to_owned(), why, rule: None, asked_at: None, advice: None }.into()
}

/// An answer of another form than the call has: only a damaged record can bring it about.
pub(crate) fn unfit(ask: &Ask<'_>) -> wasmtime::Error {
    let doing = format!("answer {} `{}` of {:?}", ask.kind, ask.call, ask.object);
    HostFault { doing, cause: "the record holds another form of answer".into() }.into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
pub(crate) mod testing {
    //! One kind's context on a bench, so that its host functions can be called without a guest.

    use super::*;
    use kapell_model::crossing::Crossing;
    use kapell_model::ending::{Meters, TrapCause};
    use kapell_model::grant::{Authority, Grant};
    use kapell_model::limits::Limits;
    use kapell_model::seam::{
        Completed, CompletionFailure, Incoming, Leaving, Outgoing, Prompt, SendFailure,
    };
    use std::sync::Mutex;

    type Sends = dyn Fn(&Outgoing) -> Result<Incoming, SendFailure> + Send + Sync;
    type Completes = dyn Fn(&Prompt) -> Result<Completed, CompletionFailure> + Send + Sync;

    /// An egress that sends nothing, remembers what it was to send, and answers as it was told to.
    pub(crate) struct Scripted {
        pub(crate) sent: Mutex<Vec<Outgoing>>,
        pub(crate) asked: Mutex<Vec<Prompt>>,
        sends: Box<Sends>,
        completes: Box<Completes>,
    }

    impl Scripted {
        pub(crate) fn sending(
            sends: impl Fn(&Outgoing) -> Result<Incoming, SendFailure> + Send + Sync + 'static,
        ) -> Arc<Self> {
            let completes = |prompt: &Prompt| Err(CompletionFailure::NoProvider(prompt.tier));
            let (sent, asked) = Default::default();
            Arc::new(Self { sent, asked, sends: Box::new(sends), completes: Box::new(completes) })
        }

        pub(crate) fn completing(
            completes: impl Fn(&Prompt) -> Result<Completed, CompletionFailure> + Send + Sync + 'static,
        ) -> Arc<Self> {
            let sends = |_: &Outgoing| Err(SendFailure::Failed { cause: "nobody there".into(), sent: false });
            let (sent, asked) = Default::default();
            Arc::new(Self { sent, asked, sends: Box::new(sends), completes: Box::new(completes) })
        }

        /// Nobody is there.
        pub(crate) fn nobody() -> Arc<Self> {
            Self::completing(|prompt| Err(CompletionFailure::NoProvider(prompt.tier)))
        }
    }

    impl Egress for Scripted {
        fn send(&self, request: Outgoing) -> Leaving<'_, Result<Incoming, SendFailure>> {
            let answer = (self.sends)(&request);
            self.sent.lock().unwrap().push(request);
            Box::pin(std::future::ready(answer))
        }

        fn complete(&self, prompt: Prompt) -> Leaving<'_, Result<Completed, CompletionFailure>> {
            let answer = (self.completes)(&prompt);
            self.asked.lock().unwrap().push(prompt);
            Box::pin(std::future::ready(answer))
        }
    }

    pub(crate) struct Bench<Ctx> {
        pub(crate) ctx: Ctx,
        pub(crate) table: ResourceTable,
        pub(crate) crossings: Crossings,
    }

    impl<Ctx> Bench<Ctx> {
        pub(crate) fn new(ctx: Ctx) -> Self {
            Self::with(ctx, Crossings::live(&Limits::default()))
        }

        pub(crate) fn with(ctx: Ctx, crossings: Crossings) -> Self {
            Self { ctx, table: ResourceTable::new(), crossings }
        }

        pub(crate) fn lent(&mut self) -> Lent<'_, Ctx> {
            Lent { ctx: &mut self.ctx, table: &mut self.table, crossings: &self.crossings }
        }

        pub(crate) fn meters(&self) -> (Meters, Crossed) {
            let (mut meters, left) = (Meters::default(), self.crossings.take());
            left.fill(&mut meters);
            (meters, left)
        }
    }

    pub(crate) fn grant(name: &str, authority: Authority) -> Grant {
        Grant { name: name.parse().unwrap(), rule: format!("{name}-rule").parse().unwrap(), authority }
    }

    pub(crate) fn granted(name: &str, authority: Authority) -> GrantSet {
        GrantSet::of(vec![grant(name, authority)])
    }

    /// Crossings as lines: `kind call object answer`.
    pub(crate) fn lines(crossings: &[Crossing]) -> Vec<String> {
        let line = |it: &Crossing| {
            let answer = serde_json::to_string(&it.answer).unwrap();
            format!("{} {} {} {answer}", it.kind, it.call, it.object)
        };
        crossings.iter().map(line).collect()
    }

    /// The limit an error ends the guest with.
    pub(crate) fn limit(error: &wasmtime::Error) -> Option<TrapCause> {
        error.downcast_ref::<crossings::LimitReached>().map(|limit| limit.cause)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::bindings::kapell::skill::notes::Host as _;
    use super::bindings::wasi::keyvalue::store::{Host as _, HostBucket as _};
    use super::testing::grant;
    use super::*;
    use kapell_model::capability::Access;
    use kapell_model::ending::Meters;
    use kapell_model::grant::Authority;
    use kapell_model::limits::Limits;
    use kapell_model::quantity::Timestamp;
    use wasmtime::component::Resource;

    struct Nothing;

    impl Clock for Nothing {
        fn now(&self) -> Timestamp {
            Timestamp(0)
        }
    }

    impl KeyvalueReads for Nothing {
        fn get(&self, _: &str, _: &str) -> Result<Option<(Vec<u8>, u64)>, HostFault> {
            Ok(None)
        }

        fn keys(&self, _: &str, _: Option<&str>, _: usize) -> Result<Vec<String>, HostFault> {
            Ok(Vec::new())
        }
    }

    async fn open(grants: &GrantSet) -> Result<Capabilities, files::NotLent> {
        let (ticks, disk): (clock::Beginning, _) =
            (clock::begin, Arc::new(files::Disk::new(files::Walk::here())));
        let (clock, keyvalue): (Arc<dyn Clock>, Arc<dyn KeyvalueReads>) =
            (Arc::new(Nothing), Arc::new(Nothing));
        let egress: Arc<dyn Egress> = super::testing::Scripted::nobody();
        let (clock, keyvalue, disk, egress) = (&clock, &keyvalue, &disk, &egress);
        let sources = Sources { clock, ticks, keyvalue, disk, egress, idempotency_key: None, record: None };
        let crossings = Crossings::live(&Limits::default());
        let files = files::FilesCtx::open(grants, &crossings, disk).await?;
        Ok(Capabilities::lent(grants, &sources, crossings, files))
    }

    #[tokio::test]
    async fn what_was_lent_is_collected_as_writes_and_crossings() {
        let bucket = Authority::Keyvalue {
            namespace: "crm".into(),
            access: Access::Write,
            bytes_max: Bytes(99),
            keys_max: 9,
        };
        let notes = Authority::Notes { bytes_max: Bytes(99) };
        let grants = GrantSet::of(vec![grant("accounts", bucket), grant("notes", notes)]);
        let mut lent = open(&grants).await.unwrap();
        let mut table = ResourceTable::new();
        let crossings = lent.crossings.clone();
        let mut keyvalue = Lent { ctx: &mut lent.keyvalue, table: &mut table, crossings: &crossings };
        let bucket = keyvalue.open("accounts".into()).unwrap().rep();
        keyvalue.set(Resource::new_borrow(bucket), "acme".into(), b"1".to_vec()).unwrap();
        let mut notes = Lent { ctx: &mut lent.notes, table: &mut table, crossings: &crossings };
        notes.note("account".into(), "made".into()).unwrap();
        let (writes, crossed) = lent.collect();
        let mut meters = Meters::default();
        crossed.fill(&mut meters);
        assert_eq!(writes.keys.len(), 1);
        assert!(writes.files.is_empty() && writes.seen.is_empty());
        assert_eq!(crossed.notes.len(), 1);
        assert_eq!((meters.crossings.get("keyvalue"), meters.crossings.get("notes")), (Some(&2), Some(&1)));
        assert_eq!(meters.bytes_written, 5);
    }

    #[tokio::test]
    async fn a_directory_that_is_not_there_is_refused() {
        let files = Authority::Files {
            root: "/nonexistent/kapell".into(),
            identity: None,
            access: Access::Read,
            bytes_max: Bytes(0),
            file_max: Bytes(0),
            files_max: 0,
        };
        let grants = GrantSet::of(vec![grant("in", files)]);
        let refused = open(&grants).await.unwrap_err();
        let why = "files `in`: /nonexistent/kapell can't be opened: No such file or directory (os error 2)";
        assert_eq!(refused.to_string(), why);
    }
}
