//! The relay: what a client sends reaches the directory, as the user that it is bound as, and what
//! the directory answers comes back.
//!
//! Goal: a client cannot tell the gateway from the directory by the result of any operation, and
//! a hostile one can neither keep an identity nor cost more than a closed connection. Method: raw
//! messages, OpenLDAP's tools and the `ldap3` crate against the gateway before a real slapd.

mod support;

#[path = "relay/apart.rs"]
mod apart;
#[path = "relay/balancer.rs"]
mod balancer;
#[path = "relay/binds.rs"]
mod binds;
#[path = "relay/clients.rs"]
mod clients;
#[path = "relay/controls.rs"]
mod controls;
#[path = "relay/door.rs"]
mod door;
#[path = "relay/fast_bind.rs"]
mod fast_bind;
#[path = "relay/hostile.rs"]
mod hostile;
#[path = "relay/kerberos.rs"]
mod kerberos;
#[path = "relay/limits.rs"]
mod limits;
#[path = "relay/operations.rs"]
mod operations;
#[path = "relay/proxied.rs"]
mod proxied;
#[path = "relay/referrals.rs"]
mod referrals;
#[path = "relay/root_dse.rs"]
mod root_dse;
#[path = "relay/sasl.rs"]
mod sasl;
#[path = "relay/shared.rs"]
mod shared;
#[path = "relay/throttle.rs"]
mod throttle;
