//! Which memberships of a record count.

use super::graph::id;
use super::scene::{Scene, key, membership};
use bindgate::domain::record::{InactiveReason, Membership, Provenance, Record};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn record(rows: &[(usize, Provenance)]) -> Record {
    let mut record = Scene::later(&[]).record.expect("the sign-on made a record");
    let rows = rows.iter().map(|(number, from)| (key(*number, *from), membership(*number)));
    record.memberships = rows.collect();
    record
}

#[track_caller]
fn check(record: &Record, expected: &[usize]) {
    let expected: Vec<_> = expected.iter().map(|number| id(*number)).collect();
    assert_eq!(record.effective_groups(), expected.iter().collect::<BTreeSet<_>>());
}

#[test]
fn every_provenance_but_a_denial_counts() {
    use Provenance::{Default, Local, Managed, PinAllow, PinDeny};
    let rows = [(1, Managed), (2, Local), (3, Default), (4, PinAllow), (5, PinDeny)];
    check(&record(&rows), &[1, 2, 3, 4]);
}

#[test]
fn s7_2_a_denial_outdoes_every_other_row_of_its_group() {
    use Provenance::{Local, Managed, PinAllow, PinDeny};
    let rows = [(1, Managed), (1, Local), (1, PinAllow), (1, PinDeny), (2, Managed)];
    check(&record(&rows), &[2]);
}

#[test]
fn a_group_that_is_held_twice_is_effective_once_and_shows_both_rows() {
    let record = record(&[(1, Provenance::Managed), (1, Provenance::Local)]);
    check(&record, &[1]);
    assert_eq!(record.effective_memberships().count(), 2);
}

#[test]
fn s4_3_an_inactive_record_has_no_effective_groups_and_keeps_its_memberships() {
    for reason in InactiveReason::ALL {
        let mut record = record(&[(1, Provenance::Managed), (2, Provenance::PinAllow)]);
        record.inactive.insert(reason);
        check(&record, &[]);
        assert_eq!(record.memberships.len(), 2);
    }
}

#[test]
fn a_membership_that_the_record_does_not_have_does_not_count() {
    assert!(!record(&[]).is_effective(&key(1, Provenance::Managed)));
}

#[test]
fn managed_memberships_are_those_the_directory_says() {
    let record = record(&[(1, Provenance::Managed), (2, Provenance::Local)]);
    let managed: Vec<_> = record.managed_memberships().map(|(group, _)| group.clone()).collect();
    assert_eq!(managed, [id(1)]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_group_is_effective_if_and_only_if_one_of_its_rows_is(
        rows in prop::collection::vec((0_usize..5, 0_usize..5, any::<bool>()), 0..12),
    ) {
        let mut record = record(&[]);
        for (number, provenance, in_review) in rows {
            let row = Membership { in_review, ..membership(number) };
            record.memberships.insert(key(number, Provenance::ALL[provenance]), row);
        }
        let by_row: BTreeSet<_> =
            record.effective_memberships().map(|(key, _)| &key.group).collect();
        prop_assert_eq!(record.effective_groups(), by_row);
    }
}
