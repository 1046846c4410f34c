//! What clients see of groups on entries that pass through the gateway (semantics section 10): which
//! requests have to do with it, how an entry looks then, and which part of a filter the directory
//! decides. Who is in which groups is told from outside.

pub mod entry;
pub mod filter;
pub mod plan;
pub mod request;
pub mod subschema;

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
}

/// Whether an attribute description is memberOf, by name or OID, with options or without.
pub fn is_member_of(description: &[u8]) -> bool {
    let name = description.split(|byte| *byte == b';').next().unwrap_or_default();
    name.eq_ignore_ascii_case(MEMBER_OF.as_bytes()) || name == MEMBER_OF_OID.as_bytes()
}
