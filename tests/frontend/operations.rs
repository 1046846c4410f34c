//! Operations: messageIDs, abandon, cancel, what is no answer, what is no request.

use super::play::check;

/// Decision 4: the two sides have messageIDs of their own.
#[test]
fn answers_that_come_in_another_order_find_their_questions() {
    check(
        "> 9 search a & 5 compare b & 7 search c
         1< 1 search a & 2 compare b & 3 search c
         1> 3 entry c & 2 compared 6 & 1 entry a & 3 done 0 & 1 done 4
         < 7 entry c & 5 compared 6 & 9 entry a & 7 done 0 & 9 done 4
         > 9 search d
         1< 4 search d",
    );
}

#[test]
fn a_message_arrives_whole_however_it_was_cut() {
    check(
        ">. 1 bind ann & 2 search big:1000
         1< 1 bind ann
         1>. 1 bound 0
         < 1 bound 0
         1< 2 search big:1000
         1>. 2 entry big:1000 & 2 done 0
         < 2 entry big:1000 & 2 done 0
         > 3 search big:200000
         1< 3 search big:200000
         1> 3 entry big:400000 & 3 done 0
         < 3 entry big:400000 & 3 done 0",
    );
}

#[test]
fn operations_beyond_those_that_may_be_outstanding_wait_their_turn_and_are_counted_once() {
    for bind in ["", "> 100 bind ann\n1< 1 bind ann\n1> 1 bound 0\n< 100 bound 0\n"] {
        let [a, b, c, d, e, f] =
            if bind.is_empty() { [1, 2, 3, 4, 5, 6] } else { [2, 3, 4, 5, 6, 7] };
        let who = if bind.is_empty() { "answer 0" } else { "answer 0 u:ann" };
        check(&format!(
            "{bind}> 1 search a & 2 search b & 3 search c & 4 search d & 5 compare e & 6 whoami
             1< {a} search a & {b} search b & {c} search c & nothing
             event limit max_outstanding
             < nothing
             1> {b} done 0
             < 2 done 0 & nothing
             1< {d} search d & nothing
             1> {d} done 0 & {a} done 0
             < 4 done 0 & 1 done 0 & 6 {who}
             1< {e} compare e & nothing
             1> {e} compared 6 & {c} done 0
             < 5 compared 6 & 3 done 0
             > 7 search f
             1< {f} search f"
        ));
    }
}

/// What abandons an operation may be what makes room.
#[test]
fn an_abandon_is_done_although_requests_before_it_wait_for_room() {
    check(
        "> 1 search a & 2 search b & 3 search c & 4 search d & 5 search e & 6 abandon 2
         1< 1 search a & 2 search b & 3 search c & 4 abandon 2 & 5 search d & nothing
         > 7 abandon 5 & 8 abandon 1
         1< 6 abandon 1 & nothing
         > 9 search f & 10 search g & 11 abandon 10 & 12 search h & 13 abandon 99
         1< 7 search f & nothing
         1> 3 done 0 & 5 done 0
         < 3 done 0 & 4 done 0
         1< 8 search h & nothing",
    );
}

/// What stands behind a bind waits for its end, an abandon too.
#[test]
fn an_abandon_behind_a_bind_that_waits_is_not_done_before_it() {
    check(
        "> 1 search a & 2 search b & 3 search c & 4 search d & 5 bind ann & 6 abandon 4
         1< 1 search a & 2 search b & 3 search c & nothing
         1> 1 done 0
         1< 4 search d & nothing
         < 1 done 0 & nothing",
    );
}

#[test]
fn an_abandoned_operation_is_abandoned_upstream_and_its_late_answers_are_swallowed() {
    check(
        "> 1 search a & 2 search b & 3 abandon 1 & 4 abandon 9 & 1 search c
         1< 1 search a & 2 search b & 3 abandon 1 & 4 search c & nothing
         1> 1 entry a & 1 done 0 & 2 done 0 & 4 done 0
         < 2 done 0 & 1 done 0 & nothing
         > 5 search d
         1< 5 search d & nothing",
    );
    check(
        "> 1 search+ a & 2 search b & 3 abandon 1 & 4 abandon 9 & 1 search c
         1< 1 search a & 2 search b & 3 abandon 1 & 4 search c & nothing
         1> 1 entry a & 1 done 0 & 2 done 0 & 4 done 0
         < 2 done 0 & 1 done 0 & nothing
         > 5 unbind
         < end
         1 closed",
    );
}

#[test]
fn a_bind_and_what_is_held_cannot_be_abandoned_before_their_turn() {
    check(
        "> 1 bind ann & 2 abandon 1 & 3 search x & 4 abandon 3
         1< 1 bind ann & nothing
         1> 1 bound 0
         < 1 bound 0
         1< 2 search x & 3 abandon 2
         1> 2 done 0
         < nothing",
    );
}

#[test]
fn a_cancel_names_the_operation_by_its_messageid_upstream() {
    check(
        "> 7 search a & 8 cancel 7 & 9 cancel 3
         1< 1 search a & 2 cancel 1
         < 9 answer 119
         1> 1 done 118 & 2 answer 0
         < 7 done 118 & 8 answer 0",
    );
}

/// Where a directory cancelled an operation and never answered it, the gateway waited for that
/// answer, and every later bind of the client waited with it, for ever. A Cancel that
/// succeeded now ends what it cancels, as RFC 3909 has it; what still comes is swallowed.
#[test]
fn what_is_cancelled_is_over_also_where_the_directory_never_says_so() {
    check(
        "> 5 bind ann
         1< 1 bind ann
         1> 1 bound 0
         < 5 bound 0
         > 7 search a & 8 cancel 7 & 9 bind ann
         1< 2 search a & 3 cancel 2
         1> 3 answer 0
         < 7 done 118 & 8 answer 0
         1< 4 bind ann
         1> 4 bound 0
         < 9 bound 0",
    );
    check(
        "> 7 search a & 8 cancel 7
         1< 1 search a & 2 cancel 1
         1> 2 answer 119 & 1 done 0
         < 8 answer 119 & 7 done 0
         > 9 search b & 10 cancel 9
         1< 3 search b & 4 cancel 3
         1> 4 answer 0 & 3 done 0
         < 9 done 118 & 10 answer 0 & nothing",
    );
}

#[test]
fn what_the_gateway_does_not_serve_is_refused_in_its_own_response_type() {
    check("> 1 starttls & 2 search+ x\n< 1 answer 2\n1< 1 search x");
}

/// Trap 4.
#[test]
fn a_messageid_that_is_in_use_or_reserved_ends_the_client() {
    check("> 1 search a\n1< 1 search a\n> 1 search b\n< 0 notice 2 & end\n1< 2 abandon 1");
    check("> 1 search a\n1< 1 search a\n> 1 bind ann\n< 0 notice 2 & end\n1< 2 abandon 1");
    check("> 0 search a\n< 0 notice 2 & end\nleave\nevent left protocol-error");
}

/// Trap 8.
#[test]
fn what_is_no_ldap_ends_the_client_with_a_notice() {
    for bytes in [
        "47 45 54 20 2f",
        "30 80 00 00",
        "30 89 01 01 01 01 01 01 01 01 01",
        "30 88 ff ff ff ff ff ff ff ff",
        "30 03 02 01 01",
        "30 05 02 01 01 64 00",
        "30 05 02 01 01 79 00",
        "30 05 02 01 80 63 00",
        "30 05 02 01 01 77 00",
        "30 05 02 01 01 60 00",
        "30 05 02 01 01 50 00",
    ] {
        check(&format!(
            "> 1 bind ann
             1> 1 bound 0
             < 1 bound 0
             >x {bytes}
             < 0 notice 2 & end
             1 back Binds
             leave
             event left protocol-error"
        ));
    }
}

#[test]
fn a_message_that_announces_more_than_the_limit_is_refused_at_its_first_bytes() {
    check(
        ">x 30 84 7f ff ff ff\n< 0 notice 2 & end\nleave\nevent limit max_message_size\nevent left limit",
    );
}

/// A client that is cut off has its requests answered or its connection closed, never half of it.
#[test]
fn what_is_no_answer_ends_the_session_that_asked() {
    for oddity in [
        " 9 done 0",
        " 2 compared 6",
        " 2 bound 0",
        " 3 entry b",
        "x 30 80",
        "x 04 00",
        "x 30 03 02 01 01",
        "x 30 84 7f ff ff ff",
        " 0 notice 52",
    ] {
        check(&format!(
            "> 1 bind ann & 2 search a & 3 compare b
             1> 1 bound 0
             1< 1 bind ann & 2 search a & 3 compare b
             1> 2 entry a
             1>{oddity}
             < 1 bound 0 & 2 entry a & 2 done 52 & 3 compared 52 & 0 notice 52 & end
             1 closed
             leave
             event left upstream-lost"
        ));
    }
}

#[test]
fn an_unsolicited_notification_that_is_no_notice_is_ignored() {
    check("> 1 search a\n1> 0 answer 0 & 1 done 0\n< 1 done 0");
}

/// A second answer may belong to nobody: the connection does not go back to the pool, where the
/// next session's messageIDs begin anew.
#[test]
fn a_connection_that_answered_twice_is_closed() {
    check(
        "> 1 search+ a
         1> 1 done 0
         < 1 done 0
         1> 1 done 0
         < nothing
         > 2 unbind
         < end
         1 closed",
    );
}

#[test]
fn a_connection_with_state_behind_does_not_go_back() {
    check("> 1 search+ a\n1> 1 done 0\n< 1 done 0\n> 2 unbind\n< end\n1 closed");
    check("> 1 extended 1.2.3\n1> 1 answer 0\n< 1 answer 0\n> 2 unbind\n< end\n1 closed");
    check(
        "> 1 bind ann & 2 search a
         1> 1 bound 0
         1< 1 bind ann & 2 search a
         1> 2 done 0
         < 1 bound 0 & 2 done 0
         > 3 unbind
         < end
         1 back Binds",
    );
}

/// A directory keeps something for every result in pages that has been begun.
#[test]
fn a_client_has_only_so_many_results_in_pages_begun_and_not_finished() {
    let two_begun = "> 1 bind ann
         1< 1 bind ann
         1> 1 bound 0
         < 1 bound 0
         > 2 search$ a & 3 search$ b
         1< 2 search a & 3 search b
         > 4 search$ c & 5 search d
         < 4 done 11
         event limit max_cookies
         1< 4 search d
         1> 2 done$ one & 3 done$ two & 4 done 0
         < 2 done 0 & 3 done 0 & 5 done 0
         > 6 search$ c
         < 6 done 11
";
    // Going on is not beginning; the last page makes room, and so does giving up.
    check(&format!(
        "{two_begun}> 7 search$ a one
         1< 5 search a
         > 8 search$ c
         < 8 done 11
         1> 5 done$ -
         < 7 done 0
         > 9 search$ c
         1< 6 search c
         1> 6 done 12
         < 9 done 12
         > 10 search$ c
         1< 7 search c"
    ));
    // Cookies belong to their session.
    check(&format!(
        "{two_begun}> 7 bind ann
         1< 5 bind ann
         1> 5 bound 0
         < 7 bound 0
         > 8 search$ c
         1< 6 search c"
    ));
}
