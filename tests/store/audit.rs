//! The audit's rows by filter and order, their age, and what is left of them when somebody is
//! forgotten; groups, pins and counts as administration asks for them.

use crate::fixture::{
    Folder, PATIENCE, Silent, addition, audit, change, config, create, group, key,
};
use bindgate::app::audit::{AuditEntry, AuditFilter, AuditOrder};
use bindgate::app::ports::{Catalogue, Records, StoreError};
use bindgate::domain::change::Change;
use bindgate::domain::record::{Membership, MembershipKey, Provenance, Route, UpstreamId};
use bindgate::domain::step::Step;
use bindgate::domain::time::Timestamp;
use bindgate::store::Store;
use std::time::Duration;

async fn numbers(store: &Store<Silent>, filter: AuditFilter, order: AuditOrder) -> Vec<i64> {
    let page = store.audit_rows(filter, order, 100).await.expect("the rows are read");
    page.items.iter().map(|row| row.sequence).collect()
}

#[tokio::test]
async fn rows_are_found_by_what_they_say_in_either_order() {
    let folder = Folder::new();
    let store = folder.open();
    for number in 0..2 {
        store.commit(create(number)).await.unwrap();
    }
    let row = AuditEntry::new(Timestamp(50), "admin", "alice", "pinned").about(&key(1));
    store.note(None, row.saying("by hand")).await.unwrap();
    let all = AuditFilter::default;
    let newest = AuditOrder::Before(None);
    assert_eq!(numbers(&store, all(), newest).await, [3, 2, 1]);
    assert_eq!(numbers(&store, all(), AuditOrder::After(1)).await, [2, 3]);
    let check = async |filter: AuditFilter, expected: &[i64]| {
        assert_eq!(numbers(&store, filter, newest).await, expected);
    };
    check(AuditFilter { user: Some(key(1)), ..all() }, &[3, 2]).await;
    check(AuditFilter { cause: Some("sign-on".into()), ..all() }, &[2, 1]).await;
    check(AuditFilter { action: Some("pinned".into()), ..all() }, &[3]).await;
    check(AuditFilter { actor: Some("alice".into()), ..all() }, &[3]).await;
    check(AuditFilter { since: Some(Timestamp(50)), ..all() }, &[3]).await;
    check(AuditFilter { until: Some(Timestamp(50)), ..all() }, &[2, 1]).await;
    check(AuditFilter { user: Some(key(1)), actor: Some("bob".into()), ..all() }, &[]).await;
    let odd = "' OR 1=1 --".to_owned();
    check(AuditFilter { action: Some(odd), ..all() }, &[]).await;
}

#[tokio::test]
async fn a_row_survives_with_outcome_and_steps_and_whoever_watches_is_told() {
    let folder = Folder::new();
    let store = folder.open();
    let mut newest = store.newest_audit();
    assert_eq!(*newest.borrow_and_update(), 0);
    let steps = vec![Step {
        what: "membership".to_owned(),
        of: Some("g\"1".to_owned()),
        provenance: Some(Provenance::PinDeny),
        before: vec!["a > b".to_owned(), "g".to_owned()],
        after: Vec::new(),
    }];
    let row = AuditEntry::new(Timestamp(5), "expiry", "", "expired").about(&key(0));
    let row = AuditEntry { outcome: Some("timeout".to_owned()), steps, ..row };
    store.remark(row.clone());
    tokio::time::timeout(PATIENCE, newest.changed()).await.unwrap().unwrap();
    assert_eq!(*newest.borrow(), 1);
    store.close().unwrap();
    let store = folder.open();
    let expected = AuditEntry { sequence: 1, ..row };
    assert_eq!(store.audit(None, 9).await.unwrap().items, [expected]);
    assert_eq!(*store.newest_audit().borrow(), 1, "also after a start");
}

#[tokio::test]
async fn rows_that_are_too_old_go() {
    let folder = Folder::new();
    let mut settings = config(&folder.store());
    settings.max_audit_age = Duration::from_secs(3600);
    settings.mark_interval = Duration::from_millis(10);
    let store = Store::open(settings, Silent).unwrap();
    let now = jiff::Timestamp::now().as_microsecond();
    for age in [7200, 0] {
        let at = Timestamp(now - age * 1_000_000);
        store.note(None, AuditEntry::new(at, "admin", "", "pinned")).await.unwrap();
    }
    let pruned = async {
        loop {
            match store.audit(None, 9).await.unwrap().items.as_slice() {
                [row] => break row.sequence,
                rows => assert_eq!(rows.len(), 2, "the young one stays"),
            }
        }
    };
    assert_eq!(tokio::time::timeout(PATIENCE, pruned).await.unwrap(), 2);
}

#[tokio::test]
async fn who_is_forgotten_is_gone_from_records_and_audit_and_comes_as_somebody_new() {
    let folder = Folder::new();
    let store = folder.open();
    for number in 0..2 {
        store.commit(create(number)).await.unwrap();
    }
    let record = store.find(&key(0)).unwrap().record;
    store.commit(change(&record, vec![addition("g")])).await.unwrap();
    assert_eq!(store.counted_in("corp", &UpstreamId::new("g")), 1);
    let row = || AuditEntry::new(Timestamp(9), "admin", "alice", "forgotten");
    store.forget(&key(0), row()).await.unwrap();
    assert!(store.find(&key(0)).is_none() && store.by_name(None, "user0").is_empty());
    assert_eq!(store.counted_in("corp", &UpstreamId::new("g")), 0);
    let rows = store.audit(None, 9).await.unwrap().items;
    let about: Vec<_> = rows.iter().map(|row| (row.action, row.user.clone())).collect();
    assert_eq!(
        about,
        [("forgotten", None), ("changed", None), ("created", Some(key(1))), ("created", None)]
    );
    assert!(rows[1].detail == "(forgotten)" && rows[2].detail == "one line");
    let missing = store.forget(&key(0), row()).await;
    assert!(matches!(missing, Err(StoreError::Misfit(_))), "{missing:?}");

    // A sign-on that was under way meanwhile meets a conflict, and then makes somebody new.
    let stale = store.commit(change(&record, vec![addition("h")])).await;
    assert_eq!(stale.unwrap_err(), StoreError::Conflict);
    store.commit(create(0)).await.unwrap();
    store.close().unwrap();
    let store = folder.open();
    assert!(store.find(&key(0)).unwrap().record.memberships.is_empty());
    let rows: i64 = {
        drop(store);
        let sql = "SELECT count(*) FROM users WHERE memberships <> '[]'";
        folder.sqlite().query_row(sql, [], |row| row.get(0)).unwrap()
    };
    assert_eq!(rows, 0);
}

#[tokio::test]
async fn forgetting_and_a_commit_of_the_same_moment_never_leave_half_a_record() {
    let folder = Folder::new();
    let store = folder.open();
    for number in 0..20 {
        store.commit(create(number)).await.unwrap();
        let record = store.find(&key(number)).unwrap().record;
        let row = AuditEntry::new(Timestamp(9), "admin", "alice", "forgotten");
        let who = key(number);
        let both = tokio::join!(
            store.commit(change(&record, vec![Change::Renamed("other".into())])),
            store.forget(&who, row),
        );
        match (&both, store.find(&key(number))) {
            ((_, Ok(())), found) => assert!(found.is_none(), "{both:?}"),
            ((Ok(_), Err(StoreError::Conflict)), Some(kept)) => {
                assert_eq!(kept.record.name, "other");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn groups_are_kept_and_taken_away_with_their_rows() {
    let folder = Folder::new();
    let store = folder.open();
    let id = UpstreamId::new("own:cn=x");
    let row = || audit("group-created", None);
    store.set_group("corp", &id, Some(group("own:cn=x")), row()).await.unwrap();
    assert_eq!(store.groups().len(), 1);
    store.close().unwrap();
    let store = folder.open();
    assert_eq!(store.groups()[0].1.id, id);
    store.set_group("corp", &id, None, row()).await.unwrap();
    assert!(store.groups().is_empty() && store.group("corp", &id).is_none());
    store.close().unwrap();
    assert!(folder.open().groups().is_empty());
}

#[tokio::test]
async fn memberships_that_have_ended_are_found_by_their_time() {
    let folder = Folder::new();
    let store = folder.open();
    for number in 0..3 {
        store.commit(create(number)).await.unwrap();
        let record = store.find(&key(number)).unwrap().record;
        let group = UpstreamId::new("g");
        let route = Route { path: [group.clone()].into(), direct: true };
        let until = Some(Timestamp(10 * number as i64));
        let membership = Membership { until, ..Membership::new(route, Timestamp(1)) };
        let key = MembershipKey { group, provenance: Provenance::PinDeny };
        store
            .commit(change(&record, vec![Change::MembershipAdded { key, membership }]))
            .await
            .unwrap();
    }
    store.close().unwrap();
    let store = folder.open();
    assert_eq!(store.ended(Timestamp(10), 9), [key(0), key(1)]);
    assert_eq!(store.ended(Timestamp(10), 1), [key(0)]);
    let record = store.find(&key(0)).unwrap().record;
    let gone = MembershipKey { group: UpstreamId::new("g"), provenance: Provenance::PinDeny };
    store.commit(change(&record, vec![Change::MembershipRemoved { key: gone }])).await.unwrap();
    assert_eq!(store.ended(Timestamp(10), 9), [key(1)]);
}
