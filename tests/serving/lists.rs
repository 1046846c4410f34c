//! Whom a group holds, by way of others too, as its list of members in a view without writes.

use super::filters::crowded;
use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Ask, Change};
use crate::support::raw::Raw;
use crate::support::settings::Settings;
use crate::support::slapd::{Options, Slapd};
use crate::support::tree::{self, NOBODY, SERVICE, extra_group, extra_uid, group, person};
use bindgate::proto::search::Entry;

pub(crate) fn with_lists(settings: &mut Settings) {
    settings.set("[directory.serve]", "member", "true");
    settings.add_view("name = \"readers\"\nwrites = \"deny\"");
}

/// The gateway's own account, which sees groups, as a client.
fn reader(gateway: &Gateway) -> Raw {
    gateway.comes_to_have_a_copy();
    let mut client = gateway.connect();
    assert_eq!(client.bind(SERVICE, tree::SERVICE_PASSWORD), 0);
    client
}

fn texts(entry: &Entry, attribute: &str) -> Vec<String> {
    let values = entry.values(attribute).iter();
    values.map(|value| String::from_utf8_lossy(value).into_owned()).collect()
}

#[track_caller]
fn entry(client: &mut Raw, dn: &str, attributes: &[&str]) -> Entry {
    let (mut entries, code) = client.search(&Ask::entry(dn).of(attributes));
    assert_eq!((entries.len(), code), (1, 0), "{dn}");
    entries.remove(0)
}

#[test]
fn s10_5_a_group_lists_all_its_users_nested_ones_too_where_nothing_is_written() {
    let slapd = Slapd::start();
    let gateway = Gateway::configured(slapd.port(), |settings, _| with_lists(settings));
    let mut client = reader(&gateway);
    for (name, expected) in [
        ("A", &[NOBODY.to_owned(), person("ann")][..]),
        ("top", &[NOBODY.to_owned(), person("carol")]),
        ("loop-one", &[NOBODY.to_owned(), person("bob")]),
        ("self", &[NOBODY.to_owned(), person("dave")]),
        // As the directory spells them.
        (
            "Zürich",
            &[format!("cn=Smith\\2C Jane,{}", tree::PEOPLE), NOBODY.to_owned(), person("zoë")],
        ),
    ] {
        let found = entry(&mut client, &group(name), &["cn", "member"]);
        assert_eq!(texts(&found, "member"), expected, "{name}");
        assert_eq!(texts(&found, "cn"), [name]);
    }
    let whole = [NOBODY.to_owned(), person("carol")];
    for attributes in [&["member"][..], &["MEMBER"], &["2.5.4.31"], &["*"], &[], &["*", "+"]] {
        let found = entry(&mut client, &group("top"), attributes);
        assert_eq!(texts(&found, "member"), whole, "{attributes:?}");
    }
    for attributes in [&["cn"][..], &["+"], &["1.1"], &["memberOf"]] {
        let found = entry(&mut client, &group("top"), attributes);
        assert_eq!(texts(&found, "member"), Vec::<String>::new(), "{attributes:?}");
    }
    let top = group("top");
    let types = Ask { types_only: true, ..Ask::entry(&top).of(&["member", "memberOf"]) };
    let (entries, _) = client.search(&types);
    let names: Vec<&str> = entries[0].attributes.iter().map(|own| own.name.as_str()).collect();
    assert_eq!(names, ["member"]);
    // With its own groups, and found by its members.
    let filter = pdu::filter(&format!("(&(cn=bottom)(member={}))", person("carol")));
    let (entries, _) = client.search(&Ask::below(tree::GROUPS, filter, &["member", "memberOf"]));
    assert_eq!(texts(&entries[0], "member"), whole);
    assert_eq!(texts(&entries[0], "memberOf").len(), 3);
    // Whoever would write a flat list back destroys the nesting.
    let change = pdu::modify(&group("top"), Change::Add, "member", &[b"cn=x"]);
    assert_eq!(client.code(&change), 53);
}

#[test]
fn s10_5_where_something_may_be_written_or_lists_are_off_groups_are_as_they_are() {
    let slapd = Slapd::start();
    for (member, writes) in [("true", "allow"), ("false", "deny")] {
        let gateway = Gateway::configured(slapd.port(), |settings, _| {
            settings.set("[directory.serve]", "member", member);
            settings.add_view(&format!("name = \"it\"\nwrites = \"{writes}\""));
        });
        let found = entry(&mut reader(&gateway), &group("A"), &["member"]);
        assert_eq!(texts(&found, "member"), [group("B"), NOBODY.to_owned()], "{member} {writes}");
    }
}

#[test]
fn what_records_say_and_how_a_view_flattens_is_seen_in_lists_too() {
    let slapd = Slapd::start();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set("[directory.serve]", "member", "true");
        settings.add_view("name = \"it\"\nwrites = \"deny\"\nflatten = \"direct\"");
        settings.set_user_type("always_groups", format!("[\"{}\"]", group("A")));
        settings.set_user_type("disabled_filter", "\"(description=gone)\"");
    });
    let mut client = reader(&gateway);
    let list = |client: &mut Raw, name: &str| {
        let mut values = texts(&entry(client, &group(name), &["member"]), "member");
        values.retain(|value| value != NOBODY);
        values
    };
    let (none, carol) = (Vec::<String>::new(), person("carol"));
    assert_eq!(list(&mut client, "top"), none);
    assert_eq!(list(&mut client, "bottom"), std::slice::from_ref(&carol));
    assert_eq!(list(&mut client, "A"), none);
    assert_eq!(gateway.sign_on(&carol, "pw-carol"), 0);
    assert_eq!(list(&mut client, "A"), std::slice::from_ref(&carol));
    slapd.admin().modify(&carol, Change::Add, "description", &[b"gone"]);
    assert_eq!(gateway.sign_on(&carol, "pw-carol"), 0);
    assert_eq!(list(&mut client, "A"), none);
    assert_eq!(list(&mut client, "bottom"), none);
}

#[test]
fn long_lists_are_given_in_parts_where_these_are_asked_for() {
    let slapd = crowded(Options::default());
    let gateway = Gateway::configured(slapd.port(), |settings, _| with_lists(settings));
    let mut client = reader(&gateway);
    let outer = group(&extra_group(1));
    let mut all: Vec<String> = (0..300).map(|number| person(&extra_uid(number))).collect();
    all.insert(0, NOBODY.to_owned());
    assert_eq!(texts(&entry(&mut client, &outer, &["member"]), "member"), all);
    for (asked, shown, values) in [
        ("member;range=0-*", "member;range=0-*", &all[..]),
        ("member;range=0-99", "member;range=0-99", &all[..100]),
        ("Member;Range=100-199", "member;range=100-199", &all[100..200]),
        ("member;range=200-300", "member;range=200-*", &all[200..]),
        ("member;range=200-1699", "member;range=200-*", &all[200..]),
    ] {
        let found = entry(&mut client, &outer, &["cn", asked]);
        let mut names: Vec<&str> = found.attributes.iter().map(|own| own.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["cn", shown], "{asked}");
        assert_eq!(texts(&found, shown), values, "{asked}");
    }
    let found = entry(&mut client, &outer, &["member;range=301-*"]);
    assert_eq!(found.attributes, []);
}

#[test]
fn a_list_that_is_longer_than_it_may_be_is_refused_and_never_shown_shorter() {
    let slapd = crowded(Options::default());
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        with_lists(settings);
        settings.set("[directory.serve]", "max_filter_members", "100");
    });
    let mut client = reader(&gateway);
    let outer = group(&extra_group(1));
    let ask = Ask::entry(&outer).of(&["member"]);
    assert_eq!(client.search(&ask), (Vec::new(), 11));
    gateway.comes_to_count("bindgate_limit_hits_total{limit=\"max_filter_members\"} 1");
    assert_eq!(texts(&entry(&mut client, &group("A"), &["member"]), "member").len(), 2);
}

#[test]
fn groups_of_other_classes_list_members_in_their_own_way() {
    let slapd = Slapd::start();
    let mut admin = slapd.admin();
    let (unique, posix) =
        ("cn=unique,ou=groups,dc=example,dc=com", "cn=posix,ou=groups,dc=example,dc=com");
    let bottom = group("bottom");
    let attributes: &[(&str, &[&str])] =
        &[("objectClass", &["groupOfUniqueNames"]), ("uniqueMember", &[&bottom])];
    assert_eq!(admin.code(&pdu::add(unique, attributes)), 0);
    let attributes: &[(&str, &[&str])] =
        &[("objectClass", &["posixGroup"]), ("gidNumber", &["7"]), ("memberUid", &["ann", "zed"])];
    assert_eq!(admin.code(&pdu::add(posix, attributes)), 0);
    admin.join(&group("left"), posix);
    for replica in ["auto", "none"] {
        let gateway = Gateway::configured(slapd.port(), |settings, _| {
            with_lists(settings);
            settings.set("[directory.groups]", "filter", "\"(cn=*)\"");
            settings.set("[directory.groups]", "replica", format!("\"{replica}\""));
        });
        if replica == "auto" {
            gateway.comes_to_have_a_copy();
        }
        let mut client = gateway.connect();
        assert_eq!(client.bind(SERVICE, tree::SERVICE_PASSWORD), 0);
        let mut list = |dn: &str, attribute: &str| {
            let mut values = texts(&entry(&mut client, dn, &[attribute]), attribute);
            values.retain(|value| value != NOBODY);
            values
        };
        let (ann, carol) = (person("ann"), person("carol"));
        assert_eq!(list(unique, "uniqueMember"), std::slice::from_ref(&carol), "{replica}");
        assert_eq!(list(posix, "memberUid"), ["ann", "zed"], "{replica}");
        assert_eq!(list(&group("left"), "member"), [ann.clone(), carol.clone()], "{replica}");
        assert_eq!(list(&group("top"), "member"), [ann, carol], "{replica}");
    }
}
