//! Views: what each shows, its switch, and what views make of why somebody is in a group.

use super::browser::Browser;
use super::{ANN, with_a_view};
use crate::support::gateway::Gateway;
use crate::support::slapd::Slapd;
use crate::support::tree;

#[test]
fn a_view_says_whom_it_is_for_what_it_shows_and_what_it_serves() {
    let slapd = Slapd::start();
    let lines = "name = \"door\"\nbase = [\"ou=people,dc=example,dc=com\"]\ninactive = \"hide\"\n\
                 filter = \"(cn=<img src=x>)\"\noperations = [\"bind\", \"search\"]\n\
                 group_base = [\"ou=groups,dc=example,dc=com\"]\nwrites = \"deny\"\n\
                 visible_to = \"anyone\"\nupdate_on_sign_on = false\n\
                 [view.match]\naddresses = [\"192.0.2.0/24\", \"198.51.100.7\"]\n\
                 [view.group_names]\n\"cn=A,ou=groups,dc=example,dc=com\" = \"cn=<b>staff,dc=other\"";
    let gateway = Gateway::configured(slapd.port(), |settings, _| settings.add_view(lines));
    let mut browser = Browser::of_role(&gateway, "read");
    let page = browser.get("/views").expect(200).shows(&[
        "door",
        "192.0.2.0/24",
        "198.51.100.7",
        "ou=people,dc=example,dc=com",
        "(cn=&lt;img src=x&gt;)",
        "are not there",
        "bind, search.",
        "ou=groups,dc=example,dc=com",
        ">A</span> is called",
        "cn=&lt;b&gt;staff,dc=other",
        "seen by anyone",
        "read-only",
        "The configuration file says off.",
        "a token of the role admin",
    ]);
    page.hides(&["<img src=x", "<b>", "name=\"value\""]);
    let view = &gateway.json("/api/v1/views")["items"][0];
    assert_eq!(view["match"]["addresses"][0], "192.0.2.0/24", "{view}");
    assert_eq!(view["serves"]["operations"][1], "search");
    assert_eq!(view["shows"]["attributes"], serde_json::Value::Null);
}

#[test]
fn where_there_are_no_views_it_is_said_how_to_have_one() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    let mut browser = Browser::admin(&gateway);
    browser.get("/views").expect(200).shows(&["There are no views.", "[[view]]"]);
    let views = ["What views make", "By the client application"];
    browser.get("/users/ann/explain").expect(200).hides(&views);
    browser.get("/users/ann/preview").expect(200).hides(&views);
}

#[test]
fn the_switch_of_a_view_is_set_and_says_what_it_overrides() {
    let slapd = Slapd::start();
    let gateway = with_a_view(&slapd);
    let mut browser = Browser::admin(&gateway);
    browser.get("/views").expect(200).shows(&["nothing, so that it is as the user type says."]);
    let mut set = |value| browser.send("/views/portal", &[("value", value)]);
    set("off").shows(&["of portal is off from the next sign-on on, which overrides the file."]);
    assert_eq!(gateway.json("/api/v1/views")["items"][0]["update_on_sign_on"], false);
    set("default").shows(&["of portal is as the user type says"]);
    browser.post("/views/portal", &[("value", "x")]).expect(400);
    browser.post("/views/none", &[("value", "on")]).expect(404);
}

#[test]
fn an_explanation_says_what_views_make_of_it() {
    let slapd = Slapd::start();
    let gateway = with_a_view(&slapd);
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    assert_eq!(gateway.sign_on(&tree::person("bob"), "pw-bob"), 0);
    let mut browser = Browser::of_role(&gateway, "read");
    let all = ["What views make of sign-ons", ">portal<", "It is for others by name."];
    browser.get("/users/ann/explain").expect(200).shows(&all);
    let a = browser.get("/users/ann/explain?group=A").expect(200).shows(&["In views", "not shown"]);
    a.shows(&["it is not shown with flatten direct"]);
    let b = browser.get("/users/ann/explain?group=B").expect(200);
    b.hides(&["In views"]);
    let by = browser.get("/users/ann/explain?group=B&view=portal").expect(200);
    by.shows(&["What the view makes of sign-ons", "In views", ">shown<"]);
    browser.get("/users/ann/explain?view=none").expect(404).shows(&["No view is called"]);
    let by = browser.get("/users/ann/preview?view=portal").expect(200);
    by.shows(&["By the client application", "selected"]);
}
