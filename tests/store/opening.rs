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
    let newer = "UPDATE meta SET value = '6' WHERE key = 'schema_version'";
    folder.sqlite().execute(newer, []).unwrap();
    let before = std::fs::read(folder.store().join("bindgate.sqlite")).unwrap();
    let error = folder.try_open().unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 6, supported: 5 }), "{error}");
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
         DROP INDEX audit_by_record;
         CREATE TABLE old (
             record_id TEXT PRIMARY KEY NOT NULL, directory TEXT NOT NULL, upstream_id TEXT NOT NULL,
             user_type TEXT NOT NULL, name TEXT NOT NULL, dn TEXT NOT NULL, display_name TEXT,
             attributes TEXT NOT NULL, inactive_reasons TEXT NOT NULL, missing_since INTEGER,
             created_at INTEGER NOT NULL, version INTEGER NOT NULL, last_sign_on INTEGER NOT NULL,
             observed_at INTEGER, groups_outcome TEXT NOT NULL, UNIQUE (directory, upstream_id)
         ) STRICT;
         INSERT INTO old SELECT record_id, directory, upstream_id, user_type, name, dn, display_name,
             attributes, inactive_reasons, missing_since, created_at, version, last_sign_on,
             observed_at, groups_outcome FROM users;
         DROP TABLE users;
         ALTER TABLE old RENAME TO users;
         CREATE TABLE memberships (
             record_id TEXT NOT NULL REFERENCES users (record_id), group_id TEXT NOT NULL,
             provenance TEXT NOT NULL, direct INTEGER NOT NULL, depth INTEGER NOT NULL,
             path TEXT NOT NULL, since INTEGER NOT NULL,
             PRIMARY KEY (record_id, group_id, provenance)
         ) STRICT, WITHOUT ROWID;
         ALTER TABLE audit DROP COLUMN outcome;
         ALTER TABLE audit DROP COLUMN steps;
         ALTER TABLE audit DROP COLUMN about;
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
    let rumour = r#"UPDATE users SET memberships = '[["g", null, 0, "rumour"]]'"#;
    check_refused(sql(rumour), "users, row r00001: column memberships");
    let twice = "INSERT INTO users SELECT 7, record_id, directory, 'other', user_type, name, dn, display_name,
        attributes, inactive_reasons, missing_since, created_at, version, last_sign_on, observed_at,
        groups_outcome, collision, local_name, switch, memberships, observation_digest, observation
        FROM users";
    check_refused(sql(twice), "users, row r00001: column record_id");
    let twice = "INSERT INTO users SELECT 7, 'r00002', directory, upstream_id, user_type, name, dn, display_name,
        attributes, inactive_reasons, missing_since, created_at, version, last_sign_on, observed_at,
        groups_outcome, collision, local_name, switch, memberships, observation_digest, observation
        FROM users";
    check_refused(sql(twice), "users, row r00002: column upstream_id");
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
