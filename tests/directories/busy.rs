//! Directories that are written to all the time, which concerns no group: sign-ons are answered from the
//! copy, share what they ask, and no write has all groups listed. And a change of a group is in the
//! copy before anybody signs on, since the directory tells of it.

use super::copy::{Over, walks_of};
use super::tree;
use super::world::{Directory, Kind, counted};
use crate::support::counts;
use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Change};
use crate::support::settings::{Settings, quoted};
use crate::support::tree::SERVICE;
use crate::support::{PATIENCE, eventually, eventually_within};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Whoever signs on, all at once.
const PEOPLE: [&str; 4] = ["ann", "bob", "deep", "jane"];
/// So many writes come at once, and the next ones so much later: a hundred a second, where the directory
/// can do that.
const BURST: usize = 10;
const PACE: Duration = Duration::from_millis(100);
pub(crate) const LISTS: &str = "bindgate_replica_lists_total";
const POLLS: &str = "bindgate_replica_polls_total";
const NOTICES: &str = "bindgate_replica_notices_total";
const COMPLETE: &str = "bindgate_replica_complete";
const CHANGES: &str = "bindgate_replica_changes_total";
const WARMED: &str = "bindgate_replica_warmed_total";

/// How often somebody is written to while everybody goes on to sign on, and how many sign-ons each has
/// at least.
fn at_least() -> (usize, usize) {
    if counts::is_soak() { (200, 200) } else { (20, 20) }
}

/// Nobody is to walk because the machine is busy.
fn patiently(settings: &mut Settings) {
    settings.set("[sign_on]", "barrier_patience", quoted("20s"));
}

/// Writes to somebody, which concerns no group, until it is over.
fn write(directory: &Directory, is_over: &AtomicBool, bursts: &AtomicUsize) {
    let (mut admin, carol) = (directory.admin(), tree::person("carol"));
    // Nobody ever sends: what is waited for is the next moment to write.
    let (_quiet, moments) = mpsc::channel::<()>();
    while !is_over.load(Relaxed) {
        let texts = (0..BURST).map(|number| format!("{} {number}", bursts.load(Relaxed)));
        let bodies: Vec<_> = texts
            .map(|text| pdu::modify(&carol, Change::Replace, "description", &[text.as_bytes()]))
            .collect();
        for body in &bodies {
            admin.start(body);
        }
        // They are answered in any order.
        (0..BURST).for_each(|_| assert_eq!(admin.answer().code(), 0));
        bursts.fetch_add(1, Relaxed);
        let _ = moments.recv_timeout(PACE);
    }
}

/// Signs everybody on beside a client that writes: how many sign-ons there were, and how many bursts
/// of writes.
fn sign_on_beside_writes(directory: &Directory, gateway: &Gateway) -> (usize, usize) {
    let (is_over, bursts) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (wanted, each) = at_least();
    let begun = Instant::now();
    let sign_ons = std::thread::scope(|scope| {
        scope.spawn(|| {
            let _over = Over(&is_over);
            write(directory, &is_over, &bursts);
        });
        let _over = Over(&is_over);
        let clients = PEOPLE.map(|uid| {
            let (bursts, is_over) = (&bursts, &is_over);
            scope.spawn(move || {
                let (mut raw, mut own) = (gateway.connect(), 0);
                while own < each || bursts.load(Relaxed) < wanted {
                    assert!(!is_over.load(Relaxed), "somebody writes all the time");
                    assert_eq!(raw.bind(&tree::person(uid), tree::password(uid)), 0, "{uid}");
                    own += 1;
                }
                own
            })
        });
        clients.map(|client| client.join().expect("everybody signs on")).iter().sum()
    });
    let (bursts, spent) = (bursts.into_inner(), begun.elapsed());
    println!("{bursts} times {BURST} writes, {sign_ons} sign-ons in {spent:?}");
    (sign_ons, bursts)
}

#[track_caller]
fn check(directory: &Directory, gateway: &Gateway) {
    let (polls, lists) = (counted(gateway, POLLS), counted(gateway, LISTS));
    let (sign_ons, bursts) = sign_on_beside_writes(directory, gateway);
    assert_eq!(walks_of(gateway, sign_ons), 0, "{}", gateway.log());
    for uid in PEOPLE {
        let user = gateway.user(uid);
        assert_eq!(user["observation"]["groups"], "known", "{uid}: {}", gateway.log());
        let mut groups = gateway.managed_groups(uid);
        groups.sort();
        assert_eq!(groups, tree::flattened(uid, "ancestors"), "{uid}");
    }
    // One question at most for each sign-on, and now and then one of its own.
    let polled = counted(gateway, POLLS) - polls;
    assert!(polled <= sign_ons as u64 + 50, "{polled} of {sign_ons}");
    // Not even each tenth write had them listed: a directory on a very busy machine may tell of a change
    // late, but without that there would be two lists for each ten.
    let listed = counted(gateway, LISTS) - lists;
    println!("{polled} questions, {listed} lists");
    assert!(listed <= bursts as u64, "{listed} of {polled}, {bursts}");
    // And what was deleted is still seen.
    assert_eq!(directory.admin().code(&pdu::delete(&tree::group("list"))), 0);
    assert_eq!(gateway.sign_on(&tree::person("ann"), "pw-ann"), 0);
    assert_eq!(gateway.managed_groups("ann"), ["A", "B", "local"]);
}

#[test]
fn s4_4_writes_that_concern_no_group_slow_no_sign_on_on_active_directory() {
    let directory = Kind::Samba.start();
    let gateway = directory.gateway_that_sees_the_gone(patiently);
    check(&directory, &gateway);
}

#[test]
fn s4_4_writes_that_concern_no_group_slow_no_sign_on_on_389_ds() {
    let directory = Kind::Ds389.start();
    if counts::is_soak() {
        // So that it would be felt if they were listed. Without this an account is shown 5 000 at most.
        directory.admin().modify(SERVICE, Change::Replace, "nsLookThroughLimit", &[b"-1"]);
        for number in 0..10_000 {
            let nobody = tree::person(&format!("nobody-{number}"));
            directory.add_group(&tree::group(&format!("many-{number}")), &nobody);
        }
    }
    let gateway = directory.gateway_with(|settings, _| patiently(settings));
    eventually_within(15 * PATIENCE, "the copy is there", || {
        (counted(&gateway, COMPLETE) == 1).then_some(())
    });
    check(&directory, &gateway);
}

/// Nobody signs on.
#[track_caller]
fn is_warmed(kind: Kind) {
    let directory = kind.start();
    let gateway = directory.gateway("auto");
    gateway.comes_to_have_a_copy();
    gateway.comes_to_count("bindgate_replica_watched{directory=\"corp\"} 1");
    let (b, deep) = (tree::group("B"), tree::person("deep"));
    // A change may come into the copy just because it was time to ask, but hardly all of them.
    let is_warmed = (0..5).any(|round| {
        let before = counted(&gateway, CHANGES);
        match round % 2 {
            0 => directory.admin().join(&b, &deep),
            _ => directory.admin().leave(&b, &deep),
        }
        eventually("the copy has it before anybody asks", || {
            (counted(&gateway, CHANGES) > before).then_some(())
        });
        counted(&gateway, WARMED) > 0
    });
    assert!(is_warmed, "{}", gateway.metrics());
    assert!(counted(&gateway, NOTICES) > 0);
}

#[test]
fn a_change_of_a_group_is_in_the_copy_before_anybody_signs_on_on_active_directory() {
    is_warmed(Kind::Samba);
}

#[test]
fn a_change_of_a_group_is_in_the_copy_before_anybody_signs_on_on_389_ds() {
    is_warmed(Kind::Ds389);
}
