//! The root DSE (RFC 4512 section 5.1) as clients of the gateway read it: the directory's, with what
//! the gateway adds and without what it cannot carry.
//!
//! Whatever a client asks is asked of the directory, and altered on its way back. A filter on an
//! attribute that is altered, and a read of types alone, cannot be asked so: they are decided here,
//! on all that the directory shows.

use super::matching::{self, Truth};
use super::referral::Referrals;
use crate::proto::ber::{self, BOOLEAN, BerError, ENUMERATED, OCTET_STRING, Reader, SEQUENCE, SET};
use crate::proto::filter::{Filter, FilterLimits};
use crate::proto::oid;
use crate::proto::op::Operation;
use crate::proto::search::{Attribute, Entry, Scope, SearchRequest};

/// What the gateway has of its own, and what it does not carry.
#[derive(Clone, Copy)]
pub struct Offer<'a> {
    /// Which SASL mechanisms are carried.
    pub carries: &'a dyn Fn(&[u8]) -> bool,
    /// Mechanisms that the gateway serves itself.
    pub mechanisms: &'a [&'a [u8]],
    /// Whether clients may begin TLS.
    pub start_tls: bool,
    /// Whether the client may ask as somebody else (RFC 4370).
    pub proxied_authorisation: bool,
    /// What becomes of references to other servers.
    pub referrals: Referrals,
    /// Suffixes that the gateway serves itself.
    pub contexts: &'a [&'a [u8]],
}

/// An attribute of the root DSE that is altered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Altered {
    Mechanisms,
    Extensions,
    Controls,
    OtherServers,
    Contexts,
}

/// Names and OIDs of what is altered (RFC 4512 section 5.1).
const ALTERED: [(&[u8], &[u8], Altered); 5] = [
    (b"supportedSASLMechanisms", b"1.3.6.1.4.1.1466.101.120.14", Altered::Mechanisms),
    (b"supportedExtension", b"1.3.6.1.4.1.1466.101.120.7", Altered::Extensions),
    (b"supportedControl", b"1.3.6.1.4.1.1466.101.120.13", Altered::Controls),
    (b"altServer", b"1.3.6.1.4.1.1466.101.120.6", Altered::OtherServers),
    (b"namingContexts", b"1.3.6.1.4.1.1466.101.120.5", Altered::Contexts),
];

/// Attributes that `*` does not stand for, where their kind has to be told without the directory:
/// of those that a filter may name and the client did not select.
const OPERATIONAL: [&[u8]; 9] = [
    b"supportedFeatures",
    b"supportedLDAPVersion",
    b"subschemaSubentry",
    b"configContext",
    b"monitorContext",
    b"structuralObjectClass",
    b"entryDN",
    b"vendorName",
    b"vendorVersion",
];

impl Altered {
    fn of(name: &[u8]) -> Option<Self> {
        let named = |(known, oid, _): &&(&[u8], &[u8], Self)| {
            name.eq_ignore_ascii_case(known) || name == *oid
        };
        ALTERED.iter().find(named).map(|(.., altered)| *altered)
    }

    fn keeps(self, offer: &Offer<'_>, value: &[u8]) -> bool {
        match self {
            Self::Mechanisms => (offer.carries)(value),
            Self::Extensions => value != oid::START_TLS || offer.start_tls,
            Self::Controls => offer.proxied_authorisation || !oid::is_proxied_authorisation(value),
            Self::OtherServers => offer.referrals == Referrals::Pass,
            Self::Contexts => true,
        }
    }

    fn added<'o>(self, offer: &Offer<'o>) -> Vec<&'o [u8]> {
        match self {
            Self::Mechanisms => offer.mechanisms.to_vec(),
            Self::Extensions if offer.start_tls => vec![oid::WHO_AM_I, oid::START_TLS],
            Self::Extensions => vec![oid::WHO_AM_I],
            Self::Contexts => offer.contexts.to_vec(),
            Self::Controls | Self::OtherServers => Vec::new(),
        }
    }
}

/// Whether a search, by its content, reads the root DSE: the base object of the empty name.
pub fn is_read_by(search: &[u8]) -> bool {
    // Nearly every search names a base: that is seen without reading on.
    if matches!(search.get(1), Some(1..0x80)) {
        return false;
    }
    let mut reader = Reader::new(search);
    let is_root = reader.octets().is_ok_and(<[u8]>::is_empty);
    is_root && reader.enumerated().is_ok_and(|scope| scope == Scope::Base.number())
}

/// The content of the search that the directory is asked in the place of this one; `None` if it is
/// asked this one.
pub fn asked(search: &[u8]) -> Option<Vec<u8>> {
    let request = SearchRequest::decode(search).ok()?;
    let named = decided_here(&request);
    if !request.types_only && named.is_none() {
        return None;
    }
    let mut out = Vec::with_capacity(search.len() + 64);
    ber::write_element(&mut out, OCTET_STRING, request.base);
    ber::write_integer(&mut out, ENUMERATED, request.scope.number());
    ber::write_integer(&mut out, ENUMERATED, request.deref_aliases);
    ber::write_integer(&mut out, ber::INTEGER, request.size_limit);
    ber::write_integer(&mut out, ber::INTEGER, request.time_limit);
    ber::write_boolean(&mut out, BOOLEAN, false);
    match &named {
        Some(_) => Filter::any_entry().encode(&mut out),
        None => out.extend_from_slice(request.filter),
    }
    ber::write_nested(&mut out, SEQUENCE, |out| {
        let more = named.unwrap_or_default();
        if request.attributes.is_empty() && !more.is_empty() {
            ber::write_element(out, OCTET_STRING, b"*");
        }
        for name in request.attributes.iter().copied().chain(more.iter().map(String::as_bytes)) {
            ber::write_element(out, OCTET_STRING, name);
        }
    });
    Some(out)
}

/// The body of the entry, an entry of the directory's answer to [`asked`], as the answer to
/// `search` has it; `None` if that has none. An entry that cannot be read stays as it is.
pub fn served(search: &[u8], body: &[u8], offer: &Offer<'_>) -> Option<Vec<u8>> {
    let (Ok(request), Ok(mut root)) = (SearchRequest::decode(search), Root::read(body)) else {
        return Some(body.to_vec());
    };
    root.alter(offer);
    root.add(&request, offer);
    if decided_here(&request).is_some() {
        let filter = Filter::decode(request.filter, FilterLimits::default()).ok()?;
        if matching::evaluate(&filter, &root.entry()) != Truth::True {
            return None;
        }
        root.attributes.retain(|attribute| is_selected(&request, attribute.name));
    }
    Some(root.write(request.types_only))
}

/// The attributes that the search's filter names, if one of them is altered.
fn decided_here(request: &SearchRequest<'_>) -> Option<Vec<String>> {
    let filter = Filter::decode(request.filter, FilterLimits::default()).ok()?;
    let mut names = Vec::new();
    attributes_of(&filter, &mut names);
    names.iter().any(|name| Altered::of(name.as_bytes()).is_some()).then_some(names)
}

/// Recurses as deep as the filter is, which its limits bound.
fn attributes_of(filter: &Filter, names: &mut Vec<String>) {
    match filter {
        Filter::And(filters) | Filter::Or(filters) => {
            filters.iter().for_each(|filter| attributes_of(filter, names));
        }
        Filter::Not(filter) => attributes_of(filter, names),
        Filter::Equal(name, _)
        | Filter::Substrings { attribute: name, .. }
        | Filter::GreaterOrEqual(name, _)
        | Filter::LessOrEqual(name, _)
        | Filter::Present(name)
        | Filter::Approximate(name, _)
        | Filter::Extensible { attribute: Some(name), .. } => names.push(name.clone()),
        Filter::Extensible { attribute: None, .. } => {}
    }
}

fn selects_all(request: &SearchRequest<'_>, all: &[u8]) -> bool {
    request.attributes.contains(&all)
}

fn is_selected(request: &SearchRequest<'_>, name: &[u8]) -> bool {
    let same = |wanted: &&[u8]| {
        wanted.eq_ignore_ascii_case(name)
            || Altered::of(wanted).is_some_and(|altered| Altered::of(name) == Some(altered))
    };
    if request.attributes.iter().any(same) {
        return true;
    }
    let known = |known: &&[u8]| known.eq_ignore_ascii_case(name);
    if Altered::of(name).is_some() || OPERATIONAL.iter().any(known) {
        return selects_all(request, b"+");
    }
    request.attributes.is_empty() || selects_all(request, b"*")
}

/// The root DSE in its parts, borrowed from the message.
struct Root<'a> {
    name: &'a [u8],
    attributes: Vec<Part<'a>>,
    /// What follows the entry: controls.
    behind: &'a [u8],
}

struct Part<'a> {
    name: &'a [u8],
    values: Vec<&'a [u8]>,
    /// The attribute as it came, as long as it is that.
    whole: Option<&'a [u8]>,
}

impl<'a> Root<'a> {
    fn read(body: &'a [u8]) -> Result<Self, BerError> {
        let mut reader = Reader::new(body);
        let mut entry = Reader::new(reader.expect(Operation::SearchResultEntry.tag())?);
        let name = entry.octets()?;
        let mut list = Reader::new(entry.expect(SEQUENCE)?);
        let mut attributes = Vec::new();
        while !list.is_empty() {
            let element = list.element()?;
            let mut fields = Reader::new(element.content);
            let name = fields.octets()?;
            let mut set = Reader::new(fields.expect(SET)?);
            let mut values = Vec::new();
            while !set.is_empty() {
                values.push(set.octets()?);
            }
            attributes.push(Part { name, values, whole: Some(element.whole) });
        }
        Ok(Self { name, attributes, behind: reader.take_rest() })
    }

    /// Takes away what is not carried, and adds values to what is there.
    fn alter(&mut self, offer: &Offer<'a>) {
        for part in &mut self.attributes {
            let Some(altered) = Altered::of(part.name) else { continue };
            let before = part.values.len();
            part.values.retain(|value| altered.keeps(offer, value));
            let is_shorter = part.values.len() < before;
            let more = altered.added(offer);
            let missing = more.into_iter().filter(|value| !part.values.contains(value));
            let missing: Vec<_> = missing.collect();
            if is_shorter || !missing.is_empty() {
                part.values.extend(missing);
                part.whole = None;
            }
        }
        self.attributes.retain(|part| part.whole.is_some() || !part.values.is_empty());
    }

    /// Adds attributes that the directory does not have, if the client, or the filter, wants them.
    fn add(&mut self, request: &SearchRequest<'_>, offer: &Offer<'a>) {
        let named = decided_here(request).unwrap_or_default();
        for (name, _, altered) in ALTERED {
            let values = altered.added(offer);
            let is_there = self.attributes.iter().any(|p| Altered::of(p.name) == Some(altered));
            let in_filter = named.iter().any(|n| Altered::of(n.as_bytes()) == Some(altered));
            if !values.is_empty() && !is_there && (in_filter || is_selected(request, name)) {
                self.attributes.push(Part { name, values, whole: None });
            }
        }
    }

    /// The entry, for a filter.
    fn entry(&self) -> Entry {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let attributes = self.attributes.iter().map(|part| Attribute {
            name: text(part.name),
            values: part.values.iter().map(|value| value.to_vec()).collect(),
        });
        Entry { dn: text(self.name), attributes: attributes.collect() }
    }

    fn write(&self, types_only: bool) -> Vec<u8> {
        let mut out = Vec::new();
        ber::write_nested(&mut out, Operation::SearchResultEntry.tag(), |out| {
            ber::write_element(out, OCTET_STRING, self.name);
            ber::write_nested(out, SEQUENCE, |out| {
                for part in &self.attributes {
                    match part.whole.filter(|_| !types_only) {
                        Some(whole) => out.extend_from_slice(whole),
                        None => ber::write_nested(out, SEQUENCE, |out| part.write(out, types_only)),
                    }
                }
            });
        });
        out.extend_from_slice(self.behind);
        out
    }
}

impl Part<'_> {
    fn write(&self, out: &mut Vec<u8>, types_only: bool) {
        ber::write_element(out, OCTET_STRING, self.name);
        ber::write_nested(out, SET, |out| {
            for value in self.values.iter().filter(|_| !types_only) {
                ber::write_element(out, OCTET_STRING, value);
            }
        });
    }
}

#[cfg(test)]
#[path = "root_dse_tests.rs"]
mod tests;
