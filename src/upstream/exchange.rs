//! One request and its one answer on a connection that nothing else is sent on: StartTLS, a bind.

use crate::proto::envelope::{Envelope, EnvelopeError};
use crate::proto::framing::{Frame, frame};
use std::io;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The most that is read at once.
const CHUNK: usize = 1024;

/// Why there is no answer.
#[derive(Debug, Error)]
pub(super) enum ExchangeError {
    /// The connection failed or ended.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// What came is not one LDAPMessage and nothing else.
    #[error("answer is malformed")]
    Malformed,
}

/// The bytes of an answer: one whole message.
pub(super) struct Answer(Vec<u8>);

impl Answer {
    /// The message, split.
    pub(super) fn envelope(&self) -> Result<Envelope<'_>, EnvelopeError> {
        Envelope::parse(&self.0)
    }
}

/// Sends a request and waits for one message of at most `limit` bytes.
pub(super) async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    request: &[u8],
    limit: usize,
) -> Result<Answer, ExchangeError> {
    stream.write_all(request).await?;
    stream.flush().await?;
    let mut answer = Vec::new();
    loop {
        match frame(&answer, limit).map_err(|_| ExchangeError::Malformed)? {
            Frame::Whole(length) if length == answer.len() => return Ok(Answer(answer)),
            Frame::Whole(_) => return Err(ExchangeError::Malformed),
            Frame::Partial(_) => {}
        }
        let mut chunk = [0; CHUNK];
        let count = stream.read(&mut chunk).await?;
        if count == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        answer.extend_from_slice(&chunk[..count]);
    }
}
