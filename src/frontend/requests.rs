//! What a client's requests do.

use super::account::Vouched;
use super::connection::{Connection, Life};
use super::outstanding::{Relayed, Way};
use super::reply;
use super::root;
use super::serving::Judged;
use super::transactions;
use super::upstream::Standing;
use crate::app::events::{Closed, Event};
use crate::app::ports::{Events, Link, Ports, Purpose};
use crate::domain::session::{self, Action, BoundName, Refusal, Session, Surroundings};
use crate::domain::sharing::{self, asks_as_another};
use crate::domain::transaction::Role;
use crate::proto::ber::{self, INTEGER, SEQUENCE};
use crate::proto::envelope::{CONTROLS, ClientMessageId, Envelope, MessageId, write_with_body};
use crate::proto::extended::{ExtendedRequest, ExtendedResponse};
use crate::proto::filter::FilterLimits;
use crate::proto::framing::{Frame, FramingError, frame};
use crate::proto::oid;
use crate::proto::op::Operation;
use crate::proto::result::{LdapResult, ResultCode};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

/// Whether a request was taken or has to be offered again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    Yes,
    Later,
}

impl<P: Ports, S: AsyncRead + AsyncWrite + Unpin> Connection<P, S> {
    /// Takes whole messages from the start of `bytes` for as long as nothing holds them, and says
    /// how many bytes were used.
    pub(super) fn receive_requests(&mut self, bytes: &[u8]) -> usize {
        let mut used = 0;
        self.stall.end();
        while self.life == Life::Open && !self.is_choked() {
            match frame(&bytes[used..], self.config.max_message_size) {
                Ok(Frame::Whole(length)) => {
                    self.expect(length);
                    self.moments.partial_since = None;
                    if self.receive_request(&bytes[used..used + length]) == Taken::Later {
                        self.held = true;
                        self.moments.held_since = self.heard_at;
                        break;
                    }
                    used += length;
                    self.expect(0);
                }
                Ok(Frame::Partial(length)) => {
                    self.expect(length);
                    if used < bytes.len() {
                        self.moments.partial_since.get_or_insert(self.heard_at);
                    }
                    break;
                }
                Err(error) => self.refuse_stream(error),
            }
        }
        used
    }

    fn refuse_stream(&mut self, error: FramingError) {
        if let FramingError::TooLarge { .. } = error {
            self.limit_hit("max_message_size");
            self.disconnect(reply::TOO_LARGE, Closed::Limit("max_message_size"));
        } else {
            self.disconnect(reply::MALFORMED, Closed::ProtocolError);
        }
    }

    fn receive_request(&mut self, pdu: &[u8]) -> Taken {
        let Ok(request) = Envelope::parse(pdu) else {
            self.disconnect(reply::MALFORMED, Closed::ProtocolError);
            return Taken::Yes;
        };
        if self.in_suffix.is_busy() {
            self.stall.wait();
            return Taken::Later;
        }
        let renamed = self.bind_of_suffix(&request);
        if let Some(request) = renamed.as_ref().and_then(|pdu| Envelope::parse(pdu).ok()) {
            return self.receive_envelope(&request);
        }
        self.receive_envelope(&request)
    }

    fn receive_envelope(&mut self, request: &Envelope<'_>) -> Taken {
        if self.is_of_ended_account(request) {
            return Taken::Yes;
        }
        let reused = self.outstanding.by_client(ClientMessageId(request.id)).is_some();
        if reused && request.operation.final_response().is_some() {
            self.disconnect(reply::REUSED_ID, Closed::ProtocolError);
            return Taken::Yes;
        }
        let around = Surroundings {
            start_tls: self.start_tls,
            passwords: self.passwords,
            outstanding: self.outstanding.len(),
            max_outstanding: self.outstanding_limit().most,
            max_controls: self.config.max_controls,
            filter: FilterLimits {
                depth: self.config.max_filter_depth,
                components: self.config.max_filter_items,
            },
        };
        let session = std::mem::replace(&mut self.session, Session::Anonymous);
        let (session, action) = session.receive(request, around);
        self.session = session;
        if request.operation == Operation::BindRequest {
            self.settle_view();
        }
        self.act(request, action)
    }

    fn act(&mut self, request: &Envelope<'_>, action: Action<'_>) -> Taken {
        let is_bind = matches!(action, Action::Bind { .. } | Action::BindExternal(_));
        let action = match self.view_refuses_binds().filter(|_| is_bind) {
            Some(refusal) => {
                self.session = Session::Anonymous;
                Action::Answer(refusal)
            }
            None => action,
        };
        match action {
            Action::Hold => return Taken::Later,
            Action::Stall => {
                self.begin_stall();
                return Taken::Later;
            }
            Action::Relay => return self.relay(request),
            Action::Bind { name, kind } => self.begin_bind(request, name, kind),
            Action::BindExternal(asked) => self.begin_external(request, asked),
            Action::Answer(refusal) => self.refuse(request, refusal),
            Action::WhoAmI(identity) => self.answer_who_am_i(request, &identity),
            Action::StartTls => self.begin_tls(request),
            Action::Abandon(id) => self.abandon(request, id),
            Action::Cancel(id) => return self.cancel(request, id),
            Action::Unbind => self.close(Closed::Unbind),
            Action::Disconnect(refusal) => self.disconnect(refusal, Closed::ProtocolError),
        }
        if self.life == Life::Open || request.operation == Operation::UnbindRequest {
            self.requests += 1;
        }
        Taken::Yes
    }

    /// Answers a request with a result of the gateway's own.
    pub(super) fn refuse(&mut self, request: &Envelope<'_>, refusal: Refusal) {
        if let Some(limit) = limit_behind(refusal) {
            self.limit_hit(limit);
        }
        if let Some(response) = request.operation.final_response() {
            let out = self.outbound.append(refusal.text.len() + 64);
            LdapResult::new(refusal.code, refusal.text).write(out, request.id, response);
        }
        if request.operation == Operation::BindRequest {
            self.after_refused_bind(request.content, refusal.code);
        } else {
            self.report(request.operation, refusal.code, 0, Instant::now(), self.requests);
        }
    }

    pub(super) fn report(
        &mut self,
        operation: Operation,
        code: ResultCode,
        entries: u64,
        started: Instant,
        op: u64,
    ) {
        // From its answer on a client may be silent, however long the operation took.
        self.heard_at = Instant::now();
        self.moments.is_served = true;
        let elapsed = self.heard_at - started;
        self.gateway.events().emit(&Event::Answered {
            conn: self.id,
            op,
            operation,
            code,
            entries,
            elapsed,
        });
    }

    fn answer_who_am_i(&mut self, request: &Envelope<'_>, identity: &[u8]) {
        let result = LdapResult::new(ResultCode::SUCCESS, "");
        let out = self.outbound.append(identity.len() + 64);
        ExtendedResponse { result, name: None, value: Some(identity) }.write(out, request.id);
        self.report(request.operation, ResultCode::SUCCESS, 0, Instant::now(), self.requests);
    }

    fn relay(&mut self, request: &Envelope<'_>) -> Taken {
        if let Some(taken) = self.meet_account(request) {
            return taken;
        }
        if let Some(refusal) = self.view_refuses(request) {
            self.refuse(request, refusal);
            self.requests += 1;
            return Taken::Yes;
        }
        if let Some(taken) = self.ask_suffix(request) {
            return taken;
        }
        match self.serves(request) {
            Judged::Relayed => {}
            Judged::Waits => return Taken::Later,
            Judged::Answered => {
                self.requests += 1;
                return Taken::Yes;
            }
        }
        if asks_as_another(request.controls) && !self.may_proxy(self.directory_of_session()) {
            self.refuse(request, reply::PROXYING_DENIED);
            self.requests += 1;
            return Taken::Yes;
        }
        if self.begins_too_many_pages(request) {
            self.refuse(request, reply::TOO_MANY_COOKIES);
            self.requests += 1;
            return Taken::Yes;
        }
        if self.exceeds_transaction(request) {
            self.refuse(request, reply::TRANSACTION_TOO_LARGE);
            self.requests += 1;
            return Taken::Yes;
        }
        if let Some(error) = self.lease_failed.take() {
            self.refuse(request, reply::no_link(error));
            self.requests += 1;
            return Taken::Yes;
        }
        let directory = match &self.upstream {
            Some(upstream) if upstream.standing != Standing::Stranger => {
                self.send(request);
                return Taken::Yes;
            }
            Some(upstream) => upstream.directory,
            None if matches!(self.session, Session::Bound(_)) => {
                return self.relay_proxied(request);
            }
            None => self.anonymous_directory(),
        };
        if self.lease.is_some() || (self.upstream.is_some() && !self.outstanding.is_empty()) {
            // A connection is waited for; or their answers come on the one that is there.
            return Taken::Later;
        }
        // The session is anonymous and so must the connection be, to the directory as well.
        self.part();
        if sharing::is_stateless(request) {
            return self.relay_anonymous(directory, request);
        }
        self.lease(directory, Purpose::Anonymous);
        if self.upstream.is_some() {
            self.send(request);
            return Taken::Yes;
        }
        Taken::Later
    }

    /// Whether the session may ask as somebody else (RFC 4370): nobody may who was not named.
    pub(super) fn may_proxy(&self, directory: usize) -> bool {
        let Session::Bound(BoundName(name)) = &self.session else { return false };
        if let Vouched::Account(_) = self.vouched {
            return false;
        }
        self.gateway.directory(directory).relay.may_proxy(name)
    }

    /// The directory that the session's operations go to.
    pub(super) fn directory_of_session(&self) -> usize {
        match (&self.upstream, &self.session) {
            (Some(upstream), _) => upstream.directory,
            (None, Session::Bound(_)) => self.binding.directory(),
            (None, _) => self.anonymous_directory(),
        }
    }

    fn send(&mut self, request: &Envelope<'_>) {
        let Some(upstream) = &mut self.upstream else {
            return;
        };
        self.is_offered = false;
        upstream.link().set_recallable(false);
        if std::mem::take(&mut upstream.only_binds) {
            upstream.link().does_more_than_bind();
        }
        self.only_binds = false;
        // Controls and extended operations may leave state behind: cookies, transactions.
        let is_special = !sharing::is_stateless(request);
        if is_special {
            upstream.taint();
        }
        let is_paged = self.cookies.take(request);
        upstream.skip_ids(|id| self.outstanding.is_upstream(id));
        let altered = root::asked(request);
        let served = self.planned.as_ref().map(|planned| &planned.body[..]);
        let id = upstream.send(altered.as_deref().or(served).unwrap_or(request.body));
        self.outstanding.push(Relayed {
            client: ClientMessageId(request.id),
            way: Way::Own(id),
            has_controls: request.controls.is_some(),
            is_paged,
            ends_transaction: is_special && transactions::role(request) == Some(Role::End),
            operation: request.operation,
            number: self.requests,
            entries: 0,
            cancels: None,
            started: Instant::now(),
        });
        self.note_root(request, Way::Own(id));
        self.note_served(Way::Own(id));
        if is_special {
            self.note_transaction(request, id);
        }
        self.requests += 1;
    }

    pub(super) fn abandon(&mut self, request: &Envelope<'_>, id: ClientMessageId) {
        let Some(operation) = self.outstanding.by_client(id).copied() else {
            return;
        };
        self.moments.is_served = true;
        // Whose operation it is, is settled: it is abandoned as nobody else.
        let controls = request.controls.filter(|controls| !asks_as_another(Some(controls)));
        self.abandon_upstream(operation.way, controls);
    }

    pub(super) fn abandon_upstream(&mut self, way: Way, controls: Option<&[u8]>) {
        self.outstanding.finish_way(way);
        let id = match way {
            Way::Own(id) => id,
            Way::Shared(id) => return self.abandon_shared(id, controls),
            Way::Here(_) => return,
        };
        if let Some(upstream) = &mut self.upstream {
            // Its answers may still come; they find no operation and are swallowed.
            upstream.taint();
            let mut body = Vec::with_capacity(controls.map_or(0, <[u8]>::len) + 16);
            ber::write_integer(&mut body, Operation::AbandonRequest.tag(), i64::from(id.0.get()));
            if let Some(controls) = controls {
                ber::write_element(&mut body, CONTROLS, controls);
            }
            upstream.send(&body);
        }
    }

    /// Abandons operations that came at a moment or before, all of them if there is none, and
    /// answers them.
    pub(super) fn abandon_since(&mut self, moment: Option<Instant>) {
        for operation in self.outstanding.come_before(moment) {
            self.abandon_upstream(operation.way, None);
            self.refuse_relayed(operation, reply::TOOK_TOO_LONG);
        }
        // A bind may have waited for this.
        self.held = false;
    }

    /// Relays a Cancel with the operation's messageID upstream in the place of the client's.
    fn cancel(&mut self, request: &Envelope<'_>, id: ClientMessageId) -> Taken {
        let Some(operation) = self.outstanding.by_client(id) else {
            let is_critical = session::has_critical_control(request);
            let refusal =
                if is_critical { session::UNKNOWN_CRITICAL } else { reply::NO_SUCH_OPERATION };
            self.refuse(request, refusal);
            self.requests += 1;
            return Taken::Yes;
        };
        let way = operation.way;
        let target = match way {
            Way::Own(id) => id,
            Way::Shared(id) => return self.cancel_shared(request, id),
            Way::Here(_) => {
                self.refuse(request, reply::CANNOT_CANCEL);
                self.requests += 1;
                return Taken::Yes;
            }
        };
        let mut value = Vec::new();
        ber::write_nested(&mut value, SEQUENCE, |out| {
            ber::write_integer(out, INTEGER, i64::from(target.0.get()));
        });
        // Its controls are the directory's to judge, as with all that is relayed.
        let mut body = Vec::new();
        ExtendedRequest { name: oid::CANCEL, value: Some(&value) }.write_body(&mut body);
        if let Some(controls) = request.controls {
            ber::write_element(&mut body, CONTROLS, controls);
        }
        let mut pdu = Vec::new();
        write_with_body(request.id, &body, &mut pdu);
        match Envelope::parse(&pdu) {
            Ok(cancel) => {
                let taken = self.relay(&cancel);
                self.outstanding.note_cancel(ClientMessageId(request.id), way);
                taken
            }
            Err(_) => Taken::Yes,
        }
    }

    /// The directory has cancelled an operation. RFC 3909 has it answered as canceled; where it has
    /// not been, a bind would wait for it for ever.
    pub(super) fn cancelled(&mut self, target: Way) {
        let Some(operation) = self.outstanding.finish_way(target) else {
            return;
        };
        let Relayed { operation: request, entries, started, number, .. } = operation;
        let MessageIdAndResponse { id, response } = operation.into();
        let out = self.outbound.append(64);
        LdapResult::new(ResultCode::CANCELED, "").write(out, id, response);
        self.report(request, ResultCode::CANCELED, entries, started, number);
    }

    /// Answers every operation under way with a refusal.
    pub(super) fn refuse_outstanding(&mut self, refusal: Refusal) {
        for operation in self.outstanding.drain() {
            self.refuse_relayed(operation, refusal);
        }
    }

    /// Answers an operation that is under way no more with a refusal.
    pub(super) fn refuse_relayed(&mut self, operation: Relayed, refusal: Refusal) {
        if let Some(limit) = limit_behind(refusal) {
            self.limit_hit(limit);
        }
        let MessageIdAndResponse { id, response } = operation.into();
        let out = self.outbound.append(refusal.text.len() + 64);
        LdapResult::new(refusal.code, refusal.text).write(out, id, response);
        let Relayed { operation, entries, started, number, .. } = operation;
        self.report(operation, refusal.code, entries, started, number);
    }
}

struct MessageIdAndResponse {
    id: MessageId,
    response: Operation,
}

impl From<Relayed> for MessageIdAndResponse {
    fn from(operation: Relayed) -> Self {
        let response = operation.operation.final_response();
        Self { id: operation.client.0, response: response.unwrap_or(Operation::ExtendedResponse) }
    }
}

/// The configuration key behind a refusal, if it is a limit's.
fn limit_behind(refusal: Refusal) -> Option<&'static str> {
    match refusal {
        session::TOO_MANY_CONTROLS => Some("max_controls"),
        session::FILTER_TOO_DEEP => Some("max_filter_depth"),
        session::FILTER_TOO_WIDE => Some("max_filter_items"),
        reply::TOO_MANY_COOKIES => Some("max_cookies"),
        reply::TRANSACTION_TOO_LARGE => Some("max_transaction"),
        reply::TOO_MANY_MEMBERS => Some("max_filter_members"),
        _ => None,
    }
}
