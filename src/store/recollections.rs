//! What is kept of observations, as the column holds it: JSON that anybody's tools can read.
//!
//! `{"dn": "uid=ann,…", "has": {"mail": ["a@example.com"]}, "lacks": ["title"], "groups": [["id"], …]}`.
//! A group is `[id, way, groups below, whether it holds the user, dn, name]`, cut off behind the last part
//! that says something: without a way it holds the user, a number is the group that the way comes by, a list
//! all groups before this one. Groups stand there by their place in the list.

use super::encoding::{self, Listed, Part};
use crate::domain::digest::of_parts;
use crate::domain::observation::{Closure, ObservedGroup};
use crate::domain::recollection::{Recollection, always_asked, nameless};
use crate::domain::record::{Attributes, Group, Route, UpstreamId, UserKey};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What is to be kept in the place of what is; without a text nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Kept {
    pub(super) text: Option<String>,
    /// The same for as long as the text is.
    pub(super) digest: Option<i64>,
}

impl Kept {
    /// A recollection, if its text is not longer than `most`; and whether it is.
    pub(super) fn new(of: &Recollection, most: usize) -> (Self, bool) {
        let text = to_text(of);
        if text.len() > most {
            return (Self::default(), true);
        }
        let parts = [text];
        // Half of it tells texts of one user apart.
        let digest = of_parts(&parts) as i64;
        let [text] = parts;
        (Self { text: Some(text), digest: Some(digest) }, false)
    }
}

#[derive(Serialize)]
struct Written<'a> {
    dn: &'a str,
    has: BTreeMap<&'a String, Listed<'a, Vec<u8>, encoding::Shown<'a>>>,
    lacks: Vec<&'a String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<Vec<Row<'a>>>,
}

pub(super) fn to_text(of: &Recollection) -> String {
    let has = of.attributes.iter().map(|(name, values)| (name, encoding::listed_values(values)));
    let always: BTreeSet<String> = always_asked().collect();
    let is_told = |name: &&String| !of.attributes.contains_key(*name) && !always.contains(*name);
    let all: Vec<_> = of.groups.iter().flatten().collect();
    let rows = (0..all.len()).map(|number| Row { all: &all, number });
    encoding::written(&Written {
        dn: &of.dn,
        has: has.collect(),
        lacks: of.asked.iter().filter(is_told).collect(),
        groups: of.groups.is_some().then(|| rows.collect()),
    })
}

/// A group among all of a closure, which stand in the order of their ids.
struct Row<'a> {
    all: &'a [(&'a UpstreamId, &'a ObservedGroup)],
    number: usize,
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (id, seen) = self.all[self.number];
        let before = seen.route.path.split_last().map_or(&[][..], |(_, before)| before);
        let direct = seen.route.direct != before.is_empty();
        let parts = [
            Part::Text(id.as_str()),
            self.way(before),
            Part::List(seen.members.iter().map(|id| self.place(id)).collect()),
            if direct { Part::Truth(seen.route.direct) } else { Part::Nothing },
            text(&seen.group.dn),
            text(&seen.group.name),
        ];
        let says_something = |part: &Part<'_>| match part {
            Part::Nothing => false,
            Part::List(parts) => !parts.is_empty(),
            _ => true,
        };
        let length = parts.iter().rposition(says_something).map_or(0, |last| last + 1);
        serializer.collect_seq(&parts[..length])
    }
}

fn text(text: &str) -> Part<'_> {
    if text.is_empty() { Part::Nothing } else { Part::Text(text) }
}

impl<'a> Row<'a> {
    fn find(&self, id: &UpstreamId) -> Option<usize> {
        self.all.binary_search_by(|(other, _)| (*other).cmp(id)).ok()
    }

    fn place(&self, id: &'a UpstreamId) -> Part<'a> {
        self.find(id).map_or(Part::Text(id.as_str()), Part::Place)
    }

    /// The way to the group, of whose last step there is `before`.
    fn way(&self, before: &'a [UpstreamId]) -> Part<'a> {
        let Some(last) = before.last() else { return Part::Nothing };
        match self.find(last) {
            Some(place) if *self.all[place].1.route.path == *before => Part::Place(place),
            _ => Part::List(before.iter().map(|id| self.place(id)).collect()),
        }
    }
}

/// The recollection of such a text; `None` if it is none.
pub(super) fn from_text(text: &str) -> Option<Recollection> {
    let value: Value = serde_json::from_str(text).ok()?;
    let attributes: Attributes = encoding::attributes_from_json(value.get("has")?.clone())?;
    let lacks = value.get("lacks")?.as_array()?.iter().map(|name| Some(name.as_str()?.to_owned()));
    let mut asked: BTreeSet<String> = lacks.collect::<Option<_>>()?;
    asked.extend(attributes.keys().cloned().chain(always_asked()));
    let groups = match value.get("groups") {
        None => None,
        Some(rows) => Some(groups_from_json(rows.as_array()?)?),
    };
    Some(Recollection { dn: value.get("dn")?.as_str()?.to_owned(), asked, attributes, groups })
}

fn groups_from_json(rows: &[Value]) -> Option<Closure> {
    let ids: Vec<UpstreamId> = rows
        .iter()
        .map(|row| Some(UpstreamId::new(row.get(0)?.as_str()?)))
        .collect::<Option<_>>()?;
    let at = |value: &Value| match value {
        Value::String(id) => Some(UpstreamId::new(id)),
        other => ids.get(usize::try_from(other.as_u64()?).ok()?).cloned(),
    };
    let mut closure = Closure::new();
    for (number, row) in rows.iter().enumerate() {
        let id = ids.get(number)?;
        let path = path(rows, number, &at)?;
        let direct = match row.get(3) {
            Some(Value::Bool(direct)) => *direct,
            _ => path.len() == 1,
        };
        let members = match row.get(2) {
            None | Some(Value::Null) => BTreeSet::new(),
            Some(below) => below.as_array()?.iter().map(at).collect::<Option<_>>()?,
        };
        let text = |part: usize| row.get(part).and_then(Value::as_str).map(str::to_owned);
        let group = Group {
            dn: text(4).unwrap_or_default(),
            name: text(5).unwrap_or_default(),
            ..nameless(id)
        };
        let route = Route { path: path.into(), direct };
        closure.insert(id.clone(), ObservedGroup { group, route, members });
    }
    Some(closure)
}

/// The way to the group of that number; one that comes back to itself is none.
fn path(
    rows: &[Value],
    number: usize,
    at: &impl Fn(&Value) -> Option<UpstreamId>,
) -> Option<Vec<UpstreamId>> {
    let mut path = vec![at(&json!(number))?];
    let mut row = rows.get(number)?;
    loop {
        match row.get(1) {
            None | Some(Value::Null) => break,
            Some(Value::Array(before)) => {
                let before: Option<Vec<UpstreamId>> = before.iter().rev().map(at).collect();
                path.extend(before?);
                break;
            }
            Some(below) => {
                path.push(at(below)?);
                row = rows.get(usize::try_from(below.as_u64()?).ok()?)?;
            }
        }
        if path.len() > rows.len() {
            return None;
        }
    }
    path.reverse();
    Some(path)
}

/// Puts what is kept in the place of what was, for the record of that number.
pub(super) fn put(connection: &Connection, number: i64, kept: &Kept) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "UPDATE users SET observation_digest = ?2, observation = ?3 WHERE number = ?1",
    )?;
    statement.execute(params![number, kept.digest, kept.text]).map(drop)
}

/// What is kept of the users whose records have these numbers, as text.
pub(super) fn read(
    connection: &Connection,
    of: impl Iterator<Item = (i64, UserKey)>,
) -> rusqlite::Result<Vec<(UserKey, String)>> {
    let mut statement =
        connection.prepare_cached("SELECT observation FROM users WHERE number = ?1")?;
    let mut found = Vec::new();
    for (number, key) in of {
        let text: Option<Option<String>> =
            statement.query_row([number], |row| row.get(0)).optional()?;
        found.extend(text.flatten().map(|text| (key, text)));
    }
    Ok(found)
}
