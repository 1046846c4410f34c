//! `bindgate backup FILE` while the gateway runs, and `bindgate restore FILE` while it does not.

use super::client::Client;
use super::exit::{Exit, Failure};
use super::progress;
use super::provisional::{Place, Provisional, failed};
use super::transfer;
use crate::store::{self, BackupError, OpenError, Present};
use std::path::Path;

/// Takes a backup from the running gateway; the file is there as a whole or not at all.
pub(super) fn back_up(client: &Client, file: &Path, force: bool) -> Result<String, Failure> {
    if file.exists() && !force {
        let detail = format!("{} is there already; --force writes over it", file.display());
        return Err(Failure::new(Exit::Usage, "exists", detail));
    }
    let fault = |error: &std::io::Error| failed(file, error);
    let mut written = Provisional::new(file).map_err(|error| fault(&error))?;
    let asked = client.download("/api/v1/backup")?;
    let length = transfer::copy(asked, written.file())?.map_err(|error| fault(&error))?;
    written.settle(Place::of(force)).map_err(|error| fault(&error))?;
    Ok(format!("{}: {length} bytes\n", file.display()))
}

/// Sets a store back to a backup.
pub(super) fn restore(folder: &Path, file: &Path, force: bool) -> Result<String, Failure> {
    let present = if force { Present::Replaced } else { Present::Refused };
    let bar = progress::pages();
    let restored = store::restore(folder, file, present, &mut |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let records = restored.map_err(|error| not_restored(&error))?;
    Ok(format!("{}: {records} records\n", folder.display()))
}

fn not_restored(error: &BackupError) -> Failure {
    let detail = error.to_string();
    match error {
        BackupError::NotEmpty { .. } => {
            let hint = "; --force replaces them, and keeps the old database beside the new one";
            Failure::new(Exit::Usage, "exists", detail + hint)
        }
        BackupError::Open(OpenError::InUse { .. }) => {
            Failure::new(Exit::Unavailable, "in-use", detail + "; stop it first")
        }
        _ => Failure::new(Exit::Unavailable, "restore", detail),
    }
}
