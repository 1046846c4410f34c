//! Every operation and the least role that may ask for it.

use crate::fake::{FakeCatalogue, Gateway, LIMITS, NEW_YEAR, Noted, Stopped, TOKEN};
use crate::{Answer, agent, answer};
use bindgate::admin::{self, Method, MetricsAccess};
use bindgate::app::tokens::{Digest, Role, Token};
use bindgate::domain::time::Timestamp;
use serde_json::Value;
use std::collections::BTreeSet;

use Role::{Admin, Operate, Read};

/// Every operation of the API. One that is added is put here, with the role that was meant.
const OPERATIONS: &[(&str, &str, Role)] = &[
    ("GET", "/audit", Read),
    ("GET", "/audit/follow", Read),
    ("GET", "/directories", Read),
    ("POST", "/directories/{name}/accept-rollback", Operate),
    ("GET", "/groups", Read),
    ("POST", "/groups", Operate),
    ("GET", "/groups/{ref}", Read),
    ("DELETE", "/groups/{ref}", Operate),
    ("GET", "/groups/{ref}/around", Read),
    ("GET", "/figures", Read),
    ("GET", "/backup", Admin),
    ("GET", "/export", Operate),
    ("POST", "/import", Admin),
    ("GET", "/held", Read),
    ("POST", "/held/{id}/confirm", Operate),
    ("POST", "/held/{id}/reject", Operate),
    ("GET", "/openapi.json", Read),
    ("POST", "/preview", Operate),
    ("GET", "/store", Read),
    ("GET", "/sessions", Read),
    ("DELETE", "/sessions/{id}", Operate),
    ("GET", "/accounts", Admin),
    ("POST", "/accounts", Admin),
    ("DELETE", "/accounts/{name}", Admin),
    ("POST", "/accounts/{name}/disable", Admin),
    ("POST", "/accounts/{name}/enable", Admin),
    ("PUT", "/accounts/{name}/password", Admin),
    ("GET", "/tokens", Admin),
    ("POST", "/tokens", Admin),
    ("DELETE", "/tokens/{name}", Admin),
    ("GET", "/user-types", Read),
    ("PATCH", "/user-types/{name}", Admin),
    ("GET", "/users", Read),
    ("GET", "/users/{ref}", Read),
    ("PATCH", "/users/{ref}", Operate),
    ("DELETE", "/users/{ref}", Admin),
    ("POST", "/users/{ref}/disable", Operate),
    ("POST", "/users/{ref}/enable", Operate),
    ("GET", "/users/{ref}/explain", Read),
    ("GET", "/users/{ref}/ways", Read),
    ("PUT", "/users/{ref}/groups/{group}", Operate),
    ("DELETE", "/users/{ref}/groups/{group}", Operate),
    ("POST", "/users/{ref}/groups/{group}/confirm", Operate),
    ("PUT", "/users/{ref}/pins/{group}", Operate),
    ("DELETE", "/users/{ref}/pins/{group}", Operate),
    ("POST", "/users/{ref}/link", Admin),
    ("GET", "/users/{ref}/preview", Read),
    ("POST", "/users/{ref}/sync", Operate),
    ("GET", "/views", Read),
    ("PATCH", "/views/{name}", Admin),
];

/// Names and bearer tokens of whoever asks; the last two have none that is taken.
const ASKERS: [(&str, Option<Role>); 5] = [
    ("reader", Some(Read)),
    ("operator", Some(Operate)),
    ("chief", Some(Admin)),
    ("late", None),
    ("nobody", None),
];

fn bearer(name: &str) -> String {
    format!("bgt_{name}-0123456789")
}

/// A token of that name and role.
pub(crate) fn token(name: &str, role: Role, expires_at: Option<Timestamp>) -> Token {
    let digest = ring::digest::digest(&ring::digest::SHA256, bearer(name).as_bytes());
    Token {
        name: name.to_owned(),
        role,
        digest: Digest(digest.as_ref().try_into().unwrap()),
        created_at: NEW_YEAR,
        created_by: "admin".to_owned(),
        expires_at,
    }
}

fn gateway(metrics: MetricsAccess) -> Gateway {
    let gateway = Gateway::bounded(LIMITS, metrics);
    let mut tokens: Vec<_> =
        ASKERS[..3].iter().map(|(name, role)| token(name, role.unwrap(), None)).collect();
    tokens.push(token("late", Admin, Some(NEW_YEAR)));
    gateway.shelves.tokens.lock().unwrap().extend(tokens);
    gateway
}

/// The status that a request without a body has, and its body unless it is a stream.
fn ask(gateway: &Gateway, method: &str, path: &str, bearer: &str) -> Answer {
    let request = ureq::http::Request::builder()
        .method(method)
        .uri(format!("{}{path}", gateway.url()))
        .header("Authorization", format!("Bearer {bearer}"))
        .header("Content-Type", "application/json");
    let answered = agent().run(request.body(()).unwrap());
    match &answered {
        Ok(stream) if stream.headers()["content-type"] == "text/event-stream" => {
            Answer { status: stream.status().as_u16(), text: String::new() }
        }
        _ => answer(answered),
    }
}

#[test]
fn every_operation_is_in_the_table_with_its_role() {
    let (_, operations) = admin::document::<FakeCatalogue, Stopped, Noted>();
    let found: BTreeSet<_> =
        operations.iter().map(|it| (it.path, it.method.name(), it.role)).collect();
    let told: BTreeSet<_> =
        OPERATIONS.iter().map(|(method, path, role)| (*path, *method, *role)).collect();
    assert_eq!(found, told);
    assert_eq!(operations.len(), OPERATIONS.len());
    let looks = |role: Role, method: Method| role != Read || method == Method::Get;
    assert!(operations.iter().all(|it| looks(it.role, it.method)), "to read changes nothing");
}

#[test]
fn each_operation_is_let_in_from_its_role_on_and_refused_below() {
    let gateway = gateway(MetricsAccess::Open);
    for (method, path, least) in OPERATIONS {
        let path = path.replace("{ref}", "x").replace("{group}", "x");
        let path = format!("/api/v1{}", path.replace("{name}", "x").replace("{id}", "x"));
        for (name, role) in ASKERS {
            let said = ask(&gateway, method, &path, &bearer(name));
            let expected = match role {
                None => Some((401, "unauthorised")),
                Some(role) if role < *least => Some((403, "forbidden")),
                Some(_) => None,
            };
            let what = format!("{method} {path} as {name}: {} {}", said.status, said.text);
            match expected {
                Some((status, error)) => {
                    let problem: Value = serde_json::from_str(&said.text).unwrap();
                    assert_eq!(said.status, status, "{what}");
                    assert_eq!(problem["error"], error, "{what}");
                    assert_eq!(problem["status"], status, "{what}");
                    assert_eq!(problem["type"], "about:blank", "{what}");
                }
                // What the fake store cannot do is unavailable, and let in all the same.
                None => assert!(!matches!(said.status, 401 | 403 | 500), "{what}"),
            }
        }
    }
}

#[test]
fn metrics_need_a_token_where_they_are_not_open_and_health_never_does() {
    let closed = gateway(MetricsAccess::Token);
    let status = |gateway: &Gateway, path, name| ask(gateway, "GET", path, &bearer(name)).status;
    assert_eq!(status(&closed, "/metrics", "nobody"), 401);
    assert_eq!(status(&closed, "/metrics", "late"), 401);
    assert_eq!(status(&closed, "/metrics", "reader"), 200);
    assert_eq!(ask(&closed, "GET", "/metrics", TOKEN).status, 200);
    for path in ["/livez", "/readyz"] {
        assert_eq!(status(&closed, path, "nobody"), 200, "{path}");
    }
    assert_eq!(status(&gateway(MetricsAccess::Open), "/metrics", "nobody"), 200);
}
