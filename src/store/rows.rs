//! The statements that write rows.

use super::audit_rows;
use super::encoding;
use super::memberships;
use super::recollections::Kept;
use crate::app::accounts::Account;
use crate::app::ports::StoredSwitch;
use crate::app::tokens::Token;
use crate::domain::record::{Group, Mark, Record, UpstreamId, UserKey};
use crate::domain::time::Timestamp;
use rusqlite::{Connection, Result, params};

/// Writes a record under its number, or a new one behind all others, with its mark and, if that is
/// something else, what is kept of its observation; the number.
pub(super) fn put_record(
    connection: &Connection,
    old: Option<(i64, &Record)>,
    new: &Record,
    (mark, kept): (&Mark, Option<&Kept>),
) -> Result<i64> {
    let Some((number, old)) = old else { return insert(connection, new, mark, kept) };
    let is_as_before = old.memberships == new.memberships;
    let rows = (!is_as_before).then(|| memberships::to_text(&new.memberships));
    let mut statement = connection.prepare_cached(
        "UPDATE users SET
             user_type = ?2, name = ?3, dn = ?4, display_name = ?5, attributes = ?6,
             inactive_reasons = ?7, missing_since = ?8, created_at = ?9, version = ?10,
             last_sign_on = ?11, observed_at = ?12, groups_outcome = ?13, collision = ?14,
             local_name = ?15, switch = ?16, memberships = coalesce(?17, memberships),
             observation_digest = iif(?20, ?18, observation_digest),
             observation = iif(?20, ?19, observation)
         WHERE number = ?1",
    )?;
    statement.execute(params![
        number,
        &*new.user_type,
        new.name,
        new.dn,
        new.display_name,
        encoding::attributes_to_text(&new.attributes),
        encoding::reasons_to_text(&new.inactive),
        new.missing_since.map(|at| at.0),
        new.created_at.0,
        whole(new.version),
        mark.last_sign_on.0,
        mark.observed_at.map(|at| at.0),
        encoding::outcome_to_text(&mark.groups),
        new.collision,
        new.local_name,
        new.switch.map(encoding::switch_to_text),
        rows,
        kept.and_then(|kept| kept.digest),
        kept.and_then(|kept| kept.text.as_ref()),
        kept.is_some(),
    ])?;
    Ok(number)
}

fn insert(
    connection: &Connection,
    record: &Record,
    mark: &Mark,
    kept: Option<&Kept>,
) -> Result<i64> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO users (record_id, directory, upstream_id, user_type, name, dn, display_name,
             attributes, inactive_reasons, missing_since, created_at, version,
             last_sign_on, observed_at, groups_outcome, collision, local_name, switch,
             memberships, observation_digest, observation)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
             ?19, ?20, ?21)",
    )?;
    statement.insert(params![
        &*record.id.0,
        &*record.key.directory,
        record.key.upstream_id.as_str(),
        &*record.user_type,
        record.name,
        record.dn,
        record.display_name,
        encoding::attributes_to_text(&record.attributes),
        encoding::reasons_to_text(&record.inactive),
        record.missing_since.map(|at| at.0),
        record.created_at.0,
        whole(record.version),
        mark.last_sign_on.0,
        mark.observed_at.map(|at| at.0),
        encoding::outcome_to_text(&mark.groups),
        record.collision,
        record.local_name,
        record.switch.map(encoding::switch_to_text),
        memberships::to_text(&record.memberships),
        kept.and_then(|kept| kept.digest),
        kept.and_then(|kept| kept.text.as_ref()),
    ])
}

/// Deletes a record. Rows of the audit say from here on whose it was.
pub(super) fn delete_user(connection: &Connection, number: i64, key: &UserKey) -> Result<()> {
    audit_rows::name(connection, number, key)?;
    delete_row(connection, number)
}

fn delete_row(connection: &Connection, number: i64) -> Result<()> {
    connection.prepare_cached("DELETE FROM users WHERE number = ?1")?.execute([number]).map(drop)
}

/// Writes a group under its id.
pub(super) fn put_group(connection: &Connection, directory: &str, group: &Group) -> Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT OR REPLACE INTO groups (directory, id, dn, name) VALUES (?1, ?2, ?3, ?4)",
    )?;
    statement.execute(params![directory, group.id.as_str(), group.dn, group.name])?;
    Ok(())
}

/// Takes a group away.
pub(super) fn delete_group(
    connection: &Connection,
    directory: &str,
    id: &UpstreamId,
) -> Result<()> {
    let sql = "DELETE FROM groups WHERE directory = ?1 AND id = ?2";
    connection.execute(sql, params![directory, id.as_str()]).map(drop)
}

/// Erases a record, and from the audit whose the rows about it were. What is deleted is overwritten in
/// the file.
pub(super) fn delete_record(connection: &Connection, number: i64, key: &UserKey) -> Result<()> {
    audit_rows::erase(connection, number, key)?;
    delete_row(connection, number)
}

/// Writes the mark of a record that is there.
pub(super) fn put_mark(connection: &Connection, number: i64, mark: &Mark) -> Result<()> {
    let mut statement = connection.prepare_cached(
        "UPDATE users SET last_sign_on = ?2, observed_at = ?3, groups_outcome = ?4
         WHERE number = ?1",
    )?;
    statement.execute(params![
        number,
        mark.last_sign_on.0,
        mark.observed_at.map(|at| at.0),
        encoding::outcome_to_text(&mark.groups),
    ])?;
    Ok(())
}

/// Writes a switch's value, or takes it away.
pub(super) fn put_switch(
    connection: &Connection,
    directory: &str,
    user_type: &str,
    switch: Option<StoredSwitch>,
) -> Result<()> {
    let Some(switch) = switch else {
        connection.execute(
            "DELETE FROM switches WHERE directory = ?1 AND user_type = ?2",
            params![directory, user_type],
        )?;
        return Ok(());
    };
    connection.execute(
        "INSERT OR REPLACE INTO switches (directory, user_type, value, set_at)
         VALUES (?1, ?2, ?3, ?4)",
        params![directory, user_type, encoding::switch_to_text(switch.value), switch.set_at.0],
    )?;
    Ok(())
}

/// What stands before a directory's name in the key of how far it was seen to have got.
pub(super) const MARKER_PREFIX: &str = "marker/";

/// Writes how far a directory was seen to have got.
pub(super) fn put_marker(connection: &Connection, directory: &str, text: &str) -> Result<()> {
    let sql = "INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)";
    let key = format!("{MARKER_PREFIX}{directory}");
    connection.prepare_cached(sql)?.execute([key.as_str(), text]).map(drop)
}

/// Forgets how far a directory was seen to have got.
pub(super) fn delete_marker(connection: &Connection, directory: &str) -> Result<()> {
    let key = format!("{MARKER_PREFIX}{directory}");
    connection.execute("DELETE FROM meta WHERE key = ?1", [key]).map(drop)
}

/// What stands before a directory's name in the key of what is held there.
pub(super) const HELD_PREFIX: &str = "held/";

/// Writes what is held of a directory, or that nothing is.
pub(super) fn put_held(connection: &Connection, directory: &str, text: Option<&str>) -> Result<()> {
    put_meta(connection, &format!("{HELD_PREFIX}{directory}"), text)
}

/// What stands before a token's name in the key of what is kept of it.
pub(super) const TOKEN_PREFIX: &str = "token/";

/// Writes what is kept of a token of administration, or takes it away.
pub(super) fn put_token(connection: &Connection, name: &str, token: Option<&Token>) -> Result<()> {
    put_meta(connection, &format!("{TOKEN_PREFIX}{name}"), token.map(encoding::token_to_text))
}

/// What stands before an account's name in the key of what is kept of it.
pub(super) const ACCOUNT_PREFIX: &str = "account/";

/// Writes what is kept of an account of the gateway's own, or takes it away.
pub(super) fn put_account(
    connection: &Connection,
    name: &str,
    account: Option<&Account>,
) -> Result<()> {
    let text = account.map(encoding::account_to_text);
    put_meta(connection, &format!("{ACCOUNT_PREFIX}{name}"), text)
}

/// Writes when an account was used, into whatever is kept of it by now.
pub(super) fn use_account(connection: &Connection, name: &str, at: Timestamp) -> Result<()> {
    let sql = "UPDATE meta SET value = json_set(value, '$.last_used', ?2) WHERE key = ?1";
    let key = format!("{ACCOUNT_PREFIX}{name}");
    connection.prepare_cached(sql)?.execute((key, at.0)).map(drop)
}

/// Writes a value of its own, or takes it away.
fn put_meta(connection: &Connection, key: &str, text: Option<impl AsRef<str>>) -> Result<()> {
    match text {
        None => connection.execute("DELETE FROM meta WHERE key = ?1", [key]),
        Some(text) => {
            let sql = "INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)";
            connection.prepare_cached(sql)?.execute([key, text.as_ref()])
        }
    }
    .map(drop)
}

/// A number as the database holds it; none of ours comes near the bound.
pub(super) fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
