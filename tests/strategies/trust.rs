//! What is believed, and what is not (rules K5 and S3.2), with a real slapd.

use super::world::{Keeper, gateway, gateway_with, until_copied};
use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Change};
use crate::support::slapd::{Options, Slapd};
use crate::support::tree;
use serde_json::json;

const ANN: &str = "uid=ann,ou=people,dc=example,dc=com";

#[track_caller]
fn expect_unknown(gateway: &Gateway, reason: &str, groups: &[&str]) {
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0, "the bind's answer is the directory's");
    assert_eq!(gateway.user("ann")["observation"]["groups"], json!({ "unknown": reason }));
    assert_eq!(gateway.managed_groups("ann"), groups);
}

#[test]
fn an_account_that_sees_no_groups_any_more_takes_none_away() {
    // Who may read groups is decided by the description of each group's entry.
    let rule =
        format!("access to dn.subtree=\"{}\" filter=(description=hidden) by * none", tree::GROUPS);
    let slapd = Slapd::with(&Options { access_lines: vec![rule], ..Options::default() });
    let gateway = gateway(&slapd, "walk");
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    assert_eq!(gateway.managed_groups("ann"), ["A", "B"]);
    let mut admin = slapd.admin();
    let hide = |admin: &mut crate::support::raw::Raw, how: Change| {
        let (groups, _) = admin.search(&pdu::Ask::below(
            tree::GROUPS,
            pdu::equal("objectClass", "groupOfNames"),
            &["1.1"],
        ));
        for group in groups {
            admin.modify(&group.dn, how, "description", &[b"hidden"]);
        }
    };
    hide(&mut admin, Change::Add);
    expect_unknown(&gateway, "visibility", &["A", "B"]);
    hide(&mut admin, Change::Delete);
    admin.leave(&tree::group("B"), ANN);
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    assert_eq!(gateway.managed_groups("ann"), [""; 0], "others are visible: known and empty");
}

#[track_caller]
fn check_canary(resolve: &str) {
    let slapd = Slapd::start();
    let canary = format!(
        "{{ user = \"{}\", groups = [\"{}\"], interval = \"1s\" }}",
        tree::person("carol"),
        tree::group("top")
    );
    let gateway = gateway_with(&slapd, |settings, _| {
        settings.set("[directory.groups]", "resolve", format!("\"{resolve}\""));
        settings.set("[directory.groups]", "canary", canary);
    });
    if resolve != "walk" {
        until_copied(&gateway);
    }
    let mut admin = slapd.admin();
    admin.leave(&tree::group("bottom"), &tree::person("carol"));
    admin.join(&tree::group("bottom"), ANN);
    expect_unknown(&gateway, "canary", &[]);
    admin.join(&tree::group("bottom"), &tree::person("carol"));
    crate::support::eventually("the canary is heard again", || {
        assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
        (gateway.managed_groups("ann") == ["A", "B", "bottom", "left", "right", "top"])
            .then_some(())
    });
}

#[test]
fn a_canary_without_its_groups_stops_every_change() {
    check_canary("walk");
    check_canary("auto");
}

#[test]
fn member_of_that_is_not_shown_any_more_takes_nothing_away() {
    let hidden = "access to attrs=memberOf filter=(description=hidden) by * none".to_owned();
    let slapd = Keeper::Overlay.start_with(vec![hidden]);
    let gateway = gateway(&slapd, "member-of");
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    let before = gateway.managed_groups("ann");
    assert!(before.len() > 3, "{before:?}");
    // The probe has its verdict; now the attribute is hidden, and the groups are still there.
    let mut admin = slapd.admin();
    admin.modify(ANN, Change::Add, "description", &[b"hidden"]);
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    assert_eq!(gateway.managed_groups("ann"), before);
    admin.modify(ANN, Change::Delete, "description", &[]);
    // One level up, it hides some groups only.
    admin.modify(&tree::group("B"), Change::Add, "description", &[b"hidden"]);
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    assert_eq!(gateway.managed_groups("ann"), before);
    // What is gone by its members is gone.
    admin.leave(&tree::group("short-cut"), ANN);
    admin.leave(&tree::group("short-cut"), &tree::group("A"));
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    let after: Vec<String> = before.into_iter().filter(|name| name != "short-cut").collect();
    assert_eq!(gateway.managed_groups("ann"), after);
}
