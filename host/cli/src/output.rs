//! Output: data on standard output, talk on standard error. Nothing else in the house prints, so that here is where
//! the last secret is taken out.

use anyhow::Context as _;
use kapell_home::Redactor;
use serde_json::Value;
use std::borrow::Cow;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

/// Folders whose files may be quoted in error messages: those of the files the person named.
static NAMED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// The runtime all commands run on: as many workers as there are cores.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start the asynchronous runtime")
}

/// Takes out the secrets of the home that was opened.
static REDACTOR: OnceLock<Arc<Redactor>> = OnceLock::new();

/// From now on nothing that is printed holds a secret of this home.
pub(crate) fn keep_secret(redactor: Option<&Arc<Redactor>>) {
    if let Some(redactor) = redactor {
        // A process works on one home; the demo's second one has no secrets.
        let _ = REDACTOR.set(redactor.clone());
    }
}

fn clean(text: &str) -> Cow<'_, str> {
    match REDACTOR.get().and_then(|redactor| redactor.redacted_text(text)) {
        Some(clean) => Cow::Owned(clean),
        None => Cow::Borrowed(text),
    }
}

/// A defect is told like everything else: a panic's message may quote what it was working on.
pub(crate) fn tell_panics() {
    std::panic::set_hook(Box::new(|panic| {
        talk(&panic.to_string());
        let trace = std::backtrace::Backtrace::capture();
        if trace.status() == std::backtrace::BacktraceStatus::Captured {
            talk(&trace.to_string());
        }
    }));
}

/// Why standard output took no more, the first time it did not.
static UNWRITTEN: OnceLock<std::io::Error> = OnceLock::new();

/// Data for whoever called.
pub(crate) fn data(text: &str) {
    heed(writeln!(anstream::stdout(), "{}", clean(text)));
}

/// A closed pipe ends output, not the run: whoever read has what they wanted. Whatever else keeps an answer from being
/// written is told at the end, for the answer is not there.
pub(crate) fn heed(written: std::io::Result<()>) {
    if let Err(cause) = written
        && cause.kind() != std::io::ErrorKind::BrokenPipe
    {
        // The first one is the cause of all others.
        let _ = UNWRITTEN.set(cause);
    }
}

/// Why not all that was said on standard output has arrived, once there is nothing more to say.
pub(crate) fn unwritten() -> Option<&'static std::io::Error> {
    heed(std::io::stdout().flush());
    UNWRITTEN.get()
}

/// One JSON object for whoever called.
pub(crate) fn json(value: &Value) {
    data(&kapell_report::plain::json(value));
}

/// Talk to the person.
pub(crate) fn talk(text: &str) {
    let _ = writeln!(anstream::stderr(), "{}", clean(text));
}

/// Whether a person sits at both ends and can be asked.
pub(crate) fn is_conversation() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Whether data goes to a terminal, where the person sees it.
pub(crate) fn data_to_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Whether talk goes to a terminal.
pub(crate) fn talks_to_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// Whether talk may have colours: a terminal, and nobody said NO_COLOR.
pub(crate) fn colours() -> bool {
    !matches!(anstream::AutoStream::choice(&std::io::stderr()), anstream::ColorChoice::Never)
}

/// Remembers a file the person named, so that an error can quote it.
pub(crate) fn named(path: &Path) {
    if let Ok(mut named) = NAMED.lock() {
        named.push(path.to_path_buf());
    }
}

/// The text of a named file, by the short name errors call it.
pub(crate) fn source_of(name: &str) -> Option<String> {
    let named = NAMED.lock().ok()?;
    let path =
        named.iter().find(|path| path.file_name().is_some_and(|file| file.to_string_lossy() == name))?;
    kapell_home::read_text(path, kapell_home::TEXT_MAX).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use kapell_home::Vault;
    use kapell_model::policy::SecretSource;
    use std::process::Command;

    const VALUE: &str = "hunter2hunter2";
    const CHILD: &str = "KAPELL_TEST_CHILD";

    /// Run alone by the test below.
    #[test]
    fn child_that_tells_a_secret() {
        if std::env::var_os(CHILD).is_none() {
            return;
        }
        let sources = [("crm-token".parse().unwrap(), SecretSource::Environment("TOKEN".into()))];
        let vault = Vault::read_with(&sources.into(), |_| Some(VALUE.into())).unwrap();
        keep_secret(vault.redactor());
        tell_panics();
        data(&format!("data {VALUE}"));
        json(&serde_json::json!({ "json": VALUE }));
        talk(&format!("talk {VALUE}"));
        panic!("panic {VALUE}");
    }

    #[test]
    fn neither_data_nor_talk_nor_a_panic_holds_a_secret() {
        let program = std::env::current_exe().unwrap();
        let name = "output::tests::child_that_tells_a_secret";
        let told =
            Command::new(program).args(["--exact", name, "--nocapture"]).env(CHILD, "1").output().unwrap();
        let told =
            [told.stdout, told.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        assert!(!told.contains(VALUE), "{told}");
        for word in ["data", "\"json\": \"", "talk", "panic"] {
            let line = format!(
                "{}[secret crm-token]",
                if word.ends_with('"') { word.into() } else { format!("{word} ") }
            );
            assert!(told.contains(&line), "{line} in {told}");
        }
    }
}
