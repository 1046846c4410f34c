//! Protected groups: what would leave one without anybody is taken out of a plan, and nothing else.

use super::graph::id;
use super::scene::{Scene, direct, key, membership};
use bindgate::domain::change::apply;
use bindgate::domain::observation::{Closure, Observed};
use bindgate::domain::protection::{hold, lost};
use bindgate::domain::record::{Provenance, Record, UpstreamId};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn ids(numbers: &[usize]) -> BTreeSet<UpstreamId> {
    numbers.iter().map(|number| id(*number)).collect()
}

/// The record after a scene's plan of which a part was held.
fn settled(scene: &Scene, protected: &BTreeSet<UpstreamId>) -> Record {
    let record = scene.record.as_ref().expect("there is a record");
    let mut plan = scene.plan().expect("there is a plan");
    let held: BTreeSet<_> = lost(record, &plan).intersection(protected).cloned().collect();
    hold(record, &mut plan, &held);
    apply(Some(record.clone()), &plan.changes).expect("it fits").expect("a record is left")
}

#[test]
fn s7_3_a_removal_or_a_deactivation_that_would_empty_a_protected_group_is_held() {
    let protected = ids(&[1]);
    let gone = Scene { groups: Observed::Known(Closure::new()), ..Scene::later(&[1, 2]) };
    let after = settled(&gone, &protected);
    assert_eq!(after.effective_groups(), protected.iter().collect(), "2 is not protected");

    let mut disabled = Scene::later(&[1, 2]);
    disabled.set("nsAccountLock", &["true"]);
    let after = settled(&disabled, &protected);
    assert!(after.is_active(), "who is the last one stays");
    let after = settled(&disabled, &ids(&[3]));
    assert!(!after.is_active() && after.effective_groups().is_empty());

    let mut pinned = gone;
    let record = pinned.record.as_mut().expect("there is a record");
    record.memberships.insert(key(1, Provenance::PinAllow), membership(1));
    let after = settled(&pinned, &protected);
    assert_eq!(after.managed_memberships().count(), 0, "the pin is enough");
    assert_eq!(after.effective_groups(), protected.iter().collect());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn s7_3_no_plan_takes_anybody_out_of_a_protected_group_and_the_rest_is_done(
        before in prop::collection::btree_set(0_usize..6, 0..6),
        after in prop::collection::btree_set(0_usize..6, 0..6),
        protected in prop::collection::btree_set(0_usize..6, 0..4),
        lock in any::<bool>(),
    ) {
        let list = |set: &BTreeSet<usize>| set.iter().copied().collect::<Vec<_>>();
        let mut scene = Scene { groups: direct(&list(&after)), ..Scene::later(&list(&before)) };
        if lock {
            scene.set("nsAccountLock", &["true"]);
        }
        let kept = settled(&scene, &ids(&list(&protected)));
        let groups = kept.effective_groups();
        let is_needed = protected.intersection(&before).next().is_some();
        prop_assert!(protected.intersection(&before).all(|number| groups.contains(&id(*number))));
        prop_assert_eq!(kept.is_active(), !lock || is_needed);
        if !lock {
            let free = (0..6).filter(|number| !protected.contains(number));
            for number in free {
                prop_assert_eq!(groups.contains(&id(number)), after.contains(&number));
            }
        }
    }
}
