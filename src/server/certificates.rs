//! The certificates of the clients' side, and those by which directories are trusted, read again on
//! SIGHUP and when their files change. Who has shaken hands goes on.

use crate::app::events::Event;
use crate::app::ports::Events;
use crate::frontend::{Reloaded, Tls};
use crate::telemetry::Telemetry;
use crate::upstream::Directory;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// Whoever wants the files to be read at once: those of the clients' side, those of administration, and
/// those of the directories'.
#[derive(Clone, Default)]
pub(super) struct Bell(Arc<[Notify; 3]>);

/// Whom a certificate is shown to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ShownTo {
    /// Clients of LDAP.
    Clients = 0,
    /// Those of administration.
    Administrators = 1,
}

/// The place in the bell of those by which directories are trusted.
const TRUST: usize = 2;

impl Bell {
    /// Has the files read.
    pub(super) fn ring(&self) {
        self.0.iter().for_each(Notify::notify_one);
    }
}

/// Why the files are looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Occasion {
    /// The interval is over.
    Time,
    /// Somebody asked.
    Asked,
}

/// Looks at the files at every interval, if that is not zero, and whenever the bell is rung. Never
/// ends.
pub(super) async fn watch(
    (tls, whom): (Tls, ShownTo),
    interval: Duration,
    bell: Bell,
    events: Telemetry,
) {
    // What was told already is not told at every interval.
    let mut told = None;
    loop {
        let occasion = tokio::select! {
            () = bell.0[whom as usize].notified() => Occasion::Asked,
            () = tokio::time::sleep(interval), if !interval.is_zero() => Occasion::Time,
        };
        // Files may lie where reading takes long; what else runs here does not wait for them.
        let reading = tls.clone();
        let Ok(read) = tokio::task::spawn_blocking(move || reading.reload()).await else {
            continue;
        };
        match read {
            Ok(Reloaded::Changed) => {
                told = None;
                events.emit(&Event::CertificatesReloaded);
            }
            Ok(Reloaded::Unchanged) if occasion == Occasion::Asked => {
                told = None;
                tracing::info!(target: "bindgate", "TLS certificates read again: unchanged");
            }
            Ok(Reloaded::Unchanged) => told = None,
            Err(error) => {
                let error = error.to_string();
                if occasion == Occasion::Asked || told.as_ref() != Some(&error) {
                    events.emit(&Event::CertificatesRefused { error: &error });
                }
                told = Some(error);
            }
        }
    }
}

/// How often they are looked at where `[listen.tls]`, which says so, is missing.
const INTERVAL: Duration = Duration::from_secs(10);

/// Does the same with the certificates by which each directory is trusted. Never ends.
pub(super) async fn watch_trust(
    directories: Vec<(String, Arc<Directory>)>,
    interval: Option<Duration>,
    bell: Bell,
) {
    let interval = interval.unwrap_or(INTERVAL);
    let mut told = vec![None; directories.len()];
    loop {
        let occasion = tokio::select! {
            () = bell.0[TRUST].notified() => Occasion::Asked,
            () = tokio::time::sleep(interval), if !interval.is_zero() => Occasion::Time,
        };
        for ((name, directory), told) in directories.iter().zip(&mut told) {
            let reading = directory.clone();
            let read = tokio::task::spawn_blocking(move || reading.reload_trust()).await;
            let Ok(read) = read else { continue };
            let error = match read {
                Ok(is_changed) => {
                    if is_changed {
                        tracing::info!(target: "bindgate", "ca of directory {name} read again: changed");
                    }
                    None
                }
                Err(error) => Some(error.to_string()),
            };
            if let Some(error) = &error
                && (occasion == Occasion::Asked || *told != Some(error.clone()))
            {
                tracing::warn!(target: "bindgate", "ca of directory {name} stays as it was: {error}");
            }
            *told = error;
        }
    }
}
