//! Back-pressure from end to end: a result that is read slowly is not kept in between.
//!
//! Goal: a search of 100 000 entries streams in bounded memory to a client that reads slowly, the
//! directory is not read ahead of it, and others do not feel it. Method: a directory that makes
//! the entries as they are taken; the slow client reads some messages each time that another
//! client has had a bind answered, so nothing here waits for time.

mod support;

use bindgate::proto::op::Operation;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use support::counts::is_soak;
use support::gateway::Gateway;
use support::pdu::Ask;
use support::raw::Pdu;
use support::resources::resident;
use support::stand_in::{Seat, StandIn};
use support::tree;

const ENTRIES: u64 = 100_000;
/// How long each entry's name is: 100 MB in all.
const NAME: usize = 1000;
/// What the gateway may keep for a client that does not read.
const UNREAD: &str = "\"1MiB\"";
/// How much the gateway's memory may grow by, in KiB.
const GROWTH: u64 = 8 * 1024;
/// How many entries the directory may be ahead of the client: what the gateway may keep, and what
/// the kernel keeps for four ends of two connections.
const AHEAD: u64 = 40_000;
const LARGE: &str = "ou=large,dc=example,dc=com";

/// The directory, which counts what was taken from it.
fn directory(seat: &mut Seat, request: &Pdu, taken: &AtomicU64) {
    let is_large = request.0.windows(LARGE.len()).any(|window| window == LARGE.as_bytes());
    if request.operation() != Operation::SearchRequest || !is_large {
        return seat.obey(request);
    }
    let name = format!("cn={},{LARGE}", "x".repeat(NAME));
    for _ in 0..ENTRIES {
        if !seat.entry(request, &name) {
            return;
        }
        taken.fetch_add(1, SeqCst);
    }
    seat.answer(request, 0);
}

#[test]
fn a_large_result_streams_to_a_slow_reader_in_bounded_memory_while_others_bind() {
    let taken = Arc::new(AtomicU64::new(0));
    let count = taken.clone();
    let stand_in = StandIn::start(move |seat, request| directory(seat, request, &count));
    let gateway = Gateway::configured(stand_in.port(), |settings, _| {
        settings.set("[log]", "level", "\"warn\"");
        settings.set("[listen]", "max_unread", UNREAD);
    });
    let mut slow = gateway.connect();
    assert_eq!(slow.bind(&tree::person("slow"), "pw"), 0);
    let mut other = gateway.connect();
    for _ in 0..50 {
        assert_eq!(other.bind(&tree::person("ann"), "pw-ann"), 0);
    }
    let before = resident(gateway.process());
    let search = slow.start(&Ask::entry(LARGE).body());
    let each_time = if is_soak() { 1 } else { 50 };
    let (mut read, mut most, mut furthest) = (0, before, 0);
    while read < ENTRIES {
        assert_eq!(other.bind(&tree::person("ann"), "pw-ann"), 0, "others are served on");
        for _ in 0..each_time {
            let pdu = slow.answer();
            assert_eq!((pdu.id(), pdu.operation()), (search, Operation::SearchResultEntry));
            read += 1;
        }
        furthest = furthest.max(taken.load(SeqCst).saturating_sub(read));
        most = most.max(resident(gateway.process()));
    }
    let done = slow.answer();
    assert_eq!((done.id(), done.code()), (search, 0));
    println!("{before} KiB before, {most} KiB at most; {furthest} entries ahead at most");
    assert!(most <= before + GROWTH, "{before} KiB have grown to {most} KiB");
    assert!(furthest <= AHEAD, "the directory was {furthest} entries ahead");
}
