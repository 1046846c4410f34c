//! The tables of saved copies.

use super::Batch;
use crate::app::saved::{HeldLoss, SavedCopy};
use crate::domain::membership::{GroupEntry, MemberKey, MemberName, UserEntry};
use crate::domain::record::{Group, UpstreamId};
use crate::domain::replication::{Decision, Kept, Witnesses};
use crate::domain::time::Timestamp;
use crate::proto::dn::{DistinguishedName, NormalizedDn};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Result, Row, params};
use std::collections::BTreeMap;
use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// The version of the tables. There is no way from an older one: the file is made anew.
const VERSION: i64 = 1;
/// What SQLite adds to the file's name for those beside it.
const COMPANIONS: [&str; 3] = ["", "-wal", "-shm"];
const TABLES: &str = "
    CREATE TABLE copies (
        directory TEXT PRIMARY KEY, question BLOB NOT NULL, seed BLOB NOT NULL,
        cookie BLOB, groups INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE entries (
        directory TEXT NOT NULL, id TEXT NOT NULL, dn TEXT NOT NULL,
        name TEXT, members BLOB, digest BLOB, uids BLOB,
        PRIMARY KEY (directory, id)
    ) STRICT;";
/// Tables that came later, and that older programs do not mind.
const LATER_TABLES: &str = "
    CREATE TABLE IF NOT EXISTS witnesses (
        directory TEXT PRIMARY KEY, list TEXT NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS held (
        directory TEXT PRIMARY KEY, id TEXT NOT NULL, since INTEGER NOT NULL,
        total INTEGER NOT NULL, remaining INTEGER NOT NULL, examples TEXT NOT NULL,
        decision TEXT NOT NULL
    ) STRICT;";

/// Opens the file to write it, making it if it is not there (mode 0600). An error if it is another
/// version's.
///
/// To be called once for a file: the mode is set through a descriptor of its own, and when that is
/// closed the system takes away whatever locks this process has on the file.
pub(super) fn create(path: &Path) -> Result<Connection> {
    // SQLite gives the files that it makes beside this one the same mode.
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    let private = file.and_then(|file| file.set_permissions(Permissions::from_mode(0o600)));
    private.map_err(|_| rusqlite::Error::InvalidPath(path.to_owned()))?;
    let connection = Connection::open(path)?;
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    // A loss of power may lose the last transactions, never a part of one.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "trusted_schema", false)?;
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    match version {
        0 => {
            connection.execute_batch(&format!(
                "BEGIN; {TABLES} PRAGMA user_version = {VERSION}; COMMIT"
            ))?;
        }
        VERSION => {}
        _ => return Err(rusqlite::Error::InvalidQuery),
    }
    connection.execute_batch(LATER_TABLES)?;
    Ok(connection)
}

/// Opens the file to read it beside the one who writes.
pub(super) fn open(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags)
}

/// Deletes the file and those beside it, as far as they are there.
pub(super) fn delete(path: &Path) {
    for suffix in COMPANIONS {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        // What cannot be deleted cannot be opened either, and that is told.
        let _ = std::fs::remove_file(name);
    }
}

/// What a saved copy begins with, if it answers this question.
pub(super) fn saved(
    connection: &Connection,
    directory: &str,
    question: u128,
) -> Result<Option<SavedCopy>> {
    let sql = "SELECT seed, cookie, groups, coalesce(list, '') FROM copies
               LEFT JOIN witnesses USING (directory) WHERE directory = ?1 AND question = ?2";
    let read = |row: &Row<'_>| {
        let seed = u128::from_be_bytes(row.get(0)?);
        let groups: i64 = row.get(2)?;
        Ok(SavedCopy {
            seed: ((seed >> 64) as u64, seed as u64),
            cookie: row.get(1)?,
            groups: usize::try_from(groups).unwrap_or(0),
            witnesses: Witnesses::read(&row.get::<_, String>(3)?),
        })
    };
    let key = params![directory, question.to_be_bytes()];
    connection.query_row(sql, key, read).optional()
}

/// Hands out every entry of a saved copy; an error if one cannot be read.
pub(super) fn each(
    connection: &Connection,
    directory: &str,
    take: &mut dyn FnMut(Kept),
) -> Result<()> {
    let sql = "SELECT id, dn, name, members, digest, uids FROM entries WHERE directory = ?1";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([directory])?;
    while let Some(row) = rows.next()? {
        take(kept(row)?);
    }
    Ok(())
}

/// The loss that is held.
pub(super) fn held(connection: &Connection, directory: &str) -> Result<Option<HeldLoss>> {
    let sql = "SELECT id, since, total, remaining, examples, decision FROM held
               WHERE directory = ?1";
    let read = |row: &Row<'_>| {
        let decision: String = row.get(5)?;
        let is_it = |known: &Decision| known.name() == decision;
        let decision = Decision::ALL.into_iter().find(is_it);
        let examples: String = row.get(4)?;
        let count = |number: i64| usize::try_from(number).unwrap_or(0);
        Ok(HeldLoss {
            id: row.get(0)?,
            since: Timestamp(row.get(1)?),
            total: count(row.get(2)?),
            left: count(row.get(3)?),
            examples: serde_json::from_str(&examples).unwrap_or_default(),
            decision: decision.ok_or(rusqlite::Error::InvalidQuery)?,
        })
    };
    connection.query_row(sql, [directory], read).optional()
}

fn put_held(connection: &Connection, directory: &str, loss: Option<&HeldLoss>) -> Result<()> {
    let Some(loss) = loss else {
        return connection.execute("DELETE FROM held WHERE directory = ?1", [directory]).map(drop);
    };
    let sql = "INSERT OR REPLACE INTO held
                   (directory, id, since, total, remaining, examples, decision)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let examples = serde_json::to_string(&loss.examples).unwrap_or_default();
    let (total, left, decision) = (count(loss.total), count(loss.left), loss.decision.name());
    let row = params![directory, loss.id, loss.since.0, total, left, examples, decision];
    connection.execute(sql, row).map(drop)
}

/// Writes batches, all or nothing.
pub(super) fn write(connection: &Connection, batches: &BTreeMap<String, Batch>) -> Result<()> {
    let transaction = connection.unchecked_transaction()?;
    for (directory, batch) in batches {
        write_batch(&transaction, directory, batch)?;
    }
    transaction.commit()
}

fn write_batch(connection: &Connection, directory: &str, batch: &Batch) -> Result<()> {
    if let Some((question, (high, low))) = batch.anew {
        let seed = u128::from(high) << 64 | u128::from(low);
        connection.execute("DELETE FROM entries WHERE directory = ?1", [directory])?;
        connection.execute(
            "DELETE FROM witnesses WHERE directory = ?1 AND NOT EXISTS
                (SELECT 1 FROM copies WHERE directory = ?1 AND question = ?2)",
            params![directory, question.to_be_bytes()],
        )?;
        connection.execute(
            "INSERT INTO copies (directory, question, seed, cookie, groups)
             VALUES (?1, ?2, ?3, NULL, 0)
             ON CONFLICT (directory) DO UPDATE SET
                groups = iif(question = excluded.question, groups, 0),
                question = excluded.question, seed = excluded.seed, cookie = NULL",
            params![directory, question.to_be_bytes(), seed.to_be_bytes()],
        )?;
    }
    for (id, change) in &batch.changes {
        match change {
            Some(kept) => put(connection, directory, kept)?,
            None => {
                let sql = "DELETE FROM entries WHERE directory = ?1 AND id = ?2";
                connection.prepare_cached(sql)?.execute([directory, id.as_str()])?;
            }
        }
    }
    if let Some(held) = &batch.held {
        put_held(connection, directory, held.as_ref())?;
    }
    if let Some(position) = &batch.position {
        let groups = i64::try_from(position.groups).unwrap_or(i64::MAX);
        connection
            .prepare_cached("UPDATE copies SET cookie = ?2, groups = ?3 WHERE directory = ?1")?
            .execute(params![directory, position.cookie, groups])?;
        connection
            .prepare_cached("INSERT OR REPLACE INTO witnesses (directory, list) VALUES (?1, ?2)")?
            .execute(params![directory, position.witnesses.text()])?;
    }
    Ok(())
}

fn put(connection: &Connection, directory: &str, kept: &Kept) -> Result<()> {
    let sql = "INSERT OR REPLACE INTO entries (directory, id, dn, name, members, digest, uids)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let mut statement = connection.prepare_cached(sql)?;
    let none = None::<&[u8]>;
    match kept {
        Kept::Group(entry) => {
            let Group { id, dn, name } = &entry.group;
            let members = packed(entry.members.iter().map(|member| match member {
                MemberName::Dn(dn) => (b'd', dn),
                MemberName::Uid(uid) => (b'u', uid),
            }));
            statement.execute(params![directory, id.as_str(), dn, name, members, none, none])
        }
        Kept::User(entry) => {
            let (id, dn) = (entry.id.as_str(), entry.dn.as_str());
            let uids = packed(entry.uids.iter().map(|uid| (b'u', uid.as_str())));
            let digest = entry.digest.to_be_bytes();
            statement.execute(params![directory, id, dn, None::<&str>, none, digest, uids])
        }
    }
    .map(drop)
}

fn kept(row: &Row<'_>) -> Result<Kept> {
    let (id, dn): (String, String) = (row.get(0)?, row.get(1)?);
    let (id, normalized) = (UpstreamId::new(&id), normalized(&dn)?);
    let Some(name) = row.get::<_, Option<String>>(2)? else {
        let digest = u128::from_be_bytes(row.get(4)?);
        let packed: Vec<u8> = row.get(5)?;
        let uids = unpacked(&packed)?.into_iter().map(|(_, uid)| uid.to_owned()).collect();
        return Ok(Kept::User(UserEntry { id, dn: normalized, uids, digest }));
    };
    let packed: Vec<u8> = row.get(3)?;
    let members = unpacked(&packed)?.into_iter().map(|(kind, text)| match kind {
        b'd' => self::normalized(text).map(MemberKey::Dn),
        _ => Ok(MemberKey::Uid(text.to_owned())),
    });
    let members = members.collect::<Result<_>>()?;
    Ok(Kept::Group(GroupEntry { group: Group { id, dn, name }, dn: normalized, members }))
}

fn normalized(dn: &str) -> Result<NormalizedDn> {
    let dn = DistinguishedName::parse(dn).map_err(|_| rusqlite::Error::InvalidQuery)?;
    Ok(dn.normalized().clone())
}

/// Texts one after another, each with its kind and its length in front.
fn packed<'a>(texts: impl Iterator<Item = (u8, &'a str)>) -> Vec<u8> {
    let mut out = Vec::new();
    for (kind, text) in texts {
        out.push(kind);
        out.extend_from_slice(&(text.len() as u32).to_be_bytes());
        out.extend_from_slice(text.as_bytes());
    }
    out
}

fn unpacked(mut bytes: &[u8]) -> Result<Vec<(u8, &str)>> {
    let mut texts = Vec::new();
    while let Some((kind, rest)) = bytes.split_first() {
        let damaged = rusqlite::Error::InvalidQuery;
        let Some((length, rest)) = rest.split_first_chunk::<4>() else { return Err(damaged) };
        let length = u32::from_be_bytes(*length) as usize;
        let Some((text, rest)) = rest.split_at_checked(length) else { return Err(damaged) };
        texts.push((*kind, std::str::from_utf8(text).map_err(|_| damaged)?));
        bytes = rest;
    }
    Ok(texts)
}
