//! Security identifiers, by which Active Directory names groups in places that hold no DN.

use super::identity::OBJECT_GUID;
use super::observation::UnknownReason;
use crate::proto::search::Entry;
use std::fmt;

/// The attribute that holds the identifier of an entry, in its binary form.
pub const OBJECT_SID: &str = "objectSid";
/// The attribute that names a user's primary group by the last part of its identifier.
pub const PRIMARY_GROUP_ID: &str = "primaryGroupID";

/// The identifiers that a user bears. The root DSE shows those of whoever is bound, the user's own
/// first (MS-ADTS section 3.1.1.3.2.21); a user's entry shows those of the groups.
pub const OWN_TOKEN: &str = "tokenGroups";

/// Revision, number of sub-authorities, and six bytes of the authority.
const HEAD: usize = 8;
/// The most sub-authorities (MS-DTYP section 2.4.2.2).
const MAX_PARTS: usize = 15;

/// A security identifier (MS-DTYP section 2.4.2.2), in its binary form.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sid(Vec<u8>);

impl Sid {
    /// The identifier of these bytes; `None` if they are none.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let [1, count, _, _, _, _, _, _, parts @ ..] = bytes else { return None };
        let is_whole = usize::from(*count) <= MAX_PARTS && parts.len() == usize::from(*count) * 4;
        is_whole.then(|| Self(bytes.to_vec()))
    }

    /// Its bytes, as filters and attributes have it.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The last of its numbers, by which a domain tells its accounts apart.
    pub fn last(&self) -> Option<u32> {
        let last: &[u8; 4] = self.as_bytes().last_chunk()?;
        Some(u32::from_le_bytes(*last))
    }

    /// The identifier of the same domain that ends with another part; `None` if this one has no
    /// parts.
    pub fn with_last(&self, last: u32) -> Option<Self> {
        let domain = self.0.len().checked_sub(4).filter(|length| *length >= HEAD)?;
        Some(Self([self.0.get(..domain)?, &last.to_le_bytes()].concat()))
    }
}

/// As `S-1-5-21-…`.
impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (head, parts) = self.0.split_at(HEAD.min(self.0.len()));
        let authority = head.iter().skip(2).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        write!(f, "S-1-{authority}")?;
        let (parts, _) = parts.as_chunks::<4>();
        parts.iter().try_for_each(|part| write!(f, "-{}", u32::from_le_bytes(*part)))
    }
}

/// The identifier of an entry; `None` if it shows none.
pub fn sid_of(entry: &Entry) -> Option<Sid> {
    match entry.values(OBJECT_SID) {
        [value] => Sid::from_bytes(value),
        _ => None,
    }
}

/// The primary group of a user, who is in it although no group's entry says so; `None` where the
/// entry names none. What it names in a way that nobody could have meant makes the groups unknown.
pub fn primary_group(entry: &Entry) -> Result<Option<Sid>, UnknownReason> {
    let last = match entry.values(PRIMARY_GROUP_ID) {
        [] => return Ok(None),
        [value] => std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()),
        _ => None,
    };
    if entry.values(OBJECT_SID).is_empty() && entry.values(OBJECT_GUID).is_empty() {
        // Another kind of directory, with the attribute for what it likes.
        return Ok(None);
    }
    let group = last.and_then(|last| sid_of(entry)?.with_last(last));
    group.map(Some).ok_or(UnknownReason::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::search::Attribute;
    use proptest::prelude::*;

    fn bytes(parts: &[u32]) -> Vec<u8> {
        let mut bytes = vec![1, parts.len() as u8, 0, 0, 0, 0, 0, 5];
        parts.iter().for_each(|part| bytes.extend_from_slice(&part.to_le_bytes()));
        bytes
    }

    fn user(attributes: &[(&str, Vec<u8>)]) -> Entry {
        let attributes = attributes.iter().map(|(name, value)| Attribute {
            name: (*name).to_owned(),
            values: vec![value.clone()],
        });
        Entry { dn: String::new(), attributes: attributes.collect() }
    }

    #[test]
    fn the_text_is_the_usual_one() {
        let sid = Sid::from_bytes(&bytes(&[21, 1, 4_294_967_295, 513])).unwrap();
        assert_eq!(sid.to_string(), "S-1-5-21-1-4294967295-513");
        assert_eq!(Sid::from_bytes(&bytes(&[])).unwrap().to_string(), "S-1-5");
    }

    #[test]
    fn the_primary_group_is_of_the_users_domain() {
        let sid = (OBJECT_SID, bytes(&[21, 7, 8, 9, 1104]));
        let group = primary_group(&user(&[sid.clone(), (PRIMARY_GROUP_ID, b"513".to_vec())]));
        assert_eq!(group, Ok(Sid::from_bytes(&bytes(&[21, 7, 8, 9, 513]))));
        assert_eq!(primary_group(&user(std::slice::from_ref(&sid))), Ok(None));
        let unknown = Err(UnknownReason::Malformed);
        let number = (PRIMARY_GROUP_ID, b"513".to_vec());
        let id = (OBJECT_GUID, vec![7; 16]);
        assert_eq!(primary_group(&user(&[number.clone(), id])), unknown, "it is not shown");
        assert_eq!(primary_group(&user(&[number])), Ok(None), "it is no Active Directory");
        assert_eq!(primary_group(&user(&[sid, (PRIMARY_GROUP_ID, b"x".to_vec())])), unknown);
    }

    proptest! {
        #[test]
        fn whatever_is_an_identifier_keeps_its_bytes_and_its_domain(any: Vec<u8>, last: u32) {
            if let Some(sid) = Sid::from_bytes(&any) {
                prop_assert_eq!(sid.as_bytes(), &any[..]);
                prop_assert!(sid.to_string().starts_with("S-1-"));
                if let Some(other) = sid.with_last(last) {
                    prop_assert_eq!(other.as_bytes().len(), any.len());
                    prop_assert!(Sid::from_bytes(other.as_bytes()).is_some());
                }
            }
        }

        #[test]
        fn what_is_cut_short_or_too_long_is_no_identifier(
            parts in prop::collection::vec(any::<u32>(), 0..16),
            more in 1_usize..9,
        ) {
            let mut whole = bytes(&parts);
            prop_assert!(Sid::from_bytes(&whole).is_some());
            for length in 0..whole.len() {
                prop_assert!(Sid::from_bytes(&whole[..length]).is_none());
            }
            whole.extend(std::iter::repeat_n(0, more));
            prop_assert!(Sid::from_bytes(&whole).is_none());
        }
    }
}
