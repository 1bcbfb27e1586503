//! Writes what was learned beside the skills, and the figures into their READMEs.

use anyhow::Context as _;
use kapell_triage_train::{figures, learn};
use std::fs;
use std::path::Path;

fn main() -> anyhow::Result<()> {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let learned = learn();
    write(&plugins.join("triage-words/src/model.bin"), &learned.model.to_bytes())?;
    write(&plugins.join("triage-deep/src/weights.txt"), learned.weights.to_text().as_bytes())?;
    for (skill, told) in
        [("triage-words", figures::words(&learned)), ("triage-deep", figures::deep(&learned))]
    {
        let path = plugins.join(skill).join("README.md");
        let readme = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let (before, after) =
            figures::parted(&readme).with_context(|| format!("no figures in {}", path.display()))?;
        write(&path, format!("{before}{told}{after}").as_bytes())?;
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    fs::write(path, bytes).with_context(|| format!("write {}", path.display()))
}
