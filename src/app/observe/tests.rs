//! The strategies against each other on random directories, and what each makes of trouble.

use super::finder::Finder;
use super::hinted::{self, Hint};
use super::{member_of, walk};
use crate::app::ports::{LookupError, Lookups};
use crate::domain::matching::{Truth, evaluate};
use crate::domain::membership::{Member, MemberAttribute};
use crate::domain::observation::{Closure, Observed, UnknownReason};
use crate::domain::policy::{Canary, Flatten, GroupPolicy, Resolve};
use crate::domain::record::UpstreamId;
use crate::domain::strategy::MemberOf;
use crate::proto::dn::DistinguishedName;
use crate::proto::filter::Filter;
use crate::proto::result::ResultCode;
use crate::proto::search::{Attribute, Entry, Scope, Search};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const USER: &str = "uid=ann,ou=people,dc=x";

/// How the directory keeps `memberOf`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    Not,
    Direct,
    Computed,
}

/// Whether groups show whom they hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Members {
    Shown,
    Hidden,
}

/// A directory in memory: for each group, whom it holds; the user is the last number.
#[derive(Debug, Clone)]
struct World {
    holds: Vec<BTreeSet<usize>>,
    kept: Kept,
    members: Members,
    /// Names that `memberOf` of the user lists besides, one set a read.
    besides: Vec<Vec<String>>,
    reads_of_user: usize,
}

#[derive(Clone)]
struct Directory(Arc<Mutex<World>>);

fn group(number: usize) -> String {
    format!("cn=g{number},ou=groups,dc=x")
}

impl World {
    fn new(holds: &[&[usize]], kept: Kept) -> Self {
        let holds = holds.iter().map(|members| members.iter().copied().collect()).collect();
        Self { holds, kept, members: Members::Shown, besides: Vec::new(), reads_of_user: 0 }
    }

    fn user(&self) -> usize {
        self.holds.len()
    }

    fn name(&self, number: usize) -> String {
        if number == self.user() { USER.to_owned() } else { group(number) }
    }

    /// Whom `memberOf` of an entry lists.
    fn above(&self, number: usize) -> BTreeSet<usize> {
        let direct =
            |of: usize| (0..self.holds.len()).filter(move |up| self.holds[*up].contains(&of));
        let mut found: BTreeSet<usize> = match self.kept {
            Kept::Not => return BTreeSet::new(),
            Kept::Direct | Kept::Computed => direct(number).collect(),
        };
        let mut rest: Vec<usize> = found.iter().copied().collect();
        while let (Kept::Computed, Some(next)) = (self.kept, rest.pop()) {
            rest.extend(direct(next).filter(|up| found.insert(*up)));
        }
        found
    }

    fn entry(&mut self, number: usize) -> Entry {
        let mut above: Vec<String> =
            self.above(number).into_iter().map(|up| group(up).to_ascii_uppercase()).collect();
        let mut attributes = vec![("entryUUID", vec![format!("id-{number}")])];
        if number == self.user() {
            above.extend(self.besides.get(self.reads_of_user).cloned().unwrap_or_default());
            self.reads_of_user += 1;
            attributes.push(("uid", vec!["ann".to_owned()]));
        } else {
            let members = self.holds[number].iter().map(|member| self.name(*member));
            attributes.push(("cn", vec![format!("g{number}")]));
            attributes.push(("objectClass", vec!["groupOfNames".to_owned()]));
            attributes.push(("member", members.chain(["cn=nobody".to_owned()]).collect()));
        }
        attributes.push(("memberOf", above));
        let attribute = |(name, values): (&str, Vec<String>)| Attribute {
            name: name.to_owned(),
            values: values.into_iter().map(String::into_bytes).collect(),
        };
        let attributes = attributes.into_iter().filter(|(_, values)| !values.is_empty());
        Entry { dn: self.name(number), attributes: attributes.map(attribute).collect() }
    }

    fn answer(&mut self, search: &Search) -> Result<Vec<Entry>, LookupError> {
        let base = DistinguishedName::parse(&search.base).expect("bases are names");
        if base.is_root() {
            return Ok(vec![Entry::default()]);
        }
        let is_base = |world: &Self, number: &usize| {
            DistinguishedName::parse(&world.name(*number)).expect("a name") == base
        };
        let numbers: Vec<usize> = match search.scope {
            Scope::Base => (0..=self.user()).filter(|number| is_base(self, number)).collect(),
            _ => (0..self.user()).collect(),
        };
        if numbers.is_empty() && search.scope == Scope::Base {
            return Err(LookupError::Result(ResultCode::NO_SUCH_OBJECT));
        }
        let entries: Vec<Entry> = numbers.into_iter().map(|number| self.entry(number)).collect();
        let mut found: Vec<Entry> = entries
            .into_iter()
            .filter(|entry| evaluate(&search.filter, entry) == Truth::True)
            .collect();
        if self.members == Members::Hidden {
            found.iter_mut().for_each(|entry| entry.attributes.retain(|a| a.name != "member"));
        }
        if search.size_limit > 0 {
            found.truncate(search.size_limit as usize);
        }
        Ok(found)
    }

    fn open(self) -> Directory {
        Directory(Arc::new(Mutex::new(self)))
    }
}

impl Lookups for Directory {
    async fn search(&self, search: Search) -> Result<Vec<Entry>, LookupError> {
        self.0.lock().expect("no test panics with it").answer(&search)
    }
}

fn policy() -> GroupPolicy {
    GroupPolicy {
        base: DistinguishedName::parse("ou=groups,dc=x").expect("a name"),
        filter: Filter::equal("objectClass", "groupOfNames"),
        member_attributes: MemberAttribute::usual(),
        name_attribute: "cn".to_owned(),
        max_depth: 40,
        max_groups_per_user: 40,
        max_filter_size: 500,
        flatten: Flatten::Ancestors,
        resolve: Resolve::MemberOf,
        canary: None,
        replica: None,
        max_replica_pause: Duration::from_secs(60),
        max_replica_names: 1000,
    }
}

fn user() -> Member {
    Member::by_dn(DistinguishedName::parse(USER).expect("a name"))
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime can be made").block_on(future)
}

/// The groups by their numbers, or why they are unknown.
fn numbers(closure: Observed<Closure>) -> Result<Vec<String>, UnknownReason> {
    match closure {
        Observed::Known(closure) => Ok(closure.keys().map(|id| id.as_str().to_owned()).collect()),
        Observed::Unknown(reason) => Err(reason),
    }
}

#[track_caller]
fn check(
    besides: &[&[&str]],
    change: impl FnOnce(&mut GroupPolicy),
    expected: Result<&[&str], UnknownReason>,
) {
    let mut world = World::new(&[&[2], &[0]], Kept::Direct);
    world.besides =
        besides.iter().map(|names| names.iter().map(|name| (*name).to_owned()).collect()).collect();
    let mut policy = policy();
    change(&mut policy);
    let found = run(member_of::walk(&world.open(), &policy, &user()));
    let expected = expected.map(|ids| ids.iter().map(|id| (*id).to_owned()).collect());
    assert_eq!(numbers(found), expected);
}

#[test]
fn a_name_that_leads_nowhere_is_a_leftover_only_while_it_is_listed() {
    let gone = "cn=gone,ou=groups,dc=x";
    check(&[&[gone], &[gone]], |_| {}, Ok(&["id-0", "id-1"]));
    // It was renamed between the two reads.
    check(&[&[gone], &[]], |_| {}, Err(UnknownReason::Inconsistent));
    check(&[&["cn=elsewhere,dc=y"]], |_| {}, Ok(&["id-0", "id-1"]));
    check(&[&[USER]], |_| {}, Ok(&["id-0", "id-1"]));
    check(&[&["nobody"]], |_| {}, Err(UnknownReason::Malformed));
}

#[test]
fn the_walk_by_member_of_keeps_to_the_limits_of_every_walk() {
    check(&[], |policy| policy.max_groups_per_user = 1, Err(UnknownReason::TooManyGroups));
    check(&[], |policy| policy.max_groups_per_user = 2, Ok(&["id-0", "id-1"]));
    check(&[], |policy| policy.max_depth = 2, Err(UnknownReason::DepthLimit));
    check(&[], |policy| policy.max_depth = 3, Ok(&["id-0", "id-1"]));
}

#[test]
fn a_probe_sees_how_member_of_is_kept() {
    let chain: &[&[usize]] = &[&[2], &[0]];
    let flat: &[&[usize]] = &[&[2], &[2]];
    let empty: &[&[usize]] = &[&[], &[]];
    for (holds, kept, expected) in [
        (chain, Kept::Not, MemberOf::Silent),
        (chain, Kept::Direct, MemberOf::Direct),
        (chain, Kept::Computed, MemberOf::Computed),
        (flat, Kept::Direct, MemberOf::Unproven),
        (flat, Kept::Computed, MemberOf::Unproven),
        (empty, Kept::Direct, MemberOf::NothingToTry),
    ] {
        let directory = World::new(holds, kept).open();
        let seen = run(super::facts(&directory, &policy())).expect("the directory answers");
        assert_eq!(seen.member_of, expected, "{holds:?} {kept:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_canary_is_looked_at_once_an_interval_and_what_it_said_counts_until_then() {
    let interval = Duration::from_secs(10);
    let user = DistinguishedName::parse(USER).expect("a name");
    let groups = vec![DistinguishedName::parse(&group(1)).expect("a name")];
    let canary = Some(Canary { user, groups, interval });
    let policy = GroupPolicy { resolve: Resolve::Walk, canary, ..policy() };
    let directory = World::new(&[&[2], &[0]], Kept::Not).open();
    let finder = Finder::default();
    let change = |change: fn(&mut World)| {
        let mut world = directory.0.lock().expect("no test panics with it");
        change(&mut world);
        world.reads_of_user
    };
    let silent = Err(UnknownReason::Canary);
    for (passes, alter, expected, looks) in [
        (Duration::ZERO, (|_| {}) as fn(&mut World), Ok(()), 1),
        (interval / 2, |world| world.holds[1].clear(), Ok(()), 1),
        (interval / 2, |_| {}, silent, 2),
        (interval / 2, |world| world.holds[1].extend([0]), silent, 2),
        (interval / 2, |_| {}, Ok(()), 3),
    ] {
        tokio::time::advance(passes).await;
        change(alter);
        assert_eq!(finder.hear_canary(&directory, &policy).await, expected);
        assert_eq!(change(|_| {}), looks);
    }
}

fn any_world() -> impl Strategy<Value = World> {
    let kept = prop_oneof![Just(Kept::Direct), Just(Kept::Computed), Just(Kept::Not)];
    let members = prop_oneof![Just(Members::Shown), Just(Members::Hidden)];
    (1_usize..8, kept, members).prop_flat_map(|(size, kept, members)| {
        let edges = prop::collection::vec((0..size, 0..=size), 0..20);
        edges.prop_map(move |edges| {
            let mut world = World::new(&vec![&[][..]; size], kept);
            world.members = members;
            for (group, member) in edges {
                world.holds[group].insert(member);
            }
            world
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn s6_6_every_way_to_ask_gives_the_same_closure_on_random_directories(world in any_world()) {
        let policy = policy();
        let expected = run(walk(&world.clone().open(), &policy, &user())).closure;
        prop_assert!(matches!(expected, Observed::Known(_)));
        if world.kept == Kept::Direct {
            let found = run(member_of::walk(&world.clone().open(), &policy, &user()));
            prop_assert_eq!(&found, &expected);
        }
        // The hint may say too little: what it leaves out is asked for.
        let (directory, member) = (world.clone().open(), user());
        let found = run(hinted::closure(&directory, &policy, &member, Hint::MemberOf));
        if world.kept != Kept::Not {
            prop_assert_eq!(&found, &expected);
        }
        let finder = Finder::default();
        let found = run(finder.groups(&world.open(), &policy, &user(), &BTreeSet::new())).closure;
        prop_assert_eq!(&found, &expected);
    }

    #[test]
    fn whatever_the_record_has_the_groups_are_those_that_the_directory_has(
        world in any_world(),
        held in prop::collection::btree_set(0_usize..8, 0..4),
    ) {
        let held: BTreeSet<UpstreamId> =
            held.iter().map(|number| UpstreamId::new(&format!("id-{number}"))).collect();
        let expected = run(walk(&world.clone().open(), &policy(), &user())).closure;
        let found = run(Finder::default().groups(&world.open(), &policy(), &user(), &held)).closure;
        prop_assert_eq!(found, expected);
    }
}
