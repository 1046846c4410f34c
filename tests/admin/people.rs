//! The people that the tests keep records of.

use crate::fake::NEW_YEAR;
use bindgate::app::ports::Stored;
use bindgate::domain::observation::UnknownReason;
use bindgate::domain::record::{
    Group, GroupsOutcome, InactiveReason, Mark, Membership, MembershipKey, Provenance, Record,
    RecordId, Route, UpstreamId, UserKey,
};
use std::sync::Arc;

pub(crate) fn person(id: &str, directory: &str, user_type: &str, name: &str) -> Record {
    Record {
        id: RecordId(id.into()),
        key: UserKey {
            directory: directory.into(),
            upstream_id: UpstreamId::new(&format!("up-{id}")),
        },
        user_type: user_type.into(),
        name: name.into(),
        dn: format!("uid={name},ou=people,dc=example,dc=com"),
        display_name: None,
        local_name: None,
        switch: None,
        attributes: Default::default(),
        inactive: Default::default(),
        missing_since: None,
        collision: None,
        memberships: Default::default(),
        created_at: NEW_YEAR,
        version: 1,
    }
}

pub(crate) fn stored(record: Record) -> Stored {
    let groups = GroupsOutcome::Known;
    let mark = Mark { last_sign_on: NEW_YEAR, observed_at: Some(NEW_YEAR), groups, seen: None };
    Stored { record: Arc::new(record), mark }
}

pub(crate) fn group(name: &str) -> Arc<Group> {
    Arc::new(Group {
        id: UpstreamId::new(&format!("id-{name}")),
        dn: format!("cn={name},ou=groups,dc=example,dc=com"),
        name: name.into(),
    })
}

pub(crate) fn membership(record: &mut Record, provenance: Provenance, path: &[&str]) {
    let path: Arc<[_]> = path.iter().map(|name| UpstreamId::new(&format!("id-{name}"))).collect();
    let group = path.last().unwrap().clone();
    let direct = path.len() == 1;
    let membership = Membership::new(Route { path, direct }, NEW_YEAR);
    record.memberships.insert(MembershipKey { group, provenance }, membership);
}

/// Ann is in B, B in A; C is denied to her although the directory says it.
pub(crate) fn ann() -> Stored {
    let mut ann = person("r1", "corp", "staff", "ann");
    ann.display_name = Some("Ann Ampere".into());
    ann.attributes.insert("mail".into(), vec![b"ann@example.com".to_vec()]);
    ann.attributes.insert("photo".into(), vec![vec![0xff, 0xd8]]);
    membership(&mut ann, Provenance::Managed, &["B", "A"]);
    membership(&mut ann, Provenance::Managed, &["B"]);
    membership(&mut ann, Provenance::Managed, &["C"]);
    membership(&mut ann, Provenance::PinDeny, &["C"]);
    stored(ann)
}

/// Bob is shut out by an admin, and his groups could not be read.
pub(crate) fn bob() -> Stored {
    let mut bob = person("r2", "corp", "staff", "bob");
    bob.inactive.insert(InactiveReason::Admin);
    let mut bob = stored(bob);
    bob.mark.observed_at = None;
    bob.mark.groups = GroupsOutcome::Unknown(UnknownReason::ResultCode(53));
    bob
}
