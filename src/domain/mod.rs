//! Decisions, and nothing else: no async, no I/O, no clock, no randomness, no locks, no logging.
//!
//! Time and new ids are arguments; what is to be done comes back as a value.

pub mod activation;
pub mod change;
pub mod channel;
pub mod csn;
pub mod digest;
pub mod explain;
pub mod identity;
pub mod kind;
pub mod linking;
pub mod mass_change;
pub mod matching;
pub mod membership;
pub mod name_rule;
pub mod observation;
pub mod offer;
pub mod paging;
pub mod plan;
pub mod policy;
pub mod principal;
pub mod protection;
pub mod record;
pub mod referral;
pub mod rehearsal;
pub mod relay;
pub mod replication;
pub mod root_dse;
pub mod sasl;
pub mod secret;
pub mod serving;
pub mod session;
pub mod sharing;
pub mod sid;
pub mod sighting;
pub mod source;
pub mod step;
pub mod strategy;
pub mod suffix;
pub mod survey;
pub mod throttle;
mod throttle_names;
pub mod time;
pub mod transaction;
pub mod view;
pub mod vouching;
pub mod walk;
