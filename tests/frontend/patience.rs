//! Time and number limits of one client: what is the client's own to do has to be done in time, and
//! what is the directory's does not count against the client.

use super::links::Granting;
use super::play::{House, check, paused};
use super::words;
use bindgate::domain::policy::OnUnknown;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

#[test]
fn a_client_that_asks_for_nothing_is_told_to_leave() {
    check(
        "wait 39
         < nothing
         wait 1
         < 0 notice 52 & end
         leave
         event limit pre_bind_timeout
         event left limit",
    );
    check("> 1 whoami\n< 1 answer 0\nwait 50\n< nothing");
    check("> 1 bind ann\n1> 1 bound 49\n< 1 bound 49\nwait 50\n< nothing");
}

/// What the directory takes for the first operation, or for a connection, is not the client's time.
#[test]
fn a_client_whose_first_request_is_under_way_is_waited_for() {
    check("> 1 search a\n1< 1 search a\nwait 100\n1> 1 done 0\n< 1 done 0\nwait 50\n< nothing");
    check("later\n> 1 bind ann\nwait 60\n< nothing\ngrant\n1< 1 bind ann");
    check("> 1 search a & 2 abandon 1\n1< 1 search a & 2 abandon 1\nwait 50\n< nothing");
}

#[test]
fn a_message_that_does_not_become_whole_ends_the_client() {
    check(
        "> 1 whoami
         < 1 answer 0
         >x 30
         wait 15
         >x 20 02
         wait 4
         < nothing
         >x 01
         wait 1
         < 0 notice 52 & end
         leave
         event limit read_timeout
         event left limit",
    );
    // The next message has its own time.
    check(
        ">x 30
         wait 15
         >x 05 02 01 01 42 00
         < end
         leave
         event left unbind",
    );
    // An abandon of nothing, in two pieces, and an unbind, in two pieces.
    check(
        ">x 30 06 02
         wait 15
         >x 01 01 50 01 09 30 05
         wait 15
         >x 02 01 02 42 00
         < end
         leave
         event left unbind",
    );
}

#[test]
fn a_message_is_not_late_while_those_before_it_wait() {
    check(
        "> 1 bind ann & 2 whoami
         1< 1 bind ann
         >x 30 05
         wait 25
         < nothing
         1> 1 bound 0
         < 1 bound 0 & 2 answer 0 u:ann
         wait 18
         < nothing
         wait 2
         < 0 notice 52 & end
         event limit read_timeout",
    );
    // Whole, but behind a search: its own time is over, the search's is not.
    check(
        "> 9 bind ann
         1< 1 bind ann
         1> 1 bound 0
         < 9 bound 0
         > 1 search a
         1< 2 search a
         >x 30 0c 02 01 02 60 07
         wait 5
         >x 02 01 03 04 00 80 00
         wait 25
         < nothing
         1> 2 done 0
         < 1 done 0
         1< 3 bind -",
    );
}

/// A bind behind a search that never ended waited for ever, and its client with it.
#[test]
fn a_bind_waits_only_so_long_for_the_operations_before_it() {
    check(
        "> 9 bind ann
         1< 1 bind ann
         1> 1 bound 0
         < 9 bound 0
         > 1 search a & 2 compare b & 3 bind ann
         1< 2 search a & 3 compare b
         wait 44
         < nothing
         wait 1
         event limit bind_wait_timeout
         < 1 done 3 & 2 compared 3
         1< 4 abandon 2 & 5 abandon 3 & 6 bind ann
         1> 2 entry a & 2 done 0 & 6 bound 0
         < 3 bound 0
         > 4 search c
         1< 7 search c",
    );
    // Without a bind behind it, a search may go on: it may be a persistent one.
    check("> 1 search a\n1< 1 search a\nwait 100\n< nothing\n1> 1 entry a\n< 1 entry a");
}

#[test]
fn an_operation_that_takes_too_long_is_abandoned_and_others_go_on() {
    check(
        "> 9 bind ann
         1< 1 bind ann
         1> 1 bound 0
         < 9 bound 0
         > 1 search a
         1< 2 search a
         wait 150
         > 2 search b
         1< 3 search b
         wait 49
         < nothing
         wait 1
         event limit operation_timeout
         < 1 done 3
         1< 4 abandon 2
         1> 2 done 0 & 3 done 0
         < 2 done 0
         leave
         1 closed",
    );
}

/// A client that never read while it had an operation outstanding kept its lease for ever.
#[test]
fn a_client_that_takes_nothing_of_what_waits_for_it_is_cut_and_its_lease_ends() {
    paused(async {
        let (house, mut ends) = House::new(OnUnknown::Keep, Granting::Up(9));
        let (mut client, served) = house.connect(1024);
        client.stream.write_all(&words::message("1 bind ann")).await.unwrap();
        let (_, mut end) = ends.recv().await.expect("a connection is leased");
        end.write_all(&words::message("1 bound 0")).await.unwrap();
        client.message().await.expect("the bind is answered");
        client.stream.write_all(&words::message("2 search a")).await.unwrap();
        let (mut heard, mut asked) = (0, [0; 64]);
        while !asked[..heard].starts_with(&words::message("2 search a")) {
            heard = end.read(&mut asked).await.expect("the search is relayed");
        }
        let entries = words::message("2 entry big:1000").repeat(400);
        // As much as is taken; the rest of it would go on for ever.
        let _ = timeout(Duration::from_secs(1), end.write_all(&entries)).await;
        // Slow, but it reads: not a byte in 50 seconds would be too slow.
        for _ in 0..5 {
            assert!(timeout(Duration::from_secs(40), served_is_pending(&served)).await.is_err());
            client.stream.read_u8().await.expect("it is served on");
        }
        timeout(Duration::from_secs(60), served).await.expect("it ends").expect("no panic");
        assert!(house.links.said("1 closed"));
        assert!(house.seen.take("limit write_timeout"));
        assert!(house.seen.take("left limit"));
    });
}

/// What is not read cannot arrive: a client that does not read its answers is not read either, and
/// has its own limit.
#[test]
fn a_message_is_not_late_while_the_gateway_does_not_read_it() {
    paused(async {
        let (house, mut ends) = House::new(OnUnknown::Keep, Granting::Up(9));
        let (mut client, served) = house.connect(1024);
        let begun = [words::message("1 search a"), vec![0x30, 5, 2]].concat();
        client.stream.write_all(&begun).await.unwrap();
        let (_, mut end) = ends.recv().await.expect("a connection is leased");
        let entries = words::message("1 entry big:1000").repeat(400);
        let _ = timeout(Duration::from_secs(1), end.write_all(&entries)).await;
        assert!(timeout(Duration::from_secs(40), served_is_pending(&served)).await.is_err());
        assert!(!house.seen.take("limit read_timeout"));
    });
}

async fn served_is_pending(served: &tokio::task::JoinHandle<()>) {
    while !served.is_finished() {
        std::future::pending::<()>().await;
    }
}

#[test]
fn an_address_has_only_so_many_clients_at_a_time() {
    paused(async {
        let (mut house, _ends) = House::new(OnUnknown::Keep, Granting::Up(9));
        Arc::make_mut(&mut house.config).max_clients_per_address = 2;
        let is_served = async |address: &str| {
            let (mut client, _) = house.connect_from(address.parse().unwrap(), 1024);
            client.stream.write_all(&words::message("1 whoami")).await.ok();
            let answered = timeout(Duration::from_secs(1), client.message()).await;
            (answered.expect("an answer or the end").is_some(), client)
        };
        let (first, kept) = is_served("10.0.0.1").await;
        let (second, also_kept) = is_served("10.0.0.1").await;
        let (third, _) = is_served("10.0.0.1").await;
        let (other, _) = is_served("10.0.0.2").await;
        assert_eq!([first, second, third, other], [true, true, false, true]);
        assert!(house.seen.take("limit max_clients_per_address"));
        drop((kept, also_kept));
        // Whoever left makes room.
        let (mut again, mut looks) = (false, 0);
        while !again && looks < 100 {
            again = is_served("10.0.0.1").await.0;
            looks += 1;
        }
        assert!(again, "there is no room again");
        for address in ["2001:db8::1", "2001:db8::2"] {
            assert!(is_served(address).await.0);
        }
    });
}
