//! Searches and compares that have to do with groups, on their way to a directory and back.
//!
//! A search is asked so that the directory need not know the groups, its entries get the groups that
//! they are in, and what does not match is left out. Everything else never comes here.

mod course;
mod form;
mod going;
mod narrow;
mod search;

pub(super) use narrow::{compare_refusal, narrowed};
pub(super) use search::{Deciding, Entries, Pending, Planned, Served, Stashed};

use super::connection::Connection;
use super::outstanding::Way;
use super::paging::own_cookie;
use super::reply;
use crate::app::ports::Ports;
use crate::app::serving::{Asked, Asking, Look, Seen, Serving, Told, Truths, Wanted};
use crate::domain::matching::Truth;
use crate::domain::root_dse;
use crate::domain::serving::entry::Changes;
use crate::domain::serving::filter::{Item, Parsed, Reach};
use crate::domain::serving::plan::Plan;
use crate::domain::serving::request::{self, Interest};
use crate::domain::serving::{Inactive, ServePolicy, entry, is_member_of, subschema};
use crate::domain::session::Refusal;
use crate::domain::sharing;
use crate::domain::view::groups::ShownGroups;
use crate::domain::view::narrow::NOT_UNDERSTOOD;
use crate::proto::ber::{Reader, SEQUENCE};
use crate::proto::dn::DistinguishedName;
use crate::proto::envelope::{Envelope, MessageId};
use crate::proto::filter::{Filter, FilterLimits};
use crate::proto::op::Operation;
use crate::proto::result::ResultCode;
use crate::proto::search::{Attribute, Scope, SearchRequest};
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

/// What a client sees otherwise than the directory has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Sight {
    /// Whether it sees who is in which groups.
    groups: bool,
    /// Whether it sees whom groups hold, in the place of whom they list (rule S10.5).
    members: bool,
    /// Whether it sees users who are inactive.
    inactive: Inactive,
    /// Whether it sees entries of some bases alone, or not all of their attributes: each is looked at.
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
        if self.planned.as_ref().is_some_and(|planned| planned.resumed == Some(request.id)) {
            return Judged::Relayed;
        }
        self.planned = None;
        if !matches!(request.operation, Operation::SearchRequest | Operation::CompareRequest) {
            return Judged::Relayed;
        }
        let directory = self.directory_of_session();
        let serve = &self.gateway.directory(directory).relay.serve;
        let sight = Sight {
            groups: serve.adds_something() && self.sees_groups(),
            members: !serve.members.is_empty() && self.sees_groups() && self.writes_nothing(),
            inactive: self.inactive(serve.inactive),
            is_bounded: self
                .view
                .as_ref()
                .is_some_and(|view| !view.bases.is_empty() || view.hides_secrets),
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
            (_, narrow) => match narrow.and_then(|view| narrow::compare_refusal(&view, request)) {
                Some(refusal) => Err(refusal.into()),
                None => self.compare(request, directory, sight),
            },
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

    fn plan_search(&mut self, request: &Envelope<'_>, directory: usize, sight: Sight) -> Outcome {
        if let Some(cookie) = own_cookie(request) {
            return self.next_page(request, cookie);
        }
        if root_dse::is_read_by(request.content) {
            return Ok(None);
        }
        let relay = self.gateway.directory(directory).relay.clone();
        let serve = &relay.serve;
        if sight.groups
            && serve.member_of
            && subschema::may_be_read_by(request.content)
            && self.is_outside(directory, request.content)
        {
            let served = Some(Served::Schema(serve.usage));
            return Ok(Some(Planned::new(request.body.to_vec(), served)));
        }
        let interest = request::interest(request.content, serve)
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
                Interest { values: false, filter: false, members: false }
            }
            None => return Ok(None),
        };
        let search = match (SearchRequest::decode(request.content), hidden) {
            (Ok(search), _) => search,
            (Err(_), Inactive::Show) => return Ok(None),
            (Err(_), Inactive::Hide) => return Err(NOT_UNDERSTOOD.into()),
        };
        if hidden == Inactive::Hide && is_hidden(&serving, search.base) {
            return Err(reply::NOT_THERE.into());
        }
        let members = (sight.members && interest.members && !search.types_only)
            .then_some(serve.max_filter_members);
        let (values, view) = (interest.values, serving.view());
        let wanted = Wanted { values, check: None, hidden, view, members };
        let mut form = Form::new(request, &search);
        let has_parts = members.is_some()
            && form.ask_for_whole_lists(&search, |name| serve.member_attribute(name).is_some());
        let shown = self.view.as_ref().map(|view| &view.groups);
        let parsed = if interest.filter { parsed(search.filter, serve, shown) } else { None };
        let Some(parsed) = parsed else {
            return match wanted.looks() {
                true => pass((request, form, has_parts), &search, wanted),
                false => Ok(None),
            };
        };
        let parsed = if serving.is_live() { parsed.without_chains() } else { parsed };
        if let (Scope::Base, 0 | 1) = (search.scope, search.deref_aliases)
            && let Ok(base) = DistinguishedName::from_bytes(search.base)
        {
            return self.ask_one(&serving, (request, form), &search, (&base, &parsed), wanted);
        }
        let most = serve.max_filter_members;
        let ask = || serving.ask(&Arc::new(parsed), form.demands(), most);
        let asked = self.asked(request, ask)?;
        planned(asked, form, &search, wanted)
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

    /// Who is in which groups, as the client's view has it.
    fn serving(&self, directory: usize) -> Option<Serving<P>> {
        let serving = self.gateway.sign_ons().serving(directory)?;
        Some(serving.seen_in(self.view.clone()))
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
        (request, form): (&Envelope<'_>, Form),
        search: &SearchRequest<'_>,
        (base, parsed): (&DistinguishedName, &Parsed),
        wanted: Wanted,
    ) -> Outcome {
        let said = match self.truths(serving, request, base, parsed.items())? {
            Truths::Known(said) | Truths::Stranger(said) => said,
            Truths::Unknown => return Err(reply::GROUPS_UNKNOWN.into()),
        };
        let left = parsed.decided(&said).into_filter();
        let body = form.ask(&left, search.size_limit);
        let served =
            wanted.looks().then(|| Served::Entries(Box::new(Entries::passing(search, wanted))));
        Ok(Some(Planned::new(body, served)))
    }

    /// A compare on groups of somebody who is known here is answered here.
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
        let relay = self.gateway.directory(directory).relay.clone();
        let Some((name, item)) = comparison(request.content, &relay.serve) else { return Ok(None) };
        if !sharing::is_stateless(request) || request::is_never_enriched(request.controls) {
            return Ok(None);
        }
        let Some(serving) = self.serving(directory) else { return Ok(None) };
        let Ok(dn) = DistinguishedName::from_bytes(name) else { return Ok(None) };
        if item == Item::Undefined {
            return Err(reply::NO_NAME.into());
        }
        let items = match (item, &self.view) {
            (Item::In(group, reach), Some(view)) => {
                let meant = view.groups.meant(&group).into_iter();
                meant.map(|group| Item::In(group, reach)).collect()
            }
            (item, _) => vec![item],
        };
        let said = match self.truths(&serving, request, &dn, &items)? {
            Truths::Stranger(_) => return Ok(None),
            Truths::Unknown => return Err(reply::GROUPS_UNKNOWN.into()),
            Truths::Known(said) => said,
        };
        let code = match said.contains(&Some(Truth::True)) {
            true => ResultCode::COMPARE_TRUE,
            false if said.contains(&None) => return Ok(None),
            false => ResultCode::COMPARE_FALSE,
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
        let is_shown = |name| wanted.view.as_ref().is_none_or(|view| view.shows_entry(name));
        if name.is_some_and(|name| !is_shown(name)) {
            self.uncount(way);
            return true;
        }
        // A name in the selection may stand for more than that: what is not shown is taken out here.
        let left = match (&wanted.view, name) {
            (Some(view), Some(_)) if view.hides_secrets => {
                entry::shown(body, |name| view.shows_attribute(name))
            }
            _ => Ok(None),
        };
        let Ok(left) = left else {
            self.uncount(way);
            return true;
        };
        let body = left.as_deref().unwrap_or(body);
        let directory = self.directory_of_session();
        let look = match (self.gateway.sign_ons().serving(directory), name) {
            // In the view that the search came in.
            (Some(serving), Some(name)) => {
                let serving = serving.seen_in(wanted.view.clone());
                let listed = self.listed(directory, &wanted, body);
                serving.look_at_members(name, &wanted, listed)
            }
            (None, Some(name))
                if wanted.hidden == Inactive::Hide && self.hides_by_record(directory, name) =>
            {
                Look::Now(Seen::Unmatched)
            }
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

    /// The lists of members that an entry bears, where others are shown in their place.
    fn listed(&self, directory: usize, wanted: &Wanted, body: &[u8]) -> Vec<Attribute> {
        if wanted.members.is_none() {
            return Vec::new();
        }
        let serve = &self.gateway.directory(directory).relay.serve;
        entry::attributes(body, |name| serve.member_attribute(name).is_some())
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
            Seen::TooMany => return self.end_served(way, reply::TOO_MANY_MEMBERS),
            Seen::Shown(groups) if entries.wanted.values => {
                let changes = Changes { groups: Some(groups), others: Vec::new() };
                entry::changed(body, &changes, entries.types)
            }
            Seen::Group(groups, lists) => {
                let others = lists.into_iter().map(|list| entries.shown(list)).collect();
                entry::changed(body, &Changes { groups, others }, entries.types)
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
        Plan::Whole(filter) if wanted.drops() => Course::of_filter(form, filter),
        Plan::Whole(filter) => {
            let body = form.ask(&filter, search.size_limit);
            let entries = wanted.looks().then(|| Box::new(Entries::passing(search, wanted)));
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

/// How a search is asked whose filter is the directory's matter alone.
fn pass(
    (request, form, has_parts): (&Envelope<'_>, Form, bool),
    search: &SearchRequest<'_>,
    wanted: Wanted,
) -> Outcome {
    let is_counted = search.size_limit > 0 || form.page_size().is_some();
    if wanted.drops()
        && is_counted
        && let Ok(filter) = Filter::decode(search.filter, UNLIMITED)
    {
        let course = Course::of_filter(form, filter);
        return begun(Box::new(Entries::on(search, wanted, course)), None);
    }
    let body = match Filter::decode(search.filter, UNLIMITED) {
        Ok(filter) if has_parts => form.ask(&filter, search.size_limit),
        _ => request.body.to_vec(),
    };
    let served = Served::Entries(Box::new(Entries::passing(search, wanted)));
    Ok(Some(Planned::new(body, Some(served))))
}

/// Whether it is known at once that the entry of that name is hidden.
fn is_hidden<P: Ports>(serving: &Serving<P>, name: &[u8]) -> bool {
    let name = DistinguishedName::from_bytes(name).ok();
    name.is_some_and(|name| serving.hides(&name) == Some(true))
}

/// Its limits were looked at when the request came.
const UNLIMITED: FilterLimits =
    FilterLimits { depth: FilterLimits::MAX_DEPTH, components: usize::MAX };

/// A filter that has an item that is decided here.
fn parsed(filter: &[u8], policy: &ServePolicy, shown: Option<&ShownGroups>) -> Option<Parsed> {
    let filter = Filter::decode(filter, UNLIMITED).ok()?;
    match shown {
        Some(shown) if !shown.names.is_empty() => Parsed::new(&shown.translated(&filter), policy),
        _ => Parsed::new(&filter, policy),
    }
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
