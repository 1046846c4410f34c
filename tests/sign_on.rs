//! Sign-ons with fakes: what is unknown takes nothing away, no sign-on is older than its bind, many
//! at once are few flights, and what is lost lets its passengers go.

#![allow(clippy::unwrap_used)] // Helpers of tests are not exempt as tests are.

#[path = "sign_on/copy.rs"]
mod copy;
#[path = "sign_on/edits.rs"]
mod edits;
#[path = "frontend/fakes.rs"]
#[allow(dead_code, reason = "shared with the tests of the clients' side")]
mod fakes;
#[path = "sign_on/flights.rs"]
mod flights;
#[path = "sign_on/forecast.rs"]
mod forecast;
#[path = "sign_on/kept.rs"]
mod kept;
#[path = "frontend/links.rs"]
#[allow(dead_code, reason = "shared with the tests of the clients' side")]
mod links;
#[path = "sign_on/stage.rs"]
mod stage;
#[path = "sign_on/traced.rs"]
mod traced;
#[path = "sign_on/unknown.rs"]
mod unknown;
