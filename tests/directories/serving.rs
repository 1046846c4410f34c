//! Who is in which groups, as clients of each directory see it.

use super::tree::{self, GROUPS, PEOPLE};
use super::world::Kind;
use crate::support::pdu::{self, Ask};
use crate::support::raw::Raw;
use crate::support::tree::{SERVICE, SERVICE_PASSWORD};

const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";

#[track_caller]
fn found(client: &mut Raw, base: &str, filter: &str) -> Vec<String> {
    let (entries, code) = client.search(&Ask::below(base, pdu::filter(filter), &["cn"]));
    assert_eq!(code, 0, "{filter}");
    let name =
        |entry: &bindgate::proto::search::Entry| entry.text("cn").unwrap_or_default().to_owned();
    let mut names: Vec<String> = entries.iter().map(name).collect();
    names.sort();
    names
}

fn filters_find_who_is_in_groups(kind: Kind) {
    let directory = kind.start();
    let gateway = directory.gateway_with(|settings, _| {
        settings.set("[directory.serve]", "member", "true");
        settings.add_view("name = \"readers\"\nwrites = \"deny\"");
    });
    if kind == Kind::Slapd {
        gateway.comes_to_have_a_copy();
    }
    let mut client = gateway.connect();
    assert_eq!(client.bind(SERVICE, SERVICE_PASSWORD), 0);
    let (a, top, primary) = (tree::group("A"), tree::group("top"), tree::group("primary"));
    let is_user = "(!(cn=gateway))";
    for (filter, expected) in [
        (format!("(memberOf={a})"), &["ann", "frank"][..]),
        (format!("(memberOf={})", tree::group("level-1")), &["deep"]),
        (format!("(memberOf:{IN_CHAIN}:={top})"), &["carol"]),
        (format!("(&(cn=a*)(memberOf={a}))"), &["ann"]),
        (format!("(&(cn=ann)(!(memberOf={a})))"), &[]),
        (format!("(|(cn=deep)(memberOf={a}))"), &["ann", "deep", "frank"]),
        (format!("(|(memberOf={top})(memberOf={a}))"), &["ann", "carol", "frank"]),
        (format!("(&(memberOf={a})(memberOf={top}))"), &[]),
        (format!("(&{is_user}(memberOf={}))", tree::group("above primary")), &["erin"]),
        (format!("(memberOf={primary})"), &["erin"]),
        ("(memberOf=cn=nowhere,dc=example,dc=com)".to_owned(), &[]),
    ] {
        assert_eq!(found(&mut client, PEOPLE, &filter), expected, "{filter}");
    }
    let carol = tree::person("carol");
    let all = &["bottom", "left", "list", "right", "top"][..];
    for (filter, expected) in [
        (format!("(member={carol})"), all),
        (format!("(&(member={carol})(!(cn=top)))"), &all[..4]),
        (format!("(|(cn=A)(member={}))", tree::person("erin")), &["A", "above primary", "primary"]),
    ] {
        assert_eq!(found(&mut client, GROUPS, &filter), expected, "{filter}");
    }
    for (name, member, expected) in
        [("top", &carol, 6), ("A", &carol, 5), ("above primary", &tree::person("erin"), 6)]
    {
        let compare = pdu::compare(&tree::group(name), "member", member.as_bytes());
        assert_eq!(client.code(&compare), expected, "{name}");
    }
    for (name, expected) in
        [("top", &["carol"][..]), ("primary", &["erin"]), ("A", &["ann", "frank"])]
    {
        let dn = tree::group(name);
        let ask = Ask::entry(&dn).of(&["member"]);
        let (entries, code) = client.search(&ask);
        assert_eq!((entries.len(), code), (1, 0));
        let list = entries[0].values("member").iter().map(|value| {
            let dn = String::from_utf8_lossy(value).into_owned();
            dn.split([',', '=']).nth(1).unwrap_or_default().to_owned()
        });
        let list: Vec<String> = list.filter(|name| name != "nobody").collect();
        if (kind, name) == (Kind::Samba, "primary") {
            // It has no list there.
            continue;
        }
        assert_eq!(list, expected, "{name}");
    }
}

#[test]
fn filters_on_groups_find_who_is_in_them_on_slapd() {
    filters_find_who_is_in_groups(Kind::Slapd);
}

#[test]
fn filters_on_groups_find_who_is_in_them_on_active_directory() {
    filters_find_who_is_in_groups(Kind::Samba);
}

#[test]
fn filters_on_groups_find_who_is_in_them_on_389_ds() {
    filters_find_who_is_in_groups(Kind::Ds389);
}
