//! The configuration file: read, checked as a whole, and turned into what each part needs.
//!
//! A file is used only if nothing in it is wrong, and everything that is wrong is told at once.
//! What there is to configure stands in one table (`keys`); `config/reference.toml` is that table
//! written out. Relative paths start at the folder of the file. Passwords never stand in it.

mod admin;
mod directory;
mod files;
mod groups;
mod keys;
mod kinds;
mod mask;
mod outline;
mod problem;
mod reader;
mod records;
mod reference;
mod relay;
mod sections;
mod serve;
mod suggest;
mod traces;
mod user_type;
mod value;
mod view;

pub use keys::{KEYS, Key, Kind, Occurs, Presence, SECTIONS, SectionInfo};
pub use problem::{Paint, Problem, Problems, Severity};
pub use reference::reference;

use crate::domain::kind;
use crate::domain::policy::DirectoryPolicy;
use crate::domain::relay::RelayPolicy;
use crate::frontend;
use reader::{FileUse, Reader, Syntax};
use relay::Here;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use toml::Spanned;
use toml::de::DeTable;

/// The most bytes of a configuration file.
pub const MAX_FILE: u64 = 4 << 20;

/// One directory: how it is reached and what applies to its users.
#[derive(Debug, Clone)]
pub struct Directory {
    /// How it is reached.
    pub upstream: crate::upstream::Config,
    /// What it is; `None` where that is to be found out (`kind`).
    pub kind: Option<kind::Kind>,
    /// What applies to its users.
    pub policy: DirectoryPolicy,
    /// What applies to what clients ask it.
    pub relay: RelayPolicy,
    /// What is too much at once.
    pub mass_change: crate::domain::mass_change::Limits,
}

/// The whole configuration: the sum of its parts.
#[derive(Debug, Clone)]
pub struct Config {
    /// The clients' side.
    pub listen: crate::frontend::Config,
    /// The records.
    pub store: crate::store::Config,
    /// Administration.
    pub admin: crate::admin::Config,
    /// Logs.
    pub log: crate::telemetry::Config,
    /// Traces, if there are any.
    pub traces: Option<crate::telemetry::TracesConfig>,
    /// Sign-ons.
    pub sign_on: crate::app::sign_on::Config,
    /// `[reconcile]`.
    pub reconcile: crate::app::reconcile::Config,
    /// Sources that keep failing.
    pub throttle: crate::app::throttle::Config,
    /// The records' own suffix.
    pub records: crate::domain::suffix::Policy,
    /// The directories, in the file's order.
    pub directories: Vec<Directory>,
}

/// Reads a configuration file and looks whether the files that it names are there.
pub fn load(path: &Path) -> Result<Config, Problems> {
    load_with_warnings(path).map(|(config, _)| config)
}

/// The same, with the warnings of a file that can be used.
pub fn load_with_warnings(path: &Path) -> Result<(Config, Problems), Problems> {
    let file_name = path.display().to_string();
    let text = read_named_file(path, &file_name)?;
    let mut read = read(&text, &file_name);
    files::check_files(&read.files, &mut read.problems);
    read.finish()
}

/// Reads the text of a configuration; the files that it names need not be there. Relative paths
/// start at the folder of `file_name`.
pub fn parse(text: &str, file_name: &str) -> Result<Config, Problems> {
    parse_with_warnings(text, file_name).map(|(config, _)| config)
}

/// The same, with the warnings of a text that can be used.
pub fn parse_with_warnings(text: &str, file_name: &str) -> Result<(Config, Problems), Problems> {
    read(text, file_name).finish()
}

/// Reads `[admin]` alone, for the commands that ask a running gateway: whoever may not read the
/// password files, or looks at a file that is being edited, can still ask. Files that the
/// configuration names are not looked at, and mistakes in other sections do not matter; one in the
/// name of a section does, since it may have been meant as this one.
pub fn load_admin(path: &Path) -> Result<crate::admin::Config, Problems> {
    let file_name = path.display().to_string();
    let text = read_named_file(path, &file_name)?;
    let (document, mut reader) = open(&text, &file_name);
    let root = reader.root(document.get_ref());
    let admin = admin::admin(&mut reader, &root);
    let mut problems = reader.problems;
    problems.sort();
    admin.filter(|_| !problems.has_errors()).ok_or(problems)
}

/// What `bindgate check` prints: warnings and `FILE: ok`, or all that is wrong.
pub fn check(path: &Path) -> Result<String, Problems> {
    check_with(path, |_| None)
}

/// The same, with what else `look` has to say about a configuration that can be used.
pub fn check_with(
    path: &Path,
    look: impl FnOnce(&Config) -> Option<String>,
) -> Result<String, Problems> {
    let (config, warnings) = load_with_warnings(path)?;
    let mut report = if warnings.is_empty() { String::new() } else { warnings.render() };
    report.extend(look(&config).map(|warning| format!("warning: {warning}\n")));
    report.push_str(&format!("{}: ok\n", path.display()));
    Ok(report)
}

/// The keys, by section and name, that reading a text asks for. All of them are asked for by a
/// text that has every section.
pub fn keys_asked_for(text: &str) -> BTreeSet<(&'static str, &'static str)> {
    read(text, "").asked
}

/// What reading a text gave.
struct Outcome {
    config: Option<Config>,
    problems: Problems,
    files: Vec<FileUse>,
    asked: BTreeSet<(&'static str, &'static str)>,
}

impl Outcome {
    fn finish(mut self) -> Result<(Config, Problems), Problems> {
        self.problems.sort();
        match self.config {
            Some(config) if !self.problems.has_errors() => Ok((config, self.problems)),
            _ => Err(self.problems),
        }
    }
}

/// The document, as far as it is TOML, and a reader that knows what is not.
fn open<'d>(text: &'d str, file_name: &'d str) -> (Spanned<DeTable<'d>>, Reader<'d>) {
    let mut problems = Problems::new(file_name, &mask::mask_secrets(text));
    let (document, errors) = DeTable::parse_recoverable(text);
    let syntax = if errors.is_empty() { Syntax::Sound } else { Syntax::Broken };
    for error in errors {
        let span = error.span().unwrap_or(text.len()..text.len());
        let message = format!("this is no TOML: {}", error.message());
        problems.push(Severity::Error, span, message, "");
    }
    (document, Reader::new(text, folder_of(file_name), syntax, problems))
}

fn folder_of(file_name: &str) -> &Path {
    Path::new(file_name).parent().unwrap_or(Path::new(""))
}

fn read(text: &str, file_name: &str) -> Outcome {
    let (document, mut reader) = open(text, file_name);
    let root = reader.root(document.get_ref());
    let listen = sections::listen(&mut reader, &root);
    let addresses = listen.as_ref().map(frontend::Config::addresses);
    let views = view::views(&mut reader, &root, addresses.as_deref());
    let listen = listen.zip(views).map(|(listen, views)| frontend::Config { views, ..listen });
    let store = sections::store(&mut reader, &root, folder_of(file_name));
    let admin = admin::admin(&mut reader, &root);
    let log = sections::log(&mut reader, &root);
    let traces = traces::traces(&mut reader, &root);
    let sign_on = sections::sign_on(&mut reader, &root);
    let reconcile = sections::reconcile(&mut reader, &root);
    let throttle = sections::throttle(&mut reader, &root);
    let directories = directory::directories(&mut reader, &root, Here::of(listen.as_ref()));
    let records = records::records(&mut reader, &root, directories.as_deref());
    let Reader { problems, files, asked, .. } = reader;
    let whole = || {
        Some(Config {
            listen: listen?,
            store: store?,
            admin: admin?,
            log: log?,
            traces: traces?,
            sign_on: sign_on?,
            reconcile: reconcile?,
            throttle: throttle?,
            records: records?,
            directories: directories?,
        })
    };
    Outcome { config: whole(), problems, files, asked }
}

/// The text of the file, or the one problem that it cannot be read.
fn read_named_file(path: &Path, file_name: &str) -> Result<String, Problems> {
    read_file(path).map_err(|message| {
        let mut problems = Problems::new(file_name, "");
        let help = "name the configuration with --config FILE or BINDGATE_CONFIG";
        problems.push(Severity::Error, 0..0, message, help);
        problems
    })
}

fn read_file(path: &Path) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(format!("{} is longer than {MAX_FILE} bytes", path.display()));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        format!("{} is not UTF-8 text at byte {at}", path.display())
    })
}
