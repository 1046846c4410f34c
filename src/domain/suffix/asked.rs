//! What a client asks of the suffix, read from its message.

use super::layout::Layout;
use super::order::{Order, OrderFault};
use super::selection::Selection;
use crate::domain::session::{Refusal, UNKNOWN_CRITICAL};
use crate::proto::ber::{self, OCTET_STRING, Reader, SEQUENCE};
use crate::proto::control::Control;
use crate::proto::dn::DistinguishedName;
use crate::proto::envelope::Envelope;
use crate::proto::filter::{Filter, FilterLimits};
use crate::proto::oid;
use crate::proto::op::Operation;
use crate::proto::paged::{Page, SortKey};
use crate::proto::result::ResultCode;
use crate::proto::search::{Scope, SearchRequest};
use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;
use std::time::Duration;

/// Controls of a search that are served here.
pub const SEARCH_CONTROLS: [&[u8]; 4] =
    [oid::PAGED_RESULTS, oid::SORT_REQUEST, oid::MANAGE_DSA_IT, oid::DOMAIN_SCOPE];

const MALFORMED: Refusal = Refusal::new(ResultCode::PROTOCOL_ERROR, "request is malformed");

const TWICE: Refusal = Refusal::new(ResultCode::PROTOCOL_ERROR, "a control was sent twice");

/// The records cannot be changed over LDAP.
const READ_ONLY: Refusal = Refusal::new(
    ResultCode::UNWILLING_TO_PERFORM,
    "the gateway's records are read-only over LDAP: change the directory, or use bindgate's commands",
);

/// A request to the suffix.
#[derive(Debug)]
pub enum Asked {
    /// A search.
    Search(Box<Asking>),
    /// A compare.
    Compare(Comparison),
    /// Anything that is answered with this.
    Refused(Refusal),
}

/// A search as it was asked for.
#[derive(Debug)]
pub struct Asking {
    /// The name of the base.
    pub base: DistinguishedName,
    /// How far below.
    pub scope: Scope,
    /// The filter.
    pub filter: Filter,
    /// The selection.
    pub selection: Selection,
    /// The most entries that the client takes.
    pub size_limit: Option<usize>,
    /// How long the client waits.
    pub time_limit: Option<Duration>,
    /// The order, if one is asked for, or why there is none.
    pub order: Option<Result<Order, OrderFault>>,
    /// Whether it must not be answered without its order.
    pub must_sort: bool,
    /// The page, if one is asked for: its size, and the cookie of the one before.
    pub page: Option<(usize, Vec<u8>)>,
    /// What is the same in all requests for pages of one search.
    pub fingerprint: u128,
}

/// A compare as it was asked for.
#[derive(Debug)]
pub struct Comparison {
    /// The entry.
    pub name: DistinguishedName,
    /// The attribute description.
    pub attribute: String,
    /// The value.
    pub value: Vec<u8>,
}

impl Asked {
    /// What a request asks of the suffix; `None` if it is about something else.
    pub fn read(layout: &Layout, request: &Envelope<'_>) -> Option<Self> {
        let name = target(request)?;
        let name = DistinguishedName::from_bytes(name).ok()?;
        layout.place(&name)?;
        let asked = match request.operation {
            Operation::SearchRequest => Asking::read(name, request).map(Box::new).map(Self::Search),
            Operation::CompareRequest => Comparison::read(name, request).map(Self::Compare),
            _ => Err(READ_ONLY),
        };
        Some(asked.unwrap_or_else(Self::Refused))
    }
}

/// The name that a request is about.
fn target<'a>(request: &Envelope<'a>) -> Option<&'a [u8]> {
    match request.operation {
        Operation::DelRequest => Some(request.content),
        Operation::SearchRequest
        | Operation::CompareRequest
        | Operation::AddRequest
        | Operation::ModifyRequest
        | Operation::ModifyDnRequest => Reader::new(request.content).octets().ok(),
        _ => None,
    }
}

/// The controls of a request that are served, each once; a critical one that is not refuses it.
fn controls<'a>(request: &Envelope<'a>, served: &[&[u8]]) -> Result<Vec<Control<'a>>, Refusal> {
    let mut reader = Reader::new(request.controls.unwrap_or_default());
    let mut found: Vec<Control<'a>> = Vec::new();
    while !reader.is_empty() {
        let control = Control::read(&mut reader).map_err(|_| MALFORMED)?;
        if found.iter().any(|other| other.oid == control.oid) {
            return Err(TWICE);
        }
        match served.contains(&control.oid) {
            true => found.push(control),
            false if control.critical => return Err(UNKNOWN_CRITICAL),
            false => {}
        }
    }
    Ok(found)
}

impl Asking {
    fn read(base: DistinguishedName, request: &Envelope<'_>) -> Result<Self, Refusal> {
        let search = SearchRequest::decode(request.content).map_err(|_| MALFORMED)?;
        // Its limits were looked at when it came.
        let limits = FilterLimits { depth: FilterLimits::MAX_DEPTH, components: usize::MAX };
        let filter = Filter::decode(search.filter, limits).map_err(|_| MALFORMED)?;
        let controls = controls(request, &SEARCH_CONTROLS)?;
        let of = |oid: &[u8]| controls.iter().find(|control| control.oid == oid);
        let page = of(oid::PAGED_RESULTS).map(|control| page(control.value)).transpose()?;
        let sort = of(oid::SORT_REQUEST);
        let order = sort.map(|control| order(control.value)).transpose()?;
        let positive = |limit: i64| u64::try_from(limit).ok().filter(|limit| *limit > 0);
        let mut hasher = SipHasher13::new();
        hasher.write(base.normalized().as_str().as_bytes());
        hasher.write(&[search.scope.number() as u8]);
        hasher.write(search.filter);
        hasher.write(sort.and_then(|control| control.value).unwrap_or_default());
        Ok(Self {
            base,
            scope: search.scope,
            filter,
            selection: Selection::new(&search.attributes, search.types_only),
            size_limit: positive(search.size_limit).and_then(|limit| limit.try_into().ok()),
            time_limit: positive(search.time_limit).map(Duration::from_secs),
            order,
            must_sort: sort.is_some_and(|control| control.critical),
            page,
            fingerprint: hasher.finish128().as_u128(),
        })
    }
}

fn page(value: Option<&[u8]>) -> Result<(usize, Vec<u8>), Refusal> {
    let page = value.and_then(|value| Page::decode(value).ok()).ok_or(MALFORMED)?;
    let size = usize::try_from(page.size).map_err(|_| MALFORMED)?;
    Ok((size, page.cookie.to_vec()))
}

fn order(value: Option<&[u8]>) -> Result<Result<Order, OrderFault>, Refusal> {
    let keys = value.and_then(|value| SortKey::decode_all(value).ok()).ok_or(MALFORMED)?;
    Ok(Order::new(&keys))
}

impl Comparison {
    fn read(name: DistinguishedName, request: &Envelope<'_>) -> Result<Self, Refusal> {
        controls(request, &[oid::MANAGE_DSA_IT])?;
        let assertion = || {
            let mut reader = Reader::new(request.content);
            reader.octets()?;
            let mut assertion = Reader::new(reader.expect(SEQUENCE)?);
            let attribute = assertion.octets()?;
            Ok::<_, ber::BerError>((attribute, assertion.expect(OCTET_STRING)?))
        };
        let (attribute, value) = assertion().map_err(|_| MALFORMED)?;
        let attribute = String::from_utf8_lossy(attribute).into_owned();
        Ok(Self { name, attribute, value: value.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::envelope::MessageId;
    use crate::proto::envelope::write_with_body;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_bytes_panic(
            operation in prop_oneof![Just(0x63u8), Just(0x6e), Just(0x4a), Just(0x66)],
            is_named: bool,
            bytes: Vec<u8>,
            controls: Vec<u8>,
        ) {
            let suffix = DistinguishedName::parse("dc=bindgate").expect("a name");
            let layout = Layout::new(suffix).expect("a suffix");
            let mut body = Vec::new();
            ber::write_nested(&mut body, operation, |out| {
                if is_named {
                    ber::write_element(out, OCTET_STRING, b"dc=bindgate");
                }
                out.extend_from_slice(&bytes);
            });
            ber::write_element(&mut body, 0xa0, &controls);
            let mut pdu = Vec::new();
            write_with_body(MessageId::MAX, &body, &mut pdu);
            if let Ok(request) = Envelope::parse(&pdu) {
                let _ = Asked::read(&layout, &request);
            }
        }
    }
}
