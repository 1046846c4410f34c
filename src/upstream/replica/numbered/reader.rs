//! Searches on the connection of a copy, one after another, in pages.

use super::super::root;
use super::super::wire::Wire;
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
use tokio::time::timeout;

/// How many entries one page has: fewer than any server gives at most.
const PAGE: i64 = 500;
/// The most controls of one result.
const MAX_CONTROLS: usize = 16;

/// A connection that is bound.
#[derive(Clone)]
pub(super) struct Reader {
    wire: Arc<Mutex<Wire>>,
    patience: Duration,
    /// The most entries of one answer.
    most: usize,
}

/// A part of an answer, and what the next one is asked for with: nothing behind the last one.
pub(super) struct Part {
    pub(super) entries: Vec<Entry>,
    pub(super) cookie: Vec<u8>,
}

impl Reader {
    pub(super) fn new(wire: Wire, patience: Duration, most: usize) -> Self {
        Self { wire: Arc::new(Mutex::new(wire)), patience, most }
    }

    /// Waits for what nobody has asked for: why the connection is of no use any more.
    pub(super) async fn unasked(&self) -> LookupError {
        let mut wire = self.wire.lock().await;
        if let Err(error) = wire.heard().await {
            return error;
        }
        match wire.take() {
            Ok(Some(message)) => root::unasked(&message),
            Ok(None) => LookupError::Malformed,
            Err(error) => error,
        }
    }

    /// Whether the gateway's own reads have gone on to another server.
    pub(super) async fn is_left(&self) -> bool {
        self.wire.lock().await.is_left()
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
        let mut wire = self.wire.lock().await;
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
