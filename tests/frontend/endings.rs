//! How connections end: clients, directories, shutdowns, time.

use super::play::check;

#[test]
fn a_client_that_goes_takes_what_it_asked_for_along() {
    check("> 1 search+ a\n1< 1 search a\nleave\n1 closed\nevent left by-client");
    check("> 1 search a\n1< 1 search a\nleave\n1< 2 abandon 1 & nothing\nevent left by-client");
    check(">x 30 20 02\nleave\nevent left by-client");
    check("> 1 bind ann\n1> 1 bound 0\n< 1 bound 0\nleave\n1 back Binds");
}

/// A client that closes its sending half is gone, as for slapd.
#[test]
fn a_half_closed_client_is_a_closed_one() {
    check("> 1 search a\n1< 1 search a\neof\n< end\n1< 2 abandon 1\nevent left by-client");
    check("> 1 whoami & 2 unbind\neof\n< 1 answer 0 & end\nevent left unbind");
}

#[test]
fn nothing_behind_an_unbind_is_done() {
    check("> 1 unbind & 2 search a\n< end\n> 3 search b\n< end\nleave\nevent left unbind");
}

#[test]
fn a_directory_that_closes_an_idle_session_closes_it_for_the_client() {
    check(
        "> 1 bind ann & 2 search a
         1> 1 bound 0
         1< 1 bind ann & 2 search a
         1> 2 done 0
         < 1 bound 0 & 2 done 0
         1 dies
         < 0 notice 52 & end
         1 closed",
    );
}

/// One that has sent nothing but binds has lost nothing that its next bind does not bring back.
#[test]
fn a_directory_that_closes_a_session_of_binds_alone_is_not_noticed() {
    check(
        "> 1 bind ann
         1> 1 bound 0
         < 1 bound 0
         1 dies
         1 closed
         < nothing
         > 2 bind ann
         2< 1 bind ann
         2> 1 bound 0
         < 2 bound 0",
    );
}

#[test]
fn a_shutdown_tells_the_idle_at_once() {
    check("> 1 whoami\n< 1 answer 0\ndrain\n< 0 notice 52 & end\nleave\nevent left shutdown");
    check("> 1 bind ann\n1> 1 bound 0\n< 1 bound 0\ndrain\n< 0 notice 52 & end\n1 back Binds");
}

#[test]
fn a_shutdown_lets_what_is_under_way_end() {
    check(
        "> 1 bind ann
         1< 1 bind ann
         drain
         < nothing
         1> 1 bound 0
         < 1 bound 0 & 0 notice 52 & end",
    );
    check(
        "> 1 search a & 2 search b
         1< 1 search a & 2 search b
         drain
         < nothing
         1> 2 done 0
         < 2 done 0 & nothing
         1> 1 entry a & 1 done 0
         < 1 entry a & 1 done 0 & 0 notice 52 & end",
    );
}

/// The signal for the end was not heard by a connection that the signal before had woken: a client
/// with an operation under way outlived the drain time-out.
#[test]
fn the_end_of_a_shutdown_reaches_those_who_are_still_busy() {
    check(
        "> 1 search+ a
         1< 1 search a
         drain
         < nothing
         ending
         < 0 notice 52 & end
         1 closed
         leave
         event left shutdown",
    );
    check("> 1 bind ann\n1< 1 bind ann\ndrain\n< nothing\nending\n< 0 notice 52 & end\n1 closed");
    check("> 1 search a\n1< 1 search a\nending\n< 0 notice 52 & end");
}

#[test]
fn a_client_that_is_silent_for_too_long_is_told_to_leave() {
    check(
        "> 1 bind ann
         1> 1 bound 0
         < 1 bound 0
         wait 59
         < nothing
         wait 1
         < 0 notice 52 & end
         1 back Binds
         leave
         event left idle",
    );
}

/// Idleness was reckoned from the request: a search of more than idle_timeout was followed at once
/// by the notice that the client had been idle.
#[test]
fn a_client_is_idle_from_its_last_answer_on() {
    check(
        "> 1 search a
         1< 1 search a
         wait 100
         < nothing
         1> 1 done 0
         < 1 done 0
         wait 58
         < nothing
         > 2 search b
         1< 2 search b",
    );
}

/// With an idle_timeout below the queue's, a search that waited for a connection was told that its
/// client was idle, and a bind that waited turned its worker round and round at full load.
#[test]
fn a_client_that_waits_for_a_connection_is_not_idle() {
    check(
        "later\n> 1 search+ x\nwait 70\n< nothing\ngrant\n1< 1 search x\n1> 1 done 0\n< 1 done 0",
    );
    check(
        "later\n> 1 bind ann\nwait 70\n< nothing\ngrant\n1< 1 bind ann\n1> 1 bound 0\n< 1 bound 0",
    );
}

#[test]
fn a_client_that_never_closes_is_waited_for_only_so_long() {
    check("> 1 unbind\n< end\nwait 2\nevent left unbind");
}
