//! Sign-ons by walks at a directory that says how far it has got: what was found is kept until it says
//! something else.

use super::copy::Stage;
use super::fakes::{ANN, group_dn};
use bindgate::app::sign_on::Verdict;

/// Signs ann on; how many searches that took beside the question.
async fn searches(stage: &Stage) -> usize {
    let before = stage.asked();
    assert_eq!(stage.bind().succeeded().await, Verdict::Admit);
    let after = stage.asked();
    assert!(after.0 > before.0, "each asks how far the directory has got");
    after.1 - before.1
}

#[tokio::test]
async fn while_nothing_changes_a_walk_asks_for_the_entry_alone() {
    let stage = Stage::without_a_copy(1000);
    stage.directory.change("a");
    stage.directory.tree.group("top", &[&group_dn("a")]);
    // Her groups, those above, and that there are none above those.
    assert_eq!(searches(&stage).await, 1 + 3);
    for _ in 0..3 {
        assert_eq!(searches(&stage).await, 1);
    }
    assert_eq!(stage.groups(), "a top");
}

#[tokio::test]
async fn the_first_sign_on_after_a_change_sees_it() {
    let stage = Stage::without_a_copy(1000);
    stage.directory.change("a");
    for name in ["b", "c", "d"] {
        searches(&stage).await;
        assert_eq!(searches(&stage).await, 1);
        stage.directory.change(name);
        assert!(searches(&stage).await > 1, "{name}");
        assert!(stage.groups().ends_with(name), "{}", stage.groups());
    }
    stage.directory.tree.group("a", &[]);
    // Nobody says so: such a directory would be asked again after a minute.
    assert_eq!(searches(&stage).await, 1);
    assert_eq!(stage.groups(), "a b c d");
}

#[tokio::test]
async fn with_nothing_to_be_kept_every_walk_asks() {
    let stage = Stage::without_a_copy(0);
    stage.directory.change("a");
    for _ in 0..3 {
        assert_eq!(searches(&stage).await, 1 + 2);
    }
}

#[tokio::test]
async fn with_more_look_ups_than_may_be_kept_that_is_counted_and_every_groups_right() {
    let stage = Stage::without_a_copy(1);
    stage.directory.change("a");
    stage.directory.tree.group("top", &[&group_dn("a")]);
    stage.directory.tree.group("other", &[ANN]);
    for _ in 0..3 {
        assert!(searches(&stage).await > 1);
        assert_eq!(stage.groups(), "a other top");
        assert!(stage.seen.take("limit groups.max_kept_lookups"));
    }
}
