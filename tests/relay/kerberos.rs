//! Kerberos through the gateway: GSSAPI and GSS-SPNEGO, without a security layer.

use crate::support::gateway::Gateway;
use crate::support::kerberos::Realm;
use crate::support::slapd::{Options, Slapd};
use crate::support::tools::{Said, Tools};
use crate::support::tree::{self, PEOPLE};

fn directory(realm: &Realm) -> Slapd {
    let rule = format!("authz-regexp \"uid=([^,]+),cn=[^,]+,cn=auth\" \"uid=$1,{PEOPLE}\"");
    let host = format!("sasl-host {}", realm.host());
    Slapd::with(&Options {
        global_lines: vec!["sasl-secprops none".to_owned(), host, rule],
        environment: realm.environment(),
        ..Options::default()
    })
}

fn who_am_i(tools: Tools, realm: &Realm, mechanism: &str, layers: &str) -> Said {
    let tools = tools.with(realm.sign_in("ann", "pw-ann"));
    tools.run_sasl("ldapwhoami", &["-Q", "-Y", mechanism, "-O", layers])
}

#[test]
fn a_ticket_proves_the_user_and_brings_the_record_up_to_date() {
    let realm = Realm::with("ann", "pw-ann");
    let slapd = directory(&realm);
    for mechanism in ["GSSAPI", "GSS-SPNEGO"] {
        let gateway = Gateway::before(slapd.port());
        let direct = who_am_i(Tools::at(slapd.port()), &realm, mechanism, "maxssf=0");
        let relayed = who_am_i(gateway.tools(), &realm, mechanism, "maxssf=0");
        assert_eq!(relayed.out, format!("dn:{}\n", tree::person("ann")), "{relayed:?}");
        assert_eq!(relayed.out, direct.out);
        assert_eq!(gateway.managed_groups("ann"), ["A", "B"]);
    }
}

/// Its bytes would be opaque to the gateway. What a GSSAPI client chooses can be read; of
/// GSS-SPNEGO it shows in that the directory is not to be talked to any more.
#[test]
fn a_client_that_chooses_a_layer_is_refused_and_nobody_else_feels_it() {
    let realm = Realm::with("ann", "pw-ann");
    let slapd = directory(&realm);
    let gateway = Gateway::before(slapd.port());
    for (mechanism, says) in [("GSSAPI", "maxssf=0"), ("GSS-SPNEGO", "maxssf=0")] {
        let direct = who_am_i(Tools::at(slapd.port()), &realm, mechanism, "minssf=56");
        assert_eq!(direct.code, 0, "{mechanism}: {direct:?}");
        let relayed = who_am_i(gateway.tools(), &realm, mechanism, "minssf=56");
        assert_ne!(relayed.code, 0, "{mechanism}");
        assert!(relayed.err.contains(says), "{mechanism}: {relayed:?}");
        assert!(!gateway.knows("ann"), "{mechanism}");
    }
    assert_eq!(gateway.sign_on(&tree::person("bob"), "pw-bob"), 0);
}
