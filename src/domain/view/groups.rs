//! Which groups a view shows, and by which names.
//!
//! Both follow from a group's name alone, so a filter can be put into the directory's names before
//! anything is known of anybody.

use crate::domain::matching::{Truth, evaluate};
use crate::domain::serving::ServePolicy;
use crate::domain::serving::filter::{Item, item};
use crate::proto::dn::{DistinguishedName, NormalizedDn};
use crate::proto::filter::Filter;
use crate::proto::search::{Attribute, Entry};

/// Which groups are shown, and how they are called.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ShownGroups {
    /// At or below these; empty is anywhere (`group_base`).
    pub bases: Vec<DistinguishedName>,
    /// Those whose name says this: the attributes of the first part of the DN (`group_filter`).
    pub filter: Option<Filter>,
    /// What some are called here (`group_names`).
    pub names: Vec<Renamed>,
}

/// What a group is called in a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renamed {
    /// The group, as the directory calls it.
    pub group: DistinguishedName,
    /// Its name here.
    pub name: DistinguishedName,
}

impl ShownGroups {
    /// Whether all groups are shown by their own names.
    pub fn is_everything(&self) -> bool {
        self.bases.is_empty() && self.filter.is_none() && self.names.is_empty()
    }

    /// Whether a group of that name is shown.
    pub fn shows(&self, dn: &str) -> bool {
        let Some(filter) = &self.filter else { return self.is_below_base(dn) };
        let Ok(name) = DistinguishedName::parse(dn) else { return false };
        self.is_below_base(dn) && evaluate(filter, &by_name(&name)) == Truth::True
    }

    /// Whether a group of that name is where those are that are shown.
    pub fn is_below_base(&self, dn: &str) -> bool {
        let is_below = |name: DistinguishedName| self.bases.iter().any(|base| name.is_within(base));
        self.bases.is_empty() || DistinguishedName::parse(dn).is_ok_and(is_below)
    }

    /// Whether a group of that name has another one here.
    pub fn renames(&self, dn: &str) -> bool {
        self.name_of(dn).is_some()
    }

    /// What a group of that name is called here.
    pub fn called(&self, dn: String) -> String {
        match self.name_of(&dn) {
            Some(name) => name.as_str().to_owned(),
            None => dn,
        }
    }

    fn name_of(&self, dn: &str) -> Option<&DistinguishedName> {
        if self.names.is_empty() {
            return None;
        }
        let dn = DistinguishedName::parse(dn).ok()?;
        self.names.iter().find(|renamed| renamed.group == dn).map(|renamed| &renamed.name)
    }

    /// The groups that a name means here: those that are called so, and the one whose own name it is
    /// unless that is called otherwise.
    pub fn meant(&self, name: &NormalizedDn) -> Vec<NormalizedDn> {
        let is_called = |renamed: &&Renamed| renamed.name.normalized() == name;
        let called = self.names.iter().filter(is_called);
        let mut meant: Vec<NormalizedDn> =
            called.map(|renamed| renamed.group.normalized().clone()).collect();
        if !self.names.iter().any(|renamed| renamed.group.normalized() == name) {
            meant.push(name.clone());
        }
        meant
    }

    /// A filter in the directory's names of groups.
    pub fn translated(&self, filter: &Filter) -> Filter {
        self.translate(filter, &ServePolicy { member_of: true, ..ServePolicy::default() })
    }

    fn translate(&self, filter: &Filter, policy: &ServePolicy) -> Filter {
        let all =
            |parts: &[Filter]| parts.iter().map(|part| self.translate(part, policy)).collect();
        match filter {
            Filter::And(parts) => Filter::And(all(parts)),
            Filter::Or(parts) => Filter::Or(all(parts)),
            Filter::Not(inner) => Filter::Not(Box::new(self.translate(inner, policy))),
            other => match item(other, policy) {
                Some(Item::In(name, _)) if !self.names.is_empty() => {
                    let meant = self.meant(&name);
                    let mut named: Vec<Filter> =
                        meant.iter().map(|group| with_value(other, group.as_str())).collect();
                    match named.len() {
                        1 => named.remove(0),
                        // No group has no name.
                        0 => with_value(other, ""),
                        _ => Filter::Or(named),
                    }
                }
                _ => other.clone(),
            },
        }
    }
}

/// The same assertion about another group.
fn with_value(filter: &Filter, group: &str) -> Filter {
    let value = group.as_bytes().to_vec();
    match filter {
        Filter::Equal(name, _) => Filter::Equal(name.clone(), value),
        Filter::Approximate(name, _) => Filter::Approximate(name.clone(), value),
        Filter::Extensible { rule, attribute, dn_attributes, .. } => Filter::Extensible {
            rule: rule.clone(),
            attribute: attribute.clone(),
            value,
            dn_attributes: *dn_attributes,
        },
        other => other.clone(),
    }
}

/// A group as far as its name tells: the attributes of the first part.
fn by_name(name: &DistinguishedName) -> Entry {
    let above = name.parent().map_or(0, |parent| parent.named_values().len());
    let mut own = name.named_values();
    own.truncate(own.len().saturating_sub(above));
    let attribute = |own: crate::proto::dn::NamedValue| Attribute {
        name: own.attribute_type,
        values: vec![own.value],
    };
    Entry { dn: name.as_str().to_owned(), attributes: own.into_iter().map(attribute).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dn(text: &str) -> DistinguishedName {
        DistinguishedName::parse(text).expect("the test's name is one")
    }

    fn shown(bases: &[&str], filter: &str, names: &[(&str, &str)]) -> ShownGroups {
        let renamed = |(group, name): &(&str, &str)| Renamed { group: dn(group), name: dn(name) };
        ShownGroups {
            bases: bases.iter().map(|base| dn(base)).collect(),
            filter: Filter::parse(filter).ok(),
            names: names.iter().map(renamed).collect(),
        }
    }

    #[test]
    fn groups_are_shown_by_where_they_are_and_how_they_are_called() {
        for (of, expected) in [
            (shown(&[], "", &[]), [true, true, true]),
            (shown(&["ou=a,dc=x"], "", &[]), [true, true, false]),
            (shown(&["ou=b,dc=x", "cn=app two,ou=a,dc=x"], "", &[]), [false, true, true]),
            (shown(&[], "(cn=app*)", &[]), [false, true, false]),
            (shown(&["ou=a,dc=x"], "(!(cn=app*))", &[]), [true, false, false]),
            // What the name does not say is not there.
            (shown(&[], "(description=old)", &[]), [false, false, false]),
        ] {
            let names = ["cn=one,ou=a,dc=x", "CN=App two,OU=a,dc=x", "cn=three,ou=b,dc=x"];
            assert_eq!(names.map(|name| of.shows(name)), expected, "{of:?}");
        }
    }

    #[test]
    fn filters_and_values_go_by_the_names_that_groups_have_in_the_view() {
        let of = shown(&[], "", &[("cn=a,dc=x", "cn=staff"), ("cn=b,dc=x", "cn=staff")]);
        assert_eq!(of.called("CN=A, dc=x".to_owned()), "cn=staff");
        assert_eq!(of.called("cn=c,dc=x".to_owned()), "cn=c,dc=x");
        let check = |filter: &str, expected: &str| {
            let found = of.translated(&Filter::parse(filter).expect("a filter"));
            assert_eq!(found, Filter::parse(expected).expect("a filter"), "{filter}");
        };
        check(
            "(memberOf=CN=Staff)",
            "(|(memberOf=cn=a,dc=x)(memberOf=cn=b,dc=x)(memberOf=cn=staff))",
        );
        check("(!(memberOf=cn=a,dc=x))", "(!(memberOf=))");
        check("(&(memberOf=cn=c,dc=x)(cn=cn=staff))", "(&(memberOf=cn=c,dc=x)(cn=cn=staff))");
        let chain = "memberOf:1.2.840.113556.1.4.1941:=";
        check(
            &format!("({chain}cn=staff)"),
            &format!("(|({chain}cn=a,dc=x)({chain}cn=b,dc=x)({chain}cn=staff))"),
        );
        check("(memberOf=*)", "(memberOf=*)");
    }
}
