//! Tokens of administration: kept as digests, over a restart, with their rows of the audit.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::fixture::{Folder, audit};
use bindgate::app::ports::{Catalogue, StoreError};
use bindgate::app::tokens::{Digest, Role, Token};
use bindgate::domain::time::Timestamp;
use bindgate::store::{OpenError, Room, Store};

fn token(name: &str, role: Role, expires_at: Option<Timestamp>) -> Token {
    let (created_at, created_by) = (Timestamp(5), "admin".to_owned());
    let digest = Digest([u8::try_from(name.len()).unwrap(); 32]);
    Token { name: name.to_owned(), role, digest, created_at, created_by, expires_at }
}

fn names<E: bindgate::app::ports::Events>(store: &Store<E>) -> Vec<String> {
    let mut names: Vec<_> = store.tokens().iter().map(|token| token.name.clone()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn tokens_are_there_after_a_restart_as_they_were_made_and_gone_once_revoked() {
    let folder = Folder::new();
    let store = folder.open();
    let first = token("a", Role::Read, None);
    let second = token("bee", Role::Admin, Some(Timestamp(9)));
    for kept in [&first, &second] {
        store
            .set_token(&kept.name, Some(kept.clone()), audit("token-created", None))
            .await
            .unwrap();
    }
    store.close().unwrap();
    drop(store);
    let store = folder.open();
    let mut kept = (*store.tokens()).clone();
    kept.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(kept, [first, second]);
    store.set_token("a", None, audit("token-revoked", None)).await.unwrap();
    assert_eq!(names(&store), ["bee"]);
    let rows = store.audit(None, 9).await.unwrap().items;
    let actions: Vec<_> = rows.iter().map(|row| row.action).collect();
    assert_eq!(actions, ["token-revoked", "token-created", "token-created"]);
    store.close().unwrap();
    drop(store);
    assert_eq!(names(&folder.open()), ["bee"]);
}

#[tokio::test]
async fn a_token_that_did_not_reach_the_disk_is_not_taken_and_one_that_was_to_go_stays() {
    let folder = Folder::new();
    let store = folder.open();
    let long = "x".repeat(1 << 20);
    let big = Token { created_by: long, ..token("a", Role::Read, None) };
    store.set_room(Room::None).await.unwrap();
    let refused = store.set_token("a", Some(big.clone()), audit("token-created", None)).await;
    assert!(matches!(refused, Err(StoreError::Failed(_))), "{refused:?}");
    assert!(names(&store).is_empty());
    store.set_room(Room::Plenty).await.unwrap();
    store.set_token("a", Some(big), audit("token-created", None)).await.unwrap();
    assert_eq!(names(&store), ["a"]);
}

#[tokio::test]
async fn a_token_that_cannot_be_understood_is_not_passed_over() {
    let folder = Folder::new();
    let store = folder.open();
    store
        .set_token("a", Some(token("a", Role::Read, None)), audit("token-created", None))
        .await
        .unwrap();
    store.close().unwrap();
    drop(store);
    let sql = "UPDATE meta SET value = replace(value, 'read', 'root') WHERE key = 'token/a'";
    assert_eq!(folder.sqlite().execute(sql, []).unwrap(), 1);
    let opened = Store::open(crate::fixture::config(&folder.store()), crate::fixture::Silent);
    assert!(matches!(opened, Err(OpenError::Corrupt { .. })));
}
