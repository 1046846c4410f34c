//! Programs that a bench starts, and the folder that they work in: both are gone when it ends.

use super::BenchError;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a program may take to open its port.
const START: Duration = Duration::from_secs(20);
/// How much of a program's output an error shows, in bytes.
const SHOWN: usize = 2000;
/// Where Debian puts servers, which is not on everybody's path.
const SERVERS: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

/// A folder that is removed with all it holds.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Makes an empty folder for this run.
    pub(crate) fn create() -> Result<Self, BenchError> {
        let path = std::env::temp_dir().join(format!("bindgate-bench-{}", std::process::id()));
        fs::create_dir(&path).map_err(BenchError::file(&path))?;
        Ok(Self(path))
    }

    /// Makes a folder within this one.
    pub(crate) fn within(&self, name: &str) -> Result<PathBuf, BenchError> {
        let path = self.path(name);
        fs::create_dir(&path).map_err(BenchError::file(&path))?;
        Ok(path)
    }

    /// The path of something in this folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed lies in the system's folder for temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A program that runs until this is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    output: PathBuf,
}

impl Process {
    /// Starts `command` and waits until it listens on `address`.
    pub(crate) fn start(
        name: &'static str,
        command: &mut Command,
        folder: &Path,
        address: SocketAddr,
    ) -> Result<Self, BenchError> {
        let output = folder.join("output");
        let file = File::create(&output).map_err(BenchError::file(&output))?;
        let errors = file.try_clone().map_err(BenchError::file(&output))?;
        let command = command.stdin(Stdio::null()).stdout(file).stderr(errors);
        let child = command.spawn().map_err(BenchError::file(command.get_program()))?;
        let mut process = Self { name, child, output };
        process.wait_for(address)?;
        Ok(process)
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    fn wait_for(&mut self, address: SocketAddr) -> Result<(), BenchError> {
        let deadline = Instant::now() + START;
        while TcpStream::connect(address).is_err() {
            let ended = matches!(self.child.try_wait(), Ok(Some(_)) | Err(_));
            if ended || Instant::now() > deadline {
                let output = fs::read(&self.output).unwrap_or_default();
                let shown = &output[output.len().saturating_sub(SHOWN)..];
                let output = String::from_utf8_lossy(shown).trim().to_owned();
                return Err(BenchError::NotStarted { program: self.name, output });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; nothing of what it leaves behind is kept.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command that is ended by the kernel when the bench is, however that comes about, if the system
/// has `setpriv` (util-linux).
pub(crate) fn bound_to_bench(program: impl AsRef<OsStr>) -> Command {
    match find("setpriv") {
        None => Command::new(program),
        Some(setpriv) => {
            let mut command = Command::new(setpriv);
            command.args(["--pdeathsig", "KILL", "--"]).arg(program);
            command
        }
    }
}

/// Looks for a program on the path and where servers usually are.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(SERVERS.map(PathBuf::from));
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// An address on loopback that nobody listens on.
pub(crate) fn free_address() -> Result<SocketAddr, BenchError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let address = listener.and_then(|listener| listener.local_addr());
    address.map_err(BenchError::file("127.0.0.1"))
}

/// Fills in a template: each `@NAME@` by its value.
pub(crate) fn render(template: &str, values: &[(&str, &dyn ToString)]) -> String {
    values.iter().fold(template.to_owned(), |text, (name, value)| {
        text.replace(&format!("@{name}@"), &value.to_string())
    })
}

/// Writes a file.
pub(crate) fn write(path: &Path, content: &str) -> Result<(), BenchError> {
    fs::write(path, content).map_err(BenchError::file(path))
}
