//! A store of every earlier version of the schema opens, and nothing of it is lost.
//!
//! `versions/N.sql` is what version N added and rows that have it, as text of their own: the gateway's
//! own migrations do not stand for what was in the field.

use crate::fixture::{Folder, change};
use bindgate::app::audit::{AuditFilter, AuditOrder};
use bindgate::app::ports::{Catalogue, Records};
use bindgate::app::transfer::{Export, Format};
use bindgate::domain::change::Change;

const VERSIONS: [&str; 5] = [
    include_str!("versions/1.sql"),
    include_str!("versions/2.sql"),
    include_str!("versions/3.sql"),
    include_str!("versions/4.sql"),
    include_str!("versions/5.sql"),
];

/// The rows of users that a store of that version is opened with, as they are exported; it is opened
/// twice, since what was brought up to date has to be as good as what is new.
fn opened(version: usize) -> String {
    let folder = Folder::new();
    std::fs::create_dir(folder.store()).unwrap();
    for sql in &VERSIONS[..version] {
        folder.sqlite().execute_batch(sql).unwrap();
    }
    let text = || {
        let store = folder.open();
        let text: String = Export::new(store.clone(), Format::JsonLines).collect();
        assert_eq!(store.marker("corp").as_deref(), Some("rid=1"));
        store.close().unwrap();
        text
    };
    let first = text();
    assert_eq!(text(), first);
    first
}

/// Holds the export of a version against what stands in the rows.
#[track_caller]
fn check(version: usize, words: &[&str], absent: &[&str]) {
    let text = opened(version);
    for word in ["\"Ann\"", "\"pin-deny\"", "/wA=", "\"off\"", "unknown: timeout", "\"rows\":6"] {
        assert!(text.contains(word), "version {version}: no {word} in\n{text}");
    }
    for word in words {
        assert!(text.contains(word), "version {version}: no {word} in\n{text}");
    }
    for word in absent {
        assert!(!text.contains(word), "version {version}: {word} in\n{text}");
    }
}

#[test]
fn a_store_of_every_version_opens_and_keeps_what_was_in_it() {
    check(1, &[], &["collision", "in_review", "until", "local_name"]);
    check(2, &["\"collision\":\"ann\"", "\"in_review\":true"], &["until", "local_name"]);
    check(3, &["\"in_review\":true", "\"until\"", "\"local_name\":\"Annie\""], &[]);
    check(4, &["\"in_review\":true", "\"until\"", "\"local_name\":\"Annie\""], &["title"]);
    check(5, &["\"in_review\":true", "\"until\"", "\"local_name\":\"Annie\""], &["title"]);
}

/// A version changes where things stand, never what is told of them.
#[test]
fn the_newest_versions_tell_the_same_of_the_same_rows() {
    assert_eq!(opened(5), opened(4));
}

#[tokio::test]
async fn rows_of_the_audit_about_a_user_are_found_whatever_version_wrote_them() {
    let folder = Folder::new();
    std::fs::create_dir(folder.store()).unwrap();
    VERSIONS.iter().for_each(|sql| folder.sqlite().execute_batch(sql).unwrap());
    let store = folder.open();
    let ann = store.by_record_id("r1").unwrap().record.key.clone();
    let of = AuditFilter { user: Some(ann.clone()), ..AuditFilter::default() };
    let rows = async || {
        let page = store.audit_rows(of.clone(), AuditOrder::Before(None), 10).await.unwrap();
        page.items.into_iter().map(|row| (row.sequence, row.user)).collect::<Vec<_>>()
    };
    let expected = [5, 4, 3].map(|sequence| (sequence, Some(ann.clone())));
    assert_eq!(rows().await, expected);
    let newest = store.audit_rows(of.clone(), AuditOrder::Before(None), 1).await.unwrap();
    assert_eq!(newest.items[0].steps[0].after, ["g1", "g2"]);
    // A record that goes leaves its rows behind, one that is forgotten does not.
    let version = store.by_record_id("r1").unwrap().record.version;
    store.delete(&ann, version, crate::fixture::audit("deleted", None)).await.unwrap();
    assert_eq!(rows().await, expected);
    store.commit(crate::fixture::create(1)).await.unwrap();
    assert_eq!(rows().await.len(), 4);
    store.forget(&ann, crate::fixture::audit("forgotten", None)).await.unwrap();
    assert_eq!(rows().await, []);
}

#[tokio::test]
async fn what_a_store_kept_of_observations_is_there_and_an_older_one_has_none() {
    let groups = Some(["g1", "g2", "g3"]);
    for (version, expected) in [(3, None), (4, groups), (5, groups)] {
        let folder = Folder::new();
        std::fs::create_dir(folder.store()).unwrap();
        for sql in &VERSIONS[..version] {
            folder.sqlite().execute_batch(sql).unwrap();
        }
        let store = folder.open();
        let record = store.by_record_id("r1").unwrap().record;
        let kept = store.recollections(vec![record.key.clone()]).await.unwrap();
        let kept = kept.get(&record.key);
        let groups = kept.and_then(|kept| kept.groups.as_ref());
        let ways = groups.map(|groups| {
            groups
                .values()
                .map(|seen| seen.route.path.last().unwrap().to_string())
                .collect::<Vec<_>>()
        });
        assert_eq!(ways, expected.map(|ids| ids.map(str::to_owned).to_vec()));
        if let (Some(kept), Some(groups)) = (kept, groups) {
            let depths: Vec<usize> = groups.values().map(|seen| seen.route.depth()).collect();
            assert_eq!(depths, [1, 2, 2]);
            let third = groups.values().next_back().unwrap();
            assert_eq!((third.group.name.as_str(), third.route.direct), ("three", true));
            assert!(kept.knows("TITLE") && kept.knows("objectClass") && !kept.knows("sn"));
        }
    }
}

#[tokio::test]
async fn a_store_of_the_first_version_takes_commits_and_its_audit_goes_on() {
    let folder = Folder::new();
    std::fs::create_dir(folder.store()).unwrap();
    folder.sqlite().execute_batch(VERSIONS[0]).unwrap();
    let store = folder.open();
    let record = store.by_record_id("r1").unwrap().record;
    let renamed = store.commit(change(&record, vec![Change::Renamed("anna".to_owned())])).await;
    assert_eq!(renamed.unwrap().version, record.version + 1);
    let rows = store.audit(None, 10).await.unwrap().items;
    assert_eq!(rows.iter().map(|row| row.sequence).collect::<Vec<_>>(), [4, 3]);
}

/// A version that is added without its fixture would be one that nobody tried.
#[test]
fn every_version_has_its_fixture() {
    let folder = Folder::new();
    folder.open().close().unwrap();
    let newest: String = folder
        .sqlite()
        .query_row("SELECT value FROM meta WHERE key = 'schema_version'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(newest, VERSIONS.len().to_string());
}
