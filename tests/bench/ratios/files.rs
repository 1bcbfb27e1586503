//! Reading a file through a grant against wasmtime-wasi's own, by the same guest.

use crate::bare_files::BareFiles;
use crate::guests;
use crate::house::{self, fixed};
use crate::rounds::{interleaved, per_unit};
use crate::step::one_thread;
use crate::table::{self, Goal};
use anyhow::{Result, ensure};
use kapell_model::capability::Access;
use kapell_model::ending::Ending;
use kapell_model::grant::{Authority, Grant};
use kapell_model::quantity::Bytes;
use kapell_model::seam::{Job, Performer};
use kapell_runtime::Runtime;
use serde_json::json;
use std::fs;
use std::path::Path;
use tokio::runtime::Runtime as Tokio;

/// The argument that asks for this group alone.
pub(crate) const GROUP: &str = "files";

const ROUNDS: usize = 15;
const CALLS: u32 = 40;
/// Bytes of the file.
const LENGTH: u32 = 1 << 20;

/// Prints the group.
pub(crate) fn print() -> Result<()> {
    let (tokio, cache, lent) = (one_thread()?, house::folder()?, house::folder()?);
    fs::write(lent.path().join("data"), vec![b'd'; LENGTH as usize])?;
    let (sandbox, guest) = (house::sandbox(cache.path())?, guests::reader()?);
    let bare = BareFiles::new(&guest, lent.path())?;
    let skill = house::install(&sandbox, "bench:reader", &guest)?.granted(vec![granted(lent.path())]);
    let job = skill.job(json!({ "rounds": 1 }));
    let [bare, ours] = interleaved(
        ROUNDS,
        [
            Box::new(|| per_unit(CALLS, || bare_reads(&tokio, &bare))),
            Box::new(|| per_unit(CALLS, || reads(&tokio, &sandbox, &job))),
        ],
    )?;
    table::group("Reading a file of 1 MiB, a fresh instance each time");
    table::shown("base: wasmtime-wasi", &table::time(bare.median()), Some(1.0));
    let ratio = ours.ratio_to(&bare);
    table::against(
        "through a grant, recorded by digest",
        &table::time(ours.median()),
        ratio,
        Goal::AtMost(1.2),
    );
    Ok(())
}

fn granted(root: &Path) -> Grant {
    let authority = Authority::Files {
        root: root.display().to_string(),
        identity: None,
        access: Access::Read,
        bytes_max: Bytes(0),
        file_max: Bytes(0),
        files_max: 0,
    };
    Grant { name: fixed("it"), rule: fixed("it"), authority }
}

fn bare_reads(tokio: &Tokio, bare: &BareFiles) -> Result<()> {
    tokio.block_on(async {
        for _ in 0..CALLS {
            ensure!(bare.read().await? == LENGTH, "the file was cut");
        }
        Ok(())
    })
}

fn reads(tokio: &Tokio, sandbox: &Runtime, job: &Job) -> Result<()> {
    tokio.block_on(async {
        for _ in 0..CALLS {
            let attempt = sandbox.perform(job.clone()).await?;
            ensure!(attempt.ending == Ending::Output(json!(LENGTH)), "ended as {:?}", attempt.ending);
        }
        Ok(())
    })
}
