//! What clients see of groups on entries that pass through the gateway (semantics section 10): which
//! requests have to do with it, how an entry looks then, and which part of a filter the directory
//! decides. Who is in which groups is told from outside.

pub mod entry;
pub mod filter;
pub mod plan;
pub mod request;
pub mod subschema;

use crate::domain::membership::{MemberAttribute, MemberRule};

/// The name of the attribute that lists an entry's groups.
pub const MEMBER_OF: &str = "memberOf";

/// Its OID, by which clients may ask for it too.
pub const MEMBER_OF_OID: &str = "1.2.840.113556.1.2.102";

/// Whether an attribute is returned when all user attributes are asked for, or all operational ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Usage {
    /// By `+`, as on OpenLDAP.
    #[default]
    Operational,
    /// By `*`, as on Active Directory and 389 Directory Server.
    User,
}

/// Whether searches show users whose records are inactive (rule S4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Inactive {
    /// They are shown, in no groups.
    #[default]
    Show,
    /// They are not: it is as if they were not there.
    Hide,
}

/// What is added to what one directory's clients see: the section `[directory.serve]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServePolicy {
    /// Whether searches show users whose records are inactive (`inactive`).
    pub inactive: Inactive,
    /// Whether entries bear their nested groups as memberOf (`member_of`).
    pub member_of: bool,
    /// How memberOf is asked for without its name (`member_of_usage`).
    pub usage: Usage,
    /// The most members that the groups of one filter may have, taken together, where the filter is
    /// decided by naming them (`max_filter_members`).
    pub max_filter_members: usize,
    /// The attributes that name the members of groups, where filters and compares on them are about
    /// nested groups too (`member`).
    pub members: Vec<MemberAttribute>,
}

impl ServePolicy {
    /// Whether anything is added at all.
    pub fn adds_something(&self) -> bool {
        self.member_of || !self.members.is_empty()
    }

    /// The names and OIDs of the attributes that name members.
    pub fn member_names(&self) -> impl Iterator<Item = &[u8]> {
        self.members.iter().flat_map(|attribute| {
            let own = attribute.name.as_bytes();
            std::iter::once(own).chain(other_name(own, attribute.rule))
        })
    }

    /// The attribute that an attribute description is, if it names members that are looked at here;
    /// with options or without.
    pub fn member_attribute(&self, description: &[u8]) -> Option<&MemberAttribute> {
        let name = without_options(description);
        self.members.iter().find(|attribute| {
            let own = attribute.name.as_bytes();
            name.eq_ignore_ascii_case(own) || other_name(own, attribute.rule) == Some(name)
        })
    }
}

/// The OID of an attribute that is known by its name.
fn other_name(name: &[u8], rule: MemberRule) -> Option<&'static [u8]> {
    match rule {
        MemberRule::Name if name.eq_ignore_ascii_case(b"member") => Some(b"2.5.4.31"),
        MemberRule::NameAndUid => Some(b"2.5.4.50"),
        MemberRule::Uid => Some(b"1.3.6.1.1.1.1.12"),
        MemberRule::Name => None,
    }
}

fn without_options(description: &[u8]) -> &[u8] {
    description.split(|byte| *byte == b';').next().unwrap_or_default()
}

/// Whether an attribute description is memberOf, by name or OID, with options or without.
pub fn is_member_of(description: &[u8]) -> bool {
    let name = without_options(description);
    name.eq_ignore_ascii_case(MEMBER_OF.as_bytes()) || name == MEMBER_OF_OID.as_bytes()
}
