//! The statements that write rows.

use super::audit_rows;
use super::encoding;
use super::recollections::Kept;
use crate::app::ports::StoredSwitch;
use crate::app::tokens::Token;
use crate::domain::record::{Group, Mark, Membership, MembershipKey, Record, UpstreamId, UserKey};
use rusqlite::{Connection, Result, params};

/// Writes a record with its mark and, if that is something else, what is kept of its observation; of the
/// memberships only what differs from `old`.
pub(super) fn put_record(
    connection: &Connection,
    old: Option<&Record>,
    new: &Record,
    (mark, kept): (&Mark, Option<&Kept>),
) -> Result<()> {
    put_user(connection, new, mark, kept)?;
    let before = |key| old.and_then(|old| old.memberships.get(key));
    let gone = old.into_iter().flat_map(|old| old.memberships.keys());
    for key in gone.filter(|key| !new.memberships.contains_key(key)) {
        delete_membership(connection, new, key)?;
    }
    for (key, membership) in &new.memberships {
        if before(key) != Some(membership) {
            put_membership(connection, new, key, membership)?;
        }
    }
    Ok(())
}

fn put_user(
    connection: &Connection,
    record: &Record,
    mark: &Mark,
    kept: Option<&Kept>,
) -> Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO users (record_id, directory, upstream_id, user_type, name, dn, display_name,
             attributes, inactive_reasons, missing_since, created_at, version,
             last_sign_on, observed_at, groups_outcome, collision, local_name, switch,
             observation_digest, observation)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
             ?19, ?20)
         ON CONFLICT (record_id) DO UPDATE SET
             user_type = excluded.user_type, name = excluded.name, dn = excluded.dn,
             display_name = excluded.display_name, attributes = excluded.attributes,
             inactive_reasons = excluded.inactive_reasons,
             missing_since = excluded.missing_since, created_at = excluded.created_at,
             version = excluded.version, last_sign_on = excluded.last_sign_on,
             observed_at = excluded.observed_at, groups_outcome = excluded.groups_outcome,
             collision = excluded.collision, local_name = excluded.local_name,
             switch = excluded.switch,
             observation_digest = iif(?21, excluded.observation_digest, observation_digest),
             observation = iif(?21, excluded.observation, observation)",
    )?;
    statement.execute(params![
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
        kept.and_then(|kept| kept.digest),
        kept.and_then(|kept| kept.text.as_ref()),
        kept.is_some(),
    ])?;
    Ok(())
}

fn put_membership(
    connection: &Connection,
    record: &Record,
    key: &MembershipKey,
    membership: &Membership,
) -> Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT OR REPLACE INTO memberships
             (record_id, group_id, provenance, direct, depth, path, since, in_review, until)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    statement.execute(params![
        &*record.id.0,
        key.group.as_str(),
        key.provenance.name(),
        membership.route.direct,
        whole(membership.route.depth() as u64),
        encoding::path_to_text(&membership.route.path),
        membership.since.0,
        membership.in_review,
        membership.until.map(|at| at.0),
    ])?;
    Ok(())
}

fn delete_membership(connection: &Connection, record: &Record, key: &MembershipKey) -> Result<()> {
    let mut statement = connection.prepare_cached(
        "DELETE FROM memberships WHERE record_id = ?1 AND group_id = ?2 AND provenance = ?3",
    )?;
    statement.execute(params![&*record.id.0, key.group.as_str(), key.provenance.name()])?;
    Ok(())
}

/// Deletes a record and its memberships.
pub(super) fn delete_user(connection: &Connection, record: &Record) -> Result<()> {
    for sql in
        ["DELETE FROM memberships WHERE record_id = ?1", "DELETE FROM users WHERE record_id = ?1"]
    {
        connection.prepare_cached(sql)?.execute([&*record.id.0])?;
    }
    Ok(())
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

/// Erases a record with its memberships, and from the audit whose the rows about it were. What is
/// deleted is overwritten in the file.
pub(super) fn delete_record(connection: &Connection, record: &Record) -> Result<()> {
    delete_user(connection, record)?;
    audit_rows::erase(connection, &record.key)
}

/// Writes the mark of a record that is there.
pub(super) fn put_mark(connection: &Connection, key: &UserKey, mark: &Mark) -> Result<()> {
    let mut statement = connection.prepare_cached(
        "UPDATE users SET last_sign_on = ?3, observed_at = ?4, groups_outcome = ?5
         WHERE directory = ?1 AND upstream_id = ?2",
    )?;
    statement.execute(params![
        &*key.directory,
        key.upstream_id.as_str(),
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
