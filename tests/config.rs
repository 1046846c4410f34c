//! The configuration file as an operator meets it: the samples, the reference, and every mistake
//! told at once with its place.
//!
//! Method: texts go through `config::parse` (no file is touched) or through `config::load` with a
//! folder of their own; what comes back is compared by line, column and words.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "config/admin.rs"]
mod admin;
#[path = "config/groups.rs"]
mod groups;
#[path = "config/records.rs"]
mod records;
#[path = "config/relay.rs"]
mod relay;
#[path = "config/tls.rs"]
mod tls;
#[path = "config/user_types.rs"]
mod user_types;
#[path = "config/views.rs"]
mod views;

use bindgate::config::{
    self, Config, KEYS, Paint, Presence, Problem, Problems, SECTIONS, Severity,
};
use bindgate::domain::membership::MemberAttribute;
use bindgate::domain::policy::{Flatten, GroupSync, OnUnknown, Switch};
use bindgate::upstream::{Scheme, SecretSource};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

const OPENLDAP: &str = include_str!("../config/openldap.toml");
const ACTIVE_DIRECTORY: &str = include_str!("../config/active-directory.toml");

/// The least that is enough.
const LEAST: &str = r#"
[[directory]]
name = "corp"
urls = ["ldap://127.0.0.1:3891"]
suffixes = ["dc=example,dc=com"]
service_account = { dn = "cn=gateway,dc=example,dc=com", password_file = "/p" }
[directory.groups]
base = "ou=groups,dc=example,dc=com"
[[directory.user_type]]
name = "staff"
base = "ou=people,dc=example,dc=com"
"#;

#[track_caller]
fn sound(text: &str) -> (Config, Vec<Problem>) {
    match config::parse_with_warnings(text, "/etc/bindgate/bindgate.toml") {
        Ok((config, warnings)) => (config, warnings.items().to_vec()),
        Err(problems) => panic!("{problems}"),
    }
}

#[track_caller]
fn refused(text: &str) -> Problems {
    match config::parse(text, "gateway.toml") {
        Ok(_) => panic!("this was taken:\n{text}"),
        Err(problems) => problems,
    }
}

/// `LEAST` with one line in place of another is refused with one error: at these bytes of the new
/// line, with these words in its message or help.
#[track_caller]
fn check(old: &str, new: &str, at: &str, words: &[&str]) {
    assert!(LEAST.contains(old), "{old}");
    let text = LEAST.replace(old, new);
    let problems = refused(&text);
    let errors: Vec<_> =
        problems.items().iter().filter(|p| p.severity == Severity::Error).collect();
    assert_eq!(errors.len(), 1, "{problems}");
    let (error, said) = (errors[0], format!("{} {}", errors[0].message, errors[0].help));
    assert_eq!(&text[error.span.clone()], at, "{problems}");
    for word in words {
        assert!(said.contains(word), "{word:?} is missing in {said:?}");
    }
}

/// `[section]` with this line is refused.
#[track_caller]
fn check_line(section: &str, line: &str, at: &str, words: &[&str]) {
    let top = format!("[{section}]\n{line}\n[[directory]]");
    check("[[directory]]", &top, at, words);
}

/// A folder that goes when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("bindgate-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_sample_for_openldap_is_taken_as_it_stands() {
    let (config, warnings) = sound(OPENLDAP);
    assert_eq!(config.listen.ldap, ["127.0.0.1:3890".parse().unwrap()]);
    assert_eq!(config.listen.ldaps, ["127.0.0.1:6360".parse().unwrap()]);
    assert_eq!(
        config.listen.tls.unwrap().certificate,
        Path::new("/etc/bindgate/../certs/gateway.pem")
    );
    assert_eq!(config.store.folder, Path::new("/var/lib/bindgate"));
    assert_eq!(config.admin.listen, Some("127.0.0.1:8389".parse().unwrap()));
    let [directory] = config.directories.as_slice() else { panic!("one directory") };
    assert_eq!(directory.upstream.urls[0].host, "127.0.0.1");
    assert_eq!(directory.upstream.urls[0].scheme, Scheme::Ldap);
    assert_eq!(directory.upstream.service_dn, "cn=gateway,dc=example,dc=com");
    let password = SecretSource::File("/etc/bindgate/corp.password".into());
    assert_eq!(directory.upstream.service_password, password);
    assert!(directory.policy.is_default);
    let groups = directory.policy.groups.as_ref().unwrap();
    assert_eq!(groups.flatten, Flatten::Ancestors);
    assert_eq!(groups.member_attributes, MemberAttribute::usual());
    let [staff] = directory.policy.user_types.as_slice() else { panic!("one user type") };
    assert_eq!((staff.name.as_ref(), staff.username.as_str()), ("staff", "uid"));
    assert_eq!((staff.groups, staff.update_on_sign_on), (GroupSync::Always, Switch::On));
    assert!(directory.relay.serve.member_of);
    let said: Vec<_> = warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(said, [""; 0]);
}

#[test]
fn the_sample_for_active_directory_is_taken_without_a_warning() {
    let (config, warnings) = sound(ACTIVE_DIRECTORY);
    assert!(warnings.is_empty(), "{warnings:?}");
    assert!(config.listen.ldap.is_empty());
    let policy = &config.directories[0].policy;
    let names: Vec<_> = policy.user_types.iter().map(|kind| kind.name.as_ref()).collect();
    assert_eq!(names, ["contractors", "staff"]);
    assert_eq!(policy.user_types[1].attributes.len(), 4);
    assert_eq!(config.directories[0].upstream.urls[1].port, 636);
}

#[test]
fn the_reference_is_the_table_of_keys_written_out() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/config/reference.toml");
    if std::env::var_os("BINDGATE_WRITE_REFERENCE").is_some() {
        std::fs::write(path, config::reference()).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == config::reference(),
        "config/reference.toml differs from the code; write it anew with\n\
         BINDGATE_WRITE_REFERENCE=1 cargo test --test config reference"
    );
}

#[test]
fn the_reference_is_a_configuration_and_asks_for_every_key() {
    let reference = config::reference();
    sound(&reference);
    let known: BTreeSet<_> = KEYS.iter().map(|key| (key.section, key.name)).collect();
    let by_file = "directory.user_type.attributes";
    let asked = config::keys_asked_for(&reference);
    let fixed = |set: &BTreeSet<(&'static str, &'static str)>| -> BTreeSet<_> {
        set.iter().copied().filter(|(section, _)| *section != by_file).collect()
    };
    assert_eq!(fixed(&asked), fixed(&known));
    let without = config::keys_asked_for(LEAST);
    for key in KEYS.iter().filter(|key| key.section == by_file) {
        assert!(without.contains(&(key.section, key.name)), "{}", key.name);
    }
}

#[test]
fn the_reference_says_what_happens_when_a_key_is_left_out() {
    let reference = config::reference();
    let (with, _) = sound(&reference);
    let required = |line: &str| {
        let name = line.split(' ').next().unwrap_or_default();
        let keys = KEYS.iter().filter(|key| key.name == name);
        line.starts_with('[')
            || keys.clone().any(|key| matches!(key.presence, Presence::Required(_)))
    };
    let in_attributes = reference.find("[directory.user_type.attributes]").unwrap();
    let kept: String = reference[..in_attributes]
        .lines()
        .filter(|line| required(line))
        .flat_map(|line| [line, "\n"])
        .collect();
    let (without, _) = sound(&kept);
    assert_eq!(format!("{with:?}"), format!("{without:?}"));
}

#[test]
fn optional_keys_of_the_reference_are_taken_when_they_are_uncommented() {
    let mut text = config::reference();
    let optional = KEYS.iter().filter(|key| matches!(key.presence, Presence::Optional(_)));
    // Several sections may have a key of one name.
    let names: BTreeSet<_> = optional.map(|key| key.name).collect();
    for name in names {
        let commented = format!("#{name} = ");
        assert!(text.contains(&commented), "{name}");
        text = text.replace(&commented, &format!("{name} = "));
    }
    text = text.replace("password_file = \"", "# \"");
    let (config, _) = sound(&text);
    let upstream = &config.directories[0].upstream;
    assert_eq!(upstream.tls.server_name.as_deref(), Some("dc1.example.com"));
    assert!(upstream.tls.ca.is_some());
    assert!(matches!(upstream.service_password, SecretSource::Environment(_)));
}

#[test]
fn what_is_left_out_has_the_documented_default() {
    let (config, warnings) = sound(LEAST);
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!(config.listen.max_message_size, 4 << 20);
    assert_eq!(config.listen.idle_timeout, Duration::ZERO);
    assert_eq!(config.sign_on.budget, Duration::from_secs(2));
    assert!(config.sign_on.enabled);
    let directory = &config.directories[0];
    assert_eq!(directory.upstream.max_message_size, 16 << 20);
    assert_eq!(directory.upstream.idle_timeout, Duration::from_secs(300));
    let staff = &directory.policy.user_types[0];
    assert_eq!((staff.on_unknown, staff.create), (OnUnknown::Keep, true));
    let mut attributes: Vec<_> =
        staff.attributes.iter().map(|a| (a.local.as_str(), a.upstream.as_str())).collect();
    attributes.sort_unstable();
    let expected = [
        ("common_name", "cn"),
        ("display_name", "displayName"),
        ("given_name", "givenName"),
        ("mail", "mail"),
        ("surname", "sn"),
    ];
    assert_eq!(attributes, expected);
}

#[test]
fn durations_sizes_and_relative_paths_are_read() {
    let top = "[listen]\nmax_message_size = \"1MiB\"\nmax_unread = 1_000_000\nidle_timeout = \"5m\"\n\
               [store]\nurl = \"file:data\"\n[sign_on]\nbudget = \"50ms\"\n[admin]\nlisten = \"off\"\n\
               token_file = \"t\"\n[[directory]]";
    let (config, _) = sound(&LEAST.replace("[[directory]]", top));
    assert_eq!(config.listen.max_message_size, 1 << 20);
    assert_eq!(config.listen.max_unread, 1_000_000);
    assert_eq!(config.listen.idle_timeout, Duration::from_secs(300));
    assert_eq!(config.sign_on.budget, Duration::from_millis(50));
    assert_eq!(config.store.folder, Path::new("/etc/bindgate/data"));
    assert_eq!(config.admin.token_file, Path::new("/etc/bindgate/t"));
    assert_eq!(config.admin.listen, None);
}

#[test]
fn every_mistake_is_told_at_once_in_the_order_of_the_file() {
    let text = r#"
[listen]
ldap = ["127.0.0.1"]
max_client = 3
[sign_on]
budget = 2
sync = "later"
[[directory]]
name = "a b"
urls = ["http://x"]
suffixes = ["not a name"]
service_account = { dn = "cn=x", password = "hunter2" }
[[directory.user_type]]
base = "dc=x"
filter = "(cn=a"
"#;
    let problems = refused(text);
    let places: Vec<_> = problems.items().iter().map(|p| (p.line, p.column)).collect();
    let expected =
        [(3, 9), (4, 1), (6, 10), (7, 8), (9, 8), (10, 10), (11, 13), (12, 34), (13, 1), (15, 0)];
    assert_eq!(places.len(), expected.len(), "{problems}");
    for (found, expected) in places.iter().zip(expected) {
        assert_eq!(found.0, expected.0, "{problems}");
        assert!(expected.1 == 0 || found.1 == expected.1, "{found:?} {problems}");
    }
    let shown = problems.render_with(Paint::Plain);
    assert!(shown.contains("gateway.toml:4:1") && shown.contains("did you mean `max_clients`"));
    assert!(shown.ends_with("gateway.toml: 10 errors\n"), "{shown}");
    assert!(shown.is_ascii() && !shown.contains('\u{1b}'), "{shown}");
}

/// A mistake beside it hid what could be told by comparing values: a base outside the suffixes, a
/// minimum above the maximum, an address without a certificate came to light one start later.
#[test]
fn a_mistake_does_not_hide_what_values_say_together() {
    let text = LEAST
        .replace(
            "ou=groups,dc=example,dc=com\"",
            "ou=groups,dc=example,dc=org\"\nflatten = \"all\"",
        )
        .replace("\"ldap://127.0.0.1:3891\"", "\"http://x\"")
        .replace("suffixes", "min_connections = 9\nmax_connections = 3\nsuffixes");
    let text = format!("[listen]\nldap = [\"nowhere\"]\nldaps = [\"127.0.0.1:636\"]\n{text}");
    let problems = refused(&text).to_string();
    for told in [
        "no address to listen on",
        "needs [listen.tls]",
        "is no URL of a server",
        "is above `max_connections`",
        "within none of the directory's suffixes",
        "no way to flatten",
    ] {
        assert!(problems.contains(told), "{told:?} is missing in\n{problems}");
    }
}

#[test]
fn a_password_in_the_file_is_refused_and_never_shown() {
    let inline = r#"password_file = "/p""#;
    for (key, value) in [("password", "'hunter2'"), ("bind_password", "\"hunter2\"")] {
        let problems = refused(&LEAST.replace(inline, &format!("{key} = {value}")));
        let shown = problems.render_with(Paint::Plain);
        assert!(shown.contains("secrets come from a file"), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
        assert_eq!(problems.items().len(), 1, "{shown}");
    }
    let broken = refused(&LEAST.replace(inline, "password = \"hunter2\nx = ]"));
    assert!(!format!("{broken} {broken:?}").contains("hunter2"), "{broken}");
}

#[test]
fn broken_toml_is_told_with_its_place_and_other_mistakes_too() {
    let text =
        LEAST.replace("[[directory]]", "[listen]\nmax_clients = \nldap = [\"x\"]\n[[directory]]");
    let problems = refused(&text);
    let lines: Vec<_> = problems.items().iter().map(|p| p.line).collect();
    assert!(lines.contains(&3) && lines.contains(&4), "{problems}");
    assert!(problems.items()[0].message.contains("no TOML"), "{problems}");
    let twice = refused(&LEAST.replace("[[directory]]", "[log]\n[log]\n[[directory]]"));
    assert!(twice.items()[0].message.contains("duplicate key"), "{twice}");
    let unclosed = refused("[listen\nldap = [\"127.0.0.1:389\"]\n");
    assert!(unclosed.items().iter().all(|p| !p.message.contains("missing")), "{unclosed}");
}

#[test]
fn an_empty_file_lacks_a_directory() {
    for text in ["", "\n", "# nothing\n"] {
        let problems = refused(text);
        assert!(problems.items()[0].message.contains("no directory"), "{problems}");
        assert!(problems.render_with(Paint::Plain).contains("[[directory]]"), "{problems}");
    }
}

#[test]
fn unknown_keys_and_sections_are_refused_with_what_is_known() {
    check_line("listen", "ldapss = []", "ldapss", &["did you mean `ldaps`", "max_clients"]);
    check_line("lisden", "ldap = []", "lisden", &["did you mean `listen`"]);
    check_line("listen", "colour = 1", "colour", &["known here: ldap, ldaps"]);
    check("[directory.groups]", "[directory.group]", "group", &["did you mean `groups`"]);
    check("name = \"staff\"", "name = \"staff\"\nuser = 1", "user", &["username"]);
}

#[test]
fn values_of_the_wrong_kind_or_beyond_their_limits_are_refused() {
    check_line("listen", "max_clients = \"many\"", "\"many\"", &["a whole number", "1000000"]);
    check_line("listen", "max_clients = 0", "0", &["1 to 1000000"]);
    check_line("listen", "max_clients = -1", "-1", &["1 to 1000000"]);
    check_line("listen", "max_clients = 1e3", "1e3", &["not a fraction"]);
    check_line("listen", "max_message_size = \"1GB\"", "\"1GB\"", &["KiB, MiB or GiB"]);
    check_line("listen", "max_message_size = 7", "7", &["1KiB to 256MiB"]);
    check_line("listen", "proxy_protocol = true", "true", &["a list, not true or false"]);
    let network = "\"10.0.0.1/8\"";
    let line = format!("proxy_protocol = [{network}]");
    check_line("listen", &line, network, &["no network", "10.0.0.0/8"]);
    check_line("listen", "handshake_timeout = 10", "10", &["a string, not a whole number", "ms"]);
    check_line("listen", "handshake_timeout = \"10\"", "\"10\"", &["no duration"]);
    check_line("listen", "handshake_timeout = \"2h\"", "\"2h\"", &["100ms to 1h"]);
    check_line(
        "listen",
        "ldap = \"127.0.0.1:389\"",
        "\"127.0.0.1:389\"",
        &["a list", "square brackets"],
    );
    check_line(
        "listen",
        "ldap = [\"localhost:389\"]",
        "\"localhost:389\"",
        &["IP address and a port"],
    );
    check_line("listen", "ldap = [\"[::1]:1\", \"[::1]:1\"]", "\"[::1]:1\"", &["twice"]);
    check_line("log", "level = \"verbose\"", "\"verbose\"", &["off, error, warn, info, debug"]);
    check_line("log", "level = \"inof\"", "\"inof\"", &["did you mean \"info\""]);
    check_line("sign_on", "enabled = \"yes\"", "\"yes\"", &["true or false, not a string"]);
    check("[[directory]]", "listen = 3\n[[directory]]", "3", &["[listen] is not a section"]);
    check("[[directory]]", "[directory]", "[directory]", &["[[directory]]"]);
}

#[test]
fn the_store_is_a_folder_and_postgresql_is_refused_clearly() {
    let words = ["PostgreSQL is not available in this version", "file:/var/lib/bindgate"];
    check_line("store", "url = \"postgres://db/bindgate\"", "postgres", &words);
    check_line("store", "url = \"postgresql://db/bindgate\"", "postgresql", &words);
    check_line("store", "url = \"/var/lib\"", "\"/var/lib\"", &["no URL of a store"]);
    check_line("store", "url = \"file:\"", "\"file:\"", &["path is empty"]);
    check_line("store", "url = \"file://host/x\"", "//host/x", &["with a host"]);
}

#[test]
fn listening_needs_an_address_and_tls_a_certificate() {
    check_line("listen", "ldap = []", "[listen]", &["nobody could connect"]);
    check_line("listen", "ldaps = [\"[::1]:636\"]", "\"[::1]:636\"", &["needs [listen.tls]"]);
    check_line("listen.tls", "certificate = \"c\"", "[listen.tls]", &["`private_key` is missing"]);
}

#[test]
fn names_bases_and_filters_are_checked_where_they_stand() {
    let base = "base = \"ou=people,dc=example,dc=com\"";
    check(base, "base = \"people\"", "\"people\"", &["distinguished name"]);
    check(
        base,
        "base = \"dc=elsewhere\"",
        "\"dc=elsewhere\"",
        &["none of the directory's suffixes"],
    );
    let groups = "base = \"ou=groups,dc=example,dc=com\"";
    check(groups, "base = \"dc=other\"", "\"dc=other\"", &["none of", "dc=example,dc=com"]);
    check(groups, "filter = \"(cn=x)\"", "[directory.groups]", &["`base` is missing"]);
    check("[\"dc=example,dc=com\"]", "[\"x\"]", "\"x\"", &["distinguished name"]);
    check("name = \"corp\"", "name = \"a/b\"", "\"a/b\"", &["no name"]);
    check("name = \"corp\"\n", "", "[[directory]]", &["`name` is missing in [directory]"]);
    check(base, &format!("{base}\nusername = \"u id\""), "\"u id\"", &["no attribute"]);
}

#[test]
fn a_bad_filter_is_shown_at_the_byte_that_is_wrong() {
    let base = "base = \"ou=people,dc=example,dc=com\"";
    let text = LEAST.replace(base, &format!("{base}\nfilter = \"(&(cn=a)(!))\""));
    let problems = refused(&text);
    let [problem] = problems.items() else { panic!("{problems}") };
    let value = text.find("\"(&(cn").unwrap();
    assert!(problem.span.start > value + 1 && problem.span.len() <= 1, "{problems}");
    assert!(problem.message.starts_with("not a filter"), "{problems}");
}

#[test]
fn urls_of_servers_are_checked_one_by_one() {
    let urls = "urls = [\"ldap://127.0.0.1:3891\"]";
    check(urls, "urls = []", "[]", &["`urls` is empty"]);
    check(urls, "urls = [\"ldap://[::1]\", \"http://x\"]", "http", &["neither ldap nor ldaps"]);
    check(urls, "urls = [\"ldap://h:99999\"]", "\"ldap://h:99999\"", &["1 and 65535"]);
    check(urls, "urls = [\"ldap://h/dc=x\"]", "/dc=x", &["only a host and a port"]);
}

#[test]
fn the_service_account_has_a_name_and_one_password() {
    let account = "{ dn = \"cn=gateway,dc=example,dc=com\", password_file = \"/p\" }";
    check(
        account,
        "{ password_file = \"/p\" }",
        "{ password_file = \"/p\" }",
        &["`dn` is missing"],
    );
    check(account, "{ dn = \"cn=g\" }", "{ dn = \"cn=g\" }", &["`password_file` is missing"]);
    check(account, "{ dn = \"\", password_env = \"P\" }", "\"\"", &["has no name"]);
    let both = "{ dn = \"cn=g\", password_file = \"/p\", password_env = \"P\" }";
    check(account, both, "\"/p\"", &["side by side"]);
    check(
        &format!("service_account = {account}"),
        "",
        "[[directory]]",
        &["`service_account` is missing"],
    );
    let (config, _) = sound(&LEAST.replace(account, "{ dn = \"cn=g\", password_env = \"P\" }"));
    let source = SecretSource::Environment("P".to_owned());
    assert_eq!(config.directories[0].upstream.service_password, source);
}

#[test]
fn two_directories_share_neither_name_nor_suffix_nor_the_default() {
    let first = LEAST.replace("name = \"corp\"", "name = \"corp\"\ndefault = true");
    let second = first.replace("[[directory]]", "# second\n[[directory]]");
    let problems = refused(&format!("{first}{second}"));
    let said: Vec<_> = problems.items().iter().map(|p| p.message.as_str()).collect();
    assert_eq!(said.len(), 3, "{problems}");
    for part in ["called \"corp\"", "is the default", "has this suffix"] {
        assert!(said.iter().any(|message| message.contains(part)), "{part} {problems}");
    }
    let other = LEAST
        .replace("dc=example", "dc=other")
        .replace("name = \"corp\"", "name = \"other\"\ndefault = true");
    let (config, _) = sound(&format!("{LEAST}{other}"));
    let marked: Vec<_> = config.directories.iter().map(|d| d.policy.is_default).collect();
    assert_eq!(marked, [false, true]);
}

#[test]
fn user_types_have_names_of_their_own_and_an_overlap_is_a_warning() {
    let again =
        "[[directory.user_type]]\nname = \"Staff\"\nbase = \"OU=People, DC=example,DC=com\"\n";
    let problems = refused(&format!("{LEAST}{again}"));
    assert!(
        problems.items().iter().any(|p| p.message.contains("called \"Staff\" already")),
        "{problems}"
    );
    let (_, warnings) = sound(&format!("{LEAST}{}", again.replace("Staff", "guests")));
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(warnings[0].severity, Severity::Warning);
    assert!(warnings[0].message.contains("same base and filter"), "{warnings:?}");
}

#[test]
fn doubtful_settings_are_warnings() {
    let warns = |text: &str, words: &str| {
        let (_, warnings) = sound(text);
        assert!(warnings.iter().any(|w| w.message.contains(words)), "{words}: {warnings:?}");
    };
    warns(&LEAST.replace("127.0.0.1:3891", "dc1.example.com"), "in clear text");
    warns(&LEAST[..LEAST.find("[[directory.user_type]]").unwrap()], "without a user type");
}

#[test]
fn a_file_that_is_not_there_is_one_problem_with_its_path() {
    let problems = config::load(Path::new("/nonexistent/bindgate.toml")).unwrap_err();
    let shown = problems.render_with(Paint::Plain);
    assert!(shown.contains("/nonexistent/bindgate.toml cannot be read"), "{shown}");
    assert!(shown.contains("--config"), "{shown}");
}

#[test]
fn files_that_the_configuration_names_are_looked_at_when_it_is_loaded() {
    let folder = Folder::new("config-files");
    let account = "password_file = \"/p\"";
    let tls = "[listen]\nldaps = [\"127.0.0.1:0\"]\n[listen.tls]\ncertificate = \"c.pem\"\n\
               private_key = \"k.pem\"\n[[directory]]";
    let text = LEAST.replace(account, "password_file = \"pw\"").replace("[[directory]]", tls);
    let path = folder.write("bindgate.toml", &text);
    let problems = config::load(&path).unwrap_err();
    let lines: Vec<_> = problems.items().iter().map(|p| p.line).collect();
    assert_eq!(lines, [5, 6, 11], "{problems}");

    folder.write("c.pem", "-----BEGIN CERTIFICATE-----\n");
    folder.write("k.pem", "no key\n");
    folder.write("pw", "\n");
    let problems = config::load(&path).unwrap_err();
    let said: Vec<_> = problems.items().iter().map(|p| p.message.as_str()).collect();
    assert!(said[0].ends_with("holds no private key"), "{problems}");
    assert!(said[1].ends_with("holds no password"), "{problems}");

    folder.write("k.pem", "-----BEGIN PRIVATE KEY-----\n");
    folder.write("pw", "secret\n");
    assert!(config::load(&path).is_ok());
    let report = config::check(&path).unwrap();
    assert_eq!(report, format!("{}: ok\n", path.display()));
}

#[test]
fn every_section_of_the_table_stands_in_the_reference() {
    let reference = config::reference();
    for section in SECTIONS {
        assert!(reference.contains(&format!("[{}]", section.name)), "{}", section.name);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>()) {
        let _ = config::parse(&text, "x.toml").map_err(|problems| problems.render_with(Paint::Plain));
    }

    #[test]
    fn no_damage_to_a_sound_file_makes_the_reader_panic(
        at in 0..OPENLDAP.len(), length in 0..40_usize, with in "[\\[\\]{}=\"'a-z0-9.\n#ä]{0,6}",
    ) {
        let end = OPENLDAP.floor_char_boundary(at + length);
        let at = OPENLDAP.floor_char_boundary(at).min(end);
        let text = format!("{}{with}{}", &OPENLDAP[..at], &OPENLDAP[end..]);
        if let Err(problems) = config::parse(&text, "x.toml") {
            prop_assert!(problems.has_errors());
            prop_assert!(problems.render_with(Paint::Plain).contains("x.toml:"));
        }
    }
}
