//! Files that people ask for. Nothing of anybody's is written over: a file that is there is replaced only when it begins
//! as what is written does, so that a page can be made anew and a policy can't be lost to it.

use kapell_home::{HomeError, Kind};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

/// How much of a file tells what it is.
const BEGINNING: usize = 64;
/// A first line shorter than this is many files' own.
const FIRST_LINE_MIN: usize = 16;

/// Writes a whole file.
///
/// # Errors
/// When something else is there, or it can't be written.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), HomeError> {
    may_write(path, bytes)?;
    fs::write(path, bytes).map_err(|cause| failed(path, &cause))
}

/// A place that can't hold a file is the fault of whoever named it.
fn failed(path: &Path, cause: &io::Error) -> HomeError {
    use io::ErrorKind::{InvalidFilename, IsADirectory, NotADirectory, PermissionDenied, ReadOnlyFilesystem};
    let error = HomeError::io("write", path, cause);
    match cause.kind() {
        InvalidFilename | IsADirectory | NotADirectory | PermissionDenied | ReadOnlyFilesystem => {
            HomeError { kind: Kind::Argument, ..error }
        }
        _ => error,
    }
}

/// Whether what begins so may be written there.
///
/// # Errors
/// When something else is there, or it can't be read.
pub(crate) fn may_write(path: &Path, bytes: &[u8]) -> Result<(), HomeError> {
    let mut there = match File::open(path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened.map_err(|cause| failed(path, &cause))?,
    };
    if there.metadata().is_ok_and(|found| found.is_dir()) {
        return Err(HomeError::new(Kind::Argument, format!("{} is a folder", path.display()))
            .hint("name the file that is to be written in it"));
    }
    let mark = beginning(bytes);
    let mut begins = vec![0; mark.len()];
    match there.read_exact(&mut begins) {
        Ok(()) if begins == mark => Ok(()),
        // A device holds nothing that could be lost.
        _ if is_device(&there) => Ok(()),
        _ => Err(HomeError::new(Kind::Argument, format!("{} is there already", path.display())).hint(
            "it does not begin as what would be written, and nothing is written over; choose another name",
        )),
    }
}

fn is_device(file: &File) -> bool {
    file.metadata().is_ok_and(|found| !found.is_file() && !found.is_dir())
}

/// What tells a file's kind: its first line, or more where that says little.
fn beginning(bytes: &[u8]) -> &[u8] {
    let start = bytes.get(..BEGINNING).unwrap_or(bytes);
    let line = start.iter().position(|byte| *byte == b'\n').filter(|length| *length >= FIRST_LINE_MIN);
    line.and_then(|length| start.get(..length)).unwrap_or(start)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const PAGE: &[u8] =
        b"<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>one</title>";

    #[test]
    fn a_file_is_made_and_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let page = folder.path().join("page.html");
        write(&page, PAGE).unwrap();
        let next = String::from_utf8_lossy(PAGE).replace("one", "two");
        write(&page, next.as_bytes()).unwrap();
        assert_eq!(fs::read(&page).unwrap(), next.as_bytes());
    }

    #[test]
    fn what_is_something_else_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        for there in [
            "",
            "version = 1\n",
            "<!doctype html>\n<p>of somebody else, and longer than the mark of a page is</p>",
        ] {
            let file = folder.path().join("there");
            fs::write(&file, there).unwrap();
            let refused = write(&file, PAGE).unwrap_err();
            assert_eq!(refused.kind, Kind::Argument, "{there}");
            assert_eq!(fs::read_to_string(&file).unwrap(), there);
        }
        assert_eq!(write(folder.path(), PAGE).unwrap_err().kind, Kind::Argument);
        assert!(write(folder.path(), PAGE).unwrap_err().message.ends_with("is a folder"));
        assert!(write(&folder.path().join("no/such"), PAGE).is_err());
        assert_eq!(write(&folder.path().join("there/page"), PAGE).unwrap_err().kind, Kind::Argument);
    }

    #[test]
    fn a_first_line_is_enough_where_it_says_enough() {
        let folder = tempfile::tempdir().unwrap();
        let table = folder.path().join("charges.csv");
        write(&table, b"BilledCost,BillingAccountId\n1,a\n").unwrap();
        write(&table, b"BilledCost,BillingAccountId\n2,b\n").unwrap();
        assert!(write(&table, b"BilledCost,Other,AndMore\n").is_err());
    }
}
