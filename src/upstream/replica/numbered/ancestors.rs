//! The entries that kept ones lie below.
//!
//! When such an entry is renamed or moved, so is all that lies below it, and the directory numbers
//! the one change alone. Each is known by its id, so that its new name is seen.

use super::super::follower::Stop;
use crate::proto::dn::NormalizedDn;
use crate::proto::sync::EntryUuid;
use std::collections::{BTreeSet, HashMap, HashSet};

/// Where they are.
#[derive(Debug, Default)]
pub(super) struct Ancestors {
    by_id: HashMap<EntryUuid, NormalizedDn>,
    names: HashSet<NormalizedDn>,
}

impl Ancestors {
    /// These names and those above them that are not known yet, below the top of the part of the
    /// directory, which is never renamed.
    pub(super) fn missing(
        &self,
        names: impl Iterator<Item = NormalizedDn>,
        top: &NormalizedDn,
    ) -> BTreeSet<NormalizedDn> {
        let mut missing = BTreeSet::new();
        for name in names {
            let mut next = Some(name);
            while let Some(dn) = next.filter(|dn| dn.is_within(top) && dn != top) {
                if self.names.contains(&dn) || missing.contains(&dn) {
                    break;
                }
                next = dn.parent();
                missing.insert(dn);
            }
        }
        missing
    }

    /// An entry is called that.
    pub(super) fn put(&mut self, id: EntryUuid, dn: NormalizedDn) {
        self.names.insert(dn.clone());
        self.by_id.insert(id, dn);
    }

    /// An entry that has changed is called that.
    pub(super) fn hear(
        &self,
        id: EntryUuid,
        dn: &NormalizedDn,
        base: &NormalizedDn,
    ) -> Result<(), Stop> {
        match self.by_id.get(&id) {
            Some(known) if known != dn && known == base => Err(Stop::NoSuchBase),
            Some(known) if known != dn => Err(Stop::StartAnew),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::dn::DistinguishedName;

    fn dn(text: &str) -> NormalizedDn {
        DistinguishedName::parse(text).expect("it is a name").normalized().clone()
    }

    #[test]
    fn what_lies_above_is_looked_up_once_and_a_new_name_makes_the_copy_void() {
        let mut ancestors = Ancestors::default();
        let (base, top) = (dn("ou=groups,dc=x"), dn("dc=x"));
        let names = ["ou=sub,ou=groups,dc=x", "ou=groups,dc=x", "dc=x", "dc=y"].map(dn);
        let missing = ancestors.missing(names.clone().into_iter(), &top);
        let expected = ["ou=groups,dc=x", "ou=sub,ou=groups,dc=x"].map(dn);
        assert_eq!(missing, expected.into());
        for (id, name) in missing.into_iter().enumerate() {
            ancestors.put([id as u8; 16], name);
        }
        assert!(ancestors.missing(names.into_iter(), &top).is_empty());
        let id_of = |name: &NormalizedDn| {
            *ancestors.by_id.iter().find(|(_, known)| *known == name).expect("it is known").0
        };
        let (sub, groups) = (id_of(&dn("ou=sub,ou=groups,dc=x")), id_of(&base));
        assert_eq!(ancestors.hear(sub, &dn("OU=Sub,ou=groups,dc=x"), &base), Ok(()));
        assert_eq!(ancestors.hear(sub, &dn("ou=new,ou=groups,dc=x"), &base), Err(Stop::StartAnew));
        assert_eq!(ancestors.hear(groups, &dn("ou=new,dc=x"), &base), Err(Stop::NoSuchBase));
        assert_eq!(ancestors.hear([9; 16], &dn("ou=other,dc=x"), &base), Ok(()));
    }
}
