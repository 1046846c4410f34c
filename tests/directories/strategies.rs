//! The matrix: directory, strategy, mode of flattening. Each gives the same groups, or says why another
//! strategy stands in for it.

use super::tree::{self, MAPPED, MODES};
use super::world::{Directory, Kind, memberships, online};
use crate::support::gateway::Gateway;
use crate::support::pdu::Ask;
use crate::support::raw::Raw;
use crate::support::settings::quoted;
use crate::support::tree::{SERVICE, SERVICE_PASSWORD};
use bindgate::proto::dn::DistinguishedName;
use serde_json::Value;
use std::fmt::Write as _;
use std::net::Ipv4Addr;

/// Every way to ask for groups that can be configured.
const WAYS: [&str; 6] = ["auto", "replica", "walk", "member-of", "in-chain", "token-groups"];
/// Whoever signs on: nested, a diamond, a chain, a cycle, a primary group, odd names.
const PEOPLE: [&str; 6] = ["ann", "carol", "deep", "cyril", "erin", "jane"];
/// The page that has the table.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/strategies.md");
const WRITE: &str = "BINDGATE_WRITE_MATRIX";

/// What a way is called by `check --online`, where it can be had.
const NAMES: [(&str, &str); 5] = [
    ("replica", "replica"),
    ("walk", "member walk"),
    ("member-of", "memberOf"),
    ("in-chain", "in-chain rule"),
    ("token-groups", "tokenGroups"),
];

/// Where a reader comes from who has her groups flattened in that way.
fn address(mode: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 9, 0, mode as u8 + 1)
}

/// A gateway that finds groups in one way, and shows them in all.
fn gateway(directory: &Directory, way: &str) -> Gateway {
    directory.gateway_with(|settings, _| {
        settings.set("[directory.groups]", "resolve", quoted(way));
        let names = MAPPED.map(|name| format!("{} = \"cn={name}\"", quoted(&tree::group(name))));
        for (number, mode) in MODES.iter().enumerate() {
            let mut lines = format!(
                "name = \"mode-{number}\"\nmatch = {{ addresses = [\"{}\"] }}\nflatten = \"{mode}\"",
                address(number)
            );
            if *mode == "mapped" {
                let _ = write!(lines, "\ngroup_names = {{ {} }}", names.join(", "));
            }
            settings.add_view(&lines);
        }
    })
}

/// The groups of somebody as a reader finds them.
fn shown(reader: &mut Raw, uid: &str) -> Vec<String> {
    let dn = tree::person(uid);
    let (entries, code) = reader.search(&Ask::entry(&dn).of(&["memberOf"]));
    assert_eq!((entries.len(), code), (1, 0), "{uid}");
    let name = |value: &Vec<u8>| {
        let dn = DistinguishedName::from_bytes(value).expect("a group has a name");
        let first = dn.named_values().into_iter().next().expect("it has a first part");
        String::from_utf8_lossy(&first.value).into_owned()
    };
    let mut names: Vec<String> = entries[0].values("memberOf").iter().map(name).collect();
    names.sort();
    names
}

/// What `check --online` says of a way, and the groups that everybody then has, in every mode what
/// they are to be.
fn outcome(directory: &Directory, way: &str) -> (String, Vec<Vec<Value>>) {
    let gateway = gateway(directory, way);
    let said = online(&gateway).expect_code(0);
    let chosen = said.lines().find_map(|line| line.split_once("groups by ")).expect("it says how");
    let mut chosen = chosen.1.split(',').next().unwrap_or_default().to_owned();
    let asked = NAMES.iter().find(|(asked, _)| *asked == way);
    if asked.is_some_and(|(_, name)| !chosen.contains(name)) {
        // What is said of the copy comes first.
        let mut reasons = said.lines().filter_map(|line| line.split_once(" because "));
        let (_, reason) =
            reasons.next_back().unwrap_or_else(|| panic!("no reason for {way} in {said}"));
        let _ = write!(chosen, ": {reason}");
    }
    if chosen == "replica" {
        gateway.comes_to_have_a_copy();
    }
    let groups = PEOPLE.iter().map(|uid| {
        assert_eq!(gateway.sign_on(&tree::person(uid), tree::password(uid)), 0, "{uid} by {way}");
        memberships(&gateway, uid)
    });
    let groups = groups.collect();
    check_modes(&gateway, way);
    (chosen, groups)
}

/// Each mode shows of everybody what the tree says.
#[track_caller]
fn check_modes(gateway: &Gateway, way: &str) {
    for (number, mode) in MODES.iter().enumerate() {
        let reader = Raw::try_connect_from(address(number), gateway.port());
        let mut reader = reader.expect("the gateway takes connections");
        assert_eq!(reader.bind(SERVICE, SERVICE_PASSWORD), 0);
        for uid in PEOPLE {
            let found = shown(&mut reader, uid);
            assert_eq!(found, tree::flattened(uid, mode), "{uid} by {way}, {mode}");
        }
    }
}

/// The rows of one kind in the table, made by trying each way.
fn rows(kind: Kind) -> String {
    let directory = kind.start();
    let mut rows = String::new();
    let mut expected = None;
    for way in WAYS {
        let (chosen, groups) = outcome(&directory, way);
        let expected = expected.get_or_insert_with(|| groups.clone());
        for (uid, (found, expected)) in PEOPLE.iter().zip(groups.iter().zip(&*expected)) {
            assert_eq!(found, expected, "{uid} on {} by {way}", kind.name());
        }
        let modes = MODES.map(|_| "same").join(" | ");
        let _ = writeln!(rows, "| {} | `{way}` | {chosen} | {modes} |", kind.name());
    }
    rows
}

#[track_caller]
fn check(kind: Kind) {
    let (rows, page) = (rows(kind), std::fs::read_to_string(PAGE).expect("the page is there"));
    let head = format!("| {} | `", kind.name());
    let of_kind = |line: &&str| line.starts_with(&head);
    let written: String = page.split_inclusive('\n').filter(of_kind).collect();
    if written != rows && !written.is_empty() && std::env::var_os(WRITE).is_some() {
        std::fs::write(PAGE, page.replace(&written, &rows)).expect("the page can be written");
        return;
    }
    assert_eq!(written, rows, "{PAGE} is to say this; {WRITE}=1 writes it");
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

/// Without it nobody can ask what has changed.
#[test]
fn s6_6_without_the_usn_plug_in_of_389_ds_groups_are_walked_to_and_the_reason_is_named() {
    let directory = Directory::of_389_ds(&["USN"]);
    let gateway = directory.gateway("auto");
    let said = online(&gateway).expect_code(0);
    for line in ["groups by member walk", "because the USN plug-in is off"] {
        assert!(said.contains(line), "{line:?} is missing in:\n{said}");
    }
    for uid in PEOPLE {
        assert_eq!(gateway.sign_on(&tree::person(uid), tree::password(uid)), 0, "{uid}");
        let mut groups = gateway.managed_groups(uid);
        groups.sort();
        assert_eq!(groups, tree::flattened(uid, "ancestors"), "{uid}");
    }
    // What is changed counts at the next bind all the same.
    directory.admin().leave(&tree::group("B"), &tree::person("ann"));
    assert_eq!(gateway.sign_on(&tree::person("ann"), "pw-ann"), 0);
    assert_eq!(gateway.managed_groups("ann"), ["list"]);
}
