//! Sessions that the gateway vouches for, and what one of an account of its own may ask.
//!
//! Such an account is known to no directory. What it asks goes out as the gateway's service account,
//! which sees more than anybody should: so nothing but searches and compares gets as far as that, as the
//! account's view leaves them, and never as somebody else (rule S10.7).

use super::connection::Connection;
use super::reply;
use super::requests::Taken;
use crate::app::accounts::roll::Acting;
use crate::app::accounts::{Account, NotAdmitted};
use crate::app::events::Closed;
use crate::app::ports::Ports;
use crate::domain::session::Refusal;
use crate::domain::sharing::asks_as_another;
use crate::domain::view::{Kind, Origin, View};
use crate::proto::ber::Reader;
use crate::proto::dn::DistinguishedName;
use crate::proto::envelope::Envelope;
use crate::proto::op::Operation;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};

/// Whether the gateway vouches for a session, and as what.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Vouched {
    /// It does not: the directory knows the session.
    No,
    /// By the client's certificate.
    ByCertificate,
    /// As an account of its own.
    Account(Box<Acting>),
}

impl<P: Ports, S: AsyncRead + AsyncWrite + Unpin> Connection<P, S> {
    /// Sends away whoever is bound as an account that is not taken any more, or whose view is another by
    /// now; whether it was so.
    pub(super) fn is_of_ended_account(&mut self, request: &Envelope<'_>) -> bool {
        let Vouched::Account(acting) = &mut self.vouched else { return false };
        // A bind ends the session, and whoever leaves is let go.
        if matches!(request.operation, Operation::BindRequest | Operation::UnbindRequest) {
            return false;
        }
        let stands = self.gateway.accounts().is_some_and(|accounts| accounts.stands(acting));
        // Others keep their view until they bind again; whoever reads as the service account does not.
        let newest = self.served.successor();
        let newest = newest.as_ref().map_or(&self.config, |newest| &newest.config);
        let (view, own) =
            (newest.views.named(acting.view()), self.config.views.named(acting.view()));
        if stands && view.is_some() && view == own {
            return false;
        }
        self.refuse_outstanding(reply::ACCOUNT_ENDED);
        self.disconnect(reply::ACCOUNT_ENDED, Closed::Ended);
        true
    }

    /// Answers what an account of the gateway's own may not ask, or says where its request goes; `None`
    /// if it goes on.
    pub(super) fn meet_account(&mut self, request: &Envelope<'_>) -> Option<Taken> {
        if !matches!(self.vouched, Vouched::Account(_)) {
            return None;
        }
        let reads =
            matches!(request.operation, Operation::SearchRequest | Operation::CompareRequest);
        // Nothing is asked as the service account that no view has narrowed.
        let is_narrowed = self.view.as_ref().is_some_and(|view| view.hides_secrets);
        let refusal = match (reads, asks_as_another(request.controls)) {
            (false, _) => Some(reply::ACCOUNTS_READ),
            (true, true) => Some(reply::PROXYING_DENIED),
            (true, false) if !is_narrowed => Some(reply::NOT_THERE),
            (true, false) => None,
        };
        if let Some(refusal) = refusal {
            return Some(self.answer_here(request, refusal));
        }
        let directory = self.directory_of(request);
        if directory != self.binding.directory() {
            if !self.outstanding.is_empty() {
                // What is under way is looked at as that directory's.
                return Some(Taken::Later);
            }
            self.binding.goes_to(directory);
        }
        None
    }

    fn answer_here(&mut self, request: &Envelope<'_>, refusal: Refusal) -> Taken {
        self.refuse(request, refusal);
        self.requests += 1;
        Taken::Yes
    }

    /// The directory that a request of an account is about: by the name in it, or by where its view
    /// begins, where that lies below.
    fn directory_of(&self, request: &Envelope<'_>) -> usize {
        let name = Reader::new(request.content).octets().ok();
        let name = name.and_then(|name| DistinguishedName::from_bytes(name).ok());
        let asked = name.as_ref().and_then(|name| self.gateway.holder(name));
        let begins = || {
            let view = self.view.as_ref()?;
            view.bases.iter().find_map(|base| self.gateway.holder(base))
        };
        asked.or_else(begins).unwrap_or_default()
    }

    /// The view of an account's session, without what no account may see.
    pub(super) fn view_of_account(&self) -> Option<Arc<View>> {
        let Vouched::Account(acting) = &self.vouched else { return None };
        let view = self.config.views.named(acting.view())?;
        let records = self.gateway.suffix().map(|suffix| suffix.layout().suffix());
        let everywhere = self.gateway.suffixes().chain(records).cloned();
        Some(Arc::new(view.of_account(everywhere)))
    }

    /// What keeps an account from binding here, whatever its password.
    pub(super) fn hindrance(&self, account: &Account) -> Option<NotAdmitted> {
        let origin = Origin { listener: self.listener, address: self.peer.ip() };
        match self.config.views.named(&account.view) {
            Some(view) if !view.serves(Kind::Bind) => Some(NotAdmitted::NoView),
            Some(view) if !view.matching.takes_from(&origin) => Some(NotAdmitted::Elsewhere),
            Some(_) => None,
            None => Some(NotAdmitted::NoView),
        }
    }
}
