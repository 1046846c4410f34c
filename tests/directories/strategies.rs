//! The matrix: directory, strategy, mode of flattening. Each gives the same closure, or says why it
//! is another strategy.

use super::tree;
use super::world::{Kind, memberships, online};
use serde_json::Value;
use std::fmt::Write as _;

/// Every way to ask for groups that can be configured.
const WAYS: [&str; 6] = ["auto", "replica", "walk", "member-of", "in-chain", "token-groups"];
/// Whoever signs on: nested, a diamond, a chain, a cycle, a primary group, odd names.
const PEOPLE: [&str; 6] = ["ann", "carol", "deep", "cyril", "erin", "jane"];
/// The page that has the table.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/strategies.md");
const WRITE: &str = "BINDGATE_WRITE_MATRIX";

/// What `check --online` says of a way, and the groups that everybody then has.
fn outcome(directory: &super::world::Directory, way: &str) -> (String, Vec<Vec<Value>>) {
    let gateway = directory.gateway(way);
    let said = online(&gateway).expect_code(0);
    let chosen = said.lines().find_map(|line| line.split_once("groups by ")).expect("it says how");
    let chosen = chosen.1.split(',').next().unwrap_or_default().to_owned();
    let groups = PEOPLE.iter().map(|uid| {
        assert_eq!(gateway.sign_on(&tree::person(uid), tree::password(uid)), 0, "{uid} by {way}");
        memberships(&gateway, uid)
    });
    (chosen, groups.collect())
}

/// The row of one kind in the table, made by trying each way.
fn row(kind: Kind) -> String {
    let directory = kind.start();
    let (_, expected) = outcome(&directory, "walk");
    let mut row = format!("| {} |", kind.name());
    for way in WAYS {
        let (chosen, groups) = outcome(&directory, way);
        for (uid, (found, expected)) in PEOPLE.iter().zip(groups.iter().zip(&expected)) {
            assert_eq!(found, expected, "{uid} on {} by {way}", kind.name());
        }
        let _ = write!(row, " {chosen} |");
    }
    row
}

#[track_caller]
fn check(kind: Kind) {
    let (row, page) = (row(kind), std::fs::read_to_string(PAGE).expect("the page is there"));
    let head = format!("| {} |", kind.name());
    let is_row = |line: &&str| line.starts_with(&head) && line.matches('|').count() == 8;
    let written = page.lines().find(is_row).unwrap_or_default();
    if written != row && std::env::var_os(WRITE).is_some() {
        std::fs::write(PAGE, page.replace(written, &row)).expect("the page can be written");
        return;
    }
    assert_eq!(written, row, "{PAGE} is to say this; {WRITE}=1 writes it");
}

#[test]
fn s6_6_every_way_gives_the_same_closure_on_slapd() {
    check(Kind::Slapd);
}

#[test]
fn s6_6_every_way_gives_the_same_closure_on_active_directory() {
    check(Kind::Samba);
}

#[test]
fn s6_6_every_way_gives_the_same_closure_on_389_ds() {
    check(Kind::Ds389);
}

#[track_caller]
fn says(kind: Kind, lines: &[&str]) {
    let directory = kind.start();
    let said = online(&directory.gateway("auto")).expect_code(0);
    for line in lines {
        assert!(said.contains(line), "{line:?} is missing in:\n{said}");
    }
    assert!(!said.contains("directory corp: warning"), "{said}");
}

#[test]
fn a_look_at_each_directory_names_kind_strategy_and_reason() {
    says(
        Kind::Samba,
        &[
            "reached, Samba",
            "kind active-directory, as its root DSE shows",
            "groups by replica, by member walk while that is not fresh",
            "because changes of groups are read by uSNChanged; deleted objects are not seen (yet)",
        ],
    );
    says(
        Kind::Ds389,
        &[
            "reached, 389 Project 389-Directory/",
            "kind 389ds, as its root DSE shows",
            "groups by replica, by member walk while that is not fresh",
            "because changes of groups are read by entryusn",
        ],
    );
    says(Kind::Slapd, &["kind openldap, as its root DSE shows", "groups by replica"]);
}
