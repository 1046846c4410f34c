//! Random trees and random filters: what comes through the gateway is what brute force finds over the
//! flattened tree.

use crate::support::counts::{counted, seed};
use crate::support::dice::Dice;
use crate::support::gateway::Gateway;
use crate::support::pdu::{Ask, Change};
use crate::support::raw::Raw;
use crate::support::slapd::{Options, Slapd};
use crate::support::tree::{
    self, Extra, GROUPS, NOBODY, PEOPLE, SERVICE, SUFFIX, extra_group, extra_uid, group, person,
};
use bindgate::domain::matching::{Truth, evaluate};
use bindgate::proto::dn::DistinguishedName;
use bindgate::proto::filter::Filter;
use bindgate::proto::search::{Attribute, Entry};
use std::collections::{BTreeMap, BTreeSet};

const PERSONS: usize = 10;
const NESTED: usize = 6;
/// Filters for each tree: a tree costs a dozen changes, a filter one search.
const FILTERS: u64 = 100;
const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";

/// The tree as the directory has it, and who is in which groups.
struct World {
    entries: Vec<Entry>,
    above: BTreeMap<String, BTreeSet<String>>,
}

impl World {
    /// What an administrator reads, and the closures by the plainest of means: what is listed is
    /// added until nothing more is.
    fn read(admin: &mut Raw) -> Self {
        let (entries, code) = admin.search(&Ask { scope: 2, ..Ask::entry(SUFFIX) });
        assert_eq!(code, 0);
        let mut above: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for holder in &entries {
            for member in holder.values("member") {
                let member = String::from_utf8_lossy(member);
                above.entry(same(&member)).or_default().insert(holder.dn.clone());
            }
        }
        loop {
            let before = above.values().map(BTreeSet::len).sum::<usize>();
            let known = above.clone();
            for holders in above.values_mut() {
                let higher: Vec<String> = holders
                    .iter()
                    .filter_map(|holder| known.get(&same(holder)))
                    .flatten()
                    .cloned()
                    .collect();
                holders.extend(higher);
            }
            if above.values().map(BTreeSet::len).sum::<usize>() == before {
                return Self { entries, above };
            }
        }
    }

    fn groups_of(&self, dn: &str) -> Vec<String> {
        self.above.get(&same(dn)).into_iter().flatten().cloned().collect()
    }

    /// Whom a group holds, by way of others too: users and groups. Whoever is neither is held where
    /// it is listed.
    fn members_of(&self, holder: &Entry) -> Vec<Vec<u8>> {
        let holds = |entry: &&Entry| self.groups_of(&entry.dn).contains(&holder.dn);
        let is_known = |value: &[u8]| {
            let name = same(&String::from_utf8_lossy(value));
            self.entries.iter().any(|entry| same(&entry.dn) == name)
        };
        let held = self.entries.iter().filter(holds).map(|entry| entry.dn.clone().into_bytes());
        let others = holder.values("member").iter().filter(|value| !is_known(value)).cloned();
        held.chain(others).collect()
    }

    /// Whom a group is shown to hold: users, and whoever is listed and is neither user nor group.
    fn list_of(&self, holder: &Entry) -> Vec<String> {
        let mut list = self.members_of(holder);
        list.retain(|value| {
            let dn = String::from_utf8_lossy(value);
            !same(&dn).ends_with(&same(GROUPS))
        });
        let mut list: Vec<String> =
            list.iter().map(|value| String::from_utf8_lossy(value).into_owned()).collect();
        list.sort();
        list
    }

    /// The entries as a directory with flat lists would have them.
    fn flattened(&self) -> Vec<Entry> {
        let flat = |entry: &Entry| {
            let members = self.members_of(entry);
            let mut entry = entry.clone();
            for attribute in entry.attributes.iter_mut().filter(|own| own.name == "member") {
                attribute.values.clone_from(&members);
            }
            let values: Vec<_> =
                self.groups_of(&entry.dn).into_iter().map(String::into_bytes).collect();
            if !values.is_empty() {
                entry.attributes.push(Attribute { name: "memberOf".to_owned(), values });
            }
            entry
        };
        self.entries.iter().map(flat).collect()
    }
}

/// One spelling for all of a DN.
fn same(dn: &str) -> String {
    let dn = DistinguishedName::parse(dn).expect("the tree's names are names");
    dn.normalized().as_str().to_owned()
}

/// Some groups get other members: people, groups, themselves, and whoever is not there.
fn change(admin: &mut Raw, dice: &mut Dice) {
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

fn random_filter(dice: &mut Dice, depth: usize) -> Filter {
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
fn as_equality(filter: &Filter) -> Filter {
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

/// A place to search, and whether an entry of that name is in it.
fn place(dice: &mut Dice) -> (String, i64) {
    match dice.below(6) {
        0 => (person(&extra_uid(dice.below(PERSONS))), 0),
        1 => (group(&extra_group(dice.below(NESTED))), 0),
        2 => (PEOPLE.to_owned(), 1),
        3 => (GROUPS.to_owned(), 2),
        _ => (SUFFIX.to_owned(), 2),
    }
}

fn is_in(base: &str, scope: i64, dn: &str) -> bool {
    let name = |text: &str| DistinguishedName::parse(text).expect("the tree's names are names");
    let (base, dn) = (name(base), name(dn));
    match scope {
        0 => dn == base,
        1 => dn.parent().is_some_and(|parent| parent == base),
        _ => dn.is_within(&base),
    }
}

#[test]
fn s10_1_random_filters_on_random_trees_find_what_brute_force_finds() {
    let (seed, cases) = (seed(), counted(5_000, 200_000));
    let mut dice = Dice::new(seed);
    let slapd = Slapd::with(&Options {
        extra: Extra { people: PERSONS, groups: NESTED },
        ..Options::default()
    });
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set("[directory.serve]", "member", "true");
        settings.add_view("name = \"readers\"\nwrites = \"deny\"");
    });
    gateway.comes_to_have_a_copy();
    let (mut admin, mut client) = (slapd.admin(), gateway.connect());
    assert_eq!(client.bind(SERVICE, tree::SERVICE_PASSWORD), 0);
    for _ in 0..cases.div_ceil(FILTERS) {
        change(&mut admin, &mut dice);
        // Behind a sign-on nothing older is served.
        assert_eq!(gateway.sign_on(&person("erin"), tree::password("erin")), 0);
        let world = World::read(&mut admin);
        let flattened = world.flattened();
        for _ in 0..FILTERS {
            let filter = random_filter(&mut dice, 3);
            let (base, scope) = place(&mut dice);
            let mut bytes = Vec::new();
            filter.encode(&mut bytes);
            let lists = dice.once_in(4);
            let attributes: &[&str] = if lists { &["memberOf", "member"] } else { &["memberOf"] };
            let ask = Ask { scope, ..Ask::below(&base, bytes, attributes) };
            let (entries, code) = client.search(&ask);
            let shown = |entry: &Entry| (values(entry, "memberOf"), values(entry, "member"));
            let found: BTreeMap<String, (Vec<String>, Vec<String>)> =
                entries.iter().map(|entry| (same(&entry.dn), shown(entry))).collect();
            let oracle = as_equality(&filter);
            let list = |at: usize| match lists {
                true => world.list_of(&world.entries[at]),
                false => Vec::new(),
            };
            let expected: BTreeMap<String, (Vec<String>, Vec<String>)> = flattened
                .iter()
                .enumerate()
                .filter(|(_, entry)| is_in(&base, scope, &entry.dn))
                .filter(|(_, entry)| evaluate(&oracle, entry) == Truth::True)
                .map(|(at, entry)| (same(&entry.dn), (values(entry, "memberOf"), list(at))))
                .collect();
            assert_eq!(code, 0, "{filter} at {base}, scope {scope}, seed {seed}");
            assert_eq!(found.len(), entries.len(), "an entry came twice: {filter}, seed {seed}");
            assert_eq!(found, expected, "{filter} at {base}, scope {scope}, seed {seed}");
        }
    }
}

fn values(entry: &Entry, attribute: &str) -> Vec<String> {
    let values = entry.values(attribute).iter();
    let mut values: Vec<String> =
        values.map(|value| String::from_utf8_lossy(value).into_owned()).collect();
    values.sort();
    values
}
