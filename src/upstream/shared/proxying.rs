//! Whether the directory grants proxied authorisation to the service account: found out by asking
//! who one is as somebody who has just bound, and asked again after a while or after a refusal.
//!
//! Only an answer that names that user counts. A server that ignored the control, although it is
//! critical, would name the service account.

use crate::app::ports::{Part, Responses, Seat, SeatNews, SharedId};
use crate::proto::ber::{self, Reader};
use crate::proto::dn::DistinguishedName;
use crate::proto::extended::ExtendedResponse;
use crate::proto::oid;
use crate::proto::op::Operation;
use crate::proto::result::ResultCode;
use metrics::Counter;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::timeout;

/// How long a grant is believed before it is asked for again.
const BELIEVED: Duration = Duration::from_secs(600);
/// How long it is not asked for again after anything else.
const PAUSE: Duration = Duration::from_secs(60);

/// The tag of an extended request's name.
const REQUEST_NAME: u8 = 0x80;

/// Probes by how they ended.
pub(in crate::upstream) struct ProbeCounters {
    pub(in crate::upstream) granted: Counter,
    pub(in crate::upstream) refused: Counter,
    pub(in crate::upstream) failed: Counter,
}

/// How a probe ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Granted,
    Refused,
    /// There was no answer, or one that says nothing of it.
    Failed,
}

/// What is known of one directory; for all its workers.
pub(super) struct Proxying {
    is_granted: AtomicBool,
    is_due: AtomicBool,
    is_asking: AtomicBool,
    /// Moves with each answer.
    answered: watch::Sender<()>,
    patience: Duration,
    counters: ProbeCounters,
}

impl Proxying {
    /// Nothing is known; if proxied authorisation is switched off, nothing will ever be.
    pub(super) fn new(is_wanted: bool, patience: Duration, counters: ProbeCounters) -> Self {
        Self {
            is_granted: AtomicBool::new(false),
            is_due: AtomicBool::new(is_wanted),
            is_asking: AtomicBool::new(false),
            answered: watch::Sender::new(()),
            patience,
            counters,
        }
    }

    pub(super) fn is_granted(&self) -> bool {
        self.is_granted.load(Relaxed)
    }

    pub(super) fn is_due(&self) -> bool {
        self.is_due.load(Relaxed)
    }

    /// The answers that come from now on.
    pub(super) fn answers(&self) -> watch::Receiver<()> {
        self.answered.subscribe()
    }

    /// Whether it is granted, once what is being asked is answered.
    pub(super) async fn settled(&self, mut answers: watch::Receiver<()>) -> bool {
        if !self.is_granted() && self.is_asking.load(Relaxed) {
            let _ = answers.changed().await;
        }
        self.is_granted()
    }

    /// A proxied request was refused.
    pub(super) fn denied(&self) {
        if self.is_granted.swap(false, Relaxed) {
            self.is_due.store(true, Relaxed);
        }
    }

    /// Asks on a seat whose requests are done as `name`. One at a time asks.
    pub(super) fn probe(self: &Arc<Self>, name: DistinguishedName, seat: impl Seat) {
        let Ok(runtime) = Handle::try_current() else { return };
        if !self.is_due.swap(false, Relaxed) {
            return;
        }
        self.is_asking.store(true, Relaxed);
        let proxying = self.clone();
        runtime.spawn(async move {
            let asked = timeout(proxying.patience, who_am_i(seat)).await;
            let answer = asked.ok().flatten();
            let outcome = answer.map_or(Outcome::Failed, |answer| judge(&answer, &name));
            let pause = proxying.learn(outcome);
            proxying.is_asking.store(false, Relaxed);
            proxying.answered.send_replace(());
            tokio::time::sleep(pause).await;
            proxying.is_due.store(true, Relaxed);
        });
    }

    /// Takes an outcome in and tells after which pause to ask again. What is believed is kept while
    /// nobody has said otherwise: a directory that did not answer has taken nothing back.
    fn learn(&self, outcome: Outcome) -> Duration {
        match outcome {
            Outcome::Granted => {
                self.is_granted.store(true, Relaxed);
                self.counters.granted.increment(1);
                BELIEVED
            }
            Outcome::Refused => {
                self.is_granted.store(false, Relaxed);
                self.counters.refused.increment(1);
                PAUSE
            }
            Outcome::Failed => {
                self.counters.failed.increment(1);
                PAUSE
            }
        }
    }
}

/// The content of the answer to Who Am I; `None` if there is none.
async fn who_am_i(mut seat: impl Seat) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    ber::write_nested(&mut body, Operation::ExtendedRequest.tag(), |out| {
        ber::write_element(out, REQUEST_NAME, oid::WHO_AM_I);
    });
    let mut sent: Option<SharedId> = None;
    poll_fn(|cx| poll_answer(cx, &mut seat, &body, &mut sent)).await
}

fn poll_answer(
    cx: &mut Context<'_>,
    seat: &mut impl Seat,
    body: &[u8],
    sent: &mut Option<SharedId>,
) -> Poll<Option<Vec<u8>>> {
    while sent.is_none() {
        *sent = seat.send(Operation::ExtendedRequest, body);
        if sent.is_none()
            && let SeatNews::NoPlace(_) | SeatNews::Overdue(_) = ready!(seat.poll_news(cx))
        {
            return Poll::Ready(None);
        }
    }
    let responses = ready!(seat.poll_responses(cx));
    Poll::Ready(last_of(&responses))
}

/// The content of the response that ends the operation.
fn last_of(responses: &Responses) -> Option<Vec<u8>> {
    let (.., body) = responses.iter().find(|(_, part, _)| *part == Part::Last)?;
    Reader::new(body).element().ok().map(|response| response.content.to_vec())
}

fn judge(answer: &[u8], name: &DistinguishedName) -> Outcome {
    let response = ExtendedResponse::decode(answer).ok();
    if let Some(ResultCode::BUSY | ResultCode::UNAVAILABLE) =
        response.as_ref().map(|r| r.result.code)
    {
        return Outcome::Failed;
    }
    let value = response.filter(|response| response.result.code.is_success());
    let named = value.and_then(|response| response.value);
    let named = named.and_then(|value| value.strip_prefix(b"dn:"));
    let named = named.and_then(|dn| DistinguishedName::from_bytes(dn).ok());
    match named {
        Some(named) if named.normalized() == name.normalized() => Outcome::Granted,
        _ => Outcome::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::result::LdapResult;

    #[track_caller]
    fn check(code: ResultCode, value: Option<&[u8]>, expected: Outcome) {
        let name = DistinguishedName::parse("uid=ann,dc=one").expect("it is a name");
        let mut pdu = Vec::new();
        let response = ExtendedResponse { result: LdapResult::new(code, ""), name: None, value };
        response.write(&mut pdu, crate::proto::envelope::MessageId::MAX);
        let envelope = crate::proto::envelope::Envelope::parse(&pdu).expect("it is well formed");
        assert_eq!(judge(envelope.content, &name), expected, "{code} {value:?}");
    }

    #[test]
    fn only_an_answer_that_names_the_user_is_a_grant() {
        let success = ResultCode::SUCCESS;
        check(success, Some(b"dn:uid=ann,dc=one"), Outcome::Granted);
        check(success, Some(b"dn:UID=Ann, dc=one"), Outcome::Granted);
        check(success, Some(b"dn:cn=gateway,dc=one"), Outcome::Refused);
        check(success, Some(b"u:ann"), Outcome::Refused);
        check(success, Some(b"dn:"), Outcome::Refused);
        check(success, Some(b""), Outcome::Refused);
        check(success, None, Outcome::Refused);
        check(ResultCode::AUTHORIZATION_DENIED, Some(b"dn:uid=ann,dc=one"), Outcome::Refused);
        check(ResultCode::BUSY, None, Outcome::Failed);
        check(ResultCode::UNAVAILABLE, Some(b""), Outcome::Failed);
        assert_eq!(
            judge(b"\x01", &DistinguishedName::parse("").expect("a name")),
            Outcome::Refused
        );
    }
}
