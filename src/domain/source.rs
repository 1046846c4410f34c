//! Where a client comes from, as far as limits go: who counts as one, and which networks are meant.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How many bits of an IPv6 address tell one source from another: whoever has one address has all
/// those of its network.
const IPV6_BITS: u8 = 64;

/// Who counts as one: an IPv4 address, or the /64 network of an IPv6 address. An IPv4 address
/// within an IPv6 one counts as itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Source(IpAddr);

impl Source {
    /// The source that an address belongs to.
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(masked6(address, IPV6_BITS))),
        })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => write!(f, "{address}"),
            IpAddr::V6(address) => write!(f, "{address}/{IPV6_BITS}"),
        }
    }
}

/// A network: an address and how many of its bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = if self.address.is_ipv4() { 32 } else { 128 };
        match self.bits == most {
            true => write!(f, "{}", self.address),
            false => write!(f, "{}/{}", self.address, self.bits),
        }
    }
}

impl Network {
    /// Reads `ADDRESS` or `ADDRESS/BITS`; bits that do not count have to be 0. `None` if it is no
    /// network.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => most,
            // Neither "+8" nor "" nor "08": a network has one spelling of its bits.
            Some(text) => text.parse().ok().filter(|bits: &u8| bits.to_string() == text)?,
        };
        let network = Self { address, bits };
        (bits <= most && network.masked(address) == Some(address)).then_some(network)
    }

    /// Whether an address lies in it; an IPv4 address within an IPv6 one counts as itself.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.masked(address.to_canonical()) == Some(self.address)
    }

    /// Whether all of another network lies in it.
    pub fn covers(&self, other: &Self) -> bool {
        self.bits <= other.bits && self.masked(other.address) == Some(self.address)
    }

    /// The network's part of an address; `None` if it is of the other kind.
    fn masked(&self, address: IpAddr) -> Option<IpAddr> {
        match (self.address, address) {
            (IpAddr::V4(_), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                Some(IpAddr::V4(Ipv4Addr::from(u32::from(address) & mask)))
            }
            (IpAddr::V6(_), IpAddr::V6(address)) => {
                Some(IpAddr::V6(Ipv6Addr::from(masked6(address, self.bits))))
            }
            _ => None,
        }
    }
}

fn masked6(address: Ipv6Addr, bits: u8) -> u128 {
    u128::from(address) & u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_source_is_an_ipv4_address_or_an_ipv6_network() {
        for (address, source) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2::", "2001:db8:1:2::/64"),
            ("2001:db8:1:3::", "2001:db8:1:3::/64"),
            ("::1", "::/64"),
        ] {
            assert_eq!(Source::of(ip(address)).to_string(), source);
        }
    }

    #[track_caller]
    fn check(network: &str, inside: &[&str], outside: &[&str]) {
        let network = Network::parse(network).unwrap();
        inside.iter().for_each(|address| assert!(network.contains(ip(address)), "{address}"));
        outside.iter().for_each(|address| assert!(!network.contains(ip(address)), "{address}"));
    }

    #[test]
    fn a_network_is_shown_as_it_is_read() {
        for text in ["192.0.2.7", "192.0.2.0/24", "0.0.0.0/0", "::1", "2001:db8::/32"] {
            assert_eq!(Network::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_network_contains_what_its_bits_say() {
        check("10.0.0.0/8", &["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"], &["11.0.0.0"]);
        check("10.1.2.3", &["10.1.2.3"], &["10.1.2.2", "::a01:203"]);
        check("0.0.0.0/0", &["0.0.0.0", "255.255.255.255"], &["::1"]);
        check("2001:db8::/32", &["2001:db8::1", "2001:db8:ffff::"], &["2001:db9::", "10.0.0.1"]);
        check("::/0", &["::1", "ffff::"], &["10.0.0.1", "::ffff:10.0.0.1"]);
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in
            ["", "/", "10", "10.0.0.0/", "10.0.0.0/33", "10.0.0.1/8", "::/129", "::1/64", "a/8"]
        {
            assert_eq!(Network::parse(text), None, "{text}");
        }
        for text in ["10.0.0.0/+8", "10.0.0.0/08", "10.0.0.0/-1", "10.0.0.0/8/8", "10.0.0.0 /8"] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_address_lies_in_its_own_network(bytes: u128, bits in 0u8..=128) {
            let address = Ipv6Addr::from(bytes);
            let start = Ipv6Addr::from(masked6(address, bits));
            let network = Network::parse(&format!("{start}/{bits}")).unwrap();
            prop_assume!(address.to_ipv4_mapped().is_none());
            prop_assert!(network.contains(address.into()));
        }
    }
}
