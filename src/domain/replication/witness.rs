//! Entries whose last change is remembered: a directory that claims to have that change, and shows an
//! older entry, was set back to a backup.
//!
//! How far a directory says that it has got does not tell that alone: it goes on with the next write,
//! and where binds are written down that is the next bind.

use super::HowFar;
use crate::domain::change_number;
use crate::domain::csn;
use crate::proto::sync::{EntryUuid, uuid_from_text, uuid_text};
use std::collections::BTreeMap;
use std::fmt::Write;

/// How many entries are remembered.
const MAX_WITNESSES: usize = 8;

/// The entries that were changed last.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Witnesses {
    latest: BTreeMap<EntryUuid, String>,
}

/// What entries show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Testimony {
    /// Nothing: none of them is there, or the directory does not claim to have their changes.
    Silent,
    /// Those that are there are as new as they were.
    Consistent,
    /// One is older than it was.
    SetBack,
}

impl Witnesses {
    /// Which entries are remembered.
    pub fn uuids(&self) -> impl Iterator<Item = EntryUuid> {
        self.latest.keys().copied()
    }

    /// An entry was seen with this change number: a CSN, or a number as
    /// [`change_number::sortable`] writes it.
    pub fn note(&mut self, uuid: EntryUuid, csn: &str) {
        let known = self.latest.get(&uuid).map(String::as_str);
        let is_number = csn::is_csn(csn) || change_number::is_sortable(csn);
        if known.is_some_and(|known| known >= csn) || !is_number {
            return;
        }
        if known.is_none() && self.latest.len() >= MAX_WITNESSES {
            let oldest = self.latest.iter().min_by(|left, right| left.1.cmp(right.1));
            let Some((uuid, _)) = oldest.filter(|(_, oldest)| oldest.as_str() < csn) else {
                return;
            };
            let uuid = *uuid;
            self.latest.remove(&uuid);
        }
        self.latest.insert(uuid, csn.to_owned());
    }

    /// Hears what entries show by now; the directory said before that it had got as far as `claims`.
    pub fn testify<'a>(
        &self,
        claims: &HowFar,
        shown: impl IntoIterator<Item = (EntryUuid, &'a str)>,
    ) -> Testimony {
        let mut testimony = Testimony::Silent;
        for (uuid, now) in shown {
            let Some(before) = self.latest.get(&uuid).filter(|csn| has(claims, csn)) else {
                continue;
            };
            if is_earlier(now, before) {
                return Testimony::SetBack;
            }
            testimony = Testimony::Consistent;
        }
        testimony
    }

    /// As text, to be kept.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for (uuid, csn) in &self.latest {
            // writing to a string cannot fail
            let _ = writeln!(out, "{} {csn}", uuid_text(*uuid));
        }
        out
    }

    /// What was kept; what is no witness is left out.
    pub fn read(text: &str) -> Self {
        let mut witnesses = Self::default();
        for line in text.lines() {
            if let Some((uuid, csn)) = line.split_once(' ')
                && let Some(uuid) = uuid_from_text(uuid)
            {
                witnesses.note(uuid, csn);
            }
        }
        witnesses
    }
}

/// Whether a change is among those that a directory claims to have.
fn has(claims: &HowFar, number: &str) -> bool {
    match claims {
        HowFar::Csns(csns) => csns.has(number),
        HowFar::Numbers(numbers) => {
            change_number::is_sortable(number)
                && number <= change_number::sortable(numbers.number()).as_str()
        }
    }
}

fn is_earlier(now: &str, before: &str) -> bool {
    let are_numbers = [now, before].into_iter().all(change_number::is_sortable);
    if are_numbers { now < before } else { csn::is_earlier(now, before) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::change_number::{ChangeNumbers, sortable};
    use crate::domain::csn::CsnSet;

    fn csn(second: u32, server: u16) -> String {
        format!("202611270102{second:02}.000000Z#000000#{server:03x}#000000")
    }

    fn set(csns: &[(u32, u16)]) -> HowFar {
        let values: Vec<String> = csns.iter().map(|(at, server)| csn(*at, *server)).collect();
        HowFar::Csns(CsnSet::from_values(values.iter().map(String::as_bytes)).unwrap())
    }

    fn witnesses(seen: &[(u8, u32, u16)]) -> Witnesses {
        let mut witnesses = Witnesses::default();
        seen.iter().for_each(|(id, at, server)| witnesses.note([*id; 16], &csn(*at, *server)));
        witnesses
    }

    #[track_caller]
    fn check(claims: &[(u32, u16)], shown: &[(u8, u32, u16)], expected: Testimony) {
        let witnesses = witnesses(&[(1, 20, 1), (2, 30, 2)]);
        let shown: Vec<_> =
            shown.iter().map(|(id, at, server)| ([*id; 16], csn(*at, *server))).collect();
        let shown = shown.iter().map(|(uuid, csn)| (*uuid, csn.as_str()));
        assert_eq!(witnesses.testify(&set(claims), shown), expected);
    }

    #[test]
    fn an_entry_that_is_older_than_a_change_that_the_directory_claims_to_have_gives_it_away() {
        let all = [(40, 1), (40, 2)];
        check(&all, &[(1, 20, 1), (2, 30, 2)], Testimony::Consistent);
        check(&all, &[(1, 21, 1)], Testimony::Consistent);
        check(&all, &[(1, 21, 1), (2, 29, 2)], Testimony::SetBack);
        check(&all, &[(1, 5, 2)], Testimony::Consistent);
        check(&all, &[(9, 5, 1)], Testimony::Silent);
        check(&all, &[], Testimony::Silent);
    }

    #[test]
    fn a_server_of_a_cluster_that_lags_behind_is_not_one_that_was_set_back() {
        check(&[(40, 1), (29, 2)], &[(2, 29, 2)], Testimony::Silent);
        check(&[(40, 1)], &[(1, 20, 1), (2, 29, 2)], Testimony::Consistent);
    }

    #[test]
    fn numbers_of_one_server_tell_the_same() {
        let mut witnesses = Witnesses::default();
        witnesses.note([1; 16], &sortable(9));
        witnesses.note([2; 16], &sortable(10));
        let claims = |number| HowFar::Numbers(ChangeNumbers::new("dc1", number));
        let hear = |claimed, id: u8, shown| {
            let shown = sortable(shown);
            witnesses.testify(&claims(claimed), [([id; 16], shown.as_str())])
        };
        assert_eq!(hear(20, 1, 9), Testimony::Consistent);
        assert_eq!(hear(20, 2, 12), Testimony::Consistent);
        assert_eq!(hear(20, 2, 9), Testimony::SetBack);
        assert_eq!(hear(9, 2, 9), Testimony::Silent, "it does not claim to have that");
        assert_eq!(Witnesses::read(&witnesses.text()), witnesses);
    }

    #[test]
    fn the_latest_are_kept_each_at_its_latest_and_come_back_from_text() {
        let seen: Vec<(u8, u32, u16)> = (1..=20).map(|id| (id, u32::from(id) + 10, 0)).collect();
        let mut kept = witnesses(&seen);
        kept.note([20; 16], &csn(1, 0));
        kept.note([3; 16], &csn(1, 0));
        kept.note([4; 16], "no number");
        assert_eq!(kept, witnesses(&seen[12..]));
        assert_eq!(Witnesses::read(&kept.text()), kept);
        let odd = format!("x\n\n{} x\n{}", uuid_text([1; 16]), kept.text());
        assert_eq!(Witnesses::read(&odd), kept);
    }
}
