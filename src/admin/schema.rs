//! `/api/v1/openapi.json`: what there is to ask for.

use super::asked::Asked;
use super::desk::{Desk, Needs};
use super::table::{Method::Get, Table, Told, operation};
use crate::app::tokens::Role::Read;
use axum::Json;
use serde_json::{Map, Value};
use std::sync::Arc;

pub(super) fn operations<N: Needs>(table: &mut Table<N>) {
    let what = "This document.";
    table.add(operation(Get, "/openapi.json", "showDocument", Read, what), show::<N>);
}

async fn show<N: Needs>(desk: Arc<Desk<N>>, _: Asked) -> Told<Map<String, Value>> {
    Ok(Json(desk.document.as_object().cloned().unwrap_or_default()))
}
