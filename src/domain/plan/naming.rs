//! What a user is called: user name, DN, user type; and names that another record has (S4.11).

use super::lifecycle::Course;
use super::{NoPlan, Plan, Question};
use crate::domain::change::Change;
use crate::domain::policy::UserType;
use crate::domain::record::{InactiveReason, Record};
use crate::proto::dn::DistinguishedName;
use crate::proto::search::Entry;

/// The user name (S5.7): exactly one value, which is text and, after the rule if there is one, not
/// blank.
pub fn user_name(user_type: &UserType, entry: &Entry) -> Result<String, NoPlan> {
    let [value] = entry.values(&user_type.username) else {
        return Err(NoPlan::NoUserName);
    };
    let name = std::str::from_utf8(value).map_err(|_| NoPlan::NoUserName)?;
    let made = match &user_type.name_rule {
        Some(rule) => rule.apply(name),
        None => Some(name.to_owned()).filter(|name| !name.trim().is_empty()),
    };
    made.ok_or(NoPlan::NoUserName)
}

/// The name of a record that is made, and the one that it should have if another has that.
pub(super) fn first(question: &Question<'_>, wanted: String) -> (String, Option<String>) {
    if question.names.is_taken(&wanted) {
        (own_name(question, &wanted), Some(wanted))
    } else {
        (wanted, None)
    }
}

/// A name that nobody else has: the id is nobody else's.
fn own_name(question: &Question<'_>, wanted: &str) -> String {
    format!("{wanted} ({})", question.key.upstream_id)
}

/// Plans user type, user name and DN.
pub(super) fn plan_names(
    plan: &mut Plan,
    question: &Question<'_>,
    user_type: &UserType,
    record: &Record,
    course: Course,
) -> Result<(), NoPlan> {
    let wanted = user_name(user_type, &question.observation.user.entry)?;
    if record.user_type != user_type.name {
        plan.changes.push(Change::TypeChanged(user_type.name.clone()));
    }
    // Whoever was missing may have lost the name to somebody who came since.
    let returns =
        course == Course::Reactivated && record.inactive.contains(&InactiveReason::Missing);
    let is_news = record.name != wanted || returns;
    if is_news && question.names.is_taken(&wanted) {
        if record.name == wanted {
            plan.changes.push(Change::Renamed(own_name(question, &wanted)));
        }
        if record.collision.as_ref() != Some(&wanted) {
            plan.changes.push(Change::Collided(Some(wanted)));
        }
    } else {
        if record.name != wanted {
            plan.changes.push(Change::Renamed(wanted));
        }
        if record.collision.is_some() {
            plan.changes.push(Change::Collided(None));
        }
    }
    plan_dn(plan, question, record);
    Ok(())
}

pub(super) fn plan_dn(plan: &mut Plan, question: &Question<'_>, record: &Record) {
    let dn = &question.observation.user.entry.dn;
    if !is_same_dn(&record.dn, dn) {
        plan.changes.push(Change::Moved(dn.clone()));
    }
}

/// Another spelling of the same name is no move; text that is no DN is compared as text.
fn is_same_dn(kept: &str, seen: &str) -> bool {
    let same = |kept, seen| {
        Some(DistinguishedName::parse(kept).ok()? == DistinguishedName::parse(seen).ok()?)
    };
    kept == seen || same(kept, seen).unwrap_or(false)
}
