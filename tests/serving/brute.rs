//! Random trees and random filters: what comes through the gateway is what brute force finds over the
//! flattened tree.

use crate::support::counts::{counted, seed};
use crate::support::dice::Dice;
use crate::support::forest::{
    EXTRA, FILTERS, as_equality, change, is_in, place, random_filter, same, values,
};
use crate::support::gateway::Gateway;
use crate::support::pdu::Ask;
use crate::support::raw::Raw;
use crate::support::slapd::{Options, Slapd};
use crate::support::tree::{self, GROUPS, SERVICE, SUFFIX, person};
use bindgate::domain::matching::{Truth, evaluate};
use bindgate::proto::search::{Attribute, Entry};
use std::collections::{BTreeMap, BTreeSet};

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

#[test]
fn s10_1_random_filters_on_random_trees_find_what_brute_force_finds() {
    let (seed, cases) = (seed(), counted(5_000, 200_000));
    let mut dice = Dice::new(seed);
    let slapd = Slapd::with(&Options { extra: EXTRA, ..Options::default() });
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
