//! What a client reads of the root DSE, in every way of asking.

use super::*;
use crate::proto::envelope::{Envelope, MessageId};
use proptest::prelude::*;

/// The root DSE of a directory that has much that is not carried.
fn directory() -> Entry {
    let of = |name: &str, values: &[&str]| Attribute {
        name: name.to_owned(),
        values: values.iter().map(|value| value.as_bytes().to_vec()).collect(),
    };
    let attributes = vec![
        of("objectClass", &["top"]),
        of("namingContexts", &["dc=one"]),
        of("supportedControl", &["1.2.3", "2.16.840.1.113730.3.4.18"]),
        of("supportedExtension", &["1.3.6.1.4.1.1466.20037", "1.3.6.1.1.8"]),
        of("supportedSASLMechanisms", &["PLAIN", "EXTERNAL"]),
        of("altServer", &["ldap://dc2"]),
    ];
    Entry { dn: String::new(), attributes }
}

fn search(filter: &str, selection: &[&str], types_only: bool) -> Vec<u8> {
    let mut out = vec![4, 0, 10, 1, 0, 10, 1, 0, 2, 1, 0, 2, 1, 0];
    ber::write_boolean(&mut out, BOOLEAN, types_only);
    Filter::parse(filter).expect("it is a filter").encode(&mut out);
    ber::write_nested(&mut out, SEQUENCE, |out| {
        selection.iter().for_each(|name| ber::write_element(out, OCTET_STRING, name.as_bytes()));
    });
    out
}

/// What that directory answers: the attributes that are selected, if the filter holds.
fn answered(search: &[u8]) -> Option<Vec<u8>> {
    let request = SearchRequest::decode(search).expect("it is a search");
    let filter = Filter::decode(request.filter, FilterLimits::default()).expect("it is a filter");
    let mut entry = directory();
    if matching::evaluate(&filter, &entry) != Truth::True {
        return None;
    }
    assert!(!request.types_only, "types alone do not show what is left of their values");
    entry.attributes.retain(|attribute| is_selected(&request, attribute.name.as_bytes()));
    let mut out = Vec::new();
    entry.write(&mut out, MessageId::MAX);
    Some(Envelope::parse(&out).expect("it was just written").body.to_vec())
}

/// Asks and shows the answer: names with their values.
fn ask(filter: &str, selection: &[&str], types_only: bool, offer: &Offer<'_>) -> Option<String> {
    let search = search(filter, selection, types_only);
    assert!(is_read_by(&search));
    let upstream = asked(&search);
    let body = answered(upstream.as_deref().unwrap_or(&search))?;
    let body = served(&search, &body, offer)?;
    let entry = Entry::decode(Reader::new(&body).element().expect("an entry").content);
    let shown = entry.expect("it is well formed").attributes.into_iter().map(|attribute| {
        let values = attribute.values.iter().map(|value| String::from_utf8_lossy(value));
        format!("{}={}", attribute.name, values.collect::<Vec<_>>().join("|"))
    });
    Some(shown.collect::<Vec<_>>().join(" "))
}

const PLAIN_ALONE: &dyn Fn(&[u8]) -> bool = &|mechanism| mechanism == b"PLAIN";

fn bare() -> Offer<'static> {
    Offer {
        carries: PLAIN_ALONE,
        mechanisms: &[],
        start_tls: false,
        proxied_authorisation: false,
        referrals: Referrals::Strip,
        contexts: &[],
    }
}

#[track_caller]
fn check(filter: &str, selection: &[&str], types_only: bool, expected: Option<&str>) {
    let got = ask(filter, selection, types_only, &bare());
    assert_eq!(got.as_deref(), expected, "{filter} {selection:?} {types_only}");
}

const ALL: &str = "(objectClass=*)";

#[test]
fn what_is_not_carried_is_taken_out_and_what_is_served_here_is_added() {
    check(ALL, &[], false, Some("objectClass=top"));
    check(ALL, &["*"], false, Some("objectClass=top"));
    let all = "objectClass=top namingContexts=dc=one supportedControl=1.2.3 \
               supportedExtension=1.3.6.1.1.8|1.3.6.1.4.1.4203.1.11.3 \
               supportedSASLMechanisms=PLAIN";
    check(ALL, &["*", "+"], false, Some(all));
    check(ALL, &["supportedsaslmechanisms"], false, Some("supportedSASLMechanisms=PLAIN"));
    check(ALL, &["1.3.6.1.4.1.1466.101.120.14"], false, Some("supportedSASLMechanisms=PLAIN"));
    check(ALL, &["altServer", "1.1"], false, Some(""));
}

#[test]
fn types_alone_are_those_that_have_a_value_left() {
    check(
        ALL,
        &["+"],
        true,
        Some("namingContexts= supportedControl= supportedExtension= supportedSASLMechanisms="),
    );
    check(ALL, &["altServer", "namingContexts"], true, Some("namingContexts="));
}

#[test]
fn a_filter_is_decided_on_what_the_client_may_read() {
    check("(supportedSASLMechanisms=PLAIN)", &[], false, Some("objectClass=top"));
    check("(supportedSASLMechanisms=EXTERNAL)", &[], false, None);
    check("(!(supportedSASLMechanisms=EXTERNAL))", &[], false, Some("objectClass=top"));
    check("(supportedExtension=1.3.6.1.4.1.1466.20037)", &["*"], false, None);
    check("(supportedExtension=1.3.6.1.4.1.4203.1.11.3)", &["1.1"], false, Some(""));
    check("(altServer=*)", &["+"], false, None);
    check(
        "(&(namingContexts=dc=one)(supportedControl=1.2.3))",
        &[],
        false,
        Some("objectClass=top"),
    );
    check(
        "(&(namingContexts=dc=one)(supportedControl=1.2.3))",
        &["namingContexts"],
        true,
        Some("namingContexts="),
    );
}

#[test]
fn what_the_client_may_use_is_offered() {
    let offer = Offer {
        mechanisms: &[b"EXTERNAL"],
        start_tls: true,
        proxied_authorisation: true,
        referrals: Referrals::Pass,
        contexts: &[b"dc=bindgate"],
        ..bare()
    };
    let got = ask(ALL, &["+"], false, &offer);
    let expected = "namingContexts=dc=one|dc=bindgate supportedControl=1.2.3|2.16.840.1.113730.3.4.18 \
                    supportedExtension=1.3.6.1.4.1.1466.20037|1.3.6.1.1.8|1.3.6.1.4.1.4203.1.11.3 \
                    supportedSASLMechanisms=PLAIN|EXTERNAL altServer=ldap://dc2";
    assert_eq!(got.as_deref(), Some(expected));
}

#[test]
fn an_entry_without_the_attribute_gets_it_where_it_is_asked_for() {
    let body = [0x64, 4, 4, 0, 0x30, 0];
    for (selection, expected) in
        [(&["supportedExtension"][..], true), (&["+"], true), (&["*"], false), (&[], false)]
    {
        let got = served(&search(ALL, selection, false), &body, &bare()).expect("there is one");
        let has = got.windows(oid::WHO_AM_I.len()).any(|window| window == oid::WHO_AM_I);
        assert_eq!(has, expected, "{selection:?}");
    }
}

#[test]
fn an_entry_in_which_nothing_is_altered_stays_as_it_came() {
    // Long lengths, as Active Directory writes them.
    let body =
        [0x64, 16, 4, 0, 0x30, 12, 0x30, 0x84, 0, 0, 0, 6, 4, 2, b'c', b'n', 0x31, 0, 0xa0, 0];
    assert_eq!(served(&search(ALL, &[], false), &body, &bare()), Some(body.to_vec()));
}

#[test]
fn a_search_of_anything_else_is_no_read_of_the_root() {
    for search in [&[4, 1, b'x', 10, 1, 0][..], &[4, 0, 10, 1, 2], &[4, 0], &[], &[4, 0, 10, 1, 1]]
    {
        assert!(!is_read_by(search), "{search:?}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(search: Vec<u8>, body: Vec<u8>) {
        let _ = (is_read_by(&search), asked(&search), served(&search, &body, &bare()));
        let search = super::tests::search(ALL, &["+"], true);
        let _ = served(&search, &[&[0x64][..], &body].concat(), &bare());
    }
}
