//! Who somebody is: which user type takes an entry, and which of its attributes say so.

use super::observation::UnknownReason;
use super::policy::{DirectoryPolicy, UserType};
use super::record::UpstreamId;
use crate::proto::search::Entry;

/// The attributes that may hold an upstream id, in the order in which they are looked for.
pub const ID_ATTRIBUTES: [&str; 4] = ["entryUUID", "objectGUID", "nsUniqueId", "ipaUniqueID"];

/// The upstream id that an entry bears.
pub fn upstream_id(_entry: &Entry) -> Result<UpstreamId, UnknownReason> {
    todo!()
}

/// The first user type that takes an entry, by base and filter.
pub fn user_type<'a>(_directory: &'a DirectoryPolicy, _entry: &Entry) -> Option<&'a UserType> {
    todo!()
}

/// Every attribute that has to be read to decide about a user of this directory: upstream ids,
/// objectClass, those that filters mention, user names, mapped attributes; each once.
pub fn attributes_to_read(_directory: &DirectoryPolicy) -> Vec<String> {
    todo!()
}
