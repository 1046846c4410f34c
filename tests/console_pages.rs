//! The web console: who sees which page and does what with a form, and that nothing gets past the
//! login.
//!
//! Goal: every page and every form in the table of pages is for those whose role allows it and for
//! nobody else; a form counts only from a page of the same login; names do no harm. Method: a real
//! gateway before a real slapd, and a client that keeps cookies as a browser does.

#![cfg(feature = "console")]

mod support;

#[path = "console_pages/browser.rs"]
mod browser;
#[path = "console_pages/content.rs"]
mod content;
#[path = "console_pages/doors.rs"]
mod doors;
#[path = "console_pages/login.rs"]
mod login;
#[path = "console_pages/roles.rs"]
mod roles;
#[path = "console_pages/steering.rs"]
mod steering;
#[path = "console_pages/views.rs"]
mod views;

use support::gateway::Gateway;
use support::slapd::Slapd;

const ANN: &str = "uid=ann,ou=people,dc=example,dc=com";

/// A gateway at which ann has signed on.
fn with_ann(slapd: &Slapd) -> Gateway {
    let gateway = Gateway::before(slapd.port());
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    gateway
}

/// A view that shows less, to clients of an account of the gateway's own.
const PORTAL: &str = "name = \"portal\"\nflatten = \"direct\"\nwrites = \"deny\"\n\
                      attributes = [\"objectClass\", \"uid\", \"cn\", \"memberOf\"]\n\
                      [view.match]\nbind_dns = [\"cn=portal,ou=services,dc=example,dc=com\"]";

/// A gateway with a view.
fn with_a_view(slapd: &Slapd) -> Gateway {
    Gateway::configured(slapd.port(), |settings, _| settings.add_view(PORTAL))
}
