//! Clients that others wrote: OpenLDAP's tools and the `ldap3` crate, plain and over TLS.

use crate::support::certs::Certificate;
use crate::support::gateway::Gateway;
use crate::support::slapd::Slapd;
use crate::support::tools::Tools;
use crate::support::tree;
use ldap3::{LdapConnAsync, Scope, SearchEntry};

const ANN: &str = "uid=ann,ou=people,dc=example,dc=com";

#[test]
fn openldaps_tools_work_through_the_gateway() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let tools = gateway.tools();
    let out = tools.run_as("ann", "ldapwhoami", &[]).expect_code(0);
    assert_eq!(out.trim(), format!("dn:{ANN}"));
    tools.run("ldapwhoami", &["-D", ANN, "-w", "wrong"]).expect_code(49);

    let search = ["-LLL", "-b", tree::PEOPLE, "(|(uid=bob)(cn=Zoë*))", "cn"];
    let out = tools.run_as("ann", "ldapsearch", &search).expect_code(0);
    assert_eq!(out.matches("dn:").count(), 2, "{out}");
    let paged = ["-LLL", "-E", "pr=2/noprompt", "-b", tree::PEOPLE, "(uid=*)", "uid"];
    let out = tools.run_as("ann", "ldapsearch", &paged).expect_code(0);
    assert_eq!(out.matches("uid:").count(), 9, "{out}");

    tools.run_as("ann", "ldapcompare", &[ANN, "mail:ann@example.com"]).expect_code(6);
    let change = format!("dn: {ANN}\nchangetype: modify\nreplace: description\ndescription: y\n");
    tools.run_as_with_input("ann", "ldapmodify", &[], &change).expect_code(0);
    tools.run_as("bob", "ldapcompare", &[ANN, "description:y"]).expect_code(6);
    tools.run_as("ann", "ldappasswd", &["-a", "pw-ann", "-s", "fresh"]).expect_code(0);
    tools.run("ldapwhoami", &["-D", ANN, "-w", "fresh"]).expect_code(0);
    tools.run_as("bob", "ldapdelete", &[ANN]).expect_code(50);
}

#[test]
fn ldaps_serves_the_certificate_that_it_was_given() {
    let slapd = Slapd::start();
    let (mut port, mut trusted) = (0, None);
    let gateway = Gateway::configured(slapd.port(), |settings, folder| {
        let certificate = Certificate::make(folder);
        port = settings.add_ldaps(&certificate);
        trusted = Some(certificate.certificate);
    });
    let trusted = trusted.expect("the certificate was made");
    let out = Tools::over_tls(port, &trusted).run_as("ann", "ldapwhoami", &[]).expect_code(0);
    assert_eq!(out.trim(), format!("dn:{ANN}"));
    // Plain LDAP is still served beside it, and plain bytes on the TLS port are not.
    gateway.tools().run_as("ann", "ldapwhoami", &[]).expect_code(0);
    let plain = Tools::at(port).run_as("ann", "ldapwhoami", &[]);
    assert_ne!(plain.code, 0);
}

#[test]
fn the_ldap3_crate_works_through_the_gateway() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let url = format!("ldap://127.0.0.1:{}", gateway.port());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime can be made").block_on(async {
        let (connection, mut ldap) = LdapConnAsync::new(&url).await.expect("it connects");
        ldap3::drive!(connection);
        let refused = ldap.simple_bind(ANN, "wrong").await.expect("a bind is answered");
        assert_eq!(refused.rc, 49);
        ldap.simple_bind(ANN, "pw-ann").await.expect("a bind is answered").success().expect("0");
        let found = ldap.search(tree::PEOPLE, Scope::OneLevel, "(uid=bob)", vec!["cn"]).await;
        let (entries, _) = found.expect("a search is answered").success().expect("it succeeds");
        let entries: Vec<SearchEntry> = entries.into_iter().map(SearchEntry::construct).collect();
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].attrs["cn"], ["Bob Example"]);
        ldap.unbind().await.expect("it is sent");
    });
}
