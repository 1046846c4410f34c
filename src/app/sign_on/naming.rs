//! Who somebody is whom the directory knows by something else than a DN (rule S9.2).

use super::SignOns;
use crate::app::observe;
use crate::app::ports::{Ports, Records};
use crate::domain::observation::Observed;
use crate::domain::principal;
use crate::domain::sid::Sid;
use crate::proto::dn::DistinguishedName;
use std::future::Future;

impl<P: Ports> SignOns<P> {
    /// Whether it has to be found out whose entry a bind is of that succeeded: it may be a sign-on,
    /// and its name is no DN.
    pub fn asks_who(&self, directory: usize, name: &[u8]) -> bool {
        let here = self.shared.directories.get(directory);
        let has_users = here.is_some_and(|here| !here.policy.user_types.is_empty());
        self.shared.config.enabled && has_users && principal::entry_of(name).is_none()
    }

    /// The name of the entry that bears a security identifier, if the directory has exactly one.
    pub fn entry_of_sid(
        &self,
        directory: usize,
        sid: Sid,
    ) -> impl Future<Output = Observed<Option<DistinguishedName>>> + Send + use<P> {
        let (shared, lookups) = (self.shared.clone(), self.lookups.clone());
        async move {
            let policy = &shared.directories[directory].policy;
            observe::entry_of_sid(&lookups[directory], policy, &sid).await
        }
    }

    /// Whether an account of that name, which is no DN, is one of those that are shut out. Names
    /// that tell nothing (identifiers) may be anybody's.
    pub(super) fn is_barred_account(&self, directory: &str, name: &[u8]) -> bool {
        let here = self.shared.directories.iter().find(|here| *here.policy.name == *directory);
        let Some(here) = here else { return false };
        let names = principal::account_names(name);
        let known = here.policy.user_types.iter().flat_map(|user_type| {
            let of = |name: &&str| self.shared.records.named(directory, &user_type.name, name);
            names.iter().flat_map(of).collect::<Vec<_>>()
        });
        known.into_iter().any(|stored| stored.record.is_barred())
    }
}
