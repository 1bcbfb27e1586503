//! SHA-256, and how digests are written: 64 lower-case hex digits, in entries with `sha256:` before them.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// The SHA-256 of something.
pub(crate) type Hash = [u8; 32];

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
pub(crate) fn read(digits: &[u8]) -> Option<Hash> {
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    let mut hash = [0; 32];
    if pairs.len() != hash.len() {
        return None;
    }
    for (byte, [high, low]) in hash.iter_mut().zip(pairs) {
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(hash)
}

/// The hash an entry names.
pub(crate) fn named(text: &[u8]) -> Option<Hash> {
    read(text.strip_prefix(b"sha256:")?)
}

const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
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
        assert_eq!(read(digits.as_bytes()), Some(of(&[b"abc"])));
        assert_eq!(named(format!("sha256:{digits}").as_bytes()), Some(of(&[b"abc"])));
        for bad in ["", "ba", &digits.to_uppercase(), &digits[..63], &format!("{digits}00")] {
            assert_eq!(read(bad.as_bytes()), None, "{bad}");
        }
    }
}
