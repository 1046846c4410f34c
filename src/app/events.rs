//! What happens, as typed values: log line, metric and audit row are derived from one of them.
//!
//! No event holds a password or an attribute's value.

use super::accounts::NotAdmitted;
pub use super::audit::AuditEntry;
use super::oversight::HeldKind;

use crate::domain::observation::UnknownReason;
use crate::domain::policy::Switch;
use crate::domain::referral::Settled;
use crate::domain::replication::Decision;
use crate::domain::source::Source;
use crate::domain::vouching::NotVouched;
use crate::proto::op::Operation;
use crate::proto::result::ResultCode;
use std::net::SocketAddr;
use std::time::Duration;

/// A client connection's number, as logs show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConnectionId(pub u64);

/// Why a client connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Closed {
    /// The client sent an unbind.
    Unbind,
    /// The client closed, or the network did.
    ByClient,
    /// The client sent something that is not LDAP.
    ProtocolError,
    /// A limit of the gateway; its name is the configuration key.
    Limit(&'static str),
    /// The client was idle for too long.
    Idle,
    /// The upstream connection was lost.
    UpstreamLost,
    /// The TLS handshake failed.
    Tls,
    /// A balancer's connection did not begin with a header of the PROXY protocol.
    ProxyHeader,
    /// An administrator has ended it.
    Ended,
    /// The gateway is shutting down.
    Shutdown,
}

impl Closed {
    /// The name in logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unbind => "unbind",
            Self::ByClient => "by-client",
            Self::ProtocolError => "protocol-error",
            Self::Limit(_) => "limit",
            Self::Idle => "idle",
            Self::UpstreamLost => "upstream-lost",
            Self::Tls => "tls",
            Self::ProxyHeader => "proxy-header",
            Self::Ended => "ended",
            Self::Shutdown => "shutdown",
        }
    }
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsVersion {
    /// RFC 5246.
    V1_2,
    /// RFC 8446.
    V1_3,
}

impl TlsVersion {
    /// Every version that is spoken.
    pub const ALL: [Self; 2] = [Self::V1_2, Self::V1_3];

    /// The name in logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::V1_2 => "TLSv1.2",
            Self::V1_3 => "TLSv1.3",
        }
    }
}

/// How a client came to its TLS session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handshake {
    /// By a whole handshake.
    Full,
    /// By a ticket that an earlier session gave it.
    Resumed,
}

impl Handshake {
    /// Both ways.
    pub const ALL: [Self; 2] = [Self::Full, Self::Resumed];

    /// The name in logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Resumed => "resumed",
        }
    }
}

/// What a sign-on did to the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignOnOutcome {
    /// It was up to date.
    Unchanged,
    /// It was made.
    Created,
    /// It was changed.
    Changed,
    /// It was brought up to date so lately that it was left alone (`minimum_interval`).
    Recent,
    /// The switch is off: it was left alone.
    SwitchedOff,
    /// The entry belongs to no user type.
    NotAUser,
    /// The user gets no record.
    NotProvisioned,
    /// An admin or a policy has shut the user out.
    Refused,
    /// The entry could not be read, or its groups could not; memberships are untouched.
    Unknown(UnknownReason),
}

impl SignOnOutcome {
    /// The name in logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Created => "created",
            Self::Changed => "changed",
            Self::Recent => "recent",
            Self::SwitchedOff => "switched-off",
            Self::NotAUser => "not-a-user",
            Self::NotProvisioned => "not-provisioned",
            Self::Refused => "refused",
            Self::Unknown(_) => "unknown",
        }
    }
}

/// Where a sign-on read the groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupSource {
    /// In the live copy of the directory.
    Replica,
    /// In the directory.
    Directory,
    /// Nowhere: they were not asked for.
    Nowhere,
}

impl GroupSource {
    /// Every source.
    pub const ALL: [Self; 3] = [Self::Replica, Self::Directory, Self::Nowhere];

    /// The name in logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Replica => "replica",
            Self::Directory => "directory",
            Self::Nowhere => "nowhere",
        }
    }
}

/// Why it is not known whose entry a bind is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unidentified {
    /// The directory names somebody by no DN.
    NoEntry,
    /// The directory does not say who it is.
    Untold,
}

impl Unidentified {
    /// Every reason.
    pub const ALL: [Self; 2] = [Self::NoEntry, Self::Untold];

    /// The name in logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoEntry => "no-entry",
            Self::Untold => "untold",
        }
    }
}

/// What others took of a bind's time; what is left is the gateway's own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BindSpent {
    /// From the request on the directory's connection to its answer, or to the end of the wait for
    /// it; of the last attempt, if it was sent twice.
    pub upstream: Option<Duration>,
    /// From the directory's success until the record was up to date.
    pub sign_on: Option<Duration>,
}

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Event<'a> {
    /// A client connected.
    Connected {
        /// Its number.
        conn: ConnectionId,
        /// Where from.
        peer: SocketAddr,
        /// Whether over TLS.
        tls: bool,
    },
    /// A client has shaken hands, at once or after StartTLS.
    TlsEstablished {
        /// Its number.
        conn: ConnectionId,
        /// The version that was agreed on.
        version: TlsVersion,
        /// How it came to it.
        handshake: Handshake,
        /// Whether it showed a certificate that was verified.
        certified: bool,
    },
    /// A client's handshake failed.
    TlsFailed {
        /// Its number.
        conn: ConnectionId,
        /// Why.
        error: &'a str,
    },
    /// A client's connection ended.
    Disconnected {
        /// Its number.
        conn: ConnectionId,
        /// Why.
        reason: Closed,
    },
    /// A bind was answered.
    Bind {
        /// The connection.
        conn: ConnectionId,
        /// The operation's number on it, from 0.
        op: u64,
        /// The directory that it was for; empty if it was for none.
        directory: &'a str,
        /// The name that was bound as; bytes that are not UTF-8 are replaced.
        name: &'a [u8],
        /// The result.
        code: ResultCode,
        /// From the whole request to the answer.
        elapsed: Duration,
        /// What others took of that.
        spent: BindSpent,
    },
    /// Another operation was answered.
    Answered {
        /// The connection.
        conn: ConnectionId,
        /// The operation's number on it, from 0.
        op: u64,
        /// The request.
        operation: Operation,
        /// The result.
        code: ResultCode,
        /// Entries and references on the way.
        entries: u64,
        /// From the whole request to the answer.
        elapsed: Duration,
    },
    /// A sign-on's flight ended.
    SignOn {
        /// The directory.
        directory: &'a str,
        /// The user type, if one took the entry.
        user_type: Option<&'a str>,
        /// The DN that the directory gave, or the name that was bound as.
        user: &'a str,
        /// The view that decided whether the record follows, if it was one.
        view: Option<&'a str>,
        /// What it did.
        outcome: SignOnOutcome,
        /// Memberships that began.
        added: usize,
        /// Memberships that ended.
        removed: usize,
        /// Where the groups were read.
        source: GroupSource,
        /// From the flight's start to its end, commit included.
        elapsed: Duration,
    },
    /// The gateway looked at a user by itself.
    Reconciled {
        /// The directory.
        directory: &'a str,
        /// The upstream id.
        user: &'a str,
        /// What it did to the record.
        outcome: SignOnOutcome,
        /// Memberships that began.
        added: usize,
        /// Memberships that ended.
        removed: usize,
    },
    /// The gateway has gone through all records, and looked at users.
    ReconcileRound {
        /// How many records there are.
        records: usize,
        /// How many users were looked at.
        looked_at: usize,
        /// How many records changed.
        changed: usize,
        /// How long it took.
        elapsed: Duration,
    },
    /// The record of a user who was missing for too long was deleted.
    RecordDeleted {
        /// The directory.
        directory: &'a str,
        /// The upstream id.
        user: &'a str,
    },
    /// So many users wait to be looked at by the gateway itself.
    ReconcileWaiting {
        /// How many.
        waiting: usize,
    },
    /// A group that the configuration gives to users could not be found.
    GroupNotGiven {
        /// The directory.
        directory: &'a str,
        /// The group's DN.
        group: &'a str,
        /// Why.
        reason: UnknownReason,
    },
    /// A directory's live copy was not up to date in time, and the directory was asked instead.
    ReplicaMissed {
        /// The directory.
        directory: &'a str,
    },
    /// A directory's live copy was late too often: it is not waited for until it has caught up.
    ReplicaGivenUp {
        /// The directory.
        directory: &'a str,
    },
    /// A directory's live copy has caught up and is used again.
    ReplicaCaughtUp {
        /// The directory.
        directory: &'a str,
    },
    /// A directory is behind what was seen of it: nobody's groups are believed.
    RollbackSeen {
        /// The directory.
        directory: &'a str,
    },
    /// A directory is not behind any more, or that was accepted.
    RollbackOver {
        /// The directory.
        directory: &'a str,
    },
    /// Somebody accepted that a directory was set back.
    RollbackAccepted {
        /// The directory.
        directory: &'a str,
        /// Who did it: a token's name.
        who: &'a str,
    },
    /// A loss of groups is held until somebody confirms or rejects it, or it passes (S3.8).
    ChangeHeld {
        /// The directory.
        directory: &'a str,
        /// The item.
        id: &'a str,
        /// What it is.
        kind: HeldKind,
        /// How many users were seen since the first of them lost groups.
        seen: usize,
    },
    /// What was held has passed: the directory shows the groups again.
    HeldPassed {
        /// The directory.
        directory: &'a str,
        /// The item.
        id: &'a str,
    },
    /// So many users of a directory have groups that are held.
    UsersHeld {
        /// The directory.
        directory: &'a str,
        /// How many.
        users: usize,
    },
    /// Somebody said what a loss of groups is that is held.
    HeldDecided {
        /// The directory.
        directory: &'a str,
        /// The loss.
        id: &'a str,
        /// What was said.
        decision: Decision,
        /// Who did it: a token's name.
        who: &'a str,
    },
    /// A switch was changed at run time.
    SwitchChanged {
        /// The directory.
        directory: &'a str,
        /// The user type.
        user_type: &'a str,
        /// Who did it: a token's name.
        who: &'a str,
        /// The value in force before.
        old: Switch,
        /// The value in force now.
        new: Switch,
    },
    /// A view's switch was changed at run time.
    ViewSwitchChanged {
        /// The view.
        view: &'a str,
        /// Who did it: a token's name.
        who: &'a str,
        /// What it said before; `None` is as the user type says.
        old: Option<Switch>,
        /// What it says now.
        new: Option<Switch>,
    },
    /// A server of a directory was lost or cannot be reached.
    UpstreamDown {
        /// The directory.
        directory: &'a str,
        /// The server's URL.
        url: &'a str,
        /// What went wrong.
        error: &'a str,
    },
    /// A server of a directory answers again.
    UpstreamUp {
        /// The directory.
        directory: &'a str,
        /// The server's URL.
        url: &'a str,
    },
    /// An upstream connection was found dead before a byte of the answer, and the operation was
    /// sent again on a fresh one.
    UpstreamRetried {
        /// The directory.
        directory: &'a str,
    },
    /// A response of a type that LDAP does not define was skipped.
    UpstreamSkipped {
        /// The directory.
        directory: &'a str,
    },
    /// A directory sent what is no answer, or half of one, and its connection was closed.
    UpstreamOdd {
        /// The directory.
        directory: &'a str,
    },
    /// A SASL bind succeeded whose user's entry is not known: nothing was synchronised.
    SignOnUnidentified {
        /// The directory.
        directory: &'a str,
        /// Why.
        reason: Unidentified,
    },
    /// A reference to another server came from a directory.
    ReferralSettled {
        /// The directory.
        directory: &'a str,
        /// What was done with it.
        settled: Settled,
    },
    /// A limit was hit; its name is the configuration key.
    LimitHit {
        /// The limit.
        limit: &'static str,
        /// Where from, if a client did it.
        peer: Option<SocketAddr>,
    },
    /// A source keeps failing and is held back from now on.
    ThrottleBegan {
        /// The source.
        source: Source,
    },
    /// A source does not keep failing any more.
    ThrottleEnded {
        /// The source.
        source: Source,
    },
    /// The store could not write.
    StoreFailed {
        /// What went wrong.
        error: &'a str,
    },
    /// The store writes again.
    StoreRecovered,
    /// A sign-on would have left a protected group without anybody: that part of it is held.
    LastMemberHeld {
        /// The directory.
        directory: &'a str,
        /// Whose sign-on, by upstream id.
        user: &'a str,
        /// The group, by upstream id.
        group: &'a str,
    },
    /// A group of a user was left out, since it is not kept and none is to be made.
    GroupSkipped {
        /// The directory.
        directory: &'a str,
        /// The group's DN.
        group: &'a str,
    },
    /// A client that binds by its certificate is not vouched for.
    NotVouchedFor {
        /// The connection.
        conn: ConnectionId,
        /// The name that the certificate stands for; empty if there is none.
        name: &'a [u8],
        /// Why.
        why: NotVouched,
    },
    /// A bind as an account of the gateway's own was settled.
    AccountBind {
        /// The connection.
        conn: ConnectionId,
        /// The name that was given.
        name: &'a [u8],
        /// Why it did not succeed, if it did not.
        refused: Option<NotAdmitted>,
    },
    /// The files of certificate and key have changed, and what they hold is used from now on.
    CertificatesReloaded,
    /// The files of certificate and key have changed, or cannot be read, and what they hold cannot be
    /// used: what was read before stays in force.
    CertificatesRefused {
        /// What is wrong.
        error: &'a str,
    },
    /// The configuration was read again, and what could be changed is in force.
    ConfigurationReloaded {
        /// What is.
        changed: &'a str,
        /// The sections that have changed too and need a restart; perhaps none.
        restart: &'a str,
    },
    /// The configuration has changed and cannot be used: what was read before stays in force.
    ConfigurationRefused {
        /// What is wrong.
        error: &'a str,
    },
    /// A request to the admin API bore no token, or a wrong one.
    AdminRefused,
}
