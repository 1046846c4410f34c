//! Random nested groups and random filters, for tests that hold what comes through the gateway against
//! brute force.

use super::dice::Dice;
use super::pdu::Change;
use super::raw::Raw;
use super::tree::{Extra, GROUPS, NOBODY, PEOPLE, SUFFIX, extra_group, extra_uid, group, person};
use bindgate::proto::dn::DistinguishedName;
use bindgate::proto::filter::Filter;
use bindgate::proto::search::Entry;
use std::collections::BTreeSet;

const PERSONS: usize = 10;
const NESTED: usize = 6;
/// What is in the tree beside what always is.
pub const EXTRA: Extra = Extra { people: PERSONS, groups: NESTED };
/// Filters for each tree: a tree costs a dozen changes, a filter one search.
pub const FILTERS: u64 = 100;
const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";

/// One spelling for all of a DN.
pub fn same(dn: &str) -> String {
    let dn = DistinguishedName::parse(dn).expect("the tree's names are names");
    dn.normalized().as_str().to_owned()
}

/// Some groups get other members: people, groups, themselves, and whoever is not there.
pub fn change(admin: &mut Raw, dice: &mut Dice) {
    for _ in 0..1 + dice.below(NESTED) {
        let mut members = BTreeSet::from([NOBODY.to_owned()]);
        for _ in 0..dice.below(5) {
            members.insert(match dice.below(3) {
                0 => group(&extra_group(dice.below(NESTED))),
                1 => group(dice.one_of::<&str>(&["A", "B", "bottom", "top", "self", "loop-one"])),
                _ => person(&extra_uid(dice.below(PERSONS))),
            });
        }
        let values: Vec<&[u8]> = members.iter().map(String::as_bytes).collect();
        let holder = group(&extra_group(dice.below(NESTED)));
        admin.modify(&holder, Change::Replace, "member", &values);
    }
}

fn a_group(dice: &mut Dice) -> String {
    let name = match dice.below(4) {
        0 => (*dice.one_of(&["A", "B", "bottom", "left", "top", "self", "loop-one"])).to_owned(),
        1 if dice.once_in(4) => "nowhere".to_owned(),
        _ => extra_group(dice.below(NESTED)),
    };
    let dn = group(&name);
    match dice.below(4) {
        0 => dn.to_uppercase(),
        1 => dn.replace(',', " , "),
        2 => dn.replacen("cn=", "2.5.4.3=", 1),
        _ => dn,
    }
}

/// Somebody whom a group may hold: a user, a group, or nobody.
fn a_member(dice: &mut Dice) -> String {
    match dice.below(8) {
        0 => NOBODY.to_owned(),
        1 => person(dice.one_of::<&str>(&["ann", "bob", "carol", "dave"])),
        2 | 3 => a_group(dice),
        _ => person(&extra_uid(dice.below(PERSONS))),
    }
}

fn leaf(dice: &mut Dice) -> Filter {
    let text = match dice.below(18) {
        0..=4 => return Filter::equal("memberOf", a_group(dice)),
        5 => {
            return Filter::Extensible {
                rule: Some(IN_CHAIN.to_owned()),
                attribute: Some("memberOf".to_owned()),
                value: a_group(dice).into_bytes(),
                dn_attributes: false,
            };
        }
        6 => "(memberOf=*)".to_owned(),
        7 => "(memberOf=no name)".to_owned(),
        8 => format!("(uid={})", extra_uid(dice.below(PERSONS))),
        9 => "(uid=u*)".to_owned(),
        10 => "(objectClass=inetOrgPerson)".to_owned(),
        11 => "(objectClass=groupOfNames)".to_owned(),
        12 => "(uidNumber=none)".to_owned(),
        13 => "(member=no name)".to_owned(),
        14 => {
            return Filter::Extensible {
                rule: Some(IN_CHAIN.to_owned()),
                attribute: Some("member".to_owned()),
                value: person(&extra_uid(dice.below(PERSONS))).into_bytes(),
                dn_attributes: false,
            };
        }
        _ => return Filter::equal("member", a_member(dice)),
    };
    Filter::parse(&text).expect("the test's filters are some")
}

/// A filter of so many levels at most.
pub fn random_filter(dice: &mut Dice, depth: usize) -> Filter {
    if depth == 0 || dice.once_in(3) {
        return leaf(dice);
    }
    let parts = |dice: &mut Dice| -> Vec<Filter> {
        (0..1 + dice.below(3)).map(|_| random_filter(dice, depth - 1)).collect()
    };
    match dice.below(3) {
        0 => Filter::And(parts(dice)),
        1 => Filter::Or(parts(dice)),
        _ => Filter::Not(Box::new(random_filter(dice, depth - 1))),
    }
}

/// The same with the chain's rule as equality, which it is where all groups above are shown.
pub fn as_equality(filter: &Filter) -> Filter {
    let all = |parts: &[Filter]| parts.iter().map(as_equality).collect();
    match filter {
        Filter::And(parts) => Filter::And(all(parts)),
        Filter::Or(parts) => Filter::Or(all(parts)),
        Filter::Not(inner) => Filter::Not(Box::new(as_equality(inner))),
        Filter::Extensible { attribute: Some(name), value, .. } => {
            Filter::equal(name, value.clone())
        }
        other => other.clone(),
    }
}

/// A place to search: its base and its scope.
pub fn place(dice: &mut Dice) -> (String, i64) {
    match dice.below(6) {
        0 => (person(&extra_uid(dice.below(PERSONS))), 0),
        1 => (group(&extra_group(dice.below(NESTED))), 0),
        2 => (PEOPLE.to_owned(), 1),
        3 => (GROUPS.to_owned(), 2),
        _ => (SUFFIX.to_owned(), 2),
    }
}

/// Whether an entry is in a place.
pub fn is_in(base: &str, scope: i64, dn: &str) -> bool {
    let name = |text: &str| DistinguishedName::parse(text).expect("the tree's names are names");
    let (base, dn) = (name(base), name(dn));
    match scope {
        0 => dn == base,
        1 => dn.parent().is_some_and(|parent| parent == base),
        _ => dn.is_within(&base),
    }
}

/// The values of an attribute, sorted.
pub fn values(entry: &Entry, attribute: &str) -> Vec<String> {
    let values = entry.values(attribute).iter();
    let mut values: Vec<String> =
        values.map(|value| String::from_utf8_lossy(value).into_owned()).collect();
    values.sort();
    values
}
