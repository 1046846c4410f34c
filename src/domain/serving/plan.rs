//! How a search whose filter is about groups is asked of a directory that does not know them.
//!
//! Entries are told apart by what the filter's items say of them. For all of which they say the same,
//! the same is left of the filter, and the directory decides that, by its own schema. So a search
//! becomes a few, one for each filter that is left, and an entry counts in that one alone where what
//! is left for it is what was asked. Entries that are known to be few are asked for by name.

use super::filter::{Decided, Item, Left, Parsed, Said};
use crate::domain::matching::Truth;
use crate::domain::record::UpstreamId;
use crate::proto::filter::Filter;
use std::collections::HashMap;
use std::sync::Arc;

/// How many entries one search names: a directory holds every entry against every name, which at
/// twice as many takes as long as another search does.
pub const NAMED_AT_ONCE: usize = 20;

/// How many entries a search names that has to be one: beyond that it is quicker to look at all.
const NAMED_IN_ONE_LIST: usize = 1_000;

/// The most searches, those that go on with more names not counted.
const MAX_STEPS: usize = 16;

/// The most combinations of what items may say that are gone through.
const MAX_COMBINATIONS: usize = 256;

/// What else is asked of a search's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Demands {
    /// Its order: it has to come of one search.
    pub is_sorted: bool,
    /// Places in it (a virtual list view): no entry may be dropped.
    pub by_place: bool,
}

/// Whoever the items may say something else of than of most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listed {
    /// These, all of them.
    Known(Vec<(UpstreamId, Said)>),
    /// All of them are among these, by DN; of each something else may be said.
    Called(Vec<String>),
    /// More than may be named.
    TooMany,
    /// They cannot be named.
    Nameless,
}

/// Who is searched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// Anybody.
    Anybody,
    /// The entries of these ids.
    Ids(Vec<UpstreamId>),
    /// The entries of these DNs.
    Names(Vec<String>),
}

/// One of the searches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What is asked, and of whom it counts.
    pub check: Arc<Check>,
    /// Who is searched for.
    pub who: Who,
}

/// Whether an entry counts in a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    parsed: Arc<Parsed>,
    left: Left,
    /// What was found out already.
    known: Vec<(Said, bool)>,
}

impl Check {
    /// What has to be known of an entry.
    pub fn items(&self) -> &[Item] {
        self.parsed.items()
    }

    /// Whether an entry counts of which the items say this.
    pub fn passes(&self, said: &Said) -> bool {
        let known = self.known.iter().find(|(known, _)| known == said);
        known.map_or_else(|| self.parsed.decided(said) == self.left, |(_, passes)| *passes)
    }

    /// What the directory is asked.
    pub fn filter(&self) -> Filter {
        self.left.clone().into_filter()
    }
}

/// How a search is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// By this filter; all that it finds is wanted.
    Whole(Filter),
    /// By these, one after the other.
    Steps(Vec<Step>),
    /// By this filter, which names some.
    List {
        /// The filter.
        ask: Filter,
        /// Which of the entries count, where not all do.
        check: Option<Arc<Check>>,
        /// Whom it names.
        ids: Vec<UpstreamId>,
        /// What is asked instead if they cannot be found by that.
        otherwise: Option<Step>,
    },
    /// Not at all: more members than may be named.
    TooMany,
    /// Not at all: they cannot be named.
    Nameless,
}

/// What is left for some entries, and who they are; `None` is anybody.
type Round = (Left, Option<Vec<UpstreamId>>);

/// The plan for a filter. Of whoever is not listed the items say one of `unlisted`; `list` tells of
/// others, and is asked only where somebody may have to be named: that may take long.
pub fn plan(
    parsed: &Arc<Parsed>,
    demands: Demands,
    unlisted: &[Said],
    list: &mut dyn FnMut() -> Listed,
) -> Plan {
    if let Some(plan) = without_names(parsed, demands, unlisted) {
        return plan;
    }
    let all = match list() {
        Listed::Known(all) => all,
        listed if demands.by_place => return hindrance(&listed),
        listed => return without_census(parsed, demands, unlisted, &listed),
    };
    let mut known = HashMap::new();
    let mut rounds: Vec<Round> = Vec::new();
    for said in unlisted.iter().cloned() {
        note(parsed, said, &mut known, &mut rounds, None);
    }
    for (id, said) in &all {
        note(parsed, said.clone(), &mut known, &mut rounds, Some(id));
    }
    if demands.by_place || rounds.len() > MAX_STEPS {
        return one_list(parsed, &all, unlisted);
    }
    let rounds: Vec<Round> = rounds.into_iter().map(looked_for).collect();
    let maker = Maker { parsed, known: &known };
    match demands.is_sorted {
        false => steps(&maker, rounds),
        true => sorted(&maker, rounds, &all, unlisted),
    }
}

/// What is left for whatever the items may say, and how many of it is left for whoever is not listed:
/// that comes first. `None` if there is too much to go through.
fn possible(parsed: &Parsed, unlisted: &[Said]) -> Option<(HashMap<Said, Left>, Vec<Left>, usize)> {
    let mut known = HashMap::new();
    let mut lefts: Vec<Left> = Vec::new();
    let mut for_anybody = 0;
    let combinations = combinations(parsed.items(), unlisted)?;
    for said in unlisted.iter().cloned().chain(combinations) {
        let left = parsed.decided(&said);
        if left != Left::None && !lefts.contains(&left) {
            lefts.push(left.clone());
            for_anybody += usize::from(unlisted.contains(&said));
        }
        known.insert(said, left);
    }
    (lefts.len() <= MAX_STEPS).then_some((known, lefts, for_anybody))
}

/// The plan where nobody has to be named, whoever is in the groups.
fn without_names(parsed: &Arc<Parsed>, demands: Demands, unlisted: &[Said]) -> Option<Plan> {
    let (known, lefts, for_anybody) = possible(parsed, unlisted)?;
    let needs_names = |left: &Left| !matches!(left, Left::Ask(filter) if is_selective(filter));
    let is_one_search = lefts.len() < 2 && !demands.by_place;
    if lefts.is_empty() {
        return Some(Plan::Whole(Left::None.into_filter()));
    }
    if lefts.iter().skip(for_anybody).any(needs_names)
        || demands.by_place
        || (demands.is_sorted && !is_one_search)
    {
        return None;
    }
    let maker = Maker { parsed, known: &known };
    Some(Plan::Steps(lefts.into_iter().map(|left| maker.step(&(left, None))).collect()))
}

/// Notes what is left for an entry, or for anybody.
fn note(
    parsed: &Parsed,
    said: Said,
    known: &mut HashMap<Said, Left>,
    rounds: &mut Vec<Round>,
    id: Option<&UpstreamId>,
) {
    let left = known.entry(said).or_insert_with_key(|said| parsed.decided(said));
    if *left == Left::None {
        return;
    }
    match (rounds.iter_mut().find(|(other, _)| other == left), id) {
        (Some((_, Some(ids))), Some(id)) => ids.push(id.clone()),
        (Some((_, who)), None) => *who = None,
        (Some((_, None)), Some(_)) => {}
        (None, id) => rounds.push((left.clone(), id.map(|id| vec![id.clone()]))),
    }
}

/// Where few entries are likely to match, they are not named.
fn looked_for((left, who): Round) -> Round {
    let who = match &left {
        Left::Ask(filter) if is_selective(filter) => None,
        _ => who,
    };
    (left, who)
}

struct Maker<'a> {
    parsed: &'a Arc<Parsed>,
    known: &'a HashMap<Said, Left>,
}

impl Maker<'_> {
    fn check(&self, left: &Left) -> Arc<Check> {
        let few = self.known.iter().take(MAX_COMBINATIONS);
        let known = few.map(|(said, other)| (said.clone(), other == left)).collect();
        Arc::new(Check { parsed: self.parsed.clone(), left: left.clone(), known })
    }

    fn step(&self, (left, who): &Round) -> Step {
        let who = who.clone().map_or(Who::Anybody, Who::Ids);
        Step { check: self.check(left), who }
    }
}

fn steps(maker: &Maker<'_>, rounds: Vec<Round>) -> Plan {
    match rounds.is_empty() {
        true => Plan::Whole(Left::None.into_filter()),
        false => Plan::Steps(rounds.iter().map(|round| maker.step(round)).collect()),
    }
}

/// The directory puts entries in order only within one search.
fn sorted(
    maker: &Maker<'_>,
    rounds: Vec<Round>,
    all: &[(UpstreamId, Said)],
    unlisted: &[Said],
) -> Plan {
    let [(left, who)] = &rounds[..] else {
        return match rounds.is_empty() {
            true => steps(maker, rounds),
            false => one_list(maker.parsed, all, unlisted),
        };
    };
    let anybody = maker.step(&(left.clone(), None));
    match who {
        Some(ids) if ids.len() <= NAMED_IN_ONE_LIST => Plan::List {
            ask: named(ids, left),
            check: Some(anybody.check.clone()),
            ids: ids.clone(),
            otherwise: Some(anybody),
        },
        _ => Plan::Steps(vec![anybody]),
    }
}

/// Every item becomes the names of those of whom it is True.
fn one_list(parsed: &Parsed, all: &[(UpstreamId, Said)], unlisted: &[Said]) -> Plan {
    let mut ids = Vec::new();
    let ask = parsed.decide(&mut |at, filter| {
        let of = |truth: Truth| {
            let such = all.iter().filter(move |(_, said)| said.get(at) == Some(&Some(truth)));
            such.map(|(id, _)| id.clone()).collect::<Vec<_>>()
        };
        let is_theirs = unlisted.iter().any(|said| said.get(at) == Some(&None));
        if parsed.items().get(at) == Some(&Item::Undefined) {
            return Decided::As(Truth::Undefined);
        }
        let holds = of(Truth::True);
        ids.extend_from_slice(&holds);
        if !is_theirs {
            return match holds.is_empty() {
                true => Decided::As(Truth::False),
                false => Decided::By(any_of(&holds)),
            };
        }
        // Whoever the directory finds by itself counts, but for those of whom it is known better.
        let not = of(Truth::False);
        let mut theirs = filter.clone();
        if !not.is_empty() {
            theirs = Filter::And(vec![theirs, Filter::Not(Box::new(any_of(&not)))]);
            ids.extend_from_slice(&not);
        }
        match holds.is_empty() {
            true => Decided::By(theirs),
            false => Decided::By(Filter::Or(vec![any_of(&holds), theirs])),
        }
    });
    ids.sort_unstable();
    ids.dedup();
    let ask = ask.into_filter();
    match ids.is_empty() {
        true => Plan::Whole(ask),
        false => Plan::List { ask, check: None, ids, otherwise: None },
    }
}

fn hindrance(listed: &Listed) -> Plan {
    match listed {
        Listed::TooMany => Plan::TooMany,
        _ => Plan::Nameless,
    }
}

/// The plan where it is not known of whom the items say what: all that they may say is gone through.
fn without_census(
    parsed: &Arc<Parsed>,
    demands: Demands,
    unlisted: &[Said],
    listed: &Listed,
) -> Plan {
    let Some((known, lefts, for_anybody)) = possible(parsed, unlisted) else {
        return hindrance(listed);
    };
    if demands.is_sorted && lefts.len() > 1 {
        return hindrance(listed);
    }
    let maker = Maker { parsed, known: &known };
    let mut made = Vec::new();
    for (number, left) in lefts.into_iter().enumerate() {
        let is_few = matches!(&left, Left::Ask(filter) if is_selective(filter));
        let step = maker.step(&(left, None));
        if number < for_anybody || is_few {
            made.push(step);
            continue;
        }
        made.push(match listed {
            Listed::TooMany => return Plan::TooMany,
            Listed::Called(names) if !demands.is_sorted => {
                Step { who: Who::Names(names.clone()), ..step }
            }
            _ => step,
        });
    }
    match made.is_empty() {
        true => Plan::Whole(Left::None.into_filter()),
        false => Plan::Steps(made),
    }
}

/// All that items may say of an entry; `None` if that is too much.
fn combinations(items: &[Item], unlisted: &[Said]) -> Option<Vec<Said>> {
    let mut all: Vec<Said> = vec![Vec::new()];
    for (at, item) in items.iter().enumerate() {
        let usual = unlisted.iter().filter_map(|said| said.get(at).copied());
        let mut values: Vec<Option<Truth>> = Vec::new();
        for value in usual {
            if !values.contains(&value) {
                values.push(value);
            }
        }
        if *item != Item::Undefined && values.contains(&Some(Truth::False)) {
            values.push(Some(Truth::True));
        }
        let with = |said: &Said, value| [&said[..], &[value]].concat();
        all = all
            .iter()
            .flat_map(|said| values.iter().map(move |value| with(said, *value)))
            .collect();
        if all.len() > MAX_COMBINATIONS {
            return None;
        }
    }
    Some(all)
}

/// What items say of entries that are in no group that is known here: of one that is no group, and
/// of a group that holds nobody. `is_known` tells whether anything is known of whom an item names.
pub fn of_others(items: &[Item], is_known: impl Fn(usize) -> bool) -> Vec<Said> {
    let said = |of_group: bool| -> Said {
        let one = |(at, item): (usize, &Item)| match item {
            Item::In(..) | Item::Any => Some(Truth::False),
            Item::Undefined => Some(Truth::Undefined),
            Item::Holds(..) => (of_group && is_known(at)).then_some(Truth::False),
        };
        items.iter().enumerate().map(one).collect()
    };
    let mut all = vec![said(false), said(true)];
    all.dedup();
    all
}

/// The filter that finds these entries, as far as what is left takes them.
pub fn named(ids: &[UpstreamId], left: &Left) -> Filter {
    // Candidates first: the directory need not look at anybody else.
    match left {
        Left::All => any_of(ids),
        Left::None => Left::None.into_filter(),
        Left::Ask(Filter::And(parts)) => {
            Filter::And(std::iter::once(any_of(ids)).chain(parts.iter().cloned()).collect())
        }
        Left::Ask(filter) => Filter::And(vec![any_of(ids), filter.clone()]),
    }
}

impl Check {
    /// The filter that finds these entries, as far as they may count.
    pub fn named(&self, ids: &[UpstreamId]) -> Filter {
        named(ids, &self.left)
    }

    /// Whether whoever is named counts whatever else the entry has.
    pub fn takes_all(&self) -> bool {
        self.left == Left::All
    }
}

/// What finds the entries of these ids.
pub fn any_of(ids: &[UpstreamId]) -> Filter {
    let mut parts: Vec<Filter> =
        ids.iter().map(|id| Filter::equal("entryUUID", id.as_str())).collect();
    match parts.len() {
        1 => parts.pop().unwrap_or_else(|| Left::None.into_filter()),
        _ => Filter::Or(parts),
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
