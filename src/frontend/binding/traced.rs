//! The spans of a bind that is traced: the bind from its request to its answer, and below it what it
//! waits for at the time.

use crate::app::ports::{Events, Ports};
use crate::app::trace::Span;
use crate::domain::session::BindKind;
use crate::frontend::connection::Connection;
use crate::proto::result::ResultCode;

/// The spans of one bind; those of one that is not traced are nothing.
pub(super) struct Spans {
    pub(super) bind: Span,
    step: Span,
}

impl Spans {
    pub(super) const OFF: Self = Self { bind: Span::OFF, step: Span::OFF };

    /// The bind waits for this from now on.
    pub(super) fn step(&mut self, name: &'static str) {
        if self.bind.is_on() {
            self.step = self.bind.child(name);
        }
    }

    /// The directory was asked this.
    pub(super) fn ask(&mut self, name: &'static str) {
        if self.bind.is_on() {
            self.step = self.bind.asked(name);
        }
    }

    /// What was waited for is there.
    pub(super) fn leave_step(&mut self) {
        if self.bind.is_on() {
            self.step = Span::OFF;
        }
    }

    /// The directory has answered what it was asked.
    pub(super) fn answered(&mut self, code: ResultCode) {
        if self.bind.is_on() {
            end(&mut self.step, code);
        }
    }

    /// The client is answered.
    pub(super) fn end(&mut self, code: ResultCode) {
        if self.bind.is_on() {
            // What is still waited for did not come.
            self.step.failed();
            self.step = Span::OFF;
            end(&mut self.bind, code);
        }
    }
}

/// Ends a span with a result.
#[cold]
fn end(span: &mut Span, code: ResultCode) {
    span.set("ldap.result_code", code.0);
    if is_failure(code) {
        span.failed();
    }
    *span = Span::OFF;
}

/// Whether the gateway or the directory failed; all else is the client's affair.
fn is_failure(code: ResultCode) -> bool {
    matches!(
        code,
        ResultCode::OPERATIONS_ERROR
            | ResultCode::TIME_LIMIT_EXCEEDED
            | ResultCode::ADMIN_LIMIT_EXCEEDED
            | ResultCode::BUSY
            | ResultCode::UNAVAILABLE
            | ResultCode::OTHER
    )
}

impl<P: Ports, S> Connection<P, S> {
    /// A bind has come, perhaps one that is traced.
    pub(super) fn trace_bind(&mut self, directory: usize) {
        let span = self.gateway.events().trace("bind", self.heard_at.into_std());
        if span.is_on() {
            self.tell_of_bind(span, directory);
        }
    }

    #[cold]
    fn tell_of_bind(&mut self, mut span: Span, directory: usize) {
        let kind = match self.binding.kind {
            BindKind::Anonymous => "anonymous",
            BindKind::Nameless => "nameless",
            BindKind::Named => "simple",
            BindKind::Sasl(_) => "sasl",
        };
        let directory = &self.gateway.directory(directory).policy.name;
        span.set("bindgate.connection", self.id.0);
        span.set("bindgate.operation", self.binding.number);
        span.set("ldap.message_id", self.binding.client.get());
        span.set("bindgate.directory", directory.to_string());
        span.set("bindgate.bind", kind);
        let name = self.session.name();
        span.set_name("bindgate.name", || String::from_utf8_lossy(name).into_owned());
        span.set_name("client.address", || self.peer.ip().to_string());
        self.binding.spans = Spans { bind: span, step: Span::OFF };
    }
}
