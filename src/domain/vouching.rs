//! Identities that the gateway vouches for itself: which name a client's certificate stands for,
//! and whether the entry of that name is one that may sign on (rule S10.7).
//!
//! No directory looks at a password here, so nothing else would notice that an account is disabled.
//! Whatever cannot be told is refused.

use super::observation::UnknownReason;
use super::session::Refusal;
use super::time::Timestamp;
use crate::proto::certificate::{Certificate, generalized_time};
use crate::proto::dn::{DistinguishedName, escape_value};
use crate::proto::filter::Filter;
use crate::proto::result::ResultCode;
use crate::proto::search::Entry;
use thiserror::Error;

/// The attributes that say whether an account may sign on, of every directory that is known here.
pub const ATTRIBUTES: [&str; 10] = [
    "userAccountControl",
    "accountExpires",
    "lockoutTime",
    "nsAccountLock",
    "loginDisabled",
    "pwdAccountLockedTime",
    "pwdStartTime",
    "pwdEndTime",
    "loginExpirationTime",
    "shadowExpire",
];

/// `userAccountControl`: the account is disabled.
const ACCOUNT_DISABLE: i64 = 0x2;
/// Between 1601, where Active Directory's time begins, and 1970, in seconds.
const SECONDS_1601_TO_1970: i64 = 11_644_473_600;
/// Active Directory's hundreds of nanoseconds in a second.
const TICKS: i64 = 10_000_000;

/// One whom the gateway does not vouch for; all of them are told the same.
pub const NOT_VOUCHED_FOR: Refusal = Refusal::new(ResultCode::INVALID_CREDENTIALS, "");

/// There is nothing to go by.
pub const NO_CERTIFICATE: Refusal = Refusal::new(
    ResultCode::AUTH_METHOD_NOT_SUPPORTED,
    "SASL EXTERNAL needs TLS with a client's certificate, and a rule for it",
);

/// The session could do nothing: the directory knows it by no bind, and does not let the gateway
/// ask for it.
pub const NOT_GRANTED: Refusal = Refusal::new(
    ResultCode::UNWILLING_TO_PERFORM,
    "SASL EXTERNAL needs a directory that grants proxied authorisation",
);

/// Why nobody is vouched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NotVouched {
    /// The certificate cannot be read.
    #[error("certificate cannot be read")]
    Unreadable,
    /// It does not hold what the rule asks for, or holds it twice.
    #[error("certificate does not say whose it is, or says it twice")]
    NoName,
    /// It has ended since it was verified.
    #[error("certificate has ended")]
    Ended,
    /// The client asks to be somebody else.
    #[error("another authorisation identity was asked for")]
    AnotherName,
    /// The entry could not be read, or is not there.
    #[error("entry is unknown: {0}")]
    Unknown(UnknownReason),
    /// The account is disabled.
    #[error("account is disabled")]
    Disabled,
    /// The account is locked.
    #[error("account is locked")]
    Locked,
    /// The account has expired, or has not begun.
    #[error("account is not valid at this time")]
    NotNow,
    /// An attribute that says so cannot be understood.
    #[error("state of the account cannot be told")]
    Unclear,
}

/// How a name is made of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// The whole subject.
    Subject,
    Mail,
    Principal,
    /// A value of the subject, by its type.
    Value(String),
}

/// Why text is no rule.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct BadRule(&'static str);

impl Rule {
    /// Reads a rule: a name in which `{subject}`, `{mail}`, `{upn}` or `{TYPE}` stand for what the
    /// certificate says.
    pub fn parse(text: &str) -> Result<Self, BadRule> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('{') {
            let (name, behind) = behind.split_once('}').ok_or(BadRule("a brace is not closed"))?;
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            let is_type = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
            parts.push(match name.to_ascii_lowercase().as_str() {
                "subject" => Part::Subject,
                "mail" => Part::Mail,
                "upn" => Part::Principal,
                kind if !kind.is_empty() && kind.bytes().all(is_type) => {
                    Part::Value(kind.to_owned())
                }
                _ => return Err(BadRule("no attribute type stands between the braces")),
            });
            rest = behind;
        }
        if parts.is_empty() {
            return Err(BadRule("everybody with a certificate would be the same"));
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        let rule = Self { parts };
        let example =
            rule.fill(|part| Some(if *part == Part::Subject { "cn=x" } else { "x" }.into()));
        match example.and_then(|text| DistinguishedName::parse(&text).ok()) {
            Some(name) if !name.is_root() => Ok(rule),
            _ => Err(BadRule("what it gives is no distinguished name")),
        }
    }

    /// The name that a certificate stands for.
    pub fn name(&self, certificate: &Certificate) -> Result<DistinguishedName, NotVouched> {
        let text = self.fill(|part| match part {
            Part::Text(_) => None,
            Part::Subject => Some(certificate.subject()),
            Part::Mail => only(certificate.mail().into_iter()),
            Part::Principal => only(certificate.principals().iter().map(String::as_str)),
            Part::Value(kind) => only(certificate.values(kind)),
        });
        let name = text.and_then(|text| DistinguishedName::parse(&text).ok());
        name.filter(|name| !name.is_root()).ok_or(NotVouched::NoName)
    }

    fn fill(&self, value: impl Fn(&Part) -> Option<String>) -> Option<String> {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                part => out.push_str(&value(part)?),
            }
        }
        Some(out)
    }
}

/// The one value that there is, as it can stand in a name.
fn only<'a>(mut values: impl Iterator<Item = &'a str>) -> Option<String> {
    let value = values.next().filter(|value| !value.is_empty())?;
    values.next().is_none().then(|| escape_value(value))
}

/// Where, and by what, the entry is searched for that a name stands for: below all but its first part,
/// for what that says. `None` if that says nothing that can be searched for.
pub fn search_for(name: &DistinguishedName) -> Option<(DistinguishedName, Filter)> {
    let base = name.parent()?;
    let mut said = name.named_values();
    said.truncate(said.len().checked_sub(base.named_values().len())?);
    let mut parts: Vec<Filter> =
        said.into_iter().map(|said| Filter::equal(&said.attribute_type, said.value)).collect();
    match (parts.pop()?, parts.is_empty()) {
        (only, true) => Some((base, only)),
        (last, false) => {
            parts.push(last);
            Some((base, Filter::And(parts)))
        }
    }
}

/// Whether a client that is `name` may ask to be `asked`, an authorisation identity (RFC 4513
/// section 5.2.1.8): only to be itself.
pub fn may_be(asked: &[u8], name: &DistinguishedName) -> bool {
    let asked_name = asked.strip_prefix(b"dn:").map(DistinguishedName::from_bytes);
    asked.is_empty() || matches!(asked_name, Some(Ok(asked)) if asked == *name)
}

/// Whether the account of an entry may sign on now.
pub fn judge(entry: &Entry, now: Timestamp) -> Result<(), NotVouched> {
    let now = now.0.div_euclid(1_000_000);
    let number = |name| one(entry, name, |text| text.parse::<i64>().ok());
    let moment = |name| one(entry, name, |text| generalized_time(text.as_bytes()));
    let truth = |name| one(entry, name, boolean);
    let is_off = number("userAccountControl")?.is_some_and(|bits| bits & ACCOUNT_DISABLE != 0);
    if is_off || truth("nsAccountLock")? == Some(true) || truth("loginDisabled")? == Some(true) {
        return Err(NotVouched::Disabled);
    }
    // How long a lock lasts is in a policy that is not read here, so while it stands it holds.
    if number("lockoutTime")?.is_some_and(|since| since != 0)
        || !entry.values("pwdAccountLockedTime").is_empty()
    {
        return Err(NotVouched::Locked);
    }
    let ends = [
        number("accountExpires")?
            .filter(|&ticks| !matches!(ticks, 0 | i64::MAX))
            .map(|ticks| ticks / TICKS - SECONDS_1601_TO_1970),
        number("shadowExpire")?.filter(|days| *days >= 0).map(|days| days.saturating_mul(86_400)),
        moment("pwdEndTime")?,
        moment("loginExpirationTime")?,
    ];
    let has_begun = moment("pwdStartTime")?.is_none_or(|start| start <= now);
    if !has_begun || ends.into_iter().flatten().any(|end| end <= now) {
        return Err(NotVouched::NotNow);
    }
    Ok(())
}

/// The one value of an attribute, `None` if there is none.
fn one<T>(
    entry: &Entry,
    name: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, NotVouched> {
    match entry.values(name) {
        [] => Ok(None),
        [value] => {
            let text = std::str::from_utf8(value).map_err(|_| NotVouched::Unclear)?;
            read(text).map(Some).ok_or(NotVouched::Unclear)
        }
        _ => Err(NotVouched::Unclear),
    }
}

fn boolean(text: &str) -> Option<bool> {
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    (is("true") || is("false")).then(|| is("true"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::ber;
    use crate::proto::search::Attribute;

    const NOW: Timestamp = Timestamp(1_709_208_000_000_000);

    #[track_caller]
    fn check(attributes: &[(&str, &str)], expected: Result<(), NotVouched>) {
        let attributes = attributes
            .iter()
            .map(|(name, value)| Attribute {
                name: (*name).to_owned(),
                values: vec![value.as_bytes().to_vec()],
            })
            .collect();
        let entry = Entry { dn: "uid=ann,dc=x".to_owned(), attributes };
        assert_eq!(judge(&entry, NOW), expected, "{:?}", entry.attributes);
    }

    #[test]
    fn s10_7_an_account_is_vouched_for_only_if_it_is_enabled_unexpired_and_unlocked() {
        check(&[], Ok(()));
        check(&[("userAccountControl", "512"), ("accountExpires", "9223372036854775807")], Ok(()));
        check(&[("accountExpires", "0"), ("lockoutTime", "0"), ("shadowExpire", "-1")], Ok(()));
        check(&[("nsAccountLock", "FALSE"), ("pwdEndTime", "20240229120001Z")], Ok(()));
        for (name, value, why) in [
            ("userAccountControl", "514", NotVouched::Disabled),
            ("nsAccountLock", "true", NotVouched::Disabled),
            ("loginDisabled", "TRUE", NotVouched::Disabled),
            ("lockoutTime", "133000000000000000", NotVouched::Locked),
            ("pwdAccountLockedTime", "000001010000Z", NotVouched::Locked),
            ("pwdAccountLockedTime", "20990101000000Z", NotVouched::Locked),
            // 2024-02-29 12:00:00.
            ("accountExpires", "133536816000000000", NotVouched::NotNow),
            ("pwdEndTime", "20240229120000Z", NotVouched::NotNow),
            ("pwdStartTime", "20240229120001Z", NotVouched::NotNow),
            ("loginExpirationTime", "20200101000000Z", NotVouched::NotNow),
            ("shadowExpire", "1", NotVouched::NotNow),
            ("userAccountControl", "much", NotVouched::Unclear),
            ("pwdEndTime", "tomorrow", NotVouched::Unclear),
            ("nsAccountLock", "perhaps", NotVouched::Unclear),
        ] {
            check(&[(name, value)], Err(why));
            check(&[(&name.to_ascii_uppercase(), value)], Err(why));
        }
        check(&[("accountExpires", "133536816010000000")], Ok(()));
    }

    #[test]
    fn a_rule_is_a_name_with_places_for_what_a_certificate_says() {
        for text in ["{subject}", "uid={cn},dc=x", "cn={CN}+ou={2.5.4.11},dc=x", "mail={mail},dc=x"]
        {
            assert!(Rule::parse(text).is_ok(), "{text}");
        }
        for text in ["", "uid=ann,dc=x", "uid={cn,dc=x", "{cn}", "uid={},dc=x", "uid={c n},dc=x"] {
            assert!(Rule::parse(text).is_err(), "{text}");
        }
    }

    /// A certificate with these common names and, as mail addresses, these.
    fn certificate(names: &[&str], mail: &[&str]) -> Certificate {
        let nested = |tag, parts: &[Vec<u8>]| {
            let mut out = Vec::new();
            ber::write_element(&mut out, tag, &parts.concat());
            out
        };
        let leaf = |tag, content: &[u8]| nested(tag, &[content.to_vec()]);
        let named = |name: &&str| {
            let pair = [leaf(6, &[0x55, 4, 3]), leaf(0x0c, name.as_bytes())];
            nested(ber::SET, &[nested(ber::SEQUENCE, &pair)])
        };
        let subject: Vec<_> = names.iter().map(named).collect();
        let addresses: Vec<_> = mail.iter().map(|mail| leaf(0x81, mail.as_bytes())).collect();
        let addresses = leaf(ber::OCTET_STRING, &nested(ber::SEQUENCE, &addresses));
        let extension = nested(ber::SEQUENCE, &[leaf(6, &[0x55, 0x1d, 0x11]), addresses]);
        let times = [leaf(0x17, b"200101000000Z"), leaf(0x17, b"490101000000Z")];
        let body = [
            leaf(ber::INTEGER, &[1]),
            leaf(ber::SEQUENCE, &[]),
            leaf(ber::SEQUENCE, &[]),
            nested(ber::SEQUENCE, &times),
            nested(ber::SEQUENCE, &subject),
            leaf(ber::SEQUENCE, &[]),
            nested(0xa3, &[nested(ber::SEQUENCE, &[extension])]),
        ];
        let der = nested(ber::SEQUENCE, &[nested(ber::SEQUENCE, &body)]);
        Certificate::decode(&der).expect("it is one")
    }

    #[test]
    fn s10_7_a_name_is_made_of_what_a_certificate_says_once_and_nothing_is_guessed() {
        let rule = |text| Rule::parse(text).expect("it is a rule");
        let by_name = rule("uid={cn},ou=people,dc=x");
        let made = |rule: &Rule, names: &[&str], mail: &[&str]| {
            rule.name(&certificate(names, mail)).map(|name| name.to_string())
        };
        assert_eq!(made(&by_name, &["ann"], &[]), Ok("uid=ann,ou=people,dc=x".to_owned()));
        for names in [&[][..], &[""], &["ann", "bob"], &["ann", "ann"]] {
            assert_eq!(made(&by_name, names, &[]), Err(NotVouched::NoName), "{names:?}");
        }
        let forged = made(&by_name, &["bob,ou=people,dc=x\0+cn"], &[]).expect("a value of uid");
        let forged = DistinguishedName::parse(&forged).expect("it is a name");
        assert_eq!(forged.named_values()[0].value, b"bob,ou=people,dc=x\0+cn");
        assert_eq!(forged.parent(), DistinguishedName::parse("ou=people,dc=x").ok());
        let by_mail = rule("mail={mail},dc=x");
        assert_eq!(made(&by_mail, &["ann"], &["a@x"]), Ok("mail=a@x,dc=x".to_owned()));
        assert_eq!(made(&by_mail, &["ann"], &["a@x", "b@x"]), Err(NotVouched::NoName));
        assert_eq!(made(&rule("{subject}"), &[], &[]), Err(NotVouched::NoName));
        assert_eq!(made(&rule("{subject}"), &["ann"], &[]), Ok("cn=ann".to_owned()));
    }

    #[test]
    fn a_name_that_is_searched_for_is_its_first_part_below_the_rest() {
        for (name, expected) in [
            ("mail=a@x,ou=people,dc=x", Some(("ou=people,dc=x", "(mail=a@x)"))),
            ("mail=a\\2a\\,b(c,dc=x", Some(("dc=x", "(mail=a\\2a,b\\28c)"))),
            ("cn=a+ou=b,dc=x", Some(("dc=x", "(&(cn=a)(ou=b))"))),
            ("cn=#0101ff,dc=x", None),
            ("", None),
        ] {
            let name = DistinguishedName::parse(name).expect("it is a name");
            let found = search_for(&name).map(|(base, filter)| (base.to_string(), filter));
            let expected = expected.map(|(base, filter)| {
                (base.to_owned(), Filter::parse(filter).expect("it is a filter"))
            });
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn an_authorisation_identity_has_to_be_ones_own() {
        let ann = DistinguishedName::parse("uid=ann,dc=x").expect("it is a name");
        for (asked, may) in [
            (&b""[..], true),
            (b"dn:uid=ann,dc=x", true),
            (b"dn:UID=Ann, DC=x", true),
            (b"dn:uid=bob,dc=x", false),
            (b"dn:", false),
            (b"u:ann", false),
            (b"uid=ann,dc=x", false),
        ] {
            assert_eq!(may_be(asked, &ann), may, "{asked:?}");
        }
    }
}
