//! Change sequence numbers of OpenLDAP, and how far a set of servers has got.
//!
//! Every change bears the CSN that its server gave it: time, count, server id, modification. What
//! a server has seen is the latest CSN of each server id (`contextCSN`). Two such sets compare id
//! by id, on whichever server they were read.

use std::cmp::Ordering;
use std::collections::BTreeMap;

/// The longest CSN that is read.
const MAX_LENGTH: usize = 64;
/// The most server ids: slapd allows 4095.
const MAX_SERVERS: usize = 4096;

/// The server id in a cookie of slapd; `None` if it names none.
pub fn server_in_cookie(cookie: &[u8]) -> Option<u16> {
    let text = std::str::from_utf8(cookie).ok()?;
    let server = text.split(',').find_map(|field| field.strip_prefix("sid="))?;
    u16::from_str_radix(server, 16).ok()
}

/// The latest changes that are known, by the server that made them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CsnSet {
    latest: BTreeMap<u16, String>,
}

impl CsnSet {
    /// The set of the values of `contextCSN`; `None` if one of them is no CSN, or there are none.
    pub fn from_values<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Option<Self> {
        let mut set = Self::default();
        for value in values {
            let (server, csn) = read(std::str::from_utf8(value).ok()?)?;
            set.note(server, csn);
        }
        (!set.latest.is_empty() && set.latest.len() <= MAX_SERVERS).then_some(set)
    }

    /// The set in a cookie of slapd (`rid=001,sid=001,csn=a;b`); `None` if the cookie is another
    /// kind or says none.
    pub fn from_cookie(cookie: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(cookie).ok()?;
        let csns = text.split(',').find_map(|field| field.strip_prefix("csn="))?;
        Self::from_values(csns.split(';').map(str::as_bytes))
    }

    /// The set as a cookie that any server of the cluster understands. It names no server: slapd
    /// keeps from a consumer that bears a server's id what came by way of that server.
    pub fn cookie(&self) -> Vec<u8> {
        let csns: Vec<&str> = self.latest.values().map(String::as_str).collect();
        format!("rid=000,csn={}", csns.join(";")).into_bytes()
    }

    /// Whether this is at least as far as `other`, for each server.
    pub fn covers(&self, other: &Self) -> bool {
        other.latest.iter().all(|(server, csn)| {
            self.latest.get(server).is_some_and(|mine| compare(mine, csn) != Ordering::Less)
        })
    }

    /// Takes the later of both, for each server.
    pub fn advance(&mut self, other: &Self) {
        other.latest.iter().for_each(|(server, csn)| self.note(*server, csn));
    }

    fn note(&mut self, server: u16, csn: &str) {
        let latest = self.latest.entry(server).or_default();
        if compare(latest, csn) == Ordering::Less {
            csn.clone_into(latest);
        }
    }
}

/// The server id of a CSN, and the CSN: `20261127010203.123456Z#000000#001#000000`.
fn read(text: &str) -> Option<(u16, &str)> {
    let mut fields = text.split('#');
    let (time, count) = (fields.next()?, fields.next()?);
    let (server, modification) = (fields.next()?, fields.next()?);
    let is_hex = |field: &str| !field.is_empty() && field.bytes().all(|b| b.is_ascii_hexdigit());
    let is_time = time.ends_with('Z') && time.len() > 14 && time.is_ascii();
    let is_sound = fields.next().is_none() && is_time && is_hex(count) && is_hex(modification);
    let server = u16::from_str_radix(server, 16).ok()?;
    (is_sound && text.len() <= MAX_LENGTH).then_some((server, text))
}

/// Which of two CSNs of one server is later: their fields have fixed widths, so text compares as
/// time does. The empty one is before all.
fn compare(left: &str, right: &str) -> Ordering {
    left.cmp(right)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn csn(second: u32, server: u16) -> String {
        format!("202611270102{second:02}.000000Z#000000#{server:03x}#000000")
    }

    fn set(csns: &[(u32, u16)]) -> CsnSet {
        let values: Vec<String> =
            csns.iter().map(|(second, server)| csn(*second, *server)).collect();
        CsnSet::from_values(values.iter().map(String::as_bytes)).unwrap()
    }

    #[test]
    fn sets_compare_server_by_server() {
        let (old, new) = (set(&[(1, 1), (5, 2)]), set(&[(2, 1), (5, 2)]));
        assert!(new.covers(&old) && !old.covers(&new) && old.covers(&old));
        assert!(!set(&[(9, 1)]).covers(&old), "nothing is known of the second server");
        assert!(new.covers(&set(&[(2, 1)])));
        let mut both = set(&[(9, 1)]);
        both.advance(&old);
        assert_eq!(both, set(&[(9, 1), (5, 2)]));
    }

    #[test]
    fn slapds_cookie_bears_a_set_and_others_do_not() {
        let cookie = format!("rid=001,sid=002,csn={};{}", csn(1, 1), csn(5, 2));
        assert_eq!(CsnSet::from_cookie(cookie.as_bytes()), Some(set(&[(1, 1), (5, 2)])));
        for odd in ["", "rid=001", "rid=001,csn=", "rid=001,csn=x", "\u{fe}"] {
            assert_eq!(CsnSet::from_cookie(odd.as_bytes()), None, "{odd}");
        }
    }

    #[test]
    fn a_cookie_of_our_own_says_the_same_and_names_no_server() {
        let set = set(&[(1, 0), (5, 2), (3, 0xfff)]);
        let cookie = set.cookie();
        assert_eq!(CsnSet::from_cookie(&cookie), Some(set));
        assert!(!String::from_utf8_lossy(&cookie).contains("sid="));
    }

    #[test]
    fn what_is_no_csn_makes_no_set() {
        for odd in [
            "",
            "Z",
            "20261127010203.000000Z#0#1",
            "20261127010203.000000Z#0#zz#0",
            "20261127010203.000000Z#000000#001#000000#",
            "20261127010203#000000#001#000000",
        ] {
            assert_eq!(CsnSet::from_values([odd.as_bytes()]), None, "{odd}");
        }
        assert_eq!(CsnSet::from_values(std::iter::empty::<&[u8]>()), None);
    }
}
