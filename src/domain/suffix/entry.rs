//! Entries, made of records and groups when they are asked for.
//!
//! What makes an entry takes only what is wanted of it: a filter looks at one attribute of a hundred
//! thousand people, and nobody has to have the others made for that.

use super::layout::uuid_of;
use super::model::{GroupNode, Id, Model, Person};
use super::schema;
use crate::domain::matching::{self, Truth};
use crate::domain::policy::DirectoryPolicy;
use crate::domain::record::Record;
use crate::domain::secret;
use crate::domain::time::Timestamp;
use crate::proto::attribute::AttributeDescription;
use crate::proto::dn::DistinguishedName;
use crate::proto::filter::Filter;
use crate::proto::prepare;
use crate::proto::schema::{Rule, equality_rule};
use crate::proto::search::{Attribute, Entry};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Attributes by which entries are found without looking at others.
const INDEXED: [&str; 8] = [
    "uid",
    "cn",
    "mail",
    "entryuuid",
    "uidnumber",
    "samaccountname",
    "userprincipalname",
    "employeenumber",
];

/// What the gateway says itself of an entry, whatever a record keeps under that name.
const OWN: [&str; 13] = [
    "objectclass",
    "uid",
    "displayname",
    "member",
    "memberof",
    "entryuuid",
    "entrydn",
    "structuralobjectclass",
    "createtimestamp",
    "modifytimestamp",
    "hassubordinates",
    "subschemasubentry",
    "nsaccountlock",
];

/// What is wanted of an entry: attribute types as [`AttributeDescription::attribute_type`] has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// All there is.
    All,
    /// These types.
    Types(BTreeSet<String>),
}

impl Wanted {
    /// These attributes; what is no attribute's name is none.
    pub fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let names = names.into_iter().filter_map(|name| AttributeDescription::parse(name).ok());
        Self::Types(names.map(|name| name.attribute_type().to_owned()).collect())
    }

    /// Both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Types(one), Self::Types(other)) => {
                Self::Types(one.into_iter().chain(other).collect())
            }
            _ => Self::All,
        }
    }

    fn has(&self, kind: &str) -> bool {
        match self {
            Self::All => true,
            Self::Types(types) => types.contains(kind),
        }
    }
}

/// An attribute that a record keeps, and how it is shown.
#[derive(Debug)]
struct Served {
    local: String,
    /// The attribute description of the directory.
    shown: String,
    kind: String,
}

/// How what records keep is shown: under the names that the directory has for it.
#[derive(Debug)]
pub(super) struct ServedNames {
    by_type: HashMap<(Arc<str>, Arc<str>), Vec<Served>>,
}

impl ServedNames {
    pub(super) fn new(directories: &[Arc<DirectoryPolicy>]) -> Self {
        let mut by_type = HashMap::new();
        for directory in directories {
            for user_type in &directory.user_types {
                let mut served: Vec<Served> = Vec::new();
                for mapping in &user_type.attributes {
                    let Ok(description) = AttributeDescription::parse(&mapping.upstream) else {
                        continue;
                    };
                    let kind = description.attribute_type();
                    // Of two mappings to one name the first counts, as in the record.
                    let is_taken = served.iter().any(|other| other.local == mapping.local);
                    if !is_taken && !OWN.contains(&kind) && !secret::ATTRIBUTES.contains(&kind) {
                        served.push(Served {
                            local: mapping.local.clone(),
                            shown: mapping.upstream.clone(),
                            kind: kind.to_owned(),
                        });
                    }
                }
                by_type.insert((directory.name.clone(), user_type.name.clone()), served);
            }
        }
        Self { by_type }
    }

    /// The names of all that may be shown.
    fn all(&self) -> BTreeSet<&str> {
        self.by_type.values().flatten().map(|served| &*served.shown).collect()
    }

    fn of(&self, record: &Record) -> &[Served] {
        let key = (record.key.directory.clone(), record.user_type.clone());
        self.by_type.get(&key).map_or(&[], Vec::as_slice)
    }

    /// What a record keeps, by the name under which it is shown.
    fn kept<'a>(
        &'a self,
        record: &'a Record,
    ) -> impl Iterator<Item = (&'a Served, &'a Vec<Vec<u8>>)> {
        let kept = self.of(record).iter();
        kept.filter_map(|served| Some((served, record.attributes.get(&served.local)?)))
    }

    /// What a record is found by.
    pub(super) fn keys_of(&self, record: &Record) -> BTreeSet<String> {
        let uuid = uuid_of(&record.key.directory, record.key.upstream_id.as_str());
        let own =
            [("uid", record.name.as_str()), ("entryuuid", &uuid), ("cn", common_name(record))];
        let own = own.into_iter().filter_map(|(kind, value)| indexed(kind, value.as_bytes()));
        let kept = self.kept(record).flat_map(|(served, values)| {
            values.iter().filter_map(|value| indexed(&served.kind, value))
        });
        own.chain(kept).collect()
    }
}

/// What a value of an attribute is found by; `None` if that attribute is not found so. What is found
/// is looked at all the same, so that another value with the same key does no harm.
pub(super) fn indexed(kind: &str, value: &[u8]) -> Option<String> {
    if !INDEXED.contains(&kind) {
        return None;
    }
    let text = String::from_utf8_lossy(value);
    let value = match equality_rule(kind) {
        Rule::Text(case) => prepare::value(&text, case),
        _ => text.trim().trim_start_matches('0').to_owned(),
    };
    Some(format!("{kind}={value}"))
}

/// The common name where the directory gives none: a person has to have one.
fn common_name(record: &Record) -> &str {
    record.shown_name().unwrap_or(&record.name)
}

/// An entry in the making.
struct Draft<'w> {
    wanted: &'w Wanted,
    /// Where this is for a filter: whom that names. Of members and groups these are enough, and one
    /// if there is any.
    named: Option<&'w [Id]>,
    attributes: Vec<Attribute>,
}

impl Draft<'_> {
    fn add(&mut self, name: &str, kind: &str, values: impl FnOnce() -> Vec<Vec<u8>>) {
        if self.wanted.has(kind) {
            let values = values();
            if !values.is_empty() {
                self.attributes.push(Attribute { name: name.to_owned(), values });
            }
        }
    }

    fn one(&mut self, name: &str, kind: &str, value: &str) {
        self.add(name, kind, || vec![value.as_bytes().to_vec()]);
    }

    /// Those of `all`, or as many as a filter needs of them.
    fn of(&self, all: impl Iterator<Item = Id>, has: impl Fn(Id) -> bool) -> Vec<Id> {
        let Some(named) = self.named else { return all.collect() };
        let found: Vec<Id> = named.iter().copied().filter(|id| has(*id)).collect();
        if found.is_empty() { all.take(1).collect() } else { found }
    }

    fn has(&self, kind: &str) -> bool {
        self.attributes.iter().any(|attribute| attribute.name.eq_ignore_ascii_case(kind))
    }
}

impl Model {
    /// What is wanted of an entry; `None` if there is none of that id, or none that is shown.
    pub fn entry(&self, id: Id, wanted: &Wanted) -> Option<Entry> {
        self.make(id, wanted, None)
    }

    /// The same for a filter, which names these.
    pub(super) fn entry_for_filter(&self, id: Id, wanted: &Wanted, named: &[Id]) -> Option<Entry> {
        self.make(id, wanted, Some(named))
    }

    fn make(&self, id: Id, wanted: &Wanted, named: Option<&[Id]>) -> Option<Entry> {
        let mut draft = Draft { wanted, named, attributes: Vec::new() };
        let (dn, (directory, key), created, modified) = match id {
            Id::Person(number) => {
                let person = self.person(number)?;
                let dn = self.name(id)?;
                self.draft_person(&mut draft, person);
                let key = &person.record.key;
                let key = (&*key.directory, key.upstream_id.as_str());
                (dn, key, person.record.created_at, person.modified)
            }
            Id::Group(number) => {
                let node = self.group(number)?;
                let dn = self.name(id)?;
                self.draft_group(&mut draft, node);
                let key = (&*node.directory, node.group.id.as_str());
                (dn, key, self.began(), node.modified)
            }
            Id::Suffix | Id::People | Id::Groups | Id::Schema => {
                let dn = self.draft_fixed(&mut draft, id);
                (dn, ("", fixed_key(id)), self.began(), self.began())
            }
        };
        let structural = match id {
            Id::Person(_) => "inetOrgPerson",
            Id::Group(_) => "groupOfNames",
            Id::Suffix => self.suffix_class(),
            Id::People | Id::Groups => "organizationalUnit",
            Id::Schema => "subentry",
        };
        draft.one("structuralObjectClass", "structuralobjectclass", structural);
        draft.add("entryUUID", "entryuuid", || vec![uuid_of(directory, key).into_bytes()]);
        draft.one("entryDN", "entrydn", &dn);
        draft.add("hasSubordinates", "hassubordinates", || vec![self.has_any_below(id)]);
        if !matches!(id, Id::Group(_)) {
            draft.add("createTimestamp", "createtimestamp", || vec![generalized_time(created)]);
        }
        draft.add("modifyTimestamp", "modifytimestamp", || vec![generalized_time(modified)]);
        draft.one("subschemaSubentry", "subschemasubentry", self.layout().schema().as_str());
        Some(Entry { dn, attributes: draft.attributes })
    }

    fn draft_person(&self, draft: &mut Draft<'_>, person: &Person) {
        let record = &*person.record;
        draft.add("objectClass", "objectclass", || {
            let kinds: BTreeSet<&str> =
                self.served().kept(record).map(|(served, _)| &*served.kind).collect();
            let posix = ["uidnumber", "gidnumber", "homedirectory"];
            let is_posix = posix.iter().all(|kind| kinds.contains(kind));
            let classes = ["top", "person", "organizationalPerson", "inetOrgPerson"];
            let classes = classes.into_iter().chain(is_posix.then_some("posixAccount"));
            classes.map(|class| class.as_bytes().to_vec()).collect()
        });
        draft.one("uid", "uid", &record.name);
        for (served, values) in self.served().kept(record) {
            draft.add(&served.shown, &served.kind, || values.clone());
        }
        for (name, kind) in [("cn", "cn"), ("sn", "sn")] {
            if !draft.has(name) {
                draft.one(name, kind, common_name(record));
            }
        }
        if let Some(name) = record.shown_name() {
            draft.one("displayName", "displayname", name);
        }
        if draft.wanted.has("memberof") {
            let all: Vec<Id> = self.groups_of(record).into_iter().map(Id::Group).collect();
            let groups = draft.of(all.iter().copied(), |id| all.contains(&id));
            draft.add("memberOf", "memberof", || self.names(groups));
        }
        if !record.is_active() {
            draft.one("nsAccountLock", "nsaccountlock", "TRUE");
        }
    }

    fn draft_group(&self, draft: &mut Draft<'_>, node: &GroupNode) {
        draft.add("objectClass", "objectclass", || vec![b"top".to_vec(), b"groupOfNames".to_vec()]);
        draft.one("cn", "cn", &node.group.name);
        if draft.wanted.has("member") {
            let people = self.members(node).map(Id::Person);
            let members = draft.of(people, |id| self.has_member(node, id));
            draft.add("member", "member", || self.names(members));
        }
    }

    /// The names of entries, sorted.
    fn names(&self, ids: Vec<Id>) -> Vec<Vec<u8>> {
        let names = ids.into_iter().filter_map(|id| self.name(id));
        let mut names: Vec<_> = names.map(String::into_bytes).collect();
        names.sort_unstable();
        names
    }

    /// Whether an entry has this value of an attribute; `None` if it has none at all, or is none.
    pub fn compare(&self, id: Id, attribute: &str, value: &[u8]) -> Option<Truth> {
        let name = DistinguishedName::from_bytes(value).ok();
        let named: Vec<Id> = name.and_then(|name| self.locate(&name)).into_iter().collect();
        let entry = self.entry_for_filter(id, &Wanted::of([attribute]), &named)?;
        let has = |filter: Filter| matching::evaluate(&filter, &entry);
        let is_there = !entry.attributes.is_empty();
        is_there.then(|| has(Filter::equal(attribute, value)))
    }

    /// An entry that is always there; its name.
    fn draft_fixed(&self, draft: &mut Draft<'_>, id: Id) -> String {
        let layout = self.layout();
        let unit = |draft: &mut Draft<'_>, name: &str, description: &str| {
            draft.add("objectClass", "objectclass", || {
                vec![b"top".to_vec(), b"organizationalUnit".to_vec()]
            });
            draft.one("ou", "ou", name);
            draft.one("description", "description", description);
        };
        match id {
            Id::People => {
                unit(draft, "people", "Those who have signed on");
                layout.people().as_str().to_owned()
            }
            Id::Groups => {
                unit(draft, "groups", "Groups of the directories, and of the gateway");
                layout.groups().as_str().to_owned()
            }
            Id::Schema => {
                for (name, kind, values) in schema::attributes(layout, &self.served().all()) {
                    draft.add(name, kind, || values);
                }
                layout.schema().as_str().to_owned()
            }
            Id::Suffix | Id::Person(_) | Id::Group(_) => {
                let (kind, value) = layout.naming();
                draft.add("objectClass", "objectclass", || {
                    vec![b"top".to_vec(), self.suffix_class().as_bytes().to_vec()]
                });
                draft.one(kind, kind, value);
                layout.suffix().as_str().to_owned()
            }
        }
    }

    fn suffix_class(&self) -> &'static str {
        match self.layout().naming().0 {
            "dc" => "domain",
            "o" => "organization",
            _ => "organizationalUnit",
        }
    }

    fn has_any_below(&self, id: Id) -> Vec<u8> {
        let has = match id {
            Id::Suffix => true,
            Id::People => self.next_person(None).is_some(),
            Id::Groups => self.next_group(None).is_some(),
            Id::Schema | Id::Person(_) | Id::Group(_) => false,
        };
        if has { b"TRUE".to_vec() } else { b"FALSE".to_vec() }
    }
}

/// What the id is made of of an entry that is always there.
fn fixed_key(id: Id) -> &'static str {
    match id {
        Id::People => "people",
        Id::Groups => "groups",
        Id::Schema => "schema",
        Id::Suffix | Id::Person(_) | Id::Group(_) => "suffix",
    }
}

/// A time as RFC 4517 section 3.3.13 has it, in whole seconds.
fn generalized_time(at: Timestamp) -> Vec<u8> {
    let seconds = at.0.div_euclid(1_000_000);
    let (days, in_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Years begin in March here, so that the day that is put in comes last.
    let since = days + 719_468;
    let (era, day_of_era) = (since.div_euclid(146_097), since.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (in_day / 3600, in_day / 60 % 60, in_day % 60);
    format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}Z").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_in_whole_seconds() {
        for (at, expected) in [
            (0, "19700101000000Z"),
            (951_782_400_000_000, "20000229000000Z"),
            (1_795_802_833_999_999, "20261127180713Z"),
            (4_107_542_399_000_000, "21000228235959Z"),
            (4_107_542_400_000_000, "21000301000000Z"),
            (-1, "19691231235959Z"),
        ] {
            assert_eq!(String::from_utf8_lossy(&generalized_time(Timestamp(at))), expected);
        }
    }

    #[test]
    fn a_secret_and_what_the_gateway_says_itself_are_no_matter_of_a_mapping() {
        for kind in OWN.iter().chain(&secret::ATTRIBUTES) {
            let description = AttributeDescription::parse(kind).expect("a name");
            assert_eq!(description.attribute_type(), *kind, "under its usual name");
        }
    }
}
