//! The composition: a home is opened once, and everything a face, a test or an embedder may do hangs on one
//! [`Home`] value.
//!
//! Here the siblings meet: the store keeps, the runtime performs, the conductor drives, through the seams they share
//! from below. This crate never prints, never parses arguments, never reads the environment, and decides nothing a
//! run depends on.

mod account;
mod answers;
mod approvals;
mod authorities;
mod budgets;
mod bundle;
mod call;
mod checked;
mod clock;
mod course;
mod directories;
mod dossier;
mod each;
mod erase;
mod error;
mod evidence;
mod examined;
mod examples;
mod export;
mod flow_approvals;
mod flows;
mod gone;
mod guard;
mod home;
mod keys;
mod learning;
mod let_go;
mod locks;
mod measures;
mod models;
mod names;
mod notary;
mod percolate;
mod place;
mod policies;
mod replay;
mod review;
mod runs;
mod secrets;
mod skills;
mod small_file;
mod stop;
mod tallies;
mod trial;
mod used;
mod used_by;
mod whole;

pub use answers::{Gate, Reply, Waiting};
pub use approvals::{Approved, Approving, Drift, Revoking, SkillState};
pub use bundle::{Bundle, Hashing};
pub use checked::{At, Checked, Fault, Held};
pub use clock::SystemClock;
pub use each::{Batch, Came, Line};
pub use erase::Erased;
pub use error::{HomeError, Kind};
pub use evidence::{Consistent, Point, Proven};
pub use examined::flaws;
pub use examples::{Rehearsal, Tried, Without};
pub use export::{Exported, Exporting, Scope, Without as WithoutPart};
pub use flow_approvals::ApprovingFlow;
pub use flows::{CheckedFlow, inputs, json_or_text, some_inputs};
pub use home::{
    COMPONENT_MAX, Home, INPUT_MAX, LINE_MAX, Options, TEXT_MAX, leads_through_link, open_regular,
    read_capped, read_text,
};
pub use kapell_conductor::answer::{Given, Said, fits};
pub use kapell_conductor::drive::{Standing, Unwatched, Watcher};
pub use kapell_conductor::known::Known;
pub use kapell_conductor::program::Program;
pub use kapell_egress::{Redactor, Vault};
pub use kapell_runtime::ENGINE_VERSION as ENGINE;
pub use kapell_runtime::Walk;
pub use kapell_runtime::{CompileCaps, CompileWorker, Compiler, ServeError, serve_compiling};
pub use kapell_store::Flaw;
pub use kapell_store::{Noted, SkillEvent, What};
pub use keys::LogKey;
pub use learning::{Learned, TriedCase, cases_file, try_flow_cases};
pub use let_go::LetGo;
pub use notary::{Notary, Unsigned};
pub use percolate::{Proposal, Repeated};
pub use place::Place;
pub use policies::Verdict;
pub use replay::ReplayWish;
pub use review::Subject;
pub use runs::Finished;
pub use skills::{Added, Inspected, inspect_file};
pub use tallies::About;
pub use trial::Trial;
