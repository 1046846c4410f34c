//! Requests as bytes: an operation and its controls, to which [`message`] adds the envelope.
//!
//! Tags and order are spelt out here and not taken from the gateway's encoders, so that the tests
//! do not inherit their mistakes. Only the writing of tag, length and value is shared.

use bindgate::proto::ber::{
    BOOLEAN, ENUMERATED, INTEGER, OCTET_STRING, SEQUENCE, SET, write_boolean, write_element,
    write_integer, write_nested,
};

/// An operation with its controls, without messageID and envelope.
pub type Body = Vec<u8>;

/// A whole message.
pub fn message(id: i64, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write_nested(&mut out, SEQUENCE, |out| {
        write_integer(out, INTEGER, id);
        out.extend_from_slice(body);
    });
    out
}

/// A whole message whose lengths of envelope and operation take four bytes each, as Active
/// Directory writes them.
pub fn message_with_long_lengths(id: i64, body: &[u8]) -> Vec<u8> {
    let header = bindgate::proto::ber::Header::read(body)
        .expect("the body begins with an element")
        .expect("the body is whole");
    let mut content = Vec::new();
    write_integer(&mut content, INTEGER, id);
    content.extend_from_slice(&[body[0], 0x84]);
    content.extend_from_slice(&(header.content_len as u32).to_be_bytes());
    content.extend_from_slice(&body[header.header_len..]);
    let mut out = vec![SEQUENCE, 0x84];
    out.extend_from_slice(&(content.len() as u32).to_be_bytes());
    out.append(&mut content);
    out
}

/// A simple bind.
pub fn bind(dn: &str, password: &[u8]) -> Body {
    bind_with_version(3, dn, password)
}

/// A simple bind that claims a protocol version.
pub fn bind_with_version(version: i64, dn: &str, password: &[u8]) -> Body {
    nested(0x60, |out| {
        write_integer(out, INTEGER, version);
        octets(out, dn.as_bytes());
        write_element(out, 0x80, password);
    })
}

/// The first step of a SASL bind.
pub fn sasl_bind(mechanism: &str, credentials: Option<&[u8]>) -> Body {
    nested(0x60, |out| {
        write_integer(out, INTEGER, 3);
        octets(out, b"");
        write_nested(out, 0xa3, |out| {
            octets(out, mechanism.as_bytes());
            credentials.into_iter().for_each(|bytes| octets(out, bytes));
        });
    })
}

/// An unbind.
pub fn unbind() -> Body {
    vec![0x42, 0]
}

/// An abandon of the operation with that messageID.
pub fn abandon(id: i64) -> Body {
    let mut out = Vec::new();
    write_integer(&mut out, 0x50, id);
    out
}

/// An extended operation.
pub fn extended(oid: &str, value: Option<&[u8]>) -> Body {
    nested(0x77, |out| {
        write_element(out, 0x80, oid.as_bytes());
        value.into_iter().for_each(|bytes| write_element(out, 0x81, bytes));
    })
}

/// A compare.
pub fn compare(dn: &str, attribute: &str, value: &[u8]) -> Body {
    nested(0x6e, |out| {
        octets(out, dn.as_bytes());
        write_nested(out, SEQUENCE, |out| {
            octets(out, attribute.as_bytes());
            octets(out, value);
        });
    })
}

/// A delete.
pub fn delete(dn: &str) -> Body {
    let mut out = Vec::new();
    write_element(&mut out, 0x4a, dn.as_bytes());
    out
}

/// A modify DN; the old naming value goes.
pub fn modify_dn(dn: &str, new_rdn: &str, new_superior: Option<&str>) -> Body {
    nested(0x6c, |out| {
        octets(out, dn.as_bytes());
        octets(out, new_rdn.as_bytes());
        write_boolean(out, BOOLEAN, true);
        new_superior.into_iter().for_each(|dn| write_element(out, 0x80, dn.as_bytes()));
    })
}

/// An add of an entry with these attributes.
pub fn add(dn: &str, attributes: &[(&str, &[&str])]) -> Body {
    nested(0x68, |out| {
        octets(out, dn.as_bytes());
        write_nested(out, SEQUENCE, |out| {
            for (name, values) in attributes {
                let values: Vec<&[u8]> = values.iter().map(|value| value.as_bytes()).collect();
                write_nested(out, SEQUENCE, |out| attribute(out, name, &values));
            }
        });
    })
}

/// What one change of a modify does.
#[derive(Debug, Clone, Copy)]
pub enum Change {
    /// Adds values.
    Add = 0,
    /// Takes values, or the whole attribute, away.
    Delete = 1,
    /// Puts values in the place of what was there.
    Replace = 2,
}

/// A modify with one change.
pub fn modify(dn: &str, change: Change, name: &str, values: &[&[u8]]) -> Body {
    nested(0x66, |out| {
        octets(out, dn.as_bytes());
        write_nested(out, SEQUENCE, |out| {
            write_nested(out, SEQUENCE, |out| {
                write_integer(out, ENUMERATED, change as i64);
                write_nested(out, SEQUENCE, |out| attribute(out, name, values));
            });
        });
    })
}

/// A search, to be filled in.
#[derive(Debug, Clone)]
pub struct Ask<'a> {
    /// The base.
    pub base: &'a str,
    /// 0 base, 1 one level, 2 subtree.
    pub scope: i64,
    /// The filter with its tag and length.
    pub filter: Vec<u8>,
    /// The selection.
    pub attributes: &'a [&'a str],
    /// The client's size limit.
    pub size_limit: i64,
    /// Whether values are left out.
    pub types_only: bool,
}

impl<'a> Ask<'a> {
    /// A base search for any entry, with all user attributes.
    pub fn entry(base: &'a str) -> Self {
        let filter = present("objectClass");
        Self { base, scope: 0, filter, attributes: &[], size_limit: 0, types_only: false }
    }

    /// A search of the subtree.
    pub fn below(base: &'a str, filter: Vec<u8>, attributes: &'a [&'a str]) -> Self {
        Self { scope: 2, filter, attributes, ..Self::entry(base) }
    }

    /// The same with another selection.
    pub fn of(self, attributes: &'a [&'a str]) -> Self {
        Self { attributes, ..self }
    }

    /// As bytes.
    pub fn body(&self) -> Body {
        nested(0x63, |out| {
            octets(out, self.base.as_bytes());
            write_integer(out, ENUMERATED, self.scope);
            write_integer(out, ENUMERATED, 0);
            write_integer(out, INTEGER, self.size_limit);
            write_integer(out, INTEGER, 0);
            write_boolean(out, BOOLEAN, self.types_only);
            out.extend_from_slice(&self.filter);
            write_nested(out, SEQUENCE, |out| {
                self.attributes.iter().for_each(|name| octets(out, name.as_bytes()));
            });
        })
    }
}

/// A filter by its text.
#[track_caller]
pub fn filter(text: &str) -> Vec<u8> {
    let parsed = bindgate::proto::filter::Filter::parse(text);
    let mut out = Vec::new();
    parsed.unwrap_or_else(|error| panic!("{text}: {error}")).encode(&mut out);
    out
}

/// `(attribute=*)`.
pub fn present(attribute: &str) -> Vec<u8> {
    let mut out = Vec::new();
    write_element(&mut out, 0x87, attribute.as_bytes());
    out
}

/// `(attribute=value)`.
pub fn equal(attribute: &str, value: &str) -> Vec<u8> {
    nested(0xa3, |out| {
        octets(out, attribute.as_bytes());
        octets(out, value.as_bytes());
    })
}

/// `(attribute=initial*)`.
pub fn begins(attribute: &str, initial: &str) -> Vec<u8> {
    nested(0xa4, |out| {
        octets(out, attribute.as_bytes());
        write_nested(out, SEQUENCE, |out| write_element(out, 0x80, initial.as_bytes()));
    })
}

/// `(&…)`.
pub fn all_of(parts: &[Vec<u8>]) -> Vec<u8> {
    nested(0xa0, |out| parts.iter().for_each(|part| out.extend_from_slice(part)))
}

/// `(|…)`.
pub fn any_of(parts: &[Vec<u8>]) -> Vec<u8> {
    nested(0xa1, |out| parts.iter().for_each(|part| out.extend_from_slice(part)))
}

/// `(!…)`.
pub fn not(part: &[u8]) -> Vec<u8> {
    nested(0xa2, |out| out.extend_from_slice(part))
}

/// A control to be added to an operation.
#[derive(Debug, Clone, Copy)]
pub struct Control<'a> {
    /// Its OID.
    pub oid: &'a str,
    /// Whether it is marked critical.
    pub critical: bool,
    /// Its value.
    pub value: Option<&'a [u8]>,
}

/// The operation with controls.
pub fn with_controls(mut body: Body, controls: &[Control<'_>]) -> Body {
    write_nested(&mut body, 0xa0, |out| {
        for control in controls {
            write_nested(out, SEQUENCE, |out| {
                octets(out, control.oid.as_bytes());
                if control.critical {
                    write_boolean(out, BOOLEAN, true);
                }
                control.value.into_iter().for_each(|value| octets(out, value));
            });
        }
    });
    body
}

/// The value of a paged results control (RFC 2696).
pub fn page(size: i64, cookie: &[u8]) -> Vec<u8> {
    nested(SEQUENCE, |out| {
        write_integer(out, INTEGER, size);
        octets(out, cookie);
    })
}

/// An element that `fill` fills.
pub fn nested(tag: u8, fill: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write_nested(&mut out, tag, fill);
    out
}

fn octets(out: &mut Vec<u8>, bytes: &[u8]) {
    write_element(out, OCTET_STRING, bytes);
}

fn attribute(out: &mut Vec<u8>, name: &str, values: &[&[u8]]) {
    octets(out, name.as_bytes());
    write_nested(out, SET, |out| values.iter().for_each(|value| octets(out, value)));
}
