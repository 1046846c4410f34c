//! A disk that is full: nothing is answered that is not there, and it passes.

use crate::fixture::{Folder, PATIENCE, Told, change, config, create, key, mark};
use bindgate::app::ports::{Catalogue, Commit, Records, StoreError};
use bindgate::domain::change::Change;
use bindgate::domain::policy::Switch;
use bindgate::store::{Room, Store};
use std::time::Duration;

/// A change that needs many new pages.
fn large() -> Change {
    Change::AttributeSet { name: "photo".to_owned(), values: vec![vec![b'x'; 400_000]] }
}

fn too_large(number: usize) -> Commit {
    let mut commit = create(number);
    commit.changes.push(large());
    commit
}

#[tokio::test]
async fn a_failed_write_changes_nothing_and_the_next_that_works_recovers() {
    let folder = Folder::new();
    let (events, told) = Told::new();
    let store = Store::open(config(&folder.store()), events).unwrap();
    let record = store.commit(create(1)).await.unwrap();
    store.set_room(Room::None).await.unwrap();

    let commit = Commit { mark: mark(50), ..change(&record, vec![large()]) };
    let error = store.commit(commit).await.unwrap_err();
    assert!(matches!(&error, StoreError::Failed(reason) if reason.contains("full")), "{error}");
    assert!(!store.is_healthy());
    let stored = store.find(&key(1)).unwrap();
    assert_eq!((stored.record, stored.mark), (record.clone(), mark(1)));
    assert!(matches!(store.commit(too_large(2)).await, Err(StoreError::Failed(_))));
    assert!(store.find(&key(2)).is_none());

    store.set_room(Room::Plenty).await.unwrap();
    let changed = store.commit(change(&record, vec![large()])).await.unwrap();
    assert!(store.is_healthy());
    assert_eq!(told.try_iter().collect::<Vec<_>>(), ["failed", "recovered"]);
    store.close().unwrap();
    assert_eq!(folder.open().find(&key(1)).unwrap().record, changed);
}

#[tokio::test]
async fn a_refused_commit_says_nothing_of_the_disk() {
    let folder = Folder::new();
    let (events, told) = Told::new();
    let store = Store::open(config(&folder.store()), events).unwrap();
    store.commit(create(1)).await.unwrap();
    store.set_room(Room::None).await.unwrap();
    assert!(matches!(store.commit(too_large(2)).await, Err(StoreError::Failed(_))));
    assert_eq!(store.commit(create(1)).await, Err(StoreError::Conflict));
    assert!(!store.is_healthy());
    assert_eq!(told.try_iter().collect::<Vec<_>>(), ["failed"]);
}

#[tokio::test]
async fn a_store_that_failed_tries_again_by_itself() {
    let folder = Folder::new();
    let (events, told) = Told::new();
    let mut config = config(&folder.store());
    config.mark_interval = Duration::from_millis(10);
    let store = Store::open(config, events).unwrap();
    store.set_room(Room::None).await.unwrap();
    assert!(store.commit(too_large(1)).await.is_err());
    assert_eq!(told.recv_timeout(PATIENCE), Ok("failed"));
    assert_eq!(told.recv_timeout(PATIENCE), Ok("recovered"));
}

#[tokio::test]
async fn marks_that_could_not_be_written_are_written_later() {
    let folder = Folder::new();
    let (events, told) = Told::new();
    let mut config = config(&folder.store());
    config.mark_interval = Duration::from_millis(10);
    let store = Store::open(config, events).unwrap();
    store.commit(create(1)).await.unwrap();
    let foreign = folder.sqlite();
    let forbid = "CREATE TRIGGER no BEFORE UPDATE ON users BEGIN SELECT RAISE(ABORT, 'no'); END";
    foreign.execute_batch(forbid).unwrap();
    store.mark(&key(1), mark(77));
    assert_eq!(told.recv_timeout(PATIENCE), Ok("failed"));
    foreign.execute_batch("DROP TRIGGER no").unwrap();
    assert_eq!(told.recv_timeout(PATIENCE), Ok("recovered"));
    let sign_on: i64 =
        foreign.query_row("SELECT last_sign_on FROM users", [], |row| row.get(0)).unwrap();
    assert_eq!(sign_on, 77);
}

#[tokio::test]
async fn a_switch_that_cannot_be_written_stays_as_it_was() {
    let folder = Folder::new();
    let store = folder.open();
    let foreign = folder.sqlite();
    let forbid = "CREATE TRIGGER no BEFORE INSERT ON switches BEGIN SELECT RAISE(ABORT, 'no'); END";
    foreign.execute_batch(forbid).unwrap();
    let audit = crate::fixture::audit("switch-changed", None);
    let answer = store.set_switch("corp", "staff", Some(Switch::Off), audit).await;
    assert!(matches!(answer, Err(StoreError::Failed(_))), "{answer:?}");
    assert_eq!(store.switch("corp", "staff"), None);
    assert!(store.audit(None, 10).await.unwrap().items.is_empty());
}
