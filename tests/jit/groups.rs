//! Graphs that a careless walk gets wrong.

use crate::support::gateway::Gateway;
use crate::support::slapd::Slapd;
use crate::support::tree;

#[track_caller]
fn check(gateway: &Gateway, dn: &str, password: &str, user: &str, expected: &[&str]) {
    assert_eq!(gateway.sign_on(dn, password), 0, "{dn}");
    assert_eq!(gateway.managed_groups(user), expected, "{dn}");
}

#[test]
fn cycles_diamonds_and_odd_names_give_each_group_once() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let person = |uid: &str| tree::person(uid);
    check(&gateway, &person("bob"), "pw-bob", "bob", &["loop-one", "loop-two"]);
    check(&gateway, &person("carol"), "pw-carol", "carol", &["bottom", "left", "right", "top"]);
    check(&gateway, &person("dave"), "pw-dave", "dave", &["self"]);
    check(&gateway, &person("erin"), "pw-erin", "erin", &[]);
    check(&gateway, &person("zoë"), "pw-zoë", "zoë", &["Zürich"]);
    let jane = format!("cn=Smith\\, Jane,{}", tree::PEOPLE);
    check(&gateway, &jane, "pw-jane", "jane", &["Sales, EMEA", "Zürich"]);
}

#[test]
fn one_way_out_of_a_diamond_taken_away_keeps_the_ancestor() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let carol = tree::person("carol");
    check(&gateway, &carol, "pw-carol", "carol", &["bottom", "left", "right", "top"]);
    let mut admin = slapd.admin();
    admin.leave(&tree::group("left"), &tree::group("bottom"));
    check(&gateway, &carol, "pw-carol", "carol", &["bottom", "right", "top"]);
    admin.leave(&tree::group("right"), &tree::group("bottom"));
    check(&gateway, &carol, "pw-carol", "carol", &["bottom"]);
}

#[test]
fn every_spelling_of_a_name_leads_to_one_record() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    for dn in [
        "uid=ann,ou=people,dc=example,dc=com",
        "UID=ANN, ou=People , DC=Example,dc=com",
        "uid=\\61nn,ou=people,dc=example,dc=com",
        "0.9.2342.19200300.100.1.1=ann,ou=people,dc=example,dc=com",
    ] {
        check(&gateway, dn, "pw-ann", "ann", &["A", "B"]);
    }
    assert_eq!(gateway.json("/api/v1/users")["items"].as_array().map(Vec::len), Some(1));
    for reference in [
        "ann",
        "staff/ann",
        "dn:uid=ann,ou=people,dc=example,dc=com",
        "dn:UID=Ann,OU=people,DC=example,DC=com",
    ] {
        assert_eq!(gateway.managed_groups(reference), ["A", "B"], "{reference}");
    }
}

#[test]
fn a_long_chain_and_a_wide_level_are_walked_to_their_ends() {
    let depth = 12;
    let slapd = Slapd::with(&crate::support::slapd::Options {
        extra: tree::Extra { people: 0, groups: 60 },
        ..Default::default()
    });
    let mut admin = slapd.admin();
    let group = |number: usize| tree::group(&tree::extra_group(number));
    // g000 holds erin, each of the next ones holds the one before; all others hold erin.
    admin.join(&group(0), &tree::person("erin"));
    (1..depth).for_each(|number| admin.join(&group(number), &group(number - 1)));
    (depth..60).for_each(|number| admin.join(&group(number), &tree::person("erin")));
    let gateway = Gateway::before(slapd.port());
    let expected: Vec<String> = (0..60).map(tree::extra_group).collect();
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    check(&gateway, &tree::person("erin"), "pw-erin", "erin", &expected);
}
