//! The look whether the account still sees groups: who loses the right to read them, or to see what
//! lies above them, is told of nothing.

use super::follower::Stop;
use super::wire::Wire;
use crate::app::ports::LookupError;
use crate::domain::policy::GroupPolicy;
use crate::proto::envelope::{Envelope, MessageId};
use crate::proto::op::Operation;
use crate::proto::result::{LdapResult, ResultCode};
use crate::proto::search::{Scope, Search};
use std::time::Duration;
use tokio::time::Instant;

/// How often it is looked.
const EACH: Duration = Duration::from_secs(10);

/// A search for one group, on the connection that is followed.
pub(super) struct Look {
    search: Search,
    next: Instant,
    id: Option<MessageId>,
    due: Instant,
    seen: usize,
}

impl Look {
    /// `is_doubtful` says that the account saw no groups lately: then it is looked at once.
    pub(super) fn new(groups: &GroupPolicy, is_doubtful: bool) -> Self {
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
        let next = if is_doubtful { now } else { now + EACH };
        Self { search, next, id: None, due: now, seen: 0 }
    }

    /// When the next one is to be asked for; none while one is under way.
    pub(super) fn next(&self) -> Option<Instant> {
        self.id.is_none().then_some(self.next)
    }

    /// When the one that is under way has to be answered.
    pub(super) fn due(&self) -> Option<Instant> {
        self.id.map(|_| self.due)
    }

    pub(super) async fn ask(
        &mut self,
        wire: &mut Wire,
        patience: Duration,
    ) -> Result<(), LookupError> {
        let (id, now) = (wire.next_id(), Instant::now());
        let mut message = Vec::new();
        self.search.write(&mut message, id);
        (self.id, self.due, self.next, self.seen) = (Some(id), now + patience, now + EACH, 0);
        wire.send(&message).await
    }

    pub(super) fn is_answered_by(&self, message: &Envelope<'_>) -> bool {
        self.id == Some(message.id)
    }

    /// Takes a message of the answer. `expects_groups` says that none is not believed.
    pub(super) fn hear(
        &mut self,
        message: &Envelope<'_>,
        expects_groups: bool,
    ) -> Result<(), Stop> {
        match message.operation {
            Operation::SearchResultEntry => self.seen += 1,
            Operation::SearchResultDone => {
                self.id = None;
                let result = LdapResult::decode(message.content);
                return self
                    .judge(result.map_err(|_| LookupError::Malformed)?.code, expects_groups);
            }
            Operation::SearchResultReference => {}
            _ => return Err(LookupError::Malformed.into()),
        }
        Ok(())
    }

    fn judge(&self, code: ResultCode, expects_groups: bool) -> Result<(), Stop> {
        let is_seen = self.seen > 0 || !expects_groups;
        match code {
            ResultCode::SUCCESS | ResultCode::SIZE_LIMIT_EXCEEDED if is_seen => Ok(()),
            ResultCode::SUCCESS | ResultCode::SIZE_LIMIT_EXCEEDED => Err(Stop::Blind),
            ResultCode::NO_SUCH_OBJECT => Err(Stop::NoSuchBase),
            code => Err(Stop::Refused(code)),
        }
    }
}
