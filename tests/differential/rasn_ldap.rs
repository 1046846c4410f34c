//! What `rasn-ldap` understands of a message.

use super::meaning::{Meaning, SearchWords, attribute, extended, result, shown};
use bindgate::proto::filter::Filter;
use bindgate::proto::op::Operation;
use rasn_ldap::{
    AuthenticationChoice, BindRequest, ChangeOperation, Filter as Other, LdapMessage, LdapResult,
    LdapString, ProtocolOp, Referral, ResultCode, SearchRequest, SubstringChoice, SubstringFilter,
};

/// Reads a message; the error is why it is refused.
pub(crate) fn read(pdu: &[u8]) -> Result<Meaning, String> {
    let read = std::panic::catch_unwind(|| rasn::ber::decode::<LdapMessage>(pdu));
    let message = read.map_err(|_| "panic".to_owned())?.map_err(|error| format!("{error}"))?;
    let controls = message.controls.iter().flatten().map(|control| {
        let value = control.control_value.as_ref().map(|value| value.to_vec());
        (control.control_type.to_vec(), control.criticality, value)
    });
    Ok(Meaning {
        id: i64::from(message.message_id),
        controls: Some(controls.collect()),
        says: says(&message.protocol_op)?,
    })
}

fn says(op: &ProtocolOp) -> Result<String, String> {
    Ok(match op {
        ProtocolOp::BindRequest(request) => bind(request),
        ProtocolOp::BindResponse(response) => {
            let (code, referral) = (response.result_code, &response.referral);
            let words = words(code, &response.matched_dn, &response.diagnostic_message, referral);
            let credentials = response.server_sasl_creds.as_ref().map(|bytes| shown(bytes));
            format!("bound {words} {credentials:?}")
        }
        ProtocolOp::SearchRequest(request) => search(request)?,
        ProtocolOp::SearchResEntry(entry) => {
            let attributes = entry.attributes.iter().map(|one| {
                let values: Vec<&[u8]> = one.vals.to_vec().into_iter().map(|v| &v[..]).collect();
                attribute(one.r#type.as_bytes(), &values)
            });
            let dn = shown(entry.object_name.as_bytes());
            format!("entry {dn} {:?}", attributes.collect::<Vec<_>>())
        }
        ProtocolOp::ModifyRequest(modify) => {
            let changes = modify.changes.iter().map(|change| {
                let kind = match change.operation {
                    ChangeOperation::Add => "Add",
                    ChangeOperation::Delete => "Delete",
                    ChangeOperation::Replace => "Replace",
                };
                let one = &change.modification;
                let values: Vec<&[u8]> = one.vals.to_vec().into_iter().map(|v| &v[..]).collect();
                format!("{kind} {}", attribute(one.r#type.as_bytes(), &values))
            });
            format!("modify {} {:?}", shown(modify.object.as_bytes()), changes.collect::<Vec<_>>())
        }
        ProtocolOp::CompareRequest(compare) => {
            let (dn, name) = (compare.entry.as_bytes(), compare.ava.attribute_desc.as_bytes());
            format!("compare {} {} {}", shown(dn), shown(name), shown(&compare.ava.assertion_value))
        }
        ProtocolOp::ExtendedReq(request) => {
            let value = request.request_value.as_ref().map(|value| &value[..]);
            format!("extended {}", extended(Some(&request.request_name), value))
        }
        ProtocolOp::ExtendedResp(response) => {
            let (code, referral) = (response.result_code, &response.referral);
            let words = words(code, &response.matched_dn, &response.diagnostic_message, referral);
            let name = response.response_name.as_ref().map(|name| &name[..]);
            let value = response.response_value.as_ref().map(|value| &value[..]);
            format!("answer {words} {}", extended(name, value))
        }
        other => named(other),
    })
}

fn named(op: &ProtocolOp) -> String {
    let (operation, result) = match op {
        ProtocolOp::SearchResDone(done) => (Operation::SearchResultDone, Some(&done.0)),
        ProtocolOp::ModifyResponse(done) => (Operation::ModifyResponse, Some(&done.0)),
        ProtocolOp::AddResponse(done) => (Operation::AddResponse, Some(&done.0)),
        ProtocolOp::DelResponse(done) => (Operation::DelResponse, Some(&done.0)),
        ProtocolOp::ModDnResponse(done) => (Operation::ModifyDnResponse, Some(&done.0)),
        ProtocolOp::CompareResponse(done) => (Operation::CompareResponse, Some(&done.0)),
        ProtocolOp::UnbindRequest(_) => (Operation::UnbindRequest, None),
        ProtocolOp::SearchResRef(_) => (Operation::SearchResultReference, None),
        ProtocolOp::AddRequest(_) => (Operation::AddRequest, None),
        ProtocolOp::DelRequest(_) => (Operation::DelRequest, None),
        ProtocolOp::ModDnRequest(_) => (Operation::ModifyDnRequest, None),
        ProtocolOp::AbandonRequest(_) => (Operation::AbandonRequest, None),
        ProtocolOp::IntermediateResponse(_) => (Operation::IntermediateResponse, None),
        other => panic!("{other:?} has words of its own"),
    };
    match result {
        Some(LdapResult { result_code, matched_dn, diagnostic_message, referral, .. }) => {
            let words = words(*result_code, matched_dn, diagnostic_message, referral);
            format!("{operation:?} {words}")
        }
        None => format!("{operation:?}"),
    }
}

fn words(
    code: ResultCode,
    matched: &LdapString,
    text: &LdapString,
    referral: &Option<Referral>,
) -> String {
    let urls: Vec<&[u8]> = referral.iter().flatten().map(|url| url.as_bytes()).collect();
    result(code as i64, matched.as_bytes(), text.as_bytes(), &urls)
}

fn bind(bind: &BindRequest) -> String {
    let proof = match &bind.authentication {
        AuthenticationChoice::Simple(password) => format!("simple {}", shown(password)),
        AuthenticationChoice::Sasl(sasl) => {
            let credentials = sasl.credentials.as_ref().map(|bytes| shown(bytes));
            format!("sasl {} {credentials:?}", shown(sasl.mechanism.as_bytes()))
        }
        other => panic!("{other:?} is a choice of its own"),
    };
    format!("bind {} {} {proof}", bind.version, shown(bind.name.as_bytes()))
}

fn search(search: &SearchRequest) -> Result<String, String> {
    let filter = filter(&search.filter)?;
    let words = SearchWords {
        base: search.base_object.as_bytes(),
        scope: search.scope as i64,
        aliases: search.deref_aliases as i64,
        size_limit: i64::from(search.size_limit),
        time_limit: i64::from(search.time_limit),
        types_only: search.types_only,
        filter: &filter,
        attributes: search.attributes.iter().map(|name| name.as_bytes()).collect(),
    };
    Ok(words.says())
}

fn filter(other: &Other) -> Result<Filter, String> {
    let assertion = |of: &rasn_ldap::AttributeValueAssertion| {
        (of.attribute_desc.to_string(), of.assertion_value.to_vec())
    };
    Ok(match other {
        Other::And(parts) => {
            Filter::And(parts.to_vec().into_iter().map(filter).collect::<Result<_, _>>()?)
        }
        Other::Or(parts) => {
            Filter::Or(parts.to_vec().into_iter().map(filter).collect::<Result<_, _>>()?)
        }
        Other::Not(part) => Filter::Not(Box::new(filter(part)?)),
        Other::EqualityMatch(of) => {
            let (name, value) = assertion(of);
            Filter::Equal(name, value)
        }
        Other::GreaterOrEqual(of) => {
            let (name, value) = assertion(of);
            Filter::GreaterOrEqual(name, value)
        }
        Other::LessOrEqual(of) => {
            let (name, value) = assertion(of);
            Filter::LessOrEqual(name, value)
        }
        Other::ApproxMatch(of) => {
            let (name, value) = assertion(of);
            Filter::Approximate(name, value)
        }
        Other::Present(name) => Filter::Present(name.to_string()),
        Other::Substrings(of) => substrings(of)?,
        Other::ExtensibleMatch(of) => Filter::Extensible {
            rule: of.matching_rule.as_ref().map(|rule| rule.to_string()),
            attribute: of.r#type.as_ref().map(|name| name.to_string()),
            value: of.match_value.to_vec(),
            dn_attributes: of.dn_attributes,
        },
        other => panic!("{other:?} is a filter of its own"),
    })
}

/// It reads parts in any order; what our type cannot say is refused here in its place.
fn substrings(of: &SubstringFilter) -> Result<Filter, String> {
    let (mut initial, mut any, mut last) = (None, Vec::new(), None);
    for part in &of.substrings {
        match part {
            SubstringChoice::Initial(part)
                if initial.is_none() && any.is_empty() && last.is_none() =>
            {
                initial = Some(part.to_vec());
            }
            SubstringChoice::Any(part) if last.is_none() => any.push(part.to_vec()),
            SubstringChoice::Final(part) if last.is_none() => last = Some(part.to_vec()),
            _ => return Err("substrings out of order".to_owned()),
        }
    }
    Ok(Filter::Substrings { attribute: of.r#type.to_string(), initial, any, last })
}
