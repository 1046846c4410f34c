//! The company: groups in ten levels, some of them in cycles, and users in about eight of them.
//!
//! Everything follows from numbers and a seed, so that an entry can be made, forgotten and made
//! again.

use bindgate::domain::membership::{GroupEntry, MemberKey, UserEntry};
use bindgate::domain::record::{Group, UpstreamId};
use bindgate::proto::dn::{DistinguishedName, NormalizedDn};
use std::collections::HashSet;

/// Levels; level 0 is at the top.
pub(crate) const LEVELS: u32 = 10;
/// Each level has so many times the groups of the one above.
const WIDER: f64 = 1.4;
/// One group in so many is held by two others.
const TWICE_HELD: u64 = 7;
/// Groups of a cycle, of which each has its own: a group, what holds it, and what holds that.
const CYCLE: u32 = 3;
/// Members of the groups that hold most: one group in a thousand.
pub(crate) const MOST: u64 = 10_000;
/// Members of one group in a hundred.
pub(crate) const MANY: u64 = 1_000;
/// The others have up to so many.
const FEW: u64 = 120;
/// What is made of user numbers, to tell them from group numbers.
const USER: u64 = 1 << 40;

/// The company.
#[derive(Debug)]
pub(crate) struct Company {
    pub(crate) groups: u32,
    pub(crate) users: u32,
    seed: u64,
    /// Where each level begins, and the end of the last.
    starts: Vec<u32>,
    /// The groups that each group holds.
    below: Vec<Vec<u32>>,
    /// How many groups are in cycles.
    pub(crate) in_cycles: u32,
}

impl Company {
    pub(crate) fn new(groups: u32, users: u32, seed: u64) -> Self {
        let shares: Vec<f64> = (0..LEVELS).map(|level| WIDER.powi(level as i32)).collect();
        let all: f64 = shares.iter().sum();
        let mut starts = vec![0];
        let mut sum = 0.0;
        for share in shares {
            sum += share;
            starts.push((f64::from(groups) * sum / all).round() as u32);
        }
        let below = vec![Vec::new(); groups as usize];
        let mut company = Self { groups, users, seed, starts, below, in_cycles: 0 };
        company.nest();
        company
    }

    /// Puts each group below the top into one or two of the level above, and every hundredth group
    /// into a cycle.
    fn nest(&mut self) {
        let cycles = self.groups / 100 / CYCLE;
        for level in 1..LEVELS as usize {
            for group in self.starts[level]..self.starts[level + 1] {
                let holders = 1 + u64::from(self.mixed(group.into(), 1).is_multiple_of(TWICE_HELD));
                for nth in 0..holders {
                    let holder = self.holder(group, level, nth);
                    self.below[holder as usize].push(group);
                }
            }
        }
        for nth in 0..cycles {
            // In the lower levels groups have enough of others around them to be on their own.
            let level = 4 + nth as usize % (LEVELS as usize - 4);
            let within = self.starts[level + 1] - self.starts[level];
            let group = self.starts[level] + (self.mixed(nth.into(), 2) % u64::from(within)) as u32;
            let top = self.holder(self.holder(group, level, 0), level - 1, 0);
            self.below[group as usize].push(top);
        }
        self.in_cycles = cycles * CYCLE;
    }

    fn holder(&self, group: u32, level: usize, nth: u64) -> u32 {
        let (start, end) = (self.starts[level - 1], self.starts[level]);
        start + (self.mixed(group.into(), 3 + nth) % u64::from(end - start)) as u32
    }

    /// How many users a group is made to hold.
    pub(crate) fn size(&self, group: u32) -> u64 {
        match self.mixed(group.into(), 5) % 1000 {
            0 => MOST.min(u64::from(self.users) / 2),
            1..=10 => MANY,
            _ => 1 + self.mixed(group.into(), 6) % FEW,
        }
    }

    /// A group with all its members.
    pub(crate) fn group(&self, number: u32) -> GroupEntry {
        let dn = group_dn(number);
        let group = Group {
            id: self.id(number.into()),
            dn: dn.as_str().to_owned(),
            name: format!("Group {number:07}"),
        };
        let groups = self.below[number as usize].iter().map(|below| group_dn(*below));
        let users = self.members(number).into_iter().map(user_dn);
        let members = groups.chain(users).map(|dn| MemberKey::Dn(dn.normalized().clone()));
        GroupEntry { group, dn: dn.normalized().clone(), members: members.collect() }
    }

    /// The users who are in a group, each once: the values of an attribute are a set (RFC 4512 2.2).
    fn members(&self, group: u32) -> Vec<u32> {
        let mut seen = HashSet::new();
        let drawn = (0..).map(|nth| self.member(group, nth)).filter(|user| seen.insert(*user));
        drawn.take(self.size(group) as usize).collect()
    }

    /// Somebody who is not in a group.
    pub(crate) fn stranger(&self, group: u32, nth: u64) -> u32 {
        let members: HashSet<u32> = self.members(group).into_iter().collect();
        let first = (self.mixed(nth, 21) % u64::from(self.users)) as u32;
        let mut users = (0..self.users).map(|step| (first + step) % self.users);
        users.find(|user| !members.contains(user)).unwrap_or(first)
    }

    /// A user who is drawn for a group. Small numbers are in more groups than large ones: the first of a
    /// million in hundreds, every second one in less than seven.
    fn member(&self, group: u32, nth: u64) -> u32 {
        let random = self.mixed(u64::from(group) << 20 | nth, 7) >> 11;
        let share = random as f64 / (1_u64 << 53) as f64;
        ((f64::from(self.users) * share.powf(1.5)) as u32).min(self.users - 1)
    }

    pub(crate) fn user(&self, number: u32) -> UserEntry {
        UserEntry {
            id: self.id(USER | u64::from(number)),
            dn: user_dn(number).normalized().clone(),
            uids: Vec::new(),
            digest: u128::from(self.mixed(number.into(), 8)),
        }
    }

    /// What a user's groups are asked for by.
    pub(crate) fn key(&self, user: u32) -> NormalizedDn {
        user_dn(user).normalized().clone()
    }

    /// A UUID that follows from a number.
    fn id(&self, number: u64) -> UpstreamId {
        let (high, low) = (self.mixed(number, 9), self.mixed(number, 10));
        UpstreamId::new(&format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            low >> 48 & 0xfff,
            low & 0xffff_ffff_ffff
        ))
    }

    /// A random number that follows from a number and what it is for.
    pub(crate) fn mixed(&self, number: u64, purpose: u64) -> u64 {
        let mut mixed = (self.seed ^ purpose << 56).wrapping_add(number);
        for factor in [0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb, 0x9e37_79b9_7f4a_7c15] {
            mixed = (mixed ^ mixed >> 30).wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(factor);
        }
        mixed ^ mixed >> 31
    }
}

fn group_dn(number: u32) -> DistinguishedName {
    dn(&format!("cn=Group {number:07},ou=Groups,dc=example,dc=com"))
}

fn user_dn(number: u32) -> DistinguishedName {
    dn(&format!("uid=user{number:07},ou=People,dc=example,dc=com"))
}

fn dn(text: &str) -> DistinguishedName {
    DistinguishedName::parse(text).expect("the names of the company are well formed")
}
