//! A home looked over for damage, file by file: what is wrong, where, and what puts it right.
//!
//! The files are looked at without opening the home, so that damage is named even where it keeps the home from being opened.
//! What the evidence says of entries and of runs is checked in `whole`; here is what stands beside it.

use crate::error::HomeError;
use crate::home::Home;
use crate::place::Place;
use crate::skills::inspect_file;
use kapell_store::{Flaw, Installed};
use std::path::Path;

const FORM: &str =
    "nothing needs to be done, it is made again when it is used; if it happens again, look at the disk";

/// Every file of a home that is damaged, and the home's folder when nothing can be written to it.
#[must_use]
pub fn flaws(place: &Place) -> Vec<Flaw> {
    let folder = place.folder();
    let mut flaws = kapell_store::flaws(&folder);
    let words = "is not what the compiler answered";
    let form = |file| Flaw { file, words: words.into(), mend: FORM, is_damage: false };
    flaws.extend(kapell_runtime::damaged_forms(&folder.join("compiled")).into_iter().map(form));
    flaws
}

impl Home {
    /// Installed skills of which something else is kept than their bytes say, one line each.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn skills_apart(&self) -> Result<Vec<String>, HomeError> {
        Ok(self.skills()?.iter().filter_map(|installed| self.skill_apart(installed)).collect())
    }

    fn skill_apart(&self, installed: &Installed) -> Option<String> {
        let pin = &installed.skill.pin;
        let told = |what: String| Some(format!("{} {}: {what}", pin.name, pin.version));
        let bytes = match self.component(&pin.component) {
            Ok(bytes) => bytes,
            Err(error) => return told(error.message),
        };
        match inspect_file(Path::new(&installed.source), &bytes) {
            Ok(inspected) if inspected.skill == *installed.skill => None,
            Ok(_) => told("what is kept of it is not what its bytes say".into()),
            Err(error) => told(error.message),
        }
    }
}
