//! Searches on the connection of a copy, one after another, in pages, beside the one that goes on.

use super::super::root;
use super::super::wire::Wire;
use super::watch::Watch;
use crate::app::ports::{LookupError, Lookups};
use crate::proto::control::Control;
use crate::proto::envelope::Envelope;
use crate::proto::oid;
use crate::proto::op::Operation;
use crate::proto::paged::Page;
use crate::proto::result::{LdapResult, ResultCode};
use crate::proto::search::{Entry, Search};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout, timeout_at};

/// How many entries one page has: fewer than any server gives at most.
const PAGE: i64 = 500;
/// The most controls of one result.
const MAX_CONTROLS: usize = 16;

/// A connection that is bound.
#[derive(Clone)]
pub(super) struct Reader {
    line: Arc<Mutex<Line>>,
    patience: Duration,
    /// The most entries of one answer.
    most: usize,
}

struct Line {
    wire: Wire,
    watch: Watch,
}

/// A part of an answer, and what the next one is asked for with: nothing behind the last one.
pub(super) struct Part {
    pub(super) entries: Vec<Entry>,
    pub(super) cookie: Vec<u8>,
}

impl Reader {
    pub(super) fn new(wire: Wire, watch: Watch, patience: Duration, most: usize) -> Self {
        let line = Line { wire, watch };
        Self { line: Arc::new(Mutex::new(line)), patience, most }
    }

    /// Has the server tell what changes, if it can.
    pub(super) async fn watch(&self) -> Result<(), LookupError> {
        let mut line = self.line.lock().await;
        let Line { wire, watch } = &mut *line;
        let id = wire.next_id();
        match watch.ask(id) {
            Some(message) => wire.send(&message).await,
            None => Ok(()),
        }
    }

    /// Waits for what is no answer: what the server tells of changes is noted, anything else is why
    /// the connection is of no use any more.
    pub(super) async fn unasked(&self) -> Result<(), LookupError> {
        let mut line = self.line.lock().await;
        let Line { wire, watch } = &mut *line;
        wire.heard().await?;
        match wire.take()? {
            Some(message) if watch.is_told_by(&message) => watch.hear(&message),
            Some(message) => Err(root::unasked(&message)),
            None => Ok(()),
        }
    }

    /// The same, until it is known what all the changes were whose numbers lie after one and up to
    /// another, or until a moment has come. Whether it is known.
    pub(super) async fn account(
        &self,
        (after, to): (u64, u64),
        due: Instant,
    ) -> Result<bool, LookupError> {
        loop {
            let (missing, is_on) = {
                let line = self.line.lock().await;
                (line.watch.accounted.missing(after, to), line.watch.tells_each())
            };
            if missing == 0 || !is_on {
                return Ok(missing == 0);
            }
            match timeout_at(due, self.unasked()).await {
                Ok(told) => told?,
                Err(_) => return Ok(false),
            }
        }
    }

    /// What is known of the server's changes by itself.
    pub(super) async fn with_watch<T>(&self, look: impl FnOnce(&mut Watch) -> T) -> T {
        look(&mut self.line.lock().await.watch)
    }

    /// Whether the gateway's own reads have gone on to another server.
    pub(super) async fn is_left(&self) -> bool {
        self.line.lock().await.wire.is_left()
    }

    /// Everything that a search finds.
    pub(super) async fn all(&self, search: &Search) -> Result<Vec<Entry>, LookupError> {
        let mut found = Vec::new();
        let mut cookie = Vec::new();
        loop {
            let part = self.part(search, &cookie).await?;
            found.extend(part.entries);
            if found.len() > self.most {
                return Err(LookupError::TooLarge);
            }
            if part.cookie.is_empty() {
                return Ok(found);
            }
            cookie = part.cookie;
        }
    }

    /// Some entries, if there are any: more may be there.
    pub(super) async fn some(&self, search: &Search, size: i64) -> Result<Vec<Entry>, LookupError> {
        Ok(self.page(search, size, &[]).await?.entries)
    }

    /// The part of an answer that stands behind a cookie.
    pub(super) async fn part(&self, search: &Search, cookie: &[u8]) -> Result<Part, LookupError> {
        self.page(search, PAGE, cookie).await
    }

    async fn page(&self, search: &Search, size: i64, cookie: &[u8]) -> Result<Part, LookupError> {
        let mut line = self.line.lock().await;
        let Line { wire, watch } = &mut *line;
        let id = wire.next_id();
        let value = Page { size, cookie }.encode();
        let page = Control { oid: oid::PAGED_RESULTS, critical: false, value: Some(&value) };
        let mut message = Vec::new();
        search.write_with(&mut message, id, &[page]);
        wire.send(&message).await?;
        let mut entries = Vec::new();
        loop {
            timeout(self.patience, wire.heard()).await.unwrap_or(Err(LookupError::Timeout))?;
            while let Some(message) = wire.take()? {
                match message.operation {
                    _ if watch.is_told_by(&message) => watch.hear(&message)?,
                    _ if message.id != id => return Err(root::unasked(&message)),
                    Operation::SearchResultEntry if entries.len() >= self.most => {
                        return Err(LookupError::TooLarge);
                    }
                    Operation::SearchResultEntry => {
                        let entry = Entry::decode(message.content);
                        entries.push(entry.map_err(|_| LookupError::Malformed)?);
                    }
                    // A part of the groups lies elsewhere.
                    Operation::SearchResultReference => return Err(LookupError::Referral),
                    Operation::SearchResultDone => {
                        let cookie = done(&message)?;
                        return Ok(Part { entries, cookie });
                    }
                    _ => return Err(LookupError::Malformed),
                }
            }
        }
    }
}

/// The cookie of a page that was given as a whole.
fn done(message: &Envelope<'_>) -> Result<Vec<u8>, LookupError> {
    let malformed = |_| LookupError::Malformed;
    let result = LdapResult::decode(message.content).map_err(malformed)?;
    if result.code != ResultCode::SUCCESS {
        return Err(LookupError::Result(result.code));
    }
    let controls = Control::decode_all(message.controls.unwrap_or_default(), MAX_CONTROLS);
    let controls = controls.map_err(malformed)?;
    let page = controls.iter().find(|control| control.oid == oid::PAGED_RESULTS);
    match page.and_then(|page| page.value) {
        None => Ok(Vec::new()),
        Some(value) => Ok(Page::decode(value).map_err(malformed)?.cookie.to_vec()),
    }
}

impl Lookups for Reader {
    async fn search(&self, search: Search) -> Result<Vec<Entry>, LookupError> {
        self.all(&search).await
    }
}
