//! The demo's scene: a folder of its own with a copy of the onboarding, and a home with the skills in it.

use super::page::Page;
use super::sources::{LET_IT_TRY, Skills, Sources};
use crate::args::{Args, Demo};
use crate::compiling::options;
use crate::failure::Exit;
use crate::output;
use crate::session::{self, Session};
use kapell_home::{Added, Finished, Home, HomeError, Kind, Place};
use kapell_workshop::Built;
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// When the sample contracts are said to have come in; stands in the invitations.
pub(super) const RECEIVED: &str = "2026-02-16T09:00:00Z";

/// What the beats share.
pub(super) struct Scene {
    pub(super) page: Page,
    pub(super) session: Session,
    /// Time spent waiting for the viewer.
    pub(super) asked: Duration,
    skills: Skills,
    let_it_try: String,
    // Last, so that the home is closed before its folder goes.
    folder: Folder,
}

/// The demo's own folder.
pub(super) enum Folder {
    /// It goes with the demo, unless a run waits in it.
    Temporary(TempDir),
    /// The viewer wants it.
    Kept(PathBuf),
}

/// Something the demo is there to show did not happen.
pub(super) fn surprise(words: String) -> anyhow::Error {
    let error = HomeError::new(Kind::Internal, format!("the demo did not come out as it should: {words}"));
    error
        .hint("look into its folder: run it again with --keep DIR, then `kapell --home DIR runs list`")
        .into()
}

impl Folder {
    /// Makes it; a folder with something in it is nobody's to fill.
    pub(super) fn make(args: &Args, demo: &Demo) -> anyhow::Result<Self> {
        if args.home.is_some() {
            let error = HomeError::new(Kind::Argument, "the demo makes a home of its own and takes none");
            return Err(error.hint("`--keep DIR` says where").into());
        }
        let Some(folder) = &demo.keep else {
            let made = tempfile::Builder::new().prefix("kapell-demo-").tempdir();
            return Ok(Self::Temporary(
                made.map_err(|cause| HomeError::io("make a folder in", &std::env::temp_dir(), &cause))?,
            ));
        };
        let failed = |cause: std::io::Error| HomeError::io("make the folder", folder, &cause);
        fs::create_dir_all(folder).map_err(failed)?;
        match fs::read_dir(folder).map_err(failed)?.next() {
            None => Ok(Self::Kept(folder.clone())),
            Some(_) => {
                let error = HomeError::new(Kind::Argument, format!("{} is not empty", folder.display()));
                Err(error.hint("the demo fills a folder of its own: name one that is not there yet").into())
            }
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Temporary(folder) => folder.path(),
            Self::Kept(folder) => folder,
        }
    }
}

impl Scene {
    /// Copies the texts, opens the home and installs the skills.
    pub(super) fn set(
        args: &Args,
        sources: &Sources,
        folder: Folder,
        skills: Skills,
        page: Page,
    ) -> anyhow::Result<Self> {
        sources.copy_to(folder.path())?;
        let out = folder.path().join("out");
        fs::create_dir(&out).map_err(|cause| HomeError::io("make the folder", &out, &cause))?;
        let home = Home::open(Place::at(folder.path())?, options())?;
        let program = session::program(Some(&home.place.root), args.user.as_deref());
        let (home, user, under_way) = (Arc::new(home), session::user(args)?, Arc::default());
        let session = Session { home, user, json: args.json, program, under_way };
        let let_it_try = sources.read(LET_IT_TRY)?;
        let scene = Self { page, session, asked: Duration::ZERO, skills, let_it_try, folder };
        for built in &scene.skills.house {
            scene.install(built)?;
        }
        Ok(scene)
    }

    /// The demo's folder, by its real path.
    pub(super) fn root(&self) -> &Path {
        &self.session.home.place.root
    }

    /// Whether the viewer can be asked.
    pub(super) fn may_ask(&self) -> bool {
        !self.session.json && output::is_conversation()
    }

    /// Runs the onboarding of one contract until it waits or is over.
    pub(super) async fn onboard(&self, contract: &str) -> anyhow::Result<Finished> {
        let inputs = json!({ "contract": self.contract(contract)?, "received": RECEIVED });
        self.run("onboarding.yaml", inputs).await
    }

    /// Runs a flow of the demo's folder.
    pub(super) async fn run(&self, flow: &str, inputs: serde_json::Value) -> anyhow::Result<Finished> {
        let flow = self.root().join(flow);
        output::named(&flow);
        let home = &self.session.home;
        Ok(home.run(home.check_flow(&flow)?, inputs, &self.session.user).await?)
    }

    /// The text of a contract.
    pub(super) fn contract(&self, name: &str) -> anyhow::Result<String> {
        let path = self.root().join("contracts").join(name);
        Ok(fs::read_to_string(&path).map_err(|cause| HomeError::io("read", &path, &cause))?)
    }

    fn install(&self, built: &Built) -> Result<Added, HomeError> {
        tokio::task::block_in_place(|| self.session.home.add(&built.folder, &built.bytes, &self.session.user))
    }

    /// Adds the newer version of a skill.
    pub(super) fn install_newer(&self) -> Result<Added, HomeError> {
        self.install(&self.skills.newer)
    }

    /// Adds the poisoned build, and takes it out of use again: only a flow that names its version gets it.
    pub(super) fn install_poisoned(&self) -> Result<Added, HomeError> {
        let added = self.install(&self.skills.poisoned)?;
        if let Some(before) = &added.before {
            self.session.home.use_version(&added.skill.pin.name, before, &self.session.user)?;
        }
        Ok(added)
    }

    /// Adds to the policy what lets the poisoned build be loaded, and opens the home with it.
    pub(super) fn let_it_try(&mut self) -> anyhow::Result<()> {
        let place = self.session.home.place.clone();
        let path = place.policy();
        let failed = |doing: &str, cause: std::io::Error| HomeError::io(doing, &path, &cause);
        let policy = fs::read_to_string(&path).map_err(|cause| failed("read", cause))?;
        fs::write(&path, policy + &self.let_it_try).map_err(|cause| failed("write", cause))?;
        output::named(&path);
        self.session.home = Arc::new(Home::open(place, options())?);
        Ok(())
    }

    /// The last words: what was real, how long it took, and what stays.
    pub(super) fn close(self, took: Duration) -> anyhow::Result<Exit> {
        let waits = !self.session.home.gates()?.is_empty();
        let machine = took.saturating_sub(self.asked);
        drop(self.session);
        let stays = match (self.folder, waits) {
            (Folder::Kept(folder), _) => format!("Everything is in {}.", folder.display()),
            (Folder::Temporary(folder), true) => {
                let kept = folder.keep().display().to_string();
                format!("{kept} stays, because a run waits in it; remove it when you are done.")
            }
            (Folder::Temporary(_), false) => "Its folder is gone again.".into(),
        };
        let words = [
            "Real: skills built from source, their sandbox, the limits, the kill, the journal; every number above was measured.".into(),
            "Not real: companies, people and prices are examples. Letters and invitations are files: nothing is sent.".into(),
            format!("{}.{} s of machine time after the build. {stays}", machine.as_secs(), machine.subsec_millis() / 100),
        ];
        self.page.close(&words, machine);
        Ok(Exit::Ok)
    }
}
