//! One Merkle tree over every entry of a journal, in the order they were written (RFC 6962, section 2.1; SHA-256).
//!
//! Whoever holds a root can be shown that one entry stands at its place, with as many hashes as the tree is high and no
//! other entry; and that a later root only adds to an earlier one. A leaf and a node are hashed with different first
//! bytes, so that no entry can pass for a piece of the tree.
//!
//! Only whole subtrees of [`TILE`] leaves are worth keeping: every other hash is a few hashes away from them. Where they
//! are kept, and where leaves come from, is the caller's: see [`Nodes`].

use kapell_model::digest::Digest;
use sha2::{Digest as _, Sha256};

/// The leaves of a subtree whose hash is kept, and of those how many make the next one (C2SP tlog-tiles).
pub const TILE: u64 = 256;

/// The hash of an entry as a leaf: `SHA-256(0x00 || bytes)`.
#[must_use]
pub fn leaf(bytes: &[u8]) -> Digest {
    Digest::from_bytes(Sha256::new().chain_update([0]).chain_update(bytes).finalize().into())
}

/// The hash over two subtrees: `SHA-256(0x01 || left || right)`.
#[must_use]
pub fn node(left: &Digest, right: &Digest) -> Digest {
    let both = Sha256::new().chain_update([1]).chain_update(left.as_bytes()).chain_update(right.as_bytes());
    Digest::from_bytes(both.finalize().into())
}

/// The root of a tree without leaves: the hash of nothing.
#[must_use]
pub fn empty() -> Digest {
    Digest::of(&[])
}

/// Where the hashes of a tree come from.
pub trait Nodes {
    /// Why a hash could not be had.
    type Error;

    /// The root of the leaves from `begin` up to `end`, which are all there. Asked for whole subtrees only: `end - begin`
    /// is a power of two and `begin` a multiple of it.
    ///
    /// # Errors
    /// When it is not there.
    fn subtree(&self, begin: u64, end: u64) -> Result<Digest, Self::Error>;
}

/// The root of some leaves in a row, such as those of one tile.
#[must_use]
pub fn root_of(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => empty(),
        [leaf] => *leaf,
        _ => {
            let (left, right) =
                leaves.split_at(usize::try_from(split(leaves.len() as u64)).unwrap_or_default());
            node(&root_of(left), &root_of(right))
        }
    }
}

/// The root of the first `size` leaves.
///
/// # Errors
/// As the nodes'.
pub fn root<N: Nodes>(nodes: &N, size: u64) -> Result<Digest, N::Error> {
    if size == 0 { Ok(empty()) } else { range(nodes, 0, size) }
}

/// Shows that leaf `index` stands in the tree of `size` leaves: the hashes beside its way up, from the bottom
/// (RFC 6962, 2.1.1). Empty when there is no such leaf.
///
/// # Errors
/// As the nodes'.
pub fn inclusion<N: Nodes>(nodes: &N, index: u64, size: u64) -> Result<Vec<Digest>, N::Error> {
    let (mut begin, mut end, mut beside) = (0, size, Vec::new());
    while index < size && end - begin > 1 {
        let middle = begin + split(end - begin);
        if index < middle {
            beside.push(range(nodes, middle, end)?);
            end = middle;
        } else {
            beside.push(range(nodes, begin, middle)?);
            begin = middle;
        }
    }
    beside.reverse();
    Ok(beside)
}

/// Shows that the tree of `size` leaves only adds to the tree of `old` leaves (RFC 6962, 2.1.2). Empty when either is
/// empty, both are the same, or the old one is the larger.
///
/// # Errors
/// As the nodes'.
pub fn consistency<N: Nodes>(nodes: &N, old: u64, size: u64) -> Result<Vec<Digest>, N::Error> {
    let (mut begin, mut end, mut shown) = (0, size, Vec::new());
    if old == 0 || old >= size {
        return Ok(shown);
    }
    while end != old {
        let middle = begin + split(end - begin);
        if old <= middle {
            shown.push(range(nodes, middle, end)?);
            end = middle;
        } else {
            shown.push(range(nodes, begin, middle)?);
            begin = middle;
        }
    }
    // The old root itself is known to whoever asks; a part of it is not.
    if begin > 0 {
        shown.push(range(nodes, begin, end)?);
    }
    shown.reverse();
    Ok(shown)
}

/// The roots of the whole subtrees of the first `size` leaves, the largest first: a tree goes on growing from them alone.
///
/// # Errors
/// As the nodes'.
pub fn whole<N: Nodes>(nodes: &N, size: u64) -> Result<Vec<Digest>, N::Error> {
    let (mut begin, mut roots) = (0, Vec::new());
    while begin < size {
        let end = begin + (1 << (size - begin).ilog2());
        roots.push(nodes.subtree(begin, end)?);
        begin = end;
    }
    Ok(roots)
}

/// A tree worked out from its leaves alone, as they come, with nothing kept but the roots of its whole subtrees.
#[derive(Clone, Debug, Default)]
pub struct Growing {
    size: u64,
    whole: Vec<Digest>,
}

impl Growing {
    /// A tree of so many leaves, to go on from: by the roots of its whole subtrees, the largest first; none when there are
    /// not as many as it must have.
    #[must_use]
    pub fn from_whole(size: u64, whole: Vec<Digest>) -> Option<Self> {
        (whole.len() == size.count_ones() as usize).then_some(Self { size, whole })
    }

    /// How many leaves it has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Puts the next leaf to it. Each subtree that is whole by that is told: how many leaves it has, and its root.
    pub fn push(&mut self, leaf: Digest, mut told: impl FnMut(u64, &Digest)) {
        let (mut hash, mut leaves) = (leaf, 1);
        while self.size & leaves != 0 {
            let Some(left) = self.whole.pop() else { return };
            (hash, leaves) = (node(&left, &hash), leaves << 1);
            told(leaves, &hash);
        }
        self.whole.push(hash);
        self.size += 1;
    }

    /// The root over all leaves so far.
    #[must_use]
    pub fn root(&self) -> Digest {
        let joined = self.whole.iter().rev().copied().reduce(|right, left| node(&left, &right));
        joined.unwrap_or_else(empty)
    }
}

/// The root of leaves in a row, out of whole subtrees.
fn range<N: Nodes>(nodes: &N, begin: u64, end: u64) -> Result<Digest, N::Error> {
    let size = end - begin;
    if size.is_power_of_two() {
        return nodes.subtree(begin, end);
    }
    let middle = begin + split(size);
    Ok(node(&nodes.subtree(begin, middle)?, &range(nodes, middle, end)?))
}

/// How many of so many leaves, two or more, stand on the left: the largest power of two below their number.
const fn split(size: u64) -> u64 {
    1 << (u64::BITS - 1 - (size - 1).leading_zeros())
}

/// Whether a leaf stands at its place under a root (RFC 9162, 2.1.3.2).
#[must_use]
pub fn is_included(leaf: &Digest, index: u64, size: u64, beside: &[Digest], root: &Digest) -> bool {
    if index >= size {
        return false;
    }
    let (mut place, mut last, mut hash) = (index, size - 1, *leaf);
    for beside in beside {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            hash = node(beside, &hash);
            while place & 1 == 0 && place != 0 {
                (place, last) = (place >> 1, last >> 1);
            }
        } else {
            hash = node(&hash, beside);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    last == 0 && hash == *root
}

/// Whether a root only adds to an older one (RFC 9162, 2.1.4.2).
#[must_use]
pub fn is_consistent(old: (u64, &Digest), new: (u64, &Digest), shown: &[Digest]) -> bool {
    let ((old_size, old_root), (size, root)) = (old, new);
    match () {
        () if old_size > size => false,
        () if old_size == size => shown.is_empty() && old_root == root,
        // Everything adds to nothing.
        () if old_size == 0 => shown.is_empty() && *old_root == empty(),
        () => leads_on(old, new, shown),
    }
}

/// The same for two sizes that differ, neither of them nothing.
fn leads_on((old_size, old_root): (u64, &Digest), (size, root): (u64, &Digest), shown: &[Digest]) -> bool {
    // A whole old tree is a node of the new one, and not shown.
    let mut shown = old_size.is_power_of_two().then_some(old_root).into_iter().chain(shown);
    let Some(first) = shown.next() else { return false };
    let (mut place, mut last) = (old_size - 1, size - 1);
    while place & 1 == 1 {
        (place, last) = (place >> 1, last >> 1);
    }
    let (mut old_hash, mut hash) = (*first, *first);
    for beside in shown {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            (old_hash, hash) = (node(beside, &old_hash), node(beside, &hash));
            while place & 1 == 0 && place != 0 {
                (place, last) = (place >> 1, last >> 1);
            }
        } else {
            hash = node(&hash, beside);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    last == 0 && old_hash == *old_root && hash == *root
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::convert::Infallible;

    /// The inputs of RFC 6962's reference implementation.
    const INPUTS: [&str; 8] =
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];

    /// Their roots, from one leaf to all eight.
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

    /// All leaves at hand.
    struct Leaves(Vec<Digest>);

    impl Nodes for Leaves {
        type Error = Infallible;
        fn subtree(&self, begin: u64, end: u64) -> Result<Digest, Infallible> {
            let (begin, end) = (begin as usize, end as usize);
            assert!((end - begin).is_power_of_two() && begin.is_multiple_of(end - begin), "{begin}..{end}");
            Ok(root_of(&self.0[begin..end]))
        }
    }

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    fn leaves(count: u64) -> Leaves {
        Leaves((0..count).map(|number| leaf(&number.to_be_bytes())).collect())
    }

    #[test]
    fn the_roots_are_those_of_the_reference_implementation() {
        let nodes = Leaves(INPUTS.iter().map(|input| leaf(&bytes(input))).collect());
        for (size, expected) in (1..).zip(ROOTS) {
            assert_eq!(root(&nodes, size).unwrap().hex(), expected, "{size}");
        }
        let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(root(&nodes, 0).unwrap().hex(), nothing);
    }

    #[test]
    fn a_leaf_is_no_node() {
        let (one, two) = (leaf(b"one"), leaf(b"two"));
        assert_ne!(leaf(&[one.as_bytes().as_slice(), two.as_bytes()].concat()), node(&one, &two));
    }

    #[test]
    fn a_tree_that_grows_is_the_tree_over_the_same_leaves() {
        let (nodes, mut growing, mut told) = (leaves(70), Growing::default(), 0);
        for size in 0..=70 {
            assert_eq!((growing.size(), growing.root()), (size, root(&nodes, size).unwrap()));
            assert_eq!(growing.whole, whole(&nodes, size).unwrap());
            let again = Growing::from_whole(size, growing.whole.clone()).unwrap();
            assert_eq!((again.root(), again.size()), (growing.root(), size));
            assert!(
                Growing::from_whole(size + 1, again.whole)
                    .is_none_or(|_| size.count_ones() == (size + 1).count_ones())
            );
            if let Some(leaf) = nodes.0.get(size as usize) {
                growing.push(*leaf, |leaves, subtree| {
                    told += 1;
                    assert_eq!(nodes.subtree(size + 1 - leaves, size + 1).unwrap(), *subtree);
                });
            }
        }
        assert_eq!(told, 35 + 17 + 8 + 4 + 2 + 1);
    }

    #[test]
    fn every_leaf_of_every_small_tree_is_shown_at_its_place_and_nowhere_else() {
        for size in 1..70 {
            let nodes = leaves(size);
            let root = root(&nodes, size).unwrap();
            for index in 0..size {
                let beside = inclusion(&nodes, index, size).unwrap();
                let shown = &nodes.0[index as usize];
                assert!(is_included(shown, index, size, &beside, &root), "{index} of {size}");
                assert!(!is_included(shown, index + 1, size, &beside, &root), "{index} of {size}");
                assert!(!is_included(&leaf(b"another"), index, size, &beside, &root), "{index} of {size}");
                let short = &beside[..beside.len().saturating_sub(1)];
                assert_eq!(is_included(shown, index, size, short, &root), size == 1);
            }
        }
    }

    #[test]
    fn every_small_tree_only_adds_to_every_smaller_one() {
        for size in 1..70 {
            let nodes = leaves(size);
            let new = root(&nodes, size).unwrap();
            for old_size in 0..=size {
                let old = root(&nodes, old_size).unwrap();
                let shown = consistency(&nodes, old_size, size).unwrap();
                assert!(is_consistent((old_size, &old), (size, &new), &shown), "{old_size} to {size}");
                let other = leaf(b"another");
                assert!(!is_consistent((old_size, &other), (size, &new), &shown), "{old_size} to {size}");
                assert!(!is_consistent((old_size, &old), (size, &other), &shown) || old_size == 0);
            }
        }
    }

    proptest! {
        /// A tree in which one leaf was changed is shown by no proof to add to the one before the change.
        #[test]
        fn a_changed_leaf_is_noticed(size in 2..300_u64, old in 1..300_u64, changed in 0..300_u64) {
            let (old, changed) = (old.min(size), changed % old.min(size));
            let (honest, mut forged) = (leaves(size), leaves(size));
            forged.0[changed as usize] = leaf(b"forged");
            let before = root(&honest, old).unwrap();
            let after = root(&forged, size).unwrap();
            let shown = consistency(&forged, old, size).unwrap();
            prop_assert!(!is_consistent((old, &before), (size, &after), &shown));
        }
    }
}
