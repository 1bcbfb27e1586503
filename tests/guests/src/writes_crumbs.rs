//! Writes the same byte of a file of its first directory without end.
//!
//! Expected: stopped at the number of host calls an attempt may make, or at its fuel or deadline; the disk holds
//! nothing of it.

use bindings::wasi::filesystem::preopens;
use bindings::wasi::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};

kapell_guests::guest!("kapell:guests/with-files", write);

fn write(_input: String) -> Result<String, String> {
    let directories = preopens::get_directories();
    let (directory, _) = directories.first().ok_or("no directory")?;
    let file = directory
        .open_at(PathFlags::empty(), "crumb", OpenFlags::CREATE, DescriptorFlags::WRITE)
        .map_err(|code| code.name().to_owned())?;
    loop {
        file.write(b"x", 0).map_err(|code| code.name().to_owned())?;
    }
}
