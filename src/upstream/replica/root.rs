//! What is looked at before anything is followed: whether synchronisation is offered, which naming
//! context there is, and which entry the groups' base is.

use super::follower::Stop;
use super::wire::Wire;
use crate::app::ports::LookupError;
use crate::domain::{kind, numbering, offer};
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

/// The most entries that any of these questions is answered with.
const MAX_ENTRIES: usize = 16;

/// What the root DSE says of what is looked at here.
pub(super) async fn root_dse(wire: &mut Wire, patience: Duration) -> Result<Entry, LookupError> {
    let names = offer::ATTRIBUTES.into_iter().chain(kind::ATTRIBUTES);
    let names: Vec<&str> = names.chain(numbering::ATTRIBUTES).collect();
    read(wire, "", &names, patience).await
}

/// Where this server says how far it has got: the naming context that holds the base. Fails where
/// no synchronisation is offered.
pub(super) fn naming_context(root: &Entry, base: &str) -> Result<String, Stop> {
    if !offer::has_control(root, oid::SYNC_REQUEST) {
        return Err(Stop::NotOffered);
    }
    let base = DistinguishedName::parse(base).map_err(|_| Stop::NotOffered)?;
    let context = offer::naming_context(root, &base).ok_or(Stop::NotOffered)?;
    Ok(context.as_str().to_owned())
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
    let looked_for = Search {
        base: dn.to_owned(),
        scope: Scope::Base,
        filter: Filter::any_entry(),
        attributes: attributes.iter().map(|name| (*name).to_owned()).collect(),
        size_limit: 0,
        time_limit: 0,
        controls: Vec::new(),
    };
    Ok(search(wire, &looked_for, patience).await?.pop().unwrap_or_default())
}

/// Entries that a search finds, before anything else is asked for on the connection.
pub(super) async fn search(
    wire: &mut Wire,
    search: &Search,
    patience: Duration,
) -> Result<Vec<Entry>, LookupError> {
    let id = wire.next_id();
    let mut message = Vec::new();
    search.write(&mut message, id);
    wire.send(&message).await?;
    let answer = async {
        let mut found = Vec::new();
        loop {
            wire.heard().await?;
            while let Some(message) = wire.take()? {
                match message.operation {
                    _ if message.id != id => return Err(unasked(&message)),
                    Operation::SearchResultEntry if found.len() >= MAX_ENTRIES => {
                        return Err(LookupError::TooLarge);
                    }
                    Operation::SearchResultEntry => {
                        let entry = Entry::decode(message.content);
                        found.push(entry.map_err(|_| LookupError::Malformed)?);
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
