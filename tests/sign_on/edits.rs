//! What an admin does to a record.

use super::fakes::{ANN, Ticks};
use super::stage::Stage;
use bindgate::app::edits::{Edit, EditError, edit};
use bindgate::app::ports::StoreError;
use bindgate::app::sign_on::{BARRED, Verdict};
use bindgate::domain::record::{
    InactiveReason, Membership, MembershipKey, Provenance, Route, UpstreamId, UserKey,
};
use bindgate::domain::time::Timestamp;

fn ann() -> UserKey {
    UserKey { directory: "one".into(), upstream_id: UpstreamId::new("id-ann") }
}

async fn make(stage: &Stage, wanted: Edit) -> Result<Vec<InactiveReason>, EditError> {
    let record = edit(&stage.memory, &Ticks::default(), &ann(), &wanted, "alice").await?;
    Ok(record.inactive.iter().copied().collect())
}

#[tokio::test]
async fn s4_1_who_is_disabled_by_an_admin_is_refused_until_an_admin_enables_them() {
    let stage = Stage::new();
    assert_eq!(make(&stage, Edit::Disable).await, Err(EditError::NotFound));
    stage.tree.group("a", &[ANN]);
    assert_eq!(stage.sign_on().await, Verdict::Admit);
    assert_eq!(stage.sign_ons.unidentified(0), Verdict::Admit);
    assert_eq!(make(&stage, Edit::Disable).await, Ok(vec![InactiveReason::Admin]));
    let whoever = stage.sign_ons.unidentified(0);
    assert!(matches!(whoever, Verdict::Refuse(_)), "it may be ann, by another name");
    let commits = stage.memory.state().commits;
    assert_eq!(make(&stage, Edit::Disable).await, Ok(vec![InactiveReason::Admin]));
    assert_eq!(stage.memory.state().commits, commits, "the same again is not written");
    for _ in 0..2 {
        assert_eq!(stage.sign_on().await, Verdict::Refuse(BARRED));
    }
    assert!(stage.sign_ons.is_barred(0, b"UID=Ann, DC=One"));
    assert!(!stage.sign_ons.is_barred(0, b"uid=bob,dc=one"));
    assert!(stage.seen.take("refused +0 -0"), "{:?}", stage.seen.all());
    assert_eq!(make(&stage, Edit::Enable).await, Ok(vec![]));
    assert_eq!(stage.sign_on().await, Verdict::Admit);
}

#[tokio::test]
async fn an_edit_that_meets_a_newer_record_is_made_anew_and_one_that_fails_changes_nothing() {
    let stage = Stage::new();
    stage.sign_on().await;
    stage.memory.state().faults.push_back(StoreError::Conflict);
    assert_eq!(make(&stage, Edit::Disable).await, Ok(vec![InactiveReason::Admin]));
    let failed = StoreError::Failed("disk full".to_owned());
    stage.memory.state().faults.push_back(failed.clone());
    assert_eq!(make(&stage, Edit::Enable).await, Err(EditError::Store(failed)));
    assert!(stage.memory.record("ann").unwrap().is_barred());
}

#[tokio::test]
async fn s4_5_a_local_membership_in_review_counts_once_an_admin_confirms_it() {
    let stage = Stage::new();
    stage.sign_on().await;
    let key = MembershipKey { group: UpstreamId::new("id-x"), provenance: Provenance::Local };
    let confirm = Edit::Confirm(key.clone());
    assert_eq!(make(&stage, confirm.clone()).await, Err(EditError::NotInReview));
    let route = Route { path: [key.group.clone()].into(), direct: true };
    let membership = Membership { in_review: true, ..Membership::new(route, Timestamp(0)) };
    stage.memory.edit("ann", |record| {
        record.memberships.insert(key.clone(), membership);
    });
    assert!(!stage.memory.record("ann").unwrap().is_effective(&key));
    assert_eq!(make(&stage, confirm.clone()).await, Ok(vec![]));
    assert!(stage.memory.record("ann").unwrap().is_effective(&key));
    assert_eq!(make(&stage, confirm).await, Err(EditError::NotInReview));
}
