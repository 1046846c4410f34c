//! Closures: flattening them on reading.

use super::observation::Closure;
use super::policy::Flatten;
use super::record::UpstreamId;
use std::collections::BTreeSet;

/// The groups of a closure that a mode shows (semantics S6.2).
pub fn flatten(
    _closure: &Closure,
    _mode: Flatten,
    _mapped: &BTreeSet<UpstreamId>,
) -> BTreeSet<UpstreamId> {
    todo!()
}
