//! What the gateway understands of a message.

use super::meaning::{Meaning, SearchWords, attribute, extended, result, shown};
use bindgate::proto::ber::Reader;
use bindgate::proto::bind::{Authentication, BindRequest, BindResponse};
use bindgate::proto::control::Control;
use bindgate::proto::envelope::Envelope;
use bindgate::proto::extended::{ExtendedRequest, ExtendedResponse};
use bindgate::proto::filter::{Filter, FilterLimits};
use bindgate::proto::modify::{CompareRequest, ModifyRequest};
use bindgate::proto::op::Operation;
use bindgate::proto::result::LdapResult;
use bindgate::proto::search::{Entry, SearchRequest};

/// Reads a message; the error is why it is refused.
pub(crate) fn read(pdu: &[u8]) -> Result<Meaning, String> {
    let envelope = Envelope::parse(pdu).map_err(|error| format!("{error:?}"))?;
    let controls = Control::decode_all(envelope.controls.unwrap_or_default(), usize::MAX);
    let controls = controls.map_err(|error| format!("{error:?} in the controls"))?;
    let owned = |control: &Control<'_>| {
        (control.oid.to_vec(), control.critical, control.value.map(<[u8]>::to_vec))
    };
    Ok(Meaning {
        id: i64::from(envelope.id.get()),
        says: says(envelope.operation, envelope.content).map_err(|error| format!("{error:?}"))?,
        controls: Some(controls.iter().map(owned).collect()),
    })
}

fn says(operation: Operation, content: &[u8]) -> Result<String, bindgate::proto::ber::BerError> {
    Ok(match operation {
        Operation::BindRequest => bind(&BindRequest::decode(content)?),
        Operation::BindResponse => {
            let response = BindResponse::decode(content)?;
            let credentials = response.sasl_credentials.map(shown);
            format!("bound {} {credentials:?}", result_of(&response.result))
        }
        Operation::SearchRequest => search(&SearchRequest::decode(content)?)?,
        Operation::SearchResultEntry => {
            let entry = Entry::decode(content)?;
            let attributes = entry.attributes.iter().map(|one| {
                let values: Vec<&[u8]> = one.values.iter().map(Vec::as_slice).collect();
                attribute(one.name.as_bytes(), &values)
            });
            format!("entry {} {:?}", shown(entry.dn.as_bytes()), attributes.collect::<Vec<_>>())
        }
        Operation::ModifyRequest => {
            let modify = ModifyRequest::decode(content)?;
            let changes = modify.changes.iter().map(|change| {
                format!("{:?} {}", change.kind, attribute(change.attribute, &change.values))
            });
            format!("modify {} {:?}", shown(modify.dn), changes.collect::<Vec<_>>())
        }
        Operation::CompareRequest => {
            let CompareRequest { dn, attribute, value } = CompareRequest::decode(content)?;
            format!("compare {} {} {}", shown(dn), shown(attribute), shown(value))
        }
        Operation::ExtendedRequest => {
            let request = ExtendedRequest::decode(content)?;
            format!("extended {}", extended(Some(request.name), request.value))
        }
        Operation::ExtendedResponse => {
            let response = ExtendedResponse::decode(content)?;
            let rest = extended(response.name, response.value);
            format!("answer {} {rest}", result_of(&response.result))
        }
        Operation::SearchResultDone
        | Operation::ModifyResponse
        | Operation::AddResponse
        | Operation::DelResponse
        | Operation::ModifyDnResponse
        | Operation::CompareResponse => {
            format!("{operation:?} {}", result_of(&LdapResult::decode(content)?))
        }
        // Relayed as they are, and never looked into.
        other => format!("{other:?}"),
    })
}

fn bind(bind: &BindRequest<'_>) -> String {
    let proof = match bind.authentication {
        Authentication::Simple(password) => format!("simple {}", shown(password)),
        Authentication::Sasl { mechanism, credentials } => {
            format!("sasl {} {:?}", shown(mechanism), credentials.map(shown))
        }
        Authentication::Unknown(tag) => format!("unknown {tag}"),
    };
    format!("bind {} {} {proof}", bind.version, shown(bind.name))
}

fn search(search: &SearchRequest<'_>) -> Result<String, bindgate::proto::ber::BerError> {
    let filter = Filter::decode(search.filter, FilterLimits::default())?;
    let words = SearchWords {
        base: search.base,
        scope: search.scope.number(),
        aliases: search.deref_aliases,
        size_limit: search.size_limit,
        time_limit: search.time_limit,
        types_only: search.types_only,
        filter: &filter,
        attributes: search.attributes.clone(),
    };
    Ok(words.says())
}

fn result_of(of: &LdapResult<'_>) -> String {
    let mut urls = Vec::new();
    let mut reader = Reader::new(of.referral.unwrap_or_default());
    while let Ok(url) = reader.octets() {
        urls.push(url);
    }
    result(i64::from(of.code.0), of.matched_dn, of.diagnostic, &urls)
}
