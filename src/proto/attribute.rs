//! Attribute descriptions (RFC 4512 section 2.5): a type and its options.

use super::schema;
use std::borrow::Cow;
use thiserror::Error;

/// The longest attribute description that is read, in bytes.
pub const MAX_DESCRIPTION: usize = 1024;

/// Why text is no attribute description.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("not an attribute description: {0}")]
pub struct AttributeError(pub String);

/// An attribute description, compared without regard to case and to the order of options.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttributeDescription {
    normalized: String,
}

impl AttributeDescription {
    /// Reads a description of at most [`MAX_DESCRIPTION`] bytes. Beyond the RFC's grammar,
    /// `OID.` before an OID, `_` in names, and the option `range=0-*` of Active Directory are read.
    pub fn parse(text: &str) -> Result<Self, AttributeError> {
        if text.len() > MAX_DESCRIPTION {
            return Err(AttributeError(format!("longer than {MAX_DESCRIPTION} bytes")));
        }
        let (name, options) = text.split_once(';').map_or((text, None), |(n, o)| (n, Some(o)));
        let kind = normalize_type(name)
            .ok_or_else(|| AttributeError(format!("{name:?} is no attribute type")))?;
        let mut normalized = kind.into_owned();
        let Some(options) = options else {
            return Ok(Self { normalized });
        };
        let lower = options.to_ascii_lowercase();
        let mut options: Vec<&str> = lower.split(';').collect();
        if let Some(bad) = options.iter().find(|option| !is_option(option)) {
            return Err(AttributeError(format!("{bad:?} is no option")));
        }
        options.sort_unstable();
        options.dedup();
        for option in options {
            normalized.push(';');
            normalized.push_str(option);
        }
        Ok(Self { normalized })
    }

    /// The type in lower case; well-known OIDs and second names are turned into the usual name.
    pub fn attribute_type(&self) -> &str {
        self.normalized.split(';').next().unwrap_or_default()
    }

    /// The options in lower case, sorted, each once.
    pub fn options(&self) -> impl Iterator<Item = &str> {
        self.normalized.split(';').skip(1)
    }

    /// Type and options in lower case, options sorted.
    pub fn as_str(&self) -> &str {
        &self.normalized
    }

    /// Whether values under `other` are values of this description too: the same type, and every
    /// option of this one (RFC 4512 section 2.5.2). `cn` covers `cn;lang-de`, not the reverse.
    /// `;binary` only says how values travel (RFC 4522), so it does not count.
    pub fn covers(&self, other: &Self) -> bool {
        self.attribute_type() == other.attribute_type()
            && self
                .options()
                .filter(|option| *option != "binary")
                .all(|option| other.options().any(|candidate| candidate == option))
    }
}

/// An attribute type in lower case and under its usual name; `None` if the text is no type.
pub(super) fn normalize_type(text: &str) -> Option<Cow<'_, str>> {
    let bare = match text.get(..4) {
        Some(prefix) if prefix.eq_ignore_ascii_case("oid.") => &text[4..],
        _ => text,
    };
    let is_oid = is_numeric_oid(bare);
    if !is_oid && (bare.len() < text.len() || !is_keyword(bare)) {
        return None;
    }
    let lower = if bare.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(bare.to_ascii_lowercase())
    } else {
        Cow::Borrowed(bare)
    };
    Some(schema::canonical_name(&lower).map_or(lower, Cow::Borrowed))
}

/// Whether text names a matching rule: a keyword or an OID.
pub(super) fn is_rule_name(text: &str) -> bool {
    is_keyword(text) || is_numeric_oid(text)
}

fn is_keyword(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.bytes().all(is_key_byte)
}

fn is_numeric_oid(text: &str) -> bool {
    let is_arc = |arc: &str| {
        let digits = !arc.is_empty() && arc.bytes().all(|byte| byte.is_ascii_digit());
        digits && (arc.len() == 1 || !arc.starts_with('0'))
    };
    text.contains('.') && text.split('.').all(is_arc)
}

fn is_option(text: &str) -> bool {
    match text.strip_prefix("range=") {
        Some(range) => range.bytes().all(|byte| byte.is_ascii_digit() || b"-*".contains(&byte)),
        None => !text.is_empty() && text.bytes().all(is_key_byte),
    }
}

fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let got = AttributeDescription::parse(text).ok();
        assert_eq!(got.as_ref().map(AttributeDescription::as_str), expected, "{text:?}");
    }

    #[test]
    fn spellings_of_one_description_have_one_form() {
        check("CN", Some("cn"));
        check("commonName", Some("cn"));
        check("2.5.4.3", Some("cn"));
        check("OID.2.5.4.3", Some("cn"));
        check("userid", Some("uid"));
        check("1.2.3.4", Some("1.2.3.4"));
        check("cn;lang-DE;X-a;lang-de", Some("cn;lang-de;x-a"));
        check("cn;x-a;lang-de", Some("cn;lang-de;x-a"));
        check("member;range=0-*", Some("member;range=0-*"));
        check("msDS-User-Account-Control-Computed", Some("msds-user-account-control-computed"));
    }

    #[test]
    fn what_is_no_description_is_refused() {
        for text in [
            "", ";", "cn;", "cn;;x", "c n", "1", "1.", ".1", "1..2", "1.02", "-a", "ä", "cn=",
            "oid.cn", "cn;a=b", "*", "+", "a)(b",
        ] {
            check(text, None);
        }
        check(&"a".repeat(MAX_DESCRIPTION + 1), None);
    }

    #[test]
    fn a_description_covers_those_with_more_options() {
        let parse = |text| AttributeDescription::parse(text).unwrap();
        assert!(parse("cn").covers(&parse("CN;lang-de")));
        assert!(parse("cn;lang-de").covers(&parse("cn;x-a;lang-de")));
        assert!(!parse("cn;lang-de").covers(&parse("cn")));
        assert!(!parse("cn").covers(&parse("sn")));
        assert!(parse("userCertificate;binary").covers(&parse("userCertificate")));
    }

    proptest! {
        #[test]
        fn a_normal_form_is_its_own_normal_form(text in "[a-zA-Z0-9.;=*_-]{0,20}|\\PC{0,20}") {
            if let Ok(description) = AttributeDescription::parse(&text) {
                let again = AttributeDescription::parse(description.as_str());
                prop_assert_eq!(again, Ok(description));
            }
        }
    }
}
