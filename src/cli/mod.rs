//! The command line: what was asked for, who does it, and how the process ends.

mod access;
mod client;
mod demo;
mod directory;
mod exit;
mod held;
mod online;
mod shown;
mod user;
mod user_type;
mod wiring;

pub use access::{DEFAULT_CONFIG, TOKEN_FILE_VARIABLE, URL_VARIABLE};
pub use exit::{Exit, Failure, Format};
pub use wiring::Parts;

use crate::server::{Hangup, Signals};
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand};
use client::Client;
use std::ffi::OsString;
use std::path::PathBuf;
use user_type::Setting;

/// A self-hosted LDAP gateway with just-in-time synchronisation on bind.
#[derive(Parser)]
#[command(name = "bindgate", version, about, max_term_width = 100)]
struct Cli {
    /// The configuration file [default: /etc/bindgate/bindgate.toml]
    #[arg(long, global = true, env = "BINDGATE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve, until SIGTERM or Ctrl-C
    Run,
    /// Say everything that is wrong with a configuration, with line and excerpt
    Check {
        /// Also connect to each directory, and say how its groups would be found and why
        #[arg(long)]
        online: bool,
    },
    /// A sample directory and a gateway on loopback, in one process
    Demo {
        /// End after the two sample sign-ons
        #[arg(long)]
        once: bool,
    },
    /// Users, as the running gateway knows them
    #[command(subcommand)]
    User(UserCommand),
    /// User types and their switches
    #[command(subcommand)]
    UserType(UserTypeCommand),
    /// What is held until somebody confirms or rejects it
    #[command(subcommand)]
    Held(HeldCommand),
    /// Directories, as the running gateway knows them
    #[command(subcommand)]
    Directory(DirectoryCommand),
}

#[derive(Subcommand)]
enum HeldCommand {
    /// List losses of groups that are held, with some of the groups that are gone
    List {
        #[command(flatten)]
        output: Output,
    },
    /// Say that a loss is so: the next sign-ons follow it
    Confirm {
        /// The id, as listed
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        id: String,
        #[command(flatten)]
        output: Output,
    },
    /// Say that a loss is not so: memberships stay until the directory shows the groups again
    Reject {
        /// The id, as listed
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        id: String,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Subcommand)]
enum DirectoryCommand {
    /// List directories with servers, strategy and live copy, and whether one is behind
    List {
        #[command(flatten)]
        output: Output,
    },
    /// Say that a directory was set back to a backup: it is believed again
    AcceptRollback {
        /// The directory
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        name: String,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Subcommand)]
enum UserCommand {
    /// List users, a page at a time
    List {
        /// Only users of this name
        #[arg(long)]
        name: Option<String>,
        /// How many at most, up to 1000 [default: 100]
        #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: Option<u16>,
        /// Where to go on: `next` of the page before
        #[arg(long)]
        cursor: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Show a user with all groups and the paths to them
    Show {
        /// A name, TYPE/NAME, dn:DN, id:UPSTREAM-ID or rec:RECORD-ID
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        user: String,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Subcommand)]
enum UserTypeCommand {
    /// List user types with the switch's value and where it comes from
    List {
        #[command(flatten)]
        output: Output,
    },
    /// Set a switch; in force at the next sign-on
    Set {
        /// The user type, or DIRECTORY/NAME
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        name: String,
        /// update-on-sign-on=on|off|default
        #[arg(value_parser = user_type::parse_setting)]
        setting: Setting,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Args, Clone, Copy)]
struct Output {
    /// Print JSON, errors too
    #[arg(long)]
    json: bool,
}

impl Output {
    fn format(self) -> Format {
        if self.json { Format::Json } else { Format::Text }
    }
}

impl Command {
    fn format(&self) -> Format {
        match self {
            Self::User(UserCommand::List { output, .. } | UserCommand::Show { output, .. })
            | Self::UserType(
                UserTypeCommand::List { output } | UserTypeCommand::Set { output, .. },
            )
            | Self::Held(
                HeldCommand::List { output }
                | HeldCommand::Confirm { output, .. }
                | HeldCommand::Reject { output, .. },
            )
            | Self::Directory(
                DirectoryCommand::List { output } | DirectoryCommand::AcceptRollback { output, .. },
            ) => output.format(),
            Self::Run | Self::Check { .. } | Self::Demo { .. } => Format::Text,
        }
    }
}

/// Does what the arguments ask for, the program's name first among them, and tells how the process
/// has to end.
pub fn main(arguments: impl IntoIterator<Item = OsString>, parts: &Parts) -> Exit {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return not_understood(&error, &arguments),
    };
    let format = cli.command.format();
    match dispatch(cli, parts) {
        Ok(text) => {
            exit::print(&text);
            Exit::Success
        }
        Err(failure) => {
            exit::complain(&failure.render(format));
            failure.exit
        }
    }
}

/// Help and version are answers; everything else is a usage error.
fn not_understood(error: &clap::Error, arguments: &[OsString]) -> Exit {
    if !error.use_stderr() {
        exit::print(&error.render().to_string());
        return Exit::Success;
    }
    let text = error.render().to_string();
    if arguments.iter().any(|argument| argument == "--json") {
        let failure = Failure::new(Exit::Usage, "usage", text.trim_end());
        exit::complain(&failure.render(Format::Json));
    } else {
        exit::complain(&text);
    }
    Exit::Usage
}

fn dispatch(cli: Cli, parts: &Parts) -> Result<String, Failure> {
    let format = cli.command.format();
    let Cli { config, command } = cli;
    match command {
        Command::Run => {
            // First of all: a signal that comes early is kept.
            let signals = Signals::take_over(Hangup::Reads).map_err(wiring::ended)?;
            let config = access::load(parts, &access::config_path(config))?;
            (parts.run)(config, signals).map(|()| String::new())
        }
        Command::Check { online } => {
            let path = access::config_path(config);
            let said = (parts.check)(&path)
                .map_err(|problems| Failure::new(Exit::Usage, exit::CONFIGURATION, problems))?;
            if !online {
                return Ok(said);
            }
            let config = access::load(parts, &path)?;
            Ok(said + &(parts.look)(&config)?)
        }
        Command::Demo { once } => {
            let signals = Signals::take_over(Hangup::Ends).map_err(wiring::ended)?;
            (parts.demo)(once, signals).map(|()| String::new())
        }
        command => ask(&Client::new(access::find(parts, config)?), command, format),
    }
}

/// Commands that the running gateway carries out.
fn ask(client: &Client, command: Command, format: Format) -> Result<String, Failure> {
    match command {
        Command::User(UserCommand::List { name, limit, cursor, .. }) => {
            let limit = limit.map(|limit| limit.to_string());
            let wanted = user::Listing {
                name: name.as_deref(),
                limit: limit.as_deref(),
                cursor: cursor.as_deref(),
            };
            user::list(client, &wanted, format)
        }
        Command::User(UserCommand::Show { user, .. }) => user::show(client, &user, format),
        Command::UserType(UserTypeCommand::List { .. }) => user_type::list(client, format),
        Command::UserType(UserTypeCommand::Set { name, setting, .. }) => {
            user_type::set(client, &name, setting, format)
        }
        Command::Held(HeldCommand::List { .. }) => held::list(client, format),
        Command::Held(HeldCommand::Confirm { id, .. }) => held::confirm(client, &id, format),
        Command::Held(HeldCommand::Reject { id, .. }) => held::reject(client, &id, format),
        Command::Directory(DirectoryCommand::List { .. }) => directory::list(client, format),
        Command::Directory(DirectoryCommand::AcceptRollback { name, .. }) => {
            directory::accept_rollback(client, &name, format)
        }
        // Each of them is done without a running gateway, before this is asked.
        Command::Run | Command::Check { .. } | Command::Demo { .. } => Ok(String::new()),
    }
}
