//! What applications see: flat groups on entries that pass through, in filters and in compares, before
//! a directory that knows nested ones and no memberOf at all.
//!
//! Goal: whoever is bound reads the groups of the graph as it is, nested ones too, and finds by them
//! whatever a directory with these very values would find; whoever is not, and whatever has nothing
//! to do with it, is served as the directory has it. Method: a real slapd without memberOf, the real
//! gateway, clients that send raw messages; brute force over the flattened tree as the oracle.

mod support;

#[path = "serving/brute.rs"]
mod brute;
#[path = "serving/filters.rs"]
mod filters;
#[path = "serving/hidden.rs"]
mod hidden;
#[path = "serving/lists.rs"]
mod lists;
#[path = "serving/members.rs"]
mod members;
#[path = "serving/values.rs"]
mod values;
