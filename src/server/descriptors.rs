//! File descriptors: each client and each connection to a directory takes one.
//!
//! At the start the process's soft limit is raised to the hard one if the configuration may need
//! more than it allows. If that is not enough either, fewer clients are accepted, so that the
//! connections to the directories, the store and administration always find one.

use super::running::worker_count;
use crate::config::Config;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Sockets to listen on apart: standard streams, the store's files, signals, configuration, names.
const SPARE: usize = 64;

/// What each worker's runtime takes; and again, for each directory, the gateway's own searches there,
/// and what follows the directory.
const EACH_WORKER: usize = 8;

/// The least clients that are accepted, however few descriptors there are.
const LEAST_CLIENTS: usize = 16;

/// What the configuration may need beside its clients.
fn beside_clients(config: &Config, workers: usize) -> usize {
    let listeners = (config.listen.ldap.len() + config.listen.ldaps.len()) * workers;
    let directories = config.directories.iter();
    let upstream: usize = directories
        .map(|directory| directory.upstream.max_connections + EACH_WORKER * (workers + 1))
        .sum();
    let admin = config.admin.listen.map_or(0, |_| config.admin.limits.max_clients + 1);
    SPARE + EACH_WORKER * workers + listeners + upstream + admin
}

/// How many clients can be accepted with so many descriptors.
fn clients_within(config: &Config, workers: usize, limit: u64) -> usize {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let left = limit.saturating_sub(beside_clients(config, workers));
    config.listen.max_clients.min(left.max(LEAST_CLIENTS))
}

/// What is wrong if all that the configuration allows does not fit into so many descriptors.
fn judge(config: &Config, workers: usize, limit: u64) -> Option<String> {
    let beside = beside_clients(config, workers);
    let wanted = beside.saturating_add(config.listen.max_clients);
    let clients = clients_within(config, workers, limit);
    (clients < config.listen.max_clients || u64::try_from(wanted).is_ok_and(|w| w > limit)).then(
        || {
            format!(
                "the limit of open files is {limit}: max_clients = {} and what else is configured \
                 may need {wanted}; only {clients} clients are accepted at a time",
                config.listen.max_clients
            )
        },
    )
}

/// What `bindgate check` says of the limit that a gateway started like this process would have.
pub fn too_few_descriptors(config: &Config) -> Option<String> {
    let limit = getrlimit(Resource::Nofile).maximum?;
    judge(config, worker_count(&config.listen), limit)
}

/// Raises the limit of open files as far as is needed and allowed, and accepts no more clients than
/// fit into it.
pub(super) fn provide(config: &mut Config, workers: usize) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let Some(current) = current else { return };
    if judge(config, workers, current).is_none() {
        return;
    }
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let limit = match raised {
        Ok(()) => maximum,
        Err(_) => Some(current),
    };
    let Some(limit) = limit else { return };
    if let Some(warning) = judge(config, workers, limit) {
        tracing::warn!(target: "bindgate", "{warning}");
        config.listen.max_clients = clients_within(config, workers, limit);
    } else {
        tracing::info!(target: "bindgate", "limit of open files raised from {current} to {limit}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(max_clients: usize, max_connections: usize) -> Config {
        let text = format!(
            "[listen]\nmax_clients = {max_clients}\n[admin]\nlisten = \"off\"\n[[directory]]\n\
             name = \"corp\"\nurls = [\"ldap://x\"]\nsuffixes = [\"dc=x\"]\n\
             max_connections = {max_connections}\n\
             service_account = {{ dn = \"cn=g,dc=x\", password_file = \"p\" }}\n"
        );
        crate::config::parse(&text, "f").unwrap_or_else(|problems| panic!("{}", problems.render()))
    }

    #[test]
    fn connections_to_the_directory_come_before_clients() {
        let config = config(1000, 100);
        let beside = beside_clients(&config, 1);
        assert!(beside > 100 && beside < 250, "{beside}");
        for (limit, clients) in
            [(100_000, 1000), (beside + 1000, 1000), (beside + 999, 999), (beside, 16), (0, 16)]
        {
            let limit = limit as u64;
            assert_eq!(clients_within(&config, 1, limit), clients, "{limit}");
            assert_eq!(judge(&config, 1, limit).is_none(), clients == 1000, "{limit}");
        }
    }

    #[test]
    fn the_warning_names_the_limit_and_what_follows_from_it() {
        let text = judge(&config(20_000, 1024), 2, 1024).unwrap();
        for word in ["1024", "20000", "only 16 clients"] {
            assert!(text.contains(word), "{text}");
        }
        assert_eq!(judge(&config(10, 10), 2, 1024), None);
    }
}
