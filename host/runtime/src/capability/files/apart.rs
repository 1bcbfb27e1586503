//! Whether two granted directories have a file in common: by what they are and what they are in, and by where they lie
//! in their file system, because a mount elsewhere shows the same files under another path.
//!
//! The kernel says of every mount which part of which file system it shows (`/proc/self/mountinfo`). A directory's
//! path within its mount, behind that part, is its place, and a place has one spelling whatever is mounted where.

use super::root::{NotLent, Root, not_opened, refusal};
use kapell_model::grant::{Grant, RootIdentity};
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

/// No two grants of one skill may reach the same file: what one forbids the other would permit.
pub(super) fn check_apart(roots: &[(Grant, Root)]) -> Result<(), NotLent> {
    let known = roots.iter().map(|(grant, root)| {
        let known = Known::of(root).map_err(|cause| not_opened(grant, grant.name.as_str(), &cause));
        known.map(|known| (grant, known))
    });
    let known: Vec<(&Grant, Known)> = known.collect::<Result<_, _>>()?;
    for (index, (grant, one)) in known.iter().enumerate() {
        let others = known.iter().enumerate().filter(|(other, _)| *other != index);
        for (_, (other, its)) in others {
            let Some(how) = one.reaches(its) else { continue };
            return Err(refusal(grant, format!("it is {how} `{}` of rule {}", other.name, other.rule)).into());
        }
    }
    Ok(())
}

/// What is known of one directory.
struct Known {
    identity: RootIdentity,
    around: Vec<RootIdentity>,
    place: Option<Place>,
}

impl Known {
    fn of(root: &Root) -> io::Result<Self> {
        Ok(Self { identity: root.identity(), around: root.around()?, place: place(root)? })
    }

    /// How this directory's files are among the other's; none when they are not.
    fn reaches(&self, other: &Self) -> Option<&'static str> {
        let lies_in = self.place.as_ref().zip(other.place.as_ref()).is_some_and(|(one, its)| one.is_in(its));
        match () {
            () if other.identity == self.identity => Some("the same directory as"),
            () if self.around.contains(&other.identity) => Some("inside"),
            () if lies_in => Some("inside, through a mount,"),
            () => None,
        }
    }
}

/// Where a directory lies, whatever it is mounted as.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    /// The file system's device, as the kernel writes it.
    device: Vec<u8>,
    /// From the top of the file system, which need not be mounted anywhere.
    path: PathBuf,
}

impl Place {
    fn is_in(&self, other: &Self) -> bool {
        self.device == other.device && self.path.starts_with(&other.path)
    }

    /// The place of a directory that is at `path` in the mount of that number.
    fn find(mounts: &[u8], number: u64, path: &Path) -> Option<Self> {
        let number = number.to_string();
        let fields =
            |line: &'_ [u8]| line.split(|byte| *byte == b' ').map(<[u8]>::to_vec).collect::<Vec<_>>();
        let mut mounts = mounts.split(|byte| *byte == b'\n').map(fields);
        let mount = mounts.find(|fields| fields.first().is_some_and(|it| *it == number.as_bytes()))?;
        let [_, _, device, shown, at, ..] = mount.as_slice() else { return None };
        let below = path.strip_prefix(unescaped(at)).ok()?;
        Some(Self { device: device.clone(), path: PathBuf::from(unescaped(shown)).join(below) })
    }
}

/// The kernel writes what would end a field as a backslash and three octal digits.
fn unescaped(field: &[u8]) -> OsString {
    let (mut name, mut rest) = (Vec::with_capacity(field.len()), field);
    while let Some((first, behind)) = rest.split_first() {
        let octal = behind.get(..3).filter(|_| *first == b'\\').and_then(|digits| {
            let digits = std::str::from_utf8(digits).ok()?;
            Some((u8::from_str_radix(digits, 8).ok()?, behind.get(3..)?))
        });
        let (byte, behind) = octal.unwrap_or((*first, behind));
        name.push(byte);
        rest = behind;
    }
    OsString::from_vec(name)
}

/// Where an opened directory lies; none where the kernel numbers no mounts.
#[cfg(target_os = "linux")]
fn place(root: &Root) -> io::Result<Option<Place>> {
    let Some(number) = root.mount_number() else { return Ok(None) };
    let mounts = std::fs::read("/proc/self/mountinfo")?;
    let path = std::fs::read_link(format!("/proc/self/fd/{}", root.descriptor()))?;
    // It was opened a moment ago, so only a mount or a directory that is gone again has no place.
    let gone = || io::Error::other("where it is mounted can't be told");
    Place::find(&mounts, number, &path).ok_or_else(gone).map(Some)
}

#[cfg(not(target_os = "linux"))]
fn place(_: &Root) -> io::Result<Option<Place>> {
    Ok(None)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    const MOUNTS: &[u8] = b"\
22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda rw\n\
31 22 254:1 /srv/data/inner /mnt/again rw - ext4 /dev/vda rw\n\
32 22 254:1 /srv/two\\040words /mnt/two\\040words rw - ext4 /dev/vda rw\n\
33 22 0:41 / /mnt/other rw - tmpfs none rw\n";

    fn at(number: u64, path: &str) -> Place {
        Place::find(MOUNTS, number, Path::new(path)).unwrap()
    }

    #[test]
    fn a_place_is_the_same_whatever_it_is_mounted_as() {
        assert_eq!(at(31, "/mnt/again/deep"), at(22, "/srv/data/inner/deep"));
        assert_eq!(at(32, "/mnt/two words/x"), at(22, "/srv/two words/x"));
        assert!(at(31, "/mnt/again").is_in(&at(22, "/srv/data")));
        assert!(!at(22, "/srv/data").is_in(&at(31, "/mnt/again")));
        assert!(!at(31, "/mnt/again").is_in(&at(22, "/srv/dat")));
        assert!(!at(33, "/mnt/other/srv/data/inner").is_in(&at(22, "/")));
    }

    #[test]
    fn what_no_mount_has_has_no_place() {
        assert_eq!(Place::find(MOUNTS, 99, Path::new("/srv")), None);
        assert_eq!(Place::find(MOUNTS, 31, Path::new("/srv")), None);
        assert_eq!(Place::find(b"31 22", 31, Path::new("/srv")), None);
    }

    #[test]
    fn a_backslash_that_is_no_escape_stays() {
        assert_eq!(unescaped(br"a\134b\04\999c\"), OsStr::from_bytes(br"a\b\04\999c\"));
    }
}
