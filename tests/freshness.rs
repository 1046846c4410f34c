//! Rounds of "change the directory, bind at once": no sign-on shows what was before it.
//!
//! Goal: after each change sixteen binders sign on at the same time, and the record of each is
//! what the directory says by then. By thirds the change is a direct membership, one five levels
//! up, and a group that is deleted, made anew or renamed; in half of the rounds all binders are one
//! user, in the others each is another. At most one in a hundred sign-ons may have had to walk the
//! directory, or have learnt nothing. Method: a real slapd that notes every sign-on (`lastbind`),
//! while somebody else writes what concerns no group. A model of the tree says what is expected.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "freshness/cluster.rs"]
mod cluster;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread::JoinHandle;
use std::time::Duration;
use support::counts::{counted, seed};
use support::dice::Dice;
use support::eventually;
use support::gateway::{Gateway, group_names};
use support::pdu::{self, Change};
use support::raw::Raw;
use support::settings::Settings;
use support::slapd::{Options, Slapd};
use support::tree::{self, Extra, NOBODY};

/// How many bind at once.
const BINDERS: usize = 16;
/// How many records are looked at in a round in which each binder is another user.
const LOOKED_AT: usize = 5;
/// The groups that may hold a binder directly.
const DIRECT: usize = 8;
/// The chain that binders are at the foot of: group 0 holds them, each other one the one before.
const CHAIN: usize = 7;
/// Where the chain is cut and joined again: that group is five levels above the direct one.
const CUT: usize = 5;
/// The groups that come, go and change their names.
const MOVING: usize = 4;
/// How long the writer rests between two writes that concern no group.
const PAUSE: Duration = Duration::from_millis(10);

/// What the directory holds, as far as the binders are concerned.
struct Model {
    direct: BTreeSet<(usize, usize)>,
    is_joined: bool,
    /// The moving groups' names by number; those that are there.
    moving: BTreeMap<usize, String>,
    renames: usize,
}

fn direct(number: usize) -> String {
    format!("direct-{number}")
}

fn chain(number: usize) -> String {
    format!("chain-{number}")
}

fn binder(number: usize) -> String {
    tree::person(&tree::extra_uid(number))
}

impl Model {
    fn new() -> Self {
        let (direct, moving) = (BTreeSet::new(), BTreeMap::new());
        Self { direct, is_joined: true, moving, renames: 0 }
    }

    /// The groups of a binder, sorted.
    fn expected(&self, binder: usize) -> Vec<String> {
        let mine = self.direct.iter().filter(|(_, member)| *member == binder);
        let mut names: Vec<String> = mine.map(|(group, _)| direct(*group)).collect();
        let reached = if self.is_joined { CHAIN } else { CUT };
        names.extend((0..reached).map(chain));
        names.extend(self.moving.values().cloned());
        names.sort();
        names
    }

    fn change(&mut self, kind: u64, dice: &mut Dice, admin: &mut Raw) {
        match kind % 3 {
            0 => self.change_direct(dice, admin),
            1 => {
                let (group, member) = (tree::group(&chain(CUT)), tree::group(&chain(CUT - 1)));
                let change = if self.is_joined { Change::Delete } else { Change::Add };
                self.is_joined = !self.is_joined;
                admin.modify(&group, change, "member", &[member.as_bytes()]);
            }
            _ => self.change_group(dice, admin),
        }
    }

    fn change_direct(&mut self, dice: &mut Dice, admin: &mut Raw) {
        let (group, member) = (dice.below(DIRECT), dice.below(BINDERS));
        let (group_dn, member_dn) = (tree::group(&direct(group)), binder(member));
        if self.direct.insert((group, member)) {
            admin.join(&group_dn, &member_dn);
        } else {
            self.direct.remove(&(group, member));
            admin.leave(&group_dn, &member_dn);
        }
    }

    fn change_group(&mut self, dice: &mut Dice, admin: &mut Raw) {
        let number = dice.below(MOVING);
        self.renames += 1;
        let new_name = format!("moving-{number}-{}", self.renames);
        let code = match self.moving.remove(&number) {
            None => {
                add_group(admin, &new_name, (0..BINDERS).map(binder));
                self.moving.insert(number, new_name);
                0
            }
            Some(name) if dice.once_in(2) => admin.code(&pdu::delete(&tree::group(&name))),
            Some(name) => {
                let rdn = format!("cn={new_name}");
                let code = admin.code(&pdu::modify_dn(&tree::group(&name), &rdn, None));
                self.moving.insert(number, new_name);
                code
            }
        };
        assert_eq!(code, 0, "the administrator may do that");
    }
}

fn add_group(admin: &mut Raw, name: &str, members: impl Iterator<Item = String>) {
    let members: Vec<String> = members.chain([NOBODY.to_owned()]).collect();
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    let classes: &[&str] = &["groupOfNames"];
    let body = pdu::add(
        &tree::group(name),
        &[("objectClass", classes), ("cn", &[name]), ("member", &members)],
    );
    assert_eq!(admin.code(&body), 0, "{name}");
}

/// Writes what concerns no group, until it is dropped.
struct Noise {
    ends: Arc<AtomicBool>,
    written: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Noise {
    fn over(mut admin: Raw) -> Self {
        let (ends, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (end, count) = (ends.clone(), written.clone());
        let thread = std::thread::spawn(move || {
            while !end.load(SeqCst) {
                let value = count.fetch_add(1, SeqCst).to_string();
                admin.modify(tree::SERVICE, Change::Replace, "description", &[value.as_bytes()]);
                std::thread::park_timeout(PAUSE);
            }
        });
        Self { ends, written, thread: Some(thread) }
    }
}

impl Drop for Noise {
    fn drop(&mut self) {
        self.ends.store(true, SeqCst);
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(std::thread::panicking() || ended.is_ok(), "the writer failed");
        }
    }
}

/// All binders at once; their connections are kept.
struct Crowd {
    raws: Vec<Raw>,
}

impl Crowd {
    fn before(gateway: &Gateway) -> Self {
        Self { raws: (0..BINDERS).map(|_| gateway.connect()).collect() }
    }

    fn bind(&mut self, who: impl Fn(usize) -> usize) {
        let ids: Vec<i64> = (0..BINDERS)
            .map(|at| {
                let uid = tree::extra_uid(who(at));
                let body = pdu::bind(&tree::person(&uid), tree::password(&uid).as_bytes());
                self.raws[at].start(&body)
            })
            .collect();
        for (raw, id) in self.raws.iter_mut().zip(ids) {
            let answer = raw.answer();
            assert_eq!((answer.id(), answer.code()), (id, 0));
        }
    }
}

/// The value of a metric's line; 0 if there is none.
fn metric(text: &str, line: &str) -> u64 {
    let value = text.lines().find_map(|found| found.strip_prefix(line));
    value.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
}

fn options() -> Options {
    Options {
        extra: Extra { people: BINDERS, groups: 0 },
        database_lines: vec!["lastbind on".to_owned()],
        ..Options::default()
    }
}

fn slapd() -> Slapd {
    let slapd = Slapd::with(&options());
    populate(&mut slapd.admin());
    slapd
}

/// Adds the groups of the model's beginning.
fn populate(admin: &mut Raw) {
    for number in 0..DIRECT {
        add_group(admin, &direct(number), std::iter::empty());
    }
    add_group(admin, &chain(0), (0..BINDERS).map(binder));
    for number in 1..CHAIN {
        add_group(admin, &chain(number), [tree::group(&chain(number - 1))].into_iter());
    }
}

#[test]
fn no_sign_on_shows_what_was_before_it() {
    let (seed, rounds) = (seed(), counted(500, 10_000));
    let mut dice = Dice::new(seed);
    let slapd = slapd();
    let gateway = gateway(slapd.port(), |_| {});
    until_complete(&gateway);
    let mut admin = slapd.admin();
    let (mut model, mut crowd) = (Model::new(), Crowd::before(&gateway));
    let noise = Noise::over(slapd.admin());
    for round in 0..rounds {
        model.change(round, &mut dice, &mut admin);
        let one = dice.below(BINDERS);
        let is_one_for_all = round / 3 % 2 == 0;
        crowd.bind(|at| if is_one_for_all { one } else { at });
        let looked_at = if is_one_for_all { vec![one] } else { some_binders(&mut dice) };
        for number in looked_at {
            let uid = tree::extra_uid(number);
            let user = gateway.json(&format!("/api/v1/users/{uid}"));
            assert_eq!(group_names(&user), model.expected(number), "round {round}, {uid}");
        }
    }
    println!("{} writes that concern no group", noise.written.load(SeqCst));
    drop(noise);
    expect_few_walks(&gateway.metrics());
}

fn until_complete(gateway: &Gateway) {
    eventually("the copy of the directory is complete", || {
        let text = gateway.metrics();
        (metric(&text, "bindgate_replica_complete{directory=\"corp\"} ") == 1).then_some(())
    });
}

/// Some of the binders.
fn some_binders(dice: &mut Dice) -> Vec<usize> {
    let first = dice.below(BINDERS);
    (0..LOOKED_AT).map(|step| (first + step * 3) % BINDERS).collect()
}

/// A gateway that believes what it sees: everybody is taken in and out here all the time.
fn gateway(port: u16, change: impl FnOnce(&mut Settings)) -> Gateway {
    Gateway::configured(port, |settings, _| {
        settings.set("[directory.mass_change]", "enabled", "false");
        change(settings);
    })
}

/// At most one in a hundred sign-ons walked or learnt nothing; of a short run, one crowd's at most, since
/// whoever finds the copy late finds it so together.
fn expect_few_walks(text: &str) {
    let read = |source: &str| {
        let labels = format!("{{directory=\"corp\",source=\"{source}\"}} ");
        metric(text, &format!("bindgate_group_reads_total{labels}"))
    };
    let unknown = metric(text, "bindgate_sign_ons_total{directory=\"corp\",outcome=\"unknown\"} ");
    let (copied, walked) = (read("replica"), read("directory"));
    println!("{copied} sign-ons from the copy, {walked} by a walk, {unknown} unknown");
    let few = ((copied + walked + unknown) / 100).max(BINDERS as u64);
    assert!(copied > 0 && walked + unknown <= few);
}

/// Signs a person on before a copy of that kind; gives the metrics, and checks the groups.
fn signed_on_with(key: &'static str, value: &str) -> String {
    let slapd = Slapd::start();
    let gateway = gateway(slapd.port(), |settings| {
        settings.set("[directory.groups]", key, value);
    });
    if value != "\"none\"" && value != "\"walk\"" {
        until_complete(&gateway);
    }
    assert_eq!(gateway.sign_on(&tree::person("ann"), tree::password("ann")), 0);
    assert_eq!(gateway.managed_groups("ann"), ["A", "B"], "{key} = {value}");
    gateway.metrics()
}

#[test]
fn with_more_users_than_may_be_held_groups_alone_are() {
    for (key, value) in [("max_replica_users", "3"), ("replica", "\"groups\"")] {
        let text = signed_on_with(key, value);
        assert_eq!(metric(&text, "bindgate_replica_users{directory=\"corp\"} "), 0, "{key}");
        let read = "bindgate_group_reads_total{directory=\"corp\",source=\"replica\"} ";
        assert_eq!(metric(&text, read), 1, "{key}");
    }
}

#[test]
fn without_a_copy_the_directory_is_asked() {
    for (key, value) in [("replica", "\"none\""), ("resolve", "\"walk\"")] {
        let text = signed_on_with(key, value);
        assert_eq!(metric(&text, "bindgate_replica_connects_total{directory=\"corp\"} "), 0);
        let read = "bindgate_group_reads_total{directory=\"corp\",source=\"directory\"} ";
        assert_eq!(metric(&text, read), 1, "{key}");
    }
}

#[test]
fn a_sign_on_of_an_unchanged_user_asks_only_how_far_the_directory_has_got() {
    let slapd = slapd();
    let gateway = gateway(slapd.port(), |_| {});
    until_complete(&gateway);
    let searches = |uid: &str| searches_of(&gateway, &tree::person(uid), &tree::password(uid));
    let uid = tree::extra_uid(0);
    assert_eq!(searches(&uid), 2, "the first one reads the entry");
    for _ in 0..3 {
        assert_eq!(searches(&uid), 1, "nothing has changed, though lastbind has written");
    }
    let mut admin = slapd.admin();
    admin.modify(&binder(0), Change::Replace, "description", &[b"of no concern"]);
    assert_eq!(searches(&uid), 1, "no record has that attribute");
    admin.modify(&binder(0), Change::Replace, "cn", &[b"Somebody else"]);
    assert_eq!(searches(&uid), 2, "what a record has is read when it has changed");
    assert_eq!(searches(&uid), 1);
    admin.join(&tree::group(&direct(0)), &binder(0));
    assert_eq!(searches(&uid), 2);
    assert!(gateway.managed_groups(&uid).contains(&direct(0)));
    assert_eq!(searches(&uid), 1);
}

/// The searches of the gateway's own for one bind that succeeds.
fn searches_of(gateway: &Gateway, dn: &str, password: &str) -> u64 {
    let asked = || {
        let text = gateway.metrics();
        metric(&text, "bindgate_upstream_searches_total{directory=\"corp\"} ")
    };
    let before = asked();
    assert_eq!(gateway.sign_on(dn, password), 0, "{dn}");
    asked() - before
}

/// Applications bind as often as users do.
#[test]
fn an_account_that_is_no_users_is_read_once_and_again_when_somebody_has_come() {
    let slapd = slapd();
    let gateway = gateway(slapd.port(), |_| {});
    until_complete(&gateway);
    let mut admin = slapd.admin();
    let (app, new) = ("cn=app,dc=example,dc=com", tree::person("new"));
    let of_app: [(&str, &[&str]); 3] = [
        ("objectClass", &["applicationProcess", "simpleSecurityObject"]),
        ("cn", &["app"]),
        ("userPassword", &["pw-app"]),
    ];
    assert_eq!(admin.code(&pdu::add(app, &of_app)), 0);
    let searches = || searches_of(&gateway, app, "pw-app");
    assert_eq!(searches(), 2, "it is read, and it is asked how far the directory has got");
    for _ in 0..3 {
        assert_eq!(searches(), 1, "though lastbind has written");
    }
    let of_new: [(&str, &[&str]); 4] = [
        ("objectClass", &["inetOrgPerson"]),
        ("uid", &["new"]),
        ("cn", &["New"]),
        ("sn", &["New"]),
    ];
    assert_eq!(admin.code(&pdu::add(&new, &of_new)), 0);
    assert_eq!((searches(), searches()), (2, 1));
    assert_eq!(admin.code(&pdu::modify_dn(&new, "uid=newer", None)), 0);
    assert_eq!((searches(), searches()), (2, 1), "a name has changed hands");
}

/// What walks keep is given up by whatever changes, and by nothing that is older than a sign-on.
#[test]
fn no_walk_shows_what_was_before_it() {
    let (seed, rounds) = (seed(), counted(100, 2000));
    let mut dice = Dice::new(seed);
    let slapd = Slapd::with(&Options { database_lines: Vec::new(), ..options() });
    let mut admin = slapd.admin();
    populate(&mut admin);
    let gateway = gateway(slapd.port(), |settings| {
        settings.set("[directory.groups]", "replica", "\"none\"");
        settings.set("[directory.groups]", "max_kept_lookups", "1000");
    });
    let asked = || {
        let text = gateway.metrics();
        metric(&text, "bindgate_upstream_searches_total{directory=\"corp\"} ")
    };
    let (mut model, mut crowd) = (Model::new(), Crowd::before(&gateway));
    for round in 0..rounds {
        model.change(round, &mut dice, &mut admin);
        crowd.bind(|at| at);
        for number in some_binders(&mut dice) {
            let uid = tree::extra_uid(number);
            let user = gateway.json(&format!("/api/v1/users/{uid}"));
            assert_eq!(group_names(&user), model.expected(number), "round {round}, {uid}");
        }
        if round % 10 == 0 {
            let before = asked();
            assert_eq!(gateway.sign_on(&binder(0), tree::password(&tree::extra_uid(0))), 0);
            assert!(asked() - before <= 2, "the entry, and how far the directory has got");
        }
    }
}
