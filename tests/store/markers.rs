//! How far directories were seen to have got: kept with what is written anyway.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::fixture::{Folder, PATIENCE, Silent, audit, config, create};
use bindgate::app::ports::{Catalogue, Records, StoreError};
use bindgate::app::saved::SeenMarker;
use bindgate::store::{Room, Store};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What a gateway has seen of a directory.
#[derive(Default)]
struct Seen(Mutex<Option<String>>);

impl Seen {
    fn set(&self, text: &str) {
        *self.0.lock().unwrap() = Some(text.to_owned());
    }
}

impl SeenMarker for Seen {
    fn seen(&self) -> Option<String> {
        self.0.lock().unwrap().clone()
    }

    fn forget(&self) {
        *self.0.lock().unwrap() = None;
    }
}

fn watch(store: &Store<Silent>) -> Arc<Seen> {
    let seen: Arc<Seen> = Arc::default();
    store.keep_markers(vec![("corp".into(), seen.clone())]);
    seen
}

/// What is on disk, as anybody's tools see it.
fn on_disk(folder: &Folder) -> Option<String> {
    let sql = "SELECT value FROM meta WHERE key = 'marker/corp'";
    folder.sqlite().query_row(sql, [], |row| row.get(0)).ok()
}

#[tokio::test]
async fn what_was_seen_is_on_disk_with_the_commit_that_was_answered() {
    let folder = Folder::new();
    let store = folder.open();
    let seen = watch(&store);
    store.commit(create(1)).await.unwrap();
    assert_eq!(on_disk(&folder), None, "nothing was seen");
    seen.set("7");
    store.commit(create(2)).await.unwrap();
    assert_eq!(on_disk(&folder).as_deref(), Some("7"));
    seen.set("8");
    assert_eq!(store.commit(create(2)).await, Err(StoreError::Conflict));
    assert_eq!(on_disk(&folder).as_deref(), Some("7"), "what is refused writes nothing");
    store.close().unwrap();
    assert_eq!(on_disk(&folder).as_deref(), Some("8"), "the end is an occasion too");
    let store = folder.open();
    assert_eq!(store.marker("corp").as_deref(), Some("8"));
    assert_eq!(store.marker("lab"), None);
}

#[tokio::test]
async fn what_was_seen_without_a_commit_is_written_when_marks_are() {
    let folder = Folder::new();
    let mut config = config(&folder.store());
    config.mark_interval = Duration::from_millis(10);
    let store = Store::open(config, Silent).unwrap();
    watch(&store).set("7");
    let deadline = Instant::now() + PATIENCE;
    while on_disk(&folder).is_none() {
        assert!(Instant::now() < deadline, "it is never written");
        tokio::task::yield_now().await;
    }
    assert_eq!(on_disk(&folder).as_deref(), Some("7"));
}

#[tokio::test]
async fn what_is_forgotten_is_forgotten_with_its_row_of_the_audit_or_not_at_all() {
    let folder = Folder::new();
    let store = folder.open();
    let seen = watch(&store);
    seen.set("7");
    store.commit(create(1)).await.unwrap();
    let accept = || audit("rollback-accepted", None);
    store.set_room(Room::None).await.unwrap();
    let foreign = folder.sqlite();
    let forbid = "CREATE TRIGGER no BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no'); END";
    foreign.execute_batch(forbid).unwrap();
    assert!(store.note(Some("corp"), accept()).await.is_err());
    assert_eq!((on_disk(&folder).as_deref(), seen.seen().as_deref()), (Some("7"), Some("7")));
    foreign.execute_batch("DROP TRIGGER no").unwrap();
    store.set_room(Room::Plenty).await.unwrap();
    seen.set("9");
    store.note(Some("corp"), accept()).await.unwrap();
    assert_eq!((on_disk(&folder), seen.seen(), store.marker("corp")), (None, None, None));
    let rows = store.audit(None, 10).await.unwrap().items;
    assert_eq!(rows.first().map(|row| row.action), Some("rollback-accepted"));
    seen.set("5");
    store.note(None, audit("confirmed", None)).await.unwrap();
    assert_eq!(on_disk(&folder).as_deref(), Some("5"), "what is seen after it counts");
}
