//! What an account may ask, and what it is shown.

use crate::scene::{bound, found, gateway, made, name, slapd};
use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Ask, Change, Control};
use crate::support::raw::Raw;
use crate::support::settings::quoted;
use crate::support::slapd::{Options, Slapd};
use crate::support::tools::Said;
use crate::support::tree::{
    GROUPS, PEOPLE, SERVICE, SERVICE_PASSWORD, SUFFIX, extra_uid, group, person,
};
use bindgate::domain::paging::cookie;
use bindgate::proto::op::Operation;
use bindgate::proto::search::Entry;
use std::collections::BTreeSet;
use std::process::Command;

const PAGED: &str = "1.2.840.113556.1.4.319";
const NO_RIGHTS: u32 = 50;

fn names(entry: &Entry) -> Vec<&str> {
    let mut names: Vec<&str> = entry.attributes.iter().map(|found| found.name.as_str()).collect();
    names.sort_unstable();
    names
}

#[test]
fn an_application_searches_a_user_with_her_groups_and_binds_as_her_as_ever() {
    let slapd = slapd();
    let gateway = gateway(&slapd, |_| {});
    let password = made(&gateway, "wiki", "wiki");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/account_ldap3.py");
    // Debian's, for which `scripts/install-test-needs` installs the library.
    let output = Command::new("/usr/bin/python3")
        .args([script, &gateway.port().to_string(), &name("wiki"), &password, PEOPLE])
        .output()
        .expect("python can be started");
    let expected = format!(
        "account: True dn:{}\nfound: {} ann {} {}\nuser: True dn:{}\nwrong: invalidCredentials\n\
         compare: True\nmodify: insufficientAccessRights\n",
        name("wiki"),
        person("ann"),
        group("A"),
        group("B"),
        person("ann"),
    );
    assert_eq!(Said::from_output(output).expect_code(0), expected);
    assert!(gateway.knows("ann") && !gateway.knows("wiki"), "she has signed on, and nobody else");
    let sessions = bound(&gateway, "other", "wiki").0;
    let listed = gateway.command(&["session", "list"]).expect_code(0);
    assert!(listed.contains(&name("other")), "{listed}");
    drop(sessions);
}

#[test]
fn s10_7_an_account_reads_inside_its_view_and_not_a_step_beside_it() {
    let slapd = slapd();
    let gateway = gateway(&slapd, |_| {});
    let (mut client, _) = bound(&gateway, "wiki", "wiki");
    let ann = &person("ann");
    let (entries, code) = client.search(&Ask::below(SUFFIX, pdu::equal("uid", "ann"), &["*", "+"]));
    assert_eq!((entries.len(), code), (1, 0));
    assert_eq!(names(&entries[0]), ["cn", "memberOf", "objectClass", "uid"]);
    // Groups are not in the view, though they are in values and filters of it.
    assert_eq!(found(&mut client, GROUPS, "(objectClass=*)"), (Vec::new(), 32));
    assert_eq!(found(&mut client, SERVICE, "(objectClass=*)"), (Vec::new(), 32));
    let in_a = format!("(memberOf={})", group("A"));
    assert_eq!(found(&mut client, SUFFIX, &in_a), (vec![ann.clone()], 0));
    // What is not shown is Undefined, whichever way it is asked about.
    for (filter, expected) in [
        ("(&(uid=ann)(mail=ann@example.com))", 0),
        ("(&(uid=ann)(!(mail=ann@example.com)))", 0),
        ("(&(uid=ann)(|(mail=*)(!(mail=*))))", 0),
        ("(&(uid=ann)(|(uid=ann)(mail=*)))", 1),
        ("(&(uid=ann)(userPassword=pw-ann))", 0),
        ("(&(uid=ann)(!(userPassword=pw-ann)))", 0),
        ("(&(uid=ann)(2.5.4.35=*))", 0),
        ("(&(uid=ann)(:caseIgnoreMatch:=ann@example.com))", 0),
    ] {
        assert_eq!(found(&mut client, PEOPLE, filter).0.len(), expected, "{filter}");
    }
    let compare = |client: &mut Raw, dn: &str, attribute: &str, value: &str| {
        client.code(&pdu::compare(dn, attribute, value.as_bytes()))
    };
    assert_eq!(compare(&mut client, ann, "cn", "Ann Example"), 6);
    assert_eq!(compare(&mut client, ann, "memberOf", &group("A")), 6);
    assert_eq!(compare(&mut client, ann, "userPassword", "pw-ann"), 16);
    assert_eq!(compare(&mut client, ann, "mail", "ann@example.com"), 16);
    assert_eq!(compare(&mut client, SERVICE, "cn", "gateway"), 32);
    // The root DSE and the subschema are for everybody.
    let read = |client: &mut Raw, base: &str| {
        client.search(&Ask::entry(base).of(&["*", "+"])).0.into_iter().next()
    };
    let root = read(&mut client, "").expect("there is a root DSE");
    assert_eq!(root.values("namingContexts"), [SUFFIX.as_bytes()]);
    let schema = read(&mut client, "cn=Subschema").expect("there is a subschema");
    assert!(schema.values("attributeTypes").len() > 100);
}

#[test]
fn s10_7_no_view_shows_an_account_what_holds_passwords() {
    let slapd = slapd();
    let gateway = gateway(&slapd, |settings| {
        settings.add_view("name = \"all\"\nattributes = [\"cn\", \"userPassword\", \"2.5.4.35\"]\nmatch = { bind_dns = [\"cn=x\"] }");
    });
    // The directory would show it.
    let mut service = Raw::connect(slapd.port());
    assert_eq!(service.bind(SERVICE, "service-secret"), 0);
    let shown = service.search(&Ask::entry(&person("ann"))).0.remove(0);
    assert!(!shown.values("userPassword").is_empty(), "the test is about nothing");
    for view in ["open", "all"] {
        let (mut client, _) = bound(&gateway, view, view);
        let ann = person("ann");
        for selection in
            [&[][..], &["*"], &["*", "+"], &["userPassword"], &["2.5.4.35", "cn"], &["@person"]]
        {
            let (entries, code) = client.search(&Ask::entry(&ann).of(selection));
            assert_eq!((entries.len(), code), (1, 0), "{view} {selection:?}");
            assert!(!names(&entries[0]).contains(&"userPassword"), "{view} {selection:?}");
        }
        for filter in
            ["(userPassword=*)", "(!(userPassword=x))", "(2.5.4.35=pw-ann)", "(!(2.5.4.35=*))"]
        {
            assert_eq!(found(&mut client, SUFFIX, filter), (Vec::new(), 0), "{view} {filter}");
        }
        let compare = pdu::compare(&ann, "userPassword;x-a", b"pw-ann");
        assert_eq!(client.code(&compare), 16, "{view}");
        // Sorting by it, and asserting of it, would tell.
        for oid in ["1.2.840.113556.1.4.473", "1.3.6.1.1.12", "1.3.6.1.4.1.4203.666.5.16"] {
            let key = pdu::nested(0x30, |out| {
                out.extend(pdu::nested(0x30, |out| {
                    out.extend_from_slice(b"\x04\x0cuserPassword");
                }))
            });
            let control = Control { oid, critical: true, value: Some(&key) };
            let ask = Ask::below(PEOPLE, pdu::present("uid"), &["uid"]).body();
            assert_eq!(client.code(&pdu::with_controls(ask, &[control])), 12, "{view} {oid}");
        }
    }
    // All the rest of an entry is there in the open view.
    let (mut client, _) = bound(&gateway, "another", "open");
    let entry = client.search(&Ask::entry(&person("ann"))).0.remove(0);
    assert!(["mail", "sn", "telephoneNumber"].iter().all(|name| names(&entry).contains(name)));
}

#[test]
fn s10_7_what_a_server_says_of_itself_is_shown_to_no_account() {
    let monitor = ["database monitor", "access to * by * read"].map(str::to_owned).to_vec();
    let slapd = Slapd::with(&Options { database_lines: monitor, ..Options::default() });
    let gateway = gateway(&slapd, |_| {});
    let mut anybody = Raw::connect(slapd.port());
    let ask = |selection: &'static [&'static str]| Ask::entry("cn=Monitor").of(selection);
    assert_eq!(anybody.search(&ask(&["+"])).0.len(), 1, "the test is about nothing");
    for view in ["open", "wiki"] {
        let (mut client, _) = bound(&gateway, view, view);
        for selection in [&["+"][..], &["*"], &["attributeTypes"], &["cn", "monitorInfo"]] {
            assert_eq!(client.search(&ask(selection)).0.len(), 0, "{view} {selection:?}");
        }
        let compare = pdu::compare("cn=Monitor", "cn", b"Monitor");
        assert_eq!(client.code(&compare), 32, "{view}");
    }
}

#[test]
fn s10_7_an_account_writes_nothing_and_asks_as_nobody_else() {
    let slapd = slapd();
    let gateway = gateway(&slapd, |settings| {
        // Though the directory would grant it to the service account, and to this very name.
        settings.set(
            "[[directory]]",
            "proxied_authorisation_clients",
            format!("[{}]", quoted(&name("open"))),
        );
    });
    let (mut client, _) = bound(&gateway, "open", "open");
    let ann = person("ann");
    let change_password = pdu::extended("1.3.6.1.4.1.4203.1.11.1", None);
    for body in [
        pdu::modify(&ann, Change::Replace, "description", &[b"x"]),
        pdu::add(&person("new"), &[("objectClass", &["person"])]),
        pdu::delete(&ann),
        pdu::modify_dn(&ann, "uid=anna", None),
        change_password,
        pdu::extended("1.3.6.1.1.21.1", None),
    ] {
        assert_eq!(client.code(&body), NO_RIGHTS, "{body:02x?}");
    }
    for oid in ["2.16.840.1.113730.3.4.18", "2.16.840.1.113730.3.4.12"] {
        let value = format!("dn:{ann}");
        let control = Control { oid, critical: true, value: Some(value.as_bytes()) };
        for body in [Ask::entry(&ann).body(), pdu::compare(&ann, "uid", b"ann")] {
            assert_eq!(client.code(&pdu::with_controls(body, &[control])), 123, "{oid}");
        }
    }
    assert_eq!(client.search(&Ask::entry(&ann)).1, 0, "the session goes on");
    assert_eq!(slapd.admin().search(&Ask::entry(&ann)).0[0].values("description").len(), 0);
}

#[test]
fn a_view_of_accounts_shows_entries_by_its_filter_and_pages_of_them() {
    let extra = crate::support::tree::Extra { people: 50, groups: 0 };
    let slapd = Slapd::with(&Options { extra, ..Options::default() });
    let gateway = gateway(&slapd, |settings| {
        settings
            .add_view("name = \"some\"\nfilter = \"(uid=u0*)\"\nmatch = { bind_dns = [\"cn=x\"] }");
    });
    let (mut client, _) = bound(&gateway, "some", "some");
    let (mut seen, mut pages, mut at) = (BTreeSet::new(), 0, Vec::new());
    loop {
        let value = pdu::page(7, &at);
        let control = Control { oid: PAGED, critical: true, value: Some(&value) };
        let ask = Ask::below(SUFFIX, pdu::filter("(objectClass=*)"), &["uid"]).body();
        let answers = client.ask(&pdu::with_controls(ask, &[control]));
        let (done, entries) = answers.split_last().expect("it is answered");
        assert!(entries.iter().all(|pdu| pdu.operation() == Operation::SearchResultEntry));
        assert!(done.code() == 0 && entries.len() <= 7);
        seen.extend(entries.iter().map(|entry| entry.entry().dn));
        pages += 1;
        at = cookie(done.envelope().controls).unwrap_or_default().to_vec();
        if at.is_empty() {
            break;
        }
    }
    let expected: BTreeSet<_> = (0..50).map(|number| person(&extra_uid(number))).collect();
    assert_eq!((seen, pages), (expected, 8));
    assert_eq!(found(&mut client, &person("ann"), "(objectClass=*)").0.len(), 0);
    assert_eq!(client.code(&pdu::compare(&person("u001"), "uid", b"u001")), 53);
    // Between pages, and behind them, other searches are answered as well.
    assert_eq!(found(&mut client, SUFFIX, "(uid=u001)"), (vec![person("u001")], 0));
}

#[test]
fn what_an_account_asks_goes_to_the_directory_that_holds_it() {
    let (mut near, far) = (slapd(), Slapd::start());
    let gateway = Gateway::configured(near.port(), |settings, folder| {
        let password = folder.write("lab.password", SERVICE_PASSWORD);
        settings.add_view(&format!(
            "name = \"open\"\n[[directory]]\nname = \"lab\"\nurls = [\"{}\"]\n\
             suffixes = [\"dc=lab\"]\n\
             service_account = {{ dn = \"{SERVICE}\", password_file = \"{}\" }}",
            far.url(),
            password.display(),
        ));
    });
    let (mut client, _) = bound(&gateway, "open", "open");
    let mut ask = |base: &str| client.search(&Ask::entry(base)).1;
    for _ in 0..2 {
        assert_eq!((ask("dc=lab"), ask(&person("ann"))), (32, 0));
    }
    near.kill();
    assert_eq!((ask(&person("ann")), ask("dc=lab")), (52, 32));
}
