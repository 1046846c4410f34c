//! Accounts of the gateway's own: kept as hashes, over a restart, with their rows of the audit.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::fixture::{Folder, Silent, audit, config};
use bindgate::app::accounts::Account;
use bindgate::app::accounts::hash::Hash;
use bindgate::app::ports::{Catalogue, StoreError};
use bindgate::domain::secret::Secret;
use bindgate::domain::time::Timestamp;
use bindgate::store::{OpenError, Room, Store};

fn account(name: &str) -> Account {
    Account {
        name: name.to_owned(),
        view: "wiki".to_owned(),
        hash: Hash::of(&Secret::new(b"correct horse".to_vec())).unwrap(),
        created_at: Timestamp(5),
        created_by: "admin".to_owned(),
        password_set_at: Timestamp(6),
        expires_at: None,
        enabled: true,
        last_used: None,
    }
}

async fn keep(store: &Store<Silent>, account: &Account) {
    let audit = audit("account-made", None);
    store.set_account(&account.name, Some(account.clone()), audit).await.unwrap();
}

fn kept(store: &Store<Silent>) -> Vec<Account> {
    let mut kept: Vec<_> = store.accounts().iter().map(|account| (**account).clone()).collect();
    kept.sort_by(|a, b| a.name.cmp(&b.name));
    kept
}

#[tokio::test]
async fn accounts_are_there_after_a_restart_as_they_were_left_and_gone_once_revoked() {
    let folder = Folder::new();
    let store = folder.open();
    assert!(!store.shelf().is_used(), "no bind looks for any");
    let first = account("a");
    let second = Account { expires_at: Some(Timestamp(9)), enabled: false, ..account("B") };
    keep(&store, &first).await;
    keep(&store, &second).await;
    // What was used before another password was set is noted in what is kept by then.
    let changed = Account { hash: account("a").hash, password_set_at: Timestamp(7), ..first };
    store.account_used("a", Timestamp(8));
    keep(&store, &changed).await;
    store.account_used("a", Timestamp(9));
    store.account_used("nobody", Timestamp(9));
    store.close().unwrap();
    let used = Account { last_used: Some(Timestamp(9)), ..changed };
    assert_eq!(kept(&store), [second.clone(), used.clone()]);
    drop(store);
    let store = folder.open();
    assert_eq!(kept(&store), [second, used]);
    assert!(store.shelf().is_used());
    store.set_account("a", None, audit("account-revoked", None)).await.unwrap();
    let actions: Vec<_> = store.audit(None, 9).await.unwrap().items;
    let actions: Vec<_> = actions.iter().map(|row| row.action).collect();
    assert_eq!(actions, ["account-revoked", "account-made", "account-made", "account-made"]);
    store.close().unwrap();
    drop(store);
    let store = folder.open();
    assert_eq!(kept(&store).len(), 1);
}

#[tokio::test]
async fn an_account_that_did_not_reach_the_disk_is_not_taken_and_one_that_was_to_go_stays() {
    let folder = Folder::new();
    let store = folder.open();
    let big = Account { created_by: "x".repeat(1 << 20), ..account("a") };
    store.set_room(Room::None).await.unwrap();
    let refused = store.set_account("a", Some(big.clone()), audit("account-made", None)).await;
    assert!(matches!(refused, Err(StoreError::Failed(_))), "{refused:?}");
    assert!(kept(&store).is_empty());
    store.set_room(Room::Plenty).await.unwrap();
    keep(&store, &big).await;
    assert_eq!(kept(&store), [big]);
}

#[tokio::test]
async fn an_account_that_cannot_be_understood_is_not_passed_over() {
    for change in ["replace(value, 'argon2id$', 'argon2x$')", "replace(value, 'enabled', 'off')"] {
        let folder = Folder::new();
        let store = folder.open();
        keep(&store, &account("a")).await;
        store.close().unwrap();
        drop(store);
        let sql = format!("UPDATE meta SET value = {change} WHERE key = 'account/a'");
        assert_eq!(folder.sqlite().execute(&sql, []).unwrap(), 1);
        let opened = Store::open(config(&folder.store()), Silent);
        assert!(matches!(opened, Err(OpenError::Corrupt { .. })), "{change}");
    }
}
