//! The rules of just-in-time synchronisation, as statements: what the pure functions of `domain`
//! decide.
//!
//! Goal: every rule of the semantics that a pure function can keep is kept for every input, not
//! for the examples alone. Method: tables for what is named in the rules, and properties over
//! random records, policies and group graphs, held against a naive oracle. A test that proves a
//! rule bears its id at the front of its name.

#[path = "support/counts.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the end-to-end tests")]
mod counts;
#[path = "support/dice.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the end-to-end tests")]
mod dice;

#[path = "domain/activation.rs"]
mod activation;
#[path = "domain/change.rs"]
mod change;
#[path = "domain/explain.rs"]
mod explain;
#[path = "domain/graph.rs"]
mod graph;
#[path = "domain/identity.rs"]
mod identity;
#[path = "domain/lifecycle.rs"]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod lifecycle;
#[path = "domain/linking.rs"]
mod linking;
#[path = "domain/mass_change.rs"]
mod mass_change;
#[path = "domain/membership.rs"]
mod membership;
#[path = "domain/plan.rs"]
mod plan;
#[path = "domain/plan_policies.rs"]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod plan_policies;
#[path = "domain/plan_properties.rs"]
mod plan_properties;
#[path = "domain/protection.rs"]
mod protection;
#[path = "domain/record.rs"]
mod record;
#[path = "domain/rehearsal.rs"]
mod rehearsal;
#[path = "domain/replication.rs"]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod replication;
#[path = "domain/scene.rs"]
mod scene;
#[path = "domain/step.rs"]
mod step;
#[path = "domain/strategy.rs"]
mod strategy;
#[path = "domain/survey.rs"]
mod survey;
#[path = "domain/switches.rs"]
mod switches;
#[path = "domain/view.rs"]
mod view;
#[path = "domain/walk.rs"]
mod walk;
#[path = "domain/walk_properties.rs"]
mod walk_properties;
