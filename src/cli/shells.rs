//! `bindgate completions SHELL` and `bindgate man FOLDER`: made from the commands themselves.

use super::exit::{Exit, Failure};
use clap::Command;
use clap_complete::Shell;
use std::io;
use std::path::Path;

/// A script that completes the commands in a shell.
pub(super) fn completions(mut command: Command, shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "bindgate", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// Writes a page for each command into a folder; names what was written.
pub(super) fn manual(command: Command, folder: &Path) -> Result<String, Failure> {
    let failed = |error: io::Error| {
        let detail = format!("{} cannot be written: {error}", folder.display());
        Failure::new(Exit::Unavailable, "file", detail)
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(command, folder).map_err(failed)?;
    let mut pages = Vec::new();
    for file in std::fs::read_dir(folder).map_err(failed)? {
        let path = file.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("bindgate") && name.ends_with(".1") {
            pages.push(format!("{}\n", path.display()));
        }
    }
    pages.sort();
    Ok(pages.concat())
}
