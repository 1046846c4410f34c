//! Random numbers for runs that are replayed by their seed.

use tokio::task::yield_now;

/// Random numbers that a seed decides (xorshift).
pub(crate) struct Dice(u64);

impl Dice {
    /// The numbers of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        for _ in 0..8 {
            dice.below(2);
        }
        dice
    }

    /// A number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % end
    }

    /// Lets others go first, a few times.
    pub(crate) async fn dawdle(&mut self) {
        for _ in 0..self.below(6) {
            yield_now().await;
        }
    }
}
