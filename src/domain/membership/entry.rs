//! What the graph is made of: groups and users as the directory gives them.

use super::members::Members;
use crate::domain::record::{Group, UpstreamId};
use crate::domain::sid::Sid;
use crate::proto::dn::{DistinguishedName, NormalizedDn};

/// What a filter has around a name: the attribute, tags and lengths.
const AROUND_A_NAME: usize = 40;

/// What a member value names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MemberKey {
    /// An entry, by its DN.
    Dn(NormalizedDn),
    /// A user, by a value of `uid`. The case counts: memberUid compares that way (RFC 2307).
    Uid(String),
}

impl MemberKey {
    /// The key of a value of `uid` or `memberUid`: blanks around it and doubled ones do not count
    /// (RFC 4518 2.6.1). `None` if nothing else is there.
    pub fn uid(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
        (!words.is_empty()).then(|| Self::Uid(words.join(" ")))
    }
}

/// The key of an entry by its upstream id, where a directory says which entry a member is and not
/// only what it is called: a name that changes does not change this.
pub fn key_of_id(id: &UpstreamId) -> Option<MemberKey> {
    let dn = DistinguishedName::parse(&format!("objectGUID={}", id.as_str())).ok()?;
    Some(MemberKey::Dn(dn.normalized().clone()))
}

/// The key of all who have that group as their primary group.
pub fn key_of_primary(group: &Sid) -> Option<MemberKey> {
    let dn = DistinguishedName::parse(&format!("primaryGroupID={group}")).ok()?;
    Some(MemberKey::Dn(dn.normalized().clone()))
}

/// Somebody who may be in groups: a user, or a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The DN.
    pub dn: DistinguishedName,
    /// The values of `uid` that groups may name a user by; none for a group.
    pub uids: Vec<String>,
    /// The group that holds a user without saying so, in Active Directory.
    pub primary_group: Option<Sid>,
}

impl Member {
    /// One whom groups name by DN alone.
    pub fn by_dn(dn: DistinguishedName) -> Self {
        Self { dn, uids: Vec::new(), primary_group: None }
    }

    /// How much of a filter its names take: their bytes, and what stands around each.
    pub fn bytes(&self) -> usize {
        let uids = self.uids.iter().map(|uid| uid.len() + AROUND_A_NAME);
        self.dn.as_str().len() + AROUND_A_NAME + uids.sum::<usize>()
    }

    /// What groups may hold it by, in a copy that knows members by their ids.
    pub fn keys_by_id(&self, id: &UpstreamId) -> Vec<MemberKey> {
        let uids = self.uids.iter().filter_map(|uid| MemberKey::uid(uid));
        let primary = self.primary_group.as_ref().and_then(key_of_primary);
        key_of_id(id).into_iter().chain(primary).chain(uids).collect()
    }

    /// What groups may name it by.
    pub fn keys(&self) -> Vec<MemberKey> {
        let uids = self.uids.iter().filter_map(|uid| MemberKey::uid(uid));
        std::iter::once(MemberKey::Dn(self.dn.normalized().clone())).chain(uids).collect()
    }
}

/// A group, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupEntry {
    /// The group.
    pub group: Group,
    /// Its DN.
    pub dn: NormalizedDn,
    /// Whom it holds directly, in any order.
    pub members: Members,
}

/// A user, as far as a live copy keeps one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserEntry {
    /// The upstream id.
    pub id: UpstreamId,
    /// The DN.
    pub dn: NormalizedDn,
    /// The values of `uid` that groups may name it by; none where they name DNs alone.
    pub uids: Vec<String>,
    /// The digest of what a record takes from the entry.
    pub digest: u128,
}
