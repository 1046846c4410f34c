//! One exclusive connection under lease, and the wait for one.

use super::bell::Bell;
use super::pool::{Pool, Returned};
use super::stream::Stream;
use super::terms::{Client, Grant, WaiterId, Wanted};
use super::warm::Warm;
use crate::app::ports::{Fitness, Leased, Link, LinkError, Links, Purpose};
use crate::proto::envelope::MessageId;
use std::future::Future;
use std::io::{self, ErrorKind, IoSlice};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;
use tokio::time::Sleep;

/// One worker's access to a directory's exclusive connections.
#[derive(Clone)]
pub struct ExclusiveLinks {
    pool: Arc<Pool>,
    worker: usize,
}

impl ExclusiveLinks {
    pub(super) fn new(pool: Arc<Pool>, worker: usize) -> Self {
        Self { pool, worker }
    }
}

impl Links for ExclusiveLinks {
    type Link = Lease;
    type Wait = LeaseWait;

    fn lease(&self, purpose: Purpose, source: IpAddr) -> Leased<Lease, LeaseWait> {
        match self.pool.take(self.worker, purpose) {
            Some(lease) => Leased::Now(lease),
            None => {
                let client = Client { worker: self.worker, purpose, source, wanted: Wanted::Any };
                Leased::Later(LeaseWait::new(self.pool.clone(), client))
            }
        }
    }

    fn lease_fresh(&self, source: IpAddr) -> LeaseWait {
        let (worker, purpose) = (self.worker, Purpose::Bind);
        let client = Client { worker, purpose, source, wanted: Wanted::Fresh };
        LeaseWait::new(self.pool.clone(), client)
    }
}

/// A connection under lease. A session that waits calls `poll_recalled` after `set_recallable`.
pub struct Lease {
    conn: Option<Warm>,
    pool: Arc<Pool>,
    slot: usize,
    home: usize,
    bell: Arc<Bell>,
    fitness: Fitness,
    watched_by: Option<Waker>,
    writing: Writing,
    life: Life,
}

/// Whether the connection was seen alive just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// It answered a bind in the very turn in which it is given to the next.
    Seen,
    /// It has to be looked at.
    Assumed,
}

/// Whether the last write took all that it was given: nothing may be sent inside a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writing {
    Whole,
    Part,
}

impl Lease {
    pub(super) fn new(pool: Arc<Pool>, grant: Grant<Warm>) -> Self {
        Self {
            conn: Some(grant.conn),
            pool,
            slot: grant.slot,
            home: grant.home,
            bell: grant.bell,
            fitness: grant.fitness,
            watched_by: None,
            writing: Writing::Whole,
            life: Life::Assumed,
        }
    }

    /// Registers the connection with this worker's runtime, unless it is its own; `None`, and the
    /// lease is over, if that fails.
    pub(super) fn settle_at(mut self, worker: usize) -> Option<Self> {
        if self.home != worker {
            let conn = self.conn.take()?;
            self.conn = Some(conn.rehome().ok()?);
            self.home = worker;
        }
        Some(self)
    }

    /// The lease, if the connection is alive; otherwise it is over.
    pub(super) fn checked(mut self) -> Option<Self> {
        if self.conn.as_mut().is_some_and(Warm::is_good) {
            return Some(self);
        }
        // There is nobody to say goodbye to.
        self.conn = None;
        None
    }

    /// Gives an untouched connection to the next.
    pub(super) fn pass_on(self) {
        let (fitness, last_id) = (self.fitness, self.last_id());
        self.give_back(fitness, last_id);
    }

    fn stream(&mut self) -> io::Result<Pin<&mut Stream>> {
        let conn = self.conn.as_mut().ok_or(ErrorKind::NotConnected)?;
        Ok(Pin::new(&mut conn.stream))
    }

    fn unwatch(&mut self) {
        if self.watched_by.take().is_some() {
            self.bell.unwatch();
        }
    }

    fn wrote(&mut self, written: &Poll<io::Result<usize>>, offered: usize) {
        if let Poll::Ready(Ok(count)) = written {
            self.writing = if *count == offered { Writing::Whole } else { Writing::Part };
        }
    }
}

impl Link for Lease {
    fn last_id(&self) -> MessageId {
        self.conn.as_ref().map_or(MessageId::UNSOLICITED, |conn| conn.last_id)
    }

    fn set_recallable(&mut self, recallable: bool) {
        self.life = Life::Assumed;
        if !recallable {
            if self.bell.forbid(&self.pool.demand) {
                self.pool.revoked();
            }
            return;
        }
        self.bell.allow(&self.pool.demand);
        if self.pool.demand.wanted() > 0 && self.pool.volunteer(self.slot) {
            self.life = Life::Seen;
        }
    }

    fn does_more_than_bind(&mut self) {
        if self.bell.no_longer_only_binds(&self.pool.demand) && self.pool.demand.waiting() > 0 {
            self.pool.does_more(self.home);
        }
    }

    fn poll_recalled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.bell.is_recalled() {
            return Poll::Ready(());
        }
        if self.watched_by.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            return Poll::Pending;
        }
        self.bell.watch(cx.waker().clone());
        self.watched_by = Some(cx.waker().clone());
        // It may have been asked back between the two.
        if self.bell.is_recalled() { Poll::Ready(()) } else { Poll::Pending }
    }

    fn give_back(mut self, fitness: Fitness, last_id: MessageId) {
        if self.writing == Writing::Part {
            return;
        }
        // What was bound once is never anonymous again.
        let fitness = if self.fitness == Fitness::Binds { Fitness::Binds } else { fitness };
        if let Some(conn) = self.conn.take() {
            self.unwatch();
            let lease = Returned { slot: self.slot, home: self.home, fitness, life: self.life };
            self.pool.returned(lease, Warm { last_id, ..conn });
            self.slot = RETURNED;
        }
    }

    fn close_as_silent(self) {
        if let Some(conn) = &self.conn {
            self.pool.silent(&conn.seat);
        }
    }
}

/// The slot of a lease that has ended.
const RETURNED: usize = usize::MAX;

impl Drop for Lease {
    fn drop(&mut self) {
        if self.slot == RETURNED {
            return;
        }
        if let Some(mut conn) = self.conn.take()
            && self.writing == Writing::Whole
        {
            conn.say_goodbye();
        }
        self.unwatch();
        self.pool.lost(self.slot, self.home);
    }
}

impl AsyncRead for Lease {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.get_mut().stream()?.poll_read(cx, buf)
    }
}

impl AsyncWrite for Lease {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let lease = self.get_mut();
        let written = lease.stream()?.poll_write(cx, buf);
        lease.wrote(&written, buf.len());
        written
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().stream()?.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().stream()?.poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let lease = self.get_mut();
        let written = lease.stream()?.poll_write_vectored(cx, bufs);
        lease.wrote(&written, bufs.iter().map(|buf| buf.len()).sum());
        written
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}

/// The wait for a connection; dropping it gives the place in the queue up.
pub struct LeaseWait {
    state: State,
}

enum State {
    Refused(LinkError),
    Queued(Place),
    Over,
}

struct Place {
    pool: Arc<Pool>,
    client: Client,
    /// Until there is an answer.
    id: Option<WaiterId>,
    answer: oneshot::Receiver<Result<Lease, LinkError>>,
    timer: Pin<Box<Sleep>>,
}

impl LeaseWait {
    fn new(pool: Arc<Pool>, client: Client) -> Self {
        let (tell, answer) = oneshot::channel();
        let state = match pool.enqueue(client, tell) {
            Ok(id) => {
                let timer = Box::pin(tokio::time::sleep(pool.queue_timeout));
                State::Queued(Place { pool, client, id: Some(id), answer, timer })
            }
            Err(error) => State::Refused(error),
        };
        Self { state }
    }
}

impl Future for LeaseWait {
    type Output = Result<Lease, LinkError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = match &mut self.state {
            State::Refused(error) => Err(*error),
            State::Over => Err(LinkError::Closed),
            State::Queued(place) => match place.poll(cx) {
                Poll::Ready(outcome) => outcome,
                Poll::Pending => return Poll::Pending,
            },
        };
        self.state = State::Over;
        Poll::Ready(outcome)
    }
}

impl Place {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Lease, LinkError>> {
        if let Poll::Ready(answer) = Pin::new(&mut self.answer).poll(cx) {
            self.id = None;
            let lease = answer.unwrap_or(Err(LinkError::Unreachable));
            let here =
                |lease: Lease| lease.settle_at(self.client.worker).ok_or(LinkError::Unreachable);
            return Poll::Ready(lease.and_then(here));
        }
        self.timer.as_mut().poll(cx).map(|()| Err(self.pool.timed_out(self.client.source)))
    }
}

impl Drop for Place {
    /// A connection that has arrived meanwhile goes to the next.
    fn drop(&mut self) {
        let Some(id) = self.id else { return };
        self.pool.cancel(id);
        self.answer.close();
        if let Ok(Ok(lease)) = self.answer.try_recv() {
            lease.pass_on();
        }
    }
}
