//! What a trace shows of a bind, and of whom.

use crate::receiver::{Manner, Receiver, said};
use crate::support::eventually;
use crate::support::gateway::Gateway;
use crate::support::settings::Settings;
use crate::support::slapd::Slapd;
use crate::support::stand_in::StandIn;
use bindgate::proto::op::Operation;

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::thread;

const ANN: &str = "uid=ann,ou=people,dc=example,dc=com";

/// What is looked at of each span.
const KEYS: [&str; 9] = [
    "bindgate.bind",
    "ldap.result_code",
    "bindgate.outcome",
    "bindgate.unknown",
    "bindgate.passage",
    "bindgate.verdict",
    "bindgate.groups.source",
    "bindgate.groups.found",
    "bindgate.changes",
];

/// A bind by that name and password, at a gateway with these settings, has this tree. `prepare` tells
/// how many binds it has made.
#[track_caller]
fn check(
    upstream: u16,
    change: impl FnOnce(&mut Settings),
    prepare: impl FnOnce(&Gateway) -> usize,
    (name, password): (&str, &str),
    expected: &str,
) {
    let receiver = Receiver::new(Manner::Takes);
    let gateway = Gateway::configured(upstream, |settings, _| {
        receiver.configure(settings);
        change(settings);
    });
    let before = prepare(&gateway);
    eventually("the traces before", || (receiver.trees() == before).then_some(()));
    gateway.sign_on(name, password);
    eventually("its trace", || (receiver.trees() > before).then_some(()));
    let roots: Vec<_> =
        receiver.spans().into_iter().filter(|span| span.parent_span_id.is_empty()).collect();
    let root = roots.last().unwrap();
    let number = said(root, "bindgate.connection").unwrap();
    let expected = expected.trim();
    // Whether a warm connection is there already is seen by whether one was waited for.
    let tree = receiver.whole_tree(&number, expected.lines().count(), "connection");
    assert_eq!(tree.text(&KEYS), expected);
}

fn nothing(_: &Gateway) -> usize {
    0
}

fn walk(settings: &mut Settings) {
    settings.set("[directory.groups]", "replica", "\"none\"");
}

#[test]
fn a_first_sign_on_shows_its_bind_its_reads_its_plan_and_its_commit() {
    let slapd = Slapd::start();
    check(
        slapd.port(),
        walk,
        nothing,
        (ANN, "pw-ann"),
        "
bind bind=simple result_code=0
  how far
  read entry
  sign-on verdict=admit
    flight outcome=created verdict=admit source=directory
      barrier passage=walk
      commit
      entry
      groups source=directory found=2
      plan changes=7
  upstream bind result_code=0",
    );
}

#[test]
fn one_of_whom_nothing_has_changed_shows_how_far_the_directory_had_got() {
    let slapd = Slapd::start();
    let prepare = |gateway: &Gateway| {
        gateway.comes_to_have_a_copy();
        for _ in 0..2 {
            assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
        }
        2
    };
    check(
        slapd.port(),
        |_| (),
        prepare,
        (ANN, "pw-ann"),
        "
bind bind=simple result_code=0
  how far
  sign-on outcome=unchanged verdict=admit
  upstream bind result_code=0",
    );
}

#[test]
fn a_wrong_password_shows_no_sign_on() {
    let slapd = Slapd::start();
    check(
        slapd.port(),
        walk,
        nothing,
        (ANN, "wrong"),
        "
bind bind=simple result_code=49
  how far
  read entry
  upstream bind result_code=49",
    );
}

#[test]
fn what_is_not_known_of_groups_shows_why() {
    let slapd = Slapd::start();
    let change = |settings: &mut Settings| {
        walk(settings);
        settings.set("[directory.groups]", "base", "\"ou=nowhere,dc=example,dc=com\"");
    };
    let expected = "
bind bind=simple result_code=0
  how far
  read entry
  sign-on verdict=admit
    flight! outcome=unknown unknown=no-such-base verdict=admit source=directory
      barrier passage=walk
      commit
      entry
      groups! unknown=no-such-base source=directory
      plan changes=5
  upstream bind result_code=0";
    check(slapd.port(), change, nothing, (ANN, "pw-ann"), expected);
}

#[test]
fn a_sign_on_that_outlasts_its_budget_shows_that_and_its_flight_is_told_of_later() {
    // Passwords are looked at, and the gateway's own searches never answered.
    let directory = StandIn::start(|seat, request| {
        if !(seat.is_gateways() && request.operation() == Operation::SearchRequest) {
            seat.obey(request);
        }
    });
    let change = |settings: &mut Settings| {
        walk(settings);
        settings.set("[sign_on]", "budget", "\"100ms\"");
        settings.set("[[directory]]", "search_timeout", "\"500ms\"");
    };
    let expected = "
bind bind=simple result_code=0
  how far! unknown=timeout
  read entry! unknown=timeout
  sign-on! outcome=unknown unknown=timeout verdict=admit
    flight! outcome=unknown unknown=timeout verdict=admit source=nowhere
      barrier passage=walk
      entry
      read entry! unknown=timeout
  upstream bind result_code=0";
    check(directory.port(), change, nothing, (ANN, "pw-ann"), expected);
}

#[test]
fn a_directory_that_does_not_answer_shows_who_was_waited_for() {
    // It takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let kept = thread::spawn(move || silent.incoming().collect::<Vec<_>>());
    let change = |settings: &mut Settings| {
        walk(settings);
        settings.set("[[directory]]", "bind_timeout", "\"300ms\"");
        settings.set("[[directory]]", "search_timeout", "\"300ms\"");
    };
    let expected = "
bind! bind=simple result_code=52
  how far! unknown=timeout
  read entry! unknown=timeout
  upstream bind!";
    check(port, change, nothing, (ANN, "pw-ann"), expected);
    drop(kept);
}

#[test]
fn users_are_named_where_that_is_wanted_and_nowhere_else_and_passwords_never_are() {
    let slapd = Slapd::start();
    for names in [false, true] {
        let receiver = Receiver::new(Manner::Takes);
        let gateway = Gateway::configured(slapd.port(), |settings, _| {
            walk(settings);
            receiver.configure(settings);
            settings.set("[traces]", "names", names.to_string());
        });
        for password in ["pw-ann", "pw-guessed"] {
            gateway.sign_on(ANN, password);
        }
        let record = gateway.user("ann")["id"].as_str().unwrap().to_owned();
        receiver.tree_with("ldap.result_code", "49", 3);
        let tree = receiver.tree_with("bindgate.record", &record, 9);
        assert_eq!(said(tree.span("flight"), "bindgate.groups.added").as_deref(), Some("2"));
        let holds = |text: &str| {
            receiver.bodies().windows(text.len()).any(|window| window == text.as_bytes())
        };
        assert_eq!(holds(ANN), names, "names = {names}");
        assert_eq!(holds("127.0.0.1"), names, "names = {names}");
        for text in ["pw-ann", "pw-guessed", "service-secret"] {
            assert!(!holds(text), "{text}");
        }
        let name = said(tree.span("bind"), "bindgate.name");
        assert_eq!(name.as_deref(), names.then_some(ANN));
    }
}

#[test]
fn every_tree_has_an_id_of_its_own_and_says_who_sends() {
    let slapd = Slapd::start();
    let receiver = Receiver::new(Manner::Takes);
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        receiver.configure(settings);
        settings.set("[traces]", "service_name", "\"the gateway\"");
    });
    for _ in 0..20 {
        assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    }
    eventually("twenty trees", || (receiver.trees() == 20).then_some(()));
    let spans = receiver.spans();
    let traces: BTreeSet<_> = spans.iter().map(|span| &span.trace_id).collect();
    let ids: BTreeSet<_> = spans.iter().map(|span| &span.span_id).collect();
    assert_eq!((traces.len(), ids.len()), (20, spans.len()));
    assert!(traces.iter().all(|id| id.len() == 16) && ids.iter().all(|id| id.len() == 8));
    assert!(receiver.services().iter().all(|name| name == "the gateway"));
}

#[test]
fn one_of_so_many_binds_is_traced_and_that_whole() {
    const BINDS: usize = 60;
    let slapd = Slapd::start();
    let receiver = Receiver::new(Manner::Takes);
    let mut gateway = Gateway::configured(slapd.port(), |settings, _| {
        receiver.configure(settings);
        settings.set("[traces]", "sample_one_in", "2");
    });
    let mut client = gateway.connect();
    for _ in 0..BINDS {
        assert_eq!(client.bind(ANN, "pw-ann"), 0);
    }
    gateway.stop();
    let trees = receiver.trees();
    // Neither happens by chance in a million million runs.
    assert!(trees > 5 && trees < BINDS - 5, "{trees} of {BINDS}");
    let binds = receiver.spans().iter().filter(|span| span.name == "upstream bind").count();
    assert_eq!(binds, trees, "a tree is whole or it is not there");
}
