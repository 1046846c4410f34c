//! What has to happen although nothing arrives: every time limit of a client's connection.
//!
//! A client is held to a limit only for what is its own to do: one that waits for an answer is not
//! idle, and a message that is not read because others wait does not take too long.

use super::connection::{Connection, Life};
use super::reply;
use crate::app::events::{Closed, Event};
use crate::app::ports::{Events, Ports};
use crate::domain::session::Refusal;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep};

/// What a connection keeps of the past, for its limits.
pub(super) struct Moments {
    /// When the client came.
    came: Instant,
    /// Whether it has been answered anything.
    pub(super) is_served: bool,
    /// When the first byte of the message came that is not whole yet.
    pub(super) partial_since: Option<Instant>,
    /// Since when the request at hand has waited for the operations before it.
    pub(super) held_since: Instant,
    /// Since when the client has not taken a byte of those that wait for it.
    stuck_since: Option<Instant>,
    /// Whether it was counted that a side did not read.
    is_unread_counted: bool,
}

impl Moments {
    /// Of a client that comes now.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            came: now,
            is_served: false,
            partial_since: None,
            held_since: now,
            stuck_since: None,
            is_unread_counted: false,
        }
    }

    /// Bytes wait for the client, and the network takes no more of them; whether it took some.
    pub(super) fn is_stuck(&mut self, took_some: bool) {
        if took_some || self.stuck_since.is_none() {
            self.stuck_since = Some(Instant::now());
        }
    }

    /// Nothing waits for the client.
    pub(super) fn is_read(&mut self) {
        self.stuck_since = None;
    }

    /// The client is not read, so what it has begun to send may take longer.
    pub(super) fn is_not_listened_to(&mut self) {
        if let Some(since) = &mut self.partial_since {
            *since = Instant::now();
        }
    }
}

/// A timer, with whom it wakes.
pub(super) struct Timer {
    /// When it fires; its own place of memory is not looked at for that.
    at: Instant,
    wakes: Waker,
    sleep: Pin<Box<Sleep>>,
}

impl Timer {
    fn new(deadline: Instant) -> Self {
        let sleep = Box::pin(tokio::time::sleep_until(deadline));
        Self { at: deadline, wakes: Waker::noop().clone(), sleep }
    }

    /// Whether it will wake the task by that moment, as it is. If the clock was read in this turn, a
    /// timer whose time has not come has not fired.
    fn wakes_by(&self, deadline: Instant, cx: &Context<'_>, now: Option<Instant>) -> bool {
        let has_fired = || now.is_none_or(|now| self.at <= now) && self.sleep.is_elapsed();
        self.at <= deadline && self.wakes.will_wake(cx.waker()) && !has_fired()
    }

    /// Ready when it has fired; it fires by that moment.
    fn poll_until(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        if self.at > deadline || self.sleep.is_elapsed() {
            self.sleep.as_mut().reset(deadline);
            self.at = deadline;
        }
        self.wakes.clone_from(cx.waker());
        self.sleep.as_mut().poll(cx)
    }
}

/// What is due at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    /// The end of a connection that is closing.
    End,
    /// A bind's answer.
    Bind,
    /// The answer to a search of the records' own suffix.
    Suffix,
    /// The client's reading.
    Write,
    /// The next step of a SASL bind.
    Step,
    /// The rest of the client's message.
    Read,
    /// The end of the operations that a bind waits for.
    BindWait,
    /// The end of the oldest operation.
    Operation,
    /// The client's first request.
    PreBind,
    /// The client's next request.
    Idle,
}

/// The soonest of several moments.
struct Soonest(Option<(Instant, Due)>);

impl Soonest {
    /// So long after `since`; a limit of zero is none.
    fn or(&mut self, since: Instant, limit: Duration, due: Due) {
        if limit.is_zero() {
            return;
        }
        self.or_at(since + limit, due);
    }

    /// At a moment.
    fn or_at(&mut self, at: Instant, due: Due) {
        if self.0.is_none_or(|(soonest, _)| at < soonest) {
            self.0 = Some((at, due));
        }
    }
}

impl<P: Ports, S: AsyncRead + AsyncWrite + Unpin> Connection<P, S> {
    /// The next moment at which something has to happen although nothing arrives.
    fn due(&self) -> Option<(Instant, Due)> {
        if self.life != Life::Open {
            return Some((self.closing_at, Due::End));
        }
        let (config, moments) = (&*self.config, &self.moments);
        let mut next = Soonest(self.binding.deadline().map(|at| (at, Due::Bind)));
        if let Some(since) = moments.stuck_since {
            next.or(since, config.write_timeout, Due::Write);
        }
        if let Some(at) = self.in_suffix.deadline() {
            next.or_at(at, Due::Suffix);
        }
        let is_binding = self.binding.is_under_way();
        if !self.outstanding.is_empty() {
            let waits = self.stall.is_on() || self.waits_for_a_place();
            if self.held && !is_binding && !waits {
                next.or(moments.held_since, config.bind_wait_timeout, Due::BindWait);
            }
            if let (false, Some(oldest)) =
                (config.operation_timeout.is_zero(), self.outstanding.oldest())
            {
                next.or(oldest, config.operation_timeout, Due::Operation);
            }
        }
        if let Some(since) = self.binding.challenged_at() {
            next.or(since, config.sasl_step_timeout, Due::Step);
        }
        if let Some(since) = moments.partial_since {
            next.or(since, config.read_timeout, Due::Read);
        }
        let is_served = is_binding || self.in_suffix.is_busy() || self.waits_for_a_place();
        let is_waited_for = self.outstanding.is_empty() && !is_served;
        if is_waited_for {
            next.or(self.heard_at, config.idle_timeout, Due::Idle);
            if !moments.is_served {
                next.or(moments.came, config.pre_bind_timeout, Due::PreBind);
            }
        }
        next.0
    }

    /// Keeps time. The timer is only ever moved to an earlier moment, or when it has fired, so a
    /// bind that is answered in time costs no timer operation. `now` is the clock, if it was read in
    /// this turn.
    pub(super) fn poll_time(&mut self, cx: &mut Context<'_>, now: Option<Instant>) -> Poll<Closed> {
        while let Some((deadline, due)) = self.due() {
            let timer = match &mut self.timer {
                Some(timer) if timer.wakes_by(deadline, cx, now) => return Poll::Pending,
                Some(timer) => timer,
                None => self.timer.insert(Timer::new(deadline)),
            };
            if timer.poll_until(deadline, cx).is_pending() {
                return Poll::Pending;
            }
            if Instant::now() < deadline {
                continue;
            }
            if let Some(reason) = self.time_is_up(due) {
                return Poll::Ready(reason);
            }
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    fn time_is_up(&mut self, due: Due) -> Option<Closed> {
        match due {
            Due::End => match self.life {
                Life::Closing(reason) | Life::Lingering(reason) => return Some(reason),
                Life::StartingTls => {
                    self.limit_hit("handshake_timeout");
                    return Some(Closed::Limit("handshake_timeout"));
                }
                Life::Open => {}
            },
            Due::Bind => self.bind_is_overdue(),
            Due::Suffix => self.suffix_is_overdue(),
            Due::Write => {
                self.limit_hit("write_timeout");
                // It would not read a notice either.
                self.leave_unread(Closed::Limit("write_timeout"));
            }
            Due::Read => self.end_for("read_timeout", reply::MESSAGE_TOO_SLOW),
            Due::Step => self.end_for("sasl_step_timeout", reply::STEP_TOO_SLOW),
            Due::PreBind => self.end_for("pre_bind_timeout", reply::NOTHING_ASKED),
            Due::BindWait => {
                self.limit_hit("bind_wait_timeout");
                self.abandon_since(None);
            }
            Due::Operation => {
                self.limit_hit("operation_timeout");
                self.abandon_since(Instant::now().checked_sub(self.config.operation_timeout));
            }
            Due::Idle => {
                self.limit_hit("idle_timeout");
                self.disconnect(reply::IDLE, Closed::Idle);
            }
        }
        None
    }

    /// A side takes no more. If that stops the other one, it is counted; once for each client, since
    /// one that is slow comes to that again and again.
    pub(super) fn note_unread(&mut self) {
        if self.is_choked() && !self.moments.is_unread_counted {
            self.moments.is_unread_counted = true;
            self.limit_hit("max_unread");
        }
    }

    fn end_for(&mut self, limit: &'static str, notice: Refusal) {
        self.limit_hit(limit);
        self.disconnect(notice, Closed::Limit(limit));
    }

    pub(super) fn limit_hit(&self, limit: &'static str) {
        self.gateway.events().emit(&Event::LimitHit { limit, peer: Some(self.peer) });
    }
}
