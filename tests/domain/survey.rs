//! What a look at a directory suggests.

use bindgate::domain::kind::Kind;
use bindgate::domain::survey::{
    Proposal, Seen, Survey, containers_filter, contexts, groups_filter, people_filter, propose,
};
use bindgate::proto::dn::DistinguishedName;
use bindgate::proto::filter::Filter;
use bindgate::proto::search::{Attribute, Entry};
use proptest::prelude::*;

fn dn(text: &str) -> DistinguishedName {
    DistinguishedName::parse(text).expect("it is a name")
}

fn entry(name: &str, attributes: &[(&str, &[&str])]) -> Entry {
    let attribute = |(name, values): &(&str, &[&str])| Attribute {
        name: (*name).to_owned(),
        values: values.iter().map(|value| value.as_bytes().to_vec()).collect(),
    };
    Entry { dn: name.to_owned(), attributes: attributes.iter().map(attribute).collect() }
}

/// An entry of a class, with one value of each of these attributes.
fn seen(name: &str, class: &str, single: &[&str]) -> Seen {
    let mut attributes: Vec<(&str, &[&str])> = vec![("objectClass", &[])];
    let classes = [class];
    attributes[0].1 = &classes;
    attributes.extend(single.iter().map(|name| (*name, &["x"][..])));
    Seen::of(&entry(name, &attributes)).expect("its name can be read")
}

fn person(name: &str) -> Seen {
    seen(name, "inetOrgPerson", &["uid", "cn"])
}

fn group(name: &str) -> Seen {
    seen(name, "groupOfNames", &["cn"])
}

fn survey(people: Vec<Seen>, groups: Vec<Seen>) -> Survey {
    let contexts = vec![dn("dc=example,dc=com")];
    Survey { kind: Kind::OpenLdap, contexts, people, groups, members: vec!["member"] }
}

/// Name, suffixes, people and groups of a proposal, as one text.
fn told(proposal: &Proposal) -> String {
    let suffixes: Vec<&str> = proposal.suffixes.iter().map(DistinguishedName::as_str).collect();
    let people = proposal.people.as_ref().map_or_else(
        || "nobody".to_owned(),
        |p| format!("{} in {} that are {}, {} others", p.username, p.base, p.filter, p.others),
    );
    let groups = proposal.groups.as_ref().map_or_else(
        || "no groups".to_owned(),
        |g| format!("{} in {}, {} others", g.members.join("+"), g.base, g.others),
    );
    format!("{}: {} | {people} | {groups}", proposal.name, suffixes.join(" and "))
}

#[track_caller]
fn check(survey: &Survey, expected: &str) {
    assert_eq!(told(&propose(survey)), expected);
}

#[test]
fn a_usual_tree_is_understood() {
    let people = ["uid=ann,ou=people,dc=example,dc=com", "uid=bob,ou=people,dc=example,dc=com"];
    check(
        &survey(people.map(person).into(), vec![group("cn=a,ou=groups,dc=example,dc=com")]),
        "example: dc=example,dc=com | uid in ou=people,dc=example,dc=com that are \
         (objectClass=inetOrgPerson), 0 others | member in ou=groups,dc=example,dc=com, 0 others",
    );
}

#[test]
fn people_of_several_parts_are_below_the_deepest_name_above_all_of_them() {
    let people = [
        "uid=ann,ou=people,ou=berlin,dc=example,dc=com",
        "uid=bob,ou=people,ou=paris,dc=example,dc=com",
        "uid=cyd,ou=berlin,dc=example,dc=com",
    ];
    check(
        &survey(people.map(person).into(), Vec::new()),
        "example: dc=example,dc=com | uid in dc=example,dc=com that are \
         (objectClass=inetOrgPerson), 0 others | no groups",
    );
}

#[test]
fn the_class_that_says_most_decides_who_is_a_person() {
    let mut people = vec![person("uid=ann,ou=people,dc=example,dc=com")];
    people.push(seen("uid=daemon,ou=system,dc=example,dc=com", "account", &["uid"]));
    check(
        &survey(people, Vec::new()),
        "example: dc=example,dc=com | uid in ou=people,dc=example,dc=com that are \
         (objectClass=inetOrgPerson), 1 others | no groups",
    );
}

#[test]
fn a_user_name_is_an_attribute_of_which_everybody_has_one_value() {
    let people = vec![
        seen("cn=ann,ou=people,dc=example,dc=com", "person", &["cn"]),
        seen("cn=bob,ou=people,dc=example,dc=com", "person", &["cn", "uid"]),
    ];
    check(
        &survey(people, Vec::new()),
        "example: dc=example,dc=com | cn in ou=people,dc=example,dc=com that are \
         (objectClass=person), 0 others | no groups",
    );
}

#[test]
fn of_several_naming_contexts_those_are_served_that_hold_somebody() {
    let mut survey = survey(
        vec![
            person("uid=ann,ou=people,o=one"),
            person("uid=bob,ou=people,o=two"),
            person("uid=cyd,ou=people,o=two"),
        ],
        vec![group("cn=a,ou=groups,o=one")],
    );
    survey.contexts = vec![dn("o=none"), dn("o=one"), dn("o=two")];
    check(
        &survey,
        "one: o=one and o=two | uid in ou=people,o=two that are (objectClass=inetOrgPerson), \
         1 others | member in ou=groups,o=one, 0 others",
    );
}

#[test]
fn active_directory_has_users_and_groups_of_its_own_kind() {
    let people = vec![seen("cn=Ann,cn=Users,dc=corp,dc=example", "user", &["sAMAccountName"])];
    let groups = vec![seen("cn=A,ou=teams,dc=corp,dc=example", "group", &["sAMAccountName"])];
    let mut survey = survey(people, groups);
    survey.kind = Kind::ActiveDirectory;
    survey.contexts = vec![dn("DC=corp,DC=example")];
    check(
        &survey,
        "corp: DC=corp,DC=example | sAMAccountName in cn=Users,dc=corp,dc=example that are \
         (&(objectCategory=person)(objectClass=user)), 0 others | member in \
         ou=teams,dc=corp,dc=example, 0 others",
    );
    let groups = propose(&survey).groups.expect("there is a group");
    assert_eq!(groups.filter, Some("(objectClass=group)"));
}

#[test]
fn a_directory_that_shows_nobody_has_its_contexts_served() {
    check(&survey(Vec::new(), Vec::new()), "example: dc=example,dc=com | nobody | no groups");
    let mut empty = survey(Vec::new(), Vec::new());
    empty.contexts.clear();
    check(&empty, "corp:  | nobody | no groups");
}

#[test]
fn a_root_dse_names_contexts_and_those_in_which_a_directory_keeps_house_are_left_out() {
    let names = ["dc=example,dc=com", "cn=Config", "cn=changelog", "o=NetscapeRoot", ""];
    let root = entry("", &[("namingContexts", &names), ("defaultNamingContext", &["dc=ad"])]);
    assert_eq!(contexts(&root, Kind::Generic), [dn("dc=example,dc=com")]);
    assert_eq!(contexts(&root, Kind::ActiveDirectory), [dn("dc=ad")]);
}

#[test]
fn every_filter_can_be_read() {
    for kind in Kind::ALL {
        for text in [people_filter(kind), groups_filter(kind), containers_filter()] {
            assert!(Filter::parse(&text).is_ok(), "{text}");
        }
    }
}

fn any_name() -> impl Strategy<Value = String> {
    proptest::collection::vec("[ab]", 1..5).prop_map(|parts| {
        let parts: Vec<String> = parts.iter().map(|part| format!("ou={part}")).collect();
        format!("{},dc=example,dc=com", parts.join(","))
    })
}

proptest! {
    #[test]
    fn everybody_is_within_the_base_and_no_deeper_name_is_above_all(
        names in proptest::collection::vec(any_name(), 1..8)
    ) {
        let people: Vec<Seen> = names.iter().map(|name| person(name)).collect();
        let base = propose(&survey(people.clone(), Vec::new())).people.expect("they are there").base;
        let parents: Vec<DistinguishedName> =
            people.iter().map(|seen| seen.dn.parent().expect("it lies in something")).collect();
        prop_assert!(parents.iter().all(|parent| parent.is_within(&base)));
        let is_above_all =
            |name: &DistinguishedName| parents.iter().all(|parent| parent.is_within(name));
        let deeper = parents.iter().filter(|name| **name != base && name.is_within(&base));
        prop_assert!(!deeper.clone().any(is_above_all));
    }
}
