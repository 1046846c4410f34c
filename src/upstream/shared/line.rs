//! One shared connection: a task that sends what the books hold for it, and sorts what comes into
//! the clients' inboxes. Whatever is odd ends it, for all that are under way on it.

use super::books::{Delivered, End, State};
use super::hub::Hub;
use super::outgoing::Outgoing;
use crate::proto::envelope::{Envelope, MessageId, write_with_body};
use crate::proto::extended::ExtendedResponse;
use crate::proto::framing::{Frame, frame};
use crate::proto::oid;
use crate::proto::op::Operation;
use crate::proto::result::ResultCode;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// How much is read at once.
const READ_SIZE: usize = 16 * 1024;
/// How many reads in a row before others on the worker have their turn.
const READS_IN_A_ROW: usize = 16;
/// An unbind request's operation.
const UNBIND: [u8; 2] = [0x42, 0];

/// The connection cannot be used any further.
#[derive(Debug)]
struct Lost(End);

/// One connection. Its books are closed when it is dropped, however that comes.
pub(super) struct Line<S> {
    hub: Arc<Hub>,
    number: u64,
    stream: S,
    inbound: Vec<u8>,
    outgoing: Outgoing,
    scratch: Box<[u8]>,
    stalled_since: Option<Instant>,
    idle_since: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
    /// How it has ended; odd, if nothing says more.
    end: End,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Line<S> {
    /// Takes a connection into the books; `last` is the messageID that was used last on it.
    pub(super) fn open(hub: Arc<Hub>, stream: S, last: MessageId) -> Self {
        let number = hub.with(|books, wakes| books.opened(last, wakes));
        hub.count_connection();
        Self {
            hub,
            number,
            stream,
            inbound: Vec::new(),
            outgoing: Outgoing::default(),
            scratch: vec![0; READ_SIZE].into_boxed_slice(),
            stalled_since: None,
            idle_since: None,
            timer: None,
            end: End::Odd,
        }
    }

    /// Serves until the connection ends.
    pub(super) async fn run(mut self) {
        let ended = poll_fn(|cx| self.poll(cx)).await;
        if let Err(Lost(end)) = ended {
            self.end = end;
        } else if !self.outgoing.is_begun() {
            let out = self.outgoing.append(16);
            write_with_body(MessageId::MAX, &UNBIND, out);
            // A goodbye that is not taken at once is not said: the close that follows says it.
            let _ = poll_fn(|cx| Poll::Ready(self.flush(cx))).await;
        }
    }

    /// Ready with success when the connection is not needed any more.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        for _ in 0..READS_IN_A_ROW {
            let Some(state) = self.collect(cx) else { return Poll::Ready(Err(Lost(End::Odd))) };
            self.flush(cx)?;
            if state.is_retiring && state.is_idle && self.outgoing.is_empty() {
                return Poll::Ready(Ok(()));
            }
            let has_read = !state.is_stalled && self.read(cx)?;
            if !has_read && self.keep_time(cx, state)?.is_pending() {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn collect(&mut self, cx: &mut Context<'_>) -> Option<State> {
        let (number, outgoing) = (self.number, &mut self.outgoing);
        self.hub.with(|books, wakes| books.collect(number, outgoing, cx.waker(), wakes))
    }

    fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), Lost> {
        while !self.outgoing.is_empty() {
            match Pin::new(&mut self.stream).poll_write(cx, self.outgoing.rest()) {
                Poll::Ready(Ok(0) | Err(_)) => return Err(self.gone()),
                Poll::Ready(Ok(count)) => self.outgoing.sent(count),
                Poll::Pending => return Ok(()),
            }
        }
        match Pin::new(&mut self.stream).poll_flush(cx) {
            Poll::Ready(Err(_)) => Err(self.gone()),
            Poll::Ready(Ok(())) | Poll::Pending => Ok(()),
        }
    }

    /// The server has closed, or the network did.
    fn gone(&self) -> Lost {
        Lost(if self.inbound.is_empty() { End::Gone } else { End::Odd })
    }

    /// Sorts what is there and reads on; whether there was anything.
    fn read(&mut self, cx: &mut Context<'_>) -> Result<bool, Lost> {
        if self.stalled_since.take().is_some() {
            self.sort()?;
            return Ok(true);
        }
        let mut space = ReadBuf::new(&mut self.scratch);
        match Pin::new(&mut self.stream).poll_read(cx, &mut space) {
            Poll::Pending => return Ok(false),
            Poll::Ready(Ok(())) if !space.filled().is_empty() => {
                self.inbound.extend_from_slice(space.filled());
            }
            Poll::Ready(_) => return Err(self.gone()),
        }
        self.sort()?;
        Ok(true)
    }

    /// Puts whole messages into their inboxes, up to one that is full.
    fn sort(&mut self) -> Result<(), Lost> {
        let mut inbound = std::mem::take(&mut self.inbound);
        let mut used = 0;
        let outcome = self.hub.clone().with(|books, wakes| {
            while let Frame::Whole(length) =
                frame(&inbound[used..], self.hub.limits.message).map_err(odd)?
            {
                let pdu = &inbound[used..used + length];
                let message = Envelope::parse(pdu).map_err(odd)?;
                if message.id == MessageId::UNSOLICITED {
                    unsolicited(&message)?;
                } else {
                    match books.deliver(self.number, &message, wakes) {
                        Delivered::Yes => {}
                        Delivered::Odd => return Err(Lost(End::Odd)),
                        Delivered::Full => {
                            self.stalled_since = Some(Instant::now());
                            break;
                        }
                    }
                }
                used += length;
            }
            Ok(())
        });
        inbound.drain(..used);
        self.inbound = inbound;
        outcome
    }

    /// Ready if time did something that has to be looked at.
    fn keep_time(&mut self, cx: &mut Context<'_>, state: State) -> Result<Poll<()>, Lost> {
        let deadline = if let Some(since) = self.stalled_since.filter(|_| state.is_stalled) {
            since + self.hub.limits.inbox_timeout
        } else if state.is_idle {
            *self.idle_since.get_or_insert_with(Instant::now) + self.hub.limits.idle_timeout
        } else {
            self.idle_since = None;
            return Ok(Poll::Pending);
        };
        let timer = match &mut self.timer {
            Some(timer) => timer,
            None => self.timer.insert(Box::pin(tokio::time::sleep_until(deadline))),
        };
        if timer.deadline() != deadline {
            timer.as_mut().reset(deadline);
        }
        if timer.as_mut().poll(cx).is_pending() {
            return Ok(Poll::Pending);
        }
        if state.is_idle && state.is_retiring {
            // The server does not take the last that was to be sent.
            return Err(Lost(End::Odd));
        }
        let number = self.number;
        self.hub.with(|books, wakes| match state.is_stalled {
            true => books.overdue(number, wakes),
            false => books.retire(number, wakes),
        });
        Ok(Poll::Ready(()))
    }
}

impl<S> Drop for Line<S> {
    fn drop(&mut self) {
        let (number, end) = (self.number, self.end);
        self.hub.with(|books, wakes| books.ended(number, end, wakes));
        self.hub.discount_connection();
    }
}

/// What came is nothing that may come here.
fn odd<E>(_: E) -> Lost {
    Lost(End::Odd)
}

/// A notice of disconnection (RFC 4511 section 4.4.1) ends the connection; other notifications are
/// for nobody here. One that says that the server goes away leaves what was not answered for
/// another connection; any other may be about one of those very requests.
fn unsolicited(message: &Envelope<'_>) -> Result<(), Lost> {
    if message.operation != Operation::ExtendedResponse {
        return Err(Lost(End::Odd));
    }
    let response = ExtendedResponse::decode(message.content).map_err(odd)?;
    match (response.name, response.result.code) {
        (Some(oid::NOTICE_OF_DISCONNECTION), ResultCode::UNAVAILABLE | ResultCode::BUSY) => {
            Err(Lost(End::Gone))
        }
        (Some(oid::NOTICE_OF_DISCONNECTION), _) => Err(Lost(End::Odd)),
        _ => Ok(()),
    }
}
