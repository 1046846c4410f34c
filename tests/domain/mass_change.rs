//! Which losses of groups are held: too many users at once, or all groups of one (S3.8).

use bindgate::domain::mass_change::{Breaker, Judgement, Kept, Limits, Loss, Many, News};
use bindgate::domain::plan::Cause;
use bindgate::domain::record::UpstreamId;
use bindgate::domain::replication::Decision;
use bindgate::domain::time::Timestamp;
use proptest::prelude::*;
use std::time::Duration;

const SECOND: i64 = 1_000_000;
/// 3 users of at most 9, within 10 seconds.
const LIMITS: Limits = Limits {
    many: Many::Held,
    window: Duration::from_secs(10),
    share: 30,
    least_users: 3,
    groups: 2,
    last_groups: None,
};

/// A breaker, and what it is asked with.
struct Stage {
    breaker: Breaker,
    now: i64,
    /// How many others have signed on within the window.
    others: usize,
    made: usize,
}

fn user(number: usize) -> UpstreamId {
    UpstreamId::new(&format!("u{number}"))
}

impl Stage {
    fn new(limits: Limits) -> Self {
        let breaker = Breaker::new(limits, Kept::default());
        Self { breaker, now: 100, others: 3, made: 0 }
    }

    /// A user would lose so many groups, which she has had since `since` seconds.
    fn loses_of(
        &mut self,
        number: usize,
        groups: &[&str],
        since: i64,
        cause: Cause,
    ) -> (Judgement, Vec<News>) {
        let groups =
            groups.iter().map(|id| (UpstreamId::new(id), Timestamp(since * SECOND))).collect();
        let loss = Loss { user: user(number), groups, is_all: number.is_multiple_of(2), cause };
        self.made += 1;
        let (id, others) = (format!("item-{}", self.made), self.others);
        let now = Timestamp(self.now * SECOND);
        self.breaker.judge(&loss, now, || id, |_, enough| others.min(enough))
    }

    fn loses(&mut self, number: usize) -> Judgement {
        self.loses_of(number, &["a", "b"], 0, Cause::SignOn).0
    }

    /// These lose groups one after another; who of them is held.
    fn all_lose(&mut self, users: impl Iterator<Item = usize>) -> Vec<usize> {
        users.filter(|number| self.loses(*number) == Judgement::Hold).collect()
    }

    fn decide(&mut self, decision: Decision) {
        let id = self.breaker.kept().items[0].id.clone();
        let now = Timestamp(self.now * SECOND);
        assert!(self.breaker.decide(&id, decision, now).is_some());
        assert!(self.breaker.decide("nothing", decision, now).is_none());
    }
}

#[test]
fn s3_8_from_so_many_users_on_who_are_so_many_of_those_seen_a_loss_is_held() {
    let check = |change: &dyn Fn(&mut Stage), expected: &[usize]| {
        let mut stage = Stage::new(LIMITS);
        change(&mut stage);
        assert_eq!(stage.all_lose(1..6), expected);
    };
    check(&|_| (), &[3, 4, 5]);
    // 3 of 9 are more than 30 in a hundred, 3 of 10 are not.
    check(&|stage| stage.others = 8, &[3, 4, 5]);
    check(&|stage| stage.others = 9, &[]);
    check(&|stage| stage.others = 1_000_000, &[]);
    check(
        &|stage| stage.breaker = Breaker::new(Limits { least_users: 5, ..LIMITS }, Kept::default()),
        &[5],
    );
    let off = Limits { many: Many::Believed, ..LIMITS };
    check(&|stage| stage.breaker = Breaker::new(off, Kept::default()), &[]);
}

#[test]
fn s3_8_losses_that_are_small_or_lie_apart_or_are_one_users_are_believed() {
    let mut stage = Stage::new(LIMITS);
    for number in 1..20 {
        let (judgement, _) = stage.loses_of(number, &["a"], 0, Cause::SignOn);
        assert_eq!(judgement, Judgement::Believe, "one group is not enough");
    }
    for number in 1..20 {
        stage.now += 6;
        assert_eq!(stage.loses(number), Judgement::Believe, "three take 12 seconds");
    }
    stage.now += 60;
    for _ in 1..20 {
        assert_eq!(stage.loses(1), Judgement::Believe, "one user who comes and goes");
    }
}

#[test]
fn s3_8_what_is_confirmed_counts_for_memberships_that_had_begun_and_for_later_ones_it_does_not() {
    let mut stage = Stage::new(LIMITS);
    assert_eq!(stage.all_lose(1..6), [3, 4, 5]);
    stage.decide(Decision::Confirmed);
    assert!(!stage.breaker.is_holding());
    assert_eq!(stage.all_lose(3..40), [] as [usize; 0]);
    // They were put into the groups again, and the same happens again.
    stage.now = 200;
    let mut again = |number, groups: &[&str], since| {
        stage.loses_of(number, groups, since, Cause::SignOn).0 == Judgement::Hold
    };
    assert!(!again(1, &["a", "b"], 150) && !again(2, &["a", "b"], 150));
    assert!(again(3, &["a", "b"], 150), "that was not confirmed");
    assert!(!again(4, &["a", "b"], 50), "that was");
    assert!(again(5, &["c", "d"], 50), "while something is held every loss is");
}

#[test]
fn s3_8_what_is_rejected_is_held_until_the_groups_are_seen_again() {
    let mut stage = Stage::new(LIMITS);
    assert_eq!(stage.all_lose(1..9), (3..9).collect::<Vec<_>>());
    stage.decide(Decision::Rejected);
    assert_eq!(stage.all_lose(3..9), (3..9).collect::<Vec<_>>());
    assert_eq!(stage.breaker.kept().items.len(), 1, "nobody is asked again");
    let news: Vec<_> = (3..7).flat_map(|number| stage.breaker.let_go(&user(number))).collect();
    assert_eq!(news, []);
    // One of six is left: hers is a loss of its own.
    let news = stage.breaker.let_go(&user(7));
    let [News::Passed(item)] = &news[..] else { panic!("{news:?}") };
    assert_eq!(item.users, [user(8)].into());
    assert_eq!(stage.loses(8), Judgement::Believe);
}

#[test]
fn s3_8_somebody_who_would_lose_all_groups_is_held_where_that_is_wanted() {
    let limits = Limits { last_groups: Some(2), ..LIMITS };
    let mut stage = Stage::new(limits);
    // Users of even numbers would lose all that they have.
    let judged = |stage: &mut Stage, number, groups: &[&str]| {
        stage.loses_of(number, groups, 0, Cause::SignOn).0
    };
    assert_eq!(judged(&mut stage, 2, &["a"]), Judgement::Believe, "it was one");
    assert_eq!(judged(&mut stage, 1, &["a", "b"]), Judgement::Believe, "some are left");
    assert_eq!(judged(&mut stage, 2, &["a", "b"]), Judgement::Hold);
    assert_eq!(judged(&mut stage, 4, &["c", "d"]), Judgement::Hold);
    let only: Vec<_> = stage.breaker.kept().items.iter().map(|item| item.only.clone()).collect();
    assert_eq!(only, [Some(user(2)), Some(user(4))]);
    stage.decide(Decision::Confirmed);
    assert_eq!(judged(&mut stage, 2, &["a", "b"]), Judgement::Believe);
    assert_eq!(judged(&mut stage, 4, &["c", "d"]), Judgement::Hold, "that is somebody else");
    assert_eq!(stage.breaker.let_go(&user(4)).len(), 1, "it has passed");
    assert!(!stage.breaker.is_holding());
}

#[test]
fn s3_8_what_the_gateway_looks_at_because_it_changed_says_something_of_that_alone() {
    let look = |stage: &mut Stage, number| {
        stage.loses_of(number, &["a", "b"], 0, Cause::Reconciliation).0 == Judgement::Hold
    };
    // 5 of 1000 records have changed: all five lose, and that is one in two hundred.
    let mut stage = Stage::new(LIMITS);
    stage.breaker.outdated(5, 1000);
    assert!(!(1..6).any(|number| look(&mut stage, number)));
    // Half of all have changed, and all of those that were looked at lose.
    let mut stage = Stage::new(LIMITS);
    stage.breaker.outdated(500, 1000);
    let held: Vec<bool> = (1..5).map(|number| look(&mut stage, number)).collect();
    assert_eq!(held, [false, false, true, true]);
    // Half of them lose nothing.
    let mut stage = Stage::new(LIMITS);
    stage.breaker.outdated(500, 1000);
    let held = (1..20).any(|number| {
        stage.breaker.unharmed();
        look(&mut stage, number)
    });
    assert!(!held);
}

proptest! {
    /// Whatever happens: nobody is held before the least number of users has lost something, and
    /// after a restart all is as it was.
    #[test]
    fn s3_8_a_breaker_goes_on_where_it_was_and_holds_nobody_too_early(
        losses in prop::collection::vec((0..12_usize, 0..4_usize, any::<bool>()), 0..60),
        others in 0..20_usize,
    ) {
        let mut stage = Stage::new(LIMITS);
        stage.others = others;
        let mut losers = std::collections::BTreeSet::new();
        for (number, groups, lets_go) in losses {
            if lets_go {
                stage.breaker.let_go(&user(number));
                continue;
            }
            let names = &["a", "b", "c", "d"][..groups];
            let (judgement, _) = stage.loses_of(number, names, 0, Cause::SignOn);
            if groups >= LIMITS.groups {
                losers.insert(number);
            }
            if judgement == Judgement::Hold {
                prop_assert!(groups >= LIMITS.groups);
                prop_assert!(losers.len() >= LIMITS.least_users && others < 9);
                prop_assert!(stage.breaker.kept().items[0].users.contains(&user(number)));
            } else {
                let held = stage.breaker.kept().items.iter().any(|i| i.users.contains(&user(number)));
                prop_assert!(!held);
            }
            let kept = stage.breaker.kept();
            prop_assert!(kept.items.iter().all(|item| !item.users.is_empty()));
            let restarted = Breaker::new(LIMITS, kept.clone());
            prop_assert_eq!(restarted.kept(), kept);
        }
    }
}
