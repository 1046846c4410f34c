//! What a reload means to a connection: nothing, until a session begins on it.

use super::connection::Connection;
use crate::app::ports::Ports;
use tokio::io::{AsyncRead, AsyncWrite};

impl<P: Ports, S: AsyncRead + AsyncWrite + Unpin> Connection<P, S> {
    /// A session begins, with what is in force now.
    pub(super) fn follow_reload(&mut self) {
        let Some(successor) = self.gateway.successor() else { return };
        // Its directories are others, also where they have the same place among them.
        self.part();
        self.gateway = successor;
    }
}
