//! What the live copy says of groups.

use super::effective::{Overlay, overlay};
use super::{Asked, Lens, Seen, Truths, Wanted, stranger};
use crate::app::observe::closure_limits;
use crate::app::ports::{Coverage, Ports, Records};
use crate::app::sign_on::own_id;
use crate::domain::matching::Truth;
use crate::domain::membership::flatten;
use crate::domain::membership::graph::{Graph, GroupNumber, Place, Scratch};
use crate::domain::observation::Observed;
use crate::domain::policy::{DirectoryPolicy, Flatten, GroupPolicy, UserType};
use crate::domain::record::{Group, UpstreamId};
use crate::domain::serving::filter::{Item, Reach, truth};
use crate::domain::serving::plan::{self, Demands, Members};
use crate::proto::dn::{DistinguishedName, NormalizedDn};
use crate::proto::filter::Filter;
use std::cell::RefCell;
use std::collections::BTreeSet;

thread_local! {
    /// Where closures are found; each worker keeps its own.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// The live copy while it stands still.
pub(super) struct Live<'a, P: Ports> {
    pub(super) policy: &'a DirectoryPolicy,
    pub(super) groups: &'a GroupPolicy,
    /// How whoever looks is shown groups.
    pub(super) lens: Lens<'a>,
    pub(super) records: &'a P::Records,
    pub(super) graph: &'a Graph,
    pub(super) coverage: Coverage,
}

/// The groups of an entry.
#[derive(Debug, Default)]
struct Effective {
    /// Those of the directory that are shown.
    shown: Vec<GroupNumber>,
    /// All of the directory that are above the entry, where that is more than what is shown.
    chain: Option<Vec<GroupNumber>>,
    /// Those that the record adds.
    more: Vec<Group>,
}

impl<P: Ports> Live<'_, P> {
    /// How a search is asked.
    pub(super) fn ask(&self, filter: &Filter, demands: Demands, most: usize) -> Asked {
        let mut unknown = None;
        let plan = plan::plan(filter, demands, &mut |items| match self.members(items, most) {
            Observed::Known(members) => members,
            Observed::Unknown(reason) => {
                unknown = Some(reason);
                Members::Nameless
            }
        });
        if unknown.is_some() { Asked::Unknown } else { Asked::By(plan) }
    }

    pub(super) fn look(&self, dn: &DistinguishedName, wanted: &Wanted) -> Seen {
        let Some(place) = self.place(dn) else { return stranger(wanted) };
        let effective = match self.effective(place) {
            Observed::Known(effective) => effective,
            Observed::Unknown(reason) => return Seen::Unknown(reason),
        };
        if let Some(check) = &wanted.check
            && truth(check, &mut |item| self.truth(&effective, item)) != Truth::True
        {
            return Seen::Unmatched;
        }
        Seen::Shown(if wanted.values { self.values(&effective) } else { Vec::new() })
    }

    pub(super) fn tell(&self, dn: &DistinguishedName, items: &[Item]) -> Truths {
        let Some(place) = self.place(dn) else { return Truths::Stranger };
        match self.effective(place) {
            Observed::Unknown(_) => Truths::Unknown,
            Observed::Known(of) => {
                Truths::Known(items.iter().map(|item| self.truth(&of, item)).collect())
            }
        }
    }

    fn place(&self, dn: &DistinguishedName) -> Option<Place> {
        self.graph.stands_at(dn.normalized())
    }

    /// The values of memberOf: names as the directory spells them, in the order of these.
    fn values(&self, effective: &Effective) -> Vec<String> {
        let shown = effective.shown.iter().filter_map(|group| self.graph.group_of(*group));
        let more = effective.more.iter().map(|group| group.dn.clone());
        let all = shown.map(|group| group.dn).chain(more);
        let mut values: Vec<String> = all.map(|dn| self.lens.called(dn)).collect();
        values.sort_unstable();
        values.dedup();
        values
    }

    fn truth(&self, effective: &Effective, item: &Item) -> Truth {
        let Effective { shown, chain, more } = effective;
        match item {
            Item::Undefined => Truth::Undefined,
            Item::Any => Truth::from_bool(!shown.is_empty() || !more.is_empty()),
            Item::In(dn, reach) => {
                let above = match (reach, chain) {
                    (Reach::Chain, Some(chain)) => chain,
                    _ => shown,
                };
                let number = self.graph.group_named(dn);
                let is_above = number.is_some_and(|number| above.contains(&number));
                let id = self.id_of(dn);
                Truth::from_bool(is_above || more.iter().any(|group| group.id == id))
            }
        }
    }

    /// The id of the group of that name: the directory's, or else the one that a group of the
    /// gateway's own would have.
    fn id_of(&self, dn: &NormalizedDn) -> UpstreamId {
        let number = self.graph.group_named(dn);
        number.and_then(|number| self.graph.id_of(number)).unwrap_or_else(|| own_id(dn))
    }

    /// The groups of an entry that whoever looks is shown.
    fn effective(&self, place: Place) -> Observed<Effective> {
        let mut of = match self.all_effective(place) {
            Observed::Known(of) => of,
            unknown @ Observed::Unknown(_) => return unknown,
        };
        if !self.lens.is_clear() {
            let is_shown = |number: &GroupNumber| {
                let group = self.graph.group_of(*number);
                group.is_some_and(|group| self.lens.shows(&group.dn))
            };
            of.shown.retain(is_shown);
            of.chain.iter_mut().for_each(|chain| chain.retain(is_shown));
            of.more.retain(|group| self.lens.shows(&group.dn));
        }
        Observed::Known(of)
    }

    fn all_effective(&self, place: Place) -> Observed<Effective> {
        let Some(id) = self.graph.id_at(place) else {
            return Observed::Known(Effective::default());
        };
        let (overlay, kind) = overlay(self.records, self.policy, &id, self.lens.mode());
        let ignoring = self.ignoring(kind.as_deref());
        let (more, less, frozen) = match overlay {
            Overlay::Suspended => return Observed::Known(Effective::default()),
            Overlay::Nothing => (Vec::new(), BTreeSet::new(), None),
            Overlay::Changed { more, less, frozen } => (more, less, frozen),
        };
        if let Some(frozen) = frozen {
            let kept = frozen.into_iter().filter(|group| !less.contains(&group.id));
            let more = more.into_iter().chain(kept).collect();
            return Observed::Known(Effective { more, ..Effective::default() });
        }
        let (mut shown, mut chain) = match self.directory_says(place) {
            Observed::Known(said) => said,
            Observed::Unknown(reason) => return Observed::Unknown(reason),
        };
        let is_kept = |number: &GroupNumber| {
            let Some(group) = self.graph.group_of(*number) else { return false };
            let is_ignored = || ignoring.iter().all(|user_type| user_type.ignores(&group));
            !less.contains(&group.id) && (ignoring.is_empty() || !is_ignored())
        };
        if !ignoring.is_empty() || !less.is_empty() {
            shown.retain(is_kept);
            chain.iter_mut().for_each(|chain| chain.retain(is_kept));
        }
        Observed::Known(Effective { shown, chain, more })
    }

    /// The user types all of which have to leave a group alone for it to be left out: that of the
    /// record; without one nobody knows which it will be, so all of them.
    fn ignoring(&self, kind: Option<&str>) -> Vec<&UserType> {
        let types = self.policy.user_types.iter();
        let may_be = |user_type: &&UserType| kind.is_none_or(|kind| &*user_type.name == kind);
        let types: Vec<&UserType> = types.filter(may_be).collect();
        let ignores = types.iter().all(|user_type| !user_type.ignored_groups.is_empty());
        if ignores { types } else { Vec::new() }
    }

    /// The groups that are shown and, if these are more, all above somebody.
    #[allow(clippy::type_complexity)]
    fn directory_says(
        &self,
        place: Place,
    ) -> Observed<(Vec<GroupNumber>, Option<Vec<GroupNumber>>)> {
        let limits = closure_limits(self.groups);
        if self.lens.mode() == Flatten::Ancestors {
            return SCRATCH.with(|scratch| {
                let mut own = Scratch::default();
                let mut shared = scratch.try_borrow_mut();
                let scratch = shared.as_deref_mut().unwrap_or(&mut own);
                match self.graph.reach_at(place, limits, scratch) {
                    Observed::Known(reached) => {
                        Observed::Known((reached.iter().map(|step| step.group).collect(), None))
                    }
                    Observed::Unknown(reason) => Observed::Unknown(reason),
                }
            });
        }
        let closure = match self.graph.closure_at(place, limits) {
            Observed::Known(closure) => closure,
            Observed::Unknown(reason) => return Observed::Unknown(reason),
        };
        let shown = flatten(&closure, self.lens.mode(), &BTreeSet::new());
        let number = |id: &UpstreamId| self.graph.group_as(id);
        let all = closure.keys().filter_map(number).collect();
        Observed::Known((shown.iter().filter_map(number).collect(), Some(all)))
    }

    /// Everybody of whom one of these items is True.
    fn members(&self, items: &[Item], most: usize) -> Observed<Members> {
        if self.coverage != Coverage::GroupsAndUsers {
            return Observed::Known(Members::Nameless);
        }
        let Some(candidates) = self.candidates(items, most) else {
            return Observed::Known(Members::TooMany);
        };
        let mut members = Vec::with_capacity(candidates.len());
        for id in candidates {
            match self.is_one(&id, items) {
                Observed::Known(true) => members.push(id),
                Observed::Known(false) => {}
                Observed::Unknown(reason) => return Observed::Unknown(reason),
            }
        }
        Observed::Known(Members::Known(members))
    }

    /// Everybody who might be; `None` if they are too many.
    fn candidates(&self, items: &[Item], most: usize) -> Option<Vec<UpstreamId>> {
        let mut found = BTreeSet::new();
        for item in items {
            let given = match item {
                Item::Undefined => continue,
                Item::Any => {
                    found.extend(self.graph.all_below(most)?);
                    self.records.given(&self.policy.name, None, most)?
                }
                Item::In(dn, _) => {
                    let group = self.graph.group_named(dn);
                    found.extend(self.graph.below(group.as_slice(), most)?);
                    self.records.given(&self.policy.name, Some(&self.id_of(dn)), most)?
                }
            };
            found.extend(given);
            if found.len() > most {
                return None;
            }
        }
        Some(found.into_iter().collect())
    }

    fn is_one(&self, id: &UpstreamId, items: &[Item]) -> Observed<bool> {
        // Whoever has a record and is not in the copy is no entry that could be found.
        let Some(place) = self.graph.stands_as(id) else { return Observed::Known(false) };
        match self.effective(place) {
            Observed::Unknown(reason) => Observed::Unknown(reason),
            Observed::Known(of) => {
                Observed::Known(items.iter().any(|item| self.truth(&of, item) == Truth::True))
            }
        }
    }
}
