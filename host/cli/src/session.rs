//! A session: the home a command works on, opened, with what is due moved first.

use crate::args::{Args, Flows, Gates, Runs, Skills, Verb};
use crate::compiling::options;
use crate::interrupt::{self, UnderWay};
use crate::live::Live;
use crate::{failure, output};
use kapell_home::{Home, HomeError, Kind, Options, Place, Trial};
use kapell_journal::entry::QuestionAsked;
use kapell_model::policy::{ANYBODY, Moved, is_one_person};
use kapell_report::plain;
use std::borrow::Cow;
use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::path::Path;
use std::process;
use std::sync::Arc;

/// What every command has at hand.
pub(crate) struct Session {
    /// Shared by the runs of a batch.
    pub(crate) home: Arc<Home>,
    pub(crate) user: String,
    pub(crate) json: bool,
    /// How to write the next command so that it works where this one did.
    pub(crate) program: Command,
    /// What goes on here.
    pub(crate) under_way: Arc<UnderWay>,
}

/// The beginning of a command that is printed to be pasted.
#[derive(Clone)]
pub(crate) struct Command {
    /// The program and its home.
    program: String,
    /// Who was said to be there, with `--as`.
    named: Option<String>,
}

/// As whoever gave the command before.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.program)?;
        self.named.iter().try_for_each(|named| write!(f, " --as {}", quoted(named)))
    }
}

/// A word as a shell reads it as one.
pub(crate) fn quoted(word: impl AsRef<OsStr>) -> String {
    let word = word.as_ref().to_string_lossy();
    // Only what no shell can be given can't be quoted.
    shlex::try_quote(&word).map_or_else(|_| word.to_string(), Cow::into_owned)
}

/// The same for a command that only tells what is there: it makes no home, and no folder for one.
fn place_that_is(home: Option<&Path>) -> anyhow::Result<Place> {
    let place = match home {
        Some(folder) if !folder.is_dir() => None,
        home => Some(place(home)?).filter(|place| place.found),
    };
    let nothing = || {
        let at = home.map_or_else(|| "here".into(), |folder| format!("in {}", folder.display()));
        HomeError::new(Kind::NotFound, format!("there is no home {at}, and this makes none"))
            .hint("a home is where skills were added or something ran, `--home DIR` names it; where a file was meant, there is none of that name")
    };
    Ok(place.ok_or_else(nothing)?)
}

/// The folder a command works on.
pub(crate) fn place(home: Option<&Path>) -> anyhow::Result<Place> {
    Ok(match home {
        Some(folder) => Place::at(folder)?,
        None => Place::nearest(Path::new("."))?,
    })
}

/// What may be tried where the command stands; no home is opened or made for it.
pub(crate) fn trial(args: &Args) -> anyhow::Result<Trial> {
    let place = match &args.home {
        Some(folder) if !folder.is_dir() => Place { root: folder.clone(), found: false },
        home => place(home.as_deref())?,
    };
    output::named(&place.lock());
    Ok(Trial::at(&place)?)
}

/// The login name: what the session says, else the name the system has for whoever runs this, where there is no session,
/// as in a job.
fn login() -> String {
    let said = ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(|name| {
        let said = env::var(name).ok();
        said.filter(|said| !said.is_empty())
    });
    let system = || {
        let told = process::Command::new("id").arg("-un").output().ok()?;
        let name = String::from_utf8(told.stdout).ok().filter(|_| told.status.success())?;
        Some(name.trim().to_owned())
    };
    said.or_else(system).unwrap_or_else(|| "unknown".into())
}

/// The person: `--as`, else the login name. Names are kept in lock and journal, so one that could not be read back, or
/// that means anybody, is none.
pub(crate) fn user(args: &Args) -> anyhow::Result<String> {
    let user = match &args.user {
        Some(user) if user.starts_with("user:") => user.clone(),
        Some(user) => format!("user:{user}"),
        None => format!("user:{}", login()),
    };
    if is_one_person(&user) {
        return Ok(user);
    }
    let words = format!("{:?} names nobody", user.chars().take(80).collect::<String>());
    Err(HomeError::new(Kind::Argument, words)
        .hint("`--as NAME` says who you are: up to 64 letters, digits and ._@+-")
        .into())
}

/// Opens the home the command works on, and moves what is due.
pub(crate) async fn open(args: &Args) -> anyhow::Result<Session> {
    let home = args.home.as_deref();
    open_at(args, if tells_what_was(&args.verb) { place_that_is(home)? } else { place(home)? }).await
}

/// The same for a home that was found otherwise.
pub(crate) async fn open_at(args: &Args, place: Place) -> anyhow::Result<Session> {
    let made = !place.found;
    output::named(&place.policy());
    // Of a batch the summary is told, not each step of each run.
    let is_batch = matches!(&args.verb, Verb::Run(run) if run.each.is_some());
    let under_way = Arc::new(UnderWay::default());
    let live = Arc::new(Live::new(!args.json && !is_batch, under_way.clone()));
    let (user, program) = (user(args)?, program(args.home.as_deref(), args.user.as_deref()));
    interrupt::listen(&under_way, program.to_string(), args.json)?;
    output::named(&place.lock());
    let (only_reading, though_incomplete) = (only_reads(&args.verb), reads_on(&args.verb));
    let options = Options { watcher: live, user: user.clone(), only_reading, though_incomplete, ..options() };
    let home = Home::open(place, options)?;
    output::keep_secret(home.redactor());
    for wrong in [&home.unread, &home.incomplete].into_iter().flatten() {
        failure::warn(wrong);
    }
    let is_whole = home.unread.is_none() && home.incomplete.is_none();
    if !is_whole {
        output::talk(
            "what happened is told all the same; nothing runs, is answered or changes before that is mended",
        );
    }
    if made && !args.json {
        let what = if home.is_locked()? { "made a locked home" } else { "made a home for development" };
        output::talk(&format!("{what} in {}", home.place.folder().display()));
    }
    if is_whole {
        tell_policy_change(args, &home)?;
    }
    let session = Session { home: Arc::new(home), user, json: args.json, program, under_way };
    if is_whole && moves_due(&args.verb) {
        session.move_due().await?;
    }
    Ok(session)
}

/// A policy that was changed says who gains and loses what before it takes effect, once. A command that is about the
/// policy itself shows that on its own and lets nothing take effect.
fn tell_policy_change(args: &Args, home: &Home) -> anyhow::Result<()> {
    if matches!(args.verb, Verb::Policy(_)) {
        return Ok(());
    }
    if let Some(moves) = home.policy_change()? {
        let waits = match home.is_locked()? {
            true => " (a skill or flow that is given more, or something else, waits to be approved)",
            false => "",
        };
        output::talk(&format!("policy.toml has changed{waits}: {}", moved(&moves)));
    }
    Ok(home.policy_in_effect()?)
}

/// What moves by a policy, a line each.
pub(crate) fn moved(moves: &[Moved]) -> String {
    match moves.is_empty() {
        true => "no skill or flow gains or loses anything".into(),
        false => {
            let lines = moves.iter().map(|moved| format!("\n  {}", plain::line(&moved.to_string())));
            format!("from now on{}", lines.collect::<String>())
        }
    }
}

/// What only tells what happened needs no policy of today.
fn only_reads(verb: &Verb) -> bool {
    matches!(
        verb,
        Verb::Runs(Runs::List | Runs::Show { .. })
            | Verb::Gates(Gates::List | Gates::Show { .. })
            | Verb::Report(_)
            | Verb::Cost(_)
            | Verb::Explain(_)
            | Verb::Verify(_)
    )
}

/// What changes nothing tells what is left of a journal of which entries are gone.
fn reads_on(verb: &Verb) -> bool {
    let judges = matches!(verb, Verb::Review(_) | Verb::Lock(_) | Verb::Flows(Flows::List) | Verb::Policy(_));
    let lists = matches!(verb, Verb::Skills(Skills::List | Skills::Show { .. }));
    let looks = matches!(verb, Verb::Doctor { recount: false } | Verb::Percolate(_));
    only_reads(verb) || judges || lists || looks || matches!(verb, Verb::Replay(_) | Verb::Dossier(_))
}

/// What is about nothing where there was never a home.
fn tells_what_was(verb: &Verb) -> bool {
    only_reads(verb) || matches!(verb, Verb::Audit(_) | Verb::Replay(_) | Verb::Dossier(_))
}

/// Any command that opens the home goes on with what is due, but for those that promise that nothing runs, and for
/// the one that is there to stop a run.
fn moves_due(verb: &Verb) -> bool {
    let stops = matches!(verb, Verb::Runs(Runs::Cancel { .. }) | Verb::Skills(Skills::Revoke { .. }));
    let reads = matches!(
        verb,
        Verb::Check(_)
            | Verb::Schema(_)
            | Verb::Doctor { .. }
            | Verb::Review(_)
            | Verb::Lock(_)
            | Verb::Flows(_)
            | Verb::Policy(_)
            | Verb::Percolate(_)
            | Verb::Gates(Gates::Learn(_))
            | Verb::Verify(_)
            | Verb::Report(_)
    );
    !stops && !reads
}

/// The program, the home and who is there as the person wrote them.
pub(crate) fn program(home: Option<&Path>, named: Option<&str>) -> Command {
    let program = env::args_os().next().unwrap_or_else(|| "kapell".into());
    let is_built = env::var_os("CARGO").is_some() && program.to_string_lossy().contains("target/");
    let program = if is_built { "cargo run --".into() } else { quoted(program) };
    let program = match home {
        Some(home) => format!("{program} --home {}", quoted(home)),
        None => program,
    };
    Command { program, named: named.map(str::to_owned) }
}

impl Session {
    /// The beginning of a command for whoever is asked: they need not be the one who is there.
    pub(crate) fn command_to_answer(&self, asked: &QuestionAsked) -> String {
        match asked.people.iter().any(|person| *person == self.user || person == ANYBODY) {
            true => self.program.to_string(),
            false => self.program.program.clone(),
        }
    }

    async fn move_due(&self) -> anyhow::Result<()> {
        for (run, moved) in self.home.move_due().await? {
            if let Err(error) = moved {
                let words = plain::lines(&error.message);
                output::talk(&format!("warning: {run} can't go on: {words}"));
            }
        }
        let let_go = self.home.let_go_due().await?;
        for (run, error) in &let_go.failed {
            let words = plain::lines(&error.message);
            output::talk(&format!("warning: the contents of {run} can't be let go: {words}"));
        }
        if let (false, Some(kept)) = (let_go.runs.is_empty(), self.home.policy.keep.contents) {
            let runs = match &let_go.runs[..] {
                [run] => run.to_string(),
                runs => format!("{} runs", runs.len()),
            };
            let more = match let_go.left {
                0 => String::new(),
                left => format!("; {left} more are due, and the next commands go on"),
            };
            output::talk(&format!(
                "let go of the contents of {runs}: policy.toml keeps them for {kept}{more}"
            ));
        }
        Ok(())
    }
}
