//! All of a search request but its filter, to be asked again with others.

use crate::domain::membership::range;
use crate::domain::serving::plan::Demands;
use crate::domain::view::narrow::Narrowed;
use crate::proto::ber::{self, BOOLEAN, ENUMERATED, INTEGER, OCTET_STRING, Reader, SEQUENCE};
use crate::proto::control::Control;
use crate::proto::dn::DistinguishedName;
use crate::proto::envelope::{CONTROLS, Envelope};
use crate::proto::filter::Filter;
use crate::proto::oid;
use crate::proto::op::Operation;
use crate::proto::search::{Scope, SearchRequest};

/// Server-side sorting (RFC 2891).
const SORT: &[u8] = b"1.2.840.113556.1.4.473";

/// The selection of no attribute at all (RFC 4511 section 4.5.1.8).
const NO_ATTRIBUTES: &[u8] = b"1.1";

/// A search request without its filter.
pub(super) struct Form {
    base: Vec<u8>,
    scope: Scope,
    deref_aliases: i64,
    time_limit: i64,
    types_only: bool,
    selection: Vec<u8>,
    controls: Option<Vec<u8>>,
}

/// Which of a request's controls are sent again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    /// All, as they are.
    All,
    /// All but that for pages.
    AllButPages,
    /// That which says as whom it is asked.
    Identity,
}

impl Form {
    pub(super) fn new(request: &Envelope<'_>, search: &SearchRequest<'_>) -> Self {
        Self::of(search, request.controls.map(<[u8]>::to_vec))
    }

    /// That of a search of which a view leaves this.
    pub(super) fn narrowed(
        search: &SearchRequest<'_>,
        narrowed: &Narrowed,
        controls: Option<Vec<u8>>,
    ) -> Self {
        let base = narrowed.base.as_ref().map_or(search.base, |base| base.as_str().as_bytes());
        let attributes = narrowed.attributes.iter().map(String::as_bytes).collect();
        let asked = SearchRequest { base, attributes, ..search.clone() };
        Self::of(&asked, controls.filter(|controls| !controls.is_empty()))
    }

    pub(super) fn of(search: &SearchRequest<'_>, controls: Option<Vec<u8>>) -> Self {
        let selection = selection(search.attributes.iter().copied());
        let (time_limit, types_only) = (search.time_limit, search.types_only);
        Self {
            base: search.base.to_vec(),
            scope: search.scope,
            deref_aliases: search.deref_aliases,
            time_limit,
            types_only,
            selection,
            controls,
        }
    }

    /// Lists are asked for whole, in the place of parts of them: the parts that the client wants are
    /// those of another list. Whether there was any.
    pub(super) fn ask_for_whole_lists(
        &mut self,
        search: &SearchRequest<'_>,
        is_list: impl Fn(&[u8]) -> bool,
    ) -> bool {
        let whole = |name: &&'_ [u8]| -> Vec<u8> {
            let is_part = std::str::from_utf8(name).is_ok_and(|name| range::asked(name).is_some());
            let own = name.split(|byte| *byte == b';').next().unwrap_or_default();
            if is_part && is_list(own) { own.to_vec() } else { name.to_vec() }
        };
        let names: Vec<Vec<u8>> = search.attributes.iter().map(whole).collect();
        let has_parts = names.iter().zip(&search.attributes).any(|(new, old)| new != old);
        if has_parts {
            self.selection = selection(names.iter().map(Vec::as_slice));
        }
        has_parts
    }

    /// What else is asked of the answer.
    pub(super) fn demands(&self) -> Demands {
        let by_place = self.control(oid::LIST_VIEW).is_some();
        Demands { is_sorted: by_place || self.control(SORT).is_some(), by_place }
    }

    fn control(&self, wanted: &[u8]) -> Option<Control<'_>> {
        let mut all = controls(self.controls.as_deref());
        all.find(|control| control.oid == wanted)
    }

    /// How many entries a page of the client's has; 0 where it sets no bound.
    pub(super) fn page_size(&self) -> Option<u64> {
        let value = self.control(oid::PAGED_RESULTS)?.value?;
        let mut fields = Reader::new(Reader::new(value).expect(SEQUENCE).ok()?);
        fields.integer().ok().and_then(|size| u64::try_from(size).ok())
    }

    /// Whether an entry of that name is where is searched.
    pub(super) fn holds(&self, name: &str) -> bool {
        let Ok(base) = DistinguishedName::from_bytes(&self.base) else { return false };
        let Ok(dn) = DistinguishedName::parse(name) else { return false };
        match self.scope {
            Scope::Base => dn == base,
            Scope::One => dn.parent().is_some_and(|parent| parent == base),
            Scope::Subtree => dn.is_within(&base),
            Scope::Subordinate => dn.is_within(&base) && dn != base,
        }
    }

    /// The operation and its controls, with this filter.
    pub(super) fn ask(&self, filter: &Filter, size_limit: i64) -> Vec<u8> {
        let mut out = self.operation(filter, size_limit, &self.selection);
        self.write_controls(&mut out, Kept::All);
        out
    }

    /// The same outside of any page.
    pub(super) fn ask_all(&self, filter: &Filter) -> Vec<u8> {
        let mut out = self.operation(filter, 0, &self.selection);
        self.write_controls(&mut out, Kept::AllButPages);
        out
    }

    /// Who would be found, without anything of them.
    pub(super) fn ask_who(&self, filter: &Filter) -> Vec<u8> {
        let mut out = self.operation(filter, 0, &selection(std::iter::once(NO_ATTRIBUTES)));
        self.write_controls(&mut out, Kept::Identity);
        out
    }

    /// The same of one entry, by its name.
    pub(super) fn ask_one(&self, name: &str, filter: &Filter) -> Vec<u8> {
        let place = (name.as_bytes(), Scope::Base, 0);
        let mut out = self.operation_at(place, filter, 0, &self.selection);
        self.write_controls(&mut out, Kept::AllButPages);
        out
    }

    /// The same for a page of that size, from where a cookie left off.
    pub(super) fn ask_page(&self, filter: &Filter, size: u64, cookie: &[u8]) -> Vec<u8> {
        let value = page_value(size, cookie);
        let mut out = self.operation(filter, 0, &self.selection);
        ber::write_nested(&mut out, CONTROLS, |out| {
            for control in controls(self.controls.as_deref()) {
                let is_page = control.oid == oid::PAGED_RESULTS;
                let value = if is_page { Some(&value[..]) } else { control.value };
                Control { value, ..control }.write(out);
            }
        });
        out
    }

    fn operation(&self, filter: &Filter, size_limit: i64, selection: &[u8]) -> Vec<u8> {
        let place = (&self.base[..], self.scope, self.deref_aliases);
        self.operation_at(place, filter, size_limit, selection)
    }

    fn operation_at(
        &self,
        (base, scope, deref_aliases): (&[u8], Scope, i64),
        filter: &Filter,
        size_limit: i64,
        selection: &[u8],
    ) -> Vec<u8> {
        let mut out = Vec::new();
        ber::write_nested(&mut out, Operation::SearchRequest.tag(), |out| {
            ber::write_element(out, OCTET_STRING, base);
            ber::write_integer(out, ENUMERATED, scope.number());
            ber::write_integer(out, ENUMERATED, deref_aliases);
            ber::write_integer(out, INTEGER, size_limit);
            ber::write_integer(out, INTEGER, self.time_limit);
            ber::write_boolean(out, BOOLEAN, self.types_only);
            filter.encode(out);
            out.extend_from_slice(selection);
        });
        out
    }

    fn write_controls(&self, out: &mut Vec<u8>, kept: Kept) {
        let is_kept = |control: &Control<'_>| match kept {
            Kept::All => true,
            Kept::AllButPages => control.oid != oid::PAGED_RESULTS,
            Kept::Identity => oid::is_proxied_authorisation(control.oid),
        };
        let kept: Vec<Control<'_>> = controls(self.controls.as_deref()).filter(is_kept).collect();
        if !kept.is_empty() {
            ber::write_nested(out, CONTROLS, |out| {
                kept.iter().for_each(|control| control.write(out));
            });
        }
    }
}

/// All controls that can be read.
pub(super) fn controls(content: Option<&[u8]>) -> impl Iterator<Item = Control<'_>> {
    let mut reader = Reader::new(content.unwrap_or_default());
    std::iter::from_fn(move || Control::read(&mut reader).ok())
}

/// The value of a control for pages (RFC 2696 section 2).
pub(super) fn page_value(size: u64, cookie: &[u8]) -> Vec<u8> {
    let mut value = Vec::new();
    ber::write_nested(&mut value, SEQUENCE, |out| {
        ber::write_integer(out, INTEGER, i64::try_from(size).unwrap_or(i64::MAX));
        ber::write_element(out, OCTET_STRING, cookie);
    });
    value
}

fn selection<'n>(names: impl Iterator<Item = &'n [u8]>) -> Vec<u8> {
    let mut selection = Vec::new();
    ber::write_nested(&mut selection, SEQUENCE, |out| {
        names.for_each(|name| ber::write_element(out, OCTET_STRING, name));
    });
    selection
}
