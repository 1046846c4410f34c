//! Certificates of clients, as authorities issue them and as none should.

use super::seeds::{Seeds, add};
use super::support::pdu::nested;
use bindgate::proto::ber::{INTEGER, OCTET_STRING, SEQUENCE, SET};

const OID: u8 = 6;
const UTF8: u8 = 0x0c;
const UTC_TIME: u8 = 0x17;
const COMMON_NAME: &[u8] = &[0x55, 4, 3];
const COUNTRY: &[u8] = &[0x55, 4, 6];
const ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1d, 0x11];
const PRINCIPAL_NAME: &[u8] = &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 0x14, 2, 3];

pub(super) fn add_to(seeds: &mut Seeds) {
    let ann = named(COMMON_NAME, UTF8, b"ann");
    let principal =
        leaf(0xa0, &[leaf(OID, PRINCIPAL_NAME), leaf(0xa0, &leaf(UTF8, b"ann@x"))].concat());
    let stories = [
        ("one name", certificate(&ann, &[], b"491231235959Z")),
        (
            "a country too",
            certificate(
                &[named(COUNTRY, 0x13, b"DE"), ann.clone()].concat(),
                &[],
                b"491231235959Z",
            ),
        ),
        (
            "a comma in the name",
            certificate(&named(COMMON_NAME, UTF8, b"a,ou=b+c"), &[], b"491231235959Z"),
        ),
        ("two names", certificate(&[ann.clone(), ann.clone()].concat(), &[], b"491231235959Z")),
        (
            "two bytes a letter",
            certificate(&named(COMMON_NAME, 0x1e, &[0, b'a', 0, 0xe9]), &[], b"491231235959Z"),
        ),
        (
            "mail and principal",
            certificate(&[], &[leaf(0x81, b"ann@x"), principal].concat(), b"491231235959Z"),
        ),
        ("nobody", certificate(&[], &[], b"491231235959Z")),
        ("a day that is none", certificate(&ann, &[], b"491331235959Z")),
        (
            "a letter that is none",
            certificate(&named(COMMON_NAME, 0x14, b"ann"), &[], b"491231235959Z"),
        ),
    ];
    for (name, bytes) in stories {
        add(seeds, "certificate", name, bytes);
    }
}

fn leaf(tag: u8, content: &[u8]) -> Vec<u8> {
    nested(tag, |out| out.extend_from_slice(content))
}

fn named(oid: &[u8], kind: u8, value: &[u8]) -> Vec<u8> {
    leaf(SET, &leaf(SEQUENCE, &[leaf(OID, oid), leaf(kind, value)].concat()))
}

fn certificate(subject: &[u8], names: &[u8], end: &[u8]) -> Vec<u8> {
    let names = leaf(OCTET_STRING, &leaf(SEQUENCE, names));
    let extension = leaf(SEQUENCE, &[leaf(OID, ALTERNATIVE_NAME), names].concat());
    let body = [
        leaf(0xa0, &leaf(INTEGER, &[2])),
        leaf(INTEGER, &[7]),
        leaf(SEQUENCE, &[]),
        leaf(SEQUENCE, &[]),
        leaf(SEQUENCE, &[leaf(UTC_TIME, b"260101000000Z"), leaf(UTC_TIME, end)].concat()),
        leaf(SEQUENCE, subject),
        leaf(SEQUENCE, &[]),
        leaf(0xa3, &leaf(SEQUENCE, &extension)),
    ];
    leaf(SEQUENCE, &leaf(SEQUENCE, &body.concat()))
}
