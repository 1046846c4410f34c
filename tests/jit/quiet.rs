//! What is no sign-on, and what is nothing new, leaves the store as it was (rules S3.6 and S3.7).

use crate::support::gateway::Gateway;
use crate::support::slapd::Slapd;
use crate::support::tree;
use std::collections::BTreeMap;
use std::path::PathBuf;

const ANN: &str = "uid=ann,ou=people,dc=example,dc=com";

/// A gateway that writes marks (the last sign-on) so rarely that a test sees none of it.
fn gateway(slapd: &Slapd) -> Gateway {
    Gateway::configured(slapd.port(), |settings, _| {
        settings.set("[store]", "mark_interval", "\"1h\"");
    })
}

/// The store's files with what is in them. Shared memory beside the database is no part of it.
fn store(gateway: &Gateway) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = std::fs::read_dir(gateway.store()).expect("the store is a folder");
    files
        .filter_map(|file| Some(file.ok()?.path()))
        .filter(|path| path.is_file() && !path.to_string_lossy().ends_with("-shm"))
        // It follows the directory, at its own pace, and no sign-on.
        .filter(|path| !path.to_string_lossy().contains("replica.db"))
        .map(|path| (path.clone(), std::fs::read(&path).expect("it can be read")))
        .collect()
}

#[track_caller]
fn expect_same_store(gateway: &Gateway, before: &BTreeMap<PathBuf, Vec<u8>>) {
    let after = store(gateway);
    let names = |files: &BTreeMap<PathBuf, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&after), names(before));
    for (path, bytes) in before {
        assert!(after[path] == *bytes, "{} was written", path.display());
    }
}

#[test]
fn a_change_is_written_and_the_same_again_is_not() {
    let slapd = Slapd::start();
    let gateway = gateway(&slapd);
    let empty = store(&gateway);
    assert!(!empty.is_empty(), "a store has files");
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    let made = store(&gateway);
    assert_ne!(made, empty, "a new record is on disk when the answer is out");
    let rows = gateway.audit().len();
    for _ in 0..20 {
        assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    }
    expect_same_store(&gateway, &made);
    assert_eq!(gateway.audit().len(), rows);
    slapd.admin().leave(&tree::group("B"), ANN);
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    assert_ne!(store(&gateway), made);
    assert_eq!(gateway.audit().len(), rows + 1);
}

/// Binds of one user from many clients at once; a change in their midst is written once.
#[test]
fn s3_7_a_storm_of_binds_of_one_user_writes_once_for_each_change() {
    const CLIENTS: usize = 16;
    const BINDS: usize = 125;
    let slapd = Slapd::start();
    let gateway = gateway(&slapd);
    let storm = |change: &dyn Fn()| {
        std::thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| {
                    let mut client = gateway.connect();
                    for _ in 0..BINDS {
                        assert_eq!(client.bind(ANN, "pw-ann"), 0);
                    }
                });
            }
            change();
        });
    };
    let began = std::time::Instant::now();
    storm(&|| ());
    let made = store(&gateway);
    assert_eq!(gateway.audit().len(), 1, "she was made once");
    storm(&|| ());
    expect_same_store(&gateway, &made);
    storm(&|| slapd.admin().leave(&tree::group("B"), ANN));
    // The storm may have been over before the change was made.
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    assert_eq!(gateway.audit().len(), 2, "one change is one write");
    assert!(gateway.managed_groups("ann").is_empty());
    // So that a run can tell how hard it was; nothing is asserted of it.
    let rate = (3 * CLIENTS * BINDS) as f64 / began.elapsed().as_secs_f64();
    println!("{rate:.0} binds a second of one user");
    let bound = format!(
        "bindgate_binds_total{{directory=\"corp\",result=\"success\"}} {}",
        3 * CLIENTS * BINDS + 1
    );
    gateway.comes_to_count(&bound);
}

#[test]
fn s3_7_within_the_minimum_interval_a_record_is_left_as_it_is_and_then_follows() {
    let slapd = Slapd::start();
    let mut gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.set_user_type("minimum_interval", "\"1h\"");
    });
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    slapd.admin().leave(&tree::group("B"), ANN);
    for _ in 0..3 {
        assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
        assert_eq!(gateway.managed_groups("ann"), ["A", "B"]);
    }
    assert_eq!(gateway.sign_on(ANN, "wrong"), 49, "the password is the directory's to judge");
    gateway.comes_to_count("bindgate_sign_ons_total{directory=\"corp\",outcome=\"recent\"} 3");
    gateway.stop();
    gateway.restart(|settings| settings.set_user_type("minimum_interval", "\"1ms\""));
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    assert!(gateway.managed_groups("ann").is_empty(), "the interval is over");
}

#[test]
fn a_wrong_password_changes_nothing_even_if_the_directory_changed() {
    let slapd = Slapd::start();
    let gateway = gateway(&slapd);
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    let (before, user) = (store(&gateway), gateway.user("ann"));
    slapd.admin().leave(&tree::group("B"), ANN);
    for password in ["wrong", "PW-ANN", "pw-ann ", ""] {
        assert_ne!(gateway.sign_on(ANN, password), 0);
    }
    assert_ne!(gateway.sign_on(&tree::person("bob"), "wrong"), 0);
    expect_same_store(&gateway, &before);
    assert_eq!(gateway.user("ann"), user);
    assert!(!gateway.knows("bob"));
}

#[test]
fn binds_by_those_who_are_no_users_leave_no_record() {
    let slapd = Slapd::start();
    let gateway = gateway(&slapd);
    let before = store(&gateway);
    let printer = format!("cn=printer,{}", tree::PEOPLE);
    for (dn, password) in [
        ("", ""),
        (tree::SERVICE, tree::SERVICE_PASSWORD),
        (tree::ADMIN, tree::ADMIN_PASSWORD),
        (printer.as_str(), "pw-printer"),
    ] {
        assert_eq!(gateway.sign_on(dn, password), 0, "{dn}");
    }
    expect_same_store(&gateway, &before);
    let listed = gateway.json("/api/v1/users");
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(0));
}

#[test]
fn many_sign_ons_of_one_user_at_once_are_one_record_and_one_row() {
    let slapd = Slapd::start();
    let gateway = gateway(&slapd);
    let rows = gateway.audit().len();
    let mut clients: Vec<_> = (0..40).map(|_| gateway.connect()).collect();
    let request = crate::support::pdu::bind(ANN, b"pw-ann");
    let ids: Vec<i64> = clients.iter_mut().map(|raw| raw.start(&request)).collect();
    for (raw, id) in clients.iter_mut().zip(ids) {
        assert_eq!(raw.answers_to(id)[0].code(), 0);
    }
    assert_eq!(gateway.managed_groups("ann"), ["A", "B"]);
    assert_eq!(gateway.audit().len(), rows + 1);
}

/// The directory's root DN has no entry, so its read came back empty, and every one of its binds
/// was told as a sign-on that failed; a name that no user type's base holds is no user.
#[test]
fn a_bind_of_a_name_outside_every_user_type_is_no_sign_on_even_without_an_entry() {
    let slapd = Slapd::start();
    let gateway = gateway(&slapd);
    let empty = store(&gateway);
    assert_eq!(gateway.sign_on(tree::ADMIN, tree::ADMIN_PASSWORD), 0);
    expect_same_store(&gateway, &empty);
    let count = |line: &str| gateway.metrics().lines().any(|found| found == line);
    let no_user = "bindgate_sign_ons_total{directory=\"corp\",outcome=\"not-a-user\"} 1";
    assert!(count(no_user), "{}", gateway.metrics());
    assert!(count("bindgate_sign_on_unknown_total{reason=\"not-one-entry\"} 0"));
}
