//! Values in the form in which they are compared (RFC 4517 section 4.2).

use crate::proto::dn::{DistinguishedName, NormalizedDn};
use crate::proto::prepare::{self, Part};
use crate::proto::schema::{self, Rule};
use std::cmp::Ordering;

/// A value, prepared by its rule.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Prepared {
    /// Text that can be ordered.
    Text(String),
    /// Octets, and what should have been text but is not UTF-8.
    Octets(Vec<u8>),
    /// A DN, and the bit string behind it.
    Name(NormalizedDn, Option<String>),
    Integer(i128),
    Boolean(bool),
    Time(Instant),
    Telephone(String),
    /// The name of an object class.
    Class(String),
}

/// A point in time: seconds since 1970 and nanoseconds.
pub(super) type Instant = (i64, u32);

impl Prepared {
    /// `None` if the value is not of the rule's syntax.
    pub(super) fn new(rule: Rule, bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes);
        Some(match rule {
            Rule::Octets => Self::Octets(bytes.to_vec()),
            Rule::Text(case) => match text {
                Ok(text) => Self::Text(prepare::value(text, case)),
                // An attribute that is not in the table may well hold octets.
                Err(_) => Self::Octets(bytes.to_vec()),
            },
            Rule::DistinguishedName => {
                Self::Name(DistinguishedName::from_bytes(bytes).ok()?.normalized().clone(), None)
            }
            Rule::NameAndOptionalUid => {
                let (name, uid) = split_uid(text.ok()?);
                let name = DistinguishedName::parse(name).ok()?;
                Self::Name(name.normalized().clone(), uid.map(str::to_owned))
            }
            Rule::Integer => Self::Integer(integer(bytes)?),
            Rule::Boolean => Self::Boolean(boolean(bytes)?),
            Rule::Time => Self::Time(time(text.ok()?)?),
            Rule::Telephone => Self::Telephone(prepare::telephone(text.ok()?)),
            Rule::ObjectClass => Self::Class(schema::class_name(text.ok()?.trim_matches(' '))),
        })
    }

    /// Whether a value equals this assertion.
    pub(super) fn equals(&self, rule: Rule, value: &[u8]) -> bool {
        match (self, Self::new(rule, value)) {
            (Self::Class(asserted), Some(Self::Class(class))) => {
                schema::is_class_within(&class, asserted)
            }
            (asserted, value) => value.as_ref() == Some(asserted),
        }
    }

    /// Whether the syntax has an order.
    pub(super) fn is_ordered(&self) -> bool {
        matches!(self, Self::Text(_) | Self::Octets(_) | Self::Integer(_) | Self::Time(_))
    }

    /// How this stands to another value of the same attribute.
    pub(super) fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Text(left), Self::Text(right)) => Some(left.cmp(right)),
            (Self::Octets(left), Self::Octets(right)) => Some(left.cmp(right)),
            (Self::Integer(left), Self::Integer(right)) => Some(left.cmp(right)),
            (Self::Time(left), Self::Time(right)) => Some(left.cmp(right)),
            _ => None,
        }
    }
}

/// The parts of a substrings assertion, for the attributes of one rule.
pub(super) struct Pattern<'a> {
    rule: Rule,
    initial: Option<&'a [u8]>,
    any: &'a [Vec<u8>],
    last: Option<&'a [u8]>,
}

impl<'a> Pattern<'a> {
    /// `None` if values of the rule have no substrings.
    pub(super) fn new(
        rule: Rule,
        initial: Option<&'a [u8]>,
        any: &'a [Vec<u8>],
        last: Option<&'a [u8]>,
    ) -> Option<Self> {
        let has_substrings = matches!(rule, Rule::Text(_) | Rule::Octets | Rule::Telephone);
        has_substrings.then_some(Self { rule, initial, any, last })
    }

    /// Whether the parts occur in a value, in order and without overlap.
    pub(super) fn matches(&self, value: &[u8]) -> bool {
        let is_text = |bytes: &[u8]| std::str::from_utf8(bytes).is_ok();
        let mut parts = self.initial.iter().copied().chain(self.last.iter().copied());
        let all_text =
            is_text(value) && parts.all(is_text) && self.any.iter().all(|part| is_text(part));
        let rule = if all_text { self.rule } else { Rule::Octets };
        let value = searchable(rule, value, None);
        let part = |bytes: &[u8], place| searchable(rule, bytes, Some(place));
        let initial = self.initial.map(|bytes| part(bytes, Part::Initial)).unwrap_or_default();
        let last = self.last.map(|bytes| part(bytes, Part::Final)).unwrap_or_default();
        let Some(rest) = value.strip_prefix(initial.as_str()) else {
            return false;
        };
        let Some(mut rest) = rest.strip_suffix(last.as_str()) else {
            return false;
        };
        self.any.iter().all(|bytes| {
            let wanted = part(bytes, Part::Any);
            let found = rest.find(&wanted);
            rest = found.map_or("", |at| &rest[at + wanted.len()..]);
            found.is_some()
        })
    }
}

/// A value, or a part of one, as text in which can be searched in linear time. Octets become the
/// characters of the same number.
fn searchable(rule: Rule, bytes: &[u8], place: Option<Part>) -> String {
    match (rule, std::str::from_utf8(bytes), place) {
        (Rule::Text(case), Ok(text), None) => prepare::value(text, case),
        (Rule::Text(case), Ok(text), Some(place)) => prepare::part(text, case, place),
        (Rule::Telephone, Ok(text), _) => prepare::telephone(text),
        _ => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

/// An INTEGER (RFC 4517 section 3.3.16); leading zeros are tolerated.
pub(super) fn integer(bytes: &[u8]) -> Option<i128> {
    let text = std::str::from_utf8(bytes).ok()?;
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

/// A BOOLEAN (RFC 4517 section 3.3.3), in any case.
fn boolean(bytes: &[u8]) -> Option<bool> {
    if bytes.eq_ignore_ascii_case(b"TRUE") {
        return Some(true);
    }
    bytes.eq_ignore_ascii_case(b"FALSE").then_some(false)
}

/// Splits `dn#'0101'B` (RFC 4517 section 3.3.21).
fn split_uid(text: &str) -> (&str, Option<&str>) {
    let uid = text.strip_suffix("'B").and_then(|head| head.rsplit_once("#'"));
    match uid {
        Some((name, bits)) if bits.bytes().all(|bit| matches!(bit, b'0' | b'1')) => {
            (name, Some(bits))
        }
        _ => (text, None),
    }
}

/// A generalized time (RFC 4517 section 3.3.13): `YYYYMMDDHH[MM[SS]][.f](Z|+HH[MM]|-HH[MM])`.
fn time(text: &str) -> Option<Instant> {
    let digits_end = text.bytes().position(|byte| !byte.is_ascii_digit())?;
    let (digits, rest) = text.split_at(digits_end);
    let zone_at = rest.find(['Z', '+', '-'])?;
    let (fraction, zone) = rest.split_at(zone_at);
    let field = |from: usize, to: usize| digits.get(from..to)?.parse::<i64>().ok();
    let (hour, minute, second, unit) = match digits.len() {
        10 => (field(8, 10)?, 0, 0, 3600),
        12 => (field(8, 10)?, field(10, 12)?, 0, 60),
        14 => (field(8, 10)?, field(10, 12)?, field(12, 14)?, 1),
        _ => return None,
    };
    let (year, month, day) = (field(0, 4)?, field(4, 6)?, field(6, 8)?);
    let in_range = (1..=12).contains(&month) && (1..=31).contains(&day);
    if !in_range || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let nanos = unit * nanos_of(fraction)?;
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    let seconds = seconds - offset(zone)? + nanos / 1_000_000_000;
    Some((seconds, u32::try_from(nanos % 1_000_000_000).ok()?))
}

/// A fraction such as `.25` or `,25` in billionths; what is beyond them is dropped.
fn nanos_of(fraction: &str) -> Option<i64> {
    if fraction.is_empty() {
        return Some(0);
    }
    let digits = fraction.strip_prefix(['.', ','])?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    format!("{digits:0<9}").get(..9)?.parse().ok()
}

/// The seconds by which a zone is ahead of UTC.
fn offset(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let (sign, digits) = match zone.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    if !matches!(digits.len(), 2 | 4) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let hours: i64 = digits.get(..2)?.parse().ok()?;
    let minutes: i64 =
        digits.get(2..).filter(|m| !m.is_empty()).map_or(Some(0), |m| m.parse().ok())?;
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * 3600 + minutes * 60))
}

/// Days from 1970-01-01 to a date of the Gregorian calendar. Years begin in March here, so that
/// the leap day is a year's last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year
        - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::schema::Case;

    #[track_caller]
    fn check(text: &str, expected: Option<Instant>) {
        assert_eq!(time(text), expected, "{text:?}");
    }

    #[test]
    fn generalized_times_become_instants() {
        check("19700101000000Z", Some((0, 0)));
        check("20240229120000Z", Some((1_709_208_000, 0)));
        check("2024022912Z", Some((1_709_208_000, 0)));
        check("202402291230Z", Some((1_709_209_800, 0)));
        check("2024022912.5Z", Some((1_709_209_800, 0)));
        check("20240229120000.25Z", Some((1_709_208_000, 250_000_000)));
        check("20240229130000.0+0100", Some((1_709_208_000, 0)));
        check("20240229110000-01", Some((1_709_208_000, 0)));
        check("000001010000Z", Some((-62_167_219_200, 0)));
    }

    #[test]
    fn what_is_no_generalized_time_is_refused() {
        for text in [
            "",
            "Z",
            "2024",
            "20240229120000",
            "20241329120000Z",
            "20240200120000Z",
            "20240229240000Z",
            "20240229120000.Z",
            "20240229120000ZZ",
            "20240229120000+1",
            "20240229120000+é1",
            "20240229120000+01:0",
            "2024022912é",
            "never",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn integers_have_a_sign_at_most() {
        assert_eq!(integer(b"-2147483646"), Some(-2_147_483_646));
        assert_eq!(integer(b"007"), Some(7));
        for bytes in [&b""[..], b"-", b"+1", b" 1", b"1a", b"\xff", &[b'9'; 60]] {
            assert_eq!(integer(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn parts_of_octets_are_octets() {
        let any = [vec![0xff]];
        let pattern = Pattern::new(Rule::Octets, Some(b"A"), &any, None);
        let pattern = pattern.expect("octets have substrings");
        assert!(pattern.matches(b"A\x00\xff"));
        assert!(!pattern.matches(b"a\x00\xff"));
        assert!(Pattern::new(Rule::Integer, None, &any, None).is_none());
        let case = Rule::Text(Case::Ignore);
        let pattern = Pattern::new(case, Some("Ä".as_bytes()), &any, None).expect("text has them");
        assert!(pattern.matches(b"\xc3\x84\xff"));
        assert!(!pattern.matches("ä".as_bytes()));
    }
}
