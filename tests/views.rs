//! Views: what one client application may do and is shown, by where it connects, from where it comes
//! and as whom it is bound.
//!
//! Goal: a view takes away or says otherwise exactly what it says, for exactly those whom it is for,
//! and from the bind on that makes them those. Method: a real slapd, the real gateway with several
//! views, clients that send raw messages by way of several of them at once.

mod support;

#[path = "views/brute.rs"]
mod brute;
#[path = "views/explained.rs"]
mod explained;
#[path = "views/following.rs"]
mod following;
#[path = "views/hidden.rs"]
mod hidden;
#[path = "views/limits.rs"]
mod limits;
#[path = "views/recognised.rs"]
mod recognised;
#[path = "views/shown.rs"]
mod shown;
