//! The real HAProxy before servers on loopback, which take turns.

use super::eventually;
use super::folder::{TestFolder, free_port};
use super::process::Process;
use super::raw::Raw;
use std::net::Ipv4Addr;
use std::path::Path;

const HAPROXY: &str = "/usr/sbin/haproxy";
const HINT: &str = "haproxy is missing: run `make test`, or `apt-get install haproxy`";

/// A running HAProxy.
pub struct Haproxy {
    port: u16,
    _process: Process,
    _folder: TestFolder,
}

impl Haproxy {
    /// Before these servers; `options` stand in the line of each.
    pub fn before(servers: &[u16], options: &str) -> Self {
        assert!(Path::new(HAPROXY).exists(), "{HINT}");
        let (port, folder) = (free_port(), TestFolder::new("haproxy"));
        let servers: String = servers
            .iter()
            .map(|server| format!(" server s{server} 127.0.0.1:{server} {options}\n"))
            .collect();
        let text = format!(
            "defaults\n mode tcp\n timeout connect 10s\n timeout client 60s\n timeout server 60s\n\
             listen ldap\n bind 127.0.0.1:{port}\n balance roundrobin\n{servers}"
        );
        let config = folder.write("haproxy.cfg", text).display().to_string();
        let (log, arguments) = (folder.file("haproxy.log"), ["-db", "-f", &config]);
        let process = Process::start("haproxy", Path::new(HAPROXY), &arguments, &log);
        eventually("haproxy listens", || Raw::try_connect(port).ok());
        Self { port, _process: process, _folder: folder }
    }

    /// Where it listens on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A connection from that address.
    pub fn connect_from(&self, client: Ipv4Addr) -> Raw {
        Raw::try_connect_from(client, self.port).expect("haproxy takes connections")
    }
}
