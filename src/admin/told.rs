//! Explanations and previews as JSON.

use super::json::rfc3339;
use crate::app::groups::Left;
use crate::app::sign_on::{Foreseen, Verdict};
use crate::domain::change::Change;
use crate::domain::explain::{Cut, Explanation, Ground, Miss, NotFollowed, Today};
use crate::domain::observation::Observed;
use crate::domain::plan::Reactivation;
use crate::domain::record::{Group, UpstreamId};
use serde_json::{Value, json};

/// How a group is named.
pub(super) type Naming<'a> = &'a dyn Fn(&UpstreamId) -> Group;

fn group_json(group: &Group) -> Value {
    let or_null = |text: &String| (!text.is_empty()).then(|| text.clone());
    json!({ "id": group.id.as_str(), "dn": or_null(&group.dn), "name": or_null(&group.name) })
}

/// A group on a way: its DN, or its id where that is all that is known.
fn step(id: &UpstreamId, name: Naming<'_>) -> String {
    let group = name(id);
    if group.dn.is_empty() { format!("id:{id}") } else { group.dn }
}

/// Why a user is in a group, or is not.
pub(super) fn explanation(
    user: &str,
    group: &Group,
    explanation: &Explanation,
    name: Naming<'_>,
) -> Value {
    let grounds = explanation.grounds.iter().map(|one| ground(user, one, name));
    let misses = explanation.misses.iter().map(|one| miss(user, one, name));
    json!({
        "group": group_json(group),
        "member": explanation.is_member,
        "because": grounds.collect::<Vec<_>>(),
        "why_not": misses.collect::<Vec<_>>(),
    })
}

fn path(user: &str, way: &[UpstreamId], name: Naming<'_>) -> Vec<String> {
    std::iter::once(user.to_owned()).chain(way.iter().map(|id| step(id, name))).collect()
}

fn ground(user: &str, ground: &Ground, name: Naming<'_>) -> Value {
    let (today, cut) = match &ground.today {
        Today::NotItsOwn => (Value::Null, None),
        Today::Confirmed => ("confirmed".into(), None),
        Today::Gone(cut) => ("gone".into(), cut.as_ref()),
        Today::Unknown(reason) => (json!({ "unknown": reason.to_string() }), None),
    };
    json!({
        "provenance": ground.provenance.name(),
        "effective": ground.counts,
        "direct": ground.route.direct,
        "depth": ground.route.depth(),
        "path": path(user, &ground.route.path, name),
        "since": rfc3339(ground.since),
        "until": ground.until.map(rfc3339),
        "directory_says": today,
        "cut": cut.map(|cut| cut_json(user, cut, name)),
    })
}

/// When a user was in a group last.
pub(super) fn left(user: &str, left: &Left, name: Naming<'_>) -> Value {
    json!({
        "at": rfc3339(left.at), "cause": left.cause, "path": path(user, &left.way, name),
    })
}

fn cut_json(user: &str, cut: &Cut, name: Naming<'_>) -> Value {
    let path = path(user, &cut.way, name);
    let at = |index: usize| path.get(index).cloned();
    json!({ "path": path, "member": at(cut.holds), "group": at(cut.holds + 1) })
}

fn miss(user: &str, miss: &Miss, name: Naming<'_>) -> Value {
    match miss {
        Miss::NoRecord => json!({ "what": "no-record", "text": "there is no record" }),
        Miss::Inactive(reasons) => {
            let reasons: Vec<_> = reasons.iter().map(|reason| reason.name()).collect();
            let text = format!("the user is inactive: {}", reasons.join(", "));
            json!({ "what": "inactive", "reasons": reasons, "text": text })
        }
        Miss::Denied { since, until } => json!({
            "what": "pin-deny", "since": rfc3339(*since), "until": until.map(rfc3339),
            "text": "an admin has pinned the user out of it",
        }),
        Miss::InReview(provenance) => json!({
            "what": "in-review", "provenance": provenance.name(),
            "text": "the membership waits for an admin to confirm it",
        }),
        Miss::Ignored(rule) => json!({
            "what": "ignored", "rule": rule,
            "text": format!("ignored_groups leaves it alone: {rule:?}"),
        }),
        Miss::NotFollowed(why) => {
            let (why, text) = match why {
                NotFollowed::SwitchedOff => ("switched-off", "update on sign-on is off"),
                NotFollowed::FirstSignOnOnly => {
                    ("first-sign-on-only", "groups are taken over at the first sign-on only")
                }
                NotFollowed::Never => ("never", "the directory's groups are not taken over"),
            };
            json!({ "what": "not-followed", "why": why, "text": text })
        }
        Miss::NotYet(route) => json!({
            "what": "not-yet", "path": path(user, &route.path, name),
            "text": "the directory says it by now; the next sign-on adds it",
        }),
        Miss::Unknown(reason) => json!({
            "what": "unknown", "reason": reason.to_string(),
            "text": format!("it is not known what the directory says: {reason}"),
        }),
        Miss::Cut(cut) => {
            let mut told = cut_json(user, cut, name);
            let text = format!("{} is not in {}", said(&told["member"]), said(&told["group"]));
            told["what"] = "cut".into();
            told["text"] = text.into();
            told
        }
        Miss::NoWay => json!({
            "what": "no-way",
            "text": "the directory does not say it, and nobody is known to be in the group",
        }),
    }
}

fn said(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// What was read of the groups.
pub(super) fn groups(foreseen: &Foreseen) -> Value {
    match foreseen.observation.as_ref().map(|observation| &observation.groups) {
        Some(Observed::Known(_)) => "known".into(),
        Some(Observed::Unknown(reason)) => json!({ "unknown": reason.to_string() }),
        None => "entry-gone".into(),
    }
}

/// What a sign-on would do.
pub(super) fn preview(foreseen: &Foreseen, name: Naming<'_>) -> Value {
    let record = foreseen.stored.as_ref().map(|stored| &*stored.record);
    let entry = foreseen.observation.as_ref().map(|observation| &observation.user.entry.dn);
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
    let reason = foreseen.plan.as_ref().err().map(ToString::to_string);
    let plan = foreseen.plan.as_ref().ok();
    let changes = plan.map(|plan| plan.changes.iter()).into_iter().flatten();
    let changes: Vec<_> = changes.map(|one| change(one, name)).collect();
    let held: Vec<_> = foreseen.held.iter().map(|id| group_json(&name(id))).collect();
    let reactivation = match plan.map(|plan| plan.reactivation) {
        Some(Reactivation::Done) => "done".into(),
        Some(Reactivation::Held(reason)) => json!({ "unknown": reason.to_string() }),
        Some(Reactivation::None) | None => Value::Null,
    };
    json!({
        "user": {
            "id": record.map(|record| record.id.0.to_string()),
            "upstream_id": foreseen.key.upstream_id.as_str(),
            "directory": &*foreseen.key.directory,
            "user_type": foreseen.user_type.as_deref(),
            "name": record.map(|record| &record.name),
            "dn": record.map(|record| &record.dn).or(entry),
        },
        "at": rfc3339(foreseen.at),
        "outcome": outcome,
        "reason": reason,
        "bind": bind,
        "update_on_sign_on": foreseen.switch.is_on(),
        "view": foreseen.view,
        "observation": { "groups": groups(foreseen) },
        "reactivation": reactivation,
        "changes": changes,
        "held": held,
    })
}

/// One change.
pub(super) fn change(change: &Change, name: Naming<'_>) -> Value {
    let key = match change {
        Change::MembershipAdded { key, .. }
        | Change::MembershipRerouted { key, .. }
        | Change::MembershipRemoved { key }
        | Change::MembershipReview { key, .. } => Some(key),
        _ => None,
    };
    let Some(key) = key else {
        return json!({ "what": kind(change), "text": change.to_string() });
    };
    let group = name(&key.group);
    let shown = if group.name.is_empty() { format!("id:{}", group.id) } else { group.name.clone() };
    let verb = match change {
        Change::MembershipAdded { .. } => "joins",
        Change::MembershipRerouted { .. } => "reaches by another way",
        Change::MembershipRemoved { .. } => "leaves",
        _ => "has in review",
    };
    json!({
        "what": kind(change),
        "text": format!("{verb} {shown} ({})", key.provenance.name()),
        "group": group_json(&group),
        "provenance": key.provenance.name(),
    })
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
