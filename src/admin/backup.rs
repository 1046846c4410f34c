//! `GET /backup`: the store as it is at one moment, as one file.

use super::answer::Refusal;
use super::server::TokenName;
use super::streamed::Streamed;
use crate::app::events::AuditEntry;
use crate::app::ports::{Catalogue, Clock, StoreError};
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use std::io;

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
    Ok((headers, Body::from_stream(Streamed::file(file))).into_response())
}
