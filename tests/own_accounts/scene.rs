//! A directory that shows its secrets to the gateway's service account, and a gateway with a view.

use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Ask};
use crate::support::raw::Raw;
use crate::support::settings::Settings;
use crate::support::slapd::{Options, Slapd};
use crate::support::tree::{PEOPLE, SERVICE};

/// What an account of that name binds as.
pub(crate) fn name(account: &str) -> String {
    format!("cn={account},ou=accounts,dc=bindgate")
}

/// A slapd whose password hashes the gateway's service account reads.
pub(crate) fn slapd() -> Slapd {
    let access = format!(
        "access to attrs=userPassword by dn.exact=\"{SERVICE}\" read by anonymous auth by * none"
    );
    Slapd::with(&Options { access_lines: vec![access], ..Options::default() })
}

/// A gateway with a view `wiki` of people and some of their attributes, and one `open` of everything.
pub(crate) fn gateway(slapd: &Slapd, change: impl FnOnce(&mut Settings)) -> Gateway {
    Gateway::configured(slapd.port(), |settings, _| {
        settings.add_view(&format!(
            "name = \"wiki\"\nmatch = {{ bind_dns = [\"cn=wiki,dc=example,dc=com\"] }}\n\
             base = [\"{PEOPLE}\"]\nattributes = [\"objectClass\", \"uid\", \"cn\", \"memberOf\"]\n\
             writes = \"deny\""
        ));
        settings
            .add_view("name = \"open\"\nmatch = { bind_dns = [\"cn=open,dc=example,dc=com\"] }");
        change(settings);
    })
}

/// Makes an account in a view and gives its password.
#[track_caller]
pub(crate) fn made(gateway: &Gateway, account: &str, view: &str) -> String {
    let said = gateway.command(&["account", "make", account, "--view", view]);
    said.expect_code(0).trim_end().to_owned()
}

/// A client that is bound as an account, and that account's password.
#[track_caller]
pub(crate) fn bound(gateway: &Gateway, account: &str, view: &str) -> (Raw, String) {
    let password = made(gateway, account, view);
    let mut client = gateway.connect();
    assert_eq!(client.bind(&name(account), &password), 0);
    (client, password)
}

/// The names that a filter finds below a base, sorted, and the result code.
#[track_caller]
pub(crate) fn found(client: &mut Raw, base: &str, filter: &str) -> (Vec<String>, u32) {
    let (entries, code) = client.search(&Ask::below(base, pdu::filter(filter), &["1.1"]));
    let mut names: Vec<String> = entries.into_iter().map(|entry| entry.dn).collect();
    names.sort();
    (names, code)
}
