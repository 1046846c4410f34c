//! How many names there were, without keeping them.

/// How many bits there are to tell names apart by.
const BITS: u32 = 4096;
const WORDS: usize = BITS as usize / 64;

/// The names of a half-life: a bit for each, which several may share. 512 bytes, however many they
/// are.
#[derive(Debug, Clone)]
pub(super) struct Names {
    bits: Box<[u64; WORDS]>,
    free: u32,
}

impl Default for Names {
    fn default() -> Self {
        Self { bits: Box::new([0; WORDS]), free: BITS }
    }
}

impl Names {
    /// Notes a name, given by any even hash of it, and tells for how many new ones it stands: for
    /// none if it was there. The fewer bits are free, the more of those that shared a taken one
    /// went unnoticed, and the more a new one stands for.
    pub(super) fn note(&mut self, name: u64) -> u32 {
        let bit = name % u64::from(BITS);
        let (word, mask) = ((bit / 64) as usize, 1 << (bit % 64));
        if self.bits[word] & mask != 0 {
            return 0;
        }
        self.bits[word] |= mask;
        let stands_for = (BITS + self.free / 2) / self.free;
        self.free -= 1;
        stands_for
    }
}

impl Names {
    /// Whether a name was noted, or shares its bit with one that was.
    pub(super) fn has(&self, name: u64) -> bool {
        let bit = name % u64::from(BITS);
        self.bits[(bit / 64) as usize] & (1 << (bit % 64)) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Splitmix: as even as any.
    fn hash(name: u64) -> u64 {
        let mut mixed = name.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    #[test]
    fn names_are_counted_once_and_well_enough_up_to_twenty_thousand() {
        for many in [1, 10, 100, 1000, 5000, 20_000] {
            let mut names = Names::default();
            let counted: u32 = (0..many).map(|name| names.note(hash(name))).sum();
            let again: u32 = (0..many).map(|name| names.note(hash(name))).sum();
            let counted = f64::from(counted);
            assert!((counted / many as f64 - 1.0).abs() < 0.15, "{many}: {counted}");
            assert_eq!(again, 0);
        }
    }

    /// Beyond that it stands still, rather than overflow or panic.
    #[test]
    fn no_number_of_names_is_too_much() {
        let mut names = Names::default();
        (0..u64::from(BITS)).for_each(|bit| assert!(names.note(bit) > 0));
        assert_eq!(names.note(0), 0);
    }
}
