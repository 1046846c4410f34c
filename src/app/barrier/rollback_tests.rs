//! The barrier before a directory that is behind what was seen of it (rule K6).

use super::*;

#[test]
fn k6_a_question_that_fails_is_asked_once_more_where_it_was_answered_before() {
    paused(async {
        let world = World::new();
        world.copy(None);
        let barrier = world.barrier();
        world.failures.store(1, SeqCst);
        assert_eq!(asked(&barrier, &world).await, Passage::Walk, "nothing was ever seen");
        world.changes.store(7, SeqCst);
        assert_eq!(asked(&barrier, &world).await, Passage::Walk);
        world.failures.store(1, SeqCst);
        assert_eq!(asked(&barrier, &world).await, Passage::Walk);
        world.failures.store(2, SeqCst);
        let failed = Passage::Failed(UnknownReason::Disconnected);
        assert_eq!(asked(&barrier, &world).await, failed);
        world.changes.store(5, SeqCst);
        world.failures.store(1, SeqCst);
        assert_eq!(asked(&barrier, &world).await, Passage::Behind);
    });
}

/// Where every bind is a change, the copy sees the next one while an answer is on its way, and another
/// question that was sent later may be answered earlier.
#[test]
fn an_answer_that_was_overtaken_on_its_way_is_not_behind() {
    paused(async {
        let world = World { answers: Arc::new(Semaphore::new(1)), ..World::new() };
        let barrier = world.barrier();
        world.changes.store(7, SeqCst);
        world.copy(Some(7));
        assert_eq!(asked(&barrier, &world).await, FRESH);
        let mut question = barrier.ask(&world).expect("the copy has a question");
        while world.questions.load(SeqCst) < 2 {
            tokio::task::yield_now().await;
        }
        world.copy(Some(9));
        world.copy(None);
        world.answers.add_permits(1);
        assert_eq!(barrier.pass(&world, &mut question).await, Passage::Walk);
        assert!(world.heard().iter().all(|event| *event != "behind"));
    });
}

#[test]
fn a_directory_that_went_back_is_not_believed_until_that_is_accepted() {
    paused(async {
        let world = World::new();
        let barrier = world.barrier();
        world.changes.store(7, SeqCst);
        world.copy(Some(7));
        assert_eq!(asked(&barrier, &world).await, FRESH);
        world.changes.store(5, SeqCst);
        // What the copy has is no older than what this server has.
        assert_eq!(asked(&barrier, &world).await, FRESH);
        world.copy(None);
        assert_eq!(asked(&barrier, &world).await, Passage::Behind);
        // A copy that was made anew of what the directory has now is no better than that.
        world.copy(Some(5));
        assert_eq!(asked(&barrier, &world).await, Passage::Behind);
        world.failures.store(2, SeqCst);
        assert_eq!(asked(&barrier, &world).await, Passage::Behind, "nothing was said against it");
        world.failures.store(0, SeqCst);
        assert_eq!(world.heard(), ["behind"], "that is told once");
        assert_eq!(barrier.progress(&world).await, progress(7, 5, true));
        barrier.forget();
        assert_eq!(asked(&barrier, &world).await, FRESH);
        assert_eq!(world.heard(), ["not behind"]);
        world.changes.store(4, SeqCst);
        world.copy(None);
        assert_eq!(asked(&barrier, &world).await, Passage::Behind);
        world.changes.store(6, SeqCst);
        assert_eq!(asked(&barrier, &world).await, Passage::Walk, "it has got farther than ever");
        assert_eq!(world.heard(), ["behind", "not behind"]);
    });
}

fn progress(seen: u64, shown: u64, is_behind: bool) -> Progress {
    Progress { seen: Some(seen.to_string()), shown: Some(shown.to_string()), is_behind }
}

#[test]
fn k6_what_an_earlier_process_or_the_copy_has_seen_counts() {
    paused(async {
        let world = World::new();
        world.copy(None);
        world.changes.store(5, SeqCst);
        let barrier = world.barrier().with_seen(Some("7"));
        assert_eq!(asked(&barrier, &world).await, Passage::Behind);
        assert_eq!(barrier.seen(), Some("7".to_owned()));
        let barrier = world.barrier().with_seen(Some("no number"));
        assert_eq!(asked(&barrier, &world).await, Passage::Walk);
        // The directory was not asked about this, but its copy had it.
        world.copy(Some(9));
        world.copy(Some(6));
        world.changes.store(6, SeqCst);
        assert_eq!(asked(&barrier, &world).await, Passage::Behind);
        assert_eq!(barrier.progress(&world).await, progress(9, 6, true));
    });
}

#[test]
fn k6_a_directory_without_a_copy_is_asked_where_it_says_how_far_it_has_got() {
    paused(async {
        let world = World::new();
        world.copy(None);
        world.knows_question.store(false, SeqCst);
        let barrier = world.barrier().with_seen(Some("7"));
        world.changes.store(5, SeqCst);
        assert_eq!(asked(&barrier, &world).await, Passage::Behind);
        world.changes.store(8, SeqCst);
        assert_eq!(asked(&barrier, &world).await, Passage::Walk);

        let barrier = world.barrier();
        world.is_marked.store(false, SeqCst);
        assert_eq!(asked(&barrier, &world).await, Passage::Walk);
        assert!(barrier.ask(&world).is_none(), "it does not say, so it is not asked for a while");
        assert_eq!(barrier.unasked(), Passage::Walk);
        world.is_held.store(true, SeqCst);
        assert_eq!(barrier.unasked(), Passage::Held);
        world.is_held.store(false, SeqCst);
        advance(Duration::from_secs(61)).await;
        world.is_marked.store(true, SeqCst);
        assert_eq!(asked(&barrier, &world).await, Passage::Walk);
        assert_eq!(barrier.seen(), Some("8".to_owned()));
    });
}

#[test]
fn k6_a_directory_that_was_set_back_before_a_walk_was_over_is_noticed_behind_it() {
    paused(async {
        let world = World::new();
        world.copy(None);
        let barrier = world.barrier();
        world.changes.store(7, SeqCst);
        assert_eq!(asked(&barrier, &world).await, Passage::Walk);
        assert_eq!(barrier.vouch(&world, Difference::Less).await, Ok(()));
        world.failures.store(2, SeqCst);
        assert_eq!(barrier.vouch(&world, Difference::Less).await, Err(UnknownReason::Disconnected));
        world.changes.store(5, SeqCst);
        assert_eq!(barrier.vouch(&world, Difference::Less).await, Err(UnknownReason::Rollback));
        assert_eq!(world.heard(), ["behind"]);
        barrier.forget();
        world.is_marked.store(false, SeqCst);
        world.knows_question.store(false, SeqCst);
        assert_eq!(barrier.vouch(&world, Difference::Less).await, Ok(()), "it does not say");
    });
}

#[test]
fn k6_a_directory_that_got_farther_after_it_was_set_back_is_not_believed_if_entries_show_that() {
    paused(async {
        let world = World::new();
        let barrier = world.barrier();
        world.changes.store(7, SeqCst);
        world.copy(Some(7));
        assert_eq!(asked(&barrier, &world).await, FRESH);
        world.went_back.store(true, SeqCst);
        world.changes.store(9, SeqCst);
        world.copy(Some(9));
        for _ in 0..2 {
            assert_eq!(asked(&barrier, &world).await, Passage::Behind);
            for difference in [Difference::Less, Difference::More] {
                let answer = barrier.vouch(&world, difference).await;
                assert_eq!(answer, Err(UnknownReason::Rollback));
            }
        }
        assert_eq!(barrier.progress(&world).await, progress(9, 9, true));
        assert_eq!(world.heard(), ["behind"], "told once");
        barrier.forget();
        assert_eq!(asked(&barrier, &world).await, FRESH);
        assert_eq!(world.heard(), ["not behind"]);
        // Before the entries were asked, nothing is given back either that a backup still has.
        world.is_unheard.store(true, SeqCst);
        let answer = barrier.vouch(&world, Difference::More).await;
        assert_eq!(answer, Err(UnknownReason::Visibility));
        world.is_unheard.store(false, SeqCst);
        assert_eq!(barrier.vouch(&world, Difference::More).await, Ok(()));
    });
}
