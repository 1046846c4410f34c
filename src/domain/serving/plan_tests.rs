//! Plans against brute force: a directory of a few entries that does not know memberOf, and the same
//! entries with memberOf on them.

use super::*;
use crate::domain::matching::evaluate;
use crate::domain::serving::ServePolicy;
use crate::domain::serving::filter::{self, Reach};
use crate::proto::search::{Attribute, Entry};
use proptest::prelude::*;
use std::collections::BTreeSet;

const GROUPS: [&str; 3] = ["cn=a,dc=x", "cn=b,dc=x", "cn=c,dc=x"];

/// One entry: a uid, perhaps a sn and a number, and the groups that it is in.
#[derive(Debug, Clone)]
struct Person {
    uid: &'static str,
    sn: Option<&'static str>,
    groups: BTreeSet<usize>,
}

fn person() -> impl Strategy<Value = Person> {
    let uid = prop::sample::select(vec!["ann", "bob", "carol"]);
    let sn = prop::option::of(prop::sample::select(vec!["x", "y"]));
    let groups = prop::collection::btree_set(0..GROUPS.len(), 0..=GROUPS.len());
    (uid, sn, groups).prop_map(|(uid, sn, groups)| Person { uid, sn, groups })
}

fn leaf() -> impl Strategy<Value = Filter> {
    let of = |texts: &[&str]| -> Vec<Filter> {
        texts.iter().map(|text| Filter::parse(text).expect("the test's filters are some")).collect()
    };
    let ours = of(&[
        "(memberOf=cn=a,dc=x)",
        "(MEMBEROF=CN=B, DC=X)",
        "(1.2.840.113556.1.2.102=cn=\\63,dc=x)",
        "(memberOf~=cn=a,dc=x)",
        "(memberOf:1.2.840.113556.1.4.1941:=cn=b,dc=x)",
        "(memberOf:2.5.13.1:=cn=c,dc=x)",
        "(memberOf=cn=nobody,dc=x)",
        "(memberOf=*)",
        "(memberOf=no name)",
        "(memberOf>=cn=a,dc=x)",
        "(memberOf=cn=*)",
        "(memberOf:1.2.3:=cn=a,dc=x)",
    ]);
    let theirs = of(&["(uid=ann)", "(sn=x)", "(sn=*)", "(uidNumber=none)", "(&)", "(|)"]);
    prop_oneof![prop::sample::select(ours), prop::sample::select(theirs)]
}

fn filters() -> impl Strategy<Value = Filter> {
    leaf().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Filter::And),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Filter::Or),
            inner.prop_map(|inner| Filter::Not(Box::new(inner))),
        ]
    })
}

fn id(number: usize) -> UpstreamId {
    UpstreamId::new(&format!("id-{number}"))
}

/// An entry as the directory has it.
fn entry(number: usize, person: &Person) -> Entry {
    let one = |name: &str, value: &str| Attribute {
        name: name.to_owned(),
        values: vec![value.as_bytes().to_vec()],
    };
    let mut attributes = vec![one("objectClass", "person"), one("uid", person.uid)];
    attributes.push(one("entryUUID", id(number).as_str()));
    attributes.extend(person.sn.map(|sn| one("sn", sn)));
    Entry { dn: format!("cn={number},dc=x"), attributes }
}

fn policy() -> ServePolicy {
    ServePolicy { member_of: true, ..ServePolicy::default() }
}

fn of_person(person: &Person, item: &Item) -> Truth {
    match item {
        Item::Any => Truth::from_bool(!person.groups.is_empty()),
        Item::Undefined | Item::Holds(..) => Truth::Undefined,
        Item::In(dn, Reach::Shown | Reach::Chain) => {
            let is_it = |at: &usize| dn.as_str() == GROUPS[*at];
            Truth::from_bool(person.groups.iter().any(is_it))
        }
    }
}

fn said(person: &Person, items: &[Item]) -> Said {
    items.iter().map(|item| Some(of_person(person, item))).collect()
}

/// What an item says of each entry on its own, and so what the whole filter says: the definition.
fn brute(filter: &Filter, entry: &Entry, person: &Person) -> Truth {
    let all = |parts: &[Filter], neutral: Truth| {
        let truths: Vec<Truth> = parts.iter().map(|part| brute(part, entry, person)).collect();
        if truths.contains(&neutral.negated()) {
            return neutral.negated();
        }
        if truths.contains(&Truth::Undefined) { Truth::Undefined } else { neutral }
    };
    match filter {
        Filter::And(parts) => all(parts, Truth::True),
        Filter::Or(parts) => all(parts, Truth::False),
        Filter::Not(inner) => brute(inner, entry, person).negated(),
        other => match filter::item(other, &policy()) {
            Some(item) => of_person(person, &item),
            None => evaluate(other, entry),
        },
    }
}

/// Everybody of whom the items say something else than of most.
fn listed(people: &[Person], items: &[Item]) -> Vec<(UpstreamId, Said)> {
    let of_others = plan_of_others(items);
    let numbered = people.iter().enumerate().map(|(at, person)| (id(at), said(person, items)));
    numbered.filter(|(_, said)| !of_others.contains(said)).collect()
}

fn plan_of_others(items: &[Item]) -> Vec<Said> {
    of_others(items, |_| false)
}

/// The entries that a plan finds, by their numbers, each as often as it is found; `None` if it is
/// refused.
fn carried_out(plan: Plan, people: &[Person]) -> Option<Vec<usize>> {
    let found = |ask: &Filter, check: Option<&Check>| -> Vec<usize> {
        let known = Parsed::new(ask, &policy());
        assert_eq!(known, None, "the directory is asked what it does not know: {ask}");
        let passes = |(number, person): &(usize, &Person)| {
            let counts = check.is_none_or(|check| check.passes(&said(person, check.items())));
            counts && evaluate(ask, &entry(*number, person)) == Truth::True
        };
        people.iter().enumerate().filter(passes).map(|(number, _)| number).collect()
    };
    let step = |step: &Step| -> Vec<usize> {
        let check = &step.check;
        match &step.who {
            Who::Anybody => found(&check.filter(), Some(check)),
            Who::Ids(ids) => {
                let parts = ids.chunks(NAMED_AT_ONCE);
                parts.flat_map(|ids| found(&check.named(ids), Some(check))).collect()
            }
            Who::Names(names) => {
                let of = |at: &usize| names.contains(&entry(*at, &people[*at]).dn);
                found(&check.filter(), Some(check)).into_iter().filter(of).collect()
            }
        }
    };
    let mut all: Vec<usize> = match plan {
        Plan::Whole(ask) => found(&ask, None),
        Plan::Steps(steps) => steps.iter().flat_map(step).collect(),
        Plan::List { ask, check, otherwise, .. } => {
            let found = found(&ask, check.as_deref());
            if let Some(other) = otherwise {
                assert_eq!(found, step(&other), "the other way leads elsewhere");
            }
            found
        }
        Plan::TooMany | Plan::Nameless => return None,
    };
    all.sort_unstable();
    Some(all)
}

fn demands() -> impl Strategy<Value = Demands> {
    (any::<bool>(), any::<bool>()).prop_map(|(is_sorted, by_place)| Demands { is_sorted, by_place })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// The rule above all: never an entry too few, too many or twice, and no refusal within limits.
    #[test]
    fn every_plan_finds_what_brute_force_finds(
        people in prop::collection::vec(person(), 0..8),
        filter in filters(),
        demands in demands(),
    ) {
        let expected: Vec<usize> = people.iter().enumerate()
            .filter(|(number, person)| brute(&filter, &entry(*number, person), person) == Truth::True)
            .map(|(number, _)| number)
            .collect();
        let Some(parsed) = Parsed::new(&filter, &policy()).map(Arc::new) else { return Ok(()) };
        let listed = listed(&people, parsed.items());
        let planned = |listed: Listed| {
            let unlisted = plan_of_others(parsed.items());
            super::plan(&parsed, demands, &unlisted, &mut || listed.clone())
        };
        let names = listed.iter().filter_map(|(known, _)| {
            let at = (0..people.len()).find(|at| id(*at) == *known)?;
            Some(entry(at, &people[at]).dn)
        });
        let names = Listed::Called(names.collect());
        let whole = planned(Listed::Known(listed));
        prop_assert_eq!(carried_out(whole.clone(), &people), Some(expected.clone()), "{:?}", whole);
        // Where members cannot be named, are too many, or are only known to be among some, the answer
        // is the same or none.
        for listed in [Listed::TooMany, Listed::Nameless, names] {
            let found = carried_out(planned(listed), &people);
            prop_assert!(found.is_none_or(|found| found == expected));
        }
    }
}

#[track_caller]
fn check(filter: &str, members: usize, demands: Demands, expected: &str) {
    let filter = Filter::parse(filter).expect("the test's filter is one");
    let parsed = Arc::new(Parsed::new(&filter, &policy()).expect("something is decided here"));
    let unlisted = plan_of_others(parsed.items());
    let all = parsed.items().iter().map(|_| Some(Truth::True)).collect::<Said>();
    let listed = Listed::Known((0..members).map(|number| (id(number), all.clone())).collect());
    let mut is_listed = false;
    let plan = plan(&parsed, demands, &unlisted, &mut || {
        is_listed = true;
        listed.clone()
    });
    let step = |step: &Step| match &step.who {
        Who::Anybody => format!("anybody {}", step.check.filter()),
        Who::Ids(ids) => format!("{} ids {}", ids.len(), step.check.filter()),
        Who::Names(names) => format!("{} names {}", names.len(), step.check.filter()),
    };
    let shown = match plan {
        Plan::Whole(ask) => format!("whole {ask}"),
        Plan::Steps(steps) => steps.iter().map(step).collect::<Vec<_>>().join(", "),
        Plan::List { ask, ids, .. } => format!("list of {} {ask}", ids.len()),
        other => format!("{other:?}"),
    };
    assert_eq!(shown, expected, "{filter}");
    // Who is in a group takes long to tell, and is not asked where somebody is searched for by name.
    let is_of_one = filter.attributes().contains(&"uid");
    assert!(!is_of_one || !is_listed, "{filter}");
}

const SORTED: Demands = Demands { is_sorted: true, by_place: false };

#[test]
fn a_login_by_name_is_one_search_however_large_the_group_is() {
    let none = Demands::default();
    let login = "(&(objectClass=person)(uid=ann)(memberOf=cn=a,dc=x))";
    let expected = "anybody (&(objectClass=person)(uid=ann))";
    check(login, 10_000, none, expected);
    check(login, 10_000, SORTED, expected);
    let other = "(&(|(uid=ann)(mail=ann))(!(memberOf=cn=a,dc=x)))";
    check(other, 9, none, "anybody (|(uid=ann)(mail=ann))");
}

#[test]
fn a_group_is_named_unless_its_answer_has_to_be_one_search_and_it_is_large() {
    let none = Demands::default();
    let group = "(memberOf=cn=a,dc=x)";
    check(group, 0, none, "whole (!(objectClass=*))");
    check(group, 1, none, "1 ids (objectClass=*)");
    check(group, 10_000, none, "10000 ids (objectClass=*)");
    check(group, 10_000, SORTED, "anybody (objectClass=*)");
    let two = "(&(sn=x)(memberOf=cn=a,dc=x))";
    check(two, 1, none, "1 ids (sn=x)");
    check(two, 1, SORTED, "list of 1 (&(entryUUID=id-0)(sn=x))");
    let placed = Demands { by_place: true, is_sorted: true };
    check(two, 1, placed, "list of 1 (&(sn=x)(entryUUID=id-0))");
}

#[test]
fn what_is_below_an_or_is_asked_for_apart_for_those_who_are_in_the_group_and_for_others() {
    let none = Demands::default();
    let or = "(|(sn=x)(memberOf=cn=a,dc=x))";
    check(or, 2_000, none, "anybody (sn=x), 2000 ids (objectClass=*)");
    check(or, 2, SORTED, "list of 2 (|(sn=x)(|(entryUUID=id-0)(entryUUID=id-1)))");
    let either = "(|(&(sn=x)(memberOf=cn=a,dc=x))(&(sn=y)(!(memberOf=cn=a,dc=x))))";
    check(either, 3, none, "anybody (sn=y), 3 ids (sn=x)");
}

#[test]
fn who_is_not_in_a_group_is_looked_for_among_all() {
    let filter = "(&(objectClass=person)(!(memberOf=cn=a,dc=x)))";
    check(filter, 10_000, SORTED, "anybody (objectClass=person)");
}
