//! One client's part in shared connections.

use super::hub::Hub;
use super::places::Place;
use crate::app::ports::{LinkError, Responses, Seat, SeatNews, SharedId};
use crate::proto::ber::{self, Reader};
use crate::proto::control::Control;
use crate::proto::envelope::CONTROLS;
use crate::proto::oid;
use crate::proto::op::Operation;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::time::{Sleep, sleep};
use zeroize::Zeroizing;

/// The room that tags and lengths take around an added control.
const CONTROL_ROOM: usize = 32;

/// A client's seat. What it has under way is abandoned when it is dropped.
pub struct SharedSeat {
    hub: Arc<Hub>,
    number: u64,
    source: IpAddr,
    /// The control that every request of a proxied session bears, whole.
    proxied: Option<Box<[u8]>>,
    /// Until when a place is waited for, while one is.
    patience: Option<Pin<Box<Sleep>>>,
    /// Where its connection is its own: its place among such. The connection ends with it.
    place: Option<Place>,
    /// Whether it was counted that its inbox was full; once, since a slow client comes to that again
    /// and again.
    is_full_counted: bool,
}

impl SharedSeat {
    /// A seat whose requests are done as whoever its connections are bound as: nobody, or the service
    /// account.
    pub(super) fn plain(hub: Arc<Hub>, source: IpAddr) -> Self {
        let number = hub.with(|books, _| books.sit());
        Self {
            hub,
            number,
            source,
            proxied: None,
            patience: None,
            place: None,
            is_full_counted: false,
        }
    }

    /// A seat whose requests are done as `name`, a DN.
    pub(super) fn proxied(hub: Arc<Hub>, source: IpAddr, name: &[u8]) -> Self {
        let identity = [b"dn:", name].concat();
        let mut control = Vec::new();
        Control {
            oid: oid::PROXIED_AUTHORISATION,
            critical: true,
            value: Some(identity.as_slice()),
        }
        .write(&mut control);
        let mut seat = Self::plain(hub, source);
        seat.proxied = Some(control.into());
        seat
    }

    /// The same, as the only one on its connection.
    pub(super) fn alone(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    fn send_body(&mut self, operation: Operation, body: &[u8]) -> Option<SharedId> {
        let (id, is_full) = self.hub.with(|books, wakes| {
            let id = books.send(self.number, operation, body, wakes);
            (id, id.is_none() && books.is_full())
        });
        if is_full {
            self.hub.limit_hit("max_shared_connections", self.source);
        }
        if id.is_some() {
            self.patience = None;
        } else if self.patience.is_none() {
            self.patience = Some(Box::pin(sleep(self.hub.limits.queue_timeout)));
        }
        id
    }
}

impl Seat for SharedSeat {
    fn send(&mut self, operation: Operation, body: &[u8]) -> Option<SharedId> {
        let proxied = self.proxied.as_ref().map(|control| with_control(body, control));
        self.send_body(operation, proxied.as_ref().map_or(body, |body| body))
    }

    /// A Cancel bears no proxied authorisation, which no server takes there: it names nothing but
    /// an operation of this very client.
    fn cancel(&mut self, id: SharedId) -> Option<SharedId> {
        self.hub.with(|books, wakes| books.cancel(self.number, id, wakes))
    }

    fn abandon(&mut self, id: SharedId, controls: Option<&[u8]>) {
        self.hub.with(|books, wakes| books.abandon(self.number, id, controls, wakes));
    }

    fn give_up(&mut self) {
        self.patience = None;
        self.hub.with(|books, wakes| books.give_up(self.number, wakes));
    }

    fn poll_news(&mut self, cx: &mut Context<'_>) -> Poll<SeatNews> {
        let news = self.hub.with(|books, _| books.news(self.number, cx.waker()));
        if let Some(news) = news {
            if let SeatNews::NoPlace(_) = news {
                self.patience = None;
            }
            return Poll::Ready(news);
        }
        let Some(patience) = &mut self.patience else { return Poll::Pending };
        ready!(patience.as_mut().poll(cx));
        self.give_up();
        self.hub.limit_hit("queue_timeout", self.source);
        Poll::Ready(SeatNews::NoPlace(LinkError::TimedOut))
    }

    fn poll_responses(&mut self, cx: &mut Context<'_>) -> Poll<Responses> {
        let taken = self.hub.with(|books, wakes| books.take(self.number, cx.waker(), wakes));
        let Some(responses) = taken else { return Poll::Pending };
        if responses.size() >= self.hub.limits.inbox && !self.is_full_counted {
            self.is_full_counted = true;
            self.hub.limit_hit("max_inbox", self.source);
        }
        Poll::Ready(responses)
    }
}

impl Drop for SharedSeat {
    fn drop(&mut self) {
        self.hub.with(|books, wakes| {
            books.leave(self.number, wakes);
            if self.place.is_some() {
                books.close(wakes);
            }
        });
    }
}

/// A request's operation and controls with one control more, in a buffer that is wiped and is as
/// large from the start as it will be.
fn with_control(body: &[u8], control: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(body.len() + control.len() + CONTROL_ROOM));
    let mut reader = Reader::new(body);
    let operation = reader.element().map_or(body, |element| element.whole);
    let controls = reader.optional(CONTROLS).ok().flatten().map_or(&[][..], |found| found.content);
    out.extend_from_slice(operation);
    out.push(CONTROLS);
    ber::write_length(&mut out, controls.len() + control.len());
    out.extend_from_slice(controls);
    out.extend_from_slice(control);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::envelope::{Envelope, MessageId, write_with_body};

    #[track_caller]
    fn check(body: &[u8], expected: &[u8]) {
        let mut pdu = Vec::new();
        write_with_body(MessageId::MAX, &with_control(body, &[0x30, 2, 4, 0]), &mut pdu);
        let message = Envelope::parse(&pdu).expect("it is well formed");
        assert_eq!(message.content, [7, 7], "{body:02x?}");
        assert_eq!(message.controls, Some(expected), "{body:02x?}");
    }

    #[test]
    fn a_control_is_added_to_those_that_there_are() {
        check(&[0x63, 2, 7, 7], &[0x30, 2, 4, 0]);
        check(&[0x63, 2, 7, 7, 0xa0, 0], &[0x30, 2, 4, 0]);
        let two = [0x30, 3, 4, 1, b'x', 0x30, 2, 4, 0];
        check(&[0x63, 2, 7, 7, 0xa0, 5, 0x30, 3, 4, 1, b'x'], &two);
        // What follows the controls is no part of the protocol, and is not repeated.
        check(&[0x63, 2, 7, 7, 0xa0, 0, 4, 0], &[0x30, 2, 4, 0]);
    }
}
