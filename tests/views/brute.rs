//! Random filters on random trees, each asked in several views: what comes is what brute force finds in
//! the tree as the view has it.

use crate::support::counts::{counted, seed};
use crate::support::dice::Dice;
use crate::support::folder::free_port;
use crate::support::forest::{EXTRA, FILTERS, change, is_in, place, random_filter, same, values};
use crate::support::gateway::Gateway;
use crate::support::pdu::Ask;
use crate::support::raw::Raw;
use crate::support::slapd::{Options, Slapd};
use crate::support::tree::{self, GROUPS, PEOPLE, SERVICE, SUFFIX, group, person};
use bindgate::domain::matching::{Truth, evaluate};
use bindgate::proto::filter::Filter;
use bindgate::proto::search::{Attribute, Entry};
use std::collections::btree_map::Entry as Place;
use std::collections::{BTreeMap, BTreeSet};

/// Where the oracle keeps what the in-chain rule sees: an attribute of names that the tree has none of.
const CHAIN: &str = "seeAlso";

/// A view, as the oracle knows it.
struct View {
    settings: String,
    /// Groups so many levels up are shown.
    levels: usize,
    /// Which groups are shown at all, by the beginning of their common names.
    prefix: &'static str,
    /// What groups are called.
    names: BTreeMap<String, String>,
    /// What is shown; empty for all.
    attributes: &'static [&'static str],
    base: Option<&'static str>,
    filter: Option<&'static str>,
}

impl View {
    fn all() -> Self {
        Self {
            settings: String::new(),
            levels: usize::MAX,
            prefix: "",
            names: BTreeMap::new(),
            attributes: &[],
            base: None,
            filter: None,
        }
    }

    fn with(self, settings: &str) -> Self {
        Self { settings: format!("{}\n{settings}", self.settings), ..self }
    }

    fn to(self, levels: usize, mode: &str) -> Self {
        Self { levels, ..self.with(&format!("flatten = \"{mode}\"")) }
    }

    /// Only the groups whose names begin so.
    fn of(self, prefix: &'static str) -> Self {
        Self { prefix, ..self.with(&format!("group_filter = \"(cn={prefix}*)\"")) }
    }

    fn naming(self, names: &[(&str, &str)]) -> Self {
        let full = |(own, shown): &(&str, &str)| (group(own), format!("cn={shown},ou=app"));
        let names: Vec<(String, String)> = names.iter().map(full).collect();
        let rows: Vec<String> =
            names.iter().map(|(own, shown)| format!("\"{own}\" = \"{shown}\"")).collect();
        let names = names.iter().map(|(own, shown)| (same(own), shown.clone())).collect();
        Self { names, ..self.with(&format!("group_names = {{ {} }}", rows.join(", "))) }
    }

    fn showing(self, attributes: &'static [&'static str]) -> Self {
        Self { attributes, ..self.with(&format!("attributes = {attributes:?}")) }
    }

    fn within(self, base: &'static str) -> Self {
        Self { base: Some(base), ..self.with(&format!("base = [\"{base}\"]")) }
    }

    fn filtered(self, filter: &'static str) -> Self {
        Self { filter: Some(filter), ..self.with(&format!("filter = \"{filter}\"")) }
    }

    fn hides(&self, attribute: &str) -> bool {
        !self.attributes.is_empty()
            && !self.attributes.iter().any(|own| own.eq_ignore_ascii_case(attribute))
    }

    /// Some of everything, each once alone and together with others.
    fn several() -> Vec<Self> {
        let shown: &[&str] = &["objectClass", "uid", "memberOf"];
        vec![
            Self::all().to(1, "direct"),
            Self::all().to(2, "depth:1").of("g"),
            Self::all().naming(&[("A", "one"), ("bottom", "one"), ("g001", "two"), ("g002", "A")]),
            Self::all().showing(shown),
            Self::all().showing(&["objectClass", "cn", "member"]),
            Self::all().within(PEOPLE).filtered("(uid=u*)"),
            Self::all().within(GROUPS).to(1, "direct").showing(&["cn", "memberOf"]),
            Self::all()
                .of("g")
                .naming(&[("g000", "zero"), ("g003", "zero")])
                .filtered("(objectClass=inetOrgPerson)")
                .showing(shown),
        ]
    }

    /// The filter as the oracle evaluates it on entries that this view has prepared.
    fn oracle(&self, filter: &Filter) -> Filter {
        let all = |parts: &[Filter]| parts.iter().map(|part| self.oracle(part)).collect();
        let attribute = match filter {
            Filter::And(parts) => return Filter::And(all(parts)),
            Filter::Or(parts) => return Filter::Or(all(parts)),
            Filter::Not(inner) => return Filter::Not(Box::new(self.oracle(inner))),
            Filter::Present(name) | Filter::Equal(name, _) => name,
            Filter::Substrings { attribute, .. } => attribute,
            Filter::Extensible { attribute: Some(name), .. } => name,
            other => panic!("the test has no such filters: {other}"),
        };
        if self.hides(attribute) {
            return undefined();
        }
        match filter {
            Filter::Extensible { value, .. } if attribute == "memberOf" => {
                Filter::equal(CHAIN, value.clone())
            }
            // The directory does not know the rule.
            Filter::Extensible { .. } => undefined(),
            other => other.clone(),
        }
    }

    /// The names of the groups up to a level, as they are shown here.
    fn shown(&self, above: &BTreeMap<String, usize>, levels: usize) -> Vec<Vec<u8>> {
        let begins = format!("cn={}", self.prefix);
        let is_shown =
            |(dn, level): &(&String, &usize)| **level <= levels && dn.starts_with(&begins);
        let name = |(dn, _): (&String, &usize)| self.names.get(&same(dn)).unwrap_or(dn).clone();
        let names: BTreeSet<String> = above.iter().filter(is_shown).map(name).collect();
        names.into_iter().map(String::into_bytes).collect()
    }

    /// What a search finds, by name, each with its groups; or its code.
    fn find(&self, world: &World, base: &str, scope: i64, filter: &Filter) -> Expected {
        // From above a base on, what is below it is found.
        let is_apart = |own: &str| !is_in(own, 2, base) && !is_in(base, 2, own);
        if self.base.is_some_and(is_apart) {
            return Err(32);
        }
        let is_below = |entry: &Entry| self.base.is_none_or(|own| is_in(own, 2, &entry.dn));
        let of_view = self.filter.map(|text| Filter::parse(text).expect("it is a filter"));
        let oracle = self.oracle(filter);
        let mut found = BTreeMap::new();
        for entry in world.entries.iter().filter(|entry| is_in(base, scope, &entry.dn)) {
            if !is_below(entry) {
                continue;
            }
            if of_view.as_ref().is_some_and(|filter| evaluate(filter, entry) != Truth::True) {
                continue;
            }
            let above = world.above(&entry.dn);
            let groups = self.shown(&above, self.levels);
            let mut prepared = entry.clone();
            for (name, values) in
                [("memberOf", groups.clone()), (CHAIN, self.shown(&above, usize::MAX))]
            {
                if !values.is_empty() {
                    prepared.attributes.push(Attribute { name: name.to_owned(), values });
                }
            }
            if evaluate(&oracle, &prepared) == Truth::True {
                let groups = if self.hides("memberOf") { Vec::new() } else { groups };
                let text = |value: Vec<u8>| String::from_utf8_lossy(&value).into_owned();
                found.insert(same(&entry.dn), groups.into_iter().map(text).collect());
            }
        }
        Ok(found)
    }
}

type Expected = Result<BTreeMap<String, Vec<String>>, u32>;

/// An item that nothing can be said of.
fn undefined() -> Filter {
    Filter::parse("(uidNumber=none)").expect("it is a filter")
}

/// The tree as the directory has it.
struct World {
    entries: Vec<Entry>,
}

impl World {
    fn read(admin: &mut Raw) -> Self {
        let (entries, code) = admin.search(&Ask { scope: 2, ..Ask::entry(SUFFIX) });
        assert_eq!(code, 0);
        Self { entries }
    }

    /// The groups above an entry, each with how many steps it is away at least.
    fn above(&self, dn: &str) -> BTreeMap<String, usize> {
        let (mut above, mut level) = (BTreeMap::new(), vec![same(dn)]);
        for steps in 1.. {
            let holds = |entry: &&Entry| {
                let members = entry.values("member").iter();
                let mut members = members.map(|member| same(&String::from_utf8_lossy(member)));
                members.any(|member| level.contains(&member))
            };
            let holders: Vec<String> =
                self.entries.iter().filter(holds).map(|entry| entry.dn.clone()).collect();
            level.clear();
            for holder in holders {
                let name = same(&holder);
                if let Place::Vacant(new) = above.entry(holder) {
                    new.insert(steps);
                    level.push(name);
                }
            }
            if level.is_empty() {
                break;
            }
        }
        above
    }
}

#[test]
fn in_every_view_random_filters_find_what_brute_force_finds_in_the_tree_as_the_view_has_it() {
    let (seed, cases) = (seed(), counted(2_000, 100_000));
    let mut dice = Dice::new(seed);
    let slapd = Slapd::with(&Options { extra: EXTRA, ..Options::default() });
    let views = View::several();
    let ports: Vec<u16> = views.iter().map(|_| free_port()).collect();
    let gateway = Gateway::configured(slapd.port(), |settings, _| {
        let all = std::iter::once(settings.ldap_port).chain(ports.iter().copied());
        let all: Vec<String> = all.map(|port| format!("\"127.0.0.1:{port}\"")).collect();
        settings.set("[listen]", "ldap", format!("[{}]", all.join(", ")));
        for (number, (view, port)) in views.iter().zip(&ports).enumerate() {
            settings.add_view(&format!(
                "name = \"v{number}\"\nwrites = \"deny\"\n\
                 match = {{ listeners = [\"127.0.0.1:{port}\"] }}{}",
                view.settings
            ));
        }
    });
    gateway.comes_to_have_a_copy();
    let mut admin = slapd.admin();
    let mut clients: Vec<Raw> = ports.iter().map(|port| Raw::connect(*port)).collect();
    for client in &mut clients {
        assert_eq!(client.bind(SERVICE, tree::SERVICE_PASSWORD), 0);
    }
    for _ in 0..cases.div_ceil(FILTERS) {
        change(&mut admin, &mut dice);
        // Behind a sign-on nothing older is served.
        assert_eq!(gateway.sign_on(&person("erin"), tree::password("erin")), 0);
        let world = World::read(&mut admin);
        for _ in 0..FILTERS {
            let filter = random_filter(&mut dice, 3);
            let (base, scope) = place(&mut dice);
            let number = dice.below(views.len());
            let expected = views[number].find(&world, &base, scope, &filter);
            let found = ask(&mut clients[number], &base, scope, &filter);
            let told = format!("{filter} at {base}, scope {scope}, view {number}, seed {seed}");
            assert_eq!(found, expected, "{told}");
        }
    }
}

#[track_caller]
fn ask(client: &mut Raw, base: &str, scope: i64, filter: &Filter) -> Expected {
    let mut bytes = Vec::new();
    filter.encode(&mut bytes);
    let ask = Ask { scope, ..Ask::below(base, bytes, &["memberOf"]) };
    let (entries, code) = client.search(&ask);
    let found: BTreeMap<String, Vec<String>> =
        entries.iter().map(|entry| (same(&entry.dn), values(entry, "memberOf"))).collect();
    assert_eq!(found.len(), entries.len(), "an entry came twice: {filter}");
    match code {
        0 => Ok(found),
        code => Err(code),
    }
}
