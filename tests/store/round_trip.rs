//! Whatever commits make of a record comes back the same after the store was shut.

use crate::fixture::{Folder, change, create, key, mark};
use bindgate::app::ports::{Records, StoreError};
use bindgate::domain::change::Change;
use bindgate::domain::observation::UnknownReason;
use bindgate::domain::policy::Switch;
use bindgate::domain::record::{
    GroupsOutcome, InactiveReason, Mark, Membership, MembershipKey, Provenance, Route, UpstreamId,
};
use bindgate::domain::time::Timestamp;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;

const USERS: usize = 3;

fn membership_key() -> impl Strategy<Value = MembershipKey> {
    ("[a-d]", 0..Provenance::ALL.len()).prop_map(|(group, provenance)| MembershipKey {
        group: UpstreamId::new(&group),
        provenance: Provenance::ALL[provenance],
    })
}

fn route() -> impl Strategy<Value = Route> {
    (vec(any::<String>(), 1..4), any::<bool>()).prop_map(|(path, direct)| Route {
        path: path.iter().map(|id| UpstreamId::new(id)).collect(),
        direct,
    })
}

fn reason() -> impl Strategy<Value = InactiveReason> {
    proptest::sample::select(InactiveReason::ALL.to_vec())
}

/// Any change; one that does not fit is refused, and that is no fault here.
pub(crate) fn any_change() -> impl Strategy<Value = Change> {
    let values = vec(vec(any::<u8>(), 0..6), 0..3);
    prop_oneof![
        any::<String>().prop_map(|text| Change::TypeChanged(Arc::from(text))),
        any::<String>().prop_map(Change::Renamed),
        any::<String>().prop_map(Change::Moved),
        option::of(any::<String>()).prop_map(Change::DisplayNamed),
        ("[a-c]", values).prop_map(|(name, values)| Change::AttributeSet { name, values }),
        (membership_key(), route(), any::<i64>(), option::of(any::<i64>())).prop_map(
            |(key, route, since, until)| {
                let plain = Membership::new(route, Timestamp(since));
                let membership = Membership { until: until.map(Timestamp), ..plain };
                Change::MembershipAdded { key, membership }
            }
        ),
        (membership_key(), route())
            .prop_map(|(key, route)| Change::MembershipRerouted { key, route }),
        membership_key().prop_map(|key| Change::MembershipRemoved { key }),
        (membership_key(), any::<bool>())
            .prop_map(|(key, in_review)| Change::MembershipReview { key, in_review }),
        (reason(), any::<i64>())
            .prop_map(|(reason, at)| Change::Deactivated { reason, at: Timestamp(at) }),
        reason().prop_map(Change::ReasonLifted),
        option::of(any::<String>()).prop_map(Change::Collided),
        option::of(any::<String>()).prop_map(Change::LocallyNamed),
        option::of(any::<bool>().prop_map(Switch::from_bool)).prop_map(Change::SwitchSet),
    ]
}

pub(crate) fn any_mark() -> impl Strategy<Value = Mark> {
    (any::<i64>(), option::of(any::<i64>()), option::of(any::<u32>())).prop_map(
        |(sign_on, observed, code)| Mark {
            last_sign_on: Timestamp(sign_on),
            observed_at: observed.map(Timestamp),
            groups: code.map_or(GroupsOutcome::Known, |code| {
                GroupsOutcome::Unknown(UnknownReason::ResultCode(code))
            }),
            seen: None,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_was_committed_is_what_is_loaded(
        steps in vec((0..USERS, vec(any_change(), 0..4), any_mark()), 1..20)
    ) {
        let folder = Folder::new();
        let store = folder.open();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for number in 0..USERS {
            runtime.block_on(store.commit(create(number))).unwrap();
        }
        for (number, changes, mark) in steps {
            let record = store.find(&key(number)).unwrap().record;
            let mut commit = change(&record, changes);
            commit.mark = mark.clone();
            match runtime.block_on(store.commit(commit)) {
                Ok(_) => {}
                Err(StoreError::Misfit(_)) => store.mark(&key(number), mark),
                Err(error) => panic!("{error}"),
            }
        }
        let before: Vec<_> = (0..USERS).map(|number| store.find(&key(number)).unwrap()).collect();
        store.close().unwrap();
        let store = folder.open();
        for stored in before {
            let loaded = store.find(&stored.record.key).unwrap();
            prop_assert_eq!(loaded.record, stored.record);
            prop_assert_eq!(loaded.mark, stored.mark);
        }
    }
}

#[tokio::test]
async fn a_state_of_inactivity_survives() {
    let folder = Folder::new();
    let store = folder.open();
    store.commit(create(1)).await.unwrap();
    store.close().unwrap();
    let park = "UPDATE users SET inactive_reasons = '[\"missing\", \"admin\"]', missing_since = 5";
    folder.sqlite().execute_batch(park).unwrap();
    let store = folder.open();
    let record = store.find(&key(1)).unwrap().record;
    let reasons = BTreeSet::from([InactiveReason::Admin, InactiveReason::Missing]);
    assert_eq!((&record.inactive, record.missing_since), (&reasons, Some(Timestamp(5))));
    store.commit(change(&record, vec![Change::Renamed("x".to_owned())])).await.unwrap();
    store.close().unwrap();
    let again = folder.open().find(&key(1)).unwrap();
    assert_eq!(
        (&again.record.inactive, again.record.missing_since),
        (&reasons, Some(Timestamp(5)))
    );
    assert_eq!(again.mark, mark(2));
}
