//! Filters that name memberOf: which of their items are decided here, and what is left of the
//! filter once they are.
//!
//! Three-valued logic is kept (RFC 4511 section 4.5.1.7). An item that is Undefined of every entry
//! can make no filter True, below a NOT or not: so it counts as False where no NOT, or an even
//! number of them, stands above it, and as True elsewhere, and what is left needs no third value.

use super::is_member_of;
use crate::domain::matching::Truth;
use crate::proto::dn::{DistinguishedName, NormalizedDn};
use crate::proto::filter::Filter;

/// Active Directory's rule that follows groups through groups.
const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";
/// distinguishedNameMatch, by OID and name.
const NAME_MATCH: [&str; 2] = ["2.5.13.1", "distinguishedNameMatch"];

/// How far above an entry a group may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reach {
    /// It is one of those that are shown.
    Shown,
    /// It is anywhere above, however groups are flattened for those who read them.
    Chain,
}

/// What an item on memberOf asserts of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Item {
    /// It is in that group.
    In(NormalizedDn, Reach),
    /// It is in some group.
    Any,
    /// What cannot be told of any entry: the value is no DN, or the syntax has no such match.
    Undefined,
}

/// The item that a filter is, if it is one on memberOf. Options narrow an attribute down to values
/// that have them, and a value of memberOf has none.
pub fn item(filter: &Filter) -> Option<Item> {
    let is_it = |name: &str| is_member_of(name.as_bytes());
    match filter {
        Filter::Equal(name, _) | Filter::Approximate(name, _) | Filter::Present(name)
            if is_it(name) && name.contains(';') =>
        {
            Some(Item::Undefined)
        }
        Filter::Equal(name, value) | Filter::Approximate(name, value) if is_it(name) => {
            Some(named(value, Reach::Shown))
        }
        Filter::Present(name) if is_it(name) => Some(Item::Any),
        Filter::GreaterOrEqual(name, _)
        | Filter::LessOrEqual(name, _)
        | Filter::Substrings { attribute: name, .. }
            if is_it(name) =>
        {
            Some(Item::Undefined)
        }
        Filter::Extensible { rule, attribute: Some(name), value, .. } if is_it(name) => {
            let is_match = |rule: &str| NAME_MATCH.iter().any(|r| r.eq_ignore_ascii_case(rule));
            Some(match rule.as_deref() {
                Some(IN_CHAIN) => named(value, Reach::Chain),
                None => named(value, Reach::Shown),
                Some(rule) if is_match(rule) => named(value, Reach::Shown),
                Some(_) => Item::Undefined,
            })
        }
        _ => None,
    }
}

fn named(value: &[u8], reach: Reach) -> Item {
    match DistinguishedName::from_bytes(value) {
        Ok(dn) => Item::In(dn.normalized().clone(), reach),
        Err(_) => Item::Undefined,
    }
}

/// All items of a filter, each once. It recurses as deep as the filter is, as all here does, which
/// [`crate::proto::filter::FilterLimits`] bounds.
pub fn items(filter: &Filter) -> Vec<Item> {
    let mut found = Vec::new();
    collect(filter, &mut found);
    found.sort();
    found.dedup();
    found
}

fn collect(filter: &Filter, found: &mut Vec<Item>) {
    match filter {
        Filter::And(parts) | Filter::Or(parts) => {
            parts.iter().for_each(|part| collect(part, found));
        }
        Filter::Not(inner) => collect(inner, found),
        other => found.extend(item(other)),
    }
}

/// What a filter comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Left {
    /// True of every entry.
    All,
    /// True of none.
    None,
    /// As the directory decides this.
    Ask(Filter),
}

impl Left {
    /// A filter that any directory understands.
    pub fn into_filter(self) -> Filter {
        match self {
            Self::All => Filter::any_entry(),
            Self::None => Filter::Not(Box::new(Filter::any_entry())),
            Self::Ask(filter) => filter,
        }
    }

    fn negated(self) -> Self {
        match self {
            Self::All => Self::None,
            Self::None => Self::All,
            Self::Ask(Filter::Not(inner)) => Self::Ask(*inner),
            Self::Ask(filter) => Self::Ask(Filter::Not(Box::new(filter))),
        }
    }
}

/// What an item is replaced by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decided {
    /// Its value, the same for every entry that is asked about.
    As(Truth),
    /// A filter that is True or False of the same entries, and never Undefined.
    By(Filter),
}

/// What is left of a filter once its items are decided.
pub fn decide(filter: &Filter, by: &mut dyn FnMut(&Item) -> Decided) -> Left {
    decide_at(filter, true, by)
}

/// `positive`: whether an even number of NOTs stands above.
fn decide_at(filter: &Filter, positive: bool, by: &mut dyn FnMut(&Item) -> Decided) -> Left {
    match filter {
        Filter::And(parts) => join(parts, &Left::None, positive, by),
        Filter::Or(parts) => join(parts, &Left::All, positive, by),
        Filter::Not(inner) => decide_at(inner, !positive, by).negated(),
        other => {
            let Some(item) = item(other) else { return Left::Ask(other.clone()) };
            match by(&item) {
                Decided::As(Truth::True) => Left::All,
                Decided::As(Truth::False) => Left::None,
                Decided::As(Truth::Undefined) if positive => Left::None,
                Decided::As(Truth::Undefined) => Left::All,
                Decided::By(filter) => Left::Ask(filter),
            }
        }
    }
}

/// AND, where `decisive` is None, or OR, where it is All.
fn join(
    parts: &[Filter],
    decisive: &Left,
    positive: bool,
    by: &mut dyn FnMut(&Item) -> Decided,
) -> Left {
    let is_and = *decisive == Left::None;
    let mut asked = Vec::new();
    for part in parts {
        match decide_at(part, positive, by) {
            left if left == *decisive => return left,
            Left::Ask(filter) => asked.push(filter),
            Left::All | Left::None => {}
        }
    }
    match asked.len() {
        0 if is_and => Left::All,
        0 => Left::None,
        1 => asked.pop().map_or(Left::None, Left::Ask),
        _ if is_and => Left::Ask(Filter::And(asked)),
        _ => Left::Ask(Filter::Or(asked)),
    }
}

/// The value of a filter that has no items but those on memberOf.
pub fn truth(filter: &Filter, of: &mut dyn FnMut(&Item) -> Truth) -> Truth {
    match filter {
        Filter::And(parts) => all_of(parts, Truth::True, of),
        Filter::Or(parts) => all_of(parts, Truth::False, of),
        Filter::Not(inner) => truth(inner, of).negated(),
        other => item(other).map_or(Truth::Undefined, |item| of(&item)),
    }
}

fn all_of(parts: &[Filter], neutral: Truth, of: &mut dyn FnMut(&Item) -> Truth) -> Truth {
    let mut outcome = neutral;
    for part in parts {
        match truth(part, of) {
            truth if truth == neutral.negated() => return truth,
            Truth::Undefined => outcome = Truth::Undefined,
            _ => {}
        }
    }
    outcome
}

/// A filter as an AND of what the directory decides alone and what is decided here alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Halves {
    /// The directory's; no parts are True.
    pub theirs: Vec<Filter>,
    /// Ours: nothing but items on memberOf.
    pub ours: Filter,
}

/// The halves of a filter; `None` if some part of it has both in it.
pub fn halves(filter: &Filter) -> Option<Halves> {
    let (mut theirs, mut ours) = (Vec::new(), Vec::new());
    sort_parts(filter, &mut theirs, &mut ours)?;
    let ours = match ours.len() {
        1 => ours.pop()?,
        _ => Filter::And(ours),
    };
    Some(Halves { theirs, ours })
}

fn sort_parts(filter: &Filter, theirs: &mut Vec<Filter>, ours: &mut Vec<Filter>) -> Option<()> {
    if let Filter::And(parts) = filter {
        return parts.iter().try_for_each(|part| sort_parts(part, theirs, ours));
    }
    match owner(filter) {
        Owner::Both => return None,
        Owner::Us => ours.push(filter.clone()),
        Owner::Nobody | Owner::Them => theirs.push(filter.clone()),
    }
    Some(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Nobody,
    Us,
    Them,
    Both,
}

fn owner(filter: &Filter) -> Owner {
    match filter {
        Filter::And(parts) | Filter::Or(parts) => {
            parts.iter().fold(Owner::Nobody, |before, part| match (before, owner(part)) {
                (Owner::Nobody, other) | (other, Owner::Nobody) => other,
                (before, other) if before == other => before,
                _ => Owner::Both,
            })
        }
        Filter::Not(inner) => owner(inner),
        other if item(other).is_some() => Owner::Us,
        _ => Owner::Them,
    }
}
