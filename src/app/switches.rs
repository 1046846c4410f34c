//! Update on sign-on, per user type (semantics S5.8): the file's value, a run-time value that is
//! stored and stands over it, and the audited change from one to the other.

use super::callers::Callers;
use super::events::{AuditEntry, Event};
use super::ports::{Catalogue, Clock, Events, Records, StoreError};
use crate::domain::policy::{DirectoryPolicy, Switch, UserType};
use crate::domain::record::Record;
use crate::domain::time::Timestamp;
use std::sync::Arc;
use thiserror::Error;

/// The value in force: the record's own, else the user type's stored one, else the file's. It is
/// asked at every sign-on.
pub fn effective(
    records: &impl Records,
    directory: &str,
    user_type: &UserType,
    record: Option<&Record>,
) -> Switch {
    let of_type = || {
        let stored = records.switch(directory, &user_type.name);
        stored.map_or(user_type.update_on_sign_on, |stored| stored.value)
    };
    record.and_then(|record| record.switch).unwrap_or_else(of_type)
}

/// The same at a sign-on by these client applications, one of which may say otherwise than the user
/// type; the record's own value stands over both.
pub fn at_sign_on(
    records: &impl Records,
    directory: &str,
    user_type: &UserType,
    record: Option<&Record>,
    callers: &Callers,
) -> Switch {
    let own = record.and_then(|record| record.switch);
    own.unwrap_or_else(|| callers.decide(effective(records, directory, user_type, None)))
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The configuration file, or its default.
    File,
    /// A value that was set at run time.
    Stored {
        /// Since when.
        set_at: Timestamp,
    },
}

impl Source {
    /// The name in JSON and in the audit.
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Stored { .. } => "stored",
        }
    }
}

/// A user type's switch as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The directory.
    pub directory: Arc<str>,
    /// The user type.
    pub user_type: Arc<str>,
    /// The value in force.
    pub value: Switch,
    /// Where it comes from.
    pub source: Source,
    /// The value that the file gives.
    pub file: Switch,
}

/// Why a switch was not set.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SetError {
    /// No user type bears the name.
    #[error("no user type is called {0:?}")]
    NotFound(String),
    /// Several directories have one of that name; these are the full names.
    #[error("several directories have a user type of that name: {}", .0.join(", "))]
    Ambiguous(Vec<String>),
    /// The store did not take it; nothing has changed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The switches of all user types.
pub struct Switches<C, K, E> {
    catalogue: C,
    clock: K,
    events: E,
    directories: Vec<Arc<DirectoryPolicy>>,
    /// One change at a time, so that the old value in the audit is the one that was replaced.
    turn: tokio::sync::Mutex<()>,
}

impl<C: Catalogue, K: Clock, E: Events> Switches<C, K, E> {
    /// The switches of the user types of `directories`.
    pub fn new(catalogue: C, clock: K, events: E, directories: Vec<Arc<DirectoryPolicy>>) -> Self {
        Self { catalogue, clock, events, directories, turn: tokio::sync::Mutex::new(()) }
    }

    /// Every user type with the value in force and its source, in the file's order.
    pub fn list(&self) -> Vec<Listed> {
        let of = |directory: &Arc<DirectoryPolicy>| {
            let listed = |user_type| self.listed(directory, user_type);
            directory.user_types.iter().map(listed).collect::<Vec<_>>()
        };
        self.directories.iter().flat_map(of).collect()
    }

    /// Stores a value, or with `None` goes back to the file's, in the name of `who`. It is on disk
    /// when this returns, and the next sign-on sees it. What changes nothing is not written.
    ///
    /// `name` is the user type's, or `DIRECTORY/NAME` where that is needed.
    pub async fn set(
        &self,
        name: &str,
        value: Option<Switch>,
        who: &str,
    ) -> Result<Listed, SetError> {
        let (directory, user_type) = self.find(name)?;
        let _turn = self.turn.lock().await;
        let old = self.listed(directory, user_type);
        let stored = self.catalogue.switch(&directory.name, &user_type.name);
        if stored.map(|stored| stored.value) == value {
            return Ok(old);
        }
        let new = value.unwrap_or(user_type.update_on_sign_on);
        let new_source = if value.is_some() { "stored" } else { Source::File.name() };
        let detail = format!(
            "{}/{}: update-on-sign-on {} ({}) -> {} ({new_source})",
            directory.name,
            user_type.name,
            on_off(old.value),
            old.source.name(),
            on_off(new),
        );
        let row = AuditEntry::new(self.clock.now(), "admin", who, "switch-changed");
        let audit = row.saying(detail);
        self.catalogue.set_switch(&directory.name, &user_type.name, value, audit).await?;
        self.events.emit(&Event::SwitchChanged {
            directory: &directory.name,
            user_type: &user_type.name,
            who,
            old: old.value,
            new,
        });
        Ok(self.listed(directory, user_type))
    }

    fn listed(&self, directory: &DirectoryPolicy, user_type: &UserType) -> Listed {
        let stored = self.catalogue.switch(&directory.name, &user_type.name);
        Listed {
            directory: directory.name.clone(),
            user_type: user_type.name.clone(),
            value: stored.map_or(user_type.update_on_sign_on, |stored| stored.value),
            source: stored.map_or(Source::File, |stored| Source::Stored { set_at: stored.set_at }),
            file: user_type.update_on_sign_on,
        }
    }

    fn find(&self, name: &str) -> Result<(&DirectoryPolicy, &UserType), SetError> {
        let mut found = Vec::new();
        for directory in &self.directories {
            for user_type in &directory.user_types {
                if is_called(name, directory, user_type) {
                    found.push((directory.as_ref(), user_type));
                }
            }
        }
        match found.as_slice() {
            [] => Err(SetError::NotFound(name.to_owned())),
            [one] => Ok(*one),
            several => {
                let full = |(directory, user_type): &(&DirectoryPolicy, &UserType)| {
                    format!("{}/{}", directory.name, user_type.name)
                };
                Err(SetError::Ambiguous(several.iter().map(full).collect()))
            }
        }
    }
}

/// Whether `name` means this user type, alone or as `DIRECTORY/NAME`.
fn is_called(name: &str, directory: &DirectoryPolicy, user_type: &UserType) -> bool {
    *name == *user_type.name
        || name.strip_prefix(&*directory.name).and_then(|rest| rest.strip_prefix('/'))
            == Some(&*user_type.name)
}

fn on_off(switch: Switch) -> &'static str {
    if switch.is_on() { "on" } else { "off" }
}
