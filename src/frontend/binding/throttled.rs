//! What a bind has to do with those who keep failing: it may have to wait, and it is counted.

use super::Stage;
use crate::app::events::Event;
use crate::app::ports::{Events, Ports};
use crate::app::throttle::{Held, Turn, Watch};
use crate::domain::session::BindKind;
use crate::domain::source::Source;
use crate::domain::throttle::Noted;
use crate::frontend::connection::Connection;
use crate::frontend::reply;
use crate::proto::result::ResultCode;
use tokio::io::{AsyncRead, AsyncWrite};

impl<P: Ports, S: AsyncRead + AsyncWrite + Unpin> Connection<P, S> {
    /// Whether the bind is of a source that keeps failing: then it has to wait for its turn, without
    /// a connection, and the user's entry is not read ahead.
    pub(super) fn waits_for_turn(&mut self, directory: usize) -> bool {
        let (source, now) = (self.peer.ip(), self.binding.arrived);
        match self.gateway.throttle().turn(source, directory, now) {
            Turn::Free => return false,
            Turn::Later(wait) => {
                self.part();
                self.binding.stage = Stage::AwaitsTurn(wait);
                self.binding.spans.step("turn");
            }
            Turn::Refused(held) => {
                self.part();
                self.hold_back(held);
            }
        }
        true
    }

    pub(super) fn hold_back(&mut self, Held(limit): Held) {
        self.limit_hit(limit);
        self.refuse_bind(reply::THROTTLED);
    }

    /// What the throttle has to know: failures, and successes while somebody is suspected.
    pub(super) fn count_bind(&mut self, code: ResultCode) {
        let (throttle, source) = (self.gateway.throttle(), self.peer.ip());
        let noted = match code {
            ResultCode::INVALID_CREDENTIALS => {
                throttle.failed_as(source, self.session.name(), self.heard_at)
            }
            ResultCode::SUCCESS
                if self.binding.watch > Watch::Calm
                    && matches!(self.binding.kind, BindKind::Named | BindKind::Sasl(_)) =>
            {
                throttle.succeeded(source, self.session.name(), self.heard_at)
            }
            _ => return,
        };
        self.tell_of_throttle(noted);
    }

    fn tell_of_throttle(&self, noted: Noted) {
        let source = Source::of(self.peer.ip());
        match noted {
            Noted::Nothing | Noted::Suspected => {}
            Noted::Began => self.gateway.events().emit(&Event::ThrottleBegan { source }),
            Noted::Ended => self.gateway.events().emit(&Event::ThrottleEnded { source }),
            Noted::Full => self.limit_hit("max_tracked_sources"),
        }
    }
}
