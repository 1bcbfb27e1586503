//! Tries every way out of the granted directory `data` it knows, below the standard library's own checks:
//! upwards, absolute, through a symbolic link it finds (`link`) or makes, by renaming and by linking. The input
//! is the name of a file beside the directory, the one it wants.
//!
//! Expected: every try is answered with an error, nothing outside is read, made, renamed or linked. The answer
//! has one line a try; a line that begins with `escaped` is a hole in the wall.

use bindings::wasi::filesystem::preopens;
use bindings::wasi::filesystem::types::{Descriptor, DescriptorFlags, ErrorCode, OpenFlags, PathFlags};

kapell_guests::guest!("kapell:guests/with-files", escape);

fn escape(input: String) -> Result<String, String> {
    let directories = preopens::get_directories();
    let (data, _) = directories.iter().find(|(_, name)| name == "/data").ok_or("no directory `/data`")?;
    let tries = [upwards(data, &input), through_links(data, &input), by_moving(data, &input)];
    let lines = tries.into_iter().flatten().map(|(try_, answer)| match answer {
        Ok(()) => format!("escaped {try_}"),
        Err(error) => format!("held {try_}: {}", error.name()),
    });
    Ok(lines.collect::<Vec<_>>().join("\n"))
}

/// What was tried, and the directory's answer.
type Try = (String, Result<(), ErrorCode>);

fn upwards(data: &Descriptor, wanted: &str) -> Vec<Try> {
    let mut tries = Vec::new();
    for path in
        [format!("../{wanted}"), format!("./../{wanted}"), format!("x/../../{wanted}"), "..".to_owned()]
    {
        tries.push((format!("read {path}"), open(data, &path)));
    }
    for path in ["/etc/passwd", "//etc/passwd", "/", "link/../../etc/passwd"] {
        tries.push((format!("read {path}"), open(data, path)));
    }
    tries.push(("create ../planted".to_owned(), create(data, "../planted")));
    tries.push(("make directory ../planted-here".to_owned(), data.create_directory_at("../planted-here")));
    tries.push((format!("remove ../{wanted}"), data.unlink_file_at(&format!("../{wanted}"))));
    tries
}

/// `link` was put there by somebody else and points outside; the others it makes itself.
fn through_links(data: &Descriptor, wanted: &str) -> Vec<Try> {
    let mut tries = vec![("read link".to_owned(), open(data, "link"))];
    for (name, target) in
        [("up", format!("../{wanted}")), ("out", "..".to_owned()), ("root", "/etc".to_owned())]
    {
        let made = data.symlink_at(&target, name);
        let behind = if name == "up" { name.to_owned() } else { format!("{name}/{wanted}") };
        tries.push((
            format!("read {behind} through a link to {target}"),
            made.and_then(|()| open(data, &behind)),
        ));
    }
    tries
}

fn by_moving(data: &Descriptor, wanted: &str) -> Vec<Try> {
    let made = create(data, "mine");
    let outside = format!("../{wanted}");
    vec![
        (
            "rename mine to ../planted".to_owned(),
            made.and_then(|()| data.rename_at("mine", data, "../planted")),
        ),
        (format!("rename {outside} to mine"), data.rename_at(&outside, data, "mine")),
        (format!("link {outside} to taken"), data.link_at(PathFlags::empty(), &outside, data, "taken")),
    ]
}

fn open(data: &Descriptor, path: &str) -> Result<(), ErrorCode> {
    data.open_at(PathFlags::SYMLINK_FOLLOW, path, OpenFlags::empty(), DescriptorFlags::READ).map(drop)
}

fn create(data: &Descriptor, path: &str) -> Result<(), ErrorCode> {
    data.open_at(PathFlags::empty(), path, OpenFlags::CREATE, DescriptorFlags::WRITE).map(drop)
}
