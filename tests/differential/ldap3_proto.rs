//! What `ldap3_proto` understands of a message. It does not look at controls, and it panics on some
//! malformed input.

use super::meaning::{Meaning, SearchWords, attribute, extended, result, shown};
use bindgate::proto::ber::Header;
use bindgate::proto::filter::Filter;
use bindgate::proto::op::Operation;
use ldap3_proto::proto::{LdapBindCred, LdapFilter, LdapMsg, LdapOp, LdapPartialAttribute};
use ldap3_proto::proto::{LdapModifyType, LdapResult};

/// Reads a message; the error is why it is refused.
pub(crate) fn read(pdu: &[u8]) -> Result<Meaning, String> {
    // Its reader of whole messages needs a crate that we do not use; this one begins behind the
    // header of the outer sequence.
    let header = Header::read(pdu).ok().flatten().ok_or("no header")?;
    let end = header.total().map_err(|error| error.to_string())?;
    let inner = pdu.get(header.header_len..end).ok_or("cut short")?.to_vec();
    let read = std::panic::catch_unwind(|| LdapMsg::try_from_openldap_mem_dump(&inner));
    let message = read.map_err(|_| "panic".to_owned())?.map_err(|error| format!("{error:?}"))?;
    Ok(Meaning { id: i64::from(message.msgid), says: says(message.op), controls: None })
}

fn says(op: LdapOp) -> String {
    match op {
        LdapOp::BindRequest(bind) => {
            let proof = match &bind.cred {
                LdapBindCred::Simple(password) => format!("simple {}", shown(password.as_bytes())),
                LdapBindCred::SASL(sasl) => {
                    let credentials = Some(shown(&sasl.credentials));
                    format!("sasl {} {credentials:?}", shown(sasl.mechanism.as_bytes()))
                }
            };
            format!("bind 3 {} {proof}", shown(bind.dn.as_bytes()))
        }
        LdapOp::BindResponse(response) => {
            let credentials = response.saslcreds.as_deref().map(shown);
            format!("bound {} {credentials:?}", result_of(&response.res))
        }
        LdapOp::SearchRequest(search) => {
            let filter = filter(&search.filter);
            let words = SearchWords {
                base: search.base.as_bytes(),
                scope: search.scope.clone() as i64,
                aliases: search.aliases.clone() as i64,
                size_limit: i64::from(search.sizelimit),
                time_limit: i64::from(search.timelimit),
                types_only: search.typesonly,
                filter: &filter,
                attributes: search.attrs.iter().map(String::as_bytes).collect(),
            };
            words.says()
        }
        LdapOp::SearchResultEntry(entry) => {
            let attributes: Vec<String> = entry.attributes.iter().map(values).collect();
            format!("entry {} {attributes:?}", shown(entry.dn.as_bytes()))
        }
        LdapOp::ModifyRequest(modify) => {
            let changes = modify.changes.iter().map(|change| {
                let kind = match change.operation {
                    LdapModifyType::Add => "Add",
                    LdapModifyType::Delete => "Delete",
                    LdapModifyType::Replace => "Replace",
                };
                format!("{kind} {}", values(&change.modification))
            });
            format!("modify {} {:?}", shown(modify.dn.as_bytes()), changes.collect::<Vec<_>>())
        }
        LdapOp::CompareRequest(compare) => {
            let (dn, name) = (shown(compare.dn.as_bytes()), shown(compare.atype.as_bytes()));
            format!("compare {dn} {name} {}", shown(&compare.val))
        }
        LdapOp::ExtendedRequest(request) => {
            let name = Some(request.name.as_bytes());
            format!("extended {}", extended(name, request.value.as_deref()))
        }
        LdapOp::ExtendedResponse(response) => {
            let name = response.name.as_deref().map(str::as_bytes);
            let rest = extended(name, response.value.as_deref());
            format!("answer {} {rest}", result_of(&response.res))
        }
        other => named(&other),
    }
}

fn named(op: &LdapOp) -> String {
    let (operation, result) = match op {
        LdapOp::SearchResultDone(result) => (Operation::SearchResultDone, Some(result)),
        LdapOp::ModifyResponse(result) => (Operation::ModifyResponse, Some(result)),
        LdapOp::AddResponse(result) => (Operation::AddResponse, Some(result)),
        LdapOp::DelResponse(result) => (Operation::DelResponse, Some(result)),
        LdapOp::ModifyDNResponse(result) => (Operation::ModifyDnResponse, Some(result)),
        LdapOp::CompareResult(result) => (Operation::CompareResponse, Some(result)),
        LdapOp::UnbindRequest => (Operation::UnbindRequest, None),
        LdapOp::SearchResultReference(_) => (Operation::SearchResultReference, None),
        LdapOp::AddRequest(_) => (Operation::AddRequest, None),
        LdapOp::DelRequest(_) => (Operation::DelRequest, None),
        LdapOp::ModifyDNRequest(_) => (Operation::ModifyDnRequest, None),
        LdapOp::AbandonRequest(_) => (Operation::AbandonRequest, None),
        LdapOp::IntermediateResponse(_) => (Operation::IntermediateResponse, None),
        other => panic!("{other:?} has words of its own"),
    };
    match result {
        Some(result) => format!("{operation:?} {}", result_of(result)),
        None => format!("{operation:?}"),
    }
}

fn result_of(of: &LdapResult) -> String {
    let urls: Vec<&[u8]> = of.referral.iter().map(String::as_bytes).collect();
    let code = of.code.clone() as i64;
    result(code, of.matcheddn.as_bytes(), of.message.as_bytes(), &urls)
}

fn values(of: &LdapPartialAttribute) -> String {
    let values: Vec<&[u8]> = of.vals.iter().map(Vec::as_slice).collect();
    attribute(of.atype.as_bytes(), &values)
}

fn filter(other: &LdapFilter) -> Filter {
    let bytes = |text: &String| text.clone().into_bytes();
    match other {
        LdapFilter::And(filters) => Filter::And(filters.iter().map(filter).collect()),
        LdapFilter::Or(filters) => Filter::Or(filters.iter().map(filter).collect()),
        LdapFilter::Not(inner) => Filter::Not(Box::new(filter(inner))),
        LdapFilter::Equality(name, value) => Filter::Equal(name.clone(), bytes(value)),
        LdapFilter::Substring(name, parts) => Filter::Substrings {
            attribute: name.clone(),
            initial: parts.initial.as_ref().map(bytes),
            any: parts.any.iter().map(bytes).collect(),
            last: parts.final_.as_ref().map(bytes),
        },
        LdapFilter::GreaterOrEqual(name, value) => {
            Filter::GreaterOrEqual(name.clone(), bytes(value))
        }
        LdapFilter::LessOrEqual(name, value) => Filter::LessOrEqual(name.clone(), bytes(value)),
        LdapFilter::Present(name) => Filter::Present(name.clone()),
        LdapFilter::Approx(name, value) => Filter::Approximate(name.clone(), bytes(value)),
        LdapFilter::Extensible(parts) => Filter::Extensible {
            rule: parts.matching_rule.clone(),
            attribute: parts.type_.clone(),
            value: bytes(&parts.match_value),
            dn_attributes: parts.dn_attributes,
        },
    }
}
