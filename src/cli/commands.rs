//! The commands with their arguments, and who carries them out.

use super::client::Client;
use super::edit::{self, Edit, Pin};
use super::exit::{Failure, Format};
use super::session::SessionCommand;
use super::token::TokenCommand;
use super::user_type::Setting;
use super::{
    audit, backup, directory, foresight, group, held, init, session, token, transfer, user,
    user_type, view,
};
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Serve, until SIGTERM or Ctrl-C
    Run,
    /// Say everything that is wrong with a configuration, with line and excerpt
    Check {
        /// Also connect to each directory, and say how its groups would be found and why
        #[arg(long)]
        online: bool,
        /// Also ask the running gateway what this configuration would change for all recorded users
        #[arg(long)]
        preview: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Look at a directory, and write a configuration for it
    Init(Box<init::Arguments>),
    /// A sample directory and a gateway on loopback, in one process
    Demo {
        /// End after the two sample sign-ons
        #[arg(long)]
        once: bool,
    },
    /// Users, as the running gateway knows them
    #[command(subcommand)]
    User(UserCommand),
    /// Groups, as the running gateway knows them
    #[command(subcommand)]
    Group(GroupCommand),
    /// What changed or was refused, newest first
    Audit(AuditArguments),
    /// User types and their switches
    #[command(subcommand)]
    UserType(UserTypeCommand),
    /// Views of client applications and their switches
    #[command(subcommand)]
    View(ViewCommand),
    /// What is held until somebody confirms or rejects it
    #[command(subcommand)]
    Held(HeldCommand),
    /// Directories, as the running gateway knows them
    #[command(subcommand)]
    Directory(DirectoryCommand),
    /// Clients that are connected to the running gateway
    #[command(subcommand)]
    Session(SessionCommand),
    /// Who may use the running gateway's API
    #[command(subcommand)]
    Token(TokenCommand),
    /// Write records, groups and switches as text, which another gateway can import
    Export {
        /// The file [default: standard output]
        file: Option<PathBuf>,
        /// How it is written
        #[arg(long, value_enum, default_value = "jsonl")]
        format: transfer::As,
        /// Write over a file that is there
        #[arg(long)]
        force: bool,
    },
    /// Take over what another gateway has exported: all of it, or nothing if any of it is wrong
    Import {
        /// The file, of either format
        file: PathBuf,
        /// Only judge it
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Take a backup of all that is kept from the running gateway
    Backup {
        /// The file; it is there as a whole or not at all
        file: PathBuf,
        /// Write over a file that is there
        #[arg(long)]
        force: bool,
    },
    /// Print a script that completes commands in a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write a manual page for each command
    Man {
        /// The folder; made if it is missing
        folder: PathBuf,
    },
    /// Set the store back to a backup, while no gateway has it open
    Restore {
        /// The backup
        file: PathBuf,
        /// Replace the records that are there; the old database stays beside the new one
        #[arg(long)]
        force: bool,
    },
}

#[derive(Subcommand)]
pub(super) enum HeldCommand {
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
pub(super) enum DirectoryCommand {
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
pub(super) enum UserCommand {
    /// List users, a page at a time
    List {
        #[command(flatten)]
        wanted: user::Listing,
        #[command(flatten)]
        output: Output,
    },
    /// Show a user with all groups and the paths to them
    Show(User),
    /// Tell why a user is in a group or is not; without a group, why in each
    Explain {
        #[command(flatten)]
        user: User,
        /// A name, DIRECTORY/NAME, dn:DN or id:UPSTREAM-ID
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        group: Option<String>,
        /// As the client application of this view has it
        #[arg(long, value_name = "NAME")]
        view: Option<String>,
    },
    /// Tell what would change if the user signed on now; nothing is written
    Preview {
        #[command(flatten)]
        user: User,
        /// By the client application of this view
        #[arg(long, value_name = "NAME")]
        view: Option<String>,
    },
    /// Pin a user into or out of a group, whatever the directory says
    Pin {
        #[command(flatten)]
        of: UserAndGroup,
        /// Into the group or out of it
        pin: Pin,
        /// When the pin ends: a time as RFC 3339 writes it, or one from now as 90m, 12h, 30d
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
    },
    /// Take a pin away
    Unpin(UserAndGroup),
    /// Put a user into a group, beside what the directory says
    Join(UserAndGroup),
    /// Take a user out of a group; what the directory says comes back at the next sign-on
    Leave(UserAndGroup),
    /// Let a membership that waits for a review count again
    Confirm(UserAndGroup),
    /// Show a name for people in place of the directory's; without a name, the directory's again
    Name {
        #[command(flatten)]
        user: User,
        /// The name
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        name: Option<String>,
    },
    /// Set a switch for this user alone; in force at the next sign-on
    Set {
        #[command(flatten)]
        user: User,
        /// update-on-sign-on=on|off|default
        #[arg(value_parser = user_type::parse_setting)]
        setting: Setting,
    },
    /// Refuse a user's sign-ons from now on
    Disable(User),
    /// Let a user sign on again
    Enable(User),
    /// Look at a user in the directory now, and bring the record up to date
    Sync(User),
    /// Say that a user's record and another are of one person: what an admin gave the first goes to the
    /// other, and the first is deleted
    Link {
        #[command(flatten)]
        user: User,
        /// The record that stays: a name, TYPE/NAME, dn:DN, id:UPSTREAM-ID or rec:RECORD-ID
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        to: String,
        /// Let go what was said of groups that the other directory does not have
        #[arg(long)]
        drop_unmatched: bool,
    },
    /// Erase a user's record, and from the audit whom rows were about
    Forget(User),
}

#[derive(Args)]
pub(super) struct User {
    /// A name, TYPE/NAME, dn:DN, id:UPSTREAM-ID or rec:RECORD-ID
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    user: String,
    #[command(flatten)]
    output: Output,
}

#[derive(Args)]
pub(super) struct UserAndGroup {
    #[command(flatten)]
    user: User,
    /// A name, DIRECTORY/NAME, dn:DN or id:UPSTREAM-ID
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    group: String,
}

impl UserCommand {
    fn output(&self) -> Output {
        match self {
            Self::List { output, .. } => *output,
            Self::Show(user)
            | Self::Preview { user, .. }
            | Self::Disable(user)
            | Self::Enable(user)
            | Self::Sync(user)
            | Self::Forget(user)
            | Self::Link { user, .. }
            | Self::Explain { user, .. }
            | Self::Name { user, .. }
            | Self::Set { user, .. } => user.output,
            Self::Pin { of, .. }
            | Self::Unpin(of)
            | Self::Join(of)
            | Self::Leave(of)
            | Self::Confirm(of) => of.user.output,
        }
    }
}

#[derive(Subcommand)]
pub(super) enum GroupCommand {
    /// List groups that are kept, with how many are in each
    List {
        /// Only groups of this name
        #[arg(long)]
        name: Option<String>,
        /// Where to go on: `next` of the page before
        #[arg(long)]
        cursor: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Show who is in a group, by whom, and on which way
    Show {
        /// A name, DIRECTORY/NAME, dn:DN or id:UPSTREAM-ID
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        group: String,
        /// Where to go on: `next` of the page before
        #[arg(long)]
        cursor: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Make a group of the gateway's own, or keep one of the directory (dn:DN)
    Create {
        /// The name, or dn:DN
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        name: String,
        /// The directory whose users may be in it; needed where there are several
        #[arg(long)]
        directory: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Take a group of the gateway's own away, if nobody is in it
    Delete {
        /// A name, DIRECTORY/NAME, dn:DN or id:UPSTREAM-ID
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        group: String,
        #[command(flatten)]
        output: Output,
    },
}

impl GroupCommand {
    fn output(&self) -> Output {
        match self {
            Self::List { output, .. }
            | Self::Show { output, .. }
            | Self::Create { output, .. }
            | Self::Delete { output, .. } => *output,
        }
    }
}

/// Which rows of the audit.
#[derive(Args)]
pub(super) struct AuditArguments {
    /// Print rows as they come, until Ctrl-C
    #[arg(long, conflicts_with_all = ["cursor", "limit", "until"])]
    follow: bool,
    /// Rows about this user: a name, TYPE/NAME, dn:DN, id:UPSTREAM-ID or rec:RECORD-ID
    #[arg(long)]
    user: Option<String>,
    /// Rows with this cause: sign-on, reconcile, admin or expiry
    #[arg(long)]
    cause: Option<String>,
    /// Rows of this action, as created, changed, pinned, unknown, refused
    #[arg(long)]
    action: Option<String>,
    /// Rows of this actor: a token's name
    #[arg(long)]
    actor: Option<String>,
    /// Rows of this time or later (RFC 3339)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Rows before this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// How many at most, up to 1000 [default: 100]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: Option<u16>,
    /// Where to go on: `next` of the page before
    #[arg(long)]
    cursor: Option<String>,
    #[command(flatten)]
    output: Output,
}

#[derive(Subcommand)]
pub(super) enum UserTypeCommand {
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

#[derive(Subcommand)]
pub(super) enum ViewCommand {
    /// List views with what they say of update on sign-on and where that comes from
    List {
        #[command(flatten)]
        output: Output,
    },
    /// Set a switch; in force at the next sign-on
    Set {
        /// The view
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
pub(super) struct Output {
    /// Print JSON, errors too
    #[arg(long)]
    json: bool,
}

impl Output {
    /// Whether JSON is wanted.
    pub(super) fn is_json(self) -> bool {
        self.json
    }

    fn format(self) -> Format {
        if self.json { Format::Json } else { Format::Text }
    }
}

impl Command {
    pub(super) fn format(&self) -> Format {
        match self {
            Self::User(command) => command.output().format(),
            Self::Group(command) => command.output().format(),
            Self::Audit(arguments) => arguments.output.format(),
            Self::UserType(
                UserTypeCommand::List { output } | UserTypeCommand::Set { output, .. },
            )
            | Self::View(ViewCommand::List { output } | ViewCommand::Set { output, .. })
            | Self::Held(
                HeldCommand::List { output }
                | HeldCommand::Confirm { output, .. }
                | HeldCommand::Reject { output, .. },
            )
            | Self::Directory(
                DirectoryCommand::List { output } | DirectoryCommand::AcceptRollback { output, .. },
            ) => output.format(),
            Self::Session(command) => command.output().format(),
            Self::Token(command) => command.output().format(),
            Self::Check { output, .. } | Self::Import { output, .. } => output.format(),
            Self::Run
            | Self::Init(_)
            | Self::Demo { .. }
            | Self::Backup { .. }
            | Self::Export { .. }
            | Self::Completions { .. }
            | Self::Man { .. }
            | Self::Restore { .. } => Format::Text,
        }
    }
}

/// Commands that the running gateway carries out.
pub(super) fn ask(client: &Client, command: Command, format: Format) -> Result<String, Failure> {
    match command {
        Command::User(command) => ask_of_user(client, &command, format),
        Command::Group(command) => ask_of_group(client, &command, format),
        Command::Audit(arguments) => ask_audit(client, arguments, format),
        Command::UserType(UserTypeCommand::List { .. }) => user_type::list(client, format),
        Command::UserType(UserTypeCommand::Set { name, setting, .. }) => {
            user_type::set(client, &name, setting, format)
        }
        Command::View(ViewCommand::List { .. }) => view::list(client, format),
        Command::View(ViewCommand::Set { name, setting, .. }) => {
            view::set(client, &name, setting, format)
        }
        Command::Held(HeldCommand::List { .. }) => held::list(client, format),
        Command::Held(HeldCommand::Confirm { id, .. }) => held::confirm(client, &id, format),
        Command::Held(HeldCommand::Reject { id, .. }) => held::reject(client, &id, format),
        Command::Directory(DirectoryCommand::List { .. }) => directory::list(client, format),
        Command::Directory(DirectoryCommand::AcceptRollback { name, .. }) => {
            directory::accept_rollback(client, &name, format)
        }
        Command::Session(command) => session::ask(client, &command, format),
        Command::Token(command) => token::ask(client, &command, format),
        Command::Backup { file, force } => backup::back_up(client, &file, force),
        Command::Export { file, format, force } => {
            transfer::export(client, file.as_deref(), format, force)
        }
        Command::Import { file, dry_run, .. } => transfer::import(client, &file, dry_run, format),
        // Each of them is done without a running gateway, before this is asked.
        Command::Run
        | Command::Check { .. }
        | Command::Init(_)
        | Command::Demo { .. }
        | Command::Completions { .. }
        | Command::Man { .. }
        | Command::Restore { .. } => Ok(String::new()),
    }
}

fn ask_of_user(client: &Client, command: &UserCommand, format: Format) -> Result<String, Failure> {
    let (user, edit) = match command {
        UserCommand::List { wanted, .. } => return user::list(client, wanted, format),
        UserCommand::Show(user) => return user::show(client, &user.user, format),
        UserCommand::Preview { user, view } => {
            return foresight::preview(client, &user.user, view.as_deref(), format);
        }
        UserCommand::Explain { user, group, view } => {
            let of = (group.as_deref(), view.as_deref());
            return foresight::explain(client, &user.user, of, format);
        }
        UserCommand::Link { user, to, drop_unmatched } => {
            return edit::link(client, &user.user, to, *drop_unmatched, format);
        }
        UserCommand::Pin { of, pin, until } => {
            let edit = Edit::Pin { group: &of.group, pin: *pin, until: until.as_deref() };
            (&of.user, edit)
        }
        UserCommand::Unpin(of) => (&of.user, Edit::Unpin { group: &of.group }),
        UserCommand::Join(of) => (&of.user, Edit::Join { group: &of.group }),
        UserCommand::Leave(of) => (&of.user, Edit::Leave { group: &of.group }),
        UserCommand::Confirm(of) => (&of.user, Edit::Confirm { group: &of.group }),
        UserCommand::Name { user, name } => (user, Edit::Name(name.as_deref())),
        UserCommand::Set { user, setting } => (user, Edit::Switch(*setting)),
        UserCommand::Disable(user) => (user, Edit::Disable),
        UserCommand::Enable(user) => (user, Edit::Enable),
        UserCommand::Sync(user) => (user, Edit::Sync),
        UserCommand::Forget(user) => (user, Edit::Forget),
    };
    edit::make(client, &user.user, &edit, format)
}

fn ask_of_group(
    client: &Client,
    command: &GroupCommand,
    format: Format,
) -> Result<String, Failure> {
    match command {
        GroupCommand::List { name, cursor, .. } => {
            group::list(client, name.as_deref(), cursor.as_deref(), format)
        }
        GroupCommand::Show { group, cursor, .. } => {
            group::show(client, group, cursor.as_deref(), format)
        }
        GroupCommand::Create { name, directory, .. } => {
            group::create(client, name, directory.as_deref(), format)
        }
        GroupCommand::Delete { group, .. } => group::delete(client, group, format),
    }
}

fn ask_audit(
    client: &Client,
    arguments: AuditArguments,
    format: Format,
) -> Result<String, Failure> {
    let AuditArguments { user, cause, action, actor, since, until, limit, cursor, .. } = arguments;
    let wanted = audit::Wanted { user, cause, action, actor, since, until, limit, cursor };
    match arguments.follow {
        true => audit::follow(client, &wanted, format),
        false => audit::list(client, &wanted, format),
    }
}
