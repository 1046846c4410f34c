//! What one sign-on learnt from the directory, each part known or unknown.

use super::record::{Group, Route, UpstreamId};
use super::time::Timestamp;
use crate::proto::search::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A read that was complete, or why it was not. Known-and-empty removes; unknown never does, so
/// neither an `Option` nor an empty list stands for this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observed<T> {
    /// Read completely.
    Known(T),
    /// Failed, cut short, or not to be trusted.
    Unknown(UnknownReason),
}

/// Why a read does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum UnknownReason {
    /// The directory's or the gateway's size limit was hit.
    SizeLimit,
    /// The directory's time limit was hit.
    TimeLimit,
    /// No answer within the gateway's own time.
    Timeout,
    /// The connection was lost before the answer was whole.
    Disconnected,
    /// The directory could not be reached.
    Unreachable,
    /// The directory said busy or unavailable.
    Busy,
    /// A configured base is not there.
    NoSuchBase,
    /// A referral stands inside the configured scope.
    Referral,
    /// The service account may not read.
    Access,
    /// The service account's credentials were refused.
    ServiceAccount,
    /// Any other result code.
    ResultCode(u32),
    /// An answer that is not LDAP, or not the answer to the question.
    Malformed,
    /// Two answers of one observation contradict each other: the directory changed in between.
    Inconsistent,
    /// The entry was not there, or not exactly one, although the bind succeeded.
    NotOneEntry,
    /// The entry bears no upstream id.
    NoUpstreamId,
    /// The entry bears another upstream id than the record.
    IdMismatch,
    /// The depth limit left something unexplored.
    DepthLimit,
    /// More groups than `max_groups_per_user`.
    TooManyGroups,
    /// The directory is behind what was already seen of it.
    Rollback,
    /// The groups are known as a set, but not the ways to them.
    Paths,
    /// The service account sees no groups at all any more, or no longer what it needs to see.
    Visibility,
    /// A user whose groups are known does not have them any more.
    Canary,
    /// Too many users would lose groups at once, or one would lose all: somebody has to confirm that.
    Held,
    /// The store could not be read or written.
    Store,
    /// The groups were not asked for.
    NotAsked,
}

impl UnknownReason {
    /// Every reason once; the number of `ResultCode` stands for any.
    pub const ALL: [Self; 25] = [
        Self::SizeLimit,
        Self::TimeLimit,
        Self::Timeout,
        Self::Disconnected,
        Self::Unreachable,
        Self::Busy,
        Self::NoSuchBase,
        Self::Referral,
        Self::Access,
        Self::ServiceAccount,
        Self::ResultCode(80),
        Self::Malformed,
        Self::Inconsistent,
        Self::NotOneEntry,
        Self::NoUpstreamId,
        Self::IdMismatch,
        Self::DepthLimit,
        Self::TooManyGroups,
        Self::Rollback,
        Self::Paths,
        Self::Visibility,
        Self::Canary,
        Self::Held,
        Self::Store,
        Self::NotAsked,
    ];

    /// The name in JSON, logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::SizeLimit => "size-limit",
            Self::TimeLimit => "time-limit",
            Self::Timeout => "timeout",
            Self::Disconnected => "disconnected",
            Self::Unreachable => "unreachable",
            Self::Busy => "busy",
            Self::NoSuchBase => "no-such-base",
            Self::Referral => "referral",
            Self::Access => "access",
            Self::ServiceAccount => "service-account",
            Self::ResultCode(_) => "result-code",
            Self::Malformed => "malformed",
            Self::Inconsistent => "inconsistent",
            Self::NotOneEntry => "not-one-entry",
            Self::NoUpstreamId => "no-upstream-id",
            Self::IdMismatch => "id-mismatch",
            Self::DepthLimit => "depth-limit",
            Self::TooManyGroups => "too-many-groups",
            Self::Rollback => "rollback",
            Self::Paths => "paths",
            Self::Visibility => "visibility",
            Self::Canary => "canary",
            Self::Held => "held",
            Self::Store => "store",
            Self::NotAsked => "not-asked",
        }
    }

    /// The reason of that name; a bare `result-code` has lost its number.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

impl fmt::Display for UnknownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ResultCode(code) => write!(f, "result-code {code}"),
            other => f.write_str(other.name()),
        }
    }
}

/// A group that a user is in, with the way that leads there and the groups right below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedGroup {
    /// The group.
    pub group: Group,
    /// The way from the user.
    pub route: Route,
    /// The groups of the same closure that this group holds directly; perhaps itself.
    pub members: BTreeSet<UpstreamId>,
}

/// All groups of a user, direct and nested, by upstream id.
pub type Closure = BTreeMap<UpstreamId, ObservedGroup>;

/// A user's entry as it was read, with the id that it bears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedEntry {
    /// The upstream id.
    pub upstream_id: UpstreamId,
    /// The entry.
    pub entry: Entry,
}

/// What one sign-on learnt of a user whose entry was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// When the first of its reads was sent.
    pub sent_at: Timestamp,
    /// The user's entry.
    pub user: ObservedEntry,
    /// The closure of the user's groups.
    pub groups: Observed<Closure>,
    /// Groups of the user that were seen although the closure is unknown.
    pub seen: Closure,
    /// Attributes of which it was seen that the service account may read them: in lower case.
    pub readable: BTreeSet<String>,
}
