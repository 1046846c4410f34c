//! A disk that fails, fills up, or is slow to take: what is answered as stored is stored (S8.3), and
//! without a store binds are answered all the same (S10.8).
//!
//! Goal: whichever write to the store fails, the gateway never tells of a record that is not on disk,
//! and goes on once the disk is well. Method: a small library is preloaded that lets the n-th write
//! fail, for every n that a sign-on needs, and notes when the store was synced and when binds were
//! answered; the gateway is killed, and what it told of is compared with what it finds again.

mod support;

use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;
use support::eventually;
use support::folder::TestFolder;
use support::gateway::{Gateway, http_get};
use support::slapd::{Options, Slapd};
use support::tree::{self, Extra, extra_group, extra_uid};

/// An input or output error, and a disk without room.
const EIO: i32 = 5;
const ENOSPC: i32 = 28;
/// A file system that was made read-only, as Linux does when its disk fails.
const EROFS: i32 = 30;
const PEOPLE: usize = 150;

struct Stage {
    slapd: Slapd,
    gateway: Gateway,
    control: PathBuf,
    trace: PathBuf,
    round: usize,
}

/// The preloaded library, made anew in the test's folder.
fn shim(folder: &TestFolder) -> PathBuf {
    let library = folder.file("shim.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/disk/shim.c");
    let made = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&library)
        .args([source, "-ldl"])
        .status();
    assert!(made.is_ok_and(|status| status.success()), "cc makes the library: see shim.c");
    library
}

impl Stage {
    fn new() -> Self {
        let extra = Extra { people: PEOPLE, groups: 1 };
        let slapd = Slapd::with(&Options { extra, ..Options::default() });
        let (mut control, mut trace) = (PathBuf::new(), PathBuf::new());
        let gateway = Gateway::configured(slapd.port(), |settings, folder| {
            (control, trace) = (folder.file("fault"), folder.file("trace"));
            let path = |path: &PathBuf| path.display().to_string();
            settings.preload("LD_PRELOAD", path(&shim(folder)));
            settings.preload("DISK_CONTROL", path(&control));
            settings.preload("DISK_TRACE", path(&trace));
            // Nothing is written but what sign-ons write.
            settings.set("[store]", "mark_interval", "\"1h\"");
            settings.set("[directory.groups]", "replica", "\"none\"");
        });
        Self { slapd, gateway, control, trace, round: 0 }
    }

    fn sign_on(&self, user: usize) -> u32 {
        let uid = extra_uid(user);
        self.gateway.sign_on(&tree::person(&uid), tree::password(&uid))
    }

    /// The write of that number fails, or that one and all after it.
    fn spoil(&mut self, at: usize, code: i32, lasting: bool) {
        self.round += 1;
        // Whole at once, so that it is never read by halves.
        let draft = self.control.with_extension("draft");
        std::fs::write(&draft, format!("{at} {code} {} {}", i32::from(lasting), self.round))
            .expect("it is ours");
        std::fs::rename(draft, &self.control).expect("it is ours");
    }

    /// The disk is well again; whether a write has failed meanwhile.
    fn mend(&self) -> bool {
        std::fs::remove_file(&self.control).expect("it is there");
        std::fs::remove_file(self.control.with_extension("hit")).is_ok()
    }

    /// Everything that the gateway tells of its records.
    fn told(&self) -> Vec<Value> {
        let page = self.gateway.json("/api/v1/users?limit=1000");
        page["items"].as_array().expect("a list has items").clone()
    }

    fn readiness(&self) -> u16 {
        let url = format!("{}/readyz", self.gateway.admin_url());
        http_get(&url, "").expect("the admin API answers").0
    }
}

#[test]
fn s8_3_whichever_write_fails_nothing_is_told_of_that_is_not_on_disk() {
    let mut stage = Stage::new();
    stage.slapd.admin().join(&tree::group(&extra_group(0)), &tree::person(&extra_uid(0)));
    let mut user = 0;
    let mut failed = 0;
    loop {
        let at = user + 1;
        stage.spoil(at, EIO, false);
        assert_eq!(stage.sign_on(user), 0, "write {at}: the answer is the directory's");
        let known = stage.gateway.knows(&extra_uid(user));
        let was_hit = stage.mend();
        assert!(known || was_hit, "without a fault the record is there");
        if !was_hit {
            break;
        }
        failed += usize::from(!known);
        user += 1;
        assert!(user < PEOPLE, "a sign-on needs fewer writes than that");
    }
    assert!(user >= 3 && failed >= 3, "{user} writes could fail, {failed} sign-ons did");
    let told = stage.told();
    stage.gateway.kill();
    stage.gateway.restart(|_| {});
    let found = stage.told();
    let lost: Vec<&Value> = told.iter().filter(|user| !found.contains(user)).collect();
    assert!(lost.is_empty(), "told of and lost: {lost:?}");
    for user in 0..user {
        assert_eq!(stage.sign_on(user), 0);
        assert!(stage.gateway.knows(&extra_uid(user)), "the next sign-on makes it");
    }
}

#[test]
fn s10_8_with_a_full_disk_binds_are_answered_readiness_is_red_and_it_recovers() {
    check_without_a_disk(ENOSPC);
}

#[test]
fn s10_8_with_a_store_that_turns_read_only_binds_are_answered_and_it_recovers() {
    check_without_a_disk(EROFS);
}

/// How the gateway ended before its disk could not be written any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// It was stopped: everything is in one file.
    Stopped,
    /// It was killed: a part is in the log beside the file.
    Killed,
}

#[test]
fn s10_8_a_store_that_is_read_only_from_the_start_is_read_and_written_once_it_can_be() {
    check_read_only_from_the_start(End::Stopped);
}

#[test]
fn s10_8_a_killed_gateways_store_that_is_read_only_from_the_start_is_read_too() {
    check_read_only_from_the_start(End::Killed);
}

#[track_caller]
fn check_read_only_from_the_start(end: End) {
    let mut stage = Stage::new();
    for user in [0, 1] {
        assert_eq!(stage.sign_on(user), 0);
    }
    stage.gateway.command(&["user", "disable", &extra_uid(1)]).expect_code(0);
    match end {
        End::Stopped => stage.gateway.stop(),
        End::Killed => stage.gateway.kill(),
    }
    let mark = stage.control.with_extension("read-only");
    std::fs::write(&mark, "").expect("it is ours");
    let is_read_only = mark.display().to_string();
    stage.gateway.restart_unready(|settings| settings.preload("DISK_READONLY", is_read_only));
    assert_eq!(stage.sign_on(0), 0, "the answer is the directory's");
    assert_eq!(stage.sign_on(1), 49, "who is shut out stays so");
    assert_eq!(stage.sign_on(2), 0);
    assert!(stage.gateway.knows(&extra_uid(0)) && !stage.gateway.knows(&extra_uid(2)));
    stage.gateway.comes_to_count("bindgate_sign_on_unknown_total{reason=\"store\"} 1");
    std::fs::remove_file(&mark).expect("it is there");
    assert_eq!(stage.sign_on(2), 0);
    eventually("it is ready again", || (stage.readiness() == 200).then_some(()));
    stage.gateway.kill();
    stage.gateway.restart(|_| {});
    let all = (0..3).all(|user| stage.gateway.knows(&extra_uid(user)));
    assert!(all, "what it wrote after that is on disk");
}

/// Without its records a gateway does not know who is shut out: it does not begin to serve.
#[test]
fn s10_8_without_a_store_and_nowhere_to_make_one_it_says_so_and_does_not_serve() {
    let mut stage = Stage::new();
    stage.gateway.stop();
    let store = stage.gateway.store();
    for file in std::fs::read_dir(&store).expect("the store is a folder").flatten() {
        std::fs::remove_file(file.path()).expect("it is ours");
    }
    let mark = stage.control.with_extension("read-only");
    std::fs::write(&mark, "").expect("it is ours");
    let is_read_only = mark.display().to_string();
    let said =
        stage.gateway.fails_to_start(|settings| settings.preload("DISK_READONLY", is_read_only));
    assert_eq!(said.code, 69, "{}", said.err);
    let folder = store.display().to_string();
    assert!(said.err.contains(&folder) && said.err.contains("Read-only"), "{}", said.err);
}

#[track_caller]
fn check_without_a_disk(code: i32) {
    let mut stage = Stage::new();
    assert_eq!(stage.sign_on(0), 0);
    assert_eq!(stage.readiness(), 200);
    stage.spoil(1, code, true);
    let group = tree::group(&extra_group(0));
    stage.slapd.admin().join(&group, &tree::person(&extra_uid(0)));
    for user in [0, 1] {
        assert_eq!(stage.sign_on(user), 0, "the answer is the directory's");
    }
    assert_eq!(stage.readiness(), 503);
    assert!(!stage.gateway.knows(&extra_uid(1)));
    assert!(stage.gateway.managed_groups(&extra_uid(0)).is_empty());
    let metrics = stage.gateway.metrics();
    assert!(metrics.contains("bindgate_sign_on_unknown_total{reason=\"store\"} 2"), "{metrics}");
    assert!(stage.mend());
    assert_eq!(stage.sign_on(1), 0);
    eventually("it is ready again", || (stage.readiness() == 200).then_some(()));
    assert!(stage.gateway.knows(&extra_uid(1)));
    assert_eq!(stage.sign_on(0), 0);
    assert_eq!(stage.gateway.managed_groups(&extra_uid(0)), [extra_group(0)]);
}

#[test]
fn s8_3_the_store_is_synced_before_a_sign_on_that_changed_something_is_answered() {
    let stage = Stage::new();
    std::fs::write(&stage.trace, "").expect("it is ours");
    for user in 0..10 {
        assert_eq!(stage.sign_on(user), 0);
    }
    let trace = std::fs::read_to_string(&stage.trace).expect("the library wrote it");
    let answers: Vec<&str> = trace.split_inclusive('R').collect();
    assert_eq!(answers.len(), 10, "{trace}");
    assert!(answers.iter().all(|before| before.contains('S')), "{trace}");
    // The same again changes nothing, and nothing is written.
    std::fs::write(&stage.trace, "").expect("it is ours");
    assert_eq!(stage.sign_on(0), 0);
    assert_eq!(std::fs::read_to_string(&stage.trace).expect("the library wrote it"), "R");
}
