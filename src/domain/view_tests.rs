use super::*;
use crate::proto::envelope::MessageId;

fn dn(text: &str) -> DistinguishedName {
    DistinguishedName::parse(text).expect("the test's name is one")
}

fn view(name: &str, listeners: &[&str], addresses: &[&str], names: &[&str]) -> View {
    let matching = Matching {
        listeners: listeners.iter().map(|text| text.parse().expect("an address")).collect(),
        addresses: addresses.iter().map(|text| Network::parse(text).expect("a network")).collect(),
        bind_dns: names.iter().map(|text| dn(text)).collect(),
    };
    View { name: name.to_owned(), matching, ..View::default() }
}

#[track_caller]
fn check(views: &Views, listener: &str, address: &str, name: Option<&str>, expected: Option<&str>) {
    let origin =
        Origin { listener: listener.parse().ok(), address: address.parse().expect("an address") };
    let found = views.of(&origin, name.map(dn).as_ref());
    assert_eq!(found.map(|view| &*view.name), expected, "{listener} {address} {name:?}");
}

#[test]
fn the_view_that_says_most_closely_whom_it_is_for_counts_and_of_several_the_first() {
    let (one, two) = ("127.0.0.1:1", "127.0.0.1:2");
    let views = Views::new(vec![
        view("listener", &[one], &[], &[]),
        view("again", &[one], &[], &[]),
        view("network", &[], &["10.0.0.0/8"], &[]),
        view("app", &[], &[], &["cn=app,dc=x"]),
        view("app there", &[two], &[], &["cn=app,dc=x", "cn=other,dc=x"]),
    ]);
    for (listener, address, name, expected) in [
        (one, "192.0.2.7", None, Some("listener")),
        (two, "192.0.2.7", None, None),
        ("", "192.0.2.7", None, None),
        (one, "10.1.2.3", None, Some("network")),
        (one, "::ffff:10.1.2.3", None, Some("network")),
        (one, "192.0.2.7", Some("cn=ann,dc=x"), Some("listener")),
        (one, "10.1.2.3", Some("CN=App, DC=X"), Some("app")),
        (two, "10.1.2.3", Some("cn=app,dc=x"), Some("app")),
        (two, "192.0.2.7", Some("cn=other,dc=x"), Some("app there")),
        (one, "192.0.2.7", Some("cn=other,dc=x"), Some("listener")),
    ] {
        check(&views, listener, address, name, expected);
    }
    let mut all = views.all().iter().map(|view| (**view).clone()).collect::<Vec<_>>();
    all.insert(0, view("everybody", &[], &[], &[]));
    let views = Views::new(all);
    check(&views, one, "192.0.2.7", None, Some("listener"));
    check(&views, two, "192.0.2.7", Some("cn=ann,dc=x"), Some("everybody"));
    check(&Views::default(), one, "192.0.2.7", Some("cn=app,dc=x"), None);
}

/// A request of that operation; an extended one bears its name.
fn request(operation: Operation, oid: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    match operation {
        Operation::ExtendedRequest => {
            ExtendedRequest { name: oid, value: None }.write_body(&mut body);
        }
        _ => crate::proto::ber::write_element(&mut body, operation.tag(), b""),
    }
    let mut pdu = Vec::new();
    crate::proto::envelope::write_with_body(MessageId::MAX, &body, &mut pdu);
    pdu
}

/// All requests that are relayed, with their kinds.
fn requests() -> Vec<(Option<Kind>, Vec<u8>)> {
    let plain = |operation| request(operation, b"");
    let extended = |oid| request(Operation::ExtendedRequest, oid);
    vec![
        (Some(Kind::Search), plain(Operation::SearchRequest)),
        (Some(Kind::Compare), plain(Operation::CompareRequest)),
        (Some(Kind::Add), plain(Operation::AddRequest)),
        (Some(Kind::Modify), plain(Operation::ModifyRequest)),
        (Some(Kind::Delete), plain(Operation::DelRequest)),
        (Some(Kind::ModifyDn), plain(Operation::ModifyDnRequest)),
        (Some(Kind::PasswordModify), extended(oid::PASSWORD_MODIFY)),
        (Some(Kind::Extended), extended(oid::START_TRANSACTION)),
        (Some(Kind::Extended), extended(b"1.2.3.4")),
        (None, extended(oid::WHO_AM_I)),
        (None, extended(oid::CANCEL)),
    ]
}

#[track_caller]
fn serves(view: &View, expected: impl Fn(Option<Kind>) -> Option<Refusal>) {
    for (kind, pdu) in requests() {
        let request = Envelope::parse(&pdu).expect("it was just written");
        assert_eq!(view.refusal(&request), expected(kind), "{kind:?}");
    }
}

#[test]
fn what_is_not_served_is_refused_and_whatever_may_write_is_a_write() {
    serves(&View::default(), |_| None);
    serves(&View { bind_only: true, ..View::default() }, |_| Some(ONLY_BINDS));
    let reads = [None, Some(Kind::Search), Some(Kind::Compare)];
    serves(&View { writes: Writes::Deny, ..View::default() }, |kind| {
        (!reads.contains(&kind)).then_some(WRITES_DENIED)
    });
    let only = View { operations: Some(vec![Kind::Search, Kind::Modify]), ..View::default() };
    let kept = [None, Some(Kind::Search), Some(Kind::Modify)];
    serves(&only, |kind| (!kept.contains(&kind)).then_some(NOT_SERVED));
    assert!(!only.serves(Kind::Bind) && View::default().serves(Kind::Bind));
}

#[test]
fn what_is_added_is_visible_to_those_who_are_named() {
    let app = b"cn=app,dc=x".as_slice();
    let named = VisibleTo::Named(vec![dn("CN=App,DC=x")]);
    for (whom, nobody, by_name, other) in [
        (&VisibleTo::Bound, false, true, true),
        (&VisibleTo::Anyone, true, true, true),
        (&named, false, true, false),
        (&VisibleTo::Named(Vec::new()), false, false, false),
    ] {
        let found = [None, Some(app), Some(b"ann@x")].map(|name| whom.includes(name));
        assert_eq!(found, [nobody, by_name, other], "{whom:?}");
    }
}
