//! What administration finds: listings, look-ups, switches, the audit.

use crate::fixture::{Folder, Silent, audit, change, config, create, creation, key};
use bindgate::app::ports::{Catalogue, Commit, Records, Stored};
use bindgate::domain::change::Change;
use bindgate::domain::policy::Switch;
use bindgate::domain::record::UserKey;
use bindgate::domain::time::Timestamp;
use bindgate::proto::dn::DistinguishedName;
use bindgate::store::Store;
use std::sync::Arc;

fn ids(found: &[Stored]) -> Vec<String> {
    found.iter().map(|stored| stored.record.id.0.to_string()).collect()
}

async fn with_users(folder: &Folder, count: usize) -> Store<Silent> {
    let store = folder.open();
    for number in 0..count {
        store.commit(create(number)).await.expect("commit is written");
    }
    store
}

#[tokio::test]
async fn pages_follow_each_other_by_record_id_and_end() {
    let folder = Folder::new();
    let store = with_users(&folder, 7).await;
    let mut seen = Vec::new();
    let mut cursor = None;
    loop {
        let page = store.list(cursor.as_deref(), 3);
        assert!(page.items.len() <= 3);
        seen.extend(ids(&page.items));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    let expected: Vec<_> = (0..7).map(|number| format!("r{number:05}")).collect();
    assert_eq!(seen, expected);
    assert_eq!(store.list(None, 7).next, None);
    assert!(store.list(Some("zzz"), 3).items.is_empty());
    assert_eq!(store.list(None, 0).items.len(), 1, "a page holds at least one row");
}

#[tokio::test]
async fn names_are_found_without_regard_to_case_and_follow_a_rename() {
    let folder = Folder::new();
    let store = with_users(&folder, 2).await;
    assert_eq!(ids(&store.by_name(None, "USER1")), ["r00001"]);
    assert_eq!(ids(&store.by_name(Some("staff"), "user1")), ["r00001"]);
    assert!(store.by_name(Some("guests"), "user1").is_empty());
    let record = store.find(&key(1)).unwrap().record;
    // Users of two types may have one name.
    let renamed = [Change::TypeChanged("robots".into()), Change::Renamed("USER0".to_owned())];
    store.commit(change(&record, renamed.into())).await.unwrap();
    assert!(store.by_name(None, "user1").is_empty());
    assert_eq!(ids(&store.by_name(None, "user0")), ["r00000", "r00001"]);
    drop(store);
    assert_eq!(ids(&folder.open().by_name(None, "user0")), ["r00000", "r00001"]);
}

#[tokio::test]
async fn dns_are_found_in_any_spelling_and_follow_a_move() {
    let folder = Folder::new();
    let store = with_users(&folder, 2).await;
    let by_dn = |text: &str| {
        ids(&store.by_dn(DistinguishedName::parse(text).expect("a name").normalized()))
    };
    assert_eq!(by_dn("UID=User1, OU=People,dc=example,dc=com"), ["r00001"]);
    let record = store.find(&key(1)).unwrap().record;
    let moved = Change::Moved("uid=user1,ou=gone,dc=example,dc=com".to_owned());
    store.commit(change(&record, vec![moved])).await.unwrap();
    assert!(by_dn("uid=user1,ou=people,dc=example,dc=com").is_empty());
    assert_eq!(by_dn("uid=user1,ou=gone,dc=example,dc=com"), ["r00001"]);
}

#[tokio::test]
async fn ids_are_found_and_two_directories_may_share_one() {
    let folder = Folder::new();
    let store = with_users(&folder, 1).await;
    let elsewhere = UserKey { directory: Arc::from("elsewhere"), ..key(0) };
    let creation = match creation(9) {
        Change::Created { id, user_type, name, dn, at, .. } => {
            Change::Created { id, key: elsewhere.clone(), user_type, name, dn, at }
        }
        other => other,
    };
    let commit = Commit { key: elsewhere, changes: vec![creation], ..create(9) };
    store.commit(commit).await.unwrap();
    assert_eq!(ids(&store.by_upstream_id("u0")), ["r00000", "r00009"]);
    assert!(store.by_upstream_id("u1").is_empty());
    assert_eq!(store.by_record_id("r00009").unwrap().record.name, "user9");
    assert!(store.by_record_id("r").is_none());
}

#[tokio::test]
async fn a_switch_survives_a_restart_until_it_is_cleared() {
    let folder = Folder::new();
    let store = folder.open();
    let set = |store: Store<Silent>, value| async move {
        store.set_switch("corp", "staff", value, audit("switch-changed", None)).await.unwrap();
    };
    assert_eq!(store.switch("corp", "staff"), None);
    set(store.clone(), Some(Switch::On)).await;
    set(store.clone(), Some(Switch::Off)).await;
    let stored = store.switch("corp", "staff").unwrap();
    assert_eq!((stored.value, stored.set_at), (Switch::Off, Timestamp(7)));
    assert_eq!(store.switch("corp", "guests"), None);
    store.close().unwrap();
    let store = folder.open();
    assert_eq!(store.switch("corp", "staff"), Some(stored));
    set(store.clone(), None).await;
    assert_eq!(store.switch("corp", "staff"), None);
    store.close().unwrap();
    let store = folder.open();
    assert_eq!(store.switch("corp", "staff"), None);
    assert_eq!(store.audit(None, 10).await.unwrap().items.len(), 3);
}

#[tokio::test]
async fn the_audit_comes_newest_first_in_pages_and_survives() {
    let folder = Folder::new();
    let store = with_users(&folder, 5).await;
    drop(store);
    let store = folder.open();
    let first = store.audit(None, 3).await.unwrap();
    let numbers: Vec<_> = first.items.iter().map(|entry| entry.sequence).collect();
    assert_eq!(numbers, [5, 4, 3]);
    let mut expected = audit("created", Some(key(4)));
    expected.sequence = 5;
    assert_eq!(first.items[0], expected);
    let cursor = first.next.unwrap().parse().unwrap();
    let second = store.audit(Some(cursor), 3).await.unwrap();
    let numbers: Vec<_> = second.items.iter().map(|entry| entry.sequence).collect();
    assert_eq!((numbers, second.next), (vec![2, 1], None));
}

#[tokio::test]
async fn the_oldest_audit_rows_make_room() {
    let folder = Folder::new();
    let mut config = config(&folder.store());
    config.max_audit_rows = 3;
    let store = Store::open(config, Silent).unwrap();
    for number in 0..8 {
        store.commit(create(number)).await.unwrap();
    }
    let items = store.audit(None, 100).await.unwrap().items;
    assert_eq!(items.iter().map(|entry| entry.sequence).collect::<Vec<_>>(), [8, 7, 6]);
}
