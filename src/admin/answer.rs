//! Answers: JSON, and the one shape that every error has: problem details (RFC 9457).

use crate::app::edits::EditError;
use crate::app::groups::GroupError;
use crate::app::oversight::DecideError;
use crate::app::ports::StoreError;
use crate::app::sessions::EndError;
use crate::app::switches::SetError;
use crate::app::tokens::{Role, TokenFault};
use crate::app::view_switches;
use crate::domain::observation::UnknownReason;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use std::time::Duration;

/// A page of a listing.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ListOf{T}")]
pub(super) struct List<T> {
    pub(super) items: Vec<T>,
    /// The cursor of the page behind; null if there is none.
    pub(super) next: Option<String>,
    /// How many there are on all pages, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) total: Option<usize>,
}

impl<T> List<T> {
    /// All that there are.
    pub(super) fn whole(items: Vec<T>) -> Self {
        Self { items, next: None, total: None }
    }

    /// A page.
    pub(super) fn page(items: Vec<T>, next: Option<String>) -> Self {
        Self { items, next, total: None }
    }
}

/// Why something was not done (RFC 9457).
#[derive(Serialize, JsonSchema)]
pub(super) struct Problem {
    /// Always `about:blank`: the status says what kind of problem it is.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status, in words.
    title: &'static str,
    status: u16,
    /// A short, stable name.
    error: &'static str,
    /// One or more sentences for a person.
    detail: String,
    /// What an ambiguous name could mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    candidates: Option<Vec<serde_json::Value>>,
}

/// Why a request has no other answer.
#[derive(Debug)]
pub(super) enum Refusal {
    /// No token, or not the right one: the same answer to both.
    Unauthorised,
    /// The token's role is less than this one.
    TooSmall(Role),
    /// More was asked than is let in; how long until there is room.
    TooOften(Duration),
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
    /// The body is beyond a limit of its own, which is named.
    TooLarge(&'static str),
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

impl From<TokenFault> for Refusal {
    fn from(error: TokenFault) -> Self {
        let detail = error.to_string();
        match error {
            TokenFault::Store(error) => Self::Store(error),
            TokenFault::BadName | TokenFault::Past => Self::BadRequest(detail),
            TokenFault::Exists(_) | TokenFault::TooMany(_) => Self::Conflict(detail),
            TokenFault::NotFound(_) => Self::NotFound(detail),
        }
    }
}

impl From<EndError> for Refusal {
    fn from(error: EndError) -> Self {
        match error {
            EndError::NotFound(_) => Self::NotFound(error.to_string()),
            EndError::Store(error) => Self::Store(error),
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
            Self::TooSmall(role) => {
                let detail = format!("the token's role does not allow it: {} does", role.name());
                (StatusCode::FORBIDDEN, "forbidden", detail)
            }
            Self::TooOften(_) => {
                let detail = "too many requests: there is room again in a moment".to_owned();
                (StatusCode::TOO_MANY_REQUESTS, "too-many-requests", detail)
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
            Self::TooLarge(limit) => {
                (StatusCode::PAYLOAD_TOO_LARGE, "bad-request", format!("beyond {limit}"))
            }
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

/// On an answer to a request beyond a limit of its own: that limit's name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hit(pub(super) &'static str);

impl IntoResponse for Refusal {
    fn into_response(mut self) -> Response {
        let candidates = match &mut self {
            Self::Ambiguous { candidates, .. } => candidates.as_array().cloned(),
            _ => None,
        };
        let wait = match &self {
            Self::TooOften(wait) => Some(wait.as_secs() + 1),
            _ => None,
        };
        let hit = match &self {
            Self::TooLarge(limit) => Some(Hit(limit)),
            _ => None,
        };
        let (status, error, detail) = self.parts();
        let title = status.canonical_reason().unwrap_or("Error");
        let kind = "about:blank";
        let problem = Problem { kind, title, status: status.as_u16(), error, detail, candidates };
        let mut response = (status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(wait) = wait {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait));
        }
        hit.map(|hit| response.extensions_mut().insert(hit));
        response
    }
}
