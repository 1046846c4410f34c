//! How far a copy has got: the cookie to go on with, and what it says.

use crate::domain::csn::CsnSet;

/// How far a copy has got. A cookie is opaque unless it is slapd's.
///
/// slapd's cookie behind a change names the change's server alone. Whoever went on with that would
/// be given everything anew, so what the cookies say is put together here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Position {
    cookie: Option<Vec<u8>>,
    csns: Option<CsnSet>,
}

impl Position {
    /// Where a cookie leads.
    pub fn of(cookie: &[u8]) -> Self {
        let csns = CsnSet::from_cookie(cookie);
        let own = csns.as_ref().map(CsnSet::cookie);
        Self { cookie: Some(own.unwrap_or_else(|| cookie.to_vec())), csns }
    }

    /// Takes a further cookie of the same synchronisation.
    pub fn advance(&mut self, cookie: &[u8]) {
        match (&mut self.csns, CsnSet::from_cookie(cookie)) {
            (Some(known), Some(further)) => {
                known.advance(&further);
                self.cookie = Some(known.cookie());
            }
            _ => *self = Self::of(cookie),
        }
    }

    /// What to go on with; `None` for the beginning.
    pub fn cookie(&self) -> Option<&[u8]> {
        self.cookie.as_deref()
    }

    /// What is known of each server's changes; `None` where the cookie does not tell.
    pub fn csns(&self) -> Option<&CsnSet> {
        self.csns.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "20261127010201.000000Z#000000#001#000000";
    const ONE_LATER: &str = "20261127010205.000000Z#000000#001#000000";
    const TWO: &str = "20261127010203.000000Z#000000#002#000000";

    #[track_caller]
    fn check(cookies: &[&str], expected: &str) {
        let mut position = Position::default();
        cookies.iter().for_each(|cookie| position.advance(cookie.as_bytes()));
        assert_eq!(position.cookie(), Some(expected.as_bytes()));
    }

    #[test]
    fn a_cookie_that_names_one_server_does_not_make_the_others_forgotten() {
        let all = format!("rid=000,sid=001,csn={ONE};{TWO}");
        let one = format!("rid=000,sid=001,csn={ONE_LATER}");
        check(&[&all, &one], &format!("rid=000,csn={ONE_LATER};{TWO}"));
        check(&[&one, &all], &format!("rid=000,csn={ONE_LATER};{TWO}"));
    }

    #[test]
    fn another_servers_cookie_is_kept_as_it_is() {
        check(&["opaque"], "opaque");
        check(&["opaque", "more"], "more");
        check(&[&format!("csn={ONE}"), "opaque"], "opaque");
        assert_eq!(Position::of(b"opaque").csns(), None);
        assert_eq!(Position::default().cookie(), None);
    }
}
