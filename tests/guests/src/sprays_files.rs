//! Opens the file named by the input in its first directory without end and closes none.
//!
//! Expected: stopped at the number of handles an attempt may hold, and the ending says handles.

use bindings::wasi::filesystem::preopens;
use bindings::wasi::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};

kapell_guests::guest!("kapell:guests/with-files", spray);

fn spray(input: String) -> Result<String, String> {
    let directories = preopens::get_directories();
    let (directory, _) = directories.first().ok_or("no directory")?;
    loop {
        let opened = directory.open_at(PathFlags::empty(), &input, OpenFlags::empty(), DescriptorFlags::READ);
        std::mem::forget(opened.map_err(|code| code.name().to_owned())?);
    }
}
