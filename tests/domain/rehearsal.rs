//! What another configuration would change, told from a record alone, or with what is kept of the last
//! observation: where it is sure of itself it is what the plans with everything read would differ in, and
//! the same configuration changes nothing. What is kept leaves nothing unsure but what was never read.

use super::graph::{any_graph, dn, id};
use super::scene::{BEFORE, NOW, Scene, direct, staff};
use bindgate::domain::change::Change;
use bindgate::domain::membership::MemberAttribute;
use bindgate::domain::membership::flatten;
use bindgate::domain::name_rule::NameRule;
use bindgate::domain::observation::{Closure, Observation, Observed, ObservedEntry, UnknownReason};
use bindgate::domain::plan::{Assigned, asks_for_groups};
use bindgate::domain::policy::{
    AttributeMapping, DirectoryPolicy, Flatten, GroupPattern, GroupPolicy, GroupSync, Resolve,
    Switch, UserType,
};
use bindgate::domain::recollection::{Recollection, attributes_to_keep};
use bindgate::domain::record::{Group, GroupsOutcome, InactiveReason, UpstreamId};
use bindgate::domain::rehearsal::{Outlook, Setting, Subject, Unsure, rehearse};
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
        max_kept_lookups: 0,
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

/// Told from the record alone.
fn told(scene: &Scene, old: &UserType, new: &UserType) -> Outlook {
    told_with(scene, None, &policy(old.clone()), &policy(new.clone()))
}

/// Told from the record and what is kept beside it.
fn told_with(
    scene: &Scene,
    recollection: Option<&Recollection>,
    old: &DirectoryPolicy,
    new: &DirectoryPolicy,
) -> Outlook {
    let record = scene.record.as_ref().expect("there is a record");
    rehearse(
        &Subject { record, recollection, outcome: &GroupsOutcome::Known },
        &Setting {
            old: Some(old),
            new: Some(new),
            switch: &|_| None,
            groups: &scene.held,
            given: &|_, _| Some(everybody()),
            now: NOW,
        },
    )
}

/// The sign-on under a policy in which everything is read.
fn under(scene: &Scene, policy: &DirectoryPolicy) -> Scene {
    let mut scene = scene.clone();
    let user_type = bindgate::domain::identity::user_type(policy, &scene.entry);
    scene.in_scope = user_type.is_some();
    let user_type = user_type.unwrap_or(&policy.user_types[0]).clone();
    scene.switch = if scene.in_scope { user_type.update_on_sign_on } else { Switch::On };
    let always = user_type.always_groups.iter().filter(|_| scene.in_scope);
    scene.assigned =
        Assigned { always: always.map(|_| everybody()).collect(), ..Assigned::default() };
    let groups = policy.groups.as_ref().expect("there are groups");
    let is_asked = asks_for_groups(&user_type, scene.switch, scene.record.as_ref());
    scene.groups = match &scene.groups {
        _ if !scene.in_scope || !is_asked => Observed::Unknown(UnknownReason::NotAsked),
        Observed::Known(closure) if closure.len() > groups.max_groups_per_user => {
            Observed::Unknown(UnknownReason::TooManyGroups)
        }
        known => known.clone(),
    };
    scene.user_type = user_type;
    scene
}

/// The changes of such a sign-on.
fn read(scene: &Scene, policy: &DirectoryPolicy) -> Vec<Change> {
    under(scene, policy).plan().map(|plan| plan.changes).unwrap_or_default()
}

/// What is kept of such a sign-on, once it is written.
fn kept(settled: &Scene, policy: &DirectoryPolicy) -> Option<Recollection> {
    let upstream_id = UpstreamId::new("ann-id");
    let observation = Observation {
        sent_at: BEFORE,
        user: ObservedEntry { upstream_id, entry: settled.entry.clone() },
        groups: settled.groups.clone(),
        seen: Closure::new(),
        readable: BTreeSet::new(),
    };
    let holds = |group: &Group| settled.held.0.get(&group.id) == Some(group);
    Recollection::of(&observation, &attributes_to_keep(policy), holds)
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
        if bindgate::domain::identity::user_type(&policy(old.clone()), &scene.entry).is_none() {
            return Ok(());
        }
        scene.settle(BEFORE);
        let outlook = told(&scene, &old, &new);
        if !outlook.unsure.is_empty() {
            return Ok(());
        }
        let policies = (policy(old.clone()), policy(new.clone()));
        let (before, after) = (read(&scene, &policies.0), read(&scene, &policies.1));
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
    let record = scene.record.as_ref().expect("one");
    let outlook = rehearse(
        &Subject { record, recollection: None, outcome: &GroupsOutcome::Known },
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

/// Turns that concern what surrounds the user type, too.
const WIDE_TURNS: usize = 9;

/// A policy with these turns, and these of its surroundings.
fn turned_policy(turns: &BTreeSet<usize>, wide: &BTreeSet<usize>) -> DirectoryPolicy {
    let mut policy = policy(turned(staff(), turns));
    let mapped = |name: &str| AttributeMapping::new(name, name);
    for turn in wide {
        let groups = policy.groups.as_mut().expect("there are groups");
        match turn {
            0 => groups.flatten = Flatten::Leaf,
            1 => groups.flatten = Flatten::Direct,
            2 => groups.max_groups_per_user = 3,
            3 => groups.base = dn("ou=teams,dc=example,dc=com"),
            // Another type that takes some of them first.
            4 => {
                let mut first = UserType::new("guests", dn("dc=example,dc=com"));
                first.filter = Filter::equal("title", "guest");
                first.attributes.push(mapped("title"));
                policy.user_types.insert(0, first);
            }
            5 => policy.user_types[0].create_groups = Switch::Off,
            6 => policy.user_types[0].groups = GroupSync::FirstSignOn,
            7 => policy.user_types[0].ignored_groups = vec![GroupPattern::new("n1")],
            _ => {
                policy.user_types[0].filter = Filter::Not(Box::new(Filter::equal("title", "left")))
            }
        }
    }
    policy
}

/// The groups that whoever has no view is shown once a sign-on is written; those of the record where
/// the directory is not followed are not told apart here.
fn shown_after(scene: &Scene, policy: &DirectoryPolicy) -> Option<BTreeSet<UpstreamId>> {
    let mut scene = under(scene, policy);
    scene.plan().ok()?;
    scene.settle(NOW);
    let record = scene.record.as_ref()?;
    let Observed::Known(closure) = &scene.groups else { return None };
    let follows = scene.in_scope && asks_for_groups(&scene.user_type, scene.switch, Some(record));
    if !follows || !record.is_active() || scene.user_type.groups != GroupSync::Always {
        return None;
    }
    let mode = policy.groups.as_ref()?.flatten;
    let mut ids = flatten(closure, mode, &BTreeSet::new());
    ids.retain(|id| !scene.user_type.ignores(&closure[id].group));
    let given = record.memberships.keys().filter(|key| key.group == everybody().id);
    ids.extend(given.map(|key| key.group.clone()));
    Some(ids)
}

fn any_wide() -> impl Strategy<Value = BTreeSet<usize>> {
    prop::collection::btree_set(0..WIDE_TURNS, 0..3)
}

/// A thousand in a soak, else a tenth of them; four times, since not all come to a second sign-on.
fn cases() -> u32 {
    u32::try_from(4 * crate::counts::counted(100, 1_000)).expect("it is a small number")
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases())
    })]

    #[test]
    fn s7_with_what_is_kept_a_changed_configuration_is_what_the_next_sign_on_does(
        graph in any_graph(),
        (old, old_wide) in (any_turns(), any_wide()),
        (new, new_wide) in (any_turns(), any_wide()),
        title in prop::sample::select(vec!["", "left", "guest"]),
        mail in prop::sample::select(vec!["", "ann@example.com", "x"]),
        is_locked in any::<bool>(),
    ) {
        let (old, new) = (turned_policy(&old, &old_wide), turned_policy(&new, &new_wide));
        let mut scene = Scene { groups: Observed::Known(graph.closure()), ..Scene::first() };
        for (name, value) in [("title", title), ("mail", mail)] {
            scene.set(name, if value.is_empty() { &[] } else { std::slice::from_ref(&value) });
        }
        if is_locked {
            scene.set("nsAccountLock", &["true"]);
        }
        let everything = scene.groups.clone();
        let mut first = under(&scene, &old);
        if !first.in_scope || first.plan().is_err() {
            return Ok(());
        }
        first.settle(BEFORE);
        // A second sign-on, so that what holds for first ones alone is behind.
        let mut second = under(&Scene { groups: everything.clone(), ..first }, &old);
        second.settle(BEFORE);
        let Some(recollection) = kept(&second, &old) else { return Ok(()) };
        let scene = Scene { groups: everything, ..second.clone() };
        let outlook = told_with(&scene, Some(&recollection), &old, &new);
        let is_read = attributes_to_keep(&new).is_subset(&attributes_to_keep(&old));
        let base = |policy: &DirectoryPolicy| policy.groups.as_ref().map(|groups| groups.base.clone());
        let is_there = recollection.groups.is_some() && base(&old) == base(&new);
        if is_read && is_there {
            prop_assert_eq!(&outlook.unsure, &BTreeSet::new(), "from {:?}\nto {:?}", old, new);
        }
        if !outlook.unsure.is_empty() {
            return Ok(());
        }
        let (before, after) = (read(&scene, &old), read(&scene, &new));
        prop_assert_eq!(&outlook.changes, &differ(&before, &after), "from {:?}\nto {:?}", old, new);
        prop_assert_eq!(&outlook.spared, &differ(&after, &before));
        if let (Some(before), Some(after)) = (shown_after(&scene, &old), shown_after(&scene, &new))
            && old.groups.map(|groups| groups.flatten) != new.groups.map(|groups| groups.flatten)
        {
            prop_assert_eq!(outlook.shown, &after - &before);
            prop_assert_eq!(outlook.unshown, &before - &after);
        }
    }
}

#[test]
fn what_is_kept_of_an_observation_answers_what_the_record_alone_leaves_open() {
    let mut scene = Scene::later(&[1, 2]);
    scene.set("title", &["left"]);
    scene.set("userPassword", &["secret"]);
    let mut ignoring = staff();
    ignoring.ignored_groups = vec![GroupPattern::new("n0")];
    ignoring.filter = Filter::Not(Box::new(Filter::equal("title", "guest")));
    ignoring.attributes.push(AttributeMapping::new("secret", "userPassword"));
    let old = policy(ignoring);
    let mut first = under(&Scene { record: None, held: Default::default(), ..scene }, &old);
    first.settle(BEFORE);
    let recollection = kept(&first, &old).expect("it is complete");
    assert!(!recollection.asked.contains("userpassword"), "no password is kept");
    assert!(!format!("{recollection:?}").contains("secret"));
    let named =
        |closure: &Closure| closure.values().filter(|seen| !seen.group.dn.is_empty()).count();
    assert_eq!(recollection.groups.as_ref().map(named), Some(1), "the ignored one alone");
    let mut heeding = staff();
    heeding.disabled = Some(Filter::equal("title", "left"));
    let outlook = told_with(&first, Some(&recollection), &old, &policy(heeding));
    assert_eq!(outlook.unsure, BTreeSet::new());
    let reason = InactiveReason::Upstream;
    assert_eq!(outlook.changes, [Change::Deactivated { reason, at: NOW }]);
    let outlook = told_with(&first, Some(&recollection), &old, &policy(staff()));
    let joins = |change: &Change| matches!(change, Change::MembershipAdded { key, .. } if key.group == id(2));
    assert!(outlook.changes.len() == 1 && outlook.changes.iter().all(joins), "{outlook:?}");
    // A group that cannot be called anything is not taken for one that no rule names.
    let mut nameless = recollection.clone();
    for seen in nameless.groups.iter_mut().flat_map(|closure| closure.values_mut()) {
        seen.group.dn.clear();
    }
    first.held.0.clear();
    let outlook = told_with(&first, Some(&nameless), &old, &old);
    assert_eq!(outlook.unsure, [Unsure::Ignored].into());
    // An observation that is not complete is none.
    first.groups = Observed::Unknown(UnknownReason::Timeout);
    assert_eq!(kept(&first, &old), None);
}
