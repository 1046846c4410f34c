//! Steps for every control that slapd 2.5 supports and the script does not have yet, and for
//! transactions.

use super::player::Step::{self, Ask as Do, AskVolatile};
use crate::support::pdu::{
    self, Ask, Body, Change, Control, add, begins, bind, delete, equal, extended, modify, nested,
    present, with_controls,
};
use crate::support::tree::{ADMIN, ADMIN_PASSWORD, GROUPS, PEOPLE, SUFFIX};
use bindgate::proto::ber::{
    BOOLEAN, INTEGER, OCTET_STRING, SEQUENCE, write_boolean, write_element, write_integer,
    write_nested,
};

const ANN: &str = "uid=ann,ou=people,dc=example,dc=com";
const SCRATCH: &str = "cn=in-transaction,ou=people,dc=example,dc=com";
const ABSOLUTELY_NOTHING: &str = "uid=x,ou=nowhere,dc=example,dc=com";

const SORT: &str = "1.2.840.113556.1.4.473";
const LIST_VIEW: &str = "2.16.840.1.113730.3.4.9";
const DEREFERENCE: &str = "1.3.6.1.4.1.4203.666.5.16";
const PRE_READ: &str = "1.3.6.1.1.13.1";
const POST_READ: &str = "1.3.6.1.1.13.2";
const ASSERTION: &str = "1.3.6.1.1.12";
const SUBENTRIES: &str = "1.3.6.1.4.1.4203.1.10.1";
const DONT_USE_COPY: &str = "1.3.6.1.1.22";
const PASSWORD_POLICY: &str = "1.3.6.1.4.1.42.2.27.8.5.1";
const ACCOUNT_USABILITY: &str = "1.3.6.1.4.1.42.2.27.9.5.8";
const PAGED_RESULTS: &str = "1.2.840.113556.1.4.319";
const PROXIED_AUTHORISATION: &str = "2.16.840.1.113730.3.4.18";
const TRANSACTION: &str = "1.3.6.1.1.21.2";
const START_TRANSACTION: &str = "1.3.6.1.1.21.1";
const END_TRANSACTION: &str = "1.3.6.1.1.21.3";
const WHO_AM_I: &str = "1.3.6.1.4.1.4203.1.11.3";
const RELAX: &str = "1.3.6.1.4.1.4203.666.5.12";
const NO_OPERATION: &str = "1.3.6.1.4.1.4203.666.5.2";
const WHAT_FAILED: &str = "1.3.6.1.4.1.4203.666.5.17";
const PERMISSIVE: &str = "1.2.840.113556.1.4.1413";
const SEARCH_OPTIONS: &str = "1.2.840.113556.1.4.1340";
const LAZY_COMMIT: &str = "1.2.840.113556.1.4.619";
const SESSION_TRACKING: &str = "1.3.6.1.4.1.21008.108.63.1";
const AUTHORISATION_IDENTITY: &str = "2.16.840.1.113730.3.4.16";
const TREE_DELETE: &str = "1.2.840.113556.1.4.805";
const PERSISTENT_SEARCH: &str = "2.16.840.1.113730.3.4.3";
const REFRESH: &str = "1.3.6.1.4.1.1466.101.119.1";
const DYNAMIC: &str = "cn=dynamic,ou=people,dc=example,dc=com";

/// All of them, as the administrator.
pub(crate) fn steps() -> Vec<Step> {
    let mut steps = vec![Do("controls: bind", bind(ADMIN, ADMIN_PASSWORD.as_bytes()))];
    let parts = [orders(), reads(), policies(), others(), unlisted(), dynamic(), transactions()];
    steps.extend(parts.into_iter().flatten());
    steps
}

fn with(body: Body, oid: &str, critical: bool, value: Option<&[u8]>) -> Body {
    with_controls(body, &[Control { oid, critical, value }])
}

fn people() -> Body {
    Ask::below(PEOPLE, begins("uid", "u0"), &["uid"]).body()
}

fn sorted_by(attribute: &str) -> Vec<u8> {
    nested(SEQUENCE, |out| {
        write_nested(out, SEQUENCE, |out| {
            write_element(out, OCTET_STRING, attribute.as_bytes());
            write_boolean(out, 0x81, true);
        });
    })
}

fn view(before: i64, after: i64, offset: i64) -> Vec<u8> {
    nested(SEQUENCE, |out| {
        write_integer(out, INTEGER, before);
        write_integer(out, INTEGER, after);
        write_nested(out, 0xa0, |out| {
            write_integer(out, INTEGER, offset);
            write_integer(out, INTEGER, 0);
        });
    })
}

fn orders() -> Vec<Step> {
    let (by_id, by_nothing) = (sorted_by("entryUUID"), sorted_by("noSuchAttribute"));
    let sort = Control { oid: SORT, critical: true, value: Some(&by_id) };
    let page = pdu::page(5, b"");
    let paged = Control { oid: PAGED_RESULTS, critical: true, value: Some(&page) };
    let window = view(1, 3, 4);
    let window = Control { oid: LIST_VIEW, critical: true, value: Some(&window) };
    vec![
        Do("sorted backwards", with(people(), SORT, true, Some(&by_id))),
        Do("sorted, not critical", with(people(), SORT, false, Some(&by_id))),
        Do("sorted by what is not there", with(people(), SORT, true, Some(&by_nothing))),
        Do(
            "sorted by what is not there, not critical",
            with(people(), SORT, false, Some(&by_nothing)),
        ),
        Do("sorted by garbage", with(people(), SORT, true, Some(b"x"))),
        // The context and the cookie are the server's addresses.
        AskVolatile("a window of a sorted list", with_controls(people(), &[sort, window])),
        Do("a window without an order", with_controls(people(), &[window])),
        AskVolatile("sorted pages", with_controls(people(), &[sort, paged])),
        Do("sorting on a modify", with(delete(ABSOLUTELY_NOTHING), SORT, true, Some(&by_id))),
    ]
}

fn reads() -> Vec<Step> {
    let dereference = nested(SEQUENCE, |out| {
        write_nested(out, SEQUENCE, |out| {
            write_element(out, OCTET_STRING, b"member");
            write_nested(out, SEQUENCE, |out| {
                write_element(out, OCTET_STRING, b"uid");
                write_element(out, OCTET_STRING, b"cn");
            });
        });
    });
    let groups = Ask::below(GROUPS, present("member"), &["cn"]).body();
    let mail = nested(SEQUENCE, |out| write_element(out, OCTET_STRING, b"mail"));
    let change = modify(ANN, Change::Replace, "mail", &[b"ann@example.org"]);
    let back = modify(ANN, Change::Replace, "mail", &[b"ann@example.com"]);
    let both = [
        Control { oid: PRE_READ, critical: true, value: Some(&mail) },
        Control { oid: POST_READ, critical: false, value: Some(&mail) },
    ];
    let (holds, fails) = (equal("cn", "Ann Example"), equal("cn", "Somebody Else"));
    let visible = nested(BOOLEAN, |_| {});
    vec![
        Do("dereference", with(groups.clone(), DEREFERENCE, true, Some(&dereference))),
        Do("dereference garbage", with(groups, DEREFERENCE, true, Some(b"x"))),
        Do("read before", with(change.clone(), PRE_READ, true, Some(&mail))),
        Do("read before and behind", with_controls(back, &both)),
        Do("read before what fails", with(delete(ABSOLUTELY_NOTHING), PRE_READ, true, Some(&mail))),
        Do("a modify on condition", with(change.clone(), ASSERTION, true, Some(&holds))),
        Do("a modify on a condition that fails", with(change, ASSERTION, true, Some(&fails))),
        Do("subentries", with(Ask::entry(SUFFIX).body(), SUBENTRIES, true, Some(&[1, 1, 0xff]))),
        Do(
            "subentries, garbage",
            with(Ask::entry(SUFFIX).body(), SUBENTRIES, true, Some(&visible)),
        ),
        Do("no copy", with(Ask::entry(ANN).of(&["uid"]).body(), DONT_USE_COPY, true, None)),
        Do("no copy, with a value", with(Ask::entry(ANN).body(), DONT_USE_COPY, true, Some(b"x"))),
    ]
}

fn policies() -> Vec<Step> {
    let usable = Ask::entry(ANN).of(&["uid"]).body();
    vec![
        Do("password policy on a bind", with(bind(ANN, b"pw-ann"), PASSWORD_POLICY, false, None)),
        Do("password policy, critical", with(bind(ANN, b"pw-ann"), PASSWORD_POLICY, true, None)),
        Do("password policy, wrong", with(bind(ANN, b"wrong"), PASSWORD_POLICY, false, None)),
        Do("bind as administrator again", bind(ADMIN, ADMIN_PASSWORD.as_bytes())),
        Do("account usability", with(usable, ACCOUNT_USABILITY, true, None)),
        Do(
            "password policy on a modify",
            with(
                modify(ANN, Change::Replace, "mail", &[b"ann@example.com"]),
                PASSWORD_POLICY,
                true,
                None,
            ),
        ),
    ]
}

fn others() -> Vec<Step> {
    let ann = || Ask::entry(ANN).of(&["cn"]).body();
    let twice = [Control { oid: DONT_USE_COPY, critical: true, value: None }; 2];
    let proxied = |body, whom: &[u8]| with(body, PROXIED_AUTHORISATION, true, Some(whom));
    let bob = b"dn:uid=bob,ou=people,dc=example,dc=com";
    vec![
        Do("a control twice", with_controls(ann(), &twice)),
        Do("proxied, as nobody", proxied(ann(), b"")),
        Do("proxied, as nobody that is there", proxied(ann(), b"dn:cn=none")),
        Do("proxied, garbage", proxied(ann(), b"what")),
        Do(
            "proxied, another's entry",
            proxied(modify(ANN, Change::Replace, "mail", &[b"x@example.com"]), bob),
        ),
        Do("proxied, who am i", proxied(extended(WHO_AM_I, None), bob)),
        Do("proxied, not critical", with(ann(), PROXIED_AUTHORISATION, false, Some(bob))),
    ]
}

/// Controls that slapd takes and does not show, and some that it does not take.
fn unlisted() -> Vec<Step> {
    let ann = || Ask::entry(ANN).of(&["cn"]).body();
    let mail = |value: &'static [u8]| modify(ANN, Change::Add, "mail", &[value]);
    let created = modify(ANN, Change::Replace, "createTimestamp", &[b"20200101000000Z"]);
    let options = nested(SEQUENCE, |out| write_integer(out, INTEGER, 1));
    let tracking = nested(SEQUENCE, |out| {
        for text in [&b"192.0.2.1"[..], b"client", b"1.3.6.1.4.1.21008.108.63.1.3", b"ann"] {
            write_element(out, OCTET_STRING, text);
        }
    });
    let identity = |password| with(bind(ANN, password), AUTHORISATION_IDENTITY, true, None);
    vec![
        Do("relaxed", with(created.clone(), RELAX, true, None)),
        Do("relaxed, without the control", created),
        Do("nothing done", with(delete(ANN), NO_OPERATION, true, None)),
        Do("still there", ann()),
        Do("permissive", with(mail(b"ann@example.com"), PERMISSIVE, true, None)),
        Do("not permissive", mail(b"ann@example.com")),
        Do("search options", with(ann(), SEARCH_OPTIONS, true, Some(&options))),
        Do("search options, garbage", with(ann(), SEARCH_OPTIONS, true, Some(b"x"))),
        Do("a lazy commit", with(mail(b"ann@example.net"), LAZY_COMMIT, true, None)),
        Do("tracked", with(ann(), SESSION_TRACKING, false, Some(&tracking))),
        Do("tracked, critical", with(ann(), SESSION_TRACKING, true, Some(&tracking))),
        Do("what failed", with(delete(ABSOLUTELY_NOTHING), WHAT_FAILED, false, None)),
        Do("the whole tree", with(delete(PEOPLE), TREE_DELETE, true, None)),
        Do("persistent search", with(ann(), PERSISTENT_SEARCH, true, Some(b"x"))),
        Do("bind and say who", identity(b"pw-ann")),
        Do("bind and say who, wrong", identity(b"wrong")),
        Do("bind as administrator once more", bind(ADMIN, ADMIN_PASSWORD.as_bytes())),
    ]
}

/// Entries that live for a while (RFC 2589).
fn dynamic() -> Vec<Step> {
    let refresh = |dn: &str, seconds| {
        let value = nested(SEQUENCE, |out| {
            write_element(out, 0x80, dn.as_bytes());
            write_integer(out, 0x81, seconds);
        });
        extended(REFRESH, Some(&value))
    };
    let entry: &[(&str, &[&str])] =
        &[("objectClass", &["device", "dynamicObject"]), ("cn", &["dynamic"])];
    vec![
        Do("add what is dynamic", add(DYNAMIC, entry)),
        Do("refresh it", refresh(DYNAMIC, 3600)),
        Do("refresh it for too long", refresh(DYNAMIC, 1 << 30)),
        Do("refresh what is not dynamic", refresh(ANN, 3600)),
        Do("refresh what is not there", refresh(ABSOLUTELY_NOTHING, 3600)),
        Do("refresh, garbage", extended(REFRESH, Some(b"x"))),
        Do("delete what is dynamic", delete(DYNAMIC)),
    ]
}

/// None that is given up or fails: slapd 2.5.13 itself crashes there, one time in five.
fn transactions() -> Vec<Step> {
    let commit = || {
        let value = nested(SEQUENCE, |out| write_element(out, OCTET_STRING, b""));
        extended(END_TRANSACTION, Some(&value))
    };
    let inside = |body| with(body, TRANSACTION, true, Some(b""));
    let device: &[(&str, &[&str])] = &[("objectClass", &["device"]), ("cn", &["in-transaction"])];
    vec![
        Do("outside a transaction", inside(add(SCRATCH, device))),
        Do("end what has not begun", commit()),
        Do("begin", extended(START_TRANSACTION, None)),
        Do("begin again", extended(START_TRANSACTION, None)),
        Do("add in a transaction", inside(add(SCRATCH, device))),
        Do("modify in it", inside(modify(SCRATCH, Change::Add, "description", &[b"x"]))),
        Do("not there before the end", Ask::entry(SCRATCH).body()),
        Do("commit", commit()),
        Do("there behind the end", Ask::entry(SCRATCH).of(&["description"]).body()),
        Do("clean up", delete(SCRATCH)),
        Do("a broken end", extended(END_TRANSACTION, Some(b"x"))),
    ]
}
