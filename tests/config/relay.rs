//! Keys of `[[directory]]` about what is relayed, and `public_url`.

use super::{LEAST, check, check_line, sound};
use bindgate::domain::referral::Referrals;

const NAME: &str = "name = \"corp\"";

#[test]
fn referrals_lead_to_an_address_that_one_machine_has() {
    let relay = |lines: &str| {
        let (config, _) = sound(&LEAST.replace(NAME, &format!("{NAME}\n{lines}")));
        (config.directories[0].relay.clone(), config.listen.public_url)
    };
    let (policy, url) = relay("");
    assert_eq!(policy.referrals, Referrals::Strip);
    assert_eq!(url.as_deref(), Some("ldap://127.0.0.1:3890"));
    assert_eq!(relay("referrals = \"rewrite\"").0.referrals, Referrals::Rewrite);
    let follow = format!("{NAME}\nreferrals = \"follow\"");
    check(NAME, &follow, "\"follow\"", &["strip", "pass", "rewrite"]);
    check_line("listen", "public_url = \"http://x\"", "http", &["no URL of a server"]);
    let anywhere = "[listen]\nldap = [\"0.0.0.0:389\"]\n";
    let rewrite = format!("{NAME}\nreferrals = \"rewrite\"");
    let text = format!("{anywhere}{}", LEAST.replace(NAME, &rewrite));
    let problems = super::refused(&text).render();
    assert!(problems.contains("public_url") && problems.contains("lead nowhere"), "{problems}");
    let known = text.replace(anywhere, &format!("{anywhere}public_url = \"LDAP://gw/\"\n"));
    assert_eq!(sound(&known).0.listen.public_url.as_deref(), Some("LDAP://gw"));
}

#[test]
fn who_may_ask_as_somebody_else_has_a_name() {
    let of = |value: &str| format!("{NAME}\nproxied_authorisation_clients = [{value}]");
    let (config, _) = sound(&LEAST.replace(NAME, &of("\"cn=app, dc=example,dc=com\"")));
    let relay = &config.directories[0].relay;
    assert!(relay.may_proxy(b"CN=App,dc=example,dc=com"));
    assert!(!relay.may_proxy(b"cn=other,dc=example,dc=com"));
    assert!(!relay.may_proxy(b"") && !relay.may_proxy(b"app"));
    check(NAME, &of("\"\""), "\"\"", &["anybody"]);
    check(NAME, &of("\"app\""), "\"app\"", &["distinguished name"]);
}

#[test]
fn mechanisms_that_cannot_be_relayed_are_refused_by_name() {
    let of = |value: &str| format!("{NAME}\nsasl_mechanisms = [{value}]");
    let (config, _) = sound(&LEAST.replace(NAME, &of("\"scram-sha-256\"")));
    let relay = &config.directories[0].relay;
    assert!(relay.carries(b"SCRAM-SHA-256") && relay.carries(b"scram-sha-256"));
    assert!(!relay.carries(b"SCRAM-SHA-1"));
    check(NAME, &of("\"SCRAM-SHA-256-PLUS\""), "\"SCRAM-SHA-256-PLUS\"", &["channel"]);
    check(NAME, &of("\"external\""), "\"external\"", &["cannot be relayed"]);
    check(NAME, &of("\"no mechanism\""), "\"no mechanism\"", &["no SASL mechanism"]);
}
