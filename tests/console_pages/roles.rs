//! The table of pages by role.

use super::browser::Browser;
use super::{ANN, with_ann};
use crate::support::slapd::Slapd;

/// What a form has to say so that it does something, and the answer that shows that it was let through.
fn fields(path: &str) -> (&'static [(&'static str, &'static str)], u16) {
    match path {
        "/users/{ref}/groups" => (&[("deny", "A")], 303),
        "/users/{ref}/switch" => (&[("value", "default")], 303),
        "/user-types" => (&[("name", "staff"), ("value", "default")], 303),
        "/held/{id}" => (&[("decision", "confirm")], 404),
        _ => (&[], 303),
    }
}

#[test]
fn every_page_is_for_those_whose_role_allows_it() {
    let slapd = Slapd::start();
    let gateway = with_ann(&slapd);
    let pages = bindgate::console::pages();
    assert!(pages.len() > 20);
    for role in ["read", "operate", "admin"] {
        let mut browser = Browser::of_role(&gateway, role);
        let rank = |role: &str| ["read", "operate", "admin"].iter().position(|one| *one == role);
        for page in &pages {
            let is_wait = page.path == "/audit/rows";
            let path = page.path.replace("{ref}", "ann").replace("{id}", "x");
            let path = path.replace("{name}", "corp");
            let (form, let_through) = fields(page.path);
            let answer = match page.method {
                "GET" if is_wait => browser.get(&format!("{path}?after=0")),
                "GET" => browser.get(&path),
                _ => browser.post(&path, form),
            };
            let expected = match (rank(role) >= rank(page.role.name()), page.method) {
                (false, _) => 403,
                (true, "GET") if path == "/groups/ann" => 404,
                (true, "GET") => 200,
                (true, _) => let_through,
            };
            let (method, path) = (page.method, page.path);
            assert_eq!(answer.status, expected, "{role} {method} {path}: {}", answer.text);
            if expected == 403 {
                answer.shows(&["Your token may not do this"]);
            }
            if path == "/users/{ref}/forget" && method == "POST" && expected == 303 {
                assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
            }
        }
    }
}

#[test]
fn buttons_are_shown_to_those_who_may_press_them() {
    let slapd = Slapd::start();
    let gateway = with_ann(&slapd);
    let check = |role: &str, path: &str, shown: &[&str], hidden: &[&str]| {
        Browser::of_role(&gateway, role).get(path).expect(200).shows(shown).hides(hidden);
        let name = format!("a-{role}");
        gateway.command(&["token", "revoke", &name]).expect_code(0);
    };
    check("read", "/users/ann", &["Ann Example"], &["Sync now", "Pin out", "Forget this user"]);
    check("operate", "/users/ann", &["Sync now", "Pin out", "Disable"], &["Forget this user"]);
    check("admin", "/users/ann", &["Sync now", "Pin out", "Forget this user"], &[]);
    check("read", "/user-types", &["staff"], &["name=\"value\""]);
    check("operate", "/user-types", &["a token of the role admin"], &["name=\"value\""]);
    check("admin", "/user-types", &["name=\"value\""], &[]);
}
