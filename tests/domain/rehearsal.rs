//! What another configuration would change, told from a record alone: where it is sure of itself it
//! is what the plans with everything read would differ in, and the same configuration changes nothing.

use super::graph::{dn, id};
use super::scene::{BEFORE, NOW, Scene, direct, staff};
use bindgate::domain::change::Change;
use bindgate::domain::membership::MemberAttribute;
use bindgate::domain::name_rule::NameRule;
use bindgate::domain::observation::Observed;
use bindgate::domain::plan::Assigned;
use bindgate::domain::policy::{
    AttributeMapping, DirectoryPolicy, Flatten, GroupPattern, GroupPolicy, GroupSync, Resolve,
    Switch, UserType,
};
use bindgate::domain::record::{Group, InactiveReason};
use bindgate::domain::rehearsal::{Outlook, Setting, Unsure, rehearse};
use bindgate::proto::filter::Filter;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::time::Duration;

fn policy(user_type: UserType) -> DirectoryPolicy {
    let groups = GroupPolicy {
        base: dn("ou=groups,dc=example,dc=com"),
        filter: Filter::any_entry(),
        member_attributes: vec![MemberAttribute::new("member")],
        name_attribute: "cn".to_owned(),
        max_depth: 9,
        max_groups_per_user: 99,
        max_filter_size: 1 << 16,
        flatten: Flatten::Ancestors,
        resolve: Resolve::Auto,
        canary: None,
        replica: None,
        max_replica_pause: Duration::from_secs(60),
        max_replica_names: 1_000_000,
    };
    DirectoryPolicy {
        name: "corp".into(),
        suffixes: vec![dn("dc=example,dc=com")],
        is_default: false,
        service_account: dn("cn=gateway,dc=example,dc=com"),
        groups: Some(groups),
        user_types: vec![user_type],
    }
}

/// What may be configured otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Always,
    Never,
    Off,
    Elsewhere,
    NamedByMail,
    NamedByRule,
    Ignored,
    Heeded,
    NoMail,
    Phone,
    ByMail,
    ByTitle,
    Disabled,
    NoUpdates,
}

const TURNS: [Turn; 14] = [
    Turn::Always,
    Turn::Never,
    Turn::Off,
    Turn::Elsewhere,
    Turn::NamedByMail,
    Turn::NamedByRule,
    Turn::Ignored,
    Turn::Heeded,
    Turn::NoMail,
    Turn::Phone,
    Turn::ByMail,
    Turn::ByTitle,
    Turn::Disabled,
    Turn::NoUpdates,
];

const EVERYBODY: &str = "cn=everybody";

fn turned(mut user_type: UserType, turns: &BTreeSet<usize>) -> UserType {
    for turn in turns.iter().map(|at| TURNS[*at]) {
        match turn {
            Turn::Always => user_type.always_groups = vec![dn(EVERYBODY)],
            Turn::Never => user_type.groups = GroupSync::Never,
            Turn::Off => user_type.update_on_sign_on = Switch::Off,
            Turn::Elsewhere => user_type.base = dn("ou=others,dc=example,dc=com"),
            Turn::NamedByMail => user_type.username = "mail".to_owned(),
            Turn::NamedByRule => {
                user_type.name_rule = NameRule::new(Some("(.)(.*)"), Some("$2$1")).ok();
            }
            Turn::Ignored => user_type.ignored_groups = vec![GroupPattern::new("n*")],
            Turn::Heeded => user_type.ignored_groups = Vec::new(),
            Turn::NoMail => user_type.attributes.retain(|mapping| mapping.local != "mail"),
            Turn::Phone => {
                user_type.attributes.push(AttributeMapping::new("phone", "telephoneNumber"));
            }
            Turn::ByMail => user_type.filter = Filter::Present("mail".to_owned()),
            Turn::ByTitle => user_type.filter = Filter::Present("title".to_owned()),
            Turn::Disabled => user_type.disabled = Some(Filter::equal("title", "left")),
            Turn::NoUpdates => user_type.update_attributes = Switch::Off,
        }
    }
    user_type
}

fn everybody() -> Group {
    Group { id: id(50), dn: EVERYBODY.to_owned(), name: "everybody".to_owned() }
}

/// Told from the record.
fn told(scene: &Scene, old: &UserType, new: &UserType) -> Outlook {
    let (old, new) = (policy(old.clone()), policy(new.clone()));
    rehearse(
        scene.record.as_ref().expect("there is a record"),
        &Setting {
            old: Some(&old),
            new: Some(&new),
            switch: &|_| None,
            groups: &scene.held,
            given: &|_, _| Some(everybody()),
            now: NOW,
        },
    )
}

/// The changes of a sign-on in which everything is read.
fn read(scene: &Scene, user_type: &UserType) -> Vec<Change> {
    let mut scene = scene.clone();
    let policy = policy(user_type.clone());
    scene.in_scope = bindgate::domain::identity::user_type(&policy, &scene.entry).is_some();
    scene.switch = user_type.update_on_sign_on;
    let always = user_type.always_groups.iter().map(|_| everybody()).collect();
    scene.assigned = Assigned { always, ..Assigned::default() };
    scene.user_type = user_type.clone();
    if !scene.switch.is_on() || user_type.groups == GroupSync::Never {
        scene.groups = Observed::Unknown(bindgate::domain::observation::UnknownReason::NotAsked);
    }
    scene.plan().map(|plan| plan.changes).unwrap_or_default()
}

fn differ(before: &[Change], after: &[Change]) -> Vec<Change> {
    after.iter().filter(|change| !before.contains(change)).cloned().collect()
}

fn any_turns() -> impl Strategy<Value = BTreeSet<usize>> {
    prop::collection::btree_set(0..TURNS.len(), 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_told_for_sure_is_what_sign_ons_would_differ_in(
        old in any_turns(),
        new in any_turns(),
        numbers in prop::collection::btree_set(0_usize..6, 0..4),
    ) {
        let old = turned(staff(), &old);
        let new = turned(staff(), &new);
        let numbers: Vec<_> = numbers.into_iter().collect();
        let mut scene = Scene { groups: direct(&numbers), ..Scene::first() };
        scene.user_type = old.clone();
        scene.switch = old.update_on_sign_on;
        let policy = policy(old.clone());
        if bindgate::domain::identity::user_type(&policy, &scene.entry).is_none() {
            return Ok(());
        }
        scene.settle(BEFORE);
        let outlook = told(&scene, &old, &new);
        if !outlook.unsure.is_empty() {
            return Ok(());
        }
        let (before, after) = (read(&scene, &old), read(&scene, &new));
        prop_assert_eq!(&outlook.changes, &differ(&before, &after), "from {:?}\nto {:?}", old, new);
        prop_assert_eq!(&outlook.spared, &differ(&after, &before));
    }

    #[test]
    fn the_same_configuration_changes_nothing(turns in any_turns(), is_out in any::<bool>()) {
        let user_type = turned(staff(), &turns);
        let mut scene = Scene::later(&[1, 2]);
        if is_out {
            let record = scene.record.as_mut().expect("there is a record");
            record.inactive.insert(InactiveReason::Scope);
        }
        let outlook = told(&scene, &user_type, &user_type);
        prop_assert!(outlook.changes.is_empty() && outlook.spared.is_empty(), "{:?}", outlook);
    }
}

#[track_caller]
fn check(turn: Turn, expected: &[Unsure]) {
    let at = TURNS.iter().position(|known| *known == turn).expect("it is one of them");
    let scene = Scene::later(&[1]);
    let outlook = told(&scene, &staff(), &turned(staff(), &[at].into()));
    assert_eq!(outlook.unsure, expected.iter().cloned().collect(), "{turn:?}");
    assert!(expected.iter().all(|unsure| !unsure.text().is_empty()));
}

#[test]
fn what_cannot_be_told_from_what_is_stored_is_named_and_not_guessed() {
    check(Turn::Always, &[]);
    check(Turn::Phone, &[Unsure::Attribute("telephoneNumber".to_owned())]);
    check(Turn::ByTitle, &[Unsure::Filter("staff".to_owned())]);
    check(Turn::ByMail, &[]);
    check(Turn::Disabled, &[Unsure::Disabled]);
    check(Turn::NamedByMail, &[]);
    check(Turn::Ignored, &[]);

    let scene = Scene::later(&[1]);
    let mut ignoring = staff();
    ignoring.ignored_groups = vec![GroupPattern::new("x")];
    assert_eq!(told(&scene, &ignoring, &staff()).unsure, [Unsure::Ignored].into());
    let mut off = staff();
    off.groups = GroupSync::Never;
    assert_eq!(told(&scene, &off, &staff()).unsure, [Unsure::Groups].into());
}

#[test]
fn who_leaves_the_scope_is_told_and_a_directory_that_goes_leaves_its_records_alone() {
    let scene = Scene::later(&[1]);
    let at = TURNS.iter().position(|turn| *turn == Turn::Elsewhere).expect("it is there");
    let outlook = told(&scene, &staff(), &turned(staff(), &[at].into()));
    let reason = InactiveReason::Scope;
    assert_eq!(outlook.changes, [Change::Deactivated { reason, at: NOW }]);
    let old = policy(staff());
    let outlook = rehearse(
        scene.record.as_ref().expect("one"),
        &Setting {
            old: Some(&old),
            new: None,
            switch: &|_| None,
            groups: &scene.held,
            given: &|_, _| None,
            now: NOW,
        },
    );
    assert!(outlook.is_left_alone && !outlook.is_empty());
}
