//! A bind that succeeded while it is not known yet whose entry it is of, and a password that would
//! not say so.

use super::{Binding, Stage};
use crate::app::ports::Ports;
use crate::app::trace::Span;
use crate::domain::sid::Sid;
use crate::frontend::naming::Naming;
use crate::proto::bind::{Authentication, BindRequest};
use crate::proto::envelope::{Envelope, UpstreamMessageId};
use tokio::time::Instant;

/// How the directory was asked who somebody is.
pub(in crate::frontend) enum Asked {
    /// By the Who Am I operation.
    WhoAmI,
    /// By the root DSE, which shows the user's identifier, if it has come.
    Token(Option<Sid>),
}

impl<P: Ports> Binding<P> {
    /// The directory is asked who the bind is of; its answer to the bind is kept.
    pub(in crate::frontend) fn await_identity(
        &mut self,
        id: UpstreamMessageId,
        response: Vec<u8>,
        asked: Asked,
        deadline: Instant,
    ) {
        self.stage = Stage::Identifying { id, response, asked };
        self.spans.ask("who am I");
        self.deadline = deadline;
        // Something of an answer has come.
        self.retried = true;
    }

    pub(in crate::frontend) fn asks_who_as(&self, id: UpstreamMessageId) -> bool {
        matches!(self.stage, Stage::Identifying { id: asked, .. } if asked == id)
    }

    pub(in crate::frontend) fn asked_who(&mut self) -> Option<&mut Asked> {
        match &mut self.stage {
            Stage::Identifying { asked, .. } => Some(asked),
            _ => None,
        }
    }

    /// The entry of the bind is looked for.
    pub(in crate::frontend) fn look_for(&mut self, wait: Naming, response: Vec<u8>) {
        self.stage = Stage::Naming { wait, response };
        self.spans.step("find entry");
    }

    /// A connection is waited for.
    pub(in crate::frontend) fn waits_for_link(&mut self) {
        self.spans.step("connection");
    }

    /// What the bind is a part of, if it is traced.
    pub(in crate::frontend) fn span(&self) -> &Span {
        &self.spans.bind
    }

    /// The directory's answer to the bind, once it is known who it is of.
    pub(in crate::frontend) fn take_response(&mut self) -> Option<Vec<u8>> {
        self.spans.leave_step();
        match std::mem::replace(&mut self.stage, Stage::None) {
            Stage::Identifying { response, .. } | Stage::Naming { response, .. } => Some(response),
            other => {
                self.stage = other;
                None
            }
        }
    }
}

/// Whether a password holds a NUL byte.
pub(super) fn is_cut(request: &Envelope<'_>) -> bool {
    match BindRequest::decode(request.content).map(|bind| bind.authentication) {
        Ok(Authentication::Simple(password)) => password.contains(&0),
        _ => false,
    }
}
