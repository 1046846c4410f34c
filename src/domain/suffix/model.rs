//! Who is in the suffix: all records and groups, and what they are found by.
//!
//! It follows the records: whoever changes one puts it in here. An entry has an id that stays the
//! same for as long as it is there and is never given again, and they come in the order of their
//! ids: a search that goes on later goes on where it was.
//!
//! A name that two bear is nobody's alone: both bear their ids beside it, so that nobody comes into
//! the rights of another by being called so.

use super::entry::{ServedNames, indexed};
use super::finder::Finder;
use super::layout::{Layout, Place, Qualifier, name_of, uuid_of};
use super::{Inactive, Policy};
use crate::domain::policy::DirectoryPolicy;
use crate::domain::record::{Group, InactiveReason, Record, UpstreamId, UserKey};
use crate::domain::time::Timestamp;
use crate::proto::dn::{DistinguishedName, NormalizedDn};
use crate::proto::prepare;
use crate::proto::schema::Case;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// What an entry is known by here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Id {
    /// The suffix itself.
    Suffix,
    /// The entry above people.
    People,
    /// The entry above groups.
    Groups,
    /// The subschema, which is found by its name alone.
    Schema,
    /// A user.
    Person(u64),
    /// A group.
    Group(u64),
}

/// A group and its directory.
pub(super) type GroupKey = (Arc<str>, UpstreamId);

#[derive(Debug)]
pub(super) struct Person {
    pub(super) record: Arc<Record>,
    pub(super) modified: Timestamp,
}

#[derive(Debug)]
pub(super) struct GroupNode {
    pub(super) directory: Arc<str>,
    pub(super) group: Arc<Group>,
    pub(super) modified: Timestamp,
}

/// All records and groups.
#[derive(Debug)]
pub struct Model {
    layout: Layout,
    inactive: Inactive,
    served: ServedNames,
    has_several: bool,
    people: BTreeMap<u64, Person>,
    groups: BTreeMap<u64, GroupNode>,
    next: u64,
    person_of: HashMap<UserKey, u64>,
    group_of: HashMap<GroupKey, u64>,
    /// Those of a name, prepared; whose entries are gone in the directory is not among them.
    people_named: Finder<String, u64>,
    groups_named: Finder<String, u64>,
    /// By attribute and value, as [`indexed`] writes them.
    found_by: Finder<String, Id>,
    by_upstream_dn: Finder<NormalizedDn, u64>,
    groups_by_upstream_dn: Finder<NormalizedDn, u64>,
    members: HashMap<GroupKey, BTreeSet<u64>>,
    /// When the entries came that are always there.
    began: Timestamp,
}

impl Model {
    /// One without anybody.
    pub fn new(policy: &Policy, directories: &[Arc<DirectoryPolicy>], now: Timestamp) -> Self {
        Self {
            layout: policy.layout.clone(),
            inactive: policy.inactive,
            served: ServedNames::new(directories),
            has_several: directories.len() > 1,
            people: BTreeMap::new(),
            groups: BTreeMap::new(),
            next: 0,
            person_of: HashMap::new(),
            group_of: HashMap::new(),
            people_named: Finder::new(),
            groups_named: Finder::new(),
            found_by: Finder::new(),
            by_upstream_dn: Finder::new(),
            groups_by_upstream_dn: Finder::new(),
            members: HashMap::new(),
            began: now,
        }
    }

    /// The names.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(super) fn began(&self) -> Timestamp {
        self.began
    }

    pub(super) fn served(&self) -> &ServedNames {
        &self.served
    }

    /// Takes a record in, in the place of the one of that user that was there.
    pub fn put_record(&mut self, record: Arc<Record>, now: Timestamp) {
        let number = match self.person_of.get(&record.key) {
            Some(number) => *number,
            None => self.number(),
        };
        let before = self.people.remove(&number);
        let mut touched = BTreeSet::new();
        if let Some(before) = &before {
            self.unindex(number, &before.record);
            touched.extend(groups_of(&before.record));
        }
        self.person_of.insert(record.key.clone(), number);
        self.index(number, &record);
        let now_in = groups_of(&record).collect();
        // A rename shows in every group, other changes in those that were left or joined.
        let is_renamed = before.is_none_or(|before| before.record.name != record.name);
        let changed: Vec<GroupKey> = match is_renamed {
            true => touched.union(&now_in).cloned().collect(),
            false => touched.symmetric_difference(&now_in).cloned().collect(),
        };
        self.people.insert(number, Person { record, modified: now });
        self.touch(&changed, now);
    }

    /// Forgets a user.
    pub fn remove_record(&mut self, key: &UserKey, now: Timestamp) {
        let Some(number) = self.person_of.remove(key) else { return };
        let Some(Person { record, .. }) = self.people.remove(&number) else { return };
        self.unindex(number, &record);
        let left: Vec<GroupKey> = groups_of(&record).collect();
        self.touch(&left, now);
    }

    /// Takes a group in, in the place of the one of that id that was there.
    pub fn put_group(&mut self, directory: &Arc<str>, group: Arc<Group>, now: Timestamp) {
        let key = (directory.clone(), group.id.clone());
        let is_same = |node: &GroupNode| node.group == group;
        let known = self.group_of.get(&key).copied();
        if known.and_then(|number| self.groups.get(&number)).is_some_and(is_same) {
            return;
        }
        self.remove_node(known);
        let number = known.unwrap_or_else(|| self.number());
        self.group_of.insert(key, number);
        self.groups_named.add(prepared(&group.name), number);
        if let Ok(dn) = DistinguishedName::parse(&group.dn) {
            self.groups_by_upstream_dn.add(dn.normalized().clone(), number);
        }
        let uuid = uuid_of(directory, group.id.as_str());
        for key in [indexed("cn", group.name.as_bytes()), indexed("entryuuid", uuid.as_bytes())] {
            self.found_by.add(key.unwrap_or_default(), Id::Group(number));
        }
        let directory = directory.clone();
        self.groups.insert(number, GroupNode { directory, group, modified: now });
    }

    /// Forgets a group.
    pub fn remove_group(&mut self, directory: &str, id: &UpstreamId) {
        let known = self.group_of.remove(&(Arc::from(directory), id.clone()));
        self.remove_node(known);
    }

    fn remove_node(&mut self, number: Option<u64>) {
        let Some(number) = number else { return };
        let Some(node) = self.groups.remove(&number) else { return };
        self.groups_named.remove(&prepared(&node.group.name), number);
        if let Ok(dn) = DistinguishedName::parse(&node.group.dn) {
            self.groups_by_upstream_dn.remove(dn.normalized(), number);
        }
        let uuid = uuid_of(&node.directory, node.group.id.as_str());
        for key in
            [indexed("cn", node.group.name.as_bytes()), indexed("entryuuid", uuid.as_bytes())]
        {
            self.found_by.remove(&key.unwrap_or_default(), Id::Group(number));
        }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn touch(&mut self, groups: &[GroupKey], now: Timestamp) {
        for key in groups {
            let node = self.group_of.get(key).and_then(|number| self.groups.get_mut(number));
            if let Some(node) = node {
                node.modified = now;
            }
        }
    }

    fn index(&mut self, number: u64, record: &Record) {
        if !is_missing(record) {
            self.people_named.add(prepared(&record.name), number);
        }
        if let Ok(dn) = DistinguishedName::parse(&record.dn) {
            self.by_upstream_dn.add(dn.normalized().clone(), number);
        }
        for key in self.served.keys_of(record) {
            self.found_by.add(key, Id::Person(number));
        }
        for group in groups_of(record) {
            self.members.entry(group).or_default().insert(number);
        }
    }

    fn unindex(&mut self, number: u64, record: &Record) {
        self.people_named.remove(&prepared(&record.name), number);
        if let Ok(dn) = DistinguishedName::parse(&record.dn) {
            self.by_upstream_dn.remove(dn.normalized(), number);
        }
        for key in self.served.keys_of(record) {
            self.found_by.remove(&key, Id::Person(number));
        }
        for group in groups_of(record) {
            let Some(members) = self.members.get_mut(&group) else { continue };
            members.remove(&number);
            if members.is_empty() {
                self.members.remove(&group);
            }
        }
    }

    pub(super) fn person(&self, number: u64) -> Option<&Person> {
        self.people.get(&number).filter(|person| self.is_shown(&person.record))
    }

    pub(super) fn group(&self, number: u64) -> Option<&GroupNode> {
        self.groups.get(&number)
    }

    fn is_shown(&self, record: &Record) -> bool {
        record.is_active() || self.inactive == Inactive::Show
    }

    /// The people behind this one, in order.
    pub(super) fn next_person(&self, after: Option<u64>) -> Option<u64> {
        let from = after.map_or(0, |number| number.saturating_add(1));
        let mut rest = self.people.range(from..);
        rest.find(|(_, person)| self.is_shown(&person.record)).map(|(number, _)| *number)
    }

    /// The groups behind this one, in order.
    pub(super) fn next_group(&self, after: Option<u64>) -> Option<u64> {
        let from = after.map_or(0, |number| number.saturating_add(1));
        self.groups.range(from..).next().map(|(number, _)| *number)
    }

    /// Those with a value of an attribute; `key` is as [`indexed`] writes it.
    pub(super) fn found_by(&self, key: &str) -> impl Iterator<Item = Id> + '_ {
        self.found_by.of(key)
    }

    /// Who is effectively in a group.
    pub(super) fn members(&self, group: &GroupNode) -> impl Iterator<Item = u64> + '_ {
        let key = (group.directory.clone(), group.group.id.clone());
        self.members.get(&key).into_iter().flatten().copied()
    }

    pub(super) fn has_member(&self, group: &GroupNode, id: Id) -> bool {
        let Id::Person(number) = id else { return false };
        let key = (group.directory.clone(), group.group.id.clone());
        self.members.get(&key).is_some_and(|members| members.contains(&number))
    }

    /// The groups that somebody is effectively in.
    pub(super) fn groups_of(&self, record: &Record) -> Vec<u64> {
        groups_of(record).filter_map(|key| self.group_of.get(&key).copied()).collect()
    }

    /// How a user is called here; `None` if nobody is there.
    fn person_name(&self, number: u64) -> Option<String> {
        let Person { record, .. } = self.people.get(&number)?;
        let is_alone = self.people_named.is_alone(&prepared(&record.name), number);
        let key = (&record.key.directory, &record.key.upstream_id);
        let qualifier = (!is_alone).then(|| self.qualifier(key));
        Some(name_of("uid", &record.name, qualifier, self.layout.people()))
    }

    /// How a group is called here; `None` if it is not there.
    fn group_name(&self, number: u64) -> Option<String> {
        let GroupNode { directory, group, .. } = self.groups.get(&number)?;
        let is_alone = self.groups_named.is_alone(&prepared(&group.name), number);
        let qualifier = (!is_alone).then(|| self.qualifier((directory, &group.id)));
        Some(name_of("cn", &group.name, qualifier, self.layout.groups()))
    }

    /// What tells an entry from those that are called alike.
    fn qualifier<'a>(&self, (directory, id): (&'a Arc<str>, &UpstreamId)) -> Qualifier<'a> {
        let uuid = uuid_of(directory, id.as_str());
        Qualifier { uuid, directory: self.has_several.then_some(&**directory) }
    }

    /// The name of a user or a group; `None` if there is none of that id.
    pub(super) fn name(&self, id: Id) -> Option<String> {
        match id {
            Id::Person(number) => self.person_name(number),
            Id::Group(number) => self.group_name(number),
            Id::Suffix | Id::People | Id::Groups | Id::Schema => None,
        }
    }

    /// The entry of that name.
    pub fn locate(&self, name: &DistinguishedName) -> Option<Id> {
        let id = self.whoever_is(name)?;
        match id {
            Id::Person(number) => self.person(number).map(|_| id),
            _ => Some(id),
        }
    }

    fn whoever_is(&self, name: &DistinguishedName) -> Option<Id> {
        let (named, own, kind) = match self.layout.place(name)? {
            Place::Suffix => return Some(Id::Suffix),
            Place::People => return Some(Id::People),
            Place::Groups => return Some(Id::Groups),
            Place::Schema => return Some(Id::Schema),
            Place::Nowhere => return None,
            Place::Person(own) => (&self.people_named, own, "uid"),
            Place::Group(own) => (&self.groups_named, own, "cn"),
        };
        let values = name.named_values();
        let parts = values.into_iter().filter(|value| value.attribute_type == kind);
        let text = parts.filter_map(|value| String::from_utf8(value.value).ok()).next()?;
        let key = prepared(&text);
        let is_it = |id: &Id| {
            let name = self.name(*id).and_then(|name| DistinguishedName::parse(&name).ok());
            name.is_some_and(|name| *name.normalized() == own)
        };
        let of = |number| if kind == "uid" { Id::Person(number) } else { Id::Group(number) };
        let found = named.of(&key).map(of).find(is_it);
        // Those who are missing stand in no list of names.
        let missing = || self.found_by(&indexed("uid", text.as_bytes())?).find(is_it);
        found.or_else(missing)
    }

    /// The name in its directory of whoever has this name here, also of somebody who is not shown:
    /// whether they are let in is told where they bind.
    pub fn upstream_name(&self, name: &DistinguishedName) -> Option<&str> {
        match self.whoever_is(name)? {
            Id::Person(number) => self.people.get(&number).map(|person| person.record.dn.as_str()),
            _ => None,
        }
    }

    /// Whether whoever bears this name in a directory is active, or has no record.
    pub fn is_active(&self, name: &DistinguishedName) -> bool {
        let mut people = self.by_upstream_dn.of(name.normalized()).peekable();
        people.peek().is_none()
            || people.any(|number| {
                self.people.get(&number).is_some_and(|person| person.record.is_active())
            })
    }

    /// Whether whoever bears this name in a directory is effectively in a group of one of these
    /// names, of a directory or of the suffix.
    pub fn is_in_one(&self, name: &DistinguishedName, groups: &[DistinguishedName]) -> bool {
        let people: Vec<u64> = self.by_upstream_dn.of(name.normalized()).collect();
        groups.iter().any(|group| {
            let upstream = self.groups_by_upstream_dn.of(group.normalized());
            let here = match self.locate(group) {
                Some(Id::Group(number)) => Some(number),
                _ => None,
            };
            let numbers = upstream.chain(here);
            let mut nodes = numbers.filter_map(|number| self.groups.get(&number));
            nodes.any(|node| people.iter().any(|number| self.has_member(node, Id::Person(*number))))
        })
    }
}

fn is_missing(record: &Record) -> bool {
    record.inactive.contains(&InactiveReason::Missing)
}

/// The groups that a record is effectively in.
fn groups_of(record: &Record) -> impl Iterator<Item = GroupKey> + '_ {
    let key = |group: &UpstreamId| (record.key.directory.clone(), group.clone());
    record.effective_groups().into_iter().map(key)
}

fn prepared(name: &str) -> String {
    prepare::value(name, Case::Ignore)
}
