//! Filters that name memberOf or the members of groups: which of their items are decided here, and
//! what is left of the filter once they are.
//!
//! Three-valued logic is kept (RFC 4511 section 4.5.1.7). An item that is Undefined of every entry
//! can make no filter True, below a NOT or not: so it counts as False where no NOT, or an even
//! number of them, stands above it, and as True elsewhere, and what is left needs no third value.

use super::{ServePolicy, is_member_of};
use crate::domain::matching::Truth;
use crate::domain::membership::{MemberAttribute, MemberKey, MemberRule};
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

/// What an item asserts of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Item {
    /// It is in that group.
    In(NormalizedDn, Reach),
    /// It is in some group.
    Any,
    /// It is a group that holds somebody.
    Holds(MemberKey, Reach),
    /// What cannot be told of any entry: the value is no DN, or the syntax has no such match.
    Undefined,
}

/// What items say of an entry, in their order; `None` is what the directory has to say.
pub type Said = Vec<Option<Truth>>;

/// The item that a filter is, if it is one that is decided here.
pub fn item(filter: &Filter, policy: &ServePolicy) -> Option<Item> {
    let name = match filter {
        Filter::Equal(name, _)
        | Filter::Approximate(name, _)
        | Filter::Present(name)
        | Filter::GreaterOrEqual(name, _)
        | Filter::LessOrEqual(name, _)
        | Filter::Substrings { attribute: name, .. }
        | Filter::Extensible { attribute: Some(name), .. } => name,
        _ => return None,
    };
    if policy.member_of && is_member_of(name.as_bytes()) {
        return Some(groups_item(filter, name));
    }
    members_item(filter, policy.member_attribute(name.as_bytes())?)
}

/// An item on memberOf. Options narrow an attribute down to values that have them, and a value of
/// memberOf has none.
fn groups_item(filter: &Filter, name: &str) -> Item {
    let is_match = |rule: &str| NAME_MATCH.iter().any(|r| r.eq_ignore_ascii_case(rule));
    match filter {
        Filter::Extensible { rule: Some(rule), value, .. } if rule == IN_CHAIN => {
            named(value, Reach::Chain)
        }
        Filter::Extensible { rule: Some(rule), .. } if !is_match(rule) => Item::Undefined,
        Filter::Extensible { value, .. } => named(value, Reach::Shown),
        _ if name.contains(';') => Item::Undefined,
        Filter::Equal(_, value) | Filter::Approximate(_, value) => named(value, Reach::Shown),
        Filter::Present(_) => Item::Any,
        _ => Item::Undefined,
    }
}

fn named(value: &[u8], reach: Reach) -> Item {
    match DistinguishedName::from_bytes(value) {
        Ok(dn) => Item::In(dn.normalized().clone(), reach),
        Err(_) => Item::Undefined,
    }
}

/// An item on the members of groups. What does not name somebody is the directory's to decide.
fn members_item(filter: &Filter, attribute: &MemberAttribute) -> Option<Item> {
    let holds = |value: &[u8], reach| Some(Item::Holds(attribute.key(value)?, reach));
    match filter {
        Filter::Equal(name, value) | Filter::Approximate(name, value) if !name.contains(';') => {
            holds(value, Reach::Shown)
        }
        Filter::Extensible { rule, value, dn_attributes: false, .. }
            if attribute.rule != MemberRule::Uid =>
        {
            match rule.as_deref() {
                None => holds(value, Reach::Shown),
                Some(IN_CHAIN) => holds(value, Reach::Chain),
                Some(rule) if NAME_MATCH.iter().any(|r| r.eq_ignore_ascii_case(rule)) => {
                    holds(value, Reach::Shown)
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// A filter whose items are told apart from the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    items: Vec<Item>,
    root: Node,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    /// The item of that number, and the filter that it stands for.
    Ours(usize, Filter),
    Theirs(Filter),
}

impl Parsed {
    /// The filter, if there is anything in it that is decided here. It recurses as deep as the filter
    /// is, as all here does, which [`crate::proto::filter::FilterLimits`] bounds.
    pub fn new(filter: &Filter, policy: &ServePolicy) -> Option<Self> {
        let mut items = Vec::new();
        collect(filter, policy, &mut items);
        items.sort();
        items.dedup();
        if items.is_empty() {
            return None;
        }
        let root = node(filter, policy, &items);
        Some(Self { items, root })
    }

    /// The same for a directory that does not know the rule that follows groups: of entries of which
    /// nothing is known here it decides whom they list.
    pub fn without_chains(mut self) -> Self {
        replace_chains(&mut self.root);
        self
    }

    /// What is asserted, each once.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// What is left of the filter for entries of which the items say this.
    pub fn decided(&self, said: &Said) -> Left {
        self.decide(&mut |at, _| said.get(at).copied().flatten().map_or(Decided::Kept, Decided::As))
    }

    /// What is left of the filter once its items are decided, each by its number and the filter that
    /// it stands for.
    pub fn decide(&self, by: &mut dyn FnMut(usize, &Filter) -> Decided) -> Left {
        decide_at(&self.root, true, by)
    }
}

fn collect(filter: &Filter, policy: &ServePolicy, found: &mut Vec<Item>) {
    match filter {
        Filter::And(parts) | Filter::Or(parts) => {
            parts.iter().for_each(|part| collect(part, policy, found));
        }
        Filter::Not(inner) => collect(inner, policy, found),
        other => found.extend(item(other, policy)),
    }
}

fn node(filter: &Filter, policy: &ServePolicy, items: &[Item]) -> Node {
    let all = |parts: &[Filter]| parts.iter().map(|part| node(part, policy, items)).collect();
    match filter {
        Filter::And(parts) => Node::And(all(parts)),
        Filter::Or(parts) => Node::Or(all(parts)),
        Filter::Not(inner) => Node::Not(Box::new(node(inner, policy, items))),
        other => {
            let number = item(other, policy).and_then(|item| items.binary_search(&item).ok());
            match number {
                Some(number) => Node::Ours(number, other.clone()),
                None => Node::Theirs(other.clone()),
            }
        }
    }
}

fn replace_chains(node: &mut Node) {
    match node {
        Node::And(parts) | Node::Or(parts) => parts.iter_mut().for_each(replace_chains),
        Node::Not(inner) => replace_chains(inner),
        Node::Ours(_, filter) => {
            if let Filter::Extensible { attribute: Some(name), value, .. } = filter {
                *filter = Filter::Equal(std::mem::take(name), std::mem::take(value));
            }
        }
        Node::Theirs(_) => {}
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
    /// Nothing: the directory decides it.
    Kept,
}

/// `positive`: whether an even number of NOTs stands above.
fn decide_at(node: &Node, positive: bool, by: &mut dyn FnMut(usize, &Filter) -> Decided) -> Left {
    match node {
        Node::And(parts) => join(parts, &Left::None, positive, by),
        Node::Or(parts) => join(parts, &Left::All, positive, by),
        Node::Not(inner) => decide_at(inner, !positive, by).negated(),
        Node::Theirs(filter) => Left::Ask(filter.clone()),
        Node::Ours(number, filter) => match by(*number, filter) {
            Decided::As(Truth::True) => Left::All,
            Decided::As(Truth::False) => Left::None,
            Decided::As(Truth::Undefined) if positive => Left::None,
            Decided::As(Truth::Undefined) => Left::All,
            Decided::By(filter) => Left::Ask(filter),
            Decided::Kept => Left::Ask(filter.clone()),
        },
    }
}

/// AND, where `decisive` is None, or OR, where it is All.
fn join(
    parts: &[Node],
    decisive: &Left,
    positive: bool,
    by: &mut dyn FnMut(usize, &Filter) -> Decided,
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
