//! A wire tap between the gateway and its directory: it keeps what the gateway sent, and can hold
//! the directory's answers back.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

/// What the tap knows.
#[derive(Default)]
struct State {
    sent: Vec<u8>,
    connections: usize,
    held: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn with<T>(&self, use_it: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let result = use_it(&mut state);
        self.changed.notify_all();
        result
    }

    fn wait_while_held(&self) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.changed.wait_while(state, |state| state.held));
    }
}

/// A listening tap. Its threads end with the connections that they serve, at the latest with the
/// test's process.
pub struct Tap {
    port: u16,
    shared: Arc<Shared>,
}

impl Tap {
    /// A tap in front of the server at `upstream` on 127.0.0.1.
    pub fn before(upstream: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a port");
        let port = listener.local_addr().expect("a listener has an address").port();
        let shared = Arc::new(Shared::default());
        let of_listener = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                serve(client, upstream, &of_listener);
            }
        });
        Self { port, shared }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// All bytes that were sent to the directory so far, over all connections.
    pub fn sent(&self) -> Vec<u8> {
        self.shared.with(|state| state.sent.clone())
    }

    /// Whether `needle` was sent to the directory.
    pub fn has_sent(&self, needle: &[u8]) -> bool {
        self.sent().windows(needle.len()).any(|window| window == needle)
    }

    /// How many connections were made to the directory.
    pub fn connections(&self) -> usize {
        self.shared.with(|state| state.connections)
    }

    /// Keeps the directory's answers back from now on.
    pub fn hold(&self) {
        self.shared.with(|state| state.held = true);
    }

    /// Lets the directory's answers through again.
    pub fn release(&self) {
        self.shared.with(|state| state.held = false);
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.release();
    }
}

fn serve(client: TcpStream, upstream: u16, shared: &Arc<Shared>) {
    shared.with(|state| state.connections += 1);
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, upstream)) else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (Ok(client_side), Ok(server_side)) = (client.try_clone(), server.try_clone()) else {
        return;
    };
    let recorder = Arc::clone(shared);
    thread::spawn(move || {
        copy(client_side, server_side, |bytes| {
            recorder.with(|state| state.sent.extend_from_slice(bytes));
        });
    });
    let gate = Arc::clone(shared);
    thread::spawn(move || copy(server, client, |_| gate.wait_while_held()));
}

fn copy(mut from: TcpStream, mut to: TcpStream, mut before_each: impl FnMut(&[u8])) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        before_each(&buffer[..count]);
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = (to.shutdown(Shutdown::Both), from.shutdown(Shutdown::Both));
}
