//! The live copy of directories that number their changes: whatever was changed before a bind counts
//! at it, and nothing is taken away because a server was restarted or set back.

use super::tree;
use super::world::{Directory, Kind, counted, online};
use crate::support::eventually;
use crate::support::gateway::{Gateway, group_names};
use crate::support::pdu::{self, Change};
use crate::support::raw::Raw;
use crate::support::samba;
use crate::support::settings::{Settings, quoted};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};

/// The groups that the tree gives ann.
const ANNS: [&str; 4] = ["A", "B", "list", "local"];

impl Directory {
    fn stop(&mut self) {
        match self {
            Self::Slapd(_) => unreachable!("slapd has tests of its own"),
            Self::Samba(server) => server.stop(),
            Self::Ds389(server) => server.stop(),
        }
    }

    fn start_again(&mut self) {
        match self {
            Self::Slapd(_) => unreachable!("slapd has tests of its own"),
            Self::Samba(server) => server.start_again(),
            Self::Ds389(server) => server.start_again(),
        }
    }

    /// Keeps a copy of the data.
    fn back_up(&mut self) {
        self.stop();
        match self {
            Self::Slapd(_) => unreachable!("slapd has tests of its own"),
            Self::Samba(server) => server.back_up(),
            Self::Ds389(server) => server.back_up(),
        }
        self.start_again();
    }

    /// Puts the copy in the place of the data.
    fn set_back(&mut self) {
        self.stop();
        match self {
            Self::Slapd(_) => unreachable!("slapd has tests of its own"),
            Self::Samba(server) => server.set_back(),
            Self::Ds389(server) => server.set_back(),
        }
        self.start_again();
    }

    /// A gateway before Active Directory whose account sees deleted objects, with a copy.
    pub(crate) fn gateway_that_sees_the_gone(&self, change: impl FnOnce(&mut Settings)) -> Gateway {
        // One has to be seen before it is believed that they are.
        self.add_group(&tree::group("gone"), &tree::person("ann"));
        assert_eq!(self.admin().code(&pdu::delete(&tree::group("gone"))), 0);
        let gateway = self.gateway_with(|settings, folder| {
            let file = folder.write("admin.password", format!("{}\n", samba::PASSWORD));
            let (dn, file) = (samba::ADMINISTRATOR, file.display());
            let account = format!("{{ dn = \"{dn}\", password_file = \"{file}\" }}");
            settings.set("[[directory]]", "service_account", account);
            change(settings);
        });
        gateway.comes_to_have_a_copy();
        gateway
    }

    pub(crate) fn add_group(&self, dn: &str, member: &str) {
        let class = if self.kind() == Kind::Samba { "group" } else { "groupOfNames" };
        let add = pdu::add(dn, &[("objectClass", &[class]), ("member", &[member])]);
        assert_eq!(self.admin().code(&add), 0, "{dn}");
    }
}

/// Signs on, and looks at the groups of the record.
#[track_caller]
fn expect(gateway: &Gateway, raw: &mut Raw, user: &str, groups: &[&str]) {
    assert_eq!(raw.bind(&tree::person(user), tree::password(user)), 0, "{}", gateway.log());
    let record = gateway.user(user);
    assert_eq!(record["observation"]["groups"], "known", "{}", gateway.log());
    let mut names = group_names(&record);
    names.sort_unstable();
    assert_eq!(names, groups, "{}", gateway.log());
}

#[track_caller]
fn succeeds(code: u32) {
    assert_eq!(code, 0);
}

/// What may happen to groups, each with what follows at the next bind.
fn life_of_groups(directory: &Directory, gateway: &Gateway) {
    let (ann, a, b, list) =
        (tree::person("ann"), tree::group("A"), tree::group("B"), tree::group("list"));
    let (mut admin, mut raw) = (directory.admin(), gateway.connect());
    let raw = &mut raw;
    expect(gateway, raw, "ann", &ANNS);
    // A nested group leaves, and comes back.
    admin.leave(&a, &b);
    expect(gateway, raw, "ann", &["B", "list", "local"]);
    admin.join(&a, &b);
    expect(gateway, raw, "ann", &ANNS);
    // A group in the middle gets another name, and goes elsewhere below the base.
    succeeds(admin.code(&pdu::modify_dn(&b, "cn=B two", None)));
    expect(gateway, raw, "ann", &["A", "B two", "list", "local"]);
    let inner = format!("ou=inner,{}", tree::GROUPS);
    succeeds(admin.code(&pdu::add(&inner, &[("objectClass", &["organizationalUnit"])])));
    let (renamed, moved) = (tree::group("B two"), format!("cn=B two,{inner}"));
    succeeds(admin.code(&pdu::modify_dn(&renamed, "cn=B two", Some(&inner))));
    expect(gateway, raw, "ann", &["A", "B two", "list", "local"]);
    // What it lies below gets another name, and the group with it, of which nobody is told.
    succeeds(admin.code(&pdu::modify_dn(&inner, "ou=other", None)));
    let moved = moved.replace("ou=inner", "ou=other");
    expect(gateway, raw, "ann", &["A", "B two", "list", "local"]);
    eventually("the copy is there again", || {
        expect(gateway, raw, "ann", &["A", "B two", "list", "local"]);
        let rows = gateway.user("ann")["memberships"].take();
        let name = super::world::normal(&json!(moved));
        let rows = rows.as_array().expect("a user has memberships").clone();
        rows.iter().any(|row| super::world::normal(&row["group"]["dn"]) == name).then_some(())
    });
    gateway.comes_to_have_a_copy();
    // It goes out of the base, and comes back.
    succeeds(admin.code(&pdu::modify_dn(&moved, "cn=B two", Some(tree::PEOPLE))));
    expect(gateway, raw, "ann", &["list"]);
    let outside = format!("cn=B two,{}", tree::PEOPLE);
    succeeds(admin.code(&pdu::modify_dn(&outside, "cn=B", Some(tree::GROUPS))));
    expect(gateway, raw, "ann", &ANNS);
    // A group goes, and comes anew under the same name.
    let id_of = |record: Value| {
        let rows = record["memberships"].as_array().expect("a user has memberships").clone();
        let is_list = |row: &&Value| row["group"]["name"] == "list";
        rows.iter().find(is_list).expect("she is on the list")["group"]["id"].clone()
    };
    let old = id_of(gateway.user("ann"));
    succeeds(admin.code(&pdu::delete(&list)));
    expect(gateway, raw, "ann", &["A", "B", "local"]);
    directory.add_group(&list, &ann);
    expect(gateway, raw, "ann", &ANNS);
    assert_ne!(id_of(gateway.user("ann")), old, "it is another group");
    // It goes, and another one comes, between two binds.
    succeeds(admin.code(&pdu::delete(&list)));
    directory.add_group(&tree::group("new list"), &ann);
    expect(gateway, raw, "ann", &["A", "B", "local", "new list"]);
    // Nothing has changed.
    expect(gateway, raw, "ann", &["A", "B", "local", "new list"]);
}

/// Others are changed all the time, which is nobody's business.
pub(crate) fn beside_a_writer(directory: &Directory, work: impl FnOnce()) {
    let (is_over, carol) = (AtomicBool::new(false), tree::person("carol"));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut admin = directory.admin();
            let mut number = 0_u32;
            while !is_over.load(Ordering::Relaxed) {
                number += 1;
                let text = number.to_string();
                admin.modify(&carol, Change::Replace, "description", &[text.as_bytes()]);
            }
        });
        let _over = Over(&is_over);
        work();
    });
}

/// Says at its end that all is over, also if a test fails.
pub(crate) struct Over<'a>(pub(crate) &'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn reads(source: &str, gateway: &Gateway) -> u64 {
    let line = format!("bindgate_group_reads_total{{directory=\"corp\",source=\"{source}\"}} ");
    let metrics = gateway.metrics();
    let found = metrics.lines().find_map(|found| found.strip_prefix(&line));
    found.and_then(|count| count.parse().ok()).expect("it is counted")
}

/// How many of so many sign-ons walked, once all of them are counted.
#[track_caller]
pub(crate) fn walks_of(gateway: &Gateway, sign_ons: usize) -> usize {
    let sign_ons = sign_ons as u64;
    eventually("every sign-on is counted", || {
        let walks = reads("directory", gateway);
        (walks + reads("replica", gateway) == sign_ons).then_some(walks as usize)
    })
}

#[track_caller]
fn lives(kind: Kind) {
    let directory = kind.start();
    let gateway = directory.gateway("auto");
    gateway.comes_to_have_a_copy();
    beside_a_writer(&directory, || life_of_groups(&directory, &gateway));
    assert!(reads("replica", &gateway) > reads("directory", &gateway), "{}", gateway.metrics());
}

#[test]
fn s4_4_whatever_happens_to_a_group_counts_at_the_next_bind_on_active_directory() {
    lives(Kind::Samba);
}

#[test]
fn s4_4_whatever_happens_to_a_group_counts_at_the_next_bind_on_389_ds() {
    lives(Kind::Ds389);
}

#[test]
fn s4_4_an_account_that_sees_deleted_objects_has_them_told() {
    let directory = Kind::Samba.start();
    let gateway = directory.gateway_that_sees_the_gone(|_| {});
    let said = online(&gateway).expect_code(0);
    assert!(said.contains("deleted objects are seen"), "{said}");
    life_of_groups(&directory, &gateway);
}

#[test]
fn s4_4_a_primary_group_that_changes_counts_at_the_next_bind() {
    let directory = Kind::Samba.start();
    let gateway = directory.gateway("auto");
    gateway.comes_to_have_a_copy();
    let (mut admin, mut raw) = (directory.admin(), gateway.connect());
    let (erin, b) = (tree::person("erin"), tree::group("B"));
    let raw = &mut raw;
    expect(&gateway, raw, "erin", &["above primary", "primary"]);
    admin.join(&b, &erin);
    expect(&gateway, raw, "erin", &["A", "B", "above primary", "local", "primary"]);
    // The old one lists her from now on, and the new one does not any more.
    let (found, _) = admin.search(&pdu::Ask::entry(&b).of(&["objectSid"]));
    let sid = found.first().expect("the group is there").values("objectSid")[0].clone();
    let last = u32::from_le_bytes(*sid.last_chunk().expect("it has parts")).to_string();
    admin.modify(&erin, Change::Replace, "primaryGroupID", &[last.as_bytes()]);
    expect(&gateway, raw, "erin", &["A", "B", "above primary", "local", "primary"]);
    admin.leave(&tree::group("primary"), &erin);
    expect(&gateway, raw, "erin", &["A", "B", "local"]);
    let walks = walks_of(&gateway, 4);
    assert!(walks < 4, "the copy knows primary groups");
}

/// How many searches the gateway asks for itself while somebody signs on ten times; the copy's own, on
/// its own connection, are none of them.
fn searches(directory: &Directory, resolve: &'static str, kept: &'static str) -> u64 {
    let gateway = directory.gateway_with(|settings, _| {
        settings.set("[directory.groups]", "resolve", quoted(resolve));
        settings.set("[directory.groups]", "max_kept_lookups", kept);
    });
    if resolve == "replica" {
        gateway.comes_to_have_a_copy();
    }
    let count = || counted(&gateway, "bindgate_upstream_searches_total");
    let (deep, mut raw) = (tree::person("deep"), gateway.connect());
    // The first sign-on finds out what the directory offers.
    assert_eq!(raw.bind(&deep, "pw-deep"), 0);
    let before = count();
    (0..10).for_each(|_| assert_eq!(raw.bind(&deep, "pw-deep"), 0));
    count() - before
}

#[track_caller]
fn saves_searches(kind: Kind) {
    let directory = kind.start();
    // The entry, and what is asked in the background.
    let copied = searches(&directory, "replica", "1000");
    assert!((10..50).contains(&copied), "{copied}");
    // The entry, a search a level and how far it has got.
    let walked = searches(&directory, "walk", "0");
    assert!(walked >= 100, "{walked}");
    // What was looked up is not asked again while nothing changes; 389-ds counts before it shows.
    let kept = searches(&directory, "walk", "1000");
    let is_kept = (20..50).contains(&kept);
    assert!(is_kept == (kind == Kind::Samba) && (is_kept || kept >= 100), "{kept}");
}

#[test]
fn a_sign_on_by_the_copy_asks_for_the_entry_alone_on_active_directory() {
    saves_searches(Kind::Samba);
}

#[test]
fn a_sign_on_by_the_copy_asks_for_the_entry_alone_on_389_ds() {
    saves_searches(Kind::Ds389);
}

fn comes_back(kind: Kind) {
    let mut directory = kind.start();
    let mut gateway = directory.gateway("auto");
    gateway.comes_to_have_a_copy();
    let (ann, b) = (tree::person("ann"), tree::group("B"));
    let mut raw = gateway.connect();
    expect(&gateway, &mut raw, "ann", &ANNS);
    directory.stop();
    directory.start_again();
    directory.admin().leave(&b, &ann);
    // The one that was connected is down, which is nobody's fault.
    eventually("binds are answered", || (gateway.sign_on(&ann, "pw-ann") == 0).then_some(()));
    eventually("the groups are known", || {
        assert_eq!(gateway.sign_on(&ann, "pw-ann"), 0);
        (gateway.user("ann")["observation"]["groups"] == "known").then_some(())
    });
    gateway.comes_to_have_a_copy();
    expect(&gateway, &mut gateway.connect(), "ann", &["list"]);
    // The copy goes on where an earlier gateway had got.
    gateway.comes_to_count("bindgate_replica_saved{directory=\"corp\"} 1");
    gateway.stop();
    directory.admin().join(&b, &ann);
    assert_eq!(directory.admin().code(&pdu::delete(&tree::group("list"))), 0);
    gateway.restart(|_| {});
    gateway.comes_to_have_a_copy();
    expect(&gateway, &mut gateway.connect(), "ann", &["A", "B", "local"]);
    gateway.comes_to_count("bindgate_replica_resumes_total{directory=\"corp\"} 1");
    gateway.comes_to_count("bindgate_replica_loads_total{directory=\"corp\"} 0");
}

#[test]
fn s4_4_a_restart_of_the_directory_or_of_the_gateway_hides_nothing_on_active_directory() {
    comes_back(Kind::Samba);
}

#[test]
fn s4_4_a_restart_of_the_directory_or_of_the_gateway_hides_nothing_on_389_ds() {
    comes_back(Kind::Ds389);
}

/// Signs on until this is known of the groups; a server that was just restarted is left alone for a
/// moment, and a copy that is slow to come back makes groups unknown for another reason.
#[track_caller]
fn comes_to_observe(gateway: &Gateway, expected: &Value, groups: &[&str]) {
    eventually(&format!("this is known: {expected}"), || {
        let code = gateway.sign_on(&tree::person("ann"), "pw-ann");
        let seen = gateway.user("ann");
        let mut names = group_names(&seen);
        names.sort_unstable();
        (code == 0 && seen["observation"]["groups"] == *expected && names == groups).then_some(())
    });
}

fn is_set_back(kind: Kind, writes: usize) {
    let mut directory = kind.start();
    directory.back_up();
    let mut gateway = directory.gateway("auto");
    gateway.comes_to_have_a_copy();
    let (ann, level) = (tree::person("ann"), tree::group("top"));
    directory.admin().join(&level, &ann);
    let more = ["A", "B", "list", "local", "top"];
    expect(&gateway, &mut gateway.connect(), "ann", &more);
    gateway.comes_to_count("bindgate_replica_saved{directory=\"corp\"} 1");
    gateway.stop();
    directory.set_back();
    // With so many writes it has got farther than it was ever seen to have got.
    for number in 0..writes {
        let text = number.to_string();
        let carol = tree::person("carol");
        directory.admin().modify(&carol, Change::Replace, "description", &[text.as_bytes()]);
    }
    gateway.restart(|_| {});
    gateway.comes_to_have_a_copy();
    comes_to_observe(&gateway, &json!({ "unknown": "rollback" }), &more);
    gateway.command(&["directory", "accept-rollback", "corp"]).expect_code(0);
    comes_to_observe(&gateway, &json!("known"), &ANNS);
}

#[test]
fn k6_a_backup_that_is_restored_takes_nothing_away_until_it_is_accepted_on_active_directory() {
    is_set_back(Kind::Samba, 0);
}

#[test]
fn k6_a_backup_that_is_restored_takes_nothing_away_until_it_is_accepted_on_389_ds() {
    is_set_back(Kind::Ds389, 0);
}

#[test]
fn k6_writes_after_a_backup_was_restored_do_not_hide_that_on_active_directory() {
    is_set_back(Kind::Samba, 40);
}

#[test]
fn k6_writes_after_a_backup_was_restored_do_not_hide_that_on_389_ds() {
    is_set_back(Kind::Ds389, 40);
}
