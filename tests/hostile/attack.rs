//! One attack: everything that a client can do wrong, at the same time.

use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Ask, Control};
use crate::support::raw::{Pdu, Raw};
use crate::support::stand_in::Seat;
use crate::support::tree;
use bindgate::proto::op::Operation;
use std::net::{Ipv4Addr, TcpStream};

/// The base whose search has a result that no buffer between the two sides holds.
const LARGE: &str = "ou=large,dc=example,dc=com";
/// How long the names of that result are, and how many there are: 200 MB in all.
const NAME: usize = 20_000;
const ENTRIES: usize = 10_000;
/// How many clients ask for it and do not read: fewer than there are connections upstream.
const NON_READERS: usize = 6;
/// How deep filters and sequences are nested.
const DEEP: usize = 200_000;
/// How many controls are too many by far.
const CONTROLS: usize = 5000;

/// The directory: obedient, with one large result.
pub(crate) fn directory(seat: &mut Seat, request: &Pdu) {
    let asks = request.operation() == Operation::SearchRequest && !seat.is_gateways();
    let is_large = request.0.windows(LARGE.len()).any(|window| window == LARGE.as_bytes());
    if !asks || !is_large {
        return seat.obey(request);
    }
    let name = format!("cn={},{LARGE}", "x".repeat(NAME));
    let is_read = (0..ENTRIES).all(|_| seat.entry(request, &name));
    if is_read {
        seat.answer(request, 0);
    }
}

/// An attack, to be run again and again.
pub(crate) struct Attack<'a> {
    gateway: &'a Gateway,
    seed: u64,
    flood: usize,
}

impl<'a> Attack<'a> {
    pub(crate) fn new(gateway: &'a Gateway, seed: u64, flood: usize) -> Self {
        Self { gateway, seed, flood }
    }

    /// Attacks, has a user sign on in the middle of it, and leaves.
    pub(crate) fn run(&self, round: u64) {
        let non_readers: Vec<Raw> = (0..NON_READERS).map(|_| self.non_reader()).collect();
        let bind = pdu::message(1, &pdu::bind(&tree::person("ann"), b"pw-ann"));
        let mut staying = Vec::new();
        for number in 0..self.flood {
            let drawn = mixed(self.seed, round, number);
            let mut raw = self.gateway.connect();
            // Whoever was refused already may have its bytes refused too.
            let _ = match drawn % 5 {
                0 => Ok(()),
                1 => raw.try_send(&[0x30, 0x84, 0, 0x20, 0, 0, 2, 1, 1, 0x60]),
                2 => raw.try_send(&bind[..(drawn >> 8) as usize % bind.len()]),
                3 => raw.try_send(&bind),
                _ => raw.try_send(&noise(drawn)),
            };
            match (drawn >> 40) % 4 {
                0 => drop(raw),
                1 => self.reset((drawn >> 16) as usize, &bind),
                _ => staying.push(raw),
            }
        }
        self.send_what_is_refused();
        assert_eq!(self.gateway.sign_on(&tree::person("bob"), "pw-bob"), 0, "in the middle of it");
        drop((staying, non_readers));
    }

    /// Asks for the large result twice and does not read it.
    fn non_reader(&self) -> Raw {
        let mut raw = self.gateway.connect();
        assert_eq!(raw.bind(&tree::person("mallory"), "pw"), 0);
        raw.start(&Ask::entry(LARGE).body());
        raw.start(&Ask::entry(LARGE).body());
        raw
    }

    /// Sends a part of a message and ends the connection with a reset.
    fn reset(&self, length: usize, bytes: &[u8]) {
        let address = (Ipv4Addr::LOCALHOST, self.gateway.port());
        let mut stream = TcpStream::connect(address).expect("the gateway takes connections");
        let _ = std::io::Write::write_all(&mut stream, &bytes[..length % bytes.len()]);
        let socket = socket2::SockRef::from(&stream);
        socket.set_linger(Some(std::time::Duration::ZERO)).expect("a socket can be reset");
    }

    /// What is too long, too deep or too much is refused, or is the directory's affair.
    fn send_what_is_refused(&self) {
        let mut raw = self.gateway.connect();
        raw.send(&[0x30, 0x84, 0x7f, 0xff, 0xff, 0xff]);
        assert_eq!(raw.closing_notice(), 2, "a message of 2 GiB");

        let mut raw = self.gateway.connect();
        let deep = Ask { filter: nested(0xa2, DEEP), ..Ask::entry(tree::PEOPLE) };
        assert_eq!(raw.code(&deep.body()), 11, "a deeply nested filter");
        let mut controls = pdu::extended("1.3.6.1.4.1.4203.1.11.3", None);
        controls.extend(nested(0xa0, DEEP));
        assert_eq!(raw.code(&controls), 2, "deeply nested controls");

        let many = [Control { oid: "1.2.3", critical: true, value: None }; CONTROLS];
        let body = pdu::with_controls(Ask::entry(tree::PEOPLE).body(), &many);
        assert_eq!(raw.code(&body), 11, "too many controls");
        assert_eq!(raw.code(&pdu::with_controls(pdu::bind("cn=x", b"x"), &many)), 11);

        let mut raw = self.gateway.connect();
        raw.send(&nested(0x30, DEEP));
        assert_eq!(raw.closing_notice(), 2, "deeply nested sequences");
    }
}

/// Elements of one tag within each other, the innermost empty. All lengths take four bytes.
fn nested(tag: u8, depth: usize) -> Vec<u8> {
    (1..=depth)
        .rev()
        .flat_map(|below| {
            let length = u32::try_from((below - 1) * 6).expect("it is no gigabyte");
            let [a, b, c, d] = length.to_be_bytes();
            [tag, 0x84, a, b, c, d]
        })
        .collect()
}

/// Some bytes that are no message.
fn noise(drawn: u64) -> Vec<u8> {
    drawn.to_be_bytes().iter().cycle().take((drawn % 300) as usize).copied().collect()
}

fn mixed(seed: u64, round: u64, number: usize) -> u64 {
    let mut x = seed ^ (round << 32) ^ number as u64;
    for _ in 0..3 {
        x = (x ^ (x >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    x
}
