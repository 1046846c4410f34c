//! One transaction for all commits that wait: each is checked, written or refused by itself; then
//! all that were written reach the disk together, or none does.

use super::memory::{Memory, Observed};
use super::recollections::Kept;
use super::writer::{Reply, Worded, Write};
use super::{audit_rows, recollections, rows};
use crate::app::accounts::Account;
use crate::app::events::AuditEntry;
use crate::app::ports::{Commit, StoreError, StoredSwitch};
use crate::app::tokens::Token;
use crate::domain::change::{Change, Misfit, apply};
use crate::domain::policy::Switch;
use crate::domain::record::{
    Group as KeptGroup, InactiveReason, Record, RecordId, UpstreamId, UserKey,
};
use crate::domain::time::Timestamp;
use rusqlite::{Connection, ErrorCode};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What sets or clears a switch.
#[derive(Debug)]
pub(super) struct SwitchChange {
    pub(super) directory: String,
    pub(super) user_type: String,
    pub(super) value: Option<Switch>,
    pub(super) audit: AuditEntry,
}

impl SwitchChange {
    fn stored(&self) -> Option<StoredSwitch> {
        self.value.map(|value| StoredSwitch { value, set_at: self.audit.at })
    }
}

/// What keeps a group, or takes it away.
#[derive(Debug)]
pub(super) struct GroupChange {
    pub(super) directory: String,
    pub(super) id: UpstreamId,
    pub(super) group: Option<KeptGroup>,
    pub(super) audit: AuditEntry,
}

/// What keeps a token of administration, or takes it away.
#[derive(Debug)]
pub(super) struct TokenChange {
    pub(super) name: String,
    pub(super) token: Option<Token>,
    pub(super) audit: AuditEntry,
}

/// What keeps an account of the gateway's own, or takes it away.
#[derive(Debug)]
pub(super) struct AccountChange {
    pub(super) name: String,
    pub(super) account: Option<Account>,
    pub(super) audit: AuditEntry,
}

/// What became of a group of writes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is on disk.
    Written,
    /// Every single one was refused, so nothing was to be written.
    Nothing,
    /// Nothing of it is on disk, for this reason.
    Failed(String),
}

/// Writes all of them in one transaction. The answers are the caller's to give, once whoever asks
/// for the store's health is told the truth.
pub(super) fn write(
    connection: &Connection,
    memory: &Memory,
    writes: Vec<Write>,
    max_audit_rows: u64,
) -> (Outcome, Answers) {
    let mut group = Group::new(connection, memory);
    let mut staged = Vec::with_capacity(writes.len());
    let mut rest = writes.into_iter();
    // Every record that is written here was read from a directory that had got no farther.
    let markers = memory.unsaved_markers();
    let written = begin(connection).and_then(|()| {
        for write in rest.by_ref() {
            let (step, fault) = group.stage(write);
            staged.push(step);
            fault.map_or(Ok(()), Err)?;
        }
        if staged.iter().all(Staged::is_refused) {
            connection.execute_batch("ROLLBACK")?;
            return Ok(Outcome::Nothing);
        }
        markers.iter().try_for_each(|(name, text)| rows::put_marker(connection, name, text))?;
        // Behind them: what was forgotten stays so.
        for directory in staged.iter().filter_map(Staged::forgotten) {
            rows::delete_marker(connection, directory)?;
        }
        audit_rows::prune(connection, max_audit_rows)?;
        connection.execute_batch("COMMIT")?;
        Ok(Outcome::Written)
    });
    match written {
        Ok(outcome) => {
            if outcome == Outcome::Written {
                install_markers(memory, markers);
                if let Ok(newest) = audit_rows::newest(connection) {
                    memory.audited(newest);
                }
            }
            (outcome, Answers { staged, failed: None })
        }
        Err(error) => {
            let reason = error.to_string();
            roll_back(connection);
            let failed = Some((rest.collect(), reason.clone()));
            (Outcome::Failed(reason), Answers { staged, failed })
        }
    }
}

/// Takes over how far directories have got, which is on disk.
pub(super) fn install_markers(memory: &Memory, markers: Vec<(Arc<str>, String)>) {
    markers.into_iter().for_each(|(name, text)| memory.install_marker(&name, text));
}

/// The answers to a group of writes; to be given.
#[must_use]
pub(super) struct Answers {
    staged: Vec<Staged>,
    /// Writes that were not looked at any more, and why.
    failed: Option<(Vec<Write>, String)>,
}

impl Answers {
    /// Takes what was written over into memory and answers each.
    pub(super) fn give(self, memory: &Memory) {
        match self.failed {
            None => self.staged.into_iter().for_each(|step| step.settle(memory)),
            Some((rest, reason)) => {
                self.staged.into_iter().for_each(|step| step.fail(&reason));
                rest.into_iter().for_each(|write| write.refuse(StoreError::Failed(reason.clone())));
            }
        }
    }
}

/// Begins a transaction that may write at once.
pub(super) fn begin(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("BEGIN IMMEDIATE")
}

/// Ends a transaction that failed, unless the database did so itself.
pub(super) fn roll_back(connection: &Connection) {
    if !connection.is_autocommit() {
        // If even this fails, the next BEGIN does too, and says so.
        let _ = connection.execute_batch("ROLLBACK");
    }
}

/// A record and the number of its row.
type Row = (i64, Arc<Record>);

/// A write that stands in the open transaction, or was refused.
enum Staged {
    Record { row: Row, worded: Box<Worded>, reply: Reply<Arc<Record>> },
    Observation { key: UserKey, digest: Option<i64> },
    Switch { change: SwitchChange, reply: Reply<()> },
    Note { forgotten: Option<String>, reply: Reply<()> },
    Held { directory: String, text: Option<String>, reply: Reply<()> },
    Deleted { key: UserKey, reply: Reply<()> },
    Remark,
    Group { change: GroupChange, reply: Reply<()> },
    Token { change: TokenChange, reply: Reply<()> },
    Account { change: Box<AccountChange>, reply: Reply<()> },
    AccountUsed { name: String, at: Timestamp },
    Refused { write: Write, error: StoreError },
}

impl Staged {
    fn is_refused(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }

    /// The directory of which it is forgotten how far it had got.
    fn forgotten(&self) -> Option<&str> {
        match self {
            Self::Note { forgotten, .. } => forgotten.as_deref(),
            _ => None,
        }
    }

    /// After the COMMIT: memory first, so that whoever is answered finds what was written. A
    /// refusal is answered here too: whoever reads again then sees what came between.
    fn settle(self, memory: &Memory) {
        // An answer that nobody waits for any more is no fault: the write stands.
        match self {
            Self::Record { row, worded, reply } => {
                let Worded { commit: Commit { key, groups, mark, .. }, kept, .. } = *worded;
                for group in groups {
                    memory.install_group(&key.directory, Arc::new(group));
                }
                let observed = kept.map_or(Observed::AsBefore, |kept| Observed::Now(kept.digest));
                memory.install(row.clone(), mark, observed);
                let _ = reply.send(Ok(row.1));
            }
            Self::Switch { change, reply } => {
                memory.install_switch(&change.directory, &change.user_type, change.stored());
                let _ = reply.send(Ok(()));
            }
            Self::Note { forgotten, reply } => {
                if let Some(directory) = forgotten {
                    memory.forget_marker(&directory);
                }
                let _ = reply.send(Ok(()));
            }
            Self::Remark => {}
            Self::Observation { key, digest } => memory.observe(&key, digest),
            Self::Deleted { key, reply } => {
                memory.uninstall(&key);
                let _ = reply.send(Ok(()));
            }
            Self::Held { directory, text, reply } => {
                memory.install_held(&directory, text);
                let _ = reply.send(Ok(()));
            }
            Self::Group { change, reply } => {
                match change.group {
                    Some(group) => {
                        memory.install_group(&Arc::from(change.directory), Arc::new(group));
                    }
                    None => memory.remove_group(&change.directory, &change.id),
                }
                let _ = reply.send(Ok(()));
            }
            Self::Token { change, reply } => {
                memory.install_token(&change.name, change.token);
                let _ = reply.send(Ok(()));
            }
            Self::Account { change, reply } => {
                memory.accounts().put(&change.name, change.account);
                let _ = reply.send(Ok(()));
            }
            Self::AccountUsed { name, at } => memory.accounts().used(&name, at),
            Self::Refused { write, error } => write.refuse(error),
        }
    }

    fn fail(self, reason: &str) {
        let error = StoreError::Failed(reason.to_owned());
        match self {
            Self::Record { reply, .. } => drop(reply.send(Err(error))),
            Self::Switch { reply, .. }
            | Self::Note { reply, .. }
            | Self::Held { reply, .. }
            | Self::Deleted { reply, .. }
            | Self::Token { reply, .. }
            | Self::Account { reply, .. }
            | Self::Group { reply, .. } => drop(reply.send(Err(error))),
            Self::Remark | Self::Observation { .. } | Self::AccountUsed { .. } => {}
            Self::Refused { write, .. } => write.refuse(error),
        }
    }
}

/// Why a write is not staged.
enum Fault {
    /// It alone is at fault.
    Refused(StoreError),
    /// The whole transaction is.
    Broken(rusqlite::Error),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

impl From<Misfit> for Fault {
    fn from(misfit: Misfit) -> Self {
        Self::Refused(misfit.into())
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Broken(error)
    }
}

/// The open transaction: what it has changed so far stands before what is in memory.
struct Group<'a> {
    connection: &'a Connection,
    memory: &'a Memory,
    records: HashMap<UserKey, Row>,
    ids: HashMap<RecordId, UserKey>,
    /// By name in lower case: whose records have it, or had it before a later change.
    names: HashMap<String, Vec<UserKey>>,
    /// Those that were deleted and not made anew.
    deleted: HashSet<UserKey>,
}

impl<'a> Group<'a> {
    fn new(connection: &'a Connection, memory: &'a Memory) -> Self {
        let (records, ids, names, deleted) = Default::default();
        Self { connection, memory, records, ids, names, deleted }
    }

    /// Stages one write; with the fault that ends the transaction, if there is one.
    fn stage(&mut self, write: Write) -> (Staged, Option<rusqlite::Error>) {
        match write {
            Write::Remark(audit) => match self.note(&audit) {
                Ok(()) => (Staged::Remark, None),
                Err(fault) => refused(Write::Remark(audit), fault),
            },
            Write::Forget(key, audit, reply) => match self.forget(&key, &audit) {
                Ok(()) => (Staged::Deleted { key, reply }, None),
                Err(fault) => refused(Write::Forget(key, audit, reply), fault),
            },
            Write::Group(change, reply) => match self.group(&change) {
                Ok(()) => (Staged::Group { change, reply }, None),
                Err(fault) => refused(Write::Group(change, reply), fault),
            },
            Write::Token(change, reply) => match self.token(&change) {
                Ok(()) => (Staged::Token { change, reply }, None),
                Err(fault) => refused(Write::Token(change, reply), fault),
            },
            Write::Observation(key, kept) => match self.observe(&key, &kept) {
                Ok(()) => (Staged::Observation { key, digest: kept.digest }, None),
                Err(fault) => refused(Write::Observation(key, kept), fault),
            },
            Write::Account(change, reply) => match self.account(&change) {
                Ok(()) => (Staged::Account { change, reply }, None),
                Err(fault) => refused(Write::Account(change, reply), fault),
            },
            Write::AccountUsed(name, at) => {
                match self.apart(|connection| rows::use_account(connection, &name, at)) {
                    Ok(()) => (Staged::AccountUsed { name, at }, None),
                    Err(fault) => refused(Write::AccountUsed(name, at), fault),
                }
            }
            Write::Commit(worded, reply) => match self.commit(&worded) {
                Ok(row) => (Staged::Record { row, worded, reply }, None),
                Err(fault) => refused(Write::Commit(worded, reply), fault),
            },
            Write::Switch(change, reply) => match self.switch(&change) {
                Ok(()) => (Staged::Switch { change, reply }, None),
                Err(fault) => refused(Write::Switch(change, reply), fault),
            },
            Write::Note(forgotten, audit, reply) => match self.note(&audit) {
                Ok(()) => (Staged::Note { forgotten, reply }, None),
                Err(fault) => refused(Write::Note(forgotten, audit, reply), fault),
            },
            Write::Delete(key, version, audit, reply) => match self.delete(&key, version, &audit) {
                Ok(()) => (Staged::Deleted { key, reply }, None),
                Err(fault) => refused(Write::Delete(key, version, audit, reply), fault),
            },
            Write::Held(directory, text, reply) => {
                let put = |c: &Connection| rows::put_held(c, &directory, text.as_deref());
                match self.apart(put) {
                    Ok(()) => (Staged::Held { directory, text, reply }, None),
                    Err(fault) => refused(Write::Held(directory, text, reply), fault),
                }
            }
        }
    }

    /// Keeps what was observed of a user who is still there.
    fn observe(&self, key: &UserKey, kept: &Kept) -> Result<(), Fault> {
        let (number, _) = self.current(key).ok_or(Misfit("there is no record"))?;
        self.apart(|connection| recollections::put(connection, number, kept))
    }

    fn commit(&mut self, Worded { commit, kept, steps }: &Worded) -> Result<Row, Fault> {
        let old = self.current(&commit.key);
        let old = old.as_ref().map(|(number, old)| (*number, &**old));
        let new = Arc::new(self.next(old.map(|(_, old)| old), commit)?);
        let number = self.apart(|connection| {
            for group in &commit.groups {
                rows::put_group(connection, &commit.key.directory, group)?;
            }
            let number = rows::put_record(connection, old, &new, (&commit.mark, kept.as_ref()))?;
            // A row of the audit is about the user whose record it changes, or about nobody.
            let about = (commit.audit.user.as_ref() == Some(&commit.key)).then_some(number);
            audit_rows::put_worded(connection, &commit.audit, steps.as_deref(), about)?;
            Ok(number)
        })?;
        self.deleted.remove(&commit.key);
        self.records.insert(commit.key.clone(), (number, new.clone()));
        self.names.entry(new.name.to_lowercase()).or_default().push(commit.key.clone());
        self.ids.insert(new.id.clone(), commit.key.clone());
        Ok((number, new))
    }

    /// Adds a row to the audit.
    fn note(&self, audit: &AuditEntry) -> Result<(), Fault> {
        let about = audit.user.as_ref().and_then(|key| self.number(key));
        self.apart(|connection| audit_rows::put(connection, audit, about))
    }

    /// The number of a user's row, if there is a record.
    fn number(&self, key: &UserKey) -> Option<i64> {
        self.current(key).map(|(number, _)| number)
    }

    /// Deletes a record that is at this version.
    fn delete(&mut self, key: &UserKey, version: u64, audit: &AuditEntry) -> Result<(), Fault> {
        let old = self.current(key).filter(|(_, old)| old.version == version);
        let (number, _) = old.ok_or(StoreError::Conflict)?;
        self.apart(|connection| {
            rows::delete_user(connection, number, key)?;
            audit_rows::put(connection, audit, None)
        })?;
        self.records.remove(key);
        self.deleted.insert(key.clone());
        Ok(())
    }

    fn switch(&self, change: &SwitchChange) -> Result<(), Fault> {
        self.apart(|connection| {
            let SwitchChange { directory, user_type, audit, .. } = change;
            rows::put_switch(connection, directory, user_type, change.stored())?;
            audit_rows::put(connection, audit, None)
        })
    }

    /// Erases a record, at whatever version it is.
    fn forget(&mut self, key: &UserKey, audit: &AuditEntry) -> Result<(), Fault> {
        let (number, _) = self.current(key).ok_or(Misfit("there is no record"))?;
        self.apart(|connection| {
            rows::delete_record(connection, number, key)?;
            audit_rows::put(connection, audit, None)
        })?;
        self.records.remove(key);
        self.deleted.insert(key.clone());
        Ok(())
    }

    fn group(&self, change: &GroupChange) -> Result<(), Fault> {
        self.apart(|connection| {
            match &change.group {
                Some(group) => rows::put_group(connection, &change.directory, group)?,
                None => rows::delete_group(connection, &change.directory, &change.id)?,
            }
            audit_rows::put(connection, &change.audit, None)
        })
    }

    fn token(&self, change: &TokenChange) -> Result<(), Fault> {
        self.apart(|connection| {
            rows::put_token(connection, &change.name, change.token.as_ref())?;
            audit_rows::put(connection, &change.audit, None)
        })
    }

    fn account(&self, change: &AccountChange) -> Result<(), Fault> {
        self.apart(|connection| {
            rows::put_account(connection, &change.name, change.account.as_ref())?;
            audit_rows::put(connection, &change.audit, None)
        })
    }

    fn current(&self, key: &UserKey) -> Option<Row> {
        if self.deleted.contains(key) {
            return None;
        }
        let staged = self.records.get(key).cloned();
        staged.or_else(|| self.memory.row(key))
    }

    /// The record after the commit, if the commit was made for the record as it is.
    fn next(&self, old: Option<&Record>, commit: &Commit) -> Result<Record, Fault> {
        if old.map(|old| old.version) != commit.base_version {
            return Err(StoreError::Conflict.into());
        }
        let creates = commit.changes.iter().any(|change| matches!(change, Change::Created { .. }));
        if old.is_some() && creates {
            return Err(StoreError::Conflict.into());
        }
        let mut new = apply(old.cloned(), &commit.changes)?.ok_or(Misfit("there is no record"))?;
        if new.key != commit.key {
            return Err(Misfit("record is another user's").into());
        }
        if self.owner(&new.id).is_some_and(|owner| owner != commit.key) {
            return Err(Misfit("record id is taken").into());
        }
        // Two who come at once both saw that the name was free: the second has to look again.
        let is_named =
            |change: &Change| matches!(change, Change::Created { .. } | Change::Renamed(_));
        if commit.changes.iter().any(is_named) && self.is_taken(&new) {
            return Err(StoreError::Conflict.into());
        }
        new.version = new.version.checked_add(1).ok_or(Misfit("version is used up"))?;
        Ok(new)
    }

    /// Whether another user of the type, who is not missing, has this record's name.
    fn is_taken(&self, new: &Record) -> bool {
        let name = new.name.to_lowercase();
        let others = self.memory.by_name(Some(&new.user_type), &name).into_iter();
        let kept = others.map(|stored| stored.record).filter(|record| {
            !self.records.contains_key(&record.key) && !self.deleted.contains(&record.key)
        });
        let staged = self.names.get(&name).into_iter().flatten();
        let staged = staged.filter_map(|key| self.records.get(key)).map(|(_, record)| record);
        let staged = staged.filter(|record| {
            record.user_type == new.user_type && record.name.to_lowercase() == name
        });
        kept.chain(staged.cloned()).any(|other| {
            other.key.directory == new.key.directory
                && other.key != new.key
                && !other.inactive.contains(&InactiveReason::Missing)
        })
    }

    fn owner(&self, id: &RecordId) -> Option<UserKey> {
        self.ids.get(id).cloned().or_else(|| self.memory.key_of(id))
    }

    /// Writes inside a savepoint: rows that the database refuses for themselves are taken back,
    /// and the transaction goes on.
    fn apart<T>(&self, write: impl Fn(&Connection) -> rusqlite::Result<T>) -> Result<T, Fault> {
        self.connection.prepare_cached("SAVEPOINT one")?.execute([])?;
        match write(self.connection) {
            Ok(written) => {
                self.connection.prepare_cached("RELEASE one")?.execute([])?;
                Ok(written)
            }
            Err(error) if self.connection.is_autocommit() || !is_of_one_row(&error) => {
                Err(Fault::Broken(error))
            }
            Err(error) => {
                self.connection.execute_batch("ROLLBACK TO one; RELEASE one")?;
                Err(Fault::Refused(StoreError::Failed(error.to_string())))
            }
        }
    }
}

fn refused(write: Write, fault: Fault) -> (Staged, Option<rusqlite::Error>) {
    match fault {
        Fault::Refused(error) => (Staged::Refused { write, error }, None),
        Fault::Broken(fault) => {
            let error = StoreError::Failed(fault.to_string());
            (Staged::Refused { write, error }, Some(fault))
        }
    }
}

/// Whether the database refused a row for what is in it, not for the state of the disk.
fn is_of_one_row(error: &rusqlite::Error) -> bool {
    use ErrorCode::{ConstraintViolation, TooBig, TypeMismatch};
    error
        .sqlite_error_code()
        .is_none_or(|code| matches!(code, ConstraintViolation | TooBig | TypeMismatch))
}
