//! Follows a directory: connects, asks what it is, synchronises, and begins anew when that ends.

use super::census::{Person, Question, Sorted};
use super::wire::Wire;
use super::{Common, LiveCopy, Standing};
use crate::app::ports::{Coverage, LookupError};
use crate::domain::csn::CsnSet;
use crate::domain::membership::graph::Graph;
use crate::domain::policy::{GroupPolicy, ReplicaPolicy};
use crate::domain::record::UpstreamId;
use crate::domain::replication::{Act, Consumer, Ended, Told};
use crate::proto::control::Control;
use crate::proto::dn::{DistinguishedName, NormalizedDn};
use crate::proto::envelope::{Envelope, MessageId};
use crate::proto::extended::ExtendedResponse;
use crate::proto::filter::Filter;
use crate::proto::oid;
use crate::proto::op::Operation;
use crate::proto::result::{LdapResult, ResultCode};
use crate::proto::search::{Entry, Scope, Search};
use crate::proto::sync::{self, EntryUuid, Mode, State, SyncDone, SyncInfo, SyncState, uuid_text};
use crate::upstream::lookup::Login;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

/// How often it is looked whether the account still sees groups: who loses the right to read them
/// is told of nothing.
const LOOK: Duration = Duration::from_secs(10);
/// How many entries are applied while readers wait.
const BATCH: usize = 64;
/// The first wait before a further try.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// A refresh that takes away more than this share of the groups, in per cent, is held.
const LOSS_HELD: usize = 30;

/// Why following a directory stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// The connection or the account.
    Lookup(LookupError),
    /// The server ended the synchronisation with this code.
    Refused(ResultCode),
    /// The copy has to be made anew.
    StartAnew,
    /// The server offers no synchronisation.
    NotOffered,
    /// The refresh takes away too many groups to be believed at once.
    Held,
    /// There are too many users to be kept.
    TooManyUsers,
    /// The groups' base is not there.
    NoSuchBase,
    /// The service account does not see a single group any more, although there were some.
    Blind,
}

impl From<LookupError> for Stop {
    fn from(error: LookupError) -> Self {
        Self::Lookup(error)
    }
}

/// What is kept from one connection to the next.
struct Follower {
    shared: Arc<Common>,
    login: Arc<Login>,
    wants_users: bool,
    cookie: Option<Vec<u8>>,
    /// How many groups there were when the copy was complete last.
    complete_groups: usize,
    is_confirmed: bool,
    /// Entries that others lie below, and the groups' base.
    above: HashMap<EntryUuid, NormalizedDn>,
    /// Whether the copy began with this connection, so that what comes is no change.
    is_first_load: bool,
}

/// Follows until it is dropped.
pub(in crate::upstream) async fn follow(copy: LiveCopy, login: Arc<Login>) {
    let shared = copy.shared.clone();
    let wants_users = shared.kept != ReplicaPolicy::Groups;
    let mut follower = Follower {
        shared,
        login,
        wants_users,
        cookie: None,
        complete_groups: 0,
        is_confirmed: false,
        above: HashMap::new(),
        is_first_load: true,
    };
    let limits = follower.shared.limits;
    let mut pause = FIRST_PAUSE;
    loop {
        let since = Instant::now();
        let Err(stop) = follower.session().await;
        follower.lost(stop);
        if since.elapsed() > limits.longest_pause {
            pause = FIRST_PAUSE;
        }
        let long = matches!(stop, Stop::NotOffered | Stop::Refused(_) | Stop::Held);
        let wait = if long { limits.longest_pause } else { pause };
        match stop {
            Stop::StartAnew | Stop::TooManyUsers => {}
            Stop::Held => {
                let confirmed = follower.shared.confirmed.notified();
                follower.is_confirmed = timeout(wait, confirmed).await.is_ok();
            }
            _ => sleep(wait).await,
        }
        pause = (pause * 2).min(limits.longest_pause);
    }
}

impl Follower {
    /// The copy is nobody's any more until it is complete again.
    fn lost(&mut self, stop: Stop) {
        self.shared.standing.send_modify(|standing| standing.coverage = None);
        self.shared.counters.complete.set(0.0);
        self.shared.counters.held.set(if stop == Stop::Held { 1.0 } else { 0.0 });
        let name = &self.shared.policy.name;
        tracing::warn!(target: "bindgate", "REPLICA directory={name} not followed: {stop:?}");
        if matches!(stop, Stop::StartAnew | Stop::TooManyUsers) {
            self.cookie = None;
            self.above.clear();
            let mut graph = self.shared.change();
            *graph = Graph::new(graph.seed());
            self.wants_users &= stop != Stop::TooManyUsers;
        }
    }

    async fn session(&mut self) -> Result<std::convert::Infallible, Stop> {
        let groups = self.shared.policy.groups.clone().ok_or(Stop::NotOffered)?;
        let question = Question::new(&self.shared.policy, &groups, self.wants_users);
        let (stream, last_id) = self.login.open().await?;
        self.shared.counters.connects.increment(1);
        let mut wire = Wire::new(stream, last_id, self.shared.limits.message);
        let context = self.context(&mut wire, &question).await?;
        self.shared.set_context(Some(context.into()));
        if self.cookie.is_none() {
            self.shared.counters.loads.increment(1);
            // Whatever an earlier connection brought without an end is forgotten.
            self.above.clear();
            let mut graph = self.shared.change();
            *graph = Graph::new(graph.seed());
        }
        self.is_first_load = self.cookie.is_none();
        let main = Sync::ask(&mut wire, &question, Mode::RefreshAndPersist, self.cookie.as_deref());
        let mut main = main.await?;
        self.shared.change().begin_present();
        let mut poll: Option<(Sync, Instant)> = None;
        let mut look = Look::new(&groups);
        loop {
            let due = poll.as_ref().map(|(_, due)| *due).or(look.due());
            let shared = self.shared.clone();
            tokio::select! {
                heard = heard_before(&mut wire, due) => heard?,
                () = shared.wanted.notified(), if poll.is_none() && !main.is_refreshing => {
                    self.shared.counters.polls.increment(1);
                    let cookie = self.cookie.as_deref();
                    let asked = Sync::ask(&mut wire, &question, Mode::RefreshOnly, cookie).await?;
                    self.shared.change().begin_present();
                    poll = Some((asked, Instant::now() + self.shared.limits.patience));
                    continue;
                }
                () = sleep_until(look.next), if look.id.is_none() && !main.is_refreshing => {
                    look.ask(&mut wire, self.shared.limits.patience).await?;
                    continue;
                }
            }
            let mut batch = Vec::new();
            while batch.len() < BATCH
                && let Some(message) = wire.take()?
            {
                if look.id == Some(message.id) {
                    look.hear(&message, self.complete_groups)?;
                    continue;
                }
                let sync = match &mut poll {
                    Some((polled, _)) if polled.id == message.id => polled,
                    _ => &mut main,
                };
                batch.extend(sync.hear(&message)?);
            }
            let is_polled = batch.contains(&Act::Over(Ended::Finished));
            self.apply(&question, &mut main, batch)?;
            if is_polled {
                poll = None;
                self.shared.standing.send_modify(|standing| standing.polls += 1);
            }
        }
    }

    /// Where this server says how far it has got: the naming context that holds the base. Fails
    /// where no synchronisation is offered.
    async fn context(&self, wire: &mut Wire, question: &Question) -> Result<String, Stop> {
        let root = read_root(wire, self.shared.limits.patience).await?;
        let offers = |oid: &[u8]| root.values("supportedControl").iter().any(|known| known == oid);
        if !offers(oid::SYNC_REQUEST) {
            return Err(Stop::NotOffered);
        }
        let base = DistinguishedName::parse(&question.search.base);
        let base = base.map_err(|_| Stop::NotOffered)?;
        let contexts = root.values("namingContexts").iter();
        let contexts = contexts.filter_map(|value| DistinguishedName::from_bytes(value).ok());
        let holding = contexts.filter(|context| base.is_within(context));
        let deepest = holding.max_by_key(|context| context.as_str().len());
        deepest.map(|context| context.as_str().to_owned()).ok_or(Stop::NotOffered)
    }

    /// Applies what was heard; the last thing heard may be that it is over.
    fn apply(&mut self, question: &Question, main: &mut Sync, acts: Vec<Act>) -> Result<(), Stop> {
        let shared = self.shared.clone();
        let mut reached = None;
        let mut completes = false;
        let mut end = Ok(());
        {
            let mut graph = shared.change();
            for act in acts {
                match act {
                    Act::Put(uuid, entry) => {
                        shared.counters.changes.increment(1);
                        self.put(question, &mut graph, uuid, entry)?;
                    }
                    Act::Remove(uuid) => {
                        shared.counters.changes.increment(1);
                        let old = self.above.remove(&uuid);
                        self.check_base(old.as_ref(), None)?;
                        graph.remove(&UpstreamId::new(&uuid_text(uuid)));
                    }
                    Act::Keep(uuid) => graph.mark_present(&UpstreamId::new(&uuid_text(uuid))),
                    Act::Sweep => self.sweep(&mut graph)?,
                    Act::Complete => {
                        self.check_base_is_there()?;
                        self.is_first_load = false;
                        completes = true;
                        main.is_refreshing = false;
                        shared.counters.refreshes.increment(1);
                    }
                    Act::Reached(cookie) => reached = Some(cookie),
                    Act::Over(Ended::Finished) => {}
                    Act::Over(Ended::StartAnew) => end = Err(Stop::StartAnew),
                    Act::Over(Ended::Refused(code)) => end = Err(Stop::Refused(code)),
                }
            }
            if !main.is_refreshing {
                self.complete_groups = graph.counts().groups;
            }
            shared.counters.show(graph.counts());
        }
        self.arrive(question.coverage, completes, reached);
        end
    }

    /// The base must not go or change its name: what is below it would not be seen any more, and
    /// that says nothing of the groups.
    fn check_base(
        &self,
        old: Option<&NormalizedDn>,
        new: Option<&NormalizedDn>,
    ) -> Result<(), Stop> {
        let base = self.shared.policy.groups.as_ref().map(|groups| groups.base.normalized());
        let was_base = old.is_some() && old == base;
        if was_base && new != base { Err(Stop::NoSuchBase) } else { Ok(()) }
    }

    fn check_base_is_there(&self) -> Result<(), Stop> {
        let base = self.shared.policy.groups.as_ref().map(|groups| groups.base.normalized());
        let is_there = self.above.values().any(|dn| Some(dn) == base);
        if is_there { Ok(()) } else { Err(Stop::NoSuchBase) }
    }

    /// Notes where an entry is that others lie below. If it has moved they have too, and nobody
    /// tells of them: the copy has to be made anew.
    fn note_above(&mut self, uuid: EntryUuid, sorted: &Sorted) -> Result<(), Stop> {
        let base = self.shared.policy.groups.as_ref().map(|groups| groups.base.normalized());
        if !sorted.has_below && Some(&sorted.dn) != base {
            let old = self.above.remove(&uuid);
            return self.check_base(old.as_ref(), Some(&sorted.dn));
        }
        let old = self.above.insert(uuid, sorted.dn.clone());
        self.check_base(old.as_ref(), Some(&sorted.dn))?;
        let is_where_it_was = old.as_ref() == Some(&sorted.dn);
        if sorted.has_below && !is_where_it_was && !self.is_first_load {
            return Err(Stop::StartAnew);
        }
        Ok(())
    }

    fn put(
        &mut self,
        question: &Question,
        graph: &mut Graph,
        uuid: EntryUuid,
        entry: Entry,
    ) -> Result<(), Stop> {
        let sorted = question.sort(&self.shared.policy, graph.seed(), uuid, entry);
        let sorted = sorted.map_err(|_| LookupError::Malformed)?;
        self.note_above(uuid, &sorted)?;
        match sorted.person {
            Person::Group(group) => graph.put_group(&group),
            Person::User(user) => graph.put_user(&user),
            Person::Neither => drop(graph.remove(&UpstreamId::new(&uuid_text(uuid)))),
        }
        match self.shared.kept {
            ReplicaPolicy::Auto(most) if graph.counts().users > most => Err(Stop::TooManyUsers),
            _ => Ok(()),
        }
    }

    /// Removes what a refresh showed to be gone, unless that is most of the groups.
    fn sweep(&mut self, graph: &mut Graph) -> Result<(), Stop> {
        let left = graph.counts().groups - graph.unmarked().groups;
        let lost = self.complete_groups.saturating_sub(left);
        let is_held = lost * 100 > self.complete_groups * LOSS_HELD;
        if is_held && !std::mem::take(&mut self.is_confirmed) {
            return Err(Stop::Held);
        }
        graph.sweep();
        Ok(())
    }

    /// Tells the readers how far the copy has got.
    fn arrive(&mut self, coverage: Coverage, completes: bool, reached: Option<Vec<u8>>) {
        let csns = reached.as_deref().and_then(CsnSet::from_cookie);
        if let Some(cookie) = reached {
            self.cookie = Some(cookie);
        }
        if csns.is_none() && !completes {
            return;
        }
        self.shared.standing.send_modify(|standing: &mut Standing| {
            if completes {
                standing.coverage = Some(coverage);
            }
            if let Some(csns) = csns {
                standing.arrived.get_or_insert_with(|| csns.clone()).advance(&csns);
            }
        });
        if completes {
            self.shared.counters.complete.set(1.0);
        }
    }
}

/// Waits for a message, at most until something is due.
async fn heard_before(wire: &mut Wire, due: Option<Instant>) -> Result<(), LookupError> {
    match due {
        None => wire.heard().await,
        Some(due) => timeout_at(due, wire.heard()).await.unwrap_or(Err(LookupError::Timeout)),
    }
}

/// The look whether the account still sees groups.
struct Look {
    search: Search,
    next: Instant,
    id: Option<MessageId>,
    due: Instant,
    seen: usize,
}

impl Look {
    fn new(groups: &GroupPolicy) -> Self {
        let search = Search {
            base: groups.base.as_str().to_owned(),
            scope: Scope::Subtree,
            filter: groups.filter.clone(),
            attributes: vec!["1.1".to_owned()],
            size_limit: 1,
            time_limit: 0,
            controls: Vec::new(),
        };
        let now = Instant::now();
        Self { search, next: now + LOOK, id: None, due: now, seen: 0 }
    }

    fn due(&self) -> Option<Instant> {
        self.id.map(|_| self.due)
    }

    async fn ask(&mut self, wire: &mut Wire, patience: Duration) -> Result<(), LookupError> {
        let (id, now) = (wire.next_id(), Instant::now());
        let mut message = Vec::new();
        self.search.write(&mut message, id);
        (self.id, self.due, self.next, self.seen) = (Some(id), now + patience, now + LOOK, 0);
        wire.send(&message).await
    }

    /// Takes a message of the answer. `known` is how many groups the copy has.
    fn hear(&mut self, message: &Envelope<'_>, known: usize) -> Result<(), Stop> {
        match message.operation {
            Operation::SearchResultEntry => self.seen += 1,
            Operation::SearchResultDone => {
                self.id = None;
                let result = LdapResult::decode(message.content);
                let code = result.map_err(|_| LookupError::Malformed)?.code;
                let is_seen = self.seen > 0 || known == 0;
                match code {
                    ResultCode::SUCCESS | ResultCode::SIZE_LIMIT_EXCEEDED if is_seen => {}
                    ResultCode::SUCCESS | ResultCode::SIZE_LIMIT_EXCEEDED => {
                        return Err(Stop::Blind);
                    }
                    ResultCode::NO_SUCH_OBJECT => return Err(Stop::NoSuchBase),
                    code => return Err(Stop::Refused(code)),
                }
            }
            _ => return Err(LookupError::Malformed.into()),
        }
        Ok(())
    }
}

/// A synchronisation under way.
struct Sync {
    id: MessageId,
    consumer: Consumer,
    is_refreshing: bool,
}

impl Sync {
    async fn ask(
        wire: &mut Wire,
        question: &Question,
        mode: Mode,
        cookie: Option<&[u8]>,
    ) -> Result<Self, LookupError> {
        let id = wire.next_id();
        let value = sync::request(mode, cookie);
        let control = Control { oid: oid::SYNC_REQUEST, critical: true, value: Some(&value) };
        let mut message = Vec::new();
        question.search.write_with(&mut message, id, &[control]);
        wire.send(&message).await?;
        Ok(Self { id, consumer: Consumer::new(mode), is_refreshing: true })
    }

    /// What follows from a message.
    fn hear(&mut self, message: &Envelope<'_>) -> Result<Vec<Act>, Stop> {
        let malformed = |_| LookupError::Malformed;
        if message.id != self.id {
            return Err(unasked(message).into());
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

/// What a message means that answers nothing.
fn unasked(message: &Envelope<'_>) -> LookupError {
    let notice = || ExtendedResponse::decode(message.content).ok();
    let is_notice = message.id == MessageId::UNSOLICITED
        && message.operation == Operation::ExtendedResponse
        && notice().is_some_and(|notice| notice.name == Some(oid::NOTICE_OF_DISCONNECTION));
    if is_notice { LookupError::Disconnected } else { LookupError::Malformed }
}

/// The root DSE, as far as it is needed here.
async fn read_root(wire: &mut Wire, patience: Duration) -> Result<Entry, LookupError> {
    let id = wire.next_id();
    let search = Search {
        base: String::new(),
        scope: Scope::Base,
        filter: Filter::any_entry(),
        attributes: vec!["supportedControl".to_owned(), "namingContexts".to_owned()],
        size_limit: 0,
        time_limit: 0,
        controls: Vec::new(),
    };
    let mut message = Vec::new();
    search.write(&mut message, id);
    wire.send(&message).await?;
    let answer = async {
        let mut root = Entry::default();
        loop {
            wire.heard().await?;
            while let Some(message) = wire.take()? {
                match message.operation {
                    _ if message.id != id => return Err(unasked(&message)),
                    Operation::SearchResultEntry => {
                        let entry = Entry::decode(message.content);
                        root = entry.map_err(|_| LookupError::Malformed)?;
                    }
                    Operation::SearchResultDone => return Ok(root),
                    _ => return Err(LookupError::Malformed),
                }
            }
        }
    };
    timeout(patience, answer).await.unwrap_or(Err(LookupError::Timeout))
}
