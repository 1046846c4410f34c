//! What bounds a request: its head, its time, and how often it comes.

use crate::fake::{Gateway, LIMITS, TOKEN};
use crate::{agent, get_as};
use bindgate::admin::{Limits, MetricsAccess};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// How long something may take to be counted.
const PATIENCE: Duration = Duration::from_secs(60);

#[track_caller]
fn comes_to_count(gateway: &Gateway, limit: &str) {
    let line = format!("bindgate_limit_hits_total{{limit=\"{limit}\"}} 1");
    let end = Instant::now() + PATIENCE;
    loop {
        let metrics = get_as(gateway, "/metrics", None).text;
        if metrics.lines().any(|found| found == line) {
            return;
        }
        assert!(Instant::now() < end, "no {line:?} in\n{metrics}");
    }
}

fn bounded(change: impl FnOnce(&mut Limits)) -> Gateway {
    let mut limits = LIMITS;
    change(&mut limits);
    Gateway::bounded(limits, MetricsAccess::Open)
}

/// What is answered to these bytes until the connection ends.
fn told(gateway: &Gateway, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(gateway.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // Whoever has heard enough may close before all is written.
    let _ = stream.write_all(bytes);
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn a_head_that_is_too_long_or_has_too_many_fields_is_refused_and_counted() {
    let gateway = bounded(|_| {});
    let fits = format!("GET /livez HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "x".repeat(4000));
    assert!(told(&gateway, fits.as_bytes()).starts_with("HTTP/1.1 200"));
    let long = format!("GET /livez HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "x".repeat(100_000));
    let said = told(&gateway, long.as_bytes());
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 431"), "{said}");
    comes_to_count(&gateway, "admin.max_header");
}

#[test]
fn a_head_that_does_not_come_to_its_end_is_not_waited_for() {
    let gateway = bounded(|limits| limits.header_timeout = Duration::from_millis(200));
    told(&gateway, b"GET /livez HTTP/1.1\r\nHost: x\r\n");
    comes_to_count(&gateway, "admin.header_timeout");
    assert_eq!(get_as(&gateway, "/livez", None).status, 200);
}

/// A request with half its body, which its sender keeps.
fn half_of_a_body(gateway: &Gateway, path: &str, media_type: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(gateway.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!(
        "POST /api/v1{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\
         Content-Type: {media_type}\r\nContent-Length: {}\r\n\r\n",
        2 * body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    stream
}

#[test]
fn a_transfer_goes_on_when_the_time_of_other_requests_is_over() {
    let half = "no row of an export\n";
    let gateway = bounded(|limits| limits.request_timeout = Duration::from_millis(500));
    let mut import = half_of_a_body(&gateway, "/import", "text/plain", half);
    // It began later, so when its time is over that of the other would be too.
    let mut other = half_of_a_body(&gateway, "/preview", "application/json", half);
    let mut said = Vec::new();
    let _ = other.read_to_end(&mut said);
    assert!(said.is_empty(), "{}", String::from_utf8_lossy(&said));
    comes_to_count(&gateway, "admin.request_timeout");
    import.write_all(half.as_bytes()).unwrap();
    let mut text = String::new();
    import.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 400"), "it was read as a whole and judged: {text}");
    // A transfer has its end too.
    let gateway = bounded(|limits| {
        limits.request_timeout = Duration::from_millis(200);
        limits.transfer_timeout = Duration::from_millis(500);
    });
    let mut import = half_of_a_body(&gateway, "/import", "text/plain", half);
    let _ = import.read_to_end(&mut said);
    assert!(said.is_empty(), "{}", String::from_utf8_lossy(&said));
    comes_to_count(&gateway, "admin.transfer_timeout");
}

/// Asks until there is no room; what is answered then.
fn ask_too_often(gateway: &Gateway, bearer: &str) -> ureq::http::Response<ureq::Body> {
    for _ in 0..10_000 {
        let request = agent()
            .get(format!("{}/api/v1/held", gateway.url()))
            .header("Authorization", format!("Bearer {bearer}"));
        let answer = request.call().unwrap();
        if answer.status() == 429 {
            return answer;
        }
    }
    panic!("there is always room");
}

#[test]
fn a_token_that_is_used_too_often_waits_and_another_does_not() {
    let gateway = bounded(|limits| limits.max_token_rate = 1);
    let other = crate::roles::token("reader", bindgate::app::tokens::Role::Read, None);
    gateway.shelves.tokens.lock().unwrap().push(other);
    let mut refused = ask_too_often(&gateway, TOKEN);
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(refused.headers()["content-type"], "application/problem+json");
    let text = refused.body_mut().read_to_string().unwrap();
    assert!(text.contains("\"too-many-requests\""), "{text}");
    let said = get_as(&gateway, "/api/v1/held", Some("Bearer bgt_reader-0123456789"));
    assert_eq!(said.status, 200);
    comes_to_count(&gateway, "admin.max_token_rate");
}

#[test]
fn a_source_that_guesses_tokens_waits_and_health_is_told_all_the_same() {
    let gateway = bounded(|limits| limits.max_source_rate = 1);
    let refused = ask_too_often(&gateway, "a-guess");
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(get_as(&gateway, "/livez", None).status, 200);
    comes_to_count(&gateway, "admin.max_source_rate");
}
