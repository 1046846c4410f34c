//! Values as the columns hold them: texts and JSON that anybody's tools can read.

use crate::app::accounts::Account;
use crate::app::accounts::hash::Hash;
use crate::app::audit::{ACTIONS, CAUSES};
use crate::app::tokens::{Digest, Role, Token};
use crate::domain::observation::UnknownReason;
use crate::domain::policy::Switch;
use crate::domain::record::{Attributes, GroupsOutcome, InactiveReason};
use crate::domain::time::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What an audit row's texts become that this version does not know.
const OTHER: &str = "other";
const KNOWN: &str = "known";
const UNKNOWN: &str = "unknown: ";
const HEX: &str = "hex";

/// An audit row's cause, as the constant that stands for it.
pub(super) fn cause(text: &str) -> &'static str {
    constant(&CAUSES, text)
}

/// An audit row's action, as the constant that stands for it.
pub(super) fn action(text: &str) -> &'static str {
    constant(&ACTIONS, text)
}

fn constant(known: &[&'static str], text: &str) -> &'static str {
    known.iter().copied().find(|known| *known == text).unwrap_or(OTHER)
}

/// `{"mail": ["a@example.com"]}`; a value that is not UTF-8 is `{"hex": "ff00"}`.
pub(super) fn attributes_to_text(attributes: &Attributes) -> String {
    let lists = attributes.iter().map(|(name, values)| (name, listed_values(values)));
    written(&lists.collect::<BTreeMap<_, _>>())
}

/// The values of an attribute.
pub(super) fn listed_values(values: &[Vec<u8>]) -> Listed<'_, Vec<u8>, Shown<'_>> {
    Listed(values, |value| to_json(value))
}

/// Written as it goes: new records are many at times, and their writer is one.
pub(super) fn written(value: &impl Serialize) -> String {
    // Texts, lists and maps by texts have always a form in JSON.
    serde_json::to_string(value).unwrap_or_default()
}

/// A list, each of which is written as the function makes it.
pub(super) struct Listed<'a, T, V>(&'a [T], fn(&'a T) -> V);

impl<T, V: Serialize> Serialize for Listed<'_, T, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(self.1))
    }
}

/// A part of a row that stands in JSON.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Part<'a> {
    /// It says nothing.
    Nothing,
    Text(&'a str),
    Number(i64),
    /// The row of that number.
    Place(usize),
    Truth(bool),
    List(Vec<Self>),
}

/// The attributes of such a text; `None` if it is none.
pub(super) fn attributes_from_text(text: &str) -> Option<Attributes> {
    attributes_from_json(serde_json::from_str(text).ok()?)
}

/// The same of a part of another text.
pub(super) fn attributes_from_json(value: Value) -> Option<Attributes> {
    let Value::Object(map) = value else { return None };
    let mut attributes = Attributes::with_capacity(map.len());
    for (name, values) in map {
        let Value::Array(values) = values else { return None };
        attributes.insert(name, values.into_iter().map(from_json).collect::<Option<_>>()?);
    }
    Some(attributes)
}

/// A value of an attribute as JSON has it.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Shown<'a> {
    Text(&'a str),
    Bytes { hex: String },
}

fn to_json(value: &[u8]) -> Shown<'_> {
    match std::str::from_utf8(value) {
        Ok(text) => Shown::Text(text),
        Err(_) => Shown::Bytes { hex: to_hex(value) },
    }
}

fn from_json(value: Value) -> Option<Vec<u8>> {
    match value {
        Value::String(text) => Some(text.into_bytes()),
        Value::Object(map) => from_hex(map.get(HEX)?.as_str()?),
        _ => None,
    }
}

fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 0x0f)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    pairs.iter().map(|[high, low]| u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()).collect()
}

/// `["admin", "upstream"]`.
pub(super) fn reasons_to_text(reasons: &BTreeSet<InactiveReason>) -> String {
    reasons.iter().map(|reason| reason.name()).collect::<Value>().to_string()
}

/// The reasons of such a text; `None` if it is none.
pub(super) fn reasons_from_text(text: &str) -> Option<BTreeSet<InactiveReason>> {
    let names: Vec<String> = serde_json::from_str(text).ok()?;
    names.iter().map(|name| InactiveReason::from_name(name)).collect()
}

/// `known`, or `unknown: timeout`.
pub(super) fn outcome_to_text(outcome: &GroupsOutcome) -> String {
    match outcome {
        GroupsOutcome::Known => KNOWN.to_owned(),
        GroupsOutcome::Unknown(reason) => format!("{UNKNOWN}{reason}"),
    }
}

/// The outcome of such a text; `None` if it is none.
pub(super) fn outcome_from_text(text: &str) -> Option<GroupsOutcome> {
    if text == KNOWN {
        return Some(GroupsOutcome::Known);
    }
    let reason = text.strip_prefix(UNKNOWN)?;
    match reason.strip_prefix("result-code ") {
        Some(code) => code.parse().ok().map(UnknownReason::ResultCode),
        None => UnknownReason::from_name(reason),
    }
    .map(GroupsOutcome::Unknown)
}

/// `{"role": "read", "sha256": "…", …}`; the name stands in the key.
pub(super) fn token_to_text(token: &Token) -> String {
    json!({
        "role": token.role.name(),
        "sha256": to_hex(&token.digest.0),
        "created_at": token.created_at.0,
        "created_by": token.created_by,
        "expires_at": token.expires_at.map(|at| at.0),
    })
    .to_string()
}

/// The token of such a text; `None` if it is none.
pub(super) fn token_from_text(name: &str, text: &str) -> Option<Token> {
    let value: Value = serde_json::from_str(text).ok()?;
    Some(Token {
        name: name.to_owned(),
        role: Role::from_name(value["role"].as_str()?)?,
        digest: Digest(from_hex(value["sha256"].as_str()?)?.try_into().ok()?),
        created_at: Timestamp(value["created_at"].as_i64()?),
        created_by: value["created_by"].as_str()?.to_owned(),
        expires_at: match &value["expires_at"] {
            Value::Null => None,
            at => Some(Timestamp(at.as_i64()?)),
        },
    })
}

/// `{"view": "wiki", "argon2id": "$argon2id$…", …}`; the name stands in the key.
pub(super) fn account_to_text(account: &Account) -> String {
    json!({
        "view": account.view,
        "argon2id": account.hash.as_text(),
        "created_at": account.created_at.0,
        "created_by": account.created_by,
        "password_set_at": account.password_set_at.0,
        "expires_at": account.expires_at.map(|at| at.0),
        "enabled": account.enabled,
        "last_used": account.last_used.map(|at| at.0),
    })
    .to_string()
}

/// The account of such a text; `None` if it is none.
pub(super) fn account_from_text(name: &str, text: &str) -> Option<Account> {
    let value: Value = serde_json::from_str(text).ok()?;
    let moment = |key: &str| match &value[key] {
        Value::Null => Some(None),
        at => at.as_i64().map(|at| Some(Timestamp(at))),
    };
    Some(Account {
        name: name.to_owned(),
        view: value["view"].as_str()?.to_owned(),
        hash: Hash::read(value["argon2id"].as_str()?)?,
        created_at: moment("created_at")??,
        created_by: value["created_by"].as_str()?.to_owned(),
        password_set_at: moment("password_set_at")??,
        expires_at: moment("expires_at")?,
        enabled: value["enabled"].as_bool()?,
        last_used: moment("last_used")?,
    })
}

/// `on` or `off`.
pub(super) fn switch_to_text(switch: Switch) -> &'static str {
    match switch {
        Switch::On => "on",
        Switch::Off => "off",
    }
}

/// The switch of such a text; `None` if it is none.
pub(super) fn switch_from_text(text: &str) -> Option<Switch> {
    match text {
        "on" => Some(Switch::On),
        "off" => Some(Switch::Off),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn attributes_survive_whatever_their_bytes_are(
            rows in btree_map(any::<String>(), vec(vec(any::<u8>(), 0..9), 0..4), 0..5)
        ) {
            let attributes = Attributes::from_iter(rows);
            prop_assert_eq!(attributes_from_text(&attributes_to_text(&attributes)), Some(attributes));
        }

        #[test]
        fn no_text_makes_a_decoder_panic(text in any::<String>()) {
            let _ = attributes_from_text(&text);
            let _ = reasons_from_text(&text);
            let _ = outcome_from_text(&text);
            let _ = from_hex(&text);
        }

        #[test]
        fn result_codes_keep_their_number(code in any::<u32>()) {
            let outcome = GroupsOutcome::Unknown(UnknownReason::ResultCode(code));
            prop_assert_eq!(outcome_from_text(&outcome_to_text(&outcome)), Some(outcome));
        }
    }

    #[test]
    fn attributes_are_plain_json_and_hex_where_they_are_not_text() {
        let attributes = Attributes::from_iter([
            ("mail".to_owned(), vec![b"a@example.com".to_vec()]),
            ("photo".to_owned(), vec![vec![0xff, 0x00]]),
        ]);
        assert_eq!(
            attributes_to_text(&attributes),
            r#"{"mail":["a@example.com"],"photo":[{"hex":"ff00"}]}"#
        );
    }

    #[test]
    fn a_text_that_is_no_value_is_refused() {
        for text in ["", "[]", "{", r#"{"a":1}"#, r#"{"a":[1]}"#, r#"{"a":[{"hex":"f"}]}"#] {
            assert_eq!(attributes_from_text(text), None, "{text}");
        }
        assert_eq!(reasons_from_text(r#"["bored"]"#), None);
        assert_eq!(outcome_from_text("unknown: weather"), None);
        assert_eq!(switch_from_text("maybe"), None);
    }

    #[test]
    fn every_reason_for_inactivity_survives() {
        let all = BTreeSet::from(InactiveReason::ALL);
        assert_eq!(reasons_from_text(&reasons_to_text(&all)), Some(all));
    }

    #[test]
    fn an_audit_text_of_another_version_reads_as_other() {
        assert_eq!((cause("sign-on"), cause("x")), ("sign-on", OTHER));
        assert_eq!((action("created"), action("x")), ("created", OTHER));
    }
}
