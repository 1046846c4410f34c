//! The shapes of JSON: fields are added, never renamed.

use super::answer::Refusal;
use crate::app::events::AuditEntry;
use crate::app::ports::{Records, Stored};
use crate::app::switches::{Listed, Source};
use crate::domain::policy::Switch;
use crate::domain::record::{
    GroupsOutcome, Membership, MembershipKey, Provenance, Record, UpstreamId,
};
use crate::domain::time::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What stands before an attribute value that is not text.
const BASE64_PREFIX: &str = "base64:";

/// The parts of a user that a listing shows.
#[derive(Serialize, JsonSchema)]
pub(super) struct UserSummary {
    id: String,
    upstream_id: String,
    directory: String,
    user_type: String,
    name: String,
    dn: String,
    display_name: Option<String>,
    /// The name for people that the directory gives, where an admin gave another.
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_display_name: Option<String>,
    /// Whether this record follows the directory, where an admin said so for it alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    update_on_sign_on: Option<bool>,
    state: State,
    last_sign_on: Time,
    observed_at: Option<Time>,
    observation: Observation,
    /// How many groups are effective.
    effective_groups: usize,
}

impl UserSummary {
    pub(super) fn new(stored: &Stored) -> Self {
        let (record, mark) = (&*stored.record, &stored.mark);
        let upstream_name = record.display_name.clone().filter(|_| record.local_name.is_some());
        Self {
            id: record.id.0.to_string(),
            upstream_id: record.key.upstream_id.to_string(),
            directory: record.key.directory.to_string(),
            user_type: record.user_type.to_string(),
            name: record.name.clone(),
            dn: record.dn.clone(),
            display_name: record.shown_name().map(str::to_owned),
            upstream_display_name: upstream_name,
            update_on_sign_on: record.switch.map(Switch::is_on),
            state: State {
                active: record.is_active(),
                reasons: record.inactive.iter().map(|reason| reason.name()).collect(),
                missing_since: record.missing_since.map(rfc3339),
                collision: record.collision.clone(),
            },
            last_sign_on: rfc3339(mark.last_sign_on),
            observed_at: mark.observed_at.map(rfc3339),
            observation: Observation::of(&mark.groups),
            effective_groups: record.effective_groups().len(),
        }
    }
}

/// A user with everything that is kept.
#[derive(Serialize, JsonSchema)]
pub(super) struct User {
    #[serde(flatten)]
    summary: UserSummary,
    /// By name; a value that is no text is `base64:` and its Base64.
    attributes: BTreeMap<String, Vec<String>>,
    memberships: Vec<MembershipJson>,
}

impl User {
    pub(super) fn new(stored: &Stored, records: &impl Records) -> Self {
        let record = &*stored.record;
        let values = |values: &Vec<Vec<u8>>| values.iter().map(|value| text(value)).collect();
        let membership = |(key, membership)| MembershipJson::new(record, key, membership, records);
        Self {
            summary: UserSummary::new(stored),
            attributes: record
                .attributes
                .iter()
                .map(|(name, all)| (name.clone(), values(all)))
                .collect(),
            memberships: by_name(record.memberships.iter().map(membership).collect()),
        }
    }
}

/// Memberships as somebody looks them up: by the group's name, whatever its case, then by DN, id
/// and provenance; those of groups that are no longer kept come last.
fn by_name(mut memberships: Vec<MembershipJson>) -> Vec<MembershipJson> {
    memberships.sort_by_cached_key(|membership| {
        let group = &membership.group;
        let name = group.name.as_ref().map(|name| name.to_lowercase());
        (name.is_none(), name, group.dn.clone(), group.id.clone(), membership.provenance)
    });
    memberships
}

#[derive(Serialize, JsonSchema)]
struct State {
    active: bool,
    reasons: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing_since: Option<Time>,
    /// The user name that the directory gives, while another record has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    collision: Option<String>,
}

/// What the last look at a user said.
#[derive(Serialize, JsonSchema)]
pub(super) struct Observation {
    pub(super) groups: GroupsRead,
}

/// What was read of a user's groups.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum GroupsRead {
    /// All of them.
    Known,
    /// There is no entry.
    EntryGone,
    /// They could not be read, and why.
    Unknown(String),
}

impl Observation {
    fn of(outcome: &GroupsOutcome) -> Self {
        let groups = match outcome {
            GroupsOutcome::Known => GroupsRead::Known,
            GroupsOutcome::Unknown(reason) => GroupsRead::Unknown(reason.to_string()),
        };
        Self { groups }
    }
}

/// One membership. A group that is no longer kept has an id, but neither DN nor name.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Membership")]
struct MembershipJson {
    group: GroupJson,
    provenance: &'static str,
    effective: bool,
    /// Whether an admin has to confirm it before it counts.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    in_review: bool,
    direct: bool,
    depth: usize,
    path: Vec<String>,
    since: Time,
    /// When it ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Time>,
}

/// A group by its names; one that is no longer kept has an id alone.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "GroupNames")]
pub(super) struct GroupJson {
    pub(super) id: String,
    pub(super) dn: Option<String>,
    pub(super) name: Option<String>,
}

impl MembershipJson {
    fn new(
        record: &Record,
        key: &MembershipKey,
        membership: &Membership,
        records: &impl Records,
    ) -> Self {
        let find = |id: &UpstreamId| records.group(&record.key.directory, id);
        let step =
            |id: &UpstreamId| find(id).map_or_else(|| format!("id:{id}"), |group| group.dn.clone());
        let group = find(&key.group);
        Self {
            group: GroupJson {
                id: key.group.to_string(),
                dn: group.as_ref().map(|group| group.dn.clone()),
                name: group.as_ref().map(|group| group.name.clone()),
            },
            provenance: key.provenance.name(),
            effective: record.is_effective(key),
            in_review: membership.in_review,
            direct: membership.route.direct,
            depth: membership.route.depth(),
            path: std::iter::once(record.dn.clone())
                .chain(membership.route.path.iter().map(step))
                .collect(),
            since: rfc3339(membership.since),
            until: membership.until.map(rfc3339),
        }
    }
}

/// A group that is kept.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Group")]
pub(super) struct GroupSummary {
    id: String,
    directory: String,
    name: String,
    dn: String,
    /// `directory`, or `own`: one of the gateway's.
    kind: &'static str,
    /// How many are in it effectively.
    members: usize,
}

impl GroupSummary {
    pub(super) fn new(listed: &crate::app::groups::Listed) -> Self {
        Self {
            id: listed.group.id.to_string(),
            directory: listed.directory.to_string(),
            name: listed.group.name.clone(),
            dn: listed.group.dn.clone(),
            kind: if listed.is_own() { "own" } else { "directory" },
            members: listed.members,
        }
    }
}

/// A user type with its switch.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "UserType")]
pub(super) struct UserTypeJson {
    directory: String,
    name: String,
    update_on_sign_on: bool,
    source: &'static str,
    set_at: Option<Time>,
    /// What `default` would lead to.
    file: bool,
}

impl From<Listed> for UserTypeJson {
    fn from(listed: Listed) -> Self {
        Self {
            directory: listed.directory.to_string(),
            name: listed.user_type.to_string(),
            update_on_sign_on: listed.value.is_on(),
            source: listed.source.name(),
            set_at: match listed.source {
                Source::File => None,
                Source::Stored { set_at } => Some(rfc3339(set_at)),
            },
            file: listed.file.is_on(),
        }
    }
}

/// A row of the audit.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AuditRow")]
pub(super) struct AuditJson {
    sequence: i64,
    at: Time,
    cause: &'static str,
    actor: String,
    action: &'static str,
    user: Option<AuditUser>,
    detail: String,
    /// What the observation said of the groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    observation: Option<String>,
    /// Each change with what was there before and after.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<StepJson>,
}

/// A change with what was there before and after.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Change")]
struct StepJson {
    what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<String>,
    /// The name of the group that it is of, as it is called now.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provenance: Option<&'static str>,
    before: Vec<String>,
    after: Vec<String>,
}

/// Whom a row is about.
#[derive(Serialize, JsonSchema)]
struct AuditUser {
    directory: String,
    upstream_id: String,
    /// As the user is called now.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

impl AuditJson {
    /// A row, about the user of that name; `group` names a group by its id.
    pub(super) fn new(
        entry: AuditEntry,
        name: Option<String>,
        group: &dyn Fn(&str) -> Option<String>,
    ) -> Self {
        let user = entry.user.map(|key| AuditUser {
            directory: key.directory.to_string(),
            upstream_id: key.upstream_id.to_string(),
            name,
        });
        let changes = entry.steps.into_iter().map(|step| StepJson {
            name: step.provenance.and(step.of.as_deref()).and_then(group),
            what: step.what,
            of: step.of,
            provenance: step.provenance.map(Provenance::name),
            before: step.before,
            after: step.after,
        });
        let changes = changes.collect();
        Self {
            sequence: entry.sequence,
            at: rfc3339(entry.at),
            cause: entry.cause,
            actor: entry.actor,
            action: entry.action,
            user,
            detail: entry.detail,
            observation: entry.outcome,
            changes,
        }
    }
}

/// A moment as RFC 3339 writes it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Time(String);

impl JsonSchema for Time {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

/// A moment from RFC 3339.
pub(super) fn moment(text: &str) -> Result<Timestamp, Refusal> {
    let parsed: Result<jiff::Timestamp, _> = text.parse();
    let wrong = |_| Refusal::BadRequest(format!("{text:?} is no time as RFC 3339 writes it"));
    parsed.map(|at| Timestamp(at.as_microsecond())).map_err(wrong)
}

/// A moment as RFC 3339 in UTC; one that no calendar holds is shown as the nearest that one does.
pub(super) fn rfc3339(at: Timestamp) -> Time {
    let nearest = if at.0 < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
    Time(jiff::Timestamp::from_microsecond(at.0).unwrap_or(nearest).to_string())
}

/// An attribute value: itself if it is UTF-8, else `base64:` and its Base64 (RFC 4648 section 4).
/// A text that begins with `base64:` is written in Base64 too, so that reading back is certain.
fn text(value: &[u8]) -> String {
    match std::str::from_utf8(value) {
        Ok(text) if !text.starts_with(BASE64_PREFIX) => text.to_owned(),
        _ => format!("{BASE64_PREFIX}{}", base64(value)),
    }
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |index| u32::from(chunk.get(index).copied().unwrap_or(0));
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let sextet = (group >> (18 - 6 * place)) & 63;
            let is_padding = place > chunk.len();
            out.push(if is_padding { '=' } else { char::from(ALPHABET[sextet as usize]) });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &[u8], expected: &str) {
        assert_eq!(text(value), expected);
    }

    #[test]
    fn a_value_that_is_no_text_is_written_in_base64() {
        check("Zoë".as_bytes(), "Zoë");
        check(b"", "");
        check(b"\xff", "base64:/w==");
        check(b"\xff\xfe", "base64://4=");
        check(b"\xff\xfe\xfd", "base64://79");
        check(b"\xff\xfe\xfd\0", "base64://79AA==");
        check(b"base64:x", "base64:YmFzZTY0Ong=");
    }

    #[test]
    fn a_moment_is_rfc_3339_in_utc_and_never_a_panic() {
        assert_eq!(rfc3339(Timestamp(0)).0, "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(Timestamp(1_500_000)).0, "1970-01-01T00:00:01.5Z");
        assert!(rfc3339(Timestamp(i64::MAX)).0.starts_with("9999-"));
        assert!(rfc3339(Timestamp(i64::MIN)).0.starts_with("-009999-"));
    }
}
