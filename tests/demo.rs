//! Goal: the README's first command does what it prints. Method: the real binary, in a temporary
//! folder whose name a careless program trips over, and a shell that is given the printed lines.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use support::eventually;
use support::folder::TestFolder;
use support::gateway::BINDGATE;
use support::process::Process;
use support::tools::Said;

/// A folder for temporary files with a name that has to be quoted.
fn odd_folder(folder: &TestFolder) -> PathBuf {
    let path = folder.file("odd 'name' \"\\ $HOME");
    std::fs::create_dir(&path).expect("a folder can be made");
    path
}

#[track_caller]
fn expect_empty(folder: &Path) {
    let left: Vec<_> = std::fs::read_dir(folder).expect("it is there").flatten().collect();
    assert!(left.is_empty(), "{left:?}");
}

fn demo(arguments: &[&str], temporary: &Path) -> Command {
    let mut command = Command::new(BINDGATE);
    command.arg("demo").args(arguments).env("TMPDIR", temporary);
    command
}

#[test]
fn once_shows_two_people_with_their_groups_and_leaves_nothing_behind() {
    let folder = TestFolder::new("demo-once");
    let temporary = odd_folder(&folder);
    let out = demo(&["--once"], &temporary).output().expect("the demo can be started");
    let out = Said::from_output(out).expect_code(0);
    for part in ["ann signed on", "bob signed on", "-> cn=engineering", "nested, 2 groups between"]
    {
        assert!(out.contains(part), "no {part:?} in\n{out}");
    }
    expect_empty(&temporary);
}

/// A port that was free a moment before could be the other one's when it was bound, and one of two
/// demos that began together ended with 69; it looks for other ports now.
#[test]
fn many_demos_that_begin_together_all_find_ports() {
    let folder = TestFolder::new("demo-many");
    let quiet = || std::process::Stdio::null();
    let begin = |_| {
        let mut command = demo(&["--once"], folder.path());
        command.stdout(quiet()).stderr(quiet()).spawn().expect("the demo can be started")
    };
    let demos: Vec<_> = (0..8).map(begin).collect();
    for mut demo in demos {
        assert_eq!(demo.wait().expect("it ends").code(), Some(0));
    }
    expect_empty(folder.path());
}

/// A reader that closes early, as `head` does, made the demo panic in the middle.
#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let folder = TestFolder::new("demo-pipe");
    let mut child = demo(&["--once"], folder.path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the demo can be started");
    drop(child.stdout.take());
    Said::from_output(child.wait_with_output().expect("it ends")).expect_code(0);
    expect_empty(folder.path());
}

/// The lines said `bindgate`, which is on nobody's path after `cargo run`, and left it to the
/// reader what to type after the change in the directory.
#[test]
fn the_printed_lines_do_what_they_say_when_a_shell_is_given_them() {
    let folder = TestFolder::new("demo");
    let temporary = odd_folder(&folder);
    let variable = format!("TMPDIR={}", temporary.display());
    let log = folder.file("demo.log");
    let arguments = [variable.as_str(), BINDGATE, "demo"];
    let mut process = Process::start("demo", Path::new("/usr/bin/env"), &arguments, &log);
    let printed = eventually("the demo says what to try", || {
        Some(process.log()).filter(|log| log.contains("Ctrl-C ends it."))
    });
    let from = printed.find("export ").expect("the exports are printed");
    let lines = printed[from..].replace("Ctrl-C ends it.", "");
    let mut shell = Command::new("sh");
    shell.args(["-e", "-c", &lines]).current_dir("/").env("LDAPCONF", "/dev/null");
    let output = shell.output().expect("a shell can be started");
    let out = Said::from_output(output).expect_code(0);
    let (before, after) = out.split_once("modifying entry").expect("the directory was changed");
    assert!(before.contains("-> cn=platform"), "{out}");
    assert!(!after.contains("-> cn=platform"), "{out}");
    assert!(after.contains("wiki-editors") && after.contains("update-on-sign-on is off"), "{out}");
    process.terminate();
    assert_eq!(process.wait().code(), Some(0));
    expect_empty(&temporary);
}
