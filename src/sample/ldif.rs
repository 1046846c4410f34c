//! LDIF content records (RFC 2849): folding, comments, base64. Change records and values by URL
//! are refused.

use crate::proto::search::{Attribute, Entry};
use thiserror::Error;

/// The most entries of one file.
const MAX_ENTRIES: usize = 100_000;

/// What is wrong with an LDIF, and on which line (counted from 1).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}: {fault}")]
pub struct LdifError {
    /// The line; of a folded one, its first.
    pub line: usize,
    /// What is wrong with it.
    pub fault: LdifFault,
}

/// What is wrong with a line of an LDIF.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LdifFault {
    /// No colon after the attribute description.
    #[error("no colon")]
    NoColon,
    /// Nothing in front of the colon.
    #[error("no attribute description")]
    NoAttribute,
    /// A value that is not base64.
    #[error("value is not base64")]
    BadBase64,
    /// A continuation with nothing to continue.
    #[error("continues nothing")]
    ContinuesNothing,
    /// A version other than 1.
    #[error("version is not 1")]
    BadVersion,
    /// A record that does not begin with its DN.
    #[error("record does not begin with dn")]
    NoDn,
    /// A DN that is not one.
    #[error("dn is not a distinguished name")]
    BadDn,
    /// A DN that an earlier record bears.
    #[error("dn appears a second time")]
    DuplicateDn,
    /// An entry whose parent is missing, although one of its ancestors is there.
    #[error("entry has no parent")]
    NoParent,
    /// A change record.
    #[error("change records are not supported")]
    ChangeRecord,
    /// A value by URL.
    #[error("values by url are not supported")]
    ValueByUrl,
    /// A password that is hashed: only clear ones can be compared here.
    #[error("hashed passwords are not supported")]
    HashedPassword,
    /// More entries than are taken.
    #[error("more than {MAX_ENTRIES} entries")]
    TooManyEntries,
}

impl LdifFault {
    pub(super) fn at(self, line: usize) -> LdifError {
        LdifError { line, fault: self }
    }
}

/// An entry and the line on which it begins.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) line: usize,
    pub(super) entry: Entry,
}

/// Reads all records of a file.
pub(super) fn parse(text: &str) -> Result<Vec<Record>, LdifError> {
    let mut records = Vec::new();
    let mut open: Option<Record> = None;
    for (line, content) in unfold(text)? {
        if content.is_empty() {
            records.extend(open.take());
            continue;
        }
        let (name, value) = split(&content).map_err(|fault| fault.at(line))?;
        match &mut open {
            Some(record) => add(&mut record.entry, name, value).map_err(|f| f.at(line))?,
            None if records.is_empty() && name.eq_ignore_ascii_case("version") => {
                if value != b"1" {
                    return Err(LdifFault::BadVersion.at(line));
                }
            }
            None if records.len() == MAX_ENTRIES => {
                return Err(LdifFault::TooManyEntries.at(line));
            }
            None => open = Some(begin(line, name, value)?),
        }
    }
    records.extend(open);
    Ok(records)
}

/// Joins folded lines and drops comments; an empty line comes out empty.
fn unfold(text: &str) -> Result<Vec<(usize, String)>, LdifError> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        match line.strip_prefix(' ') {
            None => lines.push((index + 1, line.to_owned())),
            Some(rest) => match lines.last_mut() {
                Some((_, open)) if !open.is_empty() => open.push_str(rest),
                _ => return Err(LdifFault::ContinuesNothing.at(index + 1)),
            },
        }
    }
    lines.retain(|(_, line)| !line.starts_with('#'));
    Ok(lines)
}

fn begin(line: usize, name: &str, value: Vec<u8>) -> Result<Record, LdifError> {
    if !name.eq_ignore_ascii_case("dn") {
        return Err(LdifFault::NoDn.at(line));
    }
    let dn = String::from_utf8(value).map_err(|_| LdifFault::BadDn.at(line))?;
    Ok(Record { line, entry: Entry { dn, attributes: Vec::new() } })
}

fn add(entry: &mut Entry, name: &str, value: Vec<u8>) -> Result<(), LdifFault> {
    if name.eq_ignore_ascii_case("changetype") {
        return Err(LdifFault::ChangeRecord);
    }
    if name.eq_ignore_ascii_case("userPassword") && value.starts_with(b"{") && value.contains(&b'}')
    {
        return Err(LdifFault::HashedPassword);
    }
    match entry.attributes.iter_mut().find(|a| a.name.eq_ignore_ascii_case(name)) {
        Some(attribute) => attribute.values.push(value),
        None => {
            entry.attributes.push(Attribute { name: name.to_owned(), values: vec![value] });
        }
    }
    Ok(())
}

fn split(line: &str) -> Result<(&str, Vec<u8>), LdifFault> {
    let (name, rest) = line.split_once(':').ok_or(LdifFault::NoColon)?;
    if name.is_empty() {
        return Err(LdifFault::NoAttribute);
    }
    let value = match rest.as_bytes().first() {
        Some(b':') => base64(rest[1..].trim_matches(' ').as_bytes()).ok_or(LdifFault::BadBase64)?,
        Some(b'<') => return Err(LdifFault::ValueByUrl),
        _ => rest.trim_start_matches(' ').as_bytes().to_vec(),
    };
    Ok((name, value))
}

/// Decodes base64 with its padding (RFC 4648 section 4).
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    if padding > 2 {
        return None;
    }
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    for group in text[..text.len() - padding].chunks(4) {
        let mut bits = 0u32;
        for byte in group {
            bits = bits << 6 | digit(*byte)?;
        }
        bits <<= 6 * (4 - group.len());
        out.extend_from_slice(&bits.to_be_bytes()[1..group.len()]);
    }
    Some(out)
}

fn digit(byte: u8) -> Option<u32> {
    let value = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An attribute of a record: the record's DN, the description, the values.
    type Row<'a> = (&'a str, &'a str, &'a [&'a str]);

    #[track_caller]
    fn check(text: &str, expected: Result<&[Row<'_>], (usize, LdifFault)>) {
        let got = parse(text).map(|records| {
            let mut rows = Vec::new();
            for Record { entry, .. } in records {
                for Attribute { name, values } in entry.attributes {
                    let values: Vec<String> = values
                        .into_iter()
                        .map(|value| String::from_utf8(value).expect("samples are text"))
                        .collect();
                    rows.push((entry.dn.clone(), name, values));
                }
            }
            rows
        });
        let expected = expected.map_err(|(line, fault)| fault.at(line)).map(|rows| {
            let rows = rows.iter();
            rows.map(|(dn, name, values)| {
                let values = values.iter().map(|value| (*value).to_owned()).collect();
                ((*dn).to_owned(), (*name).to_owned(), values)
            })
            .collect::<Vec<(String, String, Vec<String>)>>()
        });
        assert_eq!(got, expected, "{text:?}");
    }

    #[test]
    fn records_are_read_with_folding_comments_and_base64() {
        check("", Ok(&[]));
        check("version: 1\n\ndn: cn=a\ncn: a\n", Ok(&[("cn=a", "cn", &["a"])]));
        check("dn: cn=a\r\ncn: a\r\n", Ok(&[("cn=a", "cn", &["a"])]));
        check(
            "# one\n folded\ndn: cn=a,\n dc=b\nCN: a\n# x\ncn:  b c \n\n\n\ndn:: Y249Yg==\nsn:x\n",
            Ok(&[("cn=a,dc=b", "CN", &["a", "b c "]), ("cn=b", "sn", &["x"])]),
        );
        check("dn: cn=a\ncn:: w6k=\nsn:\n", Ok(&[("cn=a", "cn", &["é"]), ("cn=a", "sn", &[""])]));
    }

    #[test]
    fn a_bad_line_is_named() {
        check("version: 2\n", Err((1, LdifFault::BadVersion)));
        check("dn: cn=a\ncn a\n", Err((2, LdifFault::NoColon)));
        check("dn: cn=a\n: a\n", Err((2, LdifFault::NoAttribute)));
        check("dn: cn=a\ncn:: a\n", Err((2, LdifFault::BadBase64)));
        check("dn: cn=a\ncn:: a===\n", Err((2, LdifFault::BadBase64)));
        check("dn: cn=a\ncn:< file:///x\n", Err((2, LdifFault::ValueByUrl)));
        check("dn: cn=a\nchangetype: add\n", Err((2, LdifFault::ChangeRecord)));
        check("dn: cn=a\nuserPassword: {SSHA}x\n", Err((2, LdifFault::HashedPassword)));
        check("\n\ncn: a\n", Err((3, LdifFault::NoDn)));
        check(" a\n", Err((1, LdifFault::ContinuesNothing)));
        check("dn: cn=a\n\n a\n", Err((3, LdifFault::ContinuesNothing)));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[a-c:= #\\n<\\r]{0,60}") {
            let _ = parse(&text);
        }

        #[test]
        fn base64_of_any_bytes_is_read_back(bytes: Vec<u8>) {
            const DIGITS: &[u8] =
                b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
            let mut text = Vec::new();
            for group in bytes.chunks(3) {
                let mut padded = [0; 4];
                padded[1..=group.len()].copy_from_slice(group);
                let bits = u32::from_be_bytes(padded);
                for position in 0..4 {
                    let digit = (bits >> (18 - 6 * position)) as usize & 63;
                    text.push(if position <= group.len() { DIGITS[digit] } else { b'=' });
                }
            }
            prop_assert_eq!(base64(&text), Some(bytes));
        }
    }
}
