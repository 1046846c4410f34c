//! The command line: what was asked for, who does it, and how the process ends.

mod access;
mod account;
mod audit;
mod backup;
mod client;
mod commands;
mod demo;
mod directory;
mod edit;
mod exit;
mod foresight;
mod group;
mod held;
mod init;
mod online;
mod progress;
mod provisional;
mod rehearsal;
mod session;
mod shells;
mod shown;
mod token;
mod transfer;
mod trust;
mod user;
mod user_type;
mod view;
mod wiring;

pub use access::{DEFAULT_CONFIG, TOKEN_FILE_VARIABLE, URL_VARIABLE};
pub use exit::{Exit, Failure, Format};
pub use trust::CA_FILE_VARIABLE;
pub use wiring::Parts;

use crate::server::{Hangup, Signals};
use clap::{CommandFactory, Parser};
use client::Client;
use commands::Command;
use std::ffi::OsString;
use std::path::PathBuf;

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
            let file = access::config_path(config);
            (parts.run)(access::load(parts, &file)?, &file, signals).map(|()| String::new())
        }
        Command::Check { online, preview, output } => {
            let path = access::config_path(config);
            let said = (parts.check)(&path)
                .map_err(|problems| Failure::new(Exit::Usage, exit::CONFIGURATION, problems))?;
            let is_report = preview && output.is_json();
            let mut told = if is_report { String::new() } else { said };
            if online {
                told += &(parts.look)(&access::load(parts, &path)?)?;
            }
            if preview {
                let client = Client::new(access::find(parts, Some(path.clone()))?);
                told += &rehearsal::preview(&client, &path, format)?;
            }
            Ok(told)
        }
        Command::Demo { once } => {
            let signals = Signals::take_over(Hangup::Ends).map_err(wiring::ended)?;
            (parts.demo)(once, signals).map(|()| String::new())
        }
        Command::Init(arguments) => init::run(&arguments, &access::config_path(config)),
        Command::Completions { shell } => Ok(shells::completions(Cli::command(), shell)),
        Command::Man { folder } => shells::manual(Cli::command(), &folder),
        Command::Restore { file, force } => {
            let config = access::load(parts, &access::config_path(config))?;
            backup::restore(&config.store.folder, &file, force)
        }
        command => commands::ask(&Client::new(access::find(parts, config)?), command, format),
    }
}
