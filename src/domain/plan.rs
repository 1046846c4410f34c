//! Observation, record, policy and time in; the changes that bring the record up to date out.
//!
//! What a plan never does: it never removes because of something unknown (S3.2), never changes a
//! membership that is neither managed nor given by the configuration (S7.2), never takes a user back
//! whose groups are unknown (S4.4), and never goes back to what was seen before the record was
//! brought up to date last. Applied, it leaves nothing to plan for the same observation (S3.7). It
//! depends on no order that LDAP gives no meaning to: values of an attribute are a set (RFC 4511
//! section 4.1.7).
//!
//! The caller has settled the identity: the question's key is the observed entry's, and the
//! record, if there is one, is that key's. Another upstream id is another user, whatever the names
//! say (S4.6, S7.4).

mod attributes;
mod groups;
mod lifecycle;
mod naming;

use super::change::Change;
use super::observation::{Observation, UnknownReason};
use super::policy::{GroupSync, Switch, UserType};
use super::record::{Group, Record, RecordId, UpstreamId, UserKey};
use super::time::Timestamp;
use groups::Extent;
use lifecycle::Course;

pub use attributes::doubtful;
pub use lifecycle::{is_to_be_deleted, missing};
pub use naming::user_name;

/// The most changes that [`Plan::describe`] tells one by one; the rest is counted.
pub const MAX_DESCRIBED: usize = 200;

/// What the gateway already keeps of the directory's groups.
pub trait KnownGroups {
    /// Whether exactly this group, with this DN and name, is kept.
    fn holds(&self, group: &Group) -> bool;
    /// The group of this id that is kept, whatever its name.
    fn group(&self, id: &UpstreamId) -> Option<Group>;
}

/// Whose the user names of a user type are.
pub trait Names {
    /// Whether the record of another user, who is not missing, has this name.
    fn is_taken(&self, name: &str) -> bool;
}

/// Groups that the configuration gives, as far as they were found.
#[derive(Debug, Clone, Default)]
pub struct Assigned {
    /// To records that are made.
    pub at_first: Vec<Group>,
    /// At every sign-on.
    pub always: Vec<Group>,
    /// To those that were missing for too long.
    pub parking: Option<Group>,
}

/// Why the directory was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The user signed on.
    SignOn,
    /// The gateway looked by itself: nobody showed that the account can be used.
    Reconciliation,
}

/// All that a plan depends on.
pub struct Question<'a> {
    /// The record, if there is one.
    pub record: Option<&'a Record>,
    /// Whose it is or will be.
    pub key: &'a UserKey,
    /// What was learnt.
    pub observation: &'a Observation,
    /// When the reads were sent that the record was brought up to date with last.
    pub observed_at: Option<Timestamp>,
    /// The user type that takes the entry, if one does.
    pub user_type: Option<&'a UserType>,
    /// The switch as it stands now: run-time value over file.
    pub update_on_sign_on: Switch,
    /// The groups that are kept already.
    pub groups: &'a dyn KnownGroups,
    /// The names of other users.
    pub names: &'a dyn Names,
    /// What the configuration gives.
    pub assigned: &'a Assigned,
    /// Why the directory was read.
    pub cause: Cause,
    /// The id to give to a new record.
    pub new_id: &'a RecordId,
    /// Now.
    pub now: Timestamp,
}

impl Question<'_> {
    /// Whether the record knows younger reads than these. A time that is still to come is none: the
    /// clock was set back, and nothing would be believed until it has caught up.
    fn is_stale(&self) -> bool {
        let sent_at = self.observation.sent_at;
        self.observed_at.is_some_and(|last| sent_at < last && last <= self.now)
    }
}

/// Whether the directory takes a user back whom it had let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reactivation {
    /// There is nothing to take back, or it is not taken back.
    #[default]
    None,
    /// It does.
    Done,
    /// It does, but something that has to be known for it is not.
    Held(UnknownReason),
}

/// What is to be written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// The record's changes, in order; empty if it is up to date.
    pub changes: Vec<Change>,
    /// Groups that are new, renamed or moved.
    pub groups: Vec<Group>,
    /// Whether the user is taken back.
    pub reactivation: Reactivation,
    /// Groups of the directory that are not kept, and are not to be (S5.5).
    pub skipped: Vec<Group>,
}

impl Plan {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.groups.is_empty()
    }

    /// How many memberships begin.
    pub fn added(&self) -> usize {
        self.changes.iter().filter(|c| matches!(c, Change::MembershipAdded { .. })).count()
    }

    /// How many memberships end.
    pub fn removed(&self) -> usize {
        self.changes.iter().filter(|c| matches!(c, Change::MembershipRemoved { .. })).count()
    }

    /// The plan as text for a person, for the audit: a line a change, then a line a group, without
    /// attribute values; at most [`MAX_DESCRIBED`] lines and one that counts the rest.
    pub fn describe(&self) -> String {
        let changes = self.changes.iter().map(Change::to_string);
        let groups = self.groups.iter().map(describe_group);
        let mut lines: Vec<String> = changes.chain(groups).take(MAX_DESCRIBED).collect();
        let left = self.changes.len() + self.groups.len() - lines.len();
        if left > 0 {
            lines.push(format!("and {left} more"));
        }
        lines.join("\n")
    }
}

/// Whether a sign-on asks for the directory's groups: whoever may be taken back is asked for whatever
/// the record follows otherwise.
pub fn asks_for_groups(user_type: &UserType, switch: Switch, record: Option<&Record>) -> bool {
    let follows = match (user_type.groups, record) {
        (GroupSync::Always, Some(_)) => switch.is_on(),
        (GroupSync::Always | GroupSync::FirstSignOn, None) => true,
        (GroupSync::FirstSignOn, Some(_)) | (GroupSync::Never, _) => false,
    };
    let may_return =
        |record: &Record| record.is_suspended() && record.managed_memberships().next().is_some();
    follows || record.is_some_and(may_return)
}

/// Why a user who signed on gets no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoPlan {
    /// The user name's attribute has no value, several, or one that is not text.
    #[error("the entry has no single user name")]
    NoUserName,
    /// `create` is off and there is no record.
    #[error("records are not made for this user type")]
    NotCreated,
    /// No user type takes the entry, and there is no record.
    #[error("the entry is no user's")]
    NotAUser,
}

/// The changes that bring the record up to date: a total, pure function.
///
/// With the switch off nothing is learnt after the first sign-on but whether the user is active
/// (S5.2), also by a record whose groups were unknown when it was made. Likewise `first-sign-on`
/// takes groups over when the record is made or not at all (S5.4). A user who is taken back keeps,
/// either way, only those groups that the directory confirms (S4.4).
pub fn plan(question: &Question<'_>) -> Result<Plan, NoPlan> {
    match (question.record, question.user_type) {
        (None, None) => Err(NoPlan::NotAUser),
        (None, Some(user_type)) => first_sign_on(question, user_type),
        (Some(_), _) if question.is_stale() => Ok(Plan::default()),
        (Some(record), None) => Ok(out_of_scope(question, record)),
        (Some(record), Some(user_type)) => later_sign_on(question, user_type, record),
    }
}

fn first_sign_on(question: &Question<'_>, user_type: &UserType) -> Result<Plan, NoPlan> {
    if !user_type.create || question.cause == Cause::Reconciliation {
        return Err(NoPlan::NotCreated);
    }
    let entry = &question.observation.user.entry;
    let mut plan = Plan::default();
    let wanted = naming::user_name(user_type, entry)?;
    let (name, collision) = naming::first(question, wanted);
    plan.changes.push(Change::Created {
        id: question.new_id.clone(),
        key: question.key.clone(),
        user_type: user_type.name.clone(),
        name,
        dn: entry.dn.clone(),
        at: question.now,
    });
    plan.changes.extend(collision.map(|wanted| Change::Collided(Some(wanted))));
    let course = lifecycle::plan_reasons(&mut plan, question, None);
    attributes::plan_attributes(&mut plan, user_type, question.observation, None);
    if user_type.groups != GroupSync::Never && course == Course::Active {
        groups::plan_managed(&mut plan, question, user_type, Extent::Whole);
    }
    groups::plan_assigned(&mut plan, question);
    Ok(plan)
}

/// The entry is there, but no user type takes it any more (S4.7).
fn out_of_scope(question: &Question<'_>, record: &Record) -> Plan {
    let mut plan = Plan::default();
    lifecycle::plan_reasons(&mut plan, question, Some(record));
    if question.update_on_sign_on.is_on() {
        naming::plan_dn(&mut plan, question, record);
    }
    plan
}

fn later_sign_on(
    question: &Question<'_>,
    user_type: &UserType,
    record: &Record,
) -> Result<Plan, NoPlan> {
    let mut plan = Plan::default();
    let course = lifecycle::plan_reasons(&mut plan, question, Some(record));
    let follows = question.update_on_sign_on.is_on();
    if follows || course == Course::Reactivated {
        match naming::plan_names(&mut plan, question, user_type, record, course) {
            // That an account is not to be used any more counts however it is called.
            Err(_) if course == Course::Inactive => return Ok(plan),
            Err(reason) => return Err(reason),
            Ok(()) => {}
        }
    }
    if follows && user_type.update_attributes.is_on() {
        attributes::plan_attributes(&mut plan, user_type, question.observation, Some(record));
    }
    let is_followed = follows && user_type.groups == GroupSync::Always;
    match (course, is_followed) {
        (Course::Active | Course::Reactivated, true) => {
            groups::plan_managed(&mut plan, question, user_type, Extent::Whole);
        }
        (Course::Reactivated, false) => {
            groups::plan_managed(&mut plan, question, user_type, Extent::Removals);
        }
        (Course::Active | Course::Inactive, _) => {}
    }
    groups::plan_assigned(&mut plan, question);
    Ok(plan)
}

fn describe_group(group: &Group) -> String {
    format!("group {:?} is {:?}, dn {:?}", group.id.as_str(), group.name, group.dn)
}
