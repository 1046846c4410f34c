//! First sign-ons as the store sees them: new records, each with its memberships and its row of the
//! audit, written by its one writer and on disk when they are answered.
//!
//! Goal: 5 000 new records a second. As many commits wait at a time as there are connections with a
//! first sign-on under way; what is measured beside the rate is the CPU time of the writer, for that is
//! what sign-ons have to share with the rest of the machine.
//!
//! `cargo bench --bench store -- --records 100000 --waiting 64 --groups 12`

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
use clap::Parser;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What a new record costs the store.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many records are made
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u64).range(1..))]
    records: u64,
    /// How many commits wait at a time
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    waiting: u64,
    /// How many groups each is in
    #[arg(long, default_value_t = 12)]
    groups: u64,
    /// Without what is kept of the observation
    #[arg(long)]
    plain: bool,
    /// Given by cargo to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Debug, Clone)]
struct Silent;

impl Events for Silent {
    fn emit(&self, _event: &Event<'_>) {}
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let folder = std::env::temp_dir().join(format!("bindgate-bench-store-{}", std::process::id()));
    let outcome = measure(&folder, &arguments);
    // What is left behind is in the folder for temporary files.
    let _ = fs::remove_dir_all(&folder);
    outcome
}

fn measure(folder: &Path, arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let config = Config {
        folder: folder.to_owned(),
        max_waiting: 16_384,
        mark_interval: Duration::from_secs(30),
        max_audit_rows: 10_000_000,
        max_observation_size: 65_536,
        max_audit_age: Duration::from_secs(365 * 86_400),
    };
    let store = Store::open(config, Silent)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let next = Arc::new(AtomicU64::new(0));
    let clock = Arc::new(SystemClock::default());
    let before = writer_cpu();
    let began = Instant::now();
    runtime.block_on(async {
        let local = tokio::task::LocalSet::new();
        for _ in 0..arguments.waiting {
            let (store, next, clock) = (store.clone(), next.clone(), clock.clone());
            let (records, groups) = (arguments.records, arguments.groups);
            let plain = arguments.plain;
            local.spawn_local(async move {
                loop {
                    let user = next.fetch_add(1, Ordering::Relaxed);
                    if user >= records {
                        return;
                    }
                    if let Err(error) = store.commit(first(&clock, user, groups, plain)).await {
                        eprintln!("user {user}: {error}");
                    }
                }
            });
        }
        local.await;
    });
    let (elapsed, cpu) = (began.elapsed().as_secs_f64(), writer_cpu().saturating_sub(before));
    let records = arguments.records as f64;
    println!(
        "| records | waiting | groups each | records/s | writer CPU µs a record | MiB on disk |"
    );
    println!("| --- | --- | --- | --- | --- | --- |");
    println!(
        "| {} | {} | {} | {:.0} | {:.0} | {:.0} |",
        arguments.records,
        arguments.waiting,
        arguments.groups,
        records / elapsed,
        cpu.as_secs_f64() * 1e6 / records,
        size(folder)? as f64 / f64::from(1 << 20),
    );
    store.close()?;
    Ok(())
}

/// The commit of a user's first sign-on.
fn first(clock: &SystemClock, user: u64, groups: u64, plain: bool) -> Commit {
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
    let observed = (!plain).then(|| observed(user, groups));
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
        attributes: texts.map(|(name, values)| (name.to_owned(), bytes(values))).into(),
        groups: Some((0..groups).map(seen).collect()),
    }
}

/// A group on the way from the user's own to that of everybody.
fn group(user: u64, depth: u64) -> UpstreamId {
    UpstreamId::new(&format!("{:032x}", u128::from(user / (60 << depth)) << 64 | u128::from(depth)))
}

fn membership(user: u64, depth: u64, at: Timestamp) -> Change {
    let path: Vec<UpstreamId> = (0..=depth.min(5)).map(|below| group(user, below)).collect();
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

/// The CPU time of the thread that writes.
fn writer_cpu() -> Duration {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let of = |path: &Path| {
        let name = fs::read_to_string(path.join("comm")).ok()?;
        let times = fs::read_to_string(path.join("schedstat")).ok()?;
        let nanoseconds = times.split_ascii_whitespace().next()?.parse().ok()?;
        (name.trim() == "store-writer").then(|| Duration::from_nanos(nanoseconds))
    };
    tasks.filter_map(|task| of(&task.path())).sum()
}

fn size(folder: &Path) -> std::io::Result<u64> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.metadata()?.len())).sum()
}
