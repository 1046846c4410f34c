//! One gateway at a time, nobody else's eyes, and no guessing at files that are not understood.

use crate::fixture::{Folder, Silent, again, child_folder, config, create, key};
use bindgate::app::ports::Records;
use bindgate::store::{OpenError, Store};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn open(path: &Path) -> Result<Store<Silent>, OpenError> {
    Store::open(config(path), Silent)
}

#[tokio::test]
async fn folder_and_files_are_closed_to_others() {
    let folder = Folder::new();
    let store = folder.open();
    store.commit(create(1)).await.unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&folder.store()), 0o700);
    let files: Vec<_> =
        folder.store().read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 4, "database, log, index and lock: {files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{file:?}");
    }
}

#[test]
fn files_that_were_opened_to_others_are_closed_again() {
    let folder = Folder::new();
    folder.open().close().unwrap();
    let file = folder.store().join("bindgate.sqlite");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let _store = folder.open();
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o7777, 0o600);
}

#[test]
fn a_second_open_is_refused_until_the_first_is_closed() {
    let folder = Folder::new();
    let first = folder.open();
    let error = open(&folder.store()).unwrap_err();
    assert!(matches!(&error, OpenError::InUse { path } if *path == folder.store()), "{error}");
    first.close().unwrap();
    drop(folder.try_open().unwrap());
    folder.try_open().unwrap();
}

#[test]
fn a_second_process_is_refused() {
    if let Some(path) = child_folder() {
        let answer = open(&path).map_or_else(|error| error.to_string(), |_| "opened".to_owned());
        println!("\nanswer: {answer}");
        return;
    }
    let folder = Folder::new();
    let _store = folder.open();
    let mut child = again("opening::a_second_process_is_refused", &folder.store()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let answer = lines.filter_map(|line| Some(line.strip_prefix("answer: ")?.to_owned())).next();
    child.wait().unwrap();
    let expected = format!("store {} is in use by another gateway", folder.store().display());
    assert_eq!(answer, Some(expected));
}

#[test]
fn a_store_of_a_newer_version_is_refused_and_left_alone() {
    let folder = Folder::new();
    folder.open().close().unwrap();
    let newer = "UPDATE meta SET value = '5' WHERE key = 'schema_version'";
    folder.sqlite().execute(newer, []).unwrap();
    let before = std::fs::read(folder.store().join("bindgate.sqlite")).unwrap();
    let error = folder.try_open().unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 5, supported: 4 }), "{error}");
    assert_eq!(std::fs::read(folder.store().join("bindgate.sqlite")).unwrap(), before);
}

#[tokio::test]
async fn a_store_of_the_first_version_is_brought_up_to_date_with_all_that_is_in_it() {
    let folder = Folder::new();
    let store = folder.open();
    store.commit(create(1)).await.unwrap();
    let before = store.find(&key(1)).unwrap().record;
    store.close().unwrap();
    sql("DROP INDEX audit_by_user;
         DROP INDEX audit_by_time;
         ALTER TABLE memberships DROP COLUMN in_review;
         ALTER TABLE memberships DROP COLUMN until;
         ALTER TABLE users DROP COLUMN collision;
         ALTER TABLE users DROP COLUMN local_name;
         ALTER TABLE users DROP COLUMN switch;
         ALTER TABLE users DROP COLUMN observation;
         ALTER TABLE users DROP COLUMN observation_digest;
         ALTER TABLE audit DROP COLUMN outcome;
         ALTER TABLE audit DROP COLUMN steps;
         UPDATE meta SET value = '1' WHERE key = 'schema_version'")(&folder);
    assert_eq!(folder.open().find(&key(1)).unwrap().record, before);
}

/// Refused as damaged, with a text that says what was found.
#[track_caller]
fn check_refused(spoil: impl FnOnce(&Folder), expected: &str) {
    let folder = Folder::new();
    let store = folder.open();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("runtime");
    runtime.block_on(store.commit(create(1))).expect("commit is written");
    store.close().expect("store closes");
    spoil(&folder);
    let error = folder.try_open().expect_err("store is refused");
    assert!(matches!(error, OpenError::Corrupt { .. }), "{error:?}");
    assert!(error.to_string().contains(expected), "{error}");
}

fn sql(statement: &'static str) -> impl FnOnce(&Folder) {
    move |folder| folder.sqlite().execute_batch(statement).expect("statement is right")
}

#[test]
fn a_file_that_is_not_a_store_is_refused_with_the_reason() {
    let overwrite = |bytes: &'static [u8]| {
        move |folder: &Folder| {
            std::fs::write(folder.store().join("bindgate.sqlite"), bytes).unwrap();
        }
    };
    check_refused(overwrite(b"this is no database at all, is it?"), "not a database");
    check_refused(sql("DROP TABLE meta"), "no schema version");
    check_refused(sql("UPDATE meta SET value = 'x' WHERE key = 'schema_version'"), "\"x\"");
}

#[test]
fn a_row_that_is_not_understood_is_named() {
    check_refused(sql("UPDATE users SET attributes = '['"), "users, row r00001: column attributes");
    check_refused(sql("UPDATE users SET inactive_reasons = '[\"x\"]'"), "inactive_reasons");
    check_refused(sql("UPDATE users SET version = -1"), "version");
    check_refused(sql("UPDATE users SET groups_outcome = 'fine'"), "groups_outcome");
    let membership =
        "INSERT INTO memberships VALUES ('r00001', 'g', 'rumour', 1, 1, '[]', 0, 0, NULL)";
    check_refused(sql(membership), "memberships, row r00001: column provenance");
    check_refused(sql("INSERT INTO switches VALUES ('corp', 'staff', 'maybe', 0)"), "switches");
}

#[test]
fn a_damaged_page_is_found_at_the_start() {
    check_refused(
        |folder| {
            let file = folder.store().join("bindgate.sqlite");
            let mut bytes = std::fs::read(&file).unwrap();
            bytes[4096..].fill(0xa5);
            std::fs::write(&file, bytes).unwrap();
        },
        "damaged or not a store",
    );
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let folder = Folder::new();
    std::fs::write(folder.store(), "a file").unwrap();
    let error = open(&folder.store()).unwrap_err();
    assert!(matches!(&error, OpenError::Folder { .. }), "{error}");
    assert!(error.to_string().contains(folder.store().to_str().unwrap()), "{error}");
}

#[tokio::test]
async fn dropping_the_last_handle_closes_the_store() {
    let folder = Folder::new();
    let first = folder.open();
    let second = first.clone();
    first.commit(create(1)).await.unwrap();
    drop(first);
    assert!(matches!(open(&folder.store()), Err(OpenError::InUse { .. })));
    drop(second);
    assert!(folder.open().find(&key(1)).is_some());
}
