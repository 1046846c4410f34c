//! LDIF (RFC 2849): an entry for each row, an attribute for each field, a value for each element. What
//! is not flat (memberships, attributes of users) is JSON in a value.

use super::row::{Misread, Row};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// How many bytes of a line are written before it is folded.
const WIDTH: usize = 76;
/// What an entry's class begins with.
const CLASS: &str = "bindgate-";
/// A row's own field of that name would be taken for the entry's name.
const OWN_DN: &str = "entry-dn";
/// Fields that are lists of texts.
const LISTS: [&str; 1] = ["inactive"];
/// Fields that are lists of objects.
const OBJECTS: [&str; 1] = ["memberships"];
/// Fields that are maps.
const MAPS: [&str; 1] = ["attributes"];
/// Fields that are numbers.
const NUMBERS: [&str; 2] = ["export_version", "rows"];

/// Writes a row as an entry; `number` makes its name unlike all others.
pub(super) fn write(out: &mut String, row: &Row, number: u64) {
    line(out, "dn", &format!("cn={number},cn=export"));
    line(out, "objectClass", &format!("{CLASS}{}", row.kind()));
    let Value::Object(fields) = row.fields() else { return };
    for (name, value) in fields {
        let attribute = match name.as_str() {
            "dn" => OWN_DN.to_owned(),
            name => name.replace('_', "-"),
        };
        match value {
            Value::String(text) => line(out, &attribute, &text),
            Value::Array(items) => {
                for item in items {
                    let text = item.as_str().map_or_else(|| item.to_string(), str::to_owned);
                    line(out, &attribute, &text);
                }
            }
            Value::Object(map) => {
                for (key, value) in map {
                    let one = Value::Object(Map::from_iter([(key, value)]));
                    line(out, &attribute, &one.to_string());
                }
            }
            other => line(out, &attribute, &other.to_string()),
        }
    }
    out.push('\n');
}

/// One attribute's line, in Base64 where it has to be, folded where it is long.
fn line(out: &mut String, attribute: &str, value: &str) {
    let mut text = String::with_capacity(attribute.len() + value.len() + 3);
    // writing to a string cannot fail
    let _ = match is_safe(value) {
        true => write!(text, "{attribute}: {value}"),
        false => write!(text, "{attribute}:: {}", STANDARD.encode(value)),
    };
    // All of it is ASCII by now.
    let mut rest = text.as_str();
    let mut room = WIDTH;
    while rest.len() > room {
        let (first, behind) = rest.split_at(room);
        out.push_str(first);
        out.push_str("\n ");
        (rest, room) = (behind, WIDTH - 1);
    }
    out.push_str(rest);
    out.push('\n');
}

/// SAFE-STRING of RFC 2849, and no blank at the end.
fn is_safe(value: &str) -> bool {
    let is_safe = |byte: u8| byte.is_ascii() && !matches!(byte, 0 | b'\n' | b'\r');
    value.bytes().all(is_safe) && !value.starts_with([' ', ':', '<']) && !value.ends_with(' ')
}

/// An entry: the number of its first line, and attributes with values.
pub(super) struct Entry {
    pub(super) at: usize,
    attributes: Vec<(String, String)>,
}

/// All entries of a text, or for what is no LDIF the line and why.
pub(super) fn entries(text: &str) -> Vec<Result<Entry, (usize, Misread)>> {
    let mut found = Vec::new();
    let mut entry: Option<Result<Entry, (usize, Misread)>> = None;
    for (at, line) in unfolded(text) {
        if line.is_empty() {
            found.extend(entry.take());
            continue;
        }
        let begun = entry.get_or_insert_with(|| Ok(Entry { at, attributes: Vec::new() }));
        let Ok(open) = begun else { continue };
        match attribute(&line) {
            Ok(attribute) => open.attributes.push(attribute),
            Err(why) => *begun = Err((at, why)),
        }
    }
    found.extend(entry);
    let is_version = |entry: &Result<Entry, _>| {
        let Ok(Entry { attributes, .. }) = entry else { return false };
        matches!(attributes.as_slice(), [(name, value)] if name == "version" && value == "1")
    };
    if found.first().is_some_and(is_version) {
        drop(found.remove(0));
    }
    found
}

/// Lines with those that they were folded into, without comments, each with its number.
fn unfolded(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (index, line) in text.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        match (line.strip_prefix(' '), lines.last_mut()) {
            (Some(more), Some((_, before))) => before.push_str(more),
            _ => lines.push((index + 1, line.to_owned())),
        }
    }
    lines.retain(|(_, line)| !line.starts_with('#'));
    lines
}

fn attribute(line: &str) -> Result<(String, String), Misread> {
    let (name, value) = line.split_once(':').ok_or("a line without a colon")?;
    if let Some(encoded) = value.strip_prefix(':') {
        let bytes = STANDARD.decode(encoded.trim()).map_err(|_| format!("{name} is no base64"))?;
        let text = String::from_utf8(bytes).map_err(|_| format!("{name} is no text"))?;
        return Ok((name.to_owned(), text));
    }
    if value.starts_with('<') {
        return Err(format!("{name} stands in another file, which is not read"));
    }
    Ok((name.to_owned(), value.trim_start_matches(' ').to_owned()))
}

impl Entry {
    /// The row that the entry is.
    pub(super) fn row(self) -> Result<Row, Misread> {
        let mut kind = None;
        let mut fields = Map::new();
        for (name, value) in self.attributes {
            let field = match name.as_str() {
                "dn" => continue,
                "objectClass" => {
                    kind = Some(value.strip_prefix(CLASS).unwrap_or(&value).to_owned());
                    continue;
                }
                OWN_DN => "dn".to_owned(),
                name => name.replace('-', "_"),
            };
            put(&mut fields, field, value)?;
        }
        Row::read(&kind.ok_or("it has no objectClass")?, Value::Object(fields))
    }
}

fn put(fields: &mut Map<String, Value>, field: String, value: String) -> Result<(), Misread> {
    let json = |value: &str| -> Result<Value, Misread> {
        serde_json::from_str(value).map_err(|error| format!("{field}: {error}"))
    };
    if LISTS.contains(&&*field) || OBJECTS.contains(&&*field) {
        let value = if LISTS.contains(&&*field) { value.into() } else { json(&value)? };
        let list = fields.entry(field).or_insert_with(|| Value::Array(Vec::new()));
        list.as_array_mut().into_iter().for_each(|list| list.push(value.clone()));
        return Ok(());
    }
    if MAPS.contains(&&*field) {
        let Value::Object(one) = json(&value)? else { return Err(format!("{field} is no object")) };
        let map = fields.entry(field.clone()).or_insert_with(|| Value::Object(Map::new()));
        let Some(map) = map.as_object_mut() else { return Ok(()) };
        for (key, value) in one {
            if map.insert(key.clone(), value).is_some() {
                return Err(format!("{field} has {key:?} twice"));
            }
        }
        return Ok(());
    }
    let value = if NUMBERS.contains(&&*field) { json(&value)? } else { value.into() };
    match fields.insert(field.clone(), value) {
        None => Ok(()),
        Some(_) => Err(format!("{field} stands there twice")),
    }
}
