//! The directory's content: people, and groups of every shape that a walk has to get right.
//!
//! Ids and change numbers are fixed, so that two servers loaded with one tree are identical.

use super::encodings::base64;
use std::fmt::Write as _;

/// The naming context.
pub const SUFFIX: &str = "dc=example,dc=com";
/// The directory's own administrator, past all access control.
pub const ADMIN: &str = "cn=admin,dc=example,dc=com";
/// The administrator's password.
pub const ADMIN_PASSWORD: &str = "admin-secret";
/// The gateway's service account.
pub const SERVICE: &str = "cn=gateway,dc=example,dc=com";
/// The service account's password.
pub const SERVICE_PASSWORD: &str = "service-secret";
/// Where people are.
pub const PEOPLE: &str = "ou=people,dc=example,dc=com";
/// Where groups are.
pub const GROUPS: &str = "ou=groups,dc=example,dc=com";
/// The password of [`ODD`]: not UTF-8, with quotes, percent signs and a line break.
pub const ODD_PASSWORD: &[u8] = b"\xff\xfe\"%s'\x80\r\n\\ %n\xc3(";
/// A user whose password is [`ODD_PASSWORD`].
pub const ODD: &str = "uid=odd,ou=people,dc=example,dc=com";
/// A member that keeps a group from being empty, which groupOfNames may not be. It has no entry.
pub const NOBODY: &str = "cn=nobody,dc=example,dc=com";

/// The DN of a person by uid.
pub fn person(uid: &str) -> String {
    format!("uid={uid},{PEOPLE}")
}

/// The DN of a group by its (escaped) name.
pub fn group(name: &str) -> String {
    format!("cn={name},{GROUPS}")
}

/// The password of a person of that uid.
pub fn password(uid: &str) -> String {
    format!("pw-{uid}")
}

/// How many people and groups there are beside the named ones.
#[derive(Debug, Clone, Copy, Default)]
pub struct Extra {
    /// People `u000`, `u001`, …
    pub people: usize,
    /// Groups `g000`, `g001`, … with nobody in them.
    pub groups: usize,
}

/// The uid of the extra person of that number.
pub fn extra_uid(number: usize) -> String {
    format!("u{number:03}")
}

/// The name of the extra group of that number.
pub fn extra_group(number: usize) -> String {
    format!("g{number:03}")
}

/// The whole tree as LDIF for slapadd.
pub fn ldif(extra: Extra) -> String {
    let mut tree = Tree::default();
    tree.containers();
    tree.people();
    tree.groups();
    for number in 0..extra.people {
        let uid = extra_uid(number);
        tree.person(&uid, &format!("Extra {number}"), password(&uid).as_bytes());
    }
    for number in 0..extra.groups {
        tree.group(&extra_group(number), &[]);
    }
    tree.text
}

#[derive(Default)]
struct Tree {
    text: String,
    entries: u32,
}

impl Tree {
    fn containers(&mut self) {
        self.entry(SUFFIX, &["objectClass: dcObject", "objectClass: organization", "o: Example"]);
        self.entry(PEOPLE, &["objectClass: organizationalUnit"]);
        self.entry(GROUPS, &["objectClass: organizationalUnit"]);
        let secret = format!("userPassword: {SERVICE_PASSWORD}");
        self.entry(
            SERVICE,
            &["objectClass: organizationalRole", "objectClass: simpleSecurityObject", &secret],
        );
    }

    fn people(&mut self) {
        for uid in ["ann", "bob", "carol", "dave", "erin", "frank"] {
            let name = format!("{}{} Example", uid[..1].to_uppercase(), &uid[1..]);
            self.person(uid, &name, password(uid).as_bytes());
        }
        self.person("zoë", "Zoë Ärger", password("zoë").as_bytes());
        self.person("odd", "Odd Example", ODD_PASSWORD);
        self.entry(
            &format!("cn=Smith\\, Jane,{PEOPLE}"),
            &["objectClass: inetOrgPerson", "uid: jane", "sn: Smith", "userPassword: pw-jane"],
        );
        self.entry(
            &format!("cn=printer,{PEOPLE}"),
            &[
                "objectClass: device",
                "objectClass: simpleSecurityObject",
                "userPassword: pw-printer",
            ],
        );
    }

    fn groups(&mut self) {
        let person = |uid: &str| person(uid);
        self.group("B", &[person("ann")]);
        self.group("A", &[group("B")]);
        self.group("loop-one", &[group("loop-two")]);
        self.group("loop-two", &[group("loop-one"), person("bob")]);
        self.group("bottom", &[person("carol")]);
        self.group("left", &[group("bottom")]);
        self.group("right", &[group("bottom")]);
        self.group("top", &[group("left"), group("right")]);
        self.group("self", &[group("self"), person("dave")]);
        self.group("Sales\\, EMEA", &[format!("cn=Smith\\, Jane,{PEOPLE}")]);
        self.group("Zürich", &[person("zoë"), group("Sales\\, EMEA")]);
    }

    fn person(&mut self, uid: &str, name: &str, password: &[u8]) {
        let cn = line("cn", name.as_bytes());
        let sn = line("sn", name.rsplit(' ').next().unwrap_or(name).as_bytes());
        // The syntax of mail is ASCII; a server that replicates refuses anything else.
        let local: String = uid.chars().map(|c| if c.is_ascii() { c } else { 'x' }).collect();
        let mail = line("mail", format!("{local}@example.com").as_bytes());
        let secret = line("userPassword", password);
        self.entry(
            &person(uid),
            &["objectClass: inetOrgPerson", &cn, &sn, &mail, "telephoneNumber: +1 2", &secret],
        );
    }

    fn group(&mut self, name: &str, members: &[String]) {
        let mut lines = vec!["objectClass: groupOfNames".to_owned()];
        lines.extend(members.iter().map(|member| line("member", member.as_bytes())));
        lines.push(line("member", NOBODY.as_bytes()));
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        self.entry(&group(name), &lines);
    }

    fn entry(&mut self, dn: &str, lines: &[&str]) {
        self.entries += 1;
        let number = self.entries;
        let text = &mut self.text;
        let _ = writeln!(text, "{}", line("dn", dn.as_bytes()));
        lines.iter().for_each(|line| text.push_str(&format!("{line}\n")));
        text.push_str(&naming_attribute(dn, lines));
        let _ = writeln!(text, "entryUUID: 00000000-0000-4000-8000-{number:012x}");
        let _ = writeln!(text, "entryCSN: 20260101000000.{number:06}Z#000000#000#000000");
        text.push_str("createTimestamp: 20260101000000Z\nmodifyTimestamp: 20260101000000Z\n");
        let _ = writeln!(text, "creatorsName: {ADMIN}\nmodifiersName: {ADMIN}\n");
    }
}

/// The line of the attribute that names the entry, where `lines` does not have it.
fn naming_attribute(dn: &str, lines: &[&str]) -> String {
    let mut end = dn.len();
    let mut escaped = false;
    for (at, byte) in dn.bytes().enumerate() {
        match byte {
            b',' if !escaped => {
                end = at;
                break;
            }
            _ => escaped = byte == b'\\' && !escaped,
        }
    }
    let (name, value) = dn[..end].split_once('=').expect("the tree's names are well formed");
    let line = line(name, value.replace('\\', "").as_bytes());
    if lines.contains(&line.as_str()) { String::new() } else { format!("{line}\n") }
}

/// One line of LDIF; a value that is not plain text is written in base64.
pub fn line(attribute: &str, value: &[u8]) -> String {
    let plain = value.iter().all(|byte| (b' '..=b'~').contains(byte));
    let starts_well = !value.first().is_some_and(|first| b" :<".contains(first));
    if plain && starts_well && !value.ends_with(b" ") {
        format!("{attribute}: {}", String::from_utf8_lossy(value))
    } else {
        format!("{attribute}:: {}", base64(value))
    }
}
