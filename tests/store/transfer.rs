//! What is exported and imported elsewhere is exported the same from there; what is wrong with an
//! import is told by its lines, and then nothing of it is kept.

use crate::fixture::{Folder, Silent, audit, change, create, group, key};
use crate::round_trip::{any_change, any_mark};
use bindgate::app::ports::{Catalogue, Import, Records, StoreError};
use bindgate::app::transfer::{Export, Format, read};
use bindgate::domain::policy::Switch;
use bindgate::store::Store;
use proptest::collection::vec;
use proptest::prelude::*;

const USERS: usize = 3;
const FORMATS: [Format; 2] = [Format::JsonLines, Format::Ldif];

fn export(store: &Store<Silent>, format: Format) -> String {
    Export::new(store.clone(), format).collect()
}

/// What a text brings, or the lines that are wrong with what is wrong with each.
fn judged(store: &Store<Silent>, text: &str) -> Result<Import, Vec<(usize, String)>> {
    read(text, store, audit("imported", None))
        .map_err(|wrongs| wrongs.into_iter().map(|wrong| (wrong.line, wrong.what)).collect())
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Some users, two groups and a switch.
fn fill(store: &Store<Silent>) {
    for number in 0..USERS {
        wait(store.commit(create(number))).unwrap();
    }
    for id in ["a", "b"] {
        let row = audit("group-created", None);
        wait(store.set_group("corp", &group(id).id, Some(group(id)), row)).unwrap();
    }
    // One of a user type, and one of a view.
    for (directory, name) in [("corp", "staff"), ("", "wiki")] {
        let row = audit("switch-changed", None);
        wait(store.set_switch(directory, name, Some(Switch::Off), row)).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn an_export_that_was_imported_is_exported_the_same(
        steps in vec((0..USERS, vec(any_change(), 0..4), any_mark()), 1..12)
    ) {
        let (folder, other) = (Folder::new(), Folder::new());
        let store = folder.open();
        fill(&store);
        for (number, changes, mark) in steps {
            let record = store.find(&key(number)).unwrap().record;
            let mut commit = change(&record, changes);
            commit.mark = mark.clone();
            match wait(store.commit(commit)) {
                Ok(_) => {}
                Err(StoreError::Misfit(_) | StoreError::Conflict) => store.mark(&key(number), mark),
                Err(error) => panic!("{error}"),
            }
        }
        for format in FORMATS {
            let text = export(&store, format);
            let elsewhere = other.open();
            let import = judged(&elsewhere, &text);
            prop_assert!(import.is_ok(), "{import:?}\n{text}");
            wait(elsewhere.import(import.unwrap())).unwrap();
            prop_assert_eq!(&export(&elsewhere, format), &text);
            // It is on disk, not in memory alone.
            elsewhere.close().unwrap();
            prop_assert_eq!(&export(&other.open(), format), &text);
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>(), lines in vec("[a-z:{}\" ]*", 0..5)) {
        let folder = Folder::new();
        let store = folder.open();
        for text in [text, lines.join("\n"), format!("version: 1\n\n{}", lines.join("\n"))] {
            prop_assert!(judged(&store, &text).is_err());
        }
    }
}

/// An import that has something replaced: each line of the export is spoilt in turn.
#[track_caller]
fn check(format: Format, from: &str, to: &str, line: usize, word: &str) {
    let folder = Folder::new();
    let store = folder.open();
    fill(&store);
    let before = export(&store, format);
    assert!(before.contains(from), "{from:?} stands in\n{before}");
    let wrongs = judged(&store, &before.replacen(from, to, 1)).unwrap_err();
    let (at, what) = &wrongs[0];
    assert!(*at == line && what.contains(word), "{at}: {what}");
    assert_eq!(export(&store, format), before);
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    use Format::{JsonLines, Ldif};
    check(JsonLines, "\"export_version\":1", "\"export_version\":2", 1, "version 2");
    check(JsonLines, "\"kind\":\"group\"", "\"kind\":\"grope\"", 2, "grope");
    check(JsonLines, "\"directory\":\"corp\"", "\"directory\":\"\"", 2, "directory");
    check(JsonLines, "\"kind\":\"group\"", "\"kind\":\"group\",\"more\":1", 2, "more");
    check(JsonLines, "\"off\"", "\"often\"", 4, "often");
    check(JsonLines, "\"r00001\"", "\"r00000\"", 7, "line 6 already");
    check(JsonLines, "\"upstream_id\":\"u2\"", "\"upstream_id\":\"u0\"", 8, "line 6 already");
    check(JsonLines, "\"rows\":8", "\"rows\":9", 9, "announced");
    check(JsonLines, "{\"kind\":\"end\",\"rows\":8}\n", "", 8, "end is missing");
    check(JsonLines, "{\"export_version\":1,\"kind\":\"export\"}\n", "", 1, "begins with");
    check(Ldif, "export-version: 1", "export-version: 2", 3, "version 2");
    check(Ldif, "update-on-sign-on: off", "update-on-sign-on: often", 21, "often");
    check(Ldif, "update-on-sign-on: off", "update-on-sign-on:< file:///x", 25, "another file");
}

#[test]
fn an_id_that_is_another_users_here_is_refused() {
    let (folder, other) = (Folder::new(), Folder::new());
    let store = folder.open();
    fill(&store);
    let text = export(&store, Format::JsonLines).replace("\"u0\"", "\"u9\"");
    let wrongs = judged(&store, &text).unwrap_err();
    assert!(
        matches!(wrongs.as_slice(), [(6, what)] if what.contains("another user's")),
        "{wrongs:?}"
    );
    // The same was fine when it was judged, and is not any more when it is to be written.
    let empty = other.open();
    let import = judged(&empty, &text).unwrap();
    wait(empty.commit(create(0))).unwrap();
    let before = export(&empty, Format::JsonLines);
    assert!(matches!(wait(empty.import(import)), Err(StoreError::Misfit(_))));
    assert_eq!(export(&empty, Format::JsonLines), before);
}

#[test]
fn a_record_that_is_here_is_replaced_and_whoever_commits_to_the_old_one_meets_a_conflict() {
    let (folder, other) = (Folder::new(), Folder::new());
    let store = folder.open();
    fill(&store);
    let text = export(&store, Format::JsonLines).replace("user0", "renamed");
    let here = other.open();
    let old = wait(here.commit(create(0))).unwrap();
    let mut third = create(3);
    third.changes = vec![crate::fixture::creation(3)];
    wait(here.commit(third)).unwrap();
    wait(here.import(judged(&here, &text).unwrap())).unwrap();
    assert_eq!(here.find(&key(0)).unwrap().record.name, "renamed");
    assert!(here.find(&key(3)).is_some(), "what is not in the file stays");
    let late = change(&old, Vec::new());
    assert_eq!(wait(here.commit(late)).unwrap_err(), StoreError::Conflict);
}
