//! Exclusive connections that are pipes in memory: the test holds their far ends, and sees what
//! becomes of the leases.

use bindgate::app::ports::{Fitness, Leased, Link, LinkError, Links, Purpose};
use bindgate::proto::envelope::MessageId;
use bindgate::upstream::Dial;
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};
use tokio::sync::{mpsc, oneshot};

/// How many bytes a pipe holds.
const PIPE: usize = 64 * 1024;

type Tell = oneshot::Sender<Result<FakeLink, LinkError>>;

/// How leases are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Granting {
    /// At once, as long as there are fewer than this many connections; then who asks waits.
    Up(usize),
    /// When the test says so.
    ByHand,
}

struct Idle {
    number: usize,
    near: DuplexStream,
    fitness: Fitness,
    last_id: MessageId,
}

#[derive(Default)]
struct Bell {
    recallable: bool,
    recalled: bool,
    waker: Option<Waker>,
}

struct State {
    granting: Granting,
    made: usize,
    alive: usize,
    idle: Vec<Idle>,
    waiting: VecDeque<(Purpose, Tell)>,
    bells: BTreeMap<usize, Bell>,
    log: Vec<String>,
    /// The messageID that counts as used on a connection that was just made.
    first_id: MessageId,
    far: mpsc::UnboundedSender<(usize, DuplexStream)>,
}

/// The connections to all directories of a test, numbered from 1.
#[derive(Clone)]
pub(crate) struct FakeLinks(Arc<Mutex<State>>);

/// What the test keeps: the far ends as they are made.
pub(crate) type FarEnds = mpsc::UnboundedReceiver<(usize, DuplexStream)>;

impl State {
    fn make(&mut self) -> Idle {
        let (near, far) = duplex(PIPE);
        self.made += 1;
        self.alive += 1;
        let number = self.made;
        let _ = self.far.send((number, far));
        Idle { number, near, fitness: Fitness::Anonymous, last_id: self.first_id }
    }
}

impl FakeLinks {
    pub(crate) fn new(granting: Granting) -> (Self, FarEnds) {
        let (far, ends) = mpsc::unbounded_channel();
        let state = State {
            granting,
            made: 0,
            alive: 0,
            idle: Vec::new(),
            waiting: VecDeque::new(),
            bells: BTreeMap::new(),
            log: Vec::new(),
            first_id: MessageId::UNSOLICITED,
            far,
        };
        (Self(Arc::new(Mutex::new(state))), ends)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// From now on leases are granted like this.
    pub(crate) fn set(&self, granting: Granting) {
        self.state().granting = granting;
    }

    /// From now on new connections go on behind this messageID.
    pub(crate) fn number_from(&self, id: MessageId) {
        self.state().first_id = id;
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.state().waiting.iter().filter(|(_, tell)| !tell.is_closed()).count()
    }

    /// The first who waits gets a connection.
    pub(crate) fn grant(&self) {
        let (purpose, tell) = self.state().waiting.pop_front().expect("somebody waits");
        let link = self.take(purpose);
        let _ = tell.send(Ok(link));
    }

    /// The first who waits gets none.
    pub(crate) fn refuse(&self, error: LinkError) {
        let (_, tell) = self.state().waiting.pop_front().expect("somebody waits");
        let _ = tell.send(Err(error));
    }

    /// Asks a lease back; whether that was allowed.
    pub(crate) fn recall(&self, number: usize) -> bool {
        let mut state = self.state();
        let Some(bell) = state.bells.get_mut(&number).filter(|bell| bell.recallable) else {
            return false;
        };
        bell.recalled = true;
        let waker = bell.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    /// Takes what has become of connections out of the log.
    pub(crate) fn said(&self, text: &str) -> bool {
        let log = &mut self.state().log;
        let Some(at) = log.iter().position(|line| line == text) else { return false };
        log.remove(at);
        true
    }

    /// What has become of connections, as far as nobody has asked.
    pub(crate) fn log(&self) -> Vec<String> {
        self.state().log.clone()
    }

    fn take(&self, purpose: Purpose) -> FakeLink {
        let mut state = self.state();
        let suits = |idle: &Idle| purpose == Purpose::Bind || idle.fitness == Fitness::Anonymous;
        let found = state.idle.iter().position(suits);
        let idle = found.map(|at| state.idle.remove(at));
        let idle = idle.unwrap_or_else(|| state.make());
        state.bells.insert(idle.number, Bell::default());
        let Idle { number, near, last_id, .. } = idle;
        FakeLink { number, near: Some(near), last_id, links: self.clone() }
    }

    /// Whether a lease can be had now; an idle connection that does not suit makes room.
    fn has_one(&self, purpose: Purpose) -> bool {
        let mut state = self.state();
        let Granting::Up(most) = state.granting else { return false };
        let suits = |idle: &Idle| purpose == Purpose::Bind || idle.fitness == Fitness::Anonymous;
        if state.alive >= most && !state.idle.iter().any(suits) && state.idle.pop().is_some() {
            state.alive -= 1;
        }
        state.alive < most || state.idle.iter().any(suits)
    }

    /// Serves those who wait, as far as there are connections; asks a lease back if there are none.
    fn serve(&self) {
        loop {
            let first = {
                let mut state = self.state();
                state.waiting.retain(|(_, tell)| !tell.is_closed());
                state.waiting.front().map(|(purpose, _)| *purpose)
            };
            let Some(purpose) = first else { return };
            if !self.has_one(purpose) {
                break;
            }
            self.grant();
        }
        let recallable = |(number, bell): (&usize, &Bell)| bell.recallable.then_some(*number);
        let candidate = {
            let state = self.state();
            match state.granting {
                Granting::ByHand => None,
                Granting::Up(_) => state.bells.iter().find_map(recallable),
            }
        };
        if let Some(number) = candidate {
            self.recall(number);
        }
    }
}

/// Shared connections are pipes of the same kind, numbered with the others.
impl Dial for FakeLinks {
    type Stream = Pipe;

    async fn dial(&self) -> Result<(Pipe, MessageId), LinkError> {
        let mut state = self.state();
        let (near, far) = duplex(PIPE);
        state.made += 1;
        let number = state.made;
        let _ = state.far.send((number, far));
        Ok((Pipe { number, near, links: self.clone() }, MessageId::UNSOLICITED))
    }
}

/// The near end of a shared connection.
pub(crate) struct Pipe {
    number: usize,
    near: DuplexStream,
    links: FakeLinks,
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.links.state().log.push(format!("{} closed", self.number));
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().near).poll_read(cx, buf)
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().near).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().near).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().near).poll_shutdown(cx)
    }
}

impl Links for FakeLinks {
    type Link = FakeLink;
    type Wait = FakeWait;

    fn lease(&self, purpose: Purpose, _source: IpAddr) -> Leased<FakeLink, FakeWait> {
        if self.has_one(purpose) {
            return Leased::Now(self.take(purpose));
        }
        let (tell, answer) = oneshot::channel();
        self.state().waiting.push_back((purpose, tell));
        self.serve();
        Leased::Later(FakeWait { answer, links: self.clone(), over: false })
    }

    /// What is idle makes room, and is not given.
    fn lease_fresh(&self, _source: IpAddr) -> FakeWait {
        let (tell, answer) = oneshot::channel();
        {
            let mut state = self.state();
            if let Granting::Up(most) = state.granting {
                if state.alive >= most && state.idle.pop().is_some() {
                    state.alive -= 1;
                }
                if state.alive < most {
                    let Idle { number, near, last_id, .. } = state.make();
                    state.bells.insert(number, Bell::default());
                    let link = FakeLink { number, near: Some(near), last_id, links: self.clone() };
                    let _ = tell.send(Ok(link));
                    drop(state);
                    return FakeWait { answer, links: self.clone(), over: false };
                }
            }
            state.waiting.push_back((Purpose::Bind, tell));
        }
        self.serve();
        FakeWait { answer, links: self.clone(), over: false }
    }
}

/// The wait for a connection.
pub(crate) struct FakeWait {
    answer: oneshot::Receiver<Result<FakeLink, LinkError>>,
    links: FakeLinks,
    over: bool,
}

impl Future for FakeWait {
    type Output = Result<FakeLink, LinkError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.answer).poll(cx).map(|answer| {
            self.over = true;
            answer.unwrap_or(Err(LinkError::Closed))
        })
    }
}

impl Drop for FakeWait {
    fn drop(&mut self) {
        if !self.over {
            self.answer.close();
            self.links.state().log.push("queue left".to_owned());
        }
    }
}

/// The near end of a pipe under lease.
pub(crate) struct FakeLink {
    number: usize,
    near: Option<DuplexStream>,
    last_id: MessageId,
    links: FakeLinks,
}

impl FakeLink {
    fn near(&mut self) -> io::Result<Pin<&mut DuplexStream>> {
        let near = self.near.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        Ok(Pin::new(near))
    }
}

impl Link for FakeLink {
    fn last_id(&self) -> MessageId {
        self.last_id
    }

    fn set_recallable(&mut self, recallable: bool) {
        if let Some(bell) = self.links.state().bells.get_mut(&self.number) {
            bell.recallable = recallable;
            bell.recalled &= recallable;
        }
        if recallable {
            self.links.serve();
        }
    }

    fn poll_recalled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.links.state();
        let Some(bell) = state.bells.get_mut(&self.number) else { return Poll::Pending };
        if bell.recalled {
            return Poll::Ready(());
        }
        bell.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn give_back(mut self, fitness: Fitness, last_id: MessageId) {
        let Some(near) = self.near.take() else { return };
        {
            let mut state = self.links.state();
            state.bells.remove(&self.number);
            state.log.push(format!("{} back {fitness:?}", self.number));
            state.idle.push(Idle { number: self.number, near, fitness, last_id });
        }
        self.links.serve();
    }

    fn close_as_silent(self) {
        self.links.state().log.push(format!("{} silent", self.number));
    }
}

impl Drop for FakeLink {
    fn drop(&mut self) {
        if self.near.take().is_none() {
            return;
        }
        {
            let mut state = self.links.state();
            state.alive -= 1;
            state.bells.remove(&self.number);
            state.log.push(format!("{} closed", self.number));
        }
        self.links.serve();
    }
}

impl AsyncRead for FakeLink {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.get_mut().near()?.poll_read(cx, buf)
    }
}

impl AsyncWrite for FakeLink {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().near()?.poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().near()?.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().near()?.poll_shutdown(cx)
    }
}
