//! `run --each`: a flow for each line of a file, some at a time, and what it came to.
//!
//! Lines are read as they are needed, so that a batch of any length takes the same memory. What a line came to is
//! told when it is there; their order is that of their numbers only where one is run at a time.

use crate::args::Run;
use crate::failure::Exit;
use crate::live::Advance;
use crate::session::Session;
use crate::{interrupt, output};
use kapell_home::{Batch, Came, CheckedFlow, HomeError, Kind, LINE_MAX, Line, some_inputs};
use kapell_journal::fold::RunState;
use kapell_model::quantity::Bytes;
use kapell_report::batch::Summary;
use kapell_report::plain;
use serde_json::{Map, Value, json};
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::Path;
use std::sync::Arc;
use tokio::task::JoinSet;

/// What some programs write before UTF-8 text.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Bad lines and runs that failed that are told one by one; the summary counts them all.
const TOLD: u64 = 20;

pub(crate) async fn run(
    session: &Session,
    flow: CheckedFlow,
    lines: &Path,
    pairs: &[(String, String)],
    run: &Run,
) -> anyhow::Result<Exit> {
    let shared = some_inputs(&flow.plan, pairs)?;
    let batch = Arc::new(session.home.batch(flow).await?);
    let mut lines = Lines::open(lines)?;
    let mut told = Told { session, batch: batch.clone(), sum: Summary::default(), problems: 0 };
    let mut bar = Advance::over(lines.bytes, session.json);
    let outcome = drive(session, &batch, &shared, &mut lines, usize::from(run.jobs), |event, at| {
        told.take(event)?;
        bar.reached(at, told.sum.lines(), told.sum.waits());
        Ok(())
    });
    // What is under way when it is cut off is dropped, and goes on from its journal another time.
    let outcome = tokio::select! {
        outcome = outcome => Some(outcome),
        () = session.under_way.batch_cut_off() => None,
    };
    bar.done();
    told.summary();
    match outcome {
        Some(outcome) => outcome.map(|()| exit(&told.sum, run.no_wait)),
        None => Ok(cut_off(session)),
    }
}

/// The same command goes on where this one was: what was begun is known by its lines.
fn cut_off(session: &Session) -> Exit {
    let (what, _) =
        session.under_way.words("").unwrap_or_else(|| ("the batch is cut off".into(), String::new()));
    interrupt::tell(
        &(what, "the same command goes on with them and with the lines that are left".into()),
        session.json,
    );
    Exit::Interrupted
}

/// What is told of a line.
enum Event {
    Bad(u64, HomeError),
    Came(u64, Came),
}

/// Keeps as many lines under way as there are jobs, until there are no more or the host fails.
async fn drive(
    session: &Session,
    batch: &Arc<Batch>,
    shared: &Map<String, Value>,
    lines: &mut Lines,
    jobs: usize,
    mut tell: impl FnMut(Event, u64) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut under_way: JoinSet<(u64, Result<Came, HomeError>)> = JoinSet::new();
    loop {
        while under_way.len() < jobs
            && let Some((number, text)) = lines.next()?
        {
            match text.and_then(|text| line(session, batch, shared, &text)) {
                Ok(line) => drop(under_way.spawn(one(session, batch, number, line))),
                Err(error) => tell(Event::Bad(number, error), lines.read)?,
            }
        }
        let Some(ended) = under_way.join_next().await else { return Ok(()) };
        let (number, came) = ended?;
        tell(Event::Came(number, came?), lines.read)?;
    }
}

fn one(
    session: &Session,
    batch: &Arc<Batch>,
    number: u64,
    line: Line,
) -> impl Future<Output = (u64, Result<Came, HomeError>)> + use<> {
    let (home, batch, user) = (session.home.clone(), batch.clone(), session.user.clone());
    async move { (number, home.run_line(&batch, line, &user).await) }
}

/// A line's inputs beside those that all lines share.
fn line(
    session: &Session,
    batch: &Batch,
    shared: &Map<String, Value>,
    text: &[u8],
) -> Result<Line, HomeError> {
    let bad = |words: String| HomeError::new(Kind::Argument, words);
    let value = kapell_model::json::read(text).map_err(|cause| bad(cause.in_line()))?;
    let Value::Object(mut inputs) = value else {
        return Err(bad("it is no object of inputs by name".into()));
    };
    for (name, value) in shared {
        if inputs.insert(name.clone(), value.clone()).is_some() {
            return Err(bad(format!("the input `{name}` is given with -i for every line")));
        }
    }
    session.home.line(batch, Value::Object(inputs))
}

/// A line with its number, from 1; or why it can't be one.
type Numbered = (u64, Result<Vec<u8>, HomeError>);

/// The lines of a file or of standard input, counted from 1.
struct Lines {
    reader: Box<dyn BufRead>,
    number: u64,
    /// Bytes read.
    read: u64,
    /// Bytes there are, where that is known.
    bytes: Option<u64>,
}

impl Lines {
    fn open(path: &Path) -> Result<Self, HomeError> {
        if path == Path::new("-") {
            let reader = Box::new(BufReader::new(std::io::stdin()));
            return Ok(Self { reader, number: 0, read: 0, bytes: None });
        }
        let file = File::open(path).map_err(|cause| HomeError::io("read", path, &cause))?;
        let about = file.metadata().map_err(|cause| HomeError::io("read", path, &cause))?;
        if about.is_dir() {
            return Err(HomeError::new(Kind::Argument, format!("{} is a folder", path.display())));
        }
        let bytes = about.is_file().then_some(about.len());
        Ok(Self { reader: Box::new(BufReader::new(file)), number: 0, read: 0, bytes })
    }

    /// The next line that is not blank; one that is too long is passed over and is an error of its own.
    fn next(&mut self) -> anyhow::Result<Option<Numbered>> {
        loop {
            let mut line = Vec::new();
            let read = self.reader.by_ref().take(LINE_MAX + 1).read_until(b'\n', &mut line)?;
            if read == 0 {
                return Ok(None);
            }
            (self.number, self.read) = (self.number + 1, self.read + read as u64);
            // A mark that some programs put before everything; it belongs to no line.
            if self.number == 1 && line.starts_with(BYTE_ORDER_MARK) {
                line.drain(..BYTE_ORDER_MARK.len());
            }
            if read as u64 > LINE_MAX && line.last() != Some(&b'\n') {
                self.pass_over()?;
                let words = format!("it has more than {}", Bytes(LINE_MAX));
                return Ok(Some((self.number, Err(HomeError::new(Kind::Argument, words)))));
            }
            if !line.trim_ascii().is_empty() {
                return Ok(Some((self.number, Ok(line))));
            }
        }
    }

    /// Reads to the end of a line without keeping it.
    fn pass_over(&mut self) -> std::io::Result<()> {
        self.read += self.reader.skip_until(b'\n')? as u64;
        Ok(())
    }
}

/// What has been told so far.
struct Told<'a> {
    session: &'a Session,
    batch: Arc<Batch>,
    sum: Summary,
    problems: u64,
}

impl Told<'_> {
    fn take(&mut self, event: Event) -> anyhow::Result<()> {
        match event {
            Event::Bad(number, error) => {
                self.sum.bad += 1;
                let code = json!({ "code": "usage", "message": error.message, "hint": error.hint });
                self.line(json!({ "line": number, "error": code }));
                self.problem(number, &error.message);
            }
            Event::Came(number, Came::Elsewhere(run)) => {
                self.sum.elsewhere += 1;
                self.line(json!({ "line": number, "run": run, "state": "running", "before": true }));
            }
            Event::Came(number, Came::Now(finished)) => {
                self.state(number, &finished.standing.state, false)?
            }
            Event::Came(number, Came::Before(state)) => {
                self.state(number, &state, true)?;
            }
        }
        Ok(())
    }

    fn state(&mut self, number: u64, state: &RunState, before: bool) -> anyhow::Result<()> {
        self.sum.count(self.batch.plan(), state, before)?;
        let home = &self.session.home;
        let ended = state.ended.as_ref();
        let reason = ended.and_then(|ended| ended.reason.clone());
        if self.session.json {
            let question = state.question.as_ref().filter(|_| ended.is_none()).map(|open| {
                json!({ "step": open.asked.step, "role": open.asked.role, "shown": open.asked.shown.digest() })
            });
            let output = ended
                .and_then(|ended| ended.outputs.as_ref())
                .and_then(|named| home.value(&state.run, named));
            self.line(json!({
                "line": number, "run": state.run, "state": state.word(), "before": before, "output": output,
                "question": question, "reason": reason, "cost": state.spent,
            }));
        }
        if let Some(reason) = reason {
            self.problem(number, &format!("{} {}: {reason}", state.run, state.word()));
        }
        Ok(())
    }

    fn line(&self, mut line: Value) {
        if let (true, Some(fields)) = (self.session.json, line.as_object_mut()) {
            fields.insert("schema".into(), "kapell.line/1".into());
            output::data(&plain::json_line(&line));
        }
    }

    fn problem(&mut self, number: u64, words: &str) {
        self.problems += 1;
        match self.problems {
            ..=TOLD => output::talk(&format!("line {number}: {}", plain::short(words, 160))),
            more if more == TOLD + 1 => output::talk("more lines like these are only counted"),
            _ => {}
        }
    }

    fn summary(&self) {
        if self.session.json {
            let sum = json!({ "schema": "kapell.batch/1", "lines": self.sum.lines(), "summary": self.sum });
            output::data(&plain::json_line(&sum));
        } else if self.sum.lines() == 0 {
            output::talk("there is no line to run");
        } else {
            output::data(&self.sum.text(self.batch.priced_by_example()));
        }
    }
}

/// A line that could not be run weighs most, then one whose run did not get through, then one that waits.
fn exit(sum: &Summary, no_wait: bool) -> Exit {
    match (sum.bad, sum.failed(), sum.waits()) {
        (1.., ..) => Exit::Usage,
        (0, 1.., _) => Exit::SkillError,
        (0, 0, 1..) if no_wait => Exit::Waiting,
        _ => Exit::Ok,
    }
}
