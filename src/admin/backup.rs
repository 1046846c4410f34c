//! `GET /backup`: the store as it is at one moment, as one file.

use super::answer::Refusal;
use super::asked::Asked;
use super::desk::{Desk, Needs};
use super::streamed::Streamed;
use super::table::{Answer, Method::Get, Table, operation};
use crate::app::events::AuditEntry;
use crate::app::ports::{Catalogue, Clock, StoreError};
use crate::app::tokens::Role::Admin;
use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use schemars::{Schema, SchemaGenerator};
use std::fs::File;
use std::io;
use std::sync::Arc;

pub(super) fn operations<N: Needs>(table: &mut Table<N>) {
    let what = "The store as it is at one moment, as one file.";
    table.add(operation(Get, "/backup", "backUp", Admin, what).as_transfer(), back_up::<N>);
}

/// A backup with its length.
struct Backup(File, u64);

impl IntoResponse for Backup {
    fn into_response(self) -> Response {
        let headers = [
            (header::CONTENT_TYPE, Self::MEDIA_TYPE.to_owned()),
            (header::CONTENT_LENGTH, self.1.to_string()),
        ];
        (headers, Body::from_stream(Streamed::file(self.0))).into_response()
    }
}

impl Answer for Backup {
    const MEDIA_TYPE: &'static str = "application/vnd.sqlite3";

    fn schema(_: &mut SchemaGenerator) -> Option<Schema> {
        None
    }
}

/// Writers do not wait for it, but the answer begins only when all of it is on disk.
async fn back_up<N: Needs>(desk: Arc<Desk<N>>, asked: Asked) -> Result<Backup, Refusal> {
    let copying = desk.catalogue.clone();
    let made = tokio::task::spawn_blocking(move || {
        let mut file = copying.back_up()?;
        let failed = |error: io::Error| StoreError::Failed(error.to_string());
        io::Seek::rewind(&mut file).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        Ok::<_, StoreError>(Backup(file, length))
    });
    let backup = made.await.map_err(|_| Refusal::Internal)??;
    let row = AuditEntry::new(desk.clock.now(), "admin", &asked.who, "backed-up");
    desk.catalogue.note(None, row.saying(format!("{} bytes", backup.1))).await?;
    Ok(backup)
}
