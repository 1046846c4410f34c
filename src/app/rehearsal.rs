//! What another configuration would change for all recorded users, from what is stored of them:
//! nothing is read of the directories, and nothing is written.

use super::groups::OWN;
use super::ports::{Catalogue, Clock, Records, StoreError, Stored};
use super::sign_on::own_group;
use crate::domain::plan::KnownGroups;
use crate::domain::policy::{DirectoryPolicy, Switch};
use crate::domain::recollection::Recollection;
use crate::domain::record::{Group, UpstreamId};
use crate::domain::rehearsal::{Outlook, Setting, Subject, rehearse};
use crate::proto::dn::DistinguishedName;
use std::collections::HashMap;
use std::sync::Arc;

/// How many records are gone through before others have their turn.
const AT_ONCE: usize = 500;
/// The most users of whom the changes are told; further ones are counted.
pub const MAX_TOLD: usize = 1_000;

/// One user for whom something would change, or may.
#[derive(Debug, Clone)]
pub struct Affected {
    /// The user.
    pub stored: Stored,
    /// What would change.
    pub outlook: Outlook,
}

/// What would change.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// How many records there are.
    pub records: usize,
    /// Of how many something would change.
    pub changed: usize,
    /// Of how many something cannot be told.
    pub unsure: usize,
    /// Of how many an observation is kept.
    pub observed: usize,
    /// The first of them.
    pub told: Vec<Affected>,
}

struct Kept<'a, C> {
    catalogue: &'a C,
    directory: &'a str,
}

impl<C: Records> KnownGroups for Kept<'_, C> {
    fn holds(&self, group: &Group) -> bool {
        self.catalogue.group(self.directory, &group.id).is_some_and(|kept| *kept == *group)
    }

    fn group(&self, id: &UpstreamId) -> Option<Group> {
        self.catalogue.group(self.directory, id).map(|group| (*group).clone())
    }
}

/// Goes through all records.
pub async fn rehearse_all(
    catalogue: &impl Catalogue,
    clock: &impl Clock,
    old: &[Arc<DirectoryPolicy>],
    new: &[Arc<DirectoryPolicy>],
) -> Result<Report, StoreError> {
    let mut report = Report::default();
    let by_dn = groups_by_dn(catalogue);
    let mut cursor: Option<String> = None;
    loop {
        let page = catalogue.list(cursor.as_deref(), AT_ONCE);
        let keys = page.items.iter().map(|stored| stored.record.key.clone()).collect();
        let kept = catalogue.recollections(keys).await?;
        for stored in page.items {
            report.records += 1;
            let recollection = kept.get(&stored.record.key);
            report.observed += usize::from(recollection.is_some());
            let policies = (old, new);
            let outlook = outlook((catalogue, clock), policies, &by_dn, &stored, recollection);
            if outlook.is_empty() {
                continue;
            }
            report.changed += usize::from(outlook.is_certain());
            report.unsure += usize::from(!outlook.unsure.is_empty());
            if report.told.len() < MAX_TOLD {
                report.told.push(Affected { stored, outlook });
            }
        }
        cursor = page.next;
        if cursor.is_none() {
            return Ok(report);
        }
        tokio::task::yield_now().await;
    }
}

/// Groups of directories by their DN, in the form in which equal names are equal.
type ByDn = HashMap<(Arc<str>, String), Arc<Group>>;

fn groups_by_dn(catalogue: &impl Catalogue) -> ByDn {
    let all = catalogue.groups().into_iter();
    let of_directory = all.filter(|(_, group)| !group.id.as_str().starts_with(OWN));
    let named = of_directory.filter_map(|(directory, group)| {
        let dn = DistinguishedName::parse(&group.dn).ok()?;
        Some(((directory, dn.normalized().as_str().to_owned()), group))
    });
    named.collect()
}

fn outlook(
    (catalogue, clock): (&impl Catalogue, &impl Clock),
    (old, new): (&[Arc<DirectoryPolicy>], &[Arc<DirectoryPolicy>]),
    by_dn: &ByDn,
    stored: &Stored,
    recollection: Option<&Recollection>,
) -> Outlook {
    let record = &stored.record;
    let directory = &record.key.directory;
    let of = |policies: &[Arc<DirectoryPolicy>]| {
        policies.iter().find(|policy| policy.name == *directory).cloned()
    };
    let (old, new) = (of(old), of(new));
    let given = |policy: &DirectoryPolicy, name: &DistinguishedName| {
        let is_of_directory =
            policy.groups.as_ref().is_some_and(|groups| name.is_within(&groups.base));
        if !is_of_directory {
            return Some(own_group(name));
        }
        let key = (directory.clone(), name.normalized().as_str().to_owned());
        by_dn.get(&key).map(|group| (**group).clone())
    };
    let switch = |user_type: &str| -> Option<Switch> {
        catalogue.switch(directory, user_type).map(|stored| stored.value)
    };
    rehearse(
        &Subject { record, recollection, outcome: &stored.mark.groups },
        &Setting {
            old: old.as_deref(),
            new: new.as_deref(),
            switch: &switch,
            groups: &Kept { catalogue, directory },
            given: &given,
            now: clock.now(),
        },
    )
}
