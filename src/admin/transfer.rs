//! `GET /export` and `POST /import`: records, groups and switches as text.

use super::answer::Refusal;
use super::asked::{self, Asked};
use super::desk::{Desk, Needs};
use super::streamed::Streamed;
use super::table::{Answer, Method::Get, Method::Post, Table, Told, operation};
use crate::app::events::AuditEntry;
use crate::app::ports::{Catalogue, Clock};
use crate::app::tokens::Role::{Admin, Operate};
use crate::app::transfer::{self, Export, Format, MAX_WRONGS, Wrong};
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_core::Stream;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

/// The most bytes of an import.
#[derive(Debug, Clone, Copy)]
pub(super) struct MaxImport(pub(super) usize);

pub(super) fn operations<N: Needs>(table: &mut Table<N>) {
    let what = "Records, groups and switches as text, which another gateway can import.";
    table.add(operation(Get, "/export", "export", Operate, what).as_transfer(), export::<N>);
    let what = "Take over what another gateway has exported: all of it, or nothing.";
    table.add(operation(Post, "/import", "import", Admin, what).as_transfer(), import::<N>);
}

/// How an export is written.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum ExportFormat {
    /// One JSON object a line.
    #[default]
    Jsonl,
    /// LDIF (RFC 2849).
    Ldif,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ExportQuery {
    /// How it is written.
    #[serde(default)]
    format: ExportFormat,
}

/// An export that is being written.
struct Exported(Streamed, &'static str);

impl IntoResponse for Exported {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, self.1)], Body::from_stream(self.0)).into_response()
    }
}

impl Answer for Exported {
    const MEDIA_TYPE: &'static str = "text/plain";

    fn schema(_: &mut SchemaGenerator) -> Option<Schema> {
        None
    }
}

async fn export<N: Needs>(
    desk: Arc<Desk<N>>,
    asked: Asked<(), ExportQuery>,
) -> Result<Exported, Refusal> {
    let row = AuditEntry::new(desk.clock.now(), "admin", &asked.who, "exported");
    desk.catalogue.note(None, row).await?;
    let format = match asked.query.format {
        ExportFormat::Jsonl => Format::JsonLines,
        ExportFormat::Ldif => Format::Ldif,
    };
    let pieces = Export::new(desk.catalogue.clone(), format).map(|piece| Ok(Bytes::from(piece)));
    Ok(Exported(Streamed::of(pieces), "text/plain; charset=utf-8"))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ImportQuery {
    /// Only judge it.
    #[serde(default)]
    dry_run: bool,
}

/// What was exported, of either format.
struct ExportText(Vec<u8>);

impl asked::Body for ExportText {
    const MEDIA_TYPE: &'static str = "text/plain";

    async fn read(request: Request) -> Result<Self, Refusal> {
        let most = request.extensions().get::<MaxImport>().map_or(0, |most| most.0);
        let mut pieces = request.into_body().into_data_stream();
        let mut text = Vec::new();
        while let Some(piece) = poll_fn(|cx| Pin::new(&mut pieces).poll_next(cx)).await {
            let piece = piece.map_err(|error| Refusal::BadRequest(error.to_string()))?;
            if text.len() + piece.len() > most {
                return Err(Refusal::TooLarge("admin.max_import"));
            }
            text.extend_from_slice(&piece);
        }
        Ok(Self(text))
    }

    fn schema(_: &mut SchemaGenerator) -> Option<Schema> {
        Some(json_schema!({ "type": "string" }))
    }
}

/// What was imported, or would be.
#[derive(Serialize, JsonSchema)]
struct Imported {
    /// How many records.
    users: usize,
    /// How many groups.
    groups: usize,
    /// How many switches.
    switches: usize,
}

async fn import<N: Needs>(
    desk: Arc<Desk<N>>,
    asked: Asked<(), ImportQuery, ExportText>,
) -> Told<Imported> {
    let audit = AuditEntry::new(desk.clock.now(), "admin", &asked.who, "imported");
    let (judging, ExportText(text)) = (desk.catalogue.clone(), asked.body);
    // It may be long, and nothing else here waits for it.
    let read = tokio::task::spawn_blocking(move || {
        let text = std::str::from_utf8(&text).map_err(|_| "it is no UTF-8 text".to_owned())?;
        transfer::read(text, &judging, audit).map_err(|wrongs| told(&wrongs))
    });
    let mut import = read.await.map_err(|_| Refusal::Internal)?.map_err(Refusal::BadRequest)?;
    let counted = transfer::count(&import);
    let imported = Imported {
        users: import.users.len(),
        groups: import.groups.len(),
        switches: import.switches.len(),
    };
    if !asked.query.dry_run {
        import.audit = import.audit.saying(counted);
        desk.catalogue.import(import).await?;
    }
    Ok(Json(imported))
}

/// One fault a line.
fn told(wrongs: &[Wrong]) -> String {
    let mut lines: Vec<String> =
        wrongs.iter().map(|wrong| format!("line {}: {}", wrong.line, wrong.what)).collect();
    if wrongs.len() >= MAX_WRONGS {
        lines.push("and perhaps more".to_owned());
    }
    lines.join("\n")
}
