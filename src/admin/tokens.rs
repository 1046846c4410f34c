//! `/api/v1/tokens`: who may use this API.

use super::answer::{List, Refusal};
use super::asked::{Asked, Nothing};
use super::desk::{Desk, Needs};
use super::json::{Time, moment, rfc3339};
use super::table::{
    Method::{Delete, Get, Post},
    Table, Told, operation,
};
use super::token;
use crate::app::tokens::{Role, Role::Admin, Token, Wanted};
use crate::domain::time::Timestamp;
use axum::Json;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

pub(super) fn operations<N: Needs>(table: &mut Table<N>) {
    let what = "Tokens beside the one in the configured file.";
    table.add(operation(Get, "/tokens", "listTokens", Admin, what), list::<N>);
    let what = "Make a token. It is shown this once.";
    table.add(operation(Post, "/tokens", "createToken", Admin, what), create::<N>);
    let what = "Revoke a token: it is not taken any more.";
    table.add(operation(Delete, "/tokens/{name}", "revokeToken", Admin, what), revoke::<N>);
}

/// What a token allows.
#[derive(Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Role")]
enum RoleJson {
    Read,
    Operate,
    Admin,
}

impl From<Role> for RoleJson {
    fn from(role: Role) -> Self {
        match role {
            Role::Read => Self::Read,
            Role::Operate => Self::Operate,
            Role::Admin => Self::Admin,
        }
    }
}

impl From<RoleJson> for Role {
    fn from(role: RoleJson) -> Self {
        match role {
            RoleJson::Read => Self::Read,
            RoleJson::Operate => Self::Operate,
            RoleJson::Admin => Self::Admin,
        }
    }
}

/// A token as it is shown: without the token.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Token")]
struct TokenJson {
    name: String,
    role: RoleJson,
    created_at: Time,
    /// The name of the token that it was made with.
    created_by: String,
    expires_at: Option<Time>,
    expired: bool,
}

impl TokenJson {
    fn new(token: &Token, now: Timestamp) -> Self {
        Self {
            name: token.name.clone(),
            role: token.role.into(),
            created_at: rfc3339(token.created_at),
            created_by: token.created_by.clone(),
            expires_at: token.expires_at.map(rfc3339),
            expired: token.is_expired(now),
        }
    }
}

async fn list<N: Needs>(desk: Arc<Desk<N>>, _: Asked) -> Told<List<TokenJson>> {
    let (tokens, now) = desk.tokens.list();
    Ok(Json(List::whole(tokens.iter().map(|token| TokenJson::new(token, now)).collect())))
}

/// A token that is to be made.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewToken {
    /// Which the audit shows as actor.
    #[schemars(regex(pattern = r"^[A-Za-z0-9._-]{1,64}$"))]
    name: String,
    role: RoleJson,
    /// From when on it is not taken any more (RFC 3339).
    #[serde(default)]
    #[schemars(with = "Option<Time>")]
    expires_at: Option<String>,
}

/// A token that was made.
#[derive(Serialize, JsonSchema)]
struct MadeToken {
    #[serde(flatten)]
    shown: TokenJson,
    /// The token itself. It is not kept, and not shown again.
    token: String,
}

async fn create<N: Needs>(
    desk: Arc<Desk<N>>,
    asked: Asked<(), Nothing, Json<NewToken>>,
) -> Told<MadeToken> {
    let Asked { who, body: Json(NewToken { name, role, expires_at }), .. } = asked;
    let expires_at = expires_at.as_deref().map(moment).transpose()?;
    let token = token::made().map_err(|_| Refusal::Internal)?;
    let digest = token::digest_of(token.as_bytes());
    let wanted = Wanted { name, role: role.into(), digest, expires_at };
    let making = async move { desk.tokens.create(wanted, &who).await };
    let made = tokio::spawn(making).await.map_err(|_| Refusal::Internal)??;
    let shown = TokenJson::new(&made, made.created_at);
    Ok(Json(MadeToken { shown, token: token.as_str().to_owned() }))
}

async fn revoke<N: Needs>(desk: Arc<Desk<N>>, asked: Asked<String>) -> Told<TokenJson> {
    let Asked { who, path: name, .. } = asked;
    let revoking = async move {
        let revoked = desk.tokens.revoke(&name, &who).await?;
        Ok::<_, Refusal>(TokenJson::new(&revoked, desk.tokens.list().1))
    };
    tokio::spawn(revoking).await.map_err(|_| Refusal::Internal)?.map(Json)
}
