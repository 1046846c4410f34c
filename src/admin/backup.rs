//! `GET /backup`: the store as it is at one moment, as one file.

use super::answer::Refusal;
use super::server::TokenName;
use crate::app::events::AuditEntry;
use crate::app::ports::{Catalogue, Clock, StoreError};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use futures_core::Stream;
use std::fs::File;
use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;

/// How many bytes are read from the file at a time.
const CHUNK: usize = 128 * 1024;
/// How many of these wait for a client that reads slowly.
const WAITING: usize = 4;

#[derive(Clone)]
struct Shelf<C, K> {
    catalogue: C,
    clock: K,
}

pub(super) fn routes<C: Catalogue, K: Clock>(catalogue: C, clock: K) -> Router {
    Router::new().route("/backup", get(back_up::<C, K>)).with_state(Shelf { catalogue, clock })
}

/// Writers do not wait for it, but the answer begins only when all of it is on disk.
async fn back_up<C: Catalogue, K: Clock>(
    State(shelf): State<Shelf<C, K>>,
    Extension(token): Extension<TokenName>,
) -> Result<Response, Refusal> {
    let Shelf { catalogue, clock } = shelf;
    let copying = catalogue.clone();
    let made = tokio::task::spawn_blocking(move || {
        let mut file = copying.back_up()?;
        let failed = |error: io::Error| StoreError::Failed(error.to_string());
        io::Seek::rewind(&mut file).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        Ok::<_, StoreError>((file, length))
    });
    let (file, length) = made.await.map_err(|_| Refusal::Internal)??;
    let row = AuditEntry::new(clock.now(), "admin", token.0, "backed-up");
    catalogue.note(None, row.saying(format!("{length} bytes"))).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/vnd.sqlite3".to_owned()),
        (header::CONTENT_LENGTH, length.to_string()),
    ];
    Ok((headers, Body::from_stream(Chunks::of(file))).into_response())
}

/// A file in pieces, read on a thread where waiting for a disk holds nobody up.
struct Chunks(mpsc::Receiver<io::Result<Bytes>>);

impl Chunks {
    fn of(mut file: File) -> Self {
        let (chunks, waiting) = mpsc::channel(WAITING);
        tokio::task::spawn_blocking(move || {
            loop {
                let mut chunk = vec![0; CHUNK];
                let read = file.read(&mut chunk).map(|length| {
                    chunk.truncate(length);
                    Bytes::from(chunk)
                });
                let is_last = read.as_ref().map_or(true, Bytes::is_empty);
                let is_end = matches!(&read, Ok(chunk) if chunk.is_empty());
                if is_end || chunks.blocking_send(read).is_err() || is_last {
                    return;
                }
            }
        });
        Self(waiting)
    }
}

impl Stream for Chunks {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx)
    }
}
