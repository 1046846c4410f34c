//! A sign-on: observe, plan, commit. Once per user at a time, never older than the sign-ons it
//! serves, detached from the client's connection.

mod flight;
mod gate;
mod look;
mod luggage;
mod naming;
mod preview;
mod recent;
mod strangers;
mod traced;
mod unchanged;
mod update;
mod verdict;

pub use gate::Gate;
pub(super) use look::own_group;
pub use look::own_id;
pub use preview::{Foreseen, Preview, Who};
pub use verdict::{BARRED, Landed, Verdict};

use super::audit::{AuditEntry, Joined};
use super::barrier::{Barrier, Question};
use super::breaker::Breaker;
use super::callers::Callers;
use super::events::SignOnOutcome;
use super::flights::{Deserted, Flights, Ride};
use super::observe;
use super::ports::{Clock, Coverage, Lookups, Ports, Records, Replica, Stored};
use super::protection::Turns;
use super::reconcile::Changes;
use super::serving::{self, Serving};
use super::trace::{Sake, Span};
use crate::domain::identity;
use crate::domain::observation::{Observed, ObservedEntry, UnknownReason};
use crate::domain::plan::{Cause, is_to_be_deleted};
use crate::domain::policy::{DirectoryPolicy, OnUnknown, UserType};
use crate::domain::principal;
use crate::domain::recollection::attributes_to_keep;
use crate::domain::record::UserKey;
use crate::domain::time::Timestamp;
use crate::domain::view::{View, Views};
use crate::domain::vouching::{self, NotVouched};
use crate::proto::dn::{DistinguishedName, NormalizedDn};
use crate::proto::search::{Scope, Search};
use flight::Flight;
use luggage::Luggage;
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use strangers::Strangers;
use tokio::sync::mpsc;
use verdict::{UNKNOWN_DENIED, open_verdict};

/// When the answer to a bind goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncMode {
    /// After the record is up to date and on disk.
    BeforeReply,
    /// As soon as the identity is settled.
    AfterReply,
}

/// How sign-ons are handled: the section `[sign_on]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// Whether sign-ons are synchronised at all; off is a plain relay (`enabled`).
    pub enabled: bool,
    /// When the answer goes out.
    pub sync: SyncMode,
    /// How long a bind's answer may wait for the record.
    pub budget: Duration,
    /// How long a live copy may take to be as young as the sign-on (`barrier_patience`).
    pub barrier_patience: Duration,
}

type FlightKey = (usize, NormalizedDn);

/// The barrier before the live copy of a directory.
pub type BarrierOf<P> = Barrier<<P as Ports>::Replica, <P as Ports>::Events>;

type QuestionOf<P> = Question<<<P as Ports>::Replica as Replica>::Marker>;

/// The user's entry as read for one or several sign-ons.
#[derive(Clone)]
struct EntryRead {
    sent_at: Timestamp,
    entry: Arc<Observed<ObservedEntry>>,
}

struct Directory<P: Ports> {
    policy: Arc<DirectoryPolicy>,
    attributes: Vec<String>,
    /// Those of them of which values are kept.
    kept: BTreeSet<String>,
    barrier: Option<BarrierOf<P>>,
    finder: Arc<observe::Finder>,
    breaker: Option<Breaker<P::Events>>,
    /// Whether any user type has a `minimum_interval`.
    has_intervals: bool,
    strangers: Strangers,
    /// What is read of an entry to know its groups.
    served: Arc<[String]>,
}

struct Shared<P: Ports> {
    config: Config,
    directories: Vec<Directory<P>>,
    records: P::Records,
    clock: P::Clock,
    events: P::Events,
    begun: AtomicU64,
    views: Views,
    /// Of those who would take somebody out of a protected group.
    turns: Turns,
    /// What was told in the audit lately.
    told: Joined,
    reads: Arc<Flights<FlightKey, Sake, EntryRead>>,
    flights: Arc<Flights<FlightKey, Luggage<P>, Landed>>,
}

impl<P: Ports> Shared<P> {
    /// Adds a row about a user to the audit, unless one like it stands there for this minute.
    fn remark(
        &self,
        key: &UserKey,
        action: &'static str,
        say: impl FnOnce(AuditEntry) -> AuditEntry,
        cause: Cause,
    ) {
        let now = self.clock.now();
        let row = say(AuditEntry::new(now, update::cause_name(cause), "", action).about(key));
        let kind = format!("{action} {}", row.outcome.as_deref().unwrap_or_default());
        match self.told.admit(key, &kind, now) {
            None => {}
            Some(0) => self.records.remark(row),
            Some(left_out) => {
                let detail = format!("{}\n{left_out} like it were left out before", row.detail);
                self.records.remark(row.saying(detail));
            }
        }
    }
}

/// The sign-ons of all directories; a handle uses its worker's connections for what it reads.
pub struct SignOns<P: Ports> {
    shared: Arc<Shared<P>>,
    lookups: Arc<[P::Lookups]>,
}

impl<P: Ports> Clone for SignOns<P> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), lookups: self.lookups.clone() }
    }
}

impl<P: Ports> SignOns<P> {
    /// For how many users a flight is under way, those included whose binds were answered before
    /// its end.
    pub fn under_way(&self) -> usize {
        self.shared.flights.len()
    }

    /// Sign-ons to these directories; `lookups` holds one for each of them.
    pub fn new(
        config: Config,
        directories: &[Arc<DirectoryPolicy>],
        lookups: Vec<P::Lookups>,
        records: P::Records,
        clock: P::Clock,
        events: P::Events,
    ) -> Self {
        let directories = directories
            .iter()
            .map(|policy| Directory {
                attributes: identity::attributes_to_read(policy),
                kept: attributes_to_keep(policy),
                policy: policy.clone(),
                barrier: None,
                finder: Arc::default(),
                breaker: None,
                has_intervals: policy.user_types.iter().any(|t| !t.minimum_interval.is_zero()),
                strangers: Strangers::default(),
                served: read_for_groups(policy).into(),
            })
            .collect();
        let (reads, flights) = (Flights::new(Deserted::Skip), Flights::new(Deserted::Fly));
        let begun = AtomicU64::new(0);
        let (turns, told, views) = Default::default();
        let shared = Shared {
            config,
            directories,
            records,
            clock,
            events,
            begun,
            views,
            turns,
            told,
            reads,
            flights,
        };
        Self { shared: Arc::new(shared), lookups: lookups.into() }
    }

    /// The same with the barriers before the live copies of directories, for those that have one.
    /// Nobody may use them yet.
    pub fn with_barriers(mut self, barriers: Vec<Option<BarrierOf<P>>>) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            for (directory, barrier) in shared.directories.iter_mut().zip(barriers) {
                directory.barrier = barrier;
            }
        }
        self
    }

    /// The same with what holds losses of many users at once, for those directories that have it.
    /// Nobody may use them yet.
    pub fn with_breakers(mut self, breakers: Vec<Option<Breaker<P::Events>>>) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            for (directory, breaker) in shared.directories.iter_mut().zip(breakers) {
                directory.breaker = breaker;
            }
        }
        self
    }

    /// The same with views, by which somebody may sign on. Nobody may use them yet.
    pub fn with_views(mut self, views: Views) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.views = views;
        }
        self
    }

    /// Whether nobody but inactive users has that name, as far as the records tell.
    pub fn is_inactive_at(&self, directory: usize, name: &DistinguishedName) -> bool {
        let Some(here) = self.shared.directories.get(directory) else { return false };
        let known = self.shared.records.located(&here.policy.name, name.normalized());
        !known.is_empty() && known.iter().all(|stored| !stored.record.is_active())
    }

    /// The view of that name.
    pub fn view(&self, name: &str) -> Option<Arc<View>> {
        self.shared.views.all().iter().find(|view| view.name == name).cloned()
    }

    /// The same sign-ons, read over another worker's connections.
    pub fn over(&self, lookups: Vec<P::Lookups>) -> Self {
        Self { shared: self.shared.clone(), lookups: lookups.into() }
    }

    /// Whether the record of that name is one whose binds are refused whatever the password. Costs a
    /// look into memory, and next to nothing where nobody is shut out.
    pub fn is_barred(&self, directory: usize, name: &[u8]) -> bool {
        let Some(directory) = self.shared.directories.get(directory) else { return false };
        let directory = &directory.policy.name;
        if !self.shared.config.enabled || !self.shared.records.has_barred(directory) {
            return false;
        }
        let Some(dn) = principal::entry_of(name) else {
            return self.is_barred_account(directory, name);
        };
        let known = self.shared.records.located(directory, dn.normalized());
        known.iter().any(|stored| stored.record.is_barred())
    }

    /// Whether the live copy shows another entry or other groups than an active record was brought up
    /// to date with, or it is not known what that was. `false` where no copy knows users.
    pub fn is_outdated(&self, stored: &Stored) -> bool {
        let name = &stored.record.key.directory;
        let directories = &self.shared.directories;
        let Some(at) = directories.iter().position(|directory| directory.policy.name == *name)
        else {
            return false;
        };
        Flight::<P>::new(self.shared.clone(), self.lookups.clone(), at).is_outdated(stored)
    }

    /// What changes in the live copies of directories, by their names, from now on until nobody
    /// listens any more.
    pub fn changes(&self) -> mpsc::Receiver<(Arc<str>, Changes)> {
        let (told, changes) = mpsc::channel(1);
        for directory in &self.shared.directories {
            let Some(replica) = directory.barrier.as_ref().map(|b| b.replica().clone()) else {
                continue;
            };
            let (told, name) = (told.clone(), directory.policy.name.clone());
            spawn(Box::pin(async move {
                loop {
                    let changed = tokio::select! {
                        changed = replica.changed() => changed,
                        () = told.closed() => return,
                    };
                    if told.send((name.clone(), changed)).await.is_err() {
                        return;
                    }
                }
            }));
        }
        changes
    }

    /// Users whose losses of groups were held and are not any more; each is told once.
    pub fn take_released(&self) -> Vec<UserKey> {
        let of = |directory: &Directory<P>| {
            let released = directory.breaker.as_ref().map(Breaker::take_released);
            let name = directory.policy.name.clone();
            let key = move |upstream_id| UserKey { directory: name.clone(), upstream_id };
            released.unwrap_or_default().into_iter().map(key)
        };
        self.shared.directories.iter().flat_map(of).collect()
    }

    /// So many of so many records of a directory are not up to date, as its live copy shows.
    pub fn outdated(&self, directory: &str, outdated: u64, of: u64) {
        let mut directories = self.shared.directories.iter();
        let here = directories.find(|here| *here.policy.name == *directory);
        let Some(Directory { breaker: Some(breaker), barrier, .. }) = here else { return };
        match barrier.as_ref().and_then(Barrier::coverage) {
            Some(Coverage::GroupsAndUsers) => breaker.outdated(outdated, of),
            // Whoever is looked at without a copy is so for the time that has passed.
            _ => breaker.outdated(1, 1),
        }
    }

    /// Whether the record of somebody who was just seen to be gone is to be deleted.
    pub fn is_to_be_deleted(&self, stored: &Stored) -> bool {
        let Stored { record, .. } = stored;
        let mut directories = self.shared.directories.iter();
        let here = directories.find(|here| here.policy.name == record.key.directory);
        let mut types = here.into_iter().flat_map(|here| &here.policy.user_types);
        let user_type = types.find(|user_type| user_type.name == record.user_type);
        let now = self.shared.clock.now();
        user_type.is_some_and(|user_type| is_to_be_deleted(record, user_type, now))
    }

    /// Reads the user of a record by upstream id and brings the record up to date, without a
    /// sign-on (S4.9); what came of it. `None` if the directory is not one of these.
    pub async fn reconcile(&self, key: UserKey) -> Option<SignOnOutcome> {
        let directories = &self.shared.directories;
        let at = directories.iter().position(|directory| directory.policy.name == key.directory)?;
        let flight = Flight::<P>::new(self.shared.clone(), self.lookups.clone(), at);
        Some(flight.reconcile(key).await)
    }

    /// Who is in which groups of a directory, for what its clients see of that; `None` if it has no
    /// groups, or sign-ons are not synchronised at all.
    pub fn serving(&self, directory: usize) -> Option<Serving<P>> {
        let at = self.shared.directories.get(directory)?;
        Serving::new(serving::Parts {
            policy: at.policy.clone(),
            barrier: at.barrier.clone()?,
            records: self.shared.records.clone(),
            lookups: self.lookups.get(directory)?.clone(),
            finder: at.finder.clone(),
            attributes: at.served.clone(),
            sign_ons: self.clone(),
            directory,
        })
    }

    /// The last of the sign-ons of somebody that are under way.
    pub(super) fn under_way_of(
        &self,
        directory: usize,
        dn: &DistinguishedName,
    ) -> Option<Ride<Landed>> {
        self.shared.flights.last(&(directory, dn.normalized().clone()))
    }

    /// How long a bind's answer may wait for the record.
    pub fn budget(&self) -> Duration {
        self.shared.config.budget
    }

    /// A whole BindRequest was received: what a sign-on needs to know is asked while the directory
    /// looks at the password: how far the directory has got, if there is a live copy of it, and the
    /// user's entry unless that copy knows users. `None` if a success would not be a sign-on: synchronisation is off,
    /// the directory has no user types, the name is no DN, or it is the service account's.
    pub fn begin(&self, directory: usize, name: &[u8]) -> Option<Box<Attempt<P>>> {
        self.begin_traced(directory, name, &Span::OFF)
    }

    /// The same as a part of a bind that may be traced.
    pub fn begin_traced(
        &self,
        directory: usize,
        name: &[u8],
        bind: &Span,
    ) -> Option<Box<Attempt<P>>> {
        let policy = &self.shared.directories.get(directory)?.policy;
        if !self.shared.config.enabled || policy.user_types.is_empty() {
            return None;
        }
        let dn = principal::entry_of(name)?;
        if dn.is_root() || dn == policy.service_account {
            return None;
        }
        // Numbered before anything is asked for: see `Luggage::begun`.
        let begun = self.shared.begun.fetch_add(1, Ordering::SeqCst);
        let since = self.shared.clock.now();
        if let Some(recent) = self.shared.recent(directory, &dn, since) {
            let (callers, sake) = (Callers::PLAIN, bind.sake());
            let luggage = Luggage { begun, since, dn, read: None, question: None, callers, sake };
            let recent = Some((recent, Instant::now()));
            return Some(Box::new(Attempt { sign_ons: self.clone(), directory, luggage, recent }));
        }
        let barrier = self.shared.directories[directory].barrier.as_ref();
        let question =
            barrier.and_then(|barrier| barrier.ask_for(&self.lookups[directory], bind.sake()));
        let read = self.needs_entry(barrier).then(|| self.read(directory, &dn, bind.sake()));
        let (callers, sake) = (Callers::PLAIN, bind.sake());
        let luggage = Luggage { begun, since, dn, read, question, callers, sake };
        Some(Box::new(Attempt { sign_ons: self.clone(), directory, luggage, recent: None }))
    }

    /// Whether the gateway may vouch for the user of that name, whom no bind has shown to be in order
    /// (rule S10.7): the entry has to be there, and its account enabled, unlocked and in its time.
    /// What was to be shown for it is good until `not_after`, in seconds since 1970.
    pub fn vouch(
        &self,
        directory: usize,
        name: &DistinguishedName,
        not_after: i64,
    ) -> impl Future<Output = Result<(), NotVouched>> + Send + use<P> {
        let (shared, lookups, name) = (self.shared.clone(), self.lookups.clone(), name.to_string());
        async move {
            if shared.clock.now().0.div_euclid(1_000_000) > not_after {
                return Err(NotVouched::Ended);
            }
            let mut attributes = shared.directories[directory].attributes.clone();
            attributes.extend(vouching::ATTRIBUTES.map(str::to_owned));
            match observe::entry(&lookups[directory], &name, &attributes).await {
                Observed::Known(read) => vouching::judge(&read.entry, shared.clock.now()),
                Observed::Unknown(reason) => Err(NotVouched::Unknown(reason)),
            }
        }
    }

    /// The name of the one entry that a name stands for where it is searched for (see
    /// [`vouching::search_for`]). None, several, or what could not be read to its end is nobody.
    pub fn find(
        &self,
        directory: usize,
        wanted: &DistinguishedName,
    ) -> impl Future<Output = Result<DistinguishedName, NotVouched>> + Send + use<P> {
        let (lookups, search) = (self.lookups.clone(), vouching::search_for(wanted));
        async move {
            let (base, filter) = search.ok_or(NotVouched::NoName)?;
            let search = Search {
                base: base.to_string(),
                scope: Scope::Subtree,
                filter,
                attributes: vec!["1.1".to_owned()],
                // A second one is seen, and no third is asked for.
                size_limit: 2,
                time_limit: 0,
                controls: Vec::new(),
            };
            let found = lookups[directory].search(search).await;
            let found = found.map_err(|error| NotVouched::Unknown(error.reason()))?;
            let name = match &found[..] {
                [only] => DistinguishedName::parse(&only.dn).ok(),
                _ => None,
            };
            name.ok_or(NotVouched::Unknown(UnknownReason::NotOneEntry))
        }
    }

    /// A bind succeeded, and it cannot be told whose entry it is of: nothing is synchronised. It is
    /// denied where that might be an entry of a user type that says so.
    pub fn unidentified(&self, directory: usize) -> Verdict {
        let policy = &self.shared.directories[directory].policy;
        let denies = |user_type: &UserType| user_type.on_unknown == OnUnknown::Deny;
        // One of those that are shut out may have come by another name (S9.4).
        let is_denied =
            policy.user_types.iter().any(denies) || self.shared.records.has_barred(&policy.name);
        if self.shared.config.enabled && is_denied { UNKNOWN_DENIED } else { Verdict::Admit }
    }

    /// Whether the user's entry has to be read whatever comes.
    fn needs_entry(&self, barrier: Option<&BarrierOf<P>>) -> bool {
        let knows_users = || barrier.and_then(Barrier::coverage) == Some(Coverage::GroupsAndUsers);
        self.shared.config.sync == SyncMode::AfterReply || !knows_users()
    }

    fn read(&self, directory: usize, dn: &DistinguishedName, sake: Sake) -> Ride<EntryRead> {
        let fly = || {
            let (shared, lookups) = (self.shared.clone(), self.lookups.clone());
            let name: Arc<str> = Arc::from(dn.as_str());
            move |sake: Sake| {
                let (shared, lookups, name) = (shared.clone(), lookups.clone(), name.clone());
                read_entry::<P>(shared, lookups, directory, name, sake.asked("read entry"))
            }
        };
        self.shared.reads.join((directory, dn.normalized().clone()), sake, fly, spawn)
    }

    fn fly(&self, directory: usize, luggage: Luggage<P>) -> Ride<Landed> {
        let fly = || {
            let (shared, lookups) = (self.shared.clone(), self.lookups.clone());
            move |luggage| Flight::<P>::new(shared.clone(), lookups.clone(), directory).run(luggage)
        };
        let key = (directory, luggage.dn.normalized().clone());
        self.shared.flights.join(key, luggage, fly, spawn)
    }
}

/// What a user is told by, and a group.
fn read_for_groups(policy: &DirectoryPolicy) -> Vec<String> {
    let mut names = identity::attributes_to_read(policy);
    let filters = policy.groups.iter().flat_map(|groups| groups.filter.attributes());
    names.extend(filters.map(str::to_owned));
    names
}

/// A gate may be dropped by a runtime that ends; what was to be flown is lost with it then.
fn spawn(future: Pin<Box<dyn Future<Output = ()> + Send>>) {
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(future);
    }
}

async fn read_entry<P: Ports>(
    shared: Arc<Shared<P>>,
    lookups: Arc<[P::Lookups]>,
    directory: usize,
    name: Arc<str>,
    mut span: Span,
) -> EntryRead {
    let sent_at = shared.clock.now();
    let attributes = &shared.directories[directory].attributes;
    let entry = observe::entry(&lookups[directory], &name, attributes).await;
    if let Observed::Unknown(reason) = &entry {
        span.set("bindgate.unknown", reason.to_string());
        span.failed();
    }
    EntryRead { sent_at, entry: Arc::new(entry) }
}

/// A bind under way that may become a sign-on. Dropping it means that the bind failed.
pub struct Attempt<P: Ports> {
    sign_ons: SignOns<P>,
    directory: usize,
    luggage: Luggage<P>,
    /// Who it is, if her record is to be left as it is.
    recent: Option<(UserKey, Instant)>,
}

impl<P: Ports> Attempt<P> {
    /// The same by a client application, if it is one.
    pub fn by(mut self: Box<Self>, view: Option<&Arc<View>>) -> Box<Self> {
        self.luggage.callers = Callers::of(view, &self.sign_ons.shared.records);
        self
    }

    /// The bind succeeded. Where the live copy is expected to say that nothing has changed, it is
    /// looked at as soon as it is known how far the directory had got, and the sign-on is over;
    /// else it joins a flight none of whose reads has been sent yet.
    pub fn succeeded(self: Box<Self>) -> Gate<P> {
        Gate::new(self)
    }
}
