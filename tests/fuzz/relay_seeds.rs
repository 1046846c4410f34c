//! What a relay reads of SASL, of references, of transactions and of the root DSE.

use super::seeds::{Seeds, add};
use super::support::pdu::{self, Ask, Control, nested};
use bindgate::proto::ber::{ENUMERATED, OCTET_STRING, SEQUENCE, write_element, write_integer};
use bindgate::proto::envelope::{Envelope, MessageId};
use bindgate::proto::search::{Attribute, Entry};

pub(super) fn add_to(seeds: &mut Seeds) {
    exchanges(seeds);
    references(seeds);
    transactions(seeds);
    roots(seeds);
}

fn exchanges(seeds: &mut Seeds) {
    let stories: [(&str, u8, &[u8]); 9] = [
        ("plain", 0, b"\0ann\0secret"),
        ("plain as another", 0, b"u:bob\0ann\0secret"),
        ("scram begins", 2, b"n,,n=a=2Cnn,r=0123"),
        ("scram as another", 2, b"n,a=u:bob,n=ann,r=0123"),
        ("digest challenge", 3, b"realm=\"x\",nonce=\"y\",qop=\"auth,auth-int,auth-conf\",maxbuf=65536,charset=utf-8,algorithm=md5-sess"),
        ("digest with layers alone", 3, b"nonce=\"y\",qop=\"auth-int\""),
        ("digest answer", 3, b"username=\"ann\",realm=\"x\",nonce=\"y\",qop=auth-conf"),
        ("cram answer", 4, b"ann 0123456789abcdef"),
        ("kerberos choice", 5, b"\x05\x04\x05\xff\0\x0c\0\0\0\0\0\0\x01\x02\x03\x04\x01\0\0\0"),
    ];
    for (name, mechanism, bytes) in stories {
        add(seeds, "sasl", name, [&[mechanism], bytes].concat());
    }
}

fn references(seeds: &mut Seeds) {
    for (name, url) in [
        ("a server", "ldap://dc1.example.com"),
        ("a name", "ldap://dc1.example.com/ou=people,dc=example,dc=com??sub?(uid=*)"),
        ("escapes", "ldaps://[::1]:636/cn=a%2cb%20c,dc=x??base"),
        ("not ldap", "http://example.com/"),
        ("cut escapes", "ldap://x/cn=%2"),
    ] {
        add(seeds, "referral", name, url.as_bytes().to_vec());
    }
    let mut result = Vec::new();
    write_integer(&mut result, ENUMERATED, 10);
    write_element(&mut result, OCTET_STRING, b"dc=x");
    write_element(&mut result, OCTET_STRING, b"elsewhere");
    let urls = nested(0xa3, |out| write_element(out, OCTET_STRING, b"ldap://dc1/dc=x"));
    add(seeds, "referral", "a result", [result, urls].concat());
}

fn transactions(seeds: &mut Seeds) {
    let message = |body: &[u8]| pdu::message(7, body);
    let with = |oid, value: &[u8]| {
        let control = Control { oid, critical: true, value: Some(value) };
        pdu::with_controls(pdu::delete("cn=x"), &[control])
    };
    let begin = pdu::extended("1.3.6.1.1.21.1", None);
    let end = nested(SEQUENCE, |out| write_element(out, OCTET_STRING, b"t"));
    add(seeds, "transaction", "begins", message(&begin));
    add(seeds, "transaction", "ends", message(&pdu::extended("1.3.6.1.1.21.3", Some(&end))));
    add(seeds, "transaction", "update", message(&with("1.3.6.1.1.21.2", b"t")));
    add(seeds, "transaction", "as another", message(&with("2.16.840.1.113730.3.4.18", b"dn:cn=y")));
    let controls = with("2.16.840.1.113730.3.4.12", b"dn:cn=y");
    let pdu = message(&controls);
    let envelope = Envelope::parse(&pdu).expect("it is well formed");
    add(seeds, "transaction", "controls", envelope.controls.unwrap_or_default().to_vec());
    // What slapd answers to an end: two updates, the second one failed.
    let value = nested(SEQUENCE, |out| {
        write_integer(out, bindgate::proto::ber::INTEGER, 2);
        out.extend_from_slice(&nested(SEQUENCE, |out| {
            out.extend_from_slice(&nested(SEQUENCE, |out| {
                write_integer(out, bindgate::proto::ber::INTEGER, 1);
                out.extend_from_slice(&nested(0xa0, |_| {}));
            }));
        }));
    });
    let mut response = Vec::new();
    write_integer(&mut response, ENUMERATED, 0);
    write_element(&mut response, OCTET_STRING, b"");
    write_element(&mut response, OCTET_STRING, b"");
    write_element(&mut response, 0x8b, &value);
    add(seeds, "transaction", "an end's answer", response);
}

fn roots(seeds: &mut Seeds) {
    let values = |values: &[&str]| values.iter().map(|value| value.as_bytes().to_vec()).collect();
    let attribute =
        |name: &str, of: &[&str]| Attribute { name: name.to_owned(), values: values(of) };
    let entry = Entry {
        dn: String::new(),
        attributes: vec![
            attribute("supportedSASLMechanisms", &["PLAIN", "GSSAPI", "SCRAM-SHA-1-PLUS"]),
            attribute("supportedExtension", &["1.3.6.1.4.1.1466.20037", "1.3.6.1.1.8"]),
            attribute("supportedControl", &["2.16.840.1.113730.3.4.18", "1.3.6.1.1.12"]),
            attribute("altServer", &["ldap://other"]),
        ],
    };
    let mut pdu = Vec::new();
    entry.write(&mut pdu, MessageId::MAX);
    let served = Envelope::parse(&pdu).expect("it is well formed").body.to_vec();
    let all = Ask::entry("").of(&["+", "*"]);
    let by_filter =
        Ask { filter: pdu::equal("supportedExtension", "1.3.6.1.1.8"), ..Ask::entry("") };
    for (name, ask) in [
        ("everything", all),
        ("types", Ask { types_only: true, ..Ask::entry("").of(&["supportedControl"]) }),
        ("by a filter", by_filter),
    ] {
        let pdu = pdu::message(1, &ask.body());
        let search = Envelope::parse(&pdu).expect("it is well formed").content.to_vec();
        let length = u8::try_from(search.len()).expect("it is short");
        add(seeds, "root_dse", name, [&[length][..], &search, &served].concat());
    }
}
