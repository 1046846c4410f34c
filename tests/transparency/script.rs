//! The script: every operation, its usual and its unusual forms, and what can go wrong with each.

use super::control_steps;
use super::player::Step::{self, AllPages, Ask as Do, AskLong, AskVolatile, End, Tell};
use crate::support::pdu::{
    self, Ask, Body, Change, Control, add, all_of, any_of, begins, bind, compare, delete, equal,
    extended, modify, modify_dn, nested, not, present, with_controls,
};
use crate::support::tree::{
    ADMIN, ADMIN_PASSWORD, GROUPS, ODD, ODD_PASSWORD, PEOPLE, SERVICE, SERVICE_PASSWORD, SUFFIX,
};

const ANN: &str = "uid=ann,ou=people,dc=example,dc=com";
const BOB: &str = "uid=bob,ou=people,dc=example,dc=com";
const NOWHERE: &str = "uid=x,ou=nowhere,dc=example,dc=com";
const SCRATCH: &str = "cn=scratch,ou=people,dc=example,dc=com";
const WHO_AM_I: &str = "1.3.6.1.4.1.4203.1.11.3";

/// The whole script. Sessions change in it; later parts see what earlier ones wrote.
pub(crate) fn steps() -> Vec<Step> {
    let parts = [
        anonymous(),
        binds(),
        searches(),
        controls(),
        reads(),
        writes(),
        control_steps::steps(),
        as_user(),
        extensions(),
    ];
    parts.into_iter().flatten().chain([End("the end", pdu::unbind())]).collect()
}

fn as_admin(name: &'static str) -> Step {
    Do(name, bind(ADMIN, ADMIN_PASSWORD.as_bytes()))
}

fn anonymous() -> Vec<Step> {
    vec![
        Do("root dse, user attributes", Ask::entry("").body()),
        AskVolatile("root dse, everything", Ask::entry("").of(&["*", "+"]).body()),
        Do("root dse, below", Ask { scope: 1, ..Ask::entry("") }.body()),
        Do("schema", Ask::entry("cn=Subschema").of(&["objectClasses"]).body()),
        Do("anonymous read", Ask::entry(ANN).body()),
        Do("anonymous read outside", Ask::entry("dc=elsewhere").body()),
        Do("anonymous compare", compare(ANN, "uid", b"ann")),
        Do("anonymous delete", delete(ANN)),
        Do("anonymous add", add(NOWHERE, &[("objectClass", &["device"]), ("cn", &["x"])])),
        Do("anonymous modify", modify(ANN, Change::Replace, "sn", &[b"x"])),
        Do("anonymous rename", modify_dn(ANN, "uid=x", None)),
        Do("anonymous who am i", extended(WHO_AM_I, None)),
        Do("start tls without a certificate", extended("1.3.6.1.4.1.1466.20037", None)),
    ]
}

fn binds() -> Vec<Step> {
    let policy = Control { oid: "1.3.6.1.4.1.42.2.27.8.5.1", critical: false, value: None };
    let critical = Control { oid: "1.2.3.4.5", critical: true, value: None };
    vec![
        Do("bind", bind(ANN, b"pw-ann")),
        Do("bind with a wrong password", bind(ANN, b"wrong")),
        Do("read after a failed bind", Ask::entry(ANN).body()),
        Do("bind as nobody", bind("uid=nobody,ou=people,dc=example,dc=com", b"x")),
        Do("bind outside", bind("uid=ann,dc=elsewhere", b"x")),
        Do("bind with no dn", bind("ann", b"pw-ann")),
        Do("bind without a password", bind(ANN, b"")),
        Do("bind as nobody at all", bind("", b"")),
        Do("bind as version 2", pdu::bind_with_version(2, ANN, b"pw-ann")),
        Do("bind with an unknown mechanism", pdu::sasl_bind("X-NONE", Some(b"x"))),
        Do("bind by PLAIN", pdu::sasl_bind("PLAIN", Some(b"\0ann\0pw-ann"))),
        Do("who am i by PLAIN", extended(WHO_AM_I, None)),
        Do("bind by PLAIN, wrong", pdu::sasl_bind("PLAIN", Some(b"\0ann\0wrong"))),
        Do("bind by PLAIN as another", pdu::sasl_bind("PLAIN", Some(b"u:bob\0ann\0pw-ann"))),
        Do("bind by ANONYMOUS", pdu::sasl_bind("ANONYMOUS", Some(b"me"))),
        Do("who am i by ANONYMOUS", extended(WHO_AM_I, None)),
        Do("bind without a certificate", pdu::sasl_bind("EXTERNAL", None)),
        Do("bind with no mechanism", pdu::sasl_bind("", None)),
        Do("bind with an odd password", bind(ODD, ODD_PASSWORD)),
        Do("bind in another spelling", bind("UID=ANN, ou=People , dc=example,DC=com", b"pw-ann")),
        Do("who am i in another spelling", extended(WHO_AM_I, None)),
        Do(
            "bind with an escaped name",
            bind("cn=Smith\\2c Jane,ou=people,dc=example,dc=com", b"pw-jane"),
        ),
        Do("bind with a control", with_controls(bind(ANN, b"pw-ann"), &[policy])),
        Do(
            "bind with a critical unknown control",
            with_controls(bind(ANN, b"pw-ann"), &[critical]),
        ),
        AskLong("bind with long lengths", bind(BOB, b"pw-bob")),
        Do("who am i", extended(WHO_AM_I, None)),
        End("unbind", pdu::unbind()),
        as_admin("bind as administrator"),
    ]
}

fn searches() -> Vec<Step> {
    let people = |filter: Vec<u8>| Ask::below(PEOPLE, filter, &["uid", "cn"]).body();
    let entry = Ask::entry;
    let extensible = nested(0xa9, |out| {
        out.extend_from_slice(&[0x82, 3]);
        out.extend_from_slice(b"uid");
        out.extend_from_slice(&[0x83, 3]);
        out.extend_from_slice(b"ANN");
    });
    vec![
        Do("search all", people(present("objectClass"))),
        Do("search equal", people(equal("uid", "ann"))),
        Do("search equal in another case", people(equal("UID", "ANN"))),
        Do("search utf-8", people(equal("uid", "zoë"))),
        Do("search substrings", people(begins("uid", "u01"))),
        Do("search and", people(all_of(&[present("uid"), begins("cn", "Ann")]))),
        Do("search or", people(any_of(&[equal("uid", "ann"), equal("uid", "bob")]))),
        Do("search not", people(not(&present("uid")))),
        Do("search absolute true", people(all_of(&[]))),
        Do("search absolute false", people(any_of(&[]))),
        Do("search unknown attribute", people(equal("noSuchAttribute", "x"))),
        Do("search unknown attribute, not", people(not(&equal("noSuchAttribute", "x")))),
        Do("search extensible", people(extensible)),
        Do("search nothing", people(equal("uid", "nobody"))),
        Do("search a base that is not there", entry(NOWHERE).body()),
        Do("search a base that is no dn", entry("not a dn").body()),
        Do("search outside", entry("dc=elsewhere").body()),
        Do("search one level", Ask { scope: 1, ..entry(SUFFIX) }.body()),
        Do("search subordinates", Ask { scope: 3, ..entry(GROUPS) }.body()),
        Do("search a scope that does not exist", Ask { scope: 9, ..entry(GROUPS) }.body()),
        Do("search types only", Ask { types_only: true, ..entry(ANN) }.body()),
        Do(
            "search size limit",
            Ask { size_limit: 3, ..Ask::below(PEOPLE, present("uid"), &["1.1"]) }.body(),
        ),
        AskLong("search with long lengths", people(equal("uid", "ann"))),
    ]
}

fn controls() -> Vec<Step> {
    let ann = || Ask::entry(ANN).of(&["cn"]).body();
    let with = |body: Body, oid: &str, critical: bool, value: Option<&[u8]>| {
        with_controls(body, &[Control { oid, critical, value }])
    };
    let refresh_only = nested(0x30, |out| out.extend_from_slice(&[10, 1, 1]));
    let people = Ask::below(PEOPLE, present("uid"), &["uid"]).body();
    let assertion = equal("cn", "Somebody Else");
    let values = nested(0x30, |out| out.extend_from_slice(&equal("objectClass", "person")));
    vec![
        Do("unknown control", with(ann(), "1.2.3.4.5", false, None)),
        Do("critical unknown control", with(ann(), "1.2.3.4.5", true, None)),
        Do("manage dsa it", with(ann(), "2.16.840.1.113730.3.4.2", true, None)),
        Do("assertion that fails", with(ann(), "1.3.6.1.1.12", true, Some(&assertion))),
        Do("sorting that is not there", with(ann(), "1.2.840.113556.1.4.473", true, Some(b"0"))),
        Do(
            "matched values",
            with(Ask::entry(ANN).body(), "1.2.826.0.1.3344810.2.3", true, Some(&values)),
        ),
        Do("domain scope", with(ann(), "1.2.840.113556.1.4.1339", true, None)),
        Do(
            "a paged search with a broken value",
            with(ann(), "1.2.840.113556.1.4.319", true, Some(b"x")),
        ),
        AllPages("pages", people.clone(), 7),
        AllPages("one page", people.clone(), 400),
        Do(
            "content synchronisation",
            with(people, "1.3.6.1.4.1.4203.1.9.1.1", true, Some(&refresh_only)),
        ),
        Do(
            "proxied authorisation",
            with(
                ann(),
                "2.16.840.1.113730.3.4.18",
                true,
                Some(b"dn:uid=bob,ou=people,dc=example,dc=com"),
            ),
        ),
    ]
}

fn reads() -> Vec<Step> {
    let of = |attributes: &'static [&'static str]| Ask::entry(ANN).of(attributes).body();
    vec![
        Do("select all", of(&["*"])),
        AskVolatile("select operational", of(&["+"])),
        AskVolatile("select everything", of(&["*", "+"])),
        Do("select nothing", of(&["1.1"])),
        Do("select by oid", of(&["2.5.4.3"])),
        Do("select a supertype", of(&["name"])),
        Do("select a class", of(&["@person"])),
        Do("select what is not there", of(&["noSuchAttribute", "memberOf", "cn;lang-de"])),
        Do("select the id", of(&["entryUUID", "entryDN", "hasSubordinates"])),
        Do("read a group", Ask::entry("cn=Zürich,ou=groups,dc=example,dc=com").body()),
        Do(
            "read an escaped name",
            Ask::entry("cn=Smith\\2C Jane,ou=people,dc=example,dc=com").body(),
        ),
        Do("compare true", compare(ANN, "mail", b"ann@example.com")),
        Do("compare false", compare(ANN, "mail", b"bob@example.com")),
        Do("compare no such attribute", compare(ANN, "description", b"x")),
        Do("compare undefined attribute", compare(ANN, "memberOf", b"cn=A")),
        Do("compare no such object", compare(NOWHERE, "cn", b"x")),
        Do("compare a binary value", compare(ODD, "userPassword", ODD_PASSWORD)),
    ]
}

fn writes() -> Vec<Step> {
    let device: &[(&str, &[&str])] =
        &[("objectClass", &["device"]), ("cn", &["scratch"]), ("description", &["a", "b"])];
    let moved = "cn=moved,ou=groups,dc=example,dc=com";
    let change = |kind, name, values| modify(SCRATCH, kind, name, values);
    let post_read = nested(0x30, |out| out.extend_from_slice(b"\x04\x0bdescription"));
    let post_read = Control { oid: "1.3.6.1.1.13.2", critical: true, value: Some(&post_read) };
    vec![
        Do("add", add(SCRATCH, device)),
        Do("add again", add(SCRATCH, device)),
        Do("add below nothing", add("cn=x,ou=nowhere,dc=example,dc=com", device)),
        Do("add outside", add("cn=x,dc=elsewhere", device)),
        Do("add without a class", add("cn=y,ou=people,dc=example,dc=com", &[("cn", &["y"])])),
        Do(
            "add an unknown attribute",
            add(
                "cn=z,ou=people,dc=example,dc=com",
                &[("objectClass", &["device"]), ("cn", &["z"]), ("shoeSize", &["9"])],
            ),
        ),
        Do("modify add", change(Change::Add, "description", &[b"c"])),
        Do("modify add again", change(Change::Add, "description", &[b"c"])),
        Do("modify delete", change(Change::Delete, "description", &[b"a"])),
        Do("modify delete again", change(Change::Delete, "description", &[b"a"])),
        Do("modify replace", change(Change::Replace, "description", &[b"\xc3\xa4", b"z"])),
        Do("modify with a bad syntax", change(Change::Replace, "description", &[b"\xff\xfe"])),
        Do("modify an operational attribute", change(Change::Replace, "entryUUID", &[b"x"])),
        Do("modify the naming attribute", change(Change::Delete, "cn", &[])),
        Do("modify no such object", modify(NOWHERE, Change::Add, "cn", &[b"x"])),
        Do(
            "modify and read back",
            with_controls(change(Change::Replace, "description", &[b"q"]), &[post_read]),
        ),
        AskVolatile("read what was written", Ask::entry(SCRATCH).of(&["*", "+"]).body()),
        Do("rename", modify_dn(SCRATCH, "cn=moved", Some(GROUPS))),
        Do("rename what is gone", modify_dn(SCRATCH, "cn=moved", None)),
        Do("rename onto another", modify_dn(moved, "cn=A", None)),
        Do("read what was renamed", Ask::entry(moved).body()),
        Do("delete with children", delete(PEOPLE)),
        AskLong("delete with long lengths", delete(moved)),
        Do("delete what is gone", delete(moved)),
        Tell("abandon what is not there", pdu::abandon(7)),
    ]
}

fn as_user() -> Vec<Step> {
    let replace = |dn, name, value: &'static [u8]| modify(dn, Change::Replace, name, &[value]);
    vec![
        Do("bind as ann", bind(ANN, b"pw-ann")),
        Do("a user reads people", Ask::below(PEOPLE, begins("uid", "c"), &[]).body()),
        Do("a user reads no groups", Ask::below(GROUPS, present("cn"), &[]).body()),
        Do("a user changes their own entry", replace(ANN, "telephoneNumber", b"+9")),
        Do("a user changes another's", replace(BOB, "telephoneNumber", b"+9")),
        Do("a user deletes another", delete(BOB)),
        Do("a user renames another", modify_dn(BOB, "uid=rob", None)),
        Do("a user compares a password", compare(BOB, "userPassword", b"pw-bob")),
        Do("bind as the service account", bind(SERVICE, SERVICE_PASSWORD.as_bytes())),
        Do("the service account reads groups", Ask::below(GROUPS, present("cn"), &[]).body()),
        Do("bind again as ann", bind(ANN, b"pw-ann")),
    ]
}

fn extensions() -> Vec<Step> {
    let passwords = |old: &[u8], new: &[u8]| {
        let value = nested(0x30, |out| {
            bindgate::proto::ber::write_element(out, 0x81, old);
            bindgate::proto::ber::write_element(out, 0x82, new);
        });
        extended("1.3.6.1.4.1.4203.1.11.1", Some(&value))
    };
    vec![
        Do("change the password", passwords(b"pw-ann", b"fresh")),
        Do("change the password with a wrong one", passwords(b"pw-ann", b"other")),
        Do("bind with the old password", bind(ANN, b"pw-ann")),
        Do("bind with the new password", bind(ANN, b"fresh")),
        Do("who am i as ann", extended(WHO_AM_I, None)),
        Do("who am i with a value", extended(WHO_AM_I, Some(b"x"))),
        Do("cancel what is not there", extended("1.3.6.1.1.8", Some(b"\x30\x04\x02\x02\x30\x39"))),
        Do("an extended operation nobody knows", extended("1.2.3.4.5.6", Some(b"value"))),
        Do("an extended operation that is no oid", extended("no oid", None)),
        Do("a broken password change", extended("1.3.6.1.4.1.4203.1.11.1", Some(b"\x30\x05x"))),
    ]
}
