//! Makes conversations: a seed decides who somebody binds as, what they ask for, and what they send
//! without waiting.

use super::operation::{Answers, Conversation, Operation};
use crate::support::dice::Dice;
use crate::support::pdu::{self, Ask, Body, Change, Control, with_controls};
use crate::support::tree::{
    ADMIN, ADMIN_PASSWORD, GROUPS, PEOPLE, SERVICE, SERVICE_PASSWORD, SUFFIX,
};

/// The subtree that a conversation may write to.
pub(crate) const SCRATCH: &str = "ou=scratch,ou=people,dc=example,dc=com";

/// The most operations of a conversation.
const MOST: usize = 50;
/// The most operations that are sent at once.
const MOST_AT_ONCE: usize = 5;
/// The most pages that are read of one search.
const MOST_PAGES: i64 = 8;

/// What attributes are changed to.
const VALUES: &[&[&[u8]]] = &[&[], &[b"a"], &[b"a", b"b"], &[b"\xff\xfe"], &[b"Zo\xc3\xab"]];

const WHO_AM_I: &str = "1.3.6.1.4.1.4203.1.11.3";
const CANCEL: &str = "1.3.6.1.1.8";
const SORT: &str = "1.2.840.113556.1.4.473";

/// The people in the subtree as it is at the beginning.
pub(crate) fn people() -> Vec<Body> {
    ["one", "two", "three"].into_iter().map(|name| person(&below(name), name)).collect()
}

fn below(name: &str) -> String {
    format!("uid={name},{SCRATCH}")
}

fn person(dn: &str, name: &str) -> Body {
    let password = format!("pw-{name}");
    let attributes: &[(&str, &[&str])] = &[
        ("objectClass", &["inetOrgPerson"]),
        ("uid", &[name]),
        ("cn", &[name, "Somebody"]),
        ("sn", &["Scratch"]),
        ("userPassword", &[&password]),
    ];
    pdu::add(dn, attributes)
}

/// The conversation of a seed.
pub(crate) fn conversation(seed: u64) -> Conversation {
    let mut talk =
        Talk { dice: Dice::new(seed), next_id: 1, respelled: false, to_come: Vec::new() };
    let length = 1 + talk.dice.below(MOST);
    let mut held = Conversation::default();
    let mut count = 0;
    while count < length {
        let group = talk.group(length - count);
        count += group.len();
        held.groups.push(group);
    }
    held
}

struct Talk {
    dice: Dice,
    next_id: i64,
    /// Whether a bind was sent whose name is not spelled as the directory spells it.
    respelled: bool,
    /// What has to come next, the last one first.
    to_come: Vec<Operation>,
}

impl Talk {
    /// The next operations, at most that many.
    fn group(&mut self, most: usize) -> Vec<Operation> {
        if let Some(next) = self.to_come.pop() {
            return vec![next];
        }
        match self.dice.below(20) {
            0..6 => vec![self.bind()],
            6..11 => vec![self.write()],
            11 if self.dice.once_in(2) => vec![self.pages()],
            11 => vec![self.sorted()],
            12 if most >= 3 => self.abandoned(),
            13 if most >= 3 && self.dice.once_in(2) => self.negotiated(),
            13 if most >= 3 => self.cancelled(),
            14 if self.dice.once_in(2) => {
                vec![self.operation("unbind", pdu::unbind(), Answers::End)]
            }
            15.. => self.at_once(most.min(MOST_AT_ONCE)),
            _ => vec![self.read()],
        }
    }

    fn operation(&mut self, what: &str, body: Body, answers: Answers) -> Operation {
        let id = self.next_id;
        self.next_id += match answers {
            Answers::Pages(_, most) => most,
            _ => 1 + self.dice.below(3) as i64,
        };
        Operation { id, what: what.to_owned(), body, answers }
    }

    /// Reads, and perhaps a bind among them: no two that would change what the other sees. slapd
    /// drops what is under way when a bind arrives, as RFC 4511 section 4.2.1 lets it; the gateway
    /// waits for it. So nobody can count on an answer to what stands before a bind.
    fn at_once(&mut self, most: usize) -> Vec<Operation> {
        let count = 1 + self.dice.below(most);
        let bind = self.dice.below(2 * count);
        (0..count)
            .map(|at| {
                let one = if at == bind { self.bind() } else { self.read() };
                let dropped = bind < count && at < bind;
                let answers = if dropped { Answers::Perhaps } else { one.answers };
                Operation { answers, ..one }
            })
            .collect()
    }

    fn bind(&mut self) -> Operation {
        let (what, name, password) = match self.dice.below(12) {
            0..3 => ("bind as the administrator", ADMIN.to_owned(), ADMIN_PASSWORD.to_owned()),
            3 => ("bind as the service account", SERVICE.to_owned(), SERVICE_PASSWORD.to_owned()),
            4..7 => {
                let uid = *self.dice.one_of(&["ann", "bob", "carol", "u001"]);
                ("bind", crate::support::tree::person(uid), format!("pw-{uid}"))
            }
            7 => {
                let uid = *self.dice.one_of(&["one", "two", "new"]);
                ("bind as somebody of the subtree", below(uid), format!("pw-{uid}"))
            }
            8 => ("bind with a wrong password", format!("uid=ann,{PEOPLE}"), "wrong".to_owned()),
            9 => ("bind as nobody", String::new(), String::new()),
            10 => ("bind without a password", format!("uid=bob,{PEOPLE}"), String::new()),
            _ => {
                let name = *self.dice.one_of(&[
                    "not a dn",
                    "uid=nobody,ou=people,dc=example,dc=com",
                    "uid=x,dc=elsewhere",
                    "UID=Ann, OU=people,dc=example,dc=com",
                    "",
                ]);
                self.respelled |= name.starts_with("UID");
                ("bind somehow", name.to_owned(), "pw-ann".to_owned())
            }
        };
        // The gateway refuses it before it looks at controls, which the directory does first.
        let is_refused_here = password.is_empty() && !name.is_empty();
        let answers = Answers::Equal;
        let body = pdu::bind(&name, password.as_bytes());
        match self.dice.below(12) {
            0 if !is_refused_here => {
                let body = self.with_a_control(body);
                self.operation(&format!("{what}, with a control"), body, answers)
            }
            1 => {
                // slapd looks at the name first; only a good one gets to the version.
                let body = pdu::bind_with_version(2, ADMIN, password.as_bytes());
                self.operation("bind as version 2", body, Answers::SameCode)
            }
            2 => self.operation(
                "bind with an unknown mechanism",
                pdu::sasl_bind("X-NONE", Some(b"x")),
                Answers::SameCode,
            ),
            _ => self.operation(what, body, answers),
        }
    }

    /// A SASL bind with something between its steps, and an end by another bind. The challenges are
    /// random. Not an abandon in between, which slapd answers by a message that is no LDAP, nor
    /// another step, whose answer depends on how quickly slapd is asked.
    fn negotiated(&mut self) -> Vec<Operation> {
        let mechanism = *self.dice.one_of(&["SCRAM-SHA-1", "SCRAM-SHA-256", "CRAM-MD5"]);
        let first = mechanism.starts_with("SCRAM").then_some(&b"n,,n=ann,r=0123456789"[..]);
        let first = pdu::sasl_bind(mechanism, first);
        let opening = self.operation("a first step", first.clone(), Answers::Challenge);
        let between = if self.dice.once_in(2) { self.read() } else { self.write() };
        let wrong = pdu::bind(&format!("uid=ann,{PEOPLE}"), b"wrong");
        let end = self.operation("a wrong password between steps", wrong, Answers::Equal);
        // One by one: what is pipelined behind a step, slapd may leave lying for ever.
        self.to_come = vec![end, between];
        vec![opening]
    }

    fn with_a_control(&mut self, body: Body) -> Body {
        let critical = self.dice.once_in(2);
        with_controls(body, &[Control { oid: "1.2.3.4.5", critical, value: Some(b"x") }])
    }

    fn read(&mut self) -> Operation {
        match self.dice.below(12) {
            0..7 => self.search(),
            7 | 8 => self.compare(),
            9 => {
                let oid = *self.dice.one_of(&["1.2.3.4.5.6", "no oid", "1.3.6.1.4.1.4203.1.11.99"]);
                let value = self.dice.once_in(2).then_some(&b"value"[..]);
                self.operation(
                    "an extended operation nobody knows",
                    pdu::extended(oid, value),
                    Answers::Equal,
                )
            }
            10 => {
                let body = self.search_body(&[], 0);
                let body = self.with_a_control(body);
                self.operation("search with a control", body, Answers::Equal)
            }
            _ if self.respelled => self.operation(
                "who am i in another spelling",
                pdu::extended(WHO_AM_I, None),
                Answers::SameCode,
            ),
            _ => self.operation("who am i", pdu::extended(WHO_AM_I, None), Answers::Equal),
        }
    }

    fn search(&mut self) -> Operation {
        let selection = *self.dice.one_of(&[
            &[][..],
            &["cn", "uid"],
            &["1.1"],
            &["*"],
            &["+"],
            &["*", "+"],
            &["name", "objectClass", "nothing"],
            &["2.5.4.3", "cn;lang-de", "@person"],
        ]);
        let size_limit = *self.dice.one_of(&[0, 0, 0, 1, 3]);
        let body = self.search_body(selection, size_limit);
        let answers = if selection.contains(&"+") { Answers::Settled } else { Answers::Equal };
        self.operation("search", body, answers)
    }

    fn search_body(&mut self, attributes: &[&str], size_limit: i64) -> Body {
        let base = self.name();
        let scope = *self.dice.one_of(&[0, 0, 1, 2, 2, 2, 3]);
        let filter = self.filter(3);
        let types_only = self.dice.once_in(8);
        Ask { base: &base, scope, filter, attributes, size_limit, types_only }.body()
    }

    /// A sorted search, on its own: slapd lets a connection have few of them at once.
    fn sorted(&mut self) -> Operation {
        let (body, key) = (self.search_body(&["uid", "cn"], 0), self.sort_key());
        let control = Control { oid: SORT, critical: self.dice.once_in(2), value: Some(&key) };
        self.operation("search, sorted", with_controls(body, &[control]), Answers::Equal)
    }

    fn sort_key(&mut self) -> Vec<u8> {
        let name = *self.dice.one_of(&["cn", "uid", "nothing"]);
        let reverse = self.dice.once_in(2);
        pdu::nested(0x30, |out| {
            bindgate::proto::ber::write_nested(out, 0x30, |out| {
                bindgate::proto::ber::write_element(out, 4, name.as_bytes());
                bindgate::proto::ber::write_element(out, 0x80, b"2.5.13.3");
                if reverse {
                    bindgate::proto::ber::write_boolean(out, 0x81, true);
                }
            });
        })
    }

    fn filter(&mut self, depth: usize) -> Vec<u8> {
        let name =
            *self.dice.one_of(&["uid", "cn", "sn", "objectClass", "mail", "nothing", "member"]);
        let value =
            *self.dice.one_of(&["one", "ann", "Somebody", "scratch", "inetOrgPerson", "", "(*)"]);
        let parts = |talk: &mut Self| -> Vec<Vec<u8>> {
            (0..talk.dice.below(4)).map(|_| talk.filter(depth - 1)).collect()
        };
        match self.dice.below(if depth == 0 { 6 } else { 10 }) {
            0 | 1 => pdu::present(name),
            2 | 3 => pdu::equal(name, value),
            4 => pdu::begins(name, &value[..value.len().min(1)]),
            5 => pdu::present("objectClass"),
            6 => pdu::all_of(&parts(self)),
            7 => pdu::any_of(&parts(self)),
            _ => pdu::not(&self.filter(depth - 1)),
        }
    }

    /// A name of an entry that is there, was there, or never was.
    fn name(&mut self) -> String {
        match self.dice.below(12) {
            0..4 => SCRATCH.to_owned(),
            4..7 => self.somebody(),
            7 => PEOPLE.to_owned(),
            8 => format!("uid=ann,{PEOPLE}"),
            9 => (*self.dice.one_of(&[GROUPS, SUFFIX, "cn=B,ou=groups,dc=example,dc=com"]))
                .to_owned(),
            10 => format!("OU=Scratch , {PEOPLE}"),
            _ => (*self.dice.one_of(&["", "not a dn", "uid=x,dc=elsewhere", "cn=Subschema"]))
                .to_owned(),
        }
    }

    fn somebody(&mut self) -> String {
        let names: [&str; 5] = ["one", "two", "three", "new", "moved"];
        below(names[self.dice.below(names.len())])
    }

    fn compare(&mut self) -> Operation {
        let (dn, name) =
            (self.name(), *self.dice.one_of(&["uid", "cn", "sn", "userPassword", "nothing"]));
        let value = *self.dice.one_of(&[&b"one"[..], b"SOMEBODY", b"pw-one", b"\xff"]);
        self.operation("compare", pdu::compare(&dn, name, value), Answers::Equal)
    }

    fn write(&mut self) -> Operation {
        let name = *self.dice.one_of(&["one", "two", "three", "new", "moved"]);
        let dn = below(name);
        match self.dice.below(10) {
            0..3 => self.operation("add", person(&dn, name), Answers::Equal),
            3 => self.operation("delete", pdu::delete(&dn), Answers::Equal),
            4 => {
                let dn = *self.dice.one_of(&[SCRATCH, PEOPLE, "uid=x,dc=elsewhere", "not a dn"]);
                self.operation("delete what has to stay", pdu::delete(dn), Answers::Equal)
            }
            5 => {
                let superior =
                    *self.dice.one_of(&[None, Some(SCRATCH), Some("ou=nowhere,dc=example,dc=com")]);
                let rdn = *self.dice.one_of(&["uid=moved", "uid=one", "cn=no uid", "not an rdn"]);
                self.operation("rename", pdu::modify_dn(&dn, rdn, superior), Answers::Equal)
            }
            _ => {
                let kind = *self.dice.one_of(&[Change::Add, Change::Delete, Change::Replace]);
                let name = *self.dice.one_of(&[
                    "description",
                    "cn",
                    "sn",
                    "mail",
                    "nothing",
                    "userPassword",
                ]);
                let values = *self.dice.one_of(VALUES);
                let body = pdu::modify(&dn, kind, name, values);
                let body = if self.dice.once_in(8) { self.with_a_control(body) } else { body };
                self.operation("modify", body, Answers::Equal)
            }
        }
    }

    fn pages(&mut self) -> Operation {
        let most = 1 + self.dice.below(MOST_PAGES as usize) as i64;
        let size = 1 + self.dice.below(5) as i64;
        let base = *self.dice.one_of(&[SCRATCH, PEOPLE]);
        let body = Ask::below(base, pdu::present("uid"), &["uid"]).body();
        self.operation("pages", body, Answers::Pages(size, most))
    }

    /// A search, its abandon, and something that is not abandoned.
    fn abandoned(&mut self) -> Vec<Operation> {
        let body = self.search_body(&[], 0);
        let search = self.operation("search, abandoned", body, Answers::Perhaps);
        let target = if self.dice.once_in(4) { 900_000 } else { search.id };
        let answers = if target == search.id { Answers::Perhaps } else { Answers::Equal };
        let abandon = self.operation("abandon", pdu::abandon(target), Answers::Never);
        vec![Operation { answers, ..search }, abandon, self.read()]
    }

    /// A search and its cancel. The base is there: Debian's slapd 2.5 ends with a failed assertion
    /// when a search is cancelled whose base is not.
    fn cancelled(&mut self) -> Vec<Operation> {
        let body = Ask::below(SCRATCH, self.filter(3), &[]).body();
        let search = self.operation("search, cancelled", body, Answers::Racing);
        let there = !self.dice.once_in(3);
        let target = if there { search.id } else { 900_000 };
        let value = pdu::nested(0x30, |out| bindgate::proto::ber::write_integer(out, 2, target));
        let body = pdu::extended(CANCEL, Some(&value));
        let cancel = match there {
            true => self.operation("cancel", body, Answers::Racing),
            false => self.operation("cancel what is not there", body, Answers::SameCode),
        };
        let answers = if there { Answers::Racing } else { Answers::Equal };
        vec![Operation { answers, ..search }, cancel, self.read()]
    }
}
