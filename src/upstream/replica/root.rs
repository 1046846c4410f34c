//! What is looked at before anything is followed: whether synchronisation is offered, which naming
//! context there is, and which entry the groups' base is.

use super::follower::Stop;
use super::wire::Wire;
use crate::app::ports::LookupError;
use crate::proto::dn::DistinguishedName;
use crate::proto::envelope::{Envelope, MessageId};
use crate::proto::extended::ExtendedResponse;
use crate::proto::filter::Filter;
use crate::proto::oid;
use crate::proto::op::Operation;
use crate::proto::result::{LdapResult, ResultCode};
use crate::proto::search::{Entry, Scope, Search};
use crate::proto::sync::{EntryUuid, uuid_from_text};
use std::time::Duration;
use tokio::time::timeout;

/// Where this server says how far it has got: the naming context that holds the base. Fails where
/// no synchronisation is offered.
pub(super) async fn naming_context(
    wire: &mut Wire,
    base: &str,
    patience: Duration,
) -> Result<String, Stop> {
    let root = read(wire, "", &["supportedControl", "namingContexts"], patience).await?;
    let offers = |oid: &[u8]| root.values("supportedControl").iter().any(|known| known == oid);
    if !offers(oid::SYNC_REQUEST) {
        return Err(Stop::NotOffered);
    }
    let base = DistinguishedName::parse(base).map_err(|_| Stop::NotOffered)?;
    let contexts = root.values("namingContexts").iter();
    let contexts = contexts.filter_map(|value| DistinguishedName::from_bytes(value).ok());
    let holding = contexts.filter(|context| base.is_within(context));
    let deepest = holding.max_by_key(|context| context.as_str().len());
    deepest.map(|context| context.as_str().to_owned()).ok_or(Stop::NotOffered)
}

/// Which entry a base is.
pub(super) async fn uuid_of(
    wire: &mut Wire,
    base: &str,
    patience: Duration,
) -> Result<EntryUuid, Stop> {
    let entry = match read(wire, base, &["entryUUID"], patience).await {
        Err(LookupError::Result(ResultCode::NO_SUCH_OBJECT)) => return Err(Stop::NoSuchBase),
        read => read?,
    };
    entry.text("entryUUID").and_then(uuid_from_text).ok_or(Stop::NoSuchBase)
}

/// What a message means that answers nothing.
pub(super) fn unasked(message: &Envelope<'_>) -> LookupError {
    let notice = || ExtendedResponse::decode(message.content).ok();
    let is_notice = message.id == MessageId::UNSOLICITED
        && message.operation == Operation::ExtendedResponse
        && notice().is_some_and(|notice| notice.name == Some(oid::NOTICE_OF_DISCONNECTION));
    if is_notice { LookupError::Disconnected } else { LookupError::Malformed }
}

/// Attributes of one entry; empty if it is not shown.
pub(super) async fn read(
    wire: &mut Wire,
    dn: &str,
    attributes: &[&str],
    patience: Duration,
) -> Result<Entry, LookupError> {
    let id = wire.next_id();
    let search = Search {
        base: dn.to_owned(),
        scope: Scope::Base,
        filter: Filter::any_entry(),
        attributes: attributes.iter().map(|name| (*name).to_owned()).collect(),
        size_limit: 0,
        time_limit: 0,
        controls: Vec::new(),
    };
    let mut message = Vec::new();
    search.write(&mut message, id);
    wire.send(&message).await?;
    let answer = async {
        let mut found = Entry::default();
        loop {
            wire.heard().await?;
            while let Some(message) = wire.take()? {
                match message.operation {
                    _ if message.id != id => return Err(unasked(&message)),
                    Operation::SearchResultEntry => {
                        let entry = Entry::decode(message.content);
                        found = entry.map_err(|_| LookupError::Malformed)?;
                    }
                    Operation::SearchResultDone => {
                        let result = LdapResult::decode(message.content);
                        return match result.map_err(|_| LookupError::Malformed)?.code {
                            ResultCode::SUCCESS => Ok(found),
                            code => Err(LookupError::Result(code)),
                        };
                    }
                    _ => return Err(LookupError::Malformed),
                }
            }
        }
    };
    timeout(patience, answer).await.unwrap_or(Err(LookupError::Timeout))
}
