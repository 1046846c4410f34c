//! Closures: all groups above some names, level by level.

use super::marks::Marks;
use super::names::{NameNumber, Space};
use super::{Graph, UserPlace, whole};
use crate::domain::membership::entry::MemberKey;
use crate::domain::observation::{Closure, Observed, ObservedGroup, UnknownReason};
use crate::domain::record::{Route, UpstreamId};
use std::collections::BTreeSet;

/// The bounds of a closure; what lies beyond makes it unknown, never shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClosureLimits {
    /// The most levels to look at: the last has to show nothing new.
    pub max_depth: usize,
    /// The most groups.
    pub max_groups: usize,
}

/// A group's number in a graph, until the graph changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupNumber(u32);

impl GroupNumber {
    pub(super) fn at(place: u32) -> Self {
        Self(place)
    }

    pub(super) fn place(self) -> u32 {
        self.0
    }
}

/// A group of a closure, and how it was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// The group.
    pub group: GroupNumber,
    /// The least depth; 1 is a group that holds one of the names itself.
    pub depth: u32,
    /// The position in the closure of a group right below it, on a shortest way; none at depth 1.
    pub below: Option<u32>,
}

/// Memory that closures may share, one after the other, so that they need none of their own.
#[derive(Debug, Clone, Default)]
pub struct Scratch {
    reached: Vec<Reached>,
    marks: Marks,
}

impl Graph {
    /// All groups of whoever has these names, with the shortest way to each: of several the one
    /// whose ids come first.
    pub fn closure(&self, of: &[MemberKey], limits: ClosureLimits) -> Observed<Closure> {
        self.closure_of(self.known(of), limits)
    }

    pub(super) fn closure_of(
        &self,
        of: impl Iterator<Item = NameNumber>,
        limits: ClosureLimits,
    ) -> Observed<Closure> {
        let mut scratch = Scratch::default();
        let by_way = |level: &mut [Reached]| {
            level.sort_by(|left, right| {
                left.below.cmp(&right.below).then_with(|| self.compare_ids(left.group, right.group))
            });
        };
        match self.climb(of, limits, &mut scratch, by_way) {
            Ok(()) => Observed::Known(self.materialised(&scratch)),
            Err(reason) => Observed::Unknown(reason),
        }
    }

    /// The same groups with their depths, as numbers and in no order but that of the levels. Of
    /// several shortest ways any is told.
    pub fn reach_in<'s>(
        &self,
        of: &[MemberKey],
        limits: ClosureLimits,
        scratch: &'s mut Scratch,
    ) -> Observed<&'s [Reached]> {
        self.reach_of(self.known(of), limits, scratch)
    }

    pub(super) fn reach_of<'s>(
        &self,
        of: impl Iterator<Item = NameNumber>,
        limits: ClosureLimits,
        scratch: &'s mut Scratch,
    ) -> Observed<&'s [Reached]> {
        match self.climb(of, limits, scratch, |_| ()) {
            Ok(()) => Observed::Known(&scratch.reached),
            Err(reason) => Observed::Unknown(reason),
        }
    }

    /// A number that is another as soon as anything is that [`Graph::closure`] shows; with the same
    /// seed, two graphs of the same entries have the same.
    pub fn fingerprint(&self, of: &[MemberKey], limits: ClosureLimits) -> Observed<u128> {
        self.fingerprint_in(of, limits, &mut Scratch::default())
    }

    /// The same, in memory that is there already.
    pub fn fingerprint_in(
        &self,
        of: &[MemberKey],
        limits: ClosureLimits,
        scratch: &mut Scratch,
    ) -> Observed<u128> {
        self.fingerprint_of(self.known(of), limits, scratch)
    }

    /// The same for a user that was found by name.
    pub fn fingerprint_at(
        &self,
        user: UserPlace,
        limits: ClosureLimits,
        scratch: &mut Scratch,
    ) -> Observed<u128> {
        let uids = self.uids.get(&user.place).into_iter().flatten();
        let uids = uids.filter_map(|uid| self.names.find_uid(uid));
        self.fingerprint_of(std::iter::once(user.name).chain(uids), limits, scratch)
    }

    fn fingerprint_of(
        &self,
        of: impl Iterator<Item = NameNumber>,
        limits: ClosureLimits,
        scratch: &mut Scratch,
    ) -> Observed<u128> {
        match self.climb(of, limits, scratch, |_| ()) {
            Ok(()) => {
                let parts = scratch.reached.iter().map(|step| self.part(step));
                Observed::Known(parts.fold(0, u128::wrapping_add))
            }
            Err(reason) => Observed::Unknown(reason),
        }
    }

    fn known<'k>(&'k self, of: &'k [MemberKey]) -> impl Iterator<Item = NameNumber> + 'k {
        of.iter().filter_map(|key| self.names.find(key))
    }

    /// The upstream id of a group.
    pub fn id_of(&self, group: GroupNumber) -> Option<UpstreamId> {
        self.groups.get(group.0).map(|slot| slot.id.upstream_id())
    }

    /// Level by level. `order` puts each level in the order of the ways that lead there, if that
    /// matters: then the first way that is found is the one that counts.
    fn climb(
        &self,
        of: impl Iterator<Item = NameNumber>,
        limits: ClosureLimits,
        scratch: &mut Scratch,
        order: impl Fn(&mut [Reached]),
    ) -> Result<(), UnknownReason> {
        let Scratch { reached, marks } = scratch;
        reached.clear();
        marks.clear();
        if limits.max_depth == 0 {
            return Err(UnknownReason::DepthLimit);
        }
        let lists = self.names.lists();
        let mut note = |reached: &mut Vec<Reached>, list, depth, below| {
            lists.each(list, |group| {
                if marks.note(group, 0) {
                    reached.push(Reached { group: GroupNumber(group), depth, below });
                }
            });
            let is_within = reached.len() <= limits.max_groups;
            is_within.then_some(()).ok_or(UnknownReason::TooManyGroups)
        };
        for name in of {
            note(reached, self.names.listing(name), 1, None)?;
        }
        let mut level = 0..reached.len();
        while !level.is_empty() {
            let depth = reached[level.start].depth;
            if depth as usize >= limits.max_depth {
                return Err(UnknownReason::DepthLimit);
            }
            order(&mut reached[level.clone()]);
            for at in level.clone() {
                let above = self.above[reached[at].group.0 as usize];
                note(reached, above, depth + 1, Some(at as u32))?;
            }
            level = level.end..reached.len();
        }
        Ok(())
    }

    /// Tells the groups that hold a group directly.
    pub(super) fn each_above(&self, group: GroupNumber, tell: impl FnMut(u32)) {
        self.names.lists().each(self.above[group.0 as usize], tell);
    }

    /// What was reached, in full.
    fn materialised(&self, scratch: &Scratch) -> Closure {
        let reached = &scratch.reached;
        let mut marks = Marks::default();
        marks.clear();
        let mut groups: Vec<ObservedGroup> = Vec::with_capacity(reached.len());
        for (position, step) in reached.iter().enumerate() {
            let Some(slot) = self.groups.get(step.group.0) else { continue };
            let group = slot.group();
            let below = step.below.and_then(|below| groups.get(below as usize));
            let below = below.map(|below| &*below.route.path).unwrap_or_default();
            let path = below.iter().cloned().chain([group.id.clone()]).collect();
            let route = Route { path, direct: step.depth == 1 };
            marks.note(step.group.0, position as u32);
            groups.push(ObservedGroup { group, route, members: BTreeSet::new() });
        }
        for (position, step) in reached.iter().enumerate() {
            self.each_above(step.group, |above| {
                let below = groups[position].group.id.clone();
                let above = marks.position(above).and_then(|above| groups.get_mut(above as usize));
                if let Some(above) = above {
                    above.members.insert(below);
                }
            });
        }
        groups.into_iter().map(|seen| (seen.group.id.clone(), seen)).collect()
    }

    /// What a group adds to a fingerprint: who it is, how deep, and which groups hold it. Those
    /// are added up, so that their order does not matter, before all is hashed again.
    fn part(&self, step: &Reached) -> u128 {
        let mut above = 0_u128;
        self.each_above(step.group, |at| {
            above = above.wrapping_add(whole(self.hashes[at as usize]))
        });
        let mut bytes = [0; 36];
        bytes[..16].copy_from_slice(&whole(self.hashes[step.group.0 as usize]).to_ne_bytes());
        bytes[16..32].copy_from_slice(&above.to_ne_bytes());
        bytes[32..].copy_from_slice(&step.depth.to_ne_bytes());
        whole(self.names.hash(Space::Place, &bytes))
    }

    fn compare_ids(&self, left: GroupNumber, right: GroupNumber) -> std::cmp::Ordering {
        match (self.groups.get(left.0), self.groups.get(right.0)) {
            (Some(left), Some(right)) => left.id.compare(&right.id),
            _ => std::cmp::Ordering::Equal,
        }
    }
}
