//! A program with processes, shared memory and mounts of its own: whatever it leaves behind goes with
//! it, also if it is killed, and what it finds at fixed paths is the test's.

use crate::support::process::Process;
use std::path::Path;

/// The mounts come in pairs before the command: what, and where.
const SCRIPT: &str =
    "while [ \"$1\" != -- ]; do mount --bind \"$1\" \"$2\"; shift 2; done; shift; exec \"$@\"";

/// Starts a command so, with folders at places where others are.
pub(crate) fn start(
    name: &'static str,
    folders: &[(&Path, &str)],
    command: &[&str],
    log: &Path,
) -> Process {
    let unshare = ["--mount", "--pid", "--ipc", "--fork", "--kill-child=KILL", "--"];
    let mut args: Vec<String> = unshare.map(str::to_owned).to_vec();
    args.extend(["/bin/sh", "-ec", SCRIPT, "sh"].map(str::to_owned));
    for (what, place) in folders {
        args.extend([what.display().to_string(), (*place).to_owned()]);
    }
    args.push("--".to_owned());
    args.extend(command.iter().map(|part| (*part).to_owned()));
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    Process::start(name, Path::new("/usr/bin/unshare"), &args, log)
}

/// Waits until a server gives something; panics once it has ended.
#[track_caller]
pub(crate) fn wait<T>(server: &mut Process, mut look: impl FnMut() -> Option<T>) -> T {
    crate::support::eventually("the server is there", || {
        if let Some(status) = server.exited() {
            panic!("the server ended with {status}: {}", server.log());
        }
        look()
    })
}
