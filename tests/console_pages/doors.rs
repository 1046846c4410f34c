//! Who gets in: sessions, accounts of the gateway's own, and tokens.

use super::browser::{Answer, Browser};
use super::{ANN, with_a_view};
use crate::support::gateway::Gateway;
use crate::support::slapd::Slapd;
use crate::support::{eventually, pdu, tree};

/// What a page shows that it shows once.
#[track_caller]
fn secret(page: &Answer) -> String {
    let (_, rest) =
        page.text.split_once("<code class=\"secret\">").expect("it shows something once");
    rest.split('<').next().unwrap_or_default().to_owned()
}

/// A secret stands in no page that is asked for again, in no row of the audit and in no line of the log.
#[track_caller]
fn is_nowhere(secret: &str, browser: &mut Browser, gateway: &Gateway) {
    for path in ["/", "/accounts", "/tokens", "/audit", "/sessions"] {
        browser.get(path).expect(200).hides(&[secret]);
    }
    assert!(!gateway.log().contains(secret), "the log knows it");
}

#[test]
fn an_account_is_made_and_binds_with_the_password_that_was_shown_once() {
    let slapd = Slapd::start();
    let gateway = with_a_view(&slapd);
    let mut browser = Browser::admin(&gateway);
    browser.get("/accounts").expect(200).shows(&["There are no accounts.", "Make the account"]);
    let fields = [("name", "wiki"), ("view", "portal"), ("until", "2099-01-01T00:00")];
    let made = browser.post("/accounts", &fields).expect(200);
    let made = made.shows(&["The account wiki is made", "the only time"]);
    assert_eq!(made.header("cache-control"), "no-store");
    let (dn, password) = ("cn=wiki,ou=accounts,dc=bindgate", secret(&made));
    assert!(password.starts_with("bga_"), "{password}");
    is_nowhere(&password, &mut browser, &gateway);
    assert_eq!(gateway.sign_on(dn, &password), 0);
    let shown = [dn, "portal", "enabled", "2099-01-01 00:00:00", "by admin"];
    browser.get("/accounts").expect(200).shows(&shown);
    browser.post("/accounts", &fields).expect(409).shows(&["wiki"]);
    browser.post("/accounts", &[("name", "a b"), ("view", "portal")]).expect(400);
    browser.post("/accounts", &[("name", "b"), ("view", "none")]).expect(400);
    browser.post("/accounts", &[("name", "b")]).expect(400);

    let asked = ["Another password for wiki?", "Keep the password"];
    browser.get("/accounts/wiki/password").expect(200).shows(&asked);
    assert_eq!(gateway.sign_on(dn, &password), 0, "nothing is done by asking");
    let other = browser.post("/accounts/wiki/password", &[]).expect(200);
    let other = secret(&other.shows(&["wiki has another password"]));
    assert_ne!(gateway.sign_on(dn, &password), 0);
    assert_eq!(gateway.sign_on(dn, &other), 0);
    is_nowhere(&other, &mut browser, &gateway);

    browser.send("/accounts/wiki/disable", &[]).shows(&["wiki is disabled", ">disabled<"]);
    assert_ne!(gateway.sign_on(dn, &other), 0);
    browser.send("/accounts/wiki/enable", &[]).shows(&["wiki is enabled", ">enabled<"]);
    assert_eq!(gateway.sign_on(dn, &other), 0);
    browser.get("/accounts/wiki/revoke").expect(200).shows(&["cannot be undone", "Keep"]);
    browser.send("/accounts/wiki/revoke", &[]).shows(&["wiki is revoked", "There are no accounts"]);
    assert_ne!(gateway.sign_on(dn, &other), 0);
    for gone in ["password", "revoke"] {
        browser.get(&format!("/accounts/wiki/{gone}")).expect(404).shows(&["No account is called"]);
        browser.post(&format!("/accounts/wiki/{gone}"), &[]).expect(404);
    }
}

#[test]
fn without_a_view_there_is_no_account_to_make() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let page = Browser::admin(&gateway).get("/accounts").expect(200);
    page.shows(&["There are no accounts.", "[[view]]"]).hides(&["Make the account"]);
}

#[test]
fn a_token_is_made_shown_once_and_revoked() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let mut browser = Browser::admin(&gateway);
    browser.get("/tokens").expect(200).shows(&["There are no tokens beside the first one."]);
    let fields = [("name", "zoe"), ("role", "operate")];
    let made = browser.post("/tokens", &fields).expect(200);
    let made = made.shows(&["The token zoe is made", "the only time"]);
    assert_eq!(made.header("cache-control"), "no-store");
    let token = secret(&made);
    assert!(token.starts_with("bgt_"), "{token}");
    is_nowhere(&token, &mut browser, &gateway);
    browser.get("/tokens").expect(200).shows(&["zoe", "operate", "by admin", "never"]);
    browser.post("/tokens", &fields).expect(409);
    browser.post("/tokens", &[("name", "a b"), ("role", "read")]).expect(400);
    browser.post("/tokens", &[("name", "x"), ("role", "king")]).expect(422);

    let mut zoe = Browser::new(&gateway);
    zoe.log_in(&token).expect(303);
    zoe.get("/users").expect(200).shows(&["zoe", "(operate)"]);
    zoe.get("/tokens").expect(403);
    browser.get("/tokens/zoe/revoke").expect(200).shows(&["Revoke the token zoe?"]);
    zoe.get("/users").expect(200);
    browser.send("/tokens/zoe/revoke", &[]).shows(&["The token zoe is revoked"]);
    zoe.get("/users").expect(303);
    browser.get("/tokens/zoe/revoke").expect(404).shows(&["No token is called"]);
    browser.post("/tokens/zoe/revoke", &[]).expect(404);
}

#[test]
fn who_revokes_the_token_that_she_came_with_is_warned_and_out() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let mut browser = Browser::of_role(&gateway, "admin");
    browser.get("/tokens").expect(200).shows(&["a-admin", "yours"]);
    let warned = ["You are logged in with this token"];
    browser.get("/tokens/a-admin/revoke").expect(200).shows(&warned);
    browser.post("/tokens/a-admin/revoke", &[]).expect(303);
    let there = browser.get("/tokens").expect(303);
    assert!(there.header("location").starts_with("/console/login"));
}

#[test]
fn a_session_is_found_and_ended() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let mut browser = Browser::of_role(&gateway, "operate");
    // Whoever saw whether the gateway is there has to be gone.
    eventually("nobody is connected", || {
        browser.get("/sessions").text.contains("No client is connected.").then_some(())
    });
    let mut ann = gateway.connect();
    assert_eq!(ann.bind(ANN, "pw-ann"), 0);
    let mut nobody = gateway.connect();
    assert_eq!(nobody.code(&pdu::Ask::entry("").body()), 0);
    browser.get("/sessions").expect(200).shows(&["2 sessions", ANN, "nobody", "End"]);
    browser.get("/sessions?bound=false").expect(200).shows(&["1 session<"]).hides(&[ANN]);
    browser.get("/sessions?q=nothing").expect(200).shows(&["No session is found."]);
    let found = browser.get("/sessions?q=uid%3Dann").expect(200).shows(&["1 session<", ANN]).text;
    let (_, rest) = found.split_once("action=\"/console/sessions/").expect("there is a form");
    let number = rest.split('/').next().unwrap_or_default();
    Browser::of_role(&gateway, "read").get("/sessions").expect(200).shows(&[ANN]).hides(&["End"]);
    browser.send(&format!("/sessions/{number}/end"), &[]).shows(&["is ended", ANN]);
    ann.closing_notice();
    assert_eq!(nobody.code(&pdu::Ask::entry("").body()), 0, "others go on");
    for nobody in ["999999999", "x"] {
        let path = format!("/sessions/{nobody}/end");
        browser.post(&path, &[]).expect(404).shows(&["No client is connected under number"]);
    }
}

#[test]
fn names_of_sessions_that_are_markup_do_nothing() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let dn = tree::person("mallory\\<img src=x onerror=alert(1)\\>").replace("uid=", "cn=");
    let person: [(&str, &[&str]); 4] = [
        ("objectClass", &["inetOrgPerson"]),
        ("uid", &["mallory"]),
        ("sn", &["M"]),
        ("userPassword", &["pw-mallory"]),
    ];
    assert_eq!(slapd.admin().code(&pdu::add(&dn, &person)), 0);
    let mut mallory = gateway.connect();
    assert_eq!(mallory.bind(&dn, "pw-mallory"), 0);
    let mut browser = Browser::of_role(&gateway, "operate");
    let page = browser.get("/sessions").expect(200).shows(&["&lt;img src=x"]);
    page.hides(&["<img src=x"]);
    let searched = browser.get("/sessions?q=%22%3E%3Cimg%20src%3Dx").expect(200);
    searched.hides(&["<img src=x"]);
}
