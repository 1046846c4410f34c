//! A search that is served: how it is asked, what its entries have to be, and what it goes on with.

use super::super::outstanding::Way;
use crate::app::ports::{Part, SharedId};
use crate::app::serving::{Truths, TruthsWait, Wait, Wanted};
use crate::domain::paging::cookie;
use crate::domain::record::UpstreamId;
use crate::domain::serving::Usage;
use crate::domain::serving::entry::Values;
use crate::domain::serving::plan::{Demands, NAMED_AT_ONCE, named};
use crate::domain::view::narrow::Narrowed;
use crate::proto::ber::{self, BOOLEAN, ENUMERATED, INTEGER, OCTET_STRING, Reader, SEQUENCE};
use crate::proto::control::Control;
use crate::proto::envelope::{CONTROLS, Envelope, MessageId};
use crate::proto::filter::Filter;
use crate::proto::oid;
use crate::proto::op::Operation;
use crate::proto::result::ResultCode;
use crate::proto::search::SearchRequest;

/// Server-side sorting (RFC 2891).
const SORT: &[u8] = b"1.2.840.113556.1.4.473";

/// How a request is asked.
pub(in crate::frontend) struct Planned {
    /// What is sent in its place.
    pub(in crate::frontend) body: Vec<u8>,
    /// What becomes of the answers; `None` if they pass as they are.
    pub(in crate::frontend) served: Option<Served>,
}

/// What becomes of a search's answers.
pub(in crate::frontend) enum Served {
    /// It reads the subschema, where memberOf is to be found.
    Schema(Usage),
    /// Its entries are looked at.
    Entries(Box<Entries>),
}

/// An entry whose groups are asked for.
pub(in crate::frontend) struct Pending {
    pub(super) way: Way,
    pub(super) client: MessageId,
    pub(super) body: Vec<u8>,
    pub(super) wait: Wait,
}

/// A request that waits for what is to be known of its entry.
pub(in crate::frontend) struct Deciding {
    pub(super) request: MessageId,
    pub(super) wait: TruthsWait,
    pub(super) truths: Option<Truths>,
}

/// A response on a shared connection that waits behind such an entry.
pub(in crate::frontend) type Stashed = (SharedId, Part, Vec<u8>);

/// What becomes of a search's entries.
pub(in crate::frontend) struct Entries {
    pub(super) wanted: Wanted,
    pub(super) types: Values,
    /// The most entries that the client takes, where the directory is not asked to count them; 0 is
    /// no limit.
    size_limit: u64,
    sent: u64,
    more: More,
}

/// What a search goes on with.
enum More {
    Nothing,
    /// Pages, until one for the client is full.
    Pages {
        form: Form,
        filter: Filter,
        size: u64,
    },
    /// Searches for more entries by their ids.
    Names {
        form: Form,
        ids: std::vec::IntoIter<UpstreamId>,
        theirs: Vec<Filter>,
    },
}

impl Entries {
    /// Those of a search whose filter says all.
    pub(super) fn passing(search: &SearchRequest<'_>, wanted: Wanted) -> Self {
        let types = if search.types_only { Values::LeftOut } else { Values::Shown };
        Self { wanted, types, size_limit: 0, sent: 0, more: More::Nothing }
    }

    /// Those of a search that finds some too many; and how it is asked.
    pub(super) fn checked(
        form: Form,
        search: &SearchRequest<'_>,
        filter: &Filter,
        wanted: Wanted,
    ) -> (Vec<u8>, Self) {
        let body = form.ask(filter, 0);
        let more = match form.page_size() {
            Some(size) if size > 0 => More::Pages { form, filter: filter.clone(), size },
            _ => More::Nothing,
        };
        (body, Self { size_limit: limit(search), more, ..Self::passing(search, wanted) })
    }

    /// Those of several searches by ids; and how the first is asked.
    pub(super) fn named(
        form: Form,
        search: &SearchRequest<'_>,
        ids: Vec<UpstreamId>,
        theirs: Vec<Filter>,
        wanted: Wanted,
    ) -> (Vec<u8>, Self) {
        let mut ids = ids.into_iter();
        let first: Vec<UpstreamId> = ids.by_ref().take(NAMED_AT_ONCE).collect();
        let body = form.ask(&named(&first, &theirs), 0);
        let more = More::Names { form, ids, theirs };
        (body, Self { size_limit: limit(search), more, ..Self::passing(search, wanted) })
    }

    /// Counts an entry; whether the client takes it.
    pub(super) fn takes_one_more(&mut self) -> bool {
        let takes = self.size_limit == 0 || self.sent < self.size_limit;
        self.sent += u64::from(takes);
        takes
    }

    /// What a search that has ended upstream goes on with, if it does.
    pub(super) fn next(&mut self, code: ResultCode, controls: Option<&[u8]>) -> Option<Vec<u8>> {
        if !code.is_success() {
            return None;
        }
        match &mut self.more {
            More::Nothing => None,
            More::Names { form, ids, theirs } => {
                let next: Vec<UpstreamId> = ids.by_ref().take(NAMED_AT_ONCE).collect();
                (!next.is_empty()).then(|| form.ask(&named(&next, theirs), 0))
            }
            More::Pages { form, filter, size } => {
                let missing = size.checked_sub(self.sent).filter(|missing| *missing > 0)?;
                let cookie = cookie(controls).filter(|cookie| !cookie.is_empty())?;
                Some(form.ask_page(filter, missing, cookie))
            }
        }
    }
}

fn limit(search: &SearchRequest<'_>) -> u64 {
    u64::try_from(search.size_limit).unwrap_or_default()
}

/// All of a search request but its filter, to be asked again with others.
pub(super) struct Form {
    /// Base, scope and aliases.
    before: Vec<u8>,
    time_limit: i64,
    types_only: bool,
    selection: Vec<u8>,
    controls: Option<Vec<u8>>,
}

impl Form {
    pub(super) fn new(request: &Envelope<'_>, search: &SearchRequest<'_>) -> Self {
        Self::of(search, request.controls.map(<[u8]>::to_vec))
    }

    fn of(search: &SearchRequest<'_>, controls: Option<Vec<u8>>) -> Self {
        let mut before = Vec::with_capacity(search.base.len() + 16);
        ber::write_element(&mut before, OCTET_STRING, search.base);
        ber::write_integer(&mut before, ENUMERATED, search.scope.number());
        ber::write_integer(&mut before, ENUMERATED, search.deref_aliases);
        let mut selection = Vec::new();
        ber::write_nested(&mut selection, SEQUENCE, |out| {
            for name in &search.attributes {
                ber::write_element(out, OCTET_STRING, name);
            }
        });
        let (time_limit, types_only) = (search.time_limit, search.types_only);
        Self { before, time_limit, types_only, selection, controls }
    }

    /// That of a search of which a view leaves this.
    pub(super) fn narrowed(
        search: &SearchRequest<'_>,
        narrowed: &Narrowed,
        controls: Option<Vec<u8>>,
    ) -> Self {
        let base = narrowed.base.as_ref().map_or(search.base, |base| base.as_str().as_bytes());
        let names: Vec<&[u8]> = narrowed.attributes.iter().map(String::as_bytes).collect();
        let asked = SearchRequest { base, attributes: names, ..search.clone() };
        Self::of(&asked, controls.filter(|controls| !controls.is_empty()))
    }

    /// What else is asked of the answer.
    pub(super) fn demands(&self) -> Demands {
        let has = |wanted: &[u8]| self.control(wanted).is_some();
        let by_place = has(oid::LIST_VIEW);
        Demands { is_one_list: by_place || has(SORT) || has(oid::PAGED_RESULTS), by_place }
    }

    fn control(&self, wanted: &[u8]) -> Option<Control<'_>> {
        let mut reader = Reader::new(self.controls.as_deref().unwrap_or_default());
        let mut all = std::iter::from_fn(move || Control::read(&mut reader).ok());
        all.find(|control| control.oid == wanted)
    }

    /// Whether it asks for pages.
    pub(super) fn is_paged(&self) -> bool {
        self.control(oid::PAGED_RESULTS).is_some()
    }

    /// How many entries a page of the client's has.
    fn page_size(&self) -> Option<u64> {
        let value = self.control(oid::PAGED_RESULTS)?.value?;
        let mut fields = Reader::new(Reader::new(value).expect(SEQUENCE).ok()?);
        fields.integer().ok().and_then(|size| u64::try_from(size).ok())
    }

    /// The operation and its controls, with this filter.
    pub(super) fn ask(&self, filter: &Filter, size_limit: i64) -> Vec<u8> {
        let mut out = self.operation(filter, size_limit);
        if let Some(controls) = &self.controls {
            ber::write_element(&mut out, CONTROLS, controls);
        }
        out
    }

    /// The same for a page of that size, from where a cookie left off.
    fn ask_page(&self, filter: &Filter, size: u64, cookie: &[u8]) -> Vec<u8> {
        let mut value = Vec::new();
        ber::write_nested(&mut value, SEQUENCE, |out| {
            ber::write_integer(out, INTEGER, i64::try_from(size).unwrap_or(i64::MAX));
            ber::write_element(out, OCTET_STRING, cookie);
        });
        let mut out = self.operation(filter, 0);
        let mut reader = Reader::new(self.controls.as_deref().unwrap_or_default());
        ber::write_nested(&mut out, CONTROLS, |out| {
            while let Ok(control) = Control::read(&mut reader) {
                let is_page = control.oid == oid::PAGED_RESULTS;
                let value = if is_page { Some(&value[..]) } else { control.value };
                Control { value, ..control }.write(out);
            }
        });
        out
    }

    fn operation(&self, filter: &Filter, size_limit: i64) -> Vec<u8> {
        let mut out = Vec::new();
        ber::write_nested(&mut out, Operation::SearchRequest.tag(), |out| {
            out.extend_from_slice(&self.before);
            ber::write_integer(out, INTEGER, size_limit);
            ber::write_integer(out, INTEGER, self.time_limit);
            ber::write_boolean(out, BOOLEAN, self.types_only);
            filter.encode(out);
            out.extend_from_slice(&self.selection);
        });
        out
    }
}
