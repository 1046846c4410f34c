//! What is done once for many binds is told of once, and each of them leads there.

use super::stage::Stage;
use bindgate::app::sign_on::Verdict;
use bindgate::app::trace::{Ended, Role, Span, SpanId, Tracer};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

#[derive(Default)]
struct Kept {
    ids: AtomicU64,
    ended: Mutex<Vec<Ended>>,
}

impl Tracer for Kept {
    fn new_id(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn takes_names(&self) -> bool {
        false
    }

    fn ended(&self, span: Ended) {
        self.ended.lock().unwrap().push(span);
    }
}

impl Kept {
    fn bind(self: &Arc<Self>, trace: u128) -> Span {
        Span::root(self.clone(), "bind", Role::Server, Instant::now(), trace)
    }

    /// The spans of that name, in the order in which they ended.
    fn named(&self, name: &str) -> Vec<Ended> {
        let ended = self.ended.lock().unwrap();
        ended.iter().filter(|span| span.name == name).cloned().collect()
    }
}

#[tokio::test]
async fn a_flight_is_told_of_once_and_all_who_were_on_it_are_linked_with_it() {
    const JOINED: u128 = 5;
    let (stage, kept) = (Stage::new(), Arc::new(Kept::default()));
    stage.tree.shut();
    let first = kept.bind(1);
    let leading = tokio::spawn(stage.bind_traced(&first).succeeded());
    stage.settle().await;
    // All of them wait for the flight behind that one.
    let others: Vec<_> = (2..2 + JOINED).map(|trace| kept.bind(trace)).collect();
    let gates: Vec<_> =
        others.iter().map(|bind| tokio::spawn(stage.bind_traced(bind).succeeded())).collect();
    // And one of whom nothing is told.
    let untold = tokio::spawn(stage.bind().succeeded());
    stage.settle().await;
    stage.tree.open();
    assert_eq!(leading.await.unwrap(), Verdict::Admit);
    for gate in gates {
        assert_eq!(gate.await.unwrap(), Verdict::Admit);
    }
    assert_eq!(untold.await.unwrap(), Verdict::Admit);
    let traces = |links: &[SpanId]| links.iter().map(|link| link.trace).collect::<Vec<_>>();
    let [one, shared] = &kept.named("flight")[..] else { panic!("two flights were flown") };
    assert_eq!((one.id.trace, traces(&one.links)), (1, vec![]));
    let joined: Vec<u128> = (3..2 + JOINED).collect();
    assert_eq!((shared.id.trace, traces(&shared.links)), (2, joined));
    let sign_ons = kept.named("sign-on");
    assert_eq!(sign_ons.len(), 1 + others.len());
    for sign_on in sign_ons {
        let flown = if sign_on.id.trace == 1 { one } else { shared };
        assert_eq!(sign_on.links, [flown.id]);
        let is_part = flown.parent == Some(sign_on.id.span);
        assert_eq!(is_part, flown.id.trace == sign_on.id.trace, "it is a part of one of them");
    }
}

#[tokio::test]
async fn the_reads_of_many_binds_are_told_of_as_often_as_they_are_made() {
    let (stage, kept) = (Stage::new(), Arc::new(Kept::default()));
    stage.tree.shut();
    let binds: Vec<_> = (1..=20).map(|trace| kept.bind(trace)).collect();
    let gates: Vec<_> =
        binds.iter().map(|bind| tokio::spawn(stage.bind_traced(bind).succeeded())).collect();
    stage.settle().await;
    stage.tree.open();
    for gate in gates {
        assert_eq!(gate.await.unwrap(), Verdict::Admit);
    }
    let reads = kept.named("read entry");
    assert_eq!(reads.len(), 2, "one, and one for all who came while it was made");
    let served: usize = reads.iter().map(|read| 1 + read.links.len()).sum();
    assert_eq!(served, binds.len());
}
