//! Counts of texts that anybody may write: the first thousand by name, whatever comes after them only counted.

use std::collections::BTreeMap;

/// How many different ones are kept apart.
const APART: usize = 1_000;

/// How often each of a few was counted.
#[derive(Clone, Debug)]
pub(super) struct Few<K> {
    each: BTreeMap<K, u64>,
    more: u64,
}

impl<K> Default for Few<K> {
    fn default() -> Self {
        Self { each: BTreeMap::new(), more: 0 }
    }
}

impl<K: Ord> Few<K> {
    /// Counts one.
    pub(super) fn count(&mut self, key: K) {
        if let Some(times) = self.each.get_mut(&key) {
            *times += 1;
        } else if self.each.len() < APART {
            self.each.insert(key, 1);
        } else {
            self.more += 1;
        }
    }

    /// The `most` commonest with how often, and how many were counted beside them.
    pub(super) fn commonest(self, most: usize) -> (Vec<(K, u64)>, u64) {
        let mut each: Vec<(K, u64)> = self.each.into_iter().collect();
        // Stable: those that are as common stay in their own order.
        each.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
        let rest: u64 = each.iter().skip(most).map(|(_, times)| times).sum();
        each.truncate(most);
        (each, rest + self.more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commonest_come_first_and_nothing_is_lost() {
        let mut few = Few::default();
        ["b", "a", "b", "c"].into_iter().for_each(|it| few.count(it));
        assert_eq!(few.clone().commonest(2), (vec![("b", 2), ("a", 1)], 1));
        let mut many = Few::default();
        (0..2_000).for_each(|it| many.count(it % 1_500));
        let (each, more) = many.commonest(5_000);
        assert_eq!((each.len(), more), (APART, 500));
        assert_eq!(each.iter().map(|(_, times)| times).sum::<u64>() + more, 2_000);
    }
}
