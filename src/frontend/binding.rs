//! How a bind goes, from the request to its answer.
//!
//! On receipt the session is anonymous and its upstream connection is a stranger's: nothing but a
//! bind is sent on it until one has succeeded. The bind is the only operation on an exclusive
//! connection until it is answered. While the directory looks at the password, the user's entry is
//! already being read; a success then waits at the gate until the record is up to date. What is
//! not a success is relayed unchanged. A success that is refused here leaves nothing behind: the
//! upstream connection is closed.

mod account;
mod course;
mod external;
mod fast;
mod identifying;
mod throttled;
mod traced;

use course::Course;
pub(super) use external::Shown;
pub(super) use identifying::Asked;
use traced::Spans;

use super::account::Vouched;
use super::connection::Connection;
use super::naming::Naming;
use super::reply;
use super::upstream::Standing;
use crate::app::accounts::roll;
use crate::app::events::{BindSpent, Event};
use crate::app::ports::{Events, Link, Ports, Purpose, Shared};
use crate::app::sign_on::{Attempt, BARRED, Gate, Verdict};
use crate::app::throttle::{Place, TurnWait, Watch};
use crate::domain::kind::Kind;
use crate::domain::sasl;
use crate::domain::secret::wipe_out;
use crate::domain::session::{BindEnd, BindKind, Refusal, Session, Step};
use crate::proto::bind::{BindRequest, BindResponse};
use crate::proto::envelope::{Envelope, MessageId, UpstreamMessageId};
use crate::proto::op::Operation;
use crate::proto::result::{LdapResult, ResultCode};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

/// The bind of a connection, if one is under way.
pub(super) struct Binding<P: Ports> {
    stage: Stage<P>,
    /// The request's operation and controls: in a buffer of its own, kept for the one retry and
    /// wiped with the answer.
    body: Vec<u8>,
    client: MessageId,
    number: u64,
    directory: usize,
    arrived: Instant,
    deadline: Instant,
    course: Course,
    attempt: Option<Box<Attempt<P>>>,
    retried: bool,
    kind: BindKind,
    /// What the throttle said when it arrived.
    watch: Watch,
    /// Of a source that keeps failing: its place among those.
    place: Option<Place>,
    /// The SASL exchange that it is part of.
    pub(super) exchange: Option<Exchange>,
    /// If it is traced.
    spans: Spans,
}

/// A SASL exchange under way.
pub(super) struct Exchange {
    pub(super) mechanism: Vec<u8>,
    /// When the client was sent a challenge that it has not answered.
    pub(super) challenged_at: Option<Instant>,
}

enum Stage<P: Ports> {
    /// No bind is under way.
    None,
    /// Its source keeps failing: it waits for a turn.
    AwaitsTurn(TurnWait),
    /// It waits for an upstream connection.
    AwaitsLink,
    /// It was sent under this messageID.
    Sent(UpstreamMessageId),
    /// It goes on a connection for binds alone.
    Fast(fast::Fast<P>),
    /// The directory said success and is asked, under this messageID, who it is of.
    Identifying { id: UpstreamMessageId, response: Vec<u8>, asked: Asked },
    /// The directory said success; the entry that it is of is looked for.
    Naming { wait: Naming, response: Vec<u8> },
    /// Its connection was found dead before a byte of the answer; it is to be sent again.
    Lost,
    /// The directory said success; its answer, which has taken the request's place, waits for the
    /// record.
    Gated(Gate<P>),
    /// It is looked at whether the gateway may vouch for the client.
    Vouching(external::Vouching),
    /// It is of an account of the gateway's own, whose password is looked at.
    Verifying(roll::Wait),
    /// No bind is under way; the last one, of a source that keeps failing, has failed, and its
    /// connection is to be given back.
    Failed,
}

impl<P: Ports> Binding<P> {
    /// No bind.
    pub(super) fn none() -> Self {
        let now = Instant::now();
        Self {
            stage: Stage::None,
            body: Vec::new(),
            client: MessageId::UNSOLICITED,
            number: 0,
            directory: 0,
            arrived: now,
            deadline: now,
            course: Course::HERE,
            attempt: None,
            retried: false,
            kind: BindKind::Anonymous,
            watch: Watch::Calm,
            place: None,
            exchange: None,
            spans: Spans::OFF,
        }
    }

    /// The directory that the last bind went to.
    pub(super) fn directory(&self) -> usize {
        self.directory
    }

    /// What follows is about another directory; for a session that was bound at none.
    pub(super) fn goes_to(&mut self, directory: usize) {
        self.directory = directory;
    }

    pub(super) fn kind(&self) -> BindKind {
        self.kind
    }

    pub(super) fn is_under_way(&self) -> bool {
        !matches!(self.stage, Stage::None | Stage::Failed)
    }

    pub(super) fn awaits_link(&self) -> bool {
        matches!(self.stage, Stage::AwaitsLink)
    }

    pub(super) fn is_sent(&self) -> bool {
        matches!(self.stage, Stage::Sent(_) | Stage::Identifying { .. })
    }

    pub(super) fn is_sent_as(&self, id: UpstreamMessageId) -> bool {
        matches!(self.stage, Stage::Sent(sent) if sent == id)
    }

    /// When the bind has taken too long. The wait for a connection has its own time-out.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.stage {
            Stage::None | Stage::Failed => None,
            // The waits for a turn, and for a password to be looked at, are bounded too.
            Stage::AwaitsTurn(_) | Stage::AwaitsLink | Stage::Lost | Stage::Verifying(_) => None,
            Stage::Sent(_) | Stage::Identifying { .. } => Some(self.deadline),
            Stage::Fast(fast) => fast.is_sent().then_some(self.deadline),
            Stage::Naming { .. } | Stage::Vouching(_) | Stage::Gated(_) => Some(self.deadline),
        }
    }

    /// When the client was sent a challenge that it has not answered.
    pub(super) fn challenged_at(&self) -> Option<Instant> {
        self.exchange.as_ref().and_then(|exchange| exchange.challenged_at)
    }

    /// Gives up the wait for a turn.
    pub(super) fn leave_turn(&mut self) {
        if let Stage::AwaitsTurn(_) = self.stage {
            self.stage = Stage::None;
        }
    }

    /// The upstream connection is left, and the place with it.
    pub(super) fn leave_place(&mut self) {
        self.place = None;
        if let Stage::Failed = self.stage {
            self.stage = Stage::None;
        }
    }

    fn keep(&mut self, body: &[u8]) {
        // Wiped with the last answer already, as a rule.
        wipe_out(&mut self.body);
        if self.body.capacity() < body.len() {
            self.body = Vec::with_capacity(body.len());
        }
        self.body.extend_from_slice(body);
    }
}

impl<P: Ports> Drop for Binding<P> {
    fn drop(&mut self) {
        wipe_out(&mut self.body);
    }
}

impl<P: Ports, S: AsyncRead + AsyncWrite + Unpin> Connection<P, S> {
    pub(super) fn begin_bind(&mut self, request: &Envelope<'_>, name: &[u8], kind: BindKind) {
        // Before anything that may wait: a seat that outlived this would do for the new user what
        // the old one may.
        self.leave_seat();
        let is_next = kind == BindKind::Sasl(Step::Next);
        if !is_next {
            self.follow_reload();
        }
        // Looked at where it is: all workers would count on one cache line who has a copy.
        if self.gateway.accounts().is_some_and(|accounts| self.is_of_account(accounts, name)) {
            return self.begin_account(request, kind);
        }
        if !is_next && self.upstream.as_ref().is_some_and(|upstream| !upstream.takes_a_bind()) {
            self.part();
        }
        let current = self.upstream.as_ref().map(|upstream| upstream.directory);
        let directory = match (kind, current) {
            (BindKind::Anonymous | BindKind::Sasl(Step::Next), Some(current)) => current,
            _ => self.gateway.route(name),
        };
        match kind {
            BindKind::Sasl(_) if !self.begin_step(request, directory) => return,
            BindKind::Sasl(_) => {}
            BindKind::Named | BindKind::Anonymous | BindKind::Nameless => {
                self.binding.exchange = None;
            }
        }
        self.binding.keep(request.body);
        self.binding.stage = Stage::AwaitsLink;
        self.binding.client = request.id;
        self.binding.number = self.requests;
        self.binding.directory = directory;
        self.binding.course = Course::UPSTREAM;
        // The clock is not read again for what was heard just now.
        self.binding.arrived = self.heard_at;
        self.binding.retried = is_next;
        self.binding.kind = kind;
        self.trace_bind(directory);
        self.binding.watch = self.gateway.throttle().watch();
        if self.gateway.directory(directory).kind.is(Kind::cuts_passwords)
            && identifying::is_cut(request)
        {
            self.part();
            return self.refuse_bind(reply::CUT_PASSWORD);
        }
        // A step that goes on with an exchange has had its turn.
        if self.binding.watch == Watch::Holding && !is_next && self.waits_for_turn(directory) {
            return;
        }
        self.binding.attempt = match kind {
            BindKind::Named => self.begin_attempt(directory, name),
            BindKind::Anonymous | BindKind::Nameless | BindKind::Sasl(_) => None,
        };
        if let Some(upstream) = &mut self.upstream {
            upstream.standing = Standing::Stranger;
            upstream.link().set_recallable(false);
        }
        if current == Some(directory) && !self.will_only_bind(name) {
            self.send_bind(self.heard_at);
        } else {
            self.reach(directory, current);
        }
    }

    /// Sends the bind on the connection that is there, if that one leads to its directory, or on one
    /// for binds alone, where sessions do nothing else; or asks for one.
    fn reach(&mut self, directory: usize, current: Option<usize>) {
        if self.will_only_bind(self.session.name()) && self.bind_fast(directory) {
            return;
        }
        if current == Some(directory) {
            return self.send_bind(self.heard_at);
        }
        self.part();
        self.lease(directory, Purpose::Bind);
    }

    /// Sends the bind on the connection that is there.
    pub(super) fn send_bind(&mut self, now: Instant) {
        let Some(upstream) = &mut self.upstream else {
            return;
        };
        upstream.standing = Standing::Stranger;
        if self.binding.exchange.is_some() {
            upstream.carries_sasl();
        }
        let id = upstream.send(&self.binding.body);
        self.binding.stage = Stage::Sent(id);
        self.binding.course.is_sent(now);
        self.binding.spans.ask("upstream bind");
        let timeout = self.gateway.directory(self.binding.directory).bind_timeout;
        self.binding.deadline = now + timeout;
    }

    /// Takes the directory's answer.
    pub(super) fn bind_answered(&mut self, response: &Envelope<'_>) {
        let Ok(answer) = BindResponse::decode(response.content) else {
            return self.upstream_is_odd();
        };
        let code = answer.result.code;
        self.binding.spans.answered(code);
        if response.controls.is_some() {
            // They may say that the session is a restricted one, which proxying would undo.
            self.name_fits = Some(false);
        }
        if code == ResultCode::SASL_BIND_IN_PROGRESS && self.binding.exchange.is_some() {
            return self.relay_challenge(response, &answer);
        }
        if !code.is_success() {
            self.binding.attempt = None;
            if code == ResultCode::INVALID_CREDENTIALS && self.is_barred() {
                return self.refuse_bind(BARRED);
            }
            let directory = self.binding.directory;
            return match self.settle_referral(directory, &answer.result, response.body) {
                Some((body, code)) => self.end_bind(code, &body),
                None => self.end_bind(code, response.body),
            };
        }
        if let Some(upstream) = &mut self.upstream {
            upstream.standing = Standing::Bound;
        }
        if self.binding.exchange.is_some() {
            return self.identify(response);
        }
        let attempt = self.binding.attempt.take().or_else(|| self.late_attempt());
        match attempt {
            None if self.came_by_another_name() => self.ask_for_token(response.body),
            None => self.end_bind(code, response.body),
            Some(attempt) => self.enter_gate(attempt, response.body),
        }
    }

    /// The directory's success waits until the record is up to date.
    pub(super) fn enter_gate(&mut self, attempt: Box<Attempt<P>>, response: &[u8]) {
        self.binding.stage = Stage::Gated(attempt.succeeded());
        // The request is not sent again.
        self.binding.keep(response);
        let now = Instant::now();
        self.binding.course.is_gated(now);
        self.binding.deadline = now + self.gateway.sign_ons().budget();
    }

    /// Relays what comes before the answer (RFC 4511 section 4.13).
    pub(super) fn bind_goes_on(&mut self, response: &Envelope<'_>) {
        self.bind_had_an_answer();
        self.answer(self.binding.client, response.body);
    }

    /// The sign-on of a bind of a source that keeps failing begins with its success.
    fn late_attempt(&self) -> Option<Box<Attempt<P>>> {
        if self.binding.place.is_none() || self.binding.kind != BindKind::Named {
            return None;
        }
        let (directory, name) = (self.binding.directory, self.session.name());
        self.begin_attempt(directory, name)
    }

    /// Looks whether the bind can go on: whether its turn has come, or the record is up to date.
    pub(super) fn poll_gate(&mut self, cx: &mut Context<'_>) -> bool {
        match &mut self.binding.stage {
            Stage::None | Stage::AwaitsLink | Stage::Sent(_) => return false,
            Stage::Identifying { .. } => return false,
            Stage::Fast(_) => return self.poll_fast(cx),
            Stage::Lost => {
                self.binding.stage = Stage::AwaitsLink;
                self.lease_fresh(self.binding.directory);
            }
            Stage::Failed => self.part(),
            Stage::AwaitsTurn(wait) => match wait.as_mut().poll(cx) {
                Poll::Pending => return false,
                Poll::Ready(Ok(place)) => {
                    self.binding.place = Some(place);
                    if self.verify_account() {
                        return true;
                    }
                    self.binding.stage = Stage::AwaitsLink;
                    let directory = self.binding.directory;
                    // Without parting: the place of its turn would go with it.
                    let only_binds = self.will_only_bind(self.session.name());
                    if !(only_binds && self.bind_fast(directory)) {
                        self.lease(directory, Purpose::Bind);
                    }
                }
                Poll::Ready(Err(held)) => self.hold_back(held),
            },
            Stage::Naming { wait, .. } => match wait.as_mut().poll(cx) {
                Poll::Pending => return false,
                Poll::Ready(found) => self.named(found),
            },
            Stage::Vouching(wait) => match wait.as_mut().poll(cx) {
                Poll::Pending => return false,
                Poll::Ready(vouched) => self.vouched(vouched),
            },
            Stage::Verifying(wait) => match wait.as_mut().poll(cx) {
                Poll::Pending => return false,
                Poll::Ready(outcome) => self.verified(outcome),
            },
            Stage::Gated(gate) => match Pin::new(gate).poll(cx) {
                Poll::Pending => return false,
                Poll::Ready(verdict) => self.leave_gate(verdict),
            },
        }
        true
    }

    fn leave_gate(&mut self, verdict: Verdict) {
        self.binding.stage = Stage::None;
        match verdict {
            Verdict::Admit => {
                let response = std::mem::take(&mut self.binding.body);
                self.end_bind(ResultCode::SUCCESS, &response);
                // Its room is for the next bind.
                self.binding.body = response;
                wipe_out(&mut self.binding.body);
            }
            Verdict::Refuse(refusal) => self.refuse_bind(refusal),
        }
    }

    /// Whether the user's binds are refused: a wrong password is then answered as a right one is.
    fn is_barred(&self) -> bool {
        self.binding.kind == BindKind::Named
            && self.gateway.sign_ons().is_barred(self.binding.directory, self.session.name())
    }

    /// Too long: the directory's answer, or the record behind it.
    pub(super) fn bind_is_overdue(&mut self) {
        match &mut self.binding.stage {
            Stage::Gated(gate) => {
                let verdict = gate.overdue();
                self.limit_hit("budget");
                self.leave_gate(verdict);
            }
            Stage::Sent(_) | Stage::Identifying { .. } => {
                if let Some(upstream) = self.upstream.take() {
                    upstream.leave_silent();
                }
                self.refuse_bind(reply::BIND_TIMED_OUT);
            }
            Stage::Naming { .. } | Stage::Vouching(_) | Stage::Fast(_) => {
                self.refuse_bind(reply::BIND_TIMED_OUT);
            }
            Stage::None | Stage::Failed => {}
            Stage::AwaitsTurn(_) | Stage::AwaitsLink | Stage::Lost | Stage::Verifying(_) => {}
        }
    }

    /// Something of an answer has come: the bind is not sent again.
    pub(super) fn bind_had_an_answer(&mut self) {
        self.binding.retried = true;
    }

    /// The connection was lost with the bind on it: one retry, if it was found dead before a byte
    /// of the answer.
    pub(super) fn bind_lost(&mut self) {
        if self.binding.retried {
            return self.refuse_bind(self.why_lost());
        }
        self.binding.retried = true;
        self.binding.stage = Stage::Lost;
        let directory = &self.gateway.directory(self.binding.directory).policy.name;
        self.gateway.events().emit(&Event::UpstreamRetried { directory });
    }

    fn why_lost(&self) -> Refusal {
        match (&self.binding.stage, &self.binding.exchange) {
            (Stage::Identifying { .. }, Some(exchange))
                if sasl::may_leave_a_layer(&exchange.mechanism) =>
            {
                reply::LOST_TO_A_LAYER
            }
            _ => reply::UPSTREAM_LOST,
        }
    }

    /// Answers the bind with a result of the gateway's own; the connection that may stand bound
    /// behind it is closed.
    pub(super) fn refuse_bind(&mut self, refusal: Refusal) {
        if let Some(mut upstream) = self.upstream.take() {
            upstream.taint();
            upstream.leave();
        }
        let mut pdu = Vec::new();
        LdapResult::new(refusal.code, refusal.text).write(
            &mut pdu,
            self.binding.client,
            Operation::BindResponse,
        );
        if let Ok(response) = Envelope::parse(&pdu) {
            self.end_bind(refusal.code, response.body);
        }
    }

    /// Answers a step of a SASL bind with a challenge; the exchange goes on.
    pub(super) fn step_answered(&mut self, response: &[u8]) {
        self.answer_bind(ResultCode::SASL_BIND_IN_PROGRESS, response);
        self.binding.stage = Stage::None;
        wipe_out(&mut self.binding.body);
        self.held = false;
    }

    fn answer_bind(&mut self, code: ResultCode, response: &[u8]) {
        self.answer(self.binding.client, response);
        self.heard_at = Instant::now();
        self.moments.is_served = true;
        self.binding.spans.end(code);
        let (at, course) = (self.binding.directory, self.binding.course);
        let directory = match course.is_directorys() {
            true => &*self.gateway.directory(at).policy.name,
            false => "",
        };
        self.gateway.events().emit(&Event::Bind {
            conn: self.id,
            op: self.binding.number,
            directory,
            name: self.session.name(),
            code,
            elapsed: self.heard_at - self.binding.arrived,
            spent: course.spent(self.heard_at),
        });
    }

    pub(super) fn end_bind(&mut self, code: ResultCode, response: &[u8]) {
        self.answer_bind(code, response);
        let end = match code {
            ResultCode::SUCCESS => BindEnd::Success,
            _ => BindEnd::Failure,
        };
        let is_account = matches!(self.vouched, Vouched::Account(_));
        if code.is_success() && !self.session.name().is_empty() && !is_account {
            let shared = &self.gateway.directory(self.binding.directory).shared;
            shared.bound(self.session.name());
        }
        self.count_bind(code);
        let session = std::mem::replace(&mut self.session, Session::Anonymous);
        self.session = session.bind_ended(end);
        self.present.is(self.session.name());
        self.settle_view();
        self.binding.stage = match self.binding.place.take() {
            Some(_) if !code.is_success() => Stage::Failed,
            _ => Stage::None,
        };
        wipe_out(&mut self.binding.body);
        self.binding.attempt = None;
        if self.binding.exchange.take().is_some() && !code.is_success() {
            self.part();
        }
        self.held = false;
        match (self.only_binds, &mut self.upstream) {
            (true, Some(upstream)) => upstream.link().set_recallable(true),
            _ => self.offer_lease(),
        }
    }

    /// A bind was refused before anything was sent: whoever the connection upstream is bound as,
    /// it is not this session any more.
    pub(super) fn after_refused_bind(&mut self, content: &[u8], code: ResultCode) {
        self.leave_seat();
        if self.binding.exchange.is_some() {
            // It is in the middle of an exchange that nobody goes on with.
            self.part();
            self.binding.exchange = None;
        }
        if let Some(upstream) = &mut self.upstream
            && upstream.standing == Standing::Bound
        {
            upstream.standing = Standing::Stranger;
        }
        let name = BindRequest::decode(content).map_or(&[][..], |bind| bind.name);
        let (conn, op, elapsed) = (self.id, self.requests, Duration::ZERO);
        let (directory, spent) = ("", BindSpent::default());
        self.gateway.events().emit(&Event::Bind {
            conn,
            op,
            directory,
            name,
            code,
            elapsed,
            spent,
        });
    }
}
