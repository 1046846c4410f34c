//! Loads a company into a graph and times what is done to it then.

use crate::Arguments;
use crate::clock::{Waiting, peak, resident};
use crate::company::{Company, MANY, MOST};
use crate::latency::Histogram;
use crate::report::{Load, Row, Size};
use bindgate::domain::membership::MemberKey;
use bindgate::domain::membership::graph::{ClosureLimits, Graph, Scratch};
use bindgate::domain::observation::Observed;
use indicatif::{ProgressBar, ProgressStyle};
use std::hint::black_box;
use std::time::{Duration, Instant};

const LIMITS: ClosureLimits = ClosureLimits { max_depth: 50, max_groups: 10_000 };
/// After how many groups progress is told.
const STEP: u32 = 500;

/// Everything about one company.
pub(crate) fn measure(company: &Company, arguments: &Arguments) -> Size {
    let (mut graph, load) = filled(company);
    let mut rows = closures(&graph, company, arguments.closures);
    rows.extend([
        change(&mut graph, company, arguments.changes, "one member more or less, of 60", |size| {
            (50..70).contains(&size)
        }),
        change(&mut graph, company, arguments.changes, "the same, of 1 000", |size| size == MANY),
        change(&mut graph, company, arguments.changes, "the same, of 10 000", |size| size == MOST),
        users(&mut graph, company, arguments.changes),
        removals(&mut graph, company, arguments.changes),
        refresh(&mut graph),
    ]);
    Size { groups: company.groups, users: company.users, in_cycles: company.in_cycles, load, rows }
}

/// The graph, told entry by entry: so many users, then a group.
fn filled(company: &Company) -> (Graph, Load) {
    let before = resident();
    let waiting = Waiting::begin();
    let began = Instant::now();
    let mut graph = Graph::new((1, 2));
    let mut putting = Duration::ZERO;
    let bar = ProgressBar::new(u64::from(company.groups));
    let style = ProgressStyle::with_template("{bar:40} {percent:>3} %  {eta:>4} left  {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_message(format!("{} groups, {} users", company.groups, company.users));
    let each = u64::from(company.users) / u64::from(company.groups);
    for group in 0..company.groups {
        let first = u64::from(group) * each;
        let last = if group + 1 == company.groups { company.users.into() } else { first + each };
        let users: Vec<_> = (first..last).map(|number| company.user(number as u32)).collect();
        let entry = company.group(group);
        let put = Instant::now();
        users.iter().for_each(|user| graph.put_user(user));
        graph.put_group(&entry);
        putting += put.elapsed();
        if group % STEP == 0 {
            bar.set_position(group.into());
        }
    }
    bar.finish_and_clear();
    let memberships = graph.counts().memberships;
    let load = Load {
        memberships,
        seconds: began.elapsed().as_secs_f64(),
        putting_seconds: putting.as_secs_f64(),
        entries_per_second: f64::from(company.groups + company.users) / putting.as_secs_f64(),
        memberships_per_second: memberships as f64 / putting.as_secs_f64(),
        resident_mib: resident(),
        graph_mib: resident() - before,
        peak_mib: peak(),
        waited: waiting.share(),
    };
    (graph, load)
}

/// Closures of random users, each way in which they can be had.
fn closures(graph: &Graph, company: &Company, count: u32) -> Vec<Row> {
    let mut scratch = Scratch::default();
    let mut sizes = Vec::new();
    let mut reach = closure_row(company, count, "closure, as numbers", |of| {
        if let Observed::Known(reached) = graph.reach_in(of, LIMITS, &mut scratch) {
            sizes.push(reached.len());
        }
    });
    sizes.sort_unstable();
    let middle = |share: f64| sizes.get((sizes.len() as f64 * share) as usize).copied();
    reach.note = format!(
        "{} groups at the median, {} at p99",
        middle(0.5).unwrap_or(0),
        middle(0.99).unwrap_or(0)
    );
    vec![
        reach,
        closure_row(company, count, "fingerprint of a closure", |of| {
            black_box(graph.fingerprint_in(of, LIMITS, &mut scratch));
        }),
        closure_row(company, count, "the same, memory of its own", |of| {
            black_box(graph.fingerprint(of, LIMITS));
        }),
        closure_row(company, count / 10, "closure, materialised", |of| {
            black_box(graph.closure(of, LIMITS));
        }),
        closure_row(company, count, "user by DN", |of| {
            if let [MemberKey::Dn(dn)] = of {
                black_box(graph.user(dn));
            }
        }),
    ]
}

fn closure_row(
    company: &Company,
    count: u32,
    what: &'static str,
    mut ask: impl FnMut(&[MemberKey]),
) -> Row {
    let waiting = Waiting::begin();
    let mut times = Histogram::default();
    for nth in 0..count {
        let user = company.mixed(nth.into(), 20) % u64::from(company.users);
        let of = [MemberKey::Dn(company.key(user as u32))];
        let began = Instant::now();
        ask(&of);
        times.record(began.elapsed());
    }
    Row::new(what, &times, waiting.share())
}

/// Groups of a size get one member more, and lose it again.
fn change(
    graph: &mut Graph,
    company: &Company,
    count: u32,
    what: &'static str,
    is_of_size: impl Fn(u64) -> bool,
) -> Row {
    let waiting = Waiting::begin();
    let groups: Vec<u32> = (0..company.groups)
        .filter(|group| is_of_size(company.size(*group)))
        .take(count as usize / 2)
        .collect();
    let mut times = Histogram::default();
    for nth in 0..(count / 2) as usize {
        let Some(group) = groups.get(nth % groups.len().max(1)) else { break };
        let mut entry = company.group(*group);
        let before = entry.clone();
        let user = company.stranger(*group, nth as u64);
        entry.members.push(&MemberKey::Dn(company.key(user)));
        for entry in [&entry, &before] {
            let began = Instant::now();
            graph.put_group(entry);
            times.record(began.elapsed());
        }
    }
    Row::new(what, &times, waiting.share())
}

fn users(graph: &mut Graph, company: &Company, count: u32) -> Row {
    let waiting = Waiting::begin();
    let mut times = Histogram::default();
    for nth in 0..count {
        let user = company.mixed(nth.into(), 22) % u64::from(company.users);
        let mut entry = company.user(user as u32);
        entry.digest = nth.into();
        let began = Instant::now();
        graph.put_user(&entry);
        times.record(began.elapsed());
    }
    Row::new("a user with another digest", &times, waiting.share())
}

/// Groups go, and come again.
fn removals(graph: &mut Graph, company: &Company, count: u32) -> Row {
    let waiting = Waiting::begin();
    let mut times = Histogram::default();
    for nth in 0..count / 2 {
        let group = company.mixed(nth.into(), 23) % u64::from(company.groups);
        let entry = company.group(group as u32);
        let began = Instant::now();
        graph.remove(&entry.group.id);
        times.record(began.elapsed());
        let began = Instant::now();
        graph.put_group(&entry);
        times.record(began.elapsed());
    }
    Row::new("a group goes, and comes again", &times, waiting.share())
}

/// The end of a present phase that has seen everything: what it costs to find out.
fn refresh(graph: &mut Graph) -> Row {
    let waiting = Waiting::begin();
    let mut times = Histogram::default();
    for _ in 0..20 {
        let began = Instant::now();
        black_box(graph.unmarked());
        graph.sweep();
        times.record(began.elapsed());
    }
    Row::new("a sweep that finds nothing", &times, waiting.share())
}
