//! What the configuration says about what is relayed to a directory and back.

use super::referral::Referrals;

/// What applies to what clients ask one directory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RelayPolicy {
    /// What becomes of references to other servers (`referrals`).
    pub referrals: Referrals,
}
