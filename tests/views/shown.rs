//! What is shown in a view: which attributes, which entries, which groups and by which names.

use crate::support::folder::free_port;
use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Ask, Control};
use crate::support::raw::Raw;
use crate::support::slapd::Slapd;
use crate::support::tree::{self, GROUPS, PEOPLE, SERVICE, SUFFIX, group, person};
use bindgate::proto::search::Entry;

/// A gateway with a view of its second listener, and a client that may read everything there and at
/// the first.
fn clients(slapd: &Slapd, view: &str, replica: &str) -> (Gateway, Raw, Raw) {
    let other = free_port();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        let first = settings.ldap_port;
        let both = format!("[\"127.0.0.1:{first}\", \"127.0.0.1:{other}\"]");
        settings.set("[listen]", "ldap", both);
        settings.set("[directory.groups]", "replica", format!("\"{replica}\""));
        settings.add_view(&format!(
            "name = \"it\"\nmatch = {{ listeners = [\"127.0.0.1:{other}\"] }}\n\
             writes = \"deny\"\n{view}"
        ));
    });
    if replica != "none" {
        gateway.comes_to_have_a_copy();
    }
    let [here, elsewhere] = [other, gateway.port()].map(|port| {
        let mut client = Raw::connect(port);
        assert_eq!(client.bind(SERVICE, tree::SERVICE_PASSWORD), 0);
        client
    });
    (gateway, here, elsewhere)
}

/// The first value of the names of what a filter finds from a base on, sorted.
#[track_caller]
fn found(client: &mut Raw, base: &str, filter: &str) -> Vec<String> {
    let (entries, code) = client.search(&Ask::below(base, pdu::filter(filter), &["1.1"]));
    assert_eq!(code, 0, "{base} {filter}");
    let first = |entry: &Entry| entry.dn.split([',', '=']).nth(1).unwrap_or_default().to_owned();
    let mut names: Vec<String> = entries.iter().map(first).collect();
    names.sort();
    names
}

fn attributes(client: &mut Raw, dn: &str, asked: &[&str]) -> Vec<String> {
    let (entries, code) = client.search(&Ask::entry(dn).of(asked));
    assert_eq!((entries.len(), code), (1, 0), "{dn} {asked:?}");
    let mut names: Vec<String> = entries[0].attributes.iter().map(|a| a.name.clone()).collect();
    names.sort();
    names
}

#[test]
fn an_attribute_that_is_not_shown_is_not_returned_and_undefined_in_filters() {
    let slapd = Slapd::start();
    let view = "attributes = [\"objectClass\", \"uid\", \"cn\", \"memberOf\"]";
    let (_gateway, mut client, mut elsewhere) = clients(&slapd, view, "auto");
    let ann = person("ann");
    for (asked, expected) in [
        (&[][..], &["cn", "memberOf", "objectClass", "uid"][..]),
        (&["*"], &["cn", "memberOf", "objectClass", "uid"]),
        (&["+", "sn"], &["cn", "memberOf", "objectClass", "uid"]),
        (&["sn", "CN"], &["cn"]),
        (&["sn", "entryUUID", "userPassword"], &[]),
        (&["memberOf"], &["memberOf"]),
    ] {
        assert_eq!(attributes(&mut client, &ann, asked), expected, "{asked:?}");
    }
    assert!(attributes(&mut elsewhere, &ann, &[]).contains(&"sn".to_owned()));
    let in_a = format!("(&(uid=ann)(memberOf={}))", group("A"));
    for (filter, expected) in [
        ("(uid=ann)", &["ann"][..]),
        ("(sn=Example)", &[]),
        ("(!(sn=nobody))", &[]),
        ("(|(sn=*)(uid=ann))", &["ann"]),
        ("(&(uid=ann)(!(sn=nobody)))", &[]),
        (&in_a, &["ann"]),
        (&format!("(&(sn=*){in_a})"), &[]),
    ] {
        assert_eq!(found(&mut client, SUFFIX, filter), expected, "{filter}");
    }
    assert!(!found(&mut elsewhere, SUFFIX, "(&(uid=ann)(!(sn=nobody)))").is_empty());
    assert_eq!(client.code(&pdu::compare(&ann, "sn", b"Example")), 16);
    assert_eq!(client.code(&pdu::compare(&ann, "uid", b"ann")), 6);
    // The order would tell what is not shown.
    let by_sn = pdu::nested(0x30, |out| {
        out.extend(pdu::nested(0x30, |out| out.extend(pdu::nested(4, |out| out.extend(b"sn")))));
    });
    let sort = Control { oid: "1.2.840.113556.1.4.473", critical: true, value: Some(&by_sn) };
    let ask = Ask::below(PEOPLE, pdu::filter("(uid=*)"), &["uid"]).body();
    assert_eq!(client.code(&pdu::with_controls(ask, &[sort])), 12);
    // What every client has to know is there.
    assert_eq!(client.search(&Ask::entry("").of(&["subschemaSubentry"])).0.len(), 1);
    let (schema, _) = client.search(&Ask::entry("cn=Subschema").of(&["attributeTypes"]));
    assert!(!schema[0].values("attributeTypes").is_empty());
}

#[test]
fn where_member_of_is_not_shown_nobody_is_found_by_it() {
    let slapd = Slapd::start();
    let (_gateway, mut client, _) = clients(&slapd, "attributes = [\"uid\"]", "auto");
    assert_eq!(attributes(&mut client, &person("ann"), &["+", "memberOf"]), ["uid"]);
    for filter in ["(memberOf=*)", &format!("(memberOf={})", group("A"))] {
        assert_eq!(found(&mut client, SUFFIX, filter), [""; 0], "{filter}");
    }
    let compared = pdu::compare(&person("ann"), "memberOf", group("A").as_bytes());
    assert_eq!(client.code(&compared), 16);
}

#[test]
fn entries_are_those_of_the_bases_and_the_filter_of_the_view() {
    let slapd = Slapd::start();
    let ann = person("ann");
    for replica in ["auto", "none"] {
        let view = format!("base = [\"{PEOPLE}\"]\nfilter = \"(|(uid=a*)(uid=b*))\"");
        let (_gateway, mut client, mut elsewhere) = clients(&slapd, &view, replica);
        for base in [SUFFIX, PEOPLE] {
            assert_eq!(found(&mut client, base, "(objectClass=*)"), ["ann", "bob"]);
            assert_eq!(found(&mut client, base, "(!(uid=bob))"), ["ann"]);
        }
        let is_there = |client: &mut Raw, dn: &str| client.search(&Ask::entry(dn)).1;
        assert_eq!(is_there(&mut client, &group("A")), 32);
        assert_eq!(is_there(&mut elsewhere, &group("A")), 0);
        assert_eq!(client.search(&Ask::entry(SUFFIX)).0.len(), 0);
        assert_eq!(client.code(&pdu::compare(&group("A"), "cn", b"A")), 32);
        assert_eq!(client.code(&pdu::compare(&ann, "uid", b"ann")), 53);

        let view = format!("base = [\"{ann}\", \"{GROUPS}\"]");
        let (_gateway, mut client, _) = clients(&slapd, &view, replica);
        assert_eq!(found(&mut client, SUFFIX, "(objectClass=person)"), ["ann"]);
        let in_a = format!("(memberOf={})", group("A"));
        assert_eq!(found(&mut client, SUFFIX, &in_a), ["B", "ann"]);
        // No limit counts what is left out.
        let filter = || pdu::filter("(objectClass=person)");
        let ask = Ask { size_limit: 1, ..Ask::below(SUFFIX, filter(), &["uid"]) };
        let (entries, code) = client.search(&ask);
        assert_eq!((entries.len(), code), (1, 0));
        assert_eq!(client.code(&pdu::compare(&ann, "uid", b"ann")), 6);
        assert_eq!(client.code(&pdu::compare(&person("bob"), "uid", b"bob")), 32);
    }
}

/// What carol's entry shows, and whether filters and compares on each name say the same.
#[track_caller]
fn check_groups(client: &mut Raw, expected: &[String], others: &[String]) {
    let carol = person("carol");
    let (entries, code) = client.search(&Ask::entry(&carol).of(&["memberOf"]));
    assert_eq!((entries.len(), code), (1, 0));
    let values = entries[0].values("memberOf").iter();
    let shown: Vec<String> = values.map(|v| String::from_utf8_lossy(v).into_owned()).collect();
    assert_eq!(shown, expected);
    for name in expected.iter().chain(others) {
        let is_shown = expected.contains(name);
        let by = |name: &str| format!("(&(objectClass=person)(memberOf={name}))");
        let all = found(client, PEOPLE, &by(name));
        assert_eq!(all, if is_shown { &["carol"][..] } else { &[] }, "{name}");
        let filter = pdu::filter(&by(name));
        let one = client.search(&Ask { scope: 0, ..Ask::below(&carol, filter, &["1.1"]) }).0;
        assert_eq!(one.len(), usize::from(is_shown), "{name}");
        let compared = pdu::compare(&carol, "memberOf", name.as_bytes());
        assert_eq!(client.code(&compared), if is_shown { 6 } else { 5 }, "{name}");
    }
}

#[test]
fn groups_are_shown_that_a_view_selects_and_by_the_names_that_it_gives_them() {
    let slapd = Slapd::start();
    let (bottom, left, right, top) = (group("bottom"), group("left"), group("right"), group("top"));
    let names = format!(
        "group_names = {{ \"{bottom}\" = \"cn=crew\", \"{top}\" = \"cn=everybody,dc=app\" }}"
    );
    let (crew, everybody) = ("cn=crew".to_owned(), "cn=everybody,dc=app".to_owned());
    for replica in ["auto", "none"] {
        for (view, expected, others) in [
            ("group_filter = \"(cn=b*)\"".to_owned(), vec![&bottom], vec![&left, &right, &top]),
            (format!("group_base = [\"{left}\"]"), vec![&left], vec![&bottom, &right, &top]),
            ("group_base = [\"dc=elsewhere\"]".to_owned(), vec![], vec![&bottom, &top]),
            (names.clone(), vec![&crew, &everybody, &left, &right], vec![&bottom, &top]),
            (
                format!("{names}\nflatten = \"mapped\""),
                vec![&crew, &everybody],
                vec![&bottom, &left, &right, &top],
            ),
            (
                format!("{names}\nflatten = \"direct\""),
                vec![&crew],
                vec![&bottom, &everybody, &left, &top],
            ),
        ] {
            let (_gateway, mut client, _) = clients(&slapd, &view, replica);
            let owned = |names: Vec<&String>| names.into_iter().cloned().collect::<Vec<_>>();
            check_groups(&mut client, &owned(expected), &owned(others));
        }
    }
}
