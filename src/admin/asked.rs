//! What a request asks for: read out of it in one way for all paths, and described in the document by
//! the same types.

use super::answer::Refusal;
use super::gate::Caller;
use axum::RequestExt;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{Json, Query, RawPathParams, Request};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::future::Future;
use std::sync::Arc;

/// A request: who asks, and the parts of its path, its query and its body that mean something.
pub(super) struct Asked<P = (), Q = Nothing, B = Nothing> {
    /// The name of the token that it bore.
    pub(super) who: Arc<str>,
    pub(super) path: P,
    pub(super) query: Q,
    pub(super) body: B,
}

/// No query, or no body.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// The parts of a path that vary.
pub(super) trait Place: Sized + Send + 'static {
    /// How many there are.
    const COUNT: usize;
    /// They, in their order.
    fn read(values: Vec<String>) -> Option<Self>;
}

impl Place for () {
    const COUNT: usize = 0;

    fn read(values: Vec<String>) -> Option<Self> {
        values.is_empty().then_some(())
    }
}

impl Place for String {
    const COUNT: usize = 1;

    fn read(values: Vec<String>) -> Option<Self> {
        let [one] = values.try_into().ok()?;
        Some(one)
    }
}

impl Place for (String, String) {
    const COUNT: usize = 2;

    fn read(values: Vec<String>) -> Option<Self> {
        let [first, second] = values.try_into().ok()?;
        Some((first, second))
    }
}

/// The body of a request.
pub(super) trait Body: Sized + Send + 'static {
    /// Its media type.
    const MEDIA_TYPE: &'static str = "application/json";
    /// Reads it.
    fn read(request: Request) -> impl Future<Output = Result<Self, Refusal>> + Send;
    /// What it looks like; `None` if there is none.
    fn schema(generator: &mut SchemaGenerator) -> Option<Schema>;
}

impl Body for Nothing {
    async fn read(_: Request) -> Result<Self, Refusal> {
        Ok(Self {})
    }

    fn schema(_: &mut SchemaGenerator) -> Option<Schema> {
        None
    }
}

impl<T: DeserializeOwned + JsonSchema + Send + 'static> Body for Json<T> {
    async fn read(request: Request) -> Result<Self, Refusal> {
        let read = request.extract::<Self, _>().await;
        read.map_err(|error| Refusal::Rejected(error.status(), error.body_text()))
    }

    fn schema(generator: &mut SchemaGenerator) -> Option<Schema> {
        Some(generator.subschema_for::<T>())
    }
}

impl<P: Place, Q: DeserializeOwned + Send, B: Body> Asked<P, Q, B> {
    /// Reads a request that was let in.
    pub(super) async fn read(mut request: Request) -> Result<Self, Refusal> {
        let caller = request.extensions_mut().remove::<Caller>();
        let Caller { name: who, .. } = caller.ok_or(Refusal::Unauthorised)?;
        let values = match request.extract_parts::<RawPathParams>().await {
            Ok(values) => values.iter().map(|(_, value)| value.to_owned()).collect(),
            Err(RawPathParamsRejection::MissingPathParams(_)) => Vec::new(),
            Err(error) => return Err(Refusal::BadRequest(error.body_text())),
        };
        let path = P::read(values).ok_or(Refusal::Internal)?;
        let query = Query::<Q>::try_from_uri(request.uri());
        let Query(query) = query.map_err(|error| Refusal::BadRequest(error.body_text()))?;
        let body = B::read(request).await?;
        Ok(Self { who, path, query, body })
    }
}
