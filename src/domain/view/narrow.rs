//! What a view leaves of a search: attributes that it does not show are neither returned nor asked
//! about, and entries are those of its bases and its filter.

use super::View;
use crate::domain::secret;
use crate::domain::session::{Refusal, UNKNOWN_CRITICAL};
use crate::proto::ber::{Reader, SEQUENCE};
use crate::proto::control::Control;
use crate::proto::dn::DistinguishedName;
use crate::proto::filter::Filter;
use crate::proto::oid;
use crate::proto::result::ResultCode;
use crate::proto::search::{Scope, SearchRequest};

/// An entry that the view does not show, as if it were not there.
pub const NOT_THERE: Refusal = Refusal::new(ResultCode::NO_SUCH_OBJECT, "");

/// An attribute that the view does not show.
pub const NOT_SHOWN: Refusal = Refusal::new(ResultCode::NO_SUCH_ATTRIBUTE, "");

/// What a client cannot have told of entries that the view shows in part.
pub const NOT_TOLD: Refusal =
    Refusal::new(ResultCode::UNWILLING_TO_PERFORM, "compares are not served in this view");

/// A request of which it cannot be told what it asks, where a part of what there is is shown.
pub const NOT_UNDERSTOOD: Refusal =
    Refusal::new(ResultCode::PROTOCOL_ERROR, "the request cannot be read");

/// Server-side sorting (RFC 2891).
const SORT: &[u8] = b"1.2.840.113556.1.4.473";

/// Controls that say nothing of attributes and entries which a view does not show.
const HARMLESS: [&[u8]; 5] = [
    oid::PAGED_RESULTS,
    oid::LIST_VIEW,
    oid::DOMAIN_SCOPE,
    // Manage DSA IT (RFC 3296).
    b"2.16.840.1.113730.3.4.2",
    // Subentries (RFC 3672).
    b"1.3.6.1.4.1.4203.1.10.1",
];

/// A search as a view leaves it.
#[derive(Debug, Clone, PartialEq)]
pub struct Narrowed {
    /// Another base, if it is one.
    pub base: Option<DistinguishedName>,
    /// The filter.
    pub filter: Filter,
    /// What is returned.
    pub attributes: Vec<String>,
}

impl View {
    /// Whether it shows a part of what there is.
    pub fn is_narrow(&self) -> bool {
        self.hides_attributes() || !self.bases.is_empty() || self.filter.is_some()
    }

    /// Whether some attributes are not shown.
    fn hides_attributes(&self) -> bool {
        self.attributes.is_some() || self.hides_secrets
    }

    /// Whether an attribute is shown; options narrow it down.
    pub fn shows_attribute(&self, description: &[u8]) -> bool {
        let name = description.split(|byte| *byte == b';').next().unwrap_or_default();
        let is_it = |shown: &String| shown.as_bytes().eq_ignore_ascii_case(name);
        let is_hidden = self.hides_secrets && secret::is_secret(name);
        !is_hidden && self.attributes.as_ref().is_none_or(|shown| shown.iter().any(is_it))
    }

    /// Whether an entry of that name may be shown.
    pub fn shows_entry(&self, name: &[u8]) -> bool {
        self.bases.is_empty()
            || DistinguishedName::from_bytes(name).is_ok_and(|name| self.holds(&name))
    }

    fn holds(&self, name: &DistinguishedName) -> bool {
        self.bases.iter().any(|base| name.is_within(base))
    }

    /// What is left of a search.
    pub fn narrow(&self, search: &SearchRequest<'_>, filter: &Filter) -> Result<Narrowed, Refusal> {
        let base = self.base_of(search)?;
        let asked = self.without_hidden(filter, true);
        let filter = match &self.filter {
            Some(own) => Filter::And(vec![own.clone(), asked]),
            None => asked,
        };
        Ok(Narrowed { base, filter, attributes: self.selection(&search.attributes) })
    }

    /// Where a search begins in its place: at the one base that lies below, if it looks there.
    fn base_of(&self, search: &SearchRequest<'_>) -> Result<Option<DistinguishedName>, Refusal> {
        if self.bases.is_empty() {
            return Ok(None);
        }
        let base = DistinguishedName::from_bytes(search.base).map_err(|_| NOT_THERE)?;
        if self.holds(&base) {
            return Ok(None);
        }
        let mut below = self.bases.iter().filter(|own| own.is_within(&base));
        match (below.next(), below.next(), search.scope) {
            (None, ..) => Err(NOT_THERE),
            (Some(only), None, Scope::Subtree | Scope::Subordinate) => Ok(Some(only.clone())),
            // Entries elsewhere are left out one by one.
            (Some(_), ..) => Ok(None),
        }
    }

    /// What of a selection is shown. Who asks for all gets all that is shown.
    fn selection(&self, asked: &[&[u8]]) -> Vec<String> {
        let is_all = |name: &&[u8]| *name == b"*" || *name == b"+";
        let mut selected: Vec<String> = Vec::new();
        let wants_all = asked.is_empty() || asked.iter().any(is_all);
        match &self.attributes {
            Some(shown) if wants_all => selected.extend(shown.iter().cloned()),
            Some(_) => {}
            // What comes of these and is not shown is taken out of the answer.
            None if asked.is_empty() => return selected,
            None => {
                selected.extend(asked.iter().filter(|name| is_all(name)).map(|name| text(name)))
            }
        }
        let named = asked.iter().filter(|name| !is_all(name) && self.shows_attribute(name));
        selected.extend(named.map(|name| text(name)));
        if selected.is_empty() {
            selected.push("1.1".to_owned());
        }
        selected
    }

    /// The filter in which whatever asks about an attribute that is not shown is Undefined: it counts
    /// as False where no NOT, or an even number of them, stands above it, and as True elsewhere.
    fn without_hidden(&self, filter: &Filter, positive: bool) -> Filter {
        let all = |parts: &[Filter]| {
            parts.iter().map(|part| self.without_hidden(part, positive)).collect()
        };
        match filter {
            Filter::And(parts) => Filter::And(all(parts)),
            Filter::Or(parts) => Filter::Or(all(parts)),
            Filter::Not(inner) => Filter::Not(Box::new(self.without_hidden(inner, !positive))),
            // That says nothing: every entry has it.
            Filter::Present(name) if name.eq_ignore_ascii_case("objectClass") => filter.clone(),
            other if self.shows_what_is_asked(other) => filter.clone(),
            _ if positive => Filter::Not(Box::new(Filter::any_entry())),
            _ => Filter::any_entry(),
        }
    }

    fn shows_what_is_asked(&self, item: &Filter) -> bool {
        match item {
            Filter::Equal(name, _)
            | Filter::GreaterOrEqual(name, _)
            | Filter::LessOrEqual(name, _)
            | Filter::Present(name)
            | Filter::Approximate(name, _)
            | Filter::Substrings { attribute: name, .. }
            | Filter::Extensible { attribute: Some(name), .. } => {
                self.shows_attribute(name.as_bytes())
            }
            // A rule for any attribute that has it.
            Filter::Extensible { attribute: None, .. } => !self.hides_attributes(),
            Filter::And(_) | Filter::Or(_) | Filter::Not(_) => true,
        }
    }

    /// The controls that are left, and whether any was left out. One that might tell what is not
    /// shown is refused where it is critical.
    pub fn controls_left(&self, controls: &[u8]) -> Result<Vec<u8>, Refusal> {
        if !self.hides_attributes() {
            return Ok(controls.to_vec());
        }
        let mut reader = Reader::new(controls);
        let mut left = Vec::with_capacity(controls.len());
        while let Ok(control) = Control::read(&mut reader) {
            let is_harmless = HARMLESS.contains(&control.oid)
                || [oid::PROXIED_AUTHORISATION, oid::PROXIED_AUTHORISATION_DRAFT]
                    .contains(&control.oid)
                || (control.oid == SORT && self.sorts_by_what_is_shown(&control));
            match (is_harmless, control.critical) {
                (true, _) => control.write(&mut left),
                (false, true) => return Err(UNKNOWN_CRITICAL),
                (false, false) => {}
            }
        }
        Ok(left)
    }

    fn sorts_by_what_is_shown(&self, control: &Control<'_>) -> bool {
        let Some(value) = control.value else { return false };
        let Ok(keys) = Reader::new(value).expect(SEQUENCE) else { return false };
        let mut keys = Reader::new(keys);
        while !keys.is_empty() {
            let name = keys.expect(SEQUENCE).and_then(|key| Reader::new(key).octets());
            if !name.is_ok_and(|name| self.shows_attribute(name)) {
                return false;
            }
        }
        true
    }
}

fn text(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dn(text: &str) -> DistinguishedName {
        DistinguishedName::parse(text).expect("the test's name is one")
    }

    fn view(attributes: &[&str], bases: &[&str]) -> View {
        View {
            attributes: (!attributes.is_empty())
                .then(|| attributes.iter().map(|name| (*name).to_owned()).collect()),
            bases: bases.iter().map(|base| dn(base)).collect(),
            ..View::default()
        }
    }

    fn search<'a>(base: &'a str, scope: Scope, attributes: &[&'a str]) -> SearchRequest<'a> {
        SearchRequest {
            base: base.as_bytes(),
            scope,
            deref_aliases: 0,
            size_limit: 0,
            time_limit: 0,
            types_only: false,
            filter: b"",
            attributes: attributes.iter().map(|name| name.as_bytes()).collect(),
        }
    }

    fn any() -> Filter {
        Filter::any_entry()
    }

    #[test]
    fn what_is_asked_about_an_attribute_that_is_not_shown_is_undefined() {
        let view = view(&["cn", "objectClass"], &[]);
        let (never, always) = ("(!(objectClass=*))", "(objectClass=*)");
        for (filter, expected) in [
            ("(CN=a)", "(CN=a)".to_owned()),
            ("(cn;lang-de=a)", "(cn;lang-de=a)".to_owned()),
            ("(sn=a)", never.to_owned()),
            ("(!(sn=a))", format!("(!{always})")),
            ("(!(!(sn=*)))", format!("(!(!{never}))")),
            ("(&(cn=a)(|(sn=b)(!(sn>=c))))", format!("(&(cn=a)(|{never}(!{always})))")),
            ("(:caseIgnoreMatch:=a)", never.to_owned()),
            ("(cn:dn:=a)", "(cn:dn:=a)".to_owned()),
            ("(sn:=a)", never.to_owned()),
            ("(objectClass=*)", always.to_owned()),
            ("(objectClass=person)", "(objectClass=person)".to_owned()),
        ] {
            let filter = Filter::parse(filter).expect("a filter");
            let left = view.narrow(&search("dc=x", Scope::Base, &[]), &filter);
            let expected = Filter::parse(&expected).expect("a filter");
            assert_eq!(left.expect("it may be asked").filter, expected, "{filter:?}");
        }
    }

    #[test]
    fn what_is_not_shown_is_not_returned() {
        let view = view(&["cn", "mail"], &[]);
        for (asked, expected) in [
            (&[][..], &["cn", "mail"][..]),
            (&["*"], &["cn", "mail"]),
            (&["+", "sn"], &["cn", "mail"]),
            (&["CN", "sn", "userPassword"], &["CN"]),
            (&["mail;lang-en"], &["mail;lang-en"]),
            (&["sn"], &["1.1"]),
            (&["1.1"], &["1.1"]),
            (&["@person"], &["1.1"]),
        ] {
            let left = view.narrow(&search("dc=x", Scope::Base, asked), &any());
            assert_eq!(left.expect("it may be asked").attributes, expected, "{asked:?}");
        }
    }

    #[test]
    fn an_account_is_shown_no_secret_whatever_its_view_lists() {
        let everywhere = || [dn("dc=x")].into_iter();
        for listed in [&["cn", "userPassword", "2.5.4.35"][..], &[]] {
            let view = view(listed, &[]).of_account(everywhere());
            assert!(view.is_narrow() && !view.shows_attribute(b"USERPASSWORD;x-a"));
            for (filter, expected) in [
                ("(userPassword=a)", "(!(objectClass=*))"),
                ("(!(2.5.4.35=*))", "(!(objectClass=*))"),
                ("(:octetStringMatch:=a)", "(!(objectClass=*))"),
                ("(cn=a)", "(cn=a)"),
            ] {
                let filter = Filter::parse(filter).expect("a filter");
                let left = view.narrow(&search("dc=x", Scope::Base, &["cn", "2.5.4.35"]), &filter);
                let left = left.expect("it may be asked");
                let expected = Filter::parse(expected).expect("a filter");
                let expected = match filter {
                    Filter::Not(_) => Filter::Not(Box::new(any())),
                    _ => expected,
                };
                assert_eq!((left.filter, left.attributes), (expected, vec!["cn".to_owned()]));
            }
        }
        let open = view(&[], &[]).of_account(everywhere());
        let selected = |asked: &[&str]| {
            let left = open.narrow(&search("dc=x", Scope::Base, asked), &any());
            left.expect("it may be asked").attributes
        };
        assert_eq!(selected(&[]), [""; 0], "all, of which secrets are taken out behind");
        assert_eq!(selected(&["*", "userPassword"]), ["*"]);
        assert_eq!(selected(&["userPassword"]), ["1.1"]);
        let mut assertion = Vec::new();
        Control { oid: b"1.3.6.1.1.12", critical: true, value: None }.write(&mut assertion);
        assert_eq!(open.controls_left(&assertion), Err(UNKNOWN_CRITICAL));
        assert!(open.shows_entry(b"cn=a,dc=x") && !open.shows_entry(b"cn=config"));
        let bounded = view(&[], &["ou=a,dc=x"]).of_account(everywhere());
        assert!(!bounded.shows_entry(b"cn=a,dc=x"), "it has its own bases");
    }

    #[test]
    fn a_search_begins_within_the_view_or_finds_nothing() {
        let one = view(&[], &["ou=a,dc=x"]);
        let two = view(&[], &["ou=a,dc=x", "ou=b,dc=x"]);
        let check = |view: &View, base: &str, scope, expected: Result<Option<&str>, Refusal>| {
            let found = view.narrow(&search(base, scope, &[]), &any()).map(|left| left.base);
            assert_eq!(found, expected.map(|base| base.map(dn)), "{base} {scope:?}");
        };
        for scope in [Scope::Base, Scope::One, Scope::Subtree] {
            check(&one, "uid=u,OU=A,dc=x", scope, Ok(None));
            check(&one, "ou=b,dc=x", scope, Err(NOT_THERE));
            check(&one, "no name", scope, Err(NOT_THERE));
            check(&two, "dc=x", scope, Ok(None));
        }
        check(&one, "dc=x", Scope::Subtree, Ok(Some("ou=a,dc=x")));
        check(&one, "", Scope::Subtree, Ok(Some("ou=a,dc=x")));
        check(&one, "dc=x", Scope::One, Ok(None));
        for (name, expected) in [("uid=u,ou=a,dc=x", true), ("ou=b,dc=x", false), ("?", false)] {
            assert_eq!(one.shows_entry(name.as_bytes()), expected, "{name}");
        }
    }

    #[test]
    fn controls_that_might_tell_what_is_not_shown_are_left_out_or_refused() {
        let view = view(&["cn"], &[]);
        let sort = |name: &str| {
            let mut value = Vec::new();
            crate::proto::ber::write_nested(&mut value, SEQUENCE, |out| {
                crate::proto::ber::write_nested(out, SEQUENCE, |out| {
                    crate::proto::ber::write_element(out, 4, name.as_bytes());
                });
            });
            value
        };
        let assertion = b"1.3.6.1.1.12";
        for (oid, critical, value, expected) in [
            (oid::PAGED_RESULTS, true, Vec::new(), Some(true)),
            (SORT, true, sort("CN"), Some(true)),
            (SORT, false, sort("sn"), Some(false)),
            (SORT, true, sort("sn"), None),
            (assertion, false, Vec::new(), Some(false)),
            (assertion, true, Vec::new(), None),
        ] {
            let mut bytes = Vec::new();
            Control { oid, critical, value: Some(&value) }.write(&mut bytes);
            let left = view.controls_left(&bytes);
            assert_eq!(left.ok().map(|left| !left.is_empty()), expected, "{oid:?} {critical}");
        }
    }
}
