//! Real programs that ask a directory who may come in, unchanged, before slapd and before the gateway.
//!
//! Goal: whoever is in a group by way of others gets in through the gateway, where the directory alone
//! lets in its direct members only, and others get in nowhere. Method: the real program with the
//! configuration that docs/clients.md shows, once before a slapd that keeps memberOf (direct groups, as it does), once before
//! the gateway; the same visitors at both doors.

mod support;

#[path = "real_clients/apache.rs"]
mod apache;
#[path = "real_clients/apart.rs"]
mod apart;
#[path = "real_clients/dovecot.rs"]
mod dovecot;
#[path = "real_clients/postgresql.rs"]
mod postgresql;
#[path = "real_clients/scene.rs"]
mod scene;
#[path = "real_clients/suffix.rs"]
mod suffix;
#[path = "real_clients/system.rs"]
mod system;
#[path = "real_clients/web.rs"]
mod web;
