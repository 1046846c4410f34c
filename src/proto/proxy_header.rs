//! The header of the PROXY protocol, version 2: the first bytes that a balancer sends on a client's
//! behalf, before TLS and before LDAP.
//!
//! It is read in two steps, so that not a byte behind it is taken: the fixed part says how long the
//! rest is. Version 1 (text), datagrams and Unix sockets are refused; what follows the addresses is
//! looked at only as far as its lengths have to fit.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use thiserror::Error;

/// How many bytes the fixed part takes.
pub const FIXED_LENGTH: usize = 16;

/// The most bytes that may follow the fixed part: addresses, and what the balancer adds to them.
pub const MAX_REST: usize = 4096;

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
const LOCAL: u8 = 0x20;
const PROXY: u8 = 0x21;
const UNSPECIFIED: u8 = 0x00;
const TCP_OVER_IPV4: u8 = 0x11;
const TCP_OVER_IPV6: u8 = 0x21;

/// Why bytes are no header that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ProxyHeaderError {
    /// They do not begin with the signature.
    #[error("no PROXY protocol version 2 header")]
    NoHeader,
    /// Another version or command.
    #[error("unknown version or command {0:#04x}")]
    Command(u8),
    /// Neither TCP over IPv4 or IPv6, nor unspecified.
    #[error("unsupported transport {0:#04x}")]
    Transport(u8),
    /// More than [`MAX_REST`] bytes are announced.
    #[error("header of {0} bytes is too long")]
    TooLong(usize),
    /// The addresses do not fit into what was announced.
    #[error("addresses are cut short")]
    CutShort,
    /// What follows the addresses does not fit.
    #[error("field after the addresses is cut short")]
    BadField,
}

/// Where a connection comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// From whom it seems to: the balancer itself asks, or does not tell for whom.
    Itself,
    /// From this client.
    Client(SocketAddr),
}

/// The fixed part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProxyHeader {
    kind: Kind,
    rest: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Local,
    Unspecified,
    Ipv4,
    Ipv6,
}

impl ProxyHeader {
    /// Reads the fixed part.
    pub fn read(fixed: &[u8; FIXED_LENGTH]) -> Result<Self, ProxyHeaderError> {
        let (signature, fields) = fixed.split_at(SIGNATURE.len());
        if signature != SIGNATURE {
            return Err(ProxyHeaderError::NoHeader);
        }
        let kind = match (fields[0], fields[1]) {
            (LOCAL, _) => Kind::Local,
            (PROXY, UNSPECIFIED) => Kind::Unspecified,
            (PROXY, TCP_OVER_IPV4) => Kind::Ipv4,
            (PROXY, TCP_OVER_IPV6) => Kind::Ipv6,
            (PROXY, transport) => return Err(ProxyHeaderError::Transport(transport)),
            (command, _) => return Err(ProxyHeaderError::Command(command)),
        };
        let rest = usize::from(u16::from_be_bytes([fields[2], fields[3]]));
        if rest > MAX_REST {
            return Err(ProxyHeaderError::TooLong(rest));
        }
        Ok(Self { kind, rest })
    }

    /// How many bytes follow the fixed part; at most [`MAX_REST`].
    pub fn rest_length(self) -> usize {
        self.rest
    }

    /// Reads what follows the fixed part: exactly [`ProxyHeader::rest_length`] bytes.
    pub fn origin(self, rest: &[u8]) -> Result<Origin, ProxyHeaderError> {
        if rest.len() != self.rest {
            return Err(ProxyHeaderError::CutShort);
        }
        match self.kind {
            // Whatever a balancer adds to its own connections does not matter.
            Kind::Local | Kind::Unspecified => Ok(Origin::Itself),
            Kind::Ipv4 => client(rest, |bytes: [u8; 4]| Ipv4Addr::from(bytes).into()),
            Kind::Ipv6 => client(rest, |bytes: [u8; 16]| Ipv6Addr::from(bytes).into()),
        }
    }
}

/// Source and destination address, source and destination port, further fields.
fn client<const N: usize>(
    rest: &[u8],
    address: impl Fn([u8; N]) -> IpAddr,
) -> Result<Origin, ProxyHeaderError> {
    let (source, after) = rest.split_first_chunk().ok_or(ProxyHeaderError::CutShort)?;
    let (_, after) = after.split_first_chunk::<N>().ok_or(ProxyHeaderError::CutShort)?;
    let (ports, mut fields) = after.split_first_chunk::<4>().ok_or(ProxyHeaderError::CutShort)?;
    while let [_, high, low, values @ ..] = fields {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        fields = values.get(length..).ok_or(ProxyHeaderError::BadField)?;
    }
    if !fields.is_empty() {
        return Err(ProxyHeaderError::BadField);
    }
    let port = u16::from_be_bytes([ports[0], ports[1]]);
    Ok(Origin::Client(SocketAddr::new(address(*source), port)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(command: u8, transport: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, transport], &length, rest].concat()
    }

    fn parse(bytes: &[u8]) -> Result<Origin, ProxyHeaderError> {
        let (fixed, rest) = bytes.split_first_chunk().ok_or(ProxyHeaderError::CutShort)?;
        ProxyHeader::read(fixed)?.origin(rest)
    }

    #[track_caller]
    fn check(bytes: &[u8], expected: Result<Origin, ProxyHeaderError>) {
        assert_eq!(parse(bytes), expected, "{bytes:02x?}");
    }

    fn ipv4() -> Vec<u8> {
        vec![10, 1, 2, 3, 10, 0, 0, 1, 0x12, 0x34, 1, 0x85]
    }

    #[test]
    fn a_client_is_told_over_either_internet_protocol() {
        let from = |text: &str| Ok(Origin::Client(text.parse().unwrap()));
        check(&header(PROXY, 0x11, &ipv4()), from("10.1.2.3:4660"));
        let mut ipv6 = vec![0; 36];
        (ipv6[0], ipv6[1], ipv6[15], ipv6[33]) = (0x20, 0x01, 7, 9);
        check(&header(PROXY, 0x21, &ipv6), from("[2001::7]:9"));
    }

    #[test]
    fn fields_after_the_addresses_are_skipped_if_they_fit() {
        let with = |fields: &[u8]| header(PROXY, 0x11, &[&ipv4(), fields].concat());
        let client = Ok(Origin::Client("10.1.2.3:4660".parse().unwrap()));
        check(&with(&[4, 0, 0]), client);
        check(&with(&[1, 0, 2, b'h', b'2', 0xee, 0, 1, 0]), client);
        for cut in [&[4][..], &[4, 0], &[4, 0, 1], &[4, 0xff, 0xff, 1], &[4, 0, 0, 1]] {
            check(&with(cut), Err(ProxyHeaderError::BadField));
        }
    }

    #[test]
    fn a_balancers_own_connection_is_its_own() {
        for rest in [&[][..], &ipv4(), &[1, 2, 3]] {
            check(&header(LOCAL, 0, rest), Ok(Origin::Itself));
            check(&header(LOCAL, 0x31, rest), Ok(Origin::Itself));
            check(&header(PROXY, 0, rest), Ok(Origin::Itself));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        check(b"PROXY TCP4 10.1.2.3 10.0.0.1 1 2\r\n", Err(ProxyHeaderError::NoHeader));
        check(&[0x30; 16], Err(ProxyHeaderError::NoHeader));
        for command in [0x00, 0x10, 0x11, 0x22, 0x2f, 0x31, 0xff] {
            check(&header(command, 0x11, &ipv4()), Err(ProxyHeaderError::Command(command)));
        }
        for transport in [0x01, 0x10, 0x12, 0x13, 0x20, 0x22, 0x31, 0x32, 0x41, 0xff] {
            let refused = Err(ProxyHeaderError::Transport(transport));
            check(&header(PROXY, transport, &ipv4()), refused);
        }
        for length in 0..12 {
            check(&header(PROXY, 0x11, &ipv4()[..length]), Err(ProxyHeaderError::CutShort));
        }
        check(&header(PROXY, 0x21, &ipv4()), Err(ProxyHeaderError::CutShort));
        let long = header(LOCAL, 0, &vec![0; MAX_REST + 1]);
        check(&long, Err(ProxyHeaderError::TooLong(MAX_REST + 1)));
        check(&header(LOCAL, 0, &vec![0; MAX_REST]), Ok(Origin::Itself));
    }

    proptest! {
        /// No byte string panics, and only what bears the whole signature is taken.
        #[test]
        fn every_byte_string_is_a_header_or_is_refused(
            bytes: Vec<u8>,
            command in prop_oneof![Just(LOCAL), Just(PROXY), any::<u8>()],
            transport in prop_oneof![Just(0x11u8), Just(0x21u8), any::<u8>()],
        ) {
            let is_signed = bytes.starts_with(&SIGNATURE);
            prop_assert!(parse(&bytes).is_err() || is_signed);
            let signed = header(command, transport, &bytes);
            match parse(&signed) {
                Ok(Origin::Client(_)) => prop_assert!(command == PROXY && bytes.len() >= 12),
                Ok(Origin::Itself) => prop_assert!(command == LOCAL || transport == 0),
                Err(_) => prop_assert!(command != LOCAL),
            }
        }

        #[test]
        fn a_changed_byte_of_the_signature_makes_it_none(at in 0..SIGNATURE.len(), byte: u8) {
            let mut bytes = header(PROXY, 0x11, &ipv4());
            prop_assume!(bytes[at] != byte);
            bytes[at] = byte;
            prop_assert_eq!(parse(&bytes), Err(ProxyHeaderError::NoHeader));
        }
    }
}
