//! What is counted. Each scenario does its work a given number of times; what a run costs before
//! and after is the same whatever the number is.

use crate::directory::{Directory, Script};
use crate::domain;
use crate::jit;
use crate::relay::{Asks, serve};
use bindgate::domain::channel::{Passwords, StartTls};
use bindgate::domain::session::{BindEnd, Session, Surroundings};
use bindgate::proto::bind::{BindRequest, write_simple};
use bindgate::proto::dn::DistinguishedName;
use bindgate::proto::envelope::{Envelope, MessageId};
use bindgate::proto::filter::{Filter, FilterLimits};
use bindgate::proto::framing::frame;
use bindgate::proto::op::Operation;
use bindgate::proto::result::{LdapResult, ResultCode};
use bindgate::proto::search::{Attribute, Entry, Scope, Search};
use std::hint::black_box;

const NAME: &str = "uid=user04711,ou=people,dc=example,dc=com";

/// One thing that is counted.
#[derive(Debug)]
pub(crate) struct Scenario {
    /// Its name in the committed file.
    pub(crate) name: &'static str,
    /// How often it is done in the shorter of the two runs.
    pub(crate) times: u64,
    /// Does it so often.
    pub(crate) work: fn(u64),
    /// Whether two runs give the same count. Otherwise hash tables with random keys are in play.
    pub(crate) is_exact: bool,
}

const fn scenario(name: &'static str, times: u64, work: fn(u64)) -> Scenario {
    Scenario { name, times, work, is_exact: true }
}

/// Everything that is counted, in the committed file's order.
pub(crate) const SCENARIOS: &[Scenario] = &[
    scenario("framing", 20_000, framing),
    scenario("envelope-split", 20_000, envelope_split),
    scenario("envelope-renumber", 20_000, envelope_renumber),
    scenario("bind-decode", 20_000, bind_decode),
    scenario("result-decode", 20_000, result_decode),
    scenario("session-bind", 10_000, session_bind),
    Scenario { is_exact: false, ..scenario("dn-normalise", 500, dn_normalise) },
    scenario("entry-digest", 5_000, domain::digest_of_an_entry),
    scenario("closure-fingerprint", 5_000, domain::fingerprint_of_a_closure),
    Scenario { is_exact: false, ..scenario("closure", 1_000, domain::whole_closure) },
    Scenario { is_exact: false, ..scenario("plan-unchanged", 1_000, domain::plan_of_nothing) },
    Scenario { is_exact: false, ..scenario("plan-first", 1_000, domain::plan_of_a_record) },
    scenario("relayed-bind", 2_048, |times| relayed_bind(ResultCode::SUCCESS, times)),
    scenario("relayed-bind-refused", 2_048, |times| {
        relayed_bind(ResultCode::INVALID_CREDENTIALS, times);
    }),
    scenario("relayed-search", 2_048, relayed_search),
    scenario("relayed-entry", 2_048, relayed_entry),
    Scenario { is_exact: false, ..scenario("unchanged-sign-on", 2_048, unchanged_sign_on) },
];

/// Does it so often. Only what happens in here is counted: valgrind looks for this function's name.
#[inline(never)]
pub(crate) fn repeat(times: u64, mut work: impl FnMut()) {
    for _ in 0..times {
        work();
    }
}

fn framing(times: u64) {
    let pdu = bind_request();
    repeat(times, || {
        let _ = black_box(frame(black_box(&pdu), 1 << 20));
    });
}

fn envelope_split(times: u64) {
    let pdu = bind_request();
    repeat(times, || {
        let _ = black_box(Envelope::parse(black_box(&pdu)));
    });
}

fn envelope_renumber(times: u64) {
    let pdu = bind_request();
    let request = split(&pdu);
    let mut out = Vec::with_capacity(1024);
    repeat(times, || {
        out.clear();
        black_box(&request).write_as(black_box(id(4711)), &mut out);
        black_box(&out);
    });
}

fn bind_decode(times: u64) {
    let pdu = bind_request();
    let content = split(&pdu).content;
    repeat(times, || {
        let _ = black_box(BindRequest::decode(black_box(content)));
    });
}

fn result_decode(times: u64) {
    let pdu = message(|out| result(ResultCode::INVALID_CREDENTIALS).write(out, id(7), BIND));
    let content = split(&pdu).content;
    repeat(times, || {
        let _ = black_box(LdapResult::decode(black_box(content)));
    });
}

/// A bind through the state machine, to its success.
fn session_bind(times: u64) {
    let pdu = bind_request();
    let request = split(&pdu);
    let around = Surroundings {
        start_tls: StartTls::Offered,
        passwords: Passwords::Welcome,
        outstanding: 0,
        max_outstanding: 100,
        max_controls: 16,
        filter: FilterLimits::default(),
    };
    let mut session = Session::Anonymous;
    repeat(times, || {
        let before = std::mem::replace(&mut session, Session::Anonymous);
        let (binding, action) = before.receive(black_box(&request), black_box(around));
        black_box(action);
        session = binding.bind_ended(black_box(BindEnd::Success));
    });
    black_box(session);
}

fn dn_normalise(times: u64) {
    let name = "CN=Smith\\, Anna+UID=a.smith, OU=People,DC=Example , DC=COM";
    repeat(times, || {
        let _ = black_box(DistinguishedName::parse(black_box(name)));
    });
}

const BIND: Operation = Operation::BindResponse;

fn relayed_bind(code: ResultCode, times: u64) {
    let answer = body(|out| result(code).write(out, id(1), BIND));
    serve(Directory::new(Script::Answer, [answer]), &bind_request(), Asks::Again, times);
}

/// A search that finds one entry.
fn relayed_search(times: u64) {
    let bodies = [found(), body(|out| result(ResultCode::SUCCESS).write(out, id(1), DONE))];
    serve(Directory::new(Script::Answer, bodies), &search_request(), Asks::Again, times);
}

const DONE: Operation = Operation::SearchResultDone;

/// One entry of a search that finds many, each arriving on its own.
fn relayed_entry(times: u64) {
    serve(Directory::new(Script::Stream, [found()]), &search_request(), Asks::Once, times);
}

/// A bind whose user is as her record says, the barrier's question shared with others.
fn unchanged_sign_on(times: u64) {
    let answer = body(|out| result(ResultCode::SUCCESS).write(out, id(1), BIND));
    let request =
        |name: &str| message(|out| write_simple(out, id(3), name.as_bytes(), b"correct horse"));
    jit::serve(answer, request, times);
}

fn bind_request() -> Vec<u8> {
    message(|out| write_simple(out, id(3), NAME.as_bytes(), b"correct horse"))
}

fn search_request() -> Vec<u8> {
    let search = Search {
        base: "dc=example,dc=com".to_owned(),
        scope: Scope::Subtree,
        filter: Filter::parse("(uid=user04711)").expect("it is a filter"),
        attributes: ["cn", "mail"].map(str::to_owned).into(),
        size_limit: 0,
        time_limit: 0,
        // A control that nobody knows: the client has a connection of its own, as one that bound has.
        controls: vec![(b"1.3.6.1.4.1.4711".to_vec(), Vec::new())],
    };
    message(|out| search.write(out, id(3)))
}

/// The body of an entry of some 250 bytes.
fn found() -> Vec<u8> {
    let attribute = |name: &str, values: &[&str]| Attribute {
        name: name.to_owned(),
        values: values.iter().map(|value| value.as_bytes().to_vec()).collect(),
    };
    let attributes = vec![
        attribute("objectClass", &["inetOrgPerson", "organizationalPerson", "person", "top"]),
        attribute("cn", &["User Number 4711"]),
        attribute("mail", &["user04711@example.com", "number.4711@example.com"]),
        attribute("telephoneNumber", &["+41 44 555 47 11"]),
    ];
    body(|out| Entry { dn: NAME.to_owned(), attributes }.write(out, id(1)))
}

fn result(code: ResultCode) -> LdapResult<'static> {
    LdapResult::new(code, "")
}

fn message(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

fn body(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    split(&message(write)).body.to_vec()
}

fn split(pdu: &[u8]) -> Envelope<'_> {
    Envelope::parse(pdu).expect("it was just written")
}

fn id(number: i64) -> MessageId {
    MessageId::new(number).expect("it is in range")
}
