//! Records as first sign-ons make them.

use bindgate::app::events::{AuditEntry, Event};
use bindgate::app::ports::Clock;
use bindgate::app::ports::{Commit, Events, Records};
use bindgate::domain::change::Change;
use bindgate::domain::observation::ObservedGroup;
use bindgate::domain::recollection::{Recollection, always_asked, nameless};
use bindgate::domain::record::{
    Group, GroupsOutcome, Mark, Membership, MembershipKey, Provenance, Route, UpstreamId, UserKey,
};
use bindgate::domain::time::Timestamp;
use bindgate::server::SystemClock;
use bindgate::store::{Config, Store};
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Nobody listens.
#[derive(Debug, Clone)]
pub(crate) struct Silent;

impl Events for Silent {
    fn emit(&self, _event: &Event<'_>) {}
}

/// A store in that folder.
pub(crate) fn config(folder: &Path) -> Config {
    Config {
        folder: folder.to_owned(),
        max_waiting: 16_384,
        mark_interval: Duration::from_secs(30),
        max_audit_rows: 10_000_000,
        max_observation_size: 65_536,
        max_audit_age: Duration::from_secs(365 * 86_400),
    }
}

/// Makes the records of these users, each in so many groups, with so many commits waiting at a time.
pub(crate) fn fill(
    store: &Store<Silent>,
    users: Range<u64>,
    waiting: u64,
    groups: u64,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let next = Arc::new(AtomicU64::new(users.start));
    let clock = Arc::new(SystemClock::default());
    runtime.block_on(async {
        let local = tokio::task::LocalSet::new();
        for _ in 0..waiting {
            let (store, next, clock) = (store.clone(), next.clone(), clock.clone());
            local.spawn_local(async move {
                loop {
                    let user = next.fetch_add(1, Ordering::Relaxed);
                    if user >= users.end {
                        return;
                    }
                    if let Err(error) = store.commit(first(&clock, user, groups)).await {
                        eprintln!("user {user}: {error}");
                    }
                }
            });
        }
        local.await;
    });
    Ok(())
}

/// The commit of a user's first sign-on.
fn first(clock: &SystemClock, user: u64, groups: u64) -> Commit {
    let at = clock.now();
    // Ids of directories are as good as random: neighbours in time are none in an index.
    let scattered = u128::from(user).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    let key = UserKey {
        directory: Arc::from("corp"),
        upstream_id: UpstreamId::new(&format!("{scattered:032x}")),
    };
    let mut changes = vec![Change::Created {
        id: clock.new_record_id(),
        key: key.clone(),
        user_type: Arc::from("staff"),
        name: format!("user{user}"),
        dn: format!("uid=user{user},ou=people,dc=example,dc=com"),
        at,
    }];
    let attributes = [("mail", format!("user{user}@example.com")), ("cn", format!("User {user}"))];
    changes.extend(attributes.map(|(name, value)| Change::AttributeSet {
        name: name.to_owned(),
        values: vec![value.into_bytes()],
    }));
    changes.extend((0..groups).map(|depth| membership(user, depth, at)));
    let mark =
        Mark { last_sign_on: at, observed_at: Some(at), groups: GroupsOutcome::Known, seen: None };
    let audit = AuditEntry::new(at, "sign-on", "", "created").about(&key).changing(None, &changes);
    let observed = Some(observed(user, groups));
    Commit { key, base_version: None, changes, groups: kept(user), mark, audit, observed }
}

/// What is kept of the observation: the attributes of a usual configuration, and the closure with its
/// edges.
fn observed(user: u64, groups: u64) -> Recollection {
    let texts = [
        ("objectclass", vec!["top".to_owned(), "person".to_owned(), "inetOrgPerson".to_owned()]),
        ("uid", vec![format!("user{user}")]),
        ("cn", vec![format!("User {user}")]),
        ("sn", vec![format!("Number {user}")]),
        ("mail", vec![format!("user{user}@example.com")]),
    ];
    let lacks = ["displayname", "givenname"].map(str::to_owned);
    let asked =
        always_asked().chain(lacks).chain(texts.each_ref().map(|(name, _)| (*name).to_owned()));
    let seen = |depth: u64| {
        let id = group(user, depth);
        let path = (0..=depth).map(|below| group(user, below)).collect();
        let members = depth.checked_sub(1).map(|below| group(user, below)).into_iter().collect();
        let route = Route { path, direct: depth == 0 };
        (id.clone(), ObservedGroup { group: nameless(&id), route, members })
    };
    let bytes = |texts: Vec<String>| texts.into_iter().map(String::into_bytes).collect();
    Recollection {
        dn: format!("uid=user{user},ou=people,dc=example,dc=com"),
        asked: asked.collect(),
        attributes: texts
            .map(|(name, values)| (name.to_owned(), bytes(values)))
            .into_iter()
            .collect(),
        groups: Some((0..groups).map(seen).collect()),
    }
}

/// A group on the way from the user's own to that of everybody.
fn group(user: u64, depth: u64) -> UpstreamId {
    UpstreamId::new(&format!("{:032x}", u128::from(user / (60 << depth)) << 64 | u128::from(depth)))
}

fn membership(user: u64, depth: u64, at: Timestamp) -> Change {
    let path = (0..=depth.min(5)).map(|below| group(user, below)).collect();
    let key = MembershipKey { group: group(user, depth), provenance: Provenance::Managed };
    let membership = Membership::new(Route { path, direct: depth == 0 }, at);
    Change::MembershipAdded { key, membership }
}

/// The group that is new with its first member.
fn kept(user: u64) -> Vec<Group> {
    let is_new = user.is_multiple_of(60);
    let id = group(user, 0);
    let dn = format!("cn=g{user},ou=groups,dc=example,dc=com");
    is_new.then(|| Group { id, dn, name: format!("g{user}") }).into_iter().collect()
}
