//! A directory of groups in memory, and what a naive fixpoint says of it.
//!
//! Groups have numbers. Their ids run against their DNs' order, and several share a name, so that
//! whoever confuses id, DN and name is found out.

use bindgate::domain::membership::{Member, MemberKey};
use bindgate::domain::observation::{Closure, Observed};
use bindgate::domain::record::{Group, UpstreamId};
use bindgate::domain::walk::{FoundGroup, Step, Walk, WalkLimits};
use bindgate::proto::dn::DistinguishedName;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const USER: &str = "uid=ann,ou=people,dc=example,dc=com";
pub(crate) const WIDE: WalkLimits =
    WalkLimits { max_depth: 100, max_groups: 1000, batch: 3, bytes: usize::MAX };

/// Whether a directory shows what members a group has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Members {
    Shown,
    Hidden,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Graph {
    /// The groups that hold the user.
    pub(crate) direct: BTreeSet<usize>,
    /// For each group, the groups that it holds.
    pub(crate) holds: Vec<BTreeSet<usize>>,
}

impl Graph {
    /// A graph of `(group, member)` edges; `direct` holds the user.
    pub(crate) fn new(direct: &[usize], edges: &[(usize, usize)]) -> Self {
        let ends = edges.iter().flat_map(|(group, member)| [*group, *member]);
        let size = ends.chain(direct.iter().copied()).max().map_or(0, |most| most + 1);
        let mut holds = vec![BTreeSet::new(); size];
        for (group, member) in edges {
            holds[*group].insert(*member);
        }
        Self { direct: direct.iter().copied().collect(), holds }
    }

    /// The answer to a search for all groups with one of these members.
    pub(crate) fn search(&self, asked: &[Member], shown: Members) -> Vec<FoundGroup> {
        let asked: BTreeSet<_> = asked.iter().flat_map(Member::keys).collect();
        let mut found = Vec::new();
        for number in (0..self.holds.len()).rev() {
            let mut members: Vec<_> =
                self.holds[number].iter().map(|m| key(&group(*m).dn)).collect();
            members.push(key("cn=nobody,dc=example,dc=com"));
            if self.direct.contains(&number) {
                members.push(key(USER));
            }
            if members.iter().any(|member| asked.contains(member)) {
                if shown == Members::Hidden {
                    members.clear();
                }
                let group = group(number);
                found.push(FoundGroup { dn: dn(&group.dn), group, members });
            }
        }
        found
    }

    /// Walks this directory from the user up.
    pub(crate) fn walk(&self, limits: WalkLimits, shown: Members) -> Observed<Closure> {
        let mut walk = Walk::new(&user(), limits);
        // Each group is asked for in a batch and, if its holders hide it, once more alone.
        for _ in 0..=2 * (self.holds.len() + 1) {
            match walk.step() {
                Step::Done(outcome) => return outcome,
                Step::Ask(asked) => {
                    assert!((1..=limits.batch.max(1)).contains(&asked.len()), "batch: {asked:?}");
                    walk.feed(self.search(&asked, shown));
                }
            }
        }
        panic!("walk asks for more than there is");
    }

    pub(crate) fn closure(&self) -> Closure {
        match self.walk(WIDE, Members::Shown) {
            Observed::Known(closure) => closure,
            Observed::Unknown(reason) => panic!("walk gave up: {reason}"),
        }
    }

    /// The oracle: for each group above the user its least depth, by rounds over all edges until a
    /// round adds nothing.
    pub(crate) fn depths(&self) -> BTreeMap<usize, usize> {
        let mut depths = BTreeMap::new();
        for round in 1.. {
            let holds_one = |number: usize| {
                (round == 1 && self.direct.contains(&number))
                    || self.holds[number].iter().any(|member| depths.contains_key(member))
            };
            let news: Vec<usize> = (0..self.holds.len())
                .filter(|number| !depths.contains_key(number) && holds_one(*number))
                .collect();
            if news.is_empty() {
                break;
            }
            depths.extend(news.into_iter().map(|number| (number, round)));
        }
        depths
    }

    /// The oracle: of the shortest ways to a group, the one whose ids come first.
    pub(crate) fn least_path(&self, number: usize) -> Vec<UpstreamId> {
        let depths = self.depths();
        let mut path = match depths[&number] {
            1 => Vec::new(),
            depth => {
                let below =
                    self.holds[number].iter().filter(|m| depths.get(m) == Some(&(depth - 1)));
                below.map(|member| self.least_path(*member)).min().expect("a group below")
            }
        };
        path.push(id(number));
        path
    }
}

pub(crate) fn id(number: usize) -> UpstreamId {
    UpstreamId::new(&format!("id-{:05}", 99_999 - number))
}

pub(crate) fn group(number: usize) -> Group {
    let name = format!("n{}", number % 2);
    Group { id: id(number), dn: format!("cn={name},ou=s{number},dc=example,dc=com"), name }
}

pub(crate) fn ids(numbers: &[usize]) -> BTreeSet<UpstreamId> {
    numbers.iter().map(|number| id(*number)).collect()
}

/// The user, whom groups name by DN.
pub(crate) fn user() -> Member {
    Member::by_dn(dn(USER))
}

pub(crate) fn key(name: &str) -> MemberKey {
    MemberKey::Dn(dn(name).normalized().clone())
}

pub(crate) fn dn(text: &str) -> DistinguishedName {
    DistinguishedName::parse(text).expect("a name in a test is well formed")
}

/// Graphs with cycles, diamonds, self members and groups out of reach.
pub(crate) fn any_graph() -> impl Strategy<Value = Graph> {
    (1_usize..9).prop_flat_map(|size| {
        let edges = prop::collection::vec((0..size, 0..size), 0..20);
        let direct = prop::collection::btree_set(0..size, 0..4);
        (edges, direct).prop_map(move |(edges, direct)| {
            let mut holds = vec![BTreeSet::new(); size];
            for (group, member) in edges {
                holds[group].insert(member);
            }
            Graph { direct, holds }
        })
    })
}
