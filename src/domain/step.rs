//! What a change was, with what was there before and after: for the audit, so never an attribute's
//! value and never a name for people.

use super::change::{Change, apply, switch_name};
use super::record::{MembershipKey, Provenance, Record, UpstreamId};

/// One change as the audit keeps it. Nothing before is a beginning, nothing after an end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Step {
    /// Of what: `record`, `user-type`, `name`, `dn`, `display-name`, `local-name`, `attribute`,
    /// `membership`, `state`, `collision`, `switch`.
    pub what: String,
    /// Which of them: an attribute's name, a group's id, a reason.
    pub of: Option<String>,
    /// Who says so, of a membership.
    pub provenance: Option<Provenance>,
    /// What was there: of a membership the ids on the way to the group.
    pub before: Vec<String>,
    /// What is there since.
    pub after: Vec<String>,
}

impl Step {
    fn new(what: &str, before: Option<&str>, after: Option<&str>) -> Self {
        let list = |text: Option<&str>| text.map(str::to_owned).into_iter().collect();
        Self { what: what.to_owned(), before: list(before), after: list(after), ..Self::default() }
    }

    fn of(self, of: &str) -> Self {
        Self { of: Some(of.to_owned()), ..self }
    }

    /// The way to a group that ended with this step, if it ended one that the directory said.
    pub fn ended(&self, group: &UpstreamId) -> Option<Vec<UpstreamId>> {
        let is_end = self.what == MEMBERSHIP
            && self.of.as_deref() == Some(group.as_str())
            && self.provenance == Some(Provenance::Managed)
            && self.after.is_empty()
            && !self.before.is_empty();
        is_end.then(|| self.before.iter().map(|id| UpstreamId::new(id)).collect())
    }
}

const MEMBERSHIP: &str = "membership";

/// What these changes make of the record, step by step, up to the first that does not fit.
pub fn steps(record: Option<&Record>, changes: &[Change]) -> Vec<Step> {
    let mut record = record.cloned();
    let mut steps = Vec::with_capacity(changes.len());
    for change in changes {
        let step = step(record.as_ref(), change);
        let Ok(next) = apply(record.take(), std::slice::from_ref(change)) else { break };
        record = next;
        steps.push(step);
    }
    steps
}

fn step(record: Option<&Record>, change: &Change) -> Step {
    let told = |is_there: bool| is_there.then_some("set");
    match change {
        Change::Created { id, .. } => Step::new("record", None, Some(&id.0)),
        Change::TypeChanged(to) => Step::new("user-type", record.map(|r| &*r.user_type), Some(to)),
        Change::Renamed(to) => Step::new("name", record.map(|r| r.name.as_str()), Some(to)),
        Change::Moved(to) => Step::new("dn", record.map(|r| r.dn.as_str()), Some(to)),
        Change::DisplayNamed(to) => {
            let before = record.is_some_and(|r| r.display_name.is_some());
            Step::new("display-name", told(before), told(to.is_some()))
        }
        Change::LocallyNamed(to) => {
            let before = record.is_some_and(|r| r.local_name.is_some());
            Step::new("local-name", told(before), told(to.is_some()))
        }
        Change::AttributeSet { name, values } => {
            let before = record.and_then(|r| r.attributes.get(name)).map(Vec::len);
            let count = |n: usize| format!("{n} values");
            let before = before.map(count);
            let after = (!values.is_empty()).then(|| count(values.len()));
            Step::new("attribute", before.as_deref(), after.as_deref()).of(name)
        }
        Change::Deactivated { reason, .. } => {
            Step::new("state", None, Some("inactive")).of(reason.name())
        }
        Change::ReasonLifted(reason) => {
            Step::new("state", Some("inactive"), None).of(reason.name())
        }
        Change::Collided(to) => {
            let before = record.and_then(|r| r.collision.as_deref());
            Step::new("collision", before, to.as_deref())
        }
        Change::SwitchSet(to) => {
            let before = switch_name(record.and_then(|r| r.switch));
            Step::new("switch", Some(before), Some(switch_name(*to)))
        }
        Change::MembershipAdded { .. }
        | Change::MembershipRerouted { .. }
        | Change::MembershipRemoved { .. }
        | Change::MembershipReview { .. } => membership(record, change),
    }
}

fn membership(record: Option<&Record>, change: &Change) -> Step {
    let ids = |path: &[UpstreamId]| path.iter().map(|id| id.to_string()).collect::<Vec<_>>();
    let kept = |key: &MembershipKey| {
        let row = record.and_then(|r| r.memberships.get(key));
        row.map(|row| ids(&row.route.path)).unwrap_or_default()
    };
    let of = |key: &MembershipKey, what: &str, before, after| Step {
        what: what.to_owned(),
        of: Some(key.group.to_string()),
        provenance: Some(key.provenance),
        before,
        after,
    };
    match change {
        Change::MembershipAdded { key, membership } => {
            of(key, MEMBERSHIP, Vec::new(), ids(&membership.route.path))
        }
        Change::MembershipRerouted { key, route } => {
            of(key, MEMBERSHIP, kept(key), ids(&route.path))
        }
        Change::MembershipRemoved { key } => of(key, MEMBERSHIP, kept(key), Vec::new()),
        Change::MembershipReview { key, in_review } => {
            let state = |in_review: bool| {
                vec![if in_review { "in review" } else { "confirmed" }.to_owned()]
            };
            of(key, "review", state(!in_review), state(*in_review))
        }
        _ => Step::default(),
    }
}
