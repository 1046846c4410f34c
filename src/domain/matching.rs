//! Whether an entry matches a filter, decided here and not by the directory (RFC 4511 section
//! 4.5.1.7): three-valued logic, matching rules by attribute (RFC 4517, RFC 4518).
//!
//! There is no schema here, only [`crate::proto::schema`]. So an attribute that the entry lacks is
//! taken for a known one: items on it are False, and `(!(attribute=x))` is True, as a directory
//! that knows the attribute has it. Undefined are: what is no attribute description; an assertion
//! value that the attribute's syntax forbids (`member` and no DN, `uidNumber` and no integer);
//! ordering or substrings on syntaxes that have neither; a matching rule that is not known here.
//! Approximate is equality. `(objectClass=*)` is True of every entry, read or not, since no entry
//! is without it. Attributes count with all their subtypes by option; subtypes by name (`name` and
//! `cn`) are not known.

mod category;
mod value;

use crate::proto::attribute::AttributeDescription;
use crate::proto::dn::DistinguishedName;
use crate::proto::filter::Filter;
use crate::proto::schema::{self, Rule};
use crate::proto::search::{Attribute, Entry};
use std::cmp::Ordering;
use value::Prepared;

/// Active Directory's bitwise AND rule.
const BIT_AND: &str = "1.2.840.113556.1.4.803";
/// Active Directory's bitwise OR rule.
const BIT_OR: &str = "1.2.840.113556.1.4.804";

/// The value of a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Truth {
    /// It matches.
    True,
    /// It does not.
    False,
    /// It cannot be told, which is not the same as `False` below a NOT.
    Undefined,
}

impl Truth {
    /// `True` for true.
    pub fn from_bool(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }

    /// Undefined stays Undefined.
    pub fn negated(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Undefined => Self::Undefined,
        }
    }
}

/// Evaluates a filter on an entry. It recurses as deep as the filter is, which
/// [`crate::proto::filter::FilterLimits`] bounds.
pub fn evaluate(filter: &Filter, entry: &Entry) -> Truth {
    match filter {
        Filter::And(filters) => all_of(filters, entry, Truth::True),
        Filter::Or(filters) => all_of(filters, entry, Truth::False),
        Filter::Not(inner) => evaluate(inner, entry).negated(),
        Filter::Equal(name, asserted) | Filter::Approximate(name, asserted) => {
            equality(name, asserted, entry)
        }
        Filter::GreaterOrEqual(name, asserted) => ordering(name, asserted, entry, Ordering::Less),
        Filter::LessOrEqual(name, asserted) => ordering(name, asserted, entry, Ordering::Greater),
        Filter::Present(name) => present(name, entry),
        Filter::Substrings { attribute, initial, any, last } => on(attribute, entry, |target| {
            let pattern =
                value::Pattern::new(target.rule, initial.as_deref(), any, last.as_deref());
            pattern.map(|pattern| target.has(|value| pattern.matches(value)))
        }),
        Filter::Extensible { rule, attribute, value, dn_attributes } => {
            let parts = ExtensibleMatch {
                rule: rule.as_deref(),
                attribute: attribute.as_deref(),
                asserted: value,
                dn_attributes: *dn_attributes,
            };
            parts.evaluate(entry).unwrap_or(Truth::Undefined)
        }
    }
}

/// Whether two values of an attribute are equal by its matching rule. Values that are not of the
/// attribute's syntax are equal if their bytes are.
pub fn values_equal(attribute: &str, left: &[u8], right: &[u8]) -> bool {
    if left == right {
        return true;
    }
    let Ok(description) = AttributeDescription::parse(attribute) else {
        return false;
    };
    let rule = schema::equality_rule(description.attribute_type());
    let prepared = (Prepared::new(rule, left), Prepared::new(rule, right));
    matches!(prepared, (Some(left), Some(right)) if left == right)
}

/// AND for `neutral` True, OR for `neutral` False: the opposite of `neutral` decides, and short of
/// that Undefined.
fn all_of(filters: &[Filter], entry: &Entry, neutral: Truth) -> Truth {
    let decisive = neutral.negated();
    let mut outcome = neutral;
    for filter in filters {
        match evaluate(filter, entry) {
            truth if truth == decisive => return decisive,
            Truth::Undefined => outcome = Truth::Undefined,
            _ => {}
        }
    }
    outcome
}

/// What an item looks at: the attributes of an entry that a description covers, and their rule.
struct Target<'a> {
    rule: Rule,
    description: AttributeDescription,
    entry: &'a Entry,
}

impl<'a> Target<'a> {
    /// `None` if `name` is no attribute description.
    fn new(name: &str, entry: &'a Entry) -> Option<Self> {
        let description = AttributeDescription::parse(name).ok()?;
        let rule = schema::equality_rule(description.attribute_type());
        Some(Self { rule, description, entry })
    }

    fn attributes(&self) -> impl Iterator<Item = &'a Attribute> {
        self.entry.attributes.iter().filter(|attribute| {
            let other = AttributeDescription::parse(&attribute.name);
            other.is_ok_and(|other| self.description.covers(&other))
        })
    }

    fn has(&self, matches: impl Fn(&[u8]) -> bool) -> Truth {
        let mut values = self.attributes().flat_map(|attribute| &attribute.values);
        Truth::from_bool(values.any(|value| matches(value)))
    }
}

/// Evaluates an item on an attribute; what cannot be told is Undefined.
fn on(name: &str, entry: &Entry, item: impl FnOnce(&Target<'_>) -> Option<Truth>) -> Truth {
    Target::new(name, entry).and_then(|target| item(&target)).unwrap_or(Truth::Undefined)
}

fn equality(name: &str, asserted: &[u8], entry: &Entry) -> Truth {
    on(name, entry, |target| {
        let Some(prepared) = Prepared::new(target.rule, asserted) else {
            let is_category = target.description.as_str() == category::OBJECT_CATEGORY;
            let is_of_class = |value: &[u8]| category::is_of_class(value, asserted);
            return is_category.then(|| target.has(is_of_class));
        };
        Some(target.has(|value| prepared.equals(target.rule, value)))
    })
}

/// Some value stands to the asserted one in any way but `excluded`.
fn ordering(name: &str, asserted: &[u8], entry: &Entry, excluded: Ordering) -> Truth {
    on(name, entry, |target| {
        let asserted = Prepared::new(target.rule, asserted).filter(Prepared::is_ordered)?;
        Some(target.has(|value| {
            let value = Prepared::new(target.rule, value);
            let found = value.and_then(|value| value.order(&asserted));
            found.is_some_and(|found| found != excluded)
        }))
    })
}

fn present(name: &str, entry: &Entry) -> Truth {
    on(name, entry, |target| {
        let always = target.description.as_str() == "objectclass";
        Some(Truth::from_bool(always || target.attributes().next().is_some()))
    })
}

/// The fields of an extensible match (RFC 4511 section 4.5.1.7.7).
struct ExtensibleMatch<'a> {
    rule: Option<&'a str>,
    attribute: Option<&'a str>,
    asserted: &'a [u8],
    dn_attributes: bool,
}

impl ExtensibleMatch<'_> {
    /// `None` is Undefined.
    fn evaluate(&self, entry: &Entry) -> Option<Truth> {
        let Some(name) = self.attribute else {
            return self.on_all(entry, schema::named_rule(self.rule?)?);
        };
        let target = Target::new(name, entry)?;
        if let Some(rule @ (BIT_AND | BIT_OR)) = self.rule {
            return self.bits(&target, rule);
        }
        let rule = self.rule.map_or(Some(target.rule), schema::named_rule)?;
        let asserted = Prepared::new(rule, self.asserted)?;
        let kind = target.description.attribute_type();
        let found = target.has(|value| asserted.equals(rule, value));
        let in_dn = || self.in_dn(entry, |other| other == kind, |v| asserted.equals(rule, v));
        Some(if found == Truth::True { found } else { Truth::from_bool(in_dn()) })
    }

    /// Without an attribute, every attribute whose own rule is of that kind is looked at.
    fn on_all(&self, entry: &Entry, rule: Rule) -> Option<Truth> {
        let asserted = Prepared::new(rule, self.asserted)?;
        let supports = |kind: &str| schema::equality_rule(kind) == rule;
        let found = entry.attributes.iter().any(|attribute| {
            let description = AttributeDescription::parse(&attribute.name);
            description.is_ok_and(|description| supports(description.attribute_type()))
                && attribute.values.iter().any(|value| asserted.equals(rule, value))
        });
        let in_dn = || self.in_dn(entry, supports, |value| asserted.equals(rule, value));
        Some(Truth::from_bool(found || in_dn()))
    }

    fn in_dn(
        &self,
        entry: &Entry,
        kind: impl Fn(&str) -> bool,
        matches: impl Fn(&[u8]) -> bool,
    ) -> bool {
        if !self.dn_attributes {
            return false;
        }
        let values = DistinguishedName::parse(&entry.dn).map(|dn| dn.named_values());
        let mut values = values.unwrap_or_default().into_iter();
        values.any(|named| kind(&named.attribute_type) && matches(&named.value))
    }

    fn bits(&self, target: &Target<'_>, rule: &str) -> Option<Truth> {
        let mask = value::integer(self.asserted)?;
        Some(target.has(|value| {
            let common = value::integer(value).map(|value| value & mask);
            common.is_some_and(|common| if rule == BIT_AND { common == mask } else { common != 0 })
        }))
    }
}

#[cfg(test)]
mod tests;
