//! What an admin does to one user: `/api/v1/users/{ref}/…`. Every answer says what the next sign-on
//! will do to it.

use super::answer::Refusal;
use super::desk::Desk;
use super::json::{Summary, rfc3339};
use super::server::TokenName;
use crate::app::edits::{self, Edit, Edited, Pin};
use crate::app::forecast::{Forecast, Rules, after_forgetting, forecast};
use crate::app::ports::{Catalogue, Clock};
use crate::domain::policy::Switch;
use crate::domain::record::{Group, MembershipKey, Provenance};
use crate::domain::time::Timestamp;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Extension, Path, State};
use axum::routing::{patch, post, put};
use axum::{Json, Router};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use std::sync::Arc;

/// The most bytes of a name for people.
const MAX_NAME: usize = 1024;

type Shared<C, K> = Arc<Desk<C, K>>;
type OneRef = Result<Path<String>, PathRejection>;
type TwoRefs = Result<Path<(String, String)>, PathRejection>;
type Answer = Result<Json<Value>, Refusal>;

pub(super) fn routes<C: Catalogue, K: Clock>(desk: Shared<C, K>) -> Router {
    Router::new()
        .route("/users/{ref}", patch(change::<C, K>).delete(forget::<C, K>))
        .route("/users/{ref}/disable", post(disable::<C, K>))
        .route("/users/{ref}/enable", post(enable::<C, K>))
        .route("/users/{ref}/sync", post(sync::<C, K>))
        .route("/users/{ref}/pins/{group}", put(pin::<C, K>).delete(unpin::<C, K>))
        .route("/users/{ref}/groups/{group}", put(join::<C, K>).delete(leave::<C, K>))
        .route("/users/{ref}/groups/{group}/confirm", post(confirm::<C, K>))
        .with_state(desk)
}

fn one(path: OneRef) -> Result<String, Refusal> {
    path.map(|Path(reference)| reference).map_err(|error| Refusal::BadRequest(error.body_text()))
}

fn two(path: TwoRefs) -> Result<(String, String), Refusal> {
    path.map(|Path(both)| both).map_err(|error| Refusal::BadRequest(error.body_text()))
}

fn body<T>(body: Result<Json<T>, JsonRejection>) -> Result<T, Refusal> {
    body.map(|Json(body)| body)
        .map_err(|error| Refusal::Rejected(error.status(), error.body_text()))
}

/// Makes an edit to its end, although the client hangs up, and says what becomes of it.
async fn make<C: Catalogue, K: Clock>(
    desk: Shared<C, K>,
    reference: String,
    edit: Edit,
    group: Option<Group>,
    who: &'static str,
) -> Answer {
    let making = async move {
        let user = desk.user(&reference)?;
        let made = edits::make(&desk.catalogue, &desk.clock, &user.record.key, &edit, who);
        let edited = made.await?;
        told(&desk, &edit, &edited, group.as_ref())
    };
    tokio::spawn(making).await.map_err(|_| Refusal::Internal)?
}

fn told<C: Catalogue, K: Clock>(
    desk: &Desk<C, K>,
    edit: &Edit,
    edited: &Edited,
    group: Option<&Group>,
) -> Answer {
    let Edited { before, after } = edited;
    let rules = Rules { user_type: desk.user_type(after), switch: desk.switch(after), group };
    let next = forecast(edit, before, after, rules);
    let stored = desk.catalogue.find(&after.key);
    let user = stored.as_ref().map(Summary::new);
    let changed = before.version != after.version;
    Ok(Json(json!({ "user": user, "changed": changed, "next_sign_on": told_forecast(next) })))
}

fn told_forecast(next: Forecast) -> Value {
    let mut told = json!({ "what": next.name(), "text": next.text() });
    if let Forecast::StaysUntil(until) = next {
        told["until"] = rfc3339(until).into();
    }
    told
}

async fn disable<C: Catalogue, K: Clock>(
    State(desk): State<Shared<C, K>>,
    Extension(TokenName(who)): Extension<TokenName>,
    path: OneRef,
) -> Answer {
    make(desk, one(path)?, Edit::Disable, None, who).await
}

async fn enable<C: Catalogue, K: Clock>(
    State(desk): State<Shared<C, K>>,
    Extension(TokenName(who)): Extension<TokenName>,
    path: OneRef,
) -> Answer {
    make(desk, one(path)?, Edit::Enable, None, who).await
}

/// A pin: `{"pin": "allow" | "deny", "until": "2026-01-01T00:00:00Z" | null}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PinBody {
    pin: String,
    #[serde(default)]
    until: Option<String>,
}

async fn pin<C: Catalogue, K: Clock>(
    State(desk): State<Shared<C, K>>,
    Extension(TokenName(who)): Extension<TokenName>,
    path: TwoRefs,
    asked: Result<Json<PinBody>, JsonRejection>,
) -> Answer {
    let (reference, group) = two(path)?;
    let PinBody { pin, until } = body(asked)?;
    let pin = match pin.as_str() {
        "allow" => Pin::Allow,
        "deny" => Pin::Deny,
        other => return Err(Refusal::BadRequest(format!("pin must be allow or deny: {other:?}"))),
    };
    let until = until.as_deref().map(moment).transpose()?;
    let user = desk.user(&reference)?;
    let group = desk.group_for(&user.record, &group).await?;
    let edit = Edit::Pin { group: group.clone(), pin, until };
    make(desk, reference, edit, Some(group), who).await
}

/// A moment from RFC 3339.
pub(super) fn moment(text: &str) -> Result<Timestamp, Refusal> {
    let parsed: Result<jiff::Timestamp, _> = text.parse();
    let wrong = |_| Refusal::BadRequest(format!("{text:?} is no time as RFC 3339 writes it"));
    parsed.map(|at| Timestamp(at.as_microsecond())).map_err(wrong)
}

async fn unpin<C: Catalogue, K: Clock>(
    State(desk): State<Shared<C, K>>,
    Extension(TokenName(who)): Extension<TokenName>,
    path: TwoRefs,
) -> Answer {
    let (reference, group) = two(path)?;
    let user = desk.user(&reference)?;
    let group = desk.group_for(&user.record, &group).await?;
    make(desk, reference, Edit::Unpin(group.id.clone()), Some(group), who).await
}

async fn join<C: Catalogue, K: Clock>(
    State(desk): State<Shared<C, K>>,
    Extension(TokenName(who)): Extension<TokenName>,
    path: TwoRefs,
) -> Answer {
    let (reference, group) = two(path)?;
    let user = desk.user(&reference)?;
    let group = desk.group_for(&user.record, &group).await?;
    make(desk, reference, Edit::Join(group.clone()), Some(group), who).await
}

async fn leave<C: Catalogue, K: Clock>(
    State(desk): State<Shared<C, K>>,
    Extension(TokenName(who)): Extension<TokenName>,
    path: TwoRefs,
) -> Answer {
    let (reference, group) = two(path)?;
    let user = desk.user(&reference)?;
    let group = desk.group_for(&user.record, &group).await?;
    make(desk, reference, Edit::Leave(group.id.clone()), Some(group), who).await
}

async fn confirm<C: Catalogue, K: Clock>(
    State(desk): State<Shared<C, K>>,
    Extension(TokenName(who)): Extension<TokenName>,
    path: TwoRefs,
) -> Answer {
    let (reference, group) = two(path)?;
    let user = desk.user(&reference)?;
    let group = desk.group_for(&user.record, &group).await?;
    let key = MembershipKey { group: group.id.clone(), provenance: Provenance::Local };
    make(desk, reference, Edit::Confirm(key), Some(group), who).await
}

/// What may be changed of a user: one of these. `null` takes it back; its absence leaves it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Patch {
    #[serde(default, deserialize_with = "given")]
    display_name: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    update_on_sign_on: Option<Option<bool>>,
}

/// A field that is there, also as `null`.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

async fn change<C: Catalogue, K: Clock>(
    State(desk): State<Shared<C, K>>,
    Extension(TokenName(who)): Extension<TokenName>,
    path: OneRef,
    asked: Result<Json<Patch>, JsonRejection>,
) -> Answer {
    let reference = one(path)?;
    let edit = match body(asked)? {
        Patch { display_name: Some(name), update_on_sign_on: None } => {
            let is_bad = |name: &String| name.trim().is_empty() || name.len() > MAX_NAME;
            if name.as_ref().is_some_and(is_bad) {
                let detail = format!("a display name has 1 to {MAX_NAME} bytes and is not blank");
                return Err(Refusal::BadRequest(detail));
            }
            Edit::Name(name)
        }
        Patch { display_name: None, update_on_sign_on: Some(value) } => {
            Edit::Switch(value.map(Switch::from_bool))
        }
        _ => {
            let detail = "one of display_name and update_on_sign_on is to be given";
            return Err(Refusal::BadRequest(detail.to_owned()));
        }
    };
    make(desk, reference, edit, None, who).await
}

async fn forget<C: Catalogue, K: Clock>(
    State(desk): State<Shared<C, K>>,
    Extension(TokenName(who)): Extension<TokenName>,
    path: OneRef,
) -> Answer {
    let reference = one(path)?;
    let forgetting = async move {
        let user = desk.user(&reference)?;
        let next = after_forgetting(desk.user_type(&user.record));
        edits::forget(&desk.catalogue, &desk.clock, &user.record.key, who).await?;
        Ok(Json(json!({ "forgotten": true, "next_sign_on": told_forecast(next) })))
    };
    tokio::spawn(forgetting).await.map_err(|_| Refusal::Internal)?
}

async fn sync<C: Catalogue, K: Clock>(State(desk): State<Shared<C, K>>, path: OneRef) -> Answer {
    let reference = one(path)?;
    let syncing = async move {
        let key = desk.user(&reference)?.record.key.clone();
        let none = || Refusal::NotFound(format!("no directory is called {:?}", &*key.directory));
        let outcome = desk.live.sync(key.clone()).await.ok_or_else(none)?;
        let stored = desk.catalogue.find(&key);
        let user = stored.as_ref().map(Summary::new);
        let reason = match outcome {
            crate::app::events::SignOnOutcome::Unknown(reason) => Some(reason.to_string()),
            _ => None,
        };
        Ok(Json(json!({ "outcome": outcome.name(), "unknown": reason, "user": user })))
    };
    tokio::spawn(syncing).await.map_err(|_| Refusal::Internal)?
}
