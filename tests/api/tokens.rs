//! Tokens of the gateway as it is shipped: made by command, taken over a restart, and named in the audit.

use crate::ANN;
use crate::support::gateway::{Gateway, http_get};
use crate::support::slapd::Slapd;

fn status(gateway: &Gateway, path: &str, token: &str) -> u16 {
    let url = format!("{}{path}", gateway.admin_url());
    http_get(&url, &format!("Bearer {token}")).expect("the admin API answers").0
}

#[test]
fn a_token_is_taken_over_a_restart_until_it_is_revoked_and_is_in_no_file() {
    let slapd = Slapd::start();
    let mut gateway = Gateway::before(slapd.port());
    assert_eq!(gateway.sign_on(ANN, "pw-ann"), 0);
    let made = gateway.command(&["token", "create", "--role", "read", "--name", "ci"]);
    let token = made.expect_code(0).trim().to_owned();
    assert_eq!(status(&gateway, "/api/v1/users", &token), 200);
    assert_eq!(status(&gateway, "/api/v1/tokens", &token), 403);
    gateway.restart(|_| {});
    assert_eq!(status(&gateway, "/api/v1/users", &token), 200);
    assert!(!gateway.log().contains(&token));
    for file in std::fs::read_dir(gateway.store()).expect("it is there") {
        let bytes = std::fs::read(file.expect("it can be read").path()).unwrap_or_default();
        let is_in = bytes.windows(token.len()).any(|window| window == token.as_bytes());
        assert!(!is_in, "a token is in a file of the store");
    }
    gateway.command(&["token", "revoke", "ci"]).expect_code(0);
    assert_eq!(status(&gateway, "/api/v1/users", &token), 401);
    gateway.restart(|_| {});
    assert_eq!(status(&gateway, "/api/v1/users", &token), 401);
    let actions: Vec<_> = gateway.audit().iter().take(2).map(|row| row["action"].clone()).collect();
    assert_eq!(actions, ["token-revoked", "token-created"]);
}
