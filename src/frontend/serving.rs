//! Searches and compares that have to do with groups, on their way to a directory and back.
//!
//! A search is asked so that the directory need not know the groups, its entries get the groups that
//! they are in, and what does not match is left out. Everything else never comes here.

mod course;
mod form;
mod going;
mod search;

pub(super) use search::{Deciding, Entries, Pending, Planned, Served, Stashed};

use super::connection::Connection;
use super::outstanding::Way;
use super::paging::own_cookie;
use super::reply;
use crate::app::ports::Ports;
use crate::app::serving::{Asked, Asking, Look, Seen, Serving, Told, Truths, Wanted};
use crate::domain::matching::Truth;
use crate::domain::root_dse;
use crate::domain::serving::filter::{Item, Parsed, Reach};
use crate::domain::serving::plan::Plan;
use crate::domain::serving::{ServePolicy, entry, is_member_of, request, subschema};
use crate::domain::session::{Refusal, Session};
use crate::domain::sharing;
use crate::proto::ber::{Reader, SEQUENCE};
use crate::proto::dn::DistinguishedName;
use crate::proto::envelope::{Envelope, MessageId};
use crate::proto::filter::{Filter, FilterLimits};
use crate::proto::op::Operation;
use crate::proto::result::ResultCode;
use crate::proto::search::{Scope, SearchRequest};
use course::{Course, Next};
use form::Form;
use search::{Awaited, Found};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite};

/// What became of a request that may have to do with groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judged {
    /// It is relayed, perhaps otherwise than it came.
    Relayed,
    /// It was answered.
    Answered,
    /// It has to be offered again once something is known of its entry.
    Waits,
}

/// Why a request is not relayed.
enum Stop {
    /// It is answered with this.
    Answer(Refusal),
    /// It was answered.
    Answered,
    /// Something has to be known first.
    Wait,
}

type Outcome = Result<Option<Box<Planned>>, Stop>;

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Answer(refusal)
    }
}

impl<P: Ports, S: AsyncRead + AsyncWrite + Unpin> Connection<P, S> {
    /// Decides, once for each request, whether who is in which groups has to do with it. Only who is
    /// bound sees that (rule S10.3).
    pub(super) fn serves(&mut self, request: &Envelope<'_>) -> Judged {
        if self.planned.as_ref().is_some_and(|planned| planned.resumed == Some(request.id)) {
            return Judged::Relayed;
        }
        self.planned = None;
        if !matches!(self.session, Session::Bound(_)) {
            return Judged::Relayed;
        }
        let directory = self.directory_of_session();
        if !self.gateway.directory(directory).relay.serve.adds_something() {
            return Judged::Relayed;
        }
        let outcome = match request.operation {
            Operation::SearchRequest => self.plan_search(request, directory),
            Operation::CompareRequest => self.compare(request, directory),
            _ => Ok(None),
        };
        match outcome {
            Ok(planned) => {
                self.planned = planned;
                Judged::Relayed
            }
            Err(Stop::Wait) => Judged::Waits,
            Err(Stop::Answered) => Judged::Answered,
            Err(Stop::Answer(refusal)) => {
                self.refuse(request, refusal);
                Judged::Answered
            }
        }
    }

    fn plan_search(&mut self, request: &Envelope<'_>, directory: usize) -> Outcome {
        if let Some(cookie) = own_cookie(request) {
            return self.next_page(request, cookie);
        }
        if root_dse::is_read_by(request.content) {
            return Ok(None);
        }
        let relay = self.gateway.directory(directory).relay.clone();
        let serve = &relay.serve;
        if serve.member_of
            && subschema::may_be_read_by(request.content)
            && self.is_outside(directory, request.content)
        {
            let served = Some(Served::Schema(serve.usage));
            return Ok(Some(Planned::new(request.body.to_vec(), served)));
        }
        let Some(interest) = request::interest(request.content, serve) else { return Ok(None) };
        if request::is_never_enriched(request.controls) {
            return Ok(None);
        }
        let Some(serving) = self.gateway.sign_ons().serving(directory) else { return Ok(None) };
        let Ok(search) = SearchRequest::decode(request.content) else { return Ok(None) };
        let wanted = Wanted { values: interest.values, check: None };
        let parsed = if interest.filter { parsed(search.filter, serve) } else { None };
        if let Some(parsed) = parsed {
            let parsed = if serving.is_live() { parsed.without_chains() } else { parsed };
            if let (Scope::Base, 0 | 1) = (search.scope, search.deref_aliases)
                && let Ok(base) = DistinguishedName::from_bytes(search.base)
            {
                return self.ask_one(&serving, request, &search, (&base, &parsed), wanted);
            }
            let form = Form::new(request, &search);
            let most = serve.max_filter_members;
            let asked =
                self.asked(request, || serving.ask(&Arc::new(parsed), form.demands(), most))?;
            return planned(asked, form, &search, wanted);
        }
        if !interest.values {
            return Ok(None);
        }
        let served = Some(Served::Entries(Box::new(Entries::passing(&search, wanted))));
        Ok(Some(Planned::new(request.body.to_vec(), served)))
    }

    /// How a request is asked: what was found out for it, or is known at once.
    fn asked(
        &mut self,
        request: &Envelope<'_>,
        ask: impl FnOnce() -> Asking,
    ) -> Result<Asked, Stop> {
        if let Some(Found::Asked(asked)) = self.found(request) {
            return Ok(asked);
        }
        match ask() {
            Asking::Now(asked) => Ok(asked),
            Asking::Later(wait) => Err(self.wait_for(request, Awaited::Asked(wait))),
        }
    }

    /// What was found out for a request.
    fn found(&mut self, request: &Envelope<'_>) -> Option<Found> {
        self.deciding.take().filter(|deciding| deciding.request == request.id)?.found
    }

    fn wait_for(&mut self, request: &Envelope<'_>, wait: Awaited) -> Stop {
        self.deciding = Some(Box::new(Deciding { request: request.id, wait, found: None }));
        Stop::Wait
    }

    /// Whether the base of a search lies within none of the directory's suffixes.
    fn is_outside(&self, directory: usize, search: &[u8]) -> bool {
        let base = Reader::new(search).octets().ok();
        let base = base.and_then(|base| DistinguishedName::from_bytes(base).ok());
        let policy = &self.gateway.directory(directory).policy;
        base.is_some_and(|base| !policy.suffixes.iter().any(|suffix| base.is_within(suffix)))
    }

    /// How a search of one entry is asked: what there is to say of it is known before.
    fn ask_one(
        &mut self,
        serving: &Serving<P>,
        request: &Envelope<'_>,
        search: &SearchRequest<'_>,
        (base, parsed): (&DistinguishedName, &Parsed),
        wanted: Wanted,
    ) -> Outcome {
        let said = match self.truths(serving, request, base, parsed.items())? {
            Truths::Known(said) | Truths::Stranger(said) => said,
            Truths::Unknown => return Err(reply::GROUPS_UNKNOWN.into()),
        };
        let left = parsed.decided(&said).into_filter();
        let body = Form::new(request, search).ask(&left, search.size_limit);
        let values = wanted.values;
        let served = values.then(|| Served::Entries(Box::new(Entries::passing(search, wanted))));
        Ok(Some(Planned::new(body, served)))
    }

    /// A compare on groups of somebody who is known here is answered here.
    fn compare(&mut self, request: &Envelope<'_>, directory: usize) -> Outcome {
        let relay = self.gateway.directory(directory).relay.clone();
        let Some((name, item)) = comparison(request.content, &relay.serve) else { return Ok(None) };
        if !sharing::is_stateless(request) || request::is_never_enriched(request.controls) {
            return Ok(None);
        }
        let Some(serving) = self.gateway.sign_ons().serving(directory) else { return Ok(None) };
        let Ok(dn) = DistinguishedName::from_bytes(name) else { return Ok(None) };
        if item == Item::Undefined {
            return Err(reply::NO_NAME.into());
        }
        let said = match self.truths(&serving, request, &dn, &[item])? {
            Truths::Stranger(_) => return Ok(None),
            Truths::Unknown => return Err(reply::GROUPS_UNKNOWN.into()),
            Truths::Known(said) => said,
        };
        let code = match said.first() {
            Some(Some(Truth::True)) => ResultCode::COMPARE_TRUE,
            Some(Some(_)) => ResultCode::COMPARE_FALSE,
            Some(None) | None => return Ok(None),
        };
        Err(Refusal::new(code, "").into())
    }

    /// What items say of an entry: what was found out for this request, or is known at once.
    fn truths(
        &mut self,
        serving: &Serving<P>,
        request: &Envelope<'_>,
        dn: &DistinguishedName,
        items: &[Item],
    ) -> Result<Truths, Stop> {
        if let Some(Found::Truths(truths)) = self.found(request) {
            return Ok(truths);
        }
        match serving.tell(dn, items) {
            Told::Now(truths) => Ok(truths),
            Told::Later(wait) => Err(self.wait_for(request, Awaited::Truths(wait))),
        }
    }

    /// Goes on with a request once it is known what it has to know.
    fn poll_deciding(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(deciding) = &mut self.deciding else { return false };
        if deciding.found.is_some() {
            return false;
        }
        let found = match &mut deciding.wait {
            Awaited::Truths(wait) => wait.as_mut().poll(cx).map(Found::Truths),
            Awaited::Asked(wait) => wait.as_mut().poll(cx).map(Found::Asked),
        };
        let Poll::Ready(found) = found else { return false };
        deciding.found = Some(found);
        self.held = false;
        true
    }

    /// A request was sent that may have been planned.
    pub(super) fn note_served(&mut self, way: Way) {
        if let Some(served) = self.planned.take().and_then(|planned| planned.served) {
            self.outstanding.note_served(way, served);
        }
    }

    /// Takes what comes of a search that is served, if it is of concern to that; whether it is.
    pub(super) fn relay_served(&mut self, way: Way, client: MessageId, body: &[u8]) -> bool {
        let name = entry::name(body);
        let wanted = match (self.outstanding.served(way), name) {
            (None, _) => return false,
            (Some(Served::Schema(usage)), Some(_)) => {
                let usage = *usage;
                let altered = subschema::with_member_of(body, usage);
                self.answer(client, altered.as_deref().unwrap_or(body));
                return true;
            }
            (Some(Served::Schema(_)), None) => return false,
            (Some(Served::Entries(entries)), None) => {
                let passes = entries.course.as_ref().is_none_or(Course::passes_references);
                if !passes {
                    self.uncount(way);
                }
                return !passes;
            }
            (Some(Served::Entries(entries)), Some(name)) => {
                if entries.course.as_mut().is_some_and(|course| !course.takes(name)) {
                    self.uncount(way);
                    return true;
                }
                entries.wanted()
            }
        };
        let directory = self.directory_of_session();
        let look = match (self.gateway.sign_ons().serving(directory), name) {
            (Some(serving), Some(name)) => serving.look(name, &wanted),
            _ => Look::Now(Seen::Stranger),
        };
        match look {
            Look::Now(seen) => self.finish_entry(way, client, body, seen),
            Look::Later(wait) => {
                self.pending = Some(Box::new(Pending { way, client, body: body.to_vec(), wait }));
            }
        }
        true
    }

    /// What came is not the client's.
    fn uncount(&mut self, way: Way) {
        if let Some(operation) = self.outstanding.by_way(way) {
            operation.entries -= 1;
        }
    }

    fn finish_entry(&mut self, way: Way, client: MessageId, body: &[u8], seen: Seen) {
        let Some(Served::Entries(entries)) = self.outstanding.served(way) else { return };
        let altered = match seen {
            Seen::Unknown(_) => return self.end_served(way, reply::GROUPS_UNKNOWN),
            Seen::Unmatched => return self.uncount(way),
            Seen::Shown(groups) if entries.wanted.values => {
                entry::with_member_of(body, &groups, entries.types)
            }
            Seen::Shown(_) | Seen::Stranger => None,
        };
        if !entries.takes_one_more() {
            self.uncount(way);
            return self.end_served(way, reply::ENOUGH_ENTRIES);
        }
        self.answer(client, altered.as_deref().unwrap_or(body));
    }

    /// Ends a search before the directory does.
    fn end_served(&mut self, way: Way, refusal: Refusal) {
        let Some(operation) = self.outstanding.by_way(way).copied() else { return };
        self.abandon_upstream(way, None);
        self.refuse_relayed(operation, refusal);
        // A bind may have waited for this.
        self.held = false;
    }

    /// Goes on once what is asked for is known.
    pub(super) fn poll_serving(&mut self, cx: &mut Context<'_>) -> bool {
        self.poll_deciding(cx) | self.poll_names(cx) | self.poll_pending(cx)
    }

    fn poll_pending(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(pending) = &mut self.pending else { return false };
        let Poll::Ready(seen) = Pin::new(&mut pending.wait).poll(cx) else { return false };
        if let Some(pending) = self.pending.take() {
            let Pending { way, client, body, .. } = *pending;
            self.finish_entry(way, client, &body, seen);
        }
        while self.pending.is_none()
            && let Some((id, part, body)) = self.stashed.pop_front()
        {
            self.receive_shared_part(id, part, &body);
        }
        if self.pending.is_none() {
            self.receive_responses(&[]);
        }
        true
    }
}

/// How a search is asked, by its plan.
fn planned(asked: Asked, form: Form, search: &SearchRequest<'_>, wanted: Wanted) -> Outcome {
    let plan = match asked {
        Asked::By(plan) => plan,
        Asked::Unknown => return Err(reply::GROUPS_UNKNOWN.into()),
    };
    let course = match plan {
        Plan::TooMany => return Err(reply::TOO_MANY_MEMBERS.into()),
        Plan::Nameless => return Err(reply::NAMELESS_MEMBERS.into()),
        Plan::Whole(filter) => {
            let body = form.ask(&filter, search.size_limit);
            let entries = wanted.values.then(|| Box::new(Entries::passing(search, wanted)));
            return Ok(Some(Planned::new(body, entries.map(Served::Entries))));
        }
        Plan::Steps(steps) => Course::of_steps(form, steps),
        Plan::List { ask, check, ids, otherwise } => {
            Course::of_list(form, ask, check, ids, otherwise)
        }
    };
    begun(Box::new(Entries::on(search, wanted, course)), None)
}

/// How a search begins, or goes on with a page of so many entries.
fn begun(mut entries: Box<Entries>, room: Option<u64>) -> Outcome {
    let next = entries.course.as_mut().map(|course| course.begin(room));
    match next {
        Some(Next::Ask(body)) => Ok(Some(Planned::new(body, Some(Served::Entries(entries))))),
        Some(Next::Refused(refusal)) => Err(refusal.into()),
        _ => Err(reply::GROUPS_UNKNOWN.into()),
    }
}

/// A filter that has an item that is decided here. Its limits were looked at before.
fn parsed(filter: &[u8], policy: &ServePolicy) -> Option<Parsed> {
    let limits = FilterLimits { depth: FilterLimits::MAX_DEPTH, components: usize::MAX };
    Parsed::new(&Filter::decode(filter, limits).ok()?, policy)
}

/// The entry of a compare on groups, and what it asserts.
fn comparison<'a>(content: &'a [u8], policy: &ServePolicy) -> Option<(&'a [u8], Item)> {
    let mut reader = Reader::new(content);
    let name = reader.octets().ok()?;
    let mut assertion = Reader::new(reader.expect(SEQUENCE).ok()?);
    let attribute = assertion.octets().ok()?;
    let value = assertion.octets().ok()?;
    if attribute.contains(&b';') {
        return None;
    }
    if policy.member_of && is_member_of(attribute) {
        let group = DistinguishedName::from_bytes(value);
        let item = |dn: DistinguishedName| Item::In(dn.normalized().clone(), Reach::Shown);
        return Some((name, group.map_or(Item::Undefined, item)));
    }
    let key = policy.member_attribute(attribute)?.key(value)?;
    Some((name, Item::Holds(key, Reach::Shown)))
}
