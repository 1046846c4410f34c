//! What becomes of a directory's references to other servers: of a SearchResultReference, and of a
//! result that is a referral (RFC 4511 sections 4.1.10 and 4.5.3). None is ever followed here.
//!
//! A client that follows one goes round the gateway, and may take its password there: so by default
//! references are stripped. Rewritten, they lead to the gateway where one of its directories holds
//! the name; whatever else they name is stripped. A result is rewritten only if *another* directory
//! holds the name: the one that gave it would give it again, for as long as the client follows.

use crate::proto::ber::{self, OCTET_STRING, Reader};
use crate::proto::dn::DistinguishedName;
use crate::proto::result::{LdapResult, REFERRAL, ResultCode};
use crate::proto::url::LdapUrl;

/// What becomes of references (`referrals`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Referrals {
    /// They are left out; a result that is nothing else is a refusal.
    #[default]
    Strip,
    /// They pass as they are.
    Pass,
    /// They lead to the gateway.
    Rewrite,
}

/// What was done with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It was left out.
    Stripped,
    /// It passed as it was.
    Passed,
    /// It leads to the gateway now.
    Rewritten,
}

impl Settled {
    /// Every outcome.
    pub const ALL: [Self; 3] = [Self::Stripped, Self::Passed, Self::Rewritten];

    /// The name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stripped => "stripped",
            Self::Passed => "passed",
            Self::Rewritten => "rewritten",
        }
    }
}

/// What a result that was nothing but a referral says instead.
pub const NOT_FOLLOWED: &str = "the directory refers to another server, which is not followed";

/// The URLs of `list`, the content of a SearchResultReference or of a referral, that name what
/// `leads_here` holds, as URLs of `server`; empty if there is none.
pub fn rewritten(
    list: &[u8],
    server: &str,
    leads_here: impl Fn(&DistinguishedName) -> bool,
) -> Vec<u8> {
    let mut reader = Reader::new(list);
    let mut out = Vec::new();
    while let Ok(url) = reader.octets() {
        let Some(url) = LdapUrl::parse(url) else { continue };
        let name = url.name.as_deref().and_then(|name| DistinguishedName::from_bytes(name).ok());
        if name.is_some_and(|name| leads_here(&name)) {
            ber::write_element(&mut out, OCTET_STRING, url.at(server).as_bytes());
        }
    }
    out
}

/// The content of a response whose result is a referral, or bears one, with `kept` in the place of
/// its URLs; without any the result is a refusal. Whatever follows the result's fields stays, but for
/// another referral, which would be read in the place of one that was taken away, and for what is no
/// element.
pub fn settled_result(content: &[u8], kept: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader::new(content);
    let mut result = LdapResult::read(&mut reader).ok()?;
    let is_referral = result.code == ResultCode::REFERRAL;
    if !is_referral && result.referral.is_none() {
        return None;
    }
    result.referral = Some(kept).filter(|kept| !kept.is_empty());
    if is_referral && kept.is_empty() {
        result.code = ResultCode::UNWILLING_TO_PERFORM;
        result.diagnostic = NOT_FOLLOWED.as_bytes();
    }
    let mut out = Vec::with_capacity(content.len());
    result.write_fields(&mut out);
    while let Ok(element) = reader.element() {
        if element.tag != REFERRAL {
            out.extend_from_slice(element.whole);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HERE: &str = "ldap://gateway";

    fn list(urls: &[&str]) -> Vec<u8> {
        let mut out = Vec::new();
        urls.iter().for_each(|url| ber::write_element(&mut out, OCTET_STRING, url.as_bytes()));
        out
    }

    fn holds(name: &DistinguishedName) -> bool {
        DistinguishedName::parse("dc=one").is_ok_and(|suffix| name.is_within(&suffix))
    }

    #[track_caller]
    fn check(urls: &[&str], expected: &[&str]) {
        assert_eq!(rewritten(&list(urls), HERE, holds), list(expected), "{urls:?}");
    }

    #[test]
    fn what_the_gateway_holds_leads_to_the_gateway_and_all_else_is_left_out() {
        check(&["ldap://dc1/ou=x,dc=one??base"], &["ldap://gateway/ou=x,dc=one??base"]);
        check(&["ldaps://dc1/OU=x,%20DC=One"], &["ldap://gateway/OU=x,%20DC=One"]);
        check(
            &["ldap://dc1/dc=two", "ldap://dc1/dc=one", "http://dc1/dc=one", "ldap://dc1"],
            &["ldap://gateway/dc=one"],
        );
        check(&["ldap://dc1/not a name", "ldap://dc1/??sub"], &[]);
        check(&[], &[]);
    }

    #[test]
    fn a_referral_without_urls_is_a_refusal_with_the_matched_name_and_what_follows() {
        let referral = list(&["ldap://dc1/dc=one"]);
        let mut given = Vec::new();
        let result = LdapResult {
            code: ResultCode::REFERRAL,
            matched_dn: b"dc=one",
            diagnostic: b"elsewhere",
            referral: Some(&referral),
        };
        result.write_fields(&mut given);
        given.extend_from_slice(&[0x87, 1, b'x']);
        let stripped = settled_result(&given, b"").expect("it is a referral");
        let got = LdapResult::decode(&stripped).expect("it is a result");
        assert_eq!((got.code, got.referral), (ResultCode::UNWILLING_TO_PERFORM, None));
        assert_eq!((got.matched_dn, got.diagnostic), (&b"dc=one"[..], NOT_FOLLOWED.as_bytes()));
        assert!(stripped.ends_with(&[0x87, 1, b'x']));
        assert_eq!(settled_result(&given, &referral), Some(given));
    }

    #[test]
    fn a_second_referral_does_not_come_in_the_place_of_the_first() {
        let mut given = Vec::new();
        let result = LdapResult {
            referral: Some(&[]),
            ..LdapResult::new(ResultCode::REFERRAL, "elsewhere")
        };
        result.write_fields(&mut given);
        for (behind, left) in [
            (&[0xa3, 2, 4, 0][..], &[][..]),
            (&[0xa3, 9, 4], &[]),
            (&[0x87, 1, b'x', 0xa3, 0], &[0x87, 1, b'x']),
        ] {
            let stripped = settled_result(&[&given, behind].concat(), b"");
            let stripped = stripped.expect("it is a referral");
            let got = LdapResult::decode(&stripped).expect("it is a result");
            assert_eq!((got.code, got.referral), (ResultCode::UNWILLING_TO_PERFORM, None));
            assert!(stripped.ends_with(left), "{stripped:x?}");
        }
    }

    #[test]
    fn a_result_that_is_no_referral_stays_as_it_is() {
        let mut given = Vec::new();
        LdapResult::new(ResultCode::SUCCESS, "").write_fields(&mut given);
        assert_eq!(settled_result(&given, b""), None);
        assert_eq!(settled_result(b"\x0a\x01", b""), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = rewritten(&bytes, HERE, holds);
            let _ = settled_result(&bytes, b"");
        }
    }
}
