//! The use cases, and the ports that the floor above implements.

pub mod audit;
pub mod barrier;
mod boarding;
pub mod breaker;
pub mod callers;
pub mod edits;
pub mod events;
pub mod flights;
pub mod forecast;
pub mod gateway;
pub mod groups;
pub mod kind;
pub mod linking;
pub mod live;
pub mod observe;
pub mod oversight;
pub mod ports;
mod protection;
pub mod reconcile;
pub mod rehearsal;
pub mod saved;
pub mod serving;
pub mod sign_on;
pub mod suffix;
pub mod switches;
pub mod throttle;
pub mod view_switches;
