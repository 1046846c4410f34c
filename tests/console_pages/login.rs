//! Who is let in, for how long, and what a form has to show.

use super::browser::{Browser, token};
use super::roles::filled;
use super::{ANN, with_ann};
use crate::support::certs::Certificate;
use crate::support::gateway::Gateway;
use crate::support::settings::quoted;
use crate::support::slapd::Slapd;

const SESSION: &str = "bindgate_session";

#[test]
fn without_a_login_there_is_the_login_and_nothing_else() {
    let slapd = Slapd::start();
    let gateway = with_ann(&slapd);
    let mut nobody = Browser::new(&gateway);
    for page in bindgate::console::pages() {
        let path = filled(page.path);
        let answer = match page.method {
            "GET" => nobody.get(&path),
            _ => nobody.post(&path, &[("value", "off")]),
        };
        let answer = answer.expect(303).hides(&["ann"]);
        assert!(answer.header("location").starts_with("/console/login"), "{}", page.path);
    }
    let there = nobody.get("/users?q=ann").expect(303);
    assert_eq!(there.header("location"), "/console/login?next=%2Fconsole%2Fusers%3Fq%3Dann");
    nobody.get("/login").expect(200).shows(&["name=\"token\"", "type=\"password\""]);
    nobody.get("/nowhere").expect(404).shows(&["There is no page"]);
    assert_eq!(nobody.get_at("/console").expect(303).header("location"), "/console/");
    assert_eq!(nobody.get_at("/").expect(303).header("location"), "/console/");
}

#[test]
fn a_token_lets_in_until_it_is_revoked_and_a_wrong_one_never() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let mut browser = Browser::new(&gateway);
    for wrong in ["", "x", "bgt_0000000000000000000000000000000000000000000000000000000000000000"] {
        let answer = browser.log_in(wrong).expect(401).shows(&["This is no token"]);
        assert_eq!(answer.header("set-cookie"), "");
        browser.get("/users").expect(303);
    }
    let line = "bindgate_admin_refused_total 3";
    gateway.comes_to_count(line);
    let read = token(&gateway, "reader", "read");
    let mut browser = Browser::with(&gateway, &read);
    browser.get("/users").expect(200).shows(&["reader", "(read)", "Log out"]);
    gateway.command(&["token", "revoke", "reader"]).expect_code(0);
    let answer = browser.get("/users").expect(303);
    assert!(answer.header("location").starts_with("/console/login"));
    browser.log_in(&read).expect(401);
}

#[test]
fn the_cookie_is_for_this_site_and_no_script_and_a_new_one_at_each_login() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let read = token(&gateway, "reader", "read");
    let mut browser = Browser::new(&gateway);
    browser.set_cookie(SESSION, &"0".repeat(64));
    let answer = browser.log_in(&read).expect(303);
    let cookie = answer.header("set-cookie").to_owned();
    let (first, rest) = cookie.split_once("; ").expect("it has attributes");
    assert_eq!(first.len(), SESSION.len() + 1 + 64);
    assert_ne!(first, format!("{SESSION}={}", "0".repeat(64)), "an id is never taken over");
    assert_eq!(rest, "Path=/console; HttpOnly; SameSite=Strict");
    let old = browser.cookie_named(SESSION).expect("it is kept").to_owned();
    browser.log_in(&read).expect(303);
    assert_ne!(browser.cookie_named(SESSION), Some(&*old));
    browser.set_cookie(SESSION, &old);
    browser.get("/users").expect(303);
}

#[test]
fn the_cookie_is_for_tls_alone_where_administration_is() {
    let slapd = Slapd::start();
    let gateway = Gateway::configured(slapd.port(), |settings, folder| {
        settings.add_admin_tls(&Certificate::make(folder));
    });
    let first = std::fs::read_to_string(gateway.folder().file("admin.token")).expect("it is there");
    let answer = Browser::new(&gateway).log_in(first.trim()).expect(303);
    assert!(answer.header("set-cookie").ends_with("; Secure"));
}

#[test]
fn who_logs_out_is_out_also_with_the_old_cookie() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let mut browser = Browser::admin(&gateway);
    let id = browser.cookie_named(SESSION).expect("it is kept").to_owned();
    browser.post("/logout", &[]).expect(303);
    assert_eq!(browser.cookie_named(SESSION), None);
    browser.set_cookie(SESSION, &id);
    browser.get("/users").expect(303);
}

#[test]
fn one_login_more_than_there_may_be_ends_the_one_that_rested_for_longest() {
    let slapd = Slapd::start();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set("[admin]", "max_console_sessions", "2");
    });
    let mut first = Browser::admin(&gateway);
    let mut second = Browser::admin(&gateway);
    first.get("/users").expect(200);
    let mut third = Browser::admin(&gateway);
    second.get("/users").expect(303);
    first.get("/users").expect(200);
    third.get("/users").expect(200);
    gateway.comes_to_count("bindgate_limit_hits_total{limit=\"admin.max_console_sessions\"} 1");
}

#[test]
fn a_form_counts_only_from_a_page_of_the_same_login() {
    let slapd = Slapd::start();
    let gateway = with_ann(&slapd);
    let mut browser = Browser::admin(&gateway);
    let refused = "The form did not come from a page of this login";
    let key = browser.form_key.clone();
    for wrong in [String::new(), "0".repeat(64), Browser::admin(&gateway).form_key] {
        browser.form_key = wrong;
        browser.post("/users/ann/disable", &[]).expect(403).shows(&[refused]);
    }
    browser.form_key = key;
    for origin in ["", "null", "http://evil.example.com", "http://127.0.0.1:1"] {
        browser.origin = Some(origin.to_owned());
        browser.post("/users/ann/disable", &[]).expect(403).shows(&[refused]);
        browser.post("/logout", &[]).expect(403);
        browser.log_in("x").expect(403);
        browser.post("/theme", &[("theme", "dark")]).expect(403);
    }
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0, "nothing was done");
    browser.origin = None;
    browser.post("/users/ann/disable", &[]).expect(303);
    assert_ne!(gateway.sign_on(ANN, "pw-ann"), 0);
}

#[test]
fn a_form_may_come_from_the_url_that_a_proxy_has() {
    let slapd = Slapd::start();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set("[admin]", "url", quoted("https://gateway.example.com:8443"));
    });
    let first = std::fs::read_to_string(gateway.folder().file("admin.token")).expect("it is there");
    let mut browser = Browser::new(&gateway);
    browser.origin = Some("https://gateway.example.com".to_owned());
    browser.log_in(first.trim()).expect(403);
    browser.origin = Some("https://gateway.example.com:8443".to_owned());
    let answer = browser.log_in(first.trim()).expect(303);
    assert!(answer.header("set-cookie").ends_with("; Secure"), "browsers come by TLS");
}

#[test]
fn a_source_that_guesses_tokens_at_the_login_waits() {
    let slapd = Slapd::start();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set("[admin]", "max_source_rate", "1");
    });
    let mut browser = Browser::new(&gateway);
    let mut waits = None;
    for _ in 0..200 {
        let answer = browser.log_in("x");
        if answer.status == 429 {
            waits = Some(answer);
            break;
        }
    }
    let answer = waits.expect("it was let in 200 times").shows(&["Too many requests"]);
    assert_ne!(answer.header("retry-after"), "");
}

#[test]
fn every_answer_says_what_a_browser_may_load_and_keep() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let mut browser = Browser::admin(&gateway);
    for path in ["/", "/users", "/nowhere", "/login", "/users/nobody", "/static/x"] {
        let answer = browser.get(path);
        let policy = answer.header("content-security-policy");
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "frame-ancestors 'none'",
            "form-action 'self'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "same-origin");
        assert_eq!(answer.header("cache-control"), "no-store");
        answer.hides(&[" style=", "<style", " onclick=", "javascript:"]);
    }
    let page = browser.get("/").expect(200).text;
    let style =
        page.split('"').find(|text| text.ends_with(".css")).expect("it has a style").to_owned();
    let answer = Browser::new(&gateway).get_at(&style).expect(200).shows(&[":root"]);
    assert_eq!(answer.header("content-type"), "text/css; charset=utf-8");
    assert!(answer.header("cache-control").contains("immutable"));
}

#[test]
fn light_and_dark_are_remembered_without_a_login() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let mut browser = Browser::new(&gateway);
    browser.get("/login").expect(200).shows(&["data-theme=\"system\""]);
    for theme in ["dark", "light", "system"] {
        let answer = browser.post("/theme", &[("theme", theme), ("next", "/console/login")]);
        assert_eq!(answer.expect(303).header("location"), "/console/login");
        browser.get("/login").expect(200).shows(&[&format!("data-theme=\"{theme}\"")]);
    }
    let answer =
        browser.post("/theme", &[("theme", "dark"), ("next", "https://evil.example.com/")]);
    assert_eq!(answer.expect(303).header("location"), "/console/");
}

#[test]
fn where_the_console_is_turned_off_there_is_none() {
    let slapd = Slapd::start();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set("[admin]", "console", "false");
        settings.set("[admin]", "url", quoted("https://gateway.example.com"));
    });
    let mut browser = Browser::new(&gateway);
    browser.get("/login").expect(404);
    browser.get_at("/").expect(404);
}

#[test]
fn a_login_outlives_a_reload() {
    let slapd = Slapd::start();
    let mut gateway = with_ann(&slapd);
    let mut browser = Browser::admin(&gateway);
    gateway.rewrite(|settings| settings.set_user_type("update_on_sign_on", "false"), "");
    gateway.hang_up();
    gateway.comes_to_count("bindgate_config_reloads_total{outcome=\"changed\"} 1");
    browser.get("/user-types").expect(200).shows(&["The configuration file says off."]);
}
