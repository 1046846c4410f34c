//! Filters and compares on the members of groups, nested ones too.

use super::filters::crowded_by;
use super::values::client;
use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Ask, Change};
use crate::support::raw::Raw;
use crate::support::settings::Settings;
use crate::support::slapd::{Options, Slapd};
use crate::support::tap::Tap;
use crate::support::tree::{
    self, GROUPS, NOBODY, SERVICE, SUFFIX, extra_group, extra_uid, group, person,
};

const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";

fn with_members(settings: &mut Settings) {
    settings.set("[directory.serve]", "member", "true");
}

/// The gateway's own account, which sees groups, as a client.
fn reader(gateway: &Gateway) -> Raw {
    gateway.comes_to_have_a_copy();
    let mut client = gateway.connect();
    assert_eq!(client.bind(SERVICE, tree::SERVICE_PASSWORD), 0);
    client
}

#[track_caller]
fn groups(client: &mut Raw, filter: &str) -> Vec<String> {
    let (entries, code) = client.search(&Ask::below(SUFFIX, pdu::filter(filter), &["cn"]));
    assert_eq!(code, 0, "{filter}");
    let mut names: Vec<String> =
        entries.iter().map(|entry| entry.text("cn").unwrap_or_default().to_owned()).collect();
    names.sort();
    names
}

#[test]
fn every_group_that_somebody_is_in_is_found_by_its_members() {
    let slapd = Slapd::start();
    let gateway = Gateway::configured(slapd.port(), |settings, _| with_members(settings));
    let mut client = reader(&gateway);
    let (ann, carol) = (person("ann"), person("carol"));
    let all = &["bottom", "left", "right", "top"][..];
    for (filter, expected) in [
        (format!("(member={ann})"), &["A", "B"][..]),
        (format!("(MEMBER=UID=ann , {})", tree::PEOPLE.to_uppercase()), &["A", "B"]),
        (format!("(2.5.4.31={ann})"), &["A", "B"]),
        (format!("(member={carol})"), all),
        (format!("(member:{IN_CHAIN}:={carol})"), all),
        (format!("(member:2.5.13.1:={carol})"), all),
        (format!("(&(objectClass=groupOfNames)(member={carol})(!(cn=top)))"), &all[..3]),
        (format!("(|(cn=A)(member={carol}))"), &["A", "bottom", "left", "right", "top"]),
        (format!("(&(cn=top)(!(member={carol})))"), &[]),
        (format!("(&(cn=A)(!(member={carol})))"), &["A"]),
        (format!("(&(member={carol})(memberOf={}))", group("top")), &["bottom", "left", "right"]),
        (format!("(member={})", person("dave")), &["self"]),
        (format!("(member={})", person("erin")), &[]),
        // A group is in those above it.
        (format!("(member={})", group("bottom")), &["left", "right", "top"]),
        // Of somebody of whom nothing is known here the directory decides.
        (format!("(&(member={NOBODY})(cn=t*))"), &["top"]),
        (format!("(&(member:{IN_CHAIN}:={NOBODY})(cn=t*))"), &["top"]),
        ("(&(member=*)(cn=t*))".to_owned(), &["top"]),
        ("(&(cn=top)(member=no name))".to_owned(), &[]),
        ("(&(cn=top)(!(member=no name)))".to_owned(), &[]),
    ] {
        assert_eq!(groups(&mut client, &filter), expected, "{filter}");
    }
    let top = group("top");
    for (filter, expected) in [
        (format!("(member={carol})"), 1),
        (format!("(!(member={carol}))"), 0),
        (format!("(member={ann})"), 0),
        (format!("(|(cn=top)(member={ann}))"), 1),
    ] {
        let ask = Ask { scope: 0, ..Ask::below(&top, pdu::filter(&filter), &["1.1"]) };
        assert_eq!(client.search(&ask).0.len(), expected, "{filter}");
    }
}

#[test]
fn a_compare_on_members_sees_nested_ones() {
    let slapd = Slapd::start();
    let gateway = Gateway::configured(slapd.port(), |settings, _| with_members(settings));
    let mut client = client(&gateway);
    for (name, value, expected) in [
        ("A", person("ann"), 6),
        ("A", format!("UID=Ann , {}", tree::PEOPLE), 6),
        ("top", person("carol"), 6),
        ("top", person("ann"), 5),
        ("top", group("bottom"), 6),
    ] {
        let code = client.code(&pdu::compare(&group(name), "member", value.as_bytes()));
        assert_eq!(code, expected, "{name} {value}");
    }
    // Of a member of whom nothing is known here, and of what is no group, the directory decides.
    let mut reader = reader(&gateway);
    let compare = |client: &mut Raw, dn: &str, value: &str| {
        client.code(&pdu::compare(dn, "member", value.as_bytes()))
    };
    assert_eq!(compare(&mut reader, &group("top"), NOBODY), 6);
    assert_eq!(compare(&mut reader, &group("top"), "cn=other"), 5);
    assert_eq!(compare(&mut reader, &person("ann"), &person("ann")), 16);
    assert_eq!(compare(&mut reader, &group("nowhere"), &person("ann")), 32);
}

#[test]
fn what_the_record_adds_and_how_groups_are_flattened_counts_for_members_too() {
    let slapd = Slapd::start();
    for (flatten, expected) in [
        ("direct", &["bottom"][..]),
        ("leaf", &["bottom"]),
        ("depth:1", &["bottom", "left", "right"]),
        ("ancestors", &["bottom", "left", "right", "top"]),
    ] {
        let gateway = Gateway::configured(slapd.port(), |settings, _| {
            with_members(settings);
            settings.set("[directory.groups]", "flatten", format!("\"{flatten}\""));
        });
        let mut client = reader(&gateway);
        let carol = person("carol");
        assert_eq!(groups(&mut client, &format!("(member={carol})")), expected, "{flatten}");
        let chain = format!("(member:{IN_CHAIN}:={carol})");
        assert_eq!(groups(&mut client, &chain), ["bottom", "left", "right", "top"], "{flatten}");
    }
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        with_members(settings);
        settings.set_user_type("ignored_groups", "[\"left\"]");
        settings.set_user_type("always_groups", format!("[\"{}\"]", group("A")));
        settings.set_user_type("disabled_filter", "\"(description=gone)\"");
    });
    let (mut client, carol) = (reader(&gateway), person("carol"));
    assert_eq!(gateway.sign_on(&carol, "pw-carol"), 0);
    let filter = format!("(member={carol})");
    assert_eq!(groups(&mut client, &filter), ["A", "bottom", "right", "top"]);
    slapd.admin().modify(&carol, Change::Add, "description", &[b"gone"]);
    assert_eq!(gateway.sign_on(&carol, "pw-carol"), 0);
    assert_eq!(groups(&mut client, &filter), Vec::<String>::new());
}

#[test]
fn groups_that_name_users_by_uid_are_found_by_that() {
    let slapd = Slapd::start();
    let mut admin = slapd.admin();
    let posix = "cn=posix,ou=groups,dc=example,dc=com";
    let attributes: &[(&str, &[&str])] =
        &[("objectClass", &["posixGroup"]), ("gidNumber", &["7"]), ("memberUid", &["ann", "zed"])];
    assert_eq!(admin.code(&pdu::add(posix, attributes)), 0);
    admin.join(&group("left"), posix);
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        with_members(settings);
        settings.set("[directory.groups]", "filter", "\"(cn=*)\"");
    });
    let mut client = reader(&gateway);
    let all = ["A", "B", "left", "posix", "top"];
    assert_eq!(groups(&mut client, "(memberUid=ann)"), all);
    assert_eq!(groups(&mut client, &format!("(member={})", person("ann"))), all);
    assert_eq!(groups(&mut client, "(memberUid=carol)").len(), 4);
    // Nobody is called like that, says the directory, but the group does say so.
    assert_eq!(groups(&mut client, "(memberUid=zed)"), ["posix"]);
    for (uid, expected) in [("ann", 6), ("carol", 5), ("zed", 6)] {
        assert_eq!(client.code(&pdu::compare(posix, "memberUid", uid.as_bytes())), expected);
    }
}

#[test]
fn s10_3_who_is_not_bound_and_where_it_is_off_is_answered_by_the_directory() {
    let slapd = Slapd::with(&Options {
        access_lines: vec![format!("access to dn.subtree=\"{GROUPS}\" by * read")],
        ..Options::default()
    });
    let filter = format!("(member={})", person("ann"));
    let off = Gateway::before(slapd.port());
    assert_eq!(groups(&mut reader(&off), &filter), ["B"]);
    let code = reader(&off).code(&pdu::compare(&group("A"), "member", person("ann").as_bytes()));
    assert_eq!(code, 5);
    let gateway = Gateway::configured(slapd.port(), |settings, _| with_members(settings));
    gateway.comes_to_have_a_copy();
    let ask = Ask::below(GROUPS, pdu::filter(&filter), &["1.1"]);
    assert_eq!(gateway.connect().search(&ask).0.len(), 1);
}

#[test]
fn without_a_live_copy_whoever_is_named_is_walked_from() {
    let slapd = Slapd::start();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        with_members(settings);
        settings.set("[directory.groups]", "replica", "\"none\"");
    });
    let mut client = gateway.connect();
    assert_eq!(client.bind(SERVICE, tree::SERVICE_PASSWORD), 0);
    let carol = person("carol");
    let all = &["bottom", "left", "right", "top"][..];
    for (filter, expected) in [
        (format!("(member={carol})"), all),
        (format!("(member:{IN_CHAIN}:={carol})"), all),
        (format!("(&(objectClass=groupOfNames)(member={carol})(!(cn=top)))"), &all[..3]),
        (format!("(|(cn=A)(member={carol}))"), &["A", "bottom", "left", "right", "top"]),
        (format!("(member={})", person("erin")), &[]),
        (format!("(&(member={NOBODY})(cn=t*))"), &["top"]),
    ] {
        assert_eq!(groups(&mut client, &filter), expected, "{filter}");
    }
    for (name, value, expected) in
        [("top", &carol, 6), ("A", &carol, 5), ("top", &NOBODY.to_owned(), 6)]
    {
        let code = client.code(&pdu::compare(&group(name), "member", value.as_bytes()));
        assert_eq!(code, expected, "{name} {value}");
    }
}

#[test]
fn thousands_of_compares_over_a_group_with_others_in_it_ask_the_directory_nothing() {
    let slapd =
        crowded_by(3_000, Options { service_size_limit: Some(10_000), ..Options::default() });
    // Another level above it.
    slapd.admin().join(&group("A"), &group(&extra_group(1)));
    let tap = Tap::before(slapd.port());
    let gateway = Gateway::configured(tap.port(), |settings, _| with_members(settings));
    let mut client = client(&gateway);
    let (inner, outer, other) = (group(&extra_group(0)), group(&extra_group(1)), group("B"));
    let above = group("A");
    let before = tap.sent().len();
    let mut count = 0;
    for number in 0..3_000 {
        let dn = person(&extra_uid(number));
        // As Apache asks, from the group that is required down to those in it.
        for (name, expected) in [(&above, 6), (&outer, 6), (&inner, 6), (&other, 5)] {
            let code = client.code(&pdu::compare(name, "member", dn.as_bytes()));
            assert_eq!(code, expected, "{name} {dn}");
            count += 1;
        }
    }
    assert_eq!(count, 12_000);
    let sent = String::from_utf8_lossy(&tap.sent()[before..]).into_owned();
    assert!(!sent.contains("uid=u"), "the directory was asked: {sent}");
}
