//! Every decoder on the bytes of one message, by its operation.

use bindgate::proto::bind::{BindRequest, BindResponse};
use bindgate::proto::control::Control;
use bindgate::proto::dn::DistinguishedName;
use bindgate::proto::envelope::Envelope;
use bindgate::proto::extended::{ExtendedRequest, ExtendedResponse};
use bindgate::proto::filter::{Filter, FilterLimits};
use bindgate::proto::modify::{CompareRequest, ModifyRequest};
use bindgate::proto::op::Operation;
use bindgate::proto::result::LdapResult;
use bindgate::proto::search::{Entry, SearchRequest};

const MAX_CONTROLS: usize = 16;

/// Decodes a message to its end; says whether everything was well formed.
pub(super) fn everything(pdu: &[u8]) -> bool {
    let Ok(envelope) = Envelope::parse(pdu) else {
        return false;
    };
    let controls = envelope.controls.map(|controls| Control::decode_all(controls, MAX_CONTROLS));
    let operation = operation(envelope.operation, envelope.content, pdu.len());
    operation && controls.is_none_or(|controls| controls.is_ok())
}

fn operation(operation: Operation, content: &[u8], size: usize) -> bool {
    match operation {
        Operation::BindRequest => {
            BindRequest::decode(content).is_ok_and(|bind| name(bind.name, size))
        }
        Operation::BindResponse => BindResponse::decode(content).is_ok(),
        Operation::SearchRequest => SearchRequest::decode(content).is_ok_and(|search| {
            assert!(search.attributes.len() <= size);
            name(search.base, size) && filter(search.filter)
        }),
        Operation::SearchResultEntry => Entry::decode(content).is_ok_and(|entry| {
            let values = entry.attributes.iter().flat_map(|attribute| &attribute.values);
            assert!(values.map(|value| value.len() + 2).sum::<usize>() <= size);
            name(entry.dn.as_bytes(), size)
        }),
        Operation::ModifyRequest => ModifyRequest::decode(content).is_ok_and(|modify| {
            assert!(modify.changes.iter().map(|change| change.values.len()).sum::<usize>() <= size);
            name(modify.dn, size)
        }),
        Operation::CompareRequest => CompareRequest::decode(content).is_ok(),
        Operation::ExtendedRequest => ExtendedRequest::decode(content).is_ok(),
        Operation::ExtendedResponse => ExtendedResponse::decode(content).is_ok(),
        Operation::SearchResultDone
        | Operation::ModifyResponse
        | Operation::AddResponse
        | Operation::DelResponse
        | Operation::ModifyDnResponse
        | Operation::CompareResponse => LdapResult::decode(content).is_ok(),
        _ => true,
    }
}

/// A name that is none is no fault of the message.
fn name(bytes: &[u8], size: usize) -> bool {
    if let Ok(name) = DistinguishedName::from_bytes(bytes) {
        assert!(name.normalized().as_str().len() <= 3 * size);
        assert!(name.is_root() || name.parent().is_some_and(|parent| name.is_within(&parent)));
    }
    true
}

fn filter(bytes: &[u8]) -> bool {
    let limits = FilterLimits::default();
    let filter = Filter::decode(bytes, limits);
    if let Ok(filter) = &filter {
        let mut out = Vec::new();
        filter.encode(&mut out);
        assert_eq!(Filter::decode(&out, limits).as_ref(), Ok(filter));
        assert!(!filter.to_string().is_empty());
        assert!(filter.attributes().len() <= bytes.len());
    }
    filter.is_ok()
}
