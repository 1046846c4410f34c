//! Explanations and previews as JSON.

use super::json::{GroupJson, GroupsRead, Observation, Time, rfc3339};
use super::sights::SightJson;
use crate::app::groups::Left;
use crate::app::sign_on::{Foreseen, Verdict};
use crate::domain::change::Change;
use crate::domain::explain::{Cut, Explanation, Ground, Miss, NotFollowed, Today};
use crate::domain::observation::Observed;
use crate::domain::plan::Reactivation;
use crate::domain::record::{Group, UpstreamId};
use schemars::JsonSchema;
use serde::Serialize;

/// How a group is named.
pub(super) type Naming<'a> = &'a dyn Fn(&UpstreamId) -> Group;

/// Why a user is in a group, or is not.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Explanation")]
pub(super) struct ExplanationJson {
    group: GroupJson,
    member: bool,
    because: Vec<GroundJson>,
    why_not: Vec<MissJson>,
    /// When the user was in it last.
    #[serde(skip_serializing_if = "Option::is_none")]
    left: Option<LeftJson>,
    /// Views that show it otherwise than without a view; the one that is asked about in any case.
    views: Vec<SightJson>,
}

impl ExplanationJson {
    /// The same with what views make of it.
    pub(super) fn seen_in(self, views: Vec<SightJson>) -> Self {
        Self { views, ..self }
    }
}

/// Who says that a user is in a group.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Ground")]
struct GroundJson {
    provenance: &'static str,
    effective: bool,
    direct: bool,
    depth: usize,
    path: Vec<String>,
    since: Time,
    until: Option<Time>,
    /// Whether the directory says so still; null where it is not for it to say.
    directory_says: Option<Says>,
    /// Where the way is cut, if it is.
    cut: Option<CutJson>,
}

/// What the directory says today.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "DirectorySays")]
enum Says {
    Confirmed,
    Gone,
    Unknown(String),
}

/// A way, and the step of it that is missing.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Cut")]
struct CutJson {
    path: Vec<String>,
    /// Who is not in the group.
    member: Option<String>,
    /// The group that it is about.
    group: Option<String>,
}

/// Why a user is not in a group.
#[derive(Default, Serialize, JsonSchema)]
#[schemars(rename = "Miss")]
struct MissJson {
    what: &'static str,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasons: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provenance: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
}

/// When a user was in a group last.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Left")]
struct LeftJson {
    at: Time,
    cause: &'static str,
    path: Vec<String>,
}

/// What a sign-on would do.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Preview")]
pub(super) struct PreviewJson {
    user: PreviewUser,
    at: Time,
    /// `created`, `changed`, `unchanged` or `not-provisioned`.
    outcome: &'static str,
    /// Why the user gets no record.
    reason: Option<String>,
    /// How the bind would be answered, once the directory has said success.
    bind: &'static str,
    update_on_sign_on: bool,
    /// The view that says so.
    view: Option<String>,
    observation: Observation,
    /// Whether the user would be taken back.
    reactivation: Option<ReactivationJson>,
    changes: Vec<ChangeJson>,
    /// Groups that would have nobody any more: this part would be held.
    held: Vec<GroupJson>,
}

/// Whether a user would be taken back.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Reactivation")]
enum ReactivationJson {
    Done,
    Unknown(String),
}

/// Whom a preview is about.
#[derive(Serialize, JsonSchema)]
struct PreviewUser {
    id: Option<String>,
    upstream_id: String,
    directory: String,
    user_type: Option<String>,
    name: Option<String>,
    dn: Option<String>,
}

/// A change that would be made.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PlannedChange")]
pub(super) struct ChangeJson {
    what: &'static str,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<GroupJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provenance: Option<&'static str>,
}

pub(super) fn group_json(group: &Group) -> GroupJson {
    let or_none = |text: &String| (!text.is_empty()).then(|| text.clone());
    let (dn, name) = (or_none(&group.dn), or_none(&group.name));
    GroupJson { id: group.id.to_string(), dn, name }
}

/// A group on a way: its DN, or its id where that is all that is known.
fn step(id: &UpstreamId, name: Naming<'_>) -> String {
    let group = name(id);
    if group.dn.is_empty() { format!("id:{id}") } else { group.dn }
}

/// Why a user is in a group, or is not, and when that was so last.
pub(super) fn explanation(
    user: &str,
    group: &Group,
    explanation: &Explanation,
    left: Option<&Left>,
    name: Naming<'_>,
) -> ExplanationJson {
    ExplanationJson {
        group: group_json(group),
        member: explanation.is_member,
        because: explanation.grounds.iter().map(|one| ground(user, one, name)).collect(),
        why_not: explanation.misses.iter().map(|one| miss(user, one, name)).collect(),
        left: left.map(|left| LeftJson {
            at: rfc3339(left.at),
            cause: left.cause,
            path: path(user, &left.way, name),
        }),
        views: Vec::new(),
    }
}

fn path(user: &str, way: &[UpstreamId], name: Naming<'_>) -> Vec<String> {
    std::iter::once(user.to_owned()).chain(way.iter().map(|id| step(id, name))).collect()
}

fn ground(user: &str, ground: &Ground, name: Naming<'_>) -> GroundJson {
    let (today, cut) = match &ground.today {
        Today::NotItsOwn => (None, None),
        Today::Confirmed => (Some(Says::Confirmed), None),
        Today::Gone(cut) => (Some(Says::Gone), cut.as_ref()),
        Today::Unknown(reason) => (Some(Says::Unknown(reason.to_string())), None),
    };
    GroundJson {
        provenance: ground.provenance.name(),
        effective: ground.counts,
        direct: ground.route.direct,
        depth: ground.route.depth(),
        path: path(user, &ground.route.path, name),
        since: rfc3339(ground.since),
        until: ground.until.map(rfc3339),
        directory_says: today,
        cut: cut.map(|cut| cut_json(user, cut, name)),
    }
}

fn cut_json(user: &str, cut: &Cut, name: Naming<'_>) -> CutJson {
    let path = path(user, &cut.way, name);
    let at = |index: usize| path.get(index).cloned();
    CutJson { member: at(cut.holds), group: at(cut.holds + 1), path }
}

fn miss(user: &str, miss: &Miss, name: Naming<'_>) -> MissJson {
    let plain = |what, text: &str| MissJson { what, text: text.to_owned(), ..MissJson::default() };
    match miss {
        Miss::NoRecord => plain("no-record", "there is no record"),
        Miss::Inactive(reasons) => {
            let reasons: Vec<_> = reasons.iter().map(|reason| reason.name()).collect();
            let text = format!("the user is inactive: {}", reasons.join(", "));
            MissJson { reasons: Some(reasons), ..plain("inactive", &text) }
        }
        Miss::Denied { since, until } => MissJson {
            since: Some(rfc3339(*since)),
            until: until.map(rfc3339),
            ..plain("pin-deny", "an admin has pinned the user out of it")
        },
        Miss::InReview(provenance) => MissJson {
            provenance: Some(provenance.name()),
            ..plain("in-review", "the membership waits for an admin to confirm it")
        },
        Miss::Ignored(rule) => {
            let text = format!("ignored_groups leaves it alone: {rule:?}");
            MissJson { rule: Some(rule.to_string()), ..plain("ignored", &text) }
        }
        Miss::NotFollowed(why) => {
            let (why, text) = match why {
                NotFollowed::SwitchedOff => ("switched-off", "update on sign-on is off"),
                NotFollowed::FirstSignOnOnly => {
                    ("first-sign-on-only", "groups are taken over at the first sign-on only")
                }
                NotFollowed::Never => ("never", "the directory's groups are not taken over"),
            };
            MissJson { why: Some(why), ..plain("not-followed", text) }
        }
        Miss::NotYet(route) => MissJson {
            path: Some(path(user, &route.path, name)),
            ..plain("not-yet", "the directory says it by now; the next sign-on adds it")
        },
        Miss::Unknown(reason) => {
            let text = format!("it is not known what the directory says: {reason}");
            MissJson { reason: Some(reason.to_string()), ..plain("unknown", &text) }
        }
        Miss::Cut(cut) => {
            let CutJson { path, member, group } = cut_json(user, cut, name);
            let said = |name: &Option<String>| name.clone().unwrap_or_default();
            let text = format!("{} is not in {}", said(&member), said(&group));
            MissJson { path: Some(path), member, group, ..plain("cut", &text) }
        }
        Miss::NoWay => {
            plain("no-way", "the directory does not say it, and nobody is known to be in the group")
        }
    }
}

/// What was read of the groups.
pub(super) fn groups(foreseen: &Foreseen) -> GroupsRead {
    match foreseen.observation.as_ref().map(|observation| &observation.groups) {
        Some(Observed::Known(_)) => GroupsRead::Known,
        Some(Observed::Unknown(reason)) => GroupsRead::Unknown(reason.to_string()),
        None => GroupsRead::EntryGone,
    }
}

/// What a sign-on would do.
pub(super) fn preview(foreseen: &Foreseen, name: Naming<'_>) -> PreviewJson {
    let record = foreseen.stored.as_ref().map(|stored| &*stored.record);
    let outcome = match (&foreseen.plan, record) {
        (Err(_), _) => "not-provisioned",
        (Ok(_), None) => "created",
        (Ok(plan), Some(_)) if plan.changes.is_empty() => "unchanged",
        (Ok(_), Some(_)) => "changed",
    };
    let bind = match (foreseen.observation.is_some(), foreseen.verdict) {
        (false, _) => "entry-gone",
        (true, Verdict::Admit) => "as-the-directory-answers",
        (true, Verdict::Refuse(_)) => "refused",
    };
    let plan = foreseen.plan.as_ref().ok();
    let changes = plan.map(|plan| plan.changes.iter()).into_iter().flatten();
    let reactivation = match plan.map(|plan| plan.reactivation) {
        Some(Reactivation::Done) => Some(ReactivationJson::Done),
        Some(Reactivation::Held(reason)) => Some(ReactivationJson::Unknown(reason.to_string())),
        Some(Reactivation::None) | None => None,
    };
    PreviewJson {
        user: preview_user(foreseen),
        at: rfc3339(foreseen.at),
        outcome,
        reason: foreseen.plan.as_ref().err().map(ToString::to_string),
        bind,
        update_on_sign_on: foreseen.switch.is_on(),
        view: foreseen.view.clone(),
        observation: Observation { groups: groups(foreseen) },
        reactivation,
        changes: changes.map(|one| change(one, name)).collect(),
        held: foreseen.held.iter().map(|id| group_json(&name(id))).collect(),
    }
}

fn preview_user(foreseen: &Foreseen) -> PreviewUser {
    let record = foreseen.stored.as_ref().map(|stored| &*stored.record);
    let entry = foreseen.observation.as_ref().map(|observation| &observation.user.entry.dn);
    PreviewUser {
        id: record.map(|record| record.id.0.to_string()),
        upstream_id: foreseen.key.upstream_id.to_string(),
        directory: foreseen.key.directory.to_string(),
        user_type: foreseen.user_type.as_deref().map(str::to_owned),
        name: record.map(|record| record.name.clone()),
        dn: record.map(|record| &record.dn).or(entry).cloned(),
    }
}

/// One change.
pub(super) fn change(change: &Change, name: Naming<'_>) -> ChangeJson {
    let what = kind(change);
    let key = match change {
        Change::MembershipAdded { key, .. }
        | Change::MembershipRerouted { key, .. }
        | Change::MembershipRemoved { key }
        | Change::MembershipReview { key, .. } => key,
        _ => {
            return ChangeJson { what, text: change.to_string(), group: None, provenance: None };
        }
    };
    let group = name(&key.group);
    let shown = if group.name.is_empty() { format!("id:{}", group.id) } else { group.name.clone() };
    let verb = match change {
        Change::MembershipAdded { .. } => "joins",
        Change::MembershipRerouted { .. } => "reaches by another way",
        Change::MembershipRemoved { .. } => "leaves",
        _ => "has in review",
    };
    let provenance = key.provenance.name();
    let text = format!("{verb} {shown} ({provenance})");
    ChangeJson { what, text, group: Some(group_json(&group)), provenance: Some(provenance) }
}

fn kind(change: &Change) -> &'static str {
    match change {
        Change::Created { .. } => "created",
        Change::TypeChanged(_) => "user-type",
        Change::Renamed(_) => "name",
        Change::Moved(_) => "dn",
        Change::DisplayNamed(_) => "display-name",
        Change::AttributeSet { .. } => "attribute",
        Change::MembershipAdded { .. } => "joined",
        Change::MembershipRerouted { .. } => "rerouted",
        Change::MembershipRemoved { .. } => "left",
        Change::MembershipReview { .. } => "review",
        Change::Deactivated { .. } => "inactive",
        Change::ReasonLifted(_) => "active",
        Change::Collided(_) => "collision",
        Change::LocallyNamed(_) => "local-name",
        Change::SwitchSet(_) => "switch",
    }
}
