//! Controls and what keeps state on a connection, with OpenLDAP's own clients, before a slapd that
//! has an overlay for each.

use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Ask, Change, Control};
use crate::support::raw::Raw;
use crate::support::slapd::{Options, Slapd};
use crate::support::tools::Tools;
use crate::support::tree::{self, Extra, GROUPS, PEOPLE, SERVICE};
use bindgate::proto::ber::{
    INTEGER, OCTET_STRING, SEQUENCE, write_element, write_integer, write_nested,
};
use bindgate::proto::op::Operation;

const ANN: &str = "uid=ann,ou=people,dc=example,dc=com";
const BOB: &str = "uid=bob,ou=people,dc=example,dc=com";
const ADMIN: [&str; 4] = ["-D", tree::ADMIN, "-w", tree::ADMIN_PASSWORD];

fn directory() -> Slapd {
    let lines = |of: &[&str]| of.iter().map(|line| (*line).to_owned()).collect();
    Slapd::with(&Options {
        extra: Extra { people: 20, groups: 0 },
        global_lines: lines(&["moduleload sssvlv", "moduleload deref", "moduleload ppolicy"]),
        database_lines: lines(&["overlay sssvlv", "overlay deref", "overlay ppolicy"]),
        ..Options::default()
    })
}

/// What the tool says of one server is what it says of the other.
#[track_caller]
fn check(servers: &[Tools; 2], tool: &str, args: &[&str], input: &str) {
    let [direct, relayed] = servers.each_ref().map(|tools| {
        let all: Vec<&str> = ADMIN.iter().chain(args).copied().collect();
        tools.run_with_input(tool, &all, input)
    });
    assert_eq!((direct.code, &direct.out), (relayed.code, &relayed.out), "{args:?}");
    assert_eq!(direct.err, relayed.err, "{args:?}");
    assert!(!direct.out.is_empty(), "{args:?}: {}{}", direct.out, direct.err);
}

#[test]
fn the_tools_of_openldap_say_the_same_with_every_control_that_they_have() {
    let (one, other) = (directory(), directory());
    let gateway = Gateway::configured(other.port(), |settings, _| {
        let clients = format!("[\"{}\"]", tree::ADMIN);
        settings.set("[[directory]]", "proxied_authorisation_clients", clients);
    });
    let servers = [Tools::at(one.port()), gateway.tools()];
    for extension in [
        "!pr=7/noprompt",
        "!mv=(objectClass=person)",
        "!sss=-entryUUID",
        "!domainScope",
        "!dontUseCopy",
        "subentries=true",
        "!sync=ro",
        "!deref=member:uid,cn",
        "accountUsability",
    ] {
        for (base, filter) in [(PEOPLE, "(uid=*)"), (GROUPS, "(cn=*)")] {
            let args = ["-b", base, "-E", extension, filter, "uid", "cn"];
            check(&servers, "ldapsearch", &args, "");
        }
    }
    for extension in
        ["!assert=(uid=ann)", "!manageDSAit", "ppolicy", "!authzid=dn:cn=none", "bauthzid"]
    {
        check(&servers, "ldapsearch", &["-b", ANN, "-e", extension, "(uid=*)", "cn"], "");
    }
    let change = format!("dn: {ANN}\nchangetype: modify\nreplace: mail\nmail: a@example.org\n");
    for extension in ["!preread=mail", "!postread=mail,cn", "!assert=(uid=bob)", "!manageDSAit"] {
        check(&servers, "ldapmodify", &["-e", extension], &change);
    }
    let two = ["-E", "txn=commit"];
    let other =
        format!("{change}\ndn: {BOB}\nchangetype: modify\nreplace: mail\nmail: b@example.org\n");
    check(&servers, "ldapmodify", &two, &other);
}

/// The service account may ask as anybody, and its connections are shared: trap 38.
#[test]
fn the_rights_of_the_service_account_are_lent_to_nobody_who_asks() {
    let slapd = Slapd::with(&Options {
        global_lines: vec!["authz-policy to".to_owned()],
        ..Options::default()
    });
    let anybody = format!("dn.regex:^uid=[^,]+,{PEOPLE}$");
    slapd.admin().modify(SERVICE, Change::Add, "authzTo", &[anybody.as_bytes()]);
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        let clients = format!("[\"{SERVICE}\"]");
        settings.set("[[directory]]", "proxied_authorisation_clients", clients);
    });
    let bob = format!("dn:{BOB}");
    let control =
        Control { oid: "2.16.840.1.113730.3.4.18", critical: true, value: Some(bob.as_bytes()) };
    let phone = pdu::modify(BOB, Change::Replace, "telephoneNumber", &[b"+9"]);
    let proxied = pdu::with_controls(phone, &[control]);
    let mut raw = gateway.connect();
    assert_eq!(raw.code(&proxied), 123);
    assert_eq!(raw.bind(ANN, "pw-ann"), 0);
    assert_eq!(raw.code(&proxied), 123);
    assert_eq!(raw.bind(SERVICE, tree::SERVICE_PASSWORD), 0);
    assert_eq!(raw.code(&proxied), 0);
    assert_eq!(raw.bind(ANN, "pw-ann"), 0);
    assert_eq!(raw.code(&proxied), 123);
}

/// Content synchronisation that persists lives on a connection of its own, as long as the client.
#[test]
fn a_client_that_follows_the_directory_hears_of_changes_and_others_are_served_meanwhile() {
    let slapd = Slapd::start();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set("[[directory]]", "min_connections", "1");
        settings.set("[listen]", "idle_timeout", "\"1s\"");
    });
    let mut follower = gateway.connect();
    assert_eq!(follower.bind(ANN, "pw-ann"), 0);
    let persist = pdu::nested(0x30, |out| out.extend_from_slice(&[10, 1, 3]));
    let sync = Control { oid: "1.3.6.1.4.1.4203.1.9.1.1", critical: true, value: Some(&persist) };
    let ask = Ask::below(PEOPLE, pdu::equal("uid", "bob"), &["telephoneNumber"]);
    follower.start(&pdu::with_controls(ask.body(), &[sync]));
    assert_eq!(follower.answer().entry().dn, BOB);
    assert_eq!(follower.answer().operation(), Operation::IntermediateResponse);
    for number in 0..20 {
        // Others bind and ask on other connections, and on none of those is an answer to this.
        let mut raw = gateway.connect();
        assert_eq!(raw.bind(BOB, "pw-bob"), 0);
        let phone = format!("+{number}");
        raw.modify(BOB, Change::Replace, "telephoneNumber", &[phone.as_bytes()]);
        let heard = loop {
            let pdu = follower.answer();
            if pdu.operation() == Operation::SearchResultEntry {
                break pdu.entry();
            }
        };
        assert_eq!(heard.text("telephoneNumber"), Some(phone.as_str()));
    }
    // It may ask for other things on the same connection.
    let id = follower.start(&Ask::entry(ANN).of(&["uid"]).body());
    assert_eq!(follower.answer().id(), id);
}

/// Searches for a window of the people, sorted; gives their names and the list's context.
fn window(raw: &mut Raw, offset: i64, context: &[u8]) -> (Vec<String>, Vec<u8>) {
    let sort = pdu::nested(SEQUENCE, |out| {
        write_nested(out, SEQUENCE, |out| write_element(out, OCTET_STRING, b"entryUUID"));
    });
    let view = pdu::nested(SEQUENCE, |out| {
        write_integer(out, INTEGER, 1);
        write_integer(out, INTEGER, 3);
        write_nested(out, 0xa0, |out| {
            write_integer(out, INTEGER, offset);
            write_integer(out, INTEGER, 0);
        });
        if !context.is_empty() {
            write_element(out, OCTET_STRING, context);
        }
    });
    let controls = [
        Control { oid: "1.2.840.113556.1.4.473", critical: true, value: Some(&sort) },
        Control { oid: "2.16.840.1.113730.3.4.9", critical: true, value: Some(&view) },
    ];
    let people = Ask::below(PEOPLE, pdu::begins("uid", "u0"), &["uid"]).body();
    let answers = raw.ask(&pdu::with_controls(people, &controls));
    let (done, entries) = answers.split_last().expect("there is an end");
    assert_eq!(done.code(), 0);
    let context = bindgate::domain::paging::cookie(done.envelope().controls);
    let names = entries.iter().map(|pdu| pdu.entry().text("uid").unwrap_or("?").to_owned());
    (names.collect(), context.unwrap_or_default().to_vec())
}

/// A window of a sorted list is moved with the context that the server gave.
#[test]
fn a_window_of_a_sorted_list_moves_on_one_connection() {
    let slapd = directory();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set("[listen]", "max_cookies", "1");
    });
    let mut raw = gateway.connect();
    assert_eq!(raw.bind(tree::ADMIN, tree::ADMIN_PASSWORD), 0);
    let mut context = Vec::new();
    for offset in [5, 8, 12, 2, 19] {
        let (names, next) = window(&mut raw, offset, &context);
        let first = offset - 2;
        let last = (first + 5).min(20);
        let expected: Vec<String> = (first..last).map(|at| format!("u{at:03}")).collect();
        assert_eq!(names, expected, "around {offset}");
        assert!(!next.is_empty(), "slapd keeps the list");
        context = next;
    }
    // It is one of the results that are begun and not finished.
    let page = pdu::page(2, b"");
    let page = Control { oid: "1.2.840.113556.1.4.319", critical: true, value: Some(&page) };
    let people = Ask::below(PEOPLE, pdu::present("uid"), &["uid"]).body();
    assert_eq!(raw.code(&pdu::with_controls(people, &[page])), 11);
}
