//! Fuzz bodies: plain functions of bytes, each of which panics if what it states does not hold.
//! Called by the targets of cargo-fuzz, by the replay of the committed corpus, and by mutations.

pub(crate) mod bind_steps;
pub(crate) mod certificate;
pub(crate) mod connection;
pub(crate) mod controls;
pub(crate) mod envelope;
pub(crate) mod filter;
pub(crate) mod framing;
pub(crate) mod names;
pub(crate) mod operations;
pub(crate) mod references;
pub(crate) mod root;
pub(crate) mod session;
pub(crate) mod sync;
pub(crate) mod transactions;

// What the connection is played with: the fakes of the tests of the clients' side.
#[path = "../../tests/frontend/fakes.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "shared with the tests of the clients' side")]
mod fakes;
#[path = "../../tests/frontend/links.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "shared with the tests of the clients' side")]
mod links;
#[path = "../../tests/support/pdu.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the end-to-end tests")]
mod pdu;
#[path = "../../tests/frontend/play.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "shared with the tests of the clients' side")]
mod play;
#[path = "../../tests/frontend/words.rs"]
#[allow(dead_code, reason = "shared with the tests of the clients' side")]
mod words;

/// A fuzz body.
pub(crate) type Body = fn(&[u8]);

/// Every body by name.
pub(crate) const BODIES: &[(&str, Body)] = &[
    ("framing", framing::body),
    ("envelope", envelope::body),
    ("message", operations::message),
    ("bind", operations::bind),
    ("bind_response", operations::bind_response),
    ("search", operations::search),
    ("entry", operations::entry),
    ("modify", operations::modify),
    ("compare", operations::compare),
    ("extended", operations::extended),
    ("extended_response", operations::extended_response),
    ("result", operations::result),
    ("controls", controls::body),
    ("certificate", certificate::body),
    ("sync", sync::body),
    ("filter", filter::wire),
    ("filter_text", filter::text),
    ("dn", names::dn),
    ("attribute", names::attribute),
    ("sasl", bind_steps::body),
    ("referral", references::body),
    ("transaction", transactions::body),
    ("root_dse", root::body),
    ("session", session::body),
    ("connection", connection::body),
];

/// The body of that name.
pub(crate) fn body(name: &str) -> Body {
    let found = BODIES.iter().find(|(other, _)| *other == name);
    found.unwrap_or_else(|| panic!("there is no fuzz body {name}")).1
}
