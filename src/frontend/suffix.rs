//! Requests to the records' own suffix: answered here, without the directory.
//!
//! A search goes on in short steps between which the worker serves others. While one is under way the
//! client's next requests wait, all but abandons, which may be about it.

use super::account::Vouched;
use super::connection::Connection;
use super::reply;
use super::requests::Taken;
use super::serving::{compare_refusal, narrowed};
use crate::app::ports::Ports;
use crate::app::suffix::Suffix;
use crate::domain::matching::Truth;
use crate::domain::session::{Refusal, Session};
use crate::domain::suffix::{
    Asked, Asking, Comparison, Ending, OrderFault, Query, Search, Selection, Step,
};
use crate::proto::ber;
use crate::proto::bind::{self, Authentication, BindRequest};
use crate::proto::control::Control;
use crate::proto::envelope::{CONTROLS, ClientMessageId, Envelope, MessageId};
use crate::proto::oid;
use crate::proto::op::Operation;
use crate::proto::paged::{Page, sort_result};
use crate::proto::result::{LdapResult, ResultCode};
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use zeroize::Zeroizing;

/// How many entries are looked at before it is looked whether the client still reads.
const STEP: usize = 16;

/// How many steps are taken before others have their turn.
const STEPS: usize = 16;

/// What a client has under way in the suffix.
#[derive(Default)]
pub(super) struct InSuffix {
    search: Option<Box<Searching>>,
    /// Searches in pages that were begun and not finished; no more than `max_cookies`.
    begun: VecDeque<Begun>,
    /// The cookie that was given last.
    last_cookie: u64,
}

/// A search that is under way.
struct Searching {
    id: MessageId,
    number: u64,
    started: Instant,
    deadline: Option<(Instant, TimeLimit)>,
    search: Search,
    selection: Selection,
    rooms: Rooms,
    /// How many entries may still be shown.
    room: usize,
    /// Whether a page was asked for.
    is_paged: bool,
    fingerprint: u128,
    /// What is to be said of the order that was asked for.
    sorted: Option<Result<(), OrderFault>>,
    must_sort: bool,
    /// How many entries were shown on the pages before.
    before: usize,
}

/// How many entries may be shown, by whom.
#[derive(Clone, Copy)]
struct Rooms {
    page: Option<usize>,
    client: Option<usize>,
    gateway: Option<usize>,
}

/// Whose time limit it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TimeLimit {
    Client,
    Gateway,
}

/// A search in pages that was begun and not finished.
struct Begun {
    cookie: u64,
    fingerprint: u128,
    search: Search,
    sorted: Option<Result<(), OrderFault>>,
    shown: usize,
}

impl Rooms {
    fn least(self) -> usize {
        let all = [self.page, self.client, self.gateway];
        all.into_iter().flatten().min().unwrap_or(usize::MAX)
    }
}

impl InSuffix {
    /// Whether a search is under way.
    pub(super) fn is_busy(&self) -> bool {
        self.search.is_some()
    }

    /// When the search that is under way has taken too long.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.search.as_ref()?.deadline.map(|(at, _)| at)
    }

    /// The client is somebody else from here on.
    pub(super) fn forget(&mut self) {
        self.begun.clear();
    }

    /// Ends a search without an answer, if that is what is abandoned.
    pub(super) fn abandon(&mut self, id: ClientMessageId) -> bool {
        let is_it = self.search.as_ref().is_some_and(|searching| searching.id == id.0);
        if is_it {
            self.search = None;
        }
        is_it
    }

    fn resumed(&mut self, cookie: &[u8], fingerprint: u128) -> Option<Begun> {
        let cookie = u64::from_be_bytes(cookie.try_into().ok()?);
        let is_it = |begun: &Begun| begun.cookie == cookie && begun.fingerprint == fingerprint;
        let at = self.begun.iter().position(is_it)?;
        self.begun.remove(at)
    }
}

impl<P: Ports, S: AsyncRead + AsyncWrite + Unpin> Connection<P, S> {
    /// The message of a bind under a name of the suffix, with the user's name in the directory in its
    /// place: whoever searches here and binds with what was found signs on as ever. A name that is
    /// nobody's goes on as it is, to be refused where all wrong names are.
    pub(super) fn bind_of_suffix(&mut self, request: &Envelope<'_>) -> Option<Zeroizing<Vec<u8>>> {
        if request.operation != Operation::BindRequest {
            return None;
        }
        self.in_suffix.forget();
        let suffix = self.gateway.suffix()?;
        let bind = BindRequest::decode(request.content).ok()?;
        if !matches!(bind.authentication, Authentication::Simple(_)) {
            return None;
        }
        let name = suffix.upstream_name(bind.name)?;
        let mut pdu = Zeroizing::new(Vec::new());
        bind::write_renamed(&mut pdu, request.id, request.body, name.as_bytes()).ok()?;
        Some(pdu)
    }

    /// Whether the session may read the suffix.
    pub(super) fn reads_suffix(&self) -> bool {
        self.gateway.suffix().is_some_and(|suffix| suffix.may_read(&self.session))
    }

    /// Answers a request to the suffix, or begins to; `None` if it is about something else.
    pub(super) fn ask_suffix(&mut self, request: &Envelope<'_>) -> Option<Taken> {
        let suffix = self.gateway.suffix()?.clone();
        let mut asked = Asked::read(suffix.layout(), request)?;
        let is_account = matches!(self.vouched, Vouched::Account(_));
        if is_account && suffix.may_read(&self.session) {
            asked = self.left_by_view(request, &suffix, asked);
        }
        match asked {
            Asked::Refused(refusal) => self.refuse(request, refusal),
            // What a view leaves of entries is of the directory's; an account has nothing else.
            _ if !is_account && self.view.as_ref().is_some_and(|view| view.is_narrow()) => {
                self.refuse(request, reply::NOT_THERE);
            }
            _ if !suffix.may_read(&self.session) => {
                let is_bound = matches!(self.session, Session::Bound(_));
                let refusal = if is_bound { reply::NO_READER } else { reply::NOBODY_READS };
                self.refuse(request, refusal);
            }
            Asked::Compare(comparison) => self.compare_in_suffix(request, &suffix, &comparison),
            Asked::Search(asking) => self.search_suffix(request, &suffix, *asking),
        }
        self.requests += 1;
        Some(Taken::Yes)
    }

    /// What the view of an account of the gateway's own leaves of a request to the suffix.
    fn left_by_view(&self, request: &Envelope<'_>, suffix: &Suffix, asked: Asked) -> Asked {
        let Some(view) = &self.view else { return Asked::Refused(reply::NOT_THERE) };
        match &asked {
            Asked::Refused(_) => asked,
            // The subschema is for every reader.
            Asked::Search(asking) if asking.base == *suffix.layout().schema() => asked,
            Asked::Search(_) => match narrowed(request, view) {
                Err(refusal) => Asked::Refused(refusal),
                Ok(pdu) => Envelope::parse(&pdu)
                    .ok()
                    .and_then(|left| Asked::read(suffix.layout(), &left))
                    .unwrap_or(Asked::Refused(reply::NOT_THERE)),
            },
            Asked::Compare(_) => compare_refusal(view, request).map_or(asked, Asked::Refused),
        }
    }

    fn compare_in_suffix(
        &mut self,
        request: &Envelope<'_>,
        suffix: &Suffix,
        comparison: &Comparison,
    ) {
        let Comparison { name, attribute, value } = comparison;
        let compared = {
            let model = suffix.model();
            model.locate(name).map(|id| model.compare(id, attribute, value))
        };
        let code = match compared {
            None => {
                let matched = suffix.layout().matched(name).as_str().as_bytes();
                let result = LdapResult::new(ResultCode::NO_SUCH_OBJECT, "");
                let result = LdapResult { matched_dn: matched, ..result };
                let out = self.outbound.append(matched.len() + 64);
                result.write(out, request.id, Operation::CompareResponse);
                let now = Instant::now();
                return self.report(request.operation, result.code, 0, now, self.requests);
            }
            Some(None) => ResultCode::NO_SUCH_ATTRIBUTE,
            Some(Some(Truth::True)) => ResultCode::COMPARE_TRUE,
            Some(Some(Truth::False)) => ResultCode::COMPARE_FALSE,
            Some(Some(Truth::Undefined)) => ResultCode::INVALID_ATTRIBUTE_SYNTAX,
        };
        self.refuse(request, Refusal::new(code, ""));
    }

    fn search_suffix(&mut self, request: &Envelope<'_>, suffix: &Arc<Suffix>, asking: Asking) {
        match self.begin_in_suffix(request, suffix, asking) {
            Ok(searching) => {
                self.in_suffix.search = Some(Box::new(searching));
                self.go_on_in_suffix();
            }
            Err(Failed { code, text, matched, controls }) => {
                let result = LdapResult { matched_dn: &matched, ..LdapResult::new(code, text) };
                self.end_search(request.id, &result, &controls);
                self.report(request.operation, code, 0, Instant::now(), self.requests);
            }
        }
    }

    fn begin_in_suffix(
        &mut self,
        request: &Envelope<'_>,
        suffix: &Arc<Suffix>,
        asking: Asking,
    ) -> Result<Searching, Failed> {
        let (policy, now) = (suffix.policy(), Instant::now());
        let sorted = asking.order.as_ref().map(|order| order.as_ref().map(|_| ()));
        let sorted = sorted.map(|sorted| sorted.map_err(OrderFault::clone));
        if let (Some(sorted @ Err(_)), true) = (&sorted, asking.must_sort) {
            let failed = Failed::new(ResultCode::UNAVAILABLE_CRITICAL_EXTENSION, CANNOT_SORT);
            return Err(Failed { controls: sort_control(sorted), ..failed });
        }
        let cookie = asking.page.as_ref().map_or(&[][..], |(_, cookie)| cookie);
        let begun = match cookie {
            [] => None,
            cookie => match self.in_suffix.resumed(cookie, asking.fingerprint) {
                Some(begun) => Some(begun),
                None => return Err(Failed::new(ResultCode::UNWILLING_TO_PERFORM, NO_COOKIE)),
            },
        };
        if let Some((0, _)) = asking.page {
            // The client wants no more of it (RFC 2696 section 3).
            let failed = Failed::new(ResultCode::SUCCESS, "");
            return Err(Failed { controls: page_control(&[]), ..failed });
        }
        let before = begun.as_ref().map_or(0, |begun| begun.shown);
        let (search, sorted) = match begun {
            Some(begun) => (begun.search, begun.sorted),
            None => (new_search(suffix, &asking)?, sorted),
        };
        let gateway = policy.size_limit;
        let page = asking.page.as_ref();
        let rooms = Rooms {
            page: page.map(|(size, _)| gateway.map_or(*size, |most| most.min(*size))),
            client: asking.size_limit.map(|limit| limit.saturating_sub(before)),
            gateway,
        };
        Ok(Searching {
            id: request.id,
            number: self.requests,
            started: now,
            deadline: deadline(now, asking.time_limit, policy.time_limit),
            search,
            selection: asking.selection,
            rooms,
            room: rooms.least(),
            is_paged: asking.page.is_some(),
            fingerprint: asking.fingerprint,
            sorted,
            must_sort: asking.must_sort,
            before,
        })
    }

    /// Goes on with the search that is under way; others have their turn in between.
    pub(super) fn poll_suffix(&mut self, cx: &mut Context<'_>) {
        // Whoever does not read is waited for; what has been read wakes the task.
        if self.in_suffix.is_busy() && !self.is_choked() {
            self.go_on_in_suffix();
            cx.waker().wake_by_ref();
        }
    }

    fn go_on_in_suffix(&mut self) {
        let Some(mut searching) = self.in_suffix.search.take() else { return };
        let Some(suffix) = self.gateway.suffix().cloned() else { return };
        for _ in 0..STEPS {
            if self.is_choked() {
                self.note_unread();
                break;
            }
            let Searching { search, selection, room, id, .. } = &mut *searching;
            let (id, outbound) = (*id, &mut self.outbound);
            let bounds = match &self.vouched {
                Vouched::Account(_) => self.view.as_deref(),
                _ => None,
            };
            let step = search.step(&suffix.model(), STEP, room, selection, |entry| {
                if bounds.is_some_and(|view| !view.shows_entry(entry.dn.as_bytes())) {
                    return;
                }
                let out = outbound.append(64 * entry.attributes.len() + entry.dn.len() + 64);
                entry.write(out, id);
            });
            let ending = match step {
                Step::More => continue,
                Step::Done => Ending::Complete,
                Step::Full => searching.rooms.ending(searching.is_paged),
                Step::TooManyToSort if searching.must_sort => Ending::SortLimit,
                Step::TooManyToSort => {
                    self.limit_hit("records.max_sorted");
                    searching.sorted = Some(Err(too_many_to_sort()));
                    searching.search.give_up_order(&suffix.model());
                    continue;
                }
            };
            return self.finish_in_suffix(*searching, ending);
        }
        self.in_suffix.search = Some(searching);
    }

    /// Time is up for the search that is under way.
    pub(super) fn suffix_is_overdue(&mut self) {
        if let Some(searching) = self.in_suffix.search.take() {
            self.finish_in_suffix(*searching, Ending::TimeLimit);
        }
    }

    fn finish_in_suffix(&mut self, searching: Searching, ending: Ending) {
        let (code, text, limit) = self.told(&searching, ending);
        if let Some(limit) = limit {
            self.limit_hit(limit);
        }
        let shown = searching.rooms.least() - searching.room;
        let sorted = match ending {
            Ending::SortLimit => Some(Err(too_many_to_sort())),
            _ => searching.sorted.clone(),
        };
        let mut controls = Vec::new();
        if let Some(sorted) = &sorted {
            controls.extend(sort_control(sorted));
        }
        let Searching { id, number, started, is_paged, fingerprint, search, before, .. } =
            searching;
        if is_paged {
            let mut cookie = Vec::new();
            if ending == Ending::PageFull {
                let begun = Begun { cookie: 0, fingerprint, search, sorted, shown: before + shown };
                cookie = self.keep_begun(begun);
            }
            controls.extend(page_control(&cookie));
        }
        self.end_search(id, &LdapResult::new(code, text), &controls);
        self.report(Operation::SearchRequest, code, shown as u64, started, number);
        // The next request may have waited for this.
        self.held = false;
    }

    fn told(
        &self,
        searching: &Searching,
        ending: Ending,
    ) -> (ResultCode, &'static str, Option<&'static str>) {
        match ending {
            Ending::Complete | Ending::PageFull => (ResultCode::SUCCESS, "", None),
            Ending::ClientLimit => (ResultCode::SIZE_LIMIT_EXCEEDED, "", None),
            Ending::GatewayLimit => {
                (ResultCode::SIZE_LIMIT_EXCEEDED, MORE_THAN_GIVEN, Some("records.size_limit"))
            }
            Ending::TimeLimit => {
                let is_ours =
                    searching.deadline.is_some_and(|(_, whose)| whose == TimeLimit::Gateway);
                let limit = is_ours.then_some("records.time_limit");
                (ResultCode::TIME_LIMIT_EXCEEDED, "", limit)
            }
            Ending::SortLimit => {
                let code = ResultCode::UNAVAILABLE_CRITICAL_EXTENSION;
                (code, CANNOT_SORT, Some("records.max_sorted"))
            }
        }
    }

    /// Keeps a search for its next page; the cookie to ask for that with.
    fn keep_begun(&mut self, begun: Begun) -> Vec<u8> {
        let most = self.config.max_cookies;
        let kept = &mut self.in_suffix;
        kept.last_cookie += 1;
        let cookie = kept.last_cookie;
        kept.begun.push_back(Begun { cookie, ..begun });
        if kept.begun.len() > most {
            kept.begun.pop_front();
            self.limit_hit("max_cookies");
        }
        cookie.to_be_bytes().to_vec()
    }

    fn end_search(&mut self, id: MessageId, result: &LdapResult<'_>, controls: &[u8]) {
        let mut body = Vec::new();
        ber::write_nested(&mut body, Operation::SearchResultDone.tag(), |out| {
            result.write_fields(out);
        });
        if !controls.is_empty() {
            ber::write_element(&mut body, CONTROLS, controls);
        }
        self.answer(id, &body);
    }
}

impl Rooms {
    /// Why no more is shown.
    fn ending(self, is_paged: bool) -> Ending {
        let least = Some(self.least());
        if self.client == least {
            Ending::ClientLimit
        } else if is_paged {
            Ending::PageFull
        } else {
            Ending::GatewayLimit
        }
    }
}

/// Why a search is answered without a look.
struct Failed {
    code: ResultCode,
    text: &'static str,
    matched: Vec<u8>,
    controls: Vec<u8>,
}

impl Failed {
    fn new(code: ResultCode, text: &'static str) -> Self {
        Self { code, text, matched: Vec::new(), controls: Vec::new() }
    }
}

const CANNOT_SORT: &str = "the entries cannot be sorted so";
const NO_COOKIE: &str = "the cookie is not one of this search";
const MORE_THAN_GIVEN: &str = "there are more entries than size_limit: ask for pages";

fn too_many_to_sort() -> OrderFault {
    OrderFault { code: ResultCode::ADMIN_LIMIT_EXCEEDED, attribute: Vec::new() }
}

fn new_search(suffix: &Suffix, asking: &Asking) -> Result<Search, Failed> {
    let model = suffix.model();
    let Some(base) = model.locate(&asking.base) else {
        let matched = suffix.layout().matched(&asking.base).as_str().as_bytes().to_vec();
        return Err(Failed { matched, ..Failed::new(ResultCode::NO_SUCH_OBJECT, "") });
    };
    let query = Query {
        base,
        scope: asking.scope,
        filter: asking.filter.clone(),
        order: asking.order.clone().and_then(Result::ok),
        max_sorted: suffix.policy().max_sorted,
    };
    Ok(Search::new(&model, query))
}

/// When a search has taken too long; a limit of zero of the gateway's is none.
fn deadline(
    now: Instant,
    client: Option<Duration>,
    gateway: Duration,
) -> Option<(Instant, TimeLimit)> {
    let gateway = (!gateway.is_zero()).then_some(gateway);
    match (client, gateway) {
        (Some(client), Some(gateway)) if client > gateway => {
            Some((now + gateway, TimeLimit::Gateway))
        }
        (Some(client), _) => Some((now.checked_add(client)?, TimeLimit::Client)),
        (None, gateway) => Some((now + gateway?, TimeLimit::Gateway)),
    }
}

fn sort_control(sorted: &Result<(), OrderFault>) -> Vec<u8> {
    let (code, attribute) = match sorted {
        Ok(()) => (ResultCode::SUCCESS, None),
        Err(fault) => (fault.code, Some(&fault.attribute[..])),
    };
    let value = sort_result(code.0, attribute.filter(|attribute| !attribute.is_empty()));
    let mut out = Vec::new();
    Control { oid: oid::SORT_RESPONSE, critical: false, value: Some(&value) }.write(&mut out);
    out
}

fn page_control(cookie: &[u8]) -> Vec<u8> {
    let value = Page { size: 0, cookie }.encode();
    let mut out = Vec::new();
    Control { oid: oid::PAGED_RESULTS, critical: false, value: Some(&value) }.write(&mut out);
    out
}
