//! Users who were brought up to date so lately that their user type lets that be (S3.7).
//!
//! That is the one relaxation of "a sign-on sees what the directory had when it came": whoever wants
//! it says for how long. Nothing is read then, so the name alone tells who it is.

use super::Shared;
use crate::app::events::{Event, GroupSource, SignOnOutcome};
use crate::app::ports::{Clock, Events, Ports, Records, Stored};
use crate::domain::observation::UnknownReason;
use crate::domain::policy::UserType;
use crate::domain::record::{GroupsOutcome, Mark, UserKey};
use crate::domain::time::Timestamp;
use crate::proto::dn::DistinguishedName;
use std::time::{Duration, Instant};

impl<P: Ports> Shared<P> {
    /// The user who has this name, if her record is recent enough to be left as it is.
    pub(super) fn recent(
        &self,
        directory: usize,
        dn: &DistinguishedName,
        now: Timestamp,
    ) -> Option<UserKey> {
        let here = &self.directories[directory];
        if !here.has_intervals {
            return None;
        }
        let known = self.records.located(&here.policy.name, dn.normalized());
        // Of two with one name, one is gone or renamed: which, only a look tells.
        let [stored] = known.as_slice() else { return None };
        let name = &stored.record.user_type;
        let user_type = here.policy.user_types.iter().find(|user_type| user_type.name == *name)?;
        is_recent(stored, user_type, now).then(|| stored.record.key.clone())
    }

    /// The bind of somebody succeeded who was recent enough when it came; whether she still is to be
    /// left as she is.
    pub(super) fn pass_recent(&self, directory: usize, key: &UserKey, since: Instant) -> bool {
        let Some(Stored { record, mark }) = self.records.find(key) else { return false };
        if !record.is_active() || record.collision.is_some() {
            return false;
        }
        self.records.mark(key, Mark { last_sign_on: self.clock.now(), ..mark });
        self.events.emit(&Event::SignOn {
            directory: &self.directories[directory].policy.name,
            user_type: Some(&record.user_type),
            user: &record.dn,
            view: None,
            outcome: SignOnOutcome::Recent,
            added: 0,
            removed: 0,
            source: GroupSource::Nowhere,
            elapsed: since.elapsed(),
        });
        true
    }
}

/// Whether the record is in order, and was observed within the interval of its user type.
fn is_recent(stored: &Stored, user_type: &UserType, now: Timestamp) -> bool {
    let Stored { record, mark } = stored;
    let is_known = match mark.groups {
        GroupsOutcome::Known | GroupsOutcome::Unknown(UnknownReason::NotAsked) => true,
        GroupsOutcome::Unknown(_) => false,
    };
    let age = mark.observed_at.map(|at| now.0.saturating_sub(at.0));
    // A time that is still to come is none: the clock was set back.
    let age = age.and_then(|age| u64::try_from(age).ok()).map(Duration::from_micros);
    let is_young = age.is_some_and(|age| age < user_type.minimum_interval);
    is_known && is_young && record.is_active() && record.collision.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::change::{Change, apply};
    use crate::domain::record::{Record, RecordId, UpstreamId};
    use std::sync::Arc;

    const AT: i64 = 1_000_000_000;

    fn record() -> Record {
        let key = UserKey { directory: "corp".into(), upstream_id: UpstreamId::new("a") };
        let (id, name, dn) = (RecordId("r".into()), "ann".to_owned(), "uid=ann,dc=x".to_owned());
        let at = Timestamp(AT);
        let created = Change::Created { id, key, user_type: "staff".into(), name, dn, at };
        apply(None, &[created]).unwrap().unwrap()
    }

    #[track_caller]
    fn check(expected: bool, seconds: i64, change: impl FnOnce(&mut Record, &mut Mark)) {
        let mut record = record();
        let mut mark = Mark {
            last_sign_on: Timestamp(AT),
            observed_at: Some(Timestamp(AT)),
            groups: GroupsOutcome::Known,
            seen: None,
        };
        change(&mut record, &mut mark);
        let base = DistinguishedName::parse("dc=x").unwrap();
        let minimum_interval = Duration::from_secs(60);
        let user_type = UserType { minimum_interval, ..UserType::new("staff", base) };
        let stored = Stored { record: Arc::new(record), mark };
        assert_eq!(is_recent(&stored, &user_type, Timestamp(AT + seconds * 1_000_000)), expected);
    }

    #[test]
    fn s3_7_who_was_observed_within_the_interval_and_is_in_order_is_recent() {
        use crate::domain::record::InactiveReason;
        let unchanged = |_: &mut Record, _: &mut Mark| ();
        check(true, 0, unchanged);
        check(true, 59, unchanged);
        check(false, 60, unchanged);
        check(false, -1, unchanged);
        check(false, 1, |_, mark| mark.observed_at = None);
        check(true, 1, |_, mark| mark.groups = GroupsOutcome::Unknown(UnknownReason::NotAsked));
        check(false, 1, |_, mark| mark.groups = GroupsOutcome::Unknown(UnknownReason::Timeout));
        check(false, 1, |record, _| record.collision = Some("bob".to_owned()));
        for reason in InactiveReason::ALL {
            check(false, 1, |record, _| {
                record.inactive.insert(reason);
            });
        }
    }
}
