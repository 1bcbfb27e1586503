//! The Merkle tree over a log's entries (RFC 6962, section 2.1; SHA-256): roots that grow with each leaf, and the two
//! proofs, each read from the top down as the standard defines it.

use crate::digest::{self, Hash};

/// The hash of an entry as a leaf.
pub(crate) fn leaf(bytes: &[u8]) -> Hash {
    digest::of(&[&[0], bytes])
}

fn node(left: &Hash, right: &Hash) -> Hash {
    digest::of(&[&[1], left, right])
}

/// How many of `size` leaves, two or more, stand on the left: the largest power of two below.
const fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// A tree that leaves are put to, one after the other: the roots of its whole subtrees, the largest first.
#[derive(Clone, Default)]
pub(crate) struct Growing {
    size: u64,
    whole: Vec<Hash>,
}

/// More leaves than any log has; sums with it still fit.
const SIZE_MAX: u64 = 1 << 53;

impl Growing {
    /// A tree of so many leaves, by the roots of its whole subtrees; none when there are not as many as it must have, or
    /// more leaves than any log has.
    pub(crate) fn from(size: u64, whole: Vec<Hash>) -> Option<Self> {
        (size <= SIZE_MAX && whole.len() == size.count_ones() as usize).then_some(Self { size, whole })
    }

    /// How many leaves it has.
    pub(crate) const fn size(&self) -> u64 {
        self.size
    }

    /// Puts the next leaf to it.
    pub(crate) fn push(&mut self, leaf: Hash) {
        let (mut hash, mut below) = (leaf, self.size);
        while below & 1 == 1 {
            let Some(left) = self.whole.pop() else { return };
            hash = node(&left, &hash);
            below >>= 1;
        }
        self.whole.push(hash);
        self.size += 1;
    }

    /// The root over all leaves so far.
    pub(crate) fn root(&self) -> Hash {
        let mut whole = self.whole.iter().rev();
        match whole.next() {
            Some(last) => whole.fold(*last, |right, left| node(left, &right)),
            None => digest::of(&[]),
        }
    }
}

/// The root that a leaf at its place leads to by the hashes beside its way up, from the bottom; none when they are too
/// few or too many.
pub(crate) fn included(leaf: &Hash, index: u64, size: u64, beside: &[Hash]) -> Option<Hash> {
    match size {
        _ if index >= size => None,
        1 => beside.is_empty().then_some(*leaf),
        _ => {
            let ((top, rest), left) = (beside.split_last()?, split(size));
            Some(match index < left {
                true => node(&included(leaf, index, left, rest)?, top),
                false => node(top, &included(leaf, index - left, size - left, rest)?),
            })
        }
    }
}

/// Whether the tree of `new` leaves only adds to the tree of `old` leaves.
pub(crate) fn is_consistent(old: (u64, &Hash), new: (u64, &Hash), shown: &[Hash]) -> bool {
    let led_to = match old.0 {
        // Everything adds to nothing.
        0 => (shown.is_empty() && *old.1 == digest::of(&[])).then_some((*old.1, *new.1)),
        size if size > new.0 => None,
        size => both(size, new.0, Some(old.1), shown),
    };
    led_to == Some((*old.1, *new.1))
}

/// The roots of the first `old` and of all `size` leaves of a subtree. The old one is known beforehand while the subtree
/// begins where the log does; any other must be shown.
fn both(old: u64, size: u64, known: Option<&Hash>, shown: &[Hash]) -> Option<(Hash, Hash)> {
    if old == size {
        let root = match (known, shown) {
            (Some(known), []) => known,
            (None, [shown]) => shown,
            _ => return None,
        };
        return Some((*root, *root));
    }
    let ((top, rest), left) = (shown.split_last()?, split(size));
    if old <= left {
        let (before, after) = both(old, left, known, rest)?;
        Some((before, node(&after, top)))
    } else {
        let (before, after) = both(old - left, size - left, None, rest)?;
        Some((node(top, &before), node(top, &after)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;

    /// The inputs of RFC 6962's reference implementation, and the roots from one leaf to all eight.
    const INPUTS: [&str; 8] =
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
    const ROOTS: [&str; 8] = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    #[test]
    fn the_roots_are_those_of_the_reference_implementation() {
        let mut tree = Growing::default();
        assert_eq!(tree.root(), digest::of(&[]));
        for (input, root) in INPUTS.iter().zip(ROOTS) {
            let bytes: Vec<u8> = (0..input.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&input[at..at + 2], 16).unwrap())
                .collect();
            tree.push(leaf(&bytes));
            assert_eq!(digest::hex(&tree.root()), root);
        }
    }

    /// A tree by its definition, and the proofs by theirs.
    fn root(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => digest::of(&[]),
            [leaf] => *leaf,
            _ => {
                let (left, right) = leaves.split_at(split(leaves.len() as u64) as usize);
                node(&root(left), &root(right))
            }
        }
    }

    fn path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
        if leaves.len() < 2 {
            return Vec::new();
        }
        let (left, right) = leaves.split_at(split(leaves.len() as u64) as usize);
        let (mut path, top) = match index < left.len() {
            true => (path(index, left), root(right)),
            false => (path(index - left.len(), right), root(left)),
        };
        path.push(top);
        path
    }

    fn proof(old: usize, leaves: &[Hash], known: bool) -> Vec<Hash> {
        if old == leaves.len() {
            return if known { Vec::new() } else { vec![root(leaves)] };
        }
        let (left, right) = leaves.split_at(split(leaves.len() as u64) as usize);
        let (mut proof, top) = match old <= left.len() {
            true => (proof(old, left, known), root(right)),
            false => (proof(old - left.len(), right, false), root(left)),
        };
        proof.push(top);
        proof
    }

    fn leaves(count: usize) -> Vec<Hash> {
        (0..count).map(|number| leaf(&number.to_be_bytes())).collect()
    }

    #[test]
    fn a_leaf_is_shown_at_its_place_and_nowhere_else() {
        for size in 1..40 {
            let all = leaves(size);
            for index in 0..size {
                let (path, root, wide) = (path(index, &all), root(&all), size as u64);
                let led_to = |leaf: &Hash, at: usize, path: &[Hash]| included(leaf, at as u64, wide, path);
                assert_eq!(led_to(&all[index], index, &path), Some(root), "{index} of {size}");
                assert_ne!(led_to(&leaf(b"another"), index, &path), Some(root));
                assert_ne!(led_to(&all[index], index + 1, &path), Some(root));
                assert_eq!(led_to(&all[index], index, &[path.as_slice(), &[root]].concat()), None);
                assert!(path.is_empty() || led_to(&all[index], index, &path[1..]).is_none());
            }
        }
    }

    #[test]
    fn a_tree_only_adds_to_what_it_added_to() {
        for size in 1..40 {
            let (all, other) = (leaves(size), leaf(b"another"));
            let new = (size as u64, &root(&all));
            for old in 1..=size {
                let (shown, before) = (proof(old, &all, true), root(&all[..old]));
                assert!(is_consistent((old as u64, &before), new, &shown), "{old} to {size}");
                assert!(!is_consistent((old as u64, &other), new, &shown));
                assert!(!is_consistent((old as u64, &before), (new.0, &other), &shown));
                assert!(!is_consistent((old as u64, &before), new, &[shown.as_slice(), &[other]].concat()));
            }
            assert!(!is_consistent((size as u64 + 1, &other), new, &[]));
            assert!(is_consistent((0, &digest::of(&[])), new, &[]) && !is_consistent((0, &other), new, &[]));
        }
    }

    #[test]
    fn a_tree_goes_on_from_its_whole_subtrees() {
        let all = leaves(23);
        let mut before = Growing::default();
        all[..13].iter().for_each(|leaf| before.push(*leaf));
        let mut tree = Growing::from(13, before.whole.clone()).unwrap();
        all[13..].iter().for_each(|leaf| tree.push(*leaf));
        assert_eq!((tree.size(), tree.root()), (23, root(&all)));
        assert!(Growing::from(12, before.whole).is_none());
        // One leaf more would be no number any more.
        assert!(Growing::from(u64::MAX, vec![[0; 32]; 64]).is_none());
    }
}
