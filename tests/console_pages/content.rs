//! What pages show.

use super::browser::Browser;
use super::{ANN, with_ann};
use crate::support::gateway::Gateway;
use crate::support::slapd::{Options, Slapd};
use crate::support::{eventually, pdu, tree};

#[test]
fn a_new_gateway_says_what_to_do_next() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let mut browser = Browser::admin(&gateway);
    let check = |browser: &mut Browser, path: &str, shown: &[&str]| {
        browser.get(path).expect(200).shows(shown);
    };
    check(
        &mut browser,
        "/",
        &["What needs a decision", "Nothing.", "store: written", "corp", "reached"],
    );
    check(&mut browser, "/users", &["There are no users yet.", "at the first sign-on"]);
    check(&mut browser, "/users?q=x", &["Nobody is found.", "show all users"]);
    check(&mut browser, "/groups", &["There are no groups yet.", "bindgate group create"]);
    check(&mut browser, "/groups?q=x", &["No group is found."]);
    check(&mut browser, "/held", &["Nothing is held."]);
    check(&mut browser, "/audit?user=nobody", &["There are no rows."]);
}

#[test]
fn a_user_is_found_and_shown_with_groups_ways_and_history() {
    let slapd = Slapd::start();
    let gateway = with_ann(&slapd);
    assert_eq!(gateway.sign_on(&tree::person("bob"), "pw-bob"), 0);
    let mut browser = Browser::of_role(&gateway, "read");
    let found = browser.get("/users?q=ANN").expect(200).shows(&["1 user<", ">ann<", "Ann Example"]);
    found.hides(&[">bob<"]);
    browser.get("/users?sort=name").expect(200).shows(&["2 users", ">ann<", ">bob<"]);
    browser.get("/users?sort=last_sign_on.desc&active=true").expect(200).shows(&["2 users"]);
    browser.get("/users?active=false").expect(200).shows(&["Nobody is found."]);
    let a = "<span title=\"cn=A,ou=groups,dc=example,dc=com\">A</span>";
    let shown = [ANN, "staff", "2 memberships", a, "active", "known", "cn=B,ou=groups"];
    browser.get("/users/ann").expect(200).shows(&shown);
    browser.get("/users/dn:uid=ann,ou=people,dc=example,dc=com").expect(200);
    browser.get("/users/ann/history").expect(200).shows(&["History of ann", "created", "sign-on"]);
    let because = ["member", "The directory says so still."];
    browser.get("/users/ann/explain?group=A").expect(200).shows(&because);
    browser.get("/users/ann/explain").expect(200).shows(&because);
    browser.get("/users/bob/explain?group=A").expect(200).shows(&["not a member", "Why not"]);
    browser.get("/users/ann/preview").expect(200).shows(&["Nothing changes"]);
    let circle = ["<svg", "loop-one", "loop-two", "closes a cycle"];
    browser.get("/users/bob").expect(200).shows(&circle[..3]);
    browser.get("/users/bob/explain").expect(200).shows(&circle);
    slapd.admin().leave(&tree::group("B"), ANN);
    let leaves = ["The record is brought up to date.", "leaves A", "leaves B"];
    browser.get("/users/ann/preview").expect(200).shows(&leaves);
    for odd in ["?from=18446744073709551615", "?from=-1", "?from=%ff", "?cursor=x&from"] {
        browser.get(&format!("/users/ann{odd}")).expect(200);
        browser.get(&format!("/users/ann/explain{odd}")).expect(200);
    }
    browser.get("/users/nobody").expect(404).shows(&["Not found", "No user is found by"]);
}

#[test]
fn a_group_is_shown_with_who_is_in_it_and_how() {
    let slapd = Slapd::start();
    let gateway = with_ann(&slapd);
    let mut browser = Browser::of_role(&gateway, "read");
    browser.get("/groups").expect(200).shows(&[">A<", ">B<", "2 groups"]);
    browser.get("/groups?q=b&sort=members").expect(200).shows(&["1 group<"]);
    let below = ["Groups around it", "cn%3DB%2Cou%3Dgroups%2Cdc%3Dexample%2Cdc%3Dcom", ">ann<"];
    browser.get("/groups/A").expect(200).shows(&below);
    let above = ["Groups around it", "It is in", "<svg"];
    browser.get("/groups/dn:cn=B,ou=groups,dc=example,dc=com").expect(200).shows(&above);
    browser.get("/groups/nothing").expect(404).shows(&["No group is found"]);
}

#[test]
fn the_first_page_tells_where_the_time_of_a_bind_goes() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let mut browser = Browser::of_role(&gateway, "read");
    let titles = ["Where the time of a bind goes, on average", "How long binds took"];
    let parts = ["the directory: ", "the record, after that: ", "the gateway itself: "];
    let page = browser.get("/").expect(200).shows(&titles).shows(&parts);
    page.shows(&["the directory: none"]);
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    // The last that is counted of a bind.
    let last = "bindgate_bind_part_seconds_count{directory=\"corp\",part=\"gateway\"} 1";
    gateway.comes_to_count(last);
    let page = browser.get("/").expect(200);
    page.shows(&parts.map(|part| format!("{part}at most")).each_ref().map(String::as_str));
}

/// Groups around A that nobody who has a record is in by them.
fn add_strangers(slapd: &Slapd, ghosts: usize) {
    let mut admin = slapd.admin();
    let mut add = |name: &str, members: &[&str]| {
        let entry: [(&str, &[&str]); 3] =
            [("objectClass", &["groupOfNames"]), ("cn", &[name]), ("member", members)];
        assert_eq!(admin.code(&pdu::add(&tree::group(name), &entry)), 0, "{name}");
    };
    let a = tree::group("A");
    add("stranger-below", &[tree::NOBODY]);
    add("stranger-above", &[&a]);
    let mut admin = slapd.admin();
    admin.join(&a, &tree::group("stranger-below"));
    for number in 0..ghosts {
        admin.join(&a, &tree::group(&format!("ghost-{number}")));
    }
}

#[test]
fn the_groups_around_one_are_all_that_the_directory_has_also_without_a_live_copy() {
    let all = ["As the directory has them now.", "stranger-below", "stranger-above", ">B<"];
    let by_member_of = ["as far as they say so by memberOf", "stranger-above", "stranger-below"];
    let check = |resolve: &str, ghosts: usize, complete: bool, shown: &[&str]| {
        let slapd = Slapd::with(&Options {
            global_lines: vec!["moduleload memberof".to_owned()],
            database_lines: vec!["overlay memberof".to_owned()],
            ..Options::default()
        });
        let gateway = Gateway::configured(slapd.port(), |settings, _| {
            settings.set("[directory.groups]", "resolve", format!("\"{resolve}\""));
        });
        assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
        add_strangers(&slapd, ghosts);
        if resolve == "replica" {
            gateway.comes_to_have_a_copy();
        }
        let mut browser = Browser::of_role(&gateway, "read");
        // A copy hears of it a moment later.
        eventually("the strangers are shown", || {
            let page = browser.get("/groups/A").text;
            shown.iter().all(|text| page.contains(text)).then_some(())
        });
        let told = gateway.json("/api/v1/groups/A/around");
        assert_eq!((&told["known"], &told["complete"]), (&true.into(), &complete.into()), "{told}");
    };
    check("replica", 0, true, &all);
    check("walk", 0, true, &all);
    check("walk", 200, false, &by_member_of);
}

#[test]
fn groups_around_one_are_those_on_the_ways_of_members_where_the_directory_is_away() {
    let mut slapd = Slapd::start();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set("[directory.groups]", "resolve", "\"walk\"");
    });
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    slapd.kill();
    let mut browser = Browser::of_role(&gateway, "read");
    let shown = ["Those over which the ways of the members on this page lead.", ">B<"];
    browser.get("/groups/A").expect(200).shows(&shown);
}

#[test]
fn names_that_are_markup_are_shown_and_do_nothing() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let hostile = "<script>alert(1)</script>\"'&";
    let dn = tree::person("mallory");
    let mut admin = slapd.admin();
    let person: [(&str, &[&str]); 6] = [
        ("objectClass", &["inetOrgPerson"]),
        ("uid", &["mallory"]),
        ("cn", &[hostile]),
        ("displayName", &[hostile]),
        ("sn", &[hostile]),
        ("userPassword", &["pw-mallory"]),
    ];
    assert_eq!(admin.code(&pdu::add(&dn, &person)), 0);
    let group: [(&str, &[&str]); 3] =
        [("objectClass", &["groupOfNames"]), ("cn", &["<img src=x>"]), ("member", &[&dn])];
    assert_eq!(admin.code(&pdu::add(&tree::group("\\<img src\\=x\\>"), &group)), 0);
    assert_eq!(gateway.sign_on(&dn, "pw-mallory"), 0);
    let mut browser = Browser::admin(&gateway);
    let id = gateway.user(&format!("dn:{dn}"))["id"].as_str().expect("it has one").to_owned();
    let user = format!("/users/rec:{id}");
    let raw = ["<script>alert", "<img src=x"];
    for path in [
        "/users".to_owned(),
        user.clone(),
        format!("{user}/explain"),
        format!("{user}/history"),
        format!("{user}/preview"),
        format!("{user}/forget"),
        "/groups".to_owned(),
        "/audit".to_owned(),
        "/users?q=%3Cscript%3Ealert(1)".to_owned(),
        "/login?next=%22%3E%3Cscript%3Ealert(1)".to_owned(),
        "/users/%3Cscript%3Ealert(1)".to_owned(),
    ] {
        browser.get(&path).hides(&raw);
    }
    browser.get("/users").expect(200).shows(&["&lt;script&gt;alert(1)"]);
    browser.get(&user).expect(200).shows(&["&lt;img src=x&gt;"]);
}

#[test]
fn pages_follow_one_another_and_stay_small() {
    let extra = tree::Extra { people: 60, groups: 0 };
    let slapd = Slapd::with(&Options { extra, ..Options::default() });
    let gateway = Gateway::before(slapd.port());
    for number in 0..60 {
        let uid = tree::extra_uid(number);
        assert_eq!(gateway.sign_on(&tree::person(&uid), tree::password(&uid)), 0);
    }
    let mut browser = Browser::admin(&gateway);
    let mut seen = std::collections::BTreeSet::new();
    let mut path = "/console/users?sort=name&q=Extra".to_owned();
    loop {
        let page = browser.get_at(&path).expect(200);
        assert!(page.text.len() < 100_000, "{}", page.text.len());
        for part in page.text.split("<th scope=\"row\">").skip(1) {
            let name = part.split('>').nth(1).and_then(|rest| rest.split('<').next());
            assert!(seen.insert(name.expect("it has a name").to_owned()), "twice on the pages");
        }
        let Some((before, _)) = page.text.split_once("\" rel=\"next\"") else { break };
        path = before.rsplit('"').next().expect("it leads on").replace("&amp;", "&");
    }
    assert_eq!(seen.len(), 60);
    browser.get("/users?cursor=zz&sort=name").expect(400).shows(&["That makes no sense here"]);
}

#[test]
fn new_rows_of_the_audit_come_to_who_waits_for_them() {
    let slapd = Slapd::start();
    let gateway = with_ann(&slapd);
    let mut browser = Browser::of_role(&gateway, "read");
    let page = browser.get("/audit").expect(200).shows(&["created", "data-follow"]).text;
    let (_, rest) = page.split_once("data-after=\"").expect("it says where it is");
    let after = rest.split('"').next().expect("it is a number").to_owned();
    let waiting =
        std::thread::spawn(move || browser.get(&format!("/audit/rows?after={after}")).expect(200));
    gateway.command(&["user", "disable", "ann"]).expect_code(0);
    let part = waiting.join().expect("it waits");
    part.shows(&["disabled", "data-reached="]).hides(&["created", "<html"]);
}

#[test]
fn somebody_in_many_groups_has_pages_that_are_small_all_the_same() {
    let slapd = Slapd::start();
    let mut admin = slapd.admin();
    for number in 0..130 {
        let name = format!("A group with a name of some length {number:03}");
        let entry: [(&str, &[&str]); 3] =
            [("objectClass", &["groupOfNames"]), ("cn", &[&name]), ("member", &[ANN])];
        assert_eq!(admin.code(&pdu::add(&tree::group(&name), &entry)), 0);
    }
    let gateway = with_ann(&slapd);
    let mut browser = Browser::admin(&gateway);
    let mut rows = 0;
    for path in ["/users/ann", "/users/ann?from=50", "/users/ann?from=100"] {
        let page = browser.get(path).expect(200).shows(&["132 memberships"]);
        assert!(page.text.len() < 100_000, "{path}: {}", page.text.len());
        rows += page.text.matches(">Pin out</button></td>").count();
    }
    assert_eq!(rows, 132);
    for path in ["/users/ann/explain", "/users/ann/history", "/groups", "/audit"] {
        let page = browser.get(path).expect(200);
        assert!(page.text.len() < 100_000, "{path}: {}", page.text.len());
    }
}

#[test]
fn a_name_that_two_have_stands_on_the_first_page() {
    let slapd = Slapd::start();
    let gateway = with_ann(&slapd);
    let twin = "cn=Twin,ou=people,dc=example,dc=com";
    let person: [(&str, &[&str]); 4] = [
        ("objectClass", &["inetOrgPerson"]),
        ("uid", &["ann"]),
        ("sn", &["Twin"]),
        ("userPassword", &["pw-twin"]),
    ];
    assert_eq!(slapd.admin().code(&pdu::add(twin, &person)), 0);
    assert_eq!(gateway.sign_on(twin, "pw-twin"), 0);
    let mut browser = Browser::of_role(&gateway, "read");
    browser.get("/").expect(200).shows(&["1 user has a name that another record has"]);
    browser.get("/users?needs_decision=true").expect(200).shows(&["1 user<", "name taken"]);
    let words = "but another record has that name";
    browser.get(&format!("/users/dn:{twin}")).expect(200).shows(&[words]);
}
