//! Answers: JSON, and the one shape that every error has.

use crate::app::edits::EditError;
use crate::app::groups::GroupError;
use crate::app::oversight::DecideError;
use crate::app::ports::StoreError;
use crate::app::switches::SetError;
use crate::app::view_switches;
use crate::domain::observation::UnknownReason;
use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// A listing: `{items, next}`.
#[derive(Serialize)]
pub(super) struct List<T> {
    pub(super) items: Vec<T>,
    pub(super) next: Option<String>,
}

/// Why a request has no other answer: `{error, detail}`, and `candidates` where a name was
/// ambiguous.
#[derive(Debug)]
pub(super) enum Refusal {
    /// No token, or not the right one: the same answer to both.
    Unauthorised,
    /// What was asked for is not there.
    NotFound(String),
    /// The path leads nowhere.
    NoSuchPath,
    /// The path does not take the method.
    NoSuchMethod,
    /// The request makes no sense.
    BadRequest(String),
    /// A framework's refusal of a body or a query, with its own status.
    Rejected(StatusCode, String),
    /// The name leads to several.
    Ambiguous { detail: String, candidates: serde_json::Value },
    /// The store cannot do it now.
    Store(StoreError),
    /// What a directory was asked for could not be told.
    Unknown(UnknownReason),
    /// It is there already, or still in use.
    Conflict(String),
    /// A fault of ours.
    Internal,
}

impl From<SetError> for Refusal {
    fn from(error: SetError) -> Self {
        let detail = error.to_string();
        match error {
            SetError::NotFound(_) => Self::NotFound(detail),
            SetError::Ambiguous(names) => Self::Ambiguous { detail, candidates: names.into() },
            SetError::Store(error) => Self::Store(error),
        }
    }
}

impl From<view_switches::SetError> for Refusal {
    fn from(error: view_switches::SetError) -> Self {
        match error {
            view_switches::SetError::Store(error) => Self::Store(error),
            other @ view_switches::SetError::NotFound(_) => Self::NotFound(other.to_string()),
        }
    }
}

impl From<DecideError> for Refusal {
    fn from(error: DecideError) -> Self {
        match error {
            DecideError::Store(error) => Self::Store(error),
            other => Self::NotFound(other.to_string()),
        }
    }
}

impl From<EditError> for Refusal {
    fn from(error: EditError) -> Self {
        match error {
            EditError::Store(error) => Self::Store(error),
            EditError::Past => Self::BadRequest(error.to_string()),
            EditError::NotFound
            | EditError::NotInReview
            | EditError::NotPinned
            | EditError::NotMember => Self::NotFound(error.to_string()),
        }
    }
}

impl From<GroupError> for Refusal {
    fn from(error: GroupError) -> Self {
        match error {
            GroupError::Store(error) => Self::Store(error),
            GroupError::BadName(_) | GroupError::NotOwn(_) => Self::BadRequest(error.to_string()),
            GroupError::Exists(_) | GroupError::InUse(_) => Self::Conflict(error.to_string()),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Refusal {
    fn parts(self) -> (StatusCode, &'static str, String) {
        match self {
            Self::Unauthorised => {
                let detail = "a valid bearer token is required".to_owned();
                (StatusCode::UNAUTHORIZED, "unauthorised", detail)
            }
            Self::NotFound(detail) => (StatusCode::NOT_FOUND, "not-found", detail),
            Self::NoSuchPath => {
                (StatusCode::NOT_FOUND, "no-such-path", "the path leads nowhere".to_owned())
            }
            Self::NoSuchMethod => {
                let detail = "the path does not take this method".to_owned();
                (StatusCode::METHOD_NOT_ALLOWED, "no-such-method", detail)
            }
            Self::BadRequest(detail) => (StatusCode::BAD_REQUEST, "bad-request", detail),
            Self::Rejected(status, detail) => (status, "bad-request", detail),
            Self::Ambiguous { detail, .. } => (StatusCode::CONFLICT, "ambiguous", detail),
            Self::Store(error) => (StatusCode::SERVICE_UNAVAILABLE, "store", error.to_string()),
            Self::Unknown(reason) => {
                let detail = format!("the directory could not tell: {reason}");
                (StatusCode::SERVICE_UNAVAILABLE, "unknown", detail)
            }
            Self::Conflict(detail) => (StatusCode::CONFLICT, "conflict", detail),
            Self::Internal => {
                let detail = "the gateway failed to answer".to_owned();
                (StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
            }
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(mut self) -> Response {
        let candidates = match &mut self {
            Self::Ambiguous { candidates, .. } => Some(candidates.take()),
            _ => None,
        };
        let (status, error, detail) = self.parts();
        let mut body = serde_json::json!({ "error": error, "detail": detail });
        if let Some(candidates) = candidates {
            body["candidates"] = candidates;
        }
        let mut response = (status, Json(body)).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let value = axum::http::HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
        }
        response
    }
}
