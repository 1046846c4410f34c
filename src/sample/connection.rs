//! One client's connection: reads a request, answers it, reads the next.

use super::Server;
use super::answer::{Answer, Identity, answer, refused};
use super::directory::{Found, Refusal};
use super::script::Misbehaviour;
use crate::proto::envelope::Envelope;
use crate::proto::framing::{Frame, frame};
use crate::proto::op::Operation;
use crate::proto::result::{LdapResult, ResultCode};
use std::io;
use std::ops::ControlFlow;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use zeroize::Zeroizing;

/// How many bytes of entries are gathered before they are sent.
const FLUSH: usize = 64 << 10;

/// Whether the connection goes on.
type Flow = io::Result<ControlFlow<()>>;

/// Serves one connection to its end.
pub(super) async fn run(server: &Server, stream: TcpStream, mut stopped: watch::Receiver<()>) {
    let mut connection = Connection { server, stream, identity: None };
    loop {
        let read = read_message(&mut connection.stream, server.limits.message_size);
        let message = tokio::select! {
            // The sender is dropped at the shutdown, which ends the wait.
            _ = stopped.changed() => Err(Broken::Stopped),
            message = read => message,
        };
        let (code, text) = match message {
            Ok(message) => match connection.serve(&message).await {
                Ok(ControlFlow::Continue(())) => continue,
                Ok(ControlFlow::Break(())) | Err(_) => return,
            },
            Err(Broken::Gone) => return,
            Err(Broken::Malformed) => (ResultCode::PROTOCOL_ERROR, "malformed message"),
            Err(Broken::Stopped) => (ResultCode::UNAVAILABLE, "the server is shutting down"),
        };
        return refuse(connection.stream, code, text).await;
    }
}

/// Sends a Notice of Disconnection and closes.
pub(super) async fn refuse(mut stream: TcpStream, code: ResultCode, text: &str) {
    let mut out = Vec::new();
    LdapResult::new(code, text).write_notice(&mut out);
    // The client may be gone already: then there is nobody left to tell.
    let _ = stream.write_all(&out).await;
    let _ = stream.shutdown().await;
}

struct Connection<'s> {
    server: &'s Server,
    stream: TcpStream,
    identity: Identity,
}

impl Connection<'_> {
    async fn serve(&mut self, message: &[u8]) -> Flow {
        let request = match Envelope::parse(message) {
            Ok(request) if request.id.get() != 0 && request.operation.is_request() => request,
            _ => return self.disconnect().await,
        };
        match self.server.script.next(request.operation) {
            None => self.answer(&request, None).await,
            Some(misbehaviour) => self.misbehave(&request, misbehaviour).await,
        }
    }

    async fn misbehave(&mut self, request: &Envelope<'_>, what: &Misbehaviour) -> Flow {
        match what {
            Misbehaviour::Delay(time) => {
                tokio::time::sleep(*time).await;
                self.answer(request, None).await
            }
            Misbehaviour::Hold(gate) => {
                // A closed semaphore lets everything pass.
                if let Ok(permit) = gate.acquire().await {
                    permit.forget();
                }
                self.answer(request, None).await
            }
            Misbehaviour::Answer(code) => {
                let refusal = Refusal::new(*code, "scripted");
                self.send(&refused(request, &refusal)).await
            }
            Misbehaviour::AnswerAfterEntries(count, code) => {
                self.answer(request, Some(Cut { count: *count, end: Some(*code) })).await
            }
            Misbehaviour::CloseAfterEntries(count) => {
                if request.operation == Operation::SearchRequest {
                    // Whatever the answer says, the connection ends.
                    let _flow =
                        self.answer(request, Some(Cut { count: *count, end: None })).await?;
                }
                Ok(ControlFlow::Break(()))
            }
            Misbehaviour::Garbage(bytes) => self.send(bytes).await,
        }
    }

    async fn answer(&mut self, request: &Envelope<'_>, cut: Option<Cut>) -> Flow {
        let Server { directory, limits, .. } = self.server;
        match answer(directory, limits, &mut self.identity, request) {
            Ok(Answer::Nothing) => Ok(ControlFlow::Continue(())),
            Ok(Answer::Goodbye) => Ok(ControlFlow::Break(())),
            Ok(Answer::Message(message)) => self.send(&message).await,
            Ok(Answer::Entries(found)) => self.send_entries(request, found, cut).await,
            Err(_) => self.disconnect().await,
        }
    }

    async fn send_entries(
        &mut self,
        request: &Envelope<'_>,
        found: Found,
        cut: Option<Cut>,
    ) -> Flow {
        let natural = match found.cut_short {
            true => ResultCode::SIZE_LIMIT_EXCEEDED,
            false => ResultCode::SUCCESS,
        };
        let cut = cut.unwrap_or(Cut { count: usize::MAX, end: Some(natural) });
        let mut out = Vec::new();
        for entry in found.entries.iter().take(cut.count) {
            entry.write(&mut out, request.id);
            if out.len() >= FLUSH {
                self.stream.write_all(&out).await?;
                out.clear();
            }
        }
        if let Some(code) = cut.end {
            out.extend_from_slice(&refused(request, &Refusal::new(code, "")));
        }
        self.send(&out).await
    }

    async fn send(&mut self, bytes: &[u8]) -> Flow {
        self.stream.write_all(bytes).await?;
        Ok(ControlFlow::Continue(()))
    }

    async fn disconnect(&mut self) -> Flow {
        let mut out = Vec::new();
        LdapResult::new(ResultCode::PROTOCOL_ERROR, "malformed message").write_notice(&mut out);
        self.stream.write_all(&out).await?;
        Ok(ControlFlow::Break(()))
    }
}

/// Where a scripted search ends: after `count` entries, with a code or without a word.
struct Cut {
    count: usize,
    end: Option<ResultCode>,
}

/// Why there is no further message.
enum Broken {
    /// The client closed or the socket failed.
    Gone,
    /// The client sent what is no message, or one that is too large.
    Malformed,
    /// The server is shutting down.
    Stopped,
}

/// Reads one message into a buffer of its own, which is wiped when it is dropped: it may hold a
/// password. Nothing is allocated before the declared length was held against `limit`.
async fn read_message(stream: &mut TcpStream, limit: usize) -> Result<Zeroizing<Vec<u8>>, Broken> {
    let mut message = Zeroizing::new(Vec::new());
    loop {
        let needed = match frame(&message, limit) {
            Ok(Frame::Whole(_)) => return Ok(message),
            Ok(Frame::Partial(needed)) => needed,
            Err(_) => return Err(Broken::Malformed),
        };
        let have = message.len();
        // Only a header can have been read so far: growing leaves no password behind.
        message.resize(needed, 0);
        stream.read_exact(&mut message[have..]).await.map_err(|_| Broken::Gone)?;
    }
}
