//! Binds: identity, the gate, leases.

use super::play::{check, play};
use bindgate::domain::policy::OnUnknown;

#[test]
fn an_operation_goes_out_on_the_connection_that_its_own_bind_succeeded_on() {
    check(
        "> 1 bind ann
         1< 1 bind ann
         1> 1 bound 0
         < 1 bound 0
         > 2 whoami & 3 search x
         < 2 answer 0 u:ann
         1< 2 search x
         1> 2 entry x & 2 reference y & 2 intermediate & 2 done 0
         < 3 entry x & 3 reference y & 3 intermediate & 3 done 0
         > 4 unbind
         < end
         1 back Binds
         leave
         event left unbind",
    );
}

/// RFC 4513 section 4, trap 3: the directory may leave the old identity on the connection.
#[test]
fn after_a_failed_bind_nothing_but_a_bind_is_sent_on_the_connection() {
    check(
        "> 1 bind ann
         1> 1 bound 0
         < 1 bound 0
         > 2 search x
         1< 1 bind ann & 2 search x
         1> 2 done 0
         < 2 done 0
         > 3 bind ann wrong
         1< 3 bind ann
         1> 3 bound 49
         < 3 bound 49
         > 4 whoami & 5 search y
         < 4 answer 0
         1 back Binds
         2< 1 search y
         2> 1 done 0
         < 5 done 0
         1< nothing",
    );
}

#[test]
fn a_bind_that_is_refused_here_leaves_the_old_identity_too() {
    for (bind, code) in [("bind ann -", 53), ("bind2 ann", 2), ("sasl PLAIN", 7), ("bind+ ann", 11)]
    {
        check(&format!(
            "> 1 bind ann
             1< 1 bind ann
             1> 1 bound 0
             < 1 bound 0
             > 2 {bind} & 3 whoami & 4 search x
             < 2 bound {code} & 3 answer 0
             1< nothing
             2< 1 search x
             2> 1 done 0
             < 4 done 0"
        ));
    }
}

#[test]
fn what_follows_a_bind_waits_for_its_end_and_runs_as_what_it_made() {
    check(
        "> 1 search a & 2 bind ann & 3 search b & 4 unbind & 5 search c
         1< 1 search a & nothing
         1> 1 done 0
         < 1 done 0
         2< 1 bind ann & nothing
         2> 1 bound 0
         < 2 bound 0 & end
         2< 2 search b & end
         2 closed",
    );
}

#[test]
fn binds_that_are_pipelined_are_played_one_after_another() {
    check(
        "> 1 bind ann & 2 search a & 3 bind eve & 4 search b & 5 bind bob wrong & 6 whoami
         1< 1 bind ann & nothing
         1> 1 bound 0
         < 1 bound 0
         1< 2 search a & nothing
         1> 2 done 0
         1< 3 bind eve & nothing
         1> 3 bound 0
         1< 4 search b & nothing
         1> 4 done 0
         1< 5 bind bob & nothing
         1> 5 bound 49
         < 2 done 0 & 3 bound 0 & 4 done 0 & 5 bound 49 & 6 answer 0",
    );
}

/// A search behind a bind that failed asked for an anonymous connection in a round that counted as
/// no progress: the wait for it was never polled, and the client hung until it was idle for too
/// long.
#[test]
fn a_request_that_was_held_and_then_waits_for_a_connection_is_woken() {
    check(
        "> 1 bind ann wrong & 2 search+ x
         1< 1 bind ann
         later
         1> 1 bound 49
         < 1 bound 49
         1 back Binds
         grant
         1< nothing
         2< 1 search x
         2> 1 done 0
         < 2 done 0",
    );
}

/// A bind that is refused for its form was refused at once although a search was under way: the
/// next request left the search's connection, so the search was never answered, and an answer on
/// the new connection bore its messageID.
#[test]
fn a_bind_that_will_be_refused_waits_for_the_operations_before_it_too() {
    check(
        "> 1 bind ann & 2 search a & 3 search b
         1> 1 bound 0
         1< 1 bind ann & 2 search a & 3 search b
         < 1 bound 0
         > 4 bind+ ann & 5 search c
         < nothing
         1> 2 done 0
         < 2 done 0 & nothing
         1> 3 done 0
         < 3 done 0 & 4 bound 11
         1 back Binds
         2< 1 search c
         2> 1 done 0
         < 5 done 0",
    );
}

#[test]
fn a_bind_waits_for_a_connection_and_is_told_if_there_is_none() {
    check(
        "later
         > 1 bind ann
         < nothing
         grant
         1< 1 bind ann
         1> 1 bound 0
         < 1 bound 0
         leave
         event left by-client",
    );
    check("later\n> 1 bind ann\nrefuse\n< 1 bound 52\nevent bind 52\n> 2 whoami\n< 2 answer 0");
    check("later\n> 1 bind ann\noverdue\n< 1 bound 51\n> 2 search+ x\noverdue\n< 2 done 51");
    check("later\n> 1 search+ x\nrefuse\n< 1 done 52\n> 2 search+ x\ngrant\n1< 1 search x");
}

#[test]
fn a_client_that_leaves_gives_its_place_in_the_queue_up() {
    check("later\n> 1 bind ann\n< nothing\nleave\nevent left by-client\nqueue left");
    check("later\n> 1 search+ x & 2 bind ann\n< nothing\nleave\nqueue left");
    // One that has been told to leave as well, before it has closed.
    check("later\n> 1 search+ x\n< nothing\ndrain\n< 0 notice 52\nqueue left");
}

#[test]
fn a_client_that_leaves_while_its_bind_is_under_way_leaves_no_connection_behind() {
    check("> 1 bind ann\n1< 1 bind ann\nleave\n1 closed\n1< end");
}

#[test]
fn a_name_of_another_directory_moves_the_session_there() {
    check(
        "> 1 bind uid=eve,dc=one
         1> 1 bound 0
         < 1 bound 0
         > 2 bind uid=eve,dc=two
         1 back Binds
         1< 1 bind uid=eve,dc=one & 2 bind uid=eve,dc=two
         1> 2 bound 49
         < 2 bound 49 & nothing",
    );
}

#[test]
fn a_connection_is_lent_only_by_a_session_that_has_sent_nothing_but_binds() {
    check(
        "> 1 bind ann
         1> 1 bound 0
         < 1 bound 0
         recall 1
         1 back Binds
         > 2 whoami & 3 bind ann
         < 2 answer 0 u:ann
         1< 1 bind ann & 2 bind ann
         1> 2 bound 0
         < 3 bound 0
         recall 1
         1 back Binds
         > 4 search x
         < 0 notice 52 & end
         leave
         event left upstream-lost",
    );
}

/// MessageIDs began anew with each lease: an answer that was given twice, and came after the check
/// of the idle connection, was taken for the answer to the next session's bind, right password or
/// not.
#[test]
fn a_late_answer_to_the_lease_before_is_never_taken_for_an_answer_to_this_one() {
    check(
        "> 1 bind ann
         1< 1 bind ann
         1> 1 bound 0
         < 1 bound 0
         recall 1
         1 back Binds
         > 2 bind ann wrong
         1< 2 bind ann
         1> 1 bound 0
         < nothing
         1> 2 bound 49
         < 2 bound 49
         > 3 unbind
         < end
         1 closed",
    );
}

#[test]
fn messageids_upstream_wrap_past_the_greatest_to_1() {
    check(
        "number 2147483646
         > 1 bind ann & 2 search x
         1< 2147483647 bind ann
         1> 2147483647 bound 0
         < 1 bound 0
         1< 1 search x
         1> 1 done 0
         < 2 done 0",
    );
}

/// A retry went to another warm connection. Behind a middlebox that had forgotten idle connections
/// all of them were dead without showing it, and the bind was refused although the directory worked.
#[test]
fn a_bind_that_is_sent_again_goes_to_a_connection_that_has_not_lain_idle() {
    check(
        "> 1 bind ann wrong & 2 search+ x
         1< 1 bind ann
         1> 1 bound 49
         1 back Binds
         2< 1 search x
         2> 1 done 0
         < 1 bound 49 & 2 done 0
         > 3 bind ann
         2< 2 bind ann
         2 dies
         event retried
         3< 1 bind ann
         3> 1 bound 0
         < 3 bound 0
         1< nothing",
    );
}

#[test]
fn a_bind_that_meets_a_recall_goes_on() {
    check(
        "> 1 bind ann
         1> 1 bound 0
         < 1 bound 0
         recall 1
         > 2 bind eve
         1< 1 bind ann & 2 bind eve
         1> 2 bound 0
         < 2 bound 0
         1< nothing",
    );
}

#[test]
fn a_bind_is_sent_again_once_if_its_connection_was_found_dead() {
    check(
        "> 1 bind ann
         1< 1 bind ann
         1 dies
         event retried
         2< 1 bind ann
         2> 1 bound 0
         < 1 bound 0
         > 2 search x
         2< 2 search x",
    );
    check("> 1 bind ann\n1< 1 bind ann\n1 dies\n2< 1 bind ann\n2 dies\n< 1 bound 52 & nothing");
    check("> 1 bind ann\n1> 0 notice 52\n2< 1 bind ann\n2> 1 bound 0\n< 1 bound 0");
}

/// A connection that broke inside the answer, or gave another answer, had the bind sent again: the
/// directory had taken it, and a wrong password counted twice against the account.
#[test]
fn a_bind_is_not_sent_again_once_something_of_an_answer_has_come() {
    for oddity in [
        "x 30 0c 02",
        " 1 done 0",
        "x 30 03 02 01 01",
        "x 04 00",
        "x 30 84 7f ff ff ff",
        " 7 bound 0",
    ] {
        check(&format!(
            "> 1 bind ann
             1< 1 bind ann
             1>{oddity}
             1 dies
             < 1 bound 52 & nothing
             1 closed
             > 2 whoami
             < 2 answer 0"
        ));
    }
}

#[test]
fn a_directory_that_does_not_answer_a_bind_is_given_up() {
    check(
        "> 1 bind ann
         1< 1 bind ann
         wait 29
         < nothing
         wait 1
         < 1 bound 52
         1 silent
         1 closed
         > 2 search x
         2< 1 search x
         2> 1 done 0
         < 2 done 0",
    );
}

#[test]
fn the_answer_to_a_sign_on_waits_for_the_record() {
    check(
        "shut
         > 1 bind uid=ann,dc=one
         1> 1 bound 0
         < nothing
         open
         < 1 bound 0
         event created +0 -0",
    );
}

#[test]
fn past_the_budget_the_answer_goes_out_without_the_record() {
    check(
        "shut
         > 1 bind uid=ann,dc=one
         1> 1 bound 0
         < nothing
         wait 2
         < 1 bound 0
         event limit budget
         > 2 search x
         1< 1 bind uid=ann,dc=one & 2 search x
         open
         event created +0 -0",
    );
}

/// The budget began with the request: with a directory slower than it, nothing of it was left.
#[test]
fn the_budget_begins_with_the_directorys_success() {
    check(
        "shut
         > 1 bind uid=ann,dc=one
         1< 1 bind uid=ann,dc=one
         wait 5
         1> 1 bound 0
         < nothing
         wait 1
         open
         < 1 bound 0",
    );
}

/// What the directory took, and then the record, is told apart from what the gateway took itself.
#[test]
fn a_binds_time_is_told_by_who_took_it() {
    check(
        "shut
         > 1 bind uid=ann,dc=one
         1< 1 bind uid=ann,dc=one
         wait 5
         1> 1 bound 0
         < nothing
         wait 1
         open
         < 1 bound 0
         event spent [one] 6s: 5s and 1s
         > 2 bind uid=ann,dc=one wrong
         1< 2 bind uid=ann,dc=one
         wait 3
         1> 2 bound 49
         < 2 bound 49
         event spent [one] 3s: 3s and none
         > 3 bind uid=ann,dc=one
         1< 3 bind uid=ann,dc=one
         wait 30
         < 3 bound 52
         event spent [one] 30s: 30s and none
         1 silent
         1 closed
         > 4 bind uid=ann,dc=one -
         < 4 bound 53
         event spent [] 0s: none and none",
    );
}

#[test]
fn a_sign_on_that_is_denied_leaves_nobody_bound_anywhere() {
    play(
        OnUnknown::Deny,
        "shut
         > 1 bind uid=ann,dc=one & 2 whoami & 3 search x
         1> 1 bound 0
         wait 2
         < 1 bound 52 & 2 answer 0
         1 closed
         1< 1 bind uid=ann,dc=one & end
         2< 1 search x",
    );
    // No such entry: the read fails at once.
    play(
        OnUnknown::Deny,
        "> 1 bind uid=eve,dc=one\n1> 1 bound 0\n< 1 bound 52\n1 closed\nevent unknown not-one-entry",
    );
}

#[test]
fn a_client_that_leaves_at_the_gate_does_not_stop_the_sign_on() {
    check(
        "shut
         > 1 bind uid=ann,dc=one
         1> 1 bound 0
         < nothing
         leave
         event left by-client
         open
         event created +0 -0",
    );
}

#[test]
fn a_success_whose_connection_is_lost_at_the_gate_is_never_somebody_elses() {
    check(
        "shut
         > 1 bind uid=ann,dc=one & 2 search x
         1> 1 bound 0
         < nothing
         1 dies
         open
         < 1 bound 0 & 0 notice 52 & end",
    );
}

#[test]
fn an_anonymous_bind_goes_to_the_directory_and_leaves_an_anonymous_session() {
    check(
        "> 1 bind - - & 2 whoami & 3 search x
         1< 1 bind -
         1> 1 bound 0
         < 1 bound 0 & 2 answer 0
         1< 2 search x",
    );
}
