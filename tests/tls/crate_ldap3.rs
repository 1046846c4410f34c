//! The Rust `ldap3`: what every step gave.

use crate::support::certs;
use crate::support::tree::{ADMIN, ADMIN_PASSWORD, PEOPLE};
use crate::unchanged::{Channel, Scene, Server};
use crate::{ANN, BOB};
use ldap3::adapters::{Adapter, EntriesOnly, PagedResults};
use ldap3::controls::{
    Assertion, MakeCritical, ManageDsaIt, MatchedValues, PostRead, PreRead, ProxyAuth, RawControl,
    RelaxRules, TxnSpec,
};
use ldap3::exop::{EndTxn, PasswordModify, StartTxn, StartTxnResp, WhoAmI, WhoAmIResp};
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, LdapResult, Mod, Scope, SearchEntry};
use std::collections::HashSet;
use std::fmt::Write as _;

const NEW: &str = "uid=new,ou=people,dc=example,dc=com";
const NEWER: &str = "uid=newer,ou=people,dc=example,dc=com";

/// A client, and what it was told.
struct Player {
    ldap: Ldap,
    heard: String,
}

/// All that the client is told by a server over a channel.
pub(crate) fn play(scene: &Scene, channel: Channel, server: Server) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime can be made").block_on(async {
        let mut player =
            Player { ldap: connect(scene, channel, server).await, heard: String::new() };
        player.binds().await;
        player.searches().await;
        player.controls().await;
        player.writes().await;
        player.operations().await;
        player.ldap.unbind().await.expect("it is sent");
        if channel != Channel::Clear {
            player.ldap = connect(scene, channel, server).await;
            player.external().await;
        }
        player.heard
    })
}

async fn connect(scene: &Scene, channel: Channel, server: Server) -> Ldap {
    let own = Some(&scene.own);
    let client = certs::client_with(&scene.authority.file, rustls::ALL_VERSIONS, own);
    let scheme = if channel == Channel::Ldaps { "ldaps" } else { "ldap" };
    let url = format!("{scheme}://127.0.0.1:{}", server.port(channel));
    let settings =
        LdapConnSettings::new().set_config(client).set_starttls(channel == Channel::StartTls);
    let (connection, ldap) =
        LdapConnAsync::with_settings(settings, &url).await.expect("it connects");
    ldap3::drive!(connection);
    ldap
}

fn set_of<'a>(values: &[&'a str]) -> HashSet<&'a str> {
    values.iter().copied().collect()
}

impl Player {
    fn note(&mut self, step: &str, result: &LdapResult) {
        let LdapResult { rc, matched, text, refs, .. } = result;
        let _ = writeln!(self.heard, "{step}: {rc} {matched:?} {text:?} {refs:?}");
        for control in &result.ctrls {
            let _ = writeln!(self.heard, "  {control:?}");
        }
    }

    async fn bind(&mut self, step: &str, name: &str, password: &str) {
        let result = self.ldap.simple_bind(name, password).await.expect("it is answered");
        self.note(step, &result);
    }

    async fn who(&mut self) {
        let answer = self.ldap.extended(WhoAmI).await.expect("it is answered");
        self.note("who", &answer.1);
        if answer.0.val.is_some() {
            let who: WhoAmIResp = answer.0.parse();
            let _ = writeln!(self.heard, "  {}", who.authzid);
        }
    }

    async fn search(&mut self, step: &str, base: &str, scope: Scope, filter: &str) {
        let found = self.ldap.search(base, scope, filter, vec!["uid", "cn", "mail"]).await;
        let found = found.expect("it is answered");
        self.entries(found.0.into_iter().map(SearchEntry::construct));
        self.note(step, &found.1);
    }

    fn entries(&mut self, entries: impl Iterator<Item = SearchEntry>) {
        for entry in entries {
            let mut attributes: Vec<_> = entry.attrs.iter().collect();
            attributes.sort();
            let _ = writeln!(self.heard, "  {} {attributes:?}", entry.dn);
        }
    }

    async fn binds(&mut self) {
        self.who().await;
        self.bind("wrong", ANN, "wrong").await;
        self.bind("nobody", "uid=nobody,dc=example,dc=com", "x").await;
        self.bind("ann", ANN, "pw-ann").await;
        self.who().await;
        let change = || vec![Mod::Replace("description", set_of(&["by the crate"]))];
        for (step, dn) in [("own", ANN), ("another's", BOB)] {
            let result = self.ldap.modify(dn, change()).await.expect("it is answered");
            self.note(step, &result);
        }
        self.bind("administrator", ADMIN, ADMIN_PASSWORD).await;
    }

    async fn searches(&mut self) {
        self.search("all", PEOPLE, Scope::OneLevel, "(uid=*)").await;
        self.search("utf-8", PEOPLE, Scope::Subtree, "(cn=Zoë*)").await;
        self.search("no base", "ou=nowhere,dc=example,dc=com", Scope::Base, "(cn=*)").await;
        let adapters: Vec<Box<dyn Adapter<_, _>>> =
            vec![Box::new(EntriesOnly::new()), Box::new(PagedResults::new(4))];
        let search = self.ldap.streaming_search_with(
            adapters,
            PEOPLE,
            Scope::OneLevel,
            "(uid=*)",
            vec!["uid"],
        );
        let mut stream = search.await.expect("it is sent");
        let mut entries = Vec::new();
        while let Some(entry) = stream.next().await.expect("it goes on") {
            entries.push(SearchEntry::construct(entry));
        }
        let result = stream.finish().await;
        self.entries(entries.into_iter());
        let _ = writeln!(self.heard, "pages: {}", result.rc);
        for value in ["ann", "bob"] {
            let compared = self.ldap.compare(ANN, "uid", value).await.expect("it is answered");
            self.note("compare", &compared.0);
        }
    }

    async fn controls(&mut self) {
        let all: Vec<(&str, RawControl)> = vec![
            ("assertion", Assertion::new("(uid=bob)")),
            ("manage dsa it", ManageDsaIt.into()),
            ("matched values", MatchedValues::new("((cn=*))")),
            ("proxied", ProxyAuth { authzid: format!("dn:{BOB}") }.into()),
            ("proxied, nobody", ProxyAuth { authzid: String::new() }.into()),
        ];
        for (step, control) in all {
            let ldap = &mut self.ldap;
            let found = ldap.with_controls(control).search(ANN, Scope::Base, "(uid=*)", vec!["cn"]);
            let found = found.await.expect("it is answered");
            self.entries(found.0.into_iter().map(SearchEntry::construct));
            self.note(step, &found.1);
        }
        let values = |text| vec![Mod::Replace("description", set_of(&[text]))];
        for (step, control) in [
            ("before", PreRead::new(vec!["description"])),
            ("behind", PostRead::new(vec!["description"])),
            ("relaxed", RelaxRules.into()),
            ("on condition", Assertion::new("(uid=bob)")),
        ] {
            let change = self.ldap.with_controls(control).modify(ANN, values(step));
            let result = change.await.expect("it is answered");
            self.note(step, &result);
        }
        let critical = RawControl::from(Assertion { filter: "(uid=ann)" }.critical());
        let change = self.ldap.with_controls(critical).modify(ANN, values("held")).await;
        self.note("critical", &change.expect("it is answered"));
    }

    async fn writes(&mut self) {
        let classes = || {
            vec![
                ("objectClass", set_of(&["inetOrgPerson"])),
                ("cn", set_of(&["New"])),
                ("sn", set_of(&["New"])),
            ]
        };
        for step in ["add", "add again"] {
            let result = self.ldap.add(NEW, classes()).await.expect("it is answered");
            self.note(step, &result);
        }
        let renamed = self.ldap.modifydn(NEW, "uid=newer", true, None).await;
        self.note("rename", &renamed.expect("it is answered"));
        for step in ["delete", "delete again"] {
            let result = self.ldap.delete(NEWER).await.expect("it is answered");
            self.note(step, &result);
        }
    }

    async fn operations(&mut self) {
        for password in ["fresh", "pw-bob"] {
            let change =
                PasswordModify { user_id: Some(BOB), old_pass: None, new_pass: Some(password) };
            let answer = self.ldap.extended(change).await.expect("it is answered");
            self.note("password", &answer.1);
        }
        let begun = self.ldap.extended(StartTxn).await.expect("it is answered");
        self.note("begin", &begun.1);
        let transaction: StartTxnResp = begun.0.parse();
        let id = transaction.txn_id.as_str();
        let change = vec![Mod::Replace("description", set_of(&["in a transaction"]))];
        let within = self.ldap.with_controls(TxnSpec { txn_id: id }).modify(ANN, change);
        let within = within.await.expect("it is answered");
        self.note("within", &within);
        // slapd 2.5.13 goes on with an update that it has answered; an end that comes at once takes it
        // away under its hands.
        for _ in 0..3 {
            self.who().await;
        }
        let ended = self.ldap.extended(EndTxn { txn_id: id, commit: true }).await;
        self.note("commit", &ended.expect("it is answered").1);
    }

    async fn external(&mut self) {
        let result = self.ldap.sasl_external_bind().await.expect("it is answered");
        self.note("external", &result);
        self.who().await;
        self.search("of its own", PEOPLE, Scope::OneLevel, "(uid=*)").await;
    }
}
