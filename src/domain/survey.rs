//! What a look at a directory suggests for its configuration: which names are served, where people
//! and groups are, what names users and members. Decided on samples, so each answer is a proposal.

use super::kind::Kind;
use crate::proto::dn::DistinguishedName;
use crate::proto::search::Entry;
use std::collections::BTreeSet;

/// The classes of people, the one that says most first; of several that are seen the first is taken.
const PEOPLE_CLASSES: [&str; 5] =
    ["inetOrgPerson", "nsPerson", "posixAccount", "person", "account"];
/// Attributes that may hold a user name, the usual one first.
const USERNAMES: [&str; 4] = ["uid", "mail", "cn", "sAMAccountName"];
/// What names a user of Active Directory.
const ACCOUNT_NAME: &str = "sAMAccountName";
/// Attributes that may name members of groups.
pub const MEMBER_ATTRIBUTES: [&str; 3] = ["member", "uniqueMember", "memberUid"];
/// The people of Active Directory: contacts have the category, and computers the class.
const AD_PEOPLE: &str = "(&(objectCategory=person)(objectClass=user))";
/// Active Directory's groups.
const AD_GROUPS: &str = "(objectClass=group)";
/// Naming contexts in which a directory keeps house.
const HOUSEKEEPING: [&str; 9] = [
    "cn=config",
    "cn=monitor",
    "cn=changelog",
    "cn=schema",
    "cn=accesslog",
    "cn=deleted objects",
    "o=netscaperoot",
    "o=ipaca",
    "cn=ldapi",
];
/// Classes of entries that hold others.
const CONTAINERS: [&str; 8] = [
    "organizationalUnit",
    "container",
    "nsContainer",
    "organization",
    "domain",
    "dcObject",
    "locality",
    "country",
];

/// What is read of the root DSE beside what tells the kind.
pub const ROOT_ATTRIBUTES: [&str; 2] = ["namingContexts", "defaultNamingContext"];

/// What is read of each entry that is looked at. Members are not: a group may have very many.
pub fn attributes() -> Vec<String> {
    ["objectClass"].into_iter().chain(USERNAMES).map(str::to_owned).collect()
}

/// What finds people, of whatever class. Of Active Directory's own accounts (Administrator, Guest,
/// krbtgt) nothing is to be learnt.
pub fn people_filter(kind: Kind) -> String {
    match kind {
        Kind::ActiveDirectory => format!("(&{AD_PEOPLE}(!(isCriticalSystemObject=TRUE)))"),
        _ => any_of("objectClass", &PEOPLE_CLASSES),
    }
}

/// What finds groups. Those that every Active Directory is born with are left out.
pub fn groups_filter(kind: Kind) -> String {
    match kind {
        Kind::ActiveDirectory => {
            let born = any_of(ACCOUNT_NAME, &["DnsAdmins", "DnsUpdateProxy"]);
            format!("(&{AD_GROUPS}(!(isCriticalSystemObject=TRUE))(!{born}))")
        }
        _ => any_of("objectClass", &["groupOfNames", "groupOfUniqueNames", "posixGroup", "group"]),
    }
}

/// What finds entries that hold others.
pub fn containers_filter() -> String {
    any_of("objectClass", &CONTAINERS)
}

fn any_of(attribute: &str, values: &[&str]) -> String {
    let parts: String = values.iter().map(|value| format!("({attribute}={value})")).collect();
    format!("(|{parts})")
}

/// The naming contexts that a root DSE names in which there may be people; of Active Directory its
/// domain alone.
pub fn contexts(root: &Entry, kind: Kind) -> Vec<DistinguishedName> {
    let attribute = match kind {
        Kind::ActiveDirectory => "defaultNamingContext",
        _ => "namingContexts",
    };
    let names = root.values(attribute).iter();
    let names = names.filter_map(|value| DistinguishedName::from_bytes(value).ok());
    names.filter(|name| !name.is_root() && !keeps_house(name)).collect()
}

fn keeps_house(name: &DistinguishedName) -> bool {
    HOUSEKEEPING.iter().any(|known| name.normalized().as_str() == *known)
}

/// An entry that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its name.
    pub dn: DistinguishedName,
    /// Its classes, in lower case.
    pub classes: BTreeSet<String>,
    /// The attributes that it has exactly one value of, in lower case.
    pub single: BTreeSet<String>,
}

impl Seen {
    /// What there is to remember of an entry; `None` if its name cannot be read.
    pub fn of(entry: &Entry) -> Option<Self> {
        let dn = DistinguishedName::parse(&entry.dn).ok()?;
        let lower = |name: &String| name.to_ascii_lowercase();
        let classes = entry.values("objectClass").iter();
        let classes = classes.map(|value| String::from_utf8_lossy(value).to_ascii_lowercase());
        let single = entry.attributes.iter().filter(|attribute| attribute.values.len() == 1);
        Some(Self {
            dn,
            classes: classes.collect(),
            single: single.map(|attribute| lower(&attribute.name)).collect(),
        })
    }

    fn is_of(&self, class: &str) -> bool {
        self.classes.contains(&class.to_ascii_lowercase())
    }
}

/// What was seen of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// What it is.
    pub kind: Kind,
    /// Where it was looked at.
    pub contexts: Vec<DistinguishedName>,
    /// People, from each part of the tree some.
    pub people: Vec<Seen>,
    /// Groups, from each part of the tree some.
    pub groups: Vec<Seen>,
    /// Those of [`MEMBER_ATTRIBUTES`] that some group has.
    pub members: Vec<&'static str>,
}

/// Where people are, and what is a user name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct People {
    /// They are at or below this name.
    pub base: DistinguishedName,
    /// Which entries they are.
    pub filter: String,
    /// What holds their user names.
    pub username: String,
    /// How many entries that looked like people do not fit these.
    pub others: usize,
}

/// Where groups are, and what names members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Groups {
    /// They are at or below this name.
    pub base: DistinguishedName,
    /// Which entries they are; `None` for the usual classes.
    pub filter: Option<&'static str>,
    /// What names members in those that were seen.
    pub members: Vec<&'static str>,
    /// How many groups were seen elsewhere.
    pub others: usize,
}

/// What is proposed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// What the directory may be called.
    pub name: String,
    /// The names that are served.
    pub suffixes: Vec<DistinguishedName>,
    /// `None` if nobody was seen.
    pub people: Option<People>,
    /// `None` if there was no group.
    pub groups: Option<Groups>,
}

/// Decides on what was seen.
pub fn propose(survey: &Survey) -> Proposal {
    let holds = |context: &&DistinguishedName| {
        survey.people.iter().chain(&survey.groups).any(|seen| seen.dn.is_within(context))
    };
    let mut suffixes: Vec<DistinguishedName> =
        survey.contexts.iter().filter(holds).cloned().collect();
    if suffixes.is_empty() {
        suffixes.clone_from(&survey.contexts);
    }
    Proposal {
        name: name_of(suffixes.first()),
        people: people(survey),
        groups: groups(survey),
        suffixes,
    }
}

/// A short name: the first value of the suffix, as far as a directory may be called that.
pub fn name_of(suffix: Option<&DistinguishedName>) -> String {
    let values = suffix.map(DistinguishedName::named_values).unwrap_or_default();
    let text = values.first().map(|value| String::from_utf8_lossy(&value.value).to_lowercase());
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
    let name: String = text.unwrap_or_default().chars().filter(is_plain).take(32).collect();
    if name.is_empty() { "corp".to_owned() } else { name }
}

fn people(survey: &Survey) -> Option<People> {
    let class = match survey.kind {
        Kind::ActiveDirectory => None,
        _ => {
            let is_seen = |class: &&&str| survey.people.iter().any(|seen| seen.is_of(class));
            Some(*PEOPLE_CLASSES.iter().find(is_seen)?)
        }
    };
    let chosen = survey.people.iter().filter(|seen| class.is_none_or(|class| seen.is_of(class)));
    let (base, within) = place(&survey.contexts, chosen.collect())?;
    let is_unique =
        |name: &&str| within.iter().all(|seen| seen.single.contains(&name.to_lowercase()));
    let username = match survey.kind {
        Kind::ActiveDirectory => ACCOUNT_NAME,
        _ => USERNAMES.into_iter().find(|name| is_unique(&&**name)).unwrap_or(USERNAMES[0]),
    };
    Some(People {
        base,
        filter: class
            .map_or_else(|| AD_PEOPLE.to_owned(), |class| format!("(objectClass={class})")),
        username: username.to_owned(),
        others: survey.people.len() - within.len(),
    })
}

fn groups(survey: &Survey) -> Option<Groups> {
    let (base, within) = place(&survey.contexts, survey.groups.iter().collect())?;
    let members = survey.members.clone();
    let filter = (survey.kind == Kind::ActiveDirectory).then_some(AD_GROUPS);
    Some(Groups { base, filter, members, others: survey.groups.len() - within.len() })
}

/// The deepest name above all entries of the naming context that holds most of them, and these.
fn place<'a>(
    contexts: &[DistinguishedName],
    seen: Vec<&'a Seen>,
) -> Option<(DistinguishedName, Vec<&'a Seen>)> {
    let of = |context: &DistinguishedName| -> Vec<&'a Seen> {
        seen.iter().copied().filter(|seen| seen.dn.is_within(context)).collect()
    };
    // The first of those that hold as many.
    let fullest = contexts.iter().rev().max_by_key(|context| of(context).len())?;
    let within = of(fullest);
    let mut base = above(&within.first()?.dn, fullest);
    while !within.iter().all(|seen| above(&seen.dn, fullest).is_within(&base)) {
        base = base.parent()?;
    }
    Some((base, within))
}

/// What an entry lies in; the context itself lies in itself.
fn above(dn: &DistinguishedName, context: &DistinguishedName) -> DistinguishedName {
    match dn.parent() {
        Some(parent) if parent.is_within(context) => parent,
        _ => context.clone(),
    }
}
