//! What the gateway counts, as it tells it.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

/// All metrics of the gateway that is administered there.
pub(crate) fn metrics(admin: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(admin)?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

/// The value of a metric of the one directory there is; 0 if it is not there yet.
pub(crate) fn value(metrics: &str, name: &str) -> u64 {
    let mut lines = metrics.lines().filter(|line| line.starts_with(name));
    let text = lines.find_map(|line| line.strip_prefix(name)?.split_once("} "));
    text.and_then(|(_, value)| value.parse::<f64>().ok()).map_or(0, |value| value as u64)
}
