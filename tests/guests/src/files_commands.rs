//! Does one thing after another to its directories, below the standard library's own checks. The input has one
//! command a line: a word, then paths and numbers, where `%20` stands for a space and `%0A` for a line break. A path
//! is below `/data`, the first directory, or begins with the name of another one and a colon: `second:a.txt`.
//! `in` opens a directory that the paths of all later commands are below, `as` says what for.
//!
//! Expected: one answer a line: `ok`, what was read, or the code of the refusal; the host lives, and nothing but
//! what the grant permits is read or changed.

use bindings::wasi::filesystem::preopens;
use bindings::wasi::filesystem::types::{
    Descriptor, DescriptorFlags, ErrorCode, NewTimestamp, OpenFlags, PathFlags,
};

kapell_guests::guest!("kapell:guests/with-files", run);

type Done = Result<String, ErrorCode>;

const NONE: OpenFlags = OpenFlags::empty();
const FOLLOW: PathFlags = PathFlags::SYMLINK_FOLLOW;

fn run(input: String) -> Result<String, String> {
    let mut desk = Desk { directories: preopens::get_directories(), inner: None };
    let mut answers = Vec::new();
    for line in input.lines() {
        let words: Vec<String> = line.split(' ').map(decoded).collect::<Result<_, _>>()?;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let done = desk.does(&words).ok_or_else(|| format!("no such command: {line}"))?;
        answers.push(done.unwrap_or_else(|code| code.name().to_owned()));
    }
    Ok(answers.join("\n"))
}

/// What a guest has to work on.
struct Desk {
    directories: Vec<(Descriptor, String)>,
    /// What `in` opened.
    inner: Option<Descriptor>,
}

impl Desk {
    /// None for what is no command.
    fn does(&mut self, words: &[&str]) -> Option<Done> {
        if let ["in", path, what_for] = words {
            let (base, path) = self.at(path)?;
            let opened = base.open_at(FOLLOW, path, OpenFlags::DIRECTORY, flags(what_for)?);
            return Some(opened.map(|opened| {
                self.inner = Some(opened);
                "ok".to_owned()
            }));
        }
        self.reads(words).or_else(|| self.writes(words)).or_else(|| self.changes(words))
    }

    fn reads(&self, words: &[&str]) -> Option<Done> {
        let (base, path) = self.at(words.get(1)?)?;
        Some(match words {
            ["read", _] => opened(base, path, NONE, DescriptorFlags::READ)
                .and_then(|file| text(file.read(1 << 16, 0)?.0)),
            ["read-stream", _] => {
                opened(base, path, NONE, DescriptorFlags::READ).and_then(|file| streamed(&file))
            }
            ["stat", _] => base.stat_at(FOLLOW, path).map(|stat| format!("{:?} {}", stat.type_, stat.size)),
            ["look", _] => {
                base.stat_at(PathFlags::empty(), path).map(|stat| format!("{:?} {}", stat.type_, stat.size))
            }
            ["list", _] => {
                opened(base, path, OpenFlags::DIRECTORY, DescriptorFlags::READ).and_then(|dir| names(&dir))
            }
            ["readlink", _] => base.readlink_at(path),
            ["hash", _] => base.metadata_hash_at(FOLLOW, path).map(|_| "ok".to_owned()),
            ["open", _, how, what_for] => done(opened(base, path, opening(how)?, flags(what_for)?)),
            _ => return None,
        })
    }

    fn writes(&self, words: &[&str]) -> Option<Done> {
        let (base, path) = self.at(words.get(1)?)?;
        let writer = |how| opened(base, path, how, DescriptorFlags::WRITE);
        Some(match words {
            ["write", _, text] => done(
                writer(OpenFlags::CREATE | OpenFlags::TRUNCATE)
                    .and_then(|file| file.write(text.as_bytes(), 0)),
            ),
            ["patch", _, text, offset] => {
                done(writer(NONE).and_then(|file| file.write(text.as_bytes(), offset.parse().unwrap_or(0))))
            }
            ["write-as-reader", _, text] => done(
                opened(base, path, NONE, DescriptorFlags::READ)
                    .and_then(|file| file.write(text.as_bytes(), 0)),
            ),
            ["write-stream", _, text] => done(writer(NONE).and_then(|file| put(&file, text, false))),
            ["append-stream", _, text] => done(writer(NONE).and_then(|file| put(&file, text, true))),
            ["append-stream-as-reader", _, text] => {
                done(opened(base, path, NONE, DescriptorFlags::READ).and_then(|file| put(&file, text, true)))
            }
            ["set-size", _, size] => {
                done(writer(OpenFlags::CREATE).and_then(|file| file.set_size(size.parse().unwrap_or(0))))
            }
            ["set-size-as-reader", _, size] => done(
                opened(base, path, NONE, DescriptorFlags::READ)
                    .and_then(|file| file.set_size(size.parse().unwrap_or(0))),
            ),
            ["set-times-as-reader", _] => done(
                opened(base, path, NONE, DescriptorFlags::READ)
                    .and_then(|file| file.set_times(NewTimestamp::Now, NewTimestamp::Now)),
            ),
            ["sync-as-reader", _] => done(
                opened(base, path, NONE, DescriptorFlags::READ)
                    .and_then(|file| file.sync().and_then(|()| file.sync_data())),
            ),
            _ => return None,
        })
    }

    fn changes(&self, words: &[&str]) -> Option<Done> {
        let (base, path) = self.at(words.get(1)?)?;
        Some(match words {
            ["make-directory", _] => done(base.create_directory_at(path)),
            // A tree as deep as it is said, one directory in the other.
            ["make-directories", _, depth] => self.deeper(base, path, depth.parse().ok()?),
            // So many files, each empty.
            ["make-files", _, number] => done((0..number.parse::<u32>().ok()?).try_for_each(|number| {
                opened(base, &format!("{path}{number}"), OpenFlags::CREATE, DescriptorFlags::WRITE).map(drop)
            })),
            ["remove-directory", _] => done(base.remove_directory_at(path)),
            ["remove", _] => done(base.unlink_file_at(path)),
            ["set-times", _] => done(base.set_times_at(FOLLOW, path, NewTimestamp::Now, NewTimestamp::Now)),
            ["symlink", _, target] => done(base.symlink_at(target, path)),
            ["link", _, new] => {
                self.at(new).map(|(to, new)| done(base.link_at(PathFlags::empty(), path, to, new)))?
            }
            ["rename", _, new] => self.at(new).map(|(to, new)| done(base.rename_at(path, to, new)))?,
            _ => return None,
        })
    }

    fn deeper(&self, base: &Descriptor, name: &str, depth: usize) -> Done {
        let mut path = String::new();
        for _ in 0..depth {
            path = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
            base.create_directory_at(&path)?;
        }
        Ok("ok".to_owned())
    }

    /// The directory a path of a command is below, and the path.
    fn at<'a>(&self, said: &'a str) -> Option<(&Descriptor, &'a str)> {
        let named = said.split_once(':').and_then(|(name, path)| {
            let found =
                self.directories.iter().find(|(_, directory)| directory.strip_prefix('/') == Some(name));
            found.map(|(directory, _)| (directory, path))
        });
        let first =
            || self.inner.as_ref().or_else(|| self.directories.first().map(|(directory, _)| directory));
        named.or_else(|| first().map(|directory| (directory, said)))
    }
}

fn opened(
    base: &Descriptor,
    path: &str,
    how: OpenFlags,
    what_for: DescriptorFlags,
) -> Result<Descriptor, ErrorCode> {
    base.open_at(FOLLOW, path, how, what_for)
}

fn done<T>(result: Result<T, ErrorCode>) -> Done {
    result.map(|_| "ok".to_owned())
}

fn text(bytes: Vec<u8>) -> Done {
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn streamed(file: &Descriptor) -> Done {
    let stream = file.read_via_stream(0)?;
    let mut bytes = Vec::new();
    while let Ok(more) = stream.blocking_read(1 << 16) {
        bytes.extend(more);
    }
    text(bytes)
}

fn put(file: &Descriptor, text: &str, at_the_end: bool) -> Result<(), ErrorCode> {
    let stream = if at_the_end { file.append_via_stream()? } else { file.write_via_stream(0)? };
    stream.blocking_write_and_flush(text.as_bytes()).map_err(|_| ErrorCode::Io)
}

fn names(directory: &Descriptor) -> Done {
    let entries = directory.read_directory()?;
    let mut names = Vec::new();
    while let Some(entry) = entries.read_directory_entry()? {
        names.push(entry.name);
    }
    Ok(names.join(" "))
}

fn opening(how: &str) -> Option<OpenFlags> {
    how.split('+').try_fold(NONE, |all, one| {
        Some(
            all | match one {
                "plain" => NONE,
                "create" => OpenFlags::CREATE,
                "directory" => OpenFlags::DIRECTORY,
                "exclusive" => OpenFlags::EXCLUSIVE,
                "truncate" => OpenFlags::TRUNCATE,
                _ => return None,
            },
        )
    })
}

fn flags(what_for: &str) -> Option<DescriptorFlags> {
    what_for.split('+').try_fold(DescriptorFlags::empty(), |all, one| {
        Some(
            all | match one {
                "nothing" => DescriptorFlags::empty(),
                "read" => DescriptorFlags::READ,
                "write" => DescriptorFlags::WRITE,
                "mutate" => DescriptorFlags::MUTATE_DIRECTORY,
                _ => return None,
            },
        )
    })
}

/// A word with `%XX` for the bytes that would end it.
fn decoded(word: &str) -> Result<String, String> {
    let mut bytes = Vec::new();
    let mut rest = word.bytes();
    while let Some(byte) = rest.next() {
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
        bytes.push(match byte {
            b'%' => match (digit(), digit()) {
                (Some(high), Some(low)) => (high * 16 + low) as u8,
                _ => return Err(format!("`{word}` has a `%` without two digits")),
            },
            byte => byte,
        });
    }
    String::from_utf8(bytes).map_err(|_| format!("`{word}` is no UTF-8 text"))
}
