//! What was read while a bind was under way, and contradicts its success, is read again (S4.8).

use crate::directory::dn;
use crate::fakes::Memory;
use crate::model::Account;
use crate::play::{Copied, Stage};
use crate::step::Step;
use bindgate::app::sign_on::Verdict;

/// Lets the read that began with the bind end before the directory answers the bind.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

/// Ann's account is as `before` while her bind is under way, and as `after` when it succeeds; what
/// the record says then of its reasons.
async fn check(before: impl Fn(&mut Account), after: impl Fn(&mut Account), reasons: usize) {
    let mut stage = Stage::<Memory>::new(Copied::No);
    for step in [Step::Make("ann"), Step::Join("ann", "a"), Step::SignOn("ann")] {
        stage.step(step).await.unwrap();
    }
    stage.change(0, before);
    let attempt = stage.begin("ann");
    settle().await;
    stage.change(0, after);
    assert_eq!(attempt.succeeded().await, Verdict::Admit);
    assert_eq!(stage.records()[&0].reasons.len(), reasons);
}

#[tokio::test]
async fn s4_8_an_entry_that_contradicts_the_success_is_read_again_and_only_that_counts() {
    let disabled = |account: &mut Account| account.is_disabled = true;
    let enabled = |account: &mut Account| account.is_disabled = false;
    check(disabled, enabled, 0).await;
    check(disabled, |_| (), 1).await;
    check(|_| (), |_| (), 0).await;
}

#[tokio::test]
async fn s4_8_another_id_under_a_known_name_is_read_again() {
    let mut stage = Stage::<Memory>::new(Copied::No);
    for step in [Step::Make("ann"), Step::Make("bob"), Step::SignOn("ann")] {
        assert!(stage.step(step).await.is_ok());
    }
    // For a moment another account has her name.
    let swap = |stage: &Stage<Memory>| {
        stage.change(0, |ann| ann.rdn = if ann.rdn == "ann" { "bob" } else { "ann" });
        stage.change(1, |bob| bob.rdn = if bob.rdn == "ann" { "bob" } else { "ann" });
    };
    swap(&stage);
    let attempt = stage.begin("ann");
    settle().await;
    swap(&stage);
    assert_eq!(attempt.succeeded().await, Verdict::Admit);
    let records = stage.records();
    assert_eq!(records.len(), 1, "nobody else has signed on: {records:?}");
    assert_eq!(stage.step(Step::SignOn("bob")).await, Ok(()));
    assert_eq!(dn(&stage.records()[&1].rdn), "uid=bob,dc=one");
}
