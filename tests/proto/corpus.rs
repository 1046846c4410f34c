//! Sample PDUs: one of every kind, small, so that every change of them can be tried.

use bindgate::proto::ber::{self, BOOLEAN, ENUMERATED, INTEGER, OCTET_STRING, SEQUENCE, SET};
use bindgate::proto::bind;
use bindgate::proto::control::Control;
use bindgate::proto::envelope::{CONTROLS, MessageId, write_message, write_with_body};
use bindgate::proto::extended::{ExtendedRequest, ExtendedResponse};
use bindgate::proto::filter::Filter;
use bindgate::proto::oid;
use bindgate::proto::op::Operation;
use bindgate::proto::result::{LdapResult, ResultCode};
use bindgate::proto::search::{Attribute, Entry, Scope, Search};

pub(super) const ID: u32 = 7;

/// A PDU and what it is.
pub(super) struct Sample {
    pub(super) name: &'static str,
    pub(super) pdu: Vec<u8>,
}

pub(super) fn id() -> MessageId {
    MessageId::new(i64::from(ID)).expect("it is in range")
}

pub(super) fn requests() -> Vec<Sample> {
    let mut samples = vec![
        sample("simple bind", |out| bind::write_simple(out, id(), b"cn=a,dc=x", b"secret")),
        sample("sasl bind", |out| {
            write_message(out, id(), Operation::BindRequest.tag(), |out| {
                ber::write_integer(out, INTEGER, 3);
                ber::write_element(out, OCTET_STRING, b"");
                ber::write_nested(out, 0xa3, |out| {
                    ber::write_element(out, OCTET_STRING, b"EXTERNAL");
                    ber::write_element(out, OCTET_STRING, b"u:ann");
                });
            });
        }),
        sample("unbind", |out| write_with_body(id(), &[0x42, 0], out)),
        sample("abandon", |out| write_with_body(id(), &[0x50, 1, 5], out)),
        sample("delete", |out| write_with_body(id(), b"\x4a\x04dc=x", out)),
        sample("who am i", |out| {
            ExtendedRequest { name: oid::WHO_AM_I, value: None }.write(out, id());
        }),
        sample("cancel", |out| {
            let value = Some(&b"\x30\x03\x02\x01\x05"[..]);
            ExtendedRequest { name: oid::CANCEL, value }.write(out, id());
        }),
        sample("modify", |out| {
            write_message(out, id(), Operation::ModifyRequest.tag(), |out| {
                ber::write_element(out, OCTET_STRING, b"dc=x");
                ber::write_nested(out, SEQUENCE, |out| {
                    change(out, 0, &[b"a", b"b"]);
                    change(out, 1, &[]);
                    change(out, 2, &[b"\xff"]);
                });
            });
        }),
        sample("add", |out| {
            write_message(out, id(), Operation::AddRequest.tag(), |out| {
                ber::write_element(out, OCTET_STRING, b"dc=x");
                ber::write_nested(out, SEQUENCE, |out| attribute(out, "cn", &[b"x"]));
            });
        }),
        sample("modify dn", |out| {
            write_message(out, id(), Operation::ModifyDnRequest.tag(), |out| {
                ber::write_element(out, OCTET_STRING, b"cn=a,dc=x");
                ber::write_element(out, OCTET_STRING, b"cn=b");
                ber::write_boolean(out, BOOLEAN, true);
                ber::write_element(out, 0x80, b"dc=y");
            });
        }),
        sample("compare", |out| {
            write_message(out, id(), Operation::CompareRequest.tag(), |out| {
                ber::write_element(out, OCTET_STRING, b"dc=x");
                ber::write_nested(out, SEQUENCE, |out| {
                    ber::write_element(out, OCTET_STRING, b"member");
                    ber::write_element(out, OCTET_STRING, b"cn=a");
                });
            });
        }),
    ];
    samples
        .extend(FILTERS.iter().map(|text| sample("search", |out| search(text).write(out, id()))));
    samples
}

const FILTERS: [&str; 6] = [
    "(objectClass=*)",
    "(&(uid=a)(!(cn=b*c*d)))",
    "(|(a>=1)(b<=2)(c~=3))",
    "(cn:dn:2.5.13.2:=x)",
    "(&)",
    "(userAccountControl:1.2.840.113556.1.4.803:=2)",
];

pub(super) fn search(filter: &str) -> Search {
    Search {
        base: "dc=x".to_owned(),
        scope: Scope::Subtree,
        filter: Filter::parse(filter).expect("the sample is well formed"),
        attributes: vec!["cn".to_owned(), "+".to_owned()],
        size_limit: 10,
        time_limit: 3,
        controls: Vec::new(),
    }
}

pub(super) fn responses() -> Vec<Sample> {
    let result = LdapResult::new(ResultCode::INVALID_CREDENTIALS, "no");
    let plain = [
        ("bind response", Operation::BindResponse),
        ("search done", Operation::SearchResultDone),
        ("modify response", Operation::ModifyResponse),
        ("add response", Operation::AddResponse),
        ("delete response", Operation::DelResponse),
        ("modify dn response", Operation::ModifyDnResponse),
        ("compare response", Operation::CompareResponse),
    ];
    let mut samples: Vec<Sample> = plain
        .into_iter()
        .map(|(name, operation)| sample(name, |out| result.write(out, id(), operation)))
        .collect();
    samples.push(sample("entry", |out| entry().write(out, id())));
    samples.push(sample("extended response", |out| {
        let result = LdapResult::new(ResultCode::SUCCESS, "");
        ExtendedResponse { result, name: Some(oid::WHO_AM_I), value: Some(b"dn:cn=a") }
            .write(out, id());
    }));
    samples
}

/// PDUs that the oracle does not read, or reads in its own way.
pub(super) fn peculiar() -> Vec<Sample> {
    let referral = b"\x04\x08ldap://x";
    vec![
        sample("notice", |out| LdapResult::new(ResultCode::UNAVAILABLE, "bye").write_notice(out)),
        sample("referral", |out| {
            let result = LdapResult::new(ResultCode::REFERRAL, "");
            let result = LdapResult { referral: Some(referral), ..result };
            result.write(out, id(), Operation::SearchResultDone);
        }),
        sample("continuation", |out| {
            write_message(out, id(), Operation::SearchResultReference.tag(), |out| {
                out.extend_from_slice(referral);
            });
        }),
        sample("intermediate", |out| {
            write_message(out, id(), Operation::IntermediateResponse.tag(), |out| {
                ber::write_element(out, 0x80, b"1.3.6.1.4.1.4203.1.9.1.4");
                ber::write_element(out, 0x81, b"\x80\x01x");
            });
        }),
        sample("sasl bind without credentials", |out| {
            out.extend_from_slice(
                b"\x30\x14\x02\x01\x07\x60\x0f\x02\x01\x03\x04\x00\xa3\x08\x04\x06GSSAPI",
            );
        }),
        sample("bind response with sasl credentials", |out| {
            out.extend_from_slice(
                b"\x30\x10\x02\x01\x07\x61\x0b\x0a\x01\x0e\x04\x00\x04\x00\x87\x02ab",
            );
        }),
        sample("bind with long lengths as active directory writes them", |out| {
            out.extend_from_slice(b"\x30\x84\x00\x00\x00\x12\x02\x01\x07\x60\x84\x00\x00\x00\x09");
            out.extend_from_slice(b"\x02\x01\x03\x04\x02cn\x80\x00");
        }),
        sample("entry with long lengths as active directory writes them", |out| {
            out.extend_from_slice(b"\x30\x84\x00\x00\x00\x2d\x02\x01\x07\x64\x84\x00\x00\x00\x24");
            out.extend_from_slice(b"\x04\x04dc=x\x30\x84\x00\x00\x00\x18");
            out.extend_from_slice(b"\x30\x84\x00\x00\x00\x12\x04\x02cn\x31\x84\x00\x00\x00\x08");
            out.extend_from_slice(b"\x04\x01a\x04\x03b\xffc");
        }),
        sample("search with controls", |out| {
            let mut body = Vec::new();
            search("(cn=*)").write(&mut body, id());
            let mut body = body.split_off(5);
            let paged = Control {
                oid: oid::PAGED_RESULTS,
                critical: true,
                value: Some(b"\x30\x05\x02\x01\x0a\x04\x00"),
            };
            let bare = Control { oid: b"1.2.3", critical: false, value: None };
            ber::write_nested(&mut body, CONTROLS, |out| {
                paged.write(out);
                bare.write(out);
            });
            write_with_body(id(), &body, out);
        }),
    ]
}

pub(super) fn entry() -> Entry {
    let attribute = |name: &str, values: &[&[u8]]| Attribute {
        name: name.to_owned(),
        values: values.iter().map(|value| value.to_vec()).collect(),
    };
    Entry {
        dn: "cn=a,dc=x".to_owned(),
        attributes: vec![attribute("cn", &[b"a", b"b"]), attribute("x;binary", &[b"\xff\x00"])],
    }
}

pub(super) fn all() -> Vec<Sample> {
    requests().into_iter().chain(responses()).chain(peculiar()).collect()
}

fn sample(name: &'static str, write: impl FnOnce(&mut Vec<u8>)) -> Sample {
    let mut pdu = Vec::new();
    write(&mut pdu);
    Sample { name, pdu }
}

fn change(out: &mut Vec<u8>, kind: i64, values: &[&[u8]]) {
    ber::write_nested(out, SEQUENCE, |out| {
        ber::write_integer(out, ENUMERATED, kind);
        attribute(out, "cn", values);
    });
}

fn attribute(out: &mut Vec<u8>, name: &str, values: &[&[u8]]) {
    ber::write_nested(out, SEQUENCE, |out| {
        ber::write_element(out, OCTET_STRING, name.as_bytes());
        ber::write_nested(out, SET, |out| {
            values.iter().for_each(|value| ber::write_element(out, OCTET_STRING, value));
        });
    });
}
