//! The admin API of the gateway as it is shipped: over TLS, with sessions of real clients, and by its
//! own document.
//!
//! Goal: what the document promises holds of the running gateway. Method: the binary before slapd,
//! OpenLDAP's tools, the commands, and schemathesis, which makes requests of the document.

mod support;

#[path = "api/document.rs"]
mod document;
#[path = "api/sessions.rs"]
mod sessions;
#[path = "api/tls.rs"]
mod tls;
#[path = "api/tokens.rs"]
mod tokens;

const ANN: &str = "uid=ann,ou=people,dc=example,dc=com";
const BOB: &str = "uid=bob,ou=people,dc=example,dc=com";
