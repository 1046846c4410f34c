//! Rows as both formats have them: flat but for memberships and attributes.

use crate::app::ports::StoredSwitch;
use crate::domain::observation::UnknownReason;
use crate::domain::policy::Switch;
use crate::domain::record::{
    Group, GroupsOutcome, InactiveReason, Mark, Membership, MembershipKey, Memberships, Provenance,
    Record, RecordId, Route, UpstreamId, UserKey,
};
use crate::domain::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The version of the format.
pub(super) const VERSION: u64 = 1;

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Row {
    Export(ExportRow),
    Group(GroupRow),
    Switch(SwitchRow),
    User(Box<UserRow>),
    End(EndRow),
}

/// The first row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExportRow {
    pub(super) export_version: u64,
}

/// The last row, with how many stand before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EndRow {
    pub(super) rows: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GroupRow {
    directory: String,
    id: String,
    dn: String,
    name: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SwitchRow {
    directory: String,
    user_type: String,
    update_on_sign_on: String,
    set_at: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UserRow {
    id: String,
    directory: String,
    upstream_id: String,
    user_type: String,
    name: String,
    dn: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    local_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    update_on_sign_on: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    collision: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    inactive: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    missing_since: Option<String>,
    created_at: String,
    last_sign_on: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    observed_at: Option<String>,
    groups: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<String, Vec<AttributeValue>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    memberships: Vec<MembershipRow>,
}

/// Text, or bytes that are none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum AttributeValue {
    Text(String),
    Bytes { base64: String },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MembershipRow {
    group: String,
    provenance: String,
    direct: bool,
    path: Vec<String>,
    since: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    in_review: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

/// Why a row cannot be understood.
pub(super) type Misread = String;

impl Row {
    pub(super) fn begin() -> Self {
        Self::Export(ExportRow { export_version: VERSION })
    }

    pub(super) fn end(rows: u64) -> Self {
        Self::End(EndRow { rows })
    }

    pub(super) fn of_group(directory: &str, group: &Group) -> Self {
        Self::Group(GroupRow {
            directory: directory.to_owned(),
            id: group.id.as_str().to_owned(),
            dn: group.dn.clone(),
            name: group.name.clone(),
        })
    }

    pub(super) fn of_switch(directory: &str, user_type: &str, switch: StoredSwitch) -> Self {
        Self::Switch(SwitchRow {
            directory: directory.to_owned(),
            user_type: user_type.to_owned(),
            update_on_sign_on: switch_text(switch.value).to_owned(),
            set_at: time_text(switch.set_at),
        })
    }

    pub(super) fn of_user(record: &Record, mark: &Mark) -> Self {
        let attributes = record.attributes.iter().map(|(name, values)| {
            (name.clone(), values.iter().map(|value| AttributeValue::of(value)).collect())
        });
        let memberships = record.memberships.iter();
        Self::User(Box::new(UserRow {
            id: record.id.0.to_string(),
            directory: record.key.directory.to_string(),
            upstream_id: record.key.upstream_id.as_str().to_owned(),
            user_type: record.user_type.to_string(),
            name: record.name.clone(),
            dn: record.dn.clone(),
            display_name: record.display_name.clone(),
            local_name: record.local_name.clone(),
            update_on_sign_on: record.switch.map(|switch| switch_text(switch).to_owned()),
            collision: record.collision.clone(),
            inactive: record.inactive.iter().map(|reason| reason.name().to_owned()).collect(),
            missing_since: record.missing_since.map(time_text),
            created_at: time_text(record.created_at),
            last_sign_on: time_text(mark.last_sign_on),
            observed_at: mark.observed_at.map(time_text),
            groups: outcome_text(&mark.groups),
            attributes: attributes.collect(),
            memberships: memberships.map(|(key, kept)| MembershipRow::of(key, kept)).collect(),
        }))
    }

    /// What it is called.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Export(_) => "export",
            Self::Group(_) => "group",
            Self::Switch(_) => "switch",
            Self::User(_) => "user",
            Self::End(_) => "end",
        }
    }

    /// Its fields, without its kind.
    pub(super) fn fields(&self) -> Value {
        let fields = match self {
            Self::Export(row) => serde_json::to_value(row),
            Self::Group(row) => serde_json::to_value(row),
            Self::Switch(row) => serde_json::to_value(row),
            Self::User(row) => serde_json::to_value(row),
            Self::End(row) => serde_json::to_value(row),
        };
        // Texts, numbers and maps with texts as keys: there is nothing that has no JSON.
        fields.unwrap_or_default()
    }

    /// As a line of JSON.
    pub(super) fn write_line(&self, out: &mut String) {
        let mut line = serde_json::Map::new();
        line.insert("kind".to_owned(), self.kind().into());
        if let Value::Object(fields) = self.fields() {
            line.extend(fields);
        }
        out.push_str(&Value::Object(line).to_string());
        out.push('\n');
    }

    /// The row of that kind with these fields.
    pub(super) fn read(kind: &str, fields: Value) -> Result<Self, Misread> {
        let row = match kind {
            "export" => serde_json::from_value(fields).map(Self::Export),
            "group" => serde_json::from_value(fields).map(Self::Group),
            "switch" => serde_json::from_value(fields).map(Self::Switch),
            "user" => serde_json::from_value(fields).map(Self::User),
            "end" => serde_json::from_value(fields).map(Self::End),
            other => return Err(format!("there are no rows of the kind {other:?}")),
        };
        row.map_err(|error| error.to_string())
    }

    /// A row on a line of JSON.
    pub(super) fn read_line(line: &str) -> Result<Self, Misread> {
        let fields: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let Value::Object(mut fields) = fields else {
            return Err("it is no JSON object".to_owned());
        };
        match fields.remove("kind") {
            Some(Value::String(kind)) => Self::read(&kind, Value::Object(fields)),
            _ => Err("it has no `kind`".to_owned()),
        }
    }
}

impl GroupRow {
    pub(super) fn group(self) -> Result<(Arc<str>, Group), Misread> {
        let id = UpstreamId::new(&filled("id", self.id)?);
        let directory = Arc::from(filled("directory", self.directory)?);
        Ok((directory, Group { id, dn: self.dn, name: self.name }))
    }
}

impl SwitchRow {
    pub(super) fn switch(self) -> Result<(String, String, StoredSwitch), Misread> {
        let (value, set_at) = (switch(&self.update_on_sign_on)?, time(&self.set_at)?);
        // A view's switch is of no directory.
        let directory = self.directory;
        Ok((directory, filled("user_type", self.user_type)?, StoredSwitch { value, set_at }))
    }
}

impl UserRow {
    /// The record, at no version yet, and its mark.
    pub(super) fn user(self) -> Result<(Record, Mark), Misread> {
        let reason = |name: &String| {
            let reason = InactiveReason::from_name(name);
            reason.ok_or_else(|| format!("there is no reason {name:?} to be inactive"))
        };
        let attributes = self.attributes.into_iter().map(|(name, values)| {
            let values = values.into_iter().map(AttributeValue::bytes);
            Ok((name, values.collect::<Result<Vec<_>, Misread>>()?))
        });
        let mut memberships = Memberships::new();
        for row in self.memberships {
            let (key, membership) = row.membership()?;
            let told = format!("{} by {}", key.group, key.provenance.name());
            if memberships.insert(key, membership).is_some() {
                return Err(format!("the membership in {told} stands there twice"));
            }
        }
        let record = Record {
            id: RecordId(Arc::from(filled("id", self.id)?)),
            key: UserKey {
                directory: Arc::from(filled("directory", self.directory)?),
                upstream_id: UpstreamId::new(&filled("upstream_id", self.upstream_id)?),
            },
            user_type: Arc::from(self.user_type),
            name: self.name,
            dn: self.dn,
            display_name: self.display_name,
            local_name: self.local_name,
            switch: self.update_on_sign_on.as_deref().map(switch).transpose()?,
            attributes: attributes.collect::<Result<_, Misread>>()?,
            inactive: self.inactive.iter().map(reason).collect::<Result<_, Misread>>()?,
            missing_since: self.missing_since.as_deref().map(time).transpose()?,
            collision: self.collision,
            memberships,
            created_at: time(&self.created_at)?,
            version: 0,
        };
        let mark = Mark {
            last_sign_on: time(&self.last_sign_on)?,
            observed_at: self.observed_at.as_deref().map(time).transpose()?,
            groups: outcome(&self.groups)?,
            seen: None,
        };
        Ok((record, mark))
    }
}

impl MembershipRow {
    fn of(key: &MembershipKey, membership: &Membership) -> Self {
        let path = membership.route.path.iter();
        Self {
            group: key.group.as_str().to_owned(),
            provenance: key.provenance.name().to_owned(),
            direct: membership.route.direct,
            path: path.map(|id| id.as_str().to_owned()).collect(),
            since: time_text(membership.since),
            in_review: membership.in_review,
            until: membership.until.map(time_text),
        }
    }

    fn membership(self) -> Result<(MembershipKey, Membership), Misread> {
        let provenance = Provenance::from_name(&self.provenance)
            .ok_or_else(|| format!("there is no provenance {:?}", self.provenance))?;
        let group = UpstreamId::new(&filled("group", self.group)?);
        let path = self.path.iter().map(|id| UpstreamId::new(id)).collect();
        let membership = Membership {
            route: Route { path, direct: self.direct },
            since: time(&self.since)?,
            in_review: self.in_review,
            until: self.until.as_deref().map(time).transpose()?,
        };
        Ok((MembershipKey { group, provenance }, membership))
    }
}

impl AttributeValue {
    fn of(value: &[u8]) -> Self {
        match std::str::from_utf8(value) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Bytes { base64: STANDARD.encode(value) },
        }
    }

    fn bytes(self) -> Result<Vec<u8>, Misread> {
        match self {
            Self::Text(text) => Ok(text.into_bytes()),
            Self::Bytes { base64 } => STANDARD
                .decode(base64)
                .map_err(|error| format!("an attribute's value is no base64: {error}")),
        }
    }
}

/// A text that must not be empty.
fn filled(field: &str, text: String) -> Result<String, Misread> {
    if text.is_empty() { Err(format!("`{field}` is empty")) } else { Ok(text) }
}

/// RFC 3339 where there is such a time, else microseconds behind an `@`.
fn time_text(at: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(at.0)
        .map_or_else(|_| format!("@{}", at.0), |time| time.to_string())
}

fn time(text: &str) -> Result<Timestamp, Misread> {
    let microseconds = match text.strip_prefix('@') {
        Some(number) => number.parse().ok(),
        None => text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_microsecond),
    };
    microseconds.map(Timestamp).ok_or_else(|| format!("{text:?} is no time (RFC 3339)"))
}

fn switch_text(switch: Switch) -> &'static str {
    match switch {
        Switch::On => "on",
        Switch::Off => "off",
    }
}

fn switch(text: &str) -> Result<Switch, Misread> {
    match text {
        "on" => Ok(Switch::On),
        "off" => Ok(Switch::Off),
        other => Err(format!("a switch is on or off, not {other:?}")),
    }
}

fn outcome_text(outcome: &GroupsOutcome) -> String {
    match outcome {
        GroupsOutcome::Known => "known".to_owned(),
        GroupsOutcome::Unknown(reason) => format!("unknown: {reason}"),
    }
}

fn outcome(text: &str) -> Result<GroupsOutcome, Misread> {
    let reason = match text.strip_prefix("unknown: ") {
        None if text == "known" => return Ok(GroupsOutcome::Known),
        None => None,
        Some(reason) => match reason.strip_prefix("result-code ") {
            Some(code) => code.parse().ok().map(UnknownReason::ResultCode),
            None => UnknownReason::from_name(reason),
        },
    };
    let reason = reason.ok_or_else(|| format!("groups are known or unknown, not {text:?}"))?;
    Ok(GroupsOutcome::Unknown(reason))
}
