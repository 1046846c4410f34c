//! What the use cases need of the world: traits that floor 4 implements.
//!
//! Ports on the hot path are generic parameters: no boxed future and no dynamic call per message.

mod no_replica;
mod records;

pub use no_replica::NoReplica;
pub use records::{
    Catalogue, Commit, Import, Page, Records, RecordsFollower, StoreError, Stored, StoredSwitch,
};

use super::events::Event;
use super::reconcile::Changes;
use super::trace::Span;
use crate::domain::membership::graph::Graph;
use crate::domain::observation::UnknownReason;
use crate::domain::record::RecordId;
use crate::domain::time::Timestamp;
use crate::proto::envelope::{MessageId, UpstreamMessageId};
use crate::proto::op::Operation;
use crate::proto::result::ResultCode;
use crate::proto::search::{Entry, Search};
use std::future::Future;
use std::net::IpAddr;
use std::task::{Context, Poll};
use std::time::Instant;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};

/// The set of implementations that a gateway is made of.
pub trait Ports: Send + Sync + 'static {
    /// Exclusive upstream connections.
    type Links: Links;
    /// Connections that many clients share.
    type Shared: Shared;
    /// The gateway's own searches.
    type Lookups: Lookups;
    /// Live copies of directories' groups and users.
    type Replica: Replica;
    /// The records.
    type Records: Records;
    /// Time and new ids.
    type Clock: Clock;
    /// Where events go.
    type Events: Events;
}

/// What a connection has to be good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The next message on it is a bind; an earlier bind on it may have been anybody's.
    Bind,
    /// It was never bound: it is anonymous to the directory.
    Anonymous,
}

/// What a connection may still be used for when its session has done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fitness {
    /// Nothing is outstanding and nothing odd was seen: another bind may be sent on it.
    Binds,
    /// It was never bound and nothing is outstanding: still anonymous to the directory.
    Anonymous,
}

/// Why there is no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LinkError {
    /// No server of the directory could be reached.
    #[error("directory cannot be reached")]
    Unreachable,
    /// All connections are taken and none came free within the time-out.
    #[error("no connection came free in time")]
    TimedOut,
    /// The queue of those who wait is full.
    #[error("too many wait for a connection")]
    QueueFull,
    /// The gateway is shutting down.
    #[error("gateway is shutting down")]
    Closed,
}

/// What asking for a connection gives: at once, or later.
pub enum Leased<L, W> {
    /// A warm connection was there.
    Now(L),
    /// One has to be made or waited for.
    Later(W),
}

/// Exclusive connections to one directory. A handle belongs to one worker and is cheap to clone.
pub trait Links: Clone + Send + Sync + 'static {
    /// A connection that is leased out.
    type Link: Link;
    /// The wait for one; dropping it gives the place in the queue up.
    type Wait: Future<Output = Result<Self::Link, LinkError>> + Send + Unpin + 'static;

    /// Asks for a connection on behalf of a client at `source`.
    fn lease(&self, purpose: Purpose, source: IpAddr) -> Leased<Self::Link, Self::Wait>;

    /// Asks for a connection that has not lain idle, for the one retry of a bind: where one warm
    /// connection was dead without showing it, the others may be too.
    fn lease_fresh(&self, source: IpAddr) -> Self::Wait;
}

/// One exclusive upstream connection under lease. Dropping it closes the connection (after an
/// unbind, where that can be sent without waiting).
pub trait Link: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// The messageID that was used on it last, in this lease or in one before: the next one's
    /// numbering goes on from there, so that a late answer is never taken for another's.
    fn last_id(&self) -> MessageId;

    /// Tells the pool that this lease may be asked back: the session has sent nothing but binds
    /// and nothing is outstanding. The lease starts out as not recallable.
    fn set_recallable(&mut self, recallable: bool);

    /// Tells the pool that the session does more than bind from now on: it keeps the connection, and
    /// does not count any more among those that take turns. To be called once a lease.
    fn does_more_than_bind(&mut self) {}

    /// Ready once somebody waits for this connection and it is recallable.
    fn poll_recalled(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Gives the connection back to the pool, with the messageID that was used on it last.
    fn give_back(self, fitness: Fitness, last_id: MessageId);

    /// Closes the connection: the directory left a bind unanswered for too long, which tells
    /// against the server that it leads to.
    fn close_as_silent(self);
}

/// An operation that is under way on a shared connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SharedId {
    /// The connection's number, which is not given again.
    pub connection: u64,
    /// The messageID on it.
    pub message: UpstreamMessageId,
}

/// What a response is to the operation that it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// An entry, a reference or an intermediate response: more comes.
    More,
    /// The end.
    Last,
    /// The connection was lost: there is no response, and none will come.
    Lost,
}

/// Responses that came for one client, in their order, each without its envelope.
#[derive(Debug, Default)]
pub struct Responses {
    bytes: Vec<u8>,
    parts: Vec<(SharedId, Part, usize)>,
}

impl Responses {
    /// Adds one: the operation and, if any, its controls.
    pub fn push(&mut self, id: SharedId, part: Part, body: &[u8]) {
        self.bytes.extend_from_slice(body);
        self.parts.push((id, part, body.len()));
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// How much room they take: their bytes, and as many again for each as keeping it costs.
    pub fn size(&self) -> usize {
        self.bytes.len() + self.parts.len() * size_of::<(SharedId, Part, usize)>()
    }

    /// All of them, the first that came first.
    pub fn iter(&self) -> impl Iterator<Item = (SharedId, Part, &[u8])> {
        let mut rest = &self.bytes[..];
        self.parts.iter().map(move |(id, part, length)| {
            let (body, behind) = rest.split_at(*length);
            rest = behind;
            (*id, *part, body)
        })
    }
}

/// What a client on shared connections has to know although nobody answered it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeatNews {
    /// What had no place can be sent now.
    Place,
    /// There will be no place.
    NoPlace(LinkError),
    /// The client has left its responses lying for too long: its operations were abandoned, and
    /// it has to go. The name is the limit's.
    Overdue(&'static str),
}

/// Connections that many clients share, to one directory. A handle belongs to one worker and is
/// cheap to clone. They are never those of the gateway's own searches, nor exclusive ones.
pub trait Shared: Clone + Send + Sync + 'static {
    /// One client's part in them.
    type Seat: Seat;

    /// A seat on connections that are never bound, for a client at `source`.
    fn anonymous(&self, source: IpAddr) -> Self::Seat;

    /// A seat for a session that was bound as `name`, on connections of the service account: every
    /// request bears that name as proxied authorisation (RFC 4370). `None` if the directory is not
    /// known to grant that, or if the name is no DN.
    fn proxied(&self, source: IpAddr, name: &[u8]) -> Option<Self::Seat>;

    /// Whether the directory is known to grant proxied authorisation.
    fn grants_proxying(&self) -> bool;

    /// A bind under that name succeeded: an occasion to ask the directory whether it grants
    /// proxied authorisation. Costs one load of an atomic while there is nothing to ask.
    fn bound(&self, name: &[u8]);

    /// Whether the directory grants proxied authorisation; where that is not known and may be asked, it
    /// is asked as the user of that name, and the answer is waited for.
    fn settle_proxying(&self, name: &[u8]) -> impl Future<Output = bool> + Send + use<Self>;

    /// The directory refused a proxied request: it is not taken to grant that until asked anew.
    fn denied(&self);

    /// A seat as [`Shared::proxied`] gives, on a connection that nobody else asks on: for what
    /// leaves something behind there.
    fn apart(&self, _source: IpAddr, _name: &[u8]) -> Result<Self::Seat, NoSeat> {
        Err(NoSeat::NotGranted)
    }

    /// A seat whose requests are done as the service account, on connections that others use too: for
    /// accounts of the gateway's own.
    fn own(&self, _source: IpAddr) -> Result<Self::Seat, NoSeat> {
        Err(NoSeat::NotGranted)
    }

    /// The same, on a connection that nobody else asks on.
    fn own_apart(&self, _source: IpAddr) -> Result<Self::Seat, NoSeat> {
        Err(NoSeat::NotGranted)
    }

    /// A seat for binds, on connections on which many are under way at a time and which no bind
    /// changes (Active Directory's fast bind). `None` if the directory is not known to have such.
    fn fast_bind(&self, _source: IpAddr) -> Option<Self::Seat> {
        None
    }
}

/// Why there is no seat apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoSeat {
    /// The directory is not known to grant proxied authorisation, or the name is no DN.
    NotGranted,
    /// There are as many as there may be; the name is the limit's.
    Full(&'static str),
}

/// One client's part in shared connections. Dropping it abandons what it has under way.
pub trait Seat: Send + Unpin + 'static {
    /// Sends a request, given as its operation and, if any, its controls; `None` if there is no
    /// place for it now, after which [`Seat::poll_news`] tells when to come again.
    fn send(&mut self, operation: Operation, body: &[u8]) -> Option<SharedId>;

    /// Sends a Cancel (RFC 3909) for an operation of this seat; `None` if it cannot be sent.
    fn cancel(&mut self, id: SharedId) -> Option<SharedId>;

    /// Abandons an operation of this seat; its late responses are swallowed. `controls` is the
    /// content of the request's controls.
    fn abandon(&mut self, id: SharedId, controls: Option<&[u8]>);

    /// Gives up the place that is waited for, or that there is, if nothing was sent on it.
    fn give_up(&mut self);

    /// What there is to know.
    fn poll_news(&mut self, cx: &mut Context<'_>) -> Poll<SeatNews>;

    /// Takes the responses that came. While they are not taken they stop, beyond a limit, the
    /// reading of their connection.
    fn poll_responses(&mut self, cx: &mut Context<'_>) -> Poll<Responses>;
}

/// Why a search of the gateway's own has no complete answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LookupError {
    /// The directory ended it with another code than success.
    #[error("directory answered {0}")]
    Result(ResultCode),
    /// The answer held references, so part of it lies elsewhere.
    #[error("answer holds references")]
    Referral,
    /// No answer in time.
    #[error("no answer in time")]
    Timeout,
    /// The connection was lost before the answer was whole.
    #[error("connection lost")]
    Disconnected,
    /// No server could be reached.
    #[error("directory cannot be reached")]
    Unreachable,
    /// The service account's bind was refused, or its password could not be read.
    #[error("service account was refused")]
    ServiceAccount,
    /// More entries or bytes than the gateway takes.
    #[error("answer exceeds the gateway's limit")]
    TooLarge,
    /// The answer was not LDAP.
    #[error("answer is malformed")]
    Malformed,
}

impl LookupError {
    /// The reason that an observation gives.
    pub fn reason(self) -> UnknownReason {
        match self {
            Self::Result(ResultCode::SIZE_LIMIT_EXCEEDED | ResultCode::ADMIN_LIMIT_EXCEEDED)
            | Self::TooLarge => UnknownReason::SizeLimit,
            Self::Result(ResultCode::TIME_LIMIT_EXCEEDED) => UnknownReason::TimeLimit,
            Self::Result(ResultCode::BUSY | ResultCode::UNAVAILABLE) => UnknownReason::Busy,
            Self::Result(ResultCode::NO_SUCH_OBJECT) => UnknownReason::NoSuchBase,
            Self::Result(ResultCode::INSUFFICIENT_ACCESS_RIGHTS) => UnknownReason::Access,
            Self::Result(ResultCode::REFERRAL) | Self::Referral => UnknownReason::Referral,
            Self::Result(code) => UnknownReason::ResultCode(code.0),
            Self::Timeout => UnknownReason::Timeout,
            Self::Disconnected => UnknownReason::Disconnected,
            Self::Unreachable => UnknownReason::Unreachable,
            Self::ServiceAccount => UnknownReason::ServiceAccount,
            Self::Malformed => UnknownReason::Malformed,
        }
    }
}

/// Searches with the service account on shared connections. A handle belongs to one worker.
pub trait Lookups: Clone + Send + Sync + 'static {
    /// All entries that a search finds, or why they are not all there.
    fn search(
        &self,
        search: Search,
    ) -> impl Future<Output = Result<Vec<Entry>, LookupError>> + Send;
}

/// How far a directory's state has got, as the directory itself counts it.
pub trait Marker: Clone + Send + Sync + 'static {
    /// Whether this is at least as far as `other`.
    fn covers(&self, other: &Self) -> bool;
    /// Takes the farther of both, part by part.
    fn advance(&mut self, other: &Self);
    /// As text, to be kept.
    fn text(&self) -> String;
    /// What was kept; `None` if that is nothing of this kind.
    fn read(text: &str) -> Option<Self>;
}

/// What a live copy holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Coverage {
    /// The groups.
    Groups,
    /// The groups, and of each user the upstream id and a digest of the entry.
    GroupsAndUsers,
}

/// A live copy was lost, or is not to be trusted for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the live copy of the directory was lost")]
pub struct Gone;

/// A live copy of a directory's group graph. A handle is cheap to clone.
pub trait Replica: Clone + Send + Sync + 'static {
    /// How the directory says how far it has got.
    type Marker: Marker;

    /// What the copy holds; `None` while it is not complete or not to be trusted.
    fn coverage(&self) -> Option<Coverage>;

    /// Whether the directory lately showed so many groups less that this is not believed yet. What
    /// a walk finds is no more to be believed then.
    fn is_held(&self) -> bool;

    /// Waits until it is known whether the account still sees the groups that it saw when the copy
    /// was complete last; at once where nothing speaks against that. An error says that a loss is
    /// held.
    fn vouched(&self) -> impl Future<Output = Result<(), Gone>> + Send;

    /// Waits until entries were asked whether the directory was set back; at once where nothing
    /// speaks for that.
    fn testified(&self) -> impl Future<Output = ()> + Send;

    /// Whether it is known how the directory says how far it has got.
    fn can_be_asked_for(&self) -> bool;

    /// Asks the directory for what has changed, and waits until the copy has that: whoever asked then
    /// need not ask how far the directory has got. `None` for a copy that is told of changes by itself,
    /// or is not complete.
    fn pull(&self) -> impl Future<Output = Option<Result<Self::Marker, Gone>>> + Send {
        std::future::ready(None)
    }

    /// Whether the copy knows members by their upstream ids instead of by their names.
    fn knows_by_id(&self) -> bool {
        false
    }

    /// Whether whoever searches after the directory has said how far it has got finds all of that.
    fn says_what_is_seen(&self) -> bool {
        true
    }

    /// The search whose answer says how far the directory has got; `None` if that is not known.
    fn question(&self) -> Option<Search>;

    /// The same, where it is not known: it is asked for. `None` if the directory does not say how
    /// far it has got.
    fn find_question<L: Lookups>(
        &self,
        lookups: &L,
    ) -> impl Future<Output = Result<Option<Search>, UnknownReason>> + Send;

    /// How far the copy has ever got, also before it was lost.
    fn seen(&self) -> Option<Self::Marker>;

    /// Whether entries showed that the directory was set back, although it has got farther since.
    fn went_back(&self) -> bool;

    /// The directory was set back on purpose: the copy is made anew, and what one that is lost had
    /// says nothing.
    fn forget_seen(&self);

    /// What the answer to the question says; `None` if it says nothing.
    fn marker(&self, answer: &[Entry]) -> Option<Self::Marker>;

    /// Whether the copy has got as far as a marker.
    fn has(&self, marker: &Self::Marker) -> bool;

    /// Waits until the copy has got as far as a marker.
    fn arrived(&self, marker: &Self::Marker) -> impl Future<Output = Result<(), Gone>> + Send;

    /// Asks the directory for what has changed, in case it does not tell by itself.
    fn poll(&self) -> impl Future<Output = Result<(), Gone>> + Send;

    /// Waits until the copy has changed, and tells of it once; never where it tells of nothing.
    fn changed(&self) -> impl Future<Output = Changes> + Send {
        std::future::pending()
    }

    /// Looks into the copy. The copy stands still meanwhile, so this should not take long.
    fn read<T>(&self, look: impl FnOnce(&Graph) -> T) -> T;
}

/// Time and new ids.
pub trait Clock: Clone + Send + Sync + 'static {
    /// Now.
    fn now(&self) -> Timestamp;
    /// An id that nobody else has.
    fn new_record_id(&self) -> RecordId;
}

/// Where events go.
pub trait Events: Clone + Send + Sync + 'static {
    /// Takes one event: log line and metrics are derived from it.
    fn emit(&self, event: &Event<'_>);

    /// Begins to trace what came from a client at this time, if it is one of those that are traced.
    fn trace(&self, _name: &'static str, _begun: Instant) -> Span {
        Span::OFF
    }
}
