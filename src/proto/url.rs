//! LDAP URLs (RFC 4516), as far as a referral needs them: whose they are, and what they name.

/// The longest URL that is read.
pub const MAX_URL_LENGTH: usize = 16 * 1024;

/// An LDAP URL in its parts, borrowed from the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LdapUrl<'a> {
    /// Scheme, host and port: `ldap://dc1.example.com:389`.
    pub server: &'a str,
    /// The name, its percent encoding undone; `None` if the URL has none.
    pub name: Option<Vec<u8>>,
    /// What stands behind the server: empty, or from the slash on.
    pub rest: &'a str,
}

impl<'a> LdapUrl<'a> {
    /// Reads `ldap://…` or `ldaps://…`; `None` for anything else, whatever it may be.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok().filter(|text| text.len() <= MAX_URL_LENGTH)?;
        let (scheme, behind) = text.split_once("://")?;
        if !["ldap", "ldaps"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
            return None;
        }
        let host = behind.find(['/', '?']).unwrap_or(behind.len());
        let (server, rest) = text.split_at(scheme.len() + "://".len() + host);
        let path = rest.strip_prefix('/').unwrap_or_default();
        let name = path.split('?').next().filter(|name| !name.is_empty());
        let name = match name {
            Some(name) => Some(decode(name)?),
            None => None,
        };
        Some(Self { server, name, rest })
    }

    /// The same URL at another server, which is given without a slash at its end.
    pub fn at(&self, server: &str) -> String {
        format!("{server}{}", self.rest)
    }
}

/// Undoes percent encoding; `None` if it is cut short or holds no hex digits.
fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => {
                let mut digit = || bytes.next().and_then(|byte| char::from(byte).to_digit(16));
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high << 4 | low).ok()?
            }
            byte => byte,
        });
    }
    Some(out)
}

/// Text of any bytes as a part of a URL: all but unreserved characters percent-encoded (RFC 3986
/// section 2).
pub fn encoded(part: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(part.len());
    for byte in part {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(*byte));
            }
            byte => {
                let digits = [byte >> 4, byte & 15].map(|half| DIGITS[usize::from(half)]);
                out.push('%');
                out.extend(digits.map(char::from));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(&str, Option<&str>, &str)>) {
        let url = LdapUrl::parse(text.as_bytes());
        let got = url.as_ref().map(|url| {
            let name = url.name.as_deref().map(|name| std::str::from_utf8(name).unwrap_or("?"));
            (url.server, name, url.rest)
        });
        assert_eq!(got, expected, "{text}");
    }

    #[test]
    fn a_url_is_told_apart_into_server_name_and_the_rest() {
        let (dc1, name) = ("ldap://dc1", "dc=example,dc=com");
        check("ldap://dc1", Some((dc1, None, "")));
        check("ldap://dc1/", Some((dc1, None, "/")));
        check("ldap://dc1/dc=example,dc=com", Some((dc1, Some(name), "/dc=example,dc=com")));
        check(
            "ldap://dc1/dc=example,dc=com??sub",
            Some((dc1, Some(name), "/dc=example,dc=com??sub")),
        );
        check("ldap://dc1??base", Some((dc1, None, "??base")));
        check(
            "LDAPS://[::1]:636/o=a%2cb%20c",
            Some(("LDAPS://[::1]:636", Some("o=a,b c"), "/o=a%2cb%20c")),
        );
        check("ldap:///o=x", Some(("ldap://", Some("o=x"), "/o=x")));
        for text in [
            "",
            "ldap:",
            "http://dc1/o=x",
            "ldapi://%2frun/o=x",
            "ldap://dc1/o=%2",
            "ldap://dc1/o=%zz",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn a_url_at_another_server_keeps_what_it_names() {
        let url = LdapUrl::parse(b"ldaps://dc1:636/o=a%20b?cn?sub?(cn=x)").expect("it is one");
        assert_eq!(url.at("ldap://gateway:389"), "ldap://gateway:389/o=a%20b?cn?sub?(cn=x)");
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded_and_has_no_character_that_means_something(
            part in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let text = encoded(&part);
            prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)));
            prop_assert_eq!(decode(&text), Some(part));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = LdapUrl::parse(&bytes);
            let _ = LdapUrl::parse(&[&b"ldap://x/"[..], &bytes].concat());
        }
    }
}
