//! A list of numbers in few bytes: each as the distance from the one before, seven bits a byte. A
//! group's members are read as a whole or not at all, so nothing is lost by that.

/// The list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Packed(Box<[u8]>);

impl Packed {
    /// Packs numbers, in their order. The nearer to each other they are, the fewer bytes it takes.
    pub(super) fn new(numbers: &[u32]) -> Self {
        let mut bytes = Vec::with_capacity(numbers.len() * 3);
        let mut last = 0;
        for number in numbers {
            let mut distance = folded(number.wrapping_sub(last));
            last = *number;
            while distance > 0x7f {
                bytes.push(distance as u8 | 0x80);
                distance >>= 7;
            }
            bytes.push(distance as u8);
        }
        Self(bytes.into_boxed_slice())
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.iter().filter(|byte| **byte < 0x80).count()
    }

    /// The numbers, in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> {
        let mut bytes = self.0.iter();
        let mut last = 0_u32;
        std::iter::from_fn(move || {
            let (mut distance, mut shift) = (0_u32, 0);
            loop {
                let byte = *bytes.next()?;
                distance |= u32::from(byte & 0x7f) << shift;
                shift += 7;
                if byte < 0x80 {
                    break;
                }
            }
            last = last.wrapping_add(unfolded(distance));
            Some(last)
        })
    }
}

/// A distance in either direction as a number that is small when the distance is.
fn folded(distance: u32) -> u32 {
    distance << 1 ^ (distance.cast_signed() >> 31).cast_unsigned()
}

fn unfolded(folded: u32) -> u32 {
    folded >> 1 ^ (folded & 1).wrapping_neg()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(numbers: &[u32]) {
        let packed = Packed::new(numbers);
        assert_eq!(packed.iter().collect::<Vec<_>>(), numbers);
        assert_eq!(packed.len(), numbers.len());
    }

    #[test]
    fn the_ends_of_the_range_are_read_as_they_were_packed() {
        check(&[]);
        check(&[0]);
        check(&[0, 0x3f, 0x40, 0x80, 0x100, u32::MAX - 1, u32::MAX]);
        check(&[u32::MAX, 0, 1 << 31, 0, u32::MAX >> 1, 7, 6]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_numbers_are_read_as_they_were_packed(
            numbers in prop::collection::vec(any::<u32>(), 0..50),
            near in prop::collection::vec(0_u32..300, 0..50),
        ) {
            check(&numbers);
            check(&near);
        }
    }
}
