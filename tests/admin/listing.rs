//! Users as they are looked for: filters, orders, and pages that meet without a gap.

use crate::fake::{Gateway, NEW_YEAR};
use crate::people::{membership, person, stored};
use crate::{gateway_with_people, get};
use bindgate::domain::observation::UnknownReason;
use bindgate::domain::record::{GroupsOutcome, InactiveReason, Provenance};
use bindgate::domain::time::Timestamp;
use serde_json::{Value, json};

/// Names of the users of a page, its cursor, and how many there are at all.
fn page(gateway: &Gateway, query: &str) -> (Vec<String>, Value, Value) {
    let answer = get(gateway, &format!("/api/v1/users?{query}"));
    assert_eq!(answer.status, 200, "{query}: {}", answer.text);
    let body = answer.json();
    let items = body["items"].as_array().unwrap().iter();
    let names = items.map(|user| user["id"].as_str().unwrap().to_owned()).collect();
    (names, body["next"].clone(), body["total"].clone())
}

/// Five people: r1 … r5, of whom the third and the fourth have the same name.
fn gateway() -> Gateway {
    let gateway = Gateway::start();
    let people = [
        ("r1", "corp", "staff", "Bob", "Robert Zed"),
        ("r2", "corp", "guests", "ann", "Ann Ampere"),
        ("r3", "lab", "staff", "eve", "Eve"),
        ("r4", "lab", "robots", "EVE", "Second Eve"),
        ("r5", "corp", "staff", "zoë", "Zoë Ångström"),
    ];
    for (at, (id, directory, user_type, name, shown)) in people.into_iter().enumerate() {
        let mut record = person(id, directory, user_type, name);
        record.display_name = Some(shown.to_owned());
        if id == "r1" {
            membership(&mut record, Provenance::Managed, &["A"]);
        }
        if id == "r2" {
            membership(&mut record, Provenance::Managed, &["A"]);
            membership(&mut record, Provenance::PinDeny, &["A"]);
            record.inactive.insert(InactiveReason::Admin);
        }
        if id == "r4" {
            record.collision = Some("eve".to_owned());
        }
        if id == "r5" {
            membership(&mut record, Provenance::Local, &["A"]);
            record.memberships.iter_mut().for_each(|(_, row)| row.in_review = true);
        }
        let mut stored = stored(record);
        stored.mark.last_sign_on = Timestamp(NEW_YEAR.0 - at as i64);
        if id == "r3" {
            stored.mark.groups = GroupsOutcome::Unknown(UnknownReason::Timeout);
            stored.mark.observed_at = None;
        }
        gateway.keep(stored);
    }
    let group = crate::group("A");
    gateway.shelves.groups.lock().unwrap().insert(group.id.clone(), group);
    gateway
}

#[test]
fn users_are_counted_as_the_filters_find_them() {
    let check = |gateway: &Gateway, counts: [usize; 4]| {
        let [users, inactive, unknown, needs_decision] = counts;
        let answer = get(gateway, "/api/v1/store");
        let expected = json!({
            "healthy": true,
            "users": users,
            "inactive": inactive,
            "unknown": unknown,
            "needs_decision": needs_decision,
        });
        assert_eq!((answer.status, answer.json()), (200, expected));
    };
    check(&gateway(), [5, 1, 1, 2]);
    check(&Gateway::start(), [0; 4]);
}

#[test]
fn users_are_filtered_by_each_field_and_by_several() {
    let gateway = gateway();
    let check = |query: &str, ids: &[&str]| {
        let (found, next, total) = page(&gateway, query);
        assert_eq!(found, ids, "{query}");
        assert_eq!((next, total), (Value::Null, json!(ids.len())), "{query}");
    };
    check("", &["r1", "r2", "r3", "r4", "r5"]);
    check("directory=lab", &["r3", "r4"]);
    check("user_type=staff", &["r1", "r3", "r5"]);
    check("directory=corp&user_type=staff", &["r1", "r5"]);
    check("active=false", &["r2"]);
    check("known=false", &["r3"]);
    check("known=true&active=true&directory=lab", &["r4"]);
    check("needs_decision=true", &["r4", "r5"]);
    check("needs_decision=false&directory=lab", &["r3"]);
    check("name=eve", &["r3", "r4"]);
    check("name=eve&directory=nowhere", &[]);
    check("q=EVE", &["r3", "r4"]);
    check("q=%C3%A5ngstr", &["r5"]);
    check("q=uid=bob,", &["r1"]);
    check("q=ampere", &["r2"]);
    check("group=A", &["r1"]);
}

#[test]
fn every_order_is_read_page_by_page_without_gap_or_repetition() {
    let gateway = gateway();
    for (sort, expected) in [
        ("id", ["r1", "r2", "r3", "r4", "r5"]),
        ("name", ["r2", "r1", "r3", "r4", "r5"]),
        ("display_name", ["r2", "r3", "r1", "r4", "r5"]),
        ("last_sign_on", ["r5", "r4", "r3", "r2", "r1"]),
        ("observed_at", ["r3", "r1", "r2", "r4", "r5"]),
    ] {
        for order in ["asc", "desc"] {
            for limit in 1..=6 {
                let query = format!("sort={sort}&order={order}&limit={limit}");
                let mut found = Vec::new();
                let mut cursor = String::new();
                loop {
                    let (ids, next, total) = page(&gateway, &format!("{query}{cursor}"));
                    assert_eq!(total, 5, "{query}");
                    assert!(ids.len() <= limit);
                    found.extend(ids);
                    let Some(next) = next.as_str() else { break };
                    cursor = format!("&cursor={next}");
                }
                let mut expected = expected;
                if order == "desc" {
                    expected.reverse();
                }
                assert_eq!(found, expected, "{query}");
            }
        }
    }
}

#[test]
fn who_leaves_between_two_pages_shifts_nobody_over_the_edge() {
    let gateway = gateway();
    let (first, next, _) = page(&gateway, "sort=name&limit=2");
    assert_eq!(first, ["r2", "r1"]);
    gateway.shelves.records.lock().unwrap().retain(|kept| &*kept.record.id.0 != "r1");
    let cursor = next.as_str().unwrap();
    let (rest, _, total) = page(&gateway, &format!("sort=name&limit=9&cursor={cursor}"));
    assert_eq!((rest, total), (vec!["r3".into(), "r4".into(), "r5".into()], json!(4)));
}

#[test]
fn among_a_hundred_thousand_users_the_first_and_the_last_are_found_and_all_are_counted() {
    const ALL: usize = 100_000;
    let gateway = Gateway::start();
    let name = |at: usize| format!("user-{:06}", (at * 7919) % ALL);
    let people =
        (0..ALL).map(|at| stored(person(&format!("r{at:06}"), "corp", "staff", &name(at))));
    gateway.shelves.records.lock().unwrap().extend(people);
    let named = |query: &str| {
        let began = std::time::Instant::now();
        let body = get(&gateway, &format!("/api/v1/users?limit=3&{query}")).json();
        println!("{query}: {:?}", began.elapsed());
        let items = body["items"].as_array().unwrap().iter();
        let names: Vec<_> = items.map(|user| user["name"].clone()).collect();
        (names, body["total"].clone())
    };
    let three = |numbers: [usize; 3]| numbers.map(|at| json!(format!("user-{at:06}"))).to_vec();
    assert_eq!(named("sort=name"), (three([0, 1, 2]), json!(ALL)));
    assert_eq!(named("sort=name&order=desc"), (three([99_999, 99_998, 99_997]), json!(ALL)));
    assert_eq!(named("sort=name&q=USER-0999"), (three([99_900, 99_901, 99_902]), json!(100)));
    assert_eq!(named("q=nobody"), (vec![], json!(0)));
}

#[test]
fn a_query_that_makes_no_sense_is_refused() {
    let gateway = gateway_with_people();
    for query in ["sort=colour", "order=up", "active=1", "sort=name&cursor=zz", "known="] {
        let refused = get(&gateway, &format!("/api/v1/users?{query}"));
        assert_eq!((refused.status, &refused.json()["error"]), (400, &json!("bad-request")));
    }
    assert_eq!(get(&gateway, "/api/v1/users?group=nowhere").status, 404);
}

#[test]
fn groups_are_filtered_and_sorted() {
    let gateway = gateway_with_people();
    let names = |query: &str| {
        let body = get(&gateway, &format!("/api/v1/groups?{query}")).json();
        let items = body["items"].as_array().unwrap().iter();
        let names: Vec<_> = items.map(|group| group["name"].clone()).collect();
        (names, body["total"].clone())
    };
    assert_eq!(names("q=CN=B"), (vec![json!("B")], json!(1)));
    assert_eq!(names("directory=lab"), (vec![], json!(0)));
    assert_eq!(names("limit=1"), (vec![json!("A")], json!(2)));
    assert_eq!(names("sort=members").1, 2);
}
