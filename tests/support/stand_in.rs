//! A directory that the test plays: a thread a connection, and one function that is given every
//! message. What it does not want to decide it leaves to [`Seat::obey`].

use super::raw::Pdu;
use super::tree::{GROUPS, SERVICE};
use bindgate::proto::bind::BindRequest;
use bindgate::proto::envelope::{MessageId, write_message};
use bindgate::proto::framing::{Frame, frame};
use bindgate::proto::op::Operation;
use bindgate::proto::result::{LdapResult, ResultCode};
use bindgate::proto::search::{Attribute, Entry, SearchRequest};
use std::collections::BTreeSet;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

/// The longest message that a test sends through.
const LONGEST: usize = 16 << 20;

/// What was heard: on which connection, bound as whom, and the message.
#[derive(Debug, Clone)]
pub struct Heard {
    /// The connection's number, from 0.
    pub connection: usize,
    /// As whom it was bound when the message came; `None` for nobody.
    pub bound: Option<String>,
    /// The message.
    pub pdu: Pdu,
}

/// A running stand-in. Its threads end with their connections.
pub struct StandIn {
    port: u16,
    heard: Arc<Mutex<Vec<Heard>>>,
    connections: Arc<AtomicUsize>,
    ended: Arc<Mutex<BTreeSet<usize>>>,
}

/// The directory's end of a connection.
pub struct Seat {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// The connection's number, from 0.
    pub number: usize,
    /// As whom it is bound.
    pub bound: Option<String>,
}

impl StandIn {
    /// A directory that takes every password and finds everything.
    pub fn obedient() -> Self {
        Self::start(|seat, pdu| seat.obey(pdu))
    }

    /// A directory that does with each message what `play` does.
    pub fn start(play: impl Fn(&mut Seat, &Pdu) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let heard: Arc<Mutex<Vec<Heard>>> = Arc::default();
        let connections: Arc<AtomicUsize> = Arc::default();
        let ended: Arc<Mutex<BTreeSet<usize>>> = Arc::default();
        let (log, count, play) = (heard.clone(), connections.clone(), Arc::new(play));
        let ends = ended.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let number = count.fetch_add(1, SeqCst);
                let (log, play, ends) = (log.clone(), play.clone(), ends.clone());
                let seat = Seat { stream, buffer: Vec::new(), number, bound: None };
                std::thread::spawn(move || {
                    seat.serve(&log, &*play);
                    ends.lock().expect("no thread panics with it").insert(number);
                });
            }
        });
        Self { port, heard, connections, ended }
    }

    /// Where it listens on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many connections were made to it.
    pub fn connections(&self) -> usize {
        self.connections.load(SeqCst)
    }

    /// Whether the gateway has left that connection.
    pub fn has_ended(&self, connection: usize) -> bool {
        self.ended.lock().expect("no thread panics with it").contains(&connection)
    }

    /// What clients asked for, without the gateway's own look-ups.
    pub fn heard(&self) -> Vec<Heard> {
        let heard = self.heard.lock().expect("no thread panics with it");
        heard.iter().filter(|heard| heard.bound.as_deref() != Some(SERVICE)).cloned().collect()
    }

    /// What clients asked for, by kind.
    pub fn operations(&self) -> Vec<Operation> {
        self.heard().iter().map(|heard| heard.pdu.operation()).collect()
    }
}

impl Seat {
    fn serve(mut self, log: &Mutex<Vec<Heard>>, play: &dyn Fn(&mut Self, &Pdu)) {
        // A socket that refuses the option still works, only more slowly.
        let _ = self.stream.set_nodelay(true);
        while let Some(pdu) = self.message() {
            let bound = match (&self.bound, service_bind(&pdu)) {
                (_, true) => Some(SERVICE.to_owned()),
                (bound, false) => bound.clone(),
            };
            let heard = Heard { connection: self.number, bound, pdu: pdu.clone() };
            log.lock().expect("no thread panics with it").push(heard);
            play(&mut self, &pdu);
        }
    }

    /// The next message; `None` at the end.
    pub fn message(&mut self) -> Option<Pdu> {
        loop {
            if let Frame::Whole(length) = frame(&self.buffer, LONGEST).ok()? {
                return Some(Pdu(self.buffer.drain(..length).collect()));
            }
            let mut chunk = [0; 16 * 1024];
            match self.stream.read(&mut chunk) {
                Ok(0) | Err(_) => return None,
                Ok(count) => self.buffer.extend_from_slice(&chunk[..count]),
            }
        }
    }

    /// Whether nothing has been sent that was not taken yet.
    pub fn is_silent(&self) -> bool {
        let mut byte = [0];
        let set = |on| self.stream.set_nonblocking(on).expect("a socket can be set so");
        set(true);
        let looked = self.stream.peek(&mut byte);
        set(false);
        self.buffer.is_empty() && looked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }

    /// Whether the gateway's service account is bound here: these are its own look-ups.
    pub fn is_gateways(&self) -> bool {
        self.bound.as_deref() == Some(SERVICE)
    }

    /// Sends bytes; whether the gateway is still there.
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Sends the final answer to a request.
    pub fn answer(&mut self, request: &Pdu, code: u32) {
        let Some(operation) = request.operation().final_response() else { return };
        let mut out = Vec::new();
        LdapResult::new(ResultCode(code), "").write(&mut out, request.envelope().id, operation);
        self.send(&out);
    }

    /// Sends an entry without attributes.
    pub fn entry(&mut self, request: &Pdu, dn: &str) -> bool {
        let mut out = Vec::new();
        let entry = Entry { dn: dn.to_owned(), attributes: Vec::new() };
        entry.write(&mut out, request.envelope().id);
        self.send(&out)
    }

    /// Sends a message of any kind under any id.
    pub fn say(&mut self, id: MessageId, operation: Operation, content: &[u8]) {
        let mut out = Vec::new();
        write_message(&mut out, id, operation.tag(), |out| out.extend_from_slice(content));
        self.send(&out);
    }

    /// Sends a Notice of Disconnection.
    pub fn notice(&mut self, code: u32) {
        let mut out = Vec::new();
        LdapResult::new(ResultCode(code), "gone fishing").write_notice(&mut out);
        self.send(&out);
    }

    /// Closes the connection.
    pub fn close(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Does what is asked: takes every password, finds every base, knows no groups.
    pub fn obey(&mut self, request: &Pdu) {
        match request.operation() {
            Operation::BindRequest => {
                let name = name_of(request);
                self.bound = (!name.is_empty()).then_some(name);
                self.answer(request, 0);
            }
            Operation::SearchRequest => {
                let content = request.envelope().content.to_vec();
                let search = SearchRequest::decode(&content).expect("the gateway's searches are");
                let base = String::from_utf8_lossy(search.base).into_owned();
                if self.is_gateways() && base != GROUPS {
                    self.user(request, &base);
                } else if !self.is_gateways() {
                    self.entry(request, &base);
                }
                self.answer(request, 0);
            }
            Operation::ExtendedRequest => self.answer(request, 2),
            Operation::CompareRequest => self.answer(request, 6),
            Operation::UnbindRequest => self.close(),
            _ => self.answer(request, 0),
        }
    }

    /// Sends the entry of a user of that name.
    fn user(&mut self, request: &Pdu, dn: &str) {
        let uid = dn.split([',', '=']).nth(1).unwrap_or(dn);
        let sum = uid.bytes().fold(7u64, |sum, byte| sum.wrapping_mul(31) + u64::from(byte));
        let uuid = format!("00000000-0000-4000-8000-{:012x}", sum & 0xffff_ffff_ffff);
        let pairs = [("objectClass", "inetOrgPerson"), ("uid", uid), ("entryUUID", &uuid)];
        let attributes = pairs.map(|(name, value)| Attribute {
            name: name.to_owned(),
            values: vec![value.as_bytes().to_vec()],
        });
        let mut out = Vec::new();
        let entry = Entry { dn: dn.to_owned(), attributes: attributes.into() };
        entry.write(&mut out, request.envelope().id);
        self.send(&out);
    }
}

/// The name that a bind bears.
pub fn name_of(request: &Pdu) -> String {
    let content = request.envelope().content.to_vec();
    let bind = BindRequest::decode(&content);
    bind.map_or_else(|_| String::new(), |bind| String::from_utf8_lossy(bind.name).into_owned())
}

fn service_bind(pdu: &Pdu) -> bool {
    pdu.operation() == Operation::BindRequest && name_of(pdu) == SERVICE
}
