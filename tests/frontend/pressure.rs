//! Sides that do not read: each stops the other one, and nothing piles up.

use super::links::Granting;
use super::play::{House, MAX_UNREAD, Wire, paused};
use super::words;
use bindgate::domain::policy::OnUnknown;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

/// The room of the pipe to the client.
const PIPE: usize = 1024;

/// How many bytes of endless `text` a side takes before it stops reading.
async fn taken(wire: &mut Wire, mut next: impl FnMut(usize) -> String) -> (usize, usize) {
    let (mut messages, mut bytes) = (0, 0);
    loop {
        let pdu = words::message(&next(messages));
        let sent = timeout(Duration::from_millis(200), wire.stream.write_all(&pdu)).await;
        if sent.is_err() {
            return (messages, bytes);
        }
        sent.unwrap().expect("nobody has closed");
        messages += 1;
        bytes += pdu.len();
        assert!(bytes < 100 * MAX_UNREAD, "there is no end to it");
    }
}

/// Such a client had all its answers kept for it: memory without a bound.
#[test]
fn a_client_that_asks_without_reading_is_not_read_any_more() {
    for text in ["whoami", "bind ann -", "starttls", "bind2 ann"] {
        paused(async {
            let (house, _ends) = House::new(OnUnknown::Keep, Granting::Up(9));
            let (mut client, _served) = house.connect(PIPE);
            let (asked, bytes) = taken(&mut client, |at| format!("{} {text}", at + 1)).await;
            assert!(bytes < 20 * MAX_UNREAD, "{bytes} bytes of requests were taken");
            // It reads at last: every request has its answer, in order.
            for at in 0..asked {
                let pdu = timeout(Duration::from_secs(1), client.message()).await;
                let answer = words::words(&pdu.expect("an answer comes").expect("nobody closes"));
                assert!(answer.starts_with(&format!("{} ", at + 1)), "{answer}");
            }
        });
    }
}

#[test]
fn a_client_that_does_not_read_its_entries_stops_the_reading_of_the_directory() {
    paused(async {
        let (house, mut ends) = House::new(OnUnknown::Keep, Granting::Up(9));
        let (mut client, _served) = house.connect(PIPE);
        client.stream.write_all(&words::message("1 search a")).await.unwrap();
        let (_, end) = ends.recv().await.expect("a connection is leased");
        let mut directory = Wire::new(end);
        assert!(directory.message().await.is_some());
        let (sent, bytes) = taken(&mut directory, |_| "1 entry big:1000".to_owned()).await;
        // What waits, what one read adds, and the pipe's room.
        assert!(bytes < MAX_UNREAD + 200 * 1024, "{bytes} bytes of entries were taken");
        assert!(house.seen.take("limit max_unread"));
        assert!(!house.seen.take("limit max_unread"), "it is counted once for each client");
        for _ in 0..sent {
            let entry = client.message().await.expect("nobody closes");
            assert_eq!(words::words(&entry), "1 entry big:1000");
        }
    });
}

/// Each abandon ends an operation, so that no other limit stops a client that abandons all it asks.
#[test]
fn a_directory_that_does_not_read_stops_the_reading_of_the_client() {
    paused(async {
        let (house, mut ends) = House::new(OnUnknown::Keep, Granting::Up(9));
        let (mut client, _served) = house.connect(PIPE);
        // On a connection of its own; a shared one is another test's.
        client.stream.write_all(&words::message("1 bind ann")).await.unwrap();
        let (_, end) = ends.recv().await.expect("a connection is leased");
        let mut directory = Wire::new(end);
        assert!(directory.message().await.is_some());
        directory.stream.write_all(&words::message("1 bound 0")).await.unwrap();
        assert!(client.message().await.is_some());
        let next = |at: usize| match at % 2 {
            0 => format!("{} search big:1000", at + 1),
            _ => format!("{} abandon {at}", at + 1),
        };
        let (sent, bytes) = taken(&mut client, next).await;
        assert!(bytes < 4 * MAX_UNREAD, "{bytes} bytes of requests were taken");
        for at in 0..sent {
            let pdu = timeout(Duration::from_secs(1), directory.message()).await;
            let request = words::words(&pdu.expect("a request comes").expect("nobody closes"));
            let expected =
                [format!("{} search big:1000", at + 2), format!("{} abandon {}", at + 2, at + 1)];
            assert_eq!(request, expected[at % 2]);
        }
    });
}

#[test]
fn a_client_that_reads_nothing_does_not_hold_a_shutdown_up() {
    paused(async {
        let (house, _ends) = House::new(OnUnknown::Keep, Granting::Up(9));
        let (mut client, served) = house.connect(PIPE);
        taken(&mut client, |at| format!("{} whoami", at + 1)).await;
        house.drain.advance(bindgate::frontend::Phase::Draining);
        let ended = timeout(Duration::from_secs(30), served).await;
        ended.expect("its grace ends").expect("nothing panics");
    });
}

#[test]
fn clients_above_the_limit_are_turned_away() {
    paused(async {
        let (house, _ends) = House::new(OnUnknown::Keep, Granting::Up(9));
        let clients: Vec<_> = (0..101).map(|_| house.connect(PIPE)).collect();
        let mut closed = 0;
        for (mut client, _) in clients {
            let heard = timeout(Duration::from_millis(10), client.message()).await;
            closed += usize::from(heard.is_ok());
        }
        assert_eq!(closed, 1);
        assert!(house.seen.take("limit max_clients"));
    });
}
