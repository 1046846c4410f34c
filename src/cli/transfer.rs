//! `bindgate export` and `bindgate import`.

use super::client::Client;
use super::exit::{Exit, Failure, Format};
use super::progress;
use super::provisional::{Place, Provisional, failed};
use super::shown::{pretty, text};
use clap::ValueEnum;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

/// How many bytes are taken from the gateway at a time.
const CHUNK: usize = 128 * 1024;

/// How an export is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum As {
    /// One JSON object a line
    Jsonl,
    /// LDIF (RFC 2849)
    Ldif,
}

impl As {
    fn name(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Ldif => "ldif",
        }
    }
}

/// Writes an export to a file, which is there as a whole or not at all, or to standard output.
pub(super) fn export(
    client: &Client,
    file: Option<&Path>,
    format: As,
    force: bool,
) -> Result<String, Failure> {
    let Some(file) = file else {
        let mut out = io::stdout().lock();
        let asked = client.download(&format!("/api/v1/export?format={}", format.name()))?;
        return match copy(asked, &mut out)? {
            Ok(_) => Ok(String::new()),
            // A reader that has gone away is no failure.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(String::new()),
            Err(error) => Err(Failure::new(Exit::Unavailable, "file", error.to_string())),
        };
    };
    if file.exists() && !force {
        let detail = format!("{} is there already; --force writes over it", file.display());
        return Err(Failure::new(Exit::Usage, "exists", detail));
    }
    let fault = |error: io::Error| failed(file, &error);
    let mut written = Provisional::new(file).map_err(fault)?;
    let asked = client.download(&format!("/api/v1/export?format={}", format.name()))?;
    let length = copy(asked, written.file())?.map_err(fault)?;
    written.settle(Place::of(force)).map_err(fault)?;
    Ok(format!("{}: {length} bytes\n", file.display()))
}

/// Copies what the gateway sends, all of it; the outer failure is the gateway's, the inner one of `out`.
pub(super) fn copy(
    (mut body, length): (impl Read, Option<u64>),
    out: &mut impl Write,
) -> Result<io::Result<u64>, Failure> {
    let bar = progress::bytes(length);
    let (mut chunk, mut done) = (vec![0; CHUNK], 0);
    loop {
        let read = body.read(&mut chunk).map_err(|error| {
            let detail = format!("what the gateway sends was cut off: {error}");
            Failure::new(Exit::Unavailable, "unreachable", detail)
        })?;
        if read == 0 {
            bar.finish_and_clear();
            if length.is_some_and(|length| length != done) {
                let detail = format!("what the gateway sends was cut off behind {done} bytes");
                return Err(Failure::new(Exit::Unavailable, "unreachable", detail));
            }
            return Ok(out.flush().map(|()| done));
        }
        if let Err(error) = out.write_all(&chunk[..read]) {
            return Ok(Err(error));
        }
        done += read as u64;
        bar.set_position(done);
    }
}

/// Sends a file to the gateway, which judges all of it before it keeps any.
pub(super) fn import(
    client: &Client,
    file: &Path,
    dry_run: bool,
    format: Format,
) -> Result<String, Failure> {
    let unreadable = |error: io::Error| {
        let detail = format!("{} cannot be read: {error}", file.display());
        Failure::new(Exit::Usage, "usage", detail)
    };
    let opened = File::open(file).map_err(unreadable)?;
    let length = opened.metadata().map_err(unreadable)?.len();
    let bar = progress::bytes(Some(length));
    let dry = if dry_run { "true" } else { "false" };
    let answer = client.upload("/api/v1/import", &[("dry_run", dry)], bar.wrap_read(opened));
    bar.finish_and_clear();
    let answer = answer?;
    Ok(match format {
        Format::Json => pretty(&answer),
        Format::Text => format!(
            "{}{} users, {} groups, {} switches\n",
            if dry_run { "would be imported: " } else { "imported: " },
            text(&answer["users"]),
            text(&answer["groups"]),
            text(&answer["switches"])
        ),
    })
}
