//! Scripted servers, and the configuration that leads to them.

use bindgate::app::events::Event;
use bindgate::app::ports::Events;
use bindgate::proto::bind::BindRequest;
use bindgate::proto::envelope::{Envelope, MessageId};
use bindgate::proto::framing::{Frame, frame};
use bindgate::proto::op::Operation;
use bindgate::proto::result::{LdapResult, ResultCode};
use bindgate::upstream::{
    Config, Directory, Scheme, SecretSource, ServerChoice, ServerUrl, TlsConfig,
};
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

/// What ends a test that hangs.
pub(crate) const BOUND: Duration = Duration::from_secs(20);
/// A time-out that a test waits for.
pub(crate) const SHORT: Duration = Duration::from_millis(700);

/// A message as a server took it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) id: MessageId,
    pub(crate) operation: Operation,
    pub(crate) content: Vec<u8>,
}

/// A server's end of a connection.
pub(crate) struct Peer {
    pub(crate) tcp: TcpStream,
    buffer: Vec<u8>,
}

/// A server that the test plays.
pub(crate) struct Server {
    listener: TcpListener,
    pub(crate) port: u16,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        Self { listener, port }
    }

    /// One at a port that was taken before.
    pub(crate) fn listening(socket: TcpSocket) -> Self {
        let listener = socket.listen(64).unwrap();
        let port = listener.local_addr().unwrap().port();
        Self { listener, port }
    }

    /// One at the port of another that is gone.
    pub(crate) fn again(port: u16) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(([127, 0, 0, 1], port).into()).unwrap();
        Self::listening(socket)
    }

    /// The next connection.
    pub(crate) async fn accept(&self) -> Peer {
        let (tcp, _) = bounded(self.listener.accept()).await.unwrap();
        Peer { tcp, buffer: Vec::new() }
    }

    /// The next connection, whose bind as the service account is answered with success.
    pub(crate) async fn accept_bound(&self) -> Peer {
        let mut peer = self.accept().await;
        peer.answer_bind(ResultCode::SUCCESS).await;
        peer
    }

    /// Whether nobody has connected.
    pub(crate) async fn is_left_alone(&self) -> bool {
        tokio::select! {
            biased;
            _ = self.listener.accept() => false,
            () = tokio::task::yield_now() => true,
        }
    }
}

impl Peer {
    /// The next message; `None` at the end.
    pub(crate) async fn request(&mut self) -> Option<Request> {
        loop {
            if let Frame::Whole(length) = frame(&self.buffer, 1 << 20).unwrap() {
                let pdu: Vec<u8> = self.buffer.drain(..length).collect();
                let envelope = Envelope::parse(&pdu).unwrap();
                let content = envelope.content.to_vec();
                return Some(Request { id: envelope.id, operation: envelope.operation, content });
            }
            if bounded(self.tcp.read_buf(&mut self.buffer)).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    /// The next message, which has to be a search.
    pub(crate) async fn search(&mut self) -> MessageId {
        let request = self.request().await.unwrap();
        assert_eq!(request.operation, Operation::SearchRequest);
        request.id
    }

    /// Sends bytes; a client that is gone already is fine.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        let _ = self.tcp.write_all(bytes).await;
    }

    pub(crate) async fn answer(&mut self, id: MessageId, op: Operation, code: ResultCode) {
        let mut out = Vec::new();
        LdapResult::new(code, "").write(&mut out, id, op);
        self.send(&out).await;
    }

    pub(crate) async fn done(&mut self, id: MessageId, code: ResultCode) {
        self.answer(id, Operation::SearchResultDone, code).await;
    }

    pub(crate) async fn answer_bind(&mut self, code: ResultCode) {
        let request = self.request().await.unwrap();
        let bind = BindRequest::decode(&request.content).unwrap();
        assert_eq!(bind.name, b"cn=gateway");
        self.answer(request.id, Operation::BindResponse, code).await;
    }
}

/// Keeps what transitions it was told of.
#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Vec<&'static str>>>);

impl Seen {
    pub(crate) fn all(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().clone()
    }
}

impl Events for Seen {
    fn emit(&self, event: &Event<'_>) {
        self.0.lock().unwrap().push(match event {
            Event::UpstreamDown { .. } => "down",
            Event::UpstreamUp { .. } => "up",
            Event::UpstreamRetried { .. } => "retried",
            Event::LimitHit { limit, .. } => limit,
            _ => "other",
        });
    }
}

/// A configuration for servers on these ports.
pub(crate) fn config(ports: &[u16]) -> Config {
    let url =
        |port: &u16| ServerUrl { scheme: Scheme::Ldap, host: "127.0.0.1".to_owned(), port: *port };
    Config {
        name: "corp".to_owned(),
        urls: ports.iter().map(url).collect(),
        server_choice: ServerChoice::Spread,
        tls: TlsConfig::default(),
        service_dn: "cn=gateway".to_owned(),
        // Any variable that is set and not empty is as good as a password.
        service_password: SecretSource::Environment("PATH".to_owned()),
        max_connections: 2,
        max_connecting: 2,
        min_connections: 0,
        max_ahead: 0,
        max_binding: 1024,
        anonymous_share: 100,
        max_waiting: 2,
        max_waiting_per_source: 1000,
        queue_timeout: BOUND,
        max_outstanding_upstream: 8,
        max_outstanding_anonymous: 4,
        max_shared_connections: 2,
        max_connections_apart: 2,
        max_inbox: 1 << 16,
        inbox_timeout: BOUND,
        proxied_authorisation: true,
        connect_timeout: BOUND,
        bind_timeout: BOUND,
        search_timeout: BOUND,
        max_message_size: 1 << 16,
        max_lookup_entries: 3,
        idle_timeout: BOUND,
    }
}

pub(crate) fn directory(config: &Config) -> (Directory, Seen) {
    let seen = Seen::default();
    (Directory::new(config, 2, seen.clone()).unwrap(), seen)
}

/// The outcome, or a failed test instead of a hang.
pub(crate) async fn bounded<F: Future>(future: F) -> F::Output {
    timeout(BOUND, future).await.expect("it hangs")
}

/// Waits until something is so, giving other tasks their turn.
pub(crate) async fn until(mut is_so: impl FnMut() -> bool) {
    bounded(async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// A port that is taken but not listened on.
pub(crate) fn closed_port() -> (TcpSocket, u16) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = socket.local_addr().unwrap().port();
    (socket, port)
}
