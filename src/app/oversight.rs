//! What an administrator sees of the directories, and decides: a backup that was restored (rule K6),
//! and a loss of groups that is held (rule K5). Each decision is a row of the audit first.

use super::barrier::Progress;
use super::events::{AuditEntry, Event};
use super::ports::{Catalogue, Clock, Coverage, Events, StoreError};
use super::saved::HeldLoss;
use crate::domain::observation::UnknownReason;
use crate::domain::replication::Decision;
use crate::domain::strategy::Choice;
use crate::domain::time::Timestamp;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::time::timeout;

/// How long the answer to a confirmation waits for what was confirmed to count.
const RELEASE_PATIENCE: Duration = Duration::from_secs(5);

/// Whether a server could be reached when it was last tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerState {
    /// It was not tried.
    Untried,
    /// It could.
    Up,
    /// It could not.
    Down,
}

impl ServerState {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Untried => "untried",
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// What there is of a live copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyState {
    /// Whether a refresh has ended on the connection that there is.
    pub is_complete: bool,
    /// Whether a loss of groups is held.
    pub is_held: bool,
    /// What it answers; `None` while it answers nothing.
    pub coverage: Option<Coverage>,
    /// Groups in it.
    pub groups: usize,
    /// Users in it.
    pub users: usize,
    /// When something was last heard; `None` if nothing was.
    pub heard_at: Option<Timestamp>,
}

/// The exclusive connections to a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolState {
    /// All of them, those being made included.
    pub connections: usize,
    /// Those that clients have.
    pub leased: usize,
    /// Clients that wait for one.
    pub waiting: usize,
    /// How many there may be.
    pub most: usize,
}

/// A directory as it stands.
#[derive(Debug, Clone)]
pub struct DirectoryState {
    /// Its name.
    pub name: Arc<str>,
    /// What it calls itself; `None` if it does not, or could not be asked.
    pub kind: Option<String>,
    /// Its servers, in the file's order.
    pub servers: Vec<(String, ServerState)>,
    /// Its exclusive connections.
    pub pool: PoolState,
    /// How groups are asked for, and why; `None` if they are not.
    pub choice: Option<Result<Choice, UnknownReason>>,
    /// The live copy, if there is to be one.
    pub copy: Option<CopyState>,
    /// How far the directory has got, if it is asked that.
    pub progress: Option<Progress>,
}

/// A future of some use case of administration's, which is not on any hot path.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a loss of groups is that is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldKind {
    /// Groups that the service account does not see any more (K5).
    GroupLoss,
    /// Groups that many users would lose at once (S3.8).
    MassChange,
    /// All groups of one user (S3.8).
    LastGroups,
}

impl HeldKind {
    /// The name in JSON, in logs and in the audit.
    pub fn name(self) -> &'static str {
        match self {
            Self::GroupLoss => "group-loss",
            Self::MassChange => "mass-change",
            Self::LastGroups => "last-groups",
        }
    }

    /// What is counted of it.
    pub fn counts(self) -> &'static str {
        match self {
            Self::GroupLoss => "groups",
            Self::MassChange | Self::LastGroups => "users",
        }
    }
}

/// A loss that is held, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its id.
    pub id: String,
    /// The directory.
    pub directory: Arc<str>,
    /// What it is.
    pub kind: HeldKind,
    /// Since when.
    pub since: Timestamp,
    /// How many are gone: groups, or users whose groups would go.
    pub gone: usize,
    /// Of how many: groups, or users who were seen since the first of them lost groups.
    pub of: usize,
    /// Names of some of them.
    pub examples: Vec<String>,
    /// What was said of it.
    pub decision: Decision,
}

impl Held {
    /// A loss that the live copy of a directory holds.
    pub fn of_groups(directory: &Arc<str>, loss: HeldLoss) -> Self {
        Self {
            id: loss.id,
            directory: directory.clone(),
            kind: HeldKind::GroupLoss,
            since: loss.since,
            gone: loss.total.saturating_sub(loss.left),
            of: loss.total,
            examples: loss.examples,
            decision: loss.decision,
        }
    }
}

/// The directories as the gateway knows them.
pub trait Oversight: Send + Sync + 'static {
    /// Asks every directory how it stands.
    fn directories(&self) -> Boxed<'_, Vec<DirectoryState>>;

    /// Asks a directory how far it has got; `None` if there is none of that name. Nothing is seen
    /// or shown of one that does not say.
    fn progress(&self, directory: &str) -> Boxed<'_, Option<Progress>>;

    /// All losses that are held.
    fn held(&self) -> Vec<Held>;

    /// Says what the loss of that id is, at that time; `None` if it is not held.
    fn decide<'a>(
        &'a self,
        id: &'a str,
        decision: Decision,
        now: Timestamp,
    ) -> Boxed<'a, Result<Option<Held>, StoreError>>;

    /// Waits until the loss of that id is not held any more.
    fn released<'a>(&'a self, id: &'a str) -> Boxed<'a, ()>;
}

/// Why something was not decided.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DecideError {
    /// There is none.
    #[error("no directory is called {0:?}")]
    NoDirectory(String),
    /// It is not held, or no more.
    #[error("nothing is held under {0:?}")]
    NotHeld(String),
    /// The store did not take it; nothing has changed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What became of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The loss, with the decision.
    pub loss: Held,
    /// Whether it is held no more: what was confirmed counts.
    pub is_released: bool,
}

/// An administrator's decisions about directories.
pub struct Decisions<C, K, E> {
    catalogue: C,
    clock: K,
    events: E,
    oversight: Arc<dyn Oversight>,
    /// One at a time, so that nothing is decided twice.
    turn: tokio::sync::Mutex<()>,
}

impl<C: Catalogue, K: Clock, E: Events> Decisions<C, K, E> {
    /// Decisions about the directories that are overseen.
    pub fn new(catalogue: C, clock: K, events: E, oversight: Arc<dyn Oversight>) -> Self {
        Self { catalogue, clock, events, oversight, turn: tokio::sync::Mutex::new(()) }
    }

    /// Asks every directory how it stands.
    pub async fn directories(&self) -> Vec<DirectoryState> {
        self.oversight.directories().await
    }

    /// All losses that are held.
    pub fn held(&self) -> Vec<Held> {
        self.oversight.held()
    }

    /// Accepts in the name of `who` that a directory was set back: what was seen of it is forgotten,
    /// on disk when this returns, and its copy is made anew. That is not only for one that is
    /// behind: it may have got farther since, on another way.
    pub async fn accept_rollback(
        &self,
        directory: &str,
        who: &str,
    ) -> Result<Progress, DecideError> {
        let _turn = self.turn.lock().await;
        let progress = self.oversight.progress(directory).await;
        let progress = progress.ok_or_else(|| DecideError::NoDirectory(directory.to_owned()))?;
        let or_nothing = |marker: &Option<String>| marker.clone().unwrap_or_else(nothing);
        let (seen, shown) = (or_nothing(&progress.seen), or_nothing(&progress.shown));
        let detail = format!("{directory}: was seen at {seen}, shows {shown}");
        let audit = self.row("rollback-accepted", detail, who);
        self.catalogue.note(Some(directory), audit).await?;
        self.events.emit(&Event::RollbackAccepted { directory, who });
        Ok(progress)
    }

    /// Says in the name of `who` what a loss is that is held. What is confirmed counts for sign-ons
    /// once the live copy was refreshed, for which this waits a while.
    pub async fn decide(
        &self,
        id: &str,
        decision: Decision,
        who: &str,
    ) -> Result<Decided, DecideError> {
        let _turn = self.turn.lock().await;
        let not_held = || DecideError::NotHeld(id.to_owned());
        let held = self.oversight.held().into_iter().find(|loss| loss.id == id);
        let loss = held.ok_or_else(not_held)?;
        if loss.decision != decision {
            let action = match decision {
                Decision::Confirmed => "confirmed",
                Decision::Open | Decision::Rejected => "rejected",
            };
            let detail = describe(&loss);
            self.catalogue.note(None, self.row(action, detail, who)).await?;
            let directory = &loss.directory;
            self.events.emit(&Event::HeldDecided { directory, id, decision, who });
        }
        let decided = self.oversight.decide(id, decision, self.clock.now()).await?;
        let loss = decided.ok_or_else(not_held)?;
        let is_released = decision == Decision::Confirmed
            && timeout(RELEASE_PATIENCE, self.oversight.released(id)).await.is_ok();
        Ok(Decided { loss, is_released })
    }

    fn row(&self, action: &'static str, detail: String, who: &str) -> AuditEntry {
        AuditEntry::new(self.clock.now(), "admin", who, action).saying(detail)
    }
}

/// What is decided on, for the audit.
fn describe(loss: &Held) -> String {
    let Held { id, directory, gone, of, .. } = loss;
    let was = loss.decision.name();
    match loss.kind {
        HeldKind::GroupLoss => {
            format!("{directory}: {id}, {} of {of} groups are left, was {was}", of - gone)
        }
        HeldKind::MassChange => {
            format!("{directory}: {id}, groups of {gone} of {of} users would go, was {was}")
        }
        HeldKind::LastGroups => {
            let user = loss.examples.first().map_or("", String::as_str);
            format!("{directory}: {id}, all groups of user {user:?} would go, was {was}")
        }
    }
}

fn nothing() -> String {
    "nothing".to_owned()
}
