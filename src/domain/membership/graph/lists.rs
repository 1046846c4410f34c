//! Many short lists of numbers in one piece of memory.
//!
//! Of a million users each is in a handful of groups. A `Vec` for each would cost three words, the
//! allocator's own two, and what was rounded up. Here a list of one is its own memory, and a longer
//! one is a chain of blocks, all of the same size, so that nothing is ever moved and a block that is
//! let go of fits whoever comes next.

/// Numbers in a block; its last word leads to the next block.
const ROOM: usize = 7;
const NEXT: usize = ROOM;
const NONE: u32 = u32::MAX;

type Block = [u32; ROOM + 1];

/// A list; its blocks are in [`Lists`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct List {
    length: u32,
    /// The number itself if there is one, the first block if there are more.
    at: u32,
}

impl List {
    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// How many numbers the first block has; the others are full.
    fn in_first(&self) -> usize {
        (self.length as usize + ROOM - 1) % ROOM + 1
    }
}

/// The blocks of all lists.
#[derive(Debug, Clone)]
pub(super) struct Lists {
    blocks: Vec<Block>,
    /// The first of the blocks that are free, which lead to each other.
    free: u32,
}

impl Default for Lists {
    fn default() -> Self {
        Self { blocks: Vec::new(), free: NONE }
    }
}

impl Lists {
    /// Adds a number, which may be there already.
    pub(super) fn push(&mut self, list: &mut List, number: u32) {
        match list.length {
            0 => list.at = number,
            1 => {
                let block = self.take(NONE);
                self.blocks[block as usize][..2].copy_from_slice(&[list.at, number]);
                list.at = block;
            }
            _ if list.in_first() == ROOM => {
                list.at = self.take(list.at);
                self.blocks[list.at as usize][0] = number;
            }
            _ => self.blocks[list.at as usize][list.in_first()] = number,
        }
        list.length += 1;
    }

    /// Removes a number once; whether it was there. The others may change their places.
    pub(super) fn remove(&mut self, list: &mut List, number: u32) -> bool {
        if list.length < 2 {
            let is_there = list.length == 1 && list.at == number;
            *list = if is_there { List::default() } else { *list };
            return is_there;
        }
        let Some((block, place)) = self.find(list, number) else { return false };
        let (first, filled) = (list.at, list.in_first());
        self.blocks[block as usize][place] = self.blocks[first as usize][filled - 1];
        list.length -= 1;
        if list.length == 1 {
            list.at = self.blocks[first as usize][0];
            self.give_back(first);
        } else if filled == 1 {
            list.at = self.blocks[first as usize][NEXT];
            self.give_back(first);
        }
        true
    }

    /// Tells every number.
    pub(super) fn each(&self, list: List, mut tell: impl FnMut(u32)) {
        if list.length < 2 {
            return if list.length == 1 {
                tell(list.at)
            };
        }
        let (mut at, mut filled) = (list.at, list.in_first());
        while let Some(block) = self.blocks.get(at as usize) {
            block[..filled].iter().for_each(|number| tell(*number));
            (at, filled) = (block[NEXT], ROOM);
        }
    }

    fn find(&self, list: &List, number: u32) -> Option<(u32, usize)> {
        let (mut at, mut filled) = (list.at, list.in_first());
        while let Some(block) = self.blocks.get(at as usize) {
            if let Some(place) = block[..filled].iter().position(|listed| *listed == number) {
                return Some((at, place));
            }
            (at, filled) = (block[NEXT], ROOM);
        }
        None
    }

    /// A block that leads to another.
    fn take(&mut self, next: u32) -> u32 {
        let at = self.free;
        if let Some(block) = self.blocks.get_mut(at as usize) {
            self.free = std::mem::replace(&mut block[NEXT], next);
            return at;
        }
        let mut block = [0; ROOM + 1];
        block[NEXT] = next;
        self.blocks.push(block);
        (self.blocks.len() - 1) as u32
    }

    fn give_back(&mut self, block: u32) {
        self.blocks[block as usize][NEXT] = std::mem::replace(&mut self.free, block);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sorted(lists: &Lists, list: List) -> Vec<u32> {
        let mut numbers = Vec::new();
        lists.each(list, |number| numbers.push(number));
        numbers.sort_unstable();
        numbers
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn lists_hold_what_vectors_hold_and_share_no_block(
            changes in prop::collection::vec((0_usize..3, 0_u32..12, any::<bool>()), 0..300),
        ) {
            let mut lists = Lists::default();
            let mut all = [List::default(); 3];
            let mut vectors = [const { Vec::new() }; 3];
            for (which, number, is_new) in changes {
                let (list, vector) = (&mut all[which], &mut vectors[which]);
                if is_new {
                    lists.push(list, number);
                    vector.push(number);
                } else {
                    let place = vector.iter().position(|held| *held == number);
                    prop_assert_eq!(lists.remove(list, number), place.is_some());
                    place.map(|place| vector.swap_remove(place));
                }
                for (list, vector) in all.iter().zip(&vectors) {
                    let mut expected: Vec<u32> = vector.clone();
                    expected.sort_unstable();
                    prop_assert_eq!(sorted(&lists, *list), expected);
                    prop_assert_eq!(list.is_empty(), vector.is_empty());
                }
            }
        }
    }

    #[test]
    fn a_block_that_was_given_back_is_taken_again() {
        let (mut lists, mut list) = (Lists::default(), List::default());
        for _ in 0..5 {
            (0..30).for_each(|number| lists.push(&mut list, number));
            (0..30).for_each(|number| assert!(lists.remove(&mut list, number)));
        }
        assert_eq!(lists.blocks.len(), 30_usize.div_ceil(ROOM));
    }
}
