//! Names that Active Directory takes in a bind and that are no DN: `ann@example.com`,
//! `EXAMPLE\ann`, `S-1-5-21-…`, `<GUID=…>` (MS-ADTS section 5.1.1.1.1).
//!
//! What such a name looks like says nothing for sure: it may be anybody's `userPrincipalName`, and
//! implicit ones collide with those. So whose entry it is, is asked after the bind.

use crate::proto::dn::DistinguishedName;

/// The entry of a bind's name, if that is a DN.
///
/// `a=b@example.com` could be either. A DN of one part is no user's, so it is taken for the other.
pub fn entry_of(name: &[u8]) -> Option<DistinguishedName> {
    let dn = DistinguishedName::from_bytes(name).ok()?;
    let may_be_another = name.contains(&b'@') && dn.parent().is_none_or(|parent| parent.is_root());
    (!may_be_another).then_some(dn)
}

/// What an account may be called by whom this name names: the name itself, and its part without the
/// domain. None of a DN.
pub fn account_names(name: &[u8]) -> Vec<&str> {
    let Some(text) = std::str::from_utf8(name).ok().filter(|_| entry_of(name).is_none()) else {
        return Vec::new();
    };
    let of_domain = text.split_once('\\').map(|(_, account)| account);
    let of_realm = text.rsplit_once('@').map(|(account, _)| account);
    [Some(text), of_domain, of_realm].into_iter().flatten().collect()
}

/// The suffix that stands for the domain of such a name: of `ann@eu.example.com`
/// `dc=eu,dc=example,dc=com`. `None` of a name of another form.
pub fn suffix_of(name: &[u8]) -> Option<DistinguishedName> {
    let text = std::str::from_utf8(name).ok().filter(|_| entry_of(name).is_none())?;
    let (_, realm) = text.rsplit_once('@')?;
    let is_label = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let parts: Vec<String> = realm.split('.').map(|part| format!("dc={part}")).collect();
    if !realm.split('.').all(is_label) {
        return None;
    }
    DistinguishedName::parse(&parts.join(",")).ok()
}

/// The domain's short name in `EXAMPLE\ann`.
pub fn domain_of(name: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(name).ok().filter(|_| entry_of(name).is_none())?;
    text.split_once('\\').map(|(domain, _)| domain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_dn_is_told_apart() {
        for (name, names) in [
            ("ann@example.com", &["ann@example.com", "ann"][..]),
            ("EXAMPLE\\ann", &["EXAMPLE\\ann", "ann"]),
            ("a@b@example.com", &["a@b@example.com", "a@b"]),
            ("S-1-5-21-1-2-3-1104", &["S-1-5-21-1-2-3-1104"]),
            ("<GUID=0011>", &["<GUID=0011>"]),
            ("cn=ann@example.com", &["cn=ann@example.com", "cn=ann"]),
            ("cn=ann@example.com,dc=example", &[]),
            ("cn=ann", &[]),
            ("", &[]),
        ] {
            assert_eq!(account_names(name.as_bytes()), names, "{name}");
            assert_eq!(entry_of(name.as_bytes()).is_some(), names.is_empty(), "{name}");
        }
    }

    #[test]
    fn a_principal_name_leads_to_its_domain() {
        for (name, suffix) in [
            ("ann@EU.example.com", Some("dc=eu,dc=example,dc=com")),
            ("a@b@example", Some("dc=example")),
            ("ann@", None),
            ("ann@a..b", None),
            ("ann@a,dc=b", None),
            ("ann", None),
            ("cn=ann,dc=a@b", None),
        ] {
            let found = suffix_of(name.as_bytes());
            assert_eq!(found.as_ref().map(|dn| dn.normalized().as_str()), suffix, "{name}");
        }
        assert_eq!(domain_of(b"EXAMPLE\\ann"), Some("EXAMPLE"));
        assert_eq!(domain_of(b"cn=Smith\\, Jane,dc=x"), None);
    }

    proptest! {
        #[test]
        fn any_name_is_one_or_the_other(name: Vec<u8>) {
            let is_dn = entry_of(&name).is_some();
            prop_assert!(!is_dn || account_names(&name).is_empty());
            prop_assert!(!is_dn || suffix_of(&name).is_none() && domain_of(&name).is_none());
        }
    }
}
