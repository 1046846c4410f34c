//! What is kept of observations: with the record, only when it is another, never longer than it may be,
//! and gone with the record.

use crate::fixture::{Folder, Silent, Told, audit, change, config, create, creation, key, mark};
use bindgate::app::ports::{Catalogue, Commit, Import, Records};
use bindgate::domain::change::{Change, apply};
use bindgate::domain::observation::ObservedGroup;
use bindgate::domain::recollection::{Recollection, always_asked};
use bindgate::domain::record::{Group, Route, UpstreamId};
use bindgate::store::Store;
use std::collections::BTreeSet;

/// The members of a closure: id, way to it, groups below, whether it holds the user, its name.
type Row<'a> = (&'a str, &'a [&'a str], &'a [&'a str], bool, &'a str);

fn recollection(mail: &[u8], groups: Option<&[Row<'_>]>) -> Recollection {
    let id = |text: &&str| UpstreamId::new(text);
    let seen = |row: &Row<'_>| {
        let (group, path, members, direct, name) = *row;
        let dn = if name.is_empty() { String::new() } else { format!("cn={name}") };
        let route = Route { path: path.iter().map(id).collect(), direct };
        let members = members.iter().map(id).collect();
        let group = Group { id: UpstreamId::new(group), dn, name: name.to_owned() };
        (group.id.clone(), ObservedGroup { group, route, members })
    };
    let mut asked: BTreeSet<String> = always_asked().collect();
    asked.extend(["mail", "title"].map(str::to_owned));
    Recollection {
        dn: "uid=user1,ou=people,dc=example,dc=com".to_owned(),
        asked,
        attributes: [("mail".to_owned(), vec![mail.to_vec()])].into_iter().collect(),
        groups: groups.map(|rows| rows.iter().map(seen).collect()),
    }
}

/// A commit that makes a record with what is kept beside it.
fn observed(number: usize, of: &Recollection) -> Commit {
    Commit { observed: Some(of.clone()), ..create(number) }
}

async fn kept(store: &Store<Silent>, number: usize) -> Option<Recollection> {
    store.recollections(vec![key(number)]).await.unwrap().remove(&key(number))
}

/// What changes whenever somebody else has written to the file.
fn writes(folder: &Folder, watcher: &rusqlite::Connection) -> i64 {
    assert!(folder.store().exists());
    watcher.query_row("PRAGMA data_version", [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn what_is_kept_comes_back_as_it_was_whatever_the_groups_look_like() {
    let cycle: &[Row<'_>] =
        &[("a", &["a"], &["b"], true, ""), ("b", &["a", "b"], &["a", "b"], false, "ignored")];
    let diamond: &[Row<'_>] = &[
        ("bottom", &["bottom"], &[], true, ""),
        ("left", &["bottom", "left"], &["bottom"], true, ""),
        ("right", &["bottom", "right"], &["bottom"], false, ""),
        ("top", &["bottom", "right", "top"], &["left", "right"], false, ""),
    ];
    // Ways that are no longer ones of the groups that they come by, and over groups that are not there.
    let odd: &[Row<'_>] = &[
        ("a", &["a"], &[], true, ""),
        ("b", &["a", "b"], &["a"], false, ""),
        ("c", &["z", "b", "c"], &["b", "z"], false, ""),
        ("d", &["z", "d"], &[], false, ""),
        ("e", &["e"], &[], false, ""),
    ];
    let folder = Folder::new();
    let all = [None, Some(&[][..]), Some(cycle), Some(diamond), Some(odd)];
    let all = all.map(|groups| recollection(b"\xff\x00a@x", groups));
    let store = folder.open();
    for (number, of) in all.iter().enumerate() {
        store.commit(observed(number, of)).await.unwrap();
        assert_eq!(kept(&store, number).await.as_ref(), Some(of));
    }
    store.close().unwrap();
    let store = folder.open();
    for (number, of) in all.iter().enumerate() {
        assert_eq!(kept(&store, number).await.as_ref(), Some(of));
    }
    assert_eq!(kept(&store, 99).await, None);
}

#[tokio::test]
async fn what_was_observed_before_is_not_written_again_and_what_is_another_is() {
    let folder = Folder::new();
    let (first, second) = (recollection(b"a@x", Some(&[])), recollection(b"b@x", Some(&[])));
    let store = folder.open();
    let record = store.commit(observed(1, &first)).await.unwrap();
    // Whatever else changes of the record leaves it.
    let renamed = change(&record, vec![Change::Renamed("anna".to_owned())]);
    let record = store.commit(renamed).await.unwrap();
    assert_eq!(kept(&store, 1).await.as_ref(), Some(&first));
    store.close().unwrap();

    let store = folder.open();
    let watcher = folder.sqlite();
    let before = writes(&folder, &watcher);
    store.remember(&key(1), first.clone());
    store.remember(&key(7), first.clone());
    // Behind whatever was to be written.
    assert_eq!(kept(&store, 1).await.as_ref(), Some(&first));
    assert_eq!(writes(&folder, &watcher), before, "it is what is there");
    store.remember(&key(1), second.clone());
    assert_eq!(kept(&store, 1).await.as_ref(), Some(&second));
    assert_ne!(writes(&folder, &watcher), before);
    assert_eq!(store.find(&key(1)).unwrap().record.version, record.version);
    assert_eq!(store.audit(None, 9).await.unwrap().items.len(), 2, "it is no change of the record");
}

#[tokio::test]
async fn what_is_longer_than_it_may_be_is_not_kept_and_counted_and_nothing_old_stays_in_its_place()
{
    let folder = Folder::new();
    let (told, events) = Told::new();
    let mut small = config(&folder.store());
    small.max_observation_size = 600;
    let store = Store::open(small, told).unwrap();
    let short = recollection(b"a@x", Some(&[]));
    store.commit(observed(1, &short)).await.unwrap();
    assert_eq!(events.try_recv().ok(), None);
    let long = recollection(&[b'a'; 600], Some(&[]));
    store.remember(&key(1), long.clone());
    assert_eq!(events.recv_timeout(crate::fixture::PATIENCE), Ok("max_observation_size"));
    assert!(store.recollections(vec![key(1)]).await.unwrap().is_empty());
    store.commit(observed(2, &long)).await.unwrap();
    assert_eq!(events.recv_timeout(crate::fixture::PATIENCE), Ok("max_observation_size"));
    assert!(store.recollections(vec![key(1), key(2)]).await.unwrap().is_empty());
    store.close().unwrap();
    drop(store);

    let mut nothing = config(&folder.store());
    nothing.max_observation_size = 0;
    let (told, events) = Told::new();
    let store = Store::open(nothing, told).unwrap();
    store.commit(observed(3, &short)).await.unwrap();
    assert!(store.recollections(vec![key(3)]).await.unwrap().is_empty());
    assert_eq!(events.try_recv().ok(), None, "none is wanted");
}

#[tokio::test]
async fn what_is_kept_goes_with_the_record_and_with_one_that_takes_its_place() {
    let folder = Folder::new();
    let of = recollection(b"nobody-else-has-this@example.com", None);
    let store = folder.open();
    for number in [1, 2, 3] {
        store.commit(observed(number, &of)).await.unwrap();
    }
    let record = apply(None, &[creation(3)]).unwrap().unwrap();
    let users = vec![(record, mark(5))];
    let row = audit("imported", None);
    let import = Import { groups: Vec::new(), switches: Vec::new(), users, audit: row };
    store.import(import).await.unwrap();
    assert_eq!(kept(&store, 3).await, None, "it was another's");
    for number in [1, 2] {
        store.forget(&key(number), audit("forgotten", None)).await.unwrap();
    }
    store.commit(create(1)).await.unwrap();
    assert_eq!(kept(&store, 1).await, None);
    store.close().unwrap();
    for entry in std::fs::read_dir(folder.store()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let is_there = bytes.windows(14).any(|window| window == b"nobody-else-ha");
        assert!(!is_there, "it is overwritten");
    }
}
