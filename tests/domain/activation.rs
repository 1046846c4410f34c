//! What each directory's own attributes say of an account (S4.2), on values as they come.

use bindgate::domain::activation::{Standing, standing};
use bindgate::domain::observation::Observed;
use bindgate::domain::time::Timestamp;
use bindgate::proto::filter::Filter;
use bindgate::proto::search::{Attribute, Entry};

/// 2026-01-01T00:00:00Z.
const NOW: Timestamp = Timestamp(1_767_225_600_000_000);

fn entry(attributes: &[(&str, &[&str])]) -> Entry {
    let attributes = attributes.iter().map(|(name, values)| Attribute {
        name: (*name).to_owned(),
        values: values.iter().map(|value| value.as_bytes().to_vec()).collect(),
    });
    Entry { dn: "uid=ann,dc=x".to_owned(), attributes: attributes.collect() }
}

/// `None` stands for unknown.
#[track_caller]
fn check(attributes: &[(&str, &[&str])], filter: Option<&str>, expected: Option<Standing>) {
    let filter = filter.map(|text| Filter::parse(text).expect("it is a filter"));
    let told = match standing(&entry(attributes), filter.as_ref(), NOW) {
        Observed::Known(standing) => Some(standing),
        Observed::Unknown(_) => None,
    };
    assert_eq!(told, expected, "{attributes:?}");
}

#[track_caller]
fn check_one(name: &str, value: &str, expected: Option<Standing>) {
    check(&[(name, &[value])], None, expected);
}

#[test]
fn s4_2_an_account_of_which_nothing_is_said_may_be_used() {
    check(&[("uid", &["ann"])], None, Some(Standing::Enabled));
}

#[test]
fn s4_2_openldap_says_locked_for_good_or_for_a_while() {
    check_one("pwdAccountLockedTime", "000001010000Z", Some(Standing::Disabled));
    check_one("pwdAccountLockedTime", "20251231235900Z", Some(Standing::Locked));
    check(&[("PWDACCOUNTLOCKEDTIME", &["000001010000Z"])], None, Some(Standing::Disabled));
}

#[test]
fn s4_2_active_directory_says_by_flags_and_by_a_time() {
    check_one("userAccountControl", "512", Some(Standing::Enabled));
    check_one("userAccountControl", "514", Some(Standing::Disabled));
    check_one("userAccountControl", "66050", Some(Standing::Disabled));
    check_one("userAccountControl", "528", Some(Standing::Locked));
    check_one("userAccountControl", "-2147483646", Some(Standing::Disabled));
    check_one("userAccountControl", "many", None);
    for never in ["0", "9223372036854775807"] {
        check_one("accountExpires", never, Some(Standing::Enabled));
    }
    // 2026-01-01T00:00:00Z is 134116992000000000 in hundreds of nanoseconds since 1601.
    check_one("accountExpires", "134116992000000000", Some(Standing::Expired));
    check_one("accountExpires", "134116992000000010", Some(Standing::Enabled));
    check_one("accountExpires", "-1", Some(Standing::Expired));
    check_one("accountExpires", "soon", None);
}

#[test]
fn s4_2_other_directories_say_by_a_flag() {
    for name in ["nsAccountLock", "loginDisabled"] {
        for yes in ["TRUE", "true", "True"] {
            check(&[(name, &[yes])], None, Some(Standing::Disabled));
        }
        check(&[(name, &["false"])], None, Some(Standing::Enabled));
        check(&[(name, &["perhaps"])], None, None);
    }
}

#[test]
fn s4_2_a_configured_filter_says_it_too() {
    let left = Some("(employeeType=left)");
    check(&[("employeeType", &["left"])], left, Some(Standing::Disabled));
    check(&[("employeeType", &["staff"])], left, Some(Standing::Enabled));
    check(&[], left, Some(Standing::Enabled));
    check(&[("a", &["b"])], Some("(a:1.2.3.4:=b)"), None);
}

#[test]
fn s4_2_whatever_disables_an_account_counts_though_something_else_is_unknown() {
    let attributes: &[(&str, &[&str])] =
        &[("userAccountControl", &["odd"]), ("nsAccountLock", &["true"])];
    check(attributes, None, Some(Standing::Disabled));
    check(&[("nsAccountLock", &["false", "true"])], None, Some(Standing::Disabled));
    let locked: &[(&str, &[&str])] =
        &[("pwdAccountLockedTime", &["20250101000000Z"]), ("userAccountControl", &["514"])];
    check(locked, None, Some(Standing::Disabled));
}
