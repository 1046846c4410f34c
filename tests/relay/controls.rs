//! Controls and what keeps state on a connection, with OpenLDAP's own clients, before a slapd that
//! has an overlay for each.

use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Ask, Change, Control};
use crate::support::slapd::{Options, Slapd};
use crate::support::tools::Tools;
use crate::support::tree::{self, Extra, GROUPS, PEOPLE, SERVICE};
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

/// A window of a sorted list is moved with the context that the server gave.
#[test]
fn a_window_of_a_sorted_list_moves_on_one_connection() {
    let slapd = directory();
    let gateway = Gateway::before(slapd.port());
    let window = |port: u16| {
        let args = ["-b", PEOPLE, "-E", "!sss=entryUUID", "-E", "!vlv=1/3/5/0", "(uid=u0*)", "uid"];
        let all: Vec<&str> = ADMIN.into_iter().chain(args).collect();
        // The next windows, for which the tool asks.
        let said = Tools::at(port).run_with_input("ldapsearch", &all, "1/3/8/0\n1/3/12/0\n");
        assert!(said.out.contains("uid: "), "{}{}", said.out, said.err);
        let lines = said.out.lines();
        lines.filter(|line| line.starts_with("uid: ")).map(str::to_owned).collect()
    };
    let (direct, relayed): (Vec<String>, Vec<String>) =
        (window(slapd.port()), window(gateway.port()));
    assert_eq!(direct, relayed);
    assert!(direct.len() > 10, "{direct:?}");
}
