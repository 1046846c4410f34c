//! Reads of the root DSE, on their way to a directory and back.

use super::connection::Connection;
use super::outstanding::Way;
use crate::app::ports::Ports;
use crate::domain::channel::StartTls;
use crate::domain::root_dse::{self, Offer};
use crate::proto::ber::{self, Reader};
use crate::proto::envelope::Envelope;
use crate::proto::op::Operation;
use tokio::io::{AsyncRead, AsyncWrite};

/// The body that is sent in the place of a request's, if it is a read of the root DSE that has to
/// be asked in another way.
pub(super) fn asked(request: &Envelope<'_>) -> Option<Vec<u8>> {
    if !is_root(request) {
        return None;
    }
    let content = root_dse::asked(request.content)?;
    let mut reader = Reader::new(request.body);
    let operation = reader.element().ok()?;
    let mut body = Vec::with_capacity(request.body.len() + 64);
    ber::write_element(&mut body, operation.tag, &content);
    body.extend_from_slice(reader.take_rest());
    Some(body)
}

fn is_root(request: &Envelope<'_>) -> bool {
    request.operation == Operation::SearchRequest && root_dse::is_read_by(request.content)
}

impl<P: Ports, S: AsyncRead + AsyncWrite + Unpin> Connection<P, S> {
    /// A request was sent: its answers are altered if it reads the root DSE.
    pub(super) fn note_root(&mut self, request: &Envelope<'_>, way: Way) {
        if is_root(request) {
            self.outstanding.note_root(way, request.content);
        }
    }

    /// The body of an entry as the client reads it, if the operation reads the root DSE: `None` if
    /// it reads another entry, an empty one if it does not get this one.
    pub(super) fn root_entry(&self, way: Way, directory: usize, body: &[u8]) -> Option<Vec<u8>> {
        let search = self.outstanding.root(way)?;
        if body.first() != Some(&Operation::SearchResultEntry.tag()) {
            return None;
        }
        let relay = &self.gateway.directory(directory).relay;
        let suffix = self.gateway.suffix().map(|suffix| suffix.layout().suffix().as_str());
        let contexts: Vec<&[u8]> = suffix.map(str::as_bytes).into_iter().collect();
        let offer = Offer {
            carries: &|mechanism| relay.carries(mechanism),
            mechanisms: if self.external.is_some() { &[b"EXTERNAL"] } else { &[] },
            // Also where it is on already, as slapd has it.
            start_tls: self.start_tls != StartTls::NotOffered,
            proxied_authorisation: self.may_proxy(directory),
            referrals: relay.referrals,
            contexts: &contexts,
        };
        Some(root_dse::served(search, body, &offer).unwrap_or_default())
    }
}
