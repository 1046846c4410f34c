//! Sessions on connections that others use too: anonymous ones, and those that have lent their own
//! connection and go on by proxied authorisation.

use super::links::Granting;
use super::play::{House, Wire, check, check_proxying, paused};
use super::words;
use bindgate::domain::policy::OnUnknown;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

/// Ann has bound on connection 1, and the directory says on connection 2 that it grants proxying.
const GRANTED: &str = "> 1 bind uid=ann,dc=one
    1< 1 bind uid=ann,dc=one
    1> 1 bound 0
    < 1 bound 0
    2< 1 extended 1.3.6.1.4.1.4203.1.11.3 as dn:uid=ann,dc=one
    2> 1 named dn:UID=Ann,dc=one
    > 2 search x
    1< 2 search x
    1> 2 done 0
    < 2 done 0\n";

/// Ann has lent connection 1 and has gone on by connection 2.
const LENT: &str = "recall 1
    1 back Binds
    > 3 search y & 4 compare z
    2< 2 search y as dn:uid=ann,dc=one & 3 compare z as dn:uid=ann,dc=one
    2> 3 compared 6 & 2 entry y & 2 done 0
    < 4 compared 6 & 3 entry y & 3 done 0\n";

#[track_caller]
fn check_lent(script: &str) {
    check_proxying(&format!("{GRANTED}{LENT}{script}"));
}

#[test]
fn a_session_that_has_lent_its_connection_goes_on_by_proxy() {
    check_lent(
        "> 5 whoami
         < 5 answer 0 dn:uid=ann,dc=one
         > 6 search a & 7 abandon 6 & 8 search b & 9 cancel 8
         2< 4 search a as dn:uid=ann,dc=one & 5 abandon 4 & 6 search b as dn:uid=ann,dc=one
         2< 7 cancel 6
         2> 4 done 0 & 6 done 118 & 7 answer 0
         < 8 done 118 & 9 answer 0",
    );
}

#[test]
fn a_session_that_has_lent_its_connection_binds_on_another_one() {
    check_lent(
        "> 5 bind uid=ann,dc=one wrong & 6 whoami & 7 search n
         1< 3 bind uid=ann,dc=one
         1> 3 bound 49
         < 5 bound 49 & 6 answer 0
         1 back Binds
         3< 1 search n
         3> 1 done 0
         < 7 done 0",
    );
}

/// A bind that had to wait for its turn left the old user's seat to the new one: the crowd of
/// `tests/leases.rs` found it, in one run of some.
#[test]
fn a_bind_that_is_held_back_leaves_the_old_users_proxy_too() {
    check_lent(
        "fails
         > 5 bind uid=bob,dc=one & 6 search p
         1< 3 bind uid=bob,dc=one
         1> 3 bound 0
         < 5 bound 0
         1< 4 search p
         1> 4 done 0
         < 6 done 0
         recall 1
         1 back Binds
         > 7 search q
         2< 4 search q as dn:uid=bob,dc=one
         2> 4 done 0
         < 7 done 0",
    );
}

#[test]
fn what_cannot_be_done_by_proxy_ends_the_session_and_answers_what_is_under_way() {
    for request in ["search+ b", "extended 1.2.3"] {
        check_lent(&format!(
            "> 5 search a
             2< 4 search a as dn:uid=ann,dc=one
             > 6 {request}
             < 5 done 52 & 0 notice 52 & end
             2< 5 abandon 4 & nothing
             leave
             event left upstream-lost"
        ));
    }
}

/// The request is done as nobody else: neither the refusal nor anything of the service account's
/// reaches the client.
#[test]
fn a_directory_that_refuses_the_proxy_ends_the_session() {
    for code in [123, 12] {
        check_lent(&format!(
            "> 5 search a
             2< 4 search a as dn:uid=ann,dc=one
             2> 4 done {code}
             < 5 done 52 & 0 notice 52 & end"
        ));
    }
}

/// What changes nothing is asked once more; what is lost twice, or may have changed something, or
/// has been answered in part, is lost.
#[test]
fn a_shared_connection_that_is_lost_is_replaced_and_what_cannot_be_sent_again_is_answered() {
    check_lent(
        "> 5 search a & 6 compare b & 7 delete c
         2< 4 search a as dn:uid=ann,dc=one & 5 compare b as dn:uid=ann,dc=one
         2< 6 delete c as dn:uid=ann,dc=one
         2 dies
         < 7 deleted 52
         3< 1 search a as dn:uid=ann,dc=one & 2 compare b as dn:uid=ann,dc=one
         event retried
         event retried
         3> 2 compared 6
         < 6 compared 6
         3 dies
         < 5 done 52 & nothing
         > 8 search d
         4< 1 search d as dn:uid=ann,dc=one
         4> 1 done 0
         < 8 done 0",
    );
    check(
        "> 1 search a & 2 search b
         1< 1 search a & 2 search b
         1> 1 entry a
         1 dies
         < 1 entry a & 1 done 52
         2< 1 search b
         2> 1 done 0
         < 2 done 0",
    );
}

#[test]
fn an_operation_that_was_sent_again_is_abandoned_and_cancelled_like_any_other() {
    check(
        "> 1 search a & 2 search b
         1< 1 search a & 2 search b
         1 dies
         2< 1 search a & 2 search b
         > 3 abandon 1 & 4 cancel 2
         2< 3 abandon 1 & 4 cancel 2
         2> 2 done 118 & 4 answer 0
         < 2 done 118 & 4 answer 0 & nothing",
    );
}

/// There are two connections with three places each; somebody else has all of them.
#[test]
fn who_waits_too_long_for_a_place_is_told_that_the_gateway_is_busy_and_keeps_what_it_has() {
    paused(async {
        let (house, mut ends) = House::new(OnUnknown::Keep, Granting::Up(9));
        let mut clients = Vec::new();
        for _ in 0..2 {
            let (mut client, _) = house.connect(1 << 20);
            let three = ["1 search a", "2 search b", "3 search c"].map(words::message).concat();
            client.stream.write_all(&three).await.unwrap();
            clients.push(client);
        }
        let (_, end) = ends.recv().await.expect("a connection is made");
        let (_, _other) = ends.recv().await.expect("another one is made");
        let (mut late, _) = house.connect(1 << 20);
        late.stream.write_all(&words::message("7 search d")).await.unwrap();
        let answer = timeout(Duration::from_secs(40), late.message()).await;
        let answer = answer.expect("the time-out comes").expect("nobody closes");
        assert_eq!(words::words(&answer), "7 done 51");
        assert!(house.seen.take("limit queue_timeout"));
        // Nobody else's operation was given up for that, and the next has a place.
        let mut first = Wire::new(end);
        for _ in 0..3 {
            assert!(words::words(&first.message().await.unwrap()).contains("search"));
        }
        late.stream.write_all(&words::message("8 search e")).await.unwrap();
        first.stream.write_all(&words::message("1 done 0")).await.unwrap();
        assert_eq!(words::words(&first.message().await.unwrap()), "4 search e");
        assert_eq!(words::words(&clients[0].message().await.unwrap()), "1 done 0");
    });
}

#[test]
fn a_session_with_something_outstanding_or_left_behind_keeps_its_connection() {
    check_proxying(&format!("{GRANTED}> 3 search y\n1< 3 search y\nkept 1"));
    check_proxying(&format!(
        "{GRANTED}> 3 search+ y\n1< 3 search y\n1> 3 done 0\n< 3 done 0\nkept 1"
    ));
    check_proxying(&format!(
        "{GRANTED}> 3 search y & 4 abandon 3 & 5 search z
         1< 3 search y & 4 abandon 3 & 5 search z
         1> 5 done 0
         < 5 done 0
         kept 1"
    ));
}

#[test]
fn without_a_grant_a_session_that_has_done_more_than_bind_keeps_its_connection() {
    for answer in ["named dn:cn=gateway,dc=one", "named u:ann", "answer 0", "answer 123"] {
        check_proxying(&GRANTED.replace("named dn:UID=Ann,dc=one", answer).replace(
            "< 2 done 0",
            "< 2 done 0
             kept 1
             > 3 search y
             1< 3 search y",
        ));
    }
    // A name that is no DN cannot be proxied, and nobody is asked about it.
    let script = "> 1 bind ann & 2 search x\n1> 1 bound 0\n1< 1 bind ann & 2 search x\n1> 2 done 0
         < 1 bound 0 & 2 done 0\nkept 1";
    check_proxying(script);
    check(script);
}

/// A session of binds alone is asked for its connection whatever was granted; without a grant its
/// next operation ends it.
#[test]
fn a_session_of_binds_alone_that_was_recalled_goes_on_only_by_proxy() {
    check(
        "> 1 bind uid=ann,dc=one
         1> 1 bound 0
         < 1 bound 0
         recall 1
         1 back Binds
         > 2 search x
         < 0 notice 52 & end",
    );
    check_proxying(
        "> 1 bind uid=ann,dc=one
         1> 1 bound 0
         < 1 bound 0
         2< 1 extended 1.3.6.1.4.1.4203.1.11.3 as dn:uid=ann,dc=one
         2> 1 named dn:uid=ann,dc=one
         recall 1
         1 back Binds
         > 2 search x
         2< 2 search x as dn:uid=ann,dc=one",
    );
}

/// Nobody has nothing to lose: the connection of an anonymous bind is asked back, too.
#[test]
fn a_session_that_was_bound_as_nobody_lends_its_connection_and_goes_on_as_nobody() {
    check(
        "> 1 bind - -
         1< 1 bind -
         1> 1 bound 0
         < 1 bound 0
         > 2 search x
         1< 2 search x
         1> 2 done 0
         < 2 done 0
         recall 1
         1 back Binds
         > 3 search y
         2< 1 search y
         2> 1 done 0
         < 3 done 0",
    );
}

#[test]
fn what_leaves_something_behind_gets_a_connection_of_its_own_and_the_rest_follows_it_there() {
    check(
        "> 1 search a & 2 search+ b & 3 search c
         1< 1 search a & nothing
         2< 1 search b & 2 search c
         1> 1 done 0
         2> 2 done 0 & 1 done 0
         < 1 done 0 & 3 done 0 & 2 done 0
         > 4 unbind
         < end
         2 closed",
    );
}

#[test]
fn a_client_that_never_reads_is_cut_off_and_others_on_its_connection_go_on() {
    paused(async {
        let (house, mut ends) = House::new(OnUnknown::Keep, Granting::Up(9));
        let (mut slow, served) = house.connect(1024);
        let (mut other, _) = house.connect(1 << 20);
        slow.stream.write_all(&words::message("1 search a")).await.unwrap();
        let (_, end) = ends.recv().await.expect("a connection is made");
        let mut first = Wire::new(end);
        assert!(first.message().await.is_some());
        let entry = words::message("1 entry big:1000");
        let short = Duration::from_millis(200);
        while let Ok(sent) = timeout(short, first.stream.write_all(&entry)).await {
            sent.expect("nobody has closed");
        }
        // What is new goes elsewhere.
        other.stream.write_all(&words::message("5 search b")).await.unwrap();
        let (_, end) = ends.recv().await.expect("another connection is made");
        let mut second = Wire::new(end);
        assert_eq!(words::words(&second.message().await.unwrap()), "1 search b");
        second.stream.write_all(&words::message("1 done 0")).await.unwrap();
        assert_eq!(words::words(&other.message().await.unwrap()), "5 done 0");
        // In the end the slow one has to go, and the first connection is read again.
        let abandon = timeout(Duration::from_secs(40), first.message()).await;
        let abandon = abandon.expect("the time-out comes").expect("nobody closes");
        assert_eq!(words::words(&abandon), "2 abandon 1");
        assert!(house.seen.take("limit inbox_timeout"));
        let ended = timeout(Duration::from_secs(10), served).await;
        ended.expect("the slow one is gone").expect("nothing panics");
        assert!(house.seen.take("left limit"));
    });
}
