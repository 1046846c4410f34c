//! What `explain` says of views is what sign-ons and searches by them then do: a dozen random views of
//! one gateway, each with a listener of its own, and users of whom each kind of thing is known.

use crate::support::dice::Dice;
use crate::support::folder::free_port;
use crate::support::gateway::Gateway;
use crate::support::pdu::Ask;
use crate::support::raw::Raw;
use crate::support::slapd::{Options, Slapd};
use crate::support::tree::{self, Extra, GROUPS, PEOPLE, SERVICE, group, person};
use serde_json::Value;
use std::collections::BTreeSet;

const VIEWS: usize = 12;
const USERS: [&str; 5] = ["ann", "bob", "carol", "dave", "erin"];

/// The lines of a random view.
fn random_view(dice: &mut Dice) -> String {
    let mut lines = String::new();
    let mut add = |dice: &mut Dice, key: &str, values: &[&str]| {
        // A third of all views say something of each.
        if dice.below(3) == 0 {
            lines += &format!("{key} = {}\n", values[dice.below(values.len())]);
        }
    };
    let modes =
        ["direct", "leaf", "mapped", "depth:1", "ancestors"].map(|mode| format!("\"{mode}\""));
    add(dice, "flatten", &modes.each_ref().map(|mode| mode.as_str()));
    let bases = [format!("[\"{}\", \"{}\"]", group("A"), group("top")), format!("[\"{GROUPS}\"]")];
    add(dice, "group_base", &bases.each_ref().map(|bases| bases.as_str()));
    add(dice, "group_filter", &["\"(cn=b*)\"", "\"(!(cn=top))\"", "\"(cn=loop*)\""]);
    let names = format!(
        "{{ \"{}\" = \"cn=crew\", \"{}\" = \"cn=bosses,dc=app\" }}",
        group("bottom"),
        group("A")
    );
    add(dice, "group_names", &[&names]);
    add(dice, "base", &[&format!("[\"{PEOPLE}\"]"), &format!("[\"{GROUPS}\"]")]);
    // The last of these attributes is none that the gateway reads.
    add(dice, "filter", &["\"(uid=*a*)\"", "\"(mail=ann@example.com)\"", "\"(employeeType=x)\""]);
    add(dice, "attributes", &["[\"memberOf\", \"uid\"]", "[\"uid\"]"]);
    add(dice, "inactive", &["\"hide\"", "\"show\""]);
    add(dice, "operations", &["[\"bind\"]", "[\"bind\", \"search\"]"]);
    add(dice, "update_on_sign_on", &["true", "false"]);
    lines
}

/// A gateway with random views, and their ports.
fn gateway(slapd: &Slapd, seed: u64, replica: &str) -> (Gateway, Vec<u16>) {
    let mut dice = Dice::new(seed);
    let ports: Vec<u16> = (0..VIEWS).map(|_| free_port()).collect();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        let all = std::iter::once(settings.ldap_port).chain(ports.iter().copied());
        let all: Vec<String> = all.map(|port| format!("\"127.0.0.1:{port}\"")).collect();
        settings.set("[listen]", "ldap", format!("[{}]", all.join(", ")));
        settings.set("[directory.groups]", "replica", format!("\"{replica}\""));
        for (number, port) in ports.iter().enumerate() {
            settings.add_view(&format!(
                "name = \"v{number}\"\nmatch = {{ listeners = [\"127.0.0.1:{port}\"] }}\n{}",
                random_view(&mut dice)
            ));
        }
    });
    if replica != "none" {
        gateway.comes_to_have_a_copy();
    }
    (gateway, ports)
}

#[track_caller]
fn explain(gateway: &Gateway, args: &[&str]) -> Value {
    let args = [&["user", "explain"], args, &["--json"]].concat();
    serde_json::from_str(&gateway.command(&args).expect_code(0)).expect("it is JSON")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

/// The groups that a search of a user's entry shows; none where no search is served, or the entry is
/// not shown.
fn searched(client: &mut Raw, user: &str) -> BTreeSet<String> {
    let (entries, _) = client.search(&Ask::entry(&person(user)).of(&["memberOf"]));
    let values = entries.first().map(|entry| entry.values("memberOf")).unwrap_or_default();
    values.iter().map(|value| String::from_utf8_lossy(value).into_owned()).collect()
}

fn bound(port: u16) -> Raw {
    let mut client = Raw::connect(port);
    assert_eq!(client.bind(SERVICE, tree::SERVICE_PASSWORD), 0);
    client
}

/// Users of whom different things are known: a way of two steps, a cycle and a given group, a diamond
/// and a denied group, a record that does not follow, one that is disabled.
fn settle(gateway: &Gateway, slapd: &Slapd) {
    slapd.admin().join(&group("B"), &person("erin"));
    for user in USERS {
        assert_eq!(gateway.sign_on(&person(user), tree::password(user)), 0);
    }
    for command in [
        &["join", "staff/bob", "B"][..],
        &["pin", "staff/carol", "top", "deny"],
        &["set", "staff/dave", "update-on-sign-on=off"],
        &["disable", "staff/erin"],
    ] {
        gateway.command(&[&["user"], command].concat()).expect_code(0);
    }
    slapd.admin().join(&group("B"), &person("dave"));
    if gateway.metrics().contains("bindgate_replica_groups") {
        gateway.comes_to_have_a_copy();
    }
}

#[track_caller]
fn check_searches(gateway: &Gateway, ports: &[u16]) -> usize {
    let mut hidden = 0;
    let mut plain = bound(gateway.port());
    for user in USERS {
        let reference = format!("staff/{user}");
        let without = searched(&mut plain, user);
        let all = explain(gateway, &[&reference]);
        for (number, port) in ports.iter().enumerate() {
            let view = format!("v{number}");
            let told = explain(gateway, &[&reference, "--view", &view]);
            let sights: Vec<&Value> =
                list(&told["items"]).iter().map(|item| &item["views"][0]).collect();
            hidden += sights.iter().filter(|sight| sight["shown"] == false).count();
            let said: BTreeSet<String> = sights
                .iter()
                .filter_map(|sight| Some(sight["called"].as_str()?.to_owned()))
                .collect();
            let shown = searched(&mut bound(*port), user);
            if sights.iter().any(|sight| sight["shown"].is_null()) {
                assert!(sights.iter().all(|sight| sight["why"] == "filter-unread"), "{told}");
                continue;
            }
            assert_eq!(said, shown, "{user} in {view}: {told}");
            // Without a view it is told which of them show a group otherwise.
            for item in list(&all["items"]) {
                let dn = item["group"]["dn"].as_str().unwrap_or_default();
                let otherwise = list(&item["views"]).iter().any(|sight| sight["view"] == view);
                let is_same = without.contains(dn) == shown.contains(dn);
                assert!(otherwise || is_same, "{user} in {view}: {item}");
            }
        }
    }
    hidden
}

#[test]
fn s7_explain_by_a_view_shows_the_groups_that_a_search_by_it_does() {
    let slapd = Slapd::start();
    let mut hidden = 0;
    for (seed, replica) in [(1, "auto"), (2, "none"), (3, "auto")] {
        let (gateway, ports) = gateway(&slapd, seed, replica);
        settle(&gateway, &slapd);
        hidden += check_searches(&gateway, &ports);
        slapd.admin().leave(&group("B"), &person("dave"));
        slapd.admin().leave(&group("B"), &person("erin"));
    }
    assert!(hidden > 20, "the views hide something: {hidden}");
}

#[test]
fn s7_explain_says_which_views_treat_a_sign_on_otherwise_and_they_do() {
    let slapd = Slapd::with(&Options {
        extra: Extra { groups: 40, ..Extra::default() },
        ..Options::default()
    });
    let (gateway, ports) = gateway(&slapd, 5, "auto");
    let erin = person("erin");
    let sign_on = |port| Raw::connect(port).bind(&erin, tree::password("erin"));
    assert_eq!(sign_on(gateway.port()), 0);
    let mut groups = 0;
    let mut differ = 0;
    for setting in ["on", "off"] {
        gateway
            .command(&["user-type", "set", "staff", &format!("update-on-sign-on={setting}")])
            .expect_code(0);
        let plain = setting == "on";
        let told = explain(&gateway, &["staff/erin"]);
        assert_eq!(list(&told["views"]).len(), VIEWS);
        for (view, port) in list(&told["views"]).iter().zip(&ports) {
            let follows = view["update_on_sign_on"] == true;
            assert_eq!(view["otherwise"], follows != plain, "{view}");
            differ += usize::from(follows != plain);
            slapd.admin().join(&group(&tree::extra_group(groups)), &erin);
            let before = gateway.managed_groups("staff/erin").len();
            assert_eq!(sign_on(*port), 0);
            let after = gateway.managed_groups("staff/erin").len();
            assert_eq!(after > before, follows, "{view}: {before} {after}");
            groups += 1;
        }
    }
    assert!(differ > 2, "some do: {differ}");
    let told = explain(&gateway, &["staff/erin", "--view", "v0"]);
    assert_eq!(list(&told["views"]).len(), 1);
    gateway.command(&["user", "explain", "staff/erin", "--view", "none"]).expect_code(1);
    let text = gateway.command(&["user", "explain", "staff/erin"]).expect_code(0);
    assert!(text.contains("update on sign-on is"), "{text}");
    // What the user's own record says stands over all of them.
    gateway.command(&["user", "set", "staff/erin", "update-on-sign-on=on"]).expect_code(0);
    let told = explain(&gateway, &["staff/erin"]);
    assert!(list(&told["views"]).iter().all(|view| view["otherwise"] == false), "{told}");
}
