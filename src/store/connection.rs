//! The database's connection: its settings, the version of its schema, and the way to the newest.

use super::OpenError;
use crate::proto::url;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// What leads from each version of the schema to the next, the first from an empty file.
pub(super) const MIGRATIONS: [&str; 5] = [
    include_str!("migrations/1.sql"),
    include_str!("migrations/2.sql"),
    include_str!("migrations/3.sql"),
    include_str!("migrations/4.sql"),
    include_str!("migrations/5.sql"),
];
/// The newest version of the schema that is known here.
const SUPPORTED: u32 = MIGRATIONS.len() as u32;
/// How long a foreign tool that holds the file may keep a commit waiting.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// The size in bytes that the log is cut back to once it was folded into the file.
const LOG_SIZE: i64 = 64 << 20;
/// The marker in the file's header that tells a store from other databases: `bgat`.
pub(super) const APPLICATION_ID: i64 = 0x6267_6174;

/// Opens the database at `path`, an existing file, checks it, and brings its schema up to date.
pub(super) fn open(path: &Path) -> Result<Connection, OpenError> {
    let fault = |error| open_error(path, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(fault)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(fault)?;
    let found = version(&connection, path)?;
    if found > SUPPORTED {
        return Err(OpenError::Newer { found, supported: SUPPORTED });
    }
    configure(&connection, path)?;
    check(&connection, path)?;
    for (step, sql) in (1..).zip(MIGRATIONS).skip(found as usize) {
        migrate(&mut connection, step, sql).map_err(fault)?;
    }
    Ok(connection)
}

/// Opens the database at `path` for reading alone, since nothing can be written there. `barrier` says
/// why, for a database that would have to be written first.
pub(super) fn open_to_read(path: &Path, barrier: &str) -> Result<Connection, OpenError> {
    let refused = |detail: String| OpenError::Database { path: path.to_owned(), detail };
    let connection = reader(path).map_err(|error| refused(format!("{barrier}; {error}")))?;
    let found = version(&connection, path)?;
    if found > SUPPORTED {
        return Err(OpenError::Newer { found, supported: SUPPORTED });
    }
    if found < SUPPORTED {
        return Err(refused(format!(
            "{barrier}; its schema is {found} and has to be brought up to {SUPPORTED}"
        )));
    }
    check(&connection, path)?;
    Ok(connection)
}

/// A connection that only reads. SQLite needs files beside a database with a log, which cannot be
/// made here; without a log there is nothing that they would be needed for.
fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let usable = |connection: Connection| {
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        Ok(connection)
    };
    let opened = Connection::open_with_flags(path, flags).and_then(usable);
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let has_log = std::fs::metadata(log).is_ok_and(|file| file.len() > 0);
    match opened {
        Err(_) if !has_log => {
            let uri = format!("file:{}?immutable=1", encoded(path));
            Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI).and_then(usable)
        }
        other => other,
    }
}

/// A path as SQLite reads it in a URI.
fn encoded(path: &Path) -> String {
    let parts = path.as_os_str().as_encoded_bytes().split(|byte| *byte == b'/');
    parts.map(url::encoded).collect::<Vec<_>>().join("/")
}

/// The fault of an open, as the operator has to see it.
pub(super) fn open_error(path: &Path, error: &rusqlite::Error) -> OpenError {
    let (path, detail) = (path.to_owned(), error.to_string());
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) | None => {
            OpenError::Corrupt { path, detail }
        }
        Some(_) => OpenError::Database { path, detail },
    }
}

/// The version of the schema; 0 for an empty file.
fn version(connection: &Connection, path: &Path) -> Result<u32, OpenError> {
    let objects: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(|error| open_error(path, &error))?;
    if objects == 0 {
        return Ok(0);
    }
    let corrupt = |detail: String| OpenError::Corrupt { path: path.to_owned(), detail };
    let text: String = connection
        .query_row("SELECT value FROM meta WHERE key = 'schema_version'", [], |row| row.get(0))
        .map_err(|error| corrupt(format!("it has no schema version: {error}")))?;
    match text.parse() {
        Ok(version) if version > 0 => Ok(version),
        _ => Err(corrupt(format!("its schema version is {text:?}"))),
    }
}

fn configure(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let fault = |error| open_error(path, &error);
    let mode: String =
        connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(fault)?;
    if mode != "wal" {
        let detail = format!("journal mode is {mode} and cannot be made wal");
        return Err(OpenError::Database { path: path.to_owned(), detail });
    }
    connection.pragma_update(None, "synchronous", "FULL").map_err(fault)?;
    // What is needed to take one of many writes back stays in memory, and out of everybody's /var/tmp.
    connection.pragma_update(None, "temp_store", "MEMORY").map_err(fault)?;
    connection.pragma_update(None, "trusted_schema", false).map_err(fault)?;
    // What is deleted is overwritten: whoever is forgotten is not to be found in the file.
    connection.pragma_update(None, "secure_delete", true).map_err(fault)?;
    connection
        .query_row(&format!("PRAGMA journal_size_limit = {LOG_SIZE}"), [], |_| Ok(()))
        .map_err(fault)
}

fn check(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let finding: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| open_error(path, &error))?;
    if finding == "ok" {
        return Ok(());
    }
    Err(OpenError::Corrupt { path: path.to_owned(), detail: finding })
}

fn migrate(connection: &mut Connection, step: u32, sql: &str) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(sql)?;
    transaction.execute(
        "INSERT INTO meta (key, value) VALUES ('schema_version', ?1)
         ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        [step.to_string()],
    )?;
    transaction.execute(
        "INSERT INTO meta (key, value) VALUES ('created_by', ?1) ON CONFLICT (key) DO NOTHING",
        [env!("CARGO_PKG_VERSION")],
    )?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.commit()
}
