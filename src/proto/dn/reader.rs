//! Reading a name's text from left to right, each byte once.

use super::{DnError, MAX_VALUES_PER_RDN};
use crate::proto::attribute::normalize_type;
use crate::proto::ber;
use crate::proto::schema;

/// The universal tags of strings whose content is text as LDAP writes it.
const STRING_TAGS: [u8; 6] = [ber::OCTET_STRING, 0x0c, 0x12, 0x13, 0x16, 0x1a];

/// A value in a name.
pub(super) enum Value {
    /// The value itself.
    Octets(Vec<u8>),
    /// The BER of a value that is no string (`#` and hex digits).
    Ber(Vec<u8>),
}

/// Reads RDNs one after another.
pub(super) struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The next RDN if it is written as nearly all are: a usual type, and text in which nothing has a
    /// meaning of its own and no blank goes. What it is by then is its normal form but for case; of
    /// any other nothing is read.
    pub(super) fn plain_rdn(&mut self) -> Option<(&'static str, &'a str)> {
        let rest = &self.text.as_bytes()[self.at..];
        let equals = rest.iter().take(schema::LONGEST_USUAL).position(|byte| *byte == b'=')?;
        let kind = schema::usual_type(&rest[..equals])?;
        let length = plain_length(&rest[equals + 1..])?;
        let from = self.at + equals + 1;
        let value = self.text.get(from..from + length)?;
        self.at = from + length;
        Some((kind, value))
    }

    /// The next RDN, with the blanks around it.
    pub(super) fn rdn(&mut self) -> Result<Vec<(String, Value)>, DnError> {
        let mut rdn = Vec::with_capacity(1);
        loop {
            if rdn.len() == MAX_VALUES_PER_RDN {
                return self.fail("too many values in one rdn");
            }
            let kind = self.attribute_type()?;
            self.skip_blanks();
            rdn.push((kind, self.value()?));
            self.skip_blanks();
            if self.peek() != Some(b'+') {
                return Ok(rdn);
            }
            self.at += 1;
        }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.text.len()
    }

    /// What stands between two RDNs.
    pub(super) fn separator(&mut self) -> Result<(), DnError> {
        match self.next() {
            Some(b',' | b';') => Ok(()),
            _ => self.fail("a comma is missing"),
        }
    }

    /// A type and the `=` behind it.
    fn attribute_type(&mut self) -> Result<String, DnError> {
        let rest = &self.text[self.at..];
        let end = rest.bytes().position(|byte| matches!(byte, b'=' | b',' | b';' | b'+' | b'\\'));
        let Some(end) = end.filter(|end| rest.as_bytes()[*end] == b'=') else {
            return self.fail("an rdn has no '='");
        };
        let Some(kind) = normalize_type(rest[..end].trim_matches(' ')) else {
            return self.fail("what stands before '=' is no attribute type");
        };
        self.at += end + 1;
        Ok(kind.into_owned())
    }

    fn value(&mut self) -> Result<Value, DnError> {
        match self.peek() {
            Some(b'#') => self.hex_value(),
            Some(b'"') => self.quoted_value().map(Value::Octets),
            _ => self.plain_value().map(Value::Octets),
        }
    }

    fn plain_value(&mut self) -> Result<Vec<u8>, DnError> {
        let mut value = Vec::new();
        let mut significant = 0;
        while let Some(byte) = self.peek() {
            match byte {
                b',' | b';' | b'+' => break,
                b'"' | 0 => return self.fail("a character has to be escaped"),
                b'\\' => value.push(self.escape()?),
                other => {
                    value.push(other);
                    self.at += 1;
                }
            }
            if byte != b' ' {
                significant = value.len();
            }
        }
        value.truncate(significant);
        Ok(value)
    }

    fn quoted_value(&mut self) -> Result<Vec<u8>, DnError> {
        self.at += 1;
        let mut value = Vec::new();
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => value.push(self.escape()?),
                Some(0) => return self.fail("a character has to be escaped"),
                Some(other) => {
                    value.push(other);
                    self.at += 1;
                }
                None => return self.fail("a quotation mark is missing"),
            }
        }
        self.at += 1;
        Ok(value)
    }

    fn escape(&mut self) -> Result<u8, DnError> {
        self.at += 1;
        match self.peek() {
            Some(
                special @ (b' ' | b'"' | b'#' | b'+' | b',' | b';' | b'<' | b'=' | b'>' | b'\\'),
            ) => {
                self.at += 1;
                Ok(special)
            }
            _ => self.hex_pair(),
        }
    }

    fn hex_pair(&mut self) -> Result<u8, DnError> {
        let pair = self.text.as_bytes().get(self.at..self.at + 2);
        let digit = |byte: u8| char::from(byte).to_digit(16);
        match pair.map(|pair| (digit(pair[0]), digit(pair[1]))) {
            Some((Some(high), Some(low))) => {
                self.at += 2;
                Ok((high << 4 | low) as u8)
            }
            _ => self.fail("two hex digits are missing"),
        }
    }

    fn hex_value(&mut self) -> Result<Value, DnError> {
        self.at += 1;
        let mut bytes = vec![self.hex_pair()?];
        while !matches!(self.peek(), None | Some(b',' | b';' | b'+' | b' ')) {
            bytes.push(self.hex_pair()?);
        }
        let mut reader = ber::Reader::new(&bytes);
        let string = reader
            .element()
            .ok()
            .filter(|element| reader.is_empty() && STRING_TAGS.contains(&element.tag));
        Ok(match string.map(|element| element.content.to_vec()) {
            Some(content) => Value::Octets(content),
            None => Value::Ber(bytes),
        })
    }

    fn skip_blanks(&mut self) {
        while self.peek() == Some(b' ') {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn fail<T>(&self, reason: &str) -> Result<T, DnError> {
        Err(DnError(format!("{reason} at byte {}", self.at)))
    }
}

/// How far a value goes that is in its normal form already, but for case: to the end of its RDN.
fn plain_length(text: &[u8]) -> Option<usize> {
    // No blank may stand at either end, nor two beside each other.
    let mut wants_more = true;
    let mut length = 0;
    for byte in text {
        match BYTES[usize::from(*byte)] {
            Byte::Plain => wants_more = false,
            Byte::Blank if !wants_more => wants_more = true,
            Byte::End => break,
            Byte::Blank | Byte::Other => return None,
        }
        length += 1;
    }
    (!wants_more).then_some(length)
}

/// What a byte is to a plain value.
#[derive(Clone, Copy)]
enum Byte {
    Plain,
    Blank,
    /// It ends an RDN.
    End,
    /// It has a meaning in a name, or is none of ASCII's.
    Other,
}

const BYTES: [Byte; 256] = {
    let mut bytes = [Byte::Other; 256];
    let mut at = 0x20_u8;
    while at < 0x7f {
        bytes[at as usize] = match at {
            b' ' => Byte::Blank,
            b',' | b';' => Byte::End,
            b'"' | b'#' | b'+' | b'<' | b'>' | b'\\' => Byte::Other,
            _ => Byte::Plain,
        };
        at += 1;
    }
    bytes
};
