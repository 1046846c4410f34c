//! The use cases, and the ports that the floor above implements.

pub mod barrier;
mod boarding;
pub mod breaker;
pub mod edits;
pub mod events;
pub mod flights;
pub mod gateway;
pub mod observe;
pub mod oversight;
pub mod ports;
pub mod reconcile;
pub mod saved;
pub mod serving;
pub mod sign_on;
pub mod switches;
pub mod throttle;
