//! Open files: each of 10 000 clients takes one, here and in the servers.

use std::fs;
use std::process::Command;

/// What a process may have if nothing can be found out.
const USUAL: usize = 1024;

/// Takes as many descriptors as the system gives, for this process and those it starts, and says
/// how many those are. Where `prlimit` (util-linux) is missing, it stays at what there is.
pub(crate) fn raise_open_files() -> usize {
    let (soft, hard) = open_files();
    if soft < hard {
        let process = std::process::id().to_string();
        let limit = format!("--nofile={hard}:{hard}");
        // If that fails, fewer clients than wanted will do, and the table tells their number.
        let _ = Command::new("prlimit").args(["--pid", &process, &limit]).status();
    }
    open_files().0
}

/// The soft and the hard limit of this process.
fn open_files() -> (usize, usize) {
    let text = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files"));
    let mut numbers = line.unwrap_or_default().split_ascii_whitespace().map(str::parse);
    let mut next = || numbers.next().and_then(Result::ok).unwrap_or(USUAL);
    (next(), next())
}
