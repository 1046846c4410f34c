//! Results in pages (RFC 2696) and sorted (RFC 2891): the values of the controls.

use super::ber::{self, BerError, ENUMERATED, INTEGER, OCTET_STRING, Reader, SEQUENCE};

const ORDERING_RULE: u8 = 0x80;
const REVERSE_ORDER: u8 = 0x81;
const ATTRIBUTE_TYPE: u8 = 0x80;

/// The most keys of one sort.
pub const MAX_SORT_KEYS: usize = 16;

/// The value of the control of a page, of a request or of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page<'a> {
    /// How many entries are wanted; in a response, how many there are in all, 0 if that is not known.
    pub size: i64,
    /// What the next page is asked for with: empty in the first request and with the last page.
    pub cookie: &'a [u8],
}

impl<'a> Page<'a> {
    /// Reads the value.
    pub fn decode(value: &'a [u8]) -> Result<Self, BerError> {
        let mut fields = Reader::new(Reader::new(value).expect(SEQUENCE)?);
        Ok(Self { size: fields.integer()?, cookie: fields.octets()? })
    }

    /// The value.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        ber::write_nested(&mut out, SEQUENCE, |out| {
            ber::write_integer(out, INTEGER, self.size);
            ber::write_element(out, OCTET_STRING, self.cookie);
        });
        out
    }
}

/// One key of a sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SortKey<'a> {
    /// The attribute description.
    pub attribute: &'a [u8],
    /// The ordering rule, if one is named.
    pub rule: Option<&'a [u8]>,
    /// Whether the greatest value comes first.
    pub reverse: bool,
}

impl<'a> SortKey<'a> {
    /// Reads the value of a sort request: at least one key, and at most [`MAX_SORT_KEYS`].
    pub fn decode_all(value: &'a [u8]) -> Result<Vec<Self>, BerError> {
        let mut list = Reader::new(Reader::new(value).expect(SEQUENCE)?);
        let mut keys = Vec::new();
        loop {
            if keys.len() == MAX_SORT_KEYS {
                return Err(BerError::TooMany);
            }
            let mut fields = Reader::new(list.expect(SEQUENCE)?);
            let attribute = fields.octets()?;
            let rule = fields.optional(ORDERING_RULE)?.map(|element| element.content);
            let reverse = match fields.optional(REVERSE_ORDER)? {
                Some(element) => ber::boolean(element.content)?,
                None => false,
            };
            keys.push(Self { attribute, rule, reverse });
            if list.is_empty() {
                return Ok(keys);
            }
        }
    }
}

/// The value of a sort response: how the sort ended, as a result code, and by which attribute it
/// could not be done.
pub fn sort_result(code: u32, attribute: Option<&[u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    ber::write_nested(&mut out, SEQUENCE, |out| {
        ber::write_integer(out, ENUMERATED, i64::from(code));
        if let Some(attribute) = attribute {
            ber::write_element(out, ATTRIBUTE_TYPE, attribute);
        }
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_page_is_read_back_and_keys_are_read_with_and_without_their_options() {
        let page = Page { size: 500, cookie: b"next" };
        assert_eq!(Page::decode(&page.encode()), Ok(page));
        let keys = b"\x30\x1c\x30\x04\x04\x02sn\x30\x14\x04\x02cn\x80\x0b2.5.13.3.99\x81\x01\xff";
        let keys = SortKey::decode_all(keys);
        let (sn, cn) = (&b"sn"[..], &b"cn"[..]);
        assert_eq!(
            keys,
            Ok(vec![
                SortKey { attribute: sn, rule: None, reverse: false },
                SortKey { attribute: cn, rule: Some(b"2.5.13.3.99"), reverse: true },
            ])
        );
        assert!(SortKey::decode_all(b"\x30\x00").is_err(), "no key");
        let many: Vec<u8> = [&b"\x30\x66"[..], &b"\x30\x04\x04\x02sn".repeat(17)].concat();
        assert_eq!(SortKey::decode_all(&many), Err(BerError::TooMany));
        assert_eq!(sort_result(16, Some(b"x")), b"\x30\x06\x0a\x01\x10\x80\x01x");
        assert_eq!(sort_result(0, None), b"\x30\x03\x0a\x01\x00");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = Page::decode(&bytes);
            let _ = SortKey::decode_all(&bytes);
        }
    }
}
