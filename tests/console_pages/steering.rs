//! What forms do, as LDAP and the commands see it.

use super::browser::Browser;
use super::{ANN, with_ann};
use crate::support::gateway::Gateway;
use crate::support::pdu::Change;
use crate::support::slapd::{Options, Slapd};
use crate::support::tree;

#[test]
fn the_switch_takes_effect_with_the_next_sign_on_and_says_what_it_overrides() {
    let slapd = Slapd::start();
    let gateway = with_ann(&slapd);
    let mut browser = Browser::admin(&gateway);
    browser.get("/user-types").expect(200).shows(&["The configuration file says on."]);
    let set = |browser: &mut Browser, value| {
        browser.send("/user-types", &[("name", "corp/staff"), ("value", value)])
    };
    set(&mut browser, "off").shows(&[
        "Update on sign-on of staff is off from the next sign-on on, which overrides the file.",
        "it overrides the file, which says on",
    ]);
    slapd.admin().leave(&tree::group("B"), ANN);
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    assert_eq!(gateway.managed_groups("ann"), ["A", "B"]);
    set(&mut browser, "default").shows(&["is on from the next sign-on on, as the file says."]);
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    assert_eq!(gateway.managed_groups("ann"), [""; 0]);
    browser.post("/user-types", &[("name", "corp/staff"), ("value", "x")]).expect(400);
    browser.post("/user-types", &[("name", "none"), ("value", "on")]).expect(404);
    let actors: Vec<_> = gateway.audit().iter().map(|row| row["actor"].clone()).collect();
    assert!(actors.contains(&"admin".into()), "{actors:?}");
}

#[test]
fn a_user_is_pinned_disabled_and_synced_and_each_answer_says_what_comes_next() {
    let slapd = Slapd::start();
    let gateway = with_ann(&slapd);
    let mut browser = Browser::of_role(&gateway, "operate");
    let page = browser.send("/users/ann/groups", &[("deny", "A")]);
    page.shows(&["The user is pinned out of A.", "What comes next:", "pinned out", "Unpin"]);
    let page = browser.get("/users/ann").expect(200);
    page.hides(&["The user is pinned out of A."]);
    let page = browser.send("/users/ann/groups", &[("unpin", "A")]);
    page.shows(&["The pin is taken away: A."]).hides(&[">Unpin<"]);
    let group = format!("dn:{}", tree::group("top"));
    let until = [("do", "allow"), ("group", group.as_str()), ("until", "2099-01-01T00:00")];
    browser.send("/users/ann/groups", &until).shows(&["pinned in", "2099-01-01 00:00:00"]);
    browser.post("/users/ann/groups", &[("do", "allow"), ("group", "none")]).expect(404);
    browser.post("/users/ann/groups", &[("do", "burn"), ("group", "A")]).expect(400);
    browser.post("/users/ann/groups", &[]).expect(400);

    browser.send("/users/ann/disable", &[]).shows(&["The user is disabled.", "inactive"]);
    assert_ne!(gateway.sign_on(ANN, "pw-ann"), 0);
    browser.send("/users/ann/disable", &[]).shows(&["It was so already."]);
    browser.send("/users/ann/enable", &[]).shows(&["The user is enabled."]);
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);

    slapd.admin().leave(&tree::group("B"), ANN);
    browser.send("/users/ann/sync", &[]).shows(&["The record was brought up to date."]);
    assert_eq!(gateway.managed_groups("ann"), [""; 0]);
    browser.send("/users/ann/switch", &[("value", "off")]).shows(&["for this user alone"]);
}

#[test]
fn a_record_is_forgotten_after_a_question() {
    let slapd = Slapd::start();
    let gateway = with_ann(&slapd);
    let mut browser = Browser::admin(&gateway);
    browser.get("/users/ann/forget").expect(200).shows(&["Forget ann?", "cannot be undone"]);
    assert!(gateway.knows("ann"));
    browser.send("/users/ann/forget", &[]).shows(&["The record is erased.", "There are no users"]);
    assert!(!gateway.knows("ann"));
}

#[test]
fn a_group_of_the_gateways_own_is_made_filled_emptied_and_taken_away() {
    let slapd = Slapd::start();
    let gateway = with_ann(&slapd);
    let mut browser = Browser::of_role(&gateway, "operate");
    let page = browser.send("/groups", &[("name", "on call")]);
    page.shows(&["The group on call is kept.", "Nobody is in it.", "Take the group away"]);
    let put =
        |browser: &mut Browser, user| browser.send("/groups/on%20call/members", &[("user", user)]);
    put(&mut browser, "ann").shows(&["ann is put in.", "What comes next:", ">local<"]);
    put(&mut browser, "dn:uid=ann,ou=people,dc=example,dc=com").shows(&["was in it already."]);
    browser.post("/groups/on%20call/members", &[("user", "nobody")]).expect(404);
    browser.post("/groups/on%20call/delete", &[]).expect(409).shows(&["still 1 user"]);
    browser.get("/groups?own=true").expect(200).shows(&["1 group<", ">on call<"]);
    browser.get("/groups?own=false").expect(200).hides(&[">on call<"]);
    browser.post("/groups", &[("name", "on call")]).expect(409);
    browser.post("/groups", &[("name", " ")]).expect(400);
    let kept = browser.send("/groups", &[("name", "dn:cn=top,ou=groups,dc=example,dc=com")]);
    kept.shows(&["The group top is kept."]).hides(&["Take the group away"]);
    browser.send("/users/ann/groups", &[("leave", "on call")]);
    browser.send("/groups/on%20call/delete", &[]).shows(&["The group on call is gone."]);
    browser.get("/groups/on%20call").expect(404);
}

/// Eight users are taken out of their one group at once; two are believed, the others are held.
#[test]
fn a_loss_that_is_held_is_shown_and_confirmed_or_rejected() {
    let extra = tree::Extra { people: 8, groups: 1 };
    let slapd = Slapd::with(&Options { extra, ..Options::default() });
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set("[directory.mass_change]", "least_users", "3");
        settings.set("[directory.mass_change]", "window", "\"1h\"");
        settings.set("[directory.mass_change]", "last_groups", "0");
    });
    let group = tree::group(&tree::extra_group(0));
    let sign_on = |user| {
        let uid = tree::extra_uid(user);
        assert_eq!(gateway.sign_on(&tree::person(&uid), tree::password(&uid)), 0);
        gateway.managed_groups(&uid)
    };
    let mut admin = slapd.admin();
    (0..8).for_each(|user| admin.join(&group, &tree::person(&tree::extra_uid(user))));
    (0..8).for_each(|user| assert_eq!(sign_on(user).len(), 1));
    admin.modify(&group, Change::Replace, "member", &[tree::NOBODY.as_bytes()]);
    (0..8).for_each(|user| drop(sign_on(user)));
    assert_eq!(sign_on(7).len(), 1, "it is held");

    let mut browser = Browser::of_role(&gateway, "operate");
    let words = "users of the directory corp would lose groups.";
    browser.get("/").expect(200).shows(&[words, "Decide"]);
    let held = browser.get("/held").expect(200).shows(&[words, "open", "Confirm", "u007"]).text;
    let (_, rest) = held.split_once("/console/held/").expect("there is a form");
    let decide = format!("/held/{}", rest.split('"').next().unwrap_or_default());
    Browser::of_role(&gateway, "read").get("/held").expect(200).hides(&["Confirm"]);

    browser.send(&decide, &[("decision", "reject")]).shows(&["memberships stay", "rejected"]);
    assert_eq!(sign_on(7).len(), 1);
    browser.post(&decide, &[("decision", "perhaps")]).expect(400);
    browser.send(&decide, &[("decision", "confirm")]).shows(&["The loss is confirmed"]);
    assert_eq!(sign_on(7), [""; 0]);
}
