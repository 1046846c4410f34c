//! A whole export is read and judged before anything of it is kept.

use super::ldif;
use super::row::{Row, VERSION};
use crate::app::audit::AuditEntry;
use crate::app::ports::{Catalogue, Import};
use crate::domain::record::{RecordId, UpstreamId, UserKey};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// How many faults are told; one that has more is not worth reading on.
pub const MAX_WRONGS: usize = 100;

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The line, counted from 1.
    pub line: usize,
    /// What.
    pub what: String,
}

/// Reads an export of either format: what it brings, or all that is wrong with it.
pub fn read<C: Catalogue>(
    text: &str,
    catalogue: &C,
    audit: AuditEntry,
) -> Result<Import, Vec<Wrong>> {
    let mut judge = Judge::new(catalogue, audit);
    let mut last = 0;
    let mut state = State::Before;
    for (rows, (line, row)) in (0..).zip(rows_of(text)) {
        if judge.wrongs.len() >= MAX_WRONGS {
            break;
        }
        last = line;
        match row {
            Err(what) => judge.wrong(line, what),
            Ok(row) => state = judge.take(line, row, state, rows),
        }
    }
    if judge.wrongs.is_empty() && state != State::Behind {
        judge.wrong(last.max(1), "the end is missing: this is not all of an export".to_owned());
    }
    if judge.wrongs.is_empty() { Ok(judge.import) } else { Err(judge.wrongs) }
}

type Rows<'a> = Box<dyn Iterator<Item = (usize, Result<Row, String>)> + 'a>;

/// Rows with their lines. JSON begins with a brace.
fn rows_of(text: &str) -> Rows<'_> {
    if text.trim_start().starts_with('{') {
        let lines = text.split('\n').enumerate().filter(|(_, line)| !line.trim().is_empty());
        return Box::new(lines.map(|(index, line)| (index + 1, Row::read_line(line))));
    }
    let entries = ldif::entries(text).into_iter();
    Box::new(entries.map(|entry| match entry {
        Ok(entry) => (entry.at, entry.row()),
        Err((line, what)) => (line, Err(what)),
    }))
}

/// Where in an export a row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Before,
    Within,
    Behind,
}

/// What was read so far, and on which line each thing stands.
struct Judge<'a, C> {
    catalogue: &'a C,
    import: Import,
    wrongs: Vec<Wrong>,
    groups: HashMap<(Arc<str>, UpstreamId), usize>,
    switches: HashMap<(String, String), usize>,
    users: HashMap<UserKey, usize>,
    ids: HashMap<RecordId, usize>,
}

impl<'a, C: Catalogue> Judge<'a, C> {
    fn new(catalogue: &'a C, audit: AuditEntry) -> Self {
        let import = Import { groups: Vec::new(), switches: Vec::new(), users: Vec::new(), audit };
        let (wrongs, groups, switches, users, ids) = Default::default();
        Self { catalogue, import, wrongs, groups, switches, users, ids }
    }

    fn wrong(&mut self, line: usize, what: String) {
        self.wrongs.push(Wrong { line, what });
    }

    fn take(&mut self, line: usize, row: Row, state: State, rows: u64) -> State {
        match (state, row) {
            (State::Before, Row::Export(row)) if row.export_version == VERSION => State::Within,
            (State::Before, Row::Export(row)) => {
                self.wrong(line, format!("version {} is not known here", row.export_version));
                State::Within
            }
            (State::Before, _) => {
                self.wrong(line, "an export begins with a row of the kind \"export\"".to_owned());
                State::Within
            }
            (State::Within, Row::End(row)) => {
                if row.rows != rows {
                    self.wrong(line, format!("{} rows are announced, {rows} are there", row.rows));
                }
                State::Behind
            }
            (State::Within, Row::Export(_)) => {
                self.wrong(line, "another export begins here".to_owned());
                State::Within
            }
            (State::Within, row) => {
                if let Err(what) = self.keep(line, row) {
                    self.wrong(line, what);
                }
                State::Within
            }
            (State::Behind, _) => {
                self.wrong(line, "there is something behind the end".to_owned());
                State::Behind
            }
        }
    }

    fn keep(&mut self, line: usize, row: Row) -> Result<(), String> {
        match row {
            Row::Export(_) | Row::End(_) => {}
            Row::Group(row) => {
                let (directory, group) = row.group()?;
                let key = (directory.clone(), group.id.clone());
                once(&mut self.groups, key, line, "this group")?;
                self.import.groups.push((directory, group));
            }
            Row::Switch(row) => {
                let (directory, user_type, switch) = row.switch()?;
                let key = (directory.clone(), user_type.clone());
                once(&mut self.switches, key, line, "this switch")?;
                self.import.switches.push((directory, user_type, switch));
            }
            Row::User(row) => {
                let (record, mark) = row.user()?;
                once(&mut self.users, record.key.clone(), line, "this user")?;
                once(&mut self.ids, record.id.clone(), line, "this record id")?;
                let known = self.catalogue.by_record_id(&record.id.0);
                if known.is_some_and(|known| known.record.key != record.key) {
                    return Err(format!("the record id {} is another user's here", record.id.0));
                }
                self.import.users.push((record, mark));
            }
        }
        Ok(())
    }
}

/// Notes on which line something stands, which may be one alone.
fn once<K: Hash + Eq>(
    seen: &mut HashMap<K, usize>,
    key: K,
    line: usize,
    what: &str,
) -> Result<(), String> {
    match seen.insert(key, line) {
        None => Ok(()),
        Some(first) => Err(format!("{what} stands on line {first} already")),
    }
}
