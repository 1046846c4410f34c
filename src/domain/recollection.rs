//! What is kept of the last complete observation of a user, so that it can be told what another
//! configuration would make of it, without asking the directory.
//!
//! Of the entry there is what the configuration in force reads to decide about users, and that an
//! attribute was asked for and not there; never a password or a key. Of the groups there is the closure,
//! with names only where no record's group has them.

use super::activation;
use super::observation::{Closure, Observation, Observed, UnknownReason};
use super::policy::DirectoryPolicy;
use super::record::{Attributes, Group, UpstreamId};
use crate::proto::search::{Attribute, Entry};
use std::collections::BTreeSet;

/// The attribute that every filter may ask for.
const OBJECT_CLASS: &str = "objectclass";

/// What is never kept, whoever may read it: passwords, and what they are checked or made with.
const SECRETS: [&str; 18] = [
    "userpassword",
    "unicodepwd",
    "dbcspwd",
    "ntpwdhistory",
    "lmpwdhistory",
    "supplementalcredentials",
    "sambantpassword",
    "sambalmpassword",
    "sambapasswordhistory",
    "krbprincipalkey",
    "ipanthash",
    "authpassword",
    "userpkcs12",
    "pwdhistory",
    "passwordhistory",
    "clearpassword",
    "cleartextpassword",
    "ms-mcs-admpwd",
];

/// What is kept of an observation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recollection {
    /// The entry's DN.
    pub dn: String,
    /// The attributes that were asked for, by name in lower case.
    pub asked: BTreeSet<String>,
    /// Those of them that were there, by description in lower case; values sorted.
    pub attributes: Attributes,
    /// The closure of the user's groups; `None` if it was not asked for. A group without a DN and a name
    /// is called as the one that is kept.
    pub groups: Option<Closure>,
}

/// The names, in lower case, of those attributes that are always among the asked ones.
pub fn always_asked() -> impl Iterator<Item = String> {
    activation::ATTRIBUTES.into_iter().map(str::to_ascii_lowercase).chain([OBJECT_CLASS.to_owned()])
}

/// The attributes of which values are kept for the users of a directory: those by which it is told who
/// is a user of which type, called how, and whether the account may be used, and those that records
/// keep. In lower case.
pub fn attributes_to_keep(directory: &DirectoryPolicy) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = always_asked().collect();
    for user_type in &directory.user_types {
        let filters = std::iter::once(&user_type.filter).chain(&user_type.disabled);
        let mentioned = filters.flat_map(|filter| filter.attributes());
        let mapped = user_type.attributes.iter().map(|mapping| &*mapping.upstream);
        let all = mentioned.chain(mapped).chain([&*user_type.username]);
        names.extend(all.map(str::to_ascii_lowercase));
    }
    names.retain(|name| !is_secret(name));
    names
}

fn is_secret(name: &str) -> bool {
    SECRETS.contains(&base(name))
}

/// An attribute description without its options.
fn base(description: &str) -> &str {
    description.split(';').next().unwrap_or_default()
}

impl Recollection {
    /// What is kept of an observation; nothing of one that is not complete. `has_name` says of which
    /// groups the name is kept elsewhere.
    pub fn of(
        observation: &Observation,
        asked: &BTreeSet<String>,
        has_name: impl Fn(&Group) -> bool,
    ) -> Option<Self> {
        let groups = match &observation.groups {
            Observed::Known(closure) => Some(unnamed(closure, has_name)),
            Observed::Unknown(UnknownReason::NotAsked) => None,
            Observed::Unknown(_) => return None,
        };
        let entry = &observation.user.entry;
        let mut attributes = Attributes::new();
        for attribute in &entry.attributes {
            let description = attribute.name.to_ascii_lowercase();
            let is_asked = asked.contains(&description) || asked.contains(base(&description));
            if is_asked && !attribute.values.is_empty() && !is_secret(&description) {
                attributes.entry(description).or_default().extend(attribute.values.iter().cloned());
            }
        }
        for (_, values) in attributes.iter_mut() {
            values.sort_unstable();
            values.dedup();
        }
        Some(Self { dn: entry.dn.clone(), asked: asked.clone(), attributes, groups })
    }

    /// The entry as far as it is kept.
    pub fn entry(&self) -> Entry {
        let attribute = |(name, values): (&String, &Vec<Vec<u8>>)| Attribute {
            name: name.clone(),
            values: values.clone(),
        };
        Entry { dn: self.dn.clone(), attributes: self.attributes.iter().map(attribute).collect() }
    }

    /// Whether it is known which values an attribute has, if any.
    pub fn knows(&self, description: &str) -> bool {
        let description = description.to_ascii_lowercase();
        self.asked.contains(&description) || self.asked.contains(base(&description))
    }
}

fn unnamed(closure: &Closure, has_name: impl Fn(&Group) -> bool) -> Closure {
    let mut closure = closure.clone();
    for seen in closure.values_mut().filter(|seen| has_name(&seen.group)) {
        seen.group = nameless(&seen.group.id);
    }
    closure
}

/// A group of which the id alone is known.
pub fn nameless(id: &UpstreamId) -> Group {
    Group { id: id.clone(), dn: String::new(), name: String::new() }
}
