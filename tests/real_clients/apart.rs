//! A program with processes, shared memory and mounts of its own: whatever it leaves behind goes with
//! it, also if it is killed, and what it finds at fixed paths is the test's.

use crate::support::process::Process;
use std::path::{Path, PathBuf};

/// Mounts come before the command, each in three words: how, what, and where.
const SCRIPT: &str = "
while [ \"$1\" != -- ]; do
    case \"$1\" in
        instead) mount --bind \"$2\" \"$3\" ;;
        beside) mount -t overlay -o \"lowerdir=$2:$3\" overlay \"$3\" ;;
    esac
    shift 3
done
shift
exec \"$@\"";

/// Where it finds a folder.
pub(crate) enum Mount {
    /// In another one's place.
    Instead(PathBuf, &'static str),
    /// As if all in it had been added to another one, which nobody can write then.
    Beside(PathBuf, &'static str),
}

/// Starts a command so.
pub(crate) fn start(name: &'static str, mounts: &[Mount], command: &[&str], log: &Path) -> Process {
    let unshare = ["--mount", "--pid", "--ipc", "--fork", "--kill-child=KILL", "--"];
    let mut args: Vec<String> = unshare.map(str::to_owned).to_vec();
    args.extend(["/bin/sh", "-ec", SCRIPT, "sh"].map(str::to_owned));
    for mount in mounts {
        let (how, what, place) = match mount {
            Mount::Instead(what, place) => ("instead", what, place),
            Mount::Beside(what, place) => ("beside", what, place),
        };
        args.extend([how.to_owned(), what.display().to_string(), (*place).to_owned()]);
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
