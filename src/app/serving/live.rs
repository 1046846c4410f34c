//! What the live copy says of groups.

use super::effective::{Overlay, overlay};
use super::members::{Held, Holding};
use super::{Asked, Lens, Seen, Truths, Wanted};
use crate::app::observe::closure_limits;
use crate::app::ports::{Ports, Records};
use crate::app::sign_on::own_id;
use crate::domain::matching::Truth;
use crate::domain::membership::graph::{Graph, GroupNumber, Place, Scratch};
use crate::domain::membership::{MemberKey, flatten};
use crate::domain::observation::{Observed, UnknownReason};
use crate::domain::policy::{DirectoryPolicy, Flatten, GroupPolicy, UserType};
use crate::domain::record::{Group, UpstreamId};
use crate::domain::serving::filter::{Item, Parsed, Reach, Said};
use crate::domain::serving::plan::{self, Demands, Listed};
use crate::proto::dn::{DistinguishedName, NormalizedDn};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

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

impl Effective {
    fn above(&self, reach: Reach) -> &[GroupNumber] {
        match (reach, &self.chain) {
            (Reach::Chain, Some(chain)) => chain,
            _ => &self.shown,
        }
    }
}

/// Items, and what has to be known once for all entries.
struct Question<'q> {
    items: &'q [Item],
    /// For each of them, if it is on members: the groups of those whom it names; `None` if nothing is
    /// known of them.
    holders: Vec<Option<Vec<Effective>>>,
}

impl<P: Ports> Live<'_, P> {
    /// How a search is asked.
    pub(super) fn ask(&self, parsed: &Arc<Parsed>, demands: Demands, most: usize) -> Asked {
        let Ok(question) = self.question(parsed.items()) else { return Asked::Unknown };
        let is_known = |at: usize| question.holders.get(at).is_some_and(Option::is_some);
        let unlisted = plan::of_others(question.items, is_known);
        let mut is_unknown = false;
        let plan = plan::plan(parsed, demands, &unlisted, &mut || {
            let listed = self.list(&question, most);
            is_unknown |= listed.is_err();
            listed.unwrap_or(Listed::Nameless)
        });
        if is_unknown { Asked::Unknown } else { Asked::By(plan) }
    }

    pub(super) fn look(&self, dn: &DistinguishedName, wanted: &Wanted) -> Seen {
        let place = self.place(dn);
        let effective = match place.map(|place| self.effective(place)) {
            Some(Observed::Unknown(reason)) => return Seen::Unknown(reason),
            Some(Observed::Known(effective)) => Some(effective),
            None => None,
        };
        if let Some(check) = &wanted.check {
            let said = match self.question_of(check.items(), place) {
                Ok(question) => self.said(&question, place, effective.as_ref()),
                Err(reason) => return Seen::Unknown(reason),
            };
            if !check.passes(&said) {
                return Seen::Unmatched;
            }
        }
        match effective {
            None => Seen::Stranger,
            Some(effective) if wanted.values => Seen::Shown(self.values(&effective)),
            Some(_) => Seen::Shown(Vec::new()),
        }
    }

    pub(super) fn tell(&self, dn: &DistinguishedName, items: &[Item]) -> Truths {
        let place = self.place(dn);
        let effective = match place.map(|place| self.effective(place)) {
            Some(Observed::Unknown(_)) => return Truths::Unknown,
            Some(Observed::Known(effective)) => Some(effective),
            None => None,
        };
        match self.question_of(items, place) {
            Err(_) => Truths::Unknown,
            Ok(question) => {
                let said = self.said(&question, place, effective.as_ref());
                if place.is_some() { Truths::Known(said) } else { Truths::Stranger(said) }
            }
        }
    }

    /// The users whom a group holds.
    pub(super) fn holding(
        &self,
        dn: &DistinguishedName,
        most: usize,
    ) -> Result<Holding, UnknownReason> {
        let Some(group) = self.graph.group_named(dn.normalized()) else {
            return Ok(Holding::NoGroup);
        };
        let Some(mut below) = self.graph.places_below(&[group], usize::MAX) else {
            return Ok(Holding::TooMany);
        };
        let own = self.id_of(dn.normalized());
        let given = self.records.given(&self.policy.name, Some(&own), usize::MAX);
        let given = given.unwrap_or_default();
        below.extend(given.iter().filter_map(|id| self.graph.stands_as(id)));
        let mut held = Held::default();
        for place in below {
            let (Some(id), Some(uids)) = (self.graph.id_at(place), self.graph.uids_at(place))
            else {
                continue;
            };
            match self.effective_of(place, &id) {
                Observed::Unknown(reason) => return Err(reason),
                Observed::Known(of) if self.is_in(&of, group, Reach::Shown) => {
                    held.ids.push(id);
                    held.uids.extend(uids);
                }
                Observed::Known(_) => {}
            }
            if held.ids.len() > most {
                return Ok(Holding::TooMany);
            }
        }
        Ok(Holding::Users(held))
    }

    /// Whether somebody is known whom a group names like that.
    pub(super) fn known(&self, keys: &[Option<MemberKey>]) -> Vec<bool> {
        let uids = self.graph.users_by_uid(keys.iter().flatten());
        let is_known = |key: &MemberKey| match key {
            MemberKey::Dn(dn) => self.graph.stands_at(dn).is_some(),
            MemberKey::Uid(_) => uids.contains(key),
        };
        keys.iter().map(|key| key.as_ref().is_some_and(is_known)).collect()
    }

    fn place(&self, dn: &DistinguishedName) -> Option<Place> {
        self.graph.stands_at(dn.normalized())
    }

    fn question<'q>(&self, items: &'q [Item]) -> Result<Question<'q>, UnknownReason> {
        let mut holders = Vec::with_capacity(items.len());
        for item in items {
            holders.push(match item {
                Item::Holds(key, reach) => self.groups_of(key, *reach)?,
                _ => None,
            });
        }
        Ok(Question { items, holders })
    }

    /// The same for one entry: nobody but a group holds anybody.
    fn question_of<'q>(
        &self,
        items: &'q [Item],
        place: Option<Place>,
    ) -> Result<Question<'q>, UnknownReason> {
        match place.and_then(|place| self.graph.group_at(place)) {
            Some(_) => self.question(items),
            None => Ok(Question { items, holders: items.iter().map(|_| None).collect() }),
        }
    }

    /// The groups of those whom a group names like that; `None` if nothing is known of them.
    fn groups_of(
        &self,
        key: &MemberKey,
        reach: Reach,
    ) -> Result<Option<Vec<Effective>>, UnknownReason> {
        let places = match key {
            MemberKey::Dn(dn) => self.graph.stands_at(dn).into_iter().collect(),
            MemberKey::Uid(_) => self.graph.users_called(key),
        };
        let mut all = Vec::with_capacity(places.len());
        for place in places {
            match self.effective(place) {
                Observed::Known(effective) => all.push(effective),
                Observed::Unknown(reason) => return Err(reason),
            }
        }
        if all.is_empty() && reach == Reach::Chain {
            let limits = closure_limits(self.groups);
            let mut scratch = Scratch::default();
            let keys = std::slice::from_ref(key);
            match self.graph.reach_in(keys, limits, &mut scratch) {
                Observed::Known(reached) => {
                    let shown = reached.iter().map(|step| step.group).collect();
                    all.push(Effective { shown, ..Effective::default() });
                }
                Observed::Unknown(reason) => return Err(reason),
            }
        }
        Ok((!all.is_empty()).then_some(all))
    }

    /// What items say of somebody.
    fn said(
        &self,
        question: &Question<'_>,
        place: Option<Place>,
        effective: Option<&Effective>,
    ) -> Said {
        let group = place.and_then(|place| self.graph.group_at(place));
        let one = |(item, holders): (&Item, &Option<Vec<Effective>>)| match (item, effective) {
            (Item::Holds(_, reach), _) => {
                let (group, holders) = (group?, holders.as_ref()?);
                let holds = holders.iter().any(|of| self.is_in(of, group, *reach));
                Some(Truth::from_bool(holds))
            }
            (Item::Undefined, _) => Some(Truth::Undefined),
            (Item::In(..) | Item::Any, None) => Some(Truth::False),
            (item, Some(effective)) => Some(self.truth(effective, item)),
        };
        question.items.iter().zip(&question.holders).map(one).collect()
    }

    fn is_in(&self, of: &Effective, group: GroupNumber, reach: Reach) -> bool {
        let by_record = || {
            let id = self.graph.id_of(group);
            of.more.iter().any(|more| Some(&more.id) == id.as_ref())
        };
        of.above(reach).contains(&group) || (!of.more.is_empty() && by_record())
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
        let Effective { shown, more, .. } = effective;
        match item {
            Item::Undefined | Item::Holds(..) => Truth::Undefined,
            Item::Any => Truth::from_bool(!shown.is_empty() || !more.is_empty()),
            Item::In(dn, reach) => {
                let number = self.graph.group_named(dn);
                let above = effective.above(*reach);
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
        match self.graph.id_at(place) {
            Some(id) => self.effective_of(place, &id),
            None => Observed::Known(Effective::default()),
        }
    }

    fn effective_of(&self, place: Place, id: &UpstreamId) -> Observed<Effective> {
        let mut of = match self.all_effective(place, id) {
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

    fn all_effective(&self, place: Place, id: &UpstreamId) -> Observed<Effective> {
        let (overlay, kind) = overlay(self.records, self.policy, id, self.lens.mode());
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

    /// Everybody of whom the items say something else than of most.
    fn list(&self, question: &Question<'_>, most: usize) -> Result<Listed, UnknownReason> {
        let Some(candidates) = self.candidates(question, most) else {
            return Ok(Listed::TooMany);
        };
        let mut listed = Vec::with_capacity(candidates.len());
        for place in candidates {
            let Some(id) = self.graph.id_at(place) else { continue };
            match self.effective_of(place, &id) {
                Observed::Unknown(reason) => return Err(reason),
                Observed::Known(of) => {
                    listed.push((id, self.said(question, Some(place), Some(&of))));
                }
            }
        }
        Ok(Listed::Known(listed))
    }

    /// Everybody who might be; `None` if they are too many.
    fn candidates(&self, question: &Question<'_>, most: usize) -> Option<BTreeSet<Place>> {
        let mut found = BTreeSet::new();
        // Whoever has a record and is not in the copy is no entry that could be found.
        let stand = |ids: Vec<UpstreamId>| {
            ids.into_iter().filter_map(|id| self.graph.stands_as(&id)).collect::<Vec<_>>()
        };
        for (item, holders) in question.items.iter().zip(&question.holders) {
            match item {
                Item::Undefined => {}
                Item::Any => {
                    found.extend(self.graph.all_places_below(most)?);
                    found.extend(stand(self.records.given(&self.policy.name, None, most)?));
                }
                Item::In(dn, _) => {
                    let group = self.graph.group_named(dn);
                    found.extend(self.graph.places_below(group.as_slice(), most)?);
                    let id = self.id_of(dn);
                    found.extend(stand(self.records.given(&self.policy.name, Some(&id), most)?));
                }
                Item::Holds(key, reach) => {
                    let holders = holders.iter().flatten();
                    let above = holders.clone().flat_map(|of| of.above(*reach));
                    let more = holders.flat_map(|of| &of.more);
                    found.extend(stand(more.map(|group| group.id.clone()).collect()));
                    found.extend(above.filter_map(|group| self.graph.place_of(*group)));
                    // Whoever lists somebody is told apart from whoever is shown to hold her.
                    found.extend(self.graph.listed_by(key));
                }
            }
            if found.len() > most {
                return None;
            }
        }
        Some(found)
    }
}
