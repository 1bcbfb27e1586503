//! The file around a bundle: POSIX ustar, in the one spelling a bundle has. Nothing in it can be another byte: a header
//! is what its name and size make of it, what fills a block is zero, and two empty blocks end the file.
//!
//! Any program that reads tar unpacks it; this reader takes no other tar.

use std::io::{self, Read};

const BLOCK: usize = 512;
/// Most bytes of one member: a component has at most 64 MiB.
const MEMBER_MAX: u64 = 64 << 20;
/// Most members of a bundle.
const MEMBERS_MAX: u64 = 1 << 18;

/// A file in the file.
pub(crate) struct Member<'t> {
    pub(crate) name: String,
    pub(crate) bytes: &'t [u8],
}

/// Why there is no next member.
#[derive(Debug)]
pub(crate) enum Stop {
    /// It can't be read at all.
    Io(io::Error),
    /// What is read is not as a bundle is, from this byte on.
    Broken(u64, String),
}

/// Reads members one after the other, each into the place of the one before.
pub(crate) struct Tar<R> {
    from: R,
    at: u64,
    members: u64,
    member: Vec<u8>,
}

impl<R: Read> Tar<R> {
    pub(crate) const fn new(from: R) -> Self {
        Self { from, at: 0, members: 0, member: Vec::new() }
    }

    /// The next member; none at the end of the file.
    pub(crate) fn member(&mut self) -> Result<Option<Member<'_>>, Stop> {
        let begins = self.at;
        let header: [u8; BLOCK] = self.block()?;
        if header == [0; BLOCK] {
            return self.end().map(|()| None);
        }
        let (name, size) =
            said(&header).ok_or_else(|| broken(begins, "no header of a file in it stands here"))?;
        if let Some(at) = header.iter().zip(written(&name, size)).position(|(read, written)| *read != written)
        {
            return Err(broken(begins + at as u64, "this byte of a header is not as it must be"));
        }
        self.members += 1;
        if size > MEMBER_MAX || self.members > MEMBERS_MAX {
            return Err(broken(begins, "it is larger than a bundle may be"));
        }
        let (at, filled) = (self.at, size.next_multiple_of(BLOCK as u64));
        self.bytes(filled)?;
        let (bytes, fills) = self.member.split_at(usize::try_from(size).unwrap_or_default());
        match fills.iter().position(|byte| *byte != 0) {
            Some(odd) => Err(broken(at + size + odd as u64, "there is something where a block is filled up")),
            None => Ok(Some(Member { name, bytes })),
        }
    }

    fn end(&mut self) -> Result<(), Stop> {
        let at = self.at;
        if self.block()? != [0; BLOCK] {
            return Err(broken(at, "one empty block alone does not end it"));
        }
        let at = self.at;
        match self.from.read(&mut [0]).map_err(Stop::Io)? {
            0 => Ok(()),
            _ => Err(broken(at, "something follows its end")),
        }
    }

    fn block(&mut self) -> Result<[u8; BLOCK], Stop> {
        self.bytes(BLOCK as u64)?;
        self.member.as_slice().try_into().map_err(|_| broken(self.at, "it ends here, before its end"))
    }

    /// So many bytes. Memory is taken as they come, not as somebody says that they will.
    fn bytes(&mut self, count: u64) -> Result<(), Stop> {
        self.member.clear();
        let read = (&mut self.from).take(count).read_to_end(&mut self.member).map_err(Stop::Io)? as u64;
        self.at += read;
        if read < count { Err(broken(self.at, "it ends here, before its end")) } else { Ok(()) }
    }
}

fn broken(at: u64, why: &str) -> Stop {
    Stop::Broken(at, why.into())
}

/// Name and size a header states.
fn said(header: &[u8; BLOCK]) -> Option<(String, u64)> {
    let name = header.get(..100)?.split(|byte| *byte == 0).next()?;
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"./-".contains(byte);
    let name = std::str::from_utf8(name)
        .ok()
        .filter(|name| !name.is_empty() && name.bytes().all(|it| plain(&it)))?;
    let size = std::str::from_utf8(header.get(124..135)?).ok()?;
    Some((name.to_owned(), u64::from_str_radix(size, 8).ok()?))
}

/// The header of a file: nobody's, readable, from no time.
pub(crate) fn written(name: &str, size: u64) -> [u8; BLOCK] {
    let mut header = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| {
        if let Some(place) = header.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    };
    put(0, name.as_bytes());
    put(100, b"0000644\x000000000\x000000000\0");
    put(124, format!("{size:011o}\x0000000000000\0        0").as_bytes());
    put(257, b"ustar\x0000");
    let sum: u32 = header.iter().copied().map(u32::from).sum();
    if let Some(place) = header.get_mut(148..156) {
        place.copy_from_slice(format!("{sum:07o}\0").as_bytes());
    }
    header
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;

    fn file(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut file = Vec::new();
        for (name, bytes) in members {
            file.extend_from_slice(&written(name, bytes.len() as u64));
            file.extend_from_slice(bytes);
            file.resize(file.len().next_multiple_of(BLOCK), 0);
        }
        file.resize(file.len() + 2 * BLOCK, 0);
        file
    }

    fn read(file: &[u8]) -> Result<Vec<(String, Vec<u8>)>, String> {
        let (mut tar, mut members) = (Tar::new(file), Vec::new());
        loop {
            match tar.member() {
                Ok(Some(member)) => members.push((member.name, member.bytes.to_vec())),
                Ok(None) => return Ok(members),
                Err(Stop::Broken(at, why)) => return Err(format!("{at}: {why}")),
                Err(Stop::Io(cause)) => return Err(cause.to_string()),
            }
        }
    }

    #[test]
    fn members_read_back() {
        let members = [("a", &b"one"[..]), ("b/c.txt", b""), ("d", &[7; BLOCK])];
        let read = read(&file(&members)).unwrap();
        let written: Vec<_> =
            members.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect();
        assert_eq!(read, written);
    }

    #[test]
    fn no_byte_but_of_names_and_contents_can_be_another() {
        let whole = file(&[("name", b"content")]);
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            let of_value = (0..4).contains(&at) || (BLOCK..BLOCK + 7).contains(&at);
            let read = read(&changed);
            assert!(read.is_err() || of_value && !(0..4).contains(&at), "byte {at}: {read:?}");
        }
        for length in 0..whole.len() {
            assert!(read(&whole[..length]).is_err(), "cut off after {length}");
        }
        assert_eq!(read(&[whole.as_slice(), b"x"].concat()).unwrap_err(), "2048: something follows its end");
    }

    #[test]
    fn a_size_that_is_a_lie_takes_no_memory() {
        let huge = written("a", MEMBER_MAX).to_vec();
        assert_eq!(read(&huge).unwrap_err(), "512: it ends here, before its end");
        let larger = written("a", MEMBER_MAX + 1).to_vec();
        assert_eq!(read(&larger).unwrap_err(), "0: it is larger than a bundle may be");
    }
}
