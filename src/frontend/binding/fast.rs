//! A bind on a connection on which many are under way at a time and which none of them changes
//! (Active Directory's fast bind), for sessions that do nothing but bind.
//!
//! The session gets no connection of its own. What the directory answers is taken as any answer to
//! a bind is: a success waits at the gate until the record is up to date.

use super::Stage;
use crate::app::events::Event;
use crate::app::gateway::SeatOf;
use crate::app::ports::{
    Events, LinkError, Part, Ports, Purpose, Seat, SeatNews, Shared, SharedId,
};
use crate::domain::session::BindKind;
use crate::frontend::connection::Connection;
use crate::frontend::reply;
use crate::proto::envelope::{Envelope, write_with_body};
use crate::proto::op::Operation;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

/// The bind's part in such a connection.
pub(super) struct Fast<P: Ports> {
    seat: SeatOf<P>,
    sent: Option<SharedId>,
}

impl<P: Ports> Fast<P> {
    /// Whether it was sent, and did not only ask for a place.
    pub(super) fn is_sent(&self) -> bool {
        self.sent.is_some()
    }
}

/// What there is to do about it.
enum Step {
    /// It has a place.
    Send,
    NoPlace(LinkError),
    /// The connection was lost with it.
    Lost,
    /// A part of the answer, or all of it: operation and controls.
    Response(Part, Vec<u8>),
}

impl<P: Ports, S: AsyncRead + AsyncWrite + Unpin> Connection<P, S> {
    /// Has the bind go so, if it can: a name and a password, to a directory that has this.
    pub(super) fn bind_fast(&mut self, directory: usize) -> bool {
        // Whose entry another name leads to is asked on the user's own connection.
        if self.binding.kind != BindKind::Named || self.came_by_another_name() {
            return false;
        }
        let shared = &self.gateway.directory(directory).shared;
        let Some(seat) = shared.fast_bind(self.peer.ip()) else { return false };
        // It is not what an earlier bind was sent on.
        let place = self.binding.place.take();
        self.part();
        self.binding.place = place;
        self.binding.stage = Stage::Fast(Fast { seat, sent: None });
        self.send_fast();
        true
    }

    fn send_fast(&mut self) {
        let timeout = self.gateway.directory(self.binding.directory).bind_timeout;
        let Stage::Fast(fast) = &mut self.binding.stage else { return };
        fast.sent = fast.seat.send(Operation::BindRequest, &self.binding.body);
        let now = Instant::now();
        if fast.sent.is_some() {
            self.binding.course.is_sent(now);
        }
        self.binding.deadline = now + timeout;
        self.binding.spans.ask("upstream bind");
    }

    /// Looks whether there is something for the bind; whether there was.
    pub(super) fn poll_fast(&mut self, cx: &mut Context<'_>) -> bool {
        let Stage::Fast(fast) = &mut self.binding.stage else { return false };
        let steps = match fast.poll(cx) {
            Poll::Ready(steps) => steps,
            Poll::Pending => return false,
        };
        for step in steps {
            self.step_fast(step);
        }
        true
    }

    fn step_fast(&mut self, step: Step) {
        match step {
            Step::Send => self.send_fast(),
            Step::NoPlace(error) => {
                let directory = self.binding.directory;
                let shared = &self.gateway.directory(directory).shared;
                if shared.fast_bind(self.peer.ip()).is_some() {
                    return self.refuse_bind(reply::no_link(error));
                }
                // It was not granted, against what the root DSE says.
                self.binding.stage = Stage::AwaitsLink;
                self.lease(directory, Purpose::Bind);
            }
            Step::Lost if self.binding.retried => self.refuse_bind(reply::UPSTREAM_LOST),
            Step::Lost => {
                self.binding.retried = true;
                let directory = &self.gateway.directory(self.binding.directory).policy.name;
                self.gateway.events().emit(&Event::UpstreamRetried { directory });
                self.send_fast();
            }
            Step::Response(part, body) => {
                let mut pdu = Vec::with_capacity(body.len() + 16);
                write_with_body(self.binding.client, &body, &mut pdu);
                match Envelope::parse(&pdu) {
                    Ok(response) if part == Part::More => self.bind_goes_on(&response),
                    Ok(response) => self.bind_answered(&response),
                    Err(_) => self.refuse_bind(reply::UPSTREAM_LOST),
                }
            }
        }
    }
}

impl<P: Ports> Fast<P> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Vec<Step>> {
        let Some(sent) = self.sent else {
            return self.seat.poll_news(cx).map(|news| {
                vec![match news {
                    SeatNews::Place => Step::Send,
                    SeatNews::NoPlace(error) => Step::NoPlace(error),
                    SeatNews::Overdue(_) => Step::NoPlace(LinkError::TimedOut),
                }]
            });
        };
        let responses = match self.seat.poll_responses(cx) {
            Poll::Ready(responses) => responses,
            Poll::Pending => return Poll::Pending,
        };
        let own = responses.iter().filter(|(id, ..)| *id == sent);
        Poll::Ready(
            own.map(|(_, part, body)| match part {
                Part::Lost => Step::Lost,
                Part::More | Part::Last => Step::Response(part, body.to_vec()),
            })
            .collect(),
        )
    }
}
