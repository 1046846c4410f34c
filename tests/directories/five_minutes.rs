//! `scripts/five-minutes`: from a fresh directory to a gateway in front of it, by commands alone.

use super::tree;
use super::world::{Directory, Kind};
use crate::support::folder::{TestFolder, free_port};
use crate::support::gateway::BINDGATE;
use crate::support::tools::Said;
use crate::support::tree::{ADMIN, ADMIN_PASSWORD, SERVICE, SERVICE_PASSWORD};
use crate::support::{ds389, samba};
use std::path::Path;
use std::process::{Command, Stdio};

/// Who may change groups, and the password.
fn manager(directory: &Directory) -> (&'static str, &'static str) {
    match directory {
        Directory::Slapd(_) => (ADMIN, ADMIN_PASSWORD),
        Directory::Samba(_) => (samba::ADMINISTRATOR, samba::PASSWORD),
        Directory::Ds389(_) => (ds389::MANAGER, ds389::MANAGER_PASSWORD),
    }
}

#[track_caller]
fn check(kind: Kind) {
    let (directory, folder) = (kind.start(), TestFolder::new("five-minutes"));
    let (manager, manager_password) = manager(&directory);
    let secret = |name: &str, text: &str| folder.write(name, text).display().to_string();
    let address = || format!("127.0.0.1:{}", free_port());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/five-minutes");
    let mut command = Command::new(script);
    match &directory {
        Directory::Samba(samba) => {
            command.arg(samba.secure_url()).arg("--ca").arg(samba.authority());
            command.env("LDAPTLS_CACERT", samba.authority());
        }
        other => drop(command.arg(other.url())),
    }
    let output = command
        .env("BINDGATE", BINDGATE)
        .env("FOLDER", folder.path())
        .env("LISTEN", address())
        .env("ADMIN", address())
        .env("ACCOUNT", SERVICE)
        .env("ACCOUNT_PASSWORD", secret("account.password", SERVICE_PASSWORD))
        .env("MANAGER", manager)
        .env("MANAGER_PASSWORD", secret("manager.password", manager_password))
        .env("PERSON", tree::person("ann"))
        .env("PERSON_NAME", "ann")
        .env("PERSON_PASSWORD", secret("person.password", &tree::password("ann")))
        .env("GROUP", tree::group("B"))
        .env("LDAPCONF", "/dev/null")
        .stdin(Stdio::null())
        .output()
        .expect("the script can be started");
    let said = Said::from_output(output);
    assert_eq!(said.code, 0, "{}\n{}", said.out, said.err);
    assert!(said.out.ends_with("== done\n"), "{}", said.out);
}

#[test]
fn from_a_fresh_openldap_to_a_gateway_by_commands_alone() {
    check(Kind::Slapd);
}

#[test]
fn from_a_fresh_active_directory_to_a_gateway_by_commands_alone() {
    check(Kind::Samba);
}

#[test]
fn from_a_fresh_389_ds_to_a_gateway_by_commands_alone() {
    check(Kind::Ds389);
}
