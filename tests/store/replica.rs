//! Saved copies of directories: what comes back, and what never does.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::fixture::Folder;
use bindgate::app::saved::{HeldLoss, ReplicaStore, SavedChange, SavedCopy, SavedPosition};
use bindgate::domain::membership::{GroupEntry, MemberKey, UserEntry};
use bindgate::domain::record::{Group, UpstreamId};
use bindgate::domain::replication::{Decision, Kept, Witnesses};
use bindgate::domain::time::Timestamp;
use bindgate::proto::dn::DistinguishedName;
use bindgate::store::ReplicaFile;
use std::os::unix::fs::PermissionsExt;

const SEED: (u64, u64) = (u64::MAX, 7);
/// Names in which something has to be escaped, folded, or put in order.
const NAMES: [&str; 6] = [
    "cn=plain,dc=x",
    "cn=Smith\\, Jane+UID=a , OU=People;dc=x",
    "cn=\\20Zoë  Ärger\\20,dc=x",
    "cn=\\#a\\00b,dc=x",
    "cn=#0401ff,dc=x",
    "cn=\\\"a\\+b\\\\\\<\\>\\;,dc=x",
];

fn open(folder: &Folder) -> ReplicaFile {
    std::fs::create_dir_all(folder.store()).unwrap();
    ReplicaFile::open(&folder.store()).expect("the file can be made")
}

fn key(name: &str) -> MemberKey {
    MemberKey::Dn(DistinguishedName::parse(name).unwrap().normalized().clone())
}

fn group(number: usize, members: Vec<MemberKey>) -> Kept {
    let dn = NAMES[number % NAMES.len()].to_owned();
    let normalized = DistinguishedName::parse(&dn).unwrap().normalized().clone();
    let id = UpstreamId::new(&format!("group {number}"));
    let name = format!("Group {number} ü");
    Kept::Group(GroupEntry {
        group: Group { id, dn, name },
        dn: normalized,
        members: members.into_iter().collect(),
    })
}

fn user(number: usize, uids: &[&str]) -> Kept {
    let dn = DistinguishedName::parse(NAMES[number % NAMES.len()]).unwrap().normalized().clone();
    let id = UpstreamId::new(&format!("user {number}"));
    let uids = uids.iter().map(|uid| (*uid).to_owned()).collect();
    Kept::User(UserEntry { id, dn, uids, digest: u128::MAX - number as u128 })
}

fn put(kept: &Kept) -> SavedChange {
    SavedChange::Put(kept.clone())
}

/// Some witnesses, others for another number of groups.
fn witnesses(groups: usize) -> Witnesses {
    let mut witnesses = Witnesses::default();
    if groups > 0 {
        witnesses.note([7; 16], &format!("20261127010203.{groups:06}Z#000000#001#000000"));
    }
    witnesses
}

fn at(cookie: &str, groups: usize) -> Option<SavedPosition> {
    let witnesses = witnesses(groups);
    Some(SavedPosition { cookie: cookie.as_bytes().to_vec(), groups, witnesses })
}

fn saved(cookie: Option<&str>, groups: usize) -> Option<SavedCopy> {
    let cookie = cookie.map(|cookie| cookie.as_bytes().to_vec());
    Some(SavedCopy { seed: SEED, cookie, groups, witnesses: witnesses(groups) })
}

/// The entries of a directory, by id.
fn entries(file: &ReplicaFile, directory: &str) -> Vec<Kept> {
    let mut all = Vec::new();
    file.each(directory, &mut |kept| all.push(kept)).unwrap();
    all.sort_by(|left, right| left.id().cmp(right.id()));
    all
}

#[test]
fn what_was_saved_comes_back_as_it_was() {
    let folder = Folder::new();
    let mut members: Vec<MemberKey> = NAMES.iter().map(|name| key(name)).collect();
    members.push(MemberKey::Uid("Ann".to_owned()));
    members.push(MemberKey::Uid(String::new()));
    let mut expected: Vec<Kept> = (0..NAMES.len()).map(|n| group(n, members.clone())).collect();
    expected.push(group(9, Vec::new()));
    expected.extend((0..NAMES.len()).map(|number| user(number, &["a", "", "ü"])));
    expected.push(user(9, &[]));
    let file = open(&folder);
    assert_eq!(file.saved("corp", 1), None);
    file.begin("corp", 1, SEED);
    file.write("corp", expected.iter().map(put).collect(), at("c1", 7));
    file.begin("other", 1, SEED);
    file.write("other", vec![put(&user(1, &[]))], None);
    file.close();
    let file = open(&folder);
    assert_eq!(file.saved("corp", 1), saved(Some("c1"), 7));
    assert_eq!(entries(&file, "corp"), expected);
    assert_eq!(file.saved("corp", 2), None, "that is another question");
    assert_eq!(file.saved("other", 1), saved(None, 0), "that was never complete");
    assert!(file.is_kept() && file.has_room());
    for name in ["replica.db", "replica.db-wal", "replica.db-shm"] {
        let mode = std::fs::metadata(folder.store().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn of_several_changes_the_last_counts_whether_they_are_written_at_once_or_not() {
    for is_closed_between in [false, true] {
        let folder = Folder::new();
        let mut file = open(&folder);
        file.begin("corp", 1, SEED);
        let (one, two) = (user(1, &["old"]), user(1, &["new"]));
        let steps = [
            vec![put(&one), put(&user(2, &[])), put(&user(3, &[]))],
            vec![SavedChange::Remove(two.id().clone()), put(&two)],
            vec![SavedChange::Remove(user(2, &[]).id().clone())],
        ];
        for (number, changes) in steps.into_iter().enumerate() {
            file.write("corp", changes, at(&format!("c{number}"), number));
            if is_closed_between {
                drop(file);
                file = open(&folder);
            }
        }
        drop(file);
        let file = open(&folder);
        assert_eq!(file.saved("corp", 1), saved(Some("c2"), 2));
        assert_eq!(entries(&file, "corp"), [two, user(3, &[])]);
    }
}

/// An account that lost its rights would otherwise only have to wait for a restart.
#[test]
fn a_copy_that_begins_anew_forgets_its_entries_and_not_how_many_groups_there_were() {
    let folder = Folder::new();
    let file = open(&folder);
    file.begin("corp", 1, SEED);
    file.write("corp", vec![put(&user(1, &[]))], at("c1", 40));
    file.close();
    let file = open(&folder);
    file.begin("corp", 1, SEED);
    file.write("corp", vec![put(&user(2, &[]))], None);
    file.close();
    let file = open(&folder);
    assert_eq!(file.saved("corp", 1), saved(None, 40));
    assert_eq!(entries(&file, "corp"), [user(2, &[])]);
    file.begin("corp", 2, SEED);
    file.close();
    assert_eq!(open(&folder).saved("corp", 2), saved(None, 0), "another question's groups");
}

#[test]
fn a_file_of_another_version_is_made_anew() {
    let folder = Folder::new();
    open(&folder).close();
    let path = folder.store().join("replica.db");
    let foreign = rusqlite::Connection::open(&path).unwrap();
    foreign.pragma_update(None, "user_version", 99).unwrap();
    drop(foreign);
    let file = open(&folder);
    file.begin("corp", 1, SEED);
    file.write("corp", Vec::new(), at("c1", 1));
    file.close();
    assert_eq!(open(&folder).saved("corp", 1), saved(Some("c1"), 1));
}

/// What follows would otherwise be saved with a cookie that covers what is missing.
#[test]
fn after_a_write_that_failed_the_file_stays_as_it_was_before() {
    let folder = Folder::new();
    let file = open(&folder);
    file.begin("corp", 1, SEED);
    file.write("corp", vec![put(&user(1, &[]))], at("c1", 1));
    file.close();
    let file = open(&folder);
    let foreign = rusqlite::Connection::open(folder.store().join("replica.db")).unwrap();
    let trap = "CREATE TRIGGER trap BEFORE INSERT ON entries WHEN new.id = 'user 2'
                BEGIN SELECT raise(ABORT, 'no'); END";
    foreign.execute_batch(trap).unwrap();
    file.write("corp", vec![put(&user(3, &[])), put(&user(2, &[]))], at("c2", 2));
    let started = std::time::Instant::now();
    while file.is_kept() {
        assert!(started.elapsed() < crate::fixture::PATIENCE, "the failure is noticed");
        std::thread::yield_now();
    }
    assert!(file.has_room(), "nobody waits for it any more");
    file.write("corp", vec![put(&user(4, &[]))], at("c3", 3));
    file.close();
    let file = open(&folder);
    assert_eq!(file.saved("corp", 1), saved(Some("c1"), 1));
    assert_eq!(entries(&file, "corp"), [user(1, &[])]);
}

#[test]
fn more_than_may_wait_for_the_disk_is_not_saved_and_costs_no_more_memory() {
    let folder = Folder::new();
    let file = open(&folder);
    file.begin("corp", 1, SEED);
    let many = |from: usize| (from..from + 70_000).map(|n| put(&user(n, &[]))).collect();
    file.write("corp", many(0), None);
    assert!(!file.is_kept() && file.has_room());
    file.close();
    assert_eq!(entries(&open(&folder), "corp"), []);
}

#[test]
fn a_held_loss_comes_back_with_what_was_said_of_it_and_outlives_a_copy_that_is_begun_anew() {
    let folder = Folder::new();
    let loss = |decision| HeldLoss {
        id: "00c0ffee".to_owned(),
        since: Timestamp(7),
        total: 10,
        left: 3,
        examples: NAMES.map(str::to_owned).into(),
        decision,
    };
    for decision in Decision::ALL {
        let file = open(&folder);
        file.hold("corp", Some(loss(decision)));
        file.begin("corp", 1, SEED);
        file.close();
        let file = open(&folder);
        assert_eq!(file.held("corp"), Some(loss(decision)));
        assert_eq!(file.held("lab"), None);
    }
    let file = open(&folder);
    file.hold("corp", None);
    file.close();
    assert_eq!(open(&folder).held("corp"), None);
}
