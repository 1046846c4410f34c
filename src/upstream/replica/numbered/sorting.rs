//! What is asked of entries, and what each one is.

use crate::app::ports::LookupError;
use crate::domain::identity::{self, ID_ATTRIBUTES, OBJECT_GUID};
use crate::domain::matching::{self, Truth};
use crate::domain::membership::extended::extended;
use crate::domain::membership::{
    self, GroupEntry, MemberAttribute, MemberKey, MemberRule, Members, key_of_id, key_of_primary,
};
use crate::domain::numbering::Numbering;
use crate::domain::policy::GroupPolicy;
use crate::domain::record::{Group, UpstreamId};
use crate::domain::replication::Kept;
use crate::domain::sid::{self, OBJECT_SID};
use crate::proto::dn::{DistinguishedName, NormalizedDn};
use crate::proto::filter::Filter;
use crate::proto::oid;
use crate::proto::persistent;
use crate::proto::search::{Entry, Scope, Search};
use crate::proto::sync::{EntryUuid, uuid_from_text};
use std::collections::BTreeSet;

/// What an entry says that is gone.
const IS_DELETED: &str = "isDeleted";
/// The id of an entry of 389-ds.
const UNIQUE_ID: &str = "nsUniqueId";
/// Names are wanted with the ids of their entries, in text: a sequence of the number 1.
const IDS_AS_TEXT: [u8; 5] = [0x30, 3, 2, 1, 1];

/// What is asked of one directory.
pub(super) struct Sorting {
    pub(super) numbering: Numbering,
    pub(super) groups: GroupPolicy,
    /// The top of the part of the directory that holds the groups.
    pub(super) context: DistinguishedName,
    /// What lies below it and numbers its changes by itself.
    pub(super) other_parts: Vec<NormalizedDn>,
}

/// An entry as it was read.
pub(super) struct Read {
    /// The id that the kind of directory gives every entry.
    pub(super) uuid: EntryUuid,
    /// The id by which it is known elsewhere.
    pub(super) id: UpstreamId,
    pub(super) dn: NormalizedDn,
    /// The change that made it what it is.
    pub(super) number: u64,
    pub(super) is_deleted: bool,
    pub(super) entry: Entry,
}

impl Sorting {
    /// A search below the groups' base.
    pub(super) fn below_base(&self, attributes: Vec<String>) -> Search {
        self.search(
            self.groups.base.as_str(),
            Scope::Subtree,
            self.groups.filter.clone(),
            attributes,
        )
    }

    /// All groups, whole.
    pub(super) fn all_groups(&self) -> Search {
        self.below_base(self.attributes())
    }

    /// The ids of all groups.
    pub(super) fn all_ids(&self) -> Search {
        self.below_base(ID_ATTRIBUTES.map(str::to_owned).into())
    }

    /// Whatever has changed from a number on, wherever it is now.
    pub(super) fn changed_from(&self, number: u64) -> Search {
        let value = number.to_string().into_bytes();
        let filter = Filter::GreaterOrEqual(self.numbering.attribute().to_owned(), value);
        let attributes = self.attributes();
        let mut search = self.search(self.context.as_str(), Scope::Subtree, filter, attributes);
        search.controls.extend(self.shows_deleted());
        search
    }

    /// Whatever changes, for as long as this goes on; of Active Directory what lies below the base alone.
    pub(super) fn watched(&self) -> Search {
        let base = match self.numbering.tells_each() {
            true => &self.context,
            false => &self.groups.base,
        };
        let mut attributes = self.identifying();
        attributes.push("objectClass".to_owned());
        attributes.extend(self.groups.filter.attributes().into_iter().map(str::to_owned));
        let mut search =
            self.search(base.as_str(), Scope::Subtree, Filter::any_entry(), distinct(attributes));
        search.controls.clear();
        search
    }

    /// The value of the control that has a search go on.
    pub(super) fn watching(&self) -> Option<Vec<u8>> {
        self.numbering.tells_each().then(persistent::all_changes)
    }

    /// The number of the change that made an entry what it is, if the part gave it that is asked how far
    /// it has got.
    pub(super) fn counted(&self, read: &Read) -> Option<u64> {
        let is_own = !self.other_parts.iter().any(|part| read.dn.is_within(part));
        Some(read.number).filter(|number| is_own && *number > 0)
    }

    /// Entries that are gone.
    pub(super) fn deleted(&self) -> Search {
        let filter = Filter::equal(IS_DELETED, "TRUE");
        let attributes = vec![IS_DELETED.to_owned()];
        let mut search = self.search(self.context.as_str(), Scope::Subtree, filter, attributes);
        search.controls.extend(self.shows_deleted());
        search
    }

    /// One entry, with what says where it is and which change made it so.
    pub(super) fn entry_at(&self, dn: &str) -> Search {
        let attributes = self.identifying();
        self.search(dn, Scope::Base, Filter::any_entry(), attributes)
    }

    /// The entries of these ids.
    pub(super) fn of_ids(&self, uuids: impl Iterator<Item = EntryUuid>) -> Search {
        let equal = |uuid| match self.numbering {
            Numbering::ActiveDirectory => {
                Filter::Equal(OBJECT_GUID.to_owned(), swapped(uuid).to_vec())
            }
            Numbering::Ds389 { .. } => Filter::equal(UNIQUE_ID, unique_text(uuid)),
        };
        let filter = Filter::Or(uuids.map(equal).collect());
        self.search(self.context.as_str(), Scope::Subtree, filter, self.identifying())
    }

    /// Takes an entry apart; `None` if it has no id, and so is nothing that is kept.
    pub(super) fn read(&self, mut entry: Entry) -> Result<Option<Read>, LookupError> {
        let name = extended(&entry.dn).dn;
        let dn = DistinguishedName::parse(name).map_err(|_| LookupError::Malformed)?;
        entry.dn = dn.as_str().to_owned();
        let uuid = match self.numbering {
            Numbering::ActiveDirectory => guid_of(&entry),
            Numbering::Ds389 { .. } => unique_of(&entry),
        };
        let (Some(uuid), Ok(id)) = (uuid, identity::upstream_id(&entry)) else { return Ok(None) };
        let number = entry.text(self.numbering.attribute()).and_then(|text| text.parse().ok());
        let is_deleted =
            entry.text(IS_DELETED).is_some_and(|text| text.eq_ignore_ascii_case("true"));
        let dn = dn.normalized().clone();
        Ok(Some(Read { uuid, id, dn, number: number.unwrap_or_default(), is_deleted, entry }))
    }

    /// Whether it is a group below the base.
    pub(super) fn is_group(&self, read: &Read) -> bool {
        !read.is_deleted
            && read.dn.is_within(self.groups.base.normalized())
            && matching::evaluate(&self.groups.filter, &read.entry) == Truth::True
    }

    /// What is kept of a group, of whose members all were read.
    pub(super) fn kept(&self, read: &Read) -> Result<Kept, LookupError> {
        let mut members: Members = match self.numbering.knows_ids() {
            false => membership::members(&self.groups.member_attributes, &read.entry).collect(),
            true => self.members_by_id(&read.entry)?,
        };
        let dn = match self.numbering.knows_ids() {
            false => read.dn.clone(),
            true => match key_of_id(&read.id) {
                Some(MemberKey::Dn(dn)) => dn,
                _ => return Err(LookupError::Malformed),
            },
        };
        // Whoever has a group as primary group is in it, though it does not say so.
        members.extend(sid::sid_of(&read.entry).as_ref().and_then(key_of_primary));
        let name = read.entry.text(&self.groups.name_attribute).unwrap_or(&read.entry.dn);
        let group = Group { id: read.id.clone(), dn: read.entry.dn.clone(), name: name.to_owned() };
        Ok(Kept::Group(GroupEntry { group, dn, members }))
    }

    fn members_by_id(&self, entry: &Entry) -> Result<Members, LookupError> {
        let mut members = Members::default();
        for attribute in &self.groups.member_attributes {
            for value in entry.values(&attribute.name) {
                members.extend(key_by_id(attribute, value)?);
            }
        }
        Ok(members)
    }

    /// What says which entry it is, and which change made it so.
    fn identifying(&self) -> Vec<String> {
        let mut attributes: Vec<String> = ID_ATTRIBUTES.map(str::to_owned).into();
        attributes.push(self.numbering.attribute().to_owned());
        attributes
    }

    fn attributes(&self) -> Vec<String> {
        let mut attributes = self.identifying();
        attributes.extend(["objectClass", OBJECT_SID, IS_DELETED].map(str::to_owned));
        attributes.push(self.groups.name_attribute.clone());
        attributes.extend(self.groups.member_attributes.iter().map(|member| member.name.clone()));
        attributes.extend(self.groups.filter.attributes().into_iter().map(str::to_owned));
        distinct(attributes)
    }

    fn search(&self, base: &str, scope: Scope, filter: Filter, attributes: Vec<String>) -> Search {
        let controls = match self.numbering {
            Numbering::ActiveDirectory => vec![
                (oid::DOMAIN_SCOPE.to_vec(), Vec::new()),
                (oid::EXTENDED_DN.to_vec(), IDS_AS_TEXT.to_vec()),
            ],
            Numbering::Ds389 { .. } => Vec::new(),
        };
        let base = base.to_owned();
        Search { base, scope, filter, attributes, size_limit: 0, time_limit: 0, controls }
    }

    fn shows_deleted(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        self.numbering.tells_deaths().then(|| (oid::SHOW_DELETED.to_vec(), Vec::new()))
    }
}

fn distinct(mut attributes: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    attributes.retain(|name| seen.insert(name.to_ascii_lowercase()));
    attributes
}

/// Whom a value names, by the id that stands in it.
fn key_by_id(attribute: &MemberAttribute, value: &[u8]) -> Result<Option<MemberKey>, LookupError> {
    if attribute.rule == MemberRule::Uid {
        return Ok(attribute.key(value));
    }
    let text = std::str::from_utf8(value).map_err(|_| LookupError::Malformed)?;
    let guid = extended(text).guid.ok_or(LookupError::Malformed)?;
    let key = key_of_id(&UpstreamId::new(&guid.to_ascii_lowercase()));
    key.map(Some).ok_or(LookupError::Malformed)
}

/// A GUID as Active Directory has it: the first three groups come least significant byte first.
fn swapped([a, b, c, d, e, f, g, h, rest @ ..]: EntryUuid) -> EntryUuid {
    let [i, j, k, l, m, n, o, p] = rest;
    [d, c, b, a, f, e, h, g, i, j, k, l, m, n, o, p]
}

fn guid_of(entry: &Entry) -> Option<EntryUuid> {
    match entry.values(OBJECT_GUID) {
        [value] => value.as_slice().try_into().ok().map(swapped),
        _ => None,
    }
}

fn unique_of(entry: &Entry) -> Option<EntryUuid> {
    let text = entry.text(UNIQUE_ID)?;
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    let groups = [0..8, 8..12, 12..16, 16..20, 20..32].map(|place| digits.get(place));
    let groups: Vec<&str> = groups.into_iter().collect::<Option<_>>()?;
    uuid_from_text(&groups.join("-")).filter(|_| digits.len() == 32)
}

fn unique_text(uuid: EntryUuid) -> String {
    let groups =
        uuid.chunks(4).map(|group| group.iter().map(|byte| format!("{byte:02x}")).collect());
    groups.collect::<Vec<String>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::search::Attribute;

    #[test]
    fn ids_are_read_and_asked_for_as_each_kind_spells_them() {
        let value = Attribute {
            name: UNIQUE_ID.to_owned(),
            values: vec![b"8a8a032a-eaa511f1-a2f18076-a27b8755".to_vec()],
        };
        let entry = Entry { dn: String::new(), attributes: vec![value] };
        let uuid = unique_of(&entry).expect("it is one");
        assert_eq!(unique_text(uuid), "8a8a032a-eaa511f1-a2f18076-a27b8755");
        let bytes: EntryUuid = std::array::from_fn(|at| at as u8);
        assert_eq!(swapped(swapped(bytes)), bytes);
        assert_eq!(swapped(bytes)[..8], [3, 2, 1, 0, 5, 4, 7, 6]);
    }

    #[test]
    fn a_member_without_an_id_where_ids_are_asked_for_makes_the_answer_void() {
        let member = MemberAttribute::new("member");
        assert_eq!(key_by_id(&member, b"cn=a,dc=x"), Err(LookupError::Malformed));
        let key = key_by_id(&member, b"<GUID=61CF99AF-b67f-49d3-9610-de1002442fbe>;cn=a,dc=x");
        let id = UpstreamId::new("61cf99af-b67f-49d3-9610-de1002442fbe");
        assert_eq!(key, Ok(key_of_id(&id)));
        let uid = key_by_id(&MemberAttribute::new("memberUid"), b"ann");
        assert_eq!(uid, Ok(MemberKey::uid("ann")));
    }
}
