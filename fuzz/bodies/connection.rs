//! A client's connection in memory, with any bytes from the client and from the directory.
//!
//! The bytes are a script: who acts, how many bytes, the bytes. Whatever is in it, the gateway does
//! not panic, ends when the client has gone, answers no more than what it was sent can be worth,
//! and sends nothing but binds on a connection whose last bind has not succeeded.

use super::links::{FarEnds, Granting};
use super::play::{House, paused};
use bindgate::domain::policy::OnUnknown;
use bindgate::proto::envelope::{Envelope, MessageId};
use bindgate::proto::framing::{Frame, frame};
use bindgate::proto::op::Operation;
use bindgate::proto::result::LdapResult;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::timeout;

/// The most bytes of a script that are played.
const MAX_SCRIPT: usize = 64 * 1024;
/// The most bytes of a message, on either side.
const MAX_MESSAGE: usize = 1 << 20;
/// A moment: everybody else does what there is to do, then it is over.
const MOMENT: Duration = Duration::from_millis(1);
/// More than all limits of time of the gateway together.
const LONG: Duration = Duration::from_secs(300);

/// What the first byte of a step asks for, the remainder of its division by [`ACTORS`].
pub(crate) const CLIENT: u8 = 0;
/// The newest connection's directory sends.
pub(crate) const DIRECTORY: u8 = 4;
/// The newest connection's directory closes.
pub(crate) const CLOSE: u8 = 6;
/// As many seconds pass.
pub(crate) const WAIT: u8 = 7;
const ACTORS: u8 = 8;

/// Plays a script.
pub(crate) fn body(data: &[u8]) {
    paused(play(&data[..data.len().min(MAX_SCRIPT)]));
}

/// A script's step, for those who make scripts.
pub(crate) fn step(actor: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    let mut out = vec![actor];
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&bytes[..usize::from(length)]);
    out
}

async fn play(script: &[u8]) {
    let (house, far_ends) = House::new(OnUnknown::Keep, Granting::Up(2));
    let (wire, served) = house.connect(1 << 20);
    let mut stage =
        Stage { client: wire.stream, far_ends, ends: Vec::new(), heard: 0, from_gateway: 0 };
    let mut rest = script;
    while let [actor, high, low, behind @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(behind.len());
        let (bytes, others) = behind.split_at(length);
        stage.act(*actor, bytes).await;
        rest = others;
    }
    stage.listen().await;
    assert!(stage.heard <= 64 * script.len() + 4096, "{} bytes of answers", stage.heard);
    assert!(stage.from_gateway <= 8 * script.len() + 4096, "{} bytes upstream", stage.from_gateway);
    drop(stage);
    let ended = timeout(LONG, served).await.expect("a client's task ends when the client has gone");
    ended.expect("no bytes make the gateway panic");
}

struct Stage {
    client: DuplexStream,
    far_ends: FarEnds,
    ends: Vec<End>,
    /// Bytes that the client was sent.
    heard: usize,
    /// Bytes that directories were sent.
    from_gateway: usize,
}

impl Stage {
    async fn act(&mut self, actor: u8, bytes: &[u8]) {
        self.listen().await;
        match actor % ACTORS {
            WAIT => tokio::time::advance(Duration::from_secs(bytes.len() as u64)).await,
            CLOSE => drop(self.ends.pop()),
            DIRECTORY.. => {
                if let Some(end) = self.ends.last_mut() {
                    end.say(bytes).await;
                }
            }
            _ => {
                let _ = timeout(MOMENT, self.client.write_all(bytes)).await;
            }
        }
        self.listen().await;
    }

    /// Reads what everybody was sent.
    async fn listen(&mut self) {
        let mut bytes = Vec::new();
        while let Ok(Ok(1..)) = timeout(MOMENT, self.client.read_buf(&mut bytes)).await {}
        self.heard += bytes.len();
        while let Ok((_, stream)) = self.far_ends.try_recv() {
            self.ends.push(End::new(stream));
        }
        for end in &mut self.ends {
            self.from_gateway += end.listen().await;
        }
    }
}

/// As whom the directory sees a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Never,
    Asked(MessageId),
    Bound,
    Failed,
}

/// The directory's end of a connection.
struct End {
    stream: DuplexStream,
    standing: Standing,
    heard: Vec<u8>,
    said: Vec<u8>,
}

impl End {
    fn new(stream: DuplexStream) -> Self {
        Self { stream, standing: Standing::Never, heard: Vec::new(), said: Vec::new() }
    }

    async fn listen(&mut self) -> usize {
        let before = self.heard.len();
        while let Ok(Ok(1..)) = timeout(MOMENT, self.stream.read_buf(&mut self.heard)).await {}
        let count = self.heard.len() - before;
        while let Some(pdu) = next(&mut self.heard) {
            let request = Envelope::parse(&pdu).expect("the gateway speaks LDAP");
            assert_ne!(request.id, MessageId::UNSOLICITED);
            if request.operation == Operation::BindRequest {
                self.standing = Standing::Asked(request.id);
            } else {
                let fit = matches!(self.standing, Standing::Never | Standing::Bound);
                assert!(fit, "{:?} on a connection that is {:?}", request.operation, self.standing);
            }
        }
        count
    }

    async fn say(&mut self, bytes: &[u8]) {
        self.said.extend_from_slice(bytes);
        while let Some(pdu) = next(&mut self.said) {
            let Ok(response) = Envelope::parse(&pdu) else { continue };
            if self.standing == Standing::Asked(response.id) {
                let code = LdapResult::decode(response.content).map(|result| result.code.0);
                let bound = response.operation == Operation::BindResponse && code == Ok(0);
                self.standing = if bound { Standing::Bound } else { Standing::Failed };
            }
        }
        let _ = timeout(MOMENT, self.stream.write_all(bytes)).await;
    }
}

/// Takes the next whole message out.
fn next(bytes: &mut Vec<u8>) -> Option<Vec<u8>> {
    match frame(bytes, MAX_MESSAGE) {
        Ok(Frame::Whole(length)) => Some(bytes.drain(..length).collect()),
        _ => None,
    }
}
