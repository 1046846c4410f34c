//! Names that are no DN, on Active Directory (rules S9.2 and S9.4).

use super::tree;
use super::world::Kind;
use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Ask, Change};
use bindgate::domain::sid::sid_of;

/// Everything that ann may be called in a bind, but for her DN.
fn names_of_ann(directory: &super::world::Directory) -> Vec<String> {
    let person = tree::person("ann");
    let (entries, _) = directory.admin().search(&Ask::entry(&person).of(&["objectSid"]));
    let sid = sid_of(&entries[0]).expect("she has an identifier").to_string();
    vec!["ann@example.com".to_owned(), "ANN@EXAMPLE.COM".to_owned(), "EXAMPLE\\ann".to_owned(), sid]
}

#[track_caller]
fn expect_count(gateway: &Gateway, outcome: &str, count: usize) {
    let log = gateway.log();
    let found = log.lines().filter(|line| line.contains(&format!(" outcome={outcome} "))).count();
    assert_eq!(found, count, "{outcome}: {log}");
}

#[test]
fn s9_2_a_bind_by_a_name_that_is_no_dn_is_a_sign_on_of_the_users_entry() {
    let directory = Kind::Samba.start();
    let names = names_of_ann(&directory);
    let gateway = directory.gateway("walk");
    let group = tree::group("level-1");
    for (number, name) in names.iter().enumerate() {
        // Each sees what changed just before it.
        let change = if number % 2 == 0 { Change::Add } else { Change::Delete };
        let person = tree::person("ann");
        directory.admin().modify(&group, change, "member", &[person.as_bytes()]);
        let mut raw = gateway.connect();
        assert_eq!(raw.bind(name, "pw-ann"), 0, "{name}");
        let is_in = gateway.managed_groups("ann").contains(&"level-1".to_owned());
        assert_eq!(is_in, number % 2 == 0, "{name}");
        assert_eq!(raw.search(&Ask::entry(&person)).1, 0, "{name}: the session is hers");
    }
    expect_count(&gateway, "created", 1);
    assert_eq!(gateway.sign_on("ann@example.com", "wrong"), 49);
    assert_eq!(gateway.sign_on("nobody@example.com", "pw-ann"), 49);
    // An account that no user type takes.
    assert_eq!(gateway.sign_on("gateway@example.com", "service-secret"), 0);
    assert!(!gateway.knows("gateway"));
}

#[test]
fn s9_2_a_principal_name_need_not_look_like_the_account() {
    let directory = Kind::Samba.start();
    let gateway = directory.gateway("walk");
    let name = "boss@partner.test";
    let bob = tree::person("bob");
    directory.admin().modify(&bob, Change::Replace, "userPrincipalName", &[name.as_bytes()]);
    assert_eq!(gateway.sign_on(name, "pw-bob"), 0);
    assert!(gateway.knows("bob") && !gateway.knows("carol"));
}

#[test]
fn s9_4_who_is_shut_out_is_refused_under_every_name() {
    let directory = Kind::Samba.start();
    let mut names = names_of_ann(&directory);
    names.push(tree::person("ann"));
    let mut gateway = directory.gateway("walk");
    assert_eq!(gateway.sign_on("ann@example.com", "pw-ann"), 0);
    assert_eq!(gateway.sign_on("EXAMPLE\\bob", "pw-bob"), 0);
    shut_out(&mut gateway, "ann");
    let mut raw = gateway.connect();
    for name in &names {
        assert_eq!(raw.bind(name, "pw-ann"), 49, "{name}");
        let (seen, _) = raw.search(&Ask::entry(&tree::person("ann")));
        assert!(seen.is_empty(), "{name}: the session is nobody");
    }
    // By a name that says whom it means, a wrong password is answered as the right one is.
    for name in names.iter().filter(|name| !name.starts_with("S-1-")) {
        let answers = ["pw-ann", "wrong"].map(|password| {
            let answer = raw.ask(&pdu::bind(name, password.as_bytes())).pop().expect("an answer");
            answer.envelope().body.to_vec()
        });
        assert_eq!(answers[0], answers[1], "{name}");
    }
    assert_eq!(raw.bind("bob@example.com", "pw-bob"), 0, "others are not");
}

/// Writes into the store of a gateway that is stopped meanwhile.
fn shut_out(gateway: &mut Gateway, user: &str) {
    gateway.stop();
    let file = gateway.store().join("bindgate.sqlite");
    let store = rusqlite::Connection::open(file).expect("the store is there");
    let reasons = "UPDATE users SET inactive_reasons = '[\"admin\"]' WHERE name = ?1";
    assert_eq!(store.execute(reasons, [user]).expect("the statement is right"), 1);
    drop(store);
    gateway.restart(|_| {});
}
