//! A search through the suffix, in steps that each look at a bounded number of entries.
//!
//! Between two steps the records may change. What is shown was so at the moment of its step: an
//! entry comes once, and not at all if it does not match any more.

use super::entry::Wanted;
use super::find::{Candidates, flat};
use super::model::{Id, Model};
use super::order::{Order, Standing};
use super::selection::Selection;
use crate::domain::matching::{self, Truth};
use crate::proto::dn::DistinguishedName;
use crate::proto::filter::Filter;
use crate::proto::search::{Entry, Scope};

/// What is searched for.
#[derive(Debug, Clone)]
pub struct Query {
    /// The entry at the base.
    pub base: Id,
    /// How far below.
    pub scope: Scope,
    /// What has to hold.
    pub filter: Filter,
    /// The order, if one was asked for.
    pub order: Option<Order>,
    /// The most entries that are sorted.
    pub max_sorted: usize,
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// There may be more: another step is due.
    More,
    /// There is at least one more entry than may be shown now; the search goes on behind those.
    Full,
    /// That was all.
    Done,
    /// More entries match than are sorted.
    TooManyToSort,
}

/// How an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// All was shown.
    Complete,
    /// This page is full, and there are more.
    PageFull,
    /// The client takes no more.
    ClientLimit,
    /// The gateway gives no more.
    GatewayLimit,
    /// It took too long.
    TimeLimit,
    /// More entries match than are sorted.
    SortLimit,
}

/// A search under way.
#[derive(Debug)]
pub struct Search {
    query: Query,
    /// What the filter looks at.
    looked_at: Wanted,
    /// Which members and groups the filter names.
    named: Vec<DistinguishedName>,
    source: Source,
    /// What has been collected to be sorted.
    unsorted: Option<Vec<(Standing, Id)>>,
    /// One that matches and had no room.
    held: Option<Id>,
}

/// Where the next entries come from.
#[derive(Debug)]
enum Source {
    /// All of a kind, behind the last one that was taken.
    Scan { candidates: Candidates, last: Option<Id> },
    /// These.
    List(std::vec::IntoIter<Id>),
}

impl Search {
    /// A search from its beginning.
    pub fn new(model: &Model, query: Query) -> Self {
        let query = Query { filter: flat(query.filter), ..query };
        let source = match (query.base, query.scope) {
            (base, Scope::Base) => Source::list(vec![base]),
            (base @ (Id::Person(_) | Id::Group(_) | Id::Schema), Scope::Subtree) => {
                Source::list(vec![base])
            }
            (Id::Person(_) | Id::Group(_) | Id::Schema, Scope::One | Scope::Subordinate) => {
                Source::list(Vec::new())
            }
            (Id::Suffix, Scope::One) => Source::list(vec![Id::People, Id::Groups]),
            (base, _) => Source::of(model.candidates(&query.filter), base),
        };
        let unsorted = query.order.is_some().then(Vec::new);
        let looked_at = looked_at(&query.filter);
        let mut named = Vec::new();
        names_in(&query.filter, &mut named);
        Self { query, looked_at, named, source, unsorted, held: None }
    }

    /// Begins anew, without an order.
    pub fn give_up_order(&mut self, model: &Model) {
        let query = Query { order: None, ..self.query.clone() };
        *self = Self::new(model, query);
    }

    /// Looks at up to `work` entries and shows those that match, `room` of them at most.
    pub fn step(
        &mut self,
        model: &Model,
        work: usize,
        room: &mut usize,
        selection: &Selection,
        mut show: impl FnMut(Entry),
    ) -> Step {
        let named: Vec<Id> = self.named.iter().filter_map(|name| model.locate(name)).collect();
        for _ in 0..work.max(1) {
            let Some(id) = self.held.take().or_else(|| self.source.next(model)) else {
                match self.unsorted.take() {
                    Some(unsorted) => self.source = Source::list(sorted(unsorted)),
                    None => return Step::Done,
                }
                continue;
            };
            if !self.matches(model, id, &named) {
                continue;
            }
            if let (Some(unsorted), Some(order)) = (&mut self.unsorted, &self.query.order) {
                if unsorted.len() == self.query.max_sorted {
                    return Step::TooManyToSort;
                }
                let entry = model.entry(id, &order.wanted());
                unsorted.extend(entry.map(|entry| (order.standing(&entry), id)));
                continue;
            }
            if *room == 0 {
                self.held = Some(id);
                return Step::Full;
            }
            if let Some(entry) = model.entry(id, &selection.wanted()) {
                *room -= 1;
                show(selection.shown(entry));
            }
        }
        Step::More
    }

    fn matches(&self, model: &Model, id: Id, named: &[Id]) -> bool {
        let filter = &self.query.filter;
        is_within(id, self.query.base, self.query.scope)
            && model
                .entry_for_filter(id, &self.looked_at, named)
                .is_some_and(|entry| matching::evaluate(filter, &entry) == Truth::True)
    }
}

impl Source {
    fn list(ids: Vec<Id>) -> Self {
        Self::List(ids.into_iter())
    }

    fn of(candidates: Candidates, base: Id) -> Self {
        match (candidates, base) {
            (Candidates::These(ids), _) => Self::list(ids.into_iter().collect()),
            // What lies right there is still looked at, for it may be the base.
            (Candidates::All, Id::People) => {
                Self::Scan { candidates: Candidates::People, last: Some(Id::Suffix) }
            }
            (Candidates::All, Id::Groups) => {
                Self::Scan { candidates: Candidates::Groups, last: Some(Id::People) }
            }
            (Candidates::All, _) => Self::Scan { candidates: Candidates::All, last: None },
            (candidates, _) => Self::Scan { candidates, last: Some(Id::Schema) },
        }
    }

    fn next(&mut self, model: &Model) -> Option<Id> {
        match self {
            Self::List(ids) => ids.next(),
            Self::Scan { candidates, last } => {
                let next = next_of(model, candidates, *last);
                *last = next.or(*last);
                next
            }
        }
    }
}

/// The next entry of a kind, in the order of [`Id`].
fn next_of(model: &Model, candidates: &Candidates, last: Option<Id>) -> Option<Id> {
    let people = |after| match candidates {
        Candidates::Groups => None,
        _ => model.next_person(after).map(Id::Person),
    };
    let groups = |after| match candidates {
        Candidates::People => None,
        _ => model.next_group(after).map(Id::Group),
    };
    match last {
        None => Some(Id::Suffix),
        Some(Id::Suffix) => Some(Id::People),
        Some(Id::People) => Some(Id::Groups),
        Some(Id::Groups | Id::Schema) => people(None).or_else(|| groups(None)),
        Some(Id::Person(number)) => people(Some(number)).or_else(|| groups(None)),
        Some(Id::Group(number)) => groups(Some(number)),
    }
}

/// Whether an entry lies in a scope. The subschema is found by its name alone, as every server has
/// it (RFC 4512 section 4.2).
fn is_within(id: Id, base: Id, scope: Scope) -> bool {
    let is_base = id == base;
    let is_below = match base {
        Id::Suffix => !is_base && id != Id::Schema,
        Id::People => matches!(id, Id::Person(_)),
        Id::Groups => matches!(id, Id::Group(_)),
        Id::Schema | Id::Person(_) | Id::Group(_) => false,
    };
    match scope {
        Scope::Base => is_base,
        Scope::One => match base {
            Id::Suffix => matches!(id, Id::People | Id::Groups),
            _ => is_below,
        },
        Scope::Subtree => is_base || is_below,
        Scope::Subordinate => is_below,
    }
}

fn sorted(mut unsorted: Vec<(Standing, Id)>) -> Vec<Id> {
    unsorted.sort_by(|(one, _), (other, _)| one.cmp(other));
    unsorted.into_iter().map(|(_, id)| id).collect()
}

/// The attributes that a filter looks at.
fn looked_at(filter: &Filter) -> Wanted {
    match looks_at_all(filter) {
        true => Wanted::All,
        false => Wanted::of(filter.attributes()),
    }
}

/// The names that a filter compares with. It recurses as deep as the filter is.
fn names_in(filter: &Filter, found: &mut Vec<DistinguishedName>) {
    match filter {
        Filter::And(filters) | Filter::Or(filters) => {
            filters.iter().for_each(|filter| names_in(filter, found));
        }
        Filter::Not(inner) => names_in(inner, found),
        Filter::Equal(_, value)
        | Filter::Approximate(_, value)
        | Filter::Extensible { value, .. } => {
            let name = DistinguishedName::from_bytes(value).ok();
            found.extend(name.filter(|name| !name.is_root()));
        }
        Filter::Substrings { .. }
        | Filter::GreaterOrEqual(..)
        | Filter::LessOrEqual(..)
        | Filter::Present(_) => {}
    }
}

/// Whether a filter has an item that names no attribute. It recurses as deep as the filter is.
fn looks_at_all(filter: &Filter) -> bool {
    match filter {
        Filter::And(filters) | Filter::Or(filters) => filters.iter().any(looks_at_all),
        Filter::Not(inner) => looks_at_all(inner),
        Filter::Extensible { attribute, .. } => attribute.is_none(),
        _ => false,
    }
}
