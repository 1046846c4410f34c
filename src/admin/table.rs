//! The table of operations. The router and the document are both made of it, and each operation's
//! parameters, body and answer are the types of the function that carries it out: none can say what
//! another does not.

use super::answer::Refusal;
use super::asked::{Asked, Body, Place};
use super::desk::{Desk, Needs};
use super::gate::Caller;
use super::limited::Life;
use crate::app::tokens::Role;
use axum::Json;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::IntoResponse;
use axum::routing::{MethodFilter, on};
use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::future::Future;
use std::sync::Arc;

/// What an operation answers.
pub(super) type Told<T> = Result<Json<T>, Refusal>;

/// An answer that is no error.
pub(super) trait Answer: IntoResponse + Send {
    /// Its media type.
    const MEDIA_TYPE: &'static str;
    /// What it looks like; `None` where JSON cannot say it.
    fn schema(generator: &mut SchemaGenerator) -> Option<Schema>;
}

impl<T: Serialize + JsonSchema + Send> Answer for Json<T> {
    const MEDIA_TYPE: &'static str = "application/json";

    fn schema(generator: &mut SchemaGenerator) -> Option<Schema> {
        Some(generator.subschema_for::<T>())
    }
}

/// The methods that the API knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// To look.
    Get,
    /// To do.
    Post,
    /// To set.
    Put,
    /// To change in part.
    Patch,
    /// To take away.
    Delete,
}

impl Method {
    /// The name in a request.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Put => MethodFilter::PUT,
            Self::Patch => MethodFilter::PATCH,
            Self::Delete => MethodFilter::DELETE,
        }
    }
}

/// An operation: where it is, who may ask for it, and what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// The method.
    pub method: Method,
    /// The path below `/api/v1`, with the names of its parts in braces.
    pub path: &'static str,
    /// Its name, by which clients that are generated call it.
    pub id: &'static str,
    /// The least role that may ask for it.
    pub role: Role,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// Whether it may be as long as what is kept.
    pub is_transfer: bool,
}

impl Operation {
    /// The same, of which the answer or the body is as long as what is kept.
    pub(super) const fn as_transfer(self) -> Self {
        Self { is_transfer: true, ..self }
    }
}

/// What is known of an operation's types.
pub(super) struct Described {
    pub(super) operation: Operation,
    pub(super) query: Schema,
    pub(super) body: Option<Schema>,
    pub(super) body_type: &'static str,
    pub(super) media_type: &'static str,
    pub(super) answer: Option<Schema>,
}

/// All operations, with who carries them out.
pub(super) struct Table<N: Needs> {
    pub(super) router: Router<Arc<Desk<N>>>,
    pub(super) operations: Vec<Described>,
    /// The types of what comes in, and of what goes out.
    pub(super) inward: SchemaGenerator,
    pub(super) outward: SchemaGenerator,
}

/// Where types that several operations share stand in the document.
pub(super) const DEFINITIONS: &str = "/components/schemas";

impl<N: Needs> Table<N> {
    pub(super) fn new() -> Self {
        let mut settings = SchemaSettings::draft2020_12();
        settings.meta_schema = None;
        settings.definitions_path = DEFINITIONS.into();
        Self {
            router: Router::new(),
            operations: Vec::new(),
            inward: settings.clone().for_deserialize().into_generator(),
            outward: settings.for_serialize().into_generator(),
        }
    }

    /// Adds an operation that `carry_out` carries out.
    pub(super) fn add<P, Q, B, A, F>(
        &mut self,
        operation: Operation,
        carry_out: impl Fn(Arc<Desk<N>>, Asked<P, Q, B>) -> F + Clone + Send + Sync + 'static,
    ) where
        P: Place,
        Q: DeserializeOwned + JsonSchema + Send + 'static,
        B: Body,
        A: Answer,
        F: Future<Output = Result<A, Refusal>> + Send + 'static,
    {
        debug_assert_eq!(operation.path.matches('{').count(), P::COUNT, "{}", operation.path);
        let (role, is_transfer) = (operation.role, operation.is_transfer);
        let answer = move |State(desk): State<Arc<Desk<N>>>, request: Request| async move {
            let allowed = allowed(&request, role);
            if is_transfer
                && allowed.is_ok()
                && let Some(life) = request.extensions().get::<Life>()
            {
                life.is_for_a_transfer();
            }
            match allowed {
                Ok(()) => match Asked::read(request).await {
                    Ok(asked) => carry_out(desk, asked).await.into_response(),
                    Err(refusal) => refusal.into_response(),
                },
                Err(refusal) => refusal.into_response(),
            }
        };
        let router = std::mem::take(&mut self.router);
        self.router = router.route(operation.path, on(operation.method.filter(), answer));
        self.operations.push(Described {
            operation,
            query: Q::json_schema(&mut self.inward),
            body: B::schema(&mut self.inward),
            body_type: B::MEDIA_TYPE,
            media_type: A::MEDIA_TYPE,
            answer: A::schema(&mut self.outward),
        });
    }
}

/// Whether the token of a request allows what a role allows.
fn allowed(request: &Request, role: Role) -> Result<(), Refusal> {
    match request.extensions().get::<Caller>() {
        None => Err(Refusal::Unauthorised),
        Some(caller) if caller.role < role => Err(Refusal::TooSmall(role)),
        Some(_) => Ok(()),
    }
}

/// A short way to write an operation down.
pub(super) const fn operation(
    method: Method,
    path: &'static str,
    id: &'static str,
    role: Role,
    summary: &'static str,
) -> Operation {
    Operation { method, path, id, role, summary, is_transfer: false }
}
