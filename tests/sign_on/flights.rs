//! How sign-ons share their work.

use super::fakes::{ANN, At, Fault};
use super::stage::Stage;
use bindgate::app::ports::LookupError;
use bindgate::app::sign_on::{SyncMode, Verdict};
use bindgate::domain::policy::OnUnknown;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

/// How many sign-ons come at once.
const MANY: usize = 1000;

/// A read or a flight that had begun before a change does not serve a bind that came after it: with
/// all searches held, the first is sent before the change and the second sees it.
#[tokio::test]
async fn a_change_between_two_binds_is_seen_by_the_second() {
    let stage = Stage::new();
    stage.tree.group("a", &[ANN]);
    stage.tree.shut();
    let first = stage.bind();
    stage.settle().await;
    let first = tokio::spawn(first.succeeded());
    stage.tree.open();
    first.await.unwrap();
    assert_eq!(stage.groups(), "a");

    // Now the first flight is half way: its walk has been sent.
    stage.tree.group("b", &[ANN]);
    let first = stage.bind();
    stage.settle().await;
    stage.tree.shut();
    let first = tokio::spawn(first.succeeded());
    stage.settle().await;
    stage.tree.group("a", &[]);
    stage.tree.state().people.insert(ANN.to_owned(), "Anne".to_owned());
    let second = tokio::spawn(stage.bind().succeeded());
    stage.settle().await;
    stage.tree.open();
    first.await.unwrap();
    second.await.unwrap();
    assert_eq!(stage.groups(), "b");
    let record = stage.memory.record("ann").unwrap();
    assert_eq!(
        record.attributes[&"cn".to_owned()],
        [b"Anne".to_vec()],
        "the entry is the second bind's too"
    );
}

#[tokio::test]
async fn a_thousand_sign_ons_at_once_are_few_flights() {
    let stage = Stage::new();
    stage.tree.group("a", &[ANN]);
    stage.tree.shut();
    let gates: Vec<_> = (0..MANY).map(|_| tokio::spawn(stage.bind().succeeded())).collect();
    stage.settle().await;
    stage.tree.open();
    for gate in gates {
        assert_eq!(gate.await.unwrap(), Verdict::Admit);
    }
    let searches = stage.tree.state().searches.len();
    assert!(searches <= 10, "{searches} searches");
    let flights = stage.seen.all().len();
    assert!(flights <= 3, "{flights} flights");
    assert_eq!(stage.memory.state().commits, 1, "nothing changed in between");
    assert_eq!(stage.groups(), "a");
}

#[tokio::test]
async fn a_failed_bind_writes_nothing() {
    let stage = Stage::new();
    stage.tree.group("a", &[ANN]);
    for _ in 0..10 {
        drop(stage.bind());
        stage.settle().await;
    }
    let state = stage.memory.state();
    assert_eq!((state.commits, state.marks, state.records.len()), (0, 0, 0));
    assert!(stage.seen.all().is_empty(), "{:?}", stage.seen.all());
    let searches = stage.tree.state().searches.len();
    assert!(searches <= 10, "its walk was sent");
}

#[tokio::test]
async fn a_failed_bind_does_not_hold_up_or_change_a_sign_on_of_the_same_user() {
    let stage = Stage::new();
    stage.tree.shut();
    let (bad, good) = (stage.bind(), stage.bind());
    drop(bad);
    let gate = tokio::spawn(good.succeeded());
    stage.settle().await;
    stage.tree.open();
    assert_eq!(gate.await.unwrap(), Verdict::Admit);
    assert_eq!(stage.memory.state().commits, 1);
}

#[tokio::test]
async fn nothing_changed_is_nothing_written() {
    let stage = Stage::new();
    stage.tree.group("a", &[ANN]);
    for _ in 0..5 {
        stage.sign_on().await;
    }
    let state = stage.memory.state();
    assert_eq!((state.commits, state.marks), (1, 4));
    drop(state);
    assert_eq!(stage.seen.all()[1], "unchanged +0 -0");
}

/// The clock moves by a microsecond each time that somebody looks at it.
#[tokio::test]
async fn s3_7_the_first_bind_after_a_change_and_the_interval_applies_it() {
    let stage = Stage::with(SyncMode::BeforeReply, |staff| {
        staff.minimum_interval = std::time::Duration::from_micros(100);
    });
    stage.tree.group("a", &[ANN]);
    stage.sign_on().await;
    stage.tree.group("b", &[ANN]);
    let searches = || stage.tree.state().searches.len();
    let before = searches();
    let mut left_alone = 0;
    while stage.groups() == "a" {
        assert_eq!(searches(), before, "nothing is read and not applied");
        assert_eq!(stage.sign_on().await, Verdict::Admit);
        left_alone += 1;
        assert!(left_alone < 100, "the interval ends");
    }
    assert_eq!(stage.groups(), "a b");
    assert!(left_alone > 10, "{left_alone}");
    assert_eq!(stage.memory.state().commits, 2);
    assert!(stage.seen.take("recent +0 -0"));
    // A failed bind moves nothing, and somebody who is shut out is not let in within it.
    let marks = stage.memory.state().marks;
    drop(stage.bind());
    assert_eq!(stage.memory.state().marks, marks);
    stage.memory.edit("ann", |record| {
        record.inactive.insert(bindgate::domain::record::InactiveReason::Admin);
    });
    assert!(matches!(stage.sign_on().await, Verdict::Refuse(_)));
}

#[tokio::test]
async fn after_reply_waits_for_the_identity_alone() {
    let stage = Stage::with(SyncMode::AfterReply, |_| {});
    stage.tree.group("a", &[ANN]);
    let attempt = stage.bind();
    stage.settle().await;
    stage.tree.shut();
    let gate = attempt.succeeded();
    assert_eq!(gate.await, Verdict::Admit, "its walk is still held");
    assert_eq!(stage.groups(), "");
    stage.tree.open();
    stage.settle().await;
    assert_eq!(stage.groups(), "a", "the flight goes on");
}

/// Until the groups are known nobody gets in where an unknown observation denies, in any mode.
#[tokio::test]
async fn s9_4_after_reply_waits_for_the_record_where_unknown_denies() {
    let stage = Stage::with(SyncMode::AfterReply, |staff| staff.on_unknown = OnUnknown::Deny);
    stage.tree.group("a", &[ANN]);
    assert_eq!(stage.sign_on().await, Verdict::Admit);
    assert_eq!(stage.groups(), "a", "the answer came after the record");
    for at in [At::Entry, At::Level(1)] {
        stage.tree.state().faults = vec![(at, Fault::Error(LookupError::Timeout))];
        assert!(matches!(stage.sign_on().await, Verdict::Refuse(_)), "{at:?}");
    }
}

/// The flight is not the client's: who leaves does not stop it.
#[tokio::test]
async fn a_sign_on_goes_on_when_its_client_has_left() {
    let stage = Stage::new();
    stage.tree.group("a", &[ANN]);
    stage.tree.shut();
    drop(stage.bind().succeeded());
    stage.settle().await;
    stage.tree.open();
    stage.settle().await;
    assert_eq!(stage.groups(), "a");
}

#[tokio::test]
async fn a_flight_that_panics_lets_its_passengers_go_and_the_next_one_flies() {
    for (at, on_unknown) in [
        (At::Entry, OnUnknown::Keep),
        (At::Level(1), OnUnknown::Keep),
        (At::Level(1), OnUnknown::Deny),
    ] {
        let stage = Stage::with(SyncMode::BeforeReply, |staff| staff.on_unknown = on_unknown);
        stage.tree.group("a", &[ANN]);
        stage.tree.state().faults.push((at, Fault::Panic));
        let gates: Vec<_> = (0..5).map(|_| tokio::spawn(stage.bind().succeeded())).collect();
        for gate in gates {
            let verdict = gate.await.expect("the passenger does not panic");
            assert_eq!(verdict == Verdict::Admit, on_unknown == OnUnknown::Keep, "{at:?}");
        }
        assert_eq!(stage.groups(), "");
        stage.tree.state().faults.clear();
        assert_eq!(stage.sign_on().await, Verdict::Admit);
        assert_eq!(stage.groups(), "a");
    }
}

#[test]
fn a_flight_that_is_lost_with_its_runtime_lets_its_passengers_go() {
    let stage = Stage::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    stage.tree.shut();
    let (gate, ()) = runtime.block_on(async {
        let gate = stage.bind().succeeded();
        // Handed out, not awaited: it is to outlive the runtime.
        (gate, stage.settle().await)
    });
    drop(runtime);
    let mut cx = Context::from_waker(Waker::noop());
    let verdict = pin!(gate).poll(&mut cx);
    assert!(verdict.is_ready(), "it still waits");
}
