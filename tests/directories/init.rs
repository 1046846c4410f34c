//! `bindgate init` before a directory of each kind: what it sees, and that the configuration works.

use super::tree;
use super::world::{Directory, Kind};
use crate::support::folder::TestFolder;
use crate::support::gateway::BINDGATE;
use crate::support::tools::Said;
use crate::support::tree::{SERVICE, SERVICE_PASSWORD, SUFFIX};
use bindgate::config::{self, Config};
use bindgate::proto::dn::DistinguishedName;
use std::process::Command;

/// `init` with no more than it has to be told, and what its file says.
fn init(directory: &Directory, folder: &TestFolder) -> (String, Config) {
    let password = folder.write("password", SERVICE_PASSWORD).display().to_string();
    let file = folder.file("bindgate.toml");
    let config = file.display().to_string();
    let mut arguments = vec!["init".to_owned(), directory.url(), "--non-interactive".to_owned()];
    if let Directory::Samba(samba) = directory {
        arguments[1] = samba.secure_url();
        arguments.extend(["--ca".to_owned(), samba.authority().display().to_string()]);
    }
    arguments.extend(["--bind-dn", SERVICE, "--password-file", &password].map(str::to_owned));
    arguments.extend(["--config", &config].map(str::to_owned));
    let run = |arguments: &[&str]| {
        let output = Command::new(BINDGATE).args(arguments).output().expect("it can be started");
        Said::from_output(output).expect_code(0)
    };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let said = run(&arguments);
    run(&["check", "--online", "--config", &config]);
    let config = config::load(&file).unwrap_or_else(|problems| panic!("{}", problems.render()));
    (said, config)
}

fn name(text: &str) -> DistinguishedName {
    DistinguishedName::parse(text).expect("it is a name")
}

/// What differs from kind to kind: words that are printed, the attribute of user names, and where people
/// and groups are.
#[track_caller]
fn check(kind: Kind, words: &[&str], username: &str, places: (&str, &str)) {
    let (directory, folder) = (kind.start(), TestFolder::new("init"));
    let (said, config) = init(&directory, &folder);
    for word in words {
        assert!(said.contains(word), "no {word:?} in\n{said}");
    }
    let [configured] = config.directories.as_slice() else { panic!("one directory") };
    assert_eq!(configured.policy.suffixes, [name(SUFFIX)]);
    let groups = configured.policy.groups.as_ref().expect("there are groups");
    assert_eq!(groups.base, name(places.1), "where groups are");
    let found: Vec<&str> = groups.member_attributes.iter().map(|found| &*found.name).collect();
    assert_eq!(found, ["member"]);
    let [people] = configured.policy.user_types.as_slice() else { panic!("one user type") };
    assert_eq!(people.base, name(places.0), "where people are");
    let text = std::fs::read_to_string(folder.file("bindgate.toml")).expect("it is there");
    assert!(text.contains(&format!("username = \"{username}\"")), "{text}");
}

#[test]
fn openldap_is_described_by_looking_at_it() {
    // Both are in two parts of this tree.
    check(Kind::Slapd, &["kind openldap", "groups by replica"], "uid", (SUFFIX, SUFFIX));
}

#[test]
fn active_directory_is_described_by_looking_at_it() {
    let words = ["kind active-directory", "groups by replica"];
    check(Kind::Samba, &words, "sAMAccountName", (tree::PEOPLE, tree::GROUPS));
}

#[test]
fn a_389_ds_is_described_by_looking_at_it() {
    let words = ["kind 389ds", "groups by replica"];
    check(Kind::Ds389, &words, "uid", (tree::PEOPLE, tree::GROUPS));
}
