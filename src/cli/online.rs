//! `bindgate check --online`: asks each directory what it offers, and says what is chosen and why.
//!
//! It connects and binds as the gateway does and asks by the same code, so that what is printed is
//! what a gateway with this configuration would do.

use super::exit::{Exit, Failure};
use crate::app::events::Event;
use crate::app::observe::{Finder, facts, vendor};
use crate::app::ports::Events;
use crate::config::{Config, Directory};
use crate::domain::kind::Kind;
use crate::domain::numbering::NotNumbered;
use crate::domain::observation::UnknownReason;
use crate::domain::policy::GroupPolicy;
use crate::domain::sighting::{Several, several};
use crate::domain::strategy::{Choice, Facts, Strategy, choose};
use crate::upstream::{self, ServerChoice, ServerUrl, SharedLookups};

/// By so many connections each address is looked at.
const SIGHTINGS: usize = 8;

/// Asks all directories. The text has one line a finding; if one could not be asked, the failure
/// tells of it and has the findings of the others.
pub(super) fn look(config: &Config) -> Result<String, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Failure::new(Exit::Internal, "runtime", error.to_string()))?;
    let mut report = Report::default();
    for directory in &config.directories {
        runtime.block_on(look_at(directory, &mut report));
    }
    match report.failed {
        false => Ok(report.lines.concat()),
        true => Err(Failure::new(Exit::Unavailable, "online", report.lines.concat())),
    }
}

#[derive(Default)]
struct Report {
    lines: Vec<String>,
    failed: bool,
}

impl Report {
    fn say(&mut self, directory: &Directory, finding: &str) {
        self.lines.push(format!("directory {}: {finding}\n", directory.policy.name));
    }
}

/// What happens meanwhile is told by the findings.
#[derive(Clone)]
pub(super) struct Silent;

impl Events for Silent {
    fn emit(&self, _: &Event<'_>) {}
}

async fn look_at(directory: &Directory, report: &mut Report) {
    let upstream = match upstream::Directory::new(&directory.upstream, 1, Silent) {
        Ok(upstream) => upstream,
        Err(error) => {
            report.failed = true;
            return report.say(directory, &error.to_string());
        }
    };
    let upstream = upstream.of_kind(directory.kind);
    let lookups = upstream.lookups(0);
    if let Err(reason) = findings(directory, &lookups, report).await {
        report.failed = true;
        report.say(directory, &format!("could not be asked: {}", meaning(reason)));
    }
    upstream.close();
    for url in &directory.upstream.urls {
        if let Some(several) = behind(directory, url).await {
            report.say(
                directory,
                &format!("warning: {} is a load balancer: {}", url, told_of(&several)),
            );
        }
    }
}

/// Whether several servers answer at one address. One that does not answer is told of elsewhere.
async fn behind(directory: &Directory, url: &ServerUrl) -> Option<Several> {
    let base = directory.policy.suffixes.first()?.as_str();
    let alone = upstream::Config { urls: vec![url.clone()], ..directory.upstream.clone() };
    let upstream = upstream::Directory::new(&alone, 1, Silent).ok()?;
    let mut sightings = Vec::new();
    while sightings.len() < SIGHTINGS
        && let Ok(sighting) = upstream.sight(base).await
    {
        sightings.push(sighting);
    }
    upstream.close();
    several(&sightings)
}

fn told_of(several: &Several) -> String {
    let seen = match several {
        Several::Name(name) => format!("servers with different values of {name} answer"),
        Several::Server(one, two) => format!("the servers {one} and {two} answer"),
        Several::Behind => "a server answered that is behind another one".to_owned(),
    };
    format!("{seen}; name the servers themselves in `urls`")
}

async fn findings(
    directory: &Directory,
    lookups: &SharedLookups,
    report: &mut Report,
) -> Result<(), UnknownReason> {
    let (vendor, kind) = vendor(lookups).await?;
    let vendor = if vendor.is_empty() { "a directory that does not say its name" } else { &vendor };
    let account = directory.policy.service_account.as_str();
    report.say(directory, &format!("reached, {vendor}, bound as {account}"));
    kind_told(directory, kind).iter().for_each(|finding| report.say(directory, finding));
    let Some(policy) = &directory.policy.groups else {
        report.say(directory, "no [directory.groups], so no groups are asked for");
        return Ok(());
    };
    let mut facts = facts(lookups, policy).await?;
    let upstream = &directory.upstream;
    if facts.numbering.is_ok()
        && upstream.server_choice == ServerChoice::Spread
        && upstream.urls.len() > 1
    {
        facts.numbering = Err(NotNumbered::SeveralServers);
    }
    let choice = choose(policy, &facts);
    told(&choice, &facts).iter().for_each(|finding| report.say(directory, finding));
    if let Some(finding) = canary(lookups, policy).await {
        report.say(directory, &finding);
    }
    Ok(())
}

/// What kind of directory it is taken for.
fn kind_told(directory: &Directory, seen: Kind) -> Vec<String> {
    match directory.kind {
        None => vec![format!("kind {}, as its root DSE shows", seen.name())],
        Some(kind) if kind == seen => vec![format!("kind {}, as configured", kind.name())],
        Some(kind) => vec![
            format!("kind {}, as configured", kind.name()),
            format!("warning: its root DSE shows that it is {}", seen.name()),
        ],
    }
}

/// What was chosen, with the reasons.
fn told(choice: &Choice, facts: &Facts) -> Vec<String> {
    let mut findings = vec![match choice.first() {
        Strategy::Replica => {
            format!("groups by replica, by {} while that is not fresh", choice.walk.name())
        }
        walk => format!("groups by {}", walk.name()),
    }];
    findings.extend(choice.reasons.iter().map(|reason| format!("because {reason}")));
    if facts.schema.is_none() {
        findings.push("warning: the schema cannot be read".to_owned());
    }
    findings.extend(choice.warnings.iter().map(|warning| format!("warning: {warning}")));
    findings
}

async fn canary(lookups: &SharedLookups, policy: &GroupPolicy) -> Option<String> {
    let canary = policy.canary.as_ref()?;
    let user = canary.user.as_str();
    Some(match Finder::default().hear_canary(lookups, policy).await {
        Ok(()) => format!("the canary {user} has its groups"),
        Err(_) => format!(
            "warning: the canary {user} does not have its groups, so nobody's would be believed"
        ),
    })
}

/// What a reason means to somebody who has just written the configuration.
pub(super) fn meaning(reason: UnknownReason) -> String {
    match reason {
        UnknownReason::Unreachable => "no server of `urls` could be reached".to_owned(),
        UnknownReason::ServiceAccount => {
            "the service account's name or password was refused".to_owned()
        }
        UnknownReason::NoSuchBase => "the `base` of [directory.groups] is not there".to_owned(),
        UnknownReason::Access => "the service account may not read".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_told_in_words() {
        for reason in UnknownReason::ALL {
            let text = meaning(reason);
            assert!(!text.is_empty() && text.is_ascii(), "{text}");
        }
    }
}
