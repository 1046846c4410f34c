//! The life of an account: disabled, enabled, renamed, moved, deleted, made anew, the same on each
//! directory (S4), and changes that count at once.

use super::busy::LISTS;
use super::tree;
use super::world::{Directory, Kind, counted};
use crate::support::counts;
use crate::support::eventually;
use crate::support::gateway::{Gateway, group_names};
use crate::support::pdu::{self, Change};
use serde_json::{Value, json};
use std::time::SystemTime;

/// How a directory says that somebody may not use an account any more, and that one may again.
fn lock(directory: &Directory, who: &str, locked: bool) {
    let (name, on, off): (&str, &[u8], Option<&[u8]>) = match directory.kind() {
        Kind::Slapd => ("pwdAccountLockedTime", b"000001010000Z", None),
        Kind::Samba => ("userAccountControl", b"514", Some(b"512")),
        Kind::Ds389 => ("nsAccountLock", b"true", None),
    };
    let values = if locked { vec![on] } else { off.into_iter().collect() };
    directory.admin().modify(who, Change::Replace, name, &values);
}

#[track_caller]
fn expect(gateway: &Gateway, user: &str, reasons: &[&str], groups: &[&str]) {
    let record = gateway.user(user);
    assert_eq!(record["state"]["reasons"], json!(reasons), "{user}: {}", gateway.log());
    let rows = record["memberships"].as_array().expect("a user has memberships").iter();
    let counting = rows.filter(|row| row["effective"] == true);
    let mut names: Vec<&str> = counting.filter_map(|row| row["group"]["name"].as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, groups, "{user}");
}

/// A gateway that looks at those who do not sign on, too.
fn watchful(directory: &Directory) -> Gateway {
    directory.gateway_with(|settings, _| {
        settings.set("[reconcile]", "enabled", "true");
        settings.set("[reconcile]", "after", "\"1s\"");
    })
}

fn is_disabled_and_taken_back(kind: Kind) {
    let directory = kind.start();
    let gateway = watchful(&directory);
    let (ann, b, level) = (tree::person("ann"), tree::group("B"), tree::group("level-8"));
    assert_eq!(gateway.sign_on(&ann, "pw-ann"), 0);
    expect(&gateway, "ann", &[], &["A", "B", "list", "local"]);
    lock(&directory, &ann, true);
    assert_ne!(gateway.sign_on(&ann, "pw-ann"), 0, "the directory refuses her");
    eventually("the reconciliation sees it", || {
        (gateway.user("ann")["state"]["active"] == false).then_some(())
    });
    expect(&gateway, "ann", &["upstream"], &[]);
    directory.admin().leave(&b, &ann);
    directory.admin().join(&level, &ann);
    lock(&directory, &ann, false);
    assert_eq!(gateway.sign_on(&ann, "pw-ann"), 0);
    let levels: Vec<String> = (1..9).map(|level| format!("level-{level}")).collect();
    let mut after: Vec<&str> = levels.iter().map(String::as_str).collect();
    after.push("list");
    expect(&gateway, "ann", &[], &after);
}

fn moves(kind: Kind) {
    let directory = kind.start();
    let gateway = directory.gateway("auto");
    let (ann, b, list) = (tree::person("ann"), tree::group("B"), tree::group("list"));
    assert_eq!(gateway.sign_on(&ann, "pw-ann"), 0);
    let id = gateway.user("ann")["id"].clone();
    let groups = ["A", "B", "list", "local"];
    let mut admin = directory.admin();
    // Renamed: the name in the DN is not the user's name.
    let renamed = format!("cn=Ann Other,{}", tree::PEOPLE);
    assert_eq!(admin.code(&pdu::modify_dn(&ann, "cn=Ann Other", None)), 0);
    follow(&directory, &[&b, &list], &ann, &renamed);
    assert_eq!(gateway.sign_on(&renamed, "pw-ann"), 0);
    expect(&gateway, "ann", &[], &groups);
    // Moved within the base of the user type.
    let inner = format!("ou=inner,{}", tree::PEOPLE);
    let unit = pdu::add(&inner, &[("objectClass", &["organizationalUnit"])]);
    assert_eq!(admin.code(&unit), 0);
    let moved = format!("cn=Ann Other,{inner}");
    assert_eq!(admin.code(&pdu::modify_dn(&renamed, "cn=Ann Other", Some(&inner))), 0);
    follow(&directory, &[&b, &list], &renamed, &moved);
    assert_eq!(gateway.sign_on(&moved, "pw-ann"), 0);
    expect(&gateway, "ann", &[], &groups);
    // A group that is renamed is the same group.
    let of_list = |user: &Value| {
        let rows = user["memberships"].as_array().expect("a user has memberships").iter();
        let mut rows =
            rows.filter(|row| row["group"]["name"].as_str().unwrap_or("").starts_with("list"));
        let row = rows.next().expect("she is on the list");
        (row["group"]["id"].clone(), row["since"].clone())
    };
    let before = of_list(&gateway.user("ann"));
    assert_eq!(admin.code(&pdu::modify_dn(&list, "cn=list of all", None)), 0);
    assert_eq!(gateway.sign_on(&moved, "pw-ann"), 0);
    expect(&gateway, "ann", &[], &["A", "B", "list of all", "local"]);
    assert_eq!(of_list(&gateway.user("ann")), before);
    // Moved out of the base: nobody's user any more.
    let outside = format!("cn=Ann Other,{}", tree::GROUPS);
    assert_eq!(admin.code(&pdu::modify_dn(&moved, "cn=Ann Other", Some(tree::GROUPS))), 0);
    assert_eq!(gateway.sign_on(&outside, "pw-ann"), 0);
    expect(&gateway, "ann", &["scope"], &[]);
    assert_eq!(gateway.user("ann")["id"], id, "it is one record all the way");
}

fn is_made_anew(kind: Kind) {
    let directory = kind.start();
    let gateway = watchful(&directory);
    let bob = tree::person("bob");
    assert_eq!(gateway.sign_on(&bob, "pw-bob"), 0);
    let old = gateway.user("bob")["upstream_id"].clone();
    assert_eq!(directory.admin().code(&pdu::delete(&bob)), 0);
    eventually("the reconciliation misses him", || {
        (gateway.user("bob")["state"]["active"] == false).then_some(())
    });
    expect(&gateway, "bob", &["missing"], &[]);
    let crowd = tree::group("crowd");
    if directory.kind() == Kind::Slapd {
        // Elsewhere a name that leads nowhere goes from the groups.
        let everything = tree::group("all (of) *");
        for group in [&crowd, &everything] {
            directory.admin().leave(group, &bob);
        }
    }
    directory.add_person("bob", "pw-anew");
    directory.admin().join(&tree::group("B"), &bob);
    assert_eq!(gateway.sign_on(&bob, "pw-anew"), 0);
    let listed = gateway.json("/api/v1/users?name=bob");
    let items = listed["items"].as_array().expect("a list has items");
    let new = items.iter().find(|user| user["state"]["active"] == true).expect("he is there");
    assert_ne!(new["upstream_id"], old, "he is somebody else");
    let id = format!("id:{}", new["upstream_id"].as_str().expect("it has an upstream id"));
    expect(&gateway, &id, &[], &["A", "B", "local"]);
}

/// Where the directory does not keep names of members up to date, this does.
fn follow(directory: &Directory, groups: &[&str], old: &str, new: &str) {
    if directory.kind() == Kind::Slapd {
        for group in groups {
            directory.admin().join(group, new);
            directory.admin().leave(group, old);
        }
    }
}

#[test]
fn s4_4_disabled_and_taken_back_with_other_groups_on_slapd() {
    is_disabled_and_taken_back(Kind::Slapd);
}

#[test]
fn s4_4_disabled_and_taken_back_with_other_groups_on_active_directory() {
    is_disabled_and_taken_back(Kind::Samba);
}

#[test]
fn s4_4_disabled_and_taken_back_with_other_groups_on_389_ds() {
    is_disabled_and_taken_back(Kind::Ds389);
}

#[test]
fn s4_11_renamed_and_moved_it_is_the_same_record_on_slapd() {
    moves(Kind::Slapd);
}

#[test]
fn s4_11_renamed_and_moved_it_is_the_same_record_on_active_directory() {
    moves(Kind::Samba);
}

#[test]
fn s4_11_renamed_and_moved_it_is_the_same_record_on_389_ds() {
    moves(Kind::Ds389);
}

#[test]
fn s4_6_deleted_and_made_anew_it_is_another_user_on_slapd() {
    is_made_anew(Kind::Slapd);
}

#[test]
fn s4_6_deleted_and_made_anew_it_is_another_user_on_active_directory() {
    is_made_anew(Kind::Samba);
}

#[test]
fn s4_6_deleted_and_made_anew_it_is_another_user_on_389_ds() {
    is_made_anew(Kind::Ds389);
}

/// Active Directory's time of that many seconds from now: tenths of microseconds since 1601.
fn filetime(from_now: i64) -> String {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let seconds = since_1970.expect("it is later than 1970").as_secs() as i64 + from_now;
    ((seconds + 11_644_473_600) * 10_000_000).to_string()
}

#[test]
fn s4_2_an_account_whose_time_is_over_on_active_directory_is_disabled_until_it_has_more_time() {
    const DAY: i64 = 24 * 60 * 60;
    let directory = Kind::Samba.start();
    let gateway = watchful(&directory);
    let ann = tree::person("ann");
    let groups = ["A", "B", "list", "local"];
    let set = |at: &str| {
        directory.admin().modify(&ann, Change::Replace, "accountExpires", &[at.as_bytes()]);
    };
    let may_sign_on = |at: &str| {
        set(at);
        assert_eq!(gateway.sign_on(&ann, "pw-ann"), 0, "{at}");
        expect(&gateway, "ann", &[], &groups);
    };
    // Two ways to say never, and a day to come.
    ["0", "9223372036854775807", &filetime(DAY)].into_iter().for_each(may_sign_on);
    set(&filetime(-DAY));
    assert_eq!(gateway.sign_on(&ann, "pw-ann"), 49, "the directory refuses her");
    eventually("the reconciliation sees it", || {
        (gateway.user("ann")["state"]["active"] == false).then_some(())
    });
    expect(&gateway, "ann", &["upstream"], &[]);
    assert_eq!(gateway.sign_on(&ann, "pw-ann"), 49);
    expect(&gateway, "ann", &["upstream"], &[]);
    may_sign_on(&filetime(DAY));
}

/// How many changes, and how many sign-ons may walk: one in a hundred in a soak, which has the machine
/// to itself; one in ten beside other tests, as who walks has waited for the copy.
fn rounds() -> (usize, usize) {
    if counts::is_soak() { (500, 5) } else { (50, 5) }
}

/// What was changed just before a bind is in its record, and nothing is unknown.
fn fresh(kind: Kind) {
    let directory = kind.start();
    let gateway = directory.gateway("auto");
    gateway.comes_to_have_a_copy();
    let (ann, b) = (tree::person("ann"), tree::group("B"));
    let mut admin = directory.admin();
    let mut raw = gateway.connect();
    let (rounds, most_walked) = rounds();
    super::copy::beside_a_writer(&directory, || {
        for round in 0..rounds {
            match round % 2 {
                0 => admin.leave(&b, &ann),
                _ => admin.join(&b, &ann),
            }
            assert_eq!(raw.bind(&ann, "pw-ann"), 0);
            let user = gateway.user("ann");
            assert_eq!(user["observation"]["groups"], "known", "round {round}");
            let is_in = group_names(&user).contains(&"A".to_owned());
            assert_eq!(is_in, round % 2 == 1, "round {round}: {}", gateway.log());
        }
    });
    let walked = super::copy::walks_of(&gateway, rounds);
    println!("{walked} of {rounds} walked, {} lists", counted(&gateway, LISTS));
    assert!(walked <= most_walked, "{walked} of {rounds}");
}

#[test]
fn s4_4_no_bind_sees_an_old_state_on_active_directory() {
    fresh(Kind::Samba);
}

#[test]
fn s4_4_no_bind_sees_an_old_state_on_389_ds() {
    fresh(Kind::Ds389);
}
