//! One connection of a follower: it asks, hears, and asks anew when somebody wants to know more.
//!
//! One synchronisation is under way at a time. A poll gives it up and asks for it again from where
//! it had got: two at once would bring the same entry in two states, and nothing would say which of
//! them is the later one.

use super::census::Question;
use super::follower::{Follower, Stop};
use super::look::Look;
use super::root;
use super::testimony;
use super::wire::Wire;
use super::{Where, numbered};
use crate::app::ports::LookupError;
use crate::domain::kind::Kind;
use crate::domain::numbering::{self, NotNumbered};
use crate::domain::replication::{Act, Consumer, HowFar, Position, Told};
use crate::proto::ber;
use crate::proto::control::Control;
use crate::proto::envelope::{Envelope, MessageId};
use crate::proto::oid;
use crate::proto::op::Operation;
use crate::proto::result::LdapResult;
use crate::proto::search::Entry;
use crate::proto::sync::{self, Mode, State, SyncDone, SyncInfo, SyncState};
use crate::upstream::servers::User;
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

/// How many messages are applied while readers wait.
const BATCH: usize = 64;
/// How often a refresh looks whether the disk has caught up with it.
const ROOM_LOOK: Duration = Duration::from_millis(5);

/// Connects, and follows until something ends it.
pub(super) async fn run(follower: &mut Follower) -> Result<Infallible, Stop> {
    let shared = follower.shared.clone();
    let groups = shared.policy.groups.as_ref().ok_or(Stop::NotOffered)?;
    let question = Question::new(&shared.policy, groups, follower.wants_users, &follower.origin);
    follower.resume(&question);
    let (stream, last_id) = follower.login.open(User::Gateway).await?;
    shared.counters.connects.increment(1);
    let mut wire = Wire::new(stream, last_id, shared.limits.message);
    let patience = shared.limits.patience;
    let root = root::root_dse(&mut wire, patience).await?;
    // Before anybody asks on other connections what this one knows.
    follower.kind.learn(Kind::of_root(&root));
    match numbering::numbering(&root, &groups.base) {
        Ok(numbered) => return numbered::run(follower, &question, wire, &root, numbered).await,
        Err(NotNumbered::OtherKind) => {}
        Err(_) => return Err(Stop::NotOffered),
    }
    let context = root::naming_context(&root, &question.search.base)?;
    shared.set_place(Where::Context(context.as_str().into()));
    if matches!(follower.position.says(), Some(HowFar::Numbers(_))) {
        follower.position = Position::default();
    }
    follower.above.set_base(root::uuid_of(&mut wire, groups.base.as_str(), patience).await?);
    testimony::hear(&shared, &mut wire, &question, &context, patience).await?;
    let mut look = Look::new(groups, shared.standing.borrow().is_held);
    let silence = patience.max(shared.limits.longest_pause);
    follower.begin(&question);
    let mut sync = Sync::ask(&mut wire, &question, follower.position.cookie()).await?;
    let mut due: Option<Instant> = None;
    loop {
        tokio::select! {
            heard = heard_before(&mut wire, due.or(look.due()).or(sync.silent_at(silence))) => heard?,
            () = shared.wanted.notified(), if !sync.is_refreshing() => {
                shared.counters.polls.increment(1);
                sync = sync.again(&mut wire, &question, follower.position.cookie()).await?;
                follower.begin(&question);
                due = Some(Instant::now() + patience);
                continue;
            }
            () = shared.anew.notified() => return Err(Stop::StartAnew),
            () = until(look.next()), if !sync.is_refreshing() => {
                look.ask(&mut wire, patience).await?;
                continue;
            }
        }
        let mut acts = Vec::new();
        let mut taken = 0;
        while taken < BATCH
            && let Some(message) = wire.take()?
        {
            taken += 1;
            if look.is_answered_by(&message) {
                look.hear(&message, shared.holding().guard.expects_groups())?;
                continue;
            }
            acts.extend(sync.hear(&message)?);
        }
        follower.apply(&question, acts, sync.is_refreshing())?;
        if !sync.is_refreshing() {
            due = None;
            continue;
        }
        // Nobody reads the copy before the refresh has ended, so it may wait for the disk.
        while !follower.has_room() {
            sleep(ROOM_LOOK).await;
        }
    }
}

/// Waits for a moment; for ever if there is none.
pub(super) async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Waits for a message, at most until something is due.
async fn heard_before(wire: &mut Wire, due: Option<Instant>) -> Result<(), LookupError> {
    match due {
        None => wire.heard().await,
        Some(due) => timeout_at(due, wire.heard()).await.unwrap_or(Err(LookupError::Timeout)),
    }
}

/// The synchronisation under way.
struct Sync {
    id: MessageId,
    /// The one that was given up before it: what still comes of that is older than what is asked.
    given_up: Option<MessageId>,
    consumer: Consumer,
}

impl Sync {
    async fn ask(
        wire: &mut Wire,
        question: &Question,
        cookie: Option<&[u8]>,
    ) -> Result<Self, LookupError> {
        let id = wire.next_id();
        let value = sync::request(Mode::RefreshAndPersist, cookie);
        let control = Control { oid: oid::SYNC_REQUEST, critical: true, value: Some(&value) };
        let mut message = Vec::new();
        question.search.write_with(&mut message, id, &[control]);
        wire.send(&message).await?;
        Ok(Self { id, given_up: None, consumer: Consumer::new(Mode::RefreshAndPersist) })
    }

    /// Gives this one up, and asks for it from where it had got.
    async fn again(
        self,
        wire: &mut Wire,
        question: &Question,
        cookie: Option<&[u8]>,
    ) -> Result<Self, LookupError> {
        let mut abandon = Vec::new();
        let id = wire.next_id();
        ber::write_nested(&mut abandon, ber::SEQUENCE, |out| {
            ber::write_integer(out, ber::INTEGER, i64::from(id.get()));
            ber::write_integer(out, Operation::AbandonRequest.tag(), i64::from(self.id.get()));
        });
        wire.send(&abandon).await?;
        let next = Self::ask(wire, question, cookie).await?;
        Ok(Self { given_up: Some(self.id), ..next })
    }

    fn is_refreshing(&self) -> bool {
        self.consumer.is_refreshing()
    }

    /// When a server has said nothing for too long: in a refresh it is its turn.
    fn silent_at(&self, silence: Duration) -> Option<Instant> {
        self.is_refreshing().then(|| Instant::now() + silence)
    }

    /// What follows from a message.
    fn hear(&mut self, message: &Envelope<'_>) -> Result<Vec<Act>, Stop> {
        let malformed = |_| LookupError::Malformed;
        if self.given_up.is_some_and(|id| id == message.id) {
            return Ok(Vec::new());
        }
        if message.id != self.id {
            return Err(root::unasked(message).into());
        }
        let told = match message.operation {
            Operation::SearchResultEntry => {
                let state = SyncState::of(message).map_err(malformed)?;
                let SyncState { state, uuid, cookie } = state.ok_or(LookupError::Malformed)?;
                let entry = match state {
                    State::Add | State::Modify => Entry::decode(message.content),
                    State::Present | State::Delete => Ok(Entry::default()),
                };
                Told::Entry { state, uuid, entry: entry.map_err(malformed)?, cookie }
            }
            Operation::IntermediateResponse => {
                match SyncInfo::decode(message.content).map_err(malformed)? {
                    Some(info) => Told::Info(info),
                    None => return Ok(Vec::new()),
                }
            }
            Operation::SearchResultDone => {
                let result = LdapResult::decode(message.content).map_err(malformed)?;
                let done = SyncDone::of(message).map_err(malformed)?;
                Told::Done { code: result.code, done: done.unwrap_or_default() }
            }
            // A part of the groups lies elsewhere.
            Operation::SearchResultReference => return Err(LookupError::Referral.into()),
            _ => return Err(LookupError::Malformed.into()),
        };
        Ok(self.consumer.hear(told))
    }
}
