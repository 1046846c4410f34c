//! `ldap3_proto` as a second opinion: what we write it reads, and what both read means the same.
//!
//! It panics on some malformed input, so it gets shallow messages only, behind `catch_unwind`.

use super::corpus;
use bindgate::proto::bind::{self, Authentication, BindRequest, BindResponse};
use bindgate::proto::envelope::Envelope;
use bindgate::proto::extended::{ExtendedRequest, ExtendedResponse};
use bindgate::proto::filter::{Filter, FilterLimits};
use bindgate::proto::op::Operation;
use bindgate::proto::result::{LdapResult, ResultCode};
use bindgate::proto::search::{Entry, Scope, SearchRequest};
use ldap3_proto::proto::{
    LdapBindCred, LdapFilter, LdapMsg, LdapOp, LdapResult as OtherResult, LdapSearchScope,
};
use proptest::prelude::*;

/// What a message says, in terms that both sides have.
type Meaning = String;

fn ours(pdu: &[u8]) -> Option<Meaning> {
    let envelope = Envelope::parse(pdu).ok()?;
    let content = envelope.content;
    let said = match envelope.operation {
        Operation::BindRequest => {
            let bind = BindRequest::decode(content).ok()?;
            let Authentication::Simple(password) = bind.authentication else {
                return None;
            };
            bind_meaning(text(bind.name)?, text(password)?)
        }
        Operation::BindResponse => {
            let response = BindResponse::decode(content).ok()?;
            format!("bound {} {:?}", result(&response.result)?, response.sasl_credentials)
        }
        Operation::SearchRequest => {
            let search = SearchRequest::decode(content).ok()?;
            let filter = Filter::decode(search.filter, FilterLimits::default()).ok()?;
            let names: Option<Vec<_>> = search.attributes.iter().map(|name| text(name)).collect();
            format!(
                "search {:?} {:?} {} {} {} {} {filter:?} {:?}",
                text(search.base)?,
                search.scope,
                search.deref_aliases,
                search.size_limit,
                search.time_limit,
                search.types_only,
                names?,
            )
        }
        Operation::SearchResultEntry => {
            let entry = Entry::decode(content).ok()?;
            let attributes = entry.attributes.iter().map(|a| (&a.name, &a.values));
            entry_meaning(&entry.dn, &attributes.collect::<Vec<_>>())
        }
        Operation::ExtendedRequest => {
            let request = ExtendedRequest::decode(content).ok()?;
            format!("extended {:?} {:?}", text(request.name)?, request.value)
        }
        Operation::ExtendedResponse => {
            let response = ExtendedResponse::decode(content).ok()?;
            let name = response.name.map(text);
            if name == Some(None) {
                return None;
            }
            format!(
                "answer {} {:?} {:?}",
                result(&response.result)?,
                name.flatten(),
                response.value
            )
        }
        Operation::SearchResultDone => {
            format!("done {}", result(&LdapResult::decode(content).ok()?)?)
        }
        _ => return None,
    };
    Some(format!("{} {said}", envelope.id.get()))
}

fn theirs(pdu: &[u8]) -> Option<Meaning> {
    // Its reader of whole messages needs a crate that we do not use; this one begins behind the
    // header of the outer sequence.
    let header = bindgate::proto::ber::Header::read(pdu).ok()??;
    let inner = pdu.get(header.header_len..header.header_len + header.content_len)?.to_vec();
    let read = std::panic::catch_unwind(|| LdapMsg::try_from_openldap_mem_dump(&inner).ok());
    let message = read.ok()??;
    let said = match message.op {
        LdapOp::BindRequest(bind) => match bind.cred {
            LdapBindCred::Simple(password) => bind_meaning(&bind.dn, &password),
            LdapBindCred::SASL(_) => return None,
        },
        LdapOp::BindResponse(response) => {
            let credentials = response.saslcreds.as_deref();
            format!("bound {} {credentials:?}", other_result(&response.res)?)
        }
        LdapOp::SearchRequest(search) => format!(
            "search {:?} {:?} {} {} {} {} {:?} {:?}",
            search.base,
            scope(&search.scope),
            search.aliases.clone() as i64,
            search.sizelimit,
            search.timelimit,
            search.typesonly,
            filter(&search.filter),
            search.attrs,
        ),
        LdapOp::SearchResultEntry(entry) => {
            let attributes = entry.attributes.iter().map(|a| (&a.atype, &a.vals));
            entry_meaning(&entry.dn, &attributes.collect::<Vec<_>>())
        }
        LdapOp::ExtendedRequest(request) => {
            format!("extended {:?} {:?}", request.name, request.value.as_deref())
        }
        LdapOp::ExtendedResponse(response) => format!(
            "answer {} {:?} {:?}",
            other_result(&response.res)?,
            response.name.as_deref(),
            response.value.as_deref()
        ),
        LdapOp::SearchResultDone(result) => format!("done {}", other_result(&result)?),
        _ => return None,
    };
    Some(format!("{} {said}", message.msgid))
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

fn bind_meaning(name: &str, password: &str) -> Meaning {
    format!("bind {name:?} {password:?}")
}

fn entry_meaning(dn: &str, attributes: &[(&String, &Vec<Vec<u8>>)]) -> Meaning {
    format!("entry {dn:?} {attributes:?}")
}

fn result(result: &LdapResult<'_>) -> Option<Meaning> {
    // It takes the URLs apart, and nothing of ours does.
    let (None, code) = (result.referral, result.code.0) else {
        return None;
    };
    Some(format!("{code} {:?} {:?}", text(result.matched_dn)?, text(result.diagnostic)?))
}

fn other_result(result: &OtherResult) -> Option<Meaning> {
    let code = result.code.clone() as i64;
    result
        .referral
        .is_empty()
        .then(|| format!("{code} {:?} {:?}", result.matcheddn, result.message))
}

fn scope(scope: &LdapSearchScope) -> Scope {
    match scope {
        LdapSearchScope::Base => Scope::Base,
        LdapSearchScope::OneLevel => Scope::One,
        LdapSearchScope::Subtree => Scope::Subtree,
        LdapSearchScope::Children => Scope::Subordinate,
    }
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

#[track_caller]
fn check(name: &str, pdu: &[u8]) {
    let ours = ours(pdu);
    assert!(ours.is_some(), "{name} is not read here");
    assert_eq!(ours, theirs(pdu), "{name}: {pdu:02x?}");
}

#[test]
fn the_samples_mean_the_same_to_both() {
    let compared = ["simple bind", "search", "who am i", "cancel"];
    for sample in corpus::requests().iter().filter(|sample| compared.contains(&sample.name)) {
        check(sample.name, &sample.pdu);
    }
    let compared = ["bind response", "search done", "entry", "extended response"];
    for sample in corpus::responses().iter().filter(|sample| compared.contains(&sample.name)) {
        check(sample.name, &sample.pdu);
    }
}

#[test]
fn a_changed_message_that_both_read_means_the_same_to_both() {
    let mut compared = 0usize;
    let mut disagreements = Vec::new();
    for sample in corpus::requests().into_iter().chain(corpus::responses()) {
        let mut pdu = sample.pdu.clone();
        for at in 0..pdu.len() {
            let original = pdu[at];
            for value in [original ^ 1, original ^ 0x10, original.wrapping_add(3), 0, 0x7f] {
                pdu[at] = value;
                if let (Some(ours), Some(theirs)) = (ours(&pdu), theirs(&pdu)) {
                    if ours != theirs {
                        disagreements.push((sample.name, at, ours, theirs));
                    }
                    compared += 1;
                }
            }
            pdu[at] = original;
        }
    }
    assert!(disagreements.is_empty(), "{disagreements:#?}");
    assert!(compared > 1000, "only {compared} were compared");
}

fn any_filter() -> impl Strategy<Value = Filter> {
    let name = || "[a-zA-Z][a-zA-Z0-9;-]{0,8}";
    let value = || "\\PC{0,8}".prop_map(String::into_bytes);
    let part = || "\\PC{1,4}".prop_map(String::into_bytes);
    let parts = (proptest::option::of(part()), proptest::collection::vec(part(), 0..3), part());
    let leaf = prop_oneof![
        (name(), value()).prop_map(|(name, value)| Filter::Equal(name, value)),
        (name(), value()).prop_map(|(name, value)| Filter::GreaterOrEqual(name, value)),
        (name(), value()).prop_map(|(name, value)| Filter::LessOrEqual(name, value)),
        (name(), value()).prop_map(|(name, value)| Filter::Approximate(name, value)),
        name().prop_map(Filter::Present),
        (name(), parts).prop_map(|(attribute, (initial, any, last))| {
            Filter::Substrings { attribute, initial, any, last: Some(last) }
        }),
        (name(), proptest::option::of("[a-z]{2,4}"), value(), any::<bool>()).prop_map(
            |(name, rule, value, dn_attributes)| {
                Filter::Extensible { rule, attribute: Some(name), value, dn_attributes }
            }
        ),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 1..3).prop_map(Filter::And),
            proptest::collection::vec(inner.clone(), 1..3).prop_map(Filter::Or),
            inner.prop_map(|filter| Filter::Not(Box::new(filter))),
        ]
    })
}

proptest! {
    #[test]
    fn a_search_with_any_filter_is_read_alike(filter in any_filter(), base in "\\PC{0,20}", size_limit in 0u32..0x7fff_ffff) {
        let mut search = corpus::search("(&)");
        search.filter = filter;
        search.base = base;
        search.size_limit = size_limit;
        let mut pdu = Vec::new();
        search.write(&mut pdu, corpus::id());
        check("search", &pdu);
    }

    #[test]
    fn a_bind_with_any_name_and_password_is_read_alike(name in "\\PC{0,200}", password in "\\PC{0,200}") {
        let mut pdu = Vec::new();
        bind::write_simple(&mut pdu, corpus::id(), name.as_bytes(), password.as_bytes());
        check("bind", &pdu);
    }

    #[test]
    fn an_entry_with_any_values_is_read_alike(dn in "\\PC{0,20}", values: Vec<Vec<u8>>) {
        let mut entry = corpus::entry();
        entry.dn = dn;
        entry.attributes[0].values.extend(values);
        let mut pdu = Vec::new();
        entry.write(&mut pdu, corpus::id());
        check("entry", &pdu);
        let envelope = Envelope::parse(&pdu).expect("it was just written");
        prop_assert_eq!(Entry::decode(envelope.content), Ok(entry));
    }

    #[test]
    fn a_result_with_any_text_is_read_alike(diagnostic in "\\PC{0,40}") {
        let mut pdu = Vec::new();
        let result = LdapResult::new(ResultCode::BUSY, &diagnostic);
        result.write(&mut pdu, corpus::id(), Operation::SearchResultDone);
        check("result", &pdu);
    }
}
