//! The same closure by every strategy.

use super::world::{Keeper, PEOPLE, gateway, memberships, online, until_copied};
use crate::support::gateway::Gateway;
use crate::support::tree;

/// Everybody's record by this strategy is the one by the member walk, and `check --online` names
/// the strategy.
#[track_caller]
fn check(keeper: Keeper, resolve: &[(&str, &str)]) {
    let slapd = keeper.start();
    let walking = gateway(&slapd, "walk");
    let expected: Vec<_> = PEOPLE.iter().map(|uid| memberships(&walking, uid)).collect();
    for (resolve, strategy) in resolve {
        let other = gateway(&slapd, resolve);
        let said = online(&other).expect_code(0);
        assert!(said.contains(&format!("groups by {strategy}")), "{said}");
        if *resolve != "member-of" {
            until_copied(&other);
        }
        for (uid, expected) in PEOPLE.iter().zip(&expected) {
            assert_eq!(&memberships(&other, uid), expected, "{uid} by {strategy}");
        }
        expect_source(&other, if *resolve == "member-of" { "directory" } else { "replica" });
    }
}

/// All sign-ons read the groups there.
#[track_caller]
fn expect_source(gateway: &Gateway, source: &str) {
    let text = gateway.metrics();
    let line = format!("bindgate_group_reads_total{{directory=\"corp\",source=\"{source}\"}} ");
    let count = text.lines().find_map(|found| found.strip_prefix(&line)).unwrap_or("0");
    assert_eq!(count, PEOPLE.len().to_string(), "{source}");
}

#[test]
fn s6_6_the_live_copy_and_the_walk_give_the_same_where_nobody_keeps_member_of() {
    // Where nothing can be relied on, "member-of" is the walk.
    check(
        Keeper::Nobody,
        &[("auto", "replica"), ("replica", "replica"), ("member-of", "member walk")],
    );
}

#[test]
fn s6_6_member_of_as_the_overlay_keeps_it_gives_the_same() {
    check(Keeper::Overlay, &[("member-of", "memberOf walk"), ("auto", "replica")]);
}

#[test]
fn s6_6_member_of_as_dynlist_computes_it_gives_the_same() {
    check(Keeper::Computed, &[("member-of", "computed memberOf"), ("auto", "replica")]);
}

#[test]
fn groups_of_every_usual_class_are_found_without_configuration() {
    let slapd = Keeper::Nobody.start();
    let gateway = Gateway::before(slapd.port());
    let check = |uid: &str, expected: &[&str]| {
        assert_eq!(gateway.sign_on(&tree::person(uid), tree::password(uid)), 0);
        assert_eq!(gateway.managed_groups(uid), expected, "{uid}");
    };
    let ann = ["A", "B", "holds-posix", "holds-unique", "posix", "short-cut", "unique"];
    check("ann", &ann);
    check("carol", &["bottom", "holds-unique", "left", "right", "top", "unique"]);
    // memberUid is "FRANK", and case counts there though not in uid.
    check("frank", &[]);
}
