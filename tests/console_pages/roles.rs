//! The table of pages by role.

use super::browser::{Browser, token};
use super::{ANN, with_a_view, with_ann};
use crate::support::gateway::Gateway;
use crate::support::slapd::Slapd;

/// A page's path with somebody or something in the place that varies.
pub(crate) fn filled(path: &str) -> String {
    let of = |place: &str| path.starts_with(place);
    let name = match path {
        _ if of("/groups") => "A",
        _ if of("/directories") => "corp",
        _ if of("/views") => "portal",
        _ if of("/accounts") => "wiki",
        _ if of("/tokens") => "spare",
        _ if of("/held") || of("/sessions") => "0",
        _ => "ann",
    };
    ["{ref}", "{id}", "{name}"].iter().fold(path.to_owned(), |path, part| path.replace(part, name))
}

/// What a form has to say so that it does something, and the answer that shows that it was let through.
fn fields(path: &str) -> (&'static [(&'static str, &'static str)], u16) {
    match path {
        "/users/{ref}/groups" => (&[("deny", "A")], 303),
        "/users/{ref}/switch" => (&[("value", "default")], 303),
        "/groups" => (&[("name", "on call")], 303),
        "/groups/{ref}/members" => (&[("user", "ann")], 303),
        "/groups/{ref}/delete" => (&[], 400),
        "/user-types" => (&[("name", "staff"), ("value", "default")], 303),
        "/views/{name}" => (&[("value", "default")], 303),
        "/held/{id}" => (&[("decision", "confirm")], 404),
        "/sessions/{id}/end" => (&[], 404),
        "/accounts" => (&[("name", "other"), ("view", "portal")], 200),
        "/accounts/{name}/password" => (&[], 200),
        "/tokens" => (&[("name", "other"), ("role", "read")], 200),
        _ => (&[], 303),
    }
}

#[test]
fn every_page_is_for_those_whose_role_allows_it() {
    let slapd = Slapd::start();
    let gateway = with_a_view(&slapd);
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    gateway.command(&["account", "make", "wiki", "--view", "portal"]).expect_code(0);
    token(&gateway, "spare", "read");
    let pages = bindgate::console::pages();
    assert!(pages.len() > 40);
    for role in ["read", "operate", "admin"] {
        let mut browser = Browser::of_role(&gateway, role);
        let rank = |role: &str| ["read", "operate", "admin"].iter().position(|one| *one == role);
        for page in &pages {
            let is_wait = page.path == "/audit/rows";
            let path = filled(page.path);
            let (form, let_through) = fields(page.path);
            let answer = match page.method {
                "GET" if is_wait => browser.get(&format!("{path}?after=0")),
                "GET" => browser.get(&path),
                _ => browser.post(&path, form),
            };
            let expected = match (rank(role) >= rank(page.role.name()), page.method) {
                (false, _) => 403,
                (true, "GET") => 200,
                (true, _) => let_through,
            };
            let (method, path) = (page.method, page.path);
            assert_eq!(answer.status, expected, "{role} {method} {path}: {}", answer.text);
            if expected == 403 {
                answer.shows(&["Your token may not do this"]);
            }
            if path == "/groups" && method == "POST" && expected == 303 {
                gateway.command(&["group", "delete", "on call"]).expect_code(0);
            }
            if path == "/users/{ref}/forget" && method == "POST" && expected == 303 {
                assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
            }
        }
    }
}

#[test]
fn the_navigation_names_the_pages_that_a_role_may_see() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let check = |role: &str, shown: &[&str], hidden: &[&str]| {
        let page = Browser::of_role(&gateway, role).get("/").expect(200);
        page.shows(shown).hides(hidden);
    };
    let (all, own) =
        (["/console/views", "/console/sessions"], ["/console/accounts", "/console/tokens"]);
    check("read", &all, &own);
    check("operate", &all, &own);
    check("admin", &[&all[..], &own[..]].concat(), &[]);
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
    check("read", "/groups/A", &["Members that count"], &["Put in"]);
    check("operate", "/groups/A", &["Put in"], &["Take the group away"]);
    check("read", "/groups", &[">A<"], &["Make the group"]);
    check("operate", "/groups", &["Make the group"], &[]);
    check("read", "/user-types", &["staff"], &["name=\"value\""]);
    check("operate", "/user-types", &["a token of the role admin"], &["name=\"value\""]);
    check("admin", "/user-types", &["name=\"value\""], &[]);
}
