//! The directories, each with the same tree, and gateways in front of them.

use super::tree::{self, Members};
use crate::support::ds389::Ds389;
use crate::support::folder::TestFolder;
use crate::support::gateway::Gateway;
use crate::support::pdu;
use crate::support::raw::Raw;
use crate::support::samba::{ClearText, Samba};
use crate::support::settings::{Settings, quoted};
use crate::support::slapd::{Options, Slapd};
use crate::support::tools::Said;
use bindgate::proto::dn::DistinguishedName;
use serde_json::{Value, json};

/// The kinds of directories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Slapd,
    Samba,
    Ds389,
}

impl Kind {
    /// What this kind is called.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Slapd => "OpenLDAP",
            Self::Samba => "Active Directory",
            Self::Ds389 => "389-ds",
        }
    }

    /// A directory with the tree.
    pub(crate) fn start(self) -> Directory {
        match self {
            Self::Slapd => {
                let options = Options {
                    global_lines: vec!["moduleload ppolicy".to_owned()],
                    database_lines: vec![
                        "overlay ppolicy".to_owned(),
                        format!("ppolicy_default {}", tree::POLICY),
                    ],
                    ..Options::default()
                };
                let slapd = Slapd::with(&options);
                tree::plant_policy(&mut slapd.admin());
                tree::plant(
                    &mut slapd.admin(),
                    ("pwdAccountLockedTime", "000001010000Z"),
                    Members::AtOnce,
                );
                Directory::Slapd(slapd)
            }
            Self::Samba => Directory::Samba(Samba::start(&tree::domain(), ClearText::Allowed)),
            Self::Ds389 => Directory::of_389_ds(&[]),
        }
    }
}

/// A running directory.
pub(crate) enum Directory {
    Slapd(Slapd),
    Samba(Samba),
    Ds389(Ds389),
}

impl Directory {
    /// 389-ds with the tree, without some of its plug-ins.
    pub(crate) fn of_389_ds(without: &[&str]) -> Self {
        let server = Ds389::without(without);
        tree::plant(&mut server.admin(), ("nsAccountLock", "true"), Members::Later);
        Self::Ds389(server)
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Slapd(_) => Kind::Slapd,
            Self::Samba(_) => Kind::Samba,
            Self::Ds389(_) => Kind::Ds389,
        }
    }

    /// A connection that is bound as its administrator.
    pub(crate) fn admin(&self) -> Raw {
        match self {
            Self::Slapd(server) => server.admin(),
            Self::Samba(server) => server.admin(),
            Self::Ds389(server) => server.admin(),
        }
    }

    /// A client's connection.
    pub(crate) fn connect(&self) -> Raw {
        match self {
            Self::Slapd(server) => Raw::connect(server.port()),
            Self::Samba(server) => server.connect(),
            Self::Ds389(server) => Raw::connect(server.port()),
        }
    }

    /// Adds a person who is called like that.
    pub(crate) fn add_person(&self, uid: &str, password: &str) {
        let dn = tree::person(uid);
        if let Self::Samba(samba) = self {
            return samba.add_person(&dn, uid, password);
        }
        let attributes: [(&str, &[&str]); 5] = [
            ("objectClass", &["inetOrgPerson"]),
            ("cn", &[uid]),
            ("sn", &[uid]),
            ("uid", &[uid]),
            ("userPassword", &[password]),
        ];
        assert_eq!(self.admin().code(&pdu::add(&dn, &attributes)), 0, "{dn}");
    }

    /// Where it is, in clear text.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Slapd(server) => server.url(),
            Self::Samba(server) => server.url(),
            Self::Ds389(server) => format!("ldap://127.0.0.1:{}", server.port()),
        }
    }

    /// A gateway in front of it that finds groups like this.
    pub(crate) fn gateway(&self, resolve: &str) -> Gateway {
        self.gateway_with(|settings, _| {
            settings.set("[directory.groups]", "resolve", quoted(resolve));
        })
    }

    /// A gateway in front of it with some settings changed.
    pub(crate) fn gateway_with(&self, change: impl FnOnce(&mut Settings, &TestFolder)) -> Gateway {
        Gateway::configured(0, |settings, folder| {
            settings.set("[[directory]]", "urls", format!("[{}]", quoted(&self.url())));
            settings.set("[directory.groups]", "base", quoted(tree::GROUPS));
            settings.set_user_type("base", quoted(tree::PEOPLE));
            if self.kind() == Kind::Samba {
                settings.set_user_type("username", quoted("sAMAccountName"));
                settings.set_user_type(
                    "filter",
                    quoted("(&(objectCategory=person)(objectClass=user))"),
                );
            }
            change(settings, folder);
        })
    }
}

/// What `check --online` says of the gateway's own configuration.
pub(crate) fn online(gateway: &Gateway) -> Said {
    let config = gateway.folder().file("bindgate.toml").display().to_string();
    gateway.command(&["check", "--online", "--config", &config])
}

/// What a metric of the directory says.
pub(crate) fn counted(gateway: &Gateway, name: &str) -> u64 {
    let line = format!("{name}{{directory=\"corp\"}} ");
    let metrics = gateway.metrics();
    let found = metrics.lines().find_map(|found| found.strip_prefix(&line));
    found.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("{name} is counted"))
}

/// A name in its normal form: directories spell the types of names in their own way.
pub(crate) fn normal(name: &Value) -> String {
    let text = name.as_str().expect("a name is text");
    let name = DistinguishedName::parse(text).unwrap_or_else(|_| panic!("{text} is a name"));
    name.normalized().as_str().to_owned()
}

/// The memberships of somebody's record, without what differs from directory to directory.
pub(crate) fn memberships(gateway: &Gateway, user: &str) -> Vec<Value> {
    let record = gateway.user(user);
    assert_eq!(record["observation"]["groups"], "known", "{user}: {}", gateway.log());
    let rows = record["memberships"].as_array().expect("a user has memberships").iter();
    let mut rows: Vec<Value> = rows
        .map(|row| {
            let path = row["path"].as_array().expect("a path is a list");
            let path: Vec<String> = path.iter().map(normal).collect();
            let effective = &row["effective"];
            json!([normal(&row["group"]["dn"]), row["direct"], row["depth"], path, effective])
        })
        .collect();
    rows.sort_by_key(Value::to_string);
    rows
}
