//! What one connection sees of the server that it leads to.

use super::CONTEXT_CSN;
use super::root::{read, unasked};
use super::wire::Wire;
use crate::app::ports::LookupError;
use crate::domain::csn::{CsnSet, server_in_cookie};
use crate::domain::offer;
use crate::domain::sighting::Sighting;
use crate::proto::control::Control;
use crate::proto::dn::DistinguishedName;
use crate::proto::filter::Filter;
use crate::proto::oid;
use crate::proto::op::Operation;
use crate::proto::search::{Scope, Search};
use crate::proto::sync::{self, Mode, SyncDone};
use crate::upstream::lookup::Login;
use crate::upstream::servers::User;
use std::time::Duration;
use tokio::time::timeout;

/// Attributes of the root DSE by which servers of one directory differ: Active Directory's, then
/// 389-ds's.
const NAMES: [&str; 4] = ["dsServiceName", "dnsHostName", "serverName", "netscapemdsuffix"];

/// Looks at whichever server answers, by a connection of its own. `base` is a name in the part of
/// the directory whose marker counts.
pub(in crate::upstream) async fn sight(
    login: &Login,
    base: &str,
    (limit, patience): (usize, Duration),
) -> Result<Sighting, LookupError> {
    let (stream, last_id) = login.open(User::Gateway).await?;
    let mut wire = Wire::new(stream, last_id, limit);
    let asked: Vec<&str> = NAMES.into_iter().chain(offer::ATTRIBUTES).collect();
    let root = read(&mut wire, "", &asked, patience).await?;
    let names = NAMES
        .into_iter()
        .filter_map(|name| root.values(name).first().map(|value| (name.to_owned(), value.clone())));
    let mut sighting = Sighting { names: names.collect(), ..Sighting::default() };
    let base = DistinguishedName::parse(base).map_err(|_| LookupError::Malformed)?;
    let Some(context) = offer::naming_context(&root, &base) else { return Ok(sighting) };
    let context = context.as_str();
    let entry = read(&mut wire, context, &[CONTEXT_CSN], patience).await?;
    let values = entry.values(CONTEXT_CSN).iter().map(Vec::as_slice);
    sighting.marker = CsnSet::from_values(values);
    if offer::has_control(&root, oid::SYNC_REQUEST) {
        let server = timeout(patience, server_id(&mut wire, context)).await;
        sighting.server = server.unwrap_or(Err(LookupError::Timeout))?;
    }
    Ok(sighting)
}

/// The server's id, as the cookie of a synchronisation of nothing has it.
async fn server_id(wire: &mut Wire, context: &str) -> Result<Option<u16>, LookupError> {
    let id = wire.next_id();
    let value = sync::request(Mode::RefreshOnly, None);
    let control = Control { oid: oid::SYNC_REQUEST, critical: true, value: Some(&value) };
    let nothing = Filter::Not(Box::new(Filter::any_entry()));
    let search = Search {
        base: context.to_owned(),
        scope: Scope::Base,
        filter: nothing,
        attributes: vec!["1.1".to_owned()],
        size_limit: 0,
        time_limit: 0,
        controls: Vec::new(),
    };
    let mut message = Vec::new();
    search.write_with(&mut message, id, &[control]);
    wire.send(&message).await?;
    loop {
        wire.heard().await?;
        while let Some(message) = wire.take()? {
            if message.id != id {
                return Err(unasked(&message));
            }
            if message.operation == Operation::SearchResultDone {
                let done = SyncDone::of(&message).map_err(|_| LookupError::Malformed)?;
                return Ok(done.and_then(|done| done.cookie).and_then(server_in_cookie));
            }
        }
    }
}
