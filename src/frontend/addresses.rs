//! How many clients come from one address.

use crate::domain::source::Source;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// The counts of all addresses that have clients, shared by all workers.
#[derive(Clone, Default)]
pub(super) struct Addresses(Arc<Mutex<HashMap<Source, usize>>>);

/// Counts one client of an address for as long as it lives.
pub(super) struct AddressPermit {
    addresses: Addresses,
    source: Source,
}

/// A client's standing with its address: no limit, or counted.
pub(super) type Counted = Option<AddressPermit>;

impl Addresses {
    /// Counts a client in, unless its address has `limit` of them; 0 is no limit, and nothing is
    /// counted.
    pub(super) fn admit(&self, address: IpAddr, limit: usize) -> Option<Counted> {
        if limit == 0 {
            return Some(None);
        }
        let source = Source::of(address);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.get(&source).copied().unwrap_or(0);
        if count >= limit {
            return None;
        }
        counts.insert(source, count + 1);
        Some(Some(AddressPermit { addresses: self.clone(), source }))
    }
}

impl Drop for AddressPermit {
    fn drop(&mut self) {
        let mut counts = self.addresses.0.lock().unwrap_or_else(PoisonError::into_inner);
        match counts.get_mut(&self.source) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(counts.remove(&self.source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_own_count_and_nothing_stays_behind() {
        let addresses = Addresses::default();
        let [one, other] = ["10.0.0.1", "10.0.0.2"].map(|text| text.parse::<IpAddr>().unwrap());
        let permits: Vec<_> = (0..3).map(|_| addresses.admit(one, 2)).collect();
        assert_eq!(permits.iter().filter(|permit| permit.is_some()).count(), 2);
        let more = addresses.admit(other, 2);
        assert!(more.is_some());
        drop(permits);
        assert!(addresses.admit(one, 2).is_some());
        drop(more);
        assert!(addresses.0.lock().unwrap().is_empty());
    }

    #[test]
    fn without_a_limit_nothing_is_counted() {
        let addresses = Addresses::default();
        let address = "10.0.0.1".parse().unwrap();
        let permits: Vec<_> = (0..100).map(|_| addresses.admit(address, 0)).collect();
        assert!(permits.iter().all(Option::is_some));
        assert!(addresses.0.lock().unwrap().is_empty());
    }
}
