//! Observation, record, policy and time in; the changes that bring the record up to date out.
//!
//! What a plan never does: it never removes because of something unknown (S3.2), never changes a
//! membership that is not managed (S7.2), and never takes an attribute away because the entry did
//! not return it (S3.4, `keep`). Applied, it leaves nothing to plan for the same observation
//! (S3.7). It depends on no order that LDAP gives no meaning to: values of an attribute are a set
//! (RFC 4511 section 4.1.7).
//!
//! The caller has settled the identity: the question's key is the observed entry's, and the
//! record, if there is one, is that key's. Another upstream id is another user, whatever the names
//! say (S4.6, S7.4).

use super::change::Change;
use super::observation::{Closure, Observation, Observed};
use super::policy::{AttributeMapping, GroupSync, Switch, UserType};
use super::record::{
    Group, Membership, MembershipKey, Provenance, Record, RecordId, UpstreamId, UserKey,
};
use super::time::Timestamp;
use crate::proto::dn::DistinguishedName;
use crate::proto::search::Entry;
use std::collections::BTreeMap;

/// The most changes that [`Plan::describe`] tells one by one; the rest is counted.
pub const MAX_DESCRIBED: usize = 200;

/// The local name of the attribute that is shown as the name for people.
const DISPLAY_NAME: &str = "display_name";

/// The attribute that stands in for it.
const COMMON_NAME: &str = "cn";

/// What the gateway already keeps of the directory's groups.
pub trait KnownGroups {
    /// Whether exactly this group, with this DN and name, is kept.
    fn holds(&self, group: &Group) -> bool;
    /// Whether a group of this id is kept, whatever its name.
    fn contains(&self, id: &UpstreamId) -> bool;
}

/// All that a plan depends on.
pub struct Question<'a> {
    /// The record, if there is one.
    pub record: Option<&'a Record>,
    /// Whose it is or will be.
    pub key: &'a UserKey,
    /// What was learnt.
    pub observation: &'a Observation,
    /// The user type that takes the entry.
    pub user_type: &'a UserType,
    /// The switch as it stands now: run-time value over file.
    pub update_on_sign_on: Switch,
    /// The groups that are kept already.
    pub groups: &'a dyn KnownGroups,
    /// The id to give to a new record.
    pub new_id: &'a RecordId,
    /// Now.
    pub now: Timestamp,
}

/// What is to be written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// The record's changes, in order; empty if it is up to date.
    pub changes: Vec<Change>,
    /// Groups that are new, renamed or moved.
    pub groups: Vec<Group>,
}

impl Plan {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.groups.is_empty()
    }

    /// How many memberships begin.
    pub fn added(&self) -> usize {
        self.changes.iter().filter(|c| matches!(c, Change::MembershipAdded { .. })).count()
    }

    /// How many memberships end.
    pub fn removed(&self) -> usize {
        self.changes.iter().filter(|c| matches!(c, Change::MembershipRemoved { .. })).count()
    }

    /// The plan as text for a person, for the audit: a line a change, then a line a group, without
    /// attribute values; at most [`MAX_DESCRIBED`] lines and one that counts the rest.
    pub fn describe(&self) -> String {
        let changes = self.changes.iter().map(Change::to_string);
        let groups = self.groups.iter().map(describe_group);
        let mut lines: Vec<String> = changes.chain(groups).take(MAX_DESCRIBED).collect();
        let left = self.changes.len() + self.groups.len() - lines.len();
        if left > 0 {
            lines.push(format!("and {left} more"));
        }
        lines.join("\n")
    }
}

/// Why a user who signed on gets no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoPlan {
    /// The user name's attribute has no value, several, or one that is not text.
    #[error("the entry has no single user name")]
    NoUserName,
    /// `create` is off and there is no record.
    #[error("records are not made for this user type")]
    NotCreated,
}

/// The changes that bring the record up to date: a total, pure function.
///
/// With the switch off a record is left alone, also one whose groups were unknown when it was made:
/// off means that nothing is learnt later (S5.2). Likewise `first-sign-on` takes groups over when
/// the record is made or not at all (S5.4).
pub fn plan(question: &Question<'_>) -> Result<Plan, NoPlan> {
    match question.record {
        None => first_sign_on(question),
        Some(_) if !question.update_on_sign_on.is_on() => Ok(Plan::default()),
        Some(record) => later_sign_on(question, record),
    }
}

fn first_sign_on(question: &Question<'_>) -> Result<Plan, NoPlan> {
    if !question.user_type.create {
        return Err(NoPlan::NotCreated);
    }
    let entry = &question.observation.user.entry;
    let mut plan = Plan::default();
    plan.changes.push(Change::Created {
        id: question.new_id.clone(),
        key: question.key.clone(),
        user_type: question.user_type.name.clone(),
        name: user_name(question.user_type, entry)?,
        dn: entry.dn.clone(),
        at: question.now,
    });
    plan_attributes(&mut plan, &question.user_type.attributes, entry, None);
    if question.user_type.groups != GroupSync::Never {
        plan_groups(&mut plan, question, None);
    }
    Ok(plan)
}

fn later_sign_on(question: &Question<'_>, record: &Record) -> Result<Plan, NoPlan> {
    let entry = &question.observation.user.entry;
    let name = user_name(question.user_type, entry)?;
    let mut plan = Plan::default();
    if record.user_type != question.user_type.name {
        plan.changes.push(Change::TypeChanged(question.user_type.name.clone()));
    }
    if record.name != name {
        plan.changes.push(Change::Renamed(name));
    }
    if !is_same_dn(&record.dn, &entry.dn) {
        plan.changes.push(Change::Moved(entry.dn.clone()));
    }
    plan_attributes(&mut plan, &question.user_type.attributes, entry, Some(record));
    if question.user_type.groups == GroupSync::Always {
        plan_groups(&mut plan, question, Some(record));
    }
    Ok(plan)
}

/// The user name (S5.7): exactly one value, which is text and not blank.
fn user_name(user_type: &UserType, entry: &Entry) -> Result<String, NoPlan> {
    let [value] = entry.values(&user_type.username) else {
        return Err(NoPlan::NoUserName);
    };
    let name = std::str::from_utf8(value).map_err(|_| NoPlan::NoUserName)?;
    if name.trim().is_empty() { Err(NoPlan::NoUserName) } else { Ok(name.to_owned()) }
}

/// Another spelling of the same name is no move; text that is no DN is compared as text.
fn is_same_dn(kept: &str, seen: &str) -> bool {
    let same = |kept, seen| {
        Some(DistinguishedName::parse(kept).ok()? == DistinguishedName::parse(seen).ok()?)
    };
    kept == seen || same(kept, seen).unwrap_or(false)
}

fn plan_attributes(
    plan: &mut Plan,
    mappings: &[AttributeMapping],
    entry: &Entry,
    record: Option<&Record>,
) {
    let mut attributes = record.map(|record| record.attributes.clone()).unwrap_or_default();
    for (name, values) in returned(mappings, entry) {
        if attributes.get(name).is_none_or(|kept| sorted(kept) != values) {
            attributes.insert(name.to_owned(), values.clone());
            plan.changes.push(Change::AttributeSet { name: name.to_owned(), values });
        }
    }
    let name = display_name(mappings, &attributes);
    if record.and_then(|record| record.display_name.as_ref()) != name.as_ref() {
        plan.changes.push(Change::DisplayNamed(name));
    }
}

/// The mapped attributes that the entry returned. Of two mappings to one local name the first whose
/// attribute is there counts.
fn returned<'a>(
    mappings: &'a [AttributeMapping],
    entry: &Entry,
) -> BTreeMap<&'a str, Vec<Vec<u8>>> {
    let mut found = BTreeMap::new();
    for mapping in mappings {
        let values = entry.values(&mapping.upstream);
        if !values.is_empty() {
            found.entry(mapping.local.as_str()).or_insert_with(|| sorted(values));
        }
    }
    found
}

/// The name for people, from what the record will hold. Of several values the least: any other
/// choice would have to trust an order that the directory need not repeat.
fn display_name(
    mappings: &[AttributeMapping],
    attributes: &BTreeMap<String, Vec<Vec<u8>>>,
) -> Option<String> {
    let named = mappings.iter().filter(|mapping| mapping.local == DISPLAY_NAME);
    let common =
        mappings.iter().filter(|mapping| mapping.upstream.eq_ignore_ascii_case(COMMON_NAME));
    named.chain(common).find_map(|mapping| {
        let values = attributes.get(&mapping.local)?.iter();
        let texts = values.filter_map(|value| std::str::from_utf8(value).ok());
        texts.filter(|text| !text.trim().is_empty()).min().map(str::to_owned)
    })
}

fn sorted(values: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted
}

/// Makes the managed memberships exactly the closure, if that is known.
fn plan_groups(plan: &mut Plan, question: &Question<'_>, record: Option<&Record>) {
    let Observed::Known(closure) = &question.observation.groups else {
        return;
    };
    let kept: BTreeMap<&UpstreamId, &Membership> =
        record.into_iter().flat_map(Record::managed_memberships).collect();
    let gone = kept.keys().filter(|id| !closure.contains_key(**id));
    plan.changes.extend(gone.map(|id| Change::MembershipRemoved { key: managed(id) }));
    plan.changes.extend(arrivals(closure, &kept, question.now));
    let groups = closure.values().map(|seen| &seen.group);
    plan.groups = groups.filter(|group| !question.groups.holds(group)).cloned().collect();
}

/// Memberships that begin, and those that hold in another way than before.
fn arrivals<'a>(
    closure: &'a Closure,
    kept: &'a BTreeMap<&UpstreamId, &Membership>,
    now: Timestamp,
) -> impl Iterator<Item = Change> + 'a {
    closure.iter().filter_map(move |(id, seen)| {
        let route = seen.route.clone();
        match kept.get(id) {
            None => {
                let membership = Membership { route, since: now };
                Some(Change::MembershipAdded { key: managed(id), membership })
            }
            Some(membership) if membership.route != route => {
                Some(Change::MembershipRerouted { key: managed(id), route })
            }
            Some(_) => None,
        }
    })
}

fn managed(group: &UpstreamId) -> MembershipKey {
    MembershipKey { group: group.clone(), provenance: Provenance::Managed }
}

fn describe_group(group: &Group) -> String {
    format!("group {:?} is {:?}, dn {:?}", group.id.as_str(), group.name, group.dn)
}
