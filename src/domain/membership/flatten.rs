//! Closures: flattening them on reading.
//!
//! A record keeps the whole closure; which of its groups somebody is shown is decided when it is
//! read, so that two readers can have two modes (S6.5). There is no recursion here: a chain of
//! groups may be as long as `max_groups_per_user`.

use crate::domain::observation::Closure;
use crate::domain::policy::Flatten;
use crate::domain::record::{Membership, Record, UpstreamId};
use std::collections::{BTreeMap, BTreeSet};

/// The groups of a closure that a mode shows (semantics S6.2).
pub fn flatten(
    closure: &Closure,
    mode: Flatten,
    mapped: &BTreeSet<UpstreamId>,
) -> BTreeSet<UpstreamId> {
    match mode {
        Flatten::Ancestors => closure.keys().cloned().collect(),
        Flatten::Leaf => leaves(closure),
        Flatten::Mapped => closure.keys().filter(|id| mapped.contains(*id)).cloned().collect(),
        Flatten::Direct => by_route(closure, |depth, direct| direct || depth == 1),
        Flatten::Depth(above) => by_route(closure, |depth, _| depth <= above.saturating_add(1)),
    }
}

/// The groups that the directory said of a record, as a mode shows them, by the way that is kept to
/// each.
pub fn flatten_kept(record: &Record, mode: Flatten) -> Vec<&UpstreamId> {
    let rows: Vec<(&UpstreamId, &Membership)> = record.managed_memberships().collect();
    let above: BTreeSet<&UpstreamId> =
        rows.iter().flat_map(|(_, row)| row.route.path.iter().skip(1)).collect();
    let shows = |id: &UpstreamId, row: &Membership| match mode {
        Flatten::Ancestors => true,
        Flatten::Direct => row.route.direct || row.route.depth() == 1,
        Flatten::Depth(levels) => row.route.depth() <= levels.saturating_add(1),
        Flatten::Leaf => !above.contains(id),
        Flatten::Mapped => false,
    };
    rows.into_iter().filter(|(id, row)| shows(id, row)).map(|(id, _)| id).collect()
}

fn by_route(closure: &Closure, shows: impl Fn(usize, bool) -> bool) -> BTreeSet<UpstreamId> {
    let shown = closure.iter().filter(|(_, seen)| shows(seen.route.depth(), seen.route.direct));
    shown.map(|(id, _)| id.clone()).collect()
}

/// The groups below which nothing of the closure lies but their own cycle: those of a cycle from
/// which no edge leads down.
fn leaves(closure: &Closure) -> BTreeSet<UpstreamId> {
    let below = edges(closure);
    let cycles = cycles(&below);
    let leads_down = |at: &usize| below[*at].iter().any(|low| cycles[*low] != cycles[*at]);
    let higher: BTreeSet<usize> =
        (0..below.len()).filter(leads_down).map(|at| cycles[at]).collect();
    let groups = closure.keys().zip(&cycles).filter(|(_, cycle)| !higher.contains(cycle));
    groups.map(|(id, _)| id.clone()).collect()
}

/// For each group, in the closure's order, the positions of the groups right below it.
fn edges(closure: &Closure) -> Vec<Vec<usize>> {
    let positions: BTreeMap<&UpstreamId, usize> =
        closure.keys().enumerate().map(|(at, id)| (id, at)).collect();
    let below = |members: &BTreeSet<UpstreamId>| {
        members.iter().filter_map(|id| positions.get(id).copied()).collect()
    };
    closure.values().map(|seen| below(&seen.members)).collect()
}

/// For each node the number of its strongly connected component, by Kosaraju's two passes: nodes
/// in the order in which a search leaves them, then backwards along the edges from the last.
fn cycles(edges: &[Vec<usize>]) -> Vec<usize> {
    let mut seen = vec![false; edges.len()];
    let mut left = Vec::with_capacity(edges.len());
    for start in 0..edges.len() {
        visit(start, edges, &mut seen, |node| left.push(node));
    }
    let mut reversed = vec![Vec::new(); edges.len()];
    for (from, targets) in edges.iter().enumerate() {
        targets.iter().for_each(|to| reversed[*to].push(from));
    }
    let mut seen = vec![false; edges.len()];
    let mut component = vec![0; edges.len()];
    for start in left.into_iter().rev() {
        visit(start, &reversed, &mut seen, |node| component[node] = start);
    }
    component
}

/// Goes depth first through what is not seen yet, and tells each node when it is left.
fn visit(start: usize, edges: &[Vec<usize>], seen: &mut [bool], mut leave: impl FnMut(usize)) {
    if std::mem::replace(&mut seen[start], true) {
        return;
    }
    let mut trail = vec![(start, edges[start].iter())];
    while let Some((node, rest)) = trail.last_mut() {
        match rest.next() {
            Some(&next) if !std::mem::replace(&mut seen[next], true) => {
                trail.push((next, edges[next].iter()));
            }
            Some(_) => {}
            None => {
                leave(*node);
                trail.pop();
            }
        }
    }
}
