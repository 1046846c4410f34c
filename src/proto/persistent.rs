//! Searches that go on and show what changes (draft-ietf-ldapext-psearch-03): the values of the
//! controls.

use super::ber::{self, BOOLEAN, BerError, INTEGER, Reader, SEQUENCE};

/// Entries that are added (1), deleted (2), modified (4) and renamed (8).
const ALL_CHANGES: i64 = 15;
const DELETED: i64 = 2;

/// The value of the control on a search that shows changes of every type, nothing else, and of which
/// type each of them is.
pub fn all_changes() -> Vec<u8> {
    let mut out = Vec::new();
    ber::write_nested(&mut out, SEQUENCE, |out| {
        ber::write_integer(out, INTEGER, ALL_CHANGES);
        ber::write_boolean(out, BOOLEAN, true);
        ber::write_boolean(out, BOOLEAN, true);
    });
    out
}

/// Whether the value of the control on an entry says that this is gone.
pub fn is_deleted(value: &[u8]) -> Result<bool, BerError> {
    let mut fields = Reader::new(Reader::new(value).expect(SEQUENCE)?);
    Ok(fields.enumerated()? == DELETED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_values_are_those_of_the_draft() {
        assert_eq!(all_changes(), b"\x30\x09\x02\x01\x0f\x01\x01\xff\x01\x01\xff");
        for (value, expected) in [
            (&b"\x30\x03\x0a\x01\x02"[..], Ok(true)),
            (b"\x30\x03\x0a\x01\x04", Ok(false)),
            (b"\x30\x0b\x0a\x01\x08\x04\x03a=b\x02\x01\x07", Ok(false)),
        ] {
            assert_eq!(is_deleted(value), expected, "{value:?}");
        }
        assert!(is_deleted(b"\x30\x00").is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = is_deleted(&bytes);
        }
    }
}
