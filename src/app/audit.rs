//! The audit: a row for every change and every refusal, with who or what caused it, what the
//! observation said, and what was there before and after.
//!
//! No row holds an attribute's value or a name for people. Rows that would come in floods (the same
//! user, the same reason) are joined: the first of a minute is written.

use crate::domain::change::Change;
use crate::domain::observation::{Observed, UnknownReason};
use crate::domain::record::{Record, UserKey};
use crate::domain::step::{self, Step};
use crate::domain::time::Timestamp;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The most steps of one row; what is beyond stands in its detail as a number.
pub const MAX_STEPS: usize = 200;
/// Of how many users and reasons it is known within one minute that a row was written; rows of
/// further ones are left out.
const MAX_JOINED: usize = 65_536;
/// How long a row stands for its likes, in microseconds.
const MINUTE: i64 = 60_000_000;

/// A row of the audit: what changed or was refused, why, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// The row's number; 0 until it is stored.
    pub sequence: i64,
    /// When.
    pub at: Timestamp,
    /// `sign-on`, `admin`, `reconcile`, or `expiry`: a pin has come to its end.
    pub cause: &'static str,
    /// Who: a token's name; empty for a sign-on.
    pub actor: String,
    /// What happened: one of [`ACTIONS`].
    pub action: &'static str,
    /// Whose record it is about, if it is about one.
    pub user: Option<UserKey>,
    /// What changed, as text for a person: one line a change, without attribute values.
    pub detail: String,
    /// What the observation said of the groups, if there was one: `known`, or why not.
    pub outcome: Option<String>,
    /// Each change with what was there before and after.
    pub steps: Vec<Step>,
}

/// What causes a row.
pub const CAUSES: [&str; 4] = ["sign-on", "admin", "reconcile", "expiry"];

/// What a row may say that happened.
pub const ACTIONS: [&str; 37] = [
    "created",
    "deleted",
    "changed",
    "switch-changed",
    "refused",
    "disabled",
    "enabled",
    "pinned",
    "unpinned",
    "joined",
    "left",
    "named",
    "forgotten",
    "held",
    "confirmed",
    "rejected",
    "linked",
    "missing",
    "imported",
    "token-created",
    "token-revoked",
    "account-made",
    "account-password",
    "account-disabled",
    "account-enabled",
    "account-revoked",
    "rollback-accepted",
    "group-created",
    "group-deleted",
    "session-ended",
    "unknown",
    "not-provisioned",
    "group-skipped",
    "expired",
    "backed-up",
    "exported",
    "other",
];

impl AuditEntry {
    /// A row that tells of no user, no observation and no steps.
    pub fn new(at: Timestamp, cause: &'static str, actor: &str, action: &'static str) -> Self {
        Self {
            sequence: 0,
            at,
            cause,
            actor: actor.to_owned(),
            action,
            user: None,
            detail: String::new(),
            outcome: None,
            steps: Vec::new(),
        }
    }

    /// The same, about a user.
    pub fn about(self, user: &UserKey) -> Self {
        Self { user: Some(user.clone()), ..self }
    }

    /// The same, with text for a person.
    pub fn saying(self, detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), ..self }
    }

    /// The same, with what these changes make of the record.
    pub fn changing(self, record: Option<&Record>, changes: &[Change]) -> Self {
        let told = &changes[..changes.len().min(MAX_STEPS)];
        Self { steps: step::steps(record, told), ..self }
    }
}

/// What an observation said of the groups; `None` if they were not asked for.
pub fn outcome<T>(groups: &Observed<T>) -> Option<String> {
    match groups {
        Observed::Known(_) => Some("known".to_owned()),
        Observed::Unknown(UnknownReason::NotAsked) => None,
        Observed::Unknown(reason) => Some(reason.to_string()),
    }
}

/// Which rows are asked for; all of them if nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Rows about this user.
    pub user: Option<UserKey>,
    /// Rows with this cause.
    pub cause: Option<String>,
    /// Rows of this action.
    pub action: Option<String>,
    /// Rows of this actor.
    pub actor: Option<String>,
    /// Rows of this time or later.
    pub since: Option<Timestamp>,
    /// Rows before this time.
    pub until: Option<Timestamp>,
}

/// In which order rows come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditOrder {
    /// Those before a number, newest first; from the newest on if there is none.
    Before(Option<i64>),
    /// Those after a number, oldest first.
    After(i64),
}

/// Which rows were written lately, each of which stands for its likes of the same minute.
#[derive(Debug, Default)]
pub struct Joined {
    rows: Mutex<HashMap<(UserKey, String), Lately>>,
}

/// The last row of a kind.
#[derive(Debug, Clone, Copy)]
struct Lately {
    minute: i64,
    /// How many like it were left out since.
    left_out: u64,
}

impl Joined {
    /// How many like it were left out since the last one, if this is the first of its kind in the
    /// minute; `None` if it is not to be written.
    pub fn admit(&self, user: &UserKey, kind: &str, now: Timestamp) -> Option<u64> {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = now.0.div_euclid(MINUTE);
        let key = (user.clone(), kind.to_owned());
        if let Some(last) = rows.get_mut(&key) {
            if last.minute == minute {
                last.left_out += 1;
                return None;
            }
            let left_out = last.left_out;
            *last = Lately { minute, left_out: 0 };
            return Some(left_out);
        }
        if rows.len() >= MAX_JOINED {
            rows.retain(|_, last| last.minute == minute);
        }
        if rows.len() >= MAX_JOINED {
            return None;
        }
        rows.insert(key, Lately { minute, left_out: 0 });
        Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::record::UpstreamId;

    #[test]
    fn one_row_a_minute_stands_for_all_of_a_user_and_a_reason() {
        let joined = Joined::default();
        let key = |id| UserKey { directory: "corp".into(), upstream_id: UpstreamId::new(id) };
        let check = |id, reason, second: i64, admitted| {
            let at = Timestamp(second * 1_000_000);
            assert_eq!(joined.admit(&key(id), reason, at), admitted, "{id} {reason} {second}");
        };
        check("ann", "timeout", 0, Some(0));
        check("ann", "timeout", 1, None);
        check("ann", "timeout", 59, None);
        check("bob", "timeout", 59, Some(0));
        check("ann", "busy", 59, Some(0));
        check("ann", "timeout", 60, Some(2));
        check("ann", "timeout", 61, None);
        check("bob", "timeout", 600, Some(0));
    }

    #[test]
    fn who_comes_when_too_many_are_remembered_is_left_out_until_the_next_minute() {
        let joined = Joined::default();
        let key = |id: usize| UserKey {
            directory: "corp".into(),
            upstream_id: UpstreamId::new(&id.to_string()),
        };
        let all = 0..MAX_JOINED + 5;
        let admitted = all.filter_map(|id| joined.admit(&key(id), "x", Timestamp(0)));
        assert_eq!(admitted.count(), MAX_JOINED);
        let late = MAX_JOINED + 1;
        assert_eq!(joined.admit(&key(late), "x", Timestamp(MINUTE)), Some(0));
    }
}
