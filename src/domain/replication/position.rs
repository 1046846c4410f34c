//! How far a copy has got: the cookie to go on with, and what it says.

use crate::domain::change_number::ChangeNumbers;
use crate::domain::csn::CsnSet;

/// How far a directory, or its copy, has got, as that kind of directory counts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HowFar {
    /// By the changes of each server, which all servers know: OpenLDAP.
    Csns(CsnSet),
    /// By numbers of the server that was asked: Active Directory and 389-ds.
    Numbers(ChangeNumbers),
}

impl HowFar {
    /// Whether this is not behind `other`. Of different kinds of directories nothing can be said.
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Csns(own), Self::Csns(other)) => own.covers(other),
            (Self::Numbers(own), Self::Numbers(other)) => own.covers(other),
            _ => true,
        }
    }

    /// Whether whoever has got this far has all of `other`.
    pub fn has(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Csns(own), Self::Csns(other)) => own.covers(other),
            (Self::Numbers(own), Self::Numbers(other)) => own.has(other),
            _ => false,
        }
    }

    /// Takes the farther of both, part by part; that of another kind takes the place of this.
    pub fn advance(&mut self, other: &Self) {
        match (&mut *self, other) {
            (Self::Csns(own), Self::Csns(other)) => own.advance(other),
            (Self::Numbers(own), Self::Numbers(other)) => own.advance(other),
            _ => *self = other.clone(),
        }
    }

    /// As text, to be kept.
    pub fn text(&self) -> String {
        match self {
            Self::Csns(csns) => String::from_utf8_lossy(&csns.cookie()).into_owned(),
            Self::Numbers(numbers) => numbers.text(),
        }
    }

    /// What was kept, or what a cookie of OpenLDAP says.
    pub fn read(text: &str) -> Option<Self> {
        let numbers = || ChangeNumbers::read(text).map(Self::Numbers);
        CsnSet::from_cookie(text.as_bytes()).map(Self::Csns).or_else(numbers)
    }
}

/// How far a copy has got. A cookie is opaque unless it is slapd's, or one of our own.
///
/// slapd's cookie behind a change names the change's server alone. Whoever went on with that would
/// be given everything anew, so what the cookies say is put together here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Position {
    cookie: Option<Vec<u8>>,
    says: Option<HowFar>,
}

impl Position {
    /// Where a cookie leads.
    pub fn of(cookie: &[u8]) -> Self {
        let says = std::str::from_utf8(cookie).ok().and_then(HowFar::read);
        let own = says.as_ref().map(|says| says.text().into_bytes());
        Self { cookie: Some(own.unwrap_or_else(|| cookie.to_vec())), says }
    }

    /// Takes a further cookie of the same synchronisation.
    pub fn advance(&mut self, cookie: &[u8]) {
        match (&mut self.says, Self::of(cookie).says) {
            (Some(known), Some(further)) => {
                known.advance(&further);
                self.cookie = Some(known.text().into_bytes());
            }
            _ => *self = Self::of(cookie),
        }
    }

    /// What to go on with; `None` for the beginning.
    pub fn cookie(&self) -> Option<&[u8]> {
        self.cookie.as_deref()
    }

    /// How far that is; `None` where the cookie does not tell.
    pub fn says(&self) -> Option<&HowFar> {
        self.says.as_ref()
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
        assert_eq!(Position::of(b"opaque").says(), None);
        assert_eq!(Position::default().cookie(), None);
    }

    #[test]
    fn a_number_of_a_server_is_a_position_too_and_no_cookie_of_slapds() {
        check(&["usn:5@dc1", "usn:7@dc1"], "usn:7@dc1");
        let (csns, numbers) = (format!("rid=000,csn={ONE}"), "usn:5@dc1".to_owned());
        let read = |text: &str| HowFar::read(text).expect("it says how far");
        assert!(read(&csns).covers(&read(&numbers)) && !read(&csns).has(&read(&numbers)));
        assert_eq!((read(&csns).text(), read(&numbers).text()), (csns, numbers));
    }
}
