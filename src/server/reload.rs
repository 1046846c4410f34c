//! What of another configuration can be put in force, and what needs a restart.

use super::Config;
use super::generation::is_same;
use crate::config;
use crate::domain::view::Views;
use crate::frontend;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often the file is looked at.
pub(super) const LOOK: Duration = Duration::from_secs(2);

/// What differs between two configurations.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// What a reload puts in force, each part in a few words.
    pub(super) changed: Vec<String>,
    /// Sections and keys that count from the next start.
    pub(super) restart: Vec<&'static str>,
}

/// What differs.
pub(super) fn difference(old: &Config, new: &Config) -> Difference {
    let mut changed = Vec::new();
    let name = |directory: &config::Directory| directory.policy.name.clone();
    for directory in &new.directories {
        let before = old.directories.iter().find(|before| name(before) == name(directory));
        match before {
            None => changed.push(format!("directory {} added", name(directory))),
            Some(before) if !is_same(before, directory) => {
                changed.push(format!("directory {}", name(directory)));
            }
            Some(_) => {}
        }
    }
    for directory in &old.directories {
        if !new.directories.iter().any(|other| name(other) == name(directory)) {
            changed.push(format!("directory {} removed", name(directory)));
        }
    }
    let order = |config: &Config| config.directories.iter().map(name).collect::<Vec<_>>();
    if changed.is_empty() && order(old) != order(new) {
        changed.push("the order of directories".to_owned());
    }
    let views = |config: &Config| config.listen.views.clone();
    let sections = [
        ("[listen]", entrance(&old.listen) == entrance(&new.listen)),
        ("[listen.tls]", old.listen.tls == new.listen.tls),
        ("[[view]]", views(old) == views(new)),
        ("[sign_on]", is_same(&old.sign_on, &new.sign_on)),
        ("[reconcile]", is_same(&old.reconcile, &new.reconcile)),
        ("[records]", is_same(&old.records, &new.records)),
        ("[throttle]", is_same(&old.throttle, &new.throttle)),
        ("[admin]", old.admin == new.admin),
        ("[log] level", old.log.level == new.log.level),
    ];
    changed.extend(sections.iter().filter(|(_, same)| !same).map(|(name, _)| (*name).to_owned()));
    let restart = [
        ("[listen] workers", old.listen.workers == new.listen.workers),
        ("[store]", is_same(&old.store, &new.store)),
        ("[log] format", old.log.format == new.log.format),
        ("[traces]", old.traces == new.traces),
    ];
    let restart = restart.into_iter().filter(|(_, same)| !same).map(|(name, _)| name).collect();
    Difference { changed, restart }
}

/// `[listen]` itself, as far as a reload puts it in force.
fn entrance(listen: &frontend::Config) -> frontend::Config {
    frontend::Config { workers: 0, tls: None, views: Views::default(), ..listen.clone() }
}

/// What is in force once `new` was taken over: what needs a restart is as it was.
pub(super) fn in_force(old: &Config, new: Config) -> Config {
    Config {
        listen: frontend::Config { workers: old.listen.workers, ..new.listen },
        store: old.store.clone(),
        traces: old.traces.clone(),
        log: crate::telemetry::Config { format: old.log.format, ..new.log },
        ..new
    }
}

/// The configuration's file, looked at from time to time.
pub(super) struct Watched {
    path: PathBuf,
    /// What was read last, in force or refused.
    known: Option<Vec<u8>>,
    /// What was seen at the last look, if that was something else.
    seen: Option<Vec<u8>>,
}

impl Watched {
    pub(super) fn new(path: PathBuf) -> Self {
        let known = std::fs::read(&path).ok();
        Self { path, known, seen: None }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the file has changed and is the same at two looks: half a file may be one that can be
    /// used, and lacks a directory.
    pub(super) fn has_changed(&mut self) -> bool {
        let now = std::fs::read(&self.path).ok();
        if now.is_none() || now == self.known {
            self.seen = None;
            return false;
        }
        if self.seen == now {
            return true;
        }
        self.seen = now;
        false
    }

    /// What the file holds now was read.
    pub(super) fn was_read(&mut self) {
        self.known = std::fs::read(&self.path).ok();
        self.seen = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[listen]\nldap = [\"127.0.0.1:3890\"]\n[log]\nlevel = \"info\"\n\
        [[directory]]\nname = \"corp\"\nurls = [\"ldap://x\"]\nsuffixes = [\"dc=x\"]\n\
        service_account = { dn = \"cn=g,dc=x\", password_file = \"p\" }\n";
    const LAB: &str = "[[directory]]\nname = \"lab\"\nurls = [\"ldap://y\"]\nsuffixes = [\"dc=y\"]\n\
        service_account = { dn = \"cn=g,dc=y\", password_file = \"p\" }\n";

    fn read(text: &str) -> Config {
        config::parse(text, "f").unwrap_or_else(|problems| panic!("{}", problems.render()))
    }

    #[track_caller]
    fn check(from: &str, to: &str, changed: &[&str], restart: &[&'static str]) {
        let (old, new) = (read(from), read(to));
        let found = difference(&old, &new);
        assert_eq!(
            (found.changed.join(", "), found.restart.as_slice()),
            (changed.join(", "), restart)
        );
        let after = in_force(&old, new);
        assert_eq!(difference(&old, &after).restart, [""; 0], "what needs a restart stays");
    }

    #[test]
    fn what_is_put_in_force_is_told_from_what_needs_a_restart() {
        let both = format!("{TEXT}{LAB}");
        check(TEXT, TEXT, &[], &[]);
        check(TEXT, &both, &["directory lab added"], &[]);
        check(&both, TEXT, &["directory lab removed"], &[]);
        check(
            &both,
            &TEXT.replace("\"dc=x\"", "\"dc=z\"").replace("cn=g,dc=x", "cn=g,dc=z"),
            &["directory corp", "directory lab removed"],
            &[],
        );
        check(
            TEXT,
            &TEXT.replace("\"info\"", "\"debug\"\nformat = \"json\""),
            &["[log] level"],
            &["[log] format"],
        );
        check(TEXT, &TEXT.replace("3890", "3891"), &["[listen]"], &[]);
        let workers = |text: &str| text.replace("[log]", "workers = 3\n[log]");
        check(TEXT, &workers(TEXT), &[], &["[listen] workers"]);
        let more = "[admin]\nlisten = \"off\"\n[[view]]\nname = \"wiki\"\n\
            [view.match]\naddresses = [\"127.0.0.1\"]\n";
        check(TEXT, &format!("{more}{TEXT}"), &["[[view]]", "[admin]"], &[]);
        let traces = "[traces]\nendpoint = \"http://127.0.0.1:1/v1/traces\"\n";
        check(TEXT, &format!("{traces}{TEXT}"), &[], &["[traces]"]);
        check(
            TEXT,
            &format!("[store]\nurl = \"file:z\"\n[sign_on]\nbudget = \"1s\"\n{TEXT}"),
            &["[sign_on]"],
            &["[store]"],
        );
    }

    #[test]
    fn a_change_counts_when_it_was_seen_twice() {
        let path = std::env::temp_dir().join(format!("bindgate-watched-{}", std::process::id()));
        std::fs::write(&path, "a").unwrap();
        let mut watched = Watched::new(path.clone());
        assert!(!watched.has_changed());
        std::fs::write(&path, "b").unwrap();
        assert!(!watched.has_changed(), "it may be half of it");
        std::fs::write(&path, "bc").unwrap();
        assert!(!watched.has_changed(), "it was");
        assert!(watched.has_changed());
        watched.was_read();
        assert!(!watched.has_changed());
        std::fs::remove_file(&path).unwrap();
        assert!(!watched.has_changed(), "a file that is away for a moment is no change");
    }
}
