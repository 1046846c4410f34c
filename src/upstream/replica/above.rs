//! The entries that others lie below, and the groups' base among them.
//!
//! When such an entry is renamed or moved, all that lies below it is too, and a server tells of the
//! one entry alone. Then the copy has to be made anew. When it is the base that goes, nothing that
//! was below it would be seen any more, and that says nothing of the groups.

use super::census::Sorted;
use super::follower::Stop;
use crate::proto::dn::NormalizedDn;
use crate::proto::sync::EntryUuid;
use std::collections::HashMap;

/// Where they are.
#[derive(Debug, Default)]
pub(super) struct Above {
    names: HashMap<EntryUuid, NormalizedDn>,
    base: Option<EntryUuid>,
}

impl Above {
    /// The base is that entry.
    pub(super) fn set_base(&mut self, base: EntryUuid) {
        self.base = Some(base);
    }

    /// All else is forgotten.
    pub(super) fn forget(&mut self) {
        self.names.clear();
    }

    /// An entry is as given. While a copy is made from the beginning, nothing is a change.
    pub(super) fn put(
        &mut self,
        uuid: EntryUuid,
        sorted: &Sorted,
        base: &NormalizedDn,
        is_beginning: bool,
    ) -> Result<(), Stop> {
        if self.base == Some(uuid) && sorted.dn != *base {
            return Err(Stop::NoSuchBase);
        }
        if !sorted.has_below {
            self.names.remove(&uuid);
            return Ok(());
        }
        let old = self.names.insert(uuid, sorted.dn.clone());
        match old.as_ref() == Some(&sorted.dn) || is_beginning {
            true => Ok(()),
            false => Err(Stop::StartAnew),
        }
    }

    /// An entry is gone.
    pub(super) fn remove(&mut self, uuid: EntryUuid) -> Result<(), Stop> {
        self.names.remove(&uuid);
        if self.base == Some(uuid) { Err(Stop::NoSuchBase) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::dn::DistinguishedName;

    const BASE: EntryUuid = [1; 16];
    const UNIT: EntryUuid = [2; 16];

    fn dn(text: &str) -> NormalizedDn {
        DistinguishedName::parse(text).expect("it is a name").normalized().clone()
    }

    fn put(
        above: &mut Above,
        uuid: EntryUuid,
        name: &str,
        has_below: bool,
        is_beginning: bool,
    ) -> Result<(), Stop> {
        let sorted = Sorted { kept: None, dn: dn(name), has_below };
        above.put(uuid, &sorted, &dn("ou=groups"), is_beginning)
    }

    #[test]
    fn what_lies_below_a_renamed_entry_is_asked_for_anew() {
        let mut above = Above::default();
        above.set_base(BASE);
        assert_eq!(put(&mut above, BASE, "ou=groups", true, true), Ok(()));
        assert_eq!(put(&mut above, UNIT, "ou=a,ou=groups", true, true), Ok(()));
        assert_eq!(put(&mut above, UNIT, "OU=A,ou=groups", true, false), Ok(()), "the same name");
        assert_eq!(put(&mut above, UNIT, "ou=b,ou=groups", true, false), Err(Stop::StartAnew));
        let new = put(&mut above, [3; 16], "cn=new,ou=groups", false, false);
        assert_eq!(new, Ok(()), "nothing lies below a new entry");
        // It got something below it without a word, so nobody knows what it was called.
        let grown = put(&mut above, [3; 16], "cn=new,ou=groups", true, false);
        assert_eq!(grown, Err(Stop::StartAnew));
    }

    #[test]
    fn a_base_that_goes_or_is_renamed_is_no_base() {
        let mut above = Above::default();
        above.set_base(BASE);
        assert_eq!(put(&mut above, BASE, "ou=moved", true, false), Err(Stop::NoSuchBase));
        assert_eq!(put(&mut above, BASE, "ou=moved", false, false), Err(Stop::NoSuchBase));
        assert_eq!(above.remove(UNIT), Ok(()));
        assert_eq!(above.remove(BASE), Err(Stop::NoSuchBase));
    }
}
