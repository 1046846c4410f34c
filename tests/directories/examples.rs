//! The examples in `config/examples`, as they stand there but for addresses and paths, each before a
//! directory of its kind.

use super::tree;
use super::world::{Directory, Kind};
use crate::support::eventually;
use crate::support::folder::{TestFolder, free_port};
use crate::support::gateway::BINDGATE;
use crate::support::process::Process;
use crate::support::raw::Raw;
use crate::support::tree::SERVICE_PASSWORD;
use std::path::Path;

/// The example with what is this machine's own.
fn filled(example: &str, directory: &Directory, folder: &TestFolder, port: u16) -> String {
    let password = folder.write("corp.password", SERVICE_PASSWORD).display().to_string();
    let store = folder.file("store").display().to_string();
    let token = folder.file("admin.token").display().to_string();
    let mut text = example.to_owned();
    let mut put = |old: &str, new: &str| {
        assert!(text.contains(old), "{old} stands in the example");
        text = text.replace(old, new);
    };
    put("/etc/bindgate/corp.password", &password);
    put("/var/lib/bindgate", &store);
    put("127.0.0.1:3890", &format!("127.0.0.1:{port}"));
    match directory {
        Directory::Samba(samba) => {
            put("ldaps://127.0.0.2", &samba.secure_url());
            let authority = std::fs::read(samba.authority()).expect("it is there");
            let authority = folder.write("ca.pem", authority).display().to_string();
            put("/etc/bindgate/corp-ca.pem", &authority);
        }
        _ => put("ldap://127.0.0.1:3891", &directory.url()),
    }
    let admin = free_port();
    text + &format!("\n[admin]\nlisten = \"127.0.0.1:{admin}\"\ntoken_file = \"{token}\"\n")
}

#[track_caller]
fn check(kind: Kind, example: &str) {
    let (directory, folder, port) = (kind.start(), TestFolder::new("example"), free_port());
    let text = filled(example, &directory, &folder, port);
    let config = folder.write("bindgate.toml", text).display().to_string();
    let log = folder.file("bindgate.log");
    let args = ["run", "--config", &config];
    let mut gateway = Process::start("bindgate", Path::new(BINDGATE), &args, &log);
    let mut raw = eventually("the gateway takes connections", || {
        assert!(gateway.exited().is_none(), "{}", gateway.log());
        Raw::try_connect(port).ok()
    });
    assert_eq!(raw.bind(&tree::person("erin"), "pw-erin"), 0, "{}", gateway.log());
    eventually("the sign-on is told of", || {
        gateway.log().contains("outcome=created added=2 ").then_some(())
    });
}

#[test]
fn the_example_for_openldap_works() {
    check(Kind::Slapd, include_str!("../../config/examples/openldap.toml"));
}

#[test]
fn the_example_for_active_directory_works() {
    check(Kind::Samba, include_str!("../../config/examples/active-directory.toml"));
}

#[test]
fn the_example_for_389_ds_works() {
    check(Kind::Ds389, include_str!("../../config/examples/389ds.toml"));
}
