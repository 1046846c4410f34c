//! What a certificate says of its holder (RFC 5280): subject, mail addresses, principal names, and
//! its last moment. That it is genuine is for TLS to verify, whose messages also bound its size.

use super::ber::{self, BerError, OCTET_STRING, Reader, SEQUENCE, SET};
use super::dn::escape_value;
use super::schema;
use std::fmt::Write as _;
use thiserror::Error;

const OBJECT_IDENTIFIER: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const OTHER_NAME: u8 = 0xa0;
const OTHER_VALUE: u8 = 0xa0;
const MAIL_ADDRESS: u8 = 0x81;

/// Subject alternative name, 2.5.29.17.
const ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1d, 0x11];
/// A user principal name, 1.3.6.1.4.1.311.20.2.3.
const PRINCIPAL_NAME: &[u8] = &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 0x14, 2, 3];
/// A mail address in a subject, 1.2.840.113549.1.9.1.
const EMAIL_ADDRESS: &str = "1.2.840.113549.1.9.1";

/// The bytes are no certificate, or hold a string or a time of a kind that is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("certificate cannot be read")]
pub struct Unreadable;

impl From<BerError> for Unreadable {
    fn from(_: BerError) -> Self {
        Self
    }
}

/// A type and its value, of a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The type's OID.
    pub oid: String,
    /// The value.
    pub value: String,
}

/// What is known of the holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The subject's RDNs as they stand there: the one next to the root first.
    subject: Vec<Vec<Named>>,
    mail: Vec<String>,
    principals: Vec<String>,
    /// When it ends, in seconds since 1970.
    pub not_after: i64,
}

impl Certificate {
    /// Reads the DER of a certificate.
    pub fn decode(der: &[u8]) -> Result<Self, Unreadable> {
        let mut body =
            Reader::new(Reader::new(Reader::new(der).expect(SEQUENCE)?).expect(SEQUENCE)?);
        body.optional(VERSION)?;
        // Serial number, signature algorithm, issuer.
        for _ in 0..3 {
            body.element()?;
        }
        let mut validity = Reader::new(body.expect(SEQUENCE)?);
        validity.element()?;
        let end = validity.element()?;
        let not_after = match end.tag {
            UTC_TIME => utc_time(end.content),
            GENERALIZED_TIME => generalized_time(end.content),
            _ => None,
        };
        let subject = subject(body.expect(SEQUENCE)?)?;
        let mut certificate = Self {
            subject,
            mail: Vec::new(),
            principals: Vec::new(),
            not_after: not_after.ok_or(Unreadable)?,
        };
        while !body.is_empty() {
            let element = body.element()?;
            if element.tag == EXTENSIONS {
                certificate.read_extensions(element.content)?;
            }
        }
        Ok(certificate)
    }

    /// The subject as a name of RFC 4514; the name of nobody if there is none.
    pub fn subject(&self) -> String {
        let mut out = String::new();
        for rdn in self.subject.iter().rev() {
            for (at, Named { oid, value }) in rdn.iter().enumerate() {
                if at > 0 {
                    out.push('+');
                } else if !out.is_empty() {
                    out.push(',');
                }
                let _ = write!(out, "{}={}", short_name(oid), escape_value(value));
            }
        }
        out
    }

    /// The values of one type in the subject, under its name or OID.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &str> + use<'_> {
        let wanted = name.to_ascii_lowercase();
        let wanted = short_name(&wanted).to_owned();
        let is_it = move |named: &&Named| short_name(&named.oid) == wanted;
        self.subject.iter().flatten().filter(is_it).map(|named| named.value.as_str())
    }

    /// Its mail addresses: those among its alternative names, or else those in the subject.
    pub fn mail(&self) -> Vec<&str> {
        match self.mail.is_empty() {
            false => self.mail.iter().map(String::as_str).collect(),
            true => self.values(EMAIL_ADDRESS).collect(),
        }
    }

    /// The user principal names among its alternative names.
    pub fn principals(&self) -> &[String] {
        &self.principals
    }

    fn read_extensions(&mut self, content: &[u8]) -> Result<(), Unreadable> {
        let mut list = Reader::new(Reader::new(content).expect(SEQUENCE)?);
        while !list.is_empty() {
            let mut extension = Reader::new(list.expect(SEQUENCE)?);
            let oid = extension.expect(OBJECT_IDENTIFIER)?;
            extension.optional(ber::BOOLEAN)?;
            let value = extension.expect(OCTET_STRING)?;
            if oid == ALTERNATIVE_NAME {
                self.read_names(value)?;
            }
        }
        Ok(())
    }

    fn read_names(&mut self, value: &[u8]) -> Result<(), Unreadable> {
        let mut names = Reader::new(Reader::new(value).expect(SEQUENCE)?);
        while !names.is_empty() {
            let name = names.element()?;
            match name.tag {
                MAIL_ADDRESS => self.mail.push(utf8(name.content)?),
                OTHER_NAME => {
                    let mut other = Reader::new(name.content);
                    if other.expect(OBJECT_IDENTIFIER)? == PRINCIPAL_NAME {
                        let mut value = Reader::new(other.expect(OTHER_VALUE)?);
                        let value = value.element()?;
                        self.principals.push(text(value.tag, value.content)?);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// The name that a type usually goes by, or its OID.
fn short_name(oid: &str) -> &str {
    schema::canonical_name(oid).unwrap_or(oid)
}

fn subject(content: &[u8]) -> Result<Vec<Vec<Named>>, Unreadable> {
    let mut names = Reader::new(content);
    let mut rdns = Vec::new();
    while !names.is_empty() {
        let mut set = Reader::new(names.expect(SET)?);
        let mut rdn = Vec::new();
        while !set.is_empty() {
            let mut fields = Reader::new(set.expect(SEQUENCE)?);
            let oid = dotted(fields.expect(OBJECT_IDENTIFIER)?).ok_or(Unreadable)?;
            let value = fields.element()?;
            rdn.push(Named { oid, value: text(value.tag, value.content)? });
        }
        if rdn.is_empty() {
            return Err(Unreadable);
        }
        rdns.push(rdn);
    }
    Ok(rdns)
}

/// A string of one of the kinds that are in use; of another kind, it cannot be told what it says.
fn text(tag: u8, content: &[u8]) -> Result<String, Unreadable> {
    const UTF8: u8 = 0x0c;
    const PRINTABLE: u8 = 0x13;
    const IA5: u8 = 0x16;
    const BMP: u8 = 0x1e;
    match tag {
        UTF8 | PRINTABLE | IA5 => utf8(content),
        BMP if content.len().is_multiple_of(2) => {
            let units: Vec<u16> = content
                .chunks_exact(2)
                .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
                .collect();
            String::from_utf16(&units).map_err(|_| Unreadable)
        }
        _ => Err(Unreadable),
    }
}

fn utf8(content: &[u8]) -> Result<String, Unreadable> {
    std::str::from_utf8(content).map(str::to_owned).map_err(|_| Unreadable)
}

/// An object identifier in its dotted form.
fn dotted(content: &[u8]) -> Option<String> {
    let mut out = String::new();
    let mut arc: u64 = 0;
    for &byte in content {
        arc = arc.checked_mul(128)?.checked_add(u64::from(byte & 0x7f))?;
        if byte & 0x80 != 0 {
            continue;
        }
        if out.is_empty() {
            let first = (arc / 40).min(2);
            let _ = write!(out, "{first}.{}", arc - first * 40);
        } else {
            let _ = write!(out, ".{arc}");
        }
        arc = 0;
    }
    let is_whole = content.last().is_some_and(|last| last & 0x80 == 0);
    is_whole.then_some(out)
}

/// A time with two digits of the year (RFC 5280 section 4.1.2.5.1), in seconds since 1970.
fn utc_time(content: &[u8]) -> Option<i64> {
    let year = number(content.get(..2)?)?;
    let century = if year < 50 { b"20" } else { b"19" };
    generalized_time(&[century, content].concat())
}

/// A time as directories and certificates write it (RFC 4517 section 3.3.13), in seconds since
/// 1970: of the year to the second or less, in UTC or with an offset. A fraction is left out.
pub fn generalized_time(content: &[u8]) -> Option<i64> {
    let digits = content.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if !matches!(digits, 10 | 12 | 14) {
        return None;
    }
    let (time, rest) = content.split_at(digits);
    let part = |at: usize| time.get(at..at + 2).map_or(Some(0), number);
    let (year, month, day) = (number(&time[..4])?, part(4)?, part(6)?);
    let (hour, minute, second) = (part(8)?, part(10)?, part(12)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let zone = match rest.first() {
        Some(b'.' | b',') => {
            let fraction = rest[1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            &rest[1 + fraction..]
        }
        _ => rest,
    };
    let local = days_since_1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    Some(local - offset(zone)?)
}

/// How many seconds a zone is ahead of UTC.
fn offset(zone: &[u8]) -> Option<i64> {
    match zone {
        b"Z" => Some(0),
        [sign @ (b'+' | b'-'), digits @ ..] if matches!(digits.len(), 2 | 4) => {
            let minutes = digits.get(2..4).map_or(Some(0), number)?;
            let ahead = number(&digits[..2])? * 3600 + minutes * 60;
            Some(if *sign == b'+' { ahead } else { -ahead })
        }
        _ => None,
    }
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |sum, digit| {
        digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0'))
    })
}

/// Days between 1970-01-01 and a day of the Gregorian calendar.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    // Years that begin in March have their leap day last.
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year
        - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        ber::write_element(&mut out, tag, content);
        out
    }

    fn named(oid: &[u8], tag: u8, value: &[u8]) -> Vec<u8> {
        let fields = [element(OBJECT_IDENTIFIER, oid), element(tag, value)].concat();
        element(SET, &element(SEQUENCE, &fields))
    }

    fn certificate(subject: &[u8], names: &[u8]) -> Vec<u8> {
        let times = [element(UTC_TIME, b"260101000000Z"), element(UTC_TIME, b"491231235959Z")];
        let names = element(OCTET_STRING, &element(SEQUENCE, names));
        let extension = [element(OBJECT_IDENTIFIER, ALTERNATIVE_NAME), names].concat();
        let extensions = element(SEQUENCE, &element(SEQUENCE, &extension));
        let body = [
            element(VERSION, &element(ber::INTEGER, &[2])),
            element(ber::INTEGER, &[7]),
            element(SEQUENCE, &[]),
            element(SEQUENCE, &[]),
            element(SEQUENCE, &times.concat()),
            element(SEQUENCE, subject),
            element(SEQUENCE, &[]),
            element(EXTENSIONS, &extensions),
        ];
        element(SEQUENCE, &element(SEQUENCE, &body.concat()))
    }

    #[test]
    fn a_subject_reads_from_the_leaf_to_the_root_with_every_special_character_escaped() {
        let subject = [
            named(&[0x55, 4, 6], 0x13, b"DE"),
            named(&[0x55, 4, 10], 0x0c, b"Acme, Inc."),
            named(&[0x55, 4, 3], 0x1e, &[0, b'A', 0, 0xe9]),
            named(&[0x2a, 3, 4], 0x16, b"x"),
        ];
        let read = Certificate::decode(&certificate(&subject.concat(), &[])).expect("it is one");
        assert_eq!(read.subject(), "1.2.3.4=x,cn=Aé,o=Acme\\2c Inc.,c=DE");
        assert_eq!(read.values("CN").collect::<Vec<_>>(), ["Aé"]);
        assert_eq!(read.values("2.5.4.3").collect::<Vec<_>>(), ["Aé"]);
        assert_eq!(read.not_after, 2_524_607_999);
        assert!(super::super::dn::DistinguishedName::parse(&read.subject()).is_ok());
    }

    #[test]
    fn mail_addresses_and_principal_names_are_read_and_others_passed_over() {
        let principal = [
            element(OBJECT_IDENTIFIER, PRINCIPAL_NAME),
            element(OTHER_VALUE, &element(0x0c, b"ann@corp")),
        ];
        let names = [
            element(0x82, b"host.example"),
            element(MAIL_ADDRESS, b"ann@example.com"),
            element(OTHER_NAME, &principal.concat()),
        ];
        let read = Certificate::decode(&certificate(&[], &names.concat())).expect("it is one");
        assert_eq!(read.subject(), "");
        assert_eq!(
            (read.mail(), read.principals()),
            (vec!["ann@example.com"], &["ann@corp".to_owned()][..])
        );
    }

    #[test]
    fn no_cut_or_changed_byte_of_a_certificate_panics() {
        let subject = named(&[0x55, 4, 3], 0x0c, b"ann");
        let der = certificate(&subject, &element(MAIL_ADDRESS, b"ann@example.com"));
        for at in 0..der.len() {
            let _ = Certificate::decode(&der[..at]);
            for value in [0, 0x7f, 0x80, 0xff] {
                let mut changed = der.clone();
                changed[at] = value;
                let _ = Certificate::decode(&changed).map(|read| read.subject());
            }
        }
    }

    #[test]
    fn times_are_read_in_every_form_that_directories_write() {
        for (text, seconds) in [
            ("19700101000000Z", Some(0)),
            ("000001010000Z", Some(-62_167_219_200)),
            ("20240229120000Z", Some(1_709_208_000)),
            ("20240229120000.5Z", Some(1_709_208_000)),
            ("2024022912Z", Some(1_709_208_000)),
            ("20240229130000+0100", Some(1_709_208_000)),
            ("20240229110000-01", Some(1_709_208_000)),
            ("20240229120000", None),
            ("20241329120000Z", None),
            ("2024Z", None),
            ("", None),
        ] {
            assert_eq!(generalized_time(text.as_bytes()), seconds, "{text}");
        }
        assert_eq!(utc_time(b"700101000000Z"), Some(0));
    }
}
