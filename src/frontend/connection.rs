//! One client's connection: one task that owns the client's stream and the leased upstream
//! connection, so that a relayed operation crosses no queue, no lock and no thread.
//!
//! This file drives: it reads, sends and waits. What requests do is in `requests`, what responses do
//! in `responses`, how a bind goes in `binding`, and what happens when nothing arrives in `timing`.

use super::account::Vouched;
use super::addresses::Counted;
use super::admission::Admission;
use super::binding::{Binding, Shown};
use super::buffer::{Content, Inbound, Outbound};
use super::drain::{ClientPermit, Drain, Phase};
use super::outstanding::Outstanding;
use super::paging::Paging;
use super::reloaded::Served;
use super::reply;
use super::serving::{Deciding, Pending, Planned, Stashed};
use super::sessions::Present;
use super::sharing::Seated;
use super::stall::Stall;
use super::suffix::InSuffix;
use super::timing::{Moments, Timer};
use super::upgrade::Upgrade;
use super::upstream::{ENVELOPE_ROOM, Standing, Upstream};
use super::{Config, scratch};
use crate::app::events::{Closed, ConnectionId, Event};
use crate::app::gateway::{Gateway, LinkOf, WaitOf};
use crate::app::ports::{Events, Leased, Link, LinkError, Links, Ports, Purpose};
use crate::domain::channel::{Passwords, StartTls};
use crate::domain::secret::wipe;
use crate::domain::session::{Refusal, Session};
use crate::domain::transaction::Updates;
use crate::domain::view::{Origin, View};
use crate::proto::result::LdapResult;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// How long a client that is being closed may take to read its last bytes.
const CLOSE_GRACE: Duration = Duration::from_secs(5);

/// How long the gateway waits for a client's own close after it has sent everything, so that the
/// last bytes are not lost to a reset.
const LINGER: Duration = Duration::from_secs(1);

/// The most bytes that are kept from a client whose earlier request has to end first.
pub(super) const HELD_BYTES: usize = 64 * 1024;

/// How far the connection's end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// Serving.
    Open,
    /// The last bytes go out; nothing more is taken in.
    Closing(Closed),
    /// Everything was sent; the client's own close is waited for.
    Lingering(Closed),
    /// The answer to StartTLS goes out, and the handshake begins.
    StartingTls,
}

/// How a connection's serving ended.
pub(super) enum End {
    /// It is closed.
    Closed(Closed),
    /// The client is to shake hands.
    StartTls,
}

/// A wait for an upstream connection.
pub(super) struct Lease<W> {
    pub(super) wait: W,
    pub(super) directory: usize,
    pub(super) purpose: Purpose,
}

/// Which sides had nothing to read when they were last asked in this turn: they wake the task, and
/// are not asked again before that.
#[derive(Debug, Clone, Copy, Default)]
struct Quiet {
    client: bool,
    upstream: bool,
}

/// One client's connection.
pub(super) struct Connection<P: Ports, S> {
    pub(super) id: ConnectionId,
    pub(super) peer: SocketAddr,
    /// The address that it came to, as it is configured.
    pub(super) listener: Option<SocketAddr>,
    /// The client application that it is taken for, if any.
    pub(super) view: Option<Arc<View>>,
    /// What it is served with; the next two are parts of it.
    pub(super) served: Arc<Served<P>>,
    pub(super) gateway: Arc<Gateway<P>>,
    pub(super) config: Arc<Config>,
    pub(super) session: Session,
    pub(super) upstream: Option<Upstream<LinkOf<P>>>,
    pub(super) lease: Option<Box<Lease<WaitOf<P>>>>,
    pub(super) lease_failed: Option<LinkError>,
    /// Its part in connections that others use too.
    pub(super) seat: Option<Box<Seated<P>>>,
    pub(super) binding: Binding<P>,
    pub(super) outstanding: Outstanding,
    pub(super) outbound: Outbound,
    pub(super) life: Life,
    /// Whether the next request waits for something to end.
    pub(super) held: bool,
    /// Whether the session has sent nothing but binds, so that its connection may be recalled.
    pub(super) only_binds: bool,
    /// Whether it can go on without its connection although it has done more.
    pub(super) is_offered: bool,
    /// Whether the name that it is bound as can be proxied, once that was looked at.
    pub(super) name_fits: Option<bool>,
    /// Its searches in pages that have been begun and not finished.
    pub(super) cookies: Paging,
    /// The updates of its transaction.
    pub(super) updates: Updates,
    /// The wait because too many operations are outstanding.
    pub(super) stall: Stall,
    pub(super) requests: u64,
    /// How the request at hand is asked, where who is in which groups has to do with it.
    pub(super) planned: Option<Box<Planned>>,
    /// What is being found out for the request at hand.
    pub(super) deciding: Option<Box<Deciding>>,
    /// An entry whose groups are asked for; nothing behind it is taken before they are known.
    pub(super) pending: Option<Box<Pending>>,
    /// What it has under way in the records' own suffix.
    pub(super) in_suffix: InSuffix,
    /// What came on shared connections meanwhile.
    pub(super) stashed: VecDeque<Stashed>,
    pub(super) start_tls: StartTls,
    pub(super) passwords: Passwords,
    /// Who the client is by its certificate, if there is one and a rule for it.
    pub(super) external: Option<Box<Shown>>,
    /// Whether the session is one that the gateway vouches for.
    pub(super) vouched: Vouched,
    pub(super) stream: S,
    quiet: Quiet,
    pub(super) inbound: Inbound,
    /// How long the message at the start of `inbound` says that it is.
    expected: usize,
    pub(super) drain: Drain,
    drained: bool,
    /// When the client last sent something or had an operation answered.
    pub(super) heard_at: Instant,
    pub(super) closing_at: Instant,
    pub(super) moments: Moments,
    pub(super) timer: Option<Timer>,
    pub(super) permits: (ClientPermit, Counted),
    /// Its entry among those who are connected.
    pub(super) present: Present,
}

impl<P: Ports, S: AsyncRead + AsyncWrite + Unpin> Connection<P, S> {
    pub(super) fn new(
        stream: S,
        admission: Admission,
        served: Arc<Served<P>>,
        drain: Drain,
    ) -> Box<Self> {
        let now = Instant::now();
        let origin = Origin { listener: admission.listener, address: admission.peer.ip() };
        Box::new(Self {
            id: admission.id,
            peer: admission.peer,
            listener: admission.listener,
            view: served.config.views.of(&origin, None).cloned(),
            gateway: served.gateway.clone(),
            config: served.config.clone(),
            served,
            session: Session::Anonymous,
            upstream: None,
            lease: None,
            lease_failed: None,
            seat: None,
            binding: Binding::none(),
            outstanding: Outstanding::default(),
            outbound: Outbound::new(Content::Responses),
            life: Life::Open,
            held: false,
            only_binds: true,
            is_offered: false,
            name_fits: None,
            cookies: Paging::default(),
            updates: Updates::default(),
            stall: Stall::default(),
            requests: admission.requests,
            planned: None,
            deciding: None,
            pending: None,
            in_suffix: InSuffix::default(),
            stashed: VecDeque::new(),
            start_tls: admission.start_tls,
            passwords: admission.passwords,
            external: admission.external,
            vouched: Vouched::No,
            stream,
            quiet: Quiet::default(),
            inbound: Inbound::new(Content::Requests),
            expected: 0,
            drain,
            drained: false,
            heard_at: now,
            closing_at: now,
            moments: Moments::new(now),
            timer: None,
            permits: admission.permits,
            present: admission.present,
        })
    }

    /// Serves the client to its end, or until it is to shake hands. In a box, since a future that is given
    /// something has it twice, and one that hands it to another four times.
    pub(super) async fn serve(mut self: Box<Self>) -> Option<Upgrade<P, S>> {
        let draining = self.drain.reached(Phase::Draining);
        let ending = self.drain.reached(Phase::Ending);
        tokio::pin!(draining, ending);
        let mut registered = false;
        let end = poll_fn(|cx| {
            // Polled to be woken by; the phase itself is looked at behind that, or the signal might come
            // between the two. The signal for draining wakes `ending` too, which then has to be polled
            // again to hear its own.
            match self.drain.phase() {
                Phase::Serving if registered => return self.poll(cx, Phase::Serving),
                Phase::Draining if registered => {
                    let _ = ending.as_mut().poll(cx);
                }
                Phase::Serving | Phase::Draining => {
                    registered = true;
                    self.present.is_woken_with(cx.waker());
                    let _ = draining.as_mut().poll(cx);
                    let _ = ending.as_mut().poll(cx);
                }
                Phase::Ending => {}
            }
            let phase = self.drain.phase();
            self.poll(cx, phase)
        })
        .await;
        let End::Closed(reason) = end else {
            return Some(self.hand_over());
        };
        self.gateway.events().emit(&Event::Disconnected { conn: self.id, reason });
        self.part();
        None
    }

    /// Sends a Notice of Disconnection and closes.
    pub(super) fn disconnect(&mut self, refusal: Refusal, reason: Closed) {
        if self.life != Life::Open {
            return;
        }
        let result = LdapResult::new(refusal.code, refusal.text);
        result.write_notice(self.outbound.append(refusal.text.len() + 64));
        self.close(reason);
    }

    /// Takes nothing more in; what waits still goes out.
    pub(super) fn close(&mut self, reason: Closed) {
        if self.life == Life::Open {
            self.life = Life::Closing(reason);
            self.closing_at = Instant::now() + CLOSE_GRACE;
            // Nobody needs the connection that is waited for, nor what is under way on others.
            self.lease = None;
            self.binding.leave_turn();
            self.seat = None;
        }
    }

    /// Appends a message for the client.
    pub(super) fn answer(&mut self, id: crate::proto::envelope::MessageId, body: &[u8]) {
        let out = self.outbound.append(body.len() + ENVELOPE_ROOM);
        crate::proto::envelope::write_with_body(id, body, out);
    }

    /// Asks for an upstream connection; one that is there at once is taken over at once.
    pub(super) fn lease(&mut self, directory: usize, purpose: Purpose) {
        let links = &self.gateway.directory(directory).links;
        match links.lease(purpose, self.peer.ip()) {
            Leased::Now(link) => self.take_over(link, directory, purpose),
            Leased::Later(wait) => {
                self.binding.waits_for_link();
                self.lease = Some(Box::new(Lease { wait, directory, purpose }));
            }
        }
    }

    /// Asks for a connection that has not lain idle, for the retry of a bind.
    pub(super) fn lease_fresh(&mut self, directory: usize) {
        let wait = self.gateway.directory(directory).links.lease_fresh(self.peer.ip());
        self.lease = Some(Box::new(Lease { wait, directory, purpose: Purpose::Bind }));
    }

    fn take_over(&mut self, link: LinkOf<P>, directory: usize, purpose: Purpose) {
        let standing = match purpose {
            Purpose::Bind => Standing::Stranger,
            Purpose::Anonymous => Standing::NeverBound,
        };
        self.upstream = Some(Upstream::new(link, directory, standing));
        self.quiet.upstream = false;
        self.held = false;
        if self.binding.awaits_link() {
            self.send_bind(Instant::now());
        }
    }

    /// Leaves the upstream connection: back to the pool if it is beyond doubt, else closed.
    pub(super) fn part(&mut self) {
        self.cookies.forget();
        self.updates.forget();
        self.binding.leave_place();
        let Some(mut upstream) = self.upstream.take() else {
            return;
        };
        let is_doubtful = self.binding.is_sent() || self.binding.exchange.is_some();
        if !self.outstanding.is_empty() || is_doubtful {
            upstream.taint();
        }
        upstream.leave();
    }

    fn poll(&mut self, cx: &mut Context<'_>, phase: Phase) -> Poll<End> {
        self.quiet = Quiet::default();
        let heard_at = self.heard_at;
        self.look_whether_ended();
        loop {
            if phase != Phase::Serving {
                self.look_at_drain(phase);
            }
            match self.life {
                Life::Open => {
                    if !self.poll_open(cx) {
                        break;
                    }
                }
                Life::Closing(reason) => match self.outbound.poll_send(cx, &mut self.stream) {
                    Poll::Pending => break,
                    Poll::Ready(Err(_)) => return Poll::Ready(End::Closed(reason)),
                    Poll::Ready(Ok(())) => {
                        let _ = Pin::new(&mut self.stream).poll_shutdown(cx);
                        self.life = Life::Lingering(reason);
                        self.closing_at = Instant::now() + LINGER;
                        self.part();
                    }
                },
                Life::Lingering(reason) => match self.poll_discard(cx) {
                    // At the very end nobody is waited for.
                    Poll::Pending if phase == Phase::Ending => {
                        return Poll::Ready(End::Closed(reason));
                    }
                    Poll::Pending => break,
                    Poll::Ready(()) => return Poll::Ready(End::Closed(reason)),
                },
                Life::StartingTls => match self.poll_before_handshake(cx) {
                    Poll::Pending => break,
                    Poll::Ready(end) => return Poll::Ready(end),
                },
            }
        }
        // The clock was read in this turn, if it says something else than before.
        let now = (self.heard_at != heard_at).then_some(self.heard_at);
        self.poll_time(cx, now).map(End::Closed)
    }

    /// One round of an open connection; whether another one is worth while.
    fn poll_open(&mut self, cx: &mut Context<'_>) -> bool {
        let mut progress = self.poll_lease(cx);
        progress |= self.poll_gate(cx);
        progress |= self.poll_serving(cx);
        progress |= self.poll_seat(cx);
        self.poll_suffix(cx);
        progress |= self.resume();
        self.settle_seat();
        progress |= self.poll_upstream(cx);
        progress |= self.poll_client(cx);
        progress |= self.poll_sends(cx);
        progress | self.poll_recalled(cx)
    }

    fn look_at_drain(&mut self, phase: Phase) {
        if self.life != Life::Open {
            return;
        }
        self.drained = true;
        let is_served = self.binding.is_under_way() || self.in_suffix.is_busy();
        let idle = self.outstanding.is_empty() && !is_served;
        if idle || phase == Phase::Ending {
            self.disconnect(reply::SHUTTING_DOWN, Closed::Shutdown);
        }
    }

    /// An administrator may have ended it, whatever it does.
    fn look_whether_ended(&mut self) {
        if self.present.is_ended() {
            self.disconnect(reply::ENDED, Closed::Ended);
        }
    }

    fn poll_lease(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(lease) = &mut self.lease else {
            return false;
        };
        let Poll::Ready(link) = Pin::new(&mut lease.wait).poll(cx) else {
            return false;
        };
        let (directory, purpose) = (lease.directory, lease.purpose);
        self.lease = None;
        match link {
            Ok(link) => self.take_over(link, directory, purpose),
            Err(error) if self.binding.is_under_way() => {
                self.refuse_bind(reply::no_link(error));
            }
            Err(error) => {
                self.lease_failed = Some(error);
                self.held = false;
            }
        }
        true
    }

    fn poll_upstream(&mut self, cx: &mut Context<'_>) -> bool {
        // A client that does not read stops the reading of its own answers, and so does an entry whose
        // groups are asked for.
        if self.pending.is_some()
            || self.quiet.upstream
            || self.outbound.waiting() >= self.config.max_unread
        {
            return false;
        }
        scratch::with(|bytes| {
            let Some(upstream) = self.upstream.as_mut() else {
                return false;
            };
            let mut buffer = ReadBuf::new(bytes);
            let Poll::Ready(read) = Pin::new(upstream.link()).poll_read(cx, &mut buffer) else {
                self.quiet.upstream = true;
                return false;
            };
            match (read, buffer.filled()) {
                (Ok(()), received) if !received.is_empty() => self.receive_responses(received),
                _ if upstream.inbound.bytes().is_empty() => self.upstream_lost(),
                _ => self.upstream_is_odd(),
            }
            true
        })
    }

    fn poll_client(&mut self, cx: &mut Context<'_>) -> bool {
        let full = self.held && self.inbound.bytes().len() >= HELD_BYTES;
        if self.quiet.client || self.life != Life::Open || self.drained || full {
            return false;
        }
        if self.is_choked() {
            self.moments.is_not_listened_to();
            return false;
        }
        scratch::with(|bytes| {
            let mut buffer = ReadBuf::new(bytes);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                Poll::Pending => {
                    self.quiet.client = true;
                    return false;
                }
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    self.heard_at = Instant::now();
                    self.take_in(buffer.filled());
                    wipe(buffer.filled_mut());
                }
                Poll::Ready(_) => self.client_left(),
            }
            true
        })
    }

    /// The client closed: nobody reads what would still be sent.
    fn client_left(&mut self) {
        self.leave_unread(Closed::ByClient);
    }

    /// Closes without what still waits for the client.
    pub(super) fn leave_unread(&mut self, reason: Closed) {
        self.close(reason);
        self.outbound = Outbound::new(Content::Responses);
    }

    fn take_in(&mut self, bytes: &[u8]) {
        if !self.inbound.bytes().is_empty() || self.held {
            self.inbound.append(bytes, self.expected);
            return self.look_for_abandons();
        }
        let used = self.receive_requests(bytes);
        if used < bytes.len() && self.life == Life::Open {
            self.inbound.append(&bytes[used..], self.expected);
            self.look_for_abandons();
        }
    }

    /// Goes on with the requests that wait, if nothing holds them.
    fn resume(&mut self) -> bool {
        let whole = self.inbound.bytes().len() >= self.expected.max(1);
        if self.held || !whole || self.is_choked() {
            return false;
        }
        let bytes = self.inbound.take();
        let used = self.receive_requests(&bytes);
        self.inbound.put_back(bytes, used);
        self.stall.moved_on(used, self.inbound.bytes().len());
        if self.life == Life::Open {
            self.look_for_abandons();
        }
        // Also if none was used: a request may have begun to wait for a connection, and that wait
        // has to be polled. What cannot go on is held or not whole, so this ends.
        true
    }

    /// Whether a side that does not read stops the taking of requests: they add to what waits for
    /// it. Sending it makes progress, after which they go on.
    pub(super) fn is_choked(&self) -> bool {
        let upstream = self.upstream.as_ref().map_or(0, |upstream| upstream.outbound.waiting());
        self.outbound.waiting().max(upstream) >= self.config.max_unread
    }

    /// Notes how long the next message says that it is; 0 if that is not known.
    pub(super) fn expect(&mut self, length: usize) {
        self.expected = length;
    }

    fn poll_sends(&mut self, cx: &mut Context<'_>) -> bool {
        let mut progress = false;
        if let Some(upstream) = self.upstream.as_mut() {
            let (link, outbound) = upstream.sending();
            if !outbound.is_done() {
                match outbound.poll_send(cx, link) {
                    Poll::Pending => self.note_unread(),
                    Poll::Ready(Ok(())) => progress = true,
                    Poll::Ready(Err(_)) => {
                        self.upstream_lost();
                        progress = true;
                    }
                }
            }
        }
        if !self.outbound.is_done() {
            match self.outbound.poll_send(cx, &mut self.stream) {
                Poll::Pending => {
                    self.moments.is_stuck(self.outbound.has_moved());
                    self.note_unread();
                }
                Poll::Ready(Ok(())) => {
                    self.moments.is_read();
                    progress = true;
                }
                Poll::Ready(Err(_)) => {
                    self.client_left();
                    progress = true;
                }
            }
        }
        progress
    }

    fn poll_recalled(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(upstream) = self.upstream.as_mut() else {
            return false;
        };
        let waits = !self.inbound.bytes().is_empty();
        let waits = waits || self.in_suffix.is_busy();
        let busy = waits || self.binding.is_under_way() || !self.outstanding.is_empty();
        let may_go = self.only_binds || self.is_offered;
        if busy || !may_go || upstream.link().poll_recalled(cx).is_pending() {
            return false;
        }
        self.part();
        true
    }

    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        scratch::with(|bytes| {
            let mut buffer = ReadBuf::new(bytes);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    wipe(buffer.filled_mut());
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                Poll::Ready(_) => Poll::Ready(()),
            }
        })
    }
}
