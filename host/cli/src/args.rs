//! Arguments: every verb, grouped by who uses it.

use clap::{Args as ClapArgs, Parser, Subcommand};
use std::path::PathBuf;

/// The groups of the help page, each with at most eight verbs; a test keeps it complete.
const GROUPS: &str = "\
Start:
  demo         Five beats on one page: what this is, measured on this machine
  init         Make a home here; --locked makes one in which nothing runs that is not approved
  doctor       Look at toolchain, engine, home and journal, and say what to mend

Ship a skill:
  build        Build skills from source into components
  check        Check a flow, a policy, a skill folder or a component whole; nothing runs
  inspect      What a component is, offers, asks for and imports, from its bytes
  schema       JSON Schema of a skill's operations
  call         Call one operation of any component; journaled like any run
  test         Run a skill's own examples, also without what it asks for, or a flow's cases

Judge:
  review       What to see of a skill or a flow before it is let in, and what changed since
  flows        What is approved of flows: list, approve, revoke
  lock         What is approved here; --check fails when anything is not as approved

Operate:
  add          Install a skill, or a newer version of one; ask for a flow to be approved
  skills       List, show, approve and revoke skills, choose the version in use
  run          Run a flow
  runs         List, show, resume and cancel runs
  policy       What skills may reach: check, explain, test and suggest rules
  gates        Questions that wait for people: list, show, approve, reject, answer, override, learn
  percolate    Work done by hand again and again, as a flow to run

Account:
  cost         What runs and outcomes cost, by run, step, skill, lane, flow or day
  report       What a flow is worth: outcomes, cost, exceptions and why, time, judgment
  replay       Do recorded attempts again, answered from their record, and compare
  explain      What happened in a run and why, for somebody who was not there
  dossier      What a board asks of a flow: who is accountable, what it may touch, what it did
  audit        Evidence for outsiders: files to check, the journal's key, signed heads, proofs
  verify       Check evidence: a file, one run, or the whole home

Other:
  completions  Shell completions
  version      Versions of program and engine";

/// Hosts sandboxed skills and conducts them: what ran, why, and what it cost stands in a journal.
#[derive(Debug, Parser)]
#[command(
    name = "kapell",
    disable_version_flag = true,
    subcommand_required = true,
    arg_required_else_help = true,
    help_template = "{about}\n\nUsage: {usage}{after-help}\n\nOptions:\n{options}\n\nExit codes: 0 ok, 1 skill error, escalated, cancelled or a test that does not hold, 2 usage, 3 invalid file, 4 refused, 5 waiting (--no-wait), 6 rejected or expired,\n7 over budget, 8 trap, 9 integrity, 10 not found, 70 internal, 130 interrupted\n",
    after_help = GROUPS
)]
pub(crate) struct Args {
    /// The project folder whose home is used; without it the nearest folder upwards that has one.
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    /// Answer with one JSON object on standard output, errors too.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Who you are, `user:NAME`; without it your login name.
    #[arg(long = "as", global = true, value_name = "USER")]
    pub(crate) user: Option<String>,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Five beats on one page: what this is, measured on this machine.
    Demo(Demo),
    /// Make a home here, with a policy and a tariff to edit.
    Init(Init),
    /// Look at toolchain, engine, home and journal, and say what to mend.
    Doctor {
        /// Write what flows have spent anew, from the journal, before looking
        #[arg(long)]
        recount: bool,
    },
    /// Build skills from source into components.
    Build(Build),
    /// Check a flow, a policy, a skill folder or a component whole; nothing runs.
    Check(OnePath),
    /// What a component is, offers, asks for and imports, from its bytes.
    Inspect(OnePath),
    /// JSON Schema of a skill's operations.
    Schema(Schema),
    /// Call one operation of any component; journaled like any run.
    Call(Call),
    /// What to see of a skill or a flow before it is let in, and what changed since.
    Review(Review),
    /// What is approved of flows.
    #[command(subcommand)]
    Flows(Flows),
    /// What is approved here.
    Lock(LockArgs),
    /// Run a skill's own examples, also without what it asks for, or a flow's cases.
    Test(Test),
    /// Install a skill, or a newer version of one; ask for a flow to be approved.
    Add(Add),
    /// List, show, approve and revoke skills, choose the version in use.
    #[command(subcommand)]
    Skills(Skills),
    /// Run a flow.
    Run(Run),
    /// List, show, resume and cancel runs.
    #[command(subcommand)]
    Runs(Runs),
    /// What skills may reach: check, explain, test and suggest rules.
    #[command(subcommand)]
    Policy(Policy),
    /// Questions that wait for people.
    #[command(subcommand)]
    Gates(Gates),
    /// Work done by hand again and again, as a flow to run.
    Percolate(Percolate),
    /// What runs and outcomes cost, by run, step, skill, lane, flow or day.
    Cost(Cost),
    /// Do recorded attempts again, every crossing answered from the record and nothing reached outside, and compare.
    /// Ends with 9 when something is not as it was, with 1 when nothing could be done again.
    Replay(Replay),
    /// What a flow is worth: outcomes, cost, exceptions and why, time, judgment.
    Report(Report),
    /// What happened in a run and why, for somebody who was not there: who asked, each decision with what it saw, who
    /// held responsibility when, what it cost.
    Explain(Explain),
    /// What a board asks of a flow: how each step decides, who is accountable, what it may touch, what it did, what
    /// happens when it fails.
    Dossier(Dossier),
    /// Evidence for outsiders: files to check, the journal's key, signed heads, proofs.
    #[command(subcommand)]
    Audit(Audit),
    /// Check evidence: a file, one run, or the whole home.
    Verify(Verify),
    /// Shell completions.
    Completions(Completions),
    /// Versions of program and engine.
    Version,
    /// Drives one run of the demo in a process of its own, which the demo then kills.
    #[command(hide = true)]
    DemoChild(DemoChild),
    /// Compiles one component from standard input, within limits it sets itself.
    #[command(hide = true)]
    CompileWorker(CompileWorker),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Replay {
    /// The runs, or `last`; all of them without any. Or a file of `audit export`, of which no home is needed: all its runs,
    /// or those named after it.
    #[arg(value_name = "RUN|FILE")]
    pub(crate) runs: Vec<String>,
    /// Only runs that began from then on: a span until now such as `7d`, or a date.
    #[arg(long, value_name = "SPAN|DATE", conflicts_with = "runs")]
    pub(crate) since: Option<String>,
    /// Only this step.
    #[arg(long)]
    pub(crate) step: Option<kapell_model::id::StepId>,
    /// Run these bytes on the record instead of those that ran: wherever their skill ran, or in the step that is named.
    /// Ends with 1 when they do otherwise.
    #[arg(long, value_name = "SKILL.wasm")]
    pub(crate) with: Option<PathBuf>,
    /// Also what the lock here does not let run: nobody approved it, or it was revoked. For whoever reviews it; a record
    /// reaches nothing real.
    #[arg(long)]
    pub(crate) unapproved: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CompileWorker {
    /// Processor time, in seconds.
    pub(crate) seconds: u64,
    /// Memory, in bytes.
    pub(crate) memory: u64,
}

/// What an outsider needs to check a journal they do not hold.
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// The key the journal's heads are checked with, as a C2SP verifier key, and those before it.
    Key {
        /// Begin another key, in the place of one that is lost or that others may have read and that was moved away. Everybody
        /// who holds the old one must be told.
        #[arg(long, requires = "reason")]
        begin_anew: bool,
        /// Why.
        #[arg(long, requires = "begin_anew")]
        reason: Option<String>,
    },
    /// The journal's head as it is now, signed (C2SP tlog-checkpoint). Keep one elsewhere: only that shows later whether
    /// anything before it was rewritten.
    Checkpoint,
    /// A proof that an entry stands in the journal under a signed head (C2SP tlog-proof).
    Prove {
        /// The entry, `RUN/NUMBER`, as `runs show` numbers them.
        entry: String,
        /// Write the entry's exact bytes, the proof and the key into this folder instead.
        #[arg(long, value_name = "DIR")]
        into: Option<PathBuf>,
    },
    /// One file from which somebody without the home checks what ran: entries, proofs and all they name.
    Export(Export),
    /// Destroy what is private in a run that is over. That it ran, how it came out and every proof of it stay; nothing can
    /// show any more what its commitments were of. It can't be undone.
    Erase {
        /// A run id, a prefix only one run has, or `last`.
        run: String,
        /// Why; stands in the journal for ever, so name nobody in it.
        #[arg(long)]
        reason: String,
        /// Erase it without being asked once more.
        #[arg(long)]
        yes: bool,
    },
    /// The hashes that show that the journal only added to what it was (RFC 6962), base64, one a line. It takes the journal
    /// to show that: whoever has two checkpoints and no home asks for it, or gives both to `kapell-verify` with a file of
    /// the whole log.
    Consistency {
        /// How many entries it had, or a file with a checkpoint of then.
        #[arg(value_name = "SIZE|FILE")]
        old: String,
        /// How many it had later, or a file with a checkpoint of then.
        #[arg(value_name = "SIZE|FILE")]
        new: String,
    },
}

#[derive(Debug, ClapArgs)]
#[command(group = clap::ArgGroup::new("scope").required(true).args(["run", "since", "all"]))]
pub(crate) struct Export {
    /// One run: its id, a prefix only one run has, or `last`.
    pub(crate) run: Option<String>,
    /// The whole log from then on: a span until now such as `7d`, or a date.
    #[arg(long, value_name = "SPAN|DATE")]
    pub(crate) since: Option<String>,
    /// The whole log.
    #[arg(long)]
    pub(crate) all: bool,
    /// Where to write it.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Keep these back; the file names them by digest, and whoever checks is told what can't be known.
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) without: Vec<WithoutPart>,
    /// Hand on what is private too, with what opens its commitments; without it only the commitments are there.
    #[arg(long)]
    pub(crate) with_private: bool,
    /// A checkpoint that somebody outside holds: the file shows that the log only adds to it.
    #[arg(long, value_name = "FILE")]
    pub(crate) held: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum WithoutPart {
    Components,
    Blobs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Verify {
    /// A file of `audit export`, the folder of a home, or a run: its id, a prefix only one run has, or `last`. Without it
    /// the whole home.
    pub(crate) what: Option<String>,
    /// The journal's key as you were given it earlier, or a file with it. Without it an exported file holds only as far as
    /// it goes, which is no success: whoever made the file may have made the key.
    #[arg(long, value_name = "KEY|FILE")]
    pub(crate) key: Option<String>,
    /// A checkpoint you were given earlier.
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: Vec<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Demo {
    /// Keep the demo's folder here and show its path, instead of a temporary one.
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DemoChild {
    /// The flow to run.
    pub(crate) flow: PathBuf,
    /// Inputs, as for `run`.
    #[arg(short, long = "input", value_name = "NAME=VALUE")]
    pub(crate) input: Vec<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Build {
    /// Skill folders (with `skill.toml`).
    #[arg(required = true)]
    pub(crate) folders: Vec<PathBuf>,
    /// Write components here instead of into `target/skills` here.
    #[arg(short, long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct OnePath {
    /// The file or folder.
    pub(crate) path: PathBuf,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Schema {
    /// A component file, or the name of an installed skill.
    pub(crate) skill: String,
    /// One operation; all without it.
    pub(crate) operation: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Call {
    /// A component file, or the name of an installed skill.
    pub(crate) skill: String,
    /// The operation.
    pub(crate) operation: String,
    /// The arguments by name as a JSON object, or `@FILE`, or `@-` for standard input.
    #[arg(default_value = "{}")]
    pub(crate) arguments: String,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Init {
    /// Nothing runs in it that is not approved; there is no way back.
    #[arg(long)]
    pub(crate) locked: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Review {
    /// A component file, the name of an installed skill, or a flow file (`.yaml`).
    pub(crate) what: String,
    /// The version to review; without it the one that waits to be approved, else the one in use.
    #[arg(long)]
    pub(crate) version: Option<semver::Version>,
    /// The version to compare with, of a flow another flow's file; without it the approved one, else the one in use.
    #[arg(long, value_name = "VERSION|FLOW")]
    pub(crate) against: Option<String>,
    /// Write one page for a browser into the file of `-o`.
    #[arg(long, requires = "out")]
    pub(crate) html: bool,
    /// Where to write the page.
    #[arg(short, long, value_name = "FILE", requires = "html")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Flows {
    /// Flows that are approved, and flows somebody has asked for.
    List,
    /// Approve a flow exactly as `review` shows it.
    Approve(FlowApproval),
    /// Take a flow back: no run of it begins, what runs of it ends at once, what waits does not go on.
    Revoke {
        /// The flow's name.
        name: String,
        /// Why; stands in the lock and in the runs it ends.
        #[arg(long)]
        reason: Option<String>,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct FlowApproval {
    /// The flow file.
    pub(crate) flow: PathBuf,
    /// The digest on the last line of the review, or its first 12 digits: refused when anything else would be shown by
    /// now. Without it the review is shown and asked about, on a terminal only.
    #[arg(long, value_name = "DIGEST")]
    pub(crate) shown: Option<String>,
    /// Until when it counts: a date, or a span from now such as `90d`.
    #[arg(long, value_name = "DATE|SPAN")]
    pub(crate) expires: Option<String>,
    /// Why; stands in the lock.
    #[arg(long)]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct LockArgs {
    /// Exit with 9 when anything is not as approved: bytes, types, grants, limits, approvers, expiry.
    #[arg(long)]
    pub(crate) check: bool,
    /// Flow files: exit with 9, too, when one of them would wait for approval.
    #[arg(value_name = "FLOW", requires = "check")]
    pub(crate) flows: Vec<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Test {
    /// A skill folder, a component file, or the name of an installed skill; or a flow file, whose cases stand beside it
    /// in a file of its name with `.test.yaml`.
    pub(crate) skill: String,
    /// Run them without a capability the skill asks for: `http`, or one thing of it, `files:out`.
    #[arg(long, value_name = "KIND[:NAME]")]
    pub(crate) without: Vec<kapell_home::Without>,
    /// Also what the lock here does not let run: nobody approved it, or it was revoked. For whoever reviews it; the examples
    /// reach nothing real.
    #[arg(long)]
    pub(crate) unapproved: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Check a policy whole and say what would move by it; nothing takes effect.
    Check {
        /// The file; without it the home's own.
        file: Option<PathBuf>,
    },
    /// Which rule decides a use by a skill, and why. Ends with 0 when it is granted, with 4 when it is refused.
    Explain {
        /// An installed skill, or one operation of it: `acme:letter#write`.
        skill: String,
        /// The use, such as `files write out/a.txt of 2KiB` or `http GET https://HOST/PATH`.
        #[arg(required = true, value_name = "USE")]
        used: Vec<String>,
        /// Explain it for each step of this flow that calls the skill: a step may allow less.
        #[arg(long, value_name = "FLOW")]
        flow: Option<PathBuf>,
    },
    /// Ask the policy every case of a table of expected verdicts. Ends with 1 when one does not hold.
    Test {
        /// The table; without it `policy.test.toml` beside the policy.
        file: Option<PathBuf>,
    },
    /// The narrowest rules that what was recorded of a skill needs; printed, never applied.
    Suggest {
        /// An installed skill.
        name: String,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Add {
    /// Component files or skill folders, which are built first; or flows, whose files stay where they are.
    #[arg(required = true)]
    pub(crate) paths: Vec<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Skills {
    /// All installed versions; `*` is in use.
    List,
    /// One skill: operations, asks with reasons, imports, history.
    Show {
        /// Its name.
        name: String,
        /// What it was seen to use of what it is granted, and what it was refused.
        #[arg(long = "use")]
        used: bool,
    },
    /// Put another installed version in use, for runs that begin from now on.
    Use {
        /// The skill's name.
        name: String,
        /// The version.
        version: semver::Version,
    },
    /// Approve a version exactly as `review` shows it.
    Approve(SkillApproval),
    /// Take a version back: it runs no more, and what runs of it ends at once.
    Revoke {
        /// The skill's name.
        name: String,
        /// The version; the one in use without it.
        #[arg(long)]
        version: Option<semver::Version>,
        /// Why; stands in the lock.
        #[arg(long)]
        reason: Option<String>,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct SkillApproval {
    /// The skill's name.
    pub(crate) name: String,
    /// The version; without it the one that waits to be approved, else the one in use.
    #[arg(long)]
    pub(crate) version: Option<semver::Version>,
    /// The version the review was compared with, as for `review`.
    #[arg(long)]
    pub(crate) against: Option<semver::Version>,
    /// The digest on the last line of the review, or its first 12 digits: refused when anything else would be shown by
    /// now. Without it the review is shown and asked about, on a terminal only.
    #[arg(long, value_name = "DIGEST")]
    pub(crate) shown: Option<String>,
    /// Until when it counts: a date, or a span from now such as `90d`.
    #[arg(long, value_name = "DATE|SPAN")]
    pub(crate) expires: Option<String>,
    /// Why; stands in the lock.
    #[arg(long)]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Run {
    /// The flow file.
    pub(crate) flow: PathBuf,
    /// An input: `name=value`, `name=@FILE`, or `name=@-` for standard input.
    #[arg(short, long = "input", value_name = "NAME=VALUE")]
    pub(crate) input: Vec<String>,
    /// Do not ask on the terminal; exit with 5 when the run waits for an answer.
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Say what past runs of the flow took, those with inputs of like size first; nothing runs.
    #[arg(long, conflicts_with = "each")]
    pub(crate) estimate: bool,
    /// Run the flow once for each line of a file, `-` for standard input: a JSON object of inputs by name. A line that
    /// was run before is not run again, so the same command goes on where it was interrupted.
    #[arg(long, value_name = "FILE")]
    pub(crate) each: Option<PathBuf>,
    /// How many lines are run at once.
    #[arg(long, value_name = "N", default_value_t = 4, requires = "each", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) jobs: u16,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Runs {
    /// All runs, newest first.
    List,
    /// The run log: one line an entry.
    Show {
        /// A run id, a prefix only one run has, or `last`.
        #[arg(required_unless_present = "why")]
        run: Option<String>,
        /// Tell what happened and why instead, as `explain` does; of one step when it is named behind the run.
        #[arg(long, value_name = "STEP")]
        why: Option<Option<String>>,
        /// With what is private, as far as it is kept.
        #[arg(long)]
        private: bool,
    },
    /// Go on with a run from where its journal stands.
    Resume {
        /// A run id, a prefix only one run has, or `last`.
        run: String,
    },
    /// Stop a run, whoever drives it.
    Cancel {
        /// A run id, a prefix only one run has, or `last`.
        run: String,
        /// Why; stands in the journal.
        #[arg(long, default_value = "no reason given")]
        reason: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Gates {
    /// All questions that wait.
    List,
    /// One question with everything that is shown.
    Show {
        /// The run that asks.
        run: String,
    },
    /// After enough equal answers, a change of the flow or cases to test it by, as a difference; never applied.
    Learn(Learn),
    /// Say yes.
    Approve {
        /// The run that asks.
        run: String,
        #[command(flatten)]
        with: Saying,
    },
    /// Say no; the run ends as rejected.
    Reject {
        /// The run that asks.
        run: String,
        #[command(flatten)]
        with: Saying,
    },
    /// Let the run go on without an answer, where the flow lets your role; no approval.
    Override {
        /// The run that asks.
        run: String,
        /// Why; stands in the journal.
        #[arg(long)]
        reason: String,
        /// Minutes of your time it took; without it the tariff's estimate is used and marked.
        #[arg(long)]
        minutes: Option<rust_decimal::Decimal>,
        /// The digest of what you were shown, as for an answer.
        #[arg(long, value_name = "DIGEST")]
        shown: Option<String>,
    },
    /// Give the value that is asked for.
    Answer {
        /// The run that asks.
        run: String,
        /// The value: JSON, or a text, or `@FILE`.
        value: String,
        #[command(flatten)]
        with: Saying,
    },
}

/// What a flow could learn from how its questions were answered.
#[derive(Debug, ClapArgs)]
pub(crate) struct Learn {
    /// The flow file.
    pub(crate) flow: PathBuf,
    /// How many equal answers to the same condition are enough, none contrary among them.
    #[arg(long, value_name = "N", default_value_t = kapell_report::learn::ENOUGH, value_parser = clap::value_parser!(u64).range(2..))]
    pub(crate) after: u64,
    /// Only answers in runs that began from then on: a span until now such as `90d`, or a date.
    #[arg(long, value_name = "SPAN|DATE")]
    pub(crate) since: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Percolate {
    /// One of the flows that are found; all without it.
    pub(crate) name: Option<String>,
    /// Only calls from then on: a span until now such as `30d`, or a date.
    #[arg(long, value_name = "SPAN|DATE")]
    pub(crate) since: Option<String>,
    /// Write the flow into this file, which must not be there yet, instead of printing it.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Saying {
    /// Why; stands in the journal.
    #[arg(long)]
    pub(crate) reason: Option<String>,
    /// Minutes of your time it took; without it the tariff's estimate is used and marked.
    #[arg(long)]
    pub(crate) minutes: Option<rust_decimal::Decimal>,
    /// The digest of what you were shown, or its first 12 digits: refused when something else is asked by now.
    /// Needed as soon as a run has asked more than once.
    #[arg(long, value_name = "DIGEST")]
    pub(crate) shown: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Cost {
    /// One run; all without it.
    pub(crate) run: Option<String>,
    /// What to sum by.
    #[arg(long, value_enum, default_value = "run")]
    pub(crate) by: CostBy,
    /// Only what was charged from then on: a span until now such as `7d`, or a date.
    #[arg(long, value_name = "SPAN|DATE")]
    pub(crate) since: Option<String>,
    /// Write one line a charge into this file, as CSV that finance tools read: FOCUS 1.2.
    #[arg(long, value_name = "FILE")]
    pub(crate) focus: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Report {
    /// The flow's name.
    pub(crate) flow: String,
    /// Only runs that began from then on: a span until now such as `7d`, or a date.
    #[arg(long, value_name = "SPAN|DATE")]
    pub(crate) since: Option<String>,
    /// Write it as one page for a browser into this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum CostBy {
    Run,
    Step,
    Skill,
    Lane,
    Flow,
    Day,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Explain {
    /// A run id, a prefix only one run has, or `last`.
    pub(crate) run: String,
    /// Only this step, with all that is kept of its values.
    pub(crate) step: Option<String>,
    /// Write one page for a browser into this file, with the course of the run drawn.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// With what is private, as far as it is kept.
    #[arg(long)]
    pub(crate) private: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Dossier {
    /// A flow file (`.yaml`), as it would run now; or the name of a flow that ran here, as its newest run is pinned.
    pub(crate) flow: String,
    /// What it did only from then on: a span until now such as `90d`, or a date.
    #[arg(long, value_name = "SPAN|DATE")]
    pub(crate) since: Option<String>,
    /// Write the Markdown into this file instead of to standard output.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Write one page for a browser into this file.
    #[arg(long, value_name = "FILE", conflicts_with = "out")]
    pub(crate) html: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Completions {
    /// The shell.
    pub(crate) shell: clap_complete::Shell,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn every_verb_stands_in_one_group_of_the_help_and_no_group_is_longer_than_eight() {
        let command = Args::command();
        command.clone().debug_assert();
        let verbs = command.get_subcommands().filter(|verb| !verb.is_hide_set());
        for verb in verbs {
            let listed =
                GROUPS.lines().filter(|line| line.trim_start().split(' ').next() == Some(verb.get_name()));
            assert_eq!(listed.count(), 1, "{}", verb.get_name());
        }
        for group in GROUPS.split("\n\n") {
            assert!(group.lines().count() <= 9, "{group}");
        }
    }
}
