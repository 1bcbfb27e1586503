//! Misbehaving guests, met by a whole home: what each is answered, what its attempt leaves, what it can't touch.
//!
//! Every program under `tests/guests` is called here through [`kapell_home::Home`], with a manifest inside its bytes
//! and a policy beside the home, so that asks, grants, limits, journal and writes go the way they go for a skill.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed assumption must fail the test"
)]

mod broken_files;
mod company;
mod determinism;
mod each_limit;
mod endings;
mod files;
mod grants;
mod http;
mod inference;
mod keyvalue;
mod limits;
mod poisoned;
mod record;
pub(crate) mod server;
mod sockets;
pub(crate) mod stage;

use std::fs;
use std::path::Path;

/// The rows of bad input are only as good as the guests that are called.
#[test]
fn every_guest_is_called_by_a_test() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folders = ["tests/e2e/guests", "tests/e2e/hostile"].map(|folder| repository.join(folder));
    let files = folders.iter().flat_map(|folder| names(folder).into_iter().map(|name| folder.join(name)));
    let called: String = files.map(|file| fs::read_to_string(file).unwrap()).collect();
    let guests = names(&repository.join("tests/guests/src"));
    assert!(guests.len() > 30, "the guests have moved");
    let is_called = |guest: &str| {
        let spelled = [format!("\"{guest}\""), format!("\"call {guest}\""), format!("\"call {guest} ")];
        spelled.iter().any(|call| called.contains(call))
    };
    let uncalled: Vec<_> = guests
        .iter()
        .map(|file| file.trim_end_matches(".rs"))
        .filter(|guest| *guest != "lib" && !is_called(guest))
        .collect();
    assert_eq!(uncalled, [""; 0], "guests without a test");
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}
