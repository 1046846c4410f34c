//! Who reads the suffix, and what is there.

use crate::support::eventually;
use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Ask, Change, Control};
use crate::support::raw::Raw;
use crate::support::settings::{Settings, quoted};
use crate::support::slapd::Slapd;
use crate::support::tree::{self, SERVICE, SERVICE_PASSWORD, group, person};
use bindgate::proto::search::Entry;

pub(crate) const PEOPLE: &str = "ou=people,dc=bindgate";
pub(crate) const GROUPS: &str = "ou=groups,dc=bindgate";

pub(crate) fn here(uid: &str) -> String {
    format!("uid={uid},{PEOPLE}")
}

pub(crate) fn group_here(name: &str) -> String {
    format!("cn={name},{GROUPS}")
}

/// The service account, bob, and whoever is in `top` may read.
pub(crate) fn readers(settings: &mut Settings) {
    let readers = [SERVICE, &person("bob"), &group("top")].map(quoted).join(", ");
    let readers = format!("[{readers}]");
    settings.set("[records]", "readers", readers);
}

pub(crate) fn gateway(slapd: &Slapd) -> Gateway {
    Gateway::configured(slapd.port(), |settings, _| readers(settings))
}

/// The application, which is bound as the service account.
pub(crate) fn application(gateway: &Gateway) -> Raw {
    let mut client = gateway.connect();
    assert_eq!(client.bind(SERVICE, SERVICE_PASSWORD), 0);
    client
}

pub(crate) fn sign_on(gateway: &Gateway, uids: &[&str]) {
    for uid in uids {
        assert_eq!(gateway.sign_on(&person(uid), tree::password(uid)), 0, "{uid}");
    }
}

#[track_caller]
pub(crate) fn names(client: &mut Raw, base: &str, filter: &str) -> Vec<String> {
    let (entries, code) = client.search(&Ask::below(base, pdu::filter(filter), &["1.1"]));
    assert_eq!(code, 0, "{filter}");
    let mut names: Vec<String> = entries.into_iter().map(|entry| entry.dn).collect();
    names.sort();
    names
}

pub(crate) fn texts(entry: &Entry, name: &str) -> Vec<String> {
    let values = entry.values(name).iter();
    values.map(|value| String::from_utf8_lossy(value).into_owned()).collect()
}

#[track_caller]
fn read(client: &mut Raw, dn: &str, attributes: &[&str]) -> Entry {
    let (mut entries, code) = client.search(&Ask::entry(dn).of(attributes));
    assert_eq!((entries.len(), code), (1, 0), "{dn}");
    entries.remove(0)
}

#[test]
fn s10_4_readers_alone_read_it_and_nobody_who_is_not_bound() {
    let slapd = Slapd::start();
    let gateway = gateway(&slapd);
    sign_on(&gateway, &["ann"]);
    let ask = Ask::below("dc=bindgate", pdu::present("objectClass"), &[]).body();
    let compare = pdu::compare(&here("ann"), "uid", b"ann");
    let may = |client: &mut Raw| (client.code(&ask), client.code(&compare));
    let mut nobody = gateway.connect();
    assert_eq!(may(&mut nobody), (50, 50));
    // No reader of her own, nor in a group of readers.
    assert_eq!(nobody.bind(&person("ann"), "pw-ann"), 0);
    assert_eq!(may(&mut nobody), (50, 50));
    assert_eq!(nobody.bind(SERVICE, SERVICE_PASSWORD), 0);
    assert_eq!(may(&mut nobody), (0, 6));
    // Nested in the group, by the record.
    let mut carol = gateway.connect();
    assert_eq!(carol.bind(&person("carol"), "pw-carol"), 0);
    assert_eq!(may(&mut carol), (0, 6));
    slapd.admin().leave(&group("bottom"), &person("carol"));
    assert_eq!(carol.bind(&person("carol"), "pw-carol"), 0);
    assert_eq!(may(&mut carol), (50, 50));
    // Named himself, and shut out meanwhile.
    let mut bob = gateway.connect();
    assert_eq!(bob.bind(&person("bob"), "pw-bob"), 0);
    assert_eq!(may(&mut bob), (0, 6));
    gateway.command(&["user", "disable", "bob"]).expect_code(0);
    assert_eq!(may(&mut bob), (50, 50));
    // A bind that fails leaves nobody who may read.
    assert_eq!(nobody.bind(SERVICE, "wrong"), 49);
    assert_eq!(may(&mut nobody), (50, 50));
}

#[test]
fn s10_4_without_readers_it_is_not_there() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let mut client = application(&gateway);
    let ask = Ask::below("dc=bindgate", pdu::present("objectClass"), &[]);
    assert_eq!(client.search(&ask), (Vec::new(), 32), "as the directory says it");
    let root = read(&mut client, "", &["namingContexts"]);
    assert_eq!(texts(&root, "namingContexts"), [tree::SUFFIX]);
    assert_eq!(client.bind(&here("ann"), "pw-ann"), 49);
}

#[test]
fn s10_2_people_and_groups_are_there_as_the_records_are() {
    let slapd = Slapd::start();
    let gateway = gateway(&slapd);
    let mut client = application(&gateway);
    assert_eq!(names(&mut client, PEOPLE, "(uid=*)"), [""; 0]);
    sign_on(&gateway, &["ann", "bob", "zoë"]);
    // What a sign-on wrote, the search that follows sees.
    let ann = read(&mut client, &here("Ann"), &["*", "+"]);
    assert_eq!(ann.dn, here("ann"));
    for (name, expected) in [
        ("objectClass", &["top", "person", "organizationalPerson", "inetOrgPerson"][..]),
        ("uid", &["ann"]),
        ("cn", &["Ann Example"]),
        ("sn", &["Example"]),
        ("mail", &["ann@example.com"]),
        ("displayName", &["Ann Example"]),
        ("entryDN", &[&here("ann")]),
        ("hasSubordinates", &["FALSE"]),
        ("structuralObjectClass", &["inetOrgPerson"]),
        ("subschemaSubentry", &["cn=subschema,dc=bindgate"]),
        ("memberOf", &[&group_here("A"), &group_here("B")]),
        ("userPassword", &[]),
    ] {
        assert_eq!(texts(&ann, name), expected, "{name}");
    }
    let id = gateway.user("ann")["upstream_id"].as_str().unwrap_or_default().to_owned();
    assert_eq!(texts(&ann, "entryUUID"), std::slice::from_ref(&id));
    assert_eq!(names(&mut client, "dc=bindgate", &format!("(entryUUID={id})")), [here("ann")]);
    let a = read(&mut client, &group_here("A"), &[]);
    assert_eq!(texts(&a, "member"), [here("ann")], "nested members too");
    assert_eq!(texts(&a, "objectClass"), ["top", "groupOfNames"]);

    slapd.admin().leave(&group("A"), &group("B"));
    sign_on(&gateway, &["ann"]);
    let by_group = format!("(memberOf={})", group_here("A"));
    assert_eq!(names(&mut client, PEOPLE, &by_group), [""; 0]);
    assert_eq!(texts(&read(&mut client, &group_here("A"), &[]), "member"), [""; 0]);
    let in_chain = format!("(memberOf:1.2.840.113556.1.4.1941:={})", group_here("b"));
    assert_eq!(names(&mut client, "dc=bindgate", &in_chain), [here("ann")]);
    let of_ann = format!("(&(objectClass=groupOfNames)(member={}))", here("ann"));
    assert_eq!(names(&mut client, "dc=bindgate", &of_ann), [group_here("B")]);
}

#[test]
fn s10_2_groups_of_the_gateways_own_are_there_and_what_was_done_by_hand_shows_at_once() {
    let slapd = Slapd::start();
    let gateway = gateway(&slapd);
    sign_on(&gateway, &["ann"]);
    let mut client = application(&gateway);
    gateway.command(&["group", "create", "on call"]).expect_code(0);
    gateway.command(&["user", "join", "ann", "on call"]).expect_code(0);
    let own = group_here("on call");
    assert_eq!(texts(&read(&mut client, &own, &[]), "member"), [here("ann")]);
    gateway.command(&["user", "pin", "ann", "A", "deny"]).expect_code(0);
    let groups = |client: &mut Raw| texts(&read(client, &here("ann"), &[]), "memberOf");
    assert_eq!(groups(&mut client), [group_here("B"), own.clone()]);
    gateway.command(&["user", "disable", "ann"]).expect_code(0);
    assert_eq!(names(&mut client, PEOPLE, "(uid=ann)"), [""; 0]);
    assert_eq!(texts(&read(&mut client, &own, &[]), "member"), [""; 0]);
    assert_eq!(client.code(&Ask::entry(&here("ann")).body()), 32);
    gateway.command(&["user", "enable", "ann"]).expect_code(0);
    assert_eq!(names(&mut client, PEOPLE, "(uid=ann)"), [here("ann")]);
    gateway.command(&["user", "forget", "ann"]).expect_code(0);
    assert_eq!(names(&mut client, PEOPLE, "(uid=ann)"), [""; 0]);
    gateway.command(&["group", "delete", "on call"]).expect_code(0);
    assert_eq!(client.code(&Ask::entry(&own).body()), 32);
}

#[test]
fn s4_3_who_is_inactive_is_shown_where_that_is_wanted_and_is_in_no_group() {
    let slapd = Slapd::start();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        readers(settings);
        settings.set("[records]", "inactive", quoted("show"));
    });
    sign_on(&gateway, &["ann"]);
    gateway.command(&["user", "disable", "ann"]).expect_code(0);
    let mut client = application(&gateway);
    let ann = read(&mut client, &here("ann"), &["memberOf", "nsAccountLock"]);
    assert_eq!(
        (texts(&ann, "memberOf"), texts(&ann, "nsAccountLock")),
        (vec![], vec!["TRUE".into()])
    );
    assert_eq!(texts(&read(&mut client, &group_here("A"), &[]), "member"), [""; 0]);
}

#[test]
fn s10_2_it_answers_while_the_directory_is_down() {
    let mut slapd = Slapd::start();
    let gateway = gateway(&slapd);
    sign_on(&gateway, &["ann"]);
    let mut client = application(&gateway);
    // So that it stands on a connection to the directory, which is lost.
    assert_eq!(client.search(&Ask::entry(tree::SUFFIX)).1, 0);
    slapd.kill();
    assert_eq!(names(&mut client, PEOPLE, "(uid=ann)"), [here("ann")]);
    assert_eq!(gateway.sign_on(&here("ann"), "pw-ann"), 52, "who it is, nobody can tell");
    assert_eq!(names(&mut client, PEOPLE, "(mail=ann@example.com)"), [here("ann")]);
    slapd.restart();
    assert_eq!(names(&mut client, PEOPLE, "(uid=ann)"), [here("ann")]);
    eventually("the directory is found again", || {
        (gateway.sign_on(&here("ann"), "pw-ann") == 0).then_some(())
    });
}

#[test]
fn it_outlives_a_restart() {
    let slapd = Slapd::start();
    let mut gateway = gateway(&slapd);
    sign_on(&gateway, &["ann"]);
    gateway.stop();
    gateway.restart(|_| {});
    let mut client = application(&gateway);
    assert_eq!(names(&mut client, PEOPLE, "(uid=ann)"), [here("ann")]);
    assert_eq!(texts(&read(&mut client, &group_here("B"), &[]), "member"), [here("ann")]);
}

#[test]
fn updates_are_refused_and_tell_where_to_go() {
    let slapd = Slapd::start();
    let gateway = gateway(&slapd);
    sign_on(&gateway, &["ann"]);
    let mut client = application(&gateway);
    let ann = here("ann");
    for update in [
        pdu::modify(&ann, Change::Replace, "mail", &[b"x@y"]),
        pdu::delete(&ann),
        pdu::add(&here("new"), &[("objectClass", &["inetOrgPerson"])]),
        pdu::modify_dn(&ann, "uid=other", None),
    ] {
        let answers = client.ask(&update);
        let result = answers[0].result();
        assert_eq!(result.code.0, 53);
        assert!(String::from_utf8_lossy(result.diagnostic).contains("read-only"));
    }
    assert_eq!(names(&mut client, PEOPLE, "(uid=*)"), [ann]);
}

#[test]
fn a_name_that_is_not_there_is_answered_with_what_is_above_it() {
    let slapd = Slapd::start();
    let gateway = gateway(&slapd);
    let mut client = application(&gateway);
    for (name, matched) in [
        (here("nobody"), PEOPLE),
        (format!("cn=x,{}", group_here("A")), GROUPS),
        ("ou=more,dc=bindgate".to_owned(), "dc=bindgate"),
    ] {
        for request in [Ask::entry(&name).body(), pdu::compare(&name, "cn", b"x")] {
            let answers = client.ask(&request);
            let result = answers[0].result();
            assert_eq!((result.code.0, result.matched_dn), (32, matched.as_bytes()), "{name}");
        }
    }
}

#[test]
fn compares_are_answered_by_the_records() {
    let slapd = Slapd::start();
    let gateway = gateway(&slapd);
    sign_on(&gateway, &["ann", "bob"]);
    let mut client = application(&gateway);
    let (a, bob) = (group_here("A"), here("bob"));
    for (entry, attribute, value, code) in [
        (&a, "member", here("ANN"), 6),
        (&a, "member", here("bob"), 5),
        (&a, "member", "no name".to_owned(), 21),
        (&a, "description", "x".to_owned(), 16),
        (&bob, "memberOf", group_here("LOOP-one"), 6),
        (&bob, "memberOf", a.clone(), 5),
        (&bob, "mail", "BOB@example.com".to_owned(), 6),
        (&bob, "mail", "ann@example.com".to_owned(), 5),
    ] {
        let compare = pdu::compare(entry, attribute, value.as_bytes());
        assert_eq!(client.code(&compare), code, "{attribute} {value}");
    }
}

#[test]
fn the_root_names_the_suffix_and_the_suffix_its_schema() {
    let slapd = Slapd::start();
    let gateway = gateway(&slapd);
    let mut client = application(&gateway);
    let root = read(&mut client, "", &["namingContexts", "supportedControl"]);
    assert_eq!(texts(&root, "namingContexts"), [tree::SUFFIX, "dc=bindgate"]);
    let schema = read(&mut client, "cn=subschema,dc=bindgate", &["+", "cn"]);
    assert_eq!(texts(&schema, "cn"), ["subschema"]);
    let types = texts(&schema, "attributeTypes");
    for wanted in ["'uid'", "'memberOf'", "'mail'", "'entryUUID'"] {
        assert!(types.iter().any(|text| text.contains(wanted)), "{wanted}");
    }
    assert!(
        !names(&mut client, "dc=bindgate", "(objectClass=*)")
            .contains(&"cn=subschema,dc=bindgate".to_owned())
    );
}

#[test]
fn controls_that_are_not_served_are_refused_if_they_are_critical() {
    let slapd = Slapd::start();
    let gateway = gateway(&slapd);
    let mut client = application(&gateway);
    let ask = |oid, critical| {
        let control = Control { oid, critical, value: None };
        pdu::with_controls(Ask::entry("dc=bindgate").body(), &[control])
    };
    for (oid, critical, code) in [
        ("2.16.840.1.113730.3.4.2", true, 0),
        ("1.2.840.113556.1.4.1339", true, 0),
        ("2.16.840.1.113730.3.4.9", true, 12),
        ("2.16.840.1.113730.3.4.9", false, 0),
        ("2.16.840.1.113730.3.4.18", true, 12),
        // Pages without a word of how many.
        ("1.2.840.113556.1.4.319", false, 2),
    ] {
        let answers = client.ask(&ask(oid, critical));
        assert_eq!(answers.last().expect("an answer").code(), code, "{oid} {critical}");
    }
}

/// Sessions of before a reload read a suffix that was made before it: it has to be told of what comes.
#[test]
fn after_a_reload_it_is_as_young_for_those_who_were_there_as_for_those_who_come() {
    let slapd = Slapd::start();
    let mut gateway = Gateway::configured(slapd.port(), |settings, _| readers(settings));
    sign_on(&gateway, &["ann"]);
    let mut before = application(&gateway);
    assert_eq!(texts(&read(&mut before, &here("ann"), &[]), "uid"), ["ann"]);
    gateway.rewrite(|settings| settings.set_user_type("groups", quoted("first-sign-on")), "");
    gateway.hang_up();
    gateway.comes_to_count("bindgate_config_reloads_total{outcome=\"changed\"} 1");
    sign_on(&gateway, &["bob"]);
    for client in [&mut before, &mut application(&gateway)] {
        for uid in ["ann", "bob"] {
            assert_eq!(texts(&read(client, &here(uid), &[]), "uid"), [uid]);
        }
    }
}
