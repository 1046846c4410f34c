//! One connection of a follower of a directory that numbers its changes, and is asked for them:
//! Active Directory (`uSNChanged`) and 389-ds (`entryusn`).
//!
//! A pull asks how far the server has got, then for whatever has a later number than the copy. What
//! was changed before the pull was asked for is in its answer, or is gone. What is gone has no number
//! any more, unless the account sees deleted objects; so where a number is missing from an answer, and
//! the server has not told of that change by itself, the ids of all groups are listed, and what is not
//! among them is gone.
//!
//! A number counts on one server alone. The copy stays with the server that the gateway's own reads
//! go to, and is made anew on another.

mod ancestors;
mod reader;
mod sorting;
mod watch;

use super::census::Question;
use super::follower::{Follower, News, Stop};
use super::session::until;
use super::wire::Wire;
use super::{Common, Where, testimony};
use crate::app::observe;
use crate::app::ports::LookupError;
use crate::domain::change_number::{ChangeNumbers, sortable};
use crate::domain::membership::extended::has_tombstone_name;
use crate::domain::numbering::{self, Numbering};
use crate::domain::offer;
use crate::domain::record::UpstreamId;
use crate::domain::replication::{HowFar, Kept, Position, Testimony, Witnesses};
use crate::proto::dn::{DistinguishedName, NormalizedDn};
use crate::proto::filter::Filter;
use crate::proto::result::ResultCode;
use crate::proto::search::{Entry, Scope, Search};
use crate::proto::sync::EntryUuid;
use ancestors::Ancestors;
use reader::Reader;
use sorting::{Read, Sorting};
use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering::Acquire;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};
use watch::Watch;

/// How often the directory is asked although nobody waits for it.
const EACH: Duration = Duration::from_secs(10);
/// How long after a pull a change that was told waits to be asked for, so that many are one question.
const WARM_EACH: Duration = Duration::from_millis(100);
/// How long what was changed is waited for to be told, before the ids of all groups are listed.
const GRACE: Duration = Duration::from_millis(20);
/// How often the ids of all groups are listed although no number is missing: whatever a server may have
/// told wrongly, a group that is gone does not stay.
const LIST_EACH: Duration = Duration::from_secs(60);
/// How often a load looks whether the disk has caught up with it.
const ROOM_LOOK: Duration = Duration::from_millis(5);
/// What Active Directory calls the database that a server has: another after a backup was restored.
const INVOCATION: &str = "invocationId";

/// Follows on a connection until something ends it.
pub(super) async fn run(
    follower: &mut Follower,
    question: &Question,
    wire: Wire,
    root: &Entry,
    (numbering, context): (Numbering, DistinguishedName),
) -> Result<Infallible, Stop> {
    let shared = follower.shared.clone();
    let groups = shared.policy.groups.clone().ok_or(Stop::NotOffered)?;
    if follower.login.is_apart_from_clients() {
        // A number of one server says nothing of another on which somebody binds.
        return Err(Stop::NotOffered);
    }
    shared.set_place(Where::Root(numbering.clone()));
    let is_offered = offer::has_control(root, numbering.watching());
    let other_parts = numbering::other_parts(root, &context);
    let sorting = Arc::new(Sorting { numbering, groups, context, other_parts });
    let watch = Watch::new(sorting.clone(), shared.clone(), is_offered);
    let reader = Reader::new(wire, watch, shared.limits.patience, shared.limits.names);
    let mut session = Session {
        follower,
        question,
        shared,
        reader,
        sorting,
        ancestors: Ancestors::default(),
        latest: HashMap::new(),
        is_told_deaths: false,
        pulled_at: Instant::now(),
        listed_at: Instant::now(),
        warm_at: None,
    };
    // Before anything is read: what changes from then on is told.
    session.reader.watch().await?;
    session.begin().await?;
    session.go_on().await
}

struct Session<'a> {
    follower: &'a mut Follower,
    question: &'a Question,
    shared: Arc<Common>,
    reader: Reader,
    sorting: Arc<Sorting>,
    ancestors: Ancestors,
    /// The entries of the last answer, each with its number: some come twice.
    latest: HashMap<EntryUuid, u64>,
    /// Whether the account was seen to see entries that are gone.
    is_told_deaths: bool,
    /// When changes were asked for last.
    pulled_at: Instant,
    /// When the ids of all groups were listed last.
    listed_at: Instant,
    /// When to ask for a change that was told, unless somebody asks before.
    warm_at: Option<Instant>,
}

/// What changes a pull brought.
struct Changes {
    news: Vec<News>,
    latest: HashMap<EntryUuid, u64>,
    /// Whether nobody knows what some of them were.
    are_unseen: bool,
}

impl Session<'_> {
    /// Makes the copy whole: from the beginning, or from where it had got.
    async fn begin(&mut self) -> Result<(), Stop> {
        let answered = self.shared.asked.load(Acquire);
        let claims = self.claims().await?;
        let claims = match self.life(&claims).await? {
            Some(life) => claims.in_life(&life),
            None => claims,
        };
        self.hear_testimony(&claims).await?;
        self.is_told_deaths = self.sees_the_dead().await?;
        self.follower.begin(self.question);
        let news = match self.before() {
            None => self.load(&claims).await?,
            Some(before) => {
                let Changes { mut news, latest, .. } = self.changes(&before, &claims).await?;
                self.latest = latest;
                self.list(&mut news, &claims).await?;
                news
            }
        };
        self.settle(news, claims, answered).await
    }

    async fn go_on(&mut self) -> Result<Infallible, Stop> {
        let shared = self.shared.clone();
        let mut next = Instant::now() + EACH;
        if shared.standing.borrow().is_held {
            next = Instant::now();
        }
        self.hear_concern().await;
        loop {
            tokio::select! {
                told = self.reader.unasked() => {
                    told?;
                    self.hear_concern().await;
                }
                () = shared.wanted.notified() => {
                    self.pull(false).await?;
                }
                () = shared.anew.notified() => return Err(Stop::StartAnew),
                () = until(self.warm_at) => self.warm().await?,
                () = sleep_until(next) => {
                    self.look().await?;
                    self.is_told_deaths = self.sees_the_dead().await?;
                    self.reader.watch().await?;
                    self.pull(self.listed_at.elapsed() >= LIST_EACH).await?;
                    next = Instant::now() + EACH;
                }
            }
        }
    }

    /// Sees to it that a change is asked for that was told and concerns groups.
    async fn hear_concern(&mut self) {
        if self.warm_at.is_none() && self.reader.with_watch(Watch::take_concern).await {
            self.warm_at = Some(Instant::now().max(self.pulled_at + WARM_EACH));
        }
    }

    /// Asks for what was told, before anybody needs it.
    async fn warm(&mut self) -> Result<(), Stop> {
        let groups = self.pull(false).await?;
        self.shared.counters.warmed.increment(groups as u64);
        Ok(())
    }

    /// Brings the copy up to what the directory has when this is called: how many groups have changed.
    /// `lists` says that all ids are listed if anything has changed.
    async fn pull(&mut self, lists: bool) -> Result<usize, Stop> {
        let answered = self.shared.asked.load(Acquire);
        if self.reader.is_left().await {
            return Err(LookupError::Disconnected.into());
        }
        // What is told from now on may be of a later change.
        self.reader.with_watch(Watch::take_concern).await;
        self.warm_at = None;
        self.shared.counters.polls.increment(1);
        let before = self.before().ok_or(Stop::StartAnew)?;
        let claims = self.claims().await?;
        if claims.server() != before.server() || claims.number() < before.number() {
            // Another server, or an older state: that is looked into at the next connection.
            return Err(LookupError::Disconnected.into());
        }
        let mut news = Vec::new();
        if claims.number() > before.number() {
            let changes = self.changes(&before, &claims).await?;
            self.latest = changes.latest;
            news = changes.news;
            if changes.are_unseen || (lists && !self.is_told_deaths) {
                self.list(&mut news, &claims).await?;
            }
        }
        let groups = news.iter().filter(|news| matches!(news, News::Put(_))).count();
        self.follower.begin(self.question);
        self.settle(news, claims, answered).await?;
        self.pulled_at = Instant::now();
        self.hear_concern().await;
        Ok(groups)
    }

    /// All that was read counts.
    async fn settle(
        &mut self,
        mut news: Vec<News>,
        claims: ChangeNumbers,
        answered: u64,
    ) -> Result<(), Stop> {
        let certain = self.sorting.numbering.certain(&claims);
        let mut reached = self.before().unwrap_or_else(|| certain.clone());
        reached.advance(&certain);
        let number = reached.number();
        news.push(News::Complete(reached.text().into_bytes()));
        self.shared.standing.send_if_modified(|standing| {
            // Whoever sees that the copy is complete is to see that it can be pulled; no pull is
            // answered by this.
            standing.pulled.get_or_insert_with(|| (0, HowFar::Numbers(claims.clone())));
            false
        });
        self.follower.take(news, false)?;
        self.shared.standing.send_modify(|standing| {
            standing.pulled = Some((answered, HowFar::Numbers(claims)));
        });
        self.reader.with_watch(|watch| watch.accounted.forget_through(number)).await;
        Ok(())
    }

    /// How far the copy has got; `None` if it is to be made from the beginning.
    fn before(&self) -> Option<ChangeNumbers> {
        match self.follower.position.says() {
            Some(HowFar::Numbers(numbers)) => Some(numbers.clone()),
            _ => None,
        }
    }

    /// How far the server says that it has got.
    async fn claims(&self) -> Result<ChangeNumbers, Stop> {
        let search = Search {
            base: String::new(),
            scope: Scope::Base,
            filter: Filter::any_entry(),
            attributes: self.sorting.numbering.asked(),
            size_limit: 0,
            time_limit: 0,
            controls: Vec::new(),
        };
        let root = self.reader.all(&search).await?;
        let claims = root.first().and_then(|root| self.sorting.numbering.claims(root));
        claims.ok_or(Stop::NotOffered)
    }

    /// What the server calls its database, where it has a name for it.
    async fn life(&self, claims: &ChangeNumbers) -> Result<Option<String>, Stop> {
        if self.sorting.numbering != Numbering::ActiveDirectory {
            return Ok(None);
        }
        let mut search = self.sorting.entry_at(claims.server());
        search.attributes = vec![INVOCATION.to_owned()];
        let entries = match self.reader.all(&search).await {
            // An account that may not read that can follow all the same.
            Err(LookupError::Result(_)) => return Ok(None),
            found => found?,
        };
        let values = entries.first().map(|entry| entry.values(INVOCATION)).unwrap_or_default();
        Ok(values.first().map(|id| id.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// Whether the directory was set back, before anything of it is believed.
    async fn hear_testimony(&mut self, claims: &ChangeNumbers) -> Result<(), Stop> {
        let before = self.before();
        if before.as_ref().is_none_or(|before| before.server() != claims.server()) {
            // Of another server nothing that was seen says anything.
            self.follower.position = Position::default();
            *self.shared.witnesses() = Witnesses::default();
            self.shared.standing.send_modify(|standing| standing.is_unheard = false);
            return Ok(());
        }
        let is_back = before.is_some_and(|before| {
            claims.number() < before.number() || claims.is_another_life(&before)
        });
        let testimony =
            if is_back { Testimony::SetBack } else { self.ask_witnesses(claims).await? };
        if testimony == Testimony::SetBack {
            self.follower.position = Position::default();
        }
        testimony::heard(&self.shared, testimony);
        Ok(())
    }

    async fn ask_witnesses(&self, claims: &ChangeNumbers) -> Result<Testimony, Stop> {
        let uuids: Vec<EntryUuid> = self.shared.witnesses().uuids().collect();
        if uuids.is_empty() {
            return Ok(Testimony::Silent);
        }
        let mut shown = Vec::new();
        for entry in self.reader.all(&self.sorting.of_ids(uuids.into_iter())).await? {
            if let Some(read) = self.sorting.read(entry)? {
                shown.push((read.uuid, sortable(read.number)));
            }
        }
        let shown = shown.iter().map(|(uuid, number)| (*uuid, number.as_str()));
        Ok(self.shared.witnesses().testify(&HowFar::Numbers(claims.clone()), shown))
    }

    /// Whether the account sees entries that are gone. That it sees where they are kept proves
    /// nothing: one of them has to be seen.
    async fn sees_the_dead(&self) -> Result<bool, Stop> {
        if !self.sorting.numbering.tells_deaths() {
            return Ok(false);
        }
        let seen = self.reader.some(&self.sorting.deleted(), 2).await;
        let seen = match seen {
            Err(LookupError::Result(_)) => return Ok(false),
            seen => seen?,
        };
        Ok(seen.iter().any(|entry| has_tombstone_name(&entry.dn)))
    }

    /// All groups from the beginning.
    async fn load(&mut self, claims: &ChangeNumbers) -> Result<Vec<News>, Stop> {
        let search = self.sorting.all_groups();
        let mut cookie = Vec::new();
        let mut above = HashSet::new();
        loop {
            let part = self.reader.part(&search, &cookie).await?;
            let mut news = Vec::new();
            for entry in part.entries {
                let read = self.sorting.read(entry)?.ok_or(LookupError::Malformed)?;
                above.extend(read.dn.parent());
                news.push(self.news_of(read, claims).await?);
            }
            self.follower.take(news, true)?;
            // Nobody reads the copy yet, so it may wait for the disk.
            while !self.follower.has_room() {
                sleep(ROOM_LOOK).await;
            }
            if part.cookie.is_empty() {
                self.climb(above, claims).await?;
                return Ok(Vec::new());
            }
            cookie = part.cookie;
        }
    }

    /// What has changed since the copy was made whole last.
    async fn changes(
        &mut self,
        before: &ChangeNumbers,
        claims: &ChangeNumbers,
    ) -> Result<Changes, Stop> {
        let search = self.sorting.changed_from(before.number().saturating_add(1));
        let mut changes = Changes { news: Vec::new(), latest: HashMap::new(), are_unseen: false };
        let base = self.sorting.groups.base.normalized().clone();
        let (mut above, mut shown) = (HashSet::new(), Vec::new());
        for entry in self.reader.all(&search).await? {
            let Some(read) = self.sorting.read(entry)? else { continue };
            changes.latest.insert(read.uuid, read.number);
            shown.extend(self.sorting.counted(&read));
            if self.latest.get(&read.uuid) == Some(&read.number) {
                continue;
            }
            if !read.is_deleted {
                self.ancestors.hear(read.uuid, &read.dn, &base)?;
            }
            let parent = read.dn.parent();
            let news = self.news_of(read, claims).await?;
            if matches!(news, News::Put(_)) {
                above.extend(parent);
            }
            changes.news.push(news);
        }
        self.climb(above, claims).await?;
        changes.are_unseen =
            !self.is_told_deaths && !self.knows_each(before, claims, shown).await?;
        Ok(changes)
    }

    /// Whether it is known of each number in between what that change was: an entry showed it, or the
    /// server has told of it, or does within a moment.
    async fn knows_each(
        &self,
        before: &ChangeNumbers,
        claims: &ChangeNumbers,
        shown: Vec<u64>,
    ) -> Result<bool, Stop> {
        let put = |watch: &mut Watch| shown.into_iter().for_each(|n| watch.accounted.put(n));
        self.reader.with_watch(put).await;
        let between = (before.number(), claims.number());
        Ok(self.reader.account(between, Instant::now() + GRACE).await?)
    }

    /// What an entry means for the copy.
    async fn news_of(&self, mut read: Read, claims: &ChangeNumbers) -> Result<News, Stop> {
        if !self.sorting.is_group(&read) {
            return Ok(News::Gone(read.id));
        }
        for attribute in &self.sorting.groups.member_attributes {
            let read_whole = observe::complete_list(&self.reader, &mut read.entry, &attribute.name);
            read_whole.await.map_err(Stop::Unread)?;
        }
        // Those that showed that a directory was set back go on to show that.
        if read.number <= claims.number() && !self.shared.standing.borrow().went_back {
            self.shared.witnesses().note(read.uuid, &sortable(read.number));
        }
        Ok(News::Put(self.sorting.kept(&read)?))
    }

    /// Adds the ids of all groups that there are: whatever is not among them is gone. One that is
    /// called otherwise than it was, and has not changed, lies below something that was renamed.
    async fn list(&mut self, news: &mut Vec<News>, claims: &ChangeNumbers) -> Result<(), Stop> {
        self.shared.counters.lists.increment(1);
        self.listed_at = Instant::now();
        let put = |news: &News| match news {
            News::Put(Kept::Group(entry)) => Some(entry.group.id.clone()),
            _ => None,
        };
        let put: HashSet<UpstreamId> = news.iter().filter_map(put).collect();
        let mut above = HashSet::new();
        for entry in self.reader.all(&self.sorting.all_ids()).await? {
            let read = self.sorting.read(entry)?.ok_or(LookupError::Malformed)?;
            let known = self.shared.graph().group(&read.id);
            let is_moved = known.is_some_and(|known| known.dn != read.entry.dn);
            if is_moved && !put.contains(&read.id) {
                return Err(Stop::StartAnew);
            }
            above.extend(read.dn.parent());
            news.push(News::Keep(read.id));
        }
        news.push(News::Sweep);
        self.climb(above, claims).await
    }

    /// Learns which entries have these names, and those above them.
    async fn climb(
        &mut self,
        names: HashSet<NormalizedDn>,
        claims: &ChangeNumbers,
    ) -> Result<(), Stop> {
        let base = self.sorting.groups.base.normalized().clone();
        let names = names.into_iter().chain([base.clone()]);
        for name in self.ancestors.missing(names, self.sorting.context.normalized()) {
            let found = match self.reader.all(&self.sorting.entry_at(name.as_str())).await {
                Err(LookupError::Result(ResultCode::NO_SUCH_OBJECT)) if name == base => {
                    return Err(Stop::NoSuchBase);
                }
                Err(LookupError::Result(ResultCode::NO_SUCH_OBJECT)) => {
                    return Err(Stop::StartAnew);
                }
                found => found?,
            };
            let [entry] = <[_; 1]>::try_from(found).map_err(|_| Stop::NotOffered)?;
            let read = self.sorting.read(entry)?.ok_or(Stop::NotOffered)?;
            // It may have got the name after its entries were read.
            if read.number > claims.number() {
                return Err(Stop::StartAnew);
            }
            self.ancestors.put(read.uuid, name);
        }
        Ok(())
    }

    /// Looks whether the account still sees groups.
    async fn look(&self) -> Result<(), Stop> {
        let search = self.sorting.below_base(vec!["1.1".to_owned()]);
        let seen = match self.reader.some(&search, 1).await {
            Err(LookupError::Result(ResultCode::NO_SUCH_OBJECT)) => return Err(Stop::NoSuchBase),
            seen => seen?,
        };
        let is_blind = seen.is_empty() && self.shared.holding().guard.expects_groups();
        if is_blind { Err(Stop::Blind) } else { Ok(()) }
    }
}
