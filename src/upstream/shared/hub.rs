//! One worker's shared connections of one kind: the books behind their lock, and how another
//! connection is opened. The lock is the worker's own; it is held for the books alone, never while
//! anything is sent, read or woken.

use super::books::{Books, Limits, Wakes};
use super::line::Line;
use crate::app::ports::LinkError;
use crate::proto::envelope::MessageId;
use metrics::Gauge;
use std::future::Future;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Handle;

/// How connections of one kind are made.
pub trait Dial: Send + Sync + 'static {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Makes a connection, and tells the messageID that was used last on it (0 for none).
    fn dial(&self) -> impl Future<Output = Result<(Self::Stream, MessageId), LinkError>> + Send;
}

impl<D: Dial> Dial for Arc<D> {
    type Stream = D::Stream;

    fn dial(&self) -> impl Future<Output = Result<(Self::Stream, MessageId), LinkError>> + Send {
        (**self).dial()
    }
}

/// What shared connections have to tell. Rare things, so a dynamic call costs nothing that counts.
pub(super) type Tell = Arc<dyn Fn(Told) + Send + Sync>;

/// Something that happened on shared connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// A client at this address hit the limit of this configuration key.
    LimitHit(&'static str, IpAddr),
    /// An operation was sent again, because its connection was found dead.
    Repeated,
}

/// Begins to open a connection; called when one is wanted, so a dynamic call costs nothing that
/// counts.
type Opener = Box<dyn Fn(&Arc<Hub>) + Send + Sync>;

/// The connections of one kind.
pub(super) struct Hub {
    books: Mutex<Books>,
    pub(super) limits: Limits,
    opener: Opener,
    tell: Tell,
    connections: Gauge,
}

/// A connection that is being opened, until it is there or given up.
struct Opening {
    hub: Arc<Hub>,
    is_done: bool,
}

impl Hub {
    pub(super) fn new(limits: Limits, dial: impl Dial, tell: Tell, connections: Gauge) -> Self {
        let dial = Arc::new(dial);
        let opener = move |hub: &Arc<Self>| {
            let opening = Opening { hub: hub.clone(), is_done: false };
            // Without a runtime the drop of what is being opened says so.
            if let Ok(runtime) = Handle::try_current() {
                runtime.spawn(opening.run(dial.clone()));
            }
        };
        Self {
            books: Mutex::new(Books::new(limits)),
            limits,
            opener: Box::new(opener),
            tell,
            connections,
        }
    }

    /// Does something with the books; then, without the lock, wakes whom it concerns and opens
    /// another connection if one is wanted.
    pub(super) fn with<T>(self: &Arc<Self>, act: impl FnOnce(&mut Books, &mut Wakes) -> T) -> T {
        let (result, wakes, opens, repeated) = {
            let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
            let mut wakes = Wakes::new();
            let result = act(&mut books, &mut wakes);
            (result, wakes, books.begin_opening(), books.take_repeated())
        };
        for waker in wakes {
            waker.wake();
        }
        if opens {
            (self.opener)(self);
        }
        (0..repeated).for_each(|_| (self.tell)(Told::Repeated));
        result
    }

    /// Tells of a limit that a client hit.
    pub(super) fn limit_hit(&self, limit: &'static str, source: IpAddr) {
        (self.tell)(Told::LimitHit(limit, source));
    }

    /// One connection more.
    pub(super) fn count_connection(&self) {
        self.connections.increment(1.0);
    }

    /// One connection less.
    pub(super) fn discount_connection(&self) {
        self.connections.decrement(1.0);
    }
}

impl Opening {
    async fn run<D: Dial>(mut self, dial: Arc<D>) {
        let dialled = dial.dial().await;
        self.is_done = true;
        match dialled {
            Err(error) => self.hub.with(|books, wakes| books.not_opened(error, wakes)),
            Ok((stream, last)) => Line::open(self.hub.clone(), stream, last).run().await,
        }
    }
}

impl Drop for Opening {
    /// The runtime goes away: no other connection is begun from here.
    fn drop(&mut self) {
        if !self.is_done {
            self.hub.with(|books, wakes| books.close(wakes));
        }
    }
}
