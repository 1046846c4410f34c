//! Sessions that do nothing but bind, and Active Directory's fast bind for them, against a directory
//! that the test plays. It was not tried on a real one.

use crate::support::eventually;
use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Ask};
use crate::support::raw::Pdu;
use crate::support::stand_in::{Seat, StandIn, name_of};
use crate::support::tree::person;
use bindgate::proto::envelope::MessageId;
use bindgate::proto::extended::ExtendedRequest;
use bindgate::proto::op::Operation;
use bindgate::proto::result::{LdapResult, ResultCode};
use bindgate::proto::search::{Attribute, Entry, SearchRequest};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

const FAST_BIND: &str = "1.2.840.113556.1.4.1781";
const WHO_AM_I: &str = "1.3.6.1.4.1.4203.1.11.3";
const UNWILLING: u32 = 53;
/// How many binds are held until all of them are there.
const TOGETHER: usize = 3;

/// What the directory does about fast binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fast {
    Granted,
    /// Its root DSE names them, and they are refused.
    Refused,
    Missing,
}

fn is_fast_bind(pdu: &Pdu) -> bool {
    pdu.operation() == Operation::ExtendedRequest
        && ExtendedRequest::decode(pdu.envelope().content)
            .is_ok_and(|request| request.name == FAST_BIND.as_bytes())
}

/// Whether this is the gateway's look at the root DSE; then it is answered.
fn answer_root(seat: &mut Seat, pdu: &Pdu, fast: Fast) -> bool {
    if pdu.operation() != Operation::SearchRequest {
        return false;
    }
    let content = pdu.envelope().content.to_vec();
    let search = SearchRequest::decode(&content).expect("the gateway's searches are sound");
    if !search.base.is_empty() || !search.attributes.contains(&&b"supportedExtension"[..]) {
        return false;
    }
    let values = if fast == Fast::Missing { vec![] } else { vec![FAST_BIND.into()] };
    let attributes = vec![Attribute { name: "supportedExtension".to_owned(), values }];
    let mut out = Vec::new();
    Entry { dn: String::new(), attributes }.write(&mut out, pdu.envelope().id);
    seat.send(&out);
    seat.answer(pdu, 0);
    true
}

fn answer_bind(seat: &mut Seat, id: MessageId, name: &str) {
    let code = if name.contains("bob") { 49 } else { 0 };
    let mut out = Vec::new();
    LdapResult::new(ResultCode(code), "").write(&mut out, id, Operation::BindResponse);
    seat.send(&out);
}

/// A directory that on a connection for fast binds answers none before [`TOGETHER`] are there, and
/// then the last one first. The first connection with a bind on it is cut if `cuts`.
fn directory(fast: Fast, together: usize, cuts: bool) -> StandIn {
    let waiting: Mutex<BTreeMap<usize, Vec<(MessageId, String)>>> = Mutex::default();
    let cuts = AtomicBool::new(cuts);
    StandIn::start(move |seat, pdu| {
        if answer_root(seat, pdu, fast) {
            return;
        }
        let mut waiting = waiting.lock().expect("no thread panics with it");
        if is_fast_bind(pdu) {
            if fast == Fast::Granted {
                waiting.insert(seat.number, Vec::new());
            }
            return seat.answer(pdu, if fast == Fast::Granted { 0 } else { 2 });
        }
        let Some(binds) = waiting.get_mut(&seat.number) else {
            return seat.obey(pdu);
        };
        if pdu.operation() != Operation::BindRequest {
            return seat.obey(pdu);
        }
        if cuts.swap(false, SeqCst) {
            return seat.close();
        }
        binds.push((pdu.envelope().id, name_of(pdu)));
        if binds.len() == together {
            for (id, name) in binds.drain(..).rev() {
                answer_bind(seat, id, &name);
            }
        }
    })
}

fn gateway(directory: &StandIn, outcome: &str) -> Gateway {
    let gateway = Gateway::configured(directory.port(), |settings, _| {
        settings.set("[listen]", "bind_only", "true");
        settings.set("[listen]", "workers", "1");
        settings.set("[directory.groups]", "replica", "\"none\"");
    });
    let labels = format!("{{directory=\"corp\",outcome=\"{outcome}\"}}");
    gateway.comes_to_count(&format!("bindgate_upstream_fast_bind_probes_total{labels} 1"));
    gateway
}

/// The connections on which people were bound.
fn bound_on(directory: &StandIn) -> Vec<usize> {
    let binds = directory.heard().into_iter();
    let binds = binds.filter(|heard| heard.pdu.operation() == Operation::BindRequest);
    binds.map(|heard| heard.connection).collect()
}

#[test]
fn binds_of_many_sessions_are_under_way_on_one_connection_and_each_gets_its_own_answer() {
    let directory = directory(Fast::Granted, TOGETHER, false);
    let gateway = gateway(&directory, "named");
    let mut clients = ["ann", "bob", "carol"].map(|uid| {
        let mut raw = gateway.connect();
        let id = raw.start(&pdu::bind(&person(uid), b"secret"));
        (raw, id)
    });
    let codes = clients.each_mut().map(|(raw, id)| raw.answers_to(*id)[0].code());
    assert_eq!(codes, [0, 49, 0]);
    let on = bound_on(&directory);
    assert!(on.len() == 3 && on.iter().all(|number| *number == on[0]), "{on:?}");
    let heard = directory.heard();
    let there: Vec<_> = heard.iter().filter(|heard| heard.connection == on[0]).collect();
    assert!(is_fast_bind(&there[0].pdu), "it is asked for before anything else");
    assert_eq!(there.len(), 4, "and nothing but binds follows");
    assert!(gateway.knows("ann") && gateway.knows("carol") && !gateway.knows("bob"));

    // Whoever they are, they do nothing but bind.
    let [(ann, _), (bob, _), _] = &mut clients;
    assert_eq!(ann.ask(&pdu::extended(WHO_AM_I, None))[0].code(), 0);
    for raw in [ann, bob] {
        assert_eq!(raw.search(&Ask::entry(&person("ann"))).1, UNWILLING);
        assert_eq!(raw.code(&pdu::compare(&person("ann"), "cn", b"x")), UNWILLING);
        assert_eq!(raw.code(&pdu::extended("1.2.3.4", None)), UNWILLING);
        assert_eq!(raw.code(&pdu::delete(&person("ann"))), UNWILLING);
    }
    assert_eq!(directory.heard().len(), heard.len(), "nothing of that reached the directory");
    gateway.comes_to_count(
        "bindgate_upstream_shared_connections{directory=\"corp\",kind=\"fast-bind\"} 1",
    );
}

#[test]
fn one_session_binds_as_one_after_another_and_is_nobody_after_a_failure() {
    let directory = directory(Fast::Granted, 1, false);
    let gateway = gateway(&directory, "named");
    let mut raw = gateway.connect();
    for (uid, code) in [("ann", 0), ("bob", 49), ("carol", 0), ("ann", 0), ("bob", 49)] {
        assert_eq!(raw.bind(&person(uid), "secret"), code, "{uid}");
        let who = raw.ask(&pdu::extended(WHO_AM_I, None)).remove(0);
        let says_who = who.0.windows(uid.len()).any(|found| found == uid.as_bytes());
        assert_eq!(says_who, code == 0, "{uid}: {who:02x?}");
    }
    let on = bound_on(&directory);
    assert!(on.len() == 5 && on.iter().all(|number| *number == on[0]), "{on:?}");
}

#[test]
fn where_fast_binds_are_missing_or_refused_they_go_as_others_do_and_nothing_else_is_served() {
    for (fast, outcome) in [(Fast::Missing, "missing"), (Fast::Refused, "named")] {
        let directory = directory(fast, 1, false);
        let gateway = gateway(&directory, outcome);
        let mut raw = gateway.connect();
        assert_eq!(raw.bind(&person("ann"), "secret"), 0, "{fast:?}");
        assert_eq!(raw.search(&Ask::entry(&person("ann"))).1, UNWILLING, "{fast:?}");
        let asked = directory.heard().iter().filter(|heard| is_fast_bind(&heard.pdu)).count();
        assert_eq!(asked, usize::from(fast == Fast::Refused), "{fast:?}");
        assert_eq!(gateway.sign_on(&person("carol"), "secret"), 0, "{fast:?}");
        let again = directory.heard().iter().filter(|heard| is_fast_bind(&heard.pdu)).count();
        assert_eq!(again, asked, "{fast:?}: it is not asked for again");
    }
}

#[test]
fn a_bind_whose_connection_is_lost_is_sent_once_more() {
    let directory = directory(Fast::Granted, 1, true);
    let gateway = gateway(&directory, "named");
    assert_eq!(gateway.sign_on(&person("ann"), "secret"), 0);
    eventually("both were heard", || (bound_on(&directory).len() == 2).then_some(()));
    gateway.comes_to_count("bindgate_upstream_retries_total{directory=\"corp\"} 1");
}

#[test]
fn a_view_that_serves_binds_alone_has_them_so_and_others_bind_as_ever() {
    let directory = directory(Fast::Granted, 1, false);
    let gateway = Gateway::configured(directory.port(), |settings, _| {
        let ann = person("ann");
        let view =
            format!("name = \"door\"\nmatch = {{ bind_dns = [\"{ann}\"] }}\nbind_only = true");
        settings.add_view(&view);
        settings.set("[listen]", "workers", "1");
        settings.set("[directory.groups]", "replica", "\"none\"");
    });
    let named = "bindgate_upstream_fast_bind_probes_total{directory=\"corp\",outcome=\"named\"} 1";
    gateway.comes_to_count(named);
    let (mut ann, mut carol) = (gateway.connect(), gateway.connect());
    for _ in 0..2 {
        assert_eq!(ann.bind(&person("ann"), "secret"), 0);
        assert_eq!(ann.search(&Ask::entry(&person("ann"))).1, UNWILLING);
        assert_eq!(carol.bind(&person("carol"), "secret"), 0);
        assert_ne!(carol.search(&Ask::entry(&person("carol"))).1, UNWILLING);
    }
    let fast: Vec<_> = directory
        .heard()
        .iter()
        .filter(|heard| is_fast_bind(&heard.pdu))
        .map(|h| h.connection)
        .collect();
    let on = bound_on(&directory);
    let on_fast: Vec<bool> = on.iter().map(|number| fast.contains(number)).collect();
    assert_eq!(on_fast, [true, false, true, false], "{on:?}");
    assert!(gateway.knows("ann") && gateway.knows("carol"));
}
