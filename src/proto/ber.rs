//! BER as LDAP restricts it (RFC 4511 section 5.1): definite lengths and single-byte tags.
//!
//! Lengths that are longer than they need to be are accepted (Active Directory writes
//! `84 00 00 xx xx`); the indefinite form and multi-byte tags are refused.

use thiserror::Error;

/// Universal BOOLEAN.
pub const BOOLEAN: u8 = 0x01;
/// Universal INTEGER.
pub const INTEGER: u8 = 0x02;
/// Universal OCTET STRING.
pub const OCTET_STRING: u8 = 0x04;
/// Universal ENUMERATED.
pub const ENUMERATED: u8 = 0x0a;
/// Universal SEQUENCE, constructed.
pub const SEQUENCE: u8 = 0x30;
/// Universal SET, constructed.
pub const SET: u8 = 0x31;

/// The most bytes in which a length may be written after its first byte.
pub const MAX_LENGTH_BYTES: usize = 8;

/// Why bytes are not the BER that LDAP allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BerError {
    /// An element says that it is longer than what holds it.
    #[error("element is cut short")]
    Truncated,
    /// The indefinite form of length, which RFC 4511 section 5.1 forbids.
    #[error("indefinite length")]
    IndefiniteLength,
    /// A length that takes more than [`MAX_LENGTH_BYTES`], or exceeds the address space.
    #[error("length is too long")]
    LengthTooLong,
    /// A tag number of 31 or more.
    #[error("multi-byte tag")]
    MultiByteTag,
    /// Another element stands where this one was expected.
    #[error("expected tag {expected:#04x}, found {found:#04x}")]
    UnexpectedTag {
        /// The tag that the grammar asks for.
        expected: u8,
        /// The tag that was there.
        found: u8,
    },
    /// An integer that is empty or does not fit.
    #[error("integer is out of range")]
    BadInteger,
    /// A boolean whose content is not one byte.
    #[error("boolean is not one byte")]
    BadBoolean,
    /// Text that is not UTF-8.
    #[error("string is not utf-8")]
    BadUtf8,
    /// More nesting than the decoder follows.
    #[error("nested too deeply")]
    TooDeep,
    /// More elements than the decoder takes.
    #[error("too many elements")]
    TooMany,
    /// Bytes stand after the element that should be the only one.
    #[error("bytes after the end")]
    TrailingBytes,
    /// Substrings of a filter that are empty, doubled or out of order.
    #[error("substrings are empty or out of order")]
    BadSubstrings,
}

/// The tag and length of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The tag byte.
    pub tag: u8,
    /// How many bytes tag and length take together.
    pub header_len: usize,
    /// How many bytes of content follow.
    pub content_len: usize,
}

impl Header {
    /// Reads a header from the start of `bytes`; `None` while more bytes are needed.
    pub fn read(bytes: &[u8]) -> Result<Option<Self>, BerError> {
        let Some(&tag) = bytes.first() else {
            return Ok(None);
        };
        if tag & 0x1f == 0x1f {
            return Err(BerError::MultiByteTag);
        }
        let Some(&first) = bytes.get(1) else {
            return Ok(None);
        };
        if first < 0x80 {
            return Ok(Some(Self { tag, header_len: 2, content_len: usize::from(first) }));
        }
        let count = usize::from(first & 0x7f);
        if count == 0 {
            return Err(BerError::IndefiniteLength);
        }
        if count > MAX_LENGTH_BYTES {
            return Err(BerError::LengthTooLong);
        }
        let Some(digits) = bytes.get(2..2 + count) else {
            return Ok(None);
        };
        let length = digits.iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
        let content_len = usize::try_from(length).map_err(|_| BerError::LengthTooLong)?;
        Ok(Some(Self { tag, header_len: 2 + count, content_len }))
    }

    /// The length of header and content together.
    pub fn total(&self) -> Result<usize, BerError> {
        self.header_len.checked_add(self.content_len).ok_or(BerError::LengthTooLong)
    }
}

/// One element: its tag, its content, and all its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element<'a> {
    /// The tag byte.
    pub tag: u8,
    /// What the element holds.
    pub content: &'a [u8],
    /// The element with its tag and length.
    pub whole: &'a [u8],
}

/// Reads the elements of a constructed value one after another.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader of what `content` holds.
    pub fn new(content: &'a [u8]) -> Self {
        Self { rest: content }
    }

    /// Whether everything was read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The tag of the next element, without taking it.
    pub fn peek_tag(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next element, whatever it is.
    pub fn element(&mut self) -> Result<Element<'a>, BerError> {
        let header = Header::read(self.rest)?.ok_or(BerError::Truncated)?;
        let total = header.total()?;
        if total > self.rest.len() {
            return Err(BerError::Truncated);
        }
        let (whole, rest) = self.rest.split_at(total);
        self.rest = rest;
        Ok(Element { tag: header.tag, content: &whole[header.header_len..], whole })
    }

    /// Everything that was not read yet.
    pub fn take_rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// The next element, if it bears `tag`.
    pub fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, BerError> {
        if self.peek_tag() == Some(tag) { self.element().map(Some) } else { Ok(None) }
    }

    /// The content of the next element, which has to bear `tag`.
    pub fn expect(&mut self, tag: u8) -> Result<&'a [u8], BerError> {
        match self.peek_tag() {
            Some(found) if found == tag => Ok(self.element()?.content),
            Some(found) => Err(BerError::UnexpectedTag { expected: tag, found }),
            None => Err(BerError::Truncated),
        }
    }

    /// An OCTET STRING.
    pub fn octets(&mut self) -> Result<&'a [u8], BerError> {
        self.expect(OCTET_STRING)
    }

    /// An INTEGER of at most eight bytes.
    pub fn integer(&mut self) -> Result<i64, BerError> {
        integer(self.expect(INTEGER)?)
    }

    /// An ENUMERATED of at most eight bytes.
    pub fn enumerated(&mut self) -> Result<i64, BerError> {
        integer(self.expect(ENUMERATED)?)
    }

    /// A BOOLEAN; any byte but zero is true.
    pub fn boolean(&mut self) -> Result<bool, BerError> {
        boolean(self.expect(BOOLEAN)?)
    }
}

/// The value of an integer's content.
pub fn integer(content: &[u8]) -> Result<i64, BerError> {
    if content.is_empty() || content.len() > 8 {
        return Err(BerError::BadInteger);
    }
    let sign = if content[0] & 0x80 == 0 { 0 } else { -1i64 };
    Ok(content.iter().fold(sign, |sum, byte| sum << 8 | i64::from(*byte)))
}

/// The value of a boolean's content.
pub fn boolean(content: &[u8]) -> Result<bool, BerError> {
    match content {
        [byte] => Ok(*byte != 0),
        _ => Err(BerError::BadBoolean),
    }
}

/// Appends the shortest form of `length`.
pub fn write_length(out: &mut Vec<u8>, length: usize) {
    if length < 0x80 {
        out.push(length as u8);
        return;
    }
    let bytes = (length as u64).to_be_bytes();
    let skipped = bytes.iter().take_while(|byte| **byte == 0).count();
    out.push(0x80 | (bytes.len() - skipped) as u8);
    out.extend_from_slice(&bytes[skipped..]);
}

/// How many bytes [`write_length`] takes for `length`.
pub fn length_of_length(length: usize) -> usize {
    if length < 0x80 { 1 } else { 1 + (usize::BITS - length.leading_zeros()).div_ceil(8) as usize }
}

/// Appends one element.
pub fn write_element(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    out.push(tag);
    write_length(out, content.len());
    out.extend_from_slice(content);
}

/// Appends an integer under `tag`, in its shortest form.
pub fn write_integer(out: &mut Vec<u8>, tag: u8, value: i64) {
    let bytes = value.to_be_bytes();
    let mut start = 0;
    while start < 7 {
        let redundant = match bytes[start] {
            0x00 => bytes[start + 1] & 0x80 == 0,
            0xff => bytes[start + 1] & 0x80 != 0,
            _ => false,
        };
        if !redundant {
            break;
        }
        start += 1;
    }
    write_element(out, tag, &bytes[start..]);
}

/// Appends a BOOLEAN as DER writes it.
pub fn write_boolean(out: &mut Vec<u8>, tag: u8, value: bool) {
    write_element(out, tag, &[if value { 0xff } else { 0 }]);
}

/// Appends a constructed element whose content `fill` writes.
pub fn write_nested(out: &mut Vec<u8>, tag: u8, fill: impl FnOnce(&mut Vec<u8>)) {
    out.push(tag);
    let at = out.len();
    out.push(0);
    fill(out);
    let length = out.len() - at - 1;
    if length < 0x80 {
        out[at] = length as u8;
        return;
    }
    let mut encoded = Vec::with_capacity(9);
    write_length(&mut encoded, length);
    out.splice(at..=at, encoded);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check_header(bytes: &[u8], expected: Result<Option<(u8, usize, usize)>, BerError>) {
        let got = Header::read(bytes).map(|h| h.map(|h| (h.tag, h.header_len, h.content_len)));
        assert_eq!(got, expected, "{bytes:02x?}");
    }

    #[test]
    fn a_header_is_read_in_every_form_that_ldap_allows() {
        check_header(&[], Ok(None));
        check_header(&[0x30], Ok(None));
        check_header(&[0x30, 0x05], Ok(Some((0x30, 2, 5))));
        check_header(&[0x30, 0x81, 0x05], Ok(Some((0x30, 3, 5))));
        check_header(&[0x30, 0x84, 0, 0, 1, 0], Ok(Some((0x30, 6, 256))));
        check_header(&[0x30, 0x84, 0, 0, 1], Ok(None));
        check_header(&[0x30, 0x80], Err(BerError::IndefiniteLength));
        check_header(&[0x30, 0x89], Err(BerError::LengthTooLong));
        check_header(&[0x3f, 0x01], Err(BerError::MultiByteTag));
    }

    #[test]
    fn an_element_longer_than_what_holds_it_is_refused() {
        assert_eq!(Reader::new(&[4, 3, 1, 2]).octets(), Err(BerError::Truncated));
        let huge = [4, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0];
        assert_eq!(Reader::new(&huge).octets(), Err(BerError::LengthTooLong));
    }

    proptest! {
        #[test]
        fn an_integer_that_was_written_is_read_back(value: i64) {
            let mut out = Vec::new();
            write_integer(&mut out, INTEGER, value);
            prop_assert_eq!(Reader::new(&out).integer(), Ok(value));
        }

        #[test]
        fn a_nested_element_of_any_length_is_read_back(length in 0usize..70_000) {
            let mut out = Vec::new();
            write_nested(&mut out, SEQUENCE, |out| out.resize(out.len() + length, 7));
            prop_assert_eq!(out.len(), 1 + length_of_length(length) + length);
            prop_assert_eq!(Reader::new(&out).expect(SEQUENCE).map(<[u8]>::len), Ok(length));
        }

        #[test]
        fn any_bytes_are_read_to_their_end_without_panic(bytes: Vec<u8>) {
            let mut reader = Reader::new(&bytes);
            while let Ok(element) = reader.element() {
                prop_assert!(element.whole.len() >= 2);
            }
        }
    }
}
