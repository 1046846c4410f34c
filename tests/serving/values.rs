//! memberOf on entries, in compares and in the subschema.

use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Ask, Change, Control};
use crate::support::raw::Raw;
use crate::support::slapd::{Options, Slapd};
use crate::support::tree::{self, PEOPLE, SERVICE, SUFFIX, group, person};
use bindgate::proto::search::Entry;

/// A client that is bound as a user who is in no group.
pub(crate) fn client(gateway: &Gateway) -> Raw {
    gateway.comes_to_have_a_copy();
    let mut client = gateway.connect();
    assert_eq!(client.bind(&person("erin"), tree::password("erin")), 0);
    client
}

#[track_caller]
fn member_of(client: &mut Raw, dn: &str, attributes: &[&str]) -> Vec<String> {
    let (entries, code) = client.search(&Ask::entry(dn).of(attributes));
    assert_eq!((entries.len(), code), (1, 0), "{dn}");
    texts(&entries[0])
}

fn texts(entry: &Entry) -> Vec<String> {
    let values = entry.values("memberOf").iter();
    values.map(|value| String::from_utf8_lossy(value).into_owned()).collect()
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| group(name)).collect()
}

#[test]
fn s10_1_whoever_is_bound_reads_all_groups_of_an_entry_nested_ones_too() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let mut client = client(&gateway);
    let jane = format!("cn=Smith\\, Jane,{PEOPLE}");
    for (dn, expected) in [
        (person("ann"), &["A", "B"][..]),
        (person("bob"), &["loop-one", "loop-two"]),
        (person("carol"), &["bottom", "left", "right", "top"]),
        (person("dave"), &["self"]),
        (person("erin"), &[]),
        // As the directory spells it.
        (jane, &["Sales\\2C EMEA", "Zürich"]),
    ] {
        assert_eq!(member_of(&mut client, &dn, &["cn", "memberOf"]), names(expected), "{dn}");
    }
    let mut service = gateway.connect();
    assert_eq!(service.bind(SERVICE, tree::SERVICE_PASSWORD), 0);
    assert_eq!(
        member_of(&mut service, &group("bottom"), &["memberOf"]),
        names(&["left", "right", "top"])
    );
}

#[test]
fn it_is_shown_by_its_name_its_oid_and_as_an_operational_attribute_and_not_otherwise() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let mut client = client(&gateway);
    let (ann, both) = (person("ann"), names(&["A", "B"]));
    for (attributes, expected) in [
        (&["memberOf"][..], &both),
        (&["MEMBEROF"], &both),
        (&["1.2.840.113556.1.2.102"], &both),
        (&["+"], &both),
        (&["*", "+"], &both),
        (&["*", "memberof"], &both),
        (&["1.1", "memberOf"], &both),
        (&["*"], &Vec::new()),
        (&[], &Vec::new()),
        (&["1.1"], &Vec::new()),
        (&["cn"], &Vec::new()),
    ] {
        assert_eq!(member_of(&mut client, &ann, attributes), *expected, "{attributes:?}");
    }
    let types = Ask { types_only: true, ..Ask::entry(&ann).of(&["memberOf"]) };
    let (entries, _) = client.search(&types);
    assert_eq!(entries[0].attributes.len(), 1, "{entries:?}");
    assert_eq!(texts(&entries[0]), Vec::<String>::new());
}

#[test]
fn in_front_of_a_directory_where_it_is_a_user_attribute_it_is_one() {
    let slapd = Slapd::start();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set("[directory.serve]", "member_of_usage", "\"user\"");
    });
    let mut client = client(&gateway);
    let both = names(&["A", "B"]);
    for (attributes, expected) in
        [(&[][..], &both), (&["*"], &both), (&["memberOf"], &both), (&["+"], &Vec::new())]
    {
        assert_eq!(member_of(&mut client, &person("ann"), attributes), *expected, "{attributes:?}");
    }
}

#[test]
fn s10_3_who_is_not_bound_and_where_it_is_switched_off_reads_what_the_directory_has() {
    let slapd = Slapd::with(&Options {
        access_lines: vec!["access to dn.subtree=\"ou=people,dc=example,dc=com\" by * read".into()],
        ..Options::default()
    });
    let gateway = Gateway::before(slapd.port());
    let mut nobody = gateway.connect();
    let none = Vec::<String>::new();
    assert_eq!(member_of(&mut nobody, &person("ann"), &["memberOf", "+"]), none);
    let filter = pdu::equal("memberOf", &group("A"));
    assert_eq!(nobody.search(&Ask::below(SUFFIX, filter, &[])).0, []);
    let off = Gateway::configured(slapd.port(), |settings, _| {
        settings.set("[directory.serve]", "member_of", "false");
    });
    assert_eq!(member_of(&mut client(&off), &person("ann"), &["memberOf", "+"]), none);
}

#[test]
fn s10_6_searches_that_read_entries_as_they_are_read_them_as_they_are() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let mut client = client(&gateway);
    let ask = Ask::entry(&person("ann")).of(&["memberOf"]).body();
    let managed = pdu::with_controls(
        ask,
        &[Control { oid: "2.16.840.1.113730.3.4.2", critical: true, value: None }],
    );
    let answers = client.ask(&managed);
    assert_eq!(answers[0].entry().attributes, []);
}

#[test]
fn s10_1_a_change_of_the_directory_shows_once_somebody_has_signed_on_behind_it() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let mut client = client(&gateway);
    let mut admin = slapd.admin();
    let erin = person("erin");
    assert_eq!(member_of(&mut client, &erin, &["memberOf"]), Vec::<String>::new());
    admin.join(&group("bottom"), &erin);
    assert_eq!(gateway.sign_on(&erin, "pw-erin"), 0);
    let all = names(&["bottom", "left", "right", "top"]);
    assert_eq!(member_of(&mut client, &erin, &["memberOf"]), all);
    admin.leave(&group("bottom"), &erin);
    assert_eq!(gateway.sign_on(&erin, "pw-erin"), 0);
    assert_eq!(member_of(&mut client, &erin, &["memberOf"]), Vec::<String>::new());
}

#[test]
fn s10_1_a_search_waits_for_the_sign_on_that_was_answered_before_it_was_over() {
    let slapd = Slapd::start();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set("[sign_on]", "sync", "\"after-reply\"");
        settings.set_user_type("always_groups", "[\"cn=Everybody,dc=own\"]");
    });
    let mut client = client(&gateway);
    let mut admin = slapd.admin();
    let (frank, bottom) = (person("frank"), group("bottom"));
    let filter = |client: &mut Raw| {
        let filter = pdu::equal("memberOf", &group("top"));
        client.search(&Ask { scope: 0, ..Ask::below(&person("frank"), filter, &["1.1"]) }).0.len()
    };
    for _ in 0..15 {
        admin.join(&bottom, &frank);
        assert_eq!(gateway.sign_on(&frank, "pw-frank"), 0);
        // Not before the sign-on has given the record its own group.
        let shown = member_of(&mut client, &frank, &["memberOf"]);
        assert_eq!(shown.len(), 5, "{shown:?}");
        assert_eq!(filter(&mut client), 1);
        admin.leave(&bottom, &frank);
        assert_eq!(gateway.sign_on(&frank, "pw-frank"), 0);
        assert_eq!(filter(&mut client), 0);
        assert_eq!(member_of(&mut client, &frank, &["memberOf"]), ["cn=Everybody,dc=own"]);
    }
}

#[test]
fn s10_1_what_the_record_adds_is_shown_and_who_is_disabled_has_no_groups() {
    let slapd = Slapd::start();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set_user_type("always_groups", "[\"cn=Everybody,dc=own\"]");
        settings.set_user_type("ignored_groups", "[\"left\"]");
        settings.set_user_type("disabled_filter", "\"(description=gone)\"");
    });
    let mut client = client(&gateway);
    let carol = person("carol");
    let mut all = names(&["bottom", "right", "top"]);
    assert_eq!(member_of(&mut client, &carol, &["memberOf"]), all, "without a record");
    assert_eq!(gateway.sign_on(&carol, "pw-carol"), 0);
    all.insert(0, "cn=Everybody,dc=own".to_owned());
    assert_eq!(member_of(&mut client, &carol, &["memberOf"]), all);
    let mut found = |value: &str| {
        let filter = pdu::equal("memberOf", value);
        let (entries, code) = client.search(&Ask::below(PEOPLE, filter, &["1.1"]));
        assert_eq!(code, 0);
        let mut dns: Vec<String> = entries.into_iter().map(|entry| entry.dn).collect();
        dns.sort();
        dns
    };
    assert_eq!(found("CN=everybody, DC=own"), [carol.clone(), person("erin")]);
    assert_eq!(found(&group("left")), Vec::<String>::new());
    slapd.admin().modify(&carol, Change::Add, "description", &[b"gone"]);
    assert_eq!(gateway.sign_on(&carol, "pw-carol"), 0);
    assert_eq!(found("cn=everybody,dc=own"), [person("erin")]);
    assert_eq!(found(&group("top")), Vec::<String>::new());
    assert_eq!(member_of(&mut client, &carol, &["memberOf"]), Vec::<String>::new());
}

#[test]
fn s6_2_groups_are_flattened_as_configured_and_the_chain_is_found_all_the_same() {
    let slapd = Slapd::start();
    for (flatten, expected) in [
        ("direct", &["bottom"][..]),
        ("depth:1", &["bottom", "left", "right"]),
        ("leaf", &["bottom"]),
        ("ancestors", &["bottom", "left", "right", "top"]),
    ] {
        let gateway = Gateway::configured(slapd.port(), |settings, _| {
            settings.set("[directory.groups]", "flatten", format!("\"{flatten}\""));
        });
        let mut client = client(&gateway);
        let shown = member_of(&mut client, &person("carol"), &["memberOf"]);
        assert_eq!(shown, names(expected), "{flatten}");
        for name in ["bottom", "left", "top"] {
            let mut count = |filter| client.search(&Ask::below(PEOPLE, filter, &["1.1"])).0.len();
            let plain = count(pdu::equal("memberOf", &group(name)));
            assert_eq!(plain, usize::from(expected.contains(&name)), "{flatten} {name}");
            let chain = format!("(memberOf:1.2.840.113556.1.4.1941:={})", group(name));
            assert_eq!(count(pdu::filter(&chain)), 1, "{flatten} {name}");
        }
    }
}

#[test]
fn s10_1_without_a_live_copy_the_directory_is_asked_and_never_a_shorter_list_served() {
    let slapd = Slapd::start();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set("[directory.groups]", "replica", "\"none\"");
        settings.set("[directory.groups]", "max_depth", "4");
    });
    let mut client = gateway.connect();
    assert_eq!(client.bind(&person("erin"), "pw-erin"), 0);
    assert_eq!(member_of(&mut client, &person("ann"), &["memberOf"]), names(&["A", "B"]));
    let carol = person("carol");
    let filter = pdu::filter(&format!("(&(objectClass=person)(memberOf={}))", group("top")));
    let found = client.search(&Ask::below(PEOPLE, filter, &["cn", "memberOf"]));
    let mut of_carol = |filter: String| {
        let ask = Ask { scope: 0, ..Ask::below(&carol, pdu::filter(&filter), &["1.1"]) };
        client.search(&ask).0.len()
    };
    for (name, expected) in [("top", 1), ("A", 0)] {
        assert_eq!(of_carol(format!("(memberOf={})", group(name))), expected);
        assert_eq!(of_carol(format!("(|(uid=x)(memberOf={}))", group(name))), expected);
    }
    for (name, expected) in [("top", 6), ("A", 5)] {
        let value = group(name);
        assert_eq!(client.code(&pdu::compare(&carol, "memberOf", value.as_bytes())), expected);
    }
    // Its chain is longer than the walk may follow: it is not known who is in the group.
    slapd.admin().join(&group("A"), &group("top"));
    slapd.admin().join(&group("loop-one"), &group("A"));
    assert_eq!((found.0.len(), found.1), (1, 0));
    assert_eq!(texts(&found.0[0]), names(&["bottom", "left", "right", "top"]));
    let (entries, code) = client.search(&Ask::entry(&person("carol")).of(&["memberOf"]));
    assert_eq!((entries, code), (Vec::new(), 52));
    // Behind the search that was given up, the client goes on.
    assert_eq!(member_of(&mut client, &person("dave"), &["memberOf"]), names(&["self"]));
}

#[test]
fn a_compare_says_whether_somebody_is_in_a_group() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let mut client = client(&gateway);
    for (name, value, expected) in [
        ("ann", group("A"), 6),
        ("ann", "CN=a , OU=Groups,DC=example,dc=com".to_owned(), 6),
        ("ann", group("top"), 5),
        ("carol", group("top"), 6),
        ("carol", "cn=nowhere".to_owned(), 5),
        ("carol", "no name".to_owned(), 21),
        // There is no such entry: the directory has to say, and complains of the attribute first.
        ("nobody", group("top"), 17),
    ] {
        let code = client.code(&pdu::compare(&person(name), "memberOf", value.as_bytes()));
        assert_eq!(code, expected, "{name} {value}");
    }
    assert_eq!(client.code(&pdu::compare(&person("ann"), "sn", b"Example")), 6);
    // Who is not bound is answered by the directory, which does not know the attribute.
    let code = gateway.connect().code(&pdu::compare(&person("ann"), "memberOf", b"cn=a"));
    assert!(matches!(code, 17 | 32 | 50), "{code}");
}

#[test]
fn the_subschema_says_that_there_is_a_memberof() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let mut client = client(&gateway);
    for attributes in [&["attributeTypes"][..], &["+"], &["*", "+"], &["objectClasses", "2.5.21.5"]]
    {
        let (entries, code) = client.search(&Ask::entry("cn=Subschema").of(attributes));
        assert_eq!((entries.len(), code), (1, 0));
        let types = entries[0].values("attributeTypes").iter();
        let known = types.filter(|value| String::from_utf8_lossy(value).contains("'memberOf'"));
        assert_eq!(known.count(), 1, "{attributes:?}");
    }
}
