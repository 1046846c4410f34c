//! What the corpus begins with: samples of every kind of PDU, and what has been nasty somewhere.

use super::bodies::connection::{CLIENT, CLOSE, DIRECTORY, WAIT, step};
use super::corpus;
use super::support::pdu::{self, Control, message, with_controls};
use bindgate::proto::envelope::Envelope;
use bindgate::proto::op::Operation;
use std::collections::BTreeMap;

/// Seeds by body, each with a name.
pub(crate) type Seeds = BTreeMap<&'static str, Vec<(String, Vec<u8>)>>;

/// Filters that are hard to read, or to bear.
const FILTERS: [&str; 22] = [
    "(cn=*)",
    "(cn=a*b*c)",
    "(cn=*a*)",
    "(&(a=b)(|(c>=d)(e<=f)(!(g~=h))))",
    "( & ( a=b ) ( c=d ) )",
    "(cn:dn:2.5.13.2:=x)",
    "(:dn:caseIgnoreMatch:=x)",
    "(cn:=x)",
    "(&)",
    "(|)",
    "(cn=\\28\\29\\2a\\5c\\00)",
    "(cn=\\ff\\fe)",
    "(cn=Zo\u{eb})",
    "(cn;lang-de;x-a=b)",
    "(1.2.3.4=5)",
    "(cn=)",
    "(member;range=0-*=x)",
    "(cn=**)",
    "((a=b))",
    "(a=b",
    "(!(a=b)(c=d))",
    "(a=b)(c=d)",
];

/// Names that are hard to read.
const NAMES: [&str; 24] = [
    "",
    "dc=x",
    "cn=Smith\\2c Jane,ou=people,dc=example,dc=com",
    "cn=Smith\\, Jane+uid=a , ou=people;dc=example,DC=com",
    "cn=\"a,b\",dc=x",
    "OID.2.5.4.3=a,dc=x",
    "cn=#0401ff,dc=x",
    "cn=#04,dc=x",
    "cn=\\20a\\20,dc=x",
    "cn=\\#a,dc=x",
    "cn=a\\00b,dc=x",
    "cn=\\c3\\a4,dc=x",
    "cn=\u{e4}\u{df}\u{130}\u{fb01},dc=x",
    "cn=a  b   c,dc=x",
    "cn=\u{ad}\u{200b},dc=x",
    "uid=ann+cn=b+cn=a",
    "cn=,dc=x",
    "cn=a,,dc=x",
    "cn=a\\",
    "cn=a\\4",
    "=a",
    "cn",
    "cn=a+",
    "<GUID=00>;cn=a",
];

/// All seeds.
pub(crate) fn seeds() -> Seeds {
    let mut seeds = Seeds::new();
    let messages = messages();
    for (name, pdu) in &messages {
        add(&mut seeds, "envelope", name, pdu.clone());
        add(&mut seeds, "message", name, pdu.clone());
        add(&mut seeds, "framing", name, [&[0xff], pdu.as_slice()].concat());
        let Ok(envelope) = Envelope::parse(pdu) else { continue };
        if let Some(decoder) = decoder(envelope.operation) {
            add(&mut seeds, decoder, name, envelope.content.to_vec());
        }
        if let Some(controls) = envelope.controls {
            add(&mut seeds, "controls", name, controls.to_vec());
        }
    }
    let stream: Vec<u8> = messages.iter().flat_map(|(_, pdu)| pdu.clone()).collect();
    add(&mut seeds, "framing", "all at once", [&[0xff], stream.as_slice()].concat());
    for (name, length) in [("at the limit", 14), ("one byte beyond the limit", 15)] {
        let stream = [&[1, 0x30, length], &[7; 15][..usize::from(length)]].concat();
        add(&mut seeds, "framing", name, stream);
    }
    add(&mut seeds, "framing", "beyond the limit", vec![1, 0x30, 0x82, 0x7f, 0xff, 0]);
    filters(&mut seeds);
    for (number, name) in NAMES.iter().enumerate() {
        add(&mut seeds, "dn", &format!("name {number}"), name.as_bytes().to_vec());
    }
    for text in ["cn", "2.5.4.3", "OID.2.5.4.3", "cn;lang-de;x-a", "member;range=0-*", "1.2", ";"] {
        add(&mut seeds, "attribute", text, text.as_bytes().to_vec());
    }
    super::certificate_seeds::add_to(&mut seeds);
    super::relay_seeds::add_to(&mut seeds);
    super::sync_seeds::add_to(&mut seeds);
    sessions(&mut seeds);
    connections(&mut seeds);
    seeds
}

pub(super) fn add(seeds: &mut Seeds, body: &'static str, name: &str, bytes: Vec<u8>) {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let of_body = seeds.entry(body).or_default();
    let name: String = name.chars().map(plain).collect();
    if of_body.iter().all(|(_, other)| *other != bytes) {
        let number = of_body.iter().filter(|(other, _)| other.starts_with(&name)).count();
        of_body.push((if number == 0 { name } else { format!("{name}-{number}") }, bytes));
    }
}

fn messages() -> Vec<(String, Vec<u8>)> {
    let samples = corpus::all().into_iter();
    let mut all: Vec<_> = samples.map(|sample| (sample.name.to_owned(), sample.pdu)).collect();
    let anything = Control { oid: "1.2.3", critical: true, value: Some(b"") };
    let search = || pdu::Ask::entry("dc=x").of(&["*", "+", "1.1"]).body();
    let deep = (0..60).fold(pdu::present("cn"), |inner, _| pdu::not(&inner));
    let nasty: Vec<(&str, Vec<u8>)> = vec![
        ("controls by the dozen", with_controls(search(), &[anything; 40])),
        ("a search with a deep filter", pdu::Ask::below("dc=x", deep, &[]).body()),
        ("a bind of version 2", pdu::bind_with_version(2, "cn=a", b"x")),
        ("a bind without a password", pdu::bind("cn=a", b"")),
        ("an anonymous bind", pdu::bind("", b"")),
        ("a bind with a zero byte", pdu::bind("cn=a", b"\0")),
        ("start tls", pdu::extended("1.3.6.1.4.1.1466.20037", None)),
        ("who am i with a value", pdu::extended("1.3.6.1.4.1.4203.1.11.3", Some(b"x"))),
        ("a modify of nothing", vec![0x66, 4, 4, 0, 0x30, 0]),
        ("an unknown operation", vec![0x5f, 0]),
        ("an abandon of nothing", vec![0x50, 0]),
        ("an abandon beyond the range", vec![0x50, 5, 1, 0, 0, 0, 0]),
    ];
    all.extend(nasty.into_iter().map(|(name, body)| (name.to_owned(), message(7, &body))));
    let unbind = pdu::unbind();
    all.push(("the greatest id".to_owned(), message(i64::from(i32::MAX), &unbind)));
    all.push(("an id beyond the range".to_owned(), message(1 << 31, &unbind)));
    all.push(("id 0".to_owned(), message(0, &unbind)));
    all.push((
        "something behind the controls".to_owned(),
        b"\x30\x0a\x02\x01\x07\x42\x00\xa0\x00\x04\x01x".to_vec(),
    ));
    all
}

fn decoder(operation: Operation) -> Option<&'static str> {
    Some(match operation {
        Operation::BindRequest => "bind",
        Operation::BindResponse => "bind_response",
        Operation::SearchRequest => "search",
        Operation::SearchResultEntry => "entry",
        Operation::ModifyRequest => "modify",
        Operation::CompareRequest => "compare",
        Operation::ExtendedRequest => "extended",
        Operation::ExtendedResponse => "extended_response",
        Operation::SearchResultDone
        | Operation::ModifyResponse
        | Operation::AddResponse
        | Operation::DelResponse
        | Operation::ModifyDnResponse
        | Operation::CompareResponse => "result",
        _ => return None,
    })
}

fn filters(seeds: &mut Seeds) {
    for (number, text) in FILTERS.iter().enumerate() {
        let name = format!("filter {number}");
        add(seeds, "filter_text", &name, text.as_bytes().to_vec());
        if let Ok(filter) = bindgate::proto::filter::Filter::parse(text) {
            let mut bytes = Vec::new();
            filter.encode(&mut bytes);
            add(seeds, "filter", &name, bytes);
        }
    }
    for depth in [63, 64, 200] {
        let deep = (1..depth).fold(pdu::present("cn"), |inner, _| pdu::not(&inner));
        add(seeds, "filter", &format!("depth {depth}"), deep);
        let text = format!("{}(cn=*){}", "(!".repeat(depth - 1), ")".repeat(depth - 1));
        add(seeds, "filter_text", &format!("depth {depth}"), text.into_bytes());
    }
    let wide = pdu::any_of(&vec![pdu::equal("a", "b"); 600]);
    add(seeds, "filter", "wide", wide);
    let no_name = pdu::equal("no name)(x=*", "\u{e4}*)");
    add(seeds, "filter", "a name that is none", no_name);
    // Ten million mutations found it: an option of Active Directory's is part of a description, and
    // its equals sign cannot stand in a filter's text.
    let range = pdu::equal("member;range=0-*", "x");
    add(seeds, "filter", "a range that no text can name", range);
    for bytes in [
        &b"\xa4\x07\x04\x01a\x30\x02\x80\x00"[..],
        b"\xa4\x0a\x04\x01a\x30\x05\x82\x01x\x80\x00",
        b"\xa9\x03\x83\x01x",
        b"\xa9\x00",
    ] {
        add(seeds, "filter", "broken", bytes.to_vec());
    }
}

/// Requests with ids that count up, and what happens in between.
fn sessions(seeds: &mut Seeds) {
    let requests = corpus::requests();
    let numbered = |bodies: &[Vec<u8>]| -> Vec<Vec<u8>> {
        (1..).zip(bodies).map(|(id, body)| message(id, body)).collect()
    };
    let (bind, search) = (pdu::bind("uid=ann,dc=x", b"x"), pdu::Ask::entry("dc=x").body());
    let whoami = pdu::extended("1.3.6.1.4.1.4203.1.11.3", None);
    let story =
        numbered(&[bind.clone(), search.clone(), whoami.clone(), bind.clone(), search, whoami]);
    for (name, happen) in
        [("good binds", 1), ("bad binds", 0), ("operations end", 2), ("nothing", 3)]
    {
        let steps = story.iter().flat_map(|pdu| [pdu.as_slice(), &[happen]].concat());
        add(seeds, "session", name, steps.collect());
    }
    add(
        seeds,
        "session",
        "good, then bad",
        [&story[0][..], &[1], &story[1], &[2], &story[3], &[0], &story[2]].concat(),
    );
    let anything = Control { oid: "1.2.3", critical: false, value: None };
    let refused = message(2, &with_controls(bind.clone(), &[anything; 9]));
    let after = [&story[0][..], &[1], &refused, &story[2]].concat();
    add(seeds, "session", "good, then one that is refused for its form", after);
    let everything = requests.iter().flat_map(|sample| [sample.pdu.as_slice(), &[1, 2]].concat());
    add(seeds, "session", "everything", everything.collect());
    for sample in requests {
        add(seeds, "session", sample.name, sample.pdu);
    }
}

/// Scripts of a client and a directory.
fn connections(seeds: &mut Seeds) {
    for (name, steps) in ordinary().into_iter().chain(troubled()) {
        add(seeds, "connection", name, steps.concat());
    }
    let every = corpus::requests().into_iter().flat_map(|sample| step(CLIENT, &sample.pdu));
    add(seeds, "connection", "every request", every.collect());
    for sample in corpus::responses() {
        let script = [client(1, &search()), step(DIRECTORY, &sample.pdu)].concat();
        add(seeds, "connection", &format!("answered with {}", sample.name), script);
    }
}

/// What applications do.
fn ordinary() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let (bind, search, done) = (bind(), search(), done());
    let entry = vec![0x64, 8, 4, 4, b'd', b'c', b'=', b'x', 0x30, 0];
    let burst =
        [message(1, &bind), message(2, &search), message(3, &bind), message(4, &search)].concat();
    vec![
        ("a search", vec![client(1, &search), directory(1, &entry), directory(1, &done)]),
        (
            "a bind and a search",
            vec![
                good(),
                client(2, &search),
                directory(2, &entry),
                directory(2, &done),
                client(3, &pdu::unbind()),
            ],
        ),
        ("a bad bind and a search", vec![bad(), client(2, &search), directory(1, &done)]),
        (
            "good, bad, search",
            vec![
                good(),
                client(2, &bind),
                directory(2, &bound(49)),
                client(3, &search),
                directory(1, &done),
            ],
        ),
        (
            "abandoned",
            vec![
                good(),
                client(2, &search),
                client(3, &pdu::abandon(2)),
                directory(2, &done),
                client(4, &search),
                directory(4, &done),
            ],
        ),
        ("pipelined", vec![step(CLIENT, &burst)]),
    ]
}

/// What goes wrong.
fn troubled() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let (bind, search) = (bind(), search());
    let asked = || [good(), client(2, &search)].concat();
    let notice = corpus::peculiar().swap_remove(0).pdu;
    vec![
        (
            "a bind that is cut",
            vec![client(1, &bind), step(CLOSE, b""), directory(1, &bound(0)), client(2, &search)],
        ),
        ("a notice", vec![asked(), step(DIRECTORY, &notice)]),
        ("a wrong answer", vec![asked(), directory(2, &bound(0)), client(3, &search)]),
        ("an answer to nothing", vec![asked(), directory(9, &done())]),
        ("garbage upstream", vec![asked(), step(DIRECTORY, b"HTTP/1.1 200 OK\r\n\r\n")]),
        (
            "silence",
            vec![client(1, &bind), step(WAIT, &[0; 40]), client(2, &search), step(WAIT, &[0; 90])],
        ),
        ("garbage", vec![step(CLIENT, b"GET / HTTP/1.1\r\n\r\n")]),
    ]
}

fn client(id: i64, body: &[u8]) -> Vec<u8> {
    step(CLIENT, &message(id, body))
}

fn directory(id: i64, body: &[u8]) -> Vec<u8> {
    step(DIRECTORY, &message(id, body))
}

fn bind() -> Vec<u8> {
    pdu::bind("uid=ann,dc=one", b"x")
}

fn search() -> Vec<u8> {
    pdu::Ask::entry("dc=one").body()
}

fn bound(code: u8) -> Vec<u8> {
    vec![0x61, 7, 10, 1, code, 4, 0, 4, 0]
}

fn done() -> Vec<u8> {
    vec![0x65, 7, 10, 1, 0, 4, 0, 4, 0]
}

/// A bind that succeeds.
fn good() -> Vec<u8> {
    [client(1, &bind()), directory(1, &bound(0))].concat()
}

/// A bind that does not.
fn bad() -> Vec<u8> {
    [client(1, &bind()), directory(1, &bound(49))].concat()
}
