//! Whose entries are left out of what clients find: users whose records are inactive (rule S4.3).
//!
//! The live copy tells whose entry a name is. Where it does not know users, the record of that name
//! does; and where that might be another's by now, the entry is read before it is hidden.

use super::Serving;
use crate::app::observe;
use crate::app::ports::{Coverage, Ports, Records, Replica, Stored};
use crate::domain::observation::Observed;
use crate::domain::record::{UpstreamId, UserKey};
use crate::proto::dn::DistinguishedName;

impl<P: Ports> Serving<P> {
    /// Whether anybody's entry may be hidden at all.
    pub fn may_hide(&self) -> bool {
        self.records.has_inactive(&self.policy.name)
    }

    /// Whether the entry of that name is hidden; `None` if the directory has to be asked whose it is.
    pub fn hides(&self, dn: &DistinguishedName) -> Option<bool> {
        if !self.may_hide() {
            return Some(false);
        }
        let replica = self.barrier.replica();
        if replica.coverage() == Some(Coverage::GroupsAndUsers) {
            let known =
                replica.read(|graph| graph.user(dn.normalized()).map(|known| known.id.clone()));
            if let Some(id) = known {
                return Some(self.is_inactive(id));
            }
        }
        let located = self.records.located(&self.policy.name, dn.normalized());
        let is_inactive = |stored: &Stored| !stored.record.is_active();
        if located.iter().any(is_inactive) { None } else { Some(false) }
    }

    /// The same of an entry that is read if that is needed; what cannot be told is hidden.
    pub(super) async fn hides_read(&self, dn: &DistinguishedName) -> bool {
        if let Some(hides) = self.hides(dn) {
            return hides;
        }
        match observe::entry(&self.lookups, dn.as_str(), &self.attributes).await {
            Observed::Known(entry) => self.is_inactive(entry.upstream_id),
            Observed::Unknown(_) => true,
        }
    }

    fn is_inactive(&self, upstream_id: UpstreamId) -> bool {
        let key = UserKey { directory: self.policy.name.clone(), upstream_id };
        self.records.find(&key).is_some_and(|stored| !stored.record.is_active())
    }
}
