//! Long answers bit by bit: made on a thread where waiting for a disk or a client holds nobody up.

use axum::body::Bytes;
use futures_core::Stream;
use std::fs::File;
use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;

/// How many bytes of a file are read at a time.
const CHUNK: usize = 128 * 1024;
/// How many pieces wait for a client that reads slowly.
const WAITING: usize = 4;

/// The pieces of an answer.
pub(super) struct Streamed(mpsc::Receiver<io::Result<Bytes>>);

impl Streamed {
    /// What an iterator gives; it is asked no further once the client is gone.
    pub(super) fn of(pieces: impl Iterator<Item = io::Result<Bytes>> + Send + 'static) -> Self {
        let (told, waiting) = mpsc::channel(WAITING);
        tokio::task::spawn_blocking(move || {
            for piece in pieces {
                let is_last = piece.is_err();
                if told.blocking_send(piece).is_err() || is_last {
                    return;
                }
            }
        });
        Self(waiting)
    }

    /// A file from where it stands.
    pub(super) fn file(mut file: File) -> Self {
        Self::of(std::iter::from_fn(move || {
            let mut chunk = vec![0; CHUNK];
            match file.read(&mut chunk) {
                Ok(0) => None,
                Ok(length) => {
                    chunk.truncate(length);
                    Some(Ok(Bytes::from(chunk)))
                }
                Err(error) => Some(Err(error)),
            }
        }))
    }
}

impl Stream for Streamed {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx)
    }
}
