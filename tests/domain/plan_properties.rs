//! What every plan keeps, for random records, entries, closures, policies and switches.

use super::graph::{any_graph, group, id};
use super::scene::{BEFORE, Held, NOW, Scene, key};
use bindgate::domain::change::{Change, apply};
use bindgate::domain::observation::{Closure, Observed, UnknownReason};
use bindgate::domain::plan::{Cause, Plan};
use bindgate::domain::policy::{GroupSync, OnReactivateLocal, Switch};
use bindgate::domain::record::{
    InactiveReason, Membership, MembershipKey, Provenance, Record, Route, UpstreamId,
};
use bindgate::domain::time::Timestamp;
use bindgate::proto::search::{Attribute, Entry};
use proptest::prelude::*;
use std::collections::BTreeMap;

const POOL: usize = 8;
const LOCAL: [OnReactivateLocal; 3] =
    [OnReactivateLocal::Keep, OnReactivateLocal::Drop, OnReactivateLocal::Review];

fn any_entry() -> impl Strategy<Value = Entry> {
    let value = prop::sample::select(vec!["", "ann", "Ann", "ann@x", "b", "\u{fc}"]);
    let values = prop::collection::vec(value, 0..4);
    let names = ["cn", "displayName", "mail", "entryUUID"];
    let dns = ["uid=ann,dc=x", "UID=Ann, DC=X", "uid=bob,dc=x", "no dn"];
    let uid = prop_oneof![9 => Just(vec!["ann"]), 1 => values.clone()];
    let others = prop::collection::vec(values, names.len());
    let lock = prop::sample::select(vec![vec![], vec![], vec![], vec!["true"], vec!["odd"]]);
    let parts = (prop::sample::select(dns.to_vec()), uid, others, lock);
    parts.prop_map(move |(dn, uid, others, lock)| {
        let lists = names.into_iter().zip(others).chain([("uid", uid), ("nsAccountLock", lock)]);
        let attributes = lists.filter(|(_, values)| !values.is_empty()).map(|(name, values)| {
            let values = values.iter().map(|value| value.as_bytes().to_vec()).collect();
            Attribute { name: name.to_owned(), values }
        });
        Entry { dn: dn.to_owned(), attributes: attributes.collect() }
    })
}

fn any_groups() -> impl Strategy<Value = Observed<Closure>> {
    prop_oneof![
        4 => any_graph().prop_map(|graph| Observed::Known(graph.closure())),
        1 => Just(Observed::Unknown(UnknownReason::SizeLimit)),
    ]
}

/// A record that earlier sign-ons and admins may have left.
fn any_record() -> impl Strategy<Value = Option<Record>> {
    let provenance = prop::sample::select(Provenance::ALL.to_vec());
    let path = prop::collection::vec((0..POOL).prop_map(id), 1..3);
    let row = (0..POOL, provenance, path, any::<bool>());
    let row = row.prop_map(|(number, provenance, path, direct)| {
        (key(number, provenance), Membership::new(Route { path: path.into(), direct }, BEFORE))
    });
    let rows = prop::collection::vec(row, 0..8);
    let local = prop::sample::select(vec!["cn", "mail", "phone"]);
    let values = prop::collection::vec(Just(b"ann".to_vec()), 1..3);
    let attributes = prop::collection::btree_map(local.prop_map(str::to_owned), values, 0..3);
    let display_name = prop::option::of(Just("Ann".to_owned()));
    let reasons = prop::sample::subsequence(InactiveReason::ALL.to_vec(), 0..3);
    let reasons = prop_oneof![2 => Just(vec![]), 1 => reasons];
    prop::option::of((rows, attributes, display_name, 0_u64..9, reasons)).prop_map(|parts| {
        let (rows, attributes, display_name, version, reasons) = parts?;
        let mut record = Scene::later(&[]).record?;
        record.missing_since = reasons.contains(&InactiveReason::Missing).then_some(BEFORE);
        record.inactive = reasons.into_iter().collect();
        record.memberships = rows.into_iter().collect();
        (record.attributes, record.display_name) = (attributes.into_iter().collect(), display_name);
        record.version = version;
        Some(record)
    })
}

fn any_scene() -> impl Strategy<Value = Scene> {
    let policy = prop::sample::select(vec![
        GroupSync::Always,
        GroupSync::Always,
        GroupSync::FirstSignOn,
        GroupSync::Never,
    ]);
    let held = prop::collection::vec((0..POOL, any::<bool>()), 0..POOL);
    let scope = prop::sample::select(vec![true, true, true, false]);
    let cause = prop::sample::select(vec![Cause::SignOn, Cause::SignOn, Cause::Reconciliation]);
    let rules = (scope, cause, any::<bool>(), any_groups(), prop::sample::select(LOCAL.to_vec()));
    (any_record(), any_entry(), any_groups(), policy, any::<bool>(), held, rules).prop_map(
        |(record, entry, groups, policy, is_on, held, rules)| {
            let mut scene = Scene { record, entry, groups, ..Scene::first() };
            let (in_scope, cause, from_partial, seen, local) = rules;
            (scene.in_scope, scene.cause) = (in_scope, cause);
            scene.user_type.add_from_partial = from_partial;
            scene.user_type.on_reactivate_local = local;
            if let (Observed::Known(seen), Observed::Unknown(_)) = (seen, &scene.groups) {
                scene.seen = seen;
            }
            scene.user_type.groups = policy;
            scene.switch = Switch::from_bool(is_on);
            scene.held = Held(
                held.into_iter()
                    .map(|(number, renamed)| {
                        let mut group = group(number);
                        group.name = if renamed { "old".to_owned() } else { group.name };
                        (group.id.clone(), group)
                    })
                    .collect(),
            );
            scene
        },
    )
}

/// Whether the record is inactive after it for what the directory said.
fn is_let_go(settled: &Scene) -> bool {
    settled.record.as_ref().is_some_and(Record::is_suspended)
}

/// Whether the groups of this sign-on are taken over.
fn takes_groups(scene: &Scene) -> bool {
    match scene.user_type.groups {
        GroupSync::Always => scene.record.is_none() || scene.switch.is_on(),
        GroupSync::FirstSignOn => scene.record.is_none(),
        GroupSync::Never => false,
    }
}

/// The scene with its plan taken over; `None` if there is no plan.
fn settled(scene: &Scene) -> Option<Scene> {
    scene.plan().ok()?;
    let mut scene = scene.clone();
    scene.settle(NOW);
    Some(scene)
}

/// How [`rows`] names a managed membership.
fn managed(id: &UpstreamId) -> String {
    MembershipKey { group: id.clone(), provenance: Provenance::Managed }.to_string()
}

fn rows(record: Option<&Record>, managed: bool) -> BTreeMap<String, Membership> {
    let rows = record.into_iter().flat_map(|record| &record.memberships);
    rows.filter(|(key, _)| (key.provenance == Provenance::Managed) == managed)
        .map(|(key, membership)| (key.to_string(), membership.clone()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn s3_7_a_plan_that_was_applied_leaves_nothing_to_plan(scene in any_scene()) {
        if let Some(settled) = settled(&scene) {
            prop_assert!(settled.plan().expect("there is a plan again").is_empty());
        }
    }

    #[test]
    fn known_groups_become_the_managed_memberships_exactly(scene in any_scene()) {
        let (Some(settled), Observed::Known(closure)) = (settled(&scene), &scene.groups) else {
            return Ok(());
        };
        let record = settled.record.as_ref().expect("a plan leaves a record");
        let is_taken_back = scene.record.as_ref().is_some_and(Record::is_suspended);
        if is_taken_back && !takes_groups(&scene) && !is_let_go(&settled) {
            let confirmed = |id: &UpstreamId| closure.contains_key(id);
            prop_assert!(record.managed_memberships().all(|(id, _)| confirmed(id)));
        } else if takes_groups(&scene) && !is_let_go(&settled) {
            let routes: Vec<_> = record.managed_memberships().map(|(id, m)| (id, &m.route)).collect();
            let expected: Vec<_> = closure.iter().map(|(id, seen)| (id, &seen.route)).collect();
            prop_assert_eq!(routes, expected);
            prop_assert!(closure.values().all(|seen| settled.held.0[&seen.group.id] == seen.group));
        } else {
            prop_assert_eq!(rows(settled.record.as_ref(), true), rows(scene.record.as_ref(), true));
            prop_assert_eq!(settled.held.0, scene.held.0);
        }
    }

    #[test]
    fn a_membership_that_goes_on_keeps_its_beginning(scene in any_scene()) {
        if let Some(settled) = settled(&scene) {
            let before = rows(scene.record.as_ref(), true);
            for (key, membership) in rows(settled.record.as_ref(), true) {
                let since = if before.contains_key(&key) { BEFORE } else { NOW };
                prop_assert_eq!(membership.since, since);
            }
        }
    }

    #[test]
    fn s3_2_unknown_never_removes_and_adds_only_what_was_seen(scene in any_scene()) {
        let scene = Scene { groups: Observed::Unknown(UnknownReason::Disconnected), ..scene };
        if let Some(settled) = settled(&scene) {
            let (before, after) =
                (rows(scene.record.as_ref(), true), rows(settled.record.as_ref(), true));
            prop_assert!(before.iter().all(|(key, row)| after.get(key) == Some(row)));
            let added = settled.record.iter().flat_map(Record::managed_memberships);
            let mut added = added.filter(|(id, _)| !before.contains_key(&managed(id)));
            prop_assert!(added.all(|(id, _)| scene.seen.contains_key(id)));
        }
    }

    #[test]
    fn s4_4_nobody_is_taken_back_without_known_groups(scene in any_scene()) {
        let scene = Scene { groups: Observed::Unknown(UnknownReason::Disconnected), ..scene };
        if let (Some(settled), Some(before)) = (settled(&scene), &scene.record) {
            prop_assert!(!before.is_suspended() || is_let_go(&settled));
        }
    }

    #[test]
    fn s4_1_no_plan_sets_or_lifts_what_an_admin_or_a_policy_set(scene in any_scene()) {
        if let (Some(settled), Some(before)) = (settled(&scene), &scene.record) {
            let of_others = |record: &Record| -> Vec<InactiveReason> {
                record.inactive.iter().copied().filter(|reason| !reason.is_observed()).collect()
            };
            prop_assert_eq!(settled.record.as_ref().map(of_others), Some(of_others(before)));
        }
    }

    #[test]
    fn s3_2_unknown_never_adds_or_removes_a_membership(scene in any_scene()) {
        let mut scene = Scene { groups: Observed::Unknown(UnknownReason::Disconnected), ..scene };
        scene.user_type.add_from_partial = false;
        if let Some(settled) = settled(&scene) {
            prop_assert_eq!(rows(settled.record.as_ref(), true), rows(scene.record.as_ref(), true));
            prop_assert_eq!(settled.held.0, scene.held.0);
        }
    }

    #[test]
    fn s7_2_only_managed_memberships_ever_change(scene in any_scene()) {
        let mut scene = scene;
        scene.user_type.on_reactivate_local = OnReactivateLocal::Keep;
        if let Some(settled) = settled(&scene) {
            prop_assert_eq!(rows(settled.record.as_ref(), false), rows(scene.record.as_ref(), false));
        }
    }

    #[test]
    fn s3_4_no_attribute_ever_goes_and_no_plan_touches_id_or_version(scene in any_scene()) {
        let Some(settled) = settled(&scene) else { return Ok(()) };
        let after = settled.record.expect("a plan leaves a record");
        if let Some(before) = &scene.record {
            prop_assert!(before.attributes.keys().all(|name| after.attributes.contains_key(name)));
            prop_assert_eq!((&after.id, &after.key), (&before.id, &before.key));
            prop_assert_eq!(after.version, before.version);
            prop_assert_eq!(after.created_at, before.created_at);
        }
    }

    #[test]
    fn every_change_of_a_plan_changes_something(scene in any_scene()) {
        let Ok(plan) = scene.plan() else { return Ok(()) };
        let mut record = scene.record;
        for change in plan.changes {
            let next = apply(record.clone(), std::slice::from_ref(&change)).expect("it fits");
            prop_assert_ne!(&next, &record, "{}", change);
            record = next;
        }
    }

    #[test]
    fn s5_2_with_the_switch_off_no_record_is_ever_changed(scene in any_scene()) {
        let scene = Scene { switch: Switch::Off, in_scope: true, ..scene };
        let Some(before) = scene.record.clone() else { return Ok(()) };
        if before.is_suspended() {
            return Ok(());
        }
        let after = settled(&scene).expect("there is a plan").record.expect("there is a record");
        let inactive = after.inactive.clone();
        prop_assert_eq!(&Record { inactive: before.inactive.clone(), ..after }, &before);
        prop_assert!(inactive.is_superset(&before.inactive), "it says only who is let go");
    }

    #[test]
    fn order_that_means_nothing_changes_no_plan(scene in any_scene(), turn in 0_usize..4) {
        let mut turned = scene.clone();
        turned.entry.attributes.reverse();
        for attribute in &mut turned.entry.attributes {
            let by = turn % attribute.values.len();
            attribute.values.rotate_left(by);
        }
        prop_assert_eq!(turned.plan(), scene.plan());
    }

    #[test]
    fn the_spelling_of_a_dn_changes_no_plan(scene in any_scene()) {
        let mut respelled = scene.clone();
        respelled.entry.dn = match scene.entry.dn.as_str() {
            "uid=ann,dc=x" => "0.9.2342.19200300.100.1.1=\\41nn , dc = X".to_owned(),
            other => other.to_owned(),
        };
        let mut plans = [scene.plan(), respelled.plan()];
        for plan in plans.iter_mut().flatten() {
            // The record shows the name as the directory spells it.
            for change in &mut plan.changes {
                if let Change::Moved(dn) | Change::Created { dn, .. } = change {
                    *dn = dn.to_lowercase().len().min(1).to_string();
                }
            }
        }
        prop_assert_eq!(&plans[0], &plans[1]);
    }

    #[test]
    fn time_never_runs_back(scene in any_scene(), age in 1_i64..1000) {
        let last = Timestamp(NOW.0 - 1);
        if scene.record.is_some() {
            let older = scene.plan_of(Timestamp(last.0 - age), Some(last), NOW);
            prop_assert_eq!(older, Ok(Plan::default()));
        }
        let same = scene.plan_of(last, Some(last), NOW);
        prop_assert_eq!(same, scene.plan_of(last, None, NOW), "reads of the same time count");
    }

    #[test]
    fn a_plan_is_counted_and_told_as_it_is(scene in any_scene()) {
        let Ok(plan) = scene.plan() else { return Ok(()) };
        let is_added = |change: &&Change| matches!(change, Change::MembershipAdded { .. });
        let all = |record: Option<&Record>| record.map_or(0, |record| record.memberships.len());
        let before = all(scene.record.as_ref());
        prop_assert_eq!(plan.added(), plan.changes.iter().filter(is_added).count());
        let lines = plan.describe().lines().count();
        prop_assert_eq!(lines, plan.changes.len() + plan.groups.len());
        let settled = settled(&scene).expect("there is a plan");
        let after = all(settled.record.as_ref());
        prop_assert_eq!(before + plan.added(), after + plan.removed());
    }
}
