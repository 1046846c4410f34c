//! Synchronisations as servers send them, and as none should.

use super::seeds::{Seeds, add};
use super::support::pdu::{self, Control, nested, with_controls};
use bindgate::proto::ber::{
    BOOLEAN, ENUMERATED, OCTET_STRING, SEQUENCE, SET, write_boolean, write_element, write_integer,
    write_nested,
};

const COOKIE: &str = "rid=000,sid=001,csn=20261127010201.000000Z#000000#001#000000;\
                      20261127010203.000000Z#000000#002#000000";
const ONE: &str = "rid=000,sid=001,csn=20261127010205.000000Z#000000#001#000000";

pub(super) fn add_to(seeds: &mut Seeds) {
    let present = [entry(0, 1, None), entry(0, 2, None), ids(false, &[3, 4], None)].concat();
    let live = [entry(2, 1, Some(ONE)), entry(3, 2, Some(ONE)), cookie(COOKIE)].concat();
    let end = |by_deletes| refreshed(by_deletes, true, Some(COOKIE));
    let loaded = [entry(1, 1, None), entry(1, 2, None)].concat();
    let stories = [
        ("loaded, then live", [loaded.clone(), end(true), live.clone()].concat()),
        ("present phase", [loaded.clone(), present.clone(), end(false), live].concat()),
        ("two phases", [present, refreshed(false, false, None), end(true)].concat()),
        ("deletes", [loaded.clone(), ids(true, &[1, 2], Some(ONE)), end(true)].concat()),
        ("only a refresh", [loaded.clone(), done(0, Some(COOKIE), true)].concat()),
        ("only a present phase", [loaded, done(0, None, false)].concat()),
        ("refresh required", done(4096, None, false)),
        ("an opaque cookie", [refreshed(true, true, Some("\u{1}")), cookie("x")].concat()),
        ("a refresh that ends twice", [end(true), end(false)].concat()),
        ("an odd state", entry(4, 1, None)),
        ("another intermediate response", intermediate(b"1.2.3", &[])),
        ("a choice that is none", intermediate(b"1.3.6.1.4.1.4203.1.9.1.4", &[0xa7, 0])),
    ];
    for (name, bytes) in stories {
        add(seeds, "sync", name, bytes);
    }
}

fn write_cookie(out: &mut Vec<u8>, cookie: Option<&str>) {
    cookie.into_iter().for_each(|cookie| write_element(out, OCTET_STRING, cookie.as_bytes()));
}

fn entry(state: i64, number: u8, cookie: Option<&str>) -> Vec<u8> {
    let value = nested(SEQUENCE, |out| {
        write_integer(out, ENUMERATED, state);
        write_element(out, OCTET_STRING, &[number; 16]);
        write_cookie(out, cookie);
    });
    let body = nested(0x64, |out| {
        write_element(out, OCTET_STRING, format!("cn=g{number},dc=x").as_bytes());
        write_nested(out, SEQUENCE, |_| {});
    });
    let oid = "1.3.6.1.4.1.4203.1.9.1.2";
    let control = Control { oid, critical: false, value: Some(&value) };
    pdu::message(2, &with_controls(body, &[control]))
}

fn intermediate(name: &[u8], value: &[u8]) -> Vec<u8> {
    let body = nested(0x79, |out| {
        write_element(out, 0x80, name);
        write_element(out, 0x81, value);
    });
    pdu::message(2, &body)
}

fn info(value: &[u8]) -> Vec<u8> {
    intermediate(b"1.3.6.1.4.1.4203.1.9.1.4", value)
}

fn cookie(text: &str) -> Vec<u8> {
    info(&nested(0x80, |out| out.extend_from_slice(text.as_bytes())))
}

fn refreshed(by_deletes: bool, is_done: bool, cookie: Option<&str>) -> Vec<u8> {
    info(&nested(if by_deletes { 0xa1 } else { 0xa2 }, |out| {
        write_cookie(out, cookie);
        if !is_done {
            write_boolean(out, BOOLEAN, false);
        }
    }))
}

fn ids(are_deleted: bool, numbers: &[u8], cookie: Option<&str>) -> Vec<u8> {
    info(&nested(0xa3, |out| {
        write_cookie(out, cookie);
        if are_deleted {
            write_boolean(out, BOOLEAN, true);
        }
        write_nested(out, SET, |out| {
            numbers.iter().for_each(|number| write_element(out, OCTET_STRING, &[*number; 16]));
        });
    }))
}

fn done(code: i64, cookie: Option<&str>, by_deletes: bool) -> Vec<u8> {
    let value = nested(SEQUENCE, |out| {
        write_cookie(out, cookie);
        if by_deletes {
            write_boolean(out, BOOLEAN, true);
        }
    });
    let body = nested(0x65, |out| {
        write_integer(out, ENUMERATED, code);
        write_element(out, OCTET_STRING, b"");
        write_element(out, OCTET_STRING, b"");
    });
    let oid = "1.3.6.1.4.1.4203.1.9.1.3";
    let control = Control { oid, critical: false, value: Some(&value) };
    pdu::message(2, &with_controls(body, &[control]))
}
