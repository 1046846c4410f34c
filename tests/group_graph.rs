//! The graph of all groups against others that know the same: a naive fixpoint, petgraph, the
//! member walk, and a graph that is built anew.
//!
//! Goal: whatever changes come in, and in whatever order, the graph says what the entries say, and
//! keeps nothing of what is gone. Method: random sequences of changes on a few ids and names, so
//! that they meet: cycles, diamonds, members that nobody is, groups that hold themselves, renamed
//! groups, two entries of one name, a group that becomes a user. After each step the graph is held
//! against a model that is a plain list of entries.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

#[path = "group_graph/examples.rs"]
mod examples;
#[path = "group_graph/forests.rs"]
mod forests;
#[path = "group_graph/model.rs"]
mod model;
#[path = "group_graph/sequences.rs"]
mod sequences;
