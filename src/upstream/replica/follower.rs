//! Follows a directory: one connection after another, and what is kept from each to the next.

use super::above::Above;
use super::census::Question;
use super::recorder::Recorder;
use super::testimony::ENTRY_CSN;
use super::{Common, LiveCopy, Standing, session};
use crate::app::kind::KnownKind;
use crate::app::ports::{Coverage, LookupError, Replica};
use crate::app::saved::SavedPosition;
use crate::domain::membership::graph::Graph;
use crate::domain::observation::UnknownReason;
use crate::domain::policy::ReplicaPolicy;
use crate::domain::record::UpstreamId;
use crate::domain::replication::{Act, Ended, Kept, Ledger, Position, Verdict};
use crate::proto::result::ResultCode;
use crate::proto::search::Entry;
use crate::proto::sync::{EntryUuid, uuid_text};
use crate::upstream::lookup::Login;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// The first wait before a further try.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Why following a directory stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The connection or the account.
    Lookup(LookupError),
    /// The server ended the synchronisation with this code.
    Refused(ResultCode),
    /// The copy has to be made anew.
    StartAnew,
    /// The server offers no synchronisation.
    NotOffered,
    /// A list that comes in parts could not be read to its end.
    Unread(UnknownReason),
    /// So few groups are left that this is not believed at once.
    Held(usize),
    /// There are too many users to be kept.
    TooManyUsers,
    /// There is more than may be kept (`max_replica_names`).
    TooLarge,
    /// The groups' base is not there.
    NoSuchBase,
    /// The account does not see a single group any more, although there were some.
    Blind,
}

impl Stop {
    /// Whether the next try is likely to end like this one.
    fn is_lasting(self) -> bool {
        // A slapd that stops ends a synchronisation with unavailable.
        let passing = [ResultCode::SUCCESS, ResultCode::BUSY, ResultCode::UNAVAILABLE];
        match self {
            Self::NotOffered | Self::TooLarge => true,
            // What makes the copy void is asked differently the next time.
            Self::Refused(code) => !passing.contains(&code) && !self.makes_void(),
            _ => false,
        }
    }

    /// Whether the copy cannot be gone on with. A server that was set back to a backup is unwilling
    /// to go on from a state that it has not reached.
    fn makes_void(self) -> bool {
        match self {
            Self::StartAnew | Self::TooManyUsers | Self::TooLarge => true,
            Self::Refused(code) => {
                code == ResultCode::UNWILLING_TO_PERFORM || code == ResultCode::PROTOCOL_ERROR
            }
            _ => false,
        }
    }
}

impl From<LookupError> for Stop {
    fn from(error: LookupError) -> Self {
        Self::Lookup(error)
    }
}

/// What was read of a directory that is asked for its changes.
#[derive(Debug)]
pub(super) enum News {
    /// The entry is as given.
    Put(Kept),
    /// The entry is there, as it was.
    Keep(UpstreamId),
    /// The entry is gone, or is nothing that is kept.
    Gone(UpstreamId),
    /// What was neither put nor kept is gone.
    Sweep,
    /// All that was read counts; the cookie says how far that is.
    Complete(Vec<u8>),
}

/// What is kept from one connection to the next.
pub(super) struct Follower {
    pub(super) shared: Arc<Common>,
    pub(super) login: Arc<Login>,
    /// What kind of directory it is, for all who ask it.
    pub(super) kind: KnownKind,
    pub(super) wants_users: bool,
    /// The directory's servers, as they are configured.
    pub(super) origin: Arc<str>,
    pub(super) position: Position,
    pub(super) above: Above,
    ledger: Ledger,
    recorder: Recorder,
    /// A copy from the beginning, until it is complete: whoever was let through to the one that
    /// there is may still read it.
    building: Option<Graph>,
    /// Whether the copy begins with the refresh that is under way, so that nothing is a change.
    is_beginning: bool,
    /// How many refreshes have ended.
    refreshes: u64,
}

/// Follows until it is dropped.
pub(in crate::upstream) async fn follow(
    copy: LiveCopy,
    (login, kind): (Arc<Login>, KnownKind),
    origin: Arc<str>,
) {
    let shared = copy.shared.clone();
    let mut follower = Follower {
        wants_users: shared.kept != ReplicaPolicy::Groups,
        recorder: Recorder::new(shared.policy.name.clone(), shared.archive.clone()),
        shared,
        login,
        kind,
        origin,
        position: Position::default(),
        above: Above::default(),
        ledger: Ledger::default(),
        building: None,
        is_beginning: false,
        refreshes: 0,
    };
    let longest = follower.shared.limits.longest_pause;
    let mut pause = FIRST_PAUSE;
    loop {
        let since = Instant::now();
        let Err(stop) = session::run(&mut follower).await;
        follower.lost(stop);
        if since.elapsed() > longest {
            pause = FIRST_PAUSE;
        }
        match stop {
            Stop::TooManyUsers => {}
            Stop::Held(_) | Stop::Blind => follower.wait_for_word(stop, longest).await,
            _ if stop.is_lasting() => sleep(longest).await,
            _ => follower.rest(pause).await,
        }
        pause = (pause * 2).min(longest);
    }
}

impl Follower {
    /// Waits until it is time to try again, or a moment if somebody waits for the copy.
    async fn rest(&self, pause: Duration) {
        sleep(FIRST_PAUSE.min(pause)).await;
        let rest = pause.saturating_sub(FIRST_PAUSE);
        let _ = timeout(rest, self.shared.hurry.notified()).await;
    }

    /// Waits until it is time to try again, or somebody has confirmed what is held.
    async fn wait_for_word(&mut self, stop: Stop, longest: Duration) {
        let _ = timeout(longest, self.shared.confirmed.notified()).await;
        let is_confirmed = !self.shared.holding().guard.expects_groups();
        if stop == Stop::Blind && is_confirmed {
            // A server tells of no change where an account only sees less than before.
            self.position = Position::default();
        }
    }

    /// The copy is nobody's any more until it is complete again.
    fn lost(&mut self, stop: Stop) {
        let is_held = matches!(stop, Stop::Held(_) | Stop::Blind);
        if stop == Stop::Blind {
            self.hold_all();
        }
        let expects_groups = self.shared.holding().guard.expects_groups();
        let seen = Replica::seen(&LiveCopy { shared: self.shared.clone() });
        self.shared.standing.send_modify(|standing| {
            standing.seen = seen;
            standing.lose();
            // Where no copy is to be had there is nothing to wait for.
            if !expects_groups || stop.is_lasting() {
                standing.end_doubt();
            }
            standing.is_held |= is_held;
        });
        self.shared.counters.complete.set(0.0);
        self.shared.counters.watched.set(0.0);
        if is_held {
            self.shared.counters.held.set(1.0);
        }
        let name = &self.shared.policy.name;
        tracing::warn!(target: "bindgate", "REPLICA directory={name} not followed: {stop:?}");
        if stop.makes_void() {
            self.position = Position::default();
        }
        self.wants_users &= stop != Stop::TooManyUsers;
    }

    /// No group is seen any more.
    fn hold_all(&self) {
        let graph = self.shared.graph();
        let mut holding = self.shared.holding();
        if holding.guard.judge(0) == Verdict::Hold {
            holding.hold(&graph, |_| false);
        }
    }

    /// Goes on from what was saved, once, if that answers the same question.
    pub(super) fn resume(&mut self, question: &Question) {
        let Some(saved) = self.recorder.saved(question.fingerprint) else { return };
        let groups = saved.as_ref().map(|saved| saved.groups);
        self.shared.holding().resume(groups);
        self.shared.standing.send_modify(|standing| {
            standing.is_held &= groups.is_some();
            if groups.unwrap_or(0) == 0 {
                standing.end_doubt();
            }
        });
        let Some(saved) = saved else { return };
        *self.shared.witnesses() = saved.witnesses;
        let Some(cookie) = saved.cookie else { return };
        let Some(graph) = self.recorder.load(saved.seed) else { return };
        self.position = Position::of(&cookie);
        self.shared.counters.resumes.increment(1);
        self.shared.counters.show(graph.counts());
        self.shared.put_in_place(graph);
    }

    /// A synchronisation is about to be asked for.
    pub(super) fn begin(&mut self, question: &Question) {
        // Whatever an earlier connection brought without an end is forgotten.
        self.building = None;
        self.is_beginning = self.position.cookie().is_none();
        if self.position.cookie().is_some() {
            self.ledger.begin(&mut self.shared.change());
            return;
        }
        self.shared.counters.loads.increment(1);
        self.above.forget();
        let mut graph = Graph::new(self.shared.graph().seed());
        self.recorder.begin(question.fingerprint, graph.seed());
        self.ledger.begin(&mut graph);
        self.building = Some(graph);
    }

    /// Whether the disk keeps up.
    pub(super) fn has_room(&self) -> bool {
        self.recorder.has_room()
    }

    /// Applies what was heard; the last thing heard may be that it is over.
    pub(super) fn apply(
        &mut self,
        question: &Question,
        acts: Vec<Act>,
        is_refreshing: bool,
    ) -> Result<(), Stop> {
        self.apply_by(question.coverage, is_refreshing, |follower, graph| {
            acts.into_iter().try_for_each(|act| follower.act(question, graph, act))
        })
    }

    /// Applies what was read, all at once.
    pub(super) fn take(&mut self, news: Vec<News>, is_refreshing: bool) -> Result<(), Stop> {
        self.apply_by(Coverage::Groups, is_refreshing, |follower, graph| {
            news.into_iter().try_for_each(|news| follower.hear(graph, news))
        })
    }

    fn apply_by(
        &mut self,
        coverage: Coverage,
        is_refreshing: bool,
        all: impl FnOnce(&mut Self, &mut Graph) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let shared = self.shared.clone();
        let refreshes = self.refreshes;
        let ended = match self.building.take() {
            None => self.act_all(&mut shared.change(), all, is_refreshing),
            Some(mut graph) => {
                let ended = self.act_all(&mut graph, all, is_refreshing);
                // Also if something behind its end went wrong: the cookie is this graph's now.
                if self.refreshes > refreshes {
                    shared.put_in_place(graph);
                } else if ended.is_ok() {
                    self.building = Some(graph);
                }
                ended
            }
        };
        ended?;
        self.recorder.flush();
        shared.counters.saved.set(if self.recorder.is_kept() { 1.0 } else { 0.0 });
        self.publish(coverage, self.refreshes > refreshes);
        Ok(())
    }

    fn act_all(
        &mut self,
        graph: &mut Graph,
        all: impl FnOnce(&mut Self, &mut Graph) -> Result<(), Stop>,
        is_refreshing: bool,
    ) -> Result<(), Stop> {
        all(self, graph)?;
        if !is_refreshing {
            // A server need not send a cookie with each change.
            self.settle(graph)?;
        }
        self.shared.counters.show(graph.counts());
        Ok(())
    }

    fn act(&mut self, question: &Question, graph: &mut Graph, act: Act) -> Result<(), Stop> {
        match act {
            Act::Put(uuid, entry) => {
                self.shared.counters.changes.increment(1);
                self.put(question, graph, uuid, entry)
            }
            Act::Remove(uuid) => {
                self.shared.counters.changes.increment(1);
                self.above.remove(uuid)?;
                self.ledger.leave(graph, UpstreamId::new(&uuid_text(uuid)));
                Ok(())
            }
            Act::Keep(uuid) => {
                self.ledger.keep(graph, &UpstreamId::new(&uuid_text(uuid)));
                Ok(())
            }
            Act::Sweep => {
                self.ledger.sweep();
                Ok(())
            }
            Act::Complete(cookie) => self.complete(graph, cookie),
            Act::Reached(cookie) => {
                self.settle(graph)?;
                self.position.advance(&cookie);
                self.record(graph);
                Ok(())
            }
            Act::Over(Ended::StartAnew) => Err(Stop::StartAnew),
            Act::Over(Ended::Refused(code)) => Err(Stop::Refused(code)),
            Act::Over(Ended::Finished) => Ok(()),
        }
    }

    fn hear(&mut self, graph: &mut Graph, news: News) -> Result<(), Stop> {
        match news {
            News::Put(kept) => {
                self.shared.counters.changes.increment(1);
                self.keep(graph, kept)
            }
            News::Keep(id) => {
                self.ledger.keep(graph, &id);
                Ok(())
            }
            News::Gone(id) => {
                self.ledger.leave(graph, id);
                Ok(())
            }
            News::Sweep => {
                self.ledger.sweep();
                Ok(())
            }
            News::Complete(cookie) => self.complete(graph, Some(cookie)),
        }
    }

    /// The refresh has ended.
    fn complete(&mut self, graph: &mut Graph, cookie: Option<Vec<u8>>) -> Result<(), Stop> {
        self.settle(graph)?;
        self.shared.counters.refreshes.increment(1);
        self.refreshes += 1;
        self.is_beginning = false;
        if let Some(cookie) = cookie {
            self.position = Position::of(&cookie);
        }
        self.record(graph);
        Ok(())
    }

    fn put(
        &mut self,
        question: &Question,
        graph: &mut Graph,
        uuid: EntryUuid,
        entry: Entry,
    ) -> Result<(), Stop> {
        // Those that showed that a directory was set back go on to show that.
        if let Some(csn) =
            entry.text(ENTRY_CSN).filter(|_| !self.shared.standing.borrow().went_back)
        {
            self.shared.witnesses().note(uuid, csn);
        }
        let sorted = question.sort(&self.shared.policy, graph.seed(), uuid, entry);
        let sorted = sorted.map_err(|_| LookupError::Malformed)?;
        if let Some(groups) = &self.shared.policy.groups {
            let base = groups.base.normalized();
            self.above.put(uuid, &sorted, base, self.is_beginning)?;
        }
        let Some(kept) = sorted.kept else {
            self.ledger.leave(graph, UpstreamId::new(&uuid_text(uuid)));
            return Ok(());
        };
        self.keep(graph, kept)
    }

    fn keep(&mut self, graph: &mut Graph, kept: Kept) -> Result<(), Stop> {
        match &kept {
            Kept::User(entry) => self.shared.changes().note(entry.id.clone()),
            Kept::Group(_) => self.shared.changes().anybody = true,
        }
        self.ledger.put(graph, &kept);
        self.recorder.put(kept);
        if graph.names() > self.shared.limits.names {
            self.shared.counters.too_large.increment(1);
            return Err(Stop::TooLarge);
        }
        match self.shared.kept {
            ReplicaPolicy::Auto(most) if graph.counts().users > most => Err(Stop::TooManyUsers),
            _ => Ok(()),
        }
    }

    /// What was told counts now, unless that would be most of the groups gone.
    fn settle(&mut self, graph: &mut Graph) -> Result<(), Stop> {
        let mut holding = self.shared.holding();
        let gone = match self.ledger.settle(graph, &mut holding.guard) {
            Ok(gone) => gone,
            Err(held) => {
                let is_seen = |id: &UpstreamId| graph.has(id) && !held.gone.contains(id);
                // A graph that is being made knows no more than what it was told.
                match self.is_beginning {
                    true => holding.hold(&self.shared.graph(), is_seen),
                    false => holding.hold(graph, is_seen),
                }
                return Err(Stop::Held(held.left));
            }
        };
        holding.settled();
        drop(holding);
        if !gone.is_empty() {
            // A group may be among them.
            self.shared.changes().anybody = true;
        }
        gone.into_iter().for_each(|id| self.recorder.remove(id));
        Ok(())
    }

    fn record(&mut self, graph: &Graph) {
        let cookie = self.position.cookie().map(<[u8]>::to_vec);
        let groups = graph.counts().groups;
        let witnesses = self.shared.witnesses().clone();
        self.recorder.reached(cookie.map(|cookie| SavedPosition { cookie, groups, witnesses }));
    }

    /// Tells the readers how far the copy has got. Without any group it covers nothing, unless
    /// somebody has said that there are none: whether there are none, or none that the account may
    /// see, nobody can tell from here.
    fn publish(&self, coverage: Coverage, completes: bool) {
        let has_groups = self.shared.graph().counts().groups > 0
            || self.shared.holding().guard.is_empty_believed();
        let says = self.position.says();
        self.shared.standing.send_if_modified(|standing: &mut Standing| {
            if !completes && !standing.is_complete {
                return false;
            }
            if completes {
                standing.polls += 1;
                standing.is_held = false;
                standing.end_doubt();
            }
            standing.is_complete = true;
            standing.coverage = Some(coverage).filter(|_| has_groups);
            standing.arrived = says.cloned();
            true
        });
        if self.shared.standing.borrow().is_complete && !self.shared.changes().is_empty() {
            self.shared.changed.notify_one();
        }
        if completes {
            self.shared.counters.complete.set(1.0);
            self.shared.counters.held.set(0.0);
        }
    }
}
