//! Search requests and result entries (RFC 4511 section 4.5).

use super::ber::{
    self, BOOLEAN, BerError, ENUMERATED, INTEGER, OCTET_STRING, Reader, SEQUENCE, SET,
};
use super::control::Control;
use super::envelope::{CONTROLS, MessageId, write_message, write_with_body};
use super::filter::Filter;
use super::op::Operation;

/// How far below its base a search looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The base alone.
    Base,
    /// The entries right below the base.
    One,
    /// The base and everything below it.
    Subtree,
    /// Everything below the base, without it (draft-sermersheim-ldap-subordinate-scope).
    Subordinate,
}

impl Scope {
    /// The scope that a number means on the wire.
    pub fn from_number(number: i64) -> Option<Self> {
        [Self::Base, Self::One, Self::Subtree, Self::Subordinate]
            .into_iter()
            .find(|scope| scope.number() == number)
    }

    /// The number that means this scope on the wire.
    pub fn number(self) -> i64 {
        match self {
            Self::Base => 0,
            Self::One => 1,
            Self::Subtree => 2,
            Self::Subordinate => 3,
        }
    }
}

/// A search request, borrowed from its message; the filter is not decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchRequest<'a> {
    /// Where to look.
    pub base: &'a [u8],
    /// How far below.
    pub scope: Scope,
    /// How aliases are followed: 0 to 3.
    pub deref_aliases: i64,
    /// The most entries that the client takes; 0 is no limit.
    pub size_limit: i64,
    /// The most seconds that the client waits; 0 is no limit.
    pub time_limit: i64,
    /// Whether values are left out.
    pub types_only: bool,
    /// The filter with its tag and length, for [`Filter::decode`].
    pub filter: &'a [u8],
    /// The attribute selection, in the client's order.
    pub attributes: Vec<&'a [u8]>,
}

/// The most attributes that a selection may name.
pub const MAX_SELECTION: usize = 10_000;

/// Base, scope, aliases, two limits, and whether values are left out.
const FIELDS_BEFORE_THE_FILTER: usize = 6;

impl<'a> SearchRequest<'a> {
    /// The filter with its tag and length, of a search request's content that is not decoded.
    pub fn filter_of(content: &'a [u8]) -> Result<&'a [u8], BerError> {
        let mut reader = Reader::new(content);
        for _ in 0..FIELDS_BEFORE_THE_FILTER {
            reader.element()?;
        }
        Ok(reader.element()?.whole)
    }

    /// Decodes the content of a search request.
    pub fn decode(content: &'a [u8]) -> Result<Self, BerError> {
        let mut reader = Reader::new(content);
        let base = reader.octets()?;
        let scope = Scope::from_number(reader.enumerated()?).ok_or(BerError::BadInteger)?;
        let deref_aliases = reader.enumerated()?;
        let size_limit = reader.integer()?;
        let time_limit = reader.integer()?;
        let types_only = reader.boolean()?;
        let filter = reader.element()?.whole;
        let mut selection = Reader::new(reader.expect(SEQUENCE)?);
        let mut attributes = Vec::new();
        while !selection.is_empty() {
            if attributes.len() == MAX_SELECTION {
                return Err(BerError::TooMany);
            }
            attributes.push(selection.octets()?);
        }
        Ok(Self {
            base,
            scope,
            deref_aliases,
            size_limit,
            time_limit,
            types_only,
            filter,
            attributes,
        })
    }
}

/// A search that the gateway asks for itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    /// Where to look, in any spelling of the DN.
    pub base: String,
    /// How far below.
    pub scope: Scope,
    /// What to look for.
    pub filter: Filter,
    /// What to return.
    pub attributes: Vec<String>,
    /// The most entries to return; 0 leaves it to the server.
    pub size_limit: u32,
    /// The most seconds to take; 0 leaves it to the server.
    pub time_limit: u32,
    /// Controls, none of them critical: OID and value, of which an empty one is left out.
    pub controls: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Search {
    /// Appends a whole message with this search.
    pub fn write(&self, out: &mut Vec<u8>, id: MessageId) {
        self.write_with(out, id, &[]);
    }

    /// The same with more controls, which may be critical.
    pub fn write_with(&self, out: &mut Vec<u8>, id: MessageId, more: &[Control<'_>]) {
        let mut body = Vec::new();
        ber::write_nested(&mut body, Operation::SearchRequest.tag(), |out| {
            ber::write_element(out, OCTET_STRING, self.base.as_bytes());
            ber::write_integer(out, ENUMERATED, self.scope.number());
            ber::write_integer(out, ENUMERATED, 0);
            ber::write_integer(out, INTEGER, i64::from(self.size_limit));
            ber::write_integer(out, INTEGER, i64::from(self.time_limit));
            ber::write_boolean(out, BOOLEAN, false);
            self.filter.encode(out);
            ber::write_nested(out, SEQUENCE, |out| {
                for attribute in &self.attributes {
                    ber::write_element(out, OCTET_STRING, attribute.as_bytes());
                }
            });
        });
        if !self.controls.is_empty() || !more.is_empty() {
            ber::write_nested(&mut body, CONTROLS, |out| {
                for (oid, value) in &self.controls {
                    let value = (!value.is_empty()).then_some(value.as_slice());
                    Control { oid, critical: false, value }.write(out);
                }
                more.iter().for_each(|control| control.write(out));
            });
        }
        write_with_body(id, &body, out);
    }
}

/// An attribute of an entry with its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// The attribute description as the directory spells it.
    pub name: String,
    /// The values, in the directory's order.
    pub values: Vec<Vec<u8>>,
}

/// An entry as a search returned it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    /// The entry's DN as the directory spells it.
    pub dn: String,
    /// The attributes, in the directory's order.
    pub attributes: Vec<Attribute>,
}

impl Entry {
    /// Decodes the content of a search result entry.
    pub fn decode(content: &[u8]) -> Result<Self, BerError> {
        let mut reader = Reader::new(content);
        let dn = text(reader.octets()?)?;
        let mut list = Reader::new(reader.expect(SEQUENCE)?);
        let mut attributes = Vec::new();
        while !list.is_empty() {
            let mut fields = Reader::new(list.expect(SEQUENCE)?);
            let name = text(fields.octets()?)?;
            let mut set = Reader::new(fields.expect(SET)?);
            let mut values = Vec::new();
            while !set.is_empty() {
                values.push(set.octets()?.to_vec());
            }
            attributes.push(Attribute { name, values });
        }
        Ok(Self { dn, attributes })
    }

    /// Appends a whole message with this entry.
    pub fn write(&self, out: &mut Vec<u8>, id: MessageId) {
        write_message(out, id, Operation::SearchResultEntry.tag(), |out| {
            ber::write_element(out, OCTET_STRING, self.dn.as_bytes());
            ber::write_nested(out, SEQUENCE, |out| {
                for attribute in &self.attributes {
                    ber::write_nested(out, SEQUENCE, |out| attribute.write_fields(out));
                }
            });
        });
    }

    /// The values of the attribute of that name, compared without regard to case; empty if the
    /// entry has none. Options are part of the name.
    pub fn values(&self, name: &str) -> &[Vec<u8>] {
        let found = self.attributes.iter().find(|a| a.name.eq_ignore_ascii_case(name));
        found.map_or(&[], |attribute| &attribute.values)
    }

    /// The first value of an attribute as text, if it has one that is UTF-8.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.values(name).first().and_then(|value| std::str::from_utf8(value).ok())
    }
}

impl Attribute {
    fn write_fields(&self, out: &mut Vec<u8>) {
        ber::write_element(out, OCTET_STRING, self.name.as_bytes());
        ber::write_nested(out, SET, |out| {
            for value in &self.values {
                ber::write_element(out, OCTET_STRING, value);
            }
        });
    }
}

fn text(bytes: &[u8]) -> Result<String, BerError> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| BerError::BadUtf8)
}
