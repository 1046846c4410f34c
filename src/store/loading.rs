//! Reads the whole store into memory.

use super::OpenError;
use super::audit_rows;
use super::connection::open_error;
use super::encoding;
use super::memberships;
use super::memory::{Memory, Observed};
use super::rows::{ACCOUNT_PREFIX, HELD_PREFIX, MARKER_PREFIX, TOKEN_PREFIX};
use super::texts::Texts;
use crate::app::ports::StoredSwitch;
use crate::domain::record::{Group, Mark, Record, RecordId, UpstreamId, UserKey};
use crate::domain::time::Timestamp;
use rusqlite::{Connection, Row};
use std::path::Path;
use std::sync::Arc;

/// Everything in the store at `path`, or the row that cannot be understood.
pub(super) fn load(connection: &Connection, path: &Path) -> Result<Memory, OpenError> {
    let memory = Memory::new();
    let mut texts = Texts::default();
    let everything = load_groups(connection, &mut texts, &memory)
        .and_then(|()| load_switches(connection, &memory))
        .and_then(|()| load_markers(connection, &memory))
        .and_then(|()| Ok(audit_rows::newest(connection)?))
        .map(|newest| memory.audited(newest))
        .and_then(|()| load_records(connection, &mut texts, &memory));
    match everything {
        Ok(()) => Ok(memory),
        Err(Fault::Database(error)) => Err(open_error(path, &error)),
        Err(Fault::Row(detail)) => Err(OpenError::Corrupt { path: path.to_owned(), detail }),
    }
}

enum Fault {
    Database(rusqlite::Error),
    Row(String),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

/// The column that cannot be understood, as a fault.
fn bad(table: &str, row: &str, column: &str) -> Fault {
    Fault::Row(format!("table {table}, row {row}: column {column} cannot be understood"))
}

fn load_groups(connection: &Connection, texts: &mut Texts, memory: &Memory) -> Result<(), Fault> {
    let mut statement = connection.prepare("SELECT directory, id, dn, name FROM groups")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let directory = texts.shared(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?);
        let id = UpstreamId(texts.shared(&row.get::<_, String>(1)?));
        let group = Group { id, dn: row.get(2)?, name: row.get(3)? };
        memory.install_group(&directory, Arc::new(group));
    }
    Ok(())
}

fn load_switches(connection: &Connection, memory: &Memory) -> Result<(), Fault> {
    let mut statement =
        connection.prepare("SELECT directory, user_type, value, set_at FROM switches")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (directory, user_type): (String, String) = (row.get(0)?, row.get(1)?);
        let value = encoding::switch_from_text(&row.get::<_, String>(2)?)
            .ok_or_else(|| bad("switches", &user_type, "value"))?;
        let switch = StoredSwitch { value, set_at: Timestamp(row.get(3)?) };
        memory.install_switch(&directory, &user_type, Some(switch));
    }
    Ok(())
}

fn load_markers(connection: &Connection, memory: &Memory) -> Result<(), Fault> {
    let mut statement = connection.prepare("SELECT key, value FROM meta")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (key, text): (String, String) = (row.get(0)?, row.get(1)?);
        if let Some(directory) = key.strip_prefix(MARKER_PREFIX) {
            memory.install_marker(directory, text);
        } else if let Some(directory) = key.strip_prefix(HELD_PREFIX) {
            memory.install_held(directory, Some(text));
        } else if let Some(name) = key.strip_prefix(TOKEN_PREFIX) {
            let token = encoding::token_from_text(name, &text);
            memory.install_token(name, Some(token.ok_or_else(|| bad("meta", &key, "value"))?));
        } else if let Some(name) = key.strip_prefix(ACCOUNT_PREFIX) {
            let account = encoding::account_from_text(name, &text);
            let account = account.ok_or_else(|| bad("meta", &key, "value"))?;
            memory.accounts().put(name, Some(account));
        }
    }
    Ok(())
}

fn load_records(connection: &Connection, texts: &mut Texts, memory: &Memory) -> Result<(), Fault> {
    let mut statement = connection.prepare(
        "SELECT record_id, directory, upstream_id, user_type, name, dn, display_name, attributes,
                inactive_reasons, missing_since, created_at, version,
                last_sign_on, observed_at, groups_outcome, collision, local_name, switch,
                observation_digest, memberships, number
         FROM users",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id: String = row.get(0)?;
        let mark = read_mark(row, &id)?;
        let observed = Observed::Now(row.get(18)?);
        let number = row.get(20)?;
        let record = read_record(row, texts, id)?;
        // The table does not see to it, but the writer.
        if memory.key_of(&record.id).is_some() {
            return Err(bad("users", &record.id.0, "record_id"));
        }
        if memory.number(&record.key).is_some() {
            return Err(bad("users", &record.id.0, "upstream_id"));
        }
        memory.install((number, Arc::new(record)), mark, observed);
    }
    Ok(())
}

fn read_record(row: &Row<'_>, texts: &mut Texts, id: String) -> Result<Record, Fault> {
    let bad = |column| bad("users", &id, column);
    Ok(Record {
        key: UserKey {
            directory: texts.shared(&row.get::<_, String>(1)?),
            upstream_id: UpstreamId(Arc::from(row.get::<_, String>(2)?)),
        },
        user_type: texts.shared(&row.get::<_, String>(3)?),
        name: row.get(4)?,
        dn: row.get(5)?,
        display_name: row.get(6)?,
        attributes: encoding::attributes_from_text(&row.get::<_, String>(7)?)
            .ok_or_else(|| bad("attributes"))?,
        inactive: encoding::reasons_from_text(&row.get::<_, String>(8)?)
            .ok_or_else(|| bad("inactive_reasons"))?,
        missing_since: row.get::<_, Option<i64>>(9)?.map(Timestamp),
        collision: row.get(15)?,
        local_name: row.get(16)?,
        switch: match row.get::<_, Option<String>>(17)? {
            None => None,
            Some(text) => Some(encoding::switch_from_text(&text).ok_or_else(|| bad("switch"))?),
        },
        memberships: memberships::from_text(
            row.get_ref(19)?.as_str().map_err(rusqlite::Error::from)?,
            texts,
        )
        .ok_or_else(|| bad("memberships"))?,
        created_at: Timestamp(row.get(10)?),
        version: u64::try_from(row.get::<_, i64>(11)?).map_err(|_| bad("version"))?,
        id: RecordId(Arc::from(id)),
    })
}

fn read_mark(row: &Row<'_>, id: &str) -> Result<Mark, Fault> {
    Ok(Mark {
        last_sign_on: Timestamp(row.get(12)?),
        observed_at: row.get::<_, Option<i64>>(13)?.map(Timestamp),
        groups: encoding::outcome_from_text(&row.get::<_, String>(14)?)
            .ok_or_else(|| bad("users", id, "groups_outcome"))?,
        seen: None,
    })
}
