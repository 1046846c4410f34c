//! Whom a group lists, all names in one piece: a list may have tens of thousands of them and is told anew
//! whenever one comes or goes, so that none of them asks for memory of its own.

use super::entry::MemberKey;
use std::fmt;

/// The name of a member, in a list of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MemberName<'a> {
    /// A DN, in its normal form.
    Dn(&'a str),
    /// A value of `uid`.
    Uid(&'a str),
}

impl MemberKey {
    /// The name in this key.
    pub fn name(&self) -> MemberName<'_> {
        match self {
            Self::Dn(dn) => MemberName::Dn(dn.as_str()),
            Self::Uid(uid) => MemberName::Uid(uid),
        }
    }
}

/// What a name in a list is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Dn,
    Uid,
}

/// The names of a group's members, in the directory's order.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Members {
    /// All names, one behind the other.
    text: String,
    /// Where each of them ends.
    ends: Vec<(usize, Kind)>,
}

impl Members {
    /// Adds a name behind the others.
    pub fn push(&mut self, key: &MemberKey) {
        let (text, kind) = match key.name() {
            MemberName::Dn(text) => (text, Kind::Dn),
            MemberName::Uid(text) => (text, Kind::Uid),
        };
        self.text.push_str(text);
        self.ends.push((self.text.len(), kind));
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The names, in their order.
    pub fn iter(&self) -> impl Iterator<Item = MemberName<'_>> {
        let mut from = 0;
        self.ends.iter().map(move |(end, kind)| {
            let text = self.text.get(from..*end).unwrap_or_default();
            from = *end;
            match kind {
                Kind::Dn => MemberName::Dn(text),
                Kind::Uid => MemberName::Uid(text),
            }
        })
    }
}

impl fmt::Debug for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Extend<MemberKey> for Members {
    fn extend<I: IntoIterator<Item = MemberKey>>(&mut self, keys: I) {
        keys.into_iter().for_each(|key| self.push(&key));
    }
}

impl FromIterator<MemberKey> for Members {
    fn from_iter<I: IntoIterator<Item = MemberKey>>(keys: I) -> Self {
        let mut members = Self::default();
        members.extend(keys);
        members
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::dn::DistinguishedName;
    use proptest::prelude::*;

    fn key(name: &str, is_dn: bool) -> MemberKey {
        match DistinguishedName::parse(&format!("cn={name}")) {
            Ok(dn) if is_dn => MemberKey::Dn(dn.normalized().clone()),
            _ => MemberKey::Uid(name.to_owned()),
        }
    }

    proptest! {
        #[test]
        fn names_are_what_was_put_in_in_order(names in prop::collection::vec((".{0,5}", any::<bool>()), 0..9)) {
            let keys: Vec<_> = names.iter().map(|(name, is_dn)| key(name, *is_dn)).collect();
            let members: Members = keys.iter().cloned().collect();
            prop_assert!(members.iter().eq(keys.iter().map(MemberKey::name)));
            prop_assert_eq!((members.len(), members.is_empty()), (keys.len(), keys.is_empty()));
        }
    }
}
