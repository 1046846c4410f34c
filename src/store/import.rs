//! What comes from another gateway, in one transaction of its own.

use super::group;
use super::memory::{Memory, Observed};
use super::{audit_rows, rows};
use crate::app::ports::{Import, StoreError};
use crate::domain::change::Misfit;
use crate::domain::record::{Mark, Record};
use rusqlite::Connection;
use std::sync::Arc;

/// Writes all of it, and then has memory follow. A record of the same user is replaced as a whole.
pub(super) fn write(
    connection: &Connection,
    memory: &Memory,
    import: Import,
) -> Result<(), StoreError> {
    let Import { groups, switches, users, audit } = import;
    let users: Vec<(Arc<Record>, Mark)> =
        users.into_iter().map(|user| next(memory, user)).collect::<Result<_, _>>()?;
    let written = group::begin(connection).and_then(|()| {
        for (directory, group) in &groups {
            rows::put_group(connection, directory, group)?;
        }
        for (directory, user_type, switch) in &switches {
            rows::put_switch(connection, directory, user_type, Some(*switch))?;
        }
        // First all that go: an id may move from one of them to another.
        for (record, _) in &users {
            if let Some(number) = memory.number(&record.key) {
                rows::delete_user(connection, number, &record.key)?;
            }
        }
        let put = |(record, mark): &(Arc<Record>, Mark)| {
            rows::put_record(connection, None, record, (mark, None))
        };
        let numbers = users.iter().map(put).collect::<Result<Vec<_>, _>>()?;
        audit_rows::put(connection, &audit, None)?;
        connection.execute_batch("COMMIT")?;
        Ok(numbers)
    });
    let numbers = written.map_err(|error| {
        group::roll_back(connection);
        StoreError::Failed(error.to_string())
    })?;
    for (directory, group) in groups {
        memory.install_group(&directory, Arc::new(group));
    }
    for (directory, user_type, switch) in switches {
        memory.install_switch(&directory, &user_type, Some(switch));
    }
    for (number, (record, mark)) in numbers.into_iter().zip(users) {
        memory.install((number, record), mark, Observed::Now(None));
    }
    if let Ok(newest) = audit_rows::newest(connection) {
        memory.audited(newest);
    }
    Ok(())
}

/// The record at a version that no commit was made for, if its id is free.
fn next(
    memory: &Memory,
    (record, mark): (Record, Mark),
) -> Result<(Arc<Record>, Mark), StoreError> {
    if memory.key_of(&record.id).is_some_and(|owner| owner != record.key) {
        return Err(Misfit("record id is taken").into());
    }
    let before = memory.find(&record.key).map_or(0, |old| old.record.version);
    let version = before.checked_add(1).ok_or(Misfit("version is used up"))?;
    Ok((Arc::new(Record { version, ..record }), mark))
}
