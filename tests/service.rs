//! The gateway under a service manager: what it tells it, the unit that is shipped, completions and
//! manual pages.
//!
//! Method: a socket stands for the manager, which is not needed to run; `systemd-analyze` reads the unit.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use support::PATIENCE;
use support::folder::TestFolder;
use support::gateway::{BINDGATE, Gateway};
use support::settings::quoted;
use support::slapd::Slapd;
use support::tools::Said;
use support::tree::{self, person};

/// Reads what the manager is told until there is something that begins like this.
#[track_caller]
fn told(socket: &UnixDatagram, wanted: &str) -> String {
    let mut bytes = [0; 4096];
    loop {
        let length = socket.recv(&mut bytes).unwrap_or_else(|error| panic!("{wanted}: {error}"));
        let text = String::from_utf8(bytes[..length].to_vec()).unwrap();
        if text.starts_with(wanted) {
            return text;
        }
        assert_eq!(text, "WATCHDOG=1", "before {wanted}");
    }
}

#[test]
fn the_service_manager_is_told_of_the_start_each_reload_the_end_and_that_all_is_well() {
    let (slapd, folder) = (Slapd::start(), TestFolder::new("manager"));
    let path = folder.file("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut gateway = Gateway::configured(slapd.port(), |settings, _| {
        settings.preload("NOTIFY_SOCKET", path.display().to_string());
        settings.preload("WATCHDOG_USEC", "1000000".to_owned());
    });
    told(&socket, "READY=1");
    told(&socket, "WATCHDOG=1");
    assert_eq!(gateway.sign_on(&person("ann"), tree::password("ann")), 0);
    gateway.rewrite(|settings| settings.set("[log]", "level", quoted("info")), "");
    gateway.hang_up();
    let reloading = told(&socket, "RELOADING=1");
    let since = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
    assert!(since.parse::<u64>().is_ok_and(|microseconds| microseconds > 0), "{reloading}");
    told(&socket, "READY=1");
    gateway.terminate();
    told(&socket, "STOPPING=1");
    assert_eq!(gateway.wait().code(), Some(0));
}

fn analyze(arguments: &[&str]) -> Said {
    let output = Command::new("systemd-analyze").args(arguments).output();
    let output = output.unwrap_or_else(|error| {
        panic!("systemd-analyze: {error}: run `make test`, or `apt-get install systemd`")
    });
    Said::from_output(output)
}

#[test]
fn the_unit_is_sound_and_gives_away_little() {
    let folder = TestFolder::new("unit");
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("dist/bindgate.service");
    let text = std::fs::read_to_string(unit).unwrap();
    // The program is not installed here, and nobody of its name lives here.
    let text = text.replace("/usr/bin/bindgate", BINDGATE);
    let unit = folder.write("bindgate.service", text).display().to_string();
    let said = analyze(&["verify", "--man=no", &unit]);
    assert!(said.code == 0 && !said.err.contains("bindgate.service"), "{}{}", said.out, said.err);
    let said = analyze(&["security", "--offline=yes", "--threshold=20", "--no-pager", &unit]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
}

fn bindgate(arguments: &[&str]) -> String {
    Said::from_output(Command::new(BINDGATE).args(arguments).output().unwrap()).expect_code(0)
}

#[test]
fn a_shell_completes_commands_and_flags() {
    let folder = TestFolder::new("completions");
    for shell in ["bash", "zsh", "fish"] {
        assert!(bindgate(&["completions", shell]).contains("accept-rollback"), "{shell}");
    }
    let script = folder.write("bindgate.bash", bindgate(&["completions", "bash"]));
    let line = format!(
        "source {}; COMP_WORDS=(bindgate user ex); COMP_CWORD=2; \
         _bindgate bindgate ex user; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        script.display()
    );
    let said = Said::from_output(Command::new("bash").args(["-c", &line]).output().unwrap());
    assert_eq!(said.expect_code(0), "explain\n");
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = TestFolder::new("man");
    let pages = folder.file("man1").display().to_string();
    let written = bindgate(&["man", &pages]);
    for page in ["bindgate.1", "bindgate-init.1", "bindgate-user-explain.1", "bindgate-restore.1"] {
        assert!(written.lines().any(|line| line.ends_with(&format!("/{page}"))), "{written}");
    }
    for page in written.lines() {
        let text = std::fs::read_to_string(page).unwrap();
        assert!(text.contains(".TH") && text.contains("SYNOPSIS"), "{page}: {text}");
    }
}
