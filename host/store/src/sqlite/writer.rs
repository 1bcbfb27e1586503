//! Everything is written at one desk: whatever waits when it is free becomes one transaction with one sync.
//!
//! A run that is alone comes to the desk itself, on the thread it is on: handing its commit to another thread and
//! being woken again costs as much as the commit. Where several runs commit, a thread of its own takes from the
//! queue all that has gathered. Nobody lingers for company: while one transaction is being synced the next one
//! gathers by itself. Of several tasks each runs in a savepoint, so that one that is fenced out takes nothing of
//! the others with it, and is answered only when the transaction is durable.
//!
//! A failed sync is never tried again as if nothing had happened: what the system has dropped from its memory by
//! then would be acknowledged and lost. Nothing more is written instead, and the next process begins from what is
//! on the disk.

use crate::error::{asked_of_disk, damaged_in, reach, unwritten};
use crate::sqlite::Durability;
use crate::sqlite::connection;
use crate::sqlite::log::{Log, checkpoint_whenever};
use kapell_journal::seam::JournalError;
use kapell_model::fault::FaultPoint;
use kapell_model::id::RunId;
use rusqlite::{Connection, ErrorCode};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

/// The most tasks of one transaction, so that the first of them does not wait for ever.
const BATCH_MAX: usize = 256;

/// What a task came to: its own answer, or a failure of the database that ends the whole transaction.
pub(crate) type Done<T> = rusqlite::Result<Result<T, JournalError>>;

/// How long a task's caller waits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Until it is on the disk.
    Durable,
    /// Until every other process sees it. Lost by a power failure only, together with every process it could
    /// matter to; the next durable transaction takes it to the disk.
    Visible,
}

/// The desk and the queue before it; the threads end with it.
pub(crate) struct Writer {
    desk: Option<Arc<Mutex<Desk>>>,
    queue: Option<Sender<Box<dyn Task>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Writer {
    /// Begins to write to the database at `path`.
    pub(crate) fn start(path: &Path, durability: Durability) -> Result<Self, JournalError> {
        let mut writing = connection::writer(path, durability).map_err(unwritten)?;
        let checkpointing = connection::writer(path, durability).map_err(unwritten)?;
        let (log, fills) = Log::watched(&mut writing).map_err(unwritten)?;
        let desk = Arc::new(Mutex::new(Desk::new(writing, durability, log)));
        let (queue, tasks) = mpsc::channel();
        let (at_desk, beside) = (Arc::clone(&desk), Arc::downgrade(&desk));
        let threads = vec![
            spawn("kapell-writer", move || take_from_queue(&at_desk, &tasks))?,
            spawn("kapell-checkpoint", move || {
                checkpoint_whenever(&checkpointing, &fills, &beside, |desk, cause| drop(desk.judge(cause)));
            })?,
        ];
        Ok(Self { desk: Some(desk), queue: Some(queue), threads })
    }

    /// Runs `act` in a transaction and waits for it, at the desk itself when nobody is there.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        wait: Wait,
        act: impl FnOnce(&Connection) -> Done<T> + Send + 'static,
    ) -> Result<T, JournalError> {
        let (answer, answered) = mpsc::sync_channel(1);
        let task = Errand::boxed(wait, None, act, move |result| drop(answer.send(result)));
        if let Some(task) = self.at_once(task, |_| true) {
            self.queue(task);
        }
        answered.recv().unwrap_or_else(|_| Err(stopped()))
    }

    /// Runs `act` for a run in a transaction and calls `answer` when it is over: before this returns when the run is
    /// alone, which is what it says. Whoever gets that answer must let others go first before it commits again, or
    /// the only thread of a runtime would never learn that the run is not alone.
    pub(crate) fn submit<T: Send + 'static>(
        &self,
        run: &RunId,
        act: impl FnOnce(&Connection) -> Done<T> + Send + 'static,
        answer: impl FnOnce(Result<T, JournalError>) + Send + 'static,
    ) -> bool {
        let task = Errand::boxed(Wait::Durable, Some(run.clone()), act, answer);
        let left = self.at_once(task, |desk| desk.last.as_ref() == Some(run));
        left.map(|task| self.queue(task)).is_none()
    }

    /// Does a task on this thread when the desk is free and fit for it; gives it back otherwise.
    fn at_once(&self, task: Box<dyn Task>, fit: impl FnOnce(&Desk) -> bool) -> Option<Box<dyn Task>> {
        let free = self.desk.as_ref().and_then(|desk| desk.try_lock().ok());
        match free.filter(|desk| fit(desk)) {
            Some(desk) => settle(desk, vec![task]),
            None => return Some(task),
        }
        None
    }

    fn queue(&self, task: Box<dyn Task>) {
        if let Some(queue) = &self.queue
            && let Err(unsent) = queue.send(task)
        {
            unsent.0.answer(Err(stopped()));
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // The writing thread ends with the queue, the other one with the desk.
        drop((self.queue.take(), self.desk.take()));
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, JournalError> {
    thread::Builder::new().name(name.into()).spawn(work).map_err(unwritten)
}

fn stopped() -> JournalError {
    unwritten("the writer has stopped")
}

/// Takes to the desk whatever has gathered while somebody else was there. A desk somebody panicked at is left alone
/// with its transaction: everybody is told that the writer has stopped.
fn take_from_queue(desk: &Mutex<Desk>, tasks: &Receiver<Box<dyn Task>>) {
    while let Ok(first) = tasks.recv() {
        let Ok(desk) = desk.lock() else { return };
        let mut batch = vec![first];
        batch.extend(tasks.try_iter().take(BATCH_MAX - 1));
        settle(desk, batch);
    }
}

/// Makes tasks one transaction and answers them, away from the desk: whoever is answered finds it free.
fn settle(mut desk: MutexGuard<'_, Desk>, mut batch: Vec<Box<dyn Task>>) {
    let outcome = desk.attempt(&mut batch);
    desk.note_who(&batch);
    desk.log.ask_for_checkpoint();
    drop(desk);
    for task in batch {
        task.answer(outcome.clone());
    }
}

/// A task with its types forgotten.
trait Task: Send {
    fn wait(&self) -> Wait;
    /// The run that commits, if it is a commit.
    fn run(&self) -> Option<&RunId>;
    /// Whether what it did is kept.
    fn act(&mut self, connection: &Connection) -> rusqlite::Result<bool>;
    fn answer(self: Box<Self>, transaction: Result<(), JournalError>);
}

struct Errand<T, F, A> {
    wait: Wait,
    run: Option<RunId>,
    act: Option<F>,
    came_to: Option<Result<T, JournalError>>,
    answer: A,
}

impl<T, F, A> Errand<T, F, A>
where
    T: Send + 'static,
    F: FnOnce(&Connection) -> Done<T> + Send + 'static,
    A: FnOnce(Result<T, JournalError>) + Send + 'static,
{
    fn boxed(wait: Wait, run: Option<RunId>, act: F, answer: A) -> Box<dyn Task> {
        Box::new(Self { wait, run, act: Some(act), came_to: None, answer })
    }
}

impl<T, F, A> Task for Errand<T, F, A>
where
    T: Send,
    F: FnOnce(&Connection) -> Done<T> + Send,
    A: FnOnce(Result<T, JournalError>) + Send,
{
    fn wait(&self) -> Wait {
        self.wait
    }

    fn run(&self) -> Option<&RunId> {
        self.run.as_ref()
    }

    fn act(&mut self, connection: &Connection) -> rusqlite::Result<bool> {
        let Some(act) = self.act.take() else { return Ok(false) };
        let came_to = act(connection)?;
        let kept = came_to.is_ok();
        self.came_to = Some(came_to);
        Ok(kept)
    }

    fn answer(self: Box<Self>, transaction: Result<(), JournalError>) {
        let Self { came_to, answer, .. } = *self;
        let never = || Err(unwritten("the transaction ended before this was done"));
        answer(transaction.and_then(|()| came_to.unwrap_or_else(never)));
    }
}

/// Where transactions are made, one at a time.
pub(crate) struct Desk {
    connection: Connection,
    durability: Durability,
    /// How the last transaction was synced.
    synced: Wait,
    broken: Option<JournalError>,
    /// The run that was the only one to commit in the last transaction with commits.
    last: Option<RunId>,
    log: Log,
}

impl Desk {
    fn new(connection: Connection, durability: Durability, log: Log) -> Self {
        Self { connection, durability, synced: Wait::Durable, broken: None, last: None, log }
    }

    fn note_who(&mut self, batch: &[Box<dyn Task>]) {
        let mut runs = batch.iter().filter_map(|task| task.run());
        if let Some(first) = runs.next() {
            self.last = runs.next().is_none().then(|| first.clone());
        }
    }

    fn attempt(&mut self, batch: &mut [Box<dyn Task>]) -> Result<(), JournalError> {
        if let Some(broken) = &self.broken {
            return Err(broken.clone());
        }
        let outcome = self.transact(batch);
        if !self.connection.is_autocommit() {
            // When even this fails the transaction is gone with the connection; it is not acknowledged either way.
            drop(self.connection.execute_batch("ROLLBACK"));
        }
        outcome.map_err(|error| self.judge(&error))
    }

    fn transact(&mut self, batch: &mut [Box<dyn Task>]) -> rusqlite::Result<()> {
        let durable = batch.iter().any(|task| task.wait() == Wait::Durable);
        self.sync_as(if durable { Wait::Durable } else { Wait::Visible })?;
        self.execute("BEGIN IMMEDIATE")?;
        reach(FaultPoint::TransactionBegun)?;
        let kept = match batch {
            [only] => only.act(&self.connection)?,
            several => several.iter_mut().try_for_each(|task| self.act_apart(&mut **task)).map(|()| true)?,
        };
        reach(FaultPoint::TransactionWritten)?;
        self.execute(if kept { "COMMIT" } else { "ROLLBACK" })?;
        reach(FaultPoint::TransactionDurable)
    }

    fn act_apart(&self, task: &mut dyn Task) -> rusqlite::Result<()> {
        self.execute("SAVEPOINT task")?;
        if !task.act(&self.connection)? {
            self.execute("ROLLBACK TO task")?;
        }
        self.execute("RELEASE task")
    }

    fn sync_as(&mut self, wait: Wait) -> rusqlite::Result<()> {
        if self.synced != wait {
            connection::sync(&self.connection, self.durability, wait)?;
            self.synced = wait;
        }
        Ok(())
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(drop)
    }

    fn asked_of_disk(&self, error: &rusqlite::Error) -> String {
        asked_of_disk(Path::new(self.connection.path().unwrap_or_default()), error)
    }

    /// What a failed transaction means for the next one: a full or busy disk may be better by then, an I/O error or
    /// damage may not be passed over.
    fn judge(&mut self, error: &rusqlite::Error) -> JournalError {
        let error_said = match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => damaged_in(&self.connection, error),
            Some(ErrorCode::SystemIoFailure) => unwritten(self.asked_of_disk(error)),
            _ => return unwritten(self.asked_of_disk(error)),
        };
        self.broken = Some(error_said.clone());
        error_said
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;
    use rusqlite::ffi;

    fn writer() -> (tempfile::TempDir, Writer) {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("journal.sqlite");
        connection::prepare(&path).unwrap();
        let writer = Writer::start(&path, Durability::Full).unwrap();
        (home, writer)
    }

    fn count(connection: &Connection) -> Done<i64> {
        connection.query_row("SELECT count(*) FROM counters", [], |row| row.get(0)).map(Ok)
    }

    fn put(connection: &Connection, name: &str) -> Done<()> {
        connection.execute("INSERT INTO counters (name, value) VALUES (?1, 1)", [name]).map(|_| Ok(()))
    }

    fn broken(code: i32) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)
    }

    type Work = Box<dyn FnOnce(&Connection) -> Done<()> + Send>;

    fn run(number: usize) -> RunId {
        format!("demo-{number}").parse().unwrap()
    }

    /// Queues tasks of several runs while somebody is at the desk and says what each came to.
    fn at_once(writer: &Writer, tasks: Vec<Work>) -> Vec<bool> {
        let (answer, answers) = mpsc::channel();
        let tasks_queued = tasks.len();
        let busy = writer.desk.as_ref().unwrap().lock().unwrap();
        for (number, task) in tasks.into_iter().enumerate() {
            let answer = answer.clone();
            let tell = move |result: Result<(), JournalError>| answer.send((number, result.is_ok())).unwrap();
            assert!(!writer.submit(&run(number), task, tell), "somebody is at the desk");
        }
        drop(busy);
        let mut all: Vec<_> = answers.iter().take(tasks_queued).collect();
        all.sort_unstable();
        all.into_iter().map(|(_, fine)| fine).collect()
    }

    #[test]
    fn a_run_that_is_alone_is_written_on_its_own_thread() {
        let (_home, writer) = writer();
        let (answer, answers) = mpsc::channel();
        let commit = |number: usize| {
            let answer = answer.clone();
            let here = |_: &Connection| Ok(Ok(thread::current().id()));
            let tell = move |result: Result<_, JournalError>| answer.send(result.unwrap()).unwrap();
            let at_once = writer.submit(&run(number), here, tell);
            (at_once, answers.recv().unwrap() == thread::current().id())
        };
        assert_eq!(commit(1), (false, false), "nobody knows it yet");
        assert_eq!(commit(1), (true, true));
        assert_eq!(commit(1), (true, true));
        assert_eq!(commit(2), (false, false), "two runs may have company");
        assert_eq!(commit(1), (false, false));
        assert_eq!(writer.run(Wait::Visible, count), Ok(0));
        assert_eq!(commit(1), (true, true), "what is no commit is no company");
    }

    #[test]
    fn what_is_queued_shares_one_transaction_and_a_refusal_stays_alone() {
        let (_home, writer) = writer();
        let refused = |connection: &Connection| {
            put(connection, "b")?
                .and_then(|()| Err(unwritten("refused")))
                .map_or_else(|no| Ok(Err(no)), |()| Ok(Ok(())))
        };
        let fine = at_once(
            &writer,
            vec![Box::new(|to| put(to, "a")), Box::new(refused), Box::new(|to| put(to, "c"))],
        );
        assert_eq!(fine, [true, false, true]);
        assert_eq!(writer.run(Wait::Visible, count), Ok(2));

        let fails = |_: &Connection| Err(broken(ffi::SQLITE_FULL));
        let fine =
            at_once(&writer, vec![Box::new(|to| put(to, "d")), Box::new(fails), Box::new(|to| put(to, "e"))]);
        assert_eq!(fine, [false; 3], "the transaction is one");
        assert_eq!(writer.run(Wait::Visible, count), Ok(2));
    }

    #[test]
    fn what_must_be_on_the_disk_is_synced_whatever_went_before() {
        let (_home, writer) = writer();
        let synced = |to: &Connection| to.query_row("PRAGMA synchronous", [], |row| row.get(0)).map(Ok);
        let (normal, full) = (Ok(1), Ok(2));
        for _ in 0..2 {
            assert_eq!(writer.run(Wait::Durable, synced), full);
            assert_eq!(writer.run(Wait::Visible, synced), normal);
        }
    }

    #[test]
    fn a_full_disk_that_is_freed_is_written_again() {
        let (_home, writer) = writer();
        let limit = |pages: u32| {
            let set = format!("PRAGMA max_page_count = {pages}");
            writer
                .run(Wait::Visible, move |to| to.query_row(&set, [], |row| row.get::<_, i64>(0)).map(Ok))
                .unwrap()
        };
        let pages = limit(1);
        let large = |to: &Connection| put(to, &"x".repeat(100_000));
        let refused = writer.run(Wait::Durable, large);
        assert!(matches!(&refused, Err(JournalError::Unavailable { doing: "written", .. })), "{refused:?}");
        limit(u32::try_from(pages).unwrap() + 100);
        assert_eq!(writer.run(Wait::Durable, large), Ok(()));
    }

    #[test]
    fn nothing_is_written_after_a_failed_sync() {
        let (_home, writer) = writer();
        let failed = writer.run::<()>(Wait::Durable, |_| Err(broken(ffi::SQLITE_IOERR_FSYNC)));
        assert!(failed.is_err());
        assert_eq!(writer.run(Wait::Durable, |to| put(to, "a")), failed);
    }
}
