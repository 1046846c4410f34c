//! The records' own suffix, on a clock that stands still: searches that take long, and clients that
//! do not read.

use super::fakes::{ANN, dn, policy};
use super::links::Granting;
use super::pdu;
use super::play::{House, MAX_UNREAD, Wire, paused};
use super::words;
use bindgate::app::ports::RecordsFollower;
use bindgate::app::suffix::Suffix;
use bindgate::domain::policy::OnUnknown;
use bindgate::domain::record::{Attributes, Memberships, Record, RecordId, UpstreamId, UserKey};
use bindgate::domain::suffix::{Inactive, Layout, Policy};
use bindgate::domain::time::Timestamp;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

/// More than ever waits for a client that does not read.
const MANY: usize = 1500;

fn record(number: usize) -> Arc<Record> {
    let id = format!("00000000-0000-4000-8000-{number:012x}");
    Arc::new(Record {
        id: RecordId(id.as_str().into()),
        key: UserKey { directory: "one".into(), upstream_id: UpstreamId::new(&id) },
        user_type: "staff".into(),
        name: format!("user-{number}"),
        dn: format!("uid=user-{number},dc=one"),
        display_name: None,
        local_name: None,
        switch: None,
        attributes: Attributes::new(),
        inactive: BTreeSet::new(),
        missing_since: None,
        collision: None,
        memberships: Memberships::new(),
        created_at: Timestamp(0),
        version: 1,
    })
}

fn suffix(time_limit: Duration) -> Arc<Suffix> {
    let policy_of_suffix = Policy {
        layout: Layout::new(dn("dc=bindgate")).expect("a suffix"),
        readers: vec![dn(ANN)],
        inactive: Inactive::Hide,
        size_limit: None,
        time_limit,
        max_sorted: 10_000,
    };
    let directory = Arc::new(policy("one", OnUnknown::Keep));
    let suffix = Suffix::new(policy_of_suffix, &[directory], || Timestamp(0));
    (0..MANY).for_each(|number| suffix.record(&record(number)));
    Arc::new(suffix)
}

/// A reader, bound over a pipe that holds little.
async fn reader(time_limit: Duration) -> (House, Wire, Wire) {
    let (house, mut ends) = House::new(OnUnknown::Keep, Granting::Up(9));
    let house = house.with_suffix(suffix(time_limit));
    let (mut client, _served) = house.connect(1024);
    client.stream.write_all(&words::message(&format!("1 bind {ANN}"))).await.unwrap();
    let (_, end) = ends.recv().await.expect("a connection is leased");
    let mut directory = Wire::new(end);
    assert!(directory.message().await.is_some());
    directory.stream.write_all(&words::message("1 bound 0")).await.unwrap();
    assert_eq!(words::words(&client.message().await.expect("an answer")), "1 bound 0");
    (house, client, directory)
}

fn search(id: i64, seconds: u8) -> Vec<u8> {
    let ask = pdu::Ask::below("dc=bindgate", pdu::present("uid"), &[]);
    let mut body = ask.body();
    // The time limit is the integer behind the size limit, and both are 0 here.
    let limits = [2, 1, 0, 2, 1, 0];
    let at = body.windows(limits.len()).position(|window| window == limits).expect("two limits");
    body[at + 5] = seconds;
    pdu::message(id, &body)
}

/// So many seconds pass, in which everybody does what there is to do.
async fn pass(seconds: u64) {
    let never = std::future::pending::<()>();
    assert!(timeout(Duration::from_secs(seconds), never).await.is_err());
}

/// Reads up to the end of an operation: how many entries there were, and how it ended.
async fn rest(client: &mut Wire) -> (usize, String) {
    let mut entries = 0;
    loop {
        let pdu = timeout(Duration::from_secs(5), client.message()).await.expect("it goes on");
        let heard = words::words(&pdu.expect("nobody closes"));
        if !heard.contains(" entry ") {
            return (entries, heard);
        }
        entries += 1;
    }
}

#[test]
fn a_large_result_goes_to_a_slow_reader_in_bounded_memory_and_comes_whole() {
    paused(async {
        let (house, mut client, _directory) = reader(Duration::ZERO).await;
        client.stream.write_all(&search(2, 0)).await.unwrap();
        pass(1).await;
        assert!(house.seen.take("limit max_unread"), "it is not read, and waits");
        assert_eq!(rest(&mut client).await, (MANY, "2 done 0".to_owned()));
    });
}

#[test]
fn a_search_that_takes_too_long_ends_and_what_it_had_found_is_sent() {
    for (gateway, client_limit, counted) in [(5, 0, true), (5, 9, true), (9, 5, false)] {
        paused(async {
            let (house, mut client, _directory) = reader(Duration::from_secs(gateway)).await;
            client.stream.write_all(&search(2, client_limit)).await.unwrap();
            pass(6).await;
            assert_eq!(house.seen.take("limit records.time_limit"), counted);
            let (entries, end) = rest(&mut client).await;
            assert_eq!(end, "2 done 3");
            assert!(entries > 0 && entries < MANY, "{entries}");
            // In time is in time.
            client.stream.write_all(&search(3, client_limit)).await.unwrap();
            assert_eq!(rest(&mut client).await, (MANY, "3 done 0".to_owned()));
        });
    }
}

#[test]
fn a_search_is_abandoned_while_it_goes_on_and_what_waits_behind_it_is_served() {
    paused(async {
        let (house, mut client, _directory) = reader(Duration::ZERO).await;
        let all = [search(2, 0), words::message("3 whoami"), words::message("4 abandon 2")];
        client.stream.write_all(&all.concat()).await.unwrap();
        let (entries, end) = rest(&mut client).await;
        assert!(end.starts_with("3 "), "{end}");
        assert!(entries > 0 && entries < MANY, "{entries}");
        assert!(!house.seen.take("limit max_outstanding"), "it is no matter of a limit");
    });
}

#[test]
fn a_bind_waits_for_the_search_before_it_and_nobody_reads_on_behind_it() {
    paused(async {
        let (_house, mut client, mut directory) = reader(Duration::ZERO).await;
        let all = [search(2, 0), words::message("3 bind bob"), search(4, 0)];
        client.stream.write_all(&all.concat()).await.unwrap();
        assert_eq!(rest(&mut client).await, (MANY, "2 done 0".to_owned()));
        assert!(directory.message().await.is_some());
        directory.stream.write_all(&words::message("2 bound 49")).await.unwrap();
        assert_eq!(rest(&mut client).await, (0, "3 bound 49".to_owned()));
        assert_eq!(rest(&mut client).await, (0, "4 done 50".to_owned()));
    });
}

#[test]
fn others_are_served_while_a_large_search_goes_on() {
    paused(async {
        let (house, mut client, _directory) = reader(Duration::ZERO).await;
        let (mut other, _served) = house.connect(MAX_UNREAD);
        client.stream.write_all(&search(2, 0)).await.unwrap();
        other.stream.write_all(&words::message("1 whoami")).await.unwrap();
        let answer = timeout(Duration::from_secs(1), other.message()).await;
        assert!(answer.expect("it comes").is_some());
        assert_eq!(rest(&mut client).await.0, MANY);
    });
}

#[test]
fn no_more_searches_in_pages_are_kept_than_may_be() {
    paused(async {
        let (house, mut client, _directory) = reader(Duration::ZERO).await;
        let most = house.config.max_cookies;
        let value = pdu::page(1, b"");
        let oid = "1.2.840.113556.1.4.319";
        let control = pdu::Control { oid, critical: true, value: Some(&value) };
        let ask = pdu::Ask::below("dc=bindgate", pdu::present("uid"), &["1.1"]).body();
        let body = pdu::with_controls(ask, &[control]);
        for id in 0..=most {
            assert!(!house.seen.take("limit max_cookies"), "{id} are not too many");
            let id = i64::try_from(id).expect("few") + 2;
            client.stream.write_all(&pdu::message(id, &body)).await.unwrap();
            assert_eq!(rest(&mut client).await.0, 1);
        }
        assert!(house.seen.take("limit max_cookies"), "the oldest makes room");
    });
}
