//! Random records and random searches: what is found is what brute force finds in entries that were
//! written out by hand.

use crate::support::counts::counted;
use bindgate::domain::matching::{self, Truth};
use bindgate::domain::policy::{AttributeMapping, DirectoryPolicy, UserType};
use bindgate::domain::record::{
    Attributes, Group, InactiveReason, Membership, MembershipKey, Provenance, Record, RecordId,
    Route, UpstreamId, UserKey,
};
use bindgate::domain::suffix::{
    Id, Inactive, Layout, Model, Order, Policy, Query, Search, Selection, Step, Wanted,
};
use bindgate::domain::time::Timestamp;
use bindgate::proto::dn::DistinguishedName;
use bindgate::proto::filter::Filter;
use bindgate::proto::paged::SortKey;
use bindgate::proto::search::{Attribute, Entry, Scope};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

const NAMES: [&str; 4] = ["ann", "Ann Lee", "bob, jr", "zoë"];
const GROUPS: [&str; 4] = ["A", "b+c", "A", "empty"];

fn dn(text: &str) -> DistinguishedName {
    DistinguishedName::parse(text).expect("a name")
}

/// A person as the dice have it.
#[derive(Debug, Clone)]
struct Somebody {
    name: usize,
    mail: Option<bool>,
    number: Option<i32>,
    groups: Vec<usize>,
    denied: Option<usize>,
    is_missing: bool,
    is_disabled: bool,
}

fn somebody() -> impl Strategy<Value = Somebody> {
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let who = (0..NAMES.len(), any::<Option<bool>>(), any::<Option<bool>>());
    (who, vec(0usize..3, 0..4), proptest::option::of(0usize..3), flags).prop_map(
        |((name, mail, number), groups, denied, (one, two, three, four))| Somebody {
            name,
            mail,
            number: number.map(|is_ten| if is_ten { 10 } else { 9 }),
            groups,
            denied,
            is_missing: one && two,
            is_disabled: three && four,
        },
    )
}

fn record(number: usize, of: &Somebody) -> Record {
    let id = format!("00000000-0000-4000-8000-{number:012x}");
    let row = |group: &usize, provenance| {
        let group = UpstreamId::new(&group_id(*group));
        let route = Route { path: [group.clone()].into(), direct: true };
        (MembershipKey { group, provenance }, Membership::new(route, Timestamp(5)))
    };
    let managed = of.groups.iter().map(|group| row(group, Provenance::Managed));
    let denied = of.denied.iter().map(|group| row(group, Provenance::PinDeny));
    let mut attributes = Attributes::new();
    if let Some(first) = of.mail {
        let mail = if first { "First@x" } else { "second@x" };
        attributes.insert("mail".to_owned(), vec![mail.as_bytes().to_vec()]);
    }
    if let Some(number) = of.number {
        attributes.insert("number".to_owned(), vec![number.to_string().into_bytes()]);
    }
    attributes.insert("password".to_owned(), vec![b"secret".to_vec()]);
    let mut inactive = BTreeSet::new();
    inactive.extend(of.is_missing.then_some(InactiveReason::Missing));
    inactive.extend(of.is_disabled.then_some(InactiveReason::Upstream));
    Record {
        id: RecordId(id.as_str().into()),
        key: UserKey { directory: "corp".into(), upstream_id: UpstreamId::new(&id) },
        user_type: "staff".into(),
        name: NAMES[of.name].to_owned(),
        dn: format!("uid=u{number},dc=corp"),
        display_name: None,
        local_name: None,
        switch: None,
        attributes,
        inactive,
        missing_since: None,
        collision: None,
        memberships: managed.chain(denied).collect(),
        created_at: Timestamp(0),
        version: 1,
    }
}

fn group_id(number: usize) -> String {
    format!("10000000-0000-4000-8000-{number:012x}")
}

fn policy(inactive: Inactive) -> Policy {
    Policy {
        layout: Layout::new(dn("dc=bindgate")).expect("a suffix"),
        readers: vec![dn("cn=app,dc=corp")],
        inactive,
        size_limit: None,
        time_limit: Duration::ZERO,
        max_sorted: 1000,
    }
}

fn directory() -> Arc<DirectoryPolicy> {
    let mapping = |local, upstream| AttributeMapping::new(local, upstream);
    let attributes = vec![
        mapping("mail", "mail"),
        mapping("number", "uidNumber"),
        mapping("password", "userPassword"),
    ];
    let staff = UserType { attributes, ..UserType::new("staff", dn("dc=corp")) };
    Arc::new(DirectoryPolicy {
        name: "corp".into(),
        suffixes: vec![dn("dc=corp")],
        is_default: false,
        service_account: dn("cn=gateway,dc=corp"),
        groups: None,
        user_types: vec![staff],
    })
}

/// Steps that lead to those people: some are somebody else first, some are gone again.
fn model(people: &[Somebody], detour: &[Somebody], inactive: Inactive) -> Model {
    let mut model = Model::new(&policy(inactive), &[directory()], Timestamp(0));
    for (number, name) in GROUPS.iter().enumerate() {
        let id = UpstreamId::new(&group_id(number));
        let group = Group { id, dn: format!("cn=g{number},dc=corp"), name: "before".to_owned() };
        model.put_group(&"corp".into(), Arc::new(group.clone()), Timestamp(1));
        let group = Group { name: (*name).to_owned(), ..group };
        model.put_group(&"corp".into(), Arc::new(group), Timestamp(2));
    }
    for (number, of) in detour.iter().enumerate() {
        model.put_record(Arc::new(record(number, of)), Timestamp(3));
    }
    for (number, of) in people.iter().enumerate() {
        model.put_record(Arc::new(record(number, of)), Timestamp(4));
    }
    for (number, of) in detour.iter().enumerate().skip(people.len()) {
        model.remove_record(&record(number, of).key, Timestamp(5));
    }
    model
}

fn attribute(name: &str, values: &[&str]) -> Attribute {
    let values = values.iter().map(|value| value.as_bytes().to_vec()).collect();
    Attribute { name: name.to_owned(), values }
}

/// The entries that are always there.
fn containers() -> Vec<Entry> {
    let unit = ["top", "organizationalUnit"];
    vec![
        Entry {
            dn: "dc=bindgate".to_owned(),
            attributes: vec![
                attribute("objectClass", &["top", "domain"]),
                attribute("dc", &["bindgate"]),
            ],
        },
        Entry {
            dn: "ou=people,dc=bindgate".to_owned(),
            attributes: vec![attribute("objectClass", &unit), attribute("ou", &["people"])],
        },
        Entry {
            dn: "ou=groups,dc=bindgate".to_owned(),
            attributes: vec![attribute("objectClass", &unit), attribute("ou", &["groups"])],
        },
    ]
}

/// The tree, written out.
fn entries(people: &[Somebody], inactive: Inactive) -> Vec<Entry> {
    let escaped = |name: &str| name.replace(',', "\\2c").replace('+', "\\2b");
    let alike = |of: &Somebody| {
        people.iter().filter(|other| !other.is_missing && other.name == of.name).count()
    };
    let is_active = |of: &Somebody| !of.is_missing && !of.is_disabled;
    let is_shown = |of: &Somebody| is_active(of) || inactive == Inactive::Show;
    let person_dn = |number: usize, of: &Somebody| {
        let name = escaped(NAMES[of.name]);
        match alike(of) == 1 && !of.is_missing {
            true => format!("uid={name},ou=people,dc=bindgate"),
            false => format!(
                "uid={name}+entryUUID=00000000-0000-4000-8000-{number:012x},ou=people,dc=bindgate"
            ),
        }
    };
    let group_dn = |number: usize| {
        let name = escaped(GROUPS[number]);
        match number {
            1 | 3 => format!("cn={name},ou=groups,dc=bindgate"),
            _ => format!("cn={name}+entryUUID={},ou=groups,dc=bindgate", group_id(number)),
        }
    };
    let is_in = |of: &Somebody, group: usize| {
        is_active(of) && of.groups.contains(&group) && of.denied != Some(group)
    };
    let mut all = containers();
    for (number, of) in people.iter().enumerate().filter(|(_, of)| is_shown(of)) {
        let classes = ["top", "person", "organizationalPerson", "inetOrgPerson"];
        let mut attributes =
            vec![attribute("objectClass", &classes), attribute("uid", &[NAMES[of.name]])];
        attributes.push(attribute("cn", &[NAMES[of.name]]));
        attributes.push(attribute("sn", &[NAMES[of.name]]));
        let mail = of.mail.map(|first| if first { "First@x" } else { "second@x" });
        attributes.extend(mail.map(|mail| attribute("mail", &[mail])));
        let number_text = of.number.map(|number| number.to_string());
        attributes.extend(number_text.map(|number| attribute("uidNumber", &[&number])));
        let groups: Vec<String> = (0..3).filter(|group| is_in(of, *group)).map(group_dn).collect();
        let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
        if !groups.is_empty() {
            attributes.push(attribute("memberOf", &groups));
        }
        all.push(Entry { dn: person_dn(number, of), attributes });
    }
    for (group, name) in GROUPS.iter().enumerate() {
        let mut attributes =
            vec![attribute("objectClass", &["top", "groupOfNames"]), attribute("cn", &[name])];
        let members: Vec<String> = people
            .iter()
            .enumerate()
            .filter(|(_, of)| is_in(of, group))
            .map(|(number, of)| person_dn(number, of))
            .collect();
        let members: Vec<&str> = members.iter().map(String::as_str).collect();
        if !members.is_empty() {
            attributes.push(attribute("member", &members));
        }
        all.push(Entry { dn: group_dn(group), attributes });
    }
    all
}

/// What applications ask for.
const USUAL: [&str; 12] = [
    "(objectClass=person)",
    "(objectClass=groupOfNames)",
    "(objectClass=*)",
    "(uid=*)",
    "(member=*)",
    "(memberOf=*)",
    "(uid=ann)",
    "(cn=A)",
    "(mail=first@x)",
    "(uidNumber=10)",
    "(memberOf=cn=b\\2bc,ou=groups,dc=bindgate)",
    "(member=uid=ann,ou=people,dc=bindgate)",
];

fn filters() -> impl Strategy<Value = Filter> {
    let names = prop_oneof![
        Just("uid"),
        Just("UserID"),
        Just("cn"),
        Just("mail"),
        Just("uidNumber"),
        Just("ou"),
        Just("objectClass"),
        Just("memberOf"),
        Just("member"),
        Just("no name"),
        Just("nothing"),
        Just("userPassword"),
        Just("2.5.4.3"),
        Just("cn;lang-de"),
    ];
    let uuid = group_id(0);
    let values = prop_oneof![
        Just("ann".to_owned()),
        Just("ANN  lee".to_owned()),
        Just("bob, jr".to_owned()),
        Just("first@X".to_owned()),
        Just("010".to_owned()),
        Just("9".to_owned()),
        Just("person".to_owned()),
        Just("GROUPOFNAMES".to_owned()),
        Just("top".to_owned()),
        Just("people".to_owned()),
        Just("secret".to_owned()),
        Just("uid=Ann,ou=people,dc=bindgate".to_owned()),
        Just("UID=bob\\, jr , ou=people,dc=bindgate".to_owned()),
        Just("cn=b\\+c,ou=groups,dc=bindgate".to_owned()),
        Just("cn=A,ou=groups,dc=bindgate".to_owned()),
        Just(format!("entryUUID={uuid}+cn=a,ou=groups,dc=bindgate")),
        Just("cn=empty,ou=groups,dc=bindgate".to_owned()),
    ];
    let in_chain = "1.2.840.113556.1.4.1941";
    let leaf = (names, values, 0..10u8).prop_map(move |(name, value, kind)| {
        let (name, value) = (name.to_owned(), value.into_bytes());
        let extensible = |rule: Option<&str>, attribute: Option<String>, value| {
            let rule = rule.map(str::to_owned);
            Filter::Extensible { rule, attribute, value, dn_attributes: false }
        };
        match kind {
            0 => Filter::Present(name),
            1 => Filter::GreaterOrEqual(name, value),
            2 => Filter::LessOrEqual(name, value),
            3 => {
                let initial = Some(value[..2.min(value.len())].to_vec());
                Filter::Substrings { attribute: name, initial, any: Vec::new(), last: None }
            }
            4 => extensible(Some("caseIgnoreMatch"), None, value),
            5 => extensible(Some("2.5.13.1"), Some(name), value),
            6 if name.starts_with("member") => extensible(Some(in_chain), Some(name), value),
            _ => Filter::Equal(name, value),
        }
    });
    let usual = proptest::sample::select(&USUAL[..]);
    let usual = usual.prop_map(|text| Filter::parse(text).expect("a filter"));
    prop_oneof![1 => leaf, 2 => usual].prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Filter::And),
            vec(inner.clone(), 0..3).prop_map(Filter::Or),
            inner.prop_map(|filter| Filter::Not(Box::new(filter))),
        ]
    })
}

/// In-chain is equality where the chain is shown as a whole.
fn plain(filter: &Filter) -> Filter {
    match filter {
        Filter::And(filters) => Filter::And(filters.iter().map(plain).collect()),
        Filter::Or(filters) => Filter::Or(filters.iter().map(plain).collect()),
        Filter::Not(inner) => Filter::Not(Box::new(plain(inner))),
        Filter::Extensible { rule: Some(rule), attribute: Some(name), value, .. }
            if rule == "1.2.840.113556.1.4.1941" =>
        {
            Filter::Equal(name.clone(), value.clone())
        }
        other => other.clone(),
    }
}

fn expected(all: &[Entry], base: &str, scope: Scope, filter: &Filter) -> BTreeSet<String> {
    let base = dn(base);
    let filter = plain(filter);
    let is_within = |name: &DistinguishedName| match scope {
        Scope::Base => *name == base,
        Scope::One => name.parent().as_ref() == Some(&base),
        Scope::Subtree => name.is_within(&base),
        Scope::Subordinate => name.is_within(&base) && *name != base,
    };
    let found = all.iter().filter(|entry| {
        is_within(&dn(&entry.dn)) && matching::evaluate(&filter, entry) == Truth::True
    });
    found.map(|entry| dn(&entry.dn).normalized().as_str().to_owned()).collect()
}

/// Runs a search in steps, in pages of that size.
fn run(model: &Model, query: Query, work: usize, page: usize) -> Vec<Entry> {
    let selection = Selection::new(&[b"*", b"member"], false);
    let mut search = Search::new(model, query);
    let mut found = Vec::new();
    let mut room = page;
    loop {
        let before = found.len();
        match search.step(model, work, &mut room, &selection, |entry| found.push(entry)) {
            Step::More => {}
            Step::Full => {
                assert_eq!((room, found.len() % page), (0, 0));
                room = page;
            }
            Step::Done => return found,
            Step::TooManyToSort => panic!("there are not so many"),
        }
        assert!(found.len() - before <= work);
    }
}

#[test]
fn random_searches_of_random_records_find_what_brute_force_finds() {
    let bases = [
        "dc=bindgate",
        "ou=people,dc=bindgate",
        "ou=groups,dc=bindgate",
        "uid=ann,ou=people,dc=bindgate",
        "cn=b\\+c,ou=groups,dc=bindgate",
    ];
    let scopes = [Scope::Base, Scope::One, Scope::Subtree, Scope::Subordinate];
    let people = (vec(somebody(), 0..6), vec(somebody(), 0..8), any::<bool>());
    let asked = (0..bases.len(), 0..scopes.len(), vec(filters(), 1..4));
    let cases = u32::try_from(counted(1_500, 100_000)).expect("a small number");
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let how = (1usize..7, 1usize..4, any::<Option<bool>>());
    let mut runner = TestRunner::new(config);
    let outcome = runner.run(&(people, asked, how), |(people, asked, (work, page, sort))| {
        let (people, detour, shows) = people;
        let inactive = if shows { Inactive::Show } else { Inactive::Hide };
        let (model, all) = (model(&people, &detour, inactive), entries(&people, inactive));
        let (base, scope) = (bases[asked.0], scopes[asked.1]);
        let Some(id) = model.locate(&dn(base)) else {
            let is_there = |entry: &Entry| dn(&entry.dn) == dn(base);
            prop_assert!(!all.iter().any(is_there), "{} is not found", base);
            return Ok(());
        };
        let key = SortKey { attribute: b"uidNumber", rule: None, reverse: sort == Some(true) };
        let order = sort.map(|_| Order::new(&[key]).expect("it can be sorted"));
        for filter in &asked.2 {
            let filter = filter.clone();
            let expected = expected(&all, base, scope, &filter);
            let query = Query { base: id, scope, filter, order: order.clone(), max_sorted: 1000 };
            let text = format!("{scope:?} of {base}: {}", query.filter);
            let found = run(&model, query, work, page);
            let names: BTreeSet<String> =
                found.iter().map(|entry| dn(&entry.dn).normalized().as_str().to_owned()).collect();
            prop_assert_eq!(names.len(), found.len(), "an entry comes once: {}", text);
            prop_assert_eq!(names, expected, "{}", text);
            for entry in &found {
                let written = all.iter().find(|other| dn(&other.dn) == dn(&entry.dn));
                same_attributes(entry, written.expect("it was expected"))?;
            }
            if sort.is_some() {
                is_sorted(&found, key.reverse)?;
            }
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

/// What is written out is shown; and no secret is.
fn same_attributes(entry: &Entry, written: &Entry) -> Result<(), TestCaseError> {
    prop_assert!(entry.values("userPassword").is_empty());
    for attribute in &written.attributes {
        let sorted = |values: &[Vec<u8>]| {
            let text = |value: &Vec<u8>| String::from_utf8_lossy(value).into_owned();
            let name = |value: String| match value.contains('=') {
                true => dn(&value).normalized().as_str().to_owned(),
                false => value,
            };
            values.iter().map(text).map(name).collect::<BTreeSet<_>>()
        };
        let (shown, expected) = (entry.values(&attribute.name), &attribute.values);
        prop_assert_eq!(sorted(shown), sorted(expected), "{} of {}", attribute.name, entry.dn);
    }
    prop_assert_eq!(entry.values("memberOf").len(), written.values("memberOf").len());
    prop_assert_eq!(entry.values("member").len(), written.values("member").len());
    Ok(())
}

fn is_sorted(found: &[Entry], reverse: bool) -> Result<(), TestCaseError> {
    let number = |entry: &Entry| {
        entry.text("uidNumber").map_or(i64::MAX, |text| text.parse().expect("a number"))
    };
    let mut numbers: Vec<i64> = found.iter().map(number).collect();
    if reverse {
        numbers.reverse();
    }
    prop_assert!(numbers.is_sorted(), "{:?}", numbers);
    Ok(())
}

#[test]
fn a_name_that_two_bear_is_nobodys_alone_and_who_is_missing_takes_nobodys_name() {
    let somebody = |name, is_missing| Somebody {
        name,
        mail: None,
        number: None,
        groups: vec![0],
        denied: None,
        is_missing,
        is_disabled: false,
    };
    let check = |people: &[Somebody], expected: Option<usize>| {
        let model = model(people, &[], Inactive::Hide);
        let upstream = model.upstream_name(&dn("uid=ann,ou=people,dc=bindgate"));
        assert_eq!(upstream, expected.map(|number| format!("uid=u{number},dc=corp")).as_deref());
    };
    check(&[somebody(0, false)], Some(0));
    check(&[somebody(0, false), somebody(1, false)], Some(0));
    check(&[somebody(0, false), somebody(0, false)], None);
    check(&[somebody(0, true), somebody(0, false)], Some(1));
    check(&[somebody(0, true)], None);
    let both = model(&[somebody(0, false), somebody(0, false)], &[], Inactive::Hide);
    let second = "uid=ann+entryUUID=00000000-0000-4000-8000-000000000001,ou=people,dc=bindgate";
    assert_eq!(both.upstream_name(&dn(second)), Some("uid=u1,dc=corp"));
    let id = both.locate(&dn(second)).expect("it is there");
    let entry = both.entry(id, &Wanted::All).expect("it is shown");
    assert_eq!(entry.text("uid"), Some("ann"));
    assert!(both.is_in_one(&dn("uid=u1,dc=corp"), &[dn("cn=g0,dc=corp")]));
    assert!(!both.is_in_one(&dn("uid=u1,dc=corp"), &[dn("cn=g1,dc=corp")]));
    assert_eq!(both.locate(&dn("dc=bindgate")), Some(Id::Suffix));
}
