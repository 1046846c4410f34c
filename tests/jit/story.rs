//! The story that the first version is measured by.

use crate::support::gateway::Gateway;
use crate::support::pdu;
use crate::support::raw::Raw;
use crate::support::slapd::{Options, Slapd};
use crate::support::tree::{self, Extra, GROUPS};
use serde_json::{Value, json};

const ANN: &str = "uid=ann,ou=people,dc=example,dc=com";

fn membership<'a>(user: &'a Value, name: &str) -> &'a Value {
    let rows = user["memberships"].as_array().expect("a user has memberships");
    let found = rows.iter().find(|row| row["group"]["name"] == name);
    found.unwrap_or_else(|| panic!("no membership of {name}: {user}"))
}

#[test]
fn a_sign_on_makes_a_record_with_direct_and_nested_groups_and_the_way_to_them() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    assert!(!gateway.knows("ann"));
    gateway.tools().run_as("ann", "ldapwhoami", &[]).expect_code(0);

    let ann = gateway.user("ann");
    assert_eq!(ann["name"], "ann");
    assert_eq!(ann["dn"], ANN);
    assert_eq!(ann["directory"], "corp");
    assert_eq!(ann["user_type"], "staff");
    assert_eq!(ann["state"], json!({ "active": true, "reasons": [] }));
    assert_eq!(ann["observation"]["groups"], "known");
    let upstream_id = ann["upstream_id"].as_str().expect("a user has an upstream id");
    assert!(upstream_id.starts_with("00000000-0000-4000-8000-"), "{upstream_id}");

    let (b, a) = (tree::group("B"), tree::group("A"));
    let direct = membership(&ann, "B");
    assert_eq!(direct["provenance"], "managed");
    assert_eq!(direct["effective"], true);
    assert_eq!(direct["direct"], true);
    assert_eq!(direct["depth"], 1);
    assert_eq!(direct["group"]["dn"], b.as_str());
    let nested = membership(&ann, "A");
    assert_eq!(nested["provenance"], "managed");
    assert_eq!(nested["direct"], false);
    assert_eq!(nested["depth"], 2);
    assert_eq!(nested["path"], json!([ANN, b, a]));
    assert_eq!(direct["path"], json!([ANN, b]));
    assert_eq!(ann["memberships"].as_array().map(Vec::len), Some(2));
}

#[test]
fn taken_out_of_the_group_upstream_the_next_sign_on_takes_all_that_hung_on_it() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let mut admin = slapd.admin();
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    assert_eq!(gateway.managed_groups("ann"), ["A", "B"]);

    admin.leave(&tree::group("B"), ANN);
    assert_eq!(gateway.managed_groups("ann"), ["A", "B"], "nothing moves without a sign-on");
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    assert_eq!(gateway.managed_groups("ann"), [""; 0], "known and empty removes");

    admin.join(&tree::group("A"), ANN);
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    assert_eq!(gateway.managed_groups("ann"), ["A"]);
}

#[test]
fn a_record_follows_names_and_attributes_and_keeps_its_id() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    let before = gateway.user("ann");

    let renamed = pdu::modify_dn(ANN, "uid=anna", None);
    let mut admin = slapd.admin();
    assert_eq!(admin.code(&renamed), 0);
    let anna = tree::person("anna");
    admin.join(&tree::group("bottom"), &anna);
    assert_eq!(gateway.sign_on(&anna, "pw-ann"), 0);

    let after = gateway.user("anna");
    assert_eq!(after["id"], before["id"]);
    assert_eq!(after["upstream_id"], before["upstream_id"]);
    assert_eq!(after["dn"], anna.as_str());
    assert!(!gateway.knows("ann"));
    assert_eq!(gateway.managed_groups("anna"), ["bottom", "left", "right", "top"]);
}

#[test]
fn a_group_that_is_renamed_is_the_same_group() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    let before = membership(&gateway.user("ann"), "A")["group"]["id"].clone();
    let rename = pdu::modify_dn(&tree::group("A"), "cn=Alpha", None);
    assert_eq!(slapd.admin().code(&rename), 0);
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    assert_eq!(gateway.managed_groups("ann"), ["Alpha", "B"]);
    assert_eq!(membership(&gateway.user("ann"), "Alpha")["group"]["id"], before);
}

#[test]
fn s4_10_a_group_that_moves_within_the_base_stays_and_one_that_moves_out_is_left() {
    let extra = Extra { people: 0, groups: 1 };
    let slapd = Slapd::with(&Options { extra, ..Options::default() });
    let gateway = Gateway::before(slapd.port());
    let mut admin = slapd.admin();
    let (below, outside) = (format!("ou=below,{GROUPS}"), tree::SUFFIX);
    assert_eq!(admin.code(&pdu::add(&below, &[("objectClass", &["organizationalUnit"])])), 0);
    admin.join(&tree::group("g000"), ANN);
    let sign_on = || {
        assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
        (gateway.user("ann"), gateway.managed_groups("ann"))
    };
    let (before, groups) = sign_on();
    assert_eq!(groups, ["A", "B", "g000"]);
    let since = membership(&before, "g000")["since"].clone();
    let move_to = |admin: &mut Raw, from: &str, to: &str| {
        let name = format!("cn=g000,{from}");
        assert_eq!(admin.code(&pdu::modify_dn(&name, "cn=g000", Some(to))), 0);
        sign_on()
    };
    let (moved, groups) = move_to(&mut admin, GROUPS, &below);
    assert_eq!(groups, ["A", "B", "g000"]);
    let row = membership(&moved, "g000");
    assert_eq!((&row["since"], &row["group"]["dn"]), (&since, &format!("cn=g000,{below}").into()));
    let rows = gateway.audit();
    let detail = rows[0]["detail"].to_string();
    assert!(!detail.contains("removed") && !detail.contains("added"), "{detail}");
    assert_eq!(move_to(&mut admin, &below, outside).1, ["A", "B"]);
    assert_eq!(move_to(&mut admin, outside, GROUPS).1, ["A", "B", "g000"]);
    assert_eq!(admin.code(&pdu::delete(&tree::group("g000"))), 0);
    assert_eq!(sign_on().1, ["A", "B"]);
}

#[test]
fn the_lists_show_everybody_who_signed_on() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    for uid in ["ann", "bob", "zoë"] {
        assert_eq!(gateway.sign_on(&tree::person(uid), tree::password(uid)), 0);
    }
    let table = gateway.command(&["user", "list"]).expect_code(0);
    let listed = gateway.command(&["user", "list", "--json"]).expect_code(0);
    let listed: Value = serde_json::from_str(&listed).expect("it is JSON");
    let items = listed["items"].as_array().expect("a list has items");
    let mut names: Vec<&str> = items.iter().filter_map(|user| user["name"].as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["ann", "bob", "zoë"]);
    assert!(names.iter().all(|name| table.contains(name)), "{table}");
    assert_eq!(gateway.json("/api/v1/users")["items"].as_array().map(Vec::len), Some(3));
}
