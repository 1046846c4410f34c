//! What of one record goes over to another that an admin says is of the same person (S7.4).

use super::graph::id;
use super::scene::{BEFORE, NOW, Scene, key, membership};
use bindgate::domain::change::apply;
use bindgate::domain::linking::link;
use bindgate::domain::policy::Switch;
use bindgate::domain::record::{InactiveReason, MembershipKey, Provenance, Record};
use bindgate::domain::time::Timestamp;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn record(rows: &[(usize, Provenance)], disabled: bool, name: Option<&str>) -> Record {
    let mut record = Scene::later(&[]).record.expect("there is a record");
    for (group, provenance) in rows {
        record.memberships.insert(key(*group, *provenance), membership(*group));
    }
    if disabled {
        record.inactive.insert(InactiveReason::Admin);
    }
    record.local_name = name.map(str::to_owned);
    record
}

/// The other record after the link, where each group of the one is the group ten further on; groups
/// from `missing` on have none.
fn linked(from: &Record, to: &Record, missing: usize) -> (Record, Vec<MembershipKey>) {
    let counterpart = |group: &_| (0..missing).find(|n| id(*n) == *group).map(|n| id(n + 10));
    let linking = link(from, to, NOW, counterpart);
    let after = apply(Some(to.clone()), &linking.changes).expect("it fits").expect("it is there");
    (after, linking.unmatched)
}

#[test]
fn s7_4_what_an_admin_gave_goes_over_and_what_the_directory_said_does_not() {
    let (local, managed) = (Provenance::Local, Provenance::Managed);
    let (allow, deny) = (Provenance::PinAllow, Provenance::PinDeny);
    let mut from = record(&[(1, local), (2, managed), (3, deny), (4, allow)], true, Some("Ann"));
    from.switch = Some(Switch::Off);
    let mut over = membership(5);
    over.until = Some(Timestamp(NOW.0 - 1));
    from.memberships.insert(key(5, allow), over);
    let (after, unmatched) = linked(&from, &record(&[(14, deny)], false, None), 9);
    let rows: BTreeSet<_> = after.memberships.keys().cloned().collect();
    let expected = [key(11, local), key(13, deny), key(14, deny)].into();
    assert_eq!(rows, expected, "its own pin stands");
    assert!(after.is_barred(), "who was shut out stays so");
    assert_eq!((after.local_name.as_deref(), after.switch), (Some("Ann"), Some(Switch::Off)));
    assert!(unmatched.is_empty());
    assert_eq!(after.memberships[&key(11, local)].since, BEFORE);
}

#[test]
fn s7_4_what_the_record_that_stays_has_of_its_own_stands() {
    let mut from = record(&[], false, Some("Ann"));
    from.switch = Some(Switch::Off);
    let mut to = record(&[], true, Some("Annie"));
    to.switch = Some(Switch::On);
    assert_eq!(linked(&from, &to, 9), (to, Vec::new()));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn s7_4_nothing_that_an_admin_gave_is_lost_unsaid_and_a_second_link_changes_nothing(
        gone in prop::collection::btree_set((0_usize..6, 0_usize..5), 0..8),
        kept in prop::collection::btree_set((10_usize..16, 0_usize..5), 0..8),
        disabled in any::<bool>(),
        missing in 0_usize..7,
    ) {
        let rows = |set: &BTreeSet<(usize, usize)>| -> Vec<_> {
            set.iter().map(|(group, of)| (*group, Provenance::ALL[*of])).collect()
        };
        let from = record(&rows(&gone), disabled, None);
        let to = record(&rows(&kept), false, None);
        let (after, unmatched) = linked(&from, &to, missing);
        prop_assert!(to.memberships.keys().all(|row| after.memberships.contains_key(row)));
        prop_assert_eq!(after.is_barred(), disabled);
        let pins = [Provenance::PinAllow, Provenance::PinDeny];
        for (group, of) in rows(&gone) {
            let said = match of {
                Provenance::Managed | Provenance::Default => continue,
                Provenance::Local => vec![key(group + 10, of)],
                _ => pins.map(|pin| key(group + 10, pin)).to_vec(),
            };
            let is_there = said.iter().any(|row| after.memberships.contains_key(row));
            let is_told = unmatched.contains(&key(group, of));
            prop_assert_eq!(group >= missing, is_told);
            prop_assert!(is_told || is_there);
        }
        prop_assert_eq!(linked(&from, &after, missing).0, after);
    }
}
