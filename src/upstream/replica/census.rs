//! What is asked of a directory for its copy, and what each entry of the answer is.

use super::testimony::ENTRY_CSN;
use crate::app::ports::Coverage;
use crate::domain::digest::{self, digest};
use crate::domain::identity::{self, ID_ATTRIBUTES};
use crate::domain::matching::{self, Truth};
use crate::domain::membership::{self, GroupEntry, UserEntry};
use crate::domain::policy::{DirectoryPolicy, GroupPolicy};
use crate::domain::record::{Group, UpstreamId};
use crate::domain::replication::Kept;
use crate::proto::dn::{DistinguishedName, NormalizedDn};
use crate::proto::filter::Filter;
use crate::proto::search::{Attribute, Entry, Scope, Search};
use crate::proto::sync::{EntryUuid, uuid_text};

/// Whether entries lie below an entry (X.501).
const HAS_BELOW: &str = "hasSubordinates";

/// An entry of the answer.
#[derive(Debug)]
pub(super) struct Sorted {
    /// What is kept of it, if anything.
    pub(super) kept: Option<Kept>,
    pub(super) dn: NormalizedDn,
    /// Whether entries lie below it: when it is renamed so are they, without a word.
    pub(super) has_below: bool,
}

/// What is asked of a directory.
#[derive(Debug, Clone)]
pub(super) struct Question {
    /// The search; the same at every connection, or a cookie would be another content's.
    pub(super) search: Search,
    /// What the answer covers.
    pub(super) coverage: Coverage,
    /// Another for another question: what was saved as an answer to that is void.
    pub(super) fingerprint: u128,
    /// The attributes that a user's digest covers, in lower case.
    digested: Vec<String>,
}

impl Question {
    /// The one search that finds all groups, and all users if they are wanted and some name above
    /// all of them is within a suffix of the directory. `origin` is where it is asked.
    pub(super) fn new(
        directory: &DirectoryPolicy,
        groups: &GroupPolicy,
        wants_users: bool,
        origin: &str,
    ) -> Self {
        let mut bases = vec![&groups.base];
        bases.extend(directory.user_types.iter().map(|user_type| &user_type.base));
        let above = common(&bases).filter(|_| wants_users && bases.len() > 1);
        let above = above.filter(|above| is_within_a_suffix(directory, above));
        let mut attributes: Vec<String> = ID_ATTRIBUTES.map(str::to_owned).into();
        attributes.extend(["objectClass", HAS_BELOW, ENTRY_CSN].map(str::to_owned));
        attributes.push(groups.name_attribute.clone());
        let members = groups.member_attributes.iter().map(|attribute| attribute.name.clone());
        attributes.extend(members);
        attributes.extend(groups.filter.attributes().into_iter().map(str::to_owned));
        let mut filters = vec![
            groups.filter.clone(),
            Filter::equal(HAS_BELOW, "TRUE"),
            Filter::equal("entryDN", groups.base.as_str()),
        ];
        if above.is_some() {
            attributes.extend(identity::attributes_to_read(directory));
            filters.extend(directory.user_types.iter().map(|kind| kind.filter.clone()));
        }
        let mut seen = std::collections::BTreeSet::new();
        attributes.retain(|name| seen.insert(name.to_ascii_lowercase()));
        let coverage = above.as_ref().map_or(Coverage::Groups, |_| Coverage::GroupsAndUsers);
        let base = above.unwrap_or_else(|| groups.base.as_str().to_owned());
        let search = Search {
            base,
            scope: Scope::Subtree,
            filter: Filter::Or(filters),
            attributes,
            size_limit: 0,
            time_limit: 0,
            controls: Vec::new(),
        };
        let digested = identity::attributes_to_read(directory);
        let digested = digested.iter().map(|name| name.to_ascii_lowercase()).collect();
        let fingerprint = fingerprint(&search, directory, origin);
        Self { search, coverage, fingerprint, digested }
    }

    /// What is kept of an entry, if anything. One that cannot be understood is an error: it may be
    /// a group.
    pub(super) fn sort(
        &self,
        directory: &DirectoryPolicy,
        seed: (u64, u64),
        uuid: EntryUuid,
        entry: Entry,
    ) -> Result<Sorted, Unreadable> {
        let dn = DistinguishedName::parse(&entry.dn).map_err(|_| Unreadable)?;
        let has_below = entry.text(HAS_BELOW) == Some("TRUE");
        let kept = self.kept(directory, seed, uuid, &dn, entry);
        Ok(Sorted { kept, dn: dn.normalized().clone(), has_below })
    }

    fn kept(
        &self,
        directory: &DirectoryPolicy,
        seed: (u64, u64),
        uuid: EntryUuid,
        dn: &DistinguishedName,
        entry: Entry,
    ) -> Option<Kept> {
        let id = UpstreamId::new(&uuid_text(uuid));
        if let Some(groups) = &directory.groups
            && dn.is_within(&groups.base)
            && matching::evaluate(&groups.filter, &entry) == Truth::True
        {
            return Some(Kept::Group(group(groups, id, dn, &entry)));
        }
        let is_user = self.coverage == Coverage::GroupsAndUsers
            && identity::user_type(directory, &entry).is_some();
        if !is_user {
            return None;
        }
        // What a sign-on reads of an entry is no more than this.
        let is_digested = |attribute: &Attribute| {
            let name = attribute.name.split(';').next().unwrap_or_default();
            self.digested.iter().any(|digested| digested.eq_ignore_ascii_case(name))
        };
        let uids = directory.groups.as_ref().map(|groups| identity::uids(groups, &entry));
        let Entry { dn: text, mut attributes } = entry;
        attributes.retain(is_digested);
        let digest = digest(seed, &Entry { dn: text, attributes });
        let dn = dn.normalized().clone();
        Some(Kept::User(UserEntry { id, dn, uids: uids.unwrap_or_default(), digest }))
    }
}

/// A number that is another as soon as the question is, or what is made of an answer.
fn fingerprint(search: &Search, directory: &DirectoryPolicy, origin: &str) -> u128 {
    let mut parts = vec![origin.to_owned(), search.base.clone(), search.filter.to_string()];
    parts.extend(search.attributes.iter().cloned());
    parts.extend(directory.groups.iter().flat_map(|groups| {
        let members = format!("{:?}", groups.member_attributes);
        let names = [groups.base.as_str(), &members, &groups.name_attribute];
        names.map(str::to_owned).into_iter().chain([groups.filter.to_string()])
    }));
    parts.extend(identity::attributes_to_read(directory));
    parts.extend(
        directory.user_types.iter().flat_map(|user_type| {
            [user_type.base.as_str().to_owned(), user_type.filter.to_string()]
        }),
    );
    digest::of_parts(&parts)
}

/// An entry whose name cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unreadable;

fn group(
    policy: &GroupPolicy,
    id: UpstreamId,
    dn: &DistinguishedName,
    entry: &Entry,
) -> GroupEntry {
    let name = entry.text(&policy.name_attribute).unwrap_or(&entry.dn).to_owned();
    GroupEntry {
        group: Group { id, dn: entry.dn.clone(), name },
        dn: dn.normalized().clone(),
        members: membership::members(&policy.member_attributes, entry).collect(),
    }
}

/// The lowest name that all names are within.
fn common(names: &[&DistinguishedName]) -> Option<String> {
    let mut above: NormalizedDn = names.first()?.normalized().clone();
    while !names.iter().all(|name| name.normalized().is_within(&above)) {
        above = above.parent()?;
    }
    Some(above.as_str().to_owned())
}

fn is_within_a_suffix(directory: &DirectoryPolicy, name: &str) -> bool {
    let Ok(name) = DistinguishedName::parse(name) else { return false };
    directory.suffixes.iter().any(|suffix| name.is_within(suffix))
}
