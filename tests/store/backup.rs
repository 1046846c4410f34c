//! A backup is one state of the store while others write to it, and a store set back to one is that
//! state.

use crate::fixture::{Folder, create, key, wait_out};
use bindgate::app::ports::{Catalogue, Records};
use bindgate::store::{BackupError, OpenError, Present, Store, restore};
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// A backup of an open store, in a file.
fn back_up(store: &Store<crate::fixture::Silent>, file: &Path) {
    let mut bytes = Vec::new();
    let mut made = store.back_up().unwrap();
    made.rewind().unwrap();
    made.read_to_end(&mut bytes).unwrap();
    std::fs::write(file, bytes).unwrap();
}

/// Sets a closed store back.
fn set_back(folder: &Folder, file: &Path, present: Present) -> Result<u64, BackupError> {
    let attempt = || restore(&folder.store(), file, present, &mut |_, _| {});
    wait_out(attempt, |error| matches!(error, BackupError::Open(OpenError::InUse { .. })))
}

fn names(folder: &Path) -> Vec<String> {
    let names = folder.read_dir().unwrap();
    let mut names: Vec<String> =
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_store_that_is_set_back_is_what_it_was_when_the_backup_was_made() {
    let (folder, other) = (Folder::new(), Folder::new());
    let file = folder.store().with_extension("backup");
    let store = folder.open();
    store.commit(create(1)).await.unwrap();
    back_up(&store, &file);
    store.commit(create(2)).await.unwrap();
    store.close().unwrap();
    assert_eq!(set_back(&folder, &file, Present::Replaced).unwrap(), 1);
    assert_eq!(set_back(&other, &file, Present::Refused).unwrap(), 1);
    for folder in [&folder, &other] {
        let store = folder.open();
        assert!(store.find(&key(1)).is_some() && store.find(&key(2)).is_none());
        // It is a store like any other.
        store.commit(create(3)).await.unwrap();
        store.close().unwrap();
    }
}

#[tokio::test]
async fn records_are_replaced_only_if_that_is_said_and_the_old_ones_stay_beside() {
    let folder = Folder::new();
    let file = folder.store().with_extension("backup");
    let store = folder.open();
    back_up(&store, &file);
    store.commit(create(1)).await.unwrap();
    store.close().unwrap();
    let error = set_back(&folder, &file, Present::Refused).unwrap_err();
    assert!(matches!(error, BackupError::NotEmpty { records: 1, .. }), "{error}");
    set_back(&folder, &file, Present::Replaced).unwrap();
    let replaced = folder.store().join("bindgate.sqlite.replaced");
    let count = |path: &PathBuf| -> i64 {
        let connection = rusqlite::Connection::open(path).unwrap();
        connection.query_row("SELECT count(*) FROM users", [], |row| row.get(0)).unwrap()
    };
    assert_eq!(count(&replaced), 1);
    assert_eq!(count(&folder.store().join("bindgate.sqlite")), 0);
}

/// A log of the old database that lies beside the new one would be played into it.
#[tokio::test]
async fn what_a_killed_gateway_left_in_its_log_does_not_come_back() {
    let (folder, killed) = (Folder::new(), Folder::new());
    let file = folder.store().with_extension("backup");
    let store = folder.open();
    store.commit(create(1)).await.unwrap();
    back_up(&store, &file);
    store.commit(create(2)).await.unwrap();
    // The files as they are, as if the process had been killed now.
    std::fs::create_dir(killed.store()).unwrap();
    for name in ["bindgate.sqlite", "bindgate.sqlite-wal"] {
        std::fs::copy(folder.store().join(name), killed.store().join(name)).unwrap();
    }
    set_back(&killed, &file, Present::Replaced).unwrap();
    assert_eq!(
        names(&killed.store()),
        ["bindgate.lock", "bindgate.sqlite", "bindgate.sqlite.replaced"]
    );
    let store = killed.open();
    assert!(store.find(&key(1)).is_some() && store.find(&key(2)).is_none());
}

#[tokio::test]
async fn a_store_that_is_open_and_a_file_that_is_no_backup_are_refused_and_nothing_changes() {
    let folder = Folder::new();
    let (file, broken) =
        (folder.store().with_extension("backup"), folder.store().with_extension("broken"));
    let store = folder.open();
    store.commit(create(1)).await.unwrap();
    back_up(&store, &file);
    let error = restore(&folder.store(), &file, Present::Replaced, &mut |_, _| {}).unwrap_err();
    assert!(matches!(error, BackupError::Open(OpenError::InUse { .. })), "{error}");
    store.close().unwrap();
    let good = std::fs::read(&file).unwrap();
    let half = good[..good.len() / 2].to_vec();
    let mut spoilt = good.clone();
    let length = spoilt.len();
    spoilt[4096..length].fill(0x5a);
    for bytes in [b"".to_vec(), b"not a store".to_vec(), half, spoilt] {
        std::fs::write(&broken, &bytes).unwrap();
        let before = names(&folder.store());
        assert!(set_back(&folder, &broken, Present::Replaced).is_err(), "{} bytes", bytes.len());
        assert_eq!(names(&folder.store()), before);
    }
    std::fs::remove_file(&broken).unwrap();
    assert!(set_back(&folder, &broken, Present::Replaced).is_err(), "no file at all");
    assert!(folder.open().find(&key(1)).is_some());
}

#[test]
fn a_backup_is_one_state_while_others_write() {
    let folder = Folder::new();
    let store = folder.open();
    let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut last = 0;
            while !is_over.load(Ordering::SeqCst) {
                last += 1;
                runtime().block_on(store.commit(create(last))).unwrap();
            }
            last
        });
        for _ in 0..5 {
            let seen = store.list(None, 1000).items.len();
            let file = folder.store().with_extension("backup");
            back_up(&store, &file);
            let other = Folder::new();
            let records = set_back(&other, &file, Present::Refused).unwrap();
            assert!(records >= seen as u64, "what was on disk before is in it");
            // Records are made in their order: none is missing between two.
            let restored = other.open();
            let count = u32::try_from(records).unwrap();
            assert!((1..=count).all(|number| restored.find(&key(number as usize)).is_some()));
        }
        is_over.store(true, Ordering::SeqCst);
        assert!(writer.join().unwrap() > 0);
    });
}
