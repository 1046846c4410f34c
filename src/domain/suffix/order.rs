//! The order of a sorted search (RFC 2891).
//!
//! An entry stands where its least value does; one without any stands behind all others, and before
//! them in reverse. Entries that stand alike keep the order in which they came.

use super::entry::Wanted;
use crate::proto::attribute::AttributeDescription;
use crate::proto::dn::DistinguishedName;
use crate::proto::paged::SortKey;
use crate::proto::prepare;
use crate::proto::result::ResultCode;
use crate::proto::schema::{Case, Rule, equality_rule};
use crate::proto::search::Entry;
use std::cmp::{Ordering, Reverse};

/// Ordering rules by name and OID (RFC 4517), in lower case.
const ORDERING_RULES: [(Rule, &str, &str); 5] = [
    (Rule::Text(Case::Ignore), "caseignoreorderingmatch", "2.5.13.3"),
    (Rule::Text(Case::Exact), "caseexactorderingmatch", "2.5.13.6"),
    (Rule::Integer, "integerorderingmatch", "2.5.13.15"),
    (Rule::Time, "generalizedtimeorderingmatch", "2.5.13.28"),
    (Rule::Octets, "octetstringorderingmatch", "2.5.13.18"),
];

/// The keys of a sort.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order(Vec<Key>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    description: AttributeDescription,
    rule: Rule,
    reverse: bool,
}

/// Why a sort cannot be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderFault {
    /// The code of the sort's result.
    pub code: ResultCode,
    /// The attribute that it is about.
    pub attribute: Vec<u8>,
}

/// A value in the form in which it is ordered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    Number(i128),
    Text(String),
    Octets(Vec<u8>),
}

/// Where an entry stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Standing(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Forward(Place),
    Backward(Reverse<Place>),
}

/// A value, or none, which is greater than any.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place(Option<Value>);

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => one.cmp(other),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        }
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Order {
    /// The order that keys ask for.
    pub fn new(keys: &[SortKey<'_>]) -> Result<Self, OrderFault> {
        keys.iter().map(Key::new).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn wanted(&self) -> Wanted {
        Wanted::of(self.0.iter().map(|key| key.description.attribute_type()))
    }

    pub(super) fn standing(&self, entry: &Entry) -> Standing {
        let part = |key: &Key| {
            let place = Place(key.least(entry));
            if key.reverse { Part::Backward(Reverse(place)) } else { Part::Forward(place) }
        };
        Standing(self.0.iter().map(part).collect())
    }
}

impl Key {
    fn new(key: &SortKey<'_>) -> Result<Self, OrderFault> {
        let fault = |code| OrderFault { code, attribute: key.attribute.to_vec() };
        let text = std::str::from_utf8(key.attribute).ok();
        let description = text.and_then(|text| AttributeDescription::parse(text).ok());
        let Some(description) = description else {
            return Err(fault(ResultCode::NO_SUCH_ATTRIBUTE));
        };
        let rule = match key.rule {
            None => equality_rule(description.attribute_type()),
            Some(named) => {
                let named = String::from_utf8_lossy(named).to_ascii_lowercase();
                let known = ORDERING_RULES
                    .iter()
                    .find(|(_, name, oid)| [*name, *oid].contains(&named.as_str()));
                known.ok_or_else(|| fault(ResultCode::INAPPROPRIATE_MATCHING))?.0
            }
        };
        Ok(Self { description, rule, reverse: key.reverse })
    }

    fn least(&self, entry: &Entry) -> Option<Value> {
        let is_it = |name: &str| {
            AttributeDescription::parse(name).is_ok_and(|name| self.description.covers(&name))
        };
        let values = entry.attributes.iter().filter(|attribute| is_it(&attribute.name));
        values.flat_map(|attribute| &attribute.values).map(|value| self.ordered(value)).min()
    }

    fn ordered(&self, value: &[u8]) -> Value {
        let Ok(text) = std::str::from_utf8(value) else { return Value::Octets(value.to_vec()) };
        match self.rule {
            Rule::Octets => Value::Octets(value.to_vec()),
            Rule::Text(case) => Value::Text(prepare::value(text, case)),
            Rule::Telephone => Value::Text(prepare::telephone(text)),
            Rule::Integer => match text.trim().parse() {
                Ok(number) => Value::Number(number),
                Err(_) => Value::Text(text.to_owned()),
            },
            Rule::DistinguishedName | Rule::NameAndOptionalUid => {
                let name = DistinguishedName::parse(text);
                Value::Text(name.map_or(text.to_owned(), |n| n.normalized().as_str().to_owned()))
            }
            Rule::Boolean | Rule::Time | Rule::ObjectClass => {
                Value::Text(text.to_ascii_lowercase())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::search::Attribute;

    fn entry(dn: &str, attributes: &[(&str, &str)]) -> Entry {
        let attributes = attributes.iter().map(|(name, value)| Attribute {
            name: (*name).to_owned(),
            values: value.split('|').map(|value| value.as_bytes().to_vec()).collect(),
        });
        Entry { dn: dn.to_owned(), attributes: attributes.collect() }
    }

    #[track_caller]
    fn check(keys: &[(&str, Option<&str>, bool)], expected: &str) {
        let keys = keys.iter().map(|(attribute, rule, reverse)| SortKey {
            attribute: attribute.as_bytes(),
            rule: rule.map(str::as_bytes),
            reverse: *reverse,
        });
        let order = Order::new(&keys.collect::<Vec<_>>()).expect("it can be sorted");
        let mut entries = [
            entry("a", &[("sn", "Zoe"), ("uidNumber", "9")]),
            entry("b", &[("sn", "ann"), ("uidNumber", "10")]),
            entry("c", &[("uidNumber", "-1")]),
            entry("d", &[("sn", "mia|Bob"), ("uidNumber", "9")]),
            entry("e", &[("sn", "Ann")]),
        ];
        entries.sort_by_cached_key(|entry| order.standing(entry));
        let order: String = entries.iter().map(|entry| entry.dn.as_str()).collect();
        assert_eq!(order, expected);
    }

    #[test]
    fn entries_stand_where_their_least_value_does_and_without_one_behind_all() {
        check(&[("sn", None, false)], "bedac");
        check(&[("sn", None, true)], "cadbe");
        check(&[("uidNumber", None, false)], "cadbe");
        check(&[("uidNumber", None, true), ("surname", None, false)], "ebdac");
        check(&[("sn", Some("caseExactOrderingMatch"), false)], "edabc");
        check(&[("sn", Some("2.5.13.3"), false)], "bedac");
        check(&[("nothing", None, true)], "abcde");
    }

    #[test]
    fn what_cannot_be_sorted_by_is_told() {
        for (attribute, rule, code) in [
            ("no name", None, ResultCode::NO_SUCH_ATTRIBUTE),
            ("cn", Some("2.5.13.2"), ResultCode::INAPPROPRIATE_MATCHING),
        ] {
            let rule: Option<&str> = rule;
            let attribute = attribute.as_bytes();
            let key = SortKey { attribute, rule: rule.map(str::as_bytes), reverse: false };
            let fault = OrderFault { code, attribute: attribute.to_vec() };
            assert_eq!(Order::new(&[key]), Err(fault));
        }
    }
}
