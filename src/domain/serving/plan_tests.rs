//! Plans against brute force: a directory of a few entries that does not know memberOf, and the same
//! entries with memberOf on them.

use super::*;
use crate::domain::matching::evaluate;
use crate::domain::serving::filter::Reach;
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

fn of_person(person: &Person, item: &Item) -> Truth {
    match item {
        Item::Any => Truth::from_bool(!person.groups.is_empty()),
        Item::Undefined => Truth::Undefined,
        Item::In(dn, Reach::Shown | Reach::Chain) => {
            let is_it = |at: &usize| dn.as_str() == GROUPS[*at];
            Truth::from_bool(person.groups.iter().any(is_it))
        }
    }
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
        other => match filter::item(other) {
            Some(item) => of_person(person, &item),
            None => evaluate(other, entry),
        },
    }
}

/// The entries that a plan finds, by their numbers; `None` if it is refused.
fn carried_out(plan: Plan, people: &[Person]) -> Option<Vec<usize>> {
    let found = |ask: &Filter, ours: Option<&Filter>| -> Vec<usize> {
        assert_eq!(filter::items(ask), [], "the directory is asked what it does not know: {ask}");
        let numbered = people.iter().enumerate();
        let passes = |(number, person): &(usize, &Person)| {
            let check = ours.map(|ours| truth(ours, &mut |item| of_person(person, item)));
            evaluate(ask, &entry(*number, person)) == Truth::True
                && check.is_none_or(|truth| truth == Truth::True)
        };
        numbered.filter(passes).map(|(number, _)| number).collect()
    };
    match plan {
        Plan::Whole(ask) => Some(found(&ask, None)),
        Plan::Checked(ask, ours) => Some(found(&ask, Some(&ours))),
        Plan::Named { ids, theirs, ours } => {
            let parts = ids.chunks(NAMED_AT_ONCE);
            Some(parts.flat_map(|ids| found(&named(ids, &theirs), Some(&ours))).collect())
        }
        Plan::TooMany | Plan::Nameless => None,
    }
}

fn members_of(people: &[Person], items: &[Item], most: usize) -> Members {
    let is_one = |person: &Person| items.iter().any(|item| of_person(person, item) == Truth::True);
    let numbered = people.iter().enumerate().filter(|(_, person)| is_one(person));
    let ids: Vec<UpstreamId> = numbered.map(|(number, _)| id(number)).collect();
    if ids.len() > most { Members::TooMany } else { Members::Known(ids) }
}

fn demands() -> impl Strategy<Value = Demands> {
    (any::<bool>(), any::<bool>())
        .prop_map(|(is_one_list, by_place)| Demands { is_one_list, by_place })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// The rule above all: never an entry too few or too many, and no refusal within limits.
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
        let plan = super::plan(&filter, demands, &mut |items| members_of(&people, items, usize::MAX));
        prop_assert_eq!(carried_out(plan.clone(), &people), Some(expected.clone()), "{:?}", plan);
        // Where members cannot be named, or are too many, the answer is the same or none.
        let few = super::plan(&filter, demands, &mut |items| members_of(&people, items, 1));
        let found = carried_out(few, &people);
        prop_assert!(found.is_none_or(|found| found == expected));
        let nameless = super::plan(&filter, demands, &mut |_| Members::Nameless);
        let found = carried_out(nameless, &people);
        prop_assert!(found.is_none_or(|found| found == expected));
    }
}

#[track_caller]
fn check(filter: &str, members: usize, demands: Demands, expected: &str) {
    let filter = Filter::parse(filter).expect("the test's filter is one");
    let ids = |_: &[Item]| Members::Known((0..members).map(id).collect());
    let plan = plan(&filter, demands, &mut |items| ids(items));
    let shown = match plan {
        Plan::Whole(ask) => format!("whole {ask}"),
        Plan::Checked(ask, ours) => format!("checked {ask} {ours}"),
        Plan::Named { ids, theirs, ours } => format!("{} named {theirs:?} {ours}", ids.len()),
        other => format!("{other:?}"),
    };
    assert_eq!(shown, expected, "{filter}");
}

#[test]
fn a_login_by_name_is_one_search_however_large_the_group_is() {
    let none = Demands::default();
    let login = "(&(objectClass=person)(uid=ann)(memberOf=cn=a,dc=x))";
    let expected = "checked (&(objectClass=person)(uid=ann)) (memberOf=cn=a,dc=x)";
    check(login, 100_000, none, expected);
    check(login, 100_000, Demands { is_one_list: true, ..none }, expected);
    check(
        "(&(|(uid=ann)(mail=ann))(!(memberOf=cn=a,dc=x)))",
        9,
        none,
        "checked (|(uid=ann)(mail=ann)) (!(memberOf=cn=a,dc=x))",
    );
}

#[test]
fn a_small_group_is_named_and_a_large_one_in_parts_unless_its_answer_is_one_list() {
    let none = Demands::default();
    let list = Demands { is_one_list: true, ..none };
    let group = "(memberOf=cn=a,dc=x)";
    check(group, 0, none, "whole (!(objectClass=*))");
    check(group, 1, none, "checked (entryUUID=id-0) (memberOf=cn=a,dc=x)");
    check(group, NAMED_AT_ONCE + 1, none, "257 named [] (memberOf=cn=a,dc=x)");
    let two = "(&(sn=x)(memberOf=cn=a,dc=x))";
    check(two, 1, list, "checked (&(entryUUID=id-0)(sn=x)) (memberOf=cn=a,dc=x)");
    let placed = Demands { by_place: true, is_one_list: true };
    check(two, 1, placed, "whole (&(sn=x)(entryUUID=id-0))");
    check(
        "(|(sn=x)(memberOf=cn=a,dc=x))",
        2,
        none,
        "whole (|(sn=x)(|(entryUUID=id-0)(entryUUID=id-1)))",
    );
}

#[test]
fn who_is_not_in_a_group_is_looked_for_among_all() {
    check(
        "(&(objectClass=person)(!(memberOf=cn=a,dc=x)))",
        100_000,
        Demands { is_one_list: true, by_place: false },
        "checked (objectClass=person) (!(memberOf=cn=a,dc=x))",
    );
}
