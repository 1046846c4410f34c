//! A proxy on loopback that breaks connections on their way to a directory, as it is told.
//!
//! Its threads end with the connections that they serve, at the latest with the test's process.

use socket2::SockRef;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// Fewer bytes than any message has.
const BEGUN: usize = 5;

/// What becomes of what the directory sends, on all connections, those that there are included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It passes.
    None,
    /// It is kept back; once this is over, it passes.
    Stall,
    /// It passes so much later.
    Delay(Duration),
    /// Both directions are closed in its place.
    Cut,
    /// The connection is reset in its place.
    Reset,
    /// The first bytes of a message pass, then the connection is closed.
    Half,
    /// Another first byte passes in its place.
    Corrupt,
    /// The directory's direction alone is closed in its place.
    HalfClose,
}

struct State {
    fault: Fault,
    links: Vec<(TcpStream, TcpStream)>,
    accepted: usize,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The fault to be applied: whatever it is once nothing is stalled any more.
    fn settled(&self) -> Fault {
        let state = self.state();
        self.changed.wait_while(state, |state| state.fault == Fault::Stall).unwrap().fault
    }
}

/// A listening proxy.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

impl Proxy {
    /// A proxy in front of the server at `upstream` on 127.0.0.1.
    pub(crate) fn before(upstream: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = State { fault: Fault::None, links: Vec::new(), accepted: 0 };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let of_listener = shared.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                serve(client, upstream, &of_listener);
            }
        });
        Self { port, shared }
    }

    /// From now on this is what happens.
    pub(crate) fn set(&self, fault: Fault) {
        self.shared.state().fault = fault;
        self.shared.changed.notify_all();
    }

    /// Closes all connections that there are.
    pub(crate) fn cut_all(&self) {
        for (client, server) in self.shared.state().links.drain(..) {
            let _ = (client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
        }
    }

    /// How many connections were made.
    pub(crate) fn accepted(&self) -> usize {
        self.shared.state().accepted
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.set(Fault::Cut);
        self.cut_all();
    }
}

fn serve(client: TcpStream, upstream: u16, shared: &Arc<Shared>) {
    shared.state().accepted += 1;
    // Without a server behind it, the connection ends at once.
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, upstream)) else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let copies = (client.try_clone().unwrap(), server.try_clone().unwrap());
    shared.state().links.push((client.try_clone().unwrap(), server.try_clone().unwrap()));
    let (mut from_client, mut to_server) = copies;
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Both);
    });
    let shared = shared.clone();
    std::thread::spawn(move || back(server, client, &shared));
}

/// The directory's direction.
fn back(mut server: TcpStream, mut client: TcpStream, shared: &Shared) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = server.read(&mut buffer) {
        let bytes = &mut buffer[..count];
        let passed = match shared.settled() {
            Fault::None | Fault::Stall => client.write_all(bytes),
            Fault::Delay(time) => {
                std::thread::park_timeout(time);
                client.write_all(bytes)
            }
            Fault::Corrupt => {
                bytes[0] ^= 0x55;
                client.write_all(bytes)
            }
            Fault::Half => {
                let _ = client.write_all(&bytes[..count.min(BEGUN)]);
                break;
            }
            Fault::Reset => {
                // The last handle's close then resets, so that the others go first.
                let _ = SockRef::from(&client).set_linger(Some(Duration::ZERO));
                shared
                    .state()
                    .links
                    .retain(|(kept, _)| kept.peer_addr().ok() != client.peer_addr().ok());
                // Ends the other direction's thread, which has a handle too.
                let _ = (client.shutdown(Shutdown::Read), server.shutdown(Shutdown::Both));
                return;
            }
            Fault::HalfClose => {
                let _ = client.shutdown(Shutdown::Write);
                return;
            }
            Fault::Cut => break,
        };
        if passed.is_err() {
            break;
        }
    }
    let _ = (client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
}
