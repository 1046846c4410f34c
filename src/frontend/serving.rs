//! Searches and compares that have to do with memberOf, on their way to a directory and back.
//!
//! A search is asked so that the directory need not know the groups, its entries get the groups that
//! they are in, and what does not match is left out. Everything else never comes here.

mod narrow;
mod search;

pub(super) use search::{Deciding, Pending, Planned, Served, Stashed};

use super::connection::Connection;
use super::outstanding::{Relayed, Way};
use super::reply;
use crate::app::ports::LinkError;
use crate::app::ports::Ports;
use crate::app::serving::{Asked, Look, Seen, Serving, Told, Truths, Wanted, of_nobody};
use crate::domain::matching::Truth;
use crate::domain::relay::RelayPolicy;
use crate::domain::root_dse;
use crate::domain::serving::filter::{Decided, Item, Reach, decide, items};
use crate::domain::serving::plan::Plan;
use crate::domain::serving::request::{self, Interest};
use crate::domain::serving::{Inactive, entry, is_member_of, subschema};
use crate::domain::session::Refusal;
use crate::domain::sharing;
use crate::domain::view::narrow::NOT_UNDERSTOOD;
use crate::proto::ber::{Reader, SEQUENCE};
use crate::proto::dn::DistinguishedName;
use crate::proto::envelope::{Envelope, MessageId};
use crate::proto::filter::{Filter, FilterLimits};
use crate::proto::op::Operation;
use crate::proto::result::ResultCode;
use crate::proto::search::{Scope, SearchRequest};
use search::{Entries, Form};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite};

/// What became of a request that may have to do with memberOf.
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
    /// Something has to be known first.
    Wait,
}

/// What a client sees otherwise than the directory has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Sight {
    /// Whether it sees who is in which groups.
    groups: bool,
    /// Whether it sees users who are inactive.
    inactive: Inactive,
    /// Whether it sees entries of some bases alone.
    is_bounded: bool,
}

type Outcome = Result<Option<Box<Planned>>, Stop>;

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Answer(refusal)
    }
}

impl<P: Ports, S: AsyncRead + AsyncWrite + Unpin> Connection<P, S> {
    /// Decides, once for each request, whether who is in which groups has to do with it. Only who is
    /// bound sees that, or whom the view names (rule S10.3).
    pub(super) fn serves(&mut self, request: &Envelope<'_>) -> Judged {
        self.planned = None;
        if !matches!(request.operation, Operation::SearchRequest | Operation::CompareRequest) {
            return Judged::Relayed;
        }
        let directory = self.directory_of_session();
        let serve = &self.gateway.directory(directory).relay.serve;
        let sight = Sight {
            groups: serve.member_of && self.sees_groups(),
            inactive: self.inactive(serve.inactive),
            is_bounded: self.view.as_ref().is_some_and(|view| !view.bases.is_empty()),
        };
        let narrow = self.view.clone().filter(|view| view.is_narrow());
        if narrow.is_none() && sight == Sight::default() {
            return Judged::Relayed;
        }
        let outcome = match (request.operation, narrow) {
            (Operation::SearchRequest, None) => self.plan_search(request, directory, sight),
            (Operation::SearchRequest, Some(view)) => {
                self.narrow_search(request, directory, sight, &view)
            }
            (_, narrow) => {
                let refusal = narrow.and_then(|view| narrow::compare_refusal(&view, request));
                match refusal {
                    Some(refusal) => Err(refusal.into()),
                    None => self.compare(request, directory, sight),
                }
            }
        };
        match outcome {
            Ok(planned) => {
                self.planned = planned;
                Judged::Relayed
            }
            Err(Stop::Wait) => Judged::Waits,
            Err(Stop::Answer(refusal)) => {
                self.refuse(request, refusal);
                Judged::Answered
            }
        }
    }

    fn plan_search(&mut self, request: &Envelope<'_>, directory: usize, sight: Sight) -> Outcome {
        if root_dse::is_read_by(request.content) {
            return Ok(None);
        }
        let relay = self.gateway.directory(directory).relay.clone();
        if sight.groups
            && subschema::may_be_read_by(request.content)
            && self.is_outside(directory, request.content)
        {
            let served = Some(Served::Schema(relay.serve.usage));
            return Ok(Some(Box::new(Planned { body: request.body.to_vec(), served })));
        }
        let interest = request::interest(request.content, &relay.serve)
            .filter(|_| sight.groups && !request::is_never_enriched(request.controls));
        if interest.is_none() && sight.inactive == Inactive::Show && !sight.is_bounded {
            return Ok(None);
        }
        let Some(serving) = self.serving(directory) else {
            return self.pass_partly(request, directory, sight);
        };
        let hidden = match sight.inactive {
            Inactive::Hide if serving.may_hide() => Inactive::Hide,
            Inactive::Hide | Inactive::Show => Inactive::Show,
        };
        let interest = match interest {
            Some(interest) => interest,
            None if hidden == Inactive::Hide || sight.is_bounded => {
                Interest { values: false, filter: false }
            }
            None => return Ok(None),
        };
        let Ok(search) = SearchRequest::decode(request.content) else {
            return match hidden {
                Inactive::Show => Ok(None),
                Inactive::Hide => Err(NOT_UNDERSTOOD.into()),
            };
        };
        if hidden == Inactive::Hide && is_hidden(&serving, search.base) {
            return Err(reply::NOT_THERE.into());
        }
        let wanted = Wanted { values: interest.values, check: None, hidden, view: serving.view() };
        let filter = match interest.filter {
            true => decoded(search.filter).map(|filter| self.in_own_names(filter)),
            false => None,
        };
        match filter {
            Some(filter) => {
                if let (Scope::Base, 0 | 1) = (search.scope, search.deref_aliases)
                    && let Ok(base) = DistinguishedName::from_bytes(search.base)
                {
                    return self.ask_one(&serving, request, &search, (&base, &filter), wanted);
                }
                ask(&serving, &relay, request, &search, &filter, wanted)
            }
            None if wanted.looks() => Ok(Some(Box::new(pass(request, &search, wanted)))),
            None => Ok(None),
        }
    }

    /// Who is in which groups, as the client's view has it.
    fn serving(&self, directory: usize) -> Option<Serving<P>> {
        let serving = self.gateway.sign_ons().serving(directory)?;
        Some(serving.seen_in(self.view.clone()))
    }

    /// A filter whose names of groups are the directory's, not the view's.
    fn in_own_names(&self, filter: Filter) -> Filter {
        match &self.view {
            Some(view) if !view.groups.names.is_empty() => view.groups.translated(&filter),
            _ => filter,
        }
    }

    /// Whether the base of a search lies within none of the directory's suffixes.
    fn is_outside(&self, directory: usize, search: &[u8]) -> bool {
        let base = Reader::new(search).octets().ok();
        let base = base.and_then(|base| DistinguishedName::from_bytes(base).ok());
        let policy = &self.gateway.directory(directory).policy;
        base.is_some_and(|base| !policy.suffixes.iter().any(|suffix| base.is_within(suffix)))
    }

    /// How a search of one entry is asked: what its groups say is known before.
    fn ask_one(
        &mut self,
        serving: &Serving<P>,
        request: &Envelope<'_>,
        search: &SearchRequest<'_>,
        (base, filter): (&DistinguishedName, &Filter),
        wanted: Wanted,
    ) -> Outcome {
        let items = items(filter);
        let truths = match self.truths(serving, request, base, &items)? {
            Truths::Known(truths) => truths,
            Truths::Stranger => items.iter().map(of_nobody).collect(),
            Truths::Unknown => return Err(reply::GROUPS_UNKNOWN.into()),
        };
        let left = decide(filter, &mut |item| {
            let at = items.iter().position(|known| known == item);
            let truth = at.and_then(|at| truths.get(at).copied());
            Decided::As(truth.unwrap_or(Truth::Undefined))
        });
        let body = Form::new(request, search).ask(&left.into_filter(), search.size_limit);
        let served =
            wanted.looks().then(|| Served::Entries(Box::new(Entries::passing(search, wanted))));
        Ok(Some(Box::new(Planned { body, served })))
    }

    /// A compare on memberOf of somebody who is known here is answered here.
    fn compare(&mut self, request: &Envelope<'_>, directory: usize, sight: Sight) -> Outcome {
        if sight.inactive == Inactive::Hide
            && let Ok(name) = Reader::new(request.content).octets()
            && match self.serving(directory) {
                Some(serving) => is_hidden(&serving, name),
                None => self.hides_by_record(directory, name),
            }
        {
            return Err(reply::NOT_THERE.into());
        }
        if !sight.groups {
            return Ok(None);
        }
        let Some((name, value)) = comparison(request.content) else { return Ok(None) };
        if !sharing::is_stateless(request) || request::is_never_enriched(request.controls) {
            return Ok(None);
        }
        let Some(serving) = self.serving(directory) else { return Ok(None) };
        let Ok(dn) = DistinguishedName::from_bytes(name) else { return Ok(None) };
        let Ok(group) = DistinguishedName::from_bytes(value) else {
            return Err(reply::NO_NAME.into());
        };
        let items: Vec<Item> = match &self.view {
            Some(view) => view.groups.meant(group.normalized()),
            None => vec![group.normalized().clone()],
        }
        .into_iter()
        .map(|group| Item::In(group, Reach::Shown))
        .collect();
        let code = match self.truths(&serving, request, &dn, &items)? {
            Truths::Stranger => return Ok(None),
            Truths::Unknown => return Err(reply::GROUPS_UNKNOWN.into()),
            Truths::Known(truths) if truths.contains(&Truth::True) => ResultCode::COMPARE_TRUE,
            Truths::Known(_) => ResultCode::COMPARE_FALSE,
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
        let known = self.deciding.take().filter(|deciding| deciding.request == request.id);
        if let Some(truths) = known.and_then(|deciding| deciding.truths) {
            return Ok(truths);
        }
        match serving.tell(dn, items) {
            Told::Now(truths) => Ok(truths),
            Told::Later(wait) => {
                let deciding = Deciding { request: request.id, wait, truths: None };
                self.deciding = Some(Box::new(deciding));
                Err(Stop::Wait)
            }
        }
    }

    /// Goes on with a request once it is known what it has to know.
    fn poll_deciding(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(deciding) = &mut self.deciding else { return false };
        if deciding.truths.is_some() {
            return false;
        }
        let Poll::Ready(truths) = deciding.wait.as_mut().poll(cx) else { return false };
        deciding.truths = Some(truths);
        self.held = false;
        true
    }

    /// A request was sent that may have been planned.
    pub(super) fn note_served(&mut self, way: Way) {
        if let Some(served) = self.planned.take().and_then(|planned| planned.served) {
            self.outstanding.note_served(way, served);
        }
    }

    /// Takes an entry of a search that is served, and anything else that it is no matter of; whether
    /// it did.
    pub(super) fn relay_served(&mut self, way: Way, client: MessageId, body: &[u8]) -> bool {
        let Some(name) = entry::name(body) else { return false };
        let wanted = match self.outstanding.served(way) {
            None => return false,
            Some(Served::Schema(usage)) => {
                let usage = *usage;
                let altered = subschema::with_member_of(body, usage);
                self.answer(client, altered.as_deref().unwrap_or(body));
                return true;
            }
            Some(Served::Entries(entries)) => entries.wanted.clone(),
        };
        if wanted.view.as_ref().is_some_and(|view| !view.shows_entry(name)) {
            self.finish_entry(way, client, body, Seen::Unmatched);
            return true;
        }
        let directory = self.directory_of_session();
        let look = match self.gateway.sign_ons().serving(directory) {
            // In the view that the search came in.
            Some(serving) => serving.seen_in(wanted.view.clone()).look(name, &wanted),
            None if wanted.hidden == Inactive::Hide && self.hides_by_record(directory, name) => {
                Look::Now(Seen::Unmatched)
            }
            None => Look::Now(Seen::Stranger),
        };
        match look {
            Look::Now(seen) => self.finish_entry(way, client, body, seen),
            Look::Later(wait) => {
                self.pending = Some(Box::new(Pending { way, client, body: body.to_vec(), wait }));
            }
        }
        true
    }

    fn finish_entry(&mut self, way: Way, client: MessageId, body: &[u8], seen: Seen) {
        let Some(Served::Entries(entries)) = self.outstanding.served(way) else { return };
        let altered = match seen {
            Seen::Unknown(_) => return self.end_served(way, reply::GROUPS_UNKNOWN),
            Seen::Unmatched => {
                if let Some(operation) = self.outstanding.by_way(way) {
                    operation.entries -= 1;
                }
                return;
            }
            Seen::Shown(groups) if entries.wanted.values => {
                entry::with_member_of(body, &groups, entries.types)
            }
            Seen::Shown(_) | Seen::Stranger => None,
        };
        if !entries.takes_one_more() {
            if let Some(operation) = self.outstanding.by_way(way) {
                operation.entries -= 1;
            }
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

    /// Whether a search that has ended upstream goes on there, by another one.
    pub(super) fn goes_on(
        &mut self,
        operation: &Relayed,
        code: ResultCode,
        controls: Option<&[u8]>,
    ) -> bool {
        let Some(Served::Entries(entries)) = self.outstanding.served(operation.way) else {
            return false;
        };
        let Some(body) = entries.next(code, controls) else { return false };
        let way = match operation.way {
            Way::Own(_) => {
                let Some(upstream) = &mut self.upstream else { return false };
                upstream.skip_ids(|id| self.outstanding.is_upstream(id));
                Some(Way::Own(upstream.send(&body)))
            }
            Way::Shared(_) => self.send_more_shared(&body).map(Way::Shared),
        };
        match way {
            Some(way) => self.outstanding.redirect(operation.way, way),
            None => {
                self.outstanding.finish_way(operation.way);
                self.refuse_relayed(*operation, reply::no_link(LinkError::QueueFull));
                self.held = false;
            }
        }
        true
    }

    /// Goes on once the groups of an entry are known.
    pub(super) fn poll_serving(&mut self, cx: &mut Context<'_>) -> bool {
        self.poll_deciding(cx) | self.poll_pending(cx)
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

/// How a search whose filter names memberOf is asked.
fn ask<P: Ports>(
    serving: &Serving<P>,
    relay: &RelayPolicy,
    request: &Envelope<'_>,
    search: &SearchRequest<'_>,
    filter: &Filter,
    wanted: Wanted,
) -> Outcome {
    let form = Form::new(request, search);
    let most = relay.serve.max_filter_members;
    let plan = match serving.ask(filter, form.demands(), most) {
        Asked::By(plan) => plan,
        Asked::Unknown => return Err(reply::GROUPS_UNKNOWN.into()),
    };
    let checked = |ours: Filter| Wanted { check: Some(Arc::new(ours)), ..wanted.clone() };
    let planned = match plan {
        Plan::TooMany => return Err(reply::TOO_MANY_MEMBERS.into()),
        Plan::Nameless => return Err(reply::NAMELESS_MEMBERS.into()),
        Plan::Whole(ask) if wanted.drops() => {
            let (body, entries) = Entries::checked(form, search, &ask, wanted);
            Planned { body, served: Some(Served::Entries(Box::new(entries))) }
        }
        Plan::Whole(ask) => {
            let body = form.ask(&ask, search.size_limit);
            let entries = || Served::Entries(Box::new(Entries::passing(search, wanted.clone())));
            Planned { body, served: wanted.looks().then(entries) }
        }
        Plan::Checked(ask, ours) => {
            let (body, entries) = Entries::checked(form, search, &ask, checked(ours));
            Planned { body, served: Some(Served::Entries(Box::new(entries))) }
        }
        Plan::Named { ids, theirs, ours } => {
            let (body, entries) = Entries::named(form, search, ids, theirs, checked(ours));
            Planned { body, served: Some(Served::Entries(Box::new(entries))) }
        }
    };
    Ok(Some(Box::new(planned)))
}

/// How a search is asked whose filter is the directory's matter alone.
fn pass(request: &Envelope<'_>, search: &SearchRequest<'_>, wanted: Wanted) -> Planned {
    let form = Form::new(request, search);
    let is_counted = search.size_limit > 0 || form.is_paged();
    if wanted.drops()
        && is_counted
        && let Ok(filter) = Filter::decode(search.filter, UNLIMITED)
    {
        let (body, entries) = Entries::checked(form, search, &filter, wanted);
        return Planned { body, served: Some(Served::Entries(Box::new(entries))) };
    }
    let entries = Entries::passing(search, wanted);
    Planned { body: request.body.to_vec(), served: Some(Served::Entries(Box::new(entries))) }
}

/// Whether it is known at once that the entry of that name is hidden.
fn is_hidden<P: Ports>(serving: &Serving<P>, name: &[u8]) -> bool {
    let name = DistinguishedName::from_bytes(name).ok();
    name.is_some_and(|name| serving.hides(&name) == Some(true))
}

/// Its limits were looked at when the request came.
const UNLIMITED: FilterLimits =
    FilterLimits { depth: FilterLimits::MAX_DEPTH, components: usize::MAX };

/// A filter that has an item on memberOf. Its limits were looked at before.
fn decoded(filter: &[u8]) -> Option<Filter> {
    Filter::decode(filter, UNLIMITED).ok().filter(|filter| !items(filter).is_empty())
}

/// The entry and the value of a compare on memberOf.
fn comparison(content: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut reader = Reader::new(content);
    let name = reader.octets().ok()?;
    let mut assertion = Reader::new(reader.expect(SEQUENCE).ok()?);
    let attribute = assertion.octets().ok()?;
    let value = assertion.octets().ok()?;
    (is_member_of(attribute) && !attribute.contains(&b';')).then_some((name, value))
}
