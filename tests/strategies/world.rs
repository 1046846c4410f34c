//! The directories, and the tree that all of them hold.

use crate::support::folder::TestFolder;
use crate::support::gateway::Gateway;
use crate::support::pdu;
use crate::support::raw::Raw;
use crate::support::settings::Settings;
use crate::support::slapd::{Options, Slapd};
use crate::support::tools::Said;
use crate::support::{eventually, tree};
use serde_json::{Value, json};

/// Who keeps `memberOf`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeper {
    /// Nobody.
    Nobody,
    /// The memberof overlay: it writes the groups that hold an entry directly into it.
    Overlay,
    /// dynlist: it computes all groups of an entry, nested ones too, in lower case.
    Computed,
}

impl Keeper {
    fn options(self) -> Options {
        let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
        let (global_lines, database_lines) = match self {
            Self::Nobody => (Vec::new(), Vec::new()),
            Self::Overlay => (
                lines(&["moduleload memberof"]),
                lines(&[
                    "overlay memberof",
                    "memberof-refint TRUE",
                    "overlay memberof",
                    "memberof-group-oc groupOfUniqueNames",
                    "memberof-member-ad uniqueMember",
                    "memberof-refint TRUE",
                ]),
            ),
            Self::Computed => (
                lines(&["include /etc/ldap/schema/dyngroup.schema", "moduleload dynlist"]),
                lines(&[
                    "overlay dynlist",
                    "dynlist-attrset groupOfURLs memberURL member+memberOf@groupOfNames*",
                ]),
            ),
        };
        Options { global_lines, database_lines, ..Options::default() }
    }

    /// A directory with the tree.
    pub(crate) fn start(self) -> Slapd {
        self.start_with(Vec::new())
    }

    /// The same with these access rules before the usual ones.
    pub(crate) fn start_with(self, access_lines: Vec<String>) -> Slapd {
        let slapd = Slapd::with(&Options { access_lines, ..self.options() });
        plant(&mut slapd.admin(), self);
        slapd
    }
}

/// Everybody whose groups are compared.
pub(crate) const PEOPLE: [&str; 7] = ["ann", "bob", "carol", "dave", "erin", "frank", "zoë"];

/// Adds groups of the other classes, and writes all members anew, so that whoever keeps `memberOf`
/// does.
fn plant(admin: &mut Raw, keeper: Keeper) {
    let simple = ["B", "A", "loop-one", "loop-two", "bottom", "left", "right", "top", "self"];
    for group in simple.into_iter().chain(["Sales\\, EMEA", "Zürich"]) {
        let dn = tree::group(group);
        let (entries, _) = admin.search(&pdu::Ask::entry(&dn));
        let members = entries[0].values("member").to_vec();
        let members: Vec<&[u8]> = members.iter().map(Vec::as_slice).collect();
        admin.modify(&dn, pdu::Change::Replace, "member", &[tree::NOBODY.as_bytes()]);
        admin.modify(&dn, pdu::Change::Replace, "member", &members);
    }
    let add = |admin: &mut Raw, name: &str, class: &str, member: &str, values: &[&str]| {
        let mut attributes = vec![("objectClass", vec![class]), ("cn", vec![name])];
        if class == "posixGroup" {
            attributes.push(("gidNumber", vec!["4711"]));
        }
        attributes.push((member, values.to_vec()));
        let attributes: Vec<(&str, &[&str])> =
            attributes.iter().map(|(name, values)| (*name, values.as_slice())).collect();
        assert_eq!(admin.code(&pdu::add(&tree::group(name), &attributes)), 0, "{name}");
    };
    let (ann, carol) = (tree::person("ann"), tree::person("carol"));
    // dynlist computes memberOf of one class alone.
    if keeper != Keeper::Computed {
        let (a, bottom) = (tree::group("A"), tree::group("bottom"));
        add(admin, "unique", "groupOfUniqueNames", "uniqueMember", &[&carol, &a]);
        add(admin, "holds-unique", "groupOfNames", "member", &[&tree::group("unique"), &bottom]);
    }
    add(admin, "posix", "posixGroup", "memberUid", &["ann", "FRANK"]);
    add(admin, "posix-capital", "posixGroup", "memberUid", &["ANN"]);
    add(admin, "holds-posix", "groupOfNames", "member", &[&tree::group("posix")]);
    let members = [&*tree::group("A"), &ann, tree::NOBODY];
    add(admin, "short-cut", "groupOfNames", "member", &members);
}

/// A gateway in front of it that finds groups like this.
pub(crate) fn gateway(slapd: &Slapd, resolve: &str) -> Gateway {
    gateway_with(slapd, |settings, _| {
        settings.set("[directory.groups]", "resolve", format!("\"{resolve}\""));
    })
}

pub(crate) fn gateway_with(
    slapd: &Slapd,
    change: impl FnOnce(&mut Settings, &TestFolder),
) -> Gateway {
    Gateway::configured(slapd.port(), change)
}

/// Waits until there is a live copy that answers.
pub(crate) fn until_copied(gateway: &Gateway) {
    eventually("the live copy is complete", || {
        let text = gateway.metrics();
        text.contains("bindgate_replica_complete{directory=\"corp\"} 1").then_some(())
    });
}

/// What `check --online` says of the gateway's own configuration.
pub(crate) fn online(gateway: &Gateway) -> Said {
    let config = gateway.folder().file("bindgate.toml").display().to_string();
    gateway.command(&["check", "--online", "--config", &config])
}

/// A person signs on; the memberships in the record's order, ids and times left out.
pub(crate) fn memberships(gateway: &Gateway, uid: &str) -> Value {
    assert_eq!(gateway.sign_on(&tree::person(uid), tree::password(uid)), 0, "{uid}");
    let user = gateway.user(uid);
    assert_eq!(user["observation"]["groups"], "known", "{uid}: {}", gateway.log());
    let rows = user["memberships"].as_array().expect("a user has memberships").iter();
    let mut rows: Vec<Value> = rows
        .map(|row| {
            json!([
                row["group"]["dn"],
                row["group"]["id"],
                row["direct"],
                row["depth"],
                row["path"]
            ])
        })
        .collect();
    rows.sort_by_key(Value::to_string);
    Value::Array(rows)
}
