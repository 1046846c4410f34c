//! Goal: an event moves exactly its metrics, and the log gets its line at the right level, and
//! nothing that a peer sent becomes a label. Method: events in, rendered metrics and captured
//! lines out.

use super::*;
use crate::app::events::{BindSpent, Closed, ConnectionId, GroupSource, Unidentified};
use crate::domain::observation::UnknownReason;
use crate::domain::policy::Switch;
use crate::domain::referral::Settled;
use crate::proto::op::Operation;
use crate::proto::result::ResultCode;
use std::io;
use std::sync::Mutex;
use std::time::Duration;

const CONN: ConnectionId = ConnectionId(1);
const MILLISECOND: Duration = Duration::from_millis(1);

fn bind(code: u32) -> Event<'static> {
    let name = b"uid=ann,dc=secret";
    let (directory, spent) = ("", BindSpent::default());
    let code = ResultCode(code);
    Event::Bind { conn: CONN, op: 0, directory, name, code, elapsed: MILLISECOND, spent }
}

fn sign_on(outcome: SignOnOutcome) -> Event<'static> {
    Event::SignOn {
        directory: "corp",
        user_type: Some("staff"),
        user: "uid=ann",
        view: None,
        outcome,
        added: 2,
        removed: 1,
        source: GroupSource::Replica,
        elapsed: MILLISECOND,
    }
}

#[track_caller]
fn check(events: &[Event<'_>], expected: &[&str]) {
    let telemetry = Telemetry::new(&["corp"]);
    for event in events {
        telemetry.emit(event);
    }
    let text = telemetry.render();
    for line in expected {
        assert!(text.lines().any(|candidate| candidate == *line), "no {line:?} in\n{text}");
    }
    assert!(!text.contains("ann"), "a name of a user is in the metrics:\n{text}");
}

#[test]
fn a_connection_is_counted_while_it_is_open() {
    let peer = "127.0.0.1:1".parse().unwrap();
    let connected = Event::Connected { conn: CONN, peer, tls: false };
    let closed = Event::Disconnected { conn: CONN, reason: Closed::Limit("max_unread") };
    check(
        &[connected.clone(), connected, closed],
        &[
            "bindgate_connections_total 2",
            "bindgate_connections 1",
            "bindgate_closed_total{reason=\"limit\"} 1",
            "bindgate_closed_total{reason=\"unbind\"} 0",
        ],
    );
}

#[test]
fn a_bind_is_counted_by_the_name_of_its_code_and_unlisted_codes_as_other() {
    check(
        &[bind(0), bind(49), bind(49), bind(4711), bind(80)],
        &[
            "bindgate_binds_total{directory=\"\",result=\"success\"} 1",
            "bindgate_binds_total{directory=\"\",result=\"invalidCredentials\"} 2",
            "bindgate_binds_total{directory=\"\",result=\"other\"} 2",
            "bindgate_bind_seconds_count{directory=\"\"} 5",
            "bindgate_bind_seconds_bucket{directory=\"\",le=\"0.0005\"} 0",
            "bindgate_bind_seconds_bucket{directory=\"\",le=\"0.001\"} 5",
        ],
    );
}

#[test]
fn an_operation_is_counted_by_its_kind_and_how_it_ended() {
    let answered = |operation, code| Event::Answered {
        conn: CONN,
        op: 0,
        operation,
        code,
        entries: 0,
        elapsed: MILLISECOND,
    };
    check(
        &[
            answered(Operation::SearchRequest, ResultCode::SUCCESS),
            answered(Operation::CompareRequest, ResultCode::COMPARE_FALSE),
            answered(Operation::ModifyRequest, ResultCode::INSUFFICIENT_ACCESS_RIGHTS),
            answered(Operation::Unknown(9), ResultCode::UNAVAILABLE),
        ],
        &[
            "bindgate_operations_total{operation=\"SRCH\",result=\"ok\"} 1",
            "bindgate_operations_total{operation=\"CMP\",result=\"ok\"} 1",
            "bindgate_operations_total{operation=\"MOD\",result=\"refused\"} 1",
            "bindgate_operations_total{operation=\"other\",result=\"failed\"} 1",
        ],
    );
}

#[test]
fn a_sign_on_is_counted_by_directory_outcome_and_reason() {
    let mut elsewhere = sign_on(SignOnOutcome::Unchanged);
    if let Event::SignOn { directory, .. } = &mut elsewhere {
        *directory = "not configured";
    }
    check(
        &[
            sign_on(SignOnOutcome::Changed),
            sign_on(SignOnOutcome::Unknown(UnknownReason::ResultCode(53))),
            elsewhere,
        ],
        &[
            "bindgate_sign_ons_total{directory=\"corp\",outcome=\"changed\"} 1",
            "bindgate_sign_ons_total{directory=\"corp\",outcome=\"unknown\"} 1",
            "bindgate_sign_ons_total{directory=\"other\",outcome=\"unchanged\"} 1",
            "bindgate_sign_on_unknown_total{reason=\"result-code\"} 1",
            "bindgate_group_reads_total{directory=\"corp\",source=\"replica\"} 2",
            "bindgate_memberships_added_total 6",
            "bindgate_memberships_removed_total 3",
        ],
    );
}

#[test]
fn the_gateways_own_events_move_their_metrics() {
    let down = |url| Event::UpstreamDown { directory: "corp", url, error: "refused" };
    check(
        &[
            down("ldap://a"),
            down("ldap://a"),
            down("ldap://b"),
            Event::UpstreamUp { directory: "corp", url: "ldap://b" },
            Event::UpstreamRetried { directory: "corp" },
            Event::UpstreamSkipped { directory: "corp" },
            Event::UpstreamOdd { directory: "corp" },
            Event::ReplicaMissed { directory: "corp" },
            Event::SignOnUnidentified { directory: "corp", reason: Unidentified::Untold },
            Event::ReferralSettled { directory: "corp", settled: Settled::Stripped },
            Event::ReplicaGivenUp { directory: "corp" },
            Event::LimitHit { limit: "max_clients", peer: None },
            Event::LimitHit { limit: "max_clients", peer: None },
            Event::StoreFailed { error: "disk full" },
            Event::AdminRefused,
        ],
        &[
            "bindgate_upstream_up{directory=\"corp\"} 0",
            "bindgate_upstream_servers_down{directory=\"corp\"} 1",
            "bindgate_upstream_retries_total{directory=\"corp\"} 1",
            "bindgate_upstream_skipped_total{directory=\"corp\"} 1",
            "bindgate_upstream_odd_total{directory=\"corp\"} 1",
            "bindgate_sign_on_unidentified_total{directory=\"corp\",reason=\"untold\"} 1",
            "bindgate_referrals_total{directory=\"corp\",outcome=\"stripped\"} 1",
            "bindgate_replica_misses_total{directory=\"corp\"} 1",
            "bindgate_replica_given_up{directory=\"corp\"} 1",
            "bindgate_limit_hits_total{limit=\"max_clients\"} 2",
            "bindgate_store_healthy 0",
            "bindgate_admin_refused_total 1",
        ],
    );
    check(
        &[Event::StoreFailed { error: "disk full" }, Event::StoreRecovered],
        &["bindgate_store_healthy 1", "bindgate_upstream_up{directory=\"corp\"} 1"],
    );
}

#[test]
fn what_is_rendered_is_what_the_table_says() {
    let telemetry = Telemetry::new(&["corp"]);
    telemetry.emit(&Event::LimitHit { limit: "max_clients", peer: None });
    // The directory's side registers its own, and so do traces.
    telemetry.recording(|| {
        let is_upstreams = |metric: &&Metric| {
            let begins = ["bindgate_upstream_", "bindgate_replica_", "bindgate_trace_"];
            begins.iter().any(|it| metric.name.starts_with(it))
        };
        for metric in METRICS.iter().filter(is_upstreams) {
            match metric.kind {
                Kind::Counter => metrics::counter!(metric.name).absolute(0),
                _ => metrics::gauge!(metric.name).set(0.0),
            }
        }
    });
    telemetry.upkeep();
    let text = telemetry.render();
    for metric in METRICS {
        let help = format!("# HELP {} {}", metric.name, metric.help);
        assert!(text.contains(&help), "no {help:?} in\n{text}");
    }
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let name = line.split(' ').next().unwrap();
        assert!(METRICS.iter().any(|metric| metric.name == name), "{name} is not in the table");
    }
}

/// What a subscriber wrote.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One subscriber at a time: tracing keeps the highest level of all subscribers of the process in
/// one place, and a line was lost, once in some hundred runs, while another test took its own down.
static ALONE: Mutex<()> = Mutex::new(());

fn lines(level: Level, events: &[Event<'_>]) -> Vec<String> {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let captured = Captured::default();
    let writer = captured.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(move || writer.clone())
        .without_time()
        .with_target(false)
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        let emit = || {
            let telemetry = Telemetry::new(&["corp"]);
            events.iter().for_each(|event| telemetry.emit(event));
        };
        // A test that has no subscriber and writes the same line for the first time has tracing
        // remember that nobody wants it, also if ours came in between.
        emit();
        tracing::callsite::rebuild_interest_cache();
        captured.0.lock().unwrap().clear();
        emit();
    });
    let bytes = captured.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap().lines().map(|line| line.trim().to_owned()).collect()
}

#[track_caller]
fn check_level(event: &Event<'_>, expected: &str) {
    let lines = lines(Level::DEBUG, std::slice::from_ref(event));
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with(expected), "{lines:?} does not begin with {expected}");
}

#[test]
fn a_line_has_the_level_of_its_weight() {
    check_level(&bind(0), "DEBUG conn=1 op=0 BIND");
    check_level(&sign_on(SignOnOutcome::Unchanged), "DEBUG SIGNON");
    check_level(&sign_on(SignOnOutcome::Created), "INFO SIGNON");
    check_level(&sign_on(SignOnOutcome::Unknown(UnknownReason::Timeout)), "WARN SIGNON");
    let (old, new) = (Switch::On, Switch::Off);
    let changed =
        Event::SwitchChanged { directory: "corp", user_type: "staff", who: "admin", old, new };
    check_level(&changed, "INFO SWITCH");
    let down = Event::UpstreamDown { directory: "corp", url: "ldap://a", error: "refused" };
    check_level(&down, "WARN UPSTREAM");
    check_level(&Event::LimitHit { limit: "max_clients", peer: None }, "WARN LIMIT");
    check_level(&Event::StoreFailed { error: "disk full" }, "ERROR STORE");
}

#[test]
fn nothing_is_written_below_the_level() {
    assert_eq!(lines(Level::INFO, &[bind(0), sign_on(SignOnOutcome::Unchanged)]).len(), 0);
}

#[test]
fn a_flood_of_unknown_sign_ons_is_one_line_for_each_reason() {
    let timeout = sign_on(SignOnOutcome::Unknown(UnknownReason::Timeout));
    let busy = sign_on(SignOnOutcome::Unknown(UnknownReason::Busy));
    let lines = lines(Level::DEBUG, &[timeout.clone(), timeout.clone(), busy, timeout]);
    assert_eq!(lines.len(), 2, "{lines:?}");
}

#[test]
fn a_throttle_is_counted_from_its_beginning_to_its_end() {
    use crate::domain::source::Source;
    let [one, other] = ["10.0.0.1", "2001:db8::1"].map(|text| Source::of(text.parse().unwrap()));
    let (began, ended) =
        (|source| Event::ThrottleBegan { source }, |source| Event::ThrottleEnded { source });
    check(
        &[began(one), began(other), ended(one)],
        &["bindgate_throttles_total 2", "bindgate_throttled_sources 1"],
    );
}
