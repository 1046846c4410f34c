//! `bindgate init URL`: looks at a directory and writes a configuration for it.
//!
//! What can be seen is proposed, what cannot is asked for, or taken from flags. Before anything is
//! written the configuration is tried as `check --online` tries it.

mod asking;
mod written;

use super::exit::{CONFIGURATION, Exit, Failure};
use super::online;
use super::progress;
use super::shown::printable;
use crate::app::survey::{self, Look};
use crate::config::{self, Config};
use crate::domain::survey::{Proposal, name_of, propose};
use crate::proto::dn::DistinguishedName;
use crate::proto::filter::Filter;
use crate::upstream;
use asking::Asking;
use clap::Args;
use std::path::{Path, PathBuf};
use written::{Answers, GroupAnswers, Password, PeopleAnswers, Tls};

/// Where clients connect unless somebody says otherwise.
const LISTEN: &str = "127.0.0.1:3890";

/// What `init` is told. Everything else is seen or asked for.
#[derive(Args)]
pub(super) struct Arguments {
    /// The directory: ldap://HOST[:PORT] or ldaps://HOST[:PORT]
    url: String,
    /// Ask nothing: what is not given is taken as it was seen
    #[arg(long)]
    non_interactive: bool,
    /// Write over a configuration that is there
    #[arg(long)]
    force: bool,
    /// The service account's name, a DN: it reads people and groups
    #[arg(long, value_name = "DN")]
    bind_dn: Option<String>,
    /// The file with its password; the configuration will name it
    #[arg(long, value_name = "FILE", conflicts_with = "password_env")]
    password_file: Option<PathBuf>,
    /// The environment variable with its password; the configuration will name it
    #[arg(long, value_name = "VARIABLE")]
    password_env: Option<String>,
    /// Begin TLS on an ldap:// connection before anything is sent
    #[arg(long)]
    start_tls: bool,
    /// Certificates to trust, PEM [default: the system's]
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The name to verify in place of the URL's host
    #[arg(long, value_name = "NAME")]
    server_name: Option<String>,
    /// What to call the directory
    #[arg(long)]
    name: Option<String>,
    /// A naming context to serve; may be given several times [default: those that hold somebody]
    #[arg(long, value_name = "DN")]
    suffix: Vec<String>,
    /// Where people are
    #[arg(long, value_name = "DN")]
    people: Option<String>,
    /// Which entries there are people
    #[arg(long, value_name = "FILTER")]
    filter: Option<String>,
    /// The attribute that holds the user name
    #[arg(long, value_name = "ATTRIBUTE")]
    username: Option<String>,
    /// Where groups are
    #[arg(long, value_name = "DN")]
    groups: Option<String>,
    #[command(flatten)]
    own: Own,
}

/// Where the gateway itself listens and writes.
#[derive(Args)]
struct Own {
    /// Where clients connect [default: 127.0.0.1:3890]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Where clients connect by LDAPS; needs a certificate
    #[arg(long, value_name = "ADDRESS", requires = "certificate")]
    listen_ldaps: Option<String>,
    /// The gateway's certificate with its chain, PEM
    #[arg(long, value_name = "FILE", requires = "private_key")]
    certificate: Option<PathBuf>,
    /// The private key of it, PEM
    #[arg(long, value_name = "FILE", requires = "certificate")]
    private_key: Option<PathBuf>,
    /// Where the admin API listens [default: 127.0.0.1:8389]
    #[arg(long, value_name = "ADDRESS")]
    admin_listen: Option<String>,
    /// The file of the first admin's token, made at the first start
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The folder of the records
    #[arg(long, value_name = "FOLDER")]
    store: Option<PathBuf>,
}

/// Looks, asks, tries, and writes; what is printed says what was found.
pub(super) fn run(arguments: &Arguments, file: &Path) -> Result<String, Failure> {
    if file.exists() && !arguments.force {
        let detail = format!("{} is there already; --force writes over it", file.display());
        return Err(Failure::new(Exit::Usage, "exists", detail));
    }
    let mut asking = Asking::of_terminal(arguments.non_interactive);
    let folder = file.parent().unwrap_or(Path::new(""));
    let mut answers = to_begin_with(arguments, folder, &mut asking)?;
    // What was typed lies in a file of its own from here on, which goes if this comes to nothing.
    let typed = written::keep_password(&mut answers, folder)?;
    let found = look(&answers, arguments, file)?;
    let proposal = propose(&found.survey);
    settle(&mut answers, arguments, &proposal, &mut asking)?;
    answers.notes = notes(&found, &proposal);
    let config = parsed(&answers, file)?;
    let findings = online::look(&config)?;
    answers.findings = findings.lines().map(str::to_owned).collect();
    written::write(&mut answers, typed, file, arguments.force)?;
    Ok(report(&answers, &findings, file))
}

/// What has to be known before the directory can be looked at.
fn to_begin_with(
    arguments: &Arguments,
    folder: &Path,
    asking: &mut Asking,
) -> Result<Answers, Failure> {
    let bind_dn = asking.text(
        "--bind-dn",
        "The service account's name (a DN)",
        arguments.bind_dn.as_deref(),
        None,
        |text| {
            name(text)
                .and_then(|dn| if dn.is_root() { Err("it is empty".to_owned()) } else { Ok(()) })
        },
    )?;
    let password = match (&arguments.password_file, &arguments.password_env) {
        (Some(file), _) => Password::File(absolute(file)?),
        (None, Some(variable)) => Password::Variable(variable.clone()),
        (None, None) => Password::Typed(asking.password("--password-file", "Its password")?),
    };
    let own = &arguments.own;
    let in_etc = folder == Path::new("/etc/bindgate");
    let beside = |given: &Option<PathBuf>, usual: &str, short: &str| match given {
        Some(path) => absolute(path).map(|path| path.display().to_string()),
        None => Ok(if in_etc { usual } else { short }.to_owned()),
    };
    let path = |given: &Option<PathBuf>| given.as_deref().map(absolute).transpose();
    let (ca, certificate) = (path(&arguments.ca)?, path(&own.certificate)?);
    let listen_tls = certificate.zip(path(&own.private_key)?);
    Ok(Answers {
        url: arguments.url.clone(),
        tls: Tls { start_tls: arguments.start_tls, ca, server_name: arguments.server_name.clone() },
        bind_dn,
        password,
        listen: own.listen.clone(),
        listen_ldaps: own.listen_ldaps.clone(),
        listen_tls,
        admin_listen: own.admin_listen.clone(),
        store: beside(&own.store, "/var/lib/bindgate", "store")?,
        token_file: beside(&own.token_file, "/etc/bindgate/admin.token", "admin.token")?,
        ..Answers::default()
    })
}

/// A path from here, as one that leads there from anywhere.
fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path)
        .map_err(|error| Failure::new(Exit::Usage, "usage", format!("{}: {error}", path.display())))
}

/// Looks at the directory with the connection that the configuration will describe.
fn look(answers: &Answers, arguments: &Arguments, file: &Path) -> Result<Look, Failure> {
    let suffixes = arguments.suffix.iter().map(|text| dn("--suffix", text));
    let suffixes = suffixes.collect::<Result<Vec<_>, _>>()?;
    let account = dn("--bind-dn", &answers.bind_dn)?;
    let mut reach = answers.clone_to_reach();
    reach.suffixes = vec![answers.bind_dn.clone()];
    reach.listen = Some(LISTEN.to_owned());
    let config = parsed(&reach, file)?;
    let directory = config.directories.first();
    let directory = directory.ok_or_else(|| internal("there is no directory"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| internal(&error.to_string()))?;
    let progress = progress::spinner("looking at");
    let found = runtime.block_on(async {
        let upstream = upstream::Directory::new(&directory.upstream, 1, online::Silent)
            .map_err(|error| Failure::new(Exit::Unavailable, "online", error.to_string()))?;
        let tell = |place: &str| progress.set_message(printable(place));
        let found = survey::look(&upstream.lookups(0), &account, &suffixes, tell).await;
        upstream.close();
        found.map_err(|reason| {
            let mut detail =
                format!("{} could not be asked: {}", answers.url, online::meaning(reason));
            if answers.is_in_clear() {
                detail +=
                    "\nmany directories take no password in clear text: ldaps://, or --start-tls";
            }
            Failure::new(Exit::Unavailable, "online", detail)
        })
    });
    progress.finish_and_clear();
    found
}

/// Fills in what was seen, what the flags say, and what is asked.
fn settle(
    answers: &mut Answers,
    arguments: &Arguments,
    proposal: &Proposal,
    asking: &mut Asking,
) -> Result<(), Failure> {
    let given = |flag: &'static str, text: &str| dn(flag, text).map(|_| text.to_owned());
    answers.suffixes = match arguments.suffix.as_slice() {
        [] => proposal.suffixes.iter().map(|suffix| suffix.as_str().to_owned()).collect(),
        named => named.iter().map(|text| given("--suffix", text)).collect::<Result<_, _>>()?,
    };
    if answers.suffixes.is_empty() {
        let question = "The naming context to serve (a DN)";
        answers.suffixes =
            vec![asking.text("--suffix", question, None, None, |text| name(text).map(drop))?];
    }
    let suffix = answers.suffixes.first().and_then(|text| DistinguishedName::parse(text).ok());
    let called = name_of(suffix.as_ref());
    let question = "What to call the directory";
    answers.name =
        asking.text("--name", question, arguments.name.as_deref(), Some(&called), |_| Ok(()))?;
    let seen = proposal.people.as_ref();
    let people = PeopleAnswers {
        base: asking.text(
            "--people",
            "Where people are (a DN)",
            arguments.people.as_deref(),
            seen.map(|seen| seen.base.as_str()),
            |text| name(text).map(drop),
        )?,
        filter: asking.text(
            "--filter",
            "Which entries there are people (a filter)",
            arguments.filter.as_deref(),
            seen.map_or(Some("(objectClass=person)"), |seen| Some(&seen.filter)),
            |text| Filter::parse(text).map(drop).map_err(|error| error.to_string()),
        )?,
        username: asking.text(
            "--username",
            "The attribute that holds the user name",
            arguments.username.as_deref(),
            seen.map_or(Some("uid"), |seen| Some(&seen.username)),
            |_| Ok(()),
        )?,
    };
    answers.people = Some(people);
    answers.groups = where_groups_are(arguments, proposal, asking)?;
    let listen = answers.listen.take();
    let is_address = |text: &str| match text.parse::<std::net::SocketAddr>() {
        Ok(_) => Ok(()),
        Err(_) => Err("an address and a port, as 127.0.0.1:3890".to_owned()),
    };
    let question = "Where clients connect";
    answers.listen =
        Some(asking.text("--listen", question, listen.as_deref(), Some(LISTEN), is_address)?);
    Ok(())
}

/// Without groups the configuration has no section for them.
fn where_groups_are(
    arguments: &Arguments,
    proposal: &Proposal,
    asking: &mut Asking,
) -> Result<Option<GroupAnswers>, Failure> {
    let seen = proposal.groups.as_ref();
    if seen.is_none() && arguments.groups.is_none() {
        return Ok(None);
    }
    let base = asking.text(
        "--groups",
        "Where groups are (a DN)",
        arguments.groups.as_deref(),
        seen.map(|seen| seen.base.as_str()),
        |text| name(text).map(drop),
    )?;
    Ok(Some(GroupAnswers {
        base,
        filter: seen.and_then(|seen| seen.filter),
        members: seen.map(|seen| seen.members.clone()).unwrap_or_default(),
    }))
}

fn name(text: &str) -> Result<DistinguishedName, String> {
    DistinguishedName::parse(text).map_err(|error| format!("this is no DN: {error}"))
}

fn dn(flag: &str, text: &str) -> Result<DistinguishedName, Failure> {
    name(text).map_err(|error| Failure::new(Exit::Usage, "usage", format!("{flag}: {error}")))
}

/// What the file's reader makes of it.
fn parsed(answers: &Answers, file: &Path) -> Result<Config, Failure> {
    config::parse(&answers.text(), &file.display().to_string())
        .map_err(|problems| Failure::new(Exit::Usage, CONFIGURATION, problems.render()))
}

fn internal(detail: &str) -> Failure {
    Failure::new(Exit::Internal, "internal", detail)
}

/// What whoever reads the file should know of the look.
fn notes(found: &Look, proposal: &Proposal) -> Vec<String> {
    let mut notes = Vec::new();
    let vendor = if found.vendor.is_empty() { "does not say its name" } else { &found.vendor };
    notes.push(format!("The directory: {vendor}; kind {}.", found.survey.kind.name()));
    let elsewhere = |what: &str, count: usize| {
        (count > 0)
            .then(|| format!("{count} of the {what} that were looked at are not among these."))
    };
    notes.extend(proposal.people.as_ref().and_then(|people| elsewhere("people", people.others)));
    notes.extend(proposal.groups.as_ref().and_then(|groups| elsewhere("groups", groups.others)));
    if proposal.groups.is_none() {
        notes.push("The service account sees no groups: perhaps it may not read them.".to_owned());
    }
    let unseen = found.unseen.iter();
    notes.extend(unseen.map(|place| format!("Could not be looked at: {}", printable(place))));
    notes
}

fn report(answers: &Answers, findings: &str, file: &Path) -> String {
    let mut out = String::new();
    for note in &answers.notes {
        out += &format!("{note}\n");
    }
    for line in findings.lines() {
        out += &format!("{}\n", printable(line));
    }
    let file = file.display();
    out += &format!(
        "\nwritten: {file}\n\nbindgate check --online --config {file}\nbindgate run --config {file}\n"
    );
    out
}
