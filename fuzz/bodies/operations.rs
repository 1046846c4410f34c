//! The decoders of operations: each gets an operation's content, without tag and length. What a
//! decoder reads, its writer writes so that it is read back; nothing read is larger than the bytes
//! that it was read from.

use bindgate::proto::bind::{Authentication, BindRequest, BindResponse, write_simple};
use bindgate::proto::envelope::{Envelope, MessageId};
use bindgate::proto::extended::{ExtendedRequest, ExtendedResponse};
use bindgate::proto::filter::{Filter, FilterLimits};
use bindgate::proto::modify::{CompareRequest, ModifyRequest};
use bindgate::proto::op::Operation;
use bindgate::proto::result::LdapResult;
use bindgate::proto::search::{Entry, Search, SearchRequest};

/// A bind request.
pub(crate) fn bind(data: &[u8]) {
    let Ok(bind) = BindRequest::decode(data) else { return };
    let Authentication::Simple(password) = bind.authentication else { return };
    let out = written(|out| write_simple(out, MessageId::MAX, bind.name, password));
    let again = BindRequest::decode(content(&out)).expect("a written bind is read back");
    assert!(again.version == 3 && again.name == bind.name);
    assert!(matches!(again.authentication, Authentication::Simple(same) if same == password));
}

/// A bind response.
pub(crate) fn bind_response(data: &[u8]) {
    if let Ok(response) = BindResponse::decode(data) {
        assert_eq!(LdapResult::decode(data), Ok(response.result));
    }
}

/// A search request, with its filter.
pub(crate) fn search(data: &[u8]) {
    let Ok(search) = SearchRequest::decode(data) else { return };
    assert!(search.attributes.iter().map(|name| name.len() + 2).sum::<usize>() <= data.len());
    let Ok(filter) = Filter::decode(search.filter, FilterLimits::default()) else { return };
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    let attributes: Option<Vec<_>> = search.attributes.iter().map(|name| text(name)).collect();
    let (Some(base), Some(attributes)) = (text(search.base), attributes) else { return };
    let Ok(size_limit) = u32::try_from(search.size_limit) else { return };
    let (scope, time_limit, controls) = (search.scope, 0, Vec::new());
    let own = Search { base, scope, filter, attributes, size_limit, time_limit, controls };
    let out = written(|out| own.write(out, MessageId::MAX));
    let again = SearchRequest::decode(content(&out)).expect("a written search is read back");
    assert_eq!((again.base, again.scope), (search.base, search.scope));
    assert_eq!((again.attributes, again.size_limit), (search.attributes, search.size_limit));
    assert_eq!(Filter::decode(again.filter, FilterLimits::default()), Ok(own.filter));
}

/// An entry.
pub(crate) fn entry(data: &[u8]) {
    let Ok(entry) = Entry::decode(data) else { return };
    let values = entry.attributes.iter().flat_map(|attribute| &attribute.values);
    assert!(values.map(|value| value.len() + 2).sum::<usize>() <= data.len());
    let out = written(|out| entry.write(out, MessageId::MAX));
    assert_eq!(Entry::decode(content(&out)), Ok(entry));
}

/// A modify request.
pub(crate) fn modify(data: &[u8]) {
    let Ok(modify) = ModifyRequest::decode(data) else { return };
    let values = modify.changes.iter().map(|change| 2 * change.values.len() + 9);
    assert!(modify.dn.len() + values.sum::<usize>() <= data.len());
}

/// A compare request.
pub(crate) fn compare(data: &[u8]) {
    let Ok(compare) = CompareRequest::decode(data) else { return };
    let lengths = [compare.dn, compare.attribute, compare.value].map(<[u8]>::len);
    assert!(lengths.iter().sum::<usize>() + 8 <= data.len());
}

/// An extended request.
pub(crate) fn extended(data: &[u8]) {
    let Ok(request) = ExtendedRequest::decode(data) else { return };
    let out = written(|out| request.write(out, MessageId::MAX));
    assert_eq!(ExtendedRequest::decode(content(&out)), Ok(request));
}

/// An extended response.
pub(crate) fn extended_response(data: &[u8]) {
    let Ok(response) = ExtendedResponse::decode(data) else { return };
    let out = written(|out| response.write(out, MessageId::MAX));
    assert_eq!(ExtendedResponse::decode(content(&out)), Ok(response));
}

/// What every other response is.
pub(crate) fn result(data: &[u8]) {
    let Ok(result) = LdapResult::decode(data) else { return };
    let out = written(|out| result.write(out, MessageId::MAX, Operation::SearchResultDone));
    assert_eq!(LdapResult::decode(content(&out)), Ok(result));
}

/// A whole message, decoded by what its operation is.
pub(crate) fn message(data: &[u8]) {
    let Ok(envelope) = Envelope::parse(data) else { return };
    if let Some(controls) = envelope.controls {
        super::controls::body(controls);
    }
    let decode = match envelope.operation {
        Operation::BindRequest => bind,
        Operation::BindResponse => bind_response,
        Operation::SearchRequest => search,
        Operation::SearchResultEntry => entry,
        Operation::ModifyRequest => modify,
        Operation::CompareRequest => compare,
        Operation::ExtendedRequest => extended,
        Operation::ExtendedResponse => extended_response,
        _ => result,
    };
    decode(envelope.content);
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

fn content(pdu: &[u8]) -> &[u8] {
    Envelope::parse(pdu).expect("what was written is a message").content
}
