//! The life of an account: disabled, enabled, renamed, moved, deleted, made anew, the same on each
//! directory (S4), and changes that count at once.

use super::tree;
use super::world::{Directory, Kind};
use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Change};
use serde_json::json;

/// How a directory says that somebody may not use an account any more, and that one may again.
fn lock(directory: &Directory, who: &str, locked: bool) {
    let (name, on, off): (&str, &[u8], Option<&[u8]>) = match directory.kind() {
        Kind::Slapd => ("pwdAccountLockedTime", b"000001010000Z", None),
        Kind::Samba => ("userAccountControl", b"514", Some(b"512")),
        Kind::Ds389 => ("nsAccountLock", b"true", None),
    };
    let values = if locked { vec![on] } else { off.into_iter().collect() };
    directory.admin().modify(who, Change::Replace, name, &values);
}

#[track_caller]
fn expect(gateway: &Gateway, user: &str, reasons: &[&str], groups: &[&str]) {
    let record = gateway.user(user);
    assert_eq!(record["state"]["reasons"], json!(reasons), "{user}: {}", gateway.log());
    let rows = record["memberships"].as_array().expect("a user has memberships").iter();
    let counting = rows.filter(|row| row["effective"] == true);
    let mut names: Vec<&str> = counting.filter_map(|row| row["group"]["name"].as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, groups, "{user}");
}

fn lives(kind: Kind) {
    let directory = kind.start();
    let mut gateway = directory.gateway("auto");
    gateway.restart(|settings| {
        settings.set("[reconcile]", "enabled", "true");
        settings.set("[reconcile]", "after", "\"1s\"");
    });
    let (ann, bob) = (tree::person("ann"), tree::person("bob"));
    let (b, level) = (tree::group("B"), tree::group("level-8"));
    assert_eq!(gateway.sign_on(&ann, "pw-ann"), 0);
    expect(&gateway, "ann", &[], &["A", "B", "list", "local"]);
    // What is changed counts at the next bind.
    directory.admin().leave(&b, &ann);
    assert_eq!(gateway.sign_on(&ann, "pw-ann"), 0);
    expect(&gateway, "ann", &[], &["list"]);
    directory.admin().join(&b, &ann);
    assert_eq!(gateway.sign_on(&ann, "pw-ann"), 0);
    let id = gateway.user("ann")["id"].clone();
    // Disabled, seen without a sign-on; enabled with other groups.
    lock(&directory, &ann, true);
    assert_ne!(gateway.sign_on(&ann, "pw-ann"), 0, "the directory refuses her");
    crate::support::eventually("the reconciliation sees it", || {
        (gateway.user("ann")["state"]["active"] == false).then_some(())
    });
    expect(&gateway, "ann", &["upstream"], &[]);
    directory.admin().leave(&b, &ann);
    directory.admin().join(&level, &ann);
    lock(&directory, &ann, false);
    assert_eq!(gateway.sign_on(&ann, "pw-ann"), 0);
    let levels: Vec<String> = (1..9).map(|level| format!("level-{level}")).collect();
    let mut after: Vec<&str> = levels.iter().map(String::as_str).collect();
    after.push("list");
    expect(&gateway, "ann", &[], &after);
    // Renamed: the same record; the name in the DN is not the user's name.
    let renamed = format!("cn=Ann Other,{}", tree::PEOPLE);
    assert_eq!(directory.admin().code(&pdu::modify_dn(&ann, "cn=Ann Other", None)), 0);
    follow(&directory, &[&level, &tree::group("list")], &ann, &renamed);
    assert_eq!(gateway.sign_on(&renamed, "pw-ann"), 0);
    assert_eq!(gateway.user("ann")["id"], id);
    expect(&gateway, "ann", &[], &after);
    // Deleted, and made anew under the same name: somebody else.
    assert_eq!(gateway.sign_on(&bob, "pw-bob"), 0);
    assert_eq!(directory.admin().code(&pdu::delete(&bob)), 0);
    crate::support::eventually("the reconciliation misses him", || {
        (gateway.user("bob")["state"]["active"] == false).then_some(())
    });
    expect(&gateway, "bob", &["missing"], &[]);
}

/// Where the directory does not keep names of members up to date, this does.
fn follow(directory: &Directory, groups: &[&str], old: &str, new: &str) {
    if directory.kind() == Kind::Slapd {
        for group in groups {
            directory.admin().join(group, new);
            directory.admin().leave(group, old);
        }
    }
}

#[test]
fn s4_the_life_of_an_account_on_active_directory() {
    lives(Kind::Samba);
}

#[test]
fn s4_the_life_of_an_account_on_389_ds() {
    lives(Kind::Ds389);
}

#[test]
fn s4_the_life_of_an_account_on_slapd() {
    lives(Kind::Slapd);
}

/// How many changes: 500 in a soak.
fn rounds() -> usize {
    if std::env::var_os("BINDGATE_SOAK").is_some() { 500 } else { 30 }
}

/// What was changed just before a bind is in its record, and nothing is unknown.
fn fresh(kind: Kind) {
    let directory = kind.start();
    let gateway = directory.gateway("auto");
    let (ann, b) = (tree::person("ann"), tree::group("B"));
    let mut admin = directory.admin();
    let mut raw = gateway.connect();
    for round in 0..rounds() {
        match round % 2 {
            0 => admin.leave(&b, &ann),
            _ => admin.join(&b, &ann),
        }
        assert_eq!(raw.bind(&ann, "pw-ann"), 0);
        let user = gateway.user("ann");
        assert_eq!(user["observation"]["groups"], "known", "round {round}");
        let is_in = crate::support::gateway::group_names(&user).contains(&"A".to_owned());
        assert_eq!(is_in, round % 2 == 1, "round {round}: {}", gateway.log());
    }
}

#[test]
fn s4_4_no_bind_sees_an_old_state_on_active_directory() {
    fresh(Kind::Samba);
}

#[test]
fn s4_4_no_bind_sees_an_old_state_on_389_ds() {
    fresh(Kind::Ds389);
}
