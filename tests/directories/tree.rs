//! One tree of people and groups, for every directory.

use crate::support::pdu::{self, Change};
use crate::support::raw::Raw;
use crate::support::samba;
use crate::support::tree::{SERVICE, SERVICE_PASSWORD, SUFFIX};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Where people are.
pub(crate) const PEOPLE: &str = "ou=staff,dc=example,dc=com";
/// Where groups are.
pub(crate) const GROUPS: &str = "ou=teams,dc=example,dc=com";
/// Where those are who fill the large group.
const CROWD: &str = "ou=crowd,dc=example,dc=com";
/// How many they are.
const CROWDED: usize = 3000;

/// Whoever signs on: uid, and the name as it stands in a DN.
pub(crate) const EVERYBODY: [(&str, &str); 9] = [
    ("ann", "ann"),
    ("bob", "bob"),
    ("carol", "carol"),
    ("deep", "deep"),
    ("cyril", "cyril"),
    ("erin", "erin"),
    ("frank", "frank"),
    ("jane", "Smith\\, Jane"),
    ("zoë", "zoë"),
];

/// Who is disabled.
pub(crate) const DISABLED: &str = "frank";
/// Whose primary group, where there is such a thing, is [`PRIMARY`].
pub(crate) const HAS_PRIMARY: &str = "erin";
/// A group that does not list whoever has it as primary group.
pub(crate) const PRIMARY: &str = "primary";

/// The ways in which groups are flattened.
pub(crate) const MODES: [&str; 5] = ["direct", "ancestors", "depth:1", "leaf", "mapped"];
/// The groups that `mapped` shows.
pub(crate) const MAPPED: [&str; 5] = ["A", "top", "level-7", "loop-one", "above primary"];

/// What a group is, where that makes a difference.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Global,
    Universal,
    Local,
    Distribution,
}

/// A group with its members: people, and groups behind an `@`.
type Group = (&'static str, Kind, &'static [&'static str]);

const ALL: [Group; 24] = [
    ("B", Kind::Global, &["ann", "frank"]),
    ("A", Kind::Global, &["@B"]),
    ("level-1", Kind::Global, &["@level-2"]),
    ("level-2", Kind::Global, &["@level-3"]),
    ("level-3", Kind::Global, &["@level-4"]),
    ("level-4", Kind::Global, &["@level-5"]),
    ("level-5", Kind::Global, &["@level-6"]),
    ("level-6", Kind::Global, &["@level-7"]),
    ("level-7", Kind::Global, &["@level-8"]),
    ("level-8", Kind::Global, &["deep"]),
    ("loop-one", Kind::Universal, &["@loop-two"]),
    ("loop-two", Kind::Universal, &["@loop-one", "cyril"]),
    ("bottom", Kind::Global, &["carol"]),
    ("left", Kind::Global, &["@bottom"]),
    ("right", Kind::Global, &["@bottom"]),
    ("top", Kind::Global, &["@left", "@right"]),
    ("Sales\\, EMEA", Kind::Global, &["jane"]),
    ("Zürich 漢字", Kind::Global, &["zoë", "@Sales\\, EMEA"]),
    ("all (of) *", Kind::Universal, &["bob", "@Zürich 漢字"]),
    ("local", Kind::Local, &["@B"]),
    ("list", Kind::Distribution, &["ann", "@bottom"]),
    (PRIMARY, Kind::Global, &[HAS_PRIMARY]),
    ("above primary", Kind::Universal, &["@primary"]),
    ("above crowd", Kind::Universal, &["@crowd"]),
];

/// The DN of a person by uid.
pub(crate) fn person(uid: &str) -> String {
    let known = EVERYBODY.iter().find(|(known, _)| *known == uid);
    format!("cn={},{PEOPLE}", known.map_or(uid, |(_, name)| name))
}

/// The DN of a group by its (escaped) name.
pub(crate) fn group(name: &str) -> String {
    format!("cn={name},{GROUPS}")
}

/// The password of a person.
pub(crate) fn password(uid: &str) -> String {
    format!("pw-{uid}")
}

/// A name without its escapes.
fn plain(name: &str) -> String {
    name.replace('\\', "")
}

fn member(name: &str) -> String {
    name.strip_prefix('@').map_or_else(|| person(name), group)
}

fn crowd() -> Vec<String> {
    (0..CROWDED).map(|number| format!("cn=crowd{number:04},{CROWD}")).collect()
}

/// All groups: name, kind and the members' DNs.
fn groups() -> Vec<(String, Kind, Vec<String>)> {
    let named = ALL.iter().map(|(name, kind, members)| {
        ((*name).to_owned(), *kind, members.iter().map(|name| member(name)).collect())
    });
    let mut crowded = crowd();
    crowded.push(person("bob"));
    named.chain([("crowd".to_owned(), Kind::Global, crowded)]).collect()
}

/// The groups above somebody or some group, each with how many levels it lies above the first.
fn above(dn: &str) -> BTreeMap<String, usize> {
    let (groups, mut above) = (groups(), BTreeMap::new());
    let mut level = vec![dn.to_owned()];
    for depth in 0.. {
        let holds = |group: &&(String, Kind, Vec<String>)| {
            group.2.iter().any(|member| level.contains(member))
        };
        let next: Vec<String> = groups.iter().filter(holds).map(|(name, ..)| group(name)).collect();
        level = next.into_iter().filter(|dn| !above.contains_key(dn)).collect();
        if level.is_empty() {
            break;
        }
        above.extend(level.iter().map(|dn| (dn.clone(), depth)));
    }
    above
}

/// The names of somebody's groups in each of [`MODES`], by what the tree says alone.
pub(crate) fn flattened(uid: &str, mode: &str) -> Vec<String> {
    let all = above(&person(uid));
    let is_leaf = |dn: &String| {
        let is_below = |other: &&String| above(other).contains_key(dn);
        // Groups of one cycle are one.
        all.keys().filter(is_below).all(|other| above(dn).contains_key(other))
    };
    let is_shown = |(dn, depth): &(&String, &usize)| match mode {
        "direct" => **depth == 0,
        "depth:1" => **depth <= 1,
        "leaf" => is_leaf(dn),
        "mapped" => MAPPED.iter().any(|name| group(name) == **dn),
        _ => true,
    };
    let shown = all.iter().filter(is_shown).map(|(dn, _)| plain(dn));
    let first = |dn: String| dn["cn=".len()..dn.len() - GROUPS.len() - 1].to_owned();
    let mut names: Vec<String> = shown.map(first).collect();
    names.sort();
    names
}

/// The tree as Active Directory has it.
pub(crate) fn domain() -> String {
    let mut people: Vec<Value> = EVERYBODY
        .iter()
        .map(|(uid, name)| {
            json!({
                "dn": person(uid), "name": plain(name), "uid": uid, "mail": mail(uid),
                "password": password(uid), "disabled": *uid == DISABLED,
            })
        })
        .collect();
    people.push(json!({
        "dn": SERVICE, "name": "gateway", "uid": "gateway", "mail": "gateway@example.com",
        "password": SERVICE_PASSWORD, "disabled": false,
    }));
    let groups = groups().into_iter().map(|(name, kind, members)| {
        let members: Vec<String> = match name.as_str() {
            PRIMARY => Vec::new(),
            _ => members,
        };
        let kind = format!("{kind:?}").to_lowercase();
        json!({ "dn": group(&name), "name": plain(&name), "kind": kind, "members": members })
    });
    json!({
        "suffix": SUFFIX,
        "password": samba::PASSWORD,
        "units": [PEOPLE, GROUPS, CROWD],
        "contacts": crowd(),
        "people": people,
        "groups": groups.collect::<Vec<_>>(),
        "primary": { person(HAS_PRIMARY): group(PRIMARY) },
    })
    .to_string()
}

fn mail(uid: &str) -> String {
    let ascii: String = uid.chars().map(|c| if c.is_ascii() { c } else { 'x' }).collect();
    format!("{ascii}@example.com")
}

/// The password policy of slapd, by which an account can be locked.
pub(crate) const POLICY: &str = "cn=policy,dc=example,dc=com";

/// Adds slapd's password policy.
pub(crate) fn plant_policy(admin: &mut Raw) {
    let attributes: [(&str, &[&str]); 3] = [
        ("objectClass", &["device", "pwdPolicy"]),
        ("pwdAttribute", &["userPassword"]),
        ("pwdLockout", &["TRUE"]),
    ];
    assert_eq!(admin.code(&pdu::add(POLICY, &attributes)), 0);
}

/// When members are put into groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Members {
    /// When the group is added: there it may not be empty.
    AtOnce,
    /// When all groups are there: a `memberOf` that is kept is whole only then.
    Later,
}

/// Adds the tree to a directory that has the suffix; `lock` is what says that somebody is disabled.
pub(crate) fn plant(admin: &mut Raw, lock: (&str, &str), when: Members) {
    let mut add = |dn: &str, attributes: &[(&str, Vec<&str>)]| {
        let attributes: Vec<(&str, &[&str])> =
            attributes.iter().map(|(name, values)| (*name, values.as_slice())).collect();
        let code = admin.code(&pdu::add(dn, &attributes));
        assert!(matches!(code, 0 | 68), "{dn}: {code}");
    };
    for dn in [PEOPLE, GROUPS] {
        add(dn, &[("objectClass", vec!["organizationalUnit"])]);
    }
    let account = ["organizationalRole", "simpleSecurityObject"];
    let secret = vec![SERVICE_PASSWORD];
    add(
        SERVICE,
        &[("objectClass", account.to_vec()), ("cn", vec!["gateway"]), ("userPassword", secret)],
    );
    for (uid, name) in EVERYBODY {
        let (name, password, mail) = (plain(name), password(uid), mail(uid));
        let mut attributes = vec![
            ("objectClass", vec!["inetOrgPerson"]),
            ("cn", vec![name.as_str()]),
            ("sn", vec![name.as_str()]),
            ("uid", vec![uid]),
            ("mail", vec![mail.as_str()]),
            ("userPassword", vec![password.as_str()]),
        ];
        if uid == DISABLED {
            attributes.push((lock.0, vec![lock.1]));
        }
        add(&person(uid), &attributes);
    }
    for (name, _, members) in groups() {
        let members: Vec<&str> = members.iter().map(String::as_str).collect();
        let plain = plain(&name);
        let mut attributes =
            vec![("objectClass", vec!["groupOfNames"]), ("cn", vec![plain.as_str()])];
        if when == Members::AtOnce {
            attributes.push(("member", members));
        }
        add(&group(&name), &attributes);
    }
    if when == Members::Later {
        for (name, _, members) in groups() {
            let members: Vec<&[u8]> = members.iter().map(|member| member.as_bytes()).collect();
            admin.modify(&group(&name), Change::Add, "member", &members);
        }
    }
}
