//! `/api/v1/accounts`: service accounts of the gateway's own.

use super::answer::{List, Refusal};
use super::asked::{Asked, Nothing};
use super::desk::{Desk, Needs};
use super::json::{Time, moment, rfc3339};
use super::table::{
    Method::{Delete, Get, Post, Put},
    Table, Told, operation,
};
use crate::app::accounts::hash::{self, Unhashed};
use crate::app::accounts::{Account, AccountFault, Wanted};
use crate::app::tokens::Role::Admin;
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use axum::Json;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::sync::Arc;
use zeroize::Zeroizing;

pub(super) fn operations<N: Needs>(table: &mut Table<N>) {
    let what = "Service accounts of the gateway's own.";
    table.add(operation(Get, "/accounts", "listAccounts", Admin, what), list::<N>);
    let what = "Make an account. A password that is made for it is shown this once.";
    table.add(operation(Post, "/accounts", "makeAccount", Admin, what), make::<N>);
    let what = "Give an account another password; sessions that it has are over.";
    let path = "/accounts/{name}/password";
    table.add(operation(Put, path, "setAccountPassword", Admin, what), set_password::<N>);
    let what = "Disable an account: it binds no more, and sessions that it has are over.";
    table.add(
        operation(Post, "/accounts/{name}/disable", "disableAccount", Admin, what),
        disable::<N>,
    );
    let what = "Enable an account.";
    table
        .add(operation(Post, "/accounts/{name}/enable", "enableAccount", Admin, what), enable::<N>);
    let what = "Revoke an account: there is none of that name any more.";
    table.add(operation(Delete, "/accounts/{name}", "revokeAccount", Admin, what), revoke::<N>);
}

/// An account as it is shown: without anything of its password.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Account")]
struct AccountJson {
    name: String,
    /// What it binds as.
    dn: String,
    /// The view that it reads in.
    view: String,
    /// Whether there is such a view; without it nobody binds.
    view_exists: bool,
    enabled: bool,
    created_at: Time,
    /// The name of the token that it was made with.
    created_by: String,
    password_set_at: Time,
    expires_at: Option<Time>,
    expired: bool,
    /// When it was last used, to about an hour.
    last_used: Option<Time>,
}

impl AccountJson {
    fn new<N: Needs>(desk: &Desk<N>, account: &Account, now: Timestamp) -> Self {
        Self {
            name: account.name.clone(),
            dn: desk.account_name(&account.name),
            view: account.view.clone(),
            view_exists: desk.accounts.has_view(account),
            enabled: account.enabled,
            created_at: rfc3339(account.created_at),
            created_by: account.created_by.clone(),
            password_set_at: rfc3339(account.password_set_at),
            expires_at: account.expires_at.map(rfc3339),
            expired: account.is_expired(now),
            last_used: account.last_used.map(rfc3339),
        }
    }
}

async fn list<N: Needs>(desk: Arc<Desk<N>>, _: Asked) -> Told<List<AccountJson>> {
    let (accounts, now) = desk.accounts.list();
    let shown = accounts.iter().map(|account| AccountJson::new(&desk, account, now));
    Ok(Json(List::whole(shown.collect())))
}

/// An account that is to be made.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewAccount {
    /// The value of its `cn`.
    #[schemars(regex(pattern = r"^[A-Za-z0-9._-]{1,64}$"))]
    name: String,
    /// The view that it reads in.
    view: String,
    /// Its password, of at least 12 bytes; without it one is made.
    #[serde(default)]
    password: Option<String>,
    /// From when on it is not taken any more (RFC 3339).
    #[serde(default)]
    #[schemars(with = "Option<Time>")]
    expires_at: Option<String>,
}

/// A password that is to be set.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    /// The password, of at least 12 bytes; without it one is made.
    #[serde(default)]
    password: Option<String>,
}

/// An account with what was made for it.
#[derive(Serialize, JsonSchema)]
struct MadeAccount {
    #[serde(flatten)]
    shown: AccountJson,
    /// The password, if it was made here. It is not kept, and not shown again.
    password: Option<String>,
}

/// The password that is to be kept, and the same as text if it was made here.
fn password(given: Option<String>) -> Result<(Secret, Option<Zeroizing<String>>), AccountFault> {
    match given {
        Some(given) => Ok((Secret::new(given.into_bytes()), None)),
        None => {
            let made = hash::made()?;
            Ok((Secret::new(made.as_bytes().to_vec()), Some(made)))
        }
    }
}

async fn make<N: Needs>(
    desk: Arc<Desk<N>>,
    asked: Asked<(), Nothing, Json<NewAccount>>,
) -> Told<MadeAccount> {
    let Asked { who, body: Json(NewAccount { name, view, password: given, expires_at }), .. } =
        asked;
    let expires_at = expires_at.as_deref().map(moment).transpose()?;
    let (password, made) = password(given)?;
    let wanted = Wanted { name, view, password, expires_at };
    let making = |desk: Arc<Desk<N>>| async move { desk.accounts.make(wanted, &who).await };
    done(desk, making, made).await
}

async fn set_password<N: Needs>(
    desk: Arc<Desk<N>>,
    asked: Asked<String, Nothing, Json<NewPassword>>,
) -> Told<MadeAccount> {
    let Asked { who, path: name, body: Json(NewPassword { password: given }), .. } = asked;
    let (password, made) = password(given)?;
    let setting =
        |desk: Arc<Desk<N>>| async move { desk.accounts.set_password(&name, password, &who).await };
    done(desk, setting, made).await
}

async fn enable<N: Needs>(desk: Arc<Desk<N>>, asked: Asked<String>) -> Told<AccountJson> {
    set_enabled(desk, asked, true).await
}

async fn disable<N: Needs>(desk: Arc<Desk<N>>, asked: Asked<String>) -> Told<AccountJson> {
    set_enabled(desk, asked, false).await
}

async fn set_enabled<N: Needs>(
    desk: Arc<Desk<N>>,
    asked: Asked<String>,
    enabled: bool,
) -> Told<AccountJson> {
    let Asked { who, path: name, .. } = asked;
    let setting = move |desk: Arc<Desk<N>>| async move {
        desk.accounts.set_enabled(&name, enabled, &who).await
    };
    done(desk, setting, None).await.map(|Json(made)| Json(made.shown))
}

async fn revoke<N: Needs>(desk: Arc<Desk<N>>, asked: Asked<String>) -> Told<AccountJson> {
    let Asked { who, path: name, .. } = asked;
    let revoking = |desk: Arc<Desk<N>>| async move { desk.accounts.revoke(&name, &who).await };
    done(desk, revoking, None).await.map(|Json(made)| Json(made.shown))
}

/// Carries a change out to its end, though whoever asked may leave before, and shows the account.
async fn done<N: Needs, F>(
    desk: Arc<Desk<N>>,
    change: impl FnOnce(Arc<Desk<N>>) -> F,
    made: Option<Zeroizing<String>>,
) -> Told<MadeAccount>
where
    F: Future<Output = Result<Arc<Account>, AccountFault>> + Send + 'static,
{
    let changing = tokio::spawn(change(desk.clone()));
    let account = changing.await.map_err(|_| Refusal::Internal)??;
    let shown = AccountJson::new(&desk, &account, desk.accounts.list().1);
    Ok(Json(MadeAccount { shown, password: made.map(|made| made.as_str().to_owned()) }))
}

impl From<AccountFault> for Refusal {
    fn from(error: AccountFault) -> Self {
        let detail = error.to_string();
        match error {
            AccountFault::Store(error) => Self::Store(error),
            AccountFault::Unhashed(Unhashed) => Self::Internal,
            AccountFault::BadName
            | AccountFault::BadPassword
            | AccountFault::NoView(_)
            | AccountFault::Past => Self::BadRequest(detail),
            AccountFault::Exists(_) | AccountFault::TooMany(_) => Self::Conflict(detail),
            AccountFault::NotFound(_) => Self::NotFound(detail),
        }
    }
}
