//! SHA-256, and how digests are written: 64 lower-case hex digits, in entries with `sha256:` before them; and tables by
//! them.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hasher};

/// The SHA-256 of something.
pub(crate) type Hash = [u8; 32];

/// A table whose keys somebody else wrote.
pub(crate) type Map<K, V> = HashMap<K, V, Sowing>;
/// A set of them.
pub(crate) type Set<K> = HashSet<K, Sowing>;

/// Spreads keys over a table, eight bytes at a time: each eight and what is there so far are multiplied with a factor that
/// nobody knows beforehand, and both halves of that are laid over each other. Whoever wrote the keys can't choose where they go.
#[derive(Clone)]
pub(crate) struct Sowing(u64);

impl Default for Sowing {
    fn default() -> Self {
        Self(RandomState::new().hash_one(0_u8) | 1)
    }
}

impl BuildHasher for Sowing {
    type Hasher = Sown;
    fn build_hasher(&self) -> Sown {
        Sown { factor: self.0, so_far: 0 }
    }
}

/// A key on its way.
pub(crate) struct Sown {
    factor: u64,
    so_far: u64,
}

impl Hasher for Sown {
    fn write(&mut self, bytes: &[u8]) {
        let (eights, rest) = bytes.as_chunks::<8>();
        eights.iter().for_each(|eight| self.write_u64(u64::from_le_bytes(*eight)));
        if !rest.is_empty() {
            let rest = rest.iter().fold(rest.len() as u64, |sum, byte| sum << 8 | u64::from(*byte));
            self.write_u64(rest);
        }
    }

    fn write_u8(&mut self, number: u8) {
        self.write_u64(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        let wide = u128::from(self.so_far ^ number ^ self.factor) * u128::from(self.factor);
        self.so_far = (wide >> 64) as u64 ^ wide as u64;
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    // Which folder, or which kind of keeper or claim.
    fn write_isize(&mut self, number: isize) {
        self.so_far ^= number.unsigned_abs() as u64;
    }

    fn finish(&self) -> u64 {
        self.so_far
    }
}

/// The hash of some pieces in a row.
pub(crate) fn of(pieces: &[&[u8]]) -> Hash {
    pieces.iter().fold(Sha256::new(), |hasher, piece| hasher.chain_update(piece)).finalize().into()
}

/// The commitment to some bytes under a salt: HMAC-SHA256 (RFC 2104), the salt its key.
pub(crate) fn commitment(salt: &[u8; 32], bytes: &[u8]) -> Option<Hash> {
    let keyed = Hmac::<Sha256>::new_from_slice(salt).ok()?;
    Some(keyed.chain_update(bytes).finalize().into_bytes().into())
}

/// Its 64 digits.
pub(crate) fn hex(hash: &Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The hash of 64 digits; none for anything else.
pub(crate) fn read(digits: &str) -> Option<Hash> {
    let digits: &[u8; 64] = digits.as_bytes().try_into().ok()?;
    let values = digits.map(nibble);
    let (pairs, _) = values.as_chunks::<2>();
    let mut hash = [0; 32];
    hash.iter_mut().zip(pairs).for_each(|(byte, [high, low])| *byte = high << 4 | low & 15);
    let odd = values.iter().fold(0, |odd, value| odd | value);
    (odd < 16).then_some(hash)
}

/// The hash an entry names.
pub(crate) fn named(text: &str) -> Option<Hash> {
    read(text.strip_prefix("sha256:")?)
}

/// What a digit stands for; 16 for what is none.
const fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => 16,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn a_digest_has_one_spelling() {
        let digits = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hex(&of(&[b"a", b"bc"])), digits);
        assert_eq!(read(digits), Some(of(&[b"abc"])));
        assert_eq!(named(&format!("sha256:{digits}")), Some(of(&[b"abc"])));
        for bad in ["", "ba", &digits.to_uppercase(), &digits[..63], &format!("{digits}00")] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
