//! What an admin does to one user: `/api/v1/users/{ref}/…`. Every answer says what the next sign-on
//! will do to it.

use super::answer::Refusal;
use super::asked::{Asked, Nothing};
use super::desk::{Desk, Needs};
use super::json::{Time, UserSummary, moment, rfc3339};
use super::table::{
    Method::{Delete, Patch, Post, Put},
    Table, Told, operation,
};
use crate::app::edits::{self, Edit, Edited};
use crate::app::forecast::{Forecast, Rules, after_forgetting, forecast};
use crate::app::ports::Records;
use crate::app::tokens::Role::{Admin, Operate};
use crate::domain::policy::Switch;
use crate::domain::record::{Group, MembershipKey, Provenance};
use axum::Json;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use std::sync::Arc;

/// The most bytes of a name for people.
const MAX_NAME: usize = 1024;

/// A user and a group.
type Two = (String, String);

pub(super) fn operations<N: Needs>(table: &mut Table<N>) {
    let what = "Set one of the fields of a user, or take it back with null.";
    table.add(operation(Patch, "/users/{ref}", "changeUser", Operate, what), change::<N>);
    let what = "Erase a record, and from the audit whom rows were about.";
    table.add(operation(Delete, "/users/{ref}", "forgetUser", Admin, what), forget::<N>);
    let what = "Have a user's sign-ons refused.";
    table.add(operation(Post, "/users/{ref}/disable", "disableUser", Operate, what), disable::<N>);
    let what = "Have a user's sign-ons not refused any more.";
    table.add(operation(Post, "/users/{ref}/enable", "enableUser", Operate, what), enable::<N>);
    let what = "Look at a user in the directory now.";
    table.add(operation(Post, "/users/{ref}/sync", "syncUser", Operate, what), sync::<N>);
    let what = "Pin a user into or out of a group, whatever the directory says.";
    let path = "/users/{ref}/pins/{group}";
    table.add(operation(Put, path, "pinUser", Operate, what), pin::<N>);
    let what = "Take a pin away.";
    table.add(operation(Delete, path, "unpinUser", Operate, what), unpin::<N>);
    let what = "Put a user into a group, beside what the directory says.";
    let path = "/users/{ref}/groups/{group}";
    table.add(operation(Put, path, "joinGroup", Operate, what), join::<N>);
    let what = "Take a user out of what the directory, an admin or the configuration gave.";
    table.add(operation(Delete, path, "leaveGroup", Operate, what), leave::<N>);
    let what = "Let a local membership that waits for a review count again.";
    let path = "/users/{ref}/groups/{group}/confirm";
    table.add(operation(Post, path, "confirmMembership", Operate, what), confirm::<N>);
}

/// What became of an edit.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Edited")]
struct EditedJson {
    user: Option<UserSummary>,
    /// Whether anything changed.
    changed: bool,
    next_sign_on: ForecastJson,
}

/// What the next sign-on will do to it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "NextSignOn")]
struct ForecastJson {
    what: &'static str,
    text: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Time>,
}

impl From<Forecast> for ForecastJson {
    fn from(next: Forecast) -> Self {
        let until = match next {
            Forecast::StaysUntil(until) => Some(rfc3339(until)),
            _ => None,
        };
        Self { what: next.name(), text: next.text(), until }
    }
}

/// Makes an edit to its end, although the client hangs up, and says what becomes of it.
async fn make<N: Needs>(
    desk: Arc<Desk<N>>,
    reference: String,
    edit: Edit,
    group: Option<Group>,
    who: Arc<str>,
) -> Told<EditedJson> {
    let making = async move {
        let user = desk.user(&reference)?;
        let made = edits::make(&desk.catalogue, &desk.clock, &user.record.key, &edit, &who);
        let edited = made.await?;
        Ok(Json(told(&desk, &edit, &edited, group.as_ref())))
    };
    tokio::spawn(making).await.map_err(|_| Refusal::Internal)?
}

fn told<N: Needs>(
    desk: &Desk<N>,
    edit: &Edit,
    edited: &Edited,
    group: Option<&Group>,
) -> EditedJson {
    let Edited { before, after } = edited;
    let rules = Rules { user_type: desk.user_type(after), switch: desk.switch(after), group };
    let next_sign_on = forecast(edit, before, after, rules).into();
    let stored = desk.catalogue.find(&after.key);
    let user = stored.as_ref().map(UserSummary::new);
    EditedJson { user, changed: before.version != after.version, next_sign_on }
}

async fn disable<N: Needs>(desk: Arc<Desk<N>>, asked: Asked<String>) -> Told<EditedJson> {
    make(desk, asked.path, Edit::Disable, None, asked.who).await
}

async fn enable<N: Needs>(desk: Arc<Desk<N>>, asked: Asked<String>) -> Told<EditedJson> {
    make(desk, asked.path, Edit::Enable, None, asked.who).await
}

/// Which way a pin goes.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum PinJson {
    Allow,
    Deny,
}

/// A pin, and when it ends by itself.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Pin")]
struct PinBody {
    pin: PinJson,
    #[serde(default)]
    #[schemars(with = "Option<Time>")]
    until: Option<String>,
}

async fn pin<N: Needs>(
    desk: Arc<Desk<N>>,
    asked: Asked<Two, Nothing, Json<PinBody>>,
) -> Told<EditedJson> {
    let Asked { who, path: (reference, group), body: Json(PinBody { pin, until }), .. } = asked;
    let pin = match pin {
        PinJson::Allow => edits::Pin::Allow,
        PinJson::Deny => edits::Pin::Deny,
    };
    let until = until.as_deref().map(moment).transpose()?;
    let user = desk.user(&reference)?;
    let group = desk.group_for(&user.record, &group).await?;
    let edit = Edit::Pin { group: group.clone(), pin, until };
    make(desk, reference, edit, Some(group), who).await
}

/// An edit that has to do with a group of the user's directory.
async fn with_group<N: Needs>(
    desk: Arc<Desk<N>>,
    Asked { who, path: (reference, group), .. }: Asked<Two>,
    edit: impl FnOnce(&Group) -> Edit,
) -> Told<EditedJson> {
    let user = desk.user(&reference)?;
    let group = desk.group_for(&user.record, &group).await?;
    make(desk, reference, edit(&group), Some(group), who).await
}

async fn unpin<N: Needs>(desk: Arc<Desk<N>>, asked: Asked<Two>) -> Told<EditedJson> {
    with_group(desk, asked, |group| Edit::Unpin(group.id.clone())).await
}

async fn join<N: Needs>(desk: Arc<Desk<N>>, asked: Asked<Two>) -> Told<EditedJson> {
    with_group(desk, asked, |group| Edit::Join(group.clone())).await
}

async fn leave<N: Needs>(desk: Arc<Desk<N>>, asked: Asked<Two>) -> Told<EditedJson> {
    with_group(desk, asked, |group| Edit::Leave(group.id.clone())).await
}

async fn confirm<N: Needs>(desk: Arc<Desk<N>>, asked: Asked<Two>) -> Told<EditedJson> {
    let key =
        |group: &Group| MembershipKey { group: group.id.clone(), provenance: Provenance::Local };
    with_group(desk, asked, |group| Edit::Confirm(key(group))).await
}

/// What may be changed of a user: one of these. `null` takes it back; its absence leaves it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "UserPatch", extend("minProperties" = 1, "maxProperties" = 1))]
struct Changed {
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Option<String>", length(min = 1, max = 256))]
    display_name: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Option<bool>")]
    update_on_sign_on: Option<Option<bool>>,
}

/// A field that is there, also as `null`.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

async fn change<N: Needs>(
    desk: Arc<Desk<N>>,
    asked: Asked<String, Nothing, Json<Changed>>,
) -> Told<EditedJson> {
    let Asked { who, path: reference, body: Json(changed), .. } = asked;
    let edit = match changed {
        Changed { display_name: Some(name), update_on_sign_on: None } => {
            let is_bad = |name: &String| name.trim().is_empty() || name.len() > MAX_NAME;
            if name.as_ref().is_some_and(is_bad) {
                let detail = format!("a display name has 1 to {MAX_NAME} bytes and is not blank");
                return Err(Refusal::BadRequest(detail));
            }
            Edit::Name(name)
        }
        Changed { display_name: None, update_on_sign_on: Some(value) } => {
            Edit::Switch(value.map(Switch::from_bool))
        }
        _ => {
            let detail = "one of display_name and update_on_sign_on is to be given";
            return Err(Refusal::BadRequest(detail.to_owned()));
        }
    };
    make(desk, reference, edit, None, who).await
}

/// That a record was erased.
#[derive(Serialize, JsonSchema)]
struct Forgotten {
    forgotten: bool,
    next_sign_on: ForecastJson,
}

async fn forget<N: Needs>(desk: Arc<Desk<N>>, asked: Asked<String>) -> Told<Forgotten> {
    let Asked { who, path: reference, .. } = asked;
    let forgetting = async move {
        let user = desk.user(&reference)?;
        let next_sign_on = after_forgetting(desk.user_type(&user.record)).into();
        edits::forget(&desk.catalogue, &desk.clock, &user.record.key, &who).await?;
        Ok(Json(Forgotten { forgotten: true, next_sign_on }))
    };
    tokio::spawn(forgetting).await.map_err(|_| Refusal::Internal)?
}

/// What a look did.
#[derive(Serialize, JsonSchema)]
struct Synced {
    outcome: &'static str,
    /// Why it is not known what the directory says.
    unknown: Option<String>,
    user: Option<UserSummary>,
}

async fn sync<N: Needs>(desk: Arc<Desk<N>>, asked: Asked<String>) -> Told<Synced> {
    let reference = asked.path;
    let syncing = async move {
        let key = desk.user(&reference)?.record.key.clone();
        let none = || Refusal::NotFound(format!("no directory is called {:?}", &*key.directory));
        let outcome = desk.live.sync(key.clone()).await.ok_or_else(none)?;
        let stored = desk.catalogue.find(&key);
        let user = stored.as_ref().map(UserSummary::new);
        let unknown = match outcome {
            crate::app::events::SignOnOutcome::Unknown(reason) => Some(reason.to_string()),
            _ => None,
        };
        Ok(Json(Synced { outcome: outcome.name(), unknown, user }))
    };
    tokio::spawn(syncing).await.map_err(|_| Refusal::Internal)?
}
