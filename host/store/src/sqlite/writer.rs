//! One thread writes: whatever is queued when it looks becomes one transaction with one sync.
//!
//! Nobody lingers for company: while one transaction is being synced the next one gathers by itself. Each task
//! runs in a savepoint, so that one that is fenced out takes nothing of the others with it, and is answered only
//! when the transaction is durable. A failed sync is never tried again as if nothing had happened: what the
//! system has dropped from its memory by then would be acknowledged and lost. The writer stops instead, and the
//! next process begins from what is on the disk.

use crate::error::{damaged, unwritten};
use crate::sqlite::Durability;
use crate::sqlite::connection;
use kapell_journal::seam::JournalError;
use rusqlite::{Connection, ErrorCode};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender, TrySendError};
use std::thread::{self, JoinHandle};

/// The most tasks of one transaction, so that the first of them does not wait for ever.
const BATCH_MAX: usize = 256;
/// Tasks between two checkpoints: about a thousand pages, a log of four megabytes.
const CHECKPOINT_EVERY: usize = 200;
/// Pages of the log from which on a checkpoint makes the writer wait and starts the log again: 64 MiB.
const LOG_PAGES_MAX: i64 = 16 * 1024;

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

/// The queue to the writing thread; the thread ends with it.
pub(crate) struct Writer {
    queue: Option<Sender<Box<dyn Task>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Writer {
    /// Begins to write to the database at `path`.
    pub(crate) fn start(path: &Path, durability: Durability) -> Result<Self, JournalError> {
        let writing = connection::writer(path, durability).map_err(unwritten)?;
        let checkpointing = connection::writer(path, durability).map_err(unwritten)?;
        let (queue, tasks) = mpsc::channel();
        let (full, fills) = mpsc::sync_channel(1);
        let write =
            move || Desk { connection: writing, durability, broken: None, full, since: 0 }.work(&tasks);
        let threads = vec![
            spawn("kapell-writer", write)?,
            spawn("kapell-checkpoint", move || checkpoint_whenever(&checkpointing, &fills))?,
        ];
        Ok(Self { queue: Some(queue), threads })
    }

    /// Runs `act` in the next transaction and calls `answer` when it is over.
    pub(crate) fn submit<T, A>(
        &self,
        wait: Wait,
        act: impl FnOnce(&Connection) -> Done<T> + Send + 'static,
        answer: A,
    ) where
        T: Send + 'static,
        A: FnOnce(Result<T, JournalError>) + Send + 'static,
    {
        let task = Box::new(Errand { wait, act: Some(act), came_to: None, answer: Some(answer) });
        if let Some(queue) = &self.queue
            && let Err(unsent) = queue.send(task)
        {
            unsent.0.answer(Err(unwritten("the writer has stopped")));
        }
    }

    /// Runs `act` in the next transaction and waits for it.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        wait: Wait,
        act: impl FnOnce(&Connection) -> Done<T> + Send + 'static,
    ) -> Result<T, JournalError> {
        let (answer, answered) = mpsc::sync_channel(1);
        self.submit(wait, act, move |result| drop(answer.send(result)));
        answered.recv().unwrap_or_else(|_| Err(unwritten("the writer has stopped")))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.queue.take());
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, JournalError> {
    thread::Builder::new().name(name.into()).spawn(work).map_err(unwritten)
}

/// A task with its types forgotten.
trait Task: Send {
    fn wait(&self) -> Wait;
    /// Whether what it did is kept.
    fn act(&mut self, connection: &Connection) -> rusqlite::Result<bool>;
    fn answer(self: Box<Self>, transaction: Result<(), JournalError>);
}

struct Errand<T, F, A> {
    wait: Wait,
    act: Option<F>,
    came_to: Option<Result<T, JournalError>>,
    answer: Option<A>,
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

    fn act(&mut self, connection: &Connection) -> rusqlite::Result<bool> {
        let Some(act) = self.act.take() else { return Ok(false) };
        let came_to = act(connection)?;
        let kept = came_to.is_ok();
        self.came_to = Some(came_to);
        Ok(kept)
    }

    fn answer(mut self: Box<Self>, transaction: Result<(), JournalError>) {
        let never = || Err(unwritten("the transaction ended before this was done"));
        let result = transaction.and_then(|()| self.came_to.take().unwrap_or_else(never));
        if let Some(answer) = self.answer.take() {
            answer(result);
        }
    }
}

/// Where the writing thread works.
struct Desk {
    connection: Connection,
    durability: Durability,
    broken: Option<JournalError>,
    full: SyncSender<()>,
    since: usize,
}

impl Desk {
    fn work(&mut self, tasks: &Receiver<Box<dyn Task>>) {
        while let Ok(first) = tasks.recv() {
            let mut batch = vec![first];
            batch.extend(tasks.try_iter().take(BATCH_MAX - 1));
            let outcome = self.settle(&mut batch);
            self.since += batch.len();
            for task in batch {
                task.answer(outcome.clone());
            }
            self.ask_for_checkpoint();
        }
    }

    fn settle(&mut self, batch: &mut [Box<dyn Task>]) -> Result<(), JournalError> {
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

    fn transact(&self, batch: &mut [Box<dyn Task>]) -> rusqlite::Result<()> {
        let durable = batch.iter().any(|task| task.wait() == Wait::Durable);
        let wait = if durable { Wait::Durable } else { Wait::Visible };
        connection::sync(&self.connection, self.durability, wait)?;
        self.execute("BEGIN IMMEDIATE")?;
        for task in batch {
            self.execute("SAVEPOINT task")?;
            if !task.act(&self.connection)? {
                self.execute("ROLLBACK TO task")?;
            }
            self.execute("RELEASE task")?;
        }
        self.execute("COMMIT")
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(drop)
    }

    /// What a failed transaction means for the next one: a full or busy disk may be better by then, an I/O error or
    /// damage may not be passed over.
    fn judge(&mut self, error: &rusqlite::Error) -> JournalError {
        let error_said = match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => damaged(error.to_string()),
            Some(ErrorCode::SystemIoFailure) => unwritten(error),
            _ => return unwritten(error),
        };
        self.broken = Some(error_said.clone());
        error_said
    }

    fn ask_for_checkpoint(&mut self) {
        if self.since >= CHECKPOINT_EVERY {
            self.since = 0;
            // Full means one is asked for already; gone means the store is closing.
            let (Ok(()) | Err(TrySendError::Full(()) | TrySendError::Disconnected(()))) =
                self.full.try_send(());
        }
    }
}

/// Moves the log into the database beside the writer, which does not wait for it; only a log that has grown far
/// too long, because somebody always read, is started again at the writer's cost.
fn checkpoint_whenever(connection: &Connection, fills: &Receiver<()>) {
    while fills.recv().is_ok() {
        let pages = checkpoint(connection, "PRAGMA wal_checkpoint(PASSIVE)");
        if pages.is_ok_and(|pages| pages > LOG_PAGES_MAX) {
            drop(checkpoint(connection, "PRAGMA wal_checkpoint(RESTART)"));
        }
    }
}

/// The length of the log in pages. A checkpoint that fails leaves the log as it is, and nothing is lost.
fn checkpoint(connection: &Connection, sql: &str) -> rusqlite::Result<i64> {
    connection
        .query_row(sql, [], |row| row.get(1))
        .inspect_err(|cause| tracing::warn!(%cause, "the write-ahead log was not moved into the database"))
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

    /// Queues tasks while the writer is held up and says what each came to.
    fn at_once(writer: &Writer, tasks: Vec<Work>) -> Vec<bool> {
        let (go, held) = mpsc::channel::<()>();
        writer.submit(Wait::Visible, move |_| Ok(held.recv().map_err(unwritten)), drop);
        let (answer, answers) = mpsc::channel();
        let tasks_queued = tasks.len();
        for (number, task) in tasks.into_iter().enumerate() {
            let answer = answer.clone();
            let tell = move |result: Result<(), JournalError>| answer.send((number, result.is_ok())).unwrap();
            writer.submit(Wait::Durable, task, tell);
        }
        go.send(()).unwrap();
        let mut all: Vec<_> = answers.iter().take(tasks_queued).collect();
        all.sort_unstable();
        all.into_iter().map(|(_, fine)| fine).collect()
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
