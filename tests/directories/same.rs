//! The same tree gives the same records.

use super::tree;
use super::world::{Kind, memberships};
use crate::support::gateway::Gateway;

/// Somebody signs on and has these groups then.
#[track_caller]
fn check(gateway: &Gateway, uid: &str, expected: &[&str]) {
    assert_eq!(gateway.sign_on(&tree::person(uid), tree::password(uid)), 0, "{uid}");
    assert_eq!(gateway.managed_groups(uid), expected, "{uid}: {}", gateway.log());
}

fn walks_to_the_right_groups(kind: Kind) {
    let directory = kind.start();
    let gateway = directory.gateway("walk");
    check(&gateway, "ann", &["A", "B", "list", "local"]);
    check(&gateway, "bob", &["above crowd", "all (of) *", "crowd"]);
    check(&gateway, "carol", &["bottom", "left", "list", "right", "top"]);
    let levels: Vec<String> = (1..9).map(|level| format!("level-{level}")).collect();
    check(&gateway, "deep", &levels.iter().map(String::as_str).collect::<Vec<_>>());
    check(&gateway, "cyril", &["loop-one", "loop-two"]);
    check(&gateway, "erin", &["above primary", "primary"]);
    check(&gateway, "jane", &["Sales, EMEA", "Zürich 漢字", "all (of) *"]);
    check(&gateway, "zoë", &["Zürich 漢字", "all (of) *"]);
    assert_ne!(gateway.sign_on(&tree::person("frank"), tree::password("frank")), 0);
    assert!(!gateway.knows("frank"), "whoever may not bind has no record");
    assert_eq!(memberships(&gateway, "deep").len(), 8);
}

#[test]
fn s6_6_the_walk_finds_all_groups_on_slapd() {
    walks_to_the_right_groups(Kind::Slapd);
}

#[test]
fn s6_6_the_walk_finds_all_groups_on_active_directory() {
    walks_to_the_right_groups(Kind::Samba);
}

/// From the root of the domain it refers to its other parts, unless they are not wanted.
#[test]
fn the_whole_domain_may_be_the_base_of_the_groups() {
    let directory = Kind::Samba.start();
    let gateway = directory.gateway_with(|settings, _| {
        settings.set("[directory.groups]", "base", "\"dc=example,dc=com\"");
    });
    check(&gateway, "ann", &["A", "B", "Domain Users", "Users", "list", "local"]);
}

#[test]
fn s6_6_the_walk_finds_all_groups_on_389_ds() {
    walks_to_the_right_groups(Kind::Ds389);
}
