//! Many users who would lose groups at once, and one who would lose all (S3.8).

use crate::support::eventually;
use crate::support::gateway::Gateway;
use crate::support::pdu::Change;
use crate::support::slapd::{Options, Slapd};
use crate::support::tree::{self, Extra, NOBODY, extra_group, extra_uid};
use serde_json::{Value, json};

/// Users of whom all are in one group.
const PEOPLE: usize = 8;

struct Stage {
    slapd: Slapd,
    gateway: Gateway,
}

impl Stage {
    /// Everybody is in the group, and has signed on. Losses are held from the third user on.
    fn new(last_groups: usize) -> Self {
        let extra = Extra { people: PEOPLE, groups: 1 };
        let slapd = Slapd::with(&Options { extra, ..Options::default() });
        let gateway = Gateway::configured(slapd.port(), |settings, _| {
            settings.set("[directory.mass_change]", "least_users", "3");
            settings.set("[directory.mass_change]", "window", "\"1h\"");
            settings.set("[directory.mass_change]", "last_groups", last_groups.to_string());
        });
        let stage = Self { slapd, gateway };
        stage.set_members(true);
        (0..PEOPLE).for_each(|user| stage.expect(user, true, json!("known")));
        stage
    }

    /// Puts everybody into the group, or takes all out.
    fn set_members(&self, are_there: bool) {
        let people = (0..PEOPLE).filter(|_| are_there).map(|user| tree::person(&extra_uid(user)));
        let members: Vec<String> = people.chain([NOBODY.to_owned()]).collect();
        let values: Vec<&[u8]> = members.iter().map(String::as_bytes).collect();
        let group = tree::group(&extra_group(0));
        self.slapd.admin().modify(&group, Change::Replace, "member", &values);
    }

    /// Signs on; whether the user is in the group then, and what is known of that.
    #[track_caller]
    fn expect(&self, user: usize, is_member: bool, observed: Value) {
        let uid = extra_uid(user);
        assert_eq!(self.gateway.sign_on(&tree::person(&uid), tree::password(&uid)), 0);
        let group = extra_group(0);
        let expected: &[&str] = if is_member { &[&group] } else { &[] };
        assert_eq!(self.gateway.managed_groups(&uid), expected, "{uid}");
        assert_eq!(self.gateway.user(&uid)["observation"]["groups"], observed, "{uid}");
    }

    #[track_caller]
    fn held(&self) -> Vec<Value> {
        let out = self.gateway.command(&["held", "list", "--json"]).expect_code(0);
        let listed: Value = serde_json::from_str(&out).expect("it is JSON");
        listed["items"].as_array().expect("a list has items").clone()
    }

    /// Everybody signs on while nobody is in the group: two lose it, the others are held.
    #[track_caller]
    fn lose(&self) -> String {
        self.set_members(false);
        (0..2).for_each(|user| self.expect(user, false, json!("known")));
        self.expect_held();
        let held = self.held();
        assert_eq!(held.len(), 1, "{held:?}");
        assert_eq!(
            (&held[0]["kind"], &held[0]["counts"]),
            (&json!("mass-change"), &json!("users"))
        );
        assert_eq!((&held[0]["gone"], &held[0]["decision"]), (&json!(PEOPLE - 2), &json!("open")));
        assert_eq!(held[0]["examples"].as_array().map(Vec::len), Some(PEOPLE - 2));
        held[0]["id"].as_str().expect("it has an id").to_owned()
    }

    #[track_caller]
    fn expect_held(&self) {
        (2..PEOPLE).for_each(|user| self.expect(user, true, json!({ "unknown": "held" })));
    }

    fn actions(&self) -> Vec<Value> {
        self.gateway.audit().iter().map(|row| row["action"].clone()).collect()
    }
}

/// Somebody takes the members out of the wrong group; it is meant, after all.
#[test]
fn s3_8_groups_that_many_users_would_lose_are_held_over_a_restart_until_that_is_confirmed() {
    let mut stage = Stage::new(0);
    let id = stage.lose();
    let text = stage.gateway.command(&["held", "list"]).expect_code(0);
    assert!(text.contains(&id) && text.contains("groups of 6 users"), "{text}");
    let held = "bindgate_changes_held_total{directory=\"corp\",kind=\"mass-change\"} 1";
    stage.gateway.comes_to_count(held);
    stage.gateway.comes_to_count("bindgate_users_held{directory=\"corp\"} 6");
    assert!(stage.gateway.log().contains("waits to be confirmed or rejected"));

    stage.gateway.stop();
    stage.gateway.restart(|_| {});
    assert_eq!(stage.held()[0]["id"], json!(id), "it is held over a restart");
    assert_eq!(stage.held()[0]["gone"], json!(PEOPLE - 2));
    stage.expect_held();

    let said = stage.gateway.command(&["held", "confirm", &id]).expect_code(0);
    assert!(said.contains("confirmed") && said.contains("from now on"), "{said}");
    (0..PEOPLE).for_each(|user| stage.expect(user, false, json!("known")));
    assert_eq!(stage.held(), Vec::<Value>::new());
    stage.gateway.comes_to_count("bindgate_users_held{directory=\"corp\"} 0");
    assert_eq!(stage.gateway.command(&["held", "confirm", &id]).code, 1, "it is not held any more");
    assert!(stage.actions().contains(&json!("confirmed")));

    // Later somebody puts them in again, and the same mistake is held again.
    stage.set_members(true);
    (0..PEOPLE).for_each(|user| stage.expect(user, true, json!("known")));
    assert_ne!(stage.lose(), id);
}

#[test]
fn s3_8_what_is_rejected_keeps_what_there_was_until_the_groups_are_seen_again() {
    let mut stage = Stage::new(0);
    let id = stage.lose();
    stage.gateway.command(&["held", "reject", &id]).expect_code(0);
    stage.gateway.stop();
    stage.gateway.restart(|_| {});
    stage.expect_held();
    assert_eq!(stage.held()[0]["decision"], json!("rejected"));
    assert_eq!(stage.held().len(), 1, "nobody is asked again");
    stage.set_members(true);
    (0..PEOPLE).for_each(|user| stage.expect(user, true, json!("known")));
    assert_eq!(stage.held(), Vec::<Value>::new());
    assert!(stage.gateway.log().contains("has passed"));
}

/// The default: known and empty works for one user.
#[test]
fn s3_8_a_user_who_leaves_the_last_group_leaves_it_unless_last_groups_are_to_be_held() {
    let leave = |stage: &Stage| {
        let group = tree::group(&extra_group(0));
        stage.slapd.admin().leave(&group, &tree::person(&extra_uid(0)));
    };
    let stage = Stage::new(0);
    leave(&stage);
    stage.expect(0, false, json!("known"));
    assert_eq!(stage.held(), Vec::<Value>::new());

    let stage = Stage::new(1);
    leave(&stage);
    stage.expect(0, true, json!({ "unknown": "held" }));
    let held = stage.held();
    assert_eq!((&held[0]["kind"], held.len()), (&json!("last-groups"), 1), "{held:?}");
    assert_eq!(held[0]["examples"], json!([extra_uid(0)]));
    let id = held[0]["id"].as_str().expect("it has an id");
    stage.gateway.command(&["held", "confirm", id]).expect_code(0);
    stage.expect(0, false, json!("known"));
    assert_eq!(stage.held(), Vec::<Value>::new());
}

/// Nobody signs on: the live copy shows what has changed, and the gateway looks by itself.
#[test]
fn s3_8_what_the_gateway_finds_by_itself_is_held_too() {
    let mut stage = Stage::new(0);
    stage.gateway.stop();
    stage.gateway.restart(|settings| settings.set("[reconcile]", "enabled", "true"));
    stage.set_members(false);
    let has_group = |user: &usize| !stage.gateway.managed_groups(&extra_uid(*user)).is_empty();
    eventually("losses are held", || {
        let held = stage.held();
        (held.first()?["gone"] == json!(PEOPLE - 2)).then_some(())
    });
    assert_eq!((0..PEOPLE).filter(has_group).count(), PEOPLE - 2);
    let id = stage.held()[0]["id"].as_str().expect("it has an id").to_owned();
    stage.gateway.command(&["held", "confirm", &id]).expect_code(0);
    eventually("nobody has to sign on for it", || {
        ((0..PEOPLE).filter(has_group).count() == 0).then_some(())
    });
}
