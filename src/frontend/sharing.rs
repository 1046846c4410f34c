//! How a session uses connections that others use too: an anonymous one for whatever leaves
//! nothing behind, and one that has lent its own connection for going on by proxied authorisation.
//!
//! What such a session asks and cannot be asked there ends it with a notice, as before: it cannot
//! be made again without the password.

use super::account::Vouched;
use super::connection::{Connection, Life};
use super::outstanding::{Relayed, Way};
use super::reply;
use super::requests::Taken;
use super::root;
use super::transactions;
use super::upstream::{ENVELOPE_ROOM, Standing};
use crate::app::events::{Closed, Event};
use crate::app::gateway::SeatOf;
use crate::app::ports::{
    Events, Link, NoSeat, Part, Ports, Responses, Seat, SeatNews, Shared, SharedId,
};
use crate::domain::session::{BoundName, Session};
use crate::domain::sharing;
use crate::proto::ber::Reader;
use crate::proto::dn::DistinguishedName;
use crate::proto::envelope::{CONTROLS, ClientMessageId, Envelope, write_with_body};
use crate::proto::extended::ExtendedRequest;
use crate::proto::oid;
use crate::proto::op::Operation;
use crate::proto::result::{LdapResult, ResultCode};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

/// As whom a seat's operations are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guise {
    /// Nobody.
    Anonymous,
    /// The session's user, by proxied authorisation.
    Proxied,
    /// The service account, on behalf of an account of the gateway's own.
    Account,
}

/// A session's seat.
pub(super) struct Seated<P: Ports> {
    seat: SeatOf<P>,
    guise: Guise,
    directory: usize,
    /// Whether a place was promised that nothing has been sent on yet.
    is_promised: bool,
    /// Whether the request at hand waits for a place.
    is_waiting: bool,
    /// Whether nobody else asks on its connection.
    is_apart: bool,
}

/// How many operations may be outstanding, and the key that says so.
pub(super) struct OutstandingLimit {
    pub(super) most: usize,
    pub(super) key: &'static str,
}

impl<P: Ports, S: AsyncRead + AsyncWrite + Unpin> Connection<P, S> {
    /// How many operations may be outstanding: as many as one client may have, and no more than
    /// one connection to its directory carries.
    pub(super) fn outstanding_limit(&self) -> OutstandingLimit {
        let own = self.config.max_outstanding;
        if self.outstanding.is_empty() {
            return OutstandingLimit { most: own, key: "max_outstanding" };
        }
        let of_client = |directory: usize| self.gateway.directory(directory).outstanding;
        let (most, key) = match (&self.upstream, &self.seat) {
            (Some(upstream), _) if upstream.standing == Standing::NeverBound => {
                (of_client(upstream.directory).anonymous, "max_outstanding_anonymous")
            }
            (Some(upstream), _) => {
                (of_client(upstream.directory).authenticated, "max_outstanding_upstream")
            }
            (None, Some(seated)) if seated.guise == Guise::Anonymous => {
                (of_client(seated.directory).anonymous, "max_outstanding_anonymous")
            }
            (None, Some(seated)) => {
                (of_client(seated.directory).authenticated, "max_outstanding_upstream")
            }
            (None, None) => (own, "max_outstanding"),
        };
        match own <= most {
            true => OutstandingLimit { most: own, key: "max_outstanding" },
            false => OutstandingLimit { most, key },
        }
    }

    /// The directory that an anonymous session without a connection asks.
    pub(super) fn anonymous_directory(&self) -> usize {
        match &self.seat {
            Some(seated) if seated.guise == Guise::Anonymous => seated.directory,
            _ => self.gateway.route(b""),
        }
    }

    pub(super) fn relay_anonymous(&mut self, directory: usize, request: &Envelope<'_>) -> Taken {
        let fits =
            |seated: &Seated<P>| seated.guise == Guise::Anonymous && seated.directory == directory;
        if !self.seat.as_deref().is_some_and(fits) {
            let seat = self.gateway.directory(directory).shared.anonymous(self.peer.ip());
            self.sit(seat, Guise::Anonymous, directory);
        }
        self.send_shared(request)
    }

    /// A session that was bound and has no connection any more goes on by proxied authorisation,
    /// or ends.
    pub(super) fn relay_proxied(&mut self, request: &Envelope<'_>) -> Taken {
        if let Vouched::Account(_) = self.vouched {
            return self.relay_as_account(request);
        }
        if self.vouched == Vouched::ByCertificate && !sharing::is_stateless(request) {
            return self.relay_apart(request);
        }
        if !sharing::is_stateless(request) || !self.name_fits() {
            return self.end_for_want_of_a_lease();
        }
        if !self.seat.as_ref().is_some_and(|seated| seated.guise == Guise::Proxied) {
            let Session::Bound(BoundName(name)) = &self.session else {
                return self.end_for_want_of_a_lease();
            };
            let directory = self.binding.directory();
            let shared = &self.gateway.directory(directory).shared;
            let Some(seat) = shared.proxied(self.peer.ip(), name) else {
                return self.end_for_want_of_a_lease();
            };
            self.sit(seat, Guise::Proxied, directory);
        }
        self.send_shared(request)
    }

    /// A session that is vouched for was never bound at the directory. What leaves something behind
    /// goes on a connection of the service account's that no other session asks on, and so does
    /// whatever follows.
    fn relay_apart(&mut self, request: &Envelope<'_>) -> Taken {
        if self.seat.as_ref().is_some_and(|seated| seated.is_apart) && may_go_apart(request) {
            return self.send_shared(request);
        }
        if may_go_apart(request) && !self.outstanding.is_empty() {
            // Their answers come on the seat that is left.
            return Taken::Later;
        }
        let directory = self.binding.directory();
        let shared = &self.gateway.directory(directory).shared;
        let seat = match &self.session {
            Session::Bound(BoundName(name)) if may_go_apart(request) => {
                shared.apart(self.peer.ip(), name)
            }
            _ => Err(NoSeat::NotGranted),
        };
        match seat {
            Ok(seat) => {
                self.sit(seat, Guise::Proxied, directory);
                if let Some(seated) = &mut self.seat {
                    seated.is_apart = true;
                }
                self.send_shared(request)
            }
            Err(why) => {
                let full = matches!(why, NoSeat::Full(_));
                self.refuse(
                    request,
                    if full { reply::TOO_MANY_APART } else { reply::NOT_BY_PROXY },
                );
                self.requests += 1;
                Taken::Yes
            }
        }
    }

    /// What an account of the gateway's own asks is asked as the service account. What leaves something
    /// behind goes on a connection that no other session asks on.
    fn relay_as_account(&mut self, request: &Envelope<'_>) -> Taken {
        let (directory, source) = (self.binding.directory(), self.peer.ip());
        let is_apart = !sharing::is_stateless(request);
        let fits = |seated: &Seated<P>| {
            let is_there = seated.guise == Guise::Account && seated.directory == directory;
            is_there && (seated.is_apart || !is_apart)
        };
        if self.seat.as_deref().is_some_and(fits) {
            return self.send_shared(request);
        }
        if !self.outstanding.is_empty() {
            // Their answers come on the seat that is left.
            return Taken::Later;
        }
        let shared = &self.gateway.directory(directory).shared;
        let seat = match is_apart {
            true => shared.own_apart(source),
            false => shared.own(source),
        };
        let Ok(seat) = seat else {
            self.refuse(request, reply::TOO_MANY_APART);
            self.requests += 1;
            return Taken::Yes;
        };
        self.sit(seat, Guise::Account, directory);
        if let Some(seated) = &mut self.seat {
            seated.is_apart = is_apart;
        }
        self.send_shared(request)
    }

    /// The session cannot go on; whatever it has under way is answered before that is said.
    fn end_for_want_of_a_lease(&mut self) -> Taken {
        self.refuse_outstanding(reply::LEASE_RECALLED);
        self.disconnect(reply::LEASE_RECALLED, Closed::UpstreamLost);
        Taken::Yes
    }

    fn sit(&mut self, seat: SeatOf<P>, guise: Guise, directory: usize) {
        let (is_promised, is_waiting, is_apart) = (false, false, false);
        let seated = Seated { seat, guise, directory, is_promised, is_waiting, is_apart };
        self.seat = Some(Box::new(seated));
    }

    fn send_shared(&mut self, request: &Envelope<'_>) -> Taken {
        let Some(seated) = &mut self.seat else {
            return Taken::Later;
        };
        seated.is_promised = false;
        let altered = root::asked(request);
        let served = self.planned.as_ref().map(|planned| &planned.body[..]);
        let body = altered.as_deref().or(served).unwrap_or(request.body);
        let sent = seated.seat.send(request.operation, body);
        seated.is_waiting = sent.is_none();
        let Some(id) = sent else {
            return Taken::Later;
        };
        self.only_binds = false;
        let is_paged = seated.is_apart && self.cookies.take(request);
        self.note_shared(request, request.operation, id, is_paged);
        self.note_root(request, Way::Shared(id));
        self.note_served(Way::Shared(id));
        Taken::Yes
    }

    fn note_shared(
        &mut self,
        request: &Envelope<'_>,
        operation: Operation,
        id: SharedId,
        is_paged: bool,
    ) {
        self.outstanding.push(Relayed {
            client: ClientMessageId(request.id),
            way: Way::Shared(id),
            has_controls: request.controls.is_some(),
            is_paged,
            ends_transaction: false,
            operation,
            number: self.requests,
            entries: 0,
            cancels: None,
            started: Instant::now(),
        });
        self.requests += 1;
    }

    pub(super) fn abandon_shared(&mut self, id: SharedId, controls: Option<&[u8]>) {
        if let Some(seated) = &mut self.seat {
            seated.seat.abandon(id, controls);
        }
    }

    pub(super) fn cancel_shared(&mut self, request: &Envelope<'_>, id: SharedId) -> Taken {
        match self.seat.as_mut().and_then(|seated| seated.seat.cancel(id)) {
            Some(own) => {
                self.note_shared(request, Operation::ExtendedRequest, own, false);
                let cancel = ClientMessageId(request.id);
                self.outstanding.note_cancel(cancel, Way::Shared(id));
            }
            None => {
                self.refuse(request, reply::CANNOT_CANCEL);
                self.requests += 1;
            }
        }
        Taken::Yes
    }

    /// Whether the request at hand waits for a place on a shared connection, for one of its own, or
    /// for what has to be known of its entry.
    pub(super) fn waits_for_a_place(&self) -> bool {
        self.lease.is_some()
            || self.deciding.is_some()
            || self.seat.as_ref().is_some_and(|seated| seated.is_waiting)
    }

    /// A bind was received: whoever the seat was for, it is not this session any more.
    pub(super) fn leave_seat(&mut self) {
        self.is_offered = false;
        self.vouched = Vouched::No;
        self.name_fits = None;
        self.cookies.forget();
        self.updates.forget();
        if self.seat.is_some() {
            self.seat = None;
        }
    }

    /// Looks at what the shared connections have for this client.
    pub(super) fn poll_seat(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(seated) = &mut self.seat else {
            return false;
        };
        let news = seated.seat.poll_news(cx);
        let is_news = news.is_ready();
        match news {
            Poll::Pending => {}
            Poll::Ready(SeatNews::Place) => {
                seated.is_promised = true;
                self.held = false;
            }
            Poll::Ready(SeatNews::NoPlace(error)) => {
                seated.is_waiting = false;
                self.lease_failed = Some(error);
                self.held = false;
            }
            Poll::Ready(SeatNews::Overdue(limit)) => {
                let hit = Event::LimitHit { limit, peer: Some(self.peer) };
                self.gateway.events().emit(&hit);
                self.close(Closed::Limit(limit));
                return true;
            }
        }
        // A client that does not read leaves its responses where they are, and so does an entry whose
        // groups are asked for.
        if self.outbound.waiting() >= self.config.max_unread || self.pending.is_some() {
            return is_news;
        }
        let Some(Poll::Ready(responses)) =
            self.seat.as_mut().map(|seated| seated.seat.poll_responses(cx))
        else {
            return is_news;
        };
        self.receive_shared(&responses);
        true
    }

    /// A place that was promised and is not used goes to the next.
    pub(super) fn settle_seat(&mut self) {
        if let Some(seated) = &mut self.seat
            && seated.is_promised
            && !self.held
        {
            seated.is_promised = false;
            seated.seat.give_up();
        }
    }

    fn receive_shared(&mut self, responses: &Responses) {
        for (id, part, body) in responses.iter() {
            if self.pending.is_some() {
                self.stashed.push_back((id, part, body.to_vec()));
                continue;
            }
            self.receive_shared_part(id, part, body);
        }
    }

    /// Takes one response on a shared connection.
    pub(super) fn receive_shared_part(&mut self, id: SharedId, part: Part, body: &[u8]) {
        let directory = self.seat.as_ref().map_or(0, |seated| seated.directory);
        if self.life != Life::Open {
            return;
        }
        // What was abandoned meanwhile is not found any more.
        let Some(operation) = self.outstanding.by_way(Way::Shared(id)) else { return };
        let client = operation.client.0;
        match part {
            Part::More => {
                operation.entries += 1;
                let way = operation.way;
                self.relay_part(way, directory, client, body);
            }
            Part::Last => {
                let operation = *operation;
                self.end_shared(operation, directory, body);
            }
            Part::Lost => {
                let operation = *operation;
                self.outstanding.finish_way(operation.way);
                self.refuse_relayed(operation, reply::UPSTREAM_LOST);
                self.held = false;
            }
        }
    }

    /// Sends what a search goes on with; whether there is a place for it.
    pub(super) fn send_more_shared(&mut self, body: &[u8]) -> Option<SharedId> {
        self.seat.as_mut()?.seat.send(Operation::SearchRequest, body)
    }

    fn end_shared(&mut self, operation: Relayed, directory: usize, body: &[u8]) {
        let content = Reader::new(body).element().map_or(&[][..], |response| response.content);
        let code = LdapResult::decode(content).map_or(ResultCode::OTHER, |result| result.code);
        if self.is_denial(&operation, code) {
            self.gateway.directory(self.binding.directory()).shared.denied();
            self.end_for_want_of_a_lease();
            return;
        }
        let controls = controls_behind(body);
        if self.goes_on(&operation, code, controls) {
            return;
        }
        if operation.is_paged {
            let mut pdu = Vec::with_capacity(body.len() + ENVELOPE_ROOM);
            write_with_body(operation.client.0, body, &mut pdu);
            if let Ok(response) = Envelope::parse(&pdu) {
                self.cookies.give(&response);
            }
        }
        let code = self.relay_last(&operation, directory, content, body);
        self.outstanding.finish_way(operation.way);
        let Relayed { operation, entries, started, number, .. } = operation;
        self.report(operation, code, entries, started, number);
        // A bind may have waited for this.
        self.held = false;
    }

    /// Whether the directory refused the proxied authorisation rather than the request.
    fn is_denial(&self, operation: &Relayed, code: ResultCode) -> bool {
        let is_proxied = self.seat.as_ref().is_some_and(|seated| seated.guise == Guise::Proxied);
        let is_cancel = operation.operation == Operation::ExtendedRequest;
        let has_one_control = !operation.has_controls;
        let unknown = code == ResultCode::UNAVAILABLE_CRITICAL_EXTENSION && has_one_control;
        is_proxied && !is_cancel && (code == ResultCode::AUTHORIZATION_DENIED || unknown)
    }

    /// A session that could go on without its connection lets itself be asked for it.
    pub(super) fn offer_lease(&mut self) {
        if self.is_offered || self.only_binds || !self.outstanding.is_empty() {
            return;
        }
        let may_go = match &self.session {
            Session::Anonymous => true,
            Session::Binding(_) | Session::Negotiating(_) => false,
            Session::Bound(_) => {
                let directory = self.binding.directory();
                self.gateway.directory(directory).shared.grants_proxying() && self.name_fits()
            }
        };
        if let Some(upstream) = &mut self.upstream
            && may_go
            && !upstream.is_tainted()
        {
            upstream.link().set_recallable(true);
            self.is_offered = true;
        }
    }

    /// Whether the name that the session is bound as is one that can be proxied: a DN.
    fn name_fits(&mut self) -> bool {
        let Session::Bound(BoundName(name)) = &self.session else {
            return false;
        };
        let is_dn = || DistinguishedName::from_bytes(name).is_ok();
        *self.name_fits.get_or_insert_with(is_dn)
    }
}

/// Whether what leaves something behind can be done for a session that is vouched for. Its password
/// proved nothing, so it does not change it; the control that says who asks is the gateway's own.
fn may_go_apart(request: &Envelope<'_>) -> bool {
    let changes_password = request.operation == Operation::ExtendedRequest
        && ExtendedRequest::decode(request.content)
            .is_ok_and(|extended| extended.name == oid::PASSWORD_MODIFY);
    !changes_password
        && !sharing::asks_as_another(request.controls)
        && transactions::role(request).is_none()
}

/// The controls behind a response's operation.
fn controls_behind(body: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader::new(body);
    reader.element().ok()?;
    reader.optional(CONTROLS).ok()?.map(|element| element.content)
}
