//! Random numbers that a seed decides.

/// A generator (xorshift), one for each who takes part.
#[derive(Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    /// The dice of the taker of that number.
    pub(crate) fn new(seed: u64, number: u64) -> Self {
        let mixed = seed.wrapping_add(number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut dice = Self((mixed ^ (mixed >> 32)) | 1);
        for _ in 0..8 {
            dice.below(2);
        }
        dice
    }

    /// A number from 0 to `end` exclusive.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % end
    }

    /// Whether something happens that happens once in so many times.
    pub(crate) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// Lets others go first, a few times.
    pub(crate) async fn dawdle(&mut self, most: u64) {
        for _ in 0..self.below(most) {
            tokio::task::yield_now().await;
        }
    }
}
