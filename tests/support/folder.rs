//! Temporary folders, and ports that nobody else takes meanwhile.

use std::fs::Permissions;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Ports are given out below the range from which the kernel takes those of outgoing connections,
/// so that a port which was free a moment ago, or whose server restarts, is still free.
const FIRST_PORT: u32 = 10_000;
const PORTS: u32 = 20_000;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A folder that is removed when it is dropped.
pub struct TestFolder(PathBuf);

impl TestFolder {
    /// An empty folder of its own.
    pub fn new(purpose: &str) -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("bindgate-test-{}-{number}-{purpose}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("the temporary folder can be written");
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The path of a file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Keeps a copy of some of what is in it.
    pub fn back_up(&self, names: &[&str]) {
        for name in names {
            copy(&self.file(name), &self.file(&format!("backup-{name}")));
        }
    }

    /// Puts what was kept in the place of what is there.
    pub fn set_back(&self, names: &[&str]) {
        for name in names {
            std::fs::remove_dir_all(self.file(name)).expect("it is there");
            copy(&self.file(&format!("backup-{name}")), &self.file(name));
        }
    }

    /// Writes a file into it, for its owner's eyes only, and gives its path.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.file(name);
        std::fs::write(&path, content).expect("the temporary folder can be written");
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("it is ours");
        path
    }
}

impl Drop for TestFolder {
    fn drop(&mut self) {
        // What cannot be removed is left to the system's own tidying of temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A port on 127.0.0.1 that nobody listens on.
pub fn free_port() -> u16 {
    let offset = std::process::id().wrapping_mul(97);
    for _ in 0..PORTS {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = (FIRST_PORT + offset.wrapping_add(step) % PORTS) as u16;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("all of {PORTS} ports are taken");
}

/// Copies a folder with all that is in it.
pub fn copy(from: &Path, to: &Path) {
    let copied = std::process::Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(copied.is_ok_and(|status| status.success()), "{} can be copied", from.display());
}
