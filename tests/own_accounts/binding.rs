//! Who is let in as an account, and who is not.

use crate::scene::{bound, gateway, made, name, slapd};
use crate::support::eventually;
use crate::support::folder::free_port;
use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Ask};
use crate::support::raw::Raw;
use crate::support::settings::Settings;
use crate::support::tree::{GROUPS, PEOPLE, person};
use bindgate::proto::oid;

const WRONG: u32 = 49;
const BUSY: u32 = 51;
const UNAVAILABLE: u32 = 52;

fn who_am_i(client: &mut Raw) -> String {
    let oid = std::str::from_utf8(oid::WHO_AM_I).expect("an OID is text");
    let answer = client.ask(&pdu::extended(oid, None)).pop().expect("it is answered");
    assert_eq!(answer.code(), 0);
    let content = answer.envelope().content.to_vec();
    let told = bindgate::proto::extended::ExtendedResponse::decode(&content).expect("a response");
    String::from_utf8_lossy(told.value.unwrap_or_default()).into_owned()
}

#[track_caller]
fn refused(gateway: &Gateway, dn: &str, password: &str) {
    let mut client = gateway.connect();
    let answer = client.ask(&pdu::bind(dn, password.as_bytes())).pop().expect("it is answered");
    let result = answer.result();
    let told = (answer.code(), result.matched_dn.to_vec(), result.diagnostic.to_vec());
    assert_eq!(told, (WRONG, Vec::new(), Vec::new()), "{dn}");
    // It is nobody's session: nothing of the directory is asked as the service account.
    assert_eq!(client.search(&Ask::entry(&person("ann"))).0.len(), 0, "{dn}");
}

fn counts(gateway: &Gateway, result: &str, times: usize) {
    gateway.comes_to_count(&format!("bindgate_account_binds_total{{result=\"{result}\"}} {times}"));
}

#[test]
fn s10_7_an_account_is_bound_under_every_spelling_and_the_directory_hears_of_no_bind() {
    let mut slapd = slapd();
    let gateway = gateway(&slapd, |_| {});
    let password = made(&gateway, "Wiki", "wiki");
    // Nothing is asked of a directory that is not there.
    slapd.kill();
    let mut client = gateway.connect();
    for dn in [
        "cn=Wiki,ou=accounts,dc=bindgate",
        "CN=wiki, OU=Accounts, DC=Bindgate",
        "2.5.4.3=WIKI,2.5.4.11=accounts,0.9.2342.19200300.100.1.25=bindgate",
        "cn=\\57iki,ou=accounts,dc=bindgate",
    ] {
        assert_eq!(client.bind(dn, &password), 0, "{dn}");
        assert_eq!(who_am_i(&mut client), "dn:cn=Wiki,ou=accounts,dc=bindgate", "{dn}");
    }
    for dn in [
        &name("wiki"),
        &name("nobody"),
        "ou=accounts,dc=bindgate",
        "cn=a,cn=wiki,ou=accounts,dc=bindgate",
    ] {
        refused(&gateway, dn, "wrong-password");
    }
    assert_eq!(client.bind(&person("ann"), "pw-ann"), UNAVAILABLE, "she is the directory's");
    counts(&gateway, "success", 4);
    counts(&gateway, "wrong-password", 1);
    counts(&gateway, "unknown", 3);
}

#[test]
fn s10_7_who_is_not_known_enabled_and_in_time_is_told_the_same_whatever_is_wrong() {
    let slapd = slapd();
    let elsewhere = free_port();
    let mut gateway = gateway(&slapd, |settings| {
        let first = settings.ldap_port;
        let both = format!("[\"127.0.0.1:{first}\", \"127.0.0.1:{elsewhere}\"]");
        settings.set("[listen]", "ldap", both);
        settings.add_view(&format!(
            "name = \"there\"\nmatch = {{ listeners = [\"127.0.0.1:{elsewhere}\"] }}"
        ));
        settings.add_view(
            "name = \"closed\"\noperations = [\"search\"]\nmatch = { addresses = [\"127.0.0.9\"] }",
        );
    });
    let off = made(&gateway, "off", "wiki");
    gateway.command(&["account", "disable", "off"]).expect_code(0);
    let there = made(&gateway, "there", "there");
    let closed = made(&gateway, "closed", "closed");
    let over = ["account", "make", "over", "--view", "wiki", "--expires", "5s"];
    let over = gateway.command(&over).expect_code(0);
    eventually("it has expired", || {
        gateway.command(&["account", "list"]).out.contains("expired").then_some(())
    });
    for (account, password) in [
        ("off", &*off),
        ("there", &there),
        ("closed", &closed),
        ("over", over.trim_end()),
        ("none", "x"),
    ] {
        refused(&gateway, &name(account), password);
    }
    assert_eq!(Raw::connect(elsewhere).bind(&name("there"), &there), 0);
    for result in ["disabled", "elsewhere", "no-view", "expired", "unknown"] {
        counts(&gateway, result, 1);
    }
    gateway.command(&["account", "enable", "off"]).expect_code(0);
    assert_eq!(gateway.connect().bind(&name("off"), &off), 0);

    // Over a restart they are what they were; whose view is gone does not bind.
    gateway.restart(|settings| {
        settings.clear_views();
        settings.add_view("name = \"open\"");
    });
    let list = gateway.command(&["account", "list"]).expect_code(0);
    assert!(list.contains("without its view"), "{list}");
    refused(&gateway, &name("off"), &off);
    assert_eq!(made(&gateway, "new", "open").len(), 36);
}

#[test]
fn a_name_of_an_account_is_nobodys_by_a_sasl_mechanism_and_its_password_is_not_sent_on() {
    let mut slapd = slapd();
    let gateway = gateway(&slapd, |_| {});
    let password = made(&gateway, "wiki", "wiki");
    slapd.kill();
    let mut client = gateway.connect();
    for claimed in [name("wiki"), format!("dn:{}", name("wiki")), name("none")] {
        let credentials = format!("\0{claimed}\0{password}");
        let bind = pdu::sasl_bind("PLAIN", Some(credentials.as_bytes()));
        assert_eq!(client.code(&bind), WRONG, "{claimed}");
    }
    counts(&gateway, "mechanism", 3);
}

#[test]
fn a_session_is_over_once_its_account_is_disabled_revoked_or_has_another_password() {
    let slapd = slapd();
    let gateway = gateway(&slapd, |_| {});
    let (_, password) = bound(&gateway, "wiki", "wiki");
    let session = || {
        let mut client = gateway.connect();
        assert_eq!(client.bind(&name("wiki"), &password), 0);
        client
    };
    let ask = Ask::entry(PEOPLE);
    let is_over = |mut client: Raw| {
        client.start(&ask.body());
        assert_eq!(client.closing_notice(), UNAVAILABLE);
    };
    let mut other = bound(&gateway, "other", "wiki").0;
    let (disabled, mut binds) = (session(), session());
    gateway.command(&["account", "disable", "wiki"]).expect_code(0);
    is_over(disabled);
    assert_eq!(binds.bind(&name("wiki"), &password), WRONG, "a bind is answered as one");
    gateway.command(&["account", "enable", "wiki"]).expect_code(0);
    let (renewed, revoked) = (session(), session());
    drop(revoked);
    let new = gateway.command(&["account", "set-password", "wiki"]).expect_code(0);
    is_over(renewed);
    assert_eq!(gateway.connect().bind(&name("wiki"), &password), WRONG);
    let mut client = gateway.connect();
    assert_eq!(client.bind(&name("wiki"), new.trim_end()), 0);
    gateway.command(&["account", "revoke", "wiki"]).expect_code(0);
    is_over(client);
    // One that is made anew is another, also for those who were bound as the first.
    made(&gateway, "wiki", "wiki");
    assert_eq!(gateway.connect().bind(&name("wiki"), new.trim_end()), WRONG);
    assert_eq!(other.search(&ask).1, 0, "others are left alone");
    let rows = gateway.audit();
    let done: Vec<_> = rows.iter().filter_map(|row| row["action"].as_str()).take(4).collect();
    assert_eq!(done, ["account-made", "account-revoked", "account-password", "account-enabled"]);
}

#[test]
fn a_session_is_over_once_its_view_is_another_and_goes_on_if_something_else_is_reloaded() {
    let slapd = slapd();
    let mut gateway = gateway(&slapd, |_| {});
    let (mut client, password) = bound(&gateway, "open", "open");
    let ann = person("ann");
    let ask = Ask::entry(&ann);
    let reload = |gateway: &mut Gateway, change: &dyn Fn(&mut Settings), times: usize| {
        gateway.rewrite(change, "");
        gateway.hang_up();
        let line = format!("bindgate_config_reloads_total{{outcome=\"changed\"}} {times}");
        gateway.comes_to_count(&line);
    };
    reload(&mut gateway, &|settings| settings.set("[records]", "size_limit", "17"), 1);
    assert_eq!(client.search(&ask).0.len(), 1);
    let narrow = |settings: &mut Settings| {
        settings.clear_views();
        settings.add_view(&format!("name = \"open\"\nbase = [\"{GROUPS}\"]"));
    };
    reload(&mut gateway, &narrow, 2);
    client.start(&ask.body());
    assert_eq!(client.closing_notice(), UNAVAILABLE);
    let mut client = gateway.connect();
    assert_eq!(client.bind(&name("open"), &password), 0);
    assert_eq!(client.search(&ask).1, 32, "the view is the one that is in force");
}

#[test]
fn no_more_passwords_of_accounts_wait_than_may_and_the_others_are_told_that_it_is_busy() {
    let slapd = slapd();
    let gateway = gateway(&slapd, |settings| {
        settings.set("[accounts]", "max_verifying", "1");
        settings.set("[accounts]", "max_waiting", "0");
        settings.set("[throttle]", "enabled", "false");
    });
    let (mut quick, password) = bound(&gateway, "wiki", "wiki");
    let mut clients: Vec<Raw> = (0..8).map(|_| gateway.connect()).collect();
    eventually("somebody finds no place", || {
        let bind = pdu::bind(&name("wiki"), b"wrong-password");
        let sent: Vec<i64> = clients.iter_mut().map(|client| client.start(&bind)).collect();
        // Whose password was right is known again, and needs no place.
        assert_eq!(quick.bind(&name("wiki"), &password), 0);
        let codes = clients
            .iter_mut()
            .zip(sent)
            .map(|(client, id)| client.answers_to(id).pop().expect("it is answered").code());
        let codes: Vec<u32> = codes.collect();
        assert!(codes.iter().all(|code| [WRONG, BUSY].contains(code)), "{codes:?}");
        codes.contains(&BUSY).then_some(())
    });
    eventually("it is counted", || {
        gateway.metrics().contains("limit=\"accounts.max_waiting\"").then_some(())
    });
}

#[test]
fn whoever_guesses_passwords_of_accounts_is_held_back_as_with_any_other_name() {
    let slapd = slapd();
    let gateway = gateway(&slapd, |settings| {
        settings.set("[throttle]", "failures", "4");
        settings.set("[throttle]", "max_waiting", "0");
    });
    let password = made(&gateway, "wiki", "wiki");
    let guesser = std::net::Ipv4Addr::new(127, 0, 0, 2);
    let mut guesser = Raw::try_connect_from(guesser, gateway.port()).expect("it is let in");
    eventually("the source is held back", || {
        (guesser.bind(&name("wiki"), "wrong-password") == BUSY).then_some(())
    });
    assert_eq!(gateway.connect().bind(&name("wiki"), &password), 0);
}

#[test]
fn accounts_are_made_and_listed_by_commands_and_a_password_is_no_argument() {
    let slapd = slapd();
    let gateway = gateway(&slapd, |_| {});
    let file = gateway.folder().write("app.password", "a password of one's own\r\nand no more\n");
    let file = file.display().to_string();
    let given = ["account", "make", "given", "--view", "wiki", "--password-file", &file];
    let said = gateway.command(&given).expect_code(0);
    assert_eq!(said, format!("{} binds with the password that was given\n", name("given")));
    assert_eq!(gateway.connect().bind(&name("given"), "a password of one's own"), 0);
    eventually("that is noted", || {
        let list = gateway.command(&["account", "list", "--json"]).expect_code(0);
        let list: serde_json::Value = serde_json::from_str(&list).expect("JSON");
        let account = &list["items"][0];
        assert_eq!((&account["name"], &account["view"]), (&"given".into(), &"wiki".into()));
        (!account["last_used"].is_null()).then_some(())
    });
    let list = gateway.command(&["account", "list"]).expect_code(0);
    let heads = ["NAME", "VIEW", "STATE", "EXPIRES", "LAST USED", "MADE", "BY"];
    assert!(heads.iter().all(|head| list.contains(head)) && list.contains("enabled"), "{list}");
    let json = gateway.command(&["account", "set-password", "given", "--json"]).expect_code(0);
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let password = json["password"].as_str().expect("it is shown");
    assert_eq!(gateway.connect().bind(&name("given"), password), 0);
    for (command, code) in [
        (&["account", "make", "given", "--view", "wiki"][..], 64),
        (&["account", "make", "a b", "--view", "wiki"], 64),
        (&["account", "make", "new", "--view", "none"], 64),
        (&["account", "make", "new", "--view", "wiki", "--password-file", "/nowhere"], 64),
        (&["account", "disable", "nobody"], 1),
        (&["account", "revoke", "nobody"], 1),
    ] {
        let said = gateway.command(command);
        assert_eq!(said.code, code, "{command:?}: {}{}", said.out, said.err);
    }
    assert_eq!(gateway.command(&["account", "revoke", "given"]).expect_code(0), "given is gone\n");
    assert!(!gateway.log().contains(password), "no log bears a password");
}
