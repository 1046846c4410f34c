//! The rows of the audit: the one thing that is read from the file.

use super::encoding;
use super::memory::MAX_PAGE;
use super::rows::whole;
use super::steps;
use crate::app::audit::{AuditFilter, AuditOrder};
use crate::app::events::AuditEntry;
use crate::app::ports::Page;
use crate::domain::record::{UpstreamId, UserKey};
use crate::domain::time::Timestamp;
use rusqlite::{Connection, Result, Row, params};
use std::sync::Arc;

/// What a row says whose user was forgotten.
const FORGOTTEN: &str = "(forgotten)";
/// The most rows that are taken away for their age at once.
const PRUNED_AT_ONCE: i64 = 10_000;

/// Adds a row; the database numbers it. `about` is the number of the record of the user whom it is
/// about, if there is one.
pub(super) fn put(connection: &Connection, entry: &AuditEntry, about: Option<i64>) -> Result<()> {
    put_worded(connection, entry, steps::to_column(&entry.steps).as_deref(), about)
}

/// The same of a row whose steps are in words already.
pub(super) fn put_worded(
    connection: &Connection,
    entry: &AuditEntry,
    steps: Option<&str>,
    about: Option<i64>,
) -> Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO audit
             (at, cause, actor, action, directory, upstream_id, detail, outcome, steps, about)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    let user = entry.user.as_ref().filter(|_| about.is_none());
    statement.execute(params![
        entry.at.0,
        entry.cause,
        entry.actor,
        entry.action,
        user.map(|user| &*user.directory),
        user.map(|user| user.upstream_id.as_str()),
        entry.detail,
        entry.outcome,
        steps,
        about,
    ])?;
    Ok(())
}

/// Takes the oldest rows away until `keep` are left.
pub(super) fn prune(connection: &Connection, keep: u64) -> Result<()> {
    let mut statement = connection.prepare_cached(
        "DELETE FROM audit WHERE sequence <= (SELECT max(sequence) FROM audit) - ?1",
    )?;
    statement.execute([whole(keep)])?;
    Ok(())
}

/// Takes rows away that are older than a time.
pub(super) fn prune_before(connection: &Connection, at: i64) -> Result<()> {
    let mut statement = connection.prepare_cached(
        "DELETE FROM audit WHERE sequence IN
             (SELECT sequence FROM audit WHERE at < ?1 ORDER BY at LIMIT ?2)",
    )?;
    statement.execute([at, PRUNED_AT_ONCE]).map(drop)
}

/// Writes whose a record is into all rows about it, for it goes.
pub(super) fn name(connection: &Connection, number: i64, key: &UserKey) -> Result<()> {
    let mut statement = connection.prepare_cached(
        "UPDATE audit SET about = NULL, directory = ?2, upstream_id = ?3 WHERE about = ?1",
    )?;
    statement.execute(params![number, &*key.directory, key.upstream_id.as_str()]).map(drop)
}

/// Erases of all rows about a user whom they are about and what they say; that something happened,
/// when and by whom, stays.
pub(super) fn erase(connection: &Connection, number: i64, key: &UserKey) -> Result<()> {
    // Those from before there was the record say whose they are.
    let mut statement = connection.prepare_cached(
        "UPDATE audit
         SET about = NULL, directory = NULL, upstream_id = NULL, detail = ?4, steps = NULL
         WHERE about = ?1 OR (directory = ?2 AND upstream_id = ?3)",
    )?;
    let (directory, id) = (&*key.directory, key.upstream_id.as_str());
    statement.execute(params![number, directory, id, FORGOTTEN]).map(drop)
}

/// The number of the newest row; 0 if there is none.
pub(super) fn newest(connection: &Connection) -> Result<i64> {
    let mut statement =
        connection.prepare_cached("SELECT coalesce(max(sequence), 0) FROM audit")?;
    statement.query_row([], |row| row.get(0))
}

/// A page of those rows, in that order. `about` is the number of the record of the user that is asked
/// for, if there is one.
pub(super) fn read(
    connection: &Connection,
    (filter, about): (&AuditFilter, Option<i64>),
    order: AuditOrder,
    limit: usize,
) -> Result<Page<AuditEntry>> {
    let limit = limit.clamp(1, MAX_PAGE);
    let (bound, from, direction) = match order {
        AuditOrder::Before(cursor) => ("<", cursor.unwrap_or(i64::MAX), "DESC"),
        AuditOrder::After(cursor) => (">", cursor, "ASC"),
    };
    let mut statement =
        connection.prepare_cached(&question(filter.user.is_some(), bound, direction))?;
    let rows = statement.query_map(
        params![
            from,
            filter.user.as_ref().map(|user| &*user.directory),
            filter.user.as_ref().map(|user| user.upstream_id.as_str()),
            filter.cause,
            filter.action,
            filter.actor,
            filter.since.map(|at| at.0),
            filter.until.map(|at| at.0),
            about,
            whole(limit as u64 + 1),
        ],
        entry,
    )?;
    let mut items = rows.collect::<Result<Vec<_>>>()?;
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|last| last.sequence.to_string());
    Ok(Page { items, next })
}

/// The question for a page. Nothing of a request is pasted into it: fixed words for the order, and for
/// whether there is a user.
fn question(is_of_one: bool, bound: &str, direction: &str) -> String {
    // By a sequence as such the rows of all would be gone through, to have those of one in order: for one
    // the indexes lead to the rows, and these are put in order.
    let (sequence, is_theirs) = match is_of_one {
        true => ("+sequence", "(about = ?9 OR (audit.directory = ?2 AND audit.upstream_id = ?3))"),
        false => ("sequence", "TRUE"),
    };
    format!(
        "SELECT sequence, at, cause, actor, action,
                coalesce(audit.directory, users.directory),
                coalesce(audit.upstream_id, users.upstream_id), detail, outcome, steps
         FROM audit LEFT JOIN users ON users.number = audit.about
         WHERE {sequence} {bound} ?1
           AND {is_theirs}
           AND (?4 IS NULL OR cause = ?4)
           AND (?5 IS NULL OR action = ?5)
           AND (?6 IS NULL OR actor = ?6)
           AND (?7 IS NULL OR at >= ?7)
           AND (?8 IS NULL OR at < ?8)
         ORDER BY {sequence} {direction} LIMIT ?10"
    )
}

fn entry(row: &Row<'_>) -> Result<AuditEntry> {
    let key = row.get::<_, Option<String>>(5)?.zip(row.get::<_, Option<String>>(6)?);
    Ok(AuditEntry {
        sequence: row.get(0)?,
        at: Timestamp(row.get(1)?),
        cause: encoding::cause(&row.get::<_, String>(2)?),
        actor: row.get(3)?,
        action: encoding::action(&row.get::<_, String>(4)?),
        user: key.map(|(directory, upstream_id)| UserKey {
            directory: Arc::from(directory),
            upstream_id: UpstreamId(Arc::from(upstream_id)),
        }),
        detail: row.get(7)?,
        outcome: row.get(8)?,
        steps: row
            .get::<_, Option<String>>(9)?
            .map(|text| steps::from_text(&text))
            .unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::connection::MIGRATIONS;

    /// How the database goes about a question, a line a step.
    fn plan(connection: &Connection, question: &str) -> String {
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {question}")).unwrap();
        let mut rows = statement.raw_query();
        let mut lines = String::new();
        while let Some(row) = rows.next().unwrap() {
            lines += &row.get::<_, String>("detail").unwrap();
            lines.push('\n');
        }
        lines
    }

    #[test]
    fn the_rows_of_one_are_found_by_the_indexes_and_not_by_going_through_all() {
        let connection = Connection::open_in_memory().unwrap();
        for step in MIGRATIONS {
            connection.execute_batch(step).unwrap();
        }
        for (bound, direction) in [("<", "DESC"), (">", "ASC")] {
            let of_one = plan(&connection, &question(true, bound, direction));
            for index in ["audit_by_record", "audit_by_user"] {
                assert!(of_one.contains(index), "{of_one}");
            }
            assert!(!of_one.contains("SCAN audit"), "{of_one}");
            let of_all = plan(&connection, &question(false, bound, direction));
            assert!(of_all.contains("PRIMARY KEY"), "{of_all}");
            assert!(!of_all.contains("B-TREE"), "{of_all}");
        }
    }
}
