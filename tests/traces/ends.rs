//! What becomes of traces whose receiver is not there, takes its time or refuses, and at the end.

use crate::receiver::{Manner, Receiver};
use crate::support::certs::Authority;
use crate::support::eventually;
use crate::support::folder::{TestFolder, free_port};
use crate::support::gateway::Gateway;
use crate::support::settings::Settings;
use crate::support::slapd::Slapd;
use std::time::{Duration, Instant};

const ANN: &str = "uid=ann,ou=people,dc=example,dc=com";

/// How long a test's gateway may take to end that does not wait for anybody: far more than it takes, and
/// far less than what it is told to wait where it does.
const SOON: Duration = Duration::from_secs(15);

fn gateway(slapd: &Slapd, change: impl FnOnce(&mut Settings)) -> Gateway {
    Gateway::configured(slapd.port(), |settings, _| change(settings))
}

/// A counter's value.
fn counted(gateway: &Gateway, name: &str) -> u64 {
    let metrics = gateway.metrics();
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok()).unwrap_or(0)
}

const SENT: &str = "bindgate_trace_spans_total{outcome=\"sent\"}";
const REFUSED: &str = "bindgate_trace_spans_total{outcome=\"refused\"}";
const NO_ROOM: &str = "bindgate_trace_spans_total{outcome=\"no-room\"}";
const LIMIT: &str = "bindgate_limit_hits_total{limit=\"traces.max_queue\"}";

#[test]
fn a_receiver_that_is_not_there_or_says_nothing_costs_spans_and_no_bind() {
    let slapd = Slapd::start();
    let silent = Receiver::new(Manner::SaysNothing);
    let nobody = format!("\"http://127.0.0.1:{}/v1/traces\"", free_port());
    for endpoint in [nobody, silent.endpoint()] {
        let mut gateway = gateway(&slapd, |settings| {
            settings.set("[traces]", "endpoint", endpoint.clone());
            settings.set("[traces]", "interval", "\"10ms\"");
            settings.set("[traces]", "max_queue", "5");
            settings.set("[traces]", "timeout", "\"1h\"");
            settings.set("[traces]", "flush_timeout", "\"100ms\"");
        });
        let mut client = gateway.connect();
        for _ in 0..20 {
            assert_eq!(client.bind(ANN, "pw-ann"), 0);
        }
        eventually("spans without room", || (counted(&gateway, NO_ROOM) > 20).then_some(()));
        assert!(counted(&gateway, LIMIT) > 20);
        assert_eq!(counted(&gateway, SENT), 0);
        let asked = Instant::now();
        drop(client);
        gateway.stop();
        assert!(asked.elapsed() < SOON, "the end waits for no receiver");
    }
}

#[test]
fn a_receiver_that_takes_its_time_is_given_up_and_asked_again() {
    let slapd = Slapd::start();
    let receiver = Receiver::new(Manner::SaysNothing);
    let gateway = gateway(&slapd, |settings| {
        receiver.configure(settings);
        settings.set("[traces]", "timeout", "\"100ms\"");
    });
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    eventually("it is asked again", || (receiver.asked() > 1).then_some(()));
    eventually("spans refused", || (counted(&gateway, REFUSED) > 0).then_some(()));
}

#[test]
fn spans_that_are_not_taken_now_are_sent_again_and_those_that_never_are_are_dropped() {
    let slapd = Slapd::start();
    for (answer, is_kept) in [(503, true), (429, true), (400, false), (500, false)] {
        let receiver = Receiver::new(Manner::AnswersFirst(answer, 2));
        let gateway = gateway(&slapd, |settings| receiver.configure(settings));
        assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
        if is_kept {
            eventually("the tree", || (receiver.trees() == 1).then_some(()));
            assert!(receiver.asked() > 2, "{answer}");
            eventually("spans sent", || (counted(&gateway, SENT) > 0).then_some(()));
            assert_eq!(counted(&gateway, REFUSED), 0, "{answer}");
        } else {
            eventually("spans refused", || (counted(&gateway, REFUSED) > 0).then_some(()));
            let log = gateway.log();
            assert!(log.contains(&format!("answers {answer}")), "{log}");
        }
    }
}

#[test]
fn what_waits_at_the_end_is_sent_before_it() {
    let slapd = Slapd::start();
    let receiver = Receiver::new(Manner::Takes);
    let mut gateway = gateway(&slapd, |settings| {
        receiver.configure(settings);
        settings.set("[traces]", "interval", "\"1h\"");
        settings.set("[traces]", "flush_timeout", "\"20s\"");
    });
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    gateway.stop();
    assert_eq!(receiver.trees(), 1);
    assert_eq!(receiver.asked(), 1);
}

#[test]
fn a_receiver_is_sent_spans_over_tls_only_where_its_certificate_is_trusted() {
    let slapd = Slapd::start();
    let folder = TestFolder::new("traces-tls");
    let [known, other] = ["known", "other"].map(|name| Authority::make(&folder, name));
    for (trusted, is_sent) in [(&known, true), (&other, false)] {
        let receiver = Receiver::secured(&known.for_loopback(&folder, "receiver"));
        let gateway = gateway(&slapd, |settings| {
            receiver.configure(settings);
            settings.set("[traces]", "ca", format!("{:?}", trusted.file.display().to_string()));
        });
        assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
        let count = if is_sent { SENT } else { REFUSED };
        eventually(count, || (counted(&gateway, count) > 0).then_some(()));
        assert_eq!(receiver.spans().is_empty(), !is_sent);
    }
}

#[test]
fn nothing_is_traced_and_nothing_said_of_it_without_the_section() {
    let slapd = Slapd::start();
    let gateway = gateway(&slapd, |_| ());
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    assert!(!gateway.metrics().contains("bindgate_trace_spans_total{"));
}
