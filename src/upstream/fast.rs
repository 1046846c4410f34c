//! Active Directory's fast bind (1.2.840.113556.1.4.1781, MS-ADTS section 3.1.1.3.4.2.3): whether a
//! directory has it, and connections on which nothing else is done.
//!
//! The operation has to be the first on its connection, and cannot be undone. From then on a simple
//! bind proves a password and changes nobody's identity: the connection stays anonymous, so many
//! binds may be under way on it at a time, and it is good for nothing else.

use super::Config;
use super::counters::Counters;
use super::exchange::exchange;
use super::lookup::SharedLookups;
use super::placed::Placed;
use super::servers::{Servers, User};
use super::shared::{Dial, FastBinds};
use crate::app::ports::{LinkError, Lookups};
use crate::proto::envelope::MessageId;
use crate::proto::extended::{ExtendedRequest, ExtendedResponse};
use crate::proto::filter::Filter;
use crate::proto::oid;
use crate::proto::op::Operation;
use crate::proto::search::{Scope, Search};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long what the root DSE says is believed.
const BELIEVED: Duration = Duration::from_secs(600);
/// How long it is not asked again after no answer.
const PAUSE: Duration = Duration::from_secs(10);
/// Where a root DSE names its extended operations (RFC 4512 section 5.1).
const OPERATIONS: &str = "supportedExtension";

/// Looks at the root DSE now and then.
pub(super) struct Look {
    lookups: SharedLookups,
    known: FastBinds,
    counters: Arc<Counters>,
}

impl Look {
    pub(super) fn new(lookups: SharedLookups, known: &FastBinds, counters: Arc<Counters>) -> Self {
        Self { lookups, known: known.clone(), counters }
    }

    /// Looks for as long as the directory is served. Without an answer, what was known stays.
    pub(super) async fn go_on(self) {
        let [named, missing, failed] = &self.counters.fast_binds;
        loop {
            let pause = match self.look().await {
                Some(is_named) => {
                    self.known.learn(is_named);
                    if is_named {
                        named.increment(1)
                    } else {
                        missing.increment(1)
                    }
                    BELIEVED
                }
                None => {
                    failed.increment(1);
                    PAUSE
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    async fn look(&self) -> Option<bool> {
        let search = Search {
            base: String::new(),
            scope: Scope::Base,
            filter: Filter::any_entry(),
            attributes: vec![OPERATIONS.to_owned()],
            size_limit: 0,
            time_limit: 0,
            controls: Vec::new(),
        };
        let found = self.lookups.search(search).await.ok()?;
        Some(found.iter().any(|root| {
            root.values(OPERATIONS).iter().any(|value| value.as_slice() == oid::FAST_BIND)
        }))
    }
}

/// Makes connections for fast binds.
pub(super) struct FastDial {
    servers: Arc<Servers>,
    known: FastBinds,
    patience: Duration,
    max_message_size: usize,
}

impl FastDial {
    pub(super) fn new(servers: Arc<Servers>, config: &Config, known: FastBinds) -> Self {
        let (patience, max_message_size) = (config.bind_timeout, config.max_message_size);
        Self { servers, known, patience, max_message_size }
    }

    /// Asks for fast binds, before anything else; whether they are granted. No answer is a failure
    /// of the server and says nothing of it.
    async fn ask(&self, stream: &mut Placed, id: MessageId) -> Option<bool> {
        let mut request = Vec::new();
        ExtendedRequest { name: oid::FAST_BIND, value: None }.write(&mut request, id);
        let asking = exchange(stream, &request, self.max_message_size);
        let answer = timeout(self.patience, asking).await.ok()?.ok()?;
        let envelope = answer.envelope().ok()?;
        if envelope.id != id || envelope.operation != Operation::ExtendedResponse {
            return None;
        }
        Some(ExtendedResponse::decode(envelope.content).ok()?.result.code.is_success())
    }
}

impl Dial for FastDial {
    type Stream = Placed;

    async fn dial(&self) -> Result<(Placed, MessageId), LinkError> {
        let connected = self.servers.connect(User::Clients).await;
        let (stream, seat) = connected.map_err(|_| LinkError::Unreachable)?;
        let (mut stream, id) = (Placed::new(stream, seat), MessageId::UNSOLICITED.next());
        match self.ask(&mut stream, id).await {
            Some(true) => Ok((stream, id)),
            Some(false) => {
                // The root DSE named it: until that is looked at again, binds go as others do.
                self.known.learn(false);
                Err(LinkError::Unreachable)
            }
            None => Err(LinkError::Unreachable),
        }
    }
}
