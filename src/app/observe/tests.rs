//! The strategies against each other on random directories, and what each makes of trouble.

use super::finder::Finder;
use super::hinted::{self, Hint};
use super::{BATCH, batches, member_of, walk};
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
    searches: usize,
    /// Searches for so many groups that the directory refuses them.
    most_found: usize,
}

#[derive(Clone)]
struct Directory(Arc<Mutex<World>>);

fn group(number: usize) -> String {
    format!("cn=g{number},ou=groups,dc=x")
}

impl World {
    fn new(holds: &[&[usize]], kept: Kept) -> Self {
        let holds = holds.iter().map(|members| members.iter().copied().collect()).collect();
        Self {
            holds,
            kept,
            members: Members::Shown,
            besides: Vec::new(),
            reads_of_user: 0,
            searches: 0,
            most_found: usize::MAX,
        }
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
        self.searches += 1;
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
        if found.len() > self.most_found {
            return Err(LookupError::Result(ResultCode::SIZE_LIMIT_EXCEEDED));
        }
        Ok(found)
    }

    fn open(self) -> Directory {
        Directory(Arc::new(Mutex::new(self)))
    }
}

impl Lookups for Directory {
    async fn search(&self, search: Search) -> Result<Vec<Entry>, LookupError> {
        // Others may ask meanwhile.
        tokio::task::yield_now().await;
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
        max_kept_lookups: 1000,
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

/// A walk asks about a whole level in one search.
fn wide() -> GroupPolicy {
    GroupPolicy { resolve: Resolve::Walk, max_filter_size: 10_000, ..policy() }
}

/// What many walks at once find, each from another member, and how many searches that takes.
fn walked_at_once(world: &World) -> (Vec<Observed<Closure>>, usize) {
    let (directory, finder) = (world.clone().open(), Arc::new(Finder::default()));
    let policy = Arc::new(wide());
    let found = run(async {
        let walks = walkers(world).map(|member| {
            let (directory, finder, policy) = (directory.clone(), finder.clone(), policy.clone());
            let groups = async move {
                finder.groups(&directory, &policy, &member, &BTreeSet::new(), None).await.closure
            };
            tokio::spawn(groups)
        });
        let mut found = Vec::new();
        for walk in walks.collect::<Vec<_>>() {
            found.push(walk.await.expect("no walk panics"));
        }
        found
    });
    let searches = directory.0.lock().expect("no test panics with it").searches;
    (found, searches)
}

/// The same, one after another.
fn walked_alone(world: &World) -> (Vec<Observed<Closure>>, usize) {
    let directory = world.clone().open();
    let walks = walkers(world).map(|member| run(walk(&directory, &wide(), &member)).closure);
    let found = walks.collect();
    let searches = directory.0.lock().expect("no test panics with it").searches;
    (found, searches)
}

/// Everybody who may be a member, three times.
fn walkers(world: &World) -> impl Iterator<Item = Member> {
    let names = (0..=world.user()).map(|number| world.name(number));
    let names: Vec<String> = names.collect();
    let member = |name: &String| Member::by_dn(DistinguishedName::parse(name).expect("a name"));
    (0..3).flat_map(move |_| names.iter().map(member).collect::<Vec<_>>())
}

#[test]
fn walks_at_once_share_their_searches_for_groups() {
    // The user is in the first, that in the second, and so on.
    let holds: Vec<Vec<usize>> = (0..8).map(|up| vec![if up == 0 { 8 } else { up - 1 }]).collect();
    let holds: Vec<&[usize]> = holds.iter().map(Vec::as_slice).collect();
    let world = World::new(&holds, Kept::Not);
    let (expected, alone) = walked_alone(&world);
    let (found, together) = walked_at_once(&world);
    assert_eq!(found, expected);
    assert!(together * 2 < alone, "{together} searches in place of {alone}");
}

#[test]
fn what_is_refused_for_many_is_asked_for_by_each() {
    // Two groups above each of four: each walk finds two at a time, all together eight.
    let holds: &[&[usize]] =
        &[&[12], &[12], &[12], &[12], &[0], &[0], &[1], &[1], &[2], &[2], &[3], &[3]];
    let mut world = World::new(holds, Kept::Not);
    world.most_found = 7;
    let (expected, _) = walked_alone(&world);
    let of_groups = |found: Vec<Observed<Closure>>| -> Vec<_> {
        found.into_iter().filter(|closure| matches!(closure, Observed::Known(_))).collect()
    };
    let known = of_groups(expected);
    assert_eq!(known.len(), 36, "the user alone has too many");
    assert_eq!(of_groups(walked_at_once(&world).0), known);
}

#[tokio::test(start_paused = true)]
async fn in_an_era_nothing_is_asked_twice_and_for_no_longer_than_a_minute() {
    let directory = World::new(&[&[3], &[0], &[1]], Kept::Not).open();
    let finder = Finder::default();
    for (era, passes, expected) in [
        (Some(7), 0, 4),
        (Some(7), 0, 0),
        (Some(7), 59, 0),
        (Some(7), 1, 4),
        (Some(8), 0, 4),
        (Some(8), 0, 0),
        (Some(7), 0, 4),
        (None, 0, 4),
        (Some(8), 0, 0),
    ] {
        tokio::time::advance(Duration::from_secs(passes)).await;
        let asked = || directory.0.lock().expect("no test panics with it").searches;
        let before = asked();
        let found = finder.groups(&directory, &wide(), &user(), &BTreeSet::new(), era).await;
        assert_eq!(numbers(found.closure).map(|groups| groups.len()), Ok(3));
        assert_eq!(asked() - before, expected, "{era:?}");
    }
    assert!(!finder.was_full());
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
        let found = run(finder.groups(&world.open(), &policy, &user(), &BTreeSet::new(), None)).closure;
        prop_assert_eq!(&found, &expected);
    }

    #[test]
    fn parts_hold_everybody_once_in_order_and_none_is_larger_than_a_search(
        lengths in prop::collection::vec(1_usize..40, 0..400),
        most in 1_usize..4_000,
    ) {
        let name = |(number, length): (usize, &usize)| format!("cn={}{number}", "x".repeat(*length));
        let dn = |text: String| DistinguishedName::parse(&text).expect("a name");
        let all: Vec<Member> =
            lengths.iter().enumerate().map(name).map(|text| Member::by_dn(dn(text))).collect();
        // A name stands in the filter once for each attribute.
        let max_filter_size = most * MemberAttribute::usual().len();
        let policy = GroupPolicy { max_filter_size, ..policy() };
        let parts = batches(&policy, &all);
        prop_assert_eq!(&parts.concat(), &all);
        for part in parts {
            let bytes: usize = part.iter().map(Member::bytes).sum();
            prop_assert!(part.len() == 1 || part.len() <= BATCH && bytes <= most);
        }
    }

    #[test]
    fn whatever_the_record_has_the_groups_are_those_that_the_directory_has(
        world in any_world(),
        held in prop::collection::btree_set(0_usize..8, 0..4),
    ) {
        let held: BTreeSet<UpstreamId> =
            held.iter().map(|number| UpstreamId::new(&format!("id-{number}"))).collect();
        let expected = run(walk(&world.clone().open(), &policy(), &user())).closure;
        let found = run(Finder::default().groups(&world.open(), &policy(), &user(), &held, None)).closure;
        prop_assert_eq!(found, expected);
    }
}

proptest! {
    // Each case has a few dozen walks.
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn s6_6_walks_at_once_find_what_each_would_find_alone(
        world in any_world(),
        most_found in prop_oneof![Just(usize::MAX), 1_usize..8],
    ) {
        let world = World { most_found, ..world };
        let (expected, found) = (walked_alone(&world).0, walked_at_once(&world).0);
        for (expected, found) in expected.into_iter().zip(found) {
            // Together they may fall into other parts, which are not refused.
            if matches!(expected, Observed::Known(_)) {
                prop_assert_eq!(found, expected);
            }
        }
    }

    /// Changes, and walks that know of them or came before them: what these keep does not mislead those.
    #[test]
    fn what_is_kept_of_an_era_is_what_would_be_found_in_it(
        world in any_world(),
        steps in prop::collection::vec((0_usize..8, 0_usize..9, 0_u8..4), 1..60),
        most in prop_oneof![Just(0_usize), Just(3), Just(1000)],
    ) {
        let policy = GroupPolicy { max_kept_lookups: most, resolve: Resolve::Walk, ..wide() };
        let (directory, finder) = (world.open(), Finder::default());
        let mut era = 1;
        for (group, member, what) in steps {
            let mut world = directory.0.lock().expect("no test panics with it").clone();
            let (group, member) = (group % world.user(), member % (world.user() + 1));
            if what == 0 {
                if !world.holds[group].remove(&member) {
                    world.holds[group].insert(member);
                }
                *directory.0.lock().expect("no test panics with it") = world;
                era += 1;
                continue;
            }
            let asker = Member::by_dn(DistinguishedName::parse(&world.name(member)).expect("a name"));
            // One who came before the last change may be told what was so then, or in part.
            let (is_late, none) = (what == 1, BTreeSet::new());
            let era = if is_late { era - 1 } else { era };
            let found = run(finder.groups(&directory, &policy, &asker, &none, Some(era))).closure;
            let expected = run(walk(&world.open(), &wide(), &asker)).closure;
            prop_assert!(is_late || found == expected, "{found:?} in place of {expected:?}");
        }
    }
}
