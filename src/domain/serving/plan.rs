//! How a search whose filter names memberOf is asked of a directory that does not know the groups.
//!
//! What is asked finds no entry too few. Where it finds some too many, they are dropped by what is
//! known of each here; the directory alone decides the rest of the filter, by its own schema.

use super::filter::{self, Decided, Halves, Item, Left, truth};
use crate::domain::matching::Truth;
use crate::domain::record::UpstreamId;
use crate::proto::filter::Filter;

/// How many entries one search names: a directory holds every entry against every name.
pub const NAMED_AT_ONCE: usize = 256;

/// What else is asked of a search's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Demands {
    /// Its order, or pages of it: it has to come of one search.
    pub is_one_list: bool,
    /// Places in it (a virtual list view): no entry may be dropped.
    pub by_place: bool,
}

/// Who may be what an item asserts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Members {
    /// These, all of them.
    Known(Vec<UpstreamId>),
    /// More than may be named.
    TooMany,
    /// They cannot be named.
    Nameless,
}

/// How a search is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// By this filter.
    Whole(Filter),
    /// By the first filter; entries that the second is not True of are dropped.
    Checked(Filter, Filter),
    /// By several searches, one after the other: the entries of these ids, [`NAMED_AT_ONCE`] of them
    /// at a time, as far as `theirs` takes them. Those that `ours` is not True of are dropped.
    Named {
        /// Whom the searches name.
        ids: Vec<UpstreamId>,
        /// What the directory decides.
        theirs: Vec<Filter>,
        /// What is decided here.
        ours: Filter,
    },
    /// Not at all: more members than may be named.
    TooMany,
    /// Not at all: they cannot be named.
    Nameless,
}

/// The plan for a filter. `members` tells who may be what an item asserts.
pub fn plan(
    filter: &Filter,
    demands: Demands,
    members: &mut dyn FnMut(&[Item]) -> Members,
) -> Plan {
    match filter::halves(filter) {
        Some(halves) => plan_halves(filter, halves, demands, members),
        None => name_items(filter, members),
    }
}

fn plan_halves(
    filter: &Filter,
    halves: Halves,
    demands: Demands,
    members: &mut dyn FnMut(&[Item]) -> Members,
) -> Plan {
    let Halves { theirs, ours } = halves;
    // Whoever is in no group passes: the directory's half finds mostly what is wanted.
    let takes_others = truth(&ours, &mut of_nobody) == Truth::True;
    if !demands.by_place && (takes_others || theirs.iter().any(is_selective)) {
        return Plan::Checked(all_of(theirs), ours);
    }
    if takes_others {
        return name_items(filter, members);
    }
    match members(&filter::items(&ours)) {
        Members::Known(ids) if ids.is_empty() => Plan::Whole(Left::None.into_filter()),
        // Nobody looks at the entries again, so every item has to be named for itself.
        Members::Known(_) if demands.by_place => name_items(filter, members),
        Members::Known(ids) if ids.len() <= NAMED_AT_ONCE || demands.is_one_list => {
            Plan::Checked(named(&ids, &theirs), ours)
        }
        Members::Known(ids) => Plan::Named { ids, theirs, ours },
        Members::TooMany => Plan::TooMany,
        Members::Nameless if demands.by_place => Plan::Nameless,
        Members::Nameless => Plan::Checked(all_of(theirs), ours),
    }
}

/// Every item becomes the names of those of whom it is True.
fn name_items(filter: &Filter, members: &mut dyn FnMut(&[Item]) -> Members) -> Plan {
    let mut hindrance = None;
    let left = filter::decide(filter, &mut |item| match members(std::slice::from_ref(item)) {
        _ if *item == Item::Undefined => Decided::As(Truth::Undefined),
        Members::Known(ids) if ids.is_empty() => Decided::As(Truth::False),
        Members::Known(ids) => Decided::By(any_of(&ids)),
        Members::TooMany => {
            hindrance = Some(Plan::TooMany);
            Decided::As(Truth::False)
        }
        Members::Nameless => {
            hindrance.get_or_insert(Plan::Nameless);
            Decided::As(Truth::False)
        }
    });
    hindrance.unwrap_or_else(|| Plan::Whole(left.into_filter()))
}

/// The filter that finds these entries, as far as the directory's half takes them.
pub fn named(ids: &[UpstreamId], theirs: &[Filter]) -> Filter {
    // Candidates first: the directory need not look at anybody else.
    all_of(std::iter::once(any_of(ids)).chain(theirs.iter().cloned()).collect())
}

/// What finds the entries of these ids.
fn any_of(ids: &[UpstreamId]) -> Filter {
    let mut parts: Vec<Filter> =
        ids.iter().map(|id| Filter::equal("entryUUID", id.as_str())).collect();
    match parts.len() {
        1 => parts.pop().unwrap_or_else(|| Left::None.into_filter()),
        _ => Filter::Or(parts),
    }
}

fn all_of(mut parts: Vec<Filter>) -> Filter {
    match parts.len() {
        0 => Filter::any_entry(),
        1 => parts.pop().unwrap_or_else(Filter::any_entry),
        _ => Filter::And(parts),
    }
}

/// Of somebody who is in no group.
fn of_nobody(item: &Item) -> Truth {
    match item {
        Item::In(..) | Item::Any => Truth::False,
        Item::Undefined => Truth::Undefined,
    }
}

/// Attributes of which hardly two entries have the same value.
const NEARLY_UNIQUE: [&str; 12] = [
    "uid",
    "userid",
    "0.9.2342.19200300.100.1.1",
    "mail",
    "cn",
    "sAMAccountName",
    "userPrincipalName",
    "uidNumber",
    "employeeNumber",
    "entryUUID",
    "objectGUID",
    "distinguishedName",
];

/// Whether few entries are likely to match: values are asserted that hardly two entries share.
fn is_selective(filter: &Filter) -> bool {
    match filter {
        Filter::And(parts) => parts.iter().any(is_selective),
        Filter::Or(parts) => !parts.is_empty() && parts.iter().all(is_selective),
        Filter::Equal(name, _) => {
            NEARLY_UNIQUE.iter().any(|unique| unique.eq_ignore_ascii_case(name))
        }
        _ => false,
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
