//! Why a user is in a group or is not, and what the next sign-on would do, on a real directory.

use crate::ANN;
use crate::local::effective;
use crate::support::gateway::Gateway;
use crate::support::pdu::Change;
use crate::support::slapd::Slapd;
use crate::support::tree::{self, GROUPS};
use serde_json::{Value, json};

#[track_caller]
fn ask(gateway: &Gateway, args: &[&str]) -> Value {
    let json: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
    serde_json::from_str(&gateway.command(&json).expect_code(0)).expect("it is JSON")
}

#[track_caller]
fn explain(gateway: &Gateway, group: &str) -> Value {
    let answer = ask(gateway, &["user", "explain", "ann", group]);
    assert_eq!(answer["items"].as_array().map(Vec::len), Some(1), "{answer}");
    answer["items"][0].clone()
}

#[test]
fn a_yes_has_its_path_and_a_no_its_nearest_miss() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    for user in ["ann", "carol"] {
        assert_eq!(gateway.sign_on(&tree::person(user), tree::password(user)), 0);
    }
    let a = explain(&gateway, "A");
    assert_eq!(a["member"], true);
    let path = json!([ANN, tree::group("B"), tree::group("A")]);
    assert_eq!(a["because"][0]["path"], path);
    assert_eq!(a["because"][0]["directory_says"], "confirmed");

    let top = explain(&gateway, "top");
    assert_eq!(top["member"], false);
    let miss = &top["why_not"][0];
    assert_eq!(miss["what"], "cut", "{top}");
    assert_eq!((&miss["member"], &miss["group"]), (&json!(ANN), &json!(tree::group("bottom"))));

    // The way that led her there is cut in the middle.
    slapd.admin().leave(&tree::group("A"), &tree::group("B"));
    let a = explain(&gateway, "A");
    assert_eq!((&a["member"], &a["because"][0]["directory_says"]), (&json!(true), &json!("gone")));
    assert_eq!(a["because"][0]["cut"]["member"], tree::group("B"));
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    let a = explain(&gateway, "A");
    let miss = &a["why_not"][0];
    assert_eq!((&a["member"], &miss["what"], &miss["path"]), (&json!(false), &json!("cut"), &path));
    assert_eq!((&miss["member"], &miss["group"]), (&path[1], &path[2]));
    assert_eq!((&a["left"]["path"], &a["left"]["cause"]), (&path, &json!("sign-on")));
    assert!(a["left"]["at"].is_string());

    gateway.command(&["user", "pin", "ann", "B", "deny"]).expect_code(0);
    assert_eq!(explain(&gateway, "B")["why_not"][0]["what"], "pin-deny");
    gateway.command(&["user", "disable", "ann"]).expect_code(0);
    assert_eq!(explain(&gateway, "B")["why_not"][0]["what"], "inactive");
    let text = gateway.command(&["user", "explain", "ann"]).expect_code(0);
    assert!(text.contains("ann is not in B") && text.contains("no, because"), "{text}");
    gateway.command(&["user", "explain", "ann", "nothing"]).expect_code(1);
    gateway.command(&["user", "explain", "nobody", "A"]).expect_code(1);
}

#[test]
fn a_directory_that_cannot_be_read_explains_by_what_is_not_known() {
    let mut slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    slapd.kill();
    let answer = ask(&gateway, &["user", "explain", "ann", "A"]);
    assert!(answer["observation"]["groups"]["unknown"].is_string(), "{answer}");
    assert_eq!(answer["items"][0]["member"], true, "as the record says");
    gateway.command(&["user", "preview", "ann"]).expect_code(69);
}

#[test]
fn a_preview_says_what_the_next_sign_on_then_does_and_writes_nothing() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    let unseen = format!("dn:{ANN}");
    let preview = ask(&gateway, &["user", "preview", &unseen]);
    assert_eq!(preview["outcome"], "created", "{preview}");
    assert!(!gateway.knows("ann"), "nothing was written");
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    let preview = ask(&gateway, &["user", "preview", "ann"]);
    assert_eq!((&preview["outcome"], &preview["changes"]), (&json!("unchanged"), &json!([])));

    slapd.admin().leave(&tree::group("A"), &tree::group("B"));
    slapd.admin().join(&tree::group("top"), ANN);
    slapd.admin().modify(ANN, Change::Replace, "mail", &[b"new@example.com"]);
    let rows = gateway.audit().len();
    let preview = ask(&gateway, &["user", "preview", "ann"]);
    let told = |what: &str| {
        let changes = preview["changes"].as_array().expect("it has changes");
        let of = changes.iter().filter(|change| change["what"] == what);
        of.map(|change| change["group"]["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(preview["outcome"], "changed");
    assert_eq!((told("joined"), told("left")), (vec![json!("top")], vec![json!("A")]));
    assert_eq!(told("attribute").len(), 1);
    assert!(!preview.to_string().contains("new@example.com"), "no value is told");
    assert_eq!(effective(&gateway, "ann"), ["A", "B"]);
    assert_eq!(gateway.audit().len(), rows);

    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    assert_eq!(effective(&gateway, "ann"), ["B", "top"]);
    let done = &gateway.audit()[0];
    let changes = done["changes"].as_array().expect("the audit tells each");
    assert_eq!(changes.len(), preview["changes"].as_array().expect("a list").len());
    assert_eq!(done["observation"], "known");

    gateway.command(&["user", "disable", "ann"]).expect_code(0);
    assert_eq!(ask(&gateway, &["user", "preview", "ann"])["bind"], "refused");
    let text = gateway.command(&["user", "preview", "ann"]).expect_code(0);
    assert!(text.contains("the bind would be refused"), "{text}");
    gateway.command(&["user", "preview", "nobody"]).expect_code(1);
    gateway
        .command(&["user", "preview", "dn:uid=nobody,ou=people,dc=example,dc=com"])
        .expect_code(1);
}

#[test]
fn a_look_at_once_brings_the_record_up_to_date_without_a_sign_on() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    slapd.admin().leave(&tree::group("B"), ANN);
    assert_eq!(ask(&gateway, &["user", "sync", "ann"])["outcome"], "changed");
    assert_eq!(effective(&gateway, "ann"), [""; 0]);
    assert_eq!(gateway.audit()[0]["cause"], "reconcile");
    let said = gateway.command(&["user", "sync", "ann"]).expect_code(0);
    assert_eq!(said, "ann was looked at: unchanged\n");
    assert!(gateway.json("/api/v1/groups")["items"].to_string().contains(GROUPS));
}

#[test]
fn a_changed_configuration_is_told_for_all_users_before_it_is_loaded() {
    let slapd = Slapd::start();
    let gateway = Gateway::before(slapd.port());
    for user in ["ann", "bob"] {
        assert_eq!(gateway.sign_on(&tree::person(user), tree::password(user)), 0);
    }
    let rows = gateway.audit().len();
    let running = gateway.folder().file("bindgate.toml");
    let text = std::fs::read_to_string(&running).expect("it is ours");
    let running = running.display().to_string();
    let same = ask(&gateway, &["check", "--config", &running, "--preview"]);
    assert_eq!(
        (&same["records"], &same["changed"], &same["unsure"]),
        (&json!(2), &json!(0), &json!(0))
    );

    let section = "[[directory.user_type]]";
    let given = format!("{section}\nalways_groups = [\"cn=everybody\"]\nignored_groups = [\"A\"]");
    let changed = gateway.folder().write("changed.toml", text.replace(section, &given));
    let changed = changed.display().to_string();
    let told = ask(&gateway, &["check", "--config", &changed, "--preview"]);
    assert_eq!((&told["changed"], &told["unsure"]), (&json!(2), &json!(0)), "{told}");
    let change = &told["items"][0]["changes"][0];
    assert_eq!((&change["what"], &change["provenance"]), (&json!("joined"), &json!("default")));
    let report = gateway.command(&["check", "--config", &changed, "--preview"]).expect_code(0);
    assert!(report.contains("changed.toml: ok"), "{report}");
    assert!(report.contains("staff/ann\n  + joins"), "{report}");
    assert_eq!(gateway.audit().len(), rows, "nothing was written");
    assert_eq!(effective(&gateway, "ann"), ["A", "B"]);

    let broken = gateway.folder().write("broken.toml", text + "\ncolour = 1\n");
    let broken = broken.display().to_string();
    gateway.command(&["check", "--config", &broken, "--preview"]).expect_code(64);
}

/// What a changed configuration means is told from what was observed last: groups that were ignored, other
/// filters and names, another way of flattening. And then it is so.
#[test]
fn s7_what_was_observed_tells_a_changed_configuration_exactly_and_the_next_sign_on_does_it() {
    let slapd = Slapd::start();
    let mut gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set_user_type("ignored_groups", "[\"top\"]");
    });
    let users = ["ann", "carol", "dave"];
    for user in users {
        assert_eq!(gateway.sign_on(&tree::person(user), tree::password(user)), 0);
    }
    assert_eq!(effective(&gateway, "carol"), ["bottom", "left", "right"]);
    let running = gateway.folder().file("bindgate.toml");
    let text = std::fs::read_to_string(&running).expect("it is ours");
    let changed = text
        .replace("ignored_groups = [\"top\"]", "disabled_filter = \"(mail=dave@*)\"")
        .replace("username = \"uid\"", "username = \"mail\"\nusername_pattern = \"(.*)@.*\"")
        .replace("[directory.groups]", "[directory.groups]\nflatten = \"direct\"");
    let changed = gateway.folder().write("changed.toml", changed).display().to_string();
    let told = ask(&gateway, &["check", "--config", &changed, "--preview"]);
    assert_eq!((&told["observed"], &told["unsure"]), (&json!(3), &json!(0)), "{told}");
    assert_eq!(told["changed"], 3, "the names are the same, the groups shown are not: {told}");
    let of = |name: &str| {
        let items = told["items"].as_array().expect("a list");
        items.iter().find(|item| item["user"]["name"] == name).expect("she is told of").clone()
    };
    let names = |groups: &Value| {
        let all = groups.as_array().expect("a list").iter();
        all.map(|group| group["name"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let carol = of("carol");
    assert_eq!(carol["changes"].as_array().map(Vec::len), Some(1), "{carol}");
    let joins = &carol["changes"][0];
    assert_eq!((&joins["what"], &joins["group"]["id"]), (&json!("joined"), &id_of("top")));
    assert_eq!(names(&carol["no_longer_shown"]), ["left", "right"]);
    assert_eq!(names(&of("ann")["no_longer_shown"]), ["A"]);
    assert_eq!(of("dave")["changes"][0]["what"], "inactive");
    let report = gateway.command(&["check", "--config", &changed, "--preview"]).expect_code(0);
    assert!(report.contains("  - is not shown in left"), "{report}");

    gateway.restart(|settings| {
        settings.set_user_type("ignored_groups", "[]");
        settings.set_user_type("disabled_filter", "\"(mail=dave@*)\"");
        settings.set_user_type("username", "\"mail\"");
        settings.set_user_type("username_pattern", "\"(.*)@.*\"");
        settings.set("[directory.groups]", "flatten", "\"direct\"");
    });
    for user in users {
        let before = gateway.audit().len();
        assert_eq!(gateway.sign_on(&tree::person(user), tree::password(user)), 0);
        let done: usize = gateway.audit().len() - before;
        let changes = of(user)["changes"].as_array().map_or(0, Vec::len);
        assert_eq!(done, usize::from(changes > 0), "{user}");
        if changes > 0 {
            let row = &gateway.audit()[0];
            assert_eq!(row["changes"].as_array().map(Vec::len), Some(changes), "{row}");
        }
    }
    assert_eq!(effective(&gateway, "carol"), ["bottom", "left", "right", "top"]);
    assert_eq!(effective(&gateway, "dave"), [""; 0], "she is disabled now");
}

/// The id of a group of the tree, as the directory shows it.
fn id_of(name: &str) -> Value {
    let ldif = tree::ldif(tree::Extra::default());
    let entry =
        ldif.split("\n\n").find(|entry| entry.contains(&format!("dn: {}\n", tree::group(name))));
    let line =
        entry.and_then(|entry| entry.lines().find_map(|line| line.strip_prefix("entryUUID: ")));
    json!(line.expect("every entry has an id"))
}

#[test]
fn a_sign_on_that_finds_all_as_it_was_writes_nothing_and_one_that_sees_an_ignored_group_keeps_that()
{
    let slapd = Slapd::start();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set_user_type("ignored_groups", "[\"top\"]");
        settings.set("[directory.groups]", "replica", "\"none\"");
        settings.set("[store]", "mark_interval", "\"1h\"");
    });
    let sign_on = || assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    sign_on();
    let file = gateway.folder().file("store/bindgate.sqlite");
    let store = rusqlite::Connection::open(file).expect("it is there");
    let seen = || {
        // Behind whatever waits to be written.
        let rows = gateway.audit().len();
        let writes = store.query_row("PRAGMA data_version", [], |row| row.get::<_, i64>(0));
        (rows, writes.expect("it can be read"))
    };
    let before = seen();
    sign_on();
    sign_on();
    assert_eq!(seen(), before, "nothing was written");
    slapd.admin().join(&tree::group("top"), ANN);
    sign_on();
    let after = seen();
    assert!(
        after.0 == before.0 && after.1 != before.1,
        "an observation alone: {before:?} {after:?}"
    );
    assert_eq!(effective(&gateway, "ann"), ["A", "B"]);
    let running = gateway.folder().file("bindgate.toml");
    let text = std::fs::read_to_string(running).expect("it is ours");
    let changed = text.replace("ignored_groups = [\"top\"]", "");
    let changed = gateway.folder().write("changed.toml", changed).display().to_string();
    let told = ask(&gateway, &["check", "--config", &changed, "--preview"]);
    assert_eq!(told["items"][0]["changes"][0]["what"], "joined", "{told}");
}
