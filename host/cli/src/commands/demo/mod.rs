//! `demo`: what this is, measured on this machine. Five beats, one file each.
//!
//! No number and no name in the output is written down beforehand: each is read from a run, its journal or its
//! ledger, and a beat that does not come to what it is there to show ends the demo as failed.

mod changed;
mod child;
mod killed;
mod page;
mod poisoned;
mod record;
mod scene;
mod sources;
mod standard;
mod swapped;

use crate::args::{Args, Demo, DemoChild};
use crate::failure::Exit;
use page::Page;
use scene::Scene;
use std::time::Instant;

pub(crate) async fn run(args: &Args, demo: &Demo) -> anyhow::Result<Exit> {
    let sources = sources::find()?;
    let folder = scene::Folder::make(args, demo)?;
    let skills = sources::build(&sources)?;
    let started = Instant::now();
    let mut scene = Scene::set(args, &sources, folder, skills, Page::new(args.json))?;
    standard::beat(&mut scene).await?;
    changed::beat(&mut scene).await?;
    poisoned::beat(&mut scene).await?;
    killed::beat(&mut scene).await?;
    swapped::beat(&mut scene).await?;
    scene.close(started.elapsed())
}

/// One run, driven in a process of its own.
pub(crate) async fn child(args: &Args, child: &DemoChild) -> anyhow::Result<Exit> {
    child::run(args, child).await
}
