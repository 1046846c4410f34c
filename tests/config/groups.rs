//! `[directory.groups]`: how members are named, and the canary.

use super::{LEAST, check, sound};
use bindgate::domain::membership::MemberAttribute;
use bindgate::domain::policy::Resolve;
use std::time::Duration;

#[test]
fn how_groups_name_members_is_a_list_or_one_attribute() {
    let base = "base = \"ou=groups,dc=example,dc=com\"";
    let with = |line: &str| LEAST.replace(base, &format!("{base}\n{line}"));
    let groups = |line: &str| {
        let (config, _) = sound(&with(line));
        config.directories[0].policy.groups.clone().unwrap()
    };
    let of = |names: &[&str]| -> Vec<MemberAttribute> {
        names.iter().map(|name| MemberAttribute::new(name)).collect()
    };
    let attributes = |line: &str| -> Vec<MemberAttribute> { groups(line).member_attributes };
    assert_eq!(attributes(""), MemberAttribute::usual());
    assert_eq!(attributes("member_attribute = \"uniqueMember\""), of(&["uniqueMember"]));
    let both = "member_attribute = [\"member\", \"memberUid\"]";
    assert_eq!(attributes(both), of(&["member", "memberUid"]));
    let none = format!("{base}\nmember_attribute = []");
    check(base, &none, "[]", &["1 to 8 attributes"]);
    let wrong = format!("{base}\nmember_attribute = \"a b\"");
    check(base, &wrong, "\"a b\"", &["attribute"]);
    assert_eq!(groups("resolve = \"member-of\"").resolve, Resolve::MemberOf);
    assert_eq!(groups("resolve = \"member-of\"").replica, None);
    assert_eq!(groups("max_filter_size = \"2KiB\"").max_filter_size, 2048);
}

#[test]
fn a_canary_is_a_user_with_groups_under_the_base() {
    let base = "base = \"ou=groups,dc=example,dc=com\"";
    let user = "user = \"uid=tweety,ou=people,dc=example,dc=com\"";
    let (config, _) = sound(&LEAST.replace(base, &format!("{base}\ncanary = {{ {user} }}")));
    let canary = config.directories[0].policy.groups.clone().unwrap().canary.unwrap();
    assert_eq!(canary.user.as_str(), "uid=tweety,ou=people,dc=example,dc=com");
    assert_eq!((canary.groups.len(), canary.interval), (0, Duration::from_secs(30)));
    let check_canary = |keys: &str, at: &str, words: &[&str]| {
        check(base, &format!("{base}\ncanary = {{ {keys} }}"), at, words);
    };
    let group = "\"cn=a,ou=people,dc=example,dc=com\"";
    check_canary(&format!("{user}, groups = [{group}]"), group, &["never be found"]);
    check_canary("user = \"uid=x,dc=other\"", "\"uid=x,dc=other\"", &["suffixes"]);
    check(base, &format!("{base}\ncanary = 1"), "1", &["not a section"]);
}
