//! What the configuration says about what is relayed to a directory and back.

use super::referral::Referrals;
use super::serving::ServePolicy;
use crate::proto::dn::DistinguishedName;

/// What applies to what clients ask one directory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RelayPolicy {
    /// What becomes of references to other servers (`referrals`).
    pub referrals: Referrals,
    /// Who may ask as somebody else (`proxied_authorisation_clients`).
    pub proxied_authorisation_clients: Vec<DistinguishedName>,
    /// The SASL mechanisms that are relayed (`sasl_mechanisms`).
    pub sasl_mechanisms: Vec<String>,
    /// What is added to entries that pass through.
    pub serve: ServePolicy,
}

impl RelayPolicy {
    /// Whether a SASL mechanism is relayed.
    pub fn carries(&self, mechanism: &[u8]) -> bool {
        self.sasl_mechanisms.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(mechanism))
    }

    /// Whether a client that is bound as `name` may ask as somebody else.
    pub fn may_proxy(&self, name: &[u8]) -> bool {
        if self.proxied_authorisation_clients.is_empty() || name.is_empty() {
            return false;
        }
        let name = DistinguishedName::from_bytes(name);
        name.is_ok_and(|name| self.proxied_authorisation_clients.contains(&name))
    }
}
