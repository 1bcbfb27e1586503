//! A list from which things are taken, and the next one that is left: what was taken is stepped over once and not again
//! and again, or a month of equal amounts would cost its square.

/// Which places of a list are left.
#[derive(Debug)]
pub(crate) struct Alive {
    /// For each place the next that may be left; one more than there are places, so that the end is one too.
    next: Vec<u32>,
}

impl Alive {
    pub(crate) fn all(length: usize) -> Self {
        Self { next: (0_u32..).take(length + 1).collect() }
    }

    /// The first place from here that is left.
    pub(crate) fn from(&mut self, place: usize) -> Option<usize> {
        let mut end = place;
        while let Some(next) = self.next.get(end).map(|next| *next as usize)
            && next != end
        {
            end = next;
        }
        let mut at = place;
        while at != end {
            let next = self.next.get_mut(at)?;
            at = std::mem::replace(next, u32::try_from(end).ok()?) as usize;
        }
        (end + 1 < self.next.len()).then_some(end)
    }

    pub(crate) fn take(&mut self, place: usize) {
        if let (Some(next), Ok(after)) = (self.next.get_mut(place), u32::try_from(place + 1)) {
            *next = after;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_is_stepped_over() {
        let mut alive = Alive::all(4);
        alive.take(1);
        alive.take(2);
        assert_eq!((alive.from(0), alive.from(1), alive.from(3)), (Some(0), Some(3), Some(3)));
        alive.take(3);
        assert_eq!((alive.from(1), alive.from(9), Alive::all(0).from(0)), (None, None, None));
    }
}
