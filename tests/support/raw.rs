//! A client that sends whatever bytes it is given and shows what comes back.

use super::PATIENCE;
use super::pdu::{self, Ask, Change};
use bindgate::proto::envelope::Envelope;
use bindgate::proto::framing::{Frame, frame};
use bindgate::proto::op::Operation;
use bindgate::proto::result::LdapResult;
use bindgate::proto::search::Entry;
use bindgate::proto::{ber, oid};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, StreamOwned};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;

/// The largest answer that a test expects.
const MAX_ANSWER: usize = 16 << 20;

/// The request for TLS.
pub const START_TLS: &str = "1.3.6.1.4.1.1466.20037";

/// A whole message from a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pdu(pub Vec<u8>);

impl Pdu {
    /// Its parts.
    #[track_caller]
    pub fn envelope(&self) -> Envelope<'_> {
        Envelope::parse(&self.0).expect("servers answer in LDAP")
    }

    /// The messageID.
    #[track_caller]
    pub fn id(&self) -> i64 {
        i64::from(self.envelope().id.get())
    }

    /// What it answers.
    #[track_caller]
    pub fn operation(&self) -> Operation {
        self.envelope().operation
    }

    /// The result's fields; panics if it holds none.
    #[track_caller]
    pub fn result(&self) -> LdapResult<'_> {
        let mut reader = ber::Reader::new(self.envelope().content);
        LdapResult::read(&mut reader).expect("this answer holds a result")
    }

    /// The result code.
    #[track_caller]
    pub fn code(&self) -> u32 {
        self.result().code.0
    }

    /// The entry; panics if it is none.
    #[track_caller]
    pub fn entry(&self) -> Entry {
        assert_eq!(self.operation(), Operation::SearchResultEntry);
        Entry::decode(self.envelope().content).expect("the entry is well formed")
    }

    /// Whether this is a Notice of Disconnection, and then its result code.
    pub fn notice(&self) -> Option<u32> {
        let envelope = self.envelope();
        let is_notice = envelope.id.get() == 0
            && envelope.operation == Operation::ExtendedResponse
            && envelope
                .content
                .windows(oid::NOTICE_OF_DISCONNECTION.len())
                .any(|window| window == oid::NOTICE_OF_DISCONNECTION);
        is_notice.then(|| self.code())
    }
}

/// How the bytes travel.
enum Way {
    Clear(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Way {
    fn socket(&self) -> &TcpStream {
        match self {
            Self::Clear(socket) => socket,
            Self::Tls(tls) => &tls.sock,
        }
    }
}

impl Read for Way {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Clear(socket) => socket.read(bytes),
            Self::Tls(tls) => tls.read(bytes),
        }
    }
}

impl Write for Way {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Clear(socket) => socket.write(bytes),
            Self::Tls(tls) => tls.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Clear(socket) => socket.flush(),
            Self::Tls(tls) => tls.flush(),
        }
    }
}

/// A connection on which bytes are sent as they are.
pub struct Raw {
    stream: Way,
    buffer: Vec<u8>,
    next_id: i64,
}

impl Raw {
    /// Connects to a port on 127.0.0.1.
    #[track_caller]
    pub fn connect(port: u16) -> Self {
        Self::try_connect(port).expect("the server takes connections")
    }

    /// Connects to an address.
    #[track_caller]
    pub fn connect_at(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, PATIENCE);
        stream.and_then(Self::over).expect("the server takes connections")
    }

    /// Connects, if anybody listens.
    pub fn try_connect(port: u16) -> std::io::Result<Self> {
        let address = (Ipv4Addr::LOCALHOST, port).into();
        Self::over(TcpStream::connect_timeout(&address, PATIENCE)?)
    }

    /// Connects from another address of this machine.
    pub fn try_connect_from(source: Ipv4Addr, port: u16) -> std::io::Result<Self> {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
        socket.bind(&SocketAddr::from((source, 0)).into())?;
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        socket.connect_timeout(&server.into(), PATIENCE)?;
        Self::over(socket.into())
    }

    fn over(stream: TcpStream) -> std::io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream: Way::Clear(stream), buffer: Vec::new(), next_id: 1 })
    }

    /// Connects over TLS.
    pub fn try_connect_over_tls(port: u16, client: &Arc<ClientConfig>) -> std::io::Result<Self> {
        let mut raw = Self::try_connect(port)?;
        raw.shake_hands(client)?;
        Ok(raw)
    }

    /// Shakes hands with a server that expects that, as 127.0.0.1.
    pub fn shake_hands(&mut self, client: &Arc<ClientConfig>) -> std::io::Result<()> {
        assert!(self.buffer.is_empty(), "more came in clear: {:02x?}", self.buffer);
        let mut socket = self.stream.socket().try_clone()?;
        let name = ServerName::from(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let session = ClientConnection::new(client.clone(), name);
        let mut session = session.map_err(std::io::Error::other)?;
        while session.is_handshaking() {
            session.complete_io(&mut socket)?;
        }
        self.stream = Way::Tls(Box::new(StreamOwned::new(session, socket)));
        Ok(())
    }

    /// Asks for TLS, which has to be granted, and shakes hands.
    #[track_caller]
    pub fn start_tls(&mut self, client: &Arc<ClientConfig>) {
        assert_eq!(self.code(&pdu::extended(START_TLS, None)), 0, "TLS is granted");
        self.shake_hands(client).expect("the server shakes hands");
    }

    /// How the TLS session began; `None` in clear.
    pub fn handshake(&self) -> Option<HandshakeKind> {
        match &self.stream {
            Way::Clear(_) => None,
            Way::Tls(tls) => tls.conn.handshake_kind(),
        }
    }

    /// Sends bytes.
    #[track_caller]
    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the server takes what is sent");
    }

    /// Sends bytes to a server that may have closed already.
    pub fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Sends bytes from another thread, so that answers can be read meanwhile.
    #[track_caller]
    pub fn send_meanwhile(&self, bytes: Vec<u8>) -> std::thread::JoinHandle<()> {
        let mut stream = self.stream.socket().try_clone().expect("a socket can be shared");
        std::thread::spawn(move || stream.write_all(&bytes).expect("the server takes all"))
    }

    /// Closes the sending half.
    pub fn finish_sending(&mut self) {
        let _ = self.stream.socket().shutdown(Shutdown::Write);
    }

    /// Sends an operation under the next messageID, which it gives.
    #[track_caller]
    pub fn start(&mut self, body: &[u8]) -> i64 {
        let id = self.next_id;
        self.next_id += 1;
        self.send(&pdu::message(id, body));
        id
    }

    /// The next message; `None` once the server has closed. Panics if neither comes in time.
    #[track_caller]
    pub fn receive(&mut self) -> Option<Pdu> {
        self.try_receive().expect("the server answers or closes in time")
    }

    /// The next message, the end of the connection, or what went wrong. A reset is an end too.
    pub fn try_receive(&mut self) -> std::io::Result<Option<Pdu>> {
        loop {
            let framed = frame(&self.buffer, MAX_ANSWER).map_err(std::io::Error::other)?;
            if let Frame::Whole(length) = framed {
                return Ok(Some(Pdu(self.buffer.drain(..length).collect())));
            }
            let mut chunk = [0; 16 * 1024];
            match self.stream.read(&mut chunk) {
                Ok(0) if self.buffer.is_empty() => return Ok(None),
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.buffer.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    /// The next message, which has to come.
    #[track_caller]
    pub fn answer(&mut self) -> Pdu {
        self.receive().expect("the server answers before it closes")
    }

    /// Sends an operation and gives all its answers, the final one last.
    #[track_caller]
    pub fn ask(&mut self, body: &[u8]) -> Vec<Pdu> {
        let id = self.start(body);
        self.answers_to(id)
    }

    /// All answers to a message that was sent, the final one last.
    #[track_caller]
    pub fn answers_to(&mut self, id: i64) -> Vec<Pdu> {
        let mut answers = Vec::new();
        loop {
            let pdu = self.answer();
            assert_eq!(pdu.id(), id, "another operation was answered: {pdu:02x?}");
            let is_final = !matches!(
                pdu.operation(),
                Operation::SearchResultEntry
                    | Operation::SearchResultReference
                    | Operation::IntermediateResponse
            );
            answers.push(pdu);
            if is_final {
                return answers;
            }
        }
    }

    /// Sends an operation and gives its result code.
    #[track_caller]
    pub fn code(&mut self, body: &[u8]) -> u32 {
        self.ask(body).last().expect("there is a final answer").code()
    }

    /// Binds and gives the result code.
    #[track_caller]
    pub fn bind(&mut self, dn: &str, password: impl AsRef<[u8]>) -> u32 {
        self.code(&pdu::bind(dn, password.as_ref()))
    }

    /// Binds on a connection that may be cut at any time; the code, if there was an answer.
    pub fn try_bind(&mut self, dn: &str, password: &str) -> Option<u32> {
        let request = pdu::message(self.next_id, &pdu::bind(dn, password.as_bytes()));
        self.next_id += 1;
        self.try_send(&request).ok()?;
        let answer = self.try_receive().ok()??;
        answer.notice().is_none().then(|| answer.code())
    }

    /// Searches and gives the entries together with the result code.
    #[track_caller]
    pub fn search(&mut self, ask: &Ask<'_>) -> (Vec<Entry>, u32) {
        let mut answers = self.ask(&ask.body());
        let code = answers.pop().expect("there is a final answer").code();
        (answers.iter().map(Pdu::entry).collect(), code)
    }

    /// Changes one attribute; panics unless that succeeds.
    #[track_caller]
    pub fn modify(&mut self, dn: &str, change: Change, attribute: &str, values: &[&[u8]]) {
        let code = self.code(&pdu::modify(dn, change, attribute, values));
        assert_eq!(code, 0, "{change:?} of {attribute} at {dn}");
    }

    /// Adds a member to a group.
    #[track_caller]
    pub fn join(&mut self, group: &str, member: &str) {
        self.modify(group, Change::Add, "member", &[member.as_bytes()]);
    }

    /// Takes a member out of a group.
    #[track_caller]
    pub fn leave(&mut self, group: &str, member: &str) {
        self.modify(group, Change::Delete, "member", &[member.as_bytes()]);
    }

    /// The result code of the notice with which the server now closes; panics if it does not
    /// close, or says something else.
    #[track_caller]
    pub fn closing_notice(&mut self) -> u32 {
        let pdu = self.receive().expect("a notice comes before the end");
        let code = pdu.notice().unwrap_or_else(|| panic!("not a notice: {pdu:02x?}"));
        self.expect_end();
        code
    }

    /// Panics unless the server closes without another word.
    #[track_caller]
    pub fn expect_end(&mut self) {
        if let Some(pdu) = self.receive() {
            panic!("the server said {pdu:02x?} where it should have closed");
        }
    }
}
