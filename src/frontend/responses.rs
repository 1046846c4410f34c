//! What the directory's responses do. Nothing here leases a connection, so the bytes at hand
//! always belong to the one that the session has.

use super::connection::{Connection, Life};
use super::outstanding::{Relayed, Way};
use super::referring::Reference;
use super::reply;
use super::upstream::Upstream;
use crate::app::events::{Closed, Event};
use crate::app::ports::{Events, Ports};
use crate::proto::envelope::{Envelope, MessageId, UpstreamMessageId};
use crate::proto::extended::ExtendedResponse;
use crate::proto::framing::{Frame, frame};
use crate::proto::oid;
use crate::proto::op::Operation;
use crate::proto::result::{LdapResult, ResultCode};
use tokio::io::{AsyncRead, AsyncWrite};

/// What a response is to the operation that it bears the id of.
enum Part {
    /// An entry, a reference or an intermediate response: more comes.
    More,
    /// The end.
    Last,
    /// Of a type that RFC 4511 does not define: it is skipped (section 4).
    Unknown,
    /// Nothing that may answer that request.
    Odd,
}

impl<P: Ports, S: AsyncRead + AsyncWrite + Unpin> Connection<P, S> {
    /// Takes bytes from the directory.
    pub(super) fn receive_responses(&mut self, bytes: &[u8]) {
        let Some(upstream) = &mut self.upstream else {
            return;
        };
        if upstream.inbound.bytes().is_empty() {
            let (used, expected) = self.take_responses(bytes);
            if let (Some(upstream), true) = (&mut self.upstream, used < bytes.len()) {
                upstream.inbound.append(&bytes[used..], expected);
            }
            return;
        }
        upstream.inbound.append(bytes, 0);
        let kept = upstream.inbound.take();
        let (used, expected) = self.take_responses(&kept);
        if let Some(upstream) = &mut self.upstream {
            upstream.inbound.put_back(kept, used);
            upstream.inbound.append(&[], expected);
        }
    }

    /// How many bytes were used, and how long the message behind them says that it is.
    fn take_responses(&mut self, bytes: &[u8]) -> (usize, usize) {
        let mut used = 0;
        while let (Some(upstream), Life::Open, None) = (&self.upstream, self.life, &self.pending) {
            let limit = self.gateway.directory(upstream.directory).max_message_size;
            match frame(&bytes[used..], limit) {
                Ok(Frame::Whole(length)) => {
                    self.receive_response(&bytes[used..used + length]);
                    used += length;
                }
                Ok(Frame::Partial(expected)) => return (used, expected),
                Err(_) => self.upstream_is_odd(),
            }
        }
        (used, 0)
    }

    fn receive_response(&mut self, pdu: &[u8]) {
        let Ok(response) = Envelope::parse(pdu) else {
            return self.upstream_is_odd();
        };
        if response.id == MessageId::UNSOLICITED {
            return self.take_unsolicited(&response);
        }
        let id = UpstreamMessageId(response.id);
        if self.binding.is_sent_as(id) {
            return match response.operation {
                Operation::BindResponse => self.bind_answered(&response),
                Operation::IntermediateResponse => self.bind_goes_on(&response),
                Operation::Unknown(_) => {
                    self.bind_had_an_answer();
                    self.skip();
                }
                _ => self.upstream_is_odd(),
            };
        }
        if self.binding.asks_who_as(id) {
            return self.take_identity(&response);
        }
        self.relay_response(id, &response);
    }

    /// A Notice of Disconnection is about the directory's connection, not the client's; any other
    /// unsolicited notification is ignored (RFC 4511 section 4.4). What is none bears the messageID
    /// of nothing that was asked: whom it was meant for would wait in vain.
    fn take_unsolicited(&mut self, response: &Envelope<'_>) {
        match response.operation {
            Operation::ExtendedResponse if is_notice_of_disconnection(response) => {
                self.upstream_lost();
            }
            Operation::ExtendedResponse => self.take_aborted_transaction(response),
            Operation::Unknown(_) => self.skip(),
            _ => self.upstream_is_odd(),
        }
    }

    /// That a transaction was aborted (RFC 5805 section 3.4) is about the client's own, which lives on
    /// this connection; any other unsolicited notification is ignored.
    fn take_aborted_transaction(&mut self, response: &Envelope<'_>) {
        let is_ours = self.upstream.as_ref().is_some_and(Upstream::is_tainted);
        if is_ours && is_named(response, oid::ABORTED_TRANSACTION) {
            self.answer(MessageId::UNSOLICITED, response.body);
        }
    }

    fn relay_response(&mut self, id: UpstreamMessageId, response: &Envelope<'_>) {
        let Some(operation) = self.outstanding.by_upstream(id) else {
            // The late answer to what was abandoned is swallowed; one to a question that was
            // never asked means that the stream is not to be trusted. Nor is it after a second
            // answer, which looks like a late one.
            match &mut self.upstream {
                Some(upstream) if upstream.has_sent(id) => upstream.taint(),
                _ => self.upstream_is_odd(),
            }
            return;
        };
        let client = operation.client.0;
        let directory = self.upstream.as_ref().map_or(0, |upstream| upstream.directory);
        match part(operation.operation, response.operation) {
            Part::Odd => self.upstream_is_odd(),
            Part::Unknown => self.skip(),
            Part::More => {
                operation.entries += 1;
                let way = operation.way;
                self.relay_part(way, directory, client, response.body);
            }
            Part::Last => {
                let operation = *operation;
                self.end_own(operation, directory, response);
            }
        }
    }

    /// The end of an operation on the session's own connection.
    fn end_own(&mut self, operation: Relayed, directory: usize, response: &Envelope<'_>) {
        if self.outstanding.serves() {
            let code = LdapResult::decode(response.content);
            let code = code.map_or(ResultCode::OTHER, |result| result.code);
            if self.goes_on(&operation, code, response.controls) {
                return;
            }
        }
        if operation.is_paged {
            self.cookies.give(response);
        }
        let (content, body) = (response.content, response.body);
        let code = self.relay_last(&operation, directory, content, body);
        self.outstanding.finish_way(operation.way);
        let Relayed { operation, entries, started, number, .. } = operation;
        self.report(operation, code, entries, started, number);
        // A bind may have waited for this.
        self.held = false;
        self.offer_lease();
    }

    /// Relays the last response to an operation and gives its result code.
    pub(super) fn relay_last(
        &mut self,
        operation: &Relayed,
        directory: usize,
        content: &[u8],
        body: &[u8],
    ) -> ResultCode {
        let result = LdapResult::decode(content);
        let code = result.map_or(ResultCode::OTHER, |result| result.code);
        if let (Some(target), ResultCode::SUCCESS) = (operation.cancels, code) {
            self.cancelled(target);
        }
        let settled = result.ok().and_then(|result| self.settle_referral(directory, &result, body));
        let renumbered = operation.ends_transaction.then(|| self.end_transaction(body)).flatten();
        let body = renumbered.as_deref().unwrap_or(body);
        let (body, code) = settled.as_ref().map_or((body, code), |(body, code)| (body, *code));
        self.answer(operation.client.0, body);
        code
    }

    /// Relays an entry, a reference or an intermediate response.
    pub(super) fn relay_part(
        &mut self,
        way: Way,
        directory: usize,
        client: MessageId,
        body: &[u8],
    ) {
        if self.outstanding.serves() && self.relay_served(way, client, body) {
            return;
        }
        if let Some(entry) = self.root_entry(way, directory, body) {
            if !entry.is_empty() {
                self.answer(client, &entry);
            }
            return;
        }
        match self.settle_reference(directory, body) {
            Reference::Same => self.answer(client, body),
            Reference::Other(body) => self.answer(client, &body),
            Reference::Nothing => {}
        }
    }

    /// What the directory sent is no answer, or only part of one: a bind is not sent again.
    pub(super) fn upstream_is_odd(&mut self) {
        if let Some(upstream) = &self.upstream {
            let directory = &self.gateway.directory(upstream.directory).policy.name;
            self.gateway.events().emit(&Event::UpstreamOdd { directory });
        }
        self.bind_had_an_answer();
        self.upstream_lost();
    }

    /// A message of an unknown type is counted, and nothing else.
    pub(super) fn skip(&mut self) {
        if let Some(upstream) = &self.upstream {
            let directory = &self.gateway.directory(upstream.directory).policy.name;
            self.gateway.events().emit(&Event::UpstreamSkipped { directory });
        }
    }

    /// The upstream connection is gone or in doubt: whatever was under way on it is answered, and
    /// a session that stood on it ends as it would have ended without a gateway.
    pub(super) fn upstream_lost(&mut self) {
        let Some(mut upstream) = self.upstream.take() else {
            return;
        };
        upstream.taint();
        upstream.leave();
        if self.binding.is_sent() {
            self.bind_lost();
        } else if !self.only_binds || self.binding.challenged_at().is_some() {
            self.refuse_outstanding(reply::UPSTREAM_LOST);
            if self.binding.challenged_at().is_none() && self.reads_suffix() {
                // It has something to read without the directory; what it cannot have any more is
                // told when it asks for that.
                self.cookies.forget();
                self.updates.forget();
                self.held = false;
                return;
            }
            self.disconnect(reply::UPSTREAM_LOST, Closed::UpstreamLost);
        }
    }
}

fn part(request: Operation, response: Operation) -> Part {
    match response {
        Operation::IntermediateResponse => Part::More,
        Operation::Unknown(_) => Part::Unknown,
        Operation::SearchResultEntry | Operation::SearchResultReference
            if request == Operation::SearchRequest =>
        {
            Part::More
        }
        last if request.final_response() == Some(last) => Part::Last,
        _ => Part::Odd,
    }
}

fn is_notice_of_disconnection(response: &Envelope<'_>) -> bool {
    is_named(response, oid::NOTICE_OF_DISCONNECTION)
}

fn is_named(response: &Envelope<'_>, name: &[u8]) -> bool {
    ExtendedResponse::decode(response.content).is_ok_and(|notice| notice.name == Some(name))
}
