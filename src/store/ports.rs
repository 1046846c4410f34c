//! The store as the use cases and administration see it.

use super::group::{AccountChange, GroupChange, SwitchChange, TokenChange};
use super::writer::{Job, Worded, Write};
use super::{BackupError, Store, recollections, steps};
use crate::app::accounts::{self, Account};
use crate::app::audit::{AuditFilter, AuditOrder};
use crate::app::events::AuditEntry;
use crate::app::oversight::Boxed;
use crate::app::ports::{
    Catalogue, Commit, Events, Import, Page, Records, StoreError, Stored, StoredSwitch,
};
use crate::app::saved::HeldChanges;
use crate::app::tokens::{self, Token};
use crate::domain::policy::Switch;
use crate::domain::recollection::Recollection;
use crate::domain::record::{Group, Mark, Record, Seen, Times, UpstreamId, UserKey};
use crate::domain::time::Timestamp;
use crate::proto::dn::NormalizedDn;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::watch;

impl<E: Events> Records for Store<E> {
    fn find(&self, key: &UserKey) -> Option<Stored> {
        self.memory().find(key)
    }

    fn group(&self, directory: &str, id: &UpstreamId) -> Option<Arc<Group>> {
        self.memory().group(directory, id)
    }

    fn switch(&self, directory: &str, user_type: &str) -> Option<StoredSwitch> {
        self.memory().switch(directory, user_type)
    }

    fn named(&self, directory: &str, user_type: &str, name: &str) -> Vec<Stored> {
        let mut found = self.memory().by_name(Some(user_type), name);
        found.retain(|stored| *stored.record.key.directory == *directory);
        found
    }

    fn located(&self, directory: &str, dn: &NormalizedDn) -> Vec<Stored> {
        let mut found = self.memory().by_dn(dn);
        found.retain(|stored| *stored.record.key.directory == *directory);
        found
    }

    fn has_barred(&self, directory: &str) -> bool {
        self.memory().has_barred(directory)
    }

    fn has_inactive(&self, directory: &str) -> bool {
        self.memory().has_inactive(directory)
    }

    fn given(
        &self,
        directory: &str,
        group: Option<&UpstreamId>,
        most: usize,
    ) -> Option<Vec<UpstreamId>> {
        self.memory().given(directory, group, most)
    }

    fn mark(&self, key: &UserKey, mark: Mark) {
        self.memory().mark(key, mark);
    }

    fn renew(&self, key: &UserKey, seen: &Seen, times: Times) -> bool {
        self.memory().renew(key, seen, times)
    }

    fn remark(&self, audit: AuditEntry) {
        self.tell(Job::Write(Write::Remark(audit)));
    }

    fn counted_in(&self, directory: &str, group: &UpstreamId) -> usize {
        self.memory().counted_in(directory, group)
    }

    async fn commit(&self, mut commit: Commit) -> Result<Arc<Record>, StoreError> {
        let of = commit.observed.take();
        let kept = of.and_then(|of| self.to_keep(&commit.key, &of));
        let steps = steps::to_column(&std::mem::take(&mut commit.audit.steps));
        let worded = Box::new(Worded { commit, kept, steps });
        self.ask(|reply| Job::Write(Write::Commit(worded, reply))).await
    }

    fn remember(&self, key: &UserKey, of: Recollection) {
        if let Some(kept) = self.to_keep(key, &of) {
            self.tell(Job::Write(Write::Observation(key.clone(), kept)));
        }
    }
}

impl<E: Events> HeldChanges for Store<E> {
    fn kept(&self, directory: &str) -> Option<String> {
        self.memory().held(directory)
    }

    fn keep<'a>(
        &'a self,
        directory: &'a str,
        text: Option<String>,
    ) -> Boxed<'a, Result<(), StoreError>> {
        let directory = directory.to_owned();
        Box::pin(self.ask(|reply| Job::Write(Write::Held(directory, text, reply))))
    }

    fn held_users(&self, directory: &str) -> Vec<UpstreamId> {
        self.memory().held_users(directory)
    }

    fn signed_on_since(&self, directory: &str, since: Timestamp, enough: usize) -> usize {
        self.memory().signed_on_since(directory, since, enough)
    }

    fn name_of(&self, directory: &str, user: &UpstreamId) -> Option<String> {
        let key = UserKey { directory: Arc::from(directory), upstream_id: user.clone() };
        self.memory().find(&key).map(|stored| stored.record.name.clone())
    }
}

impl<E: Events> Catalogue for Store<E> {
    fn list(&self, cursor: Option<&str>, limit: usize) -> Page<Stored> {
        self.memory().list(cursor, limit)
    }

    fn visit(&self, look: &mut dyn FnMut(&Stored)) {
        self.memory().visit(look);
    }

    fn by_name(&self, user_type: Option<&str>, name: &str) -> Vec<Stored> {
        self.memory().by_name(user_type, name)
    }

    fn by_dn(&self, dn: &NormalizedDn) -> Vec<Stored> {
        self.memory().by_dn(dn)
    }

    fn by_upstream_id(&self, id: &str) -> Vec<Stored> {
        self.memory().by_upstream_id(id)
    }

    fn by_record_id(&self, id: &str) -> Option<Stored> {
        self.memory().by_record_id(id)
    }

    async fn set_switch(
        &self,
        directory: &str,
        user_type: &str,
        value: Option<Switch>,
        audit: AuditEntry,
    ) -> Result<(), StoreError> {
        let change = SwitchChange {
            directory: directory.to_owned(),
            user_type: user_type.to_owned(),
            value,
            audit,
        };
        self.ask(|reply| Job::Write(Write::Switch(change, reply))).await
    }

    async fn delete(
        &self,
        key: &UserKey,
        version: u64,
        audit: AuditEntry,
    ) -> Result<(), StoreError> {
        let key = key.clone();
        self.ask(|reply| Job::Write(Write::Delete(key, version, audit, reply))).await
    }

    async fn note(&self, forgotten: Option<&str>, audit: AuditEntry) -> Result<(), StoreError> {
        let forgotten = forgotten.map(str::to_owned);
        self.ask(|reply| Job::Write(Write::Note(forgotten, audit, reply))).await
    }

    fn groups(&self) -> Vec<(Arc<str>, Arc<Group>)> {
        self.memory().groups()
    }

    fn ended(&self, now: Timestamp, limit: usize) -> Vec<UserKey> {
        self.memory().ended(now, limit)
    }

    async fn forget(&self, key: &UserKey, audit: AuditEntry) -> Result<(), StoreError> {
        let key = key.clone();
        self.ask(|reply| Job::Write(Write::Forget(key, audit, reply))).await
    }

    async fn set_group(
        &self,
        directory: &str,
        id: &UpstreamId,
        group: Option<Group>,
        audit: AuditEntry,
    ) -> Result<(), StoreError> {
        let directory = directory.to_owned();
        let change = GroupChange { directory, id: id.clone(), group, audit };
        self.ask(|reply| Job::Write(Write::Group(change, reply))).await
    }

    fn tokens(&self) -> tokens::Kept {
        self.memory().tokens()
    }

    async fn set_token(
        &self,
        name: &str,
        token: Option<Token>,
        audit: AuditEntry,
    ) -> Result<(), StoreError> {
        let change = TokenChange { name: name.to_owned(), token, audit };
        self.ask(|reply| Job::Write(Write::Token(change, reply))).await
    }

    async fn recollections(
        &self,
        keys: Vec<UserKey>,
    ) -> Result<HashMap<UserKey, Recollection>, StoreError> {
        let texts = self.ask(|reply| Job::Observations(keys, reply)).await?;
        let read = |(key, text): (UserKey, String)| Some((key, recollections::from_text(&text)?));
        Ok(texts.into_iter().filter_map(read).collect())
    }

    fn accounts(&self) -> accounts::Kept {
        self.memory().accounts().all()
    }

    async fn set_account(
        &self,
        name: &str,
        account: Option<Account>,
        audit: AuditEntry,
    ) -> Result<(), StoreError> {
        let change = Box::new(AccountChange { name: name.to_owned(), account, audit });
        self.ask(|reply| Job::Write(Write::Account(change, reply))).await
    }

    fn account_used(&self, name: &str, at: Timestamp) {
        self.tell(Job::Write(Write::AccountUsed(name.to_owned(), at)));
    }

    async fn audit_rows(
        &self,
        filter: AuditFilter,
        order: AuditOrder,
        limit: usize,
    ) -> Result<Page<AuditEntry>, StoreError> {
        self.ask(|reply| Job::Audit { filter, order, limit, reply }).await
    }

    fn newest_audit(&self) -> watch::Receiver<i64> {
        self.memory().newest_audit()
    }

    fn is_healthy(&self) -> bool {
        self.shared.is_healthy()
    }

    fn switches(&self) -> Vec<(String, String, StoredSwitch)> {
        self.memory().switches()
    }

    async fn import(&self, import: Import) -> Result<(), StoreError> {
        self.ask(|reply| Job::Import(Box::new(import), reply)).await
    }

    fn back_up(&self) -> Result<std::fs::File, StoreError> {
        Self::back_up(self).map_err(|error| match error {
            BackupError::UnderWay => StoreError::Overloaded,
            other => StoreError::Failed(other.to_string()),
        })
    }
}
