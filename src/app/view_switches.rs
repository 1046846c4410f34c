//! Update on sign-on per client application (semantics S5.8): the file's value of a view, a run-time
//! value that is stored and stands over it, and the audited change from one to the other.

use super::callers::VIEWS;
use super::events::{AuditEntry, Event};
use super::ports::{Catalogue, Clock, Events, StoreError};
use super::switches::Source;
use crate::domain::change::switch_name;
use crate::domain::policy::Switch;
use crate::domain::view::{View, Views};
use std::sync::Arc;
use thiserror::Error;

/// What a view says as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The view.
    pub view: Arc<View>,
    /// What it says; `None` is as the user type says.
    pub value: Option<Switch>,
    /// Where that comes from.
    pub source: Source,
}

/// Why a switch was not set.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SetError {
    /// No view bears the name.
    #[error("no view is called {0:?}")]
    NotFound(String),
    /// The store did not take it; nothing has changed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The switches of all views.
pub struct ViewSwitches<C, K, E> {
    catalogue: C,
    clock: K,
    events: E,
    views: Views,
    /// One change at a time, so that the old value in the audit is the one that was replaced.
    turn: tokio::sync::Mutex<()>,
}

impl<C: Catalogue, K: Clock, E: Events> ViewSwitches<C, K, E> {
    /// The switches of these views.
    pub fn new(catalogue: C, clock: K, events: E, views: Views) -> Self {
        Self { catalogue, clock, events, views, turn: tokio::sync::Mutex::new(()) }
    }

    /// Every view with what it says and since when, in the file's order.
    pub fn list(&self) -> Vec<Listed> {
        self.views.all().iter().map(|view| self.listed(view)).collect()
    }

    /// Stores a value, or with `None` goes back to the file's, in the name of `who`. It is on disk
    /// when this returns, and the next sign-on sees it. What changes nothing is not written.
    pub async fn set(
        &self,
        name: &str,
        value: Option<Switch>,
        who: &str,
    ) -> Result<Listed, SetError> {
        let view = self.views.all().iter().find(|view| view.name == name);
        let view = view.ok_or_else(|| SetError::NotFound(name.to_owned()))?;
        let _turn = self.turn.lock().await;
        let old = self.listed(view);
        let stored = self.catalogue.switch(VIEWS, &view.name);
        if stored.map(|stored| stored.value) == value {
            return Ok(old);
        }
        let new = value.or(view.update_on_sign_on);
        let new_source = if value.is_some() { "stored" } else { Source::File.name() };
        let detail = format!(
            "view {name}: update-on-sign-on {} ({}) -> {} ({new_source})",
            switch_name(old.value),
            old.source.name(),
            switch_name(new),
        );
        let row = AuditEntry::new(self.clock.now(), "admin", who, "switch-changed");
        self.catalogue.set_switch(VIEWS, &view.name, value, row.saying(detail)).await?;
        let (view_name, old) = (&*view.name, old.value);
        self.events.emit(&Event::ViewSwitchChanged { view: view_name, who, old, new });
        Ok(self.listed(view))
    }

    fn listed(&self, view: &Arc<View>) -> Listed {
        let stored = self.catalogue.switch(VIEWS, &view.name);
        Listed {
            view: view.clone(),
            value: stored.map(|stored| stored.value).or(view.update_on_sign_on),
            source: stored.map_or(Source::File, |stored| Source::Stored { set_at: stored.set_at }),
        }
    }
}
