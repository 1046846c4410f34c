//! Upstream ids in few bytes, and what is numbered by them.

use crate::domain::record::UpstreamId;
use crate::proto::sync::{uuid_digits, uuid_text};
use std::cmp::Ordering;

/// An upstream id: most of them are UUIDs, which need no memory of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Id {
    Uuid([u8; 16]),
    Text(Box<str>),
}

impl Id {
    pub(super) fn of(id: &UpstreamId) -> Self {
        let text = id.as_str();
        uuid(text.as_bytes()).map_or_else(|| Self::Text(text.into()), Self::Uuid)
    }

    pub(super) fn upstream_id(&self) -> UpstreamId {
        match self {
            Self::Uuid(bytes) => uuid_digits(*bytes, UpstreamId::new),
            Self::Text(text) => UpstreamId::new(text),
        }
    }

    /// The order of the ids as text, whatever they are kept as.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Uuid(left), Self::Uuid(right)) => left.cmp(right),
            (Self::Text(left), Self::Text(right)) => left.cmp(right),
            (Self::Uuid(left), Self::Text(right)) => uuid_text(*left).as_str().cmp(right),
            (Self::Text(left), Self::Uuid(right)) => (**left).cmp(uuid_text(*right).as_str()),
        }
    }
}

/// The bytes of a UUID in the very form that [`uuid_text`] writes, which alone can be written again.
fn uuid(text: &[u8]) -> Option<[u8; 16]> {
    let text: &[u8; 36] = text.try_into().ok()?;
    let mut digits = text.iter().enumerate();
    let mut digit = || loop {
        match digits.next()? {
            (8 | 13 | 18 | 23, b'-') => {}
            (8 | 13 | 18 | 23, _) => return None,
            (_, digit @ b'0'..=b'9') => return Some(digit - b'0'),
            (_, digit @ b'a'..=b'f') => return Some(digit - b'a' + 10),
            _ => return None,
        }
    };
    let mut bytes = [0; 16];
    for byte in &mut bytes {
        *byte = digit()? << 4 | digit()?;
    }
    Some(bytes)
}

/// A group's or a user's number: the highest bit tells which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EntryNumber(u32);

/// The two kinds of entry, each numbered for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Group(u32),
    User(u32),
}

const USER: u32 = 1 << 31;

impl EntryNumber {
    /// Nobody.
    pub(super) const NONE: Self = Self(u32::MAX);

    pub(super) fn new(kind: Kind) -> Self {
        match kind {
            Kind::Group(at) => Self(at),
            Kind::User(at) => Self(at | USER),
        }
    }

    pub(super) fn kind(self) -> Option<Kind> {
        let at = self.0 & !USER;
        match self {
            Self::NONE => None,
            Self(all) if all & USER == 0 => Some(Kind::Group(at)),
            Self(_) => Some(Kind::User(at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, is_uuid: bool) {
        let id = Id::of(&UpstreamId::new(text));
        assert_eq!(matches!(id, Id::Uuid(_)), is_uuid);
        assert_eq!(id.upstream_id().as_str(), text);
    }

    #[test]
    fn an_id_is_the_same_text_again_whatever_it_looks_like() {
        check("0f81e3a2-5c5d-103f-9d2b-c1ddc1b1a001", true);
        check("0F81E3A2-5C5D-103F-9D2B-C1DDC1B1A001", false);
        check("0f81e3a25c5d103f9d2bc1ddc1b1a001", false);
        check("0f81e3a2-5c5d-103f-9d2b-c1ddc1b1a00g", false);
        check("-f81e3a2-5c5d-103f-9d2b-c1ddc1b1a001", false);
        check("0f81e3a205c5d-103f-9d2b-c1ddc1b1a001", false);
        check("0f81e3a2-5c5d-103f-9d2b-c1ddc1b1a0\u{e4}", false);
        check("", false);
    }

    #[test]
    fn ids_have_the_order_of_their_text() {
        let texts = [
            "0f81e3a2-5c5d-103f-9d2b-c1ddc1b1a001",
            "1f81e3a2-5c5d-103f-9d2b-c1ddc1b1a001",
            "0f81e3a2-5c5d",
            "0f81e3a2-5c5e",
            "z",
            "",
        ];
        for left in texts {
            for right in texts {
                let (one, other) = (UpstreamId::new(left), UpstreamId::new(right));
                assert_eq!(Id::of(&one).compare(&Id::of(&other)), one.cmp(&other));
            }
        }
    }

    #[test]
    fn a_number_says_of_what_kind_it_is() {
        for kind in [Kind::Group(0), Kind::Group(7), Kind::User(0), Kind::User(7)] {
            assert_eq!(EntryNumber::new(kind).kind(), Some(kind));
        }
        assert_eq!(EntryNumber::NONE.kind(), None);
    }
}
