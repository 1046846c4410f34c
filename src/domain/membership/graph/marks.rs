//! Which groups a closure has reached already, and as the how manieth.

/// A hash table of small numbers that forgets everything at once, by counting: whoever asks for
/// closures all day keeps one, and none has to clear it.
#[derive(Debug, Clone, Default)]
pub(super) struct Marks {
    /// As many as a power of two, at most half of them taken.
    places: Vec<Place>,
    taken: usize,
    /// What a place bears that is taken; never 0.
    epoch: u32,
}

#[derive(Debug, Clone, Copy, Default)]
struct Place {
    epoch: u32,
    group: u32,
    position: u32,
}

/// The size of a table that has been used at all.
const LEAST: usize = 256;

impl Marks {
    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.taken = 0;
        self.epoch = self.epoch.wrapping_add(1);
        if self.epoch == 0 {
            self.places.fill(Place::default());
            self.epoch = 1;
        }
    }

    /// Notes where a group is; whether it was not noted yet.
    pub(super) fn note(&mut self, group: u32, position: u32) -> bool {
        if self.places.len() < 2 * (self.taken + 1) {
            self.grow();
        }
        let at = self.place(group);
        if self.places[at].epoch == self.epoch {
            return false;
        }
        self.places[at] = Place { epoch: self.epoch, group, position };
        self.taken += 1;
        true
    }

    /// Where a group is that was noted.
    pub(super) fn position(&self, group: u32) -> Option<u32> {
        let place = self.places.get(self.place(group))?;
        (place.epoch == self.epoch).then_some(place.position)
    }

    /// The place that a group has, or may have. There is a free one, so the search ends.
    fn place(&self, group: u32) -> usize {
        let mask = self.places.len().wrapping_sub(1);
        let spread = u64::from(group).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let mut at = spread as usize & mask;
        while let Some(place) = self.places.get(at)
            && place.epoch == self.epoch
            && place.group != group
        {
            at = (at + 1) & mask;
        }
        at
    }

    fn grow(&mut self) {
        let size = (2 * self.places.len()).max(LEAST);
        let old = std::mem::replace(&mut self.places, vec![Place::default(); size]);
        self.epoch = self.epoch.max(1);
        for place in old.into_iter().filter(|place| place.epoch == self.epoch) {
            let at = self.place(place.group);
            self.places[at] = place;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn marks_know_what_a_map_knows_until_they_are_cleared(
            rounds in prop::collection::vec(prop::collection::vec(0_u32..2000, 0..700), 1..5),
            epoch in prop::sample::select(vec![0, 7, u32::MAX - 1, u32::MAX]),
        ) {
            let mut marks = Marks { epoch, ..Marks::default() };
            for groups in rounds {
                marks.clear();
                let mut map = HashMap::new();
                for (position, group) in groups.into_iter().enumerate() {
                    let is_new = !map.contains_key(&group);
                    prop_assert_eq!(marks.note(group, position as u32), is_new);
                    map.entry(group).or_insert(position as u32);
                }
                for group in 0..2000 {
                    prop_assert_eq!(marks.position(group), map.get(&group).copied());
                }
            }
        }
    }
}
