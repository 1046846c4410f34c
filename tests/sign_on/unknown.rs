//! Every cause of Unknown (semantics, section 2): memberships stay, and the event says why.

use super::fakes::{ANN, At, Fault, group_dn};
use super::stage::Stage;
use bindgate::app::ports::{LookupError, StoreError};
use bindgate::app::sign_on::{SyncMode, Verdict};
use bindgate::domain::policy::{OnUnknown, Switch};
use bindgate::proto::result::ResultCode;

/// Ann is in a, which is in b, which is in c; then all of it changes, and a fault comes on top.
async fn check_fault(at: At, error: LookupError, reason: &str) {
    let stage = Stage::new();
    stage.tree.group("a", &[ANN]);
    stage.tree.group("b", &[&group_dn("a")]);
    stage.tree.group("c", &[&group_dn("b")]);
    assert_eq!(stage.sign_on().await, Verdict::Admit);
    assert_eq!(stage.groups(), "a b c");
    let before = stage.memory.record("ann");
    // What was not asked at the level of the fault would be gone, and d would be new.
    stage.tree.group("c", &[]);
    stage.tree.group("d", &[ANN]);
    stage.tree.state().faults.push((at, Fault::Error(error)));
    assert_eq!(stage.sign_on().await, Verdict::Admit, "the answer is unchanged");
    assert_eq!(stage.memory.record("ann"), before, "{at:?} {error:?}");
    assert!(stage.seen.take(&format!("unknown {reason}")), "{:?}", stage.seen.all());
    stage.tree.state().faults.clear();
    stage.sign_on().await;
    assert_eq!(stage.groups(), "a b d", "the next complete read counts");
}

#[tokio::test]
async fn no_search_that_failed_takes_or_gives_a_membership() {
    let codes = [
        (ResultCode::SIZE_LIMIT_EXCEEDED, "size-limit"),
        (ResultCode::ADMIN_LIMIT_EXCEEDED, "size-limit"),
        (ResultCode::TIME_LIMIT_EXCEEDED, "time-limit"),
        (ResultCode::BUSY, "busy"),
        (ResultCode::UNAVAILABLE, "busy"),
        (ResultCode::INSUFFICIENT_ACCESS_RIGHTS, "access"),
        (ResultCode::REFERRAL, "referral"),
        (ResultCode::OPERATIONS_ERROR, "result-code 1"),
    ];
    let others = [
        (LookupError::Referral, "referral"),
        (LookupError::Timeout, "timeout"),
        (LookupError::Disconnected, "disconnected"),
        (LookupError::Unreachable, "unreachable"),
        (LookupError::ServiceAccount, "service-account"),
        (LookupError::TooLarge, "size-limit"),
        (LookupError::Malformed, "malformed"),
    ];
    let codes = codes.map(|(code, reason)| (LookupError::Result(code), reason));
    for (error, reason) in codes.into_iter().chain(others) {
        for at in [At::Entry, At::Level(1), At::Level(3)] {
            check_fault(at, error, reason).await;
        }
    }
    // A base that is not there is no "no groups", an entry that is not there no "no user".
    let gone = LookupError::Result(ResultCode::NO_SUCH_OBJECT);
    check_fault(At::Entry, gone, "not-one-entry").await;
    check_fault(At::Level(1), gone, "no-such-base").await;
    check_fault(At::Level(3), gone, "no-such-base").await;
}

/// A first sign-on with these groups, then `change`, then another one.
async fn check_second(change: impl FnOnce(&Stage), outcome: &str, groups: &str) {
    let stage = Stage::new();
    stage.tree.group("a", &[ANN]);
    stage.sign_on().await;
    change(&stage);
    assert_eq!(stage.sign_on().await, Verdict::Admit);
    assert!(stage.seen.take(outcome), "{outcome}: {:?}", stage.seen.all());
    assert_eq!(stage.groups(), groups, "{outcome}");
}

#[tokio::test]
async fn a_limit_is_never_a_shorter_list() {
    let deep = |stage: &Stage| {
        let mut below = ANN.to_owned();
        for name in ["a", "b", "c", "d", "e"] {
            stage.tree.group(name, &[&below]);
            below = group_dn(name);
        }
    };
    check_second(deep, "unknown depth-limit", "a").await;
    let wide = |stage: &Stage| {
        for name in ["b", "c", "d", "e", "f", "g", "h"] {
            stage.tree.group(name, &[ANN]);
        }
    };
    check_second(wide, "unknown too-many-groups", "a").await;
}

#[tokio::test]
async fn known_and_empty_takes_all_managed_memberships() {
    check_second(|stage| stage.tree.group("a", &[]), "changed +0 -1", "").await;
}

#[tokio::test]
async fn groups_that_all_went_are_believed_only_while_some_group_is_visible() {
    let blind = |stage: &Stage| stage.tree.state().groups.clear();
    check_second(blind, "unknown visibility", "a").await;
    // The look for a group is the walk's second search.
    for (error, reason) in [
        (LookupError::Timeout, "timeout"),
        (LookupError::Result(ResultCode::NO_SUCH_OBJECT), "no-such-base"),
    ] {
        let troubled = |stage: &Stage| {
            stage.tree.group("a", &[]);
            stage.tree.state().faults.push((At::Level(2), Fault::Error(error)));
        };
        check_second(troubled, &format!("unknown {reason}"), "a").await;
    }
}

#[tokio::test]
async fn who_keeps_a_group_costs_no_look_for_others() {
    let stage = Stage::new();
    stage.tree.group("a", &[ANN]);
    stage.tree.group("b", &[ANN]);
    stage.sign_on().await;
    stage.tree.state().groups.remove("b");
    stage.tree.state().searches.clear();
    stage.sign_on().await;
    assert_eq!(stage.groups(), "a");
    let looks = stage.tree.state().searches.iter().filter(|search| search.size_limit > 0).count();
    assert_eq!(looks, 0);
}

#[tokio::test]
async fn a_store_that_fails_leaves_everything_as_it_was() {
    let failed = || StoreError::Failed("disk full".to_owned());
    for faults in [
        vec![failed()],
        vec![StoreError::Overloaded],
        vec![StoreError::Closed],
        vec![StoreError::Conflict; 4],
        vec![StoreError::Conflict, failed()],
    ] {
        let change = |stage: &Stage| {
            stage.tree.group("a", &[]);
            stage.memory.state().faults.extend(faults);
        };
        check_second(change, "unknown store", "a").await;
    }
}

#[tokio::test]
async fn a_commit_that_meets_a_newer_record_is_planned_anew() {
    let change = |stage: &Stage| {
        stage.tree.group("b", &[ANN]);
        stage.memory.state().faults.extend(vec![StoreError::Conflict; 3]);
    };
    check_second(change, "changed +1 -0", "a b").await;
}

#[tokio::test]
async fn what_is_unknown_is_denied_where_that_is_asked_for() {
    let stage = Stage::with(SyncMode::BeforeReply, |staff| staff.on_unknown = OnUnknown::Deny);
    assert_eq!(stage.sign_on().await, Verdict::Admit);
    for at in [At::Entry, At::Level(1)] {
        stage.tree.state().faults = vec![(at, Fault::Error(LookupError::Timeout))];
        let Verdict::Refuse(refusal) = stage.sign_on().await else {
            panic!("{at:?}: it was admitted");
        };
        assert_eq!(refusal.code, ResultCode::UNAVAILABLE);
    }
    stage.tree.state().faults.clear();
    stage.memory.state().faults.push_back(StoreError::Closed);
    stage.tree.group("a", &[ANN]);
    assert!(matches!(stage.sign_on().await, Verdict::Refuse(_)));
    assert_eq!(stage.sign_on().await, Verdict::Admit);
}

#[tokio::test]
async fn the_switch_off_leaves_the_record_alone_but_lets_it_be_made() {
    let stage = Stage::new();
    stage.memory.state().switch = Some(Switch::Off);
    stage.tree.group("a", &[ANN]);
    stage.sign_on().await;
    assert_eq!(stage.groups(), "a", "the first sign-on makes the record");
    stage.tree.group("a", &[]);
    stage.tree.state().people.insert(ANN.to_owned(), "Anne".to_owned());
    let before = stage.memory.record("ann");
    stage.sign_on().await;
    assert_eq!(stage.memory.record("ann"), before);
    assert!(stage.seen.take("switched-off +0 -0"));
    stage.memory.state().switch = Some(Switch::On);
    stage.sign_on().await;
    assert_eq!(stage.groups(), "", "on again, the next sign-on applies it");
}

#[tokio::test]
async fn create_off_makes_no_record() {
    let stage = Stage::with(SyncMode::BeforeReply, |staff| staff.create = false);
    assert_eq!(stage.sign_on().await, Verdict::Admit);
    assert_eq!(stage.memory.record("ann"), None);
    assert!(stage.seen.take("not-provisioned +0 -0"));
    assert_eq!(stage.memory.state().commits, 0);
}

#[tokio::test]
async fn who_can_be_no_user_is_not_even_read() {
    let stage = Stage::new();
    for name in ["", "ann", "cn=gateway,dc=one", "CN=Gateway, DC=one", "uid=ann,"] {
        assert!(stage.sign_ons.begin(0, name.as_bytes()).is_none(), "{name}");
    }
    stage.settle().await;
    assert!(stage.tree.state().searches.is_empty());
}
