//! Filters as the wire has them (RFC 4511 section 4.5.1).

use super::{Filter, FilterLimits};
use crate::proto::ber::{self, BerError, Element, OCTET_STRING, Reader, SEQUENCE};

pub(super) const AND: u8 = 0xa0;
pub(super) const OR: u8 = 0xa1;
pub(super) const NOT: u8 = 0xa2;
const EQUALITY: u8 = 0xa3;
pub(super) const SUBSTRINGS: u8 = 0xa4;
const GREATER_OR_EQUAL: u8 = 0xa5;
const LESS_OR_EQUAL: u8 = 0xa6;
const PRESENT: u8 = 0x87;
const APPROXIMATE: u8 = 0xa8;
const EXTENSIBLE: u8 = 0xa9;

const INITIAL: u8 = 0x80;
const ANY: u8 = 0x81;
const FINAL: u8 = 0x82;

const RULE: u8 = 0x81;
const TYPE: u8 = 0x82;
const VALUE: u8 = 0x83;
const DN_ATTRIBUTES: u8 = 0x84;

/// Decodes one filter element; bytes after it are an error.
pub(super) fn decode(bytes: &[u8], limits: FilterLimits) -> Result<Filter, BerError> {
    let mut reader = Reader::new(bytes);
    let element = reader.element()?;
    if !reader.is_empty() {
        return Err(BerError::TrailingBytes);
    }
    let mut decoder = Decoder { components: limits.components };
    decoder.filter(element, limits.depth.min(FilterLimits::MAX_DEPTH))
}

struct Decoder {
    /// How many more components may come.
    components: usize,
}

impl Decoder {
    /// Decodes a filter that may be `depth` levels deep; this is what bounds the recursion.
    fn filter(&mut self, element: Element<'_>, depth: usize) -> Result<Filter, BerError> {
        let depth = depth.checked_sub(1).ok_or(BerError::TooDeep)?;
        self.count()?;
        let content = element.content;
        Ok(match element.tag {
            AND => Filter::And(self.set(content, depth)?),
            OR => Filter::Or(self.set(content, depth)?),
            NOT => Filter::Not(Box::new(self.only(content, depth)?)),
            EQUALITY => assertion(content).map(|(name, value)| Filter::Equal(name, value))?,
            SUBSTRINGS => self.substrings(content)?,
            GREATER_OR_EQUAL => {
                assertion(content).map(|(name, value)| Filter::GreaterOrEqual(name, value))?
            }
            LESS_OR_EQUAL => {
                assertion(content).map(|(name, value)| Filter::LessOrEqual(name, value))?
            }
            PRESENT => Filter::Present(text(content)?),
            APPROXIMATE => {
                assertion(content).map(|(name, value)| Filter::Approximate(name, value))?
            }
            EXTENSIBLE => extensible(content)?,
            found => return Err(BerError::UnexpectedTag { expected: AND, found }),
        })
    }

    fn count(&mut self) -> Result<(), BerError> {
        self.components = self.components.checked_sub(1).ok_or(BerError::TooMany)?;
        Ok(())
    }

    fn set(&mut self, content: &[u8], depth: usize) -> Result<Vec<Filter>, BerError> {
        let mut reader = Reader::new(content);
        let mut filters = Vec::new();
        while !reader.is_empty() {
            filters.push(self.filter(reader.element()?, depth)?);
        }
        Ok(filters)
    }

    fn only(&mut self, content: &[u8], depth: usize) -> Result<Filter, BerError> {
        let mut reader = Reader::new(content);
        let element = reader.element()?;
        if !reader.is_empty() {
            return Err(BerError::TrailingBytes);
        }
        self.filter(element, depth)
    }

    fn substrings(&mut self, content: &[u8]) -> Result<Filter, BerError> {
        let mut fields = Reader::new(content);
        let attribute = text(fields.octets()?)?;
        let mut parts = Reader::new(fields.expect(SEQUENCE)?);
        let (mut initial, mut any, mut last) = (None, Vec::new(), None);
        if parts.is_empty() {
            return Err(BerError::BadSubstrings);
        }
        while !parts.is_empty() {
            self.count()?;
            let part = parts.element()?;
            let begins = initial.is_none() && any.is_empty();
            if part.content.is_empty() || last.is_some() {
                return Err(BerError::BadSubstrings);
            }
            match part.tag {
                INITIAL if begins => initial = Some(part.content.to_vec()),
                ANY => any.push(part.content.to_vec()),
                FINAL => last = Some(part.content.to_vec()),
                _ => return Err(BerError::BadSubstrings),
            }
        }
        Ok(Filter::Substrings { attribute, initial, any, last })
    }
}

fn assertion(content: &[u8]) -> Result<(String, Vec<u8>), BerError> {
    let mut fields = Reader::new(content);
    Ok((text(fields.octets()?)?, fields.octets()?.to_vec()))
}

fn extensible(content: &[u8]) -> Result<Filter, BerError> {
    let mut fields = Reader::new(content);
    let optional_text = |element: Option<Element<'_>>| element.map(|e| text(e.content)).transpose();
    let rule = optional_text(fields.optional(RULE)?)?;
    let attribute = optional_text(fields.optional(TYPE)?)?;
    let value = fields.expect(VALUE)?.to_vec();
    let dn_attributes = fields.optional(DN_ATTRIBUTES)?;
    let dn_attributes = dn_attributes.map(|e| ber::boolean(e.content)).transpose()?;
    // Fields that are yet unknown are ignored; a known one that comes twice or too late is not.
    if let Some(found @ RULE..=DN_ATTRIBUTES) = fields.peek_tag() {
        return Err(BerError::UnexpectedTag { expected: DN_ATTRIBUTES, found });
    }
    Ok(Filter::Extensible {
        rule,
        attribute,
        value,
        dn_attributes: dn_attributes.unwrap_or_default(),
    })
}

fn text(bytes: &[u8]) -> Result<String, BerError> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| BerError::BadUtf8)
}

/// Appends a filter; it recurses as deep as the tree is.
pub(super) fn encode(filter: &Filter, out: &mut Vec<u8>) {
    match filter {
        Filter::And(filters) => encode_set(AND, filters, out),
        Filter::Or(filters) => encode_set(OR, filters, out),
        Filter::Not(inner) => ber::write_nested(out, NOT, |out| encode(inner, out)),
        Filter::Equal(name, value) => encode_assertion(EQUALITY, name, value, out),
        Filter::GreaterOrEqual(name, value) => {
            encode_assertion(GREATER_OR_EQUAL, name, value, out);
        }
        Filter::LessOrEqual(name, value) => encode_assertion(LESS_OR_EQUAL, name, value, out),
        Filter::Approximate(name, value) => encode_assertion(APPROXIMATE, name, value, out),
        Filter::Present(name) => ber::write_element(out, PRESENT, name.as_bytes()),
        Filter::Substrings { attribute, initial, any, last } => {
            ber::write_nested(out, SUBSTRINGS, |out| {
                ber::write_element(out, OCTET_STRING, attribute.as_bytes());
                ber::write_nested(out, SEQUENCE, |out| {
                    write_all(out, INITIAL, initial.iter());
                    write_all(out, ANY, any.iter());
                    write_all(out, FINAL, last.iter());
                });
            });
        }
        Filter::Extensible { rule, attribute, value, dn_attributes } => {
            ber::write_nested(out, EXTENSIBLE, |out| {
                write_all(out, RULE, rule.iter());
                write_all(out, TYPE, attribute.iter());
                ber::write_element(out, VALUE, value);
                if *dn_attributes {
                    ber::write_boolean(out, DN_ATTRIBUTES, true);
                }
            });
        }
    }
}

fn encode_set(tag: u8, filters: &[Filter], out: &mut Vec<u8>) {
    ber::write_nested(out, tag, |out| filters.iter().for_each(|filter| encode(filter, out)));
}

fn encode_assertion(tag: u8, name: &str, value: &[u8], out: &mut Vec<u8>) {
    ber::write_nested(out, tag, |out| {
        ber::write_element(out, OCTET_STRING, name.as_bytes());
        ber::write_element(out, OCTET_STRING, value);
    });
}

fn write_all<T: AsRef<[u8]>>(out: &mut Vec<u8>, tag: u8, values: impl Iterator<Item = T>) {
    values.for_each(|value| ber::write_element(out, tag, value.as_ref()));
}
