//! Whose requests travel on which connection to the directory: the gateway's own searches, its live
//! copy, clients that have not bound, clients that go on by proxy, and clients on a connection of
//! their own never meet.

use super::proxied::{bound, counted, directory, probes, sessions};
use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Ask};
use crate::support::raw::Raw;
use crate::support::{eventually, tree};
use bindgate::proto::bind::BindRequest;
use bindgate::proto::envelope::Envelope;
use bindgate::proto::framing::{Frame, frame};
use bindgate::proto::op::Operation;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What every request of a test's client bears.
const MARK: &str = "asked-by-a-client";
const PROXIED: &[u8] = b"2.16.840.1.113730.3.4.18";
const SYNC: &[u8] = b"1.3.6.1.4.1.4203.1.9.1.1";

/// Who sends a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sender {
    Lookups,
    Copy,
    Anonymous,
    Proxied,
    Exclusive,
}

/// A proxy that keeps what is sent to the directory, by connection.
struct Recorder {
    port: u16,
    sent: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Recorder {
    fn before(upstream: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
        let port = listener.local_addr().expect("it listens").port();
        let sent: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let kept = sent.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                record(client, upstream, &kept);
            }
        });
        Self { port, sent }
    }

    /// Who has sent requests on each connection.
    fn senders(&self) -> Vec<BTreeSet<Sender>> {
        self.sent
            .lock()
            .expect("nobody panics with it")
            .iter()
            .map(|bytes| senders(bytes))
            .collect()
    }
}

fn record(client: TcpStream, upstream: u16, kept: &Arc<Mutex<Vec<Vec<u8>>>>) {
    let server =
        TcpStream::connect((Ipv4Addr::LOCALHOST, upstream)).expect("the directory listens");
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (mut back, mut to) = (
        server.try_clone().expect("there are descriptors"),
        client.try_clone().expect("there are descriptors"),
    );
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut back, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
    let kept = kept.clone();
    let mut all = kept.lock().expect("nobody panics with it");
    let number = all.len();
    all.push(Vec::new());
    drop(all);
    std::thread::spawn(move || {
        let (mut client, mut server) = (client, server);
        let mut buffer = [0; 16 * 1024];
        while let Ok(count @ 1..) = client.read(&mut buffer) {
            kept.lock().expect("nobody panics with it")[number].extend_from_slice(&buffer[..count]);
            if server.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        let _ = server.shutdown(Shutdown::Both);
    });
}

fn senders(mut bytes: &[u8]) -> BTreeSet<Sender> {
    let (mut senders, mut is_bound) = (BTreeSet::new(), false);
    while let Ok(Frame::Whole(length)) = frame(bytes, usize::MAX) {
        let request = Envelope::parse(&bytes[..length]).expect("the gateway speaks LDAP");
        if request.operation == Operation::BindRequest {
            let bind = BindRequest::decode(request.content).expect("the gateway binds properly");
            is_bound |= !bind.name.is_empty();
        } else {
            senders.extend(sender(&request, is_bound));
        }
        bytes = &bytes[length..];
    }
    senders
}

/// Who has sent it, where that shows: the copy and the look-ups both read what the directory offers.
fn sender(request: &Envelope<'_>, is_bound: bool) -> Option<Sender> {
    let holds = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).any(|at| at == part);
    let controls = request.controls.unwrap_or_default();
    if holds(request.content, MARK.as_bytes()) {
        return Some(match (holds(controls, PROXIED), is_bound) {
            (true, _) => Sender::Proxied,
            (false, true) => Sender::Exclusive,
            (false, false) => Sender::Anonymous,
        });
    }
    if holds(controls, SYNC) {
        return Some(Sender::Copy);
    }
    let is_lookup = holds(request.content, b"contextCSN")
        || holds(request.content, tree::person("ann").as_bytes());
    (request.operation == Operation::SearchRequest && is_lookup).then_some(Sender::Lookups)
}

fn ask(raw: &mut Raw) {
    let filter = pdu::any_of(&[pdu::present("uid"), pdu::equal("description", MARK)]);
    raw.ask(&Ask::below(tree::PEOPLE, filter, &["uid"]).body());
}

#[test]
fn look_ups_the_live_copy_and_each_kind_of_client_have_connections_of_their_own() {
    let slapd = directory("to");
    let recorder = Recorder::before(slapd.port());
    let gateway = Gateway::configured(recorder.port, |settings, _| {
        settings.set("[[directory]]", "min_connections", "1");
        settings.set("[[directory]]", "max_connections", "2");
    });
    counted(&gateway, "bindgate_replica_complete{directory=\"corp\"}", 1);
    let mut clients = vec![bound(&gateway, "ann")];
    counted(&gateway, &probes("granted"), 1);
    ask(&mut clients[0]);
    for uid in ["bob", "carol"] {
        let mut raw = bound(&gateway, uid);
        ask(&mut raw);
        clients.push(raw);
    }
    let mut anonymous = gateway.connect();
    for _ in 0..5 {
        clients.iter_mut().for_each(ask);
        ask(&mut anonymous);
    }
    counted(&gateway, sessions(), 1);
    let all: BTreeSet<Sender> =
        [Sender::Lookups, Sender::Copy, Sender::Anonymous, Sender::Proxied, Sender::Exclusive]
            .into();
    eventually("everybody has sent something", || {
        (recorder.senders().into_iter().flatten().collect::<BTreeSet<_>>() == all).then_some(())
    });
    for (number, senders) in recorder.senders().into_iter().enumerate() {
        assert!(senders.len() <= 1, "connection {number}: {senders:?}");
    }
}
