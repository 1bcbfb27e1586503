//! `demo`: what this is, measured on this machine.

use crate::args::{Args, Demo, DemoChild};
use crate::failure::Exit;

pub(crate) async fn run(_: &Args, _: &Demo) -> anyhow::Result<Exit> {
    Ok(Exit::Ok)
}

pub(crate) async fn child(_: &Args, _: &DemoChild) -> anyhow::Result<Exit> {
    Ok(Exit::Ok)
}
