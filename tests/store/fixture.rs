//! A folder that goes with its test, events that can be waited for, and commits to try.

use bindgate::app::events::{AuditEntry, Event};
use bindgate::app::ports::{Commit, Events};
use bindgate::domain::change::Change;
use bindgate::domain::record::{
    Group, GroupsOutcome, Mark, Membership, MembershipKey, Provenance, Record, RecordId, Route,
    UpstreamId, UserKey,
};
use bindgate::domain::time::Timestamp;
use bindgate::store::{Config, OpenError, Store};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The longest that a test waits for something that has to come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// How a test that runs its own binary again says which folder it is about.
pub(crate) const CHILD: &str = "BINDGATE_TEST_STORE";

/// A folder of the test's own, removed with it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("bindgate-store-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("folder of the test's own");
        Self(path)
    }

    /// Where the store goes; not there yet.
    pub(crate) fn store(&self) -> PathBuf {
        self.0.join("store")
    }

    /// Opens the store. Another test of this process may be starting a child, which holds a copy
    /// of the closed store's lock for the moment between its fork and its exec: that is waited out.
    pub(crate) fn open(&self) -> Store<Silent> {
        self.try_open().unwrap_or_else(|error| panic!("store opens: {error}"))
    }

    /// The same, or why it cannot be opened.
    pub(crate) fn try_open(&self) -> Result<Store<Silent>, OpenError> {
        let open = || Store::open(config(&self.store()), Silent);
        wait_out(open, |error| matches!(error, OpenError::InUse { .. }))
    }

    /// The store's file, as anybody's tools see it.
    pub(crate) fn sqlite(&self) -> Connection {
        Connection::open(self.store().join("bindgate.sqlite")).expect("file opens")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Marks are written at the end only, unless a test asks otherwise.
pub(crate) fn config(folder: &Path) -> Config {
    Config {
        folder: folder.to_owned(),
        max_waiting: 128,
        mark_interval: Duration::from_secs(3600),
        max_audit_rows: 1000,
        max_observation_size: 65_536,
        max_audit_age: Duration::from_secs(36_500 * 86_400),
    }
}

/// The same test in a process of its own, where `child_folder` says the folder.
pub(crate) fn again(test: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("path of the test's binary"));
    command.args(["--exact", test, "--nocapture"]).env(CHILD, folder);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

/// The folder that this process was started for, if it was started by `again`.
pub(crate) fn child_folder() -> Option<PathBuf> {
    std::env::var_os(CHILD).map(PathBuf::from)
}

/// Events that nobody looks at.
#[derive(Debug, Clone)]
pub(crate) struct Silent;

impl Events for Silent {
    fn emit(&self, _event: &Event<'_>) {}
}

/// Events of the store by name.
#[derive(Debug, Clone)]
pub(crate) struct Told(Arc<Mutex<Sender<&'static str>>>);

impl Told {
    pub(crate) fn new() -> (Self, Receiver<&'static str>) {
        let (sender, receiver) = channel();
        (Self(Arc::new(Mutex::new(sender))), receiver)
    }
}

impl Events for Told {
    fn emit(&self, event: &Event<'_>) {
        let name = match event {
            Event::StoreFailed { .. } => "failed",
            Event::StoreRecovered => "recovered",
            Event::LimitHit { limit, .. } => limit,
            _ => "other",
        };
        // The test may have ended.
        let _ = self.0.lock().expect("no test panics while it sends").send(name);
    }
}

pub(crate) fn key(number: usize) -> UserKey {
    UserKey { directory: Arc::from("corp"), upstream_id: UpstreamId::new(&format!("u{number}")) }
}

pub(crate) fn mark(at: i64) -> Mark {
    let at = Timestamp(at);
    Mark { last_sign_on: at, observed_at: Some(at), groups: GroupsOutcome::Known, seen: None }
}

pub(crate) fn audit(action: &'static str, user: Option<UserKey>) -> AuditEntry {
    AuditEntry {
        sequence: 0,
        at: Timestamp(7),
        cause: "sign-on",
        actor: String::new(),
        action,
        user,
        detail: "one line".to_owned(),
        outcome: Some("known".to_owned()),
        steps: Vec::new(),
    }
}

pub(crate) fn group(id: &str) -> Group {
    Group {
        id: UpstreamId::new(id),
        dn: format!("cn={id},ou=groups,dc=example,dc=com"),
        name: id.to_owned(),
    }
}

/// The change that makes the record of user `number`.
pub(crate) fn creation(number: usize) -> Change {
    Change::Created {
        id: RecordId(Arc::from(format!("r{number:05}"))),
        key: key(number),
        user_type: Arc::from("staff"),
        name: format!("user{number}"),
        dn: format!("uid=user{number},ou=people,dc=example,dc=com"),
        at: Timestamp(1),
    }
}

/// A managed membership that leads over one group to `id`.
pub(crate) fn addition(id: &str) -> Change {
    let path = [UpstreamId::new("below"), UpstreamId::new(id)].into();
    Change::MembershipAdded {
        key: MembershipKey { group: UpstreamId::new(id), provenance: Provenance::Managed },
        membership: Membership::new(Route { path, direct: false }, Timestamp(3)),
    }
}

/// The commit that makes the record of user `number`.
pub(crate) fn create(number: usize) -> Commit {
    Commit {
        key: key(number),
        base_version: None,
        changes: vec![creation(number)],
        groups: Vec::new(),
        mark: mark(1),
        audit: audit("created", Some(key(number))),
        observed: None,
    }
}

/// A commit for a record as it is.
pub(crate) fn change(record: &Record, changes: Vec<Change>) -> Commit {
    Commit {
        key: record.key.clone(),
        base_version: Some(record.version),
        changes,
        groups: Vec::new(),
        mark: mark(2),
        audit: audit("changed", Some(record.key.clone())),
        observed: None,
    }
}

/// Tries until what is in the way has gone, for at most ten seconds.
pub(crate) fn wait_out<T, E>(
    mut attempt: impl FnMut() -> Result<T, E>,
    is_in_the_way: impl Fn(&E) -> bool,
) -> Result<T, E> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match attempt() {
            Err(error) if is_in_the_way(&error) && Instant::now() < deadline => {
                std::thread::yield_now();
            }
            done => return done,
        }
    }
}
