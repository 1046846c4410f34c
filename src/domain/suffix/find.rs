//! Which entries a filter can match at all: those are looked at, and no others.
//!
//! It names too many rather than one too few; each is held against the whole filter afterwards.

use super::entry::indexed;
use super::model::{Id, Model};
use crate::proto::attribute::AttributeDescription;
use crate::proto::dn::DistinguishedName;
use crate::proto::filter::Filter;
use crate::proto::oid;
use crate::proto::schema::{class_name, is_class_within};
use std::collections::BTreeSet;

/// Classes that nobody but people has.
const OF_PEOPLE: [&str; 4] = ["inetorgperson", "organizationalperson", "person", "posixaccount"];
/// The class of groups.
const OF_GROUPS: &str = "groupofnames";

/// What a filter can match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Candidates {
    /// Anything.
    All,
    /// People alone.
    People,
    /// Groups alone.
    Groups,
    /// These alone.
    These(BTreeSet<Id>),
}

impl Candidates {
    /// A measure of how much there is to be looked at.
    fn weight(&self) -> usize {
        match self {
            Self::All => usize::MAX,
            Self::People | Self::Groups => usize::MAX - 1,
            Self::These(ids) => ids.len(),
        }
    }

    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::These(mut ids), Self::These(more)) => {
                ids.extend(more);
                Self::These(ids)
            }
            (one, other) if one == other => one,
            (Self::These(none), other) | (other, Self::These(none)) if none.is_empty() => other,
            _ => Self::All,
        }
    }
}

/// A filter as it is evaluated here: what asks to follow groups up their chain asks for what the
/// entries show, since they show all of it.
pub(super) fn flat(filter: Filter) -> Filter {
    let all = |filters: Vec<Filter>| filters.into_iter().map(flat).collect();
    match filter {
        Filter::And(filters) => Filter::And(all(filters)),
        Filter::Or(filters) => Filter::Or(all(filters)),
        Filter::Not(inner) => Filter::Not(Box::new(flat(*inner))),
        Filter::Extensible {
            rule: Some(rule),
            attribute: Some(name),
            value,
            dn_attributes: false,
        } if rule.as_bytes() == oid::IN_CHAIN && is_of_names(&name) => Filter::Equal(name, value),
        other => other,
    }
}

fn is_of_names(name: &str) -> bool {
    AttributeDescription::parse(name)
        .is_ok_and(|name| ["member", "memberof"].contains(&name.attribute_type()))
}

impl Model {
    /// What a filter, as [`flat`] gives it, can match.
    pub(super) fn candidates(&self, filter: &Filter) -> Candidates {
        match filter {
            Filter::And(filters) => {
                let each = filters.iter().map(|filter| self.candidates(filter));
                each.min_by_key(Candidates::weight).unwrap_or(Candidates::All)
            }
            Filter::Or(filters) => {
                let none = Candidates::These(BTreeSet::new());
                filters.iter().map(|filter| self.candidates(filter)).fold(none, Candidates::or)
            }
            Filter::Equal(name, value) | Filter::Approximate(name, value) => {
                self.with_value(name, value)
            }
            Filter::Present(name) => with_any(name),
            Filter::Substrings { attribute, .. }
            | Filter::GreaterOrEqual(attribute, _)
            | Filter::LessOrEqual(attribute, _) => with_any(attribute),
            Filter::Not(_) | Filter::Extensible { .. } => Candidates::All,
        }
    }

    fn with_value(&self, name: &str, value: &[u8]) -> Candidates {
        let Ok(description) = AttributeDescription::parse(name) else {
            return Candidates::These(BTreeSet::new());
        };
        let kind = description.attribute_type();
        let named = || {
            let name = DistinguishedName::from_bytes(value).ok()?;
            self.locate(&name)
        };
        let found: BTreeSet<Id> = match kind {
            "memberof" => match named() {
                Some(Id::Group(number)) => {
                    let members = self.group(number).map(|node| self.members(node));
                    members.into_iter().flatten().map(Id::Person).collect()
                }
                _ => BTreeSet::new(),
            },
            "member" => match named() {
                Some(Id::Person(number)) => {
                    let record = self.person(number).map(|person| person.record.clone());
                    let groups = record.map(|record| self.groups_of(&record));
                    groups.into_iter().flatten().map(Id::Group).collect()
                }
                _ => BTreeSet::new(),
            },
            "entrydn" => named().into_iter().collect(),
            "objectclass" => return of_class(value),
            _ => match indexed(kind, value) {
                // The entries that are always there are in no list.
                Some(key) => {
                    let fixed =
                        (kind == "entryuuid").then_some([Id::Suffix, Id::People, Id::Groups]);
                    self.found_by(&key).chain(fixed.into_iter().flatten()).collect()
                }
                None => return with_any(name),
            },
        };
        Candidates::These(found)
    }
}

fn of_class(value: &[u8]) -> Candidates {
    let class = class_name(String::from_utf8_lossy(value).trim_matches(' '));
    if OF_PEOPLE.iter().any(|known| is_class_within(known, &class)) && class != "top" {
        Candidates::People
    } else if class == OF_GROUPS {
        Candidates::Groups
    } else {
        Candidates::All
    }
}

/// Those that may have an attribute.
fn with_any(name: &str) -> Candidates {
    let description = AttributeDescription::parse(name);
    match description.as_ref().map(AttributeDescription::attribute_type) {
        Ok("uid" | "memberof" | "mail" | "sn" | "givenname" | "displayname") => Candidates::People,
        Ok("member") => Candidates::Groups,
        Ok(_) => Candidates::All,
        Err(_) => Candidates::These(BTreeSet::new()),
    }
}
