//! Asks entries whether the directory was set back, before anything of it is believed.

use super::census::Question;
use super::wire::Wire;
use super::{CONTEXT_CSN, Common, root};
use crate::app::ports::LookupError;
use crate::domain::csn::CsnSet;
use crate::domain::replication::{HowFar, Testimony};
use crate::proto::filter::Filter;
use crate::proto::search::Search;
use crate::proto::sync::{EntryUuid, uuid_from_text, uuid_text};
use std::time::Duration;

/// The attribute that says which change made an entry what it is.
pub(super) const ENTRY_CSN: &str = "entryCSN";

/// Asks the entries that were changed last. What they do not say changes nothing of what they have
/// said before.
pub(super) async fn hear(
    shared: &Common,
    wire: &mut Wire,
    question: &Question,
    context: &str,
    patience: Duration,
) -> Result<(), LookupError> {
    let uuids: Vec<_> = shared.witnesses().uuids().collect();
    let testimony = match uuids.is_empty() {
        true => Testimony::Silent,
        false => ask(shared, wire, question, context, uuids, patience).await?,
    };
    heard(shared, testimony);
    Ok(())
}

/// Notes what entries have shown.
pub(super) fn heard(shared: &Common, testimony: Testimony) {
    shared.standing.send_modify(|standing| {
        standing.is_unheard = false;
        match testimony {
            Testimony::Silent => {}
            Testimony::Consistent => standing.went_back = false,
            Testimony::SetBack => standing.went_back = true,
        }
    });
}

async fn ask(
    shared: &Common,
    wire: &mut Wire,
    question: &Question,
    context: &str,
    uuids: Vec<EntryUuid>,
    patience: Duration,
) -> Result<Testimony, LookupError> {
    // In this order: what the directory claims to have, it has when the entries are read.
    let claims = root::read(wire, context, &[CONTEXT_CSN], patience).await?;
    let claims = CsnSet::from_values(claims.values(CONTEXT_CSN).iter().map(Vec::as_slice));
    let Some(claims) = claims.map(HowFar::Csns) else { return Ok(Testimony::Silent) };
    let equal = |uuid| Filter::equal("entryUUID", uuid_text(uuid));
    let search = Search {
        filter: Filter::Or(uuids.into_iter().map(equal).collect()),
        attributes: vec!["entryUUID".to_owned(), ENTRY_CSN.to_owned()],
        ..question.search.clone()
    };
    let entries = match root::search(wire, &search, patience).await {
        // A directory that does not want to be asked that can be followed all the same.
        Err(LookupError::Result(_)) => Vec::new(),
        found => found?,
    };
    let shown = entries.iter().filter_map(|entry| {
        Some((entry.text("entryUUID").and_then(uuid_from_text)?, entry.text(ENTRY_CSN)?))
    });
    Ok(shared.witnesses().testify(&claims, shown))
}
