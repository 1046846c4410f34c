//! Goal: an answered commit survives the death of the process at any moment.
//!
//! Method: this test runs again as a child that commits without end from several tasks at once and
//! prints each commit that was answered. It is killed in the middle of that; then all that it
//! printed has to be there, whole. A kill does not lose what the system holds in memory; that the
//! file is synced before the answer is SQLite's part (synchronous = FULL).

use crate::fixture::{
    Folder, Silent, addition, again, change, child_folder, config, create, group, key,
};
use bindgate::app::ports::{Commit, Records};
use bindgate::store::Store;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;

const ROUNDS: usize = 20;
const TASKS: usize = 8;
/// The child ends by itself after that many commits of one task, should nobody kill it.
const MAX_COMMITS: u64 = 5000;

#[test]
fn answered_commits_survive_a_kill() {
    if let Some(path) = child_folder() {
        return commit_until_killed(&path);
    }
    let folder = Folder::new();
    let mut answered = HashMap::new();
    for round in 0..ROUNDS {
        let before = answered.len();
        answered.extend(one_life(&folder.store(), 5 + round * 7));
        assert!(before > 0 || !answered.is_empty(), "the child answered nothing");
        let store = folder.open();
        for (number, version) in &answered {
            let stored = store.find(&key(*number)).expect("an answered record is there");
            assert!(stored.record.version >= *version, "round {round}, user {number}");
            let memberships = stored.record.memberships.len() as u64;
            assert_eq!(memberships, stored.record.version, "a commit is there by halves");
        }
        store.close().unwrap();
    }
}

/// Lets a child live until it has answered `enough` commits; the last answered version of each
/// user.
fn one_life(path: &Path, enough: usize) -> HashMap<usize, u64> {
    let mut child = again("crash::answered_commits_survive_a_kill", path).spawn().expect("child");
    let lines = BufReader::new(child.stdout.take().expect("child's output is piped")).lines();
    let mut answered = HashMap::new();
    for (count, line) in lines.map_while(Result::ok).filter_map(|line| parse(&line)).enumerate() {
        answered.insert(line.0, line.1);
        if count == enough {
            child.kill().expect("child can be killed");
        }
    }
    assert!(!child.wait().expect("child ends").success(), "the child ended by itself");
    answered
}

fn parse(line: &str) -> Option<(usize, u64)> {
    let (number, version) = line.strip_prefix("answered ")?.split_once(' ')?;
    // The last line may be cut.
    Some((number.parse().ok()?, version.strip_suffix('.')?.parse().ok()?))
}

fn commit_until_killed(path: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("runtime");
    let store = Store::open(config(path), Silent).expect("store opens");
    runtime.block_on(async {
        let tasks: Vec<_> = (0..TASKS)
            .map(|number| tokio::spawn(commit_without_end(store.clone(), number)))
            .collect();
        for task in tasks {
            task.await.expect("no task panics");
        }
    });
}

async fn commit_without_end(store: Store<Silent>, number: usize) {
    for _ in 0..MAX_COMMITS {
        let commit = match store.find(&key(number)) {
            Some(stored) => change(&stored.record, Vec::new()),
            None => create(number),
        };
        let id = format!("g{}", commit.base_version.unwrap_or(0));
        let changes = [commit.changes, vec![addition(&id)]].concat();
        let commit = Commit { changes, groups: vec![group(&id)], ..commit };
        let record = store.commit(commit).await.expect("commit is written");
        let mut out = std::io::stdout().lock();
        writeln!(out, "\nanswered {number} {}.", record.version).expect("parent reads");
        out.flush().expect("parent reads");
    }
}
