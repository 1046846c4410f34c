//! What the server tells by itself: a search that goes on, on the connection of the copy.
//!
//! On Active Directory it tells that something below the groups' base has changed, so that the copy
//! has it before anybody asks. On 389-ds it also tells the number of each change, one that was
//! overwritten too, so that it is known that none of them took a group away. Nothing else is believed
//! of it, and without it nothing is wrong: what it does not tell is asked for.

use super::super::Common;
use super::sorting::Sorting;
use crate::app::ports::LookupError;
use crate::domain::accounted::Accounted;
use crate::proto::control::Control;
use crate::proto::envelope::{Envelope, MessageId};
use crate::proto::oid;
use crate::proto::op::Operation;
use crate::proto::persistent;
use crate::proto::search::Entry;
use std::sync::Arc;

/// The most controls of one entry.
const MAX_CONTROLS: usize = 16;

pub(super) struct Watch {
    sorting: Arc<Sorting>,
    shared: Arc<Common>,
    /// Whether the server says that it can do that.
    is_offered: bool,
    /// The search that goes on.
    id: Option<MessageId>,
    /// The changes of which it is known what they were.
    pub(super) accounted: Accounted,
    /// Whether one was told that concerns groups, since somebody looked.
    is_concerned: bool,
}

impl Watch {
    pub(super) fn new(sorting: Arc<Sorting>, shared: Arc<Common>, is_offered: bool) -> Self {
        let accounted = Accounted::default();
        Self { sorting, shared, is_offered, id: None, accounted, is_concerned: false }
    }

    /// The message that begins it, unless it goes on already, or cannot.
    pub(super) fn ask(&mut self, id: MessageId) -> Option<Vec<u8>> {
        if !self.is_offered || self.id.is_some() {
            return None;
        }
        let (oid, value) = (self.sorting.numbering.watching(), self.sorting.watching());
        // A server that does not know it must not show all entries that there are.
        let control = Control { oid, critical: true, value: value.as_deref() };
        let mut message = Vec::new();
        self.sorting.watched().write_with(&mut message, id, &[control]);
        self.id = Some(id);
        self.shared.counters.watched.set(1.0);
        Some(message)
    }

    /// Whether each change is told now, with its number.
    pub(super) fn tells_each(&self) -> bool {
        self.id.is_some() && self.sorting.numbering.tells_each()
    }

    pub(super) fn is_told_by(&self, message: &Envelope<'_>) -> bool {
        self.id == Some(message.id)
    }

    /// Takes note of a message of it.
    pub(super) fn hear(&mut self, message: &Envelope<'_>) -> Result<(), LookupError> {
        match message.operation {
            Operation::SearchResultEntry => self.note(message),
            Operation::SearchResultDone => {
                // Refused, or the server has no room for it any more.
                self.id = None;
                self.shared.counters.watched.set(0.0);
                Ok(())
            }
            Operation::SearchResultReference | Operation::IntermediateResponse => Ok(()),
            _ => Err(LookupError::Malformed),
        }
    }

    fn note(&mut self, message: &Envelope<'_>) -> Result<(), LookupError> {
        self.shared.counters.notices.increment(1);
        let entry = Entry::decode(message.content).map_err(|_| LookupError::Malformed)?;
        let Some(read) = self.sorting.read(entry)? else { return Ok(()) };
        let is_shown = self.tells_each() && is_there(message)?;
        if is_shown && let Some(number) = self.sorting.counted(&read) {
            self.accounted.put(number);
        }
        self.is_concerned |= self.sorting.is_group(&read) || self.shared.graph().has(&read.id);
        Ok(())
    }

    /// Whether a change was told since this was asked last that concerns groups.
    pub(super) fn take_concern(&mut self) -> bool {
        std::mem::take(&mut self.is_concerned)
    }
}

/// Whether the entry is said to be there: of one that is deleted an old number is shown.
fn is_there(message: &Envelope<'_>) -> Result<bool, LookupError> {
    let controls = Control::decode_all(message.controls.unwrap_or_default(), MAX_CONTROLS);
    let controls = controls.map_err(|_| LookupError::Malformed)?;
    let change = controls.iter().find(|control| control.oid == oid::ENTRY_CHANGE);
    let Some(value) = change.and_then(|change| change.value) else { return Ok(false) };
    Ok(!persistent::is_deleted(value).map_err(|_| LookupError::Malformed)?)
}
