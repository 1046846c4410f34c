//! The gateway's durable copy of a user.

use super::observation::UnknownReason;
use super::policy::Switch;
use super::time::Timestamp;
use litemap::LiteMap;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// An immutable id that the directory gave to an entry (entryUUID, objectGUID, nsUniqueId or
/// ipaUniqueID) in its canonical text form. Users and groups are keyed by it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UpstreamId(pub Arc<str>);

impl UpstreamId {
    /// An id from its canonical text.
    pub fn new(text: &str) -> Self {
        Self(Arc::from(text))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UpstreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The gateway's own id of a record.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordId(pub Arc<str>);

/// What a record is found by: a directory's name and the upstream id in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserKey {
    /// The directory's configured name.
    pub directory: Arc<str>,
    /// The user's id there.
    pub upstream_id: UpstreamId,
}

/// A group of a directory.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Group {
    /// The group's upstream id.
    pub id: UpstreamId,
    /// Its DN as the directory spells it.
    pub dn: String,
    /// Its name.
    pub name: String,
}

/// Who says that a user is in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Provenance {
    /// The directory.
    Managed,
    /// An admin, as an addition.
    Local,
    /// The configuration: at creation, or always.
    Default,
    /// An admin, whatever the directory says.
    PinAllow,
    /// An admin, as a "no" that lasts.
    PinDeny,
}

impl Provenance {
    /// Every provenance.
    pub const ALL: [Self; 5] =
        [Self::Managed, Self::Local, Self::Default, Self::PinAllow, Self::PinDeny];

    /// The name in JSON, in the store and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Managed => "managed",
            Self::Local => "local",
            Self::Default => "default",
            Self::PinAllow => "pin-allow",
            Self::PinDeny => "pin-deny",
        }
    }

    /// The provenance of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|provenance| provenance.name() == name)
    }
}

/// Groups one above the other, the lowest first. Users of the same group come to those above it by the
/// same way, so one copy may serve them all.
pub type Path = Arc<[UpstreamId]>;

/// How a user came to be in a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The groups from the one that holds the user to this one, both included; so its length is
    /// the depth: 1 for a direct membership.
    pub path: Path,
    /// Whether the user is also a direct member.
    pub direct: bool,
}

impl Route {
    /// The least number of steps from the user to the group; 1 is direct.
    pub fn depth(&self) -> usize {
        self.path.len()
    }
}

/// What a membership is found by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MembershipKey {
    /// The group.
    pub group: UpstreamId,
    /// Who says so.
    pub provenance: Provenance,
}

/// What is kept of a membership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// How the user came to be in the group.
    pub route: Route,
    /// Since when the gateway knows it.
    pub since: Timestamp,
    /// Whether an admin has to confirm it before it counts (S4.5).
    pub in_review: bool,
    /// When it ends by itself; only a pin does.
    pub until: Option<Timestamp>,
}

impl Membership {
    /// One that counts.
    pub fn new(route: Route, since: Timestamp) -> Self {
        Self { route, since, in_review: false, until: None }
    }
}

/// Why a record is not active. Reasons add up, and only who set one lifts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum InactiveReason {
    /// The directory says that the account is disabled.
    Upstream,
    /// An admin.
    Admin,
    /// A policy of the gateway.
    Policy,
    /// The entry matches no user type any more.
    Scope,
    /// The entry is gone.
    Missing,
}

impl InactiveReason {
    /// Every reason.
    pub const ALL: [Self; 5] =
        [Self::Upstream, Self::Admin, Self::Policy, Self::Scope, Self::Missing];

    /// Whether what is read in the directory sets and lifts it.
    pub fn is_observed(self) -> bool {
        match self {
            Self::Upstream | Self::Scope | Self::Missing => true,
            Self::Admin | Self::Policy => false,
        }
    }

    /// The name in JSON and in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Upstream => "upstream",
            Self::Admin => "admin",
            Self::Policy => "policy",
            Self::Scope => "scope",
            Self::Missing => "missing",
        }
    }

    /// The reason of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

/// What the last observation said of the groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupsOutcome {
    /// They were read completely.
    Known,
    /// They were not, for this reason.
    Unknown(UnknownReason),
}

/// What every sign-on moves: kept beside the record, written to disk at bounded intervals only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The instant of the last sign-on.
    pub last_sign_on: Timestamp,
    /// When the reads of the last Known observation were sent, if there was one.
    pub observed_at: Option<Timestamp>,
    /// What the last observation said of the groups.
    pub groups: GroupsOutcome,
    /// What the directory's copy showed when the record was last brought up to date; not kept over
    /// a restart.
    pub seen: Option<Seen>,
}

impl Mark {
    /// Moves the times on, never back, if this is what was seen; whether it is.
    pub fn renew(&mut self, seen: &Seen, times: Times) -> bool {
        let is_it = self.seen.is_some_and(|before| before.is_the_same(seen));
        if is_it {
            self.seen = Some(*seen);
            self.last_sign_on = self.last_sign_on.max(times.last_sign_on);
            self.observed_at = self.observed_at.max(times.observed_at);
        }
        is_it
    }
}

/// The times of a sign-on that found everything as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// Its instant.
    pub last_sign_on: Timestamp,
    /// All that it asked was asked at this time or later; `None` if it asked nothing that counts.
    pub observed_at: Option<Timestamp>,
}

/// What a record was brought up to date with: while all of it is the same, there is nothing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The digest of the user's entry.
    pub entry: u128,
    /// The fingerprint of the user's closure; `None` if the groups were not asked for.
    pub groups: Option<u128>,
    /// Whether the record followed the directory then. What it let pass while it did not is still to
    /// be done when it does.
    pub switch: Switch,
    /// The record's version.
    pub version: u64,
    /// In which era of the copy the closure was last found to be that one; in the same era it is so
    /// still. `None` if it was found without a copy.
    pub era: Option<Era>,
}

impl Seen {
    /// Whether this shows what `other` shows, whenever that was looked at.
    pub fn is_the_same(&self, other: &Self) -> bool {
        let shown = |seen: &Self| (seen.entry, seen.groups, seen.switch, seen.version);
        shown(self) == shown(other)
    }
}

/// A time in the life of a copy in which no closure changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Era(pub u64);

impl Era {
    /// The one after.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

/// Values by the local name of their attribute.
pub type Attributes = LiteMap<String, Vec<Vec<u8>>>;

/// Memberships by what they are found by. A list in order: of the few that a user has a tree would take
/// twice as much memory, and there are as many as users.
pub type Memberships = LiteMap<MembershipKey, Membership>;

/// The gateway's durable copy of a user. It changes by [`super::change::Change`] alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The gateway's own id.
    pub id: RecordId,
    /// The directory and the id there.
    pub key: UserKey,
    /// The user type that took the entry.
    pub user_type: Arc<str>,
    /// The user name.
    pub name: String,
    /// The DN as the directory spells it.
    pub dn: String,
    /// The name for people, as the directory gives it.
    pub display_name: Option<String>,
    /// The name for people that an admin gave: it is shown in place of the directory's (S7.1).
    pub local_name: Option<String>,
    /// Whether this record follows the directory, if an admin said so for it alone (S5.8).
    pub switch: Option<Switch>,
    /// The mapped attributes by their local name, values sorted; none is empty.
    pub attributes: Attributes,
    /// Why the record is not active; active if empty. `Missing` carries its moment in `missing_since`.
    pub inactive: BTreeSet<InactiveReason>,
    /// Since when the entry is gone.
    pub missing_since: Option<Timestamp>,
    /// The user name that the directory gives, while another record has it (S4.11).
    pub collision: Option<String>,
    /// The memberships.
    pub memberships: Memberships,
    /// When the record was made.
    pub created_at: Timestamp,
    /// Grows by one at every commit; commits compare it.
    pub version: u64,
}

impl Record {
    /// The name for people that is served: an admin's, else the directory's.
    pub fn shown_name(&self) -> Option<&str> {
        self.local_name.as_deref().or(self.display_name.as_deref())
    }

    /// When the first of the memberships that end by themselves does.
    pub fn next_end(&self) -> Option<Timestamp> {
        self.memberships.values().filter_map(|membership| membership.until).min()
    }

    /// Whether nothing makes the record inactive.
    pub fn is_active(&self) -> bool {
        self.inactive.is_empty()
    }

    /// Whether the gateway refuses this user's binds: only an admin or a policy of the gateway does.
    pub fn is_barred(&self) -> bool {
        self.inactive.contains(&InactiveReason::Admin)
            || self.inactive.contains(&InactiveReason::Policy)
    }

    /// Whether the record is inactive for a reason that what is read in the directory sets and lifts.
    pub fn is_suspended(&self) -> bool {
        self.inactive.iter().any(|reason| reason.is_observed())
    }

    /// Whether this membership counts: the record is active and has it, the row is no denial and
    /// not in review, and no denial of the same group stands beside it.
    pub fn is_effective(&self, key: &MembershipKey) -> bool {
        let denial = MembershipKey { group: key.group.clone(), provenance: Provenance::PinDeny };
        self.is_active()
            && key.provenance != Provenance::PinDeny
            && self.memberships.get(key).is_some_and(|membership| !membership.in_review)
            && !self.memberships.contains_key(&denial)
    }

    /// The memberships that count, by group and then by provenance; a group comes once for each
    /// provenance that it has.
    pub fn effective_memberships(&self) -> impl Iterator<Item = (&MembershipKey, &Membership)> {
        self.memberships.iter().filter(|(key, _)| self.is_effective(key))
    }

    /// The effective groups, each once.
    pub fn effective_groups(&self) -> BTreeSet<&UpstreamId> {
        let mut groups: Vec<&UpstreamId> = Vec::new();
        if !self.is_active() {
            return BTreeSet::new();
        }
        // The rows of a group stand beside each other, a denial behind all others.
        for (key, membership) in &self.memberships {
            let is_last = groups.last() == Some(&&key.group);
            match (key.provenance, is_last) {
                (Provenance::PinDeny, true) => drop(groups.pop()),
                (Provenance::PinDeny, false) | (_, true) => {}
                (_, false) if membership.in_review => {}
                (_, false) => groups.push(&key.group),
            }
        }
        groups.into_iter().collect()
    }

    /// The memberships that the directory says: the only ones that a sign-on changes.
    pub fn managed_memberships(&self) -> impl Iterator<Item = (&UpstreamId, &Membership)> {
        let managed = |key: &MembershipKey| key.provenance == Provenance::Managed;
        let rows = self.memberships.iter().filter(move |(key, _)| managed(key));
        rows.map(|(key, membership)| (&key.group, membership))
    }
}
