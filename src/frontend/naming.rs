//! Whose entry a simple bind is of that came with a name which is no DN (rule S9.2).
//!
//! The directory is asked after its success, on the user's own connection: the first value of the
//! root DSE's `tokenGroups` is the user's own identifier in Active Directory, and where there is no
//! such attribute, Who Am I tells. Only then the sign-on begins and the answer goes out (S9.4).

use super::binding::Asked;
use super::connection::Connection;
use super::reply;
use crate::app::events::Unidentified;
use crate::app::ports::Ports;
use crate::domain::observation::Observed;
use crate::domain::session::{BindKind, Session};
use crate::domain::sid::{OWN_TOKEN, Sid};
use crate::proto::dn::DistinguishedName;
use crate::proto::envelope::{Envelope, MessageId};
use crate::proto::filter::Filter;
use crate::proto::op::Operation;
use crate::proto::search::{Entry, Scope, Search};
use std::future::Future;
use std::pin::Pin;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

/// The look for the entry that bears an identifier.
pub(super) type Naming = Pin<Box<dyn Future<Output = Observed<Option<DistinguishedName>>> + Send>>;

impl<P: Ports, S: AsyncRead + AsyncWrite + Unpin> Connection<P, S> {
    /// Whether the bind that just succeeded came with a name that does not say whose entry it is.
    pub(super) fn came_by_another_name(&self) -> bool {
        let (kind, directory) = (self.binding.kind(), self.binding.directory());
        let known = &self.gateway.directory(directory).kind;
        kind == BindKind::Named
            && !known.is(|kind| !kind.takes_other_names())
            && self.gateway.sign_ons().asks_who(directory, self.session.name())
    }

    /// The bind succeeded: who it is of has to be known before anybody is told.
    pub(super) fn ask_for_token(&mut self, response: &[u8]) {
        // What such a bind allows may depend on how it was made: it is not made up for by proxy.
        self.name_fits = Some(false);
        let Some(upstream) = &mut self.upstream else {
            return self.refuse_bind(reply::UPSTREAM_LOST);
        };
        let mut message = Vec::new();
        root_search().write(&mut message, MessageId::UNSOLICITED.next());
        let Ok(search) = Envelope::parse(&message) else { return };
        let id = upstream.send(search.body);
        let patience = self.gateway.directory(self.binding.directory()).bind_timeout;
        let deadline = Instant::now() + patience;
        self.binding.await_identity(id, response.to_vec(), Asked::Token(None), deadline);
    }

    /// Takes a part of the answer to the question who it is.
    pub(super) fn take_identity(&mut self, answer: &Envelope<'_>) {
        let Some(asked) = self.binding.asked_who() else { return };
        match (answer.operation, asked) {
            (Operation::ExtendedResponse, Asked::WhoAmI) => self.identity_answered(answer),
            (Operation::SearchResultEntry, Asked::Token(sid)) => {
                let entry = Entry::decode(answer.content).unwrap_or_default();
                let first = entry.values(OWN_TOKEN).first();
                *sid = first.and_then(|value| Sid::from_bytes(value));
            }
            (Operation::SearchResultDone, Asked::Token(sid)) => match sid.take() {
                Some(sid) => self.look_for(sid),
                None => self.ask_who_instead(),
            },
            (Operation::SearchResultReference, Asked::Token(_)) => {}
            (Operation::IntermediateResponse, _) => {}
            (Operation::Unknown(_), _) => self.skip(),
            _ => self.upstream_is_odd(),
        }
    }

    fn look_for(&mut self, sid: Sid) {
        let Some(response) = self.binding.take_response() else { return };
        let directory = self.binding.directory();
        let naming = self.gateway.sign_ons().entry_of_sid(directory, sid);
        self.binding.look_for(Box::pin(naming), response);
    }

    /// A directory that knows no token may know Who Am I.
    fn ask_who_instead(&mut self) {
        if let Some(response) = self.binding.take_response() {
            self.ask_who(&response);
        }
    }

    /// The entry was looked for.
    pub(super) fn named(&mut self, found: Observed<Option<DistinguishedName>>) {
        let Some(response) = self.binding.take_response() else { return };
        match found {
            Observed::Known(Some(name)) => {
                let session = std::mem::replace(&mut self.session, Session::Anonymous);
                self.session = session.identified(name.as_str().as_bytes());
                self.begin_sign_on(name.as_str().as_bytes(), &response);
            }
            Observed::Known(None) => self.stay_unidentified(Unidentified::NoEntry, &response),
            Observed::Unknown(_) => self.stay_unidentified(Unidentified::Untold, &response),
        }
    }
}

/// Asks the root DSE who is bound.
fn root_search() -> Search {
    Search {
        base: String::new(),
        scope: Scope::Base,
        filter: Filter::any_entry(),
        attributes: vec![OWN_TOKEN.to_owned()],
        size_limit: 0,
        time_limit: 0,
        controls: Vec::new(),
    }
}
