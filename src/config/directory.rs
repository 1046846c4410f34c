//! `[[directory]]`: how a directory is reached and where its groups are.

use super::Directory;
use super::groups;
use super::reader::{FileKind, Reader, Section};
use super::relay::{self, Here};
use super::user_type::user_types;
use super::value::{self, Mistake};
use crate::domain::kind::Kind;
use crate::domain::mass_change::{self, Many};
use crate::domain::policy::{DirectoryPolicy, Flatten, GroupPolicy, ReplicaPolicy, Resolve};
use crate::proto::dn::DistinguishedName;
use crate::proto::filter::Filter;
use crate::upstream::{self, Scheme, SecretSource, ServerChoice, ServerUrl, TlsConfig};
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;
use toml::Spanned;

/// A directory with the places in the file that it is compared by.
struct Read {
    directory: Directory,
    name: Range<usize>,
    suffixes: Vec<Spanned<DistinguishedName>>,
    default: Range<usize>,
}

/// Reads all directories and compares them with each other.
pub(super) fn directories<'d>(
    r: &mut Reader<'d>,
    root: &Section<'d>,
    here: Here,
) -> Option<Vec<Directory>> {
    let sections = r.sections(root, "directory");
    let is_list = root.get("directory").is_none_or(|given| given.get_ref().is_array());
    if sections.is_empty() && is_list {
        let help = "add a [[directory]] with name, urls, suffixes and service_account";
        r.missing(root.span(), "there is no directory to serve".to_owned(), help.to_owned());
    }
    let wanted = sections.len();
    let mut read: Vec<Read> = Vec::new();
    for section in sections {
        if let Some(next) = directory(r, &section, here) {
            compare(r, &read, &next);
            read.push(next);
        }
    }
    let sound = read.len() == wanted;
    let mut directories: Vec<Directory> = read.into_iter().map(|read| read.directory).collect();
    if !directories.iter().any(|directory| directory.policy.is_default)
        && let Some(first) = directories.first_mut()
    {
        first.policy.is_default = true;
    }
    sound.then_some(directories)
}

/// What two directories must not share.
fn compare(r: &mut Reader<'_>, earlier: &[Read], next: &Read) {
    for other in earlier {
        let name = &next.directory.policy.name;
        if other.directory.policy.name.eq_ignore_ascii_case(name) {
            let message = format!("another directory is called \"{name}\" already");
            r.error(next.name.clone(), message, "every directory has a name of its own");
        }
        for suffix in &next.suffixes {
            if other.suffixes.iter().any(|taken| taken.get_ref() == suffix.get_ref()) {
                let message = format!(
                    "directory \"{}\" has this suffix already",
                    other.directory.policy.name
                );
                let help = "a name leads to one directory: by the longest suffix that holds it";
                r.error(suffix.span(), message, help);
            }
        }
        if other.directory.policy.is_default && next.directory.policy.is_default {
            let message =
                format!("directory \"{}\" is the default already", other.directory.policy.name);
            r.error(next.default.clone(), message, "mark one directory at most");
        }
    }
}

fn directory<'d>(r: &mut Reader<'d>, section: &Section<'d>, here: Here) -> Option<Read> {
    let name = r.text(section, "name", value::name);
    let suffixes = r.list(section, "suffixes", dn);
    let default = r.flag(section, "default");
    let kind = r.choice(section, "kind", &KINDS);
    let account = service_account(r, section);
    let upstream = reach(r, section, name.as_ref(), account.as_ref());
    let groups = group_policy(r, section, suffixes.as_deref());
    let mass_change = mass_change(r, section);
    let relay = relay::relay_policy(r, section, here);
    let takes_groups = groups.as_ref().is_none_or(Option::is_some);
    let user_types = user_types(r, section, suffixes.as_deref(), takes_groups);
    let (name, suffixes, (account, _)) = (name?, suffixes?, account?);
    if suffixes.is_empty() {
        let span = section.get("suffixes").map_or_else(|| section.span(), Spanned::span);
        r.error(
            span,
            "`suffixes` is empty",
            "name at least one, for example \"dc=example,dc=com\"",
        );
    }
    let (upstream, mut groups) = (upstream?, groups?);
    if let Some(groups) = groups.as_mut().filter(|_| upstream.urls.len() > 1) {
        // How far one server has got says nothing of another one, which may be asked then.
        groups.max_kept_lookups = 0;
    }
    let policy = DirectoryPolicy {
        name: Arc::from(name.get_ref().as_str()),
        suffixes: suffixes.iter().map(|suffix| suffix.get_ref().clone()).collect(),
        is_default: default?,
        service_account: account,
        groups,
        user_types: user_types?,
    };
    let default = section.get("default").map_or_else(|| section.span(), Spanned::span);
    let (mut relay, mass_change) = (relay?, mass_change?);
    if let (Some(groups), false) = (&policy.groups, relay.serve.members.is_empty()) {
        relay.serve.members.clone_from(&groups.member_attributes);
    }
    let directory = Directory { upstream, kind: kind?, policy, relay, mass_change };
    Some(Read { directory, name: name.span(), suffixes, default })
}

fn mass_change<'d>(r: &mut Reader<'d>, directory: &Section<'d>) -> Option<mass_change::Limits> {
    let section = r.section(directory, "directory.mass_change");
    let enabled = r.flag(&section, "enabled");
    let window = r.duration(&section, "window");
    let share = r.count(&section, "share");
    let least_users = r.amount(&section, "least_users");
    let groups = r.amount(&section, "groups");
    let last_groups = r.amount(&section, "last_groups");
    Some(mass_change::Limits {
        many: if enabled? { Many::Held } else { Many::Believed },
        window: window?,
        share: share?,
        least_users: least_users?,
        groups: groups?,
        last_groups: last_groups.map(|least| (least > 0).then_some(least))?,
    })
}

fn reach<'d>(
    r: &mut Reader<'d>,
    section: &Section<'d>,
    name: Option<&Spanned<String>>,
    account: Option<&(DistinguishedName, SecretSource)>,
) -> Option<upstream::Config> {
    let urls = r.list(section, "urls", value::server_url);
    let choices = [("first", ServerChoice::First), ("spread", ServerChoice::Spread)];
    let server_choice = r.choice(section, "server_choice", &choices);
    let tls = tls(r, section);
    let max_connections = r.amount(section, "max_connections");
    let max_connecting = r.amount(section, "max_connecting");
    let min_connections = r.amount(section, "min_connections");
    let max_ahead = r.amount(section, "max_ahead");
    let max_binding = r.amount(section, "max_binding");
    let anonymous_share = r.amount(section, "anonymous_share");
    let max_waiting = r.amount(section, "max_waiting");
    let max_waiting_per_source = r.amount(section, "max_waiting_per_source");
    let queue_timeout = r.duration(section, "queue_timeout");
    let max_outstanding_upstream = r.amount(section, "max_outstanding_upstream");
    let max_outstanding_anonymous = r.amount(section, "max_outstanding_anonymous");
    let max_shared_connections = r.amount(section, "max_shared_connections");
    let max_connections_apart = r.amount(section, "max_connections_apart");
    let max_inbox = r.size(section, "max_inbox");
    let inbox_timeout = r.duration(section, "inbox_timeout");
    let proxied_authorisation = r.flag(section, "proxied_authorisation");
    let connect_timeout = r.duration(section, "connect_timeout");
    let bind_timeout = r.duration(section, "bind_timeout");
    let search_timeout = r.duration(section, "search_timeout");
    let max_message_size = r.size(section, "max_message_size");
    let max_lookup_entries = r.amount(section, "max_lookup_entries");
    let idle_timeout = r.duration(section, "idle_timeout");
    if let (Some(urls), Some(tls)) = (&urls, &tls) {
        judge_urls(r, section, urls, tls);
    }
    judge_minimum(r, section, min_connections, max_connections);
    let (urls, tls, (service_dn, service_password)) = (urls?, tls?, account?);
    Some(upstream::Config {
        name: name?.get_ref().clone(),
        urls: urls.into_iter().map(Spanned::into_inner).collect(),
        server_choice: server_choice?,
        tls,
        service_dn: service_dn.as_str().to_owned(),
        service_password: service_password.clone(),
        max_connections: max_connections?,
        max_connecting: max_connecting?,
        min_connections: min_connections?,
        max_ahead: max_ahead?,
        max_binding: max_binding?,
        anonymous_share: anonymous_share?,
        max_waiting: max_waiting?,
        max_waiting_per_source: max_waiting_per_source?,
        queue_timeout: queue_timeout?,
        max_outstanding_upstream: max_outstanding_upstream?,
        max_outstanding_anonymous: max_outstanding_anonymous?,
        max_shared_connections: max_shared_connections?,
        max_connections_apart: max_connections_apart?,
        max_inbox: max_inbox?,
        inbox_timeout: inbox_timeout?,
        proxied_authorisation: proxied_authorisation?,
        connect_timeout: connect_timeout?,
        bind_timeout: bind_timeout?,
        search_timeout: search_timeout?,
        max_message_size: max_message_size?,
        max_lookup_entries: max_lookup_entries?,
        idle_timeout: idle_timeout?,
    })
}

fn judge_minimum(
    r: &mut Reader<'_>,
    section: &Section<'_>,
    least: Option<usize>,
    most: Option<usize>,
) {
    let Some((least, most)) = least.zip(most).filter(|(least, most)| least > most) else { return };
    let given = section.get("min_connections").or_else(|| section.get("max_connections"));
    let span = given.map_or_else(|| section.span(), Spanned::span);
    let message = format!("`min_connections` ({least}) is above `max_connections` ({most})");
    r.error(span, message, "keep the minimum at or below the maximum");
}

fn judge_urls(
    r: &mut Reader<'_>,
    section: &Section<'_>,
    urls: &[Spanned<ServerUrl>],
    tls: &TlsConfig,
) {
    if urls.is_empty() {
        let span = section.get("urls").map_or_else(|| section.span(), Spanned::span);
        r.error(span, "`urls` is empty", "name at least one server: ldap://HOST or ldaps://HOST");
    }
    for url in urls.iter().filter(|url| url.get_ref().scheme == Scheme::Ldap && !tls.start_tls) {
        if !is_loopback(&url.get_ref().host) {
            let help = "an ldaps:// URL, or start_tls = true in [directory.tls]";
            r.warning(url.span(), "passwords travel to this server in clear text", help);
        }
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn tls<'d>(r: &mut Reader<'d>, directory: &Section<'d>) -> Option<TlsConfig> {
    let section = r.section(directory, "directory.tls");
    let ca =
        r.optional(&section, "ca", |r, section, key| r.file(section, key, FileKind::Certificates));
    let start_tls = r.flag(&section, "start_tls");
    let server_name = r.optional(&section, "server_name", |r, section, key| {
        r.text(section, key, host_name).map(Spanned::into_inner)
    });
    Some(TlsConfig { ca: ca?, start_tls: start_tls?, server_name: server_name? })
}

fn host_name(text: &str) -> Result<String, Mistake> {
    match rustls::pki_types::ServerName::try_from(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => {
            let what = format!("\"{text}\" is no name that a certificate could bear");
            Err(Mistake::new(what, "a host name such as \"dc1.example.com\", or an IP address"))
        }
    }
}

fn service_account<'d>(
    r: &mut Reader<'d>,
    directory: &Section<'d>,
) -> Option<(DistinguishedName, SecretSource)> {
    let section = r.section(directory, "directory.service_account");
    if !section.is_present() {
        if directory.get("service_account").is_none() {
            let what = "`service_account` is missing in [[directory]]".to_owned();
            let help = "service_account = { dn = \"cn=gateway,…\", password_file = \"/path\" }";
            r.missing(directory.span(), what, help.to_owned());
        }
        return None;
    }
    let dn = r.text(&section, "dn", account_dn).map(Spanned::into_inner);
    let variable = r.optional(&section, "password_env", |r, section, key| {
        r.text(section, key, variable).map(Spanned::into_inner)
    });
    let given_inline = section.entries().any(|(key, _)| key.ends_with("password"));
    let password = match (variable?, section.get("password_file")) {
        (Some(_), Some(file)) => {
            let message = "`password_file` and `password_env` stand side by side";
            r.error(file.span(), message, "keep one of them");
            None
        }
        (Some(variable), None) => Some(SecretSource::Environment(variable)),
        (None, None) if given_inline => None,
        (None, _) => r.file(&section, "password_file", FileKind::Password).map(SecretSource::File),
    };
    Some((dn?, password?))
}

fn account_dn(text: &str) -> Result<DistinguishedName, Mistake> {
    if text.trim().is_empty() {
        let help = "an account of the directory that may read users and groups";
        return Err(Mistake::new("the service account has no name", help));
    }
    dn(text)
}

fn variable(text: &str) -> Result<String, Mistake> {
    if text.is_empty() || text.contains(['=', '\0']) {
        let what = "this is no name of an environment variable";
        return Err(Mistake::new(what, "for example \"BINDGATE_CORP_PASSWORD\""));
    }
    Ok(text.to_owned())
}

fn group_policy<'d>(
    r: &mut Reader<'d>,
    directory: &Section<'d>,
    suffixes: Option<&[Spanned<DistinguishedName>]>,
) -> Option<Option<GroupPolicy>> {
    let section = r.section(directory, "directory.groups");
    if !section.is_present() {
        return Some(None);
    }
    let base = r.text(&section, "base", dn);
    let filter = r.text(&section, "filter", filter);
    let member_attributes = groups::member_attributes(r, &section);
    let name_attribute = r.text(&section, "name_attribute", value::attribute);
    let resolve = r.choice(&section, "resolve", &RESOLVE);
    let replica = replica(r, &section);
    let max_replica_pause = r.duration(&section, "max_replica_pause");
    let max_replica_names = r.amount(&section, "max_replica_names");
    let max_kept_lookups = r.amount(&section, "max_kept_lookups");
    let flatten = r.text(&section, "flatten", value::flatten);
    let max_depth = r.amount(&section, "max_depth");
    let max_groups_per_user = r.amount(&section, "max_groups_per_user");
    let max_filter_size = r.size(&section, "max_filter_size");
    let canary = groups::canary(r, &section, base.as_ref(), suffixes);
    if let Some(base) = &base {
        judge_base(r, base, suffixes);
    }
    let (base, flatten) = (base?, flatten?);
    if *flatten.get_ref() == Flatten::Mapped {
        let help = "\"ancestors\" shows all groups, \"direct\" only those that name the user";
        r.warning(flatten.span(), "no group can be mapped yet, so none would be shown", help);
    }
    let (resolve, replica) = (resolve?, replica?);
    if let (Resolve::Replica, None, Some(given)) = (resolve, replica, section.get("resolve")) {
        let help = "leave `replica` out, or write resolve = \"walk\"";
        r.error(given.span(), "there is no replica to find groups in", help);
    }
    Some(Some(GroupPolicy {
        base: base.into_inner(),
        filter: filter?.into_inner(),
        member_attributes: member_attributes?,
        name_attribute: name_attribute?.into_inner(),
        max_depth: max_depth?,
        max_groups_per_user: max_groups_per_user?,
        max_filter_size: max_filter_size?,
        flatten: flatten.into_inner(),
        resolve,
        canary: canary?,
        replica: replica.filter(|_| matches!(resolve, Resolve::Auto | Resolve::Replica)),
        max_replica_pause: max_replica_pause?,
        max_replica_names: max_replica_names?,
        max_kept_lookups: max_kept_lookups?,
    }))
}

const KINDS: [(&str, Option<Kind>); 5] = [
    ("auto", None),
    (Kind::OpenLdap.name(), Some(Kind::OpenLdap)),
    (Kind::ActiveDirectory.name(), Some(Kind::ActiveDirectory)),
    (Kind::Ds389.name(), Some(Kind::Ds389)),
    (Kind::Generic.name(), Some(Kind::Generic)),
];

const RESOLVE: [(&str, Resolve); 6] = [
    ("auto", Resolve::Auto),
    ("replica", Resolve::Replica),
    ("walk", Resolve::Walk),
    ("member-of", Resolve::MemberOf),
    ("in-chain", Resolve::InChain),
    ("token-groups", Resolve::TokenGroups),
];

fn replica<'d>(r: &mut Reader<'d>, section: &Section<'d>) -> Option<Option<ReplicaPolicy>> {
    let max_users = r.amount(section, "max_replica_users");
    let auto = max_users.map(ReplicaPolicy::Auto);
    let words = [
        ("auto", auto),
        ("groups", Some(ReplicaPolicy::Groups)),
        ("groups-and-users", Some(ReplicaPolicy::GroupsAndUsers)),
        ("none", None),
    ];
    r.choice(section, "replica", &words).filter(|_| max_users.is_some())
}

/// Notes a base that lies within none of the suffixes.
pub(super) fn judge_base(
    r: &mut Reader<'_>,
    base: &Spanned<DistinguishedName>,
    suffixes: Option<&[Spanned<DistinguishedName>]>,
) {
    let Some(suffixes) = suffixes.filter(|suffixes| !suffixes.is_empty()) else {
        return;
    };
    if !suffixes.iter().any(|suffix| base.get_ref().is_within(suffix.get_ref())) {
        let known: Vec<&str> = suffixes.iter().map(|suffix| suffix.get_ref().as_str()).collect();
        let help = format!("the suffixes of this directory: {}", known.join("; "));
        r.error(base.span(), "this base lies within none of the directory's suffixes", help);
    }
}

/// Reads a distinguished name.
pub(super) fn dn(text: &str) -> Result<DistinguishedName, Mistake> {
    DistinguishedName::parse(text).map_err(|error| {
        let help = "a distinguished name, for example \"ou=people,dc=example,dc=com\"";
        Mistake::new(error.to_string(), help)
    })
}

/// Reads a filter.
pub(super) fn filter(text: &str) -> Result<Filter, Mistake> {
    Filter::parse(text).map_err(|error| {
        let help = "a search filter in parentheses, for example \"(objectClass=inetOrgPerson)\"";
        let message = format!("not a filter: {}", error.reason);
        Mistake::new(message, help).at(error.at..error.at + 1)
    })
}
