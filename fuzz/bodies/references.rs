//! URLs of references, and results that are referrals.

use bindgate::domain::referral;
use bindgate::proto::ber::Reader;
use bindgate::proto::result::LdapResult;
use bindgate::proto::url::{LdapUrl, MAX_URL_LENGTH};

const HERE: &str = "ldap://gateway";

/// Reads a URL, and leads it here; takes the same bytes for the result of an operation.
pub(crate) fn body(data: &[u8]) {
    if let Some(url) = LdapUrl::parse(data) {
        let here = url.at(HERE);
        if here.len() <= MAX_URL_LENGTH {
            let read = LdapUrl::parse(here.as_bytes()).expect("what leads here is a URL");
            assert_eq!(read.at(HERE), here, "led here twice it is another one");
            assert_eq!(read.name, url.name, "it is about another entry");
        }
    }
    for kept in [&b""[..], &b"\x04\x08ldap://x"[..]] {
        let Some(settled) = referral::settled_result(data, kept) else { continue };
        let result = LdapResult::read(&mut Reader::new(&settled)).expect("it is a result");
        let before = LdapResult::read(&mut Reader::new(data)).expect("and so was this");
        assert_eq!(result.matched_dn, before.matched_dn);
    }
}
