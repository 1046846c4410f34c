//! What a commit changes, what refuses one, and that no other suffers for it.

use crate::fixture::{
    Folder, Silent, Told, addition, change, config, create, creation, group, key, mark,
};
use bindgate::app::ports::{Catalogue, Commit, Records, StoreError};
use bindgate::domain::change::Change;
use bindgate::domain::record::{Record, UpstreamId};
use bindgate::store::Store;
use rusqlite::Connection;
use std::sync::Arc;
use std::time::Duration;

type Answer = Result<Arc<Record>, StoreError>;

/// Sends commits while somebody else holds the file, so that all but the first few are one group.
async fn together(folder: &Folder, store: &Store<Silent>, commits: Vec<Commit>) -> Vec<Answer> {
    let foreign = hold(folder);
    let tasks: Vec<_> = std::iter::once(create(9999))
        .chain(commits)
        .map(|commit| {
            let store = store.clone();
            tokio::spawn(async move { store.commit(commit).await })
        })
        .collect();
    tokio::task::yield_now().await;
    drop(foreign);
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.expect("no commit panics"));
    }
    answers.split_off(1)
}

fn hold(folder: &Folder) -> Connection {
    let foreign = folder.sqlite();
    foreign.execute_batch("BEGIN IMMEDIATE").expect("nobody else writes yet");
    foreign
}

#[tokio::test]
async fn a_commit_makes_a_record_and_the_next_changes_it() {
    let folder = Folder::new();
    let store = folder.open();
    let made = store.commit(create(1)).await.unwrap();
    assert_eq!(made.version, 1);
    let renamed = change(&made, vec![Change::Renamed("ann".to_owned()), addition("g")]);
    let changed = store.commit(renamed).await.unwrap();
    assert_eq!((changed.version, changed.name.as_str()), (2, "ann"));
    let stored = store.find(&key(1)).unwrap();
    assert_eq!((stored.record, stored.mark), (changed, mark(2)));
}

#[tokio::test]
async fn of_two_commits_for_one_version_the_second_conflicts() {
    let folder = Folder::new();
    let store = folder.open();
    let record = store.commit(create(1)).await.unwrap();
    let rename = |name: &str| change(&record, vec![Change::Renamed(name.to_owned())]);
    let answers = together(&folder, &store, vec![rename("first"), rename("second")]).await;
    assert_eq!(answers[0].as_ref().unwrap().version, 2);
    assert_eq!(answers[1], Err(StoreError::Conflict));
    assert_eq!(store.find(&key(1)).unwrap().record.name, "first");
}

#[tokio::test]
async fn a_second_creation_conflicts() {
    let folder = Folder::new();
    let store = folder.open();
    let answers = together(&folder, &store, vec![create(1), create(1)]).await;
    let record = answers[0].clone().unwrap();
    assert_eq!(answers[1], Err(StoreError::Conflict));
    assert_eq!(store.commit(create(1)).await, Err(StoreError::Conflict));
    let again = change(&record, vec![creation(1)]);
    assert_eq!(store.commit(again).await, Err(StoreError::Conflict));
}

#[tokio::test]
async fn a_commit_for_a_record_that_is_not_there_conflicts() {
    let folder = Folder::new();
    let store = folder.open();
    let commit = Commit { base_version: Some(1), ..create(1) };
    assert_eq!(store.commit(commit).await, Err(StoreError::Conflict));
}

#[tokio::test]
async fn one_that_fits_not_fails_alone_in_its_group() {
    let folder = Folder::new();
    let store = folder.open();
    let misfit = Commit { changes: vec![creation(2), creation(2)], ..create(2) };
    let nothing = Commit { changes: Vec::new(), ..create(3) };
    let strange = Commit { changes: vec![creation(5)], ..create(4) };
    let Change::Created { id, .. } = creation(1) else { unreachable!() };
    let taken = match creation(6) {
        Change::Created { key, user_type, name, dn, at, .. } => {
            Change::Created { id, key, user_type, name, dn, at }
        }
        other => other,
    };
    let taken = Commit { changes: vec![taken], ..create(6) };
    let group = vec![create(1), misfit, nothing, strange, taken, create(7)];
    let answers = together(&folder, &store, group).await;
    assert!(answers[0].is_ok() && answers[5].is_ok(), "{answers:?}");
    for answer in &answers[1..5] {
        assert!(matches!(answer, Err(StoreError::Misfit(_))), "{answer:?}");
    }
    assert!(store.is_healthy());
    drop(store);
    let store = folder.open();
    assert!(store.find(&key(1)).is_some() && store.find(&key(7)).is_some());
    assert!([2, 3, 4, 5, 6].iter().all(|number| store.find(&key(*number)).is_none()));
}

#[tokio::test]
async fn a_refused_commit_leaves_nothing_behind() {
    let folder = Folder::new();
    let store = folder.open();
    store.commit(create(1)).await.unwrap();
    let refused = Commit { groups: vec![group("g")], mark: mark(99), ..create(1) };
    assert_eq!(store.commit(refused).await, Err(StoreError::Conflict));
    assert_eq!(store.group("corp", &UpstreamId::new("g")), None);
    assert_eq!(store.find(&key(1)).unwrap().mark, mark(1));
    assert_eq!(store.audit(None, 10).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn groups_of_a_commit_are_kept_and_renamed_by_a_later_one() {
    let folder = Folder::new();
    let store = folder.open();
    let id = UpstreamId::new("g");
    let commit = Commit { groups: vec![group("g"), group("h")], ..create(1) };
    let record = store.commit(commit).await.unwrap();
    let mut renamed = group("g");
    renamed.name = "another".to_owned();
    let commit = Commit { groups: vec![renamed.clone()], ..change(&record, Vec::new()) };
    store.commit(commit).await.unwrap();
    assert_eq!(*store.group("corp", &id).unwrap(), renamed);
    assert_eq!(store.group("elsewhere", &id), None);
    drop(store);
    let store = folder.open();
    assert_eq!(*store.group("corp", &id).unwrap(), renamed);
    assert_eq!(*store.group("corp", &UpstreamId::new("h")).unwrap(), group("h"));
}

#[tokio::test]
async fn a_full_queue_answers_overloaded_and_the_rest_is_written() {
    const SENT: usize = 40;
    let folder = Folder::new();
    let (events, told) = Told::new();
    let mut config = config(&folder.store());
    config.max_waiting = 2;
    let store = Store::open(config, events).unwrap();
    let foreign = hold(&folder);
    let tasks: Vec<_> = (0..SENT)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move { store.commit(create(number)).await })
        })
        .collect();
    tokio::task::yield_now().await;
    drop(foreign);
    let mut written = 0;
    for (number, task) in tasks.into_iter().enumerate() {
        match task.await.unwrap() {
            Ok(_) => written += 1,
            Err(error) => {
                assert_eq!(error, StoreError::Overloaded);
                assert!(store.find(&key(number)).is_none());
            }
        }
    }
    assert!((2..=4).contains(&written), "two in hand, two that wait: {written}");
    assert_eq!(told.try_iter().filter(|name| *name == "max_waiting").count(), SENT - written);
}

#[tokio::test]
async fn a_closed_store_takes_no_commits_and_still_answers_reads() {
    let folder = Folder::new();
    let store = folder.open();
    store.commit(create(1)).await.unwrap();
    store.close().unwrap();
    store.close().unwrap();
    assert_eq!(store.commit(create(2)).await, Err(StoreError::Closed));
    assert!(store.find(&key(1)).is_some());
    assert!(!store.is_healthy());
}

#[tokio::test]
async fn closing_writes_what_waits() {
    let folder = Folder::new();
    let store = folder.open();
    let foreign = hold(&folder);
    let waiting = store.clone();
    let task = tokio::spawn(async move { waiting.commit(create(1)).await });
    tokio::task::yield_now().await;
    drop(foreign);
    store.close().unwrap();
    task.await.unwrap().unwrap();
    assert!(folder.open().find(&key(1)).is_some());
}

#[tokio::test]
async fn a_moved_mark_writes_nothing_until_its_time() {
    let folder = Folder::new();
    let store = folder.open();
    store.commit(create(1)).await.unwrap();
    let log = folder.store().join("bindgate.sqlite-wal");
    let before = std::fs::read(&log).unwrap();
    for at in 10..1000 {
        store.mark(&key(1), mark(at));
    }
    assert_eq!(store.find(&key(1)).unwrap().mark, mark(999));
    store.audit(None, 1).await.unwrap();
    assert_eq!(std::fs::read(&log).unwrap(), before);
    store.close().unwrap();
    assert_eq!(folder.open().find(&key(1)).unwrap().mark, mark(999));
}

#[tokio::test]
async fn marks_reach_the_disk_in_time_without_a_commit() {
    let folder = Folder::new();
    let mut config = config(&folder.store());
    config.mark_interval = Duration::from_millis(10);
    let store = Store::open(config, Silent).unwrap();
    store.commit(create(1)).await.unwrap();
    store.mark(&key(1), mark(55));
    let foreign = folder.sqlite();
    let on_disk = || -> i64 {
        foreign.query_row("SELECT last_sign_on FROM users", [], |row| row.get(0)).unwrap()
    };
    let deadline = std::time::Instant::now() + crate::fixture::PATIENCE;
    while on_disk() != 55 && std::time::Instant::now() < deadline {
        std::thread::yield_now();
    }
    assert_eq!(on_disk(), 55);
}

#[tokio::test]
async fn a_mark_for_nobody_is_ignored() {
    let folder = Folder::new();
    let store = folder.open();
    store.mark(&key(1), mark(5));
    assert!(store.find(&key(1)).is_none());
    store.close().unwrap();
}

/// Both saw that the name was free.
#[tokio::test]
async fn of_two_who_take_one_name_at_once_the_second_has_to_look_again() {
    let folder = Folder::new();
    let store = folder.open();
    let named = |number: usize, name: &str| {
        let mut commit = create(number);
        commit.changes.push(Change::Renamed(name.to_owned()));
        commit
    };
    let commits = vec![named(1, "ann"), named(2, "ANN"), named(3, "bob")];
    let answers = together(&folder, &store, commits).await;
    assert!(answers[0].is_ok() && answers[2].is_ok());
    assert_eq!(answers[1], Err(StoreError::Conflict));
    assert_eq!(store.commit(named(2, "Ann")).await, Err(StoreError::Conflict));
    let bob = answers[2].clone().unwrap();
    let renamed = change(&bob, vec![Change::Renamed("ann".to_owned())]);
    assert_eq!(store.commit(renamed).await, Err(StoreError::Conflict));
    // Whoever is missing keeps no name.
    let ann = answers[0].clone().unwrap();
    let at = bindgate::domain::time::Timestamp(9);
    let reason = bindgate::domain::record::InactiveReason::Missing;
    let gone = change(&ann, vec![Change::Deactivated { reason, at }]);
    store.commit(gone).await.unwrap();
    assert!(store.commit(named(2, "ann")).await.is_ok());
}

#[tokio::test]
async fn a_record_is_deleted_at_the_version_that_was_seen_and_may_be_made_anew() {
    let folder = Folder::new();
    let store = folder.open();
    let made = store.commit(create(1)).await.unwrap();
    store.commit(create(2)).await.unwrap();
    let changed = store.commit(change(&made, vec![addition("g")])).await.unwrap();
    let row = || crate::fixture::audit("deleted", Some(key(1)));
    let conflict = Err(StoreError::Conflict);
    assert_eq!(store.delete(&key(1), made.version, row()).await, conflict, "it has changed since");
    assert_eq!(store.delete(&key(1), changed.version, row()).await, Ok(()));
    assert_eq!(store.delete(&key(1), changed.version, row()).await, conflict, "there is none");
    assert!(store.find(&key(1)).is_none() && store.find(&key(2)).is_some());
    assert_eq!(store.list(None, 10).items.len(), 1);
    let late = change(&changed, vec![addition("h")]);
    assert_eq!(store.commit(late).await, Err(StoreError::Conflict));
    assert_eq!(store.audit(None, 1).await.unwrap().items[0].action, "deleted");
    store.close().unwrap();
    drop(store);
    let store = folder.open();
    assert!(store.find(&key(1)).is_none() && store.find(&key(2)).is_some());
    assert_eq!(store.commit(create(1)).await.unwrap().memberships.len(), 0, "she comes back");
}
