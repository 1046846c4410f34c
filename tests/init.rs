//! `bindgate init`: a configuration is written for a directory that nobody has described.
//!
//! Goal: what it writes is what an admin would have written, and works. Method: the built binary before
//! a real slapd, by flags and at a real terminal (`script` of util-linux makes one); other kinds of
//! directories have theirs in `tests/directories/init.rs`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use support::certs::{Authority, Wanted};
use support::folder::TestFolder;
use support::gateway::BINDGATE;
use support::slapd::{Options, Slapd};
use support::tools::Said;
use support::tree::{GROUPS, PEOPLE, SERVICE, SERVICE_PASSWORD, SUFFIX};

/// A folder with the service account's password.
fn folder() -> TestFolder {
    let folder = TestFolder::new("init");
    let password = folder.write("given.password", SERVICE_PASSWORD);
    std::fs::set_permissions(password, std::fs::Permissions::from_mode(0o600)).unwrap();
    folder
}

fn bindgate(arguments: &[&str]) -> Command {
    let mut command = Command::new(BINDGATE);
    command.args(arguments).env_remove("BINDGATE_CONFIG").stdin(Stdio::null());
    command
}

fn init(folder: &TestFolder, url: &str, more: &[&str]) -> Said {
    let config = folder.file("bindgate.toml").display().to_string();
    let password = folder.file("given.password").display().to_string();
    let mut arguments = vec!["init", url, "--config", &config, "--bind-dn", SERVICE];
    arguments.extend(["--password-file", &password, "--non-interactive"]);
    arguments.extend(more);
    Said::from_output(bindgate(&arguments).output().unwrap())
}

fn written(folder: &TestFolder) -> String {
    std::fs::read_to_string(folder.file("bindgate.toml")).unwrap()
}

/// Panics unless the file says this of every key; gives what `check --online` says.
#[track_caller]
fn check(folder: &TestFolder, expected: &[(&str, &str)]) -> String {
    let text = written(folder);
    for (key, value) in expected {
        let line = format!("{key} = {value}");
        assert!(text.lines().any(|found| found.starts_with(&line)), "no {line} in\n{text}");
    }
    let config = folder.file("bindgate.toml").display().to_string();
    let said = bindgate(&["check", "--online", "--config", &config]).output().unwrap();
    Said::from_output(said).expect_code(0)
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Names of files in the folder that `init` did not find there.
fn left_behind(folder: &TestFolder) -> Vec<String> {
    let names = std::fs::read_dir(folder.path()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name != "given.password").collect();
    names.sort();
    names
}

#[test]
fn flags_and_what_is_seen_are_enough_for_a_configuration_that_works() {
    let (slapd, folder) = (Slapd::start(), folder());
    let said = init(&folder, &slapd.url(), &[]).expect_code(0);
    assert!(said.contains("kind openldap") && said.contains("groups by replica"), "{said}");
    let quoted = |text: &str| format!("\"{text}\"");
    let password = quoted(&folder.file("given.password").display().to_string());
    let online = check(
        &folder,
        &[
            ("name", "\"example\""),
            ("suffixes", &format!("[{}]", quoted(SUFFIX))),
            ("dn", &quoted(SERVICE)),
            ("password_file", &password),
            ("base", &quoted(GROUPS)),
            ("base", &quoted(PEOPLE)),
            ("filter", "\"(objectClass=inetOrgPerson)\""),
            ("username", "\"uid\""),
            ("url", "\"file:store\""),
        ],
    );
    assert!(online.contains("groups by replica"), "{online}");
    assert!(!written(&folder).contains(SERVICE_PASSWORD), "the password is not in it");
    assert_eq!(mode(&folder.file("bindgate.toml")), 0o600);
    assert_eq!(left_behind(&folder), ["bindgate.toml"]);
}

#[test]
fn a_flag_wins_over_what_is_seen() {
    let (slapd, folder) = (Slapd::start(), folder());
    let flags = ["--name", "hq", "--people", SUFFIX, "--groups", SUFFIX, "--username", "cn"];
    let more = ["--filter", "(uid=*)", "--listen", "127.0.0.1:3333", "--store", "/tmp/x y"];
    init(&folder, &slapd.url(), &[&flags[..], &more].concat()).expect_code(0);
    let suffix = format!("\"{SUFFIX}\"");
    check(
        &folder,
        &[
            ("name", "\"hq\""),
            ("base", &suffix),
            ("filter", "\"(uid=*)\""),
            ("username", "\"cn\""),
            ("ldap", "[\"127.0.0.1:3333\"]"),
            ("url", "\"file:/tmp/x y\""),
        ],
    );
}

#[test]
fn a_file_that_is_there_stays_unless_it_is_to_be_written_over() {
    let (slapd, folder) = (Slapd::start(), folder());
    folder.write("bindgate.toml", "mine");
    let said = init(&folder, &slapd.url(), &[]);
    assert_eq!(said.code, 64, "{}", said.err);
    assert!(said.err.contains("--force"), "{}", said.err);
    assert_eq!(written(&folder), "mine");
    init(&folder, &slapd.url(), &["--force"]).expect_code(0);
    check(&folder, &[("name", "\"example\"")]);
    assert_eq!(left_behind(&folder), ["bindgate.toml"]);
}

#[test]
fn what_comes_to_nothing_leaves_nothing_behind_and_says_why() {
    let (slapd, folder) = (Slapd::start(), folder());
    for (url, more, code, words) in [
        ("ldap://127.0.0.1:1", &[][..], 69, "no server"),
        (slapd.url().as_str(), &["--start-tls"][..], 69, "no server"),
        (slapd.url().as_str(), &["--groups", "ou=none,dc=example,dc=com"][..], 69, "is not there"),
        (slapd.url().as_str(), &["--people", "no name"][..], 64, "--people"),
        (slapd.url().as_str(), &["--filter", "(uid"][..], 64, "--filter"),
        (slapd.url().as_str(), &["--listen", "here"][..], 64, "--listen"),
        (slapd.url().as_str(), &["--suffix", "dc=other"][..], 64, "--people"),
        ("http://127.0.0.1", &[][..], 64, "scheme"),
    ] {
        let said = init(&folder, url, more);
        assert_eq!(said.code, code, "{url} {more:?}: {}{}", said.out, said.err);
        assert!(said.err.contains(words), "{url} {more:?}: {}", said.err);
        assert_eq!(left_behind(&folder), [""; 0], "{url} {more:?}");
    }
    folder.write("given.password", "wrong");
    let said = init(&folder, &slapd.url(), &[]);
    assert_eq!(said.code, 69, "{}", said.err);
    assert!(said.err.contains("name or password was refused"), "{}", said.err);
}

#[test]
fn somebody_at_a_terminal_is_asked_and_the_password_goes_into_a_file_of_its_own() {
    let (slapd, folder) = (Slapd::start(), TestFolder::new("asked"));
    let config = folder.file("bindgate.toml").display().to_string();
    let line = format!("{BINDGATE} init {} --config {config}", slapd.url());
    let mut child = Command::new("script")
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("script (of bsdutils): {error}"));
    // Account, password, name of the directory, people, filter, user name, groups, address.
    let answers = format!("{SERVICE}\n{SERVICE_PASSWORD}\nhq\n\n\n\n\n127.0.0.1:3891\n");
    child.stdin.as_mut().unwrap().write_all(answers.as_bytes()).unwrap();
    let said = Said::from_output(child.wait_with_output().unwrap());
    assert_eq!(said.code, 0, "{}", said.out);
    assert!(said.out.contains(&format!("[{PEOPLE}]")), "{}", said.out);
    check(&folder, &[("name", "\"hq\""), ("ldap", "[\"127.0.0.1:3891\"]")]);
    let password = folder.file("directory.password");
    assert_eq!(std::fs::read_to_string(&password).unwrap(), SERVICE_PASSWORD);
    assert_eq!(mode(&password), 0o600);
    assert!(!written(&folder).contains(SERVICE_PASSWORD), "the password is not in it");
}

#[test]
fn a_directory_is_looked_at_over_tls_where_that_is_asked_for() {
    let folder = folder();
    let authority = Authority::make(&folder, "authority");
    let wanted = Wanted { hosts: &["127.0.0.1"], ..Wanted::default() };
    let certificate = authority.issue(&folder, "slapd", &wanted);
    let slapd = Slapd::with(&Options::default().secured(&certificate));
    let ca = authority.file.display().to_string();
    let ldaps = format!("ldaps://127.0.0.1:{}", slapd.ldaps());
    let quoted = format!("\"{ca}\"");
    for (url, more, keys) in [
        (slapd.url(), &["--start-tls", "--ca", &ca][..], &[("start_tls", "true")][..]),
        (ldaps, &["--ca", &ca][..], &[][..]),
    ] {
        init(&folder, &url, &[&["--force"], more].concat()).expect_code(0);
        check(&folder, &[keys, &[("ca", quoted.as_str())]].concat());
    }
    let other = Authority::make(&folder, "other").file.display().to_string();
    let said = init(&folder, &slapd.url(), &["--force", "--start-tls", "--ca", &other]);
    assert_eq!(said.code, 69, "{}", said.err);
}

#[test]
fn without_a_terminal_what_cannot_be_seen_has_to_be_given() {
    let folder = folder();
    let config = folder.file("bindgate.toml").display().to_string();
    for (arguments, flag) in [
        (&["init", "ldap://127.0.0.1:1", "--config", &config][..], "--bind-dn"),
        (
            &["init", "ldap://127.0.0.1:1", "--config", &config, "--bind-dn", "cn=x"][..],
            "--password-file",
        ),
    ] {
        let said = Said::from_output(bindgate(arguments).output().unwrap());
        assert_eq!(said.code, 64, "{}", said.err);
        assert!(said.err.contains(flag), "{}", said.err);
    }
}
