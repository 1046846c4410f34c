//! Change numbers of Active Directory and 389-ds (`uSNChanged`, `entryusn`), and how far servers have
//! got by them.
//!
//! Every change bears the next number of the server that wrote it down. A number says nothing of
//! another server, where the same change has another one; so how far a directory has got is told for
//! each server by itself.

use std::collections::BTreeMap;

/// What stands before the text of a set.
const HEAD: &str = "usn:";
/// The most servers that are remembered.
const MAX_SERVERS: usize = 256;
/// The longest name of a server.
const MAX_NAME: usize = 1024;
/// As many digits as the largest number has, so that text compares as numbers do.
const DIGITS: usize = 20;

/// What stands before the life of a database.
const LIFE: char = '#';

/// How far servers have got, and which of them said so last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeNumbers {
    at: String,
    /// What the server calls the database that it has now; empty where that is not known.
    life: String,
    latest: BTreeMap<String, u64>,
}

impl ChangeNumbers {
    /// A server has got as far as this.
    pub fn new(server: &str, number: u64) -> Self {
        let at = plain(server);
        Self { latest: BTreeMap::from([(at.clone(), number)]), at, life: String::new() }
    }

    /// The same of a database that the server calls like this: after a backup was restored, another.
    pub fn in_life(mut self, life: &str) -> Self {
        self.life = plain(life);
        self
    }

    /// The same server, when it had got so far.
    pub fn back_to(mut self, number: u64) -> Self {
        self.latest.insert(self.at.clone(), number);
        self
    }

    /// Whether it is known that the server has another database now than it had by `other`.
    pub fn is_another_life(&self, other: &Self) -> bool {
        let are_known = !self.life.is_empty() && !other.life.is_empty();
        are_known && self.at == other.at && self.life != other.life
    }

    /// The server that said so last.
    pub fn server(&self) -> &str {
        &self.at
    }

    /// How far that one has got.
    pub fn number(&self) -> u64 {
        self.latest.get(&self.at).copied().unwrap_or_default()
    }

    /// Whether the server that said this is at least as far as it was by `other`. Of a server of which
    /// that says nothing, nobody can tell that it is behind.
    pub fn covers(&self, other: &Self) -> bool {
        other.latest.get(&self.at).is_none_or(|number| *number <= self.number())
    }

    /// Whether that server has got exactly as far as another set asks for, which it has to name.
    pub fn has(&self, other: &Self) -> bool {
        self.at == other.at && other.number() <= self.number()
    }

    /// Takes the farther of both for each server; the other one was told last.
    pub fn advance(&mut self, other: &Self) {
        for (server, number) in &other.latest {
            if self.latest.len() >= MAX_SERVERS && !self.latest.contains_key(server) {
                self.latest.pop_first();
            }
            let known = self.latest.entry(server.clone()).or_default();
            *known = (*known).max(*number);
        }
        if self.at != other.at || !other.life.is_empty() {
            self.life.clone_from(&other.life);
        }
        self.at.clone_from(&other.at);
    }

    /// As text, to be kept.
    pub fn text(&self) -> String {
        let others = self.latest.iter().filter(|(server, _)| **server != self.at);
        let own = std::iter::once((&self.at, self.number()));
        let all = own.chain(others.map(|(server, number)| (server, *number)));
        let parts: Vec<String> = all.map(|(server, number)| format!("{number}@{server}")).collect();
        let life =
            if self.life.is_empty() { String::new() } else { format!("{LIFE}{}", self.life) };
        format!("{HEAD}{}{life}", parts.join(";"))
    }

    /// What was kept; `None` if that is no such set.
    pub fn read(text: &str) -> Option<Self> {
        let mut read: Option<Self> = None;
        let text = text.strip_prefix(HEAD)?;
        let (text, life) = text.split_once(LIFE).unwrap_or((text, ""));
        for part in text.split(';') {
            let (number, server) = part.split_once('@')?;
            let number = number.parse().ok()?;
            if server.len() > MAX_NAME {
                return None;
            }
            match &mut read {
                None => read = Some(Self::new(server, number)),
                Some(read) if read.latest.len() >= MAX_SERVERS => return None,
                Some(read) => drop(read.latest.insert(server.to_owned(), number)),
            }
        }
        read.map(|read| read.in_life(life))
    }
}

/// A name in which nothing stands that parts names.
fn plain(server: &str) -> String {
    let kept = server.chars().filter(|c| !matches!(*c, ';' | LIFE) && !c.is_control());
    let mut name: String = kept.collect::<String>().to_lowercase();
    while name.len() > MAX_NAME {
        name.pop();
    }
    name
}

/// A number as text that compares as the number does.
pub fn sortable(number: u64) -> String {
    format!("{number:0DIGITS$}")
}

/// Whether a text is such a number.
pub fn is_sortable(text: &str) -> bool {
    text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(server: &str, number: u64) -> ChangeNumbers {
        ChangeNumbers::new(server, number)
    }

    #[test]
    fn a_server_is_behind_what_it_was_itself_and_not_behind_another() {
        assert!(at("a", 5).covers(&at("a", 5)) && at("a", 6).covers(&at("a", 5)));
        assert!(!at("a", 4).covers(&at("a", 5)));
        assert!(at("b", 1).covers(&at("a", 5)), "nobody can tell");
        let mut seen = at("a", 5);
        seen.advance(&at("b", 9));
        assert!(!at("a", 4).covers(&seen) && !at("b", 8).covers(&seen) && at("b", 9).covers(&seen));
        seen.advance(&at("a", 3));
        assert_eq!((seen.server(), seen.number()), ("a", 5), "it does not go back by that");
    }

    #[test]
    fn a_copy_of_one_server_has_nothing_of_another() {
        assert!(at("a", 5).has(&at("A", 5)) && !at("a", 4).has(&at("a", 5)));
        assert!(!at("a", 9).has(&at("b", 5)));
    }

    #[test]
    fn a_database_that_was_put_in_the_place_of_another_is_told_by_its_name() {
        let old = at("a", 5).in_life("one");
        assert_eq!(ChangeNumbers::read(&old.text()), Some(old.clone()));
        assert!(at("a", 9).in_life("two").is_another_life(&old));
        assert!(!at("a", 9).in_life("one").is_another_life(&old));
        assert!(!at("a", 9).is_another_life(&old), "it does not say");
        assert!(!at("b", 9).in_life("two").is_another_life(&old), "it is another server");
        let mut seen = old;
        seen.advance(&at("a", 7));
        assert_eq!(seen, at("a", 7).in_life("one"));
    }

    #[test]
    fn what_is_no_such_text_is_not_read() {
        for odd in ["", "usn:", "usn:5", "usn:x@a", "usn:5@a;", "5@a", "rid=000,csn=x"] {
            assert_eq!(ChangeNumbers::read(odd), None, "{odd}");
        }
    }

    #[test]
    fn text_compares_as_numbers_do() {
        assert!(sortable(9) < sortable(10) && is_sortable(&sortable(u64::MAX)));
        assert!(!is_sortable("9") && !is_sortable("x0000000000000000000"));
    }

    proptest! {
        #[test]
        fn a_set_comes_back_from_its_text(servers in prop::collection::vec((".{0,9}", 0..9_u64), 1..5)) {
            let mut set = at("first", 1);
            servers.iter().for_each(|(server, number)| set.advance(&at(server, *number)));
            prop_assert_eq!(ChangeNumbers::read(&set.text()), Some(set));
        }

        #[test]
        fn no_text_panics(text: String) {
            let _ = ChangeNumbers::read(&format!("usn:{text}"));
        }
    }
}
