//! What a service manager is told (sd_notify(3)): that the gateway serves, reads its files again, ends,
//! and is alive. Without one nothing is sent.

use rustix::time::{ClockId, clock_gettime};
use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// Where the manager listens.
const SOCKET_VARIABLE: &str = "NOTIFY_SOCKET";
/// After how many microseconds without a sign of life it restarts the gateway.
const WATCHDOG_VARIABLE: &str = "WATCHDOG_USEC";
/// For which process that holds.
const WATCHED_VARIABLE: &str = "WATCHDOG_PID";

/// The service manager, if there is one.
#[derive(Default)]
pub(super) struct Manager {
    socket: Option<(UnixDatagram, SocketAddr)>,
    /// How often it wants to hear that the gateway is alive.
    pub(super) interval: Option<Duration>,
}

impl Manager {
    /// The one that started this process.
    pub(super) fn of_environment() -> Self {
        let Some(name) = std::env::var_os(SOCKET_VARIABLE) else { return Self::default() };
        let socket = UnixDatagram::unbound().ok().zip(address(&name));
        let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
        let is_ours =
            number(WATCHED_VARIABLE).is_none_or(|pid: u64| pid == u64::from(std::process::id()));
        let microseconds = number(WATCHDOG_VARIABLE).filter(|limit| *limit > 0 && is_ours);
        // Half of what it waits, as the manual has it.
        let interval = microseconds.map(|limit| Duration::from_micros(limit) / 2);
        Self { socket, interval }
    }

    pub(super) fn ready(&self) {
        self.tell("READY=1");
    }

    /// Files are read again, from now until it is told that the gateway is ready.
    pub(super) fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let microseconds = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1000;
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={microseconds}"));
    }

    pub(super) fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    pub(super) fn alive(&self) {
        self.tell("WATCHDOG=1");
    }

    fn tell(&self, state: &str) {
        if let Some((socket, address)) = &self.socket {
            // A manager that does not listen is no reason not to serve.
            let _ = socket.send_to_addr(state.as_bytes(), address);
        }
    }
}

/// A path, or a name without one behind an `@`.
fn address(name: &OsStr) -> Option<SocketAddr> {
    match name.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name).ok(),
        None => SocketAddr::from_pathname(name).ok(),
    }
}
