//! The member walk: which groups to ask for next, level by level, until nothing new comes.
//!
//! It is resumable and does no I/O: it asks for a batch of members, is fed the groups that name one of
//! them as a member, and ends with a closure or with the reason why there is none.
//!
//! Groups are told apart by upstream id (S6.4). A level is complete before the next begins, so
//! cycles end, each group has its least depth, and of the shortest ways the one whose ids come
//! first, whatever the batches were. There is never a shorter list: what a limit or a contradiction
//! leaves open makes the whole answer unknown (section 2 of the rules).

use super::membership::{Member, MemberKey};
use super::observation::{Closure, Observed, ObservedGroup, UnknownReason};
use super::record::{Group, Path, Route, UpstreamId};
use crate::proto::dn::{DistinguishedName, NormalizedDn};
use std::collections::{BTreeMap, BTreeSet};

/// The bounds of a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WalkLimits {
    /// The most levels to ask for: the last has to find nothing new.
    pub max_depth: usize,
    /// The most groups to find.
    pub max_groups: usize,
    /// The most members to ask for at once; 0 counts as 1.
    pub batch: usize,
    /// The most bytes of names to ask for at once; one name is asked for however long it is.
    pub bytes: usize,
}

/// A group that a search found, with the members among those that were asked for or all it lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundGroup {
    /// The group.
    pub group: Group,
    /// The group's own DN, read from what `group` holds as text.
    pub dn: DistinguishedName,
    /// Whom it holds; those that were not asked for are ignored.
    pub members: Vec<MemberKey>,
}

/// What a walk wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Every group that has one of these as a member; never empty.
    Ask(Vec<Member>),
    /// Nothing more: this is the closure, or the reason why there is none.
    Done(Observed<Closure>),
}

/// A walk under way.
#[derive(Debug)]
pub struct Walk {
    limits: WalkLimits,
    /// The level that is being asked for: 1 finds the groups that hold the user.
    level: usize,
    /// The groups of the levels before.
    closure: Closure,
    /// The groups that this level has found so far.
    fresh: Closure,
    /// Every group seen, with its DN: a directory that holds still contradicts neither.
    names: BTreeMap<UpstreamId, DistinguishedName>,
    owners: BTreeMap<NormalizedDn, UpstreamId>,
    /// Who is still to be asked for at this level.
    pending: Vec<Node>,
    /// Who has to be asked for again, one at a time.
    singles: Vec<Node>,
    /// Whom the last `Ask` was for; empty once it is answered.
    asked: Vec<Node>,
    outcome: Option<Observed<Closure>>,
}

/// The user, or a group on the way up.
#[derive(Debug, Clone)]
struct Node {
    member: Member,
    /// `None` is the user.
    group: Option<UpstreamId>,
}

impl Node {
    fn group(id: UpstreamId, dn: DistinguishedName) -> Self {
        Self { member: Member::by_dn(dn), group: Some(id) }
    }
}

impl Walk {
    /// A walk that begins at a user.
    pub fn new(user: &Member, limits: WalkLimits) -> Self {
        let unexplored = limits.max_depth == 0;
        Self {
            limits,
            level: 1,
            closure: Closure::new(),
            fresh: Closure::new(),
            names: BTreeMap::new(),
            owners: BTreeMap::new(),
            pending: vec![Node { member: user.clone(), group: None }],
            singles: Vec::new(),
            asked: Vec::new(),
            outcome: unexplored.then_some(Observed::Unknown(UnknownReason::DepthLimit)),
        }
    }

    /// What to do next. An `Ask` has to be answered by [`Walk::feed`]; until then, it is repeated.
    pub fn step(&mut self) -> Step {
        if self.outcome.is_none() && self.asked.is_empty() {
            self.choose();
        }
        match &self.outcome {
            Some(outcome) => Step::Done(outcome.clone()),
            None => Step::Ask(self.asked.iter().map(|node| node.member.clone()).collect()),
        }
    }

    /// Whether the last `Ask` was for groups on the way up, and not for the user.
    pub fn asks_about_groups(&self) -> bool {
        !self.asked.is_empty() && self.asked.iter().all(|node| node.group.is_some())
    }

    /// The answer to the last `Ask`: all groups that it found, completely. Without an `Ask` it is
    /// ignored.
    ///
    /// A group that lists none of those it was found for (its members could not be read, or are
    /// spelled in a way that only the directory understands) is not lost: all who were asked for
    /// with it are asked for again one by one, and the question then says who the member is.
    pub fn feed(&mut self, found: Vec<FoundGroup>) {
        let asked = std::mem::take(&mut self.asked);
        if self.outcome.is_some() || asked.is_empty() {
            return;
        }
        let mut by_key: BTreeMap<MemberKey, &Node> = BTreeMap::new();
        for node in &asked {
            by_key.extend(node.member.keys().into_iter().map(|key| (key, node)));
        }
        let mut is_ambiguous = false;
        for group in found {
            if let Err(reason) = self.recognise(&group) {
                return self.fail(reason);
            }
            let held = match asked.as_slice() {
                [only] => vec![only],
                _ => group.members.iter().filter_map(|key| by_key.get(key).copied()).collect(),
            };
            is_ambiguous |= held.is_empty();
            held.into_iter().for_each(|member| self.connect(&group.group, member));
        }
        if is_ambiguous {
            self.singles = asked;
        }
    }

    /// Ends the walk without a closure: what was to be fed could not be read completely.
    pub fn fail(&mut self, reason: UnknownReason) {
        self.outcome = Some(Observed::Unknown(reason));
    }

    /// The groups that were found so far: all of them hold the user, and there may be more. None
    /// if the answers contradicted each other.
    pub fn seen(self) -> Closure {
        match self.outcome {
            Some(Observed::Unknown(UnknownReason::Inconsistent)) => Closure::new(),
            _ => self.closure.into_iter().chain(self.fresh).collect(),
        }
    }

    /// Chooses whom to ask for next, or ends the walk.
    fn choose(&mut self) {
        if let Some(node) = self.singles.pop() {
            self.asked.push(node);
            return;
        }
        if self.pending.is_empty() {
            self.climb();
        }
        let size = self.next_size();
        self.asked = self.pending.drain(..size).collect();
    }

    /// How many of those who are still to be asked for fit into one question.
    fn next_size(&self) -> usize {
        let mut bytes = 0_usize;
        let fits = |node: &&Node| {
            bytes = bytes.saturating_add(node.member.bytes());
            bytes <= self.limits.bytes
        };
        let fitting = self.pending.iter().take(self.limits.batch).take_while(fits).count();
        fitting.max(1).min(self.pending.len())
    }

    /// Ends a level: what it found is asked for at the next one.
    fn climb(&mut self) {
        let fresh = std::mem::take(&mut self.fresh);
        if fresh.is_empty() {
            self.outcome = Some(Observed::Known(std::mem::take(&mut self.closure)));
            return;
        }
        if self.level >= self.limits.max_depth {
            return self.fail(UnknownReason::DepthLimit);
        }
        self.level += 1;
        let named = fresh.keys().filter_map(|id| Some((id, self.names.get(id)?)));
        self.pending = named.map(|(id, dn)| Node::group(id.clone(), dn.clone())).collect();
        self.closure.extend(fresh);
    }

    /// Notes who a group is. One id with two DNs, or one DN with two ids, means that the directory
    /// changed between two reads (a rename, a group deleted and made anew): no answer put together
    /// from both can be trusted to be whole.
    fn recognise(&mut self, found: &FoundGroup) -> Result<(), UnknownReason> {
        let id = &found.group.id;
        let dn = self.names.entry(id.clone()).or_insert_with(|| found.dn.clone());
        let owner = self.owners.entry(found.dn.normalized().clone()).or_insert_with(|| id.clone());
        if *dn != found.dn || owner != id {
            return Err(UnknownReason::Inconsistent);
        }
        if self.names.len() > self.limits.max_groups {
            return Err(UnknownReason::TooManyGroups);
        }
        Ok(())
    }

    /// Takes in that `group` holds `member`.
    fn connect(&mut self, group: &Group, member: &Node) {
        let way = member.group.as_ref().and_then(|id| self.closure.get(id));
        let below = way.map(|below| &*below.route.path).unwrap_or_default();
        let path: Path = below.iter().cloned().chain([group.id.clone()]).collect();
        let seen = match self.closure.get_mut(&group.id) {
            Some(known) => known,
            None => {
                let route = Route { path: path.clone(), direct: member.group.is_none() };
                let new = ObservedGroup { group: group.clone(), route, members: BTreeSet::new() };
                let seen = self.fresh.entry(group.id.clone()).or_insert(new);
                if path < seen.route.path {
                    seen.route.path = path;
                }
                seen
            }
        };
        seen.members.extend(member.group.clone());
    }
}
