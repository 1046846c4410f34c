//! How deep and how wide a filter on the wire is, without decoding it: one pass over headers, no
//! recursion, no allocation.

use super::FilterLimits;
use super::wire::{AND, NOT, OR, SUBSTRINGS};
use crate::proto::ber::{BerError, Header, Reader, SEQUENCE};

/// Looks whether a filter element stays within the limits. [`BerError::TooDeep`] and
/// [`BerError::TooMany`] say which one it breaks; other errors say that its nesting is malformed.
/// Assertions are not looked into, for the directory judges them.
pub(super) fn check(bytes: &[u8], limits: FilterLimits) -> Result<(), BerError> {
    let depth = limits.depth.min(FilterLimits::MAX_DEPTH);
    // Where the filters that are open end; `open` of them are.
    let mut ends = [0; FilterLimits::MAX_DEPTH];
    let (mut open, mut at, mut components) = (0, 0, 0usize);
    loop {
        if open >= depth {
            return Err(BerError::TooDeep);
        }
        let end = ends[..open].last().copied().unwrap_or(bytes.len());
        let header = Header::read(&bytes[at..end])?.ok_or(BerError::Truncated)?;
        let content = at + header.header_len;
        let after = at.checked_add(header.total()?).filter(|after| *after <= end);
        let after = after.ok_or(BerError::Truncated)?;
        components += 1;
        if header.tag == SUBSTRINGS {
            let left = limits.components.saturating_sub(components);
            components += parts(&bytes[content..after], left);
        }
        if components > limits.components {
            return Err(BerError::TooMany);
        }
        at = after;
        if matches!(header.tag, AND | OR | NOT) {
            ends[open] = after;
            open += 1;
            at = content;
        }
        while open > 0 && at == ends[open - 1] {
            open -= 1;
        }
        if open == 0 {
            return Ok(());
        }
    }
}

/// How many parts a substrings assertion has; counted to one above `most`, and 0 if it is none.
fn parts(content: &[u8], most: usize) -> usize {
    let mut fields = Reader::new(content);
    let Ok(sequence) = fields.octets().and_then(|_| fields.expect(SEQUENCE)) else { return 0 };
    let mut sequence = Reader::new(sequence);
    let mut count = 0;
    while !sequence.is_empty() && count <= most {
        count += 1;
        if sequence.element().is_err() {
            break;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::filter::Filter;
    use proptest::prelude::*;

    const LIMITS: FilterLimits = FilterLimits { depth: 3, components: 6 };

    #[track_caller]
    fn check_text(text: &str, expected: Result<(), BerError>) {
        let mut bytes = Vec::new();
        Filter::parse(text).unwrap().encode(&mut bytes);
        assert_eq!(check(&bytes, LIMITS), expected, "{text}");
    }

    #[test]
    fn depth_and_width_are_told_from_the_headers() {
        check_text("(cn=a)", Ok(()));
        check_text("(&)", Ok(()));
        check_text("(&(|(cn=a)))", Ok(()));
        check_text("(&(|(!(cn=a))))", Err(BerError::TooDeep));
        check_text("(&(|(&)))", Ok(()));
        check_text("(&(a=1)(a=2)(a=3)(a=4)(a=5))", Ok(()));
        check_text("(&(a=1)(a=2)(a=3)(a=4)(a=5)(a=6))", Err(BerError::TooMany));
        check_text("(|(a=1)(|(a=2)(a=3))(a=4))", Ok(()));
        check_text("(cn=a*b*c*d*e)", Ok(()));
        check_text("(cn=a*b*c*d*e*f)", Err(BerError::TooMany));
    }

    #[test]
    fn nesting_without_an_end_costs_no_more_than_the_limit() {
        let bomb = [NOT, 0x84, 0, 1, 0, 0].repeat(10_000);
        assert_eq!(check(&bomb, LIMITS), Err(BerError::Truncated));
        let mut nested = Vec::new();
        for _ in 0..10_000 {
            let mut outer = Vec::with_capacity(nested.len() + 8);
            crate::proto::ber::write_element(&mut outer, NOT, &nested);
            nested = outer;
            if nested.len() > 100_000 {
                break;
            }
        }
        assert_eq!(check(&nested, LIMITS), Err(BerError::TooDeep));
        let deepest = FilterLimits { depth: usize::MAX, components: usize::MAX };
        assert_eq!(check(&nested, deepest), Err(BerError::TooDeep));
    }

    #[test]
    fn malformed_nesting_is_told_and_assertions_are_left_to_the_directory() {
        assert_eq!(check(&[], LIMITS), Err(BerError::Truncated));
        assert_eq!(check(&[AND, 3, 0x87, 5, b'a'], LIMITS), Err(BerError::Truncated));
        assert_eq!(check(&[AND, 1, 0x87], LIMITS), Err(BerError::Truncated));
        assert_eq!(check(&[NOT, 0x80], LIMITS), Err(BerError::IndefiniteLength));
        assert_eq!(check(&[0xa3, 1, 0xff], LIMITS), Ok(()));
        assert_eq!(check(&[SUBSTRINGS, 1, 0xff], LIMITS), Ok(()));
        assert_eq!(check(&[0xbe, 0], LIMITS), Ok(()));
    }

    proptest! {
        /// The scan and the decoder, which share nothing but headers, agree.
        #[test]
        fn what_the_decoder_takes_within_limits_the_scan_does_too(
            bytes in proptest::collection::vec(
                prop_oneof![Just(AND), Just(NOT), Just(0x87), 0u8..6, any::<u8>()], 0..40),
            depth in 1usize..5,
            components in 1usize..9,
        ) {
            let limits = FilterLimits { depth, components };
            let scanned = check(&bytes, limits);
            match Filter::decode(&bytes, limits) {
                Ok(_) => prop_assert_eq!(scanned, Ok(())),
                Err(limit @ (BerError::TooDeep | BerError::TooMany)) => {
                    prop_assert_eq!(scanned, Err(limit));
                }
                Err(_) => {}
            }
        }
    }
}
