//! Messages as words, both ways: `3 search dc=one` is a search with messageID 3.

use super::pdu;
use bindgate::proto::ber::{self, ENUMERATED, OCTET_STRING, Reader, SEQUENCE};
use bindgate::proto::bind::{Authentication, BindRequest, BindResponse};
use bindgate::proto::control::Control;
use bindgate::proto::envelope::Envelope;
use bindgate::proto::extended::{ExtendedRequest, ExtendedResponse};
use bindgate::proto::oid::PROXIED_AUTHORISATION;
use bindgate::proto::op::Operation;
use bindgate::proto::result::LdapResult;

const WHO_AM_I: &str = "1.3.6.1.4.1.4203.1.11.3";
const CANCEL: &str = "1.3.6.1.1.8";
const NOTICE: &str = "1.3.6.1.4.1.1466.20036";

/// A name this long is shown by its length alone.
const LONG: usize = 200;

/// The message that the words stand for. `big:N` is a name of N bytes, `-` an empty word.
#[track_caller]
pub(crate) fn message(text: &str) -> Vec<u8> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let (id, verb) = (words[0].parse().expect("a message begins with its id"), words[1]);
    let name = spelled(words.get(2).copied().unwrap_or("-"));
    let code = || name.parse().expect("a response has a result code");
    let number = || name.parse().expect("a message id");
    let plain = words.get(3).map_or("secret".to_owned(), |word| spelled(word));
    // `search@1.2.3 x`: with a critical control of that OID, whose value names somebody.
    let (verb, control) =
        verb.split_once('@').map_or((verb, None), |(verb, oid)| (verb, Some(oid)));
    let body = match verb {
        "bind" => pdu::bind(&name, plain.as_bytes()),
        "bind2" => pdu::bind_with_version(2, &name, plain.as_bytes()),
        "bind+" => with_controls(pdu::bind(&name, b"secret"), 9),
        // `sasl MECHANISM CREDENTIALS`, and `challenge CREDENTIALS`.
        "sasl" => sasl(&name, words.get(3).map(|word| spelled(word))),
        "challenge" => challenge(&name),
        "unbind" => pdu::unbind(),
        "abandon" => pdu::abandon(number()),
        "search" => pdu::Ask::entry(&name).body(),
        // `search$ NAME COOKIE`, and `done$ COOKIE`: a page of a result.
        "search$" => {
            paged(pdu::Ask::entry(&name).body(), &spelled(words.get(3).copied().unwrap_or("-")))
        }
        "done$" => paged(result(0x65, 0, ""), &name),
        // `view$ NAME CONTEXT`, and `viewed$ CONTEXT`: a window of a list.
        "view$" => view(&name, &spelled(words.get(3).copied().unwrap_or("-"))),
        "viewed$" => viewed(result(0x65, 0, ""), "2.16.840.1.113730.3.4.10", &name),
        "aborted" => result(0x78, 0, "1.3.6.1.1.21.4"),
        // `end$ ID`: a transaction ended, and that update failed.
        "end$" => ended(number()),
        "search+" => with_controls(pdu::Ask::entry(&name).body(), 1),
        "compare" => pdu::compare(&name, "cn", b"x"),
        "delete" => pdu::delete(&name),
        "whoami" => pdu::extended(WHO_AM_I, None),
        "starttls" => pdu::extended("1.3.6.1.4.1.1466.20037", None),
        "cancel" => pdu::extended(CANCEL, Some(&cancelled(number()))),
        "extended" => pdu::extended(&name, None),
        "bound" => result(0x61, code(), ""),
        "entry" => pdu::nested(0x64, |out| {
            ber::write_element(out, OCTET_STRING, name.as_bytes());
            ber::write_element(out, SEQUENCE, b"");
        }),
        "reference" => {
            pdu::nested(0x73, |out| ber::write_element(out, OCTET_STRING, name.as_bytes()))
        }
        "intermediate" => vec![0x79, 0],
        "done" => result(0x65, code(), ""),
        "referred" => referred(0x65, &name),
        "bound-elsewhere" => referred(0x61, &name),
        "compared" => result(0x6f, code(), ""),
        "deleted" => result(0x6b, code(), ""),
        "answer" => result(0x78, code(), ""),
        "named" => pdu::nested(0x78, |out| {
            ber::write_integer(out, ENUMERATED, 0);
            ber::write_element(out, OCTET_STRING, b"");
            ber::write_element(out, OCTET_STRING, b"");
            ber::write_element(out, 0x8b, name.as_bytes());
        }),
        "notice" => result(0x78, code(), NOTICE),
        other => panic!("no such message: {other}"),
    };
    let body = match control {
        Some(oid) => as_somebody(body, oid),
        None => body,
    };
    pdu::message(id, &body)
}

fn as_somebody(body: Vec<u8>, oid: &str) -> Vec<u8> {
    pdu::with_controls(body, &[pdu::Control { oid, critical: true, value: Some(b"dn:cn=x") }])
}

/// The words that a message is.
#[track_caller]
pub(crate) fn words(pdu: &[u8]) -> String {
    let envelope = Envelope::parse(pdu).expect("the gateway speaks LDAP");
    let content = envelope.content;
    let code = || LdapResult::decode(content).expect("a result").code.0;
    let text = match envelope.operation {
        Operation::BindRequest => bind(content),
        Operation::UnbindRequest => "unbind".to_owned(),
        Operation::AbandonRequest => format!("abandon {}", ber::integer(content).expect("an id")),
        Operation::SearchRequest => format!("search {}", first(content)),
        Operation::CompareRequest => format!("compare {}", first(content)),
        Operation::ExtendedRequest => asked(content),
        Operation::BindResponse => {
            let bound = BindResponse::decode(content).expect("a bind response");
            let credentials = bound.sasl_credentials.map(|bytes| format!(" {}", shown(bytes)));
            format!("bound {}{}", code(), credentials.unwrap_or_default())
        }
        Operation::SearchResultEntry => format!("entry {}", first(content)),
        Operation::SearchResultReference => format!("reference {}", first(content)),
        Operation::IntermediateResponse => "intermediate".to_owned(),
        Operation::SearchResultDone if code() == 10 => format!("referred {}", urls(content)),
        Operation::SearchResultDone => format!("done {}", code()),
        Operation::DelRequest => format!("delete {}", shown(content)),
        Operation::DelResponse => format!("deleted {}", code()),
        Operation::CompareResponse => format!("compared {}", code()),
        Operation::ExtendedResponse => answered(content),
        other => format!("{other:?}"),
    };
    format!("{} {text}{}", envelope.id.get(), guise(&envelope))
}

fn bind(content: &[u8]) -> String {
    let bind = BindRequest::decode(content).expect("a bind");
    let Authentication::Sasl { mechanism, credentials } = bind.authentication else {
        return format!("bind {}", shown(bind.name));
    };
    let credentials = credentials.map(|bytes| format!(" {}", shown(bytes)));
    format!("sasl {}{}", shown(mechanism), credentials.unwrap_or_default())
}

fn sasl(mechanism: &str, credentials: Option<String>) -> Vec<u8> {
    pdu::sasl_bind(mechanism, credentials.as_ref().map(String::as_bytes))
}

/// A bind response that asks for the next step.
fn challenge(credentials: &str) -> Vec<u8> {
    pdu::nested(0x61, |out| {
        ber::write_integer(out, ENUMERATED, 14);
        ber::write_element(out, OCTET_STRING, b"");
        ber::write_element(out, OCTET_STRING, b"");
        ber::write_element(out, 0x87, credentials.as_bytes());
    })
}

/// As whom a request is to be done, if it says so.
fn guise(envelope: &Envelope<'_>) -> String {
    let controls = Control::decode_all(envelope.controls.unwrap_or_default(), 99);
    let controls = controls.expect("the gateway writes controls as they should be");
    let named = controls.iter().filter(|control| control.oid == PROXIED_AUTHORISATION);
    named.map(|c| format!(" as {}", shown(c.value.unwrap_or_default()))).collect()
}

fn asked(content: &[u8]) -> String {
    let request = ExtendedRequest::decode(content).expect("an extended request");
    if request.name != CANCEL.as_bytes() {
        return format!("extended {}", shown(request.name));
    }
    let value = request.value.expect("a cancel has a value");
    let id = Reader::new(value).expect(SEQUENCE).and_then(|inner| Reader::new(inner).integer());
    format!("cancel {}", id.expect("a cancel names an operation"))
}

fn answered(content: &[u8]) -> String {
    let response = ExtendedResponse::decode(content).expect("an extended response");
    let kind = if response.name == Some(NOTICE.as_bytes()) { "notice" } else { "answer" };
    if let Some(Ok(id)) = response
        .value
        .and_then(|v| Some(Reader::new(Reader::new(v).expect(SEQUENCE).ok()?).integer()))
    {
        return format!("{kind} {} failed {id}", response.result.code.0);
    }
    let value = response.value.filter(|value| !value.is_empty());
    let value = value.map(|value| format!(" {}", shown(value))).unwrap_or_default();
    format!("{kind} {}{value}", response.result.code.0)
}

/// A response that refers elsewhere.
fn referred(tag: u8, url: &str) -> Vec<u8> {
    pdu::nested(tag, |out| {
        ber::write_integer(out, ENUMERATED, 10);
        ber::write_element(out, OCTET_STRING, b"");
        ber::write_element(out, OCTET_STRING, b"");
        ber::write_nested(out, 0xa3, |out| ber::write_element(out, OCTET_STRING, url.as_bytes()));
    })
}

fn urls(content: &[u8]) -> String {
    first(LdapResult::decode(content).expect("a result").referral.expect("a referral has URLs"))
}

fn first(content: &[u8]) -> String {
    shown(Reader::new(content).octets().expect("it begins with a name"))
}

fn shown(bytes: &[u8]) -> String {
    if bytes.len() > LONG {
        return format!("big:{}", bytes.len());
    }
    if bytes.is_empty() { "-".to_owned() } else { String::from_utf8_lossy(bytes).into_owned() }
}

fn spelled(word: &str) -> String {
    match word.strip_prefix("big:") {
        Some(length) => "x".repeat(length.parse().expect("a length")),
        None if word == "-" => String::new(),
        None => word.to_owned(),
    }
}

fn with_controls(body: Vec<u8>, count: usize) -> Vec<u8> {
    let control = pdu::Control { oid: "1.2.3", critical: false, value: None };
    pdu::with_controls(body, &vec![control; count])
}

fn paged(body: Vec<u8>, cookie: &str) -> Vec<u8> {
    let value = pdu::page(5, cookie.as_bytes());
    let oid = "1.2.840.113556.1.4.319";
    pdu::with_controls(body, &[pdu::Control { oid, critical: true, value: Some(&value) }])
}

fn view(name: &str, context: &str) -> Vec<u8> {
    viewed(pdu::Ask::entry(name).body(), "2.16.840.1.113730.3.4.9", context)
}

fn viewed(body: Vec<u8>, oid: &str, context: &str) -> Vec<u8> {
    let value = pdu::nested(SEQUENCE, |out| {
        ber::write_integer(out, ber::INTEGER, 0);
        ber::write_integer(out, ber::INTEGER, 9);
        ber::write_element(out, 0x81, b"a");
        if !context.is_empty() {
            ber::write_element(out, OCTET_STRING, context.as_bytes());
        }
    });
    pdu::with_controls(body, &[pdu::Control { oid, critical: true, value: Some(&value) }])
}

fn ended(id: i64) -> Vec<u8> {
    pdu::nested(0x78, |out| {
        ber::write_integer(out, ENUMERATED, 32);
        ber::write_element(out, OCTET_STRING, b"");
        ber::write_element(out, OCTET_STRING, b"");
        let value = pdu::nested(SEQUENCE, |out| ber::write_integer(out, ber::INTEGER, id));
        ber::write_element(out, 0x8b, &value);
    })
}

fn cancelled(id: i64) -> Vec<u8> {
    pdu::nested(SEQUENCE, |out| ber::write_integer(out, ber::INTEGER, id))
}

fn result(tag: u8, code: i64, name: &str) -> Vec<u8> {
    pdu::nested(tag, |out| {
        ber::write_integer(out, ENUMERATED, code);
        ber::write_element(out, OCTET_STRING, b"");
        ber::write_element(out, OCTET_STRING, b"");
        if !name.is_empty() {
            ber::write_element(out, 0x8a, name.as_bytes());
        }
    })
}
