//! Accounts that are made anew, renamed into others' names, out of scope or gone.

use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Change};
use crate::support::slapd::Slapd;
use crate::support::tree;
use crate::{ANN, expect};

fn person(uid: &str) -> pdu::Body {
    let (dn, password) = (tree::person(uid), tree::password(uid));
    pdu::add(
        &dn,
        &[
            ("objectClass", &["inetOrgPerson"]),
            ("sn", &["New"]),
            ("cn", &["New"]),
            ("userPassword", &[&password]),
        ],
    )
}

#[track_caller]
fn id_of(gateway: &Gateway, user: &str) -> String {
    let user = gateway.user(user);
    format!("id:{}", user["upstream_id"].as_str().expect("a user has an upstream id"))
}

#[test]
fn s4_6_an_account_that_is_made_anew_is_another_user_and_inherits_nothing() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    let old = id_of(&gateway, "ann");
    let mut admin = slapd.admin();
    assert_eq!(admin.code(&pdu::delete(ANN)), 0);
    admin.leave(&tree::group("B"), ANN);
    assert_eq!(admin.code(&person("ann")), 0);
    admin.join(&tree::group("left"), ANN);
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);

    expect(&gateway, &old, &["missing"], &[]);
    assert_eq!(gateway.managed_groups(&old), ["A", "B"], "it keeps what it had, suspended");
    let listed = gateway.json("/api/v1/users?name=ann");
    let items = listed["items"].as_array().expect("a list has items");
    let new = items.iter().find(|user| user["state"]["active"] == true).expect("she is there");
    let new = format!("id:{}", new["upstream_id"].as_str().expect("it has an upstream id"));
    assert_ne!(new, old);
    expect(&gateway, &new, &[], &["left", "top"]);
}

#[test]
fn s4_11_a_name_that_another_holds_is_kept_from_who_wants_it_until_it_is_free() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    for uid in ["ann", "bob"] {
        assert_eq!(gateway.sign_on(&tree::person(uid), tree::password(uid)), 0);
    }
    let (ann, bob) = (id_of(&gateway, "ann"), id_of(&gateway, "bob"));
    let mut admin = slapd.admin();
    let moved = tree::person("ann2");
    assert_eq!(admin.code(&pdu::modify_dn(ANN, "uid=ann2", None)), 0);
    admin.modify(&moved, Change::Replace, "uid", &[b"ann2"]);
    // She is now called ann2; bob takes her name, and the gateway finds out that it is free.
    assert_eq!(admin.code(&pdu::modify_dn(&tree::person("bob"), "uid=ann", None)), 0);
    assert_eq!(gateway.sign_on(ANN, "pw-bob"), 0);
    assert_eq!(gateway.user(&bob)["name"], "ann");
    assert_eq!(gateway.user(&ann)["name"], "ann2");
    expect(&gateway, &ann, &[], &["A", "B"][..0]);

    // Now the name is held.
    let carol = "cn=Carol,ou=people,dc=example,dc=com";
    let attributes: [(&str, &[&str]); 5] = [
        ("objectClass", &["inetOrgPerson"]),
        ("uid", &["ann"]),
        ("sn", &["C"]),
        ("cn", &["Carol"]),
        ("userPassword", &["pw-c"]),
    ];
    assert_eq!(admin.code(&pdu::add(carol, &attributes)), 0);
    assert_eq!(gateway.sign_on(carol, "pw-c"), 0);
    let third = gateway.user(&format!("dn:{carol}"));
    assert_eq!(third["state"]["collision"], "ann");
    assert_ne!(third["name"], "ann");
    assert_eq!(gateway.user(&bob)["name"], "ann");
}

/// Many pairs of new users of one name each, who all sign on at once.
#[test]
fn s4_11_of_two_who_sign_on_for_the_first_time_at_once_one_gets_the_name() {
    const PAIRS: usize = 20;
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let mut admin = slapd.admin();
    let dn = |pair: usize, which: &str| format!("cn={which}{pair},ou=people,dc=example,dc=com");
    for pair in 0..PAIRS {
        for which in ["one", "two"] {
            let uid = format!("same{pair}");
            let attributes: [(&str, &[&str]); 4] = [
                ("objectClass", &["inetOrgPerson"]),
                ("uid", &[&uid]),
                ("sn", &["Same"]),
                ("userPassword", &["pw"]),
            ];
            assert_eq!(admin.code(&pdu::add(&dn(pair, which), &attributes)), 0);
        }
    }
    std::thread::scope(|scope| {
        for pair in 0..PAIRS {
            for which in ["one", "two"] {
                let (gateway, dn) = (&gateway, dn(pair, which));
                scope.spawn(move || assert_eq!(gateway.sign_on(&dn, "pw"), 0));
            }
        }
    });
    for pair in 0..PAIRS {
        let both = ["one", "two"].map(|which| gateway.user(&format!("dn:{}", dn(pair, which))));
        let name = format!("same{pair}");
        let owners = both.iter().filter(|user| user["name"] == *name).count();
        let colliding = both.iter().filter(|user| user["state"]["collision"] == *name).count();
        assert_eq!((owners, colliding), (1, 1), "{both:?}");
    }
}

#[test]
fn s4_7_an_entry_that_no_type_takes_any_more_has_no_groups_until_one_does_again() {
    let slapd = Slapd::start();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        let filter = "(&(objectClass=inetOrgPerson)(!(employeeType=robot)))";
        settings.set_user_type("filter", format!("\"{filter}\""));
    });
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    slapd.admin().modify(ANN, Change::Replace, "employeeType", &[b"robot"]);
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    expect(&gateway, "ann", &["scope"], &[]);
    slapd.admin().modify(ANN, Change::Replace, "employeeType", &[]);
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    expect(&gateway, "ann", &[], &["A", "B"]);
}
