//! Values as text: durations, sizes, addresses, URLs, names.

use crate::domain::policy::Flatten;
use crate::domain::source::Network;
use crate::upstream::{Scheme, ServerUrl};
use std::net::{Ipv6Addr, SocketAddr};
use std::ops::Range;
use std::time::Duration;

/// The longest name of a directory or user type, in bytes.
const MAX_NAME: usize = 64;
/// The most levels that `flatten = "depth:N"` takes.
const MAX_FLATTEN_DEPTH: usize = 1000;

/// Why a value is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mistake {
    /// What is wrong.
    pub(super) what: String,
    /// What would be right.
    pub(super) help: String,
    /// The bytes of the string that are wrong; all of it if there is none.
    pub(super) within: Option<Range<usize>>,
}

impl Mistake {
    pub(super) fn new(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { what: what.into(), help: help.into(), within: None }
    }

    /// The same about some bytes of the string only.
    pub(super) fn at(mut self, bytes: Range<usize>) -> Self {
        self.within = Some(bytes);
        self
    }
}

/// Reads a duration: a whole number and a unit.
pub(super) fn duration(text: &str) -> Result<Duration, Mistake> {
    let help =
        "a whole number with a unit: ms, s, m, h or d, for example \"50ms\", \"10s\", \"5m\"";
    let wrong = || Mistake::new(format!("\"{text}\" is no duration"), help);
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    number.checked_mul(milliseconds).map(Duration::from_millis).ok_or_else(wrong)
}

/// Writes a duration the way that it is read.
pub(super) fn show_duration(milliseconds: u64) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")];
    match units.iter().find(|(unit, _)| milliseconds >= *unit && milliseconds.is_multiple_of(*unit))
    {
        Some((unit, name)) => format!("{}{name}", milliseconds / unit),
        None if milliseconds == 0 => "0s".to_owned(),
        None => format!("{milliseconds}ms"),
    }
}

/// Reads a size: a whole number of bytes, or one with a binary unit.
pub(super) fn size(text: &str) -> Result<u64, Mistake> {
    let help = "a whole number of bytes, or one with KiB, MiB or GiB, for example \"16MiB\"";
    let wrong = || Mistake::new(format!("\"{text}\" is no size"), help);
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let bytes: u64 = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(wrong()),
    };
    number.checked_mul(bytes).ok_or_else(wrong)
}

/// Writes a size the way that it is read.
pub(super) fn show_size(bytes: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.iter().find(|(unit, _)| bytes >= *unit && bytes.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("{}{name}", bytes / unit),
        None => bytes.to_string(),
    }
}

/// Reads an address to listen on.
pub(super) fn address(text: &str) -> Result<SocketAddr, Mistake> {
    text.parse().map_err(|_| {
        Mistake::new(
            format!("\"{text}\" is no address to listen on"),
            "an IP address and a port, for example \"127.0.0.1:389\", \"0.0.0.0:389\" or \"[::]:389\"; \
             names are not looked up",
        )
    })
}

/// Reads a network.
pub(super) fn network(text: &str) -> Result<Network, Mistake> {
    Network::parse(text).ok_or_else(|| {
        Mistake::new(
            format!("\"{text}\" is no network"),
            "an IP address, or the first address of a network and its bits, for example \
             \"192.0.2.7\", \"10.0.0.0/8\" or \"2001:db8::/32\"",
        )
    })
}

/// Reads the URL of a directory's server.
pub(super) fn server_url(text: &str) -> Result<ServerUrl, Mistake> {
    let help = "ldap://HOST, ldap://HOST:PORT, ldaps://HOST or ldaps://HOST:PORT; an IPv6 address \
                stands in brackets";
    let wrong = |why: &str| Mistake::new(format!("\"{text}\" is no URL of a server: {why}"), help);
    let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong("it has no scheme"))?;
    let scheme_end = scheme.len();
    let (scheme, default_port) = match scheme.to_ascii_lowercase().as_str() {
        "ldap" => (Scheme::Ldap, 389),
        "ldaps" => (Scheme::Ldaps, 636),
        "ldapi" => return Err(wrong("ldapi is not available in this version").at(0..scheme_end)),
        _ => return Err(wrong("its scheme is neither ldap nor ldaps").at(0..scheme_end)),
    };
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    let from = scheme_end + 3;
    if let Some(odd) = authority.find(['/', '?', '#', '@']) {
        let why = "only a host and a port may follow the scheme";
        return Err(wrong(why).at(from + odd..text.len()));
    }
    let (host, port) = split_port(authority).map_err(wrong)?;
    let port = match port {
        None => default_port,
        Some(port) => match port.parse() {
            Ok(0) | Err(_) => return Err(wrong("its port is not between 1 and 65535")),
            Ok(port) => port,
        },
    };
    Ok(ServerUrl { scheme, host: host.to_owned(), port })
}

/// Host and port of `host`, `host:port`, `[address]` or `[address]:port`.
fn split_port(authority: &str) -> Result<(&str, Option<&str>), &'static str> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or("a bracket is not closed")?;
        host.parse::<Ipv6Addr>().map_err(|_| "no IPv6 address stands in the brackets")?;
        return match after.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if after.is_empty() => Ok((host, None)),
            None => Err("something other than a port follows the brackets"),
        };
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    match host {
        "" => Err("it has no host"),
        _ if !host.bytes().all(allowed) => Err("its host has characters that no host name has"),
        _ => Ok((host, port)),
    }
}

/// Reads the name of a directory or user type.
pub(super) fn name(text: &str) -> Result<String, Mistake> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if text.is_empty() || text.len() > MAX_NAME || !text.bytes().all(allowed) {
        return Err(Mistake::new(
            format!("\"{text}\" is no name"),
            format!("1 to {MAX_NAME} letters, digits, \"-\", \"_\" or \".\""),
        ));
    }
    Ok(text.to_owned())
}

/// Reads an attribute description (RFC 4512 section 2.5), in the spelling that is sent.
pub(super) fn attribute(text: &str) -> Result<String, Mistake> {
    let keychar = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let mut parts = text.split(';');
    let kind = parts.next().unwrap_or_default();
    let named =
        kind.starts_with(|first: char| first.is_ascii_alphabetic()) && kind.bytes().all(keychar);
    let numbered = kind.contains('.')
        && kind.split('.').all(|arc| !arc.is_empty() && arc.bytes().all(|b| b.is_ascii_digit()));
    let options = parts.all(|option| !option.is_empty() && option.bytes().all(keychar));
    if (named || numbered) && options {
        return Ok(text.to_owned());
    }
    Err(Mistake::new(
        format!("\"{text}\" is no attribute"),
        "letters, digits and \"-\", beginning with a letter, or an OID; for example \"cn\" or \"member\"",
    ))
}

/// Reads the mode in which groups are flattened.
pub(super) fn flatten(text: &str) -> Result<Flatten, Mistake> {
    let depth = |number: &str| match number.parse() {
        Ok(levels @ 1..=MAX_FLATTEN_DEPTH) => Some(Flatten::Depth(levels)),
        _ => None,
    };
    match text {
        "direct" => Some(Flatten::Direct),
        "ancestors" => Some(Flatten::Ancestors),
        "leaf" => Some(Flatten::Leaf),
        "mapped" => Some(Flatten::Mapped),
        _ => text.strip_prefix("depth:").and_then(depth),
    }
    .ok_or_else(|| {
        Mistake::new(
            format!("\"{text}\" is no way to flatten groups"),
            format!(
                "one of: direct, ancestors, depth:N (N is 1 to {MAX_FLATTEN_DEPTH}), leaf, mapped"
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_whole_numbers_with_a_unit() {
        for (text, milliseconds) in
            [("50ms", 50), ("2s", 2000), ("5m", 300_000), ("1h", 3_600_000), ("0s", 0)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in [
            "",
            "5",
            "s",
            "1.5s",
            "-1s",
            " 1s",
            "1 s",
            "1S",
            "99999999999999999999s",
            "9999999999999999d",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_bytes_or_have_a_binary_unit() {
        for (text, bytes) in
            [("7", 7), ("7B", 7), ("2KiB", 2048), ("1MiB", 1 << 20), ("3GiB", 3 << 30)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "MiB", "1MB", "1M", "1.5MiB", "-1", "99999999999GiB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_server_url_is_a_scheme_a_host_and_perhaps_a_port() {
        let url = |scheme, host: &str, port| Ok(ServerUrl { scheme, host: host.to_owned(), port });
        assert_eq!(server_url("ldap://dc1"), url(Scheme::Ldap, "dc1", 389));
        assert_eq!(
            server_url("LDAPS://dc1.example.com/"),
            url(Scheme::Ldaps, "dc1.example.com", 636)
        );
        assert_eq!(server_url("ldap://[::1]:3890"), url(Scheme::Ldap, "::1", 3890));
        for text in [
            "",
            "dc1",
            "dc1:389",
            "http://dc1",
            "ldap://",
            "ldap://:389",
            "ldap://dc1:0",
            "ldap://dc1:65536",
            "ldap://dc1:x",
            "ldap://dc1:",
            "ldap://user@dc1",
            "ldap://dc1/dc=example",
            "ldap://dc1?x",
            "ldap://[::1",
            "ldap://[dc1]",
            "ldap://[::1]x",
            "ldap://::1",
            "ldap://d c",
            "ldapi://%2frun",
        ] {
            assert!(server_url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_and_attributes_keep_to_their_letters() {
        assert!(name("corp-1.staff_x").is_ok());
        for text in ["", "a/b", "a b", "ä", &"x".repeat(65)] {
            assert!(name(text).is_err(), "{text}");
        }
        for text in ["cn", "userCertificate;binary", "2.5.4.3", "x-y"] {
            assert!(attribute(text).is_ok(), "{text}");
        }
        for text in ["", "1cn", "c n", "cn;", "2.5.", "2", "cn=", "*"] {
            assert!(attribute(text).is_err(), "{text}");
        }
    }

    #[test]
    fn flattening_is_one_of_five_ways() {
        assert_eq!(flatten("depth:2"), Ok(Flatten::Depth(2)));
        assert_eq!(flatten("leaf"), Ok(Flatten::Leaf));
        for text in ["", "depth:0", "depth:", "depth:1001", "all"] {
            assert!(flatten(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(number in 0u64..1 << 45) {
            prop_assert_eq!(size(&show_size(number)), Ok(number));
            prop_assert_eq!(duration(&show_duration(number)), Ok(Duration::from_millis(number)));
        }

        #[test]
        fn no_text_makes_a_reader_panic(text in any::<String>()) {
            let _ = (duration(&text), size(&text), address(&text), server_url(&text));
            let _ = (network(&text), name(&text), attribute(&text), flatten(&text));
        }
    }
}
