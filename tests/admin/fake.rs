//! A catalogue in memory and a gateway's admin server on a free port of loopback, for tests of the
//! API and of the commands.

use crate::watched::Watched;
use bindgate::admin::{self, FirstToken, Limits, MetricsAccess, PartState, ReadyPart, State};
use bindgate::app::accounts::{self, Account, roll};
use bindgate::app::audit::{AuditFilter, AuditOrder};
use bindgate::app::events::{AuditEntry, Event};
use bindgate::app::ports::{
    Catalogue, Clock, Commit, Events, Page, Records, StoreError, Stored, StoredSwitch,
};
use bindgate::app::tokens::{self, Token};
use bindgate::domain::change::apply;
use bindgate::domain::policy::{DirectoryPolicy, Switch, UserType};
use bindgate::domain::record::{Group, Mark, Record, RecordId, UpstreamId, UserKey};
use bindgate::domain::time::Timestamp;
use bindgate::domain::view::{View, Views};
use bindgate::proto::dn::{DistinguishedName, NormalizedDn};
use bindgate::proto::filter::Filter;
use bindgate::telemetry::Telemetry;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// The token of every gateway here.
pub(crate) const TOKEN: &str = "a-token-that-is-long-enough";
/// 2026-01-01T00:00:00Z.
pub(crate) const NEW_YEAR: Timestamp = Timestamp(1_767_225_600_000_000);

/// Bounds that no test comes near unless it means to.
pub(crate) const LIMITS: Limits = Limits {
    max_clients: 8,
    max_clients_per_address: 8,
    max_header: 8192,
    max_body: 1024,
    max_import: 8192,
    header_timeout: Duration::from_secs(20),
    request_timeout: Duration::from_secs(120),
    transfer_timeout: Duration::from_secs(120),
    max_token_rate: 100_000,
    max_source_rate: 100_000,
    max_tokens: 100,
};

/// What a test may look at and break.
#[derive(Default)]
pub(crate) struct Shelves {
    pub(crate) records: Mutex<Vec<Stored>>,
    pub(crate) groups: Mutex<BTreeMap<UpstreamId, Arc<Group>>>,
    pub(crate) switches: Mutex<BTreeMap<(String, String), StoredSwitch>>,
    pub(crate) audit: Mutex<Vec<AuditEntry>>,
    pub(crate) tokens: Mutex<Vec<Token>>,
    pub(crate) accounts: accounts::Shelf,
    /// Directories of which it was forgotten how far they had got.
    pub(crate) forgotten: Mutex<Vec<String>>,
    /// The number of the newest row of the audit.
    pub(crate) newest: tokio::sync::watch::Sender<i64>,
    /// Makes writes fail.
    pub(crate) is_broken: AtomicBool,
}

#[derive(Clone, Default)]
pub(crate) struct FakeCatalogue(pub(crate) Arc<Shelves>);

impl FakeCatalogue {
    fn filter(&self, wanted: impl Fn(&Record) -> bool) -> Vec<Stored> {
        let all = self.0.records.lock().unwrap();
        all.iter().filter(|stored| wanted(&stored.record)).cloned().collect()
    }

    fn audited(&self, audit: AuditEntry) {
        let mut rows = self.0.audit.lock().unwrap();
        let sequence = rows.len() as i64 + 1;
        rows.push(AuditEntry { sequence, ..audit });
        self.0.newest.send_replace(sequence);
    }

    fn check_disk(&self) -> Result<(), StoreError> {
        if self.0.is_broken.load(Ordering::SeqCst) {
            return Err(StoreError::Failed("disk full".into()));
        }
        Ok(())
    }
}

impl Records for FakeCatalogue {
    fn find(&self, key: &UserKey) -> Option<Stored> {
        self.filter(|record| record.key == *key).pop()
    }

    fn group(&self, _directory: &str, id: &UpstreamId) -> Option<Arc<Group>> {
        self.0.groups.lock().unwrap().get(id).cloned()
    }

    fn switch(&self, directory: &str, user_type: &str) -> Option<StoredSwitch> {
        let key = (directory.to_owned(), user_type.to_owned());
        self.0.switches.lock().unwrap().get(&key).copied()
    }

    fn named(&self, _: &str, _: &str, _: &str) -> Vec<Stored> {
        Vec::new()
    }

    fn located(&self, _: &str, _: &NormalizedDn) -> Vec<Stored> {
        Vec::new()
    }

    fn has_barred(&self, _: &str) -> bool {
        false
    }

    fn given(&self, _: &str, _: Option<&UpstreamId>, _: usize) -> Option<Vec<UpstreamId>> {
        Some(Vec::new())
    }

    fn mark(&self, _key: &UserKey, _mark: Mark) {}

    fn renew(
        &self,
        _: &UserKey,
        _: &bindgate::domain::record::Seen,
        _: bindgate::domain::record::Times,
    ) -> bool {
        false
    }

    async fn commit(&self, commit: Commit) -> Result<Arc<Record>, StoreError> {
        self.check_disk()?;
        let mut records = self.0.records.lock().unwrap();
        let at = records.iter().position(|stored| stored.record.key == commit.key);
        let stored = &mut records[at.unwrap()];
        let next = apply(Some((*stored.record).clone()), &commit.changes)?.unwrap();
        stored.record = Arc::new(Record { version: next.version + 1, ..next });
        let groups = commit.groups.into_iter().map(|group| (group.id.clone(), Arc::new(group)));
        self.0.groups.lock().unwrap().extend(groups);
        self.audited(commit.audit);
        Ok(stored.record.clone())
    }
}

impl Catalogue for FakeCatalogue {
    fn back_up(&self) -> Result<std::fs::File, StoreError> {
        self.check_disk()?;
        static NEXT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::SeqCst);
        let name = format!("bindgate-fake-backup-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, "a backup").unwrap();
        let file = std::fs::File::open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        Ok(file)
    }

    fn list(&self, cursor: Option<&str>, limit: usize) -> Page<Stored> {
        let mut items = self.filter(|record| cursor.is_none_or(|cursor| &*record.id.0 > cursor));
        items.sort_by(|a, b| a.record.id.cmp(&b.record.id));
        let has_more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| has_more).map(|last| last.record.id.0.to_string());
        Page { items, next }
    }

    fn visit(&self, look: &mut dyn FnMut(&Stored)) {
        self.0.records.lock().unwrap().iter().for_each(look);
    }

    fn by_name(&self, user_type: Option<&str>, name: &str) -> Vec<Stored> {
        self.filter(|record| {
            record.name.eq_ignore_ascii_case(name)
                && user_type.is_none_or(|user_type| *record.user_type == *user_type)
        })
    }

    fn by_dn(&self, dn: &NormalizedDn) -> Vec<Stored> {
        self.filter(|record| DistinguishedName::parse(&record.dn).unwrap().normalized() == dn)
    }

    fn by_upstream_id(&self, id: &str) -> Vec<Stored> {
        self.filter(|record| record.key.upstream_id.as_str() == id)
    }

    fn by_record_id(&self, id: &str) -> Option<Stored> {
        self.filter(|record| &*record.id.0 == id).pop()
    }

    async fn set_switch(
        &self,
        directory: &str,
        user_type: &str,
        value: Option<Switch>,
        audit: AuditEntry,
    ) -> Result<(), StoreError> {
        self.check_disk()?;
        let key = (directory.to_owned(), user_type.to_owned());
        let mut switches = self.0.switches.lock().unwrap();
        match value {
            Some(value) => switches.insert(key, StoredSwitch { value, set_at: audit.at }),
            None => switches.remove(&key),
        };
        drop(switches);
        self.audited(audit);
        Ok(())
    }

    async fn delete(&self, _: &UserKey, _: u64, _: AuditEntry) -> Result<(), StoreError> {
        Err(StoreError::Closed)
    }

    async fn note(&self, forgotten: Option<&str>, audit: AuditEntry) -> Result<(), StoreError> {
        self.check_disk()?;
        self.0.forgotten.lock().unwrap().extend(forgotten.map(str::to_owned));
        self.audited(audit);
        Ok(())
    }

    fn groups(&self) -> Vec<(Arc<str>, Arc<Group>)> {
        let groups = self.0.groups.lock().unwrap();
        groups.values().map(|group| ("corp".into(), group.clone())).collect()
    }

    fn ended(&self, _: Timestamp, _: usize) -> Vec<UserKey> {
        Vec::new()
    }

    async fn forget(&self, key: &UserKey, audit: AuditEntry) -> Result<(), StoreError> {
        self.note(None, audit).await?;
        self.0.records.lock().unwrap().retain(|stored| stored.record.key != *key);
        Ok(())
    }

    async fn set_group(
        &self,
        _: &str,
        id: &UpstreamId,
        group: Option<Group>,
        audit: AuditEntry,
    ) -> Result<(), StoreError> {
        self.note(None, audit).await?;
        let mut groups = self.0.groups.lock().unwrap();
        match group {
            Some(group) => groups.insert(id.clone(), Arc::new(group)),
            None => groups.remove(id),
        };
        Ok(())
    }

    fn tokens(&self) -> tokens::Kept {
        Arc::new(self.0.tokens.lock().unwrap().clone())
    }

    async fn set_token(
        &self,
        name: &str,
        token: Option<Token>,
        audit: AuditEntry,
    ) -> Result<(), StoreError> {
        self.note(None, audit).await?;
        let mut tokens = self.0.tokens.lock().unwrap();
        tokens.retain(|kept| kept.name != name);
        tokens.extend(token);
        Ok(())
    }

    fn accounts(&self) -> accounts::Kept {
        self.0.accounts.all()
    }

    async fn set_account(
        &self,
        name: &str,
        account: Option<Account>,
        audit: AuditEntry,
    ) -> Result<(), StoreError> {
        self.note(None, audit).await?;
        self.0.accounts.put(name, account);
        Ok(())
    }

    async fn audit_rows(
        &self,
        filter: AuditFilter,
        order: AuditOrder,
        limit: usize,
    ) -> Result<Page<AuditEntry>, StoreError> {
        self.check_disk()?;
        let rows = self.0.audit.lock().unwrap();
        let is_asked = |row: &&AuditEntry| {
            let of_user = filter.user.is_none() || filter.user == row.user;
            let in_order = match order {
                AuditOrder::Before(cursor) => cursor.is_none_or(|cursor| row.sequence < cursor),
                AuditOrder::After(cursor) => row.sequence > cursor,
            };
            of_user && in_order && filter.action.as_deref().is_none_or(|name| name == row.action)
        };
        let mut items: Vec<_> = rows.iter().filter(is_asked).cloned().collect();
        if let AuditOrder::Before(_) = order {
            items.reverse();
        }
        items.truncate(limit + 1);
        let has_more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| has_more).map(|row| row.sequence.to_string());
        Ok(Page { items, next })
    }

    fn newest_audit(&self) -> tokio::sync::watch::Receiver<i64> {
        self.0.newest.subscribe()
    }

    fn is_healthy(&self) -> bool {
        !self.0.is_broken.load(Ordering::SeqCst)
    }
}

#[derive(Clone)]
pub(crate) struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        NEW_YEAR
    }

    fn new_record_id(&self) -> RecordId {
        RecordId("never asked for".into())
    }
}

/// Counts as the real one does, and keeps what administrators have changed.
#[derive(Clone)]
pub(crate) struct Noted {
    telemetry: Telemetry,
    changes: Arc<Mutex<Vec<String>>>,
}

impl Events for Noted {
    fn emit(&self, event: &Event<'_>) {
        self.telemetry.emit(event);
        let change = match event {
            Event::SwitchChanged { directory, user_type, who, old, new } => {
                format!("{directory}/{user_type} {old:?} -> {new:?} by {who}")
            }
            Event::RollbackAccepted { directory, who } => format!("{directory} accepted by {who}"),
            Event::HeldDecided { directory, id, decision, who } => {
                format!("{directory} {id} {decision:?} by {who}")
            }
            _ => return,
        };
        self.changes.lock().unwrap().push(change);
    }
}

pub(crate) fn dn(text: &str) -> DistinguishedName {
    DistinguishedName::parse(text).unwrap()
}

fn user_type(name: &str, update_on_sign_on: Switch) -> UserType {
    UserType {
        filter: Filter::Present("uid".into()),
        update_on_sign_on,
        ..UserType::new(name, dn("ou=people,dc=example,dc=com"))
    }
}

fn directory(name: &str, user_types: Vec<UserType>) -> Arc<DirectoryPolicy> {
    Arc::new(DirectoryPolicy {
        name: name.into(),
        suffixes: vec![dn("dc=example,dc=com")],
        is_default: false,
        service_account: dn("cn=gateway,dc=example,dc=com"),
        groups: None,
        user_types,
    })
}

/// An admin server that ends with the test.
pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    pub(crate) shelves: Arc<Shelves>,
    pub(crate) changes: Arc<Mutex<Vec<String>>>,
    pub(crate) watched: Arc<Watched>,
    #[allow(dead_code, reason = "the tests of the commands do not look at it")]
    pub(crate) telemetry: Telemetry,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Gateway {
    /// Two directories that both have a user type "staff"; "corp" has "guests" too, "lab" "robots".
    pub(crate) fn start() -> Self {
        Self::bounded(LIMITS, MetricsAccess::Open)
    }

    /// The same with other bounds.
    pub(crate) fn bounded(limits: Limits, metrics: MetricsAccess) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let catalogue = FakeCatalogue::default();
        let shelves = catalogue.0.clone();
        let telemetry = Telemetry::new(&["corp", "lab"]);
        let events = Noted { telemetry: telemetry.clone(), changes: Arc::default() };
        let changes = events.changes.clone();
        let corp = vec![user_type("staff", Switch::On), user_type("guests", Switch::Off)];
        let lab = vec![user_type("staff", Switch::On), user_type("robots", Switch::On)];
        let (store, figures, counted) = (catalogue.clone(), telemetry.clone(), telemetry.clone());
        let watched: Arc<Watched> = Arc::default();
        let state = State {
            catalogue,
            clock: Stopped,
            events,
            directories: vec![directory("corp", corp), directory("lab", lab)],
            serve: Vec::new(),
            views: Views::new(vec![View { name: "portal".to_owned(), ..View::default() }]),
            accounts: roll::Config {
                base: DistinguishedName::parse("ou=accounts,dc=bindgate").unwrap(),
                max_accounts: 3,
                max_verifying: 1,
                max_waiting: 1,
                queue_timeout: Duration::from_secs(60),
                remember: true,
            },
            oversight: watched.clone(),
            live: watched.clone(),
            sessions: watched.clone(),
            read_policies: Arc::new(|_| Err("it is wrong".to_owned())),
            readiness: Arc::new(move || vec![part(&store)]),
            render_metrics: Arc::new(move || telemetry.render()),
            read_figures: Arc::new(move |resolution| figures.figures(resolution, NEW_YEAR)),
            token: FirstToken::new(TOKEN),
        };
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let shutdown = async {
                    let _ = stopped.await;
                };
                admin::serve(listener, limits, (None, metrics), state, shutdown).await;
            });
        });
        let (stop, thread) = (Some(stop), Some(thread));
        Self { address, shelves, changes, watched, telemetry: counted, stop, thread }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn keep(&self, stored: Stored) {
        self.shelves.records.lock().unwrap().push(stored);
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn part(store: &FakeCatalogue) -> ReadyPart {
    let state =
        if store.is_healthy() { PartState::Ready } else { PartState::NotReady("disk full".into()) };
    ReadyPart { name: "store".into(), state }
}
