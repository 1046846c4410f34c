//! References to other servers on their way to a client: left out, passed, or made to lead here.

use super::connection::Connection;
use crate::app::events::Event;
use crate::app::ports::{Events, Ports};
use crate::domain::referral::{self, Referrals, Settled};
use crate::proto::ber::{self, Reader};
use crate::proto::op::Operation;
use crate::proto::result::{LdapResult, ResultCode};
use tokio::io::{AsyncRead, AsyncWrite};

/// What a client gets in the place of a reference.
pub(super) enum Reference {
    /// The same.
    Same,
    /// Nothing.
    Nothing,
    /// This body.
    Other(Vec<u8>),
}

impl<P: Ports, S: AsyncRead + AsyncWrite + Unpin> Connection<P, S> {
    /// What becomes of a SearchResultReference of that directory; `body` is a response's, which may
    /// be any other, too.
    pub(super) fn settle_reference(&self, directory: usize, body: &[u8]) -> Reference {
        if body.first() != Some(&Operation::SearchResultReference.tag()) {
            return Reference::Same;
        }
        let kept = |content: &[u8]| {
            let server = self.config.public_url.as_deref()?;
            let leads_here = |name: &_| self.gateway.holder(name).is_some();
            Some(referral::rewritten(content, server, leads_here))
        };
        let policy = self.gateway.directory(directory).relay.referrals;
        let (settled, reference) = match policy {
            Referrals::Pass => (Settled::Passed, Reference::Same),
            Referrals::Strip => (Settled::Stripped, Reference::Nothing),
            Referrals::Rewrite => match with_content(body, kept).filter(|(_, is_any)| *is_any) {
                Some((body, _)) => (Settled::Rewritten, Reference::Other(body)),
                None => (Settled::Stripped, Reference::Nothing),
            },
        };
        self.note_referral(directory, settled);
        reference
    }

    /// The body in the place of a final response whose result is a referral, and its code; `None`
    /// if it passes as it is.
    pub(super) fn settle_referral(
        &self,
        directory: usize,
        result: &LdapResult<'_>,
        body: &[u8],
    ) -> Option<(Vec<u8>, ResultCode)> {
        if result.code != ResultCode::REFERRAL && result.referral.is_none() {
            return None;
        }
        let kept = match self.gateway.directory(directory).relay.referrals {
            Referrals::Pass => {
                self.note_referral(directory, Settled::Passed);
                return None;
            }
            Referrals::Strip => Vec::new(),
            Referrals::Rewrite => {
                let leads_elsewhere =
                    |name: &_| self.gateway.holder(name).is_some_and(|holder| holder != directory);
                let server = self.config.public_url.as_deref();
                let list = server.zip(result.referral);
                list.map_or_else(Vec::new, |(server, list)| {
                    referral::rewritten(list, server, leads_elsewhere)
                })
            }
        };
        let settled = if kept.is_empty() { Settled::Stripped } else { Settled::Rewritten };
        self.note_referral(directory, settled);
        let (body, _) = with_content(body, |content| referral::settled_result(content, &kept))?;
        let content = Reader::new(&body).element().ok()?.content;
        let code = LdapResult::decode(content).ok()?.code;
        Some((body, code))
    }

    fn note_referral(&self, directory: usize, settled: Settled) {
        let directory = &self.gateway.directory(directory).policy.name;
        self.gateway.events().emit(&Event::ReferralSettled { directory, settled });
    }
}

/// The body with other content in its operation, and whether that is not empty; controls stay.
fn with_content(
    body: &[u8],
    change: impl FnOnce(&[u8]) -> Option<Vec<u8>>,
) -> Option<(Vec<u8>, bool)> {
    let mut reader = Reader::new(body);
    let operation = reader.element().ok()?;
    let content = change(operation.content)?;
    let mut out = Vec::with_capacity(body.len());
    ber::write_element(&mut out, operation.tag, &content);
    out.extend_from_slice(reader.take_rest());
    Some((out, !content.is_empty()))
}
