//! A server as a child process: its output goes to a file, and it dies with the test.

use super::eventually;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

/// How many lines of a server's output a panicking test shows.
const SHOWN_LINES: usize = 40;

/// A running child.
pub struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `program`; both outputs are appended to `log`.
    pub fn start(name: &'static str, program: &Path, args: &[&str], log: &Path) -> Self {
        Self::start_with(name, program, args, &[], log)
    }

    /// The same, with these variables in its environment.
    pub fn start_with(
        name: &'static str,
        program: &Path,
        args: &[&str],
        environment: &[(&'static str, String)],
        log: &Path,
    ) -> Self {
        let out = File::options().create(true).append(true).open(log).expect("log can be opened");
        let err = out.try_clone().expect("a file handle can be copied");
        let child = mortal(program)
            .args(args)
            .env_remove("BINDGATE_CONFIG")
            .env_remove("LDAPCONF")
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        Self { name, child, log: log.to_owned() }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// All that it has written so far.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// How it ended, if it did.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// Asks it to end, as an operator or a service manager would.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends it a signal.
    #[track_caller]
    pub fn signal(&self, name: &str) {
        let (signal, pid) = (format!("-{name}"), self.child.id().to_string());
        let status = Command::new("kill").args([&signal, &pid]).status();
        assert!(status.is_ok_and(|status| status.success()), "kill {signal} {pid} failed");
    }

    /// Asks it to read its files again.
    pub fn hang_up(&self) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args(["-HUP", &pid]).status();
        assert!(status.is_ok_and(|status| status.success()), "kill -HUP {pid} failed");
    }

    /// Whether it has a handler for SIGTERM, as Linux tells of it.
    pub fn catches_term(&self) -> bool {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        caught.is_some_and(|mask| mask & 1 << (15 - 1) != 0)
    }

    /// Where `bindgate demo` of this process keeps what it writes.
    pub fn demo_folder(&self) -> PathBuf {
        std::env::temp_dir().join(format!("bindgate-demo-{}-0", self.child.id()))
    }

    /// Whether it has a thread of that name, as Linux tells of it.
    pub fn has_thread(&self, name: &str) -> bool {
        let Ok(threads) = std::fs::read_dir(format!("/proc/{}/task", self.child.id())) else {
            return false;
        };
        let named = |path: PathBuf| std::fs::read_to_string(path.join("comm"));
        threads.flatten().any(|thread| named(thread.path()).is_ok_and(|comm| comm.trim() == name))
    }

    /// Kills it without warning and waits until it is gone.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits until it has ended by itself.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        let name = self.name;
        eventually(&format!("{name} ends"), || self.exited())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let tail = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
            eprintln!("---- last lines of {}:\n{}\n----", self.name, tail.join("\n"));
        }
    }
}

/// A command whose process is killed by the kernel when the test's thread ends in any way, where
/// util-linux can arrange that; elsewhere dropping has to do.
fn mortal(program: &Path) -> Command {
    let setpriv = Path::new("/usr/bin/setpriv");
    if !setpriv.exists() {
        return Command::new(program);
    }
    let mut command = Command::new(setpriv);
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}
