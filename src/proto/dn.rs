//! Distinguished names (RFC 4514) and when two of them are the same.
//!
//! Read is what directories read: RFC 4514, and of RFC 2253 the `;` between RDNs, quoted values,
//! blanks around `,` `+` `=` and the prefix `OID.`. The normal form writes every special character
//! of a value as a hex pair, so a comma in it always stands between two RDNs and a plus sign always
//! within one: ancestors are suffixes.

mod reader;

use super::prepare;
use super::schema::{self, Case, Rule};
use reader::{Reader, Value};
use std::fmt::{self, Write as _};
use std::hash::{Hash, Hasher};
use thiserror::Error;

/// The longest name that is read, in bytes of text.
pub const MAX_DN_LENGTH: usize = 8192;
/// The most RDNs of a name.
pub const MAX_RDNS: usize = 256;
/// The most types with values in one RDN.
pub const MAX_VALUES_PER_RDN: usize = 16;

/// Why text is no distinguished name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("not a distinguished name: {0}")]
pub struct DnError(pub String);

/// A distinguished name: the spelling it came in, and the form in which equal names are equal.
#[derive(Debug, Clone)]
pub struct DistinguishedName {
    text: String,
    normalized: NormalizedDn,
}

/// A distinguished name in the one form that all its spellings share. It is itself a name of
/// RFC 4514 that means the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NormalizedDn(String);

/// One type with its value, as it stands in an RDN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedValue {
    /// The attribute type in lower case, under its usual name.
    pub attribute_type: String,
    /// The value, not prepared.
    pub value: Vec<u8>,
}

impl NormalizedDn {
    /// The normal form as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the empty name.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this name is `base`, or lies below it.
    pub fn is_within(&self, base: &Self) -> bool {
        let above = self.0.strip_suffix(&base.0);
        base.is_root() || above.is_some_and(|above| above.is_empty() || above.ends_with(','))
    }

    /// The name one level up; `None` at the root.
    pub fn parent(&self) -> Option<Self> {
        let above = self.0.split_once(',').map_or("", |(_, above)| above);
        (!self.is_root()).then(|| Self(above.to_owned()))
    }
}

impl DistinguishedName {
    /// Reads a name of at most [`MAX_DN_LENGTH`] bytes, [`MAX_RDNS`] RDNs and
    /// [`MAX_VALUES_PER_RDN`] values in each; the empty one is the root.
    pub fn parse(text: &str) -> Result<Self, DnError> {
        let mut normalized = String::with_capacity(text.len());
        each_rdn(text, |reader| {
            if !normalized.is_empty() {
                normalized.push(',');
            }
            match reader.plain_rdn() {
                Some((kind, value)) => write_plain(&mut normalized, kind, value),
                None => write_rdn(&mut normalized, &reader.rdn()?),
            }
            Ok(())
        })?;
        Ok(Self { text: text.to_owned(), normalized: NormalizedDn(normalized) })
    }

    /// Reads a name from the wire.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DnError> {
        let text = std::str::from_utf8(bytes).map_err(|_| DnError("not utf-8".to_owned()))?;
        Self::parse(text)
    }

    /// The spelling that the name came in.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The form in which equal names are equal.
    pub fn normalized(&self) -> &NormalizedDn {
        &self.normalized
    }

    /// Whether this is the empty name.
    pub fn is_root(&self) -> bool {
        self.normalized.is_root()
    }

    /// Whether this name is `base`, or lies below it.
    pub fn is_within(&self, base: &Self) -> bool {
        self.normalized.is_within(&base.normalized)
    }

    /// The name one level up, in the spelling of this one; `None` at the root.
    pub fn parent(&self) -> Option<Self> {
        let normalized = self.normalized.parent()?;
        let above = first_separator(&self.text).map_or("", |at| &self.text[at + 1..]);
        Some(Self { text: above.trim_start_matches(' ').to_owned(), normalized })
    }

    /// Every type with its value, from the first RDN to the last. Values that were written as
    /// the BER of something else than a string are left out.
    pub fn named_values(&self) -> Vec<NamedValue> {
        let mut all = Vec::new();
        let outcome = each_rdn(&self.text, |reader| {
            all.extend(reader.rdn()?.into_iter().filter_map(|(kind, value)| match value {
                Value::Octets(value) => Some(NamedValue { attribute_type: kind, value }),
                Value::Ber(_) => None,
            }));
            Ok(())
        });
        debug_assert!(outcome.is_ok(), "the text was read before");
        all
    }
}

impl PartialEq for DistinguishedName {
    fn eq(&self, other: &Self) -> bool {
        self.normalized == other.normalized
    }
}

impl Eq for DistinguishedName {}

impl Hash for DistinguishedName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.normalized.hash(state);
    }
}

impl fmt::Display for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A value as it can stand in a name: what has a meaning there, control characters and bytes that
/// are not UTF-8 become hex pairs (RFC 4514 section 2.4).
pub fn escape_value(value: impl AsRef<[u8]>) -> String {
    let mut out = String::new();
    write_escaped(&mut out, value.as_ref());
    out
}

fn each_rdn(
    text: &str,
    mut take: impl FnMut(&mut Reader<'_>) -> Result<(), DnError>,
) -> Result<(), DnError> {
    if text.len() > MAX_DN_LENGTH {
        return Err(DnError(format!("longer than {MAX_DN_LENGTH} bytes")));
    }
    if text.is_empty() {
        return Ok(());
    }
    let mut reader = Reader::new(text);
    for _ in 0..MAX_RDNS {
        take(&mut reader)?;
        if reader.is_at_end() {
            return Ok(());
        }
        reader.separator()?;
    }
    Err(DnError(format!("more than {MAX_RDNS} rdns")))
}

/// An RDN as [`Reader::plain_rdn`] gives it. Case does not matter in any of the usual types.
fn write_plain(out: &mut String, kind: &str, value: &str) {
    out.push_str(kind);
    out.push('=');
    let from = out.len();
    out.push_str(value);
    out[from..].make_ascii_lowercase();
}

fn write_rdn(out: &mut String, rdn: &[(String, Value)]) {
    if let [(kind, value)] = rdn {
        return write_named(out, kind, value);
    }
    let mut parts: Vec<String> = rdn
        .iter()
        .map(|(kind, value)| {
            let mut part = String::new();
            write_named(&mut part, kind, value);
            part
        })
        .collect();
    parts.sort_unstable();
    out.push_str(&parts.join("+"));
}

fn write_named(out: &mut String, kind: &str, value: &Value) {
    out.push_str(kind);
    out.push('=');
    let bytes = match value {
        Value::Octets(bytes) => bytes,
        Value::Ber(bytes) => {
            out.push('#');
            return bytes.iter().for_each(|byte| write_hex(out, *byte));
        }
    };
    let case = match schema::equality_rule(kind) {
        Rule::Octets => return write_escaped(out, bytes),
        Rule::Text(case) => case,
        _ => Case::Ignore,
    };
    match std::str::from_utf8(bytes) {
        Ok(text) => write_escaped(out, prepare::value(text, case).as_bytes()),
        Err(_) => write_escaped(out, bytes),
    }
}

fn write_escaped(out: &mut String, value: &[u8]) {
    let last = value.len().wrapping_sub(1);
    let mut at = 0;
    for chunk in value.utf8_chunks() {
        for c in chunk.valid().chars() {
            let special = match c {
                ' ' => at == 0 || at == last,
                '#' => at == 0,
                ',' | '+' | '"' | '\\' | '<' | '>' | ';' => true,
                _ => c.is_ascii_control(),
            };
            match u8::try_from(c) {
                Ok(byte) if special => {
                    out.push('\\');
                    write_hex(out, byte);
                }
                _ => out.push(c),
            }
            at += c.len_utf8();
        }
        for byte in chunk.invalid() {
            out.push('\\');
            write_hex(out, *byte);
            at += 1;
        }
    }
}

fn write_hex(out: &mut String, byte: u8) {
    // Writing to a string cannot fail.
    let _ = write!(out, "{byte:02x}");
}

/// Where the first RDN of a name that was read before ends.
fn first_separator(text: &str) -> Option<usize> {
    let mut quoted = false;
    let mut escaped = false;
    text.bytes().position(|byte| {
        let plain = !std::mem::take(&mut escaped);
        match byte {
            b'\\' if plain => escaped = true,
            b'"' if plain => quoted = !quoted,
            b',' | b';' => return plain && !quoted,
            _ => {}
        }
        false
    })
}

#[cfg(test)]
mod tests;
